//! Draws the picker: state in, wishes out.

use eframe::egui::{Align, Context, Key, Label, Layout, Modifiers, Popup, PopupCloseBehavior, RichText, Ui};

use super::chips;
use super::icons::object_icon;
use super::purpose::remarks;
use super::state::{Intent, Phase, State};
use crate::directory::{DirectoryObject, Kinds};
use crate::panel::selection::Pick;
use crate::panel::style::{SMALL, TINY, Tone, grouped, legible};
use crate::panel::widgets::{
    Button, Column, Dialog, DialogButton, Empty, Icon, Note, Row, Table, TextField, busy, check, initial_focus, link,
    note, takes_enter, waiting, weak,
};

pub enum Wanted {
    State(Intent),
    Locations,
    Ok,
    Cancel,
}

#[derive(Clone, Copy)]
enum Pressed {
    Ok,
    Cancel,
}

/// Rows before the end at which the next page is asked for.
const AHEAD: usize = 20;

pub fn show(ctx: &Context, state: &State) -> Vec<Wanted> {
    let nothing = state.chosen.is_empty().then_some("Select something in the list first.");
    let dialog = Dialog::new("picker", state.purpose.title())
        .width(860.0)
        .height(if state.purpose.many() { 520.0 } else { 450.0 })
        .without_scrolling()
        .button(DialogButton::new(Pressed::Ok, "OK").default().greyed(nothing))
        .button(DialogButton::new(Pressed::Cancel, "Cancel").cancels());
    let (pressed, mut wanted) = dialog.show(ctx, |ui| content(ui, state));
    match pressed {
        Some(Pressed::Ok) => wanted.push(Wanted::Ok),
        Some(Pressed::Cancel) => wanted.push(Wanted::Cancel),
        None => {}
    }
    wanted
}

fn content(ui: &mut Ui, state: &State) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    where_to_search(ui, state, &mut wanted);
    ui.add_space(TINY);
    let into_the_list = search_field(ui, state, &mut wanted);
    let below = if state.purpose.many() { chips::HEIGHT + 64.0 } else { 36.0 };
    let room = ui.available_height() - below;
    let table = ui.make_persistent_id(TABLE);
    results(ui, state, room, &mut wanted);
    if into_the_list {
        ui.memory_mut(|memory| memory.request_focus(table));
        wanted.push(Wanted::State(Intent::Go { at: state.cursor().unwrap_or(0), how: Pick::Only }));
    }
    what_is_said(ui, state, &mut wanted);
    if state.purpose.many() {
        ui.add_space(TINY);
        let count = grouped(i64::try_from(state.chosen.len()).unwrap_or(i64::MAX));
        ui.label(RichText::new(format!("Selected ({count})")).strong());
        if let Some(id) = chips::show(ui, &state.chosen) {
            wanted.push(Wanted::State(Intent::Drop(id)));
        }
    }
    wanted
}

const TABLE: &str = "Found";

fn where_to_search(ui: &mut Ui, state: &State, wanted: &mut Vec<Wanted>) {
    ui.horizontal(|ui| {
        ui.label(RichText::new("In").weak());
        let colour = ui.visuals().weak_text_color();
        Icon::Domain.show(ui, colour);
        let domain = state.domain_shown().map_or_else(|| "your domain".into(), legible);
        ui.add(Label::new(domain.as_ref()).truncate());
        if Button::new("Locations…").show(ui).clicked() {
            wanted.push(Wanted::Locations);
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if state.purpose.kinds() == (Kinds { users: true, groups: true }) {
                let button = Button::new("Object types…").show(ui);
                Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
                    object_types(ui, state.kinds, wanted);
                });
            }
            let looked_for = match state.kinds {
                Kinds { users: true, groups: true } => "Users and groups",
                Kinds { groups: true, .. } => "Groups",
                Kinds { .. } => "Users",
            };
            ui.label(looked_for);
            ui.label(RichText::new("Looking for").weak());
        });
    });
}

/// At least one of them stays: a search for nothing finds nothing.
fn object_types(ui: &mut Ui, kinds: Kinds, wanted: &mut Vec<Wanted>) {
    ui.set_min_width(150.0);
    let (mut users, mut groups) = (kinds.users, kinds.groups);
    let last = Some("One kind of object is needed.");
    let changed = check(ui, &mut users, "Users", "", last.filter(|_| !kinds.groups)).changed()
        | check(ui, &mut groups, "Groups", "", last.filter(|_| !kinds.users)).changed();
    if changed {
        wanted.push(Wanted::State(Intent::Kinds(Kinds { users, groups })));
    }
}

/// Returns whether the keyboard is to go into the list.
fn search_field(ui: &mut Ui, state: &State, wanted: &mut Vec<Wanted>) -> bool {
    let mut text = state.text.clone();
    let response = ui
        .horizontal(|ui| {
            let width = ui.available_width();
            let field = TextField::new(&mut text).named("Search").search().width(width).longest(256);
            field.hint("Beginning of a name, e-mail address or user name").show(ui)
        })
        .inner;
    initial_focus(ui, &response);
    if response.changed() {
        wanted.push(Wanted::State(Intent::Type(text)));
    }
    if response.has_focus() && state.is_due() {
        // What was typed is searched for first; OK would be too early.
        takes_enter(ui);
    }
    if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
        // Enter is a wish, not the end of typing.
        response.request_focus();
        if state.is_due() {
            takes_enter(ui);
            wanted.push(Wanted::State(Intent::SearchNow));
        }
    }
    let down = ui.input(|input| input.key_pressed(Key::ArrowDown));
    response.has_focus() && down && !state.results.is_empty()
}

fn results(ui: &mut Ui, state: &State, room: f32, wanted: &mut Vec<Wanted>) {
    if !state.results.is_empty() {
        list(ui, state, room, wanted);
        return;
    }
    let size = eframe::egui::vec2(ui.available_width(), room);
    ui.allocate_ui(size, |ui| {
        ui.set_min_size(size);
        nothing(ui, state, wanted);
    });
}

fn nothing(ui: &mut Ui, state: &State, wanted: &mut Vec<Wanted>) {
    match &state.phase {
        Phase::Searching | Phase::SearchingMore => waiting(ui, "Searching…"),
        Phase::Failed(error) => {
            let text = format!("{} {}", error.what, error.advice);
            let retry = Button::new("Try again").icon(Icon::Retry);
            let text = legible(text.trim());
            if Empty::new(Icon::Error, "The search failed", &text).action(retry).show(ui) {
                wanted.push(Wanted::State(Intent::Retry));
            }
        }
        Phase::Shown { .. } => {
            let place = state.domain_shown().map_or_else(String::new, |domain| format!(" in {}", legible(domain)));
            let text = if state.text.trim().is_empty() {
                format!("There is nothing to choose from{place}.")
            } else {
                format!("No name, address or user name{place} begins with “{}”.", legible(state.text.trim()))
            };
            Empty::new(Icon::Search, "Nothing found", &text).show(ui);
        }
    }
}

fn list(ui: &mut Ui, state: &State, room: f32, wanted: &mut Vec<Wanted>) {
    let columns = [
        Column::rest("Name"),
        Column::new("E-mail address", 230.0),
        Column::new("User name", 200.0),
        Column::new("Remarks", 150.0),
    ];
    let modifiers = ui.input(|input| input.modifiers);
    let response =
        Table::new(TABLE, &columns).height(room).current(state.cursor()).show(ui, state.results.len(), |row| {
            let Some(object) = state.results.get(row.index()) else { return };
            row.selected(state.selection.contains(&object.id));
            draw(row, object, state.purpose.obstacle(object));
        });
    if let Some(at) = response.clicked {
        wanted.push(Wanted::State(Intent::Pick { at, how: pick(modifiers) }));
    }
    if let Some(at) = response.moved_to {
        wanted.push(Wanted::State(Intent::Go { at, how: pick(modifiers) }));
    }
    if response.toggled {
        wanted.push(Wanted::State(Intent::ToggleCursor));
    }
    let usable = |at: usize| state.results.get(at).is_some_and(|object| state.purpose.obstacle(object).is_none());
    if response.double_clicked.is_some_and(usable) || (response.entered && !state.chosen.is_empty()) {
        wanted.push(Wanted::Ok);
    }
    if response.focused && ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::A)) {
        wanted.push(Wanted::State(Intent::All));
    }
    if response.visible.end + AHEAD > state.results.len() && state.phase == (Phase::Shown { more: true }) {
        wanted.push(Wanted::State(Intent::More));
    }
}

/// What a click, or an arrow key, means with the modifier keys that are down.
#[must_use]
pub fn pick(modifiers: Modifiers) -> Pick {
    if modifiers.shift {
        Pick::Range
    } else if modifiers.command || modifiers.ctrl {
        Pick::Toggle
    } else {
        Pick::Only
    }
}

fn draw(row: &mut Row<'_, '_, '_>, object: &DirectoryObject, obstacle: Option<&str>) {
    let words = |text: &str| {
        let text = RichText::new(legible(text));
        if obstacle.is_some() { text.weak() } else { text }
    };
    row.cell(|ui| {
        ui.spacing_mut().item_spacing.x = TINY + 2.0;
        let (icon, name) = object_icon(object);
        let colour = if obstacle.is_some() { ui.visuals().weak_text_color() } else { Tone::Info.colour(ui.visuals()) };
        icon.named(ui, colour, name);
        let label = Label::new(words(&object.name)).truncate().selectable(false).show_tooltip_when_elided(true);
        let response = ui.add(label);
        if let Some(obstacle) = obstacle {
            response.on_hover_text(obstacle);
        }
    });
    row.text(words(object.mail.as_deref().unwrap_or_default()));
    row.text(words(object.upn.as_deref().or(object.account_name.as_deref()).unwrap_or_default()));
    row.text(words(&remarks(object).join(", ")));
}

/// One line below the list: what goes on, or why the object with the cursor can't be selected.
fn what_is_said(ui: &mut Ui, state: &State, wanted: &mut Vec<Wanted>) {
    ui.add_space(SMALL / 2.0);
    ui.horizontal(|ui| {
        if let Some((object, obstacle)) = state.obstacle_at_cursor() {
            let text = format!("{} can't be selected. {obstacle}", legible(&object.name));
            note(ui, &Note::Warning(text));
            return;
        }
        match &state.phase {
            Phase::Searching if !state.results.is_empty() => drop(busy(ui, "Searching…")),
            Phase::SearchingMore => drop(busy(ui, "Searching for more…")),
            Phase::Failed(error) if !state.results.is_empty() => {
                note(ui, &Note::Error(legible(&error.what).into_owned()));
                if link(ui, "Try again").clicked() {
                    wanted.push(Wanted::State(Intent::Retry));
                }
            }
            Phase::Shown { more } if !state.results.is_empty() => {
                let count = grouped(i64::try_from(state.results.len()).unwrap_or(i64::MAX));
                let more = if *more { " so far; scroll for more" } else { "" };
                weak(ui, &format!("{count} found{more}"));
            }
            Phase::Searching | Phase::Shown { .. } | Phase::Failed(_) => {}
        }
    });
}
