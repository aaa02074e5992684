//! The sandbox's management endpoint, as a client of Exchange's admin API meets it.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use secrecy::ExposeSecret as _;
use sent_items_update::sandbox::control::{Fault, Rule};
use sent_items_update::sandbox::{Organisation, Sandbox, SandboxOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

const ADMIN: &str = "admin@nordwind.example";
const ANNA: &str = "anna.bergstroem@nordwind.example";
const KOFI: &str = "kofi.mensah@nordwind.example";

struct Scene {
    sandbox: Sandbox,
    client: Client,
    folder: TempDir,
}

fn options(folder: &TempDir) -> SandboxOptions {
    SandboxOptions { organisation: Organisation::embedded().without_messages(), ..SandboxOptions::new(folder.path()) }
}

impl Scene {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::start(options(&folder)).await.unwrap();
        Self::new(folder, sandbox)
    }

    fn new(folder: TempDir, sandbox: Sandbox) -> Self {
        let certificate = reqwest::Certificate::from_pem(sandbox.ca_pem().as_bytes()).unwrap();
        let client = Client::builder().tls_certs_only([certificate]).build().unwrap();
        Self { sandbox, client, folder }
    }

    async fn restart(self) -> Self {
        self.sandbox.stop().await;
        let sandbox = Sandbox::start(options(&self.folder)).await.unwrap();
        Self::new(self.folder, sandbox)
    }

    async fn stop(self) {
        self.sandbox.stop().await;
    }

    fn post(&self, upn: &str, body: String) -> reqwest::RequestBuilder {
        let password = self.sandbox.control().password(upn);
        let request = self.client.post(self.sandbox.control().management_url());
        request.basic_auth(upn, Some(password.expose_secret())).header("Content-Type", "application/json").body(body)
    }

    async fn run_as(&self, upn: &str, cmdlet: &str, parameters: Value) -> (StatusCode, Value) {
        let body = json!({ "CmdletInput": { "CmdletName": cmdlet, "Parameters": parameters } });
        let answer = self.post(upn, body.to_string()).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn run(&self, cmdlet: &str, parameters: Value) -> (StatusCode, Value) {
        self.run_as(ADMIN, cmdlet, parameters).await
    }

    /// What a cmdlet gives when it succeeds.
    async fn values(&self, cmdlet: &str, parameters: Value) -> Vec<Value> {
        let (status, answer) = self.run(cmdlet, parameters).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["value"].as_array().unwrap().clone()
    }

    /// What a cmdlet says when it fails.
    async fn refused(&self, cmdlet: &str, parameters: Value) -> (StatusCode, String) {
        let (status, answer) = self.run(cmdlet, parameters).await;
        (status, answer["error"]["details"][0]["message"].as_str().unwrap_or_default().to_owned())
    }

    /// Whether an account opens Anna's Sent Items by impersonation.
    async fn impersonates(&self, upn: &str) -> bool {
        let envelope = format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
             xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><s:Header>\
             <t:RequestServerVersion Version=\"Exchange2013\"/><t:ExchangeImpersonation><t:ConnectingSID>\
             <t:PrimarySmtpAddress>{ANNA}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header>\
             <s:Body><m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape><m:FolderIds>\
             <t:DistinguishedFolderId Id=\"sentitems\"/></m:FolderIds></m:GetFolder></s:Body></s:Envelope>"
        );
        let password = self.sandbox.control().password(upn);
        let request = self.client.post(self.sandbox.ews_url()).basic_auth(upn, Some(password.expose_secret()));
        let text =
            request.header("Content-Type", "text/xml").body(envelope).send().await.unwrap().text().await.unwrap();
        assert!(text.contains("NoError") || text.contains("ErrorImpersonateUserDenied"), "{text}");
        text.contains("NoError")
    }
}

const NEW: &str = "New-ManagementRoleAssignment";
const GET: &str = "Get-ManagementRoleAssignment";
const REMOVE: &str = "Remove-ManagementRoleAssignment";

fn role(user: &str) -> Value {
    json!({ "Role": "ApplicationImpersonation", "User": user })
}

/// W9
#[tokio::test]
async fn whoever_is_nobody_or_no_exchange_administrator_runs_no_cmdlet() {
    let scene = Scene::start().await;
    let url = scene.sandbox.control().management_url();
    let nobody = scene.client.post(&url).body("{}").send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    let bearer = scene.client.post(&url).bearer_auth("made-up").body("{}").send().await.unwrap();
    assert_eq!(bearer.status(), StatusCode::UNAUTHORIZED);
    for upn in [ANNA, "svc-siu@nordwind.example"] {
        let (status, answer) = scene.run_as(upn, NEW, role(upn)).await;
        assert_eq!((status, answer["error"]["code"].as_str()), (StatusCode::FORBIDDEN, Some("Forbidden")));
    }
    assert!(!scene.sandbox.control().directory().may_impersonate(ANNA));
    let plain =
        scene.sandbox.http_ews_url().replace("/EWS/Exchange.asmx", "/adminapi/beta/nordwind.example/InvokeCommand");
    let plain = scene.client.post(plain).basic_auth(ADMIN, Some("x")).body("{}").send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::FORBIDDEN);
    scene.stop().await;
}

/// W9
#[tokio::test]
async fn what_can_not_be_run_is_refused_in_the_words_of_the_service() {
    let scene = Scene::start().await;
    let refusals = [
        (
            "Get-Everything",
            json!({}),
            400,
            "|System.Management.Automation.CommandNotFoundException|The term 'Get-Everything'",
        ),
        (NEW, json!({ "Role": "ApplicationImpersonation", "User": ANNA, "Colour": "blue" }), 400, "'Colour'."),
        (NEW, json!({ "Role": "ApplicationImpersonation" }), 400, "missing mandatory parameters: User."),
        (NEW, json!({ "User": ANNA }), 400, "missing mandatory parameters: Role."),
        (NEW, json!({ "Role": 7, "User": ANNA }), 400, "parameter 'Role'"),
        (NEW, json!({ "Role": "Impersonation", "User": ANNA }), 404, "object 'Impersonation' couldn't be found on"),
        (NEW, role("nobody@nordwind.example"), 404, "object 'nobody@nordwind.example' couldn't be found on"),
        (REMOVE, json!({ "Identity": "nothing" }), 404, "ManagementObjectNotFoundException|"),
        (GET, json!({ "Identity": "nothing" }), 404, "ManagementObjectNotFoundException|"),
        ("Get-Mailbox", json!({ "Identity": KOFI }), 404, "'kofi.mensah@nordwind.example'"),
        ("Get-Mailbox", json!({ "ResultSize": "many" }), 400, "parameter 'ResultSize'"),
        ("Get-RoleGroupMember", json!({ "Identity": "Technik" }), 404, "'Technik'"),
    ];
    for (cmdlet, parameters, status, text) in refusals {
        let (given, message) = scene.refused(cmdlet, parameters.clone()).await;
        assert!(given.as_u16() == status && message.contains(text), "{cmdlet} {parameters}: {given} {message}");
    }
    let scope = json!({ "Role": "ApplicationImpersonation", "User": ANNA, "CustomRecipientWriteScope": "Sales" });
    assert_eq!(scene.refused(NEW, scope).await.0, StatusCode::NOT_FOUND);
    assert!(!scene.sandbox.control().directory().may_impersonate(ANNA));
    for body in ["", "{}", "[1]", "<xml/>", r#"{"CmdletInput":{"Parameters":{}}}"#] {
        let answer = scene.post(ADMIN, body.to_owned()).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "BadRequest");
    }
    scene.stop().await;
}

/// W6, W9
#[tokio::test]
async fn a_right_that_was_granted_is_in_effect_is_listed_and_can_be_taken_away() {
    let scene = Scene::start().await;
    assert!(!scene.impersonates(KOFI).await);
    let (status, answer) = scene.run(NEW, role("NORDWIND\\kofi.mensah")).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["@adminapi.warnings"], json!([]));
    assert!(answer["@odata.context"].as_str().unwrap().ends_with("$metadata#Collection(Exchange.GenericHashTable)"));
    let made = &answer["value"][0];
    assert_eq!(made["Name"], "ApplicationImpersonation-Kofi Mensah");
    assert!(scene.impersonates(KOFI).await);
    let parameters = json!({ "Role": "ApplicationImpersonation", "RoleAssignee": KOFI, "GetEffectiveUsers": false });
    let listed = scene.values(GET, parameters.clone()).await;
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["Role"], &listed[0]["RoleAssignee"]), (&json!("ApplicationImpersonation"), &json!(KOFI)));
    let scene = scene.restart().await;
    assert!(scene.impersonates(KOFI).await);
    assert_eq!(scene.values(GET, parameters).await, listed);
    // The one of the service account, which nobody gave through this endpoint, is there too.
    assert_eq!(scene.values(GET, json!({ "Role": "ApplicationImpersonation" })).await.len(), 2);
    scene.values(REMOVE, json!({ "Identity": made["Name"], "Confirm": false })).await;
    assert!(!scene.impersonates(KOFI).await);
    scene.stop().await;
}

/// W8, W9
#[tokio::test]
async fn a_name_is_given_once_and_the_right_stays_while_one_assignment_is_left() {
    let scene = Scene::start().await;
    let named = |name: &str| json!({ "Name": name, "Role": "ApplicationImpersonation", "User": KOFI });
    scene.values(NEW, named("SIU")).await;
    let (status, message) = scene.refused(NEW, named("siu")).await;
    assert!(status == StatusCode::BAD_REQUEST && message.contains("ADObjectAlreadyExistsException"), "{message}");
    let second = scene.values(NEW, role(KOFI)).await.remove(0);
    scene.values(REMOVE, json!({ "Identity": "SIU" })).await;
    assert!(scene.impersonates(KOFI).await);
    scene.values(REMOVE, json!({ "Identity": second["Name"] })).await;
    assert!(!scene.impersonates(KOFI).await);
    let try_out = json!({ "Role": "ApplicationImpersonation", "User": KOFI, "WhatIf": true });
    assert!(scene.values(NEW, try_out).await.is_empty());
    assert!(!scene.impersonates(KOFI).await);
    scene.stop().await;
}

/// W10
#[tokio::test]
async fn a_right_can_take_a_while_to_be_in_effect() {
    let scene = Scene::start().await;
    scene.sandbox.control().set_granting_delay(Duration::from_secs(3600));
    scene.values(NEW, role(KOFI)).await;
    assert_eq!(scene.values(GET, json!({ "RoleAssignee": KOFI })).await.len(), 1);
    assert!(!scene.impersonates(KOFI).await);
    scene.sandbox.control().finish_granting();
    assert!(scene.impersonates(KOFI).await);
    scene.stop().await;
}

/// W11
#[tokio::test]
async fn mailboxes_and_members_of_a_role_group_are_listed() {
    let scene = Scene::start().await;
    let all = scene.values("Get-Mailbox", json!({ "ResultSize": "Unlimited" })).await;
    assert_eq!(all.len(), 14);
    let anna = scene.values("get-mailbox", json!({ "identity": "weber@nordwind.example" })).await;
    assert_eq!(anna[0]["PrimarySmtpAddress"], "jonas.weber@nordwind.example");
    let (_, limited) = scene.run("Get-Mailbox", json!({ "ResultSize": 2 })).await;
    assert_eq!(limited["value"].as_array().unwrap().len(), 2);
    assert!(limited["@adminapi.warnings"][0].as_str().unwrap().contains("more results available"));
    let members = scene.values("Get-RoleGroupMember", json!({ "Identity": "Organization Management" })).await;
    assert_eq!(members.len(), 1);
    assert_eq!((&members[0]["Name"], &members[0]["RecipientType"]), (&json!("IT-Administration"), &json!("Group")));
    scene.stop().await;
}

/// X1
#[tokio::test]
async fn the_endpoint_fails_on_demand() {
    let scene = Scene::start().await;
    let control = scene.sandbox.control();
    let busy = Fault::Status { status: 503, retry_after: Some(3), executed: false };
    control.add_fault(Rule::every(busy).on("Management").times(1)).unwrap();
    let answer = scene.post(ADMIN, "{}".to_owned()).send().await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"3".parse().unwrap())
    );
    control.add_fault(Rule::every(Fault::Drop { executed: false }).on("Management").times(1)).unwrap();
    assert!(scene.post(ADMIN, "{}".to_owned()).send().await.is_err());
    let wrong = control.management_url().replace("nordwind.example/", "other.example/");
    let request = scene.client.post(wrong).basic_auth(ADMIN, Some(control.password(ADMIN).expose_secret()));
    assert_eq!(request.body("{}").send().await.unwrap().status(), StatusCode::NOT_FOUND);
    scene.stop().await;
}
