//! Through the window, by accessible label.

use std::sync::Arc;

use eframe::egui::{Key, Modifiers};

use super::*;
use crate::panel::scripted::{Around, Connecting, Directory, Organisation, Pictures, Screen, group, user, users};
use crate::pipe::types::{EntryState, ScopeEntryReport};
use crate::settings::ScopeMode;

const SIZE: [f32; 2] = [920.0, 690.0];

struct Scoping {
    dialog: Option<Dialog>,
    wanted: Vec<panel::Intent>,
    around: Around,
}

impl Scoping {
    fn new(scope: SendersScope) -> Self {
        let mut people: Vec<_> = ["Anna Berg", "Ben Carter", "Cora Diaz"].map(user).to_vec();
        people.push(group("Sales"));
        let connecting = Connecting::to(Arc::new(Organisation::new()), Arc::new(Directory::with(people)));
        let around = Around::new(std::path::Path::new("/nonexistent/updater.sock"), Arc::new(connecting));
        Self { dialog: Some(Dialog::new(scope)), wanted: Vec::new(), around }
    }

    /// As if the updater had said this.
    fn knows(mut self, states: &[(&DirectoryObject, EntryState)]) -> Self {
        let entries = states.iter().map(|(object, state)| ScopeEntryReport {
            id: object.id,
            kind: object.kind,
            name: object.name.clone(),
            was: None,
            domain: object.domain.clone(),
            state: state.clone(),
        });
        let report = ScopeReport { entries: entries.collect(), ..ScopeReport::default() };
        let dialog = self.dialog.as_mut().unwrap();
        dialog.begun = true;
        dialog.state.heard(Ok(report));
        self
    }
}

fn draw(ctx: &Context, scoping: &mut Scoping) {
    if let Some(dialog) = &mut scoping.dialog {
        let wanted = dialog.show(ctx, &scoping.around.surroundings());
        if wanted.contains(&panel::Intent::Close) {
            scoping.dialog = None;
        }
        scoping.wanted.extend(wanted);
    }
}

fn listed(objects: &[DirectoryObject]) -> SendersScope {
    let entries = objects.iter().map(DirectoryObject::to_entry).collect();
    SendersScope { mode: ScopeMode::OnlyListed, entries, ..SendersScope::default() }
}

fn chosen(screen: &mut Screen<Scoping>) -> SendersScope {
    match &screen.dialog().wanted[..] {
        [panel::Intent::ScopeChosen(scope), panel::Intent::Close] => scope.clone(),
        other => panic!("no scope was chosen: {other:?}"),
    }
}

/// S1, S2: by the mouse.
#[test]
fn a_group_is_added_and_the_scope_handed_over_on_ok() {
    let mut screen = Screen::new(SIZE, Scoping::new(SendersScope::default()), draw);
    assert!(screen.is_greyed("Add…"), "all mailboxes: there is no list to add to");
    screen.click("Update mailboxes from the list below only");
    assert!(screen.says("no mailbox would be updated"));
    screen.click("Add…");
    screen.wait("4 found");
    screen.click("Sales");
    screen.click_with("Cora Diaz", Modifiers::COMMAND);
    screen.click("OK");
    screen.wait("sales@corp.example");
    assert!(!screen.shows("Select Users or Groups"));
    screen.click("OK");
    let scope = chosen(&mut screen);
    let names: Vec<_> = scope.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!((scope.mode, names), (ScopeMode::OnlyListed, vec!["Sales", "Cora Diaz"]));
}

/// S2: what is on the list can't be added again.
#[test]
fn the_picker_knows_what_is_on_the_list_already() {
    let mut screen = Screen::new(SIZE, Scoping::new(listed(&[user("Anna Berg")])), draw);
    screen.click("Add…");
    screen.wait("4 found");
    screen.click_with("Anna Berg", Modifiers::NONE);
    assert!(screen.says("on the list already") && screen.is_greyed("OK"));
}

/// S2: by the keyboard.
#[test]
fn entries_are_removed_by_the_delete_key_and_cancel_hands_nothing_over() {
    let people = ["Anna Berg", "Ben Carter", "Cora Diaz"].map(user);
    let mut screen = Screen::new(SIZE, Scoping::new(listed(&people)), draw);
    assert!(screen.is_greyed("Remove"));
    screen.click("Ben Carter");
    screen.press(Key::Delete);
    assert!(!screen.shows("Ben Carter"));
    screen.press(Key::Delete);
    assert!(!screen.shows("Cora Diaz") && screen.shows("Anna Berg"));
    screen.press(Key::Escape);
    assert_eq!(screen.dialog().wanted, [panel::Intent::Close]);
}

/// S4
#[test]
fn an_entry_that_no_longer_exists_says_so_and_one_that_is_stale_since_when() {
    let (gone, sales, staff) = (user("Gone Person"), group("Sales"), group("Staff"));
    let scoping = Scoping::new(listed(&[gone.clone(), sales.clone(), staff.clone(), user("New One")])).knows(&[
        (&gone, EntryState::Gone { since: 1_764_000_000_000 }),
        (&sales, EntryState::Resolved { members: 1_234, at: 1_764_000_000_000 }),
        (&staff, EntryState::Stale { members: 7, since: 1_764_000_000_000, reason: "No controller answers.".into() }),
    ]);
    let mut screen = Screen::new(SIZE, scoping, draw);
    assert!(screen.shows("no longer exists") && screen.shows("new"));
    assert!(screen.says("234 members") && screen.says("7 members, as of 2025-11-24"));
    screen.hover("no longer exists");
    assert!(screen.says("It was deleted from the directory"));
}

/// S3: that the updater can't be asked is said, and nothing is lost.
#[test]
fn an_updater_that_does_not_answer_is_told_and_asked_again_when_wanted() {
    let mut screen = Screen::new(SIZE, Scoping::new(listed(&[user("Anna Berg")])), draw);
    screen.wait("How the entries stand is not known.");
    assert!(screen.shows("Anna Berg"));
    screen.click("Refresh");
    screen.wait("How the entries stand is not known.");
}

#[test]
fn the_list_is_searched_as_one_types() {
    let people = ["Anna Berg", "Ben Carter", "Hanna Holm"].map(user);
    let mut screen = Screen::new(SIZE, Scoping::new(listed(&people)).knows(&[]), draw);
    screen.type_into("Search the list", "anna");
    assert!(screen.shows("Hanna Holm") && !screen.shows("Ben Carter") && screen.says("3 entries, 2 shown"));
    screen.type_text("x");
    assert!(screen.shows("Nothing found"));
    screen.click("Clear the search");
    assert!(screen.shows("Ben Carter"));
}

/// S2: a list of 10,000 entries stays smooth. A frame of this build, without optimisation, on a machine that does other
/// things too; a release build takes a small part of that.
#[test]
fn ten_thousand_entries_are_drawn_as_fast_as_ten() {
    let many: Vec<_> = users(10_000);
    let mut screen = Screen::new(SIZE, Scoping::new(listed(&many)).knows(&[]), draw);
    screen.step();
    let began = std::time::Instant::now();
    for _ in 0..10 {
        screen.press(Key::PageDown);
    }
    let frame = began.elapsed() / 40;
    eprintln!("a frame with 10,000 entries: {frame:?}");
    assert!(frame < std::time::Duration::from_millis(100), "{frame:?}");
}

/// Bad input
#[test]
fn hostile_names_are_legible_and_harmless() {
    let long = "x".repeat(300);
    let names = [long.as_str(), "اسم", "漢字", "a\u{202e}b\u{0}c"];
    let mut screen = Screen::new(SIZE, Scoping::new(listed(&names.map(user))), draw);
    assert!(screen.shows("ab␀c"));
    screen.hover(&long);
}

#[test]
fn the_scope_window_looks_as_it_was_approved() {
    let mut pictures = Pictures::new();
    let (gone, sales, staff) = (user("Gone Person"), group("Sales"), group("All staff, every country"));
    let scoping = || {
        let objects = [user("Anna Berg"), gone.clone(), sales.clone(), staff.clone(), user("New One")];
        Scoping::new(listed(&objects)).knows(&[
            (&objects[0], EntryState::Resolved { members: 1, at: 1_764_000_000_000 }),
            (&gone, EntryState::Gone { since: 1_764_000_000_000 }),
            (&sales, EntryState::Resolved { members: 1_234, at: 1_764_000_000_000 }),
            (&staff, EntryState::Stale { members: 7, since: 1_764_000_000_000, reason: "It is away.".into() }),
        ])
    };
    pictures.take("scope", SIZE, scoping, draw, |screen| screen.click("Sales"));
}
