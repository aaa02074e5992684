//! Restrictions (MS-OXWSSRCH 2.2.4): read, and tested on an item.

use std::cmp::Ordering;

use roxmltree::Node;

use super::mapi::View;
use super::paths::Path;
use super::problem::Problem;
use super::query::{self, Kind};
use super::schema::number;
use super::settings::children;
use crate::sandbox::store::property::Scalar;

#[derive(Debug, Clone, PartialEq)]
pub enum Restriction {
    And(Vec<Restriction>),
    Or(Vec<Restriction>),
    Not(Box<Restriction>),
    Exists(Path),
    Excludes(Path, u32),
    Compare(Path, Comparison, Operand),
    Contains(Path, Containment),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    EqualTo,
    NotEqualTo,
    GreaterThan,
    GreaterThanOrEqualTo,
    LessThan,
    LessThanOrEqualTo,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    Constant(Scalar),
    Property(Path),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Containment {
    pub mode: Mode,
    pub folding: Folding,
    /// Folded already.
    pub constant: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    FullString,
    Prefixed,
    Substring,
    PrefixOnWords,
    ExactPhrase,
}

/// What is not looked at when text is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folding {
    pub case: bool,
    /// Accents and the like.
    pub marks: bool,
}

impl Restriction {
    /// Reads `Restriction`.
    pub fn read(node: Node<'_, '_>) -> Result<Self, Problem> {
        let expression = node.first_element_child().ok_or_else(invalid)?;
        Self::expression(expression)
    }

    fn expression(node: Node<'_, '_>) -> Result<Self, Problem> {
        let all = || children(node).map(Self::expression).collect::<Result<Vec<_>, _>>();
        let comparison = match node.tag_name().name() {
            "And" => return Ok(Self::And(all()?)),
            "Or" => return Ok(Self::Or(all()?)),
            "Not" => return all()?.pop().map(|one| Self::Not(Box::new(one))).ok_or_else(invalid),
            "Exists" => return Ok(Self::Exists(searched(node)?.0)),
            "Excludes" => return excludes(node),
            "Contains" => return contains(node),
            "IsEqualTo" => Comparison::EqualTo,
            "IsNotEqualTo" => Comparison::NotEqualTo,
            "IsGreaterThan" => Comparison::GreaterThan,
            "IsGreaterThanOrEqualTo" => Comparison::GreaterThanOrEqualTo,
            "IsLessThan" => Comparison::LessThan,
            "IsLessThanOrEqualTo" => Comparison::LessThanOrEqualTo,
            _ => return Err(invalid()),
        };
        let (path, kind) = searched(node)?;
        let operand =
            children(node).find(|child| child.tag_name().name() == "FieldURIOrConstant").ok_or_else(invalid)?;
        let operand = match operand.first_element_child() {
            Some(constant) if constant.tag_name().name() == "Constant" => {
                Operand::Constant(kind.constant(constant.attribute("Value").unwrap_or_default(), &path)?)
            }
            Some(_) => Operand::Property(searched(operand)?.0),
            None => return Err(invalid()),
        };
        Ok(Self::Compare(path, comparison, operand))
    }

    /// Whether an item is among what is wanted.
    pub fn matches(&self, view: View<'_>) -> bool {
        self.holds(&|path| query::values(view, path))
    }

    /// The same for whatever has values for paths.
    pub fn holds(&self, values: &dyn Fn(&Path) -> Vec<Scalar>) -> bool {
        match self {
            Self::And(all) => all.iter().all(|one| one.holds(values)),
            Self::Or(any) => any.iter().any(|one| one.holds(values)),
            Self::Not(one) => !one.holds(values),
            Self::Exists(path) => !values(path).is_empty(),
            Self::Excludes(path, mask) => values(path).iter().any(|value| match value {
                Scalar::Integer(value) => value & i64::from(*mask) == 0,
                _ => false,
            }),
            Self::Compare(path, comparison, operand) => {
                let left = values(path);
                let right = match operand {
                    Operand::Constant(constant) => vec![constant.clone()],
                    Operand::Property(path) => values(path),
                };
                let holds = |order: Option<Ordering>| order.is_some_and(|order| comparison.holds(order));
                match comparison {
                    // Of a list, none may be the one that is not wanted.
                    Comparison::NotEqualTo => {
                        !left.is_empty() && left.iter().all(|l| right.iter().any(|r| holds(query::compare(l, r))))
                    }
                    _ => left.iter().any(|l| right.iter().any(|r| holds(query::compare(l, r)))),
                }
            }
            Self::Contains(path, containment) => values(path).iter().any(|value| match value {
                Scalar::Text(text) => containment.matches(text),
                _ => false,
            }),
        }
    }

    /// Whether bodies or headers have to be read for it.
    pub fn needs_content(&self) -> bool {
        match self {
            Self::And(inner) | Self::Or(inner) => inner.iter().any(Self::needs_content),
            Self::Not(inner) => inner.needs_content(),
            Self::Exists(path) | Self::Excludes(path, _) | Self::Contains(path, _) => query::needs_content(path),
            Self::Compare(path, _, operand) => {
                query::needs_content(path) || matches!(operand, Operand::Property(other) if query::needs_content(other))
            }
        }
    }

    /// How many conditions and combinations of conditions there are in it.
    pub fn nodes(&self) -> usize {
        match self {
            Self::And(inner) | Self::Or(inner) => 1 + inner.iter().map(Self::nodes).sum::<usize>(),
            Self::Not(inner) => 1 + inner.nodes(),
            _ => 1,
        }
    }

    /// Equalities of which every match fulfils one, and that an index may answer: path and text. Empty: none.
    pub fn keys(&self) -> Vec<(&Path, &str)> {
        match self {
            Self::And(all) => all.iter().map(Self::keys).find(|keys| !keys.is_empty()).unwrap_or_default(),
            Self::Or(any) => {
                let mut keys = Vec::with_capacity(any.len());
                for one in any {
                    let of_one = one.keys();
                    if of_one.is_empty() {
                        return Vec::new();
                    }
                    keys.extend(of_one);
                }
                keys
            }
            Self::Compare(path, Comparison::EqualTo, Operand::Constant(Scalar::Text(text))) => vec![(path, text)],
            _ => Vec::new(),
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::EqualTo => order.is_eq(),
            Self::NotEqualTo => order.is_ne(),
            Self::GreaterThan => order.is_gt(),
            Self::GreaterThanOrEqualTo => order.is_ge(),
            Self::LessThan => order.is_lt(),
            Self::LessThanOrEqualTo => order.is_le(),
        }
    }
}

fn invalid() -> Problem {
    Problem::new("ErrorInvalidRestriction", "The restriction is invalid.")
}

/// The path of an expression, if queries can use it.
fn searched(node: Node<'_, '_>) -> Result<(Path, Kind), Problem> {
    let path = Path::child(node)?;
    let kind = Kind::of(&path).ok_or_else(|| {
        Problem::new("ErrorUnsupportedPathForQuery", "The path is not supported for querying.").about(&path.xml())
    })?;
    Ok((path, kind))
}

fn excludes(node: Node<'_, '_>) -> Result<Restriction, Problem> {
    let (path, kind) = searched(node)?;
    if kind != Kind::Integer {
        return Err(Problem::new(
            "ErrorInvalidExcludesRestriction",
            "Excludes restrictions can be used with integer properties only.",
        ));
    }
    let mask = children(node).find_map(|child| child.attribute("Value")).and_then(|value| number(value.trim()));
    Ok(Restriction::Excludes(path, mask.ok_or_else(invalid)?))
}

fn contains(node: Node<'_, '_>) -> Result<Restriction, Problem> {
    let (path, kind) = searched(node)?;
    if kind != Kind::Text {
        return Err(Problem::new(
            "ErrorContainsFilterWrongType",
            "The Contains filter can only be used with string properties.",
        )
        .about(&path.xml()));
    }
    let constant = children(node).find(|child| child.tag_name().name() == "Constant");
    let constant = constant.and_then(|constant| constant.attribute("Value")).unwrap_or_default();
    let mode = match node.attribute("ContainmentMode").unwrap_or("FullString") {
        "Prefixed" => Mode::Prefixed,
        "Substring" => Mode::Substring,
        "PrefixOnWords" => Mode::PrefixOnWords,
        "ExactPhrase" => Mode::ExactPhrase,
        _ => Mode::FullString,
    };
    let comparison = node.attribute("ContainmentComparison").unwrap_or("Exact");
    // Loose means no more to the store than ignoring both.
    let loose = comparison.starts_with("Loose");
    let folding =
        Folding { case: loose || comparison.contains("IgnoreCase"), marks: loose || comparison.contains("NonSpac") };
    Ok(Restriction::Contains(path, Containment::new(mode, folding, constant)))
}

impl Containment {
    pub fn new(mode: Mode, folding: Folding, constant: &str) -> Self {
        Self { mode, folding, constant: folding.fold(constant) }
    }

    fn matches(&self, text: &str) -> bool {
        let text = self.folding.fold(text);
        let wanted = self.constant.as_str();
        // Where a word starts, and where one ends.
        let starts = |at: usize| text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
        let ends = |at: usize| text[at..].chars().next().is_none_or(|after| !after.is_alphanumeric());
        match self.mode {
            Mode::FullString => text == wanted,
            Mode::Prefixed => text.starts_with(wanted),
            Mode::Substring => text.contains(wanted),
            Mode::PrefixOnWords => text.match_indices(wanted).any(|(at, _)| starts(at)),
            Mode::ExactPhrase => text.match_indices(wanted).any(|(at, _)| starts(at) && ends(at + wanted.len())),
        }
    }
}

impl Folding {
    fn fold(self, text: &str) -> String {
        let bare: String = if self.marks { text.chars().filter_map(without_marks).collect() } else { text.to_owned() };
        if self.case { bare.to_lowercase() } else { bare }
    }
}

/// A Latin letter without what is put on it; none for a combining mark.
fn without_marks(c: char) -> Option<char> {
    const GROUPS: &[(char, &str)] = &[
        ('A', "ÀÁÂÃÄÅĀĂĄ"),
        ('C', "ÇĆĈĊČ"),
        ('D', "ĎĐ"),
        ('E', "ÈÉÊËĒĔĖĘĚ"),
        ('G', "ĜĞĠĢ"),
        ('I', "ÌÍÎÏĨĪĬĮİ"),
        ('L', "ĹĻĽĿŁ"),
        ('N', "ÑŃŅŇ"),
        ('O', "ÒÓÔÕÖØŌŎŐ"),
        ('R', "ŔŖŘ"),
        ('S', "ŚŜŞŠ"),
        ('T', "ŢŤŦ"),
        ('U', "ÙÚÛÜŨŪŬŮŰŲ"),
        ('Y', "ÝŶŸ"),
        ('Z', "ŹŻŽ"),
        ('a', "àáâãäåāăą"),
        ('c', "çćĉċč"),
        ('d', "ďđ"),
        ('e', "èéêëēĕėęě"),
        ('g', "ĝğġģ"),
        ('i', "ìíîïĩīĭįı"),
        ('l', "ĺļľŀł"),
        ('n', "ñńņň"),
        ('o', "òóôõöøōŏő"),
        ('r', "ŕŗř"),
        ('s', "śŝşš"),
        ('t', "ţťŧ"),
        ('u', "ùúûüũūŭůűų"),
        ('y', "ýÿŷ"),
        ('z', "źżž"),
    ];
    match c {
        '\u{300}'..='\u{36f}' => None,
        c if c.is_ascii() => Some(c),
        c => Some(GROUPS.iter().find(|(_, marked)| marked.contains(c)).map_or(c, |(bare, _)| *bare)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::store::draft::NewItem;
    use super::super::super::store::model::Item;
    use super::*;

    fn item() -> Item {
        let mut item = NewItem::blank("IPM.Note", 1_700_000_000_000).item;
        item.subject = "Grüße aus Köln, Herr Müller".into();
        item.categories = vec!["Blue".into(), "Red".into()];
        item.message_id = Some("<A@n>".into());
        item
    }

    fn read(body: &str) -> Result<Restriction, Problem> {
        let text = format!(
            "<t:Restriction xmlns:t='http://schemas.microsoft.com/exchange/services/2006/types'>{body}</t:Restriction>"
        );
        let document = roxmltree::Document::parse(&text).unwrap();
        Restriction::read(document.root_element())
    }

    fn holds(body: &str) -> bool {
        let item = item();
        read(body).unwrap().matches(View { item: &item, guid: "", content: None })
    }

    fn compare(op: &str, uri: &str, value: &str) -> String {
        format!(
            "<t:{op}><t:FieldURI FieldURI='{uri}'/><t:FieldURIOrConstant><t:Constant Value='{value}'/></t:FieldURIOrConstant></t:{op}>"
        )
    }

    /// X1
    #[test]
    fn what_cannot_be_compared_is_refused_with_its_path() {
        let code = |body: &str| read(body).unwrap_err().code.into_owned();
        assert_eq!(code(&compare("IsEqualTo", "item:Size", "big")), "ErrorInvalidValueForProperty");
        assert_eq!(code(&compare("IsEqualTo", "item:Attachments", "x")), "ErrorUnsupportedPathForQuery");
        assert_eq!(
            code("<t:Contains><t:FieldURI FieldURI='item:Size'/><t:Constant Value='1'/></t:Contains>"),
            "ErrorContainsFilterWrongType"
        );
        assert_eq!(
            code("<t:Excludes><t:FieldURI FieldURI='item:Subject'/><t:Bitmask Value='1'/></t:Excludes>"),
            "ErrorInvalidExcludesRestriction"
        );
        let both = "<t:Exists><t:ExtendedFieldURI PropertyTag='0x1000' PropertySetId='c11ff724-aa03-4555-9952-8fa248a11c3e' PropertyType='String'/></t:Exists>";
        assert_eq!(code(both), "ErrorInvalidExtendedProperty");
    }

    /// X1
    #[test]
    fn a_property_without_value_fulfils_no_comparison_but_the_negation_of_one() {
        let equal = compare("IsEqualTo", "message:References", "x");
        assert!(!holds(&equal));
        assert!(!holds(&compare("IsNotEqualTo", "message:References", "x")));
        assert!(holds(&format!("<t:Not>{equal}</t:Not>")));
        assert!(!holds("<t:Exists><t:FieldURI FieldURI='calendar:Start'/></t:Exists>"));
    }

    /// X1
    #[test]
    fn comparisons_ignore_case_and_look_at_each_of_several_values() {
        assert!(holds(&compare("IsEqualTo", "message:InternetMessageId", "&lt;a@N&gt;")));
        assert!(holds(&compare("IsEqualTo", "item:Categories", "red")));
        assert!(!holds(&compare("IsNotEqualTo", "item:Categories", "red")));
        assert!(holds(&compare("IsGreaterThan", "item:DateTimeReceived", "2023-11-14T22:13:19Z")));
        assert!(!holds(&compare("IsGreaterThan", "item:DateTimeReceived", "2023-11-14T22:13:20Z")));
        assert!(holds(&compare("IsGreaterThanOrEqualTo", "item:Importance", "Normal")));
    }

    /// X1
    #[test]
    fn containment_has_all_its_modes_and_comparisons() {
        let contains = |mode: &str, comparison: &str, value: &str| {
            holds(&format!(
                "<t:Contains ContainmentMode='{mode}' ContainmentComparison='{comparison}'><t:FieldURI FieldURI='item:Subject'/><t:Constant Value='{value}'/></t:Contains>"
            ))
        };
        assert!(contains("Substring", "Exact", "Köln"));
        assert!(!contains("Substring", "Exact", "köln"));
        assert!(contains("Substring", "IgnoreCase", "KÖLN"));
        assert!(!contains("Substring", "IgnoreCase", "koln"));
        assert!(contains("Substring", "IgnoreCaseAndNonSpacingCharacters", "koln"));
        assert!(contains("Substring", "IgnoreNonSpacingCharacters", "Koln"));
        assert!(contains("Substring", "Loose", "KOLN"));
        assert!(contains("Prefixed", "Exact", "Grüße"));
        assert!(!contains("Prefixed", "Exact", "aus"));
        assert!(contains("PrefixOnWords", "Exact", "Mül"));
        assert!(!contains("PrefixOnWords", "Exact", "üller"));
        assert!(contains("ExactPhrase", "Exact", "aus Köln"));
        assert!(!contains("ExactPhrase", "Exact", "aus Köl"));
        assert!(contains("FullString", "IgnoreCase", "grüße aus köln, herr müller"));
        assert!(!contains("FullString", "IgnoreCase", "grüße"));
    }

    /// X1
    #[test]
    fn an_index_is_used_only_for_what_every_match_must_have() {
        let equal = compare("IsEqualTo", "message:InternetMessageId", "&lt;a@n&gt;");
        let other = compare("IsEqualTo", "item:Subject", "x");
        let keys = |body: &str| read(body).unwrap().keys().len();
        assert_eq!(keys(&format!("<t:And>{equal}{other}</t:And>")), 1);
        assert_eq!(keys(&format!("<t:Or>{equal}{other}</t:Or>")), 2);
        assert_eq!(keys(&format!("<t:Or>{equal}<t:Not>{other}</t:Not></t:Or>")), 0);
        assert_eq!(keys(&format!("<t:Not>{equal}</t:Not>")), 0);
    }
}
