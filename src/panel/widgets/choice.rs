//! Radio buttons and checkboxes with a description below, greyed with the reason where they can't be chosen.

use eframe::egui::{Label, Response, RichText, Ui};

use super::dialog::takes_enter;
use crate::panel::style;

/// Where the words begin: behind the box and its gap.
fn indent(ui: &Ui) -> f32 {
    ui.spacing().icon_width + ui.spacing().icon_spacing
}

/// One of several; `clicked()` chooses it.
pub fn radio(ui: &mut Ui, chosen: bool, label: &str, description: &str, greyed: Option<&str>) -> Response {
    // Enter goes to the dialog's default button, as everywhere; the space bar chooses.
    row(ui, description, greyed, |ui| ui.radio(chosen, label))
}

/// On or off; `changed()` tells.
pub fn check(ui: &mut Ui, on: &mut bool, label: &str, description: &str, greyed: Option<&str>) -> Response {
    let response = row(ui, description, greyed, |ui| ui.checkbox(on, label));
    if response.has_focus() {
        takes_enter(ui);
    }
    response
}

fn row(ui: &mut Ui, description: &str, greyed: Option<&str>, control: impl FnOnce(&mut Ui) -> Response) -> Response {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let response = ui.add_enabled_ui(greyed.is_none(), control).inner;
        style::focus_ring(ui, &response);
        let mut response = match greyed {
            Some(reason) => response.on_disabled_hover_text(reason),
            None => response,
        };
        if !description.is_empty() {
            ui.horizontal(|ui| {
                ui.add_space(indent(ui) - ui.spacing().item_spacing.x + 8.0);
                let words = RichText::new(description).weak();
                let label = ui.add_enabled(greyed.is_none(), Label::new(words).wrap());
                if let Some(reason) = greyed {
                    response |= label.on_disabled_hover_text(reason);
                }
            });
        }
        response
    })
    .inner
}
