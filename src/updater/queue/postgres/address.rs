//! Where the shared queue is: an address of the form that `psql` takes, with a few words of our own.
//!
//! A password never stands in it, for addresses are seen: in the list of processes, in settings, in logs.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::super::LEASE;
use crate::settings::has_password;

/// The schema of the queue's tables, unless the address names another.
const SCHEMA: &str = "sent_items_update";

/// How long a connection may take to come about, unless the address says otherwise.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// How long silence is believed, unless the address says otherwise.
const SILENCE: Duration = Duration::from_secs(30);

/// Address of a shared queue.
#[derive(Clone)]
pub struct SharedAddress {
    /// As it was given.
    text: String,
    pub(super) config: Config,
    pub(super) schema: String,
    pub(super) lease: Duration,
    /// Certificate authorities to trust beside the system's: a file with PEM text.
    pub(super) roots: Option<PathBuf>,
    pub(super) passfile: Option<PathBuf>,
}

/// What is wrong with an address. The address itself is not repeated: there may be a password in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressProblem {
    #[error("it must begin with postgres:// or postgresql://")]
    Scheme,
    #[error(
        "a password does not belong there, where everybody can see it; put it into a password file (PGPASSFILE, \
         ~/.pgpass or passfile=…), or into the variable PGPASSWORD"
    )]
    Password,
    #[error("it names no server; write postgres://user@server/database")]
    NoServer,
    #[error("it names {servers} servers and {ports} ports; give each its own, or one for all")]
    Ports { servers: usize, ports: usize },
    #[error("it names no database; write postgres://user@server/database")]
    NoDatabase,
    #[error(
        "sslmode can be verify-full, which is what happens without it, or disable; a certificate is always checked where \
         the connection is encrypted"
    )]
    Encryption,
    #[error("schema must be a name of small letters, digits and _, with 48 characters at most")]
    Schema,
    #[error("lease must be a number of seconds from 2 to 3600")]
    Lease,
    #[error("{0} must be the path of a file")]
    Path(&'static str),
    #[error("it is not understood: {0}")]
    NotUnderstood(String),
}

impl FromStr for SharedAddress {
    type Err = AddressProblem;

    fn from_str(text: &str) -> Result<Self, AddressProblem> {
        let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        if has_password(rest.ok_or(AddressProblem::Scheme)?) {
            return Err(AddressProblem::Password);
        }
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut schema, mut lease, mut roots, mut passfile, mut encryption) = (None, None, None, None, None);
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value);
            match name {
                "schema" => schema = Some(value),
                "lease" => lease = Some(value),
                "sslrootcert" => roots = Some(path("sslrootcert", &value)?),
                "passfile" => passfile = Some(path("passfile", &value)?),
                "sslmode" => encryption = Some(value),
                _ => rest.push(pair),
            }
        }
        let plain = if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) };
        let mut config = Config::from_str(&plain).map_err(|error| {
            let why = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            AddressProblem::NotUnderstood(why)
        })?;
        if config.get_password().is_some() {
            return Err(AddressProblem::Password);
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(AddressProblem::NoServer);
        }
        let (servers, ports) = (config.get_hosts().len().max(config.get_hostaddrs().len()), config.get_ports().len());
        if ports > 1 && ports != servers {
            return Err(AddressProblem::Ports { servers, ports });
        }
        if config.get_dbname().is_none_or(str::is_empty) {
            return Err(AddressProblem::NoDatabase);
        }
        config.ssl_mode(match encryption.as_deref() {
            Some("disable") => SslMode::Disable,
            Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
            Some(_) => return Err(AddressProblem::Encryption),
            // What stays on this machine needs none.
            None if stays_here(&config) => SslMode::Disable,
            None => SslMode::Require,
        });
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_WITHIN);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        if !query.contains("keepalives_idle=") {
            config.keepalives_idle(SILENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name("Sent Items Update");
        }
        let schema = schema.unwrap_or_else(|| SCHEMA.to_owned());
        let letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        if !schema.starts_with(letter)
            || schema.len() > 48
            || !schema.chars().all(|any| letter(any) || any.is_ascii_digit())
        {
            return Err(AddressProblem::Schema);
        }
        let lease = match lease {
            None => LEASE,
            Some(seconds) => match seconds.parse() {
                Ok(seconds @ 2..=3600) => Duration::from_secs(seconds),
                _ => return Err(AddressProblem::Lease),
            },
        };
        Ok(Self { text: text.to_owned(), config, schema, lease, roots, passfile })
    }
}

impl SharedAddress {
    /// Whether others on the way can read along.
    #[must_use]
    pub fn is_open_to_others(&self) -> bool {
        self.config.get_ssl_mode() == SslMode::Disable && !stays_here(&self.config)
    }

    /// The server, as it is told in messages.
    pub(super) fn server(&self) -> String {
        let ports = self.config.get_ports();
        let port = |at: usize| ports.get(at).or_else(|| ports.first()).copied().unwrap_or(5432);
        let names: Vec<_> = match self.config.get_hosts() {
            [] => self.config.get_hostaddrs().iter().enumerate().map(|(at, ip)| format!("{ip}:{}", port(at))).collect(),
            hosts => hosts.iter().enumerate().map(|(at, host)| named(host, port(at))).collect(),
        };
        names.join(", ")
    }

    pub(super) fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_default()
    }

    pub(super) fn user(&self) -> &str {
        self.config.get_user().unwrap_or("the user of this process")
    }
}

impl fmt::Display for SharedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SharedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedAddress({})", self.text)
    }
}

fn named(host: &Host, port: u16) -> String {
    match host {
        Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
        Host::Tcp(name) => format!("{name}:{port}"),
        #[cfg(unix)]
        Host::Unix(folder) => folder.join(format!(".s.PGSQL.{port}")).display().to_string(),
    }
}

/// Whether the connection never leaves this machine.
fn stays_here(config: &Config) -> bool {
    let here = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(here) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

fn path(name: &'static str, value: &str) -> Result<PathBuf, AddressProblem> {
    if value.is_empty() { Err(AddressProblem::Path(name)) } else { Ok(PathBuf::from(value)) }
}

/// RFC 3986, section 2.1.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped = behind.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = escaped.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> AddressProblem {
        text.parse::<SharedAddress>().map(drop).unwrap_err()
    }

    /// U11
    #[test]
    fn a_password_is_refused_wherever_it_stands_and_not_repeated() {
        for text in [
            "postgres://siu:s3cret@db/siu",
            "postgres://db/siu?user=siu&password=s3cret",
            "postgres://db/siu?p%61ssword=s3cret",
            "postgres://siu:s3?cret@db/siu",
            "postgres://siu:s3/cret@db/siu",
        ] {
            let problem = problem(text);
            assert_eq!(problem, AddressProblem::Password, "{text}");
            let said = format!("{problem} {problem:?}");
            assert!(!said.contains("s3") && !said.contains("cret"), "{said}");
        }
    }

    #[test]
    fn what_leaves_this_machine_is_encrypted_unless_that_is_switched_off() {
        let mode = |text: &str| {
            let address: SharedAddress = text.parse().unwrap();
            (address.config.get_ssl_mode(), address.is_open_to_others())
        };
        assert_eq!(mode("postgres://siu@db.corp.example/siu"), (SslMode::Require, false));
        assert_eq!(mode("postgres://siu@db.corp.example/siu?sslmode=require"), (SslMode::Require, false));
        assert_eq!(mode("postgres://siu@db.corp.example/siu?sslmode=disable"), (SslMode::Disable, true));
        assert_eq!(mode("postgres://siu@127.0.0.1/siu"), (SslMode::Disable, false));
        assert_eq!(mode("postgres://siu@localhost,db.corp.example/siu"), (SslMode::Require, false));
        #[cfg(unix)]
        assert_eq!(mode("postgres:///siu?host=/run/postgresql"), (SslMode::Disable, false));
        assert_eq!(problem("postgres://db/siu?sslmode=prefer"), AddressProblem::Encryption);
    }

    #[test]
    fn our_own_words_are_taken_out_and_checked() {
        let text = "postgresql://siu@a:5433,b/siu?schema=mail_2&lease=30&passfile=%2Fetc%2Fsiu%2Fpass&sslrootcert=/ca.pem\
                    &target_session_attrs=read-write";
        let address: SharedAddress = text.parse().unwrap();
        assert_eq!((address.schema.as_str(), address.lease), ("mail_2", Duration::from_secs(30)));
        assert_eq!(address.passfile.as_deref(), Some(std::path::Path::new("/etc/siu/pass")));
        assert_eq!(address.roots.as_deref(), Some(std::path::Path::new("/ca.pem")));
        assert_eq!(address.server(), "a:5433, b:5432");
        assert_eq!(address.to_string(), text);
        for (text, wrong) in [
            ("mysql://db/siu", AddressProblem::Scheme),
            ("postgres:///siu", AddressProblem::NoServer),
            ("postgres:///siu?host=a,b&port=5432,5433", AddressProblem::Ports { servers: 1, ports: 2 }),
            ("postgres://db", AddressProblem::NoDatabase),
            ("postgres://db/siu?schema=x;drop", AddressProblem::Schema),
            ("postgres://db/siu?lease=0", AddressProblem::Lease),
            ("postgres://db/siu?passfile=", AddressProblem::Path("passfile")),
        ] {
            assert_eq!(problem(text), wrong, "{text}");
        }
        assert!(problem("postgres://db/siu?colour=red").to_string().contains("colour"));
    }
}
