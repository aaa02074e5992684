//! `siu-updater run`: the service itself.

use std::path::PathBuf;
use std::pin::pin;

use clap::Args;
use tracing::{info, warn};

use super::failure::Failure;
use super::place::{self, Pipe};
use super::{log, service};
use crate::pipe::listener::Access;
use crate::updater::clock::Clock;
use crate::updater::engine::MailboxEngine;
use crate::updater::queue::SharedAddress;
use crate::updater::service::{Updater, UpdaterOptions};

/// Run the updater until it is told to stop
///
/// Takes processed messages in and updates the senders' copies in Sent Items. SIGTERM, SIGINT or Ctrl-C stop it: what
/// is under way is finished within the time that the settings give (`limits.stop_within`), everything else stays queued.
/// A second signal ends it at once. Started by the service manager of Windows, it is the service that `siu-updater
/// service install` has registered. Whenever and however it ends, nothing that it accepted is lost.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater run
  siu-updater run --data /srv/siu --pipe /run/siu/updater.sock --log-format json
  SIU_LOG=debug siu-updater run
  siu-updater run --queue 'postgres://siu@db.corp.example/siu?passfile=/etc/siu/pgpass'

Shared queue: each updater has a data folder of its own; PostgreSQL 12 or later. The address may say, behind `?`:
  passfile=FILE       password file, a line host:port:database:user:password each, for the updater's account alone
  sslrootcert=FILE    certificate authorities to trust beside the system's
  sslmode=disable     no encryption; without it a server on another machine must prove who it is, by TLS
  schema=NAME         where the tables are [sent_items_update]; made at the first start
  lease=SECONDS       after how long others take over what a dead updater was working on [300]
  and what PostgreSQL's own programs take, such as target_session_attrs=read-write with several servers.
The password comes from passfile=, else PGPASSWORD, PGPASSFILE or ~/.pgpass; never from the address, which others can see.

Exit status:
  0    stopped as told
  1    it could not start, or broke; the reason is on standard error
  130  ended at once by a second signal")]
pub struct Arguments {
    /// Folder of queue, settings and password; made if it isn't there [default: the service's, else your own]
    #[arg(long, value_name = "FOLDER", env = "SIU_DATA")]
    data: Option<PathBuf>,
    /// Queue that several updaters share, in PostgreSQL: <postgres://user@server/database> [default: the settings', else
    /// an embedded one]
    #[arg(long, value_name = "ADDRESS", env = "SIU_QUEUE", hide_env_values = true)]
    queue: Option<String>,
    #[command(flatten)]
    pipe: Pipe,
    /// Let the members of the group that the updater runs as use its local API, too
    #[cfg(unix)]
    #[arg(long, env = "SIU_GROUP_MAY_CONNECT", value_parser = clap::builder::FalseyValueParser::new())]
    group_may_connect: bool,
    /// How to write the log, on standard error; the variable `SIU_LOG` filters it
    #[arg(long, value_enum, default_value_t)]
    log_format: log::Format,
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    // Windows starts a service by its command line, like any other program; that it was the service manager who did
    // so comes out when it is asked for orders.
    #[cfg(windows)]
    return super::manager::under_manager(arguments, work);
    #[cfg(not(windows))]
    work(arguments)
}

/// What the command does, whoever started it.
fn work(arguments: Arguments) -> Result<(), Failure> {
    log::start(arguments.log_format, "info");
    service(async {
        let options = UpdaterOptions {
            access: access(&arguments),
            data: arguments.data.map_or_else(place::default_data, Ok)?,
            pipe: arguments.pipe.path(),
            sandbox: false,
            clock: Clock::system(),
        };
        let queue =
            arguments.queue.filter(|address| !address.is_empty()).map(|address| address.parse::<SharedAddress>());
        let queue = queue
            .transpose()
            .map_err(|wrong| Failure::new(format!("the address of --queue can't be used: {wrong}")))?;
        let mut signals = Signals::new().map_err(|error| Failure::runtime(&error))?;
        let updater = Updater::start_on(queue, options, Updater::directory(), MailboxEngine::new)
            .await
            .map_err(|error| Failure::new(error.to_string()))?;
        let shared = updater.shared().clone();
        let manager = super::manager::Manager::ready(shared.clone());
        let (first, told) = tokio::sync::oneshot::channel();
        let mut running = pin!(updater.run(async { drop(told.await) }));
        let mut first = Some(first);
        loop {
            tokio::select! {
                ended = &mut running => return ended.map_err(|error| Failure::new(error.to_string())),
                signal = signals.next() => {
                    let Some(first) = first.take() else {
                        warn!(signal, "ended at once; what was under way is taken up at the next start");
                        std::process::exit(130);
                    };
                    info!(signal, "told to stop; a second signal ends at once");
                    manager.stopping(shared.settings.get().settings.limits.stop_within);
                    let _ = first.send(());
                }
            }
        }
    })
}

/// Who may use the local API.
fn access(arguments: &Arguments) -> Access {
    #[cfg(unix)]
    if arguments.group_may_connect {
        return Access::Group;
    }
    #[cfg(not(unix))]
    let _ = arguments;
    Access::Administrators
}

/// What tells a service to stop.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(windows)]
    control_c: tokio::signal::windows::CtrlC,
    #[cfg(windows)]
    close: tokio::signal::windows::CtrlClose,
    #[cfg(windows)]
    shutdown: tokio::signal::windows::CtrlShutdown,
    #[cfg(windows)]
    manager: super::manager::Orders,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    #[cfg(unix)]
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    #[cfg(windows)]
    fn new() -> std::io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_close, ctrl_shutdown};
        Ok(Self {
            control_c: ctrl_c()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
            manager: super::manager::orders(),
        })
    }

    #[cfg(windows)]
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.control_c.recv() => "Ctrl-C",
            _ = self.close.recv() => "the console was closed",
            _ = self.shutdown.recv() => "the system shuts down",
            order = self.manager.next() => order,
        }
    }
}
