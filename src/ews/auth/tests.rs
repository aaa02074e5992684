//! Handshakes with recorded and with hostile tokens.

use std::sync::Arc;

use super::*;
use crate::settings::AuthScheme;

/// A challenge as Exchange 2019 sends it: domain NORDWIND, server EX01.
fn challenge() -> Vec<u8> {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let target = utf16("NORDWIND");
    let mut info = Vec::new();
    for (id, value) in [
        (2u16, utf16("NORDWIND")),
        (1, utf16("EX01")),
        (4, utf16("nordwind.example")),
        (3, utf16("EX01.nordwind.example")),
        (7, 0x01db_0000_0000_0000u64.to_le_bytes().to_vec()),
        (0, Vec::new()),
    ] {
        info.extend_from_slice(&id.to_le_bytes());
        info.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        info.extend_from_slice(&value);
    }
    let mut message = b"NTLMSSP\0\x02\0\0\0".to_vec();
    let field = |message: &mut Vec<u8>, length: usize, offset: usize| {
        for _ in 0..2 {
            message.extend_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
        }
        message.extend_from_slice(&u32::try_from(offset).unwrap().to_le_bytes());
    };
    field(&mut message, target.len(), 56);
    message.extend_from_slice(&0xe289_8215u32.to_le_bytes());
    message.extend_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    message.extend_from_slice(&[0; 8]);
    field(&mut message, info.len(), 56 + target.len());
    message.extend_from_slice(&[0x0a, 0, 0x63, 0x45, 0, 0, 0, 0x0f]);
    message.extend_from_slice(&target);
    message.extend_from_slice(&info);
    message
}

async fn begin(scheme: AuthScheme, bindings: Option<Vec<u8>>) -> Handshake {
    let who = Who::Account(Identity::new("NORDWIND\\svc-siu", "Ostwind 7".into()).unwrap());
    // A realm without a server: Negotiate goes over to NTLM at once.
    let kerberos = Arc::new(Kerberos::new(None, None));
    Handshake::begin(scheme, true, &who, "mail.nordwind.example", bindings, &kerberos).await.unwrap()
}

/// U11
#[tokio::test]
async fn ntlm_takes_two_tokens_and_the_request_goes_with_the_second() {
    let mut handshake = begin(AuthScheme::Ntlm, None).await;
    let first = handshake.step(Vec::new()).await.unwrap().unwrap();
    assert!(first.token.starts_with(b"NTLMSSP\0\x01\0\0\0") && !first.last);
    let second = handshake.step(challenge()).await.unwrap().unwrap();
    assert!(second.token.starts_with(b"NTLMSSP\0\x03\0\0\0") && second.last);
    assert_eq!(second.mechanism, Mechanism::Ntlm);
    let plain = String::from_utf8_lossy(&second.token).replace('\0', "");
    assert!(plain.contains("svc-siu") && !plain.contains("Ostwind"));
}

/// U11
#[tokio::test]
async fn negotiate_carries_ntlm_where_there_is_no_kerberos() {
    let mut handshake = begin(AuthScheme::Negotiate, None).await;
    let first = handshake.step(Vec::new()).await.unwrap().unwrap();
    assert!(first.token.starts_with(b"\x60") && !first.last);
    assert_eq!(first.mechanism, Mechanism::Ntlm);
}

/// U11
#[tokio::test]
async fn without_ntlm_in_the_order_negotiate_is_kerberos_or_nothing() {
    let who = Who::Account(Identity::new("svc@corp.example", "x".into()).unwrap());
    let kerberos = Arc::new(Kerberos::new(None, None));
    let begun = Handshake::begin(AuthScheme::Negotiate, false, &who, "mail", None, &kerberos).await;
    assert!(matches!(begun, Err(SignInProblem::NoTicket(_))));
}

/// The digest in the AV pair MsvAvChannelBindings.
fn named(token: &[u8]) -> Option<Vec<u8>> {
    let at = token.windows(4).position(|window| window == [10, 0, 16, 0])?;
    token.get(at + 4..at + 20).map(<[u8]>::to_vec)
}

/// U11
#[tokio::test]
async fn a_sign_in_is_tied_to_the_connection_it_goes_over() {
    let bindings = |byte: u8| {
        let data = [b"tls-server-end-point:".as_slice(), &[byte; 32]].concat();
        let mut bindings = vec![0; 24];
        bindings.extend_from_slice(&u32::try_from(data.len()).unwrap().to_le_bytes());
        bindings.extend_from_slice(&32u32.to_le_bytes());
        bindings.extend_from_slice(&data);
        bindings
    };
    let mut seen = Vec::new();
    for bound in [Some(bindings(1)), Some(bindings(2)), None] {
        let mut handshake = begin(AuthScheme::Ntlm, bound).await;
        handshake.step(Vec::new()).await.unwrap();
        let token = handshake.step(challenge()).await.unwrap().unwrap().token;
        seen.push(named(&token).filter(|digest| digest.iter().any(|byte| *byte != 0)));
    }
    assert!(seen[0].is_some() && seen[1].is_some() && seen[0] != seen[1]);
    assert_eq!(seen[2], None);
}

/// U11
#[tokio::test]
async fn hostile_tokens_end_the_sign_in_and_nothing_else() {
    let whole = challenge();
    let mut bad: Vec<Vec<u8>> = (1..whole.len()).step_by(3).map(|end| whole[..end].to_vec()).collect();
    for at in (8..64).step_by(2) {
        let mut changed = whole.clone();
        changed[at] = 0xff;
        changed[at + 1] = 0xff;
        bad.push(changed);
    }
    bad.extend([b"x".to_vec(), vec![0; 4096], vec![0xff; 4096], b"NTLMSSP\0\x03\0\0\0".to_vec()]);
    for token in bad {
        for scheme in [AuthScheme::Ntlm, AuthScheme::Negotiate] {
            let mut handshake = begin(scheme, None).await;
            handshake.step(Vec::new()).await.unwrap();
            // Some of what was changed is never looked at; the rest is an error in words.
            if let Err(problem) = handshake.step(token.clone()).await {
                assert!(matches!(problem, SignInProblem::NotUnderstood { .. }), "{problem:?}");
                assert!(handshake.step(token.clone()).await.is_err());
            }
        }
    }
}

/// U11
#[test]
fn settings_without_a_word_about_tokens_mean_a_password() {
    let connection = Connection::manual("https://mail.nordwind.example/EWS/Exchange.asmx");
    let made = credentials(&connection, "svc@nordwind.example", "Geheim".into());
    assert!(matches!(&made, Credentials::Password { order, .. } if *order == AuthScheme::USUAL_ORDER));
    let mut connection = connection;
    connection.oauth = Some(crate::settings::OAuthSettings::new("t.example", "7d3f", OAuthGrant::Password));
    let made = credentials(&connection, "svc@nordwind.example", "Geheim".into());
    assert!(matches!(&made, Credentials::OAuth(_)));
    assert!(!format!("{made:?}").contains("Geheim"));
}
