//! *Configuration of the organisation*, on the General tab: where the settings come from, and who shares them (P1).

use std::time::Duration;

use eframe::egui::{Label, RichText, Ui};
use jiff::Timestamp;
use uuid::Uuid;

use crate::panel::app::Surroundings;
use crate::panel::background::{Polled, Task};
use crate::panel::state::{Dialog, State};
use crate::panel::style::{ROW, SMALL, TEXT_TITLE, TINY, Tone, ago, capital, day, grouped, legible, sentence, time};
use crate::panel::widgets::{Banner, Button, Column, Facts, Icon, Table, banner, tone_icon, weak};
use crate::pipe::client::PipeError;
use crate::pipe::types::{ConfigurationSummary, Joined, OrganisationReport, SecretState, UpdaterReport};

/// It is asked for again while the window is open: others come and go.
const AGAIN: Duration = Duration::from_secs(30);

/// Rows of updaters that are shown without scrolling.
const MOST_ROWS: usize = 6;

/// What the updater says of the organisation.
#[derive(Default)]
pub struct Organisation {
    asked: Option<Task<Result<OrganisationReport, PipeError>>>,
    known: Option<Result<OrganisationReport, String>>,
    /// When it was asked last, and what the status said then.
    at: Option<(Timestamp, Option<ConfigurationSummary>)>,
    /// The row that is chosen.
    selected: Option<Uuid>,
}

impl Organisation {
    /// Asks when it is time to.
    pub fn poll(&mut self, around: &Surroundings<'_>) {
        let now = around.state.now;
        let summary = around.state.status().map(|status| status.configuration.clone());
        if let Some(task) = &mut self.asked {
            match task.poll() {
                Polled::Running => return,
                Polled::Ready(Ok(report)) => self.known = Some(Ok(report)),
                Polled::Ready(Err(why)) => self.known = Some(Err(sentence(&why.to_string()))),
                Polled::Gone => {}
            }
            self.asked = None;
        }
        let due = self
            .at
            .as_ref()
            .is_none_or(|(at, told)| told != &summary || now.duration_since(*at).unsigned_abs() >= AGAIN);
        if due {
            let pipe = around.pipe.clone();
            self.asked = Some(around.background.task(async move { pipe.organisation().await }));
            self.at = Some((now, summary));
        }
    }

    /// It was changed just now.
    pub fn ask_again(&mut self) {
        (self.asked, self.at) = (None, None);
    }

    /// Draws it. Returns what is to be opened.
    pub fn show(&mut self, ui: &mut Ui, state: &State) -> Option<Dialog> {
        let mut wanted = None;
        ui.label(RichText::new("Configuration of the organisation").size(TEXT_TITLE).strong());
        ui.add_space(2.0);
        match &self.known {
            None => drop(weak(ui, "The updater is being asked…")),
            Some(Err(why)) => {
                banner(ui, Tone::Warning, &format!("Where the settings come from is not known. {why}"));
            }
            Some(Ok(report)) => match &report.joined {
                None => {
                    weak(
                        ui,
                        "The settings are this computer's own, and no other updater has them. Registered in Active \
                         Directory, all updaters of the organisation share one configuration.",
                    );
                    ui.add_space(SMALL / 2.0);
                    if Button::new("Register…").icon(Icon::Domain).greyed(not_here(state)).show(ui).clicked() {
                        wanted = Some(Dialog::Register);
                    }
                }
                Some(joined) => {
                    self::joined(ui, joined, &mut self.selected, state);
                    ui.add_space(SMALL);
                    wanted = actions(ui, joined, self.selected, state);
                }
            },
        }
        if let Some(Ok(OrganisationReport { kept: Some(kept), .. })) = &self.known {
            ui.add_space(SMALL / 2.0);
            let text = format!(
                "The settings that were this computer's own before are kept in {kept}. Import… below reads them again."
            );
            weak(ui, &legible(&text));
        }
        ui.ctx().request_repaint_after(AGAIN);
        wanted
    }
}

/// Why nothing can be registered.
fn not_here(state: &State) -> Option<&'static str> {
    let sandbox = state.sandbox.is_some() || state.status().is_some_and(|status| status.sandbox);
    sandbox
        .then_some("The sandbox has a directory of its own, which keeps no configuration. It works in a real domain.")
}

fn actions(ui: &mut Ui, joined: &Joined, selected: Option<Uuid>, state: &State) -> Option<Dialog> {
    let mut wanted = None;
    let selected = selected.filter(|id| joined.updaters.iter().any(|one| one.id == *id));
    let nothing = selected.is_none().then_some("Choose an updater in the table.");
    ui.horizontal(|ui| {
        let remove = Button::new("Remove…").icon(Icon::Remove).greyed(not_here(state).or(nothing)).show(ui);
        if let (true, Some(id)) = (remove.clicked(), selected) {
            wanted = Some(Dialog::Remove(id));
        }
        let again = Button::new("Register again…").icon(Icon::Retry).greyed(not_here(state)).show(ui);
        let told = "Renews the registration of this updater: when it was lost, or to have it sign in to the directory with \
                    another account or a new password.";
        if again.on_hover_text(told).clicked() {
            wanted = Some(Dialog::Register);
        }
        // Before the directory has answered once, it is not known.
        if !joined.registered && joined.last_read.is_some() {
            let leave = Button::new("Leave…").show(ui);
            if leave.on_hover_text("The settings in force become this computer's own.").clicked() {
                wanted = Some(Dialog::Leave);
            }
        }
    });
    wanted
}

fn joined(ui: &mut Ui, joined: &Joined, selected: &mut Option<Uuid>, state: &State) {
    weak(ui, "All updaters of the organisation share these settings, except the doors. A change here is for all.");
    ui.add_space(SMALL / 2.0);
    if let Some(problem) = &joined.problem {
        Banner::new(Tone::Warning, &legible(problem)).show(ui);
        ui.add_space(SMALL / 2.0);
    }
    let facts = Facts::width(90.0);
    // Where exactly is for those who look there by other programs.
    facts
        .show(ui, "Source", format!("Active Directory, {}", legible(&joined.directory.domain)))
        .on_hover_text(legible(&joined.place));
    let version = joined.configuration.as_ref().map_or_else(
        || "Nothing is published yet".to_owned(),
        |version| {
            format!(
                "{}, changed by {} on {}, {}",
                version.version,
                legible(&version.changed_by),
                legible(&version.changed_on),
                day(version.changed_at, state.now, &state.zone)
            )
        },
    );
    facts.show(ui, "Version", version);
    facts.show(
        ui,
        "Last look",
        joined.last_look.map_or_else(|| "Not yet".to_owned(), |at| capital(&ago(at, state.now))),
    );
    ui.add_space(SMALL);
    if joined.updaters.is_empty() {
        weak(ui, "Which updaters share it is known once the directory has answered.");
        return;
    }
    let columns = [
        Column::new("Updater", 180.0),
        Column::new("Last seen", 112.0),
        Column::new("Program", 66.0),
        Column::new("Version", 62.0),
        Column::new("Waiting", 66.0),
        Column::rest("Password"),
    ];
    let rows = joined.updaters.len();
    #[allow(clippy::cast_precision_loss, reason = "a few rows")]
    let height = ROW * (rows.min(MOST_ROWS) + 1) as f32;
    let current = joined.configuration.as_ref().map(|version| version.version);
    let current_row = selected.and_then(|id| joined.updaters.iter().position(|one| one.id == id));
    let table = Table::new("Updaters of the organisation", &columns).height(height).current(current_row);
    let response = table.show(ui, rows, |row| {
        let updater = &joined.updaters[row.index()];
        row.selected(current_row == Some(row.index()));
        row.cell(|ui| name(ui, updater, &joined.directory.domain, state));
        row.text(updater.last_seen.map_or_else(|| "never".to_owned(), |at| ago(at, state.now)));
        row.text(legible(updater.program.as_deref().unwrap_or("–")).into_owned());
        row.cell(|ui| configuration(ui, updater, current));
        row.text(
            updater
                .backlog
                .map_or_else(|| "–".to_owned(), |backlog| grouped(i64::try_from(backlog).unwrap_or(i64::MAX))),
        );
        row.cell(|ui| secret(ui, updater.secret));
    });
    if let Some(row) = response.clicked.or(response.moved_to) {
        *selected = joined.updaters.get(row).map(|one| one.id);
    }
}

/// The domain stands above: without it, a long name leaves room for what is behind it.
fn name(ui: &mut Ui, updater: &UpdaterReport, domain: &str, state: &State) {
    let name = legible(without_domain(&updater.name, domain));
    let text = if updater.this { format!("{name} (this one)") } else { name.into_owned() };
    let told = format!(
        "{} signs in as {}. Registered by {}, {}.",
        legible(&updater.name),
        legible(&updater.account),
        legible(&updater.registered_by),
        time(updater.registered_at, &state.zone)
    );
    ui.add(Label::new(text).truncate().selectable(false)).on_hover_text(told);
}

fn without_domain<'a>(name: &'a str, domain: &str) -> &'a str {
    match name.split_once('.') {
        Some((host, rest)) if !host.is_empty() && rest.eq_ignore_ascii_case(domain) => host,
        _ => name,
    }
}

/// Version of the configuration; marked when it is not the one that is in force here, or when something is wrong there.
fn configuration(ui: &mut Ui, updater: &UpdaterReport, current: Option<u64>) {
    let text = updater.configuration.map_or_else(|| "–".to_owned(), |version| version.to_string());
    ui.add(Label::new(text).selectable(false));
    let said = match &updater.problem {
        Some(problem) => Some(legible(problem).into_owned()),
        None if updater.last_seen.is_some() && updater.configuration != current => {
            Some("It has another version than this one; a look takes it half a minute.".to_owned())
        }
        None => None,
    };
    if let Some(said) = said {
        let colour = Tone::Warning.colour(ui.visuals());
        ui.add_space(TINY + 2.0);
        Icon::Warning.named(ui, colour, &said);
    }
}

fn secret(ui: &mut Ui, secret: SecretState) {
    let (tone, text, told) = match secret {
        SecretState::None => (None, "None", "There is no password to be read."),
        SecretState::Sealed => (Some(Tone::Good), "Can read it", "The password is encrypted to this updater."),
        SecretState::Waiting => (
            Some(Tone::Warning),
            "Waits for it",
            "Another updater that runs encrypts it to this one within a minute. Or change the account here with its password.",
        ),
    };
    if let Some(tone) = tone {
        tone_icon(tone).show(ui, tone.colour(ui.visuals()));
        ui.add_space(TINY + 2.0);
    }
    ui.add(Label::new(text).truncate().selectable(false)).on_hover_text(told);
}

#[cfg(test)]
mod tests;
