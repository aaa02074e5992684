//! The processed message as the rest of the updater sees it.

use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/message"))
}

fn fixtures() -> Vec<(String, Bytes)> {
    let mut fixtures: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap().into()))
        .collect();
    fixtures.sort();
    assert!(fixtures.len() > 20, "the fixtures are missing");
    fixtures
}

fn fixture(name: &str) -> Bytes {
    std::fs::read(folder().join(name).with_extension("eml")).unwrap().into()
}

fn parse(raw: impl Into<Bytes>) -> ProcessedMessage {
    ProcessedMessage::parse(raw.into()).unwrap()
}

fn problem(raw: impl Into<Bytes>) -> MessageProblem {
    ProcessedMessage::parse(raw.into()).unwrap_err()
}

/// A message with some fields of its own beside those that every message needs.
fn message(fields: &str, body: &str) -> String {
    format!("From: anna@x.example\r\nMessage-ID: <1@x.example>\r\n{fields}\r\n{body}")
}

fn html(message: &ProcessedMessage) -> String {
    match message.body() {
        Body::Html(html) => html,
        other => panic!("the body is {other:?}"),
    }
}

fn plain(message: &ProcessedMessage) -> String {
    match message.body() {
        Body::Plain(text) => text,
        other => panic!("the body is {other:?}"),
    }
}

/// Everything that is read from a message, as a text.
fn summary(raw: &Bytes) -> String {
    let message = match ProcessedMessage::parse(raw.clone()) {
        Ok(message) => message,
        Err(problem) => return format!("can't be used: {problem}\n"),
    };
    let mut summary = String::new();
    let mut line = |text: String| writeln!(summary, "{text}").unwrap();
    line(format!("message-id  {}", message.message_id()));
    line(format!("from        {}", message.from()));
    line(format!("sender      {:?}", message.sender()));
    line(format!("subject     {}", message.subject()));
    line(format!("date        {:?}", message.date()));
    line(format!("class       {:?}", message.class()));
    for attachment in message.attachments() {
        line(format!(
            "attachment  {:?} {} {:?} id={:?} location={:?} inline={} {} bytes",
            attachment.name,
            attachment.content_type,
            attachment.kind,
            attachment.content_id,
            attachment.content_location,
            attachment.inline,
            attachment.decoded_len(&message)
        ));
    }
    match message.body() {
        Body::Html(html) => line(format!("html\n{}", html.replace('\r', ""))),
        Body::Plain(text) => line(format!("plain\n{}", text.replace('\r', ""))),
        Body::Empty => line("no body".to_owned()),
    }
    summary
}

/// U4, U7: messages as mail programs write them.
#[test]
fn messages_of_all_mail_programs_are_read() {
    insta::with_settings!({ snapshot_path => folder(), prepend_module_to_snapshot => false, omit_expression => true }, {
        for (name, raw) in fixtures() {
            insta::assert_snapshot!(name, summary(&raw));
        }
    });
}

/// U4: an independent reader finds the same contents.
#[test]
fn attachments_have_the_content_that_another_parser_decodes() {
    for (name, raw) in fixtures() {
        let Ok(message) = ProcessedMessage::parse(raw.clone()) else { continue };
        let other = mail_parser::MessageParser::default().parse(&raw).unwrap();
        for attachment in message.attachments().iter().filter(|attachment| attachment.kind == AttachmentKind::File) {
            let content = attachment.decoded(&message);
            assert!(other.parts.iter().any(|part| part.contents() == content.as_ref()), "{name}: {}", attachment.name);
            assert_eq!(content.len(), attachment.decoded_len(&message), "{name}: {}", attachment.name);
        }
    }
}

mod identity {
    use super::*;

    /// Bad input: what can't be used is refused with its reason.
    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(problem(""), MessageProblem::Empty);
        assert_eq!(problem("\r\n\r\n"), MessageProblem::Empty);
        assert_eq!(problem("\r\n\r\nHello"), MessageProblem::NotAMessage);
        assert_eq!(problem("Hello\nyou\n\nFrom: a@b\n"), MessageProblem::NotAMessage);
        assert_eq!(problem(vec![0; 5000]), MessageProblem::NotAMessage);
    }

    #[test]
    fn a_message_without_an_id_is_refused() {
        for id in ["", "Message-ID:\r\n", "Message-ID:  \r\n\t\r\n", "Message-ID: <>\r\n", "Message-ID: < >\r\n"] {
            assert_eq!(problem(format!("From: a@x.example\r\n{id}\r\ntext")), MessageProblem::NoMessageId, "{id:?}");
        }
    }

    #[test]
    fn several_different_ids_are_refused_and_equal_ones_are_one() {
        let with = |second: &str| format!("From: a@x.example\r\nMessage-ID: <1@x>\r\nMessage-Id: {second}\r\n\r\n");
        assert_eq!(problem(with("<2@x>")), MessageProblem::SeveralMessageIds);
        assert_eq!(parse(with(" <1@x> ")).message_id().as_str(), "<1@x>");
        assert_eq!(parse(with("")).message_id().as_str(), "<1@x>");
    }

    /// U3: broken ones are searched for as they are.
    #[test]
    fn an_id_is_kept_as_the_header_has_it() {
        for (written, kept) in [
            ("<1@x.example>", "<1@x.example>"),
            ("\r\n <1@x.example>", "<1@x.example>"),
            ("\t<1@x.example>  ", "<1@x.example>"),
            ("1@x.example", "1@x.example"),
            ("<no-at-sign>", "<no-at-sign>"),
            ("<\"two words\"@x.example>", "<\"two words\"@x.example>"),
            ("<two\r\n words@x.example>", "<two words@x.example>"),
            ("<1@x.example> (comment)", "<1@x.example> (comment)"),
            ("=?utf-8?Q?<1@x.example>?=", "=?utf-8?Q?<1@x.example>?="),
            ("<grüße@x.example>", "<grüße@x.example>"),
            ("<1\0@x.example>", "<1@x.example>"),
        ] {
            let raw = format!("From: a@x.example\r\nMESSAGE-ID:{written}\r\nTo: b@x.example\r\n\r\n");
            assert_eq!(parse(raw).message_id().as_str(), kept, "{written:?}");
        }
    }

    #[test]
    fn ids_of_attached_messages_do_not_count() {
        let raw = "From: a@x.example\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <1@x>\r\n\r\n";
        assert_eq!(problem(raw), MessageProblem::NoMessageId);
    }

    fn from(fields: &str) -> Result<(String, Option<String>), MessageProblem> {
        let message = ProcessedMessage::parse(format!("Message-ID: <1@x>\r\n{fields}\r\n").into())?;
        Ok((message.from().to_string(), message.sender().map(ToString::to_string)))
    }

    #[test]
    fn a_message_without_a_usable_from_is_refused() {
        assert_eq!(from(""), Err(MessageProblem::NoFrom));
        assert_eq!(from("From:\r\n"), Err(MessageProblem::NoFrom));
        assert_eq!(from("From: Anna Berg\r\n"), Err(MessageProblem::NoFrom));
        assert_eq!(from("Sender: a@x.example\r\n"), Err(MessageProblem::NoFrom));
        assert!(matches!(from("From: <anna>\r\n"), Err(MessageProblem::BadFrom(_))));
        assert_eq!(from("From: a@x.example, b@x.example\r\n"), Err(MessageProblem::SeveralFrom));
    }

    #[test]
    fn the_sender_is_told_apart_from_the_one_it_was_sent_for() {
        let some = |from: &str, sender: Option<&str>| Ok((from.to_owned(), sender.map(str::to_owned)));
        assert_eq!(from("From: A <a@x.example>\r\n"), some("a@x.example", None));
        assert_eq!(from("From: a@x.example\r\nSender: A@X.example\r\n"), some("a@x.example", None));
        assert_eq!(from("From: a@x.example\r\nSender: S <s@x.example>\r\n"), some("a@x.example", Some("s@x.example")));
        assert_eq!(from("From: a@x.example, b@x.example\r\nSender: b@x.example\r\n"), some("b@x.example", None));
        assert_eq!(
            from("From: a@x.example\r\nFrom: b@x.example\r\nSender: s@x.example\r\n"),
            some("s@x.example", None)
        );
        assert_eq!(from("From: a@x.example, A <A@x.example>\r\n"), some("a@x.example", None));
        assert_eq!(from("From: Team: a@x.example;\r\n"), some("a@x.example", None));
        assert_eq!(from("From: Jörg <jörg@bücher.example>\r\n"), some("jörg@bücher.example", None));
    }

    #[test]
    fn eight_bit_names_of_old_programs_do_no_harm() {
        let mut raw = b"Message-ID: <1@x>\r\nSubject: Gr\xfc\xdfe\r\nFrom: J\xf6rg <j@x.example>\r\n\r\n".to_vec();
        assert_eq!(parse(raw.clone()).subject(), "Grüße");
        assert_eq!(parse(raw.clone()).from().as_str(), "j@x.example");
        raw.splice(..0, *b"\r\n\r\n");
        assert_eq!(parse(raw).subject(), "Grüße", "empty lines in front");
    }

    #[test]
    fn the_subject_is_decoded_and_in_one_line() {
        let subject = |written: &str| parse(message(&format!("Subject:{written}\r\n"), "")).subject().to_owned();
        assert_eq!(subject(" one\r\n\ttwo"), "one\ttwo");
        assert_eq!(subject(" =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?Q?_Anna?="), "Grüße Anna");
        assert_eq!(subject(""), "");
        assert_eq!(parse(message("", "")).subject(), "");
    }

    #[test]
    fn the_date_is_read_as_programs_write_it() {
        let date =
            |written: &str| parse(message(&format!("Date: {written}\r\n"), "")).date().map(|date| date.to_string());
        let expected = Some("2023-12-20T08:00:00Z".to_owned());
        assert_eq!(date("Wed, 20 Dec 2023 09:00:00 +0100"), expected);
        assert_eq!(date("20 Dec 2023 08:00 GMT"), expected);
        assert_eq!(date("Wed, 20 Dec 2023 00:00:00 -0800 (PST)"), expected);
        assert_eq!(date("yesterday"), None);
        assert_eq!(date("Wed, 99 Foo 99999999999999999999 99:99:99 +9999"), None);
    }

    #[test]
    fn garbage_in_the_header_is_passed_over() {
        let raw = "From anna@x.example Wed Dec 20 09:00:00 2023\nMessage-ID: <1@x>\n garbage \u{1}\nmore garbage\nFrom : \
                   a@x.example\nSubject: S\n\nbody";
        let message = parse(raw.replace(" garbage \u{1}\n", ""));
        assert_eq!((message.from().as_str(), message.subject()), ("a@x.example", "S"));
    }
}

mod digest {
    use super::*;

    fn of(raw: impl Into<Bytes>) -> Digest {
        *parse(raw).digest()
    }

    /// The same processed message submitted twice is one job.
    #[test]
    fn a_message_that_a_relay_hands_over_twice_has_one_digest() {
        let raw = message("Subject: S\r\n", "text\r\n");
        let first = of(raw.clone());
        for trace in [
            "Received: from a by b;\r\n\tWed, 20 Dec 2023 09:00:00 +0100\r\n",
            "Return-Path: <a@x.example>\r\nX-Original-To: b@x.example\r\nDelivered-To: b@x.example\r\nReceived: by b\r\n",
            "Authentication-Results: x; dkim=pass\r\nDKIM-Signature: v=1; t=2\r\n",
        ] {
            assert_eq!(of(format!("{trace}{raw}")), first, "{trace}");
        }
        assert_eq!(of(raw.replace("\r\n", "\n")), first);
        assert_eq!(of(raw.replace("\r\n", "\r")), first);
        assert_eq!(of(raw.trim_end().to_owned()), first);
        assert_eq!(of(format!("\r\n{raw}\r\n\r\n")), first);
    }

    #[test]
    fn messages_that_differ_in_anything_else_have_different_digests() {
        let raw = message("Subject: S\r\n", "text\r\n");
        let first = of(raw.clone());
        assert_ne!(of(raw.replace("text", "texts")), first);
        assert_ne!(of(raw.replace("Subject: S", "Subject: T")), first);
        assert_ne!(of(raw.replace("text", "te\r\nxt")), first);
        assert_ne!(of(format!("X-Copy: 2\r\n{raw}")), first);
        // A trace field further down is content: somebody wrote it.
        assert_ne!(of(raw.replace("Subject", "Received: x\r\nSubject")), first);
    }

    #[test]
    fn a_digest_is_written_and_read_as_hexadecimal_digits() {
        let digest = of(message("", ""));
        let text = digest.to_string();
        assert_eq!(text.len(), 64);
        assert_eq!(text.parse(), Ok(digest));
        assert_eq!(text.to_uppercase().parse(), Ok(digest));
        assert_eq!(text[1..].parse::<Digest>(), Err(DigestError));
        assert_eq!("g".repeat(64).parse::<Digest>(), Err(DigestError));
        assert_eq!(Digest::from(*digest.as_bytes()), digest);
    }
}

mod body {
    use super::*;

    fn html_message(charset: &str, bytes: &[u8]) -> ProcessedMessage {
        let fields = format!("Content-Type: text/html{charset}\r\nContent-Transfer-Encoding: 8bit\r\n");
        let mut raw = message(&fields, "").into_bytes();
        raw.extend_from_slice(bytes);
        parse(raw)
    }

    #[test]
    fn header_and_document_may_disagree_about_the_charset() {
        let latin = b"<meta charset=iso-8859-1>\xfc";
        let utf_8 = "<meta charset=iso-8859-1>ü".as_bytes();
        for (charset, bytes) in [
            ("", latin.as_slice()),
            ("; charset=windows-1252", latin),
            ("; charset=us-ascii", latin),
            ("; charset=no-such", latin),
            ("; charset=utf-8", utf_8),
            // The header is wrong, the document shows it.
            ("; charset=utf-8", latin),
        ] {
            assert_eq!(html(&html_message(charset, bytes)), "<meta charset=iso-8859-1>ü", "{charset}");
        }
        assert_eq!(html(&html_message("", "ü".as_bytes())), "ü");
        assert_eq!(html(&html_message("; charset=utf-16", b"\xff\xfe<\0b\0>\0\xfc\0")), "<b>ü");
    }

    #[test]
    fn plain_text_has_its_lines_ended_as_exchange_does() {
        for written in ["one\r\ntwo\r\n", "one\ntwo\n"] {
            assert_eq!(plain(&parse(message("", written))), "one\r\ntwo\r\n");
        }
        assert_eq!(plain(&parse(message("Content-Type: nonsense\r\n", "one"))), "one");
    }

    #[test]
    fn a_message_without_any_text_has_no_body() {
        let message = parse(message("Content-Type: application/pdf; name=a.pdf\r\n", "%PDF"));
        assert_eq!(message.body(), Body::Empty);
        assert_eq!(message.attachments()[0].name, "a.pdf");
    }

    fn multipart(kind: &str, parts: &[&str]) -> String {
        let parts: String = parts.iter().map(|part| format!("--{kind}\r\n{part}\r\n")).collect();
        format!("Content-Type: multipart/{kind}; boundary={kind}\r\n\r\n{parts}--{kind}--")
    }

    fn read(root: &str) -> ProcessedMessage {
        parse(format!("From: anna@x.example\r\nMessage-ID: <1@x.example>\r\n{root}\r\n"))
    }

    const PLAIN: &str = "\r\nplain";
    const HTML: &str = "Content-Type: text/html\r\n\r\n<body>html</body>";
    const FOOTER: &str = "Content-Type: text/plain\r\nContent-Disposition: inline\r\n\r\nfoot & er";
    const FILE: &str =
        "Content-Type: text/plain; name=notes.txt\r\nContent-Disposition: attachment; filename=notes.txt\r\n\r\nnotes";

    fn names(message: &ProcessedMessage) -> Vec<&str> {
        message.attachments().iter().map(|attachment| attachment.name.as_str()).collect()
    }

    #[test]
    fn html_is_preferred_wherever_it_stands() {
        for parts in [[PLAIN, HTML], [HTML, PLAIN]] {
            let message = read(&multipart("alternative", &parts));
            assert_eq!(html(&message), "<body>html</body>");
            assert_eq!(names(&message), [""; 0]);
        }
        let nested = multipart("alternative", &[PLAIN, &multipart("related", &[HTML])]);
        assert_eq!(html(&read(&multipart("mixed", &[&nested, FILE]))), "<body>html</body>");
    }

    /// U4: the footer is what the recipients got.
    #[test]
    fn a_footer_in_a_part_of_its_own_is_joined_to_the_text() {
        let message = read(&multipart("mixed", &[&multipart("alternative", &[PLAIN, HTML]), FILE, FOOTER]));
        assert_eq!(html(&message), "<body>html<div class=\"PlainText\">foot &amp; er</div>\r\n</body>");
        assert_eq!(names(&message), ["notes.txt"]);
        assert_eq!(plain(&read(&multipart("mixed", &[PLAIN, FOOTER]))), "plain\r\nfoot & er");
    }

    #[test]
    fn texts_that_are_files_are_attachments() {
        let named = "Content-Type: text/html; name=page.html\r\n\r\n<p>page";
        let message = read(&multipart("mixed", &[PLAIN, named, FILE]));
        assert_eq!(plain(&message), "plain");
        assert_eq!(names(&message), ["page.html", "notes.txt"]);
        // A body that has a name is the body all the same, if it comes first.
        assert_eq!(html(&read(&multipart("mixed", &[named, FILE]))), "<p>page");
        assert_eq!(read(&multipart("mixed", &[FILE])).body(), Body::Empty);
    }

    #[test]
    fn files_in_the_form_that_is_not_shown_are_not_lost() {
        let message = read(&multipart("alternative", &[&multipart("mixed", &[PLAIN, FILE]), HTML]));
        assert_eq!(html(&message), "<body>html</body>");
        assert_eq!(names(&message), ["notes.txt"]);
    }

    #[test]
    fn the_root_of_related_parts_is_the_one_that_is_named() {
        let other = "Content-Type: text/html\r\nContent-ID: <root@x>\r\n\r\n<p>root";
        let related = multipart("related", &[HTML, other]).replacen("related;", "related; start=\"<root@x>\";", 1);
        let message = read(&related);
        assert_eq!(html(&message), "<p>root");
        assert_eq!(names(&message), ["ATT00001.htm"]);
    }

    #[test]
    fn an_image_alone_is_an_attachment_even_from_apple() {
        let image = "Content-Type: image/png\r\nContent-Disposition: inline\r\n\r\npng";
        let message = read(&format!("X-Mailer: Apple Mail\r\n{}", multipart("mixed", &[image])));
        assert_eq!(message.body(), Body::Empty);
        assert_eq!(names(&message), ["ATT00001.png"]);
    }

    #[test]
    fn a_truncated_message_shows_what_is_there() {
        let whole = multipart("mixed", &[HTML, FILE]);
        let message = read(&whole[..whole.find("notes.txt").unwrap()]);
        assert_eq!(html(&message), "<body>html</body>");
    }
}

mod attached {
    use super::*;

    fn attachments(parts: &str) -> (ProcessedMessage, Vec<Attachment>) {
        let fields = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n";
        let message = parse(message(fields, &format!("{parts}--b--\r\n")));
        let attachments = message.attachments().to_vec();
        (message, attachments)
    }

    fn name(part: &str) -> String {
        attachments(&format!("--b\r\n{part}\r\n")).1[0].name.clone()
    }

    #[test]
    fn every_attachment_has_a_name() {
        assert_eq!(name("Content-Type: application/pdf\r\n\r\nx"), "ATT00001.pdf");
        assert_eq!(name("Content-Type: image/x-odd\r\n\r\nx"), "ATT00001.img");
        assert_eq!(name("Content-Type: application/x-odd; name=\" \"\r\n\r\nx"), "ATT00001.dat");
        assert_eq!(
            name("Content-Type: image/png\r\nContent-Location: http://x.example/a/logo.png\r\n\r\nx"),
            "logo.png"
        );
        assert_eq!(name("Content-Type: application/pdf; name=\"C:\\Temp\\a.pdf\"\r\n\r\nx"), "a.pdf");
        assert_eq!(name("Content-Type: application/pdf; name=\"3/4.pdf\"\r\n\r\nx"), "3/4.pdf");
        assert_eq!(name("Content-Type: message/rfc822\r\n\r\nSubject: =?utf-8?Q?=C3=A4?=\r\n\r\n"), "ä");
        assert_eq!(name("Content-Type: message/rfc822\r\n\r\nFrom: a@x.example\r\n\r\n"), "ATT00001.eml");
        let two = "--b\r\nContent-Type: image/gif\r\n\r\nx\r\n--b\r\nContent-Type: image/gif\r\n\r\ny\r\n";
        let names: Vec<_> = attachments(two).1.into_iter().map(|attachment| attachment.name).collect();
        assert_eq!(names, ["ATT00001.gif", "ATT00002.gif"]);
    }

    #[test]
    fn an_attached_message_stays_as_it_is() {
        let inner = "Subject: one\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\ntext\r\n--i--";
        let (message, attachments) = attachments(&format!("--b\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n"));
        assert_eq!(attachments.len(), 1);
        assert_eq!(attachments[0].kind, AttachmentKind::Message);
        let content = attachments[0].decoded(&message);
        assert!(matches!(content, std::borrow::Cow::Borrowed(_)), "it is not copied");
        assert_eq!(content.as_ref(), inner.as_bytes());
    }

    #[test]
    fn what_the_html_refers_to_is_inline() {
        let parts = "--b\r\nContent-Type: text/html\r\n\r\n<img src=\"cid:a%40x\"><img src='logo.png'>\r\n\
                     --b\r\nContent-Type: image/png; name=a.png\r\nContent-ID: <a@x>\r\n\r\nx\r\n\
                     --b\r\nContent-Type: image/png; name=b.png\r\nContent-ID: <b@x>\r\n\r\nx\r\n\
                     --b\r\nContent-Type: image/png; name=c.png\r\nContent-ID: <c@x>\r\nContent-Disposition: inline\r\n\r\nx\r\n\
                     --b\r\nContent-Type: image/png; name=d.png\r\nContent-Disposition: inline\r\n\r\nx\r\n\
                     --b\r\nContent-Type: image/png\r\nContent-Location: logo.png\r\n\r\nx\r\n";
        let inline: Vec<_> = attachments(parts).1.into_iter().map(|found| (found.name, found.inline)).collect();
        let expected = [("a.png", true), ("b.png", false), ("c.png", true), ("d.png", false), ("logo.png", true)];
        assert_eq!(inline, expected.map(|(name, inline)| (name.to_owned(), inline)));
    }

    #[test]
    fn base64_garbage_is_an_attachment_of_what_can_be_decoded() {
        let (message, attachments) = attachments(
            "--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!Not*base64...\0\r\n",
        );
        assert_eq!(attachments[0].decoded(&message).len(), attachments[0].decoded_len(&message));
    }
}

mod class {
    use super::*;

    fn class(fields: &str, body: &str) -> MessageClass {
        parse(message(fields, body)).class()
    }

    /// U7
    #[test]
    fn a_file_that_only_looks_like_one_of_the_classes_changes_nothing() {
        let with = |part: &str| {
            class(
                "Content-Type: multipart/mixed; boundary=b\r\n",
                &format!(
                    "--b\r\n\r\ntext\r\n--b\r\n{part}\r\nContent-Disposition: attachment; filename=f\r\n\r\nx\r\n--b--"
                ),
            )
        };
        assert_eq!(with("Content-Type: application/pkcs7-mime; name=invoice.xml.p7m"), MessageClass::Normal);
        assert_eq!(with("Content-Type: text/calendar; method=REQUEST"), MessageClass::Normal);
        assert_eq!(with("Content-Type: message/rfc822"), MessageClass::Normal);
        assert_eq!(class("", "He wrote:\r\n> -----BEGIN PGP MESSAGE-----"), MessageClass::Normal);
    }

    /// U7: what can't be told apart is treated as the more delicate.
    #[test]
    fn pkcs7_is_told_apart_by_its_type_or_its_content() {
        let pkcs7 = |parameters: &str, content: &[u8]| {
            use base64::Engine as _;
            let content = base64::engine::general_purpose::STANDARD.encode(content);
            class(
                &format!("Content-Type: application/pkcs7-mime{parameters}\r\nContent-Transfer-Encoding: base64\r\n"),
                &content,
            )
        };
        let signed = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0";
        let enveloped = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0";
        assert_eq!(pkcs7("; smime-type=signed-data", b""), MessageClass::SmimeSignedOpaque);
        assert_eq!(pkcs7("; smime-type=certs-only", b""), MessageClass::SmimeSignedOpaque);
        assert_eq!(pkcs7("; smime-type=enveloped-data", signed), MessageClass::SmimeEncrypted);
        assert_eq!(pkcs7("; smime-type=authEnveloped-data", b""), MessageClass::SmimeEncrypted);
        assert_eq!(pkcs7("", signed), MessageClass::SmimeSignedOpaque);
        assert_eq!(pkcs7("", enveloped), MessageClass::SmimeEncrypted);
        assert_eq!(pkcs7("", b"garbage"), MessageClass::SmimeEncrypted);
        let by_name = "Content-Type: application/octet-stream; name=smime.p7m\r\n";
        assert_eq!(class(by_name, "x"), MessageClass::SmimeEncrypted);
    }

    #[test]
    fn a_gateway_s_wrapping_does_not_hide_what_is_inside() {
        let wrapped = |part: &str| {
            class(
                "Content-Type: multipart/mixed; boundary=b\r\n",
                &format!("--b\r\n{part}\r\n--b\r\n\r\nfooter\r\n--b--\r\n"),
            )
        };
        let signed = "Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\ntext\r\n--s\r\nContent-Type: \
                      application/pgp-signature\r\n\r\nx\r\n--s--";
        assert_eq!(wrapped(signed), MessageClass::SmimeSignedClear);
        assert_eq!(wrapped("Content-Type: application/pkcs7-mime\r\n\r\nx"), MessageClass::SmimeEncrypted);
        assert_eq!(wrapped("\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n"), MessageClass::SmimeEncrypted);
        assert_eq!(wrapped("\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n"), MessageClass::SmimeSignedClear);
        assert_eq!(wrapped("Content-Type: application/octet-stream; name=WINMAIL.DAT\r\n\r\nx"), MessageClass::Tnef);
        assert_eq!(wrapped("Content-Type: text/calendar; method=REPLY\r\n\r\nx"), MessageClass::Calendar);
    }

    #[test]
    fn the_server_s_own_word_counts() {
        assert_eq!(class("Content-Class: RPMSG.Message\r\n", ""), MessageClass::RightsProtected);
        assert_eq!(class("Content-Class: urn:content-classes:calendarmessage\r\n", ""), MessageClass::Calendar);
        assert_eq!(class("Content-Class: urn:content-classes:message\r\n", ""), MessageClass::Normal);
        assert_eq!(class("Content-Type: text/calendar\r\n", ""), MessageClass::Calendar);
    }
}

mod journal {
    use super::*;

    /// U2
    #[test]
    fn the_message_in_a_report_is_the_one_that_was_journaled() {
        let messages = journaled(&fixture("journal-report")).unwrap().unwrap();
        assert_eq!(messages.len(), 1);
        let message = parse(messages[0].clone());
        assert_eq!(message.message_id().as_str(), "<journaled-1@nordwind.example>");
        assert!(html(&message).contains("siu-signature"));
        let ndr = journaled(&fixture("journal-report-of-ndr")).unwrap().unwrap();
        assert_eq!(parse(ndr[0].clone()).class(), MessageClass::Report);
    }

    #[test]
    fn other_messages_are_no_journal_reports() {
        for (name, raw) in fixtures() {
            assert_eq!(journaled(&raw).is_some(), name.starts_with("journal-"), "{name}");
        }
    }

    fn report(parts: &[&str]) -> Bytes {
        let parts: String = parts.iter().map(|part| format!("--b\r\n{part}\r\n")).collect();
        let fields = "X-MS-Journal-Report: \r\nContent-Type: multipart/mixed; boundary=b\r\n";
        message(fields, &format!("{parts}--b--\r\n")).into()
    }

    #[test]
    fn a_broken_report_says_what_is_wrong_with_it() {
        let text = "Content-Type: text/plain\r\n\r\nSender: a@x.example";
        let empty = "Content-Type: message/rfc822\r\n\r\n";
        for parts in [&[][..], &[text], &[text, empty]] {
            assert_eq!(journaled(&report(parts)), Some(Err(JournalProblem::NoMessage)), "{parts:?}");
        }
        let inner = String::from_utf8(report(&[text]).to_vec()).unwrap();
        let nested = report(&[text, &format!("Content-Type: message/rfc822\r\n\r\n{inner}")]);
        assert_eq!(journaled(&nested), Some(Err(JournalProblem::Nested)));
        assert_eq!(problem(nested), MessageProblem::JournalReport(JournalProblem::Nested));
        assert_eq!(problem(fixture("journal-report")), MessageProblem::JournalReport(JournalProblem::Packed));
    }

    #[test]
    fn an_encoded_message_is_decoded() {
        use base64::Engine as _;
        let inner = message("Subject: S\r\n", "text");
        let encoded = base64::engine::general_purpose::STANDARD.encode(&inner);
        let part = format!("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}");
        assert_eq!(journaled(&report(&[&part])), Some(Ok(vec![inner.into()])));
    }

    /// U7: the decrypted copy would put the text in clear into Sent Items.
    #[test]
    fn of_a_protected_message_and_its_decrypted_copy_only_the_protected_one_counts() {
        let clear = message("", "secret");
        let protected = message("Content-Class: rpmsg.message\r\n", "x");
        let other = message("", "text").replace("<1@", "<2@");
        let parts = [&clear, &protected, &other].map(|inner| format!("Content-Type: message/rfc822\r\n\r\n{inner}"));
        let messages = journaled(&report(&parts.each_ref().map(String::as_str))).unwrap().unwrap();
        assert_eq!(messages, [protected, other]);
    }
}

mod malformed {
    use super::*;

    /// Looks at everything that a message has.
    fn look(raw: Vec<u8>) {
        let raw = Bytes::from(raw);
        if let Some(Ok(messages)) = journaled(&raw) {
            for message in messages {
                look(message.to_vec());
            }
        }
        let Ok(message) = ProcessedMessage::parse(raw) else { return };
        let _ = (message.body(), message.class(), message.date(), message.subject());
        for attachment in message.attachments() {
            assert!(!attachment.name.is_empty());
            assert_eq!(attachment.decoded(&message).len(), attachment.decoded_len(&message));
        }
    }

    #[test]
    fn a_header_of_any_size_is_read() {
        let many = "X-Filler: x\r\n".repeat(100_000);
        assert_eq!(parse(message(&many, "")).from().as_str(), "anna@x.example");
        let long = format!("Subject: {}\r\n", "x".repeat(10_000_000));
        assert!(parse(message(&long, "")).subject().len() < 100_000);
    }

    #[test]
    fn a_message_cut_anywhere_is_read() {
        for (_, raw) in fixtures() {
            for end in (0..raw.len()).step_by(7) {
                look(raw[..end].to_vec());
            }
        }
    }

    /// Bad input: nothing that a stranger writes keeps a processor busy for long.
    #[test]
    fn hostile_messages_take_no_longer_than_large_ones() {
        let times = |text: &str, bytes: usize| text.repeat(bytes / text.len());
        let html = |text: &str| {
            let related = "Content-Type: multipart/mixed; boundary=b\r\n";
            let parts = "--b\r\nContent-Type: image/png\r\nContent-ID: <x>\r\nContent-Location: y\r\n\r\n\r\n--b\r\n";
            message(related, &format!("{parts}Content-Type: text/html\r\n\r\n{text}\r\n{parts}\r\n<p>two"))
        };
        let multipart = "Content-Type: multipart/mixed; boundary=b\r\n";
        let hostile = [
            message(&format!("Subject: {}\r\n", times("=?a?Q?", 60_000)).repeat(30), ""),
            message(&format!("From: {}\r\n", (0..8000).map(|n| format!("{n}@x,")).collect::<String>()).repeat(30), ""),
            message(&format!("Content-Type: a/b{}\r\n", times(";a=b", 60_000)).repeat(30), ""),
            message(multipart, &format!("--b\r\nContent-Type: a/b{}\r\n\r\n", times(";a*0=b", 60_000)).repeat(50)),
            message(multipart, &times("--\n", 3_000_000)),
            message(multipart, &times("--b\nContent-Type: multipart/alternative; boundary=b\n\n", 3_000_000)),
            html(&times("<a b=\">\" ", 3_000_000)),
            html(&(times("<a b=\">\" ", 3_000_000) + "c=\"")),
            html(&times("<!--", 3_000_000)),
            html(&times("<style>", 3_000_000)),
            html(&times("<a b='x\" c=\"y' ", 3_000_000)),
            html(&times("cid:", 3_000_000)),
            message("Content-Type: text/plain; format=flowed\r\n", &times("> \n", 3_000_000)),
        ];
        for (number, raw) in hostile.into_iter().enumerate() {
            let start = std::time::Instant::now();
            look(raw.into_bytes());
            assert!(start.elapsed().as_secs() < 20, "message {number} took {:?}", start.elapsed());
        }
    }

    fn words() -> impl Strategy<Value = Vec<u8>> {
        let words: Vec<&[u8]> = vec![
            b"\r\n",
            b"\n",
            b"\r",
            b"\r\n\r\n",
            b"\r\n--b",
            b"\r\n--b--",
            b"\r\n--c\r\n",
            b": ",
            b";",
            b"=",
            b"\"",
            b"<",
            b">",
            b"\0",
            b"\xff\xfe",
            b"From: a@x.example\r\n",
            b"Message-ID: <1@x>\r\n",
            b"X-MS-Journal-Report:\r\n",
            b"Sender: b@x.example\r\n",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
            b"Content-Type: multipart/alternative; boundary=c\r\n\r\n",
            b"Content-Type: multipart/related; boundary=b; start=x\r\n\r\n",
            b"Content-Type: message/rfc822\r\n\r\n",
            b"Content-Type: text/html; charset=iso-2022-jp\r\n",
            b"Content-Type: text/plain; format=flowed; delsp=yes\r\n",
            b"Content-Transfer-Encoding: base64\r\n\r\n",
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n",
            b"Content-ID: <a@x>\r\n",
            b"Content-Disposition: inline; filename*0*=utf-8''%e4\r\n",
            b"<body><img src=cid:a@x>",
            b"</body>",
            b"X-Mailer: Apple Mail\r\n",
            b"Content-Type: image/png\r\n\r\n",
            b"Date: Wed, 20 Dec 2023 09:00:00 +0100\r\n",
            b"=?utf-8?Q?=C3?=",
            b"begin",
            b"=",
            b"\xc3\xa4",
        ];
        prop::collection::vec(prop::sample::select(words), 0..60).prop_map(|words| words.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn any_bytes_can_be_looked_at(raw in prop::collection::vec(any::<u8>(), 0..2000)) {
            look(raw);
        }

        #[test]
        fn pieces_of_messages_in_any_order_can_be_looked_at(raw in words()) {
            let mut whole = b"From: a@x.example\r\nMessage-ID: <1@x>\r\n".to_vec();
            whole.extend_from_slice(&raw);
            look(raw);
            look(whole);
        }

        #[test]
        fn a_real_message_with_bytes_changed_can_be_looked_at(
            which in any::<prop::sample::Index>(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..20),
        ) {
            let fixtures = fixtures();
            let mut raw = which.get(&fixtures).1.to_vec();
            for (at, byte, what) in changes {
                let at = at.index(raw.len());
                match what {
                    0 => raw[at] = byte,
                    1 => drop(raw.remove(at)),
                    _ => raw.insert(at, byte),
                }
            }
            look(raw);
        }
    }
}
