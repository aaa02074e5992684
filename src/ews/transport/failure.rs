//! Tells apart why an exchange over HTTP failed, and whether anything can have come of it.

use std::error::Error;
use std::io;
use std::sync::Arc;

use reqwest::Url;
use tokio_rustls::rustls;

use crate::ews::error::{At, ConnectProblem, EwsError, Malformed, Place, Server};
use crate::ews::soap::body::HandedOver;
use crate::settings::SmtpAddress;
use crate::tls::{self, TlsProblem};

/// No answer came at all.
pub fn of_sending(error: reqwest::Error, handed_over: &HandedOver, at: &At) -> EwsError {
    let error = match of_connecting(error, at) {
        Ok(told) => return told,
        Err(error) => error,
    };
    let at = at.clone();
    if let Some(hyper) = causes(&error).find_map(|cause| cause.downcast_ref::<hyper::Error>())
        && hyper.is_parse()
    {
        return EwsError::Malformed { problem: Malformed::NotHttp(hyper.to_string()), at };
    }
    EwsError::Dropped { may_have_taken_effect: handed_over.is_complete(), at, source: error.into() }
}

/// No connection of our own came about.
pub fn of_dialing(problem: ConnectProblem, error: io::Error, at: &At) -> EwsError {
    EwsError::Connect { problem, at: at.clone(), source: error.into() }
}

/// What the error of a connection attempt means.
pub fn of_tcp(error: &io::Error) -> ConnectProblem {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectProblem::Refused,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ConnectProblem::Unreachable,
        io::ErrorKind::TimedOut => ConnectProblem::Timeout,
        _ => ConnectProblem::Other,
    }
}

/// The handshake of TLS failed on a connection of our own.
pub fn of_handshake(error: io::Error, at: &At) -> EwsError {
    let problem = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(tls) => TlsProblem::of(tls),
        None => TlsProblem::NoAgreement("the server broke the handshake off".to_owned()),
    };
    EwsError::Tls { problem, at: at.clone(), source: error.into() }
}

/// A connection of our own broke, or brought no HTTP.
pub fn of_exchange(error: hyper::Error, handed_over: &HandedOver, at: &At) -> EwsError {
    let at = at.clone();
    if error.is_parse() {
        return EwsError::Malformed { problem: Malformed::NotHttp(error.to_string()), at };
    }
    EwsError::Dropped { may_have_taken_effect: handed_over.is_complete(), at, source: error.into() }
}

/// No connection came about; another error is given back.
fn of_connecting(error: reqwest::Error, at: &At) -> Result<EwsError, reqwest::Error> {
    let at = at.clone();
    let error = error.without_url();
    if !error.is_connect() {
        return Err(error);
    }
    Ok(match tls_problem(&error) {
        Some(problem) => EwsError::Tls { problem, at, source: error.into() },
        None => EwsError::Connect { problem: connect_problem(&error), at, source: error.into() },
    })
}

/// Why no connection to a server beside EWS came about, as a phrase, and whether it is its certificate's issuer that is
/// not trusted. Another error is given back.
pub fn in_words(error: reqwest::Error, url: &Url, address: &SmtpAddress) -> Result<(String, bool), reqwest::Error> {
    let at = beside_ews(url, address);
    Ok(phrase(&of_connecting(error, &at)?, &at))
}

/// A place beside EWS.
pub fn beside_ews(url: &Url, address: &SmtpAddress) -> At {
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let place = Place { server: Arc::new(Server { host, url: url.to_string() }), mailbox: address.clone() };
    At { operation: "", place: Arc::new(place) }
}

/// An error without its place, and whether it is a certificate's issuer that is not trusted.
pub fn phrase(told: &EwsError, at: &At) -> (String, bool) {
    let untrusted = matches!(told, EwsError::Tls { problem: TlsProblem::UnknownIssuer, .. });
    let why = told.to_string();
    (why.strip_prefix(&format!("{at}: ")).unwrap_or(&why).to_owned(), untrusted)
}

/// The answer had begun.
pub fn of_reading(error: reqwest::Error, at: &At) -> EwsError {
    let at = at.clone();
    let error = error.without_url();
    let of_connection = causes(&error).any(<dyn Error>::is::<hyper::Error>);
    if error.is_decode() && !of_connection {
        let ends = causes(&error)
            .filter_map(|cause| cause.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::UnexpectedEof);
        let problem = if ends {
            Malformed::Truncated
        } else {
            let cause = causes(&error).last().map_or_else(String::new, ToString::to_string);
            Malformed::Compression(cause)
        };
        return EwsError::Malformed { problem, at };
    }
    EwsError::Dropped { may_have_taken_effect: true, at, source: error.into() }
}

/// The causes of an error, also those that an `io::Error` wraps without naming them as its source.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(cause(error), |error| cause(*error))
}

fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn connect_problem(error: &reqwest::Error) -> ConnectProblem {
    if error.is_dns() || causes(error).any(|cause| cause.to_string() == "dns error") {
        return ConnectProblem::Name;
    }
    let kinds = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    for kind in kinds {
        match kind {
            io::ErrorKind::ConnectionRefused => return ConnectProblem::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => return ConnectProblem::Unreachable,
            io::ErrorKind::TimedOut => return ConnectProblem::Timeout,
            _ => {}
        }
    }
    if error.is_timeout() { ConnectProblem::Timeout } else { ConnectProblem::Other }
}

fn tls_problem(error: &reqwest::Error) -> Option<TlsProblem> {
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return Some(TlsProblem::of(tls));
    }
    // The connection was there and broke during the handshake.
    let broke = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).any(tls::broke);
    let while_connecting = causes(error).any(|cause| cause.to_string().starts_with("tcp "));
    (broke && !while_connecting).then(TlsProblem::broken_off)
}
