//! Which domains can be searched: the own one, those of the forest, and those trusted (W4).

use futures_util::future::join_all;

use super::client::Directory;
use super::entry::Entry;
use super::error::DirectoryError;
use super::session::{Base, Search};
use super::{Location, LocationKind};

/// A domain, and what stands against searching it.
pub(super) struct Place {
    pub location: Location,
    /// It can't be searched by its nature, so that nothing was ever chosen from it.
    pub never: bool,
}

/// The own domain first, those of the forest and those trusted behind it, each by name. Every one is tried.
pub(super) async fn all(directory: &Directory) -> Result<Vec<Place>, DirectoryError> {
    let mut places = listed(directory).await?;
    let tries = places.iter_mut().map(|place| async {
        if place.location.kind != LocationKind::Own && place.location.problem.is_none() {
            let domain = directory.of(&place.location.domain);
            place.location.problem = domain.session().await.err().map(|error| error.to_string());
        }
    });
    join_all(tries).await;
    Ok(places)
}

/// The same without a try: what stands against searching them is what the directory says itself.
pub(super) async fn listed(directory: &Directory) -> Result<Vec<Place>, DirectoryError> {
    let own = directory.own();
    // FLAG_CR_NTDS_NC and FLAG_CR_NTDS_DOMAIN: partitions that are domains.
    let filter = "(&(objectClass=crossRef)(systemFlags:1.2.840.113556.1.4.803:=3))";
    let attributes = ["dnsRoot", "nCName", "trustParent", "cn"];
    let cross_refs = own.all(&Search::below(Base::InConfiguration("CN=Partitions"), filter, &attributes)).await?;
    let attributes = ["trustPartner", "flatName", "trustDirection", "trustType", "trustAttributes"];
    let trusts =
        own.all(&Search::below(Base::InDomain("CN=System"), "(objectClass=trustedDomain)", &attributes)).await?;
    Ok(known(own.name(), &cross_refs, &trusts))
}

fn known(own: &str, cross_refs: &[Entry], trusts: &[Entry]) -> Vec<Place> {
    let dns = |entry: &Entry| entry.text("dnsRoot").map(|name| name.to_lowercase());
    let parent_of = |entry: &Entry| {
        let parent = entry.text("trustParent")?;
        dns(cross_refs.iter().find(|other| other.dn.eq_ignore_ascii_case(&parent))?)
    };
    let mut places: Vec<Place> = Vec::new();
    for entry in cross_refs {
        if let Some(domain) = dns(entry) {
            let kind = if domain == own { LocationKind::Own } else { LocationKind::Forest };
            let location = Location { domain, kind, parent: parent_of(entry), problem: None };
            places.push(Place { location, never: false });
        }
    }
    if !places.iter().any(|place| place.location.kind == LocationKind::Own) {
        let location = Location { domain: own.to_owned(), kind: LocationKind::Own, parent: None, problem: None };
        places.push(Place { location, never: false });
    }
    for entry in trusts {
        let Some(trust) = Trust::read(entry) else { continue };
        // Domains of the forest trust each other by themselves, and stand there already.
        if trust.is_trusted() && !places.iter().any(|place| place.location.domain == trust.domain) {
            let problem = trust.problem();
            let never = problem.is_some();
            let location = Location { domain: trust.domain, kind: LocationKind::Trusted, parent: None, problem };
            places.push(Place { location, never });
        }
    }
    places.sort_by_cached_key(|place| (place.location.kind as u8, place.location.domain.clone()));
    places
}

/// A `trustedDomain` object.
struct Trust {
    domain: String,
    direction: i64,
    kind: i64,
}

impl Trust {
    fn read(entry: &Entry) -> Option<Self> {
        Some(Self {
            domain: entry.text("trustPartner").or_else(|| entry.text("flatName"))?.to_lowercase(),
            direction: entry.number("trustDirection")?,
            kind: entry.number("trustType")?,
        })
    }

    /// Our domain trusts it (`TRUST_DIRECTION_OUTBOUND`), so that its accounts mean something here.
    fn is_trusted(&self) -> bool {
        self.direction & 2 != 0
    }

    /// What always stands against searching it.
    fn problem(&self) -> Option<String> {
        let domain = &self.domain;
        match self.kind {
            1 => Some(format!("{domain} is a domain of Windows NT, which has no directory to search.")),
            3 | 4 => {
                Some(format!("{domain} is a Kerberos realm outside of Active Directory, with no directory to search."))
            }
            // TRUST_DIRECTION_INBOUND
            _ if self.direction & 1 == 0 => Some(format!(
                "The trust goes one way: {domain} does not trust this domain, and accepts no sign-in from it."
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(domain: &str, direction: &str, kind: &str) -> Entry {
        Entry::of(
            "CN=t,CN=System",
            &[
                ("trustPartner", &[domain.as_bytes()]),
                ("trustDirection", &[direction.as_bytes()]),
                ("trustType", &[kind.as_bytes()]),
            ],
        )
    }

    /// W4
    #[test]
    fn the_own_domain_comes_first_and_trusts_are_told_by_direction_and_kind() {
        let cross_ref = |dn: &str, name: &str, parent: &str| {
            Entry::of(dn, &[("dnsRoot", &[name.as_bytes()]), ("trustParent", &[parent.as_bytes()])])
        };
        let cross_refs = [cross_ref("CN=B,X", "b.a.test", "cn=a,x"), cross_ref("CN=A,X", "a.test", "")];
        let trusts = [
            trust("both.test", "3", "2"),
            trust("IN.test", "1", "2"),
            trust("out.test", "2", "2"),
            trust("MIT.TEST", "3", "3"),
            trust("NT4", "3", "1"),
            trust("b.a.test", "3", "2"),
            trust("off.test", "0", "2"),
        ];
        let places = known("a.test", &cross_refs, &trusts);
        let told: Vec<_> =
            places.iter().map(|place| (place.location.domain.as_str(), place.location.kind, place.never)).collect();
        let (own, forest, trusted) = (LocationKind::Own, LocationKind::Forest, LocationKind::Trusted);
        assert_eq!(
            told,
            [
                ("a.test", own, false),
                ("b.a.test", forest, false),
                ("both.test", trusted, false),
                ("mit.test", trusted, true),
                ("nt4", trusted, true),
                ("out.test", trusted, true),
            ]
        );
        assert_eq!(places[1].location.parent.as_deref(), Some("a.test"));
        assert!(places[5].location.problem.as_deref().unwrap().contains("one way"));
    }
}
