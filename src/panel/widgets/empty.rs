//! What stands where there is nothing to show.

use eframe::egui::{Align, Layout, RichText, Spinner, Ui, UiBuilder, vec2};

use super::{Button, Icon};
use crate::panel::style::{MEDIUM, SMALL, TEXT_TITLE};

/// In the middle of the room that is left: what is not there, why, and what to do.
#[must_use = "it is drawn by show"]
#[derive(Debug, Clone)]
pub struct Empty<'a> {
    icon: Icon,
    title: &'a str,
    text: &'a str,
    action: Option<Button<'a>>,
}

impl<'a> Empty<'a> {
    pub fn new(icon: Icon, title: &'a str, text: &'a str) -> Self {
        Self { icon, title, text, action: None }
    }

    pub fn action(self, button: Button<'a>) -> Self {
        Self { action: Some(button), ..self }
    }

    /// Returns whether the button was pressed.
    pub fn show(self, ui: &mut Ui) -> bool {
        middle(ui, 150.0, |ui| {
            let quiet = ui.visuals().weak_text_color();
            self.icon.sized(ui, 32.0, quiet);
            ui.add_space(SMALL);
            ui.label(RichText::new(self.title).size(TEXT_TITLE).strong());
            if !self.text.is_empty() {
                super::weak(ui, self.text);
            }
            ui.add_space(MEDIUM);
            self.action.is_some_and(|button| button.show(ui).clicked())
        })
    }
}

/// Something is being fetched.
pub fn waiting(ui: &mut Ui, text: &str) {
    middle(ui, 70.0, |ui| {
        ui.add(Spinner::new().size(28.0));
        ui.add_space(SMALL);
        ui.label(text);
    });
}

/// Centred, for content about as high as said.
fn middle<R>(ui: &mut Ui, height: f32, content: impl FnOnce(&mut Ui) -> R) -> R {
    let room = ui.available_rect_before_wrap();
    let width = room.width().min(440.0);
    let top = room.top() + ((room.height() - height) * 0.4).max(0.0);
    let place = eframe::egui::Rect::from_min_size(
        eframe::egui::pos2(room.center().x - width / 2.0, top),
        vec2(width, (room.bottom() - top).max(height)),
    );
    ui.scope_builder(UiBuilder::new().max_rect(place).layout(Layout::top_down(Align::Center)), content).inner
}
