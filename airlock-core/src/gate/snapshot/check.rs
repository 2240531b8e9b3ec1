//! Whether a snapshot is of a gate that could be.
//!
//! A step relies on all of this: it subtracts what a ticket adds up to from what was counted, and looks for whom an
//! index names. Each check says which part of that it is.

use std::collections::HashSet;

use super::{Entry, Named, Snapshot};
use crate::gate::meta::PACE_MOST;
use crate::gate::{Group, Meta, Micros, NEVER, State};

/// The highest last arrival and fence: there is room for as many more as anybody can ask for.
const LAST: u64 = NEVER - (1 << 40);

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}

/// The smallest share, and the highest tag: below and above, turns come near to the end of what a double can hold.
const LEAST_SHARE: f64 = 1e-100;
const MOST: f64 = 1e300;

/// All numbers are, and stay so.
pub(super) fn finite(snapshot: &Snapshot) -> Result<(), String> {
    let Snapshot { meta, groups, tickets, .. } = snapshot;
    let of_groups = groups.iter().flat_map(|Named { group, .. }| [group.start, group.finish, group.tag]);
    let tags = of_groups.chain([meta.virtual_time, meta.pace]).all(|tag| (0.0..=MOST).contains(&tag));
    ensure!(tags, "a pace or a turn below zero or beyond {MOST:e}");
    let is_share = |share: f64| share == 0.0 || (LEAST_SHARE..=f64::MAX).contains(&share);
    ensure!(
        groups.iter().all(|Named { group, .. }| is_share(group.share)),
        "a share that is not at least {LEAST_SHARE:e}"
    );
    let scores = tickets.iter().flat_map(|entry| [entry.score, entry.per_second]).all(f64::is_finite);
    ensure!(scores, "a score that is not finite");
    Ok(())
}

/// Under `fair` shares or not.
pub(super) fn possible(snapshot: &Snapshot, fair: bool) -> Result<(), String> {
    finite(snapshot)?;
    agreed(snapshot)?;
    for entry in &snapshot.tickets {
        ticket(entry, &snapshot.meta).map_err(|problem| format!("{problem}, of arrival {}", entry.arrival))?;
        let waits = matches!(entry.state, State::Waiting | State::Offered);
        let lane = entry.group.filter(|_| waits && fair).map(|group| group.0.saturating_add(1));
        ensure!(!waits || lane.unwrap_or(0) == entry.lane, "a line that was formed by another strategy");
        ensure!(!waits || !fair || entry.group.is_some(), "somebody waits for the turn of no group");
        let known = entry.group.is_none_or(|group| (group.0 as usize) < snapshot.groups.len());
        ensure!(known, "a ticket of a group that is not there");
    }
    unique(snapshot)?;
    counts(snapshot)?;
    groups(snapshot)
}

fn is_time(time: Micros) -> bool {
    time <= NEVER
}

fn ticket(entry: &Entry, meta: &Meta) -> Result<(), String> {
    let Entry { arrival, fence, deadline, since, present_until, nonce, .. } = *entry;
    let times = [arrival, fence, deadline, since, present_until, nonce].into_iter().all(is_time);
    ensure!(times, "a ticket with a number beyond all times");
    ensure!((1..=meta.arrival).contains(&arrival), "a ticket that came after the last");
    ensure!(fence <= meta.fence, "a ticket with a fence after the last");
    match entry.state {
        State::Waiting => {
            ensure!(fence == 0 && since == 0 && nonce == 0, "somebody waits who was let in");
        }
        State::Offered => ensure!(fence > 0 && nonce > 0, "an offer that nobody can take"),
        State::Holding => ensure!(fence > 0, "somebody is inside without a fence"),
        State::Spent => {
            let nothing = entry.identity.is_none() && entry.group.is_none();
            ensure!(nothing, "a spent token of somebody who is still there");
        }
    }
    Ok(())
}

fn unique(snapshot: &Snapshot) -> Result<(), String> {
    let tickets = &snapshot.tickets;
    let (mut tokens, mut identities) = (HashSet::new(), HashSet::new());
    let (mut arrivals, mut fences, mut names) = (HashSet::new(), HashSet::new(), HashSet::new());
    for entry in tickets {
        ensure!(arrivals.insert(entry.arrival), "two tickets that came at once");
        ensure!(entry.token.is_none_or(|token| tokens.insert(token)), "a token that is there twice");
        let identity = entry.identity.as_deref();
        ensure!(identity.is_none_or(|identity| identities.insert(identity)), "an identity that is there twice");
        ensure!(!entry.state.takes_room() || fences.insert(entry.fence), "a fence that was given twice");
    }
    for group in &snapshot.groups {
        ensure!(names.insert(&*group.name), "a group that is there twice");
    }
    Ok(())
}

fn counts(snapshot: &Snapshot) -> Result<(), String> {
    let Snapshot { meta, tickets, .. } = snapshot;
    let Meta { arrival, fence, replenished_at, moved_at, soonest, drawn, .. } = *meta;
    let times = [replenished_at, moved_at, soonest].into_iter().all(is_time);
    ensure!(times && arrival.max(fence) <= LAST, "a number of the gate that is beyond all times");
    let count = |state: State| tickets.iter().filter(|entry| entry.state == state).count() as u64;
    let (waiting, offered) = (count(State::Waiting), count(State::Offered));
    let held: u64 = tickets.iter().filter(|entry| entry.state.takes_room()).map(|entry| u64::from(entry.weight)).sum();
    let counted = (meta.waiting, meta.offered, meta.held);
    ensure!(
        counted == (waiting, offered, held),
        "{counted:?} are counted to wait, to be offered a place and to be held, and ({waiting}, {offered}, {held}) are"
    );
    let reopens = meta.switch.as_ref().map_or(NEVER, |switch| switch.until);
    ensure!(is_time(reopens), "a switch beyond all times");
    let earliest = tickets.iter().map(|entry| entry.deadline).min().unwrap_or(NEVER).min(reopens);
    ensure!(soonest <= earliest, "a deadline that nobody expects");
    let waits = |entry: &Entry| entry.state == State::Waiting && entry.arrival == drawn;
    ensure!(drawn == 0 || tickets.iter().any(waits), "somebody was drawn who does not wait");
    ensure!(meta.pace_samples <= PACE_MOST, "a pace that nobody can have measured");
    Ok(())
}

/// What a group's entrants come to.
#[derive(Clone, Copy, Default)]
struct Sum {
    in_line: u64,
    in_use: u64,
    /// Arrival and weight of the first who waits for its turn.
    head: Option<(Order, u32)>,
}

/// Order key and arrival.
type Order = (u64, u64);

fn groups(snapshot: &Snapshot) -> Result<(), String> {
    let mut sums = vec![Sum::default(); snapshot.groups.len()];
    for entry in &snapshot.tickets {
        let Some(sum) = entry.group.and_then(|group| sums.get_mut(group.0 as usize)) else { continue };
        let weight = u64::from(entry.weight);
        match entry.state {
            State::Waiting | State::Offered => sum.in_line += 1,
            State::Holding | State::Spent => {}
        }
        // An offer counts in its group only under fair shares, where it has a lane.
        let counts = entry.state == State::Holding || entry.state == State::Offered && entry.lane != 0;
        sum.in_use += if counts { weight } else { 0 };
        if entry.state == State::Waiting && entry.lane != 0 {
            let order = (super::super::sortable(entry.ticket().order()), entry.arrival);
            let first = sum.head.is_none_or(|(head, _)| order < head);
            sum.head = if first { Some((order, entry.weight)) } else { sum.head };
        }
    }
    for (Named { group, .. }, sum) in snapshot.groups.iter().zip(&sums) {
        group_is(group, sum)?;
    }
    let lanes = sums.iter().filter(|sum| sum.head.is_some()).count() as u64;
    ensure!(snapshot.meta.lanes == lanes, "{} groups are counted to wait, and {lanes} do", snapshot.meta.lanes);
    Ok(())
}

fn group_is(group: &Group, sum: &Sum) -> Result<(), String> {
    ensure!(!group.is_empty(), "a group that nothing is known of");
    let counted = (group.in_line, group.in_use);
    let is = (sum.in_line, sum.in_use);
    ensure!(counted == is, "{counted:?} of a group are counted in line and inside, and {is:?} are");
    let head = sum.head.map_or(0, |((_, arrival), _)| arrival);
    ensure!(group.head == head, "a group's head that does not wait first");
    let may_go = sum.head.is_some_and(|(_, weight)| {
        group.cap == 0 || group.in_use.saturating_add(u64::from(weight)) <= u64::from(group.cap)
    });
    ensure!(group.listed == may_go, "a group that is at its cap and may go, or is not and may not");
    ensure!(head == 0 || group.share > 0.0, "a group that waits for no share");
    Ok(())
}

fn agreed(snapshot: &Snapshot) -> Result<(), String> {
    let Some(agreed) = &snapshot.agreed else { return Ok(()) };
    let times = is_time(agreed.low.until) && agreed.high.is_none_or(|high| is_time(high.until));
    ensure!(times && agreed.revision <= NEVER, "nodes that are agreed beyond all times");
    ensure!(
        agreed.high.is_none_or(|high| high.limit > agreed.low.limit),
        "nodes that agree on a lower limit than the lowest"
    );
    agreed.pick.check()
}
