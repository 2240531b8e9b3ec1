//! Values from the parser's events: its own loader keeps no lines, and goes as deep as the text does.

use yaml_rust2::Yaml;
use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::{ScanError, TScalarStyle};

use super::{Node, Place, Problem, Value, duplicate, too_deep};
use crate::config::node::{DEEPEST, Table};

pub(super) fn read(text: &str) -> Result<Node, Problem> {
    let mut parser = Parser::new_from_str(text);
    let mut loader = Loader::default();
    loop {
        let (event, mark) = parser.next_token().map_err(no_yaml)?;
        if event == Event::StreamEnd {
            break;
        }
        loader.take(event, mark.line().max(1))?;
    }
    // Nothing but comments is an empty table.
    Ok(loader.root.unwrap_or_else(|| Node::at_line(Value::Table(Table::new()), 1)))
}

fn no_yaml(error: ScanError) -> Problem {
    Problem::new(Some(Place::Line(error.marker().line().max(1))), "", format!("this is no YAML: {}", error.info()))
}

#[derive(Default)]
struct Loader {
    /// What is open, from the outermost on.
    open: Vec<Open>,
    root: Option<Node>,
}

enum Open {
    Table {
        line: usize,
        table: Table,
        /// The key whose value comes next, and its line.
        key: Option<(String, usize)>,
    },
    List {
        line: usize,
    },
}

impl Loader {
    fn take(&mut self, event: Event, line: usize) -> Result<(), Problem> {
        let refuse = |what: &str| Err(Problem::new(Some(Place::Line(line)), "", what));
        match event {
            Event::Scalar(.., anchor, tag) if anchor > 0 || tag.is_some() => refuse(ANCHORS),
            Event::MappingStart(anchor, tag) | Event::SequenceStart(anchor, tag) if anchor > 0 || tag.is_some() => {
                refuse(ANCHORS)
            }
            Event::Alias(_) => refuse(ANCHORS),
            Event::DocumentStart if self.root.is_some() => refuse("there is a second document; only one is read"),
            Event::Scalar(text, style, ..) => self.scalar(text, style, line),
            Event::MappingStart(..) => self.open(Open::Table { line, table: Table::new(), key: None }, line),
            Event::SequenceStart(..) => self.open(Open::List { line }, line),
            Event::MappingEnd | Event::SequenceEnd => self.close(),
            _ => Ok(()),
        }
    }

    fn open(&mut self, open: Open, line: usize) -> Result<(), Problem> {
        if self.open.len() == DEEPEST {
            return Err(too_deep(line));
        }
        if let Some(Open::Table { key: None, .. }) = self.open.last() {
            return Err(Problem::new(Some(Place::Line(line)), "", "a key must be a text, and not a table or a list"));
        }
        self.open.push(open);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Problem> {
        match self.open.pop() {
            Some(Open::Table { line, table, .. }) => self.value(Value::Table(table), line),
            Some(Open::List { line }) => self.value(Value::Other("a list"), line),
            // The parser closes what it has opened.
            None => Ok(()),
        }
    }

    fn scalar(&mut self, text: String, style: TScalarStyle, line: usize) -> Result<(), Problem> {
        if let Some(Open::Table { table, key: key @ None, .. }) = self.open.last_mut() {
            if table.contains_key(&text) {
                return Err(duplicate(line, &text));
            }
            *key = Some((text, line));
            return Ok(());
        }
        let plain = if style == TScalarStyle::Plain { Yaml::from_str(&text) } else { Yaml::String(text) };
        let value = match plain {
            Yaml::Integer(whole) => Value::Whole(whole.into()),
            Yaml::Boolean(flag) => Value::Flag(flag),
            Yaml::Null => Value::Other("nothing"),
            real @ Yaml::Real(_) => real.as_f64().map_or(Value::Other("no number"), Value::Number),
            Yaml::String(text) => Value::written(text),
            _ => Value::Other("no value"),
        };
        self.value(value, line)
    }

    /// What belongs to the innermost that is open, or is all there is.
    fn value(&mut self, value: Value, line: usize) -> Result<(), Problem> {
        match self.open.last_mut() {
            Some(Open::Table { table, key, .. }) => {
                if let Some((key, line)) = key.take() {
                    table.insert(key, Node::at_line(value, line));
                }
            }
            // No key takes a list: what is in it does not matter.
            Some(Open::List { .. }) => {}
            None => self.root = Some(Node::at_line(value, line)),
        }
        Ok(())
    }
}

const ANCHORS: &str = "anchors, aliases and tags are not understood here; write it out, or use `${VARIABLE}`";
