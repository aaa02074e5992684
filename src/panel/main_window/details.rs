//! One message: how it ended and why, what was processed, and what Sent Items shows.

use eframe::egui::{Align, Label, Layout, RichText, ScrollArea, Ui};
use jiff::Timestamp;

use super::words;
use crate::panel::state::{Fetched, Intent, Preview, Shown, Side, State};
use crate::panel::style::{SMALL, TEXT_TITLE, bytes, legible, time};
use crate::panel::widgets::{Button, Facts, Icon, Note, busy, icon_button, note, separator, tabs, weak, wrapped};
use crate::pipe::types::{Listed, State as MessageState};

pub fn show(ui: &mut Ui, state: &State, listed: &Listed) -> Vec<Intent> {
    let mut wanted = Vec::new();
    ui.horizontal_top(|ui| {
        ui.with_layout(Layout::right_to_left(Align::TOP), |ui| {
            if icon_button(ui, Icon::Clear, "Close the details").clicked() {
                wanted.push(Intent::Select(None));
            }
            ui.with_layout(Layout::top_down(Align::Min), |ui| {
                let subject = legible(&listed.subject);
                let subject = if subject.trim().is_empty() { "(no subject)" } else { &subject };
                ui.add(Label::new(RichText::new(subject).size(TEXT_TITLE).strong()).wrap());
            });
        });
    });
    ScrollArea::vertical().id_salt(("details", listed.id)).auto_shrink(false).show(ui, |ui| {
        outcome(ui, state, listed, &mut wanted);
        separator(ui);
        facts(ui, state, listed);
        ui.add_space(SMALL);
        if let Some(preview) = state.preview.as_ref().filter(|preview| preview.id == listed.id) {
            sides(ui, preview, &mut wanted);
        }
    });
    wanted
}

fn outcome(ui: &mut Ui, state: &State, listed: &Listed, wanted: &mut Vec<Intent>) {
    let (icon, tone, word) = words::state(listed.state);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        icon.show(ui, tone.colour(ui.visuals()));
        ui.label(RichText::new(word).strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let ended = matches!(listed.state, MessageState::Updated | MessageState::Skipped | MessageState::Failed);
            let greyed = if !ended {
                Some("It is not finished yet; it is tried again by itself.")
            } else if state.retrying {
                Some("It is being put back to waiting.")
            } else {
                None
            };
            if Button::new("Retry").icon(Icon::Retry).greyed(greyed).show(ui).clicked() {
                wanted.push(Intent::Retry(listed.id));
            }
        });
    });
    if let Some(rule) = listed.rule {
        wrapped(ui, words::rule(rule));
    }
    if !listed.reason.is_empty() {
        wrapped(ui, words::opened(&legible(&listed.reason)));
    }
}

fn facts(ui: &mut Ui, state: &State, listed: &Listed) {
    let facts = Facts::width(92.0);
    let at = |milliseconds: i64| {
        Timestamp::from_millisecond(milliseconds).map_or_else(|_| "unknown".to_owned(), |at| time(at, &state.zone))
    };
    facts.show(ui, "Sender", legible(&listed.sender).into_owned());
    facts.show(ui, "Accepted", at(listed.accepted_at));
    if let Some(finished) = listed.finished_at {
        facts.show(ui, "Finished", at(finished));
    }
    if let Some(due) = listed.due_at {
        facts.show(ui, "Next look", at(due));
    }
    if listed.tries > 0 {
        facts.show(ui, "Tries", listed.tries.to_string());
    }
    facts.show(ui, "Size", bytes(listed.size));
    facts.show(ui, "Came by", legible(&listed.source).into_owned());
    facts.show(ui, "Message-ID", legible(&listed.message_id).into_owned());
}

fn sides(ui: &mut Ui, preview: &Preview, wanted: &mut Vec<Intent>) {
    let all = [(Side::Processed, "As processed"), (Side::SentCopy, "In Sent Items now")];
    let next = tabs(ui, preview.side, &all);
    if next != preview.side {
        wanted.push(Intent::Look(next));
    }
    ui.add_space(SMALL);
    match preview.shown() {
        Fetched::Not | Fetched::Underway => {
            busy(
                ui,
                if preview.side == Side::SentCopy {
                    "Exchange is being asked…"
                } else {
                    "The message is being read…"
                },
            );
        }
        Fetched::Failed(why) => {
            note(ui, &Note::Error(why.clone()));
            if Button::new("Try again").icon(Icon::Retry).show(ui).clicked() {
                wanted.push(Intent::Look(preview.side));
            }
        }
        Fetched::There(shown) => content(ui, shown),
    }
}

fn content(ui: &mut Ui, shown: &Shown) {
    if !shown.what.is_empty() {
        note(ui, &Note::Hint(shown.what.clone()));
        ui.add_space(SMALL / 2.0);
    }
    ui.add(Label::new(RichText::new(legible(&shown.subject)).strong()).wrap());
    if shown.body.is_empty() {
        weak(ui, "The message has no text.");
    } else {
        wrapped(ui, shown.body.as_str());
    }
    if shown.cut {
        weak(ui, "The rest of the text is not shown.");
    }
    if shown.attachments.is_empty() {
        return;
    }
    ui.add_space(SMALL);
    for attachment in &shown.attachments {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let quiet = ui.visuals().weak_text_color();
            Icon::Attachment.show(ui, quiet);
            let size = attachment.size.and_then(|size| i64::try_from(size).ok()).map(bytes);
            let more: Vec<_> = size.into_iter().chain(attachment.inline.then(|| "in the text".to_owned())).collect();
            let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
            ui.add(Label::new(format!("{}{more}", legible(&attachment.name))).truncate());
        });
    }
}
