//! Connections, domains and trusts.

use futures_util::StreamExt as _;
use secrecy::SecretString;
use sent_items_update::directory::{
    Directory, DirectoryError, DirectorySearch as _, LocationKind, Options, Query, SignIn, TlsProblem,
};
use sent_items_update::settings::DirectorySettings;

use crate::fixture::{Fixture, USERS, all, names, query};

/// W4
pub async fn the_own_domain_comes_first_and_trusts_say_what_stands_against_them(fixture: &Fixture) {
    let locations = fixture.reader().locations().await.unwrap();
    assert_eq!((&locations[0].domain, locations[0].kind), (&fixture.domain, LocationKind::Own));
    assert_eq!(locations[0].problem, None);
    let problem = |domain: &str| {
        let found = locations.iter().find(|location| location.domain == domain);
        let found = found.unwrap_or_else(|| panic!("{domain} is not among {locations:?}"));
        assert_eq!(found.kind, LocationKind::Trusted);
        found.problem.clone()
    };
    assert_eq!(problem(&fixture.trusted), None);
    assert!(problem("oneway.example.test").unwrap().contains("one way"));
    assert!(problem("mit.example.test").unwrap().contains("Kerberos"));
    assert!(problem("gone.example.test").unwrap().contains("gone.example.test"));
    // It trusts us, which does not make it trusted.
    assert!(!locations.iter().any(|location| location.domain == "incoming.example.test"));
}

/// W4
pub async fn a_trusted_domain_is_searched_with_the_same_sign_in(fixture: &Fixture) {
    let directory = fixture.reader();
    let there = |text| Query { domain: Some(fixture.trusted.to_uppercase()), ..query(text, USERS) };
    let found = all(&directory, there("Liv")).await;
    assert_eq!(names(&found), ["Liv Lab"]);
    assert_eq!(found[0].domain, fixture.trusted);
    // Its objects are found by GUID, too, and say whose they are.
    let again = directory.lookup(vec![found[0].id]).await.unwrap();
    assert_eq!(again[0].as_ref().map(|object| &object.domain), Some(&fixture.trusted));
    // Somebody whom that domain does not know is told so.
    let directory = fixture.as_user("anna");
    let error = directory.search(there("Liv")).next().await.unwrap().unwrap_err();
    assert!(error.what.contains("does not accept anna@"), "{error:?}");
}

/// With nothing but the domain's name.
pub async fn controllers_are_found_by_dns_and_start_tls_serves_as_well(fixture: &Fixture) {
    for controllers in [vec![], vec![format!("ldap://{}", fixture.controllers[0])]] {
        let settings = DirectorySettings { controllers, ..fixture.settings() };
        let directory = Directory::with_options(&settings, fixture.sign_in("service"), &fixture.options()).unwrap();
        assert_eq!(fixture.named(&directory, "Anna Berg").await.name, "Anna Berg");
    }
    let settings = DirectorySettings { domain: "nowhere.test".into(), controllers: vec![], ..fixture.settings() };
    let directory = Directory::with_options(&settings, fixture.sign_in("service"), &fixture.options()).unwrap();
    let error = directory.addresses(&[uuid::Uuid::nil()]).await.unwrap_err();
    assert!(matches!(error, DirectoryError::NoControllers { .. } | DirectoryError::NameService { .. }), "{error:?}");
}

pub async fn a_wrong_sign_in_is_told_in_words(fixture: &Fixture) {
    let secret = "not the password";
    let sign_in = SignIn::Password { upn: fixture.user("erik"), password: SecretString::from(secret) };
    let directory = Directory::with_options(&fixture.settings(), sign_in, &fixture.options()).unwrap();
    // The second time it is not even tried: each try counts towards the account being locked.
    for _ in 0..2 {
        let error = directory.addresses(&[uuid::Uuid::nil()]).await.unwrap_err();
        assert!(error.to_string().contains("the user name or the password is wrong"), "{error}");
        assert!(!format!("{error:?} {error} {} {directory:?}", error.advice()).contains(secret));
    }
    for (role, words) in [
        ("disabled", "is disabled"),
        ("locked", "is locked"),
        ("account expired", "account has expired"),
        ("expired password", "password has expired"),
        ("must-change", "must be changed"),
    ] {
        let error = fixture.as_user(role).addresses(&[uuid::Uuid::nil()]).await.unwrap_err();
        assert!(error.to_string().contains(words), "{role}: {error}");
    }
    // Without a password, LDAP would let anybody in as nobody in particular.
    let sign_in = SignIn::Password { upn: fixture.user("erik"), password: SecretString::from("") };
    let directory = Directory::with_options(&fixture.settings(), sign_in, &fixture.options()).unwrap();
    assert!(matches!(directory.addresses(&[]).await, Err(DirectoryError::SignIn { .. }) | Ok(_)));
    assert!(matches!(directory.is_domain_admin().await, Err(DirectoryError::SignIn { .. })));
}

pub async fn a_controller_of_another_domain_is_not_taken(fixture: &Fixture) {
    let settings = DirectorySettings { domain: fixture.trusted.clone(), ..fixture.settings() };
    let directory = Directory::with_options(&settings, fixture.sign_in("service"), &fixture.options()).unwrap();
    let error = directory.is_domain_admin().await.unwrap_err();
    assert!(error.to_string().contains(&format!("is a domain controller of {}", fixture.domain)), "{error}");
}

pub async fn an_authority_that_is_not_trusted_is_named_as_the_trouble(fixture: &Fixture) {
    let settings = DirectorySettings { extra_roots: vec![], ..fixture.settings() };
    let directory = Directory::with_options(&settings, fixture.sign_in("service"), &Options::default()).unwrap();
    let error = directory.is_domain_admin().await.unwrap_err();
    assert!(matches!(error, DirectoryError::Tls { problem: TlsProblem::UnknownIssuer, .. }), "{error:?}");
}
