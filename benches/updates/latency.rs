//! From accepted to updated under light load: one message at a time, its end as a listener to the events learns it.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use sent_items_update::pipe::types::{Event, State};

use super::programs::{Error, Place, Sandbox};
use super::report::Report;
use super::sample::Batch;
use super::{Sizes, replay};

pub async fn measure(sizes: &Sizes, report: &mut Report) -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    let sandbox = Sandbox::start(folder.path(), true).await?;
    let recorded = Batch::store(&sandbox, "recorded", sizes.latencies).await?;
    one_by_one(&sandbox, &recorded, None).await?;
    sandbox.stop().await?;
    let requests = replay::Requests::read(&folder.path().join("recorded"), sizes.latencies)?;

    let sandbox = Sandbox::start(folder.path(), false).await?;
    let fresh = Batch::store(&sandbox, "latency", sizes.latencies).await?;
    let mut replay = replay::OneByOne::new(&sandbox, &requests)?;
    let mut ours = one_by_one(&sandbox, &fresh, Some(&mut replay)).await?;
    let mut bare = replay.took();
    sandbox.stop().await?;
    let (ours, bare) = (p99(&mut ours), p99(&mut bare));
    let ratio = ours.as_secs_f64() / bare.as_secs_f64();
    report.row(
        "latency from accepted to updated, light load, p99",
        &format!("{ours:.1?}"),
        &format!("its two requests, p99: {bare:.1?}"),
        "at most 2 x",
        &format!("{ratio:.2} x"),
    );
    Ok(())
}

/// From the acknowledgement of each message to its end. The requests of a step are sent between two messages.
async fn one_by_one(
    sandbox: &Sandbox,
    batch: &Batch,
    mut between: Option<&mut replay::OneByOne<'_>>,
) -> Result<Vec<Duration>, Error> {
    let place = Place::new()?;
    let updater = place.start().await?;
    updater.configure(sandbox, |_| {}).await?;
    let mut events = std::pin::pin!(updater.client.events().await?);
    let mut took = Vec::with_capacity(batch.messages.len());
    for message in &batch.messages {
        let id = updater.client.submit(message.processed.clone()).await?.id;
        let start = Instant::now();
        loop {
            match events.next().await.ok_or("the events ended")?? {
                Event::Message(row) if row.id == id && row.state == State::Updated => break,
                Event::Message(row) if row.id == id && matches!(row.state, State::Failed | State::Skipped) => {
                    return Err(format!("message {id} was not updated: {}", row.reason).into());
                }
                _ => {}
            }
        }
        took.push(start.elapsed());
        if let Some(replay) = &mut between {
            replay.next().await?;
        }
    }
    updater.stop().await?;
    // The first one opened the connection.
    took.remove(0);
    Ok(took)
}

fn p99(all: &mut [Duration]) -> Duration {
    all.sort_unstable();
    all[(all.len() * 99 / 100).min(all.len() - 1)]
}
