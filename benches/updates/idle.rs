//! Processor time of an updater that has nothing to do, connected and switched on.

use std::time::Duration;

use super::Sizes;
use super::programs::{Error, Place, Sandbox, processor_time};
use super::report::Report;

/// What a start leaves to be done has settled by then.
const SETTLED: Duration = Duration::from_secs(1);

pub async fn measure(sizes: &Sizes, report: &mut Report) -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    let sandbox = Sandbox::start(folder.path(), false).await?;
    let place = Place::new()?;
    let updater = place.start().await?;
    updater.configure(&sandbox, |_| {}).await?;
    tokio::time::sleep(SETTLED).await;
    let Some(before) = processor_time(updater.process()) else {
        Report::not_measured("processor time at rest", "this system does not tell it in /proc");
        return Ok(());
    };
    tokio::time::sleep(sizes.idle).await;
    let used = processor_time(updater.process()).unwrap_or_default().saturating_sub(before);
    updater.stop().await?;
    sandbox.stop().await?;
    let part = format!("{:.3} %", 100.0 * used.as_secs_f64() / sizes.idle.as_secs_f64());
    let name = format!("processor when idle for {} s", sizes.idle.as_secs());
    report.row(&name, &format!("{used:.1?}"), "-", "under 0.1 % of a core", &part);
    Ok(())
}
