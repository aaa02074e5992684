//! The end state, held against the specification.

use std::collections::{BTreeMap, HashMap};

use sent_items_update::pipe::types::{Rule, State};
use sent_items_update::sandbox::store::{AttachmentContent, StoredItem};

use crate::mail::Mail;
use crate::scenario::{ELSEWHERE, Item, Moved, Shown};
use crate::world::{Case, World};

/// No original goes before its replacement is stored: at any time there is something to see of each message.
pub fn nothing_is_lost(world: &World, case: &Case) -> Result<(), String> {
    for original in case.originals.blocking_lock().iter() {
        let id = original.message_id.clone().unwrap_or_default();
        if visible(world.items(&id)).is_empty() {
            return Err(format!("nothing is left of {id}"));
        }
    }
    Ok(())
}

/// Everything at once: items, their properties, queue, outcomes.
pub fn end_state(world: &World, case: &Case) -> Result<(), String> {
    queue(world, case)?;
    let mut wanted: BTreeMap<String, Vec<&Shown>> = BTreeMap::new();
    for shown in &case.scenario.shown {
        wanted.entry(shown.mail.message_id(case.number)).or_default().push(shown);
    }
    let originals = case.originals.blocking_lock();
    for (id, shown) in wanted {
        let items = visible(world.items(&id));
        let original = originals.iter().find(|item| item.message_id.as_ref() == Some(&id));
        let original = original.ok_or("the client stored nothing")?;
        folders(&items, case.scenario.moved)?;
        mailbox(&items, &shown, original).map_err(|problem| format!("{id}: {problem}\n{}", listed(&items)))?;
    }
    Ok(())
}

fn visible(items: Vec<StoredItem>) -> Vec<StoredItem> {
    items.into_iter().filter(|item| !item.folder.starts_with("recoverable")).collect()
}

fn queue(world: &World, case: &Case) -> Result<(), String> {
    let scenario = case.scenario;
    if case.acknowledged.lock().unwrap().iter().flatten().any(|acknowledged| !acknowledged) {
        return Err("a message was never acknowledged".to_owned());
    }
    let rows = case.rows.lock().unwrap();
    let rows = rows.as_ref().ok_or("nobody looked at the queue")?;
    if rows.len() != scenario.processed.len() {
        return Err(format!("{} rows for {} messages: {rows:#?}", rows.len(), scenario.processed.len()));
    }
    for row in rows {
        let right = row.rule.is_some_and(|rule| rule == Rule::AlreadyDone || scenario.rules.contains(&rule));
        if !right || !matches!(row.state, State::Updated | State::Skipped) {
            return Err(format!("a wrong outcome: {row:?}"));
        }
    }
    let mut spooled = std::fs::read_dir(world.spool(case)).map_err(|error| error.to_string())?;
    if scenario.forgotten && spooled.next().is_some() {
        return Err("a spooled file is left".to_owned());
    }
    Ok(())
}

/// What belongs together is where its owner put it.
fn folders(items: &[StoredItem], moved: Moved) -> Result<(), String> {
    let right = |folder: &str| match moved {
        Moved::Never => folder == "sentitems",
        Moved::AtOnce => folder == ELSEWHERE,
        Moved::BetweenTwoLives => folder == "sentitems" || folder == ELSEWHERE,
    };
    let wrong = items.iter().find(|item| !right(&item.folder) || item.folder != items[0].folder);
    wrong.map_or(Ok(()), |item| Err(format!("one is in {}", item.folder)))
}

/// Each item shows one of what is to be shown, and each of that is shown once.
fn mailbox(items: &[StoredItem], shown: &[&Shown], original: &StoredItem) -> Result<(), String> {
    if items.len() != shown.len() {
        return Err(format!("{} items in place of {}", items.len(), shown.len()));
    }
    let mut free: Vec<&StoredItem> = items.iter().collect();
    let mut problems = Vec::new();
    for shown in shown {
        let judged = free.iter().map(|item| problem(item, shown, original)).collect::<Vec<_>>();
        match judged.iter().position(Option::is_none) {
            Some(at) => drop(free.remove(at)),
            None => problems.push(format!("no item shows {:?} as it should: {judged:?}", shown.mail.html)),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// What is wrong with an item that should show this.
fn problem(item: &StoredItem, shown: &Shown, original: &StoredItem) -> Option<String> {
    let Mail { subject, html, .. } = &shown.mail;
    if inside(&item.body) != inside(html) {
        return Some(format!("the body is {:?}", item.body));
    }
    if item.subject != *subject {
        return Some(format!("the subject is {:?}", item.subject));
    }
    let mut there: HashMap<(String, bool, Vec<u8>), i32> = HashMap::new();
    for one in &item.attachments {
        let AttachmentContent::File(content) = &one.content else { return Some(format!("{} is no file", one.name)) };
        *there.entry((one.name.clone(), one.inline, content.to_vec())).or_default() += 1;
    }
    for one in &shown.mail.attachments {
        *there.entry((one.name.clone(), one.content_id.is_some(), one.content.clone())).or_default() -= 1;
    }
    if let Some(((name, ..), by)) = there.iter().find(|(_, by)| **by != 0) {
        return Some(format!("attachment {name}: {by} too many"));
    }
    if !item.read || item.draft {
        return Some("it is not a read message that was sent".to_owned());
    }
    if (item.sent, item.received) != (original.sent, original.received) {
        return Some(format!("it was sent {:?} and received {:?}", item.sent, item.received));
    }
    let is_own = item.item_id == original.item_id;
    let owned = (item.flag, &item.categories, &item.importance, &item.sensitivity)
        == (original.flag, &original.categories, &original.importance, &original.sensitivity);
    match shown.item {
        Item::Own if !is_own => Some("it is not the client's own item".to_owned()),
        Item::InItsPlace | Item::Another if is_own => Some("it is the client's own item".to_owned()),
        Item::Own | Item::InItsPlace if !owned => Some("what its owner gave it is gone".to_owned()),
        Item::Own if item.conversation_id != original.conversation_id || item.created != original.created => {
            Some("its conversation or creation is another".to_owned())
        }
        _ => None,
    }
}

/// What stands in the body of a document; around it Exchange writes what it likes.
fn inside(html: &str) -> &str {
    let from = html.find("<body>").map_or(0, |at| at + "<body>".len());
    html[from..].split("</body>").next().unwrap_or_default()
}

fn listed(items: &[StoredItem]) -> String {
    items.iter().map(|item| format!("  {} {:?} {:?}\n", item.folder, item.body, item.extended)).collect()
}
