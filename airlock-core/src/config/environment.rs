//! What the environment says: variables that stand for keys, and those that values ask for.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::node::{Node, Origin, Table, Text, Value, join};
use super::problem::{Log, Place, Problem};
use super::shape::{NAME, SECTIONS, is_one};
use super::suggest::did_you_mean;

/// What the name of every variable begins with that stands for a key.
const PREFIX: &str = "AIRLOCK__";
/// What stands between the parts of its path.
const SEPARATOR: &str = "__";

/// The environment of this process, or what stands in for it.
pub(super) enum Environment {
    Process,
    Given(BTreeMap<String, String>),
}

impl Environment {
    /// Variables that stand for keys, by name. The environment has no order of its own.
    fn overrides(&self) -> Vec<(String, OsString)> {
        let mut found: Vec<_> = match self {
            Environment::Process => {
                std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
            }
            Environment::Given(given) => given.iter().map(|(name, value)| (name.clone(), value.into())).collect(),
        };
        found.retain(|(name, _)| name.starts_with(PREFIX));
        found.sort();
        found
    }

    fn get(&self, name: &str) -> Option<OsString> {
        match self {
            Environment::Process => std::env::var_os(name),
            Environment::Given(given) => given.get(name).map(OsString::from),
        }
    }
}

/// Puts the variables that stand for keys over what was read.
pub(super) fn overlay(root: &mut Node, environment: &Environment, log: &Log) {
    for (name, value) in environment.overrides() {
        let place = Place::Variable(name.as_str().into());
        if let Err((path, what)) = set(root, &name, value, &place) {
            log.push(Problem::new(Some(place), path, what));
        }
    }
}

/// The path that is wrong, and why.
type Wrong = (String, String);

fn set(root: &mut Node, variable: &str, value: OsString, place: &Place) -> Result<(), Wrong> {
    let parts: Vec<&str> = variable[PREFIX.len()..].split(SEPARATOR).collect();
    if parts.iter().any(|part| part.is_empty()) {
        let what =
            "it names no key: a key's path is written with `__` between its parts, as in AIRLOCK__IMPORTS__SEAL__LIMIT";
        return Err((String::new(), what.to_owned()));
    }
    let text = value.into_string().map_err(|_| (String::new(), "its value is no UTF-8".to_owned()))?;
    let parts = without_own_name(root, &parts);
    let (last, before) = parts.split_last().expect("splitting gives at least one part");
    let mut path = String::new();
    let mut node = root;
    for (depth, part) in before.iter().enumerate() {
        let key = key(node, part, &path, depth)?;
        path = join(&path, &key);
        let Value::Table(table) = &mut node.value else { return Err(not_a_table(path)) };
        let empty = || Node::new(Value::Table(Table::new()), Some(place.clone()));
        node = table.entry(key).or_insert_with(empty);
        if node.table().is_none() {
            return Err(not_a_table(path));
        }
    }
    let key = key(node, last, &path, before.len())?;
    let Value::Table(table) = &mut node.value else { return Err(not_a_table(path)) };
    let text = Value::Text(Text { text, origin: Origin::Variable });
    table.insert(key, Node::new(text, Some(place.clone())));
    Ok(())
}

fn not_a_table(path: String) -> Wrong {
    (path, "it has no keys, because it is set to a value; write it as a table to set one of them".to_owned())
}

/// Where there is one airlock it has the keys itself: it may be called by its name all the same, so that a variable means the
/// same in front of either.
fn without_own_name<'a>(root: &Node, parts: &'a [&'a str]) -> &'a [&'a str] {
    let [first, rest @ ..] = parts else { return parts };
    let name = root.table().and_then(|table| match &table.get(NAME)?.value {
        Value::Text(text) => Some(plain(&text.text)),
        _ => None,
    });
    let is_own = !rest.is_empty() && name.is_some_and(|name| name == plain(first));
    if is_own { rest } else { parts }
}

/// The key that is there and reads like this, or else a new one.
fn key(node: &Node, part: &str, path: &str, depth: usize) -> Result<String, Wrong> {
    let Some(table) = node.table() else { return Err(not_a_table(path.to_owned())) };
    let alike: Vec<&String> = table.keys().filter(|key| plain(key) == plain(part)).collect();
    let new = part.to_ascii_lowercase();
    match *alike {
        [key] => Ok(key.clone()),
        [one, other, ..] => {
            Err((path.to_owned(), format!("it may be about {one:?} or {other:?}; name one of them otherwise")))
        }
        // What has a name of its own is made in the text alone: a name that is misspelt here would make another.
        [] if is_named(node, path, depth) => {
            let what = if path.is_empty() { "airlock" } else { path.trim_end_matches('s') };
            let hint = did_you_mean(&new, table.keys().map(String::as_str));
            Err((join(path, &new), format!("there is no {what} of that name in the configuration{hint}")))
        }
        [] => Ok(new),
    }
}

/// Whether the keys of this table are names of airlocks, stores or notifiers.
fn is_named(node: &Node, path: &str, depth: usize) -> bool {
    match depth {
        0 => node.table().is_some_and(|table| !is_one(table)),
        1 => SECTIONS.contains(&path),
        _ => false,
    }
}

/// How a key is written in the name of a variable: what is no letter or digit is a `_`, and letters are upper-case.
fn plain(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// Puts in the variables that the texts ask for. What the environment itself says is left as it is.
pub(super) fn interpolate(node: &mut Node, path: &str, environment: &Environment, log: &Log) {
    match &mut node.value {
        Value::Table(table) => {
            for (key, inner) in table {
                interpolate(inner, &join(path, key), environment, log);
            }
        }
        Value::Text(text) if text.origin == Origin::Written && text.text.contains("${") => {
            match interpolated(&text.text, environment) {
                Ok(value) => *text = value,
                Err(what) => {
                    log.add(node.place.as_ref(), path, what);
                    node.value = Value::Broken;
                }
            }
        }
        _ => {}
    }
}

fn interpolated(text: &str, environment: &Environment) -> Result<Text, String> {
    let (mut result, mut origin, mut rest) = (String::new(), Origin::Written, text);
    while let Some(at) = rest.find("${") {
        let (before, found) = rest.split_at(at);
        rest = &found[2..];
        if let Some(before) = before.strip_suffix('$') {
            result.push_str(before);
            result.push_str("${");
            continue;
        }
        let (asked, behind) = rest.split_once('}').ok_or("a `${` has no `}` behind it; `$${` is a `${` itself")?;
        result.push_str(before);
        result.push_str(&variable(asked, environment)?);
        (origin, rest) = (Origin::Interpolated, behind);
    }
    result.push_str(rest);
    Ok(Text { text: result, origin })
}

/// `NAME`, or `NAME:-` and what it is when the variable is not set, or empty.
fn variable(asked: &str, environment: &Environment) -> Result<String, String> {
    let (name, default) = match asked.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (asked, None),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_name) {
        return Err("expected a variable in the braces, as `${NAME}` or `${NAME:-default}`".to_owned());
    }
    if default.is_some_and(|default| default.contains("${")) {
        return Err(format!("the default of `${{{name}}}` asks for another variable, which is not done"));
    }
    let found = match environment.get(name) {
        Some(value) => Some(value.into_string().map_err(|_| format!("the variable {name} is no UTF-8"))?),
        None => None,
    };
    match (found, default) {
        (Some(found), None) => Ok(found),
        (Some(found), Some(_)) if !found.is_empty() => Ok(found),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => {
            Err(format!("the variable {name} is not set; set it, or say what it is otherwise: `${{{name}:-…}}`"))
        }
    }
}
