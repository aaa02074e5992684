//! What is picked, as chips: each goes again by a click.

use eframe::egui::{self, Role, ScrollArea, Ui, WidgetInfo};
use uuid::Uuid;

use super::icons::object_icon;
use super::state::Chosen;
use crate::panel::style::{SMALL, TINY, grouped, legible};
use crate::panel::widgets::{Button, Icon, weak};

/// More than these are counted instead of shown: nobody reads them one by one.
const MOST: usize = 60;

/// Longest name on a chip.
const NAME: usize = 28;

/// Height of the room for chips: two rows of them.
pub const HEIGHT: f32 = 68.0;

/// Draws them; returns the one that is to go.
pub fn show(ui: &mut Ui, chosen: &[Chosen]) -> Option<Uuid> {
    let mut gone = None;
    ScrollArea::vertical().id_salt("chosen").max_height(HEIGHT).min_scrolled_height(HEIGHT).auto_shrink(false).show(ui, |ui| {
        if chosen.is_empty() {
            weak(ui, "Nothing is selected. Hold Ctrl or Shift to select several; what is selected stays while you search on.");
            return;
        }
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = egui::vec2(SMALL, TINY);
            for Chosen { object, .. } in chosen.iter().take(MOST) {
                let name = legible(&object.name);
                let (_, what) = object_icon(object);
                let response = Button::new(&short(&name)).icon(Icon::Clear).show(ui);
                let said = format!("Deselect {name}");
                response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &said));
                if response.on_hover_text(format!("{name}\n{what}, {}", legible(&object.domain))).clicked() {
                    gone = Some(object.id);
                }
            }
            if let Some(more) = chosen.len().checked_sub(MOST).filter(|more| *more > 0) {
                weak(ui, &format!("and {} more", grouped(i64::try_from(more).unwrap_or(i64::MAX))));
            }
        });
    });
    gone
}

fn short(name: &str) -> String {
    if name.chars().nth(NAME).is_none() {
        return name.to_owned();
    }
    let begin: String = name.chars().take(NAME - 1).collect();
    format!("{begin}…")
}
