//! The updater's own requests once more, by a client that does nothing but send them and read the answers.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Certificate;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use secrecy::ExposeSecret as _;

use super::Measured;
use super::programs::{Error, Sandbox, processor_time};

/// What it took to update the messages: searches, each with the updates that followed from it.
pub struct Requests {
    steps: Vec<Step>,
    messages: usize,
}

struct Step {
    mailbox: String,
    requests: Vec<Bytes>,
}

impl Requests {
    /// Reads what the sandbox wrote down, and puts together what belongs together by the items' ids.
    pub fn read(folder: &Path, messages: usize) -> Result<Self, Error> {
        let mut steps = Vec::new();
        let mut found = HashMap::new();
        let mut updates = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.ends_with("-FindItem-response.xml") {
                let request = std::fs::read_to_string(folder.join(name.replace("response", "request")))?;
                let answer = std::fs::read_to_string(&path)?;
                found.extend(item_ids(&answer).map(|id| (id.to_owned(), steps.len())));
                let mailbox = between(&request, "PrimarySmtpAddress>", "<").ok_or("a search in no mailbox")?.to_owned();
                steps.push(Step { mailbox, requests: vec![request.into()] });
            } else if name.ends_with("-UpdateItem-request.xml") {
                updates.push(std::fs::read_to_string(&path)?);
            }
        }
        let mut count = 0;
        for update in updates {
            count += item_ids(&update).count();
            let id = item_ids(&update).next().ok_or("an update of no item")?;
            let step = found.get(id).ok_or("an update of an item that was not found before")?;
            steps[*step].requests.push(update.into());
        }
        if count != messages {
            return Err(format!("{count} of {messages} messages were recorded").into());
        }
        // A search that came to nothing is not followed by an update.
        steps.retain(|step| step.requests.len() > 1);
        Ok(Self { steps, messages })
    }
}

fn item_ids(text: &str) -> impl Iterator<Item = &str> {
    text.split("ItemId Id=\"").skip(1).filter_map(|rest| rest.split('"').next())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(inside, _)| inside)
}

/// Each connection takes the next step as soon as it is done with one.
pub async fn run(sandbox: &Sandbox, requests: &Requests, connections: usize) -> Result<Measured, Error> {
    let next = Arc::new(AtomicUsize::new(0));
    let clients = (0..connections).map(|_| client(sandbox)).collect::<Result<Vec<_>, _>>()?;
    let before = processor_time(std::process::id()).unwrap_or_default();
    let start = Instant::now();
    let work = clients.iter().map(|client| {
        let next = next.clone();
        async move {
            while let Some(step) = requests.steps.get(next.fetch_add(1, Ordering::Relaxed)) {
                for body in &step.requests {
                    send(sandbox, client, &step.mailbox, body).await?;
                }
            }
            Ok::<(), Error>(())
        }
    });
    futures_util::future::try_join_all(work).await?;
    let took = start.elapsed();
    let processor = processor_time(std::process::id()).unwrap_or_default().saturating_sub(before);
    Ok(Measured { messages: requests.messages, took, processor })
}

async fn send(sandbox: &Sandbox, client: &reqwest::Client, mailbox: &str, body: &Bytes) -> Result<(), Error> {
    let answer = client
        .post(&sandbox.ews_url)
        .basic_auth(&sandbox.account, Some(sandbox.password.expose_secret()))
        .header(CONTENT_TYPE, "text/xml; charset=utf-8")
        .header(ACCEPT, "text/xml")
        .header("X-AnchorMailbox", mailbox)
        .body(body.clone());
    let answer = answer.send().await?.error_for_status()?.bytes().await?;
    let done = b"<m:ResponseCode>NoError</m:ResponseCode>";
    if answer.windows(done.len()).any(|part| part == done) {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&answer).into())
    }
}

/// A client with one connection.
fn client(sandbox: &Sandbox) -> Result<reqwest::Client, Error> {
    let roots = Certificate::from_pem_bundle(sandbox.authority.as_bytes())?;
    let client = reqwest::Client::builder().http1_only().no_proxy().gzip(true).pool_max_idle_per_host(1);
    Ok(client.tls_certs_merge(roots).build()?)
}

/// How long the requests of each step take when one follows the other, on one connection that is open already.
pub struct OneByOne<'a> {
    sandbox: &'a Sandbox,
    client: reqwest::Client,
    steps: std::slice::Iter<'a, Step>,
    took: Vec<Duration>,
}

impl<'a> OneByOne<'a> {
    pub fn new(sandbox: &'a Sandbox, requests: &'a Requests) -> Result<Self, Error> {
        Ok(Self { sandbox, client: client(sandbox)?, steps: requests.steps.iter(), took: Vec::new() })
    }

    pub async fn next(&mut self) -> Result<(), Error> {
        let Some(step) = self.steps.next() else { return Ok(()) };
        let start = Instant::now();
        for body in &step.requests {
            send(self.sandbox, &self.client, &step.mailbox, body).await?;
        }
        self.took.push(start.elapsed());
        Ok(())
    }

    /// Of each step but the first, which opened the connection.
    pub fn took(self) -> Vec<Duration> {
        self.took.into_iter().skip(1).collect()
    }
}
