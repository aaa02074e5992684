//! The list of messages (M3).

use eframe::egui::{Align, Layout, RichText, Ui};
use jiff::Timestamp;

use super::words;
use crate::panel::state::{Intent, Messages, SortBy, Sorting, State};
use crate::panel::style::{Tone, day, grouped, legible};
use crate::panel::widgets::{Banner, Button, Column, Empty, Icon, Row, Sort, Table, TextField, busy, waiting};
use crate::pipe::types::{Listed, State as MessageState};

/// So many rows before the end, the next page is asked for.
const AHEAD: usize = 100;

/// Columns in their order.
const COLUMNS: [(SortBy, &str); 5] = [
    (SortBy::State, "Status"),
    (SortBy::Time, "Accepted"),
    (SortBy::Sender, "Sender"),
    (SortBy::Subject, "Subject"),
    (SortBy::Reason, "Reason"),
];

pub fn show(ui: &mut Ui, state: &State) -> Vec<Intent> {
    let mut wanted = Vec::new();
    let messages = &state.messages;
    above(ui, state, &mut wanted);
    if let Some(problem) = messages.problem() {
        let text = format!("The list can't be read. {problem}");
        if Banner::new(Tone::Bad, &text).action(Button::new("Try again")).show(ui).is_some() {
            wanted.push(Intent::Reload);
        }
    }
    if messages.is_empty() {
        nothing(ui, messages, &mut wanted);
        return wanted;
    }
    let wide = ui.available_width() >= WIDE;
    let columns = columns(messages.sorting(), wide);
    let selected = messages.selected();
    let current = selected.and_then(|id| messages.place_of(id));
    let response = Table::new("Messages", &columns).id_salt(wide).current(current).show(ui, messages.len(), |row| {
        let Some(listed) = messages.at(row.index()) else { return };
        row.selected(selected == Some(listed.id));
        draw(row, listed, state, wide);
    });
    if let Some(listed) = response.clicked.or(response.moved_to).and_then(|place| messages.at(place)) {
        wanted.push(Intent::Select(Some(listed.id)));
    }
    if let Some((by, _)) = response.sort.and_then(|at| COLUMNS.get(at)) {
        let now = messages.sorting();
        // The newest first, but names from A to Z.
        let ascending = if now.by == *by { !now.ascending } else { *by != SortBy::Time };
        wanted.push(Intent::Sort(Sorting { by: *by, ascending }));
    }
    let reading = messages.problem().is_none() && !messages.complete();
    if reading && (response.visible.end + AHEAD >= messages.len() || messages.wants_everything()) {
        wanted.push(Intent::More);
    }
    wanted
}

/// Narrower than this, the reason has no room: the details show it.
const WIDE: f32 = 820.0;

fn columns(sorting: Sorting, wide: bool) -> Vec<Column<'static>> {
    let shown = if wide { &COLUMNS[..] } else { &COLUMNS[..4] };
    let columns = shown.iter().map(|(by, title)| {
        let sort = if sorting.ascending { Sort::Ascending } else { Sort::Descending };
        let column = match by {
            SortBy::State => Column::new(title, 100.0),
            SortBy::Time => Column::new(title, 132.0),
            SortBy::Sender => Column::new(title, if wide { 220.0 } else { 170.0 }),
            SortBy::Subject if wide => Column::new(title, 260.0),
            SortBy::Subject | SortBy::Reason => Column::rest(title),
        };
        column.sortable((sorting.by == *by).then_some(sort))
    });
    columns.collect()
}

/// Search field on the left, what concerns all on the right.
fn above(ui: &mut Ui, state: &State, wanted: &mut Vec<Intent>) {
    let messages = &state.messages;
    ui.horizontal(|ui| {
        let mut search = messages.search().to_owned();
        let field = TextField::new(&mut search)
            .named("Search messages")
            .hint("Search sender, subject or Message-ID")
            .width(320.0)
            .search()
            .show(ui);
        if field.changed() {
            wanted.push(Intent::Filter { state: messages.state(), search });
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let failed = state.status().map_or(0, |status| status.counts.failed);
            let greyed = if failed == 0 {
                Some("No message has failed.")
            } else if state.retrying {
                Some("They are being put back to waiting.")
            } else {
                None
            };
            if Button::new("Retry all failed").icon(Icon::Retry).greyed(greyed).show(ui).clicked() {
                wanted.push(Intent::RetryFailed);
            }
            #[allow(clippy::cast_possible_wrap)] // some hundred thousand at the most
            let count = grouped(messages.len() as i64);
            let words = match (messages.loaded(), messages.complete(), messages.wants_everything()) {
                (false, ..) => return,
                (true, true, _) => format!("{count} messages"),
                (true, false, true) => {
                    busy(ui, &format!("{count} messages read so far"));
                    return;
                }
                (true, false, false) => format!("the newest {count} messages"),
            };
            ui.label(RichText::new(words).weak());
        });
    });
}

fn nothing(ui: &mut Ui, messages: &Messages, wanted: &mut Vec<Intent>) {
    if messages.problem().is_some() {
        // It stands above.
    } else if !messages.loaded() {
        waiting(ui, "The list is being read…");
    } else if messages.filtered() {
        let empty = Empty::new(Icon::Search, "No message matches", "Other words or another status may find it.");
        if empty.action(Button::new("Show all messages")).show(ui) {
            wanted.push(Intent::Filter { state: None, search: String::new() });
        }
    } else {
        Empty::new(
            Icon::Mail,
            "No messages yet",
            "Processed messages appear here as soon as the signature program hands the first one over.",
        )
        .show(ui);
    }
}

fn draw(row: &mut Row<'_, '_, '_>, listed: &Listed, state: &State, wide: bool) {
    let (icon, tone, word) = words::state(listed.state);
    row.cell(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        icon.show(ui, tone.colour(ui.visuals()));
        ui.add(eframe::egui::Label::new(word).truncate().selectable(false));
    });
    let time = Timestamp::from_millisecond(listed.accepted_at).unwrap_or_default();
    row.text(day(time, state.now, &state.zone));
    row.text(legible(&listed.sender).into_owned());
    row.text(match legible(&listed.subject) {
        subject if subject.trim().is_empty() => RichText::new("(no subject)").weak(),
        subject => RichText::new(subject),
    });
    if wide {
        row.text(RichText::new(reason(listed)).weak());
    }
}

/// Why it is as it is, on one line.
fn reason(listed: &Listed) -> String {
    if !listed.reason.is_empty() {
        return words::opened(&legible(&listed.reason));
    }
    match (listed.state, listed.rule) {
        (MessageState::Updated | MessageState::Skipped | MessageState::Failed, Some(rule)) => {
            words::rule(rule).trim_end_matches('.').to_owned()
        }
        _ => String::new(),
    }
}
