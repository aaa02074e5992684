//! The command `siu-updater sandbox`: an organisation to try things on, until Ctrl-C.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::control::ControlError;
use super::seat::Scheme;
use super::tls::CA_FILE;
use super::{Control, Organisation, Sandbox, SandboxError, SandboxOptions};

/// What the command is started with.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Where mailboxes and the rest are kept from one start to the next.
    pub folder: PathBuf,
    pub https: SocketAddr,
    pub http: SocketAddr,
    pub control: SocketAddr,
    /// The directory, encrypted from the first byte.
    pub ldaps: SocketAddr,
    /// The directory, encrypted by StartTLS.
    pub ldap: SocketAddr,
    /// Folder with an organisation of one's own; none: the embedded one.
    pub organisation: Option<PathBuf>,
    /// Folder for the requests and answers of EWS.
    pub record: Option<PathBuf>,
    /// Password of the service account; none: the organisation's fixed one.
    pub password: Option<SecretString>,
    /// Leave the mailboxes as they are, without sample mail.
    pub empty: bool,
    /// Ways to sign in to EWS.
    pub offers: Vec<Scheme>,
}

impl RunOptions {
    /// Loopback, with ports that stay the same, so that a configured updater finds the sandbox again.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let port = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            folder: folder.into(),
            https: port(48443),
            http: port(48080),
            control: port(48081),
            ldaps: port(48636),
            ldap: port(48389),
            organisation: None,
            record: None,
            password: None,
            empty: false,
            offers: vec![Scheme::Basic],
        }
    }
}

/// The command can't go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("waiting for Ctrl-C failed: {0}")]
    Signal(#[source] std::io::Error),
}

/// Starts the organisation, says on the standard output how to reach it, and stops it at Ctrl-C (or SIGTERM).
pub async fn run(options: RunOptions) -> Result<(), RunError> {
    let organisation = match &options.organisation {
        Some(folder) => Organisation::load(folder).map_err(SandboxError::from)?,
        None => Organisation::embedded(),
    };
    let password = options.password.unwrap_or_else(|| organisation.service_password.as_str().into());
    let sandbox = Sandbox::start(SandboxOptions {
        https: options.https,
        http: options.http,
        control: options.control,
        ldaps: options.ldaps,
        ldap: options.ldap,
        organisation,
        record: options.record,
        password: Some(password),
        offers: options.offers,
        ..SandboxOptions::new(&options.folder)
    })
    .await?;
    let stored = if options.empty { 0 } else { sandbox.control().seed().await? };
    println!("{}", greeting(&sandbox, &options.folder.join(CA_FILE).display().to_string(), stored));
    let ended = interrupted().await;
    println!("Stopping; the mailboxes stay in {}.", options.folder.display());
    sandbox.stop().await;
    ended.map_err(RunError::Signal)
}

fn greeting(sandbox: &Sandbox, ca: &str, stored: usize) -> String {
    let control: &Control = sandbox.control();
    let organisation = control.organisation();
    let account = control.service_account();
    let password = control.password(account);
    let password = password.expose_secret();
    let people = organisation.people.iter().filter(|person| person.mailbox).count();
    let someone = organisation.people.iter().find(|person| person.mailbox).map_or("", |person| &person.primary);
    format!(
        "{name} is open: {people} mailboxes, {stored} messages stored now.\n\
         \n  EWS              {ews}\
         \n  EWS, unencrypted {http}\
         \n  Autodiscover     {autodiscover}\
         \n  Directory        {ldaps}\
         \n  with StartTLS    {ldap}\
         \n  Management       {management}\
         \n  PowerShell       {powershell}\
         \n  Microsoft Entra  {authority}\
         \n  Control          {url}\
         \n  Service account  {account}\
         \n  Its password     {password}\
         \n  Administrator    {administrator}\
         \n  The password     {admin_password}\
         \n  Everybody else's {everyone}\
         \n  CA certificate   {ca}\n\
         \nTo see that it answers:\n\
         \n  curl --cacert '{ca}' --user '{account}:{password}' --header 'Content-Type: text/xml' \\\
         \n    --data '<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><s:Header>\
         <t:RequestServerVersion Version=\"Exchange2013\"/><t:ExchangeImpersonation><t:ConnectingSID>\
         <t:PrimarySmtpAddress>{someone}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header>\
         <s:Body><m:GetFolder><m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape><m:FolderIds>\
         <t:DistinguishedFolderId Id=\"sentitems\"/></m:FolderIds></m:GetFolder></s:Body></s:Envelope>' \\\
         \n    {ews}\n\
         \nWhat is in a mailbox, and what was asked of the server:\n\
         \n  curl '{url}/mailboxes/{someone}/items?folder=sentitems'\
         \n  curl {url}/statistics\n\
         \nCtrl-C stops it.",
        name = organisation.name,
        ews = control.ews_url(),
        http = control.http_ews_url(),
        autodiscover = control.autodiscover_url(),
        ldaps = control.ldaps_url(),
        ldap = control.ldap_url(),
        management = control.management_url(),
        powershell = control.powershell_url(),
        authority = control.token_authority(),
        administrator = control.administrator(),
        admin_password = control.password(control.administrator()).expose_secret(),
        url = sandbox.control_url(),
        everyone = organisation.people_password,
    )
}

#[cfg(unix)]
async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn interrupted() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
