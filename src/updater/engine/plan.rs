//! What to do, decided from what was found in the mailbox. Pure: no request is made here.
//!
//! | found in Sent Items | T6 off, one item (U5) | T6 off, all split copies (T7) | T6 on, one copy | T6 on, all split copies |
//! |---|---|---|---|---|
//! | nothing | wait | wait | wait | wait |
//! | the original alone | update it | update it | add a copy | add a copy |
//! | marked with this message | done | done | done | done |
//! | marked with another one, older | update that | add an item | update the copy | add a copy |
//! | marked with another one, newer | superseded | add an item | superseded | add a copy |
//!
//! Before anything else, what an interrupted run left is put right: an original whose replacement is stored, and a
//! second item from a request that was believed lost.

use super::mark::{Mark, Mode, Order};
use crate::message::Digest;
use crate::settings::Options;

/// An item with the message's Message-ID, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub id: String,
    pub mark: Option<Mark>,
}

/// What the work is about.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub digest: &'a Digest,
    pub order: Order,
    pub options: Options,
}

/// What to do; numbers are places among the found items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Items to delete first.
    pub remove: Vec<usize>,
    pub then: Then,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// The client has not stored its copy yet.
    Wait,
    /// An earlier run had done everything.
    AlreadyDone,
    /// A copy that was processed later is in place.
    Superseded,
    /// Make this item show the processed message, and mark it so.
    Update { item: usize, mode: Mode },
    /// Store the processed message as a new item beside this one.
    Add { beside: usize, mode: Mode },
}

/// Decides.
#[must_use]
pub fn plan(found: &[Found], wanted: &Wanted<'_>) -> Plan {
    let remove = left_over(found);
    let kept = || found.iter().enumerate().filter(|(at, _)| !remove.contains(at));
    let marked = || kept().filter_map(|(at, item)| item.mark.as_ref().map(|mark| (at, mark)));
    let original = kept().find(|(_, item)| item.mark.is_none()).map(|(at, _)| at);
    let then = decide(wanted, original, marked().collect());
    Plan { remove, then }
}

fn decide(wanted: &Wanted<'_>, original: Option<usize>, marked: Vec<(usize, &Mark)>) -> Then {
    if marked.iter().any(|(_, mark)| mark.digest == *wanted.digest) {
        return Then::AlreadyDone;
    }
    let Some(first) = original.or(marked.first().map(|(at, _)| *at)) else { return Then::Wait };
    let options = wanted.options;
    if options.keeps_every_split_copy() {
        return match (options.create_copy, original) {
            (true, _) => Then::Add { beside: first, mode: Mode::Copy },
            // The first of the split copies changes the original; the others come beside it.
            (false, Some(item)) if marked.is_empty() => Then::Update { item, mode: Mode::InPlace },
            (false, _) => Then::Add { beside: first, mode: Mode::SplitCopy },
        };
    }
    // Of several that show earlier states, the latest is the one to go on with. While copies are wanted, only a
    // copy may change: the original stays what it is.
    let is_copy = |mark: &Mark| match mark.mode {
        Mode::Copy | Mode::SplitCopy => true,
        Mode::InPlace => false,
        // Beside the original it can only have taken the place of a copy.
        Mode::Replacement { .. } => original.is_some(),
    };
    let latest =
        marked.into_iter().filter(|(_, mark)| !options.create_copy || is_copy(mark)).max_by_key(|(_, mark)| mark.order);
    match latest {
        Some((_, mark)) if mark.order > wanted.order => Then::Superseded,
        Some((item, mark)) => Then::Update {
            item,
            mode: match &mark.mode {
                // What it took the place of has gone, or goes first.
                Mode::Replacement { .. } if options.create_copy => Mode::Copy,
                Mode::Replacement { .. } => Mode::InPlace,
                mode => mode.clone(),
            },
        },
        None if options.create_copy => Then::Add { beside: first, mode: Mode::Copy },
        None => Then::Update { item: first, mode: Mode::InPlace },
    }
}

/// What an interrupted run left behind.
fn left_over(found: &[Found]) -> Vec<usize> {
    let mut remove = Vec::new();
    for (at, item) in found.iter().enumerate() {
        let replaced = item.mark.is_none()
            && found.iter().any(|other| {
                matches!(other.mark.as_ref().map(|mark| &mark.mode), Some(Mode::Replacement { of }) if *of == item.id)
            });
        // Stored twice by two attempts: the first one stays. In-place changes cannot double.
        let doubled = item.mark.as_ref().is_some_and(|mark| {
            mark.mode != Mode::InPlace
                && found[..at]
                    .iter()
                    .filter_map(|other| other.mark.as_ref())
                    .any(|other| other.digest == mark.digest && other.mode == mark.mode && other.token != mark.token)
        });
        if replaced || doubled {
            remove.push(at);
        }
    }
    remove
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(of: u8) -> Digest {
        format!("{of:02x}").repeat(32).parse().unwrap()
    }

    fn order(number: i64) -> Order {
        Order { accepted_at: 1000 + number, number }
    }

    /// Processed message number `of` in its mark, which tells its place in time too.
    fn marked(id: &str, of: u8, mode: Mode) -> Found {
        let mark = Mark { mode, digest: digest(of), order: order(of.into()), token: of.into() };
        Found { id: id.into(), mark: Some(mark) }
    }

    fn original(id: &str) -> Found {
        Found { id: id.into(), mark: None }
    }

    fn options(create_copy: bool, all_split_copies: bool) -> Options {
        Options {
            create_copy,
            message_splitting: all_split_copies,
            save_all_split_messages: all_split_copies,
            both_copies: false,
        }
    }

    /// The plan for processed message number 5.
    fn plan_5(found: &[Found], options: Options) -> Plan {
        plan(found, &Wanted { digest: &digest(5), order: order(5), options })
    }

    fn just(then: Then) -> Plan {
        Plan { remove: Vec::new(), then }
    }

    fn update(item: usize, mode: Mode) -> Plan {
        just(Then::Update { item, mode })
    }

    fn add(beside: usize, mode: Mode) -> Plan {
        just(Then::Add { beside, mode })
    }

    const PLAIN: (bool, bool) = (false, false);
    const SPLIT: (bool, bool) = (false, true);
    const COPY: (bool, bool) = (true, false);
    const COPY_SPLIT: (bool, bool) = (true, true);
    const ALL: [(bool, bool); 4] = [PLAIN, SPLIT, COPY, COPY_SPLIT];

    fn with(found: &[Found], (create_copy, split): (bool, bool)) -> Plan {
        plan_5(found, options(create_copy, split))
    }

    /// U3
    #[test]
    fn without_a_copy_of_the_client_it_waits_whatever_the_options() {
        for options in ALL {
            assert_eq!(with(&[], options), just(Then::Wait), "{options:?}");
        }
    }

    /// U8
    #[test]
    fn what_shows_this_message_already_is_left_as_it_is_whatever_the_options() {
        for options in ALL {
            for mode in [Mode::InPlace, Mode::Copy, Mode::SplitCopy, Mode::Replacement { of: "gone".into() }] {
                assert_eq!(with(&[marked("m", 5, mode)], options), just(Then::AlreadyDone), "{options:?}");
            }
        }
    }

    /// U4, T6, T7
    #[test]
    fn the_original_alone_is_updated_or_gets_a_copy_beside_it() {
        let found = [original("o")];
        assert_eq!(with(&found, PLAIN), update(0, Mode::InPlace));
        assert_eq!(with(&found, SPLIT), update(0, Mode::InPlace));
        assert_eq!(with(&found, COPY), add(0, Mode::Copy));
        assert_eq!(with(&found, COPY_SPLIT), add(0, Mode::Copy));
    }

    /// U5: last processed wins.
    #[test]
    fn an_earlier_state_is_updated_and_a_later_one_supersedes() {
        assert_eq!(with(&[marked("m", 4, Mode::InPlace)], PLAIN), update(0, Mode::InPlace));
        assert_eq!(with(&[marked("m", 6, Mode::InPlace)], PLAIN), just(Then::Superseded));
        let copies = |of| [original("o"), marked("m", of, Mode::Copy)];
        assert_eq!(with(&copies(4), COPY), update(1, Mode::Copy));
        assert_eq!(with(&copies(6), COPY), just(Then::Superseded));
    }

    /// T7: nothing supersedes when every split copy is kept.
    #[test]
    fn every_split_copy_gets_an_item_of_its_own() {
        for of in [4, 6] {
            assert_eq!(with(&[marked("m", of, Mode::InPlace)], SPLIT), add(0, Mode::SplitCopy));
            assert_eq!(with(&[original("o"), marked("m", of, Mode::Copy)], COPY_SPLIT), add(0, Mode::Copy));
        }
    }

    /// T6: the original stays what it is, even if it was updated while the option was off.
    #[test]
    fn with_copies_wanted_an_item_updated_in_place_before_is_not_touched() {
        assert_eq!(with(&[marked("m", 4, Mode::InPlace)], COPY), add(0, Mode::Copy));
    }

    /// T6, U5: a copy that had to be replaced is still the copy, and no second one comes beside it.
    #[test]
    fn a_replaced_copy_is_updated_like_any_copy() {
        let replaced = |of| marked("r", of, Mode::Replacement { of: "earlier copy".into() });
        assert_eq!(with(&[original("o"), replaced(4)], COPY), update(1, Mode::Copy));
        assert_eq!(with(&[original("o"), replaced(6)], COPY), just(Then::Superseded));
        // Without the original it took that one's place, before copies were wanted.
        assert_eq!(with(&[replaced(4)], COPY), add(0, Mode::Copy));
    }

    #[test]
    fn a_copy_that_the_user_made_of_the_original_before_does_not_get_in_the_way() {
        let found = [original("o"), original("by hand")];
        assert_eq!(with(&found, PLAIN), update(0, Mode::InPlace));
        let later = [marked("o", 4, Mode::InPlace), original("by hand")];
        assert_eq!(with(&later, PLAIN), update(0, Mode::InPlace));
    }

    /// U8
    #[test]
    fn an_original_whose_replacement_is_stored_goes_and_the_work_is_done() {
        let found = [original("o"), marked("r", 5, Mode::Replacement { of: "o".into() })];
        assert_eq!(with(&found, PLAIN), Plan { remove: vec![0], then: Then::AlreadyDone });
    }

    /// U5, U8
    #[test]
    fn a_replacement_by_an_earlier_copy_is_completed_before_it_is_updated() {
        let found = [original("o"), marked("r", 4, Mode::Replacement { of: "o".into() })];
        assert_eq!(with(&found, PLAIN), Plan { remove: vec![0], then: Then::Update { item: 1, mode: Mode::InPlace } });
    }

    /// U8: an original that the user moved or copied since has another id; it is not ours to delete.
    #[test]
    fn only_the_very_item_that_was_replaced_is_deleted() {
        let found = [original("other"), marked("r", 5, Mode::Replacement { of: "o".into() })];
        assert_eq!(with(&found, PLAIN), just(Then::AlreadyDone));
    }

    /// U8
    #[test]
    fn an_item_stored_twice_by_two_attempts_is_kept_once() {
        let mut second = marked("c2", 5, Mode::Copy);
        second.mark.as_mut().unwrap().token = 99;
        let found = [original("o"), marked("c1", 5, Mode::Copy), second];
        assert_eq!(with(&found, COPY), Plan { remove: vec![2], then: Then::AlreadyDone });
    }

    #[test]
    fn a_copy_that_the_user_made_of_our_item_is_the_users() {
        let found = [original("o"), marked("c1", 5, Mode::Copy), marked("c1 by hand", 5, Mode::Copy)];
        assert_eq!(with(&found, COPY), just(Then::AlreadyDone));
    }
}
