//! Commands of an administrator who gives updaters a share in what the organisation has in common.

use std::io::Write as _;
use std::process::{Output, Stdio};

use secrecy::ExposeSecret as _;

use crate::lab::Lab;
use crate::process::{Place, text};

/// Runs a command that reads these lines.
pub fn given(place: &Place, arguments: &[&str], lines: &[&str]) -> Output {
    let mut command = place.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end without having read them.
    let _ = child.stdin.take().unwrap().write_all(lines.join("\n").as_bytes());
    child.wait_with_output().unwrap()
}

/// The command line of an administrator, behind the name of a command.
pub fn administrator<'a>(lab: &'a Lab, controller: &'a str) -> Vec<&'a str> {
    let mut words = vec!["--user", &lab.administrator, "--user-password-stdin", "--place", &lab.unit];
    words.extend(["--controller", controller, "--ca", &lab.ca_file]);
    words
}

/// Registers the updater at this place, which signs in to the directory as that computer.
pub fn register_at(lab: &Lab, place: &Place, computer: &str, controller: &str) -> String {
    let mut words = vec!["register", "--account", computer, "--account-password-stdin"];
    words.extend(administrator(lab, controller));
    let output = given(place, &words, &[lab.administrator_password.expose_secret(), lab.password.expose_secret()]);
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The same, with the domain's controller at first hand.
pub fn register(lab: &Lab, place: &Place, computer: &str) -> String {
    register_at(lab, place, computer, &lab.controller)
}
