use std::sync::Arc;
use std::time::Duration;

use super::Airlock;
use crate::error::{Error, InvalidEntrant};
use crate::gate::{Denial, Enter, Key, NEVER, Outcome, Stay, Verb};
use crate::name::{self, What};
use crate::store::Command;
use crate::token::{Secret, Token};

/// Whether newcomers are let through to the gate at all: what the operator's [switch](crate::Switch) means to them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Door {
    /// They enter or wait, as there is room.
    Open,
    /// They are turned away.
    #[non_exhaustive]
    Closed {
        /// When it opens again, where that is known.
        reopens_in: Option<Duration>,
        /// What the operator has to say about it.
        because: Option<Arc<str>>,
    },
    /// Everybody is let in, uncounted.
    Bypassed,
}

impl Airlock {
    /// How the switch stands for newcomers at a resource. Whoever tells people that wait asks this; whoever enters is told
    /// anyway. To an [observer](crate::observer::Observer) the question is a refusal.
    ///
    /// Where a rate alone limits nobody can ask without using it up, and the answer is always open.
    ///
    /// # Errors
    ///
    /// Unavailable, or invalid when the resource is no valid name.
    pub async fn door(&self, resource: &str) -> Result<Door, Error> {
        name::check(What::Resource, resource).map_err(InvalidEntrant::from)?;
        let spec = &self.inner().spec;
        if !spec.leased {
            return Ok(Door::Open);
        }
        // Somebody too heavy for any limit: the switch is asked before the weight. No heavier than a rate can count.
        let weight = spec.rate.map_or(u32::MAX, |rate| u32::try_from((NEVER / 2) / rate.interval).unwrap_or(u32::MAX));
        let token = Token::new(resource.into(), Secret::random());
        let key = Some(Key::Token(token.secret()));
        let stay = Stay::No;
        let (identity, group, score, per_second, share, cap) = (None, None, 0.0, 0.0, 1.0, 0);
        let heavy = Verb::Enter(Enter { key, identity, group, weight, score, per_second, share, cap, stay });
        Ok(match self.ask(Command::new(resource, heavy)).await?.outcome {
            Outcome::Refused { reason: Denial::Closed, retry_after, because } => {
                Door::Closed { reopens_in: retry_after.map(Duration::from_micros), because }
            }
            Outcome::Admitted(grant) if grant.leased => {
                // An operator who sets the highest limit there is lets even this one in.
                self.give_up(&token).await?;
                Door::Open
            }
            Outcome::Admitted(_) => Door::Bypassed,
            _ => Door::Open,
        })
    }
}
