//! Which home a command means, and opening it.

use super::args::{Global, Settings};
use super::errors::Fault;
use super::passphrase::{self, Wanted};
use crate::node::{Node, Options};
use crate::store::{Flags, StoreError, home, lock};
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use terms::PersonId;
use zeroize::Zeroizing;

/// A home that is meant, with what the command line and the environment say about it.
#[derive(Debug)]
pub struct Meant {
    /// The folder.
    pub dir: PathBuf,
    /// What opens its keys; none where the verb needs no key.
    pub passphrase: Option<Zeroizing<String>>,
    /// What the command line set.
    pub flags: Flags,
    person: Option<PersonId>,
}

impl Meant {
    /// No home at all: for what makes its own.
    pub fn nowhere() -> Self {
        Self { dir: PathBuf::new(), passphrase: None, flags: Flags::default(), person: None }
    }

    /// No home is opened, but what the command line set holds: for roles that stand beside homes.
    pub fn no_home(global: &Global) -> Self {
        let dir = global.home.clone().unwrap_or_default();
        Self { dir, flags: flags(&global.settings), ..Self::nowhere() }
    }

    /// The home that is meant, unopened.
    pub fn new(global: &Global) -> Result<Self, Fault> {
        let person = global.person.as_ref().filter(|p| !p.is_empty()).map(|p| PersonId(p.clone()));
        Ok(Self { dir: folder(global)?, passphrase: None, flags: flags(&global.settings), person })
    }

    /// The same with the passphrase of a home that is there. What can be said before a person types is said first.
    pub fn unlocked(global: &Global) -> Result<Self, Fault> {
        let mut meant = Self::new(global)?;
        home::read_format(&meant.dir)?;
        if let Some(holder) = lock::holder(&meant.dir) {
            let home = meant.dir.display().to_string();
            return Err(StoreError::InUse { home, holder: holder.to_string() }.into());
        }
        meant.passphrase = Some(passphrase::obtain(global, Wanted::Open)?);
        Ok(meant)
    }

    /// The same with the passphrase for a home that is to be made.
    pub fn to_be(global: &Global) -> Result<Self, Fault> {
        let mut meant = Self::new(global)?;
        meant.passphrase = Some(passphrase::obtain(global, Wanted::New)?);
        Ok(meant)
    }

    /// The node's options.
    pub fn options(&self) -> Result<Options, Fault> {
        let passphrase = self.passphrase.as_ref().map_or("", |p| p.as_str());
        let mut options = Options::new(&self.dir, passphrase)?;
        options.person = self.person.clone();
        options.flags = self.flags.clone();
        Ok(options)
    }

    /// Opens the node for a verb.
    pub async fn open(&self, verb: &str) -> Result<Node, Fault> {
        Ok(Node::open(&self.options()?, verb).await?)
    }
}

fn flags(settings: &Settings) -> Flags {
    Flags {
        state: settings.state.clone(),
        vault: settings.vault.clone(),
        telemetry: settings.telemetry.clone(),
        clock_tolerance_ms: settings.clock_tolerance_ms,
        allow_no_sandbox: settings.allow_no_sandbox.then_some(true),
        ..Flags::default()
    }
}

fn folder(global: &Global) -> Result<PathBuf, Fault> {
    let named = global.home.clone().filter(|h| !h.as_os_str().is_empty());
    match named.or_else(|| default_folder(|name| env::var_os(name))) {
        Some(dir) => Ok(dir),
        None => Err(Fault::usage("no home is named, and this user has none", "name one with --home DIR")),
    }
}

/// `$XDG_DATA_HOME/comity`, else `~/.local/share/comity` (XDG Base Directory 0.8; relative paths do not count).
fn default_folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|h| h.join(".local/share")));
    data.map(|d| d.join("comity"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_default_home_follows_xdg() {
        for (xdg, home, expected) in [
            (Some("/data"), Some("/home/a"), Some("/data/comity")),
            (Some("data"), Some("/home/a"), Some("/home/a/.local/share/comity")),
            (None, Some("/home/a"), Some("/home/a/.local/share/comity")),
            (None, Some(""), None),
            (None, None, None),
        ] {
            let of = |name: &str| if name == "HOME" { home } else { xdg }.map(OsString::from);
            assert_eq!(default_folder(of).as_deref(), expected.map(Path::new));
        }
    }
}
