//! Messages updated per second: by the updater, by an exchangelib script with as many connections, and by a bare
//! HTTP client that replays the updater's own requests.
//!
//!     cargo bench --bench updates
//!
//! All three meet the same sandbox over HTTPS, in a process of its own, with as many fresh messages in the same
//! mailboxes. `SIU_BENCH_MESSAGES` and `SIU_BENCH_CONNECTIONS` change how many. The script needs `.venv/`, which
//! `tests/run exchangelib` makes; without it the rest is measured.

mod exchangelib;
mod programs;
mod replay;
mod sample;

use std::time::Duration;

use sent_items_update::pipe::client::Client;
use sent_items_update::pipe::types::SettingsChange;
use sent_items_update::settings::{Account, Connection, Limits, Settings};

use programs::{Error, Program, Sandbox};
use sample::Batch;

/// What was measured: messages, and how long they took.
struct Measured {
    messages: usize,
    took: Duration,
}

impl Measured {
    #[allow(clippy::cast_precision_loss)] // counts of messages
    fn per_second(&self) -> f64 {
        self.messages as f64 / self.took.as_secs_f64()
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    // `cargo test --all-targets` starts benches, too, without this word: then it is only seen that it works.
    let measuring = std::env::args().any(|word| word == "--bench");
    let messages = from_environment("SIU_BENCH_MESSAGES", if measuring { 2000 } else { 40 });
    let connections = from_environment("SIU_BENCH_CONNECTIONS", Limits::default().connections);
    println!("{messages} messages, {connections} connections, HTTPS, the sandbox in a process of its own");

    let folder = tempfile::tempdir()?;
    let sandbox = Sandbox::start(folder.path(), true).await?;
    let recorded = Batch::store(&sandbox, "recorded", messages).await?;
    // What this run takes is not counted: writing requests down slows the sandbox.
    update(&sandbox, &recorded, connections).await?;
    sandbox.stop().await?;
    let requests = replay::Requests::read(&folder.path().join("recorded"), messages)?;

    let sandbox = Sandbox::start(folder.path(), false).await?;
    let fresh = Batch::store(&sandbox, "updater", messages).await?;
    sandbox.reset_statistics().await?;
    let updater = update(&sandbox, &fresh, connections).await?;
    let asked = sandbox.ews_requests().await?;
    #[allow(clippy::cast_precision_loss)]
    let each = asked as f64 / messages as f64;
    println!("updater                            {:8.1} messages/s, {each:.2} requests each", updater.per_second());

    let bare = replay::run(&sandbox, &requests, connections).await?;
    println!(
        "bare HTTP client, same requests    {:8.1} messages/s; the updater reaches {:.0} % of it",
        bare.per_second(),
        100.0 * updater.per_second() / bare.per_second()
    );

    let fresh = Batch::store(&sandbox, "exchangelib", messages).await?;
    match exchangelib::run(&sandbox, &fresh, connections).await? {
        Ok(script) => println!(
            "exchangelib, {connections} threads             {:8.1} messages/s; the updater is {:.1} times as fast",
            script.per_second(),
            updater.per_second() / script.per_second()
        ),
        Err(missing) => println!("exchangelib is not measured: {missing}"),
    }
    sandbox.stop().await
}

fn from_environment(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Has an updater of its own process update a batch: accepted first, then switched on and measured to the last one.
async fn update(sandbox: &Sandbox, batch: &Batch, connections: usize) -> Result<Measured, Error> {
    let folder = tempfile::tempdir()?;
    let pipe = folder.path().join("updater.sock");
    let client = Client::new(&pipe)?;
    let data = folder.path().join("data");
    let (data_text, pipe_text) = (data.to_string_lossy(), pipe.to_string_lossy());
    let words = ["run", "--data", &data_text, "--pipe", &pipe_text];
    let program = Program::start(&words, &folder.path().join("log"))?;
    program.until("the updater to answer", async || client.status().await.is_ok()).await?;

    let off = Settings {
        connection: Some(Connection {
            extra_roots: vec![sandbox.authority.clone()],
            ..Connection::manual(&sandbox.ews_url)
        }),
        account: Some(Account { user: sandbox.account.clone() }),
        limits: Limits { connections, ..Limits::default() },
        ..Settings::default()
    };
    let (_, version) = client.settings().await?;
    let change = SettingsChange { settings: off.clone(), password: Some(sandbox.password.clone()) };
    client.change_settings(&change, &version).await?;
    for message in &batch.messages {
        client.submit(message.processed.clone()).await?;
    }
    let (_, version) = client.settings().await?;
    let change = SettingsChange { settings: Settings { enabled: true, ..off }, password: None };
    let start = std::time::Instant::now();
    client.change_settings(&change, &version).await?;
    let all = i64::try_from(batch.messages.len())?;
    program
        .until("all messages to be finished", async || {
            client.status().await.is_ok_and(|status| status.counts.waiting + status.counts.working == 0)
        })
        .await?;
    let took = start.elapsed();
    let counts = client.status().await?.counts;
    if counts.updated != all {
        return Err(format!("{} of {all} were updated, see {counts:?}\n{}", counts.updated, program.log()).into());
    }
    program.stop().await?;
    Ok(Measured { messages: batch.messages.len(), took })
}
