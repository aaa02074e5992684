//! Signing in: the simple bind, by UPN, `DOMAIN\name`, distinguished name or display name.

use std::sync::Arc;

use ldap3_proto::proto::{LdapBindCred, LdapBindRequest, LdapResult, LdapResultCode};

use super::super::authentication::Refused;
use super::super::directory::Person;
use super::LdapServer;
use super::dn::Dn;
use super::problem;
use super::tree::Object;

/// UPN of who is signed in from now on; none: nobody.
pub type Outcome = Result<Option<String>, LdapResult>;

pub fn answer(server: &LdapServer, request: &LdapBindRequest, secure: bool) -> Outcome {
    if !matches!(request.version, 2 | 3) {
        return Err(problem::result(
            LdapResultCode::ProtocolError,
            "00000057: LdapErr: DSID-0C0903FF, comment: The LDAP version is not supported, data 0, v4563",
        ));
    }
    let password = match &request.cred {
        LdapBindCred::Simple(password) => password,
        LdapBindCred::SASL(sasl) if sasl.mechanism.to_ascii_uppercase().starts_with("GSS") => {
            return Err(problem::bad_token());
        }
        LdapBindCred::SASL(_) | LdapBindCred::Unsupported => return Err(problem::method_not_supported()),
    };
    if password.is_empty() {
        // With a name too: a sign-in without a password is one of nobody, and succeeds (RFC 4513 5.1.2).
        return Ok(None);
    }
    if !secure {
        return Err(problem::encrypt_first());
    }
    let refused = |reason| Err(problem::refused(reason));
    let Some(person) = find(server, &request.dn) else { return refused(Refused::Wrong) };
    let sign_in = &server.site.sign_in;
    match sign_in.verify(&person, password) {
        Ok(()) => {
            if sign_in.failures(&person.upn) > 0 {
                sign_in.reset_failures(&person.upn);
                server.forget_tree();
            }
            Ok(Some(person.upn.clone()))
        }
        Err(Refused::Wrong) => {
            if sign_in.count_failure(&person.upn) {
                let _ = server.site.directory.change_person(&person.upn, |person| person.locked = true);
                server.kept.note_person(&person.upn);
                server.keep();
            }
            server.forget_tree();
            refused(Refused::Wrong)
        }
        Err(reason) => refused(reason),
    }
}

fn find(server: &LdapServer, name: &str) -> Option<Arc<Person>> {
    if let Some(person) = server.site.sign_in.account(name) {
        return Some(person);
    }
    let tree = server.tree();
    if let Some(at) = Dn::parse(name).filter(|dn| !dn.0.is_empty()).and_then(|dn| tree.find(&dn)) {
        return match &tree.entries[at].object {
            Object::Person(person) => Some(person.clone()),
            _ => None,
        };
    }
    // A display name that only one account has.
    let people = server.site.directory.people();
    let mut named = people.into_iter().filter(|person| person.display_name.to_lowercase() == name.to_lowercase());
    named.next().filter(|_| named.next().is_none())
}
