//! The real program on a real screen (Xvfb), configured for a real domain (Samba) with a web server (Apache) before its
//! mailboxes, with nothing but the keyboard. Pictures go to `target/screens`.
//!
//! The domain is the one that `SIU_REACH_…` names, and `SIU_AD_…` for what the organisation shares. This computer is in it
//! as far as its name server, the authorities that it trusts and its Kerberos go; `tests/run apache` sees to that.
#![cfg(target_os = "linux")]

mod by_hand;
#[path = "organisation/lab.rs"]
#[allow(dead_code, reason = "the tests of the organisation's configuration use all of it")]
mod lab;
mod process;
#[path = "organisation/registration.rs"]
#[allow(dead_code, reason = "as before")]
mod registration;
mod screen;

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lab::Lab;
use process::Place;
use process::organisation::Mail;
use reqwest::RequestBuilder;
use screen::{Program, Screen, panel, until};
use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::{Activity, Counts, Filter, SecretState, Source, State, Status};
use sent_items_update::settings::Connection;
use serde_json::Value;
use tokio::runtime::Runtime;
use uuid::Uuid;

const TITLE: &str = "Sent Items Update";
const PANEL: &str = env!("CARGO_BIN_EXE_siu-panel");

/// The wizard gives the domain's one service account a new password: what another test works with would end then.
static SERVICE_ACCOUNT: Mutex<()> = Mutex::new(());

fn service_account() -> MutexGuard<'static, ()> {
    SERVICE_ACCOUNT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the environment says of the domain.
fn must(name: &str) -> String {
    std::env::var(format!("SIU_REACH_{name}")).unwrap_or_else(|_| panic!("SIU_REACH_{name} is not set"))
}

/// Says what is missing.
fn can_be(what: &str) -> bool {
    if std::env::var_os("SIU_REACH_DOMAIN").is_none() {
        eprintln!("NOT RUN: {what} in a real domain, which tests/run apache starts");
        return false;
    }
    screen::can_be()
}

/// The wizard is wider than the dialogs before it.
fn wizard_is_there(screen: &Screen) {
    until("the wizard is there", || screen.is_light(300, 400).then_some(()));
}

/// From the main window through the wizard, by Autodiscover, Kerberos and remote PowerShell, until the updater is on; and
/// out of the wizard again. Pictures are called `name`-….
fn configure(screen: &Screen, name: &str, status: impl Fn() -> Option<Status>) {
    // Settings, Impersonation test, Diagnostics, About, Click to change.
    screen.press_times(5, "Tab");
    screen.press("space");
    // The dialog is small as long as it tries by itself.
    until("the dialog asks who signs in", || screen.is_light(640, 245).then_some(()));
    screen.still();
    screen.write(&must("ADMINISTRATOR"));
    screen.press("Tab");
    screen.write(&must("ADMINISTRATOR_PASSWORD"));
    screen.picture(&format!("{name}-sign-in"));
    screen.press("Return");
    wizard_is_there(screen);
    screen.still();
    screen.picture(&format!("{name}-environment"));
    screen.press_times(3, "Return");
    screen.picture(&format!("{name}-summary"));
    screen.press("Return");
    until("it is configured", || status().filter(|status| status.activity == Activity::On));
    screen.still();
    screen.picture(&format!("{name}-result"));
    // Finish, and the message that it is on.
    screen.press_times(2, "Return");
}

/// W1–W10, U11: Autodiscover, Kerberos and remote PowerShell at first; then the server by hand.
#[test]
fn a_domain_is_configured_from_the_keyboard_automatically_and_by_hand() {
    if !can_be("the panel") {
        return;
    }
    let _alone = service_account();
    let folder = tempfile::tempdir().unwrap();
    let screen = Screen::new(folder.path());
    let pipe = folder.path().join("own.sock");
    let log = File::create(folder.path().join("updater.log")).unwrap();
    let data = folder.path().join("data");
    let mut updater = Command::new(env!("CARGO_BIN_EXE_siu-updater"));
    updater.args(["run", "--data"]).arg(&data).env("SIU_PIPE", &pipe).stdout(Stdio::null()).stderr(log);
    let _updater = Program(updater.spawn().unwrap());
    let (runtime, client) = (Runtime::new().unwrap(), Client::new(&pipe).unwrap());
    let status = || runtime.block_on(client.status()).ok();
    let connection = || -> Option<Connection> { runtime.block_on(client.settings()).unwrap().0.settings.connection };
    until("the updater answers", || status().filter(|status| status.activity == Activity::NotConfigured));
    let _panel = panel(PANEL, &screen, folder.path(), &["--pipe", pipe.to_str().unwrap()]);
    screen.focus(TITLE);
    screen.still();
    configure(&screen, "domain", status);
    let automatic = connection().unwrap();
    assert_eq!(automatic.ews_url, must("SERVER"));
    assert!(automatic.autodiscover.is_some());

    // Back over OK, the two options that are not greyed, and the scope to the account.
    screen.press_times(5, "Tab");
    screen.press("space");
    screen.press_times(4, "shift+Tab");
    screen.press("space");
    wizard_is_there(&screen);
    screen.still();
    screen.picture("domain-again");
    screen.press("Return");
    screen.press("Tab");
    screen.press("space");
    // The address of before stands there.
    screen.press("Tab");
    screen.press("ctrl+a");
    screen.write(&must("SERVER").replace("localhost", "Localhost"));
    screen.picture("domain-by-hand");
    screen.press_times(2, "Return");
    screen.picture("domain-by-hand-summary");
    screen.press("Return");
    until("it is configured by hand", || connection().filter(|connection| connection.autodiscover.is_none()));
    screen.still();
    screen.picture("domain-by-hand-result");
}

/// P1–P3: from *Finish* in the panel of one updater to a message that the other one updates, at which nobody set up
/// anything, and whose own panel was open all the while.
#[test]
fn what_one_panel_finishes_is_in_the_panel_of_the_other_updater_which_updates_mail() {
    const WHAT: &str = "two panels and two updaters";
    if !can_be(WHAT) {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let Some(lab) = runtime.block_on(Lab::open()) else {
        eprintln!("NOT RUN: {WHAT} on Samba: SIU_AD_DOMAIN is not set; `tests/run apache` starts one and sets it");
        return;
    };
    let _alone = service_account();
    let (one, two) = (Place::new(), Place::new());
    let _updaters = runtime.block_on(async { [one.start().await, two.start().await] });
    registration::register(&lab, &one, "SRV1$");
    registration::register(&lab, &two, "SRV2$");
    let (first, second) = (one.client(), two.client());
    let status_of = |client: &Client| runtime.block_on(client.status()).ok();
    for client in [&first, &second] {
        assert_eq!(status_of(client).unwrap().activity, Activity::NotConfigured);
    }
    let desks = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let screens = desks.each_ref().map(|desk| Screen::new(desk.path()));
    let places = [&one, &two].into_iter().zip(desks.iter().zip(&screens));
    let _panels: Vec<_> = places
        .map(|(place, (desk, screen))| panel(PANEL, screen, desk.path(), &["--pipe", place.pipe().to_str().unwrap()]))
        .collect();
    let [here, there] = &screens;
    for screen in &screens {
        screen.focus(TITLE);
        screen.still();
    }
    let not_configured = there.band(0, 25);

    configure(here, "organisation", || status_of(&first));

    until("the second updater is on and has the password", || {
        let stored = runtime.block_on(second.settings()).unwrap().0.password_stored;
        status_of(&second).filter(|status| stored && status.activity == Activity::On)
    });
    assert_eq!(status_of(&second).unwrap().configuration.source, Source::Directory);
    let joined = runtime.block_on(second.organisation()).unwrap().joined.unwrap();
    let secrets: Vec<_> = joined.updaters.iter().map(|updater| updater.secret).collect();
    assert_eq!((joined.problem, secrets), (None, vec![SecretState::Sealed; 2]));
    until("its panel knows it", || (there.band(0, 25) != not_configured).then_some(()));
    there.still();
    there.picture("organisation-second-panel");
    // Settings, which open with General.
    there.press("Tab");
    there.press("space");
    there.picture("organisation-second-general");

    update(&runtime, &two);
    assert_eq!(status_of(&second).unwrap().counts, Counts { updated: 1, ..Counts::default() });
    assert_eq!(status_of(&first).unwrap().counts, Counts::default(), "{}", one.log());
    assert_eq!(runtime.block_on(first.messages(&Filter::default())).unwrap(), []);
    runtime.block_on(lab.close());
}

/// Hands a message of a person of the domain over, and looks at what the sender sees when it is updated. Apache stands
/// before the mailboxes; the control interface is behind it.
fn update(runtime: &Runtime, place: &Place) {
    let (client, people) = (place.client(), [format!("anna@{}", must("DOMAIN"))]);
    // What earlier runs stored is still there. A number that means no attachment.
    let mail = Mail { number: 4 * usize::try_from(Uuid::new_v4().as_fields().0).unwrap() + 1 };
    let items = format!("{}/mailboxes/{}/items", must("CONTROL"), people[0]);
    let asked = |request: RequestBuilder| runtime.block_on(request.send()).unwrap().error_for_status().unwrap();
    let behind = reqwest::Client::new();
    asked(behind.post(&items).query(&[("folder", "sentitems")]).body(mail.original(&people)));
    let receipt = runtime.block_on(client.submit(mail.processed(&people))).unwrap();
    until("the message is updated", || {
        let listed = runtime.block_on(client.message(receipt.id)).unwrap();
        assert_ne!(listed.state, State::Failed, "{listed:?}\n{}", place.log());
        (listed.state == State::Updated).then_some(())
    });
    let shown = asked(behind.get(&items).query(&[("folder", "sentitems"), ("message_id", &mail.id())]));
    let shown: Vec<Value> = runtime.block_on(shown.json()).unwrap();
    let [item] = &shown[..] else { panic!("not one item: {shown:?}") };
    let lines = |text: &str| text.trim_end().lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(item["body"].as_str().unwrap()), lines(&mail.text()));
    assert_eq!((&item["read"], &item["draft"]), (&Value::Bool(true), &Value::Bool(false)));
}
