//! What an inspection shows.

use std::sync::Arc;

use super::super::msgpack::{Reader, unexpected};
use crate::error::StoreError;
use crate::gate::{Holder, Inspection, SwitchState, Switched, Waiter};

pub(super) fn inspection(reader: &mut Reader<'_>) -> Result<Inspection, StoreError> {
    let (limit, configured) = (reader.small_number()?, reader.small_number()?);
    let limit_override = reader.maybe(Reader::small_number)?;
    let (in_use, offered, waiting) = (reader.number()?, reader.number()?, reader.number()?);
    let (switch, airlock_switch) = (reader.maybe(switched)?, reader.maybe(switched)?.unwrap_or_default());
    let emergency = reader.flag()?;
    let unwell_for = reader.maybe(Reader::number)?;
    let count = reader.array()?;
    let holders = (0..count).map(|_| holder(reader)).collect::<Result<_, _>>()?;
    let count = reader.array()?;
    let waiters = (0..count).map(|_| waiter(reader)).collect::<Result<_, _>>()?;
    Ok(Inspection {
        limit,
        configured,
        limit_override,
        in_use,
        offered,
        waiting,
        switch,
        airlock_switch,
        emergency,
        unwell_for,
        holders,
        waiters,
    })
}

fn switched(reader: &mut Reader<'_>) -> Result<Switched, StoreError> {
    reader.array_of(3)?;
    let name = reader.text()?;
    let state = SwitchState::named(name);
    Ok(Switched {
        state: state.ok_or_else(|| unexpected(format_args!("a switch called {name:?}")))?,
        reopens_in: reader.maybe(Reader::number)?,
        because: reader.maybe(Reader::text)?.map(Arc::from),
    })
}

fn holder(reader: &mut Reader<'_>) -> Result<Holder, StoreError> {
    reader.array_of(5)?;
    Ok(Holder {
        identity: reader.maybe(Reader::text)?.map(Arc::from),
        fence: reader.number()?,
        weight: reader.small_number()?,
        age: reader.number()?,
        offered: reader.flag()?,
    })
}

fn waiter(reader: &mut Reader<'_>) -> Result<Waiter, StoreError> {
    reader.array_of(4)?;
    Ok(Waiter {
        identity: reader.maybe(Reader::text)?.map(Arc::from),
        position: reader.number()?,
        weight: reader.small_number()?,
        age: reader.number()?,
    })
}
