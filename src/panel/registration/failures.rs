//! What goes wrong, worded for the administrator: what, why, and what to do.

use crate::enrolment::{JoinError, RemoveError, Stage};
use crate::organisation::administration::{AdministrationError, By};
use crate::pipe::client::PipeError;
use crate::setup::Failure;
use crate::setup::failures::sentence;

fn of_directory(what: String, error: &AdministrationError) -> Failure {
    let mut advice = vec![sentence(&error.advice(By::Panel))];
    advice.retain(|advice| advice.len() > 1);
    advice.push("Then try again: what was done already is completed, and nothing is done twice.".to_owned());
    Failure { what, cause: sentence(&error.to_string()), advice, ..Failure::default() }
}

/// It is not known what is there.
pub fn not_looked(error: &AdministrationError) -> Failure {
    let what = "What is in Active Directory already could not be looked at. Nothing was changed.".to_owned();
    of_directory(what, error)
}

pub fn not_joined(name: &str, error: &JoinError) -> Failure {
    match error {
        JoinError::Directory(error) => of_directory(format!("{name} could not be registered."), error),
        JoinError::Updater { registered, cause } => Failure {
            what: format!(
                "{name} is registered in Active Directory, but its updater could not take that up, and works on as before."
            ),
            cause: sentence(cause.to_string().trim_start_matches("nothing was changed: ")),
            advice: vec![
                advice(cause).to_owned(),
                "Then try again: the registration is renewed, and nothing is done twice.".to_owned(),
            ],
            details: registered.done.iter().chain(&registered.notes).cloned().collect(),
            ..Failure::default()
        },
    }
}

pub fn not_removed(name: &str, error: &RemoveError) -> Failure {
    match error {
        RemoveError::Directory(error) => of_directory(format!("{name} could not be removed."), error),
        RemoveError::Updater { cause, .. } => Failure {
            what: format!("{name} is not registered any more, but its updater could not be told to leave."),
            cause: sentence(&cause.to_string()),
            advice: vec![
                advice(cause).to_owned(),
                "Then press Leave… on the tab General. Until then it works on with the settings that it has, and refuses \
                 changes."
                    .to_owned(),
            ],
            ..Failure::default()
        },
    }
}

pub fn not_left(error: &PipeError) -> Failure {
    Failure {
        what: "The updater could not leave.".to_owned(),
        cause: sentence(&error.to_string()),
        advice: vec![advice(error).to_owned(), "Then try again.".to_owned()],
        ..Failure::default()
    }
}

/// The updater does not say who it is.
pub fn not_asked(error: &PipeError) -> Failure {
    Failure {
        what: "The updater could not be asked who it is. Nothing was changed.".to_owned(),
        cause: sentence(&error.to_string()),
        advice: vec![advice(error).to_owned(), "Then try again.".to_owned()],
        ..Failure::default()
    }
}

fn advice(error: &PipeError) -> &'static str {
    match error {
        PipeError::NotRunning { .. } => "Start the service Sent Items Update.",
        PipeError::Refused { problem, .. } if problem.code == "directory" => {
            "See to it that this computer reaches a domain controller, and that the account signs in there."
        }
        PipeError::Refused { problem, .. } if matches!(&*problem.code, "directory-refused" | "not-registered") => {
            "See whether the account that is registered is the one that the service runs as. What was just written may take \
             a moment to reach all domain controllers."
        }
        PipeError::Timeout | PipeError::Broken(_) => {
            "See whether the service Sent Items Update runs, and whether it reaches a domain controller."
        }
        _ => "Put right what is said above.",
    }
}

/// It was removed from the table meanwhile.
pub fn gone() -> Failure {
    Failure {
        what: "This updater is not registered any more.".to_owned(),
        cause: "Somebody has removed it meanwhile.".to_owned(),
        advice: vec!["Close this: the table shows what is there.".to_owned()],
        ..Failure::default()
    }
}

pub fn stopped_joining(name: &str, stage: Stage) -> Failure {
    let cause = match stage {
        Stage::Directory => {
            "How much of the registration is in Active Directory is not known. The updater here was not told of it, and has \
             the settings that it had."
        }
        Stage::Updater => {
            "The registration is in Active Directory. The updater here had been told of it, and may still take it up by \
             itself."
        }
    };
    Failure {
        what: format!("Registering {name} was stopped."),
        cause: cause.to_owned(),
        advice: vec![
            "Try again to complete it: nothing is done twice.".to_owned(),
            "Or have it removed: Remove… on the tab General of an updater that has joined, or siu-updater unregister."
                .to_owned(),
        ],
        ..Failure::default()
    }
}

pub fn stopped_removing(name: &str) -> Failure {
    Failure {
        what: format!("Removing {name} was stopped."),
        cause: "How much of it took effect is not known.".to_owned(),
        advice: vec!["Try again to complete it: nothing is done twice.".to_owned()],
        ..Failure::default()
    }
}

pub fn broken_down() -> Failure {
    Failure {
        what: "This broke down inside the panel.".to_owned(),
        cause: "This is a mistake in the program.".to_owned(),
        advice: vec![
            "Try again: nothing is done twice.".to_owned(),
            "If it happens again, please report it with a diagnostic bundle.".to_owned(),
        ],
        ..Failure::default()
    }
}

pub fn sandbox() -> Failure {
    Failure {
        what: "This directory keeps no configuration that updaters could share.".to_owned(),
        cause: "It is the sandbox's own, which has no access rights that could protect it.".to_owned(),
        advice: vec!["Register the updater in a real domain.".to_owned()],
        ..Failure::default()
    }
}

/// Whoever is signed in may not; somebody else is asked for.
pub fn somebody_else(who: &str, domain: &str) -> Failure {
    Failure { what: format!("{who} is not a member of Domain Admins of {domain}."), ..Failure::default() }
}
