//! Takes the processed message out of an Exchange journal report before it goes to the gate.

use bytes::Bytes;

use super::{Accept, AcceptError, Receipt, Received, Source, Unusable};
use crate::message::journaled;
use crate::updater::spool::{Content, IN_MEMORY, Spool, SpoolError};

/// What came in, after a look whether it is a journal report.
#[derive(Debug)]
enum Unpacked {
    /// No journal report, or one that can't be unpacked: whoever reads it as a message is told why.
    AsItIs(Content),
    /// The messages in the report.
    Messages(Vec<Content>),
}

/// Gives what a door received to the gate; of a journal report, each message in it.
///
/// # Errors
/// The first error of the gate. Messages before it stay accepted, and are recognised when the report comes again.
pub(super) async fn accept<A: Accept>(
    gate: &A,
    spool: &Spool,
    content: Content,
    (source, unpacked_source): (Source, Source),
    unusable: Unusable,
) -> Result<Vec<Receipt>, AcceptError> {
    let unpacked = match content {
        Content::Memory(_) => unpack(content, spool),
        // Reading through a large file takes long enough to hold up others on the same thread.
        Content::File(_) => {
            let spool = spool.clone();
            tokio::task::spawn_blocking(move || unpack(content, &spool))
                .await
                .map_err(|error| AcceptError::Storage(error.to_string()))?
        }
    };
    let (contents, source) = match unpacked? {
        Unpacked::AsItIs(content) => (vec![content], source),
        Unpacked::Messages(contents) => (contents, unpacked_source),
    };
    let mut receipts = Vec::with_capacity(contents.len());
    for content in contents {
        receipts.push(gate.accept(Received { content, source, unusable }).await?);
    }
    Ok(receipts)
}

fn unpack(content: Content, spool: &Spool) -> Result<Unpacked, AcceptError> {
    let report = content.bytes().map_err(|error| AcceptError::Storage(error.to_string()))?;
    match journaled(&report) {
        Some(Ok(messages)) => {
            let contents = messages.into_iter().map(|message| content_of(message, &report, spool));
            Ok(Unpacked::Messages(contents.collect::<Result<_, _>>()?))
        }
        None | Some(Err(_)) => Ok(Unpacked::AsItIs(content)),
    }
}

/// A message as a content of its own. What was in memory stays there, uncopied; of a file, the message is
/// written to another one, since that is how large messages are kept.
fn content_of(message: Bytes, report: &Bytes, spool: &Spool) -> Result<Content, AcceptError> {
    if report.len() <= IN_MEMORY {
        return Ok(Content::Memory(message));
    }
    let mut writer = spool.writer();
    writer.write(&message).map_err(|error| storage(&error, spool))?;
    Ok(writer.finish())
}

/// What the gate would say if it could not store the message.
pub(super) fn storage(error: &SpoolError, spool: &Spool) -> AcceptError {
    match error {
        SpoolError::TooLarge { limit } => AcceptError::TooLarge { limit: *limit },
        _ if error.is_disk_full() => AcceptError::DiskFull { path: spool.folder().display().to_string() },
        SpoolError::Io { .. } => AcceptError::Storage(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Bad input: a full disk while accepting is temporary, whichever step meets it.
    #[test]
    fn a_full_disk_while_a_message_arrives_is_what_the_gate_would_say() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1000).unwrap();
        let error = |kind: io::ErrorKind| {
            let path = folder.path().to_owned();
            storage(&SpoolError::Io { path, source: kind.into() }, &spool)
        };
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert!(matches!(error(kind), AcceptError::DiskFull { path } if path == folder.path().to_str().unwrap()));
        }
        assert!(matches!(error(io::ErrorKind::PermissionDenied), AcceptError::Storage(_)));
        let large = storage(&SpoolError::TooLarge { limit: 1000 }, &spool);
        assert!(matches!(large, AcceptError::TooLarge { limit: 1000 }) && !large.is_temporary());
    }
}
