//! The Kerberos servers of a domain: where they are, asking them, and tickets kept for the next connection.
//!
//! The crate sspi asks for new tickets with each sign-in, and servers want a sign-in with each connection, many even
//! with each request. The answers of the Kerberos server are good for hours: they are kept for [`KEPT`] and given to
//! sspi again in the same order, which makes a new authenticator with the same ticket. Whoever is refused with kept
//! tickets forgets them and asks anew.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sspi::network_client::NetworkClient;
use sspi::{ErrorKind, NetworkRequest};

use super::der;
use super::problem::KerberosRefusal;
use crate::name_service;

/// Tickets usually last ten hours.
const KEPT: Duration = Duration::from_secs(30 * 60);
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(5);
/// Tickets of accounts in very many groups have some ten kilobytes.
const LARGEST_ANSWER: usize = 1 << 20;
const PORT: u16 = 88;

/// Tags of messages (RFC 4120 5.10).
const KRB_ERROR: u8 = 0x7e;
/// That the password has to be proven: an answer as good as any.
const PREAUTHENTICATION_REQUIRED: u32 = 25;

/// The Kerberos servers for one account.
pub(crate) struct Kerberos {
    realm: Option<String>,
    configured: Option<String>,
    kept: Mutex<Option<Kept>>,
    found: tokio::sync::Mutex<Option<(Instant, Vec<String>)>>,
}

#[derive(Clone)]
struct Kept {
    since: Instant,
    answers: Arc<Vec<Answer>>,
}

/// To a request with this tag.
#[derive(Clone)]
struct Answer {
    to: u8,
    message: Vec<u8>,
}

impl fmt::Debug for Kerberos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kerberos")
            .field("realm", &self.realm)
            .field("configured", &self.configured)
            .finish_non_exhaustive()
    }
}

impl Kerberos {
    /// `configured` is a host, or host and port, to ask in place of what krb5.conf and DNS name.
    pub fn new(realm: Option<String>, configured: Option<String>) -> Self {
        Self { realm, configured, kept: Mutex::default(), found: tokio::sync::Mutex::default() }
    }

    /// Where to ask, for the sign-in that begins; none where nobody knows.
    pub async fn inquiry(&self) -> Option<Inquiry> {
        let realm = self.realm.as_deref()?;
        let servers = self.servers(realm).await;
        if servers.is_empty() {
            return None;
        }
        let kept = self.lock().clone().filter(|kept| kept.since.elapsed() < KEPT);
        Some(Inquiry {
            url: format!("tcp://{}", servers[0]).parse().ok()?,
            servers,
            replayed: kept.map(|kept| kept.answers),
            course: Mutex::default(),
        })
    }

    /// Keeps what an inquiry brought, once it led to a ticket.
    pub fn keep(&self, inquiry: &Inquiry) {
        let course = inquiry.lock();
        // What sspi learns of the clocks' difference is right at this moment only.
        if course.asked && course.refusal.is_none() {
            *self.lock() = Some(Kept { since: Instant::now(), answers: Arc::new(course.answers.clone()) });
        }
    }

    /// The tickets are of no use any more. Whether there were any.
    pub fn forget(&self) -> bool {
        self.lock().take().is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn servers(&self, realm: &str) -> Vec<String> {
        if let Some(configured) = &self.configured {
            return vec![with_port(configured)];
        }
        let mut found = self.found.lock().await;
        if let Some((since, servers)) = &*found
            && since.elapsed() < KEPT
        {
            return servers.clone();
        }
        let named = {
            let realm = realm.to_owned();
            // Reads krb5.conf, or the registry of Windows.
            tokio::task::spawn_blocking(move || sspi::detect_kdc_url(&realm)).await.ok().flatten()
        };
        let servers = match named.and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port().unwrap_or(PORT)))) {
            Some(server) => vec![server],
            None => by_dns(realm).await,
        };
        *found = Some((Instant::now(), servers.clone()));
        servers
    }
}

fn with_port(host: &str) -> String {
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(name, port)| port.parse::<u16>().is_ok() && (!name.contains(':') || name.ends_with(']')));
    match (has_port, host.contains(':') && !host.starts_with('[')) {
        (true, _) => host.to_owned(),
        (false, true) => format!("[{host}]:{PORT}"),
        (false, false) => format!("{host}:{PORT}"),
    }
}

async fn by_dns(realm: &str) -> Vec<String> {
    // A short name of Windows is none of DNS.
    if !realm.contains('.') {
        return Vec::new();
    }
    let Ok(resolver) = name_service::resolver(None, 1) else { return Vec::new() };
    let servers = name_service::services(&resolver, &format!("_kerberos._tcp.{}", realm.to_lowercase())).await;
    servers.unwrap_or_default().into_iter().map(|(host, port)| format!("{host}:{port}")).collect()
}

/// Asks the servers for one sign-in, and remembers what they said. Blocks.
pub(crate) struct Inquiry {
    pub url: reqwest::Url,
    servers: Vec<String>,
    replayed: Option<Arc<Vec<Answer>>>,
    course: Mutex<Course>,
}

#[derive(Default)]
struct Course {
    answers: Vec<Answer>,
    /// Somebody was really asked.
    asked: bool,
    refusal: Option<u32>,
}

impl Inquiry {
    /// What the domain refused, if it did.
    pub fn refusal(&self) -> Option<KerberosRefusal> {
        self.lock().refusal.map(KerberosRefusal::of)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, request: &NetworkRequest) -> io::Result<Vec<u8>> {
        if request.url != self.url {
            // The server of another realm, which krb5.conf names.
            let host = request.url.host_str().unwrap_or_default();
            return ask(&format!("{host}:{}", request.url.port().unwrap_or(PORT)), &request.data);
        }
        let mut failed = io::Error::other("no Kerberos server is known");
        for server in &self.servers {
            match ask(server, &request.data) {
                Ok(answer) => return Ok(answer),
                Err(error) => failed = io::Error::new(error.kind(), format!("{server}: {error}")),
            }
        }
        Err(failed)
    }
}

impl NetworkClient for Inquiry {
    fn send(&self, request: &NetworkRequest) -> sspi::Result<Vec<u8>> {
        let to = request.data.get(4).copied().unwrap_or_default();
        let mut course = self.lock();
        let kept = self.replayed.as_ref().filter(|_| !course.asked).and_then(|kept| kept.get(course.answers.len()));
        let message = if let Some(kept) = kept.filter(|kept| kept.to == to) {
            kept.message.clone()
        } else {
            course.asked = true;
            self.ask(request)
                .map_err(|error| sspi::Error::new(ErrorKind::NoAuthenticatingAuthority, error.to_string()))?
        };
        match error_code(message.get(4..).unwrap_or_default()) {
            None | Some(PREAUTHENTICATION_REQUIRED) => {}
            Some(code) => course.refusal = Some(code),
        }
        course.answers.push(Answer { to, message: message.clone() });
        Ok(message)
    }
}

/// Sends a message with its length before it, as it goes over TCP, and reads the answer in the same form.
fn ask(server: &str, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the name is not known");
    for address in server.to_socket_addrs()? {
        let mut stream = match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => stream,
            Err(error) => {
                failed = error;
                continue;
            }
        };
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        stream.write_all(message)?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let announced = u32::from_be_bytes(length) as usize;
        if announced > LARGEST_ANSWER {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("an answer of {announced} bytes is announced"),
            ));
        }
        let mut answer = length.to_vec();
        let read = stream.take(announced as u64).read_to_end(&mut answer)?;
        return if read == announced { Ok(answer) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
    }
    Err(failed)
}

/// The code of a KRB-ERROR; none for other messages.
pub(super) fn error_code(message: &[u8]) -> Option<u32> {
    let (error, _) = der::first(message).filter(|(error, _)| error.tag == KRB_ERROR)?;
    let (fields, _) = der::first(error.content)?;
    let field = der::children(fields.content).find(|field| field.tag == 0xa6)?;
    let (number, _) = der::first(field.content).filter(|(number, _)| number.content.len() <= 4)?;
    Some(number.content.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn error_message(code: u8) -> Vec<u8> {
        // pvno, msg-type, error-code
        let fields = [0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, 30, 0xa6, 3, 2, 1, code];
        let mut message = vec![KRB_ERROR, 17, 0x30, 15];
        message.extend_from_slice(&fields);
        message
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        [&u32::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
    }

    /// A server that gives these answers, a connection each.
    fn server(answers: Vec<Vec<u8>>) -> (String, std::thread::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = std::thread::spawn(move || {
            let mut served = 0;
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 64];
                assert!(stream.read(&mut request).unwrap() > 4);
                stream.write_all(&answer).unwrap();
                served += 1;
            }
            served
        });
        (address, task)
    }

    fn request(inquiry: &Inquiry, tag: u8) -> sspi::Result<Vec<u8>> {
        let data = framed(&[tag, 1, 0]);
        inquiry.send(&NetworkRequest { protocol: sspi::NetworkProtocol::Tcp, url: inquiry.url.clone(), data })
    }

    #[test]
    fn errors_of_kerberos_are_told_apart() {
        assert_eq!(error_code(&error_message(24)), Some(24));
        assert_eq!(error_code(&[0x6b, 2, 0x30, 0]), None);
        for end in 0..error_message(24).len() {
            assert_eq!(error_code(&error_message(24)[..end]), None);
        }
        assert_eq!(KerberosRefusal::of(18), KerberosRefusal::Disabled);
        assert!(KerberosRefusal::of(24).is_about_the_account() && !KerberosRefusal::of(7).is_about_the_account());
    }

    #[test]
    fn a_server_is_named_with_or_without_a_port() {
        for (given, full) in [
            ("dc1", "dc1:88"),
            ("dc1:1088", "dc1:1088"),
            ("::1", "[::1]:88"),
            ("[::1]", "[::1]:88"),
            ("[::1]:1088", "[::1]:1088"),
            ("127.0.0.1", "127.0.0.1:88"),
        ] {
            assert_eq!(with_port(given), full);
        }
    }

    /// U11
    #[tokio::test]
    async fn tickets_are_asked_for_once_and_anew_when_they_were_forgotten() {
        let message = |text: &[u8]| framed(&[&[0x6b, 2], text].concat());
        let answers = vec![framed(&error_message(25)), message(b"as"), message(b"as")];
        let (address, task) = server(answers);
        let kerberos = Kerberos::new(Some("CORP.EXAMPLE".to_owned()), Some(address));
        let ask = |inquiry: Inquiry| async {
            tokio::task::spawn_blocking(move || {
                let first = request(&inquiry, 0x6a).unwrap();
                assert_eq!(inquiry.refusal(), None);
                (first, request(&inquiry, 0x6a), inquiry)
            })
            .await
            .unwrap()
        };
        let (first, second, inquiry) = ask(kerberos.inquiry().await.unwrap()).await;
        kerberos.keep(&inquiry);
        let (first_again, second_again, _) = ask(kerberos.inquiry().await.unwrap()).await;
        assert_eq!((first, second.unwrap()), (first_again, second_again.unwrap()));
        assert!(kerberos.forget() && !kerberos.forget());
        let inquiry = kerberos.inquiry().await.unwrap();
        tokio::task::spawn_blocking(move || request(&inquiry, 0x6a)).await.unwrap().unwrap();
        assert_eq!(task.join().unwrap(), 3);
    }

    /// U11
    #[tokio::test]
    async fn a_refusal_is_remembered_and_never_kept() {
        let (address, task) = server(vec![framed(&error_message(24))]);
        let kerberos = Kerberos::new(Some("CORP.EXAMPLE".to_owned()), Some(address));
        let inquiry = kerberos.inquiry().await.unwrap();
        let inquiry = tokio::task::spawn_blocking(move || {
            request(&inquiry, 0x6a).unwrap();
            inquiry
        })
        .await
        .unwrap();
        assert_eq!(inquiry.refusal(), Some(KerberosRefusal::WrongPassword));
        kerberos.keep(&inquiry);
        assert!(!kerberos.forget());
        assert_eq!(task.join().unwrap(), 1);
    }

    /// U11
    #[tokio::test]
    async fn hostile_answers_end_as_no_server() {
        for bad in [vec![0xff; 8], vec![0, 0, 0, 9, 1], Vec::new()] {
            let (address, task) = server(vec![bad]);
            let kerberos = Kerberos::new(Some("CORP.EXAMPLE".to_owned()), Some(address));
            let inquiry = kerberos.inquiry().await.unwrap();
            let error = tokio::task::spawn_blocking(move || request(&inquiry, 0x6a)).await.unwrap().unwrap_err();
            assert_eq!(error.error_type, ErrorKind::NoAuthenticatingAuthority);
            task.join().unwrap();
        }
        assert!(Kerberos::new(None, Some("127.0.0.1".to_owned())).inquiry().await.is_none());
    }
}
