//! Mailboxes in one SQLite file: folders, items, attachments, and what clients see change in them.
//!
//! What describes items is kept in memory (`state`) and searched there; bodies and attachments stay in the
//! database. One task writes (`writer`): it gathers what has been asked for meanwhile and commits it together,
//! so an answer is given only for what survives the end of the process. Readers see what is committed, and
//! never wait for the writer's disk.

pub(crate) mod content;
pub(crate) mod conversation;
pub(crate) mod draft;
mod folders;
pub(crate) mod headers;
pub(crate) mod html;
pub(crate) mod ids;
pub(crate) mod mime_in;
pub(crate) mod mime_out;
pub(crate) mod model;
pub(crate) mod property;
pub(crate) mod readback;
pub(crate) mod state;
#[cfg(test)]
mod tests;
pub(crate) mod tx;
mod writer;

pub use readback::{
    AttachmentContent, BodyKind, Delivery, FlagStatus, ItemFilter, StoredAddress, StoredAttachment, StoredItem,
    StoredProperty,
};

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use sqlx::ConnectOptions as _;
use sqlx::Row as _;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::{mpsc, oneshot};

use content::Content;
use draft::NewItem;
use model::{Address, Attachment, AttachmentKind, FolderNo, Item, ItemNo, MailboxNo, Place, flags};
use state::{State, Tombstone};
use tx::{Numbers, Tx};
use writer::{Command, Job, Reply, Writer};

/// The store could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("the sandbox's mailboxes in {} can't be opened: {source}", path.display())]
    Open { path: PathBuf, source: Arc<sqlx::Error> },
    #[error("the sandbox's mailboxes in {} are in use by another sandbox", path.display())]
    InUse { path: PathBuf },
    #[error("the file {} beside the sandbox's mailboxes can't be locked: {source}", path.display())]
    Lock { path: PathBuf, source: Arc<std::io::Error> },
    #[error("the sandbox's mailboxes in {} were made by another version: {source}", path.display())]
    Migrate { path: PathBuf, source: Arc<sqlx::migrate::MigrateError> },
    #[error("the sandbox's mailboxes in {} hold an entry that can't be read: {source}", path.display())]
    Damaged { path: PathBuf, source: Arc<serde_json::Error> },
    #[error("the sandbox's database reports: {0}")]
    Database(Arc<sqlx::Error>),
    #[error("the sandbox's store is closed")]
    Closed,
    #[error("the mailbox of {mailbox} has no folder {folder:?} and none can be made there")]
    NoSuchFolder { mailbox: String, folder: String },
    #[error("the message is not MIME that could be read")]
    NotMime,
    #[error("{0:?} is no extended property with values of its type")]
    BadProperty(Box<StoredProperty>),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// Handle of the open store. Cheap to clone.
///
/// A mailbox is named by the UPN of its owner, in any case, and is made with its usual folders when it is first
/// named. A folder is named as EWS does (`sentitems`, `inbox`, …), or by a path below one of those or below the
/// top of the mailbox (`inbox/Projects/2026`), whose last parts are made when missing.
#[derive(Clone)]
pub struct Store {
    state: Arc<RwLock<State>>,
    commands: mpsc::Sender<Command>,
    readers: SqlitePool,
    // Held as long as any handle lives: what is in memory must be all there is.
    _lock: Arc<std::fs::File>,
}

/// What has to be done to a database of any earlier version. By hand, as sqlx's macro for it compiles SQLite once more for
/// the compiler itself.
fn migrations() -> Migrator {
    let sql = include_str!("../../../resources/migrations/sandbox/0001_mailboxes.sql").into_sql_str();
    Migrator::with_migrations(vec![Migration::new(1, "mailboxes".into(), MigrationType::Simple, sql, false)])
}

impl Store {
    /// Opens the database in the file `path`, making it if it isn't there.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        let opening = |source| StoreError::Open { path: path.to_owned(), source: Arc::new(source) };
        let connect = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(50)
            .disable_statement_logging();
        let mut connection = connect.connect().await.map_err(opening)?;
        migrations()
            .run(&mut connection)
            .await
            .map_err(|source| StoreError::Migrate { path: path.to_owned(), source: Arc::new(source) })?;
        let (state, numbers) = load(&mut connection, path).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(3)
            .connect_with(connect.create_if_missing(false).pragma("query_only", "ON"))
            .await
            .map_err(opening)?;
        let state = Arc::new(RwLock::new(state));
        let (commands, received) = mpsc::channel(1024);
        tokio::spawn(Writer { connection, commands: received, state: state.clone(), numbers }.run());
        Ok(Self { state, commands, readers, _lock: Arc::new(lock) })
    }

    /// Commits what was asked for so far and closes the database. Later calls get [`StoreError::Closed`].
    pub async fn close(&self) {
        let (reply, done) = oneshot::channel();
        if self.commands.send(Command::Close(reply)).await.is_ok() {
            let _ = done.await;
        }
        self.readers.close().await;
    }

    /// Looks at what is committed. Nothing is written meanwhile: be short.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs a job that writes. When it returns `Ok`, what it did is committed; when it returns `Err`, it did
    /// nothing.
    pub(crate) async fn write<T, E>(
        &self,
        job: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, StoreError>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        let job: Job = Box::new(move |tx| match job(tx) {
            Ok(done) => Some(Box::new(move |outcome: Result<(), StoreError>| {
                let _ = sender.send(outcome.map(|()| Ok(done)));
            }) as Reply),
            Err(refused) => {
                let _ = sender.send(Ok(Err(refused)));
                None
            }
        });
        self.commands.send(Command::Job(job)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Body, headers and calendar part of an item.
    pub(crate) async fn content(&self, item: ItemNo) -> Result<Content, StoreError> {
        content::item(&self.readers, item).await
    }

    /// Content of a file attachment.
    pub(crate) async fn attachment_content(&self, attachment: &Attachment) -> Result<Bytes, StoreError> {
        content::attachment(&self.readers, attachment.number, attachment.size).await
    }

    /// An item as MIME.
    pub(crate) async fn mime_of(&self, item: &Item) -> Result<Vec<u8>, StoreError> {
        let content = self.content(item.number).await?;
        let mut contents = Vec::with_capacity(item.attachments.len());
        for attachment in &item.attachments {
            let bytes = match attachment.kind {
                AttachmentKind::File => self.attachment_content(attachment).await?,
                AttachmentKind::Item(number) => match self.read(|state| state.item(number).cloned()) {
                    Some(inner) => Box::pin(self.mime_of(&inner)).await?.into(),
                    None => Bytes::new(),
                },
            };
            contents.push((attachment.clone(), bytes));
        }
        Ok(mime_out::message(item, &content, &contents))
    }

    /// Makes the mailbox of `owner` (a UPN) with its usual folders, unless it is there.
    pub async fn add_mailbox(&self, owner: &str) -> Result<(), StoreError> {
        let owner = owner.trim().to_lowercase();
        if self.read(|state| state.mailbox_of(&owner).is_some()) {
            return Ok(());
        }
        let job = move |tx: &mut Tx<'_>| {
            tx.ensure_mailbox(&owner);
            Ok::<_, std::convert::Infallible>(())
        };
        self.write(job).await?.map_err(|never| match never {})
    }

    /// Removes a mailbox with all that is in it.
    pub async fn remove_mailbox(&self, owner: &str) -> Result<(), StoreError> {
        let owner = owner.trim().to_lowercase();
        let job = move |tx: &mut Tx<'_>| {
            if let Some(mailbox) = tx.mailbox_of(&owner) {
                tx.remove_mailbox(&mailbox);
            }
            Ok::<_, std::convert::Infallible>(())
        };
        self.write(job).await?.map_err(|never| match never {})
    }

    /// Puts a message into a folder as if a client or the transport had. Returns its `ItemId`.
    pub async fn deliver(
        &self,
        mailbox: &str,
        folder: &str,
        mime: Bytes,
        options: Delivery,
    ) -> Result<String, StoreError> {
        let now = jiff::Timestamp::now().as_millisecond();
        let mut new = mime_in::item(&mime, now).ok_or(StoreError::NotMime)?;
        drop(mime);
        apply(&mut new, options)?;
        let owner = mailbox.trim().to_lowercase();
        let place = folder.trim_start_matches('/').to_lowercase();
        let own = new.item.from.as_ref().is_some_and(|from| from.address.to_lowercase() == owner);
        let received = place.starts_with("inbox");
        new.item.set(flags::FROM_ME, place.starts_with("sentitems") || received && own);
        // The transport puts it there.
        new.item.received_by = received.then(|| Address { name: String::new(), address: owner.clone() });
        let folder = folder.to_owned();
        let job = move |tx: &mut Tx<'_>| {
            let mailbox = tx.ensure_mailbox(&owner);
            let Some(folder_no) = make_folder(tx, mailbox.number, &folder) else {
                return Err(StoreError::NoSuchFolder { mailbox: owner, folder });
            };
            let item = tx.insert(new, mailbox.number, Place::Folder(folder_no));
            Ok(ids::item_id(&mailbox.guid, item.number))
        };
        self.write(job).await?
    }

    /// Moves an item into a folder of its mailbox, which is made if need be, as a person would. Returns its new `ItemId`;
    /// none: there is no such item.
    pub async fn move_item(&self, item_id: &str, folder: &str) -> Result<Option<String>, StoreError> {
        let Ok(ids::Id { kind: ids::IdKind::Item(number), .. }) = ids::parse(item_id) else { return Ok(None) };
        let folder = folder.to_owned();
        let job = move |tx: &mut Tx<'_>| {
            let Some(item) = tx.item(number) else { return Ok(None) };
            let Some(mailbox) = tx.mailbox(item.mailbox) else { return Ok(None) };
            let to = make_folder(tx, mailbox.number, &folder).and_then(|number| tx.folder(number));
            let Some(to) = to else { return Err(StoreError::NoSuchFolder { mailbox: mailbox.owner.clone(), folder }) };
            let moved = tx.move_item(&item, &to);
            Ok(Some(ids::item_id(&mailbox.guid, moved.number)))
        };
        self.write(job).await?
    }

    /// Reads items back, with their bodies, properties and attachments, oldest first.
    pub async fn items(&self, mailbox: &str, filter: &ItemFilter) -> Result<Vec<StoredItem>, StoreError> {
        let owner = mailbox.trim().to_lowercase();
        let found: Vec<Arc<Item>> = self.read(|state| {
            let Some(mailbox) = state.mailbox_of(&owner) else { return Ok(Vec::new()) };
            let folder = match &filter.folder {
                None => None,
                Some(name) => Some(
                    find_folder(state, mailbox.number, name)
                        .ok_or_else(|| StoreError::NoSuchFolder { mailbox: owner.clone(), folder: name.clone() })?,
                ),
            };
            let wanted = |item: &&Arc<Item>| folder.is_none_or(|folder| item.folder() == Some(folder));
            let mut items: Vec<Arc<Item>> = match (&filter.message_id, folder) {
                (Some(id), _) => state.with_message_id(mailbox.number, id).filter(wanted).cloned().collect(),
                (None, Some(folder)) => state.items_in(folder).cloned().collect(),
                (None, None) => {
                    let folders = state.folders_of(mailbox.number);
                    folders.iter().flat_map(|folder| state.items_in(folder.number)).cloned().collect()
                }
            };
            items.sort_by_key(|item| item.number);
            Ok::<_, StoreError>(items)
        })?;
        let mut read = Vec::with_capacity(found.len());
        for item in found {
            read.push(self.read_back(&item, item.number, &mut Vec::new(), filter.without_content).await?);
        }
        Ok(read)
    }

    /// How many items a folder holds.
    pub fn count(&self, mailbox: &str, folder: &str) -> Result<u64, StoreError> {
        let owner = mailbox.trim().to_lowercase();
        self.read(|state| {
            let Some(mailbox) = state.mailbox_of(&owner) else { return Ok(0) };
            let found = find_folder(state, mailbox.number, folder);
            let missing = || StoreError::NoSuchFolder { mailbox: owner.clone(), folder: folder.to_owned() };
            Ok(state.counts(found.ok_or_else(missing)?).total as u64)
        })
    }

    /// The item as a MIME message, made from its present properties, body and attachments.
    pub async fn mime(&self, item_id: &str) -> Result<Option<Bytes>, StoreError> {
        let Ok(ids::Id { kind: ids::IdKind::Item(number), .. }) = ids::parse(item_id) else { return Ok(None) };
        match self.read(|state| state.item(number).cloned()) {
            Some(item) => Ok(Some(self.mime_of(&item).await?.into())),
            None => Ok(None),
        }
    }

    async fn read_back(
        &self,
        item: &Item,
        root: ItemNo,
        way: &mut Vec<model::AttachmentNo>,
        without_content: bool,
    ) -> Result<StoredItem, StoreError> {
        let content = self.content(item.number).await?;
        let (guid, folder) = self.read(|state| {
            let folder = item.folder().and_then(|folder| state.folder(folder).cloned());
            (state.mailbox(item.mailbox).map(|mailbox| mailbox.guid.clone()).unwrap_or_default(), folder)
        });
        let mut attachments = Vec::with_capacity(item.attachments.len());
        for attachment in &item.attachments {
            way.push(attachment.number);
            let inner = match attachment.kind {
                _ if without_content => AttachmentContent::LeftOut,
                AttachmentKind::File => AttachmentContent::File(self.attachment_content(attachment).await?),
                AttachmentKind::Item(number) => match self.read(|state| state.item(number).cloned()) {
                    Some(inner) => {
                        AttachmentContent::Item(Box::new(Box::pin(self.read_back(&inner, root, way, false)).await?))
                    }
                    None => AttachmentContent::LeftOut,
                },
            };
            attachments.push(StoredAttachment {
                attachment_id: ids::attachment_id(&guid, root, way),
                name: attachment.name.clone(),
                content_type: attachment.content_type.clone(),
                content_id: attachment.content_id.clone(),
                content_location: attachment.content_location.clone(),
                inline: attachment.inline,
                size: attachment.size,
                content: inner,
            });
            way.pop();
        }
        let folder = folder.map(|folder| folder.distinguished.clone().unwrap_or_else(|| folder.name.clone()));
        Ok(readback::stored(item, &guid, folder.unwrap_or_default(), content.body, attachments))
    }
}

/// What a delivery asks for beside the message.
fn apply(new: &mut NewItem, options: Delivery) -> Result<(), StoreError> {
    let item = &mut new.item;
    item.set(flags::READ, options.read);
    item.set(flags::UNSENT, options.draft);
    item.set(flags::UNMODIFIED, true);
    item.follow_up.status = options.flag;
    if let Some(received) = options.received {
        item.received = Some(received.as_millisecond());
    }
    if let Some(sent) = options.sent {
        item.sent = Some(sent.as_millisecond());
    }
    if !options.categories.is_empty() {
        item.categories = options.categories;
    }
    for property in options.extended {
        let Some((key, value)) = property.parse() else { return Err(StoreError::BadProperty(Box::new(property))) };
        item.set_property(key, value);
    }
    Ok(())
}

/// The folder at a path; its missing parts are made.
fn make_folder(tx: &mut Tx<'_>, mailbox: MailboxNo, path: &str) -> Option<FolderNo> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let first = parts.next()?;
    let mut at = tx.distinguished(mailbox, &first.to_lowercase()).map(|folder| folder.number);
    let rest: Vec<&str> = if at.is_some() { parts.collect() } else { std::iter::once(first).chain(parts).collect() };
    if at.is_none() {
        at = tx.distinguished(mailbox, "msgfolderroot").map(|folder| folder.number);
    }
    let mut at = at?;
    for name in rest {
        let found = tx.children(at).into_iter().find(|child| child.name.eq_ignore_ascii_case(name));
        at = match found {
            Some(child) => child.number,
            None => tx.new_folder(mailbox, Some(at), None, name, "IPF.Note").number,
        };
    }
    Some(at)
}

fn find_folder(state: &State, mailbox: MailboxNo, path: &str) -> Option<FolderNo> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let first = parts.next()?;
    let named = state.distinguished(mailbox, &first.to_lowercase()).map(|folder| folder.number);
    let child = |at: FolderNo, name: &str| {
        state.children(at).find(|child| child.name.eq_ignore_ascii_case(name)).map(|child| child.number)
    };
    let start = match named {
        Some(folder) => folder,
        None => child(state.distinguished(mailbox, "msgfolderroot")?.number, first)?,
    };
    parts.try_fold(start, child)
}

/// The kind of an object in its change key (`StoreObjectType`).
pub(crate) fn object_kind(class: &str) -> u8 {
    const KINDS: &[(&str, u8)] = &[
        ("IPM.Schedule.Meeting.Request", 11),
        ("IPM.Schedule.Meeting.Resp", 12),
        ("IPM.Schedule.Meeting.Canceled", 13),
        ("IPM.Appointment", 15),
        ("IPM.Contact", 17),
        ("IPM.Task", 19),
    ];
    KINDS.iter().find(|(prefix, _)| class.starts_with(prefix)).map_or(9, |(_, kind)| *kind)
}

/// Takes the database for this process; the lock goes with the process, however it ends.
fn lock(database: &Path) -> Result<std::fs::File, StoreError> {
    let path = database.with_extension("lock");
    let failed = |source| StoreError::Lock { path: path.clone(), source: Arc::new(source) };
    let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse { path: database.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Brings into memory what describes the mailboxes.
async fn load(connection: &mut SqliteConnection, path: &Path) -> Result<(State, Numbers), StoreError> {
    let damaged = |source| StoreError::Damaged { path: path.to_owned(), source: Arc::new(source) };
    let mut state = State::default();
    for row in sqlx::query("SELECT number, owner, guid FROM mailbox").fetch_all(&mut *connection).await? {
        let mailbox = model::Mailbox { number: MailboxNo(row.get(0)), owner: row.get(1), guid: row.get(2) };
        state.put_mailbox(&Arc::new(mailbox));
    }
    for row in sqlx::query("SELECT data FROM folder ORDER BY number").fetch_all(&mut *connection).await? {
        state.put_folder(&Arc::new(serde_json::from_str(row.get(0)).map_err(damaged)?));
    }
    for row in sqlx::query("SELECT data FROM item ORDER BY number").fetch_all(&mut *connection).await? {
        state.put_item(Arc::new(serde_json::from_str(row.get(0)).map_err(damaged)?));
    }
    let graves = "SELECT change, mailbox, folder, item, born FROM tombstone ORDER BY change";
    for row in sqlx::query(graves).fetch_all(&mut *connection).await? {
        state.bury(Tombstone {
            change: row.get(0),
            mailbox: MailboxNo(row.get(1)),
            folder: FolderNo(row.get(2)),
            item: row.get::<Option<i64>, _>(3).map(ItemNo),
            born: row.get(4),
        });
    }
    let row = sqlx::query("SELECT number, change FROM counter").fetch_one(&mut *connection).await?;
    let numbers = Numbers { number: row.get(0), change: row.get(1) };
    state.set_change(numbers.change);
    Ok((state, numbers))
}
