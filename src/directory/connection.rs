//! Connections to a controller, and signing in on them.
//!
//! A password goes over a connection of the type [`Encrypted`] only, and such a one comes about by TLS alone. The
//! logged-on user may also sign in over plain TCP: Kerberos gives nothing away, and encrypts all that follows.

use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, StdStream};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConfig;

use super::controller::{Controller, Protection};
use super::error::{ConnectProblem, DirectoryError};
use super::kerberos::KerberosProblem;
use super::names::Names;
use super::refusal::Refusal;
use crate::tls::TlsProblem;

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection, its encryption included.
    pub connect: Duration,
    /// For signing in.
    pub bind: Duration,
    /// For each question to the directory; a page of results is one.
    pub operation: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(5), bind: seconds(10), operation: seconds(30) }
    }
}

/// Whose name the directory is asked in.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// The user that this program runs as (Kerberos).
    LoggedOn,
    Password {
        upn: String,
        password: SecretString,
    },
}

impl SignIn {
    /// As it is told in messages.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::LoggedOn => "the logged-on user",
            Self::Password { upn, .. } => upn,
        }
    }
}

/// Which controller, told in messages, and how long to wait for it.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub controller: String,
    pub timeouts: Timeouts,
}

impl Peer {
    /// Waits for an answer for so long, and no longer. ldap3 gives up on a malformed answer by a panic, which must not
    /// take the whole program with it.
    pub async fn answer<T>(
        &self,
        doing: &'static str,
        within: Duration,
        answer: impl Future<Output = Result<T, LdapError>>,
    ) -> Result<T, DirectoryError> {
        match tokio::time::timeout(within, AssertUnwindSafe(answer).catch_unwind()).await {
            Err(_) => Err(self.timeout(doing, within)),
            Ok(Err(_)) => Err(self.malformed(doing, "the answer could not be read")),
            Ok(Ok(Err(error))) => Err(self.trouble(doing, within, &error)),
            Ok(Ok(Ok(answer))) => Ok(answer),
        }
    }

    pub fn timeout(&self, doing: &'static str, after: Duration) -> DirectoryError {
        DirectoryError::Timeout { controller: self.controller.clone(), doing, after }
    }

    pub fn malformed(&self, doing: &'static str, what: &str) -> DirectoryError {
        DirectoryError::Malformed { controller: self.controller.clone(), doing, what: what.to_owned() }
    }

    fn trouble(&self, doing: &'static str, within: Duration, error: &LdapError) -> DirectoryError {
        let controller = self.controller.clone();
        match error {
            LdapError::Timeout { .. } => self.timeout(doing, within),
            LdapError::Io { source } if source.kind() == io::ErrorKind::Other => {
                self.malformed(doing, &source.to_string())
            }
            LdapError::FilterParsing => self.malformed(doing, "the filter is not valid"),
            #[cfg(any(windows, feature = "gssapi"))]
            LdapError::GssapiOperationError(said) => {
                DirectoryError::Kerberos { controller, problem: KerberosProblem::of(said) }
            }
            // Channels within ldap3 that are closed when the connection is.
            _ => DirectoryError::Lost { controller, doing },
        }
    }
}

/// A connection that nobody can read or change on the way, to a controller that has proved who it is.
pub(super) struct Encrypted {
    ldap: Ldap,
    peer: Peer,
}

impl Encrypted {
    async fn open(tcp: Tcp, start_tls: bool, tls: Arc<ClientConfig>) -> Result<Self, DirectoryError> {
        let Tcp { stream, host, port, peer } = tcp;
        let controller = peer.controller.clone();
        let settings = LdapConnSettings::new().set_config(tls).set_starttls(start_tls).set_std_stream(stream);
        let scheme = if start_tls { "ldap" } else { "ldaps" };
        let within = peer.timeouts.connect;
        let opening = AssertUnwindSafe(async move {
            // The address matters for the certificate's name only: the stream is there already.
            LdapConnAsync::with_settings(settings, &format!("{scheme}://{host}:{port}")).await
        });
        let opened = tokio::time::timeout(within, opening.catch_unwind()).await;
        let (connection, ldap) = match opened {
            Err(_) => return Err(peer.timeout("agreeing on encryption", within)),
            Ok(Err(_)) => return Err(peer.malformed("agreeing on encryption", "the answer could not be read")),
            Ok(Ok(Ok(opened))) => opened,
            Ok(Ok(Err(error))) => {
                return Err(match error {
                    LdapError::Io { source } => {
                        DirectoryError::Tls { controller, problem: TlsProblem::of_handshake(&source) }
                    }
                    LdapError::LdapResult { result } => {
                        DirectoryError::NoEncryption { controller, said: said(&result) }
                    }
                    LdapError::DNSName { .. } => DirectoryError::Settings(format!(
                        "{controller} can't be checked against a certificate; name the domain controller by its DNS \
                         name"
                    )),
                    LdapError::ResultRecv { .. } | LdapError::OpSend { .. } => {
                        DirectoryError::Lost { controller, doing: "agreeing on encryption" }
                    }
                    other => DirectoryError::Tls { controller, problem: TlsProblem::Other(other.to_string()) },
                });
            }
        };
        drive(connection);
        Ok(Self { ldap, peer })
    }

    /// Signs in with a password.
    pub async fn simple_bind(mut self, upn: &str, password: &SecretString) -> Result<(Ldap, Peer), DirectoryError> {
        let refused = |refusal| DirectoryError::SignIn {
            controller: self.peer.controller.clone(),
            account: upn.to_owned(),
            refusal,
        };
        // Without a name or a password, LDAP takes the bind as one of nobody in particular, and lets it succeed.
        if upn.is_empty() || password.expose_secret().is_empty() {
            return Err(refused(Refusal::WrongPassword));
        }
        let bind = self.ldap.simple_bind(upn, password.expose_secret());
        let result = self.peer.answer("signing in", self.peer.timeouts.bind, bind).await?;
        match result.rc {
            0 => Ok((self.ldap, self.peer)),
            49 => Err(refused(Refusal::of(&result.text))),
            8 | 13 | 48 => Err(refused(Refusal::Other(said(&result)))),
            51 | 52 => Err(DirectoryError::Busy { controller: self.peer.controller, said: said(&result) }),
            code => Err(DirectoryError::Refused {
                controller: self.peer.controller,
                doing: "signing in",
                code,
                said: said(&result),
            }),
        }
    }

    /// Signs in as the logged-on user, bound to this encryption.
    async fn kerberos_bind(self, host: &str) -> Result<(Ldap, Peer), DirectoryError> {
        kerberos(self.ldap, self.peer, host).await
    }
}

/// What this controller needs for being connected to.
pub(super) struct Way<'a> {
    pub controller: &'a Controller,
    pub names: &'a Names,
    pub tls: &'a Arc<ClientConfig>,
    pub timeouts: Timeouts,
}

impl Way<'_> {
    /// Connects and signs in.
    pub async fn sign_in(&self, sign_in: &SignIn) -> Result<(Ldap, Peer), DirectoryError> {
        match sign_in {
            SignIn::Password { upn, password } => self.encrypted().await?.simple_bind(upn, password).await,
            SignIn::LoggedOn if cfg!(not(any(windows, feature = "gssapi"))) => Err(DirectoryError::Kerberos {
                controller: self.controller.to_string(),
                problem: KerberosProblem::NotBuilt,
            }),
            SignIn::LoggedOn => {
                let host = &self.controller.host;
                if host.parse::<std::net::IpAddr>().is_ok() {
                    return Err(DirectoryError::Kerberos {
                        controller: self.controller.to_string(),
                        problem: KerberosProblem::NeedsName,
                    });
                }
                let ways = self.controller.ways(true);
                match ways.first() {
                    Some((Protection::Kerberos, port)) => {
                        let tcp = self.tcp(*port).await?;
                        let url = format!("ldap://{}:{}", tcp.host, tcp.port);
                        let settings = LdapConnSettings::new().set_std_stream(tcp.stream);
                        let opening = LdapConnAsync::with_settings(settings, &url);
                        let peer = tcp.peer;
                        let (connection, ldap) = peer.answer("connecting", peer.timeouts.connect, opening).await?;
                        drive(connection);
                        kerberos(ldap, peer, host).await
                    }
                    _ => self.encrypted().await?.kerberos_bind(host).await,
                }
            }
        }
    }

    /// A connection for a password: by the first way that there is.
    pub async fn encrypted(&self) -> Result<Encrypted, DirectoryError> {
        let mut first = None;
        for (protection, port) in self.controller.ways(false) {
            let opened = match self.tcp(port).await {
                Ok(tcp) => Encrypted::open(tcp, protection == Protection::StartTls, self.tls.clone()).await,
                Err(error) => Err(error),
            };
            match opened {
                Ok(encrypted) => return Ok(encrypted),
                // No LDAPS there, or a controller without a certificate: there may be StartTLS. But a certificate that
                // is not good is no reason to look for another way.
                Err(
                    error @ (DirectoryError::Connect { .. }
                    | DirectoryError::Timeout { .. }
                    | DirectoryError::NoEncryption { .. }
                    | DirectoryError::Tls { problem: TlsProblem::NoAgreement(_) | TlsProblem::NotTls, .. }),
                ) => {
                    first.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Err(first.unwrap_or_else(|| DirectoryError::Settings("there is no way to the domain controller".to_owned())))
    }

    async fn tcp(&self, port: u16) -> Result<Tcp, DirectoryError> {
        let host = &self.controller.host;
        let controller = format!("{host}:{port}");
        let within = self.timeouts.connect;
        let trouble = |problem| DirectoryError::Connect { controller: controller.clone(), problem };
        let connecting = async {
            let addresses = self.names.addresses(host, port).await?;
            let mut last = trouble(ConnectProblem::Name);
            for address in addresses {
                match TcpStream::connect(address).await.and_then(TcpStream::into_std) {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = trouble(ConnectProblem::of(&error)),
                }
            }
            Err(last)
        };
        let stream = tokio::time::timeout(within, connecting)
            .await
            .unwrap_or_else(|_| Err(trouble(ConnectProblem::Timeout(within))))?;
        let _ = stream.set_nodelay(true);
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let peer = Peer { controller, timeouts: self.timeouts };
        Ok(Tcp { stream: StdStream::Tcp(stream), host, port, peer })
    }
}

struct Tcp {
    stream: StdStream,
    /// As it stands in an URL.
    host: String,
    port: u16,
    peer: Peer,
}

/// Works the connection off until the last handle to it is dropped.
fn drive(connection: LdapConnAsync) {
    tokio::spawn(async move {
        if let Err(error) = connection.drive().await {
            tracing::debug!("connection to the directory ended: {error}");
        }
    });
}

#[cfg(any(windows, feature = "gssapi"))]
async fn kerberos(mut ldap: Ldap, peer: Peer, host: &str) -> Result<(Ldap, Peer), DirectoryError> {
    let host = host.to_owned();
    let runtime = tokio::runtime::Handle::current();
    // The system's library waits for the network in between, for as long as it likes.
    let binding = tokio::task::spawn_blocking(move || {
        runtime.block_on(async move {
            let result = ldap.sasl_gssapi_bind(&host).await;
            result.map(|result| (ldap, result))
        })
    });
    let binding = async { binding.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())) };
    let (ldap, result) = peer.answer("signing in", peer.timeouts.bind, binding).await?;
    let controller = peer.controller.clone();
    match result.rc {
        0 => Ok((ldap, peer)),
        49 => Err(DirectoryError::SignIn {
            controller,
            account: "the logged-on user".to_owned(),
            refusal: Refusal::of(&result.text),
        }),
        _ => Err(DirectoryError::Kerberos { controller, problem: KerberosProblem::of(&said(&result)) }),
    }
}

#[cfg(not(any(windows, feature = "gssapi")))]
#[expect(clippy::unused_async, reason = "awaited where there is Kerberos")]
async fn kerberos(_: Ldap, peer: Peer, _: &str) -> Result<(Ldap, Peer), DirectoryError> {
    Err(DirectoryError::Kerberos { controller: peer.controller, problem: KerberosProblem::NotBuilt })
}

/// What a controller says beside a result, on one line.
pub(super) fn said(result: &ldap3::LdapResult) -> String {
    let text: String = result.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    if text.is_empty() { format!("LDAP result {}", result.rc) } else { text.to_owned() }
}
