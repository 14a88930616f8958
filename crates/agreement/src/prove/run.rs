//! The proof of an agreement: every guarantee, over every act, by as many solvers as there are cores.

use super::{
    Guarantee, ProofError,
    query::{self, Answer, Asker, Found, Rules},
    spec, tell,
    witness::{self, Case, Replay},
};
use crate::{Act, Agreement, Policy};
use cedar_policy::PolicySet;
use cedar_policy_symcc::{
    CompiledPolicySet,
    solver::{Solver, SolverError},
};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{Scope, ScopedJoinHandle},
};
use terms::{AgreementId, Digest};

/// The formula of a large agreement is deep, and its compiler, encoder and decoder recurse. Reserved, not used.
const STACK: usize = 1 << 30;

/// How a guarantee stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// No request breaks it, and the clauses by themselves leave no door that only a standing prohibition holds.
    Proved,
    /// A request breaks it.
    Broken(Box<Counterexample>),
    /// No request breaks it, but only because a standing prohibition holds a door that the clauses leave open.
    Open(Box<Counterexample>),
    /// The questions were written down and not asked.
    NotAsked,
}

impl Standing {
    /// Its name in certificates.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Broken(_) => "broken",
            Self::Open(_) => "open",
            Self::NotAsked => "not-asked",
        }
    }
}

/// A request that shows how a guarantee falls. It was replayed in the evaluator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Counterexample {
    /// In one sentence, with the clauses.
    pub sentence: String,
    /// The clauses that let it pass.
    pub clauses: Vec<String>,
    /// The standing prohibitions that refuse it. Empty where nothing does.
    pub held_by: Vec<String>,
    /// The request in the words of the compiled policy's schema.
    pub request: Value,
}

/// One guarantee, with what was asked about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Theorem {
    /// Which.
    pub guarantee: Guarantee,
    /// How it stands.
    pub standing: Standing,
    /// Questions to the solver.
    pub asked: usize,
    /// Questions whose answer was plain before the solver was asked.
    pub folded: usize,
    /// The SHA-256 over the digests of all its questions, in order.
    pub questions: Digest,
}

/// The proof of one agreement: the ten guarantees in order.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proof {
    /// Of which agreement.
    pub agreement: AgreementId,
    /// The number of its version.
    pub number: u64,
    /// SHA-256 of its text.
    pub text: Digest,
    /// SHA-256 of the policy it compiles to.
    pub policy: Digest,
    /// The theorems.
    pub theorems: Vec<Theorem>,
}

impl Proof {
    /// Whether every guarantee was proved.
    pub fn holds(&self) -> bool {
        self.theorems.iter().all(|t| t.standing == Standing::Proved)
    }
}

/// One question of many: a guarantee, the rules it is put to, an act.
struct Unit {
    guarantee: Guarantee,
    which: Rules,
    act: Act,
}

#[derive(Default)]
struct Done {
    asked: Vec<Digest>,
    folded: usize,
    counter: Option<Counterexample>,
    unknown: bool,
}

/// Proves the guarantees named, with `workers` solvers at once. `solver` starts one, on the thread that will use it;
/// `told` hears after each question how many of how many are answered.
///
/// # Errors
/// CMT-0240 the solver could not tell, CMT-0241 it failed, CMT-0242 its answer could not be read, CMT-0244 a finding was not reproduced. With
/// [`Unanswered`](super::Unanswered) nothing is asked and every theorem is [`Standing::NotAsked`].
pub fn prove<S, F>(
    agreement: &Agreement,
    policy: &Policy,
    guarantees: &[Guarantee],
    workers: usize,
    solver: F,
    told: &(dyn Fn(usize, usize) + Sync),
) -> Result<Proof, ProofError>
where
    S: Solver + Unpin + Send,
    F: Fn() -> Result<S, SolverError> + Sync,
{
    let units: Vec<Unit> = guarantees
        .iter()
        .flat_map(|g| Rules::ALL.iter().flat_map(move |w| Act::ALL.iter().map(move |a| (*g, *w, *a))))
        .filter(|(g, w, _)| *g != Guarantee::NoError || *w == Rules::Whole)
        .map(|(guarantee, which, act)| Unit { guarantee, which, act })
        .collect();
    let (next, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Mutex<BTreeMap<usize, Result<Done, ProofError>>> = Mutex::default();
    let work = || {
        block_on(async {
            let mut asker = Asker::new(solver()?)?;
            let mut bench = Bench::new(agreement, policy)?;
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(unit) = units.get(at) else { return Ok(()) };
                let done = bench.one(&mut asker, unit).await;
                let failed = done.is_err();
                if let Ok(mut results) = results.lock() {
                    results.insert(at, done);
                }
                if failed {
                    // The others need not go on.
                    next.store(units.len(), Ordering::Relaxed);
                    return Ok(());
                }
                told(answered.fetch_add(1, Ordering::Relaxed) + 1, units.len());
            }
        })
    };
    std::thread::scope(|scope| -> Result<(), ProofError> {
        let threads: Vec<_> = (0..workers.clamp(1, units.len().max(1)))
            .map(|_| spawn(scope, work))
            .collect::<Result<_, _>>()?;
        threads.into_iter().try_for_each(join)
    })?;
    let results = results.into_inner().map_err(|_| ProofError::Internal("a proof was lost".to_owned()))?;
    assemble(agreement, policy, guarantees, &units, results)
}

/// A thread with room for the formulas of a large agreement.
pub(crate) fn spawn<'s, T: Send + 's>(
    scope: &'s Scope<'s, '_>,
    work: impl FnOnce() -> Result<T, ProofError> + Send + 's,
) -> Result<ScopedJoinHandle<'s, Result<T, ProofError>>, ProofError> {
    let thread = std::thread::Builder::new().stack_size(STACK);
    thread.spawn_scoped(scope, work).map_err(|e| ProofError::Solver(e.to_string()))
}

pub(crate) fn join<T>(thread: ScopedJoinHandle<'_, Result<T, ProofError>>) -> Result<T, ProofError> {
    thread.join().map_err(|_| ProofError::Internal("a proof ended early".to_owned()))?
}

/// Runs a conversation with one solver on this thread: its program belongs to the runtime that started it.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, ProofError>>) -> Result<T, ProofError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| ProofError::Solver(e.to_string()))?.block_on(work)
}

fn assemble(
    agreement: &Agreement,
    policy: &Policy,
    guarantees: &[Guarantee],
    units: &[Unit],
    results: BTreeMap<usize, Result<Done, ProofError>>,
) -> Result<Proof, ProofError> {
    let mut done = Vec::new();
    for (at, result) in results {
        let unit = units.get(at).ok_or_else(|| ProofError::Internal("an answer to nothing".to_owned()))?;
        done.push((unit, result?));
    }
    if done.len() != units.len() {
        return Err(ProofError::Internal("a question was not answered".to_owned()));
    }
    let theorems = (guarantees.iter())
        .map(|g| {
            let mine: Vec<&(&Unit, Done)> = done.iter().filter(|(u, _)| u.guarantee == *g).collect();
            let digests: Vec<Digest> = mine.iter().flat_map(|(_, d)| d.asked.iter().copied()).collect();
            let found = |which: Rules| {
                (mine.iter().filter(|(u, _)| u.which == which)).find_map(|(_, d)| d.counter.clone())
            };
            let standing = match (found(Rules::Whole), found(Rules::Clauses)) {
                (Some(c), _) => Standing::Broken(Box::new(c)),
                (None, Some(c)) => Standing::Open(Box::new(c)),
                (None, None) if mine.iter().any(|(_, d)| d.unknown) => Standing::NotAsked,
                (None, None) => Standing::Proved,
            };
            let text: Vec<String> = digests.iter().map(ToString::to_string).collect();
            Theorem {
                guarantee: *g,
                standing,
                asked: digests.len(),
                folded: mine.iter().map(|(_, d)| d.folded).sum(),
                questions: Digest::of(text.join("\n").as_bytes()),
            }
        })
        .collect();
    Ok(Proof {
        agreement: agreement.id().clone(),
        number: agreement.number(),
        text: agreement.version(),
        policy: policy.digest(),
        theorems,
    })
}

/// What one worker has at hand: the rules, and their formulas for each act that it met.
struct Bench<'a> {
    agreement: &'a Agreement,
    policy: &'a Policy,
    rules: BTreeMap<Rules, PolicySet>,
    compiled: BTreeMap<(Rules, Act), CompiledPolicySet>,
}

impl<'a> Bench<'a> {
    fn new(agreement: &'a Agreement, policy: &'a Policy) -> Result<Self, ProofError> {
        let rules = (Rules::ALL.iter())
            .map(|w| Ok((*w, query::rules(policy, *w)?)))
            .collect::<Result<_, ProofError>>()?;
        Ok(Self { agreement, policy, rules, compiled: BTreeMap::new() })
    }

    async fn one<S: Solver + Unpin + Send>(
        &mut self,
        asker: &mut Asker<S>,
        unit: &Unit,
    ) -> Result<Done, ProofError> {
        if unit.guarantee == Guarantee::NoError {
            return self.no_error(asker, unit.act).await;
        }
        let mut done = Done::default();
        let Some(bad) = query::bad(self.agreement, unit.guarantee, unit.which, "true")? else {
            return Ok(done);
        };
        let answer = self.together(asker, unit, &bad).await?;
        if let Found::Request(_) = note(&mut done, answer) {
            done.counter = Some(self.counterexample(asker, unit, &bad).await?);
        }
        Ok(done)
    }

    async fn together<S: Solver + Unpin + Send>(
        &mut self,
        asker: &mut Asker<S>,
        unit: &Unit,
        bad: &PolicySet,
    ) -> Result<Answer, ProofError> {
        let compiled = match self.compiled.entry((unit.which, unit.act)) {
            std::collections::btree_map::Entry::Occupied(e) => e.into_mut(),
            std::collections::btree_map::Entry::Vacant(e) => {
                let rules = self.rules.get(&unit.which).ok_or_else(lost)?;
                e.insert(query::compile(self.policy, unit.act, rules)?)
            }
        };
        let bad = query::compile(self.policy, unit.act, bad)?;
        asker.together(compiled, &bad).await
    }

    /// The request that breaks it, in plain words. A request that this program could make is looked for first.
    async fn counterexample<S: Solver + Unpin + Send>(
        &mut self,
        asker: &mut Asker<S>,
        unit: &Unit,
        bad: &PolicySet,
    ) -> Result<Counterexample, ProofError> {
        let askable = spec::askable(self.agreement);
        let narrow = query::bad(self.agreement, unit.guarantee, unit.which, &askable)?.ok_or_else(lost)?;
        let env = match self.together(asker, unit, &narrow).await?.found {
            Found::Request(env) => env,
            Found::Unknown => return Err(ProofError::Unknown { about: unit.guarantee.title().to_owned() }),
            Found::Nothing => match self.together(asker, unit, bad).await?.found {
                Found::Request(env) => env,
                _ => return Err(ProofError::Internal("an answer changed".to_owned())),
            },
        };
        let rules = self.rules.get(&unit.which).ok_or_else(lost)?;
        let case = Case::read(self.policy, unit.act, &env.request)?;
        let case = Replay::new(self.policy, rules, vec![bad]).plain(self.agreement, case)?;
        let clauses = Replay::reasons(self.policy, rules, &case, "clause")?;
        let held_by = Replay::reasons(self.policy, &self.policy.rules, &case, "standing")?;
        Ok(Counterexample {
            sentence: tell::sentence(&case, unit.guarantee, unit.which, &clauses),
            clauses,
            held_by,
            request: case.json(),
        })
    }

    /// Whether any rule or duty can fail to be evaluated. What the solver finds is replayed: the evaluator has to fail on
    /// the same rule.
    async fn no_error<S: Solver + Unpin + Send>(
        &self,
        asker: &mut Asker<S>,
        act: Act,
    ) -> Result<Done, ProofError> {
        let mut done = Done::default();
        for rule in self.policy.rules.policies().chain(self.policy.duties.policies()) {
            let answer = asker.errs(self.policy, act, rule).await?;
            if let Found::Request(env) = note(&mut done, answer) {
                let case = Case::read(self.policy, act, &env.request)?;
                let clause =
                    rule.annotation("clause").or(rule.annotation("standing")).unwrap_or("?").to_owned();
                let error = witness::error_of(self.policy, rule, &case)?;
                done.counter = Some(Counterexample {
                    sentence: format!(
                        "{}, and the rule of {clause} cannot be evaluated, so that it would be skipped ({error}).",
                        tell::deed(&case, Guarantee::NoError)
                    ),
                    clauses: vec![clause],
                    held_by: Vec::new(),
                    request: case.json(),
                });
                break;
            }
        }
        Ok(done)
    }
}

fn note(done: &mut Done, answer: Answer) -> Found {
    match answer.script {
        Some(script) => done.asked.push(script),
        None => done.folded += 1,
    }
    if matches!(answer.found, Found::Unknown) {
        done.unknown = true;
    }
    answer.found
}

fn lost() -> ProofError {
    ProofError::Internal("a part of the policy was lost".to_owned())
}
