//! Makes the service account, or takes over one of ours (W3, W6).

use secrecy::SecretString;

use super::super::client::Directory;
use super::super::error::DirectoryError;
use super::super::filter;
use super::super::session::{Base, ChangeError, Search};
use super::password;

/// An account that was made, or taken over.
#[derive(Debug, Clone)]
pub struct NewAccount {
    pub upn: String,
    pub password: SecretString,
    /// It was there already, is ours, and got a new password.
    pub taken_over: bool,
}

/// Why no account was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    #[error("{name:?} can't be the name of an account: {why}")]
    Name { name: String, why: &'static str },
    /// It is another's.
    #[error("there is an account {name} already, and it is not one of Sent Items Update ({dn})")]
    Taken { name: String, dn: String },
    #[error("the user principal name {upn} belongs to another account{}", at(dn.as_deref()))]
    UpnTaken { upn: String, dn: Option<String> },
    /// With what the controller says.
    #[error("the domain's password policy does not accept a random password of 32 characters ({0})")]
    Policy(String),
    #[error("the domain has no container for users that can be found")]
    NoContainer,
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl CreateError {
    /// What to do about it, as a sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Name { .. } => "Choose another name.".to_owned(),
            Self::Taken { .. } | Self::UpnTaken { .. } => {
                "Choose another name, or use that account as an existing one.".to_owned()
            }
            Self::Policy(_) => {
                "Create the account by hand with a password that the policy accepts, and use it as an existing one."
                    .to_owned()
            }
            Self::NoContainer => "Create the account by hand, and use it as an existing one.".to_owned(),
            Self::Directory(error) => error.advice(),
        }
    }
}

/// By which an account is known to be ours. Who changes it takes the account away from us.
const DESCRIPTION: &str = "Service account of Sent Items Update. Its password is set by the configuration wizard.";

/// `NORMAL_ACCOUNT` and `DONT_EXPIRE_PASSWORD`
const CONTROL: &[u8] = b"66048";

/// The well-known container Users, by its GUID in `wellKnownObjects`.
const USERS_CONTAINER: &str = "A9D1CA15768811D1ADED00C04FD8D5CD";

impl Directory {
    /// Makes an account of this name with a random password that never expires. One that we made before is taken over
    /// with a new password, which an updater that still uses the old one notices.
    ///
    /// The account comes with its password in one step, so that none is ever left half made.
    pub async fn create_service_account(&self, name: &str) -> Result<NewAccount, CreateError> {
        let name = name.trim();
        check_name(name)?;
        let upn = format!("{name}@{}", self.domain());
        let password = password::random();
        if let Some(dn) = self.ours(name, &upn).await? {
            let session = self.own().session().await?;
            let changes = vec![
                ("unicodePwd", password::unicode(&password)),
                ("userAccountControl", CONTROL.to_vec()),
                ("accountExpires", b"0".to_vec()),
                // It may be locked by an updater that went on with the password before.
                ("lockoutTime", b"0".to_vec()),
            ];
            session.replace(&dn, changes).await.map_err(|error| meaning(error, &upn))?;
            return Ok(NewAccount { upn, password, taken_over: true });
        }
        let container = self.users_container().await?;
        let dn = format!("CN={},{container}", ldap3::dn_escape(name));
        let text = |text: &str| text.as_bytes().to_vec();
        let attributes = vec![
            ("objectClass", text("user")),
            ("sAMAccountName", text(name)),
            ("userPrincipalName", text(&upn)),
            ("displayName", text(name)),
            ("description", text(DESCRIPTION)),
            ("userAccountControl", CONTROL.to_vec()),
            ("unicodePwd", password::unicode(&password)),
        ];
        let session = self.own().session().await?;
        match session.add(&dn, attributes).await {
            Ok(()) => Ok(NewAccount { upn, password, taken_over: false }),
            // What the search above did not show: another object of this name in the container.
            Err(ChangeError::Exists(_)) if self.own().object(Base::Object(&dn), &["cn"]).await?.is_some() => {
                Err(CreateError::Taken { name: name.to_owned(), dn })
            }
            Err(error) => Err(meaning(error, &upn)),
        }
    }

    /// The account of this name, if it is ours; none when the name is free.
    async fn ours(&self, name: &str, upn: &str) -> Result<Option<String>, CreateError> {
        let filter = filter::any([filter::equals("sAMAccountName", name), filter::equals("userPrincipalName", upn)]);
        let attributes = ["objectClass", "sAMAccountName", "userPrincipalName", "description"];
        let found = self.own().all(&Search::subtree(Base::Domain, &filter, &attributes)).await?;
        let mut ours = None;
        for entry in found {
            let has = |attribute: &str, value: &str| {
                entry.text(attribute).is_some_and(|text| text.to_lowercase() == value.to_lowercase())
            };
            let is_user = entry.is("user") && !entry.is("computer");
            if has("sAMAccountName", name) {
                if !is_user
                    || entry.text("description").as_deref() != Some(DESCRIPTION)
                    || !has("userPrincipalName", upn)
                {
                    return Err(CreateError::Taken { name: name.to_owned(), dn: entry.dn });
                }
                ours = Some(entry.dn);
            } else {
                return Err(CreateError::UpnTaken { upn: upn.to_owned(), dn: Some(entry.dn) });
            }
        }
        Ok(ours)
    }

    async fn users_container(&self) -> Result<String, CreateError> {
        let domain = self.own().object(Base::Domain, &["wellKnownObjects"]).await?.ok_or(CreateError::NoContainer)?;
        // B:32:A9D1…:CN=Users,DC=…
        let mut known = domain.texts("wellKnownObjects").filter_map(|value| {
            let mut parts = value.splitn(4, ':').skip(2);
            parts.next().filter(|guid| guid.eq_ignore_ascii_case(USERS_CONTAINER))?;
            parts.next().map(str::to_owned)
        });
        known.next().ok_or(CreateError::NoContainer)
    }
}

fn meaning(error: ChangeError, upn: &str) -> CreateError {
    match error {
        ChangeError::Exists(_) => CreateError::UpnTaken { upn: upn.to_owned(), dn: None },
        ChangeError::Policy(DirectoryError::Refused { said, .. }) => CreateError::Policy(said),
        error => CreateError::Directory(error.plain()),
    }
}

/// As `sAMAccountName` and as the name in a UPN.
fn check_name(name: &str) -> Result<(), CreateError> {
    let wrong = |why| Err(CreateError::Name { name: name.to_owned(), why });
    let odd = |c: char| c.is_whitespace() || c.is_control() || "\"/\\[]:;|=,+*?<>@'()&%".contains(c);
    if name.is_empty() {
        wrong("it is empty")
    } else if name.chars().count() > 20 {
        wrong("it is longer than the 20 characters that Active Directory allows")
    } else if name.contains(odd) {
        wrong("it has a space or a character that a name may not have")
    } else if name.ends_with('.') || name.starts_with('.') {
        wrong("it begins or ends with a full stop")
    } else {
        Ok(())
    }
}

fn at(dn: Option<&str>) -> String {
    dn.map_or_else(|| " of the forest".to_owned(), |dn| format!(" ({dn})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W3
    #[test]
    fn a_name_is_checked_before_the_directory_is_asked() {
        assert_eq!(check_name("CodeTwoSiuAgent"), Ok(()));
        assert_eq!(check_name("Dienst-Ü_1.x"), Ok(()));
        for bad in ["", "a b", "abcdefghijklmnopqrstu", "a@b", "a,b", "a\"b", "a\0", "a.", "CORP\\a", "x*"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
