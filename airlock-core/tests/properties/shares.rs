//! Fair shares, written from the rule and apart from the gate: every group's account, and whose turn it is.

use crate::model::{Known, below_cap, fair_heads, waiting};

/// The accounts of all groups since somebody began to wait.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    /// V: the highest tag granted.
    granted: f64,
    /// By the group's number.
    accounts: Vec<Account>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    share: f64,
    cap: u32,
    /// F: its last granted tag.
    finish: f64,
    /// Where its head starts from, while somebody of it waits.
    start: f64,
    waits: bool,
    /// Whether its head may go, as far as its cap is concerned.
    goes: bool,
}

impl Shares {
    /// Whoever is next, by arrival: the head with the lowest tag of those whose groups are below their caps.
    pub fn next(&self, tickets: &[Known]) -> Option<u64> {
        let heads = fair_heads(tickets).into_iter().map(|head| (self.tag_of(&head), head.ticket.arrival));
        heads.reduce(|a, b| if b < a { b } else { a }).map(|(_, arrival)| arrival)
    }

    /// Whether a newcomer would have a lower tag than everybody who may go.
    pub fn is_first(&self, group: usize, share: f64, weight: u32, tickets: &[Known]) -> bool {
        let finish = self.accounts.get(group).map_or(0.0, |account| account.finish);
        let tag = finish.max(self.granted) + f64::from(weight) / share;
        fair_heads(tickets).iter().all(|head| tag < self.tag_of(head))
    }

    fn tag_of(&self, head: &Known) -> f64 {
        let account = self.accounts[head.group.expect("everybody has a group")];
        account.start + f64::from(head.ticket.weight) / account.share
    }

    /// Somebody of this group came, with these terms.
    pub fn came(&mut self, group: usize, share: f64, cap: u32) {
        if self.accounts.len() <= group {
            self.accounts.resize(group + 1, Account::default());
        }
        let account = &mut self.accounts[group];
        (account.share, account.cap) = (share, cap);
    }

    /// Somebody of this group was let in or offered a place, and is out of `tickets` that wait.
    pub fn charge(&mut self, group: usize, weight: u32, tickets: &[Known]) {
        self.void_without(tickets);
        if waiting(tickets).next().is_none() {
            return;
        }
        let account = &mut self.accounts[group];
        let start = if account.waits { account.start } else { account.finish.max(self.granted) };
        account.finish = start + f64::from(weight) / account.share;
        account.start = account.finish;
        self.granted = self.granted.max(account.finish);
    }

    /// Something happened in this group: `tickets` are those after it.
    pub fn settle(&mut self, group: Option<usize>, tickets: &[Known]) {
        self.void_without(tickets);
        let Some(account) = group.and_then(|group| self.accounts.get_mut(group)) else { return };
        let of_group = waiting(tickets).filter(|known| known.group == group);
        let Some(head) = of_group.min_by_key(|known| known.ticket.arrival) else {
            (account.waits, account.goes) = (false, false);
            return;
        };
        if !account.waits {
            account.start = account.finish.max(self.granted);
        }
        let goes = below_cap(tickets, group, account.cap, head.ticket.weight);
        if goes && !account.goes {
            // Being parked banks nothing.
            account.start = account.start.max(self.granted);
        }
        (account.waits, account.goes) = (true, goes);
    }

    /// When nobody waits all tags are void.
    fn void_without(&mut self, tickets: &[Known]) {
        if waiting(tickets).next().is_none() {
            self.granted = 0.0;
            for account in &mut self.accounts {
                *account = Account { share: account.share, cap: account.cap, ..Account::default() };
            }
        }
    }
}
