//! Faults on demand: rules that pick requests, and what becomes of those.
//!
//! A rule picks by operation and mailbox; it can let the first few pass, strike only so often, or roll dice
//! with a seed, so that a run can be repeated. Delays of several rules add up; of other faults the oldest
//! rule's strikes.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

/// Which requests, and what happens to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name of an EWS operation such as `UpdateItem`, `Autodiscover`, `Management`, `SignIn` (between two tokens of
    /// Negotiate or NTLM), `Token` (the token endpoint; [`Fault::Refuse`] with a number of Entra), `UserRealm`, or one of the directory:
    /// `LdapBind`, `LdapSearch`, `LdapAdd`, `LdapModify`, `LdapDelete`, `LdapModifyDn`, `LdapExtended`, or `Ldap` for all
    /// of these; or of remote PowerShell: `PowerShellCreate`, `PowerShellCommand`, `PowerShellSend`, `PowerShellReceive`,
    /// `PowerShellSignal`, `PowerShellDelete`, or `PowerShell` for all; none: every operation of EWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// UPN or any address of the mailbox concerned; none: every mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<String>,
    /// How many matching requests pass unharmed first.
    #[serde(default)]
    pub skip: u64,
    /// How often the rule strikes; none: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Chance to strike, from 0 to 1; none: always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Seed of the dice.
    #[serde(default)]
    pub seed: u64,
    pub fault: Fault,
}

/// What becomes of a request.
///
/// `executed: true` means that the request takes effect first, and only the answer is spoilt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// It waits before it is executed.
    Delay { milliseconds: u64 },
    /// The connection is cut without an answer.
    Drop {
        #[serde(default)]
        executed: bool,
    },
    /// IIS answers with this HTTP status (401, 403, 404, 500, 503, …) and a page of HTML.
    Status {
        status: u16,
        /// Seconds for `Retry-After`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
        #[serde(default)]
        executed: bool,
    },
    /// A page of HTML under status 200, as a proxy or a sign-in form in between gives it.
    Html {
        #[serde(default)]
        executed: bool,
    },
    /// Bytes under status 200 and `text/xml` that are no XML.
    Garbage {
        #[serde(default)]
        executed: bool,
    },
    /// It is executed; the connection is cut after so many bytes of the answer's body, half of it by default.
    Truncate {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<usize>,
    },
    /// Exchange refuses with a response code of its own; remote PowerShell with a fault of this number.
    Refuse {
        code: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        back_off_milliseconds: Option<u64>,
        /// HTTP status of a SOAP fault; none: the code stands on each item asked for, under 200.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<u16>,
    },
    /// Of the items that an `UpdateItem` is to change, those from this one on (the first is 0), as many as `count` says,
    /// are refused, and the others changed. Without a count, Exchange stops there: those that follow are answered by
    /// `ErrorBatchProcessingStopped`.
    RefuseItems {
        from: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<usize>,
        code: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        back_off_milliseconds: Option<u64>,
    },
    /// It is executed; the answer's body comes in pieces of so many bytes with a pause before each.
    Slow { bytes: usize, milliseconds: u64 },
    /// The directory never answers; the connection stays open.
    Hang,
    /// The directory answers with this result code: 51 `busy`, 52 `unavailable`, …
    Result { code: u8 },
}

impl Fault {
    /// Whether the request takes effect nevertheless.
    #[must_use]
    pub fn executes(&self) -> bool {
        match self {
            Self::Drop { executed }
            | Self::Status { executed, .. }
            | Self::Html { executed }
            | Self::Garbage { executed } => *executed,
            Self::Delay { .. } | Self::Truncate { .. } | Self::Slow { .. } | Self::RefuseItems { .. } => true,
            Self::Refuse { .. } | Self::Hang | Self::Result { .. } => false,
        }
    }
}

impl Rule {
    /// A rule for every request.
    #[must_use]
    pub fn every(fault: Fault) -> Self {
        Self { operation: None, mailbox: None, skip: 0, count: None, probability: None, seed: 0, fault }
    }

    /// Only for this operation.
    #[must_use]
    pub fn on(mut self, operation: &str) -> Self {
        self.operation = Some(operation.to_owned());
        self
    }

    /// Only for this mailbox.
    #[must_use]
    pub fn of(mut self, mailbox: &str) -> Self {
        self.mailbox = Some(mailbox.to_owned());
        self
    }

    /// After the first `skip` matching requests.
    #[must_use]
    pub fn after(mut self, skip: u64) -> Self {
        self.skip = skip;
        self
    }

    /// Only so often.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    /// By chance, the same in each run with the same seed.
    #[must_use]
    pub fn by_chance(mut self, probability: f64, seed: u64) -> Self {
        (self.probability, self.seed) = (Some(probability), seed);
        self
    }

    fn is_for_directory(&self) -> bool {
        self.operation.as_deref().is_some_and(of_directory)
    }

    /// Whether it picks requests of this operation. One for every operation means those of EWS.
    fn picks(&self, operation: &str) -> bool {
        match self.operation.as_deref() {
            None => {
                let others = ["Management", "SignIn", "Token"];
                !of_directory(operation) && !of_powershell(operation) && !others.contains(&operation)
            }
            Some(all) if all.eq_ignore_ascii_case("PowerShell") => of_powershell(operation),
            Some(all) if all.eq_ignore_ascii_case("Ldap") => of_directory(operation),
            Some(name) => name.eq_ignore_ascii_case(operation),
        }
    }

    /// # Errors
    /// Says what the rule can't be carried out for.
    pub fn check(&self) -> Result<(), RuleError> {
        if self.probability.is_some_and(|chance| !(0.0..=1.0).contains(&chance)) {
            return Err(RuleError::Probability);
        }
        match &self.fault {
            Fault::Status { status, .. } | Fault::Refuse { fault: Some(status), .. }
                if !(200..=599).contains(status) =>
            {
                Err(RuleError::Status(*status))
            }
            Fault::Slow { bytes: 0, .. } => Err(RuleError::NoPieces),
            Fault::Hang | Fault::Result { .. } if !self.is_for_directory() => Err(RuleError::DirectoryOnly),
            fault if self.is_for_directory() && !fault.suits_directory() => Err(RuleError::NotForDirectory),
            _ => Ok(()),
        }
    }
}

impl Fault {
    fn suits_directory(&self) -> bool {
        matches!(self, Self::Delay { .. } | Self::Drop { .. } | Self::Hang | Self::Result { .. })
    }
}

fn of_directory(operation: &str) -> bool {
    operation.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("Ldap"))
}

fn of_powershell(operation: &str) -> bool {
    operation.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("PowerShell"))
}

/// Why a rule is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("a probability is from 0 to 1")]
    Probability,
    #[error("{0} is no HTTP status that an answer can have; from 200 to 599")]
    Status(u16),
    #[error("a slow answer needs pieces of at least 1 byte")]
    NoPieces,
    #[error("only the directory can hang or answer with a result code: name an operation such as LdapBind")]
    DirectoryOnly,
    #[error("the directory can be delayed, dropped, hang or answer with a result code, and nothing else")]
    NotForDirectory,
}

/// A rule in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleStatus {
    pub id: u64,
    /// Requests that matched.
    pub matched: u64,
    /// Requests that it struck.
    pub struck: u64,
    pub rule: Rule,
}

/// The rules in force, oldest first.
#[derive(Debug, Default)]
pub struct Faults {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    rules: Vec<(RuleStatus, StdRng)>,
}

/// What the rules say about a request: how long it waits, and what happens then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sentence {
    pub delay_milliseconds: u64,
    pub fault: Option<Fault>,
}

impl Faults {
    /// Puts a rule into force and returns its number.
    pub fn add(&self, rule: Rule) -> Result<u64, RuleError> {
        rule.check()?;
        let mut inner = self.lock();
        inner.last += 1;
        let id = inner.last;
        let dice = StdRng::seed_from_u64(rule.seed);
        inner.rules.push((RuleStatus { id, matched: 0, struck: 0, rule }, dice));
        Ok(id)
    }

    /// Whether there was such a rule.
    pub fn remove(&self, id: u64) -> bool {
        let mut inner = self.lock();
        let before = inner.rules.len();
        inner.rules.retain(|(status, _)| status.id != id);
        inner.rules.len() < before
    }

    pub fn clear(&self) {
        self.lock().rules.clear();
    }

    #[must_use]
    pub fn list(&self) -> Vec<RuleStatus> {
        self.lock().rules.iter().map(|(status, _)| status.clone()).collect()
    }

    /// Asks all rules about a request. `is_mailbox` says whether a rule's mailbox is the one concerned.
    pub fn judge(&self, operation: &str, is_mailbox: impl Fn(&str) -> bool) -> Sentence {
        let mut sentence = Sentence::default();
        for (status, dice) in &mut self.lock().rules {
            let rule = &status.rule;
            let matches = rule.picks(operation) && rule.mailbox.as_deref().is_none_or(&is_mailbox);
            let delay = match rule.fault {
                Fault::Delay { milliseconds } => Some(milliseconds),
                _ => None,
            };
            if !matches || (delay.is_none() && sentence.fault.is_some()) {
                continue;
            }
            status.matched += 1;
            let due = status.matched > rule.skip && rule.count.is_none_or(|count| status.struck < count);
            if !due || !rule.probability.is_none_or(|chance| dice.random_bool(chance)) {
                continue;
            }
            status.struck += 1;
            match delay {
                Some(milliseconds) => sentence.delay_milliseconds += milliseconds,
                None => sentence.fault = Some(rule.fault.clone()),
            }
        }
        sentence
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DROP: Fault = Fault::Drop { executed: false };

    fn strikes(faults: &Faults, requests: usize) -> Vec<usize> {
        let struck = |_: &usize| faults.judge("UpdateItem", |mailbox| mailbox == "anna").fault.is_some();
        (1..=requests).filter(struck).collect()
    }

    /// X1
    #[test]
    fn a_rule_strikes_the_nth_request_and_then_so_often() {
        let faults = Faults::default();
        faults.add(Rule::every(DROP).on("updateitem").of("anna").after(2).times(3)).unwrap();
        assert_eq!(strikes(&faults, 10), [3, 4, 5]);
        assert_eq!((faults.list()[0].matched, faults.list()[0].struck), (10, 3));
    }

    /// X1
    #[test]
    fn a_rule_for_another_operation_or_mailbox_does_not_even_count() {
        let faults = Faults::default();
        faults.add(Rule::every(DROP).on("FindItem")).unwrap();
        faults.add(Rule::every(DROP).of("jonas")).unwrap();
        assert_eq!(strikes(&faults, 5), [0_usize; 0]);
        assert!(faults.list().iter().all(|status| status.matched == 0));
    }

    /// X1
    #[test]
    fn dice_fall_the_same_with_the_same_seed() {
        let run = |seed| {
            let faults = Faults::default();
            faults.add(Rule::every(DROP).by_chance(0.3, seed)).unwrap();
            strikes(&faults, 200)
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        assert!((30..=90).contains(&run(7).len()), "{}", run(7).len());
    }

    /// X1
    #[test]
    fn delays_add_up_and_of_other_faults_the_oldest_strikes() {
        let faults = Faults::default();
        faults.add(Rule::every(Fault::Delay { milliseconds: 20 })).unwrap();
        faults.add(Rule::every(DROP).times(1)).unwrap();
        faults.add(Rule::every(Fault::Html { executed: true })).unwrap();
        faults.add(Rule::every(Fault::Delay { milliseconds: 5 })).unwrap();
        let first = faults.judge("GetItem", |_| false);
        assert_eq!(first, Sentence { delay_milliseconds: 25, fault: Some(DROP) });
        let second = faults.judge("GetItem", |_| false);
        assert_eq!(second.fault, Some(Fault::Html { executed: true }));
    }

    /// X1
    #[test]
    fn a_rule_that_can_not_be_carried_out_is_refused() {
        let faults = Faults::default();
        assert_eq!(faults.add(Rule::every(DROP).by_chance(1.5, 0)), Err(RuleError::Probability));
        let status = |status| Fault::Status { status, retry_after: None, executed: false };
        assert_eq!(faults.add(Rule::every(status(99))), Err(RuleError::Status(99)));
        assert_eq!(faults.add(Rule::every(Fault::Slow { bytes: 0, milliseconds: 1 })), Err(RuleError::NoPieces));
        assert!(serde_json::from_str::<Rule>(r#"{"fault":{"kind":"drop","exceuted":true}}"#).is_err());
        assert!(faults.list().is_empty());
    }

    /// X1
    #[test]
    fn a_rule_for_every_operation_leaves_the_directory_alone_and_ldap_means_all_of_it() {
        let faults = Faults::default();
        faults.add(Rule::every(DROP)).unwrap();
        assert_eq!(faults.judge("LdapSearch", |_| true), Sentence::default());
        faults.add(Rule::every(Fault::Result { code: 51 }).on("ldap")).unwrap();
        assert_eq!(faults.judge("LdapBind", |_| true).fault, Some(Fault::Result { code: 51 }));
        assert_eq!(faults.judge("GetItem", |_| true).fault, Some(DROP));
        assert_eq!(faults.add(Rule::every(Fault::Hang)), Err(RuleError::DirectoryOnly));
        let html = Rule::every(Fault::Html { executed: false }).on("LdapBind");
        assert_eq!(faults.add(html), Err(RuleError::NotForDirectory));
    }

    /// X1
    #[test]
    fn remote_powershell_is_picked_as_a_whole_or_by_operation_and_never_by_accident() {
        let faults = Faults::default();
        faults.add(Rule::every(DROP)).unwrap();
        assert_eq!(faults.judge("PowerShellReceive", |_| true), Sentence::default());
        faults.add(Rule::every(DROP).on("PowerShellCreate")).unwrap();
        assert_eq!(faults.judge("PowerShellReceive", |_| true), Sentence::default());
        faults.add(Rule::every(Fault::Html { executed: false }).on("powershell")).unwrap();
        assert_eq!(faults.judge("PowerShellReceive", |_| true).fault, Some(Fault::Html { executed: false }));
        assert_eq!(faults.judge("PowerShellCreate", |_| true).fault, Some(DROP));
    }

    /// X1
    #[test]
    fn a_removed_rule_strikes_no_more() {
        let faults = Faults::default();
        let id = faults.add(Rule::every(DROP)).unwrap();
        assert!(faults.remove(id) && !faults.remove(id));
        assert_eq!(strikes(&faults, 2), [0_usize; 0]);
    }
}
