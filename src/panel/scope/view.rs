//! Draws the scope window.

use eframe::egui::{Align, Color32, Context, Key, Label, Layout, Modifiers, RichText, Ui};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::state::{Intent, Report, Row, State};
use crate::panel::picker::pick;
use crate::panel::style::{SMALL, TINY, Tone, grouped, legible, time};
use crate::panel::widgets::{
    self, Button, Column, Dialog, DialogButton, Empty, Icon, Note, Table, TextField, busy, initial_focus, link, note,
    radio, weak,
};
use crate::pipe::types::EntryState;
use crate::settings::{EntryKind, ScopeMode};

#[derive(Clone, Copy)]
enum Pressed {
    Ok,
    Cancel,
}

const TABLE: &str = "Users and groups";

pub fn show(ctx: &Context, state: &State, zone: &TimeZone) -> Vec<Intent> {
    let dialog = Dialog::new("scope", "Scope of updated mailboxes")
        .width(880.0)
        .height(520.0)
        .without_scrolling()
        .button(DialogButton::new(Pressed::Ok, "OK").default())
        .button(DialogButton::new(Pressed::Cancel, "Cancel").cancels());
    let (pressed, mut intents) = dialog.show(ctx, |ui| content(ui, state, zone));
    intents.extend(pressed.map(|pressed| match pressed {
        Pressed::Ok => Intent::Ok,
        Pressed::Cancel => Intent::Cancel,
    }));
    intents
}

fn content(ui: &mut Ui, state: &State, zone: &TimeZone) -> Vec<Intent> {
    let mut intents = Vec::new();
    for (mode, label) in [
        (ScopeMode::AllMailboxes, "Update all mailboxes"),
        (ScopeMode::OnlyListed, "Update mailboxes from the list below only"),
        (ScopeMode::AllExceptListed, "Update all mailboxes except the ones from the list below"),
    ] {
        let chosen = state.scope.mode == mode;
        let response = radio(ui, chosen, label, "", None);
        if chosen {
            initial_focus(ui, &response);
        }
        if response.clicked() {
            intents.push(Intent::Mode(mode));
        }
    }
    ui.add_space(SMALL);
    let unused = (!state.list_counts()).then_some("All mailboxes are updated. Choose another option to use the list.");
    tools(ui, state, unused, &mut intents);
    let room = ui.available_height() - 30.0;
    list(ui, state, zone, room, unused, &mut intents);
    foot(ui, state, &mut intents);
    intents
}

fn tools(ui: &mut Ui, state: &State, unused: Option<&str>, intents: &mut Vec<Intent>) {
    ui.horizontal(|ui| {
        if Button::new("Add…").icon(Icon::Add).greyed(unused).show(ui).clicked() {
            intents.push(Intent::Add);
        }
        let nothing = state.selection.is_empty().then_some("Select what is to be removed first.");
        if Button::new("Remove").icon(Icon::Remove).greyed(unused.or(nothing)).show(ui).clicked() {
            intents.push(Intent::Remove);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.allocate_ui_with_layout(eframe::egui::vec2(280.0, 30.0), Layout::left_to_right(Align::Center), |ui| {
                let mut text = state.search.clone();
                let field =
                    TextField::new(&mut text).named("Search the list").search().hint("Search the list").width(280.0);
                if field.show(ui).changed() {
                    intents.push(Intent::Search(text));
                }
            });
        });
    });
    ui.add_space(TINY);
}

fn list(ui: &mut Ui, state: &State, zone: &TimeZone, room: f32, unused: Option<&str>, intents: &mut Vec<Intent>) {
    if state.rows() > 0 {
        table(ui, state, zone, room, unused, intents);
        return;
    }
    let size = eframe::egui::vec2(ui.available_width(), room);
    ui.allocate_ui(size, |ui| {
        ui.set_min_size(size);
        if state.total() == 0 {
            let (title, text) = match state.scope.mode {
                ScopeMode::AllMailboxes => ("The list is not used", "All mailboxes are updated."),
                ScopeMode::OnlyListed => {
                    ("The list is empty", "As it stands, no mailbox would be updated. Add users or groups.")
                }
                ScopeMode::AllExceptListed => ("The list is empty", "As it stands, all mailboxes would be updated."),
            };
            Empty::new(Icon::Group, title, text).show(ui);
        } else {
            let text = format!("Nothing on the list contains “{}”.", legible(state.search.trim()));
            Empty::new(Icon::Search, "Nothing found", &text).show(ui);
        }
    });
}

fn table(ui: &mut Ui, state: &State, zone: &TimeZone, room: f32, unused: Option<&str>, intents: &mut Vec<Intent>) {
    let columns = [
        Column::rest("Name"),
        Column::new("Domain", 150.0),
        Column::new("E-mail address", 220.0),
        Column::new("State", 210.0),
    ];
    let modifiers = ui.input(|input| input.modifiers);
    let response = Table::new(TABLE, &columns).height(room).current(state.cursor()).show(ui, state.rows(), |row| {
        let at = row.index();
        let (Some(key), Some(shown)) = (state.key(at), state.row(at)) else { return };
        row.selected(state.selection.contains(key));
        draw(row, &shown, &state.report, zone, unused.is_some());
    });
    if let Some(at) = response.clicked {
        intents.push(Intent::Pick { at, how: pick(modifiers) });
    }
    if let Some(at) = response.moved_to {
        intents.push(Intent::Go { at, how: pick(modifiers) });
    }
    if response.toggled {
        intents.push(Intent::ToggleCursor);
    }
    if unused.is_none() && response.focused {
        let pressed = |modifiers, key| ui.input_mut(|input| input.consume_key(modifiers, key));
        if pressed(Modifiers::NONE, Key::Delete) {
            intents.push(Intent::Remove);
        }
        if pressed(Modifiers::COMMAND, Key::A) {
            intents.push(Intent::All);
        }
    }
}

/// How an entry stands, in words, with the whole of it for the pointer.
struct Standing {
    tone: Tone,
    icon: Icon,
    words: String,
    more: String,
    gone: bool,
}

fn standing(row: &Row<'_>, report: &Report, zone: &TimeZone) -> Option<Standing> {
    let new = |words: &str, more: &str| Standing {
        tone: Tone::Quiet,
        icon: Icon::Add,
        words: words.to_owned(),
        more: more.to_owned(),
        gone: false,
    };
    row.kind?;
    let Some(state) = row.state else {
        return match report {
            Report::Known { .. } => Some(new("new", "It counts once the settings are saved.")),
            Report::Asking | Report::Unknown(_) => None,
        };
    };
    Some(match state {
        EntryState::Resolved { members, at } => Standing {
            tone: Tone::Good,
            icon: Icon::Ok,
            words: members_of(row.kind, *members),
            more: format!("As of {}.", moment(*at, zone)),
            gone: false,
        },
        EntryState::Gone { since } => Standing {
            tone: Tone::Bad,
            icon: Icon::Error,
            words: "no longer exists".to_owned(),
            more: format!("It was deleted from the directory; noticed on {}.", moment(*since, zone)),
            gone: true,
        },
        EntryState::Stale { members, since, reason } => Standing {
            tone: Tone::Warning,
            icon: Icon::Warning,
            words: format!("{}, as of {}", members_of(row.kind, *members), moment(*since, zone)),
            more: format!("The directory could not be asked since; what was known then stays in force. {reason}"),
            gone: false,
        },
        EntryState::Unresolved { reason } => Standing {
            tone: Tone::Warning,
            icon: Icon::Waiting,
            words: "not known yet".to_owned(),
            more: format!("Messages of those whom it concerns wait until it is known. {reason}"),
            gone: false,
        },
    })
}

fn members_of(kind: Option<EntryKind>, members: u64) -> String {
    match (kind, members) {
        (Some(EntryKind::Group), 1) => "1 member".to_owned(),
        (Some(EntryKind::Group), members) => {
            format!("{} members", grouped(i64::try_from(members).unwrap_or(i64::MAX)))
        }
        _ => "found".to_owned(),
    }
}

/// Milliseconds since 1970, as the local API gives times.
fn moment(milliseconds: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(milliseconds);
    at.map_or_else(|_| "an unknown time".to_owned(), |at| time(at, zone))
}

fn draw(row: &mut widgets::Row<'_, '_, '_>, shown: &Row<'_>, report: &Report, zone: &TimeZone, quiet: bool) {
    let standing = standing(shown, report, zone);
    let gone = standing.as_ref().is_some_and(|standing| standing.gone);
    let words = |text: &str| {
        let text = RichText::new(legible(text));
        let text = if gone { text.strikethrough() } else { text };
        if quiet || gone { text.weak() } else { text }
    };
    row.cell(|ui| {
        ui.spacing_mut().item_spacing.x = TINY + 2.0;
        let (icon, name) = match shown.kind {
            Some(EntryKind::User) => (Icon::User, "User"),
            Some(EntryKind::Group) => (Icon::Group, "Group"),
            None => (Icon::Mail, "Address"),
        };
        icon.named(ui, colour(ui, Tone::Info, quiet || gone), name);
        ui.add(Label::new(words(shown.name)).truncate().selectable(false).show_tooltip_when_elided(true));
    });
    row.text(words(shown.domain));
    row.text(words(shown.address));
    row.cell(|ui| match &standing {
        Some(standing) => {
            ui.spacing_mut().item_spacing.x = TINY + 2.0;
            standing.icon.show(ui, colour(ui, standing.tone, quiet));
            let text = RichText::new(legible(&standing.words)).color(colour(ui, standing.tone, quiet));
            ui.add(Label::new(text).truncate().selectable(false)).on_hover_text(legible(&standing.more));
        }
        None if shown.kind.is_none() => drop(ui.label(words("by address"))),
        None => {}
    });
}

fn colour(ui: &Ui, tone: Tone, quiet: bool) -> Color32 {
    if quiet { ui.visuals().weak_text_color() } else { tone.colour(ui.visuals()) }
}

fn foot(ui: &mut Ui, state: &State, intents: &mut Vec<Intent>) {
    ui.add_space(TINY);
    ui.horizontal(|ui| {
        match &state.report {
            Report::Asking => drop(busy(ui, "Asking the updater how the entries stand…")),
            Report::Known { problem: Some(problem), .. } => {
                note(ui, &Note::Warning(legible(problem).into_owned()));
            }
            Report::Known { .. } => {
                weak(ui, &count(state));
            }
            Report::Unknown(why) => {
                note(ui, &Note::Warning(format!("How the entries stand is not known. {}", legible(why))));
            }
        }
        if !matches!(state.report, Report::Asking) && link(ui, "Refresh").clicked() {
            intents.push(Intent::Refresh);
        }
    });
}

fn count(state: &State) -> String {
    let number = |count: usize| grouped(i64::try_from(count).unwrap_or(i64::MAX));
    let mut text = match state.total() {
        1 => "1 entry".to_owned(),
        total => format!("{} entries", number(total)),
    };
    if state.rows() != state.total() {
        text.push_str(&format!(", {} shown", number(state.rows())));
    }
    if !state.selection.is_empty() {
        text.push_str(&format!(", {} selected", number(state.selection.len())));
    }
    text
}
