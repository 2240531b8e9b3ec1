//! The guide: what to know before, and what to look up after.
//!
//! | chapter | answers |
//! |---|---|
//! | [`concepts`] | what the words mean, and what happens to somebody who asks |
//! | [`choosing_a_strategy`] | who should go next |
//! | [`choosing_ttls`] | how long should anything last that nobody renews |
//! | [`guarantees`] | what is promised, what is not, and what to do about that |
//! | [`redis_in_production`] | what a server needs, what goes wrong, and what happens then |
//! | [`testing`] | how to test code that uses an airlock |
//!
//! It has no code of its own: these modules are pages.

#[doc = include_str!("../docs/concepts.md")]
pub mod concepts {}

#[doc = include_str!("../docs/choosing-a-strategy.md")]
pub mod choosing_a_strategy {}

#[doc = include_str!("../docs/choosing-ttls.md")]
pub mod choosing_ttls {}

#[doc = include_str!("../docs/guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("../docs/redis-in-production.md")]
pub mod redis_in_production {}

#[doc = include_str!("../docs/testing.md")]
pub mod testing {}
