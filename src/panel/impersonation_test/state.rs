//! What the impersonation test knows, and what happens next. No egui and no I/O.

use crate::settings::SmtpAddress;
use crate::setup::{AccessOutcome, Failure};

#[derive(Debug, Default)]
pub struct State {
    pub mailbox: String,
    touched: bool,
    pub phase: Phase,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Phase {
    #[default]
    Idle,
    Testing(SmtpAddress),
    Opened(AccessOutcome),
    Failed(Box<Failure>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    Type(String),
    Browse,
    Test,
    /// Stop the test that runs.
    Stop,
    Copy(String),
    Close,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Test(SmtpAddress),
    Stop,
    Browse,
    Copy(String),
    Close,
}

impl State {
    /// What is wrong with the address, once something was typed or *Test* pressed.
    pub fn problem(&self) -> Option<String> {
        self.touched.then(|| self.address().err()).flatten()
    }

    pub fn is_testing(&self) -> bool {
        matches!(self.phase, Phase::Testing(_))
    }

    fn address(&self) -> Result<SmtpAddress, String> {
        let text = self.mailbox.trim();
        if text.is_empty() {
            return Err("Enter the e-mail address of a mailbox, or choose one by Browse.".to_owned());
        }
        text.parse().map_err(|_| "This is not an e-mail address such as anna@example.com.".to_owned())
    }

    #[must_use]
    pub fn wants(&mut self, intent: Intent) -> Option<Effect> {
        match intent {
            Intent::Type(text) if !self.is_testing() => {
                self.mailbox = text;
                self.touched = true;
                // A result belongs to the mailbox that stands above it.
                self.phase = Phase::Idle;
                None
            }
            Intent::Test if !self.is_testing() => {
                self.touched = true;
                let address = self.address().ok()?;
                self.phase = Phase::Testing(address.clone());
                Some(Effect::Test(address))
            }
            Intent::Stop if self.is_testing() => {
                self.phase = Phase::Idle;
                Some(Effect::Stop)
            }
            Intent::Browse if !self.is_testing() => Some(Effect::Browse),
            Intent::Copy(text) => Some(Effect::Copy(text)),
            Intent::Close => Some(Effect::Close),
            Intent::Type(_) | Intent::Test | Intent::Stop | Intent::Browse => None,
        }
    }

    /// The test is over.
    pub fn ended(&mut self, result: Result<AccessOutcome, Failure>) {
        if self.is_testing() {
            self.phase = match result {
                Ok(outcome) => Phase::Opened(outcome),
                Err(failure) => Phase::Failed(Box::new(failure)),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> State {
        let mut state = State::default();
        assert_eq!(state.wants(Intent::Type(text.into())), None);
        state
    }

    /// W10
    #[test]
    fn a_mailbox_is_tested_once_and_the_result_stays_until_another_is_typed() {
        let mut state = typed(" anna@corp.example ");
        let anna: SmtpAddress = "anna@corp.example".parse().unwrap();
        assert_eq!(state.wants(Intent::Test), Some(Effect::Test(anna.clone())));
        assert_eq!(state.wants(Intent::Test), None);
        state.ended(Ok(AccessOutcome { mailbox: anna, items: 42, version: String::new() }));
        assert!(matches!(&state.phase, Phase::Opened(outcome) if outcome.items == 42));
        assert_eq!(state.wants(Intent::Type("ben@corp.example".into())), None);
        assert_eq!(state.phase, Phase::Idle);
    }

    #[test]
    fn what_is_no_address_is_not_tested_and_told() {
        let mut state = State::default();
        assert_eq!(state.problem(), None);
        assert_eq!(state.wants(Intent::Test), None);
        assert!(state.problem().unwrap().contains("Enter"));
        assert!(typed("anna").problem().unwrap().contains("not an e-mail address"));
        assert_eq!(typed("anna@corp.example").problem(), None);
    }

    #[test]
    fn a_result_that_comes_after_the_test_was_stopped_is_not_shown() {
        let mut state = typed("anna@corp.example");
        assert!(state.wants(Intent::Test).is_some());
        assert_eq!(state.wants(Intent::Stop), Some(Effect::Stop));
        state.ended(Err(Failure::default()));
        assert_eq!(state.phase, Phase::Idle);
    }
}
