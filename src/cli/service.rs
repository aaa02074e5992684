//! `siu-updater service`: the updater as a service of the system.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::failure::{Failure, Status};
use crate::service::{self, Registration, ServiceError, State};

/// Install, start and stop the updater as a service of the system
///
/// On Windows it is registered with the service manager: as LocalSystem, started with the system (delayed), and again
/// after 1, 5 and 15 minutes should it fail; what it has to say goes to the event log. On Linux the package brings the
/// unit of systemd, and these commands speak with systemctl.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater service install
  siu-updater service start
  siu-updater service status

Exit status:
  0    done; `status`: it runs
  1    it did not work; the reason is on standard error
  3    `status`: it does not run, or is not installed
  4    only an administrator may do this")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Register it with the service manager, or bring its registration up to date
    Install {
        /// Folder of queue, settings and password [default: the service's]
        #[arg(long, value_name = "FOLDER")]
        data: Option<PathBuf>,
    },
    /// Stop it and remove its registration; queue, settings and password stay
    Uninstall,
    /// Start it, and wait until it runs
    Start,
    /// Stop it, and wait until what was under way is finished
    Stop,
    /// Say whether it runs
    Status,
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match arguments.action {
        Action::Install { data } => {
            // The service starts in another folder than this one.
            let data = data.map(std::path::absolute).transpose()?;
            for remark in service::install(&Registration { data })? {
                writeln!(out, "{remark}")?;
            }
            writeln!(out, "the service {} is installed", service::NAME)?;
        }
        Action::Uninstall => {
            service::uninstall()?;
            writeln!(out, "the service {} is removed; its data are left as they are", service::NAME)?;
        }
        Action::Start => {
            service::start()?;
            writeln!(out, "the service {} runs", service::NAME)?;
        }
        Action::Stop => {
            service::stop()?;
            writeln!(out, "the service {} has stopped", service::NAME)?;
        }
        Action::Status => {
            let state = service::status()?;
            writeln!(out, "{state}")?;
            if !matches!(state, State::Running { .. }) {
                return Err(Failure { status: Status::NotRunning, message: format!("the service is {state}") });
            }
        }
    }
    Ok(())
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let status = match &error {
            ServiceError::NotPermitted => Status::NotPermitted,
            _ => Status::Failed,
        };
        Self { status, message: error.to_string() }
    }
}
