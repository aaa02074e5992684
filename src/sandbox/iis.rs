//! What surrounds the answers of Exchange: headers and pages of Internet Information Services.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use rand::Rng as _;

use super::seat::Scheme;

/// Body of an answer: whole, or as a stream that a fault slows down or breaks off.
pub type AnswerBody = UnsyncBoxBody<Bytes, io::Error>;
pub type Answer = Response<AnswerBody>;

/// Fully qualified name of the server that the sandbox plays.
pub const SERVER: &str = "mail.nordwind.example";
pub const MACHINE: &str = "EX01";

pub fn body(content: impl Into<Bytes>) -> AnswerBody {
    Full::new(content.into()).map_err(|never| match never {}).boxed_unsync()
}

/// An answer of this content type.
pub fn answer(status: StatusCode, content_type: &'static str, content: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(body(content));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer without content.
pub fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(body(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

pub fn html(status: StatusCode, title: &str, text: &str) -> Answer {
    let page = format!(
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">\r\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\">\r\n<head>\r\n\
         <meta http-equiv=\"Content-Type\" content=\"text/html; charset=iso-8859-1\"/>\r\n\
         <title>{title}</title>\r\n</head>\r\n<body>\r\n<h1>Server Error</h1>\r\n\
         <h2>{title}</h2>\r\n<h3>{text}</h3>\r\n<hr>\r\n</body>\r\n</html>\r\n"
    );
    answer(status, "text/html", page)
}

/// The page for a status that IIS itself gives.
pub fn status_page(status: StatusCode) -> Answer {
    let (title, text) = match status.as_u16() {
        400 => ("Bad Request", "HTTP Error 400. The request is badly formed."),
        401 => (
            "401 - Unauthorized: Access is denied due to invalid credentials.",
            "You do not have permission to view this directory or page using the credentials that you supplied.",
        ),
        403 => (
            "403 - Forbidden: Access is denied.",
            "You do not have permission to view this directory or page using the credentials that you supplied.",
        ),
        404 => (
            "404 - File or directory not found.",
            "The resource you are looking for might have been removed, had its name changed, or is temporarily \
             unavailable.",
        ),
        405 => ("405 - HTTP verb used to access this page is not allowed.", "The page cannot be displayed."),
        503 => ("Service Unavailable", "HTTP Error 503. The service is unavailable."),
        _ => ("Internal server error.", "There is a problem with the resource, and it cannot be displayed."),
    };
    html(status, title, text)
}

/// IIS's request filter: the body is larger than `maxAllowedContentLength`.
pub fn too_large() -> Answer {
    html(
        StatusCode::NOT_FOUND,
        "404.13 - Content length too large",
        "The request filtering module is configured to deny a request that exceeds the request content length.",
    )
}

/// 401 with the schemes that are offered.
pub fn unauthorized(offers: &[Scheme]) -> Answer {
    let mut answer = empty(StatusCode::UNAUTHORIZED);
    for scheme in offers {
        let offer = if *scheme == Scheme::Basic { BASIC } else { scheme.name() };
        answer.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(offer));
    }
    answer
}

/// 401 with a token, in the middle of a sign-in.
pub fn go_on(scheme: Scheme, token: &[u8]) -> Answer {
    let mut answer = empty(StatusCode::UNAUTHORIZED);
    with_token(&mut answer, scheme, token);
    answer
}

/// Adds a token to an answer.
pub fn with_token(answer: &mut Answer, scheme: Scheme, token: &[u8]) {
    if let Ok(value) = HeaderValue::from_str(&format!("{} {}", scheme.name(), STANDARD.encode(token))) {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
}

const BASIC: &str = "Basic realm=\"mail.nordwind.example\"";

/// Adds the headers that Exchange and IIS send with every answer of a service.
pub fn dress(answer: &mut Answer, request: &HeaderMap) {
    let authenticated = answer.status() != StatusCode::UNAUTHORIZED;
    let headers = answer.headers_mut();
    let mut set = |name: &'static str, value: &'static str| {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    };
    set("server", "Microsoft-IIS/10.0");
    set("x-powered-by", "ASP.NET");
    set("x-feserver", MACHINE);
    if authenticated {
        set("cache-control", "private");
        set("x-aspnet-version", "4.0.30319");
        set("x-calculatedbetarget", SERVER);
        set("x-beserver", MACHINE);
        set("x-diaginfo", MACHINE);
    }
    let id = format!("{:032x}", rand::rng().random::<u128>());
    let id = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("request-id", id);
    }
    let wanted =
        request.get("return-client-request-id").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if let Some(id) = request.get("client-request-id").filter(|_| wanted) {
        headers.insert("client-request-id", id.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn a_client_gets_its_request_id_back_when_it_asks_for_it() {
        let mut request = HeaderMap::new();
        request.insert("client-request-id", HeaderValue::from_static("42"));
        let mut silent = empty(StatusCode::OK);
        dress(&mut silent, &request);
        assert!(silent.headers().get("client-request-id").is_none());
        request.insert("return-client-request-id", HeaderValue::from_static("TRUE"));
        let mut echoed = empty(StatusCode::OK);
        dress(&mut echoed, &request);
        assert_eq!(echoed.headers()["client-request-id"], "42");
        assert_ne!(silent.headers()["request-id"], echoed.headers()["request-id"]);
    }

    /// X1
    #[test]
    fn somebody_who_is_not_signed_in_learns_nothing_of_what_is_behind() {
        let mut answer = unauthorized(&[Scheme::Basic]);
        dress(&mut answer, &HeaderMap::new());
        assert_eq!(answer.headers()["www-authenticate"], BASIC);
        assert!(answer.headers().get("x-calculatedbetarget").is_none());
    }
}
