use super::{Opened, Opening, path, re_ask};
use crate::config::section::Section;
use crate::store::SqliteStore;

pub(super) fn opening(section: &mut Section<'_>) -> Option<Opening> {
    let mut builder = SqliteStore::builder();
    if let Some(prefix) = section.text("table_prefix", "a text") {
        builder = builder.table_prefix(prefix);
    }
    if let Some(timeout) = section.time("busy_timeout") {
        builder = builder.busy_timeout(timeout);
    }
    if let Some(power_safe) = section.flag("power_safe") {
        builder = builder.power_safe(power_safe);
    }
    if let Some(interval) = re_ask(section) {
        builder = builder.re_ask(interval);
    }
    section.check(builder.check());
    let path = path(section)?;
    Some(Box::pin(async move { Ok(Opened::new(builder.open(path)?)) }))
}
