//! What the updater can do, beside others on the same machine in the same run: ratios, not times, are what counts. Each
//! takes its turn with the other, again and again, so that whatever else the machine does meets both.
//!
//!     cargo bench --bench updates                    # everything
//!     cargo bench --bench updates -- rate latency    # some of it
//!
//! | part | what |
//! |---|---|
//! | `rate` | messages updated per second with 4 and 16 connections, beside a bare HTTP client that replays the updater's own requests and an exchangelib script |
//! | `trips` | requests that 100 waiting messages of one mailbox cost |
//! | `latency` | from accepted to updated, one message at a time, beside the time of its two requests |
//! | `smtp` | durable acceptance by `smtp-source`, beside Postfix on the same disk |
//! | `queue` | cost of a claim at 1,000 and at 1,000,000 messages, resident memory with them |
//! | `shared` | the queue in PostgreSQL beside the embedded one on the same disk: acceptance, claims, cost of a claim as above |
//! | `large` | peak memory for one message of 100 MB |
//! | `idle` | processor time at rest |
//!
//! `SIU_BENCH_MESSAGES`, `SIU_BENCH_QUEUED` and `SIU_BENCH_IDLE` (seconds) change how much. exchangelib needs `.venv/`,
//! which `tests/run exchangelib` makes; `shared` makes a server of its own where PostgreSQL is installed, or takes the
//! empty database that `SIU_POSTGRES` is the address of. Without the word `--bench`, as `cargo test` starts it, everything is done in a
//! small form, to see that it works.

mod exchangelib;
mod idle;
mod large;
mod latency;
mod postfix;
mod programs;
mod queue;
mod rate;
mod replay;
mod report;
mod sample;
mod shared;
mod smtp;
mod trips;

use std::time::Duration;

use programs::Error;
use report::Report;

/// What was measured: messages, and how long they took.
#[derive(Default)]
pub struct Measured {
    messages: usize,
    took: Duration,
    /// Processor time of the program, where the system tells.
    processor: Duration,
}

impl Measured {
    #[allow(clippy::cast_precision_loss)] // counts of messages
    fn per_second(&self) -> f64 {
        self.messages as f64 / self.took.as_secs_f64()
    }

    #[allow(clippy::cast_precision_loss)] // counts of messages
    fn processor_each(&self) -> String {
        format!("{:.0} µs of processor", self.processor.as_secs_f64() * 1e6 / self.messages as f64)
    }
}

impl std::ops::AddAssign for Measured {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.took += other.took;
        self.processor += other.processor;
    }
}

/// How much is done.
pub struct Sizes {
    messages: usize,
    rounds: usize,
    queued: usize,
    connections: Vec<usize>,
    large: usize,
    idle: Duration,
    accepted: usize,
    latencies: usize,
}

impl Sizes {
    fn of(measuring: bool) -> Self {
        let size = |full, small| if measuring { full } else { small };
        Self {
            messages: from_environment("SIU_BENCH_MESSAGES", size(10_000, 40)),
            rounds: size(3, 2),
            queued: from_environment("SIU_BENCH_QUEUED", size(1_000_000, 2_000)),
            connections: if measuring { vec![4, 16] } else { vec![4] },
            large: size(100_000_000, 4_000_000),
            idle: Duration::from_secs(from_environment("SIU_BENCH_IDLE", size(60, 1)) as u64),
            accepted: size(4000, 40),
            latencies: size(400, 20),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let measuring = std::env::args().any(|word| word == "--bench");
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |part: &str| chosen.is_empty() || chosen.iter().any(|word| word == part);
    let sizes = Sizes::of(measuring);
    let mut report = Report::default();
    if is_wanted("rate") {
        for connections in &sizes.connections {
            rate::measure(&sizes, *connections, &mut report).await?;
        }
    }
    if is_wanted("trips") {
        trips::measure(&mut report).await?;
    }
    if is_wanted("latency") {
        latency::measure(&sizes, &mut report).await?;
    }
    if is_wanted("smtp") {
        smtp::measure(&sizes, &mut report).await?;
    }
    if is_wanted("queue") {
        queue::measure(&sizes, &mut report).await?;
    }
    if is_wanted("shared") {
        shared::measure(&sizes, &mut report).await?;
    }
    if is_wanted("large") {
        large::measure(&sizes, &mut report).await?;
    }
    if is_wanted("idle") {
        idle::measure(&sizes, &mut report).await?;
    }
    report.print();
    Ok(())
}

fn from_environment(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
