//! As much of DER as it takes to find a value in a certificate or a message of Kerberos.

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

#[cfg(test)]
mod tests {
    use super::*;

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
