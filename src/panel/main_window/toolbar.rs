//! The bar at the top: what can be opened, and how Sent Items Update stands (M1).

use eframe::egui::{self, Align, Layout, RichText, Ui};

use crate::panel::state::{Dialog, Intent, Link, State, Tab};
use crate::panel::style::{self, Tone, legible};
use crate::panel::widgets::{Button, ButtonStyle, Icon, icon_button, link, tone_icon};
use crate::pipe::types::Activity;

const WIDE: f32 = 960.0;

/// Room for the words about the status, without the account.
const WORDS: f32 = 270.0;

pub fn show(ui: &mut Ui, state: &State) -> Vec<Intent> {
    let mut wanted = Vec::new();
    // Where words have no room, pictures stand alone.
    let wide = ui.available_width() >= WIDE;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = if wide { style::SMALL } else { 0.0 };
        let absent = match &state.link {
            Link::Connected(_) => None,
            Link::Connecting => Some("The panel is still looking for the updater."),
            Link::NotRunning { .. } | Link::Unusable { .. } => {
                Some("The settings are the updater's, and it can't be reached.")
            }
        };
        for (icon, text, greyed, dialog) in [
            (Icon::Settings, "Settings", absent, Dialog::Settings(Tab::General)),
            (Icon::Test, "Impersonation test", absent, Dialog::ImpersonationTest),
            (Icon::Diagnostics, "Diagnostics", None, Dialog::Diagnostics),
            (Icon::About, "About", None, Dialog::About),
        ] {
            let pressed = if wide {
                Button::new(text).icon(icon).style(ButtonStyle::Quiet).greyed(greyed).show(ui)
            } else {
                ui.add_enabled_ui(greyed.is_none(), |ui| icon_button(ui, icon, text)).inner
            };
            if pressed.clicked() {
                wanted.push(Intent::Open(dialog));
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| status(ui, state, &mut wanted));
    });
    wanted
}

/// From the right: the link, the account, the word, the icon.
fn status(ui: &mut Ui, state: &State, wanted: &mut Vec<Intent>) {
    let (tone, text) = match &state.link {
        Link::Connecting => (Tone::Quiet, "connecting"),
        Link::NotRunning { .. } => (Tone::Bad, "updater not running"),
        Link::Unusable { .. } => (Tone::Bad, "updater not reachable"),
        Link::Connected(status) => match status.activity {
            Activity::NotConfigured => (Tone::Quiet, "not configured"),
            Activity::Off => (Tone::Warning, "off"),
            Activity::On => (Tone::Good, "on"),
            Activity::Held { .. } => (Tone::Bad, "on, but held"),
        },
    };
    if let Some(status) = state.status() {
        if link(ui, "Click to change").clicked() {
            wanted.push(Intent::Open(match status.activity {
                Activity::NotConfigured => Dialog::Wizard,
                _ => Dialog::Settings(Tab::SentItemsUpdate),
            }));
        }
        if let Some(account) = &status.account {
            let room = ui.available_width() - WORDS;
            if room > 60.0 {
                let account = RichText::new(legible(account)).weak();
                ui.scope(|ui| {
                    ui.set_max_width(room);
                    ui.add(egui::Label::new(account).truncate());
                });
            }
        }
    }
    ui.label(RichText::new(text).strong());
    ui.spacing_mut().item_spacing.x = 6.0;
    let colour = tone.colour(ui.visuals());
    let icon = if text == "off" { Icon::Paused } else { tone_icon(tone) };
    icon.show(ui, colour);
    ui.label("Sent Items Update:");
}
