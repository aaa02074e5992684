//! Tab *Message splitting* (T8).

use eframe::egui::Ui;

use super::Wish;
use super::editor::Editor;
use crate::panel::style::SMALL;
use crate::panel::widgets::{check, weak};

pub fn show(ui: &mut Ui, editor: &mut Editor) -> Vec<Wish> {
    weak(
        ui,
        "Some signature programs split a message whose recipients come under different rules: each part of the recipients \
         gets a copy with a signature of its own. Say here whether yours does.",
    );
    ui.add_space(SMALL);
    let options = &mut editor.draft.options;
    check(
        ui,
        &mut options.message_splitting,
        "Messages are split into several copies",
        "Several processed copies of one message may come in. What is done with them is chosen on the tab Sent Items \
         Update.",
        None,
    );
    Vec::new()
}
