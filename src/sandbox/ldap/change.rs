//! What a change of an attribute means for an account.

use ldap3_proto::proto::{LdapModifyType, LdapResult, LdapResultCode};
use secrecy::SecretString;

use super::super::directory::{MailboxState, PasswordState, Person};
use super::account::{self, control};
use super::problem;
use super::schema::{Attribute, Origin};
use super::surroundings::PASSWORD_LENGTH;
use super::value::NEVER;

/// Longest `sAMAccountName` of a user.
const ACCOUNT_NAME: usize = 20;
/// From 1601, in 100 ns, to 1970.
const EPOCH: i64 = 116_444_736_000_000_000;

/// An account while it is being changed.
pub struct Draft {
    pub person: Person,
    /// The UPN that it is to have; none: none is shown.
    pub upn: Option<String>,
    pub password: Option<SecretString>,
    /// The account may be enabled without a password.
    pub password_not_required: bool,
    /// The count of wrong passwords begins anew.
    pub unlocked: bool,
}

impl Draft {
    pub fn new(mut person: Person) -> Self {
        // The name within the container changes by renaming only, whatever else it was taken from.
        person.common_name = person.common_name().to_owned();
        let upn = (!person.without_upn).then(|| person.upn.clone());
        let password_not_required = person.password == PasswordState::None;
        Self { person, upn, password: None, password_not_required, unlocked: false }
    }

    /// Carries one change out.
    pub fn change(
        &mut self,
        attribute: &'static Attribute,
        operation: &LdapModifyType,
        values: &[Vec<u8>],
    ) -> Result<(), LdapResult> {
        if matches!(attribute.origin, Origin::System | Origin::Constructed) {
            // ERROR_DS_ATTRIBUTE_OWNED_BY_SAM
            return Err(problem::unwilling("0000209A"));
        }
        if attribute.name == "unicodePwd" {
            return self.set_password(operation, values);
        }
        let given = values.iter().map(|value| String::from_utf8(value.clone()));
        let given = given.collect::<Result<Vec<_>, _>>().map_err(|_| problem::bad_syntax(attribute.name))?;
        let new = changed(attribute.name, self.current(attribute.name), operation, given)?;
        if new.len() > 1 && !attribute.many {
            // ERROR_DS_SINGLE_VALUE_CONSTRAINT
            return Err(problem::constraint("00002081", attribute.name));
        }
        self.set(attribute.name, new)
    }

    fn current(&self, name: &str) -> Vec<String> {
        let person = &self.person;
        let one = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
        match name {
            "displayName" => one(&person.display_name),
            "givenName" => one(&person.given_name),
            "sn" => one(&person.surname),
            "description" => one(&person.description),
            "sAMAccountName" => one(&person.account_name),
            "userPrincipalName" => self.upn.iter().cloned().collect(),
            "mail" => one(&person.primary),
            "userAccountControl" => vec![account::account_control(person).to_string()],
            "lockoutTime" if person.locked => vec!["1".to_owned()],
            "accountExpires" | "pwdLastSet" => vec![String::new()],
            name => person.more.get(name).cloned().unwrap_or_default(),
        }
    }

    fn set(&mut self, name: &'static str, mut values: Vec<String>) -> Result<(), LdapResult> {
        let value = values.first().cloned().unwrap_or_default();
        let number = || value.trim().parse::<i64>().map_err(|_| problem::bad_syntax(name));
        let person = &mut self.person;
        match name {
            "displayName" => person.display_name = value,
            "givenName" => person.given_name = value,
            "sn" => person.surname = value,
            "description" => person.description = value,
            "mail" => person.primary = value,
            "sAMAccountName" => {
                let forbidden = |character: char| character.is_control() || "\"/\\[]:;|=,+*?<>@".contains(character);
                if value.trim().is_empty() || value.chars().count() > ACCOUNT_NAME || value.contains(forbidden) {
                    // ERROR_INVALID_ACCOUNT_NAME
                    return Err(problem::constraint("00000523", name));
                }
                person.account_name = value;
            }
            "userPrincipalName" => {
                let valid = value.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty());
                if !values.is_empty() && !valid {
                    return Err(problem::constraint("000021C8", name));
                }
                self.upn = values.pop();
            }
            "userAccountControl" => {
                let flags = number()?;
                if flags & control::NORMAL == 0 {
                    return Err(problem::unwilling("00000057"));
                }
                match (flags & control::DISABLED != 0, person.state) {
                    (true, _) => person.state = MailboxState::Disabled,
                    (false, MailboxState::Disabled) => person.state = MailboxState::Normal,
                    _ => {}
                }
                person.password_never_expires = flags & control::NEVER_EXPIRES != 0;
                self.password_not_required = flags & control::PASSWORD_NOT_REQUIRED != 0;
            }
            "pwdLastSet" => match number()? {
                0 => person.password = PasswordState::MustChange,
                -1 if person.password != PasswordState::None => person.password = PasswordState::Valid,
                -1 => {}
                _ => return Err(problem::unwilling("00000057")),
            },
            "accountExpires" => {
                let time = number()?;
                person.expires = (time != 0 && time != NEVER).then(|| (time - EPOCH).div_euclid(10_000_000));
            }
            "lockoutTime" => {
                if number()? != 0 {
                    return Err(problem::unwilling("0000209A"));
                }
                person.locked = false;
                self.unlocked = true;
            }
            "codePage" | "countryCode" => {
                if number()? != 0 {
                    return Err(problem::unwilling("00000032"));
                }
            }
            "cn" => {
                // ERROR_DS_CANT_MOD_RDN or what is the same: the name changes by renaming only.
                let message = "000020B1: UpdErr: DSID-030F1260, problem 6004 (CANT_ON_RDN), data 0\n";
                return Err(problem::result(LdapResultCode::NotALlowedOnRDN, message));
            }
            "objectClass" => {
                let message = "000020B7: UpdErr: DSID-030F122F, problem 6010 (CLASS_MODIFICATION), data 0\n";
                return Err(problem::result(LdapResultCode::ObjectClassModsProhibited, message));
            }
            name if account::MORE.contains(&name) => {
                if values.is_empty() {
                    person.more.remove(name);
                } else {
                    person.more.insert(name.to_owned(), values);
                }
            }
            // ERROR_NOT_SUPPORTED: what belongs to Exchange is Exchange's to write.
            _ => return Err(problem::unwilling("00000032")),
        }
        Ok(())
    }

    /// `unicodePwd` replaced, or added to an account that is being made: an administrator sets it.
    fn set_password(&mut self, operation: &LdapModifyType, values: &[Vec<u8>]) -> Result<(), LdapResult> {
        let ([value], LdapModifyType::Replace | LdapModifyType::Add) = (values, operation) else {
            return Err(problem::unwilling("0000001F"));
        };
        let password = password(value)?;
        check_password(&self.person, &password)?;
        self.password = Some(password.into());
        if matches!(self.person.password, PasswordState::None | PasswordState::Expired) {
            self.person.password = PasswordState::Valid;
        }
        Ok(())
    }

    /// What can only be said when all changes are known.
    pub fn check(&self) -> Result<(), LdapResult> {
        let enabled = self.person.state != MailboxState::Disabled;
        let without = self.password.is_none() && self.person.password == PasswordState::None;
        if enabled && without && !self.password_not_required {
            return Err(problem::unwilling("0000052D"));
        }
        Ok(())
    }
}

/// The values after a change.
pub fn changed(
    name: &str,
    mut current: Vec<String>,
    operation: &LdapModifyType,
    given: Vec<String>,
) -> Result<Vec<String>, LdapResult> {
    let same = |one: &String, other: &String| one.to_lowercase() == other.to_lowercase();
    match operation {
        LdapModifyType::Replace => Ok(given),
        LdapModifyType::Add => {
            for value in given {
                if current.iter().any(|known| same(known, &value)) {
                    return Err(exists(name));
                }
                current.push(value);
            }
            Ok(current)
        }
        LdapModifyType::Delete if given.is_empty() => {
            if current.is_empty() {
                return Err(problem::no_value(name));
            }
            Ok(Vec::new())
        }
        LdapModifyType::Delete => {
            for value in given {
                let Some(at) = current.iter().position(|known| same(known, &value)) else {
                    return Err(problem::no_value(name));
                };
                current.remove(at);
            }
            Ok(current)
        }
        LdapModifyType::Increment => Err(problem::unwilling("00000032")),
    }
}

fn exists(name: &str) -> LdapResult {
    let message = format!(
        "00002083: AtrErr: DSID-031519E5, #1:\n\t0: 00002083: DSID-031519E5, problem 1006 (ATT_OR_VALUE_EXISTS), data 0, \
         Att 0 ({name})\n"
    );
    problem::result(LdapResultCode::AttributeOrValueExists, &message)
}

/// The password in a value of `unicodePwd`: in quotation marks, UTF-16LE (MS-ADTS 3.1.1.3.1.5).
pub fn password(value: &[u8]) -> Result<String, LdapResult> {
    // ERROR_GEN_FAILURE
    let malformed = || problem::unwilling("0000001F");
    if !value.len().is_multiple_of(2) {
        return Err(malformed());
    }
    let units: Vec<_> = value.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let text = String::from_utf16(&units).map_err(|_| malformed())?;
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or_else(malformed)?;
    Ok(inner.to_owned())
}

/// The domain's rules: long enough, three of five kinds of characters, and without the names of the account.
pub fn check_password(person: &Person, password: &str) -> Result<(), LdapResult> {
    let has = |kind: fn(char) -> bool| usize::from(password.chars().any(kind));
    let kinds = has(char::is_uppercase)
        + has(char::is_lowercase)
        + has(|character| character.is_ascii_digit())
        + has(|character| character.is_ascii_punctuation() || character == ' ')
        + has(|character| character.is_alphabetic() && !character.is_uppercase() && !character.is_lowercase());
    let lower = password.to_lowercase();
    let parts = person.display_name.split([' ', ',', '.', '-', '_', '#', '\t']).map(str::to_lowercase);
    let mut parts = parts.chain(std::iter::once(person.account_name.to_lowercase()));
    let telling = parts.any(|part| part.chars().count() >= 3 && lower.contains(&part));
    if password.chars().count() < PASSWORD_LENGTH || kinds < 3 || telling {
        return Err(problem::weak_password());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// W3
    #[test]
    fn a_password_that_is_not_quoted_utf_16_is_refused() {
        for value in [encoded("Sturm-2026-Nord"), b"\"Sturm-2026-Nord\"".to_vec(), b"\"".to_vec(), encoded("\"a")] {
            assert_eq!(password(&value).unwrap_err().code, LdapResultCode::UnwillingToPerform);
        }
        assert_eq!(password(&encoded("\"Stürm \"2026\"\"")).unwrap(), "Stürm \"2026\"");
    }

    /// W3
    #[test]
    fn a_weak_password_is_refused() {
        let person =
            Person { display_name: "Anna Bergström".into(), account_name: "aberg".into(), ..Person::default() };
        for weak in ["Kurz-1", "nurkleinbuchstaben", "kleinundzahl12345", "Bergström-2026-x", "xx-Aberg-2026-xx"] {
            let refused = check_password(&person, weak).unwrap_err();
            assert!(
                refused.message.starts_with("0000052D") && refused.code == LdapResultCode::ConstraintViolation,
                "{weak}"
            );
        }
        check_password(&person, "Sturm-2026-Nord").unwrap();
    }
}
