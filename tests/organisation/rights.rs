//! Who may do what, as the domain controller sees it.

use ldap3::{Ldap, Mod};
use sent_items_update::directory::DirectoryError;
use sent_items_update::organisation::administration::{AdministrationError, By};
use sent_items_update::organisation::{Published as _, PublishedError};
use uuid::Uuid;

use crate::lab::{Lab, TEXT, document, newcomer, read, seen, sighting};

const DENIED: u32 = 50;
const NO_SUCH_OBJECT: u32 = 32;

fn is_denied(error: &PublishedError) -> bool {
    matches!(error, PublishedError::Directory(DirectoryError::Denied { .. }))
}

/// Tries to write the text of an object past everything that is ours, and gives LDAP's result.
async fn write(ldap: &mut Ldap, dn: &str, value: &str) -> u32 {
    let change = vec![Mod::Replace(TEXT.to_owned(), [value.to_owned()].into())];
    ldap.modify(dn, change).await.unwrap().rc
}

async fn add(ldap: &mut Ldap, dn: &str) -> u32 {
    let class = vec![("objectClass".to_owned(), ["serviceConnectionPoint".to_owned()].into())];
    ldap.add(dn, class).await.unwrap().rc
}

/// P2: neither the settings nor the sealed password.
pub async fn an_ordinary_user_reads_no_configuration_and_changes_nothing(lab: &Lab) {
    let srv1 = lab.register("SRV1").await.registration;
    lab.published("SRV1$").publish(None, &document(1, "hush-hush"), 1).await.unwrap();
    for account in ["anna", "SRV2$"] {
        let published = lab.published(account);
        let error = published.read(None).await.unwrap_err();
        assert!(is_denied(&error), "{error:?}");
        assert!(error.to_string().contains(&lab.upn(account)) && error.to_string().contains("register"), "{error}");
        assert!(is_denied(&published.publish(None, &document(2, "mine"), 2).await.unwrap_err()));
        assert!(is_denied(&published.sighted(srv1.id, &sighting(1)).await.unwrap_err()));
        // By other programs: that there is a configuration may be known, and no more.
        let mut ldap = lab.ldap_of(account).await;
        let shown = seen(&mut ldap, &lab.container()).await;
        assert_eq!(shown.len(), 1, "{shown:?}");
        assert!(!format!("{shown:?}").contains("hush-hush"));
        assert!(seen(&mut ldap, &lab.configuration()).await.is_empty());
        for dn in [lab.configuration(), lab.registration(srv1.id), lab.sighting(srv1.id)] {
            assert!([DENIED, NO_SUCH_OBJECT].contains(&write(&mut ldap, &dn, "mine").await), "{dn}");
        }
        assert_ne!(add(&mut ldap, &lab.registration(Uuid::new_v4())).await, 0);
        assert_ne!(ldap.delete(&lab.configuration()).await.unwrap().rc, 0);
    }
    let shown = seen(&mut lab.ldap().await, &lab.configuration()).await.remove(0);
    assert!(shown.attrs[TEXT][0].contains("hush-hush"), "{shown:?}");

    // Neither registers an updater, nor makes another place, nor removes one, nor gives rights.
    let administration = lab.administration_as("anna");
    for error in [
        administration.register(&newcomer("SRV2"), Uuid::new_v4()).await.unwrap_err(),
        administration.remove(&srv1.id.to_string()).await.unwrap_err(),
        administration.look().await.unwrap_err(),
        administration.repair(Uuid::new_v4()).await.unwrap_err(),
    ] {
        assert!(matches!(error, AdministrationError::NotAllowed { .. }), "{error:?}");
        let said = error.to_string();
        assert!(said.contains("anna") && said.contains("Domain Admins of corp.example.test"), "{said}");
        assert!(error.advice(By::CommandLine).contains(&lab.container()), "{}", error.advice(By::CommandLine));
    }
    assert_eq!(read(&lab.published("SRV1$")).await.updaters, [srv1]);
}

/// P2
pub async fn a_registered_updater_reads_and_publishes_and_can_not_enrol_another(lab: &Lab) {
    let (one, two) = (lab.register("SRV1").await.registration, lab.register("SRV2").await.registration);
    let published = lab.published("SRV1$");
    let first = document(1, "one");
    published.publish(None, &first, 1).await.unwrap();
    let other = lab.published("SRV2$");
    let found = read(&other).await;
    assert_eq!((found.configuration.as_deref(), found.updaters.len()), (Some(first.as_str()), 2));
    assert_eq!(found.problems, [""; 0]);
    other.publish(Some(&first), &document(2, "two"), 2).await.unwrap();
    published.sighted(one.id, &sighting(1)).await.unwrap();
    // What another says about itself is not its own.
    assert!(is_denied(&published.sighted(two.id, &sighting(99)).await.unwrap_err()));
    assert!(!read(&other).await.sightings.contains_key(&two.id));

    let mut ldap = lab.ldap_of("SRV1$").await;
    let updaters = format!("CN=Updaters,{}", lab.container());
    for dn in [lab.registration(one.id), lab.registration(two.id), lab.sighting(two.id)] {
        assert_eq!(write(&mut ldap, &dn, "mine").await, DENIED, "{dn}");
    }
    for dn in [
        format!("CN={},{updaters}", Uuid::new_v4()),
        format!("CN={},CN=Sightings,{}", Uuid::new_v4(), lab.container()),
        format!("CN=Another,{}", lab.container()),
        format!("CN=Below,{}", lab.configuration()),
    ] {
        assert_ne!(add(&mut ldap, &dn).await, 0, "{dn}");
    }
    for dn in [lab.configuration(), lab.registration(two.id), lab.sighting(one.id)] {
        assert_eq!(ldap.delete(&dn).await.unwrap().rc, DENIED, "{dn}");
    }
    // Nor may it give rights, to itself or to others.
    for dn in [lab.configuration(), lab.sighting(one.id), updaters] {
        let everybody = vec![Mod::Replace("nTSecurityDescriptor".to_owned().into_bytes(), [everybody_may()].into())];
        assert_eq!(ldap.with_controls(only_rights()).modify(&dn, everybody).await.unwrap().rc, DENIED, "{dn}");
    }
    let error = lab.administration_as("SRV1$").register(&newcomer("SRV3"), Uuid::new_v4()).await.unwrap_err();
    assert!(matches!(error, AdministrationError::NotAllowed { .. }), "{error:?}");
    assert_eq!(read(&other).await.updaters.len(), 2);
}

/// P2
pub async fn a_removed_updater_may_do_nothing_any_more_and_the_others_still_may(lab: &Lab) {
    let (one, two) = (lab.register("SRV1").await.registration, lab.register("SRV2").await.registration);
    let (removed, other) = (lab.published("SRV1$"), lab.published("SRV2$"));
    let first = document(1, "one");
    removed.publish(None, &first, 1).await.unwrap();
    removed.sighted(one.id, &sighting(1)).await.unwrap();
    let done = lab.administration().remove(&one.id.to_string()).await.unwrap();
    assert_eq!((done.registration, done.left), (one.clone(), 1));
    // Over the connection that it has, and over a new one.
    for published in [&removed, &lab.published("SRV1$")] {
        assert!(is_denied(&published.read(None).await.unwrap_err()));
        assert!(is_denied(&published.publish(Some(&first), &document(2, "revenge"), 2).await.unwrap_err()));
        assert!(is_denied(&published.sighted(one.id, &sighting(2)).await.unwrap_err()));
    }
    let mut ldap = lab.ldap_of("SRV1$").await;
    assert_eq!(seen(&mut ldap, &lab.container()).await.len(), 1);
    assert_ne!(write(&mut ldap, &lab.configuration(), "revenge").await, 0);
    let found = read(&other).await;
    assert_eq!((found.updaters.as_slice(), found.sightings.len()), ([two].as_slice(), 0));
    assert_eq!(found.configuration.as_deref(), Some(first.as_str()));
    other.publish(Some(&first), &document(2, "two"), 2).await.unwrap();
    // Registered anew, it is what it was.
    lab.register("SRV1").await;
    assert_eq!(read(&removed).await.updaters.len(), 2);
}

/// P2
pub async fn two_updaters_with_one_account_lose_it_with_the_second(lab: &Lab) {
    let administration = lab.administration();
    let shared = |computer: &str| {
        let newcomer = newcomer(computer);
        sent_items_update::organisation::administration::Newcomer { account: Some(lab.upn("svc-siu")), ..newcomer }
    };
    let (one, two) = (shared("A"), shared("B"));
    for newcomer in [&one, &two] {
        administration.register(newcomer, Uuid::new_v4()).await.unwrap();
    }
    let published = lab.published("svc-siu");
    administration.remove(&one.id.to_string()).await.unwrap();
    assert_eq!(read(&published).await.updaters.len(), 1);
    published.publish(None, &document(1, "one"), 1).await.unwrap();
    administration.remove(&two.id.to_string()).await.unwrap();
    assert!(is_denied(&published.read(None).await.unwrap_err()));
}

/// P2: what somebody opened with another tool is named, and closed.
pub async fn rights_that_were_broken_by_hand_are_named_and_put_right(lab: &Lab) {
    let srv1 = lab.register("SRV1").await.registration;
    let published = lab.published("SRV1$");
    published.publish(None, &document(1, "hush-hush"), 1).await.unwrap();
    let sound = lab.administration().look().await.unwrap();
    assert!(!sound.problems.iter().any(|problem| problem.contains("repair")), "{sound:?}");
    let mut ldap = lab.ldap().await;
    for dn in [lab.container(), lab.configuration()] {
        let everybody = vec![Mod::Replace("nTSecurityDescriptor".to_owned().into_bytes(), [everybody_may()].into())];
        ldap.with_controls(only_rights()).modify(&dn, everybody).await.unwrap().success().unwrap();
    }
    ldap.delete(&lab.sighting(srv1.id)).await.unwrap().success().unwrap();
    // The test would see it.
    let shown = seen(&mut lab.ldap_of("anna").await, &lab.configuration()).await;
    assert!(format!("{shown:?}").contains("hush-hush"), "{shown:?}");
    let overview = lab.administration().look().await.unwrap();
    let wrong: Vec<_> = overview.problems.iter().filter(|problem| problem.contains("repair")).collect();
    assert!(wrong.len() == 2 && wrong[1].contains("Everyone") && wrong[1].contains("SRV1$"), "{overview:?}");
    // Registering another adds what is missing, and takes nothing away that an administrator may have wanted.
    lab.register("SRV2").await;
    assert!(!seen(&mut lab.ldap_of("anna").await, &lab.configuration()).await.is_empty());

    let done = lab.administration().repair(Uuid::new_v4()).await.unwrap();
    assert!(done.iter().any(|sentence| sentence.contains("CN=Configuration")), "{done:?}");
    assert!(seen(&mut lab.ldap_of("anna").await, &lab.configuration()).await.is_empty());
    assert_eq!(lab.administration().repair(Uuid::new_v4()).await.unwrap(), [""; 0]);
    published.sighted(srv1.id, &sighting(3)).await.unwrap();
    assert_eq!(read(&lab.published("SRV2$")).await.sightings[&srv1.id], sighting(3));
}

/// P2
pub async fn two_administrators_who_register_at_the_same_moment_both_succeed(lab: &Lab) {
    for _ in 0..4 {
        let (one, two) = (lab.administration(), lab.administration());
        let (first, second) = (newcomer("SRV1"), newcomer("SRV2"));
        let (first, second) = tokio::join!(one.register(&first, Uuid::new_v4()), two.register(&second, Uuid::new_v4()));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.organisation, second.organisation);
        for (account, registered) in [("SRV1$", &first), ("SRV2$", &second)] {
            let published = lab.published(account);
            assert!(read(&published).await.updaters.contains(&registered.registration));
            published.sighted(registered.registration.id, &sighting(1)).await.unwrap();
        }
        let (one, two) = (lab.administration(), lab.administration());
        let ids = [first.registration.id.to_string(), second.registration.id.to_string()];
        let (first, second) = tokio::join!(one.remove(&ids[0]), two.remove(&ids[1]));
        first.unwrap();
        second.unwrap();
        assert!(is_denied(&lab.published("SRV1$").read(None).await.unwrap_err()));
        assert!(is_denied(&lab.published("SRV2$").read(None).await.unwrap_err()));
    }
}

/// A descriptor that lets everybody do everything.
fn everybody_may() -> Vec<u8> {
    let mut bytes = vec![1, 0, 0x04, 0x80];
    for offset in [0_u32, 0, 0, 20] {
        bytes.extend(offset.to_le_bytes());
    }
    bytes.extend([2, 0, 28, 0, 1, 0, 0, 0]);
    bytes.extend([0, 0, 20, 0, 0xff, 1, 0x0f, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    bytes
}

fn only_rights() -> ldap3::controls::RawControl {
    ldap3::controls::RawControl {
        ctype: "1.2.840.113556.1.4.801".to_owned(),
        crit: true,
        val: Some(vec![0x30, 3, 2, 1, 4]),
    }
}

impl Lab {
    fn registration(&self, id: Uuid) -> String {
        format!("CN={id},CN=Updaters,{}", self.container())
    }

    fn sighting(&self, id: Uuid) -> String {
        format!("CN={id},CN=Sightings,{}", self.container())
    }
}
