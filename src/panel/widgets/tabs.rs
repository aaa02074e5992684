//! A row of tabs.

use eframe::egui::{self, CornerRadius, Key, Rect, RichText, Sense, Stroke, Ui, vec2};

use crate::panel::style::{self, accent};

/// Draws the tabs and returns the one that is to be shown from now on. The arrow keys go through them.
pub fn tabs<T: Copy + PartialEq>(ui: &mut Ui, shown: T, all: &[(T, &str)]) -> T {
    let mut next = shown;
    let line = style::line(ui.visuals());
    let bar = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for (at, (tab, name)) in all.iter().enumerate() {
            let chosen = *tab == shown;
            let mut words = RichText::new(*name);
            if chosen {
                words = words.strong();
            }
            let galley = egui::WidgetText::from(words).into_galley(ui, None, f32::INFINITY, egui::TextStyle::Body);
            let (place, response) = ui.allocate_exact_size(galley.size() + vec2(24.0, 16.0), Sense::click());
            response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Tab, true, chosen, *name));
            if response.hovered() && !chosen {
                ui.painter().rect_filled(place, CornerRadius::same(5), ui.visuals().widgets.hovered.bg_fill);
            }
            let colour = if chosen { ui.visuals().strong_text_color() } else { ui.visuals().text_color() };
            ui.painter().galley(place.center() - galley.size() / 2.0, galley, colour);
            if chosen {
                let under = Rect::from_min_max(place.left_bottom() - vec2(0.0, 2.5), place.right_bottom());
                ui.painter().rect_filled(under.shrink2(vec2(6.0, 0.0)), CornerRadius::same(1), accent(ui.visuals()));
            }
            style::focus_ring(ui, &response.clone().with_new_rect(place.shrink(4.0)));
            if response.has_focus() {
                super::takes_enter(ui);
                ui.memory_mut(|memory| {
                    let arrows = egui::EventFilter { horizontal_arrows: true, ..egui::EventFilter::default() };
                    memory.set_focus_lock_filter(response.id, arrows);
                });
                let step = ui.input(|input| {
                    i32::from(input.key_pressed(Key::ArrowRight)) - i32::from(input.key_pressed(Key::ArrowLeft))
                });
                let to = at.saturating_add_signed(step as isize).min(all.len() - 1);
                if to != at {
                    next = all[to].0;
                    ui.data_mut(|data| data.insert_temp(egui::Id::unique("tab-to-focus"), to));
                }
            }
            if ui.data(|data| data.get_temp::<usize>(egui::Id::unique("tab-to-focus"))) == Some(at) && chosen {
                response.request_focus();
                ui.data_mut(|data| data.remove::<usize>(egui::Id::unique("tab-to-focus")));
            }
            if response.clicked() {
                next = *tab;
            }
        }
    });
    let under = bar.response.rect;
    ui.painter().hline(ui.max_rect().x_range(), under.bottom(), Stroke::new(1.0, line));
    next
}
