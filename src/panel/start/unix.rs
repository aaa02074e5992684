//! Services of Linux: systemd, where there is one.

use std::process::Stdio;

use tokio::process::{Child, Command};

use super::StartError;

const UNIT: &str = "siu-updater.service";

/// Starts the service. False: it is not installed here.
pub async fn start_service() -> Result<bool, StartError> {
    let known =
        Command::new("systemctl").args(["cat", UNIT]).stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    // No systemctl: no systemd, and no service.
    if !known.is_ok_and(|status| status.success()) {
        return Ok(false);
    }
    let started = Command::new("systemctl").args(["start", UNIT]).stdin(Stdio::null()).output().await;
    let output = started.map_err(|error| StartError::Service(format!("systemctl can't be run: {error}.")))?;
    if output.status.success() {
        return Ok(true);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(StartError::Service(format!("systemctl says: {}", words.trim())))
}

/// In a process group of its own: Ctrl-C in the panel's terminal does not concern it.
pub fn detach(command: &mut Command) {
    command.process_group(0);
}

/// SIGTERM, as a service manager sends it.
pub fn ask_to_stop(child: &Child) {
    let process = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(process) = process {
        // One that is gone already needs no asking.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
    }
}

/// Waits until this process is told to end. For ever, when that can't be heard.
pub async fn told_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
