mod server;

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use self::server::{Asked, OUTPUT, Reply, Server, completed, message, well};
use super::*;

const PASSWORD: &str = "geheim";

fn endpoint(server: &Server) -> PowerShellEndpoint {
    let basic = Basic::new("admin@corp.example", &PASSWORD.into()).unwrap();
    PowerShellEndpoint {
        extra_roots: vec![server.ca.clone()],
        ..PowerShellEndpoint::new(server.url(), Arc::new(basic))
    }
}

fn client(server: &Server) -> RemotePowerShell {
    RemotePowerShell::new(endpoint(server)).unwrap()
}

/// What comes of a cmdlet when the server answers like this.
async fn against(answers: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Result<Output, ManagementError> {
    let server = Server::start(answers).await;
    run(&client(&server)).await
}

async fn run(client: &RemotePowerShell) -> Result<Output, ManagementError> {
    client.run(Cmdlet::GetManagementRoleAssignment, Map::new()).await
}

/// The same where only what the pipeline says is wrong.
async fn saying(stream: Vec<u8>) -> String {
    against(move |asked| well(asked, &stream)).await.unwrap_err().to_string()
}

/// U11
#[test]
fn an_address_that_is_not_encrypted_or_names_a_user_is_refused() {
    let basic = || Arc::new(Basic::new("admin", &PASSWORD.into()).unwrap());
    for url in ["http://exchange.corp.example/PowerShell/", "https://a:b@exchange.corp.example/PowerShell/"] {
        let refused = RemotePowerShell::new(PowerShellEndpoint::new(url.parse().unwrap(), basic()));
        assert!(matches!(refused.err(), Some(ManagementError::Address(_))), "{url}");
    }
}

/// W9
#[tokio::test]
async fn a_server_that_lies_about_lengths_or_order_is_told_from_one_that_answers() {
    let whole = completed(1);
    let mut long = whole.clone();
    long[17..21].copy_from_slice(&u32::MAX.to_be_bytes());
    let mut short = whole.clone();
    short[20] += 9;
    let mut late = whole.clone();
    late[15] = 3;
    let middle = [&[0; 16][..], &[2, 0, 0, 0, 0]].concat();
    for (stream, words) in [
        (long, "announces 4294967295 bytes"),
        (short, "ends in the middle of a message"),
        (late, "where 0 was due"),
        (middle, "begins in its middle"),
        (vec![], "without saying how"),
        (message(1, OUTPUT, "<Obj"), "XML is broken"),
        ([message(1, OUTPUT, &deep(1000)), whole.clone()].concat(), "nested more than"),
        (b"no fragment, but long enough to look like one".to_vec(), "bytes"),
    ] {
        let told = saying(stream).await;
        assert!(told.contains(words), "{words}: {told}");
    }
}

/// Objects within objects.
fn deep(levels: usize) -> String {
    format!("{}{}", "<Obj><MS>".repeat(levels), "</MS></Obj>".repeat(levels))
}

/// W9
#[tokio::test]
async fn whatever_is_no_remote_powershell_is_named() {
    let page = "<!DOCTYPE html><html><head><title>Outlook</title></head></html>";
    for (reply, words) in [
        (Reply::page(200, page), "a page with the title \"Outlook\" in place of an answer"),
        (Reply::page(404, page), "(HTTP status 404)"),
        (Reply::page(503, "<html><title>Service Unavailable</title>"), "(HTTP status 503)"),
        (Reply::page(200, ""), "nothing in place of an answer"),
        (Reply::page(200, "Hello"), "a text in place of an answer"),
        (Reply::page(200, "<feed/>"), "no SOAP envelope"),
        (Reply::status(302, &["Location: /owa/auth/logon.aspx"]), "a redirection to https://127.0.0.1"),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let told =
            against(move |_| reply.lock().unwrap().take().unwrap_or(Reply::Silence)).await.unwrap_err().to_string();
        assert!(told.contains(words), "{words}: {told}");
    }
}

/// W9
#[tokio::test]
async fn a_connection_that_is_lost_is_told_with_what_it_was_lost_for_and_nothing_is_sent_twice() {
    let half = b"HTTP/1.1 200 X\r\nContent-Length: 5000\r\n\r\n<s:Envelope".to_vec();
    for cut in [half, Vec::new()] {
        let server = Server::start(move |asked| match (&*asked.action, &asked.command) {
            ("Receive", Some(_)) => Reply::Cut(cut.clone()),
            _ => well(asked, &[]),
        })
        .await;
        let error = run(&client(&server)).await.unwrap_err();
        let ManagementError::Lost { doing, .. } = &error else { panic!("{error:?}") };
        assert_eq!(doing, "Get-ManagementRoleAssignment was running");
        assert_eq!(server.actions(), ["Create", "Receive", "Command", "Receive"]);
    }
}

/// W9
#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let server = Server::start(|asked| if asked.action == "Create" { Reply::Silence } else { well(asked, &[]) }).await;
    let short = Duration::from_millis(200);
    let slow = RemotePowerShell::new(PowerShellEndpoint { open_timeout: short, ..endpoint(&server) }).unwrap();
    assert_eq!(run(&slow).await, Err(ManagementError::SlowSession { seconds: 0 }));

    let server = Server::start(|asked| if asked.action == "Command" { Reply::Silence } else { well(asked, &[]) }).await;
    let slow = RemotePowerShell::new(PowerShellEndpoint { timeout: short, ..endpoint(&server) }).unwrap();
    let cmdlet = Cmdlet::GetManagementRoleAssignment;
    assert_eq!(run(&slow).await, Err(ManagementError::Timeout { cmdlet, seconds: 0 }));

    // It answers again and again, and never with anything.
    let server = Server::start(|asked| match asked.command {
        Some(_) if asked.action == "Receive" => Reply::soap(asked, "<r:ReceiveResponse/>"),
        _ => well(asked, &[]),
    })
    .await;
    let told = run(&client(&server)).await.unwrap_err().to_string();
    assert!(told.contains("says nothing"), "{told}");
}

/// W9
#[tokio::test]
async fn a_server_that_has_nothing_to_say_yet_is_asked_again() {
    let asked_before = AtomicUsize::new(0);
    let output = against(move |asked| {
        let receives = asked.action == "Receive" && asked.command.is_some();
        if receives && asked_before.fetch_add(1, Ordering::Relaxed) < 3 {
            return Reply::fault(asked, 2_150_858_793, "The operation timed out.");
        }
        well(asked, &completed(9))
    })
    .await;
    assert_eq!(output, Ok(Output::default()));
}

/// U11
#[tokio::test]
async fn a_server_that_takes_no_password_is_told_by_what_it_offers_and_is_asked_once() {
    let server =
        Server::start(|_| Reply::status(401, &["WWW-Authenticate: Negotiate", "WWW-Authenticate: Kerberos"])).await;
    let error = run(&client(&server)).await.unwrap_err();
    let told = "the server offers Negotiate, Kerberos".to_owned();
    assert_eq!(error, ManagementError::SignIn { status: 401, told });
    assert_eq!(server.asked().len(), 1);
    assert!(!format!("{error:?}").contains(PASSWORD));
}

/// U11
#[tokio::test]
async fn a_redirection_is_followed_within_the_organisation_and_nowhere_else() {
    let redirecting = |to: String| {
        move |asked: &Asked| {
            if asked.host.starts_with("127.") {
                Reply::status(301, &[&format!("Location: {to}")])
            } else {
                well(asked, &completed(9))
            }
        }
    };
    // The server's own other name is not known to be that.
    let target = std::sync::OnceLock::<String>::new();
    let target = Arc::new(target);
    let known = target.clone();
    let server = Server::start(move |asked| redirecting(known.get().unwrap().clone())(asked)).await;
    target.set(server.url_by_name()).unwrap();
    let refused = run(&client(&server)).await.unwrap_err();
    assert!(matches!(&refused, ManagementError::Redirected { to, .. } if *to == server.url_by_name()), "{refused}");
    assert_eq!(server.asked().len(), 1);

    let trusted = vec!["localhost".to_owned()];
    let trusting = RemotePowerShell::new(PowerShellEndpoint { trusted, ..endpoint(&server) }).unwrap();
    assert_eq!(run(&trusting).await, Ok(Output::default()));
    // The whole session is where it was led to.
    let hosts: Vec<_> = server.asked().iter().skip(2).map(|asked| asked.host.starts_with("localhost")).collect();
    assert!(hosts.len() > 3 && hosts.iter().all(|named| *named));

    for (to, words) in [
        ("http://127.0.0.1/PowerShell/", "not encrypted"),
        ("https://evil.example/PowerShell/", "evil.example belongs neither"),
    ] {
        let server = Server::start(redirecting(to.to_owned())).await;
        let told = run(&client(&server)).await.unwrap_err().to_string();
        assert!(told.contains(words), "{words}: {told}");
    }
    let server = Server::start(|_| Reply::status(302, &["Location: /PowerShell/again"])).await;
    let told = run(&client(&server)).await.unwrap_err().to_string();
    assert!(told.contains("leads on more than"), "{told}");
}

/// W9
#[tokio::test]
async fn a_session_that_is_refused_is_told_in_the_servers_words() {
    let denied = against(|asked| Reply::fault(asked, 5, "Access is denied.")).await.unwrap_err();
    assert!(denied.is_not_allowed(), "{denied:?}");
    assert!(denied.to_string().ends_with("Access is denied. (error 5)"), "{denied}");
    let broken = "<Obj RefId=\"0\"><MS><I32 N=\"RunspaceState\">5</I32><Obj N=\"ExceptionAsErrorRecord\" RefId=\"1\">\
        <ToString>The runspace is broken.</ToString></Obj></MS></Obj>";
    let refused = against(move |asked| match (&*asked.action, &asked.command) {
        ("Receive", None) => Reply::stream(asked, &message(1, 0x0002_1005, broken), false),
        _ => well(asked, &[]),
    });
    let told = refused.await.unwrap_err().to_string();
    assert!(told.ends_with("The runspace is broken."), "{told}");
}

/// W9
#[tokio::test]
async fn a_refused_cmdlet_leaves_its_session_and_anything_else_ends_it() {
    let server = Server::start(|asked| {
        let failed = "<Obj RefId=\"0\"><MS><I32 N=\"PipelineState\">5</I32></MS></Obj>";
        well(asked, &message(1, server::STATE, failed))
    })
    .await;
    let one = client(&server);
    for _ in 0..2 {
        assert!(matches!(run(&one).await, Err(ManagementError::Refused { .. })));
    }
    one.close().await;
    one.close().await;
    let expected = ["Create", "Receive", "Command", "Receive", "Signal", "Command", "Receive", "Signal", "Delete"];
    assert_eq!(server.actions(), expected);

    let server = Server::start(|asked| well(asked, b"garbage that is no fragment at all")).await;
    let one = client(&server);
    for _ in 0..2 {
        assert!(run(&one).await.is_err());
    }
    assert_eq!(server.actions().iter().filter(|action| *action == "Create").count(), 2);
}

/// W6
#[tokio::test]
async fn a_long_message_goes_out_in_fragments_and_output_comes_back_in_them() {
    let long = "ä".repeat(60_000);
    let object = format!("<Obj RefId=\"0\"><Props><S N=\"Name\">{long}</S><B N=\"Enabled\">true</B></Props></Obj>");
    let said = [message(1, OUTPUT, &object), completed(2)].concat();
    let sent = said.clone();
    let at = AtomicUsize::new(0);
    let server = Server::start(move |asked| match (&*asked.action, &asked.command) {
        ("Receive", Some(_)) => {
            // In parts that end anywhere.
            let from = at.fetch_add(7000, Ordering::Relaxed);
            let part = &sent[from..(from + 7000).min(sent.len())];
            Reply::stream(asked, part, from + 7000 >= sent.len())
        }
        _ => well(asked, &[]),
    })
    .await;
    let Value::Object(parameters) = json!({ "RoleAssignee": long }) else { unreachable!() };
    let output = client(&server).run(Cmdlet::GetManagementRoleAssignment, parameters).await.unwrap();
    assert_eq!(output.objects.len(), 1);
    assert_eq!((&output.objects[0]["Name"], &output.objects[0]["Enabled"]), (&json!(long), &json!(true)));
    let actions = server.actions();
    assert_eq!(actions.iter().filter(|action| *action == "Send").count(), 3, "{actions:?}");
    assert!(server.asked().iter().all(|asked| asked.body.len() < 512_000));
    assert!(server.asked().iter().all(|asked| asked.authorization.is_some()));
}

/// W9: the address beside EWS.
#[test]
fn remote_powershell_is_beside_ews() {
    let beside = |ews: &str| super::beside(&ews.parse().unwrap()).unwrap().to_string();
    assert_eq!(beside("https://mail.corp.example/EWS/Exchange.asmx"), "https://mail.corp.example/PowerShell/");
    assert_eq!(beside("https://[::1]:8443/ews/exchange.asmx?x#y"), "https://[::1]:8443/PowerShell/");
}
