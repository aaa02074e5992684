//! Signing in to EWS on connections that stay signed in: against the sandbox, and against Apache with mod_auth_gssapi,
//! gss-ntlmssp and a keytab of Samba's domain (U11).
//!
//! `tests/run apache` starts the latter and tells where it is in the environment.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sent_items_update::ews::auth::oauth::{Grant, OAuth, TokenProblem};
use sent_items_update::ews::*;
use sent_items_update::management::remote_powershell::{Basic, Negotiated, PowerShellEndpoint, RemotePowerShell};
use sent_items_update::management::{self, Administration as _, Authorization, Management, ManagementError};
use sent_items_update::sandbox::control::{Fault, Rule};
use sent_items_update::sandbox::seat::Scheme;
use sent_items_update::sandbox::tokens::CLIENT_ID;
use sent_items_update::sandbox::{Organisation, Sandbox, SandboxOptions};
use sent_items_update::settings::AuthScheme;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const ACCOUNT: &str = "svc-siu@nordwind.example";
const ANNA: &str = "anna.bergstroem@nordwind.example";
const KOFI: &str = "kofi.mensah@nordwind.example";
const ADMIN: &str = "admin@nordwind.example";

struct Scene {
    sandbox: Sandbox,
    password: SecretString,
    _folder: TempDir,
}

impl Scene {
    async fn open(offers: &[Scheme]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let organisation = Organisation::embedded().without_messages();
        let options = SandboxOptions { organisation, offers: offers.to_vec(), ..SandboxOptions::new(folder.path()) };
        let sandbox = Sandbox::start(options).await.unwrap();
        sandbox.control().grant_impersonation(ACCOUNT).unwrap();
        let password = sandbox.control().password(ACCOUNT);
        Self { sandbox, password, _folder: folder }
    }

    /// The client, over HTTPS.
    fn client(&self, credentials: Credentials, connections: usize) -> Client {
        let url = self.sandbox.ews_url().parse().unwrap();
        let extra_roots = vec![self.sandbox.ca_pem().to_owned()];
        Client::new(Endpoint { extra_roots, connections, ..Endpoint::new(url, credentials) }).unwrap()
    }

    fn with_password(&self, user: &str, order: &[AuthScheme]) -> Client {
        self.client(password(user, self.password.expose_secret(), order), 4)
    }

    fn with_tokens(&self, grant: Grant) -> Client {
        self.client(Credentials::OAuth(self.oauth(grant)), 4)
    }

    /// The REST administration, signed in to with tokens.
    fn administration(&self, grant: Grant) -> Management {
        let base = self.sandbox.control().token_authority().parse().unwrap();
        let authorization = Authorization::OAuth(self.oauth(grant));
        Management::new(&management::Endpoint {
            extra_roots: vec![self.sandbox.ca_pem().to_owned()],
            ..management::Endpoint::new(base, "nordwind.example", authorization)
        })
        .unwrap()
    }

    /// Remote PowerShell, signed in to by what the server offers.
    fn powershell(&self, user: &str, password: &str) -> RemotePowerShell {
        let negotiated = Negotiated::new(user, &password.into(), None).unwrap();
        let url = self.sandbox.control().powershell_url().parse().unwrap();
        RemotePowerShell::new(PowerShellEndpoint {
            extra_roots: vec![self.sandbox.ca_pem().to_owned()],
            ..PowerShellEndpoint::new(url, Arc::new(negotiated))
        })
        .unwrap()
    }

    fn count(&self, operation: &str) -> u64 {
        self.sandbox.control().statistics().operations.get(operation).copied().unwrap_or(0)
    }

    fn oauth(&self, grant: Grant) -> OAuth {
        OAuth {
            authority: self.sandbox.control().token_authority(),
            tenant: "nordwind.example".to_owned(),
            client_id: CLIENT_ID.to_owned(),
            scope: "https://outlook.office365.com/.default".to_owned(),
            grant,
            extra_roots: vec![self.sandbox.ca_pem().to_owned()],
        }
    }
}

fn password(user: &str, password: &str, order: &[AuthScheme]) -> Credentials {
    Credentials::Password { user: user.to_owned(), password: password.into(), order: order.to_vec(), kdc: None }
}

async fn open(client: &Client) -> Result<Folder, EwsError> {
    client.mailbox(&ANNA.parse().unwrap()).get_folder(&FolderId::SENT_ITEMS).await
}

#[track_caller]
fn problem(result: Result<Folder, EwsError>) -> SignInProblem {
    match result {
        Err(EwsError::SignIn { problem, .. }) => *problem,
        other => panic!("{other:?}"),
    }
}

const BOTH: [AuthScheme; 2] = [AuthScheme::Negotiate, AuthScheme::Ntlm];

/// U11
#[tokio::test]
async fn ntlm_signs_in_by_upn_and_with_the_domain() {
    let scene = Scene::open(&[Scheme::Negotiate, Scheme::Ntlm, Scheme::Basic]).await;
    for user in [ACCOUNT, "NORDWIND\\svc-siu"] {
        open(&scene.with_password(user, &[AuthScheme::Ntlm])).await.unwrap();
    }
}

/// U11
#[tokio::test]
async fn negotiate_goes_over_to_ntlm_where_there_is_no_kerberos() {
    let scene = Scene::open(&[Scheme::Negotiate]).await;
    // A name without a domain of DNS, so that no name server is asked for Kerberos.
    open(&scene.with_password("NORDWIND\\svc-siu", &BOTH)).await.unwrap();
    let refused = problem(open(&scene.with_password("NORDWIND\\svc-siu", &[AuthScheme::Negotiate])).await);
    assert!(matches!(refused, SignInProblem::NoTicket(_)), "{refused:?}");
}

/// U11
#[tokio::test]
async fn a_wrong_password_a_disabled_account_and_nobody_are_refused() {
    let scene = Scene::open(&[Scheme::Ntlm]).await;
    let ntlm = [AuthScheme::Ntlm];
    for credentials in [password(ACCOUNT, "falsch", &ntlm), password("NORDWIND\\niemand", "x", &ntlm)] {
        let refused = problem(open(&scene.client(credentials, 1)).await);
        assert_eq!(refused, SignInProblem::Refused { scheme: AuthScheme::Ntlm, bound: true });
    }
    scene.sandbox.control().set_state(ACCOUNT, sent_items_update::sandbox::control::MailboxState::Disabled).unwrap();
    assert!(matches!(problem(open(&scene.with_password(ACCOUNT, &ntlm)).await), SignInProblem::Refused { .. }));
}

/// U11
#[tokio::test]
async fn many_requests_go_over_few_connections_each_signed_in_once() {
    let scene = Scene::open(&[Scheme::Ntlm]).await;
    let client = scene.with_password(ACCOUNT, &[AuthScheme::Ntlm]);
    let requests = (0..200).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { open(&client).await })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap().unwrap();
    }
    let counts = scene.sandbox.control().statistics();
    assert_eq!(counts.operations["GetFolder"], 200);
    // One asked for the offers; each of at most four connections took a leg of its own beside the requests.
    let legs = counts.answers[&401];
    assert!((2..=5).contains(&legs), "{legs} answers 401");
}

/// U11
#[tokio::test]
async fn connections_that_were_cut_are_made_and_signed_in_anew() {
    let scene = Scene::open(&[Scheme::Ntlm]).await;
    let client = scene.with_password(ACCOUNT, &[AuthScheme::Ntlm]);
    for faults in [0, 1] {
        open(&client).await.unwrap();
        let rule = Rule::every(Fault::Drop { executed: false }).on("SignIn").times(faults);
        scene.sandbox.control().add_fault(rule).unwrap();
        scene.sandbox.control().cut_connections();
        // A request that meets the cut itself is not sent again: it may have been carried out.
        if let Err(error) = open(&client).await {
            assert!(matches!(error, EwsError::Dropped { may_have_taken_effect: true, .. }), "{error:?}");
        }
        open(&client).await.unwrap();
    }
}

/// U11
#[tokio::test]
async fn connections_closed_in_the_middle_of_every_sign_in_are_told_as_such() {
    let scene = Scene::open(&[Scheme::Ntlm]).await;
    scene.sandbox.control().add_fault(Rule::every(Fault::Drop { executed: false }).on("SignIn")).unwrap();
    let refused = problem(open(&scene.with_password(ACCOUNT, &[AuthScheme::Ntlm])).await);
    assert_eq!(refused, SignInProblem::Closed { scheme: AuthScheme::Ntlm });
    assert!(!scene.sandbox.control().statistics().operations.contains_key("GetFolder"));
}

/// U11: somebody in between who shows a certificate of his own, which is trusted, gets a sign-in that is good for
/// nothing.
#[tokio::test]
async fn a_sign_in_is_good_for_its_own_tls_connection_only() {
    let scene = Scene::open(&[Scheme::Ntlm]).await;
    let between = between::start(scene.sandbox.ca_pem(), &scene.sandbox.ews_url()).await;
    let url = format!("https://localhost:{}/EWS/Exchange.asmx", between.port).parse().unwrap();
    let credentials = password(ACCOUNT, scene.password.expose_secret(), &[AuthScheme::Ntlm]);
    let extra_roots = vec![between.authority.clone()];
    let client = Client::new(Endpoint { extra_roots, ..Endpoint::new(url, credentials) }).unwrap();
    assert_eq!(problem(open(&client).await), SignInProblem::Refused { scheme: AuthScheme::Ntlm, bound: true });
}

/// U11
#[tokio::test]
async fn tokens_sign_in_by_a_secret_and_by_a_password() {
    let scene = Scene::open(&[Scheme::Bearer]).await;
    let grant = || Grant::Secret(scene.password.clone());
    let client = scene.with_tokens(grant());
    for _ in 0..3 {
        open(&client).await.unwrap();
    }
    assert_eq!(scene.sandbox.control().statistics().operations["Token"], 1);
    scene.sandbox.control().revoke_tokens();
    open(&client).await.unwrap();
    assert_eq!(scene.sandbox.control().statistics().operations["Token"], 2);
    let of_account =
        Grant::Password { user: ACCOUNT.to_owned(), password: scene.password.clone(), client_secret: None };
    open(&scene.with_tokens(of_account)).await.unwrap();
}

/// U11
#[tokio::test]
async fn tokens_that_last_a_moment_are_replaced_each_time() {
    let scene = Scene::open(&[Scheme::Bearer]).await;
    scene.sandbox.control().set_token_lifetime(Duration::ZERO);
    let client = scene.with_tokens(Grant::Secret(scene.password.clone()));
    assert_eq!(problem(open(&client).await), SignInProblem::Token(TokenProblem::NotAccepted));
}

/// W11
#[tokio::test]
async fn refusals_of_tokens_are_told_apart() {
    let scene = Scene::open(&[Scheme::Bearer]).await;
    let wrong = |grant| async {
        match problem(open(&scene.with_tokens(grant)).await) {
            SignInProblem::Token(TokenProblem::Refused(refusal)) => refusal.code,
            other => panic!("{other:?}"),
        }
    };
    let by_password = |user: &str, password: &str| Grant::Password {
        user: user.to_owned(),
        password: password.into(),
        client_secret: None,
    };
    assert_eq!(wrong(Grant::Secret("falsch".into())).await, Some(7_000_215));
    assert_eq!(wrong(by_password(ACCOUNT, "falsch")).await, Some(50126));
    assert_eq!(wrong(by_password("niemand@nordwind.example", "x")).await, Some(50034));
    let mfa = Fault::Refuse { code: "AADSTS50076".into(), message: None, back_off_milliseconds: None, fault: None };
    scene.sandbox.control().add_fault(Rule::every(mfa).on("Token")).unwrap();
    assert_eq!(wrong(Grant::Secret(scene.password.clone())).await, Some(50076));
}

/// W9
#[tokio::test]
async fn the_rest_administration_takes_tokens_and_looks_whose_they_are() {
    let scene = Scene::open(&[Scheme::Bearer]).await;
    let of_admin = || Grant::Password {
        user: ADMIN.to_owned(),
        password: scene.sandbox.control().password(ADMIN),
        client_secret: None,
    };
    let admin = scene.administration(of_admin());
    assert_eq!(admin.role_assignments(KOFI).await.unwrap(), []);
    admin.grant_impersonation(KOFI, "SIU", None).await.unwrap();
    assert!(scene.sandbox.control().directory().may_impersonate(KOFI));
    assert_eq!((scene.count("Token"), scene.count("Management")), (1, 2));
    // One that was withdrawn is replaced.
    scene.sandbox.control().revoke_tokens();
    assert_eq!(admin.role_assignments(KOFI).await.unwrap().len(), 1);
    assert_eq!((scene.count("Token"), scene.count("Management")), (2, 4));
    let application = scene.administration(Grant::Secret(scene.password.clone()));
    let error = application.role_assignments(KOFI).await.unwrap_err();
    assert!(error.is_not_allowed(), "{error:?}");
}

/// W9
#[tokio::test]
async fn without_a_token_nothing_is_asked_of_the_rest_administration() {
    let scene = Scene::open(&[Scheme::Bearer]).await;
    let error = scene.administration(Grant::Secret("falsch".into())).role_assignments(KOFI).await.unwrap_err();
    let ManagementError::Token(TokenProblem::Refused(refusal)) = &error else { panic!("{error:?}") };
    assert_eq!(refusal.code, Some(7_000_215));
    assert!(error.to_string().contains("secret is wrong") && !error.to_string().contains("falsch"), "{error}");
    assert_eq!(scene.count("Management"), 0);
    scene.sandbox.control().set_token_lifetime(Duration::ZERO);
    let error = scene.administration(Grant::Secret(scene.password.clone())).role_assignments(KOFI).await.unwrap_err();
    assert_eq!(error, ManagementError::Token(TokenProblem::NotAccepted));
    assert_eq!(scene.count("Management"), 1);
}

/// W9, U11
#[tokio::test]
async fn remote_powershell_signs_in_by_ntlm_or_basic_as_the_server_offers() {
    for offers in [&[Scheme::Negotiate, Scheme::Basic][..], &[Scheme::Ntlm, Scheme::Basic], &[Scheme::Basic]] {
        let scene = Scene::open(offers).await;
        let password = scene.sandbox.control().password(ADMIN);
        let client = scene.powershell("NORDWIND\\admin", password.expose_secret());
        client.grant_impersonation(KOFI, "SIU", None).await.unwrap();
        assert_eq!(client.role_assignments(KOFI).await.unwrap().len(), 1);
        client.close().await;
        // A connection is signed in once: its first request and, of NTLM, one leg more were not let in.
        let not_let_in = scene.sandbox.control().statistics().answers[&401];
        assert!(not_let_in <= 2, "{offers:?}: {not_let_in}");
        let wrong = scene.powershell("NORDWIND\\admin", "falsch").role_assignments(KOFI).await.unwrap_err();
        assert!(matches!(wrong, ManagementError::SignIn { status: 401, .. }), "{offers:?}: {wrong:?}");
        assert!(!format!("{wrong:?} {wrong}").contains("falsch"));
    }
}

/// Terminates TLS with a certificate of its own and passes everything on, as an attacker or an inspecting proxy does.
mod between {
    use std::sync::Arc;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::rustls::pki_types::pem::PemObject as _;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    pub struct Between {
        pub port: u16,
        pub authority: String,
        task: tokio::task::JoinHandle<()>,
    }

    impl Drop for Between {
        fn drop(&mut self) {
            self.task.abort();
        }
    }

    /// `ca` vouches for the server, at whose address everything goes on.
    pub async fn start(ca: &str, server_url: &str) -> Between {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let shown = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = server.with_no_client_auth().with_single_cert(vec![shown.der().clone()], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let (acceptor, connector) = (TlsAcceptor::from(Arc::new(server)), TlsConnector::from(Arc::new(client)));
        let to: reqwest::Url = server_url.parse().unwrap();
        let to = format!("127.0.0.1:{}", to.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, connector, to) = (acceptor.clone(), connector.clone(), to.clone());
                tokio::spawn(async move {
                    let Ok(mut outside) = acceptor.accept(stream).await else { return };
                    let inside = TcpStream::connect(to).await.unwrap();
                    let name = ServerName::try_from("localhost").unwrap();
                    let mut inside = connector.connect(name, inside).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        Between { port, authority: issuer.pem(), task }
    }
}

/// U11
#[tokio::test]
async fn without_tls_nothing_is_told_to_a_server_that_has_no_kerberos() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/PowerShell/", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = tokio::spawn({
        let heard = heard.clone();
        async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 65536];
                let length = stream.read(&mut request).await.unwrap();
                heard.lock().unwrap().push(String::from_utf8_lossy(&request[..length]).to_lowercase());
                let offers = ["Negotiate", "NTLM", "Basic realm=\"x\""].map(|it| format!("WWW-Authenticate: {it}\r\n"));
                let answer = format!("HTTP/1.1 401 X\r\nContent-Length: 0\r\n{}\r\n", offers.concat());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
    });
    // A name without a domain of DNS, so that no name server is asked for Kerberos.
    let negotiated = || Negotiated::new("NORDWIND\\admin", &"geheim".into(), None).unwrap();
    let endpoint = |authorise| PowerShellEndpoint::new(url.parse().unwrap(), authorise);
    let client = RemotePowerShell::new(endpoint(Arc::new(negotiated()))).unwrap();
    let error = client.role_assignments(KOFI).await.unwrap_err();
    assert!(
        matches!(&error, ManagementError::SignIn { told, .. } if told.contains("Negotiate does not work")),
        "{error:?}"
    );
    let heard = std::mem::take(&mut *heard.lock().unwrap());
    assert_eq!(heard.len(), 1);
    assert!(heard[0].contains("content-length: 0") && heard[0].ends_with("\r\n\r\n"), "{}", heard[0]);
    assert!(!heard[0].contains("authorization"), "{}", heard[0]);
    // With a name and a password alone there is not even a connection.
    let basic = Basic::new("admin", &"geheim".into()).unwrap();
    assert!(matches!(RemotePowerShell::new(endpoint(Arc::new(basic))), Err(ManagementError::Address(_))));
    hearing.abort();
}

/// Apache as reverse proxy before the sandbox, in Samba's domain.
mod apache {
    use super::*;

    /// Where it is; or says that it is not there.
    struct Lab {
        url: String,
        kdc: String,
        authority: String,
        account: String,
        password: String,
    }

    fn lab() -> Option<Lab> {
        let value = |name: &str| std::env::var(name).ok();
        let lab = || {
            Some(Lab {
                url: value("SIU_APACHE_URL")?,
                kdc: value("SIU_APACHE_KDC")?,
                authority: std::fs::read_to_string(value("SIU_APACHE_CA")?).ok()?,
                account: value("SIU_APACHE_ACCOUNT")?,
                password: value("SIU_APACHE_PASSWORD")?,
            })
        };
        let found = lab();
        if found.is_none() {
            eprintln!("NOT RUN: Apache with mod_auth_gssapi is not here; tests/run apache starts it");
        }
        found
    }

    impl Lab {
        fn client(&self, door: &str, user: &str, password: &str, order: &[AuthScheme], connections: usize) -> Client {
            let credentials = Credentials::Password {
                user: user.to_owned(),
                password: password.into(),
                order: order.to_vec(),
                kdc: Some(self.kdc.clone()),
            };
            let url = format!("{}/{door}/EWS/Exchange.asmx", self.url).parse().unwrap();
            let extra_roots = vec![self.authority.clone()];
            Client::new(Endpoint { extra_roots, connections, ..Endpoint::new(url, credentials) }).unwrap()
        }
    }

    const KERBEROS: [AuthScheme; 1] = [AuthScheme::Negotiate];

    /// U11
    #[tokio::test]
    async fn kerberos_signs_in_with_a_connection_and_with_each_request() {
        let Some(lab) = lab() else { return };
        for door in ["bound", "quiet", "each"] {
            let client = lab.client(door, &lab.account, &lab.password, &KERBEROS, 2);
            for _ in 0..5 {
                open(&client).await.unwrap();
            }
        }
    }

    /// U11
    #[tokio::test]
    async fn ntlm_signs_in_within_negotiate() {
        let Some(lab) = lab() else { return };
        let client = lab.client_by_ntlm("ntlm");
        for _ in 0..5 {
            open(&client).await.unwrap();
        }
    }

    /// U11
    #[tokio::test]
    async fn the_domain_refuses_a_wrong_password_and_a_disabled_account_and_says_which() {
        let Some(lab) = lab() else { return };
        let domain = lab.account.split('@').nth(1).unwrap().to_owned();
        let refusal = |user: String, password: &str| {
            let client = lab.client("bound", &user, password, &BOTH, 1);
            async move {
                match problem(open(&client).await) {
                    SignInProblem::Kerberos(refusal) => refusal,
                    other => panic!("{other:?}"),
                }
            }
        };
        assert_eq!(refusal(format!("dora@{domain}"), "falsch").await, KerberosRefusal::WrongPassword);
        assert_eq!(refusal(format!("disabled@{domain}"), &lab.password).await, KerberosRefusal::Disabled);
        assert_eq!(refusal(format!("must-change@{domain}"), &lab.password).await, KerberosRefusal::PasswordExpired);
    }

    /// U11
    #[tokio::test]
    async fn many_requests_go_over_few_connections_with_kerberos() {
        let Some(lab) = lab() else { return };
        let client = lab.client("bound", &lab.account, &lab.password, &KERBEROS, 3);
        let requests: Vec<_> = (0..100)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move { open(&client).await })
            })
            .collect();
        for request in requests {
            request.await.unwrap().unwrap();
        }
    }

    /// U11: to this server the ticket has expired, and so has every new one.
    #[tokio::test]
    async fn an_expired_ticket_is_replaced_once_and_then_refused() {
        let Some(mut lab) = lab() else { return };
        lab.url = std::env::var("SIU_APACHE_LATE_URL").unwrap();
        let log = std::env::var("SIU_APACHE_LATE_LOG").unwrap();
        let expired = || std::fs::read_to_string(&log).unwrap().matches("(Ticket expired)").count();
        let before = expired();
        let asked = lab.listen_to_what_is_asked_of_the_domain().await;
        let refused = open(&lab.client("bound", &lab.account, &lab.password, &KERBEROS, 1)).await;
        // It says so to us, too.
        assert!(matches!(&refused, Err(EwsError::SignIn { ticket: Some(TicketRefusal::Expired), .. })), "{refused:?}");
        assert_eq!(problem(refused), SignInProblem::Refused { scheme: AuthScheme::Negotiate, bound: true });
        assert_eq!(expired() - before, 2);
        let for_a_ticket = [AS_REQ, AS_REQ, TGS_REQ];
        assert_eq!(*asked.lock().unwrap(), [for_a_ticket, for_a_ticket].concat());
    }

    const AS_REQ: u8 = 0x6a;
    const TGS_REQ: u8 = 0x6c;

    impl Lab {
        /// From now on the domain is asked by way of somebody who notes the kind of each request.
        async fn listen_to_what_is_asked_of_the_domain(&mut self) -> Arc<Mutex<Vec<u8>>> {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let domain = std::mem::replace(&mut self.kdc, listener.local_addr().unwrap().to_string());
            let heard = Arc::new(Mutex::new(Vec::new()));
            let noted = heard.clone();
            // Ends with the test's runtime.
            tokio::spawn(async move {
                loop {
                    let (mut outside, _) = listener.accept().await.unwrap();
                    let mut inside = TcpStream::connect((domain.as_str(), 88)).await.unwrap();
                    let mut beginning = [0; 5];
                    outside.read_exact(&mut beginning).await.unwrap();
                    noted.lock().unwrap().push(beginning[4]);
                    inside.write_all(&beginning).await.unwrap();
                    tokio::spawn(async move { tokio::io::copy_bidirectional(&mut outside, &mut inside).await });
                }
            });
            heard
        }

        /// NTLM within Negotiate: Kerberos can't help with a name whose domain is none of DNS.
        fn client_by_ntlm(&self, door: &str) -> Client {
            let user = format!("CORP\\{}", self.account.split('@').next().unwrap());
            let password = self.password.as_str().into();
            let credentials = Credentials::Password { user, password, order: BOTH.to_vec(), kdc: None };
            let url = format!("{}/{door}/EWS/Exchange.asmx", self.url).parse().unwrap();
            let extra_roots = vec![self.authority.clone()];
            Client::new(Endpoint { extra_roots, ..Endpoint::new(url, credentials) }).unwrap()
        }
    }

    /// U11
    #[tokio::test]
    async fn a_proxy_that_closes_connections_in_the_middle_is_told_as_such() {
        let Some(lab) = lab() else { return };
        let told = problem(open(&lab.client_by_ntlm("closing")).await);
        assert_eq!(told, SignInProblem::Closed { scheme: AuthScheme::Negotiate });
    }
}

/// Remote PowerShell with Kerberos of Samba's domain, against a server with MIT's and psrpcore.
mod kerberos_powershell {
    use super::*;

    const ADMINISTRATOR: &str = "administrator@corp.example.test";
    const PASSWORD: &str = "Passw0rd!adm";

    struct Lab {
        /// Over TLS; the sign-in has to be tied to the connection.
        url: String,
        /// Without TLS; messages have to be encrypted.
        unencrypted_url: String,
        ca: String,
        kdc: String,
    }

    fn lab() -> Option<Lab> {
        let value = |name: &str| std::env::var(name).ok();
        let lab = || {
            Some(Lab {
                url: value("SIU_KERBEROS_POWERSHELL_URL")?,
                unencrypted_url: value("SIU_KERBEROS_POWERSHELL_UNENCRYPTED_URL")?,
                ca: std::fs::read_to_string(value("SIU_KERBEROS_POWERSHELL_CA")?).ok()?,
                kdc: value("SIU_APACHE_KDC")?,
            })
        };
        let found = lab();
        if found.is_none() {
            eprintln!("NOT RUN: remote PowerShell with Kerberos is not here; tests/run apache starts it");
        }
        found
    }

    impl Lab {
        fn client(&self, url: &str, extra_root: &str, password: &str) -> RemotePowerShell {
            let negotiated = Negotiated::new(ADMINISTRATOR, &password.into(), Some(self.kdc.clone())).unwrap();
            RemotePowerShell::new(PowerShellEndpoint {
                extra_roots: vec![extra_root.to_owned()],
                ..PowerShellEndpoint::new(url.parse().unwrap(), Arc::new(negotiated))
            })
            .unwrap()
        }
    }

    /// W9, U11
    #[tokio::test]
    async fn kerberos_signs_in_over_tls_and_without_it_encrypts_every_message() {
        let Some(lab) = lab() else { return };
        for url in [&lab.url, &lab.unencrypted_url] {
            let client = lab.client(url, &lab.ca, PASSWORD);
            // Much to say, and names beyond ASCII.
            assert_eq!(client.role_assignments("many@lab.example").await.unwrap().len(), 600, "{url}");
            let name = format!("Überall {}", uuid::Uuid::new_v4());
            client.grant_impersonation("ünïcode@lab.example", &name, None).await.unwrap();
            let listed = client.role_assignments("ünïcode@lab.example").await.unwrap();
            assert!(listed.iter().any(|assignment| assignment.name == name), "{url}: {listed:?}");
            // What the server refuses is told as over any other connection.
            let error = client.role_assignments("nobody@lab.example").await.unwrap_err();
            assert!(error.is_not_found(), "{url}: {error:?}");
            client.close().await;
        }
    }

    /// W9
    #[tokio::test]
    async fn a_wrong_password_is_told_by_the_domain_and_goes_nowhere_else() {
        let Some(lab) = lab() else { return };
        for url in [&lab.url, &lab.unencrypted_url] {
            let error = lab.client(url, &lab.ca, "falsch").role_assignments(KOFI).await.unwrap_err();
            let ManagementError::SignIn { told, .. } = &error else { panic!("{error:?}") };
            assert!(told.contains("the password is wrong"), "{told}");
        }
    }

    /// U11: somebody in between who shows a certificate of his own, which is trusted, gets a ticket that is good for
    /// nothing.
    #[tokio::test]
    async fn a_ticket_is_good_for_its_own_tls_connection_only() {
        let Some(lab) = lab() else { return };
        let between = between::start(&lab.ca, &lab.url).await;
        let url = format!("https://localhost:{}/PowerShell/", between.port);
        let error = lab.client(&url, &between.authority, PASSWORD).role_assignments(KOFI).await.unwrap_err();
        assert!(
            matches!(&error, ManagementError::SignIn { told, .. } if told.contains("Extended Protection")),
            "{error:?}"
        );
    }
}
