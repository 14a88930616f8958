//! `case package`: a case for one addressee, outside any plan: what the case rests on, its custody, its disclosure
//! schedule, and the proofs.
//!
//! ```text
//! OUT/data/case.json         the case
//!     data/case.jsonld       its exhibits and their custody in CASE/UCO
//!     data/disclosure.json   the schedule: every exhibit of the case; sensitive ones without content
//!     data/custody.json      every act on the enclosed exhibits, how each was obtained, when it became evidence
//!     data/findings.json     findings that rest on enclosed exhibits alone; others are named, with the reason
//!     data/exhibits/ID.bin   the exhibits that are used or exculpatory, and not sensitive
//!     data/stamps.json       time stamps of others over them and over the checkpoint
//!     data/salts.json        opens the leaves' commitments
//!     proofs/…               the packing's leaf; every custody leaf of an enclosed exhibit; tokens
//! OUT.tar.age                the same as one file, sealed for the addressee, where a recipient is given
//! ```
//! Noisy counts never go along: they say nothing of any machine, and a court would take them for figures.
//! Elsewhere: packages of a plan (`act`), the folder's format (`evidence::package`).
//! Bounds: 250 exhibits, 2,000 custody leaves.

use super::Node;
use super::act::{Opening, pretty, reserve};
use super::disclose::Schedule;
use super::error::NodeError;
use super::stamp::Stamped;
use crate::store::custody::CustodyRow;
use crate::store::records::{self, Record};
use crate::store::{Batch, erasure, exhibits, exhibits::Exhibit, findings, leaves};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use evidence::case_uco::{self, Described};
use evidence::custody::{Act, Event, Why};
use evidence::disclosure::{self, Mark};
use evidence::package::{Item, Packed, verify_package, write_package};
use evidence::sealed::Recipient;
use ledger::dsse;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use terms::{CaseId, Digest, ExhibitId, FindingId};
use threat::Case;

/// With their commitments they stand on one leaf.
const MOST_EXHIBITS: usize = 250;
const MOST_LEAVES: usize = 2_000;
/// Schema of noisy counts.
const NOISY: &str = "comity.counts/";
/// What a payload of them says of its cost.
const BUDGET: &str = "\"budget\":{";

/// One package of a case (`comity.handed/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handed {
    /// Always `comity.handed/1`.
    pub schema: String,
    /// The case.
    pub case: CaseId,
    /// For whom.
    pub to: String,
    /// The folder.
    pub folder: PathBuf,
    /// The sealed file, where there is one.
    pub sealed: Option<PathBuf>,
    /// SHA-256 of the tag manifest, which names the whole package; none on a dry run.
    pub digest: Option<Digest>,
    /// Exhibits enclosed.
    pub exhibits: Vec<ExhibitId>,
    /// Exhibits listed without content, for they are sensitive.
    pub sensitive: usize,
    /// Exhibits that nobody has marked yet: listed, not enclosed.
    pub unmarked: usize,
    /// Noisy counts left out.
    pub noisy: usize,
    /// Findings enclosed.
    pub findings: usize,
    /// Findings named only.
    pub withheld: usize,
    /// Proofs enclosed.
    pub proofs: usize,
}

/// To whom a case is handed, and how.
#[derive(Debug, Clone)]
pub struct Addressed {
    /// The addressee, in words.
    pub to: String,
    /// The package's folder, which must not exist.
    pub out: PathBuf,
    /// Seal it as one file for this recipient too.
    pub seal_to: Option<Recipient>,
    /// The authority under which it is handed over.
    pub authority: Option<String>,
}

/// One enclosed exhibit.
struct Enclosed {
    number: u32,
    exhibit: Exhibit,
    file: String,
    custody: Vec<Event>,
    leaves: Vec<String>,
}

/// A file of the package.
type Packable = (String, bool, Box<dyn Read + Send>);

impl Node {
    /// Writes a case's package; with `dry` only says what would be in it.
    ///
    /// # Errors
    /// CMT-1123 no such case, CMT-0421 the folder is there already, CMT-1132 too much for one package, CMT-1197 an order
    /// forbids to tell of something in it, CMT-1130 no document of the authority.
    pub async fn hand(&self, case: &str, to: &Addressed, dry: bool) -> Result<Handed, NodeError> {
        let case = self.case_show(case).await?;
        let schedule = self.disclosure(case.id.as_str()).await?;
        let all: BTreeSet<ExhibitId> = schedule.items.iter().map(|i| i.exhibit).collect();
        if let Some(authority) = &to.authority {
            self.authority_here(authority).await?;
        }
        let along = schedule.items.iter().filter(|i| i.goes_along()).map(|i| i.exhibit).collect();
        self.refuse_withheld(&along).await?;
        self.refuse_silent(&all, to.authority.as_deref(), self.clock.now()).await?;
        let (enclosed, noisy) = self.enclosed(&schedule).await?;
        let (kept, withheld) = self.findings_for(&case, &enclosed).await?;
        let mut report = Handed {
            schema: "comity.handed/1".into(),
            case: case.id.clone(),
            to: to.to.clone(),
            folder: to.out.clone(),
            sealed: to.seal_to.as_ref().map(|_| sealed_path(&to.out)),
            digest: None,
            exhibits: enclosed.iter().map(|e| e.exhibit.id).collect(),
            sensitive: schedule.items.iter().filter(|i| i.is(Mark::Sensitive)).count(),
            unmarked: schedule.items.iter().filter(|i| i.marks.is_empty()).count(),
            noisy,
            findings: kept.len(),
            withheld: withheld.len(),
            proofs: 0,
        };
        if dry {
            return Ok(report);
        }
        for path in [Some(&to.out), report.sealed.as_ref()].into_iter().flatten() {
            if path.try_exists().map_err(|e| NodeError::file("looking at", path, e))? {
                return Err(evidence::EvidenceError::PackageExists(path.display().to_string()).into());
            }
        }
        let findings = pretty(&serde_json::json!({
            "schema": "comity.findings/1", "findings": kept, "withheld": withheld,
        }));
        let about = vec![
            ("findings.json".to_owned(), findings),
            (
                "disclosure.json".to_owned(),
                pretty(&disclosure::for_prosecutor(case.id.as_str(), &schedule.items)),
            ),
            ("case.json".to_owned(), pretty(&summary(&case, &to.to))),
        ];
        let (items, proofs) = self.items(&case, &enclosed, about, to).await?;
        report.proofs = proofs;
        let packed = self.write(&case, to, items).await?;
        report.digest = Some(packed.digest);
        let record = Record {
            id: format!("{}/{}", case.id, packed.digest),
            belongs: case.id.to_string(),
            status: "written".into(),
            at: self.clock.now(),
            until: None,
            body: report.clone(),
        };
        let mut tx = self.state.begin().await?;
        records::PACKAGES.put(&mut tx, &record).await?;
        tx.commit().await?;
        Ok(report)
    }

    /// The exhibits whose bytes go along, and how many were left out as noisy counts.
    async fn enclosed(&self, schedule: &Schedule) -> Result<(Vec<Enclosed>, usize), NodeError> {
        let (mut out, mut noisy) = (Vec::new(), 0);
        for item in schedule.items.iter().filter(|i| i.goes_along()) {
            let mut conn = self.state.read().await?;
            let Some(exhibit) = exhibits::find(&mut conn, &item.exhibit).await? else { continue };
            drop(conn);
            if self.noisy(&exhibit).await? {
                noisy += 1;
                continue;
            }
            let rows = self.custody_of(&item.exhibit).await?;
            let mut custody = Vec::new();
            for row in &rows {
                // The commitments stand on the leaf; the row keeps the rest of the event.
                let event: Result<Event, _> = serde_json::from_value(row.body.clone());
                custody.push(event.map_err(|e| NodeError::NotVerified {
                    what: format!("custody of {}: {e}", item.exhibit),
                })?);
            }
            let leaves = rows.into_iter().map(|r| r.leaf).collect();
            let file = format!("data/exhibits/{}.bin", item.exhibit);
            out.push(Enclosed { number: item.number, exhibit, file, custody, leaves });
            if out.len() > MOST_EXHIBITS {
                return Err(NodeError::Value {
                    what: format!(
                        "more than {MOST_EXHIBITS} exhibits are for this package; mark some as unused"
                    ),
                });
            }
        }
        Ok((out, noisy))
    }

    /// Whether an exhibit is a noisy count of this or another home: told by the schema its text begins with.
    async fn noisy(&self, exhibit: &Exhibit) -> Result<bool, NodeError> {
        let mut reader = self.vault.open_blocking(&exhibit.id).await?;
        let begin = tokio::task::spawn_blocking(move || {
            let mut begin = vec![0u8; 4096];
            let mut read = 0;
            while let Some(n) = begin.get_mut(read..).and_then(|b| reader.read(b).ok()).filter(|n| *n > 0) {
                read += n;
            }
            begin.truncate(read);
            begin
        })
        .await
        .map_err(|e| NodeError::Value { what: e.to_string() })?;
        let text = String::from_utf8_lossy(&begin);
        Ok(text.contains(&format!("\"{NOISY}"))
            || (text.contains("\"comity.payload/") && text.contains(BUDGET)))
    }

    /// Findings of the case that rest on enclosed exhibits alone; the others with the reason.
    async fn findings_for(
        &self,
        case: &Case,
        enclosed: &[Enclosed],
    ) -> Result<(Vec<terms::Finding>, Vec<serde_json::Value>), NodeError> {
        let inside: BTreeSet<ExhibitId> = enclosed.iter().map(|e| e.exhibit.id).collect();
        let mut conn = self.state.read().await?;
        let mut of_inside: BTreeSet<FindingId> = BTreeSet::new();
        for id in &inside {
            of_inside.extend(erasure::findings(&mut conn, id).await?);
        }
        let (mut kept, mut withheld) = (Vec::new(), Vec::new());
        for id in case.findings.iter().filter(|f| of_inside.contains(f)) {
            let why = match findings::find(&mut conn, id).await? {
                None => "it is not in this home any more",
                Some(f) if f.refuted_by.is_some() => "a later finding states anew what this one stated",
                Some(f) if !f.finding.exhibits.iter().all(|e| inside.contains(e)) => {
                    "it rests on an exhibit too that is not enclosed"
                }
                Some(f) => match reserve(&f.finding, true) {
                    Some(why) => why,
                    None => {
                        kept.push(f.finding);
                        continue;
                    }
                },
            };
            withheld.push(serde_json::json!({ "finding": id, "why": why }));
        }
        Ok((kept, withheld))
    }

    async fn items(
        &self,
        case: &Case,
        enclosed: &[Enclosed],
        about: Vec<(String, Vec<u8>)>,
        to: &Addressed,
    ) -> Result<(Vec<Packable>, usize), NodeError> {
        let mut items: Vec<Packable> = Vec::new();
        let mut add = |name: String, payload: bool, bytes: Vec<u8>| {
            items.push((name, payload, Box::new(std::io::Cursor::new(bytes)) as Box<dyn Read + Send>));
        };
        let described: Vec<Described<'_>> = enclosed.iter().map(described).collect();
        add("case.jsonld".into(), true, pretty(&case_uco::graph(case.id.as_str(), &case.title, &described)));
        add("custody.json".into(), true, pretty(&custody(enclosed)));
        let salt = ledger::Salt::random();
        let index = about.iter().find(|(name, _)| name == "disclosure.json");
        let index = Digest::of(index.map(|(_, b)| b.as_slice()).unwrap_or_default());
        let mut openings =
            vec![Opening { file: "data/disclosure.json".into(), sha256: index, salt: salt.to_hex() }];
        let mut commitments = vec![ledger::commit(&salt, &index)];
        about.into_iter().for_each(|(name, bytes)| add(name, true, bytes));
        let mut stamps: Vec<Stamped> = Vec::new();
        for one in enclosed {
            let id = one.exhibit.id;
            let salt = self.vault.disclose_salt(&id).await?.to_hex();
            openings.push(Opening { file: one.file.clone(), sha256: id.0, salt });
            commitments.push(one.exhibit.commitment);
            stamps.extend(self.stamps_on(&id.to_string()).await?);
        }
        let why = to.authority.clone().map_or_else(|| Why::Case(case.id.to_string()), Why::Authority);
        let ids: Vec<ExhibitId> = enclosed.iter().map(|e| e.exhibit.id).collect();
        let leaf = self.note_handing(why, &ids, commitments).await?;
        let mut wanted: BTreeMap<String, String> = BTreeMap::from([(leaf, "package".to_owned())]);
        for one in enclosed {
            for id in &one.leaves {
                let next = format!("custody/{:04}", wanted.len());
                wanted.entry(id.clone()).or_insert(next);
            }
        }
        if wanted.len() > MOST_LEAVES {
            return Err(NodeError::Value {
                what: format!("the custody of these exhibits has more than {MOST_LEAVES} leaves"),
            });
        }
        let mut proofs = 0;
        for (id, name) in &wanted {
            let mut conn = self.state.read().await?;
            let Some(found) = leaves::find(&mut conn, id).await? else { continue };
            drop(conn);
            add(format!("{name}.leaf.json"), false, found.body);
            if let Some(proof) = self.prove(id).await? {
                proofs += 1;
                add(format!("{name}.tlog-proof"), false, proof.text);
                if name == "package" {
                    add("checkpoint".into(), false, proof.checkpoint);
                    add("log.vkey".into(), false, proof.vkey.into_bytes());
                }
            }
        }
        let size = self.sequencer.head().await?.size;
        for past in 0..=size.min(1000) {
            stamps.extend(self.stamps_on(&format!("checkpoint {}", size - past)).await?);
            if stamps.iter().any(|s| s.text.is_some()) {
                break;
            }
        }
        for stamp in &stamps {
            let name: String = stamp.id.to_string().chars().take(16).collect();
            let token = BASE64_STANDARD.decode(&stamp.token).unwrap_or_default();
            add(format!("stamp-{name}.tsr"), false, token);
            if let Some(text) = &stamp.text {
                add(format!("stamp-{name}.checkpoint"), false, text.clone().into_bytes());
            }
        }
        if !stamps.is_empty() {
            let told: Vec<_> = stamps.iter().map(told).collect();
            add(
                "stamps.json".into(),
                true,
                pretty(&serde_json::json!({ "schema": "comity.stamps/1", "stamps": told })),
            );
        }
        add(
            "salts.json".into(),
            true,
            pretty(&serde_json::json!({
                "schema": "comity.salts/1",
                "how": "each commitment of a leaf is HMAC-SHA256 with the salt as key over the SHA-256 of the file",
                "openings": openings,
            })),
        );
        for id in ids {
            let reader = self.vault.open_blocking(&id).await?;
            items.push((format!("exhibits/{id}.bin"), true, Box::new(reader)));
        }
        Ok((items, proofs))
    }

    /// Writes the folder, verifies it, and seals it as one file where that is wanted.
    async fn write(&self, case: &Case, to: &Addressed, items: Vec<Packable>) -> Result<Packed, NodeError> {
        let (signer, folder) = (self.keys.node.clone(), to.out.clone());
        let info = [
            ("Source-Organization", self.partner.to_string()),
            ("External-Identifier", case.id.to_string()),
            ("Contact-Name", self.person.to_string()),
            ("Recipient", to.to.clone()),
        ];
        let (day, seal_to) = (self.clock.now().day(), to.seal_to.clone());
        let work = move || -> Result<Packed, NodeError> {
            let info: Vec<(&str, &str)> = info.iter().map(|(l, v)| (*l, v.as_str())).collect();
            let items = items.into_iter().map(|(name, payload, bytes)| match payload {
                true => Item::payload(&name, bytes),
                false => Item::proof(&name, bytes),
            });
            let packed = write_package(&folder, items, &info, day, &signer)?;
            let key = signer.verifying_key();
            let checked = verify_package(&folder, &[(dsse::keyid(&key), key)])?;
            if checked.digest != packed.digest {
                return Err(NodeError::NotVerified { what: "the package is not what was written".into() });
            }
            if let Some(recipient) = &seal_to {
                evidence::archive::seal_folder(&folder, &sealed_path(&folder), recipient)?;
            }
            Ok(packed)
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| NodeError::Value { what: e.to_string() })?
    }

    /// One leaf for the package; a custody row for each exhibit in it.
    async fn note_handing(
        &self,
        why: Why,
        included: &[ExhibitId],
        commitments: Vec<ledger::Commitment>,
    ) -> Result<String, NodeError> {
        let event = self.event(commitments, Act::Package, why, false);
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
        Ok(leaf.id)
    }
}

/// The sealed file beside a package's folder.
fn sealed_path(folder: &Path) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".tar.age");
    PathBuf::from(name)
}

fn summary(case: &Case, to: &str) -> serde_json::Value {
    serde_json::json!({
        "schema": "comity.case-summary/1", "case": case.id, "title": case.title, "opened": case.opened, "to": to,
        "people": case.people, "exhibits": case.exhibits.len(), "findings": case.findings.len(),
    })
}

fn described(one: &Enclosed) -> Described<'_> {
    Described {
        id: one.exhibit.id,
        number: format!("E-{}", one.number),
        size: one.exhibit.size,
        kind: one.exhibit.kind.word(),
        obtained: one.exhibit.obtained,
        file: Some(&one.file),
        custody: &one.custody,
    }
}

/// Custody as people and programs read it: how each exhibit was obtained, when it became evidence, and every act.
fn custody(enclosed: &[Enclosed]) -> serde_json::Value {
    let all: Vec<serde_json::Value> = enclosed
        .iter()
        .map(|one| {
            let admitted: Vec<_> = (one.custody.iter())
                .filter(|e| e.what == Act::Admit)
                .map(|e| serde_json::json!({ "at": e.when, "by": e.who, "why": e.why, "obtained": e.obtained }))
                .collect();
            serde_json::json!({
                "number": format!("E-{}", one.number), "exhibit": one.exhibit.id, "kind": one.exhibit.kind,
                "size": one.exhibit.size, "obtained": one.exhibit.obtained, "sealed": one.exhibit.sealed_at,
                "commitment": one.exhibit.commitment, "became_evidence": admitted, "acts": one.custody,
            })
        })
        .collect();
    serde_json::json!({ "schema": "comity.custody/1", "exhibits": all })
}

fn told(stamp: &Stamped) -> serde_json::Value {
    let name: String = stamp.id.to_string().chars().take(16).collect();
    serde_json::json!({ "on": stamp.on, "token": format!("proofs/stamp-{name}.tsr"), "says": stamp.stamp })
}
