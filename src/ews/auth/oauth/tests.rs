//! Tokens: kept, replaced, refused; and what the refusals mean.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::assertion::Signer;
use super::*;

/// Issues tokens that last so long, when the test lets it, or refuses.
#[derive(Debug)]
struct Source {
    asked: Arc<AtomicUsize>,
    lasts: Duration,
    refuses_from: usize,
    gate: Option<Arc<tokio::sync::Semaphore>>,
}

impl Issuer for Source {
    fn issue(&self) -> BoxFuture<'_, Result<Issued, TokenProblem>> {
        Box::pin(async {
            let number = self.asked.fetch_add(1, Ordering::SeqCst);
            if let Some(gate) = &self.gate {
                gate.acquire().await.unwrap().forget();
            }
            if number >= self.refuses_from {
                let said = "AADSTS50126: Error validating credentials. Trace ID: 1";
                return Err(TokenProblem::Refused(Refusal::new("invalid_grant", said, &[])));
            }
            let header = HeaderValue::from_str(&format!("Bearer t{number}")).unwrap();
            Ok(Issued { header, lasts: self.lasts })
        })
    }
}

/// A clock that the test sets.
#[derive(Clone)]
struct Watch(Arc<Mutex<Instant>>);

impl Watch {
    fn advance(&self, seconds: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(seconds);
    }
}

struct Scene {
    tokens: Arc<Tokens>,
    asked: Arc<AtomicUsize>,
    watch: Watch,
}

fn scene(lasts: u64, refuses_from: usize, gate: Option<Arc<tokio::sync::Semaphore>>) -> Scene {
    let asked = Arc::<AtomicUsize>::default();
    let source = Source { asked: asked.clone(), lasts: Duration::from_secs(lasts), refuses_from, gate };
    let watch = Watch(Arc::new(Mutex::new(Instant::now())));
    let clock = watch.clone();
    let tokens = Tokens::by_clock(Box::new(source), Box::new(move || *clock.0.lock().unwrap()));
    Scene { tokens: Arc::new(tokens), asked, watch }
}

async fn token(tokens: &Tokens) -> (String, bool) {
    let bearer = tokens.bearer().await.unwrap();
    (bearer.header.to_str().unwrap().to_owned(), bearer.fresh)
}

/// U11
#[tokio::test]
async fn a_token_is_used_until_shortly_before_it_expires() {
    let Scene { tokens, watch, .. } = scene(3600, usize::MAX, None);
    assert_eq!(token(&tokens).await, ("Bearer t0".to_owned(), true));
    watch.advance(3299);
    assert_eq!(token(&tokens).await, ("Bearer t0".to_owned(), false));
    watch.advance(2);
    assert_eq!(token(&tokens).await, ("Bearer t1".to_owned(), true));
}

/// U11
#[tokio::test]
async fn many_requests_at_once_ask_for_one_token() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let Scene { tokens, asked, .. } = scene(3600, usize::MAX, Some(gate.clone()));
    let requests: Vec<_> = (0..50)
        .map(|_| {
            let tokens = tokens.clone();
            tokio::spawn(async move { token(&tokens).await.0 })
        })
        .collect();
    gate.add_permits(50);
    for request in requests {
        assert_eq!(request.await.unwrap(), "Bearer t0");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// U11
#[tokio::test]
async fn while_one_asks_for_the_next_token_the_others_go_on_with_the_old_one() {
    let gate = Arc::new(tokio::sync::Semaphore::new(1));
    let Scene { tokens, asked, watch } = scene(3600, usize::MAX, Some(gate.clone()));
    assert_eq!(token(&tokens).await.0, "Bearer t0");
    watch.advance(3400);
    let refresher = tokio::spawn({
        let tokens = tokens.clone();
        async move { token(&tokens).await }
    });
    while asked.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(token(&tokens).await, ("Bearer t0".to_owned(), false));
    gate.add_permits(1);
    assert_eq!(refresher.await.unwrap(), ("Bearer t1".to_owned(), true));
    assert_eq!(token(&tokens).await, ("Bearer t1".to_owned(), false));
}

/// U11
#[tokio::test]
async fn a_next_token_that_can_not_be_had_leaves_the_old_one_in_use_to_its_end() {
    let Scene { tokens, asked, watch } = scene(3600, 1, None);
    assert_eq!(token(&tokens).await.0, "Bearer t0");
    watch.advance(3400);
    for _ in 0..10 {
        assert_eq!(token(&tokens).await.0, "Bearer t0");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    watch.advance(200);
    assert!(tokens.bearer().await.is_err());
}

/// U11
#[tokio::test]
async fn a_wrong_password_is_not_tried_again_with_every_request() {
    let Scene { tokens, asked, watch } = scene(3600, 0, None);
    for _ in 0..20 {
        assert!(matches!(tokens.bearer().await, Err(TokenProblem::Refused(_))));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    watch.advance(31);
    assert!(tokens.bearer().await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

/// U11
#[tokio::test]
async fn a_token_that_was_refused_is_not_used_again() {
    let Scene { tokens, .. } = scene(3600, usize::MAX, None);
    let first = tokens.bearer().await.unwrap();
    tokens.refused(&first.header);
    assert_eq!(token(&tokens).await, ("Bearer t1".to_owned(), true));
    // Somebody else's late word about the first changes nothing.
    tokens.refused(&first.header);
    assert_eq!(token(&tokens).await, ("Bearer t1".to_owned(), false));
}

/// An endpoint that takes connections and says nothing.
fn silent() -> (OAuth, std::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let oauth = OAuth {
        authority: format!("https://localhost:{}", listener.local_addr().unwrap().port()),
        tenant: "corp.example".to_owned(),
        client_id: "7d3f".to_owned(),
        scope: "https://outlook.office365.com/.default".to_owned(),
        grant: Grant::Secret("Geheim".into()),
        extra_roots: Vec::new(),
    };
    (oauth, listener)
}

/// U11
#[tokio::test]
async fn an_endpoint_that_hangs_costs_one_bounded_wait_and_not_one_for_each_request() {
    let (oauth, listener) = silent();
    let endpoint = Endpoint::with_timeout(&oauth, Duration::from_millis(200)).unwrap();
    let tokens = Arc::new(Tokens::new(Box::new(endpoint)));
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let tokens = tokens.clone();
            tokio::spawn(async move { tokens.bearer().await })
        })
        .collect();
    for request in requests {
        let problem = request.await.unwrap().unwrap_err();
        let TokenProblem::Unreachable { host, problem } = &problem else { panic!("{problem:?}") };
        assert_eq!((host.as_str(), problem.as_str()), ("localhost", "no answer in time"));
    }
    // One connection was made for all of them.
    listener.set_nonblocking(true).unwrap();
    assert_eq!(std::iter::from_fn(|| listener.accept().ok()).count(), 1);
}

/// W11
#[test]
fn the_numbers_of_entra_are_told_in_words() {
    let cases = [
        (50076, "multi-factor"),
        (50079, "multi-factor"),
        (50126, "federated"),
        (50034, "no account"),
        (50055, "expired"),
        (50057, "disabled"),
        (53003, "Conditional Access"),
        (700_016, "identifier"),
        (90002, "tenant"),
        (7_000_215, "secret is wrong"),
        (7_000_218, "secret or certificate"),
        (7_000_222, "secret has expired"),
        (700_027, "registered"),
        (50128, "federated"),
    ];
    let mut seen = std::collections::HashSet::new();
    for (code, words) in cases {
        let said = format!("AADSTS{code}: Something happened. Trace ID: 1-2 Correlation ID: 3\r\nTimestamp: x");
        for codes in [&[code][..], &[]] {
            let refusal = Refusal::new("invalid_grant", &said, codes);
            assert_eq!(refusal.code, Some(code));
            let text = TokenProblem::Refused(refusal).to_string();
            assert!(text.contains(words) && text.contains(&code.to_string()), "{text}");
            assert!(text.contains("Something happened") && !text.contains("Trace") && !text.contains('\n'), "{text}");
        }
        let told = TokenProblem::Refused(Refusal::new("x", &said, &[])).told();
        assert!(!told.advice.is_empty());
        seen.insert(told.cause);
    }
    assert!(seen.len() >= 12, "{} causes", seen.len());
}

/// W11
#[test]
fn refusals_are_told_apart_by_whom_they_are_about() {
    let about = |code: u32| Refusal::new("x", &format!("AADSTS{code}: Something."), &[]).about();
    for code in [50076, 50079, 50158] {
        assert_eq!(about(code), About::SecondFactor);
    }
    for code in [50126, 50034, 50053, 50055, 50057, 53003, 50105, 90072, 80_001] {
        assert_eq!(about(code), About::Account, "{code}");
        let told = TokenProblem::Refused(Refusal::new("x", "", &[code])).told();
        assert!(told.what.contains("{account}"), "{code}");
    }
    for code in [65001, 700_016, 7_000_218, 7_000_112, 90002] {
        assert_eq!(about(code), About::Application, "{code}");
    }
    assert_eq!((about(90033), about(99_999_999)), (About::Moment, About::Unclear));
}

#[test]
fn a_refusal_without_a_number_shows_what_was_said_and_no_more_than_that() {
    let text = TokenProblem::Refused(Refusal::new("invalid_client", &"x\u{7}".repeat(5000), &[])).to_string();
    assert!(text.contains("invalid_client") && text.len() < 600 && !text.contains('\u{7}'), "{text}");
}

/// U11
#[test]
fn an_application_proves_itself_with_its_certificate() {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["siu".to_owned()]).unwrap().self_signed(&key).unwrap();
    let cases: [(Algorithm, &dyn VerificationAlgorithm, &str); 2] = [
        (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256, "x5t"),
        (Algorithm::Ps256, &RSA_PSS_2048_8192_SHA256, "x5t#S256"),
    ];
    for (algorithm, verification, thumbprint) in cases {
        let signer = Signer::new(&certificate.pem(), &key.serialize_pem().into(), algorithm).unwrap();
        let now: jiff::Timestamp = "2026-11-28T00:00:00Z".parse().unwrap();
        let statement = signer.sign("7d3f", "https://login.example/t/oauth2/v2.0/token", now).unwrap();
        let (statement_alone, signature) = statement.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let public = rcgen::PublicKeyData::der_bytes(&key).to_vec();
        UnparsedPublicKey::new(verification, &public).verify(statement_alone.as_bytes(), &signature).unwrap();
        let json = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        let (header, claims) = statement_alone.split_once('.').unwrap();
        assert!(json(header)[thumbprint].is_string());
        let claims = json(claims);
        assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some("7d3f"), Some("7d3f")));
        assert_eq!(claims["aud"], "https://login.example/t/oauth2/v2.0/token");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    }
}

/// U11
#[test]
fn a_certificate_or_key_that_can_not_be_used_is_told() {
    let ec = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["siu".to_owned()]).unwrap().self_signed(&ec).unwrap().pem();
    let problem =
        |certificate: &str, key: &str| Signer::new(certificate, &key.to_owned().into(), Algorithm::Ps256).unwrap_err();
    for (certificate, key, words) in [
        ("", ec.serialize_pem(), "certificate is not PEM"),
        (certificate.as_str(), "Geheim".to_owned(), "key is not PEM"),
        (certificate.as_str(), ec.serialize_pem(), "RSA"),
    ] {
        let text = problem(certificate, &key).to_string();
        assert!(text.contains(words) && !text.contains("Geheim"), "{text}");
    }
}
