//! What can be wrong with the shared queue's database, in words for those who run it.

use std::error::Error as _;
use std::io;
use std::path::PathBuf;

use tokio_postgres::Error as PgError;
use tokio_postgres::error::SqlState;
use tokio_rustls::rustls;

use super::super::QueueError;
use super::{AddressProblem, SharedAddress};
use crate::tls::TlsProblem;

/// The oldest server that is worked with.
pub(super) const OLDEST_SERVER: u32 = 12;

#[derive(Debug, Clone, thiserror::Error)]
pub enum SharedError {
    #[error("the address of the shared queue can't be used: {0}")]
    Address(#[from] AddressProblem),
    #[error("the database of the shared queue can't be reached at {server}: {why}; it is tried again")]
    Unreachable { server: String, why: String },
    #[error("no encrypted connection to the database of the shared queue at {server}: {why}")]
    Encryption { server: String, why: String },
    #[error("the database of the shared queue at {server} does not let {user} in: {said}")]
    SignIn { server: String, user: String, said: String },
    #[error(
        "the database of the shared queue at {server} asks for {user}'s password, and there is none; put it into a \
         password file (PGPASSFILE, ~/.pgpass or passfile=…), or into the variable PGPASSWORD"
    )]
    NoPassword { server: String, user: String },
    #[error("the password file {} can't be used: {why}", path.display())]
    Passfile { path: PathBuf, why: String },
    #[error("the certificate authorities in {} can't be used: {why}", path.display())]
    Roots { path: PathBuf, why: String },
    #[error("there is no database {database} at {server}; make it (createdb -O {user} {database})")]
    NoDatabase { server: String, database: String, user: String },
    #[error("the server at {server} is PostgreSQL {found}; the shared queue needs {OLDEST_SERVER} or later")]
    TooOld { server: String, found: String },
    #[error(
        "the database of the shared queue at {server} takes no changes: it is a standby, or was set read-only; name the \
         one that does, or several with target_session_attrs=read-write"
    )]
    ReadOnly { server: String },
    #[error(
        "the shared queue (schema {schema}) was made by a later version of Sent Items Update ({found}, and this one knows \
         {known}); update this one, too"
    )]
    Newer { schema: String, found: i32, known: i32 },
    #[error("the shared queue's tables can't be made or changed in schema {schema}: {said}")]
    Migrate { schema: String, said: String },
    #[error("the database of the shared queue reports: {said}")]
    Statement { said: String },
}

impl SharedError {
    /// Whether waiting may help: the connection is gone, not the queue.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::ReadOnly { .. })
    }
}

/// What an error of the client means.
pub(super) fn meaning(address: &SharedAddress, error: &PgError) -> QueueError {
    if error.code() == Some(&SqlState::DISK_FULL) {
        return QueueError::DiskFull;
    }
    QueueError::Shared(shared(address, error))
}

fn shared(address: &SharedAddress, error: &PgError) -> SharedError {
    let server = address.server();
    if let Some(said) = error.as_db_error() {
        let (code, user) = (said.code(), address.user().to_owned());
        let said = said.message().to_owned();
        return match code.code() {
            "28000" | "28P01" => SharedError::SignIn { server, user, said },
            "3D000" => SharedError::NoDatabase { server, database: address.database().to_owned(), user },
            "25006" => SharedError::ReadOnly { server },
            // It starts or stops, somebody ended the session, or there are too many of them.
            "57P01" | "57P02" | "57P03" | "57P05" | "53300" | "25P03" => SharedError::Unreachable { server, why: said },
            code if code.starts_with("08") => SharedError::Unreachable { server, why: said },
            _ => SharedError::Statement { said },
        };
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(tls) = inner.downcast_ref::<rustls::Error>() {
            return encryption(server, &TlsProblem::of(tls), address);
        }
        if let Some(io) = inner.downcast_ref::<io::Error>()
            && let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            return encryption(server, &TlsProblem::of(tls), address);
        }
        cause = inner.source();
    }
    let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    if why == "password missing" {
        return SharedError::NoPassword { server, user: address.user().to_owned() };
    }
    if error.to_string().contains("TLS handshake") {
        return SharedError::Encryption { server, why };
    }
    SharedError::Unreachable { server, why }
}

fn encryption(server: String, problem: &TlsProblem, address: &SharedAddress) -> SharedError {
    let why = match problem {
        TlsProblem::Expired => "its certificate has expired; renew it".to_owned(),
        TlsProblem::NotYetValid => "its certificate is not valid yet; check both clocks".to_owned(),
        TlsProblem::UnknownIssuer if address.roots.is_some() => {
            "its certificate was issued by an authority that is not in the file of sslrootcert".to_owned()
        }
        TlsProblem::UnknownIssuer => "its certificate was issued by an authority that this machine does not trust; \
                                      install that authority's certificate, or name a file with it by sslrootcert=…"
            .to_owned(),
        TlsProblem::WrongName(names) if names.is_empty() => {
            "its certificate is for another name; name the server as it is named there".to_owned()
        }
        TlsProblem::WrongName(names) => {
            format!("its certificate is for {}; name the server as it is named there", names.join(", "))
        }
        TlsProblem::Revoked => "its certificate was revoked by its issuer".to_owned(),
        TlsProblem::BadCertificate(why) => format!("its certificate can't be used ({why})"),
        TlsProblem::NotTls => "it does not speak TLS".to_owned(),
        TlsProblem::NoAgreement(why) | TlsProblem::Other(why) => why.clone(),
    };
    SharedError::Encryption { server, why }
}
