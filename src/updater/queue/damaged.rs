//! A queue whose database is damaged: it is set aside as a whole, with its spooled messages, and a fresh one takes
//! its place. Nothing of it is deleted, and every start says that it is there until somebody removes it.

use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteConnection;

use super::QueueError;

/// Left by an updater that met damage while it ran, for the next start to act on.
const MARKER: &str = "queue.damaged";

/// Folders with damaged queues begin so; the time follows.
const SET_ASIDE: &str = "damaged-queue-";

impl QueueError {
    /// Whether the database itself is broken, so that trying again is of no use.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Open { source, .. }
            | Self::Migrate {
                source: MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _), ..
            } => is_damage(source),
            Self::Database(source) => is_damage(source),
            _ => false,
        }
    }
}

/// `SQLITE_CORRUPT` or `SQLITE_NOTADB`, alone or in an extended code.
fn is_damage(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code)
        .and_then(|code| code.parse::<i32>().ok())
        .is_some_and(|code| matches!(code & 0xff, 11 | 26))
}

/// What can be told before the database is opened.
pub(super) fn before_opening(folder: &Path, database: &Path, spool: &Path) -> Result<(), QueueError> {
    let damaged = |reason: &str| Err(QueueError::Damaged { path: database.to_owned(), reason: reason.to_owned() });
    if let Ok(reason) = std::fs::read_to_string(folder.join(MARKER)) {
        return damaged(reason.trim());
    }
    // Opening makes an empty database, and no row of it would name the spooled messages: they would be swept.
    let empty = std::fs::metadata(database).map_or(true, |found| found.len() == 0);
    let spooled = std::fs::read_dir(spool).is_ok_and(|mut files| files.next().is_some());
    if empty && spooled { damaged("it is empty or gone, and spooled messages are there") } else { Ok(()) }
}

/// Looks at the table of messages and its indices. The bytes of the messages, nearly all of the file, are left
/// out: a start must not take minutes, and [`mark`] deals with damage that is met later.
pub(super) async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<(), QueueError> {
    let opening = |source| QueueError::Open { path: path.to_owned(), source };
    // In a fresh file there is no such table yet, and nothing to check.
    let there = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM sqlite_schema WHERE name = 'message'");
    if there.fetch_one(&mut *connection).await.map_err(opening)? == 0 {
        return Ok(());
    }
    let found: Vec<String> =
        sqlx::query_scalar("PRAGMA quick_check(message)").fetch_all(connection).await.map_err(opening)?;
    match found.first() {
        Some(first) if first != "ok" => {
            Err(QueueError::Damaged { path: path.to_owned(), reason: first.lines().next().unwrap_or("").to_owned() })
        }
        _ => Ok(()),
    }
}

/// Tells the next start that the database was found damaged.
pub(super) fn mark(folder: &Path, reason: &str) -> io::Result<()> {
    std::fs::write(folder.join(MARKER), reason)
}

/// Moves the database with all that belongs to it into a folder of its own. The caller holds the lock.
pub(super) fn set_aside(folder: &Path, spool: &Path, now: Timestamp) -> Result<PathBuf, QueueError> {
    let aside = folder.join(format!("{SET_ASIDE}{}", now.strftime("%Y%m%dT%H%M%SZ")));
    let failed = |source| QueueError::Folder { path: aside.clone(), source };
    std::fs::create_dir(&aside).map_err(failed)?;
    // The marker goes last: until then a start that was interrupted here begins anew.
    for name in ["queue.sqlite-wal", "queue.sqlite-shm", "queue.sqlite", "spool", MARKER] {
        match std::fs::rename(folder.join(name), aside.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    std::fs::create_dir(spool).map_err(failed)?;
    Ok(aside)
}

/// Folders with queues that were set aside, at any time.
pub(super) fn found(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_one = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(SET_ASIDE));
    let mut found: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_one).collect();
    found.sort();
    found
}
