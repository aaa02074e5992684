//! The tables, made and changed step by step. Of several updaters that start at once, one does it and the others wait.

use tokio_postgres::Error as PgError;

use super::super::QueueError;
use super::connect::{Db, Link};
use super::error::SharedError;

/// One after the other; the number is the place, from 1 on.
const STEPS: [&str; 1] = [include_str!("../../../../resources/migrations/postgres/0001_queue.sql")];

/// Brings the schema to where this version needs it.
pub(super) async fn migrate(db: &Db, link: &Link) -> Result<(), QueueError> {
    let result = run(db, &link.address.schema).await;
    if !matches!(result, Ok(Ok(()))) {
        // The connection may be gone; then so is the transaction.
        let _ = db.batch_execute("ROLLBACK").await;
    }
    match result {
        Ok(done) => done.map_err(QueueError::Shared),
        Err(error) => Err(match link.meaning(&error) {
            QueueError::Shared(SharedError::Statement { said }) => {
                SharedError::Migrate { schema: link.address.schema.clone(), said }.into()
            }
            other => other,
        }),
    }
}

async fn run(db: &Db, schema: &str) -> Result<Result<(), SharedError>, PgError> {
    // Whoever makes tables may take longer than others wait for a row.
    db.batch_execute("BEGIN; SET LOCAL lock_timeout = '5min'; SET LOCAL statement_timeout = 0").await?;
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('Sent Items Update ' || $1, 0))";
    db.execute(lock, &[&schema]).await?;
    let there: bool = db.query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&schema]).await?.get(0);
    if !there {
        db.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
    }
    let versions = format!("{schema}.schema_version");
    let there: bool = db.query_one("SELECT to_regclass($1) IS NOT NULL", &[&versions]).await?.get(0);
    if !there {
        let make =
            "CREATE TABLE schema_version (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())";
        db.batch_execute(make).await?;
    }
    let found: i32 = db.query_one("SELECT coalesce(max(version), 0) FROM schema_version", &[]).await?.get(0);
    let known = i32::try_from(STEPS.len()).unwrap_or(i32::MAX);
    if found > known {
        return Ok(Err(SharedError::Newer { schema: schema.to_owned(), found, known }));
    }
    for (version, step) in (1..).zip(STEPS).skip_while(|(version, _)| *version <= found) {
        db.batch_execute(step).await?;
        db.execute("INSERT INTO schema_version (version) VALUES ($1)", &[&version]).await?;
    }
    db.batch_execute("COMMIT").await?;
    Ok(Ok(()))
}
