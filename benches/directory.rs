//! How long the picker's first page takes, and reading everybody, beside OpenLDAP's `ldapsearch` that does the same: on
//! Samba, if there is one, and on the sandbox.
//!
//!     tests/lab/active-directory.sh start && eval "$(tests/lab/active-directory.sh env)"
//!     cargo bench --no-default-features --bench directory
//!
//! Both connect with TLS and sign in anew each time; the first page is also measured over a connection that is there,
//! as in the picker while somebody types. The best of several runs counts: the machine does other things, too.
//!
//! Samba works a search out as a whole before it gives its first page, and has no index for the beginnings of names: the
//! time of `ldapsearch` is the least that there can be.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use sent_items_update::directory::{Directory, DirectorySearch as _, Kinds, Options, Query, SignIn};
use sent_items_update::sandbox::directory::Person;
use sent_items_update::sandbox::{Organisation, Sandbox, SandboxOptions};
use sent_items_update::settings::DirectorySettings;

type Error = Box<dyn std::error::Error>;

struct Lab {
    name: &'static str,
    settings: DirectorySettings,
    upn: String,
    password: SecretString,
    ca_file: PathBuf,
    url: String,
}

const BULK: usize = 10_000;

#[tokio::main]
async fn main() -> Result<(), Error> {
    // `cargo test --all-targets` starts benches, too, without this word: then it is only seen that it works.
    let (runs, bulk) = if std::env::args().any(|word| word == "--bench") { (5, BULK) } else { (1, BULK / 50) };
    match samba()? {
        Some(lab) => measure(&lab, runs).await?,
        None => eprintln!("NOT RUN: the bench on Samba: SIU_AD_DOMAIN is not set (tests/lab/active-directory.sh)"),
    }
    let folder = tempfile::tempdir()?;
    let (sandbox, lab) = sandbox(folder.path(), bulk).await?;
    measure(&lab, runs).await?;
    sandbox.stop().await;
    Ok(())
}

fn samba() -> Result<Option<Lab>, Error> {
    let get = |name: &str| std::env::var(format!("SIU_AD_{name}"));
    let Ok(domain) = get("DOMAIN") else { return Ok(None) };
    let (controller, ca_file) = (get("CONTROLLER")?, PathBuf::from(get("CA")?));
    Ok(Some(Lab {
        name: "Samba",
        settings: DirectorySettings {
            domain: domain.clone(),
            controllers: vec![controller.clone()],
            extra_roots: vec![std::fs::read_to_string(&ca_file)?],
        },
        upn: format!("svc-siu@{domain}"),
        password: get("PASSWORD")?.into(),
        ca_file,
        url: format!("ldaps://{controller}"),
    }))
}

/// The sample organisation, with as many users beside it.
async fn sandbox(folder: &Path, bulk: usize) -> Result<(Sandbox, Lab), Error> {
    let organisation = Organisation::embedded().without_messages();
    let (domain, upn) = (organisation.domain.clone(), organisation.service_account.clone());
    let sandbox =
        Sandbox::start(SandboxOptions { organisation, ..SandboxOptions::new(folder.join("sandbox")) }).await?;
    // However few: some of every thousand, since a name of one of them is searched.
    for number in (0..BULK).step_by(BULK / bulk) {
        let upn = format!("bulk{number:05}@{domain}");
        let (given_name, surname) = ("Bulk".to_owned(), format!("User {number:05}"));
        let display_name = format!("{given_name} {surname}");
        let container = "OU=Bulk".to_owned();
        let person =
            Person { primary: upn.clone(), upn, display_name, given_name, surname, container, ..Person::default() };
        sandbox.control().directory().add_person(person)?;
    }
    let ca_file = folder.join("ca.pem");
    std::fs::write(&ca_file, sandbox.ca_pem())?;
    let url = sandbox.ldaps_url();
    let (controllers, extra_roots) = (vec![url.clone()], vec![sandbox.ca_pem().to_owned()]);
    let settings = DirectorySettings { domain, controllers, extra_roots };
    let password = sandbox.control().password(&upn);
    Ok((sandbox, Lab { name: "Sandbox", settings, upn, password, ca_file, url }))
}

async fn measure(lab: &Lab, runs: usize) -> Result<(), Error> {
    println!("{}: {} users, LDAPS, the best of {runs}", lab.name, everything(&lab.directory()?).await?);
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
        let theirs = best(runs, async || lab.ldapsearch("pr=50", filter)).await?;
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
    let theirs = best(runs, async || lab.ldapsearch("pr=1000/noprompt", filter)).await?;
    println!("{:<24} {}, ldapsearch {}: {}", "everybody, 1,000 a page", ms(ours), ms(theirs), ratio(ours, theirs));
    Ok(())
}

impl Lab {
    fn directory(&self) -> Result<Directory, Error> {
        let sign_in = SignIn::Password { upn: self.upn.clone(), password: self.password.clone() };
        Ok(Directory::with_options(&self.settings, sign_in, &Options::default())?)
    }

    /// Asks for the attributes that the picker asks for, page by page; without `noprompt`, for the first page.
    fn ldapsearch(&self, paging: &str, filter: &str) -> Result<usize, Error> {
        let base = format!("DC={}", self.settings.domain.replace('.', ",DC="));
        // It is to write each line at once; what it waits for after a page is never said.
        let mut child = Command::new("stdbuf")
            .args(["-oL", "ldapsearch", "-x", "-LLL", "-H", &self.url, "-D", &self.upn])
            .args(["-w", self.password.expose_secret(), "-b", &base, "-E", paging, filter])
            .args(["objectGUID", "objectClass", "displayName", "cn", "userPrincipalName", "mail", "sAMAccountName"])
            .args(["userAccountControl", "description", "groupType"])
            .env("LDAPTLS_CACERT", &self.ca_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut found = 0;
        for line in output.split(b'\n') {
            let line = line?;
            if line.starts_with(b"Press [size] Enter") {
                break;
            }
            found += usize::from(line.starts_with(b"dn:"));
        }
        // Ended already, or waiting.
        let _ = child.kill();
        child.wait()?;
        Ok(found)
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
