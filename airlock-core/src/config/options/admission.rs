use crate::Builder;
use crate::admission::{Admission, AgingLottery, FairShare, Fifo, Lottery, Opportunistic, Priority};
use crate::config::section::Section;
use crate::error::ConfigError;
use crate::name::{self, What};

#[derive(Clone, Copy)]
enum Kind {
    Fifo,
    Priority,
    FairShare,
    Lottery,
    AgingLottery,
    Opportunistic,
}

const KINDS: [(&str, Kind); 6] = [
    ("fifo", Kind::Fifo),
    ("priority", Kind::Priority),
    ("fair-share", Kind::FairShare),
    ("lottery", Kind::Lottery),
    ("aging-lottery", Kind::AgingLottery),
    ("opportunistic", Kind::Opportunistic),
];

/// Who goes next: `admission` of an airlock.
pub(super) fn read(airlock: &mut Section<'_>, builder: Builder) -> Builder {
    let Some((kind, mut section)) = airlock.kind("admission", &KINDS) else { return builder };
    let builder = match kind {
        Kind::Fifo => builder.admission(Fifo::new()),
        Kind::Opportunistic => builder.admission(Opportunistic::new()),
        Kind::Priority => checked(airlock, builder, priority(&mut section)),
        Kind::FairShare => checked(airlock, builder, fair_share(&mut section)),
        Kind::Lottery => checked(airlock, builder, lottery(&mut section)),
        Kind::AgingLottery => match aging_lottery(&mut section) {
            Some(lottery) => checked(airlock, builder, lottery),
            None => builder,
        },
    };
    section.done();
    builder
}

fn checked(airlock: &Section<'_>, builder: Builder, admission: impl Admission) -> Builder {
    airlock.check(admission.check());
    airlock.check(admission.pick().check().map_err(|problem| ConfigError::new("admission", problem)));
    builder.admission(admission)
}

fn priority(section: &mut Section<'_>) -> Priority {
    section.number("aging").map_or(Priority::new(), |aging| Priority::new().aging(aging))
}

fn lottery(section: &mut Section<'_>) -> Lottery {
    section.time("overdue").map_or(Lottery::new(), |after| Lottery::new().overdue(after))
}

fn aging_lottery(section: &mut Section<'_>) -> Option<AgingLottery> {
    let read = ["base", "per_second", "max"].map(|key| {
        let number = section.number(key);
        section.required(key, "a number", number)
    });
    let [base, per_second, max] = read;
    Some(AgingLottery::new(base?, per_second?, max?))
}

fn fair_share(section: &mut Section<'_>) -> FairShare {
    let (shares, caps) = (section.shares("shares"), section.counts("caps"));
    for (group, key) in shares.iter().map(|(group, _)| (group, "shares")).chain(caps.iter().map(|(g, _)| (g, "caps"))) {
        if let Err(error) = name::check(What::Group, group) {
            section.wrong_at(key, error.to_string());
        }
    }
    let mut fair = FairShare::new();
    for (group, share) in shares {
        fair = fair.share(group, share);
    }
    for (group, cap) in caps {
        fair = fair.cap(group, cap);
    }
    section.count("cap_each", 0).map_or(fair.clone(), |cap| fair.cap_each(cap))
}
