//! Names, units and descriptions, as recorders get to know them.

use metrics::Unit;

pub(super) const ADMITTED: &str = "airlock_admitted_total";
pub(super) const QUEUED: &str = "airlock_queued_total";
pub(super) const OFFERS: &str = "airlock_offers_total";
pub(super) const REQUEUED: &str = "airlock_requeued_total";
pub(super) const REFUSED: &str = "airlock_refused_total";
pub(super) const ENDED: &str = "airlock_ended_total";
pub(super) const WOKEN: &str = "airlock_woken_total";
pub(super) const STORE_FAILURES: &str = "airlock_store_failures_total";
pub(super) const UNAVAILABLE: &str = "airlock_unavailable_total";
pub(super) const ADMITTED_UNASKED: &str = "airlock_admitted_unasked_total";
pub(super) const EMERGENCY_REFUSED: &str = "airlock_emergency_refused_total";
pub(super) const TIMED_OUT: &str = "airlock_timed_out_total";
pub(super) const LOST: &str = "airlock_lost_total";
pub(super) const FAILOVERS: &str = "airlock_failovers_total";
pub(super) const WOULD_REFUSE: &str = "airlock_would_refuse_total";
pub(super) const SHED: &str = "airlock_shed_total";

pub(super) const HELD: &str = "airlock_held";
pub(super) const WAITING: &str = "airlock_waiting";
pub(super) const OFFERED: &str = "airlock_offered";
pub(super) const RESOURCES: &str = "airlock_resources";
pub(super) const LIMIT: &str = "airlock_limit";
pub(super) const CAPACITY: &str = "airlock_capacity";
pub(super) const SWITCH: &str = "airlock_switch";
pub(super) const BREAKERS: &str = "airlock_breakers";

pub(super) const WAIT: &str = "airlock_wait_seconds";
pub(super) const HOLD: &str = "airlock_hold_seconds";
pub(super) const STORE: &str = "airlock_store_seconds";

const COUNTERS: [(&str, &str); 16] = [
    (ADMITTED, "Who was let in."),
    (QUEUED, "Who joined the line."),
    (OFFERS, "Places held for somebody who is away."),
    (REQUEUED, "Who missed an offer and is at the back of the line."),
    (REFUSED, "Who was neither let in nor in line, by reason."),
    (ENDED, "How places, offers and leases ended."),
    (WOKEN, "Waiting futures that came to be inside: told by push, or found out by asking."),
    (STORE_FAILURES, "Calls of the store that failed."),
    (UNAVAILABLE, "Questions to which the store had no answer."),
    (ADMITTED_UNASKED, "Permits without anybody having been asked."),
    (EMERGENCY_REFUSED, "Who was refused by an emergency switch without the store."),
    (TIMED_OUT, "Waits that ended because the caller's time was over."),
    (LOST, "Permits that were lost while somebody held them."),
    (FAILOVERS, "Breakers that opened (over) and closed (back)."),
    (WOULD_REFUSE, "Requests let pass in shadow mode that would have been refused, by reason."),
    (SHED, "Requests refused because the node is overloaded."),
];

const GAUGES: [(&str, &str); 8] = [
    (HELD, "Weight inside at all resources, offers included."),
    (WAITING, "Tickets in line at all resources."),
    (OFFERED, "Tickets offered a place and not claimed."),
    (RESOURCES, "Resources in use."),
    (LIMIT, "The configured limit of one resource."),
    (CAPACITY, "Limits in force at the resources in use."),
    (SWITCH, "1 for the state of the airlock's switch."),
    (BREAKERS, "Resources whose breaker is open or half open."),
];

const HISTOGRAMS: [(&str, &str); 3] = [
    (WAIT, "How long those who were let in had been in line."),
    (HOLD, "How long they were inside."),
    (STORE, "How long one call of the store took."),
];

/// A recorder may have been installed since the last time.
pub(super) fn describe() {
    for (name, text) in COUNTERS {
        metrics::describe_counter!(name, Unit::Count, text);
    }
    for (name, text) in GAUGES {
        metrics::describe_gauge!(name, Unit::Count, text);
    }
    for (name, text) in HISTOGRAMS {
        metrics::describe_histogram!(name, Unit::Seconds, text);
    }
}
