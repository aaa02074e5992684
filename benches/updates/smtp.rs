//! Durable acceptance over SMTP: `smtp-source` of Postfix with four sessions and messages of 10 KB, against the updater
//! and against Postfix itself in turns, on the same disk.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use sent_items_update::settings::SmtpSettings;
use tokio::process::Command;

use super::postfix::Postfix;
use super::programs::{Error, Place};
use super::report::Report;
use super::{Measured, Sizes};

pub async fn measure(sizes: &Sizes, report: &mut Report) -> Result<(), Error> {
    let has = Command::new("smtp-source").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    if let Err(error) = has {
        Report::not_measured("acceptance over SMTP", &format!("smtp-source, which comes with Postfix: {error}"));
        return Ok(());
    }
    let place = Place::new()?;
    let updater = place.start().await?;
    updater
        .change(|settings| {
            let listen = SocketAddr::from(([127, 0, 0, 1], 0));
            settings.intake.smtp = Some(SmtpSettings { listen, allow_remote: false });
        })
        .await?;
    let mut address = None;
    updater
        .until("the SMTP door to open", async || {
            let status = updater.client.status().await.ok();
            address = status.and_then(|status| status.smtp).and_then(|door| door.place.parse().ok());
            address = address.filter(|address: &SocketAddr| address.port() > 0);
            address.is_some()
        })
        .await?;
    let address: SocketAddr = address.ok_or("the SMTP door has no address")?;
    let postfix = match Postfix::start().await {
        Ok(postfix) => postfix,
        Err(why) => {
            Report::not_measured("acceptance over SMTP by Postfix", &why.to_string());
            return updater.stop().await;
        }
    };
    // Before it counts: connections, files and caches are there.
    let warm = sizes.accepted / 10;
    source(address, warm, "warm", place.folder()).await?;
    source(postfix.address, warm, "warm", place.folder()).await?;
    let (mut ours, mut beside) = (Measured::default(), Measured::default());
    for round in 0..sizes.rounds {
        let (run, messages) = (round.to_string(), sizes.accepted / sizes.rounds);
        ours += source(address, messages, &run, place.folder()).await?;
        beside += source(postfix.address, messages, &run, place.folder()).await?;
    }
    postfix.stop().await?;
    let counts = updater.client.status().await?.counts;
    let all = i64::try_from(ours.messages + warm)?;
    if counts.waiting != all {
        return Err(format!("{} of {all} messages were accepted", counts.waiting).into());
    }
    updater.stop().await?;
    let ratio = ours.per_second() / beside.per_second();
    report.row(
        "durable acceptance over SMTP per second, 4 sessions, 10 KB",
        &format!("{:.0}", ours.per_second()),
        &format!("Postfix: {:.0}", beside.per_second()),
        "at least 2 x",
        &format!("{ratio:.1} x"),
    );
    Ok(())
}

/// Each message is another one: its Message-ID is made by `smtp-source`, its subject by the run.
async fn source(to: SocketAddr, messages: usize, run: &str, folder: &Path) -> Result<Measured, Error> {
    let start = Instant::now();
    let status = Command::new("smtp-source")
        .args(["-s", "4", "-l", "10240", "-m", &messages.to_string(), "-S", run])
        .args(["-f", "anna@nordwind.example", "-t", "b@channel-power.example"])
        .arg(format!("{}:{}", to.ip(), to.port()))
        .current_dir(folder)
        .stdin(Stdio::null())
        .status()
        .await?;
    if !status.success() {
        return Err(format!("smtp-source ended with {status}").into());
    }
    Ok(Measured { messages, took: start.elapsed(), ..Measured::default() })
}
