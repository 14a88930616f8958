//! `analyze`: examiners on exhibits, one confined child each, then correlators over what many exhibits say.
//!
//! Work is a queue: an exhibit's examination was enqueued in the transaction that took it in; its findings and its
//! completion are one transaction. A crash of a child costs one exhibit and becomes a finding.

use super::Node;
use super::error::NodeError;
use super::ingest::{Left, unreadable_finding};
use super::rules::RulesInPart;
use crate::store::commit::write;
use crate::store::jobs::{self, Job, LEASE, NewJob, Queue};
use crate::store::{Batch, commit, exhibits, findings, manifest};
use crate::work::protocol::{Frame, Mode};
use crate::work::{Input, WorkError};
use botnet::Telemetry;
use botnet::tables::Table;
use botnet::telemetry::c2::priors::{Owner, Priors};
use botnet::telemetry::{
    BurstOptions, C2Options, DnsChannelOptions, FluxOptions, Found, LongOptions, NameOptions, PeerOptions,
    StrobeOptions, Window,
};
use evidence::custody::{Act, Why};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use terms::{
    Channel, Compression, Day, DgaSpec, ExhibitId, ExhibitKind, Finding, FindingBody, Standing, Unsealed,
};

const TOGETHER: usize = 2;
const PUBLISH_EVERY: u64 = 256;
/// Samples are compared when their TLSH distance is at most this (about the distance of builds of one family).
const ALIKE: u32 = 60;
/// Bytes of account lines that are read together.
const MOST_MONEY: u64 = 256 << 20;
/// Alike pairs that become findings.
const MOST_PAIRS: usize = 5_000;
/// Per cent of functions that two samples have in common before it is told: below lie libraries that few others have.
const SHARED_LEAST: u8 = 15;
/// Days before and after the seen ones for which generated names are matched.
const DAYS_AROUND: i32 = 2;

/// One exhibit more is done, as it is told while an analysis goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// What is being done (`examining`, `applying rules`).
    pub what: &'static str,
    /// The exhibit.
    pub name: &'a str,
    /// Exhibits that wait for the same, as far as is known: what lies in an exhibit comes up while it is examined.
    pub left: u64,
}

/// Whom the steps are told.
pub type Tick<'t> = &'t (dyn Fn(Step<'_>) + Sync);

/// What an analysis did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Analyzed {
    /// Always `comity.analyzed/1`.
    pub schema: &'static str,
    /// Exhibits examined now.
    pub examined: u64,
    /// Rows of telemetry that were asked: logs and captures are no exhibits to examine, their rows are.
    pub rows: u64,
    /// Findings that are new.
    pub new_findings: u64,
    /// Findings of each kind in the home.
    pub findings: BTreeMap<String, u64>,
    /// Exhibits whose examination failed, with code and reason.
    pub failed: Vec<(ExhibitId, String, String)>,
    /// Rule sets that were compiled now and work in part.
    pub rules_in_part: Vec<RulesInPart>,
    /// Questions to the telemetry that have no answer now, because it would be too large.
    pub unanswered: Vec<Unanswered>,
}

/// A question to the telemetry that has no answer.
#[derive(Debug, Clone, Serialize)]
pub struct Unanswered {
    /// What it looks for.
    pub question: &'static str,
    /// Stable code.
    pub code: String,
    /// Why.
    pub why: String,
}

/// The findings of one question. One whose answer would be too large is told, and is no hostage of the others.
fn answered<T: Default>(
    question: &'static str,
    asked: Result<T, NodeError>,
    left: &mut Vec<Unanswered>,
) -> Result<T, NodeError> {
    match asked {
        Err(NodeError::Telemetry(e)) if e.too_large() => {
            let code = miette::Diagnostic::code(&e).map_or_else(String::new, |c| c.to_string());
            left.push(Unanswered { question, code, why: e.to_string() });
            Ok(T::default())
        }
        other => other,
    }
}

/// What became of one job.
struct One {
    exhibit: ExhibitId,
    /// Findings that are new.
    new: u64,
    /// Code and reason, where the examination failed for good.
    failed: Option<(String, String)>,
    /// The same where it is tried again.
    again: Option<(String, String)>,
}

/// What there is when a child was killed.
struct Killed {
    found: Vec<Finding>,
    /// Parts that had been taken out.
    taken: usize,
    code: String,
    why: String,
}

/// The longest wait for the next attempt within one run, in microseconds.
const MOST_WAIT: i64 = 20 * terms::MICROS_PER_SECOND;

impl Node {
    /// Examines what waits, then correlates. `tick` is called after each exhibit.
    pub async fn analyze(&self, tick: Tick<'_>) -> Result<Analyzed, NodeError> {
        self.analyze_with(&[], tick).await
    }

    /// The same, with passwords to try beside the customary one: what none had opened is opened again.
    pub async fn analyze_with(&self, passwords: &[String], tick: Tick<'_>) -> Result<Analyzed, NodeError> {
        passwords_fit(passwords)?;
        if !passwords.is_empty() {
            self.open_again().await?;
        }
        let queue = Queue::new(self.state.clone(), self.clock.clone(), "analyze", LEASE);
        let mut report = Analyzed { schema: "comity.analyzed/1", ..Analyzed::default() };
        report.new_findings += self.withhold_known().await?;
        let listed = self.listed().await?;
        // Exhibits whose child was killed from outside, and why: each has its next attempt when the queue says so.
        let mut again: BTreeMap<ExhibitId, (String, String)> = BTreeMap::new();
        loop {
            let mut round = Vec::new();
            while round.len() < TOGETHER * 8
                && let Some(job) = queue.claim().await?
            {
                round.push(job);
            }
            if round.is_empty() {
                if !again.is_empty() && self.wait_for_the_next_attempt().await? {
                    continue;
                }
                break;
            }
            let left = AtomicU64::new(self.queued().await? + round.len() as u64);
            let mut work = stream::iter(round)
                .map(|job| {
                    let (queue, listed, left) = (&queue, &listed, &left);
                    async move {
                        let subject = job.subject.clone();
                        let done = self.examine(queue, job, passwords, listed).await;
                        if !matches!(&done, Ok(one) if one.again.is_some()) {
                            let left = left.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
                            tick(Step { what: "examining", name: &subject, left });
                        }
                        done
                    }
                })
                .buffer_unordered(TOGETHER);
            while let Some(done) = work.next().await {
                let one = done?;
                report.new_findings += one.new;
                match one.again {
                    Some(why) => {
                        again.insert(one.exhibit, why);
                    }
                    None => {
                        again.remove(&one.exhibit);
                        report.examined += 1;
                    }
                }
                report.failed.extend(one.failed.map(|(code, why)| (one.exhibit, code, why)));
            }
            if report.examined.is_multiple_of(PUBLISH_EVERY) {
                self.sequencer.run().await?;
            }
        }
        report.failed.extend(again.into_iter().map(|(id, (code, why))| (id, code, why)));
        // What was examined just now may lie in more than one container.
        report.new_findings += self.withhold_known().await?;
        let applied = self.apply_rules(tick).await?;
        report.new_findings += applied.new_findings;
        report.failed.extend(applied.failed);
        report.rules_in_part = applied.in_part;
        report.new_findings += self.correlate(&mut report.unanswered).await?;
        self.sequencer.run().await?;
        let mut conn = self.state.read().await?;
        for table in [Table::Flows, Table::Dns, Table::Sightings, Table::Http, Table::Tls] {
            let files = manifest::of_table(&mut conn, table.name()).await?;
            report.rows += files.iter().map(|f| f.records).sum::<u64>();
        }
        report.findings = findings::count(&mut conn).await?.into_iter().collect();
        Ok(report)
    }

    /// Jobs that wait.
    pub async fn queued(&self) -> Result<u64, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(jobs::count(&mut conn).await?.queued)
    }

    /// Waits until a job is due that failed before; false where none waits, or this home's clock stands still.
    async fn wait_for_the_next_attempt(&self) -> Result<bool, NodeError> {
        let mut conn = self.state.read().await?;
        let Some(due) = jobs::next_due(&mut conn).await? else { return Ok(false) };
        drop(conn);
        let micros = due.0.saturating_sub(self.clock.now().0).clamp(0, MOST_WAIT);
        tokio::time::sleep(std::time::Duration::from_micros(micros.cast_unsigned() + 1000)).await;
        Ok(self.clock.now() >= due)
    }

    /// One job.
    async fn examine(
        &self,
        queue: &Queue,
        job: Job,
        passwords: &[String],
        listed: &BTreeSet<ExhibitId>,
    ) -> Result<One, NodeError> {
        let id: ExhibitId = job.subject.parse()?;
        let mut one = One { exhibit: id, new: 0, failed: None, again: None };
        let mut conn = self.state.read().await?;
        let known = exhibits::find(&mut conn, &id).await?.filter(|e| e.erased_at.is_none());
        drop(conn);
        let Some(exhibit) = known.filter(|e| !listed.contains(&e.id)) else {
            // Erased since, or not to be looked at: nothing to do any more.
            let batch = Batch { completes: Some(job), ..Batch::default() };
            commit(&self.state, &batch, self.clock.now()).await?;
            return Ok(one);
        };
        let layer = match self.examine_layer(&exhibit, passwords).await {
            Ok(layer) => layer,
            Err(e) => {
                queue.fail(&job, &e.to_string()).await?;
                return Err(e);
            }
        };
        let mut found = layer.findings;
        // What was taken out before the child ended is sealed and stands.
        let stands =
            |f: &Finding| matches!(f.body, FindingBody::Derived { .. } | FindingBody::Withheld { .. });
        match layer.trouble {
            None => {}
            Some(e) if e.of_the_machine() => {
                queue.fail(&job, &e.to_string()).await?;
                return Err(e.into());
            }
            Some(e) => {
                let code = miette::Diagnostic::code(&e).map_or_else(String::new, |c| c.to_string());
                // What a child said before it failed is worth nothing; what it handed over is sealed and stands.
                found.retain(stands);
                let taken = found.iter().filter(|f| matches!(f.body, FindingBody::Derived { .. })).count();
                let why = match taken {
                    0 => e.to_string(),
                    n => format!(
                        "{e}; {n} parts had been taken out of it, what lies behind them was not looked at"
                    ),
                };
                if matches!(e, WorkError::Killed) {
                    let killed = Killed { found, taken, code, why };
                    return self.killed(queue, &job, one, killed).await;
                }
                let left = Left { code: code.clone(), at: "the whole".into(), why, records: 0 };
                found.push(unreadable_finding(&left, id));
                one.failed = Some((code, left.why));
            }
        }
        let mut opened = self.no_longer_locked(&id, &found).await?;
        if one.failed.is_none() {
            opened.extend(self.no_longer_failed(&id, &found).await?);
        }
        let commitment = self.vault.commitment(&id).await?;
        let event = self.event(vec![commitment], Act::Examine, Why::House("analyze".into()), true);
        let (custody, leaf) = self.custody(id, &event)?;
        let batch = Batch {
            custody: vec![custody],
            findings: found,
            leaves: vec![leaf],
            completes: Some(job),
            ..Batch::default()
        };
        let mut tx = self.state.begin().await?;
        let done = write(&mut tx, &batch, event.when).await?;
        for (old, by) in &opened {
            findings::refute(&mut tx, old, by, event.when).await?;
        }
        tx.commit().await?;
        one.new = done.new_findings;
        Ok(one)
    }

    /// The child was killed from outside: the job waits for its next attempt, or is given up and a finding says what was not
    /// looked at.
    async fn killed(&self, queue: &Queue, job: &Job, mut one: One, killed: Killed) -> Result<One, NodeError> {
        let Killed { mut found, taken, code, why } = killed;
        let last = job.attempt >= job.max_attempts;
        if last {
            let at = format!("all behind its first {taken} parts");
            let left = Left { code: code.clone(), at, why: why.clone(), records: 0 };
            found.push(unreadable_finding(&left, one.exhibit));
        }
        let batch = Batch { findings: found, ..Batch::default() };
        one.new = commit(&self.state, &batch, self.clock.now()).await?.new_findings;
        queue.fail(job, &why).await?;
        *(if last { &mut one.failed } else { &mut one.again }) = Some((code, why));
        Ok(one)
    }

    /// Examinations that broke off, whatever their jobs say, are made anew. How many.
    pub async fn examine_failed_again(&self) -> Result<u64, NodeError> {
        let failed: BTreeSet<ExhibitId> =
            self.failed_before().await?.into_iter().flat_map(|f| f.exhibits).collect();
        self.examine_again(failed).await
    }

    /// Exhibits that hold what no password had opened are examined anew.
    async fn open_again(&self) -> Result<(), NodeError> {
        let again: BTreeSet<ExhibitId> = self.locked().await?.into_iter().flat_map(|f| f.exhibits).collect();
        self.examine_again(again).await.map(|_| ())
    }

    async fn examine_again(&self, these: BTreeSet<ExhibitId>) -> Result<u64, NodeError> {
        let mut count = 0;
        let mut tx = self.state.begin().await?;
        for id in these {
            if let Some(exhibit) = exhibits::find(&mut tx, &id).await?.filter(|e| e.erased_at.is_none()) {
                let job = NewJob::new("examine", &id.to_string(), &exhibit.kind, self.clock.now())?;
                count += u64::from(jobs::enqueue_again(&mut tx, &job).await?);
            }
        }
        tx.commit().await?;
        Ok(count)
    }

    /// Every finding that stands, without the many that only list a bundle's objects, and without what was said of exhibits
    /// that must not be viewed.
    pub async fn standing(&self) -> Result<Vec<Finding>, NodeError> {
        let withheld = &self.withheld().await?;
        let all = findings::stream(&self.state, None);
        let kept = all.try_filter_map(|k| async move {
            let told = matches!(k.finding.body, FindingBody::Withheld { .. });
            let counts = k.refuted_by.is_none()
                && !matches!(k.finding.body, FindingBody::StixObject { .. })
                && (told || !k.finding.exhibits.iter().any(|e| withheld.contains(e)));
            Ok(counts.then_some(k.finding))
        });
        Ok(kept.try_collect().await?)
    }

    /// Findings of one kind that stand, without those on what must not be viewed.
    pub async fn of_kind(&self, kind: &str) -> Result<Vec<Finding>, NodeError> {
        let mut all = self.whatever_of_kind(kind).await?;
        if !matches!(kind, "withheld" | "derived") {
            let withheld = self.withheld().await?;
            all.retain(|f| Self::shown(&withheld, f));
        }
        Ok(all)
    }

    /// The same, whatever they rest on.
    pub(super) async fn whatever_of_kind(&self, kind: &str) -> Result<Vec<Finding>, NodeError> {
        let all = findings::stream(&self.state, Some(kind.to_owned()));
        Ok(all
            .try_filter_map(|k| async move { Ok(k.refuted_by.is_none().then_some(k.finding)) })
            .try_collect()
            .await?)
    }

    async fn correlate(&self, left: &mut Vec<Unanswered>) -> Result<u64, NodeError> {
        let tables = self.tables().await?;
        let mut found: Vec<Finding> = self.alike().await?;
        found.extend(self.shared_code().await?);
        found.extend(self.money_together().await?);
        let specs = self.algorithms().await?;
        let activity = tables.activity(&[], Window::ALL).await.map_err(NodeError::from);
        let activity = answered("bots per channel and day", activity, left)?;
        let known = known_names(&specs, &activity);
        let c2 = self.command_and_control(&tables, &known).await;
        found.extend(answered("command and control", c2, left)?);
        found.extend(self.traffic(&tables, left).await?);
        let names = tables.generated_names(&NameOptions::default(), &known).await.map_err(NodeError::from);
        found.extend(sealed(answered("generated names", names, left)?));
        found.extend(sealed(as_generated(activity, &known)));
        self.supersede(&found).await
    }

    /// What looks like command and control, with what the home knows beside its flows: channels of its samples, names that
    /// known algorithms give, others' sinkholes, who owns networks.
    async fn command_and_control(
        &self,
        tables: &Telemetry,
        generated: &[(String, Day)],
    ) -> Result<Vec<Finding>, NodeError> {
        let mut channels = Vec::new();
        for finding in self.of_kind("configuration").await? {
            if let FindingBody::Configuration { channels: more, .. } = finding.body {
                channels.extend(more);
            }
        }
        let mut sinkholes = Vec::new();
        for finding in self.of_kind("asset").await? {
            if let FindingBody::Asset { sheet } = finding.body
                && sheet.standing == Standing::Sinkhole
            {
                sinkholes.extend(sheet.asset.parse::<IpAddr>());
            }
        }
        let owner = |ip| self.geo.locate(ip);
        let owner = self.geo.knows().then_some(&owner as &Owner<'_>);
        let priors = Priors { channels: &channels, generated, sinkholes: &sinkholes, owner, software: &[] };
        let ranked = tables.command_and_control_knowing(&C2Options::default(), &priors).await?;
        let told = ranked.into_iter().filter(|r| !r.exhibits.is_empty());
        Ok(told.map(|r| r.finding.seal(r.exhibits)).collect())
    }

    /// The other questions to the traffic: connections that stay open, very many calls, speech inside names, bursts of names
    /// that do not exist, names with ever new addresses, hosts with mutual contacts.
    async fn traffic(
        &self,
        tables: &Telemetry,
        left: &mut Vec<Unanswered>,
    ) -> Result<Vec<Finding>, NodeError> {
        let owner = |ip| self.geo.locate(ip);
        let owner = self.geo.knows().then_some(&owner as &Owner<'_>);
        let answers = [
            ("long connections", tables.long_connections(&LongOptions::default()).await),
            ("very many calls", tables.strobes(&StrobeOptions::default()).await),
            ("speech inside names", tables.dns_channels(&DnsChannelOptions::default()).await),
            ("names that do not exist", tables.nxdomain_bursts(&BurstOptions::default()).await),
            ("fast flux", tables.fast_flux(&FluxOptions { owner, ..FluxOptions::default() }).await),
            ("hosts with mutual contacts", tables.peer_layers(&PeerOptions::default()).await),
        ];
        let mut found = Vec::new();
        for (question, answer) in answers {
            found.extend(sealed(answered(question, answer.map_err(NodeError::from), left)?));
        }
        Ok(found)
    }

    /// Generation algorithms that samples' configurations name.
    pub async fn algorithms(&self) -> Result<Vec<DgaSpec>, NodeError> {
        let mut specs: Vec<DgaSpec> = Vec::new();
        for finding in self.of_kind("configuration").await? {
            if let FindingBody::Configuration { dga: Some(spec), .. } = finding.body
                && !specs.contains(&spec)
            {
                specs.push(spec);
            }
        }
        Ok(specs)
    }

    /// Accounts and the movements between them often lie in several exhibits: read one after the other as one, by one
    /// child, they tell what passed through whom.
    async fn money_together(&self) -> Result<Vec<Finding>, NodeError> {
        let mut conn = self.state.read().await?;
        let all = exhibits::of_kind(&mut conn, ExhibitKind::Accounts, None, 1000).await?;
        drop(conn);
        let plain = |e: &&exhibits::Exhibit| e.erased_at.is_none() && e.compression == Compression::None;
        let lines: Vec<&exhibits::Exhibit> = all.iter().filter(plain).collect();
        if lines.len() < 2 {
            return Ok(Vec::new());
        }
        let mut together = Vec::new();
        for exhibit in &lines {
            let room = MOST_MONEY.saturating_sub(together.len() as u64);
            if exhibit.size > room {
                tracing::warn!(exhibit = %exhibit.id, "account lines above the bound are read on their own only");
                continue;
            }
            together.extend(self.vault.read(&exhibit.id, room).await?);
            together.push(b'\n');
        }
        let ids: Vec<ExhibitId> = lines.iter().map(|e| e.id).collect();
        let pool = self.pool.clone();
        let work = move || {
            let input = Input::of(&together)?;
            let mut found = Vec::new();
            pool.run(Mode::Examine, input, |frame| {
                if let Frame::Finding(finding) = frame
                    && matches!(finding.body, FindingBody::Account { .. })
                {
                    found.push(finding.seal(ids.clone()));
                }
                Ok(())
            })?;
            Ok::<_, WorkError>(found)
        };
        let ended = tokio::task::spawn_blocking(work).await;
        Ok(ended.map_err(|e| WorkError::Refused(format!("the examining thread ended: {e}")))??)
    }

    async fn alike(&self) -> Result<Vec<Finding>, NodeError> {
        let mut samples = Vec::new();
        for finding in self.of_kind("hashes").await? {
            if let (Some(tlsh), [exhibit]) =
                (malware::TlshText::of_finding(&finding.body), finding.exhibits.as_slice())
            {
                samples.push((*exhibit, tlsh));
            }
        }
        // Nearest first: of very many alike pairs the nearest tell the story.
        let work = move || malware::similar_findings(&malware::similar(&samples, ALIKE, MOST_PAIRS));
        let found = tokio::task::spawn_blocking(work).await;
        let found = found.map_err(|e| WorkError::Refused(format!("the comparing thread ended: {e}")))?;
        Ok(found.into_iter().map(|(both, finding)| finding.seal(both.to_vec())).collect())
    }

    /// Samples that have functions in common, by their sketches.
    async fn shared_code(&self) -> Result<Vec<Finding>, NodeError> {
        let mut samples = Vec::new();
        for finding in self.of_kind("code").await? {
            if let (Some(sketch), [exhibit]) =
                (malware::CodeSketch::of_finding(&finding.body), finding.exhibits.as_slice())
            {
                samples.push((*exhibit, sketch));
            }
        }
        let work =
            move || malware::shared_code_findings(&malware::shared_code(&samples, SHARED_LEAST, MOST_PAIRS));
        let found = tokio::task::spawn_blocking(work).await;
        let found = found.map_err(|e| WorkError::Refused(format!("the comparing thread ended: {e}")))?;
        Ok(found.into_iter().map(|(both, finding)| finding.seal(both.to_vec())).collect())
    }

    /// Correlators state anew what they state: what an earlier run said of fewer exhibits is refuted by what is said now.
    /// How many are new.
    async fn supersede(&self, found: &[Finding]) -> Result<u64, NodeError> {
        let ids: BTreeSet<_> = found.iter().map(|f| f.id).collect();
        let mut tx = self.state.begin().await?;
        // The new ones first, so that a refutation names what is there.
        let now = self.clock.now();
        let new = findings::put(&mut tx, found, now).await?;
        for kind in ["beacon", "generated-names", "activity", "shared-code"] {
            // Several correlators state findings of one kind: each supersedes its own.
            let by: BTreeMap<&str, &Finding> = (found.iter())
                .filter(|f| findings::kind(&f.body) == kind)
                .map(|f| (f.examiner.as_str(), f))
                .collect();
            if by.is_empty() {
                continue;
            }
            for old in self.of_kind(kind).await? {
                if let Some(by) = by.get(old.examiner.as_str())
                    && !ids.contains(&old.id)
                {
                    findings::refute(&mut tx, &old.id, &by.id, now).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(new)
    }
}

fn sealed(found: Vec<Found>) -> impl Iterator<Item = Finding> {
    found.into_iter().filter(|f| !f.exhibits.is_empty()).map(|f| f.finding.seal(f.exhibits))
}

/// The names that known algorithms generate around the days on which anything was seen.
fn known_names(specs: &[DgaSpec], activity: &[Found]) -> Vec<(String, Day)> {
    let days: BTreeSet<i32> = activity
        .iter()
        .filter_map(
            |f| if let FindingBody::Activity { day, .. } = f.finding.body { Some(day.0) } else { None },
        )
        .flat_map(|d| d - DAYS_AROUND..=d + DAYS_AROUND)
        .collect();
    let each = |spec: &DgaSpec| -> Vec<(String, Day)> {
        days.iter()
            .take(400)
            .flat_map(|&d| spec.names(Day(d)).into_iter().map(move |n| (n, Day(d))))
            .collect()
    };
    specs.iter().flat_map(each).collect()
}

/// A sinkhole's domain that an algorithm generates is a generated one, on its day.
fn as_generated(activity: Vec<Found>, known: &[(String, Day)]) -> Vec<Found> {
    let names: BTreeMap<&str, Day> = known.iter().map(|(n, d)| (n.as_str(), *d)).collect();
    activity
        .into_iter()
        .map(|mut found| {
            let Unsealed { body, .. } = &mut found.finding;
            if let FindingBody::Activity { channel, .. } = body
                && let Channel::Domain { name } = channel
                && let Some(day) = names.get(name.as_str())
            {
                *channel = Channel::Generated { name: name.clone(), day: *day };
            }
            found
        })
        .collect()
}

/// Passwords that are tried at most, beside the customary one, and characters of each: they travel to each child.
const MOST_PASSWORDS: usize = 32;
const MOST_PASSWORD: usize = 128;

fn passwords_fit(passwords: &[String]) -> Result<(), NodeError> {
    if passwords.len() > MOST_PASSWORDS || passwords.iter().any(|p| p.len() > MOST_PASSWORD) {
        let what = format!("at most {MOST_PASSWORDS} passwords of {MOST_PASSWORD} bytes are tried");
        return Err(NodeError::Value { what });
    }
    Ok(())
}
