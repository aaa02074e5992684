//! `siu-updater submit`: hands processed messages over.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::Stream;

use super::failure::{Failure, Status};
use super::place::Pipe;
use crate::pipe::client::{Client, PipeError};
use crate::pipe::types::Receipt;

/// Hand processed messages over to the updater
///
/// For each message a line tells its number in the queue, once the updater has it safely on disk. A message that was
/// handed over before is recognised and not updated twice.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  siu-updater submit message.eml
  siu-updater submit /var/spool/processed/
  signature-program < in.eml | siu-updater submit -

Exit status: 0 when all were accepted; 1 when one was not, which and why is on standard error.")]
pub struct Arguments {
    /// Messages in MIME format: files, folders (every *.eml in them), or - for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print a JSON object a line instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pipe: Pipe,
}

pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    let client = arguments.pipe.client()?;
    let files = expand(&arguments.files)?;
    let (mut accepted, mut failed) = (0_usize, 0_usize);
    // One after the other: of the copies of a split message, the last one that comes in is the one that counts.
    for file in &files {
        match submit(&client, file).await {
            Ok(receipt) => {
                accepted += 1;
                print(file, &receipt, arguments.json)?;
            }
            Err(error) => {
                let failure = match error {
                    // The name of the file stands before it already.
                    PipeError::File { source, .. } => Failure::new(format!("it can't be read: {source}")),
                    other => other.into(),
                };
                // What ails the updater as a whole need not be said once a file.
                if failure.status != Status::Failed {
                    let rest = files.len() - accepted - failed;
                    let message = format!("{}; not handed over: {rest} of {}", failure.message, files.len());
                    return Err(Failure { message, ..failure });
                }
                failed += 1;
                writeln!(io::stderr(), "siu-updater: {}: {failure}", name(file))?;
            }
        }
    }
    if failed > 0 {
        return Err(Failure::new(format!("{failed} of {} were not accepted", count(files.len()))));
    }
    Ok(())
}

fn count(messages: usize) -> String {
    if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") }
}

async fn submit(client: &Client, file: &Path) -> Result<Receipt, PipeError> {
    if is_standard_input(file) {
        client.submit(reqwest::Body::wrap_stream(standard_input())).await
    } else {
        client.submit_file(file).await
    }
}

/// Standard input in pieces, read on a thread of its own: it may wait for a slow program.
fn standard_input() -> impl Stream<Item = io::Result<Vec<u8>>> + Send {
    futures_util::stream::unfold((), async |()| {
        let read = tokio::task::spawn_blocking(|| {
            let mut piece = vec![0; 64 * 1024];
            let length = io::stdin().lock().read(&mut piece)?;
            piece.truncate(length);
            Ok(piece)
        });
        match read.await.unwrap_or_else(|broken| Err(io::Error::other(broken))) {
            Ok(piece) if piece.is_empty() => None,
            result => Some((result, ())),
        }
    })
}

fn print(file: &Path, receipt: &Receipt, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let Receipt { id, duplicate } = *receipt;
    if json {
        return writeln!(out, "{}", serde_json::json!({ "file": name(file), "id": id, "duplicate": duplicate }));
    }
    let how = if duplicate { "was accepted before, as message" } else { "accepted as message" };
    writeln!(out, "{}: {how} {id}", name(file))
}

fn name(file: &Path) -> String {
    if is_standard_input(file) { "standard input".to_owned() } else { file.display().to_string() }
}

fn is_standard_input(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// Puts the messages of a folder in its place, in the order of their names.
fn expand(files: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut all = Vec::with_capacity(files.len());
    for file in files {
        if !file.is_dir() {
            all.push(file.clone());
            continue;
        }
        let unreadable = |error| Failure::new(format!("{} can't be read: {error}", file.display()));
        let mut messages = Vec::new();
        for entry in std::fs::read_dir(file).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_file() && path.extension().is_some_and(|end| end.eq_ignore_ascii_case("eml")) {
                messages.push(path);
            }
        }
        if messages.is_empty() {
            return Err(Failure::new(format!("there is no *.eml file in {}", file.display())));
        }
        messages.sort();
        all.append(&mut messages);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_the_messages_in_it_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.eml", "a.EML", "note.txt"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let files = expand(&["-".into(), folder.path().into()]).unwrap();
        assert_eq!(files, ["-".into(), folder.path().join("a.EML"), folder.path().join("b.eml")]);
    }

    #[test]
    fn a_folder_without_messages_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let failure = expand(&[folder.path().into()]).unwrap_err();
        assert!(failure.to_string().contains("no *.eml"), "{failure}");
    }
}
