//! What an HTTP answer means that is not SOAP.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{Response, Url};

use crate::ews::error::{At, EwsError, Malformed};

/// A request of this many bytes may have met a limit. Exchange's own are 64 MB and more; what stands in front of it
/// may have smaller ones.
const LARGE: u64 = 8 << 20;

/// What the front end of Exchange says went wrong on the way to the server behind it.
const CAS_ERROR: HeaderName = HeaderName::from_static("x-caserrorcode");

/// What is known of an answer before its body is read.
#[derive(Debug)]
pub struct Head {
    pub status: u16,
    pub retry_after: Option<Duration>,
    sent_bytes: u64,
    content_type: Option<String>,
    cas_error: Option<String>,
    location: Option<String>,
    url: Url,
}

impl Head {
    /// `sent_bytes` is how large the request was.
    pub fn of(response: &Response, sent_bytes: u64) -> Self {
        let headers = response.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            status: response.status().as_u16(),
            retry_after: retry_after(headers, Timestamp::now()),
            sent_bytes,
            content_type: text(CONTENT_TYPE),
            cas_error: text(CAS_ERROR),
            location: text(LOCATION),
            url: response.url().clone(),
        }
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The error that the head alone makes certain, whatever the body says.
    pub fn says_all(&self, at: &At) -> Option<EwsError> {
        match self.status {
            300..=399 => Some(self.redirection(at)),
            401 | 407 => Some(self.http(None, at)),
            413 => Some(self.request_too_large(at)),
            _ => None,
        }
    }

    /// The error of an answer whose body is not SOAP.
    pub fn not_soap(&self, body: &[u8], at: &At) -> EwsError {
        let page = String::from_utf8_lossy(&body[..body.len().min(super::answer::PAGE)]);
        let at_limit = match self.status {
            // IIS hides behind "not found" that the request was too large (404.13), unless one asks from the server.
            404 => self.sent_bytes >= LARGE || page.contains("404.13"),
            500 => page.contains("Maximum request length exceeded"),
            _ => false,
        };
        if at_limit {
            return self.request_too_large(at);
        }
        let title = title(&page);
        if !self.is_success() {
            return self.http(title, at);
        }
        if body.trim_ascii().is_empty() {
            return EwsError::Malformed { problem: Malformed::Empty, at: at.clone() };
        }
        EwsError::NotEws { status: self.status, content_type: self.content_type.clone(), title, at: at.clone() }
    }

    fn http(&self, title: Option<String>, at: &At) -> EwsError {
        EwsError::Http {
            status: self.status,
            retry_after: self.retry_after,
            detail: self.cas_error.clone().or(title),
            at: at.clone(),
        }
    }

    fn request_too_large(&self, at: &At) -> EwsError {
        EwsError::RequestTooLarge { status: self.status, bytes: self.sent_bytes, at: at.clone() }
    }

    fn redirection(&self, at: &At) -> EwsError {
        let target = self.location.as_deref().and_then(|location| self.url.join(location).ok());
        match target {
            // What ASP.NET does with an error that nobody caught.
            Some(target) if target.path().to_ascii_lowercase().contains("genericerrorpage") => self.http(None, at),
            None => self.http(None, at),
            Some(target) => {
                let elsewhere = target.origin() != self.url.origin();
                let host = target.host_str().filter(|_| elsewhere).map(|host| match target.port() {
                    Some(port) => format!("{host}:{port}"),
                    None => host.to_owned(),
                });
                EwsError::Redirected { status: self.status, target_host: host, at: at.clone() }
            }
        }
    }
}

/// RFC 9110 10.2.3: a number of seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// The title of an answer that is a page for a person's eyes. Only its beginning is read.
pub(super) async fn title_of(mut answer: Response) -> Option<String> {
    let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type?.to_ascii_lowercase().starts_with("text/html") {
        return None;
    }
    let mut page = Vec::new();
    while page.len() < super::answer::PAGE
        && let Ok(Some(piece)) = answer.chunk().await
    {
        page.extend_from_slice(&piece);
    }
    title(&String::from_utf8_lossy(&page))
}

/// The title of an HTML page, as far as it is fit to be shown.
fn title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let words: Vec<&str> = page[start..end].split_whitespace().collect();
    let title: String = words.join(" ").chars().filter(|character| !character.is_control()).take(100).collect();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn retry_after_is_understood_as_seconds_and_as_a_date() {
        let now: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let after = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            retry_after(&headers, now)
        };
        assert_eq!(after("17"), Some(Duration::from_secs(17)));
        assert_eq!(after("Tue, 24 Nov 2026 10:01:00 GMT"), Some(Duration::from_mins(1)));
        assert_eq!(after("Tue, 24 Nov 2026 09:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
        assert_eq!(after("-5"), None);
    }

    #[test]
    fn a_pages_title_is_taken_from_whatever_html_there_is() {
        assert_eq!(title("<HTML><TITLE lang=en>\n Log\r\n in </TITLE>").as_deref(), Some("Log in"));
        assert_eq!(title("<title></title>"), None);
        assert_eq!(title("<title>never closed"), None);
        assert_eq!(title("İ<title>İç</title>").as_deref(), Some("İç"));
    }
}
