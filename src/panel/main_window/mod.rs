//! The main window: draws the state and returns what is wanted. It never does I/O.

use eframe::egui::{CentralPanel, Frame, Margin, Ui};

use super::state::{Intent, State};
use super::style::MARGIN;

/// Draws the whole window.
pub fn show(ui: &mut Ui, _state: &State) -> Vec<Intent> {
    let frame = Frame::new().fill(ui.visuals().panel_fill).inner_margin(Margin::same(MARGIN));
    CentralPanel::default().frame(frame).show(ui, |_| Vec::new()).inner
}
