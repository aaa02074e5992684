//! What concerns everything below: the sandbox, a hold, and what is to be seen to.

use eframe::egui::{self, Align2, Frame, Margin, Order, Ui, vec2};

use crate::panel::state::{Dialog, Intent, Samples, Sandbox, State};
use crate::panel::style::{SMALL, Tone, time};
use crate::panel::widgets::{Banner, Button, ButtonStyle, Icon, Pressed};
use crate::pipe::types::Activity;

pub fn show(ui: &mut Ui, state: &State) -> Vec<Intent> {
    let mut wanted = Vec::new();
    if let Some(sandbox) = &state.sandbox {
        self::sandbox(ui, state, sandbox, &mut wanted);
    }
    let Some(status) = state.status() else { return wanted };
    match &status.activity {
        Activity::Held { reason, until } => {
            let text = format!("{reason} Nothing is lost. It is tried again at {}.", time(*until, &state.zone));
            Banner::new(Tone::Bad, &text).show(ui);
        }
        Activity::NotConfigured if state.sandbox.is_none() => {
            let text = "Messages are accepted and kept. They are updated once a server and an account are configured.";
            let configure = Button::new("Configure").style(ButtonStyle::Primary);
            if Banner::new(Tone::Info, text).action(configure).show(ui).is_some() {
                wanted.push(Intent::Open(Dialog::Wizard));
            }
        }
        Activity::Off => {
            let text = "Sent Items Update is off. Messages are accepted and kept; nothing is updated until it is on.";
            Banner::new(Tone::Warning, text).icon(Icon::Paused).show(ui);
        }
        Activity::NotConfigured | Activity::On => {}
    }
    for notice in &status.notices {
        Banner::new(Tone::Warning, notice).show(ui);
    }
    wanted
}

fn sandbox(ui: &mut Ui, state: &State, sandbox: &Sandbox, wanted: &mut Vec<Intent>) {
    match sandbox {
        Sandbox::Starting => {
            Banner::new(Tone::Info, "Sandbox: an organisation for trying things out is being started…")
                .icon(Icon::Sandbox)
                .show(ui);
        }
        Sandbox::Failed(why) => {
            Banner::new(Tone::Bad, &format!("Sandbox: {why}")).icon(Icon::Sandbox).show(ui);
        }
        Sandbox::Running { name, samples } => {
            let configured = state.status().is_some_and(|status| status.activity != Activity::NotConfigured);
            let text = if configured {
                format!("Sandbox: {name} is a made-up organisation on this computer. Nothing here touches real mail.")
            } else {
                format!(
                    "Sandbox: {name} is a made-up organisation on this computer. Configure Sent Items Update for it, \
                     and see what it does; nothing here touches real mail."
                )
            };
            let action = if configured {
                let greyed = match samples {
                    Samples::Here => None,
                    Samples::Underway => Some("They are on their way."),
                    Samples::Sent => Some("All sample messages were sent."),
                };
                Button::new("Send sample messages").icon(Icon::Mail).greyed(greyed)
            } else {
                Button::new("Configure").style(ButtonStyle::Primary).enabled(state.status().is_some())
            };
            if Banner::new(Tone::Info, &text).icon(Icon::Sandbox).action(action).show(ui).is_some() {
                wanted.push(if configured { Intent::SendSamples } else { Intent::Open(Dialog::Wizard) });
            }
        }
    }
}

/// Notices stand above everything, dialogs included: an error of the background always reaches the screen.
pub fn notices(ui: &mut Ui, state: &State) -> Vec<Intent> {
    let mut wanted = Vec::new();
    if state.notices.shown().is_empty() {
        return wanted;
    }
    egui::Area::new(egui::Id::unique("notices"))
        .order(Order::Tooltip)
        .anchor(Align2::RIGHT_BOTTOM, vec2(-16.0, -44.0))
        .show(ui.ctx(), |ui| {
            ui.set_width(420.0_f32.min(ui.ctx().content_rect().width() - 32.0));
            for (at, notice) in state.notices.shown().iter().enumerate() {
                Frame::new()
                    .fill(ui.visuals().window_fill)
                    .corner_radius(6)
                    .shadow(ui.visuals().popup_shadow)
                    .inner_margin(Margin::ZERO)
                    .show(ui, |ui| {
                        let pressed = Banner::new(notice.tone, &notice.text).dismissible().show(ui);
                        if pressed == Some(Pressed::Dismissed) {
                            wanted.push(Intent::Dismiss(at));
                        }
                    });
                ui.add_space(SMALL / 2.0);
            }
        });
    wanted
}
