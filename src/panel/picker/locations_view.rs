//! *Locations…*: chooses the domain to search (W4).

use eframe::egui::{Context, Label, RichText, ScrollArea, Ui};

use super::locations::{Branch, remark, tree};
use super::state::Locations;
use crate::directory::LocationKind;
use crate::panel::style::{LARGE, TINY, focus_ring, legible};
use crate::panel::widgets::{Button, Dialog, DialogButton, Empty, Icon, initial_focus, waiting, weak};

/// The open dialog.
pub struct LocationsDialog {
    /// DNS name of the chosen domain; none: the own one.
    domain: Option<String>,
}

pub enum Outcome {
    Chosen(Option<String>),
    Cancelled,
    /// Look for the domains again.
    Retry,
}

impl LocationsDialog {
    pub fn new(domain: Option<String>) -> Self {
        Self { domain }
    }

    pub fn show(&mut self, ctx: &Context, locations: &Locations) -> Option<Outcome> {
        #[derive(Clone, Copy)]
        enum Pressed {
            Ok,
            Cancel,
        }
        let known = matches!(locations, Locations::Known(_));
        let dialog = Dialog::new("locations", "Locations")
            .width(520.0)
            .height(320.0)
            .without_scrolling()
            .button(
                DialogButton::new(Pressed::Ok, "OK")
                    .default()
                    .greyed((!known).then_some("The domains are not known yet.")),
            )
            .button(DialogButton::new(Pressed::Cancel, "Cancel").cancels());
        let (pressed, retry) = dialog.show(ctx, |ui| self.content(ui, locations));
        match pressed {
            Some(Pressed::Ok) => Some(Outcome::Chosen(self.domain.clone())),
            Some(Pressed::Cancel) => Some(Outcome::Cancelled),
            None => retry.then_some(Outcome::Retry),
        }
    }

    /// Returns whether to look again.
    fn content(&mut self, ui: &mut Ui, locations: &Locations) -> bool {
        match locations {
            Locations::Searching => {
                waiting(ui, "Looking for domains…");
                false
            }
            Locations::Failed(error) => {
                let text = format!("{} {}", error.what, error.advice);
                let retry = Button::new("Try again").icon(Icon::Retry);
                Empty::new(Icon::Error, "The domains could not be found", legible(text.trim()).as_ref())
                    .action(retry)
                    .show(ui)
            }
            Locations::Known(locations) => {
                weak(ui, "Where to search. Accounts of other domains have to be typed.");
                ui.add_space(TINY);
                ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
                    // Room for the ring of the first.
                    ui.add_space(TINY);
                    for branch in tree(locations) {
                        self.branch(ui, &branch);
                    }
                });
                false
            }
        }
    }

    fn branch(&mut self, ui: &mut Ui, branch: &Branch) {
        let Branch { location, depth } = branch;
        let own = location.kind == LocationKind::Own;
        let chosen = match &self.domain {
            Some(domain) => *domain == location.domain,
            None => own,
        };
        ui.horizontal(|ui| {
            #[allow(clippy::cast_precision_loss)] // a forest is not that deep
            ui.add_space(LARGE * (*depth).min(12) as f32);
            let colour = ui.visuals().weak_text_color();
            Icon::Domain.show(ui, colour);
            let problem = location.problem.as_deref().map(legible);
            let name = legible(&location.domain);
            let response = ui.add_enabled_ui(problem.is_none(), |ui| ui.radio(chosen, name.as_ref())).inner;
            focus_ring(ui, &response);
            let described = match &problem {
                Some(problem) => format!("{}: {problem}", remark(location)),
                None => remark(location).to_owned(),
            };
            ui.add(Label::new(RichText::new(described).weak()).truncate().show_tooltip_when_elided(true));
            if chosen {
                initial_focus(ui, &response);
            }
            if response.clicked() {
                self.domain = (!own).then(|| location.domain.clone());
            }
        });
    }
}
