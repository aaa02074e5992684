//! Service connection points: which site's service is nearest, and where pointers lead.

use crate::fixture::Fixture;

const NEAR: &str = "https://near.corp.example.test/autodiscover/autodiscover.xml";

/// W2: the subnets say that this computer is in another site than the controller.
pub async fn the_service_of_the_own_site_comes_first(fixture: &Fixture) {
    let found = fixture.reader().autodiscover_services(&fixture.domain).await.unwrap();
    let urls: Vec<_> = found.urls.iter().map(ToString::to_string).collect();
    assert_eq!((urls[0].as_str(), urls.len()), (NEAR, 3), "{urls:?}");
    assert!(urls.contains(&fixture.sandboxes.as_ref().unwrap().autodiscover_urls()[0]), "{urls:?}");
    // The pointer for no domain counts only where nothing else is.
    assert!(found.pointers.is_empty(), "{found:?}");
}

/// W2: our sign-in goes to no directory but those of trusted domains.
pub async fn a_pointer_is_followed_to_a_domain_that_is_trusted_and_nowhere_else(fixture: &Fixture) {
    let directory = fixture.reader();
    let [own, partner] = fixture.sandboxes.as_ref().unwrap().autodiscover_urls();
    for (domain, service, told) in [
        ("partner.example.test", &partner, &["followed to lab.example.test"][..]),
        ("Circle.example.test", &partner, &["followed to lab.example.test", "leads back"]),
        ("outside.example.test", &own, &["is in no domain that this one trusts"]),
        ("silent.example.test", &own, &["followed to gone.example.test", "gone.example.test"]),
    ] {
        let found = directory.autodiscover_services(domain).await.unwrap();
        assert!(found.urls.iter().any(|url| url.as_str() == service), "{domain}: {found:?}");
        assert_eq!(found.pointers.len(), told.len(), "{domain}: {found:?}");
        for ((_, outcome), words) in found.pointers.iter().zip(told) {
            assert!(outcome.contains(words), "{words}: {found:?}");
        }
    }
}
