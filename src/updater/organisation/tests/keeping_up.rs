use super::*;

/// P1
#[tokio::test]
async fn configured_once_the_other_updater_has_it_with_the_password_and_without_a_restart() {
    let (directory, one, two) = two("Zebra-7").await;
    assert_eq!((two.in_force(), two.password().as_deref()), (configured(), Some("Zebra-7")));
    let summary = two.organisation.summary();
    assert_eq!((summary.source, summary.changed_by.as_deref()), (Source::Directory, Some("CORP\\srv1")));
    assert!(!directory.world().configuration.as_ref().unwrap().contains("Zebra"));

    let mut watched = two.settings.watch();
    watched.mark_unchanged();
    one.set(with_connections(3), Some("Zebra-8")).await.unwrap();
    two.organisation.look().await;
    assert!(watched.has_changed().unwrap(), "whoever works by the settings is told");
    assert_eq!((two.in_force(), two.password().as_deref()), (with_connections(3), Some("Zebra-8")));
    assert_eq!(one.version(), two.version());
}

/// P1
#[tokio::test]
async fn each_computer_keeps_its_own_doors() {
    let (directory, one, two) = two("Zebra-7").await;
    let mut own = two.in_force();
    own.intake.max_message_bytes = 4096;
    let before = directory.world().published.clone();
    two.set(own.clone(), None).await.unwrap();
    assert_eq!(directory.world().published, before, "doors are not published");
    one.set(with_connections(3), None).await.unwrap();
    two.organisation.look().await;
    assert_eq!(two.in_force(), Settings { intake: own.intake, ..with_connections(3) });
    assert_eq!(one.in_force().intake, Settings::default().intake);
}

/// P1: the last good one.
#[tokio::test]
async fn an_updater_that_starts_while_the_directory_is_away_works_as_before() {
    let (directory, one, two) = two("Zebra-7").await;
    directory.world().away = true;
    let two = two.restarted();
    assert_eq!(two.organisation.look().await, Looked::Failed);
    assert_eq!((two.in_force(), two.password().as_deref()), (configured(), Some("Zebra-7")));
    assert_eq!(two.organisation.summary().source, Source::Directory);
    assert!(two.problem().contains("can't be looked at, and what was in force stays so"), "{}", two.problem());
    assert!(two.problem().contains("no directory listens there"), "{}", two.problem());
    assert_eq!(two.notices(), "", "it goes by of itself, mostly");
    two.clock.advance(Duration::from_hours(1));
    two.organisation.look().await;
    assert!(two.notices().contains("can't be looked at"), "{}", two.notices());

    directory.world().away = false;
    one.set(with_connections(3), None).await.unwrap();
    two.organisation.look().await;
    assert_eq!((two.in_force(), two.problem(), two.notices()), (with_connections(3), String::new(), String::new()));
}

#[tokio::test]
async fn without_an_organisation_settings_are_changed_as_ever() {
    let (directory, clock) = (InMemory::default(), clock());
    let alone = Computer::new("srv1", &directory, &clock);
    alone.set(configured(), Some("Zebra-7")).await.unwrap();
    assert_eq!(alone.organisation.look().await, Looked::NotJoined);
    assert_eq!((alone.in_force(), directory.world().looks), (configured(), 0));
    let summary = alone.organisation.summary();
    assert_eq!((summary.source, summary.version, summary.problem), (Source::File, None, None));
    assert!(matches!(alone.organisation.publish_own("x").await, Err(ChangeError::NotJoined)));
}

#[tokio::test]
async fn who_it_is_stays_the_same_from_the_first_question_on() {
    let (directory, clock) = (InMemory::default(), clock());
    let computer = Computer::new("srv1", &directory, &clock);
    let before = computer.organisation.report().unwrap().own;
    assert_eq!(computer.restarted().organisation.report().unwrap().own, before);
}

/// An updater is configured by whoever may change what is published, and not by a text editor.
#[tokio::test]
async fn a_settings_file_that_somebody_edited_is_put_back_to_what_is_published() {
    let (_directory, _one, two) = two("Zebra-7").await;
    let text = std::fs::read_to_string(two.path("settings.json")).unwrap();
    std::fs::write(two.path("settings.json"), text.replace("\"enabled\": true", "\"enabled\": false")).unwrap();
    let two = two.restarted();
    assert!(!two.in_force().enabled);
    two.organisation.look().await;
    assert_eq!(two.in_force(), configured());
}

/// P1
#[tokio::test]
async fn looks_come_every_half_minute_and_seldom_while_the_directory_is_away() {
    let (directory, one, two) = two("Zebra-7").await;
    let stop = tokio_util::sync::CancellationToken::new();
    let looks_before = directory.world().looks;
    let keeper = Keeper::new(two.organisation.clone(), stop.clone()).with_random(|| 0.5);
    let running = tokio::spawn(keeper.run());
    let looked = async |times: u64| {
        while directory.world().looks < looks_before + times {
            tokio::task::yield_now().await;
        }
        // The pause has begun when the next look is known.
        loop {
            let next = two.organisation.report().unwrap().joined.unwrap().next_look;
            if next.is_some_and(|next| next > two.clock.now()) {
                return next.unwrap().as_second() - two.clock.now().as_second();
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(looked(1).await, 30);
    one.set(with_connections(3), None).await.unwrap();
    let looks = directory.world().looks - looks_before;
    two.clock.advance(Duration::from_secs(30));
    assert_eq!(looked(looks + 1).await, 30);
    assert_eq!(two.in_force(), with_connections(3));

    directory.world().away = true;
    let mut looks = directory.world().looks - looks_before;
    let mut pause = 30;
    for expected in [30, 60, 120, 300, 300] {
        two.clock.advance(Duration::from_secs(pause));
        looks += 1;
        pause = u64::try_from(looked(looks).await).unwrap();
        assert_eq!(pause, expected);
    }
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn others_are_told_how_an_updater_is_every_ten_minutes_and_when_its_version_changes() {
    let (directory, one, two) = two("Zebra-7").await;
    let told = || directory.world().sightings[&two.id()].clone();
    assert_eq!((told().configuration, told().backlog, told().problem.clone()), (two.version(), 3, None));
    let first = told().at;
    two.clock.advance(Duration::from_mins(9));
    two.organisation.look().await;
    assert_eq!(told().at, first);
    two.clock.advance(Duration::from_mins(1));
    two.organisation.look().await;
    assert_eq!(told().at, two.clock.now());
    one.set(with_connections(3), None).await.unwrap();
    two.clock.advance(Duration::from_secs(30));
    two.organisation.look().await;
    assert_eq!((told().at, told().configuration), (two.clock.now(), one.version()));
    one.organisation.look().await;
    let seen = one.organisation.report().unwrap().joined.unwrap().updaters;
    let seen = seen.iter().find(|updater| updater.name == "srv2").unwrap();
    assert_eq!((seen.configuration, seen.backlog, seen.this), (one.version(), Some(3), false));
}
