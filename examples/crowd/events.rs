//! A stream of server-sent events.

use std::time::Duration;

use axum::body::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::client::Told;

/// The longest event, in bytes.
const LONGEST: usize = 64 << 10;
/// A room says something at least this often.
const SILENCE: Duration = Duration::from_secs(60);

pub(crate) struct Events {
    body: Incoming,
    read: Vec<u8>,
    /// How soon to come back when it has ended.
    pub(crate) retry: Duration,
    /// The last id.
    pub(crate) last: Option<String>,
}

/// One event.
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) told: Told,
}

impl Events {
    pub(crate) fn new(body: Incoming) -> Self {
        Events { body, read: Vec::new(), retry: Duration::from_secs(1), last: None }
    }

    /// The next event; none when the stream has ended, or is broken.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.read.drain(..end + 2).collect();
                if let Some(event) = self.event(&String::from_utf8_lossy(&block)) {
                    return Some(event);
                }
            }
            let more = self.more().await?;
            self.read.extend_from_slice(&more);
            if self.read.len() > LONGEST {
                return None;
            }
        }
    }

    async fn more(&mut self) -> Option<Bytes> {
        loop {
            let frame = tokio::time::timeout(SILENCE, self.body.frame()).await.ok()??;
            if let Ok(data) = frame.ok()?.into_data() {
                return Some(data);
            }
        }
    }

    fn event(&mut self, block: &str) -> Option<Event> {
        let (mut name, mut data) = (None, "");
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => name = Some(value.to_owned()),
                "data" => data = value,
                "id" => self.last = Some(value.to_owned()),
                "retry" => self.retry = Duration::from_millis(value.parse().unwrap_or(1000)),
                _ => {}
            }
        }
        Some(Event { name: name?, told: serde_json::from_str(data).unwrap_or_default() })
    }
}
