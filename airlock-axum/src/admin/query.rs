//! What a request asks for, and its bounds.

use airlock_core::{Switch, Whom};
use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;

/// How many a page has, unless it is said, and at most.
const PAGE: u64 = 50;
const LONGEST_PAGE: u64 = 500;
/// As long as a name.
const LONGEST_TEXT: usize = 512;

/// The query, of which every member is known and there once.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        // The decoder would put a mark for what is no text, and mean another name.
        if percent_decode_str(parts.uri.query().unwrap_or_default()).decode_utf8().is_err() {
            return Err(Fault::invalid("The query is not UTF-8."));
        }
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Asked(asked)),
            Err(rejection) => Err(Fault::invalid(format!("{}.", rejection.body_text()))),
        }
    }
}

/// `history=true`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {
    #[serde(default)]
    pub(super) history: bool,
}

/// Some of the resources of an airlock.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    #[serde(default)]
    pub(super) q: String,
    #[serde(default)]
    offset: u64,
    #[serde(default = "page")]
    count: u64,
    #[serde(default)]
    pub(super) history: bool,
}

/// One resource.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct One {
    pub(super) name: String,
    #[serde(default)]
    offset: u64,
    #[serde(default = "page")]
    count: u64,
    #[serde(default)]
    pub(super) history: bool,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paged {
    pub(super) offset: u64,
    pub(super) count: u64,
}

impl Listed {
    pub(super) fn page(&self) -> Result<Paged, Fault> {
        if self.q.len() > LONGEST_TEXT {
            return Err(Fault::invalid(format!("`q` is longer than {LONGEST_TEXT} bytes, which no name is.")));
        }
        paged(self.offset, self.count)
    }
}

impl One {
    pub(super) fn page(&self) -> Result<Paged, Fault> {
        paged(self.offset, self.count)
    }
}

fn page() -> u64 {
    PAGE
}

fn paged(offset: u64, count: u64) -> Result<Paged, Fault> {
    if count > LONGEST_PAGE {
        return Err(Fault::invalid(format!("`count` is more than {LONGEST_PAGE}; ask for the rest by `offset`.")));
    }
    Ok(Paged { offset, count })
}

/// A resource, or all that have no switch of their own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    pub(super) resource: Option<String>,
}

impl Where {
    pub(super) fn the_resource(&self) -> Result<&str, Fault> {
        self.resource.as_deref().ok_or_else(|| Fault::invalid("`resource` is missing: say which one."))
    }
}

/// Who is to be put out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    resource: String,
    identity: Option<String>,
    fence: Option<u64>,
}

impl Who {
    pub(super) fn holder(&self) -> Result<(&str, Whom<'_>), Fault> {
        let whom = match (self.identity.as_deref(), self.fence) {
            (Some(identity), None) => Whom::Inside(identity),
            (None, Some(fence)) => Whom::Fence(fence),
            _ => return Err(Fault::invalid("Either `identity` or `fence` says who is to be put out.")),
        };
        Ok((&self.resource, whom))
    }

    pub(super) fn waiter(&self) -> Result<(&str, Whom<'_>), Fault> {
        match (self.identity.as_deref(), self.fence) {
            (Some(identity), None) => Ok((&self.resource, Whom::InLine(identity))),
            _ => Err(Fault::invalid("`identity` says who is to be put out; who waits has no fence yet.")),
        }
    }
}

/// What a switch is set to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchTo {
    state: State,
    reason: Option<String>,
    reopen_in_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Open,
    Closed,
    Hold,
    Drain,
    Bypass,
}

impl SwitchTo {
    pub(super) fn switch(self) -> Switch {
        let mut switch = match self.state {
            State::Open => Switch::open(),
            State::Closed => Switch::closed(),
            State::Hold => Switch::hold(),
            State::Drain => Switch::drain(),
            State::Bypass => Switch::bypass(),
        };
        if let Some(reason) = self.reason {
            switch = switch.because(reason);
        }
        if let Some(after) = self.reopen_in_ms {
            switch = switch.reopen_in(std::time::Duration::from_millis(after));
        }
        switch
    }
}

/// What a limit is set to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitTo {
    pub(super) limit: u32,
}

/// What a body says.
pub(super) fn said<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| Fault::invalid(format!("The body cannot be understood: {error}.")))
}
