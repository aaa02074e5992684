//! A message across the window or a dialog: what concerns everything below it.

use eframe::egui::{Align, CornerRadius, Frame, Label, Layout, Margin, RichText, Stroke, Ui, vec2};

use super::{Button, Icon, icon_button, tone_icon};
use crate::panel::style::{self, Tone};

/// A message, with what can be done about it.
#[must_use = "it is drawn by show"]
#[derive(Debug, Clone)]
pub struct Banner<'a> {
    tone: Tone,
    icon: Icon,
    text: &'a str,
    actions: Vec<Button<'a>>,
    dismissible: bool,
}

/// What was pressed in a banner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// The action of this number.
    Action(usize),
    Dismissed,
}

impl<'a> Banner<'a> {
    pub fn new(tone: Tone, text: &'a str) -> Self {
        Self { tone, icon: tone_icon(tone), text, actions: Vec::new(), dismissible: false }
    }

    pub fn icon(self, icon: Icon) -> Self {
        Self { icon, ..self }
    }

    pub fn action(mut self, button: Button<'a>) -> Self {
        self.actions.push(button);
        self
    }

    /// With a cross that takes it away.
    pub fn dismissible(self) -> Self {
        Self { dismissible: true, ..self }
    }

    pub fn show(self, ui: &mut Ui) -> Option<Pressed> {
        let colour = self.tone.colour(ui.visuals());
        let fill = style::tint(colour, ui.visuals().dark_mode);
        let mut pressed = None;
        Frame::new()
            .fill(fill)
            .stroke(Stroke::new(1.0, colour.gamma_multiply(0.5)))
            .corner_radius(CornerRadius::same(6))
            .inner_margin(Margin::symmetric(12, 6))
            .show(ui, |ui| {
                ui.set_width(ui.available_width());
                // The words take what the buttons leave: how wide those are is known from the last time. The text tells banners
                // apart that stand below each other.
                let id = ui.scope_id().with(("actions", self.text));
                let width = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(0.0);
                ui.horizontal(|ui| {
                    self.icon.show(ui, colour);
                    let room = ui.available_width() - width - if width > 0.0 { style::SMALL } else { 0.0 };
                    let place = Layout::left_to_right(Align::Center);
                    ui.allocate_ui_with_layout(vec2(room, style::CONTROL), place, |ui| {
                        ui.set_min_size(vec2(room, style::CONTROL));
                        ui.add(Label::new(RichText::new(self.text)).wrap());
                    });
                    let start = ui.cursor().left();
                    for (at, action) in self.actions.into_iter().enumerate() {
                        if action.show(ui).clicked() {
                            pressed = Some(Pressed::Action(at));
                        }
                    }
                    if self.dismissible && icon_button(ui, Icon::Clear, "Dismiss").clicked() {
                        pressed = Some(Pressed::Dismissed);
                    }
                    let used = (ui.min_rect().right() - start).max(0.0);
                    if (used - width).abs() > 0.5 {
                        ui.data_mut(|data| data.insert_temp(id, used));
                        ui.ctx().request_discard("the width of a banner's buttons is known now");
                    }
                });
            });
        pressed
    }
}

/// A message with nothing to press.
pub fn banner(ui: &mut Ui, tone: Tone, text: &str) {
    Banner::new(tone, text).show(ui);
}
