//! The command line of `siu-updater`, one file a command.
//!
//! What a command has to say goes to standard output; errors go to standard error as one sentence, and so does the
//! log. Exit statuses are in [`failure`] and in `--help`.

mod autodiscover;
mod check;
mod configure;
mod demo;
mod diagnostics;
mod directory_place;
mod explain;
mod failure;
pub mod log;
#[cfg(unix)]
mod manager;
#[cfg(windows)]
#[path = "manager/windows.rs"]
mod manager;
mod messages;
mod organisation;
mod package_files;
mod password;
mod place;
mod progress;
mod register;
mod render;
mod retry;
mod run;
mod sandbox;
mod scope;
mod service;
mod settings;
mod show;
mod status;
mod submit;
mod test;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Brings the sender's copy in Sent Items up to date with the message as the server processed it.
#[derive(Debug, Parser)]
#[command(name = "siu-updater", version, propagate_version = true, after_help = AFTER_HELP, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Try it:
  siu-updater demo                 the whole product on sample mail, without Exchange
  siu-updater run                  the updater, until Ctrl-C or SIGTERM
  siu-updater configure --help     connect it to Exchange
  siu-updater submit message.eml   hand a processed message over

Exit status:
  0    done
  1    it did not work; the reason is on standard error
  2    the command line is not understood
  3    the updater does not run, or can't be reached
  4    you may not use the updater's local API
  5    somebody else changed the settings meanwhile
  130  ended at once by a second signal";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Arguments),
    Service(service::Arguments),
    Submit(submit::Arguments),
    Status(status::Arguments),
    Messages(messages::Arguments),
    Show(show::Arguments),
    Retry(retry::Arguments),
    Settings(settings::Arguments),
    Configure(Box<configure::Arguments>),
    Scope(scope::Arguments),
    Register(Box<register::Register>),
    Unregister(Box<register::Unregister>),
    Organisation(Box<organisation::Arguments>),
    #[command(visible_alias = "test-impersonation")]
    Test(test::Arguments),
    Diagnostics(diagnostics::Arguments),
    Check(check::Arguments),
    Autodiscover(autodiscover::Arguments),
    Sandbox(sandbox::Arguments),
    Demo(demo::Arguments),
    #[command(hide = true)]
    PackageFiles(package_files::Arguments),
}

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run::run(arguments),
        Command::Service(arguments) => service::run(arguments),
        Command::Submit(arguments) => client(submit::run(arguments)),
        Command::Status(arguments) => client(status::run(arguments)),
        Command::Messages(arguments) => client(messages::run(arguments)),
        Command::Show(arguments) => client(show::run(arguments)),
        Command::Retry(arguments) => client(retry::run(arguments)),
        Command::Settings(arguments) => client(settings::run(arguments)),
        Command::Configure(arguments) => client(configure::run(*arguments)),
        Command::Scope(arguments) => client(scope::run(arguments)),
        Command::Register(arguments) => client(register::register(*arguments)),
        Command::Unregister(arguments) => client(register::unregister(*arguments)),
        Command::Organisation(arguments) => client(organisation::run(*arguments)),
        Command::Test(arguments) => client(test::run(arguments)),
        Command::Diagnostics(arguments) => client(diagnostics::run(arguments)),
        Command::Check(arguments) => client(check::run(arguments)),
        Command::Autodiscover(arguments) => client(autodiscover::run(arguments)),
        Command::Sandbox(arguments) => sandbox::run(arguments),
        Command::Demo(arguments) => demo::run(arguments),
        Command::PackageFiles(arguments) => package_files::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Standard error may be closed; there is nobody to tell then.
            let _ = writeln!(std::io::stderr(), "siu-updater: {failure}");
            failure.exit_code()
        }
    }
}

/// Runs a command that only talks to a running updater, or to the directory.
fn client(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    log::start(log::Format::Text, "warn");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| Failure::runtime(&error))?;
    runtime.block_on(command)
}

/// Runs a command that does the work itself, on all cores.
fn service(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| Failure::runtime(&error))?;
    let result = runtime.block_on(command);
    // A blocking task that hangs on a disk must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed_and_every_command_says_what_it_does() {
        let mut command = Arguments::command();
        command.clone().debug_assert();
        command.build();
        for command in command.get_subcommands() {
            assert!(command.get_about().is_some(), "{} has no help", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {} has no help", command.get_name(), argument.get_id());
            }
        }
    }
}
