//! Many requests at once, and how many of them worked at the same time.

use http::StatusCode;
use tokio::task::JoinHandle;

use crate::client::Reply;

/// What all of them were answered, and that all of them worked.
pub(crate) async fn all_done(crowd: Vec<JoinHandle<Reply>>) -> Vec<Reply> {
    let mut replies = Vec::new();
    for reply in crowd {
        let reply = reply.await.expect("no panic");
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        replies.push(reply);
    }
    replies
}

/// How many worked at the same time, at most.
pub(crate) fn most_at_once(replies: &[Reply]) -> usize {
    let spans = replies.iter().map(|reply| (reply.number("started_at_ms"), reply.number("ended_at_ms")));
    most_at_once_of(&spans.collect::<Vec<_>>())
}

/// The same, of those who worked from then to then.
pub(crate) fn most_at_once_of(spans: &[(u64, u64)]) -> usize {
    // Ends are rounded down like starts: who ends in the millisecond in which another starts is gone.
    let at = |now: u64| spans.iter().filter(|(start, end)| *start <= now && now < *end).count();
    spans.iter().map(|(start, _)| at(*start)).max().unwrap_or(0)
}
