//! `doctor --compact`: small telemetry files of a month put together, and what an erasure leaves of such files.
//!
//! A file of each exhibit alone is easy to erase and slow to ask by the thousand. Put together, rows keep the exhibit that
//! they come from, and the state store keeps which exhibits a file has rows of; an erasure writes such a file anew without
//! the rows that go. Roll-ups are brought up to date first, for they remember files by their first paths.
//! Elsewhere: the rows themselves (`botnet::tables::Compactor`), the transaction of an erasure (`erase`).

use super::Node;
use super::error::NodeError;
use crate::store::commit::write;
use crate::store::compacted::{self, Member};
use crate::store::manifest::{self, TelemetryFile};
use crate::store::{Batch, Draft, StoreError, Tx};
use botnet::tables::{Compactor, File, ROWS_PER_FILE, Table, WEB_ROWS_PER_FILE};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use terms::{ExhibitId, Timestamp};

/// The schema of what is told, and the beginning of the name of a file.
const SCHEMA: &str = "comity.compacted/1";
/// Fewer files than this are not worth the writing.
const FEWEST: usize = 8;

/// What a compaction did (`comity.compacted/1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// Always `comity.compacted/1`.
    pub schema: &'static str,
    /// Small files that were put together.
    pub files: u64,
    /// Files that they became.
    pub into: u64,
    /// Rows in them.
    pub rows: u64,
}

/// A file that an erasure wrote anew, or takes away as a whole.
#[derive(Debug)]
pub(super) struct Rewritten {
    old: String,
    new: Option<TelemetryFile>,
}

impl Node {
    /// Puts small files of each table together, month by month. Files that were put together before stay as they are.
    ///
    /// # Errors
    /// From the stores; CMT-0630, CMT-0631 where a file is not what the manifest says.
    pub async fn compact(&self) -> Result<Compacted, NodeError> {
        let mut done = Compacted { schema: SCHEMA, files: 0, into: 0, rows: 0 };
        for table in [Table::Flows, Table::Dns, Table::Sightings, Table::Http, Table::Tls] {
            let groups = self.groups(table).await?;
            if table == Table::Sightings && !groups.is_empty() {
                self.roll_up().await?;
            }
            for group in groups {
                done.files += group.len() as u64;
                done.into += 1;
                done.rows += self.put_together(table, group).await?;
            }
        }
        Ok(done)
    }

    /// Files of a table that are worth putting together, each list one month's and at most one file's rows.
    async fn groups(&self, table: Table) -> Result<Vec<Vec<TelemetryFile>>, NodeError> {
        let mut conn = self.state.read().await?;
        let there: BTreeSet<String> =
            compacted::of_table(&mut conn, table.name()).await?.into_iter().map(|m| m.path).collect();
        let mut files = manifest::of_table(&mut conn, table.name()).await?;
        let most = most(table);
        files.retain(|f| f.records <= most / 4 && f.span.is_some() && !there.contains(&f.path));
        let mut months: BTreeMap<i32, Vec<TelemetryFile>> = BTreeMap::new();
        for file in files {
            let first = file.span.map_or(0, |(first, _)| first.0);
            months.entry(botnet::rollup::period(first)).or_default().push(file);
        }
        let mut groups = Vec::new();
        for mut month in months.into_values() {
            month.sort_by(|a, b| (a.span, &a.path).cmp(&(b.span, &b.path)));
            let (mut group, mut rows) = (Vec::new(), 0);
            for file in month {
                if rows + file.records > most {
                    groups.push(std::mem::take(&mut group));
                    rows = 0;
                }
                rows += file.records;
                group.push(file);
            }
            groups.push(group);
        }
        groups.retain(|g| g.len() >= FEWEST);
        Ok(groups)
    }

    async fn put_together(&self, table: Table, group: Vec<TelemetryFile>) -> Result<u64, NodeError> {
        let mut compactor = Compactor::new(table);
        for file in &group {
            compactor.take(self.telemetry.read(&file.path).await?, &BTreeSet::new())?;
        }
        let Some(file) = compactor.finish()? else { return Ok(0) };
        let names: Vec<&str> = group.iter().map(|f| f.path.as_str()).collect();
        let new = self.keep_made(&file, SCHEMA, &names)?;
        self.telemetry.settle(std::slice::from_ref(&new)).await?;
        let mut tx = self.state.begin().await?;
        for old in &group {
            gone(&mut tx, &old.path).await?;
            compacted::add(&mut tx, old, &new.path).await?;
        }
        let batch = Batch { telemetry: vec![new], ..Batch::default() };
        write(&mut tx, &batch, self.clock.now()).await?;
        tx.commit().await?;
        for old in &group {
            self.telemetry.shred(&old.path).await?;
        }
        Ok(file.rows)
    }

    /// Takes in a file that was made of others, named by them: made again it has the same name.
    pub(super) fn keep_made(
        &self,
        file: &File,
        schema: &str,
        of: &[&str],
    ) -> Result<TelemetryFile, NodeError> {
        let id = ExhibitId::of(format!("{schema}\n{}", of.join("\n")).as_bytes());
        let path = self.telemetry.draft();
        std::fs::write(&path, &file.bytes).map_err(|e| NodeError::file("writing", &path, e))?;
        Ok(self.telemetry.adopt(&Draft {
            path: &path,
            table: file.table.name(),
            exhibit: id,
            part: 0,
            records: file.rows,
            span: Some((Timestamp(file.first), Timestamp(file.last))),
        })?)
    }

    /// Writes the files anew in which rows of these exhibits lie with those of others. They count with
    /// [`count_rewritten`], in the transaction that forgets the exhibits; until then the old ones do.
    pub(super) async fn rewrite_without(
        &self,
        exhibits: &BTreeSet<ExhibitId>,
    ) -> Result<Vec<Rewritten>, NodeError> {
        let mut files: BTreeMap<String, BTreeSet<Member>> = BTreeMap::new();
        let mut conn = self.state.read().await?;
        for exhibit in exhibits {
            for member in compacted::around(&mut conn, exhibit).await? {
                files.entry(member.path.clone()).or_default().insert(member);
            }
        }
        drop(conn);
        let mut out = Vec::new();
        for (old, members) in files {
            let stays = |m: &&Member| !exhibits.contains(&m.exhibit);
            let names: Vec<&str> = members.iter().filter(stays).map(|m| m.was.as_str()).collect();
            let mut new = None;
            if !names.is_empty() {
                let table = Table::ALL.into_iter().find(|t| old.starts_with(&format!("{}/", t.name())));
                let table = table.ok_or_else(|| StoreError::Telemetry {
                    path: old.clone(),
                    why: "it lies in the folder of no table".into(),
                })?;
                let mut compactor = Compactor::new(table);
                compactor.take(self.telemetry.read(&old).await?, exhibits)?;
                if let Some(file) = compactor.finish()? {
                    new = Some(self.keep_made(&file, SCHEMA, &names)?);
                }
            }
            out.push(Rewritten { old, new });
        }
        let settled: Vec<TelemetryFile> = out.iter().filter_map(|r| r.new.clone()).collect();
        self.telemetry.settle(&settled).await?;
        Ok(out)
    }
}

/// Makes the files that were written anew count in place of the old ones.
pub(super) async fn count_rewritten(
    tx: &mut Tx,
    rewritten: &[Rewritten],
    at: Timestamp,
) -> Result<(), NodeError> {
    for one in rewritten {
        gone(tx, &one.old).await?;
        if let Some(new) = &one.new {
            manifest::add(tx, new, at).await?;
            compacted::moved(tx, &one.old, &new.path).await?;
        }
    }
    Ok(())
}

/// A file counts no more. Where it did not any more, another process of the home was quicker, and all of this is undone.
async fn gone(tx: &mut Tx, path: &str) -> Result<(), NodeError> {
    if manifest::remove(tx, path).await? {
        return Ok(());
    }
    Err(StoreError::Outrun { path: path.to_owned() }.into())
}

const fn most(table: Table) -> u64 {
    match table {
        Table::Http | Table::Tls => WEB_ROWS_PER_FILE as u64,
        _ => ROWS_PER_FILE as u64,
    }
}
