use std::pin::Pin;
use std::task::{Context, Poll};

use airlock_core::Admitted;
use axum::BoxError;
use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::passes::InFlight;

/// A body that counts as a request under way until it has ended, even if the body object lingers.
pub(super) struct Held {
    body: Body,
    keeps: Option<(Admitted, Option<InFlight>)>,
}

impl Held {
    pub(super) fn new(body: Body, admitted: Admitted, in_flight: Option<InFlight>) -> Self {
        // An empty body is never polled by some servers.
        let keeps = Some((admitted, in_flight)).filter(|_| !body.is_end_stream());
        Held { body, keeps }
    }
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(frame) = &polled
            && (!matches!(frame, Some(Ok(_))) || self.body.is_end_stream())
        {
            self.keeps = None;
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
