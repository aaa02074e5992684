//! Draws the registering of an updater.

use eframe::egui::{CollapsingHeader, Context, Key, RichText, Ui};

use super::form::{Field, sentences};
use super::{Open, Pressed, Step};
use crate::enrolment::{Joining, Stage};
use crate::panel::failure_window::numbered;
use crate::panel::registration::report;
use crate::panel::style::{LARGE, MEDIUM, SMALL, TEXT_TITLE, TINY, Tone, legible};
use crate::panel::widgets::{
    Banner, Button, Dialog, DialogButton, Form, Icon, Note, PasswordField, TextField, busy, initial_focus, note, radio,
    signal, titled_card, weak,
};
use crate::setup::Failure;

const TITLE: &str = "Register this updater";
const WIDTH: f32 = 640.0;
const LABEL: f32 = 90.0;
const FIELD: f32 = 300.0;

/// The updater is asked who it is.
pub fn waiting(ctx: &Context) {
    let dialog = Dialog::<()>::new("register-asking", TITLE).width(WIDTH);
    dialog.show(ctx, |ui| drop(busy(ui, "The updater is being asked…")));
}

/// Nothing could be chosen.
pub fn failed(ctx: &Context, failure: &Failure) -> Option<Pressed> {
    let dialog = Dialog::new("register-failed", TITLE).width(WIDTH);
    let close = Pressed::Close { changed: false };
    report::failed(ctx, dialog, failure, Pressed::CopyFailure, (Pressed::Again, "Try again"), close)
}

pub fn show(ctx: &Context, open: &mut Open) -> Option<Pressed> {
    let again = open.here.0.joined.is_some();
    let title = if again { "Register this updater again" } else { TITLE };
    match &open.step {
        Step::Choosing => choosing(ctx, open, title),
        Step::Running { stage, .. } => running(ctx, open, *stage, title),
        Step::Done { joining, looking } => done(ctx, joining, looking.is_some(), &open.domain(), title),
        Step::Failed { failure, refused } => {
            let dialog = Dialog::new("register-failed", title).width(WIDTH);
            let next = if *refused {
                (Pressed::SomebodyElse, "Sign in as somebody else…")
            } else {
                (Pressed::Again, "Try again")
            };
            // Part of it may have come about.
            report::failed(ctx, dialog, failure, Pressed::CopyFailure, next, Pressed::Close { changed: true })
        }
    }
}

fn choosing(ctx: &Context, open: &mut Open, title: &str) -> Option<Pressed> {
    let looking = open.looking.is_some();
    let greyed = if looking {
        Some("What is in Active Directory already is being looked at.")
    } else if open.found().is_none() {
        Some("What is at this place is looked at first: press Enter in the field Place.")
    } else {
        None
    };
    let no_admin = open.found().is_some_and(|survey| !survey.domain_admin);
    // It opens anew when there is something to choose: the first field gets the keyboard then.
    let id = if open.survey.is_none() && open.form.place.is_empty() { "register-looking" } else { "register" };
    let dialog = Dialog::new(id, title).width(WIDTH);
    let dialog = if no_admin {
        dialog.button(DialogButton::new(Pressed::SomebodyElse, "Sign in as somebody else…").left())
    } else {
        dialog
    };
    let dialog = dialog
        .button(DialogButton::new(Pressed::Register, "Register").default().greyed(greyed))
        .button(DialogButton::new(Pressed::Close { changed: false }, "Cancel").cancels());
    let (pressed, inside) = dialog.show(ctx, |ui| form(ui, open));
    inside.or(pressed)
}

fn form(ui: &mut Ui, open: &mut Open) -> Option<Pressed> {
    // In a place of its own: however much of it there is, the fields below stay what they are, and keep the keyboard.
    ui.vertical(|ui| happening(ui, open));
    if open.survey.is_none() && open.form.place.is_empty() {
        return None;
    }
    ui.add_space(MEDIUM);
    ui.label(RichText::new("The updater signs in to Active Directory with").size(TEXT_TITLE).strong());
    ui.add_space(2.0);
    let mut pressed = account(ui, open);
    ui.add_space(SMALL);
    let advanced = CollapsingHeader::new("Advanced").id_salt("register-advanced");
    advanced.default_open(!open.form.place.is_empty()).show(ui, |ui| {
        let hint = "A container or an organisational unit, as a distinguished name. All updaters name the same.";
        Form::new().label_width(LABEL).row(ui, "Place", Some(&Note::Hint(hint.to_owned())), |ui, label| {
            let field = TextField::new(&mut open.form.place).labelled_by(label).hint("CN=Program Data of the domain");
            let response = field.width(420.0).longest(1_024).show(ui);
            let looked_at = open.survey.as_ref().is_some_and(|(place, _)| place == open.form.place.trim());
            let entered = response.has_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            if (response.lost_focus() || entered) && !looked_at {
                pressed = Some(Pressed::Look);
            }
        });
    });
    pressed
}

/// What will happen, as far as it is known.
fn happening(ui: &mut Ui, open: &Open) {
    let domain = open.domain();
    let text = format!(
        "{} gets a share in the configuration of all updaters of {}: what is changed at one is in force at all.",
        open.name(),
        domain
    );
    weak(ui, &legible(&text));
    ui.add_space(SMALL);
    match open.found() {
        None if open.looking.is_some() => {
            busy(ui, "Looking at what is in Active Directory already…");
        }
        None => drop(weak(ui, "What will happen is told once the place is looked at.")),
        Some(survey) => {
            let words = sentences(&open.here.0, &open.form, survey, open.here.1);
            titled_card(ui, "What will happen", |ui| {
                ui.spacing_mut().item_spacing.y = TINY + 2.0;
                numbered(ui, &words);
            });
            ui.add_space(SMALL);
            if survey.domain_admin {
                weak(ui, &legible(&format!("Signed in as {}, a member of Domain Admins.", survey.who)));
            } else {
                let text = format!(
                    "{} is not a member of Domain Admins of {domain}: Active Directory will refuse this, unless {} was given \
                     full control over the place.",
                    survey.who, survey.who
                );
                note(ui, &Note::Warning(legible(&text).into_owned()));
            }
        }
    }
}

fn account(ui: &mut Ui, open: &mut Open) -> Option<Pressed> {
    let mut pressed = None;
    let form = &mut open.form;
    let own = "By Kerberos, without a password here. For LocalSystem that is the computer's account.";
    let service = radio(ui, !form.other, "The account that its service runs as", own, None);
    if service.clicked() {
        form.other = false;
    }
    if !form.other {
        initial_focus(ui, &service);
        indented(ui, |ui| {
            let problem = form.problem(Field::Account);
            let wrong = problem.is_some();
            let hint = "NAME$ for a computer or a managed service account, name@domain for a user";
            let said = Note::error(problem).or_else(|| (!form.is_computer()).then(|| Note::Hint(hint.to_owned())));
            Form::new().label_width(LABEL).row(ui, "Account", said.as_ref(), |ui, label| {
                let field =
                    TextField::new(&mut form.account).labelled_by(label).width(FIELD).wrong(wrong).longest(1_100);
                let shown = field.show(ui);
                if shown.changed() {
                    form.touch(Field::Account);
                }
                if form.takes_keyboard(Field::Account) {
                    shown.request_focus();
                }
                if form.is_computer() {
                    ui.label(RichText::new("this computer's").weak());
                }
            });
        });
    }
    ui.add_space(TINY);
    let other = "A user's. The password is kept on this computer, encrypted.";
    let another = radio(ui, form.other, "Another account, with its password", other, None);
    if another.clicked() {
        form.other = true;
    }
    if form.other {
        initial_focus(ui, &another);
        indented(ui, |ui| {
            let rows = Form::new().label_width(LABEL);
            let problem = form.problem(Field::User);
            let wrong = problem.is_some();
            rows.row(ui, "User name", Note::error(problem).as_ref(), |ui, label| {
                let field = TextField::new(&mut form.user).labelled_by(label).hint("svc-siu@corp.example.com");
                let shown = field.width(FIELD).wrong(wrong).longest(1_100).show(ui);
                if shown.changed() {
                    form.touch(Field::User);
                }
                if form.takes_keyboard(Field::User) {
                    shown.request_focus();
                }
                if Button::new("Browse…").icon(Icon::Search).show(ui).clicked() {
                    pressed = Some(Pressed::Browse);
                }
            });
            let said = Note::error(form.problem(Field::Password));
            rows.row(ui, "Password", said.as_ref(), |ui, label| {
                let field = PasswordField::new(&mut form.password).labelled_by(label).width(FIELD);
                let shown = field.show(ui);
                if shown.changed() {
                    form.touch(Field::Password);
                }
                if form.takes_keyboard(Field::Password) {
                    shown.request_focus();
                }
            });
        });
    }
    pressed
}

fn indented(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    ui.add_space(TINY);
    ui.horizontal_top(|ui| {
        ui.add_space(LARGE + 4.0);
        ui.vertical(content);
    });
}

fn running(ctx: &Context, open: &Open, stage: Stage, title: &str) -> Option<Pressed> {
    let stop = DialogButton::new(Pressed::Stop, "Stop");
    let dialog = Dialog::new("register-running", title).width(WIDTH).button(stop);
    dialog
        .show(ctx, |ui| {
            let steps = [
                (Stage::Directory, format!("Register {} in Active Directory", open.name())),
                (Stage::Updater, "Have the updater take it up".to_owned()),
            ];
            for (step, words) in steps {
                let words = legible(&words);
                match step.cmp(&stage) {
                    std::cmp::Ordering::Less => drop(signal(ui, Tone::Good, &words)),
                    std::cmp::Ordering::Equal => drop(busy(ui, &words)),
                    std::cmp::Ordering::Greater => drop(signal(ui, Tone::Quiet, &words)),
                }
                ui.add_space(TINY);
            }
        })
        .0
}

fn done(ctx: &Context, joining: &Joining, looking: bool, domain: &str, title: &str) -> Option<Pressed> {
    let close = DialogButton::new(Pressed::Close { changed: true }, "Close").default().cancels();
    let dialog = Dialog::new("register-done", title).width(WIDTH).button(close);
    let (pressed, inside) = dialog.show(ctx, |ui| {
        let name = &joining.registered.registration.name;
        let text = format!("It has its share in the configuration of {domain}, and keeps up with it from now on.");
        report::done(ui, &format!("{name} is registered"), &text);
        let in_force = joining.in_force();
        let done = joining.registered.done.iter().map(|sentence| (Tone::Good, sentence.as_str()));
        let works = in_force.iter().map(|sentence| (Tone::Info, sentence.as_str()));
        let notes = joining.registered.notes.iter().map(|sentence| (Tone::Warning, sentence.as_str()));
        report::sentences(ui, notes.chain(works).chain(done));
        let mut pressed = None;
        let joined = joining.report.joined.as_ref();
        if joining.waits_for_the_password() {
            ui.add_space(SMALL);
            let text = "The service account's password can't be read here yet, and nothing is updated here until it can. A \
                        registered updater that runs encrypts it to this one within half a minute or so.";
            let greyed = looking.then_some("The updater looks.");
            let banner = Banner::new(Tone::Warning, text).action(Button::new("Look now").greyed(greyed));
            if banner.show(ui).is_some() {
                pressed = Some(Pressed::LookForPassword);
            }
            ui.add_space(TINY);
            weak(ui, "Where no other one runs, enter the password here: Change… of the account, on the tab Sent Items Update.");
        } else if let Some(problem) = joined.and_then(|joined| joined.problem.as_deref()) {
            ui.add_space(SMALL);
            Banner::new(Tone::Warning, &legible(problem)).show(ui);
        } else if joined.is_some_and(|joined| {
            joined.updaters.iter().any(|one| one.this && one.secret == crate::pipe::types::SecretState::Sealed)
        }) {
            ui.add_space(SMALL);
            signal(ui, Tone::Good, "The service account's password can be read here.");
        }
        pressed
    });
    inside.or(pressed)
}
