//! How many messages are in which state. A click on a number shows those alone.

use eframe::egui::{self, CornerRadius, FontId, Rect, Sense, Stroke, Ui, Vec2, pos2, vec2};

use super::words;
use crate::panel::state::{Intent, State};
use crate::panel::style::{self, TEXT_NUMBER, TINY, Tone, accent, grouped};
use crate::panel::widgets::{Icon, takes_enter};
use crate::pipe::types::{Counts, State as MessageState};

const HEIGHT: f32 = 62.0;

pub fn show(ui: &mut Ui, state: &State, counts: Counts) -> Vec<Intent> {
    let mut wanted = Vec::new();
    let Counts { waiting, working, updated, skipped, failed } = counts;
    let tiles = [
        (None, waiting + working + updated + skipped + failed),
        (Some(MessageState::Waiting), waiting),
        (Some(MessageState::Working), working),
        (Some(MessageState::Updated), updated),
        (Some(MessageState::Skipped), skipped),
        (Some(MessageState::Failed), failed),
    ];
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = style::SMALL;
        #[allow(clippy::cast_precision_loss)] // six
        let width = (ui.available_width() - style::SMALL * (tiles.len() - 1) as f32) / tiles.len() as f32;
        for (filter, count) in tiles {
            if tile(ui, width, filter, count, state.messages.state() == filter) {
                wanted.push(Intent::Filter { state: filter, search: state.messages.search().to_owned() });
            }
        }
    });
    wanted
}

/// Returns whether it was clicked.
fn tile(ui: &mut Ui, width: f32, filter: Option<MessageState>, count: i64, chosen: bool) -> bool {
    let (icon, tone, name) = filter.map_or((Icon::Mail, Tone::Info, "All"), words::state);
    let (place, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::click());
    let said = format!("{name}: {count}");
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, chosen, &said));
    let visuals = ui.visuals();
    let border = if chosen { Stroke::new(2.0, accent(visuals)) } else { Stroke::new(1.0, style::line(visuals)) };
    let fill = if response.hovered() { visuals.widgets.hovered.bg_fill } else { style::card(visuals) };
    let strong = visuals.strong_text_color();
    // Nothing failed: nothing to be alarmed about.
    let colour = if count > 0 { tone.colour(visuals) } else { visuals.weak_text_color() };
    ui.painter().rect(place, CornerRadius::same(8), fill, border, egui::StrokeKind::Inside);
    let inside = place.shrink2(vec2(12.0, 8.0));
    let number = ui.painter().with_clip_rect(inside);
    number.text(
        inside.left_top(),
        egui::Align2::LEFT_TOP,
        grouped(count),
        FontId::proportional(if width < 104.0 { 18.0 } else { TEXT_NUMBER }),
        strong,
    );
    let line = inside.bottom() - 8.0;
    let at = Rect::from_center_size(pos2(inside.left() + 7.0, line), Vec2::splat(14.0));
    icon.image(14.0, colour).paint_at(ui, at);
    number.text(
        pos2(at.right() + TINY + 1.0, line),
        egui::Align2::LEFT_CENTER,
        name,
        FontId::proportional(13.0),
        ui.visuals().weak_text_color(),
    );
    style::focus_ring(ui, &response);
    if response.has_focus() {
        takes_enter(ui);
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}
