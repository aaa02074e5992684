//! The pages at the side: the present one marked, those dealt with ticked.

use eframe::egui::{self, Align2, CornerRadius, FontId, Rect, Role, Sense, Ui, WidgetInfo, vec2};

use super::state::{PAGES, State};
use crate::panel::style::{self, CONTROL, SMALL, TEXT_BODY, TEXT_SMALL, Tone};
use crate::panel::widgets::{Icon, takes_enter};
use crate::setup::Page;
use crate::setup::failures::page_name;

const HEIGHT: f32 = CONTROL + 6.0;

/// Draws the list; returns the page that was clicked.
pub fn show(ui: &mut Ui, state: &State) -> Option<Page> {
    let mut clicked = None;
    ui.spacing_mut().item_spacing.y = 2.0;
    for (at, page) in PAGES.into_iter().enumerate() {
        let (here, done, free) = (page == state.page, state.is_done(page), state.can_go_to(page));
        let sense = if free { Sense::click() } else { Sense::hover() };
        let (place, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), sense);
        let name = page_name(page);
        let said = match (here, done) {
            (true, _) => format!("{name}, present page"),
            (false, true) => format!("{name}, done"),
            (false, false) => format!("{name}, to come"),
        };
        response.widget_info(|| WidgetInfo::selected(Role::Tab, free || here, here, &said));
        paint(ui, place, at, name, here, done, free && response.hovered());
        if free {
            style::focus_ring(ui, &response.clone().with_new_rect(place.shrink(2.0)));
            if response.has_focus() {
                takes_enter(ui);
            }
            if response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
                clicked = Some(page);
            }
        }
    }
    clicked
}

fn paint(ui: &Ui, place: Rect, at: usize, name: &str, here: bool, done: bool, hovered: bool) {
    let visuals = ui.visuals();
    let round = CornerRadius::same(style::ROUND);
    if here {
        ui.painter().rect_filled(place, round, visuals.selection.bg_fill);
    } else if hovered {
        ui.painter().rect_filled(place, round, visuals.widgets.hovered.weak_bg_fill);
    }
    let mark = place.left_center() + vec2(18.0, 0.0);
    let ink = if here { visuals.strong_text_color() } else { visuals.text_color() };
    let quiet = visuals.weak_text_color();
    if done {
        let square = Rect::from_center_size(mark, vec2(18.0, 18.0));
        Icon::Ok.image(18.0, Tone::Good.colour(visuals)).paint_at(ui, square);
    } else {
        let colour = if here { style::accent(visuals) } else { quiet };
        ui.painter().circle_stroke(mark, 9.0, egui::Stroke::new(if here { 2.0 } else { 1.0 }, colour));
        let number = FontId::proportional(TEXT_SMALL);
        ui.painter().text(mark, Align2::CENTER_CENTER, at + 1, number, if here { ink } else { quiet });
    }
    let words = FontId::proportional(TEXT_BODY);
    let colour = if here || done { ink } else { quiet };
    ui.painter().text(mark + vec2(10.0 + SMALL, 0.0), Align2::LEFT_CENTER, name, words, colour);
}
