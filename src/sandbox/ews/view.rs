//! Pages of what a search finds.

use roxmltree::Node;

use super::problem::Problem;
use super::settings::children;

/// Which part of a result is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    Indexed { offset: usize, from_end: bool, max: Option<usize> },
    Fractional { numerator: usize, denominator: usize, max: Option<usize> },
}

/// The part of a result, and what the answer says of its place in the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub range: std::ops::Range<usize>,
    /// Attributes of `RootFolder`.
    pub attributes: Vec<(&'static str, String)>,
}

impl Page {
    /// Reads the view of a request; everything when there is none.
    pub fn read(request: Node<'_, '_>) -> Result<Self, Problem> {
        let number =
            |node: Node<'_, '_>, name: &str| node.attribute(name).and_then(|text| text.trim().parse::<i64>().ok());
        for view in children(request) {
            let name = view.tag_name().name();
            if !name.ends_with("View") {
                continue;
            }
            let max = match number(view, "MaxEntriesReturned") {
                Some(max) if max < 1 => {
                    return Err(Problem::new(
                        "ErrorInvalidPagingMaxRows",
                        "The maximum number of entries returned must be greater than zero.",
                    ));
                }
                max => max.and_then(|max| usize::try_from(max).ok()),
            };
            if name.starts_with("Indexed") {
                let Some(offset) = number(view, "Offset").and_then(|offset| usize::try_from(offset).ok()) else {
                    return Err(Problem::new(
                        "ErrorInvalidIndexedPagingParameters",
                        "The offset for the indexed page view must be zero or greater.",
                    ));
                };
                return Ok(Self::Indexed { offset, from_end: view.attribute("BasePoint") == Some("End"), max });
            }
            // Where a sought item is, the search itself finds out.
            if name.starts_with("SeekToCondition") {
                return Ok(Self::Indexed { offset: 0, from_end: false, max });
            }
            if name.starts_with("Fractional") {
                let part = |name| number(view, name).and_then(|part| usize::try_from(part).ok());
                let (Some(numerator), Some(denominator)) = (part("Numerator"), part("Denominator")) else {
                    return Err(fraction());
                };
                if denominator == 0 || numerator > denominator {
                    return Err(fraction());
                }
                return Ok(Self::Fractional { numerator, denominator, max });
            }
        }
        Ok(Self::Indexed { offset: 0, from_end: false, max: None })
    }

    /// Whether the request says how much it takes.
    pub fn is_bounded(self) -> bool {
        matches!(self, Self::Indexed { max: Some(_), .. } | Self::Fractional { max: Some(_), .. })
    }

    /// The part of so many results; never more than `limit` of them.
    pub fn of(self, total: usize, limit: usize) -> Part {
        let attribute = |name, value: usize| (name, value.to_string());
        let (range, mut attributes) = match self {
            Self::Indexed { offset, from_end: false, max } => {
                let start = offset.min(total);
                let end = total.min(start + max.unwrap_or(limit).min(limit));
                (start..end, vec![attribute("IndexedPagingOffset", end)])
            }
            Self::Indexed { offset, from_end: true, max } => {
                let end = total - offset.min(total);
                let start = end - max.unwrap_or(limit).min(limit).min(end);
                (start..end, vec![attribute("IndexedPagingOffset", total - start)])
            }
            Self::Fractional { numerator, denominator, max } => {
                let start = total * numerator / denominator;
                let end = total.min(start + max.unwrap_or(limit).min(limit));
                let place = [attribute("NumeratorOffset", end), attribute("AbsoluteDenominator", total)];
                (start..end, place.to_vec())
            }
        };
        let last = match self {
            Self::Indexed { from_end: true, .. } => range.start == 0,
            _ => range.end == total,
        };
        attributes.push(attribute("TotalItemsInView", total));
        attributes.push(("IncludesLastItemInRange", last.to_string()));
        Part { range, attributes }
    }
}

fn fraction() -> Problem {
    Problem::new(
        "ErrorInvalidFractionalPagingParameters",
        "The fraction of the fractional page view must be between zero and one, and its denominator greater than zero.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// X1
    #[test]
    fn pages_go_through_everything_once_from_either_end() {
        for from_end in [false, true] {
            let mut seen = Vec::new();
            let mut offset = 0;
            loop {
                let part = Page::Indexed { offset, from_end, max: Some(3) }.of(10, 1000);
                seen.extend(part.range.clone());
                offset = part.attributes[0].1.parse().unwrap();
                if part.attributes[2].1 == "true" {
                    break;
                }
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..10).collect::<Vec<_>>());
        }
        assert_eq!(Page::Indexed { offset: 99, from_end: false, max: Some(3) }.of(10, 1000).range, 10..10);
        assert_eq!(Page::Indexed { offset: 0, from_end: false, max: None }.of(10, 4).range, 0..4);
        assert_eq!(Page::Fractional { numerator: 1, denominator: 2, max: Some(2) }.of(10, 1000).range, 5..7);
    }
}
