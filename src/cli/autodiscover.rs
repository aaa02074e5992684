//! `siu-updater autodiscover`: what Autodiscover finds for an address, and everything that was tried.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use reqwest::Url;

use super::configure::https_url;
use super::failure::Failure;
use super::{password, render};
use crate::ews::Credentials;
use crate::ews::autodiscover::{Attempt, Autodiscover, DnsServices, Options};
use crate::settings::{AuthScheme, SmtpAddress};

/// Find the Exchange server of a mailbox by Autodiscover, and say what was tried
///
/// The directory is not asked for service connection points; name their addresses with --url. The password goes only
/// to services that ask for it, over HTTPS.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater autodiscover anna@example.com
  SIU_PASSWORD=… siu-updater autodiscover anna@example.com --account svc-siu@example.com

Exit status: 0 when a server was found, 1 when not; what was tried is on standard error.")]
pub struct Arguments {
    /// Address of a mailbox
    #[arg(value_name = "ADDRESS")]
    address: SmtpAddress,
    /// Sign in as this account, with the password in SIU_PASSWORD or from --password-stdin
    #[arg(long, value_name = "UPN")]
    account: Option<String>,
    /// Read the account's password from the first line of standard input
    #[arg(long, requires = "account")]
    password_stdin: bool,
    /// Domain controller to ask for Kerberos tickets [default: what krb5.conf or DNS names]
    #[arg(long, value_name = "HOST[:PORT]", requires = "account")]
    kdc: Option<String>,
    /// Ask this service first
    #[arg(long = "url", value_name = "URL", value_parser = https_url)]
    urls: Vec<Url>,
    /// Name server to ask [default: those of the system]
    #[arg(long, value_name = "ADDRESS:PORT")]
    name_server: Option<SocketAddr>,
    /// Let redirections lead to this host or domain as well
    #[arg(long, value_name = "HOST")]
    trust: Vec<String>,
    /// File with certificate authorities (PEM) to trust beside the system's; may be given several times
    #[arg(long = "ca", value_name = "FILE")]
    ca_files: Vec<std::path::PathBuf>,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let read = |file: &std::path::PathBuf| {
        std::fs::read_to_string(file)
            .map_err(|error| Failure::new(format!("{} can't be read: {error}", file.display())))
    };
    let extra_roots = arguments.ca_files.iter().map(read).collect::<Result<_, _>>()?;
    let credentials = match &arguments.account {
        None => None,
        Some(account) => {
            let given =
                if arguments.password_stdin { Some(password::line()?) } else { password::variable("SIU_PASSWORD")? };
            let missing = || Failure::new(format!("the password of {account} is missing; put it into SIU_PASSWORD"));
            Some(Credentials::Password {
                user: account.clone(),
                password: given.ok_or_else(missing)?,
                order: AuthScheme::USUAL_ORDER.to_vec(),
                kdc: arguments.kdc.clone(),
            })
        }
    };
    let options = Options {
        known: arguments.urls,
        trusted: arguments.trust,
        extra_roots,
        services: Arc::new(arguments.name_server.map(DnsServices::at).unwrap_or_default()),
        name_server: arguments.name_server,
        ..Options::default()
    };
    let autodiscover = Autodiscover::new(options).map_err(|error| Failure::new(error.to_string()))?;
    match autodiscover.find(&arguments.address, credentials.as_ref()).await {
        Ok(found) => {
            tell(&mut std::io::stderr().lock(), &found.attempts)?;
            let mut out = std::io::stdout().lock();
            for url in found.ews_urls {
                writeln!(out, "{url}")?;
            }
            if let Some(version) = found.version {
                writeln!(std::io::stderr(), "The server tells its version as {version}.")?;
            }
            Ok(())
        }
        Err(told) => {
            tell(&mut std::io::stderr().lock(), &told.attempts)?;
            Err(Failure::new(format!("Autodiscover led to no server for {}", arguments.address)))
        }
    }
}

fn tell(out: &mut impl std::io::Write, attempts: &[Attempt]) -> Result<(), Failure> {
    let mut table = render::table(["Asked", "Outcome"]);
    for attempt in attempts {
        table.add_row([attempt.place.as_str(), attempt.outcome.as_str()]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}
