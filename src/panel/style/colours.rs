//! Light and dark. Text stands out from its ground by a contrast of at least 4.5 to 1 (WCAG 2.2, AA).

use eframe::egui::{Color32, CornerRadius, Shadow, Stroke, Visuals};

use super::ROUND;

/// Of primary buttons, links, selection and focus.
#[must_use]
pub fn accent(visuals: &Visuals) -> Color32 {
    if visuals.dark_mode { Color32::from_rgb(122, 184, 255) } else { Color32::from_rgb(11, 87, 168) }
}

/// Text on the accent.
#[must_use]
pub fn on_accent(visuals: &Visuals) -> Color32 {
    if visuals.dark_mode { Color32::from_rgb(8, 24, 44) } else { Color32::WHITE }
}

/// Surface of a card on the window's ground.
#[must_use]
pub fn card(visuals: &Visuals) -> Color32 {
    if visuals.dark_mode { Color32::from_rgb(36, 39, 44) } else { Color32::WHITE }
}

/// Borders and separators.
#[must_use]
pub fn line(visuals: &Visuals) -> Color32 {
    if visuals.dark_mode { Color32::from_rgb(58, 63, 71) } else { Color32::from_rgb(214, 219, 226) }
}

/// What a colour says; never the only sign: an icon of another shape and a word stand beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Info,
    Quiet,
    Warning,
    Bad,
}

impl Tone {
    #[must_use]
    pub fn colour(self, visuals: &Visuals) -> Color32 {
        match self {
            // Green with much blue and red with much yellow: apart for people who confuse red and green.
            Self::Good if visuals.dark_mode => Color32::from_rgb(92, 201, 158),
            Self::Good => Color32::from_rgb(0, 116, 84),
            Self::Info => accent(visuals),
            Self::Quiet => visuals.weak_text_color(),
            Self::Warning => visuals.warn_fg_color,
            Self::Bad => visuals.error_fg_color,
        }
    }
}

pub(super) fn light(visuals: &mut Visuals) {
    let accent = Color32::from_rgb(11, 87, 168);
    visuals.panel_fill = Color32::from_rgb(244, 245, 247);
    visuals.window_fill = Color32::from_rgb(250, 250, 251);
    visuals.extreme_bg_color = Color32::WHITE;
    visuals.text_edit_bg_color = Some(Color32::WHITE);
    visuals.faint_bg_color = Color32::from_rgb(246, 247, 249);
    visuals.weak_text_color = Some(Color32::from_rgb(88, 96, 107));
    visuals.warn_fg_color = Color32::from_rgb(146, 84, 0);
    visuals.error_fg_color = Color32::from_rgb(180, 24, 24);
    visuals.window_stroke = Stroke::new(1.0, Color32::from_rgb(190, 196, 205));
    let text = Color32::from_rgb(38, 43, 50);
    let strong = Color32::from_rgb(14, 17, 22);
    widgets(
        visuals,
        &Palette {
            text,
            strong,
            accent,
            border: Color32::from_rgb(140, 148, 159),
            line: Color32::from_rgb(214, 219, 226),
            control: Color32::WHITE,
            hovered: Color32::from_rgb(235, 240, 247),
            pressed: Color32::from_rgb(221, 230, 242),
            selection: Color32::from_rgb(207, 226, 248),
        },
    );
}

pub(super) fn dark(visuals: &mut Visuals) {
    let accent = Color32::from_rgb(122, 184, 255);
    visuals.panel_fill = Color32::from_rgb(27, 29, 33);
    visuals.window_fill = Color32::from_rgb(31, 34, 38);
    visuals.extreme_bg_color = Color32::from_rgb(20, 22, 25);
    visuals.text_edit_bg_color = Some(Color32::from_rgb(20, 22, 25));
    visuals.faint_bg_color = Color32::from_rgb(40, 43, 49);
    visuals.weak_text_color = Some(Color32::from_rgb(160, 167, 178));
    visuals.warn_fg_color = Color32::from_rgb(242, 184, 92);
    visuals.error_fg_color = Color32::from_rgb(255, 136, 128);
    visuals.window_stroke = Stroke::new(1.0, Color32::from_rgb(78, 84, 94));
    let text = Color32::from_rgb(214, 218, 224);
    let strong = Color32::from_rgb(247, 248, 250);
    widgets(
        visuals,
        &Palette {
            text,
            strong,
            accent,
            border: Color32::from_rgb(108, 116, 128),
            line: Color32::from_rgb(58, 63, 71),
            control: Color32::from_rgb(45, 49, 55),
            hovered: Color32::from_rgb(56, 62, 71),
            pressed: Color32::from_rgb(68, 76, 88),
            selection: Color32::from_rgb(36, 70, 110),
        },
    );
}

struct Palette {
    text: Color32,
    strong: Color32,
    accent: Color32,
    border: Color32,
    line: Color32,
    control: Color32,
    hovered: Color32,
    pressed: Color32,
    selection: Color32,
}

fn widgets(visuals: &mut Visuals, palette: &Palette) {
    visuals.hyperlink_color = palette.accent;
    visuals.selection.bg_fill = palette.selection;
    visuals.selection.stroke = Stroke::new(1.0, palette.strong);
    visuals.disabled_alpha = 0.55;
    visuals.window_corner_radius = CornerRadius::same(8);
    visuals.menu_corner_radius = CornerRadius::same(6);
    visuals.window_shadow = Shadow {
        offset: [0, 8],
        blur: 28,
        spread: 0,
        color: Color32::from_black_alpha(if visuals.dark_mode { 140 } else { 50 }),
    };
    visuals.popup_shadow = Shadow { offset: [0, 3], blur: 10, ..visuals.window_shadow };
    let set = &mut visuals.widgets;
    set.noninteractive.fg_stroke.color = palette.text;
    set.noninteractive.bg_stroke = Stroke::new(1.0, palette.line);
    for (state, fill, border, text) in [
        (&mut set.inactive, palette.control, Stroke::new(1.0, palette.border), palette.text),
        (&mut set.hovered, palette.hovered, Stroke::new(1.0, palette.accent), palette.strong),
        (&mut set.active, palette.pressed, Stroke::new(1.5, palette.accent), palette.strong),
        (&mut set.open, palette.hovered, Stroke::new(1.0, palette.accent), palette.strong),
    ] {
        state.bg_fill = fill;
        state.weak_bg_fill = fill;
        state.bg_stroke = border;
        state.fg_stroke.color = text;
        state.corner_radius = CornerRadius::same(ROUND);
        state.expansion = 0.0;
    }
    set.noninteractive.corner_radius = CornerRadius::same(ROUND);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2.2).
    fn luminance(colour: Color32) -> f64 {
        let part = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(colour.r()) + 0.7152 * part(colour.g()) + 0.0722 * part(colour.b())
    }

    fn contrast(one: Color32, other: Color32) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn every_tone_can_be_read_on_every_ground_in_light_and_dark() {
        for (mut visuals, set) in
            [(Visuals::light(), light as fn(&mut Visuals)), (Visuals::dark(), dark as fn(&mut Visuals))]
        {
            set(&mut visuals);
            let tones =
                [Tone::Good, Tone::Info, Tone::Quiet, Tone::Warning, Tone::Bad].map(|tone| tone.colour(&visuals));
            for ground in [visuals.panel_fill, visuals.window_fill, card(&visuals), visuals.extreme_bg_color] {
                for text in tones.into_iter().chain([visuals.text_color()]) {
                    assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}: {:.2}", contrast(text, ground));
                }
            }
            assert!(contrast(on_accent(&visuals), accent(&visuals)) >= 4.5);
            let selected = visuals.selection.bg_fill;
            for text in tones.into_iter().chain([visuals.selection.stroke.color]) {
                assert!(contrast(text, selected) >= 3.0, "{text:?} on {selected:?}: {:.2}", contrast(text, selected));
            }
        }
    }
}
