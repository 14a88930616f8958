//! `case retention`: what agreements oblige this home to erase, and by when.
//!
//! Here: which received releases are due, erasing them, and the signed word for the giver that it is done. Elsewhere: the
//! erasure itself (`erase`), holds (`hold`), the date (an agreement's `retain` clause, fixed when the release was taken in).
//! Victims of an own sinkhole go with the key to them (`victims`).
//! An exhibit that also came another way is not the release's alone: it stays, and is listed.

use super::Node;
use super::error::NodeError;
use super::notify;
use super::share::KeptRelease;
use crate::store::exhibits;
use crate::store::records::{self, Record};
use evidence::custody::Why;
use evidence::{EvidenceError, hold};
use ledger::dsse;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use terms::{ExhibitId, PartnerId, PersonId, ReleaseId, Timestamp};

/// DSSE payload type of a proof of erasure.
pub const ERASED_TYPE: &str = "application/vnd.comity.erased+json";

/// Where a received release stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Its day has not come.
    Kept,
    /// It has to be erased.
    Due,
    /// It is due, and a hold keeps it.
    Held,
    /// It is erased.
    Erased,
}

/// One release with a date (`comity.retained/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Retained {
    /// Always `comity.retained/1`.
    pub schema: &'static str,
    /// The release.
    pub release: ReleaseId,
    /// Who gave it.
    pub from: PartnerId,
    /// By when it must be erased.
    pub erase_by: Timestamp,
    /// Where it stands.
    pub standing: Standing,
    /// Its exhibits that go, the bundle among them.
    pub exhibits: Vec<ExhibitId>,
    /// Its exhibits that also came another way, and stay.
    pub also_ours: Vec<ExhibitId>,
    /// The hold that keeps it, why, and until when (none: until it is lifted).
    pub hold: Option<(String, String, Option<Timestamp>)>,
    /// By when the giver wants a proof of the erasure.
    pub proof_by: Option<Timestamp>,
    /// The file with the proof, to be handed back.
    pub proof: Option<PathBuf>,
}

/// What the giver gets (`comity.erased/1`, in a DSSE envelope by the node key).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureProof {
    /// Always `comity.erased/1`.
    pub schema: String,
    /// The release.
    pub release: ReleaseId,
    /// Who gave it.
    pub from: PartnerId,
    /// Who erased it, and signs.
    pub by: PartnerId,
    /// When.
    pub erased: Timestamp,
    /// How many exhibits, the bundle among them.
    pub exhibits: u64,
    /// Where the eraser's ledger stands, with the erasure in it.
    pub origin: String,
    /// Its leaves.
    pub size: u64,
    /// Its root.
    pub root: terms::Digest,
}

impl Node {
    /// The received releases, own notices and victims of own sinkholes that have a date, earliest first. With a second person, what is due is erased.
    ///
    /// # Errors
    /// CMT-1180 eyes; what is held is no error and is listed with its date.
    pub async fn retention(&self, second: Option<&PersonId>) -> Result<Vec<Retained>, NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let holds = self.holds().await?;
        let mut conn = self.state.read().await?;
        let all: Vec<Record<KeptRelease>> = records::RELEASES.all(&mut conn).await?;
        drop(conn);
        let mut out = Vec::new();
        for record in all.into_iter().filter(|r| {
            let header = &r.body.record.header;
            // What a notice told of victims goes here too, when its day has come.
            let notice = header.from == self.partner && header.release.as_str().starts_with(notify::PREFIX);
            header.to == self.partner || notice
        }) {
            let Some(erase_by) = record.body.erase_by else { continue };
            let mut one = self.retained(&record, erase_by, now).await?;
            for id in &one.exhibits {
                if let Err(EvidenceError::Held { hold, ground, until, .. }) = hold::clear(*id, &holds, now) {
                    one.hold = Some((hold, ground, until));
                    one.standing = if one.standing == Standing::Due { Standing::Held } else { one.standing };
                }
            }
            if let (Standing::Due, Some(second)) = (one.standing, second) {
                let clauses = record.body.record.header.clauses.clone();
                let ids: BTreeSet<ExhibitId> = one.exhibits.iter().copied().collect();
                self.erase_these(&record.id, ids, Why::Clauses(clauses), second).await?;
                // Of an own notice the status goes on saying whether it arrived.
                if record.body.record.header.to == self.partner {
                    one.proof = Some(self.proof_of_erasure(&record, &one).await?);
                }
                one.standing = Standing::Erased;
            }
            out.push(one);
        }
        for mut one in self.victims_retained(now).await? {
            if let (Standing::Due, Some(second)) = (one.standing, second) {
                let ids: BTreeSet<ExhibitId> = one.exhibits.iter().copied().collect();
                let why = Why::House("the day of erasure of what was kept for notification has come".into());
                self.erase_these(one.release.as_str(), ids, why, second).await?;
                one.standing = Standing::Erased;
            }
            out.push(one);
        }
        out.sort_by_key(|r| (r.erase_by, r.release.to_string()));
        Ok(out)
    }

    async fn retained(
        &self,
        record: &Record<KeptRelease>,
        erase_by: Timestamp,
        now: Timestamp,
    ) -> Result<Retained, NodeError> {
        let kept = &record.body;
        let release = kept.record.header.release.clone();
        let (mut here, mut also_ours) = (Vec::new(), Vec::new());
        let mut conn = self.state.read().await?;
        for id in kept.items.iter().chain([&kept.exhibit]) {
            if !exhibits::is_here(&mut conn, id).await? {
                continue;
            }
            if *id != kept.exhibit && self.came_otherwise(id, &release).await? {
                also_ours.push(*id);
            } else {
                here.push(*id);
            }
        }
        let standing = match () {
            () if record.status == "erased" || here.is_empty() => Standing::Erased,
            () if erase_by <= now => Standing::Due,
            () => Standing::Kept,
        };
        let proof = self.home.outbox().join(format!("erased-{release}.dsse.json"));
        Ok(Retained {
            schema: "comity.retained/1",
            from: kept.record.header.from.clone(),
            erase_by,
            standing,
            exhibits: here,
            also_ours,
            hold: None,
            proof_by: kept.proof_days.map(|days| erase_by.plus_days(i64::from(days))),
            proof: proof.is_file().then_some(proof),
            release,
        })
    }

    /// Whether custody knows another way in which an exhibit came than this release.
    async fn came_otherwise(&self, id: &ExhibitId, release: &ReleaseId) -> Result<bool, NodeError> {
        let ours = format!("release {release} ");
        let acts = self.custody_of(id).await?;
        Ok(acts.iter().filter(|a| matches!(a.act.as_str(), "seal" | "receive" | "derive")).any(|a| {
            let why = a.body.get("why").and_then(|w| w.get("reference")).and_then(|r| r.as_str());
            !why.is_some_and(|w| w.starts_with(&ours))
        }))
    }

    /// The signed word that a release is erased, in `outbox/`; and the release is noted as erased.
    async fn proof_of_erasure(
        &self,
        record: &Record<KeptRelease>,
        one: &Retained,
    ) -> Result<PathBuf, NodeError> {
        let now = self.clock.now();
        let head = self.sequencer.head().await?;
        let proof = ErasureProof {
            schema: "comity.erased/1".into(),
            release: one.release.clone(),
            from: one.from.clone(),
            by: self.partner.clone(),
            erased: now,
            exhibits: one.exhibits.len() as u64,
            origin: head.origin.clone(),
            size: head.size,
            root: head.root,
        };
        let text = serde_json::to_vec(&proof).map_err(|e| NodeError::Value { what: e.to_string() })?;
        let envelope = dsse::sign(ERASED_TYPE, &text, &self.keys.node)?.to_json();
        let path = self.home.outbox().join(format!("erased-{}.dsse.json", one.release));
        crate::store::files::write_durably(&path, &envelope)
            .map_err(|e| NodeError::file("writing", &path, e))?;
        let mut tx = self.state.begin().await?;
        records::RELEASES.set_status(&mut tx, &record.id, "erased", now).await?;
        tx.commit().await?;
        Ok(path)
    }
}
