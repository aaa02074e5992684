//! The bytes of a message in the database, fetched when they are needed.

use std::fmt;

use bytes::Bytes;
use tempfile::NamedTempFile;

use super::super::{QueueError, spool};
use super::Shared;
use super::connect;

/// Pieces that are fetched with one question.
const AT_ONCE: i32 = 8;

const PIECES: &str = "SELECT raw FROM content WHERE message = $1 AND piece >= $2 ORDER BY piece LIMIT $3";

/// The bytes of a message that are still in the database.
#[derive(Clone)]
pub struct Remote {
    shared: Shared,
    id: i64,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.id)
    }
}

impl Remote {
    pub(super) fn new(shared: Shared) -> Self {
        Self { shared, id: 0 }
    }

    /// The same way, to another message.
    pub(super) fn of(&self, id: i64) -> Self {
        Self { id, ..self.clone() }
    }

    /// Fetches the message. A large one comes to lie in a file of the spool folder, which goes with the last of its
    /// bytes; so it costs address space, not memory.
    pub(in super::super) async fn fetch(&self) -> Result<Bytes, QueueError> {
        let db = self.shared.db().await?;
        let mut file: Option<NamedTempFile> = None;
        let mut next = 0;
        loop {
            let asked = connect::rows(&db, PIECES, &[&self.id, &next, &i64::from(AT_ONCE)]).await;
            let rows = asked.map_err(|error| self.shared.meaning(&error))?;
            let pieces: Vec<&[u8]> = rows.iter().map(|row| row.get(0)).collect();
            let is_end = rows.len() < usize::try_from(AT_ONCE).unwrap_or_default();
            match (&pieces[..], &mut file) {
                ([], None) => return Err(QueueError::ContentGone { id: self.id }),
                ([only], None) => return Ok(Bytes::copy_from_slice(only)),
                _ => {
                    let taken = match file.take() {
                        Some(file) => file,
                        None => {
                            NamedTempFile::new_in(self.shared.spool.folder()).map_err(|error| self.no_room(error))?
                        }
                    };
                    file = Some(append(taken, pieces.concat()).await.map_err(|error| self.no_room(error))?);
                }
            }
            if is_end {
                break;
            }
            next += AT_ONCE;
        }
        let Some(file) = file else { return Err(QueueError::ContentGone { id: self.id }) };
        let mapped = spool::map(file.as_file()).map_err(|error| self.no_room(error))?;
        Ok(Bytes::from_owner(Fetched { mapped, _file: file }))
    }

    fn no_room(&self, source: std::io::Error) -> QueueError {
        QueueError::ContentUnreadable { id: self.id, path: self.shared.spool.folder().to_owned(), source }
    }
}

async fn append(mut file: NamedTempFile, bytes: Vec<u8>) -> std::io::Result<NamedTempFile> {
    let written = tokio::task::spawn_blocking(move || {
        std::io::Write::write_all(&mut file, &bytes)?;
        Ok(file)
    });
    written.await.map_err(std::io::Error::other)?
}

/// A fetched message: first the map goes, then the file.
struct Fetched {
    mapped: Bytes,
    _file: NamedTempFile,
}

impl AsRef<[u8]> for Fetched {
    fn as_ref(&self) -> &[u8] {
        &self.mapped
    }
}
