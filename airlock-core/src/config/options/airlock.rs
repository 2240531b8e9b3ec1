use super::outage::Outage;
use super::{admission, line, outage, seal};
use crate::airlock::Builder;
use crate::config::node::{Node, Value};
use crate::config::section::Section;
use crate::emergency;
use crate::gate::OnReentry;
use crate::name::{self, What};
use crate::notifier::TopicPrefix;
use crate::{Airlock, ConfigError};

/// What an airlock's table may say.
pub(in crate::config) const OPTIONS: [&str; 13] = [
    "seal",
    "admission",
    "line",
    "on_reentry",
    "revision",
    "store",
    "store_timeout",
    "outage",
    "health",
    "notifier",
    "topic_prefix",
    "emergency_file",
    "switch",
];

/// An airlock, but for its store and its notifier.
pub(in crate::config) struct Plan<'a> {
    pub(in crate::config) name: String,
    pub(in crate::config) builder: Builder,
    pub(in crate::config) outage: Option<Outage>,
    /// A name, or a table.
    pub(in crate::config) store: Option<&'a Node>,
    pub(in crate::config) notifier: Option<&'a Node>,
}

pub(in crate::config) fn read<'a>(name: &str, section: &mut Section<'a>) -> Plan<'a> {
    if let Err(error) = name::check(What::Airlock, name) {
        section.wrong(error.to_string());
    }
    let mut builder = Airlock::builder(name);
    if let Some(seal) = seal::read(section) {
        builder = builder.seal(seal);
    }
    builder = admission::read(section, builder).line(line::read(section));
    let known = [("refuse", OnReentry::Refuse), ("share", OnReentry::Share)];
    if let Some(on_reentry) = section.choice("on_reentry", &known) {
        builder = builder.on_reentry(on_reentry);
    }
    if let Some(revision) = section.count("revision", 0) {
        builder = builder.revision(revision);
    }
    if let Some(timeout) = section.time("store_timeout") {
        builder = builder.store_timeout(timeout);
    }
    builder = health(section, builder);
    if let Some(prefix) = section.text("topic_prefix", "a path or a URL") {
        section.check(TopicPrefix::new(prefix));
        builder = builder.topic_prefix(prefix);
    }
    if let Some(path) = section.text("emergency_file", "a path") {
        builder = builder.emergency_file(path);
    }
    if let Some(said) = section.text("switch", "a switch such as `closed` or `closed: We are moving.`") {
        match emergency::setting(said) {
            Ok(setting) => builder = builder.switched(setting),
            Err(wrong) => section.refused(&ConfigError::new("switch", wrong)),
        }
    }
    let outage = outage::read(section);
    let (store, notifier) = (section.node("store"), section.node("notifier"));
    let (store, notifier) = (named(section, "store", store), named(section, "notifier", notifier));
    Plan { name: name.to_owned(), builder, outage, store, notifier }
}

/// What is given by its name, or as a table in place.
fn named<'a>(airlock: &Section<'a>, key: &str, node: Option<&'a Node>) -> Option<&'a Node> {
    let fits = node?;
    if matches!(fits.value, Value::Text(_) | Value::Table(_)) {
        return node;
    }
    airlock.wrong_at(key, format!("expected a name or a table, found {}", fits.found(true)));
    None
}

fn health(airlock: &mut Section<'_>, builder: Builder) -> Builder {
    let Some(mut section) = airlock.section("health") else { return builder };
    let (threshold, counts_for) = (section.number("threshold"), section.time("counts_for"));
    if threshold.is_some_and(|threshold| threshold > 1.0) {
        section.wrong_at("threshold", "expected a number from 0 to 1");
    }
    section.done();
    let (usual, usually) = Builder::HEALTH;
    builder.health(threshold.unwrap_or(usual), counts_for.unwrap_or(usually))
}
