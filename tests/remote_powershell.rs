//! Remote PowerShell: our client against the sandbox's endpoint, and against a server whose protocol is psrpcore's.

use std::sync::Arc;

use reqwest::Url;
use secrecy::ExposeSecret as _;
use sent_items_update::management::remote_powershell::{Basic, PowerShellEndpoint, RemotePowerShell};
use sent_items_update::management::{Administration, ManagementError};
use sent_items_update::sandbox::control::{Fault, Rule};
use sent_items_update::sandbox::{Organisation, Sandbox, SandboxOptions};
use tempfile::TempDir;

const ADMIN: &str = "admin@nordwind.example";
const ANNA: &str = "anna.bergstroem@nordwind.example";
const KOFI: &str = "kofi.mensah@nordwind.example";

struct Scene {
    sandbox: Sandbox,
    _folder: TempDir,
}

impl Scene {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let organisation = Organisation::embedded().without_messages();
        let options = SandboxOptions { organisation, ..SandboxOptions::new(folder.path()) };
        Self { sandbox: Sandbox::start(options).await.unwrap(), _folder: folder }
    }

    fn as_user(&self, upn: &str) -> RemotePowerShell {
        let control = self.sandbox.control();
        client(&control.powershell_url(), self.sandbox.ca_pem(), upn, control.password(upn).expose_secret())
    }

    fn admin(&self) -> RemotePowerShell {
        self.as_user(ADMIN)
    }

    fn fault(&self, operation: &str, fault: Fault, times: u64) {
        self.sandbox.control().add_fault(Rule::every(fault).on(operation).times(times)).unwrap();
    }

    fn may_impersonate(&self, upn: &str) -> bool {
        self.sandbox.control().directory().may_impersonate(upn)
    }

    /// How often an operation was asked for.
    fn asked(&self, operation: &str) -> u64 {
        self.sandbox.control().statistics().operations.get(operation).copied().unwrap_or(0)
    }
}

fn client(url: &str, ca: &str, user: &str, password: &str) -> RemotePowerShell {
    let url: Url = url.parse().unwrap();
    let basic = Basic::new(user, &password.into()).unwrap();
    let endpoint =
        PowerShellEndpoint { extra_roots: vec![ca.to_owned()], ..PowerShellEndpoint::new(url, Arc::new(basic)) };
    RemotePowerShell::new(endpoint).unwrap()
}

/// W9
#[tokio::test]
async fn who_may_not_grant_is_told_so_in_exchanges_words() {
    let scene = Scene::start().await;
    let error = scene.as_user(ANNA).role_assignments(KOFI).await.unwrap_err();
    assert!(matches!(error, ManagementError::NoSession { denied: true, .. }), "{error:?}");
    assert!(error.is_not_allowed() && error.to_string().contains("isn't assigned to any management roles"), "{error}");
    let url = scene.sandbox.control().powershell_url();
    let wrong = client(&url, scene.sandbox.ca_pem(), ADMIN, "certainly not it");
    let error = wrong.role_assignments(KOFI).await.unwrap_err();
    assert!(matches!(&error, ManagementError::SignIn { told, .. } if told == "the server offers Basic"), "{error:?}");
    assert!(!format!("{error:?}").contains("certainly not it"));
    let untrusted = client(&url, &other_authority(), ADMIN, "x");
    let error = untrusted.role_assignments(KOFI).await.unwrap_err();
    assert!(matches!(error, ManagementError::NotReachable { untrusted: true, .. }), "{error:?}");
    scene.sandbox.stop().await;
}

/// A certificate that signed nothing here.
fn other_authority() -> String {
    rcgen::generate_simple_self_signed(["other.example".to_owned()]).unwrap().cert.pem()
}

/// W9
#[tokio::test]
async fn what_a_cmdlet_refuses_is_told_word_for_word_and_the_session_goes_on() {
    let scene = Scene::start().await;
    let client = scene.admin();
    let error = client.role_assignments("nobody@nordwind.example").await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    assert!(error.to_string().contains("object 'nobody@nordwind.example' couldn't be found on"), "{error}");
    let error = client.grant_impersonation(KOFI, "SIU", Some("Sales")).await.unwrap_err();
    assert!(error.to_string().contains("object 'Sales' couldn't be found"), "{error}");
    client.grant_impersonation(KOFI, "SIU", None).await.unwrap();
    let error = client.grant_impersonation(KOFI, "SIU", None).await.unwrap_err();
    assert!(error.to_string().contains("already exists"), "{error}");
    let odd = "a\"; $(Get-Mailbox) 'b' & <c> _x0041_ ü";
    let error = client.role_assignments(odd).await.unwrap_err();
    assert!(error.to_string().contains(&format!("object '{odd}'")), "{error}");
    client.close().await;
    assert_eq!((scene.asked("PowerShellCreate"), scene.asked("PowerShellDelete")), (1, 1));
    scene.sandbox.stop().await;
}

/// W6
#[tokio::test]
async fn a_right_is_granted_recognised_and_listed_however_long_the_list() {
    let scene = Scene::start().await;
    let client = scene.admin();
    assert_eq!(client.role_assignments(KOFI).await.unwrap(), []);
    assert!(!scene.may_impersonate(KOFI));
    let names: Vec<_> = (0..100).map(|number| format!("Assignment {number}")).collect();
    for name in &names {
        assert_eq!(client.grant_impersonation(KOFI, name, None).await.unwrap(), [""; 0]);
    }
    assert!(scene.may_impersonate(KOFI));
    let before = scene.asked("PowerShellReceive");
    let listed = client.role_assignments(KOFI).await.unwrap();
    // More than one answer holds.
    assert!(scene.asked("PowerShellReceive") > before + 1);
    let mut found: Vec<_> = listed.iter().map(|one| one.name.clone()).collect();
    found.sort_by_key(|name| name.rsplit(' ').next().unwrap().parse::<u32>().unwrap());
    assert_eq!(found, names);
    assert!(listed.iter().all(|one| one.enabled && one.role == "ApplicationImpersonation" && one.scope.is_none()));
    let members = client.organisation_management_members().await.unwrap();
    assert!(members.iter().any(|member| member.name == "IT-Administration"), "{members:?}");
    client.close().await;
    scene.sandbox.stop().await;
}

/// W9
#[tokio::test]
async fn a_server_in_trouble_is_told_and_what_took_effect_is_recognised() {
    let scene = Scene::start().await;
    let client = scene.admin();
    scene.fault("PowerShell", Fault::Html { executed: false }, 1);
    let error = client.role_assignments(KOFI).await.unwrap_err();
    assert!(matches!(error, ManagementError::NoPowerShell { .. }), "{error:?}");
    scene.fault("PowerShellCreate", Fault::Garbage { executed: false }, 1);
    let error = client.role_assignments(KOFI).await.unwrap_err();
    assert!(matches!(error, ManagementError::NoPowerShell { .. } | ManagementError::Protocol { .. }), "{error:?}");
    scene.fault("PowerShellCreate", Fault::Status { status: 503, retry_after: None, executed: false }, 1);
    let error = client.role_assignments(KOFI).await.unwrap_err();
    assert!(error.to_string().contains("503"), "{error}");

    // The answer is lost in its middle, and the right is there.
    scene.admin().role_assignments(KOFI).await.unwrap();
    scene
        .sandbox
        .control()
        .add_fault(Rule::every(Fault::Truncate { bytes: None }).on("PowerShellReceive").after(1).times(1))
        .unwrap();
    let error = client.grant_impersonation(KOFI, "SIU", None).await.unwrap_err();
    assert!(matches!(error, ManagementError::Lost { .. }), "{error:?}");
    assert_eq!(client.role_assignments(KOFI).await.unwrap().len(), 1);

    let nothing =
        Fault::Refuse { code: "2150858793".to_owned(), message: None, back_off_milliseconds: None, fault: None };
    scene.fault("PowerShellReceive", nothing, 3);
    assert_eq!(client.role_assignments(KOFI).await.unwrap().len(), 1);
    scene.fault("PowerShellReceive", Fault::Slow { bytes: 100, milliseconds: 1 }, 1);
    assert_eq!(client.role_assignments(KOFI).await.unwrap().len(), 1);
    // The server forgot the session.
    let gone = Fault::Refuse {
        code: "2150858843".to_owned(),
        message: Some("The shell was not found on the server.".to_owned()),
        back_off_milliseconds: None,
        fault: None,
    };
    scene.fault("PowerShellCommand", gone, 1);
    let error = client.role_assignments(KOFI).await.unwrap_err();
    assert!(error.to_string().contains("The shell was not found on the server. (error 2150858843)"), "{error}");
    client.close().await;
    scene.sandbox.stop().await;
}

/// The server with psrpcore that `tests/run powershell` starts.
struct Lab {
    url: String,
    ca: String,
}

impl Lab {
    fn find(test: &str) -> Option<Self> {
        let Ok(url) = std::env::var("SIU_PSRP_URL") else {
            eprintln!("NOT RUN: {test}: SIU_PSRP_URL is not set; `tests/run powershell` starts the server and sets it");
            return None;
        };
        let ca = std::env::var("SIU_PSRP_CA").expect("SIU_PSRP_CA");
        Some(Self { url, ca: std::fs::read_to_string(ca).expect("SIU_PSRP_CA") })
    }

    fn as_user(&self, user: &str) -> RemotePowerShell {
        client(&self.url, &self.ca, user, "Lab pass 1")
    }
}

/// W9, psrpcore
#[tokio::test]
async fn another_implementation_refuses_and_is_understood() {
    let Some(lab) = Lab::find("another_implementation_refuses_and_is_understood") else { return };
    let error = client(&lab.url, &lab.ca, "admin", "wrong").role_assignments("svc@lab.example").await.unwrap_err();
    let told = "the server offers Negotiate, Basic".to_owned();
    assert_eq!(error, ManagementError::SignIn { status: 401, told });
    let error = lab.as_user("guest").role_assignments("svc@lab.example").await.unwrap_err();
    assert!(error.is_not_allowed() && error.to_string().contains("LAB\\guest"), "{error}");
    let reader = lab.as_user("reader");
    assert_eq!(reader.role_assignments("svc@lab.example").await.unwrap().len(), 0);
    let error = reader.grant_impersonation("svc@lab.example", "x", None).await.unwrap_err();
    assert!(error.is_not_allowed() && error.to_string().contains("is not recognized"), "{error:?}");
    reader.close().await;
    let admin = lab.as_user("admin");
    let error = admin.role_assignments("nobody@lab.example").await.unwrap_err();
    assert!(error.is_not_found() && error.to_string().contains("'nobody@lab.example'"), "{error:?}");
    let error = admin.grant_impersonation("svc@lab.example", "x", Some("Sales")).await.unwrap_err();
    assert!(error.to_string().contains("The scope 'Sales' couldn't be found."), "{error}");
    let error = admin.role_assignments("asks@lab.example").await.unwrap_err();
    assert!(
        matches!(&error, ManagementError::Asks { question, .. } if question.contains("Are you sure?")),
        "{error:?}"
    );
    admin.close().await;
}

/// W9, psrpcore
#[tokio::test]
async fn another_implementation_loses_its_way_and_is_told_from_one_that_is_well() {
    let Some(lab) = Lab::find("another_implementation_loses_its_way_and_is_told_from_one_that_is_well") else { return };
    let admin = lab.as_user("admin");
    for (account, words) in
        [("lost", "was lost while"), ("torn", "middle of a message"), ("shuffled", "begins in its middle")]
    {
        let account = format!("{account}@lab.example");
        let error = admin.role_assignments(&account).await.unwrap_err().to_string();
        assert!(error.contains(words), "{account}: {error}");
    }
    admin.close().await;
}

/// W6, W9, psrpcore
#[tokio::test]
async fn another_implementation_grants_warns_and_lists() {
    let Some(lab) = Lab::find("another_implementation_grants_warns_and_lists") else { return };
    let admin = lab.as_user("admin");
    for account in ["late@lab.example", "ünïcode@lab.example"] {
        assert_eq!(admin.role_assignments(account).await.unwrap(), []);
        assert_eq!(admin.grant_impersonation(account, "SIU \u{1F600} <&>", None).await.unwrap(), [""; 0]);
        let listed = admin.role_assignments(account).await.unwrap();
        assert_eq!((listed.len(), listed[0].name.as_str()), (1, "SIU \u{1F600} <&>"));
        assert!(listed[0].enabled && listed[0].scope.is_none());
        let error = admin.grant_impersonation(account, "SIU \u{1F600} <&>", None).await.unwrap_err();
        assert!(error.to_string().ends_with("The object 'SIU \u{1F600} <&>' already exists."), "{error}");
    }
    let warnings = admin.grant_impersonation("warned@lab.example", "SIU", None).await.unwrap();
    let expected = ["The assignment takes a while to be in effect.", "Überall <and> everywhere & \"so\"."];
    assert_eq!(warnings, expected);
    assert!(!admin.role_assignments("off@lab.example").await.unwrap()[0].enabled);
    let many = admin.role_assignments("many@lab.example").await.unwrap();
    assert_eq!(many.len(), 600);
    assert_eq!(many[599].name, "Assignment 599 with a name of some length");
    let members = admin.organisation_management_members().await.unwrap();
    assert!(members[0].is("ADA@lab.example") && members[0].name == "Ada Admin");
    admin.close().await;
    // Led on from another address of the same server.
    let moved = client(&lab.url.replace("/PowerShell/", "/moved"), &lab.ca, "admin", "Lab pass 1");
    assert_eq!(moved.role_assignments("warned@lab.example").await.unwrap().len(), 1);
    moved.close().await;
}
