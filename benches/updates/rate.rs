//! Messages updated per second: by the updater, by an exchangelib script with as many connections, and by a bare HTTP
//! client that replays the updater's own requests. All meet the same sandbox over HTTPS, in a process of its own, with
//! as many fresh messages in the same mailboxes.

use std::future::ready;

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::programs::{Cores, Error, Place, Sandbox, processor_time};
use super::report::Report;
use super::sample::Batch;
use super::{Measured, Sizes, exchangelib, replay};

/// Once as with Exchange on another computer, and once with everybody on the same processors, where the faster a client is
/// the more it takes away from the server that it waits for.
pub async fn measure(sizes: &Sizes, connections: usize, report: &mut Report) -> Result<(), Error> {
    for cores in Cores::available() {
        if *cores == Cores::OneEach {
            cores.apply().await?;
        }
        let measured = on(*cores, sizes, connections, report).await;
        if *cores == Cores::OneEach {
            Cores::Shared.apply().await?;
        }
        measured?;
    }
    Ok(())
}

async fn on(cores: Cores, sizes: &Sizes, connections: usize, report: &mut Report) -> Result<(), Error> {
    let messages = sizes.messages;
    let folder = tempfile::tempdir()?;
    let sandbox = Sandbox::start(folder.path(), true).await?;
    let recorded = Batch::store(&sandbox, "recorded", messages).await?;
    // What this run takes is not counted: writing requests down slows the sandbox.
    update(&sandbox, &recorded, connections, cores).await?;
    sandbox.stop().await?;
    let requests = replay::Requests::read(&folder.path().join("recorded"), messages)?;

    let sandbox = Sandbox::start_on(folder.path(), false, cores).await?;
    let (mut updater, mut bare, mut asked) = (Measured::default(), Measured::default(), 0);
    for round in 0..sizes.rounds {
        let fresh = Batch::store(&sandbox, &format!("updater-{round}"), messages).await?;
        sandbox.reset_statistics().await?;
        updater += update(&sandbox, &fresh, connections, cores).await?;
        asked += sandbox.ews_requests().await?;
        bare += replay::run(&sandbox, &requests, connections).await?;
    }

    let whose = match cores {
        Cores::OneEach => "server and client on a core each",
        Cores::Shared => "on the same cores",
    };
    let name = format!("messages updated per second, {connections} connections, {whose}");
    #[allow(clippy::cast_precision_loss)] // counts of messages
    let each = asked as f64 / updater.messages as f64;
    let ours = format!("{:.0} (each {each:.2} requests, {})", updater.per_second(), updater.processor_each());
    let beside = format!("bare HTTP client, same requests: {:.0} ({})", bare.per_second(), bare.processor_each());
    let ratio = updater.per_second() / bare.per_second();
    report.row(&name, &ours, &beside, "at least 0.85 x", &format!("{ratio:.2} x"));

    let fresh = Batch::store(&sandbox, "exchangelib", messages).await?;
    match exchangelib::run(&sandbox, &fresh, connections).await? {
        Ok(script) => {
            let ratio = updater.per_second() / script.per_second();
            let beside = format!("exchangelib: {:.0}", script.per_second());
            report.row(&name, &ours, &beside, "at least 15 x", &format!("{ratio:.1} x"));
        }
        Err(missing) => Report::not_measured("exchangelib", &missing),
    }
    sandbox.stop().await
}

/// Has an updater of its own process update a batch: accepted first, then switched on and measured to the last one.
async fn update(sandbox: &Sandbox, batch: &Batch, connections: usize, cores: Cores) -> Result<Measured, Error> {
    let place = Place::new()?;
    let updater = place.start_on(cores).await?;
    updater
        .configure(sandbox, |settings| {
            settings.limits.connections = connections;
            settings.enabled = false;
        })
        .await?;
    let submissions = batch.messages.iter().map(|message| updater.client.submit(message.processed.clone()));
    futures_util::stream::iter(submissions).buffer_unordered(32).try_for_each(|_| ready(Ok(()))).await?;
    let before = processor_time(updater.process()).unwrap_or_default();
    let start = std::time::Instant::now();
    updater.change(|settings| settings.enabled = true).await?;
    updater.finishes(batch.messages.len()).await?;
    let took = start.elapsed();
    let processor = processor_time(updater.process()).unwrap_or_default().saturating_sub(before);
    updater.stop().await?;
    Ok(Measured { messages: batch.messages.len(), took, processor })
}
