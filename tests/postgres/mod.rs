//! A PostgreSQL server of the test's own: made in a temporary folder, reached on this machine only, and gone with the
//! test, however that ends. As it is in earnest, it writes to disk before it says so.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the server may take to start or stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the server until told to stop it by a signal, or until whoever started it is gone; then its folder goes, too.
const KEEPER: &str = r#"
folder=$1; shift
"$@" >>"$folder/log" 2>&1 </dev/null &
server=$!
if read -r signal; then kill -"$signal" $server; wait $server; else kill -INT $server; wait $server; rm -rf "$folder"; fi
"#;

/// A server, running or stopped.
pub struct Server {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    keeper: Option<(Child, ChildStdin)>,
}

impl Server {
    /// Makes and starts one; none, with the reason on standard error, where there is no PostgreSQL.
    pub fn start(what: &str) -> Option<Self> {
        Self::start_with(what, "")
    }

    /// The same, with settings of its own.
    pub fn start_with(what: &str, settings: &str) -> Option<Self> {
        match Self::try_start(settings) {
            Ok(server) => Some(server),
            Err(why) => {
                eprintln!("NOT RUN: {what}: {why}");
                None
            }
        }
    }

    fn nowhere() -> Result<Self, String> {
        let programs = programs().ok_or("PostgreSQL is not installed")?;
        let folder = tempfile::Builder::new().prefix("siu-pg-").tempdir().map_err(|error| error.to_string())?.keep();
        give_away(&folder);
        Ok(Self { folder, programs, port: free_port(), keeper: None })
    }

    fn try_start(more: &str) -> Result<Self, String> {
        let mut server = Self::nowhere()?;
        let made = server
            .command("initdb")
            .args(["--no-sync", "--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C"])
            .args(["--username=siu", "--pgdata"])
            .arg(server.data())
            .output()
            .map_err(|error| format!("initdb does not start: {error}"))?;
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let file = server.data().join("postgresql.auto.conf");
        let settings = "fsync = on\nshared_buffers = 64MB\nmax_connections = 90\nlog_line_prefix = '%m [%p] '\n";
        std::fs::write(file, format!("{settings}{more}")).unwrap();
        server.run();
        Ok(server)
    }

    /// Another server that follows this one and takes no changes.
    pub fn standby(&self) -> Self {
        let mut standby = Self::nowhere().expect("it is installed");
        let made = standby
            .command("pg_basebackup")
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--username=siu", "--host"])
            .arg(&self.folder)
            .args(["--port", &self.port.to_string(), "--pgdata"])
            .arg(standby.data())
            .output()
            .expect("pg_basebackup starts");
        assert!(made.status.success(), "pg_basebackup: {}", String::from_utf8_lossy(&made.stderr));
        standby.run();
        standby
    }

    /// Starts it again where it was stopped, with other settings perhaps.
    pub fn run(&mut self) {
        assert!(self.keeper.is_none(), "it runs already");
        let mut keeper = self.command("sh");
        keeper.arg("-c").arg(KEEPER).arg("keeper").arg(&self.folder).arg(self.programs.join("postgres"));
        keeper.arg("-D").arg(self.data()).arg("-k").arg(&self.folder).args(["-p", &self.port.to_string()]);
        let mut keeper =
            keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sh starts");
        let stdin = keeper.stdin.take().expect("it is piped");
        let give_up = Instant::now() + PATIENCE;
        while !self.answers() {
            let ended = keeper.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < give_up, "PostgreSQL does not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        self.keeper = Some((keeper, stdin));
    }

    fn answers(&self) -> bool {
        let mut asked = Command::new(self.programs.join("pg_isready"));
        asked.args(["-q", "-h"]).arg(&self.folder).args(["-p", &self.port.to_string()]);
        asked.status().is_ok_and(|status| status.success())
    }

    /// Stops it: `INT` cuts its sessions, `QUIT` is a crash.
    pub fn stop(&mut self, signal: &str) {
        let (mut keeper, mut stdin) = self.keeper.take().expect("it runs");
        writeln!(stdin, "{signal}").unwrap();
        keeper.wait().unwrap();
        // A crash leaves them behind, and says itself that they are of no use.
        let give_up = Instant::now() + PATIENCE;
        while self.answers() {
            assert!(Instant::now() < give_up, "PostgreSQL does not stop:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Address of its database by the socket, with more words behind the question mark.
    pub fn address(&self, more: &str) -> String {
        format!("postgres://siu@{}/postgres?{more}", self.place())
    }

    /// Its socket, as it stands in an address.
    pub fn place(&self) -> String {
        format!("{}:{}", self.folder.to_str().unwrap().replace('/', "%2F"), self.port)
    }

    /// The same by TCP, for a user and as a host.
    pub fn tcp_address(&self, user: &str, host: &str, more: &str) -> String {
        format!("postgres://{user}@{host}:{}/postgres?{more}", self.port)
    }

    /// Runs SQL as the superuser, and gives what it printed.
    pub fn sql(&self, sql: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "siu", "-d", "postgres", "-h"]).arg(&self.folder);
        let output = psql.args(["-p", &self.port.to_string(), "-c", sql]).output().expect("psql starts");
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Puts a file there that the server can read, and nobody else.
    pub fn put(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.data().join(name);
        File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        give_away(&path);
        path
    }

    /// A program of the server's, run as one who may run it: the server refuses root.
    fn command(&self, program: &str) -> Command {
        let path = if program == "sh" { PathBuf::from("sh") } else { self.programs.join(program) };
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(&self.folder);
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match self.keeper.take() {
            Some((mut keeper, stdin)) => {
                drop(stdin);
                let _ = keeper.wait();
            }
            None => {
                let _ = std::fs::remove_dir_all(&self.folder);
            }
        }
    }
}

/// The user that root's server runs as.
const NOBODY: u32 = 65534;

fn give_away(path: &Path) {
    if is_root() {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Where the newest server is; Debian has each version in a folder of its own.
fn programs() -> Option<PathBuf> {
    let version = |folder: &PathBuf| folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .ok()
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    versions.sort_by_key(version);
    let debian = versions.into_iter().rev().map(|folder| folder.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere: Vec<PathBuf> = std::env::split_paths(&path).collect();
    debian.chain(elsewhere).find(|folder| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).exists()))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
