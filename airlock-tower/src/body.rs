use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use airlock_core::Admitted;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::BoxError;
use crate::asking::{Lost, watch};
use crate::shadow::Shadow;

pin_project! {
    /// The body of a response behind an [`AirlockLayer`](crate::AirlockLayer): it keeps the place until it has ended,
    /// even if the body object lingers, and ends with an error when the lease is lost.
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind<B> {
        Inner { #[pin] body: B, held: Option<Admitted>, lost: Option<Lost> },
        // In shadow mode.
        Beside { #[pin] body: B, shadow: Option<Box<Shadow>> },
        Refusal { bytes: Option<Bytes> },
    }
}

impl<B: Body> ResponseBody<B> {
    /// A body that keeps this place until it has ended or is dropped: for front ends that admit by themselves.
    pub fn holding(body: B, admitted: Admitted) -> Self {
        ResponseBody::inner(body, Some(admitted))
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn inner(body: B, held: Option<Admitted>) -> Self
    where
        B: Body,
    {
        // An empty body is never polled by some servers.
        let held = held.filter(|_| !body.is_end_stream());
        ResponseBody { kind: Kind::Inner { body, held, lost: None } }
    }

    pub(crate) fn beside(body: B, shadow: Box<Shadow>) -> Self
    where
        B: Body,
    {
        let shadow = Some(shadow).filter(|_| !body.is_end_stream());
        ResponseBody { kind: Kind::Beside { body, shadow } }
    }

    pub(crate) fn refusal(bytes: Bytes) -> Self {
        ResponseBody { kind: Kind::Refusal { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) } }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut kind = self.project().kind;
        let lost_lease = match kind.as_mut().project() {
            KindProj::Refusal { bytes } => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            KindProj::Beside { mut body, shadow } => {
                let frame = body.as_mut().poll_frame(cx);
                if frame.is_pending() {
                    shadow.iter_mut().for_each(|shadow| shadow.poll(cx));
                } else if body.is_end_stream() || !matches!(frame, Poll::Ready(Some(Ok(_)))) {
                    *shadow = None;
                }
                return frame.map(|frame| frame.map(|frame| frame.map_err(Into::into)));
            }
            KindProj::Inner { mut body, held, lost } => match body.as_mut().poll_frame(cx) {
                Poll::Ready(frame) => {
                    let ended = !matches!(frame, Some(Ok(_))) || body.is_end_stream();
                    if ended {
                        // Both: what watches the lease keeps it as well.
                        *lost = None;
                        *held = None;
                    }
                    // A body that always has more never waits, and is to be stopped as well.
                    match held.as_ref().and_then(|admitted| admitted.is_lost()) {
                        Some(lost_lease) => lost_lease,
                        None => return Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
                    }
                }
                Poll::Pending => {
                    let Some(admitted) = held else { return Poll::Pending };
                    ready!(lost.get_or_insert_with(|| watch(admitted)).as_mut().poll(cx))
                }
            },
        };
        // This drops the inner body: its work stops, and nothing follows the error.
        kind.set(Kind::Refusal { bytes: None });
        Poll::Ready(Some(Err(lost_lease.into())))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body, .. } | Kind::Beside { body, .. } => body.is_end_stream(),
            Kind::Refusal { bytes } => bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body, .. } | Kind::Beside { body, .. } => body.size_hint(),
            Kind::Refusal { bytes } => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
        }
    }
}

impl<B> Default for ResponseBody<B> {
    /// An empty one.
    fn default() -> Self {
        ResponseBody { kind: Kind::Refusal { bytes: None } }
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.kind {
            Kind::Inner { held: Some(_), .. } => "held",
            Kind::Beside { .. } => "beside",
            Kind::Inner { held: None, .. } => "let go",
            Kind::Refusal { .. } => "refusal",
        };
        f.debug_tuple("ResponseBody").field(&what).finish()
    }
}
