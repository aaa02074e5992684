//! Through the window, by accessible label, with the real engine over a scripted organisation and a real updater.

use std::sync::Arc;

use eframe::egui::Key;

use super::*;
use crate::enrolment;
use crate::enrolment::scripted::{Other, Registry, domain};
use crate::organisation::in_memory::InMemory;
use crate::panel::scripted::{Directory, Organisation, Pictures, Screen, background, failure, runtime, user};
use crate::pipe::client::Client;
use crate::pipe::listener::Access;
use crate::settings::Environment;
use crate::setup::Failure;
use crate::updater::clock::Clock;
use crate::updater::dispatcher::{Attempt, Engine};
use crate::updater::queue::Job;
use crate::updater::service::{Updater, UpdaterOptions};

const SIZE: [f32; 2] = [900.0, 640.0];

struct Idle;

impl Engine for Idle {
    async fn attempt(&self, _: &Job) -> Attempt {
        unreachable!("no message is submitted here")
    }
}

/// A wizard with everything around it. The updater is real; dropping this stops it.
struct Configuring {
    wizard: Option<Wizard>,
    outcome: Option<Outcome>,
    organisation: Arc<Organisation>,
    client: Client,
    updater: Option<Updater>,
    _folder: tempfile::TempDir,
}

impl Configuring {
    fn new(settings: Option<&Settings>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.sock");
        let options = UpdaterOptions {
            data: folder.path().join("data"),
            pipe: pipe.clone(),
            access: Access::default(),
            sandbox: false,
            clock: Clock::system(),
        };
        let updater = runtime().block_on(Updater::start(options, |_, _| Ok(Idle))).unwrap();
        let client = Client::new(&pipe).unwrap();
        let organisation = Arc::new(Organisation::new());
        let without = crate::directory::DirectoryObject { upn: None, ..user("Ben Carter") };
        let directory = Arc::new(Directory::with(vec![user("Anna Berg"), without]));
        let session = Session {
            pipe: client.clone(),
            organisation: organisation.clone(),
            search: directory,
            administrators: None,
        };
        let wizard = Wizard::new(session, background(), settings);
        Self { wizard: Some(wizard), outcome: None, organisation, client, updater: Some(updater), _folder: folder }
    }

    /// The updater shares its configuration with another one.
    fn sharing() -> Self {
        let (directory, folder) = (InMemory::default(), tempfile::tempdir().unwrap());
        let updater = runtime().block_on(enrolment::scripted::updater(folder.path(), &directory));
        let client = Client::new(&folder.path().join("pipe.sock")).unwrap();
        let _other = Other::registered(&directory, "srv2.corp.example");
        let registry = Registry::new(directory);
        runtime().block_on(async {
            let report = client.organisation().await.unwrap();
            let choice = enrolment::Choice::default();
            enrolment::join(&*registry, &client, &report, domain(), choice, |_| ()).await.unwrap();
        });
        let organisation = Arc::new(Organisation::new());
        let search = Arc::new(Directory::with(vec![user("Anna Berg")]));
        let session =
            Session { pipe: client.clone(), organisation: organisation.clone(), search, administrators: None };
        let wizard = Wizard::new(session, background(), None);
        Self { wizard: Some(wizard), outcome: None, organisation, client, updater: Some(updater), _folder: folder }
    }

    fn settings_in_force(&self) -> Settings {
        runtime().block_on(self.client.settings()).unwrap().0.settings
    }
}

impl Drop for Configuring {
    fn drop(&mut self) {
        if let Some(updater) = self.updater.take() {
            runtime().block_on(updater.stop());
        }
    }
}

fn draw(ctx: &Context, configuring: &mut Configuring) {
    if let Some(wizard) = &mut configuring.wizard
        && let Some(outcome) = wizard.show(ctx)
    {
        configuring.outcome = Some(outcome);
        configuring.wizard = None;
    }
}

fn wizard() -> Screen<Configuring> {
    Screen::new(SIZE, Configuring::new(None), draw)
}

/// Next, so many times.
fn on(screen: &mut Screen<Configuring>, pages: usize) {
    for _ in 0..pages {
        screen.click("Next");
    }
}

/// Runs with the proposed answers, to the end.
fn run_to_the_end(screen: &mut Screen<Configuring>) {
    on(screen, 3);
    screen.click("Configure");
    screen.wait("Result, present page");
}

/// W1–W7, by the mouse.
#[test]
fn on_premises_with_an_account_that_is_created() {
    let mut screen = wizard();
    assert!(screen.shows("Environment, present page") && screen.shows("Result, to come"));
    on(&mut screen, 1);
    assert!(screen.shows("Environment, done") && screen.shows("Autodiscover"));
    on(&mut screen, 1);
    assert!(screen.shows("@corp.example"));
    on(&mut screen, 1);
    assert!(screen.says("Create the account CodeTwoSiuAgent@corp.example"));
    screen.click("Configure");
    screen.wait("Sent Items Update is configured");
    assert!(screen.says("created CodeTwoSiuAgent@corp.example") && !screen.shows("Failure"));
    screen.click("Finish");
    screen.wait("Sent Items Update is configured and switched on.");
    assert_eq!(screen.dialog().outcome, None, "the message box is still there");
    screen.click("OK");
    assert_eq!(screen.dialog().outcome, Some(Outcome::Configured));
    let settings = screen.dialog().settings_in_force();
    assert!(settings.enabled && settings.account.unwrap().user == "CodeTwoSiuAgent@corp.example");
}

/// P1: before *Configure*, before *Finish*, and after it.
#[test]
fn who_shares_the_configuration_is_told_whom_it_goes_to() {
    let mut screen = Screen::new(SIZE, Configuring::sharing(), draw);
    on(&mut screen, 3);
    screen.wait("besides this updater, srv2.corp.example gets it.");
    screen.click("Configure");
    screen.wait("Sent Items Update is configured");
    assert!(screen.says("It is published in corp.example: srv2.corp.example takes it over"));
    screen.click("Finish");
    screen.wait("configured and switched on.");
    assert!(screen.says("srv2.corp.example takes it over"));
    let report = runtime().block_on(screen.dialog().client.organisation()).unwrap();
    assert_eq!(report.joined.unwrap().configuration.map(|version| version.version), Some(1));
}

/// W2, W3 by the keyboard alone: Enter goes on, Tab and the space bar choose.
#[test]
fn the_keyboard_alone_leads_to_the_end() {
    let mut screen = wizard();
    screen.press(Key::Enter);
    screen.get("Configure connection manually").focus();
    screen.step();
    screen.press(Key::Space);
    screen.press(Key::Enter);
    assert!(screen.says("Enter the name or the IP address"), "Enter does not go past what is wrong");
    screen.type_into("Server", "mail corp");
    assert!(screen.says("no spaces"), "said as it is typed");
    for _ in 0..9 {
        screen.press(Key::Backspace);
    }
    screen.type_text("exchange1.corp.example");
    screen.press(Key::Enter);
    assert!(screen.shows("Account, present page"));
    screen.get("Use an existing account").focus();
    screen.step();
    screen.press(Key::Space);
    screen.type_into("User principal name", "svc@corp.example");
    screen.press(Key::Tab);
    screen.press(Key::Tab);
    screen.type_text("Pa55 wörd");
    screen.press(Key::Enter);
    assert!(screen.says("Connect to the Exchange server exchange1.corp.example."));
    screen.press(Key::Enter);
    screen.wait("Sent Items Update is configured");
    screen.press(Key::Enter);
    screen.wait("configured and switched on");
    screen.press(Key::Enter);
    assert_eq!(screen.dialog().outcome, Some(Outcome::Configured));
    let settings = screen.dialog().settings_in_force();
    assert_eq!(settings.connection.unwrap().ews_url, "https://exchange1.corp.example/EWS/Exchange.asmx");
}

/// W1–W3
#[test]
fn hybrid_asks_for_an_existing_account_and_lists_its_conditions() {
    let mut screen = wizard();
    screen.click("Hybrid");
    on(&mut screen, 1);
    assert!(!screen.shows("Configure connection manually") && screen.says("by Autodiscover only"));
    on(&mut screen, 1);
    assert!(!screen.shows("Create an account automatically"));
    for condition in ["Organization Management", "multi-factor", "federated", "Domain Users", "expired"] {
        assert!(screen.says(condition), "{condition} is not named");
    }
    on(&mut screen, 1);
    assert!(screen.says("Enter the user principal name") && screen.says("Enter the password"));
    screen.type_into("User principal name", r"CORP\svc");
    assert!(screen.says("older form of name"));
}

/// W4
#[test]
fn browse_fills_the_user_principal_name_in() {
    let mut screen = wizard();
    on(&mut screen, 2);
    screen.click("Use an existing account");
    screen.click("Browse…");
    screen.wait("2 found");
    screen.click("Ben Carter");
    assert!(screen.is_greyed("OK") && screen.says("no user principal name"));
    screen.click("Anna Berg");
    screen.press(Key::Enter);
    assert_eq!(screen.get("User principal name").value().as_deref(), Some("anna.berg@corp.example"));
    assert!(screen.shows("Account, present page"), "the same Enter did not go on to the next page");
}

/// W5, W13
#[test]
fn a_running_step_can_be_stopped_and_what_was_changed_is_told() {
    let mut screen = wizard();
    screen.dialog().organisation.hold("grant");
    on(&mut screen, 3);
    screen.click("Configure");
    screen.wait("Stop");
    screen.wait("created CodeTwoSiuAgent@corp.example");
    assert!(screen.is_greyed("Back") && screen.is_greyed("Configure"));
    screen.click("Stop");
    screen.wait("The configuration was cancelled");
    assert!(screen.says("The account CodeTwoSiuAgent@corp.example was created."));
    assert!(screen.shows("cancelled") && screen.shows("not run"));
    assert!(!screen.dialog().settings_in_force().enabled, "nothing is in force that was not before");
    screen.dialog().organisation.release("grant");
    screen.click("Run again");
    screen.wait("Sent Items Update is configured");
    let created = screen.dialog().organisation.calls().iter().filter(|call| call.starts_with("create")).count();
    assert_eq!(created, 1, "what was done is not done twice");
}

/// Cancelling asks only when something is running.
#[test]
fn leaving_asks_only_while_a_step_runs() {
    let mut screen = wizard();
    screen.press(Key::Escape);
    assert_eq!(screen.dialog().outcome, Some(Outcome::Cancelled));
    let mut screen = wizard();
    screen.dialog().organisation.hold("locate");
    on(&mut screen, 3);
    screen.click("Configure");
    screen.wait("Stop");
    screen.press(Key::Escape);
    assert!(screen.shows("Stop the configuration?"));
    screen.press(Key::Escape);
    assert!(!screen.shows("Stop the configuration?") && screen.dialog().outcome.is_none());
    screen.press(Key::Escape);
    screen.click("Stop and leave");
    screen.wait_for("the wizard to close", |configuring| configuring.outcome == Some(Outcome::Cancelled));
}

/// W8: each step's failure can be read, leads to its page, and is run again from there.
#[test]
fn each_failed_step_is_explained_and_mended() {
    for (step, page) in [
        ("check_administrator", None),
        ("locate", Some(Page::Connection)),
        ("create_account", Some(Page::Account)),
        ("grant", Some(Page::Account)),
        ("test", Some(Page::Account)),
    ] {
        let mut screen = wizard();
        let what = format!("It went wrong at {step}.");
        screen.dialog().organisation.fail(step, Failure { page, ..failure(&what) });
        run_to_the_end(&mut screen);
        assert!(screen.says("The configuration failed") && screen.says("What was in force before stays in force"));
        screen.click("Failure");
        assert!(
            screen.shows("Likely cause") && screen.says("The server said no.") && screen.says("Ask somebody else.")
        );
        screen.press(Key::Escape);
        assert!(!screen.shows("Likely cause") && screen.dialog().outcome.is_none());
        screen.click("Back");
        let shown = page.map_or("Configure, present page", |page| match page {
            Page::Connection => "Connection, present page",
            _ => "Account, present page",
        });
        assert!(screen.shows(shown), "{step}");
        screen.dialog().organisation.mend(step);
        while !screen.shows("Configure, present page") {
            screen.click("Next");
        }
        screen.click("Configure");
        screen.wait("Sent Items Update is configured");
    }
}

/// W9
#[test]
fn a_right_that_could_not_be_granted_comes_with_its_cmdlet_to_copy() {
    let mut screen = wizard();
    let by_hand = crate::setup::failures::right_not_granted("svc@corp.example", "access is denied", Vec::new());
    screen.dialog().organisation.fail("grant", by_hand.clone());
    run_to_the_end(&mut screen);
    screen.click("Failure");
    let cmdlet = by_hand.cmdlet.unwrap();
    assert!(cmdlet.contains("New-ManagementRoleAssignment") && screen.shows(&cmdlet));
    assert_eq!(screen.copied_by("Copy"), Some(cmdlet));
}

/// W10
#[test]
fn a_failed_test_leads_to_the_test_by_hand() {
    let mut screen = wizard();
    let refused =
        crate::setup::failures::test_failed("ben@corp.example", "it is full", vec!["Empty it.".into()], vec![]);
    screen.dialog().organisation.fail("test", refused);
    run_to_the_end(&mut screen);
    screen.click("Failure");
    screen.click("click here");
    assert!(screen.shows("Impersonation test"));
    screen.dialog().organisation.mend("test");
    screen.type_text("anna.berg@corp.example");
    screen.press(Key::Enter);
    screen.wait("Impersonation works");
    assert!(screen.says("Sent Items of anna.berg@corp.example was opened. It holds 128 items."));
    screen.click("Close");
    assert!(!screen.shows("Impersonation test") && screen.shows("Likely cause"), "back at the failure");
}

/// W13: an updater that is down is told of at the end, and nothing is half done.
#[test]
fn an_updater_that_does_not_run_fails_the_last_step_and_the_next_run_goes_on_from_there() {
    let mut screen = wizard();
    let updater = screen.dialog().updater.take().unwrap();
    runtime().block_on(updater.stop());
    run_to_the_end(&mut screen);
    screen.click("Failure");
    assert!(screen.says("The updater did not take the configuration over"));
    screen.press(Key::Escape);
    assert!(screen.says("The right to impersonate mailboxes was granted"));
}

/// T4
#[test]
fn what_is_in_force_is_proposed_when_the_account_is_changed() {
    let account = Some(crate::settings::Account { user: "svc@corp.example".into() });
    let settings = Settings { environment: Environment::Hybrid, account, ..Settings::default() };
    let mut screen = Screen::new(SIZE, Configuring::new(Some(&settings)), draw);
    on(&mut screen, 2);
    assert_eq!(screen.get("User principal name").value().as_deref(), Some("svc@corp.example"));
}

/// Bad input
#[test]
fn hostile_text_in_every_field_harms_nothing() {
    let mut screen = wizard();
    on(&mut screen, 1);
    screen.click("Configure connection manually");
    screen.type_into("Server", &"ß\u{202e}漢".repeat(300));
    on(&mut screen, 1);
    assert!(screen.shows("Connection, present page"));
    screen.click("Autodiscover");
    on(&mut screen, 1);
    screen.type_into("Name", "اسم\u{0}\u{7}");
    on(&mut screen, 1);
    assert!(screen.shows("Account, present page"));
}

/// A window that asks for frames all the time would keep a server's processor busy.
#[test]
fn nothing_moves_unless_something_runs() {
    let mut screen = wizard();
    for _ in 0..4 {
        assert!(screen.is_still());
        if screen.shows("Next") {
            screen.click("Next");
        }
    }
}

#[test]
fn the_wizard_looks_as_it_was_approved() {
    let mut pictures = Pictures::new();
    let new = || Configuring::new(None);
    pictures.take("wizard-environment", SIZE, new, draw, |screen| screen.click("Hybrid"));
    pictures.take("wizard-connection", SIZE, new, draw, |screen| {
        on(screen, 1);
        screen.click("Configure connection manually");
        screen.type_into("Server", "mail corp");
    });
    pictures.take("wizard-account", SIZE, new, draw, |screen| {
        on(screen, 2);
    });
    pictures.take("wizard-account-hybrid", SIZE, new, draw, |screen| {
        screen.click("Hybrid");
        on(screen, 2);
        screen.type_into("User principal name", "svc@corp.example");
    });
    pictures.take("wizard-summary", SIZE, new, draw, |screen| on(screen, 3));
    pictures.take("wizard-summary-shared", SIZE, Configuring::sharing, draw, |screen| {
        on(screen, 3);
        screen.wait("besides this updater");
    });
    pictures.take("wizard-success", SIZE, new, draw, run_to_the_end);
    let refused = crate::setup::failures::right_not_granted(
        "CodeTwoSiuAgent@corp.example",
        "Exchange says that access is denied",
        vec!["The user \"corp.example/Users/anna\" isn't assigned to any management roles.".into()],
    );
    let failing = || {
        let configuring = Configuring::new(None);
        configuring.organisation.fail("grant", refused.clone());
        configuring
    };
    pictures.take("wizard-failure", SIZE, failing, draw, run_to_the_end);
    pictures.take("failure-window", SIZE, failing, draw, |screen| {
        run_to_the_end(screen);
        screen.click("Failure");
    });
}
