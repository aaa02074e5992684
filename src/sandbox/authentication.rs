//! Who may sign in: Basic authentication (RFC 7617) against the directory's accounts.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};

use super::directory::{Directory, MailboxState, Person, folded};
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
}

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
}

impl SignIn {
    #[must_use]
    pub fn new(directory: Arc<Directory>, domain: &str, everyone: SecretString) -> Self {
        let netbios = domain.split('.').next().unwrap_or_default().to_uppercase();
        Self { directory, domain: netbios, suffix: domain.to_owned(), everyone, passwords: RwLock::new(HashMap::new()) }
    }

    /// Gives an account a password of its own.
    pub fn set_password(&self, upn: &str, password: SecretString) {
        self.passwords.write().unwrap_or_else(PoisonError::into_inner).insert(folded(upn), password);
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
        if self.password(&person.upn).expose_secret() != password {
            return Err(Denied::Wrong);
        }
        if person.state == MailboxState::Disabled {
            return Err(Denied::Disabled);
        }
        Ok(Caller { upn: person.upn.clone() })
    }

    /// By user principal name, or as `DOMAIN\name`.
    fn account(&self, name: &str) -> Option<Arc<Person>> {
        match name.split_once('\\') {
            None => self.directory.person(name),
            Some((domain, name)) if domain.eq_ignore_ascii_case(&self.domain) => {
                self.directory.person(&format!("{name}@{}", self.suffix))
            }
            Some(_) => None,
        }
    }
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
