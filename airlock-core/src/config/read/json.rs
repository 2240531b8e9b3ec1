//! Values by serde, whose deserializers say nothing of where they are: the lines that they have read so far are counted instead.
//! Behind a key no more than that has been read.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Node, Place, Problem, Value, duplicate, too_deep};
use crate::config::node::{DEEPEST, Table};

pub(super) fn read(text: &str) -> Result<Node, Problem> {
    let line = Cell::new(1);
    let problem = Cell::new(None);
    let counting = Counting { rest: text.as_bytes(), line: &line };
    let mut json = serde_json::Deserializer::from_reader(counting);
    let seed = Seed { line: &line, problem: &problem, depth: 0 };
    let read = seed.deserialize(&mut json).and_then(|value| json.end().map(|()| value));
    read.map(|value| Node::at_line(value, 1)).map_err(|error| {
        problem.take().unwrap_or_else(|| {
            // It ends with where it is, which is said already.
            let message = error.to_string();
            let what = message.split(" at line ").next().unwrap_or_default();
            Problem::new(Some(Place::Line(error.line().max(1))), "", format!("this is no JSON: {what}"))
        })
    })
}

struct Counting<'a> {
    rest: &'a [u8],
    line: &'a Cell<usize>,
}

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let many = self.rest.read(buffer)?;
        let ends = buffer[..many].iter().filter(|byte| **byte == b'\n').count();
        self.line.set(self.line.get() + ends);
        Ok(many)
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    line: &'a Cell<usize>,
    /// What is wrong with the meaning, where the deserializer's own words would not do.
    problem: &'a Cell<Option<Problem>>,
    depth: usize,
}

impl Seed<'_> {
    fn stop<E: serde::de::Error>(&self, problem: Problem) -> E {
        self.problem.set(Some(problem));
        E::custom("said elsewhere")
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let depth = self.depth + 1;
        if depth > DEEPEST {
            return Err(self.stop(too_deep(self.line.get())));
        }
        let mut table = Table::new();
        while let Some(key) = entries.next_key::<String>()? {
            let line = self.line.get();
            let value = entries.next_value_seed(Seed { depth, ..self })?;
            if table.contains_key(&key) {
                return Err(self.stop(duplicate(line, &key)));
            }
            table.insert(key, Node::at_line(value, line));
        }
        Ok(Value::Table(table))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other("a list"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::written(text))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_u64<E>(self, whole: u64) -> Result<Value, E> {
        Ok(Value::Whole(whole.into()))
    }

    fn visit_i64<E>(self, whole: i64) -> Result<Value, E> {
        Ok(Value::Whole(whole.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Other("nothing"))
    }
}
