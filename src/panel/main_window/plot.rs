//! Updates over time (M3).

use eframe::egui::{self, Align, Layout, Ui};
use egui_plot::{Bar, BarChart, GridMark, Plot as Chart, PlotBounds};
use jiff::Timestamp;

use super::words;
use crate::panel::state::{Fetched, Intent, Span, State};
use crate::panel::style::{self, TEXT_TITLE, TINY, grouped};
use crate::panel::widgets::{Button, ButtonStyle, Note, busy, note};
use crate::pipe::types::{Bucket, Series, State as MessageState};

const HEIGHT: f32 = 96.0;

/// Room above the highest bar.
const HEADROOM: f64 = 1.15;

pub fn show(ui: &mut Ui, state: &State) -> Vec<Intent> {
    let mut wanted = Vec::new();
    ui.horizontal(|ui| {
        ui.label(egui::RichText::new("Updates over time").size(TEXT_TITLE).strong());
        for shown in [MessageState::Updated, MessageState::Skipped, MessageState::Failed] {
            let (icon, tone, name) = words::state(shown);
            ui.add_space(TINY);
            ui.spacing_mut().item_spacing.x = 5.0;
            icon.show(ui, tone.colour(ui.visuals()));
            ui.label(egui::RichText::new(name).weak());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 2.0;
            for span in Span::ALL.into_iter().rev() {
                let chosen = state.plot.span == span;
                let style = if chosen { ButtonStyle::Secondary } else { ButtonStyle::Quiet };
                let button = Button::new(span.name()).style(style).show(ui);
                button.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, chosen, span.name()));
                if button.clicked() && !chosen {
                    wanted.push(Intent::Plot(span));
                }
            }
        });
    });
    ui.allocate_ui(egui::vec2(ui.available_width(), HEIGHT), |ui| {
        ui.set_min_height(HEIGHT);
        match &state.plot.series {
            Fetched::Not | Fetched::Underway => drop(busy(ui, "Counting…")),
            Fetched::Failed(why) => drop(note(ui, &Note::Error(why.clone()))),
            Fetched::There(series) => chart(ui, state, series),
        }
    });
    wanted
}

#[allow(clippy::cast_precision_loss)] // milliseconds of our time fit into a double
fn chart(ui: &mut Ui, state: &State, series: &Series) {
    let (from, step) = (series.from as f64, series.step as f64);
    let to = from + step * series.buckets.len() as f64;
    let all = |bucket: &Bucket| bucket.updated + bucket.skipped + bucket.failed;
    let most = series.buckets.iter().map(all).max().unwrap_or(0);
    let sum = |count: fn(&Bucket) -> u32| series.buckets.iter().map(|bucket| i64::from(count(bucket))).sum::<i64>();
    let said = format!(
        "In the last {}: {} updated, {} skipped, {} failed",
        state.plot.span.name().to_lowercase(),
        grouped(sum(|bucket| bucket.updated)),
        grouped(sum(|bucket| bucket.skipped)),
        grouped(sum(|bucket| bucket.failed)),
    );
    let stacked = |lower: &[fn(&Bucket) -> u32], shown: MessageState, count: fn(&Bucket) -> u32| {
        let (_, tone, name) = words::state(shown);
        let colour = tone.colour(ui.visuals());
        let bars = series.buckets.iter().enumerate().filter(|(_, bucket)| count(bucket) > 0).map(|(at, bucket)| {
            let below: u32 = lower.iter().map(|lower| lower(bucket)).sum();
            Bar::new(from + step * (at as f64 + 0.5), f64::from(count(bucket)))
                .base_offset(f64::from(below))
                .width(step * 0.8)
                .fill(colour)
                .stroke(egui::Stroke::NONE)
        });
        BarChart::new(name, bars.collect()).color(colour).allow_hover(false)
    };
    let charts = [
        stacked(&[], MessageState::Updated, |bucket| bucket.updated),
        stacked(&[|bucket| bucket.updated], MessageState::Skipped, |bucket| bucket.skipped),
        stacked(&[|bucket| bucket.updated, |bucket| bucket.skipped], MessageState::Failed, |bucket| bucket.failed),
    ];
    let zone = state.zone.clone();
    let span = state.plot.span;
    let plot = Chart::new("updates over time")
        .height(HEIGHT)
        .allow_zoom(false)
        .allow_scroll(false)
        .allow_drag(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .show_x(false)
        .show_y(false)
        .show_background(false)
        .show_grid([false, true])
        .grid_color(style::line(ui.visuals()))
        .grid_fade(0.0)
        .set_margin_fraction(egui::Vec2::ZERO)
        .sense(egui::Sense::hover())
        .x_grid_spacer(move |_| marks(span, from, to))
        .y_grid_spacer(move |_| heights(most))
        .y_axis_min_width(30.0)
        .x_axis_formatter(move |mark, _| label(mark.value, span, &zone))
        .y_axis_formatter(|mark, _| {
            #[allow(clippy::cast_possible_truncation)] // whole numbers of messages
            grouped(mark.value.round() as i64)
        })
        .show(ui, |plot| {
            plot.set_plot_bounds(PlotBounds::from_min_max([from, 0.0], [to, f64::from(most.max(1)) * HEADROOM]));
            for chart in charts {
                plot.bar_chart(chart);
            }
        });
    plot.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &said));
    plot.response.on_hover_text(said);
}

/// Six or seven marks on whole hours, or whole ten minutes.
fn marks(span: Span, from: f64, to: f64) -> Vec<GridMark> {
    let every = match span {
        Span::Hour => 10.0,
        Span::Day => 240.0,
        Span::Week => 1_440.0,
    } * 60_000.0;
    let mut marks = Vec::new();
    let mut value = (from / every).ceil() * every;
    while value <= to {
        marks.push(GridMark { value, step_size: every });
        value += every;
    }
    marks
}

/// Two lines at the most above the ground.
fn heights(most: u32) -> Vec<GridMark> {
    let most = most.max(1);
    let step = f64::from(most.div_ceil(2));
    let marks = [0.0, step, 2.0 * step].map(|value| GridMark { value, step_size: step });
    marks.into_iter().filter(|mark| mark.value <= f64::from(most) * HEADROOM).collect()
}

#[allow(clippy::cast_possible_truncation)] // milliseconds
fn label(value: f64, span: Span, zone: &jiff::tz::TimeZone) -> String {
    let Ok(time) = Timestamp::from_millisecond(value as i64) else { return String::new() };
    let time = time.to_zoned(zone.clone());
    match span {
        Span::Hour | Span::Day => time.strftime("%H:%M"),
        Span::Week => time.strftime("%a %d"),
    }
    .to_string()
}
