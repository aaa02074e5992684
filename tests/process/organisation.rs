//! A sandbox organisation in the test's own process, and mail for it.

use std::path::Path;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use secrecy::ExposeSecret as _;
use sent_items_update::pipe::client::Client;
use sent_items_update::sandbox::control::{Control, Delivery, ItemFilter, Limits, MailboxState, StoredItem};
use sent_items_update::sandbox::{Organisation, Sandbox, SandboxOptions};
use sent_items_update::settings::{Account, Connection, Settings};

use super::change;

/// The sample people without their mail, and a server that refuses nobody for being busy.
pub async fn open(folder: &Path) -> Sandbox {
    let limits = Limits { max_concurrency: None, budget: None };
    let organisation = Organisation::embedded().without_messages();
    Sandbox::start(SandboxOptions { organisation, limits, ..SandboxOptions::new(folder) }).await.unwrap()
}

/// Primary addresses of those who have a mailbox that can be updated.
pub fn people(control: &Control) -> Vec<String> {
    let people = control.organisation().people.iter();
    let usable = people.filter(|person| person.mailbox && person.state == MailboxState::Normal);
    usable.map(|person| person.primary.clone()).collect()
}

/// Points an updater to the organisation and switches it on.
pub async fn connect(client: &Client, sandbox: &Sandbox, more: impl FnOnce(&mut Settings)) {
    let account = sandbox.control().service_account().to_owned();
    let password = sandbox.control().password(&account);
    change(client, Some(password.expose_secret()), |settings| {
        settings.connection = Some(Connection {
            extra_roots: vec![sandbox.ca_pem().to_owned()],
            ..Connection::manual(&sandbox.ews_url())
        });
        settings.account = Some(Account { user: account });
        settings.enabled = true;
        more(settings);
    })
    .await;
}

/// One of many messages; each fourth is processed into one with an attachment, which takes several requests.
#[derive(Debug, Clone, Copy)]
pub struct Mail {
    pub number: usize,
}

impl Mail {
    pub fn id(self) -> String {
        format!("<{}@mail.example>", self.number)
    }

    pub fn sender(self, people: &[String]) -> &str {
        &people[self.number % people.len()]
    }

    fn head(self, people: &[String]) -> String {
        format!(
            "From: <{}>\r\nTo: <someone@elsewhere.example>\r\nSubject: Message {}\r\nMessage-ID: {}\r\n\
             Date: Mon, 24 Nov 2025 10:00:00 +0100\r\nMIME-Version: 1.0\r\n",
            self.sender(people),
            self.number,
            self.id()
        )
    }

    pub fn has_attachment(self) -> bool {
        self.number.is_multiple_of(4)
    }

    /// What the client stores.
    pub fn original(self, people: &[String]) -> Bytes {
        let head = self.head(people);
        format!("{head}Content-Type: text/plain; charset=utf-8\r\n\r\nHello {}\r\n", self.number).into()
    }

    pub fn text(self) -> String {
        format!("Hello {}\r\n\r\n-- \r\nNordwind, always windy\r\n", self.number)
    }

    /// What the signature program makes of it.
    pub fn processed(self, people: &[String]) -> Bytes {
        let (head, text) = (self.head(people), self.text());
        if !self.has_attachment() {
            return format!("{head}Content-Type: text/plain; charset=utf-8\r\n\r\n{text}").into();
        }
        format!(
            "{head}Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--b\r\n\
             Content-Type: text/calendar-free; name=\"note.bin\"\r\n\
             Content-Disposition: attachment; filename=\"note.bin\"\r\n\
             Content-Transfer-Encoding: base64\r\n\r\nTm9yZHdpbmQ=\r\n--b--\r\n"
        )
        .into()
    }

    /// What is wrong with the item that the sender sees.
    pub fn problem(self, item: &StoredItem) -> Option<String> {
        let lines = |text: &str| text.trim_end().lines().map(str::trim_end).map(str::to_owned).collect::<Vec<_>>();
        let attachments: Vec<_> = item.attachments.iter().map(|one| one.name.as_str()).collect();
        let wanted: &[&str] = if self.has_attachment() { &["note.bin"] } else { &[] };
        if lines(&item.body) != lines(&self.text()) {
            Some(format!("message {} shows {:?}", self.number, item.body))
        } else if attachments != wanted {
            Some(format!("message {} has the attachments {attachments:?}", self.number))
        } else if item.draft || !item.read {
            Some(format!("message {} is no longer a message that was sent and read", self.number))
        } else {
            None
        }
    }
}

/// Stores the client's copies of these messages.
pub async fn store(control: &Control, people: &[String], mails: impl IntoIterator<Item = Mail>) {
    let delivered = futures_util::stream::iter(mails).map(|mail| async move {
        let delivery = Delivery { read: true, ..Delivery::default() };
        control.deliver(mail.sender(people), "sentitems", mail.original(people), delivery).await
    });
    delivered.buffer_unordered(64).try_for_each(async |_| Ok(())).await.unwrap();
}

/// Everything that people see in their mailboxes.
pub async fn visible(control: &Control, mailbox: &str) -> Vec<StoredItem> {
    let filter = ItemFilter { without_content: true, ..ItemFilter::default() };
    let items = control.items(mailbox, &filter).await.unwrap();
    items.into_iter().filter(|item| !item.folder.starts_with("recoverable")).collect()
}
