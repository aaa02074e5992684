//! A database that is not as it should be: what the administrator is told, and that it goes on by itself once it is.

use super::super::postgres::SharedError;
use super::place;
use super::server::Server;
use super::tests::{everything, new, options, updated};
use super::*;

async fn open(folder: &Path, address: &str) -> Result<Queue, QueueError> {
    Queue::open_shared(folder, address.parse().unwrap(), Clock::system(), options()).await
}

async fn refused(address: &str) -> SharedError {
    let folder = tempfile::tempdir().unwrap();
    match open(folder.path(), address).await.map(drop).unwrap_err() {
        QueueError::Shared(problem) => problem,
        other => panic!("{other}"),
    }
}

/// Until the queue takes messages again.
async fn accepted_again(queue: &Queue, number: u8) {
    let accepted = async {
        while queue.accept(new(number, &format!("<{number}@x>"), "a@x"), vec![1].into()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), accepted).await.expect("it takes nothing any more");
}

/// X5
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_not_taken_for_the_database_and_of_two_servers_the_one_that_writes_is_found() {
    let Some(server) = Server::start("a standby of the shared queue's database") else { return };
    let standby = server.standby();
    let problem = refused(&standby.address("")).await;
    assert!(matches!(&problem, SharedError::ReadOnly { .. }), "{problem}");
    assert!(problem.to_string().contains("standby") && problem.to_string().contains("read-write"), "{problem}");
    let folder = tempfile::tempdir().unwrap();
    let both = [standby.place(), server.place()].join(",");
    let both = format!("postgres://siu@{both}/postgres?target_session_attrs=read-write");
    let queue = open(folder.path(), &both).await.unwrap();
    queue.accept(new(1, "<1@x>", "a@x"), vec![1].into()).await.unwrap();
    assert_eq!(server.sql("SELECT count(*) FROM sent_items_update.message"), "1");
}

/// U2, X5: an administrator sets it read-only, or another server takes over from it.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_becomes_read_only_takes_nothing_says_so_and_goes_on_afterwards() {
    let Some(server) = Server::start("a database that becomes read-only") else { return };
    let folder = tempfile::tempdir().unwrap();
    let queue = open(folder.path(), &server.address("")).await.unwrap();
    let set = |value: &str| {
        server.sql(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}"));
        server.sql("SELECT pg_reload_conf()");
    };
    set("on");
    // Its sessions hear of it when they have nothing to do.
    let mut number = 0;
    let refusal = loop {
        number += 1;
        let accepted = queue.accept(new(number, &format!("<{number}@x>"), "a@x"), vec![1].into()).await;
        if let Err(refusal) = accepted {
            break refusal;
        }
        assert!(number < 200, "it takes everything");
    };
    assert!(refusal.is_temporary() && refusal.to_string().contains("takes no changes"), "{refusal}");
    assert!(queue.notices()[0].contains("Nothing is accepted"), "{:?}", queue.notices());
    set("off");
    accepted_again(&queue, 250).await;
    assert!(queue.notices().is_empty(), "{:?}", queue.notices());
}

/// U2
#[tokio::test]
async fn where_the_disk_of_the_database_is_full_nothing_is_accepted_and_outcomes_are_recorded() {
    let Some(server) = place::server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let address = place::address(server, folder.path(), "");
    let queue = Queue::open_shared(folder.path(), address, Clock::system(), options()).await.unwrap();
    let schema = std::fs::read_to_string(folder.path().join("schema")).unwrap();
    let id = queue.accept(new(1, "<1@x>", "a@x"), vec![1].into()).await.unwrap().id;
    assert_eq!(queue.claim(everything()).await.unwrap().groups.concat().len(), 1);
    // What PostgreSQL says when it finds no room for the pieces of messages.
    server.sql(&format!(
        "CREATE FUNCTION {schema}.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
             RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
         END$$;
         CREATE TRIGGER full_disk BEFORE INSERT ON {schema}.content EXECUTE FUNCTION {schema}.full_disk()"
    ));
    let mut large = queue.spool().writer();
    large.write(&vec![7; spool::IN_MEMORY + 1]).unwrap();
    for (number, content) in [(2, vec![2].into()), (3, large.finish())] {
        let refusal = queue.accept(new(number, &format!("<{number}@x>"), "a@x"), content).await.unwrap_err();
        let is_there = matches!(&refusal, AcceptError::DiskFull { path } if path.contains(".s.PGSQL."));
        assert!(is_there && refusal.is_temporary(), "{refusal:?}");
    }
    assert_eq!(queue.problem().as_deref(), Some("the disk with the queue is full"));
    queue.finish(id, updated()).await.unwrap();
    assert_eq!(queue.counts(), Counts { updated: 1, ..Counts::default() });
    server.sql(&format!("DROP TRIGGER full_disk ON {schema}.content"));
    accepted_again(&queue, 4).await;
    assert_eq!(queue.problem(), None);
}

/// It signs in, and may do nothing there.
#[tokio::test]
async fn who_may_not_make_the_tables_is_told_so() {
    let Some(server) = place::server() else { return };
    server.sql("CREATE ROLE poor LOGIN");
    let problem = refused(&server.address("schema=of_the_poor").replace("siu@", "poor@")).await;
    let SharedError::Migrate { schema, said } = &problem else { panic!("{problem}") };
    assert!(schema == "of_the_poor" && said.contains("permission denied"), "{problem}");
}
