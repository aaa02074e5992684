//! What happens to mail in each scenario, and what the mailbox has to show in the end whatever is interrupted.

use sent_items_update::pipe::types::Rule;
use sent_items_update::sandbox::faults::{Fault, Rule as FaultRule};
use sent_items_update::settings::Options;

use crate::mail::{ANNA, LOGO, Mail, mail};

#[derive(Debug, Clone)]
pub struct Scenario {
    pub name: &'static str,
    pub options: Options,
    /// What the client stores.
    pub originals: Vec<Mail>,
    pub stored: Stored,
    pub moved: Moved,
    /// What is handed over, in this order.
    pub processed: Vec<Mail>,
    /// Each so many times at once.
    pub times: usize,
    /// The work begins when all is handed over; else it goes on meanwhile.
    pub all_first: bool,
    /// Another updater stands by for the same folder.
    pub standby: bool,
    /// What is finished is forgotten in the end.
    pub forgotten: bool,
    pub faults: Vec<FaultRule>,
    /// Everything that Sent Items shows in the end.
    pub shown: Vec<Shown>,
    /// How a message may end, beside being found done.
    pub rules: Vec<Rule>,
}

/// When the client stores its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// Before anything else.
    Before,
    /// After the updater has looked for it in vain.
    Late,
    /// After the message was given up; it is then tried again by hand.
    BeforeTheRetry,
}

/// When the owner moves the copy out of Sent Items, into [`ELSEWHERE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    Never,
    /// As soon as it is stored.
    AtOnce,
    /// While no updater runs, after one has ended.
    BetweenTwoLives,
}

/// Where the owner moves the copy to.
pub const ELSEWHERE: &str = "Projects";

#[derive(Debug, Clone)]
pub struct Shown {
    pub mail: Mail,
    pub item: Item,
}

/// Which item shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// The one that the client stored.
    Own,
    /// One in its place, with everything that its owner gave it.
    InItsPlace,
    /// One beside it.
    Another,
    /// The one that the client stored, or another beside it.
    Any,
}

fn shown(mail: &Mail, item: Item) -> Shown {
    Shown { mail: mail.clone(), item }
}

const PLAIN: Options =
    Options { create_copy: false, message_splitting: false, save_all_split_messages: false, both_copies: false };
const COPY: Options = Options { create_copy: true, ..PLAIN };
const LAST_WINS: Options = Options { message_splitting: true, ..PLAIN };
const ALL_SPLIT: Options = Options { save_all_split_messages: true, ..LAST_WINS };
const ALL_SPLIT_COPIES: Options = Options { create_copy: true, ..ALL_SPLIT };

/// One message that changes the client's own copy; the others are made of it.
fn in_place() -> Scenario {
    let processed = mail("Hello</p><p>Nordwind AG, Kiel").subject("[extern] Offer for the north park");
    Scenario {
        name: "in place",
        options: PLAIN,
        originals: vec![mail("Hello")],
        stored: Stored::Before,
        moved: Moved::Never,
        times: 1,
        all_first: true,
        standby: false,
        forgotten: false,
        faults: Vec::new(),
        shown: vec![shown(&processed, Item::Own)],
        processed: vec![processed],
        rules: vec![Rule::UpdatedInPlace],
    }
}

fn together() -> Scenario {
    let ids = ["1@nordwind.example", "2@nordwind.example", "3@nordwind.example"];
    let processed: Vec<_> = ids.iter().map(|id| mail(&format!("Hello {id}</p><p>Nordwind AG")).id(id)).collect();
    Scenario {
        name: "several of one mailbox in shared requests",
        originals: ids.iter().map(|id| mail(&format!("Hello {id}")).id(id)).collect(),
        shown: processed.iter().map(|mail| shown(mail, Item::Own)).collect(),
        processed,
        ..in_place()
    }
}

fn with_attachments() -> Scenario {
    let original = mail("Hello").file("offer.pdf", b"the offer").file("internal.txt", b"margins");
    let processed = mail("Hello</p><img src=\"cid:logo@n\"><p>Nordwind AG");
    let processed = processed.image("logo@n", LOGO).file("offer.pdf", b"the offer").file("card.vcf", b"BEGIN:VCARD");
    Scenario {
        name: "with attachments",
        originals: vec![original],
        shown: vec![shown(&processed, Item::Own)],
        processed: vec![processed],
        ..in_place()
    }
}

fn large() -> Scenario {
    let bulk: Vec<u8> = (0..150_000_u32).map(|at| (at % 251) as u8).collect();
    let processed = mail("Hello</p><p>Nordwind AG").file("plan.bin", &bulk);
    Scenario {
        name: "a large message, handed over twice, forgotten in the end",
        originals: vec![mail("Hello").file("plan.bin", &bulk)],
        shown: vec![shown(&processed, Item::Own)],
        processed: vec![processed],
        times: 2,
        forgotten: true,
        ..in_place()
    }
}

fn replace() -> Scenario {
    let refused = Fault::Refuse {
        code: "ErrorInvalidPropertyUpdateSentMessage".into(),
        message: None,
        back_off_milliseconds: None,
        fault: None,
    };
    let processed = mail("Hello</p><p>Nordwind AG").image("logo@n", LOGO);
    Scenario {
        name: "replace",
        shown: vec![shown(&processed, Item::InItsPlace)],
        processed: vec![processed],
        faults: vec![FaultRule::every(refused).on("UpdateItem").of(ANNA)],
        rules: vec![Rule::Replaced],
        ..in_place()
    }
}

fn copy() -> Scenario {
    let processed = mail("Hello</p><p>Nordwind AG").file("card.vcf", b"BEGIN:VCARD");
    Scenario {
        name: "copy mode",
        options: COPY,
        shown: vec![shown(&mail("Hello"), Item::Own), shown(&processed, Item::Another)],
        processed: vec![processed],
        rules: vec![Rule::CopyAdded],
        ..in_place()
    }
}

fn split(name: &'static str, options: Options, rules: &[Rule]) -> Scenario {
    let processed: Vec<_> =
        ["partners", "customers", "press"].map(|whom| mail(&format!("Hello</p><p>for {whom}"))).into();
    let mut all: Vec<_> = processed.iter().map(|mail| shown(mail, Item::Any)).collect();
    if options.create_copy {
        all.push(shown(&mail("Hello"), Item::Own));
    }
    let shown = if options.keeps_every_split_copy() { all } else { vec![shown(&processed[2], Item::Own)] };
    Scenario { name, options, shown, processed, rules: rules.into(), ..in_place() }
}

/// All of them.
pub fn all() -> Vec<Scenario> {
    let late = Scenario { name: "the client is late", stored: Stored::Late, ..in_place() };
    let retry = Scenario { name: "given up, then tried again by hand", stored: Stored::BeforeTheRetry, ..in_place() };
    let duplicates =
        Scenario { name: "handed over three times at once", times: 3, all_first: false, ..with_attachments() };
    let copies_of_duplicates = Scenario { name: "the same in copy mode", times: 3, all_first: false, ..copy() };
    let two = Scenario { name: "two updaters on one queue", standby: true, all_first: false, ..copy() };
    let busy = Fault::Refuse {
        code: "ErrorServerBusy".into(),
        message: None,
        back_off_milliseconds: Some(3_000),
        fault: Some(500),
    };
    let throttled = Scenario {
        name: "throttled",
        faults: vec![FaultRule::every(busy).of(ANNA).after(1).times(2)],
        ..with_attachments()
    };
    let moved = Scenario { name: "moved before, with attachments", moved: Moved::AtOnce, ..with_attachments() };
    let moved_and_replaced = Scenario { name: "moved before, replaced", moved: Moved::AtOnce, ..replace() };
    let moved_and_copied = Scenario { name: "moved before, copy mode", moved: Moved::AtOnce, ..copy() };
    let moved_meanwhile =
        Scenario { name: "moved between two lives", moved: Moved::BetweenTwoLives, ..with_attachments() };
    vec![
        moved,
        moved_and_replaced,
        moved_and_copied,
        moved_meanwhile,
        in_place(),
        together(),
        with_attachments(),
        large(),
        replace(),
        copy(),
        split("split into three, the last wins", LAST_WINS, &[Rule::UpdatedInPlace, Rule::Superseded]),
        split("split into three, all are kept", ALL_SPLIT, &[Rule::UpdatedInPlace, Rule::SplitCopyAdded]),
        split("split into three, all are kept as copies", ALL_SPLIT_COPIES, &[Rule::CopyAdded]),
        late,
        retry,
        duplicates,
        copies_of_duplicates,
        two,
        throttled,
    ]
}
