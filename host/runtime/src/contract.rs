//! Which version of the contract a component was built against, and whether it imports only what its manifest asks for.
//! Pure: it looks at names. What the names stand for is checked by the engine when it links them.

use openclaw_packages::Manifest;

use crate::LoadError;

/// The package of the contract, without its version.
const PACKAGE: &str = "openclaw:plugin/";
/// What this gateway speaks, for people.
pub(crate) const SPOKEN: &str = "openclaw:plugin@0.2.0 and @0.1.0";

/// A version of the contract that this gateway speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// 0.2.0
    Current,
    /// Served by the adapter `v0_1_0`.
    V0_1_0,
}

impl Version {
    fn parse(version: &str) -> Option<Self> {
        match version {
            "0.2.0" => Some(Self::Current),
            "0.1.0" => Some(Self::V0_1_0),
            _ => None,
        }
    }
}

/// What a manifest asks for beyond what every channel has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) http: bool,
    pub(crate) websocket: bool,
    pub(crate) process: bool,
}

impl Granted {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self {
            http: !manifest.http.is_empty(),
            websocket: !manifest.websockets.is_empty(),
            process: !manifest.processes.is_empty(),
        }
    }

    /// The line of the manifest that an import needs and this manifest lacks.
    fn missing(self, interface: &str) -> Option<&'static str> {
        let (granted, line) = match interface {
            "http" => (self.http, "an [[http]] entry"),
            "websocket" => (self.websocket, "a [[websocket]] entry"),
            "process" => (self.process, "a [[process]] entry"),
            _ => return None,
        };
        (!granted).then_some(line)
    }
}

/// The version that `names`, a component's imports and exports, agree on.
pub(crate) fn version<'a>(
    plugin: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<Version, LoadError> {
    let mut found: Option<&str> = None;
    for name in names {
        let Some((_, version)) = name.strip_prefix(PACKAGE).and_then(|rest| rest.split_once('@')) else {
            continue;
        };
        if let Some(other) = found.filter(|other| *other != version) {
            return Err(LoadError::Contract {
                plugin: plugin.to_owned(),
                contract: SPOKEN,
                reason: format!("it mixes versions {other} and {version} of the contract"),
            });
        }
        found = Some(version);
    }
    let version = found.ok_or_else(|| LoadError::Contract {
        plugin: plugin.to_owned(),
        contract: SPOKEN,
        reason: "it has no import and no export of the contract".to_owned(),
    })?;
    Version::parse(version).ok_or_else(|| LoadError::Version {
        plugin: plugin.to_owned(),
        built: format!("openclaw:plugin@{version}"),
        spoken: SPOKEN,
    })
}

/// Refuses the first of `imports` that a channel with these grants does not get.
pub(crate) fn check_imports<'a>(
    plugin: &str,
    granted: Granted,
    imports: impl IntoIterator<Item = &'a str>,
) -> Result<(), LoadError> {
    for import in imports {
        let interface = import.strip_prefix(PACKAGE).map(|rest| rest.split('@').next().unwrap_or(rest));
        if let Some(line) = interface.and_then(|interface| granted.missing(interface)) {
            return Err(LoadError::NotGranted { plugin: plugin.to_owned(), import: import.to_owned(), line });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_one_version_and_it_is_one_of_ours() {
        let check = |names: &[&str], expected: Result<Version, &str>| {
            let seen = version("chat", names.iter().copied());
            match (seen, expected) {
                (Ok(seen), Ok(expected)) => assert_eq!(seen, expected),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{error}");
                    assert_eq!(error.code(), "plugin_contract_mismatch");
                }
                (seen, expected) => panic!("{names:?}: {seen:?}, not {expected:?}"),
            }
        };
        check(&["wasi:io/poll@0.2.6", "openclaw:plugin/channel@0.2.0"], Ok(Version::Current));
        check(&["openclaw:plugin/log@0.1.0", "openclaw:plugin/channel@0.1.0"], Ok(Version::V0_1_0));
        check(
            &["openclaw:plugin/log@0.1.0", "openclaw:plugin/channel@0.2.0"],
            Err("mixes versions 0.1.0 and 0.2.0"),
        );
        check(&["wasi:io/poll@0.2.6"], Err("no import and no export"));
        check(&["openclaw:plugin/channel@0.3.0"], Err("built against openclaw:plugin@0.3.0"));
        check(&["openclaw:plugin/channel@0.3.0"], Err("speaks openclaw:plugin@0.2.0 and @0.1.0"));
    }

    #[test]
    fn an_import_beyond_the_grants_names_the_missing_line() {
        let granted = Granted { http: true, ..Granted::default() };
        let check = |import: &str| check_imports("chat", granted, [import]).map_err(|e| e.to_string());
        assert_eq!(check("openclaw:plugin/http@0.2.0"), Ok(()));
        assert_eq!(check("openclaw:plugin/events@0.2.0"), Ok(()));
        for (interface, line) in [("websocket", "[[websocket]]"), ("process", "[[process]]")] {
            let error = check(&format!("openclaw:plugin/{interface}@0.2.0")).unwrap_err();
            assert!(error.contains(line) && error.contains("plugin.toml"), "{error}");
        }
    }
}
