//! Signing in by NTLM, Negotiate and tokens, against a server that follows a script: what goes out, and to whom (U11).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sent_items_update::ews::auth::oauth::{Grant, OAuth, TokenProblem};
use sent_items_update::ews::*;
use sent_items_update::settings::AuthScheme;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::server::{Recorded, Reply, Server, endpoint, mailbox_of};

/// A challenge of NTLM without any names, which is sound all the same.
fn challenge() -> String {
    let mut message = b"NTLMSSP\0\x02\0\0\0".to_vec();
    message.extend_from_slice(&[0, 0, 0, 0, 56, 0, 0, 0]);
    message.extend_from_slice(&0xe28a_8215u32.to_le_bytes());
    message.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    message.extend_from_slice(&[0; 8]);
    // One pair, the time, and the end of the pairs.
    message.extend_from_slice(&[16, 0, 16, 0, 56, 0, 0, 0]);
    message.extend_from_slice(&[0x0a, 0, 0x63, 0x45, 0, 0, 0, 0x0f]);
    message.extend_from_slice(&[7, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0xdb, 1, 0, 0, 0, 0]);
    STANDARD.encode(message)
}

fn offers(schemes: &[&str]) -> Reply {
    schemes.iter().fold(Reply::status(401, "text/html", "<html>401</html>"), |reply, scheme| {
        reply.with("WWW-Authenticate", *scheme)
    })
}

fn goes_on() -> Reply {
    offers(&[&format!("NTLM {}", challenge())])
}

fn mailbox(server: &Server, order: &[AuthScheme]) -> Mailbox {
    let credentials = Credentials::Password {
        user: "NORDWIND\\svc-siu".to_owned(),
        password: "geheim".into(),
        order: order.to_vec(),
        kdc: None,
    };
    mailbox_of(Endpoint { credentials, ..endpoint(server.url()) })
}

async fn open(mailbox: &Mailbox) -> Result<Folder, EwsError> {
    mailbox.get_folder(&FolderId::SENT_ITEMS).await
}

/// The number of an NTLM message in the header `Authorization`; none without such a header.
fn leg(request: &Recorded) -> Option<u8> {
    let token = request.headers.get("authorization")?.strip_prefix("NTLM ").expect("only NTLM was agreed on");
    Some(STANDARD.decode(token).unwrap()[8])
}

fn problem(error: &EwsError) -> &SignInProblem {
    assert_eq!((error.class(), error.may_have_taken_effect()), (ErrorClass::Hold, false), "{error:?}");
    match error {
        EwsError::SignIn { problem, .. } => problem,
        other => panic!("{other:?}"),
    }
}

/// What each request brought: its connection, its leg, and whether there was a body.
fn course(server: &Server) -> Vec<(usize, Option<u8>, bool)> {
    server.requests().iter().map(|request| (request.connection, leg(request), !request.body.is_empty())).collect()
}

#[tokio::test]
async fn a_connection_is_signed_in_once_and_the_body_goes_with_the_last_leg() {
    let answer = || Reply::recorded("get_folder");
    let server = Server::start([offers(&["Negotiate", "NTLM"]), goes_on(), answer(), answer(), answer()]).await;
    let mailbox = mailbox(&server, &[AuthScheme::Ntlm, AuthScheme::Basic]);
    for _ in 0..3 {
        open(&mailbox).await.unwrap();
    }
    let signed_in = (0, None, true);
    assert_eq!(course(&server), [(0, None, false), (0, Some(1), false), (0, Some(3), true), signed_in, signed_in]);
    let last = &server.requests()[4];
    assert_eq!(last.headers["x-anchormailbox"], "Anna.Berg@nordwind.example");
    assert!(last.headers["host"].starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn a_connection_whose_sign_in_was_forgotten_is_signed_in_once_more() {
    let answer = || Reply::recorded("get_folder");
    let again = || offers(&["NTLM"]);
    let server = Server::start([again(), goes_on(), answer(), again(), goes_on(), answer()]).await;
    let mailbox = mailbox(&server, &[AuthScheme::Ntlm]);
    for _ in 0..2 {
        open(&mailbox).await.unwrap();
    }
    let legs: Vec<_> = course(&server).into_iter().map(|(_, leg, _)| leg).collect();
    assert_eq!(legs, [None, Some(1), Some(3), None, Some(1), Some(3)]);
}

#[tokio::test]
async fn a_refusal_ends_it_without_another_attempt() {
    let refused = || offers(&["NTLM", "Basic realm=\"x\""]);
    let server = Server::start([refused(), goes_on(), refused()]).await;
    let error = open(&mailbox(&server, &[AuthScheme::Ntlm, AuthScheme::Basic])).await.unwrap_err();
    assert!(matches!(problem(&error), SignInProblem::Refused { scheme: AuthScheme::Ntlm, bound: false }), "{error}");
    assert_eq!(server.requests().len(), 3);
    let explained = error.explain("svc-siu");
    assert_eq!(explained.concern, Concern::Account);
    assert!(explained.what.contains("svc-siu") && explained.what.contains("NTLM"), "{explained:?}");
}

#[tokio::test]
async fn a_server_that_asks_for_ever_is_given_up() {
    let server = Server::start(std::iter::once(offers(&["NTLM"])).chain((0..50).map(|_| goes_on()))).await;
    let error = open(&mailbox(&server, &[AuthScheme::Ntlm])).await.unwrap_err();
    problem(&error);
    assert!(server.requests().len() <= 8, "{} requests", server.requests().len());
}

#[tokio::test]
async fn tokens_that_are_none_end_the_sign_in_before_the_body_goes_out() {
    let cut_off = challenge();
    let cut_off = &cut_off[..cut_off.len() - 3];
    for bad in
        ["NTLM ???", &format!("NTLM {cut_off}"), "NTLM AAAA", "NTLM TlRMTVNTUAACAAAA", "NTLM", "Basic realm=\"x\""]
    {
        let server = Server::start([offers(&["NTLM"]), offers(&[bad])]).await;
        let error = open(&mailbox(&server, &[AuthScheme::Ntlm])).await.unwrap_err();
        assert!(matches!(problem(&error), SignInProblem::NotUnderstood { .. }), "{bad}: {error:?}");
        assert!(server.requests().iter().all(|request| request.body.is_empty()), "{bad}");
    }
}

#[tokio::test]
async fn a_connection_closed_in_the_middle_is_replaced_a_few_times_and_never_costs_a_body() {
    let server =
        Server::start([offers(&["NTLM"]), Reply::CloseAfterTheRequest, goes_on(), Reply::recorded("get_folder")]).await;
    open(&mailbox(&server, &[AuthScheme::Ntlm])).await.unwrap();
    assert_eq!(course(&server).iter().filter(|(_, _, body)| *body).count(), 1);

    let closing = (0..20).map(|_| Reply::CloseAfterTheRequest);
    let server = Server::start(std::iter::once(offers(&["NTLM"])).chain(closing)).await;
    let error = open(&mailbox(&server, &[AuthScheme::Ntlm])).await.unwrap_err();
    assert!(matches!(problem(&error), SignInProblem::Closed { .. }), "{error:?}");
    assert!(server.requests().len() <= 4 && server.requests().iter().all(|request| request.body.is_empty()));
}

#[tokio::test]
async fn a_connection_closed_after_the_body_is_not_tried_again() {
    let server = Server::start([offers(&["NTLM"]), goes_on(), Reply::CloseAfterTheRequest]).await;
    let error = open(&mailbox(&server, &[AuthScheme::Ntlm])).await.unwrap_err();
    assert!(matches!(error, EwsError::Dropped { may_have_taken_effect: true, .. }), "{error:?}");
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn where_nothing_fits_nobody_is_told_a_password() {
    let server = Server::start([offers(&["Digest realm=\"x\"", "Bearer"])]).await;
    let error = open(&mailbox(&server, &AuthScheme::USUAL_ORDER)).await.unwrap_err();
    let SignInProblem::NothingFits { offered, .. } = problem(&error) else { panic!("{error:?}") };
    assert_eq!(offered, &["Digest", "Bearer"]);
    let text = error.to_string();
    for word in ["Negotiate is not offered", "NTLM is not offered", "Basic is not offered", "connection.auth_order"] {
        assert!(text.contains(word), "{text}");
    }
    assert!(!server.request().headers.contains_key("authorization"));
}

#[tokio::test]
async fn the_order_decides_and_basic_is_used_with_every_request() {
    let answer = || Reply::recorded("get_folder");
    let server = Server::start([offers(&["Negotiate", "NTLM", "Basic realm=\"x\""]), answer(), answer()]).await;
    let mailbox = mailbox(&server, &[AuthScheme::Basic, AuthScheme::Ntlm]);
    for _ in 0..2 {
        open(&mailbox).await.unwrap();
    }
    let requests = server.requests();
    assert!(!requests[0].headers.contains_key("authorization"));
    assert!(requests[1..].iter().all(|request| request.headers["authorization"].starts_with("Basic ")));
}

#[tokio::test]
async fn a_server_that_asks_nobody_gets_nothing_from_us() {
    let page = Reply::status(200, "text/html", "<html><title>Welcome</title></html>");
    for (reply, title) in [(Reply::recorded("get_folder"), None), (page, Some("Welcome".to_owned()))] {
        let server = Server::start([reply]).await;
        let error = open(&mailbox(&server, &AuthScheme::USUAL_ORDER)).await.unwrap_err();
        assert_eq!(problem(&error), &SignInProblem::NotAsked { title });
        let request = server.request();
        assert!(request.body.is_empty() && !request.headers.contains_key("authorization"));
    }
}

/// No credential goes to another host.
#[tokio::test]
async fn a_redirection_is_not_followed_at_any_point_of_a_sign_in() {
    let elsewhere = Server::start([]).await;
    let redirection = || Reply::status(302, "text/html", "").with("Location", elsewhere.url().to_string());
    for (before, requests) in [(vec![], 1), (vec![offers(&["NTLM"])], 2), (vec![offers(&["NTLM"]), goes_on()], 3)] {
        let server = Server::start(before.into_iter().chain([redirection()])).await;
        let error = open(&mailbox(&server, &[AuthScheme::Ntlm])).await.unwrap_err();
        assert!(matches!(error, EwsError::Redirected { .. }), "{error:?}");
        assert_eq!(server.requests().len(), requests);
    }
    assert!(elsewhere.requests().is_empty());
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn server(&self) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

/// A token endpoint and EWS, each with its script.
struct Clouds {
    tokens: Server,
    ews: Server,
    mailbox: Mailbox,
}

impl Clouds {
    async fn open(tokens: impl IntoIterator<Item = Reply>, ews: impl IntoIterator<Item = Reply>) -> Self {
        let authority = Authority::new();
        let tokens = Server::start_with_tls(tokens, authority.server()).await;
        let ews = Server::start_with_tls(ews, authority.server()).await;
        let credentials = Credentials::OAuth(OAuth {
            authority: format!("https://localhost:{}", tokens.address.port()),
            tenant: "corp.example".to_owned(),
            client_id: "7d3f".to_owned(),
            scope: "https://outlook.office365.com/.default".to_owned(),
            grant: Grant::Secret("Geheim & mehr".into()),
            extra_roots: vec![authority.0.pem()],
        });
        let url = format!("https://localhost:{}/EWS/Exchange.asmx", ews.address.port()).parse().unwrap();
        let roots = vec![authority.0.pem()];
        let mailbox =
            mailbox_of(Endpoint { credentials, extra_roots: roots, allow_unencrypted: false, ..endpoint(url) });
        Self { tokens, ews, mailbox }
    }
}

fn token(name: &str) -> Reply {
    let body = format!(r#"{{"token_type": "Bearer", "expires_in": 3599, "access_token": "{name}"}}"#);
    Reply::status(200, "application/json", body)
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_goes_to_ews_alone_as_the_secret_goes_to_the_endpoint_alone() {
    let answer = || Reply::recorded("get_folder");
    let clouds = Clouds::open([token("t1")], [answer(), answer()]).await;
    for _ in 0..2 {
        open(&clouds.mailbox).await.unwrap();
    }
    let asked = clouds.tokens.request();
    assert!(asked.line.starts_with("POST /corp.example/oauth2/v2.0/token "));
    assert!(!asked.headers.contains_key("authorization"));
    assert!(asked.body().contains("client_secret=Geheim+%26+mehr"), "{}", asked.body());
    for request in clouds.ews.requests() {
        assert_eq!(request.headers["authorization"], "Bearer t1");
        assert!(!request.body().contains("Geheim"));
    }
}

#[tokio::test]
async fn a_withdrawn_token_is_replaced_once_and_a_fresh_one_that_is_refused_is_final() {
    let answer = || Reply::recorded("get_folder");
    let no = || offers(&["Bearer"]);
    let clouds = Clouds::open([token("t1"), token("t2"), token("t3")], [answer(), no(), answer(), no(), no()]).await;
    open(&clouds.mailbox).await.unwrap();
    open(&clouds.mailbox).await.unwrap();
    let error = open(&clouds.mailbox).await.unwrap_err();
    assert_eq!(problem(&error), &SignInProblem::Token(TokenProblem::NotAccepted));
    let used: Vec<_> = clouds.ews.requests().iter().map(|request| request.headers["authorization"].clone()).collect();
    assert_eq!(used, ["Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2", "Bearer t3"]);
}

/// W11
#[tokio::test]
async fn what_the_endpoint_refuses_is_told_and_ews_hears_nothing_of_it() {
    let refused = Reply::status(
        400,
        "application/json",
        r#"{"error": "invalid_grant", "error_description": "AADSTS50076: Due to a configuration change …", "error_codes": [50076]}"#,
    );
    let clouds = Clouds::open([refused], []).await;
    let error = open(&clouds.mailbox).await.unwrap_err();
    assert!(matches!(problem(&error), SignInProblem::Token(TokenProblem::Refused(_))));
    assert!(error.explain("svc").cause.contains("multi-factor"));
    assert!(clouds.ews.requests().is_empty());
}

#[tokio::test]
async fn a_redirection_of_the_endpoint_takes_no_secret_along() {
    let elsewhere = Server::start([]).await;
    let redirection = Reply::status(307, "text/html", "").with("Location", elsewhere.url().to_string());
    let clouds = Clouds::open([redirection], []).await;
    let error = open(&clouds.mailbox).await.unwrap_err();
    assert!(matches!(problem(&error), SignInProblem::Token(TokenProblem::NotUnderstood { .. })), "{error:?}");
    assert!(elsewhere.requests().is_empty() && clouds.ews.requests().is_empty());
}
