//! Groups: their part of the line, and fair shares between them.
//!
//! Self-clocked fair queueing (Golestani, "A self-clocked fair queueing scheme for broadband applications", INFOCOM
//! 1994): only the head of a group has a tag, `max(V, F) + weight ÷ share`, where F is the group's last granted tag
//! and V the gate's. The lowest tag is next. It is charged when it is granted, so that leaving costs nothing, and an
//! idle group banks nothing. A group at its cap is parked, and resumes no earlier than V. When nobody waits, all tags
//! are void.

use super::{Enter, Group, GroupId, Ledger, LineOrder, Meta, Pick, Step, Ticket};

/// How many groups that only rest are looked at in a step: more than a step can leave behind.
const REAPED: usize = 4;

impl<L: Ledger> Step<'_, L> {
    pub(super) fn is_fair(&self) -> bool {
        self.pick == Pick::Fair
    }

    /// The group of a newcomer, where groups count. Under fair shares those without one are a group as well.
    pub(super) fn group_of(&mut self, enter: &Enter<'_>) -> Option<GroupId> {
        let name = match enter.group {
            Some(name) if self.is_fair() || self.spec.line.counts_groups() => name,
            None if self.is_fair() => "",
            _ => return None,
        };
        Some(self.ledger.group(name))
    }

    /// Forgets a group that nothing came of.
    pub(super) fn let_group_be(&mut self, group: Option<GroupId>) {
        if let Some(id) = group {
            let group = self.ledger.read_group(id);
            self.ledger.write_group(id, group);
        }
    }

    /// Which line somebody of that group waits in.
    pub(super) fn lane(&self, group: Option<GroupId>) -> u32 {
        match group {
            Some(id) if self.is_fair() => id.0 + 1,
            _ => 0,
        }
    }

    /// The head of the group whose turn it is.
    pub(super) fn fair_head(&self) -> Option<L::Id> {
        self.head_of(self.ledger.first_listed()?)
    }

    /// Whoever has waited longest, whether or not its group may go.
    pub(super) fn oldest_head(&self) -> Option<L::Id> {
        let mut oldest: Option<(u64, L::Id)> = None;
        let mut next = LineOrder { lane: 0, order: 0, arrival: 0 };
        while let Some(id) = self.ledger.first_from(next) {
            let Ticket { lane, arrival, .. } = self.ledger.read(id);
            if oldest.is_none_or(|(earliest, _)| arrival < earliest) {
                oldest = Some((arrival, id));
            }
            next.lane = lane + 1;
        }
        oldest.map(|(_, id)| id)
    }

    /// Whether a newcomer's tag would be lower than everybody's who may go, and its group is below its cap.
    pub(super) fn would_be_fair(&self, enter: &Enter<'_>, group: Option<GroupId>) -> bool {
        let Some(id) = group else { return false };
        let group = self.ledger.read_group(id);
        let meta = self.ledger.meta();
        let group = Group { cap: enter.cap, ..group };
        if group.head != 0 || !below_cap(&group, enter.weight) {
            return false;
        }
        let finish = if group.period == meta.period { group.finish } else { 0.0 };
        let tag = finish.max(meta.virtual_time) + f64::from(enter.weight) / enter.share;
        match self.ledger.first_listed() {
            Some(first) => tag < self.ledger.read_group(first).tag,
            None => true,
        }
    }

    /// About how many are before it: as many turns of each group as its own group needs.
    pub(super) fn ahead_by_turns(&self, ticket: &Ticket) -> u64 {
        let meta = self.ledger.meta();
        let lane = LineOrder { lane: ticket.lane, order: 0, arrival: 0 };
        let own = self.ledger.rank(LineOrder::from(ticket)) - self.ledger.rank(lane);
        (own * meta.lanes.max(1)).min(meta.waiting.saturating_sub(1))
    }

    /// Somebody joined its group's part of the line.
    pub(super) fn joined_group(&mut self, enter: &Enter<'_>, group: Option<GroupId>) {
        let Some(id) = group else { return };
        let terms = self.is_fair().then_some((enter.share, enter.cap));
        self.regroup(id, |group, _| {
            group.in_line += 1;
            (group.share, group.cap) = terms.unwrap_or_default();
        });
    }

    /// Somebody was let in on arrival.
    pub(super) fn charge_newcomer(&mut self, enter: &Enter<'_>, ticket: &Ticket) {
        if let Some(id) = ticket.group.filter(|_| self.is_fair()) {
            let terms = (enter.share, enter.cap);
            self.charge_group(id, ticket.weight, |group| (group.share, group.cap) = terms);
        }
    }

    /// Somebody was chosen: that was its group's turn.
    pub(super) fn charge(&mut self, ticket: &Ticket) {
        if let Some(id) = ticket.group.filter(|_| self.is_fair()) {
            self.charge_group(id, ticket.weight, |_| {});
        }
    }

    fn charge_group(&mut self, id: GroupId, weight: u32, terms: impl FnOnce(&mut Group)) {
        self.regroup(id, |group, meta| {
            terms(group);
            group.in_use += u64::from(weight);
            if meta.waiting > 0 {
                let start = if group.head == 0 { group.finish.max(meta.virtual_time) } else { group.start };
                group.finish = start + f64::from(weight) / group.share;
                group.start = group.finish;
                meta.virtual_time = meta.virtual_time.max(group.finish);
            }
        });
    }

    /// Changes a group's record, and where it stands among the others. Called once the line itself is up to date.
    pub(super) fn regroup(&mut self, id: GroupId, change: impl FnOnce(&mut Group, &mut Meta)) {
        let mut meta = self.ledger.meta().clone();
        let mut group = self.ledger.read_group(id);
        if group.period != meta.period {
            (group.period, group.start, group.finish) = (meta.period, 0.0, 0.0);
        }
        change(&mut group, &mut meta);
        if self.is_fair() {
            self.relist(id, &mut group, &mut meta);
        }
        *self.ledger.meta_mut() = meta;
        self.ledger.write_group(id, group);
    }

    fn relist(&self, id: GroupId, group: &mut Group, meta: &mut Meta) {
        let (waited, was_listed) = (group.head != 0, group.listed);
        let head = self.head_of(id).map(|head| self.ledger.read(head));
        let Some(head) = head else {
            meta.lanes -= u64::from(waited);
            (group.head, group.tag, group.listed) = (0, 0.0, false);
            return;
        };
        if !waited {
            meta.lanes += 1;
            group.start = group.finish;
        }
        group.head = head.arrival;
        group.listed = below_cap(group, head.weight);
        if group.listed && !was_listed {
            // Being away or parked banks nothing.
            group.start = group.start.max(meta.virtual_time);
        }
        group.tag = group.start + f64::from(head.weight) / group.share;
    }

    fn head_of(&self, id: GroupId) -> Option<L::Id> {
        let lane = id.0 + 1;
        let first = self.ledger.first_from(LineOrder { lane, order: 0, arrival: 0 })?;
        (self.ledger.read(first).lane == lane).then_some(first)
    }

    /// Nobody waits any more: all tags are void.
    pub(super) fn void_tags(&mut self) {
        let fair = self.is_fair();
        let meta = self.ledger.meta_mut();
        if fair && meta.waiting == 0 {
            meta.period = meta.period.wrapping_add(1);
            meta.virtual_time = 0.0;
        }
    }

    /// Forgets groups whose last tag is past.
    pub(super) fn forget_rested(&mut self) {
        for _ in 0..REAPED {
            let Some(id) = self.ledger.first_resting() else { return };
            let group = self.ledger.read_group(id);
            let meta = self.ledger.meta();
            if group.period == meta.period && group.finish > meta.virtual_time {
                return;
            }
            self.ledger.write_group(id, Group::default());
        }
    }
}

fn below_cap(group: &Group, weight: u32) -> bool {
    group.cap == 0 || group.in_use + u64::from(weight) <= u64::from(group.cap)
}
