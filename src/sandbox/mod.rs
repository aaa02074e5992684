//! An embedded organisation that behaves as Exchange does, for trying, rehearsing and testing.
//! It imports nothing from [`crate::ews`]: it reads the wire by itself.
//!
//! | inside | what it is for |
//! |---|---|
//! | [`store`] | mailboxes in one database file |
//! | [`directory`] | people, groups, rights |
//! | [`ews`] | Exchange Web Services: an envelope in, an envelope out |
//! | [`ldap`] | the directory as Active Directory shows it |
//! | `management` | cmdlets that give and take rights, over REST |
//! | `powershell` | the same over remote PowerShell |
//!
//! | around it | what it is for |
//! |---|---|
//! | [`organisation`] | the sample people and their mail |
//! | `server`, `site`, `tls`, `authentication`, `iis` | listeners, paths, certificate, sign-in, and what IIS adds |
//! | `autodiscover` | POX and SOAP |
//! | [`tokens`], [`entra`] | what Microsoft Entra does: tokens, and whose an account is |
//! | [`limits`] | throttling as Exchange does it |
//! | [`faults`] | what goes wrong on demand |
//! | [`statistics`], `recorder` | what was asked of it |
//! | [`control`] | all of this in the hands of a test or a rehearsal, in process or over HTTP |
//! | [`run`] | the command `siu-updater sandbox` |
//!
//! Everything that a client or the control interface changed is kept in the sandbox's folder, so that it can be
//! stopped and started again.

mod authentication;
mod autodiscover;
pub mod control;
pub mod directory;
pub mod entra;
pub mod ews;
pub mod faults;
mod iis;
mod intervention;
mod keep;
mod kept;
pub mod ldap;
pub mod limits;
mod management;
mod ntlm;
pub mod organisation;
mod powershell;
mod recorder;
pub mod run;
pub mod seat;
mod server;
mod site;
pub mod statistics;
pub mod store;
mod tls;
pub mod tokens;

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use control::Control;
pub use organisation::{Organisation, OrganisationError};

use authentication::SignIn;
use autodiscover::Autodiscover;
use control::listener::ControlListener;
use directory::Directory;
use entra::Entra;
use ews::{ExchangeService, ServiceLimits};
use faults::Faults;
use kept::Kept;
use ldap::{LdapLimits, LdapListening, LdapServer, World};
use limits::{Limits, Throttle};
use management::{Assignments, Management};
use powershell::PowerShell;
use recorder::Recorder;
use seat::Scheme;
use server::{Encryption, Listening, Scissors};
use site::Site;
use statistics::Statistics;
use store::{Store, StoreError};
use tls::{Authority, TlsError};
use tokens::Tokens;

/// What a sandbox is started with.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Mailboxes, certificate authority and changed passwords are kept here.
    pub folder: PathBuf,
    pub https: SocketAddr,
    pub http: SocketAddr,
    /// Must be a loopback address: whoever reaches it may do anything.
    pub control: SocketAddr,
    /// The directory, encrypted from the first byte.
    pub ldaps: SocketAddr,
    /// The directory, encrypted by StartTLS.
    pub ldap: SocketAddr,
    pub organisation: Organisation,
    /// Where the directory says that Autodiscover is.
    pub connection_point: PointHost,
    /// Host in the addresses of EWS that Autodiscover gives, as an administrator sets it with
    /// `Set-WebServicesVirtualDirectory`; none: the one under which it was asked.
    pub ews_host: Option<String>,
    /// Folder for the requests and answers of EWS.
    pub record: Option<PathBuf>,
    /// Password of the service account; none: the one kept in the folder, or a new one.
    pub password: Option<SecretString>,
    pub limits: Limits,
    /// Largest request body in bytes; Exchange's `maxAllowedContentLength` for EWS is 64 MiB.
    pub max_request: usize,
    /// Conditions, and combinations of them, that a search may have.
    pub max_restriction: usize,
    /// Whether answers are compressed for clients that accept it, as IIS does.
    pub compress: bool,
    pub ldap_limits: LdapLimits,
    /// Ways to sign in to EWS, in the order in which they are offered. Exchange offers Negotiate and NTLM as well.
    pub offers: Vec<Scheme>,
}

impl SandboxOptions {
    /// Loopback, any free port, the embedded organisation.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let loopback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Self {
            folder: folder.into(),
            https: loopback,
            http: loopback,
            control: loopback,
            ldaps: loopback,
            ldap: loopback,
            organisation: Organisation::embedded(),
            connection_point: PointHost::Address,
            ews_host: None,
            record: None,
            password: None,
            limits: Limits::default(),
            max_request: 64 * 1024 * 1024,
            max_restriction: ews::MAX_RESTRICTION,
            compress: true,
            ldap_limits: LdapLimits::default(),
            offers: vec![Scheme::Basic],
        }
    }
}

/// The host that the service connection point of the server names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointHost {
    /// The address that the sandbox listens on.
    Address,
    /// A name of the organisation's, such as `mail.` and its domain.
    Name(String),
    /// There is no such point.
    Nothing,
}

/// The sandbox can't be started.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox's folder {} can't be used: {source}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("another sandbox runs in {}; stop it, or choose another folder", .0.display())]
    InUse(PathBuf),
    #[error("the sandbox can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the control interface lets everybody do anything and listens on loopback only, not on {0}")]
    ControlNotLoopback(SocketAddr),
    #[error("the folder {} for recorded requests can't be used: {source}", path.display())]
    Record { path: PathBuf, source: std::io::Error },
    #[error("what the sandbox kept in {} can't be read: {source}", path.display())]
    Kept { path: PathBuf, source: serde_json::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Organisation(#[from] OrganisationError),
}

/// A running organisation.
pub struct Sandbox {
    control: Control,
    authority: Authority,
    https: Listening,
    http: Listening,
    ldaps: LdapListening,
    ldap: LdapListening,
    control_listener: ControlListener,
    site: Arc<Site>,
    store: Store,
    /// Held as long as the sandbox runs.
    _lock: File,
}

impl Sandbox {
    /// Starts the organisation. Its mailboxes are there but empty at first; [`Control::seed`] fills them.
    pub async fn start(options: SandboxOptions) -> Result<Self, SandboxError> {
        if !options.control.ip().is_loopback() {
            return Err(SandboxError::ControlNotLoopback(options.control));
        }
        let lock = lock(&options.folder)?;
        let authority = Authority::open(&options.folder)?;
        let directory = Arc::new(Directory::new());
        let organisation = Arc::new(options.organisation);
        organisation.populate(&directory)?;
        let sign_in =
            SignIn::new(directory.clone(), &organisation.domain, organisation.people_password.as_str().into());
        let sign_in = Arc::new(sign_in);
        if !organisation.administrator.is_empty() {
            sign_in.set_password(&organisation.administrator, organisation.admin_password.as_str().into());
        }
        let assignments = Arc::new(Assignments::default());
        let entra = Arc::new(Entra::default());
        let kept = Kept::open(&options.folder, directory.clone(), sign_in.clone(), assignments.clone(), entra.clone())?;
        let kept = Arc::new(kept);
        if let Some(password) = options.password {
            sign_in.set_password(&organisation.service_account, password);
        } else if !kept.has_password(&organisation.service_account) {
            sign_in.set_password(&organisation.service_account, new_password());
        }
        kept.note_password(&organisation.service_account);
        kept.save().map_err(|source| SandboxError::Folder { path: options.folder.clone(), source })?;

        let store = Store::open(&options.folder.join("mailboxes.sqlite")).await?;
        organisation.add_mailboxes(&store).await?;
        let recorder = match &options.record {
            Some(path) => {
                Some(Recorder::open(path).map_err(|source| SandboxError::Record { path: path.clone(), source })?)
            }
            None => None,
        };
        let service_limits = ServiceLimits {
            max_request: options.max_request,
            max_restriction: options.max_restriction,
            ..ServiceLimits::default()
        };
        let https = bind(options.https).await?;
        let http = bind(options.http).await?;
        let (ldaps, ldap) = (bind(options.ldaps).await?, bind(options.ldap).await?);
        let addresses =
            Addresses { https: local(&https)?, http: local(&http)?, ldaps: local(&ldaps)?, ldap: local(&ldap)? };
        let names = names(&organisation);
        let (acceptor, end_point) = authority.acceptor(&names, Some(b"http/1.1"))?;
        let encryption = Encryption { acceptor, end_point: Some(end_point) };
        let (ldap_acceptor, _) = authority.acceptor(&names, None)?;
        let domains: Vec<_> =
            std::iter::once(&organisation.domain).chain(&organisation.further_domains).cloned().collect();
        let management = Management::new(directory.clone(), assignments, kept.clone(), domains.iter().cloned());
        let site = Arc::new(Site {
            service: ExchangeService::new(store.clone(), directory.clone(), service_limits),
            directory: directory.clone(),
            sign_in,
            offers: options.offers,
            tokens: Tokens::default(),
            entra,
            service_account: organisation.service_account.clone(),
            domains,
            autodiscover: Autodiscover::new(directory, &organisation.domain, &organisation.further_domains),
            management,
            powershell: PowerShell::default(),
            faults: Faults::default(),
            throttle: Throttle::new(options.limits),
            statistics: Statistics::default(),
            recorder,
            max_request: options.max_request,
            compress: options.compress,
            names,
            https_port: addresses.https.port(),
            ews_host: options.ews_host,
            running: TaskTracker::new(),
            stopping: CancellationToken::new(),
        });
        let scissors = Arc::new(Scissors::default());
        let https = Listening::start(https, Some(encryption), site.clone(), scissors.clone());
        let http = Listening::start(http, None, site.clone(), scissors.clone());
        let control =
            Control::new(site.clone(), store.clone(), organisation, kept.clone(), scissors.clone(), addresses);
        let world = world(&control, &options.connection_point);
        let directory = LdapServer::new(world, site.clone(), kept, options.ldap_limits, ldap_acceptor);
        let directory = Arc::new(directory);
        let ldaps = LdapListening::start(ldaps, true, directory.clone(), scissors.clone());
        let ldap = LdapListening::start(ldap, false, directory, scissors);
        let control_listener = ControlListener::start(options.control, control.clone(), authority.pem())
            .await
            .map_err(|source| SandboxError::Listen { address: options.control, source })?;
        Ok(Self { control, authority, https, http, ldaps, ldap, control_listener, site, store, _lock: lock })
    }

    /// URL of EWS over HTTPS.
    #[must_use]
    pub fn ews_url(&self) -> String {
        self.control.ews_url()
    }

    /// URL of EWS over plain HTTP.
    #[must_use]
    pub fn http_ews_url(&self) -> String {
        self.control.http_ews_url()
    }

    /// URL of POX Autodiscover over HTTPS.
    #[must_use]
    pub fn autodiscover_url(&self) -> String {
        self.control.autodiscover_url()
    }

    /// URL of the directory, encrypted from the first byte.
    #[must_use]
    pub fn ldaps_url(&self) -> String {
        self.control.ldaps_url()
    }

    /// URL of the directory; StartTLS encrypts it.
    #[must_use]
    pub fn ldap_url(&self) -> String {
        self.control.ldap_url()
    }

    /// Certificate of the authority that issued the HTTPS listener's.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    /// URL of the control interface.
    #[must_use]
    pub fn control_url(&self) -> String {
        self.control_listener.url()
    }

    /// The same as the control interface, in process.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Lets requests under way end within a bound, and closes everything.
    pub async fn stop(self) {
        self.site.stopping.cancel();
        tokio::join!(
            self.https.stop(),
            self.http.stop(),
            self.ldaps.stop(),
            self.ldap.stop(),
            self.control_listener.stop()
        );
        self.site.running.close();
        let _ = tokio::time::timeout(server::STOP_WITHIN, self.site.running.wait()).await;
        self.store.close().await;
    }
}

/// Where the listeners are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    https: SocketAddr,
    http: SocketAddr,
    ldaps: SocketAddr,
    ldap: SocketAddr,
}

/// The organisation as its directory shows it.
fn world(control: &Control, point: &PointHost) -> World {
    let organisation = control.organisation();
    let port = control.https_port();
    let autodiscover_url = match point {
        PointHost::Address => Some(control.autodiscover_url()),
        PointHost::Name(name) => Some(format!("https://{name}:{port}/autodiscover/autodiscover.xml")),
        PointHost::Nothing => None,
    };
    World {
        domain: organisation.domain.clone(),
        netbios: authentication::short_name(&organisation.domain),
        organisation: organisation.name.clone(),
        trusts: organisation.trusts.clone(),
        connection_points: organisation.connection_points.clone(),
        subnets: organisation.subnets.clone(),
        autodiscover_url,
    }
}

fn lock(folder: &std::path::Path) -> Result<File, SandboxError> {
    let failed = |source| SandboxError::Folder { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = File::options().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(SandboxError::InUse(folder.to_owned())),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

async fn bind(address: SocketAddr) -> Result<tokio::net::TcpListener, SandboxError> {
    tokio::net::TcpListener::bind(address).await.map_err(|source| SandboxError::Listen { address, source })
}

fn local(listener: &tokio::net::TcpListener) -> Result<SocketAddr, SandboxError> {
    let unknown = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    listener.local_addr().map_err(|source| SandboxError::Listen { address: unknown, source })
}

/// Names and addresses under which clients reach the sandbox.
fn names(organisation: &Organisation) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    for domain in std::iter::once(&organisation.domain).chain(&organisation.further_domains) {
        names.extend([domain.clone(), format!("mail.{domain}"), format!("autodiscover.{domain}")]);
    }
    names.push(format!("{}.{}", ldap::CONTROLLER.to_lowercase(), organisation.domain));
    names
}

/// 24 letters and digits.
fn new_password() -> SecretString {
    use rand::Rng as _;
    rand::rng().sample_iter(rand::distr::Alphanumeric).take(24).map(char::from).collect::<String>().into()
}
