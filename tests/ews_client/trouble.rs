//! What becomes of everything that can go wrong on the way: each in its class, with words that help.

use std::time::Duration;

use bytes::Bytes;
use sent_items_update::ews::*;

use crate::server::{Reply, Server, anna, endpoint, fixture, mailbox, mailbox_of, recorded};

fn id() -> ItemId {
    ItemId::new("AAMk=", Some("CQAA".to_owned()))
}

/// The error of an update that is answered so; the request was sent exactly once.
async fn error_of(reply: Reply) -> EwsError {
    let server = Server::start([reply]).await;
    let error = mailbox(&server).update_item(&small_update()).await.unwrap_err();
    assert_eq!(server.requests().len(), 1, "a request is sent once: {error}");
    error
}

fn small_update() -> UpdateItem {
    UpdateItem::new(id(), vec![Change::Set(Property::Subject("x".to_owned()))])
}

fn large_message() -> CreateItem {
    CreateItem {
        folder: FolderId::SENT_ITEMS,
        mime_content: Some(Bytes::from(vec![b'x'; 12 << 20])),
        properties: Vec::new(),
    }
}

fn assert_says(error: &EwsError, words: &[&str]) {
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is missing in: {text}");
    }
}

/// A SOAP fault that carries nothing but this code.
fn fault(code: &str) -> String {
    String::from_utf8(recorded("fault_impersonate_user_denied")).unwrap().replace("ErrorImpersonateUserDenied", code)
}

/// U10
#[tokio::test]
async fn a_fault_is_understood_under_whatever_status_it_comes() {
    for status in [200, 400, 403, 404, 500, 503] {
        let error = error_of(Reply::status(status, "text/xml", recorded("fault_impersonate_user_denied"))).await;
        assert!(matches!(error, EwsError::Fault(_)), "{status}: {error}");
        assert_eq!(error.class(), ErrorClass::Denied);
        assert!(!error.may_have_taken_effect());
        assert_says(&error, &["Anna.Berg@nordwind.example", "127.0.0.1", "UpdateItem", "ApplicationImpersonation"]);
    }
}

/// U6, U10
#[tokio::test]
async fn faults_say_what_to_do_about_the_mailbox() {
    let error = error_of(Reply::status(500, "text/xml", recorded("fault_non_existent_mailbox"))).await;
    assert_eq!(error.class(), ErrorClass::NoMailbox);

    let server = Server::start([Reply::status(500, "text/xml", recorded("fault_non_primary_smtp_address"))]).await;
    let alias = Client::new(endpoint(server.url())).unwrap().mailbox(&"anna@nordwind.example".parse().unwrap());
    let error = alias.get_folder(&FolderId::SENT_ITEMS).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::NonPrimaryAddress(anna()));
    assert_says(&error, &["anna.berg@nordwind.example"]);
    // The address that was used already would be asked for for ever.
    let error = error_of(Reply::status(500, "text/xml", recorded("fault_non_primary_smtp_address"))).await;
    assert_eq!(error.class(), ErrorClass::NoMailbox);

    let error = error_of(Reply::recorded("fault_older_form")).await;
    assert_eq!(error.code(), Some(&ResponseCode::ErrorInvalidServerVersion));
    assert_eq!(error.class(), ErrorClass::Hold);
    assert_says(&error, &["Exchange 2013"]);

    let error = error_of(Reply::status(500, "text/xml", recorded("fault_schema_validation"))).await;
    assert_eq!(error.class(), ErrorClass::Refused);
    assert_says(&error, &["'Id' attribute is invalid"]);
}

/// U9
#[tokio::test]
async fn back_off_hints_are_passed_on_wherever_they_stand() {
    let back_off = |error: EwsError| match error.class() {
        ErrorClass::Throttled { back_off } => back_off,
        other => panic!("{other:?}"),
    };
    let busy = || Reply::status(500, "text/xml", recorded("fault_server_busy"));
    assert_eq!(back_off(error_of(busy()).await), Some(Duration::from_millis(297_749)));
    let page = || Reply::status(503, "text/html", fixture("pages/service_unavailable.html"));
    assert_eq!(back_off(error_of(page().with("Retry-After", "17")).await), Some(Duration::from_secs(17)));
    assert_eq!(back_off(error_of(page()).await), None);
    let fault = || Reply::status(503, "text/xml", fault("ErrorExceededConnectionCount"));
    assert_eq!(back_off(error_of(fault().with("Retry-After", "5")).await), Some(Duration::from_secs(5)));
    let error = error_of(Reply::status(429, "text/plain", "slow down").with("Retry-After", "60")).await;
    assert!(!error.may_have_taken_effect());
    assert_eq!(back_off(error), Some(Duration::from_secs(60)));
}

/// U10
#[tokio::test]
async fn response_codes_on_an_item_are_sorted() {
    for (answer, class) in [
        ("update_item_conflict", ErrorClass::Conflict),
        ("update_item_sent_message", ErrorClass::NotUpdatable),
        ("update_item_quota", ErrorClass::QuotaExceeded),
        ("delete_item_inner_error", ErrorClass::QuotaExceeded),
        ("get_folder_move_in_progress", ErrorClass::MailboxTemporary),
    ] {
        let error = error_of(Reply::recorded(answer)).await;
        assert!(matches!(error, EwsError::Response(_)), "{error:?}");
        assert_eq!(error.class(), class, "{answer}");
    }
    let error = error_of(Reply::recorded("update_item_sent_message")).await;
    assert_says(&error, &["message:ToRecipients", "ErrorInvalidPropertyUpdateSentMessage"]);
    let error = error_of(Reply::recorded("delete_item_inner_error")).await;
    assert_says(&error, &["folder is out of quota"]);
}

/// U10: a code of a newer server.
#[tokio::test]
async fn an_unknown_response_code_is_kept_and_not_repeated() {
    let error = error_of(Reply::soap(fault("ErrorOfTheYear2031"))).await;
    assert_eq!(error.code(), Some(&ResponseCode::Other("ErrorOfTheYear2031".to_owned())));
    assert_eq!(error.class(), ErrorClass::Refused);
    assert_says(&error, &["ErrorOfTheYear2031"]);
}

#[tokio::test]
async fn statuses_without_an_answer_of_ews_are_sorted_and_explained() {
    for (status, class, in_effect, words) in [
        (400, ErrorClass::Refused, false, "400"),
        (401, ErrorClass::Hold, false, "password"),
        (403, ErrorClass::Hold, false, "forbids"),
        (404, ErrorClass::Hold, false, "/EWS/Exchange.asmx"),
        (407, ErrorClass::Hold, false, "proxy"),
        (408, ErrorClass::MailboxTemporary, true, "408"),
        (413, ErrorClass::Refused, false, "maxAllowedContentLength"),
        (421, ErrorClass::Hold, false, "421"),
        (456, ErrorClass::Hold, false, "blocks the account"),
        (500, ErrorClass::MailboxTemporary, true, "internal error"),
        (502, ErrorClass::MailboxTemporary, true, "behind it"),
        (504, ErrorClass::MailboxTemporary, true, "behind it"),
    ] {
        let error = error_of(Reply::status(status, "text/html", "<html><title>Oops</title></html>")).await;
        assert_eq!(error.class(), class, "{status}: {error}");
        assert_eq!(error.may_have_taken_effect(), in_effect, "{status}: {error}");
        assert_says(&error, &[words]);
        let error = error_of(Reply::status(status, "text/html", "")).await;
        assert_eq!(error.class(), class, "{status} with nothing: {error}");
    }
    let error = error_of(Reply::status(500, "text/html", "").with("X-CasErrorCode", "MailboxGuidNotFound")).await;
    assert_says(&error, &["MailboxGuidNotFound"]);
    let error = error_of(Reply::status(500, "text/xml", "<s:Envelope broken")).await;
    assert!(matches!(error, EwsError::Http { status: 500, .. }), "{error:?}");
}

/// U11: the password goes nowhere else.
#[tokio::test]
async fn a_redirection_is_not_followed_and_its_host_is_named() {
    let other = Server::start([]).await;
    let to_other = format!("http://{}/owa/auth/logon.aspx?secret=1", other.address);
    let error = error_of(Reply::status(302, "text/html", "").with("Location", to_other)).await;
    assert_eq!(error.class(), ErrorClass::Hold);
    assert_says(&error, &[&other.address.to_string(), "302", "connection.ews_url"]);
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(other.requests().is_empty());

    let error = error_of(Reply::status(301, "text/html", "").with("Location", "/owa/")).await;
    assert!(matches!(error, EwsError::Redirected { target_host: None, .. }), "{error:?}");
    let to_error_page = "/EWS/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx";
    let error = error_of(Reply::status(302, "text/html", "").with("Location", to_error_page)).await;
    assert_eq!((error.class(), error.may_have_taken_effect()), (ErrorClass::MailboxTemporary, true));
}

#[tokio::test]
async fn something_else_than_ews_is_recognised() {
    let page = fixture("pages/owa_logon.html");
    let error = error_of(Reply::status(200, "text/html; charset=utf-8", page.clone())).await;
    assert_eq!(error.class(), ErrorClass::Hold);
    assert_says(&error, &["\"Outlook\"", "text/html", "login page", "connection.ews_url"]);
    // A page is a page, also where content is taken out while it arrives, and whatever it calls itself.
    let server = Server::start([Reply::soap(page)]).await;
    let error = mailbox(&server).get_attachment(&[AttachmentId::new("1")]).await.unwrap_err();
    assert!(matches!(error, EwsError::NotEws { .. }), "{error:?}");

    for (content_type, body) in [("application/json", r#"{"a":1}"#), ("text/plain", "It works!")] {
        let error = error_of(Reply::status(200, content_type, body)).await;
        assert!(matches!(&error, EwsError::NotEws { .. }), "{error:?}");
        assert_says(&error, &[content_type]);
    }
    let error = error_of(Reply::soap("<?xml version='1.0'?><rss><channel/></rss>")).await;
    assert_eq!(error.class(), ErrorClass::Hold);
    assert_says(&error, &["rss"]);
}

/// The content type is wrong, the answer is right: only the answer counts.
#[tokio::test]
async fn an_answer_is_judged_by_what_it_is_not_by_what_it_is_called() {
    for content_type in ["text/html", "application/octet-stream", "application/soap+xml"] {
        let server = Server::start([Reply::status(200, content_type, recorded("update_item"))]).await;
        mailbox(&server).update_item(&small_update()).await.unwrap();
    }
}

type Is = fn(&Malformed) -> bool;

#[tokio::test]
async fn answers_that_can_not_be_read_are_told_apart() {
    let answer = String::from_utf8(recorded("update_item")).unwrap();
    let utf16 = || answer.encode_utf16().flat_map(u16::to_le_bytes);
    let doctype = answer.replace("?><", "?><!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><");
    let deep = answer.replace("</s:Body>", &format!("{}{}</s:Body>", "<a>".repeat(5000), "</a>".repeat(5000)));
    let invalid = [&b"<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope a=\"\xFF\xFE\""[..], b"/>"].concat();
    let latin1 = b"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><a>\xE4</a>".to_vec();
    let cases: Vec<(Vec<u8>, Is)> = vec![
        (Vec::new(), |problem| *problem == Malformed::Empty),
        (b" \r\n ".to_vec(), |problem| *problem == Malformed::Empty),
        (answer[..answer.len() / 2].into(), |problem| *problem == Malformed::Truncated),
        (answer.replace("</m:Items>", "</m:Itens>").into(), |problem| matches!(problem, Malformed::NotWellFormed(_))),
        (utf16().collect(), |problem| matches!(problem, Malformed::Encoding(_))),
        ([0xFF, 0xFE].into_iter().chain(utf16()).collect(), |problem| matches!(problem, Malformed::Encoding(_))),
        (latin1, |problem| *problem == Malformed::Encoding("iso-8859-1".to_owned())),
        (answer.replace("utf-8", "windows-1252").into(), |problem| matches!(problem, Malformed::Encoding(_))),
        (invalid, |problem| *problem == Malformed::InvalidUtf8),
        (doctype.into(), |problem| *problem == Malformed::DocumentType),
        (answer.replace("NoError", "&lol;").into(), |problem| matches!(problem, Malformed::Entity(_))),
        (deep.into(), |problem| matches!(problem, Malformed::TooDeep(_))),
        (answer.replace("UpdateItemResponseMessage", "Nothing").replace("ItemId", "Id").into(), |problem| {
            matches!(problem, Malformed::Lacks(_))
        }),
        (answer.replace("m:ResponseMessages", "m:Other").into(), |problem| matches!(problem, Malformed::Lacks(_))),
    ];
    let mut seen = Vec::new();
    for (number, (body, is)) in cases.into_iter().enumerate() {
        let error = error_of(Reply::soap(body)).await;
        let EwsError::Malformed { problem, .. } = &error else { panic!("{number}: {error:?}") };
        assert!(is(problem), "{number}: {error:?}");
        assert_eq!(error.class(), ErrorClass::MailboxTemporary, "{number}");
        assert!(error.may_have_taken_effect(), "{number}: the server may have done it before it spoilt the answer");
        seen.push(error.to_string());
    }
    assert!(seen.iter().all(|text| text.contains("UpdateItem for Anna.Berg@nordwind.example on 127.0.0.1")));
}

#[tokio::test]
async fn an_answer_larger_than_the_limit_is_not_read_to_its_end() {
    let limits = AnswerLimits { content: 100_000, other: 10_000 };
    let endless = |announced: &str| {
        let mut raw = format!("HTTP/1.1 200 OK\r\n{announced}\r\n\r\n").into_bytes();
        let answer = String::from_utf8(recorded("get_attachment")).unwrap();
        raw.extend_from_slice(answer.split_inclusive("<t:Content>").next().unwrap().as_bytes());
        raw.extend_from_slice(&vec![b'A'; 150_000]);
        Reply::Raw(raw)
    };
    let replies = [
        endless("Content-Length: 151000"),
        endless("Connection: close"),
        endless("Connection: close"),
        Reply::soap({
            let padding = "<a/>".repeat(5000);
            String::from_utf8(recorded("get_attachment")).unwrap().replace("</s:Body>", &format!("{padding}</s:Body>"))
        }),
    ];
    let server = Server::start(replies).await;
    let mailbox = mailbox_of(Endpoint { answer_limits: limits, ..endpoint(server.url()) });
    let ids = ["1", "2", "3"].map(AttachmentId::new);
    for limit in [100_000, 100_000] {
        let error = mailbox.get_attachment(&ids).await.unwrap_err();
        assert!(matches!(error, EwsError::TooLarge { limit: at, .. } if at == limit), "{error:?}");
        assert_eq!(error.class(), ErrorClass::Refused);
        assert_says(&error, &[&limit.to_string()]);
    }
    let error = mailbox.get_folder(&FolderId::SENT_ITEMS).await.unwrap_err();
    assert!(matches!(error, EwsError::TooLarge { limit: 10_000, .. }), "{error:?}");
    let error = mailbox.get_attachment(&ids).await.unwrap_err();
    assert!(matches!(error, EwsError::TooLarge { limit: 10_000, .. }), "what is beside the content: {error:?}");
}

#[tokio::test]
async fn a_compression_that_can_not_be_undone_is_not_taken_for_a_broken_connection() {
    let gzip = fixture("answers/get_attachment.xml.gz");
    let mut damaged = gzip.clone();
    damaged[40..80].fill(0xAA);
    for (body, truncated) in [(damaged, false), (gzip[..gzip.len() / 2].to_vec(), true)] {
        let error = error_of(Reply::soap(body).with("Content-Encoding", "gzip")).await;
        let EwsError::Malformed { problem, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*problem == Malformed::Truncated, truncated, "{error}");
        assert!(truncated || matches!(problem, Malformed::Compression(_)), "{error}");
    }
}

/// U8: whether a write may have been carried out decides how the next run looks at it.
#[tokio::test]
async fn a_connection_that_breaks_after_the_request_may_have_had_its_effect() {
    let error = error_of(Reply::CloseAfterTheRequest).await;
    assert!(matches!(error, EwsError::Dropped { .. }), "{error:?}");
    assert_eq!((error.class(), error.may_have_taken_effect()), (ErrorClass::MailboxTemporary, true));
    assert_says(&error, &["may have been carried out"]);

    let mut half = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 5000\r\n\r\n".to_vec();
    half.extend_from_slice(&recorded("update_item")[..300]);
    let error = error_of(Reply::Raw(half)).await;
    assert!(matches!(error, EwsError::Dropped { may_have_taken_effect: true, .. }), "{error:?}");
}

/// U8
#[tokio::test]
async fn a_connection_that_breaks_within_the_request_had_no_effect() {
    let server = Server::start([Reply::CloseWithinTheRequest(100_000)]).await;
    let error = mailbox(&server).create_item(&large_message()).await.unwrap_err();
    assert!(matches!(error, EwsError::Dropped { may_have_taken_effect: false, .. }), "{error:?}");
    assert_says(&error, &["not sent completely"]);
    assert_eq!(server.requests().len(), 1);
}

/// U8: a kept connection that the server closes meanwhile is no event at all, and no reason to send anything twice.
#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced_without_a_word() {
    let server = Server::start([
        Reply::AnswerAndClose { body: recorded("get_folder") },
        Reply::recorded("update_item"),
        Reply::CloseAfterTheRequest,
        Reply::recorded("update_item"),
    ])
    .await;
    let mailbox = mailbox(&server);
    mailbox.get_folder(&FolderId::SENT_ITEMS).await.unwrap();
    server.until_under_way(0).await;
    // Unless the server's closing crosses our request, which then was sent and is not sent again.
    match mailbox.update_item(&small_update()).await {
        Ok(_) => {
            let requests = server.requests();
            assert_eq!(requests.len(), 2);
            assert_ne!(requests[0].connection, requests[1].connection);
        }
        Err(error) => {
            assert!(error.may_have_taken_effect(), "{error:?}");
            assert_eq!(server.requests().len(), 1);
            mailbox.update_item(&small_update()).await.unwrap();
        }
    }
    // On a connection that has served before, too, a request that was begun is not repeated.
    let error = mailbox.update_item(&small_update()).await.unwrap_err();
    assert!(matches!(error, EwsError::Dropped { may_have_taken_effect: true, .. }), "{error:?}");
    assert_eq!(server.requests().len(), 3);
}

/// U8, U10
#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_in_time() {
    let server = Server::start([Reply::Silence]).await;
    let mailbox = mailbox_of(Endpoint { request_timeout: Duration::from_millis(1500), ..endpoint(server.url()) });
    let error = mailbox.update_item(&small_update()).await.unwrap_err();
    assert!(matches!(error, EwsError::Timeout { may_have_taken_effect: true, .. }), "{error:?}");
    assert_eq!(error.class(), ErrorClass::MailboxTemporary);
    assert_eq!(server.requests().len(), 1);
}

/// What IIS does with a request that is too large: it answers before it has read it, and closes.
#[tokio::test]
async fn a_request_that_is_too_large_is_refused_with_the_limits_to_look_at() {
    for status in [413, 404] {
        let server = Server::start([Reply::AnswerBeforeTheBody { status }]).await;
        let error = mailbox(&server).create_item(&large_message()).await.unwrap_err();
        match &error {
            EwsError::RequestTooLarge { .. } => {
                assert_eq!(error.class(), ErrorClass::Refused);
                assert_says(&error, &["maxAllowedContentLength", &status.to_string()]);
            }
            // The reset that follows can overtake the answer.
            EwsError::Dropped { .. } => assert_eq!(error.class(), ErrorClass::MailboxTemporary),
            other => panic!("{other:?}"),
        }
        assert!(!error.may_have_taken_effect());
    }
    let error = error_of(Reply::status(404, "text/html", fixture("pages/iis_404_13.html"))).await;
    assert!(matches!(error, EwsError::RequestTooLarge { status: 404, .. }), "{error:?}");
}

#[tokio::test]
async fn what_does_not_speak_http_is_said_to_be_so() {
    let error = error_of(Reply::Raw(b"220 mail.nordwind.example ESMTP\r\n".to_vec())).await;
    assert_eq!(error.class(), ErrorClass::Hold);
    assert_says(&error, &["HTTP"]);
}

/// U10
#[tokio::test]
async fn without_a_connection_nothing_was_sent() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, problem) in [
        (format!("http://{unused}/EWS/Exchange.asmx"), ConnectProblem::Refused),
        ("http://nowhere.invalid/EWS/Exchange.asmx".to_owned(), ConnectProblem::Name),
    ] {
        let error = mailbox_of(endpoint(url.parse().unwrap())).update_item(&small_update()).await.unwrap_err();
        assert!(matches!(error, EwsError::Connect { problem: is, .. } if is == problem), "{url}: {error:?}");
        assert_eq!((error.class(), error.may_have_taken_effect()), (ErrorClass::Hold, false));
        let host = url.split('/').nth(2).unwrap();
        assert_says(&error, &[host]);
    }
}

/// U11
#[test]
fn a_password_is_never_shown() {
    let endpoint = endpoint("http://mail.nordwind.example/EWS/Exchange.asmx".parse().unwrap());
    let client = Client::new(endpoint.clone()).unwrap();
    let shown = format!("{endpoint:?} {client:?} {:?}", client.mailbox(&anna()));
    let encoded = "c3ZjLXNpdUBub3Jkd2luZC5leGFtcGxlOnDDpHNzd29ydDogZ2VoZWlt";
    assert!(!shown.contains("geheim") && !shown.contains(encoded), "{shown}");
}

/// U11
#[test]
fn an_endpoint_that_would_give_the_password_away_is_refused() {
    let url = |url: &str| url.parse().unwrap();
    let with = |change: fn(&mut Endpoint), at: &str| {
        let mut endpoint = endpoint(url(at));
        change(&mut endpoint);
        Client::new(endpoint).map(|_| ()).unwrap_err()
    };
    let https = "https://mail.nordwind.example/EWS/Exchange.asmx";
    let error = with(|endpoint| endpoint.allow_unencrypted = false, "http://mail.nordwind.example/EWS/Exchange.asmx");
    assert!(matches!(error, ClientError::Unencrypted(_)) && error.to_string().contains("allow_unencrypted"), "{error}");
    for bad in ["ftp://mail/x", "file:///etc/passwd", "https://user:secret@mail/EWS/Exchange.asmx", "data:x"] {
        let error = with(|_| {}, bad);
        assert!(matches!(error, ClientError::Address(_)), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let basic = |user: &str| Credentials::Basic { user: user.to_owned(), password: "x".into() };
    for bad in ["", "a:b", "a\nb"] {
        let endpoint = Endpoint { credentials: basic(bad), ..endpoint(url(https)) };
        assert!(matches!(Client::new(endpoint), Err(ClientError::User(_))), "{bad:?}");
    }
    for bad in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
        let endpoint = Endpoint { extra_roots: vec![bad.to_owned()], ..endpoint(url(https)) };
        let error = Client::new(endpoint).map(|_| ()).unwrap_err();
        assert!(matches!(error, ClientError::ExtraRoot { number: 1, .. }), "{bad:?}: {error:?}");
    }
    assert!(matches!(with(|endpoint| endpoint.connections = 0, https), ClientError::NoConnections));
}
