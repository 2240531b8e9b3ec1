//! `airlock-run` killed, so that it says goodbye to nobody.

use crate::place::Place;

#[test]
fn the_place_of_one_that_was_killed_is_free_after_its_ttl() {
    for place in Place::all() {
        let mut killed = place.inside(&["--ttl", "2s"]);
        killed.signal("KILL");
        assert_eq!(killed.wait().code(), None);
        let mut next = place.start(&["--wait", "1m"]);
        next.enters();
        assert!(next.fence > killed.fence, "{}", place.store);
        next.end_with(0);
        assert_eq!(next.wait().code(), Some(0));
    }
}

/// While it might still be thought of as running, it is: the place is kept for as long as the ttl says.
#[test]
fn and_not_before() {
    for place in Place::all() {
        let mut killed = place.inside(&["--ttl", "1h"]);
        killed.signal("KILL");
        assert_eq!(killed.wait().code(), None);
        assert_eq!(place.code(&["--wait", "500ms", "--ttl", "1h"], &["true"]), Some(75), "{}", place.store);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn its_command_hears_of_it() {
    let place = Place::file();
    let mut killed = place.inside(&[]);
    killed.signal("KILL");
    assert_eq!(killed.wait().code(), None);
    assert_eq!(killed.next(), "TERM");
}
