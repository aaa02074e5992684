//! Several updaters, as processes, on one queue in PostgreSQL (X5).
#![cfg(unix)]

mod postgres;
mod process;

use std::ops::Range;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use postgres::Server;
use process::organisation::{self, Mail};
use process::{PATIENCE, Place, Updater, message, text};
use sent_items_update::pipe::client::{Client, PipeError};
use sent_items_update::pipe::types::{Counts, Filter, Listed, Rule, State};
use sent_items_update::sandbox::Sandbox;

/// Messages that two updaters share.
const ALL: usize = 500;

/// Hand-overs at a time: one after the other, 500 of them would mostly wait for their turn on a busy machine.
const AT_A_TIME: usize = 16;

/// The server of those tests that do nothing to it; each has a schema of its own.
fn common() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("updaters that share a queue in PostgreSQL")).as_ref()
}

/// An organisation, and places for two updaters on one queue.
struct Scene {
    places: [Place; 2],
    sandbox: Sandbox,
    people: Vec<String>,
}

impl Scene {
    async fn new(server: &Server, words: &str) -> Self {
        let places = [(); 2].map(|()| Place::on(&server.address(words)));
        let sandbox = organisation::open(&places[0].folder().join("organisation")).await;
        let people = organisation::people(sandbox.control());
        Self { places, sandbox, people }
    }

    /// Starts both; they keep the original and add a copy, so that a message that is done twice has two.
    async fn start(&self) -> [Updater<'_>; 2] {
        let [one, other] = &self.places;
        let updaters = [one.start().await, other.start().await];
        for place in &self.places {
            organisation::connect(&place.client(), &self.sandbox, |settings| {
                settings.options.create_copy = true;
                settings.limits.connections = 4;
                settings.schedule.not_found_pauses = vec![1];
                settings.schedule.error_pauses = vec![1];
            })
            .await;
        }
        updaters
    }

    async fn store(&self) {
        organisation::store(self.sandbox.control(), &self.people, (0..ALL).map(|number| Mail { number })).await;
    }

    /// Hands messages over, to one updater and the other by turns.
    async fn submit(&self, numbers: Range<usize>) {
        self.submit_to(&self.places.each_ref().map(Place::client), numbers).await;
    }

    async fn submit_to(&self, clients: &[Client], numbers: Range<usize>) {
        let handed_over = numbers.map(|number| submit(&clients[number % clients.len()], Mail { number }, &self.people));
        futures_util::stream::iter(handed_over).buffer_unordered(AT_A_TIME).collect::<()>().await;
    }

    /// Switches both on or off.
    async fn switch(&self, on: bool) {
        for place in &self.places {
            process::change(&place.client(), None, |settings| settings.enabled = on).await;
        }
    }

    /// Waits until an updater knows that every message has its end.
    async fn ended(&self, place: &Place) {
        let wanted = Counts { updated: i64::try_from(ALL).unwrap(), ..Counts::default() };
        let (client, give_up) = (place.client(), Instant::now() + 4 * PATIENCE);
        loop {
            let counts = client.status().await.unwrap().counts;
            if counts == wanted {
                return;
            }
            assert!(Instant::now() < give_up, "it stays at {counts:?}:\n{}", place.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the second updater has done everything, those messages included that the first had leased. In case the
    /// first one's requests are still carried out, it looks at those once more, a minute later; `tests/once` waits for that,
    /// by a clock of its own.
    async fn taken_over(&self, left: &[i64]) {
        let (client, give_up) = (self.places[1].client(), Instant::now() + 4 * PATIENCE);
        let waiting = Filter { state: Some(State::Waiting), limit: Some(1000), ..Filter::default() };
        loop {
            let Counts { updated, waiting: count, working, .. } = client.status().await.unwrap().counts;
            if working == 0 && updated + count == i64::try_from(ALL).unwrap() {
                let rest = client.messages(&waiting).await.unwrap();
                let shown = |row: &Listed| row.reason.starts_with("Sent Items shows the message");
                if rest.iter().all(|row| left.contains(&row.id) && row.tries > 1 && shown(row)) {
                    return;
                }
            }
            assert!(Instant::now() < give_up, "it stays at {count} that wait:\n{}", self.places[1].log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every mailbox has each original and one updated copy of it.
    async fn is_right(&self) {
        for (at, mailbox) in self.people.iter().enumerate() {
            let items = organisation::visible(self.sandbox.control(), mailbox).await;
            let mails: Vec<Mail> = (at..ALL).step_by(self.people.len()).map(|number| Mail { number }).collect();
            assert_eq!(items.len(), 2 * mails.len(), "items in the mailbox of {mailbox}");
            for mail in mails {
                let of_mail = items.iter().filter(|item| item.message_id.as_deref() == Some(&mail.id()));
                let (right, rest): (Vec<_>, Vec<_>) = of_mail.partition(|item| mail.problem(item).is_none());
                assert_eq!((right.len(), rest.len()), (1, 1), "items of message {}", mail.number);
            }
        }
    }

    /// How many messages each updater brought to an end.
    fn finished(&self) -> [usize; 2] {
        [0, 1].map(|at: usize| self.places[at].log().lines().filter(|line| line.contains(" finished id=")).count())
    }
}

/// Hands a message over until it is acknowledged, as a signature program does.
async fn submit(client: &Client, mail: Mail, people: &[String]) {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match client.submit(mail.processed(people)).await {
            Ok(_) => return,
            Err(PipeError::Refused { problem, .. }) if problem.temporary => {}
            Err(other) => panic!("message {}: {other}", mail.number),
        }
        assert!(Instant::now() < give_up, "message {} is not acknowledged", mail.number);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn already_done(client: &Client) -> usize {
    let filter = Filter { limit: Some(1000), ..Filter::default() };
    let messages = client.messages(&filter).await.unwrap();
    assert_eq!(messages.len(), ALL);
    messages.iter().filter(|message| message.rule == Some(Rule::AlreadyDone)).count()
}

/// X5, U8
#[tokio::test(flavor = "multi_thread")]
async fn two_updaters_share_the_messages_and_do_none_twice() {
    let Some(server) = common() else { return };
    let scene = Scene::new(server, "schema=two").await;
    let updaters = scene.start().await;
    scene.store().await;
    scene.submit(0..ALL).await;
    for place in &scene.places {
        scene.ended(place).await;
    }
    scene.is_right().await;
    assert_eq!(already_done(&scene.places[0].client()).await, 0);
    let finished = scene.finished();
    eprintln!("{ALL} messages: {finished:?}");
    assert!(finished.iter().sum::<usize>() == ALL && finished.iter().all(|count| *count > ALL / 20), "{finished:?}");
    for updater in updaters {
        updater.stop().await;
    }
    scene.sandbox.stop().await;
}

/// X5, U8
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_updater_was_working_on_is_taken_over_when_its_lease_ends() {
    let Some(server) = common() else { return };
    let scene = Scene::new(server, "schema=killed&lease=5").await;
    let [first, second] = scene.start().await;
    scene.store().await;
    // So much waits that both have their hands full when they begin.
    scene.switch(false).await;
    scene.submit(0..ALL / 2).await;
    scene.switch(true).await;
    let name = std::fs::read_to_string(scene.places[0].data().join("queue.name")).unwrap();
    let leased = format!("SELECT id FROM killed.message WHERE state = 1 AND starts_with(owner, '{name}/')");
    let give_up = Instant::now() + PATIENCE;
    let left: Vec<i64> = loop {
        // It stands still while it is looked at.
        first.signal("STOP");
        let left: Vec<i64> = server.sql(&leased).lines().map(|id| id.parse().unwrap()).collect();
        if !left.is_empty() && scene.finished()[0] > 0 {
            first.kill();
            break left;
        }
        first.signal("CONT");
        assert!(Instant::now() < give_up, "it never has anything to do:\n{}", scene.places[0].log());
    };
    let began = Instant::now();
    scene.submit_to(&[scene.places[1].client()], ALL / 2..ALL).await;
    scene.taken_over(&left).await;
    let after = began.elapsed();
    scene.is_right().await;
    let finished = scene.finished();
    eprintln!(
        "{} messages were leased by the killed updater, and done {after:?} later; finished: {finished:?}",
        left.len()
    );
    assert_eq!(server.sql(&leased), "");
    second.stop().await;
    scene.sandbox.stop().await;
}

/// X5, U2, U8
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_crashes_in_the_middle_costs_no_message_and_both_updaters_go_on() {
    let Some(mut server) = Server::start("a database that crashes") else { return };
    let scene = Scene::new(&server, "").await;
    let updaters = scene.start().await;
    scene.store().await;
    scene.submit(0..ALL / 2).await;
    server.stop("QUIT");
    let (rest, ()) = tokio::join!(scene.submit(ALL / 2..ALL), async { tokio::task::block_in_place(|| server.run()) });
    let () = rest;
    for place in &scene.places {
        scene.ended(place).await;
    }
    scene.is_right().await;
    for updater in updaters {
        updater.stop().await;
    }
    scene.sandbox.stop().await;
}

/// X5
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_one_accepts_while_it_is_busy_is_updated_at_once_by_the_other() {
    let Some(server) = common() else { return };
    let scene = Scene::new(server, "schema=hears").await;
    let updaters = scene.start().await;
    process::change(&scene.places[0].client(), None, |settings| settings.enabled = false).await;
    organisation::store(scene.sandbox.control(), &scene.people, [Mail { number: 1 }]).await;
    let began = Instant::now();
    scene.places[0].client().submit(Mail { number: 1 }.processed(&scene.people)).await.unwrap();
    let client = scene.places[0].client();
    while client.status().await.unwrap().counts.updated == 0 {
        // Without being told it would look once a minute.
        assert!(began.elapsed() < Duration::from_secs(20), "{}", scene.places[1].log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    eprintln!("accepted by one, updated by the other after {:?}", began.elapsed());
    assert_eq!(scene.finished(), [0, 1]);
    for updater in updaters {
        updater.stop().await;
    }
    scene.sandbox.stop().await;
}

/// U11
#[tokio::test]
async fn a_password_in_the_address_is_refused_and_told_nowhere() {
    let place = Place::new();
    let data = place.data();
    let run = |address: &str| {
        let output = place.output(&["run", "--data", data.to_str().unwrap(), "--queue", address]);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    for address in ["postgres://siu:s3cret@127.0.0.1/siu", "postgres://siu:s3cret?x@127.0.0.1/siu"] {
        let said = run(address);
        assert!(said.contains("password file") && !said.contains("s3cret"), "{said}");
    }
    let said = run("mysql://127.0.0.1/siu");
    assert!(said.contains("postgres://"), "{said}");
    // Nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = run(&format!("postgres://siu@127.0.0.1:{port}/siu"));
    assert!(said.contains("can't be reached at 127.0.0.1"), "{said}");
    let mut help = place.command(&["run", "--help"]);
    let help = text(&help.env("SIU_QUEUE", "postgres://siu:s3cret@db/siu").output().unwrap().stdout);
    assert!(help.contains("PGPASSWORD") && !help.contains("s3cret"), "{help}");
}

/// U2: the gateway is told to come again, the status says why, and the settings name the queue as well.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_smtp_says_451_and_the_status_says_why() {
    let Some(mut server) = Server::start("SMTP while the database is away") else { return };
    let place = Place::new();
    let updater = place.start().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    process::change(&place.client(), None, |settings| {
        settings.queue = Some(sent_items_update::settings::QueueSettings { address: server.address("") });
        settings.intake.smtp = Some(sent_items_update::settings::SmtpSettings {
            listen: ([127, 0, 0, 1], port).into(),
            allow_remote: false,
        });
    })
    .await;
    let notices = place.client().status().await.unwrap().notices;
    assert!(notices.iter().any(|notice| notice.contains("from the next start on")), "{notices:?}");
    updater.stop().await;
    let updater = place.start().await;
    assert!(place.client().status().await.unwrap().notices.is_empty());
    let hand_over = |number: usize| tokio::task::spawn_blocking(move || smtp(port, &message(number, "anna@x.example")));
    assert!(hand_over(1).await.unwrap().starts_with("250 "));
    server.stop("QUIT");
    let said = hand_over(2).await.unwrap();
    assert!(said.starts_with("451 "), "{said}");
    let notices = place.client().status().await.unwrap().notices;
    assert!(notices.iter().any(|notice| notice.contains("Nothing is accepted")), "{notices:?}");
    let listed = place.client().messages(&Filter::default()).await.unwrap_err();
    assert!(matches!(&listed, PipeError::Refused { problem, .. } if problem.temporary), "{listed}");
    server.run();
    let give_up = Instant::now() + PATIENCE;
    while !hand_over(2).await.unwrap().starts_with("250 ") {
        assert!(Instant::now() < give_up, "{}", place.log());
    }
    let listed = place.client().messages(&Filter::default()).await.unwrap();
    assert_eq!(listed.iter().map(|row| row.subject.as_str()).collect::<Vec<_>>(), ["Message 2", "Message 1"]);
    assert!(place.log().contains("is out of reach") && place.log().contains("is back"), "{}", place.log());
    // Without its database it still stops in order.
    server.stop("INT");
    updater.stop().await;
}

/// Hands a message over as a gateway does, and gives the answer to its end.
fn smtp(port: u16, message: &str) -> String {
    use std::io::{BufRead as _, BufReader, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut answer = |wanted: &str| {
        let mut line = String::new();
        answers.read_line(&mut line).unwrap();
        assert!(wanted.is_empty() || line.starts_with(wanted), "{line}");
        line
    };
    answer("220");
    for (command, wanted) in
        [("HELO test", "250"), ("MAIL FROM:<>", "250"), ("RCPT TO:<siu@x.example>", "250"), ("DATA", "354")]
    {
        write!(stream, "{command}\r\n").unwrap();
        answer(wanted);
    }
    write!(stream, "{message}.\r\n").unwrap();
    answer("")
}
