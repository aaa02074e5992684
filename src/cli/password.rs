//! Passwords for commands. Never as an argument, where every user of the machine could read it.

use secrecy::SecretString;

use super::failure::Failure;

/// The next line of standard input.
pub fn line() -> Result<SecretString, Failure> {
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    read.map_err(|error| Failure::new(format!("the password can't be read from standard input: {error}")))?;
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    if line.is_empty() {
        return Err(Failure::new("standard input has no password in its first line"));
    }
    Ok(SecretString::from(line))
}

/// A variable of the environment; none when it is not set, or empty.
pub fn variable(name: &str) -> Result<Option<SecretString>, Failure> {
    match std::env::var(name) {
        Ok(password) if !password.is_empty() => Ok(Some(SecretString::from(password))),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::new(format!("{name} is not valid UTF-8"))),
        _ => Ok(None),
    }
}
