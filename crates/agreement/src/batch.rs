//! Rulings on many records of one crossing: each record gets what [`Agreements::rule`] alone would say of it after the
//! records before it. Records with equal facts share one ruling, which is made again only where a cap lies in between.
//!
//! Here: the order of the rulings, what passed so far ([`Passed`]), which records are equal. Elsewhere: the ruling itself
//! (`agreements`), what of a batch goes to the ledger (`ruled`).
//! A batch gives no permit: it says which records may be put into the bytes on which [`Agreements::rule`] then rules.
//! Bounds: 4,096 rulings on different facts are kept, then it begins anew; memory does not grow with the records.

use crate::{Agreements, Condition, Denial, Request, Ruled, Ruling, Spent, clause::Body};
use std::collections::{BTreeMap, HashMap, hash_map::RandomState};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use terms::{CaseId, ClauseId, Timestamp};

/// Different facts of which the rulings are kept.
const MOST_GROUPS: usize = 4_096;
/// Records looked at together, so that what is new among them is ruled on by all processors.
const PART: usize = 1_024;
/// Threads that rule at the same time.
const MOST_THREADS: usize = 8;

/// How many records passed under each clause with a cap: what the caller counted before, and what a batch permits on top.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    clauses: BTreeMap<ClauseId, Sums>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sums {
    month: u64,
    total: u64,
    cases: BTreeMap<Option<CaseId>, u64>,
}

impl Passed {
    /// What passed before under `clause`: in this case, in the month of the ruling, ever. Say it of every clause that
    /// [`Agreements::counted`] names for the records: under one of which it is not said, no cap has room.
    #[must_use]
    pub fn with(mut self, clause: ClauseId, case: Option<CaseId>, spent: Spent) -> Self {
        let sums = self.clauses.entry(clause).or_default();
        (sums.month, sums.total) = (spent.month, spent.total);
        sums.cases.insert(case, spent.case);
        self
    }

    /// Of several clauses the most.
    fn before(&self, clauses: &[ClauseId], case: &Option<CaseId>) -> Spent {
        clauses.iter().fold(Spent::NONE, |most, clause| {
            let spent = self.clauses.get(clause).map_or(Spent::UNKNOWN, |sums| Spent {
                case: sums.cases.get(case).copied().unwrap_or(u64::MAX),
                month: sums.month,
                total: sums.total,
            });
            Spent {
                case: most.case.max(spent.case),
                month: most.month.max(spent.month),
                total: most.total.max(spent.total),
            }
        })
    }

    fn add(&mut self, cited: &[ClauseId], case: &Option<CaseId>, records: u64) {
        for clause in cited {
            let Some(sums) = self.clauses.get_mut(clause) else { continue };
            sums.month = sums.month.saturating_add(records);
            sums.total = sums.total.saturating_add(records);
            if let Some(in_case) = sums.cases.get_mut(case) {
                *in_case = in_case.saturating_add(records);
            }
        }
    }
}

/// The rulings on a batch of records, in the order in which they are handed in.
#[derive(Debug)]
#[must_use = "nothing may pass before the batch is closed"]
pub struct Batch<'a> {
    agreements: &'a Agreements,
    now: Timestamp,
    passed: Passed,
    /// The caps of all clauses by case, month and in all, in order: between two of them every sum is as good.
    caps: [Vec<u64>; 3],
    groups: Vec<Group>,
    index: HashMap<u64, Vec<usize>>,
    hasher: RandomState,
    broken: Option<Arc<Ruled>>,
    counts: Counts,
}

/// Records with equal facts.
#[derive(Debug)]
struct Group {
    facts: Request,
    counted: Vec<ClauseId>,
    /// By how many caps lie below the sums.
    said: BTreeMap<[usize; 3], Said>,
}

#[derive(Debug, Clone)]
struct Said {
    spent: Spent,
    /// Whether the words tell the sums: then it holds for these sums only.
    told: bool,
    cited: Vec<ClauseId>,
    ruled: Arc<Ruled>,
}

/// What became of the records of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that may pass.
    pub permitted: u64,
    /// Records that may not.
    pub denied: u64,
    /// How often the policies were asked for it.
    pub asked: u64,
}

impl Agreements {
    /// Begins a batch of rulings at `now`, after what `passed` says.
    pub fn rule_batch(&self, passed: Passed, now: Timestamp) -> Batch<'_> {
        let mut caps: [Vec<u64>; 3] = Default::default();
        for (_, body) in self.in_force(now).flat_map(|s| s.agreement().bodies()) {
            let Body::Share(share) = body else { continue };
            let limits = [share.limits.case, share.limits.month, share.limits.total];
            caps.iter_mut().zip(limits).for_each(|(all, cap)| all.extend(cap));
        }
        caps.iter_mut().for_each(|all| {
            all.sort_unstable();
            all.dedup();
        });
        Batch {
            agreements: self,
            now,
            passed,
            caps,
            groups: Vec::new(),
            index: HashMap::new(),
            hasher: RandomState::new(),
            broken: None,
            counts: Counts::default(),
        }
    }
}

impl Batch<'_> {
    /// Rules on the next records, in order. What a request says of `spent` and `bytes` does not count: the batch counts
    /// itself, and the bytes are ruled on when they are whole.
    ///
    /// A ruling that could not be made (CMT-0205 of an agreement) denies every record from there on, and
    /// [`Batch::close`] those before.
    pub fn rule(&mut self, records: &[Request]) -> Vec<Arc<Ruled>> {
        let mut out = Vec::with_capacity(records.len());
        for part in records.chunks(PART) {
            if self.groups.len() + part.len() > MOST_GROUPS {
                self.groups.clear();
                self.index.clear();
            }
            let places: Vec<usize> = part.iter().map(|r| self.group(r)).collect();
            self.prepare(part, &places);
            out.extend(part.iter().zip(places).map(|(record, place)| self.one(record, place)));
        }
        out
    }

    /// Ends the batch.
    ///
    /// # Errors
    /// The denial of a ruling that could not be made: no record of the batch may pass.
    pub fn close(self) -> Result<Counts, Arc<Ruled>> {
        self.broken.map_or(Ok(self.counts), Err)
    }

    fn one(&mut self, record: &Request, place: usize) -> Arc<Ruled> {
        if let Some(broken) = &self.broken {
            self.counts.denied += 1;
            return broken.clone();
        }
        let said = match self.known(place, record) {
            Ok(said) => said,
            Err(asked) => {
                self.counts.asked += 1;
                let said = said(self.agreements, &asked, self.now);
                self.keep(place, &said);
                said
            }
        };
        if said.ruled.permitted() {
            self.counts.permitted += 1;
            self.passed.add(&said.cited, &record.case, record.records);
        } else {
            self.counts.denied += 1;
            if said.ruled.broken() {
                self.broken = Some(said.ruled.clone());
            }
        }
        said.ruled
    }

    /// Rules on what is new among records, as if they were the next, on all processors. Where the sums have moved by the
    /// time a record is looked at, its ruling is made anew.
    fn prepare(&mut self, records: &[Request], places: &[usize]) {
        let mut new: Vec<(usize, Box<Request>)> = Vec::new();
        let mut seen = vec![false; self.groups.len()];
        for (record, &place) in records.iter().zip(places) {
            if let Some(seen) = seen.get_mut(place).filter(|s| !**s) {
                *seen = true;
                new.extend(self.known(place, record).err().map(|asked| (place, asked)));
            }
        }
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get().min(MOST_THREADS));
        let share = new.len().div_ceil(cores).max(1);
        let (agreements, now) = (self.agreements, self.now);
        let rule = |part: &[(usize, Box<Request>)]| -> Vec<(usize, Said)> {
            part.iter().map(|(place, asked)| (*place, said(agreements, asked, now))).collect()
        };
        let ruled: Vec<(usize, Said)> = std::thread::scope(|scope| {
            let mut parts = new.chunks(share);
            let own = parts.next();
            let others: Vec<_> = parts.map(|part| scope.spawn(move || rule(part))).collect();
            let mut all = own.map(rule).unwrap_or_default();
            // Of a thread that ended early nothing is taken: its records are ruled on when their turn comes.
            all.extend(others.into_iter().filter_map(|t| t.join().ok()).flatten());
            all
        });
        self.counts.asked += ruled.len() as u64;
        ruled.iter().for_each(|(place, said)| self.keep(*place, said));
    }

    /// What was said of the facts at this place, where it still holds; else what is to be asked.
    fn known(&self, place: usize, record: &Request) -> Result<Said, Box<Request>> {
        let Some(group) = self.groups.get(place) else {
            return Err(Box::new(record.clone().after(Spent::UNKNOWN)));
        };
        let spent = self.passed.before(&group.counted, &record.case);
        match group.said.get(&self.steps(spent, record.records)) {
            Some(said) if !said.told || said.spent == spent => Ok(said.clone()),
            _ => Err(Box::new(record.clone().after(spent))),
        }
    }

    fn keep(&mut self, place: usize, said: &Said) {
        let steps = self.groups.get(place).map(|g| self.steps(said.spent, g.facts.records));
        if let (Some(steps), Some(group)) = (steps, self.groups.get_mut(place)) {
            group.said.insert(steps, said.clone());
        }
    }

    /// How many caps lie below the sums with these records, in case, month and all. Policies only ask whether a sum is
    /// above a cap (`rules`), so that nothing else of the sums decides.
    fn steps(&self, spent: Spent, records: u64) -> [usize; 3] {
        let [case, month, total] = &self.caps;
        [(case, spent.case), (month, spent.month), (total, spent.total)].map(|(caps, before)| {
            let sum = before.saturating_add(records);
            caps.partition_point(|cap| *cap < sum)
        })
    }

    /// The place of the records that have the same facts as this one.
    fn group(&mut self, record: &Request) -> usize {
        let mut hasher = self.hasher.build_hasher();
        hash(record, &mut hasher);
        let places = self.index.entry(hasher.finish()).or_default();
        let same_facts = |place: &&usize| self.groups.get(**place).is_some_and(|g| same(&g.facts, record));
        if let Some(place) = places.iter().find(same_facts) {
            return *place;
        }
        let place = self.groups.len();
        places.push(place);
        let counted = self.agreements.counted(record, self.now);
        self.groups.push(Group { facts: record.clone(), counted, said: BTreeMap::new() });
        place
    }
}

fn said(agreements: &Agreements, asked: &Request, now: Timestamp) -> Said {
    let ruling = agreements.rule(asked, now);
    let (told, cited) = match &ruling {
        Ruling::Permit(permit) => (false, permit.clauses().to_vec()),
        Ruling::Deny(denial) => (tells_sums(denial), Vec::new()),
    };
    Said { spent: asked.spent, told, cited, ruled: Arc::new(Ruled::of(&ruling)) }
}

/// Whether the words of a denial tell how many records passed before.
fn tells_sums(denial: &Denial) -> bool {
    matches!(denial.condition, Condition::PerCase | Condition::PerMonth | Condition::Total)
}

/// Whether a reason is stated. Its words never reach a ruling.
fn stated(reason: &Option<String>) -> bool {
    reason.as_ref().is_some_and(|r| !r.trim().is_empty())
}

/// A number that is the same for records with equal facts.
fn hash(record: &Request, into: &mut impl Hasher) {
    let Request { from, to, member, act, categories, purpose, protection, handling, origin, place, .. } =
        record;
    (from, to, member, act, categories, purpose).hash(into);
    (protection, handling, origin, place).hash(into);
    let Request { concerns, records, case, grading, .. } = record;
    (concerns, records, case, grading).hash(into);
}

/// Whether two records differ in nothing that a ruling looks at. Every field of a request is named, so that a new one is
/// not forgotten.
fn same(a: &Request, b: &Request) -> bool {
    let Request {
        from,
        to,
        member,
        act,
        categories,
        labels,
        purpose,
        protection,
        handling,
        origin,
        place,
        concerns,
        records,
        case,
        reason,
        spent: _,
        matching,
        budget,
        grading,
        consent,
        bytes: _,
    } = a;
    (from, to, member, act) == (&b.from, &b.to, &b.member, &b.act)
        // Of a label a ruling looks at its categories alone.
        && (labels == &b.labels || a.counted_categories() == b.counted_categories())
        && (categories, purpose, protection) == (&b.categories, &b.purpose, &b.protection)
        && (handling, origin, place, concerns) == (&b.handling, &b.origin, &b.place, &b.concerns)
        && (records, case, matching, budget) == (&b.records, &b.case, &b.matching, &b.budget)
        && (grading, stated(reason), consent.is_some())
            == (&b.grading, stated(&b.reason), b.consent.is_some())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test should stop")]
    use super::*;
    use crate::{
        Act, SignedAgreement, compile, countersign, fill, key_text,
        model::{made, text},
        parse, sign,
    };
    use ed25519_dalek::SigningKey;
    use terms::{Category, Digest, Handling, HandlingCode, PartnerId, Protection, Purpose, Tlp};

    /// Agreements of which the policy errs when it is asked about more than 5 records.
    fn erring() -> (Agreements, Timestamp) {
        let parties = ["company", "police"];
        let keys = [1, 2].map(|n| SigningKey::from_bytes(&[n; 32]));
        let named: Vec<(String, String)> = (parties.iter().zip(&keys))
            .map(|(p, k)| (format!("{p}.key"), key_text(&k.verifying_key())))
            .collect();
        let named: Vec<(&str, &str)> = named.iter().map(|(n, k)| (n.as_str(), k.as_str())).collect();
        let written = fill(&made::text(3, parties, 20), &named);
        let agreement = parse("made", &written).unwrap();
        let [a, b] = parties.map(|p| PartnerId::new(p).unwrap());
        let half = sign(&agreement, &a, &keys[0]).unwrap();
        let both = countersign(&agreement, half, &b, &keys[1]).unwrap();
        let mut policy = compile(&agreement).unwrap();
        let errs = "forbid (principal, action, resource) when \
                    { context.records > 5 && context.now + 9223372036854775807 > 0 };";
        let rule = errs.parse::<cedar_policy::PolicySet>().unwrap();
        let rule = rule.policies().next().unwrap().new_id(cedar_policy::PolicyId::new("errs"));
        policy.rules.add(rule).unwrap();
        let begun = Timestamp(text::read(&written).from + 1);
        let signed = SignedAgreement::new(agreement, &both).unwrap().with_policy(policy);
        (Agreements::new(vec![signed]), begun)
    }

    /// One record on which the policy errs: none of the batch may pass, whatever was said of the others.
    #[test]
    fn an_error_denies_the_whole_batch() {
        let (agreements, now) = erring();
        let [from, to] = ["company", "police"].map(|p| PartnerId::new(p).unwrap());
        let handling = Handling { tlp: Tlp::Amber, code: HandlingCode::H1 };
        let record = |records| Request {
            records,
            ..Request::new(
                from.clone(),
                to.clone(),
                Act::Receive,
                Purpose::Investigation,
                handling,
                Digest::of(b""),
            )
            .with(Category::C2Infrastructure, Protection::Clear)
        };
        let mut batch = agreements.rule_batch(Passed::default(), now);
        let said = batch.rule(&[record(1), record(6), record(1)]);
        assert_ne!(said[0].code.as_deref(), Some("CMT-0205"), "what came before is as it would be alone");
        assert_eq!(said[1].code.as_deref(), Some("CMT-0205"), "{:?}", said[1]);
        assert_eq!(said[2], said[1]);
        let more = batch.rule(&[record(2)]);
        assert_eq!(more[0], said[1]);
        assert_eq!(batch.close().unwrap_err(), said[1]);
        // Without that record the batch is as good as any.
        let mut batch = agreements.rule_batch(Passed::default(), now);
        let _ = batch.rule(&[record(1), record(2)]);
        assert!(batch.close().is_ok());
    }
}
