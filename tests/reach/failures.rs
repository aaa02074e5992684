//! Each failure of the steps is produced, and its words are read where an administrator reads them (W8–W12).

use sent_items_update::sandbox::control::{Fault, MailboxState, Rule};
use sent_items_update::sandbox::directory::{PasswordState, Person};
use sent_items_update::sandbox::{Organisation, PointHost};

use crate::network::web::{Answer, Authority, Web};
use crate::organisation::{Reached, Shown, fails, says, succeeds};

/// W8: with each place that was asked, and how that ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_nowhere_to_be_found_is_told_with_all_that_was_tried() {
    let nothing = |records, _| records;
    let shown =
        Shown { connection_point: PointHost::Nothing, records: Box::new(nothing), ..Shown::by_connection_point() };
    let reached = Reached::sandbox(shown).await;
    let updater = reached.place.start().await;
    let told = fails(reached.configure(&["--create-account"]));
    says(
        &told,
        &[
            "✗ Locate the server",
            "Autodiscover led to no Exchange server",
            "service connection points in the directory: there are none",
            "https://nordwind.example/autodiscover/autodiscover.xml: the name nordwind.example is not known",
            "http://autodiscover.nordwind.example",
            "SRV record _autodiscover._tcp.nordwind.example: there is none",
            "enter the server by hand",
            "stays in force",
        ],
    );
    updater.stop().await;
    reached.stop().await;
}

/// W8: what stands at the address is no Exchange, each in its own words.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_by_hand_that_is_no_exchange_is_told() {
    let authority = Authority::new();
    let shown = Shown { authorities: authority.pem(), ..Shown::by_connection_point() };
    let reached = Reached::sandbox(shown).await;
    let updater = reached.place.start().await;
    let page = |status: u16, body: &str| Answer::Now(status, "Content-Type: text/html\r\n".to_owned(), body.to_owned());
    for (answer, words) in [
        (page(200, "<html><title>Hotel network</title></html>"), "Hotel network"),
        (page(404, "<html/>"), "There are no Exchange Web Services at"),
        (Answer::Now(302, "Location: https://sso.example/\r\n".to_owned(), String::new()), "sso.example"),
        (page(503, "<html/>"), "takes no requests at the moment"),
    ] {
        let web = Web::start(&authority, "localhost", answer).await;
        let server = format!("https://localhost:{}/EWS/Exchange.asmx", web.port());
        let told = fails(reached.configure_with_account(&["--server", &server]));
        says(&told, &["✗ Locate the server", words]);
        assert!(!told.contains("What did change"), "{told}");
    }
    updater.stop().await;
    reached.stop().await;
}

fn person(account: &str) -> Person {
    Person {
        upn: format!("{account}@nordwind.example"),
        account_name: account.to_owned(),
        display_name: account.to_owned(),
        ..Person::default()
    }
}

/// W11: each condition has its own message.
#[tokio::test(flavor = "multi_thread")]
async fn each_trouble_of_an_account_is_told_in_its_own_words() {
    let mut organisation = Organisation::embedded().without_messages();
    organisation.people.extend([
        Person { state: MailboxState::Disabled, ..person("is-disabled") },
        Person { locked: true, ..person("is-locked") },
        Person { expires: Some(0), ..person("is-gone-by") },
        Person { password: PasswordState::Expired, ..person("old-password") },
        Person { password: PasswordState::MustChange, ..person("new-password") },
    ]);
    let password = organisation.people_password.clone();
    // The server is found for an account that is not let in, too, where its name is known to everybody.
    let shown = Shown { organisation, connection_point: PointHost::Address, ..Shown::by_connection_point() };
    let reached = Reached::sandbox(shown).await;
    let updater = reached.place.start().await;
    for (account, words) in [
        ("is-disabled", "is disabled"),
        ("is-locked", "is locked"),
        ("is-gone-by", "account has expired"),
        ("old-password", "password has expired"),
        ("new-password", "must be changed"),
        ("nobody", "no account has the user principal name"),
    ] {
        let mut command = reached.configure(&["--account", &format!("{account}@nordwind.example")]);
        command.env("SIU_PASSWORD", &password);
        let told = fails(command);
        says(&told, &["✗ Verify the account", "What to do"]);
        assert!(told.to_lowercase().contains(words), "{account}: {words:?} is missing in: {told}");
    }
    let mut command = reached.configure_with_account(&[]);
    command.env("SIU_PASSWORD", "certainly not it");
    says(&fails(command), &["✗ Verify the account", "password is wrong"]);
    updater.stop().await;
    reached.stop().await;
}

/// W9: the person configuring may sign in, and may not grant.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_grant_is_told_whether_the_role_group_has_them() {
    let reached = Reached::sandbox(Shown::by_connection_point()).await;
    let updater = reached.place.start().await;
    let message = Some("The user isn't assigned to any management roles.".to_owned());
    let denied = Fault::Refuse { code: "5".to_owned(), message, back_off_milliseconds: None, fault: None };
    reached.control().add_fault(Rule::every(denied).on("PowerShellCreate")).unwrap();
    let told = fails(reached.configure(&["--create-account"]));
    says(
        &told,
        &[
            "✗ Grant impersonation rights",
            "isn't assigned to any management roles",
            "members of Organization Management",
            &format!("{} is a member of Organization Management", reached.administrator),
            "New-ManagementRoleAssignment -Name \"SentItemsUpdate-CodeTwoSiuAgent\"",
            "What did change: The account CodeTwoSiuAgent@nordwind.example was created.",
        ],
    );
    updater.stop().await;
    reached.stop().await;
}

/// W10: every way in which the test fails although the right is there.
#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_the_test_is_explained_and_leads_to_the_test_by_hand() {
    let reached = Reached::sandbox(Shown::by_connection_point()).await;
    let updater = reached.place.start().await;
    for (code, words) in [
        ("ErrorImpersonateUserDenied", "does not let"),
        ("ErrorImpersonationFailed", "could not take on the identity"),
        ("ErrorNonExistentMailbox", "No mailbox has the address"),
        ("ErrorInvalidSmtpAddress", "does not take"),
        ("ErrorAccountDisabled", "is disabled"),
        ("ErrorServerBusy", "asks to leave"),
        ("ErrorAccessDenied", "EwsApplicationAccessPolicy"),
        ("ErrorMailboxMoveInProgress", "is being moved"),
        ("ErrorNoRespondingCASInDestinationSite", "can't hand the request on"),
    ] {
        let refused = Fault::Refuse { code: code.to_owned(), message: None, back_off_milliseconds: None, fault: None };
        let rule = reached.control().add_fault(Rule::every(refused).on("GetFolder")).unwrap();
        let told = fails(reached.configure_with_account(&[]));
        says(&told, &["✓ Grant impersonation rights", "✗ Test impersonation rights", "What to do", code]);
        assert!(told.contains(words), "{code}: {words:?} is missing in: {told}");
        reached.control().remove_fault(rule).unwrap();
    }
    says(&succeeds(reached.configure_with_account(&[])), &["configured and on"]);
    updater.stop().await;
    reached.stop().await;
}

/// W12
#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_domain_administrator_is_named_before_anything_is_done() {
    let mut reached = Reached::sandbox(Shown::by_connection_point()).await;
    let updater = reached.place.start().await;
    reached.administrator = "anna.bergstroem@nordwind.example".to_owned();
    reached.administrator_password = reached.control().organisation().people_password.clone();
    let told = fails(reached.configure(&["--create-account"]));
    says(&told, &["anna.bergstroem@nordwind.example is not a member of Domain Admins"]);
    assert!(!told.contains("Locate the server:"), "{told}");
    updater.stop().await;
    reached.stop().await;
}
