//! As much of DER as it takes to find a value in a certificate or a message of Kerberos, and to change one.

/// A value with its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value<'a> {
    pub tag: u8,
    pub content: &'a [u8],
}

/// The first value, and what stands behind it.
pub(super) fn first(input: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        // Up to four bytes of length: more than anything that is looked at here has.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
            (bytes.iter().fold(0usize, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((Value { tag, content }, rest))
}

/// The values in a constructed one, as far as they are sound.
pub(super) fn children(mut content: &[u8]) -> impl Iterator<Item = Value<'_>> {
    std::iter::from_fn(move || {
        let (value, rest) = first(content)?;
        content = rest;
        Some(value)
    })
}

/// What is in the value that a path leads to: tags, from the outside to the inside, of each the first there is.
pub(super) fn at<'a>(values: &'a [u8], path: &[u8]) -> Option<&'a [u8]> {
    path.iter().try_fold(values, |values, tag| {
        let value = children(values).find(|value| value.tag == *tag)?;
        Some(value.content)
    })
}

/// The values with other content [`at`] the end of the path.
pub(super) fn replaced(values: &[u8], path: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    let Some((tag, inside)) = path.split_first() else { return Some(content.to_vec()) };
    let mut rest = values;
    loop {
        let (value, after) = first(rest)?;
        if value.tag == *tag {
            let before = values.strip_suffix(rest)?;
            return Some([before, &written(*tag, &replaced(value.content, inside, content)?), after].concat());
        }
        rest = after;
    }
}

/// A value of this content.
pub(super) fn written(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut value = vec![tag];
    match length {
        [] => value.push(0),
        [short @ 0..=0x7f] => value.push(*short),
        // There are at most eight of them.
        long => {
            value.push(0x80 | u8::try_from(long.len()).unwrap_or_default());
            value.extend_from_slice(long);
        }
    }
    value.extend_from_slice(content);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_whatever_its_length() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let content = vec![5; length];
            let value = written(0x04, &content);
            let (read, rest) = first(&value).unwrap();
            assert_eq!((read.tag, read.content, rest.len()), (0x04, &content[..], 0));
        }
    }

    #[test]
    fn a_value_is_replaced_and_all_lengths_around_it_with_it() {
        let with = |content: &[u8]| {
            let inside = [&[0x02, 0x01, 0x05][..], &written(0xa1, &written(0x04, content)), &[0x05, 0x00]].concat();
            [&written(0x30, &inside)[..], &[0x01, 0x00]].concat()
        };
        let path = [0x30, 0xa1, 0x04];
        let (short, long) = (with(b"short"), with(&[9; 300]));
        assert_eq!(at(&short, &path), Some(&b"short"[..]));
        assert_eq!(replaced(&short, &path, &[9; 300]).unwrap(), long);
        assert_eq!(replaced(&long, &path, b"short").unwrap(), short);
        assert_eq!(replaced(&short, &[0x30, 0xa2], b""), None);
    }

    #[test]
    fn values_are_read_as_far_as_they_are_sound() {
        let input = [0x30, 0x81, 0x05, 0x02, 0x01, 0x18, 0x04, 0x7f, 0xff];
        let (sequence, rest) = first(&input[..8]).unwrap();
        assert_eq!((sequence.tag, rest.len()), (0x30, 0));
        assert_eq!(children(sequence.content).collect::<Vec<_>>(), [Value { tag: 2, content: &[0x18] }]);
        for bad in
            [&b""[..], &[0x30], &[0x30, 0x85, 1, 1, 1, 1, 1], &[0x30, 0x80], &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff]]
        {
            assert_eq!(first(bad), None, "{bad:x?}");
        }
    }
}
