//! Ties link, state and view together.

use eframe::egui;
use std::path::PathBuf;

use eframe::{App, AppCreator, Frame};

use super::link::Link;
use super::state::Intent;
use super::{theme, view};

pub const TITLE: &str = "Sent Items Update";

pub fn create(pipe: PathBuf) -> AppCreator<'static> {
    Box::new(move |creation| {
        theme::set(&creation.egui_ctx);
        let context = creation.egui_ctx.clone();
        let link = Link::start(pipe, move || context.request_repaint())?;
        Ok(Box::new(Panel { link }))
    })
}

struct Panel {
    link: Link,
}

impl App for Panel {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut Frame) {
        for intent in view::show(ui, &self.link.state()) {
            match intent {
                Intent::TryNow => self.link.try_now(),
                Intent::Copy(text) => ui.ctx().copy_text(text),
            }
        }
    }
}
