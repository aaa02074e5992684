//! The few widgets that the panel's views share.

use eframe::egui::{self, CornerRadius, Frame, Margin, RichText, Sense, Stroke, Ui, vec2};

use super::theme::{self, Tone};

/// A titled card as wide as the room allows.
pub fn card<R>(ui: &mut Ui, title: &str, content: impl FnOnce(&mut Ui) -> R) -> R {
    let visuals = ui.visuals();
    Frame::new()
        .fill(theme::card(visuals))
        .stroke(Stroke::new(1.0, theme::line(visuals)))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(16, 12))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = theme::SMALL;
            ui.label(RichText::new(title).size(15.5).strong());
            content(ui)
        })
        .inner
}

/// A coloured dot and a word that says the same.
pub fn signal(ui: &mut Ui, tone: Tone, text: &str) {
    ui.horizontal(|ui| {
        dot(ui, tone);
        ui.label(text);
    });
}

pub fn dot(ui: &mut Ui, tone: Tone) {
    let (place, _) = ui.allocate_exact_size(vec2(10.0, ui.spacing().interact_size.y), Sense::hover());
    ui.painter().circle_filled(place.center(), 4.5, tone.colour(ui.visuals()));
}

/// Name and value side by side; the value wraps and can be selected.
pub fn fact(ui: &mut Ui, name: &str, value: impl Into<RichText>) {
    ui.horizontal_top(|ui| {
        ui.allocate_ui_with_layout(vec2(104.0, 18.0), egui::Layout::left_to_right(egui::Align::TOP), |ui| {
            ui.set_min_width(104.0);
            ui.label(RichText::new(name).weak());
        });
        ui.add(egui::Label::new(value.into()).wrap());
    });
}

/// A large number above its name.
pub fn counter(ui: &mut Ui, count: i64, name: &str, tone: Option<Tone>) {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        let number = RichText::new(grouped(count)).size(24.0);
        ui.label(match tone.filter(|_| count > 0) {
            Some(tone) => number.color(tone.colour(ui.visuals())),
            None => number,
        });
        ui.label(RichText::new(name).weak());
    });
}

/// 1234567 as 1 234 567, which reads the same in every country.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let text = [0, 7, 999, 1000, 1_234_567, -1000].map(grouped).map(|text| text.replace('\u{202f}', " "));
        assert_eq!(text, ["0", "7", "999", "1 000", "1 234 567", "-1 000"]);
    }
}
