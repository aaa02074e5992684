//! What is known of the scope's entries, kept in a file, so that a restart during an outage of the directory changes
//! nothing (S3).

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

/// Name of the file in the data folder.
const FILE: &str = "scope.json";

/// Form of the file. Another one is not read.
const VERSION: u32 = 1;

/// A file of more bytes than this was not written here.
const MOST_BYTES: u64 = 256 << 20;

/// What the directory said of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    pub name: String,
    pub members: u64,
    /// Folded.
    pub addresses: Box<[Box<str>]>,
    /// When it said so. Milliseconds since 1970.
    pub at: i64,
    /// Since when it has no such object; the members are those of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    entries: HashMap<Uuid, Known>,
}

#[derive(Serialize)]
struct ToWrite<'a> {
    version: u32,
    entries: &'a HashMap<Uuid, Known>,
}

/// The file.
#[derive(Debug, Clone)]
pub struct Cache {
    path: PathBuf,
}

impl Cache {
    /// What it holds; and, when it can't be used, a sentence about that. Such a file is set aside, and nothing is
    /// known then.
    pub fn open(folder: &Path) -> (Self, HashMap<Uuid, Known>, Option<String>) {
        let cache = Self { path: folder.join(FILE) };
        match cache.read() {
            Ok(known) => (cache, known, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (cache, HashMap::new(), None),
            Err(error) => {
                let aside = cache.path.with_extension("json.damaged");
                let moved = std::fs::rename(&cache.path, &aside);
                warn!(file = %cache.path.display(), %error, "the known membership of the senders' scope can't be read");
                let place = if moved.is_ok() { &aside } else { &cache.path };
                let told = format!(
                    "What was known of the senders' scope can't be read from {} ({error}): it is asked of the \
                     directory anew.",
                    place.display()
                );
                (cache, HashMap::new(), Some(told))
            }
        }
    }

    fn read(&self) -> io::Result<HashMap<Uuid, Known>> {
        if std::fs::metadata(&self.path)?.len() > MOST_BYTES {
            return Err(io::Error::other("the file is far too large"));
        }
        let document: Document = serde_json::from_slice(&std::fs::read(&self.path)?)?;
        if document.version != VERSION {
            return Err(io::Error::other(format!(
                "it is of version {}, and this program knows {VERSION}",
                document.version
            )));
        }
        Ok(document.entries)
    }

    /// Replaces what the file holds, as a whole. It is on disk when this returns.
    pub fn write(&self, entries: &HashMap<Uuid, Known>) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let file = tempfile::NamedTempFile::new_in(folder)?;
        let mut writer = io::BufWriter::new(file);
        serde_json::to_writer(&mut writer, &ToWrite { version: VERSION, entries })?;
        writer.write_all(b"\n")?;
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
