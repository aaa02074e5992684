//! Answers of a server that is none, or has lost its mind.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sent_items_update::ews::{
    Client, CreateItem, Credentials, DeleteType, Endpoint, FindFolder, FindItem, FolderId, ItemId, ItemShape, Mailbox,
    NewAttachment, NewContent, UpdateItem,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Door, Open, files};

pub const SOAP: Door = Door { name: "soap", words: WORDS, seeds: || files("ews/answers", &[".xml"]), open };

const WORDS: &[&[u8]] = &[
    b"<t:Message>",
    b"</t:Message>",
    b"<m:ResponseCode>ErrorServerBusy</m:ResponseCode>",
    b"<t:Value Name=\"BackOffMilliseconds\">",
    b"ResponseClass=\"Error\"",
    b"<![CDATA[",
    b"<!DOCTYPE x [<!ENTITY y \"z\">]>",
    b"&#x0;",
    b"&y;",
    b"<?xml version=\"1.0\" encoding=\"utf-16\"?>",
    b"<s:Fault>",
    b"xmlns:t=\"",
    b"<t:ItemId Id=\"\" ChangeKey=\"\"/>",
    b"</s:Envelope>",
];

type Answer = Arc<Mutex<Bytes>>;

/// Answers every request with what is in hand.
async fn serve(listener: TcpListener, answer: Answer) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        tokio::spawn(session(stream, answer.clone()));
    }
}

async fn session(mut stream: TcpStream, answer: Answer) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    loop {
        let end = loop {
            let end = request.windows(4).position(|window| window == b"\r\n\r\n");
            let head = String::from_utf8_lossy(&request[..end.unwrap_or(0)]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
            match end {
                Some(end) if request.len() >= end + 4 + length => break end + 4 + length,
                _ if stream.read_buf(&mut request).await? == 0 => return Ok(()),
                _ => {}
            }
        };
        request.drain(..end);
        let body = answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(&[head.as_bytes(), &body].concat()).await?;
    }
}

/// Each operation that the engine uses gets the answer for its own.
async fn ask(mailbox: &Mailbox, operation: usize) {
    let id = ItemId::new("x", None);
    let attachment = || NewAttachment {
        name: "x".into(),
        content_type: None,
        content_id: None,
        content_location: None,
        is_inline: false,
        content: NewContent::File(Bytes::from_static(b"x")),
    };
    let shape = ItemShape::of(Vec::new());
    let create = CreateItem { folder: FolderId::SENT_ITEMS, mime_content: None, properties: Vec::new() };
    match operation {
        0 => drop(mailbox.find_item(&FindItem::new(FolderId::SENT_ITEMS)).await),
        1 => drop(mailbox.get_item(&[id], &shape).await),
        2 => drop(mailbox.update_items(&[UpdateItem::new(id, Vec::new())]).await),
        3 => drop(mailbox.create_item(&create).await),
        4 => drop(mailbox.delete_item(&id, DeleteType::SoftDelete).await),
        5 => drop(mailbox.create_attachment(&id, vec![attachment(), attachment()]).await),
        6 => drop(mailbox.get_attachment(&[]).await),
        7 => drop(mailbox.find_folders(&FindFolder::new(FolderId::SENT_ITEMS)).await),
        _ => drop(mailbox.get_folder(&FolderId::SENT_ITEMS).await),
    }
}

fn open() -> Open {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = Answer::default();
    let mailbox = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/EWS/Exchange.asmx", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(serve(listener, answer.clone()));
        let credentials = Credentials::Basic { user: "svc@x".into(), password: "x".into() };
        let endpoint = Endpoint { allow_unencrypted: true, ..Endpoint::new(url, credentials) };
        Client::new(endpoint).unwrap().mailbox(&"anna@x.example".parse().unwrap())
    });
    Open::new(move |raw| {
        *answer.lock().unwrap_or_else(PoisonError::into_inner) = Bytes::copy_from_slice(raw);
        // The answer itself says to which operation, so that one that broke something does so again when it is replayed.
        let operation = raw.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
        runtime.block_on(ask(&mailbox, operation % 9));
    })
}
