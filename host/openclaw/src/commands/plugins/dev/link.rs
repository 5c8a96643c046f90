//! The place from which the gateway loads a plugin that is being written: a link `<state>/plugins/<id>` to where it was laid out. Such a
//! plugin is unsigned, and shown so everywhere.

use std::path::{Path, PathBuf};

use openclaw_packages::{InstallError, Installed};
use serde_json::json;

use crate::error::CliError;

/// The link, set or not.
pub(in super::super) struct Link {
    id: String,
    place: PathBuf,
    state_dir: PathBuf,
}

impl Link {
    /// The link of a plugin.
    ///
    /// # Errors
    /// When another plugin of this id is there.
    pub(in super::super) fn of(state_dir: &Path, id: &str) -> Result<Self, CliError> {
        let bundled = openclaw_packages::bundled()?;
        if bundled.iter().any(|own| own.id() == id && own.component.is_some()) {
            let text =
                format!("{id} is part of this program already (give the plugin another id in plugin.toml)");
            return Err(CliError::Detailed { text, code: "PLUGIN_BUNDLED", extra: json!({}) });
        }
        let lock = Installed::in_state(state_dir).lock().map_err(InstallError::from)?;
        if lock.plugins.contains_key(id) {
            let text = format!(
                "{id} is installed already (remove it while you work on it: openclaw plugins uninstall {id})"
            );
            return Err(CliError::Detailed { text, code: "PLUGIN_INSTALLED", extra: json!({}) });
        }
        let place = state_dir.join("plugins").join(id);
        if place.symlink_metadata().is_ok_and(|place| !place.is_symlink()) {
            return Err(InstallError::FolderInTheWay { folder: place }.into());
        }
        Ok(Self { id: id.to_owned(), place, state_dir: state_dir.to_owned() })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// Makes it lead to `folder`. Returns whether it did not before.
    pub(super) fn lead_to(&self, folder: &Path) -> Result<bool, CliError> {
        if std::fs::read_link(&self.place).is_ok_and(|present| present == folder) {
            return Ok(false);
        }
        let failed = |source| CliError::File { path: self.place.clone(), source };
        // Beside the folder of plugins, in which the gateway would find a second one.
        let staged = self.state_dir.join(format!(".{}.link", self.id));
        if staged.symlink_metadata().is_ok() {
            std::fs::remove_file(&staged).map_err(failed)?;
        }
        std::fs::create_dir_all(self.state_dir.join("plugins")).map_err(failed)?;
        std::os::unix::fs::symlink(folder, &staged).map_err(failed)?;
        std::fs::rename(&staged, &self.place).map_err(failed)?;
        Ok(true)
    }

    /// What a person should know at the end.
    pub(super) fn farewell(&self) -> String {
        match self.place.symlink_metadata() {
            Ok(_) => format!(
                "The gateway goes on with the last version that loaded. To take it away: openclaw plugins uninstall {}",
                self.id
            ),
            Err(_) => "Nothing was changed in the gateway.".to_owned(),
        }
    }

    /// Takes the link of a plugin away, if there is one. Returns whether there was.
    pub(in super::super) fn remove(state_dir: &Path, id: &str) -> Result<bool, CliError> {
        let place = state_dir.join("plugins").join(id);
        if !place.symlink_metadata().is_ok_and(|place| place.is_symlink()) {
            return Ok(false);
        }
        std::fs::remove_file(&place).map_err(|source| CliError::File { path: place, source })?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_set_moved_and_removed_and_never_takes_anothers_place() {
        let state = tempfile::tempdir().unwrap();
        let link = Link::of(state.path(), "chat").unwrap();
        assert_eq!(link.farewell(), "Nothing was changed in the gateway.");
        let (one, two) = (state.path().join("one"), state.path().join("two"));
        assert!(link.lead_to(&one).unwrap() && !link.lead_to(&one).unwrap());
        assert!(Link::of(state.path(), "chat").unwrap().lead_to(&two).unwrap());
        assert_eq!(std::fs::read_link(link.place()).unwrap(), two);
        assert!(Link::remove(state.path(), "chat").unwrap());
        assert!(!Link::remove(state.path(), "chat").unwrap());
        std::fs::create_dir_all(link.place()).unwrap();
        let Err(error) = Link::of(state.path(), "chat") else { panic!("a folder was in the way") };
        assert!(error.to_string().contains("a folder of the same plugin"), "{error}");
        assert!(!Link::remove(state.path(), "chat").unwrap());
    }
}
