use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Node, Place, Problem, Value, too_deep};
use crate::config::node::DEEPEST;

pub(super) fn read(text: &str) -> Result<Node, Problem> {
    let lines = Lines::of(text);
    let root = DeTable::parse(text).map_err(|error| {
        let place = error.span().map(|span| Place::Line(lines.at(span.start)));
        Problem::new(place, "", format!("this is no TOML: {}", error.message()))
    })?;
    let table = table(root.get_ref(), &lines, 1)?;
    Ok(Node::at_line(table, 1))
}

fn table(table: &DeTable<'_>, lines: &Lines, depth: usize) -> Result<Value, Problem> {
    let read = table.iter().map(|(key, value)| {
        let line = lines.at(key.span().start);
        let node = Node::at_line(self::value(value, lines, line, depth)?, line);
        Ok((key.get_ref().to_string(), node))
    });
    read.collect::<Result<_, _>>().map(Value::Table)
}

fn value(value: &Spanned<DeValue<'_>>, lines: &Lines, line: usize, depth: usize) -> Result<Value, Problem> {
    Ok(match value.get_ref() {
        DeValue::String(text) => Value::written(text.as_ref()),
        DeValue::Integer(whole) => match i128::from_str_radix(whole.as_str(), whole.radix()) {
            Ok(whole) => Value::Whole(whole),
            Err(_) => Value::Other("a number that is too large"),
        },
        DeValue::Float(number) => number.as_str().parse().map_or(Value::Other("no number"), Value::Number),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(_) => Value::Other("a list"),
        DeValue::Table(_) if depth >= DEEPEST => return Err(too_deep(line)),
        DeValue::Table(inner) => table(inner, lines, depth + 1)?,
    })
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Lines(ends.map(|(at, _)| at + 1).collect())
    }

    /// On which line a byte is.
    fn at(&self, byte: usize) -> usize {
        1 + self.0.partition_point(|begin| *begin <= byte)
    }
}
