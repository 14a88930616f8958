//! `act`: one package for each addressee of a plan, to be handed over by a person under an authority.
//!
//! Here: checking that the plan still holds, choosing what an addressee needs to see, custody and proofs, writing and
//! verifying the folder. Elsewhere: orders, letters and who is an addressee (`takedown::packages`), the folder's format
//! (`evidence::package`).
//!
//! ```text
//! OUT/PLAN/PARTNER-MEMBER/data/letter.txt           for people
//!                         data/orders.json          orders, notices and the hour
//!                         data/assets.json          what is known of the assets concerned
//!                         data/findings.json        the findings these rest on, and which were withheld and why
//!                         data/exhibits/ID.bin      samples that the findings rest on
//!                         data/case.jsonld          the samples and their custody in CASE/UCO
//!                         data/salts.json           opens the leaf's commitments to the files above
//!                         proofs/package.leaf.json  the leaf that this packing put on the ledger
//!                         proofs/package.tlog-proof its inclusion, with the signed checkpoint (C2SP tlog-proof)
//!                         proofs/checkpoint  proofs/log.vkey
//! ```
//! Need to know: who acts gets the findings and samples its own orders rest on; who is only told gets what speaks of its
//! own asset, and neither samples nor the hour. Nothing with a customer's host in it and no telemetry rides along.
//! Bounds: samples of 1 MiB, 1,000 a package.

use super::error::NodeError;
use super::plan::{self, KeptPlan};
use super::{Node, origin};
use crate::store::custody::CustodyRow;
use crate::store::exhibits;
use crate::store::files::{Disk, Files as _};
use crate::store::leaves::{self, NewLeaf};
use crate::store::records::{self, Record};
use crate::store::{Batch, findings};
use evidence::case_uco::{self, Described};
use evidence::custody::{Act, Event, Why};
use evidence::package::{Item, verify_package, write_package};
use ledger::proof::{TlogProof, prove_inclusion};
use ledger::{Commitment, NoteKey, Salt, checkpoint, commit, dsse};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use takedown::{Addressee, Plan, Situation, SituationError, Violation};
use terms::{
    CaseId, Digest, ExhibitId, Finding, FindingBody, FindingId, MemberId, PartnerId, PlanId, Timestamp,
};

/// Largest sample that rides along.
const MOST_SAMPLE: u64 = 1 << 20;
/// Samples of one package.
const MOST_SAMPLES: usize = 1_000;
/// Individuals below which a place's count is not handed over.
const SMALLEST: u64 = 10;
/// Characters of a folder's name.
const MOST_NAME: usize = 80;

/// One package (`comity.packed/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedReport {
    /// Always `comity.packed/1`.
    pub schema: String,
    /// The plan.
    pub plan: PlanId,
    /// The partner responsible; none for a recipient whom no agreement lets a partner tell.
    pub partner: Option<PartnerId>,
    /// Its member.
    pub member: Option<MemberId>,
    /// A holder, owner or contact that is told and runs no node.
    pub recipient: Option<String>,
    /// The folder; on a dry run, where it would be.
    pub folder: PathBuf,
    /// Orders.
    pub orders: usize,
    /// Notices.
    pub notices: usize,
    /// Findings in it.
    pub findings: usize,
    /// Findings that are named and not handed over, with the reason in the package.
    pub withheld: usize,
    /// Samples in it.
    pub exhibits: Vec<ExhibitId>,
    /// SHA-256 of the tag manifest, which names the whole package; none on a dry run.
    pub digest: Option<Digest>,
    /// Index of its leaf on the ledger; none on a dry run, and where another process writes the ledger just now (the
    /// leaf follows, and the package has no proof).
    pub leaf: Option<u64>,
}

/// What `act` did (`comity.act-report/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActReport {
    /// Always `comity.act-report/1`.
    pub schema: &'static str,
    /// The plan.
    pub plan: PlanId,
    /// The case.
    pub case: CaseId,
    /// The one hour.
    pub hour: Timestamp,
    /// Whether nothing was written.
    pub dry: bool,
    /// The packages, one for each addressee.
    pub packages: Vec<PackedReport>,
    /// Orders over all packages.
    pub orders: usize,
    /// Notices over all packages.
    pub notices: usize,
    /// What a person should know before handing them over.
    pub warnings: Vec<String>,
}

/// What one addressee gets, before it is written.
struct Content {
    letter: Vec<u8>,
    orders: Vec<u8>,
    assets: Vec<u8>,
    findings: Vec<u8>,
    kept: usize,
    withheld: usize,
    exhibits: Vec<ExhibitId>,
}

/// A leaf on the ledger with its proof.
pub(super) struct Proof {
    pub(super) index: u64,
    pub(super) text: Vec<u8>,
    pub(super) checkpoint: Vec<u8>,
    pub(super) vkey: String,
}

#[derive(Serialize)]
pub(super) struct Opening {
    pub(super) file: String,
    pub(super) sha256: Digest,
    pub(super) salt: String,
}

impl Node {
    /// Writes the packages of a plan into `out/PLAN/`; with `dry` only says which there would be. Each is verified right
    /// after it was written.
    ///
    /// # Errors
    /// CMT-1123 no such plan, CMT-0822 its hour has passed, CMT-1170 something it rests on has changed, CMT-1129 the
    /// kept plan does not fit its situation, CMT-0421 a package's folder is there already.
    pub async fn act(&self, plan_id: &str, out: &Path, dry: bool) -> Result<ActReport, NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let kept = self.kept_plan(plan_id).await?;
        let warnings = self.still_holds(&kept, now).await?;
        let plan = &kept.report.plan;
        let mut packages = Vec::new();
        let mut names = BTreeSet::new();
        for addressee in takedown::packages(plan, &kept.situation) {
            let name = free_name(&addressee, &mut names);
            let folder = out.join(plan.id.as_str()).join(name);
            let content = self.content(&addressee).await?;
            let mut report = PackedReport {
                schema: "comity.packed/1".into(),
                plan: plan.id.clone(),
                partner: addressee.partner.clone(),
                member: addressee.member.clone(),
                recipient: addressee.recipient.clone(),
                folder,
                orders: addressee.orders.len(),
                notices: addressee.notices.len(),
                findings: content.kept,
                withheld: content.withheld,
                exhibits: content.exhibits.clone(),
                digest: None,
                leaf: None,
            };
            if !dry {
                self.pack(&kept.report.case, content, &mut report, now).await?;
            }
            packages.push(report);
        }
        if !dry {
            let mut tx = self.state.begin().await?;
            records::PLANS.set_status(&mut tx, plan.id.as_str(), "packed", now).await?;
            tx.commit().await?;
        }
        Ok(ActReport {
            schema: "comity.act-report/1",
            plan: plan.id.clone(),
            case: kept.report.case.clone(),
            hour: plan.hour,
            dry,
            orders: packages.iter().map(|p| p.orders).sum(),
            notices: packages.iter().map(|p| p.notices).sum(),
            packages,
            warnings,
        })
    }

    /// Refuses a plan whose hour has passed, or of which an action is not lawful with what holds now: agreements that
    /// ended, authorities that expired, partners' new answers, findings that were refuted, time that is too short by now
    /// to obtain an authority. What a person should know comes back.
    async fn still_holds(&self, kept: &KeptPlan, now: Timestamp) -> Result<Vec<String>, NodeError> {
        let plan = &kept.report.plan;
        if plan.hour <= now {
            return Err(SituationError::HourPassed { hour: plan.hour, now }.into());
        }
        takedown::check(&kept.situation, plan).map_err(|v| plan::unsound(&v))?;
        let (authorities, mut warnings) = plan::documents(self).await?;
        let fresh = Situation {
            now,
            powers: plan::powers(&*self.agreements().await?, plan.hour),
            authorities,
            deconfliction: self.answers().await?.into_iter().map(plan::answer).collect(),
            ..kept.situation.clone()
        };
        let less =
            recheck(plan, fresh).map_err(|what| NodeError::Changed { plan: plan.id.to_string(), what })?;
        warnings.extend(less);
        let mut conn = self.state.read().await?;
        for action in &plan.actions {
            let mut stands = action.evidence.is_empty();
            for id in &action.evidence {
                let found = findings::find(&mut conn, id).await?;
                stands |= found.is_some_and(|k| k.refuted_by.is_none());
            }
            if !stands {
                let what = format!("every finding that {} rests on was refuted", action.target);
                return Err(NodeError::Changed { plan: plan.id.to_string(), what });
            }
        }
        Ok(warnings)
    }

    async fn content(&self, to: &Addressee) -> Result<Content, NodeError> {
        let acts = !to.orders.is_empty();
        let unseen = self.withheld().await?;
        let (mut kept, mut withheld): (Vec<Finding>, Vec<(FindingId, String)>) = (Vec::new(), Vec::new());
        let mut conn = self.state.read().await?;
        for id in &to.evidence {
            match findings::find(&mut conn, id).await? {
                None => withheld.push((*id, "it is not in this home any more".into())),
                Some(f) if f.refuted_by.is_some() => {
                    withheld.push((*id, "a later finding states anew what this one stated".into()));
                }
                Some(f) if f.finding.exhibits.iter().any(|e| unseen.contains(e)) => {
                    withheld.push((*id, "it rests on what must not be viewed".into()));
                }
                Some(f) => match reserve(&f.finding, acts) {
                    Some(why) => withheld.push((*id, why.into())),
                    None => kept.push(f.finding),
                },
            }
        }
        let mut samples = BTreeSet::new();
        // Samples go to who acts on them; an owner who is told has no use for one.
        let sources: BTreeSet<ExhibitId> =
            kept.iter().filter(|_| acts).flat_map(|f| f.exhibits.iter().copied()).collect();
        for id in sources {
            let Some(e) = exhibits::find(&mut conn, &id).await?.filter(|e| e.erased_at.is_none()) else {
                continue;
            };
            let sample = e.kind.program();
            if sample && e.size <= MOST_SAMPLE && samples.len() < MOST_SAMPLES {
                samples.insert(id);
            }
        }
        let listed: Vec<serde_json::Value> =
            withheld.iter().map(|(id, why)| serde_json::json!({ "finding": id, "why": why })).collect();
        Ok(Content {
            letter: to.letter.clone().into_bytes(),
            orders: pretty(&serde_json::json!({
                "schema": "comity.orders/1", "plan": to.plan, "partner": to.partner, "member": to.member,
                "recipient": to.recipient, "hour": to.hour, "language": to.language, "orders": to.orders,
                "notices": to.notices,
            })),
            assets: pretty(&serde_json::json!({ "schema": "comity.assets/1", "assets": to.assets })),
            findings: pretty(&serde_json::json!({
                "schema": "comity.findings/1", "findings": kept, "withheld": listed,
            })),
            kept: kept.len(),
            withheld: withheld.len(),
            exhibits: samples.into_iter().collect(),
        })
    }

    /// Puts the packing on the ledger, then writes the folder with the proof of it, verifies it, and notes it.
    async fn pack(
        &self,
        case: &CaseId,
        content: Content,
        report: &mut PackedReport,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        if report.folder.try_exists().map_err(|e| NodeError::file("looking at", &report.folder, e))? {
            // Before the ledger says that it was packed.
            return Err(evidence::EvidenceError::PackageExists(report.folder.display().to_string()).into());
        }
        let salt = Salt::random();
        let orders = Digest::of(&content.orders);
        let mut openings =
            vec![Opening { file: "data/orders.json".into(), sha256: orders, salt: salt.to_hex() }];
        let mut commitments = vec![commit(&salt, &orders)];
        let mut samples: Vec<(String, Vec<u8>)> = Vec::new();
        for id in &content.exhibits {
            let file = format!("exhibits/{id}.bin");
            samples.push((file.clone(), self.vault.read(id, MOST_SAMPLE).await?));
            commitments.push(self.vault.commitment(id).await?);
            let salt = self.vault.disclose_salt(id).await?.to_hex();
            openings.push(Opening { file: format!("data/{file}"), sha256: id.0, salt });
        }
        let leaf = self.note_packing(case, &content.exhibits, commitments).await?;
        let proof = self.prove(&leaf.id).await?;
        let described = self.in_case_uco(case, &content.exhibits).await?;
        let salts = pretty(&serde_json::json!({
            "schema": "comity.salts/1",
            "how": "each commitment of the leaf is HMAC-SHA256 with the salt as key over the SHA-256 of the file",
            "openings": openings,
        }));
        let mut items = vec![
            Item::payload("letter.txt", content.letter.as_slice()),
            Item::payload("orders.json", content.orders.as_slice()),
            Item::payload("assets.json", content.assets.as_slice()),
            Item::payload("findings.json", content.findings.as_slice()),
            Item::payload("salts.json", salts.as_slice()),
            Item::payload("case.jsonld", described.as_slice()),
            Item::proof("package.leaf.json", leaf.body.as_slice()),
        ];
        items.extend(samples.iter().map(|(name, bytes)| Item::payload(name, bytes.as_slice())));
        if let Some(proof) = &proof {
            items.push(Item::proof("package.tlog-proof", proof.text.as_slice()));
            items.push(Item::proof("checkpoint", proof.checkpoint.as_slice()));
            items.push(Item::proof("log.vkey", proof.vkey.as_bytes()));
        }
        let identifier =
            format!("{}/{}", report.plan, report.folder.file_name().unwrap_or_default().to_string_lossy());
        let info = [
            ("Source-Organization", self.partner.as_str()),
            ("External-Identifier", identifier.as_str()),
            ("Internal-Sender-Identifier", case.as_str()),
        ];
        let packed = write_package(&report.folder, items, &info, now.day(), &self.keys.node)?;
        let node = self.keys.node.verifying_key();
        let checked = verify_package(&report.folder, &[(dsse::keyid(&node), node)])?;
        if checked.digest != packed.digest {
            let what = format!("package `{}` is not what was written", report.folder.display());
            return Err(NodeError::NotVerified { what });
        }
        report.digest = Some(packed.digest);
        report.leaf = proof.map(|p| p.index);
        let record = Record {
            id: identifier,
            belongs: report.plan.to_string(),
            status: "written".into(),
            at: now,
            until: None,
            body: report.clone(),
        };
        let mut tx = self.state.begin().await?;
        records::PACKAGES.put(&mut tx, &record).await?;
        Ok(tx.commit().await?)
    }

    /// The samples and their custody in CASE/UCO.
    async fn in_case_uco(&self, case: &CaseId, ids: &[ExhibitId]) -> Result<Vec<u8>, NodeError> {
        let mut all = Vec::new();
        for id in ids {
            let mut conn = self.state.read().await?;
            let Some(exhibit) = exhibits::find(&mut conn, id).await? else { continue };
            drop(conn);
            let rows = self.custody_of(id).await?;
            let events: Vec<Event> =
                rows.into_iter().filter_map(|r| serde_json::from_value(r.body).ok()).collect();
            all.push((exhibit, events, format!("data/exhibits/{id}.bin")));
        }
        let described: Vec<Described<'_>> = (all.iter().enumerate())
            .map(|(at, (exhibit, events, file))| Described {
                id: exhibit.id,
                number: format!("E-{}", at + 1),
                size: exhibit.size,
                kind: exhibit.kind.word(),
                obtained: exhibit.obtained,
                file: Some(file),
                custody: events,
            })
            .collect();
        Ok(pretty(&case_uco::graph(case.as_str(), &format!("Case {case}"), &described)))
    }

    /// One leaf for the package: its orders and its exhibits are the subjects. A custody row for each exhibit.
    async fn note_packing(
        &self,
        case: &CaseId,
        included: &[ExhibitId],
        commitments: Vec<Commitment>,
    ) -> Result<NewLeaf, NodeError> {
        let event = self.event(commitments, Act::Package, Why::Case(case.to_string()), false);
        let leaf = self.custody_leaf(&event)?;
        let body = serde_json::to_value(&event).unwrap_or_default();
        let row = |id: &ExhibitId| {
            CustodyRow::new(*id, event.when, event.who.clone(), "package", body.clone(), &leaf.id)
        };
        let batch = Batch {
            custody: included.iter().map(row).collect(),
            leaves: vec![leaf.clone()],
            ..Batch::default()
        };
        crate::store::commit(&self.state, &batch, event.when).await?;
        self.sequencer.run().await?;
        Ok(leaf)
    }

    /// The proof that a leaf stands on the ledger; none where no checkpoint covers it yet.
    pub(super) async fn prove(&self, leaf: &str) -> Result<Option<Proof>, NodeError> {
        let mut conn = self.state.read().await?;
        let found = leaves::find(&mut conn, leaf).await?;
        drop(conn);
        let Some(leaf) = found else { return Ok(None) };
        let Some(index) = leaf.place else { return Ok(None) };
        let (folder, origin) = (self.home.ledger(), origin(&self.partner));
        let key = NoteKey::new(&origin, self.keys.node.verifying_key())?;
        let work = move || {
            let disk = Disk::new(&folder)?;
            let read = |path: &str| disk.read(path);
            let bytes = read(checkpoint::FILE).map_err(|e| NodeError::file("reading", &folder, e))?;
            let Some(checkpoint) = bytes else { return Ok(None) };
            let signed = checkpoint::open(&checkpoint, &origin, std::slice::from_ref(&key))?;
            if index >= signed.head().size {
                return Ok(None);
            }
            let path = prove_inclusion(&read, signed.head(), index)?;
            let proof = TlogProof { index, path, checkpoint: checkpoint.clone() };
            proof.check(&leaf.body, &origin, std::slice::from_ref(&key))?;
            Ok(Some(Proof { index, text: proof.to_text(), checkpoint, vkey: format!("{}\n", key.to_vkey()) }))
        };
        let ended = tokio::task::spawn_blocking(work).await;
        ended.map_err(|e| NodeError::NotVerified { what: format!("the proving thread ended: {e}") })?
    }
}

/// Checks a plan against the situation as it is now. The digest of the situation is the one thing that must differ.
///
/// What makes an action unlawful, or somebody to be told another, refuses the plan. What only makes it less good than a
/// new one (an authority that came, a target that could not be taken and now can, or the other way round) comes back as
/// a sentence: the packages stay right.
fn recheck(plan: &Plan, fresh: Situation) -> Result<Option<String>, String> {
    let text = serde_json::to_string(&fresh).map_err(|e| e.to_string())?;
    let moved = Plan { situation: Digest::of(text.as_bytes()), ..plan.clone() };
    let Err(violations) = takedown::check(&fresh, &moved) else { return Ok(None) };
    let grave = |about: &str| {
        matches!(about, "situation" | "hour" | "notifications")
            || plan.actions.iter().any(|a| a.id.as_str() == about)
    };
    let (bad, late): (Vec<Violation>, Vec<Violation>) = violations.into_iter().partition(|v| grave(&v.about));
    if bad.is_empty() {
        Ok(Some(format!("A new plan would say it differently: {}.", plan::objections(&late))))
    } else {
        Err(plan::objections(&bad))
    }
}

/// Why a finding is named and not handed over; none where it is.
pub(super) fn reserve(finding: &Finding, acts: bool) -> Option<&'static str> {
    match &finding.body {
        FindingBody::Beacon { .. } | FindingBody::GeneratedNames { .. } => Some("it names a customer's host"),
        FindingBody::Activity { places, .. } if places.iter().any(|(_, n)| *n < SMALLEST) => {
            Some("it counts so few bots in a place that one could be singled out")
        }
        FindingBody::StixObject { .. } | FindingBody::Unreadable { .. } => {
            Some("it says nothing about the orders")
        }
        FindingBody::Activity { .. } | FindingBody::Asset { .. } => None,
        _ if !acts => Some("it speaks of other assets too, and this addressee is only told about its own"),
        _ => None,
    }
}

pub(super) fn pretty(value: &serde_json::Value) -> Vec<u8> {
    let mut out = serde_json::to_vec_pretty(value).unwrap_or_default();
    out.push(b'\n');
    out
}

/// The addressee as a folder's name that every system can carry: partner, member and recipient, each where there is
/// one; a number follows where two would be equal.
fn free_name(to: &Addressee, taken: &mut BTreeSet<String>) -> String {
    let parts = [
        to.partner.as_ref().map(ToString::to_string),
        to.member.as_ref().map(ToString::to_string),
        to.recipient.clone(),
    ];
    let mut name = String::new();
    for c in parts.into_iter().flatten().collect::<Vec<_>>().join("-").chars() {
        let c = c.to_ascii_lowercase();
        let good = c.is_ascii_alphanumeric();
        if good || !(name.is_empty() || name.ends_with('-')) {
            name.push(if good { c } else { '-' });
        }
        if name.len() >= MOST_NAME {
            break;
        }
    }
    let name = name.trim_end_matches('-');
    let name = if name.is_empty() { "addressee" } else { name };
    let numbered = (2..).map(|n| format!("{name}-{n}"));
    let free =
        std::iter::once(name.to_owned()).chain(numbered).find(|n| !taken.contains(n)).unwrap_or_default();
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;
    use terms::{Channel, Confidence, Day, Unsealed};

    fn addressee(partner: Option<&str>, member: Option<&str>, recipient: Option<&str>) -> Addressee {
        Addressee {
            schema: "comity.addressee/1".into(),
            plan: PlanId::new("plan-1").unwrap(),
            partner: partner.map(|p| PartnerId::new(p).unwrap()),
            member: member.map(|m| MemberId::new(m).unwrap()),
            recipient: recipient.map(str::to_owned),
            hour: None,
            language: "en".into(),
            orders: vec![],
            notices: vec![],
            assets: vec![],
            evidence: vec![],
            letter: String::new(),
        }
    }

    #[test]
    fn a_folder_is_named_for_its_addressee_and_leads_nowhere_else() {
        let mut taken = BTreeSet::new();
        for (partner, member, recipient, expected) in [
            (Some("police"), Some("de"), None, "police-de"),
            (Some("region"), Some("pa"), Some("Clinica Santa Rosa"), "region-pa-clinica-santa-rosa"),
            (None, None, Some("../../etc/passwd"), "etc-passwd"),
            (None, None, Some("…"), "addressee"),
            (None, None, Some("///"), "addressee-2"),
            (Some("police"), Some("de"), None, "police-de-2"),
            (Some("fintech"), Some("harbour-bank"), None, "fintech-harbour-bank"),
        ] {
            assert_eq!(free_name(&addressee(partner, member, recipient), &mut taken), expected);
        }
        let long = "x".repeat(500);
        assert_eq!(free_name(&addressee(None, None, Some(&long)), &mut taken).len(), MOST_NAME);
    }

    fn finding(body: FindingBody) -> Finding {
        Unsealed {
            examiner: "t".into(),
            version: 1,
            confidence: Confidence::new(90),
            reason: "r".into(),
            body,
        }
        .seal(vec![ExhibitId::of(b"x")])
    }

    #[test]
    fn what_is_handed_over_and_what_is_only_named() {
        let channel = Channel::domain("one.example");
        let activity = |n| FindingBody::Activity {
            channel: channel.clone(),
            day: Day(1),
            bots: 100,
            addresses: 100,
            places: vec![("DE".parse().unwrap(), 90), ("FR".parse().unwrap(), n)],
        };
        let configuration = FindingBody::Configuration {
            family: "f".into(),
            campaign: None,
            variant: None,
            channels: vec![channel.clone()],
            dga: None,
            values: vec![],
        };
        let names =
            FindingBody::GeneratedNames { source: "p:1".into(), names: 9, nonexistent: 9, examples: vec![] };
        for (body, to_actor, to_told) in [
            (activity(10), true, true),
            (activity(9), false, false),
            (configuration, true, false),
            (names, false, false),
        ] {
            let finding = finding(body);
            assert_eq!(reserve(&finding, true).is_none(), to_actor, "{finding:?}");
            assert_eq!(reserve(&finding, false).is_none(), to_told, "{finding:?}");
        }
    }
}
