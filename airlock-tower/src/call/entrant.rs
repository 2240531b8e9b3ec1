use airlock_core::Entrant;

/// Who a call is: one [`Entrant`] for all, a resource's name, or a closure that looks at the request.
///
/// A closure says the type of its argument: `|job: &Job| Entrant::new(job.tenant.clone())`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say who a `{Request}` is",
    note = "use an `Entrant<'static>`, a `&'static str`, or a closure such as `|request: &Request| Entrant::new(…)`"
)]
pub trait ChooseEntrant<Request> {
    /// The entrant of this request.
    fn entrant(&self, request: &Request) -> Entrant<'static>;
}

impl<Request> ChooseEntrant<Request> for Entrant<'static> {
    fn entrant(&self, _: &Request) -> Entrant<'static> {
        self.clone()
    }
}

impl<Request> ChooseEntrant<Request> for &'static str {
    fn entrant(&self, _: &Request) -> Entrant<'static> {
        Entrant::new(*self)
    }
}

impl<Request, F> ChooseEntrant<Request> for F
where
    F: Fn(&Request) -> Entrant<'static>,
{
    fn entrant(&self, request: &Request) -> Entrant<'static> {
        self(request)
    }
}
