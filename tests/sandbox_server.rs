//! The sandbox organisation as a client meets it from outside: listeners, sign-in, limits, faults, control.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, StatusCode};
use secrecy::ExposeSecret as _;
use sent_items_update::sandbox::control::{Budget, Delivery, Fault, FlagStatus, Limits, MailboxState, Rule};
use sent_items_update::sandbox::organisation::Stored;
use sent_items_update::sandbox::tokens::PUBLIC_CLIENT_ID;
use sent_items_update::sandbox::{Organisation, Sandbox, SandboxError, SandboxOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

const ACCOUNT: &str = "svc-siu@nordwind.example";
const ANNA: &str = "anna.bergstroem@nordwind.example";
const JONAS: &str = "jonas.weber@nordwind.example";

/// A running sandbox with a client that trusts it.
struct Scene {
    sandbox: Sandbox,
    client: Client,
    password: String,
    folder: TempDir,
}

fn options(folder: &TempDir) -> SandboxOptions {
    SandboxOptions { organisation: Organisation::embedded().without_messages(), ..SandboxOptions::new(folder.path()) }
}

fn trusting(sandbox: &Sandbox) -> ClientBuilder {
    let certificate = reqwest::Certificate::from_pem(sandbox.ca_pem().as_bytes()).unwrap();
    Client::builder().tls_certs_only([certificate]).redirect(reqwest::redirect::Policy::none())
}

async fn start(change: impl FnOnce(&mut SandboxOptions)) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    change(&mut options);
    Scene::new(folder, Sandbox::start(options).await.unwrap())
}

/// A request that only reads.
fn find_item(mailbox: &str) -> String {
    envelope(
        mailbox,
        "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>\
         <m:ParentFolderIds><t:DistinguishedFolderId Id=\"sentitems\"/></m:ParentFolderIds></m:FindItem>",
    )
}

/// A request that stores a draft.
fn create_item(mailbox: &str, subject: &str) -> String {
    envelope(
        mailbox,
        &format!(
            "<m:CreateItem MessageDisposition=\"SaveOnly\"><m:SavedItemFolderId><t:DistinguishedFolderId Id=\"drafts\"/>\
             </m:SavedItemFolderId><m:Items><t:Message><t:Subject>{subject}</t:Subject></t:Message></m:Items>\
             </m:CreateItem>"
        ),
    )
}

fn envelope(mailbox: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" \
         xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><s:Header>\
         <t:RequestServerVersion Version=\"Exchange2013\"/><t:ExchangeImpersonation><t:ConnectingSID>\
         <t:PrimarySmtpAddress>{mailbox}</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation>\
         </s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

impl Scene {
    fn new(folder: TempDir, sandbox: Sandbox) -> Self {
        let client = trusting(&sandbox).build().unwrap();
        let password = sandbox.control().password(ACCOUNT).expose_secret().to_owned();
        Self { sandbox, client, password, folder }
    }

    async fn restart(self) -> Self {
        self.sandbox.stop().await;
        let sandbox = Sandbox::start(options(&self.folder)).await.unwrap();
        Self::new(self.folder, sandbox)
    }

    fn request(&self, body: String) -> reqwest::RequestBuilder {
        let request = self.client.post(self.sandbox.ews_url()).basic_auth(ACCOUNT, Some(&self.password));
        request.header("Content-Type", "text/xml; charset=utf-8").body(body)
    }

    async fn ews(&self, body: String) -> reqwest::Result<(StatusCode, String)> {
        let answer = self.request(body).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    fn autodiscover(&self, file: &str, body: String) -> reqwest::RequestBuilder {
        let url = self.sandbox.autodiscover_url().replace("autodiscover.xml", file);
        let request = self.client.post(url).basic_auth(ACCOUNT, Some(&self.password));
        request.header("Content-Type", "text/xml; charset=utf-8").body(body)
    }

    fn control(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.sandbox.control_url());
        self.client.request(method.parse().unwrap(), url)
    }
}

// ---- who gets in, and how far

/// X1, U11
#[tokio::test]
async fn whoever_gives_no_or_a_wrong_password_gets_401_and_the_scheme_to_use() {
    let scene = start(|_| {}).await;
    let url = scene.sandbox.ews_url();
    let nobody = scene.client.post(&url).header("Content-Type", "text/xml").body(find_item(ANNA)).send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(nobody.headers()["www-authenticate"], "Basic realm=\"mail.nordwind.example\"");
    for account in [ACCOUNT, "renate.vogel@nordwind.example"] {
        let wrong = scene.client.get(&url).basic_auth(account, Some("guessed")).send().await.unwrap();
        assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    }
    let disabled = scene.client.get(&url).basic_auth("renate.vogel@nordwind.example", Some("Kompass-48-Nord"));
    assert_eq!(disabled.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(scene.sandbox.control().statistics().denied, 4);
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn an_answer_looks_as_if_it_came_from_exchange_behind_iis() {
    let scene = start(|_| {}).await;
    let request = scene.client.get(scene.sandbox.ews_url()).basic_auth(ACCOUNT, Some(&scene.password));
    let request = request.header("client-request-id", "7").header("return-client-request-id", "true");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("server"), "Microsoft-IIS/10.0");
    assert_eq!(header("client-request-id"), "7");
    for name in ["request-id", "x-feserver", "x-powered-by", "x-calculatedbetarget", "date"] {
        assert!(!header(name).is_empty(), "{name}");
    }
    assert!(answer.text().await.unwrap().contains("You have created a service."));
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn what_is_not_ews_is_refused_as_iis_does_it() {
    let scene = start(|_| {}).await;
    let base = scene.sandbox.ews_url().replace("/EWS/Exchange.asmx", "");
    let unknown = scene.client.get(format!("{base}/owa/")).send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert!(unknown.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    let put = scene.client.put(scene.sandbox.ews_url()).basic_auth(ACCOUNT, Some(&scene.password));
    assert_eq!(put.send().await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    let json = scene.client.post(scene.sandbox.ews_url()).basic_auth(ACCOUNT, Some(&scene.password));
    let json = json.header("Content-Type", "application/json").body("{}");
    assert_eq!(json.send().await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let health = scene.client.get(format!("{base}/ews/healthcheck.htm")).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn a_request_beyond_the_limit_is_answered_as_by_the_request_filter_of_iis() {
    let scene = start(|options| options.max_request = 100_000).await;
    let (status, page) = scene.ews("x".repeat(5_000_000)).await.unwrap();
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(page.contains("404.13"), "{page}");
    let pieces = futures_util::stream::iter((0..50).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 10_000])));
    let url = scene.sandbox.http_ews_url();
    let request = scene.client.post(url).basic_auth(ACCOUNT, Some(&scene.password));
    let chunked = request.header("Content-Type", "text/xml").body(reqwest::Body::wrap_stream(pieces));
    assert_eq!(chunked.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    scene.sandbox.stop().await;
}

/// X1, U11
#[tokio::test]
async fn a_client_that_does_not_know_the_authority_does_not_connect() {
    let scene = start(|_| {}).await;
    let stranger = Client::new().get(scene.sandbox.ews_url()).send().await.unwrap_err();
    assert!(stranger.is_connect(), "{stranger:?}");
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn the_certificate_holds_the_names_of_the_organisation() {
    let scene = start(|_| {}).await;
    let address = reqwest::Url::parse(&scene.sandbox.ews_url()).unwrap();
    let (ip, port) = (address.host_str().unwrap(), address.port().unwrap());
    for name in ["mail.nordwind.example", "autodiscover.nordwind.example", "nordwind.example", "localhost"] {
        let to = format!("{ip}:{port}").parse().unwrap();
        let client = trusting(&scene.sandbox).resolve(name, to).build().unwrap();
        let url = format!("https://{name}:{port}/EWS/healthcheck.htm");
        assert_eq!(client.get(url).send().await.unwrap().status(), StatusCode::OK);
    }
    scene.sandbox.stop().await;
}

// ---- stop and start

/// X1
#[tokio::test]
async fn a_restart_finds_authority_passwords_rights_states_and_mail_again() {
    let scene = start(|_| {}).await;
    let control = scene.sandbox.control();
    let mime = "From: Anna <anna.bergstroem@nordwind.example>\r\nMessage-ID: <1@n>\r\nSubject: Kept\r\n\r\nHi\r\n";
    control.deliver(ANNA, "sentitems", mime.into(), Delivery::default()).await.unwrap();
    control.set_password(JONAS, "neu".to_owned().into()).unwrap();
    control.withdraw_impersonation(ACCOUNT).unwrap();
    control.set_state(JONAS, MailboxState::Moving).unwrap();
    let (pem, password) = (scene.sandbox.ca_pem().to_owned(), scene.password.clone());

    let scene = scene.restart().await;
    let control = scene.sandbox.control();
    assert_eq!((scene.sandbox.ca_pem(), &scene.password), (pem.as_str(), &password));
    assert_eq!(control.password(JONAS).expose_secret(), "neu");
    assert!(control.directory().impersonators().is_empty());
    assert_eq!(control.state(JONAS).unwrap(), MailboxState::Moving);
    let items = control.folder(ANNA, "sentitems").await.unwrap();
    assert_eq!(items.iter().map(|item| item.subject.as_str()).collect::<Vec<_>>(), ["Kept"]);
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn two_sandboxes_do_not_share_a_folder() {
    let scene = start(|_| {}).await;
    let second = Sandbox::start(options(&scene.folder)).await.err().unwrap();
    assert!(matches!(second, SandboxError::InUse(_)), "{second}");
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn control_listens_on_loopback_only() {
    let folder = tempfile::tempdir().unwrap();
    let everywhere = SandboxOptions { control: "0.0.0.0:0".parse().unwrap(), ..options(&folder) };
    let refused = Sandbox::start(everywhere).await.err().unwrap();
    assert!(matches!(refused, SandboxError::ControlNotLoopback(_)), "{refused}");
}

/// X1
#[tokio::test]
async fn a_stop_shortens_delays_and_lets_the_request_under_way_end() {
    let scene = start(|_| {}).await;
    scene.sandbox.control().add_fault(Rule::every(Fault::Delay { milliseconds: 600_000 })).unwrap();
    let control = scene.sandbox.control().clone();
    let request = tokio::spawn(scene.request(create_item(ANNA, "Late")).send());
    wait_until(|| control.statistics().in_flight == 1).await;
    scene.sandbox.stop().await;
    let answer = request.await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.text().await.unwrap().contains("NoError"));
}

async fn wait_until(condition: impl Fn() -> bool) {
    let waited = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited).await.expect("it never became true");
}

// ---- Autodiscover

fn pox(address: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><Autodiscover \
         xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\"><Request>\
         <EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>\
         http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>\
         </Request></Autodiscover>"
    )
}

fn user_settings(addresses: &[&str], settings: &[&str]) -> String {
    let element = |name: &str, value: &&str| format!("<a:{name}>{value}</a:{name}>");
    let users: String = addresses.iter().map(|it| format!("<a:User>{}</a:User>", element("Mailbox", it))).collect();
    let settings: String = settings.iter().map(|it| element("Setting", it)).collect();
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:a=\"http://schemas.microsoft.com/exchange/2010/Autodiscover\"><s:Body>\
         <a:GetUserSettingsRequestMessage><a:Request><a:Users>{users}</a:Users>\
         <a:RequestedSettings>{settings}</a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage>\
         </s:Body></s:Envelope>"
    )
}

/// Text of the elements with this name, in order.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
    let named = document.descendants().filter(|node| node.tag_name().name() == name);
    named.map(|node| node.text().unwrap_or_default().to_owned()).collect()
}

/// W2
#[tokio::test]
async fn autodiscover_tells_strangers_only_how_to_sign_in_and_that_soap_is_spoken() {
    let scene = start(|_| {}).await;
    let answer = scene.client.get(scene.sandbox.autodiscover_url()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(answer.headers()["x-soap-enabled"], "True");
    assert!(answer.headers().contains_key("www-authenticate"));
    scene.sandbox.stop().await;
}

/// W2
#[tokio::test]
async fn pox_gives_the_url_redirects_another_domain_and_knows_no_strangers() {
    let scene = start(|_| {}).await;
    let ask = async |body: String| {
        let answer = scene.autodiscover("AutoDiscover.XML", body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.text().await.unwrap()
    };
    let settings = ask(pox("a.Bergstroem@nordwind.example")).await;
    assert_eq!(texts(&settings, "Type")[..2], ["EXCH", "EXPR"]);
    assert_eq!(texts(&settings, "EwsUrl"), vec![scene.sandbox.ews_url(); 2]);
    assert_eq!(texts(&settings, "AutoDiscoverSMTPAddress"), [ANNA]);
    let redirect = ask(pox("anna.bergstroem@nordlicht.example")).await;
    assert_eq!(
        (texts(&redirect, "Action"), texts(&redirect, "RedirectAddr")),
        (vec!["redirectAddr".into()], vec![ANNA.into()])
    );
    for nobody in [
        "kofi.mensah@nordwind.example",
        "vertrieb@nordwind.example",
        "x@nordwind.example",
        "renate.vogel@nordwind.example",
    ] {
        assert_eq!(texts(&ask(pox(nobody)).await, "ErrorCode"), ["500"], "{nobody}");
    }
    for bad in [String::new(), "<Autodiscover/>".into(), "<a".into(), pox("")] {
        assert_eq!(texts(&ask(bad).await, "ErrorCode"), ["600"]);
    }
    let mobile = pox(ANNA).replace("outlook/responseschema/2006a", "mobilesync/responseschema/2006");
    assert_eq!(texts(&ask(mobile).await, "ErrorCode"), ["601"]);
    scene.sandbox.stop().await;
}

/// W2
#[tokio::test]
async fn soap_answers_each_user_and_each_setting_for_itself() {
    let scene = start(|_| {}).await;
    let asked = user_settings(
        &[ANNA, "anna.bergstroem@nordlicht.example", "nobody@nordwind.example"],
        &["ExternalEwsUrl", "InternalEwsUrl", "CasVersion", "InternalOABUrl", "Nonsense"],
    );
    let answer = scene.autodiscover("autodiscover.svc", asked).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let xml = answer.text().await.unwrap();
    let codes = ["NoError", "NoError", "SettingIsNotAvailable", "InvalidSetting", "RedirectAddress", "InvalidUser"];
    assert_eq!(texts(&xml, "ErrorCode"), codes);
    assert_eq!(texts(&xml, "RedirectTarget")[1], ANNA);
    assert_eq!(texts(&xml, "Name"), ["ExternalEwsUrl", "InternalEwsUrl", "CasVersion"]);
    assert_eq!(texts(&xml, "Value")[0], scene.sandbox.ews_url());
    let empty = scene.autodiscover("autodiscover.svc", user_settings(&[], &["CasVersion"])).send().await.unwrap();
    assert_eq!(texts(&empty.text().await.unwrap(), "ErrorCode"), ["InvalidRequest"]);
    let other = user_settings(&[ANNA], &["CasVersion"]).replace("GetUserSettingsRequest", "GetSecretsRequest");
    let fault = scene.autodiscover("autodiscover.svc", other).send().await.unwrap();
    assert_eq!(fault.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(fault.text().await.unwrap().contains("ActionNotSupported"));
    scene.sandbox.stop().await;
}

/// W2
#[tokio::test]
async fn autodiscover_over_plain_http_leads_to_https() {
    let scene = start(|_| {}).await;
    let url = scene.sandbox.http_ews_url().replace("/EWS/Exchange.asmx", "/autodiscover/autodiscover.xml");
    let answer = scene.client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(answer.headers()["location"], scene.sandbox.autodiscover_url());
    scene.sandbox.stop().await;
}

// ---- faults, throttling, statistics

/// X1
#[tokio::test]
async fn a_connection_dropped_before_the_request_leaves_nothing_and_one_dropped_after_it_does() {
    let scene = start(|_| {}).await;
    let control = scene.sandbox.control();
    for (executed, stored) in [(false, 0), (true, 1)] {
        control.add_fault(Rule::every(Fault::Drop { executed }).on("CreateItem").of(ANNA).times(1)).unwrap();
        let error = scene.ews(create_item(ANNA, "Dropped")).await.unwrap_err();
        assert!(error.is_request(), "{error:?}");
        assert_eq!(control.count(ANNA, "drafts").unwrap(), stored);
    }
    assert_eq!(control.statistics().answers.get(&0), Some(&2));
    let (status, _) = scene.ews(create_item(ANNA, "Fine")).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn an_http_error_can_come_before_or_after_the_request_took_effect() {
    let scene = start(|_| {}).await;
    let control = scene.sandbox.control();
    for (executed, stored) in [(false, 0), (true, 1)] {
        let fault = Fault::Status { status: 503, retry_after: Some(7), executed };
        control.add_fault(Rule::every(fault).times(1)).unwrap();
        let answer = scene.request(create_item(ANNA, "Unavailable")).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"7".parse().unwrap()));
        assert!(answer.text().await.unwrap().contains("<html"));
        assert_eq!(control.count(ANNA, "drafts").unwrap(), stored);
    }
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn answers_can_be_html_garbage_cut_short_or_slow() {
    let scene = start(|_| {}).await;
    let control = scene.sandbox.control();
    let struck = async |fault: Fault| {
        control.add_fault(Rule::every(fault).times(1)).unwrap();
        scene.ews(find_item(ANNA)).await
    };
    let (status, page) = struck(Fault::Html { executed: false }).await.unwrap();
    assert!(status == StatusCode::OK && page.contains("<html"));
    let (status, garbage) = struck(Fault::Garbage { executed: true }).await.unwrap();
    assert!(status == StatusCode::OK && roxmltree::Document::parse(&garbage).is_err());
    let cut = struck(Fault::Truncate { bytes: None }).await.unwrap_err();
    assert!(cut.is_body() || cut.is_decode(), "{cut:?}");
    let (status, slow) = struck(Fault::Slow { bytes: 200, milliseconds: 1 }).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(texts(&slow, "ResponseCode"), ["NoError"]);
    assert_eq!(control.statistics().faults, 4);
    scene.sandbox.stop().await;
}

/// U9
#[tokio::test]
async fn exchange_can_be_made_to_refuse_as_a_fault_or_on_the_item() {
    let scene = start(|_| {}).await;
    let control = scene.sandbox.control();
    let refuse = |code: &str, fault| Fault::Refuse {
        code: code.to_owned(),
        message: None,
        back_off_milliseconds: Some(1500),
        fault,
    };
    control.add_fault(Rule::every(refuse("ErrorServerBusy", Some(500))).times(1)).unwrap();
    let (status, busy) = scene.ews(find_item(ANNA)).await.unwrap();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(texts(&busy, "ResponseCode"), ["ErrorServerBusy"]);
    assert_eq!(texts(&busy, "Value"), ["1500"]);
    control.add_fault(Rule::every(refuse("ErrorTimeoutExpired", None)).times(1)).unwrap();
    let (status, item) = scene.ews(find_item(ANNA)).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(texts(&item, "ResponseCode"), ["ErrorTimeoutExpired"]);
    assert!(item.contains("FindItemResponseMessage ResponseClass=\"Error\""), "{item}");
    scene.sandbox.stop().await;
}

/// U9
#[tokio::test]
async fn too_many_requests_at_a_time_are_refused_for_that_mailbox_only() {
    let scene = start(|options| options.limits.max_concurrency = Some(2)).await;
    let control = scene.sandbox.control();
    control.add_fault(Rule::every(Fault::Delay { milliseconds: 60_000 }).of(ANNA).times(2)).unwrap();
    let _first = tokio::spawn(scene.request(find_item(ANNA)).send());
    let _second = tokio::spawn(scene.request(find_item(ANNA)).send());
    wait_until(|| control.statistics().in_flight_most_per_mailbox == 2 && control.statistics().faults == 2).await;
    let (status, refused) = scene.ews(find_item(ANNA)).await.unwrap();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(texts(&refused, "ResponseCode"), ["ErrorExceededConnectionCount"]);
    let (status, _) = scene.ews(find_item(JONAS)).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(control.statistics().throttled, 1);
    control.cut_connections();
    scene.sandbox.stop().await;
}

/// U9
#[tokio::test]
async fn a_used_up_budget_gives_a_back_off_hint() {
    let scene = start(|_| {}).await;
    let budget = Budget { max_burst: 1000, recharge_rate: 3600, cutoff_balance: 0, cost_per_request: 2000 };
    scene.sandbox.control().set_limits(Limits { max_concurrency: None, budget: Some(budget) });
    assert_eq!(scene.ews(find_item(ANNA)).await.unwrap().0, StatusCode::OK);
    let (status, busy) = scene.ews(find_item(ANNA)).await.unwrap();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(texts(&busy, "ResponseCode"), ["ErrorServerBusy"]);
    assert!(texts(&busy, "Value")[0].parse::<u64>().unwrap() > 500_000);
    scene.sandbox.stop().await;
}

/// U8
#[tokio::test]
async fn what_was_asked_for_takes_effect_although_the_connection_was_cut_meanwhile() {
    let scene = start(|_| {}).await;
    let control = scene.sandbox.control();
    control.add_fault(Rule::every(Fault::Delay { milliseconds: 100 }).times(1)).unwrap();
    let request = tokio::spawn(scene.request(create_item(ANNA, "Nobody waits")).send());
    wait_until(|| control.statistics().faults == 1).await;
    control.cut_connections();
    assert!(request.await.unwrap().unwrap_err().is_request());
    wait_until(|| control.statistics().in_flight == 0 && control.statistics().connections_open == 0).await;
    assert_eq!(control.count(ANNA, "drafts").unwrap(), 1);
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn requests_are_counted_by_operation_and_mailbox_and_connections_as_they_are_made() {
    let scene = start(|_| {}).await;
    for mailbox in [ANNA, ANNA, JONAS] {
        scene.ews(find_item(mailbox)).await.unwrap();
    }
    scene.ews(create_item(JONAS, "Counted")).await.unwrap();
    let counts = scene.sandbox.control().statistics();
    assert_eq!((counts.of("FindItem"), counts.of("CreateItem"), counts.ews()), (3, 1, 4));
    assert_eq!((counts.mailboxes[ANNA]["FindItem"], counts.mailboxes[JONAS]["CreateItem"]), (2, 1));
    assert_eq!(counts.connections, 1, "the client keeps its connection");
    assert!(counts.bytes_received > 2000 && counts.bytes_sent > 1000);
    scene.sandbox.control().reset_statistics();
    assert_eq!(scene.sandbox.control().statistics().ews(), 0);
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn long_answers_are_compressed_for_clients_that_accept_it() {
    let scene = start(|_| {}).await;
    for number in 0..20 {
        scene.ews(create_item(ANNA, &format!("Draft {number}"))).await.unwrap();
    }
    let body = find_item(ANNA).replace("sentitems", "drafts").replace("IdOnly", "AllProperties");
    let plain = trusting(&scene.sandbox).no_gzip().build().unwrap();
    let request = |client: &Client, accept: &'static str| {
        let request = client.post(scene.sandbox.ews_url()).basic_auth(ACCOUNT, Some(&scene.password));
        request.header("Content-Type", "text/xml").header("Accept-Encoding", accept).body(body.clone()).send()
    };
    let compressed = request(&plain, "gzip, deflate").await.unwrap();
    assert_eq!(compressed.headers()["content-encoding"], "gzip");
    let compressed = compressed.bytes().await.unwrap();
    let whole = request(&plain, "identity").await.unwrap().bytes().await.unwrap();
    assert!(compressed.len() * 3 < whole.len(), "{} of {}", compressed.len(), whole.len());
    let mut read = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&compressed[..]), &mut read).unwrap();
    assert_eq!(texts(&read, "Subject").len(), 20);
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn traffic_is_recorded_pair_by_pair() {
    let recorded = tempfile::tempdir().unwrap();
    let folder = recorded.path().to_owned();
    let scene = start(|options| options.record = Some(folder)).await;
    scene.ews(find_item(ANNA)).await.unwrap();
    scene.ews("<this is/> not SOAP".to_owned()).await.unwrap();
    let mut names: Vec<_> =
        std::fs::read_dir(recorded.path()).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names[..2], ["000001-FindItem-request.xml", "000001-FindItem-response.xml"]);
    assert!(names[2].starts_with("000002-Unreadable-request"));
    let response = std::fs::read_to_string(recorded.path().join(&names[1])).unwrap();
    assert_eq!(texts(&response, "ResponseCode"), ["NoError"]);
    scene.sandbox.stop().await;
}

// ---- control over HTTP

/// X1
#[tokio::test]
async fn web_pages_can_not_command_the_sandbox() {
    let scene = start(|_| {}).await;
    let page = scene.control("DELETE", "/connections").header("Origin", "https://evil.example");
    assert_eq!(page.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    let rebound = scene.control("GET", "/").header("Host", "evil.example");
    assert_eq!(rebound.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn control_refuses_what_makes_no_sense_and_says_why() {
    let scene = start(|_| {}).await;
    let problem = async |method: &str, path: &str, body: &str| {
        let answer = scene.control(method, path).body(body.to_owned()).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned())
    };
    let (status, error) = problem("POST", "/faults", r#"{"fault":{"kind":"explode"}}"#).await;
    assert!(status == 400 && error.contains("explode"), "{error}");
    let (status, error) = problem("PUT", "/mailboxes/nobody@nordwind.example/state", "\"moving\"").await;
    assert!(status == 404 && error.contains("nobody@nordwind.example"), "{error}");
    let (status, error) = problem("GET", "/mailboxes/kofi.mensah@nordwind.example/items", "").await;
    assert!(status == 404 && error.contains("has no mailbox"), "{error}");
    assert_eq!(problem("DELETE", "/faults/99", "").await.0, 404);
    assert_eq!(problem("PUT", "/limits", "{\"speed\": 1}").await.0, 400);
    scene.sandbox.stop().await;
}

/// X1
#[tokio::test]
async fn everything_can_be_done_over_http() {
    let scene = start(|_| {}).await;
    let ok = async |method: &str, path: &str, body: String| {
        let answer = scene.control(method, path).body(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{method} {path}: {}", answer.text().await.unwrap());
        answer.json::<Value>().await.unwrap_or_default()
    };
    let about = ok("GET", "/", String::new()).await;
    assert_eq!(about["ews_url"], scene.sandbox.ews_url());
    assert_eq!(about["impersonators"], json!([ACCOUNT]));

    let rule =
        json!({"operation": "FindItem", "mailbox": ANNA, "count": 1, "fault": {"kind": "status", "status": 403}});
    let id = ok("POST", "/faults", rule.to_string()).await["id"].as_u64().unwrap();
    assert_eq!(scene.ews(find_item(ANNA)).await.unwrap().0, StatusCode::FORBIDDEN);
    assert_eq!(ok("GET", "/faults", String::new()).await[0]["struck"], 1);
    ok("DELETE", &format!("/faults/{id}"), String::new()).await;

    ok("DELETE", &format!("/accounts/{ACCOUNT}/impersonation"), String::new()).await;
    let (_, denied) = scene.ews(find_item(ANNA)).await.unwrap();
    assert!(denied.contains("ErrorImpersonateUserDenied"), "{denied}");
    ok("PUT", &format!("/accounts/{ACCOUNT}/impersonation"), String::new()).await;

    ok("PUT", &format!("/mailboxes/{ANNA}/state"), "\"moving\"".to_owned()).await;
    assert_eq!(ok("GET", &format!("/mailboxes/{ANNA}/state"), String::new()).await, "moving");
    let (_, moving) = scene.ews(find_item(ANNA)).await.unwrap();
    assert!(moving.contains("ErrorMailboxMoveInProgress"), "{moving}");
    ok("PUT", &format!("/mailboxes/{ANNA}/state"), "\"normal\"".to_owned()).await;

    let mime = "From: Anna <anna.bergstroem@nordwind.example>\r\nTo: a@b.example\r\nMessage-ID: <7@n>\r\nSubject: Hi\r\n\
                MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText\r\n--b\r\n\
                Content-Type: application/octet-stream; name=x.bin\r\nContent-Disposition: attachment; filename=x.bin\r\n\
                Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--b--\r\n";
    let path = format!("/mailboxes/{ANNA}/items?folder=sentitems&unread=true&flag=Flagged&categories=Blue,Red");
    let item_id = ok("POST", &path, mime.to_owned()).await["item_id"].as_str().unwrap().to_owned();
    let items =
        ok("GET", &format!("/mailboxes/{ANNA}/items?folder=sentitems&message_id=%3C7@n%3E"), String::new()).await;
    let item = &items[0];
    assert_eq!((&item["item_id"], &item["read"]), (&json!(item_id), &json!(false)));
    assert_eq!((&item["flag"], &item["categories"]), (&json!("Flagged"), &json!(["Blue", "Red"])));
    let attachment = &item["attachments"][0];
    assert_eq!((&attachment["name"], &attachment["size"]), (&json!("x.bin"), &json!(3)));
    let digest = "ae4b3280e56e2faf83f414a6e3dabe9d5fbe18976544c05fed121accb85b53fc";
    assert_eq!((&attachment["sha256"], attachment.get("content")), (&json!(digest), None));
    let url = scene.control("GET", "/mime").query(&[("item_id", item_id)]);
    assert!(url.send().await.unwrap().text().await.unwrap().contains("Subject: Hi"));

    ok("PUT", &format!("/accounts/{ACCOUNT}/password"), "\"changed\"".to_owned()).await;
    assert_eq!(scene.ews(find_item(ANNA)).await.unwrap().0, StatusCode::UNAUTHORIZED);
    ok("PUT", "/limits", json!({"max_concurrency": 3}).to_string()).await;
    assert_eq!(ok("GET", "/limits", String::new()).await, json!({"max_concurrency": 3, "budget": null}));
    assert_eq!(ok("GET", "/statistics", String::new()).await["operations"]["FindItem"], 3);
    ok("DELETE", "/statistics", String::new()).await;
    assert_eq!(ok("GET", "/statistics", String::new()).await["operations"], json!({}));
    scene.sandbox.stop().await;
}

// ---- the sample organisation

/// X1
#[tokio::test]
async fn seeding_twice_stores_the_sample_mail_once() {
    let scene = start(|options| options.organisation = Organisation::embedded()).await;
    let control = scene.sandbox.control();
    let stored = control.seed().await.unwrap();
    let before = Organisation::embedded().messages.into_iter().filter(|message| message.stored == Stored::default());
    assert_eq!(stored, before.count());
    assert_eq!(control.seed().await.unwrap(), 0);
    let flagged = control.folder("elise.moreau@nordwind.example", "sentitems").await.unwrap();
    let french = flagged.iter().find(|item| item.subject == "Arrêt de l’éolienne n° 3 avant jeudi").unwrap();
    assert_eq!((french.flag, french.categories.as_slice()), (FlagStatus::Flagged, &["Maintenance".to_owned()][..]));
    assert!(french.read && !french.draft);
    let path = "/mailboxes/thomas.mueller@nordwind.example/items?folder=sentitems";
    let items = scene.control("GET", path).send().await.unwrap().json::<Value>().await.unwrap();
    let forwarded = items.as_array().unwrap().iter().find(|item| item["subject"] == "Anfrage Goodwin").unwrap();
    let attached = &forwarded["attachments"][0]["item"];
    assert_eq!(attached["subject"], "Extension of the Goodwin site");
    assert!(attached["attachments"][0]["sha256"].is_string());
    scene.sandbox.stop().await;
}

/// X1, W11
#[tokio::test]
async fn whose_an_account_is_and_what_its_sign_in_to_the_cloud_meets_can_be_set_and_stays() {
    let scene = start(|_| ()).await;
    let cloud = format!("/accounts/{ANNA}/cloud");
    let realm = |scene: &Scene, account: &str| {
        let url = format!("{}/common/userrealm/{account}?api-version=1.0", scene.sandbox.control().token_authority());
        let request = scene.client.get(url);
        async move { request.send().await.unwrap().json::<Value>().await.unwrap() }
    };
    let token = |scene: &Scene, password: &str| {
        let authority = scene.sandbox.control().token_authority();
        let form = [("client_id", PUBLIC_CLIENT_ID), ("grant_type", "password"), ("username", ANNA)];
        let mut body = reqwest::Url::parse("form:").unwrap();
        body.query_pairs_mut().extend_pairs(form).append_pair("password", password);
        let request = scene.client.post(format!("{authority}/nordwind.example/oauth2/v2.0/token"));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let request = request.body(body.query().unwrap().to_owned());
        async move { request.send().await.unwrap().json::<Value>().await.unwrap()["error_codes"][0].as_u64() }
    };
    let password = scene.sandbox.control().password(ANNA).expose_secret().to_owned();
    assert_eq!(scene.control("GET", &cloud).send().await.unwrap().json::<Value>().await.unwrap(), "password");
    assert_eq!(realm(&scene, ANNA).await["account_type"], "Managed");
    assert_eq!(realm(&scene, "anna@elsewhere.example").await["account_type"], "Unknown");
    assert_eq!(token(&scene, &password).await, None);
    for (state, kind, code) in [
        ("multi-factor", "Managed", 50076),
        ("conditional-access", "Managed", 53003),
        ("other-password", "Managed", 50126),
        ("federated", "Federated", 50126),
    ] {
        let set = scene.control("PUT", &cloud).body(json!(state).to_string()).send().await.unwrap();
        assert_eq!(set.status(), StatusCode::NO_CONTENT);
        assert_eq!(realm(&scene, ANNA).await["account_type"], kind, "{state}");
        assert_eq!(token(&scene, &password).await, Some(code), "{state}");
        // Only whoever knows the password learns of it.
        assert_eq!(token(&scene, "wrong").await, Some(50126));
    }
    let nonsense = scene.control("PUT", &cloud).body("\"nonsense\"").send().await.unwrap();
    assert_eq!(nonsense.status(), StatusCode::BAD_REQUEST);
    let plain = scene.sandbox.http_ews_url().replace("/EWS/Exchange.asmx", &format!("/common/userrealm/{ANNA}"));
    assert_eq!(Client::new().get(plain).send().await.unwrap().status(), StatusCode::FORBIDDEN);

    let scene = scene.restart().await;
    assert_eq!(realm(&scene, ANNA).await["federation_protocol"], "WSTrust");
    scene.sandbox.stop().await;
}
