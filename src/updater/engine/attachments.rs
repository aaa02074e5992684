//! Which attachments of the sender's copy stay, which go and which come, so that they are those of the processed
//! message. Pure: the contents that must be compared are fetched by the caller.

use std::collections::HashSet;

/// An attachment as far as it has to be known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub name: String,
    /// Of one in the processed message: only if the body refers to it.
    pub content_id: Option<String>,
    /// An attached message, not a file.
    pub is_message: bool,
    /// Bytes: those of the content in the processed message, those that Exchange accounts in the mailbox.
    pub size: Option<u64>,
}

/// What Exchange may add to an attachment's size for its properties (MS-OXCMSG `PidTagAttachSize`).
const OVERHEAD: u64 = 8 * 1024;

/// What has to happen; numbers are places in the lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Pairs that are alike from outside: (in the mailbox, in the processed message).
    pub alike: Vec<(usize, usize)>,
    /// To be removed from the mailbox.
    pub remove: Vec<usize>,
    /// To be added from the processed message.
    pub add: Vec<usize>,
}

impl Difference {
    /// Compares by what is visible from outside: kind, content id, name, size.
    #[must_use]
    pub fn between(mailbox: &[Facts], processed: &[Facts]) -> Self {
        let mut free: Vec<usize> = (0..mailbox.len()).collect();
        let mut difference = Self::default();
        for (at, wanted) in processed.iter().enumerate() {
            match free.iter().position(|present| alike(&mailbox[*present], wanted)) {
                Some(place) => difference.alike.push((free.remove(place), at)),
                None => difference.add.push(at),
            }
        }
        difference.remove = free;
        difference
    }

    /// Pairs whose content turned out to differ are exchanged.
    pub fn differ(&mut self, pairs: &HashSet<(usize, usize)>) {
        self.alike.retain(|pair| !pairs.contains(pair));
        for (present, wanted) in pairs {
            self.remove.push(*present);
            self.add.push(*wanted);
        }
        self.remove.sort_unstable();
        self.add.sort_unstable();
    }
}

fn alike(present: &Facts, wanted: &Facts) -> bool {
    if present.is_message != wanted.is_message {
        return false;
    }
    // Clients and Exchange name an inline image as they like; its content id is what the body refers to.
    let same_identity = match (&present.content_id, &wanted.content_id) {
        (present, Some(wanted)) => present.as_ref() == Some(wanted),
        (_, None) => present.name == wanted.name,
    };
    // The size of an attached message is that of an item, not of its MIME form.
    same_identity
        && (wanted.is_message
            || match (present.size, wanted.size) {
                (Some(present), Some(wanted)) => (wanted..=wanted + OVERHEAD).contains(&present),
                _ => true,
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64) -> Facts {
        Facts { name: name.into(), content_id: None, is_message: false, size: Some(size) }
    }

    fn image(name: &str, content_id: &str, size: u64) -> Facts {
        Facts { content_id: Some(content_id.into()), ..file(name, size) }
    }

    /// U4
    #[test]
    fn what_is_the_same_stays_what_is_new_comes_and_what_is_gone_goes() {
        let mailbox = [file("report.pdf", 5_300), file("draft.docx", 900)];
        let processed = [file("report.pdf", 5_000), image("logo.png", "logo@x", 2_000)];
        let difference = Difference::between(&mailbox, &processed);
        assert_eq!(difference, Difference { alike: vec![(0, 0)], remove: vec![1], add: vec![1] });
    }

    #[test]
    fn an_inline_image_is_known_by_its_content_id_whatever_its_name() {
        let mailbox = [image("ATT00001.png", "a@x", 2_100), image("image.png", "b@x", 2_100)];
        let processed = [image("image.png", "a@x", 2_000)];
        assert_eq!(
            Difference::between(&mailbox, &processed),
            Difference { alike: vec![(0, 0)], remove: vec![1], add: vec![] }
        );
    }

    #[test]
    fn an_image_that_the_body_refers_to_only_now_is_exchanged_for_one_that_can_be_referred_to() {
        let (mailbox, processed) = ([file("photo.jpg", 2_100)], [image("photo.jpg", "a@x", 2_000)]);
        let exchanged = Difference { alike: vec![], remove: vec![0], add: vec![0] };
        assert_eq!(Difference::between(&mailbox, &processed), exchanged);
        let alike = Difference { alike: vec![(0, 0)], ..Difference::default() };
        assert_eq!(Difference::between(&[image("photo.jpg", "b@x", 2_100)], &[file("photo.jpg", 2_000)]), alike);
    }

    #[test]
    fn a_renamed_or_resized_file_is_exchanged() {
        let mailbox = [file("a.txt", 100), file("b.txt", 50_000)];
        let processed = [file("c.txt", 100), file("b.txt", 20_000)];
        let difference = Difference::between(&mailbox, &processed);
        assert_eq!(difference, Difference { alike: vec![], remove: vec![0, 1], add: vec![0, 1] });
    }

    #[test]
    fn of_several_with_the_same_name_each_counts_once() {
        let mailbox = [file("a.txt", 100), file("a.txt", 100)];
        let processed = [file("a.txt", 100), file("a.txt", 100), file("a.txt", 100)];
        let difference = Difference::between(&mailbox, &processed);
        assert_eq!(difference, Difference { alike: vec![(0, 0), (1, 1)], remove: vec![], add: vec![2] });
    }

    #[test]
    fn an_attached_message_is_not_taken_for_a_file_and_its_size_does_not_count() {
        let message = |size| Facts { is_message: true, ..file("Offer", size) };
        let difference = Difference::between(&[file("Offer", 100)], &[message(100)]);
        assert_eq!(difference, Difference { alike: vec![], remove: vec![0], add: vec![0] });
        let alike = Difference { alike: vec![(0, 0)], ..Difference::default() };
        assert_eq!(Difference::between(&[message(90_000)], &[message(100)]), alike);
    }

    #[test]
    fn what_turns_out_to_differ_inside_is_exchanged() {
        let mut difference = Difference { alike: vec![(0, 1), (1, 0)], remove: vec![2], add: vec![] };
        difference.differ(&HashSet::from([(0, 1)]));
        assert_eq!(difference, Difference { alike: vec![(1, 0)], remove: vec![0, 2], add: vec![1] });
    }
}
