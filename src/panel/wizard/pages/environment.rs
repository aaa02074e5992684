//! W1: on-premises Exchange Server, or hybrid.

use eframe::egui::Ui;

use super::heading;
use crate::panel::style::SMALL;
use crate::panel::widgets::{Note, initial_focus, note, radio};
use crate::panel::wizard::state::{Intent, State};
use crate::settings::Environment;

pub fn environment(ui: &mut Ui, state: &State, intents: &mut Vec<Intent>) {
    heading(ui, "Where are the mailboxes?", "The pages that follow depend on it.");
    for (environment, label, description) in [
        (
            Environment::OnPremises,
            "On-premises Exchange Server",
            "All mailboxes are on Exchange servers of your own: 2013, 2016, 2019 or Subscription Edition.",
        ),
        (
            Environment::Hybrid,
            "Hybrid",
            "Exchange servers of your own work together with Exchange Online (Microsoft 365).",
        ),
    ] {
        let chosen = state.form.environment == environment;
        let response = radio(ui, chosen, label, description, None);
        if chosen {
            initial_focus(ui, &response);
        }
        if response.clicked() {
            intents.push(Intent::Environment(environment));
        }
        ui.add_space(SMALL);
    }
    if state.form.environment == Environment::Hybrid {
        let text = "Mailboxes on your own servers can be updated. Exchange Online no longer lets an account with a \
                    password act for other mailboxes: Microsoft removed that right in February 2025.";
        note(ui, &Note::Warning(text.to_owned()));
    }
}
