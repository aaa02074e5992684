//! The wizard's frame: title, pages at the side, the present page, buttons.

use eframe::egui::{Context, Layout, ScrollArea, Stroke, Ui, vec2};

use super::state::{Intent, Run, State};
use super::{page_list, pages};
use crate::panel::style::{self, LARGE};
use crate::panel::widgets::{Dialog, DialogButton, wrapped};
use crate::setup::{Page, Step};

const WIDTH: f32 = 860.0;
const HEIGHT: f32 = 470.0;
const SIDE: f32 = 170.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pressed {
    Back,
    Next,
    Configure,
    Cancel,
    Finish,
}

pub fn show(ctx: &Context, state: &mut State, plan: &[(Step, String)], domain: &str) -> Vec<Intent> {
    let dialog = Dialog::new("wizard", "Configure Sent Items Update").width(WIDTH).height(HEIGHT).without_scrolling();
    let dialog = buttons(state).into_iter().fold(dialog, Dialog::button);
    let (pressed, mut intents) = dialog.show(ctx, |ui| content(ui, state, plan, domain));
    intents.extend(pressed.map(|pressed| match pressed {
        Pressed::Back => Intent::Back,
        Pressed::Next => Intent::Next,
        Pressed::Configure => Intent::Configure,
        Pressed::Cancel => Intent::Cancel,
        Pressed::Finish => Intent::Finish,
    }));
    intents
}

fn buttons(state: &State) -> Vec<DialogButton<'static, Pressed>> {
    let running = state.is_running().then_some("Stop the running step first.");
    let first = (state.page == Page::Environment).then_some("This is the first page.");
    let back = DialogButton::new(Pressed::Back, "Back").greyed(running.or(first));
    let cancel = DialogButton::new(Pressed::Cancel, "Cancel").cancels();
    match state.page {
        Page::Environment | Page::Connection | Page::Account => {
            vec![back, DialogButton::new(Pressed::Next, "Next").default(), cancel]
        }
        Page::Configure => {
            vec![back, DialogButton::new(Pressed::Configure, "Configure").default().greyed(running), cancel]
        }
        Page::Result if state.succeeded() => vec![DialogButton::new(Pressed::Finish, "Finish").default().cancels()],
        Page::Result => vec![
            back,
            DialogButton::new(Pressed::Configure, "Run again").default(),
            DialogButton::new(Pressed::Cancel, "Close").cancels(),
        ],
    }
}

fn content(ui: &mut Ui, state: &mut State, plan: &[(Step, String)], domain: &str) -> Vec<Intent> {
    let mut intents = Vec::new();
    let room = ui.available_size();
    ui.horizontal_top(|ui| {
        ui.allocate_ui_with_layout(vec2(SIDE, room.y), Layout::top_down(eframe::egui::Align::Min), |ui| {
            ui.set_min_size(vec2(SIDE, room.y));
            intents.extend(page_list::show(ui, state).map(Intent::GoTo));
        });
        let x = ui.cursor().left() + 2.0;
        let line = Stroke::new(1.0, style::line(ui.visuals()));
        ui.painter().vline(x, ui.max_rect().y_range(), line);
        ui.add_space(LARGE);
        ui.vertical(|ui| {
            ui.set_min_height(room.y);
            ScrollArea::vertical().id_salt(("page", state.page)).auto_shrink(false).show(ui, |ui| match state.page {
                Page::Environment => pages::environment(ui, state, &mut intents),
                Page::Connection => pages::connection(ui, state, &mut intents),
                Page::Account => pages::account(ui, state, domain, &mut intents),
                Page::Configure => match state.run {
                    Run::Going { .. } => pages::progress(ui, state, &mut intents),
                    Run::No | Run::Ended(_) => pages::summary(ui, plan, state.shared.as_ref()),
                },
                Page::Result => pages::result(ui, state, &mut intents),
            });
        });
    });
    intents
}

/// Asks whether leaving is meant while something runs. Returns the answer, once there is one.
pub fn ask(ctx: &Context) -> Option<bool> {
    let dialog = Dialog::new("leave", "Stop the configuration?")
        .width(440.0)
        .button(DialogButton::new(true, "Stop and leave").danger())
        .button(DialogButton::new(false, "Go on").default().cancels());
    let (leaves, ()) = dialog.show(ctx, |ui| {
        wrapped(
            ui,
            "A step is running. If you stop it, the configuration in force so far stays in force, and you are told what \
             has been changed already.",
        );
    });
    leaves
}
