//! What happens, as numbers: counters, gauges and histograms through the [`metrics`](https://docs.rs/metrics) facade.
//!
//! An airlock counts when it is told to, by [`Builder::metrics`](crate::Builder::metrics). The counts are brought to
//! whichever recorder is installed by [`publish`], as often as the program likes: right before each scrape where it is
//! asked, as by Prometheus, or by [`publish_every`] where it sends.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use airlock_core::{Airlock, Seal};
//! use airlock_core::metrics;
//!
//! let imports = Airlock::builder("imports").seal(Seal::semaphore(2)).metrics().build()?;
//! let permit = imports.try_enter("tenant:acme").await?;
//! drop(permit);
//!
//! // Where Prometheus asks: bring the counts, then render.
//! metrics::publish();
//! // let page = prometheus_handle.render();
//! # Ok(())
//! # }
//! ```
//!
//! # What it costs
//!
//! Whoever enters or leaves adds to a few numbers of this process and is never in the way of a recorder, however slow it
//! is; a recorder that panics is logged, and changes nothing else. In memory a release looks at the clock, which it does
//! not otherwise. Where an airlock does not count, each step looks at a null pointer.
//!
//! # Names
//!
//! Labels are names of airlocks and words from this page: never a resource, a group, an identity or a token. So there are
//! about sixty series for an airlock and a store, however many come. Airlocks of one name count together. A counter begins
//! at 0 with the process and never falls back.
//!
//! `store` is where it was decided: `memory` (also where it stands in during an outage), `redis`, `sqlite`, `folder`, or the
//! [name](crate::store::shared::Options::name) of a store of one's own that is built on
//! [`shared`](crate::store::shared). Other stores of one's own count nothing but what has no such label.
//!
//! Counters. In a fleet each process counts what it decided or asked for; the sum over all processes is what happened.
//!
//! | name | labels | counts |
//! |---|---|---|
//! | `airlock_admitted_total` | `airlock`, `store` | who was let in: at once, from the line, or by a claim |
//! | `airlock_queued_total` | `airlock`, `store` | who joined the line |
//! | `airlock_offers_total` | `airlock`, `store` | places that were held for somebody who is away |
//! | `airlock_requeued_total` | `airlock`, `store` | who missed an offer and is at the back of the line |
//! | `airlock_refused_total` | `airlock`, `store`, `reason` | who was neither let in nor in line: `full`, `limited`, `closed`, `line-full`, `group-line-full`, `duplicate`, `too-heavy` |
//! | `airlock_ended_total` | `airlock`, `store`, `ending` | how places, offers and leases ended: `released`; `left` the line, or declined its offer; `lapsed`, a lease that was reclaimed because nobody renewed it; `missed` its offer; `absent`, did not come back to ask; `evicted`; `superseded`; `too-heavy`; `spent`; `closed`, this process shut down; what it holds in a shared store then is `released`, and who waits has `left` |
//! | `airlock_woken_total` | `airlock`, `store`, `by` | waiting futures of this process that came to be inside: `push`, they were told; `asking`, the message was late, lost, or there is none, and they found out by asking again |
//! | `airlock_store_failures_total` | `airlock`, `store` | calls of a shared store that failed |
//! | `airlock_unavailable_total` | `airlock` | questions to which there was no answer, because the store failed or took too long, or was known to be away |
//! | `airlock_admitted_unasked_total` | `airlock` | permits without anybody having been asked: during an outage, or in an emergency |
//! | `airlock_emergency_refused_total` | `airlock` | who was refused by an [emergency switch](crate::emergency) without the store |
//! | `airlock_timed_out_total` | `airlock` | waits that ended because the caller's time was over, while the store worked |
//! | `airlock_lost_total` | `airlock` | permits that were lost while somebody held them, and who knows of it |
//! | `airlock_failovers_total` | `airlock`, `kind` | breakers of a [`Fallback`](crate::store::Fallback) that opened (`over`) and closed (`back`) |
//! | `airlock_would_refuse_total` | `airlock`, `reason` | requests that a layer in shadow mode let pass, and what it would have answered: the end of the problem's type, such as `full` or `shed` |
//! | `airlock_shed_total` | `airlock` | requests that a layer refused because its node is overloaded, before the gate was asked |
//!
//! Gauges. Of a store that is shared every process shows the same, as it last saw it: take the maximum, not the sum.
//! Memory is looked at in the moment of publishing; a shared store by itself about every 5 s, and more rarely where that
//! takes so long that it would keep the store busy for more than half a percent of the time. When an airlock is gone, what
//! it showed is 0.
//!
//! | name | labels | unit | shows |
//! |---|---|---|---|
//! | `airlock_held` | `airlock`, `store` | weight | inside at all resources, offers included |
//! | `airlock_waiting` | `airlock`, `store` | tickets | in line at all resources |
//! | `airlock_offered` | `airlock`, `store` | tickets | offered a place and not claimed, at the 10,000 busiest resources |
//! | `airlock_resources` | `airlock`, `store` | resources | in use |
//! | `airlock_limit` | `airlock`, `store` | weight | the configured limit of one resource |
//! | `airlock_capacity` | `airlock`, `store` | weight | limits in force, operators' included, at the 10,000 busiest resources in use |
//! | `airlock_switch` | `airlock`, `store`, `state` | 0 or 1 | 1 for the state of the airlock's switch, as this process goes by it: `open`, `closed`, `hold`, `drain`, `bypass` |
//! | `airlock_breakers` | `airlock`, `state` | resources | whose breaker is `open` or `half-open` |
//!
//! Histograms. Spans are counted in buckets and reach the recorder as the middle of theirs: to a sixteenth.
//!
//! | name | labels | unit | measures |
//! |---|---|---|---|
//! | `airlock_wait_seconds` | `airlock`, `store` | seconds | how long those who were let in had been in line until then, or until their place was offered; 0 for those who did not wait |
//! | `airlock_hold_seconds` | `airlock`, `store` | seconds | how long they were inside, when that ends |
//! | `airlock_store_seconds` | `airlock`, `store` | seconds | how long one call of a shared store took, whatever it came to; one call may be many commands |

mod names;
mod publish;

pub use publish::{Publishing, publish, publish_every};
