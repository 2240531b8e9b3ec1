//! Groups: their part of the line, and fair shares between them.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Result, params};

use super::ledger::SqlLedger;
use super::rows;
use crate::gate::{Group, GroupId};

/// Those that were read or written.
pub(super) type Groups = HashMap<GroupId, Known>;

pub(super) struct Known {
    /// Where it is known.
    name: Option<Arc<str>>,
    group: Group,
    /// Whether there is a row.
    stored: bool,
}

impl SqlLedger<'_> {
    /// Has it at hand, so that reading it cannot fail.
    pub(super) fn load_group(&self, id: GroupId) -> Result<()> {
        if self.groups.borrow().contains_key(&id) {
            return Ok(());
        }
        let mut statement = self.connection.prepare_cached(&self.sql.group)?;
        let (id, group) = statement.query_row(params![self.id, id.0], rows::read_group)?;
        self.groups.borrow_mut().insert(id, Known { name: None, group, stored: true });
        Ok(())
    }

    /// Whoever has the number of a group has it from a ticket or from an index, with which it was read.
    pub(super) fn group_of(&self, id: GroupId) -> Group {
        self.groups.borrow().get(&id).map_or(Group::default(), |known| known.group)
    }

    pub(super) fn find_or_add_group(&mut self, name: &str) -> GroupId {
        let named = |known: &Known| known.name.as_deref() == Some(name);
        let known = self.groups.borrow().iter().find(|(_, known)| named(known)).map(|(id, _)| *id);
        if let Some(id) = known {
            return id;
        }
        let found = self
            .id
            .filter(|_| self.row.groups > 0)
            .and_then(|gate| self.first(&self.sql.group_by_name, params![gate, name], rows::read_group));
        let (id, group, stored) = match found {
            Some((id, group)) => (id, group, true),
            None => {
                self.row.last_group += 1;
                (GroupId(self.row.last_group), Group::default(), false)
            }
        };
        // What was read before is as it is stored.
        self.groups.get_mut().insert(id, Known { name: Some(name.into()), group, stored });
        id
    }

    /// Writes it, if it has changed; one that is empty has no row.
    pub(super) fn set_group(&mut self, id: GroupId, group: Group) {
        let Some(known) = self.groups.get_mut().get_mut(&id) else { return };
        let (changed, stored, name) = (known.group != group, known.stored, known.name.clone());
        known.group = group;
        known.stored = !group.is_empty();
        match (stored, group.is_empty()) {
            (false, true) if id.0 == self.row.last_group => self.row.last_group -= 1,
            (true, true) => {
                self.execute(&self.sql.remove_group, params![self.id, id.0]);
                self.row.groups = self.row.groups.saturating_sub(1);
            }
            (false, false) => {
                let (gate, name) = (self.id(), name.unwrap_or_default());
                self.write_with(&self.sql.add_group, |statement| rows::add_group(gate, id, &name, &group, statement));
                self.row.groups += 1;
            }
            (true, false) if changed => {
                let gate = self.id;
                self.write_with(&self.sql.write_group, |statement| rows::write_group(gate, id, &group, statement));
            }
            _ => {}
        }
        if group.is_empty() {
            self.groups.get_mut().remove(&id);
        }
    }

    pub(super) fn first_group(&self, sql: &str) -> Option<GroupId> {
        if self.row.groups == 0 {
            return None;
        }
        let (id, group) = self.first(sql, [self.id], rows::read_group)?;
        self.groups.borrow_mut().entry(id).or_insert(Known { name: None, group, stored: true });
        Some(id)
    }
}
