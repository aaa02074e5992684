use super::*;
use crate::organisation::document::Sealed;

/// P2
#[tokio::test]
async fn a_newcomer_can_read_the_password_as_soon_as_another_updater_has_looked() {
    let (directory, clock) = (InMemory::default(), clock());
    let one = Computer::new("srv1", &directory, &clock).registered().await;
    one.set(configured(), Some("Zebra-7")).await.unwrap();
    let two = Computer::new("srv2", &directory, &clock).registered().await;
    assert_eq!((two.in_force(), two.password()), (configured(), None));
    assert!(two.notices().contains("not encrypted to this updater yet"), "{}", two.notices());
    assert_eq!(two.secrets(), [("srv1".into(), SecretState::Sealed), ("srv2".into(), SecretState::Waiting)]);
    let by = document(&directory).changed_by().to_owned();

    one.organisation.look().await;
    two.organisation.look().await;
    assert_eq!((two.password().as_deref(), two.notices()), (Some("Zebra-7"), String::new()));
    assert_eq!(two.secrets(), [("srv1".into(), SecretState::Sealed), ("srv2".into(), SecretState::Sealed)]);
    assert_eq!(document(&directory).changed_by(), by, "whose settings they are does not change");
    let published = directory.world().published.len();
    for computer in [&one, &two, &one, &two] {
        computer.organisation.look_at_once().await;
    }
    assert_eq!(directory.world().published.len(), published, "and that is all");
}

/// P2
#[tokio::test]
async fn a_password_that_is_given_at_the_newcomer_does_as_well() {
    let (directory, clock) = (InMemory::default(), clock());
    let one = Computer::new("srv1", &directory, &clock).registered().await;
    one.set(configured(), Some("Zebra-7")).await.unwrap();
    let two = Computer::new("srv2", &directory, &clock).registered().await;
    two.set(configured(), Some("Zebra-8")).await.unwrap();
    assert_eq!(two.secrets(), [("srv1".into(), SecretState::Sealed), ("srv2".into(), SecretState::Sealed)]);
    one.organisation.look().await;
    assert_eq!(one.password().as_deref(), Some("Zebra-8"));
}

/// P2
#[tokio::test]
async fn after_a_removal_the_password_is_encrypted_anew_without_the_one_that_went() {
    let (directory, one, two) = two("Zebra-7").await;
    assert!(document(&directory).secret().unwrap().recipients.contains_key(&two.id()));
    directory.world().unregister(two.id());
    one.organisation.look().await;
    let recipients = document(&directory).secret().unwrap().recipients.clone();
    assert_eq!(recipients.into_keys().collect::<Vec<_>>(), [one.id()]);
    one.set(configured(), Some("Zebra-8")).await.unwrap();
    two.organisation.look().await;
    assert_eq!(two.password().as_deref(), Some("Zebra-7"), "what it has read it may have kept");
}

/// Of two that see a newcomer at the same time, one encrypts.
#[tokio::test]
async fn two_updaters_do_not_encrypt_for_the_same_newcomer_in_turn() {
    let (directory, one, two) = two("Zebra-7").await;
    let three = Computer::new("srv3", &directory, &one.clock).registered().await;
    let published = directory.world().published.len();
    tokio::join!(one.organisation.look(), two.organisation.look());
    three.organisation.look().await;
    for computer in [&one, &two, &three] {
        computer.organisation.look().await;
        assert_eq!(computer.password().as_deref(), Some("Zebra-7"));
        assert_eq!(computer.problem(), "");
    }
    assert_eq!(directory.world().published.len(), published + 1);
}

/// A registration by a later version of the program is not understood here; its updater is not locked out for that.
#[tokio::test]
async fn while_a_registration_is_not_understood_nobody_is_left_out() {
    let (directory, one, two) = two("Zebra-7").await;
    directory.world().unregister(two.id());
    directory.world().problems = vec!["The registration of srv2 is not understood.".into()];
    let published = directory.world().published.len();
    one.organisation.look().await;
    assert_eq!(directory.world().published.len(), published);
    assert!(one.notices().contains("srv2 is not understood"), "{}", one.notices());
    let three = Computer::new("srv3", &directory, &one.clock).registered().await;
    one.organisation.look().await;
    let recipients = document(&directory).secret().unwrap().recipients.clone();
    let mut wanted = vec![one.id(), two.id(), three.id()];
    wanted.sort_unstable();
    assert_eq!(recipients.into_keys().collect::<Vec<_>>(), wanted);
}

/// P2: an older password, as it was, under another number, or under one that is still to come.
#[tokio::test]
async fn a_secret_that_was_moved_or_made_up_is_not_taken_over() {
    let (directory, one, two) = two("Zebra-7").await;
    let old = document(&directory).secret().unwrap().clone();
    one.set(configured(), Some("Zebra-8")).await.unwrap();
    two.organisation.look().await;
    assert_eq!(two.password().as_deref(), Some("Zebra-8"));
    let newer = document(&directory).secret().unwrap().clone();
    for serial in [old.serial, newer.serial, newer.serial + 100, old.serial, newer.serial + 100, old.serial] {
        let now = document(&directory);
        let moved = now.next(Change {
            version: now.version() + 1,
            write: Uuid::new_v4(),
            changed_by: "x".into(),
            changed_on: "x".into(),
            changed_at: now.changed_at(),
            settings: configured(),
            secret: Some(Sealed { serial, ..old.clone() }),
        });
        directory.world().put(moved.to_text().unwrap());
        let published = directory.world().published.len();
        two.organisation.look().await;
        assert_eq!(two.password().as_deref(), Some("Zebra-8"), "number {serial}");
        assert_eq!(directory.world().published.len(), published, "it is not handed on either");
    }
}

/// P2
#[tokio::test]
async fn nothing_that_is_kept_or_published_shows_a_password() {
    let (directory, one, two) = two("Zebra-7").await;
    let join = Join {
        organisation: ORGANISATION,
        directory: DirectorySettings { domain: "corp.example".into(), ..Default::default() },
        place: None,
        sign_in: JoinSignIn::User { upn: "siu@corp.example".into(), password: SecretString::from("Zebra-9") },
    };
    two.organisation.join(join, "CORP\\admin").await.unwrap();
    assert!(!directory.world().configuration.as_ref().unwrap().contains("Zebra"));
    for computer in [&one, &two] {
        for file in std::fs::read_dir(computer.folder.path()).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(5).any(|part| part == b"Zebra"), "{}", path.display());
        }
    }
    let two = two.restarted();
    assert_eq!(two.organisation.report().unwrap().own.account.as_deref(), Some("siu@corp.example"));
    assert_eq!(two.organisation.look().await, Looked::Good);
}
