//! What cannot work is refused when the room is built, by name.

use airlock_axum::{Airlock, PassKey, Rate, Seal, Session, WaitingRoom, WaitingRoomBuilder};

use crate::support::{key, secs};

fn refused(seal: Seal, configure: impl FnOnce(WaitingRoomBuilder) -> WaitingRoomBuilder) -> &'static str {
    let airlock = Airlock::builder("shop").seal(seal).build().expect("plain");
    let room = configure(WaitingRoom::builder(airlock, key())).build();
    room.expect_err("it cannot work").field()
}

#[test]
fn contradictions_are_refused() {
    let seal = || Seal::semaphore(1);
    assert_eq!(refused(seal(), |room| room.session(Session::sliding(secs(0)))), "session");
    assert_eq!(refused(seal(), |room| room.session(Session::sliding(secs(29)))), "session", "shorter than the ttl");
    assert_eq!(
        refused(seal(), |room| room.session(Session::fixed(secs(86_401)))),
        "session",
        "longer than the longest"
    );
    assert_eq!(refused(seal(), |room| room.longest_session(secs(366 * 86_400))), "longest_session");
    assert_eq!(refused(seal(), |room| room.per_address(0)), "per_address");
    assert_eq!(refused(seal(), |room| room.in_flight(0)), "in_flight");
    assert_eq!(refused(seal(), |room| room.poll_budget(0)), "poll_budget");
    assert_eq!(refused(seal(), |room| room.queued_status(http::StatusCode::OK).poll_budget(999)), "poll_budget");
    assert_eq!(refused(seal(), |room| room.queued_status(http::StatusCode::IM_A_TEAPOT)), "queued_status");
    for domain in ["", ".", "-a", "a b", "a;b", "ä", "a\r\nset-cookie: x"] {
        assert_eq!(refused(seal(), |room| room.domain(domain)), "domain", "{domain}");
    }
    assert_eq!(refused(Seal::rate(Rate::per_minute(1)), |room| room), "airlock");
}

#[test]
fn new_users_may_be_so_many_in_a_time_besides() {
    let seal = Seal::semaphore(10).with_rate(Rate::per_minute(50));
    let airlock = Airlock::builder("shop").seal(seal).build().expect("plain");
    let _room = WaitingRoom::new(airlock, PassKey::generate());
}

#[test]
#[should_panic(expected = "cannot stand in a path")]
fn no_room_has_a_name_that_no_path_has() {
    let airlock = Airlock::builder("..").seal(Seal::lock()).build().expect("plain");
    let _room = WaitingRoom::new(airlock, PassKey::generate());
}

#[test]
fn a_key_is_long_and_never_shown() {
    assert_eq!(PassKey::new(&[7; 31]).expect_err("too short").field(), "key");
    let key = PassKey::new(b"a long enough key, of 32 bytes, or more").expect("long enough");
    assert_eq!(format!("{key:?}"), "PassKey(1 key)");
    let missing = PassKey::from_env("AIRLOCK_NO_SUCH_KEY").expect_err("not set").to_string();
    assert!(missing.contains("AIRLOCK_NO_SUCH_KEY") && missing.contains("openssl"), "{missing}");
}
