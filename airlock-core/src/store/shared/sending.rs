//! The task that sends what waits for one gate, for as long as something does.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::gates::SharedGates;
use super::queue::{AT_ONCE, Taken};

/// Several calls may be under way, but one task begins them all, one after the other: so they come to the store in the
/// order in which they were put together, and nobody who leaves and comes back finds himself still there.
pub(super) struct Sending {
    gates: Arc<SharedGates>,
    resource: Arc<str>,
    under_way: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Whether those who were about to ask have had their turn.
    waited: bool,
    done: bool,
}

impl Sending {
    pub(super) fn new(gates: Arc<SharedGates>, resource: Arc<str>) -> Self {
        Sending { gates, resource, under_way: Vec::new(), waited: false, done: false }
    }
}

impl Future for Sending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Sending { gates, resource, under_way, waited, done } = &mut *self;
        loop {
            under_way.retain_mut(|call| call.as_mut().poll(context).is_pending());
            if under_way.len() == AT_ONCE {
                return Poll::Pending;
            }
            match gates.take(resource, under_way.len(), !*waited, context.waker()) {
                Taken::Batch(batch) => {
                    *waited = false;
                    let (gates, resource) = (gates.clone(), resource.clone());
                    under_way.push(Box::pin(async move { gates.carry_out(resource, batch).await }));
                }
                Taken::Little => {
                    // Whoever was just answered often asks again at once. There is no timer in this: it takes as long as
                    // those tasks do that can go on right now.
                    *waited = true;
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Taken::NotEnough => return Poll::Pending,
                Taken::Nothing => {
                    *done = true;
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        // The runtime is gone, or something panicked: nobody is to wait for what nobody sends.
        if !self.done {
            self.gates.forget_queue(&self.resource);
        }
    }
}
