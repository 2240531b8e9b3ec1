//! Its options and what it prints: what cannot work ends it, and what it says to try works.

use std::net::TcpListener;
use std::process::Command;

use airlock_tests::flagship::Flagship;
use serde_json::Value;

#[test]
fn what_cannot_work_ends_it_with_2_and_the_reason() {
    for (options, reason) in [
        (&["--limit", "-1"][..], "--limit"),
        (&["--limit", "many"], "--limit"),
        (&["--limit", "1.5"], "--limit"),
        (&["--limit", "4294967296"], "--limit"),
        (&["--limit", ""], "--limit"),
        (&["--limit"], "--limit"),
        (&["--limit", "1", "--limit", "2"], "--limit"),
        (&["--tenant-limit", "-5"], "--tenant-limit"),
        (&["--tenant-limit", "two"], "--tenant-limit"),
        (&["--line", "-1"], "--line"),
        (&["--line", "99999999999999999999"], "--line"),
        (&["--line", "x"], "--line"),
        (&["--active-users", "-1"], "--active-users"),
        (&["--session", "0.9"], "--session"),
        (&["--session", "NaN"], "--session"),
        (&["--session", "86401"], "--session"),
        (&["--per-address", "0"], "--per-address"),
        (&["--per-address", "-1"], "--per-address"),
        (&["--wait", "-1"], "--wait"),
        (&["--wait", "NaN"], "--wait"),
        (&["--wait", "inf"], "--wait"),
        (&["--wait", "1e300"], "--wait"),
        (&["--wait", "86401"], "--wait"),
        (&["--wait", "5s"], "--wait"),
        (&["--ttl", "0"], "--ttl"),
        (&["--ttl", "-0"], "--ttl"),
        (&["--ttl", "-1"], "--ttl"),
        (&["--ttl", "NaN"], "--ttl"),
        (&["--ttl", "soon"], "--ttl"),
        // Shorter than any lease can be.
        (&["--ttl", "0.0000001"], "ttl"),
        (&["--admission", "raffle"], "--admission"),
        (&["--tenant-cap", "2"], "--tenant-cap"),
        (&["--tenant-cap", "0", "--admission", "fair-share"], "--tenant-cap"),
        (&["--tenant-cap", "-1", "--admission", "fair-share"], "--tenant-cap"),
        (&["--rate", "50"], "--rate"),
        (&["--rate", "0/minute"], "--rate"),
        (&["--rate", "-1/minute"], "--rate"),
        (&["--rate", "x/minute"], "--rate"),
        (&["--rate", "1/fortnight"], "--rate"),
        (&["--rate", "4294967296/minute"], "--rate"),
        (&["--rate", "4294967295/second"], "rate"),
        (&["--admission", "FIFO"], "--admission"),
        (&["--store", "redis"], "--store"),
        (&["--store", ""], "--store"),
        (&["--store", "sqlite:"], "--store"),
        (&["--store", "file:"], "--store"),
        (&["--store", "sqlite:/nowhere/at/all.db"], "/nowhere/at/all.db"),
        (&["--store", "sqlite:/dev/null"], "/dev/null"),
        (&["--store", "file:/dev/null"], "/dev/null"),
        (&["--store", "postgres://127.0.0.1"], "--store"),
        (&["--fallback", "memory"], "--fallback"),
        (&["--fallback", "hope", "--store", "redis://127.0.0.1:1"], "--fallback"),
        (&["--reset-after", "0"], "--reset-after"),
        (&["--listen", "nowhere"], "--listen"),
        (&["--listen", "127.0.0.1"], "--listen"),
        (&["--listen", "127.0.0.1:65536"], "--listen"),
        (&["--listen", "localhost:3000"], "--listen"),
        (&["--listen", ":0"], "--listen"),
        (&["--nonsense"], "--nonsense"),
        (&["-x"], "-x"),
        (&["serve"], "serve"),
    ] {
        let ended = Flagship::run(options);
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{options:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(reason), "{options:?}: {stderr}");
        assert!(stderr.contains("--help"), "{options:?}: {stderr}");
        assert!(ended.stdout.is_empty(), "{options:?}");
    }
}

#[test]
fn a_taken_port_ends_it_with_1_and_the_reason() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = Flagship::run(&["--listen", &address]);
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("error: ") && stderr.contains(&address), "{stderr}");
}

#[test]
fn its_help_names_every_option() {
    let help = Flagship::run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let help = String::from_utf8(help.stdout).unwrap();
    let options = [
        "--listen",
        "--store",
        "--fallback",
        "--reset-after",
        "--admission",
        "--limit",
        "--tenant-limit",
        "--tenant-cap",
        "--rate",
        "--wait",
        "--ttl",
        "--line",
        "--active-users",
        "--session",
        "--per-address",
        "--shadow",
        "--help",
        "--version",
    ];
    for option in options {
        assert!(help.contains(option), "{option} in {help}");
    }
    for word in [
        "opportunistic",
        "fifo",
        "priority",
        "lottery",
        "aging-lottery",
        "fair-share",
        "memory",
        "[default: ",
        "RUST_LOG",
        "AIRLOCK_ADMIN_PASSWORD",
    ] {
        assert!(help.contains(word), "{word} in {help}");
    }
    // And no other: a new one belongs into the list above.
    let mut named: Vec<_> = help
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with('-'))
        .flat_map(|line| line.split([' ', ',', '=']))
        .filter(|word| word.starts_with("--"))
        .collect();
    named.sort_unstable();
    named.dedup();
    let mut options = options.to_vec();
    options.sort_unstable();
    assert_eq!(named, options);
    assert!(Flagship::run(&["--version"]).status.success());
}

/// Runs a line as somebody does who copies it.
fn sh(line: &str) -> String {
    let output = Command::new("sh").arg("-c").arg(line).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{line}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_lines_that_it_prints_work_as_they_stand() {
    let server = Flagship::start(&[]);
    let lines: Vec<_> = server.hints().iter().filter(|line| line.contains("curl")).map(|line| line.trim()).collect();
    let [work, five, shared, stream, nobody, admin, metrics] = lines[..] else { panic!("{lines:#?}") };
    assert!(lines.iter().all(|line| line.contains(&server.address().to_string())));

    let done: Value = serde_json::from_str(&sh(work)).unwrap();
    assert_eq!(done["tenant"], "acme");
    assert!(done["ended_at_ms"].as_u64() >= done["started_at_ms"].as_u64().map(|started| started + 500));

    let answers = sh(five);
    let answers: Vec<Value> =
        serde_json::Deserializer::from_str(&answers).into_iter().collect::<Result<_, _>>().unwrap();
    let done = answers.iter().filter(|answer| answer["tenant"] == "acme").count();
    let refused = answers.iter().filter(|answer| answer["type"] == "urn:airlock:problem#full").count();
    assert_eq!((answers.len(), done, refused), (5, 2, 3), "two of five at once");

    let done: Value = serde_json::from_str(&sh(shared)).unwrap();
    assert!(done["fence"].as_u64() > Some(0));
    assert_eq!(sh(stream).lines().count(), 6);
    let nobody = sh(nobody);
    assert!(nobody.starts_with("HTTP/1.1 400 ") && nobody.contains("airlock-status: unidentified"), "{nobody}");
    let airlocks: Value = serde_json::from_str(&sh(admin)).unwrap();
    assert_eq!(airlocks["airlocks"].as_array().map(Vec::len), Some(3));
    assert!(sh(metrics).contains("airlock_admitted_total{airlock=\"imports\",store=\"memory\"}"));
}

#[test]
fn with_a_wait_all_five_get_in() {
    let server = Flagship::start(&["--wait", "60"]);
    let five = server.hints().iter().find(|line| line.contains("for i in")).unwrap();
    let answers = sh(five);
    let answers: Vec<Value> =
        serde_json::Deserializer::from_str(&answers).into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(answers.iter().filter(|answer| answer["tenant"] == "acme").count(), 5);
}
