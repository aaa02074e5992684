use super::*;

/// A newcomer that was configured by itself before, on a directory where another configuration is published.
async fn newcomer(own: Settings) -> (InMemory, Computer) {
    let (directory, clock) = (InMemory::default(), clock());
    let one = Computer::new("srv1", &directory, &clock).registered().await;
    one.set(with_connections(3), Some("Zebra-7")).await.unwrap();
    let two = Computer::new("srv2", &directory, &clock);
    two.set(own, Some("Quagga-1")).await.unwrap();
    (directory, two)
}

fn own() -> Settings {
    let account = Some(Account { user: "own@corp.example".into() });
    let mut own = Settings { account, ..with_connections(7) };
    own.intake.max_message_bytes = 4096;
    own
}

fn kept(computer: &Computer) -> Option<std::path::PathBuf> {
    computer.organisation.report().unwrap().kept.map(Into::into)
}

fn read(path: &std::path::Path) -> Settings {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn copies(computer: &Computer) -> usize {
    let files = std::fs::read_dir(computer.folder.path()).unwrap();
    files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains("before-joining")).count()
}

/// P1
#[tokio::test]
async fn settings_of_a_computers_own_are_kept_when_it_joins_and_only_then() {
    let (directory, two) = newcomer(own()).await;
    assert_eq!(kept(&two), None);
    let two = two.registered().await;
    assert_eq!(two.in_force(), Settings { intake: own().intake, ..with_connections(3) });
    let copy = kept(&two).expect("it is named");
    assert_eq!(read(&copy), own(), "the doors included");
    // Neither password: not that of the account before, nor the organisation's.
    let text = std::fs::read_to_string(&copy).unwrap();
    assert!(!text.contains("Quagga") && !text.contains("Zebra"), "{text}");
    // What comes later replaces what is the organisation's.
    let later = next(&directory, document(&directory).version() + 1, with_connections(4)).to_text().unwrap();
    directory.world().put(later);
    two.organisation.look().await;
    assert_eq!((two.in_force().limits.connections, copies(&two)), (4, 1));
    // Registered again, too.
    two.join().await.unwrap();
    let two = two.restarted();
    two.organisation.look().await;
    assert_eq!((copies(&two), kept(&two)), (1, Some(copy)));
}

/// P1
#[tokio::test]
async fn another_time_that_it_joins_there_is_a_second_copy_and_the_first_one_stays() {
    let (_directory, two) = newcomer(own()).await;
    let two = two.registered().await;
    let first = kept(&two).unwrap();
    two.organisation.leave(Leave::default()).await.unwrap();
    assert_eq!(kept(&two).as_ref(), Some(&first), "told after it has left, when it is of use");
    two.join().await.unwrap();
    assert_eq!(copies(&two), 1, "nothing of its own was replaced");
    two.organisation.leave(Leave::default()).await.unwrap();
    two.set(with_connections(9), None).await.unwrap();
    two.join().await.unwrap();
    let second = kept(&two).unwrap();
    assert_ne!(first, second);
    assert_eq!((read(&first), read(&second).limits.connections), (own(), 9));
}

#[tokio::test]
async fn settings_that_nobody_has_made_leave_no_copy() {
    let (directory, clock) = (InMemory::default(), clock());
    let one = Computer::new("srv1", &directory, &clock).registered().await;
    one.set(configured(), Some("Zebra-7")).await.unwrap();
    let two = Computer::new("srv2", &directory, &clock);
    let mut doors = Settings::default();
    doors.intake.max_message_bytes = 4096;
    two.set(doors, None).await.unwrap();
    let two = two.registered().await;
    assert_eq!((two.in_force().account, kept(&two)), (configured().account, None));
    // Nor does the one whose settings became the organisation's.
    assert_eq!(kept(&one), None);
}

/// Joined while what is published is no good: the settings are its own until something else is.
#[tokio::test]
async fn what_is_taken_over_first_after_joining_is_what_replaces_them() {
    let (directory, two) = newcomer(own()).await;
    let good = directory.world().configuration.clone().unwrap();
    directory.world().put(good[..good.len() / 2].to_owned());
    let two = two.registered().await;
    assert_eq!((two.in_force(), kept(&two)), (own(), None));
    directory.world().put(good);
    two.organisation.look().await;
    assert_eq!((two.in_force().limits.connections, read(&kept(&two).unwrap())), (3, own()));
}

/// A disk that is full, for example: nothing is lost.
#[tokio::test]
async fn what_can_not_be_kept_is_not_replaced_and_it_is_tried_again() {
    let (_directory, two) = newcomer(own()).await;
    let registration = two.registration();
    two.directory.world().register(registration);
    // Every name is taken.
    let at = two.clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let named = |end: &str| two.path(&format!("settings.before-joining-{at}{end}.json"));
    let ends: Vec<_> = std::iter::once(String::new()).chain((1..100).map(|number| format!("-{number:02}"))).collect();
    for end in &ends {
        std::fs::create_dir(named(end)).unwrap();
    }
    let problem = two.join().await.unwrap_err().to_string();
    assert!(problem.contains("no copy of this computer's own settings can be kept"), "{problem}");
    assert_eq!((two.in_force(), two.password().as_deref()), (own(), Some("Quagga-1")));
    assert!(two.problem().contains("no copy"), "{}", two.problem());
    for end in &ends {
        std::fs::remove_dir(named(end)).unwrap();
    }
    two.organisation.look().await;
    assert_eq!((two.in_force().limits.connections, read(&kept(&two).unwrap())), (3, own()));
    assert!(!two.problem().contains("no copy"), "{}", two.problem());
}
