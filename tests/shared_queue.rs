//! Several updaters, as processes, on one queue in PostgreSQL (X5).
#![cfg(unix)]

mod postgres;
mod process;

use std::time::{Duration, Instant};

use postgres::Server;
use process::organisation::{self, Mail};
use process::{PATIENCE, Place, Updater, message, text};
use sent_items_update::pipe::client::{Client, PipeError};
use sent_items_update::pipe::types::{Counts, Filter, Rule};
use sent_items_update::sandbox::Sandbox;

/// Messages that two updaters share.
const ALL: usize = 500;

/// An organisation, and places for two updaters on one queue.
struct Scene {
    server: Option<Server>,
    places: [Place; 2],
    sandbox: Sandbox,
    people: Vec<String>,
}

impl Scene {
    async fn new(what: &str, lease: u32) -> Option<Self> {
        let server = Server::start(what)?;
        let places = [(); 2].map(|()| Place::on(&server.address(&format!("lease={lease}"))));
        let sandbox = organisation::open(&places[0].folder().join("organisation")).await;
        let people = organisation::people(sandbox.control());
        Some(Self { server: Some(server), places, sandbox, people })
    }

    /// Runs SQL.
    fn sql(&self, sql: &str) -> String {
        self.server.as_ref().unwrap().sql(sql)
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
    async fn submit(&self, numbers: std::ops::Range<usize>) {
        let clients = [self.places[0].client(), self.places[1].client()];
        for number in numbers {
            submit(&clients[number % 2], Mail { number }, &self.people).await;
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
    let Some(scene) = Scene::new("two updaters on one queue", 300).await else { return };
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
    let Some(scene) = Scene::new("an updater killed while another goes on", 5).await else { return };
    let [first, second] = scene.start().await;
    scene.store().await;
    scene.submit(0..ALL / 2).await;
    // In the middle of its work: something is leased by it.
    let name = std::fs::read_to_string(scene.places[0].data().join("queue.name")).unwrap();
    let leased =
        format!("SELECT count(*) FROM sent_items_update.message WHERE state = 1 AND starts_with(owner, '{name}/')");
    let give_up = Instant::now() + PATIENCE;
    let mut number = ALL / 2;
    let left = loop {
        // It stands still while it is looked at.
        first.signal("STOP");
        let left: usize = scene.sql(&leased).parse().unwrap();
        if left > 0 {
            first.kill();
            break left;
        }
        first.signal("CONT");
        assert!(Instant::now() < give_up && number < ALL, "it never has anything to do");
        submit(&scene.places[0].client(), Mail { number }, &scene.people).await;
        number += 1;
    };
    let other = scene.places[1].client();
    for number in number..ALL {
        submit(&other, Mail { number }, &scene.people).await;
    }
    scene.ended(&scene.places[1]).await;
    scene.is_right().await;
    eprintln!("{left} messages were leased by the killed updater; finished by each: {:?}", scene.finished());
    assert_eq!(scene.sql(&leased), "0");
    second.stop().await;
    scene.sandbox.stop().await;
}

/// X5, U2, U8
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_crashes_in_the_middle_costs_no_message_and_both_updaters_go_on() {
    let Some(mut scene) = Scene::new("a database that crashes", 300).await else { return };
    let mut server = scene.server.take().unwrap();
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
    let Some(scene) = Scene::new("an updater that hears of what another accepted", 300).await else { return };
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
    let said = run("postgres://siu:s3cret@127.0.0.1/siu");
    assert!(said.contains("password file") && !said.contains("s3cret"), "{said}");
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
