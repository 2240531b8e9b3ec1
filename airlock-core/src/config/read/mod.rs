//! From a file to values, in whatever format.

mod json;
mod toml;
mod yaml;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::node::{Node, Value};
use super::problem::{Place, Problem};

/// How large a configuration may be, in bytes.
const MOST_BYTES: usize = 1 << 20;

/// How a configuration is written.
///
/// See the [module](crate::config) for an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// TOML 1.
    Toml,
    /// YAML 1.2, one document, without anchors, aliases and tags.
    Yaml,
    /// JSON (RFC 8259).
    Json,
}

impl Format {
    /// By what a file's name ends with: `.toml`, `.yaml` or `.yml`, `.json`, in whatever case.
    pub fn of(path: impl AsRef<Path>) -> Option<Self> {
        let extension = path.as_ref().extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "toml" => Some(Format::Toml),
            "yaml" | "yml" => Some(Format::Yaml),
            "json" => Some(Format::Json),
            _ => None,
        }
    }
}

/// What is in a file, and how it is written.
pub(super) fn file(path: &Path) -> Result<(String, Format), Problem> {
    let cannot = |what: String| Problem::new(None, "", what);
    let format = Format::of(path).ok_or_else(|| {
        cannot("its name says no format: it must end with `.toml`, `.yaml`, `.yml` or `.json`".to_owned())
    })?;
    let unreadable = |error: std::io::Error| cannot(format!("it cannot be read: {error}"));
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MOST_BYTES {
        return Err(too_large());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        Problem::new(Some(Place::Line(line)), "", "it is no UTF-8 from here on")
    })?;
    Ok((text, format))
}

/// The values in a text: a table.
pub(super) fn text(text: &str, format: Format) -> Result<Node, Problem> {
    if text.len() > MOST_BYTES {
        return Err(too_large());
    }
    // Some editors begin a file with a mark that says nothing in UTF-8.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = match format {
        Format::Toml => toml::read(text),
        Format::Yaml => yaml::read(text),
        Format::Json => json::read(text),
    }?;
    match root.value {
        Value::Table(_) => Ok(Node { place: None, ..root }),
        _ => Err(Problem::new(root.place.clone(), "", format!("expected a table, found {}", root.found(true)))),
    }
}

fn too_large() -> Problem {
    Problem::new(None, "", format!("it is larger than {MOST_BYTES} bytes"))
}

fn too_deep(line: usize) -> Problem {
    let what = format!("there is more in each other than the {} levels that are allowed", super::node::DEEPEST);
    Problem::new(Some(Place::Line(line)), "", what)
}

fn duplicate(line: usize, key: &str) -> Problem {
    let what = format!("the key {:?} is there twice", super::node::shortened(key));
    Problem::new(Some(Place::Line(line)), "", what)
}
