//! Round trips: what 100 messages of one mailbox cost that wait together.

use super::programs::{Error, Place, Sandbox};
use super::report::Report;
use super::sample::Batch;

const MESSAGES: usize = 100;

pub async fn measure(report: &mut Report) -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    let mut sandbox = Sandbox::start(folder.path(), false).await?;
    sandbox.mailboxes.truncate(1);
    let batch = Batch::store(&sandbox, "trips", MESSAGES).await?;
    let place = Place::new()?;
    let updater = place.start().await?;
    updater.configure(&sandbox, |settings| settings.enabled = false).await?;
    for message in &batch.messages {
        updater.client.submit(message.processed.clone()).await?;
    }
    sandbox.reset_statistics().await?;
    updater.change(|settings| settings.enabled = true).await?;
    updater.finishes(MESSAGES).await?;
    let asked = sandbox.ews_requests().await?;
    updater.stop().await?;
    sandbox.stop().await?;
    #[allow(clippy::cast_precision_loss)] // counts of messages
    let each = asked as f64 / MESSAGES as f64;
    let name = "round trips per message, 100 messages of one mailbox waiting";
    report.row(name, &format!("{each:.2}"), "-", "at most 0.5", &format!("{each:.2}"));
    Ok(())
}
