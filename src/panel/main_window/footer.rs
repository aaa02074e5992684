//! The line at the bottom: that the updater runs, and how its doors are (M2).

use eframe::egui::{RichText, Ui};

use crate::panel::state::State;
use crate::panel::style::{Tone, time};
use crate::panel::widgets::tone_icon;
use crate::pipe::types::{DoorStatus, Status};

pub fn show(ui: &mut Ui, state: &State, status: &Status) {
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 5.0;
        let since = time(status.started_at, &state.zone);
        let text = format!("Updater {} runs", status.version);
        part(
            ui,
            Tone::Good,
            &text,
            &format!("Process {}, since {since}, data in {}", status.process, status.data.display()),
        );
        door(ui, "SMTP", status.smtp.as_ref());
        door(ui, "Pickup folder", status.pickup.as_ref());
    });
}

fn door(ui: &mut Ui, name: &str, door: Option<&DoorStatus>) {
    ui.add_space(14.0);
    match door {
        None => part(ui, Tone::Quiet, &format!("{name} closed"), "It is opened in the settings, tab General."),
        Some(DoorStatus { place, problem: None }) => part(ui, Tone::Good, &format!("{name} open"), place),
        Some(DoorStatus { place, problem: Some(problem) }) => {
            part(ui, Tone::Bad, &format!("{name}: {problem}"), place);
        }
    }
}

fn part(ui: &mut Ui, tone: Tone, text: &str, more: &str) {
    let colour = tone.colour(ui.visuals());
    tone_icon(tone).sized(ui, 13.0, colour);
    let words = RichText::new(text).small();
    ui.add(eframe::egui::Label::new(if tone == Tone::Bad { words } else { words.weak() }).truncate())
        .on_hover_text(more);
}
