//! Which hosts may be asked, and so get the password when they ask for it.
//!
//! The domain of the address that was given, every host in it, the services that the directory or the administrator
//! named, and what the administrator trusts. A redirection that leads elsewhere is not followed but reported: whoever
//! can answer in place of a web server could collect passwords with it.

use std::collections::HashSet;

use reqwest::Url;

#[derive(Debug)]
pub(crate) struct Rule {
    hosts: HashSet<String>,
    /// Trusted with everything below them.
    domains: Vec<String>,
}

impl Rule {
    pub fn new(domain: &str, known: &[Url], trusted: &[String]) -> Self {
        let hosts = known.iter().filter_map(Url::host_str).map(folded).collect();
        let trusted = trusted.iter().map(|name| folded(name.trim_start_matches("*.")));
        Self { hosts, domains: std::iter::once(folded(domain)).chain(trusted).filter(|one| !one.is_empty()).collect() }
    }

    /// A service that the directory names.
    pub fn add(&mut self, url: &Url) {
        self.hosts.extend(url.host_str().map(folded));
    }

    /// Hosts that may be asked as well.
    pub fn and_hosts(mut self, hosts: &[String]) -> Self {
        self.hosts.extend(hosts.iter().map(|host| folded(host)));
        self
    }

    /// The directory or the administrator named this host.
    pub fn names(&self, url: &Url) -> bool {
        url.host_str().is_some_and(|host| self.hosts.contains(&folded(host)))
    }

    /// Why this address must not be asked, as a phrase.
    pub fn refuses(&self, url: &Url) -> Option<String> {
        if url.scheme() != "https" {
            return Some("it is not encrypted, so the password could be read on the way".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Some("it has a user name in it".to_owned());
        }
        let Some(host) = url.host_str().map(folded) else { return Some("it names no host".to_owned()) };
        let below = |domain: &String| {
            host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if self.hosts.contains(&host) || self.domains.iter().any(below) {
            return None;
        }
        Some(format!("{host} belongs neither to the domain of the address nor to those that are trusted"))
    }
}

fn folded(name: &str) -> String {
    name.trim().trim_end_matches('.').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Rule {
        let known = ["https://cas.inner.example:444/autodiscover/autodiscover.xml".parse().unwrap()];
        Rule::new("Corp.example", &known, &["*.trusted.example".to_owned(), String::new()])
    }

    /// W8: credentials go where they may go.
    #[test]
    fn a_host_outside_of_what_is_trusted_is_refused_however_it_is_spelt() {
        for bad in [
            "http://corp.example/",
            "https://evil.example/",
            "https://notcorp.example/",
            "https://corp.example.evil.example/",
            "https://corp.example@evil.example/",
            "https://anna:secret@corp.example/",
            "https://inner.example/",
            "https://127.0.0.1/",
            "ftp://corp.example/",
        ] {
            assert!(rule().refuses(&bad.parse().unwrap()).is_some(), "{bad}");
        }
    }

    #[test]
    fn the_domain_its_hosts_and_what_was_named_are_asked() {
        for good in [
            "https://corp.example/",
            "https://CORP.example./",
            "https://mail.corp.example:8443/x",
            "https://cas.inner.example/",
            "https://trusted.example/",
            "https://a.b.trusted.example/",
        ] {
            assert_eq!(rule().refuses(&good.parse().unwrap()), None, "{good}");
        }
    }
}
