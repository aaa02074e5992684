use super::*;
use crate::organisation::in_memory::Lost;
use crate::updater::settings_store::StoreError;

fn is_conflict(result: &Result<(), ChangeError>) -> bool {
    matches!(result, Err(ChangeError::Store(StoreError::Conflict)))
}

/// P3
#[tokio::test]
async fn the_second_administrator_is_told_and_sees_what_the_first_one_set() {
    let (_directory, one, two) = two("Zebra-7").await;
    let based_on = two.settings.get().version.clone();
    one.set(with_connections(3), None).await.unwrap();
    let mut mine = configured();
    mine.options.create_copy = true;
    assert!(is_conflict(&two.set_from(&based_on, mine.clone(), None).await));
    assert_eq!(two.in_force(), with_connections(3), "to be compared with");
    assert!(is_conflict(&two.set_from(&based_on, mine.clone(), None).await), "not even when tried again");
    mine.limits.connections = 3;
    two.set(mine.clone(), None).await.unwrap();
    one.organisation.look().await;
    assert_eq!(one.in_force(), mine, "nothing is lost");
}

/// P3: between reading and writing.
#[tokio::test]
async fn whoever_is_a_moment_faster_wins_and_the_other_one_is_told() {
    let (directory, one, _two) = two("Zebra-7").await;
    let faster = next(&directory, document(&directory).version() + 1, with_connections(3)).to_text().unwrap();
    directory.world().races.push_back(Box::new(move |world| world.put(faster)));
    let mut mine = configured();
    mine.enabled = false;
    assert!(is_conflict(&one.set(mine, None).await));
    assert_eq!(one.in_force(), with_connections(3));
    assert_eq!(document(&directory).settings(), &with_connections(3));
}

/// What does not touch the settings is no conflict for whoever changes them.
#[tokio::test]
async fn encrypting_to_a_newcomer_meanwhile_is_no_conflict() {
    let (directory, one, _two) = two("Zebra-7").await;
    let version = document(&directory).version();
    let sealed = next(&directory, version + 1, configured()).to_text().unwrap();
    directory.world().races.push_back(Box::new(move |world| world.put(sealed)));
    one.set(with_connections(3), None).await.unwrap();
    assert_eq!((document(&directory).version(), one.version()), (version + 2, Some(version + 2)));
}

#[tokio::test]
async fn while_the_directory_is_away_a_change_is_refused_in_words_and_changes_nothing() {
    let (directory, one, _two) = two("Zebra-7").await;
    directory.world().away = true;
    let refused = one.set(with_connections(3), Some("Zebra-8")).await.unwrap_err();
    assert!(matches!(refused, ChangeError::Directory(_)));
    let said = refused.to_string();
    assert!(said.contains("nothing was changed") && said.contains("dc1.corp.example"), "{said}");
    assert_eq!((one.in_force(), one.password().as_deref()), (configured(), Some("Zebra-7")));
    assert_eq!(one.restarted().password().as_deref(), Some("Zebra-7"));
}

#[tokio::test]
async fn a_publication_whose_answer_was_lost_is_said_to_be_so_and_seen_at_the_next_look() {
    for lost in [Lost::Before, Lost::After] {
        let (directory, one, two) = two("Zebra-7").await;
        directory.world().lost = Some(lost);
        let told = one.set(with_connections(3), Some("Zebra-8")).await.unwrap_err();
        assert!(matches!(&told, ChangeError::Unknown(said) if said.contains("not known")), "{told}");
        assert_eq!(one.in_force(), configured(), "what is not known to be published is not in force");
        one.organisation.look().await;
        two.organisation.look().await;
        let took = lost == Lost::After;
        assert_eq!(one.in_force(), if took { with_connections(3) } else { configured() });
        assert_eq!(one.password().as_deref(), Some(if took { "Zebra-8" } else { "Zebra-7" }));
        assert_eq!((two.in_force(), two.password()), (one.in_force(), one.password()));
        assert_eq!(one.problem(), "");
    }
}

#[tokio::test]
async fn a_directory_that_falls_silent_is_not_waited_for_for_ever() {
    let (directory, one, _two) = two("Zebra-7").await;
    directory.world().lost = Some(Lost::Silent);
    let version = document(&directory).version();
    let setting = {
        let organisation = one.organisation.clone();
        let based_on = one.settings.get().version.clone();
        let change = SettingsChange { settings: with_connections(3), password: None };
        tokio::spawn(async move { organisation.change(change, &based_on, "CORP\\anna").await.map(drop) })
    };
    while document(&directory).version() == version {
        tokio::task::yield_now().await;
    }
    while !setting.is_finished() {
        one.clock.advance(Duration::from_secs(10));
        tokio::task::yield_now().await;
    }
    assert!(matches!(setting.await.unwrap(), Err(ChangeError::Unknown(_))));
    one.organisation.look().await;
    assert_eq!(one.in_force(), with_connections(3));
}

/// A person who closes the window while the directory is slow.
#[tokio::test]
async fn a_change_goes_to_its_end_though_nobody_waits_for_it() {
    let (directory, one, _two) = two("Zebra-7").await;
    let version = document(&directory).version();
    let change = SettingsChange { settings: with_connections(3), password: None };
    let based_on = one.settings.get().version.clone();
    {
        let setting = one.organisation.change(change, &based_on, "CORP\\anna");
        // Polled once, and dropped.
        assert!(futures_util::FutureExt::now_or_never(setting).is_none());
    }
    while one.version() != Some(version + 1) {
        tokio::task::yield_now().await;
    }
    assert_eq!(one.in_force(), with_connections(3));
}

#[tokio::test]
async fn what_a_later_version_of_the_program_added_stays_when_an_older_one_publishes() {
    let (directory, one, _two) = two("Zebra-7").await;
    let text = next(&directory, 10, configured()).to_text().unwrap();
    let text = text.replacen("\"settings\":{", "\"later\":[1],\"settings\":{\"later\":true,", 1);
    directory.world().put(text);
    one.organisation.look().await;
    one.set(with_connections(3), None).await.unwrap();
    let text = directory.world().configuration.clone().unwrap();
    assert!(text.contains("\"later\":[1]") && text.contains("\"later\":true"), "{text}");
    // Even when it has to be written from memory.
    directory.world().configuration = None;
    directory.world().touch();
    let one = one.restarted();
    one.organisation.publish_own("CORP\\anna").await.unwrap();
    let text = directory.world().configuration.clone().unwrap();
    assert!(text.contains("\"later\":[1]") && text.contains("\"later\":true"), "{text}");
}

/// P1: where nothing is published yet.
#[tokio::test]
async fn the_first_updater_that_is_configured_makes_its_configuration_that_of_all() {
    let (directory, clock) = (InMemory::default(), clock());
    let fresh = Computer::new("srv1", &directory, &clock).registered().await;
    assert_eq!((directory.world().configuration.clone(), fresh.problem()), (None, String::new()));
    assert_eq!(fresh.organisation.summary().source, Source::File);
    let configured_one = Computer::new("srv2", &directory, &clock);
    configured_one.set(configured(), Some("Zebra-7")).await.unwrap();
    let configured_one = configured_one.registered().await;
    assert_eq!((configured_one.version(), document(&directory).changed_by()), (Some(1), "CORP\\admin"));
    fresh.organisation.look().await;
    assert_eq!((fresh.in_force(), fresh.password().as_deref()), (configured(), Some("Zebra-7")));
}

#[tokio::test]
async fn settings_that_are_too_large_are_refused_before_the_directory_sees_them() {
    let (directory, one, _two) = two("Zebra-7").await;
    let mut large = configured();
    large.scope.list = (0..20_000).map(|n| format!("sender{n}@corp.example").parse().unwrap()).collect();
    let published = directory.world().published.clone();
    let said = one.set(large, None).await.unwrap_err().to_string();
    assert!(said.contains("too large"), "{said}");
    assert_eq!((directory.world().published.clone(), one.in_force()), (published, configured()));
}
