//! Draws the impersonation test.

use eframe::egui::{Context, CornerRadius, Frame, Key, Label, Margin, RichText, Stroke, Ui};

use super::state::{Intent, Phase, State};
use crate::panel::failure_window;
use crate::panel::style::{self, MEDIUM, SMALL, TEXT_TITLE, Tone, grouped, legible};
use crate::panel::widgets::{
    Button, Dialog, DialogButton, Form, Icon, Note, TextField, busy, initial_focus, takes_enter, weak,
};
use crate::setup::{AccessOutcome, Failure};

pub fn show(ctx: &Context, state: &State) -> Vec<Intent> {
    #[derive(Clone, Copy)]
    enum Pressed {
        Test,
        Stop,
        Close,
    }
    let dialog = Dialog::new("impersonation-test", "Impersonation test").width(620.0);
    let dialog = if state.is_testing() {
        dialog.button(DialogButton::new(Pressed::Stop, "Stop"))
    } else {
        dialog.button(DialogButton::new(Pressed::Test, "Test").default())
    };
    let dialog = dialog.button(DialogButton::new(Pressed::Close, "Close").cancels());
    let (pressed, mut intents) = dialog.show(ctx, |ui| content(ui, state));
    intents.extend(pressed.map(|pressed| match pressed {
        Pressed::Test => Intent::Test,
        Pressed::Stop => Intent::Stop,
        Pressed::Close => Intent::Close,
    }));
    intents
}

fn content(ui: &mut Ui, state: &State) -> Vec<Intent> {
    let mut intents = Vec::new();
    weak(ui, "Opens Sent Items of a mailbox with the service account and changes nothing there.");
    ui.add_space(MEDIUM);
    let problem = state.problem();
    let wrong = problem.is_some();
    let said = Note::error(problem);
    Form::new().label_width(110.0).row(ui, "Mailbox user", said.as_ref(), |ui, label| {
        let mut mailbox = state.mailbox.clone();
        let testing = state.is_testing().then_some("The test goes on.");
        let field = TextField::new(&mut mailbox).labelled_by(label).width(340.0).wrong(wrong).longest(320);
        let response = field.hint("anna@example.com").greyed(testing).show(ui);
        initial_focus(ui, &response);
        // A greyed field lets go of the keyboard; the next mailbox can be typed as soon as a test has ended.
        if testing.is_none() && ui.memory(|memory| memory.focused().is_none()) {
            response.request_focus();
        }
        if response.changed() {
            intents.push(Intent::Type(mailbox));
        }
        if response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
            takes_enter(ui);
            intents.push(Intent::Test);
            response.request_focus();
        }
        if Button::new("Browse…").icon(Icon::Search).greyed(testing).show(ui).clicked() {
            intents.push(Intent::Browse);
        }
    });
    ui.add_space(SMALL);
    match &state.phase {
        Phase::Idle => {}
        Phase::Testing(mailbox) => drop(busy(ui, &format!("Opening Sent Items of {}…", legible(mailbox.as_str())))),
        Phase::Opened(outcome) => opened(ui, outcome),
        Phase::Failed(failure) => intents.extend(failed(ui, failure)),
    }
    intents
}

fn opened(ui: &mut Ui, outcome: &AccessOutcome) {
    tinted(ui, Tone::Good, |ui| {
        ui.horizontal_top(|ui| {
            let colour = Tone::Good.colour(ui.visuals());
            Icon::Ok.sized(ui, 20.0, colour);
            ui.vertical(|ui| {
                ui.label(RichText::new("Impersonation works").size(TEXT_TITLE).strong());
                let items = match outcome.items {
                    0 => "It is empty.".to_owned(),
                    1 => "It holds 1 item.".to_owned(),
                    items => format!("It holds {} items.", grouped(items.into())),
                };
                let mailbox = legible(outcome.mailbox.as_str());
                ui.add(Label::new(format!("Sent Items of {mailbox} was opened. {items}")).wrap());
            });
        });
    });
}

fn failed(ui: &mut Ui, failure: &Failure) -> Option<Intent> {
    // The link would lead to where the person is already.
    let shown = Failure { offer_test: false, ..failure.clone() };
    let copied = tinted(ui, Tone::Bad, |ui| failure_window::content(ui, &shown));
    match copied {
        Some(failure_window::Intent::Copy(text)) => Some(Intent::Copy(text)),
        Some(failure_window::Intent::Close | failure_window::Intent::Test) | None => None,
    }
}

fn tinted<R>(ui: &mut Ui, tone: Tone, content: impl FnOnce(&mut Ui) -> R) -> R {
    let colour = tone.colour(ui.visuals());
    Frame::new()
        .fill(style::tint(colour, ui.visuals().dark_mode))
        .stroke(Stroke::new(1.0, colour.gamma_multiply(0.5)))
        .corner_radius(CornerRadius::same(6))
        .inner_margin(Margin::same(12))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            content(ui)
        })
        .inner
}
