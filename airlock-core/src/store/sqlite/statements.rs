//! Every statement, with the tables' prefix in its place.
//!
//! Where a plan matters, the index is named: a statement that could not use it would not compile.

macro_rules! statements {
    ($($name:ident: $text:expr;)*) => {
        /// The texts under which the connection keeps its statements prepared.
        #[derive(Debug)]
        pub(super) struct Statements {
            $(pub(super) $name: String,)*
        }

        impl Statements {
            pub(super) fn new(prefix: &str) -> Self {
                Statements { $($name: $text.replace('@', prefix),)* }
            }

            /// All of them, by name.
            #[cfg(test)]
            pub(super) fn all(&self) -> Vec<(&'static str, &str)> {
                vec![$((stringify!($name), &*self.$name),)*]
            }
        }
    };
}

macro_rules! gate_columns {
    () => {
        "in_use, offered, waiting, tickets, arrival, fence, limit_override, switch, switch_until, switch_because, \
         replenished_at, drawn, soonest, pace, pace_samples, moved_at, virtual_time, period, lanes, groups, last_group, \
         milestones, revision, limit_low, limit_low_until, limit_high, limit_high_until, strategy, furthest, expires_at"
    };
}

/// Of an airlock (?1), at a time (?2), those whose names contain a text (?3), whatever its ASCII case.
macro_rules! is_in_use {
    () => {
        "airlock = ?1 AND (tickets > 0 OR limit_override IS NOT NULL OR switch IS NOT NULL OR replenished_at > ?2) \
         AND instr(lower(resource), lower(?3)) > 0"
    };
}

macro_rules! ticket_columns {
    () => {
        "token, state, identity, deadline, arrival, fence, since, weight, attend, present_until, score, per_second, lane, \
         sort_key, nonce, group_id, ending, milestones"
    };
}

macro_rules! find_ticket {
    ($rest:literal) => {
        concat!("SELECT ", ticket_columns!(), " FROM @tickets ", $rest)
    };
}

macro_rules! group_columns {
    () => {
        "id, in_line, in_use, share, cap, period, start, finish, tag, head, listed"
    };
}

macro_rules! find_group {
    ($rest:literal) => {
        concat!("SELECT ", group_columns!(), " FROM @groups ", $rest)
    };
}

statements! {
    gate: concat!("SELECT id, ", gate_columns!(), " FROM @gates WHERE airlock = ?1 AND resource = ?2");
    add_gate: concat!(
        "INSERT INTO @gates (airlock, resource, ", gate_columns!(), ") VALUES (?1, ?2, 0, 0, 0, 0, 0, 0, NULL, NULL, \
         NULL, NULL, 0, 0, 0, 0.0, 0, 0, 0.0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0)"
    );
    write_gate: concat!(
        "UPDATE @gates SET (", gate_columns!(), ") = (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
         ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31) WHERE id = ?1"
    );
    next_gate: "SELECT id, expires_at FROM @gates WHERE id > ?1 ORDER BY id LIMIT 1";
    remove_gate: "DELETE FROM @gates WHERE id = ?1";
    remove_tickets: "DELETE FROM @tickets WHERE gate = ?1";
    remove_groups: "DELETE FROM @groups WHERE gate = ?1";
    remove_milestones: "DELETE FROM @milestones WHERE gate = ?1";

    by_token: find_ticket!("WHERE gate = ?1 AND token = ?2");
    by_identity: find_ticket!("INDEXED BY @tickets_identity WHERE gate = ?1 AND identity = ?2");
    by_fence: find_ticket!(
        "INDEXED BY @tickets_inside WHERE gate = ?1 AND fence = ?2 AND state IN ('offered', 'holding')"
    );
    due: find_ticket!(
        "INDEXED BY @tickets_deadline WHERE gate = ?1 AND state = ?2 AND deadline <= ?3 ORDER BY deadline, arrival LIMIT 1"
    );
    soonest: "SELECT deadline FROM @tickets INDEXED BY @tickets_deadline WHERE gate = ?1 AND state = ?2 \
              ORDER BY deadline LIMIT 1";
    floor: "SELECT fence FROM @tickets INDEXED BY @tickets_inside WHERE gate = ?1 AND state IN ('offered', 'holding') \
            ORDER BY fence LIMIT 1";
    inside: find_ticket!(
        "INDEXED BY @tickets_inside WHERE gate = ?1 AND state IN ('offered', 'holding') ORDER BY fence LIMIT ?2 OFFSET ?3"
    );
    first_from: find_ticket!(
        "INDEXED BY @tickets_line WHERE gate = ?1 AND state = 'waiting' AND (lane, sort_key, arrival) >= (?2, ?3, ?4) \
         ORDER BY lane, sort_key, arrival LIMIT 1"
    );
    nth: find_ticket!(
        "INDEXED BY @tickets_line WHERE gate = ?1 AND state = 'waiting' ORDER BY lane, sort_key, arrival LIMIT 1 OFFSET ?2"
    );
    nth_before: find_ticket!(
        "INDEXED BY @tickets_line WHERE gate = ?1 AND state = 'waiting' AND (lane, sort_key, arrival) < (?2, ?3, ?4) \
         ORDER BY lane DESC, sort_key DESC, arrival DESC LIMIT 1 OFFSET ?5"
    );
    count_before: "SELECT count(*) FROM @tickets INDEXED BY @tickets_line WHERE gate = ?1 AND state = 'waiting' \
                   AND (lane, sort_key, arrival) < (?2, ?3, ?4)";
    count_between: "SELECT count(*) FROM @tickets INDEXED BY @tickets_line WHERE gate = ?1 AND state = 'waiting' \
                    AND (lane, sort_key, arrival) >= (?2, ?3, ?4) AND (lane, sort_key, arrival) < (?5, ?6, ?7)";

    add_ticket: concat!(
        "INSERT INTO @tickets (gate, ", ticket_columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
         ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)"
    );
    write_ticket: "UPDATE @tickets SET state = ?3, deadline = ?4, arrival = ?5, fence = ?6, since = ?7, weight = ?8, \
                   attend = ?9, present_until = ?10, score = ?11, per_second = ?12, lane = ?13, sort_key = ?14, \
                   nonce = ?15, group_id = ?16, ending = ?17, milestones = ?18 WHERE gate = ?1 AND token = ?2";
    touch_ticket: "UPDATE @tickets SET deadline = ?3, present_until = ?4, attend = ?5 WHERE gate = ?1 AND token = ?2";
    rename_ticket: "UPDATE @tickets SET token = ?3 WHERE gate = ?1 AND token = ?2";
    forget_identity: "UPDATE @tickets SET identity = NULL WHERE gate = ?1 AND token = ?2";
    remove_ticket: "DELETE FROM @tickets WHERE gate = ?1 AND token = ?2";

    next_milestone: "SELECT lane, sort_key, arrival FROM @milestones WHERE gate = ?1 AND level = ?2 \
                     AND (lane, sort_key, arrival) > (?3, ?4, ?5) AND (lane, sort_key, arrival) < (?6, ?7, ?8) \
                     ORDER BY lane, sort_key, arrival LIMIT 1";
    count_milestones: "SELECT coalesce(sum(waiting), 0) FROM @milestones WHERE gate = ?1 AND level = ?2 \
                       AND (lane, sort_key, arrival) > (?3, ?4, ?5) AND (lane, sort_key, arrival) < (?6, ?7, ?8)";
    milestones_before: "SELECT lane, sort_key, arrival, waiting FROM @milestones WHERE gate = ?1 AND level = ?2 \
                        AND (lane, sort_key, arrival) < (?3, ?4, ?5) ORDER BY lane DESC, sort_key DESC, arrival DESC";
    add_milestone: "INSERT INTO @milestones (gate, level, lane, sort_key, arrival, waiting) \
                    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    count_at_milestone: "UPDATE @milestones SET waiting = waiting + ?6 WHERE gate = ?1 AND level = ?2 \
                         AND (lane, sort_key, arrival) = (SELECT lane, sort_key, arrival FROM @milestones \
                         WHERE gate = ?1 AND level = ?2 AND (lane, sort_key, arrival) <= (?3, ?4, ?5) \
                         ORDER BY lane DESC, sort_key DESC, arrival DESC LIMIT 1)";
    remove_milestone: "DELETE FROM @milestones WHERE gate = ?1 AND level = ?2 AND lane = ?3 AND sort_key = ?4 \
                       AND arrival = ?5 RETURNING waiting";

    group_by_name: find_group!("INDEXED BY @groups_name WHERE gate = ?1 AND name = ?2");
    group: find_group!("WHERE gate = ?1 AND id = ?2");
    first_listed: find_group!(
        "INDEXED BY @groups_listed WHERE gate = ?1 AND listed = 1 ORDER BY tag, head, id LIMIT 1"
    );
    first_resting: find_group!(
        "INDEXED BY @groups_resting WHERE gate = ?1 AND in_line = 0 AND in_use = 0 AND head = 0 AND finish > 0 \
         ORDER BY period, finish, id LIMIT 1"
    );
    add_group: concat!(
        "INSERT INTO @groups (gate, name, ", group_columns!(), ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
         ?11, ?12, ?13)"
    );
    write_group: "UPDATE @groups SET in_line = ?3, in_use = ?4, share = ?5, cap = ?6, period = ?7, start = ?8, \
                  finish = ?9, tag = ?10, head = ?11, listed = ?12 WHERE gate = ?1 AND id = ?2";
    remove_group: "DELETE FROM @groups WHERE gate = ?1 AND id = ?2";

    conditions: "SELECT conditions FROM @airlocks WHERE name = ?1";
    set_conditions: "INSERT INTO @airlocks (name, conditions) VALUES (?1, ?2) \
                     ON CONFLICT (name) DO UPDATE SET conditions = ?2";
    clear_conditions: "DELETE FROM @airlocks WHERE name = ?1";

    stale: "SELECT resource FROM @gates WHERE airlock = ?1 AND soonest <= ?2 AND (tickets > 0 OR switch IS NOT NULL) \
            LIMIT ?3";
    in_use: concat!("SELECT count(*), coalesce(sum(in_use), 0), coalesce(sum(waiting), 0) FROM @gates WHERE ", is_in_use!());
    busiest: concat!(
        "SELECT resource, coalesce(limit_low, ?4), limit_override, in_use, waiting, switch, switch_until, switch_because, \
         offered FROM @gates WHERE ", is_in_use!(), " ORDER BY waiting DESC, in_use DESC, resource LIMIT ?5 OFFSET ?6"
    );
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// However long the line is and however many gates there are: every statement finds what it wants by an index, in the
    /// order in which it wants it. Only a list of what is busiest is sorted.
    #[test]
    fn no_statement_looks_through_a_table() {
        let connection = Connection::open_in_memory().expect("there is memory");
        for changes in super::super::schema::VERSIONS {
            connection.execute_batch(&changes.replace('@', "t_")).expect("the schema is right");
        }
        for (name, sql) in Statements::new("t_").all() {
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect(name);
            let none = rusqlite::params_from_iter((0..plan.parameter_count()).map(|_| rusqlite::types::Null));
            let steps = plan.query_map(none, |row| row.get::<_, String>(3)).expect(name);
            for step in steps.map(|step| step.expect(name)) {
                assert!(!step.contains("SCAN"), "{name}: {step}");
                assert!(!step.contains("TEMP B-TREE") || name == "busiest", "{name}: {step}");
            }
        }
    }
}
