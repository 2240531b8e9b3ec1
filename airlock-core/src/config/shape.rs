//! What a whole configuration says: one airlock or a map of many, and what they share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::node::{Node, Table, Text, Value, join};
use super::options::airlock::{self, OPTIONS};
use super::options::{notifier, store};
use super::problem::Log;
use super::section::Section;
use super::suggest::did_you_mean;
use crate::notifier::Notifier;
use crate::store::Store;

/// What the airlock is called where there is one.
pub(super) const NAME: &str = "name";
const STORES: &str = "stores";
const NOTIFIERS: &str = "notifiers";
/// What is shared by name.
pub(super) const SECTIONS: [&str; 2] = [STORES, NOTIFIERS];

/// How many airlocks there may be.
const MOST_AIRLOCKS: usize = 1000;
/// How many stores, and how many notifiers, may have names.
const MOST_SHARED: usize = 100;

/// Whether it is one airlock and not a map of them.
pub(super) fn is_one(root: &Table) -> bool {
    root.contains_key("seal") || root.get(NAME).is_some_and(|name| name.table().is_none())
}

/// What the program itself gives names.
#[derive(Default)]
pub(super) struct Given {
    pub(super) stores: BTreeMap<String, Arc<dyn Store>>,
    pub(super) notifiers: BTreeMap<String, Arc<dyn Notifier>>,
}

/// All that is to be built, if nothing is wrong.
pub(super) struct Shape<'a> {
    pub(super) airlocks: Vec<Described<'a>>,
    pub(super) stores: Vec<Opening<'a>>,
}

pub(super) struct Described<'a> {
    pub(super) section: Section<'a>,
    pub(super) plan: airlock::Plan<'a>,
    pub(super) home: Home,
}

/// Where an airlock's gates are.
pub(super) enum Home {
    /// In a memory store of its own.
    Memory,
    /// In one that the program gave.
    Given(Arc<dyn Store>),
    /// In one of those that are opened.
    Opened(usize),
    /// Nowhere, and that has been said.
    Nowhere,
}

/// A store that is described, and opened if somebody uses it.
pub(super) struct Opening<'a> {
    pub(super) path: String,
    pub(super) node: &'a Node,
    pub(super) plan: Option<store::Plan>,
    pub(super) is_used: bool,
}

/// Reads all of it. What is wrong is written down; the shape is good for nothing then.
pub(super) fn read<'a>(root: &'a Node, given: &Given, log: &'a Log) -> Shape<'a> {
    // What is no table was refused when it was read.
    let Some(table) = root.table() else { return Shape { airlocks: Vec::new(), stores: Vec::new() } };
    let (mut stores, notifiers) = (Stores::read(table, given, log), Notifiers::read(table, given, log));
    let read = airlocks(table, log).into_iter().map(|(name, mut section)| {
        let mut plan = airlock::read(&name, &mut section);
        if let Some(notifier) = plan.notifier.and_then(|node| notifiers.of(&section, node)) {
            plan.builder = plan.builder.notifier(notifier);
        }
        let home = plan.store.map_or(Home::Memory, |node| stores.of(&section, node));
        if plan.outage.is_some() && stores.is_memory(&home) {
            section.wrong_at("outage", "its store is this process's memory, which is never away");
        }
        section.done();
        Described { section, plan, home }
    });
    let airlocks = read.collect();
    Shape { airlocks, stores: stores.described }
}

/// The airlocks, by their names, each asked for nothing yet.
fn airlocks<'a>(root: &'a Table, log: &'a Log) -> Vec<(String, Section<'a>)> {
    if is_one(root) {
        let mut section = Section::new(String::new(), root, None, log);
        for key in SECTIONS {
            section.node(key);
        }
        let name = section.text(NAME, "a text");
        let name = section.required(NAME, "what the airlock is called", name).unwrap_or("unnamed").to_owned();
        return vec![(name, section)];
    }
    let named: Vec<_> = root.iter().filter(|(key, _)| !SECTIONS.contains(&key.as_str())).collect();
    if named.is_empty() {
        log.add(None, "", "there is no airlock; a table such as [imports] with a `seal` is one");
    }
    if named.len() > MOST_AIRLOCKS {
        log.add(None, "", format!("there are {} airlocks; at most {MOST_AIRLOCKS} are allowed", named.len()));
        return Vec::new();
    }
    let sections = named.into_iter().filter_map(|(name, node)| {
        if OPTIONS.contains(&name.as_str()) {
            let what = "this is an option of an airlock, and here are airlocks by their names: put it into one of them";
            log.add(node.place.as_ref(), join("", name), what);
            return None;
        }
        Some((name.clone(), Section::at(join("", name), node, log)?))
    });
    sections.collect()
}

/// The tables of one of the sections whose names are free, unless the program has given the name already.
fn shared<'a>(root: &'a Table, kind: &str, given: impl Fn(&str) -> bool, log: &'a Log) -> Vec<(&'a str, Section<'a>)> {
    let Some(section) = root.get(kind).and_then(|node| Section::at(kind.to_owned(), node, log)) else {
        return Vec::new();
    };
    if section.table.len() > MOST_SHARED {
        section.wrong(format!("there are {} of them; at most {MOST_SHARED} are allowed", section.table.len()));
        return Vec::new();
    }
    let tables = section.table.iter().filter_map(|(name, node)| {
        if given(name) {
            section.wrong_at(name, "the program has one of this name of its own");
        }
        Some((name.as_str(), Section::at(join(kind, name), node, log)?))
    });
    tables.collect()
}

struct Stores<'a, 'g> {
    described: Vec<Opening<'a>>,
    /// Which of them have names.
    named: BTreeMap<&'a str, usize>,
    given: &'g BTreeMap<String, Arc<dyn Store>>,
    log: &'a Log,
}

impl<'a, 'g> Stores<'a, 'g> {
    fn read(root: &'a Table, given: &'g Given, log: &'a Log) -> Self {
        let mut stores = Stores { described: Vec::new(), named: BTreeMap::new(), given: &given.stores, log };
        let nodes = root.get(STORES).and_then(Node::table);
        for (name, section) in shared(root, STORES, |name| given.stores.contains_key(name), log) {
            if let Some(node) = nodes.and_then(|nodes| nodes.get(name)) {
                stores.named.insert(name, stores.described.len());
                stores.add(section.path.clone(), node, section);
            }
        }
        stores
    }

    fn add(&mut self, path: String, node: &'a Node, section: Section<'a>) {
        self.described.push(Opening { path, node, plan: store::read(section), is_used: false });
    }

    /// The store that an airlock names, or describes in place.
    fn of(&mut self, airlock: &Section<'a>, node: &'a Node) -> Home {
        match &node.value {
            Value::Text(text) => self.named(airlock, text),
            Value::Table(_) => {
                let path = join(&airlock.path, "store");
                if let Some(section) = Section::at(path.clone(), node, self.log) {
                    self.add(path, node, section);
                }
                self.used(self.described.len() - 1)
            }
            _ => Home::Nowhere,
        }
    }

    fn named(&mut self, airlock: &Section<'a>, name: &Text) -> Home {
        if let Some(store) = self.given.get(&name.text) {
            return Home::Given(store.clone());
        }
        match self.named.get(name.text.as_str()) {
            Some(index) => self.used(*index),
            // A word for a store that needs nothing else.
            None if name.text == "memory" => Home::Memory,
            None => {
                let known = self.named.keys().copied().chain(self.given.keys().map(String::as_str)).chain(["memory"]);
                airlock.wrong_at("store", unnamed("store", name, known));
                Home::Nowhere
            }
        }
    }

    fn used(&mut self, index: usize) -> Home {
        self.described[index].is_used = true;
        Home::Opened(index)
    }

    fn is_memory(&self, home: &Home) -> bool {
        match home {
            Home::Memory => true,
            Home::Opened(index) => {
                self.described[*index].plan.as_ref().is_some_and(|plan| plan.kind == store::Kind::Memory)
            }
            Home::Given(_) | Home::Nowhere => false,
        }
    }
}

struct Notifiers<'a, 'g> {
    /// None for those that were complained of.
    named: BTreeMap<&'a str, Option<Arc<dyn Notifier>>>,
    given: &'g BTreeMap<String, Arc<dyn Notifier>>,
    log: &'a Log,
}

impl<'a, 'g> Notifiers<'a, 'g> {
    fn read(root: &'a Table, given: &'g Given, log: &'a Log) -> Self {
        let described = shared(root, NOTIFIERS, |name| given.notifiers.contains_key(name), log);
        let named = described.into_iter().map(|(name, section)| (name, notifier::read(section))).collect();
        Notifiers { named, given: &given.notifiers, log }
    }

    /// The notifier that an airlock names, or describes in place.
    fn of(&self, airlock: &Section<'a>, node: &'a Node) -> Option<Arc<dyn Notifier>> {
        let text = match &node.value {
            Value::Text(text) => text,
            _ => return notifier::read(Section::at(join(&airlock.path, "notifier"), node, self.log)?),
        };
        if let Some(notifier) = self.given.get(&text.text) {
            return Some(notifier.clone());
        }
        match self.named.get(text.text.as_str()) {
            Some(notifier) => notifier.clone(),
            // A word for one that needs nothing else.
            None if text.text == "null" => Some(notifier::null()),
            None => {
                let known = self.named.keys().copied().chain(self.given.keys().map(String::as_str)).chain(["null"]);
                airlock.wrong_at("notifier", unnamed("notifier", text, known));
                None
            }
        }
    }
}

fn unnamed<'n>(what: &str, name: &Text, known: impl Iterator<Item = &'n str>) -> String {
    let hint = did_you_mean(&name.text, known);
    format!("there is no {what} {}{hint}", name.shown())
}
