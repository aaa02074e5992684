//! Everything goes well.

use sent_items_update::pipe::types::State;
use sent_items_update::sandbox::PointHost;
use sent_items_update::settings::{Account, AutodiscoverSettings, Connection};

use crate::organisation::{Reached, Shown, WITHOUT, fails, says, succeeds};
use crate::process::organisation::{Mail, people, store};
use crate::process::{PATIENCE, change, not_run};

const STEPS: usize = 6;

/// Green from beginning to end, automatic and manual.
async fn configured_both_ways(reached: &Reached) {
    let updater = reached.place.start().await;
    for arguments in [&["--create-account"][..], &["--server", &reached.server, "--create-account"]] {
        let told = succeeds(reached.configure(arguments));
        assert_eq!(told.lines().filter(|line| line.starts_with('✓')).count(), STEPS, "{told}");
        says(&told, &["Exchange", "configured and on"]);
        reached.is_on().await;
    }
    let told = succeeds(reached.configure_with_account(&[]));
    assert_eq!(told.lines().filter(|line| line.starts_with('✓')).count(), STEPS, "{told}");
    let settings = reached.place.client().settings().await.unwrap().0.settings;
    assert_eq!(settings.account.unwrap().user, reached.account);
    // Found by Autodiscover, so the updater may ask it again.
    assert!(settings.connection.unwrap().autodiscover.is_some());
    updater.stop().await;
}

/// W2, W3, W6, W7, X2, on a real domain with a real web server in front of the mailboxes.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_organisation_is_configured_automatically_and_by_hand() {
    let Some(reached) = Reached::named() else {
        return not_run("the configuration of a real organisation", WITHOUT);
    };
    configured_both_ways(&reached).await;
    reached.stop().await;
}

/// W2, W3, W6, W7, X2: controllers by DNS, the server by the connection point of the directory, the right by remote
/// PowerShell.
#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_that_only_its_own_name_server_knows_is_configured() {
    let reached = Reached::sandbox(Shown::by_connection_point()).await;
    configured_both_ways(&reached).await;
    let asked = reached.names.as_ref().unwrap().asked();
    for name in ["_ldap._tcp.dc._msdcs.nordwind.example", "mail.nordwind.example"] {
        assert!(asked.iter().any(|asked| asked == name), "{name}: {asked:?}");
    }
    let operations = reached.control().statistics().operations;
    assert!(operations.contains_key("PowerShellCommand") && !operations.contains_key("Management"), "{operations:?}");
    reached.stop().await;
}

/// W2: with no connection point at all.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_only_a_record_of_dns_names_is_found() {
    let reached = Reached::sandbox(Shown::by_record()).await;
    let updater = reached.place.start().await;
    says(&succeeds(reached.configure(&["--create-account"])), &["configured and on", "https://localhost"]);
    let asked = reached.names.as_ref().unwrap().asked();
    assert!(asked.iter().any(|asked| asked == "_autodiscover._tcp.nordwind.example"), "{asked:?}");
    // The same by the command that only looks.
    let (name_server, address) = (reached.name_server.to_string(), "anna.bergstroem@nordwind.example");
    let mut command = reached.place.command(&["autodiscover", address, "--name-server", &name_server]);
    command.args(["--account", &reached.account]).arg("--ca").arg(&reached.ca);
    let output = command.env("SIU_PASSWORD", &reached.account_password).output().unwrap();
    says(&crate::process::text(&output.stdout), &["https://localhost", "/EWS/Exchange.asmx"]);
    says(&crate::process::text(&output.stderr), &["mail.nordwind.example", "15.2.2562"]);
    updater.stop().await;
    reached.stop().await;
}

/// W7, W9: what Exchange remarks on a right that it grants is shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_warning_of_exchange_stands_beside_the_right_that_was_granted() {
    let reached = Reached::sandbox(Shown::by_connection_point()).await;
    let updater = reached.place.start().await;
    let warning = "The assignment takes effect after replication.";
    reached.control().set_granting_warning(Some(warning.to_owned()));
    let told = succeeds(reached.configure(&["--create-account"]));
    says(&told, &["Exchange warns: The assignment takes effect after replication"]);
    updater.stop().await;
    reached.stop().await;
}

/// T3: what was switched off stays off.
#[tokio::test(flavor = "multi_thread")]
async fn who_configures_anew_does_not_switch_on_what_was_switched_off() {
    let reached = Reached::sandbox(Shown::by_connection_point()).await;
    let updater = reached.place.start().await;
    says(&succeeds(reached.configure(&["--create-account"])), &["configured and on"]);
    reached.place.prints(&["settings", "off"]);
    says(&succeeds(reached.configure_with_account(&[])), &["stays off, as it was before", "configured and off"]);
    assert!(!reached.place.client().settings().await.unwrap().0.settings.enabled);
    updater.stop().await;
    reached.stop().await;
}

/// W9: the scope that was asked for stands in the cmdlet that is to be run by hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_exchange_does_not_know_is_told_with_the_cmdlet_for_it() {
    let reached = Reached::sandbox(Shown::by_connection_point()).await;
    let updater = reached.place.start().await;
    let told = fails(reached.configure(&["--create-account", "--write-scope", "Sales Mailboxes"]));
    says(&told, &["couldn't be found", "-CustomRecipientWriteScope \"Sales Mailboxes\""]);
    updater.stop().await;
    reached.stop().await;
}

/// U1: the configured server is gone. The updater finds the next one by itself and brings the message up to date there.
#[tokio::test(flavor = "multi_thread")]
async fn the_updater_goes_over_to_the_server_that_autodiscover_names_when_the_configured_one_is_gone() {
    let reached =
        Reached::sandbox(Shown { connection_point: PointHost::Address, ..Shown::by_connection_point() }).await;
    let updater = reached.place.start().await;
    let (control, client) = (reached.control(), reached.place.client());
    let (people, mail) = (people(control), Mail { number: 1 });
    store(control, &people, [mail]).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ca = std::fs::read_to_string(&reached.ca).unwrap();
    change(&client, Some(&reached.account_password), |settings| {
        let services = vec![control.autodiscover_url()];
        settings.connection = Some(Connection {
            extra_roots: vec![ca],
            autodiscover: Some(AutodiscoverSettings { services, ..AutodiscoverSettings::default() }),
            ..Connection::manual(&format!("https://localhost:{port}/EWS/Exchange.asmx"))
        });
        settings.account = Some(Account { user: reached.account.clone() });
        settings.enabled = true;
    })
    .await;
    let receipt = client.submit(mail.processed(&people)).await.unwrap();
    let give_up = std::time::Instant::now() + PATIENCE;
    loop {
        let message = client.message(receipt.id).await.unwrap();
        match message.state {
            State::Updated => break,
            State::Waiting | State::Working => {
                assert!(std::time::Instant::now() < give_up, "{message:?}\n{}", reached.place.log());
            }
            _ => panic!("{message:?}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    says(&reached.place.log(), &["the server is gone; Autodiscover found another one"]);
    updater.stop().await;
    reached.stop().await;
}
