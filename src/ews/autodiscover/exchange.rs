//! One request and its answer, within limits. Nothing is followed here.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Client, ClientBuilder, RequestBuilder, Response, Url, redirect, retry};

use super::{DnsServices, NameOverride, Options};
use crate::ews::client::ClientError;
use crate::ews::transport;
use crate::ews::transport::failure::in_words;
use crate::settings::SmtpAddress;

/// Answers of Autodiscover have some kilobytes.
const LARGEST_ANSWER: usize = 1 << 20;

pub(super) struct Exchange {
    /// Takes nothing but HTTPS.
    secure: Client,
    /// For the one question that goes out unencrypted, without credentials.
    plain: Client,
    timeout: Duration,
}

/// An answer.
pub(super) struct Answered {
    pub status: u16,
    pub content: Bytes,
    pub location: Option<String>,
    /// Ways to sign in that the server offers, in its words.
    pub offers: Vec<String>,
}

impl Answered {
    pub fn offers_basic(&self) -> bool {
        let basic =
            |offer: &String| offer.split_whitespace().next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("Basic"));
        self.offers.iter().any(basic)
    }
}

/// No answer.
pub(super) struct NoAnswer {
    /// A phrase.
    pub why: String,
    pub untrusted: bool,
}

impl Exchange {
    pub fn new(options: &Options) -> Result<Self, ClientError> {
        let roots = transport::extra_roots(&options.extra_roots)?;
        let secure = builder(options, |name| name.https).https_only(true).tls_certs_merge(roots);
        // Without TLS no certificate is ever looked at.
        let plain = builder(options, |name| name.http).tls_certs_only([]);
        Ok(Self {
            secure: secure.build().map_err(ClientError::Http)?,
            plain: plain.build().map_err(ClientError::Http)?,
            timeout: options.request_timeout,
        })
    }

    /// Asks a service, with credentials or without.
    pub async fn post(
        &self,
        url: &Url,
        body: String,
        authorization: Option<&HeaderValue>,
        address: &SmtpAddress,
    ) -> Result<Answered, NoAnswer> {
        let mut request = self.secure.post(url.clone()).header(CONTENT_TYPE, "text/xml; charset=utf-8").body(body);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.send(request, url, address).await
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
        match tokio::time::timeout(self.timeout, exchanging).await {
            Ok(result) => result,
            Err(_) => Err(NoAnswer {
                why: format!("no answer within {} seconds", self.timeout.as_secs_f32()),
                untrusted: false,
            }),
        }
    }
}

fn builder(options: &Options, address: impl Fn(&NameOverride) -> std::net::SocketAddr) -> ClientBuilder {
    let mut builder = Client::builder()
        .user_agent(concat!("SentItemsUpdate/", env!("CARGO_PKG_VERSION")))
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
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let location = response.headers().get(LOCATION).map(text);
    let offers = response.headers().get_all(WWW_AUTHENTICATE).iter().map(text).collect();
    let mut content = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(None) => break,
            Ok(Some(piece)) if content.len() + piece.len() > LARGEST_ANSWER => {
                let why = format!("the answer is larger than {LARGEST_ANSWER} bytes and was not read to its end");
                return Err(NoAnswer { why, untrusted: false });
            }
            Ok(Some(piece)) => content.extend_from_slice(&piece),
            Err(_) => {
                return Err(NoAnswer {
                    why: "the connection broke in the middle of the answer".to_owned(),
                    untrusted: false,
                });
            }
        }
    }
    Ok(Answered { status, content: content.freeze(), location, offers })
}

/// Why nothing came, in the words that EWS has for it.
fn no_answer(error: reqwest::Error, url: &Url, address: &SmtpAddress) -> NoAnswer {
    match in_words(error, url, address) {
        Ok((why, untrusted)) => NoAnswer { why, untrusted },
        Err(error) if error.is_timeout() => NoAnswer { why: "no answer in time".to_owned(), untrusted: false },
        Err(_) => NoAnswer { why: "the connection broke before there was an answer".to_owned(), untrusted: false },
    }
}
