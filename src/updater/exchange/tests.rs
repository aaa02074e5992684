//! Servers that go, mailboxes that move, and a clock that a test moves.

use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::Url;
use tokio::time::Instant;

use super::ways::Find;
use super::*;
use crate::ews::autodiscover::tests::world::{Asked, Reply, World};
use crate::ews::{Credentials, EwsError, FolderId, Mailbox};
use crate::settings::SmtpAddress;

const EWS: &str = "/EWS/Exchange.asmx";
const GET_FOLDER: &str = include_str!("../../../tests/fixtures/ews/answers/get_folder.xml");

fn fault(code: &str) -> Reply {
    Reply::xml(format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault><faultcode>a:{code}</faultcode>\
         <faultstring>In its words.</faultstring><detail>\
         <e:ResponseCode xmlns:e=\"http://schemas.microsoft.com/exchange/services/2006/errors\">{code}</e:ResponseCode>\
         </detail></s:Fault></s:Body></s:Envelope>"
    ))
}

fn well(_: &Asked) -> Reply {
    Reply::xml(GET_FOLDER)
}

fn address(name: &str) -> SmtpAddress {
    format!("{name}@corp.example").parse().unwrap()
}

/// An address at which nothing listens.
fn nothing() -> Url {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("https://localhost:{port}{EWS}").parse().unwrap()
}

fn at(world: &World) -> Url {
    world.url(EWS).parse().unwrap()
}

/// Autodiscover as a test says.
struct Named {
    urls: Mutex<Result<Vec<Url>, String>>,
    asked: Mutex<Vec<String>>,
    /// A search takes one, which comes back afterwards.
    leave: tokio::sync::Semaphore,
}

impl Named {
    fn new(urls: impl IntoIterator<Item = Url>) -> Arc<Self> {
        let urls = Mutex::new(Ok(urls.into_iter().collect()));
        Arc::new(Self { urls, asked: Mutex::default(), leave: tokio::sync::Semaphore::new(1) })
    }

    fn names(&self, urls: Result<Vec<Url>, String>) {
        *self.urls.lock().unwrap() = urls;
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Find for Named {
    fn find<'a>(&'a self, mailbox: &'a SmtpAddress) -> BoxFuture<'a, Result<Vec<Url>, String>> {
        self.asked.lock().unwrap().push(mailbox.to_string());
        let urls = self.urls.lock().unwrap().clone();
        Box::pin(async move {
            // Others come to the same place meanwhile.
            tokio::task::yield_now().await;
            let _leave = self.leave.acquire().await;
            urls
        })
    }
}

struct Scene {
    ways: Arc<Ways>,
    clock: Clock,
    find: Arc<Named>,
}

impl Scene {
    fn new(configured: &Url, find: Arc<Named>, worlds: &[&World]) -> Self {
        Self::in_environment(configured, find, worlds, false)
    }

    fn in_environment(configured: &Url, find: Arc<Named>, worlds: &[&World], hybrid: bool) -> Self {
        let clock = Clock::manual("2026-11-28T08:00:00Z".parse().unwrap());
        let roots: Vec<String> = worlds.iter().map(|world| world.ca()).collect();
        let open = move |url: &Url| {
            let credentials = Credentials::Basic { user: "svc@corp.example".to_owned(), password: "geheim".into() };
            let endpoint = Endpoint { extra_roots: roots.clone(), ..Endpoint::new(url.clone(), credentials) };
            Client::new(endpoint).map_err(|error| error.to_string())
        };
        let client = open(configured).unwrap();
        let ways = Ways::fixed(configured, client, clock.clone()).searching(find.clone(), Box::new(open), hybrid);
        Self { ways: Arc::new(ways), clock, find }
    }

    /// Two that have the settings in common: the engine, and what persons ask. Each has an Autodiscover of its own.
    fn two(configured: &Url, find: [Arc<Named>; 2], worlds: &[&World]) -> [Self; 2] {
        let servers = Arc::<Servers>::default();
        let clock = Clock::manual("2026-11-28T08:00:00Z".parse().unwrap());
        find.map(|find| {
            let scene = Self::new(configured, find.clone(), worlds);
            let ways = Arc::into_inner(scene.ways).unwrap().sharing(servers.clone()).by(clock.clone());
            Self { ways: Arc::new(ways), clock: clock.clone(), find }
        })
    }

    /// As a person asks: where the mailbox was opened.
    async fn ask(&self, name: &str, patience: Duration) -> Result<Url, Arc<EwsError>> {
        let open = |mailbox: Mailbox| async move {
            mailbox.get_folder(&FolderId::SENT_ITEMS).await.map(|_| mailbox.server_url().parse().unwrap())
        };
        self.ways.ask(&address(name), Instant::now() + patience, open).await
    }

    /// As the engine goes on: where the mailbox was opened, or the error and what is said of other servers.
    async fn open(&self, name: &str) -> Result<Url, (EwsError, Elsewhere)> {
        let address = address(name);
        loop {
            let mailbox = self.ways.mailbox(&address);
            let server = mailbox.server_url().to_owned();
            let Err(error) = mailbox.get_folder(&FolderId::SENT_ITEMS).await else {
                return Ok(server.parse().unwrap());
            };
            match self.ways.elsewhere(&address, &server, &error).await {
                Elsewhere::Yes => {}
                end => return Err((error, end)),
            }
        }
    }
}

/// U1, issue 5: the server is gone, and its successor is found once for everybody.
#[tokio::test]
async fn a_server_that_is_gone_is_searched_for_once_and_the_found_one_stands_in() {
    let new = World::new(well).await;
    let scene = Scene::new(&nothing(), Named::new([at(&new)]), &[&new]);
    let (anna, ben, carla) = tokio::join!(scene.open("anna"), scene.open("ben"), scene.open("carla"));
    for opened in [anna, ben, carla, scene.open("dora").await] {
        assert_eq!(opened.unwrap(), at(&new));
    }
    assert_eq!(scene.find.asked(), 1);
    // After a while the configured one is tried again, and the search is repeated because it is still gone.
    scene.clock.advance(Duration::from_secs(3600));
    assert_eq!(scene.open("anna").await.unwrap(), at(&new));
    assert_eq!(scene.find.asked(), 2);
}

/// U1
#[tokio::test]
async fn a_configured_server_that_is_back_is_used_again() {
    let (old, new) = (World::new(well).await, World::new(well).await);
    let away = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let gate = away.clone();
    let configured = World::new(move |asked| {
        if gate.load(std::sync::atomic::Ordering::SeqCst) {
            Reply::redirect(302, "https://maintenance.corp.example/")
        } else {
            well(asked)
        }
    })
    .await;
    drop(old);
    let scene = Scene::new(&at(&configured), Named::new([at(&new)]), &[&configured, &new]);
    assert_eq!(scene.open("anna").await.unwrap(), at(&new));
    away.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(scene.open("anna").await.unwrap(), at(&new));
    scene.clock.advance(Duration::from_secs(3601));
    assert_eq!(scene.open("anna").await.unwrap(), at(&configured));
    assert_eq!(scene.find.asked(), 1);
}

/// U9: a search that leads nowhere is repeated after growing pauses, whoever asks.
#[tokio::test]
async fn searches_that_lead_nowhere_are_made_after_growing_pauses() {
    let scene = Scene::new(&nothing(), Named::new([]), &[]);
    scene.find.names(Err("https://corp.example/autodiscover: no answer".to_owned()));
    let mut searches = Vec::new();
    for minute in 0..150 {
        let before = scene.find.asked();
        for name in ["anna", "ben"] {
            let (error, end) = scene.open(name).await.unwrap_err();
            assert!(matches!(error, EwsError::Connect { .. }) && end == Elsewhere::No, "{error}");
        }
        if scene.find.asked() > before {
            searches.push(minute);
        }
        scene.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(searches, [0, 1, 3, 8, 23, 53, 113]);
    assert_eq!(scene.find.asked(), searches.len());
}

/// U11: what Autodiscover names is used only after Exchange has answered there.
#[tokio::test]
async fn a_server_that_does_not_answer_as_exchange_is_not_gone_over_to() {
    let (portal, refusing, untrusted) = (
        World::new(|_| Reply::xml("<!DOCTYPE html><html><title>Sign in</title></html>")).await,
        World::new(|_| Reply::sign_in(&["Basic"])).await,
        World::new(well).await,
    );
    for bad in [&portal, &refusing, &untrusted] {
        let scene = Scene::new(&nothing(), Named::new([at(bad)]), &[&portal, &refusing]);
        let (_, end) = scene.open("anna").await.unwrap_err();
        assert_eq!(end, Elsewhere::No);
    }
    assert!(untrusted.asked().is_empty());
    // The next address that it names may do.
    let good = World::new(well).await;
    let scene = Scene::new(&nothing(), Named::new([at(&portal), at(&good)]), &[&portal, &good]);
    assert_eq!(scene.open("anna").await.unwrap(), at(&good));
}

/// U9: only the mailbox that moved goes elsewhere.
#[tokio::test]
async fn a_mailbox_that_moved_is_found_and_the_others_stay() {
    for code in ["ErrorMailboxMoved", "ErrorNoRespondingCASInDestinationSite", "ErrorWrongServerVersion"] {
        let old = World::new(move |asked| if asked.body.contains("anna@") { fault(code) } else { well(asked) }).await;
        let new = World::new(well).await;
        let scene = Scene::new(&at(&old), Named::new([at(&new)]), &[&old, &new]);
        assert_eq!(scene.open("anna").await.unwrap(), at(&new));
        assert_eq!(scene.open("ben").await.unwrap(), at(&old));
        assert_eq!(scene.open("anna").await.unwrap(), at(&new));
        assert_eq!(*scene.find.asked.lock().unwrap(), ["anna@corp.example"]);
        // It is remembered for a day.
        scene.clock.advance(Duration::from_secs(25 * 3600));
        assert_eq!(scene.open("anna").await.unwrap(), at(&new));
        assert_eq!(scene.find.asked(), 2);
    }
}

/// U9, U10
#[tokio::test]
async fn a_mailbox_that_is_nowhere_else_is_not_searched_for_with_each_message() {
    let old = World::new(|_| fault("ErrorMailboxMoved")).await;
    let scene = Scene::new(&at(&old), Named::new([at(&old)]), &[&old]);
    for _ in 0..5 {
        assert_eq!(scene.open("anna").await.unwrap_err().1, Elsewhere::No);
    }
    assert_eq!(scene.find.asked(), 1);
    scene.clock.advance(Duration::from_secs(60));
    scene.open("anna").await.unwrap_err();
    assert_eq!(scene.find.asked(), 2);
}

/// U6, issue 5: in a hybrid organisation a mailbox that is not here may be there; on premises nobody is asked.
#[tokio::test]
async fn a_mailbox_that_is_not_there_is_searched_for_in_a_hybrid_organisation_only() {
    let here = World::new(|_| fault("ErrorNonExistentMailbox")).await;
    let there = World::new(well).await;
    for hybrid in [false, true] {
        let scene = Scene::in_environment(&at(&here), Named::new([at(&there)]), &[&here, &there], hybrid);
        match scene.open("anna").await {
            Ok(server) => assert!(hybrid && server == at(&there)),
            Err((_, end)) => assert!(!hybrid && end == Elsewhere::No),
        }
        assert_eq!(scene.find.asked(), usize::from(hybrid));
    }
}

/// U6, U10: a server that stands in may lack mailboxes of the one that is gone; that is no answer for good.
#[tokio::test]
async fn a_mailbox_that_the_stand_in_lacks_is_not_taken_for_none() {
    let other =
        World::new(|asked| if asked.body.contains("ben@") { fault("ErrorNonExistentMailbox") } else { well(asked) })
            .await;
    let scene = Scene::new(&nothing(), Named::new([at(&other)]), &[&other]);
    assert_eq!(scene.open("anna").await.unwrap(), at(&other));
    scene.find.names(Err("no answer".to_owned()));
    assert_eq!(scene.open("ben").await.unwrap_err().1, Elsewhere::Unknown);
    assert_eq!(scene.open("anna").await.unwrap(), at(&other));
    // Autodiscover names that very server for it: then there is none.
    scene.clock.advance(Duration::from_secs(60));
    scene.find.names(Ok(vec![at(&other)]));
    assert_eq!(scene.open("ben").await.unwrap_err().1, Elsewhere::No);
}

/// U1: the configured address stays the one to fall back to.
#[tokio::test]
async fn a_stand_in_that_goes_as_well_leads_back_to_the_configured_server() {
    let new = World::new(well).await;
    let configured = nothing();
    let scene = Scene::new(&configured, Named::new([at(&new)]), &[&new]);
    assert_eq!(scene.open("anna").await.unwrap(), at(&new));
    drop(new);
    let (error, end) = scene.open("anna").await.unwrap_err();
    assert!(error.to_string().contains(&configured.port().unwrap().to_string()), "{error}");
    assert_eq!((end, scene.find.asked()), (Elsewhere::No, 1));
}

/// W2: where the administrator gave the address, nobody else is asked.
#[tokio::test]
async fn a_server_that_was_given_by_hand_stays_the_only_one() {
    let url = nothing();
    let credentials = Credentials::Basic { user: "svc@corp.example".to_owned(), password: "geheim".into() };
    let ways = Ways::fixed(&url, Client::new(Endpoint::new(url.clone(), credentials)).unwrap(), Clock::system());
    let error = ways.mailbox(&address("anna")).get_folder(&FolderId::SENT_ITEMS).await.unwrap_err();
    assert_eq!(ways.elsewhere(&address("anna"), url.as_str(), &error).await, Elsewhere::No);
}

/// W10, issue 5: what a person asks finds the server that took over as well, and what one has found the other uses.
#[tokio::test]
async fn a_person_and_the_engine_do_not_both_search_for_a_server_that_is_gone() {
    let new = World::new(well).await;
    let [engine, person] = Scene::two(&nothing(), [Named::new([at(&new)]), Named::new([at(&new)])], &[&new]);
    assert_eq!(person.ask("anna", PATIENCE).await.unwrap(), at(&new));
    assert_eq!(engine.open("ben").await.unwrap(), at(&new));
    assert_eq!((person.find.asked(), engine.find.asked()), (1, 0));

    let [engine, person] = Scene::two(&nothing(), [Named::new([at(&new)]), Named::new([at(&new)])], &[&new]);
    let (opened, asked) = tokio::join!(engine.open("anna"), person.ask("ben", PATIENCE));
    assert_eq!((opened.unwrap(), asked.unwrap()), (at(&new), at(&new)));
    assert_eq!(person.find.asked() + engine.find.asked(), 1);
}

/// W10, U9
#[tokio::test]
async fn a_mailbox_that_moved_is_found_for_a_person_and_known_to_the_engine() {
    let old =
        World::new(|asked| if asked.body.contains("anna@") { fault("ErrorMailboxMoved") } else { well(asked) }).await;
    let new = World::new(well).await;
    let [engine, person] = Scene::two(&at(&old), [Named::new([]), Named::new([at(&new)])], &[&old, &new]);
    assert_eq!(person.ask("anna", PATIENCE).await.unwrap(), at(&new));
    assert_eq!(person.ask("ben", PATIENCE).await.unwrap(), at(&old));
    assert_eq!(engine.open("anna").await.unwrap(), at(&new));
    assert_eq!((person.find.asked(), engine.find.asked()), (1, 0));
}

/// W10: what the server says is told when there is no other, and a person learns of the first trouble.
#[tokio::test]
async fn a_person_is_told_what_the_server_says_where_there_is_no_other() {
    let refusing = World::new(|_| fault("ErrorImpersonateUserDenied")).await;
    let [_, person] = Scene::two(&at(&refusing), [Named::new([]), Named::new([])], &[&refusing]);
    let error = person.ask("anna", PATIENCE).await.unwrap_err();
    assert!(error.to_string().contains("ErrorImpersonateUserDenied"), "{error}");
    assert_eq!(person.find.asked(), 0);
    let [_, person] = Scene::two(&nothing(), [Named::new([]), Named::new([])], &[]);
    let error = person.ask("anna", PATIENCE).await.unwrap_err();
    assert!(matches!(*error, EwsError::Connect { .. }), "{error}");
    assert_eq!(person.find.asked(), 1);
}

/// W10: a person does not wait for ever, and the search is not in vain.
#[tokio::test]
async fn a_search_that_outlasts_the_patience_goes_on_for_whoever_asks_next() {
    let new = World::new(well).await;
    let [engine, person] = Scene::two(&nothing(), [Named::new([at(&new)]), Named::new([at(&new)])], &[&new]);
    let taken = person.find.leave.acquire().await.unwrap();
    let error = person.ask("anna", Duration::ZERO).await.unwrap_err();
    assert!(matches!(*error, EwsError::Connect { .. }), "{error}");
    drop(taken);
    assert_eq!(engine.open("ben").await.unwrap(), at(&new));
    assert_eq!((person.find.asked(), engine.find.asked()), (1, 0));
}
