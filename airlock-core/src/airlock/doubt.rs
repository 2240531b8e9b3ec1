use super::Airlock;
use crate::store::Lease;
use crate::token::Token;

/// Gives a token up with doubt if the command that carries it is abandoned, or fails without saying how.
pub(crate) struct GiveUpOnDrop<'a> {
    airlock: &'a Airlock,
    token: Option<&'a Token>,
}

impl<'a> GiveUpOnDrop<'a> {
    pub(crate) fn new(airlock: &'a Airlock, token: &'a Token) -> Self {
        GiveUpOnDrop { airlock, token: Some(token) }
    }

    pub(crate) fn settle(mut self) {
        self.token = None;
    }
}

impl Drop for GiveUpOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(token) = self.token {
            self.airlock.inner().gates.give_back(&Lease::Token(token.clone()), true);
        }
    }
}
