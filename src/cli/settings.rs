//! `siu-updater settings`: reads and changes the settings.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::password;
use super::place::Pipe;
use super::render;
use crate::pipe::client::{Client, SettingsVersion};
use crate::pipe::types::SettingsChange;
use crate::settings::Settings;

/// Show or change the settings
#[derive(Debug, Args)]
#[command(after_help = "\
To change settings, show them into a file, edit it and set it. The file carries the version that it is based on: when
somebody else changed the settings meanwhile, nothing is taken over and the exit status is 5.

  siu-updater settings show > settings.json
  siu-updater settings set settings.json

A new password is never given as an argument, where every user of the machine could read it:

  siu-updater settings set settings.json --password-stdin < password.txt
  SIU_PASSWORD=… siu-updater settings set settings.json")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the settings in force as JSON, with their version; the password is never shown
    Show {
        #[command(flatten)]
        pipe: Pipe,
    },
    /// Take settings over from a file, as a whole or not at all
    Set(Set),
    /// Switch Sent Items Update on
    On {
        #[command(flatten)]
        pipe: Pipe,
    },
    /// Switch Sent Items Update off: messages are still accepted and kept, updating pauses
    Off {
        #[command(flatten)]
        pipe: Pipe,
    },
}

#[derive(Debug, Args)]
struct Set {
    /// JSON as `settings show` prints it, or the settings alone (then whatever is in force is replaced); - for standard
    /// input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Read a new password of the account from the first line of standard input, or what stands in for it: the secret
    /// of an application, or the key of a certificate as PEM text
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    pipe: Pipe,
}

/// Name of the variable that may hold a new password.
const PASSWORD: &str = "SIU_PASSWORD";

/// What `show` prints and `set` reads.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// Of the settings that this is, or is based on.
    version: Option<String>,
    #[serde(default)]
    password_stored: bool,
    settings: Settings,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Show { pipe } => show(&pipe.client()?).await,
        Command::Set(set) => self::set(set).await,
        Command::On { pipe } => switch(&pipe.client()?, true).await,
        Command::Off { pipe } => switch(&pipe.client()?, false).await,
    }
}

async fn show(client: &Client) -> Result<(), Failure> {
    let (read, version) = client.settings().await?;
    let document =
        Document { version: Some(version.to_string()), password_stored: read.password_stored, settings: read.settings };
    writeln!(std::io::stdout(), "{}", render::json(&document))?;
    Ok(())
}

async fn set(arguments: Set) -> Result<(), Failure> {
    let Set { file, password_stdin, pipe } = arguments;
    if password_stdin && file.as_os_str() == "-" {
        return Err(Failure::new("standard input can't be both the settings and the password"));
    }
    let document = parse(&read(&file)?).map_err(|error| {
        Failure::new(format!("{} is not understood: {error}; see `siu-updater settings show`", file.display()))
    })?;
    let password = if password_stdin { Some(password::line()?) } else { password::variable(PASSWORD)? };
    let client = pipe.client()?;
    let based_on = match &document.version {
        Some(version) => SettingsVersion::noted(version),
        None => client.settings().await?.1,
    };
    let change = SettingsChange { settings: document.settings, password };
    let version = client.change_settings(&change, &based_on).await?;
    writeln!(std::io::stdout(), "the settings are taken over; their version is {version}")?;
    Ok(())
}

async fn switch(client: &Client, on: bool) -> Result<(), Failure> {
    let (read, version) = client.settings().await?;
    let settings = Settings { enabled: on, ..read.settings };
    client.change_settings(&SettingsChange { settings, password: None }, &version).await?;
    writeln!(std::io::stdout(), "Sent Items Update is {}", if on { "on" } else { "off" })?;
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    if file.as_os_str() != "-" {
        return std::fs::read(file).map_err(|error| Failure::new(format!("{} can't be read: {error}", file.display())));
    }
    let mut text = Vec::new();
    let read = std::io::stdin().lock().read_to_end(&mut text);
    read.map_err(|error| Failure::new(format!("standard input can't be read: {error}")))?;
    Ok(text)
}

fn parse(text: &[u8]) -> Result<Document, serde_json::Error> {
    let value: serde_json::Value = serde_json::from_slice(text)?;
    if value.get("settings").is_some() {
        // From the text, because errors name the line then.
        return serde_json::from_slice(text);
    }
    Ok(Document { version: None, password_stored: false, settings: serde_json::from_slice(text)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_show_prints_can_be_set_and_so_can_settings_alone() {
        let shown = Document { version: Some("abc".into()), password_stored: true, settings: Settings::default() };
        let parsed = parse(render::json(&shown).as_bytes()).unwrap();
        assert_eq!((parsed.version.as_deref(), parsed.settings), (Some("abc"), Settings::default()));
        let alone = parse(br#"{"enabled": false}"#).unwrap();
        assert_eq!((alone.version, alone.settings), (None, Settings::default()));
    }

    #[test]
    fn a_misspelt_setting_is_named_with_its_line() {
        let error = parse(b"{\n \"version\": \"a\",\n \"settings\": {\"enabeld\": true}\n}").unwrap_err().to_string();
        assert!(error.contains("enabeld") && error.contains("line 3"), "{error}");
    }
}
