//! How long the picker's first page takes, and reading everybody, beside OpenLDAP's `ldapsearch` that does the same.
//!
//!     tests/lab/active-directory.sh start && eval "$(tests/lab/active-directory.sh env)"
//!     cargo bench --no-default-features --bench directory
//!
//! Both connect with TLS and sign in anew each time; the first page is also measured over a connection that is there,
//! as in the picker while somebody types. The best of several runs counts: the machine does other things, too.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use sent_items_update::directory::{Directory, DirectorySearch as _, Kinds, Options, Query, SignIn};
use sent_items_update::settings::DirectorySettings;

type Error = Box<dyn std::error::Error>;

struct Lab {
    settings: DirectorySettings,
    upn: String,
    password: SecretString,
    ca_file: String,
    controller: String,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let get = |name: &str| std::env::var(format!("SIU_AD_{name}"));
    let Ok(domain) = get("DOMAIN") else {
        eprintln!("NOT RUN: the bench of the directory: SIU_AD_DOMAIN is not set (tests/lab/active-directory.sh)");
        return Ok(());
    };
    let (controller, ca_file) = (get("CONTROLLER")?, get("CA")?);
    let lab = Lab {
        settings: DirectorySettings {
            domain: domain.clone(),
            controllers: vec![controller.clone()],
            extra_roots: vec![std::fs::read_to_string(&ca_file)?],
        },
        upn: format!("svc-siu@{domain}"),
        password: get("PASSWORD")?.into(),
        ca_file,
        controller,
    };
    // `cargo test --all-targets` starts benches, too, without this word: then it is only seen that it works.
    let runs = if std::env::args().any(|word| word == "--bench") { 5 } else { 1 };
    println!("Active Directory with {} bulk users, LDAPS, the best of {runs}", get("BULK")?);

    for (what, text, filter) in [
        ("first page, any user", "", "(&(objectCategory=person)(objectClass=user))"),
        (
            "first page, by name",
            "Bulk User 04",
            "(&(objectCategory=person)(objectClass=user)(|(anr=Bulk User 04)(mail=Bulk User 04*)\
             (userPrincipalName=Bulk User 04*)))",
        ),
    ] {
        let page = |text: &str| Query { text: text.to_owned(), page_size: 50, ..everybody() };
        let ours = best(runs, async || first_page(&lab.directory()?, page(text)).await).await?;
        let connected = lab.directory()?;
        first_page(&connected, page(text)).await?;
        let warm = best(runs, async || first_page(&connected, page(text)).await).await?;
        let theirs = best(runs, async || lab.ldapsearch(&["-z", "50", "-E", "pr=50/noprompt"], filter)).await?;
        println!(
            "{what:<24} {} (connected: {}), ldapsearch {}: {}",
            ms(ours),
            ms(warm),
            ms(theirs),
            ratio(ours, theirs)
        );
    }
    let ours = best(runs, async || everything(&lab.directory()?).await).await?;
    let filter = "(&(objectCategory=person)(objectClass=user))";
    let theirs = best(runs, async || lab.ldapsearch(&["-E", "pr=1000/noprompt"], filter)).await?;
    println!("{:<24} {}, ldapsearch {}: {}", "everybody, 1,000 a page", ms(ours), ms(theirs), ratio(ours, theirs));
    Ok(())
}

impl Lab {
    fn directory(&self) -> Result<Directory, Error> {
        let sign_in = SignIn::Password { upn: self.upn.clone(), password: self.password.clone() };
        Ok(Directory::with_options(&self.settings, sign_in, &Options::default())?)
    }

    /// Asks for the attributes that the picker asks for.
    fn ldapsearch(&self, options: &[&str], filter: &str) -> Result<usize, Error> {
        let base = format!("DC={}", self.settings.domain.replace('.', ",DC="));
        let output = Command::new("ldapsearch")
            .args(["-x", "-LLL", "-H", &format!("ldaps://{}", self.controller), "-D", &self.upn])
            .args(["-w", self.password.expose_secret(), "-b", &base])
            .args(options)
            .arg(filter)
            .args(["objectGUID", "objectClass", "displayName", "cn", "userPrincipalName", "mail", "sAMAccountName"])
            .args(["userAccountControl", "description", "groupType"])
            .env("LDAPTLS_CACERT", &self.ca_file)
            .stdin(Stdio::null())
            .output()?;
        // Status 4: the size limit of the first page.
        if !matches!(output.status.code(), Some(0 | 4)) {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        Ok(output.stdout.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"dn:")).count())
    }
}

fn everybody() -> Query {
    Query { text: String::new(), kinds: Kinds { users: true, groups: false }, domain: None, page_size: 1000 }
}

async fn first_page(directory: &Directory, query: Query) -> Result<usize, Error> {
    let page = directory.search(query).next().await.ok_or("no page")?;
    Ok(page.map_err(|error| error.what)?.len())
}

async fn everything(directory: &Directory) -> Result<usize, Error> {
    let mut pages = directory.search(everybody());
    let mut count = 0;
    while let Some(page) = pages.next().await {
        count += page.map_err(|error| error.what)?.len();
    }
    Ok(count)
}

/// The shortest time of so many runs, each of which must find something.
async fn best(runs: usize, run: impl AsyncFn() -> Result<usize, Error>) -> Result<Duration, Error> {
    let mut best = Duration::MAX;
    for _ in 0..runs {
        let begun = Instant::now();
        if run().await? == 0 {
            return Err("nothing was found".into());
        }
        best = best.min(begun.elapsed());
    }
    Ok(best)
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn ratio(ours: Duration, theirs: Duration) -> String {
    format!("{:.2} of its time", ours.as_secs_f64() / theirs.as_secs_f64())
}
