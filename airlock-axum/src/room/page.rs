//! The page that people see while they wait: one document, nothing requested elsewhere.

use std::borrow::Cow;

use airlock_tower::Problem;
use askama::Template;
use http::request::Parts;
use serde::Serialize;

use crate::nonce::Nonce;

/// What the page's script does, for a page of one's own: it fills in what has the attribute `data-airlock`.
pub const PAGE_SCRIPT: &str = include_str!("../../templates/room.js");
/// How the page looks, for a page of one's own.
pub const PAGE_STYLE: &str = include_str!("../../templates/room.css");

/// What the page says. `{}` stands for a number or a time.
///
/// ```
/// use airlock_axum::{PassKey, WaitingRoom, Words, presets};
///
/// # fn main() -> Result<(), airlock_axum::ConfigError> {
/// let words = Words { language: "de".into(), queued: "Sie sind in der Schlange".into(), ..Words::default() };
/// let airlock = presets::fair_waiting_room("shop", 200).build()?;
/// let room = WaitingRoom::builder(airlock, PassKey::generate()).words(words).build()?;
/// # let _ = room;
/// # Ok(())
/// # }
/// ```
#[allow(missing_docs, reason = "each field's default is its documentation")]
#[derive(Clone, Debug, Serialize)]
pub struct Words {
    pub language: Cow<'static, str>,
    pub queued: Cow<'static, str>,
    pub queued_detail: Cow<'static, str>,
    pub position: Cow<'static, str>,
    pub ahead_none: Cow<'static, str>,
    pub ahead_one: Cow<'static, str>,
    pub ahead: Cow<'static, str>,
    pub pool: Cow<'static, str>,
    pub wait_unknown: Cow<'static, str>,
    pub wait_moment: Cow<'static, str>,
    pub wait_minute: Cow<'static, str>,
    pub wait_minutes: Cow<'static, str>,
    pub wait_hours: Cow<'static, str>,
    pub progress: Cow<'static, str>,
    pub offered: Cow<'static, str>,
    pub offered_detail: Cow<'static, str>,
    pub closed: Cow<'static, str>,
    pub closed_detail: Cow<'static, str>,
    pub reopens: Cow<'static, str>,
    pub reopens_moment: Cow<'static, str>,
    pub reopens_minutes: Cow<'static, str>,
    pub reopens_hours: Cow<'static, str>,
    pub busy: Cow<'static, str>,
    pub busy_detail: Cow<'static, str>,
    pub missed: Cow<'static, str>,
    pub missed_detail: Cow<'static, str>,
    pub again: Cow<'static, str>,
    pub offline: Cow<'static, str>,
    pub keep_open: Cow<'static, str>,
    pub leave: Cow<'static, str>,
    pub left: Cow<'static, str>,
    pub not_sent_title: Cow<'static, str>,
    pub not_sent: Cow<'static, str>,
    pub go_on: Cow<'static, str>,
}

impl Default for Words {
    fn default() -> Self {
        Words {
            language: "en".into(),
            queued: "You are in line".into(),
            queued_detail: "As many visitors as fit are inside. Your place is kept, and you are let in automatically."
                .into(),
            position: "Your position".into(),
            ahead_none: "You are next.".into(),
            ahead_one: "One person is ahead of you.".into(),
            ahead: "{} people are ahead of you.".into(),
            pool: "{} people wait. Who is next is drawn by lot.".into(),
            wait_unknown: "How long it takes is not known yet.".into(),
            wait_moment: "It takes less than a minute.".into(),
            wait_minute: "It takes about a minute.".into(),
            wait_minutes: "It takes about {} minutes.".into(),
            wait_hours: "It takes about {} hours.".into(),
            progress: "How far you have come".into(),
            offered: "It is your turn".into(),
            offered_detail: "You are let in now.".into(),
            closed: "It is closed".into(),
            closed_detail: "Nobody is let in at the moment. If you are in line, your place is kept.".into(),
            reopens: "It opens again at {}.".into(),
            reopens_moment: "It opens again within a minute.".into(),
            reopens_minutes: "It opens again in about {} minutes.".into(),
            reopens_hours: "It opens again in about {} hours.".into(),
            busy: "There is no room at the moment".into(),
            busy_detail: "Too many visitors are here. This page tries again by itself.".into(),
            missed: "Your place is gone".into(),
            missed_detail: "Your turn came and nobody was here, or the place was not asked for in time.".into(),
            again: "Take a new place".into(),
            offline: "The connection is lost. Your place is kept for a moment; this page tries again.".into(),
            keep_open: "Keep this page open. You may look at others meanwhile.".into(),
            leave: "Leave the line".into(),
            left: "You have left the line.".into(),
            not_sent_title: "This was not sent".into(),
            not_sent: "What you wanted to send was not sent on, because you are not inside, or not any more. \
                       It was not kept either: go on, and send it again when you are in."
                .into(),
            go_on: "Go on".into(),
        }
    }
}

/// What a page is made of, for a page of one's own.
///
/// See [`WaitingRoomBuilder::page`](crate::WaitingRoomBuilder::page) for where it goes.
///
/// All of it but `words` and the path comes from the airlock or the operator. Escape what you put into HTML; `settings` is
/// escaped for a `script` element of the type `application/json` with the id `airlock`, which [`PAGE_SCRIPT`] reads.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PageContext<'a> {
    /// The airlock's name.
    pub airlock: &'a str,
    /// The path under which the room's routes are.
    pub base: &'a str,
    /// What happened, with the place in line where there is one.
    pub problem: &'a Problem,
    /// What to say.
    pub words: &'a Words,
    /// What has to be in the attribute `nonce` of each `style` and `script` element.
    pub nonce: &'a str,
    /// Where to go on: the path that was asked for.
    pub path: String,
    /// Whether something was to be changed, and was not sent on.
    pub not_sent: bool,
    /// Whether nobody is let in at the moment, whoever has a place or has none.
    pub closed: bool,
    /// What the script needs to know.
    pub settings: String,
}

/// What the page is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// What the problem is.
    Problem,
    /// That nothing was sent on.
    NotSent,
    /// That it is closed, to somebody in line.
    Closed,
}

#[derive(Template)]
#[template(path = "room.html")]
struct Page<'a> {
    context: &'a PageContext<'a>,
    title: &'a str,
    detail: &'a str,
    ahead: String,
    wait: String,
    reopens: String,
    style: &'static str,
    script: &'static str,
}

#[derive(Serialize)]
struct Settings<'a> {
    airlock: &'a str,
    base: &'a str,
    state: &'a str,
    position: Option<u64>,
    exact: Option<bool>,
    refresh_after_ms: Option<u64>,
    retry_after_ms: Option<u64>,
    reopens_in_ms: Option<u64>,
    words: &'a Words,
}

impl<'a> PageContext<'a> {
    pub(super) fn new(
        airlock: &'a str,
        base: &'a str,
        problem: &'a Problem,
        words: &'a Words,
        nonce: &'a Nonce,
        parts: &Parts,
        says: Says,
    ) -> Self {
        let not_sent = says == Says::NotSent;
        let millis = |span: std::time::Duration| span.as_millis() as u64;
        let settings = Settings {
            airlock,
            base,
            state: if not_sent { "not-sent" } else { problem.name() },
            position: problem.place().map(|place| place.position),
            exact: problem.place().map(|place| place.position_exact),
            refresh_after_ms: problem.place().map(|place| millis(place.refresh_after)),
            retry_after_ms: problem.retry_after().map(millis),
            reopens_in_ms: problem.reopens_in().map(millis),
            words,
        };
        // Strings and numbers only: there is nothing in it that could fail.
        let settings = serde_json::to_string(&settings).unwrap_or_default();
        PageContext {
            airlock,
            base,
            problem,
            words,
            nonce: nonce.as_str(),
            path: own_path(parts),
            not_sent,
            closed: says == Says::Closed || problem.name() == "closed",
            settings: harmless(&settings),
        }
    }

    pub(super) fn render(&self) -> String {
        let words = self.words;
        let (title, detail) = match self.problem.name() {
            _ if self.not_sent => (&words.not_sent_title, &words.not_sent),
            _ if self.closed => (&words.closed, &words.closed_detail),
            "queued" => (&words.queued, &words.queued_detail),
            _ => (&words.busy, &words.busy_detail),
        };
        let page = Page {
            context: self,
            title,
            detail,
            ahead: self.ahead(),
            wait: self.wait(),
            reopens: self.reopens(),
            style: PAGE_STYLE,
            script: PAGE_SCRIPT,
        };
        // It writes into memory, and nothing in it can fail.
        page.render().unwrap_or_default()
    }

    fn ahead(&self) -> String {
        let Some(place) = self.problem.place() else { return String::new() };
        match place.ahead {
            _ if !place.position_exact => self.words.pool.replace("{}", &place.waiting.to_string()),
            0 => self.words.ahead_none.to_string(),
            1 => self.words.ahead_one.to_string(),
            more => self.words.ahead.replace("{}", &more.to_string()),
        }
    }

    fn wait(&self) -> String {
        let Some(place) = self.problem.place() else { return String::new() };
        if self.closed {
            return String::new();
        }
        let Some(wait) = place.estimated_wait else { return self.words.wait_unknown.to_string() };
        match wait.as_secs() {
            0..45 => self.words.wait_moment.to_string(),
            45..90 => self.words.wait_minute.to_string(),
            seconds @ 90..5400 => self.words.wait_minutes.replace("{}", &((seconds + 30) / 60).to_string()),
            seconds => self.words.wait_hours.replace("{}", &((seconds + 1800) / 3600).to_string()),
        }
    }
}

impl PageContext<'_> {
    /// In words that need no clock and no time zone; the script puts the visitor's own time in their place.
    fn reopens(&self) -> String {
        match self.problem.reopens_in().map(|after| after.as_secs()) {
            None => String::new(),
            Some(0..90) => self.words.reopens_moment.to_string(),
            Some(seconds @ 90..5400) => self.words.reopens_minutes.replace("{}", &((seconds + 30) / 60).to_string()),
            Some(seconds) => self.words.reopens_hours.replace("{}", &((seconds + 1800) / 3600).to_string()),
        }
    }
}

/// The path and query that were asked for, as a link that leads to this host and nowhere else.
fn own_path(parts: &Parts) -> String {
    // Behind a nested router the request's own path is cut short.
    let original = parts.extensions.get::<axum::extract::OriginalUri>().map(|original| &original.0);
    let path = original.unwrap_or(&parts.uri).path_and_query().map_or("/", |path| path.as_str());
    // Two slashes, or a backslash that a browser takes for one, would begin the name of another host.
    format!("/{}", path.trim_start_matches(['/', '\\']))
}

/// JSON that does not end the element that it stands in.
fn harmless(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
