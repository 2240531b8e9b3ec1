//! The invariants of section 4, by brute force from the raw tickets, after every command.

use std::collections::HashMap;

use airlock_core::gate::{Answer, Change, Effects, GroupId, Ledger, Micros, NEVER, Outcome, Pick, Spec, State};
use airlock_core::gate::{Table, Ticket, is_idle};

use crate::cells::Cells;
use crate::ensure;
use crate::model::{Known, before, fair_heads};
use crate::weather::Weather;

/// What was there before the step.
pub struct Past<'a> {
    pub held: u64,
    pub known: &'a [Known],
    /// In force in the step.
    pub weather: Weather,
    /// When the limit in force rises by itself.
    pub rises_at: Option<Micros>,
}

/// Who is next, if that is known, and what it weighs: in a lottery whoever was drawn, or at least the lightest.
fn next_weight(spec: &Spec, drawn: u64, tickets: &[&Ticket]) -> Option<u32> {
    let mut waiting = tickets.iter().filter(|ticket| ticket.state == State::Waiting);
    match spec.pick {
        Pick::Head => waiting.reduce(|a, b| if before(b, a) { b } else { a }).map(|head| head.weight),
        Pick::Uniform { .. } | Pick::Aging { .. } if drawn != 0 => {
            waiting.find(|ticket| ticket.arrival == drawn).map(|ticket| ticket.weight)
        }
        Pick::Uniform { .. } | Pick::Aging { .. } => waiting.next().map(|_| 1),
        _ => None,
    }
}

/// Everything that holds of any gate at any time.
pub fn invariants(
    table: &Table,
    spec: &Spec,
    now: Micros,
    answer: &Answer,
    past: &Past<'_>,
    (known, cells): (&[Known], &Cells),
) -> Result<(), String> {
    let meta = table.meta();
    let tickets: Vec<&Ticket> = table.tickets().map(|(_, ticket)| ticket).collect();
    let count = |state: State| tickets.iter().filter(|ticket| ticket.state == state).count() as u64;
    let held: u64 =
        tickets.iter().filter(|ticket| ticket.state.takes_room()).map(|ticket| u64::from(ticket.weight)).sum();
    let recount = (held, count(State::Waiting), count(State::Offered));
    let counters = (meta.held, meta.waiting, meta.offered);
    ensure!(counters == recount, "(held, waiting, offered) is {recount:?}, counted as {counters:?}");

    let limit = u64::from(meta.override_limit.unwrap_or(spec.limit));
    ensure!(held <= limit || held <= past.held, "{held} inside above the limit of {limit}");
    let in_line = recount.1 + recount.2;
    ensure!(in_line <= spec.line.capacity, "{in_line} in a line of {}", spec.line.capacity);

    // Nobody who may take it waits beside free room (G6).
    let next: Vec<u32> = match spec.pick {
        Pick::Fair => fair_heads(known).iter().map(|head| head.ticket.weight).collect(),
        _ => next_weight(spec, meta.drawn, &tickets).into_iter().collect(),
    };
    let has_room = |weight: u32| held + u64::from(weight) <= limit;
    if !next.is_empty() && !answer.more {
        let free = |weight: &u32| has_room(*weight) && cells.wait(spec.rate, *weight, now) == 0;
        ensure!(!past.weather.serves() || !next.iter().all(free), "free room beside waiters of {next:?}: {tickets:?}");
        let fits = |weight: &u32| limit == 0 || u64::from(*weight) <= limit;
        ensure!(next.iter().any(fits), "too heavy a waiter is next: {next:?} of {limit}");
    }
    let passes = past.weather.bypassed() && !answer.more;
    ensure!(!passes || recount.1 == 0, "somebody waits at a bypassed gate: {tickets:?}");
    ensure!(spec.pick != Pick::Nobody || in_line == 0, "somebody waits where nobody does");

    // What is past its deadline is gone (G1), and the gate knows when it has to look again.
    let earliest = tickets.iter().map(|ticket| ticket.deadline).min().unwrap_or(NEVER);
    ensure!(meta.switch.as_deref() == past.weather.own.as_ref(), "its own switch is {:?}", meta.switch);
    let reopens = meta.switch.as_ref().map_or(NEVER, |switch| switch.until);
    ensure!(meta.soonest <= reopens, "soonest {} is after {reopens}", meta.soonest);
    ensure!(meta.soonest <= earliest, "soonest {} is after {earliest}", meta.soonest);
    ensure!(answer.more || earliest > now, "somebody is past its deadline of {earliest}");
    let when_replenished = Some(cells.replenished_at(now)).filter(|at| *at > 0 && spec.rate.is_some());
    let rate_lets_go = |weight: u32| Some(now + cells.wait(spec.rate, weight, now)).filter(|at| *at > now);
    // One of those who may be next is.
    let by_rate: Vec<Option<Micros>> = match &*next {
        [] => vec![when_replenished.filter(|_| tickets.is_empty())],
        _ => next
            .iter()
            .map(|weight| rate_lets_go(*weight).filter(|_| past.weather.serves() && has_room(*weight)))
            .collect(),
    };
    let serves_at = past.weather.serves_at().filter(|_| recount.1 > 0);
    let rises_at = past.rises_at.filter(|_| recount.1 > 0);
    let next_at = answer.next_at;
    let right = by_rate.iter().any(|at| match answer.more {
        true => next_at == Some(now),
        false => {
            next_at
                == at
                    .iter()
                    .copied()
                    .chain(serves_at)
                    .chain(rises_at)
                    .chain([meta.soonest])
                    .min()
                    .filter(|at| *at < NEVER)
        }
    });
    ensure!(right, "next at {next_at:?}, but soonest is {} or {by_rate:?}, {:?}", meta.soonest, past.weather);
    ensure!(answer.more || next_at.is_none_or(|at| at > now), "the driver would turn in circles");

    let floor = tickets.iter().filter(|ticket| ticket.state.takes_room()).map(|ticket| ticket.fence).min();
    let known = Ledger::floor(table);
    ensure!(known == floor, "floor {known:?} instead of {floor:?}");
    ensure!(tickets.iter().all(|ticket| ticket.arrival <= meta.arrival && ticket.fence <= meta.fence), "{meta:?}");
    let replenished_at = cells.replenished_at(now);
    ensure!(
        meta.replenished_at == replenished_at,
        "replenished at {} instead of {replenished_at}",
        meta.replenished_at
    );
    let idle = tickets.is_empty() && past.weather.own.is_none() && meta.override_limit.is_none() && replenished_at == 0;
    ensure!(is_idle(table) == idle, "is_idle is wrong about {tickets:?}");
    each(&tickets, spec)
}

/// What holds of each ticket by itself, and of two of them.
fn each(tickets: &[&Ticket], spec: &Spec) -> Result<(), String> {
    let mut groups: HashMap<GroupId, u64> = HashMap::new();
    let mut numbers: Vec<(u64, bool)> = Vec::with_capacity(2 * tickets.len());
    for ticket in tickets {
        let inside = ticket.state.takes_room();
        numbers.push((ticket.arrival, false));
        if inside {
            numbers.push((ticket.fence, true));
        }
        let permanent = ticket.deadline >= NEVER;
        let right = match ticket.state {
            State::Waiting => ticket.fence == 0 && ticket.nonce == 0 && ticket.since == 0,
            State::Offered => ticket.fence > 0 && ticket.nonce > 0 && !permanent,
            State::Holding => {
                let longest = ticket.since.saturating_add(spec.max_hold).min(NEVER);
                ticket.fence > 0 && ticket.deadline <= longest && (!permanent || spec.guarded)
            }
            State::Spent => !permanent,
        };
        ensure!(right, "inconsistent: {ticket:?}");
        if spec.pick == Pick::Fair {
            continue;
        }
        match ticket.group {
            Some(group) => *groups.entry(group).or_default() += 1,
            None => continue,
        }
        ensure!(matches!(ticket.state, State::Waiting | State::Offered), "counted in its group: {ticket:?}");
    }
    let all = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    ensure!(numbers.len() == all, "two tickets of one arrival or fence: {tickets:?}");
    let fullest = groups.values().max().copied().unwrap_or(0);
    ensure!(fullest <= spec.line.group_capacity, "{fullest} of one group in line");
    Ok(())
}

/// Groups by name, by id and by their own count are the same groups.
pub fn groups(table: &Table, spec: &Spec, known: &[Known]) -> Result<(), String> {
    let mut ids: HashMap<usize, (GroupId, u64, u64)> = HashMap::new();
    for known in known {
        ensure!(known.group.is_some() == known.ticket.group.is_some(), "grouped: {known:?}");
        let (Some(name), Some(id)) = (known.group, known.ticket.group) else { continue };
        let entry = ids.entry(name).or_insert((id, 0, 0));
        ensure!(entry.0 == id, "one group under two ids: {known:?}");
        match known.ticket.state {
            State::Waiting => entry.1 += 1,
            State::Offered => (entry.1, entry.2) = (entry.1 + 1, entry.2 + u64::from(known.ticket.weight)),
            _ => entry.2 += u64::from(known.ticket.weight),
        }
    }
    for (id, count, in_use) in ids.values() {
        let same = ids.values().filter(|(other, ..)| other == id).count();
        let counted = table.read_group(*id);
        // Only shares have to know what is inside.
        let in_use = if spec.pick == Pick::Fair { *in_use } else { 0 };
        let right = (counted.in_line, counted.in_use) == (*count, in_use);
        ensure!(same == 1 && right, "group {id:?}: {count} in line and {in_use} inside, counted as {counted:?}");
        ensure!(counted.cap == 0 || in_use <= u64::from(counted.cap), "above its cap: {counted:?}");
    }
    Ok(())
}

/// A step does a bounded amount of work in a fixed order: leases, offers, presence; by deadline, then arrival.
pub fn sweep(spec: &Spec, effects: &Effects<u32>, answer: &Answer, work: u64, past: &Past<'_>) -> Result<(), String> {
    use airlock_core::gate::Ending::{Absent, Lapsed, Missed};
    let bound = u64::from(spec.step_bound);
    // Looking somebody up reclaims it besides, when a backlog is left: by token and by identity.
    ensure!(work <= bound + 2, "{work} tickets in one step");
    ensure!(!answer.more || work >= bound, "more to do after {work}");
    ensure!(answer.more || !matches!(answer.outcome, Outcome::Again), "again, but there is no more to do");
    let swept = effects.iter().take(spec.step_bound as usize).map_while(|effect| {
        let place = match effect.change {
            Change::Ended(Lapsed) => 0,
            Change::Ended(Missed) | Change::Requeued => 1,
            Change::Ended(Absent) => 2,
            _ => return None,
        };
        let ticket = past.known.iter().find(|known| known.id == effect.id)?.ticket;
        Some((place, ticket.deadline, ticket.arrival))
    });
    ensure!(swept.is_sorted(), "swept out of order: {effects:?}");
    Ok(())
}
