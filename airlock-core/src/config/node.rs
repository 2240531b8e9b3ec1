//! What was read, whatever the format: values, and where each is said.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::problem::Place;

/// How deep tables and lists may be in each other. The deepest that means something is 4.
pub(super) const DEEPEST: usize = 16;

/// By key, in its order.
pub(super) type Table = BTreeMap<String, Node>;

/// A value, and where it is said.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    /// None for the whole text.
    pub(super) place: Option<Place>,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Table(Table),
    Text(Text),
    Whole(i128),
    Number(f64),
    Flag(bool),
    /// Something that no key takes: what it is called.
    Other(&'static str),
    /// Something that was wrong before, and has been said.
    Broken,
}

#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// How a text came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// As a text.
    Written,
    /// The environment has nothing but texts: it is what is expected, if it can be read as that.
    Variable,
    /// Like that, and by `${…}`: it may be anybody's secret.
    Interpolated,
}

impl Node {
    pub(super) fn new(value: Value, place: Option<Place>) -> Self {
        Node { value, place }
    }

    pub(super) fn at_line(value: Value, line: usize) -> Self {
        Node::new(value, Some(Place::Line(line)))
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// What it is, for whoever expected something else. Of a secret it says no more than that.
    pub(super) fn found(&self, secret: bool) -> String {
        match &self.value {
            Value::Table(_) => "a table".to_owned(),
            Value::Text(_) if secret => "a text".to_owned(),
            Value::Whole(_) | Value::Number(_) if secret => "a number".to_owned(),
            Value::Text(text) => text.shown(),
            Value::Whole(whole) => whole.to_string(),
            Value::Number(number) => format!("{number:?}"),
            Value::Flag(flag) => flag.to_string(),
            Value::Other(what) => (*what).to_owned(),
            Value::Broken => "nothing".to_owned(),
        }
    }
}

impl Value {
    pub(super) fn written(text: impl Into<String>) -> Self {
        Value::Text(Text { text: text.into(), origin: Origin::Written })
    }
}

impl Text {
    /// Whether it may be read as what is expected instead of a text.
    pub(super) fn is_untyped(&self) -> bool {
        self.origin != Origin::Written
    }

    /// In quotes, unless it may be a secret. A URL may have a password in it, wherever it was put by mistake.
    pub(super) fn shown(&self) -> String {
        if self.origin == Origin::Interpolated || self.text.contains("://") || self.text.contains('@') {
            return "a text that is not repeated here".to_owned();
        }
        format!("{:?}", shortened(&self.text))
    }
}

/// At most 60 characters of it.
pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The path of a key in the table of that path.
pub(super) fn join(path: &str, key: &str) -> String {
    let mut joined = path.to_owned();
    if !path.is_empty() {
        joined.push('.');
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.len() <= 60 && key.chars().all(is_plain) {
        joined.push_str(key);
    } else {
        // Writing to a string does not fail.
        let _ = write!(joined, "{:?}", shortened(key));
    }
    joined
}
