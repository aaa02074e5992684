//! Files of the sandbox's folder: written whole or not at all, readable by their owner alone.

use std::io::{self, Write as _};
use std::path::Path;

/// Replaces the file at `path`.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // A temporary file is private to its owner, and stays so under its final name.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}
