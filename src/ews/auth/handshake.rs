//! The tokens of Negotiate and NTLM, by the crate sspi.
//!
//! Each step runs on a thread that may block (Kerberos' servers are asked there, and keys derived), and where a panic
//! over a hostile token ends as an error of this sign-in.

use std::sync::Arc;

use sspi::ntlm::NtlmConfig;
use sspi::{
    BufferType, ClientRequestFlags, CredentialsBuffers, DataRepresentation, EncryptionFlags, KdcResolution,
    KerberosConfig, Negotiate, NegotiateConfig, Ntlm, SecurityBuffer, SecurityBufferRef, Sspi,
};

use super::ap_options;
use super::identity::Identity;
use super::kdc::{Inquiry, Kerberos};
use super::problem::SignInProblem;
use crate::settings::AuthScheme;

/// What really signs in. That of Negotiate is known when its token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Kerberos,
    Ntlm,
}

/// A token for the server.
#[derive(Debug)]
pub(crate) struct Leg {
    pub token: Vec<u8>,
    pub mechanism: Mechanism,
    /// The server has all it needs after this one, unless it says otherwise: the request itself goes with it.
    pub last: bool,
}

/// A sign-in on one connection.
pub(crate) struct Handshake {
    scheme: AuthScheme,
    kerberos: Arc<Kerberos>,
    /// Nothing while a step is under way, or after one that panicked.
    state: Option<State>,
}

struct State {
    context: Context,
    target: String,
    bindings: Option<Vec<u8>>,
    inquiry: Option<Inquiry>,
}

enum Context {
    Negotiate(Box<Negotiate>, Option<CredentialsBuffers>),
    /// Without SPNEGO around it.
    Kerberos(Box<sspi::Kerberos>, Option<CredentialsBuffers>),
    Ntlm(Box<Ntlm>, Option<sspi::AuthIdentityBuffers>),
    #[cfg(any(feature = "gssapi", windows))]
    LoggedOn(logged_on::Context),
}

/// Who signs in.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    Account(Identity),
    /// The user or service that this program runs as.
    LoggedOn,
}

const NTLM_SIGNATURE: &[u8] = b"NTLMSSP\0";
const NTLM_AUTHENTICATE: u8 = 3;

impl Handshake {
    /// Begins a sign-in to a server. With `ntlm`, Negotiate may go over to NTLM where there is no Kerberos.
    pub async fn begin(
        scheme: AuthScheme,
        ntlm: bool,
        who: &Who,
        host: &str,
        bindings: Option<Vec<u8>>,
        kerberos: &Arc<Kerberos>,
    ) -> Result<Self, SignInProblem> {
        let target = format!("HTTP/{host}");
        let mut inquiry = None;
        let context = match who {
            Who::LoggedOn => logged_on::context(&target, bindings.as_deref())?,
            Who::Account(identity) if scheme == AuthScheme::Negotiate => {
                inquiry = kerberos.inquiry().await;
                if inquiry.is_none() && !ntlm {
                    return Err(no_kerberos_server());
                }
                negotiate(identity, ntlm, inquiry.as_ref()).map_err(|error| unable(scheme, &error))?
            }
            Who::Account(identity) => {
                let identity = identity.for_sspi().map_err(|error| unable(scheme, &error))?;
                Context::Ntlm(Box::new(Ntlm::with_config(NtlmConfig::default())), Some(identity.into()))
            }
        };
        let state = Some(State { context, target, bindings, inquiry });
        Ok(Self { scheme, kerberos: kerberos.clone(), state })
    }

    /// Begins a sign-in by the HTTP scheme `Kerberos`: the tokens of Kerberos as they are, and no other mechanism. What
    /// goes wrong is told as of Negotiate, of which this is a part.
    pub async fn begin_kerberos(
        identity: &Identity,
        host: &str,
        bindings: Option<Vec<u8>>,
        kerberos: &Arc<Kerberos>,
    ) -> Result<Self, SignInProblem> {
        let scheme = AuthScheme::Negotiate;
        let Some(inquiry) = kerberos.inquiry().await else { return Err(no_kerberos_server()) };
        let client = || {
            let client = sspi::Kerberos::new_client_from_config(kerberos_config(&inquiry))?;
            let credentials = CredentialsBuffers::AuthIdentity(identity.for_sspi()?.into());
            Ok(Context::Kerberos(Box::new(client), Some(credentials)))
        };
        let context = client().map_err(|error| unable(scheme, &error))?;
        let state = Some(State { context, target: format!("HTTP/{host}"), bindings, inquiry: Some(inquiry) });
        Ok(Self { scheme, kerberos: kerberos.clone(), state })
    }

    /// Whether the sign-in is tied to the TLS connection.
    pub fn is_bound(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.bindings.is_some())
    }

    /// The next token, in answer to the server's. None when there is nothing more to say.
    pub async fn step(&mut self, token: Vec<u8>) -> Result<Option<Leg>, SignInProblem> {
        let scheme = self.scheme;
        let not_understood = |problem: String| SignInProblem::NotUnderstood { scheme, problem };
        let first = token.is_empty();
        let Some(mut state) = self.state.take() else {
            return Err(not_understood("the sign-in had ended already".to_owned()));
        };
        let stepped = tokio::task::spawn_blocking(move || {
            let stepped = state.step(token);
            (state, stepped)
        })
        .await;
        let Ok((state, stepped)) = stepped else {
            return Err(not_understood("the token is damaged".to_owned()));
        };
        let refusal = state.inquiry.as_ref().and_then(Inquiry::refusal);
        let token = match stepped {
            Ok(token) => token,
            Err(error) => return Err(problem(scheme, first, refusal, &error)),
        };
        if let Some(refusal) = refusal.filter(|refusal| refusal.is_about_the_account()) {
            // sspi would try NTLM now, with a password that was refused already.
            return Err(SignInProblem::Kerberos(refusal));
        }
        let leg = leg(token);
        if first
            && let Some(inquiry) = &state.inquiry
            && leg.as_ref().is_some_and(|leg| leg.mechanism == Mechanism::Kerberos)
        {
            self.kerberos.keep(inquiry);
        }
        self.state = Some(state);
        Ok(leg)
    }

    /// Encrypts a message for the other side of a sign-in by [`begin_kerberos`](Self::begin_kerberos) that is complete:
    /// what goes before it, and the message itself.
    pub fn seal(&mut self, message: &[u8]) -> Result<(Vec<u8>, Vec<u8>), SignInProblem> {
        let client = self.kerberos_client()?;
        let mut sealed = || {
            let sizes = client.query_context_sizes()?;
            let mut token = vec![0; usize::try_from(sizes.security_trailer)?];
            let mut data = message.to_vec();
            let mut buffers = [SecurityBufferRef::token_buf(&mut token), SecurityBufferRef::data_buf(&mut data)];
            client.encrypt_message(EncryptionFlags::empty(), &mut buffers)?;
            Ok((token, data))
        };
        sealed().map_err(|error| unable(AuthScheme::Negotiate, &error))
    }

    /// Decrypts a message of the other side.
    pub fn open(&mut self, before: &[u8], message: &[u8]) -> Result<Vec<u8>, SignInProblem> {
        let client = self.kerberos_client()?;
        let mut opened = || {
            let (mut token, mut data) = (before.to_vec(), message.to_vec());
            let mut buffers = [SecurityBufferRef::token_buf(&mut token), SecurityBufferRef::data_buf(&mut data)];
            client.decrypt_message(&mut buffers)?;
            Ok(buffers[1].data().to_vec())
        };
        opened().map_err(|error| unable(AuthScheme::Negotiate, &error))
    }

    fn kerberos_client(&mut self) -> Result<&mut sspi::Kerberos, SignInProblem> {
        match self.state.as_mut().map(|state| &mut state.context) {
            Some(Context::Kerberos(client, _)) => Ok(client),
            _ => Err(SignInProblem::NotUnderstood {
                scheme: self.scheme,
                problem: "this sign-in can't encrypt messages".to_owned(),
            }),
        }
    }

    /// Looks at what the server said beside its answer, when all is done already. TLS has proven who it is, and the
    /// request is carried out, so that a token that does not fit is worth a note and no more.
    pub async fn finish(mut self, token: Vec<u8>) {
        if let Err(problem) = self.step(token).await {
            tracing::debug!("the last token of a sign-in by {} does not fit: {problem}", self.scheme.name());
        }
    }
}

fn leg(token: Vec<u8>) -> Option<Leg> {
    if token.is_empty() {
        return None;
    }
    let mechanism = mechanism(&token);
    let last = match ntlm_at(&token) {
        None => true,
        Some(at) => token.get(at + NTLM_SIGNATURE.len()) == Some(&NTLM_AUTHENTICATE),
    };
    Some(Leg { token, mechanism, last })
}

fn mechanism(token: &[u8]) -> Mechanism {
    if ntlm_at(token).is_some() { Mechanism::Ntlm } else { Mechanism::Kerberos }
}

fn ntlm_at(token: &[u8]) -> Option<usize> {
    token.windows(NTLM_SIGNATURE.len()).position(|window| window == NTLM_SIGNATURE)
}

/// Kerberos' first token, of a sign-in that is tied to the TLS connection, such that every server understands it.
fn mended(token: &[u8], keys: &sspi::SessionKeys) -> sspi::Result<Vec<u8>> {
    ap_options::mended(token, keys.session_key.as_ref()).ok_or_else(|| {
        let problem = "the ticket can't be tied to the connection".to_owned();
        sspi::Error::new(sspi::ErrorKind::InternalError, problem)
    })
}

fn negotiate(identity: &Identity, ntlm: bool, inquiry: Option<&Inquiry>) -> sspi::Result<Context> {
    let protocol: Box<dyn sspi::negotiate::ProtocolConfig> = match inquiry {
        Some(inquiry) => Box::new(kerberos_config(inquiry)),
        None => Box::new(NtlmConfig::default()),
    };
    let packages = match (inquiry.is_some(), ntlm) {
        (true, true) => "kerberos,ntlm",
        (true, false) => "kerberos",
        (false, _) => "ntlm",
    };
    let config = NegotiateConfig::new(protocol, Some(packages.to_owned()), String::new());
    let credentials = CredentialsBuffers::AuthIdentity(identity.for_sspi()?.into());
    Ok(Context::Negotiate(Box::new(Negotiate::new_client(config)?), Some(credentials)))
}

fn kerberos_config(inquiry: &Inquiry) -> KerberosConfig {
    KerberosConfig {
        kdc_resolution: KdcResolution::KdcUrl(Some(inquiry.url.clone())),
        client_computer_name: String::new(),
    }
}

fn no_kerberos_server() -> SignInProblem {
    SignInProblem::NoTicket("no Kerberos server is known for the account's domain; set connection.kdc".to_owned())
}

/// What goes into a step of sspi, and what comes out.
struct Buffers<'a> {
    target: &'a str,
    input: &'a mut [SecurityBuffer],
    output: &'a mut [SecurityBuffer],
}

/// One step of any of its mechanisms. `inquiry` asks Kerberos' servers.
fn advance<M: Sspi>(
    mechanism: &mut M,
    credentials: &mut M::CredentialsHandle,
    flags: ClientRequestFlags,
    buffers: &mut Buffers<'_>,
    inquiry: Option<&Inquiry>,
) -> sspi::Result<()> {
    let mut builder = mechanism
        .initialize_security_context()
        .with_credentials_handle(credentials)
        .with_context_requirements(flags)
        .with_target_data_representation(DataRepresentation::Native)
        .with_target_name(buffers.target)
        .with_input(buffers.input)
        .with_output(buffers.output);
    let mut steps = mechanism.initialize_security_context_impl(&mut builder)?;
    match inquiry {
        Some(inquiry) => steps.resolve_with_client(inquiry)?,
        None => steps.resolve_to_result()?,
    };
    Ok(())
}

impl State {
    fn step(&mut self, token: Vec<u8>) -> Result<Vec<u8>, Failed> {
        let flags = ClientRequestFlags::MUTUAL_AUTH
            | ClientRequestFlags::INTEGRITY
            | ClientRequestFlags::REPLAY_DETECT
            | ClientRequestFlags::SEQUENCE_DETECT;
        let bound_first = token.is_empty() && self.bindings.is_some();
        let mut input = vec![SecurityBuffer::new(token, BufferType::Token)];
        if let Some(bindings) = &self.bindings {
            input.push(SecurityBuffer::new(bindings.clone(), BufferType::ChannelBindings));
        }
        let mut output = vec![SecurityBuffer::new(Vec::new(), BufferType::Token)];
        let mut buffers = Buffers { target: &self.target, input: &mut input, output: &mut output };
        let inquiry = self.inquiry.as_ref();
        match &mut self.context {
            Context::Negotiate(negotiate, credentials) => {
                advance(negotiate.as_mut(), credentials, flags, &mut buffers, inquiry)?;
            }
            Context::Kerberos(client, credentials) => {
                // Messages may be encrypted later.
                let flags = flags | ClientRequestFlags::CONFIDENTIALITY;
                advance(client.as_mut(), credentials, flags, &mut buffers, inquiry)?;
            }
            Context::Ntlm(ntlm, credentials) => advance(ntlm.as_mut(), credentials, flags, &mut buffers, None)?,
            #[cfg(any(feature = "gssapi", windows))]
            Context::LoggedOn(context) => return context.step(&input[0].buffer).map_err(Failed::LoggedOn),
        }
        let token = std::mem::take(&mut output[0].buffer);
        let keys = match &self.context {
            _ if !bound_first || mechanism(&token) == Mechanism::Ntlm => return Ok(token),
            Context::Negotiate(negotiate, _) => negotiate.query_context_session_key()?,
            Context::Kerberos(client, _) => client.query_context_session_key()?,
            _ => return Ok(token),
        };
        Ok(mended(&token, &keys)?)
    }
}

enum Failed {
    Sspi(sspi::Error),
    #[cfg(any(feature = "gssapi", windows))]
    LoggedOn(String),
}

impl From<sspi::Error> for Failed {
    fn from(error: sspi::Error) -> Self {
        Self::Sspi(error)
    }
}

fn unable(scheme: AuthScheme, error: &sspi::Error) -> SignInProblem {
    SignInProblem::NotUnderstood { scheme, problem: error.description.clone() }
}

fn problem(
    scheme: AuthScheme,
    first: bool,
    refusal: Option<super::problem::KerberosRefusal>,
    error: &Failed,
) -> SignInProblem {
    match (error, refusal) {
        #[cfg(any(feature = "gssapi", windows))]
        (Failed::LoggedOn(said), _) => SignInProblem::LoggedOn(said.clone()),
        (Failed::Sspi(_), Some(refusal)) => SignInProblem::Kerberos(refusal),
        // Nothing of the server was read yet.
        (Failed::Sspi(error), None) if first && scheme == AuthScheme::Negotiate => {
            SignInProblem::NoTicket(error.description.clone())
        }
        (Failed::Sspi(error), None) => SignInProblem::NotUnderstood { scheme, problem: error.description.clone() },
    }
}

/// The logged-on user or service, by the system's own Kerberos.
#[cfg(any(feature = "gssapi", windows))]
mod logged_on {
    use std::ops::Deref as _;

    use cross_krb5::{ClientCtx, InitiateFlags, PendingClientCtx, Step};

    use super::super::problem::SignInProblem;

    pub enum Context {
        Begun { token: Vec<u8>, pending: PendingClientCtx },
        Waiting(PendingClientCtx),
        Done,
    }

    pub fn context(target: &str, bindings: Option<&[u8]>) -> Result<super::Context, SignInProblem> {
        // The header is Windows' own and GSSAPI wants the data alone.
        let data = bindings.and_then(|bindings| bindings.get(32..));
        let (pending, token) = ClientCtx::new(InitiateFlags::empty(), None, target, data)
            .map_err(|error| SignInProblem::LoggedOn(format!("{error:#}")))?;
        Ok(super::Context::LoggedOn(Context::Begun { token: token.deref().to_vec(), pending }))
    }

    impl Context {
        pub fn step(&mut self, input: &[u8]) -> Result<Vec<u8>, String> {
            match std::mem::replace(self, Self::Done) {
                Self::Begun { token, pending } => {
                    *self = Self::Waiting(pending);
                    Ok(token)
                }
                Self::Waiting(pending) => match pending.step(input).map_err(|error| format!("{error:#}"))? {
                    Step::Finished((_, token)) => Ok(token.map(|token| token.deref().to_vec()).unwrap_or_default()),
                    Step::Continue((pending, token)) => {
                        *self = Self::Waiting(pending);
                        Ok(token.deref().to_vec())
                    }
                },
                Self::Done => Err("the sign-in had ended already".to_owned()),
            }
        }
    }
}

#[cfg(not(any(feature = "gssapi", windows)))]
mod logged_on {
    use super::super::problem::SignInProblem;

    pub fn context(_: &str, _: Option<&[u8]>) -> Result<super::Context, SignInProblem> {
        Err(SignInProblem::LoggedOn(
            "this program was built without Kerberos of the system (feature gssapi)".to_owned(),
        ))
    }
}
