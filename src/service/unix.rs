//! systemd. The unit comes with the package: a unit that a program writes would be in its way.

use std::process::{Command, Output, Stdio};

use super::{Registration, ServiceError, State};

/// Its name for the service manager: the unit that the package brings.
pub const NAME: &str = "siu-updater.service";

/// The unit is the package's affair; this says how it is with it.
///
/// # Errors
/// When the unit is not there.
pub fn install(_registration: &Registration) -> Result<Vec<String>, ServiceError> {
    if status()? == State::NotInstalled {
        return Err(ServiceError::Refused(format!(
            "there is no unit {NAME}; on Linux it comes with the package: install that, or write a unit of your \
             own that runs `siu-updater run`"
        )));
    }
    Ok(vec![format!("the package has brought {NAME}; `systemctl enable --now {NAME}` makes it start with the system")])
}

/// # Errors
/// Always: what a package brought goes with the package.
pub fn uninstall() -> Result<(), ServiceError> {
    if status()? == State::NotInstalled {
        return Err(ServiceError::NotInstalled);
    }
    Err(ServiceError::Refused(format!(
        "{NAME} belongs to the package and goes with it; `systemctl disable --now {NAME}` stops it for good"
    )))
}

/// Starts it and waits until it runs.
///
/// # Errors
/// When it is not installed, or systemd could not start it.
pub fn start() -> Result<(), ServiceError> {
    order("start")
}

/// Stops it and waits for its end.
///
/// # Errors
/// When it is not installed, or systemd could not stop it.
pub fn stop() -> Result<(), ServiceError> {
    order("stop")
}

/// # Errors
/// When systemd can't be asked. Without systemd there is no service, which is no error.
pub fn status() -> Result<State, ServiceError> {
    let answer = match systemctl(&["show", "--property=LoadState,ActiveState,MainPID"]) {
        Ok(answer) => answer,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(State::NotInstalled),
        Err(source) => return Err(ServiceError::System { what: "systemctl can't be run", source }),
    };
    if !answer.status.success() {
        return Err(ServiceError::Refused(words(&answer)));
    }
    Ok(understood(&String::from_utf8_lossy(&answer.stdout)))
}

/// What `systemctl show` says.
fn understood(properties: &str) -> State {
    let of = |name: &str| {
        properties.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default().trim()
    };
    if of("LoadState") != "loaded" {
        return State::NotInstalled;
    }
    match of("ActiveState") {
        "active" => State::Running { process: of("MainPID").parse().ok().filter(|process| *process != 0) },
        "activating" | "reloading" => State::Starting,
        "deactivating" => State::Stopping,
        "inactive" => State::Stopped,
        other => State::Other(other.to_owned()),
    }
}

fn order(verb: &'static str) -> Result<(), ServiceError> {
    if status()? == State::NotInstalled {
        return Err(ServiceError::NotInstalled);
    }
    let answer =
        systemctl(&[verb]).map_err(|source| ServiceError::System { what: "systemctl can't be run", source })?;
    if answer.status.success() { Ok(()) } else { Err(ServiceError::Refused(words(&answer))) }
}

fn systemctl(words: &[&str]) -> std::io::Result<Output> {
    Command::new("systemctl").args(words).arg(NAME).stdin(Stdio::null()).output()
}

fn words(answer: &Output) -> String {
    format!("systemctl says: {}", String::from_utf8_lossy(&answer.stderr).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_says_is_understood() {
        let cases = [
            ("MainPID=7\nLoadState=loaded\nActiveState=active\n", State::Running { process: Some(7) }),
            ("MainPID=0\nLoadState=loaded\nActiveState=active\n", State::Running { process: None }),
            ("MainPID=0\nLoadState=loaded\nActiveState=inactive\n", State::Stopped),
            ("LoadState=loaded\nActiveState=activating\n", State::Starting),
            ("LoadState=loaded\nActiveState=deactivating\n", State::Stopping),
            ("LoadState=loaded\nActiveState=failed\n", State::Other("failed".to_owned())),
            ("LoadState=not-found\nActiveState=inactive\n", State::NotInstalled),
            ("", State::NotInstalled),
        ];
        for (said, meant) in cases {
            assert_eq!(understood(said), meant, "{said:?}");
        }
    }
}
