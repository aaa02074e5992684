//! `siu-updater configure`: the wizard without the window, for scripted roll-outs (X2).

use std::io::Write as _;
use std::sync::Arc;

use clap::{ArgGroup, Args, ValueEnum};
use reqwest::Url;
use tokio_util::sync::CancellationToken;

use super::directory_place::DirectoryPlace;
use super::failure::{Failure, Status};
use super::place::Pipe;
use super::progress::{self, Lines};
use super::{explain, password, render};
use crate::directory::{self, Directory, SignIn};
use crate::ews::autodiscover::{self, DnsServices};
use crate::pipe::client::Client;
use crate::settings::{Environment, SmtpAddress};
use crate::setup::validate::{self, USUAL_ACCOUNT_NAME};
use crate::setup::{
    AccountChoice, Answers, ConnectionChoice, Domain, DomainOptions, Entra, Person, Report, Setup, StepState,
};

/// Connect the updater to Exchange: the steps of the configuration wizard
///
/// Finds the server, creates or verifies the service account, gives it the right to impersonate mailboxes, tests that,
/// and hands the configuration over to the updater. A run that fails or is cancelled with Ctrl-C leaves the previous
/// configuration in force and says what it did change. Run again, it recognises what is there already.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("connection").args(["autodiscover", "server"]),
    group = ArgGroup::new("account_choice").args(["create_account", "account"]),
    after_help = "\
Examples:
  siu-updater configure --create-account
  siu-updater configure --server mail.example.com --account svc-siu@example.com --password-stdin < password.txt
  siu-updater configure --environment hybrid --account svc-siu@example.com --dry-run

The account's password is never an argument, where every user of the machine could read it: give it with
--password-stdin, or in SIU_PASSWORD.

Exit status:
  0  configured; Sent Items Update is on, unless it was switched off before
  1  a step failed or was cancelled; what, why and what to do is on standard error
  2  the command line, or an answer in it, is not understood
  3  the updater does not run, or can't be reached
  4  you may not use the updater's local API
  5  somebody else configured it at the same moment"
)]
pub struct Arguments {
    /// What Exchange runs on
    #[arg(long, value_enum, default_value_t)]
    environment: EnvironmentArgument,
    /// Find the server by Autodiscover [default]
    #[arg(long)]
    autodiscover: bool,
    /// Connect to this server: DNS name, IP address, or the whole https address of EWS (on-premises only)
    #[arg(long, value_name = "NAME", value_parser = server)]
    server: Option<String>,
    /// Create the service account, under this name [default: CodeTwoSiuAgent] (on-premises only)
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = USUAL_ACCOUNT_NAME, value_parser = account_name)]
    create_account: Option<String>,
    /// Use this account, by its user principal name
    #[arg(long, value_name = "UPN", value_parser = upn)]
    account: Option<String>,
    /// Read the account's password from the first line of standard input
    #[arg(long, requires = "account")]
    password_stdin: bool,
    #[command(flatten)]
    place: DirectoryPlace,
    /// Address of Exchange's remote PowerShell [default: /PowerShell/ on the server that is found]
    #[arg(long, value_name = "URL", value_parser = https_url, conflicts_with = "management")]
    powershell: Option<Url>,
    /// Server with Exchange's REST administration, such as https://outlook.office365.com, to be used in place of remote
    /// PowerShell
    #[arg(long, value_name = "URL", value_parser = https_url)]
    management: Option<Url>,
    /// Grant the right for the mailboxes of this management scope only [default: for all]
    #[arg(long, value_name = "NAME")]
    write_scope: Option<String>,
    /// Ask this Autodiscover service first
    #[arg(long, value_name = "URL", value_parser = https_url)]
    autodiscover_url: Vec<Url>,
    /// Let Autodiscover redirect to this host or domain as well
    #[arg(long, value_name = "HOST")]
    trust: Vec<String>,
    /// Microsoft Entra's address, where it is asked about the account of a hybrid environment: national clouds have their own
    #[arg(long, value_name = "URL", value_parser = https_url, default_value = "https://login.microsoftonline.com")]
    authority: Url,
    /// Application to ask Microsoft Entra as, which has to be a public client [default: Exchange's REST PowerShell]
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Try the right with this mailbox [default: one that the directory shows]
    #[arg(long, value_name = "ADDRESS")]
    mailbox: Option<SmtpAddress>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pipe: Pipe,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum EnvironmentArgument {
    /// Exchange Server in your own network
    #[default]
    OnPremises,
    /// Exchange Server together with Exchange Online
    Hybrid,
}

impl From<EnvironmentArgument> for Environment {
    fn from(environment: EnvironmentArgument) -> Self {
        match environment {
            EnvironmentArgument::OnPremises => Self::OnPremises,
            EnvironmentArgument::Hybrid => Self::Hybrid,
        }
    }
}

fn server(text: &str) -> Result<String, String> {
    validate::server(text).map(|_| text.to_owned())
}

fn account_name(text: &str) -> Result<String, String> {
    validate::account_name(text).map(|name| name.to_string())
}

fn upn(text: &str) -> Result<String, String> {
    validate::upn(text).map(|upn| upn.to_string())
}

pub(super) fn https_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("it is not a web address: {error}"))?;
    if url.scheme() == "https" { Ok(url) } else { Err("it has to begin with https://".to_owned()) }
}

/// Name of the variable that may hold the account's password.
const PASSWORD: &str = "SIU_PASSWORD";

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    // Of two passwords on standard input, that of --user comes first.
    let sign_in = arguments.place.sign_in()?;
    let answers = answers(&arguments)?;
    let client = arguments.pipe.client()?;
    let domain = domain(&arguments, &client, sign_in).await?;
    let mut setup = Setup::new(Arc::new(domain), client.clone());
    if arguments.dry_run {
        return plan(&setup, &answers);
    }
    // Before an account is made that nobody could use.
    client.status().await?;
    let cancel = CancellationToken::new();
    let told = cancel.clone();
    let interrupted = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            told.cancel();
        }
    });
    let lines = Lines::new();
    let report = setup.run(&answers, cancel, |progress| lines.show(&progress)).await;
    interrupted.abort();
    conclude(&report)
}

fn answers(arguments: &Arguments) -> Result<Answers, Failure> {
    let connection = match &arguments.server {
        Some(server) => ConnectionChoice::Manual { server: server.clone() },
        None => ConnectionChoice::Autodiscover,
    };
    let account = match (&arguments.account, &arguments.create_account) {
        (Some(upn), _) => {
            let given = if arguments.password_stdin { Some(password::line()?) } else { password::variable(PASSWORD)? };
            let missing = || {
                unusable(format!("the password of {upn} is missing; give it with --password-stdin or in {PASSWORD}"))
            };
            AccountChoice::Existing { upn: upn.clone(), password: given.ok_or_else(missing)? }
        }
        (None, Some(name)) => AccountChoice::Automatic { name: name.clone() },
        (None, None) => {
            return Err(unusable("say which account to use: --create-account, or --account UPN".to_owned()));
        }
    };
    let answers = Answers { environment: arguments.environment.into(), connection, account };
    match validate::answers(&answers).into_iter().next() {
        Some((_, problem)) => Err(unusable(problem.trim_end_matches('.').to_owned())),
        None => Ok(answers),
    }
}

fn unusable(message: String) -> Failure {
    Failure { status: Status::Usage, message }
}

async fn domain(arguments: &Arguments, client: &Client, sign_in: SignIn) -> Result<Domain, Failure> {
    let mut settings = arguments.place.settings(arguments.account.as_deref())?;
    // What --ca names is trusted for Exchange as well: an organisation has one authority of its own, if any.
    let mut extra_roots = settings.extra_roots.clone();
    if extra_roots.is_empty()
        && let Ok((document, _)) = client.settings().await
    {
        // Whoever gave one at the first configuration need not give it again.
        let before = document.settings;
        extra_roots.extend(before.connection.into_iter().flat_map(|connection| connection.extra_roots));
        settings.extra_roots.extend(before.directory.into_iter().flat_map(|directory| directory.extra_roots));
    }
    let person = match &sign_in {
        SignIn::LoggedOn => None,
        SignIn::Password { upn, password } => Some(Person { upn: upn.clone(), password: password.clone() }),
    };
    let options = directory::Options { name_server: arguments.place.name_server, ..directory::Options::default() };
    let directory = Directory::with_options(&settings, sign_in, &options)?;
    let mut entra = Entra { authority: arguments.authority.to_string(), ..Entra::default() };
    if let Some(client_id) = &arguments.client_id {
        entra.client_id.clone_from(client_id);
    }
    Ok(Domain::new(DomainOptions {
        entra,
        extra_roots,
        person,
        management: arguments.management.clone(),
        remote_powershell: arguments.powershell.clone(),
        autodiscover: autodiscover::Options {
            known: arguments.autodiscover_url.clone(),
            connection_points: Some(Arc::new(directory.clone())),
            trusted: arguments.trust.clone(),
            services: Arc::new(arguments.place.name_server.map(DnsServices::at).unwrap_or_default()),
            name_server: arguments.place.name_server,
            ..autodiscover::Options::default()
        },
        write_scope: arguments.write_scope.clone(),
        mailbox: arguments.mailbox.clone(),
        ..DomainOptions::new(directory, settings)
    }))
}

fn plan(setup: &Setup, answers: &Answers) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "This would be done:")?;
    for (index, (_, sentence)) in setup.plan(answers).into_iter().enumerate() {
        writeln!(out, "  {}. {sentence}", index + 1)?;
    }
    Ok(())
}

fn conclude(report: &Report) -> Result<(), Failure> {
    if report.succeeded() {
        let state = if report.stays_off { "off, as it was before (siu-updater settings on)" } else { "on" };
        writeln!(std::io::stdout(), "Sent Items Update is configured and {state}.")?;
        return Ok(());
    }
    let end = report.steps.iter().find(|(_, state)| matches!(state, StepState::Failed(_) | StepState::Cancelled));
    let mut err = std::io::stderr().lock();
    if let Some((_, StepState::Failed(failure))) = end {
        write!(err, "\n{}", explain::failure(failure, render::width().into()))?;
    }
    writeln!(err, "\nThe configuration that was in force before stays in force.")?;
    for change in &report.changes {
        writeln!(err, "What did change: {change}")?;
    }
    writeln!(err)?;
    Err(match end {
        Some((step, StepState::Failed(failure))) => {
            let conflict = failure.code.as_deref() == Some("changed-meanwhile");
            let status = if conflict { Status::Conflict } else { Status::Failed };
            Failure { status, message: format!("the step {:?} failed", progress::name(*step)) }
        }
        _ => Failure::new("the configuration was cancelled"),
    })
}
