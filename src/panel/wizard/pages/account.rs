//! W3, W4: the account is created, or it exists already.

use eframe::egui::{RichText, Ui};

use super::heading;
use crate::panel::style::{LARGE, SMALL, TINY, legible};
use crate::panel::widgets::{
    Button, Form, Icon, Note, PasswordField, TextField, initial_focus, radio, titled_card, weak, wrapped,
};
use crate::panel::wizard::form::Field;
use crate::panel::wizard::state::{Intent, State};
use crate::settings::Environment;

const LABEL: f32 = 150.0;
const FIELD: f32 = 300.0;

/// `domain` is the one that a new account will be in.
pub fn account(ui: &mut Ui, state: &mut State, domain: &str, intents: &mut Vec<Intent>) {
    let text = "The updater signs in to Exchange with this account and opens Sent Items of the senders.";
    heading(ui, "Which account is used?", text);
    if state.form.environment == Environment::Hybrid {
        weak(ui, "In a hybrid environment the account has to exist already.");
        ui.add_space(SMALL);
        existing(ui, state, intents);
        ui.add_space(SMALL);
        conditions(ui);
        return;
    }
    let existing_chosen = state.form.existing;
    let description = "An account of its own, with a long random password that nobody has to know.";
    let response = radio(ui, !existing_chosen, "Create an account automatically", description, None);
    if response.clicked() {
        intents.push(Intent::Existing(false));
    }
    if !existing_chosen {
        initial_focus(ui, &response);
        ui.add_space(TINY);
        indented(ui, |ui| automatic(ui, state, domain, intents));
    }
    ui.add_space(SMALL);
    let description =
        "An account that you manage yourself. Its password is handed to the updater and kept there encrypted.";
    if radio(ui, existing_chosen, "Use an existing account", description, None).clicked() {
        intents.push(Intent::Existing(true));
    }
    if existing_chosen {
        ui.add_space(TINY);
        indented(ui, |ui| existing(ui, state, intents));
    }
}

fn indented(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    ui.horizontal_top(|ui| {
        ui.add_space(LARGE + 4.0);
        ui.vertical(content);
    });
}

fn automatic(ui: &mut Ui, state: &State, domain: &str, intents: &mut Vec<Intent>) {
    let problem = state.problem(Field::Name);
    let wrong = problem.is_some();
    let said = Note::error(problem);
    Form::new().label_width(LABEL).row(ui, "Name", said.as_ref(), |ui, label| {
        let mut name = state.form.name.clone();
        let field = TextField::new(&mut name).labelled_by(label).width(200.0).wrong(wrong).longest(128);
        if field.show(ui).changed() {
            intents.push(Intent::Name(name));
        }
        let domain = format!("@{}", legible(domain));
        ui.add(eframe::egui::Label::new(RichText::new(domain).weak()).truncate());
    });
}

fn existing(ui: &mut Ui, state: &mut State, intents: &mut Vec<Intent>) {
    let form = Form::new().label_width(LABEL);
    let problem = state.problem(Field::Upn);
    let wrong = problem.is_some();
    let hint = Note::Hint("User principal name, such as svc-mail@example.com".to_owned());
    let said = Note::error(problem).unwrap_or(hint);
    form.row(ui, "User principal name", Some(&said), |ui, label| {
        let mut upn = state.form.upn.clone();
        let field = TextField::new(&mut upn).labelled_by(label).width(FIELD).wrong(wrong).longest(1_100);
        let response = field.show(ui);
        initial_focus(ui, &response);
        if response.changed() {
            intents.push(Intent::Upn(upn));
        }
        if Button::new("Browse…").icon(Icon::Search).show(ui).clicked() {
            intents.push(Intent::Browse);
        }
    });
    let said = Note::error(state.problem(Field::Password));
    form.row(ui, "Password", said.as_ref(), |ui, label| {
        let field = PasswordField::new(&mut state.form.password).labelled_by(label).width(FIELD);
        if field.show(ui).changed() {
            intents.push(Intent::PasswordTyped);
        }
    });
}

/// W3, W11
fn conditions(ui: &mut Ui) {
    titled_card(ui, "The account must meet these conditions", |ui| {
        ui.spacing_mut().item_spacing.y = TINY;
        for condition in [
            "It has a valid user principal name, and its domain is not federated (AD FS).",
            "It is a member of Domain Users and of Organization Management.",
            "It is enabled and not locked, and its password has neither expired nor to be changed at the next sign-in.",
            "It signs in without multi-factor authentication.",
            "It has the right to impersonate mailboxes, or can be given it.",
        ] {
            ui.horizontal_top(|ui| {
                let colour = ui.visuals().weak_text_color();
                Icon::Right.show(ui, colour);
                wrapped(ui, condition);
            });
        }
        weak(ui, "They are checked one by one when you configure.");
    });
}
