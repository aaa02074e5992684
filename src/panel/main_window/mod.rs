//! The main window: draws the state and returns what is wanted. It never does I/O.

mod absent;
mod activity;
mod banners;
mod counters;
mod details;
mod footer;
mod plot;
mod toolbar;
pub mod words;

use eframe::egui::{self, CentralPanel, Frame, Margin, Stroke, Ui};

use super::state::{Intent, State};
use super::style::{self, MARGIN, MEDIUM, SMALL};
use super::widgets;

/// Draws the whole window.
pub fn show(ui: &mut Ui, state: &State) -> Vec<Intent> {
    let mut wanted = Vec::new();
    let (surface, ground) = (style::card(ui.visuals()), ui.visuals().panel_fill);
    let bar = Frame::new().fill(surface);
    egui::Panel::top("toolbar")
        .frame(bar.inner_margin(Margin { left: 6, right: MARGIN, top: 8, bottom: 8 }))
        .show(ui, |ui| wanted.extend(toolbar::show(ui, state)));
    if let Some(status) = state.status() {
        egui::Panel::bottom("footer")
            .frame(bar.inner_margin(Margin::symmetric(MARGIN, 3)))
            .show(ui, |ui| footer::show(ui, state, status));
        if let Some(listed) = state.messages.selected().and_then(|id| state.messages.get(id)) {
            egui::Panel::right("details")
                .frame(bar.inner_margin(Margin::symmetric(MARGIN, 12)).stroke(Stroke::NONE))
                .default_size(380.0)
                .size_range(300.0..=620.0)
                .resizable(true)
                .show(ui, |ui| wanted.extend(details::show(ui, state, listed)));
        }
    }
    let frame = Frame::new().fill(ground).inner_margin(Margin::same(MARGIN));
    CentralPanel::default().frame(frame).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = SMALL;
        wanted.extend(banners::show(ui, state));
        let Some(status) = state.status() else {
            wanted.extend(absent::show(ui, state));
            return;
        };
        wanted.extend(counters::show(ui, state, status.counts));
        ui.add_space(MEDIUM - SMALL);
        // A low window has room for the list before all.
        if ui.available_height() > 380.0 {
            widgets::card(ui, |ui| wanted.extend(plot::show(ui, state)));
            ui.add_space(MEDIUM - SMALL);
        }
        widgets::card(ui, |ui| {
            ui.set_min_height(ui.available_height());
            wanted.extend(activity::show(ui, state));
        });
    });
    wanted.extend(banners::notices(ui, state));
    wanted
}

#[cfg(test)]
mod tests;
