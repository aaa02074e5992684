//! W2: Autodiscover, or the server by name or address.

use eframe::egui::Ui;

use super::heading;
use crate::panel::style::{LARGE, SMALL};
use crate::panel::widgets::{Form, Note, TextField, initial_focus, note, radio};
use crate::panel::wizard::form::Field;
use crate::panel::wizard::state::{Intent, State};
use crate::settings::Environment;

pub fn connection(ui: &mut Ui, state: &State, intents: &mut Vec<Intent>) {
    heading(ui, "How is the Exchange server found?", "The updater talks to Exchange Web Services there, over https.");
    let hybrid = state.form.environment == Environment::Hybrid;
    let manual = state.form.is_manual();
    let autodiscover = radio(ui, !manual, "Autodiscover", "Finds the server by itself, as Outlook does.", None);
    if autodiscover.clicked() {
        intents.push(Intent::Manual(false));
    }
    if !manual {
        initial_focus(ui, &autodiscover);
    }
    ui.add_space(SMALL);
    if hybrid {
        let text =
            "In a hybrid environment the server is found by Autodiscover only: it knows on which side a mailbox is.";
        note(ui, &Note::Hint(text.to_owned()));
        return;
    }
    let label = "Configure connection manually";
    if radio(ui, manual, label, "For servers that Autodiscover does not lead to.", None).clicked() {
        intents.push(Intent::Manual(true));
    }
    if !manual {
        return;
    }
    ui.add_space(SMALL);
    ui.horizontal_top(|ui| {
        ui.add_space(LARGE + 4.0);
        ui.vertical(|ui| {
            let problem = state.problem(Field::Server);
            let wrong = problem.is_some();
            let hint = Note::Hint("DNS name or IP address, such as mail.example.com or 10.0.0.25".to_owned());
            let said = Note::error(problem).unwrap_or(hint);
            Form::new().label_width(110.0).row(ui, "Server", Some(&said), |ui, label| {
                let mut server = state.form.server.clone();
                let field = TextField::new(&mut server).labelled_by(label).width(380.0).wrong(wrong).longest(512);
                let response = field.show(ui);
                initial_focus(ui, &response);
                if response.changed() {
                    intents.push(Intent::Server(server));
                }
            });
        });
    });
}
