pub(crate) mod world;

use std::time::Instant;

use self::world::{Asked, Reply, World};
use super::*;
use crate::ews::auth::oauth::{self, OAuth};

const ADDRESS: &str = "anna@corp.example";
const EWS: &str = "https://cas.corp.example/EWS/Exchange.asmx";

fn account(inside: &str) -> Reply {
    Reply::xml(format!(
        "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\"><Response \
         xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a\"><Account>{inside}\
         </Account></Response></Autodiscover>"
    ))
}

fn settings() -> Reply {
    account(&format!("<Action>settings</Action><Protocol><Type>EXCH</Type><EwsUrl>{EWS}</EwsUrl></Protocol>"))
}

fn redirect_address(address: &str) -> Reply {
    account(&format!("<Action>redirectAddr</Action><RedirectAddr>{address}</RedirectAddr>"))
}

fn redirect_url(url: &str) -> Reply {
    account(&format!("<Action>redirectUrl</Action><RedirectUrl>{url}</RedirectUrl>"))
}

/// An answer of SOAP for the one user.
fn soap(inside: &str) -> Reply {
    Reply::xml(format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><GetUserSettingsResponseMessage \
         xmlns=\"http://schemas.microsoft.com/exchange/2010/Autodiscover\"><Response><ErrorCode>NoError</ErrorCode>\
         <UserResponses><UserResponse>{inside}</UserResponse></UserResponses></Response>\
         </GetUserSettingsResponseMessage></s:Body></s:Envelope>"
    ))
}

fn soap_settings() -> Reply {
    soap(&format!(
        "<ErrorCode>NoError</ErrorCode><UserSettings><UserSetting><Name>InternalEwsUrl</Name><Value>{EWS}</Value>\
         </UserSetting></UserSettings>"
    ))
}

/// The settings for whoever signs in.
fn to_whoever_signs_in(asked: &Asked) -> Reply {
    if asked.authorization.is_some() { settings() } else { Reply::sign_in(&["Negotiate", "Basic realm=\"x\""]) }
}

fn credentials() -> Credentials {
    Credentials::Basic { user: ADDRESS.to_owned(), password: "geheim".into() }
}

async fn find(options: Options) -> Result<Found, NotFound> {
    Autodiscover::new(options).unwrap().find(&ADDRESS.parse().unwrap(), Some(&credentials())).await
}

fn outcome<'a>(attempts: &'a [Attempt], place: &str) -> &'a str {
    let found = attempts.iter().find(|attempt| attempt.place.contains(place));
    &found.unwrap_or_else(|| panic!("{place}: {attempts:?}")).outcome
}

struct Records(Vec<(String, u16)>);

impl Services for Records {
    fn autodiscover<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<(String, u16)>, String>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// The same for each domain, and for which domains it was asked.
struct Named(Result<Points, String>, std::sync::Mutex<Vec<String>>);

impl Named {
    fn new(points: Result<Points, String>) -> Arc<Self> {
        Arc::new(Self(points, std::sync::Mutex::default()))
    }

    fn services(urls: &[&str]) -> Arc<Self> {
        Self::new(Ok(Points { urls: urls.iter().map(|text| url(text)).collect(), pointers: Vec::new() }))
    }
}

impl ServiceConnectionPoints for Named {
    fn of<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Points, String>> {
        self.1.lock().unwrap().push(domain.to_owned());
        Box::pin(async { self.0.clone() })
    }
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

/// W8
#[tokio::test]
async fn every_place_is_asked_in_order_and_the_report_tells_how_each_ended() {
    let world = World::new(|_| Reply::status(404)).await;
    let points = Named::new(Err("the directory does not answer".to_owned()));
    let options = Options {
        known: vec![url("https://cas.inner.example/autodiscover/autodiscover.xml")],
        connection_points: Some(points),
        ..world.options()
    };
    let attempts = find(options).await.unwrap_err().attempts;
    let places: Vec<_> = attempts.iter().map(|attempt| attempt.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "service connection points in the directory",
            "https://cas.inner.example/autodiscover/autodiscover.xml",
            "https://cas.inner.example/autodiscover/autodiscover.svc",
            "https://corp.example/autodiscover/autodiscover.xml",
            "https://corp.example/autodiscover/autodiscover.svc",
            "https://autodiscover.corp.example/autodiscover/autodiscover.xml",
            "https://autodiscover.corp.example/autodiscover/autodiscover.svc",
            "http://autodiscover.corp.example/autodiscover/autodiscover.xml",
            "SRV record _autodiscover._tcp.corp.example",
        ]
    );
    assert_eq!(outcome(&attempts, "SRV"), "there is none");
    assert!(world.given_the_password().is_empty());
}

/// W6
#[tokio::test]
async fn the_first_place_that_knows_the_mailbox_ends_the_search() {
    let world = World::new(|asked| match asked.host.as_str() {
        "autodiscover.corp.example" => to_whoever_signs_in(asked),
        _ => Reply::status(404),
    })
    .await;
    let found = find(world.options()).await.unwrap();
    assert_eq!((found.ews_urls, found.address), (vec![url(EWS)], ADDRESS.parse().unwrap()));
    let asked = world.asked();
    assert!(asked.iter().all(|asked| asked.body.contains(">anna@corp.example</")));
    // At the first by POX and SOAP; at the second without the password, then with it.
    assert_eq!(asked.len(), 4);
    assert_eq!(world.given_the_password(), ["https://autodiscover.corp.example/autodiscover/autodiscover.xml"]);
}

/// W8: a captive portal, a company's web site: they answer everything, and get no password.
#[tokio::test]
async fn who_does_not_ask_for_the_password_never_gets_it() {
    let portal = || Reply::xml("<!DOCTYPE html><html><title>Hotel network</title></html>");
    let world = World::new(move |_| portal()).await;
    let told = find(world.options()).await.unwrap_err();
    assert!(outcome(&told.attempts, "https://corp.example").contains("web page"), "{told:?}");
    assert!(outcome(&told.attempts, "http://autodiscover").contains("does not redirect"), "{told:?}");
    assert!(world.given_the_password().is_empty());
}

/// W8
#[tokio::test]
async fn nothing_goes_out_unencrypted_but_a_question_without_the_password() {
    let world = World::new(|asked| if asked.secure { Reply::status(404) } else { Reply::sign_in(&["Basic"]) }).await;
    let told = find(world.options()).await.unwrap_err();
    assert!(outcome(&told.attempts, "http://").contains("does not redirect (HTTP status 401)"), "{told:?}");
    let plain: Vec<_> = world.asked().into_iter().filter(|asked| !asked.secure).collect();
    assert_eq!(plain.len(), 1);
    assert!(plain[0].body.is_empty() && plain[0].authorization.is_none());
}

/// W8
#[tokio::test]
async fn an_unencrypted_address_is_followed_for_a_302_to_a_host_of_the_domain_only() {
    for (status, target, end) in [
        (302, "https://cas.corp.example/autodiscover/autodiscover.xml", None),
        (301, "https://cas.corp.example/autodiscover/autodiscover.xml", Some("does not redirect")),
        (302, "https://evil.example/autodiscover/autodiscover.xml", Some("belongs neither")),
        (302, "http://cas.corp.example/autodiscover/autodiscover.xml", Some("not encrypted")),
        (302, "https://x:y@cas.corp.example/", Some("user name")),
    ] {
        let world = World::new(move |asked| match (asked.secure, asked.host.as_str()) {
            (false, _) => Reply::redirect(status, target),
            (true, "cas.corp.example" | "evil.example") => to_whoever_signs_in(asked),
            _ => Reply::status(404),
        })
        .await;
        match (find(world.options()).await, end) {
            (Ok(found), None) => assert_eq!(found.ews_urls, [url(EWS)]),
            (Err(told), Some(end)) => {
                assert!(told.attempts.iter().any(|attempt| attempt.outcome.contains(end)), "{end}: {told:?}");
                assert!(world.given_the_password().is_empty());
                assert!(world.asked().iter().all(|asked| !asked.host.contains("evil")));
            }
            other => panic!("{target}: {other:?}"),
        }
    }
}

/// W8
#[tokio::test]
async fn a_service_can_not_send_the_password_to_another_organisation() {
    for answer in [
        || Reply::redirect(302, "https://evil.example/autodiscover/autodiscover.xml"),
        || redirect_url("https://evil.example/autodiscover/autodiscover.xml"),
        || redirect_url("http://corp.example/autodiscover/autodiscover.xml"),
        || redirect_address("anna@evil.example"),
    ] {
        let world = World::new(move |asked| match asked.host.as_str() {
            "corp.example" => answer(),
            host if host.contains("evil") => to_whoever_signs_in(asked),
            _ => Reply::status(404),
        })
        .await;
        let told = find(world.options()).await.unwrap_err();
        assert!(told.attempts.iter().any(|attempt| attempt.outcome.starts_with("not asked")), "{told:?}");
        assert!(world.asked().iter().all(|asked| !(asked.secure && asked.host.contains("evil"))));
        assert!(world.given_the_password().is_empty());
        // Unless the administrator says that it may.
        let trusting = Options { trusted: vec!["evil.example".to_owned()], ..world.options() };
        let found = find(trusting).await;
        assert_eq!(found.is_ok(), answer_leads_to_evil(&answer()), "{found:?}");
    }
}

fn answer_leads_to_evil(answer: &Reply) -> bool {
    matches!(answer, Reply::Answer { headers, body, .. } if body.contains("evil") || headers.concat().contains("evil"))
}

/// W8
#[tokio::test]
async fn redirections_that_have_no_end_are_given_up() {
    let next = |asked: &Asked| {
        let number: u32 = asked.path.trim_start_matches("/n/").parse().unwrap_or(0);
        format!("https://corp.example/n/{}", number + 1)
    };
    let endless = World::new(move |asked| redirect_url(&next(asked))).await;
    let told = find(endless.options()).await.unwrap_err();
    assert!(outcome(&told.attempts, "redirections").contains("more than 10"), "{told:?}");
    assert_eq!(endless.asked().len(), MOST_REDIRECTIONS + 1);

    let circle = World::new(|asked| match asked.path.as_str() {
        "/other" => Reply::redirect(307, "https://corp.example/autodiscover/autodiscover.xml"),
        _ => Reply::redirect(302, "https://corp.example/other"),
    })
    .await;
    assert!(find(circle.options()).await.is_err());
    assert!(circle.asked().len() < 10, "{:?}", circle.asked());

    let addresses = World::new(|asked| {
        let longer = asked.body.split_once("<EMailAddress>").unwrap().1.split_once('@').unwrap().0;
        redirect_address(&format!("{longer}x@corp.example"))
    })
    .await;
    let told = find(addresses.options()).await.unwrap_err();
    assert!(outcome(&told.attempts, "redirections").contains("more than 10"), "{told:?}");
}

/// W6
#[tokio::test]
async fn another_address_is_asked_for_at_the_services_that_were_named() {
    let world = World::new(|asked| match (asked.host.as_str(), &asked.authorization) {
        ("cas.inner.example", None) => Reply::sign_in(&["Basic"]),
        ("cas.inner.example", Some(_)) if asked.body.contains("@corp.example") => {
            redirect_address("anna@partner.example")
        }
        ("cas.inner.example", Some(_)) => settings(),
        _ => Reply::status(404),
    })
    .await;
    let points = Named::services(&["https://cas.inner.example/autodiscover/autodiscover.xml"]);
    let found = find(Options { connection_points: Some(points.clone()), ..world.options() }).await.unwrap();
    assert_eq!(found.address, "anna@partner.example".parse().unwrap());
    // Another domain may have others.
    assert_eq!(*points.1.lock().unwrap(), ["corp.example", "partner.example"]);
    assert!(world.asked().iter().all(|asked| asked.host == "cas.inner.example"));
}

/// W6
#[tokio::test]
async fn the_server_of_the_srv_record_is_asked_if_it_belongs_to_the_domain() {
    let world = World::new(|asked| match asked.host.split(':').next().unwrap_or_default() {
        "cas.corp.example" | "evil.example" => to_whoever_signs_in(asked),
        _ => Reply::status(404),
    })
    .await;
    let port = world.options().names[0].https.port();
    let records =
        |host: &str| Options { services: Arc::new(Records(vec![(host.to_owned(), port)])), ..world.options() };
    let told = find(records("evil.example")).await.unwrap_err();
    assert!(outcome(&told.attempts, "https://evil.example").contains("belongs neither"), "{told:?}");
    assert!(world.given_the_password().is_empty());
    assert_eq!(find(records("cas.corp.example")).await.unwrap().ews_urls, [url(EWS)]);
}

/// W8: a wrong password must not lock the account.
#[tokio::test]
async fn a_password_that_is_refused_is_not_tried_everywhere() {
    let world = World::new(|_| Reply::sign_in(&["Basic"])).await;
    let known = ["a", "b", "c"].map(|path| url(&format!("https://cas.corp.example/{path}"))).to_vec();
    let told = find(Options { known, ..world.options() }).await.unwrap_err();
    assert!(told.password_refused);
    assert_eq!(world.given_the_password(), ["https://cas.corp.example/a"]);
    assert!(outcome(&told.attempts, "https://autodiscover.corp.example").contains("not given again"), "{told:?}");

    let world = World::new(|_| Reply::sign_in(&["Basic"])).await;
    let port = world.options().names[0].https.port();
    let services = Arc::new(Records(vec![("cas.corp.example".to_owned(), port)]));
    find(Options { services, ..world.options() }).await.unwrap_err();
    assert_eq!(world.given_the_password().len(), 2);
}

/// U11
#[tokio::test]
async fn a_service_that_offers_other_ways_to_sign_in_gets_no_password_and_is_named() {
    let world = World::new(|_| Reply::sign_in(&["Negotiate", "NTLM"])).await;
    let told = find(world.options()).await.unwrap_err();
    assert!(outcome(&told.attempts, "https://corp.example").contains("Negotiate, NTLM"), "{told:?}");
    assert!(world.given_the_password().is_empty());
}

/// U11: a token opens the door by itself, so a host that was only guessed does not get it.
#[tokio::test]
async fn a_token_goes_only_to_servers_it_was_issued_for_or_that_were_named() {
    let world = World::new(|asked| match (asked.host.as_str(), &asked.authorization) {
        (_, None) if asked.path.ends_with("/oauth2/v2.0/token") => {
            Reply::xml("{\"access_token\":\"secret-token\",\"expires_in\":3600,\"token_type\":\"Bearer\"}")
        }
        (_, None) => Reply::sign_in(&["Bearer", "Basic realm=\"x\""]),
        ("cas.inner.example", Some(bearer)) if bearer == "Bearer secret-token" => settings(),
        _ => Reply::status(500),
    })
    .await;
    let credentials = Credentials::OAuth(OAuth {
        authority: world.url(""),
        tenant: "corp.example".to_owned(),
        client_id: "7d3f".to_owned(),
        scope: "https://partner.example/.default".to_owned(),
        grant: oauth::Grant::Secret("geheim".into()),
        extra_roots: vec![world.ca()],
    });
    let address = ADDRESS.parse().unwrap();
    let find = async |options: Options| Autodiscover::new(options).unwrap().find(&address, Some(&credentials)).await;
    let told = find(world.options()).await.unwrap_err();
    assert!(outcome(&told.attempts, "https://corp.example").contains("only to partner.example"), "{told:?}");
    assert!(world.given_the_password().is_empty());

    let known = vec![url("https://cas.inner.example/autodiscover/autodiscover.xml")];
    assert_eq!(find(Options { known, ..world.options() }).await.unwrap().ews_urls, [url(EWS)]);
    assert_eq!(world.given_the_password(), ["https://cas.inner.example/autodiscover/autodiscover.xml"]);
}

/// W8
#[tokio::test]
async fn without_an_account_the_services_that_ask_to_sign_in_are_named() {
    let world = World::new(|asked| match asked.host.as_str() {
        "corp.example" => to_whoever_signs_in(asked),
        _ => Reply::status(404),
    })
    .await;
    let told = Autodiscover::new(world.options()).unwrap().find(&ADDRESS.parse().unwrap(), None).await.unwrap_err();
    assert_eq!(told.closed, [url("https://corp.example/autodiscover/autodiscover.xml")]);
}

/// W8
#[tokio::test]
async fn a_certificate_that_is_not_trusted_ends_the_attempt_and_is_explained() {
    let world = World::new(to_whoever_signs_in).await;
    // Another authority than the one that issued it.
    let other = World::new(to_whoever_signs_in).await;
    let told = find(Options { extra_roots: other.options().extra_roots, ..world.options() }).await.unwrap_err();
    assert_eq!(told.untrusted.as_deref(), Some("corp.example"));
    assert!(outcome(&told.attempts, "https://corp.example").contains("certificate"), "{told:?}");
    assert!(world.asked().iter().all(|asked| !asked.secure));
}

/// W8
#[tokio::test]
async fn a_server_that_never_answers_holds_nobody_up_for_long() {
    let world = World::new(|_| Reply::Silence).await;
    let request_timeout = Duration::from_millis(200);
    let began = Instant::now();
    let told = find(Options { request_timeout, ..world.options() }).await.unwrap_err();
    assert!(outcome(&told.attempts, "https://corp.example").contains("no answer within 0.2 seconds"), "{told:?}");
    let timeout = Duration::from_millis(300);
    let told = find(Options { timeout, ..world.options() }).await.unwrap_err();
    assert!(outcome(&told.attempts, "everything else").contains("0.3 seconds"), "{told:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// W8
#[tokio::test]
async fn an_answer_that_has_no_end_is_not_read_to_its_end() {
    let world = World::new(|_| Reply::xml("<Autodiscover>".repeat(200_000))).await;
    let told = find(world.options()).await.unwrap_err();
    assert!(outcome(&told.attempts, "https://corp.example").contains("larger than"), "{told:?}");
}

/// W8
#[tokio::test]
async fn a_mailbox_that_nobody_knows_is_told_apart() {
    let error = "<Autodiscover><Response><Error><ErrorCode>500</ErrorCode><Message>The email address can't be found.\
                 </Message></Error></Response></Autodiscover>";
    let world = World::new(move |asked| if asked.secure { Reply::xml(error) } else { Reply::status(404) }).await;
    let told = find(world.options()).await.unwrap_err();
    assert!(told.no_such_mailbox);
    assert!(outcome(&told.attempts, "https://corp.example").contains("can't be found"), "{told:?}");
}

/// W2: where POX is switched off or out of order, SOAP on the same server serves.
#[tokio::test]
async fn a_server_without_pox_is_asked_by_soap() {
    for pox in [|| Reply::status(404), || Reply::xml("<!DOCTYPE html><html/>"), || Reply::status(500)] {
        let world = World::new(move |asked| match (asked.path.as_str(), &asked.authorization) {
            (PATH, _) => pox(),
            (SOAP_PATH, None) => Reply::sign_in(&["Basic"]),
            (SOAP_PATH, Some(_)) if asked.body.contains("<a:Mailbox>anna@corp.example</a:Mailbox>") => soap_settings(),
            _ => Reply::status(400),
        })
        .await;
        let found = find(world.options()).await.unwrap();
        assert_eq!(found.ews_urls, [url(EWS)]);
        assert_eq!(world.given_the_password(), ["https://corp.example/autodiscover/autodiscover.svc"]);
    }
}

/// W2
#[tokio::test]
async fn a_service_that_is_named_by_its_soap_address_is_asked_by_soap_alone() {
    let world = World::new(|asked| match asked.path.as_str() {
        SOAP_PATH => soap_settings(),
        _ => Reply::status(404),
    })
    .await;
    let points = Named::services(&["https://cas.corp.example/autodiscover/autodiscover.svc"]);
    let found = find(Options { connection_points: Some(points), ..world.options() }).await.unwrap();
    assert_eq!(found.ews_urls, [url(EWS)]);
    assert_eq!(world.asked().len(), 1);
}

/// W8
#[tokio::test]
async fn soap_leads_on_only_where_pox_may() {
    let led = |target: &'static str| {
        move || soap(&format!("<ErrorCode>RedirectUrl</ErrorCode><RedirectTarget>{target}</RedirectTarget>"))
    };
    for (target, good) in [
        ("https://cas.corp.example/autodiscover/autodiscover.svc", true),
        ("https://evil.example/autodiscover/autodiscover.svc", false),
        ("http://cas.corp.example/autodiscover/autodiscover.svc", false),
    ] {
        let answer = led(target);
        let world = World::new(move |asked| match (asked.host.as_str(), asked.path.as_str()) {
            ("corp.example", SOAP_PATH) => answer(),
            ("cas.corp.example" | "evil.example", SOAP_PATH) if asked.authorization.is_none() => {
                Reply::sign_in(&["Basic"])
            }
            ("cas.corp.example" | "evil.example", SOAP_PATH) => soap_settings(),
            _ => Reply::status(404),
        })
        .await;
        let found = find(world.options()).await;
        assert_eq!(found.is_ok(), good, "{target}: {found:?}");
        assert_eq!(world.given_the_password().len(), usize::from(good));
        assert!(world.asked().iter().all(|asked| asked.host != "evil.example"));
    }
    // A mailbox that SOAP does not know is told as one that POX does not know.
    let nobody = || soap("<ErrorCode>InvalidUser</ErrorCode><ErrorMessage>Invalid user: 'anna'</ErrorMessage>");
    let world = World::new(move |asked| if asked.path == SOAP_PATH { nobody() } else { Reply::status(404) }).await;
    let told = find(world.options()).await.unwrap_err();
    assert!(told.no_such_mailbox && outcome(&told.attempts, ".svc").contains("Invalid user"), "{told:?}");
}

/// W8: a server that accepts everything and everybody is not believed when it names somebody else's.
#[tokio::test]
async fn who_names_other_hosts_without_asking_who_wants_to_know_is_not_believed() {
    let named = |host: &str| {
        account(&format!(
            "<Action>settings</Action><Protocol><Type>EXCH</Type><EwsUrl>https://{host}/EWS/Exchange.asmx</EwsUrl>\
             </Protocol>"
        ))
    };
    let world = World::new(move |_| named("evil.example")).await;
    let told = find(world.options()).await.unwrap_err();
    let why = outcome(&told.attempts, "https://corp.example");
    assert!(why.contains("without asking who wants to know") && why.contains("evil.example"), "{told:?}");
    assert!(world.given_the_password().is_empty());
    // The administrator trusts it; the directory named the service; or it wanted to know who asks.
    let trusting = Options { trusted: vec!["evil.example".to_owned()], ..world.options() };
    assert!(find(trusting).await.is_ok());
    let points = Named::services(&["https://cas.inner.example/autodiscover/autodiscover.xml"]);
    assert!(find(Options { connection_points: Some(points), ..world.options() }).await.is_ok());
    let world = World::new(move |asked| match asked.authorization {
        None => Reply::sign_in(&["Basic"]),
        Some(_) => named("cas.inner.example"),
    })
    .await;
    assert!(find(world.options()).await.is_ok());
}

/// W8
#[tokio::test]
async fn pointers_of_the_directory_stand_in_the_report() {
    let world = World::new(|_| Reply::status(404)).await;
    let pointer =
        Attempt { place: "the pointer LDAP://partner.example".to_owned(), outcome: "not followed: why".to_owned() };
    let points = Named::new(Ok(Points { urls: Vec::new(), pointers: vec![pointer.clone()] }));
    let told = find(Options { connection_points: Some(points), ..world.options() }).await.unwrap_err();
    assert_eq!(told.attempts[0], pointer);
    assert_eq!(told.attempts[1].outcome, "there are none");
}
