//! Whatever a client sends, it gets a clear answer; nothing is worked on, and nothing is lost.

use airlock_tests::flagship::Flagship;
use http::{Method, StatusCode};

use crate::client::{Client, wait_for};
use crate::raw::raw;

/// A request line, headers, and what the answer is to be: its status, and its `Airlock-Status` where it has one.
type Row = (&'static str, Vec<u8>, u16, &'static str);

fn row(line: &'static str, headers: &[u8], status: u16, said: &'static str) -> Row {
    (line, headers.to_vec(), status, said)
}

fn rows() -> Vec<Row> {
    let acme = b"x-tenant: acme\r\n";
    let header = |name: &str, value: &[u8]| [name.as_bytes(), b": ", value, b"\r\n"].concat();
    let mut rows = Vec::new();

    // The query, on every route that has one.
    for line in [
        "POST /imports?ms=abc",
        "POST /imports?ms=-1",
        "POST /imports?ms=1.5",
        "POST /imports?ms=",
        "POST /imports?ms",
        "POST /imports?ms=60001",
        "POST /imports?ms=18446744073709551615",
        "POST /imports?ms=18446744073709551616",
        "POST /imports?ms=99999999999999999999999999999999",
        "POST /imports?ms=1&ms=2",
        "POST /imports?ms=%00",
        "POST /imports?ms=%ff",
        "POST /imports?ms=0x10",
        "POST /imports?ms=NaN",
        "POST /imports?chunks=0",
        "POST /shared?ms=abc",
        "POST /shared?ms=60001",
        "GET /stream?chunks=0",
        "GET /stream?chunks=10001",
        "GET /stream?chunks=-1",
        "GET /stream?chunks=1&chunks=1",
        "GET /stream?chunks=4294967296",
        "GET /stream?ms=60001",
        "HEAD /stream?chunks=0",
    ] {
        rows.push(row(line, acme, 400, ""));
    }

    // Who asks.
    for line in ["POST /imports?ms=1", "GET /stream?ms=1&chunks=1"] {
        rows.push(row(line, b"", 400, "unidentified"));
        rows.push(row(line, b"x-tenant:\r\n", 400, "unidentified"));
        rows.push(row(line, b"x-tenant:   \t \r\n", 400, "unidentified"));
        rows.push(row(line, b"x-tenant: acme\r\nx-tenant: acme\r\n", 400, "unidentified"));
        rows.push(row(line, b"x-tenant: acme\r\nX-Tenant: globex\r\n", 400, "unidentified"));
        for value in [&[b'x'; 513][..], b"a\tb", b"\xff", b"acme\xc3", b"a\xc2\x9fb"] {
            rows.push((line, header("x-tenant", value), 400, "invalid"));
        }
    }
    for name in ["x-user", "x-tenant"] {
        rows.push(("POST /shared", header(name, b""), 400, "unidentified"));
        rows.push(("POST /shared", [header(name, b"ada"), header(name, b"ada")].concat(), 400, "unidentified"));
        for value in [&[b'x'; 513][..], b"a\tb", b"\xfe\xff"] {
            rows.push(("POST /shared", header(name, value), 400, "invalid"));
        }
    }
    for value in ["", "high", "1.5", "2147483648", "-2147483649", "1e3", "0x1", "99999999999999999999", "1 2", "--1"] {
        rows.push(("POST /shared", header("x-priority", value.as_bytes()), 400, "invalid"));
    }
    rows.push(row("POST /shared", b"x-priority: 1\r\nx-priority: 1\r\n", 400, "invalid"));
    rows.push(row("POST /shared", b"x-priority: \xff\r\n", 400, "invalid"));

    // Methods and paths.
    for line in [
        "GET /imports",
        "PUT /imports",
        "DELETE /imports",
        "PATCH /imports",
        "HEAD /imports",
        "OPTIONS /imports",
        "NONSENSE /imports",
        "GET /shared",
        "POST /stream",
        "POST /healthz",
        "DELETE /",
        "POST /",
    ] {
        rows.push(row(line, acme, 405, ""));
    }
    for line in [
        "POST /",
        "POST /import",
        "POST /imports/",
        "POST //imports",
        "POST /imports/1",
        "POST /IMPORTS",
        "POST /imports%2f",
        "POST /%00",
        "GET /../etc/passwd",
        "GET /.airlock/imports/status",
        "GET /streams",
        "TRACE /nothing",
    ] {
        rows.push(row(line, acme, if line == "POST /" { 405 } else { 404 }, ""));
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_requests_get_a_clear_answer_and_take_nothing() {
    let server = Flagship::start(&["--tenant-limit", "2", "--limit", "2", "--wait", "60"]);
    let rows = rows();
    assert!(rows.len() >= 40);
    for (line, headers, status, said) in rows {
        let head = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        let answer = raw(server.address(), &[head.as_bytes(), &headers, b"\r\n"].concat()).await;
        let what = format!("{line} with {:?}: {answer}", String::from_utf8_lossy(&headers));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}");
        let found = answer.lines().find_map(|line| line.strip_prefix("airlock-status: ")).unwrap_or("");
        assert_eq!(found, said, "{what}");
        if status == 400 && !line.starts_with("HEAD") {
            assert!(answer.contains("content-type: application/problem+json\r\n"), "{what}");
            assert!(answer.contains("\"detail\":\""), "{what}");
        }
    }
    assert_is_whole(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_gets_a_4xx_and_takes_nothing() {
    let server = Flagship::start(&["--tenant-limit", "2", "--limit", "2", "--wait", "60"]);
    let acme = "host: x\r\nconnection: close\r\nx-tenant: acme\r\n";
    let head = |line: &str, headers: &str| format!("{line}\r\n{acme}{headers}\r\n").into_bytes();
    let wrong = [
        b"\r\n\r\n\0".to_vec(),
        b"nonsense\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        head("POST /imports", ""),
        head("POST /imports HTTP/9.9", ""),
        head("POST /imports HTTP/1.1 x", ""),
        head("POST  /imports HTTP/1.1", ""),
        head("PO ST /imports HTTP/1.1", ""),
        head("P\u{f6}ST /imports HTTP/1.1", ""),
        head("POST imports HTTP/1.1", ""),
        head("POST /im ports HTTP/1.1", ""),
        head("POST /imports\0 HTTP/1.1", ""),
        head("POST http://[::1/imports HTTP/1.1", ""),
        head("POST /imports HTTP/1.1", "no colon\r\n"),
        head("POST /imports HTTP/1.1", "x-tenant : acme\r\n"),
        head("POST /imports HTTP/1.1", ": empty\r\n"),
        head("POST /imports HTTP/1.1", "x-b\u{e4}d: 1\r\n"),
        head("POST /imports HTTP/1.1", "x-null: a\0b\r\n"),
        head("POST /imports HTTP/1.1", "x-return: a\rb\r\n"),
        head("POST /imports HTTP/1.1", "x-escape: \x1b[2J\r\n"),
        head("POST /imports HTTP/1.1", "content-length: -1\r\n"),
        head("POST /imports HTTP/1.1", "content-length: x\r\n"),
        head("POST /imports HTTP/1.1", "content-length: 1\r\ncontent-length: 2\r\n"),
        head("POST /imports HTTP/1.1", "content-length: 99999999999999999999\r\n"),
        head("POST /imports HTTP/1.1", "transfer-encoding: gzip\r\n"),
        head("POST /imports HTTP/1.1", &"x-many: 1\r\n".repeat(200)),
        head("POST /imports HTTP/1.1", &format!("x-long: {}\r\n", "x".repeat(1_000_000))),
        head(&format!("POST /imports?{} HTTP/1.1", "x".repeat(100_000)), ""),
    ];
    for bytes in wrong {
        let answer = raw(server.address(), &bytes).await;
        let what = format!("{:.80?}: {answer:.200}", String::from_utf8_lossy(&bytes));
        // Where more was sent than it wanted to read, the answer may get lost with the connection.
        let cut_off = bytes.len() > 100_000 && answer.is_empty();
        assert!(cut_off || answer.starts_with("HTTP/1.1 4"), "{what}");
        assert!(!answer.contains("airlock-status"), "{what}");
    }
    // Cut off in the middle of the head.
    drop(tokio::net::TcpStream::connect(server.address()).await.unwrap());
    assert_is_whole(&server).await;
}

/// Nobody was let in so far; and a full complement is, of each gate.
async fn assert_is_whole(server: &Flagship) {
    let log = server.log();
    assert!(log.is_empty(), "nothing was decided, let alone worked on: {log:#?}");
    let client = Client::of(server);
    let mut working = Vec::new();
    for path in ["/imports?ms=60000", "/shared?ms=60000"] {
        for _ in 0..2 {
            working.push(client.send(Method::POST, path, &[("x-tenant", "acme")]));
            wait_for(server, "admitted", working.len());
        }
    }
    for one in working {
        one.abort();
    }
    wait_for(server, "released", 4);
    assert_eq!(client.post("/imports", &[("x-tenant", "acme")]).await.status, StatusCode::OK);
}
