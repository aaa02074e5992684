//! Fields that only a later version knows: passed over when reading, kept when writing.
//!
//! What can be set refuses a field that it does not know, which is right for a file that somebody types. Here such a field
//! is taken out where it was refused, and the rest is read again.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::DocumentProblem;

/// Names that may be unknown. Each costs a reading.
const MOST: usize = 64;

/// Reads what is known.
pub fn parse_known<T: DeserializeOwned>(mut value: Value) -> Result<T, DocumentProblem> {
    for _ in 0..=MOST {
        let error = match serde_path_to_error::deserialize(&value) {
            Ok(known) => return Ok(known),
            Err(error) => error,
        };
        let path: Vec<Segment> = error.path().iter().cloned().collect();
        let unknown = error.inner().to_string().starts_with("unknown field ");
        if !unknown || !remove(&mut value, &path) {
            let (path, problem) = (error.path().to_string(), error.into_inner().to_string());
            let at = if path == "." { "the document".to_owned() } else { path };
            return Err(DocumentProblem::Wrong { at, problem });
        }
    }
    Err(DocumentProblem::Unknown { most: MOST })
}

/// Takes a field out; in a list, out of all that is listed. False: nothing was taken out.
fn remove(value: &mut Value, path: &[Segment]) -> bool {
    match (value, path) {
        (Value::Object(object), [Segment::Map { key }]) => object.remove(key).is_some(),
        (Value::Object(object), [Segment::Map { key }, rest @ ..]) => {
            object.get_mut(key).is_some_and(|value| remove(value, rest))
        }
        (Value::Array(values), [Segment::Seq { .. }, rest @ ..]) => {
            // All of them, without stopping at the first.
            values.iter_mut().fold(false, |any, value| remove(value, rest) | any)
        }
        // The way to a variant is no place in JSON.
        (value, [Segment::Enum { .. }, rest @ ..]) => remove(value, rest),
        _ => false,
    }
}

/// Puts whatever `old` has beyond what was `known` of it into `new`, where that has the same place.
pub fn carry(old: &Value, known: &Value, new: Value) -> Value {
    match (old, known, new) {
        (Value::Object(old), Value::Object(known), Value::Object(new)) => Value::Object(carry_fields(old, known, new)),
        (Value::Array(old), Value::Array(known), Value::Array(new)) if old.len() == known.len() => {
            Value::Array(carry_listed(old, known, new))
        }
        (_, _, new) => new,
    }
}

fn carry_fields(
    old: &Map<String, Value>,
    known: &Map<String, Value>,
    mut new: Map<String, Value>,
) -> Map<String, Value> {
    for (name, old) in old {
        match (known.get(name), new.remove(name)) {
            (Some(known), Some(value)) => {
                new.insert(name.clone(), carry(old, known, value));
            }
            (None, value) => {
                new.insert(name.clone(), value.unwrap_or_else(|| old.clone()));
            }
            // It was known, and is gone.
            (Some(_), None) => {}
        }
    }
    new
}

/// What is listed is known again by being the same, or by its identifier.
fn carry_listed(old: &[Value], known: &[Value], new: Vec<Value>) -> Vec<Value> {
    let mut taken = vec![false; known.len()];
    let mut same = |wanted: &Value| {
        let id = wanted.get("id");
        let at = known
            .iter()
            .zip(&taken)
            .position(|(known, taken)| !taken && (known == wanted || id.is_some() && known.get("id") == id))?;
        taken[at] = true;
        Some(at)
    };
    new.into_iter()
        .map(|value| match same(&value) {
            Some(at) => carry(&old[at], &known[at], value),
            None => value,
        })
        .collect()
}
