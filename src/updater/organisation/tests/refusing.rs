use super::*;

type Damage = Box<dyn Fn(&str) -> String>;

fn damages() -> Vec<(&'static str, Damage)> {
    vec![
        ("breaks off in line 1", Box::new(|text| text[..text.len() / 2].to_owned())),
        ("too large", Box::new(|text| text.replacen('{', &format!("{{\"x\":\"{}\",", "x".repeat(1 << 20)), 1))),
        (
            "settings.limits.connections: invalid type",
            Box::new(|text| text.replace("\"connections\":3", "\"connections\":\"3\"")),
        ),
        ("settings.scope.refresh_every", Box::new(|text| text.replace("\"refresh_every\":300", "\"refresh_every\":1"))),
        (
            "another organisation",
            Box::new(|text| text.replace(&ORGANISATION.to_string(), &Uuid::from_u128(8).to_string())),
        ),
        ("it is not JSON", Box::new(|_| "\u{0}".to_owned())),
        ("breaks off", Box::new(|_| String::new())),
    ]
}

#[tokio::test]
async fn a_document_that_is_no_good_is_refused_with_the_place_and_what_was_in_force_stays_so() {
    for (wanted, damage) in damages() {
        let (directory, one, two) = two("Zebra-7").await;
        let good = next(&directory, document(&directory).version() + 1, with_connections(3)).to_text().unwrap();
        let bad = damage(&good);
        assert_ne!(bad, good, "{wanted}");
        directory.world().put(bad.clone());
        two.organisation.look().await;
        assert_eq!((two.in_force(), two.password().as_deref()), (configured(), Some("Zebra-7")), "{wanted}");
        assert!(two.notices().contains(wanted), "{:?} does not say {wanted:?}", two.notices());
        let refused = two.set(with_connections(5), None).await.unwrap_err();
        assert!(matches!(refused, ChangeError::Refused(_)), "{refused}");
        assert!(refused.to_string().contains("organisation publish"), "{refused}");
        assert_eq!(directory.world().configuration.as_deref(), Some(bad.as_str()), "nobody overwrites it unasked");
        drop(one);
    }
}

/// The way out of all of these.
#[tokio::test]
async fn an_administrator_publishes_what_is_in_force_above_a_damaged_document() {
    let (directory, one, two) = two("Zebra-7").await;
    let version = document(&directory).version();
    let good = next(&directory, version + 5, with_connections(3)).to_text().unwrap();
    directory.world().put(&good[..good.len() - 1]);
    one.organisation.look().await;
    one.organisation.publish_own("CORP\\anna").await.unwrap();
    assert_eq!(document(&directory).version(), version + 6, "above what was seen in the ruins");
    two.organisation.look().await;
    assert_eq!((two.in_force(), two.version(), two.notices()), (configured(), Some(version + 6), String::new()));
    assert_eq!(one.notices(), "");
}

#[tokio::test]
async fn what_a_later_program_published_is_not_touched_even_when_told_to() {
    let (directory, one, _two) = two("Zebra-7").await;
    let later = document(&directory).to_text().unwrap().replacen("\"format\":1", "\"format\":2", 1);
    directory.world().put(later.clone());
    one.organisation.look().await;
    assert!(one.notices().contains("update this updater"), "{}", one.notices());
    assert!(matches!(one.organisation.publish_own("x").await, Err(ChangeError::Refused(_))));
    assert!(matches!(one.set(with_connections(3), None).await, Err(ChangeError::Refused(_))));
    assert_eq!(directory.world().configuration.as_deref(), Some(later.as_str()));
}

#[tokio::test]
async fn a_document_of_another_organisation_is_not_overwritten_even_when_told_to() {
    let (directory, one, _two) = two("Zebra-7").await;
    let other = document(&directory).to_text().unwrap().replace(&ORGANISATION.to_string(), &Uuid::nil().to_string());
    directory.world().put(other.clone());
    assert!(matches!(one.organisation.publish_own("x").await, Err(ChangeError::NotOurs(_))));
    assert_eq!(directory.world().configuration.as_deref(), Some(other.as_str()));
}

#[tokio::test]
async fn an_older_version_that_is_put_back_is_refused_until_an_administrator_publishes_anew() {
    let (directory, one, two) = two("Zebra-7").await;
    let old = directory.world().configuration.clone().unwrap();
    one.set(with_connections(3), Some("Zebra-8")).await.unwrap();
    two.organisation.look().await;
    let version = one.version().unwrap();
    directory.world().put(old);
    for computer in [&one, &two] {
        computer.organisation.look().await;
        assert_eq!((computer.in_force(), computer.password().as_deref()), (with_connections(3), Some("Zebra-8")));
        assert!(computer.problem().contains("is older than version"), "{}", computer.problem());
        assert_eq!(computer.notices(), "", "a controller may not have caught up yet");
    }
    let two = two.restarted();
    two.organisation.look().await;
    assert_eq!(two.in_force(), with_connections(3), "a restart forgets nothing");
    two.clock.advance(Duration::from_mins(15));
    assert!(two.notices().contains("organisation publish"), "{}", two.notices());
    assert!(matches!(one.set(with_connections(5), None).await, Err(ChangeError::Refused(_))));

    one.organisation.publish_own("CORP\\anna").await.unwrap();
    two.organisation.look().await;
    assert_eq!((two.version(), two.in_force(), two.notices()), (Some(version + 1), with_connections(3), String::new()));
}

#[tokio::test]
async fn publishing_by_force_does_not_overwrite_what_is_good_and_new() {
    let (directory, one, _two) = two("Zebra-7").await;
    let newer = next(&directory, document(&directory).version() + 1, with_connections(3)).to_text().unwrap();
    directory.world().put(newer.clone());
    let refused = one.organisation.publish_own("CORP\\anna").await.unwrap_err();
    assert!(refused.to_string().contains("CORP\\boris"), "{refused}");
    assert_eq!((one.in_force(), directory.world().configuration.clone()), (with_connections(3), Some(newer)));
}

/// P3: two domain controllers that did not know of each other.
#[tokio::test]
async fn a_change_that_was_overtaken_is_told_with_its_fields() {
    let (directory, one, two) = two("Zebra-7").await;
    let mut mine = with_connections(3);
    mine.options.create_copy = true;
    let before = document(&directory);
    one.set(mine, None).await.unwrap();
    let theirs = before.next(Change {
        version: one.version().unwrap(),
        write: Uuid::from_u128(99),
        changed_by: "CORP\\boris".into(),
        changed_on: "srv3".into(),
        changed_at: before.changed_at(),
        settings: with_connections(5),
        secret: before.secret().cloned(),
    });
    directory.world().put(theirs.to_text().unwrap());
    one.organisation.look().await;
    two.organisation.look().await;
    assert_eq!((one.in_force(), two.in_force()), (with_connections(5), with_connections(5)));
    let told = one.notices();
    for wanted in ["CORP\\srv1", "CORP\\boris", "srv3", "limits.connections", "options.create_copy"] {
        assert!(told.contains(wanted), "{told:?} does not say {wanted:?}");
    }
    assert_eq!(two.notices(), "", "nobody was overtaken there");
    one.clock.advance(Duration::from_hours(24));
    assert_eq!(one.notices(), "");
}

#[tokio::test]
async fn a_container_that_was_deleted_is_not_made_again_by_an_updater() {
    let (directory, one, _two) = two("Zebra-7").await;
    directory.world().deleted = true;
    one.organisation.look().await;
    assert!(one.problem().contains("siu-updater register"), "{}", one.problem());
    let refused = one.set(with_connections(3), None).await.unwrap_err().to_string();
    assert!(refused.contains("nothing was changed") && refused.contains("siu-updater register"), "{refused}");
    assert!(one.organisation.publish_own("x").await.is_err());
    assert_eq!(one.in_force(), configured());
}

#[tokio::test]
async fn when_the_document_alone_is_gone_it_is_told_and_comes_back_above_every_version_seen() {
    let (directory, one, two) = two("Zebra-7").await;
    let version = one.version().unwrap();
    directory.world().configuration = None;
    directory.world().touch();
    two.organisation.look().await;
    assert!(two.notices().contains("No configuration is published"), "{}", two.notices());
    one.set(with_connections(3), None).await.unwrap();
    two.organisation.look().await;
    assert_eq!((two.version(), two.in_force(), two.notices()), (Some(version + 1), with_connections(3), String::new()));
    assert_eq!(two.password().as_deref(), Some("Zebra-7"));
}

/// P2: an updater alone can't enrol itself.
#[tokio::test]
async fn an_updater_that_nobody_has_registered_can_not_join() {
    let (directory, one, _two) = two("Zebra-7").await;
    let stranger = Computer::new("srv9", &directory, &one.clock);
    assert!(matches!(stranger.join().await, Err(ChangeError::NotRegistered)));
    assert_eq!(stranger.organisation.report().unwrap().joined, None);
    let mut registration = stranger.registration();
    registration.key = one.registration().key;
    directory.world().register(registration);
    assert!(matches!(stranger.join().await, Err(ChangeError::OtherKey { .. })));
    assert_eq!(stranger.in_force(), Settings::default());
}

/// Decided: it works on, takes nothing new, and forgets the secret only when told.
#[tokio::test]
async fn an_updater_whose_registration_was_removed_works_on_with_what_it_has_and_says_so() {
    let (directory, one, two) = two("Zebra-7").await;
    directory.world().unregister(two.id());
    one.organisation.look().await;
    one.set(with_connections(3), Some("Zebra-8")).await.unwrap();
    two.organisation.look().await;
    assert_eq!((two.in_force(), two.password().as_deref()), (configured(), Some("Zebra-7")));
    assert!(two.notices().contains("no longer registered"), "{}", two.notices());
    assert!(matches!(two.set(with_connections(5), None).await, Err(ChangeError::NotRegistered)));
    assert!(matches!(two.organisation.publish_own("x").await, Err(ChangeError::NotRegistered)));

    two.organisation.leave(Leave::default()).await.unwrap();
    assert_eq!((two.notices(), two.password().as_deref()), (String::new(), Some("Zebra-7")));
    two.set(with_connections(5), None).await.unwrap();
    two.organisation.leave(Leave { forget_secret: true }).await.unwrap();
    let two = two.restarted();
    assert_eq!((two.in_force(), two.password()), (with_connections(5), None));
    assert_eq!(two.organisation.summary().source, Source::File);
    assert_eq!(document(&directory).settings(), &with_connections(3), "which concerns nobody else");
}

#[tokio::test]
async fn a_file_of_the_organisation_that_is_damaged_keeps_everything_as_it_is_and_is_told() {
    let (_directory, _one, two) = two("Zebra-7").await;
    std::fs::write(two.path("organisation.json"), "{").unwrap();
    let two = two.restarted();
    assert_eq!(two.organisation.look().await, Looked::NotJoined);
    assert_eq!((two.in_force(), two.password().as_deref()), (configured(), Some("Zebra-7")));
    assert!(two.notices().contains("organisation.json"), "{}", two.notices());
    let refused = two.set(with_connections(3), None).await.unwrap_err().to_string();
    assert!(refused.contains("organisation.json"), "{refused}");
}

/// What a removal mostly looks like: the right to read goes with the registration.
#[tokio::test]
async fn an_updater_that_may_not_read_any_more_says_so_at_once_and_works_on() {
    let (directory, _one, two) = two("Zebra-7").await;
    directory.world().denied = true;
    assert_eq!(two.organisation.look().await, Looked::Failed);
    assert_eq!((two.in_force(), two.password().as_deref()), (configured(), Some("Zebra-7")));
    let told = two.notices();
    assert!(told.contains("no registered updater") && told.contains("what was in force stays so"), "{told}");
    assert!(!told.contains("Domain Admins"), "{told}");
    assert!(matches!(two.set(with_connections(3), None).await, Err(ChangeError::Denied(_))));
}
