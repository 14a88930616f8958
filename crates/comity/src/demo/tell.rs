//! The story as told: each step in order, with what came of it, and scores against the truth of the exercise.

use super::Operation;
use crate::node::error::NodeError;
use crate::node::share::What;
use exercise::Spec;
use serde::Serialize;
use std::path::{Path, PathBuf};
use terms::{Place, Purpose};

/// What the story came to (`comity.demo/1`).
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    /// Always `comity.demo/1`.
    pub schema: &'static str,
    /// Where homes, evidence, packages and report lie.
    pub dir: PathBuf,
    /// The report.
    pub report: PathBuf,
    /// Exhibits over all homes.
    pub exhibits: u64,
    /// Findings in the company's home.
    pub findings: u64,
    /// Threats in the company's home.
    pub threats: usize,
    /// Bots measured before the hour, and the truth.
    pub before: (f64, u64),
    /// Bots measured as still commanded after it, and the truth.
    pub commanded: (f64, u64),
    /// What the plan expected to survive.
    pub floor: u64,
    /// Actions of the plan.
    pub actions: usize,
    /// Packages written.
    pub packages: usize,
    /// The clause of the refused share.
    pub refused: String,
    /// Size and root of the company's ledger.
    pub ledger: String,
    /// Interval of the bots measured before.
    pub interval: (f64, f64),
    /// Most memory that this process held, in bytes; none where the system does not tell. Children, each confined to
    /// its own limit, are not in it.
    pub memory: Option<u64>,
}

/// What Linux tells of this process' largest resident memory (`proc(5)`, `VmHWM`).
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// Runs the whole operation in `dir`, telling each step through `say`.
pub async fn tell(
    dir: &Path,
    spec: &Spec,
    program: &Path,
    say: &mut (dyn FnMut(String) + Send),
) -> Result<Told, NodeError> {
    say(format!("1  Harbour Lights: {} bots, seed {}. Four partners, four homes.", spec.bots, spec.seed));
    let operation = Operation::begin(dir, spec, program, &mut |_| ()).await?;
    for agreement in operation.sign().await? {
        say(format!(
            "   {} is {}: {} clauses, version {}",
            agreement.id,
            agreement.state,
            agreement.clauses,
            short(&agreement.version)
        ));
    }

    let ingested = operation.ingest(&|_| ()).await?;
    let mut exhibits = 0;
    say("2  Evidence is sealed.".into());
    for (partner, taken) in &ingested {
        exhibits += taken.taken.len() as u64;
        let left = taken.taken.iter().filter(|t| !t.unreadable.is_empty()).count();
        say(format!(
            "   {partner}: {} exhibits, {} rows of telemetry, {left} partly unreadable",
            taken.taken.len(),
            taken.rows()
        ));
    }

    let [analyzed, _] = operation.analyze(&|_| ()).await?;
    let threats = operation.assess().await?;
    let findings: u64 = analyzed.findings.values().sum();
    let kinds: Vec<String> = analyzed.findings.iter().map(|(k, n)| format!("{n} {k}")).collect();
    say(format!("3  {findings} findings: {}", kinds.join(", ")));
    for (rank, threat) in threats.iter().take(3).enumerate() {
        say(format!(
            "   threat {}: {} (score {}), {} channels, {} samples",
            rank + 1,
            threat.title,
            threat.score,
            threat.channels.len(),
            threat.samples.len()
        ));
    }
    let first = threats
        .first()
        .ok_or_else(|| NodeError::CannotTell { why: "the evidence shows no threat".into() })?;
    let case = operation.open(&first.id).await?;
    let case_id = case.id.to_string();
    say(format!(
        "   case `{case_id}` is open: {} findings on {} exhibits",
        case.findings.len(),
        case.exhibits.len()
    ));

    say("4  What crosses a border is ruled on.".into());
    let (shared, _, _) = operation
        .release("company", "police", None, What::Indicators, &case_id, Purpose::Investigation)
        .await?;
    say(format!("   permitted: the case's indicators to police, under {}", shared.clauses.join(", ")));
    let refusal = operation
        .release("company", "police", Some("de"), What::Victims, &case_id, Purpose::Investigation)
        .await;
    let refused = sentence(refusal.err());
    say(format!("   refused: victims' addresses to police. {refused}"));
    let nowhere =
        operation.release("region", "fintech", None, What::Authorities, "", Purpose::Takedown).await;
    say(format!("   refused: region to fintech. {}", sentence(nowhere.err())));

    operation.papers().await?;
    let draft = operation.plan(&case_id).await?;
    let (_, _, answers) = operation
        .release("company", "police", None, What::Question, draft.plan.id.as_str(), Purpose::Takedown)
        .await?;
    for (asset, contact, until) in &answers.hits {
        let until = until.map_or_else(String::new, |t| format!(" until {}", t.day()));
        say(format!(
            "   police answers: `{asset}` is its own concern{until}; speak to {}",
            contact.clone().unwrap_or_default()
        ));
    }

    let report = operation.plan(&case_id).await?;
    let plan = &report.plan;
    say(format!("5  Plan {}: {} actions at {}; {}", plan.id, plan.actions.len(), plan.hour, report.checked));
    for line in by_actor(plan) {
        say(format!("   {line}"));
    }
    for blocked in plan.blocked.iter().filter(|b| !b.planned_otherwise).take(6) {
        if let Some(why) = blocked.why.first() {
            say(format!("   not done: {} ({}): {}", blocked.target, why.code.code(), why.sentence));
        }
    }
    say(format!(
        "   floor: {} of {} bots survive what the partners can reach",
        plan.floor.surviving, plan.population
    ));
    if let Some(better) = &plan.floor.improvement {
        say(format!("   {} bots fewer with: {}", better.bots, better.acts.join(" ")));
    }

    let told = operation.notify(&case_id, say).await?;
    let acted = operation.act(plan.id.as_str()).await?;
    say(format!("6  {} packages are written and verified, one per addressee.", acted.packages.len()));

    let (aftermath, _) = operation.aftermath(plan, &told, &mut |_| ()).await?;
    let measured = operation.measure(plan.id.as_str()).await?;
    let outcome = &measured.outcome;
    let truth_before = operation.truth.population.at_takedown;
    let commanded = outcome.migrated.bots + outcome.surviving.bots;
    say("7  The outcome, measured by identity, beside the truth of the exercise:".into());
    for (name, measured, truth) in [
        ("bots before", outcome.before.bots, truth_before),
        ("contained", outcome.contained.bots, aftermath.contained),
        ("still commanded", commanded, aftermath.migrated),
        ("cured", outcome.cured.bots, aftermath.cured),
    ] {
        say(format!("   {name:<16} {measured:>8.0}   truth {truth:>7}"));
    }

    let interval = (outcome.before.low, outcome.before.high);
    say(format!(
        "   bots before lie between {:.0} and {:.0}, as far as the data tell",
        interval.0, interval.1
    ));
    let share = |bots: u64| bots as f64 / truth_before.max(1) as f64 * 100.0;
    match measured.survival.as_ref().and_then(|s| Some((s, s.all.left?))) {
        Some((survival, left)) => say(format!(
            "   of {} machines infected at the hour {:.1} % still are ({:.1} to {:.1} %)   truth {:.1} %",
            survival.all.machines,
            left.best * 100.0,
            left.low * 100.0,
            left.high * 100.0,
            share(aftermath.contained + aftermath.migrated)
        )),
        None => say(format!(
            "   how many of those infected at the hour still are, the data cannot tell: {}",
            measured.no_survival.as_deref().unwrap_or_default()
        )),
    }
    let watch = measured.watched.as_ref().map(|w| w.why.as_str()).or(measured.not_watched.as_deref());
    say(format!("   does it come back? {}", watch.unwrap_or_default()));

    let view = operation.truth_view(&aftermath);
    let page = operation.company.case_report(&case_id, Some(&view)).await?;
    let path = dir.join("report.html");
    crate::store::files::write_durably(&path, page.html().as_bytes())
        .map_err(|e| NodeError::file("writing", &path, e))?;
    let mut head = String::new();
    say("8  Every home verifies.".into());
    for name in ["company", "police", "region", "fintech"] {
        let verified = operation.node(name).verify_home(&|_| ()).await?.into_result()?;
        let ledger = verified
            .ledger
            .as_ref()
            .map_or_else(|| "no leaves".into(), |l| format!("{} leaves, root {}", l.size, l.root));
        say(format!(
            "   {name}: {} exhibits; ledger {}",
            verified.exhibits,
            ledger.get(..36).unwrap_or(&ledger)
        ));
        if name == "company" {
            head = ledger;
        }
    }
    say(format!("   report: {}", path.display()));
    let (floor, actions, population) = (plan.floor.surviving, plan.actions.len(), outcome.before.bots);
    let packages = acted.packages.len();
    operation.end().await?;
    let memory = memory();
    if let Some(bytes) = memory {
        say(format!("   most memory of this process: {} MiB", bytes >> 20));
    }
    Ok(Told {
        schema: "comity.demo/1",
        dir: dir.to_owned(),
        report: path,
        exhibits,
        findings,
        threats: threats.len(),
        before: (population, truth_before),
        commanded: (commanded, aftermath.migrated),
        floor,
        actions,
        packages,
        refused,
        ledger: head,
        interval,
        memory,
    })
}

/// The refusal as it reads.
fn sentence(error: Option<NodeError>) -> String {
    error.map_or_else(|| "it was NOT refused".to_owned(), |e| e.to_string())
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// One line per partner, member and instrument.
fn by_actor(plan: &takedown::Plan) -> Vec<String> {
    let mut groups: std::collections::BTreeMap<(String, &str, Place), usize> =
        std::collections::BTreeMap::new();
    for action in &plan.actions {
        let actor = match &action.member {
            Some(member) => format!("{} ({member})", action.partner),
            None => action.partner.to_string(),
        };
        *groups.entry((actor, action.instrument.word(), action.place)).or_default() += 1;
    }
    groups
        .into_iter()
        .map(|((actor, instrument, place), n)| format!("{actor}: {instrument} × {n} in {place}"))
        .collect()
}

impl Operation {
    /// Each member state of police and region gets its own victims; who they are, each in its own bundle.
    async fn notify(
        &self,
        case: &str,
        say: &mut (dyn FnMut(String) + Send),
    ) -> Result<Vec<Place>, NodeError> {
        let mut told = Vec::new();
        let mut refused = 0;
        for (to, places) in [
            ("police", exercise_members("police", &self.truth)),
            ("region", exercise_members("region", &self.truth)),
        ] {
            for place in places {
                let member = place.as_str().to_ascii_lowercase();
                match self
                    .release("company", to, Some(&member), What::Victims, case, Purpose::VictimNotification)
                    .await
                {
                    Ok(_) => told.push(place),
                    Err(NodeError::Refused { .. } | NodeError::First { .. }) => refused += 1,
                    Err(e) => return Err(e),
                }
            }
        }
        say(format!(
            "   victims: {} states got their own and nobody else's; {refused} got none (not acceded, opted out, or no victim)",
            told.len()
        ));
        Ok(told)
    }
}

/// The states of a partner in which bots live.
fn exercise_members(partner: &str, truth: &exercise::Truth) -> Vec<Place> {
    const EU: &str = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE";
    truth
        .places
        .keys()
        .copied()
        .filter(|p| EU.split(' ').any(|e| e == p.as_str()) == (partner == "police"))
        .collect()
}
