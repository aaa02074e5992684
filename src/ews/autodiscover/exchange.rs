//! One request and its answer, within limits. Nothing is followed here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, USER_AGENT};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url, redirect, retry};

use super::sign_in::Way;
use super::{DnsServices, NameOverride, Options};
use crate::ews::auth::Offers;
use crate::ews::client::ClientError;
use crate::ews::error::EwsError;
use crate::ews::transport::failure::{beside_ews, in_words, phrase};
use crate::ews::transport::once::{As, Once};
use crate::ews::transport::{self, Lookup};
use crate::settings::SmtpAddress;

/// Answers of Autodiscover have some kilobytes.
const LARGEST_ANSWER: usize = 1 << 20;

const AGENT: &str = concat!("SentItemsUpdate/", env!("CARGO_PKG_VERSION"));
const CONTENT: &str = "text/xml; charset=utf-8";

pub(super) struct Exchange {
    /// Takes nothing but HTTPS.
    secure: Client,
    /// For the one question that goes out unencrypted, without credentials.
    plain: Client,
    timeout: Duration,
    extra_roots: Vec<String>,
    names: Vec<NameOverride>,
    name_server: Option<SocketAddr>,
}

/// An answer.
pub(super) struct Answered {
    pub status: u16,
    pub content: Bytes,
    pub location: Option<String>,
    /// Ways to sign in that the server offers.
    pub offers: Offers,
}

/// No answer.
pub(super) struct NoAnswer {
    /// A phrase.
    pub why: String,
    pub untrusted: bool,
    /// The account was not let in.
    pub refused: bool,
}

impl NoAnswer {
    fn because(why: impl Into<String>) -> Self {
        Self { why: why.into(), untrusted: false, refused: false }
    }
}

impl Exchange {
    pub fn new(options: &Options) -> Result<Self, ClientError> {
        let trust = transport::trust(&options.extra_roots)?;
        let secure = builder(options, |name| name.https).https_only(true).tls_backend_preconfigured(trust);
        // Without TLS no certificate is ever looked at.
        let plain = builder(options, |name| name.http).tls_certs_only([]);
        Ok(Self {
            secure: secure.build().map_err(ClientError::Http)?,
            plain: plain.build().map_err(ClientError::Http)?,
            timeout: options.request_timeout,
            extra_roots: options.extra_roots.clone(),
            names: options.names.clone(),
            name_server: options.name_server,
        })
    }

    /// Asks a service, signed in or not.
    pub async fn post(
        &self,
        url: &Url,
        body: String,
        way: Option<Way>,
        address: &SmtpAddress,
    ) -> Result<Answered, NoAnswer> {
        let request = self.secure.post(url.clone()).header(CONTENT_TYPE, CONTENT);
        match way {
            None => self.send(request.body(body), url, address).await,
            Some(Way::Header(header)) => {
                self.send(request.header(AUTHORIZATION, header).body(body), url, address).await
            }
            Some(Way::Connection(sign_in)) => self.in_time(self.signed_in(url, sign_in, body, address)).await,
        }
    }

    /// Over a connection of its own. It is HTTPS: whoever asks has made sure of it.
    async fn signed_in(
        &self,
        url: &Url,
        sign_in: As,
        body: String,
        address: &SmtpAddress,
    ) -> Result<Answered, NoAnswer> {
        let at = beside_ews(url, address);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let service =
            Once { url, lookup: self.lookup(url), extra_roots: &self.extra_roots, connect_timeout: self.timeout / 2 };
        let posted = service.post(sign_in, &headers, body, &at).await;
        match posted.map_err(|error| NoAnswer::because(error.to_string()))? {
            Ok((response, _kept)) => collect(response).await,
            Err(error) => {
                let refused =
                    matches!(&error, EwsError::SignIn { problem, ticket: None, .. } if problem.is_about_the_account());
                let (why, untrusted) = phrase(&error, &at);
                Err(NoAnswer { why, untrusted, refused })
            }
        }
    }

    fn lookup(&self, url: &Url) -> Lookup {
        let named =
            self.names.iter().find(|name| url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(&name.name)));
        match (named, self.name_server) {
            (Some(name), _) => {
                Lookup::Known(SocketAddr::new(name.https.ip(), url.port().unwrap_or_else(|| name.https.port())))
            }
            (None, Some(server)) => Lookup::By(server),
            (None, None) => Lookup::System,
        }
    }

    /// Looks where an unencrypted address leads. Nothing of the answer's content is used.
    pub async fn look(&self, url: &Url, address: &SmtpAddress) -> Result<Answered, NoAnswer> {
        self.send(self.plain.get(url.clone()), url, address).await
    }

    async fn send(&self, request: RequestBuilder, url: &Url, address: &SmtpAddress) -> Result<Answered, NoAnswer> {
        let exchanging = async {
            let response = request.send().await.map_err(|error| no_answer(error, url, address))?;
            collect(response).await
        };
        self.in_time(exchanging).await
    }

    async fn in_time(
        &self,
        exchanging: impl Future<Output = Result<Answered, NoAnswer>>,
    ) -> Result<Answered, NoAnswer> {
        match tokio::time::timeout(self.timeout, exchanging).await {
            Ok(result) => result,
            Err(_) => Err(NoAnswer::because(format!("no answer within {} seconds", self.timeout.as_secs_f32()))),
        }
    }
}

fn builder(options: &Options, address: impl Fn(&NameOverride) -> std::net::SocketAddr) -> ClientBuilder {
    let mut builder = Client::builder()
        .user_agent(AGENT)
        .http1_only()
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .no_proxy()
        .gzip(true)
        .connect_timeout(options.request_timeout / 2);
    if let Some(server) = options.name_server {
        builder = builder.dns_resolver(Arc::new(DnsServices::at(server)));
    }
    for name in &options.names {
        builder = builder.resolve(&name.name, address(name));
    }
    builder
}

async fn collect(mut response: Response) -> Result<Answered, NoAnswer> {
    let status = response.status().as_u16();
    let location = response.headers().get(LOCATION).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let offers = Offers::of(response.headers());
    let mut content = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(None) => break,
            Ok(Some(piece)) if content.len() + piece.len() > LARGEST_ANSWER => {
                return Err(NoAnswer::because(format!(
                    "the answer is larger than {LARGEST_ANSWER} bytes and was not read to its end"
                )));
            }
            Ok(Some(piece)) => content.extend_from_slice(&piece),
            Err(_) => return Err(NoAnswer::because("the connection broke in the middle of the answer")),
        }
    }
    Ok(Answered { status, content: content.freeze(), location, offers })
}

/// Why nothing came, in the words that EWS has for it.
fn no_answer(error: reqwest::Error, url: &Url, address: &SmtpAddress) -> NoAnswer {
    match in_words(error, url, address) {
        Ok((why, untrusted)) => NoAnswer { why, untrusted, refused: false },
        Err(error) if error.is_timeout() => NoAnswer::because("no answer in time"),
        Err(_) => NoAnswer::because("the connection broke before there was an answer"),
    }
}
