//! `act PLAN notify`: each recipient that an agreement names is told of its own victims, and of nobody else's.
//!
//! Here: which hits are told, the ruling on each notice, sealed mail in a folder, what is kept and what is awaited.
//! Elsewhere: who gets a hit (`botnet::routing`), the files of a notice and its mail (`exchange::notice`), erasing what is
//! kept when its day has come (`retain`), whether a letter is genuine (`letter`), whether telling helped (`remedied`).
//! Victims of an own sinkhole are opened with the key for notification (`victims`), until its day.
//! Addresses are read anew from the sealed exhibits, because telemetry holds pseudonyms: they pass through a folder below
//! `tmp/`, which goes with the run. Every ruling is made before the first file is written: where one is a denial, nothing
//! is written and nothing leaves. Nothing is sent from here: the mail system of the operator takes the files.
//!
//! ```text
//! OUT/PLAN/notices/notice-ID.eml   one message a notice, sealed for its recipient
//!                  awaited.json    which notices wait for a receipt, and what went to nobody and why
//! ```

use super::Node;
use super::error::NodeError;
use super::plan::KeptPlan;
use super::protect::Geo;
use super::retain::Standing;
use super::share::{HANDLING, refused};
use crate::store::Batch;
use crate::store::crossings::Crossing;
use crate::store::exhibits::{self, Exhibit};
use crate::store::leaves::NewLeaf;
use crate::store::records::{self, Record};
use crate::store::settings;
use crate::work::protocol::{Frame, Mode};
use crate::work::{Input, WorkError};
use agreement::{Agreements, By, Covered, Recipient, RecipientKind, Ruling};
use botnet::routing::{Claim, Heaps, Hit, Kind, Later, Places, Routes, Rows, Shelf, Unrouted};
use botnet::rows::{HitRow, Row};
use exchange::Payload;
use exchange::notice::mail::Mailbox;
use exchange::notice::{Language, MAX_ROWS, Notice, Victim, code, items, mail};
use ledger::Salt;
use ledger::statement::{PredicateType, Statement};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use takedown::Asset;
use terms::{
    Digest, ExhibitId, ExhibitKind, MemberId, PartnerId, Place, PlanId, Purpose, ReleaseId, Timestamp,
};

/// Exhibits that hold hits with the machine's address.
const SOURCES: [ExhibitKind; 3] = [ExhibitKind::SinkholeLog, ExhibitKind::Shadowserver, ExhibitKind::Ctip];
/// What a release's id begins with where it is a notice.
pub const PREFIX: &str = "notice-";

/// How recipients are told.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Networks in a thousand that are told later: the control group.
    pub later: u16,
    /// Tables of places, each from a day on; none: the home's own for all times.
    pub places: Vec<(Timestamp, PathBuf)>,
    /// Our address of mail, for answers.
    pub contact: String,
}

/// One notice (`comity.notice/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The recipient's id in the agreement.
    pub recipient: String,
    /// Through which partner it belongs to the agreement.
    pub partner: PartnerId,
    /// For which member it receives.
    pub member: Option<MemberId>,
    /// The release; none on a dry run.
    pub release: Option<ReleaseId>,
    /// Rows.
    pub rows: u64,
    /// The clauses of the permit.
    pub clauses: Vec<String>,
    /// By when it is erased, here and there.
    pub erase_by: Option<Timestamp>,
    /// The message; none on a dry run.
    pub file: Option<PathBuf>,
}

/// One run that told recipients, as the home keeps it: before the first notice leaves, so that nobody draws a control group
/// whose outcome is known. Networks are no persons; no address is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When.
    pub at: Timestamp,
    /// What drew the control group.
    pub seed: Digest,
    /// Networks in a thousand that were drawn.
    pub per_mille: u16,
    /// The notices: recipient and release. One that never left has no release in this home.
    pub notices: Vec<(String, ReleaseId)>,
    /// Networks of those recipients in which machines were seen: recipient, place, number, whether it waits.
    pub networks: Vec<(String, Place, u32, bool)>,
}

/// Where the runs of a plan rest.
fn runs_of(plan: &PlanId) -> String {
    format!("notices/{plan}")
}

/// What `act PLAN notify` did (`comity.notified/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotifyReport {
    /// Always `comity.notified/1`.
    pub schema: &'static str,
    /// The plan.
    pub plan: PlanId,
    /// Whether nothing was written.
    pub dry: bool,
    /// The notices, those to one recipient one behind the other.
    pub told: Vec<Told>,
    /// Rows for recipients whom the agreement names without a key, or with another way than sealed mail: they wait.
    pub without_key: Vec<(String, u64)>,
    /// Hits that went to nobody, with the reason.
    pub unrouted: Vec<Left>,
    /// Hits on other channels than the plan's.
    pub other: u64,
    /// Exhibits whose day of erasure has passed: nothing of them is told any more.
    pub overdue: u64,
    /// Keys for notification that were erased on their day, with all that was sealed to them.
    pub erased: u64,
    /// Seed and share of the control group, where networks wait.
    pub later: Option<(String, u16)>,
}

/// Hits that went to nobody for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// How many.
    pub hits: u64,
    /// The reason.
    pub reason: Unrouted,
    /// In words.
    pub why: &'static str,
    /// How many networks that concerns, those that are not known as one.
    pub in_networks: usize,
    /// Which; 0 stands for those that are not known. A dry run counts and names none.
    pub networks: Vec<u32>,
}

/// Tables of places by the day from which they hold.
struct History {
    dated: Vec<(Timestamp, Geo)>,
    always: Geo,
}

impl Places for History {
    fn at(&self, address: IpAddr, at: Timestamp) -> Option<(Place, u32)> {
        if self.dated.is_empty() {
            return Some(self.always.locate(address));
        }
        let (_, table) = self.dated.iter().rev().find(|(from, _)| *from <= at)?;
        Some(table.locate(address))
    }
}

/// Heaps on disk, below `tmp/`; they go when this does.
struct Folder(tempfile::TempDir);

impl Folder {
    fn file(&self, recipient: u16) -> PathBuf {
        self.0.path().join(recipient.to_string())
    }
    /// Part `index` of a heap, of at most [`MAX_ROWS`] rows.
    fn part(&self, recipient: u16, index: u64) -> io::Result<Vec<u8>> {
        use std::io::{Seek as _, SeekFrom};
        let size = (MAX_ROWS * Rows::SIZE) as u64;
        let mut file = File::open(self.file(recipient))?;
        file.seek(SeekFrom::Start(index * size))?;
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Shelf for Folder {
    fn append(&mut self, recipient: u16, bytes: &[u8]) -> io::Result<()> {
        OpenOptions::new().create(true).append(true).open(self.file(recipient))?.write_all(bytes)
    }
}

/// What routing found.
struct Sorted {
    folder: Folder,
    rows: Rows,
    other: u64,
    overdue: u64,
    erased: u64,
    sources: BTreeSet<ExhibitId>,
}

/// One notice before it is released.
struct Ready {
    payload: Payload,
    bytes: Vec<u8>,
}

impl Node {
    /// Tells recipients of their victims on the plan's channels; with `dry` only says who would get what.
    ///
    /// # Errors
    /// CMT-1123 no such plan, CMT-1126 an agreement refuses a notice (nothing is written), CMT-1411 a recipient or an address
    /// for answers that no mail can be written to (nothing is written), CMT-1473 a folder that is there already, CMT-1485
    /// where all that could be told is past its day.
    pub async fn notify(
        &self,
        plan_id: &str,
        wish: &Wish,
        out: &Path,
        dry: bool,
    ) -> Result<NotifyReport, NodeError> {
        let _counted = self.crossing.lock().await;
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let kept = self.kept_plan(plan_id).await?;
        let plan = kept.report.plan.id.clone();
        let folder = out.join(plan.as_str()).join("notices");
        if !dry && folder.try_exists().map_err(|e| NodeError::file("looking at", &folder, e))? {
            return Err(NodeError::Notified { folder });
        }
        let channels = channels(&kept);
        let agreements = self.agreements().await?;
        let recipients = agreements.recipients(now);
        let routes = Routes::new(&self.claims(&agreements, &recipients, now));
        let mut runs = self.notice_runs(&plan).await?;
        // One seed for all runs of a plan: who waited once goes on waiting, or is told, and nobody is drawn anew.
        let drawn = runs.iter().find(|r| r.per_mille > 0).map(|r| r.seed);
        let seed = drawn.unwrap_or_else(|| Digest::of(&Salt::random().as_bytes()[..]));
        let later = Later { seed: seed.0, per_mille: wish.later };
        let sorted = self.sorted(routes, later, channels, wish, now).await?;
        let nobody = sorted.rows.routed.is_empty() && sorted.rows.unrouted.is_empty();
        if nobody && sorted.overdue + sorted.erased > 0 {
            return Err(NodeError::PastItsDay {
                plan: plan.to_string(),
                overdue: sorted.overdue,
                erased: sorted.erased,
            });
        }
        let mut report = NotifyReport {
            schema: "comity.notified/1",
            plan,
            dry,
            told: Vec::new(),
            without_key: Vec::new(),
            unrouted: unrouted(&sorted.rows, dry),
            other: sorted.other,
            overdue: sorted.overdue,
            erased: sorted.erased,
            later: (wish.later > 0).then(|| (seed.to_string(), wish.later)),
        };
        // First every ruling, then the first file: a denial leaves nothing half told.
        let key = Salt::random();
        let mut parts: Vec<(usize, u64)> = Vec::new();
        // Also of one whose networks all wait: it would have been told of them.
        let networks = sorted.rows.networks.iter().filter_map(|((of, place, number), waits)| {
            let recipient = recipients.get(usize::from(*of)).filter(|r| mailed(r))?;
            Some((recipient.id.clone(), *place, *number, *waits))
        });
        let networks = networks.collect();
        let mut run = Run { at: now, seed, per_mille: wish.later, notices: Vec::new(), networks };
        // Records of this run that were let pass count under every cap: too early perhaps, and never too late.
        let mut already = 0u64;
        for (&number, &rows) in &sorted.rows.routed {
            let Some(recipient) = recipients.get(usize::from(number)) else { continue };
            if !mailed(recipient) {
                report.without_key.push((recipient.id.clone(), rows));
                continue;
            }
            self.reached(recipient, wish, &agreements)?;
            for part in 0..rows.div_ceil(MAX_ROWS as u64) {
                let ready = self.ready(recipient, &sorted, (number, part), wish, &agreements, &key, now)?;
                let permit = match self.ruled(&ready, &agreements, already, now).await?.0 {
                    Ruling::Permit(permit) => permit,
                    Ruling::Deny(denial) => {
                        if !dry {
                            self.note_denied(&ready, &agreements, already, now).await?;
                        }
                        return Err(refused(&denial));
                    }
                };
                parts.push((usize::from(number), part));
                already = already.saturating_add(ready.payload.request(Digest::of(b"")).records);
                report.told.push(Told {
                    recipient: recipient.id.clone(),
                    partner: recipient.partner.clone(),
                    member: recipient.member.clone(),
                    release: None,
                    rows: ready.payload.items.first().map_or(0, |i| i.records),
                    clauses: permit.clauses().iter().map(ToString::to_string).collect(),
                    erase_by: permit.erase_by(),
                    file: None,
                });
            }
        }
        if dry || report.told.is_empty() {
            return Ok(report);
        }
        for told in &mut report.told {
            let id = ReleaseId::new(&format!("{PREFIX}{}", uuid::Uuid::now_v7()))?;
            run.notices.push((told.recipient.clone(), id.clone()));
            told.release = Some(id);
        }
        runs.push(run);
        let mut tx = self.state.begin().await?;
        settings::put(&mut tx, &runs_of(&report.plan), &runs).await?;
        tx.commit().await?;
        std::fs::create_dir_all(&folder).map_err(|e| NodeError::file("making", &folder, e))?;
        self.note_reveal(&sorted.sources, "addresses are resolved for a notice to their recipients", now)
            .await?;
        for ((number, part), told) in parts.into_iter().zip(&mut report.told) {
            let Some(recipient) = recipients.get(number) else { continue };
            let number = u16::try_from(number).unwrap_or(u16::MAX);
            let ready = self.ready(recipient, &sorted, (number, part), wish, &agreements, &key, now)?;
            self.leave(recipient, ready, wish, &agreements, &folder, told, now).await?;
        }
        let awaited = serde_json::to_vec_pretty(&report).unwrap_or_default();
        Self::write_bundle(&folder.join("awaited.json"), &awaited)?;
        Ok(report)
    }

    /// The channels on which machines are a plan's own.
    ///
    /// # Errors
    /// CMT-1123 no such plan.
    pub async fn plan_channels(&self, plan_id: &str) -> Result<BTreeSet<String>, NodeError> {
        Ok(channels(&self.kept_plan(plan_id).await?))
    }

    /// The runs that told recipients of a plan, earliest first.
    pub(super) async fn notice_runs(&self, plan: &PlanId) -> Result<Vec<Run>, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(settings::get(&mut conn, &runs_of(plan)).await?.unwrap_or_default())
    }

    /// The recipient's key and the two places of mail, looked at before anything is written.
    fn reached<'a>(
        &'a self,
        recipient: &'a Recipient,
        wish: &'a Wish,
        agreements: &'a Agreements,
    ) -> Result<(evidence::sealed::Recipient, Mailbox<'a>, Mailbox<'a>), NodeError> {
        let unreached = |why: String| NodeError::Unreached { recipient: recipient.id.clone(), why };
        let from = Mailbox { name: self.own_name(agreements, recipient), address: &wish.contact };
        let to = Mailbox { name: &recipient.name, address: &recipient.address };
        for mailbox in [from, to] {
            if !mailbox.usable() {
                return Err(unreached(format!(
                    "`{}` is no address for mail",
                    mailbox.address.escape_debug()
                )));
            }
        }
        let key = recipient.key.as_deref().unwrap_or_default().parse();
        let key = key.map_err(|e: evidence::sealed::SealedError| unreached(e.to_string()))?;
        Ok((key, from, to))
    }

    /// What agreements say is whose. A recipient whose kind is not said gets nothing and stands in nobody's way.
    fn claims(&self, agreements: &Agreements, recipients: &[Recipient], now: Timestamp) -> Vec<Claim> {
        let mut claims = Vec::new();
        for (number, recipient) in recipients.iter().enumerate().take(usize::from(u16::MAX)) {
            let Some(kind) = recipient.kind else { continue };
            let members = agreements.members(&recipient.partner, now);
            // A member that has left takes its recipients' claims along: a place that nobody has.
            let place =
                |m: &MemberId| members.iter().find(|k| k.id == *m).map_or(Place::UNKNOWN, |k| k.place);
            let place = recipient.member.as_ref().map(place);
            claims.push(Claim {
                recipient: number as u16,
                kind: match kind {
                    RecipientKind::Institution => Kind::Institution,
                    RecipientKind::NetworkOwner => Kind::NetworkOwner,
                    RecipientKind::Csirt => Kind::Csirt,
                    RecipientKind::MemberState => Kind::MemberState,
                },
                ranges: (recipient.covers.iter())
                    .filter_map(|c| match c {
                        Covered::Block(address, prefix) => Some((*address, *prefix)),
                        Covered::Network(_) => None,
                    })
                    .collect(),
                networks: (recipient.covers.iter())
                    .filter_map(|c| match c {
                        Covered::Network(number) => Some(*number),
                        Covered::Block(..) => None,
                    })
                    .collect(),
                place,
            });
        }
        claims
    }

    /// Reads the sealed exhibits with hits, in children, and sorts what is on the plan's channels.
    async fn sorted(
        &self,
        routes: Routes,
        later: Later,
        channels: BTreeSet<String>,
        wish: &Wish,
        now: Timestamp,
    ) -> Result<Sorted, NodeError> {
        let mut dated = Vec::new();
        for (from, file) in &wish.places {
            dated.push((from.day().start(), Geo::open(file)?));
        }
        dated.sort_by_key(|(from, _)| *from);
        let places = History { dated, always: self.geo.clone() };
        let tmp = self.home.tmp();
        let folder = tempfile::Builder::new().prefix("notify-").tempdir_in(&tmp);
        let folder = folder.map_err(|e| NodeError::file("making a folder in", &tmp, e))?;
        let mut heaps = Heaps::new(routes, later, Folder(folder));
        let (mut other, mut overdue, mut sources) = (0u64, 0u64, BTreeSet::new());
        let (unseen, passed) = (self.withheld().await?, self.overdue().await?);
        let mut take = |hit: &HitRow| {
            if !channels.contains(&hit.channel) {
                other += 1;
                return Ok(false);
            }
            let hit = Hit {
                at: Timestamp(hit.event),
                source: hit.source,
                port: hit.source_port,
                infection: hit.botnet.as_deref().unwrap_or("not-named"),
                channel: &hit.channel,
            };
            heaps.push(&hit, &places).map_err(|e| NodeError::file("sorting hits in", &tmp, e)).map(|()| true)
        };
        for exhibit in self.with_hits().await?.into_iter().filter(|e| !unseen.contains(&e.id)) {
            if passed.contains(&exhibit.id) {
                overdue += 1;
                continue;
            }
            let input = self.input(&exhibit.id, exhibit.size, None).await?;
            if self.each_hit(input, &mut take).await? {
                sources.insert(exhibit.id);
            }
        }
        let mut erased = 0;
        for key in self.victim_keys().await? {
            match self.victims_of(&key, &unseen).await? {
                None => erased += 1,
                Some((_, ids)) if key.over(now) => overdue += ids.len() as u64,
                Some((identity, ids)) => {
                    for id in ids {
                        let input = self.victims_input(&identity, &id).await?;
                        if self.each_hit(input, &mut take).await? {
                            sources.insert(id);
                        }
                    }
                }
            }
        }
        let (folder, rows) = heaps.finish().map_err(|e| NodeError::file("sorting hits in", &tmp, e))?;
        Ok(Sorted { folder, rows, other, overdue, erased, sources })
    }

    /// Reads hits in a child; whether any of them was taken.
    async fn each_hit(
        &self,
        input: Input,
        take: &mut (dyn FnMut(&HitRow) -> Result<bool, NodeError> + Send),
    ) -> Result<bool, NodeError> {
        let pool = self.pool.clone();
        let (frames, mut rows) = tokio::sync::mpsc::channel::<Vec<Row>>(4);
        let child = tokio::task::spawn_blocking(move || {
            pool.run(Mode::Read, input, |frame| match frame {
                Frame::Rows(rows) => {
                    frames.blocking_send(rows).map_err(|_| WorkError::Refused("routing ended".into()))
                }
                _ => Ok(()),
            })
        });
        let mut any = false;
        while let Some(batch) = rows.recv().await {
            for row in batch {
                if let Row::Hit(hit) = row {
                    any |= take(&hit)?;
                }
            }
        }
        child.await.map_err(|e| WorkError::Refused(format!("the reading thread ended: {e}")))??;
        Ok(any)
    }

    /// What was received under an agreement and is past its day of erasure: nobody came to erase it yet, or it is held.
    async fn overdue(&self) -> Result<BTreeSet<ExhibitId>, NodeError> {
        let all = self.retention(None).await?;
        let passed = all.into_iter().filter(|r| matches!(r.standing, Standing::Due | Standing::Held));
        Ok(passed.flat_map(|r| r.exhibits).collect())
    }

    /// Exhibits with hits that rest here.
    async fn with_hits(&self) -> Result<Vec<Exhibit>, NodeError> {
        let mut conn = self.state.read().await?;
        let mut all: Vec<Exhibit> = Vec::new();
        for kind in SOURCES {
            let mut after: Option<ExhibitId> = None;
            loop {
                let page = exhibits::of_kind(&mut conn, kind, after.as_ref(), records::MOST_PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                all.extend(page.into_iter().filter(|e| e.erased_at.is_none()));
            }
        }
        Ok(all)
    }

    /// A notice as it would leave. The same key gives the same codes: what was ruled on is what leaves.
    #[expect(clippy::too_many_arguments, reason = "all of it decides on the bytes")]
    fn ready(
        &self,
        recipient: &Recipient,
        sorted: &Sorted,
        (number, part): (u16, u64),
        wish: &Wish,
        agreements: &Agreements,
        key: &Salt,
        now: Timestamp,
    ) -> Result<Ready, NodeError> {
        let tmp = self.home.tmp();
        let heap =
            sorted.folder.part(number, part).map_err(|e| NodeError::file("reading hits in", &tmp, e))?;
        let first = (u64::from(number) << 40) | (part * MAX_ROWS as u64);
        let victims: Vec<Victim> = (sorted.rows.read(&heap).zip(first..))
            .map(|(row, index)| Victim {
                at: row.hit.at,
                source: row.hit.source,
                port: row.hit.port,
                network: row.network,
                place: row.place,
                infection: row.hit.infection.to_owned(),
                channel: row.hit.channel.to_owned(),
                code: code::of(key, index),
            })
            .collect();
        let mut payload = Payload::new(
            self.partner.clone(),
            recipient.partner.clone(),
            Purpose::VictimNotification,
            HANDLING,
        );
        payload.member = recipient.member.clone();
        payload.concerns = victims.iter().map(|v| v.place).collect();
        let notice = Notice {
            from: &self.partner,
            from_name: self.own_name(agreements, recipient),
            contact: &wish.contact,
            to: &recipient.id,
            at: now,
            languages: Language::ALL,
        };
        payload.items = items(&notice, &victims)?;
        let bytes = payload.canonical()?;
        Ok(Ready { payload, bytes })
    }

    /// Our name as the agreement that names the recipient prints it.
    fn own_name<'a>(&'a self, agreements: &'a Agreements, recipient: &Recipient) -> &'a str {
        let named = agreements.all().iter().filter(|s| s.agreement().recipients().contains(recipient));
        let mut names = named.filter_map(|s| s.agreement().party_name(&self.partner));
        names.next().map_or(self.partner.as_str(), |(name, _)| name)
    }

    async fn ruled(
        &self,
        ready: &Ready,
        agreements: &Agreements,
        already: u64,
        now: Timestamp,
    ) -> Result<(Ruling, agreement::Request), NodeError> {
        let request = ready.payload.request(Digest::of(&ready.bytes));
        let mut spent = self.spent(agreements, &request, now, "").await?;
        for passed in [&mut spent.case, &mut spent.month, &mut spent.total] {
            *passed = passed.saturating_add(already);
        }
        let request = request.after(spent);
        Ok((agreements.rule(&request, now), request))
    }

    async fn note_denied(
        &self,
        ready: &Ready,
        agreements: &Agreements,
        already: u64,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let (ruling, request) = self.ruled(ready, agreements, already, now).await?;
        let said = ruling.statement(&request, now);
        // The request is kept and not the victims: nothing of them leaves, and nothing of them is needed to show that.
        let text = serde_json::to_vec(&request).unwrap_or_default();
        let sealed = self.vault.seal_bytes(&text).await?;
        let leaf =
            Statement::new(vec![sealed.commitment], PredicateType::Ruling, said)?.sign(&self.keys.node)?;
        self.note_refusal(sealed.id, sealed.commitment, text.len() as u64, leaf, now).await
    }

    /// Releases one notice: kept under a key of its own, ruled on once more, sealed, written, on the ledger.
    #[expect(clippy::too_many_arguments, reason = "one notice with all that it is released by")]
    async fn leave(
        &self,
        recipient: &Recipient,
        ready: Ready,
        wish: &Wish,
        agreements: &Agreements,
        folder: &Path,
        told: &mut Told,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let sealed = self.vault.seal_bytes(&ready.bytes).await?;
        let (ruling, request) = self.ruled(&ready, agreements, 0, now).await?;
        let statement = ruling.statement(&request, now);
        let leaf = Statement::new(vec![sealed.commitment], PredicateType::Ruling, statement)?
            .sign(&self.keys.node)?;
        let permit = match ruling {
            Ruling::Permit(permit) => permit,
            Ruling::Deny(denial) => {
                self.note_refusal(sealed.id, sealed.commitment, ready.bytes.len() as u64, leaf, now).await?;
                return Err(refused(&denial));
            }
        };
        let clauses: Vec<String> = permit.clauses().iter().map(ToString::to_string).collect();
        let batch = Batch { leaves: vec![NewLeaf::new(leaf)], ..Batch::default() };
        crate::store::commit(&self.state, &batch, now).await?;
        let Some(id) = told.release.clone() else { return Ok(()) };
        let (key, from, to) = self.reached(recipient, wish, agreements)?;
        let left = mail::release(permit, &ready.bytes, id.clone(), from, to, &key, now)?;
        let crossing = Crossing {
            release: id.to_string(),
            clauses,
            case: request.case.clone(),
            records: request.records,
            at: now,
        };
        let kept = (sealed.id, sealed.commitment, ready.bytes.len() as u64);
        let file = folder.join(format!("{id}.eml"));
        Self::write_bundle(&file, &left.message)?;
        self.keep_release(&left.record, kept, &crossing, None, now).await?;
        told.file = Some(file);
        Ok(())
    }

    /// Notes on the ledger that a notice arrived, or came back, as a person of this home says.
    ///
    /// # Errors
    /// CMT-1474 for what is no notice of this home.
    pub async fn noted_arrival(&self, release: &str, arrived: bool) -> Result<(), NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let mut conn = self.state.read().await?;
        let found: Option<Record<super::share::KeptRelease>> =
            records::RELEASES.get(&mut conn, release).await?;
        drop(conn);
        let found = found.filter(|_| release.starts_with(PREFIX));
        let found = found.ok_or_else(|| NodeError::NoNotice { release: release.to_owned() })?;
        let status = if arrived { "arrived" } else { "bounced" };
        let commitment = self.vault.commitment(&found.body.exhibit).await?;
        let predicate = serde_json::json!({
            "schema": "comity.notice-receipt/1", "release": release, "receipt": status, "how": "noted by a person",
        });
        let leaf =
            Statement::new(vec![commitment], PredicateType::Receipt, predicate)?.sign(&self.keys.node)?;
        let batch = Batch { leaves: vec![NewLeaf::new(leaf)], ..Batch::default() };
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, now).await?;
        records::RELEASES.set_status(&mut tx, release, status, now).await?;
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(())
    }
}

/// Whether an agreement says how a notice reaches a recipient by sealed mail.
fn mailed(recipient: &Recipient) -> bool {
    recipient.key.is_some() && recipient.by == By::SealedMail
}

/// The channels on which a plan's machines are its own: those of its groups and targets, and each generated name.
pub(super) fn channels(kept: &KeptPlan) -> BTreeSet<String> {
    let groups = kept.situation.groups.iter().flat_map(|g| g.signature.iter().cloned());
    let targets = kept.situation.targets.iter().filter_map(|t| t.asset.channel_key());
    let known = kept.situation.targets.iter().map(|t| &t.asset);
    let taken = kept.report.plan.actions.iter().map(|a| &a.asset);
    // Of generated names each is a channel of its own day.
    let generated = known.chain(taken).filter_map(|asset| match asset {
        Asset::Generated { names, .. } => Some(names.iter().cloned()),
        _ => None,
    });
    groups.chain(targets).chain(generated.flatten()).collect()
}

fn unrouted(rows: &Rows, dry: bool) -> Vec<Left> {
    let mut out: Vec<Left> = Vec::new();
    for ((reason, _, network), hits) in &rows.unrouted {
        match out.last_mut().filter(|l| l.reason == *reason) {
            Some(left) => {
                left.hits += hits;
                left.networks.push(*network);
            }
            None => {
                let networks = vec![*network];
                out.push(Left { hits: *hits, reason: *reason, why: reason.why(), in_networks: 0, networks });
            }
        }
    }
    for left in &mut out {
        left.networks.sort_unstable();
        left.networks.dedup();
        left.in_networks = left.networks.len();
        if dry {
            left.networks.clear();
        }
    }
    out
}
