//! The whole way of an administrator, in the panel and without a screen: fresh, wizard, configured, scope with a group,
//! an option, a message that is updated and seen, off and on. The organisation is the sandbox, reached over the wire; the
//! updater is the real program.

mod desk;

use std::sync::Arc;
use std::time::Duration;

use desk::Desk;
use eframe::egui::{self, Key};
use sent_items_update::panel::app::Start;
use sent_items_update::panel::connect::Rehearsed;
use sent_items_update::panel::files::SystemFiles;
use sent_items_update::panel::sandbox::Rehearsal;
use sent_items_update::panel::session::Remembering;
use sent_items_update::pipe::types::{Activity, State};
use sent_items_update::settings::{EntryKind, ScopeMode, Settings};

const PATIENCE: Duration = Duration::from_secs(90);

impl Desk {
    fn of(rehearsal: Rehearsal) -> Self {
        let connect = Arc::new(Remembering::new(Arc::new(Rehearsed::new(rehearsal.opened()))));
        let files = Arc::new(SystemFiles);
        let start = Start { pipe: rehearsal.pipe(), connect, files, rehearsal: Some(rehearsal) };
        Self::new(desk::runtime(), start, PATIENCE)
    }

    fn type_text(&mut self, text: &str) {
        self.window.event(egui::Event::Text(text.to_owned()));
        self.window.run_steps(4);
    }

    fn settings(&self) -> Settings {
        self.runtime.block_on(self.pipe.settings()).unwrap().0.settings
    }
}

/// Everything of issue 3 in one go: M1, M3, T2–T6, W1–W7, S1, S2.
#[test]
fn from_a_fresh_installation_to_an_updated_message() {
    let rehearsal = Rehearsal::new().unwrap().with_program(env!("CARGO_BIN_EXE_siu-updater").into());
    let opened = rehearsal.opened();
    let mut desk = Desk::of(rehearsal);

    // T2, M1: fresh, there is only the way to the wizard.
    desk.until("the updater answers", |desk| desk.window.state().state().status().is_some());
    desk.until("the organisation is open", |_| opened.get().is_some());
    assert_eq!(desk.activity(), Activity::NotConfigured);
    desk.click("Click to change");

    // W1–W7
    desk.go_to_the_summary();
    desk.press(Key::Enter);
    desk.wait("Result, present page");
    assert!(desk.says("Sent Items Update is configured"), "{:?}", desk.labels());
    desk.click("Finish");
    desk.wait("configured and switched on");
    desk.click("OK");
    desk.until("it is on", |desk| desk.activity() == Activity::On);
    let settings = desk.settings();
    assert_eq!(settings.account.unwrap().user, "CodeTwoSiuAgent@nordwind.example");
    assert_eq!(settings.directory.unwrap().domain, "nordwind.example");

    // S1, S2: a group, found while typing; nothing is sent before OK in the Settings window.
    desk.click("Click to change");
    desk.click("Change the senders' scope…");
    desk.wait("Scope of updated mailboxes");
    desk.click("Update mailboxes from the list below only");
    desk.click("Add…");
    desk.wait("Select Users or Groups");
    let group = {
        let directory = opened.get().unwrap().control.directory();
        directory.groups().into_iter().next().expect("the sample organisation has a group")
    };
    desk.type_text(&group.display_name);
    desk.wait("Group");
    desk.click(&group.display_name);
    desk.press(Key::Enter);
    desk.until("the picker is closed", |desk| !desk.says("Select Users or Groups"));
    desk.click("OK");
    assert_eq!(desk.settings().scope.mode, ScopeMode::AllMailboxes, "nothing is sent before OK");

    // T6
    desk.click("Create a copy of the original message when updating Sent Items");
    desk.click("OK");
    desk.until("the settings are in force", |desk| desk.settings().scope.mode == ScopeMode::OnlyListed);
    let settings = desk.settings();
    assert!(settings.options.create_copy);
    let [entry] = &settings.scope.entries[..] else { panic!("{:?}", settings.scope) };
    assert_eq!((entry.kind, &entry.name), (EntryKind::Group, &group.display_name));

    // S3, M3: those of the group are updated, others are left alone, and both can be seen.
    let sample = opened.get().unwrap().control.organisation().clone();
    for message in &sample.messages {
        for copy in &message.processed {
            let content = sample.processed(copy).unwrap();
            // One of the samples is of the kind that only doors without a waiting person take.
            let _ = desk.runtime.block_on(desk.pipe.submit(content));
        }
    }
    let updated = |desk: &Desk| desk.runtime.block_on(desk.pipe.status()).unwrap().counts.updated;
    desk.until("a message is updated", |desk| updated(desk) > 0);
    desk.until("it is seen in the activity table", |desk| desk.says("stored beside the original"));
    let listed = desk.runtime.block_on(desk.pipe.messages(&sent_items_update::pipe::types::Filter::default())).unwrap();
    assert!(listed.iter().any(|message| message.state == State::Updated));

    // T3
    desk.click("Click to change");
    desk.click("Switch off");
    desk.click("OK");
    desk.until("it is off", |desk| desk.activity() == Activity::Off);
    desk.click("Click to change");
    desk.click("Switch on");
    desk.click("OK");
    desk.until("it is on again", |desk| desk.activity() == Activity::On);

    desk.window.state_mut().close();
}
