//! Buttons and links.

use eframe::egui::{self, Response, RichText, Sense, Ui, Vec2, vec2};

use super::Icon;
use super::dialog::takes_enter;
use crate::panel::style::{self, CONTROL, Tone, accent, on_accent};

/// How much a button asks to be pressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ButtonStyle {
    /// The one that goes on from here; one a page.
    Primary,
    #[default]
    Secondary,
    /// Takes something away.
    Danger,
    /// No frame until the pointer is there: toolbars and tables.
    Quiet,
}

/// A button, with what it may have.
#[derive(Debug, Clone)]
pub struct Button<'a> {
    text: &'a str,
    style: ButtonStyle,
    icon: Option<Icon>,
    greyed: Option<&'a str>,
    enabled: bool,
    least_width: f32,
}

impl<'a> Button<'a> {
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, style: ButtonStyle::Secondary, icon: None, greyed: None, enabled: true, least_width: 0.0 }
    }

    #[must_use]
    pub fn style(self, style: ButtonStyle) -> Self {
        Self { style, ..self }
    }

    #[must_use]
    pub fn icon(self, icon: Icon) -> Self {
        Self { icon: Some(icon), ..self }
    }

    /// Can't be pressed, and the pointer is told why.
    #[must_use]
    pub fn greyed(self, reason: Option<&'a str>) -> Self {
        Self { greyed: reason, ..self }
    }

    /// Can't be pressed, for a reason that everybody sees.
    #[must_use]
    pub fn enabled(self, enabled: bool) -> Self {
        Self { enabled, ..self }
    }

    #[must_use]
    pub fn least_width(self, width: f32) -> Self {
        Self { least_width: width, ..self }
    }

    pub fn show(self, ui: &mut Ui) -> Response {
        let enabled = self.enabled && self.greyed.is_none();
        let visuals = ui.visuals();
        let (ink, fill) = match self.style {
            ButtonStyle::Primary if enabled => (on_accent(visuals), Some(accent(visuals))),
            ButtonStyle::Danger => (Tone::Bad.colour(visuals), None),
            _ => (visuals.text_color(), None),
        };
        let text = RichText::new(self.text).color(ink);
        let mut button = match self.icon {
            Some(icon) => egui::Button::image_and_text(icon.image(super::icon::SIZE, ink), text),
            None => egui::Button::new(text),
        }
        .min_size(vec2(self.least_width, CONTROL))
        .corner_radius(style::round());
        if let Some(fill) = fill {
            button = button.fill(fill);
        }
        if self.style == ButtonStyle::Quiet {
            button = button.frame_when_inactive(false);
        }
        let response = ui.add_enabled(enabled, button);
        style::focus_ring(ui, &response);
        if response.has_focus() {
            takes_enter(ui);
        }
        match self.greyed {
            Some(reason) => response.on_disabled_hover_text(reason),
            None => response,
        }
    }
}

pub fn primary(ui: &mut Ui, text: &str) -> Response {
    Button::new(text).style(ButtonStyle::Primary).show(ui)
}

pub fn secondary(ui: &mut Ui, text: &str) -> Response {
    Button::new(text).show(ui)
}

pub fn danger(ui: &mut Ui, text: &str) -> Response {
    Button::new(text).style(ButtonStyle::Danger).show(ui)
}

/// A picture to press; its name is for the screen reader and the pointer.
pub fn icon_button(ui: &mut Ui, icon: Icon, name: &str) -> Response {
    let ink = ui.visuals().text_color();
    let image = icon.image(super::icon::SIZE, ink).alt_text(name);
    let button = egui::Button::image(image).min_size(Vec2::splat(CONTROL)).frame_when_inactive(false);
    let response = ui.add(button.corner_radius(style::round()));
    let enabled = response.enabled();
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, enabled, name));
    style::focus_ring(ui, &response);
    if response.has_focus() {
        takes_enter(ui);
    }
    response.on_hover_text(name)
}

/// Words to press, underlined.
pub fn link(ui: &mut Ui, text: &str) -> Response {
    let words = RichText::new(text).color(accent(ui.visuals())).underline();
    let response = ui.add(egui::Label::new(words).sense(Sense::click()).selectable(false));
    let enabled = response.enabled();
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Link, enabled, text));
    style::focus_ring(ui, &response);
    if response.has_focus() {
        takes_enter(ui);
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand)
}
