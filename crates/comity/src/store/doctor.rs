//! Whether a home is well, piece by piece, as data.
//!
//! Every check looks and changes nothing. A home that is in use can be looked at. What only the command knows (the
//! sandbox's ability, partners) is added there.

use super::state::{self, Backend, State, exhibits, jobs, leaves, manifest, statement::Statement};
use super::{Home, NodeClock, StoreError, TelemetryStore, clock, home, lock};
use ::evidence::{EvidenceError, Vault};
use ::ledger::verify::{Trust, verify_log};
use miette::Diagnostic;
use serde::Serialize;
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};
use terms::ExhibitId;

/// Largest ledger file that is read (a full entry bundle is below 17 MiB).
const MOST_LEDGER_FILE: u64 = 17 << 20;
/// Names shown of a long list.
const SHOWN: usize = 5;

const INTEGRITY: Statement =
    Statement { name: "doctor.integrity (sqlite)", sql: "PRAGMA integrity_check(10)" };
const REFERENCES: Statement =
    Statement { name: "doctor.references (sqlite)", sql: "PRAGMA foreign_key_check" };
pub(crate) const STATEMENTS: &[&Statement] = &[&INTEGRITY, &REFERENCES];

/// One piece of a home, looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The piece.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// The error's code, where it is not.
    pub code: Option<String>,
    /// What was seen.
    pub what: String,
    /// What mends it.
    pub mend: Option<String>,
}

impl Check {
    /// A piece that is well.
    pub fn well(name: &str, what: impl Into<String>) -> Self {
        Self { name: name.to_owned(), ok: true, code: None, what: what.into(), mend: None }
    }

    /// A piece that is not well, told by an error with code and help.
    pub fn unwell(name: &str, error: &dyn Diagnostic) -> Self {
        Self {
            name: name.to_owned(),
            ok: false,
            code: error.code().map(|c| c.to_string()),
            what: error.to_string(),
            mend: error.help().map(|h| h.to_string()),
        }
    }

    /// A piece by the outcome of looking at it.
    pub fn of<E: Diagnostic>(name: &str, outcome: Result<String, E>) -> Self {
        match outcome {
            Ok(what) => Self::well(name, what),
            Err(error) => Self::unwell(name, &error),
        }
    }
}

/// The folder itself: format, pieces, permissions, who holds it. Works on any folder.
pub fn folder(dir: &Path) -> Vec<Check> {
    let format = home::read_format(dir).map(|n| format!("format {n}"));
    let is_home = format.is_ok();
    let mut checks = vec![Check::of("format", format)];
    if !is_home {
        return checks;
    }
    checks.extend(home::missing(dir).into_iter().map(|e| Check::unwell("pieces", &e)));
    if checks.len() == 1 {
        checks.push(Check::well("pieces", "every folder is there"));
    }
    if dir.join("keys").is_dir() {
        let keys = home::check_private(&dir.join("keys"));
        checks.push(Check::of(
            "permissions",
            keys.map(|()| "keys can be reached by their owner only".to_owned()),
        ));
    }
    checks.push(Check::well(
        "lock",
        lock::holder(dir).map_or_else(|| "nobody holds the home".to_owned(), |h| format!("held by {h}")),
    ));
    checks
}

/// The free space of the folder's file system, held against the least that is wanted, in MiB.
pub fn disk(dir: &Path, least_mib: u64) -> Check {
    Check::of("disk", space(dir, least_mib))
}

fn space(dir: &Path, least: u64) -> Result<String, StoreError> {
    let seen = rustix::fs::statvfs(dir).map_err(|e| StoreError::io("measuring", dir, e.into()))?;
    let free = seen.f_bavail.saturating_mul(seen.f_frsize);
    let free = free >> 20;
    if free < least {
        Err(StoreError::LittleSpace { path: dir.display().to_string(), free, least })
    } else {
        Ok(format!("{free} MiB are free"))
    }
}

/// The state store: its own integrity, and the work that waits.
pub async fn state(state: &State) -> Vec<Check> {
    vec![
        Check::of("state", integrity(state).await),
        Check::of("jobs", waiting_jobs(state).await),
        Check::of("outbox", waiting_leaves(state).await),
    ]
}

async fn integrity(state: &State) -> Result<String, StoreError> {
    let mut conn = state.read().await?;
    if state.backend() == Backend::Postgres {
        return Ok("PostgreSQL answers; its tables fit this program".to_owned());
    }
    let mut found = Vec::new();
    for r in state::rows(&mut conn, &INTEGRITY, INTEGRITY.query()).await? {
        let line: String = state::get(&r, "state.db", "integrity_check")?;
        if line != "ok" {
            found.push(line);
        }
    }
    for r in state::rows(&mut conn, &REFERENCES, REFERENCES.query()).await? {
        found.push(format!(
            "a row of `{}` names what is not there",
            state::get::<String>(&r, "state.db", "table")?
        ));
    }
    if found.is_empty() {
        return Ok("state.db is whole; its tables fit this program".to_owned());
    }
    Err(StoreError::row("state.db", "integrity_check", few(&found)))
}

async fn waiting_jobs(state: &State) -> Result<String, StoreError> {
    let mut conn = state.read().await?;
    let count = jobs::count(&mut conn).await?;
    if count.dead == 0 {
        return Ok(format!("{} waiting, {} running, {} done", count.queued, count.running, count.done));
    }
    let dead = jobs::dead(&mut conn, "", 1).await?;
    let first = dead.first().map_or(String::new(), |d| format!("{} of {}: {}", d.kind, d.subject, d.error));
    Err(StoreError::DeadJobs { count: count.dead, first })
}

async fn waiting_leaves(state: &State) -> Result<String, StoreError> {
    let mut conn = state.read().await?;
    let count = leaves::count(&mut conn).await?;
    Ok(format!("{} leaves wait for the ledger, {} are on it", count.waiting + count.placed, count.published))
}

/// Telemetry: every file of the manifest is there with its digest. Reads every byte.
pub async fn telemetry(folder: &TelemetryStore, state: &State) -> Check {
    Check::of("telemetry", look_at_telemetry(folder, state).await)
}

async fn look_at_telemetry(folder: &TelemetryStore, state: &State) -> Result<String, StoreError> {
    let mut conn = state.read().await?;
    let (mut after, mut files, mut records) = (String::new(), 0_u64, 0_u64);
    let mut wrong = Vec::new();
    loop {
        let page = manifest::page(&mut conn, &after, 1000).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.path);
        for file in &page {
            files += 1;
            records += file.records;
            match folder.digest(&file.path).await {
                Ok((sha256, _)) if sha256 == file.sha256 => {}
                Ok(_) => wrong.push(format!("{} was changed", file.path)),
                Err(e) => wrong.push(format!("{}: {e}", file.path)),
            }
        }
    }
    if wrong.is_empty() {
        return Ok(format!("{files} files with {records} rows are as they were written"));
    }
    Err(StoreError::Telemetry { path: format!("{} of {files}", wrong.len()), why: few(&wrong) })
}

/// How closely the vault is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The lists against each other.
    Lists,
    /// Also every sealed byte: decrypted and hashed.
    Bytes,
}

/// Vault and keys against the list of exhibits: each exhibit that is not erased can be opened, and nothing else can.
pub async fn exhibits(state: &State, vault: &Vault, depth: Depth) -> Check {
    match look_at_vault(state, vault, depth).await {
        Ok(outcome) => Check::of("vault", outcome),
        Err(error) => Check::unwell("vault", &error),
    }
}

async fn look_at_vault(
    state: &State,
    vault: &Vault,
    depth: Depth,
) -> Result<Result<String, EvidenceError>, StoreError> {
    let listed = listed(state).await?;
    let keys: BTreeSet<ExhibitId> = match vault.list().await {
        Ok(keys) => keys.into_iter().collect(),
        Err(error) => return Ok(Err(error)),
    };
    let lost: Vec<String> = listed.difference(&keys).map(ToString::to_string).collect();
    if !lost.is_empty() {
        return Err(StoreError::Lost { piece: "key", count: lost.len() as u64, which: few(&lost) });
    }
    let stray: Vec<String> = keys.difference(&listed).map(ToString::to_string).collect();
    if !stray.is_empty() {
        return Err(StoreError::Stray { piece: "key", count: stray.len() as u64, which: few(&stray) });
    }
    for id in listed.iter().filter(|_| depth == Depth::Bytes) {
        if let Err(error) = vault.check(id).await {
            return Ok(Err(error));
        }
    }
    let how = if depth == Depth::Bytes { "each opened and compared" } else { "each with its key" };
    Ok(Ok(format!("{} exhibits, {how}", listed.len())))
}

async fn listed(state: &State) -> Result<BTreeSet<ExhibitId>, StoreError> {
    let mut conn = state.read().await?;
    let (mut listed, mut after) = (BTreeSet::new(), None);
    loop {
        let page = exhibits::page(&mut conn, after.as_ref(), 1000).await?;
        let Some(last) = page.last() else { return Ok(listed) };
        after = Some(last.id);
        listed.extend(page.iter().filter(|e| e.erased_at.is_none()).map(|e| e.id));
    }
}

/// The ledger: every byte recomputed, and the state store knows the same leaves.
pub async fn ledger(home: &Home, state: &State, trust: &Trust<'_>) -> Check {
    let root = home.ledger();
    let looked = verify_folder(&root, trust);
    match looked {
        Err(error) => Check::unwell("ledger", &error),
        Ok(size) => Check::of("ledger", agrees(state, size).await),
    }
}

async fn agrees(state: &State, size: u64) -> Result<String, StoreError> {
    let mut conn = state.read().await?;
    let count = leaves::count(&mut conn).await?;
    let places = leaves::places(&mut conn).await?;
    if size < count.published || size > places {
        let why = format!("the checkpoint covers {size} leaves, the state store knows {}", count.published);
        return Err(StoreError::LedgerDisagrees { why });
    }
    Ok(format!("{size} leaves verify up to the signed head"))
}

/// Verifies the log in a folder; its size. A folder without a checkpoint and without tiles is a log without leaves.
pub fn verify_folder(root: &Path, trust: &Trust<'_>) -> Result<u64, ::ledger::LedgerError> {
    let stored = tiles(root);
    if stored.is_empty() && !root.join(::ledger::checkpoint::FILE).exists() {
        return Ok(0);
    }
    let read = |path: &str| bounded(&root.join(path));
    verify_log(&read, trust, Some(&stored)).map(|report| report.head.size)
}

fn bounded(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(meta) if meta.len() > MOST_LEDGER_FILE => {
            Err(io::Error::other("larger than any file of a ledger"))
        }
        Ok(_) => fs::read(path).map(Some),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Every path below `tile/`, as the ledger names them. Files that a cut-short write left (`name#123`) are not part of
/// the log.
fn tiles(root: &Path) -> Vec<String> {
    let mut folders: Vec<PathBuf> = vec![root.join("tile")];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(inside) = path.strip_prefix(root) {
                let inside = inside.to_string_lossy().into_owned();
                if !inside.contains('#') {
                    paths.push(inside);
                }
            }
        }
    }
    paths.sort_unstable();
    paths
}

/// The clock against the highest time seen.
pub async fn node_clock(state: &State, node: &NodeClock) -> Check {
    let looked =
        async {
            let mut conn = state.read().await?;
            let highest = clock::highest(&mut conn).await?;
            node.check(node.now(), highest)?;
            Ok::<_, StoreError>(highest.map_or_else(
                || "no ruling was made yet".to_owned(),
                |h| format!("the highest time seen is {h}"),
            ))
        };
    Check::of("clock", looked.await)
}

fn few(all: &[String]) -> String {
    let more = all.len().saturating_sub(SHOWN);
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}
