//! Where our objects are.

use std::fmt;

use uuid::Uuid;

use crate::directory::{DirectoryError, dn};

/// The first part of our container's name.
const CONTAINER: &str = "CN=Sent Items Update";

/// Where every domain keeps what belongs to programs.
const USUAL: &str = "CN=Program Data";

/// The names of our objects in a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    container: String,
    domain: String,
}

impl Place {
    /// In a domain of this DNS name: below what an administrator named, else in the usual place. The name may be that of
    /// our container or of what it lies in, with the domain's at its end or without.
    ///
    /// # Errors
    /// When it is no distinguished name, or one of another domain.
    pub fn new(domain: &str, named: Option<&str>) -> Result<Self, DirectoryError> {
        let domain = domain.trim_end_matches('.').to_lowercase();
        let named = named.map_or(USUAL, str::trim);
        let wrong = |why: &str| {
            Err(DirectoryError::Settings(format!(
                "{named:?} is no place for the organisation's configuration: {why}; an example is OU=IT,{}",
                dn::of_domain(&domain)
            )))
        };
        if dn::parts(named)
            .iter()
            .any(|part| part.split_once('=').is_none_or(|(kind, name)| kind.is_empty() || name.is_empty()))
        {
            return wrong("it is not a distinguished name");
        }
        let whole = match dn::domain(named) {
            at if at == domain => named.to_owned(),
            at if at.is_empty() => format!("{named},{}", dn::of_domain(&domain)),
            at => return wrong(&format!("it is in {at}, not in {domain}")),
        };
        let is_ours = dn::split(&whole).0.eq_ignore_ascii_case(CONTAINER);
        let container = if is_ours { whole } else { format!("{CONTAINER},{whole}") };
        Ok(Self { container, domain })
    }

    #[must_use]
    pub fn container(&self) -> &str {
        &self.container
    }

    /// What the container lies in.
    #[must_use]
    pub fn parent(&self) -> &str {
        dn::split(&self.container).1.unwrap_or_default()
    }

    #[must_use]
    pub fn configuration(&self) -> String {
        format!("CN=Configuration,{}", self.container)
    }

    #[must_use]
    pub fn updaters(&self) -> String {
        format!("CN=Updaters,{}", self.container)
    }

    #[must_use]
    pub fn registration(&self, id: Uuid) -> String {
        format!("CN={id},{}", self.updaters())
    }

    #[must_use]
    pub fn sightings(&self) -> String {
        format!("CN=Sightings,{}", self.container)
    }

    #[must_use]
    pub fn sighting(&self, id: Uuid) -> String {
        format!("CN={id},{}", self.sightings())
    }
}

/// As people are told.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.container, self.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P1
    #[test]
    fn the_place_is_the_usual_one_or_what_an_administrator_names() {
        let place = |named| Place::new("Corp.example.", named).map(|place| place.container().to_owned());
        let usual = "CN=Sent Items Update,CN=Program Data,DC=corp,DC=example";
        assert_eq!(place(None).unwrap(), usual);
        assert_eq!(place(Some(usual)).unwrap(), usual);
        assert_eq!(
            place(Some("OU=IT\\, all,DC=Corp,DC=example")).unwrap(),
            "CN=Sent Items Update,OU=IT\\, all,DC=Corp,DC=example"
        );
        assert_eq!(place(Some("OU=IT")).unwrap(), "CN=Sent Items Update,OU=IT,DC=corp,DC=example");
        assert_eq!(
            place(Some("cn=sent items update, OU=IT")).unwrap(),
            "cn=sent items update, OU=IT,DC=corp,DC=example"
        );
        for bad in ["", "IT", "OU=", "OU=IT,,DC=corp,DC=example", "OU=IT,DC=other,DC=example"] {
            let error = place(Some(bad)).unwrap_err().to_string();
            assert!(error.contains("OU=IT,DC=corp,DC=example"), "{error}");
        }
    }

    #[test]
    fn what_the_container_lies_in_is_known() {
        let place = Place::new("corp.example", Some("OU=IT")).unwrap();
        assert_eq!(place.parent(), "OU=IT,DC=corp,DC=example");
        assert_eq!(place.to_string(), "CN=Sent Items Update,OU=IT,DC=corp,DC=example in corp.example");
        assert!(
            place.registration(Uuid::nil()).starts_with("CN=00000000-0000-0000-0000-000000000000,CN=Updaters,CN=Sent")
        );
    }
}
