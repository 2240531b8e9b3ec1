//! Several at once: who runs, who waits, and who does not.

use crate::place::{Place, output};

#[test]
fn one_at_a_time_and_who_finds_no_room_runs_nothing() {
    for place in Place::all() {
        let mut inside = place.inside(&[]);
        assert_eq!(place.code(&[], &["sh", "-c", "exit 3"]), Some(75), "{}", place.store);
        assert_eq!(place.code(&["--wait", "300ms"], &["sh", "-c", "exit 3"]), Some(75), "{}", place.store);
        // Another name is another place.
        assert_eq!(output(place.run_as("other", &[]).args(["--", "true"])).status.code(), Some(0));
        inside.end_with(0);
        assert_eq!(inside.wait().code(), Some(0));
        // Free at once, whatever the ttl.
        assert_eq!(place.code(&[], &["sh", "-c", "exit 3"]), Some(3), "{}", place.store);
    }
}

#[test]
fn who_waits_is_let_in_when_the_command_before_has_ended() {
    for place in Place::all() {
        let mut first = place.inside(&[]);
        let mut second = place.start(&["--wait", "1m"]);
        place.wait_for_line(1);
        assert!(!second.has_entered(), "{}", place.store);
        first.end_with(7);
        assert_eq!(first.wait().code(), Some(7));
        second.enters();
        assert!(second.fence > first.fence, "{} after {}", second.fence, first.fence);
        second.end_with(0);
        assert_eq!(second.wait().code(), Some(0));
    }
}

#[test]
fn of_each_name_as_many_as_the_limit() {
    for place in Place::all() {
        let mut inside = [(); 3].map(|()| place.inside(&["--limit", "3"]));
        assert_eq!(place.code(&["--limit", "3"], &["true"]), Some(75), "{}", place.store);
        inside[1].end_with(0);
        assert_eq!(inside[1].wait().code(), Some(0));
        assert_eq!(place.code(&["--limit", "3"], &["true"]), Some(0), "{}", place.store);
    }
}

/// Many processes, one counter in a file that is read and written without any care.
#[test]
fn however_many_come_each_has_its_turn_alone() {
    for place in Place::all() {
        let counter = place.folder.path().join("counter");
        std::fs::write(&counter, "0\n").unwrap();
        let script = r#"n=$(cat "$0"); echo $((n + 1)) > "$0""#;
        let mut all: Vec<_> = (0..20)
            .map(|_| {
                let mut run = place.run(&["--wait", "1m"]);
                run.args(["--", "sh", "-c", script]).arg(&counter);
                run.spawn().expect("it starts")
            })
            .collect();
        for one in &mut all {
            assert_eq!(one.wait().unwrap().code(), Some(0), "{}", place.store);
        }
        assert_eq!(std::fs::read_to_string(&counter).unwrap(), "20\n", "{}", place.store);
    }
}

/// Who is told to go while it waits leaves the line, and holds nobody up who was behind it.
#[test]
fn who_is_interrupted_leaves_the_line() {
    for place in Place::all() {
        let mut first = place.inside(&[]);
        let mut second = place.start(&["--wait", "forever"]);
        place.wait_for_line(1);
        let mut third = place.start(&["--wait", "forever"]);
        place.wait_for_line(2);
        second.signal("INT");
        assert_eq!(second.wait().code(), Some(130), "{}", place.store);
        // Not when the others notice that nobody asks any more.
        assert_eq!(place.in_line(), 1, "{}", place.store);
        first.end_with(0);
        third.enters();
        third.end_with(0);
        assert_eq!((first.wait().code(), third.wait().code()), (Some(0), Some(0)));
    }
}
