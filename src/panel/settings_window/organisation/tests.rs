use eframe::egui::Theme;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use uuid::Uuid;

use super::*;
use crate::panel::testing::{self, NOW, looks_as_approved};
use crate::pipe::types::{Activity, OwnUpdater, PublishedVersion, Source};
use crate::settings::DirectorySettings;

const SIZE: (f32, f32) = (680.0, 366.0);

fn at(seconds_ago: i64) -> Timestamp {
    Timestamp::from_second(NOW - seconds_ago).unwrap()
}

fn updater(id: u128, name: &str) -> UpdaterReport {
    UpdaterReport {
        id: Uuid::from_u128(id),
        name: name.into(),
        this: false,
        account: format!("{}$", name.to_uppercase()),
        registered_by: "NORDWIND\\anna".into(),
        registered_at: at(86_400 * 30),
        last_seen: Some(at(200)),
        program: Some("0.1.0".into()),
        configuration: Some(17),
        backlog: Some(0),
        problem: None,
        secret: SecretState::Sealed,
    }
}

fn report(joined: Option<Joined>) -> OrganisationReport {
    let own = OwnUpdater { id: Uuid::from_u128(1), name: "srv1".into(), key: "age1q".into(), account: None };
    OrganisationReport {
        source: if joined.is_some() { Source::Directory } else { Source::File },
        own,
        joined,
        kept: None,
    }
}

fn shared() -> Joined {
    let behind = UpdaterReport {
        configuration: Some(16),
        last_seen: Some(at(7_000)),
        backlog: Some(1_204),
        ..updater(3, "srv3")
    };
    let newcomer = UpdaterReport {
        last_seen: None,
        program: None,
        configuration: None,
        backlog: None,
        secret: SecretState::Waiting,
        ..updater(4, "srv4")
    };
    let this = UpdaterReport { this: true, name: "srv1.nordwind.example".into(), ..updater(1, "srv1") };
    Joined {
        organisation: Uuid::from_u128(7),
        directory: DirectorySettings { domain: "nordwind.example".into(), ..DirectorySettings::default() },
        place: "CN=Sent Items Update,CN=Program Data,DC=nordwind,DC=example in nordwind.example".into(),
        container: Some("CN=Sent Items Update,CN=Program Data,DC=nordwind,DC=example".into()),
        configuration: Some(PublishedVersion {
            version: 17,
            changed_by: "NORDWIND\\anna".into(),
            changed_on: "srv2".into(),
            changed_at: at(3_000),
        }),
        highest_seen: 17,
        last_read: Some(at(3_000)),
        last_look: Some(at(12)),
        next_look: Some(at(-18)),
        problem: None,
        registered: true,
        updaters: vec![this, updater(2, "srv2"), behind, newcomer],
    }
}

fn shown(known: Result<OrganisationReport, String>) -> Organisation {
    Organisation { known: Some(known), ..Organisation::default() }
}

fn draw(ui: &mut Ui, section: &mut Organisation) {
    eframe::egui::CentralPanel::default()
        .show(ui, |ui| drop(section.show(ui, &testing::connected(testing::status(Activity::On)))));
}

fn window(section: Organisation) -> Harness<'static, Organisation> {
    let mut window = testing::window(SIZE, Theme::Light, section, draw);
    window.run_steps(3);
    window
}

/// P1
#[test]
fn source_version_author_and_updaters_are_shown() {
    let window = window(shown(Ok(report(Some(shared())))));
    for text in [
        "Active Directory, nordwind.example",
        "17, changed by NORDWIND\\anna on srv2",
        "12 seconds ago",
        "srv1 (this one)",
        "never",
        "1\u{202f}204",
        "Waits for it",
    ] {
        assert!(window.query_all_by_label_contains(text).next().is_some(), "{text} is not shown");
    }
}

/// P1: a name of another domain is whole.
#[test]
fn an_updaters_name_is_shown_without_the_domain_that_stands_above() {
    for (name, shown) in [
        ("srv1.Corp.Example", "srv1"),
        ("srv1", "srv1"),
        ("srv1.corp.example.org", "srv1.corp.example.org"),
        ("srv1.berlin.corp.example", "srv1.berlin.corp.example"),
        (".corp.example", ".corp.example"),
    ] {
        assert_eq!(without_domain(name, "corp.example"), shown);
    }
}

/// P1
#[test]
fn a_problem_is_told_with_what_stays_in_force() {
    let problem =
        "The organisation's configuration is refused, and what was in force stays so: it breaks off in line 1.";
    let window = window(shown(Ok(report(Some(Joined { problem: Some(problem.into()), ..shared() })))));
    assert!(window.query_by_label_contains("it breaks off in line 1").is_some());
}

/// P1
#[test]
fn a_copy_of_settings_that_were_its_own_is_named_whether_it_shares_them_or_not() {
    for joined in [None, Some(shared())] {
        let kept = Some("/var/lib/sent-items-update/settings.before-joining-20251124T160000Z.json".into());
        let window = window(shown(Ok(OrganisationReport { kept, ..report(joined) })));
        assert!(window.query_by_label_contains("settings.before-joining-20251124T160000Z.json. Import…").is_some());
    }
}

#[test]
fn settings_of_this_computer_alone_are_said_to_be_so() {
    let window = window(shown(Ok(report(None))));
    assert!(window.query_by_label_contains("this computer's own").is_some());
}

#[test]
fn an_updater_that_does_not_answer_is_told_and_nothing_is_claimed() {
    let window = window(shown(Err("The updater does not answer in time.".into())));
    assert!(window.query_by_label_contains("is not known. The updater does not answer").is_some());
}

/// What was wanted, with the section and whatever the updater says of itself.
struct Wanting {
    section: Organisation,
    sandbox: bool,
    wanted: Option<Dialog>,
}

fn wanting(section: Organisation, sandbox: bool) -> Harness<'static, Wanting> {
    let draw = |ui: &mut Ui, wanting: &mut Wanting| {
        let status = crate::pipe::types::Status { sandbox: wanting.sandbox, ..testing::status(Activity::On) };
        let state = testing::connected(status);
        eframe::egui::CentralPanel::default().show(ui, |ui| {
            if let Some(dialog) = wanting.section.show(ui, &state) {
                wanting.wanted = Some(dialog);
            }
        });
    };
    let mut window = testing::window(SIZE, Theme::Light, Wanting { section, sandbox, wanted: None }, draw);
    window.run_steps(3);
    window
}

fn press<S>(window: &mut Harness<'static, S>, label: &str) {
    window.get_by_label(label).click();
    window.run_steps(3);
}

/// P2
#[test]
fn an_updater_by_itself_can_be_registered_and_the_sandboxs_can_not() {
    let mut window = wanting(shown(Ok(report(None))), false);
    press(&mut window, "Register…");
    assert_eq!(window.state().wanted, Some(Dialog::Register));
    let mut window = wanting(shown(Ok(report(None))), true);
    press(&mut window, "Register…");
    assert_eq!(window.state().wanted, None);
}

/// P2
#[test]
fn the_updater_that_was_chosen_is_the_one_to_be_removed() {
    let mut window = wanting(shown(Ok(report(Some(shared())))), false);
    press(&mut window, "Remove…");
    assert_eq!(window.state().wanted, None, "none is chosen");
    press(&mut window, "srv3");
    press(&mut window, "Remove…");
    assert_eq!(window.state().wanted, Some(Dialog::Remove(Uuid::from_u128(3))));
    // The keyboard goes on from there.
    press(&mut window, "srv3");
    window.key_press(eframe::egui::Key::ArrowDown);
    window.run_steps(3);
    press(&mut window, "Remove…");
    assert_eq!(window.state().wanted, Some(Dialog::Remove(Uuid::from_u128(4))));
    press(&mut window, "Register again…");
    assert_eq!(window.state().wanted, Some(Dialog::Register));
    assert!(window.query_by_label("Leave…").is_none(), "it takes part");
}

/// P2
#[test]
fn who_is_registered_no_more_can_leave() {
    let lost = Joined { registered: false, updaters: vec![updater(2, "srv2")], ..shared() };
    let mut window = wanting(shown(Ok(report(Some(lost.clone())))), false);
    press(&mut window, "Leave…");
    assert_eq!(window.state().wanted, Some(Dialog::Leave));
    // While the directory was not asked yet, it is not known.
    let window = wanting(shown(Ok(report(Some(Joined { last_read: None, ..lost })))), false);
    assert!(window.query_by_label("Leave…").is_none());
}

#[test]
fn the_section_looks_as_it_was_approved_in_light_and_dark() {
    let _easel = testing::easel();
    for (theme, name) in [(Theme::Light, "light"), (Theme::Dark, "dark")] {
        let section = Organisation { selected: Some(Uuid::from_u128(2)), ..shown(Ok(report(Some(shared())))) };
        let Some(mut window) = testing::pictured(SIZE, theme, section, draw) else { return };
        window.run_steps(4);
        looks_as_approved(&mut window, &format!("settings-organisation-{name}"));
    }
    let problem = "The organisation's configuration can't be looked at, and what was in force stays so: no domain controller \
                   of nordwind.example can be used: dc1.nordwind.example refuses the connection.";
    let joined = Joined { problem: Some(problem.into()), last_look: Some(at(4_000)), ..shared() };
    let Some(mut window) = testing::pictured((680.0, 150.0), Theme::Light, shown(Ok(report(None))), draw) else {
        return;
    };
    window.run_steps(4);
    looks_as_approved(&mut window, "settings-organisation-alone-light");
    let Some(mut window) = testing::pictured((680.0, 426.0), Theme::Light, shown(Ok(report(Some(joined)))), draw)
    else {
        return;
    };
    window.run_steps(4);
    looks_as_approved(&mut window, "settings-organisation-away-light");
}
