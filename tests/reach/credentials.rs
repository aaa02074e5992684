//! Nobody gets a password who may not have it. Every server here notes what it is sent.

use sent_items_update::sandbox::PointHost;

use crate::network::Records;
use crate::network::web::{Answer, Authority, Web};
use crate::organisation::{Reached, Shown, fails, says, succeeds};
use crate::process::text;

const ADDRESS: &str = "anna.bergstroem@nordwind.example";

fn html(body: &str) -> Answer {
    Answer::Now(200, "Content-Type: text/html\r\n".to_owned(), body.to_owned())
}

fn xml(body: String) -> Answer {
    Answer::Now(200, "Content-Type: text/xml\r\n".to_owned(), body)
}

fn leads_to(place: &str) -> Answer {
    Answer::Now(302, format!("Location: {place}\r\n"), String::new())
}

/// Servers that DNS names before the right one.
struct Traps {
    /// Another organisation's: asks everybody for a password.
    outside: Web,
    /// In the domain, with a certificate of an authority that nobody trusts.
    stranger: Web,
    /// In the domain, and reached.
    others: Vec<(&'static str, Web)>,
    trusted: Authority,
}

impl Traps {
    async fn set() -> Self {
        let (trusted, unknown) = (Authority::new(), Authority::new());
        let asks = Answer::Now(401, "WWW-Authenticate: Basic realm=\"x\"\r\n".to_owned(), String::new());
        let outside = Web::start(&trusted, "evil.example", asks.clone()).await;
        let there = format!("https://evil.example:{}", outside.port());
        let pox = |inside: &str| {
            xml(format!(
                "<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006\"><Response \
                 xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a\"><Account>\
                 {inside}</Account></Response></Autodiscover>"
            ))
        };
        let ews = format!("<EwsUrl>{there}/EWS/Exchange.asmx</EwsUrl>");
        let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><Autodiscover>&b;\
                    </Autodiscover>";
        let mut others = Vec::new();
        for (name, answer) in [
            // It accepts everything and everybody.
            ("portal", html("<!DOCTYPE html><html><title>Welcome to the hotel</title></html>")),
            ("leading", leads_to(&format!("{there}/autodiscover/autodiscover.xml"))),
            ("plain", leads_to("http://mail.nordwind.example/autodiscover/autodiscover.xml")),
            ("circle", leads_to("/autodiscover/again.xml")),
            ("liar", pox(&format!("<Action>settings</Action><Protocol><Type>EXCH</Type>{ews}</Protocol>"))),
            ("bomb", xml(bomb.to_owned())),
        ] {
            others.push((name, Web::start(&trusted, &format!("{name}.nordwind.example"), answer).await));
        }
        let stranger = Web::start(&unknown, "stranger.nordwind.example", asks).await;
        Self { outside, stranger, others, trusted }
    }

    fn records(&self) -> impl FnOnce(Records, u16) -> Records + 'static {
        let mut places: Vec<(String, u16)> =
            self.others.iter().map(|(name, web)| (format!("{name}.nordwind.example"), web.port())).collect();
        places.push(("evil.example".to_owned(), self.outside.port()));
        places.push(("stranger.nordwind.example".to_owned(), self.stranger.port()));
        move |records, port| {
            places.push(("mail.nordwind.example".to_owned(), port));
            let service = |records: Records, (host, port): (String, u16)| {
                records.service("_autodiscover._tcp", "nordwind.example", &host, port)
            };
            places.into_iter().fold(records, service)
        }
    }

    /// Nothing was said that should not have been.
    #[track_caller]
    fn learnt_nothing(&self) {
        let asked: Vec<_> = self.outside.asked().into_iter().chain(self.stranger.asked()).collect();
        assert!(asked.is_empty(), "{asked:?}");
        for (name, web) in &self.others {
            let asked = web.asked();
            assert!(!asked.is_empty(), "{name} was not asked");
            assert!(asked.iter().all(|asked| asked.authorization.is_none()), "{name}: {asked:?}");
        }
    }
}

/// W8, U11: portals, liars, strangers and another organisation stand in the way, and the right server is found
/// nevertheless. The password goes there and nowhere else.
#[tokio::test(flavor = "multi_thread")]
async fn the_password_passes_every_trap_and_arrives_at_the_right_server() {
    let traps = Traps::set().await;
    let shown = Shown {
        connection_point: PointHost::Nothing,
        records: Box::new(traps.records()),
        authorities: traps.trusted.pem(),
        ..Shown::by_record()
    };
    let reached = Reached::sandbox(shown).await;
    let name_server = reached.name_server.to_string();
    let mut command = reached.place.command(&["autodiscover", ADDRESS, "--name-server", &name_server]);
    command.args(["--account", &reached.account]).arg("--ca").arg(&reached.ca);
    let output = command.env("SIU_PASSWORD", &reached.account_password).env("COLUMNS", "400").output().unwrap();
    let told = text(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(output.status.success(), "{told}");
    says(&text(&output.stdout), &["https://localhost"]);
    says(
        &told,
        &["a web page answers", "evil.example", "is not encrypted", "was asked already", "document type", "authority"],
    );
    traps.learnt_nothing();

    let updater = reached.place.start().await;
    says(&succeeds(reached.configure(&["--create-account"])), &["configured and on"]);
    traps.learnt_nothing();
    for secret in [&reached.account_password, &reached.administrator_password] {
        assert!(!told.contains(secret) && !reached.place.log().contains(secret));
    }
    updater.stop().await;
    reached.stop().await;
}

/// W2, W8: a server that was given by hand and is not what it should be gets no password either.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_given_by_hand_with_a_wrong_certificate_learns_nothing() {
    let (trusted, unknown) = (Authority::new(), Authority::new());
    let shown = Shown { authorities: trusted.pem(), ..Shown::by_connection_point() };
    let reached = Reached::sandbox(shown).await;
    let updater = reached.place.start().await;
    let asks = Answer::Now(401, "WWW-Authenticate: Basic realm=\"x\"\r\n".to_owned(), String::new());
    for (authority, name, words) in [
        (&unknown, "localhost", &["was issued by an authority", "does not trust", "connection.extra_roots"][..]),
        (&trusted, "mail.other.example", &["certificate", "mail.other.example"]),
    ] {
        let web = Web::start(authority, name, asks.clone()).await;
        let server = format!("https://localhost:{}/EWS/Exchange.asmx", web.port());
        let told = fails(reached.configure_with_account(&["--server", &server]));
        says(&told, &["✗ Locate the server", "What to do"]);
        says(&told, words);
        assert!(web.asked().is_empty(), "{:?}", web.asked());
    }
    updater.stop().await;
    reached.stop().await;
}
