//! Tab *Sent Items Update* (T2–T7).

use eframe::egui::{Label, RichText, Ui};

use super::editor::Editor;
use super::{Wish, summary};
use crate::panel::state::{Dialog, Intent};
use crate::panel::style::{SMALL, TINY, Tone, legible};
use crate::panel::widgets::{Button, ButtonStyle, Empty, Form, Icon, Note, check, secondary, separator, tone_icon};
use crate::pipe::types::Status;

pub fn show(ui: &mut Ui, editor: &mut Editor, status: Option<&Status>) -> Vec<Wish> {
    let mut wishes = Vec::new();
    if !editor.draft.is_configured() {
        // T2: nothing else is offered.
        let configure = Button::new("Configure").style(ButtonStyle::Primary);
        let text = "It needs to know where Exchange is, and an account that may open mailboxes there. The wizard finds \
                    out the one and sets up the other.";
        if Empty::new(Icon::Key, "Sent Items Update is not configured", text).action(configure).show(ui) {
            wishes.push(Wish::Intent(Intent::Open(Dialog::Wizard)));
        }
        return wishes;
    }
    let form = Form::new();
    let pending = (editor.draft.enabled != editor.base.enabled).then(|| {
        let to = if editor.draft.enabled { "on" } else { "off" };
        Note::Hint(format!("It is switched {to} with OK or Apply."))
    });
    form.row(ui, "Sent Items Update status", pending.as_ref(), |ui, _| {
        let on = editor.draft.enabled;
        let (icon, tone) = if on { (tone_icon(Tone::Good), Tone::Good) } else { (Icon::Paused, Tone::Warning) };
        icon.show(ui, tone.colour(ui.visuals()));
        ui.label(RichText::new(if on { "On" } else { "Off" }).strong());
        ui.add_space(SMALL);
        if secondary(ui, if on { "Switch off" } else { "Switch on" }).clicked() {
            editor.draft.enabled = !on;
        }
    });
    let server = editor.draft.connection.as_ref().map(|connection| Note::Hint(connection.ews_url.clone()));
    form.row(ui, "Account", server.as_ref(), |ui, _| {
        let account = editor.draft.account.as_ref().map_or("", |account| account.user.as_str());
        value(ui, &legible(account));
        if Button::new("Change…").show(ui).on_hover_text("Runs the configuration wizard again").clicked() {
            wishes.push(Wish::Intent(Intent::Open(Dialog::Wizard)));
        }
    });
    form.row(ui, "Senders' scope", scope_note(status).as_ref(), |ui, _| {
        value(ui, &summary(&editor.draft.scope));
        let change = Button::new("Change…").show(ui);
        change.widget_info(|| {
            eframe::egui::WidgetInfo::labeled(eframe::egui::Role::Button, true, "Change the senders' scope…")
        });
        if change.clicked() {
            wishes.push(Wish::Intent(Intent::Open(Dialog::Scope(editor.draft.scope.clone()))));
        }
    });
    ui.add_space(TINY);
    separator(ui);
    ui.add_space(TINY);
    let options = &mut editor.draft.options;
    check(
        ui,
        &mut options.create_copy,
        "Create a copy of the original message when updating Sent Items",
        "The original stays as it was sent, and the processed message is a second item beside it.",
        None,
    );
    ui.add_space(SMALL);
    let greyed = (!options.message_splitting)
        .then_some("Only of use when messages are split: switch that on in the tab Message splitting first.");
    check(
        ui,
        &mut options.save_all_split_messages,
        "If message splitting is activated, apply changes to all split messages and save them in Sent Items",
        "Without it, the copy that was processed last is the one that Sent Items shows.",
        greyed,
    );
    ui.add_space(SMALL);
    check(
        ui,
        &mut options.both_copies,
        "Update both copies of a message on behalf of another mailbox",
        "For mailboxes that keep what is sent on behalf of them. Without it, the first copy is the only one.",
        None,
    );
    wishes
}

fn value(ui: &mut Ui, text: &str) {
    // Room for the button is left.
    ui.scope(|ui| {
        ui.set_max_width((ui.available_width() - 110.0).max(120.0));
        ui.add(Label::new(text).truncate());
    });
}

/// S3: a directory that does not answer is told here.
fn scope_note(status: Option<&Status>) -> Option<Note> {
    let scope = &status?.scope;
    if let Some(problem) = &scope.problem {
        let text = format!("{} The last known members stay in force.", legible(problem));
        return Some(Note::Warning(text));
    }
    match scope.gone {
        0 => None,
        1 => Some(Note::Warning("One entry no longer exists in the directory.".to_owned())),
        gone => Some(Note::Warning(format!("{gone} entries no longer exist in the directory."))),
    }
}
