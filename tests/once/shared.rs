//! The same on a queue in PostgreSQL. An updater that is killed goes on by itself; one whose computer is gone has what it
//! was working on taken over by another.
//!
//! What was committed is in the database whatever happens to an updater; that the database keeps it through a crash of its
//! own is the matter of `tests/shared_queue.rs`. So its flushes are left out here. How an item is changed does not depend on
//! where the queue is: of the scenarios those are played again that differ in what they ask of the queue.

#[path = "../postgres/mod.rs"]
mod postgres;

use std::sync::OnceLock;
use std::time::Instant;

use sent_items_update::updater::boundaries::{Boundary, Operation};

use crate::life::Crash;
use crate::world::{Database, World};
use crate::{LATE, crashes, play_all, random, scenario, undisturbed};
use postgres::Server;

/// What is played again.
const SCENARIOS: [&str; 8] = [
    "in place",
    "several of one mailbox in shared requests",
    "a large message, handed over twice, forgotten in the end",
    "copy mode",
    "split into three, the last wins",
    "the client is late",
    "given up, then tried again by hand",
    "two updaters on one queue",
];

/// Seconds of a lease where nobody else is at work while it lasts.
const SHORT: u32 = 60;

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| Server::start_with("exactly once on a queue in PostgreSQL", "fsync = off\n")).as_ref()
}

/// A world with a schema of its own.
fn world(server: &'static Server, number: u64, lease: u32) -> World {
    let schema = format!("world_{number}");
    let address = server.address(&format!("schema={schema}&lease={lease}")).parse().unwrap();
    let clear = format!(
        "DO $$BEGIN IF to_regclass('{schema}.message') IS NOT NULL THEN
             TRUNCATE {schema}.message, {schema}.content, {schema}.mailbox;
         END IF; END$$"
    );
    let empty = move || drop(server.sql(&clear));
    World::on(Some(Database { address, empty: Box::new(empty) }), number)
}

/// U8, X5
#[test]
fn the_same_holds_where_updaters_share_a_queue_and_one_takes_over_from_the_other() {
    let Some(server) = server() else { return };
    let began = Instant::now();
    let mut scenarios = scenario::all();
    scenarios.retain(|scenario| SCENARIOS.contains(&scenario.name));
    assert_eq!(scenarios.len(), SCENARIOS.len(), "a scenario has another name");
    let mut cases = Vec::new();
    {
        let world = world(server, 0, SHORT);
        for scenario in &scenarios {
            let mut crashes = crashes(&undisturbed(&world, scenario));
            // One lateness of requests under way will do.
            crashes.retain(|crash| !matches!(crash, Crash::UnderWay { late, .. } if *late != LATE[1]));
            cases.extend(crashes.into_iter().map(|crash| (scenario, crash)));
        }
    }
    let found = play_all(cases, |number| world(server, number, SHORT));
    found.tell("exactly once, on a shared queue", scenarios.len(), began);
    // All that the queue and the dispatcher pass; there are no files, and whatever is committed is on disk.
    let boundaries = [
        Boundary::BeforeCommit,
        Boundary::CommittedToDisk,
        Boundary::AcceptanceToReport,
        Boundary::TurnAnswered,
        Boundary::AttemptBegins,
        Boundary::AttemptEnded,
        Boundary::OutcomeToRecord,
        Boundary::RequestToSend(Operation::UpdateItem),
        Boundary::AnswerReceived(Operation::UpdateItem),
        Boundary::RequestToSend(Operation::CreateItem),
        Boundary::AnswerReceived(Operation::CreateItem),
    ];
    // Who shares a database with others meets its claims and commits in another number each time.
    found.is_good(&boundaries, 5);
}

/// U8, X5: several crashes in one run, trouble with the server, and in every second case another updater at work all the while.
#[test]
fn whatever_happens_by_chance_the_end_is_the_specified_one_on_a_shared_queue_too() {
    let Some(server) = server() else { return };
    random::run("exactly once, by chance, on a shared queue", 30, |number| world(server, number, 300));
}
