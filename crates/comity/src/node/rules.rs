//! Rule sets of the home, applied to what is in it.
//!
//! A rule set is an exhibit like any other: it came in with custody, is released under an agreement, and is erased. Every
//! set that is here is applied to every exhibit that may hold a sample, once: what says so is the finding `scanned` on
//! both. So a new set is applied to what was there before, and an erased one to nothing more.
//! Elsewhere: compiling and scanning (`malware::rules`), the child that does it (`work::scanning`).
//! Bounds: 64 MiB of rules together; what would pass that is told and not applied.

use super::Node;
use super::analyze::{Step, Tick};
use super::error::NodeError;
use super::ingest::{Left, unreadable_finding};
use crate::store::exhibits::{self, Exhibit};
use crate::store::{Batch, commit, findings};
use crate::work::protocol::RuleTexts;
use crate::work::{Scanning, WorkError};
use evidence::custody::{Act, Why};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use terms::{ExhibitId, ExhibitKind, Finding, FindingBody};

/// Bytes of all rule texts together (`malware::rules` has the same bound).
const MOST_TEXT: u64 = 64 << 20;
/// Scanned at the same time: one child per core.
const TOGETHER: usize = 2;

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
        // A set of which no rule works is applied to nothing.
        let working = |e: &&Exhibit| told.get(&e.id) != Some(&0);
        applied.failed.extend(sets.iter().filter(|e| !working(e)).map(|e| refused(e.id)));
        let ids: BTreeSet<ExhibitId> = sets.iter().filter(working).map(|e| e.id).collect();
        let waiting = self.unscanned(&ids).await?;
        if waiting.is_empty() && sets.iter().all(|e| told.contains_key(&e.id)) {
            return Ok(applied);
        }
        let mut texts = RuleTexts::new();
        for set in &sets {
            texts.push((set.id, self.vault.read(&set.id, MOST_TEXT).await?));
        }
        let texts = Arc::new(texts);
        let free: Free = Arc::default();
        // The first child says what became of the sets.
        let (pool, theirs) = (self.pool.clone(), texts.clone());
        let (first, said) = match blocking(move || Scanning::start(&pool, &theirs)).await {
            Ok(started) => started,
            Err(e) if e.of_the_machine() => return Err(e.into()),
            // A set that breaks its compiler costs the rules of this run, and nothing else of the analysis.
            Err(e) => {
                let code = miette::Diagnostic::code(&e).map_or_else(String::new, |c| c.to_string());
                let why = format!("no rule was applied: one of the rule sets broke their compiler ({e})");
                applied.failed.extend(sets.iter().map(|set| (set.id, code.clone(), why.clone())));
                return Ok(applied);
            }
        };
        free.lock().unwrap_or_else(PoisonError::into_inner).push(first);
        for (set, finding) in said.iter().filter(|(set, _)| !told.contains_key(set)) {
            applied.in_part.extend(RulesInPart::of(*set, &finding.body));
            if matches!(finding.body, FindingBody::RuleSet { rules: 0, .. }) {
                applied.failed.push(refused(*set));
            }
        }
        let found = said.into_iter().map(|(set, finding)| finding.seal(vec![set])).collect();
        let batch = Batch { findings: found, ..Batch::default() };
        applied.new_findings += commit(&self.state, &batch, self.clock.now()).await?.new_findings;
        let left = AtomicU64::new(waiting.len() as u64);
        let mut work = stream::iter(waiting)
            .map(|exhibit| {
                let (free, texts, left) = (free.clone(), texts.clone(), &left);
                async move {
                    let done = self.scan(&exhibit, &free, &texts).await;
                    let left = left.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
                    tick(Step { what: "applying rules", name: &exhibit.id.to_string(), left });
                    (exhibit.id, done)
                }
            })
            .buffer_unordered(TOGETHER);
        while let Some((id, done)) = work.next().await {
            let (new, failed) = done?;
            applied.new_findings += new;
            applied.failed.extend(failed.map(|(code, why)| (id, code, why)));
        }
        Ok(applied)
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

    /// Scans one exhibit; new findings, and the failure where there was one.
    async fn scan(
        &self,
        exhibit: &Exhibit,
        free: &Free,
        texts: &Arc<RuleTexts>,
    ) -> Result<(u64, Option<(String, String)>), NodeError> {
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
                let code = miette::Diagnostic::code(&e).map_or_else(String::new, |c| c.to_string());
                let left = Left { code: code.clone(), at: "rules".into(), why: e.to_string(), records: 0 };
                (vec![unreadable_finding(&left, exhibit.id)], Some((code, left.why)))
            }
        };
        let commitment = self.vault.commitment(&exhibit.id).await?;
        let event = self.event(vec![commitment], Act::Examine, Why::House("rules".into()), true);
        let (custody, leaf) = self.custody(exhibit.id, &event)?;
        let batch = Batch { custody: vec![custody], findings: found, leaves: vec![leaf], ..Batch::default() };
        Ok((commit(&self.state, &batch, event.when).await?.new_findings, failed))
    }
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
