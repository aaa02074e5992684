//! Where the directory says that Autodiscover is: the service connection points of Exchange (MS-OXDISCO 3.1.5.1).
//!
//! A point names a service, or another directory to look in: a pointer. One for the domain of the address counts in
//! place of everything else, one for no domain only where there are no services. Our sign-in goes to domains that are
//! trusted, wherever a pointer leads.

use std::sync::Arc;

use reqwest::Url;

use super::client::Directory;
use super::domain::Domain;
use super::entry::Entry;
use super::error::DirectoryError;
use super::locations;
use super::session::{Base, Search};
use super::site;

/// Keyword of a point that names a service.
const SERVICE: &str = "77378F46-2C66-4aa9-A6A6-3E7A48B19596";

/// Keyword of a point that names another directory.
const POINTER: &str = "67661d7F-8FC4-4fa7-BFAC-E1D7794C1F68";

/// Pointers that are followed, one after the other.
const MOST_POINTERS: usize = 5;

/// What the directory names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionPoints {
    /// Addresses of Autodiscover: those of the own site first, then those of no site, then the others.
    pub urls: Vec<Url>,
    /// Each pointer that mattered, with what came of it as a phrase.
    pub pointers: Vec<(String, String)>,
}

impl Directory {
    /// The services for addresses of this domain.
    pub async fn autodiscover_services(&self, domain: &str) -> Result<ConnectionPoints, DirectoryError> {
        let mut found = ConnectionPoints::default();
        let site = site::own(self).await?;
        let mut place = self.own().clone();
        let mut been = Vec::new();
        loop {
            been.push(place.name().to_owned());
            let points = match points(&place).await {
                Ok(points) => points,
                Err(error) if been.len() == 1 => return Err(error),
                Err(error) => {
                    found.tell(place.name(), error.to_string());
                    return Ok(found);
                }
            };
            let services = services(&points, site.as_deref());
            let pointer = pointer(&points, domain, services.is_empty());
            // Those of an earlier directory stay where a later one has none.
            if !services.is_empty() {
                found.urls = services;
            }
            let Some(pointer) = pointer else { return Ok(found) };
            match self.pointed_to(&pointer).await {
                Ok(next) if been.iter().any(|name| name == next.name()) => {
                    found.tell(&pointer, "it leads back".to_owned());
                    return Ok(found);
                }
                Ok(_) if been.len() > MOST_POINTERS => {
                    found.tell(&pointer, format!("not followed: these were {MOST_POINTERS} in a row"));
                    return Ok(found);
                }
                Ok(next) => {
                    found.tell(&pointer, format!("followed to {}", next.name()));
                    place = next;
                }
                Err(why) => {
                    found.tell(&pointer, why);
                    return Ok(found);
                }
            }
        }
    }

    /// The domain that a pointer leads to, if it is one that is trusted; otherwise why it is not followed.
    async fn pointed_to(&self, pointer: &str) -> Result<Arc<Domain>, String> {
        let host = host_of(pointer).ok_or("not followed: it is no address of a directory")?;
        // A controller is named as well as a domain, and each controller of a domain knows the same.
        let within =
            |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let places = locations::listed(self).await.map_err(|error| error.to_string())?;
        let best = places.into_iter().filter(|place| within(&place.location.domain));
        let place = best.max_by_key(|place| place.location.domain.len());
        let place = place.ok_or_else(|| format!("not followed: {host} is in no domain that this one trusts"))?;
        match place.location.problem {
            Some(problem) => Err(format!("not followed: {}", problem.trim_end_matches('.'))),
            None => Ok(self.of(&place.location.domain)),
        }
    }
}

impl ConnectionPoints {
    fn tell(&mut self, pointer: &str, outcome: String) {
        self.pointers.push((pointer.to_owned(), outcome));
    }
}

async fn points(domain: &Domain) -> Result<Vec<Entry>, DirectoryError> {
    let filter = format!("(&(objectClass=serviceConnectionPoint)(|(keywords={POINTER})(keywords={SERVICE})))");
    let attributes = ["serviceBindingInformation", "keywords"];
    match domain.all(&Search::subtree(Base::InConfiguration("CN=Services"), &filter, &attributes)).await {
        Err(DirectoryError::NoSuchObject { .. }) => Ok(Vec::new()),
        found => found,
    }
}

fn is(point: &Entry, keyword: &str) -> bool {
    point.texts("keywords").any(|found| found.eq_ignore_ascii_case(keyword))
}

/// What stands behind this name among the keywords: `Site=Branch`.
fn values<'e>(point: &'e Entry, name: &'static str) -> impl Iterator<Item = &'e str> {
    point.texts("keywords").filter_map(move |keyword| {
        let (found, value) = keyword.split_once('=')?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn services(points: &[Entry], site: Option<&str>) -> Vec<Url> {
    let mut services: Vec<(u8, Url)> = Vec::new();
    for point in points.iter().filter(|point| is(point, SERVICE)) {
        let urls = point.texts("serviceBindingInformation").filter_map(|text| Url::parse(text.trim()).ok());
        let distance = distance(point, site);
        services.extend(urls.filter(|url| url.scheme() == "https").map(|url| (distance, url)));
    }
    services.sort_by_key(|(distance, _)| *distance);
    let mut urls: Vec<Url> = Vec::new();
    for (_, url) in services {
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

fn distance(point: &Entry, own: Option<&str>) -> u8 {
    let mut sites = values(point, "Site").peekable();
    if sites.peek().is_none() {
        return 1;
    }
    if sites.any(|site| own.is_some_and(|own| own.eq_ignore_ascii_case(site))) { 0 } else { 2 }
}

/// The pointer that counts.
fn pointer(points: &[Entry], domain: &str, no_services: bool) -> Option<String> {
    let pointers = || points.iter().filter(|point| is(point, POINTER));
    let own = pointers().find(|point| values(point, "Domain").any(|named| named.eq_ignore_ascii_case(domain)));
    let any = || pointers().find(|point| values(point, "Domain").next().is_none()).filter(|_| no_services);
    own.or_else(any)?.text("serviceBindingInformation")
}

/// `LDAP://corp.example` or `LDAP://dc1.corp.example:389/…`
fn host_of(pointer: &str) -> Option<String> {
    let (scheme, rest) = pointer.trim().split_once("://")?;
    if !scheme.eq_ignore_ascii_case("ldap") && !scheme.eq_ignore_ascii_case("ldaps") {
        return None;
    }
    let host = rest.split('/').next()?;
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let host = host.trim_end_matches('.').to_lowercase();
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(binding: &str, keywords: &[&str]) -> Entry {
        let keywords: Vec<&[u8]> = keywords.iter().map(|keyword| keyword.as_bytes()).collect();
        Entry::of("CN=point", &[("serviceBindingInformation", &[binding.as_bytes()]), ("keywords", &keywords)])
    }

    /// W2
    #[test]
    fn a_service_of_the_own_site_is_nearest_and_one_of_another_site_farthest() {
        let url = |host: &str| format!("https://{host}.corp.example/autodiscover/autodiscover.xml");
        let points = [
            point(&url("branch"), &[SERVICE, "Site=Branch"]),
            point(&url("anywhere"), &[SERVICE]),
            point(&url("own"), &[SERVICE.to_lowercase().as_str(), "site=headquarters", "Site=Second"]),
            point(&url("again"), &[SERVICE, "Site=Headquarters"]),
            point(&url("anywhere"), &[SERVICE, "Site=Branch"]),
            point("http://plain.corp.example/", &[SERVICE]),
            point("LDAP://other.example", &[POINTER]),
        ];
        let hosts = |site| -> Vec<String> {
            services(&points, site).iter().map(|url| url.host_str().unwrap().replace(".corp.example", "")).collect()
        };
        assert_eq!(hosts(Some("Headquarters")), ["own", "again", "anywhere", "branch"]);
        assert_eq!(hosts(None), ["anywhere", "branch", "own", "again"]);
    }

    /// W2
    #[test]
    fn a_pointer_for_the_domain_comes_first_and_one_for_no_domain_where_nothing_else_is() {
        let ours = point("LDAP://partner.example", &[POINTER, "Domain=Corp.Example"]);
        let theirs = point("LDAP://elsewhere.example", &[POINTER, "Domain=other.example"]);
        let any = point("LDAP://fallback.example", &[POINTER]);
        let chosen = |points: &[&Entry], no_services| {
            let points: Vec<_> = points.iter().map(|point| (*point).clone()).collect();
            pointer(&points, "corp.example", no_services)
        };
        assert_eq!(chosen(&[&any, &theirs, &ours], false).as_deref(), Some("LDAP://partner.example"));
        assert_eq!(chosen(&[&any, &theirs], false), None);
        assert_eq!(chosen(&[&theirs, &any], true).as_deref(), Some("LDAP://fallback.example"));
        assert_eq!(chosen(&[&theirs], true), None);
    }

    /// W2
    #[test]
    fn the_host_of_a_pointer_is_read_and_nothing_else_is_taken_for_one() {
        for (pointer, host) in [
            ("LDAP://Partner.example", Some("partner.example")),
            ("ldap://dc1.partner.example:389/DC=x", Some("dc1.partner.example")),
            ("https://partner.example/", None),
            ("LDAP:///CN=x", None),
            ("partner.example", None),
        ] {
            assert_eq!(host_of(pointer).as_deref(), host, "{pointer}");
        }
    }
}
