//! The password of the database, as libpq's programs find theirs: `PGPASSWORD`, else a line of a password file.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use tokio_postgres::config::Host;

use super::SharedAddress;
use super::error::SharedError;

/// The password for an address, if there is one: a server may let us in without.
pub(super) fn password(address: &SharedAddress) -> Result<Option<SecretString>, SharedError> {
    if address.passfile.is_none()
        && let Ok(password) = std::env::var("PGPASSWORD")
    {
        return Ok(Some(password.into()));
    }
    let named = address.passfile.clone().or_else(|| std::env::var_os("PGPASSFILE").map(PathBuf::from));
    let Some(path) = named.clone().or_else(usual) else { return Ok(None) };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => return Ok(None),
        Err(error) => return Err(SharedError::Passfile { path, why: error.to_string() }),
    };
    if is_exposed(&path) {
        let why = "others can read it; it must belong to the updater's account alone (mode 600)".to_owned();
        return Err(SharedError::Passfile { path, why });
    }
    let host = match address.config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        // As libpq has it.
        #[cfg(unix)]
        Some(Host::Unix(_)) => "localhost".to_owned(),
        None => address.config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
    };
    let port = address.config.get_ports().first().copied().unwrap_or(5432).to_string();
    Ok(found(&text, [&host, &port, address.database(), address.config.get_user().unwrap_or_default()]))
}

/// Where libpq looks.
fn usual() -> Option<PathBuf> {
    if cfg!(windows) {
        return std::env::var_os("APPDATA").map(|folder| PathBuf::from(folder).join("postgresql").join("pgpass.conf"));
    }
    std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".pgpass"))
}

fn is_exposed(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// The first line that fits: `host:port:database:user:password`, each of the first four may be `*`.
fn found(text: &str, wanted: [&str; 4]) -> Option<SecretString> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut fields = vec![String::new()];
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => fields.last_mut()?.extend(letters.next()),
                ':' if fields.len() < 5 => fields.push(String::new()),
                other => fields.last_mut()?.push(other),
            }
        }
        let password = fields.get(4)?.clone();
        let fits = |(field, wanted): (&String, &str)| field == "*" || field == wanted;
        fields.iter().zip(wanted).all(fits).then(|| password.into())
    })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn the_first_line_that_fits_has_the_password_with_escapes_undone() {
        let text = "# a comment\nother:*:*:*:no\ndb:5432:siu:svc:p\\:a\\\\ss:word\n*:*:*:*:any\n";
        let password =
            |host, user| found(text, [host, "5432", "siu", user]).map(|found| found.expose_secret().to_owned());
        assert_eq!(password("db", "svc").as_deref(), Some("p:a\\ss:word"));
        assert_eq!(password("db", "else").as_deref(), Some("any"));
        assert!(found("db:5432:siu:svc\n", ["db", "5432", "siu", "svc"]).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_password_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pass");
        std::fs::write(&path, "*:*:*:*:secret").unwrap();
        let address: SharedAddress = format!("postgres://svc@db/siu?passfile={}", path.display()).parse().unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let problem = password(&address).unwrap_err().to_string();
        assert!(problem.contains("others can read it") && !problem.contains("secret"), "{problem}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(password(&address).unwrap().unwrap().expose_secret(), "secret");
    }
}
