//! The command line configures an updater: the real programs, against the sandbox's directory, Autodiscover, EWS and
//! administration (X2 with W1–W13).
#![cfg(unix)]

mod process;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use process::organisation::{Mail, open, people, store, visible};
use process::{PATIENCE, Place, text};
use secrecy::ExposeSecret as _;
use sent_items_update::pipe::types::{Activity, State};
use sent_items_update::sandbox::Sandbox;
use sent_items_update::sandbox::control::{CloudSignIn, Fault, Rule};
use sent_items_update::settings::Environment;

const AGENT: &str = "CodeTwoSiuAgent@nordwind.example";

/// What was told, without its line breaks.
fn unwrapped(told: &str) -> String {
    told.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Lab {
    place: Place,
    sandbox: Sandbox,
}

impl Lab {
    async fn new() -> Self {
        let place = Place::new();
        let sandbox = open(&place.folder().join("sandbox")).await;
        std::fs::write(place.folder().join("ca.pem"), sandbox.ca_pem()).unwrap();
        Self { place, sandbox }
    }

    fn ca(&self) -> PathBuf {
        self.place.folder().join("ca.pem")
    }

    fn password(&self, upn: &str) -> String {
        self.sandbox.control().password(upn).expose_secret().to_owned()
    }

    /// As this user, with where the domain is and nothing else.
    fn configure_as(&self, user: &str, arguments: &[&str]) -> Command {
        let mut command = self.place.command(&["configure", "--domain", "nordwind.example", "--user", user]);
        command.args(["--controller", &self.sandbox.ldaps_url()]).args(arguments);
        command.env("SIU_DIRECTORY_PASSWORD", self.password(user)).stdin(Stdio::null());
        command
    }

    /// As the administrator, with the authority.
    fn configure(&self, arguments: &[&str]) -> Command {
        let mut command = self.configure_as(self.sandbox.control().administrator(), arguments);
        command.arg("--ca").arg(self.ca());
        command
    }

    /// A hybrid environment with this account, and its password.
    fn hybrid(&self, account: &str) -> Command {
        self.hybrid_at(&self.sandbox.control().token_authority(), account)
    }

    fn hybrid_at(&self, authority: &str, account: &str) -> Command {
        let management = self.management();
        let of_exchange = ["--environment", "hybrid", "--management", &management];
        let mut command = self.configure(&of_exchange);
        command.args(["--authority", authority, "--account", account]);
        command.env("SIU_PASSWORD", self.password(account));
        command
    }

    /// Exchange's administration.
    fn management(&self) -> String {
        let url = self.sandbox.control().management_url();
        url.split_once("/adminapi").unwrap().0.to_owned()
    }

    async fn activity(&self) -> Activity {
        self.place.client().status().await.unwrap().activity
    }

    /// Waits until what was configured is at work.
    async fn is_on(&self) {
        let give_up = Instant::now() + PATIENCE;
        while self.activity().await != Activity::On {
            assert!(Instant::now() < give_up, "it is not on:\n{}", self.place.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn account(&self) -> Option<String> {
        self.place.client().status().await.unwrap().account
    }
}

fn succeeds(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn fails(mut command: Command, status: i32) -> (String, Output) {
    let output = command.output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{}\n{told}", text(&output.stdout));
    (told, output)
}

/// X2, W6, W7
#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_updater_is_configured_and_updates_a_message() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    let told = succeeds(lab.configure(&["--create-account", "--management", &lab.management()]));
    let marks = told.lines().filter(|line| line.starts_with('✓')).count();
    assert_eq!(marks, 6, "{told}");
    assert!(told.contains(&format!("created {AGENT}")) && told.contains("configured and on"), "{told}");
    assert!(told.contains("Exchange Server Subscription Edition"), "{told}");
    assert_eq!(lab.account().await.as_deref(), Some(AGENT));
    lab.is_on().await;
    let (read, _) = lab.place.client().settings().await.unwrap();
    assert_eq!(read.settings.directory.unwrap().domain, "nordwind.example");

    let (people, mail) = (people(lab.sandbox.control()), Mail { number: 1 });
    store(lab.sandbox.control(), &people, [mail]).await;
    let client = lab.place.client();
    let receipt = client.submit(mail.processed(&people)).await.unwrap();
    let give_up = Instant::now() + PATIENCE;
    loop {
        let now = client.message(receipt.id).await.unwrap();
        match now.state {
            State::Updated => break,
            State::Waiting | State::Working => assert!(Instant::now() < give_up, "{now:?}\n{}", lab.place.log()),
            _ => panic!("{now:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let shown = visible(lab.sandbox.control(), mail.sender(&people)).await;
    let item = shown.iter().find(|item| item.message_id.as_deref() == Some(mail.id().as_str()));
    assert_eq!(mail.problem(item.expect("the message is there")), None);

    // Neither password is anywhere to be read.
    let settings = lab.place.prints(&["settings", "show"]);
    for upn in [AGENT, lab.sandbox.control().administrator()] {
        let password = lab.password(upn);
        for text in [&told, &settings, &lab.place.log()] {
            assert!(!text.contains(&password), "{text}");
        }
    }
    assert!(lab.place.prints(&["test-impersonation", mail.sender(&people)]).contains("was opened"));
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// X2, W2, W3
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_exists_is_verified_and_a_server_is_given_by_hand() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    let account = lab.sandbox.control().service_account().to_owned();
    let url = lab.sandbox.ews_url();
    let mut command = lab.configure(&["--server", &url, "--account", &account]);
    command.env("SIU_PASSWORD", lab.password(&account));
    let told = succeeds(command);
    assert!(told.contains("✓ Verify the account: 8 conditions are met"), "{told}");
    assert!(told.contains("had the right already"), "{told}");
    assert_eq!(lab.account().await, Some(account.clone()));

    // Once it is configured, the authority need not be given again.
    let mut again =
        lab.configure_as(lab.sandbox.control().administrator(), &["--account", &account, "--password-stdin"]);
    let settings = lab.place.prints(&["settings", "show"]);
    assert!(settings.contains("BEGIN CERTIFICATE"), "{settings}");
    let mut child = again.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let line = format!("{}\n", lab.password(&account));
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), line.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// X2, W1, W11
#[tokio::test(flavor = "multi_thread")]
async fn a_hybrid_environment_is_configured_with_an_account_that_microsoft_entra_lets_in() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    let account = lab.sandbox.control().administrator().to_owned();
    let told = succeeds(lab.hybrid(&account));
    assert!(told.contains("✓ Verify the account: 12 conditions are met"), "{told}");
    let (read, _) = lab.place.client().settings().await.unwrap();
    assert_eq!(read.settings.environment, Environment::Hybrid);
    let counts = lab.sandbox.control().statistics().operations;
    assert_eq!((counts["UserRealm"], counts["Token"]), (1, 1));

    // An account that is not in the role group is refused, with the cmdlet.
    let account = lab.sandbox.control().service_account().to_owned();
    let (told, _) = fails(lab.hybrid(&account), 1);
    assert!(told.contains("Add-RoleGroupMember -Identity \"Organization Management\""), "{told}");
    let (told, _) = fails(lab.configure(&["--environment", "hybrid", "--create-account"]), 2);
    assert!(told.contains("hybrid"), "{told}");
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// W11: each condition that is Microsoft Entra's to judge fails with its own message.
#[tokio::test(flavor = "multi_thread")]
async fn what_microsoft_entra_objects_to_is_told_with_what_to_do() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    let control = lab.sandbox.control();
    let account = control.administrator().to_owned();
    for (cloud, asked, parts) in [
        (CloudSignIn::Federated, 0, ["is in a federated domain", "sts.nordwind.example", "managed domain"]),
        (CloudSignIn::MultiFactor, 1, ["by multi-factor authentication", "second proof", "AADSTS50076"]),
        (CloudSignIn::ConditionalAccess, 1, ["does not let", "Conditional Access policy forbids", "AADSTS53003"]),
        (CloudSignIn::OtherPassword, 1, ["does not let", "another password", "AADSTS50126"]),
    ] {
        control.set_cloud_sign_in(&account, cloud).unwrap();
        control.reset_statistics();
        let (told, output) = fails(lab.hybrid(&account), 1);
        assert!(text(&output.stdout).contains("✗ Verify the account"), "{}", text(&output.stdout));
        let told = unwrapped(&told);
        for part in parts.iter().chain(&["What to do", "stays in force"]) {
            assert!(told.contains(part), "{cloud:?}, {part}: {told}");
        }
        // The password goes where Microsoft Entra checks it itself, and nowhere else.
        let counts = control.statistics().operations;
        assert_eq!((counts["UserRealm"], counts.get("Token").copied().unwrap_or(0)), (1, asked), "{cloud:?}");
    }
    control.set_cloud_sign_in(&account, CloudSignIn::Password).unwrap();
    // What else a sign-in may meet there.
    for (code, part) in
        [("50053", "locked after too many"), ("50055", "password has expired"), ("50057", "is disabled")]
    {
        let refused = Fault::Refuse { code: code.to_owned(), message: None, back_off_milliseconds: None, fault: None };
        control.clear_faults();
        control.add_fault(Rule::every(refused).on("Token")).unwrap();
        let (told, _) = fails(lab.hybrid(&account), 1);
        assert!(unwrapped(&told).contains(part), "{part}: {told}");
    }
    assert_eq!(lab.activity().await, Activity::NotConfigured);
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// W11: what Microsoft Entra was not asked, or does not say, is an open question and named as one.
#[tokio::test(flavor = "multi_thread")]
async fn what_microsoft_entra_does_not_answer_is_named_as_not_known() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    let control = lab.sandbox.control();
    let account = control.administrator().to_owned();
    // Nobody there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let told = succeeds(lab.hybrid_at(&format!("https://127.0.0.1:{port}"), &account));
    assert!(told.contains("not known: no federated domain") && told.contains("127.0.0.1"), "{told}");
    // A page of a network that wants people to sign in; an endpoint that is overloaded; an application that may not ask.
    let refused = Fault::Refuse { code: "7000218".to_owned(), message: None, back_off_milliseconds: None, fault: None };
    let busy = Fault::Status { status: 503, retry_after: None, executed: false };
    for (fault, operation, parts) in [
        (Fault::Html { executed: false }, "UserRealm", ["no federated domain", "127.0.0.1"]),
        (busy, "Token", ["10 conditions are met", "503"]),
        (refused, "Token", ["multi-factor authentication (", "--client-id"]),
    ] {
        control.clear_faults();
        control.add_fault(Rule::every(fault).on(operation)).unwrap();
        let told = unwrapped(&succeeds(lab.hybrid(&account)));
        assert!(told.contains("not known: "), "{told}");
        for part in parts {
            assert!(told.contains(part), "{operation}, {part}: {told}");
        }
    }
    // A password that the domain refuses is not tried a second time elsewhere.
    control.clear_faults();
    control.reset_statistics();
    let mut command = lab.hybrid(&account);
    command.env("SIU_PASSWORD", "certainly not it");
    let (told, _) = fails(command, 1);
    assert!(told.contains("password is wrong"), "{told}");
    assert!(!control.statistics().operations.contains_key("Token"));
    let (told, _) = fails(lab.configure(&["--account", &account, "--authority", "http://127.0.0.1"]), 2);
    assert!(told.contains("https://"), "{told}");
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// W8, W11, W13
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_with_what_to_do_and_changes_nothing() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    let account = lab.sandbox.control().service_account().to_owned();
    let mut command = lab.configure(&["--account", &account]);
    command.env("SIU_PASSWORD", "certainly not it");
    let (told, output) = fails(command, 1);
    assert!(text(&output.stdout).contains("✗ Verify the account"), "{}", text(&output.stdout));
    for part in ["password is wrong", "What to do", "stays in force", "Verify the account"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("certainly not it"));
    assert_eq!(lab.activity().await, Activity::NotConfigured);
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// W12
#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_a_domain_administrator_is_named_and_nothing_is_done() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    let mut command = lab.configure_as("anna.bergstroem@nordwind.example", &["--create-account"]);
    command.arg("--ca").arg(lab.ca());
    let (told, _) = fails(command, 1);
    assert!(told.contains("anna.bergstroem@nordwind.example is not a member of Domain Admins"), "{told}");
    assert!(lab.sandbox.control().directory().person(AGENT).is_none());
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// W6, W9: remote PowerShell of the server that was found grants the right.
#[tokio::test(flavor = "multi_thread")]
async fn the_right_is_granted_by_remote_powershell_without_anything_to_be_said_about_it() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    let told = succeeds(lab.configure(&["--create-account"]));
    assert!(!told.contains("had the right already"), "{told}");
    assert!(lab.sandbox.control().directory().may_impersonate(AGENT));
    let counts = lab.sandbox.control().statistics().operations;
    assert!(!counts.contains_key("Management"), "{counts:?}");
    // The first one is answered with the ways to sign in.
    assert_eq!((counts["PowerShellCreate"], counts["PowerShellDelete"], counts["PowerShellCommand"]), (2, 1, 2));
    let told = succeeds(lab.configure(&["--create-account"]));
    assert!(told.contains("had the right already"), "{told}");
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// W9: where the administration refuses, the right is granted by hand, and the next run recognises it.
#[tokio::test(flavor = "multi_thread")]
async fn the_cmdlet_is_shown_where_the_right_must_be_granted_by_hand_and_the_next_run_goes_on() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    let message = Some("The user \"NORDWIND\\admin\" isn't assigned to any management roles.".to_owned());
    let denied = Fault::Refuse { code: "5".to_owned(), message, back_off_milliseconds: None, fault: None };
    lab.sandbox.control().add_fault(Rule::every(denied).on("PowerShellCreate")).unwrap();
    let (told, _) = fails(lab.configure(&["--create-account"]), 1);
    for part in ["isn't assigned to any management roles", "members of Organization Management"] {
        assert!(unwrapped(&told).contains(part), "{part}: {told}");
    }
    let cmdlet = format!(
        "New-ManagementRoleAssignment -Name \"SentItemsUpdate-CodeTwoSiuAgent\" -Role ApplicationImpersonation -User \
         \"{AGENT}\""
    );
    assert!(told.contains(&cmdlet), "{told}");
    assert!(told.contains(&format!("What did change: The account {AGENT} was created.")), "{told}");
    assert_eq!(lab.activity().await, Activity::NotConfigured);
    lab.sandbox.control().grant_impersonation(AGENT).unwrap();
    let told = succeeds(lab.configure(&["--create-account"]));
    assert!(told.contains(&format!("took {AGENT} over")) && told.contains("had the right already"), "{told}");
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// W5, W10, W13
#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_the_right_is_shown_and_can_be_cancelled() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    lab.sandbox.control().set_granting_delay(Duration::from_secs(3600));
    let mut command = lab.configure(&["--create-account", "--management", &lab.management()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let waiting = lines.find(|line| line.as_ref().unwrap().contains("waiting until Exchange applies the right"));
    assert!(waiting.is_some());
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let rest: Vec<_> = lines.map(Result::unwrap).collect();
    let output = child.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(rest.iter().any(|line| line.contains("Test impersonation rights: cancelled")), "{rest:?}");
    assert!(told.contains("was created") && told.contains("was granted"), "{told}");
    assert_eq!(lab.activity().await, Activity::NotConfigured);
    // What was done is recognised.
    lab.sandbox.control().finish_granting();
    let told = succeeds(lab.configure(&["--create-account", "--management", &lab.management()]));
    assert!(told.contains("had the right already"), "{told}");
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// W8
#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_not_trusted_is_told_with_what_to_do() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    let administrator = lab.sandbox.control().administrator();
    let (told, _) = fails(lab.configure_as(administrator, &["--create-account"]), 1);
    assert!(told.contains("certificate") && told.contains("What to do"), "{told}");
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// W8, W9, W13
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_can_not_be_reached_are_named_with_what_to_do() {
    let lab = Lab::new().await;
    let updater = lab.place.start().await;
    let http = lab.sandbox.http_ews_url().replace("http://", "https://");
    let (told, _) = fails(lab.configure(&["--server", &http, "--create-account"]), 1);
    assert!(told.contains("does not speak TLS") && told.contains("Locate the server"), "{told}");
    assert!(!told.contains("What did change"), "{told}");

    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nowhere = format!("https://127.0.0.1:{port}");
    let (told, _) = fails(lab.configure(&["--create-account", "--management", &nowhere]), 1);
    assert!(told.contains("administration on 127.0.0.1") && told.contains("New-ManagementRoleAssignment"), "{told}");
    assert!(told.contains("What did change"), "{told}");
    assert_eq!(lab.activity().await, Activity::NotConfigured);
    updater.stop().await;
    lab.sandbox.stop().await;
}

/// W8: the report of Autodiscover by itself.
#[tokio::test(flavor = "multi_thread")]
async fn autodiscover_says_what_it_found_and_whom_it_asked() {
    let lab = Lab::new().await;
    let account = lab.sandbox.control().service_account().to_owned();
    let url = lab.sandbox.autodiscover_url();
    let address = "anna.bergstroem@nordwind.example";
    let mut command = lab.place.command(&["autodiscover", address, "--account", &account, "--url", &url, "--ca"]);
    let output = command.arg(lab.ca()).env("SIU_PASSWORD", lab.password(&account)).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).trim(), lab.sandbox.ews_url());
    assert!(text(&output.stderr).contains("names https://"), "{}", text(&output.stderr));
    lab.sandbox.stop().await;
}

/// X2, W5
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_would_be_done_and_needs_nobody() {
    let place = Place::new();
    let arguments =
        ["configure", "--domain", "corp.example", "--server", "mail.corp.example", "--create-account", "--dry-run"];
    let told = place.prints(&arguments);
    for part in
        ["1. Check that you are", "mail.corp.example", "CodeTwoSiuAgent@corp.example", "6. Hand the configuration"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
}

/// X2
#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_worked_with_is_told_before_anything_is_done() {
    let place = Place::new();
    let status = |arguments: &[&str]| {
        let output = place.output(&[&["configure", "--domain", "corp.example"], arguments].concat());
        (output.status.code(), text(&output.stderr))
    };
    for (arguments, why) in [
        (&["--server", "mail corp", "--create-account"][..], "no spaces"),
        (&["--server", "mail", "--autodiscover", "--create-account"], "cannot be used with"),
        (&["--create-account", "--account", "svc@corp.example"], "cannot be used with"),
        (&["--create-account", "a b"], "no spaces"),
        (&["--account", "CORP\\svc"], "older form"),
        (&["--account", "svc@corp.example"], "password of svc@corp.example is missing"),
        (&[], "which account"),
        (&["--management", "http://x", "--create-account"], "https://"),
    ] {
        let (code, told) = status(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {told}");
        assert!(told.contains(why), "{why}: {told}");
    }
    // Before an account is made that nobody could use.
    let (code, told) = status(&["--create-account"]);
    assert_eq!(code, Some(3), "{told}");
}
