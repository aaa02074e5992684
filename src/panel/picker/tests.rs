//! Through the window, by accessible label.

use std::sync::Arc;

use eframe::egui::{Context, Key, Modifiers};

use super::*;
use crate::directory::{Location, LocationKind};
use crate::panel::scripted::{Directory, Pictures, Screen, background, group, user, users};

struct Picking {
    picker: Option<Picker>,
    outcome: Option<Outcome>,
}

impl Picking {
    fn new(directory: &Arc<Directory>, purpose: Purpose) -> Self {
        Self { picker: Some(Picker::new(purpose, directory.clone(), background())), outcome: None }
    }
}

fn draw(ctx: &Context, picking: &mut Picking) {
    if let Some(picker) = &mut picking.picker
        && let Some(outcome) = picker.show(ctx)
    {
        picking.outcome = Some(outcome);
        picking.picker = None;
    }
}

const SIZE: [f32; 2] = [900.0, 680.0];

fn scope() -> Purpose {
    Purpose::Scope { present: [].into() }
}

fn pick(directory: &Arc<Directory>, purpose: Purpose) -> Screen<Picking> {
    Screen::new(SIZE, Picking::new(directory, purpose), draw)
}

fn picked(screen: &mut Screen<Picking>) -> Vec<String> {
    match &screen.dialog().outcome {
        Some(Outcome::Picked(objects)) => objects.iter().map(|object| object.name.clone()).collect(),
        other => panic!("nothing was picked: {other:?}"),
    }
}

fn people() -> Vec<DirectoryObject> {
    let mut people: Vec<_> =
        ["Anna Berg", "Ben Carter", "Cora Diaz", "Dora Ek", "Emil Fuchs"].map(user).into_iter().collect();
    people[2].upn = None;
    people[3].disabled = true;
    people[4].mailbox = false;
    people.extend([group("Board"), group("Sales")]);
    people
}

fn locations() -> Vec<Location> {
    let location = |domain: &str, kind, parent: Option<&str>, problem: Option<&str>| Location {
        domain: domain.into(),
        kind,
        parent: parent.map(Into::into),
        problem: problem.map(Into::into),
    };
    vec![
        location("corp.example", LocationKind::Own, None, None),
        location("emea.corp.example", LocationKind::Forest, Some("corp.example"), None),
        location("north.emea.corp.example", LocationKind::Forest, Some("emea.corp.example"), None),
        location("partner.example", LocationKind::Trusted, None, None),
        location("old.example", LocationKind::Trusted, None, Some("No domain controller of old.example answers.")),
    ]
}

/// S2: search as you type, several at once, by the mouse.
#[test]
fn users_and_groups_are_found_while_typing_and_several_are_picked() {
    let mut screen = pick(&Arc::new(Directory::with(people())), scope());
    screen.wait("7 found");
    assert!(screen.is_greyed("OK"), "nothing is selected yet");
    screen.click("Anna Berg");
    screen.click_with("Sales", Modifiers::COMMAND);
    screen.wait("Selected (2)");
    screen.get("Search").focus();
    screen.step();
    screen.type_text("boa");
    screen.wait_until_gone("Ben Carter");
    assert!(screen.shows("Deselect Anna Berg"), "what was picked stays");
    screen.click("Board");
    screen.click("Deselect Anna Berg");
    screen.click("OK");
    assert_eq!(picked(&mut screen), ["Sales", "Board"]);
}

/// Everything by the keyboard alone.
#[test]
fn the_keyboard_alone_is_enough() {
    let mut screen = pick(&Arc::new(Directory::with(people())), scope());
    screen.wait("7 found");
    assert!(screen.get("Search").is_focused());
    screen.type_text("b");
    screen.press(Key::Enter);
    screen.wait("3 found");
    screen.press(Key::ArrowDown);
    screen.press_with(Key::ArrowDown, Modifiers::SHIFT);
    screen.press_with(Key::ArrowDown, Modifiers::COMMAND);
    screen.press(Key::Space);
    screen.press(Key::Enter);
    assert_eq!(picked(&mut screen), ["Anna Berg", "Ben Carter", "Board"]);
}

/// W4
#[test]
fn a_user_without_a_upn_is_shown_can_not_be_chosen_and_says_why() {
    let mut screen = pick(&Arc::new(Directory::with(people())), Purpose::ServiceAccount);
    screen.wait("5 found");
    assert!(!screen.shows("Sales"), "groups sign in to nothing");
    assert!(screen.shows("User, no UPN") && screen.shows("User, disabled") && screen.shows("no mailbox"));
    screen.click("Cora Diaz");
    assert!(screen.says("Cora Diaz can't be selected.") && screen.says("no user principal name"));
    assert!(screen.is_greyed("OK"));
    screen.click("Anna Berg");
    screen.click_with("Ben Carter", Modifiers::COMMAND);
    screen.press(Key::Enter);
    assert_eq!(picked(&mut screen), ["Ben Carter"], "one account, and no more");
}

/// W4
#[test]
fn locations_show_the_domains_and_why_one_can_not_be_searched() {
    let mut objects = people();
    objects.push(DirectoryObject { domain: "partner.example".into(), ..user("Petra Partner") });
    let directory = Arc::new(Directory::with(objects));
    directory.locate(locations());
    let mut screen = pick(&directory, Purpose::ServiceAccount);
    screen.wait("5 found");
    assert!(screen.shows("corp.example"));
    screen.click("Locations…");
    assert!(screen.shows("north.emea.corp.example") && screen.says("No domain controller of old.example answers."));
    assert!(screen.is_greyed("old.example"));
    screen.click("partner.example");
    screen.click("OK");
    screen.wait("Petra Partner");
    assert!(screen.shows("partner.example") && !screen.shows("Anna Berg"));
    screen.click("Locations…");
    screen.press(Key::Escape);
    assert!(!screen.shows("old.example") && screen.dialog().outcome.is_none(), "Escape closes the topmost alone");
}

#[test]
fn object_types_narrow_the_search() {
    let mut screen = pick(&Arc::new(Directory::with(people())), scope());
    screen.wait("7 found");
    screen.click("Object types…");
    screen.click("Users");
    screen.wait("2 found");
    assert!(screen.is_greyed("Groups"), "one kind has to stay");
    screen.press(Key::Escape);
    assert!(screen.dialog().outcome.is_none(), "Escape closed the menu alone");
}

#[test]
fn an_outage_is_shown_with_its_reason_and_tried_again() {
    let directory = Arc::new(Directory::with(people()));
    directory.fail("No domain controller of corp.example answers.");
    let mut screen = pick(&directory, scope());
    screen.wait("No domain controller of corp.example answers.");
    directory.mend();
    screen.click("Try again");
    screen.wait("7 found");
}

#[test]
fn while_the_directory_is_slow_the_window_is_not() {
    let directory = Arc::new(Directory::with(people()));
    directory.hold();
    let mut screen = pick(&directory, scope());
    screen.wait("Searching…");
    screen.type_text("sal");
    screen.press(Key::Enter);
    screen.press(Key::Escape);
    assert_eq!(screen.dialog().outcome, Some(Outcome::Cancelled));
    crate::panel::scripted::wait_for("the search to end", || directory.searching() == 0);
}

#[test]
fn nothing_found_says_what_was_searched_for() {
    let mut screen = pick(&Arc::new(Directory::with(people())), scope());
    screen.wait("7 found");
    screen.type_text("zzz");
    screen.wait("Nothing found");
    assert!(screen.says("“zzz”"));
    assert!(screen.is_still(), "nothing moves any more");
}

/// Bad input: hostile names.
#[test]
fn hostile_names_are_legible_and_harmless() {
    let long = "Ä".repeat(300);
    let names = [long.as_str(), "اسم طويل جدا", "王小明 田中", "evil\u{202e}gnp\u{7}\nname", ""];
    let directory = Arc::new(Directory::with(names.map(user).to_vec()));
    let mut screen = pick(&directory, scope());
    screen.wait("5 found");
    assert!(screen.shows("evilgnp␇␊name"));
    screen.press_with(Key::ArrowDown, Modifiers::NONE);
    screen.press_with(Key::A, Modifiers::COMMAND);
    screen.wait("Selected (5)");
    screen.hover(&long);
}

/// S2: paged while scrolling.
#[test]
fn scrolling_to_the_end_fetches_more_until_there_is_no_more() {
    let directory = Arc::new(Directory::with(users(250)));
    let mut screen = pick(&directory, scope());
    screen.wait("100 found so far");
    assert_eq!(directory.pages_given(), 1, "nothing is fetched before it is needed");
    screen.press(Key::ArrowDown);
    for _ in 0..4 {
        screen.press(Key::End);
        screen.step();
    }
    screen.wait_for("all of them", |picking| {
        picking.picker.as_ref().is_some_and(|picker| picker.state.results.len() == 250)
    });
}

#[test]
fn the_picker_looks_as_it_was_approved() {
    let mut pictures = Pictures::new();
    let directory = || {
        let directory = Directory::with(people());
        directory.locate(locations());
        Arc::new(directory)
    };
    pictures.take(
        "picker",
        SIZE,
        || Picking::new(&directory(), scope()),
        draw,
        |screen| {
            screen.wait("7 found");
            screen.click("Ben Carter");
            screen.click_with("Board", Modifiers::COMMAND);
        },
    );
    let one = [900.0, 600.0];
    pictures.take(
        "picker-unusable",
        one,
        || Picking::new(&directory(), Purpose::ServiceAccount),
        draw,
        |screen| {
            screen.wait("5 found");
            screen.click("Cora Diaz");
        },
    );
    pictures.take(
        "picker-locations",
        one,
        || Picking::new(&directory(), Purpose::ServiceAccount),
        draw,
        |screen| {
            screen.wait("5 found");
            screen.click("Locations…");
        },
    );
}
