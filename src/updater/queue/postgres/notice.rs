//! What updaters tell each other: with every transaction that changed something, committed with it or not at all.
//!
//! A notice has five words: the number of the transaction, who made it, whether something may have become due for
//! others, by how much the counts changed, and the messages that did. The database delivers in the order of commits.

use crate::pipe::types::Counts;

/// PostgreSQL takes 8000 bytes; the number of the transaction goes before.
const LONGEST: usize = 7900;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notice {
    pub transaction: i64,
    pub by: String,
    pub wakes: bool,
    pub counts: Counts,
    pub changed: Vec<i64>,
}

impl Notice {
    /// Without the number of the transaction, which the database puts before it. Many messages take several notices.
    pub fn texts(&self) -> Vec<String> {
        let Counts { waiting, working, updated, skipped, failed } = self.counts;
        let mut texts = Vec::new();
        let mut text =
            format!("{} {} {waiting},{working},{updated},{skipped},{failed} ", self.by, u8::from(self.wakes));
        for id in &self.changed {
            let id = id.to_string();
            if text.len() + id.len() + 1 > LONGEST {
                texts.push(std::mem::replace(&mut text, format!("{} 0 0,0,0,0,0 ", self.by)));
            }
            if !text.ends_with(' ') {
                text.push(',');
            }
            text.push_str(&id);
        }
        texts.push(text);
        texts
    }

    /// As it was heard; none: not one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let transaction = words.next()?.parse().ok()?;
        let by = words.next()?.to_owned();
        let wakes = words.next()? == "1";
        let counts: Vec<i64> = numbers(words.next()?)?;
        let &[waiting, working, updated, skipped, failed] = &counts[..] else { return None };
        let changed = match words.next()? {
            "" => Vec::new(),
            ids => numbers(ids)?,
        };
        Some(Self { transaction, by, wakes, counts: Counts { waiting, working, updated, skipped, failed }, changed })
    }
}

fn numbers(text: &str) -> Option<Vec<i64>> {
    text.split(',').map(|number| number.parse().ok()).collect()
}

/// Which transactions a count has seen, as `txid_current_snapshot` writes it: `xmin:xmax:those under way`.
#[derive(Debug, Clone, Default)]
pub(super) struct Snapshot {
    first_open: i64,
    first_unborn: i64,
    open: Vec<i64>,
}

impl Snapshot {
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (first_open, first_unborn) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let open = match parts.next()? {
            "" => Vec::new(),
            open => numbers(open)?,
        };
        Some(Self { first_open, first_unborn, open })
    }

    pub fn has_seen(&self, transaction: i64) -> bool {
        transaction < self.first_open || transaction < self.first_unborn && !self.open.contains(&transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_comes_out_as_it_went_in_and_many_messages_take_several() {
        let counts = Counts { waiting: -3, working: 2, updated: 1, skipped: 0, failed: 0 };
        let whole = Notice { transaction: 7, by: "a/b".into(), wakes: true, counts, changed: vec![5, 6] };
        let texts = whole.texts();
        assert_eq!(Notice::parse(&format!("7 {}", texts[0])), Some(whole.clone()));
        let many = Notice { changed: (0..3000).map(|id| id + i64::MAX / 2).collect(), ..whole };
        let texts = many.texts();
        assert!(texts.len() > 5 && texts.iter().all(|text| text.len() <= LONGEST));
        let told: Vec<Notice> = texts.iter().map(|text| Notice::parse(&format!("7 {text}")).unwrap()).collect();
        assert_eq!(told.iter().flat_map(|notice| notice.changed.clone()).collect::<Vec<_>>(), many.changed);
        assert_eq!(told.iter().filter(|notice| notice.wakes || notice.counts != Counts::default()).count(), 1);
        let none = Notice { changed: Vec::new(), ..many };
        assert_eq!(Notice::parse(&format!("7 {}", none.texts()[0])), Some(none));
        for wrong in ["", "x", "1 a 1 0,0,0 ", "1 a 1 0,0,0,0,0 x", "1 a"] {
            assert_eq!(Notice::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_count_knows_which_transactions_it_has_seen() {
        let seen = Snapshot::parse("10:20:12,15").unwrap();
        let answers: Vec<bool> = [9, 11, 12, 15, 19, 20, 30].iter().map(|id| seen.has_seen(*id)).collect();
        assert_eq!(answers, [true, true, false, false, true, false, false]);
        assert!(Snapshot::parse("10:10:").unwrap().has_seen(9));
        assert!(Snapshot::parse("10").is_none());
    }
}
