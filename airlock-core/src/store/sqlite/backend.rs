//! The gates of a database, as the [driver](crate::store::shared) asks them.

use std::time::Duration;

use super::worker::{Answer, Worker};
use crate::clock::wall_clock;
use crate::error::StoreError;
use crate::gate::Micros;
use crate::store::shared::{Asked, Backend, Call, Decided, InUse, Query};
use crate::store::{BoxFuture, SurveyQuery};

pub(super) struct SqliteBackend {
    worker: Worker,
}

impl SqliteBackend {
    pub(super) fn new(worker: Worker) -> Self {
        SqliteBackend { worker }
    }
}

fn answered<T: Send + 'static>(answer: Answer<T>) -> BoxFuture<'static, Result<T, StoreError>> {
    Box::pin(async move {
        answer.await.unwrap_or_else(|_| Err(StoreError::unknown("the thread that has the database is gone")))
    })
}

impl Backend for SqliteBackend {
    fn decide<'a>(&'a self, call: Call<'a>) -> BoxFuture<'a, Result<Decided, StoreError>> {
        let Call { record, now, .. } = call;
        let (spec, conditions, resource) = (call.spec.clone(), call.conditions.clone(), call.resource.to_owned());
        let asked: Vec<Asked> = call.asked.to_vec();
        answered(self.worker.ask(move |work| {
            let (spec, conditions, resource, asked) = (&spec, &conditions, &*resource, &*asked);
            work.decide(&Call { spec, conditions, resource, asked, record, now }, wall_clock())
        }))
    }

    fn settings<'a>(&'a self, airlock: &'a str) -> BoxFuture<'a, Result<(Vec<u8>, Micros), StoreError>> {
        let airlock = airlock.to_owned();
        answered(self.worker.look(move |database| Ok((database.conditions(&airlock)?, wall_clock()))))
    }

    fn swap_settings<'a>(
        &'a self,
        airlock: &'a str,
        held: &'a [u8],
        wanted: &'a [u8],
        // A row for each airlock that ever had a switch is not too much.
        _kept_for: Option<Duration>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        let (airlock, held, wanted) = (airlock.to_owned(), held.to_vec(), wanted.to_vec());
        answered(self.worker.ask(move |work| work.swap_conditions(&airlock, &held, &wanted)))
    }

    fn in_use<'a>(&'a self, query: Query<'a>) -> BoxFuture<'a, Result<InUse, StoreError>> {
        let Query { of: SurveyQuery { offset, count, .. }, now, .. } = query;
        let (spec, conditions, text) = (query.spec.clone(), query.conditions.clone(), query.of.text.to_owned());
        answered(self.worker.ask(move |work| {
            let now = now.unwrap_or_else(wall_clock);
            let of = SurveyQuery { text: &text, offset, count };
            work.survey(&spec, &conditions, of, now, rand::random()).map(InUse::Counted)
        }))
    }
}
