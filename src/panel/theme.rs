//! The panel's few measures and colours, light and dark; everything else is egui's own.

use eframe::egui::{self, Color32, FontFamily, FontId, TextStyle, Theme, Visuals};

/// Between things that belong together, between groups, and around the window's content.
pub const SMALL: f32 = 6.0;
pub const LARGE: f32 = 14.0;
pub const MARGIN: i8 = 18;

/// Follows the system's light or dark; where the system doesn't say, light.
pub fn set(context: &egui::Context) {
    context.options_mut(|options| options.fallback_theme = Theme::Light);
    context.all_styles_mut(|style| {
        style.spacing.item_spacing = egui::vec2(8.0, SMALL);
        style.spacing.button_padding = egui::vec2(12.0, 5.0);
        style.spacing.interact_size.y = 26.0;
        style.text_styles = [
            (TextStyle::Small, 12.0, FontFamily::Proportional),
            (TextStyle::Body, 14.5, FontFamily::Proportional),
            (TextStyle::Button, 14.5, FontFamily::Proportional),
            (TextStyle::Heading, 19.0, FontFamily::Proportional),
            (TextStyle::Monospace, 13.5, FontFamily::Monospace),
        ]
        .map(|(style, size, family)| (style, FontId::new(size, family)))
        .into();
    });
    context.style_mut_of(Theme::Light, |style| {
        let visuals = &mut style.visuals;
        visuals.panel_fill = Color32::from_rgb(244, 245, 247);
        visuals.widgets.noninteractive.fg_stroke.color = Color32::from_rgb(54, 60, 68);
        visuals.widgets.active.fg_stroke.color = Color32::from_rgb(16, 18, 22);
        visuals.weak_text_color = Some(Color32::from_rgb(91, 99, 110));
        visuals.warn_fg_color = Color32::from_rgb(154, 91, 0);
        visuals.error_fg_color = Color32::from_rgb(186, 26, 26);
    });
    context.style_mut_of(Theme::Dark, |style| {
        let visuals = &mut style.visuals;
        visuals.panel_fill = Color32::from_rgb(27, 29, 33);
        visuals.widgets.noninteractive.fg_stroke.color = Color32::from_rgb(205, 209, 216);
        visuals.widgets.active.fg_stroke.color = Color32::from_rgb(246, 247, 249);
        visuals.weak_text_color = Some(Color32::from_rgb(155, 162, 173));
        visuals.warn_fg_color = Color32::from_rgb(240, 180, 84);
        visuals.error_fg_color = Color32::from_rgb(255, 128, 120);
    });
}

/// Surface of a card on the window's ground.
pub fn card(visuals: &Visuals) -> Color32 {
    if visuals.dark_mode { Color32::from_rgb(36, 39, 44) } else { Color32::WHITE }
}

pub fn line(visuals: &Visuals) -> Color32 {
    if visuals.dark_mode { Color32::from_rgb(54, 58, 65) } else { Color32::from_rgb(218, 222, 228) }
}

/// What a colour says; never the only sign, a word stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Quiet,
    Warning,
    Bad,
}

impl Tone {
    pub fn colour(self, visuals: &Visuals) -> Color32 {
        match self {
            Self::Good if visuals.dark_mode => Color32::from_rgb(104, 199, 130),
            Self::Good => Color32::from_rgb(26, 122, 62),
            Self::Quiet => visuals.weak_text_color(),
            Self::Warning => visuals.warn_fg_color,
            Self::Bad => visuals.error_fg_color,
        }
    }
}
