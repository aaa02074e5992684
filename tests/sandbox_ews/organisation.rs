//! A small organisation to ask, and its answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use sent_items_update::sandbox::directory::{Directory, Group, Person};
use sent_items_update::sandbox::ews::{Caller, ExchangeService, FaultHook, NoFaults, ServiceLimits, SoapAnswer};
use sent_items_update::sandbox::store::{Delivery, ItemFilter, Store, StoredItem};

pub const ANNA: &str = "anna@n.example";
pub const BO: &str = "bo@n.example";
pub const CAI: &str = "cai@n.example";
pub const SERVICE: &str = "svc@n.example";

pub struct Organisation {
    pub store: Store,
    pub directory: Arc<Directory>,
    pub service: ExchangeService,
    pub folder: tempfile::TempDir,
}

/// Who asks for whom, and in which version.
#[derive(Clone)]
pub struct As {
    pub caller: &'static str,
    /// Element and content of `ConnectingSID`.
    pub impersonates: Option<(&'static str, String)>,
    pub version: &'static str,
}

impl As {
    pub fn own(caller: &'static str) -> Self {
        Self { caller, impersonates: None, version: "Exchange2016" }
    }

    pub fn service(kind: &'static str, who: &str) -> Self {
        Self { impersonates: Some((kind, who.to_owned())), ..Self::own(SERVICE) }
    }
}

fn person(upn: &str, name: &str, mailbox: bool) -> Person {
    let (given_name, surname) = name.split_once(' ').unwrap_or((name, ""));
    Person {
        upn: upn.into(),
        display_name: name.into(),
        given_name: given_name.into(),
        surname: surname.into(),
        primary: upn.into(),
        mailbox,
        ..Person::default()
    }
}

impl Organisation {
    pub async fn new() -> Self {
        Self::with_limits(ServiceLimits::default()).await
    }

    pub async fn with_limits(limits: ServiceLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("mailboxes.sqlite")).await.unwrap();
        let directory = Arc::new(Directory::new());
        let anna = Person { secondary: vec!["a.berg@n.example".into()], ..person(ANNA, "Anna Berg", true) };
        directory.add_person(anna).unwrap();
        directory.add_person(person(BO, "Bo Carlsson", true)).unwrap();
        directory.add_person(person(CAI, "Cai Dahl", true)).unwrap();
        directory.add_person(person("dora@n.example", "Dora Ek", false)).unwrap();
        directory.add_person(Person { upn: SERVICE.into(), ..Person::default() }).unwrap();
        directory.grant_impersonation(SERVICE).unwrap();
        let group = |primary: &str, members: &[&str]| Group {
            display_name: primary.split('@').next().unwrap().into(),
            primary: primary.into(),
            members: members.iter().map(|&member| member.to_owned()).collect(),
            ..Group::default()
        };
        directory.add_group(group("team@n.example", &[BO, "all@n.example", "guest@o.example"])).unwrap();
        directory.add_group(group("all@n.example", &[CAI, "team@n.example"])).unwrap();
        let service = ExchangeService::new(store.clone(), directory.clone(), limits);
        Self { store, directory, service, folder }
    }

    /// Asks with a fixture as the body.
    pub async fn ask(&self, who: &As, fixture: &str, values: &[(&str, &str)]) -> Reply {
        self.ask_with(who, fixture, values, &NoFaults).await
    }

    /// Asks as Anna, who signs in herself.
    pub async fn anna(&self, fixture: &str, values: &[(&str, &str)]) -> Reply {
        self.ask(&As::own(ANNA), fixture, values).await
    }

    pub async fn ask_with(&self, who: &As, fixture: &str, values: &[(&str, &str)], hook: &dyn FaultHook) -> Reply {
        let impersonation = match &who.impersonates {
            None => String::new(),
            Some((kind, who)) => filled("impersonation", &[("kind", kind), ("who", who)]),
        };
        let envelope = filled(
            "envelope",
            &[("version", who.version), ("impersonation", &impersonation), ("body", &filled(fixture, values))],
        );
        self.send(who.caller, envelope, hook).await
    }

    /// Sends a fixture that is a whole request, or is meant to be one.
    pub async fn whole(&self, fixture: &str) -> Reply {
        self.send(ANNA, filled(fixture, &[]), &NoFaults).await
    }

    pub async fn send(&self, caller: &str, envelope: String, hook: &dyn FaultHook) -> Reply {
        let caller = Caller { upn: caller.into() };
        let answer = self.service.answer(&caller, None, Bytes::from(envelope), hook).await;
        record(&answer);
        Reply::new(&answer)
    }

    pub async fn deliver(&self, mailbox: &str, folder: &str, mime: &str) -> String {
        self.deliver_with(mailbox, folder, mime, Delivery::default()).await
    }

    pub async fn deliver_with(&self, mailbox: &str, folder: &str, mime: &str, options: Delivery) -> String {
        let mime = mime.replace('\n', "\r\n");
        self.store.deliver(mailbox, folder, mime.into(), options).await.unwrap()
    }

    pub async fn items(&self, mailbox: &str, folder: &str) -> Vec<StoredItem> {
        let filter = ItemFilter { folder: Some(folder.into()), ..ItemFilter::default() };
        self.store.items(mailbox, &filter).await.unwrap()
    }
}

/// A fixture with its placeholders filled.
pub fn filled(fixture: &str, values: &[(&str, &str)]) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sandbox").join(format!("{fixture}.xml"));
    let mut text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

pub fn item_id(id: &str) -> String {
    format!("<t:ItemId Id=\"{id}\"/>")
}

pub fn item_id_with(id: &str, change_key: &str) -> String {
    format!("<t:ItemId Id=\"{id}\" ChangeKey=\"{change_key}\"/>")
}

pub fn attachment_id(id: &str) -> String {
    format!("<t:AttachmentId Id=\"{id}\"/>")
}

fn record(answer: &SoapAnswer) {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let Some(folder) = std::env::var_os("SIU_RECORD") else { return };
    if answer.body.is_empty() || answer.body.len() > 1024 * 1024 {
        return;
    }
    let folder = PathBuf::from(folder).join(format!("sandbox-ews-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    std::fs::write(folder.join(format!("{number:06}-response.xml")), &answer.body).unwrap();
}

/// An answer, looked at by the names of its elements.
pub struct Reply {
    pub status: u16,
    pub dropped: bool,
    pub text: String,
}

impl Reply {
    fn new(answer: &SoapAnswer) -> Self {
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        Self { status: answer.status, dropped: answer.drop_connection, text }
    }

    /// Texts of all elements of that name, the envelope's own left out.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let document = roxmltree::Document::parse(&self.text).unwrap();
        let own =
            |node: &roxmltree::Node<'_, '_>| node.tag_name().namespace().is_some_and(|ns| ns.ends_with("/envelope/"));
        let named =
            document.descendants().filter(|node| node.is_element() && node.tag_name().name() == name && !own(node));
        named.map(|node| node.text().unwrap_or_default().to_owned()).collect()
    }

    pub fn text_of(&self, name: &str) -> String {
        self.texts(name).into_iter().next().unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    /// An attribute of all elements of that name.
    pub fn attributes(&self, name: &str, attribute: &str) -> Vec<String> {
        let document = roxmltree::Document::parse(&self.text).unwrap();
        let named = document.descendants().filter(|node| node.is_element() && node.tag_name().name() == name);
        named.filter_map(|node| node.attribute(attribute).map(str::to_owned)).collect()
    }

    pub fn attribute(&self, name: &str, attribute: &str) -> String {
        let found = self.attributes(name, attribute).into_iter().next();
        found.unwrap_or_else(|| panic!("no {name} with {attribute} in {}", self.text))
    }

    /// Response codes, one a part.
    pub fn codes(&self) -> Vec<String> {
        self.texts("ResponseCode")
    }

    pub fn code(&self) -> String {
        self.codes().into_iter().next().unwrap_or_else(|| panic!("no response code in {}", self.text))
    }

    /// Id and change key of the only item.
    pub fn item(&self) -> (String, String) {
        self.ok();
        (self.attribute("ItemId", "Id"), self.attribute("ItemId", "ChangeKey"))
    }

    /// Everything went well.
    pub fn ok(&self) -> &Self {
        assert!(self.status == 200 && self.codes().iter().all(|code| code == "NoError"), "{}", self.text);
        self
    }

    /// It is a SOAP fault with this code, under HTTP 500.
    pub fn is_fault(&self, code: &str) -> &Self {
        assert_eq!((self.status, self.code().as_str()), (500, code), "{}", self.text);
        assert_eq!(self.text_of("faultcode"), format!("a:{code}"));
        self
    }

    /// The first part failed with this code, under HTTP 200.
    pub fn is_error(&self, code: &str) -> &Self {
        assert_eq!((self.status, self.code().as_str()), (200, code), "{}", self.text);
        self
    }
}
