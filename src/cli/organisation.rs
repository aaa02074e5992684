//! `siu-updater organisation`: the one configuration of all updaters, and who has a share in it (P1, P2).

mod directory;
mod show;

use std::io::Write as _;

use clap::{Args, Subcommand};

use super::failure::Failure;
use super::place::Pipe;
use crate::pipe::types::Leave;
pub use directory::OrganisationPlace;

/// Show and look after the configuration that all updaters of the organisation share
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater organisation show
  siu-updater organisation directory --user admin@corp.example.com
  siu-updater organisation repair --user admin@corp.example.com

An updater gets a share by siu-updater register, and loses it by siu-updater unregister.")]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show where this updater has its configuration from, and what it knows of the other updaters
    Show {
        /// Print JSON, as GET /v1/organisation gives it
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        pipe: Pipe,
    },
    /// Show what is in the directory, as an administrator sees it; no updater need run here
    Directory {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: OrganisationPlace,
    },
    /// Give everything in the directory the rights that it should have and no others, and make what is missing
    Repair {
        #[command(flatten)]
        place: OrganisationPlace,
    },
    /// Have this updater encrypt the account's password to those who were registered meanwhile
    Seal {
        #[command(flatten)]
        pipe: Pipe,
    },
    /// Have this updater leave the organisation: the settings in force become this computer's own, and the directory is
    /// not asked. An administrator takes its share away with siu-updater unregister
    Leave {
        /// Forget the password of the account that mailboxes are opened with, too
        #[arg(long)]
        forget_secret: bool,
        #[command(flatten)]
        pipe: Pipe,
    },
    /// Publish the settings in force here above every version that was seen, after a restored backup for example
    Publish {
        #[command(flatten)]
        pipe: Pipe,
    },
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Show { json, pipe } => show::local(&pipe.client()?.organisation().await?, json),
        Command::Directory { json, place } => show::directory(&place.administration()?.look().await?, json),
        Command::Repair { place } => repair(&place).await,
        Command::Seal { pipe } => show::local(&pipe.client()?.seal_organisation().await?, false),
        Command::Leave { forget_secret, pipe } => {
            show::local(&pipe.client()?.leave_organisation(&Leave { forget_secret }).await?, false)
        }
        Command::Publish { pipe } => show::local(&pipe.client()?.publish_organisation().await?, false),
    }
}

async fn repair(place: &OrganisationPlace) -> Result<(), Failure> {
    let administration = place.administration()?;
    let done = administration.repair(uuid::Uuid::new_v4()).await?;
    let mut out = std::io::stdout().lock();
    for sentence in &done {
        writeln!(out, "{sentence}")?;
    }
    if done.is_empty() {
        writeln!(out, "All rights are as they should be.")?;
    }
    Ok(())
}
