//! Tables of any length: only the rows that can be seen are drawn.

use std::ops::Range;

use eframe::egui::{self, Align, CornerRadius, Id, Key, Label, Layout, RichText, Sense, Stroke, Ui, WidgetText};
use egui_extras::{Column as Width, TableBuilder, TableRow};

use super::Icon;
use crate::panel::style::{self, ROW, accent};

/// How a column is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Ascending,
    Descending,
}

/// A column: its title, its width, and how it is sorted, if it can be.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    title: &'a str,
    width: Width,
    sortable: bool,
    sort: Option<Sort>,
}

impl<'a> Column<'a> {
    /// As wide as said at first; it can be dragged.
    #[must_use]
    pub fn new(title: &'a str, width: f32) -> Self {
        Self {
            title,
            width: Width::initial(width).at_least(40.0).clip(true).resizable(true),
            sortable: false,
            sort: None,
        }
    }

    /// Takes what the others leave.
    #[must_use]
    pub fn rest(title: &'a str) -> Self {
        Self { title, width: Width::remainder().at_least(80.0).clip(true), sortable: false, sort: None }
    }

    /// A click on its title sorts; this is how it is sorted now.
    #[must_use]
    pub fn sortable(self, sort: Option<Sort>) -> Self {
        Self { sortable: true, sort, ..self }
    }
}

/// A table.
#[must_use = "it is drawn by show"]
#[derive(Debug)]
pub struct Table<'a> {
    name: &'a str,
    columns: &'a [Column<'a>],
    height: Option<f32>,
    scroll_to: Option<usize>,
    current: Option<usize>,
    salt: u64,
}

/// What the person did, and what is seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableResponse {
    pub clicked: Option<usize>,
    pub double_clicked: Option<usize>,
    /// The arrow keys and their like went to this row.
    pub moved_to: Option<usize>,
    /// Enter on the current row.
    pub entered: bool,
    /// Space on the current row.
    pub toggled: bool,
    /// The title of this column was clicked.
    pub sort: Option<usize>,
    pub visible: Range<usize>,
    /// It has the keyboard.
    pub focused: bool,
}

/// A row that is being drawn.
pub struct Row<'a, 'b, 'c> {
    row: &'c mut TableRow<'a, 'b>,
}

impl Row<'_, '_, '_> {
    #[must_use]
    pub fn index(&self) -> usize {
        self.row.index()
    }

    /// Before the first cell.
    pub fn selected(&mut self, selected: bool) {
        self.row.set_selected(selected);
    }

    /// A cell of words; what does not fit is shown when the pointer is there.
    pub fn text(&mut self, text: impl Into<WidgetText>) {
        let text = text.into();
        self.cell(|ui| {
            ui.add(Label::new(text).truncate().selectable(false).show_tooltip_when_elided(true));
        });
    }

    pub fn cell(&mut self, content: impl FnOnce(&mut Ui)) {
        self.row.col(|ui| {
            ui.add_space(6.0);
            content(ui);
        });
    }
}

impl<'a> Table<'a> {
    /// Its name is its identity among others in the window, and what a screen reader says.
    pub fn new(name: &'a str, columns: &'a [Column<'a>]) -> Self {
        Self { name, columns, height: None, scroll_to: None, current: None, salt: 0 }
    }

    /// As high as this; without it, as high as there is room.
    pub fn height(self, height: f32) -> Self {
        Self { height: Some(height), ..self }
    }

    /// Makes this row visible.
    pub fn scroll_to(self, row: Option<usize>) -> Self {
        Self { scroll_to: row, ..self }
    }

    /// Widths of columns are remembered apart for each salt: for tables that have other columns at times.
    pub fn id_salt(self, salt: impl Into<u64>) -> Self {
        Self { salt: salt.into(), ..self }
    }

    /// The row where the keyboard is.
    pub fn current(self, row: Option<usize>) -> Self {
        Self { current: row, ..self }
    }

    pub fn show(self, ui: &mut Ui, rows: usize, mut draw: impl FnMut(&mut Row<'_, '_, '_>)) -> TableResponse {
        let id = ui.make_persistent_id(self.name);
        let mut response = TableResponse { visible: rows..0, ..TableResponse::default() };
        let height = self.height.unwrap_or_else(|| ui.available_height());
        if ui.is_sizing_pass() {
            // The pass in which a dialog finds out its size: columns would shrink to their content, and stay so.
            ui.allocate_space(egui::vec2(ui.available_width(), height));
            response.visible = 0..0;
            return response;
        }
        let scroll_to = self.keys(ui, id, rows, height, &mut response).or(self.scroll_to);
        let line = style::line(ui.visuals());
        let inside = ui
            .push_id(self.name, |ui| {
                ui.set_max_height(height);
                ui.spacing_mut().item_spacing = egui::vec2(0.0, 0.0);
                // Columns stand apart by their text; where one can be dragged, the pointer tells.
                ui.visuals_mut().widgets.noninteractive.bg_stroke = Stroke::NONE;
                let mut table = TableBuilder::new(ui)
                    .id_salt(self.salt)
                    .striped(false)
                    .sense(Sense::CLICK)
                    .cell_layout(Layout::left_to_right(Align::Center))
                    .auto_shrink([false, false])
                    .min_scrolled_height(0.0)
                    .max_scroll_height(f32::INFINITY)
                    .animate_scrolling(false);
                for column in self.columns {
                    table = table.column(column.width);
                }
                if let Some(row) = scroll_to.filter(|row| *row < rows) {
                    table = table.scroll_to_row(row, None);
                }
                table
                    .header(ROW, |mut header| {
                        for (at, column) in self.columns.iter().enumerate() {
                            header.col(|ui| {
                                if title(ui, column, line) {
                                    response.sort = Some(at);
                                }
                            });
                        }
                    })
                    .body(|body| {
                        body.rows(ROW, rows, |mut row| {
                            let at = row.index();
                            response.visible.start = response.visible.start.min(at);
                            response.visible.end = response.visible.end.max(at + 1);
                            draw(&mut Row { row: &mut row });
                            if row.col_index() == 0 {
                                return;
                            }
                            let pressed = row.response();
                            if pressed.double_clicked() {
                                response.double_clicked = Some(at);
                            }
                            if pressed.clicked() {
                                response.clicked = Some(at);
                            }
                        });
                    });
            })
            .response
            .rect;
        // Focus goes to the table as a whole: a hundred thousand stops would be of no use to a keyboard.
        let place = ui.interact(inside, id, Sense::focusable_noninteractive());
        place.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Table, true, self.name));
        if response.clicked.is_some() {
            place.request_focus();
        }
        if place.has_focus() {
            let stroke = Stroke::new(2.0, accent(ui.visuals()));
            ui.painter().rect_stroke(inside, CornerRadius::same(4), stroke, egui::StrokeKind::Inside);
        }
        if response.visible.start > response.visible.end {
            response.visible = 0..0;
        }
        response
    }

    /// Moves the current row. Returns the row that is to be made visible.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the rows on a screen
    fn keys(&self, ui: &Ui, id: Id, rows: usize, height: f32, response: &mut TableResponse) -> Option<usize> {
        if !ui.memory(|memory| memory.has_focus(id)) {
            return None;
        }
        response.focused = true;
        super::takes_enter(ui);
        let filter = egui::EventFilter { vertical_arrows: true, ..egui::EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(id, filter));
        let page = ((height / ROW) as usize).saturating_sub(2).max(1);
        let (mut to, mut moved) = (self.current, false);
        ui.input(|input| {
            response.entered = input.key_pressed(Key::Enter) && self.current.is_some();
            response.toggled = input.key_pressed(Key::Space) && self.current.is_some();
            for (key, step) in [(Key::ArrowDown, 1), (Key::PageDown, page)] {
                for _ in 0..input.num_presses(key) {
                    to = Some(to.map_or(0, |at| at.saturating_add(step)));
                    moved = true;
                }
            }
            for (key, step) in [(Key::ArrowUp, 1), (Key::PageUp, page)] {
                for _ in 0..input.num_presses(key) {
                    to = Some(to.map_or(0, |at| at.saturating_sub(step)));
                    moved = true;
                }
            }
            if input.key_pressed(Key::Home) {
                (to, moved) = (Some(0), true);
            }
            if input.key_pressed(Key::End) {
                (to, moved) = (Some(rows.saturating_sub(1)), true);
            }
        });
        let to = to.map(|at| at.min(rows.saturating_sub(1))).filter(|_| moved && rows > 0)?;
        response.moved_to = Some(to);
        Some(to)
    }
}

/// Returns whether it was clicked.
fn title(ui: &mut Ui, column: &Column<'_>, line: egui::Color32) -> bool {
    let place = ui.max_rect();
    ui.painter().hline(place.x_range(), place.bottom(), Stroke::new(1.0, line));
    ui.add_space(6.0);
    let words = RichText::new(column.title).weak();
    if !column.sortable {
        ui.add(Label::new(words).truncate().selectable(false));
        return false;
    }
    let response = ui.add(Label::new(words).truncate().selectable(false).sense(Sense::click()));
    let said = match column.sort {
        Some(Sort::Ascending) => format!("{}, ascending", column.title),
        Some(Sort::Descending) => format!("{}, descending", column.title),
        None => format!("Sort by {}", column.title),
    };
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &said));
    style::focus_ring(ui, &response);
    if response.has_focus() {
        super::takes_enter(ui);
    }
    let colour = ui.visuals().weak_text_color();
    match column.sort {
        Some(Sort::Ascending) => drop(Icon::Up.sized(ui, 12.0, colour)),
        Some(Sort::Descending) => drop(Icon::Down.sized(ui, 12.0, colour)),
        None => {}
    }
    response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked()
}
