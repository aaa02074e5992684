//! `siu-updater scope`: whose mailboxes are updated.

mod resolve;
mod show;

use std::io::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use super::directory_place::DirectoryPlace;
use super::failure::Failure;
use super::place::Pipe;
use super::render;
use crate::directory::{Directory, Options};
use crate::pipe::client::Client;
use crate::pipe::types::SettingsChange;
use crate::settings::{DirectorySettings, ScopeMode, SendersScope, SmtpAddress};

/// Show or change the senders' scope: whose mailboxes are updated
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater scope show
  siu-updater scope set-mode only-listed
  siu-updater scope add --kind group Sales
  siu-updater scope add --domain lab.example --user admin@corp.example anna@lab.example
  siu-updater scope add --address info@corp.example
  siu-updater scope remove Sales

Users and groups are known by their object GUID, so they stay in the list when they are renamed. Groups count with the
groups in them. When the directory can't be asked, what it said last stays in force; whom that can't decide waits.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(show::Arguments),
    /// Say what the list means
    SetMode {
        /// What the list means
        #[arg(value_enum)]
        mode: Mode,
        #[command(flatten)]
        pipe: Pipe,
    },
    Add(Add),
    Remove(Remove),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    /// Every mailbox is updated, whatever is in the list
    AllMailboxes,
    /// Mailboxes from the list are updated, and no others
    OnlyListed,
    /// All mailboxes are updated but those from the list
    AllExceptListed,
}

impl From<Mode> for ScopeMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::AllMailboxes => Self::AllMailboxes,
            Mode::OnlyListed => Self::OnlyListed,
            Mode::AllExceptListed => Self::AllExceptListed,
        }
    }
}

/// Take senders off the list
#[derive(Debug, Args)]
struct Remove {
    /// Names as the list shows them, object GUIDs, or addresses
    #[arg(required = true, value_name = "NAME|GUID|ADDRESS")]
    entries: Vec<String>,
    #[command(flatten)]
    pipe: Pipe,
}

/// Put users, groups or addresses on the list
///
/// Users and groups are looked up in the directory that the updater asks, or in the one that is named here. --domain
/// then says which of its domains to search.
#[derive(Debug, Args)]
struct Add {
    /// Names, addresses, user principal names or object GUIDs of users and groups in the directory
    #[arg(required_unless_present = "address", value_name = "NAME|GUID")]
    entries: Vec<String>,
    /// Put an SMTP address on the list without asking the directory; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    address: Vec<SmtpAddress>,
    /// Look for users only, or for groups only
    #[arg(long, value_enum, default_value_t)]
    kind: resolve::Kind,
    #[command(flatten)]
    place: DirectoryPlace,
    #[command(flatten)]
    pipe: Pipe,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Show(arguments) => show::run(arguments).await,
        Command::SetMode { mode, pipe } => set_mode(&pipe.client()?, mode.into()).await,
        Command::Add(arguments) => add(arguments).await,
        Command::Remove(arguments) => remove(arguments).await,
    }
}

async fn set_mode(client: &Client, mode: ScopeMode) -> Result<(), Failure> {
    change(client, |scope| {
        scope.mode = mode;
        Ok(())
    })
    .await?;
    writeln!(std::io::stdout(), "{}", render::scope_mode(mode))?;
    Ok(())
}

/// Changes the scope on the basis of the settings in force, and of no others.
async fn change(client: &Client, change: impl FnOnce(&mut SendersScope) -> Result<(), Failure>) -> Result<(), Failure> {
    let (read, version) = client.settings().await?;
    let mut settings = read.settings;
    change(&mut settings.scope)?;
    client.change_settings(&SettingsChange { settings, password: None }, &version).await?;
    Ok(())
}

async fn remove(arguments: Remove) -> Result<(), Failure> {
    let client = arguments.pipe.client()?;
    // The list as it is shown: with the names of today.
    let names: Vec<(Uuid, String)> =
        client.scope().await?.entries.into_iter().map(|entry| (entry.id, entry.name)).collect();
    let mut removed = Vec::new();
    change(&client, |scope| {
        for wanted in &arguments.entries {
            removed.push(remove_one(scope, &names, wanted)?);
        }
        Ok(())
    })
    .await?;
    for name in removed {
        writeln!(std::io::stdout(), "{name} is off the list")?;
    }
    Ok(())
}

/// Takes the one that is meant off the list, and gives its name.
fn remove_one(scope: &mut SendersScope, names: &[(Uuid, String)], wanted: &str) -> Result<String, Failure> {
    let id = wanted.parse::<Uuid>().ok();
    let today = |id: Uuid| names.iter().find(|(other, _)| *other == id).map(|(_, name)| name.as_str());
    let same = |name: &str| name.to_lowercase() == wanted.to_lowercase();
    let meant: Vec<usize> = scope
        .entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| {
            Some(entry.id) == id
                || same(&entry.name)
                || entry.address.as_deref().is_some_and(same)
                || today(entry.id).is_some_and(same)
        })
        .map(|(at, _)| at)
        .collect();
    let listed = scope.list.iter().position(|address| same(address.as_str()));
    match (meant.as_slice(), listed) {
        ([], None) => Err(Failure::new(format!("{wanted:?} is not on the list; see `siu-updater scope show`"))),
        ([], Some(at)) => Ok(scope.list.remove(at).to_string()),
        ([at], None) => {
            let entry = scope.entries.remove(*at);
            Ok(today(entry.id).unwrap_or(&entry.name).to_owned())
        }
        _ => Err(Failure::new(format!(
            "{wanted:?} stands for several on the list; give the GUID, as `siu-updater scope show` prints it"
        ))),
    }
}

async fn add(arguments: Add) -> Result<(), Failure> {
    let client = arguments.pipe.client()?;
    let (read, version) = client.settings().await?;
    let mut settings = read.settings;
    let mut found = Vec::with_capacity(arguments.entries.len());
    if !arguments.entries.is_empty() {
        let (directory, domain) = directory(&arguments.place, settings.directory.as_ref())?;
        for wanted in &arguments.entries {
            found.push(resolve::resolve(&directory, wanted, arguments.kind, domain.as_deref()).await?);
        }
    }
    let scope = &mut settings.scope;
    let mut said = Vec::new();
    for object in found {
        let name = object.name.clone();
        if scope.entries.iter().any(|entry| entry.id == object.id) {
            said.push(format!("{name} ({}) was on the list already", object.id));
        } else {
            said.push(format!("{name} ({}) is on the list", object.id));
            scope.entries.push(object.to_entry());
        }
    }
    for address in arguments.address {
        if scope.list.contains(&address) {
            said.push(format!("{address} was on the list already"));
        } else {
            said.push(format!("{address} is on the list"));
            scope.list.push(address);
        }
    }
    client.change_settings(&SettingsChange { settings, password: None }, &version).await?;
    for line in said {
        writeln!(std::io::stdout(), "{line}")?;
    }
    Ok(())
}

/// The directory to search, and the domain in it: the one that the updater asks, unless another is named.
fn directory(
    place: &DirectoryPlace,
    in_force: Option<&DirectorySettings>,
) -> Result<(Directory, Option<String>), Failure> {
    match in_force {
        Some(settings) if place.controllers.is_empty() && place.ca_files.is_empty() => {
            let options = Options { name_server: place.name_server, ..Options::default() };
            Ok((Directory::with_options(settings, place.sign_in()?, &options)?, place.domain.clone()))
        }
        _ => Ok((place.directory(None)?, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{EntryKind, ScopeEntry};

    fn entry(id: u128, name: &str, address: Option<&str>) -> ScopeEntry {
        ScopeEntry {
            id: Uuid::from_u128(id),
            kind: EntryKind::User,
            name: name.to_owned(),
            domain: "corp.example".to_owned(),
            address: address.map(str::to_owned),
        }
    }

    fn scope() -> SendersScope {
        SendersScope {
            entries: vec![
                entry(1, "Sales", None),
                entry(2, "Anna Berg", Some("anna@corp.example")),
                entry(3, "Anna Berg", Some("anna.berg@corp.example")),
            ],
            list: vec!["info@corp.example".parse().unwrap()],
            ..SendersScope::default()
        }
    }

    /// S2
    #[test]
    fn one_is_taken_off_by_name_of_today_or_before_by_guid_or_by_address() {
        let names = [(Uuid::from_u128(1), "Sales & Marketing".to_owned())];
        for wanted in ["sales", "SALES & MARKETING", "00000000-0000-0000-0000-000000000001"] {
            let mut scope = scope();
            assert_eq!(remove_one(&mut scope, &names, wanted).unwrap(), "Sales & Marketing");
            assert_eq!(scope.entries.len(), 2);
        }
        let mut scope = scope();
        assert_eq!(remove_one(&mut scope, &names, "Anna@corp.example").unwrap(), "Anna Berg");
        assert_eq!(remove_one(&mut scope, &names, "INFO@corp.example").unwrap(), "info@corp.example");
        assert_eq!((scope.entries.len(), scope.list.len()), (2, 0));
    }

    /// S2
    #[test]
    fn what_is_not_there_or_stands_for_two_is_refused_and_nothing_goes() {
        let mut scope = scope();
        let not_there = remove_one(&mut scope, &[], "Board").unwrap_err().to_string();
        assert!(not_there.contains("not on the list"), "{not_there}");
        let two = remove_one(&mut scope, &[], "anna berg").unwrap_err().to_string();
        assert!(two.contains("give the GUID"), "{two}");
        assert_eq!(scope, self::scope());
    }
}
