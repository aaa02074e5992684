//! What the embedded queue alone promises: it has files that can be full, lost and damaged.

use super::tests::{Bench, bench, everything, new, options, updated};
use super::*;

/// U2
#[tokio::test]
async fn a_full_disk_refuses_new_messages_and_still_records_what_happened_to_the_old_ones() {
    let folder = tempfile::tempdir().unwrap();
    let options = QueueOptions { max_message_bytes: 1 << 20, max_pages: Some(60) };
    let queue = Queue::open(folder.path(), Clock::system(), options).await.unwrap();
    let mut accepted = 0;
    let refusal = loop {
        let number = accepted + 1;
        match queue.accept(new(number, &format!("<{number}@x>"), "a@x"), vec![number; 20_000].into()).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(accepted > 2 && matches!(refusal, AcceptError::DiskFull { .. }) && refusal.is_temporary(), "{refusal}");
    assert_eq!(queue.problem().as_deref(), Some("the disk with the queue is full"));
    let jobs = queue.claim(everything()).await.unwrap().groups.concat();
    assert_eq!(jobs.len(), usize::from(accepted));
    for job in &jobs {
        assert_eq!(job.bytes().unwrap().len(), 20_000);
        queue.finish(job.id, updated()).await.unwrap();
    }
    assert_eq!(queue.counts().updated, i64::from(accepted));
    // Old messages make room for new ones.
    queue.purge(i64::MAX).await.unwrap();
    queue.accept(new(200, "<200@x>", "a@x"), vec![1; 20_000].into()).await.unwrap();
    assert_eq!(queue.problem(), None);
}

#[tokio::test]
async fn large_messages_lie_in_files_that_go_with_their_row() {
    let bench = bench().await.unwrap();
    let large = || spooled(&bench.queue);
    let files = || std::fs::read_dir(bench.queue.spool().folder()).unwrap().count();
    let id = bench.queue.accept(new(1, "<1@x>", "a@x"), large()).await.unwrap().id;
    assert!(bench.queue.accept(new(1, "<1@x>", "a@x"), large()).await.unwrap().duplicate);
    assert_eq!(files(), 1);
    assert_eq!(bench.claim().await[0].bytes().unwrap().len(), spool::IN_MEMORY + 1);
    bench.queue.finish(id, updated()).await.unwrap();
    bench.queue.purge(i64::MAX).await.unwrap();
    assert_eq!((files(), bench.queue.counts()), (0, Counts::default()));
}

#[tokio::test]
async fn files_that_no_row_names_are_swept_at_the_next_start() {
    let bench = bench().await.unwrap();
    let orphan = bench.queue.spool().folder().join("orphan.eml");
    std::fs::write(&orphan, "left by a crash").unwrap();
    let _bench = bench.restart().await;
    assert!(!orphan.exists());
}

#[tokio::test]
async fn a_damaged_queue_is_set_aside_with_its_spooled_messages_and_named_at_every_start() {
    let bench = bench().await.unwrap();
    bench.queue.accept(new(1, "<1@x>", "anna@x"), spooled(&bench.queue)).await.unwrap();
    bench.queue.close().await;
    let database = |folder: &Path| folder.join("queue.sqlite");
    let (folder, clock) = damage(bench, |folder| std::fs::write(database(folder), vec![b'x'; 8192]).unwrap());
    for _ in 0..2 {
        let queue = Queue::open(folder.path(), clock.clone(), options()).await.unwrap();
        assert_eq!(queue.counts(), Counts::default());
        let [aside] = queue.set_aside() else { panic!("one folder, not {:?}", queue.set_aside()) };
        assert_eq!(aside.file_name().unwrap(), "damaged-queue-20231114T221320Z");
        assert_eq!(std::fs::read(database(aside)).unwrap(), vec![b'x'; 8192]);
        assert_eq!(std::fs::read_dir(aside.join("spool")).unwrap().count(), 1);
        queue.close().await;
    }
}

#[tokio::test]
async fn spooled_messages_are_not_swept_when_the_database_has_gone() {
    let bench = bench().await.unwrap();
    bench.queue.accept(new(1, "<1@x>", "anna@x"), spooled(&bench.queue)).await.unwrap();
    bench.queue.close().await;
    let (folder, clock) = damage(bench, |folder| std::fs::remove_file(folder.join("queue.sqlite")).unwrap());
    let queue = Queue::open(folder.path(), clock, options()).await.unwrap();
    assert_eq!(std::fs::read_dir(queue.set_aside()[0].join("spool")).unwrap().count(), 1);
}

#[tokio::test]
async fn damage_that_is_met_at_work_ends_the_queue_and_the_next_start_sets_it_aside() {
    let bench = bench().await.unwrap();
    bench.queue.accept(new(1, "<1@x>", "anna@x"), b"the message itself".repeat(2_000).into()).await.unwrap();
    bench.queue.close().await;
    // In the middle of a message: a start does not look there.
    let (folder, clock) = damage(bench, |folder| {
        let path = folder.join("queue.sqlite");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(18).rposition(|part| part == b"the message itself").unwrap();
        let page = (at / 4096 - 2) * 4096;
        bytes[page..page + 4096].fill(0xEE);
        std::fs::write(&path, bytes).unwrap();
    });
    let queue = Queue::open(folder.path(), clock.clone(), options()).await.unwrap();
    assert!(queue.set_aside().is_empty());
    assert!(queue.claim(everything()).await.unwrap_err().is_damage());
    tokio::time::timeout(Duration::from_secs(10), queue.ended()).await.unwrap();
    assert!(matches!(queue.accept(new(2, "<2@x>", "anna@x"), vec![2].into()).await, Err(AcceptError::Stopping)));
    drop(queue);
    let queue = Queue::open(folder.path(), clock, options()).await.unwrap();
    assert_eq!(queue.set_aside().len(), 1);
    assert!(!queue.accept(new(2, "<2@x>", "anna@x"), vec![2].into()).await.unwrap().duplicate);
}

/// A program that is started while the queue is open inherits the lock's file until it runs.
#[tokio::test]
async fn the_folder_of_a_closed_queue_is_free_although_somebody_still_has_its_lock_open() {
    let bench = bench().await.unwrap();
    assert!(matches!(FolderLock::of(bench.folder.path()), Err(QueueError::InUse { .. })));
    let inherited = bench.queue.lock.0.try_clone().unwrap();
    let bench = bench.restart().await;
    assert!(matches!(FolderLock::of(bench.folder.path()), Err(QueueError::InUse { .. })));
    drop(inherited);
    assert!(matches!(FolderLock::of(bench.folder.path()), Err(QueueError::InUse { .. })));
}

/// Content that is large enough for a file.
fn spooled(queue: &Queue) -> Content {
    let mut writer = queue.spool().writer();
    writer.write(&vec![7; spool::IN_MEMORY + 1]).unwrap();
    writer.finish()
}

/// The folder of a closed queue after something bad was done to it.
fn damage(bench: Bench, how: impl FnOnce(&Path)) -> (tempfile::TempDir, Clock) {
    let Bench { folder, clock, queue } = bench;
    drop(queue);
    how(folder.path());
    (folder, clock)
}

/// M3
#[tokio::test]
async fn a_series_is_counted_from_the_index_alone() {
    let bench = bench().await.unwrap();
    let Store::Embedded(readers) = &bench.queue.store else { panic!("it is embedded") };
    let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", reader::SERIES)));
    let plan = plan.bind(0).bind(1000).bind(1000).fetch_all(readers).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| sqlx::Row::get(row, 3)).collect();
    assert!(plan[0].contains("COVERING INDEX message_finished"), "{plan:?}");
}

/// A file that nobody names here would never be applied.
#[test]
fn every_migration_of_the_folder_is_applied() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("resources/migrations/sqlite");
    let mut files: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    let applied: Vec<String> =
        migrations().iter().map(|step| format!("{:04}_{}.sql", step.version, step.description)).collect();
    assert_eq!(applied, files);
}
