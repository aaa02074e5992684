//! A full disk, and messages that are too large: refused with the reason, and nothing accepted is lost.
#![cfg(unix)]

mod process;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use sent_items_update::settings::SmtpSettings;

use process::{PATIENCE, PROGRAM, Place, change, is_root, message, not_run, text};
use sent_items_update::pipe::client::PipeError;
use sent_items_update::pipe::types::State;

const MB: u64 = 1 << 20;

/// A message of this size, mostly holes.
fn large_message(place: &Place, name: &str, size: u64) -> std::path::PathBuf {
    let path = place.folder().join(name);
    let mut file = File::create(&path).unwrap();
    file.write_all(message(1, "anna@x.example").as_bytes()).unwrap();
    file.set_len(size).unwrap();
    path
}

/// Memory of a process that no file backs, in bytes.
fn own_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_message_of_200_mb_is_refused_with_the_reason() {
    let place = Place::new();
    let updater = place.start().await;
    let path = large_message(&place, "large.eml", 200 * MB);
    let refused = place.output(&["submit", path.to_str().unwrap()]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("large.eml: the message is larger than the limit of 157286400 bytes"), "{said}");
    assert_eq!(std::fs::read_dir(place.data().join("spool")).unwrap().count(), 0);
    assert_eq!(place.client().status().await.unwrap().counts.waiting, 0);
    updater.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_message_of_140_mb_is_accepted_without_being_held_in_memory() {
    let place = Place::new();
    let updater = place.start().await;
    let path = large_message(&place, "large.eml", 140 * MB);
    let before = own_memory(updater.child.id());
    let receipt = place.client().submit_file(&path).await.unwrap();
    let grown = own_memory(updater.child.id()).saturating_sub(before);
    assert!(grown < 32 * MB, "{grown} bytes more than before");
    let listed = place.client().message(receipt.id).await.unwrap();
    assert_eq!((listed.state, u64::try_from(listed.size).unwrap()), (State::Waiting, 140 * MB));
    updater.stop().await;
}

/// A mount namespace with a small file system, alive as long as this is.
struct SmallDisk {
    holder: Child,
}

impl SmallDisk {
    /// None when this system does not let us.
    fn mount(at: &std::path::Path, megabytes: u32) -> Result<Self, String> {
        std::fs::create_dir_all(at).unwrap();
        let script = format!("mount -t tmpfs -o size={megabytes}m tmpfs '{}' && echo ready && exec cat", at.display());
        let holder = Command::new("unshare")
            .args(["-m", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut holder = holder.map_err(|error| format!("unshare: {error}"))?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let disk = Self { holder };
        if line == "ready\n" { Ok(disk) } else { Err("no file system can be mounted here".to_owned()) }
    }

    /// A command that sees the file system.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-m", "-t", &self.holder.id().to_string(), program]);
        command
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The updater in that namespace; killed when dropped.
struct Confined(Child);

impl Drop for Confined {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Confined {
    async fn start(place: &Place, disk: &SmallDisk) -> Self {
        let mut command = disk.command(PROGRAM);
        command.args(["run", "--data", place.data().to_str().unwrap(), "--pipe", place.pipe().to_str().unwrap()]);
        let log = File::options().create(true).append(true).open(place.folder().join("log")).unwrap();
        let child = Self(command.stdin(Stdio::null()).stderr(log).spawn().unwrap());
        let give_up = Instant::now() + PATIENCE;
        // nsenter becomes the program, so that the process is the same.
        while place.client().status().await.map_or(true, |status| status.process != child.0.id()) {
            assert!(Instant::now() < give_up, "{}", place.log());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        child
    }
}

/// Where the SMTP door is, once it is open.
async fn smtp_door(place: &Place) -> String {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let door = place.client().status().await.unwrap().smtp;
        if let Some(door) = door.filter(|door| door.problem.is_none()) {
            return door.place;
        }
        assert!(Instant::now() < give_up, "the SMTP door does not open:\n{}", place.log());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

/// Hands a message over as a mail server does, and returns the reply to it.
fn over_smtp(door: &str, content: &str) -> String {
    let stream = std::net::TcpStream::connect(door).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut from, mut to) = (BufReader::new(stream.try_clone().unwrap()), stream);
    let mut hear = || {
        let mut line = String::new();
        while line.is_empty() || line.as_bytes().get(3) == Some(&b'-') {
            line.clear();
            assert_ne!(from.read_line(&mut line).unwrap(), 0, "the door closed");
        }
        line
    };
    assert!(hear().starts_with("220"));
    for (said, code) in
        [("EHLO x", "250"), ("MAIL FROM:<anna@x.example>", "250"), ("RCPT TO:<siu@x.example>", "250"), ("DATA", "354")]
    {
        to.write_all(format!("{said}\r\n").as_bytes()).unwrap();
        let reply = hear();
        assert!(reply.starts_with(code), "{said}: {reply}");
    }
    to.write_all(format!("{content}.\r\n").as_bytes()).unwrap();
    hear()
}

/// A disk that can only be read, as after an error: the start is refused with the reason, and nothing is set aside.
#[tokio::test]
async fn on_a_disk_that_can_only_be_read_the_updater_says_so_and_touches_nothing() {
    const WHAT: &str = "a disk that can only be read";
    if !is_root() {
        return not_run(WHAT, "only root can mount a file system");
    }
    let place = Place::new();
    let disk = match SmallDisk::mount(&place.data(), 100) {
        Ok(disk) => disk,
        Err(why) => return not_run(WHAT, &why),
    };
    let updater = Confined::start(&place, &disk).await;
    let receipt = place.client().submit(message(1, "anna@x.example")).await.unwrap();
    drop(updater);
    let data = place.data();
    let mount = |how: &str| {
        let status = disk.command("mount").args(["-o", how, data.to_str().unwrap()]).status().unwrap();
        assert!(status.success(), "mount -o {how}");
    };
    mount("remount,ro");
    let mut command = disk.command(PROGRAM);
    command.args(["run", "--data", data.to_str().unwrap(), "--pipe", place.pipe().to_str().unwrap()]);
    let refused = command.stdin(Stdio::null()).output().unwrap();
    let said = text(&refused.stderr);
    assert!(!refused.status.success());
    assert!(said.contains(data.to_str().unwrap()) && said.to_lowercase().contains("read-only"), "{said}");
    mount("remount,rw");
    let _updater = Confined::start(&place, &disk).await;
    let status = place.client().status().await.unwrap();
    assert_eq!(status.counts.waiting, 1);
    assert!(!status.notices.iter().any(|notice| notice.contains("damaged")), "{:?}", status.notices);
    assert_eq!(place.client().message(receipt.id).await.unwrap().state, State::Waiting);
}

/// U2
#[tokio::test]
async fn a_full_disk_refuses_what_it_can_not_keep_and_keeps_what_was_accepted() {
    const WHAT: &str = "a full disk while accepting";
    if !is_root() {
        return not_run(WHAT, "only root can mount a small file system");
    }
    let place = Place::new();
    let disk = match SmallDisk::mount(&place.data(), 44) {
        Ok(disk) => disk,
        Err(why) => return not_run(WHAT, &why),
    };
    let updater = Confined::start(&place, &disk).await;
    let client = place.client();
    change(&client, None, |settings| {
        settings.intake.smtp = Some(SmtpSettings { listen: "127.0.0.1:0".parse().unwrap(), allow_remote: false });
    })
    .await;
    let full = |error: &PipeError| matches!(error, PipeError::Refused { status: 507, problem } if problem.temporary);
    let mut accepted = Vec::new();
    // 300 KB each: some twenty have room, then only the reserve for outcomes is left.
    let refused = loop {
        let mut content = message(accepted.len() + 1, "anna@x.example");
        content.push_str(&"Nordwind ".repeat(34_000));
        match client.submit(content.clone()).await {
            Ok(receipt) => accepted.push((receipt.id, content)),
            Err(error) => break error,
        }
        assert!(accepted.len() < 200, "the disk does not get full");
    };
    assert!(full(&refused) && refused.to_string().contains("make room"), "{refused}");
    assert!(accepted.len() > 5, "{}", accepted.len());
    // One that fills the disk while it arrives.
    let large = client.submit_file(&large_message(&place, "large.eml", 100 * MB)).await.unwrap_err();
    assert!(full(&large), "{large}");
    let status = client.status().await.unwrap();
    assert!(status.notices.iter().any(|notice| notice.contains("no message is accepted")), "{:?}", status.notices);
    // Who comes by SMTP is told to come again.
    let door = smtp_door(&place).await;
    let content = message(9_999, "anna@x.example") + &"Nordwind\r\n".repeat(34_000);
    let said = over_smtp(&door, &content);
    assert!(said.starts_with("452 4.3.1 ") && said.contains("make room"), "{said}");
    drop(updater);

    let _updater = Confined::start(&place, &disk).await;
    assert_eq!(client.status().await.unwrap().counts.waiting, i64::try_from(accepted.len()).unwrap());
    for (id, content) in accepted {
        assert!(client.content(id).await.unwrap() == content, "message {id} is not what it was");
    }
}
