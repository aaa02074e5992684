//! Cards, and what stands in them.

use eframe::egui::{self, CornerRadius, Frame, Label, Margin, Response, RichText, Stroke, Ui, WidgetText, vec2};

use crate::panel::style::{self, SMALL, TEXT_NUMBER, TEXT_TITLE, Tone, grouped};

/// A surface on the window's ground.
pub fn card<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let visuals = ui.visuals();
    Frame::new()
        .fill(style::card(visuals))
        .stroke(Stroke::new(1.0, style::line(visuals)))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(14, 12))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            content(ui)
        })
        .inner
}

/// The same with a title.
pub fn titled_card<R>(ui: &mut Ui, title: &str, content: impl FnOnce(&mut Ui) -> R) -> R {
    card(ui, |ui| {
        ui.label(RichText::new(title).size(TEXT_TITLE).strong());
        ui.add_space(2.0);
        content(ui)
    })
}

/// Less important words, wrapped.
pub fn weak(ui: &mut Ui, text: &str) -> Response {
    ui.add(Label::new(RichText::new(text).weak()).wrap())
}

pub fn wrapped(ui: &mut Ui, text: impl Into<WidgetText>) -> Response {
    ui.add(Label::new(text).wrap())
}

/// A thin line with room around it.
pub fn separator(ui: &mut Ui) {
    ui.add_space(SMALL / 2.0);
    ui.add(egui::Separator::default().spacing(1.0));
    ui.add_space(SMALL / 2.0);
}

/// Names and values side by side.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    name: f32,
}

impl Facts {
    #[must_use]
    pub fn width(name: f32) -> Self {
        Self { name }
    }

    /// The value wraps and can be selected.
    pub fn show(self, ui: &mut Ui, name: &str, value: impl Into<WidgetText>) -> Response {
        ui.horizontal_top(|ui| {
            ui.allocate_ui_with_layout(vec2(self.name, 18.0), egui::Layout::left_to_right(egui::Align::TOP), |ui| {
                ui.set_min_width(self.name);
                ui.label(RichText::new(name).weak());
            });
            ui.add(Label::new(value).wrap())
        })
        .inner
    }
}

/// [`Facts`] with names of the usual width.
pub fn fact(ui: &mut Ui, name: &str, value: impl Into<WidgetText>) -> Response {
    Facts::width(104.0).show(ui, name, value)
}

/// A large number above its name; a click is possible.
pub fn counter(ui: &mut Ui, count: i64, name: &str, tone: Option<Tone>) -> Response {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let number = RichText::new(grouped(count)).size(TEXT_NUMBER);
        let number = match tone.filter(|_| count > 0) {
            Some(tone) => number.color(tone.colour(ui.visuals())),
            None => number,
        };
        let response = ui.add(Label::new(number).extend());
        ui.label(RichText::new(name).weak());
        response
    })
    .inner
}
