//! Where the directory says that Autodiscover is: the service connection points of Exchange.

use reqwest::Url;

use super::client::Directory;
use super::error::DirectoryError;
use super::session::{Base, Search};

/// Keyword of a point that names a service.
const SERVICE: &str = "77378F46-2C66-4aa9-A6A6-3E7A48B19596";

impl Directory {
    /// Addresses of Autodiscover: those of the site that the domain controller is in first, then those of no site, then
    /// the others. Points that lead to another forest are not followed.
    pub async fn autodiscover_services(&self) -> Result<Vec<Url>, DirectoryError> {
        let own = self.own();
        let root = own.object(Base::Root, &["serverName"]).await?;
        let site = root.and_then(|root| root.text("serverName")).and_then(|name| site_of(&name));
        let filter = format!("(&(objectClass=serviceConnectionPoint)(keywords={SERVICE}))");
        let attributes = ["serviceBindingInformation", "keywords"];
        let found = match own.all(&Search::subtree(Base::InConfiguration("CN=Services"), &filter, &attributes)).await {
            Err(DirectoryError::NoSuchObject { .. }) => Vec::new(),
            found => found?,
        };
        let mut services: Vec<(u8, Url)> = Vec::new();
        for point in found {
            let keywords: Vec<&str> = point.texts("keywords").collect();
            let distance = distance(&keywords, site.as_deref());
            let urls = point.texts("serviceBindingInformation").filter_map(|text| Url::parse(text.trim()).ok());
            services.extend(urls.filter(|url| url.scheme() == "https").map(|url| (distance, url)));
        }
        services.sort_by_key(|(distance, _)| *distance);
        let mut urls: Vec<Url> = Vec::new();
        for (_, url) in services {
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        Ok(urls)
    }
}

/// `CN=DC1,CN=Servers,CN=Headquarters,CN=Sites,…`
fn site_of(server_name: &str) -> Option<String> {
    let site = server_name.split(',').nth(2)?.trim();
    Some(site.strip_prefix("CN=").or_else(|| site.strip_prefix("cn="))?.to_owned())
}

fn distance(keywords: &[&str], own: Option<&str>) -> u8 {
    let mut sites = keywords.iter().filter_map(|keyword| keyword.strip_prefix("Site=")).peekable();
    if sites.peek().is_none() {
        return 1;
    }
    if sites.any(|site| own.is_some_and(|own| own.eq_ignore_ascii_case(site))) { 0 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// W2
    #[test]
    fn a_service_of_the_own_site_is_nearest_and_one_of_another_site_farthest() {
        let own = site_of("CN=DC1,CN=Servers,CN=Headquarters,CN=Sites,CN=Configuration,DC=corp,DC=example");
        assert_eq!(own.as_deref(), Some("Headquarters"));
        let keywords = |site: &'static str| [SERVICE, site];
        assert_eq!(distance(&keywords("Site=headquarters"), own.as_deref()), 0);
        assert_eq!(distance(&[SERVICE], own.as_deref()), 1);
        assert_eq!(distance(&keywords("Site=Branch"), own.as_deref()), 2);
        assert_eq!(site_of("odd"), None);
    }
}
