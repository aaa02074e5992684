//! The real program on a real screen (Xvfb), configured for a real domain (Samba) with a web server (Apache) before its
//! mailboxes, with nothing but the keyboard. Pictures go to `target/screens`.
//!
//! The domain is the one that `SIU_REACH_…` names. This computer is in it as far as its name server, the authorities that
//! it trusts and its Kerberos go; `tests/run apache` sees to that.
#![cfg(target_os = "linux")]

mod screen;

use std::fs::File;
use std::process::{Command, Stdio};

use screen::{Program, Screen, panel, until};
use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::Activity;
use sent_items_update::settings::Connection;
use tokio::runtime::Runtime;

/// W1–W10, U11: Autodiscover, Kerberos and remote PowerShell at first; then the server by hand.
#[test]
fn a_domain_is_configured_from_the_keyboard_automatically_and_by_hand() {
    if std::env::var_os("SIU_REACH_DOMAIN").is_none() {
        eprintln!("NOT RUN: the panel in a real domain, which tests/run apache starts");
        return;
    }
    if !screen::can_be() {
        return;
    }
    let must = |name: &str| std::env::var(format!("SIU_REACH_{name}")).unwrap();
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
    let _panel = panel(env!("CARGO_BIN_EXE_siu-panel"), &screen, folder.path(), &["--pipe", pipe.to_str().unwrap()]);
    screen.focus("Sent Items Update");
    screen.still();

    // Settings, Impersonation test, Diagnostics, About, Click to change.
    screen.press_times(5, "Tab");
    screen.press("space");
    // The dialog is small as long as it tries by itself.
    until("the dialog asks who signs in", || screen.is_light(640, 245).then_some(()));
    screen.still();
    screen.write(&must("ADMINISTRATOR"));
    screen.press("Tab");
    screen.write(&must("ADMINISTRATOR_PASSWORD"));
    screen.picture("domain-sign-in");
    screen.press("Return");
    // The wizard is wider.
    let wizard = || until("the wizard is there", || screen.is_light(300, 400).then_some(()));
    wizard();
    screen.still();
    screen.picture("domain-environment");
    screen.press_times(3, "Return");
    screen.picture("domain-summary");
    screen.press("Return");
    until("it is configured", || status().filter(|status| status.activity == Activity::On));
    screen.still();
    screen.picture("domain-result");
    let automatic = connection().unwrap();
    assert_eq!(automatic.ews_url, must("SERVER"));
    assert!(automatic.autodiscover.is_some());
    // Finish, and the message that it is on.
    screen.press_times(2, "Return");

    // Back over OK, the option and the scope to the account.
    screen.press_times(5, "Tab");
    screen.press("space");
    screen.press_times(3, "shift+Tab");
    screen.press("space");
    wizard();
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
