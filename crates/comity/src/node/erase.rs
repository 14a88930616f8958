//! `case erase`: exhibits destroyed for good, with everything in this home by which they would live on.
//!
//! The order, each step durable before the next, each harmless when done again:
//! ```text
//! begun    two persons' approval and the list of exhibits are kept
//! cleaned  findings, jobs, names, labels, telemetry rows, threats and plans go; cases forget what rested on them
//! closed   per exhibit: key and salt destroyed, then the sealed object; custody and its leaf
//! done     telemetry files, tmp/ and outbox/ cleared; the state store rewritten and its log cut to nothing
//! ```
//! Whoever opens the home after a crash finishes what was begun; nothing says `done` before it is.
//! What joins: what was unpacked from an exhibit, the bundle it came in, and what this home kept of its own releases that
//! holds words of it. What stays: the exhibit's row without names, its custody, and the ledger, which holds commitments
//! whose salt is destroyed. A hold on any of it stops all of it.
//! Elsewhere: which words tell of an exhibit (`erased`), the rows (`store::erasure`), the vault's part (`evidence`).

use super::Node;
use super::compact::count_rewritten;
use super::erased::Traces;
use super::error::NodeError;
use super::hold::reason;
use super::label::KeptLabel;
use super::people::Approval;
use super::share::KeptRelease;
use crate::store::records::{self, Noun, Record};
use crate::store::{Tx, erasure, exhibits, files, findings, manifest};
use evidence::custody::{Act, Why};
use evidence::{EvidenceError, hold};
use exchange::Payload;
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::pin::pin;
use terms::{ExhibitId, FindingId, PersonId, Timestamp};
use threat::Case;

/// What stands in the place of a text that rested on an erased exhibit.
const GONE: &str = "(erased with the exhibit it rested on)";
/// Largest file of `outbox/` and of the home's own folder that is looked into.
const MOST_FILE: u64 = 64 << 20;
/// Largest payload of a release.
const MOST_PAYLOAD: u64 = 64 << 20;

/// An erasure as it is kept (`comity.erasure/1`); names no person but those who decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Erasure {
    /// Always `comity.erasure/1`.
    pub schema: String,
    /// Its id.
    pub id: String,
    /// The case or release it belongs to.
    pub of: String,
    /// The exhibits.
    pub exhibits: Vec<ExhibitId>,
    /// Those that nobody named: why each joins.
    pub joined: BTreeMap<ExhibitId, String>,
    /// Why.
    pub why: Why,
    /// Who asked.
    pub first: PersonId,
    /// Who approved.
    pub second: PersonId,
    /// When it began.
    pub at: Timestamp,
    /// What both signed (DSSE), as text.
    pub approval: String,
    /// How far it is: `begun`, `cleaned`, `closed`, `done`.
    pub status: String,
    /// Findings taken out.
    pub findings: u64,
    /// Plans, outcomes, threats and answers taken out, by table.
    pub taken_out: BTreeMap<String, Vec<String>>,
    /// Texts of cases and reasons of labels that were blanked.
    pub blanked: u64,
    /// Folders of packages that were written with one of the exhibits: outside this home, for a person to see to.
    pub packages: Vec<String>,
    /// What the operator must still do, where the state store is a server's.
    pub operator: Option<String>,
}

impl Node {
    /// Erases exhibits of a case: those named, else all of them.
    ///
    /// # Errors
    /// CMT-1123 what is not there, CMT-1180 eyes, CMT-0405 held (nothing is erased then), CMT-1182 an exhibit was unpacked
    /// from one that stays.
    pub async fn erase(
        &self,
        case: &str,
        on: &[String],
        why: &str,
        second: &PersonId,
    ) -> Result<Erasure, NodeError> {
        let case = self.case_show(case).await?;
        let mut ids = BTreeSet::new();
        for text in on {
            let id = self.exhibit_named(text).await?;
            if !case.exhibits.contains(&id) {
                let list = "`comity case disclosure CASE`";
                return Err(NodeError::Missing { what: "exhibit of this case", id: text.clone(), list });
            }
            ids.insert(id);
        }
        if on.is_empty() {
            ids.clone_from(&case.exhibits);
        }
        let why = reason(why)?;
        self.erase_these(case.id.as_str(), ids, Why::House(why), second).await
    }

    /// Erases these exhibits and what joins them.
    pub(super) async fn erase_these(
        &self,
        of: &str,
        ids: BTreeSet<ExhibitId>,
        why: Why,
        second: &PersonId,
    ) -> Result<Erasure, NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let here = self.present(ids).await?;
        if here.is_empty() {
            return Err(NodeError::Value {
                what: "there is nothing left to erase: it is done, or was never here".into(),
            });
        }
        let (all, joined) = self.joined(here).await?;
        let holds = self.holds().await?;
        for id in &all {
            let _clear = hold::clear(*id, &holds, now)?;
        }
        let mut commitments = Vec::new();
        let mut conn = self.state.read().await?;
        for id in &all {
            commitments.extend(exhibits::find(&mut conn, id).await?.map(|e| e.commitment.to_string()));
        }
        drop(conn);
        let approval = self
            .four_eyes(&Approval {
                schema: "comity.approval/1".into(),
                act: "erase".into(),
                exhibits: commitments,
                reason: serde_json::to_string(&why).unwrap_or_default(),
                first: self.person.clone(),
                second: second.clone(),
                at: now,
            })
            .await?;
        let erasure = Erasure {
            schema: "comity.erasure/1".into(),
            id: uuid::Uuid::now_v7().to_string(),
            of: of.to_owned(),
            exhibits: all.into_iter().collect(),
            joined,
            why,
            first: self.person.clone(),
            second: second.clone(),
            at: now,
            approval: String::from_utf8_lossy(&approval).into_owned(),
            status: "begun".into(),
            findings: 0,
            taken_out: BTreeMap::new(),
            blanked: 0,
            packages: Vec::new(),
            operator: None,
        };
        let mut tx = self.state.begin().await?;
        keep(&mut tx, &erasure, now).await?;
        tx.commit().await?;
        self.carry_out(erasure).await
    }

    /// Finishes what a killed process began.
    ///
    /// # Errors
    /// When it cannot: the home is then not worked with, because something half-erased is in it.
    pub(super) async fn finish_erasures(&self) -> Result<(), NodeError> {
        let mut conn = self.state.read().await?;
        let all: Vec<Record<Erasure>> = records::ERASURES.all(&mut conn).await?;
        drop(conn);
        for record in all.into_iter().filter(|r| r.status != "done") {
            self.carry_out(record.body).await?;
        }
        Ok(())
    }

    /// Every erasure, in the order in which they began.
    ///
    /// # Errors
    /// When the state store cannot be read.
    pub async fn erasures(&self) -> Result<Vec<Erasure>, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(records::ERASURES.all(&mut conn).await?.into_iter().map(|r| r.body).collect())
    }

    async fn carry_out(&self, mut erasure: Erasure) -> Result<Erasure, NodeError> {
        if erasure.status == "begun" {
            let traces = self.traces(&erasure.exhibits).await?;
            self.clear_files(&traces).await?;
            self.clean(&mut erasure, &traces).await?;
        }
        if erasure.status == "cleaned" {
            self.close_off(&mut erasure).await?;
        }
        if erasure.status == "closed" {
            self.shred_telemetry().await?;
            self.telemetry.sweep(&self.home, &self.state).await?;
            self.sequencer.run().await?;
            if !self.state.purge().await? {
                erasure.operator = Some(OPERATOR.to_owned());
            }
            erasure.status = "done".into();
            let mut tx = self.state.begin().await?;
            keep(&mut tx, &erasure, self.clock.now()).await?;
            tx.commit().await?;
        }
        Ok(erasure)
    }

    async fn present(&self, ids: BTreeSet<ExhibitId>) -> Result<BTreeSet<ExhibitId>, NodeError> {
        let mut conn = self.state.read().await?;
        let mut here = BTreeSet::new();
        for id in ids {
            if exhibits::is_here(&mut conn, &id).await? {
                here.insert(id);
            }
        }
        Ok(here)
    }

    /// The exhibits with those that hold the same, each with the reason why it joins.
    async fn joined(
        &self,
        named: BTreeSet<ExhibitId>,
    ) -> Result<(BTreeSet<ExhibitId>, BTreeMap<ExhibitId, String>), NodeError> {
        let mut all = named.clone();
        let mut joined = BTreeMap::new();
        let mut conn = self.state.read().await?;
        let releases: Vec<Record<KeptRelease>> = records::RELEASES.all(&mut conn).await?;
        let mut waiting: Vec<ExhibitId> = named.into_iter().collect();
        while let Some(id) = waiting.pop() {
            let mut add = |other: ExhibitId, why: String| {
                if all.insert(other) {
                    joined.insert(other, why);
                    waiting.push(other);
                }
            };
            for below in erasure::unpacked(&mut conn, &id).await? {
                add(below, format!("it was unpacked from {id}"));
            }
            for release in releases.iter().filter(|r| r.body.items.contains(&id)) {
                add(release.body.exhibit, format!("release {} brought {id} in it", release.id));
            }
        }
        let own: BTreeSet<ExhibitId> = releases
            .iter()
            .filter(|r| r.body.record.header.from == self.partner)
            .map(|r| r.body.exhibit)
            .chain(erasure::named(&mut conn, "refused release").await?)
            .collect();
        drop(conn);
        let list: Vec<ExhibitId> = all.iter().copied().collect();
        let traces = self.traces(&list).await?;
        for id in self.present(own).await?.difference(&all.clone()) {
            if traces.hit(&self.opened(id).await?) {
                all.insert(*id);
                joined.insert(*id, "it is what was released of it".into());
            }
        }
        let mut conn = self.state.read().await?;
        for id in &all {
            let above = exhibits::find(&mut conn, id).await?.and_then(|e| e.derived_from);
            if let Some(above) = above
                && !all.contains(&above)
                && exhibits::is_here(&mut conn, &above).await?
            {
                return Err(NodeError::Contained {
                    what: format!("exhibit {id} was unpacked from {above}, which stays"),
                });
            }
        }
        let all = all.into_iter().collect();
        drop(conn);
        Ok((self.present(all).await?, joined))
    }

    /// A kept payload with the bytes of its items as they are.
    async fn opened(&self, id: &ExhibitId) -> Result<Vec<u8>, NodeError> {
        let mut bytes = self.vault.read(id, MOST_PAYLOAD).await?;
        if let Ok(payload) = Payload::parse(&bytes) {
            for item in payload.items {
                bytes.push(b'\n');
                bytes.extend_from_slice(&item.bytes);
            }
        }
        Ok(bytes)
    }

    /// The words of these exhibits and of the findings that rest on them, without those that other findings bear out.
    async fn traces(&self, ids: &[ExhibitId]) -> Result<Traces, NodeError> {
        let mut traces = Traces::default();
        let mut gone: BTreeSet<FindingId> = BTreeSet::new();
        for id in ids {
            match self.vault.open_blocking(id).await {
                Ok(reader) => {
                    let read = move || {
                        traces.add_exhibit(reader);
                        traces
                    };
                    let done = tokio::task::spawn_blocking(read).await;
                    traces = done.map_err(|e| NodeError::Unfinished { what: e.to_string() })?;
                }
                Err(EvidenceError::Unknown(_) | EvidenceError::ObjectMissing(_)) => {}
                Err(e) => return Err(e.into()),
            }
            let mut conn = self.state.read().await?;
            // As an item of a release is called that is this exhibit as it is.
            traces.add(format!("exhibit-{id}").as_bytes());
            for name in exhibits::find(&mut conn, id).await?.map(|e| e.names).unwrap_or_default() {
                // The name alone, and without its ending: folders are the operator's own.
                let path = Path::new(&name);
                for part in [path.file_name(), path.file_stem()].into_iter().flatten() {
                    traces.add(part.as_encoded_bytes());
                }
            }
            for finding in erasure::findings(&mut conn, id).await? {
                if let Some(kept) = findings::find(&mut conn, &finding).await? {
                    traces.add(&serde_json::to_vec(&kept.finding.body).unwrap_or_default());
                    traces.add(kept.finding.reason.as_bytes());
                }
                gone.insert(finding);
            }
        }
        if traces.is_empty() {
            return Ok(traces);
        }
        let mut rest = pin!(findings::stream(&self.state, None));
        while let Some(kept) = rest.try_next().await? {
            if !gone.contains(&kept.finding.id) {
                traces.spare(&serde_json::to_vec(&kept.finding.body).unwrap_or_default());
                traces.spare(kept.finding.reason.as_bytes());
            }
        }
        Ok(traces)
    }

    /// Everything in the state store that rests on the exhibits, in one transaction.
    async fn clean(&self, erasure: &mut Erasure, traces: &Traces) -> Result<(), NodeError> {
        let now = self.clock.now();
        let exhibits: BTreeSet<ExhibitId> = erasure.exhibits.iter().copied().collect();
        let rewritten = self.rewrite_without(&exhibits).await?;
        let mut tx = self.state.begin().await?;
        count_rewritten(&mut tx, &rewritten, now).await?;
        let mut gone: BTreeSet<FindingId> = BTreeSet::new();
        for id in &erasure.exhibits {
            for finding in erasure::findings(&mut tx, id).await? {
                erasure::forget_finding(&mut tx, &finding).await?;
                gone.insert(finding);
            }
            erasure::forget_exhibit(&mut tx, id).await?;
        }
        erasure.findings = gone.len() as u64;
        let mut plans: BTreeSet<String> = BTreeSet::new();
        for noun in
            [&records::THREATS, &records::PLANS, &records::OUTCOMES, &records::ANSWERS, &records::RECEIPTS]
        {
            let out = take_out(&mut tx, noun, &gone, traces, &plans).await?;
            if noun.table() == records::PLANS.table() {
                plans.extend(out.iter().cloned());
            }
            if !out.is_empty() {
                erasure.taken_out.insert(noun.table().to_owned(), out);
            }
        }
        for record in records::CASES.all::<Case>(&mut tx).await? {
            let (case, blanked) = blank(&record.body, &gone, traces);
            if case != record.body {
                erasure.blanked += blanked;
                records::CASES.put(&mut tx, &Record { at: now, body: case, ..record }).await?;
            }
        }
        for mut record in records::LABELS.all::<KeptLabel>(&mut tx).await? {
            if record.body.label.reason.as_ref().is_some_and(|r| traces.hit(r.as_bytes())) {
                record.body.label.reason = Some(GONE.to_owned());
                record.body.salt = None;
                records::LABELS.put(&mut tx, &record).await?;
                erasure.blanked += 1;
            }
        }
        let ids: BTreeSet<String> = erasure.exhibits.iter().map(ToString::to_string).collect();
        for record in records::PACKAGES.all::<serde_json::Value>(&mut tx).await? {
            let text = record.body.to_string();
            if ids.iter().any(|id| text.contains(id)) {
                erasure
                    .packages
                    .extend(record.body.get("folder").and_then(|f| f.as_str()).map(str::to_owned));
            }
        }
        erasure.status = "cleaned".into();
        keep(&mut tx, erasure, now).await?;
        Ok(tx.commit().await?)
    }

    /// Keys, salts and objects; then custody, with its leaf.
    async fn close_off(&self, erasure: &mut Erasure) -> Result<(), NodeError> {
        for id in &erasure.exhibits {
            // Cleared when it began; a hold that came later finds the findings gone, and keeps nothing.
            let cleared = hold::clear(*id, &[], erasure.at)?;
            match self.vault.erase(cleared).await {
                Ok(_) | Err(EvidenceError::Unknown(_)) => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.vault.sweep(Timestamp(i64::MAX)).await?;
        let mut event = self.event(Vec::new(), Act::Erase, erasure.why.clone(), false);
        event.who = erasure.first.clone();
        event.second = Some(erasure.second.clone());
        event.document = Some(terms::Digest::of(erasure.approval.as_bytes()));
        let batch = self.on_each(&erasure.exhibits, &event).await?;
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, event.when).await?;
        for id in &erasure.exhibits {
            exhibits::erase(&mut tx, id, event.when).await?;
        }
        erasure.status = "closed".into();
        keep(&mut tx, erasure, event.when).await?;
        Ok(tx.commit().await?)
    }

    /// Telemetry files that no row names any more are overwritten before they go: they lay in the clear.
    async fn shred_telemetry(&self) -> Result<(), NodeError> {
        let mut conn = self.state.read().await?;
        for (path, _) in self.telemetry.listed().await? {
            if !manifest::has(&mut conn, &path).await? {
                self.telemetry.shred(&path).await?;
            }
        }
        Ok(())
    }

    /// Files of `outbox/`, and of the home's own folder beside its pieces (a report, say), that hold one of the words.
    async fn clear_files(&self, traces: &Traces) -> Result<(), NodeError> {
        const OURS: [&str; 4] = ["format", "lock", "config.toml", "state.db"];
        for folder in [self.home.outbox(), self.home.root().to_owned()] {
            for entry in std::fs::read_dir(&folder).map_err(|e| NodeError::file("listing", &folder, e))? {
                let entry = entry.map_err(|e| NodeError::file("listing", &folder, e))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let plain = entry.file_type().is_ok_and(|t| t.is_file());
                if !plain || OURS.iter().any(|o| name.starts_with(o)) {
                    continue;
                }
                let path = entry.path();
                if traces.hit(&inside(&path)?) {
                    files::shred(&path).map_err(|e| NodeError::file("shredding", &path, e))?;
                }
            }
        }
        Ok(())
    }
}

/// What only the operator of a PostgreSQL server can do.
const OPERATOR: &str = "The state store is PostgreSQL: it keeps old versions of rows until they are vacuumed, and its write-ahead \
    segments, replicas and backups keep them longer. Run `VACUUM FULL` and `CHECKPOINT` in this database, let archived segments \
    and backups from before run out, and say in the case when that was done.";

async fn keep(tx: &mut Tx, erasure: &Erasure, at: Timestamp) -> Result<(), NodeError> {
    let record = Record {
        id: erasure.id.clone(),
        belongs: erasure.of.clone(),
        status: erasure.status.clone(),
        at,
        until: None,
        body: erasure.clone(),
    };
    Ok(records::ERASURES.put(tx, &record).await?)
}

/// A file's bytes, and beside them what a DSSE envelope in it carries in base64.
fn inside(path: &Path) -> Result<Vec<u8>, NodeError> {
    use std::io::Read as _;
    let told = |e| NodeError::file("reading", path, e);
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(told)?.take(MOST_FILE).read_to_end(&mut bytes).map_err(told)?;
    if let Ok(envelope) = ledger::dsse::Envelope::from_json(&bytes) {
        bytes.push(b'\n');
        bytes.extend_from_slice(envelope.unverified_payload());
    }
    Ok(bytes)
}

/// Takes out the things of a table that hold one of the words, rest on a finding that is gone, or belong to what went.
async fn take_out(
    tx: &mut Tx,
    noun: &Noun,
    gone: &BTreeSet<FindingId>,
    traces: &Traces,
    went: &BTreeSet<String>,
) -> Result<Vec<String>, NodeError> {
    let mut out = Vec::new();
    for record in noun.all::<serde_json::Value>(tx).await? {
        let rests = noun.table() == records::THREATS.table()
            && record.body.get("findings").and_then(|f| f.as_array()).is_some_and(|all| {
                all.iter().filter_map(|f| f.as_str()?.parse::<FindingId>().ok()).any(|f| gone.contains(&f))
            });
        let text = record.body.to_string();
        if rests
            || went.contains(&record.belongs)
            || traces.hit(text.as_bytes())
            || traces.hit(record.id.as_bytes())
        {
            noun.remove(tx, &record.id).await?;
            // An answer's id names the asset: it is counted, not told.
            let told =
                if noun.table() == records::ANSWERS.table() { "(an answer)".to_owned() } else { record.id };
            out.push(told);
        }
    }
    Ok(out)
}

/// The case without what rested on the erased, and how many of its texts were blanked. Its findings count as refuted.
fn blank(case: &Case, gone: &BTreeSet<FindingId>, traces: &Traces) -> (Case, u64) {
    let mut out = case.clone();
    let mut blanked = 0;
    for finding in gone {
        if out.findings.remove(finding) {
            out.refuted.push((*finding, GONE.to_owned()));
        }
    }
    for entry in out.notes.iter_mut().chain(out.decisions.iter_mut()) {
        let rests = entry.findings.iter().any(|f| gone.contains(f));
        if entry.text != GONE && (rests || traces.hit(entry.text.as_bytes())) {
            entry.text = GONE.to_owned();
            blanked += 1;
        }
    }
    for (_, why) in out.refuted.iter_mut().filter(|(_, why)| traces.hit(why.as_bytes())) {
        why.clear();
        why.push_str(GONE);
        blanked += 1;
    }
    if traces.hit(out.title.as_bytes()) {
        out.title = GONE.to_owned();
        blanked += 1;
    }
    (out, blanked)
}
