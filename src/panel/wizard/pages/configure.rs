//! W5: a summary of what will be done, then the live checklist.

use eframe::egui::Ui;

use super::heading;
use crate::panel::failure_window::numbered;
use crate::panel::style::{MEDIUM, SMALL};
use crate::panel::widgets::{Note, card, note};
use crate::panel::wizard::checklist;
use crate::panel::wizard::state::{Intent, Run, State};
use crate::setup::Step;

pub fn summary(ui: &mut Ui, plan: &[(Step, String)]) {
    heading(ui, "This will be done", "Press Configure to begin. Until then nothing is changed.");
    card(ui, |ui| {
        ui.spacing_mut().item_spacing.y = SMALL;
        let sentences: Vec<String> = plan.iter().map(|(_, sentence)| sentence.clone()).collect();
        numbered(ui, &sentences);
    });
    ui.add_space(MEDIUM);
    let text = "The updater goes on with the configuration that it has until the last step is done.";
    note(ui, &Note::Hint(text.to_owned()));
}

pub fn progress(ui: &mut Ui, state: &State, intents: &mut Vec<Intent>) {
    heading(ui, "Configuring…", "You can stop at any time; nothing is left half done.");
    let stopping = matches!(state.run, Run::Going { stopping: true, .. });
    card(ui, |ui| intents.extend(checklist::show(ui, state.steps(), stopping)));
}
