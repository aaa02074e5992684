//! The messages of the table: as the client stored them, and as the server program left them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sent_items_update::pipe::types::Rule;

pub struct Row {
    pub message: &'static str,
    pub change: &'static str,
    pub original: Bytes,
    pub processed: Bytes,
    pub ends: Ends,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ends {
    /// The copy is what the recipient got.
    Shown,
    /// Here recipients' programs differ, or the product goes further than Exchange; this text is shown.
    ShownAs(&'static str),
    LeftAlone(Rule),
}

use Ends::{LeftAlone, Shown, ShownAs};

/// A message so far: fields of its own, and content with lines that end as they should.
struct Mime {
    subject: &'static str,
    fields: &'static str,
    body: Vec<u8>,
}

fn mime(fields: &'static str, body: impl AsRef<[u8]>) -> Mime {
    Mime { subject: "Offer for the north park", fields, body: body.as_ref().to_vec() }
}

impl Mime {
    fn subject(self, subject: &'static str) -> Self {
        Self { subject, ..self }
    }

    fn bytes(&self, number: usize) -> Bytes {
        let head = format!(
            "From: Anna Bergstroem <anna.bergstroem@nordwind.example>\nTo: Jonas <jonas.weber@nordwind.example>\n\
             Subject: {}\nMessage-ID: <row-{number}@nordwind.example>\nDate: Tue, 24 Nov 2026 10:00:00 +0100\n\
             MIME-Version: 1.0\n{}\n\n",
            self.subject, self.fields
        );
        let mut all = head.into_bytes();
        all.extend_from_slice(&self.body);
        let mut lines = Vec::with_capacity(all.len() + 200);
        for (at, byte) in all.iter().enumerate() {
            if *byte == b'\n' && (at == 0 || all[at - 1] != b'\r') {
                lines.push(b'\r');
            }
            lines.push(*byte);
        }
        lines.into()
    }
}

const HTML: &str = "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit";
const PLAIN: &str = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit";
const MIXED: &str = "Content-Type: multipart/mixed; boundary=m";
const RELATED: &str = "Content-Type: multipart/related; type=\"text/html\"; boundary=r";
const ALTERNATIVE: &str = "Content-Type: multipart/alternative; boundary=a";
const SIGNATURE: &str = "<p>Anna Bergström<br>Nordwind AG, Kiel</p>";

fn html(text: &str) -> Mime {
    mime(HTML, format!("<html><body><p>Grüße</p>{text}</body></html>\n"))
}

fn plain(text: &str) -> Mime {
    mime(PLAIN, format!("Grüße\n{text}"))
}

fn base64(content: &[u8]) -> String {
    let text = STANDARD.encode(content);
    text.as_bytes().chunks(76).map(|line| format!("{}\n", std::str::from_utf8(line).unwrap())).collect()
}

fn image(content_id: &str, content: &[u8]) -> String {
    format!(
        "--r\nContent-Type: image/png; name=\"{content_id}.png\"\nContent-ID: <{content_id}>\n\
         Content-Disposition: inline; filename=\"{content_id}.png\"\nContent-Transfer-Encoding: base64\n\n{}",
        base64(content)
    )
}

fn related(text: &str, images: &[String]) -> Mime {
    let document = format!("--r\n{HTML}\n\n<html><body><p>Grüße</p>{text}</body></html>\n");
    mime(RELATED, format!("{document}{}--r--\n", images.concat()))
}

/// A name as it stands in the header, and the content.
fn file(disposition: &str, content: &[u8]) -> String {
    format!(
        "--m\nContent-Type: application/octet-stream\nContent-Disposition: attachment; {disposition}\n\
         Content-Transfer-Encoding: base64\n\n{}",
        base64(content)
    )
}

fn with_files(text: &str, files: &[String]) -> Mime {
    let document = format!("--m\n{HTML}\n\n<html><body><p>Grüße</p>{text}</body></html>\n");
    mime(MIXED, format!("{document}{}--m--\n", files.concat()))
}

fn attached_message(text: &str) -> String {
    format!(
        "--m\nContent-Type: message/rfc822\nContent-Disposition: attachment\n\nFrom: customer@kunde.example\n\
         To: anna.bergstroem@nordwind.example\nSubject: Our question\nMessage-ID: <question@kunde.example>\n\
         Date: Mon, 23 Nov 2026 09:00:00 +0100\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
    )
}

fn alternative(plain: &str, html: &str) -> Mime {
    mime(
        ALTERNATIVE,
        format!("--a\n{PLAIN}\n\nGrüße\n{plain}\n--a\n{HTML}\n\n<html><body><p>Grüße</p>{html}</body></html>\n--a--\n"),
    )
}

fn parts(kind: &'static str, parts: &[&str]) -> Mime {
    mime(kind, format!("{}--m--\n", parts.iter().map(|part| format!("--m\n{part}\n")).collect::<String>()))
}

const CLEAR: &str =
    "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=m";
const SIGNED_TEXT: &str = "Content-Type: text/plain; charset=us-ascii\n\nHello";
const P7S: &str = "Content-Type: application/pkcs7-signature; name=smime.p7s\nContent-Transfer-Encoding: base64\n\n\
     MIIBBgYJKoZIhvcNAQcCoIH4MIH1AgEB";
const OPAQUE: &str = "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\n\
     Content-Disposition: attachment; filename=smime.p7m\nContent-Transfer-Encoding: base64";
const ENCRYPTED: &str = "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\
     Content-Disposition: attachment; filename=smime.p7m\nContent-Transfer-Encoding: base64";
const P7M: &str = "MIIBBgYJKoZIhvcNAQcCoIH4MIH1AgEB\n";

fn rights_protected(text: &str) -> Mime {
    let text = format!("{PLAIN}\n\nThis message is protected.\n{text}");
    let rpmsg = "Content-Type: application/x-microsoft-rpmsg-message; name=message.rpmsg\n\
         Content-Disposition: attachment; filename=message.rpmsg\nContent-Transfer-Encoding: base64\n\ndugEYMQAAAA=";
    let mut mime = parts(MIXED, &[&text, rpmsg]);
    mime.fields = "Content-Class: rpmsg.message\nContent-Type: multipart/mixed; boundary=m";
    mime
}

fn calendar(method: &str, text: &str) -> Mime {
    let fields = match method {
        "REQUEST" => {
            "Content-Type: multipart/alternative; boundary=m\nContent-Class: urn:content-classes:calendarmessage"
        }
        _ => "Content-Type: multipart/alternative; boundary=m",
    };
    let text = format!("{PLAIN}\n\nThe north park\n{text}");
    let event = format!(
        "Content-Type: text/calendar; charset=utf-8; method={method}\n\nBEGIN:VCALENDAR\nPRODID:x\nVERSION:2.0\n\
         METHOD:{method}\nBEGIN:VEVENT\nUID:1@nordwind.example\nDTSTAMP:20261124T090000Z\nDTSTART:20261201T090000Z\n\
         DTEND:20261201T100000Z\nSUMMARY:The north park\nEND:VEVENT\nEND:VCALENDAR"
    );
    parts(fields, &[&text, &event])
}

fn report(kind: &'static str, text: &str, machine: &str) -> Mime {
    let text = format!("{PLAIN}\n\nIt was displayed.\n{text}");
    parts(kind, &[&text, machine])
}

const READ: &str = "Content-Type: multipart/report; report-type=disposition-notification; boundary=m";
const READ_MACHINE: &str = "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;anna@nordwind.example\n\
     Original-Message-ID: <1@kunde.example>\nDisposition: manual-action/MDN-sent-automatically; displayed\n";
const DELIVERY: &str = "Content-Type: multipart/report; report-type=delivery-status; boundary=m";
const DELIVERY_MACHINE: &str = "Content-Type: message/delivery-status\n\nReporting-MTA: dns;mail.nordwind.example\n\n\
     Final-Recipient: rfc822;nobody@kunde.example\nAction: failed\nStatus: 5.1.1\n";

const OUTLOOK: &str = "<html xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns:o=\"urn:schemas-microsoft-com:office:office\">\
     <head><!--[if !mso]><style>v\\:* {behavior:url(#default#VML);}</style><![endif]-->\
     <style><!-- p.MsoNormal {margin:0cm; font-family:\"Calibri\",sans-serif;} --></style>\
     <!--[if gte mso 9]><xml><o:shapedefaults v:ext=\"edit\" spidmax=\"1026\" /></xml><![endif]--></head>\
     <body lang=\"DE\"><div class=\"WordSection1\"><p class=\"MsoNormal\">Guten Tag<o:p></o:p></p>\
     <!--[if gte vml 1]><v:shape id=\"x\" style='width:10pt'><v:imagedata src=\"cid:x@n\" /></v:shape><![endif]-->\
     <![if !vml]><span>-</span><![endif]>";

fn outlook(more: &str) -> Mime {
    mime(HTML, format!("{OUTLOOK}{more}</div></body></html>\n"))
}

/// Text in another charset; `fields` name it.
fn coded(fields: &'static str, bytes: Vec<u8>) -> Mime {
    mime(fields, bytes)
}

fn encoded(label: &str, text: &str) -> Vec<u8> {
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
    let (bytes, _, unmappable) = encoding.encode(text);
    assert!(!unmappable, "{text} in {label}");
    bytes.into_owned()
}

fn utf16(text: &str) -> Vec<u8> {
    let bytes: Vec<u8> = [0xFEFF_u16].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    base64(&bytes).into_bytes()
}

fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in bytes {
        match byte {
            b'=' | 0x80.. => out.extend_from_slice(format!("={byte:02X}").as_bytes()),
            _ => out.push(*byte),
        }
    }
    out
}

/// Lines as mail programs write them.
fn long(text: &str, bytes: usize) -> String {
    let line = "<p>Nordwind baut Windräder, und zwar viele davon, an der Küste und auf See.</p>\n";
    format!("{}{text}", line.repeat(bytes / line.len()))
}

const LOGO: &[u8] = b"\x89PNG\r\n\x1a\n logo of today";
const OLD_LOGO: &[u8] = b"\x89PNG\r\n\x1a\n logo of then!";

#[allow(clippy::too_many_lines, reason = "it is a table")]
pub fn all() -> Vec<Row> {
    let cid = "<img src=\"cid:logo@n\">";
    let footer = "-- \nNordwind AG, Kiel\n";
    let windows = "Content-Type: text/html; charset=windows-1252\nContent-Transfer-Encoding: 8bit";
    let latin9 = "Content-Type: text/html; charset=iso-8859-15\nContent-Transfer-Encoding: quoted-printable";
    let japanese = "Content-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: 7bit";
    let chinese = "Content-Type: text/plain; charset=gb18030\nContent-Transfer-Encoding: 8bit";
    let russian = "Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: 8bit";
    let wide = "Content-Type: text/html; charset=utf-16\nContent-Transfer-Encoding: base64";
    let flowed = "Content-Type: text/plain; charset=utf-8; format=flowed";
    let bulk: Vec<u8> = (0..2_000_000_u32).map(|at| (at % 251) as u8).collect();
    let history = "<div style=\"border-top:solid 1pt\"><p><b>From:</b> customer@kunde.example</p></div>\
         <blockquote type=\"cite\"><p>How much?</p><blockquote><p>Earlier</p></blockquote></blockquote>";
    let apple = |more: &str| {
        let mut mime = parts(
            MIXED,
            &[
                "Content-Type: text/plain; charset=utf-8\n\nBefore the picture",
                "Content-Type: image/png; name=photo.png\nContent-Disposition: inline; filename=photo.png\n\
                 Content-Transfer-Encoding: base64\n\niVBORw0KGgo=",
                &format!("Content-Type: text/plain; charset=utf-8\n\nBehind the picture\n{more}"),
            ],
        );
        mime.fields = "X-Mailer: Apple Mail (2.3445)\nContent-Type: multipart/mixed; boundary=m";
        mime
    };
    let located = |more: &str| {
        mime(
            RELATED,
            format!(
                "--r\n{HTML}\n\n<html><body><img src=\"http://nordwind.example/logo.png\">{more}</body></html>\n--r\n\
                 Content-Type: image/png; name=logo.png\nContent-Location: http://nordwind.example/logo.png\n\
                 Content-Transfer-Encoding: base64\n\n{}--r--\n",
                base64(LOGO)
            ),
        )
    };
    let rows: Vec<(&'static str, &'static str, Mime, Mime, Ends)> = vec![
        ("plain text", "a footer", plain(""), plain(footer), Shown),
        (
            "plain text",
            "a footer as a part of its own",
            plain(""),
            parts(MIXED, &[&format!("{PLAIN}\n\nGrüße"), &format!("{PLAIN}\n\n{footer}")]),
            ShownAs("Nordwind AG, Kiel"),
        ),
        ("plain text", "made HTML", plain(""), html(SIGNATURE), Shown),
        (
            "plain text, flowed",
            "a footer",
            mime(flowed, "One long \nline.\n"),
            mime(flowed, format!("One long \nline.\n{footer}")),
            ShownAs("One long line."),
        ),
        ("HTML", "a signature", html(""), html(SIGNATURE), Shown),
        ("HTML", "made plain text", html(""), plain(footer), Shown),
        (
            "HTML",
            "a footer as a part of its own",
            html(""),
            parts(
                MIXED,
                &[&format!("{HTML}\n\n<html><body><p>Grüße</p></body></html>"), &format!("{HTML}\n\n{SIGNATURE}")],
            ),
            ShownAs("Nordwind AG, Kiel"),
        ),
        ("HTML and plain text", "a signature in both", alternative("", ""), alternative(footer, SIGNATURE), Shown),
        (
            "HTML and plain text",
            "a signature in the plain text only",
            alternative("", ""),
            alternative(footer, ""),
            Shown,
        ),
        (
            "HTML with a related image",
            "an image added",
            related(cid, &[image("logo@n", LOGO)]),
            related(&format!("{cid}<img src=\"cid:seal@n\">"), &[image("logo@n", LOGO), image("seal@n", OLD_LOGO)]),
            Shown,
        ),
        (
            "HTML with a related image",
            "the image replaced under its content id",
            related(cid, &[image("logo@n", OLD_LOGO)]),
            related(cid, &[image("logo@n", LOGO)]),
            Shown,
        ),
        (
            "HTML with a related image",
            "the image removed",
            related(cid, &[image("logo@n", LOGO)]),
            html(SIGNATURE),
            Shown,
        ),
        ("HTML with an image by its location", "a signature", located(""), located(SIGNATURE), Shown),
        (
            "HTML from an Apple program, images among text",
            "a footer",
            apple(""),
            apple(footer),
            ShownAs("Nordwind AG, Kiel"),
        ),
        ("any", "the subject changed", html(""), html(SIGNATURE).subject("[extern] Offer for the north park"), Shown),
        (
            "any",
            "the subject changed, other letters than ASCII",
            html(""),
            html(SIGNATURE).subject("=?utf-8?Q?Angebot_f=C3=BCr_den?=\n =?utf-8?B?IE5vcmRwYXJrIOKCrA==?="),
            Shown,
        ),
        ("any", "the subject removed", html(""), html(SIGNATURE).subject(""), Shown),
        (
            "any",
            "an attachment added",
            with_files("", &[file("filename=a.pdf", b"the offer")]),
            with_files(SIGNATURE, &[file("filename=a.pdf", b"the offer"), file("filename=card.vcf", b"BEGIN:VCARD")]),
            Shown,
        ),
        (
            "any",
            "an attachment removed",
            with_files("", &[file("filename=a.pdf", b"the offer"), file("filename=b.txt", b"margins")]),
            with_files(SIGNATURE, &[file("filename=a.pdf", b"the offer")]),
            Shown,
        ),
        (
            "any",
            "an attachment renamed",
            with_files("", &[file("filename=a.exe.txt", b"the offer")]),
            with_files("", &[file("filename=\"a (checked).txt\"", b"the offer")]),
            Shown,
        ),
        (
            "any",
            "a name with other letters than ASCII",
            with_files("", &[file("filename=a.pdf", b"the offer")]),
            with_files(
                SIGNATURE,
                &[
                    file("filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf", b"one"),
                    file("filename*0*=utf-8''%E3%81%8A; filename*1=\" fax.pdf\"", b"two"),
                    file("filename=\"=?iso-8859-1?Q?Gr=FC=DFe.pdf?=\"", b"three"),
                ],
            ),
            Shown,
        ),
        (
            "any",
            "an attachment changed, name and size as before",
            with_files("", &[file("filename=a.pdf", b"the offer")]),
            with_files("", &[file("filename=a.pdf", b"THE OFFER")]),
            Shown,
        ),
        (
            "any",
            "two attachments of one name",
            with_files("", &[file("filename=a.pdf", b"first"), file("filename=a.pdf", b"other")]),
            with_files(SIGNATURE, &[file("filename=a.pdf", b"other"), file("filename=a.pdf", b"third")]),
            Shown,
        ),
        (
            "any",
            "an attached message beside a footer",
            with_files("", &[attached_message("How much?")]),
            with_files(SIGNATURE, &[attached_message("How much?")]),
            Shown,
        ),
        ("any", "an attached message added", html(""), with_files(SIGNATURE, &[attached_message("How much?")]), Shown),
        (
            "a reply with quoted history",
            "a signature above the history",
            html(history),
            html(&format!("{SIGNATURE}{history}")),
            Shown,
        ),
        ("HTML of Outlook, with conditional comments and VML", "a signature", outlook(""), outlook(SIGNATURE), Shown),
        (
            "HTML in Windows-1252",
            "a signature",
            coded(windows, encoded("windows-1252", "<p>“Grüße”, 5 €</p>\n")),
            coded(windows, encoded("windows-1252", "<p>“Grüße”, 5 €</p><p>Nordwind – Kiel</p>\n")),
            Shown,
        ),
        (
            "HTML in ISO-8859-15, quoted-printable",
            "a signature",
            coded(latin9, quoted_printable(&encoded("iso-8859-15", "<p>Grüße, 5 €</p>\n"))),
            coded(latin9, quoted_printable(&encoded("iso-8859-15", "<p>Grüße, 5 €</p><p class=\"x\">Œuvre</p>\n"))),
            Shown,
        ),
        (
            "HTML that names another charset than its part",
            "a signature",
            html(""),
            mime(
                HTML,
                "<html><head><meta http-equiv=\"Content-Type\" content=\"text/html; charset=iso-8859-1\"></head>\
                 <body><p>Grüße – Kiel</p></body></html>\n",
            ),
            Shown,
        ),
        (
            "plain text in ISO-2022-JP",
            "a footer",
            coded(japanese, encoded("iso-2022-jp", "こんにちは\n")),
            coded(japanese, encoded("iso-2022-jp", "こんにちは\n北風株式会社\n")),
            Shown,
        ),
        (
            "plain text in GB18030",
            "a footer",
            coded(chinese, encoded("gb18030", "你好\n")),
            coded(chinese, encoded("gb18030", "你好\n北风公司\n")),
            Shown,
        ),
        (
            "plain text in KOI8-R, 8 bit",
            "a footer",
            coded(russian, encoded("koi8-r", "Привет\n")),
            coded(russian, encoded("koi8-r", "Привет\nСеверный ветер\n")),
            Shown,
        ),
        (
            "HTML in UTF-16, base64",
            "a signature",
            coded(wide, utf16("<html><body><p>Grüße</p></body></html>")),
            coded(wide, utf16("<html><body><p>Grüße</p><p>Kiel €</p></body></html>")),
            Shown,
        ),
        (
            "letters beyond the basic plane",
            "a signature",
            html("<p>😀</p>"),
            html("<p>😀</p><p>𝔑ordwind 🌬️</p>"),
            Shown,
        ),
        (
            "characters that XML can't carry",
            "a footer",
            plain(""),
            plain("Nord\u{1}wind\u{b} AG,\u{fffe} Kiel\n"),
            ShownAs("Nordwind AG, Kiel"),
        ),
        (
            "very large: text of 1 MB",
            "a signature",
            html(&long("", 1_000_000)),
            html(&long(SIGNATURE, 1_000_000)),
            Shown,
        ),
        (
            "very large: attachment of 2 MB",
            "a signature and an image",
            with_files("", &[file("filename=plan.bin", &bulk)]),
            with_files(
                &format!("{SIGNATURE}{cid}"),
                &[file("filename=plan.bin", &bulk), image("logo@n", LOGO).replace("--r\n", "--m\n")],
            ),
            Shown,
        ),
        ("an empty body", "a footer", mime(PLAIN, ""), mime(PLAIN, footer), Shown),
        ("a text", "nothing is left of it", plain(footer), mime(PLAIN, ""), Shown),
        (
            "an attachment alone",
            "a footer",
            mime(
                "Content-Type: application/octet-stream; name=a.pdf\nContent-Disposition: attachment; filename=a.pdf\n\
                  Content-Transfer-Encoding: base64",
                base64(b"the offer"),
            ),
            with_files(SIGNATURE, &[file("filename=a.pdf", b"the offer")]),
            Shown,
        ),
        (
            "signed with S/MIME, clear",
            "a footer around it",
            parts(CLEAR, &[SIGNED_TEXT, P7S]),
            mime(
                "Content-Type: multipart/mixed; boundary=o",
                format!("--o\n{CLEAR}\n\n--m\n{SIGNED_TEXT}\n--m\n{P7S}\n--m--\n--o\n{PLAIN}\n\n{footer}--o--\n"),
            ),
            LeftAlone(Rule::SmimeSigned),
        ),
        ("signed with S/MIME, opaque", "nothing", mime(OPAQUE, P7M), mime(OPAQUE, P7M), LeftAlone(Rule::SmimeSigned)),
        (
            "signed, the copy in Sent Items only",
            "the signature removed",
            parts(CLEAR, &[SIGNED_TEXT, P7S]),
            plain(footer),
            LeftAlone(Rule::SmimeSigned),
        ),
        (
            "encrypted with S/MIME",
            "nothing",
            mime(ENCRYPTED, P7M),
            mime(ENCRYPTED, P7M),
            LeftAlone(Rule::SmimeEncrypted),
        ),
        (
            "encrypted, the copy in Sent Items only",
            "decrypted, a footer",
            mime(ENCRYPTED, P7M),
            plain(footer),
            LeftAlone(Rule::SmimeEncrypted),
        ),
        (
            "rights-protected",
            "a footer around it",
            rights_protected(""),
            rights_protected(footer),
            LeftAlone(Rule::RightsProtected),
        ),
        (
            "TNEF",
            "nothing",
            html(""),
            parts(
                MIXED,
                &[
                    &format!("{PLAIN}\n\nHello"),
                    "Content-Type: application/ms-tnef; name=winmail.dat\nContent-Disposition: attachment; \
                     filename=winmail.dat\nContent-Transfer-Encoding: base64\n\neJ8+Iu0A",
                ],
            ),
            LeftAlone(Rule::Tnef),
        ),
        (
            "a meeting request",
            "a footer",
            calendar("REQUEST", ""),
            calendar("REQUEST", footer),
            LeftAlone(Rule::Calendar),
        ),
        (
            "an answer to a meeting request",
            "a footer",
            calendar("REPLY", ""),
            calendar("REPLY", footer),
            LeftAlone(Rule::Calendar),
        ),
        (
            "a cancelled meeting",
            "a footer",
            calendar("CANCEL", ""),
            calendar("CANCEL", footer),
            LeftAlone(Rule::Calendar),
        ),
        (
            "a calendar file attached",
            "a signature",
            with_files("", &[file("filename=party.ics", b"BEGIN:VCALENDAR\r\nMETHOD:PUBLISH\r\nEND:VCALENDAR\r\n")]),
            with_files(
                SIGNATURE,
                &[file("filename=party.ics", b"BEGIN:VCALENDAR\r\nMETHOD:PUBLISH\r\nEND:VCALENDAR\r\n")],
            ),
            Shown,
        ),
        (
            "a read receipt",
            "a footer",
            report(READ, "", READ_MACHINE),
            report(READ, footer, READ_MACHINE),
            LeftAlone(Rule::Report),
        ),
        (
            "a delivery report",
            "a footer",
            report(DELIVERY, "", DELIVERY_MACHINE),
            report(DELIVERY, footer, DELIVERY_MACHINE),
            LeftAlone(Rule::Report),
        ),
    ];
    let row = |(number, (message, change, original, processed, ends)): (usize, (_, _, Mime, Mime, _))| Row {
        message,
        change,
        original: original.bytes(number),
        processed: processed.bytes(number),
        ends,
    };
    rows.into_iter().enumerate().map(row).collect()
}
