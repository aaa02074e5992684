//! W5: a summary of what will be done, then the live checklist.

use eframe::egui::Ui;

use super::heading;
use crate::panel::failure_window::numbered;
use crate::panel::style::{MEDIUM, SMALL, Tone, legible};
use crate::panel::widgets::{Note, banner, card, note};
use crate::panel::wizard::checklist;
use crate::panel::wizard::shared::Shared;
use crate::panel::wizard::state::{Intent, Run, State};
use crate::setup::Step;

pub fn summary(ui: &mut Ui, plan: &[(Step, String)], shared: Option<&Shared>) {
    heading(ui, "This will be done", "Press Configure to begin. Until then nothing is changed.");
    card(ui, |ui| {
        ui.spacing_mut().item_spacing.y = SMALL;
        let sentences: Vec<String> = plan.iter().map(|(_, sentence)| sentence.clone()).collect();
        numbered(ui, &sentences);
    });
    if let Some(shared) = shared {
        ui.add_space(SMALL);
        let tone = if shared.registered { Tone::Info } else { Tone::Warning };
        banner(ui, tone, &legible(&shared.before()));
    }
    ui.add_space(MEDIUM);
    let text = "The updater goes on with the configuration that it has until the last step is done.";
    note(ui, &Note::Hint(text.to_owned()));
}

pub fn progress(ui: &mut Ui, state: &State, intents: &mut Vec<Intent>) {
    heading(ui, "Configuring…", "You can stop at any time; nothing is left half done.");
    let stopping = matches!(state.run, Run::Going { stopping: true, .. });
    card(ui, |ui| intents.extend(checklist::show(ui, state.steps(), stopping)));
}
