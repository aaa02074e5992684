//! Who may do what with each of our objects. The table in `SECURITY.md` is this file in words.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::in_directory::Part;
use crate::directory::{Ace, DOMAIN_ADMINS, Rights, Sid, access};

/// Whom rights are given to.
#[derive(Debug, Clone)]
pub(super) struct Grantees {
    /// The group Domain Admins.
    pub administrators: Sid,
    /// The accounts of the registered updaters.
    pub updaters: BTreeMap<Uuid, Sid>,
}

impl Grantees {
    pub fn of(domain: &Sid, updaters: BTreeMap<Uuid, Sid>) -> Self {
        Self { administrators: domain.with(DOMAIN_ADMINS), updaters }
    }

    /// What this object of ours should have, and nothing beside it.
    pub fn rights(&self, part: Part) -> Rights {
        let administrators =
            [&self.administrators, &well_known("S-1-5-18")].map(|who| Ace::allow(who, access::EVERYTHING));
        let mut entries = administrators.to_vec();
        if part == Part::Container {
            // Everybody who signs in may know that there is a configuration, and where.
            entries.push(Ace::allow(&well_known("S-1-5-11"), access::READ | access::SEE));
        }
        let whose: Vec<&Sid> = match part {
            Part::Sighting(id) => self.updaters.get(&id).into_iter().collect(),
            _ => self.updaters.values().collect(),
        };
        for entry in whose.into_iter().filter_map(|account| grant(part, account)) {
            // Two updaters may run as one account.
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
        // What passes on from above lets all updaters read registrations and sightings.
        Rights { protected: !matches!(part, Part::Registration(_) | Part::Sighting(_)), entries }
    }
}

/// What an updater's account gets of this object; none: nothing of its own.
pub(super) fn grant(part: Part, account: &Sid) -> Option<Ace> {
    use access::{LIST, READ, READ_RIGHTS, WRITE};
    Some(match part {
        Part::Container => Ace::allow(account, LIST | READ),
        Part::Configuration => Ace::allow(account, READ | WRITE | READ_RIGHTS),
        Part::Updaters | Part::Sightings => Ace::allow(account, LIST | READ).passed_on(),
        Part::Sighting(_) => Ace::allow(account, READ | WRITE),
        Part::Registration(_) => return None,
    })
}

/// SYSTEM and Authenticated Users are the same everywhere.
fn well_known(text: &str) -> Sid {
    Sid::parse(text).unwrap_or_else(|| unreachable!("{text} is a SID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(relative: u32) -> Sid {
        Sid::parse("S-1-5-21-7-8-9").unwrap().with(relative)
    }

    /// P2: the settings and the sealed password are for administrators and registered updaters.
    #[test]
    fn the_configuration_is_read_by_administrators_and_registered_updaters_and_nobody_else() {
        let updaters = BTreeMap::from([(Uuid::from_u128(1), sid(1000)), (Uuid::from_u128(2), sid(1001))]);
        let grantees = Grantees::of(&Sid::parse("S-1-5-21-7-8-9").unwrap(), updaters);
        let accounts = |part| {
            let mut accounts: Vec<_> =
                grantees.rights(part).entries.iter().map(|entry| entry.account().unwrap().to_string()).collect();
            accounts.sort();
            accounts
        };
        let all = ["S-1-5-18", "S-1-5-21-7-8-9-1000", "S-1-5-21-7-8-9-1001", "S-1-5-21-7-8-9-512"];
        for part in [Part::Configuration, Part::Updaters, Part::Sightings] {
            assert_eq!(accounts(part), all);
            assert!(grantees.rights(part).protected, "nothing comes from above");
        }
        assert_eq!(accounts(Part::Registration(Uuid::from_u128(1))), ["S-1-5-18", "S-1-5-21-7-8-9-512"]);
        assert_eq!(
            accounts(Part::Sighting(Uuid::from_u128(1))),
            ["S-1-5-18", "S-1-5-21-7-8-9-1000", "S-1-5-21-7-8-9-512"]
        );
    }

    #[test]
    fn two_updaters_with_one_account_get_its_rights_once() {
        let updaters = BTreeMap::from([(Uuid::from_u128(1), sid(1000)), (Uuid::from_u128(2), sid(1000))]);
        let grantees = Grantees::of(&Sid::parse("S-1-5-21-7-8-9").unwrap(), updaters);
        assert_eq!(grantees.rights(Part::Configuration).entries.len(), 3);
    }
}
