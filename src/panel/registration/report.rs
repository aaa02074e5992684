//! Draws what all of these dialogs have: the sentences at the end, and what went wrong.

use eframe::egui::{Context, Label, RichText, Ui};

use crate::panel::failure_window;
use crate::panel::style::{MEDIUM, SMALL, TEXT_TITLE, TINY, Tone, legible};
use crate::panel::widgets::{Dialog, DialogButton, Icon, card, tone_icon, weak, wrapped};
use crate::setup::Failure;

/// It is done: a large tick, and what that means.
pub fn done(ui: &mut Ui, title: &str, text: &str) {
    ui.horizontal_top(|ui| {
        let colour = Tone::Good.colour(ui.visuals());
        Icon::Ok.sized(ui, 32.0, colour);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = TINY;
            ui.add(Label::new(RichText::new(legible(title)).size(TEXT_TITLE).strong()).wrap());
            weak(ui, &legible(text));
        });
    });
    ui.add_space(MEDIUM);
}

/// Sentences in a card, each with the sign of its kind.
pub fn sentences<'a>(ui: &mut Ui, sentences: impl IntoIterator<Item = (Tone, &'a str)>) {
    card(ui, |ui| {
        ui.spacing_mut().item_spacing.y = SMALL;
        for (tone, sentence) in sentences {
            ui.horizontal_top(|ui| {
                let colour = tone.colour(ui.visuals());
                tone_icon(tone).show(ui, colour);
                wrapped(ui, legible(sentence));
            });
        }
    });
}

/// The window of what went wrong. `next` is what may help, and what stands on its button.
pub fn failed<P: Copy>(
    ctx: &Context,
    dialog: Dialog<'_, P>,
    failure: &Failure,
    copy: P,
    next: (P, &'static str),
    close: P,
) -> Option<P> {
    let dialog = dialog
        .button(DialogButton::new(copy, "Copy").left())
        .button(DialogButton::new(next.0, next.1).default())
        .button(DialogButton::new(close, "Close").cancels());
    // There is no cmdlet in these that could be copied by itself, and nothing to test.
    dialog.show(ctx, |ui| drop(failure_window::content(ui, failure))).0
}
