//! Tab *General*: where the settings come from, doors for messages, schedule, limits, and the settings as a file.

use eframe::egui::{RichText, Ui};

use super::Wish;
use super::editor::Editor;
use super::organisation::Organisation;
use crate::panel::state::{Intent, State};
use crate::panel::style::{LARGE, SMALL, TEXT_TITLE};
use crate::panel::widgets::{Button, Form, Icon, Note, TextField, check, secondary, weak};

pub fn show(ui: &mut Ui, editor: &mut Editor, organisation: &mut Organisation, state: &State) -> Vec<Wish> {
    let mut wishes = Vec::new();
    wishes.extend(organisation.show(ui, state).map(|dialog| Wish::Intent(Intent::Open(dialog))));
    ui.add_space(LARGE);
    doors(ui, editor, &mut wishes);
    ui.add_space(LARGE);
    schedule(ui, editor);
    ui.add_space(LARGE);
    limits(ui, editor);
    ui.add_space(LARGE);
    title(ui, "Settings as a file");
    weak(ui, "Everything in this window, without the password: to keep, or to take to another updater.");
    ui.add_space(SMALL / 2.0);
    ui.horizontal(|ui| {
        let greyed = editor.problems.any().then_some("Something typed can't be used; it is marked above.");
        if Button::new("Export…").icon(Icon::Export).greyed(greyed).show(ui).clicked() {
            wishes.push(Wish::Export);
        }
        if Button::new("Import…").icon(Icon::Import).show(ui).clicked() {
            wishes.push(Wish::Import);
        }
    });
    wishes
}

fn title(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).size(TEXT_TITLE).strong());
    ui.add_space(2.0);
}

const FORM: f32 = 215.0;

fn doors(ui: &mut Ui, editor: &mut Editor, wishes: &mut Vec<Wish>) {
    title(ui, "Doors for processed messages");
    weak(ui, "The local API is always open. These are for programs that can't use it.");
    ui.add_space(SMALL / 2.0);
    let (typed, problems) = (&mut editor.typed, &editor.problems);
    let form = Form::new().label_width(FORM);
    check(
        ui,
        &mut typed.smtp,
        "SMTP",
        "Takes processed copies and Exchange journal reports. There is no sign-in.",
        None,
    );
    let closed = (!typed.smtp).then_some("SMTP is not switched on.");
    form.row(ui, "Address and port", Note::error(problems.listen.clone()).as_ref(), |ui, label| {
        let field = TextField::new(&mut typed.listen).labelled_by(label).wrong(problems.listen.is_some());
        field.greyed(closed).width(220.0).show(ui);
    });
    form.row(ui, "", None, |ui, _| {
        let local = "Anybody who reaches the port may hand over messages: see to a firewall.";
        check(ui, &mut typed.allow_remote, "Reachable from other machines", local, closed);
    });
    ui.add_space(SMALL);
    check(ui, &mut typed.pickup, "Pickup folder", "Files named *.eml that appear in it are taken.", None);
    let closed = (!typed.pickup).then_some("The pickup folder is not switched on.");
    form.row(ui, "Folder", Note::error(problems.folder.clone()).as_ref(), |ui, label| {
        let field = TextField::new(&mut typed.folder).labelled_by(label).wrong(problems.folder.is_some());
        field.greyed(closed).width(290.0).show(ui);
        if Button::new("Browse…").greyed(closed).show(ui).clicked() {
            wishes.push(Wish::Folder);
        }
    });
    ui.add_space(SMALL);
    number(ui, "Largest message", &mut typed.largest, problems.largest.as_ref(), "MB; larger ones are refused");
}

fn schedule(ui: &mut Ui, editor: &mut Editor) {
    title(ui, "Schedule");
    let (typed, problems) = (&mut editor.typed, &editor.problems);
    number(ui, "Give up after", &mut typed.give_up, problems.give_up.as_ref(), "hours from acceptance");
    number(ui, "Keep finished messages", &mut typed.keep, problems.keep.as_ref(), "days, in the list of activity");
    let form = Form::new().label_width(FORM);
    for (label, text, problem, hint) in [
        (
            "Pauses while no copy is found",
            &mut typed.not_found_pauses,
            &problems.not_found_pauses,
            "Seconds before each look; the last one repeats.",
        ),
        (
            "Pauses after an error",
            &mut typed.error_pauses,
            &problems.error_pauses,
            "Seconds before each further try; the last one repeats.",
        ),
    ] {
        let note = Note::error(problem.clone()).unwrap_or_else(|| Note::Hint(hint.to_owned()));
        form.row(ui, label, Some(&note), |ui, label| {
            TextField::new(text).labelled_by(label).wrong(problem.is_some()).width(360.0).show(ui);
        });
    }
    if secondary(ui, "Restore the usual schedule").clicked() {
        let usual = super::fields::Fields::of(&crate::settings::Settings::default());
        typed.give_up = usual.give_up;
        typed.keep = usual.keep;
        typed.not_found_pauses = usual.not_found_pauses;
        typed.error_pauses = usual.error_pauses;
    }
}

fn limits(ui: &mut Ui, editor: &mut Editor) {
    title(ui, "Limits");
    let (typed, problems) = (&mut editor.typed, &editor.problems);
    number(ui, "Connections to Exchange", &mut typed.connections, problems.connections.as_ref(), "at the most");
    let mailbox = "messages at a time";
    number(ui, "One mailbox", &mut typed.per_mailbox, problems.per_mailbox.as_ref(), mailbox);
    number(ui, "Longest request", &mut typed.request_timeout, problems.request_timeout.as_ref(), "seconds");
    let stop = "seconds for work under way";
    number(ui, "Time to stop", &mut typed.stop_within, problems.stop_within.as_ref(), stop);
}

fn number(ui: &mut Ui, label: &str, text: &mut String, problem: Option<&String>, unit: &str) {
    Form::new().label_width(FORM).row(ui, label, Note::error(problem.cloned()).as_ref(), |ui, label| {
        TextField::new(text).labelled_by(label).wrong(problem.is_some()).width(90.0).longest(12).show(ui);
        ui.label(RichText::new(unit).weak());
    });
}
