//! Whether an account can be used as the service account (W11).

use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;

use super::super::client::Directory;
use super::super::entry::Entry;
use super::super::error::DirectoryError;
use super::super::refusal::Refusal;
use super::super::session::{Base, Search};
use super::super::{dn, filter};

/// A condition of W11 with its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCheck {
    pub condition: AccountCondition,
    pub verdict: AccountVerdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountCondition {
    /// The account is there, under a valid user principal name.
    ValidUpn,
    DomainUsers,
    Enabled,
    NotLocked,
    NotExpired,
    PasswordRight,
    PasswordNotExpired,
    PasswordNeedsNoChange,
}

impl AccountCondition {
    pub const ALL: [Self; 8] = [
        Self::ValidUpn,
        Self::DomainUsers,
        Self::Enabled,
        Self::NotLocked,
        Self::NotExpired,
        Self::PasswordRight,
        Self::PasswordNotExpired,
        Self::PasswordNeedsNoChange,
    ];
}

/// As a noun phrase.
impl fmt::Display for AccountCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ValidUpn => "valid user principal name",
            Self::DomainUsers => "member of Domain Users",
            Self::Enabled => "account enabled",
            Self::NotLocked => "account not locked",
            Self::NotExpired => "account not expired",
            Self::PasswordRight => "password right",
            Self::PasswordNotExpired => "password not expired",
            Self::PasswordNeedsNoChange => "password needs no change",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountVerdict {
    Met,
    /// What is wrong, and what to do, a sentence each.
    Failed {
        what: String,
        advice: String,
    },
    /// It could not be found out, for a reason.
    Unknown(String),
}

const ATTRIBUTES: [&str; 9] = [
    "objectGUID",
    "objectSid",
    "userPrincipalName",
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "primaryGroupID",
    "pwdLastSet",
    "accountExpires",
    "lockoutTime",
];

/// Relative number of the group Domain Users in every domain.
const DOMAIN_USERS: u32 = 513;

// Bits of userAccountControl and of its computed sibling.
const DISABLED: i64 = 0x2;
const LOCKED: i64 = 0x10;
const NEVER_EXPIRES: i64 = 0x1_0000;
const PASSWORD_EXPIRED: i64 = 0x80_0000;

impl Directory {
    /// Looks at every condition of W11 that is about the account itself, and signs in as it once.
    ///
    /// # Errors
    /// When the directory can't be asked. What is wrong with the account is in the verdicts.
    pub async fn verify(&self, upn: &str, password: &SecretString) -> Result<Vec<AccountCheck>, DirectoryError> {
        self.examine(upn, Some(password)).await
    }

    /// Like [`Self::verify`]. Without a password, nobody signs in, and nothing is said about the password.
    pub async fn examine(
        &self,
        upn: &str,
        password: Option<&SecretString>,
    ) -> Result<Vec<AccountCheck>, DirectoryError> {
        let upn = upn.trim();
        if let Err(why) = is_upn(upn) {
            return Ok(without_account(why, "Enter it as name@domain."));
        }
        // UPN suffixes need not be the domain's name: the own domain is asked first, then the one of that name.
        let (_, suffix) = upn.rsplit_once('@').unwrap_or_default();
        let mut domain = self.own().clone();
        let filter = format!("(&{}{})", filter::USERS, filter::equals("userPrincipalName", upn));
        let search = Search::subtree(Base::Domain, &filter, &ATTRIBUTES);
        let mut found = domain.all(&search).await?;
        if found.is_empty() && suffix.to_lowercase() != self.domain() && self.is_location(suffix).await? {
            domain = self.of(suffix);
            found = domain.all(&search).await?;
        }
        let user = match found.as_slice() {
            [user] => user,
            [] => return self.not_there(upn).await,
            several => {
                return Ok(without_account(
                    format!("{} accounts have the user principal name {upn}.", several.len()),
                    "Give each account a user principal name of its own.",
                ));
            }
        };
        let member = self.is_in_domain_users(&domain, user).await?;
        let sign_in = match password {
            None => Attempt::NotMade,
            Some(password) => match domain.try_account(upn, password).await {
                Ok(None) => Attempt::Accepted,
                Ok(Some(refusal)) => Attempt::Refused(refusal),
                // The directory may be read by Kerberos where no encryption is offered that could carry a password.
                Err(
                    error @ (DirectoryError::Tls { .. }
                    | DirectoryError::NoEncryption { .. }
                    | DirectoryError::Connect { .. }),
                ) => Attempt::NotPossible(error.to_string()),
                Err(error) => return Err(error),
            },
        };
        Ok(judge(&Facts { member, sign_in, now: Timestamp::now() }, user))
    }

    pub(super) async fn is_location(&self, domain: &str) -> Result<bool, DirectoryError> {
        let places = super::super::locations::all(self).await?;
        Ok(places
            .iter()
            .any(|place| place.location.domain.eq_ignore_ascii_case(domain) && place.location.problem.is_none()))
    }

    /// There is no such UPN. An account of that name without one is told apart.
    async fn not_there(&self, upn: &str) -> Result<Vec<AccountCheck>, DirectoryError> {
        let (name, suffix) = upn.rsplit_once('@').unwrap_or((upn, ""));
        if suffix.eq_ignore_ascii_case(self.domain()) {
            let filter = format!("(&{}{})", filter::USERS, filter::equals("sAMAccountName", name));
            let found = self.own().all(&Search::subtree(Base::Domain, &filter, &["userPrincipalName"])).await?;
            if let Some(user) = found.first() {
                let what = match user.text("userPrincipalName") {
                    None => format!("The account {name} has no user principal name."),
                    Some(other) => format!("The user principal name of the account {name} is {other}, not {upn}."),
                };
                return Ok(without_account(what, "Set it in Active Directory (Account, User logon name)."));
            }
        }
        Ok(without_account(
            format!("No account has the user principal name {upn}."),
            "Check the spelling, or choose the account with Browse.",
        ))
    }

    async fn is_in_domain_users(
        &self,
        domain: &super::super::domain::Domain,
        user: &Entry,
    ) -> Result<bool, DirectoryError> {
        if user.number("primaryGroupID") == Some(i64::from(DOMAIN_USERS)) {
            return Ok(true);
        }
        let Some(users) = user.sid().and_then(|sid| sid.domain()).map(|domain| domain.with(DOMAIN_USERS)) else {
            return Ok(false);
        };
        let filter = format!("(objectSid={})", users.filter());
        let group = domain.all(&Search::subtree(Base::Domain, &filter, &["objectSid"])).await?;
        let Some(group) = group.first() else { return Ok(false) };
        // By a detour counts, too.
        let search =
            Search { filter: &filter::members_of(&group.dn), ..Search::object(Base::Object(&user.dn), &["cn"]) };
        Ok(!domain.all(&search).await?.is_empty())
    }
}

/// What was found out beside the account's attributes.
struct Facts {
    member: bool,
    sign_in: Attempt,
    now: Timestamp,
}

/// How signing in as the account went.
enum Attempt {
    NotMade,
    NotPossible(String),
    Accepted,
    Refused(Refusal),
}

fn judge(facts: &Facts, user: &Entry) -> Vec<AccountCheck> {
    AccountCondition::ALL.map(|condition| AccountCheck { condition, verdict: verdict(condition, facts, user) }).into()
}

fn verdict(condition: AccountCondition, facts: &Facts, user: &Entry) -> AccountVerdict {
    let refused = |with: &Refusal| matches!(&facts.sign_in, Attempt::Refused(refusal) if refusal == with);
    let control = user.number("userAccountControl").unwrap_or(0);
    let computed = user.number("msDS-User-Account-Control-Computed").unwrap_or(0);
    let holds = |fails: bool, meaning: Refusal| {
        if fails { failed(sentence(&meaning.to_string()), &meaning.advice()) } else { AccountVerdict::Met }
    };
    match condition {
        AccountCondition::ValidUpn => AccountVerdict::Met,
        AccountCondition::DomainUsers if facts.member => AccountVerdict::Met,
        AccountCondition::DomainUsers => failed(
            format!("The account is not a member of Domain Users of {}.", dn::domain(&user.dn)),
            "Add it to the group Domain Users.",
        ),
        AccountCondition::Enabled => holds(control & DISABLED != 0 || refused(&Refusal::Disabled), Refusal::Disabled),
        AccountCondition::NotLocked => holds(computed & LOCKED != 0 || refused(&Refusal::Locked), Refusal::Locked),
        AccountCondition::NotExpired => holds(
            expired(user.number("accountExpires"), facts.now) || refused(&Refusal::AccountExpired),
            Refusal::AccountExpired,
        ),
        AccountCondition::PasswordNotExpired => holds(
            computed & PASSWORD_EXPIRED != 0 && user.number("pwdLastSet") != Some(0)
                || refused(&Refusal::PasswordExpired) && user.number("pwdLastSet") != Some(0),
            Refusal::PasswordExpired,
        ),
        AccountCondition::PasswordNeedsNoChange => holds(
            control & NEVER_EXPIRES == 0 && user.number("pwdLastSet") == Some(0) || refused(&Refusal::MustChange),
            Refusal::MustChange,
        ),
        AccountCondition::PasswordRight => match &facts.sign_in {
            Attempt::Accepted => AccountVerdict::Met,
            Attempt::NotMade => AccountVerdict::Unknown("No password was given.".to_owned()),
            Attempt::NotPossible(why) => AccountVerdict::Unknown(format!("It can't be tried: {why}.")),
            Attempt::Refused(refusal) => match refusal.password_was_right() {
                Some(true) => AccountVerdict::Met,
                Some(false) => failed("The password is wrong.".to_owned(), "Enter the password again."),
                None => AccountVerdict::Unknown(format!("It can't be tried: {refusal}.")),
            },
        },
    }
}

/// `accountExpires` counts 100 nanoseconds since 1601; 0 and the highest number mean never.
fn expired(at: Option<i64>, now: Timestamp) -> bool {
    const SECONDS_TO_1970: i64 = 11_644_473_600;
    match at {
        None | Some(0 | i64::MAX) => false,
        Some(at) => at / 10_000_000 - SECONDS_TO_1970 <= now.as_second(),
    }
}

/// `name@domain`, as Active Directory takes it.
fn is_upn(upn: &str) -> Result<(), String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "\"/\\[]:;|=,+*?<>".contains(c);
    match upn.rsplit_once('@') {
        _ if upn.is_empty() => Err("The user principal name is missing.".to_owned()),
        None => Err(format!("{upn:?} is no user principal name: it has no @ between a name and a domain.")),
        Some((name, domain)) if name.is_empty() || domain.is_empty() || name.contains(odd) || domain.contains(odd) => {
            Err(format!("{upn:?} is no user principal name."))
        }
        Some(_) if upn.chars().count() > 1024 => Err("The user principal name is too long.".to_owned()),
        Some(_) => Ok(()),
    }
}

/// Nothing else can be looked at.
fn without_account(what: String, advice: &str) -> Vec<AccountCheck> {
    let mut what = Some(what);
    let verdict = |condition| match condition {
        AccountCondition::ValidUpn => failed(what.take().unwrap_or_default(), advice),
        _ => AccountVerdict::Unknown("There is no account to look at.".to_owned()),
    };
    let mut verdict = verdict;
    AccountCondition::ALL.map(|condition| AccountCheck { condition, verdict: verdict(condition) }).into()
}

fn failed(what: String, advice: &str) -> AccountVerdict {
    AccountVerdict::Failed { what, advice: advice.to_owned() }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect::<String>() + ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(refusal: Option<Refusal>, attributes: &[(&str, &[&[u8]])]) -> Vec<AccountCondition> {
        let sign_in = refusal.map_or(Attempt::Accepted, Attempt::Refused);
        let facts = Facts { member: true, sign_in, now: "2026-01-01T00:00:00Z".parse().unwrap() };
        let checks = judge(&facts, &Entry::of("CN=a,DC=corp,DC=test", attributes));
        let failed = checks.into_iter().filter(|check| matches!(check.verdict, AccountVerdict::Failed { .. }));
        failed.map(|check| check.condition).collect()
    }

    /// W11
    #[test]
    fn what_the_attributes_say_and_what_the_sign_in_says_both_count() {
        assert_eq!(verdicts(None, &[("userAccountControl", &[b"66048"])]), []);
        assert_eq!(
            verdicts(Some(Refusal::WrongPassword), &[("userAccountControl", &[b"514"])]),
            [AccountCondition::Enabled, AccountCondition::PasswordRight]
        );
        assert_eq!(
            verdicts(Some(Refusal::MustChange), &[("pwdLastSet", &[b"0"])]),
            [AccountCondition::PasswordNeedsNoChange]
        );
        assert_eq!(verdicts(Some(Refusal::Locked), &[]), [AccountCondition::NotLocked]);
        assert_eq!(verdicts(None, &[("accountExpires", &[b"116444736000000000"])]), [AccountCondition::NotExpired]);
        assert_eq!(verdicts(None, &[("accountExpires", &[b"9223372036854775807"])]), []);
    }

    #[test]
    fn a_upn_is_a_name_and_a_domain() {
        assert_eq!(is_upn("svc@corp.example.test"), Ok(()));
        for bad in ["", "svc", "@corp", "svc@", "CORP\\svc", "s vc@corp", "a\0@corp", "*@corp"] {
            assert!(is_upn(bad).is_err(), "{bad:?}");
        }
    }
}
