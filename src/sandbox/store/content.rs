//! What stays in the database until it is asked for: bodies, headers, and the content of attachments.

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;

use super::StoreError;
use super::model::{AttachmentNo, ItemNo};

/// The large parts of an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    pub body: String,
    pub headers: String,
    pub calendar: Option<String>,
}

/// Attachments are kept in pieces of this many bytes, so that no more than one is held twice.
pub const PIECE: usize = 2 * 1024 * 1024;

/// Pieces of one attachment are numbered from here.
#[must_use]
pub fn first_piece(attachment: AttachmentNo) -> i64 {
    attachment.0 << 20
}

pub(super) async fn item(pool: &SqlitePool, item: ItemNo) -> Result<Content, StoreError> {
    let row = sqlx::query("SELECT body, headers, calendar FROM content WHERE item = ?")
        .bind(item.0)
        .fetch_optional(pool)
        .await?;
    Ok(row.map(|row| Content { body: row.get(0), headers: row.get(1), calendar: row.get(2) }).unwrap_or_default())
}

/// The content of a file attachment; `size` is how much to expect.
pub(super) async fn attachment(pool: &SqlitePool, attachment: AttachmentNo, size: u64) -> Result<Bytes, StoreError> {
    let first = first_piece(attachment);
    let mut rows = sqlx::query("SELECT content FROM piece WHERE number >= ? AND number < ? ORDER BY number")
        .bind(first)
        .bind(first + (1 << 20))
        .fetch(pool);
    let mut content = BytesMut::with_capacity(usize::try_from(size).unwrap_or_default());
    while let Some(row) = rows.try_next().await? {
        content.extend_from_slice(row.get(0));
    }
    Ok(content.freeze())
}
