use std::sync::Arc;

use crate::config::section::Section;
use crate::notifier::{Notifier, NullNotifier};

#[derive(Clone, Copy)]
enum Kind {
    Null,
    Mercure,
}

const KINDS: [(&str, Kind); 2] = [("null", Kind::Null), ("mercure", Kind::Mercure)];

/// A notifier's own table.
pub(in crate::config) fn read(notifier: Section<'_>) -> Option<Arc<dyn Notifier>> {
    let (kind, mut section) = notifier.by_kind(&KINDS)?;
    let notifier = match kind {
        Kind::Null => Some(null()),
        Kind::Mercure if cfg!(feature = "mercure") => mercure(&mut section),
        Kind::Mercure => {
            section.wrong_at("kind", "this program is built without the feature `mercure`");
            return None;
        }
    };
    section.done();
    notifier
}

/// One that tells nobody.
pub(in crate::config) fn null() -> Arc<dyn Notifier> {
    Arc::new(NullNotifier)
}

#[cfg(feature = "mercure")]
fn mercure(section: &mut Section<'_>) -> Option<Arc<dyn Notifier>> {
    use crate::notifier::MercureNotifier;

    let example = "the hub's URL, such as https://hub.example/.well-known/mercure";
    let hub = section.secret("hub", example);
    let hub = section.required("hub", example, hub);
    let secret = "a key of 32 bytes or more, as `${VARIABLE}` rather than in the file";
    let key = section.secret("key", secret);
    let key = section.required("key", secret, key);
    let subscriber_key = section.secret("subscriber_key", secret);
    let keys = [("key", key), ("subscriber_key", subscriber_key)];
    for (name, key) in keys.into_iter().filter_map(|(name, key)| Some((name, key?))) {
        section.check(MercureNotifier::check_key(name, key));
    }
    section.check(hub.map_or(Ok(()), MercureNotifier::check_hub));
    let mercure = MercureNotifier::new(hub?, key?).ok()?;
    match subscriber_key {
        Some(key) => mercure.subscriber_key(key).ok().map(|mercure| Arc::new(mercure) as _),
        None => Some(Arc::new(mercure)),
    }
}

#[cfg(not(feature = "mercure"))]
fn mercure(_: &mut Section<'_>) -> Option<Arc<dyn Notifier>> {
    None
}
