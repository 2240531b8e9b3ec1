//! The rules of the gate as a test suite that any store can run.
//!
//! Whoever writes a store implements [`Subject`] for it in a test and calls
//! [`conformance_suite!`](crate::conformance_suite) once. Every rule becomes a test of its own, so a failure is
//! named after the rule it breaks.
//!
//! ```toml
//! [dev-dependencies]
//! airlock-core = { version = "0.1", features = ["conformance"] }
//! tokio = { version = "1", features = ["macros", "rt", "time"] }
//! ```
//!
//! ```
//! use std::time::Duration;
//! use airlock_core::clock::TestClock;
//! use airlock_core::conformance::Subject;
//! use airlock_core::store::MemoryStore;
//!
//! struct Memory {
//!     clock: TestClock,
//!     store: MemoryStore,
//! }
//!
//! impl Memory {
//!     fn new() -> Self {
//!         let clock = TestClock::new();
//!         Memory { store: MemoryStore::with_clock(&clock), clock }
//!     }
//! }
//!
//! impl Subject for Memory {
//!     type Store = MemoryStore;
//!
//!     async fn store(&self) -> MemoryStore {
//!         self.store.clone()
//!     }
//!
//!     async fn advance(&self, by: Duration) {
//!         self.clock.advance(by);
//!     }
//! }
//!
//! mod memory {
//!     use super::Memory;
//!     // The expression is evaluated once per test: each gets a subject of its own.
//!     airlock_core::conformance_suite!(Memory::new());
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // A rule is a function, too, for whoever wants to debug just one.
//! airlock_core::conformance::entering::g05_nobody_barges(&Memory::new()).await;
//! # }
//! ```
//!
//! The expression may `await`, for example `Postgres::start().await`. Two of these suites in one file go into two
//! modules.
//!
//! # What a subject has to promise
//!
//! - **Each subject is empty.** Two subjects share nothing, even while their tests run at the same time: give each a
//!   schema, a key prefix or a folder of its own.
//! - **All handles of a subject are one store.** [`Subject::store`] is called several times in a test, and what one
//!   handle does every other one sees at once. Where it can be done, each handle should be what another process would
//!   have: another connection, another node.
//! - **Time stands still** until [`Subject::advance`] moves it, by exactly what was asked: the rules are about
//!   microseconds. On a store with a server that takes a build, or a function in the schema, that replaces the
//!   server's clock. Only the time of the store is meant: tokio's goes on as it does.
//!
//! # What a subject may rely on
//!
//! - Nothing sleeps. A test waits for what has to happen by asking again, and gives up after [`WATCHDOG`]; on a store
//!   that is as fast as it should be no test takes that long.
//! - Time is moved by at most [`SHORT`] while a future waits in line, so that a node that has to say now and then
//!   that its waiters are still there need not do so in between.
//! - Guards are held over moved time only on leases far longer than that, or where the test is about losing them.
//! - Everything is done through [`Airlock`](crate::Airlock), and where a rule is about commands (what a token that is
//!   used twice does), through the [`Gates`](crate::store::Gates) that the store opened.
//!
//! # What is in it
//!
//! | module | rules |
//! |---|---|
//! | [`time`] | deadlines, fences, what vanishes (G1, G2) |
//! | [`tokens`] | commands that are sent twice, come late, or are in doubt (G3) |
//! | [`identity`] | one identity, one lease or place (G4) |
//! | [`entering`] | who gets in, who is refused (G5 to G8) |
//! | [`order`] | who is next (G5, strategies) |
//! | [`mod@line`] | presence, positions, expected waits (G9, G12) |
//! | [`offers`] | offers, claims, what becomes of those who miss them (G10, G11) |
//! | [`holding`] | renewals, releases, guards and fences (G13 to G16) |
//! | [`cancelling`] | futures that are dropped (G15) |
//! | [`operating`] | limits, evictions, inspection, shutdown (G18) |
//! | [`lotteries`] | drawing lots (G5, G6, G12, strategies) |
//! | [`rates`] | rates, cool-downs, and compositions (G17) |
//! | [`switching`] | the operator's switch, and health (G19, G20) |
//! | [`batches`] | all or nothing over several gates (G21) |
//! | [`visitors`] | identities that a front end acts for (G4, G14) |
//! | [`names`] | names that must not meet (G22) |
//! | [`notifying`] | who is told of its turn (G10) |
//! | [`locks`] | simple locks by key |
//! | [`failures`] | a store that fails or hangs, in front of the one under test (G23) |
//!
//! A function named `rx_…` is also a failure that an earlier system had, see its text.

mod bench;
#[cfg(feature = "shared")]
mod fleet;

pub mod batches;
pub mod cancelling;
pub mod entering;
pub mod failures;
pub mod holding;
pub mod identity;
pub mod line;
pub mod locks;
pub mod lotteries;
pub mod names;
pub mod notifying;
pub mod offers;
pub mod operating;
pub mod order;
pub mod rates;
pub mod switching;
pub mod time;
pub mod tokens;
pub mod visitors;

#[cfg(feature = "shared")]
#[cfg_attr(docsrs, doc(cfg(feature = "shared")))]
pub use fleet::Fleet;

use std::future::Future;
use std::time::Duration;

use crate::store::Store;

/// How long a test waits for what has to happen before it fails. Only a failing test waits that long.
pub const WATCHDOG: Duration = Duration::from_secs(30);

/// By how much a test moves the time at most while a future waits in line.
pub const SHORT: Duration = Duration::from_secs(1);

/// A store under test, empty and with a clock that stands still. See the [module](self) for what it promises.
pub trait Subject {
    /// The store.
    type Store: Store;

    /// A handle on this subject's store: every call reaches the same gates.
    fn store(&self) -> impl Future<Output = Self::Store>;

    /// Moves the store's clock, and nothing else does. Deadlines on the way may be acted upon now or when somebody
    /// asks next.
    fn advance(&self, by: Duration) -> impl Future<Output = ()>;
}

/// Expands to one `#[tokio::test]` for every rule, with a subject of its own each.
///
/// Takes an expression that makes a [`Subject`](crate::conformance::Subject), and may `await`. See
/// [`conformance`](crate::conformance) for an example.
#[macro_export]
macro_rules! conformance_suite {
    ($subject:expr $(,)?) => {
        $crate::__conformance_tests! { ($subject)
            batches:
                g21_all_or_none
                g21_a_batch_never_queues
                g21_permits_are_in_order_and_go_one_by_one
                g21_dropping_releases_all
                g21_batches_do_not_undo_each_other
                g21_a_batch_may_be_over_several_airlocks
                g17_a_refused_batch_uses_no_rate_up
                rx_16_an_expired_member_does_not_block_a_batch
                rx_16_a_lost_member_does_not_keep_the_others
                g21_waiting_for_a_batch_holds_nothing
                g21_a_batch_does_not_wait_in_vain
            ;
            cancelling:
                g15_dropping_a_wait_leaves_the_line
                rx_26_a_cancelled_acquire_never_completes
                g15_a_grant_that_crosses_is_given_back
                g15_no_await_point_leaks
                g15_a_batch_that_is_dropped_leaks_nothing
                g15_a_dropped_claim_can_be_repeated
                g15_a_ticket_is_plain_data
            ;
            entering:
                g05_a_limit_is_a_limit
                g05_nobody_barges
                g05_a_place_that_comes_free_is_the_waiters
                g05_the_first_of_all_may_enter
                g06_many_free_places_are_given_at_once
                g06_no_place_stays_free_beside_a_line
                rx_02_an_empty_room_admits_without_ticking
                g07_a_full_line_refuses
                g07_a_line_without_places_refuses
                g07_a_group_has_its_part_of_the_line
                g07_a_refusal_leaves_no_trace
                g08_what_can_never_enter_is_an_error
                g08_a_head_that_became_too_heavy_is_refused
                rx_18_limit_zero_admits_nobody
                rx_28_a_release_wakes_exactly_one
            ;
            failures:
                rx_20_a_failure_is_not_contention
                rx_20_a_hang_is_unavailable
                rx_20_a_wait_ends_as_what_it_was
                rx_20_a_wait_in_line_ends_as_what_it_was
                g23_a_wait_rides_a_failure_out
                g23_nobody_asks_again_without_an_end
                g23_a_lost_answer_costs_no_permit
                g23_a_release_without_an_answer_still_releases
                g22_nonsense_never_reaches_the_store
            ;
            holding:
                rx_01_refreshing_does_not_free
                g13_renewing_moves_the_deadline
                g13_renewing_never_shortens
                g13_renewing_never_revives
                rx_22_a_restored_handle_is_not_permanent
                g14_a_release_releases_once
                rx_15_only_the_holder_frees
                g14_a_token_is_for_its_resource
                rx_10_nothing_is_held_after_expiry
                rx_10_held_by_is_said_of_holders_alone
                rx_10_what_remains_runs_out
                g15_detaching_keeps_the_place
                g15_a_restored_permit_is_a_guard
                g16_no_lease_outlasts_the_longest_hold
                rx_21_a_lost_lease_stops_the_work
                g15_work_releases_however_it_ends
                fences_have_a_floor
                fences_of_offers_count
            ;
            identity:
                g04_entering_again_while_waiting_takes_the_place_over
                g04_a_superseded_future_is_told
                g04_entering_again_while_offered_claims
                g04_another_weight_or_group_is_another_place
                g04_entering_again_while_inside_is_a_duplicate
                g04_trying_leaves_the_place_alone
                g04_the_anonymous_are_many
                g04_a_session_is_one_lease
                g04_every_handle_of_a_session_works
                g04_a_session_ends_by_its_ttl
                rx_08_one_identity_never_holds_two_places
                rx_08_nor_two_places_in_line
                rx_11_reacquiring_does_not_pretend_to_extend
                rx_23_reacquiring_is_the_same_on_every_store
                g04_taking_over_counts_as_presence
            ;
            line:
                g09_presence_is_moved_by_asking
                g09_looking_is_not_presence
                g09_the_absent_are_never_chosen
                rx_04_dead_heads_cost_nothing
                rx_25_nobody_goes_to_the_back
                g12_positions_are_exact
                g12_the_estimate_follows_the_pace
                g09_asking_as_told_is_often_enough
                g10_a_hopeless_claim_window_is_refused
            ;
            locks:
                a_key_is_locked_by_one
                locks_are_waited_for_in_line
                work_is_done_under_its_lock
                a_ttl_is_a_keys_own
                rx_15_a_lock_is_handed_over_by_its_token
                keys_are_locked_together_or_not_at_all
                rx_21_who_is_unlocked_by_force_hears_of_it
            ;
            lotteries:
                rx_02_a_lottery_needs_no_ticking
                g06_a_lottery_leaves_no_place_free
                g05_nobody_enters_beside_a_lottery
                g05_a_draw_that_leaves_makes_way
                g09_the_absent_are_not_drawn
                g12_a_lotterys_position_is_the_size_of_its_pool
                a_lottery_is_no_line
                who_is_overdue_is_drawn_first
                g04_an_identity_has_one_lot
                g07_a_lotterys_pool_may_be_full
            ;
            names:
                rx_17_different_names_never_meet
                rx_17_airlocks_never_meet
                rx_17_identities_never_meet
                g22_what_is_no_name_is_refused
            ;
            offers:
                g10_an_offer_holds_capacity
                g10_asking_does_not_admit
                g10_who_is_there_is_let_in
                g10_a_missed_offer_goes_to_the_next
                g10_who_misses_may_go_to_the_back
                g11_a_claim_is_the_same_twice
                g10_a_declined_offer_goes_to_the_next
                rx_06_promoters_do_not_invalidate_each_other
                rx_07_an_offered_place_is_not_taken
                rx_24_an_early_claim_costs_nothing
                g10_an_evicted_offer_goes_to_the_next
                g10_a_claimed_lease_is_a_lease
            ;
            operating:
                g18_raising_the_limit_promotes
                g18_lowering_the_limit_holds_at_once
                g18_clearing_the_override_returns_to_the_configured_limit
                rx_12_a_larger_limit_does_not_over_admit
                g18_evicting_makes_room
                g18_evicting_says_from_where
                g18_inspecting_shows_who_is_where
                g18_a_survey_lists_the_busiest_first
                g18_a_survey_finds_what_is_searched_for
                g02_operating_on_nothing_makes_nothing
                shutdown_lets_holders_finish
                shutdown_hands_back_what_is_held
                shutdown_leaves_others_alone
            ;
            order:
                g05_fifo_is_first_come_first_served
                g05_the_line_is_one
                g05_priority_goes_first
                g05_aging_lets_the_patient_overtake
                g05_without_aging_tiers_are_strict
                g07_without_a_line_nobody_waits
                g22_a_strategy_of_ones_own
            ;
            rates:
                g17_a_rate_lets_in_so_many_in_a_time
                g17_weight_counts
                rx_05_asking_uses_nothing_up
                g17_all_parts_or_none
                g17_what_was_given_is_never_given_back
                g17_a_rates_permit_holds_nothing
                g17_a_rate_knows_no_duplicates
                g03_a_lost_reply_costs_no_cell
                g11_a_claim_on_a_rate_is_the_same_twice
                g17_a_cooldown_counts_from_the_admission
                g17_who_waits_for_a_rate_gets_in_by_itself
                g17_who_is_away_claims
                g17_answers_say_when_the_rate_lets_go
                g17_a_bypass_uses_nothing_up
                g02_a_rate_is_forgotten_when_it_has_recovered
                g17_a_rate_without_a_line_refuses
            ;
            switching:
                g20_what_is_set_can_be_seen
                g20_closed_refuses_newcomers_and_freezes_the_line
                g20_who_is_refused_is_told_when_it_reopens
                g20_closed_keeps_offers_claimable
                g20_hold_queues_everybody_and_lets_nobody_in
                g20_drain_serves_the_line_until_it_is_empty
                g20_bypass_lets_everybody_in_uncounted
                g20_bypass_lets_in_who_waits
                g20_who_misses_a_bypass_is_out
                g20_bypass_knows_no_shares
                g20_bypass_keeps_the_order_of_fair_shares
                g20_bypass_lets_in_the_heaviest
                g20_a_bypassed_permit_is_never_lost
                g20_nobody_is_a_duplicate_at_a_bypassed_gate
                g20_a_resources_own_switch_wins_until_it_is_cleared
                g20_a_switch_set_twice_is_the_later_one
                g20_who_waits_is_let_in_when_it_reopens
                g20_a_limit_raised_on_hold_lets_nobody_in
                g20_every_node_is_told
                g20_a_new_node_obeys_at_once
                rx_03_nobody_is_let_in_while_it_is_unwell
                g19_it_is_unwell_below_the_threshold
                g19_a_report_that_is_too_old_does_not_count
                g19_unwell_and_switched_let_nobody_in
                g20_who_is_refused_hears_why
                g20_a_hold_is_told_to_who_only_tries
                g02_nothing_is_left_of_a_switch
                g22_what_is_no_switch_is_refused
            ;
            time:
                g01_a_lease_is_over_at_exactly_its_deadline
                g01_an_expired_lease_is_over_for_every_command
                g01_a_lease_without_end_or_length_is_refused
                rx_09_a_fractional_ttl_leaks_nothing
                g02_fences_only_grow
                g02_fences_follow_the_order_of_admission
                rx_30_nothing_is_left_of_those_who_are_gone
                g02_an_override_stays_until_it_is_cleared
                g06_answers_say_when_something_changes_by_itself
                g06_a_gate_that_comes_back_keeps_its_deadlines
            ;
            tokens:
                g03_entering_twice_with_a_token_is_one_entry
                g03_queueing_twice_with_a_token_is_one_place
                g03_entering_again_with_a_token_takes_the_offer
                g03_an_enter_that_comes_late_is_over
                g03_giving_up_in_doubt_undoes_what_was_done
                g03_a_release_in_doubt_is_unknown
                g03_a_doubtful_release_is_the_same_twice
                g03_spent_tokens_are_forgotten_in_the_end
                g03_an_unknown_token_does_nothing
                g03_a_permit_has_one_token
            ;
            notifying:
                g10_who_is_away_is_told_of_its_turn_once
            ;
            visitors:
                g14_a_visitor_is_known_by_its_fence
                g04_a_visitors_lease_is_its_own
                g04_a_visitor_that_enters_again_takes_its_place_over
                g11_a_visitor_claims_what_it_was_offered
                g13_a_visitor_may_stay_longer_than_the_ttl
                g14_a_visitor_leaves_the_line
                g20_a_door_says_how_the_switch_stands
            ;
        }
    };
}

/// One test for each name; the list is in `conformance_suite!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    (($subject:expr) $($theme:ident: $($rule:ident)+;)+) => {
        $($(
            #[::tokio::test]
            async fn $rule() {
                $crate::conformance::$theme::$rule(&$subject).await;
            }
        )+)+
    };
}

#[cfg(test)]
mod tests {
    /// A rule that is written but not listed would never run.
    #[test]
    fn every_rule_is_in_the_list() {
        let list = include_str!("mod.rs");
        let themes = [
            ("batches", include_str!("batches.rs")),
            ("cancelling", include_str!("cancelling.rs")),
            ("entering", include_str!("entering.rs")),
            ("failures", include_str!("failures.rs")),
            ("holding", include_str!("holding.rs")),
            ("identity", include_str!("identity.rs")),
            ("line", include_str!("line.rs")),
            ("locks", include_str!("locks.rs")),
            ("lotteries", include_str!("lotteries.rs")),
            ("names", include_str!("names.rs")),
            ("notifying", include_str!("notifying.rs")),
            ("offers", include_str!("offers.rs")),
            ("operating", include_str!("operating.rs")),
            ("order", include_str!("order.rs")),
            ("rates", include_str!("rates.rs")),
            ("switching", include_str!("switching.rs")),
            ("time", include_str!("time.rs")),
            ("tokens", include_str!("tokens.rs")),
            ("visitors", include_str!("visitors.rs")),
        ];
        for (theme, text) in themes {
            let listed = list.split(&format!("            {theme}:\n")).nth(1).and_then(|rest| rest.split(';').next());
            let listed: Vec<_> = listed.unwrap_or_default().split_whitespace().collect();
            let functions = text.lines().filter_map(|line| line.strip_prefix("pub async fn "));
            let written: Vec<_> = functions.filter_map(|line| line.split('(').next()).collect();
            assert_eq!(listed, written, "the list of `{theme}` in conformance_suite!");
        }
    }
}
