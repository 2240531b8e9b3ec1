use super::{Opened, Opening, path};
use crate::config::section::Section;
use crate::store::FileStore;

pub(super) fn opening(section: &mut Section<'_>) -> Option<Opening> {
    let (every, age) = (section.time("clean_every"), section.time("clean_older_than"));
    if age.is_some() && !section.table.contains_key("clean_every") {
        section.wrong_at("clean_older_than", "nothing is cleaned up without `clean_every` beside it");
    }
    let path = path(section)?;
    Some(Box::pin(async move {
        let store = FileStore::open(path)?;
        let cleaner = age.map_or(store.cleaner(), |age| store.cleaner().older_than(age));
        let cleaning = every.map(|every| cleaner.every(every)).transpose()?;
        Ok(Opened { kept: cleaning.map(|cleaning| Box::new(cleaning) as _), ..Opened::new(store) })
    }))
}
