//! Through the window, by accessible label.

use std::sync::Arc;

use eframe::egui::Key;

use super::*;
use crate::panel::scripted::{
    Around, Connecting, Directory, Organisation, Pictures, Screen, background, failure, runtime, user,
};
use crate::setup::ConnectionChoice;

const SIZE: [f32; 2] = [660.0, 460.0];

/// The test with what a wizard's run led to.
struct Testing {
    test: Option<ImpersonationTest>,
    organisation: Arc<Organisation>,
}

impl Testing {
    /// After a run of a wizard with the proposed answers; its last step fails, as there is no updater here.
    fn new() -> Self {
        let organisation = Arc::new(Organisation::new());
        let client = Client::new(std::path::Path::new("/nonexistent/updater.sock")).unwrap();
        let directory = Directory::with(vec![
            user("Anna Berg"),
            crate::directory::DirectoryObject { mailbox: false, ..user("Ben Carter") },
        ]);
        let session = Session {
            pipe: client.clone(),
            organisation: organisation.clone(),
            search: Arc::new(directory),
            administrators: None,
        };
        let mut setup = Setup::new(organisation.clone(), client);
        let answers = Answers {
            environment: crate::settings::Environment::OnPremises,
            connection: ConnectionChoice::Autodiscover,
            account: crate::setup::AccountChoice::Automatic { name: "svc".into() },
        };
        let report = runtime().block_on(setup.run(&answers, tokio_util::sync::CancellationToken::new(), |_| ()));
        assert!(!report.succeeded());
        let tester = Tester::Setup { setup: Arc::new(Mutex::new(setup)), answers };
        Self { test: Some(ImpersonationTest::new(tester, Some(session), background())), organisation }
    }
}

fn draw(ctx: &Context, testing: &mut Testing) {
    if let Some(test) = &mut testing.test
        && test.show(ctx) == Some(Outcome::Closed)
    {
        testing.test = None;
    }
}

fn testing() -> Screen<Testing> {
    Screen::new(SIZE, Testing::new(), draw)
}

/// W10
#[test]
fn a_mailbox_is_typed_tested_and_the_result_is_clear() {
    let mut screen = testing();
    screen.press(Key::Enter);
    assert!(screen.says("Enter the e-mail address"));
    screen.type_into("Mailbox user", "anna.berg@corp.example");
    screen.dialog().organisation.hold("test");
    screen.press(Key::Enter);
    screen.dialog().organisation.release("test");
    screen.wait("Impersonation works");
    assert!(screen.says("Sent Items of anna.berg@corp.example was opened. It holds 128 items."));
    screen.dialog().organisation.fail("test", failure("Exchange refuses."));
    screen.click("Test");
    screen.wait("Exchange refuses.");
    assert!(screen.says("The server said no.") && screen.says("Ask it again.") && !screen.shows("Impersonation works"));
    screen.press(Key::Escape);
    assert!(screen.dialog().test.is_none());
}

/// W10
#[test]
fn a_mailbox_is_picked_and_a_user_without_one_can_not_be() {
    let mut screen = testing();
    screen.click("Browse…");
    screen.wait("2 found");
    screen.click("Ben Carter");
    assert!(screen.says("has no Exchange mailbox"));
    screen.click("Anna Berg");
    screen.click("OK");
    assert_eq!(screen.get("Mailbox user").value().as_deref(), Some("anna.berg@corp.example"));
    screen.click("Test");
    screen.wait("Impersonation works");
}

#[test]
fn a_test_that_takes_long_can_be_stopped() {
    let mut screen = testing();
    screen.dialog().organisation.hold("test");
    screen.type_into("Mailbox user", "anna.berg@corp.example");
    screen.click("Test");
    screen.wait("Opening Sent Items of anna.berg@corp.example…");
    screen.click("Stop");
    assert!(!screen.says("Opening Sent Items") && screen.shows("Test"));
    assert!(screen.is_still());
}

/// W10: from the tab, through the updater, whose trouble is told in its words; Browse signs in first.
#[test]
fn from_the_tab_it_goes_through_the_updater_and_browse_signs_in_first() {
    let organisation = Arc::new(Organisation::new());
    let connecting = Connecting::to(organisation, Arc::new(Directory::with(vec![user("Anna Berg")])));
    let around = Around::new(std::path::Path::new("/nonexistent/updater.sock"), Arc::new(connecting));
    let mut screen = Screen::new(SIZE, Dialog::new(), move |ctx, dialog| {
        dialog.show(ctx, &around.surroundings());
    });
    screen.click("Browse…");
    screen.wait("1 found");
    screen.click("Anna Berg");
    screen.press(Key::Enter);
    screen.click("Test");
    screen.wait("The updater could not make the test.");
    assert!(screen.says("Start the service"));
}

#[test]
fn the_test_looks_as_it_was_approved() {
    let mut pictures = Pictures::new();
    pictures.take("impersonation-works", [660.0, 320.0], Testing::new, draw, |screen| {
        screen.type_into("Mailbox user", "anna.berg@corp.example");
        screen.press(Key::Enter);
        screen.wait("Impersonation works");
        // The field has lost the keyboard if a frame was drawn while the test ran.
        screen.get("Test").focus();
        screen.step();
    });
    let failing = || {
        let testing = Testing::new();
        let cause = "the mailbox is being moved to another database";
        let advice = vec!["Test again when the move is over.".to_owned()];
        let failure = crate::setup::failures::test_failed("anna.berg@corp.example", cause, advice, vec![]);
        testing.organisation.fail("test", failure);
        testing
    };
    pictures.take("impersonation-fails", [660.0, 420.0], failing, draw, |screen| {
        screen.type_into("Mailbox user", "anna.berg@corp.example");
        screen.press(Key::Enter);
        screen.wait("could not be opened");
        // The field has lost the keyboard if a frame was drawn while the test ran.
        screen.get("Test").focus();
        screen.step();
    });
}
