//! How something stands: an icon of its own shape, and a word.

use eframe::egui::{Response, Spinner, Ui};

use super::Icon;
use crate::panel::style::Tone;

/// The shape that goes with a tone.
#[must_use]
pub fn tone_icon(tone: Tone) -> Icon {
    match tone {
        Tone::Good => Icon::Ok,
        Tone::Info => Icon::Info,
        Tone::Quiet => Icon::Quiet,
        Tone::Warning => Icon::Warning,
        Tone::Bad => Icon::Error,
    }
}

/// Icon and word.
pub fn signal(ui: &mut Ui, tone: Tone, text: &str) -> Response {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        tone_icon(tone).show(ui, tone.colour(ui.visuals()));
        ui.label(text)
    })
    .inner
}

/// Something goes on: it turns beside the words.
pub fn busy(ui: &mut Ui, text: &str) -> Response {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        ui.add(Spinner::new().size(super::icon::SIZE));
        ui.label(text)
    })
    .inner
}
