use std::time::Duration;

use super::*;

const RESET: Micros = 30_000_000;
const START: Micros = 1_000_000_000_000;

fn book() -> Book {
    Book::new(Rules { threshold: 5, reset_after: RESET })
}

/// Fails it so often that it is open.
fn open(book: &mut Book, resource: &str, now: Micros) {
    while !book.is_open(resource) {
        assert_eq!(book.ask(resource, now), Route::Store);
        book.failed(resource, None, now, 0.0);
    }
}

/// Tries as the one who may, and says what came of it.
fn probe(book: &mut Book, resource: &str, now: Micros, answers: bool) -> Option<Change> {
    let Route::Probe(probe) = book.ask(resource, now) else { panic!("it is time to try {resource}") };
    assert_eq!(book.ask(resource, now), Route::Elsewhere, "one at a time");
    match answers {
        true => book.answered(resource, Some(probe), now),
        false => book.failed(resource, Some(probe), now, 0.0),
    }
}

#[test]
fn five_failures_in_a_row_open_it_and_four_do_not() {
    let mut book = book();
    for _ in 0..3 {
        for _ in 0..4 {
            assert_eq!(book.failed("a", None, START, 0.0), None);
        }
        assert_eq!(book.status("a", START), BreakerStatus::Closed { failures: 4 });
        assert_eq!(book.answered("a", None, START), None);
        assert!(book.is_empty(), "an answer forgives all");
    }
    for _ in 0..4 {
        assert_eq!(book.failed("a", None, START, 0.0), None);
    }
    assert_eq!(book.failed("a", None, START, 0.0), Some(Change::Opened(Some("a".into()))));
    assert_eq!(book.ask("a", START), Route::Elsewhere);
    assert_eq!(book.ask("b", START), Route::Store, "each has its own");
}

#[test]
fn it_is_tried_after_the_reset_time_and_not_before() {
    for (jitter, wait) in [(0.0, RESET), (0.5, RESET + RESET / 8), (0.999, RESET + RESET / 4 - RESET / 4000)] {
        let mut book = book();
        for _ in 0..5 {
            book.failed("a", None, START, jitter);
        }
        let retry_in = Duration::from_micros(wait);
        assert_eq!(book.status("a", START), BreakerStatus::Open { retry_in });
        assert_eq!(book.ask("a", START + wait - 1), Route::Elsewhere);
        assert_eq!(book.status("a", START + wait), BreakerStatus::HalfOpen);
        assert!(matches!(book.ask("a", START + wait), Route::Probe(_)));
    }
}

#[test]
fn three_answers_one_after_the_other_close_it() {
    let mut book = book();
    open(&mut book, "a", START);
    let now = START + RESET;
    assert_eq!(probe(&mut book, "a", now, true), None);
    assert_eq!(probe(&mut book, "a", now, true), None);
    assert_eq!(probe(&mut book, "a", now, true), Some(Change::Closed(Some("a".into()))));
    assert!(book.is_empty());
}

/// A store that answers every other time is not back: nobody is told that it was.
#[test]
fn it_does_not_flap() {
    let mut book = book();
    open(&mut book, "a", START);
    let mut now = START;
    for _ in 0..10 {
        now += RESET;
        assert_eq!(probe(&mut book, "a", now, true), None);
        assert_eq!(probe(&mut book, "a", now, true), None);
        assert_eq!(probe(&mut book, "a", now, false), None);
        assert_eq!(book.ask("a", now + RESET - 1), Route::Elsewhere, "its time begins anew");
    }
}

#[test]
fn who_tries_and_goes_away_leaves_it_to_the_next() {
    let mut book = book();
    open(&mut book, "a", START);
    let Route::Probe(first) = book.ask("a", START + RESET) else { panic!("it is time") };
    book.abandoned("a", first);
    let Route::Probe(second) = book.ask("a", START + RESET) else { panic!("another may try") };
    // What the first hears after all is no answer to the second's question.
    assert_eq!(book.failed("a", Some(first), START + RESET, 0.0), None);
    assert_eq!(book.answered("a", Some(first), START + RESET), None);
    assert_eq!(book.ask("a", START + RESET), Route::Elsewhere);
    assert_eq!(book.answered("a", Some(second), START + RESET), None);
}

/// Whoever asked before it opened says nothing new.
#[test]
fn late_answers_neither_close_it_nor_put_it_off() {
    let mut book = book();
    open(&mut book, "a", START);
    assert_eq!(book.answered("a", None, START + 1), None);
    assert_eq!(book.failed("a", None, START + RESET - 1, 0.0), None);
    assert!(book.is_open("a"));
    assert!(matches!(book.ask("a", START + RESET), Route::Probe(_)));
}

#[test]
fn one_failure_of_its_own_is_enough_while_another_is_open() {
    let mut book = book();
    open(&mut book, "a", START);
    assert_eq!(book.ask("b", START + 1), Route::Store, "but not none");
    assert_eq!(book.failed("b", None, START + 1, 0.0), Some(Change::Opened(Some("b".into()))));
    // That was long ago: what is open has not been tried since.
    let later = START + 4 * RESET;
    assert_eq!(book.failed("c", None, later, 0.0), None);
}

#[test]
fn what_one_finds_to_be_back_the_others_try_at_once() {
    let mut book = book();
    open(&mut book, "a", START);
    open(&mut book, "b", START + RESET - 1);
    let now = START + RESET;
    assert_eq!(book.ask("b", now), Route::Elsewhere);
    for _ in 0..3 {
        probe(&mut book, "a", now, true);
    }
    assert!(book.is_open("b"), "it is for b's own questions to show");
    assert_eq!(probe(&mut book, "b", now, true), None);
    // And a single failure is a single failure again.
    assert_eq!(book.failed("c", None, now + 1, 0.0), None);
    assert_eq!(book.status("c", now + 1), BreakerStatus::Closed { failures: 1 });
}

#[test]
fn a_reset_closes_it() {
    let mut book = book();
    open(&mut book, "a", START);
    assert_eq!(book.reset("a"), Some(Change::Closed(Some("a".into()))));
    assert_eq!(book.reset("a"), None);
    assert_eq!(book.ask("a", START), Route::Store);
}

/// RX-19: a thousand open ones, and then a crowd of strangers: none is closed, and there are no more records.
#[test]
fn rx_19_overflow_closes_no_open_breaker() {
    let mut book = book();
    let names: Vec<String> = (0..CAPACITY).map(|n| format!("tenant:{n}")).collect();
    for name in &names {
        open(&mut book, name, START);
    }
    for stranger in 0..10 * CAPACITY {
        let name = format!("stranger:{stranger}");
        if book.ask(&name, START + 1) == Route::Store {
            book.failed(&name, None, START + 1, 0.0);
        }
        assert_eq!(book.ask(&name, START + 1), Route::Elsewhere, "strangers share one");
    }
    assert!(names.iter().all(|name| book.ask(name, START + 1) == Route::Elsewhere));
    assert_eq!(book.all(START).count(), CAPACITY + 1);
    // Nor does what is past its time make room: it was not tried yet.
    let late = START + 2 * RESET;
    book.reset("stranger:1");
    book.failed("stranger:1", None, late, 0.0);
    assert!(names.iter().all(|name| book.status(name, late) == BreakerStatus::HalfOpen));
    // The strangers' store is found to be back like any other.
    open(&mut book, "stranger:2", late);
    for _ in 0..2 {
        assert_eq!(probe(&mut book, "stranger:3", late + RESET, true), None);
    }
    assert_eq!(probe(&mut book, "stranger:3", late + RESET, true), Some(Change::Closed(None)));
    assert_eq!(book.all(late).count(), CAPACITY);
}

#[test]
fn closed_ones_make_room_and_the_oldest_first() {
    let mut book = book();
    for n in 0..CAPACITY as u64 {
        book.failed(&format!("tenant:{n}"), None, START + n, 0.0);
    }
    open(&mut book, "new", START + RESET);
    assert_eq!(book.all(START).count(), CAPACITY);
    assert_eq!(book.status("tenant:0", START), BreakerStatus::Closed { failures: 0 });
    assert_eq!(book.status("tenant:1", START), BreakerStatus::Closed { failures: 1 });
}

/// Nobody comes back for it: its place is not lost for ever.
#[test]
fn an_open_one_is_forgotten_when_nobody_has_asked_for_long() {
    let mut book = book();
    for n in 0..CAPACITY {
        open(&mut book, &format!("tenant:{n}"), START);
    }
    let later = START + 12 * RESET;
    book.ask("tenant:0", later - 1);
    book.failed("new", None, later, 0.0);
    assert_eq!(book.all(later).count(), CAPACITY);
    assert_eq!(book.status("new", later), BreakerStatus::Closed { failures: 1 });
    assert!(book.is_open("tenant:0"), "somebody did");
}
