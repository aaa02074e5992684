//! Passwords for commands. Never as an argument, where every user of the machine could read it.

use std::io::BufRead;

use secrecy::SecretString;

use super::failure::Failure;

/// The next line of standard input; or the lines of a key in PEM form, which begins there.
pub fn line() -> Result<SecretString, Failure> {
    next(&mut std::io::stdin().lock())
}

fn next(input: &mut impl BufRead) -> Result<SecretString, Failure> {
    let mut read = |text: &mut String| {
        let read = input.read_line(text);
        read.map_err(|error| Failure::new(format!("the password can't be read from standard input: {error}")))
    };
    let mut text = String::new();
    read(&mut text)?;
    if text.starts_with("-----BEGIN ") {
        let mut last = 0;
        while !text[last..].starts_with("-----END ") {
            last = text.len();
            if read(&mut text)? == 0 {
                return Err(Failure::new("standard input begins with a key in PEM form that has no end"));
            }
        }
    }
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.is_empty() {
        return Err(Failure::new("standard input has no password in its first line"));
    }
    Ok(SecretString::from(text))
}

/// A variable of the environment; none when it is not set, or empty.
pub fn variable(name: &str) -> Result<Option<SecretString>, Failure> {
    match std::env::var(name) {
        Ok(password) if !password.is_empty() => Ok(Some(SecretString::from(password))),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::new(format!("{name} is not valid UTF-8"))),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn all(mut input: &[u8]) -> Vec<Result<String, String>> {
        let mut told = Vec::new();
        while !input.is_empty() {
            let secret = next(&mut input).map(|secret| secret.expose_secret().to_owned());
            told.push(secret.map_err(|failure| failure.message));
        }
        told
    }

    #[test]
    fn each_line_is_a_password() {
        let told = all(b"first one \r\nsecond\n");
        assert_eq!(told, [Ok("first one ".to_owned()), Ok("second".to_owned())]);
        assert!(all(b"\nx")[0].as_ref().unwrap_err().contains("no password"));
    }

    /// U11: the key of a certificate has many lines.
    #[test]
    fn a_key_is_read_to_its_end_and_no_further() {
        let key = "-----BEGIN PRIVATE KEY-----\nMIIE\nAAAA\n-----END PRIVATE KEY-----";
        assert_eq!(all(format!("{key}\npassword\n").as_bytes()), [Ok(key.to_owned()), Ok("password".to_owned())]);
        assert!(all(b"-----BEGIN PRIVATE KEY-----\nMIIE\n")[0].as_ref().unwrap_err().contains("has no end"));
    }
}
