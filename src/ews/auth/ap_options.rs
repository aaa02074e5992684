//! Mends how the crate sspi says within a ticket's message that the sign-in is tied to the TLS connection.
//!
//! Beside the digest of the bindings, the authenticator (RFC 4120, 5.5.1) has an element that says that the client knows
//! of them: AD-AUTH-DATA-AP-OPTIONS with `KERB_AP_OPTIONS_CBT` ([MS-KILE]), a number of four bytes, the lowest first,
//! within AD-IF-RELEVANT. sspi 0.23 (by picky-krb 0.13) writes two bytes, the highest first, and the element by itself.
//! MIT's Kerberos and Heimdal refuse that with `KRB_AP_ERR_MSG_TYPE` ("Invalid message type") as soon as they have
//! decrypted it, and without bindings there would be no Extended Protection.
//!
//! Nobody but the two sides and the domain can read the authenticator; so it is decrypted with the ticket's session key,
//! which sspi tells, and encrypted again. Where sspi writes the element as it should be, this changes nothing.

use picky_krb::constants::key_usages::AP_REQ_AUTHENTICATOR;
use picky_krb::crypto::CipherSuite;

use super::der;

/// From SPNEGO's first message to the token of the mechanism: GSS-API's frame, `NegTokenInit`, `mechToken`.
const MECHANISM_TOKEN: &[u8] = &[0x60, 0xa0, 0x30, 0xa2, 0x04];
/// From there to the encrypted authenticator: GSS-API's frame, AP-REQ, `authenticator`. The two bytes before the AP-REQ
/// that tell its kind (01 00) read as an empty value.
const AUTHENTICATOR: &[u8] = &[0x60, 0x6e, 0x30, 0xa4, 0x30];
/// Within it: by what it is encrypted, and the bytes.
const KIND: &[u8] = &[0xa0, 0x02];
const ENCRYPTED: &[u8] = &[0xa2, 0x04];
/// From the authenticator to its `authorization-data`.
const AUTHORIZATION_DATA: &[u8] = &[0x62, 0x30, 0xa8];
/// AD-IF-RELEVANT (1) around AD-AUTH-DATA-AP-OPTIONS (143) with 0x4000.
const AP_OPTIONS: &[u8] = &[
    0x30, 0x1d, 0x30, 0x1b, 0xa0, 0x03, 0x02, 0x01, 0x01, 0xa1, 0x14, 0x04, 0x12, // AD-IF-RELEVANT
    0x30, 0x10, 0x30, 0x0e, 0xa0, 0x04, 0x02, 0x02, 0x00, 0x8f, 0xa1, 0x06, 0x04, 0x04, 0x00, 0x40, 0x00, 0x00,
];

/// Kerberos' first token, within SPNEGO or bare, as it should be. None when it can't be read with this key.
pub(super) fn mended(token: &[u8], session_key: &[u8]) -> Option<Vec<u8>> {
    let Some(bare) = der::at(token, MECHANISM_TOKEN) else { return mended_bare(token, session_key) };
    der::replaced(token, MECHANISM_TOKEN, &mended_bare(bare, session_key)?)
}

fn mended_bare(token: &[u8], session_key: &[u8]) -> Option<Vec<u8>> {
    let encrypted = der::at(token, AUTHENTICATOR)?;
    let kind = der::at(encrypted, KIND).filter(|kind| kind.len() == 1)?;
    let cipher = CipherSuite::try_from(usize::from(kind[0])).ok()?.cipher();
    if session_key.len() != cipher.key_size() {
        return None;
    }
    let authenticator = cipher.decrypt(session_key, AP_REQ_AUTHENTICATOR, der::at(encrypted, ENCRYPTED)?).ok()?;
    let authenticator = der::replaced(&authenticator, AUTHORIZATION_DATA, AP_OPTIONS)?;
    let again = cipher.encrypt(session_key, AP_REQ_AUTHENTICATOR, &authenticator).ok()?;
    der::replaced(token, &[AUTHENTICATOR, ENCRYPTED].concat(), &again)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    /// `path` with `content` at its end.
    fn nested(path: &[u8], content: &[u8]) -> Vec<u8> {
        path.iter().rev().fold(content.to_vec(), |content, tag| der::written(*tag, &content))
    }

    /// An authenticator with this in its authorization data, behind a part that is long enough for long lengths.
    fn authenticator(options: &[u8]) -> Vec<u8> {
        let fields = [nested(&[0xa1, 0x1b], &[b'X'; 200]), der::written(0xa8, options)].concat();
        nested(&[0x62, 0x30], &fields)
    }

    fn bare(authenticator: &[u8]) -> Vec<u8> {
        let encrypted = cipher().encrypt(&KEY, AP_REQ_AUTHENTICATOR, authenticator).unwrap();
        let fields = [nested(KIND, &[18]), nested(ENCRYPTED, &encrypted)].concat();
        let message = nested(&AUTHENTICATOR[1..], &fields);
        // Kerberos' OID, and what kind of message it is.
        let oid = der::written(0x06, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02]);
        der::written(0x60, &[&oid, &[1, 0][..], &message].concat())
    }

    fn cipher() -> Box<dyn picky_krb::crypto::Cipher> {
        CipherSuite::Aes256CtsHmacSha196.cipher()
    }

    fn decrypted(bare: &[u8]) -> Vec<u8> {
        let encrypted = der::at(bare, &[AUTHENTICATOR, ENCRYPTED].concat()).unwrap();
        cipher().decrypt(&KEY, AP_REQ_AUTHENTICATOR, encrypted).unwrap()
    }

    /// What sspi writes: 143 with `40 00`.
    const AS_SSPI_WRITES: &[u8] =
        &[0x30, 0x0e, 0x30, 0x0c, 0xa0, 0x04, 0x02, 0x02, 0x00, 0x8f, 0xa1, 0x04, 0x04, 0x02, 0x40, 0x00];

    /// U11
    #[test]
    fn the_note_of_channel_bindings_becomes_one_that_every_kerberos_reads() {
        let mended_bare = mended(&bare(&authenticator(AS_SSPI_WRITES)), &KEY).unwrap();
        assert_eq!(decrypted(&mended_bare), authenticator(AP_OPTIONS));
        // The rest of it is untouched, within SPNEGO too.
        let mechanisms = nested(&[0xa0, 0x30], &[0x06, 0x01, 0x2a]);
        let within = |token: &[u8]| {
            let init = nested(&[0xa0, 0x30], &[mechanisms.clone(), nested(&[0xa2, 0x04], token)].concat());
            der::written(0x60, &[&[0x06, 0x01, 0x2b][..], &init].concat())
        };
        let mended = mended(&within(&bare(&authenticator(AS_SSPI_WRITES))), &KEY).unwrap();
        let inside = der::at(&mended, MECHANISM_TOKEN).unwrap();
        assert_eq!(decrypted(inside), authenticator(AP_OPTIONS));
        assert_eq!(mended, within(inside));
    }

    #[test]
    fn the_note_is_well_formed() {
        let (element, rest) = der::first(AP_OPTIONS).unwrap();
        assert_eq!((element.tag, rest.len()), (0x30, 0));
        let inside = der::at(AP_OPTIONS, &[0x30, 0x30, 0xa1, 0x04]).unwrap();
        assert_eq!(der::at(inside, &[0x30, 0x30, 0xa0, 0x02]), Some(&[0x00, 143][..]));
        assert_eq!(der::at(inside, &[0x30, 0x30, 0xa1, 0x04]), Some(&0x4000_u32.to_le_bytes()[..]));
    }

    #[test]
    fn what_can_not_be_read_is_not_touched() {
        let sound = bare(&authenticator(AS_SSPI_WRITES));
        assert_eq!(mended(&sound, &[8; 32]), None, "another key");
        assert_eq!(mended(&sound, &[7; 16]), None, "a key of another kind");
        for end in 0..sound.len() {
            assert_eq!(mended(&sound[..end], &KEY), None);
        }
    }
}
