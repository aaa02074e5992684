//! Whether Exchange Web Services are at an address, found out by asking there.
//!
//! With an account by a real call: any answer of EWS will do, and a refusal to impersonate is one. Where the account is
//! not accepted, or there is none yet, the page on which the server tells its health shows that it is Exchange; it takes
//! no password.

use std::time::Duration;

use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Client, Response, Url, redirect, retry};

use super::exchange::{self, product};
use crate::ews::{EwsError, FolderId, in_words, trust};
use crate::settings::{Connection, SmtpAddress};
use crate::setup::{Failure, failures};

/// How long the page may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes of the page that are looked at.
const PAGE: usize = 4096;

/// Who asks, and for whose mailbox.
pub(super) struct Asker<'a> {
    pub upn: &'a str,
    pub password: &'a secrecy::SecretString,
    pub mailbox: &'a SmtpAddress,
}

/// Finds out, and gives the server's version as far as it tells it.
pub(super) async fn probe(connection: &Connection, asker: Option<Asker<'_>>) -> Result<String, Failure> {
    let Some(asker) = asker else { return health(connection).await.map(|()| String::new()) };
    let client = exchange::client(connection, asker.upn, asker.password)
        .map_err(|error| exchange::failure(error.explain(), None))?;
    let error = client.mailbox(asker.mailbox).get_folder(&FolderId::SENT_ITEMS).await.err();
    let version = client.server_version();
    match error {
        // Whatever it said, EWS said it.
        None | Some(EwsError::Response(_) | EwsError::Fault(_)) => {
            Ok(version.as_ref().map(product).unwrap_or_default())
        }
        // The account has a step of its own, which tells what is wrong with it.
        Some(EwsError::Http { status: 401 | 403, .. }) if health(connection).await.is_ok() => Ok(String::new()),
        Some(EwsError::SignIn { problem, ticket: None, .. })
            if problem.is_about_the_account() && health(connection).await.is_ok() =>
        {
            Ok(String::new())
        }
        Some(error) => {
            let mut failure = exchange::failure(error.explain(asker.upn), error.code());
            failure.offer_test = false;
            Err(failure)
        }
    }
}

/// Looks at the page on which the server tells its health.
async fn health(connection: &Connection) -> Result<(), Failure> {
    let server = &connection.ews_url;
    let ews = Url::parse(server)
        .map_err(|error| failures::server_not_usable(server, &error.to_string(), Vec::new(), Vec::new()))?;
    let trust = trust(&connection.extra_roots).map_err(|error| exchange::failure(error.explain(), None))?;
    let http = Client::builder()
        .user_agent(concat!("SentItemsUpdate/", env!("CARGO_PKG_VERSION")))
        .http1_only()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy()
        .timeout(TIMEOUT)
        .connect_timeout(TIMEOUT / 2)
        .tls_backend_preconfigured(trust)
        .build()
        .map_err(|error| failures::server_not_usable(server, &error.to_string(), Vec::new(), Vec::new()))?;
    let page = ews.join("healthcheck.htm").unwrap_or_else(|_| ews.clone());
    let response = http.get(page.clone()).send().await.map_err(|error| not_reached(error, &ews))?;
    let status = response.status().as_u16();
    let healthy = status == 200 && beginning(response).await.trim_start().starts_with("200 OK");
    // EWS lets nobody in who has not signed in: who lets everybody in is something else, whatever its pages say. A
    // reverse proxy may keep the page back; the front end of Exchange names itself here as well.
    let response = http.get(ews.clone()).send().await.map_err(|error| not_reached(error, &ews))?;
    let asks = response.status().as_u16() == 401 && response.headers().contains_key(WWW_AUTHENTICATE);
    if asks && (healthy || response.headers().contains_key("x-feserver")) {
        return Ok(());
    }
    let details = vec![
        format!(
            "GET {page}: HTTP status {status}, and {} page of Exchange that tells its health",
            if healthy { "the" } else { "not the" }
        ),
        format!("GET {ews}: HTTP status {}, and nothing that shows that it is Exchange", response.status().as_u16()),
    ];
    let advice = vec![
        "Check the name of the server.".to_owned(),
        "If a reverse proxy stands in between, let it pass everything below /EWS/.".to_owned(),
    ];
    Err(failures::server_not_usable(
        server,
        "a web server answers there, and it does not show that it is Exchange",
        advice,
        details,
    ))
}

async fn beginning(mut response: Response) -> String {
    let mut content = Vec::new();
    while content.len() < PAGE
        && let Ok(Some(piece)) = response.chunk().await
    {
        content.extend_from_slice(&piece);
    }
    String::from_utf8_lossy(&content).into_owned()
}

fn not_reached(error: reqwest::Error, ews: &Url) -> Failure {
    let Ok(nobody) = SmtpAddress::new("nobody@localhost") else { unreachable!("it is an address") };
    let slow = error.is_timeout();
    let (why, untrusted) = in_words(error, ews, &nobody).unwrap_or_else(|error| {
        let why = if slow { "it gives no answer in time".to_owned() } else { error.to_string() };
        (why, false)
    });
    failures::server_not_usable(ews.as_str(), &why, trust_advice(untrusted), Vec::new())
}

/// What to do about a server that can't be reached.
pub(super) fn trust_advice(untrusted: bool) -> Vec<String> {
    if untrusted {
        return vec![
            "Give the certificate of the authority that issued the server's certificate (--ca FILE), or install it among \
             the trusted root authorities of this computer."
                .to_owned(),
        ];
    }
    vec![
        "Check the name of the server, and that IIS runs there.".to_owned(),
        "Check that firewalls let this computer reach its port 443.".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ews::autodiscover::tests::world::{Asked, Reply, World};
    use crate::setup::Page;

    const HEALTH: &str = "/EWS/healthcheck.htm";

    fn at(world: &World) -> Connection {
        Connection { extra_roots: vec![world.ca()], ..Connection::manual(&world.url("/EWS/Exchange.asmx")) }
    }

    async fn with_account(connection: &Connection) -> Result<String, Failure> {
        let (password, mailbox) = ("geheim".into(), "anna@corp.example".parse().unwrap());
        probe(connection, Some(Asker { upn: "svc@corp.example", password: &password, mailbox: &mailbox })).await
    }

    fn healthy(asked: &Asked) -> Reply {
        if asked.path == HEALTH { Reply::xml("200 OK<br/>EX01") } else { Reply::sign_in(&["Basic"]) }
    }

    /// W6
    #[tokio::test]
    async fn exchange_is_recognised_without_a_password() {
        let world = World::new(healthy).await;
        assert_eq!(probe(&at(&world), None).await, Ok(String::new()));
        assert!(world.given_the_password().is_empty());
        let proxied = World::new(|asked| match asked.path.as_str() {
            HEALTH => Reply::status(403),
            _ => Reply::sign_in(&["Negotiate"]).with("X-FEServer: EX01"),
        })
        .await;
        assert_eq!(probe(&at(&proxied), None).await, Ok(String::new()));
    }

    /// W8, W11: what is wrong with the account is told by the step about the account.
    #[tokio::test]
    async fn a_server_that_refuses_the_account_is_the_server_all_the_same() {
        let world = World::new(healthy).await;
        assert_eq!(with_account(&at(&world)).await, Ok(String::new()));
        assert_eq!(world.given_the_password().len(), 1);
    }

    /// W8
    #[tokio::test]
    async fn a_web_server_that_does_not_show_that_it_is_exchange_is_not_taken_for_it() {
        for answer in [
            || Reply::xml("<html>hello</html>"),
            || Reply::status(404),
            || Reply::sign_in(&["Basic"]),
            // It accepts everything and everybody.
            || Reply::xml("200 OK<br/>EX01").with("X-FEServer: EX01"),
        ] {
            let world = World::new(move |_| answer()).await;
            let failure = probe(&at(&world), None).await.unwrap_err();
            assert!(failure.cause.contains("does not show that it is Exchange"), "{failure:?}");
            assert_eq!((failure.page, failure.details.len()), (Some(Page::Connection), 2));
            assert!(with_account(&at(&world)).await.is_err());
        }
    }

    /// W8
    #[tokio::test]
    async fn a_certificate_that_is_not_trusted_comes_with_what_to_do() {
        let (world, other) = (World::new(healthy).await, World::new(healthy).await);
        let connection = Connection { extra_roots: vec![other.ca()], ..at(&world) };
        let failure = probe(&connection, None).await.unwrap_err();
        assert!(failure.cause.contains("certificate") && failure.advice[0].contains("--ca"), "{failure:?}");
        let failure = with_account(&connection).await.unwrap_err();
        assert_eq!(failure.page, Some(Page::Connection), "{failure:?}");
        assert!(world.asked().is_empty());
    }

    /// W8
    #[tokio::test]
    async fn a_server_at_which_nothing_listens_is_told() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let nobody = World::new(healthy).await;
        let url = format!("https://127.0.0.1:{port}/EWS/Exchange.asmx");
        let connection = Connection { extra_roots: vec![nobody.ca()], ..Connection::manual(&url) };
        let failure = probe(&connection, None).await.unwrap_err();
        assert!(failure.cause.contains("no web server listens"), "{failure:?}");
        assert!(!failure.advice.is_empty());
    }
}
