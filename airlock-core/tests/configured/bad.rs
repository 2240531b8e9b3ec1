//! What is wrong is refused, with its path, its line and what was expected.

use airlock_core::config::{Airlocks, Format, Problems};

/// What has to be said of a text: the path, the line (0 where there is none), and a part of what is wrong.
type Case = (&'static str, &'static str, usize, &'static str);

/// Where nothing of this process's own environment is in the way.
pub(crate) async fn problems(text: &str, format: Format, variables: &[(&str, &str)]) -> Problems {
    let built = Airlocks::builder().text(text, format).environment(variables.iter().copied()).build().await;
    built.expect_err(text)
}

/// Checks that this and nothing else is said of each.
async fn are_refused(format: Format, cases: &[Case]) {
    let mut otherwise = Vec::new();
    for (text, path, line, what) in cases {
        let problems = problems(text, format, &[]).await;
        let found: Vec<_> = problems.iter().collect();
        let is_it = matches!(found[..], [problem] if problem.path() == *path
            && problem.line().unwrap_or(0) == *line
            && problem.what().contains(what));
        if !is_it {
            otherwise.push(format!("{text}\n-- has to be {path:?}, {line}, {what:?}, and is\n{problems}\n"));
        }
    }
    assert!(otherwise.is_empty(), "{}", otherwise.join("\n"));
}

#[tokio::test]
async fn what_is_wrong_in_toml_is_said_with_its_path_and_line() {
    are_refused(
        Format::Toml,
        &[
            ("", "", 0, "there is no airlock"),
            ("[a\n", "", 1, "this is no TOML"),
            ("[a]\nseal = 'lock'\nseal = 'lock'\n", "", 3, "duplicate"),
            ("a = 1", "a", 1, "expected a table, found a number"),
            ("seal = 'lock'", "name", 0, "what the airlock is called"),
            ("name = ''\nseal = 'lock'", "", 0, "empty"),
            ("[a]\n", "a.seal", 1, "say how many may be inside"),
            (
                "[a]\nseal = 'padlock'",
                "a.seal",
                2,
                "expected one of `lock`, `semaphore`, `rate`, `cooldown`, found \"padlock\"",
            ),
            ("[a]\nseal = 3", "a.seal", 2, "expected a table, found a number"),
            ("[a.seal]\nlimit = 3", "a.seal.kind", 1, "one of `lock`, `semaphore`"),
            ("[a]\nseal = 'semaphore'", "a.seal.limit", 2, "how many may be inside"),
            ("[a.seal]\nkind = 'semaphore'\nlimit = -1", "a.seal.limit", 3, "from 0 to 4294967295, found -1"),
            ("[a.seal]\nkind = 'semaphore'\nlimit = 1.5", "a.seal.limit", 3, "a whole number"),
            ("[a.seal]\nkind = 'semaphore'\nlimit = 'two'", "a.seal.limit", 3, "found \"two\""),
            ("[a.seal]\nkind = 'semaphore'\nlimit = '2'", "a.seal.limit", 3, "found \"2\""),
            ("[a.seal]\nkind = 'semaphore'\nlimit = 4294967296", "a.seal.limit", 3, "found 4294967296"),
            ("[a.seal]\nkind = 'semaphore'\nlimt = 2\nlimit = 2", "a.seal.limt", 3, "did you mean `limit`?"),
            ("[a.seal]\nkind = 'lock'\nttl = 30", "a.seal.ttl", 3, "a time such as"),
            ("[a.seal]\nkind = 'lock'\nttl = 'soon'", "a.seal.ttl", 3, "found \"soon\""),
            ("[a.seal]\nkind = 'lock'\nttl = '0s'", "a.seal.ttl", 3, "between 1 µs and 365 days"),
            ("[a.seal]\nkind = 'lock'\nttl = '2years'", "a.seal.ttl", 3, "between 1 µs and 365 days"),
            ("[a.seal]\nkind = 'lock'\nlimit = 1", "a.seal.limit", 3, "there is no such key here"),
            ("[a.seal]\nkind = 'rate'\nper = '1m'", "a.seal.count", 1, "how many"),
            ("[a.seal]\nkind = 'rate'\ncount = 5", "a.seal.per", 1, "in what time"),
            ("[a.seal]\nkind = 'rate'\ncount = 0\nper = '1m'", "a.seal.count", 3, "from 1 to 4294967295, found 0"),
            (
                "[a.seal]\nkind = 'rate'\ncount = 5\nper = '1m'\nttl = '1m'",
                "a.seal.ttl",
                5,
                "there is no such key here",
            ),
            ("[a.seal]\nkind = 'cooldown'", "a.seal.every", 1, "how long until the next"),
            ("[a.seal]\nkind = 'lock'\nrate = 5", "a.seal.rate", 3, "expected a table, found a number"),
            ("[a.seal]\nkind = 'lock'\nrate = { count = 5 }", "a.seal.rate.per", 3, "in what time"),
            ("[a]\nseal = 'lock'\nadmission = 'raffle'", "a.admission", 3, "`fifo`"),
            ("[a]\nseal = 'lock'\nadmission = { kind = 'priority', aging = -1 }", "a.admission.aging", 3, "0 or more"),
            ("[a]\nseal = 'lock'\nadmission = { kind = 'priority', aging = nan }", "a.admission.aging", 3, "0 or more"),
            (
                "[a]\nseal = 'lock'\n[a.admission]\nkind = 'aging-lottery'\nbase = 1\nmax = 10",
                "a.admission.per_second",
                3,
                "a number",
            ),
            (
                "[a]\nseal = 'lock'\nadmission = { kind = 'fair-share', shares = { acme = 0 } }",
                "a.admission.shares.acme",
                3,
                "a number above 0, found 0",
            ),
            ("[a]\nseal = 'lock'\nline = { capacity = -5 }", "a.line.capacity", 3, "0 or more, found -5"),
            ("[a]\nseal = 'lock'\nline = { on_missed = 'shrug' }", "a.line.on_missed", 3, "one of `drop`, `requeue`"),
            ("[a]\nseal = 'lock'\non_reentry = 'maybe'", "a.on_reentry", 3, "one of `refuse`, `share`"),
            ("[a]\nseal = 'lock'\nrevision = 'new'", "a.revision", 3, "a whole number"),
            ("[a]\nseal = 'lock'\nstore = 'fleet'", "a.store", 3, "there is no store \"fleet\""),
            (
                "[a]\nseal = 'lock'\nstore = 'flet'\n[stores.fleet]\nkind = 'memory'",
                "a.store",
                3,
                "did you mean `fleet`?",
            ),
            ("[a]\nseal = 'lock'\nstore = 5", "a.store", 3, "expected a name or a table, found a number"),
            ("[a]\nseal = 'lock'\nstore = { kind = 'postgres' }", "a.store.kind", 3, "`redis`, `sqlite`, `file`"),
            ("[a]\nseal = 'lock'\nstore = { kind = 'redis' }", "a.store.url", 3, "redis://127.0.0.1:6379/0"),
            ("[a]\nseal = 'lock'\n[a.store]\nkind = 'redis'\nurl = 'http://x'", "a.store.url", 5, ""),
            ("[a]\nseal = 'lock'\n[a.store]\nkind = 'sqlite'\npath = ''", "a.store.path", 5, "expected a path"),
            (
                "[a]\nseal = 'lock'\n[a.store]\nkind = 'sqlite'\npath = '/nowhere/at/all.db'",
                "a.store.path",
                5,
                "it cannot be opened",
            ),
            (
                "[a]\nseal = 'lock'\n[a.store]\nkind = 'file'\npath = '/dev/null'",
                "a.store.path",
                5,
                "it cannot be opened",
            ),
            (
                "[a]\nseal = 'lock'\n[a.store]\nkind = 'file'\npath = 'x'\nclean_older_than = '1h'",
                "a.store.clean_older_than",
                6,
                "without `clean_every`",
            ),
            ("[a]\nseal = 'lock'\noutage = 'admit'", "a.outage", 3, "never away"),
            ("[a]\nseal = 'lock'\nstore_timeout = '0s'", "a.store_timeout", 3, "between 1 µs and 365 days"),
            ("[a]\nseal = 'lock'\nhealth = { threshold = 2 }", "a.health.threshold", 3, "from 0 to 1"),
            ("[a]\nseal = 'lock'\nnotifier = 'hub'", "a.notifier", 3, "there is no notifier \"hub\""),
            (
                "[a]\nseal = 'lock'\n[a.notifier]\nkind = 'mercure'\nhub = 'https://hub.example'",
                "a.notifier.key",
                3,
                "32 bytes",
            ),
            ("[a]\nseal = 'lock'\nswitch = 'ajar'", "a.switch", 3, "ajar"),
            ("[a]\nseal = 'lock'\nemergency_file = 5", "a.emergency_file", 3, "expected a path"),
            ("[a]\nseal = 'lock'\n[stores]\nfleet = 'redis'", "stores.fleet", 4, "expected a table"),
            ("[a]\nseal = 'lock'\nstroe = 'memory'", "a.stroe", 3, "did you mean `store`?"),
            ("limit = 5\n[a]\nseal = 'lock'", "limit", 1, "expected a table, found a number"),
            ("revision = 5\n[a]\nseal = 'lock'", "revision", 1, "put it into one of them"),
            ("[a]\nseal = [1]", "a.seal", 2, "expected a table, found"),
            ("[a]\nseal = 1979-05-27", "a.seal", 2, "expected a table, found"),
            ("[a]\nseal = '${NOWHERE}'", "a.seal", 2, "the variable NOWHERE is not set"),
            ("[a]\nseal = '${NOWHERE'", "a.seal", 2, "no `}`"),
            ("[a]\nseal = '${NO WHERE}'", "a.seal", 2, "expected a variable in the braces"),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_same_in_yaml_and_json() {
    are_refused(
        Format::Yaml,
        &[
            ("a:\n  seal: padlock\n", "a.seal", 2, "found \"padlock\""),
            ("a:\n  seal:\n    kind: semaphore\n    limit: many\n", "a.seal.limit", 4, "found \"many\""),
            ("a: [\n", "", 2, "this is no YAML"),
            ("a: &x\n  seal: lock\nb: *x\n", "", 2, "anchor"),
            ("- seal: lock\n", "", 1, "expected a table"),
            ("a:\n  seal: lock\n  seal: lock\n", "", 3, "is there twice"),
            ("a:\n  seal: lock\n---\nb:\n  seal: lock\n", "", 3, "document"),
        ],
    )
    .await;
    are_refused(
        Format::Json,
        &[
            ("{\n\"a\": {\n\"seal\": \"padlock\"}}", "a.seal", 3, "found \"padlock\""),
            ("{\n\"a\": {\"seal\": {\"kind\": \"semaphore\",\n\"limit\": 1e3}}}", "a.seal.limit", 3, "a whole number"),
            ("{\n\"a\": {\"seal\": null}}", "a.seal", 2, "expected a table, found"),
            ("{\n\"a\": ", "", 2, "this is no JSON"),
            ("[]", "", 1, "expected a table"),
            ("{\"a\": {\"seal\": \"lock\",\n\"seal\": \"lock\"}}", "", 2, "is there twice"),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_the_environment_says_is_checked_as_well_and_named() {
    let text = "[imports]\nseal = { kind = 'semaphore', limit = 2 }\n[other-one]\nseal = 'lock'\n";
    for (variable, value, path, what) in [
        ("AIRLOCK__IMPORTS__SEAL__LIMIT", "many", "imports.seal.limit", "a whole number"),
        ("AIRLOCK__IMPORTS__SEAL__LIMIT", "-1", "imports.seal.limit", "a whole number"),
        ("AIRLOCK__IMPORTS__SEAL__TTL", "soon", "imports.seal.ttl", "a time such as"),
        (
            "AIRLOCK__IMPORT__SEAL__LIMIT",
            "5",
            "import",
            "there is no airlock of that name in the configuration; did you mean `imports`?",
        ),
        ("AIRLOCK__IMPORTS__SEAL__LIMT", "5", "imports.seal.limt", "did you mean `limit`?"),
        ("AIRLOCK__IMPORTS__SEAL", "padlock", "imports.seal", "one of `lock`"),
        ("AIRLOCK__OTHER_ONE__SEAL__TTL", "5s", "other-one.seal", "it has no keys"),
        ("AIRLOCK__IMPORTS__SEAL__LIMIT__MORE", "5", "imports.seal.limit", "it has no keys"),
        ("AIRLOCK__", "5", "", "it names no key"),
        ("AIRLOCK__IMPORTS____LIMIT", "5", "", "it names no key"),
        ("AIRLOCK__STORES__FLEET__URL", "redis://x", "stores", ""),
    ] {
        let problems = problems(text, Format::Toml, &[(variable, value)]).await;
        let [problem] = problems.iter().collect::<Vec<_>>()[..] else { panic!("{variable}\n--\n{problems}") };
        assert_eq!((problem.variable(), problem.line()), (Some(variable), None), "{problems}");
        assert!(problem.path().starts_with(path) && problem.what().contains(what), "{variable}: {problems}");
        assert!(problem.to_string().starts_with(&format!("{variable}: ")), "{problems}");
    }
}

#[tokio::test]
async fn all_of_it_is_said_at_once_in_its_order() {
    let text = "[a]\nseal = { kind = 'semaphore', limit = -1, ttl = 'x' }\nstroe = 'y'\n\n[b]\nadmission = 'raffle'\n\n[stores.fleet]\nkind = 'redis'\nprefix = 'a b'\n";
    let problems = problems(text, Format::Toml, &[("AIRLOCK__A__REVISION", "old")]).await;
    let said: Vec<_> = problems.iter().map(|problem| (problem.path(), problem.line().unwrap_or(0))).collect();
    let expected = [
        ("a.seal.limit", 2),
        ("a.seal.ttl", 2),
        ("a.stroe", 3),
        ("b.seal", 5),
        ("b.admission", 6),
        ("stores.fleet.url", 8),
        ("a.revision", 0),
    ];
    for each in expected {
        assert!(said.contains(&each), "{each:?} is not in\n{problems}");
    }
    let lines: Vec<_> = problems.iter().filter_map(|problem| problem.line()).collect();
    assert!(lines.is_sorted(), "{problems}");
    assert_eq!(problems.to_string().lines().count(), said.len());
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    for (format, open, close) in
        [(Format::Toml, "{ a = ", " }"), (Format::Json, "{\"a\": ", "}"), (Format::Yaml, "{a: ", "}")]
    {
        let nested = |levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        let begin = if format == Format::Toml { "a = " } else { "" };
        let deep = problems(&format!("{begin}{}", nested(20)), format, &[]).await.to_string();
        assert!(deep.contains("the 16 levels that are allowed"), "{format:?}: {deep}");
        // Nor does it end the program.
        problems(&format!("{begin}{}", nested(20_000)), format, &[]).await;
        problems(&format!("{begin}{}", "[".repeat(100_000)), format, &[]).await;
    }
    let large = format!("# {}\n", "x".repeat(1 << 20));
    assert!(problems(&large, Format::Toml, &[]).await.to_string().contains("larger than 1048576 bytes"));
    let many: String = (0..1001).map(|number| format!("[a{number}]\nseal = 'lock'\n")).collect();
    assert!(problems(&many, Format::Toml, &[]).await.to_string().contains("there are 1001 airlocks; at most 1000"));
    let wrong: String = (0..500).map(|number| format!("[a{number}]\nseal = 'padlock'\n")).collect();
    let problems = problems(&wrong, Format::Toml, &[]).await;
    assert_eq!(problems.iter().count(), 100);
    assert!(problems.to_string().ends_with("\nand 400 more"), "{problems}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, bytes, what) in [
        ("airlock.ini", &b"x"[..], "`.toml`, `.yaml`, `.yml` or `.json`"),
        ("latin.toml", b"# \n# caf\xe9\n", ":2: it is no UTF-8"),
        ("wrong.toml", b"[a]\nseal = 'padlock'\n", ":2: a.seal: "),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        let problems = Airlocks::from_file(&path).await.unwrap_err().to_string();
        assert!(problems.contains(name) && problems.contains(what), "{problems}");
    }
    let problems = Airlocks::from_file(folder.path().join("none.toml")).await.unwrap_err().to_string();
    assert!(problems.contains("none.toml") && problems.contains("cannot be read"), "{problems}");
}
