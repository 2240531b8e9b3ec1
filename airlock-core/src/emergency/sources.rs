//! Where an emergency is said.

use std::ffi::OsString;
use std::path::PathBuf;

use super::text;
use crate::error::ConfigError;
use crate::gate::Setting;

/// Of all airlocks; with `_` and a name, of one.
const ALL: &str = "AIRLOCK_SWITCH";
/// Where the file is.
const FILE: &str = "AIRLOCK_SWITCH_FILE";

/// The environment, and what is said where it says nothing.
pub(crate) struct Sources(Box<Variables>, Option<Setting>);

type Variables = dyn Fn(&str) -> Option<OsString>;

impl Sources {
    /// That of this process.
    pub(crate) fn of_process() -> Self {
        Sources(Box::new(|name| std::env::var_os(name)), None)
    }

    /// Where the environment says nothing, that is said.
    pub(crate) fn or(self, configured: Option<Setting>) -> Self {
        Sources(self.0, configured)
    }

    /// The file that is looked at.
    pub(super) fn file(&self) -> Option<PathBuf> {
        (self.0)(FILE).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// What is said of an airlock, and by what.
    pub(super) fn setting(&self, airlock: &str) -> Result<Option<(Setting, &'static str)>, ConfigError> {
        let own = variable(airlock);
        // That is the path of the file: an airlock called `file` is switched there.
        let own = Some(own).filter(|own| own != FILE);
        for variable in own.as_deref().into_iter().chain([ALL]) {
            let Some(said) = (self.0)(variable).filter(|said| !said.is_empty()) else { continue };
            let problem = |problem: &str| ConfigError::new("emergency", format!("{variable}: {problem}"));
            let said = said.to_str().ok_or_else(|| problem("it is no UTF-8"))?;
            let setting = text::setting(said).map_err(|wrong| problem(&wrong))?;
            return Ok(Some((setting, "the environment")));
        }
        Ok(self.1.clone().map(|setting| (setting, "the configuration")))
    }
}

/// The variable for an airlock of that name.
fn variable(airlock: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = airlock.chars().map(plain).collect();
    format!("{ALL}_{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::SwitchState;

    fn sources(variables: &'static [(&str, &str)]) -> Sources {
        Sources(
            Box::new(|wanted| {
                variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| OsString::from(value))
            }),
            None,
        )
    }

    fn state(variables: &'static [(&str, &str)], airlock: &str) -> Option<SwitchState> {
        sources(variables).setting(airlock).expect("it can be understood").map(|(setting, _)| setting.state)
    }

    #[test]
    fn its_own_comes_before_that_of_all() {
        let both = &[("AIRLOCK_SWITCH_TENANT_IMPORTS", "drain"), ("AIRLOCK_SWITCH", "closed")];
        assert_eq!(state(both, "tenant:imports"), Some(SwitchState::Drain));
        assert_eq!(state(both, "shop"), Some(SwitchState::Closed));
        assert_eq!(state(&[("AIRLOCK_SWITCH_SHOP", "")], "shop"), None);
        assert_eq!(state(&[], "shop"), None);
    }

    #[test]
    fn the_path_of_the_file_is_no_switch() {
        let path = &[("AIRLOCK_SWITCH_FILE", "/run/switches")];
        assert_eq!(state(path, "file"), None);
        assert_eq!(sources(path).file(), Some("/run/switches".into()));
        assert_eq!(sources(&[("AIRLOCK_SWITCH_FILE", "")]).file(), None);
    }

    #[test]
    fn what_cannot_be_understood_names_the_variable() {
        let error = sources(&[("AIRLOCK_SWITCH_SHOP", "shut")]).setting("shop").expect_err("it is no switch");
        assert!(error.to_string().starts_with("emergency: AIRLOCK_SWITCH_SHOP: \"shut\" is no switch"), "{error}");
    }
}
