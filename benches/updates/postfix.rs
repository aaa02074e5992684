//! A Postfix of its own beside the system's, which is neither used nor touched: on loopback, in a folder of its own, with
//! every recipient discarded.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::programs::Error;

pub struct Postfix {
    folder: tempfile::TempDir,
    child: Child,
    pub address: SocketAddr,
}

impl Postfix {
    pub async fn start() -> Result<Self, Error> {
        let daemons = Command::new("postconf").args(["-dh", "daemon_directory"]).output().await?;
        let daemons = String::from_utf8(daemons.stdout)?.trim().to_owned();
        // Free a moment ago; Postfix does not take port 0.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let folder = tempfile::tempdir()?;
        let at = folder.path();
        // Postfix's own user must get to its queue.
        let owned = Command::new("chmod").arg("755").arg(at).status().await?;
        for part in ["etc", "queue", "data"] {
            std::fs::create_dir(at.join(part))?;
        }
        let given = Command::new("chown").arg("postfix").arg(at.join("data")).stderr(Stdio::null()).status().await?;
        if !owned.success() || !given.success() {
            return Err("its folder can't be given to the user postfix; that takes root".into());
        }
        std::fs::write(at.join("etc/main.cf"), main_cf(at, &daemons))?;
        std::fs::write(at.join("etc/master.cf"), master_cf(address))?;
        let mut command = Command::new("postfix");
        command.arg("-c").arg(at.join("etc")).arg("start-fg");
        // A session of its own: Postfix signals its whole process group when it ends.
        #[cfg(unix)]
        command.process_group(0);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let postfix = Self { folder, child, address };
        let give_up = Instant::now() + Duration::from_secs(30);
        while tokio::net::TcpStream::connect(address).await.is_err() {
            if Instant::now() > give_up {
                let log = std::fs::read_to_string(postfix.folder.path().join("mail.log")).unwrap_or_default();
                postfix.stop().await?;
                return Err(format!("it does not answer: {log}").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(postfix)
    }

    /// The master ends its children; the process that was started only waits for it.
    pub async fn stop(mut self) -> Result<(), Error> {
        if let Ok(master) = std::fs::read_to_string(self.folder.path().join("queue/pid/master.pid")) {
            Command::new("kill").args(["-TERM", master.trim()]).status().await?;
        }
        self.child.wait().await?;
        Ok(())
    }
}

fn main_cf(folder: &Path, daemons: &str) -> String {
    let folder = folder.display();
    format!(
        "compatibility_level = 3.6\nqueue_directory = {folder}/queue\ndata_directory = {folder}/data\n\
         daemon_directory = {daemons}\nmail_owner = postfix\nsetgid_group = postdrop\nmaillog_file_prefixes = {folder}\n\
         maillog_file = {folder}/mail.log\nsyslog_name = siu-bench\nmyhostname = bench.nordwind.example\nmydestination =\n\
         alias_maps =\nlocal_recipient_maps =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
         smtpd_recipient_restrictions = permit_mynetworks, reject\ndefault_transport = discard:\nrelay_transport = discard:\n\
         disable_dns_lookups = yes\nsmtpd_client_connection_rate_limit = 0\n"
    )
}

fn master_cf(address: SocketAddr) -> String {
    format!(
        "{address} inet n - n - - smtpd\npostlog unix-dgram n - n - 1 postlogd\ncleanup unix n - n - 0 cleanup\n\
         qmgr unix n - n 1 1 qmgr\nrewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\n\
         defer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\ndiscard unix - - n - - discard\nerror unix - - n - - error\n\
         retry unix - - n - - error\nanvil unix - - n - 1 anvil\nproxymap unix - - n - - proxymap\n"
    )
}
