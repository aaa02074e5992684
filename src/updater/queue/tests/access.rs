//! Who is let in, and which server is believed.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::super::postgres::SharedError;
use super::server::Server;
use super::tests::options;
use super::*;

/// A database that wants TLS and a password from `svc`, with a certificate for `localhost`.
struct Guarded {
    server: Server,
    folder: tempfile::TempDir,
}

impl Guarded {
    fn start() -> Option<Self> {
        let mut server = Server::start("signing in to the database of a shared queue")?;
        let folder = tempfile::tempdir().unwrap();
        server.sql("CREATE ROLE svc LOGIN PASSWORD 'grün-42'; GRANT CREATE ON DATABASE postgres TO svc");
        let authority = authority("Nordwind Test Authority");
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        server.stop("INT");
        server.put("server.crt", &certificate.pem());
        server.put("server.key", &key.serialize_pem());
        server.put("pg_hba.conf", "local all siu trust\nhostssl all svc all scram-sha-256\nhost all all all reject\n");
        server.put("postgresql.auto.conf", "ssl = on\nfsync = off\n");
        server.run();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        std::fs::write(folder.path().join("other.pem"), self::authority("Other Authority").pem()).unwrap();
        Some(Self { server, folder })
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn passwords(&self, name: &str, line: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.file(name);
        std::fs::write(&path, line).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    async fn open(&self, host: &str, more: &str) -> Result<Queue, SharedError> {
        let folder = tempfile::tempdir().unwrap();
        let address = self.server.tcp_address("svc", host, more).parse().unwrap();
        Queue::open_shared(folder.path(), address, Clock::system(), options()).await.map_err(|error| match error {
            QueueError::Shared(problem) => problem,
            other => panic!("{other}"),
        })
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// U11
#[tokio::test(flavor = "multi_thread")]
async fn the_password_goes_to_a_server_with_a_good_certificate_only_and_is_never_told() {
    let Some(guarded) = Guarded::start() else { return };
    let good = guarded.passwords("good", "localhost:*:postgres:svc:grün-42\n127.0.0.1:*:*:svc:grün-42\n");
    let bad = guarded.passwords("bad", "*:*:*:*:blau-43\n");
    let none = guarded.passwords("none", "elsewhere:*:*:*:x\n");
    let (ca, other) = (guarded.file("ca.pem"), guarded.file("other.pem"));
    let tls = "sslmode=verify-full";
    let mut told = Vec::new();
    let mut refused = async |host: &str, more: String| {
        let problem = guarded.open(host, &more).await.map(drop).unwrap_err();
        told.push(format!("{problem} {problem:?}"));
        problem
    };

    let problem = refused("localhost", format!("{tls}&passfile={good}")).await;
    assert!(matches!(&problem, SharedError::Encryption { why, .. } if why.contains("does not trust")), "{problem}");
    let problem = refused("localhost", format!("{tls}&passfile={good}&sslrootcert={other}")).await;
    assert!(matches!(&problem, SharedError::Encryption { why, .. } if why.contains("sslrootcert")), "{problem}");
    let problem = refused("127.0.0.1", format!("{tls}&passfile={good}&sslrootcert={ca}")).await;
    assert!(matches!(&problem, SharedError::Encryption { why, .. } if why.contains("localhost")), "{problem}");
    let problem = refused("localhost", format!("{tls}&passfile={bad}&sslrootcert={ca}")).await;
    assert!(matches!(&problem, SharedError::SignIn { user, .. } if user == "svc"), "{problem}");
    let problem = refused("localhost", format!("{tls}&passfile={none}&sslrootcert={ca}")).await;
    assert!(matches!(&problem, SharedError::NoPassword { .. }), "{problem}");
    let problem = refused("localhost", format!("{tls}&passfile={good}&sslrootcert=/nowhere.pem")).await;
    assert!(matches!(&problem, SharedError::Roots { .. }), "{problem}");
    let problem = refused("127.0.0.1", format!("sslmode=disable&passfile={good}")).await;
    assert!(matches!(&problem, SharedError::SignIn { .. }), "{problem}");
    assert!(told.iter().all(|told| !told.contains("-42") && !told.contains("-43")), "{told:?}");

    let queue = guarded.open("localhost", &format!("{tls}&passfile={good}&sslrootcert={ca}")).await.unwrap();
    assert!(queue.notices()[0].contains("fsync = off"), "{:?}", queue.notices());
    let encrypted = guarded.server.sql(
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'Sent Items Update'",
    );
    assert_eq!(encrypted, "t");
    queue.list(&Filter::default()).await.unwrap();
}

#[tokio::test]
async fn what_keeps_the_queue_from_opening_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens there any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("postgres://svc@127.0.0.1:{port}/siu").parse().unwrap();
    let problem = Queue::open_shared(folder.path(), address, Clock::system(), options()).await.map(drop).unwrap_err();
    assert!(problem.to_string().contains(&format!("can't be reached at 127.0.0.1:{port}")), "{problem}");
    let Some(server) = place::server() else { return };
    let address = server.address("").replace("/postgres?", "/nothing?").parse().unwrap();
    let problem = Queue::open_shared(folder.path(), address, Clock::system(), options()).await.map(drop).unwrap_err();
    assert!(matches!(&problem, QueueError::Shared(SharedError::NoDatabase { .. })), "{problem}");
}

/// Messages that wait in the queue that a folder had before are not forgotten.
#[tokio::test]
async fn whoever_goes_over_to_a_shared_queue_is_told_what_waits_in_the_embedded_one() {
    let Some(server) = place::server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let embedded = Queue::open(folder.path(), Clock::system(), options()).await.unwrap();
    let mut writer = embedded.spool().writer();
    writer.write(&vec![7; spool::IN_MEMORY + 1]).unwrap();
    embedded.accept(super::tests::new(1, "<1@x>", "a@x"), writer.finish()).await.unwrap();
    embedded.close().await;
    drop(embedded);
    let address = place::address(server, folder.path(), "");
    let shared = Queue::open_shared(folder.path(), address, Clock::system(), options()).await.unwrap();
    assert!(shared.notices()[0].starts_with("1 messages wait in the embedded queue"), "{:?}", shared.notices());
    drop(shared);
    // Its large message is still there.
    let embedded = Queue::open(folder.path(), Clock::system(), options()).await.unwrap();
    assert_eq!(embedded.content(1).await.unwrap().len(), spool::IN_MEMORY + 1);
}
