//! The query language of `QueryString`, as far as mail programs use it: words, phrases, properties, AND, OR, NOT.

use super::fields::Field;
use super::paths::Path;
use super::problem::Problem;
use super::restriction::{Comparison, Containment, Folding, Mode, Operand, Restriction};
use crate::sandbox::store::property::Scalar;

/// Where a word without property is looked for.
const EVERYWHERE: &[Field] =
    &[Field::Subject, Field::Body, Field::From, Field::DisplayTo, Field::DisplayCc, Field::Categories];

/// Reads a query. Everything in it must hold, unless it says OR.
pub fn read(query: &str) -> Result<Restriction, Problem> {
    let mut alternatives = Vec::new();
    let mut all = Vec::new();
    let mut negated = false;
    for token in tokens(query) {
        match token.as_str() {
            "AND" => {}
            "OR" => alternatives.push(std::mem::take(&mut all)),
            "NOT" => negated = true,
            word => {
                let (word, minus) = word.strip_prefix('-').map_or((word, false), |word| (word, true));
                let one = term(word)?;
                all.push(if negated || minus { Restriction::Not(Box::new(one)) } else { one });
                negated = false;
            }
        }
    }
    alternatives.push(all);
    let mut alternatives: Vec<Restriction> = alternatives.into_iter().map(Restriction::And).collect();
    Ok(if alternatives.len() == 1 { alternatives.remove(0) } else { Restriction::Or(alternatives) })
}

/// Words, with phrases in quotes kept whole.
fn tokens(query: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut token = String::new();
    let mut quoted = false;
    for c in query.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => {
                tokens.extend(Some(std::mem::take(&mut token)).filter(|t| !t.is_empty()));
            }
            '(' | ')' if !quoted => {}
            c => token.push(c),
        }
    }
    tokens.extend(Some(token).filter(|token| !token.is_empty()));
    tokens
}

fn term(token: &str) -> Result<Restriction, Problem> {
    let Some((property, value)) =
        token.split_once(':').filter(|(property, _)| property.chars().all(char::is_alphabetic))
    else {
        return Ok(Restriction::Or(EVERYWHERE.iter().map(|field| words(*field, token)).collect()));
    };
    let field = match property.to_ascii_lowercase().as_str() {
        "subject" => Field::Subject,
        "body" | "content" => Field::Body,
        "from" => Field::From,
        "to" => Field::DisplayTo,
        "cc" => Field::DisplayCc,
        "bcc" => Field::DisplayBcc,
        "category" => Field::Categories,
        "hasattachment" | "hasattachments" => return Ok(yes_or_no(Field::HasAttachments, value)),
        "isread" | "read" => return Ok(yes_or_no(Field::IsRead, value)),
        // Everything here is mail.
        "kind" => {
            let email = value.eq_ignore_ascii_case("email");
            let mail = words(Field::ItemClass, "IPM.Note");
            return Ok(if email { mail } else { Restriction::Not(Box::new(mail)) });
        }
        "participants" => {
            let fields = [Field::From, Field::DisplayTo, Field::DisplayCc];
            return Ok(Restriction::Or(fields.iter().map(|field| words(*field, value)).collect()));
        }
        _ => {
            return Err(Problem::new("ErrorInvalidArgument", "The query uses a property that can't be searched for.")
                .with_value("Property", property));
        }
    };
    Ok(words(field, value))
}

/// Words start with what is asked for, whatever the case and the accents.
fn words(field: Field, value: &str) -> Restriction {
    let folding = Folding { case: true, marks: true };
    let value = value.trim_end_matches('*');
    Restriction::Contains(Path::Field(field), Containment::new(Mode::PrefixOnWords, folding, value))
}

fn yes_or_no(field: Field, value: &str) -> Restriction {
    let on = matches!(value.to_ascii_lowercase().as_str(), "true" | "yes" | "1");
    Restriction::Compare(Path::Field(field), Comparison::EqualTo, Operand::Constant(Scalar::Boolean(on)))
}

#[cfg(test)]
mod tests {
    use super::super::super::store::content::Content;
    use super::super::super::store::draft::NewItem;
    use super::super::mapi::View;
    use super::*;

    fn holds(query: &str) -> bool {
        let mut item = NewItem::blank("IPM.Note", 0).item;
        item.subject = "Angebot für Köln".into();
        let content = Content { body: "Bitte um Rückruf".into(), ..Content::default() };
        read(query).unwrap().matches(View { item: &item, guid: "", content: Some(&content) })
    }

    /// X1
    #[test]
    fn an_unknown_property_is_refused() {
        assert_eq!(read("flavour:sweet").unwrap_err().code, "ErrorInvalidArgument");
    }

    /// X1
    #[test]
    fn words_phrases_and_properties_are_found() {
        for query in [
            "angebot",
            "ruckruf",
            "subject:\"für köln\"",
            "subject:x OR body:bitte",
            "hasattachments:no",
            "NOT rechnung",
            "-rechnung kind:email",
        ] {
            assert!(holds(query), "{query}");
        }
        for query in ["subject:rückruf", "angebot rechnung", "isread:yes", "NOT angebot", "kind:contacts"] {
            assert!(!holds(query), "{query}");
        }
    }
}
