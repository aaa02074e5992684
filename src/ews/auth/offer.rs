//! What a server offers in `WWW-Authenticate` (RFC 9110 11.6.1), and which of it is taken.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use crate::settings::AuthScheme;

/// Schemes that are looked at in one answer, and characters of a name that are shown of one that is not known.
const MOST: usize = 20;
const LONGEST_NAME: usize = 30;
/// Tokens of Kerberos may have some ten kilobytes, with hundreds of groups in them.
const LONGEST_TOKEN: usize = 128 << 10;

/// The schemes that an answer offers, in its order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Offers(pub Vec<String>);

impl Offers {
    pub fn of(headers: &HeaderMap) -> Self {
        let mut offers: Vec<String> = Vec::new();
        for scheme in challenges(headers).map(|(scheme, _)| scheme) {
            let known = offers.iter().any(|offer| offer.eq_ignore_ascii_case(scheme));
            if !known && offers.len() < MOST {
                offers.push(scheme.chars().take(LONGEST_NAME).collect());
            }
        }
        Self(offers)
    }

    pub fn has(&self, scheme: &str) -> bool {
        self.0.iter().any(|offer| offer.eq_ignore_ascii_case(scheme))
    }

    /// The first of the order that the server offers and that may be used here. Otherwise why each of the order is not
    /// used, as phrases.
    pub fn choose(&self, order: &[AuthScheme], basic_is_safe: bool) -> Result<AuthScheme, Vec<String>> {
        let mut why = Vec::new();
        for scheme in order {
            if !self.has(scheme.name()) {
                why.push(format!("{} is not offered", scheme.name()));
            } else if *scheme == AuthScheme::Basic && !basic_is_safe {
                why.push("Basic would send the password unencrypted".to_owned());
            } else {
                return Ok(*scheme);
            }
        }
        for scheme in AuthScheme::USUAL_ORDER {
            if self.has(scheme.name()) && !order.contains(&scheme) {
                why.push(format!("{} is offered but not in connection.auth_order", scheme.name()));
            }
        }
        Err(why)
    }
}

/// What a server answers to our token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AnswerTo {
    /// The other side's token.
    Token(Vec<u8>),
    /// The scheme is offered anew, without a token: the sign-in came to nothing.
    Anew,
    /// The scheme is not among what is offered.
    Nothing,
    /// A token that is none; with the reason as a phrase.
    Unreadable(&'static str),
}

/// What the headers of an answer say in the scheme of this name. Of several the first with a token counts.
pub(crate) fn answer_to(scheme: &str, headers: &HeaderMap) -> AnswerTo {
    let mut answer = AnswerTo::Nothing;
    for (_, token) in challenges(headers).filter(|(name, _)| name.eq_ignore_ascii_case(scheme)) {
        match token {
            "" => answer = AnswerTo::Anew,
            token if token.len() > LONGEST_TOKEN => return AnswerTo::Unreadable("it is too long"),
            token => {
                return match STANDARD.decode(token) {
                    Ok(token) => AnswerTo::Token(token),
                    Err(_) => AnswerTo::Unreadable("it is not base64, or was cut off"),
                };
            }
        }
    }
    answer
}

/// Schemes, each with its token or what else stands behind it. Both ways of listing them are read: a header each, and
/// one header with commas.
fn challenges(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| outside_quotes(value)).filter_map(|part| {
        let (scheme, rest) = part.split_once([' ', '\t']).unwrap_or((part, ""));
        // A parameter of the scheme before it, such as realm="…".
        let is_name =
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        is_name.then(|| (scheme, rest.trim()))
    })
}

/// The parts between commas that stand in no quotes.
fn outside_quotes(value: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.push(value[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(value[start..].trim());
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    use super::*;
    use AuthScheme::{Basic, Negotiate, Ntlm};

    fn headers<'a>(values: impl IntoIterator<Item = &'a str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn offers(values: &[&str]) -> Offers {
        Offers::of(&headers(values.iter().copied()))
    }

    /// U11
    #[test]
    fn offers_are_read_from_one_header_or_many() {
        let of_iis = offers(&["Negotiate", "NTLM", "Basic realm=\"mail.nordwind.example\""]);
        assert_eq!(of_iis.0, ["Negotiate", "NTLM", "Basic"]);
        let of_proxy =
            offers(&["negotiate, NTLM ,Basic realm=\"a, Digest b\\\", NTLM\", charset=\"UTF-8\", Bearer x=y"]);
        assert_eq!(of_proxy.0, ["negotiate", "NTLM", "Basic", "Bearer"]);
        assert_eq!(offers(&["", " , ,", "=,\"\""]).0, [""; 0]);
    }

    /// U11
    #[test]
    fn the_first_of_the_order_that_is_offered_is_taken() {
        let iis = offers(&["Negotiate", "NTLM", "Basic realm=\"x\""]);
        assert_eq!(iis.choose(&AuthScheme::USUAL_ORDER, true), Ok(Negotiate));
        assert_eq!(iis.choose(&[Basic, Ntlm], true), Ok(Basic));
        assert_eq!(offers(&["NTLM"]).choose(&AuthScheme::USUAL_ORDER, true), Ok(Ntlm));
    }

    /// U11
    #[test]
    fn basic_is_taken_only_where_nobody_can_listen() {
        let both = offers(&["Basic realm=\"x\"", "NTLM"]);
        assert_eq!(both.choose(&[Basic, Ntlm], false), Ok(Ntlm));
        let why = both.choose(&[Basic], false).unwrap_err();
        assert_eq!(why[0], "Basic would send the password unencrypted");
        assert_eq!(why[1], "NTLM is offered but not in connection.auth_order");
    }

    /// U11
    #[test]
    fn why_nothing_fits_is_told_for_each_way() {
        let why = offers(&["Bearer", "Digest realm=\"x\""]).choose(&[Negotiate, Ntlm], true).unwrap_err();
        assert_eq!(why, ["Negotiate is not offered", "NTLM is not offered"]);
    }

    #[test]
    fn a_token_is_read_or_said_to_be_none() {
        let answer = |value: &str| answer_to("NTLM", &headers([value]));
        assert_eq!(answer("NTLM TlRMTQ=="), AnswerTo::Token(b"NTLM".to_vec()));
        assert_eq!(answer("ntlm"), AnswerTo::Anew);
        assert_eq!(answer("Negotiate TlRMTQ=="), AnswerTo::Nothing);
        for bad in ["NTLM TlRMTQ=", "NTLM TlR", "NTLM ???", "NTLM TlRMTQ== x"] {
            assert!(matches!(answer(bad), AnswerTo::Unreadable(_)), "{bad}");
        }
        let long = format!("NTLM {}", "A".repeat(LONGEST_TOKEN + 4));
        assert_eq!(answer(&long), AnswerTo::Unreadable("it is too long"));
        let both = headers(["NTLM", "NTLM TlRMTQ=="]);
        assert_eq!(answer_to("NTLM", &both), AnswerTo::Token(b"NTLM".to_vec()));
    }

    proptest! {
        #[test]
        fn no_header_makes_us_panic(value in "[ -~\t]{0,80}") {
            let headers = headers([value.as_str()]);
            let offers = Offers::of(&headers);
            let _ = offers.choose(&AuthScheme::USUAL_ORDER, true);
            for scheme in AuthScheme::USUAL_ORDER {
                let _ = answer_to(scheme.name(), &headers);
            }
        }
    }
}
