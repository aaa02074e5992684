//! W7, W8, W13: how it ended.

use eframe::egui::{Label, RichText, Ui};

use crate::panel::style::{MEDIUM, SMALL, TEXT_TITLE, TINY, Tone, legible};
use crate::panel::widgets::{Icon, card, titled_card, weak, wrapped};
use crate::panel::wizard::checklist;
use crate::panel::wizard::shared::Shared;
use crate::panel::wizard::state::{Intent, Run, State};
use crate::setup::StepState;
use crate::setup::failures::page_name;

pub fn result(ui: &mut Ui, state: &State, intents: &mut Vec<Intent>) {
    let Run::Ended(report) = &state.run else { return };
    let cancelled = report.steps.iter().any(|(_, state)| *state == StepState::Cancelled);
    let (icon, tone, title, text) = if report.succeeded() && report.stays_off {
        (
            Icon::Ok,
            Tone::Good,
            "Sent Items Update is configured",
            "It is switched off, as it was before. Switched on, it works with the new configuration.",
        )
    } else if report.succeeded() {
        (
            Icon::Ok,
            Tone::Good,
            "Sent Items Update is configured",
            "It is switched on and works with the new configuration.",
        )
    } else if cancelled {
        (Icon::Skipped, Tone::Warning, "The configuration was cancelled", "What was in force before stays in force.")
    } else {
        (Icon::Error, Tone::Bad, "The configuration failed", "What was in force before stays in force.")
    };
    ui.horizontal_top(|ui| {
        let colour = tone.colour(ui.visuals());
        Icon::sized(icon, ui, 32.0, colour);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = TINY;
            ui.add(Label::new(RichText::new(title).size(TEXT_TITLE).strong()).wrap());
            weak(ui, text);
            if report.succeeded()
                && let Some(after) = state.shared.as_ref().and_then(Shared::after)
            {
                weak(ui, &legible(&after));
            }
            if !report.succeeded() {
                weak(ui, &next(state));
            }
        });
    });
    ui.add_space(MEDIUM);
    card(ui, |ui| intents.extend(checklist::show(ui, &report.steps, false)));
    if !report.changes.is_empty() {
        ui.add_space(SMALL);
        titled_card(ui, "What was changed nevertheless", |ui| {
            for change in &report.changes {
                ui.horizontal_top(|ui| {
                    let colour = Tone::Info.colour(ui.visuals());
                    Icon::Info.show(ui, colour);
                    wrapped(ui, legible(change));
                });
            }
        });
    }
}

/// What to do now. It stands above the steps: nobody has to scroll for it.
fn next(state: &State) -> String {
    match state.page_to_mend() {
        Some(page) => format!(
            "Back leads to the page {}, where the answer can be changed. Steps that were done are not done twice.",
            page_name(page)
        ),
        None => "Run it again when the cause is put right. Steps that were done are not done twice.".to_owned(),
    }
}
