//! What an open stream of events costs the server.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::crowd::Programs;
use crate::{row, scaled};

/// All of them.
const STREAMS: usize = 5_000;
/// What one may cost, in bytes.
const MOST: usize = 20 * 1024;

/// Opens streams of visitors who wait, and looks at the server's resident memory before and after: a place in line, some 300
/// bytes, is in it as well.
pub(crate) fn open(programs: &Programs) {
    let count = scaled(STREAMS);
    // Nobody gets in, so that all of them wait.
    let shop = programs.open(0, 2 * count);
    let listen = |count: usize| -> Vec<TcpStream> {
        // Each is heard of again at once: a new place is not kept for long.
        (0..count).map(|_| first_event(shop.address(), &visitor(shop.address()))).collect()
    };
    // Some come first and go, so that what the allocator keeps is there before. Their places are kept for a while.
    drop(listen(count / 10));
    std::thread::sleep(Duration::from_secs(1));
    let before = resident(shop.id());
    let streams = listen(count);
    let after = resident(shop.id());
    let each = after.saturating_sub(before) / streams.len();
    row(&format!("{count} streams open at once, bytes each"), &each.to_string(), &MOST.to_string(), each <= MOST);
}

/// A new visitor's cookies.
fn visitor(address: SocketAddr) -> String {
    let mut socket = TcpStream::connect(address).expect("the server listens");
    let request =
        format!("GET /shop HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("it answers");
    let set = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("an identity");
    set.split(';').next().unwrap_or_default().to_owned()
}

/// A stream whose first event has come.
fn first_event(address: SocketAddr, cookie: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("the server listens");
    let request = format!(
        "GET /.airlock/shop/events HTTP/1.1\r\nhost: {address}\r\naccept: text/event-stream\r\ncookie: {cookie}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).expect("it reads");
    let (mut answer, mut piece) = (Vec::new(), [0; 1024]);
    while !answer.windows(15).any(|part| part == b"event: position") {
        let read = socket.read(&mut piece).expect("it answers");
        assert!(read > 0, "the stream has ended: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..read]);
    }
    socket
}

/// What of a process is in memory, in bytes.
fn resident(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is said");
    let kilobytes: usize = line.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number");
    kilobytes * 1024
}
