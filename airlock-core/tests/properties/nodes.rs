//! Nodes that share a gate and are configured otherwise (G18), written from the rule and apart from the gate.

use airlock_core::gate::{Micros, Pick, Spec};

use crate::random::Random;

/// With what all nodes have asked since the gate was made.
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    asked: Vec<Asked>,
    /// The strategy of those who wait.
    pick: Option<Pick>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    revision: u64,
    limit: u32,
    until: Micros,
}

impl Nodes {
    /// A node with this configuration asks: answers the one in force.
    pub fn ask(&mut self, spec: &Spec, now: Micros, in_line: u64) -> Spec {
        if spec.shared.is_none() {
            return spec.clone();
        }
        self.asked.push(Asked { revision: spec.revision, limit: spec.limit, until: now + spec.ttl });
        let newest = self.asked.iter().map(|asked| asked.revision).max().unwrap_or(0);
        self.asked.retain(|asked| asked.revision == newest);
        let live = self.asked.iter().filter(|asked| asked.until > now).map(|asked| asked.limit).min();
        // When all have been quiet for long, the last word counts.
        let limit = live.or(self.asked.last().map(|asked| asked.limit)).unwrap_or(spec.limit);
        if in_line == 0 {
            self.pick = Some(spec.pick);
        }
        Spec { limit, pick: self.pick.unwrap_or(spec.pick), ..spec.clone() }
    }

    /// When the limit rises by itself: once the lowest was not asked with for long enough.
    pub fn rises_at(&self, limit: u32) -> Option<Micros> {
        let last = self.asked.iter().rposition(|asked| asked.limit == limit)?;
        let higher = self.asked[last..].iter().any(|asked| asked.limit > limit);
        higher.then_some(self.asked[last].until)
    }
}

/// The configurations of the nodes of a world: one, or a few that differ.
pub fn configure(random: &mut Random, spec: &Spec) -> Vec<Spec> {
    let mut nodes = vec![spec.clone()];
    if spec.shared.is_none() || !spec.leased {
        return nodes;
    }
    // Two limits of a revision, for which the gate is exact; of three it is careful.
    for revision in [spec.revision, spec.revision + 1] {
        if random.one_in(2) {
            let limit = random.below(7) as u32;
            let other = random.of(&[Pick::Head, Pick::Uniform { overdue: None }, Pick::Nobody]);
            let pick = if spec.pick != Pick::Fair && random.one_in(2) { other } else { spec.pick };
            nodes.push(Spec { limit, pick, revision, ..spec.clone() });
        }
    }
    nodes
}
