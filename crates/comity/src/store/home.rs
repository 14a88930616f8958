//! The home: one folder with everything a node keeps on its machine.
//!
//! Here: its layout, its format version, who may reach its keys, who owns it. Elsewhere: what lies in each piece
//! (`state`, `vault`, `telemetry`, `sequencer`) and whether it is well (`doctor`).

use super::{StoreError, files, lock::Lock};
use std::{
    fs,
    io::{self, Read as _},
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};
use terms::Timestamp;

/// The newest format of a home that this program reads and the one it writes.
pub const FORMAT: u32 = 1;

/// First words of the `format` file.
const MARK: &str = "comity.home/";

/// The folders of a home, each with the command that brings it back.
const FOLDERS: [(&str, &str); 6] = [
    ("keys", "restore `keys/` from its own backup: without it no sealed exhibit can be opened"),
    ("vault", "restore `vault/` from a backup, then run `comity doctor`"),
    ("telemetry", "restore `telemetry/` from a backup, or `comity analyze` again into a new home"),
    ("ledger", "restore `ledger/` from a backup, then run `comity verify`"),
    ("tmp", "`mkdir tmp` inside the home: it holds only what is being worked on"),
    ("outbox", "`mkdir outbox` inside the home: it holds copies of files for partners"),
];

/// How a home is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode<'a> {
    /// To work with it: this process owns it until it is dropped. The word is the verb, shown to others.
    Work(&'a str),
    /// To look only (`doctor`, `verify`): takes no lock and must write nothing.
    Look,
}

/// What `init` is told.
#[derive(Debug, Clone, Default)]
pub struct InitOptions {
    /// Text of the home's own `config.toml`, where one is wanted.
    pub config: Option<String>,
}

/// An open home.
#[derive(Debug)]
pub struct Home {
    root: PathBuf,
    lock: Option<Lock>,
}

impl Home {
    /// Makes a home in a new or empty folder and owns it. A folder where an earlier `init` was cut short is
    /// completed. The `format` file is written last: without it nothing is a home.
    ///
    /// Errors: CMT-1006 where something else is there, CMT-1001 where another process is at it.
    pub fn init(dir: &Path, options: &InitOptions, now: Timestamp) -> Result<Self, StoreError> {
        check_free(dir)?;
        make_private(dir)?;
        let root = fs::canonicalize(dir).map_err(|e| StoreError::io("opening", dir, e))?;
        let lock = Lock::take(&root, "init", now)?;
        // Between the check and the lock another `init` may have finished.
        check_free(&root)?;
        for (name, _) in FOLDERS {
            let piece = root.join(name);
            make_private(&piece)?;
            // One that an earlier, cut-short `init` or a person made.
            fs::set_permissions(&piece, fs::Permissions::from_mode(0o700))
                .map_err(|e| StoreError::io("closing to others", &piece, e))?;
        }
        if let Some(text) = &options.config {
            write(&root.join("config.toml"), text)?;
        }
        write(&root.join("format"), &format!("{MARK}{FORMAT}\n"))?;
        Ok(Self { root, lock: Some(lock) })
    }

    /// Opens a home.
    ///
    /// Errors: CMT-1002 no home, CMT-1003 a newer format, CMT-1004 a piece is missing, CMT-1005 its keys can be
    /// reached by others, CMT-1001 in use.
    pub fn open(dir: &Path, mode: Mode<'_>, now: Timestamp) -> Result<Self, StoreError> {
        read_format(dir)?;
        let root = fs::canonicalize(dir).map_err(|e| StoreError::io("opening", dir, e))?;
        let lock = match mode {
            Mode::Work(command) => Some(Lock::take(&root, command, now)?),
            Mode::Look => None,
        };
        if let Some(first) = missing(&root).into_iter().next() {
            return Err(first);
        }
        check_private(&root.join("keys"))?;
        Ok(Self { root, lock })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }
    /// Whether this process owns it.
    pub fn owned(&self) -> bool {
        self.lock.is_some()
    }
    /// Private keys and the keys of sealed exhibits; reached by the owner only.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }
    /// Sealed exhibits.
    pub fn vault(&self) -> PathBuf {
        self.root.join("vault")
    }
    /// Parquet files; those count that the manifest names.
    pub fn telemetry(&self) -> PathBuf {
        self.root.join("telemetry")
    }
    /// Tiles and checkpoint.
    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }
    /// What is being worked on; emptied by `sweep`.
    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }
    /// Files for partners.
    pub fn outbox(&self) -> PathBuf {
        self.root.join("outbox")
    }
    /// The embedded state store's file.
    pub fn state_file(&self) -> PathBuf {
        self.root.join("state.db")
    }
    /// The home's own configuration, which need not be there.
    pub fn config_file(&self) -> PathBuf {
        self.root.join("config.toml")
    }
}

/// Reads the format version without opening the home.
pub fn read_format(dir: &Path) -> Result<u32, StoreError> {
    let path = dir.join("format");
    let mut text = String::new();
    match fs::File::open(&path) {
        Ok(file) => {
            file.take(256).read_to_string(&mut text).map_err(|e| StoreError::io("reading", &path, e))?
        }
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(StoreError::NotAHome { home: dir.display().to_string() });
        }
        Err(e) => return Err(StoreError::io("reading", &path, e)),
    };
    let found = text.trim().to_owned();
    match found.strip_prefix(MARK).and_then(|n| n.parse::<u32>().ok()) {
        Some(n) if (1..=FORMAT).contains(&n) => Ok(n),
        _ => Err(StoreError::NewerFormat { home: dir.display().to_string(), found, known: FORMAT }),
    }
}

/// The folders of a home that are not there, each as its error.
pub(crate) fn missing(root: &Path) -> Vec<StoreError> {
    let gone = FOLDERS.iter().filter(|(piece, _)| !root.join(piece).is_dir());
    gone.map(|(piece, mend)| {
        let path = root.join(piece).display().to_string();
        StoreError::Missing { piece, path, mend: (*mend).to_owned() }
    })
    .collect()
}

/// Refuses a key folder, or a file in it, that others than the owner can reach.
pub fn check_private(folder: &Path) -> Result<(), StoreError> {
    let refuse = |path: &Path| -> Result<(), StoreError> {
        let meta = fs::symlink_metadata(path).map_err(|e| StoreError::io("reading", path, e))?;
        let mode = meta.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 && !meta.is_symlink() {
            return Err(StoreError::Permissions { path: path.display().to_string(), mode });
        }
        Ok(())
    };
    refuse(folder)?;
    // One level: the folder itself shuts everybody out of what lies deeper.
    for entry in fs::read_dir(folder).map_err(|e| StoreError::io("reading", folder, e))? {
        refuse(&entry.map_err(|e| StoreError::io("reading", folder, e))?.path())?;
    }
    Ok(())
}

/// Refuses a folder that holds a home or anything that `init` did not make.
fn check_free(dir: &Path) -> Result<(), StoreError> {
    let occupied = |why: String| StoreError::Occupied { home: dir.display().to_string(), why };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            return Err(occupied("it is a file".to_owned()));
        }
        Err(e) => return Err(StoreError::io("reading", dir, e)),
    };
    for entry in entries {
        let name = entry.map_err(|e| StoreError::io("reading", dir, e))?.file_name();
        let name = name.to_string_lossy();
        if name == "format" {
            return Err(occupied("it is a home already".to_owned()));
        }
        let ours = name == "lock" || name == "config.toml" || name.starts_with("format#");
        let empty = FOLDERS.iter().any(|(f, _)| *f == name)
            && fs::read_dir(dir.join(name.as_ref())).is_ok_and(|mut inside| inside.next().is_none());
        if !ours && !empty {
            return Err(occupied(format!("`{name}` is in it")));
        }
    }
    Ok(())
}

fn make_private(folder: &Path) -> Result<(), StoreError> {
    if let Some(above) = folder.parent() {
        files::make_folders(above).map_err(|e| StoreError::io("making", above, e))?;
    }
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        other => return other.map_err(|e| StoreError::io("making", folder, e)),
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), StoreError> {
    files::write_durably(path, text.as_bytes()).map_err(|e| StoreError::io("writing", path, e))
}
