//! Which rows of a list are selected, by the rules that lists of desktop programs follow. No egui.

use std::collections::HashSet;
use std::hash::Hash;

/// The selected rows, by key: they stay selected when the list is filtered or sorted anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection<K: Eq + Hash> {
    selected: HashSet<K>,
    /// The row that the keyboard acts on.
    cursor: Option<K>,
    /// Where a range begins.
    anchor: Option<K>,
    many: bool,
}

/// How a row is picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// A click: this row and no other.
    Only,
    /// Ctrl and click, or the space bar: this row in or out, the others as they were.
    Toggle,
    /// Shift and click: from the anchor to here.
    Range,
}

impl<K: Eq + Hash + Clone> Selection<K> {
    /// One row at most.
    pub fn single() -> Self {
        Self { selected: HashSet::new(), cursor: None, anchor: None, many: false }
    }

    pub fn many() -> Self {
        Self { many: true, ..Self::single() }
    }

    pub fn contains(&self, key: &K) -> bool {
        self.selected.contains(key)
    }

    pub fn is_empty(&self) -> bool {
        self.selected.is_empty()
    }

    pub fn len(&self) -> usize {
        self.selected.len()
    }

    pub fn cursor(&self) -> Option<&K> {
        self.cursor.as_ref()
    }

    pub fn clear(&mut self) {
        self.selected.clear();
        self.anchor = None;
        self.cursor = None;
    }

    /// Takes one out, wherever the cursor is.
    pub fn remove(&mut self, key: &K) {
        self.selected.remove(key);
    }

    /// Puts one in, wherever the cursor is.
    pub fn insert(&mut self, key: K) {
        if !self.many {
            self.selected.clear();
        }
        self.selected.insert(key);
    }

    /// Forgets what is not in the list any more.
    pub fn retain(&mut self, mut still_there: impl FnMut(&K) -> bool) {
        self.selected.retain(|key| still_there(key));
        self.cursor = self.cursor.take().filter(|key| still_there(key));
        self.anchor = self.anchor.take().filter(|key| still_there(key));
    }

    /// Picks the row `at` of these rows. One that is not `usable` gets the cursor, so that its reason can be read, but
    /// is not selected.
    pub fn pick(&mut self, rows: &[K], at: usize, how: Pick, usable: impl Fn(&K) -> bool) {
        let Some(key) = rows.get(at) else { return };
        self.cursor = Some(key.clone());
        let how = if self.many { how } else { Pick::Only };
        match how {
            Pick::Only => {
                self.selected.clear();
                if usable(key) {
                    self.selected.insert(key.clone());
                }
                self.anchor = Some(key.clone());
            }
            Pick::Toggle => {
                if !self.selected.remove(key) && usable(key) {
                    self.selected.insert(key.clone());
                }
                self.anchor = Some(key.clone());
            }
            Pick::Range => {
                let from = self.anchor.as_ref().and_then(|anchor| rows.iter().position(|row| row == anchor));
                let from = from.unwrap_or(at);
                self.anchor = rows.get(from).cloned();
                self.selected = rows[from.min(at)..=from.max(at)].iter().filter(|row| usable(row)).cloned().collect();
            }
        }
    }

    /// The keyboard goes to the row `at`: alone it selects it, with `Range` (Shift) everything up to it, with `Toggle`
    /// (Ctrl) it only goes there.
    pub fn go(&mut self, rows: &[K], at: usize, how: Pick, usable: impl Fn(&K) -> bool) {
        if how == Pick::Toggle && self.many {
            self.cursor = rows.get(at).cloned().or(self.cursor.take());
        } else {
            self.pick(rows, at, how, usable);
        }
    }

    /// Ctrl+A
    pub fn all(&mut self, rows: &[K], usable: impl Fn(&K) -> bool) {
        if self.many {
            self.selected = rows.iter().filter(|row| usable(row)).cloned().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [u8; 6] = [10, 11, 12, 13, 14, 15];

    #[allow(clippy::trivially_copy_pass_by_ref)] // as selections ask for keys of any kind
    fn any(_: &u8) -> bool {
        true
    }

    fn chosen(selection: &Selection<u8>) -> Vec<u8> {
        ROWS.into_iter().filter(|row| selection.contains(row)).collect()
    }

    #[test]
    fn a_click_selects_one_ctrl_adds_and_shift_selects_from_there() {
        let mut selection = Selection::many();
        selection.pick(&ROWS, 1, Pick::Only, any);
        selection.pick(&ROWS, 3, Pick::Only, any);
        assert_eq!(chosen(&selection), [13]);
        selection.pick(&ROWS, 0, Pick::Toggle, any);
        assert_eq!(chosen(&selection), [10, 13]);
        selection.pick(&ROWS, 2, Pick::Range, any);
        assert_eq!(chosen(&selection), [10, 11, 12]);
        selection.pick(&ROWS, 1, Pick::Range, any);
        assert_eq!(chosen(&selection), [10, 11], "the anchor stays");
        selection.pick(&ROWS, 1, Pick::Toggle, any);
        assert_eq!(chosen(&selection), [10]);
    }

    #[test]
    fn the_keyboard_does_what_the_mouse_does() {
        let mut selection = Selection::many();
        selection.go(&ROWS, 0, Pick::Only, any);
        selection.go(&ROWS, 1, Pick::Range, any);
        assert_eq!(chosen(&selection), [10, 11]);
        selection.go(&ROWS, 3, Pick::Toggle, any);
        assert_eq!((chosen(&selection), selection.cursor()), (vec![10, 11], Some(&13)));
        selection.pick(&ROWS, 3, Pick::Toggle, any);
        assert_eq!(chosen(&selection), [10, 11, 13]);
        selection.go(&ROWS, 5, Pick::Only, any);
        selection.go(&ROWS, 3, Pick::Range, any);
        assert_eq!(chosen(&selection), [13, 14, 15]);
        selection.all(&ROWS, any);
        assert_eq!(selection.len(), 6);
    }

    /// W4: an object that can't be used can be gone to, so that its reason can be read, but not selected.
    #[test]
    fn what_is_unusable_is_never_selected() {
        let usable = |row: &u8| *row != 12;
        let mut selection = Selection::many();
        selection.pick(&ROWS, 2, Pick::Only, usable);
        assert_eq!((chosen(&selection), selection.cursor()), (vec![], Some(&12)));
        selection.pick(&ROWS, 0, Pick::Only, usable);
        selection.pick(&ROWS, 4, Pick::Range, usable);
        assert_eq!(chosen(&selection), [10, 11, 13, 14]);
        selection.pick(&ROWS, 2, Pick::Toggle, usable);
        assert!(!selection.contains(&12));
        selection.all(&ROWS, usable);
        assert_eq!(selection.len(), 5);
    }

    #[test]
    fn where_one_may_be_selected_ctrl_and_shift_select_no_more() {
        let mut selection = Selection::single();
        selection.pick(&ROWS, 1, Pick::Only, any);
        selection.pick(&ROWS, 3, Pick::Toggle, any);
        selection.pick(&ROWS, 4, Pick::Range, any);
        selection.all(&ROWS, any);
        assert_eq!(chosen(&selection), [14]);
    }

    #[test]
    fn an_empty_list_and_a_row_that_is_gone_do_no_harm() {
        let mut selection: Selection<u8> = Selection::many();
        selection.go(&[], 0, Pick::Only, any);
        selection.pick(&ROWS, 99, Pick::Range, any);
        assert!(selection.is_empty());
        selection.pick(&ROWS, 5, Pick::Only, any);
        selection.retain(|row| *row < 15);
        assert_eq!((selection.len(), selection.cursor()), (0, None));
    }
}
