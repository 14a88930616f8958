//! Rule sets of the home, applied to what is in it.
//!
//! A rule set is an exhibit like any other: it came in with custody, is released under an agreement, and is erased. Every
//! set that is here is applied to every exhibit that may hold a sample, once: what says so is the finding `scanned` on
//! both. So a new set is applied to what was there before, and an erased one to nothing more.
//! Elsewhere: compiling and scanning (`malware::rules`), the child that does it (`work::scanning`).
//! Bounds: 64 MiB of rules together; what would pass that is told and not applied. Processor time by the setting
//! `rules_seconds`: a set that takes longer to compile is told and applied to nothing, until the setting changes; one with
//! which scans run out of time one after the other is applied to nothing more in that run.

use super::Node;
use super::analyze::{Step, Tick};
use super::error::NodeError;
use super::ingest::{Left, unreadable_finding};
use crate::store::commit::write;
use crate::store::exhibits::{self, Exhibit};
use crate::store::{Batch, commit, findings};
use crate::work::input::MEMORY_LIMIT;
use crate::work::protocol::RuleTexts;
use crate::work::{Input, Scanning, WorkError, find, start_sorted};
use evidence::custody::{Act, Why};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use terms::{ExhibitId, ExhibitKind, Finding, FindingBody, FindingId};

/// Bytes of all rule texts together (`malware::rules` has the same bound).
const MOST_TEXT: u64 = 64 << 20;
/// Scanned at the same time: one child per core.
const TOGETHER: usize = 2;

/// Scans that run out of time in a row, before one asks which set is the cause. One sample that is dear to scan disarms
/// nothing.
const IN_A_ROW: u32 = 5;
/// A set that took too long to compile (`work::WorkError`).
const TOO_DEAR: &str = "CMT-1290";

/// Children with rules that are free.
type Free = Arc<Mutex<Vec<Scanning>>>;

/// What applying rules gave.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// Findings that are new.
    pub new_findings: u64,
    /// Exhibits on which it failed, with code and reason.
    pub failed: Vec<(ExhibitId, String, String)>,
    /// Sets that were compiled now and of which a part was left out.
    pub in_part: Vec<RulesInPart>,
}

/// A rule set that works in part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RulesInPart {
    /// The set.
    pub exhibit: ExhibitId,
    /// Rules that work.
    pub rules: u64,
    /// Rules, or parts of the set, that were left out; the findings on the set list them.
    pub left_out: u64,
}

impl RulesInPart {
    /// What a finding says of a set, where that is so.
    pub fn of(set: ExhibitId, body: &FindingBody) -> Option<Self> {
        match *body {
            FindingBody::RuleSet { rules, left_out } if rules > 0 && left_out > 0 => {
                Some(Self { exhibit: set, rules, left_out })
            }
            _ => None,
        }
    }
}

impl Node {
    /// Applies every rule set of the home to every exhibit that it was not applied to yet.
    pub(super) async fn apply_rules(&self, tick: Tick<'_>) -> Result<Applied, NodeError> {
        let mut applied = Applied::default();
        let sets = self.rule_sets(&mut applied).await?;
        let told = self.told(&sets).await?;
        let dear = self.too_dear(&sets).await?;
        let now_dear: BTreeSet<ExhibitId> =
            dear.iter().filter(|(_, _, now)| *now).map(|(set, ..)| *set).collect();
        // A set of which no rule works is applied to nothing.
        let works = |e: &&Exhibit| told.get(&e.id) != Some(&0) && !now_dear.contains(&e.id);
        for set in sets.iter().filter(|e| !works(e)) {
            applied.failed.push(if now_dear.contains(&set.id) {
                still_dear(set.id)
            } else {
                refused(set.id)
            });
        }
        let ids: BTreeSet<ExhibitId> = sets.iter().filter(works).map(|e| e.id).collect();
        let waiting = self.unscanned(&ids).await?;
        if ids.is_empty() || waiting.is_empty() && ids.iter().all(|id| told.contains_key(id)) {
            return Ok(applied);
        }
        let mut texts = RuleTexts::new();
        for id in &ids {
            texts.push((*id, self.vault.read(id, MOST_TEXT).await?));
        }
        // The first child says what became of the sets.
        let (pool, theirs) = (self.pool.clone(), texts.clone());
        let sorted = match blocking(move || start_sorted(&pool, theirs)).await {
            Ok(sorted) => sorted,
            Err(e) if e.of_the_machine() => return Err(e.into()),
            // Sets that only together break their compiler cost the rules of this run, and nothing else of the analysis.
            Err(e) => {
                let why = format!("no rule was applied: the rule sets together broke their compiler ({e})");
                applied.failed.extend(ids.iter().map(|set| (*set, code(&e), why.clone())));
                return Ok(applied);
            }
        };
        for (set, e) in &sorted.bad {
            self.not_compiled(*set, e, &mut applied).await?;
        }
        let Some((first, said)) = sorted.started else { return Ok(applied) };
        for (set, finding) in said.iter().filter(|(set, _)| !told.contains_key(set)) {
            applied.in_part.extend(RulesInPart::of(*set, &finding.body));
            if matches!(finding.body, FindingBody::RuleSet { rules: 0, .. }) {
                applied.failed.push(refused(*set));
            }
        }
        let found: Vec<Finding> = said.into_iter().map(|(set, finding)| finding.seal(vec![set])).collect();
        let now = self.clock.now();
        let mut tx = self.state.begin().await?;
        for (set, old, _) in &dear {
            let compiled =
                |f: &&Finding| matches!(f.body, FindingBody::RuleSet { .. }) && f.exhibits == [*set];
            if let Some(by) = found.iter().find(compiled) {
                findings::refute(&mut tx, old, &by.id, now).await?;
            }
        }
        let batch = Batch { findings: found, ..Batch::default() };
        applied.new_findings += write(&mut tx, &batch, now).await?.new_findings;
        tx.commit().await?;
        self.scan_all(waiting, first, sorted.good, tick, &mut applied).await?;
        Ok(applied)
    }

    /// Scans what waits. Where scans run out of time one after the other, the rest is scanned without the sets that are the
    /// cause.
    async fn scan_all(
        &self,
        mut waiting: Vec<Exhibit>,
        first: Scanning,
        mut texts: RuleTexts,
        tick: Tick<'_>,
        applied: &mut Applied,
    ) -> Result<(), NodeError> {
        let mut free: Free = Arc::new(Mutex::new(vec![first]));
        loop {
            let shared = Arc::new(texts.clone());
            let left = AtomicU64::new(waiting.len() as u64);
            let in_a_row = AtomicU32::new(0);
            let mut work = stream::iter(waiting)
                .map(|exhibit| {
                    let (free, texts, left, in_a_row) = (free.clone(), shared.clone(), &left, &in_a_row);
                    async move {
                        if in_a_row.load(Ordering::Relaxed) >= IN_A_ROW {
                            return (exhibit, None);
                        }
                        let done = self.scan(&exhibit, &free, &texts).await;
                        match &done {
                            Ok(Scanned { too_dear: true, .. }) => in_a_row.fetch_add(1, Ordering::Relaxed),
                            _ => in_a_row.swap(0, Ordering::Relaxed),
                        };
                        let left = left.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
                        tick(Step { what: "applying rules", name: &exhibit.id.to_string(), left });
                        (exhibit, Some(done))
                    }
                })
                .buffer_unordered(TOGETHER);
            let (mut rest, mut last) = (Vec::new(), None);
            while let Some((exhibit, done)) = work.next().await {
                let Some(done) = done else {
                    rest.push(exhibit);
                    continue;
                };
                let done = done?;
                applied.new_findings += done.new;
                applied.failed.extend(done.failed.map(|(code, why)| (exhibit.id, code, why)));
                if done.too_dear {
                    last = Some(exhibit);
                }
            }
            drop(work);
            let (false, Some(last)) = (rest.is_empty(), last) else { return Ok(()) };
            let bad = self.too_slow_on(&last, &texts).await?;
            applied.failed.extend(bad.iter().map(|set| (*set, "CMT-1292".into(), slow(rest.len()))));
            texts.retain(|(id, _)| !bad.contains(id));
            // None alone is the cause, or all are: the rest waits for the next run.
            if bad.is_empty() || texts.is_empty() {
                if bad.is_empty() {
                    applied
                        .failed
                        .extend(texts.iter().map(|(id, _)| (*id, "CMT-1292".into(), slow(rest.len()))));
                }
                return Ok(());
            }
            // Children that are free have all sets.
            free = Free::default();
            waiting = rest;
        }
    }

    /// The sets with which alone a scan of this exhibit runs out of time.
    async fn too_slow_on(
        &self,
        exhibit: &Exhibit,
        texts: &RuleTexts,
    ) -> Result<BTreeSet<ExhibitId>, NodeError> {
        if let [(id, _)] = texts.as_slice() {
            return Ok([*id].into());
        }
        if exhibit.size > MEMORY_LIMIT {
            return Ok(BTreeSet::new());
        }
        let bytes = self.vault.read(&exhibit.id, MEMORY_LIMIT).await?;
        let (pool, texts) = (self.pool.clone(), texts.clone());
        let found = blocking(move || {
            let mut bad = Vec::new();
            let mut trial =
                |half: &RuleTexts| Scanning::start(&pool, half)?.0.scan(Input::of(&bytes)?).map(|_| ());
            find(&texts, &mut trial, &mut bad)?;
            Ok(bad)
        });
        Ok(found.await?.into_iter().map(|(id, _)| id).collect())
    }

    /// A set that broke its compiler: told on it. One that took too long is not tried again while the setting stays.
    async fn not_compiled(
        &self,
        set: ExhibitId,
        e: &WorkError,
        applied: &mut Applied,
    ) -> Result<(), NodeError> {
        let at = match e {
            WorkError::RulesTooDear { .. } => self.rules_bound(),
            _ => "the compilation".into(),
        };
        let why = format!("no rule of it is applied: {e}");
        let left = Left { code: code(e), at, why: why.clone(), records: 0 };
        let batch = Batch { findings: vec![unreadable_finding(&left, set)], ..Batch::default() };
        applied.new_findings += commit(&self.state, &batch, self.clock.now()).await?.new_findings;
        applied.failed.push((set, left.code, why));
        Ok(())
    }

    /// The bound on a compilation as it is told, so that it is known again.
    fn rules_bound(&self) -> String {
        format!("rules_seconds = {}", self.config.rules_seconds)
    }

    /// Sets that took too long to compile, the finding that says so, and whether that was within the bound of today.
    async fn too_dear(&self, sets: &[Exhibit]) -> Result<Vec<(ExhibitId, FindingId, bool)>, NodeError> {
        let mut all = self.of_kind("unreadable").await?;
        all.retain(|f| matches!(&f.body, FindingBody::Unreadable { code, .. } if code == TOO_DEAR));
        let bound = self.rules_bound();
        let one = |f: &Finding| match (&f.body, f.exhibits.as_slice()) {
            (FindingBody::Unreadable { at, .. }, [set]) if sets.iter().any(|e| e.id == *set) => {
                Some((*set, f.id, *at == bound))
            }
            _ => None,
        };
        Ok(all.iter().filter_map(one).collect())
    }

    /// Rule sets that are here and not erased, in the order of their ids, as many as may be used together.
    async fn rule_sets(&self, applied: &mut Applied) -> Result<Vec<Exhibit>, NodeError> {
        let withheld = self.withheld().await?;
        let mut conn = self.state.read().await?;
        let mut all = exhibits::of_kind(&mut conn, ExhibitKind::RuleSet, None, 1000).await?;
        all.retain(|set| !withheld.contains(&set.id));
        let mut room = MOST_TEXT;
        all.retain(|set| {
            let fits = set.size <= room;
            // A text that lay in a sample is not the operator's: it is armed once it is taken in by itself.
            if set.erased_at.is_some() || set.derived_from.is_some() || self.withdrawn(&set.id) {
                return false;
            }
            if fits {
                room -= set.size;
            } else {
                let most = MOST_TEXT >> 20;
                let why = format!("all rule sets together have more than {most} MiB: it is not applied");
                applied.failed.push((set.id, "CMT-1107".into(), why));
            }
            fits
        });
        Ok(all)
    }

    /// Whether the operator took a rule set out of use (`rules_withdrawn`, the first digits of its id).
    fn withdrawn(&self, set: &ExhibitId) -> bool {
        let id = set.to_string();
        self.config.rules_withdrawn.iter().any(|digits| id.starts_with(&digits.to_ascii_lowercase()))
    }

    /// Sets whose compilation was told, with how many of their rules work.
    async fn told(&self, sets: &[Exhibit]) -> Result<BTreeMap<ExhibitId, u64>, NodeError> {
        let mut told = BTreeMap::new();
        for finding in self.of_kind("rule-set").await? {
            if let (FindingBody::RuleSet { rules, .. }, [set]) = (&finding.body, finding.exhibits.as_slice())
                && sets.iter().any(|e| e.id == *set)
            {
                told.insert(*set, *rules);
            }
        }
        Ok(told)
    }

    /// Exhibits that may hold a sample and that one of these sets was not applied to.
    async fn unscanned(&self, sets: &BTreeSet<ExhibitId>) -> Result<Vec<Exhibit>, NodeError> {
        let (mut out, mut after) = (Vec::new(), None);
        if sets.is_empty() {
            return Ok(out);
        }
        let withheld = self.withheld().await?;
        let mut done: BTreeMap<ExhibitId, BTreeSet<ExhibitId>> = BTreeMap::new();
        let mut all = std::pin::pin!(findings::stream(&self.state, Some("scanned".into())));
        while let Some(kept) = all.try_next().await? {
            let (of, on): (Vec<_>, Vec<_>) = kept.finding.exhibits.iter().partition(|id| sets.contains(id));
            if let ([set], [exhibit]) = (of.as_slice(), on.as_slice()) {
                done.entry(*exhibit).or_default().insert(*set);
            }
        }
        loop {
            let mut conn = self.state.read().await?;
            let page = exhibits::page(&mut conn, after.as_ref(), 1000).await?;
            let Some(last) = page.last() else { return Ok(out) };
            after = Some(last.id);
            // What fires shows what it fired on.
            let open =
                |e: &Exhibit| !withheld.contains(&e.id) && done.get(&e.id).is_none_or(|d| !sets.is_subset(d));
            out.extend(page.into_iter().filter(|e| e.erased_at.is_none() && scanned(e.kind) && open(e)));
        }
    }

    /// Scans one exhibit.
    async fn scan(
        &self,
        exhibit: &Exhibit,
        free: &Free,
        texts: &Arc<RuleTexts>,
    ) -> Result<Scanned, NodeError> {
        let input = self.input(&exhibit.id, exhibit.size, None).await?;
        let (pool, free, texts) = (self.pool.clone(), free.clone(), texts.clone());
        let told = blocking(move || {
            let ready = free.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut one = match ready {
                Some(one) => one,
                None => Scanning::start(&pool, &texts)?.0,
            };
            let said = one.scan(input)?;
            free.lock().unwrap_or_else(PoisonError::into_inner).push(one);
            Ok(said)
        })
        .await;
        let too_dear = matches!(told, Err(WorkError::ScanTooDear { .. }));
        let (found, failed): (Vec<Finding>, _) = match told {
            Ok(said) => {
                let seal = |(set, finding): (ExhibitId, terms::Unsealed)| finding.seal(vec![exhibit.id, set]);
                // That no rule was applied is said of the set already.
                let applied = |f: &Finding| !matches!(f.body, FindingBody::Scanned { rules: 0, .. });
                (said.into_iter().map(seal).filter(applied).collect(), None)
            }
            Err(e) if e.of_the_machine() => return Err(e.into()),
            // It is told of the exhibit, which the next run tries again.
            Err(e) => {
                let code = code(&e);
                let left = Left { code: code.clone(), at: "rules".into(), why: e.to_string(), records: 0 };
                (vec![unreadable_finding(&left, exhibit.id)], Some((code, left.why)))
            }
        };
        let commitment = self.vault.commitment(&exhibit.id).await?;
        let event = self.event(vec![commitment], Act::Examine, Why::House("rules".into()), true);
        let (custody, leaf) = self.custody(exhibit.id, &event)?;
        let batch = Batch { custody: vec![custody], findings: found, leaves: vec![leaf], ..Batch::default() };
        let new = commit(&self.state, &batch, event.when).await?.new_findings;
        Ok(Scanned { new, failed, too_dear })
    }
}

/// What a scan gave.
struct Scanned {
    /// Findings that are new.
    new: u64,
    /// Code and reason, where it failed.
    failed: Option<(String, String)>,
    /// Whether it ran out of processor time.
    too_dear: bool,
}

fn code(e: &WorkError) -> String {
    miette::Diagnostic::code(e).map_or_else(String::new, |c| c.to_string())
}

/// A set that took too long before: it is not tried again within the same bound.
fn still_dear(set: ExhibitId) -> (ExhibitId, String, String) {
    let why = "it took too long to compile and is applied to nothing; `rules_seconds` gives more time, `rules_withdrawn` takes it out of use";
    (set, TOO_DEAR.into(), why.into())
}

fn slow(left: usize) -> String {
    format!(
        "{IN_A_ROW} scans in a row ran out of processor time with it: in this run it is not applied to {left} more exhibits; `rules_seconds` gives more time, `rules_withdrawn` takes it out of use"
    )
}

/// A rule set of which no rule works: each run says so, until it is mended, withdrawn or erased.
fn refused(set: ExhibitId) -> (ExhibitId, String, String) {
    let why = "no rule of this set works: it is applied to nothing; `rules_withdrawn` takes it out of use";
    (set, "CMT-1289".into(), why.into())
}

/// Whether rules are applied to this kind: whatever may be a sample, or hold one.
fn scanned(kind: ExhibitKind) -> bool {
    !kind.telemetry()
        && !matches!(
            kind,
            ExhibitKind::ZeekOther
                | ExhibitKind::StixBundle
                | ExhibitKind::DomainList
                | ExhibitKind::AddressList
                | ExhibitKind::HashList
                | ExhibitKind::AssetRegister
                | ExhibitKind::Accounts
                | ExhibitKind::Authority
                | ExhibitKind::Compulsion
                | ExhibitKind::CovertList
                | ExhibitKind::SinkholeVictims
                | ExhibitKind::RuleSet
                | ExhibitKind::Bundle
                | ExhibitKind::Receipt
        )
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WorkError> + Send + 'static,
) -> Result<T, WorkError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|e| WorkError::Refused(format!("the scanning thread ended: {e}")))?
}
