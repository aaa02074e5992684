//! The table of fidelity (`src/updater/engine/fidelity.md`), row by row (U4, U7).
//!
//! The oracle is a recipient: the processed message is delivered to one by the sandbox, which reads MIME by itself. What
//! the sender's copy shows after the update must be what the recipient's item shows.

mod rows;

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use sent_items_update::pipe::types::Rule;
use sent_items_update::sandbox::faults::{Fault, Rule as FaultRule};
use sent_items_update::sandbox::store::{AttachmentContent, Delivery, StoredAttachment, StoredItem};
use sent_items_update::settings::Options;
use sent_items_update::updater::dispatcher::Engine as _;

use crate::scene::{ANNA, JONAS, Scene, copies, finished};
use rows::{Ends, Row};

pub const TABLE: &str = include_str!("../../../src/updater/engine/fidelity.md");

/// Where the table of places begins.
pub const PLACES: &str = "| where the copy lies |";

/// Rows of the table: message, change, and what becomes of it.
fn written() -> Vec<[String; 3]> {
    let (of_messages, _) = TABLE.split_once(PLACES).expect("a second table");
    let lines = of_messages.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| message |"));
    lines
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            cells.try_into().unwrap_or_else(|_| panic!("not three columns: {line}"))
        })
        .collect()
}

/// U4, U7: nothing is promised that is not tried, and nothing is tried that is not written.
#[test]
fn the_table_has_the_rows_that_are_tested() {
    let names = |rows: Vec<[String; 3]>| rows.into_iter().map(|[message, change, _]| (message, change)).collect();
    let written: BTreeSet<(String, String)> = names(written());
    let rows = rows::all();
    let tested: BTreeSet<_> = rows.iter().map(|row| (row.message.into(), row.change.into())).collect();
    assert_eq!(written.difference(&tested).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not tested");
    assert_eq!(tested.difference(&written).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not written");
    for [message, change, end] in self::written() {
        let row = rows.iter().find(|row| row.message == message && row.change == change).unwrap();
        assert_eq!(
            end.starts_with("is left alone"),
            matches!(row.ends, Ends::LeftAlone(_)),
            "{message}, {change}: {end}"
        );
    }
}

/// U4: the rows as files, for programs that know nothing of this project (`tests/lab/exchangelib/test_fidelity.py`).
#[test]
fn the_rows_are_handed_out_to_mail_clients() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fidelity");
    std::fs::create_dir_all(&folder).unwrap();
    let mut listed = Vec::new();
    for (number, row) in rows::all().into_iter().enumerate() {
        for (name, bytes) in [("original", &row.original), ("processed", &row.processed)] {
            std::fs::write(folder.join(format!("{number}.{name}.eml")), bytes).unwrap();
        }
        let (rule, shows) = match row.ends {
            Ends::Shown => (Rule::UpdatedInPlace, None),
            Ends::ShownAs(text) => (Rule::UpdatedInPlace, Some(text)),
            Ends::LeftAlone(rule) => (rule, None),
        };
        listed.push(serde_json::json!({"message": row.message, "change": row.change, "rule": rule, "shows": shows}));
    }
    std::fs::write(folder.join("rows.json"), serde_json::to_vec(&listed).unwrap()).unwrap();
    assert_eq!(listed.len(), written().len());
}

/// What a person sees of an item.
#[derive(Debug, PartialEq)]
struct Visible {
    subject: String,
    body: String,
    attachments: Vec<Attached>,
}

#[derive(Debug, PartialEq, PartialOrd)]
struct Attached {
    name: String,
    content_id: Option<String>,
    content_type: String,
    inline: bool,
    content: Vec<u8>,
}

fn visible(item: &StoredItem) -> Visible {
    let mut attachments: Vec<_> = item.attachments.iter().map(attached).collect();
    // The order is that of their coming; what stayed came first.
    attachments.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let lines = |text: &str| text.trim_end().lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    Visible { subject: item.subject.clone(), body: format!("{:?}\n{}", item.body_kind, lines(&item.body)), attachments }
}

fn attached(one: &StoredAttachment) -> Attached {
    let content = match &one.content {
        AttachmentContent::File(content) => content.to_vec(),
        AttachmentContent::Item(item) => format!("{:?}", visible(item)).into_bytes(),
        AttachmentContent::LeftOut => panic!("its content was asked for"),
    };
    Attached {
        name: one.name.clone(),
        // Of one that nothing refers to it is nobody's concern.
        content_id: one.content_id.clone().filter(|_| one.inline),
        content_type: one.content_type.clone(),
        inline: one.inline,
        content,
    }
}

impl Visible {
    /// Where the two are not the same, in a few words.
    fn difference(&self, other: &Self) -> Option<String> {
        let short = |text: &str| text.chars().take(700).collect::<String>();
        if self.subject != other.subject {
            return Some(format!("the subject is {:?}, the recipient's {:?}", self.subject, other.subject));
        }
        if self.body != other.body {
            return Some(format!("the body is\n{}\nthe recipient's\n{}", short(&self.body), short(&other.body)));
        }
        let names = |one: &Self| {
            let of = |one: &Attached| {
                let start = String::from_utf8_lossy(&one.content[..one.content.len().min(40)]).into_owned();
                (
                    one.name.clone(),
                    one.content_type.clone(),
                    one.content_id.clone(),
                    one.inline,
                    one.content.len(),
                    start,
                )
            };
            one.attachments.iter().map(of).collect::<Vec<_>>()
        };
        (self.attachments != other.attachments)
            .then(|| format!("the attachments are\n{:#?}\nthe recipient's\n{:#?}", names(self), names(other)))
    }
}

/// Ways in which the processed message can get into Sent Items.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    InPlace,
    Replaced,
    Copied,
}

struct Gallery {
    scene: Scene,
    way: Way,
    /// The owner has moved each copy into this folder.
    folder: &'static str,
}

impl Gallery {
    async fn new(way: Way, folder: &'static str) -> Self {
        let options = if way == Way::Copied { copies() } else { Options::default() };
        let scene = Scene::with(options).await;
        if way == Way::Replaced {
            let refused = Fault::Refuse {
                code: "ErrorInvalidPropertyUpdateSentMessage".into(),
                message: None,
                back_off_milliseconds: None,
                fault: None,
            };
            scene.fault(FaultRule::every(refused).on("UpdateItem"));
        }
        Self { scene, way, folder }
    }

    /// What the recipient got.
    async fn recipient_gets(&self, mime: &Bytes) -> StoredItem {
        let control = self.scene.sandbox.control();
        let id = control.deliver(JONAS, "inbox", mime.clone(), Delivery::default()).await.unwrap();
        let items = control.folder(JONAS, "inbox").await.unwrap();
        items.into_iter().find(|item| item.item_id == id).unwrap()
    }

    /// What is in the folder of the copies.
    async fn copies(&self) -> Vec<StoredItem> {
        self.scene.sandbox.control().folder(ANNA, self.folder).await.unwrap()
    }

    async fn sent(&self, id: &str) -> Vec<StoredItem> {
        self.copies().await.into_iter().filter(|item| item.item_id == id).collect()
    }

    /// None: as the table says.
    async fn problem(&mut self, row: &Row) -> Option<String> {
        let mut id = self.scene.client_stores(ANNA, &row.original).await;
        if self.folder != "sentitems" {
            id = self.scene.sandbox.control().move_item(&id, self.folder).await.unwrap().unwrap();
        }
        let before = self.sent(&id).await.remove(0);
        let message_id = before.message_id.clone().unwrap();
        let got = self.recipient_gets(&row.processed).await;
        let mut job = self.scene.job(&row.processed);
        job.elsewhere = true;
        let rule = finished(self.scene.engine().attempt(&job).await);
        let mut items = self.copies().await;
        items.retain(|item| item.message_id.as_ref() == Some(&message_id));
        let wanted = match (row.ends, self.way) {
            (Ends::LeftAlone(rule), _) => rule,
            (Ends::Shown | Ends::ShownAs(_), Way::InPlace) => Rule::UpdatedInPlace,
            (_, Way::Replaced) => Rule::Replaced,
            (_, Way::Copied) => Rule::CopyAdded,
        };
        if rule != wanted {
            return Some(format!("it ended by {rule:?} in place of {wanted:?}"));
        }
        if matches!(row.ends, Ends::LeftAlone(_)) {
            return (items != [before]).then(|| format!("it was changed: {items:#?}"));
        }
        if self.way == Way::Copied {
            let original = items.iter().position(|item| item.item_id == id)?;
            if items.remove(original) != before {
                return Some("the original was changed".to_owned());
            }
        }
        let [item] = &items[..] else { return Some(format!("{} items", items.len())) };
        let kept =
            |item: &StoredItem| (item.read, item.draft, item.flag, item.categories.clone(), item.sent, item.received);
        if self.way != Way::Copied && kept(item) != kept(&before) {
            return Some(format!("what its owner gave it is now {:?}", kept(item)));
        }
        if let (Ends::ShownAs(text), Way::InPlace) = (row.ends, self.way) {
            return (!item.body.contains(text)).then(|| format!("it does not show {text:?}, but {:?}", item.body));
        }
        visible(item).difference(&visible(&got))
    }
}

async fn every_row(way: Way, folder: &'static str) {
    let mut gallery = Gallery::new(way, folder).await;
    let mut problems = Vec::new();
    for row in rows::all() {
        if let Some(problem) = gallery.problem(&row).await {
            problems.push(format!("{} | {}: {problem}", row.message, row.change));
        }
    }
    assert!(problems.is_empty(), "{way:?}, {} rows:\n{}", problems.len(), problems.join("\n\n"));
}

/// U4, U7
#[tokio::test]
async fn changed_in_place_the_copy_shows_what_the_recipients_got_as_the_table_says() {
    every_row(Way::InPlace, "sentitems").await;
}

/// U4, U7
#[tokio::test]
async fn a_replacement_shows_what_the_recipients_got_as_the_table_says() {
    every_row(Way::Replaced, "sentitems").await;
}

/// T6, U7
#[tokio::test]
async fn a_copy_shows_what_the_recipients_got_as_the_table_says() {
    every_row(Way::Copied, "sentitems").await;
}

/// U4, T6, U7
#[tokio::test]
async fn a_copy_that_was_moved_shows_what_the_recipients_got_as_the_table_says() {
    for way in [Way::InPlace, Way::Replaced] {
        every_row(way, "Projects").await;
    }
}
