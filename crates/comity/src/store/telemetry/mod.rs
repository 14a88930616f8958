//! Telemetry files: written, made durable, and visible only when the manifest's row is committed.
//!
//! Here: taking a written Parquet file in, and sweeping files that no row names; a folder, or a bucket (`bucket`) that
//! other machines read as well. Elsewhere: what stands in them (`botnet`), the rows (`state::manifest`).
//!
//! In a bucket a file is taken in in two steps: [`TelemetryStore::adopt`] names it and puts it aside,
//! [`TelemetryStore::settle`] makes it durable in the bucket; only then may its row be committed.

mod bucket;

use super::state::{State, manifest, manifest::TelemetryFile, settings};
use super::{Home, StoreError, files};
pub use bucket::{Bucket, credentials_from};
use object_store::ObjectStore;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};
use terms::{Digest, ExhibitId, Timestamp};
use uuid::Uuid;

/// The name under which a place outside of a home says whose it is.
const MARK: &str = "comity-home";
/// The setting with the id that stands there.
const OWNER: &str = "telemetry-owner";

/// Where telemetry rests.
#[derive(Debug, Clone)]
pub struct TelemetryStore {
    place: Place,
    tmp: PathBuf,
}

/// One of the two kinds of store.
#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    Bucket(Bucket),
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
    /// Where it was written (see [`TelemetryStore::draft`]).
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

impl TelemetryStore {
    /// The folder of a home, the one that `url` names (`file:///…`), or a bucket (`s3://bucket/prefix`, whose credentials
    /// are the process's own: `AWS_*`).
    ///
    /// Errors: CMT-1019 for another kind of URL, CMT-1436 where the bucket's settings do not fit.
    pub fn open(home: &Home, url: Option<&str>) -> Result<Self, StoreError> {
        let place = match url {
            None => Place::Folder(home.telemetry()),
            Some(url) if url.starts_with("s3://") => Place::Bucket(Bucket::open(url)?),
            Some(url) => Place::Folder(super::vault::local("telemetry", url)?),
        };
        Ok(Self { place, tmp: home.tmp() })
    }

    /// The store for a role that has no home: the bucket that `url` names, else files of this machine, wherever a plan says.
    ///
    /// Errors: as [`Self::open`].
    pub fn beside(url: Option<&str>) -> Result<Self, StoreError> {
        let place = match url {
            Some(url) if url.starts_with("s3://") => Place::Bucket(Bucket::open(url)?),
            Some(url) => Place::Folder(super::vault::local("telemetry", url)?),
            None => Place::Folder(PathBuf::new()),
        };
        Ok(Self { place, tmp: std::env::temp_dir() })
    }

    /// The folder, where it is one.
    pub fn folder(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(root) => Some(root),
            Place::Bucket(_) => None,
        }
    }

    /// The bucket, where it is one.
    pub fn bucket(&self) -> Option<&Bucket> {
        match &self.place {
            Place::Folder(_) => None,
            Place::Bucket(bucket) => Some(bucket),
        }
    }

    /// The URL and the store that questions need beside the local file system.
    pub fn remote(&self) -> Option<(String, Arc<dyn ObjectStore>)> {
        self.bucket().map(|b| (b.root(), b.store()))
    }

    /// A new path in `tmp/` to write a Parquet file to.
    pub fn draft(&self) -> PathBuf {
        self.tmp.join(format!("{}.parquet", Uuid::now_v7()))
    }

    /// What a question is told of where a file lies: its absolute path, or its URL.
    pub fn location(&self, file: &TelemetryFile) -> String {
        match &self.place {
            Place::Folder(root) => root.join(&file.path).display().to_string(),
            Place::Bucket(bucket) => bucket.url(&file.path),
        }
    }

    /// Where a file waits for the bucket.
    fn aside(&self, path: &str) -> PathBuf {
        self.tmp.join(path.replace('/', "-"))
    }

    /// Makes files that were taken in durable, before their rows are committed. A folder's are.
    ///
    /// Errors: CMT-1437 where the bucket does not take one; CMT-1009.
    pub async fn settle(&self, taken: &[TelemetryFile]) -> Result<(), StoreError> {
        let Place::Bucket(bucket) = &self.place else { return Ok(()) };
        for file in taken {
            let aside = self.aside(&file.path);
            let bytes = tokio::fs::read(&aside).await.map_err(|e| StoreError::io("reading", &aside, e))?;
            bucket.put(&file.path, bytes).await?;
            tokio::fs::remove_file(&aside).await.map_err(|e| StoreError::io("removing", &aside, e))?;
        }
        Ok(())
    }

    /// Every byte of a file.
    ///
    /// Errors: CMT-1009, CMT-1437.
    pub async fn read(&self, path: &str) -> Result<Vec<u8>, StoreError> {
        match &self.place {
            Place::Folder(root) => {
                let file = root.join(path);
                tokio::fs::read(&file).await.map_err(|e| StoreError::io("reading", &file, e))
            }
            Place::Bucket(bucket) => bucket.read(path).await,
        }
    }

    /// SHA-256 and size of a file as it lies there now.
    ///
    /// Errors: CMT-1009, CMT-1437.
    pub async fn digest(&self, path: &str) -> Result<(Digest, u64), StoreError> {
        match &self.place {
            Place::Folder(root) => {
                let file = root.join(path);
                let shown = file.clone();
                let done = tokio::task::spawn_blocking(move || digest(&file)).await;
                done.unwrap_or_else(|e| Err(io::Error::other(e)))
                    .map_err(|e| StoreError::io("reading", &shown, e))
            }
            Place::Bucket(bucket) => bucket.digest(path).await,
        }
    }

    /// Takes a file away for good: overwritten where that is in our hands.
    ///
    /// Errors: CMT-1009, CMT-1437.
    pub async fn shred(&self, path: &str) -> Result<(), StoreError> {
        match &self.place {
            Place::Folder(root) => {
                let file = root.join(path);
                files::shred(&file).map_err(|e| StoreError::io("shredding", &file, e))
            }
            Place::Bucket(bucket) => bucket.delete(path).await,
        }
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
        match &self.place {
            Place::Folder(root) => {
                let target = root.join(&path);
                let folder = target.parent().unwrap_or(root);
                files::make_folders(folder)
                    .and_then(|()| fs::rename(draft.path, &target))
                    .and_then(|()| files::sync_folder(folder))
                    .map_err(failed)?;
            }
            Place::Bucket(_) => fs::rename(draft.path, self.aside(&path)).map_err(failed)?,
        }
        let Draft { table, exhibit, part, records, span, .. } = draft.clone();
        Ok(TelemetryFile { path, table: table.to_owned(), exhibit, part, records, size, span, sha256 })
    }

    /// Makes sure that a place outside of the home is this home's and no other's, for [`Self::sweep`] takes away what this
    /// home does not know. Who comes first owns it.
    ///
    /// Errors: CMT-1439 where it is another home's; CMT-1009, CMT-1437.
    pub async fn claim(&self, home: &Home, state: &State) -> Result<(), StoreError> {
        if self.folder().is_some_and(|root| root == home.telemetry()) {
            return Ok(());
        }
        let mut tx = state.begin().await?;
        let owner = match settings::get::<String>(&mut tx, OWNER).await? {
            Some(owner) => owner,
            None => {
                let owner = Uuid::now_v7().to_string();
                settings::put(&mut tx, OWNER, &owner).await?;
                owner
            }
        };
        // First remembered, then written: a kill in between leaves an id that nobody has seen.
        tx.commit().await?;
        let (there, place) = match &self.place {
            Place::Folder(root) => {
                let failed = |e| StoreError::io("claiming", root, e);
                (mark(root, owner.as_bytes()).map_err(failed)?, root.display().to_string())
            }
            Place::Bucket(bucket) => (bucket.put_once(MARK, owner.clone().into()).await?, bucket.url("")),
        };
        if there == owner.as_bytes() { Ok(()) } else { Err(StoreError::Claimed { place }) }
    }

    /// Takes away telemetry files that no row names, and everything in `tmp/`. To be called by the owner of the home
    /// while nothing is being written (at the start): what is being written has no row yet.
    pub async fn sweep(&self, home: &Home, state: &State) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        if !home.owned() {
            return Ok(swept);
        }
        let mut conn = state.read().await?;
        for (path, size) in self.listed().await? {
            if manifest::has(&mut conn, &path).await? {
                continue;
            }
            match &self.place {
                Place::Folder(root) => {
                    let file = root.join(&path);
                    fs::remove_file(&file).map_err(|e| StoreError::io("sweeping", &file, e))?;
                }
                Place::Bucket(bucket) => bucket.delete(&path).await?,
            }
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

    /// The paths of all files two folders deep (`flows/ab/…`), as rows name them, with their sizes.
    pub(crate) async fn listed(&self) -> Result<Vec<(String, u64)>, StoreError> {
        match &self.place {
            Place::Folder(root) => in_folder(root),
            Place::Bucket(bucket) => bucket.list().await,
        }
    }
}

/// Writes the mark of a folder unless there is one, whole or not at all, and says what stands there now.
fn mark(root: &Path, owner: &[u8]) -> io::Result<Vec<u8>> {
    let path = root.join(MARK);
    if !path.exists() {
        files::make_folders(root)?;
        let draft = root.join(format!("{MARK}-{}", Uuid::now_v7()));
        fs::write(&draft, owner)?;
        File::open(&draft)?.sync_all()?;
        let linked = fs::hard_link(&draft, &path);
        fs::remove_file(&draft)?;
        match linked {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => files::sync_folder(root)?,
        }
    }
    fs::read(path)
}

fn in_folder(root: &Path) -> Result<Vec<(String, u64)>, StoreError> {
    let mut paths = Vec::new();
    for table in list(root)?.into_iter().filter(|p| p.is_dir()) {
        for near in list(&table)?.into_iter().filter(|p| p.is_dir()) {
            for file in list(&near)? {
                let size = fs::metadata(&file).map(|m| m.len()).unwrap_or(0);
                if let Ok(inside) = file.strip_prefix(root) {
                    paths.push((inside.to_string_lossy().into_owned(), size));
                }
            }
        }
    }
    Ok(paths)
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
