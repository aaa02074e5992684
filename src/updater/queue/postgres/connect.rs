//! Connections to the database, and what each must be like before it is used.

use std::sync::Arc;

use deadpool_postgres::ClientWrapper;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error as PgError, NoTls, Row, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tracing::{debug, warn};

use super::super::QueueError;
use super::error::{self, OLDEST_SERVER, SharedError};
use super::{SharedAddress, passfile};
use crate::tls;

/// A connection with what it has prepared.
pub(super) type Db = ClientWrapper;

/// The way to the database.
pub(super) struct Link {
    pub address: SharedAddress,
    /// None: nothing is encrypted, and no certificates are looked for.
    tls: Option<MakeRustlsConnect>,
}

/// Each of the writer's statements has an index that is made for it, in the order that it wants. A young table has no
/// statistics to say so, and the planner would rather sort all that waits in a mailbox.
const BY_INDEX: &str = "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
     SET enable_mergejoin = off";

/// What an administrator should know of a server.
type Warning = Option<String>;

impl Link {
    pub fn new(address: SharedAddress) -> Result<Self, SharedError> {
        let mut roots = Vec::new();
        if let Some(path) = &address.roots {
            let unusable = |why: String| SharedError::Roots { path: path.clone(), why };
            let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                roots.push(certificate.map_err(|error| unusable(error.to_string()))?);
            }
            if roots.is_empty() {
                return Err(unusable("it holds no certificate in PEM format".to_owned()));
            }
        }
        let tls = match address.config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(
                tls::client_config(roots)
                    .map_err(|error| SharedError::Encryption { server: address.server(), why: error.to_string() })?,
            )),
        };
        Ok(Self { address, tls })
    }

    /// What an error of this connection means.
    pub fn meaning(&self, error: &PgError) -> QueueError {
        error::meaning(&self.address, error)
    }

    /// The password is read each time: it may have been changed meanwhile.
    fn config(&self) -> Result<Config, SharedError> {
        let mut config = self.address.config.clone();
        if let Some(password) = passfile::password(&self.address)? {
            config.password(password.expose_secret());
        }
        Ok(config)
    }

    /// A connection of the writer's own, which hears notifications.
    pub async fn connect(&self) -> Result<(Db, mpsc::UnboundedReceiver<String>, Warning), QueueError> {
        let config = self.config().map_err(QueueError::Shared)?;
        let (sender, heard) = mpsc::unbounded_channel();
        let (client, task) = self.open(&config, Some(sender)).await.map_err(|error| self.meaning(&error))?;
        let db = Db::new(client, task);
        let warning = self.look_at(&db).await?;
        db.batch_execute(BY_INDEX).await.map_err(|error| self.meaning(&error))?;
        Ok((db, heard, warning))
    }

    async fn look_at(&self, db: &Db) -> Result<Warning, QueueError> {
        let asked = "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
             pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on', current_setting('fsync')";
        let row = db.query_one(asked, &[]).await.map_err(|error| self.meaning(&error))?;
        let server = self.address.server();
        let version: i32 = row.get(0);
        if version < i32::try_from(OLDEST_SERVER * 10_000).unwrap_or(i32::MAX) {
            return Err(SharedError::TooOld { server, found: row.get(1) }.into());
        }
        if row.get(2) {
            return Err(SharedError::ReadOnly { server }.into());
        }
        Ok((row.get::<_, &str>(3) == "off").then(|| {
            format!(
                "The database of the shared queue at {server} does not write to disk at once (fsync = off): what was \
                 accepted can be lost in a power cut."
            )
        }))
    }

    async fn open(
        &self,
        config: &Config,
        heard: Option<mpsc::UnboundedSender<String>>,
    ) -> Result<(Client, JoinHandle<()>), PgError> {
        let (client, task) = match &self.tls {
            Some(tls) => attended(config.connect(tls.clone()).await?, heard),
            None => attended(config.connect(NoTls).await?, heard),
        };
        // A client that is killed must not hold for long what others wait for. And what was committed must last, claims
        // included: of one that a crash of the database undoes, another updater would know nothing.
        let settings = format!(
            "SET search_path TO {}; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s';
             SET jit = off;
             SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
            self.address.schema
        );
        client.batch_execute(&settings).await?;
        Ok((client, task))
    }
}

/// With a task that does what comes over the connection, and passes on what others notify.
fn attended<T>(
    (client, mut connection): (Client, Connection<Socket, T>),
    heard: Option<mpsc::UnboundedSender<String>>,
) -> (Client, JoinHandle<()>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let task = tokio::spawn(async move {
        let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notification(told)) => {
                    if let Some(heard) = &heard {
                        let _ = heard.send(told.payload().to_owned());
                    }
                }
                Ok(AsyncMessage::Notice(notice)) => debug!(%notice, "the database of the shared queue says"),
                Ok(_) => {}
                Err(error) => {
                    warn!(%error, "a connection to the database of the shared queue ended");
                    break;
                }
            }
        }
    });
    (client, task)
}

/// For the connections that read.
pub(super) struct Reading(pub Arc<Link>);

impl deadpool_postgres::Connect for Reading {
    fn connect(&self, plain: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), PgError>> {
        // Without the password the server says that it wants one.
        let config = self.0.config().unwrap_or_else(|_| plain.clone());
        async move { self.0.open(&config, None).await }.boxed()
    }
}

/// Runs a statement, prepared once a connection.
pub(super) async fn rows(db: &Db, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, PgError> {
    let statement = db.prepare_cached(sql).await?;
    db.query(&statement, values).await
}

/// The same, for how many rows it changed.
pub(super) async fn execute(db: &Db, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, PgError> {
    let statement = db.prepare_cached(sql).await?;
    db.execute(&statement, values).await
}
