//! A stream of events, as it arrives.

use std::time::{Duration, Instant};

use airlock_tests::flagship::{Flagship, PATIENCE};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::visitor::Visitor;

/// An open stream. Dropping it hangs up.
pub(crate) struct Stream {
    stream: TcpStream,
    /// What has arrived and was not looked at.
    read: String,
    pub(crate) head: String,
    /// The longest time in which nothing came.
    pub(crate) silence: Duration,
}

impl Stream {
    /// With further header lines, each with its end. HTTP/1.0, so that nothing stands between the lines of the body.
    pub(crate) async fn open(server: &Flagship, visitor: &Visitor, headers: &str) -> Self {
        let stream = TcpStream::connect(server.address()).await.expect("a server");
        let mut stream = Stream { stream, read: String::new(), head: String::new(), silence: Duration::ZERO };
        let (address, cookie) = (server.address(), visitor.cookie());
        let request =
            format!("GET /.airlock/shop/events HTTP/1.0\r\nhost: {address}\r\ncookie: {cookie}\r\n{headers}\r\n");
        stream.stream.write_all(request.as_bytes()).await.expect("it reads");
        stream.head = stream.until("\r\n\r\n").await.expect("an answer").to_lowercase();
        stream
    }

    /// What comes before that, or nothing at the end.
    async fn until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some((before, after)) = self.read.split_once(end) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.read = after;
                return Some(before);
            }
            let (mut bytes, asked) = ([0; 4096], Instant::now());
            let count = tokio::time::timeout(PATIENCE, self.stream.read(&mut bytes)).await.expect("something in time");
            self.silence = self.silence.max(asked.elapsed());
            match count.expect("a connection") {
                0 => return None,
                count => self.read.push_str(std::str::from_utf8(&bytes[..count]).expect("text")),
            }
        }
    }

    /// The next event's fields, its data read as JSON; at the end nothing but `retry`.
    pub(crate) async fn event(&mut self) -> Value {
        loop {
            let block = self.until("\n\n").await.expect("an event");
            // A comment.
            if block == ":" {
                continue;
            }
            let mut event = json!({});
            for line in block.lines() {
                let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {block}"));
                event[name] = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            }
            return event;
        }
    }

    /// Whether it is over.
    pub(crate) async fn is_over(&mut self) -> bool {
        self.until("\n\n").await.is_none()
    }
}
