//! The frame of every dialog: title, content, a bar of buttons. Enter presses the default button and Escape the one that
//! cancels; the keyboard can't leave it.

use eframe::egui::{
    self, Align, Context, Frame, Id, Key, Label, Layout, Margin, Modal, Response, RichText, ScrollArea, Stroke, Ui,
};

use super::button::{Button, ButtonStyle};
use crate::panel::style::{self, MARGIN, TEXT_HEADING};

/// A button of the bar, and what it means.
#[derive(Debug, Clone)]
pub struct DialogButton<'a, T> {
    action: T,
    text: &'a str,
    style: ButtonStyle,
    greyed: Option<&'a str>,
    default: bool,
    cancels: bool,
    left: bool,
}

impl<'a, T> DialogButton<'a, T> {
    #[must_use]
    pub fn new(action: T, text: &'a str) -> Self {
        Self { action, text, style: ButtonStyle::Secondary, greyed: None, default: false, cancels: false, left: false }
    }

    /// Enter presses it; it is the primary one.
    #[must_use]
    pub fn default(self) -> Self {
        Self { default: true, style: ButtonStyle::Primary, ..self }
    }

    /// Escape presses it.
    #[must_use]
    pub fn cancels(self) -> Self {
        Self { cancels: true, ..self }
    }

    #[must_use]
    pub fn danger(self) -> Self {
        Self { style: ButtonStyle::Danger, ..self }
    }

    /// Can't be pressed, and the pointer is told why.
    #[must_use]
    pub fn greyed(self, reason: Option<&'a str>) -> Self {
        Self { greyed: reason, ..self }
    }

    /// At the left end of the bar, apart from those that close the dialog.
    #[must_use]
    pub fn left(self) -> Self {
        Self { left: true, ..self }
    }
}

/// A dialog. `T` is what its buttons mean.
#[must_use = "it is drawn by show"]
#[derive(Debug)]
pub struct Dialog<'a, T> {
    id: &'a str,
    title: &'a str,
    width: f32,
    height: Option<f32>,
    scroll: bool,
    buttons: Vec<DialogButton<'a, T>>,
}

impl<'a, T: Copy> Dialog<'a, T> {
    /// The id stays the same as long as the dialog is open, and no other open dialog has it.
    pub fn new(id: &'a str, title: &'a str) -> Self {
        Self { id, title, width: 480.0, height: None, scroll: true, buttons: Vec::new() }
    }

    pub fn width(self, width: f32) -> Self {
        Self { width, ..self }
    }

    /// The content's height; without it, as much as it needs.
    pub fn height(self, height: f32) -> Self {
        Self { height: Some(height), ..self }
    }

    /// The content scrolls by itself.
    pub fn without_scrolling(self) -> Self {
        Self { scroll: false, ..self }
    }

    /// From left to right.
    pub fn button(mut self, button: DialogButton<'a, T>) -> Self {
        self.buttons.push(button);
        self
    }

    /// Draws it, and returns what was pressed and what the content returned.
    pub fn show<R>(self, ctx: &Context, content: impl FnOnce(&mut Ui) -> R) -> (Option<T>, R) {
        let id = Id::unique(("dialog", self.id));
        let opening = opening(ctx, id);
        let screen = ctx.content_rect();
        let width = self.width.min(screen.width() - 32.0);
        let most = (screen.height() - 150.0).max(120.0);
        let ground = ctx.global_style().visuals.clone();
        let frame = Frame::new()
            .fill(ground.window_fill)
            .stroke(ground.window_stroke)
            .corner_radius(ground.window_corner_radius)
            .shadow(ground.window_shadow);
        let modal = Modal::new(id).frame(frame).backdrop_color(egui::Color32::from_black_alpha(90));
        let shown = modal.show(ctx, |ui| {
            ui.set_width(width);
            ui.spacing_mut().item_spacing.y = 0.0;
            ui.data_mut(|data| data.insert_temp(Id::unique(OPENING), opening));
            Frame::new().inner_margin(Margin { left: MARGIN, right: MARGIN, top: 14, bottom: 10 }).show(ui, |ui| {
                let title = ui.add(
                    Label::new(RichText::new(self.title).size(TEXT_HEADING).strong()).selectable(false).truncate(),
                );
                title.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Heading, true, self.title));
            });
            let inside = Frame::new().inner_margin(Margin { left: MARGIN, right: MARGIN, top: 4, bottom: MARGIN });
            let result = inside
                .show(ui, |ui| {
                    ui.set_width(ui.available_width());
                    let content = |ui: &mut Ui| {
                        ui.spacing_mut().item_spacing = ui.ctx().global_style().spacing.item_spacing;
                        content(ui)
                    };
                    let height = self.height.map(|height| height.min(most));
                    if let Some(height) = height {
                        ui.set_height(height);
                    }
                    if self.scroll {
                        ScrollArea::vertical()
                            .max_height(height.unwrap_or(most))
                            .auto_shrink([false, height.is_none()])
                            .show(ui, content)
                            .inner
                    } else {
                        content(ui)
                    }
                })
                .inner;
            let pressed = bar(ui, &self.buttons, opening);
            (pressed, result)
        });
        let (mut pressed, result) = shown.inner;
        if shown.is_top_modal && !shown.any_popup_open && pressed.is_none() {
            let find = |key: Key, wanted: fn(&DialogButton<'a, T>) -> bool| {
                let hit = ctx.input(|input| input.key_pressed(key) && input.modifiers.is_none());
                self.buttons.iter().find(|button| hit && wanted(button) && button.greyed.is_none())
            };
            let enter = if enter_is_taken(ctx) { None } else { find(Key::Enter, |button| button.default) };
            pressed = enter.or_else(|| find(Key::Escape, |button| button.cancels)).map(|button| button.action);
            if pressed.is_some() {
                // So that a dialog below does not take the same press for itself.
                ctx.input_mut(|input| {
                    input.consume_key(egui::Modifiers::NONE, Key::Enter);
                    input.consume_key(egui::Modifiers::NONE, Key::Escape);
                });
            }
        }
        (pressed, result)
    }
}

fn bar<T: Copy>(ui: &mut Ui, buttons: &[DialogButton<'_, T>], opening: bool) -> Option<T> {
    if buttons.is_empty() {
        return None;
    }
    let mut pressed = None;
    let line = style::line(ui.visuals());
    ui.painter().hline(ui.max_rect().x_range(), ui.cursor().top(), Stroke::new(1.0, line));
    Frame::new().inner_margin(Margin::symmetric(MARGIN, 12)).show(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        ui.horizontal(|ui| {
            let mut draw = |ui: &mut Ui, button: &DialogButton<'_, T>| {
                let shown =
                    Button::new(button.text).style(button.style).greyed(button.greyed).least_width(84.0).show(ui);
                if shown.clicked() {
                    pressed = Some(button.action);
                }
                let nothing_has_it = ui.memory(|memory| memory.focused().is_none());
                if opening && nothing_has_it && button.default && button.greyed.is_none() {
                    shown.request_focus();
                }
            };
            for button in buttons.iter().filter(|button| button.left) {
                draw(ui, button);
            }
            // Laid out from the right, but in the order of the keyboard: their widths decide where they begin.
            let right: Vec<_> = buttons.iter().filter(|button| !button.left).collect();
            let id = ui.scope_id().with("bar");
            let width = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(0.0);
            ui.add_space((ui.available_width() - width).max(0.0));
            let used = ui
                .with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let start = ui.cursor().left();
                    for button in right {
                        draw(ui, button);
                    }
                    ui.min_rect().right() - start
                })
                .inner;
            if (used - width).abs() > 0.5 {
                ui.data_mut(|data| data.insert_temp(id, used));
                ui.ctx().request_discard("the width of a dialog's buttons is known now");
            }
        });
    });
    pressed
}

const OPENING: &str = "dialog-opening";

/// Whether the dialog was not there before. The first two passes count: one measures, the next shows.
fn opening(ctx: &Context, id: Id) -> bool {
    let pass = ctx.cumulative_pass_nr();
    ctx.data_mut(|data| {
        let (since, last) = data.get_temp::<(u64, u64)>(id).unwrap_or((pass, pass));
        let since = if pass > last + 2 { pass } else { since };
        data.insert_temp(id, (since, pass));
        pass <= since + 1
    })
}

/// Gives this control the keyboard when the dialog opens. Without any, the default button has it.
pub fn initial_focus(ui: &Ui, response: &Response) {
    if ui.data(|data| data.get_temp::<bool>(Id::unique(OPENING))).unwrap_or_default() {
        response.request_focus();
    }
}

const TAKEN: &str = "enter-is-taken";

/// What has the keyboard does something of its own on Enter: the dialog's default button is not pressed then.
pub fn takes_enter(ui: &Ui) {
    let pass = ui.ctx().cumulative_pass_nr();
    ui.data_mut(|data| data.insert_temp(Id::unique(TAKEN), pass));
}

fn enter_is_taken(ctx: &Context) -> bool {
    ctx.data(|data| data.get_temp::<u64>(Id::unique(TAKEN))) == Some(ctx.cumulative_pass_nr())
}
