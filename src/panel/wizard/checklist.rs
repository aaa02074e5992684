//! The steps as they stand: spinner, green tick, red with the link *Failure*, grey *not run*.

use eframe::egui::{self, Label, RichText, Spinner, Ui, vec2};

use super::state::{Intent, title};
use crate::panel::style::{LARGE, SMALL, TINY, Tone, legible};
use crate::panel::widgets::{Button, ButtonStyle, Icon, link};
use crate::setup::{Step, StepState};

/// Draws the list. `stopping`: the running step was asked to stop.
pub fn show(ui: &mut Ui, steps: &[(Step, StepState)], stopping: bool) -> Option<Intent> {
    let mut intent = None;
    for (step, state) in steps {
        intent = row(ui, *step, state, stopping).or(intent);
        ui.add_space(TINY);
    }
    intent
}

fn row(ui: &mut Ui, step: Step, state: &StepState, stopping: bool) -> Option<Intent> {
    let mut intent = None;
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = SMALL;
        sign(ui, state);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            ui.spacing_mut().interact_size.y = LARGE;
            ui.horizontal(|ui| {
                let running = matches!(state, StepState::Running { .. });
                let words = match state {
                    StepState::NotRun | StepState::Cancelled => RichText::new(title(step)).weak(),
                    StepState::Running { .. } => RichText::new(title(step)).strong(),
                    StepState::Done { .. } | StepState::Failed(_) => RichText::new(title(step)),
                };
                ui.label(words);
                match state {
                    StepState::Failed(_) if link(ui, "Failure").clicked() => intent = Some(Intent::Explain(step)),
                    StepState::NotRun => drop(ui.label(RichText::new("not run").weak().small())),
                    StepState::Cancelled => {
                        ui.label(RichText::new("cancelled").color(Tone::Warning.colour(ui.visuals())).small());
                    }
                    _ => {}
                }
                if running {
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        let text = if stopping { "Stopping…" } else { "Stop" };
                        let button = Button::new(text).icon(Icon::Clear).style(ButtonStyle::Quiet).enabled(!stopping);
                        if button.show(ui).clicked() {
                            intent = Some(Intent::Stop);
                        }
                    });
                }
            });
            let note = match state {
                StepState::Running { note } | StepState::Done { note } => note.clone(),
                StepState::Failed(failure) => failure.what.clone(),
                StepState::NotRun | StepState::Cancelled => String::new(),
            };
            if !note.is_empty() {
                let words = RichText::new(legible(&note));
                let failed = matches!(state, StepState::Failed(_));
                let words = if failed { words.color(Tone::Bad.colour(ui.visuals())) } else { words.weak() };
                ui.add(Label::new(words).wrap());
            }
        });
    });
    intent
}

fn sign(ui: &mut Ui, state: &StepState) {
    let (icon, tone, name) = match state {
        StepState::Running { .. } => {
            ui.allocate_ui(vec2(LARGE, LARGE), |ui| {
                ui.set_min_size(vec2(16.0, LARGE));
                ui.add(Spinner::new().size(16.0)).on_hover_text("Running");
            });
            return;
        }
        StepState::NotRun => (Icon::Quiet, Tone::Quiet, "Not run"),
        StepState::Done { .. } => (Icon::Ok, Tone::Good, "Done"),
        StepState::Failed(_) => (Icon::Error, Tone::Bad, "Failed"),
        StepState::Cancelled => (Icon::Skipped, Tone::Warning, "Cancelled"),
    };
    let colour = tone.colour(ui.visuals());
    ui.vertical(|ui| {
        ui.add_space(2.0);
        icon.named(ui, colour, name);
    });
}
