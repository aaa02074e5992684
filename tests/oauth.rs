//! Tokens of a real issuer, oidc-provider (Node.js), for an application with a secret and one with a certificate (U11).
//!
//! `tests/run oauth` installs it and says so in the environment.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use secrecy::ExposeSecret as _;
use sent_items_update::ews::auth::oauth::{Algorithm, Grant, OAuth, TokenProblem};
use sent_items_update::ews::*;
use sent_items_update::sandbox::{Organisation, Sandbox, SandboxOptions};
use tempfile::TempDir;

const ACCOUNT: &str = "svc-siu@nordwind.example";
const ANNA: &str = "anna.bergstroem@nordwind.example";
const SECRET: &str = "Geheim & mehr";

struct Scene {
    url: String,
    authority: String,
    certificate: String,
    key: String,
    node: Child,
    sandbox: Sandbox,
    _folder: TempDir,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.node.kill();
        let _ = self.node.wait();
    }
}

impl Scene {
    async fn open() -> Option<Self> {
        if std::env::var_os("SIU_OAUTH").is_none() {
            eprintln!("NOT RUN: oidc-provider is not installed here; tests/run oauth does that");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let organisation = Organisation::embedded().without_messages();
        let sandbox =
            Sandbox::start(SandboxOptions { organisation, ..SandboxOptions::new(folder.path()) }).await.unwrap();
        sandbox.control().grant_impersonation(ACCOUNT).unwrap();
        let password = sandbox.control().password(ACCOUNT);

        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let tls_key = KeyPair::generate().unwrap();
        let tls = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&tls_key, &issuer).unwrap();
        let app_key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let app = CertificateParams::new(vec!["siu".to_owned()]).unwrap().self_signed(&app_key).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("tls-key.pem", &tls_key.serialize_pem());
        write("tls-cert.pem", &tls.pem());
        write("app-cert.pem", &app.pem());

        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/node/oauth.mjs");
        let mut node = Command::new("node")
            .arg(script)
            .arg(folder.path())
            .arg(sandbox.http_ews_url())
            .arg(format!("{ACCOUNT}:{}", password.expose_secret()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
        // Whatever the libraries print before.
        let port = lines.find_map(|line| line.unwrap().strip_prefix("ready ").map(str::to_owned)).expect("it ended");
        Some(Self {
            url: format!("https://localhost:{port}"),
            authority: issuer.pem(),
            certificate: app.pem(),
            key: app_key.serialize_pem(),
            node,
            sandbox,
            _folder: folder,
        })
    }

    fn client(&self, client_id: &str, grant: Grant) -> Client {
        let extra_roots = vec![self.authority.clone()];
        let oauth = OAuth {
            authority: self.url.clone(),
            tenant: "corp.example".to_owned(),
            client_id: client_id.to_owned(),
            scope: "https://outlook.office365.com/.default".to_owned(),
            grant,
            extra_roots: extra_roots.clone(),
        };
        let url = format!("{}/EWS/Exchange.asmx", self.url).parse().unwrap();
        Client::new(Endpoint { extra_roots, ..Endpoint::new(url, Credentials::OAuth(oauth)) }).unwrap()
    }

    fn with_certificate(&self, key: &str) -> Client {
        let grant = Grant::Certificate {
            certificate: self.certificate.clone(),
            key: key.to_owned().into(),
            algorithm: Algorithm::Ps256,
        };
        self.client("with-certificate", grant)
    }

    async fn ask(&self, path: &str) -> String {
        let certificate = reqwest::Certificate::from_pem(self.authority.as_bytes()).unwrap();
        let http = reqwest::Client::builder().tls_certs_only([certificate]).no_proxy().build().unwrap();
        http.get(format!("{}/{path}", self.url)).send().await.unwrap().text().await.unwrap()
    }
}

async fn open(client: &Client) -> Result<Folder, EwsError> {
    client.mailbox(&ANNA.parse().unwrap()).get_folder(&FolderId::SENT_ITEMS).await
}

#[track_caller]
fn token_problem(result: Result<Folder, EwsError>) -> TokenProblem {
    match result {
        Err(EwsError::SignIn { problem, .. }) => match *problem {
            SignInProblem::Token(problem) => problem,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_signs_in_with_its_secret_and_one_token_serves_many_requests() {
    let Some(scene) = Scene::open().await else { return };
    let client = scene.client("with-secret", Grant::Secret(SECRET.into()));
    let requests: Vec<_> = (0..40)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { open(&client).await })
        })
        .collect();
    for request in requests {
        request.await.unwrap().unwrap();
    }
    assert_eq!(scene.ask("issued").await, "1");
    assert_eq!(scene.sandbox.control().statistics().operations["GetFolder"], 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_signs_in_with_its_certificate_and_with_no_other_key() {
    let Some(scene) = Scene::open().await else { return };
    open(&scene.with_certificate(&scene.key)).await.unwrap();
    let other = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let problem = token_problem(open(&scene.with_certificate(&other.serialize_pem())).await);
    assert!(matches!(&problem, TokenProblem::Refused(refusal) if refusal.error == "invalid_client"), "{problem:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_and_an_unknown_application_are_refused_in_the_issuers_words() {
    let Some(scene) = Scene::open().await else { return };
    for (client_id, secret) in [("with-secret", "falsch"), ("nobody", SECRET)] {
        let problem = token_problem(open(&scene.client(client_id, Grant::Secret(secret.into()))).await);
        assert!(matches!(&problem, TokenProblem::Refused(refusal) if refusal.error == "invalid_client"), "{problem:?}");
        assert!(!problem.to_string().contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_is_replaced() {
    let Some(scene) = Scene::open().await else { return };
    scene.ask("lasts/1").await;
    let client = scene.client("with-secret", Grant::Secret(SECRET.into()));
    open(&client).await.unwrap();
    // Until a second token is needed, whenever that is on this machine.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while scene.ask("issued").await.parse::<u32>().unwrap() < 2 {
        assert!(std::time::Instant::now() < until, "the token never expired");
        open(&client).await.unwrap();
    }
    open(&client).await.unwrap();
}

/// U11: what was signed with the key before is not accepted any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_issuer_has_a_new_key_the_token_is_replaced_at_once() {
    let Some(scene) = Scene::open().await else { return };
    let client = scene.client("with-secret", Grant::Secret(SECRET.into()));
    open(&client).await.unwrap();
    scene.ask("new-key").await;
    for _ in 0..3 {
        open(&client).await.unwrap();
    }
    assert_eq!(scene.ask("issued").await, "2");
}
