//! An upgrade keeps settings, password and queue: what updaters of every earlier schema left is opened by today's program (U1,
//! U2). tests/fixtures/upgrade/make.py makes that of a new schema.
#![cfg(unix)]

mod postgres;
mod process;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use postgres::Server;
use process::{Place, text};
use secrecy::ExposeSecret as _;
use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::{Filter, Rule, State};
use sent_items_update::secret::SecretStore;
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The schemas that there were of a kind of queue, by the number of their last migration.
fn levels(kind: &str) -> Vec<String> {
    let mut levels: Vec<_> = fs::read_dir(project("resources/migrations").join(kind))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap()[..4].to_owned())
        .collect();
    levels.sort();
    levels
}

/// A place with a copy of what an updater of that schema left.
fn left_by(level: &str) -> Place {
    let place = Place::new();
    let kept = project("tests/fixtures/upgrade").join(level);
    assert!(
        kept.is_dir(),
        "there is no data folder of schema {level}: tests/fixtures/upgrade/make.py sqlite {level} makes it"
    );
    fs::create_dir_all(place.data().join("spool")).unwrap();
    for file in ["queue.sqlite", "settings.json", "account.secret", "secret.key", "spool/2.eml"] {
        fs::copy(kept.join(file), place.data().join(file)).unwrap();
    }
    // As it was: Git keeps no modes.
    fs::set_permissions(place.data().join("secret.key"), fs::Permissions::from_mode(0o600)).unwrap();
    place
}

/// Whether everything in `kept` is so in `now`, which may know more.
fn holds(now: &Value, kept: &Value) -> bool {
    match (now, kept) {
        (Value::Object(now), Value::Object(kept)) => kept.iter().all(|(name, kept)| match now.get(name) {
            Some(now) => holds(now, kept),
            // What is empty or off is left out where it is the default.
            None => [Value::Null, Value::from(false), Value::Array(Vec::new())].contains(kept),
        }),
        (Value::Array(now), Value::Array(kept)) => {
            now.len() == kept.len() && now.iter().zip(kept).all(|(now, kept)| holds(now, kept))
        }
        _ => now == kept,
    }
}

/// The queue has all messages, with their bytes.
async fn has_all(client: &Client, leased: State) {
    let mut messages = client.messages(&Filter::default()).await.unwrap();
    messages.sort_by_key(|message| message.id);
    let found: Vec<_> =
        messages.iter().map(|message| (message.subject.as_str(), message.state, message.rule)).collect();
    let expected = [
        ("Waiting", State::Waiting, None),
        ("Waiting, large", State::Waiting, None),
        ("Leased", leased, None),
        ("Updated", State::Updated, Some(Rule::UpdatedInPlace)),
        ("Failed", State::Failed, Some(Rule::GaveUp)),
    ];
    assert_eq!(found, expected);
    for message in &messages {
        let content = text(&client.content(message.id).await.unwrap());
        assert!(content.ends_with(&format!("\r\n\r\n{}\r\n", message.subject)), "{content}");
    }
}

/// U1, U2
#[tokio::test]
async fn an_updater_of_today_goes_on_with_the_queue_settings_and_password_of_every_earlier_schema() {
    let levels = levels("sqlite");
    assert!(levels.len() >= 2, "{levels:?}");
    for level in levels {
        let place = left_by(&level);
        let updater = place.start().await;
        let client = place.client();

        // Nobody else has that queue.
        has_all(&client, State::Waiting).await;

        let kept = fs::read(project("tests/fixtures/upgrade").join(&level).join("settings.json")).unwrap();
        let kept: Value = serde_json::from_slice(&kept).unwrap();
        let known = client.settings().await.unwrap().0;
        assert!(known.password_stored, "schema {level}");
        let password = SecretStore::new(&place.data()).load("svc-siu@corp.example").unwrap().unwrap();
        assert_eq!(password.expose_secret(), "kept över an upgrade", "schema {level}");
        let now = serde_json::to_value(known.settings).unwrap();
        assert!(holds(&now, &kept), "schema {level}: {kept:#}\nbecame {now:#}");

        // It goes on where it was: another start finds the same.
        updater.stop().await;
        let updater = place.start().await;
        assert_eq!(client.messages(&Filter::default()).await.unwrap().len(), 5, "schema {level}");
        updater.stop().await;
    }
}

/// U2, X5
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_queue_of_every_earlier_schema_is_gone_on_with() {
    let Some(server) = Server::start("a queue in PostgreSQL that an earlier version left") else { return };
    let levels = levels("postgres");
    for level in &levels {
        let kept = project("tests/fixtures/upgrade/postgres").join(format!("{level}.sql"));
        let kept = fs::read_to_string(&kept).unwrap_or_else(|error| {
            panic!("{}: {error}; tests/fixtures/upgrade/make.py postgres {level} makes it", kept.display())
        });
        server.sql(&format!("CREATE SCHEMA left_{level}; SET search_path TO left_{level}; {kept}"));
        let place = Place::on(&server.address(&format!("schema=left_{level}")));
        // They keep what is finished for longer than this test will be there.
        fs::create_dir_all(place.data()).unwrap();
        fs::copy(project("tests/fixtures/upgrade/0002/settings.json"), place.data().join("settings.json")).unwrap();
        for _ in 0..2 {
            let updater = place.start().await;
            // Whoever leased it may still be there, for all that is known.
            has_all(&place.client(), State::Working).await;
            updater.stop().await;
        }
        let schema = server.sql(&format!("SELECT max(version) FROM left_{level}.schema_version"));
        assert_eq!(schema, levels.len().to_string(), "from {level}");
    }
}

/// U2
#[tokio::test]
async fn a_queue_of_a_later_version_is_refused_in_words_and_left_as_it_is() {
    let level = levels("sqlite").pop().unwrap();
    let place = left_by(&level);
    let database = place.data().join("queue.sqlite");
    let url = format!("sqlite://{}", database.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations SELECT 9999, 'later', installed_on, success, checksum, 1 FROM _sqlx_migrations LIMIT 1")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let before = fs::read(&database).unwrap();

    let mut updater = place.spawn();
    let status = updater.ended().await;
    let log = place.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("later version") && log.contains("install that version again"), "{log}");
    assert!(fs::read(&database).unwrap() == before, "the queue was changed");
    assert!(place.data().join("spool/2.eml").exists(), "a waiting message was swept away");
    let names: Vec<_> = fs::read_dir(place.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with("damaged")), "{names:?}");
}

/// T2: a setting that today's program does not know is not dropped in silence.
#[tokio::test]
async fn settings_of_a_later_version_are_refused_in_words_and_left_as_they_are() {
    let place = left_by("0002");
    let path = place.data().join("settings.json");
    let later = fs::read_to_string(&path).unwrap().replacen('{', "{ \"telepathy\": true,", 1);
    fs::write(&path, &later).unwrap();
    let mut updater = place.spawn();
    let status = updater.ended().await;
    let log = place.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("telepathy") && log.contains("settings.json"), "{log}");
    assert_eq!(fs::read_to_string(&path).unwrap(), later);
}
