//! Draws the sign-in dialog.

use eframe::egui::{Context, Ui};

use super::state::{Field, Intent, Phase, State};
use crate::panel::style::{SMALL, legible};
use crate::panel::widgets::{
    Button, Dialog, DialogButton, Form, Icon, Note, PasswordField, TextField, busy, icon_button, initial_focus, note,
    weak,
};

pub fn show(ctx: &Context, state: &mut State) -> Vec<Intent> {
    #[derive(Clone, Copy)]
    enum Pressed {
        SignIn,
        Cancel,
    }
    let waiting = state.is_busy().then_some("Signing in goes on.");
    let trying = state.phase == Phase::Trying;
    // It opens anew when it begins to ask, however long it tried before: the first field gets the keyboard then.
    let id = if trying { "sign-in-trying" } else { "sign-in" };
    let dialog = Dialog::new(id, "Sign in to the directory").width(540.0);
    let dialog = if trying {
        dialog
    } else {
        dialog.button(DialogButton::new(Pressed::SignIn, "Sign in").default().greyed(waiting))
    };
    let dialog = dialog.button(DialogButton::new(Pressed::Cancel, "Cancel").cancels());
    let (pressed, mut intents) = dialog.show(ctx, |ui| content(ui, state));
    intents.extend(pressed.map(|pressed| match pressed {
        Pressed::SignIn => Intent::SignIn,
        Pressed::Cancel => Intent::Cancel,
    }));
    intents
}

fn content(ui: &mut Ui, state: &mut State) -> Vec<Intent> {
    let mut intents = Vec::new();
    if state.phase == Phase::Trying {
        busy(ui, "Connecting to Active Directory…");
        return intents;
    }
    weak(ui, "As a domain administrator. The password is used here and now, and not kept.");
    ui.add_space(SMALL);
    if let Phase::Typing { refused: Some(failure) } = &state.phase {
        let mut words = vec![failure.what.as_str(), failure.cause.as_str()];
        words.extend(failure.advice.iter().map(String::as_str));
        words.retain(|text| !text.is_empty());
        note(ui, &Note::Warning(legible(&words.join(" ")).into_owned()));
        ui.add_space(SMALL);
    }
    let greyed = state.is_busy().then_some("Signing in goes on.");
    fields(ui, state, greyed, &mut intents);
    if state.phase == Phase::SigningIn {
        ui.add_space(SMALL);
        busy(ui, "Signing in…");
    }
    intents
}

fn fields(ui: &mut Ui, state: &mut State, greyed: Option<&str>, intents: &mut Vec<Intent>) {
    let form = Form::new().label_width(150.0);
    let mut text =
        |ui: &mut Ui, label: &str, field, text: &str, hint: &str, wants: fn(String) -> Intent, first: bool| {
            let problem = state.problem(field);
            let wrong = problem.is_some();
            form.row(ui, label, Note::error(problem).as_ref(), |ui, label| {
                let mut text = text.to_owned();
                let line =
                    TextField::new(&mut text).labelled_by(label).hint(hint).width(320.0).wrong(wrong).greyed(greyed);
                let response = line.show(ui);
                if first {
                    initial_focus(ui, &response);
                }
                if response.changed() {
                    intents.push(wants(text));
                }
            });
        };
    text(ui, "User name", Field::User, &state.user, "you@corp.example.com", Intent::User, true);
    let problem = Note::error(state.problem(Field::Password));
    let mut typed = false;
    form.row(ui, "Password", problem.as_ref(), |ui, label| {
        typed = PasswordField::new(&mut state.password).labelled_by(label).width(320.0).show(ui).changed();
    });
    let mut text = |ui: &mut Ui, label: &str, field, text: &str, hint: &str, wants: fn(String) -> Intent| {
        let problem = state.problem(field);
        let wrong = problem.is_some();
        form.row(ui, label, Note::error(problem).as_ref(), |ui, label| {
            let mut text = text.to_owned();
            let line = TextField::new(&mut text).labelled_by(label).hint(hint).width(320.0).wrong(wrong).greyed(greyed);
            if line.show(ui).changed() {
                intents.push(wants(text));
            }
        });
    };
    text(ui, "Domain", Field::Domain, &state.domain, "corp.example.com", Intent::Domain);
    text(ui, "Domain controller", Field::Controller, &state.controller, "found by DNS", Intent::Controller);
    if typed {
        intents.push(Intent::PasswordTyped);
    }
    let said = Note::error(state.file_problem.clone());
    form.row(ui, "Certificate authority", said.as_ref(), |ui, _| {
        let name = state.roots.as_ref().map_or("the system's", |(name, _)| name.as_str());
        ui.label(legible(name));
        if state.roots.is_some() && icon_button(ui, Icon::Clear, "Use the system's authorities only").clicked() {
            intents.push(Intent::ForgetFile);
        }
        if Button::new("Choose…").icon(Icon::Folder).greyed(greyed).show(ui).clicked() {
            intents.push(Intent::ChooseFile);
        }
    });
}
