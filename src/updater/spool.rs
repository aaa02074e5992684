//! Where the bytes of a message are between its arrival and its end.
//!
//! Small messages stay in memory and are stored inside the queue's database, so that many of them share one
//! flush to disk. Large ones go to a file as they arrive and are read back as a memory map: a message of
//! 100 MB costs address space, not memory.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tempfile::NamedTempFile;

/// Up to this size a message is kept in memory and in the database; above it, in a file.
pub const IN_MEMORY: usize = 128 * 1024;

/// The bytes of one received message.
#[derive(Debug)]
pub enum Content {
    Memory(Bytes),
    /// A file in the spool folder, deleted when dropped unless the queue takes it over.
    File(NamedTempFile),
}

impl Content {
    /// The whole message; a file is mapped, not read.
    ///
    /// # Errors
    /// When the file can't be mapped.
    pub fn bytes(&self) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes) => Ok(bytes.clone()),
            Self::File(file) => map(file.as_file()),
        }
    }

    /// Bytes of the message.
    ///
    /// # Errors
    /// When the file's size can't be read.
    pub fn size(&self) -> io::Result<u64> {
        match self {
            Self::Memory(bytes) => Ok(bytes.len() as u64),
            Self::File(file) => Ok(file.as_file().metadata()?.len()),
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Memory(bytes.into())
    }
}

/// The folder for large messages. Clones share the limit.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
    max_message_bytes: Arc<AtomicU64>,
}

/// Why a message could not be taken in while it arrived.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("the message is larger than the limit of {limit} bytes (setting intake.max_message_bytes)")]
    TooLarge { limit: u64 },
    #[error("the spool folder {} can't be written: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl SpoolError {
    /// Whether the disk has no room left (ENOSPC, EDQUOT).
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

impl Spool {
    /// # Errors
    /// When the folder can't be made.
    pub fn open(folder: &Path, max_message_bytes: u64) -> Result<Self, SpoolError> {
        std::fs::create_dir_all(folder).map_err(|source| SpoolError::Io { path: folder.to_owned(), source })?;
        Ok(Self { folder: folder.to_owned(), max_message_bytes: Arc::new(max_message_bytes.into()) })
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    #[must_use]
    pub fn max_message_bytes(&self) -> u64 {
        self.max_message_bytes.load(Ordering::Relaxed)
    }

    /// Changes the limit, for what arrives from now on.
    pub fn limit(&self, max_message_bytes: u64) {
        self.max_message_bytes.store(max_message_bytes, Ordering::Relaxed);
    }

    /// A place to write an arriving message to, piece by piece.
    #[must_use]
    pub fn writer(&self) -> SpoolWriter {
        SpoolWriter { spool: self.clone(), written: 0, memory: Vec::new(), file: None }
    }

    fn error(&self, source: io::Error) -> SpoolError {
        SpoolError::Io { path: self.folder.clone(), source }
    }
}

/// Takes an arriving message. Dropping it unfinished leaves nothing behind.
///
/// Writes are synchronous and go to the page cache only: pieces of up to 64 KiB don't hold up the
/// runtime longer than handing them to another thread would.
#[derive(Debug)]
pub struct SpoolWriter {
    spool: Spool,
    written: u64,
    memory: Vec<u8>,
    file: Option<NamedTempFile>,
}

impl SpoolWriter {
    /// Appends a piece.
    ///
    /// # Errors
    /// When the message gets larger than allowed or the disk can't take it; the writer is of no use then.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), SpoolError> {
        self.written += piece.len() as u64;
        let limit = self.spool.max_message_bytes();
        if self.written > limit {
            return Err(SpoolError::TooLarge { limit });
        }
        if self.file.is_none() && self.memory.len() + piece.len() <= IN_MEMORY {
            self.memory.extend_from_slice(piece);
            return Ok(());
        }
        let spool = self.spool.clone();
        let result = (|| {
            let file = if let Some(file) = &mut self.file {
                file
            } else {
                let mut file = tempfile::Builder::new().suffix(".eml").tempfile_in(&spool.folder)?;
                file.write_all(&std::mem::take(&mut self.memory))?;
                self.file.insert(file)
            };
            file.write_all(piece)
        })();
        result.map_err(|source| spool.error(source))
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// The message as a whole. Not on disk for good yet: that is the queue's doing.
    #[must_use]
    pub fn finish(self) -> Content {
        match self.file {
            Some(file) => Content::File(file),
            None => Content::Memory(self.memory.into()),
        }
    }
}

/// Maps a spooled file.
///
/// # Errors
/// When the file can't be mapped.
#[allow(unsafe_code)]
pub fn map(file: &File) -> io::Result<Bytes> {
    if file.metadata()?.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: files in the spool folder are written once, by us, before they are mapped, and never changed or
    // truncated afterwards; the folder belongs to the service account alone. Deleting one while it is mapped
    // keeps its pages valid on Unix and is refused on Windows.
    let map = unsafe { memmap2::Mmap::map(file)? };
    Ok(Bytes::from_owner(map))
}
