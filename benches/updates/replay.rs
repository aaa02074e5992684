//! The updater's own requests once more, by a client that does nothing but send them and read the answers.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use reqwest::Certificate;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use secrecy::ExposeSecret as _;

use super::Measured;
use super::programs::{Error, Sandbox};

/// What it takes to update each message: a request that finds, and one that updates.
pub struct Requests {
    pairs: Vec<Pair>,
}

struct Pair {
    mailbox: String,
    find: Bytes,
    update: Bytes,
}

impl Requests {
    /// Reads what the sandbox wrote down, and puts together what belongs to one message by the item's id.
    pub fn read(folder: &Path, messages: usize) -> Result<Self, Error> {
        let mut found = HashMap::new();
        let mut updates = HashMap::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with("-FindItem-response.xml") {
                let request = folder.join(name.replace("response", "request"));
                let answer = std::fs::read_to_string(&path)?;
                // A search that came to nothing is not followed by an update.
                if let Some(id) = between(&answer, "ItemId Id=\"", "\"") {
                    found.insert(id.to_owned(), std::fs::read_to_string(request)?);
                }
            } else if name.ends_with("-UpdateItem-request.xml") {
                let request = std::fs::read_to_string(&path)?;
                let id = between(&request, "ItemId Id=\"", "\"").ok_or("an update of no item")?.to_owned();
                updates.insert(id, request);
            }
        }
        let mut pairs = Vec::with_capacity(updates.len());
        for (id, update) in updates {
            let find = found.remove(&id).ok_or("an update of an item that was not found before")?;
            let mailbox = between(&find, "PrimarySmtpAddress>", "<").ok_or("a search in no mailbox")?.to_owned();
            pairs.push(Pair { mailbox, find: find.into(), update: update.into() });
        }
        if pairs.len() != messages {
            return Err(format!("{} of {messages} messages were recorded", pairs.len()).into());
        }
        Ok(Self { pairs })
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(inside, _)| inside)
}

/// Each connection takes the next message as soon as it is done with one.
pub async fn run(sandbox: &Sandbox, requests: &Requests, connections: usize) -> Result<Measured, Error> {
    let next = Arc::new(AtomicUsize::new(0));
    let clients = (0..connections).map(|_| client(sandbox)).collect::<Result<Vec<_>, _>>()?;
    let start = Instant::now();
    let work = clients.iter().map(|client| {
        let next = next.clone();
        async move {
            while let Some(pair) = requests.pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                for body in [&pair.find, &pair.update] {
                    let answer = client
                        .post(&sandbox.ews_url)
                        .basic_auth(&sandbox.account, Some(sandbox.password.expose_secret()))
                        .header(CONTENT_TYPE, "text/xml; charset=utf-8")
                        .header(ACCEPT, "text/xml")
                        .header("X-AnchorMailbox", &pair.mailbox)
                        .body(body.clone());
                    let answer = answer.send().await?.error_for_status()?.bytes().await?;
                    let done = b"<m:ResponseCode>NoError</m:ResponseCode>";
                    if !answer.windows(done.len()).any(|part| part == done) {
                        return Err::<(), Error>(String::from_utf8_lossy(&answer).into());
                    }
                }
            }
            Ok(())
        }
    });
    futures_util::future::try_join_all(work).await?;
    Ok(Measured { messages: requests.pairs.len(), took: start.elapsed() })
}

/// A client with one connection.
fn client(sandbox: &Sandbox) -> Result<reqwest::Client, Error> {
    let roots = Certificate::from_pem_bundle(sandbox.authority.as_bytes())?;
    let client = reqwest::Client::builder().http1_only().no_proxy().gzip(true).pool_max_idle_per_host(1);
    Ok(client.tls_certs_merge(roots).build()?)
}
