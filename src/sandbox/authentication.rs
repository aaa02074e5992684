//! Who may sign in: Basic authentication (RFC 7617) against the directory's accounts, and the simple bind of LDAP.
//!
//! Wrong passwords lock an account at the directory only ([`SignIn::count_failure`]); the web services count none.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::directory::{Directory, MailboxState, PasswordState, Person, folded};
use super::ews::Caller;

/// Why somebody was not let in. The client reads the same 401 for each of them, as from Exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// No credentials, or none in the form of Basic authentication.
    NoCredentials,
    /// No such account, or another password.
    Wrong,
    /// The account is disabled.
    Disabled,
    /// The account or its password is not in order in another way.
    NotNow(Refused),
}

/// Why the domain refuses an account and password, as Windows tells its own services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    Wrong,
    Locked,
    Disabled,
    AccountExpired,
    MustChange,
    PasswordExpired,
}

/// Wrong passwords in a row that lock an account (`lockoutThreshold`).
pub const LOCKED_AFTER: u32 = 5;

/// Accounts and passwords.
pub struct SignIn {
    directory: Arc<Directory>,
    /// Short name of the domain, as in `NORDWIND\anna.bergstroem`.
    domain: String,
    /// DNS name of the domain that the short name stands for.
    suffix: String,
    /// Password of whoever has none of their own.
    everyone: SecretString,
    /// By folded UPN.
    passwords: RwLock<HashMap<String, SecretString>>,
    /// Wrong passwords in a row, by folded UPN.
    failures: RwLock<HashMap<String, u32>>,
}

impl SignIn {
    #[must_use]
    pub fn new(directory: Arc<Directory>, domain: &str, everyone: SecretString) -> Self {
        let netbios = short_name(domain);
        Self {
            directory,
            domain: netbios,
            suffix: domain.to_owned(),
            everyone,
            passwords: RwLock::default(),
            failures: RwLock::default(),
        }
    }

    /// Gives an account a password of its own.
    pub fn set_password(&self, upn: &str, password: SecretString) {
        self.passwords.write().unwrap_or_else(PoisonError::into_inner).insert(folded(upn), password);
    }

    /// The account has none of its own any more.
    pub fn forget_password(&self, upn: &str) {
        self.passwords.write().unwrap_or_else(PoisonError::into_inner).remove(&folded(upn));
    }

    /// The password of an account.
    #[must_use]
    pub fn password(&self, upn: &str) -> SecretString {
        let passwords = self.passwords.read().unwrap_or_else(PoisonError::into_inner);
        passwords.get(&folded(upn)).unwrap_or(&self.everyone).clone()
    }

    /// Reads an `Authorization` header.
    pub fn check(&self, authorization: Option<&[u8]>) -> Result<Caller, Denied> {
        let (name, password) = authorization.and_then(basic).ok_or(Denied::NoCredentials)?;
        let person = self.account(&name).ok_or(Denied::Wrong)?;
        self.admitted(&person, &password)
    }

    /// The same for somebody who proves to know the password without saying it.
    pub fn check_proof(&self, name: &str, knows: impl Fn(&str) -> Result<(), Denied>) -> Result<Caller, Denied> {
        let person = self.account(name).ok_or(Denied::Wrong)?;
        let password = self.password(&person.upn);
        knows(password.expose_secret())?;
        self.admitted(&person, password.expose_secret())
    }

    fn admitted(&self, person: &Person, password: &str) -> Result<Caller, Denied> {
        match self.verify(person, password) {
            Ok(()) => Ok(Caller { upn: person.upn.clone() }),
            Err(Refused::Wrong) => Err(Denied::Wrong),
            Err(Refused::Disabled) => Err(Denied::Disabled),
            Err(refused) => Err(Denied::NotNow(refused)),
        }
    }

    /// Short name and DNS name of the domain.
    #[must_use]
    pub fn domain(&self) -> (&str, &str) {
        (&self.domain, &self.suffix)
    }

    /// Whether the domain lets the account in with this password. Only whoever knows the password learns what else
    /// is the matter with an account, except that it is locked.
    pub fn verify(&self, person: &Person, password: &str) -> Result<(), Refused> {
        if person.locked {
            return Err(Refused::Locked);
        }
        if person.password == PasswordState::None || self.password(&person.upn).expose_secret() != password {
            return Err(Refused::Wrong);
        }
        if person.state == MailboxState::Disabled {
            return Err(Refused::Disabled);
        }
        if person.has_expired() {
            return Err(Refused::AccountExpired);
        }
        match person.password {
            PasswordState::MustChange => Err(Refused::MustChange),
            PasswordState::Expired if !person.password_never_expires => Err(Refused::PasswordExpired),
            _ => Ok(()),
        }
    }

    /// Counts a wrong password. Whether that was one too many, and the account is to be locked.
    #[must_use]
    pub fn count_failure(&self, upn: &str) -> bool {
        let mut failures = self.failures.write().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(folded(upn)).or_default();
        *count += 1;
        *count >= LOCKED_AFTER
    }

    /// The count begins anew.
    pub fn reset_failures(&self, upn: &str) {
        self.failures.write().unwrap_or_else(PoisonError::into_inner).remove(&folded(upn));
    }

    /// Wrong passwords in a row (`badPwdCount`).
    #[must_use]
    pub fn failures(&self, upn: &str) -> u32 {
        self.failures.read().unwrap_or_else(PoisonError::into_inner).get(&folded(upn)).copied().unwrap_or(0)
    }

    /// By user principal name, given or implicit, or as `DOMAIN\name`.
    #[must_use]
    pub fn account(&self, name: &str) -> Option<Arc<Person>> {
        match name.split_once('\\') {
            None => self.directory.person(name).or_else(|| {
                let (name, domain) = name.rsplit_once('@')?;
                domain.eq_ignore_ascii_case(&self.suffix).then(|| self.directory.person_by_account_name(name))?
            }),
            Some((domain, name))
                if domain.eq_ignore_ascii_case(&self.domain) || domain.eq_ignore_ascii_case(&self.suffix) =>
            {
                self.directory.person_by_account_name(name)
            }
            Some(_) => None,
        }
    }
}

/// Short name of a domain, as in `NORDWIND\\anna.bergstroem`.
pub fn short_name(domain: &str) -> String {
    domain.split('.').next().unwrap_or_default().to_uppercase()
}

fn basic(header: &[u8]) -> Option<(String, String)> {
    let (scheme, token) = std::str::from_utf8(header).ok()?.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = STANDARD.decode(token.trim()).ok()?;
    // Clients send UTF-8 or, older ones, Latin-1; both agree on what most passwords are made of.
    let text = String::from_utf8(decoded)
        .unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect::<String>());
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in() -> SignIn {
        let directory = Directory::new();
        for name in ["anna", "renate"] {
            directory.add_person(Person { upn: format!("{name}@nordwind.example"), ..Person::default() }).unwrap();
        }
        directory.set_state("renate@nordwind.example", MailboxState::Disabled).unwrap();
        SignIn::new(Arc::new(directory), "nordwind.example", "Ostwind 7".into())
    }

    fn header(name: &str, password: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))).into_bytes()
    }

    /// X1
    #[test]
    fn nobody_gets_in_without_the_right_password() {
        let sign_in = sign_in();
        let check = |header: &[u8]| sign_in.check(Some(header));
        assert_eq!(sign_in.check(None), Err(Denied::NoCredentials));
        assert_eq!(check(b"Negotiate TlRMTVNTUAAB"), Err(Denied::NoCredentials));
        assert_eq!(check(b"Basic ???"), Err(Denied::NoCredentials));
        assert_eq!(check(&header("anna@nordwind.example", "ostwind 7")), Err(Denied::Wrong));
        assert_eq!(check(&header("nobody@nordwind.example", "Ostwind 7")), Err(Denied::Wrong));
        assert_eq!(check(&header("OTHER\\anna", "Ostwind 7")), Err(Denied::Wrong));
        assert_eq!(check(&header("renate@nordwind.example", "Ostwind 7")), Err(Denied::Disabled));
    }

    /// W11
    #[test]
    fn what_else_is_the_matter_with_an_account_learns_only_who_knows_the_password_except_that_it_is_locked() {
        let sign_in = sign_in();
        let anna = sign_in.account("anna@nordwind.example").unwrap();
        let with = |change: &dyn Fn(&mut Person)| {
            let mut person = anna.as_ref().clone();
            change(&mut person);
            (sign_in.verify(&person, "Ostwind 7"), sign_in.verify(&person, "wrong"))
        };
        let wrong = Err(Refused::Wrong);
        assert_eq!(with(&|_| ()), (Ok(()), wrong));
        assert_eq!(with(&|it| it.locked = true), (Err(Refused::Locked), Err(Refused::Locked)));
        assert_eq!(with(&|it| it.expires = Some(0)), (Err(Refused::AccountExpired), wrong));
        assert_eq!(with(&|it| it.state = MailboxState::Disabled), (Err(Refused::Disabled), wrong));
        assert_eq!(with(&|it| it.password = PasswordState::MustChange), (Err(Refused::MustChange), wrong));
        assert_eq!(with(&|it| it.password = PasswordState::Expired), (Err(Refused::PasswordExpired), wrong));
        assert_eq!(with(&|it| it.password = PasswordState::None), (wrong, wrong));
    }

    /// X1
    #[test]
    fn an_account_signs_in_by_its_upn_or_with_its_domain() {
        let sign_in = sign_in();
        for name in ["Anna@Nordwind.example", "nordwind\\anna"] {
            let caller = sign_in.check(Some(&header(name, "Ostwind 7"))).unwrap();
            assert_eq!(caller.upn, "anna@nordwind.example");
        }
    }

    /// X1
    #[test]
    fn a_changed_password_replaces_the_former_one() {
        let sign_in = sign_in();
        sign_in.set_password("ANNA@nordwind.example", "Pässwort:mit:Punkten".into());
        let check = |password: &str| sign_in.check(Some(&header("anna@nordwind.example", password)));
        assert_eq!(check("Ostwind 7"), Err(Denied::Wrong));
        assert!(check("Pässwort:mit:Punkten").is_ok());
    }
}
