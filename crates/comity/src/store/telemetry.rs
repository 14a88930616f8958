//! Telemetry files: written, made durable, and visible only when the manifest's row is committed.
//!
//! Here: taking a written Parquet file in, and sweeping files that no row names. Elsewhere: what stands in them
//! (`botnet`), the rows (`state::manifest`).

use super::state::{State, manifest, manifest::TelemetryFile};
use super::{Home, StoreError, files};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};
use terms::{Digest, ExhibitId, Timestamp};
use uuid::Uuid;

/// Where telemetry rests.
#[derive(Debug, Clone)]
pub struct TelemetryFolder {
    root: PathBuf,
    tmp: PathBuf,
}

/// What a sweep took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files that no row named.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Things in `tmp/`.
    pub temporary: u64,
}

/// What the writer of a telemetry file says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft<'a> {
    /// Where it was written (see [`TelemetryFolder::draft`]).
    pub path: &'a Path,
    /// The table (`flows`).
    pub table: &'a str,
    /// The exhibit its rows were read from.
    pub exhibit: ExhibitId,
    /// Which of the exhibit's files of that table, from 0.
    pub part: u32,
    /// Rows.
    pub records: u64,
    /// Earliest and latest event.
    pub span: Option<(Timestamp, Timestamp)>,
}

impl TelemetryFolder {
    /// The folder of a home, or the one that `url` names (`file:///…`).
    ///
    /// Errors: CMT-1019 for another kind of URL.
    pub fn open(home: &Home, url: Option<&str>) -> Result<Self, StoreError> {
        let root = match url {
            None => home.telemetry(),
            Some(url) => super::vault::local("telemetry", url)?,
        };
        Ok(Self { root, tmp: home.tmp() })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A new path in `tmp/` to write a Parquet file to.
    pub fn draft(&self) -> PathBuf {
        self.tmp.join(format!("{}.parquet", Uuid::now_v7()))
    }

    /// Where a file of the manifest lies.
    pub fn path(&self, file: &TelemetryFile) -> PathBuf {
        self.root.join(&file.path)
    }

    /// Takes a written file in: `fsync`, digest, its name for good, `fsync` of the folder. It counts when the row that
    /// is handed back is committed (`commit`). Blocks: call it from a blocking thread where it matters.
    ///
    /// Errors: CMT-1021 for a table name that is no plain word, CMT-1009, CMT-1008.
    pub fn adopt(&self, draft: &Draft<'_>) -> Result<TelemetryFile, StoreError> {
        let plain = |c: char| c.is_ascii_lowercase() || c == '_';
        if draft.table.is_empty() || draft.table.len() > 40 || !draft.table.chars().all(plain) {
            let why = format!("`{}` is not the name of a table", draft.table.escape_default());
            return Err(StoreError::Telemetry { path: draft.path.display().to_string(), why });
        }
        let failed = |e| StoreError::io("taking in", draft.path, e);
        let (sha256, size) = digest(draft.path).map_err(failed)?;
        File::open(draft.path).and_then(|f| f.sync_all()).map_err(failed)?;
        let (exhibit, print) = (draft.exhibit.to_string(), sha256.to_string());
        let short = |s: &str| s.chars().take(16).collect::<String>();
        let near: String = exhibit.chars().take(2).collect();
        let path =
            format!("{}/{near}/{}-{}-{}.parquet", draft.table, short(&exhibit), draft.part, short(&print));
        let target = self.root.join(&path);
        let folder = target.parent().unwrap_or(&self.root);
        files::make_folders(folder)
            .and_then(|()| fs::rename(draft.path, &target))
            .and_then(|()| files::sync_folder(folder))
            .map_err(failed)?;
        let Draft { table, exhibit, part, records, span, .. } = draft.clone();
        Ok(TelemetryFile { path, table: table.to_owned(), exhibit, part, records, size, span, sha256 })
    }

    /// Takes away telemetry files that no row names, and everything in `tmp/`. To be called by the owner of the home
    /// while nothing is being written (at the start): what is being written has no row yet.
    pub async fn sweep(&self, home: &Home, state: &State) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        if !home.owned() {
            return Ok(swept);
        }
        let mut conn = state.read().await?;
        for path in self.stored()? {
            if manifest::has(&mut conn, &path).await? {
                continue;
            }
            let file = self.root.join(&path);
            let size = fs::metadata(&file).map(|m| m.len()).unwrap_or(0);
            fs::remove_file(&file).map_err(|e| StoreError::io("sweeping", &file, e))?;
            swept.files += 1;
            swept.bytes += size;
        }
        for entry in list(&self.tmp)? {
            let gone = if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
            gone.map_err(|e| StoreError::io("sweeping", &entry, e))?;
            swept.temporary += 1;
        }
        Ok(swept)
    }

    /// The paths of all files two folders deep (`flows/ab/…`), as rows name them.
    pub(crate) fn stored(&self) -> Result<Vec<String>, StoreError> {
        let mut paths = Vec::new();
        for table in list(&self.root)?.into_iter().filter(|p| p.is_dir()) {
            for near in list(&table)?.into_iter().filter(|p| p.is_dir()) {
                for file in list(&near)? {
                    if let Ok(inside) = file.strip_prefix(&self.root) {
                        paths.push(inside.to_string_lossy().into_owned());
                    }
                }
            }
        }
        Ok(paths)
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let failed = |e| StoreError::io("reading", folder, e);
    fs::read_dir(folder).map_err(failed)?.map(|e| e.map(|e| e.path()).map_err(failed)).collect()
}

/// SHA-256 and size of a file, a megabyte at a time.
pub(crate) fn digest(path: &Path) -> io::Result<(Digest, u64)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 20];
    let mut size = 0_u64;
    loop {
        let n = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..n).filter(|b| !b.is_empty()) else { break };
        hash.update(bytes);
        size += n as u64;
    }
    Ok((Digest(hash.finalize().into()), size))
}
