//! What stands in the window while there is no updater (M2).

use eframe::egui::{Align, Layout, RichText, Ui, UiBuilder, pos2, vec2};

use crate::panel::state::{Intent, Link, Starting, State};
use crate::panel::style::{LARGE, MEDIUM, SMALL, TEXT_HEADING};
use crate::panel::widgets::{Icon, Note, busy, note, primary, secondary, waiting, weak, wrapped};

pub fn show(ui: &mut Ui, state: &State) -> Vec<Intent> {
    match &state.link {
        Link::NotRunning { place } => {
            let text = format!("Nothing listens at {}.", place.display());
            explained(ui, "The updater does not run", &text, Some(&state.starting))
        }
        Link::Unusable { reason } => explained(ui, "The updater can't be reached", reason, None),
        Link::Connecting | Link::Connected(_) => {
            waiting(ui, "Looking for the updater…");
            Vec::new()
        }
    }
}

fn explained(ui: &mut Ui, title: &str, text: &str, start: Option<&Starting>) -> Vec<Intent> {
    let mut wanted = Vec::new();
    let room = ui.available_rect_before_wrap();
    let width = room.width().min(460.0);
    let place = eframe::egui::Rect::from_min_max(
        pos2(room.center().x - width / 2.0, room.top() + (room.height() - 260.0).max(0.0) * 0.4),
        room.right_bottom(),
    );
    let place = place.intersect(eframe::egui::Rect::from_min_size(place.min, vec2(width, f32::INFINITY)));
    ui.scope_builder(UiBuilder::new().max_rect(place).layout(Layout::top_down(Align::Min)), |ui| {
        let colour = ui.visuals().error_fg_color;
        Icon::Error.sized(ui, 32.0, colour);
        ui.add_space(SMALL);
        ui.label(RichText::new(title).size(TEXT_HEADING).strong());
        wrapped(ui, text);
        ui.add_space(MEDIUM);
        match start {
            Some(Starting::Underway) => {
                busy(ui, "The updater is being started…");
            }
            start => {
                ui.horizontal(|ui| {
                    if start.is_some() && primary(ui, "Start the updater").clicked() {
                        wanted.push(Intent::StartUpdater);
                    }
                    if secondary(ui, "Try now").clicked() {
                        wanted.push(Intent::TryNow);
                    }
                });
            }
        }
        if let Some(Starting::Failed(why)) = start {
            ui.add_space(SMALL);
            note(ui, &Note::Error(why.clone()));
        }
        ui.add_space(LARGE);
        weak(ui, "This window connects by itself as soon as it can. Messages that were accepted are not lost.");
    });
    wanted
}
