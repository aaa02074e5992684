//! Peak memory for one large message, from its acceptance to its update. All pages count, those of the mapped file, too.

use std::io::Write as _;

use super::Sizes;
use super::programs::{Error, Place, Sandbox, peak_memory};
use super::report::Report;

pub async fn measure(sizes: &Sizes, report: &mut Report) -> Result<(), Error> {
    let folder = tempfile::tempdir()?;
    let sandbox = Sandbox::start(folder.path(), false).await?;
    let mailbox = sandbox.mailboxes[0].clone();
    sandbox.store(&mailbox, mime(&mailbox, "", sizes.large)).await?;
    let path = folder.path().join("large.eml");
    std::fs::File::create(&path)?.write_all(mime(&mailbox, "<p>Nordwind GmbH</p>", sizes.large).as_bytes())?;

    let place = Place::new()?;
    let updater = place.start().await?;
    updater.configure(&sandbox, |_| {}).await?;
    updater.client.submit_file(&path).await?;
    updater.finishes(1).await?;
    let Some(peak) = peak_memory(updater.process()) else {
        Report::not_measured("peak memory", "this system does not tell it in /proc");
        return Ok(());
    };
    updater.stop().await?;
    sandbox.stop().await?;
    #[allow(clippy::cast_precision_loss)] // bytes
    let (ratio, megabytes) = (peak as f64 / sizes.large as f64, peak as f64 / 1e6);
    let name = format!("peak memory for one message of {} MB", sizes.large / 1_000_000);
    report.row(&name, &format!("{megabytes:.0} MB"), "size of the message", "at most 2.5 x", &format!("{ratio:.2} x"));
    Ok(())
}

/// A message of about this size, nearly all of it a file.
fn mime(mailbox: &str, signature: &str, size: usize) -> String {
    let mut text = format!(
        "From: <{mailbox}>\r\nTo: <h.smith@channel-power.example>\r\nSubject: The drawings\r\n\
         Message-ID: <large@bench.nordwind.example>\r\nDate: Tue, 24 Nov 2026 09:15:00 +0100\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
         <html><body><p>Here they are.</p>{signature}</body></html>\r\n--b\r\nContent-Type: application/zip; name=\"a.zip\"\r\n\
         Content-Disposition: attachment; filename=\"a.zip\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    );
    let line = format!("{}\r\n", "Tm9yZHdpbmQh".repeat(6));
    text.reserve(size);
    while text.len() < size {
        text.push_str(&line);
    }
    text + "--b--\r\n"
}
