//! What changed, for people to look at: a folder for each message with the client's copy before and after, and one
//! page that leads to them. Mail is strangers' text: everything is escaped, and HTML bodies are shown in sandboxed
//! frames that may load nothing.

mod body;
mod html;

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::DemoError;
use super::report::rule_name;
use super::scene::Act;
use crate::pipe::types::Listed;
use crate::sandbox::control::{Control, StoredItem};
use html::{escape, page};

/// A message before and after.
pub(super) struct Pair {
    name: String,
    about: String,
    client: String,
    subject: String,
    sender: String,
    outcomes: Vec<String>,
    before: Option<Side>,
    after: Option<Side>,
}

/// The client's copy at one time.
struct Side {
    item: StoredItem,
    mime: Option<Bytes>,
}

impl Pair {
    pub async fn gather(
        control: &Control,
        act: &Act,
        after: Vec<StoredItem>,
        rows: &[Option<&Listed>],
    ) -> Result<Self, DemoError> {
        let visible = after.into_iter().rfind(|item| !item.folder.starts_with("recoverable"));
        let after = match visible {
            Some(item) => Some(Side { mime: control.mime(&item.item_id).await?, item }),
            None => None,
        };
        let before = act.before.clone().map(|item| Side { item, mime: Some(act.original.clone()) });
        let last = rows.iter().flatten().last();
        Ok(Self {
            name: act.sample.name.clone(),
            about: act.sample.about.clone(),
            client: act.sample.client.clone(),
            subject: last.map_or_else(String::new, |row| row.subject.clone()),
            sender: last.map_or_else(String::new, |row| row.sender.clone()),
            outcomes: rows.iter().map(|row| outcome(*row)).collect(),
            before,
            after,
        })
    }

    fn folder(&self, number: usize) -> String {
        format!("{:02}-{}", number + 1, self.name)
    }
}

fn outcome(row: Option<&Listed>) -> String {
    let Some(row) = row else { return "nothing recorded".to_owned() };
    let rule = row.rule.map_or_else(|| "not ended".to_owned(), |rule| rule_name(rule).replace('-', " "));
    if row.reason.is_empty() { rule } else { format!("{rule}: {}", row.reason) }
}

/// Writes all pages. Returns the one to begin with.
pub(super) fn write(folder: &Path, organisation: &str, pairs: &[Pair]) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let mut list = String::new();
    for (number, pair) in pairs.iter().enumerate() {
        let name = pair.folder(number);
        write_pair(&folder.join(&name), pair)?;
        let outcomes: Vec<_> = pair.outcomes.iter().map(|outcome| escape(outcome)).collect();
        list += &format!(
            "<tr><td><a href=\"{}/index.html\">{}</a><br><small>{}</small></td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
            escape(&name),
            escape(if pair.subject.is_empty() { &pair.name } else { &pair.subject }),
            escape(&pair.about),
            escape(&pair.sender),
            escape(&pair.client),
            outcomes.join("<br>"),
        );
    }
    let content = format!(
        "<h1>Before and after</h1>\n<p>The senders' copies in Sent Items of {}, as their mail clients stored them and as \
         they are now.</p>\n<table><thead><tr><th>Message</th><th>Sender</th><th>Written with</th><th>Outcome</th></tr>\
         </thead><tbody>\n{list}</tbody></table>\n",
        escape(organisation)
    );
    let index = folder.join("index.html");
    std::fs::write(&index, page("Before and after", &content))?;
    Ok(index)
}

fn write_pair(folder: &Path, pair: &Pair) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let sides = [("before", &pair.before), ("after", &pair.after)];
    let mut columns = String::new();
    for (name, side) in sides {
        columns += &match side {
            Some(side) => write_side(folder, name, side)?,
            None => format!("<section><h2>{}</h2><p>There is no copy in the mailbox.</p></section>\n", title(name)),
        };
    }
    let outcomes: String = pair.outcomes.iter().map(|outcome| format!("<li>{}</li>", escape(outcome))).collect();
    let content = format!(
        "<p><a href=\"../index.html\">All messages</a></p>\n<h1>{}</h1>\n<p>{} · {} · written with {}</p>\n\
         <ul class=\"outcome\">{outcomes}</ul>\n<div class=\"pair\">\n{columns}</div>\n",
        escape(if pair.subject.is_empty() { &pair.name } else { &pair.subject }),
        escape(&pair.about),
        escape(&pair.sender),
        escape(&pair.client),
    );
    std::fs::write(folder.join("index.html"), page(&pair.subject, &content))
}

fn title(side: &str) -> &'static str {
    if side == "before" { "Before" } else { "After" }
}

/// Writes one side's files and returns its column on the page.
fn write_side(folder: &Path, name: &str, side: &Side) -> io::Result<String> {
    let item = &side.item;
    std::fs::write(folder.join(format!("{name}.html")), body::document(item))?;
    let text = body::text(item);
    std::fs::write(folder.join(format!("{name}.txt")), &text)?;
    let mut source = String::new();
    if let Some(mime) = &side.mime {
        std::fs::write(folder.join(format!("{name}.eml")), mime)?;
        source = format!(" · <a href=\"{name}.eml\">as a file (.eml)</a>");
    }
    let attachments: String = item
        .attachments
        .iter()
        .map(|one| {
            let inline = if one.inline { ", inline" } else { "" };
            format!(
                "<li>{} <small>({}, {} bytes{inline})</small></li>",
                escape(&one.name),
                escape(&one.content_type),
                one.size
            )
        })
        .collect();
    Ok(format!(
        "<section><h2>{}</h2>\n<dl><dt>Subject</dt><dd>{}</dd><dt>State</dt><dd>{}</dd></dl>\n\
         <iframe sandbox=\"\" src=\"{name}.html\" title=\"{name}\"></iframe>\n<ul>{attachments}</ul>\n\
         <details><summary>As text</summary><pre>{}</pre></details>\n<p><a href=\"{name}.html\">alone</a>{source}</p>\
         </section>\n",
        title(name),
        escape(&item.subject),
        escape(&state(item)),
        escape(&text),
    ))
}

fn state(item: &StoredItem) -> String {
    let mut words = vec![if item.read { "read".to_owned() } else { "unread".to_owned() }];
    match item.flag {
        crate::sandbox::control::FlagStatus::NotFlagged => {}
        crate::sandbox::control::FlagStatus::Flagged => words.push("flagged".to_owned()),
        crate::sandbox::control::FlagStatus::Complete => words.push("flag complete".to_owned()),
    }
    if item.importance != "Normal" {
        words.push(format!("importance {}", item.importance.to_lowercase()));
    }
    words.extend(item.categories.iter().map(|category| format!("category {category}")));
    words.join(", ")
}
