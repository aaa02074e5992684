//! Why Active Directory does not accept an account: the sub-codes of LDAP error 49, in words.

use std::fmt;

/// Why an account, or its password, is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    NoSuchUser,
    WrongPassword,
    /// Not at this time of day.
    NotNow,
    /// Not from this machine.
    NotHere,
    PasswordExpired,
    Disabled,
    AccountExpired,
    MustChange,
    Locked,
    /// Without a reason that we know; with what the controller says.
    Other(String),
}

impl Refusal {
    /// Reads a diagnostic message such as `80090308: LdapErr: DSID-0C09044E, comment: AcceptSecurityContext error,
    /// data 52e, v2580`.
    #[must_use]
    pub fn of(said: &str) -> Self {
        let code = said.split_once(", data ").map(|(_, rest)| rest.split([',', ' ', '\0']).next().unwrap_or_default());
        match code.and_then(|code| u32::from_str_radix(code, 16).ok()) {
            Some(0x525) => Self::NoSuchUser,
            // 52f: a restriction, such as an empty password; told like a wrong one.
            Some(0x52e | 0x52f) => Self::WrongPassword,
            Some(0x530) => Self::NotNow,
            Some(0x531) => Self::NotHere,
            Some(0x532) => Self::PasswordExpired,
            Some(0x533) => Self::Disabled,
            Some(0x701) => Self::AccountExpired,
            Some(0x773) => Self::MustChange,
            Some(0x775) => Self::Locked,
            _ => Self::Other(said.trim_end_matches('\0').to_owned()),
        }
    }

    /// Whether the password was right: the controller looks at these only then.
    #[must_use]
    pub fn password_was_right(&self) -> Option<bool> {
        match self {
            Self::WrongPassword => Some(false),
            Self::NotNow
            | Self::NotHere
            | Self::PasswordExpired
            | Self::Disabled
            | Self::AccountExpired
            | Self::MustChange => Some(true),
            Self::NoSuchUser | Self::Locked | Self::Other(_) => None,
        }
    }

    /// What to do about it, as a sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::NoSuchUser => "Check the user principal name; it looks like name@domain.",
            Self::WrongPassword => "Check the user principal name, and enter the password again.",
            Self::NotNow => "Allow the account to log on at all hours (Active Directory: Account, Logon Hours).",
            Self::NotHere => "Allow the account to log on to every computer (Active Directory: Account, Log On To).",
            Self::PasswordExpired => "Set a new password, and let it never expire.",
            Self::Disabled => "Enable the account.",
            Self::AccountExpired => "Let the account never expire, or set a later date.",
            Self::MustChange => "Set a password that need not be changed at the next logon.",
            Self::Locked => "Unlock the account, and find out who signed in with a wrong password.",
            Self::Other(_) => "Check the account in Active Directory.",
        }
        .to_owned()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchUser => "there is no such user",
            Self::WrongPassword => "the user name or the password is wrong",
            Self::NotNow => "the account may not log on at this time of day",
            Self::NotHere => "the account may not log on from this machine",
            Self::PasswordExpired => "the password has expired",
            Self::Disabled => "the account is disabled",
            Self::AccountExpired => "the account has expired",
            Self::MustChange => "the password must be changed first",
            Self::Locked => "the account is locked",
            Self::Other(said) if said.is_empty() => "it does not say why",
            Self::Other(said) => said,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W11
    #[test]
    fn each_sub_code_has_its_own_words() {
        let of = |code: &str| {
            Refusal::of(&format!(
                "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {code}, v1db1\0"
            ))
        };
        let all = ["525", "52e", "530", "531", "532", "533", "701", "773", "775"];
        let mut words: Vec<_> = all.iter().map(|code| of(code).to_string()).collect();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), all.len());
        assert_eq!(of("775"), Refusal::Locked);
        assert_eq!(Refusal::of("go away"), Refusal::Other("go away".to_owned()));
        assert_eq!(Refusal::of(", data"), Refusal::Other(", data".to_owned()));
    }
}
