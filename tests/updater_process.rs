//! The updater as a process: starts, answers, obeys signals, keeps others out, and says in words what is wrong.
#![cfg(unix)]

mod process;

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::time::Instant;

use futures_util::StreamExt as _;
use process::{PATIENCE, PROGRAM, Place, change, is_root, message, not_run, text};
use sent_items_update::pipe::types::{Activity, Event, State};
use sent_items_update::settings::{Account, Connection};

/// U1
#[tokio::test]
async fn it_answers_over_the_socket_and_stops_in_order_when_told() {
    let place = Place::new();
    let updater = place.start().await;
    let status = place.client().status().await.unwrap();
    assert_eq!((status.activity, status.data), (Activity::NotConfigured, place.data()));
    updater.stop().await;
    assert!(!place.pipe().exists());
    assert!(place.log().contains("the updater has stopped"), "{}", place.log());
}

/// U2
#[tokio::test]
async fn what_was_acknowledged_is_there_after_sigkill() {
    let place = Place::new();
    let updater = place.start().await;
    let receipt = place.client().submit(message(1, "anna@x.example")).await.unwrap();
    updater.kill();
    assert!(place.pipe().exists(), "a killed updater can't tidy up");
    let updater = place.start().await;
    let there = place.client().message(receipt.id).await.unwrap();
    assert_eq!((there.state, there.subject.as_str()), (State::Waiting, "Message 1"));
    let again = place.client().submit(message(1, "anna@x.example")).await.unwrap();
    assert_eq!((again.id, again.duplicate), (receipt.id, true));
    updater.stop().await;
}

/// A server that takes connections and never says a word.
fn silent_server() -> (std::net::TcpListener, Connection) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/EWS/Exchange.asmx", listener.local_addr().unwrap());
    (listener, Connection { allow_unencrypted: true, ..Connection::manual(&url) })
}

async fn with_work_that_does_not_end(place: &Place, stop_within: u32) -> std::net::TcpListener {
    let (server, connection) = silent_server();
    let client = place.client();
    change(&client, Some("secret"), |settings| {
        settings.connection = Some(connection);
        settings.account = Some(Account { user: "svc@x.example".into() });
        settings.limits.stop_within = stop_within;
        settings.enabled = true;
    })
    .await;
    client.submit(message(1, "anna@x.example")).await.unwrap();
    let give_up = Instant::now() + PATIENCE;
    while client.status().await.unwrap().counts.working == 0 {
        assert!(Instant::now() < give_up, "nothing is worked on:\n{}", place.log());
    }
    server
}

#[tokio::test]
async fn work_that_does_not_end_is_left_to_the_next_start_when_the_bound_is_reached() {
    let place = Place::new();
    let updater = place.start().await;
    let _server = with_work_that_does_not_end(&place, 1).await;
    let began = Instant::now();
    updater.stop().await;
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
    assert!(place.log().contains("left to the next start"), "{}", place.log());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once_with_a_status_of_its_own() {
    let place = Place::new();
    let mut updater = place.start().await;
    let _server = with_work_that_does_not_end(&place, 3600).await;
    updater.signal("INT");
    let give_up = Instant::now() + PATIENCE;
    while !place.log().contains("told to stop") {
        assert!(Instant::now() < give_up, "the first signal is not noticed:\n{}", place.log());
        tokio::task::yield_now().await;
    }
    updater.signal("TERM");
    assert_eq!(updater.ended().await.code(), Some(130));
}

#[tokio::test]
async fn a_second_updater_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    let updater = place.start().await;
    let data = place.data();
    let other_pipe = place.folder().join("other.sock");
    let second = place.output(&["run", "--data", data.to_str().unwrap(), "--pipe", other_pipe.to_str().unwrap()]);
    let said = text(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another updater works in") && said.contains(data.to_str().unwrap()), "{said}");
    let other_data = place.folder().join("other");
    let second = place.output(&["run", "--data", other_data.to_str().unwrap()]);
    let said = text(&second.stderr);
    assert!(second.status.code() == Some(1) && said.contains("another updater listens there"), "{said}");
    assert!(place.client().status().await.is_ok());
    updater.stop().await;
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_said_in_words() {
    let place = Place::new();
    let run = |data: &str| {
        let output = place.output(&["run", "--data", data]);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let file = place.folder().join("file");
    std::fs::write(&file, "").unwrap();
    let said = run(file.to_str().unwrap());
    assert!(said.contains("the data folder") && said.contains("--data"), "{said}");
    let data = place.folder().join("wrong");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("settings.json"), "{\"enabeld\": true}").unwrap();
    let said = run(data.to_str().unwrap());
    assert!(said.contains("settings.json") && said.contains("enabeld"), "{said}");
}

/// P3
#[tokio::test]
async fn the_second_of_two_administrators_is_told_that_the_settings_changed_meanwhile() {
    let place = Place::new();
    let updater = place.start().await;
    let shown = place.prints(&["settings", "show"]);
    let file = place.folder().join("settings.json");
    let path = file.to_str().unwrap();
    std::fs::write(&file, shown.replace("\"keep_finished_days\": 30", "\"keep_finished_days\": 7")).unwrap();
    place.prints(&["settings", "set", path]);
    std::fs::write(&file, shown.replace("\"keep_finished_days\": 30", "\"keep_finished_days\": 90")).unwrap();
    let second = place.output(&["settings", "set", path]);
    let said = text(&second.stderr);
    assert!(second.status.code() == Some(5) && said.contains("somebody else changed the settings"), "{said}");
    assert!(place.prints(&["settings", "show"]).contains("\"keep_finished_days\": 7"));
    updater.stop().await;
}

#[tokio::test]
async fn a_password_is_taken_from_standard_input_or_the_environment_and_never_shown() {
    let place = Place::new();
    let updater = place.start().await;
    let file = place.folder().join("settings.json");
    let settings = |user: &str| {
        let settings = serde_json::json!({
            "connection": { "ews_url": "https://mail.example/EWS/Exchange.asmx" },
            "account": { "user": user },
        });
        std::fs::write(&file, settings.to_string()).unwrap();
    };
    let path = file.to_str().unwrap();
    settings("first@x.example");
    let refused = place.output(&["settings", "set", path]);
    assert!(text(&refused.stderr).contains("an account needs a password"), "{}", text(&refused.stderr));
    let mut set = place.command(&["settings", "set", path, "--password-stdin"]);
    let mut set = set.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    set.stdin.take().unwrap().write_all(b"gr\xc3\xbcn-42\n").unwrap();
    assert!(set.wait().unwrap().success());
    settings("second@x.example");
    let set = place.command(&["settings", "set", path]).env("SIU_PASSWORD", "grün-43").output().unwrap();
    assert!(set.status.success(), "{}", text(&set.stderr));
    let shown = place.prints(&["settings", "show"]);
    assert!(shown.contains("second@x.example") && shown.contains("\"password_stored\": true"), "{shown}");
    updater.stop().await;
    for part in [shown, place.log(), std::fs::read_to_string(place.data().join("settings.json")).unwrap()] {
        assert!(!part.contains("grün-4"), "{part}");
    }
}

/// Only root and the updater's own user may use the pipe.
#[tokio::test]
async fn another_user_is_refused_with_the_reason_and_a_line_in_the_log() {
    if !is_root() {
        return not_run("another user is refused", "only root can act as another user");
    }
    let place = Place::new();
    let updater = place.start().await;
    // Where that user can get at it.
    let open = tempfile::tempdir().unwrap();
    let program = open.path().join("siu-updater");
    std::fs::copy(PROGRAM, &program).unwrap();
    for path in [open.path(), place.folder(), &program] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let refused = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["status", "--pipe", place.pipe().to_str().unwrap()])
        .output();
    let refused = match refused {
        Ok(output) => output,
        Err(error) => return not_run("another user is refused", &format!("setpriv: {error}")),
    };
    let said = text(&refused.stderr);
    assert!(refused.status.code() == Some(4) && said.contains("only administrators"), "{said}");
    let log = place.log();
    assert!(log.contains("refused to use the local API") && log.contains("user 65534"), "{log}");
    updater.stop().await;
}

#[tokio::test]
async fn events_tell_the_status_first_and_then_what_happens() {
    let place = Place::new();
    let updater = place.start().await;
    let client = place.client();
    let mut events = pin!(client.events().await.unwrap());
    let mut next = async || tokio::time::timeout(PATIENCE, events.next()).await.unwrap();
    assert!(matches!(next().await, Some(Ok(Event::Status(status))) if status.counts.waiting == 0));
    let receipt = client.submit(message(1, "anna@x.example")).await.unwrap();
    let (mut told, mut counted) = (false, false);
    while !(told && counted) {
        match next().await.unwrap().unwrap() {
            Event::Message(message) => told |= message.id == receipt.id && message.state == State::Waiting,
            Event::Counts(counts) => counted |= counts.waiting == 1,
            other => panic!("{other:?}"),
        }
    }
    updater.stop().await;
    while let Some(Ok(_)) = next().await {}
}

#[tokio::test]
async fn submitting_tells_for_each_file_what_became_of_it() {
    let place = Place::new();
    let updater = place.start().await;
    let files: Vec<_> = ["a.eml", "bad.eml", "b.eml"].iter().map(|name| place.folder().join(name)).collect();
    std::fs::write(&files[0], message(1, "anna@x.example")).unwrap();
    std::fs::write(&files[1], "Subject: no sender\r\nMessage-ID: <x@x>\r\n\r\n").unwrap();
    std::fs::write(&files[2], message(2, "ben@x.example")).unwrap();
    let paths: Vec<_> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let output = place.output(&[&["submit"], &paths[..], &["/nonexistent.eml"]].concat());
    let (out, said) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(out.contains("a.eml: accepted as message 1") && out.contains("b.eml: accepted as message 2"), "{out}");
    assert!(said.contains("bad.eml: the message can't be used: it has no From address"), "{said}");
    assert!(said.contains("/nonexistent.eml: it can't be read") && said.contains("2 of 4 messages"), "{said}");

    let mut piped =
        place.command(&["submit", "-", "--json"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    piped.stdin.take().unwrap().write_all(message(1, "anna@x.example").as_bytes()).unwrap();
    let output = piped.wait_with_output().unwrap();
    let receipt: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&receipt["id"], &receipt["duplicate"]), (&1.into(), &true.into()), "{receipt}");
    updater.stop().await;
}

#[tokio::test]
async fn messages_are_listed_shown_and_given_back_byte_for_byte() {
    let place = Place::new();
    let updater = place.start().await;
    for (number, from) in [(1, "anna@x.example"), (2, "ben@x.example")] {
        place.client().submit(message(number, from)).await.unwrap();
    }
    let listed = place.prints(&["messages"]);
    assert!(listed.contains("anna@x.example") && listed.contains("Message 2"), "{listed}");
    let found: serde_json::Value =
        serde_json::from_str(&place.prints(&["messages", "--search", "BEN@", "--json"])).unwrap();
    assert_eq!((found.as_array().unwrap().len(), &found[0]["id"]), (1, &2.into()));
    let shown = place.prints(&["show", "2"]);
    assert!(shown.contains("<2@process.example>") && shown.contains("waiting"), "{shown}");
    assert_eq!(place.prints(&["show", "2", "--content"]), message(2, "ben@x.example"));
    let retried = place.output(&["retry", "2"]);
    assert!(retried.status.code() == Some(1) && text(&retried.stderr).contains("message 2 is waiting"));
    assert_eq!(place.prints(&["retry", "--failed"]), "0 messages are tried again\n");
    let gone = place.output(&["show", "77"]);
    assert!(gone.status.code() == Some(1) && text(&gone.stderr).contains("message 77 is not in the queue"));
    updater.stop().await;
}

#[test]
fn without_an_updater_every_command_says_so_with_a_status_of_its_own() {
    let place = Place::new();
    let file = place.folder().join("a.eml");
    std::fs::write(&file, message(1, "anna@x.example")).unwrap();
    for arguments in [
        &["status"][..],
        &["messages"],
        &["show", "1"],
        &["retry", "--failed"],
        &["settings", "show"],
        &["settings", "on"],
        &["submit", file.to_str().unwrap()],
    ] {
        let output = place.output(arguments);
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(3) && said.contains("the updater does not run"), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[tokio::test]
async fn the_log_can_be_read_by_programs() {
    let place = Place::new();
    let mut child = place
        .command(&["run", "--log-format", "json", "--data", place.data().to_str().unwrap()])
        .env("SIU_LOG", "debug")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let give_up = Instant::now() + PATIENCE;
    while place.client().status().await.is_err() {
        assert!(Instant::now() < give_up);
    }
    let sent = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(sent.success() && child.wait().unwrap().success());
    let mut log = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut log).unwrap();
    let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let started = events.iter().find(|event| event["message"] == "the updater runs").unwrap();
    assert!(started["level"] == "INFO" && started["timestamp"].is_string(), "{started}");
}

/// systemd.exec(5), sd-daemon(3)
#[tokio::test]
async fn under_systemd_the_log_carries_priorities_and_no_time_of_its_own() {
    use std::os::unix::fs::MetadataExt as _;
    let place = Place::new();
    let path = place.folder().join("journal");
    let journal = std::fs::File::create(&path).unwrap();
    let found = journal.metadata().unwrap();
    let mut child = place
        .command(&["run", "--data", place.data().to_str().unwrap()])
        .env("SIU_LOG", "info")
        .env("JOURNAL_STREAM", format!("{}:{}", found.dev(), found.ino()))
        .stderr(journal)
        .spawn()
        .unwrap();
    let give_up = Instant::now() + PATIENCE;
    while place.client().status().await.is_err() {
        assert!(Instant::now() < give_up);
    }
    let sent = Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(sent.success() && child.wait().unwrap().success());
    let log = std::fs::read_to_string(path).unwrap();
    assert!(log.lines().count() >= 3 && log.lines().all(|line| line.starts_with("<6>")), "{log}");
    assert!(log.starts_with("<6>the updater runs version="), "{log}");
}
