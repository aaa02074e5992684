//! What will be done, before it is done: the summary of page *Configure* (W5).

use super::{AccountChoice, Answers, ConnectionChoice, Step};
use crate::settings::Environment;

/// The steps that these answers need, in their order (W6).
#[must_use]
pub fn steps(answers: &Answers) -> Vec<Step> {
    let account = match answers.account {
        AccountChoice::Automatic { .. } => Step::CreateAccount,
        AccountChoice::Existing { .. } => Step::VerifyAccount,
    };
    vec![Step::CheckAdministrator, Step::LocateServer, account, Step::GrantRights, Step::TestRights, Step::Save]
}

/// A sentence a step. `domain` is where the account is or is to be.
#[must_use]
pub fn sentences(answers: &Answers, domain: &str) -> Vec<(Step, String)> {
    steps(answers).into_iter().map(|step| (step, sentence(step, answers, domain))).collect()
}

/// The user principal name that the account has or is to have.
#[must_use]
pub fn upn(answers: &Answers, domain: &str) -> String {
    match &answers.account {
        AccountChoice::Automatic { name } => format!("{}@{domain}", name.trim()),
        AccountChoice::Existing { upn, .. } => upn.trim().to_owned(),
    }
}

fn sentence(step: Step, answers: &Answers, domain: &str) -> String {
    let upn = upn(answers, domain);
    match step {
        Step::CheckAdministrator => format!("Check that you are a member of Domain Admins of {domain}."),
        Step::LocateServer => match &answers.connection {
            ConnectionChoice::Autodiscover => "Find the Exchange server by Autodiscover.".to_owned(),
            ConnectionChoice::Manual { server } => format!("Connect to the Exchange server {}.", server.trim()),
        },
        Step::CreateAccount => format!(
            "Create the account {upn} with a random password that does not expire, or take it over if an earlier \
             configuration made it."
        ),
        Step::VerifyAccount => match answers.environment {
            Environment::OnPremises => format!("Check that {upn} meets the conditions of a service account."),
            Environment::Hybrid => format!(
                "Check that {upn} meets the conditions of a service account, those of a hybrid environment included."
            ),
        },
        Step::GrantRights => format!("Give {upn} the right to impersonate mailboxes, unless it has it."),
        Step::TestRights => "Test the right: open Sent Items of a mailbox, and change nothing there.".to_owned(),
        Step::Save => {
            "Hand the configuration over to the updater and switch Sent Items Update on, unless somebody switched it \
             off before."
                .to_owned()
        }
    }
}
