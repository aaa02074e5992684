//! `siu-updater sandbox`: an Exchange-like organisation on this machine.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use super::failure::Failure;
use super::{log, place, service};
use crate::sandbox::run::{RunOptions, run as run_sandbox};
use crate::sandbox::seat::Scheme;

/// Open the sandbox organisation: an Exchange-like server with sample people and mail
///
/// It listens on loopback and keeps its mailboxes in a folder, so that it can be stopped and started again. When it is
/// open it says how to reach it. Ctrl-C closes it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater sandbox
  siu-updater sandbox --folder /tmp/nordwind --https 127.0.0.1:0 --http 127.0.0.1:0
  siu-updater sandbox --ldaps 127.0.0.1:6636 --ldap 127.0.0.1:3389
  siu-updater sandbox --empty --record /tmp/requests

Exit status:
  0  closed as told
  1  it could not open; the reason is on standard error")]
pub struct Arguments {
    /// Where its mailboxes are kept; made if it isn't there [default: sandbox, in the updater's data folder]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Address and port of EWS and Autodiscover, encrypted; port 0 takes any that is free [default: 127.0.0.1:48443]
    #[arg(long, value_name = "ADDRESS")]
    https: Option<SocketAddr>,
    /// The same, not encrypted [default: 127.0.0.1:48080]
    #[arg(long, value_name = "ADDRESS")]
    http: Option<SocketAddr>,
    /// Address and port of the control interface, on loopback only [default: 127.0.0.1:48081]
    #[arg(long, value_name = "ADDRESS")]
    control: Option<SocketAddr>,
    /// Address and port of the directory (LDAP), encrypted [default: 127.0.0.1:48636]
    #[arg(long, value_name = "ADDRESS")]
    ldaps: Option<SocketAddr>,
    /// The same with StartTLS [default: 127.0.0.1:48389]
    #[arg(long, value_name = "ADDRESS")]
    ldap: Option<SocketAddr>,
    /// Folder with an organisation of your own: organisation.toml and mail/*.eml [default: the sample organisation]
    #[arg(long, value_name = "FOLDER")]
    organisation: Option<PathBuf>,
    /// Write every request of EWS and its answer into this folder
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
    /// Leave the mailboxes as they are, without sample mail
    #[arg(long)]
    empty: bool,
    /// Ways to sign in to EWS, in the order in which they are offered; bearer takes tokens of the sandbox's own endpoint
    /// /nordwind.example/oauth2/v2.0/token
    #[arg(long, value_name = "SCHEME", value_delimiter = ',', default_value = "basic")]
    offer: Vec<Offer>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Offer {
    Negotiate,
    Ntlm,
    Basic,
    Bearer,
}

/// Name of the variable that may hold the service account's password.
const PASSWORD: &str = "SIU_SANDBOX_PASSWORD";

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    log::start(log::Format::Text, "warn");
    let folder = match arguments.folder {
        Some(folder) => folder,
        None => place::default_data()?.join("sandbox"),
    };
    let usual = RunOptions::new(folder);
    let options = RunOptions {
        https: arguments.https.unwrap_or(usual.https),
        http: arguments.http.unwrap_or(usual.http),
        control: arguments.control.unwrap_or(usual.control),
        ldaps: arguments.ldaps.unwrap_or(usual.ldaps),
        ldap: arguments.ldap.unwrap_or(usual.ldap),
        organisation: arguments.organisation,
        record: arguments.record,
        password: std::env::var(PASSWORD).ok().filter(|password| !password.is_empty()).map(SecretString::from),
        empty: arguments.empty,
        offers: arguments.offer.into_iter().map(scheme).collect(),
        ..usual
    };
    service(async { run_sandbox(options).await.map_err(|error| Failure::new(error.to_string())) })
}

fn scheme(offer: Offer) -> Scheme {
    match offer {
        Offer::Negotiate => Scheme::Negotiate,
        Offer::Ntlm => Scheme::Ntlm,
        Offer::Basic => Scheme::Basic,
        Offer::Bearer => Scheme::Bearer,
    }
}
