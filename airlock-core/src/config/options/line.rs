use crate::config::section::Section;
use crate::{Line, OnMissed};

/// How people wait: `line` of an airlock.
pub(super) fn read(airlock: &mut Section<'_>) -> Line {
    let mut line = Line::new();
    let Some(mut section) = airlock.section("line") else { return line };
    if let Some(places) = section.whole("capacity", 0..=u64::MAX) {
        line = line.capacity(places);
    }
    if let Some(places) = section.whole("group_capacity", 0..=u64::MAX) {
        line = line.group_capacity(places);
    }
    if let Some(presence) = section.time("presence") {
        line = line.presence(presence);
    }
    if let Some(window) = section.time("claim_window") {
        line = line.claim_window(window);
    }
    let known = [("drop", OnMissed::Drop), ("requeue", OnMissed::Requeue)];
    if let Some(on_missed) = section.choice("on_missed", &known) {
        line = line.on_missed(on_missed);
    }
    section.done();
    airlock.check(line.checked());
    line
}
