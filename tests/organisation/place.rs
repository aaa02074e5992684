//! Making the place, and what is published there.

use sent_items_update::directory::{Directory, DirectoryError};
use sent_items_update::organisation::administration::{Administration, AdministrationError, By};
use sent_items_update::organisation::in_directory::InDirectory;
use sent_items_update::organisation::{Published as _, PublishedError};
use uuid::Uuid;

use crate::lab::{Lab, delete_tree, document, newcomer, read, seen, sighting};

/// P1, P2
pub async fn an_administrator_makes_the_place_and_what_is_published_is_read_back(lab: &Lab) {
    let (organisation, srv1) = (Uuid::new_v4(), newcomer("SRV1"));
    let registered = lab.administration().register(&srv1, organisation).await.unwrap();
    assert_eq!((registered.organisation, registered.place.as_str()), (organisation, lab.container().as_str()));
    assert_eq!(registered.registration.account, lab.upn("SRV1$"));
    assert!(registered.registration.registered_by.starts_with("Administrator"), "{registered:?}");
    assert!(registered.done[0].contains("is made") && registered.notes.is_empty(), "{registered:?}");

    let published = lab.published("SRV1$");
    let found = read(&published).await;
    assert_eq!((found.configuration.as_deref(), found.problems.as_slice()), (None, [].as_slice()));
    assert_eq!(found.updaters, [registered.registration]);

    let (first, second) = (document(1, "one"), document(2, "Žižka, Ops\\n日本"));
    published.publish(None, &first, 1).await.unwrap();
    published.publish(Some(&first), &second, 2).await.unwrap();
    assert_eq!(read(&published).await.configuration.as_deref(), Some(second.as_str()));
    published.sighted(srv1.id, &sighting(7)).await.unwrap();
    assert_eq!(read(&published).await.sightings[&srv1.id], sighting(7));

    // For whoever looks with other tools: which organisation, and which version.
    let shown = seen(&mut lab.ldap().await, &lab.configuration()).await.remove(0);
    let keywords = &shown.attrs["keywords"];
    for keyword in ["Sent Items Update", "version=2", &format!("organisation={organisation}")] {
        assert!(keywords.iter().any(|one| one == keyword), "{keywords:?}");
    }
    assert_eq!(keywords.len(), 5, "{keywords:?}");
    let overview = lab.administration().look().await.unwrap();
    assert!(overview.domain_admin && overview.organisation == Some(organisation), "{overview:?}");
    assert_eq!(overview.updaters[0].1, Some(sighting(7)));
    // Of the documents of these tests, not all is there that an administrator is shown.
    assert!(overview.problems.iter().all(|problem| problem.contains("can't be read")), "{overview:?}");
}

/// P2
pub async fn registering_again_renews_the_registration_and_keeps_the_organisation(lab: &Lab) {
    let (organisation, mut srv1) = (Uuid::new_v4(), newcomer("SRV1"));
    lab.administration().register(&srv1, organisation).await.unwrap();
    let published = lab.published("SRV1$");
    published.publish(None, &document(1, "one"), 1).await.unwrap();
    "age1another".clone_into(&mut srv1.key);
    srv1.account = Some(lab.upn("svc-siu"));
    let again = lab.administration().register(&srv1, Uuid::new_v4()).await.unwrap();
    assert_eq!(again.organisation, organisation);
    assert!(again.done.iter().any(|sentence| sentence.contains("was registered already")), "{again:?}");
    // The other account has its rights, and the one before has none.
    let found = read(&lab.published("svc-siu")).await;
    assert_eq!(found.updaters, [again.registration]);
    assert!(found.configuration.is_some());
    assert!(published.read(None).await.is_err());
    // The same computer, installed anew: two registrations, and word of it.
    let other = lab.administration().register(&newcomer("SRV1"), organisation).await.unwrap();
    assert!(other.notes.iter().any(|note| note.contains("another updater of this name")), "{other:?}");
}

/// P2
pub async fn what_an_administrator_can_not_do_is_told_in_words(lab: &Lab) {
    let administration = lab.administration();
    let error = administration.look().await.unwrap_err();
    assert!(matches!(error, AdministrationError::NothingThere { .. }), "{error:?}");
    assert!(error.to_string().contains(&lab.container()), "{error}");
    let nowhere = newcomer("nowhere");
    let error = administration.register(&nowhere, Uuid::new_v4()).await.unwrap_err();
    assert!(matches!(&error, AdministrationError::NoAccount { computer: Some(_), .. }), "{error:?}");
    assert!(error.advice(By::CommandLine).contains("--account"), "{}", error.advice(By::CommandLine));
    // Nothing was made for somebody who has no account.
    assert!(matches!(administration.look().await, Err(AdministrationError::NothingThere { .. })));
    lab.register("SRV1").await;
    let error = administration.remove("srv9").await.unwrap_err();
    assert!(error.to_string().contains("srv1.corp.example.test"), "{error}");
    let elsewhere = lab.administration_place("OU=No such unit");
    let error = elsewhere.register(&newcomer("SRV1"), Uuid::new_v4()).await.unwrap_err();
    assert!(matches!(&error, AdministrationError::NoParent { .. }), "{error:?}");
    assert!(error.to_string().contains("OU=No such unit"), "{error}");
}

/// P2
pub async fn a_deleted_container_is_made_again_by_an_administrator_and_by_nobody_else(lab: &Lab) {
    let (organisation, srv1) = (Uuid::new_v4(), newcomer("SRV1"));
    lab.administration().register(&srv1, organisation).await.unwrap();
    let published = lab.published("SRV1$");
    let first = document(1, "one");
    published.publish(None, &first, 1).await.unwrap();
    let mut ldap = lab.ldap().await;
    // The document's object alone.
    ldap.delete(&lab.configuration()).await.unwrap().success().unwrap();
    for error in [
        published.read(None).await.unwrap_err(),
        published.publish(Some(&first), &document(2, "two"), 2).await.unwrap_err(),
    ] {
        assert!(
            matches!(&error, PublishedError::NoContainer { place } if place.contains("Configuration")),
            "{error:?}"
        );
    }
    // Everything.
    delete_tree(&mut ldap, &lab.container()).await;
    for error in [
        published.read(None).await.unwrap_err(),
        published.publish(Some(&first), &document(2, "two"), 2).await.unwrap_err(),
        published.publish(None, &document(2, "two"), 2).await.unwrap_err(),
        published.sighted(srv1.id, &sighting(1)).await.unwrap_err(),
    ] {
        assert!(matches!(&error, PublishedError::NoContainer { .. }), "{error:?}");
        assert!(error.to_string().contains("siu-updater register"), "{error}");
    }
    assert!(seen(&mut ldap, &lab.container()).await.is_empty());
    // It stays the organisation that it was.
    let again = lab.administration().register(&srv1, organisation).await.unwrap();
    assert_eq!(again.organisation, organisation);
    published.publish(None, &document(2, "two"), 2).await.unwrap();
}

/// P1
pub async fn a_document_may_have_256_kib_and_no_more(lab: &Lab) {
    lab.register("SRV1").await;
    let published = lab.published("SRV1$");
    let padded = |version: u64, length: usize| {
        let frame = document(version, "");
        document(version, &"x".repeat(length - frame.len()))
    };
    let largest = padded(1, 256 * 1024);
    published.publish(None, &largest, 1).await.unwrap();
    assert_eq!(read(&published).await.configuration.as_deref(), Some(largest.as_str()));
    let error = published.publish(Some(&largest), &padded(2, 256 * 1024 + 1), 2).await.unwrap_err();
    assert!(matches!(error, PublishedError::TooLarge { bytes: 262_145, most: 262_144 }), "{error:?}");
    assert_eq!(read(&published).await.configuration.as_deref(), Some(largest.as_str()));
    // A large one in the place of a large one.
    let second = padded(2, 256 * 1024);
    published.publish(Some(&largest), &second, 2).await.unwrap();
    assert_eq!(read(&published).await.configuration.as_deref(), Some(second.as_str()));
}

/// P2
pub async fn the_mark_tells_whether_anything_changed(lab: &Lab) {
    let srv1 = lab.register("SRV1").await.registration;
    let published = lab.published("SRV1$");
    let mut mark = read(&published).await.mark;
    assert_eq!(published.read(Some(&mark)).await.unwrap(), None);
    published.publish(None, &document(1, "one"), 1).await.unwrap();
    mark = published.read(Some(&mark)).await.unwrap().expect("a document came").mark;
    published.sighted(srv1.id, &sighting(1)).await.unwrap();
    mark = published.read(Some(&mark)).await.unwrap().expect("somebody was seen").mark;
    lab.register("SRV2").await;
    let found = published.read(Some(&mark)).await.unwrap().expect("a registration came");
    assert_eq!(found.updaters.len(), 2);
    lab.administration().remove("srv2.corp.example.test").await.unwrap();
    let found = published.read(Some(&found.mark)).await.unwrap().expect("a registration went");
    assert_eq!(published.read(Some(&found.mark)).await.unwrap(), None);
}

/// P1: the one test in the place that a domain has but once.
pub async fn without_a_word_the_place_is_the_usual_one(lab: &Lab) {
    let base = lab.unit.split_once(',').unwrap().1;
    let usual = format!("CN=Sent Items Update,CN=Program Data,{base}");
    // A run that was ended may have left it.
    delete_tree(&mut lab.ldap().await, &usual).await;
    let administration = Administration::new(lab.administrator_directory(), None).unwrap();
    let registered = administration.register(&newcomer("SRV3"), Uuid::new_v4()).await.unwrap();
    assert_eq!(registered.place, usual);
    let published = InDirectory::new(lab.directory("SRV3$"), None).unwrap();
    assert_eq!(published.place(), format!("{usual} in {}", lab.domain));
    published.publish(None, &document(1, "one"), 1).await.unwrap();
    assert_eq!(read(&published).await.updaters, [registered.registration]);
    let outsider = InDirectory::new(lab.directory("anna"), None).unwrap();
    assert!(matches!(outsider.read(None).await, Err(PublishedError::Directory(DirectoryError::Denied { .. }))));
    delete_tree(&mut lab.ldap().await, &usual).await;
}

/// P2: a change that depends on what is there is made at one controller only.
pub async fn while_the_first_controller_is_away_others_are_read_and_nothing_is_written(lab: &Lab) {
    lab.register("SRV1").await;
    lab.published("SRV1$").publish(None, &document(1, "one"), 1).await.unwrap();
    let away = format!("ldaps://{}:1", lab.controller);
    let mut settings = lab.settings_at(&away);
    settings.controllers.push(lab.controller.clone());
    let directory = Directory::with_options(&settings, lab.sign_in("SRV1$"), &lab.options()).unwrap();
    let published = InDirectory::new(directory, Some(&lab.unit)).unwrap();
    let found = read(&published).await;
    let there = found.configuration.unwrap();
    assert_eq!(published.read(Some(&found.mark)).await.unwrap(), None);
    let error = published.publish(Some(&there), &document(2, "two"), 2).await.unwrap_err();
    assert!(matches!(&error, PublishedError::Directory(DirectoryError::Connect { .. })), "{error:?}");
    assert_eq!(read(&published).await.configuration, Some(there));
}

impl Lab {
    fn administration_place(&self, place: &str) -> Administration {
        self.administration_in(place).expect("a distinguished name")
    }

    fn administration_in(&self, place: &str) -> Result<Administration, DirectoryError> {
        Administration::new(self.directory("nadia"), Some(place))
    }
}
