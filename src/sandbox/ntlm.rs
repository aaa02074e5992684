//! The server's side of NTLM ([MS-NLMP]), and as much of SPNEGO (RFC 4178) as Negotiate needs for it. NTLMv2 only.

use hmac::{Hmac, KeyInit as _, Mac as _};
use md4::{Digest as _, Md4};
use md5::Md5;

/// What ties a sign-in to its connection: none, or the digest of the server's certificate.
pub type EndPoint = Option<Vec<u8>>;

const SIGNATURE: &[u8] = b"NTLMSSP\0";
/// Unicode, target, NTLM, always sign, a domain, extended session security, target info, version.
const FLAGS: u32 = 0x0001 | 0x0004 | 0x0200 | 0x8000 | 0x0001_0000 | 0x0008_0000 | 0x0080_0000 | 0x0200_0000;
/// Signing, 128 and 56 bits, key exchange: as the client has it.
const AS_ASKED: u32 = 0x0010 | 0x2000_0000 | 0x4000_0000 | 0x8000_0000;
const KEY_EXCHANGE: u32 = 0x4000_0000;
/// Windows Server 2019.
const VERSION: [u8; 8] = [0x0a, 0x00, 0x63, 0x45, 0x00, 0x00, 0x00, 0x0f];

const AV_FLAGS: u16 = 6;
const AV_CHANNEL_BINDINGS: u16 = 10;
const MIC_PRESENT: u32 = 2;
const MIC: std::ops::Range<usize> = 72..88;

/// The second message, and what the third is checked against.
#[derive(Debug, Clone)]
pub struct Challenge {
    negotiate: Vec<u8>,
    message: Vec<u8>,
    nonce: [u8; 8],
}

/// Names that the challenge tells.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    pub netbios: &'a str,
    pub domain: &'a str,
    pub machine: &'a str,
    pub host: &'a str,
}

/// Why a message is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bad {
    /// Not a message of NTLM, or damaged.
    Message,
    /// NTLM of the first version, or anonymous.
    TooOld,
    /// The proof does not fit the password.
    Proof,
    /// The message was changed on the way.
    Integrity,
    /// It is for another TLS connection.
    EndPoint,
}

/// Who signs in, by the third message.
#[derive(Debug)]
pub struct Claim {
    /// A user principal name, or `DOMAIN\name`.
    pub name: String,
    user: String,
    domain: String,
    response: Vec<u8>,
    encrypted_key: Vec<u8>,
    flags: u32,
    message: Vec<u8>,
}

/// The number of a message; none for what is not one.
pub fn kind(message: &[u8]) -> Option<u32> {
    message.strip_prefix(SIGNATURE).and_then(|rest| number(rest, 0))
}

impl Challenge {
    /// Answers the first message.
    pub fn answering(negotiate: &[u8], names: Names<'_>, nonce: [u8; 8], filetime: u64) -> Result<Self, Bad> {
        let asked = (kind(negotiate) == Some(1)).then(|| number(negotiate, 12)).flatten().ok_or(Bad::Message)?;
        let target = utf16(names.netbios);
        let mut info = Vec::new();
        let pairs = [(2, names.netbios), (1, names.machine), (4, names.domain), (3, names.host)];
        for (id, name) in pairs {
            pair(&mut info, id, &utf16(name));
        }
        pair(&mut info, 7, &filetime.to_le_bytes());
        pair(&mut info, 0, &[]);
        let mut message = SIGNATURE.to_vec();
        message.extend_from_slice(&2u32.to_le_bytes());
        field(&mut message, target.len(), 56);
        message.extend_from_slice(&(FLAGS | asked & AS_ASKED).to_le_bytes());
        message.extend_from_slice(&nonce);
        message.extend_from_slice(&[0; 8]);
        field(&mut message, info.len(), 56 + target.len());
        message.extend_from_slice(&VERSION);
        message.extend_from_slice(&target);
        message.extend_from_slice(&info);
        Ok(Self { negotiate: negotiate.to_vec(), message, nonce })
    }

    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Whether whoever claims to be somebody knows the password.
    pub fn verify(&self, claim: &Claim, password: &str, end_point: &EndPoint) -> Result<(), Bad> {
        let (proof, blob) =
            claim.response.split_at_checked(16).filter(|(_, blob)| blob.len() >= 28).ok_or(Bad::TooOld)?;
        let hash = Md4::digest(utf16(password));
        let key = mac(&hash, &[&utf16(&format!("{}{}", claim.user.to_uppercase(), claim.domain))]);
        if mac(&key, &[&self.nonce, blob]) != *proof {
            return Err(Bad::Proof);
        }
        let exchange = mac(&key, &[proof]);
        let session =
            if claim.flags & KEY_EXCHANGE == 0 { exchange.to_vec() } else { rc4(&exchange, &claim.encrypted_key) };
        let flags = value(blob, AV_FLAGS).and_then(|value| number(value, 0)).unwrap_or(0);
        if flags & MIC_PRESENT != 0 {
            let mut message = claim.message.clone();
            let given = message.get(MIC).ok_or(Bad::Message)?.to_vec();
            message[MIC].fill(0);
            if mac(&session, &[&self.negotiate, &self.message, &message]) != *given {
                return Err(Bad::Integrity);
            }
        }
        // Extended Protection as "Allow": whoever names a connection must mean this one.
        match (value(blob, AV_CHANNEL_BINDINGS).filter(|named| named.iter().any(|byte| *byte != 0)), end_point) {
            (None, _) => Ok(()),
            (Some(named), Some(end_point)) if *named == bindings(end_point) => Ok(()),
            (Some(_), _) => Err(Bad::EndPoint),
        }
    }
}

impl Claim {
    /// Reads the third message.
    pub fn read(message: &[u8]) -> Result<Self, Bad> {
        if kind(message) != Some(3) {
            return Err(Bad::Message);
        }
        let part = |at: usize| {
            let length = usize::from(u16::from_le_bytes(message.get(at..at + 2)?.try_into().ok()?));
            let offset = usize::try_from(number(message, at + 4)?).ok()?;
            message.get(offset..offset.checked_add(length)?)
        };
        let text = |at| part(at).and_then(from_utf16).ok_or(Bad::Message);
        let (domain, user) = (text(28)?, text(36)?);
        let name = if domain.is_empty() { user.clone() } else { format!("{domain}\\{user}") };
        Ok(Self {
            name,
            user,
            domain,
            response: part(20).ok_or(Bad::Message)?.to_vec(),
            encrypted_key: part(52).ok_or(Bad::Message)?.to_vec(),
            flags: number(message, 60).ok_or(Bad::Message)?,
            message: message.to_vec(),
        })
    }
}

/// The NTLM message in a token of Negotiate, which may be one without anything around it.
pub fn within(token: &[u8]) -> Option<&[u8]> {
    let at = token.windows(SIGNATURE.len()).position(|window| window == SIGNATURE)?;
    let (around, message) = token.split_at(at);
    // The length of the OCTET STRING that it is the content of; behind it may stand a checksum.
    let length = match around {
        [] => message.len(),
        [.., 0x04, 0x82, high, low] => usize::from(u16::from_be_bytes([*high, *low])),
        [.., 0x04, 0x81, length] | [.., 0x04, length @ 0..=0x7f] => usize::from(*length),
        _ => return None,
    };
    message.get(..length)
}

/// Whether a token has SPNEGO around what it carries.
pub fn is_wrapped(token: &[u8]) -> bool {
    matches!(token.first(), Some(0x60 | 0xa1))
}

/// `NegTokenResp`: NTLM it is, and it goes on, with a message or without.
pub fn wrapped(message: Option<&[u8]>) -> Vec<u8> {
    const NTLM: &[u8] = &[0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a];
    let mut fields = der(0xa0, &der(0x0a, &[1]));
    fields.extend(der(0xa1, NTLM));
    if let Some(message) = message {
        fields.extend(der(0xa2, &der(0x04, message)));
    }
    der(0xa1, &der(0x30, &fields))
}

/// `NegTokenResp`: done.
pub fn completed() -> Vec<u8> {
    der(0xa1, &der(0x30, &der(0xa0, &der(0x0a, &[0]))))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut value = vec![tag];
    match content.len() {
        length @ 0..=0x7f => value.push(u8::try_from(length).unwrap_or(0)),
        length => {
            value.push(0x82);
            value.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    value.extend_from_slice(content);
    value
}

/// The digest of `gss_channel_bindings_struct` with the data of this connection.
fn bindings(end_point: &[u8]) -> [u8; 16] {
    let data = [b"tls-server-end-point:", end_point].concat();
    let length = u32::try_from(data.len()).unwrap_or(0).to_le_bytes();
    let mut digest = Md5::new();
    digest.update([0; 16]);
    digest.update(length);
    digest.update(&data);
    digest.finalize().into()
}

/// The value of an AV pair in the client's blob, in which the pairs begin at the 28th byte.
fn value(blob: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut pairs = blob.get(28..)?;
    loop {
        let id = u16::from_le_bytes(pairs.get(..2)?.try_into().ok()?);
        let length = usize::from(u16::from_le_bytes(pairs.get(2..4)?.try_into().ok()?));
        let value = pairs.get(4..4 + length)?;
        match id {
            0 => return None,
            id if id == wanted => return Some(value),
            _ => pairs = &pairs[4 + length..],
        }
    }
}

fn pair(info: &mut Vec<u8>, id: u16, value: &[u8]) {
    info.extend_from_slice(&id.to_le_bytes());
    info.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_le_bytes());
    info.extend_from_slice(value);
}

fn field(message: &mut Vec<u8>, length: usize, offset: usize) {
    let length = u16::try_from(length).unwrap_or(0).to_le_bytes();
    message.extend_from_slice(&length);
    message.extend_from_slice(&length);
    message.extend_from_slice(&u32::try_from(offset).unwrap_or(0).to_le_bytes());
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn from_utf16(bytes: &[u8]) -> Option<String> {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    // A key may have any length.
    let Ok(mut mac) = Hmac::<Md5>::new_from_slice(key) else { return [0; 16] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn rc4(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut state: [u8; 256] = std::array::from_fn(|index| u8::try_from(index).unwrap_or(0));
    let mut j = 0usize;
    for i in 0..256 {
        j = (j + usize::from(state[i]) + usize::from(key[i % key.len()])) % 256;
        state.swap(i, j);
    }
    let (mut i, mut j) = (0, 0);
    let next = |byte: &u8| {
        i = (i + 1) % 256;
        j = (j + usize::from(state[i])) % 256;
        state.swap(i, j);
        byte ^ state[(usize::from(state[i]) + usize::from(state[j])) % 256]
    };
    data.iter().map(next).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of [MS-NLMP] 4.2.4: user "User", domain "Domain", password "Password".
    #[test]
    fn the_specifications_own_example_is_accepted() {
        let nonce = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];
        let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        blob.extend_from_slice(&[0xaa; 8]);
        blob.extend_from_slice(&[0; 4]);
        pair(&mut blob, 2, &utf16("Domain"));
        pair(&mut blob, 1, &utf16("Server"));
        pair(&mut blob, 0, &[]);
        blob.extend_from_slice(&[0; 4]);
        let proof = [0x68, 0xcd, 0x0a, 0xb8, 0x51, 0xe5, 0x1c, 0x96, 0xaa, 0xbc, 0x92, 0x7b, 0xeb, 0xef, 0x6a, 0x1c];
        let claim = Claim {
            name: "Domain\\User".to_owned(),
            user: "User".to_owned(),
            domain: "Domain".to_owned(),
            response: [&proof[..], &blob].concat(),
            encrypted_key: Vec::new(),
            flags: 0,
            message: Vec::new(),
        };
        let challenge = Challenge { negotiate: Vec::new(), message: Vec::new(), nonce };
        assert_eq!(challenge.verify(&claim, "Password", &None), Ok(()));
        assert_eq!(challenge.verify(&claim, "password", &None), Err(Bad::Proof));
        let old = Claim { response: vec![0; 24], ..claim };
        assert_eq!(challenge.verify(&old, "Password", &None), Err(Bad::TooOld));
    }

    #[test]
    fn rc4_is_rc4() {
        assert_eq!(rc4(b"Key", b"Plaintext"), [0xbb, 0xf3, 0x16, 0xe8, 0xd9, 0x40, 0xaf, 0x0a, 0xd3]);
    }

    #[test]
    fn a_challenge_names_the_domain_and_goes_into_spnego() {
        let names =
            Names { netbios: "NORDWIND", domain: "nordwind.example", machine: "EX01", host: "mail.nordwind.example" };
        let mut first = SIGNATURE.to_vec();
        first.extend_from_slice(&[1, 0, 0, 0, 0x07, 0x82, 0x08, 0xe2]);
        let challenge = Challenge::answering(&first, names, [7; 8], 1).unwrap();
        assert_eq!(kind(challenge.message()), Some(2));
        assert_eq!(&challenge.message()[24..32], [7; 8]);
        let token = wrapped(Some(challenge.message()));
        assert!(is_wrapped(&token) && !is_wrapped(challenge.message()));
        assert_eq!(within(&token), Some(challenge.message()));
        assert_eq!(within(&[&token[..], b"checksum"].concat()), Some(challenge.message()));
        assert_eq!(Challenge::answering(b"NTLMSSP\0\x03\0\0\0", names, [7; 8], 1).unwrap_err(), Bad::Message);
        assert!(is_wrapped(&completed()) && within(&completed()).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_make_us_panic(bytes: Vec<u8>) {
            let third = [SIGNATURE, &[3, 0, 0, 0], &bytes].concat();
            for message in [&bytes, &third] {
                let challenge = Challenge { negotiate: Vec::new(), message: Vec::new(), nonce: [0; 8] };
                if let Ok(claim) = Claim::read(message) {
                    prop_assert!(challenge.verify(&claim, "Password", &None).is_err());
                }
                let _ = (within(message), kind(message), value(message, 6));
            }
        }
    }
}
