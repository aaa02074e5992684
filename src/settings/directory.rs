//! Where the directory is (Active Directory over LDAP).

use serde::{Deserialize, Serialize};

use super::{SettingsProblem, wrong};

/// How Active Directory is reached. The updater signs in there with the service account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectorySettings {
    /// DNS name of the domain, as in `corp.example.com`.
    pub domain: String,
    /// Domain controllers, asked in this order: `name`, `name:port`, `ldaps://name:port` or `ldap://name:port` (then
    /// StartTLS). Empty: those that DNS names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<String>,
    /// Certificate authorities to trust beside the system's, as PEM text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_roots: Vec<String>,
}

impl DirectorySettings {
    pub fn check(&self) -> Result<(), SettingsProblem> {
        let domain = &self.domain;
        let odd = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
        if domain.is_empty() || domain.contains(odd) || domain.split('.').any(str::is_empty) {
            return Err(wrong("directory.domain", format!("{domain:?} is not the DNS name of a domain")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_has_a_name_as_dns_knows_it() {
        let domain = |domain: &str| DirectorySettings { domain: domain.to_owned(), ..Default::default() };
        assert_eq!(domain("corp.example.com").check(), Ok(()));
        for bad in ["", ".", "corp..com", "corp example", "ldap://corp"] {
            assert!(domain(bad).check().is_err(), "{bad:?}");
        }
    }
}
