//! *About*: which versions these are.

use eframe::egui::{self, Context, RichText, vec2};

use super::app::{Surroundings, View};
use super::state::Intent;
use super::style::{LARGE, MEDIUM, TEXT_HEADING, legible};
use super::widgets::{Dialog, DialogButton, Facts, weak};

const PURPOSE: &str = "Brings the sender's copy in Sent Items up to date with the message as the server processed it";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The about box.
pub struct AboutView;

#[derive(Clone, Copy)]
enum Action {
    Close,
    Copy,
}

impl View for AboutView {
    fn show(&mut self, ctx: &Context, around: &Surroundings<'_>) -> Vec<Intent> {
        let updater = around.state.status().map_or_else(
            || "not connected".to_owned(),
            |status| format!("{} (process {})", legible(&status.version), status.process),
        );
        let pipe = around.pipe.path().display().to_string();
        let dialog = Dialog::new("about", "About Sent Items Update")
            .width(500.0)
            .button(DialogButton::new(Action::Copy, "Copy versions").left())
            .button(DialogButton::new(Action::Close, "Close").default().cancels());
        let (action, ()) = dialog.show(ctx, |ui| {
            ui.horizontal_top(|ui| {
                let image = egui::Image::new(egui::include_image!("../../resources/icons/sent-items-update.svg"));
                ui.add(image.fit_to_exact_size(vec2(64.0, 64.0)).alt_text("Sent Items Update"));
                ui.add_space(MEDIUM);
                ui.vertical(|ui| {
                    ui.label(RichText::new("Sent Items Update").size(TEXT_HEADING).strong());
                    weak(ui, PURPOSE);
                });
            });
            ui.add_space(LARGE);
            let facts = Facts::width(130.0);
            facts.show(ui, "Administration Panel", VERSION);
            facts.show(ui, "Updater", updater.as_str());
            facts.show(ui, "Local API", pipe.as_str());
            facts.show(ui, "Licence", "MIT or Apache 2.0, as you like");
        });
        match action {
            Some(Action::Close) => vec![Intent::Close],
            Some(Action::Copy) => {
                let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
                vec![Intent::Copy(format!("Sent Items Update panel {VERSION}, updater {updater}, {system}"))]
            }
            None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panel::scripted::{Around, Pictures};

    #[test]
    fn the_about_box_looks_as_it_was_approved() {
        let around = std::rc::Rc::new(Around::alone());
        let draw = move |ctx: &Context, view: &mut AboutView| drop(view.show(ctx, &around.surroundings()));
        Pictures::new().take("about", [560.0, 340.0], || AboutView, draw, |_| ());
    }
}
