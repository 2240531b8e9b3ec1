use crate::config::section::Section;
use crate::{Rate, Seal};

#[derive(Clone, Copy)]
enum Kind {
    Lock,
    Semaphore,
    Rate,
    Cooldown,
}

const KINDS: [(&str, Kind); 4] =
    [("lock", Kind::Lock), ("semaphore", Kind::Semaphore), ("rate", Kind::Rate), ("cooldown", Kind::Cooldown)];

/// How capacity is enforced: `seal` of an airlock.
pub(super) fn read(airlock: &mut Section<'_>) -> Option<Seal> {
    let read = airlock.kind("seal", &KINDS);
    let example = "say how many may be inside, such as { kind = \"semaphore\", limit = 10 }";
    let (kind, mut seal) = airlock.required("seal", example, read)?;
    let read = match kind {
        Kind::Lock => leased(&mut seal, Seal::lock()),
        Kind::Semaphore => {
            let limit = seal.count("limit", 0);
            let limit = seal.required("limit", "how many may be inside", limit);
            // What else is wrong is said all the same.
            let read = leased(&mut seal, Seal::semaphore(limit.unwrap_or_default()));
            limit.and(read)
        }
        Kind::Rate => rate(&mut seal).map(Seal::rate),
        Kind::Cooldown => {
            let every = seal.time("every");
            seal.required("every", "how long until the next", every).map(Seal::cooldown)
        }
    };
    seal.done();
    let read = read?;
    airlock.check(read.checked_rate());
    Some(read)
}

/// What only seals have that hold something.
fn leased(section: &mut Section<'_>, mut seal: Seal) -> Option<Seal> {
    if let Some(ttl) = section.time("ttl") {
        seal = seal.ttl(ttl);
    }
    if let Some(max_hold) = section.time("max_hold") {
        seal = seal.max_hold(max_hold);
    }
    if let Some(mut besides) = section.section("rate") {
        let rate = rate(&mut besides);
        besides.done();
        seal = seal.with_rate(rate?);
    }
    Some(seal)
}

fn rate(section: &mut Section<'_>) -> Option<Rate> {
    let (count, per, burst) = (section.count("count", 1), section.time("per"), section.count("burst", 1));
    let count = section.required("count", "how many", count);
    let per = section.required("per", "in what time", per);
    let rate = Rate::new(count?, per?);
    Some(burst.map_or(rate, |burst| rate.burst(burst)))
}
