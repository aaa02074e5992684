//! The same work by exchangelib, the usual way to script Exchange: `tests/lab/exchangelib/bench_update.py`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::Measured;
use super::programs::{Error, Sandbox};
use super::sample::Batch;

/// The inner error says what is missing on this machine.
pub async fn run(sandbox: &Sandbox, batch: &Batch, connections: usize) -> Result<Result<Measured, String>, Error> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = project.join(if cfg!(windows) { ".venv/Scripts/python.exe" } else { ".venv/bin/python" });
    if !python.exists() {
        return Ok(Err(format!("there is no {}; `tests/run exchangelib` makes it", python.display())));
    }
    let has = Command::new(&python).args(["-c", "import exchangelib"]).stderr(Stdio::null()).status().await?;
    if !has.success() {
        return Ok(Err(format!("{} has no exchangelib", python.display())));
    }
    let task = json!({
        "ews_url": sandbox.ews_url,
        "authority": sandbox.authority_file,
        "account": sandbox.account,
        "password": sandbox.password.expose_secret(),
        "connections": connections,
        "messages": batch.messages.iter().map(|message| json!({
            "mailbox": message.mailbox,
            "message_id": message.message_id,
            "html": message.html,
        })).collect::<Vec<_>>(),
    });
    let mut script = Command::new(&python)
        .arg(project.join("tests/lab/exchangelib/bench_update.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = script.stdin.take() {
        stdin.write_all(task.to_string().as_bytes()).await?;
    }
    let output = script.wait_with_output().await?;
    if !output.status.success() {
        return Err("the exchangelib script failed, see above".into());
    }
    let result: Value = serde_json::from_slice(&output.stdout)?;
    let seconds = result["seconds"].as_f64().ok_or("the exchangelib script gave no time")?;
    Ok(Ok(Measured { messages: batch.messages.len(), took: Duration::from_secs_f64(seconds), ..Measured::default() }))
}
