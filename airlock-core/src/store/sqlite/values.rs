//! How what a gate knows stands in columns.

use rusqlite::Result;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};

use crate::gate::{Attend, Ending, Micros, NEVER, Pick, State, SwitchState};

/// A number of the gate's: whole, not negative and below 2⁵³, and nothing else is written or believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Int(pub(super) u64);

impl ToSql for Int {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        if self.0 > NEVER {
            let problem = format!("{} is not below 2⁵³", self.0);
            return Err(rusqlite::Error::ToSqlConversionFailure(problem.into()));
        }
        Ok(ToSqlOutput::Owned(Value::Integer(self.0 as i64)))
    }
}

impl FromSql for Int {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number).ok().filter(|number| *number <= NEVER).map(Int).ok_or(FromSqlError::OutOfRange(number))
    }
}

/// Something of the gate's that is a word in the database.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// What it is called.
    const WORDS: &'static [(Self, &'static str)];
}

/// One of those words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<T>(pub(super) T);

impl<T: Word> ToSql for Text<T> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        match T::WORDS.iter().find(|(value, _)| *value == self.0) {
            Some((_, word)) => Ok(ToSqlOutput::Borrowed(ValueRef::Text(word.as_bytes()))),
            None => Err(rusqlite::Error::ToSqlConversionFailure("there is no word for this value".into())),
        }
    }
}

impl<T: Word> FromSql for Text<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        let found = T::WORDS.iter().find(|(_, word)| *word == text);
        found.map(|(value, _)| Text(*value)).ok_or_else(|| unknown(text))
    }
}

fn unknown(text: &str) -> FromSqlError {
    FromSqlError::Other(format!("`{}` is no word that can stand here", text.escape_debug()).into())
}

impl Word for State {
    const WORDS: &'static [(Self, &'static str)] = &[
        (State::Waiting, "waiting"),
        (State::Offered, "offered"),
        (State::Holding, "holding"),
        (State::Spent, "spent"),
    ];
}

impl Word for Attend {
    const WORDS: &'static [(Self, &'static str)] = &[(Attend::Here, "here"), (Attend::Away, "away")];
}

impl Word for SwitchState {
    const WORDS: &'static [(Self, &'static str)] = &[
        (SwitchState::Open, "open"),
        (SwitchState::Closed, "closed"),
        (SwitchState::Hold, "hold"),
        (SwitchState::Drain, "drain"),
        (SwitchState::Bypass, "bypass"),
    ];
}

impl Word for Ending {
    const WORDS: &'static [(Self, &'static str)] = &[
        (Ending::Released, "released"),
        (Ending::Admitted, "admitted"),
        (Ending::Left, "left"),
        (Ending::Lapsed, "lapsed"),
        (Ending::Missed, "missed"),
        (Ending::Absent, "absent"),
        (Ending::Evicted, "evicted"),
        (Ending::Superseded, "superseded"),
        (Ending::TooHeavy, "too heavy"),
        (Ending::Spent, "spent"),
        (Ending::Closed, "closed"),
    ];
}

/// A strategy: its name, and then its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Strategy(pub(super) Pick);

impl ToSql for Strategy {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        // A double is written so that it is read back as the same.
        let text = match self.0 {
            Pick::Nobody => "nobody".to_owned(),
            Pick::Head => "head".to_owned(),
            Pick::Fair => "fair".to_owned(),
            Pick::Uniform { overdue: None } => "uniform".to_owned(),
            Pick::Uniform { overdue: Some(overdue) } => format!("uniform {overdue}"),
            Pick::Aging { base, per_second, max } => format!("aging {base:e} {per_second:e} {max:e}"),
        };
        Ok(ToSqlOutput::Owned(Value::Text(text)))
    }
}

impl FromSql for Strategy {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        parse_strategy(text).map(Strategy).ok_or_else(|| unknown(text))
    }
}

fn parse_strategy(text: &str) -> Option<Pick> {
    let mut parts = text.split(' ');
    let pick = match parts.next()? {
        "nobody" => Pick::Nobody,
        "head" => Pick::Head,
        "fair" => Pick::Fair,
        "uniform" => match parts.next() {
            None => Pick::Uniform { overdue: None },
            Some(overdue) => Pick::Uniform { overdue: Some(overdue.parse::<Micros>().ok()?) },
        },
        "aging" => {
            let mut number = || parts.next()?.parse::<f64>().ok();
            Pick::Aging { base: number()?, per_second: number()?, max: number()? }
        }
        _ => return None,
    };
    (parts.next().is_none() && pick.check().is_ok()).then_some(pick)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_read_back_as_the_same() {
        let picks = [
            Pick::Nobody,
            Pick::Head,
            Pick::Fair,
            Pick::Uniform { overdue: None },
            Pick::Uniform { overdue: Some(NEVER) },
            Pick::Aging { base: 0.1 + 0.2, per_second: 1e-300, max: 1e100 },
        ];
        for pick in picks {
            let ToSqlOutput::Owned(Value::Text(text)) = Strategy(pick).to_sql().expect("it has a name") else {
                panic!("{pick:?} is no text");
            };
            assert_eq!(Strategy::column_result(ValueRef::Text(text.as_bytes())).expect("it is one").0, pick);
        }
        for wrong in ["", "Head", "head 1", "uniform -1", "aging 1 2", "aging 1 2 NaN", "aging 1 1 1 1"] {
            assert_eq!(parse_strategy(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_that_others_could_not_read_are_not_written() {
        assert!(Int(NEVER).to_sql().is_ok());
        assert!(Int(NEVER + 1).to_sql().is_err());
        assert!(Int::column_result(ValueRef::Integer(-1)).is_err());
        assert!(Int::column_result(ValueRef::Integer(1 << 53)).is_err());
        assert!(Int::column_result(ValueRef::Real(1.0)).is_err());
    }
}
