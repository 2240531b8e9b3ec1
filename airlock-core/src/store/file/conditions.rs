//! What holds for all gates of an airlock, as a file of its own (G19, G20).

use serde::{Deserialize, Serialize};

use crate::gate::{self, BlobError, Conditions, NEVER};

/// What its first line begins with.
const MAGIC: &str = "airlock-conditions ";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Airlock<A, C> {
    airlock: A,
    conditions: C,
}

pub(super) fn written(airlock: &str, conditions: &Conditions) -> Result<Vec<u8>, BlobError> {
    gate::seal(MAGIC, &Airlock { airlock, conditions })
}

/// The name of an airlock, and what holds for it.
pub(super) fn parsed(blob: &[u8]) -> Result<(String, Conditions), BlobError> {
    let Airlock { airlock, conditions } = gate::open(MAGIC, blob)?;
    let Conditions { switch, unwell_until, .. } = &conditions;
    if switch.until.max(*unwell_until) > NEVER {
        return Err(BlobError::corrupt("a setting beyond all times"));
    }
    Ok((airlock, conditions))
}
