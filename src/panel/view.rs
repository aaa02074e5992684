//! The window: draws the state and returns what is wanted. It never does I/O.

use eframe::egui::{self, Align, Align2, CentralPanel, Frame, Layout, Margin, RichText, ScrollArea, Spinner, Ui};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::state::{Intent, Link, State};
use super::theme::{self, LARGE, MARGIN, SMALL, Tone};
use super::widgets;
use crate::pipe::types::{Activity, DoorStatus, Status};

/// Draws the whole window.
pub fn show(ui: &mut Ui, state: &State) -> Vec<Intent> {
    let mut intents = Vec::new();
    let ground = ui.visuals().panel_fill;
    let bar = Frame::new().fill(theme::card(ui.visuals())).inner_margin(Margin::symmetric(MARGIN, 12));
    egui::Panel::top("toolbar").frame(bar).show(ui, |ui| toolbar(ui, state));
    let frame = Frame::new().fill(ground).inner_margin(Margin::same(MARGIN));
    CentralPanel::default().frame(frame).show(ui, |ui| match &state.link {
        Link::Connecting => waiting(ui),
        Link::NotRunning { place } => {
            let place = place.display().to_string();
            let text = format!("Nothing listens at {place}.");
            absent(ui, "The updater does not run", &text, Some("siu-updater run"), &mut intents);
        }
        Link::Unusable { reason } => absent(ui, "The updater can't be reached", reason, None, &mut intents),
        Link::Connected(status) => {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| connected(ui, status, &state.zone));
        }
    });
    intents
}

/// M1: title on the left, status line in the upper right corner.
fn toolbar(ui: &mut Ui, state: &State) {
    ui.horizontal(|ui| {
        ui.label(RichText::new("Sent Items Update").heading().strong());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let (tone, text) = match &state.link {
                Link::Connecting => (Tone::Quiet, "connecting"),
                Link::NotRunning { .. } => (Tone::Bad, "not running"),
                Link::Unusable { .. } => (Tone::Bad, "not reachable"),
                Link::Connected(status) => match status.activity {
                    Activity::NotConfigured => (Tone::Quiet, "not configured"),
                    Activity::Off => (Tone::Warning, "off"),
                    Activity::On => (Tone::Good, "on"),
                    Activity::Held { .. } => (Tone::Bad, "held"),
                },
            };
            if let Link::Connected(status) = &state.link
                && let Some(account) = &status.account
            {
                ui.add(egui::Label::new(RichText::new(account).weak()).truncate());
            }
            ui.label(RichText::new(text).strong());
            widgets::dot(ui, tone);
        });
    });
}

fn waiting(ui: &mut Ui) {
    ui.centered_and_justified(|ui| {
        ui.vertical_centered(|ui| {
            ui.add_space(ui.available_height() * 0.36);
            ui.add(Spinner::new().size(28.0));
            ui.add_space(LARGE);
            ui.label("Looking for the updater…");
        });
    });
}

/// M2: why there is nothing to show, and what to do about it.
fn absent(ui: &mut Ui, title: &str, text: &str, command: Option<&str>, intents: &mut Vec<Intent>) {
    egui::Area::new(egui::Id::unique("absent"))
        .anchor(Align2::CENTER_CENTER, egui::vec2(0.0, 0.0))
        .order(egui::Order::Background)
        .show(ui.ctx(), |ui| {
            ui.set_max_width(440.0);
            ui.vertical_centered(|ui| {
                ui.label(RichText::new(title).heading().strong());
                ui.add_space(SMALL);
                ui.label(text);
                if let Some(command) = command {
                    ui.add_space(LARGE);
                    ui.label(RichText::new("Start its service, or run it in a terminal:").weak());
                    ui.label(RichText::new(command).monospace());
                    if ui.button("Copy command").clicked() {
                        intents.push(Intent::Copy(command.to_owned()));
                    }
                }
                ui.add_space(LARGE);
                ui.label(RichText::new("This window connects by itself as soon as it can.").weak());
                if ui.button("Try now").clicked() {
                    intents.push(Intent::TryNow);
                }
            });
        });
}

fn connected(ui: &mut Ui, status: &Status, zone: &TimeZone) {
    ui.spacing_mut().item_spacing.y = LARGE;
    notices(ui, status);
    widgets::card(ui, "Updating", |ui| updating(ui, status, zone));
    widgets::card(ui, "Messages", |ui| messages(ui, status));
    widgets::card(ui, "Doors for messages", |ui| doors(ui, status));
    footer(ui, status, zone);
}

fn notices(ui: &mut Ui, status: &Status) {
    if status.notices.is_empty() {
        return;
    }
    widgets::card(ui, "To be seen to", |ui| {
        for notice in &status.notices {
            ui.horizontal_top(|ui| {
                widgets::dot(ui, Tone::Warning);
                ui.add(egui::Label::new(notice).wrap());
            });
        }
    });
}

fn updating(ui: &mut Ui, status: &Status, zone: &TimeZone) {
    match &status.activity {
        Activity::NotConfigured => {
            widgets::signal(ui, Tone::Quiet, "Not configured");
            ui.label(
                RichText::new("Messages are accepted and kept until a server and an account are configured.").weak(),
            );
        }
        Activity::Off => {
            widgets::signal(ui, Tone::Warning, "Off");
            ui.label(
                RichText::new("Messages are accepted and kept; nothing is updated until it is switched on.").weak(),
            );
        }
        Activity::On => widgets::signal(ui, Tone::Good, "On"),
        Activity::Held { reason, until } => {
            widgets::signal(ui, Tone::Bad, "On, but held");
            ui.add(egui::Label::new(RichText::new(reason).color(ui.visuals().error_fg_color)).wrap());
            let text = format!("Nothing is lost. It is tried again at {}.", time(*until, zone));
            ui.label(RichText::new(text).weak());
        }
    }
    if let Some(account) = &status.account {
        widgets::fact(ui, "Account", account);
    }
    if let Some(url) = &status.ews_url {
        widgets::fact(ui, "Exchange", url);
    }
    if status.sandbox {
        widgets::fact(ui, "Rehearsal", "it works on the sandbox organisation");
    }
}

fn messages(ui: &mut Ui, status: &Status) {
    let counts = status.counts;
    ui.columns(5, |columns| {
        widgets::counter(&mut columns[0], counts.waiting, "waiting", None);
        widgets::counter(&mut columns[1], counts.working, "in work", None);
        widgets::counter(&mut columns[2], counts.updated, "updated", Some(Tone::Good));
        widgets::counter(&mut columns[3], counts.skipped, "skipped", None);
        widgets::counter(&mut columns[4], counts.failed, "failed", Some(Tone::Bad));
    });
}

fn doors(ui: &mut Ui, status: &Status) {
    door(ui, "SMTP", status.smtp.as_ref());
    door(ui, "Pickup folder", status.pickup.as_ref());
}

fn door(ui: &mut Ui, name: &str, door: Option<&DoorStatus>) {
    match door {
        None => widgets::fact(ui, name, RichText::new("closed").weak()),
        Some(DoorStatus { place, problem }) => {
            widgets::fact(ui, name, place);
            if let Some(problem) = problem {
                let text = RichText::new(problem).color(ui.visuals().warn_fg_color);
                widgets::fact(ui, "", text);
            }
        }
    }
}

fn footer(ui: &mut Ui, status: &Status, zone: &TimeZone) {
    let text = format!(
        "Version {}, process {}, since {}, data in {}",
        status.version,
        status.process,
        time(status.started_at, zone),
        status.data.display()
    );
    ui.add(egui::Label::new(RichText::new(text).small().weak()).wrap());
}

fn time(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests;
