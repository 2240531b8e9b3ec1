//! A table of which each key is asked for by name: what is wrong is written down, and reading goes on.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::node::{Node, Table, Value, join};
use super::problem::{Log, Place};
use super::suggest::did_you_mean;
use crate::error::ConfigError;
use crate::seal::micros;

/// What says which of several things a table describes.
const KIND: &str = "kind";

static EMPTY: Table = Table::new();

pub(super) struct Section<'a> {
    pub(super) path: String,
    pub(super) table: &'a Table,
    place: Option<&'a Place>,
    /// What was asked for.
    known: Vec<&'static str>,
    log: &'a Log,
}

impl<'a> Section<'a> {
    pub(super) fn new(path: String, table: &'a Table, place: Option<&'a Place>, log: &'a Log) -> Self {
        Section { path, table, place, known: Vec::new(), log }
    }

    /// The table at a node, or a complaint.
    pub(super) fn at(path: String, node: &'a Node, log: &'a Log) -> Option<Self> {
        match &node.value {
            Value::Table(table) => Some(Section::new(path, table, node.place.as_ref(), log)),
            Value::Broken => None,
            _ => {
                log.add(node.place.as_ref(), path, format!("expected a table, found {}", node.found(true)));
                None
            }
        }
    }

    /// Complains of the section itself.
    pub(super) fn wrong(&self, what: impl Into<String>) {
        self.log.add(self.place, &*self.path, what);
    }

    /// Complains of the value of a key.
    pub(super) fn wrong_at(&self, key: &str, what: impl Into<String>) {
        let place = self.table.get(key).map_or(self.place, |node| node.place.as_ref());
        self.log.add(place, join(&self.path, key), what);
    }

    /// Complains of a value that is another than was expected.
    fn expected(&self, key: &str, what: &str, found: &str) {
        self.wrong_at(key, format!("expected {what}, found {found}"));
    }

    /// What a builder or a store said, at the key that it is about.
    pub(super) fn refused(&self, error: &ConfigError) {
        let (mut path, mut place, mut table) = (self.path.clone(), self.place, Some(self.table));
        let mut is_found = true;
        for part in error.field().split('.') {
            let Some(node) = table.and_then(|table| table.get(part)) else {
                is_found = false;
                break;
            };
            (path, place, table) = (join(&path, part), node.place.as_ref(), node.table());
        }
        let what = if is_found { error.problem().to_owned() } else { error.to_string() };
        self.log.add(place, path, what);
    }

    /// Writes down what a check found.
    pub(super) fn check<T>(&self, checked: Result<T, ConfigError>) {
        if let Err(error) = checked {
            self.refused(&error);
        }
    }

    /// The value, unless it is missing or was complained of before.
    pub(super) fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.table.get(key).filter(|node| !matches!(node.value, Value::Broken))
    }

    /// Complains if a key is not there at all.
    pub(super) fn required<T>(&self, key: &str, what: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.table.contains_key(key) {
            self.log.add(self.place, join(&self.path, key), format!("it is missing: {what}"));
        }
        value
    }

    pub(super) fn text(&mut self, key: &'static str, what: &str) -> Option<&'a str> {
        self.text_or_secret(key, what, false)
    }

    /// A text that is repeated nowhere.
    #[cfg(any(feature = "redis", feature = "mercure"))]
    pub(super) fn secret(&mut self, key: &'static str, what: &str) -> Option<&'a str> {
        self.text_or_secret(key, what, true)
    }

    fn text_or_secret(&mut self, key: &'static str, what: &str, secret: bool) -> Option<&'a str> {
        let node = self.node(key)?;
        match &node.value {
            Value::Text(text) => Some(&text.text),
            _ => {
                self.expected(key, what, &node.found(secret));
                None
            }
        }
    }

    /// A whole number in that range.
    pub(super) fn whole(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let node = self.node(key)?;
        self.whole_of(key, node, range)
    }

    fn whole_of(&self, key: &str, node: &Node, range: RangeInclusive<u64>) -> Option<u64> {
        let whole = match &node.value {
            Value::Whole(whole) => Some(*whole),
            Value::Text(text) if text.is_untyped() => text.text.trim().parse().ok(),
            _ => None,
        };
        let fits = whole.and_then(|whole| u64::try_from(whole).ok()).filter(|whole| range.contains(whole));
        if fits.is_none() {
            let (least, most) = range.into_inner();
            let what = match most {
                u64::MAX => format!("a whole number of {least} or more"),
                most => format!("a whole number from {least} to {most}"),
            };
            self.expected(key, &what, &node.found(false));
        }
        fits
    }

    /// A whole number of that or more, as far as a `u32` goes.
    pub(super) fn count(&mut self, key: &'static str, least: u32) -> Option<u32> {
        let whole = self.whole(key, least.into()..=u32::MAX.into())?;
        u32::try_from(whole).ok()
    }

    /// A finite number of 0 or more.
    pub(super) fn number(&mut self, key: &'static str) -> Option<f64> {
        let node = self.node(key)?;
        self.number_of(key, node)
    }

    fn number_of(&self, key: &str, node: &Node) -> Option<f64> {
        let number = match &node.value {
            Value::Number(number) => Some(*number),
            Value::Whole(whole) => Some(*whole as f64),
            Value::Text(text) if text.is_untyped() => text.text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite() && *number >= 0.0);
        if number.is_none() {
            self.expected(key, "a number of 0 or more", &node.found(false));
        }
        number
    }

    #[cfg(any(feature = "redis", feature = "sqlite"))]
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let node = self.node(key)?;
        let flag = match &node.value {
            Value::Flag(flag) => Some(*flag),
            Value::Text(text) if text.is_untyped() => text.text.trim().parse().ok(),
            _ => None,
        };
        if flag.is_none() {
            self.expected(key, "true or false", &node.found(false));
        }
        flag
    }

    /// A time within what anything here may last.
    pub(super) fn time(&mut self, key: &'static str) -> Option<Duration> {
        self.time_if(key, "between 1 µs and 365 days", |time| micros(time).is_some())
    }

    pub(super) fn time_if(&mut self, key: &'static str, range: &str, fits: fn(Duration) -> bool) -> Option<Duration> {
        let node = self.node(key)?;
        let Value::Text(text) = &node.value else {
            self.expected(key, "a time such as \"30s\" or \"1m 30s\"", &node.found(false));
            return None;
        };
        match humantime::parse_duration(text.text.trim()) {
            Ok(time) if fits(time) => Some(time),
            Ok(_) => {
                self.expected(key, &format!("a time {range}"), &text.shown());
                None
            }
            Err(_) => {
                self.expected(key, "a time such as \"30s\" or \"1m 30s\"", &text.shown());
                None
            }
        }
    }

    /// One of several words.
    pub(super) fn choice<T: Copy>(&mut self, key: &'static str, known: &[(&'static str, T)]) -> Option<T> {
        let node = self.node(key)?;
        self.chosen(key, node, known)
    }

    fn chosen<T: Copy>(&self, key: &str, node: &Node, known: &[(&'static str, T)]) -> Option<T> {
        let word = match &node.value {
            Value::Text(text) => Some(text.text.trim()),
            _ => None,
        };
        let chosen = known.iter().find(|(name, _)| Some(*name) == word).map(|(_, chosen)| *chosen);
        if chosen.is_none() {
            let names: Vec<String> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
            self.expected(key, &format!("one of {}", names.join(", ")), &node.found(false));
        }
        chosen
    }

    /// A table in this one.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let node = self.node(key)?;
        Section::at(join(&self.path, key), node, self.log)
    }

    /// A table that says by `kind` what it is about. A word is short for a table with nothing but that.
    pub(super) fn kind<T: Copy>(&mut self, key: &'static str, known: &[(&'static str, T)]) -> Option<(T, Section<'a>)> {
        let node = self.node(key)?;
        match &node.value {
            Value::Text(_) => {
                let section = Section::new(join(&self.path, key), &EMPTY, node.place.as_ref(), self.log);
                self.chosen(key, node, known).map(|kind| (kind, section))
            }
            _ => Section::at(join(&self.path, key), node, self.log)?.by_kind(known),
        }
    }

    /// This section, with what it says that it is about.
    pub(super) fn by_kind<T: Copy>(mut self, known: &[(&'static str, T)]) -> Option<(T, Section<'a>)> {
        let names: Vec<String> = known.iter().map(|(name, _)| format!("`{name}`")).collect();
        let kind = self.choice(KIND, known);
        self.required(KIND, &format!("one of {}", names.join(", ")), kind).map(|kind| (kind, self))
    }

    /// Whole numbers by names that are free.
    pub(super) fn counts(&mut self, key: &'static str) -> Vec<(&'a str, u32)> {
        let Some(section) = self.section(key) else { return Vec::new() };
        let counted = section.table.iter().filter_map(|(name, node)| {
            let whole = section.given(node)?.whole_of(name, node, 0..=u32::MAX.into())?;
            Some((name.as_str(), u32::try_from(whole).ok()?))
        });
        counted.collect()
    }

    /// Numbers above 0 by names that are free.
    pub(super) fn shares(&mut self, key: &'static str) -> Vec<(&'a str, f64)> {
        let Some(section) = self.section(key) else { return Vec::new() };
        let shares = section.table.iter().filter_map(|(name, node)| {
            let share = section.given(node)?.number_of(name, node)?;
            if share > 0.0 {
                return Some((name.as_str(), share));
            }
            section.expected(name, "a number above 0", &node.found(false));
            None
        });
        shares.collect()
    }

    /// Nothing, where a value was complained of before.
    fn given(&self, node: &Node) -> Option<&Self> {
        (!matches!(node.value, Value::Broken)).then_some(self)
    }

    /// Complains of all keys that nobody has asked for.
    pub(super) fn done(&self) {
        for key in self.table.keys().filter(|key| !self.known.contains(&key.as_str())) {
            let hint = did_you_mean(key, self.known.iter().copied());
            self.wrong_at(key, format!("there is no such key here{hint}"));
        }
    }
}
