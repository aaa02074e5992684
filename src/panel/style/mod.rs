//! Measures, colours and words that every window of the panel shares.

mod colours;
mod text;

use eframe::egui::{self, Color32, CornerRadius, FontFamily, FontId, Stroke, TextStyle, Theme};

pub use colours::{Tone, accent, card, line, on_accent};
pub use text::{ago, bytes, capital, day, grouped, legible, sentence, time};

/// Between things that belong together.
pub const TINY: f32 = 4.0;
pub const SMALL: f32 = 8.0;
/// Between groups.
pub const MEDIUM: f32 = 12.0;
pub const LARGE: f32 = 20.0;
/// Around the content of a window or a dialog.
pub const MARGIN: i8 = 16;

/// Height of buttons and fields.
pub const CONTROL: f32 = 28.0;
/// Height of a table's row.
pub const ROW: f32 = 26.0;
/// Width of the labels in front of controls.
pub const LABEL: f32 = 170.0;
pub const ROUND: u8 = 5;

/// Sizes of text, from the smallest to the largest.
pub const TEXT_SMALL: f32 = 12.0;
pub const TEXT_BODY: f32 = 14.0;
pub const TEXT_TITLE: f32 = 15.5;
pub const TEXT_HEADING: f32 = 19.0;
pub const TEXT_NUMBER: f32 = 24.0;

/// Follows the system's light or dark; where the system doesn't say, light. Also gets the icons ready.
pub fn set(context: &egui::Context) {
    egui_extras::install_image_loaders(context);
    context.options_mut(|options| options.fallback_theme = Theme::Light);
    context.all_styles_mut(measures);
    context.style_mut_of(Theme::Light, |style| colours::light(&mut style.visuals));
    context.style_mut_of(Theme::Dark, |style| colours::dark(&mut style.visuals));
}

fn measures(style: &mut egui::Style) {
    style.text_styles = [
        (TextStyle::Small, TEXT_SMALL, FontFamily::Proportional),
        (TextStyle::Body, TEXT_BODY, FontFamily::Proportional),
        (TextStyle::Button, TEXT_BODY, FontFamily::Proportional),
        (TextStyle::Heading, TEXT_HEADING, FontFamily::Proportional),
        (TextStyle::Monospace, 13.0, FontFamily::Monospace),
    ]
    .map(|(style, size, family)| (style, FontId::new(size, family)))
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = egui::vec2(SMALL, 6.0);
    spacing.button_padding = egui::vec2(12.0, 4.0);
    spacing.interact_size.y = CONTROL;
    spacing.icon_width = 16.0;
    spacing.icon_width_inner = 8.0;
    spacing.icon_spacing = 8.0;
    spacing.tooltip_width = 360.0;
    spacing.scroll = egui::style::ScrollStyle::solid();
    spacing.scroll.bar_width = 10.0;
    style.interaction.selectable_labels = true;
    style.visuals.text_cursor.blink = false;
}

/// Round corners of controls.
#[must_use]
pub fn round() -> CornerRadius {
    CornerRadius::same(ROUND)
}

/// Around what has the keyboard: visible on every ground.
pub fn focus_ring(ui: &egui::Ui, response: &egui::Response) {
    if response.has_focus() {
        let place = response.rect.expand(2.5);
        let stroke = Stroke::new(2.0, accent(ui.visuals()));
        ui.painter().rect_stroke(place, CornerRadius::same(ROUND + 2), stroke, egui::StrokeKind::Middle);
    }
}

/// A colour let through to the ground, for tinted surfaces.
#[must_use]
pub fn tint(colour: Color32, dark: bool) -> Color32 {
    colour.gamma_multiply(if dark { 0.16 } else { 0.09 })
}
