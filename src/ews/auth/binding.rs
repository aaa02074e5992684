//! Channel binding: the sign-in is good for this TLS connection only, so that nobody in between can use it elsewhere
//! (Extended Protection; `tls-server-end-point` of RFC 5929).

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::der;

const PREFIX: &[u8] = b"tls-server-end-point:";
/// Of Windows' structure `SEC_CHANNEL_BINDINGS`, behind which the data stand.
const HEADER: u32 = 32;

/// The bindings of a connection whose server showed this certificate, as `SEC_CHANNEL_BINDINGS`; none where the
/// certificate's signature names no digest.
pub(crate) fn channel_bindings(certificate: &[u8]) -> Option<Vec<u8>> {
    let digest = end_point(certificate)?;
    let length = u32::try_from(PREFIX.len() + digest.len()).ok()?;
    let mut bindings = vec![0; 24];
    bindings.extend_from_slice(&length.to_le_bytes());
    bindings.extend_from_slice(&HEADER.to_le_bytes());
    bindings.extend_from_slice(PREFIX);
    bindings.extend_from_slice(&digest);
    Some(bindings)
}

/// The certificate's digest by the function of its own signature, SHA-256 in place of the broken ones.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (whole, _) = der::first(certificate)?;
    let algorithm = der::children(whole.content).nth(1)?;
    let mut parts = der::children(algorithm.content);
    let identifier = parts.next()?.content;
    Some(match function(identifier, parts.next().map(|parameters| parameters.content))? {
        Function::Sha256 => Sha256::digest(certificate).to_vec(),
        Function::Sha384 => Sha384::digest(certificate).to_vec(),
        Function::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Sha256,
    Sha384,
    Sha512,
}

/// `sha…WithRSAEncryption`, up to the last number.
const PKCS1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
/// `ecdsa-with-SHA…`, up to the last number; that of SHA-1 has one less.
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
const ECDSA_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
/// `sha…`, up to the last number, in the parameters of RSASSA-PSS.
const SHA: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];

fn function(identifier: &[u8], parameters: Option<&[u8]>) -> Option<Function> {
    if identifier == ECDSA_SHA1 {
        return Some(Function::Sha256);
    }
    let (last, family) = identifier.split_last()?;
    match (family, last) {
        (PKCS1, 12) | (ECDSA, 3) => Some(Function::Sha384),
        (PKCS1, 13) | (ECDSA, 4) => Some(Function::Sha512),
        // MD5, SHA-1 and SHA-224 among them.
        (PKCS1, 4 | 5 | 11 | 14) | (ECDSA, 1 | 2) => Some(Function::Sha256),
        (PKCS1, 10) => {
            let named = parameters.and_then(|parameters| {
                let at = parameters.windows(SHA.len()).position(|window| window == SHA)?;
                parameters.get(at + SHA.len())
            });
            Some(match named {
                Some(2) => Function::Sha384,
                Some(3) => Function::Sha512,
                _ => Function::Sha256,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_signature() {
        for (algorithm, length) in
            [(&rcgen::PKCS_ECDSA_P256_SHA256, 32), (&rcgen::PKCS_ECDSA_P384_SHA384, 48), (&rcgen::PKCS_RSA_SHA512, 64)]
        {
            let Ok(key) = rcgen::KeyPair::generate_for(algorithm) else { continue };
            let certificate = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap().self_signed(&key).unwrap();
            let bindings = channel_bindings(certificate.der()).unwrap();
            assert_eq!(bindings.len(), 32 + PREFIX.len() + length);
            let read = sspi_reads(&bindings);
            assert!(read.starts_with(PREFIX));
        }
    }

    fn sspi_reads(bindings: &[u8]) -> Vec<u8> {
        let number = |at: usize| u32::from_le_bytes(bindings[at..at + 4].try_into().unwrap()) as usize;
        bindings[number(28)..number(28) + number(24)].to_vec()
    }

    #[test]
    fn what_is_no_certificate_has_no_bindings() {
        for bad in [&b""[..], b"\x30\x03\x02\x01\x01", b"certificate"] {
            assert_eq!(channel_bindings(bad), None);
        }
        assert_eq!(function(&[0x2b, 0x65, 0x70], None), None, "Ed25519 names no digest");
        assert_eq!(function(&[PKCS1, &[4]].concat(), None), Some(Function::Sha256));
        let sha512 = [&[0xa0, 0x0f], SHA, &[3]].concat();
        assert_eq!(function(&[PKCS1, &[10]].concat(), Some(&sha512)), Some(Function::Sha512));
    }
}
