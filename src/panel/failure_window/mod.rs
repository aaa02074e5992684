//! The failure window: what went wrong, the likely cause, and what to do (W8), with the cmdlet that does it by hand (W9)
//! and the way to the impersonation test (W10).

use eframe::egui::{self, CollapsingHeader, Context, CornerRadius, Frame, Label, Margin, RichText, Stroke, Ui};

use crate::panel::style::{self, LARGE, MEDIUM, SMALL, TINY, Tone, legible};
use crate::panel::widgets::{Button, Dialog, DialogButton, Icon, link, wrapped};
use crate::setup::Failure;

/// What the person at the screen wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    Close,
    Copy(String),
    /// The *click here* link.
    Test,
}

/// Draws it above everything else.
#[must_use]
pub fn show(ctx: &Context, title: &str, failure: &Failure) -> Option<Intent> {
    let dialog = Dialog::new("failure", title).width(620.0);
    let dialog = dialog.button(DialogButton::new((), "Close").default().cancels());
    let (closed, inside) = dialog.show(ctx, |ui| content(ui, failure));
    inside.or(closed.map(|()| Intent::Close))
}

/// The failure itself, for whoever shows it in a window of its own.
pub fn content(ui: &mut Ui, failure: &Failure) -> Option<Intent> {
    let mut intent = None;
    ui.horizontal_top(|ui| {
        let colour = Tone::Bad.colour(ui.visuals());
        Icon::Error.sized(ui, 20.0, colour);
        ui.add(Label::new(RichText::new(legible_lines(&failure.what)).size(style::TEXT_TITLE).strong()).wrap());
    });
    if !failure.cause.is_empty() {
        section(ui, "Likely cause");
        wrapped(ui, legible_lines(&failure.cause));
    }
    if !failure.advice.is_empty() {
        section(ui, "What to do");
        numbered(ui, &failure.advice);
    }
    if let Some(cmdlet) = &failure.cmdlet {
        ui.add_space(MEDIUM);
        if self::cmdlet(ui, cmdlet) {
            intent = Some(Intent::Copy(cmdlet.clone()));
        }
    }
    if failure.offer_test {
        ui.add_space(MEDIUM);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.label("To test impersonation with a mailbox of your choice,");
            if link(ui, "click here").clicked() {
                intent = Some(Intent::Test);
            }
        });
    }
    if !failure.details.is_empty() {
        ui.add_space(MEDIUM);
        CollapsingHeader::new("Details").id_salt("failure-details").show(ui, |ui| {
            for line in &failure.details {
                let words = RichText::new(legible_lines(line)).monospace().weak();
                ui.add(Label::new(words).wrap());
            }
        });
    }
    intent
}

fn section(ui: &mut Ui, title: &str) {
    ui.add_space(MEDIUM);
    ui.label(RichText::new(title).strong());
    ui.add_space(-TINY);
}

/// Sentences with their numbers, the lines of each aligned.
pub fn numbered(ui: &mut Ui, sentences: &[String]) {
    for (at, sentence) in sentences.iter().enumerate() {
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = SMALL;
            let number = format!("{}.", at + 1);
            ui.allocate_ui(egui::vec2(LARGE, 0.0), |ui| {
                ui.set_min_width(LARGE);
                ui.label(RichText::new(number).weak());
            });
            wrapped(ui, legible_lines(sentence));
        });
    }
}

/// The cmdlet in a box, with *Copy*. Returns whether that was pressed.
fn cmdlet(ui: &mut Ui, cmdlet: &str) -> bool {
    let mut copied = false;
    ui.horizontal(|ui| {
        ui.label(RichText::new("In the Exchange Management Shell").strong());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            copied = Button::new("Copy").icon(Icon::Copy).show(ui).clicked();
        });
    });
    let visuals = ui.visuals();
    Frame::new()
        .fill(visuals.extreme_bg_color)
        .stroke(Stroke::new(1.0, style::line(visuals)))
        .corner_radius(CornerRadius::same(style::ROUND))
        .inner_margin(Margin::symmetric(12, 10))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.add(Label::new(RichText::new(cmdlet).monospace()).wrap().selectable(true));
        });
    copied
}

/// All of it as plain text, for the clipboard.
#[must_use]
pub fn as_text(failure: &Failure) -> String {
    let mut lines = vec![failure.what.clone(), failure.cause.clone()];
    lines.extend(failure.advice.iter().enumerate().map(|(at, advice)| format!("{}. {advice}", at + 1)));
    lines.extend(failure.cmdlet.clone());
    lines.extend(failure.details.iter().cloned());
    lines.retain(|line| !line.is_empty());
    lines.join("\n")
}

/// Fit to be shown, line by line: what came from outside may hold anything.
fn legible_lines(text: &str) -> String {
    text.lines().map(|line| legible(line).into_owned()).collect::<Vec<_>>().join("\n")
}
