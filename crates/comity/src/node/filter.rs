//! Filtering: of the records that could cross, each is ruled on by itself. What no clause permits stays home and is
//! counted with the clause that came nearest; the rulings of all are one batch with one leaf on the ledger.
//!
//! Here: the facts of a record, the batch, what of it is kept. Elsewhere: the rulings (`agreement::rule_batch`), the permit
//! for what is left (`share`), verifying and proving what is kept (`batches`).
//! A record rests as a salted commitment whose salt is derived from that of the payload: when the payload is erased
//! nobody can tell any more what the record was, and the root still holds.
//! Bounds: requests are made for 1,024 records at a time; 40 bytes of memory are kept for each record.

use super::Node;
use super::error::NodeError;
use super::share::{Wish, refused};
use crate::store::Tx;
use crate::store::crossings;
use crate::store::leaves::NewLeaf;
use crate::store::records::{self, Record};
use agreement::{Agreements, Passed, Request, Ruled, RuledRecord, Ruling, Rulings};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ledger::statement::{PredicateType, Statement};
use ledger::{Commitment, Salt, commit};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use terms::{Category, Digest, ExhibitId, Label, Place, Protection, Timestamp};

/// Records of which requests are made at a time.
const TOGETHER: usize = 1_024;
/// Records of one part of a batch in the state store.
pub(super) const PART: usize = 4_096;

/// A record that could cross, with what a ruling looks at.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub record: T,
    /// Every category it has; empty counts as the strictest.
    pub categories: BTreeSet<Category>,
    /// Who or what says so.
    pub labels: Vec<Label>,
    /// The form in which it would cross.
    pub protection: Protection,
    /// The place of the person it concerns; none where it is not known or concerns nobody.
    pub place: Option<Place>,
}

/// Records that stay home for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stays {
    /// How many.
    pub records: u64,
    /// Stable code of the denial.
    pub code: String,
    /// The clauses that forbid it.
    pub clauses: Vec<String>,
    /// The clause that came nearest to letting them pass.
    pub nearest: Option<String>,
    /// Why, in one sentence.
    pub why: String,
}

/// What was ruled on the records of one payload, in their order.
#[derive(Debug, Default)]
pub(super) struct Filtered {
    kinds: Vec<Arc<Ruled>>,
    numbers: HashMap<Arc<Ruled>, u32>,
    records: Vec<(Digest, u32)>,
    /// A request that was denied, and what was ruled on it.
    denied: Option<(Request, Arc<Ruled>)>,
    places: BTreeSet<Option<Place>>,
}

/// What of a batch is kept (`comity.kept-batch/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptBatch {
    /// Always `comity.kept-batch/1`.
    pub schema: String,
    /// The exhibit from whose salt those of the records are derived: the payload, or the request that was refused.
    pub exhibit: ExhibitId,
    /// How many records.
    pub records: u64,
    /// The root over them.
    pub root: Digest,
    /// The different rulings.
    pub kinds: Vec<Ruled>,
}

/// Records of a batch in their order (`comity.kept-records/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRecords {
    /// Always `comity.kept-records/1`.
    pub schema: String,
    /// The commitments, 32 bytes each, base64.
    pub commitments: String,
    /// Of each the number of its ruling.
    pub kinds: Vec<u32>,
}

/// A batch with its leaf's id and its root, ready to be kept.
#[derive(Debug)]
pub(super) struct Rooted {
    statement: serde_json::Value,
    kept: KeptBatch,
    parts: Vec<KeptRecords>,
}

/// The salt of the record at `index` of a batch.
pub(super) fn salt_of(salt: &Salt, index: u64) -> Salt {
    Salt::from_bytes(commit(salt, &Digest::of(format!("record {index}").as_bytes())).0)
}

impl Filtered {
    /// How many records may pass.
    pub fn permitted(&self) -> u64 {
        let may = |kind: &u32| self.kind(*kind).is_some_and(|r| r.permitted());
        self.records.iter().filter(|(_, kind)| may(kind)).count() as u64
    }

    /// A request that was denied, where nothing at all may pass.
    pub fn refused(&self) -> Option<&Request> {
        self.denied.as_ref().filter(|_| self.permitted() == 0).map(|(request, _)| request)
    }

    /// The places of the persons whom the records that may pass concern; empty where one of them is not known.
    pub fn places(&self) -> BTreeSet<Place> {
        self.places.iter().copied().collect::<Option<_>>().unwrap_or_default()
    }

    fn kind(&self, kind: u32) -> Option<&Arc<Ruled>> {
        self.kinds.get(usize::try_from(kind).ok()?)
    }

    /// Adds a record; gives its place.
    fn add(&mut self, record: &[u8], ruled: &Arc<Ruled>) -> usize {
        let next = u32::try_from(self.kinds.len()).unwrap_or(u32::MAX);
        let kind = *self.numbers.entry(ruled.clone()).or_insert(next);
        if kind == next {
            self.kinds.push(ruled.clone());
        }
        self.records.push((Digest::of(record), kind));
        self.records.len() - 1
    }

    /// Remembers the first request that was denied, and rather one on which no ruling could be made.
    fn deny(&mut self, request: Request, ruled: &Arc<Ruled>) {
        if self.denied.as_ref().is_none_or(|(_, before)| before.code != ruled.code && ruled.broken()) {
            self.denied = Some((request, ruled.clone()));
        }
    }

    /// One ruling could not be made: none of the others counts.
    fn deny_all(&mut self, broken: &Arc<Ruled>) {
        self.kinds = vec![broken.clone()];
        self.numbers.clear();
        self.places.clear();
        self.records.iter_mut().for_each(|(_, kind)| *kind = 0);
    }

    /// Says how the records at these places leave: as the lines of a text, after its first.
    pub fn leave_as_lines(&mut self, indexes: &[usize], text: &[u8]) {
        for (index, line) in indexes.iter().zip(text.split(|b| *b == b'\n').skip(1)) {
            if let Some((digest, _)) = self.records.get_mut(*index) {
                *digest = Digest::of(line);
            }
        }
    }

    /// What stays home, by reason, most records first.
    pub fn stays(&self) -> Vec<Stays> {
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        for (_, kind) in &self.records {
            *counts.entry(*kind).or_default() += 1;
        }
        let stays = |(kind, records): (u32, u64)| {
            let ruled = self.kind(kind).filter(|r| !r.permitted())?;
            Some(Stays {
                records,
                code: ruled.code.clone().unwrap_or_default(),
                clauses: ruled.clauses.clone(),
                nearest: ruled.nearest.clone(),
                why: ruled.sentence.clone().unwrap_or_default(),
            })
        };
        let mut out: Vec<Stays> = counts.into_iter().filter_map(stays).collect();
        out.sort_by_key(|s| std::cmp::Reverse(s.records));
        out
    }

    /// The root over the batch; `salt` is that of `exhibit`.
    pub fn root(&self, exhibit: ExhibitId, salt: &Salt) -> Result<Rooted, NodeError> {
        let mut rulings = Rulings::default();
        let mut parts: Vec<KeptRecords> = Vec::new();
        for (n, part) in (0u64..).zip(self.records.chunks(PART)) {
            let (mut commitments, mut kinds) = (Vec::with_capacity(part.len() * 32), Vec::new());
            for (i, (digest, kind)) in (n * PART as u64..).zip(part) {
                let Some(ruled) = self.kind(*kind) else { continue };
                let commitment = commit(&salt_of(salt, i), digest);
                rulings.push(&RuledRecord::new(commitment, (**ruled).clone()));
                commitments.extend(commitment.0);
                kinds.push(*kind);
            }
            let commitments = BASE64_STANDARD.encode(commitments);
            parts.push(KeptRecords { schema: "comity.kept-records/1".into(), commitments, kinds });
        }
        let kept = KeptBatch {
            schema: "comity.kept-batch/1".into(),
            exhibit,
            records: rulings.len(),
            root: rulings.root()?,
            kinds: self.kinds.iter().map(|k| (**k).clone()).collect(),
        };
        Ok(Rooted { statement: rulings.statement()?, kept, parts })
    }
}

impl KeptRecords {
    /// The records; none where a part was changed so that it does not read.
    pub(super) fn read(&self, kinds: &[Ruled]) -> Option<Vec<RuledRecord>> {
        let bytes = BASE64_STANDARD.decode(&self.commitments).ok()?;
        let (commitments, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || commitments.len() != self.kinds.len() {
            return None;
        }
        let record = |(commitment, kind): (&[u8; 32], &u32)| {
            let ruled = kinds.get(usize::try_from(*kind).ok()?)?;
            Some(RuledRecord::new(Commitment(*commitment), ruled.clone()))
        };
        commitments.iter().zip(&self.kinds).map(record).collect()
    }
}

impl Rooted {
    /// Adds to what the ledger says of the ruling what it says of the batch.
    pub fn told_in(&self, statement: &mut serde_json::Value) {
        if let Some(said) = statement.as_object_mut() {
            said.insert("batch".into(), self.statement.clone());
        }
    }

    /// Keeps the batch in the transaction that queues its leaf.
    pub async fn keep(self, tx: &mut Tx, leaf: &NewLeaf, now: Timestamp) -> Result<(), NodeError> {
        for (n, part) in self.parts.into_iter().enumerate() {
            let kept = Record {
                id: format!("{}/{n:06}", leaf.id),
                belongs: leaf.id.clone(),
                status: "kept".into(),
                at: now,
                until: None,
                body: part,
            };
            records::BATCH_PARTS.put(tx, &kept).await?;
        }
        let kept = Record {
            id: leaf.id.clone(),
            belongs: self.kept.exhibit.to_string(),
            status: "kept".into(),
            at: now,
            until: None,
            body: self.kept,
        };
        Ok(records::BATCHES.put(tx, &kept).await?)
    }
}

impl Node {
    /// Rules on each record. Those that may pass come back with their places in the batch; `described` says what a record
    /// is, for the commitment of one that stays.
    pub(super) async fn filter<T>(
        &self,
        wish: &Wish,
        entries: Vec<Entry<T>>,
        described: impl Fn(&T) -> Vec<u8>,
        now: Timestamp,
    ) -> Result<(Vec<(usize, T)>, Filtered), NodeError> {
        let agreements = self.agreements().await?;
        let base = self.request(wish);
        let case = wish.case()?;
        let ask = |e: &Entry<T>| {
            let with = |request: Request, c: &Category| request.with(*c, e.protection);
            let mut request = e.categories.iter().fold(base.clone(), with);
            request = e.labels.iter().fold(request, Request::labelled);
            request.case = case.clone();
            request.concerns = e.place.into_iter().collect();
            request
        };
        let mut kinds: BTreeMap<BTreeSet<Category>, Request> = BTreeMap::new();
        for e in &entries {
            if !kinds.contains_key(&e.categories) {
                kinds.insert(e.categories.clone(), ask(e));
            }
        }
        let passed = self.passed(&agreements, kinds.values(), now).await?;
        let mut batch = agreements.rule_batch(passed, now);
        let mut filtered = Filtered::default();
        let mut kept = Vec::new();
        let mut left = entries.into_iter();
        loop {
            let part: Vec<Entry<T>> = left.by_ref().take(TOGETHER).collect();
            if part.is_empty() {
                break;
            }
            let requests: Vec<Request> = part.iter().map(ask).collect();
            let said = batch.rule(&requests);
            for ((entry, request), ruled) in part.into_iter().zip(requests).zip(said) {
                let index = filtered.add(&described(&entry.record), &ruled);
                if ruled.permitted() {
                    filtered.places.insert(entry.place);
                    kept.push((index, entry.record));
                } else {
                    filtered.deny(request, &ruled);
                }
            }
        }
        if let Err(broken) = batch.close() {
            kept.clear();
            filtered.deny_all(&broken);
        }
        Ok((kept, filtered))
    }

    /// The batch of what was filtered, its salts derived from that of an exhibit.
    pub(super) async fn rooted(
        &self,
        filtered: Option<&Filtered>,
        exhibit: ExhibitId,
    ) -> Result<Option<Rooted>, NodeError> {
        let Some(filtered) = filtered else { return Ok(None) };
        let salt = self.vault.disclose_salt(&exhibit).await?;
        filtered.root(exhibit, &salt).map(Some)
    }

    /// Where no record may pass: the refusal as an error with the nearest clause, on the ledger unless it is a dry run.
    pub(super) async fn refuse_all(
        &self,
        request: &Request,
        filtered: &Filtered,
        dry: bool,
        now: Timestamp,
    ) -> Result<NodeError, NodeError> {
        let agreements = self.agreements().await?;
        let spent = self.spent(&agreements, request, now, "").await?;
        let request = request.clone().after(spent);
        let ruling = agreements.rule(&request, now);
        let mut error = match &ruling {
            Ruling::Deny(denial) => refused(denial),
            // Nothing passed in between; were it so, nothing leaves all the same.
            Ruling::Permit(_) => NodeError::Value { what: "a record was ruled on in two ways".into() },
        };
        if let NodeError::Refused { sentence, .. } = &mut error {
            sentence.push_str(&format!("; none of {} records may pass", filtered.records.len()));
        }
        if !dry {
            let text = serde_json::to_vec(&request).unwrap_or_default();
            let sealed = self.vault.seal_bytes(&text).await?;
            let rooted = self.rooted(Some(filtered), sealed.id).await?;
            let mut said = ruling.statement(&request, now);
            rooted.iter().for_each(|r| r.told_in(&mut said));
            let leaf = Statement::new(vec![sealed.commitment], PredicateType::Ruling, said)?
                .sign(&self.keys.node)?;
            let kept = (sealed.id, sealed.commitment, text.len() as u64);
            self.note_refusal_of(kept, leaf, rooted, now).await?;
        }
        Ok(error)
    }

    /// What passed before under each clause with a cap that could let one of `requests` pass.
    async fn passed(
        &self,
        agreements: &Agreements,
        requests: impl Iterator<Item = &Request>,
        now: Timestamp,
    ) -> Result<Passed, NodeError> {
        let mut passed = Passed::default();
        let mut conn = self.state.read().await?;
        for request in requests {
            for clause in agreements.counted(request, now) {
                let one = std::slice::from_ref(&clause);
                let spent = crossings::spent(&mut conn, one, request.case.as_ref(), now, "").await?;
                passed = passed.with(clause, request.case.clone(), spent);
            }
        }
        Ok(passed)
    }
}
