//! What is said in an emergency, and how it is understood.

use std::collections::HashMap;
use std::fmt;

use crate::gate::{Setting, SwitchState};
use crate::name::{self, What};

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settings {
    all: Option<Setting>,
    named: HashMap<String, Setting>,
}

impl Settings {
    /// Of an airlock.
    pub(super) fn of(&self, airlock: &str) -> Option<&Setting> {
        self.named.get(airlock).or(self.all.as_ref())
    }
}

/// Which line cannot be understood, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misunderstood {
    line: usize,
    problem: String,
}

impl fmt::Display for Misunderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

/// A state, and perhaps a colon and a reason.
pub(crate) fn setting(text: &str) -> Result<Setting, String> {
    let (state, because) = match text.split_once(':') {
        Some((state, because)) => (state, Some(because.trim())),
        None => (text, None),
    };
    let state = state.trim();
    let Some(state) = SwitchState::named(state) else {
        let known = SwitchState::ALL.map(SwitchState::name).join("`, `");
        // Whatever it is, it need not be long.
        let state: String = state.chars().take(40).collect();
        return Err(format!("{state:?} is no switch: use `{known}`, and where that helps a colon and why"));
    };
    if let Some(because) = because {
        name::check(What::Reason, because).map_err(|error| error.to_string())?;
    }
    Ok(Setting { state, because: because.map(Into::into), ..Setting::OPEN })
}

/// A whole file.
pub(super) fn settings(text: &str) -> Result<Settings, Misunderstood> {
    let mut settings = Settings::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        understand(line, &mut settings).map_err(|problem| Misunderstood { line: number, problem })?;
    }
    Ok(settings)
}

fn understand(line: &str, settings: &mut Settings) -> Result<(), String> {
    let twice = |what: &str| Err(format!("there is a line before it for {what}: only one can count"));
    let Some((name, rest)) = named(line)? else {
        let replaced = settings.all.replace(setting(line)?);
        return if replaced.is_some() { twice("all airlocks") } else { Ok(()) };
    };
    name::check(What::Airlock, &name).map_err(|error| error.to_string())?;
    let setting = setting(rest).map_err(|problem| match rest.trim() {
        "" => "there is nothing behind the `=`".to_owned(),
        _ => problem,
    })?;
    match settings.named.insert(name, setting) {
        Some(_) => twice("that airlock"),
        None => Ok(()),
    }
}

/// The name in front of a `=`, and what is behind it; none where the line is a setting of all.
fn named(line: &str) -> Result<Option<(String, &str)>, String> {
    if let Some(quoted) = line.strip_prefix('"') {
        let (name, rest) = unquoted(quoted).ok_or("the name has no quote at its end, or a backslash of no use")?;
        let rest = rest.trim_start().strip_prefix('=').ok_or("there is no `=` behind the name")?;
        return Ok(Some((name, rest)));
    }
    let (first, _) = line.split_once(':').unwrap_or((line, ""));
    if SwitchState::named(first.trim()).is_some() {
        return Ok(None);
    }
    Ok(line.split_once('=').map(|(name, rest)| (name.trim().to_owned(), rest)))
}

/// What is inside of the quotes, and what is behind them.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((name, &text[at + 1..])),
            (_, '\\') => name.push(chars.next().map(|(_, escaped)| escaped).filter(|c| matches!(c, '"' | '\\'))?),
            (_, plain) => name.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(state: SwitchState, because: Option<&str>) -> Setting {
        Setting { state, because: because.map(Into::into), ..Setting::OPEN }
    }

    #[test]
    fn a_setting_is_a_state_and_perhaps_why() {
        for state in SwitchState::ALL {
            assert_eq!(setting(state.name()), Ok(said(state, None)));
            assert_eq!(
                setting(&format!(" {} :  9 to 10: a sale ", state.name())),
                Ok(said(state, Some("9 to 10: a sale")))
            );
        }
    }

    #[test]
    fn a_file_says_something_of_all_and_of_some() {
        let text = "# Ask Ada.\r\n\n imports = closed: a = b \n\"a = \\\"b\\\\ \" = hold\nopen\nclosed = drain\n  # = bypass\n";
        let settings = settings(text).expect("all of it can be understood");
        for (airlock, state, because) in [
            ("imports", SwitchState::Closed, Some("a = b")),
            ("a = \"b\\ ", SwitchState::Hold, None),
            ("closed", SwitchState::Drain, None),
            ("any other", SwitchState::Open, None),
        ] {
            assert_eq!(settings.of(airlock), Some(&said(state, because)), "{airlock}");
        }
        assert_eq!(super::settings("imports = hold\n").expect("it can").of("other"), None);
        assert_eq!(super::settings("").expect("it can"), Settings::default());
    }

    #[test]
    fn what_cannot_be_understood_is_said_with_its_line() {
        for (text, line, part) in [
            ("ajar", 1, "\"ajar\" is no switch: use `open`, `closed`"),
            ("\n\nimports = shut", 3, "\"shut\" is no switch"),
            ("Closed", 1, "no switch"),
            ("imports =", 1, "nothing behind"),
            ("= closed", 1, "empty"),
            ("open:", 1, "empty"),
            ("imports = closed: a\u{7}", 1, "control"),
            ("open\nclosed", 2, "all airlocks"),
            ("a = open\na = closed", 2, "that airlock"),
            ("\"a = closed", 1, "no quote"),
            ("\"a\\n\" = closed", 1, "no quote"),
            ("\"a\" closed", 1, "no `=`"),
        ] {
            let problem = settings(text).expect_err(text);
            assert!(problem.line == line && problem.problem.contains(part), "{text:?}: {problem}");
        }
        let long = settings(&"x".repeat(9000)).expect_err("it is no switch").to_string();
        assert!(long.len() < 300, "{long}");
    }
}
