//! The failures of the steps, worded for the administrator: what went wrong, why, what to do (W8–W12).
//!
//! Every one is complete: the failure window and the command line show it as it is.

use super::cmdlet;
use super::{Failure, Page};
use crate::directory::SearchError;
use crate::pipe::client::PipeError;

/// An answer that can't be worked with. The pages check it as it is typed; the command line comes here.
#[must_use]
pub fn wrong_answer(page: Page, sentence: &str) -> Failure {
    Failure {
        what: sentence.to_owned(),
        cause: "What was entered can't be worked with.".to_owned(),
        advice: vec![format!("Go back to the page {} and correct it.", page_name(page))],
        page: Some(page),
        ..Failure::default()
    }
}

/// W12
#[must_use]
pub fn not_an_administrator(user: &str, domain: &str) -> Failure {
    Failure {
        what: format!("{user} is not a member of Domain Admins of {domain}."),
        cause: "Creating the service account and granting its right need a domain administrator. Membership through \
                other groups counts, but this user has none."
            .to_owned(),
        advice: vec![
            format!("Sign in as a member of Domain Admins of {domain} and run the configuration again."),
            format!("Or have {user} added to Domain Admins; it takes effect when {user} signs in again."),
        ],
        ..Failure::default()
    }
}

/// The directory could not be asked.
#[must_use]
pub fn directory(what_for: &str, problem: &SearchError) -> Failure {
    let advice = if problem.advice.is_empty() {
        "Make sure that a domain controller can be reached from this computer, and try again.".to_owned()
    } else {
        problem.advice.clone()
    };
    Failure {
        what: format!("Active Directory could not be asked {what_for}."),
        cause: sentence(&problem.what),
        advice: vec![sentence(&advice)],
        ..Failure::default()
    }
}

/// W8: Autodiscover led to no server. `attempts` tells what was tried and how each attempt ended.
#[must_use]
pub fn server_not_found(address: &str, attempts: Vec<String>) -> Failure {
    Failure {
        what: format!("Autodiscover led to no Exchange server for {address}."),
        cause: "None of the places where Autodiscover is looked for gave the address of Exchange Web Services; the \
                details tell what each of them answered."
            .to_owned(),
        advice: vec![
            "Look at the details for the place where your organisation has Autodiscover, and put right what it says \
             there."
                .to_owned(),
            "If the account has no mailbox, or Autodiscover is not set up for this computer, go back to the page \
             Connection and enter the server by hand (on-premises only)."
                .to_owned(),
        ],
        details: attempts,
        page: Some(Page::Connection),
        ..Failure::default()
    }
}

/// W8: a server was named, and Exchange Web Services can't be used there.
#[must_use]
pub fn server_not_usable(server: &str, cause: &str, advice: Vec<String>, details: Vec<String>) -> Failure {
    Failure {
        what: format!("Exchange Web Services can't be reached at {server}."),
        cause: sentence(cause),
        advice,
        details,
        page: Some(Page::Connection),
        ..Failure::default()
    }
}

/// W8: the account could not be created.
#[must_use]
pub fn account_not_created(upn: &str, problem: &SearchError) -> Failure {
    let mut advice = Vec::new();
    if !problem.advice.is_empty() {
        advice.push(sentence(&problem.advice));
    }
    advice.push(
        "Or create an account by hand, go back to the page Account, choose the existing account and enter it."
            .to_owned(),
    );
    Failure {
        what: format!("The account {upn} could not be created."),
        cause: sentence(&problem.what),
        advice,
        page: Some(Page::Account),
        ..Failure::default()
    }
}

/// W11: a condition that the account does not meet, with its own message.
#[must_use]
pub fn condition(what: &str, cause: &str, advice: &[&str]) -> Failure {
    Failure {
        what: sentence(what),
        cause: sentence(cause),
        advice: advice.iter().map(|line| sentence(line)).collect(),
        page: Some(Page::Account),
        ..Failure::default()
    }
}

/// W11: what the step *verify the account* shows when a condition failed: the first of them, and the others with it.
#[must_use]
pub fn conditions(mut failed: Vec<Failure>) -> Option<Failure> {
    if failed.is_empty() {
        return None;
    }
    let mut first = failed.remove(0);
    for other in failed {
        first.details.push(format!("Also: {} {}", other.what, other.cause));
        first.details.extend(other.details);
        for advice in other.advice {
            if !first.advice.contains(&advice) {
                first.advice.push(advice);
            }
        }
    }
    Some(first)
}

/// W9: the right could not be granted, and is to be granted by hand.
#[must_use]
pub fn right_not_granted(upn: &str, cause: &str, details: Vec<String>) -> Failure {
    Failure {
        what: format!("The right to impersonate mailboxes could not be granted to {upn}."),
        cause: sentence(cause),
        advice: vec![
            "Open the Exchange Management Shell as a member of Organization Management and run the cmdlet below."
                .to_owned(),
            "Then run this step again. It recognises the right and goes on; Exchange may take some minutes to apply it."
                .to_owned(),
        ],
        cmdlet: Some(cmdlet::grant(upn)),
        details,
        page: Some(Page::Account),
        ..Failure::default()
    }
}

/// W9: there is no way to the cmdlets of Exchange.
#[must_use]
pub fn right_to_be_granted_by_hand(upn: &str, details: Vec<String>) -> Failure {
    right_not_granted(
        upn,
        "The account does not have the right yet, and Exchange's administration grants it only to somebody who signs in \
         with a name and a password, which are not at hand",
        details,
    )
}

/// W9, hybrid: Exchange Online has no such role any more.
#[must_use]
pub fn role_gone(upn: &str, details: Vec<String>) -> Failure {
    Failure {
        what: format!("Exchange Online can't grant {upn} the right to impersonate mailboxes."),
        cause: "Microsoft removed the role ApplicationImpersonation from Exchange Online in February 2025. Mailboxes on \
                your own Exchange servers are not concerned."
            .to_owned(),
        advice: vec![
            "For mailboxes on your own servers, run the cmdlet below in the Exchange Management Shell there, and choose \
             the on-premises environment."
                .to_owned(),
            "Mailboxes in Exchange Online need an application registered in Microsoft Entra with the permission \
             Mail.ReadWrite, limited by RBAC for Applications, instead of an account with a password."
                .to_owned(),
        ],
        cmdlet: Some(cmdlet::grant(upn)),
        details,
        page: Some(Page::Environment),
        ..Failure::default()
    }
}

/// W10: the right seems to be there, and impersonation is refused all the same. `waited` says how long it was tried
/// after the right was granted in this run.
#[must_use]
pub fn impersonation_refused(upn: &str, mailbox: &str, waited: Option<&str>, details: Vec<String>) -> Failure {
    let cause = match waited {
        Some(waited) => format!(
            "The right was granted, and Exchange has not applied it within {waited}. Its servers hold what they know of \
             rights for a while, and other sites learn of it only when the directory has replicated."
        ),
        None => "The account does not have the right, or has it for other mailboxes only (a management scope), or \
                 Exchange has not applied it yet."
            .to_owned(),
    };
    Failure {
        what: format!("Exchange does not let {upn} impersonate {mailbox}."),
        cause,
        advice: vec![
            "Wait some minutes and run the configuration again; steps that were done are not repeated.".to_owned(),
            "Test with other mailboxes; when some work, a management scope limits the right.".to_owned(),
            format!("See with the cmdlet {} whether the right is there.", cmdlet::look(upn)),
        ],
        cmdlet: Some(cmdlet::grant(upn)),
        details,
        offer_test: true,
        page: Some(Page::Account),
        ..Failure::default()
    }
}

/// W10: the test failed for another reason than the right.
#[must_use]
pub fn test_failed(mailbox: &str, cause: &str, advice: Vec<String>, details: Vec<String>) -> Failure {
    Failure {
        what: format!("Sent Items of {mailbox} could not be opened."),
        cause: sentence(cause),
        advice,
        details,
        offer_test: true,
        page: Some(Page::Account),
        ..Failure::default()
    }
}

/// W10: there is nobody to test with.
#[must_use]
pub fn no_mailbox_to_test(details: Vec<String>) -> Failure {
    Failure {
        what: "No mailbox was found to test the right with.".to_owned(),
        cause: "The directory shows no enabled user with a mailbox, or could not be searched for one.".to_owned(),
        advice: vec!["Open the impersonation test and name a mailbox that exists.".to_owned()],
        details,
        offer_test: true,
        page: Some(Page::Account),
        ..Failure::default()
    }
}

/// W10: the test by hand needs what an earlier step makes.
#[must_use]
pub fn too_early(what: &str) -> Failure {
    Failure {
        what: "The test can't be made yet.".to_owned(),
        cause: format!("With the answers as they stand now, {what} in a run before."),
        advice: vec!["Run the configuration first; it makes the test itself.".to_owned()],
        ..Failure::default()
    }
}

/// The updater can't take the configuration over.
#[must_use]
pub fn not_saved(error: &PipeError) -> Failure {
    let (cause, advice): (String, &[&str]) = match error {
        PipeError::NotRunning { path } => (
            format!("The updater does not run: nothing listens at {}.", path.display()),
            &[
                "Start the service Sent Items Update (siu-updater run).",
                "Then run the configuration again; steps that were done are not repeated.",
            ],
        ),
        PipeError::Timeout | PipeError::Broken(_) => (
            sentence(&error.to_string()),
            &[
                "See in its log whether the updater is well, and restart it if it is not.",
                "Then run the configuration again; steps that were done are not repeated.",
            ],
        ),
        PipeError::Conflict => (
            "Somebody else changed the settings at the same moment, twice in a row.".to_owned(),
            &[
                "Find out who else is configuring the updater.",
                "Then run the configuration again; steps that were done are not repeated.",
            ],
        ),
        PipeError::Untrusted(_) | PipeError::Refused { status: 403, .. } => {
            (sentence(&error.to_string()), &["Run the configuration as an administrator of this computer."])
        }
        PipeError::NotUnderstood(_) => (
            sentence(&error.to_string()),
            &["Bring the panel and the updater to the same version, then run the configuration again."],
        ),
        PipeError::Refused { .. } | PipeError::File { .. } => {
            (sentence(&error.to_string()), &["Put right what the updater says, then run the configuration again."])
        }
    };
    let code = match error {
        PipeError::Conflict => Some("changed-meanwhile".to_owned()),
        PipeError::Refused { problem, .. } => Some(problem.code.clone()),
        _ => None,
    };
    Failure {
        what: "The updater did not take the configuration over; the previous one stays in force.".to_owned(),
        cause,
        advice: advice.iter().map(|&line| line.to_owned()).collect(),
        code,
        page: Some(Page::Configure),
        ..Failure::default()
    }
}

/// Name of a page as the wizard shows it.
#[must_use]
pub fn page_name(page: Page) -> &'static str {
    match page {
        Page::Environment => "Environment",
        Page::Connection => "Connection",
        Page::Account => "Account",
        Page::Configure => "Configure",
        Page::Result => "Result",
    }
}

/// With a capital letter at its beginning and a full stop at its end.
#[must_use]
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut characters = text.chars();
    let Some(first) = characters.next() else { return String::new() };
    // Only a plain word gets a capital: a name or an address keeps its spelling.
    let word = text.split_whitespace().next().unwrap_or_default();
    let plain = word.chars().all(|c| c.is_lowercase() || matches!(c, '\'' | ',' | ':'));
    let mut sentence: String = if plain { first.to_uppercase().chain(characters).collect() } else { text.to_owned() };
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W8–W12: whatever fails, the window has something to show in each place.
    #[test]
    fn every_failure_says_what_why_and_what_to_do() {
        let problem = SearchError { what: "dc1 does not answer".to_owned(), advice: String::new() };
        let not_running = PipeError::NotRunning { path: "/run/updater.sock".into() };
        for failure in [
            wrong_answer(Page::Account, "Enter a name."),
            not_an_administrator("anna@corp.example", "corp.example"),
            directory("who you are", &problem),
            server_not_found("svc@corp.example", Vec::new()),
            server_not_usable("mail", "it is refused", vec!["Look.".to_owned()], Vec::new()),
            account_not_created("svc@corp.example", &problem),
            condition("svc is disabled", "it is", &["enable it"]),
            right_to_be_granted_by_hand("svc@corp.example", Vec::new()),
            role_gone("svc@corp.example", Vec::new()),
            impersonation_refused("svc@corp.example", "anna@corp.example", Some("10 minutes"), Vec::new()),
            test_failed("anna@corp.example", "it is full", vec!["Empty it.".to_owned()], Vec::new()),
            no_mailbox_to_test(Vec::new()),
            not_saved(&not_running),
            not_saved(&PipeError::Conflict),
            not_saved(&PipeError::Timeout),
        ] {
            for text in [&failure.what, &failure.cause].into_iter().chain(&failure.advice) {
                assert!(text.ends_with('.') && text.len() > 3, "{failure:?}");
            }
            assert!(!failure.advice.is_empty(), "{failure:?}");
        }
    }

    /// W9
    #[test]
    fn a_right_that_was_not_granted_comes_with_its_cmdlet() {
        let failure = right_not_granted("svc@corp.example", "access is denied", Vec::new());
        assert_eq!(failure.cmdlet.as_deref(), Some(cmdlet::grant("svc@corp.example").as_str()));
    }

    /// W10
    #[test]
    fn a_failed_test_offers_the_test_by_hand() {
        assert!(impersonation_refused("svc@corp.example", "anna@corp.example", None, Vec::new()).offer_test);
        assert!(test_failed("anna@corp.example", "x", Vec::new(), Vec::new()).offer_test);
    }

    /// W11
    #[test]
    fn several_failed_conditions_are_all_told() {
        let failed = vec![condition("a", "b", &["c"]), condition("d", "e", &["c", "f"])];
        let failure = conditions(failed).unwrap();
        assert_eq!((failure.what.as_str(), failure.details.as_slice()), ("A.", &["Also: D. E.".to_owned()][..]));
        assert_eq!(failure.advice, ["C.", "F."]);
        assert_eq!(conditions(Vec::new()), None);
    }

    #[test]
    fn a_sentence_keeps_the_spelling_of_names() {
        assert_eq!(sentence("mail.corp.example is not there"), "mail.corp.example is not there.");
        assert_eq!(sentence("the server is not there"), "The server is not there.");
    }
}
