//! Labels of exhibits: who or what says of which categories one is, and what all of it together comes to.
//!
//! Here: labelling by a person, what rules, examiners and givers say, and the sum. Elsewhere: how labels add up
//! (`terms::Settled`), the release of an exhibit as it is (`exhibit`), the ruling (`agreement`).
//! A label by hand is an act of custody: its leaf names the person by pseudonym and holds a commitment to the reason, whose
//! words and salt rest with the label alone and go with it when its exhibit is erased.

use super::error::NodeError;
use super::hold::reason;
use super::payload::category_of_authority;
use super::share::MOST_DOCUMENT;
use super::verify::Verified;
use super::{Node, keys};
use crate::store::exhibits::{self, Exhibit};
use crate::store::findings;
use crate::store::records::{self, Record};
use evidence::custody::{Act, Event, Why};
use ledger::{Salt, dsse};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use terms::{
    Category, Digest, ExhibitId, ExhibitKind, Label, Labeller, Labelling, PartnerId, PersonId, Role, Settled,
    Timestamp, weaker,
};
use threat::Case;

/// What tells an exhibit by its content.
const RECOGNISER: (&str, u32) = ("comity.recognise", 1);
/// Exhibits inside exhibits that are followed upwards. What lies deeper counts as unlabelled.
const DEPTH: usize = 64;

/// A label as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLabel {
    /// Always `comity.label/1`.
    pub schema: String,
    /// The exhibit.
    pub exhibit: ExhibitId,
    /// The case in which a person labelled.
    pub case: Option<String>,
    /// The person, by name: the label itself has their pseudonym.
    pub person: Option<PersonId>,
    /// The label.
    pub label: Label,
    /// The salt under which custody commits to the reason, as hexadecimal text.
    pub salt: Option<String>,
}

/// One label of an exhibit, as people get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The label.
    #[serde(flatten)]
    pub label: Label,
    /// The person, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<PersonId>,
    /// Whether it counts still: a later decision takes the place of what was said before.
    pub counts: bool,
}

/// An exhibit with its labels (`comity.labels/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Labelled {
    /// Always `comity.labels/1`.
    pub schema: &'static str,
    /// The exhibit.
    pub exhibit: ExhibitId,
    /// What it is.
    pub kind: ExhibitKind,
    /// The categories that count.
    pub categories: BTreeSet<Category>,
    /// Whether the strictest is among them only because nobody who may say otherwise has looked.
    pub unlabelled: bool,
    /// What was said, oldest first.
    pub labels: Vec<Said>,
    /// Whether the exhibit was erased, its labels with it.
    pub erased: bool,
}

/// Categories in one line.
pub fn words(categories: &BTreeSet<Category>) -> String {
    categories.iter().map(|c| c.word()).collect::<Vec<_>>().join(", ")
}

fn categories(of: &[String]) -> Result<BTreeSet<Category>, NodeError> {
    let all = || words(&Category::ALL.iter().copied().collect());
    if of.is_empty() {
        return Err(NodeError::NoCategory { word: String::new(), all: all() });
    }
    of.iter()
        .map(|w| Category::from_word(w).ok_or_else(|| NodeError::NoCategory { word: w.clone(), all: all() }))
        .collect()
}

/// What content of this kind holds at least.
fn of_kind(kind: ExhibitKind) -> &'static [Category] {
    match kind {
        ExhibitKind::Pe | ExhibitKind::Elf | ExhibitKind::MachO => &[Category::MalwareSample],
        ExhibitKind::Pcap | ExhibitKind::Pcapng => &[Category::Traffic, Category::Content],
        ExhibitKind::ZeekConn
        | ExhibitKind::ZeekDns
        | ExhibitKind::ZeekSsl
        | ExhibitKind::ZeekX509
        | ExhibitKind::NetFlow
        | ExhibitKind::PassiveDns
        | ExhibitKind::ZeekOther => &[Category::Traffic],
        // Whole addresses of pages, with what people typed into forms.
        ExhibitKind::ZeekHttp | ExhibitKind::SuricataEve => &[Category::Traffic, Category::Content],
        ExhibitKind::SinkholeLog
        | ExhibitKind::SinkholeVictims
        | ExhibitKind::Shadowserver
        | ExhibitKind::Ctip => &[Category::SinkholeLog, Category::VictimIp],
        ExhibitKind::StixBundle
        | ExhibitKind::DomainList
        | ExhibitKind::AddressList
        | ExhibitKind::HashList => &[Category::NetworkIndicator],
        ExhibitKind::AssetRegister => &[Category::C2Infrastructure],
        ExhibitKind::Accounts => &[Category::Transaction, Category::BankAccount],
        ExhibitKind::Authority
        | ExhibitKind::Compulsion
        | ExhibitKind::CovertList
        | ExhibitKind::Bundle
        | ExhibitKind::Receipt
        | ExhibitKind::RuleSet
        | ExhibitKind::Text
        | ExhibitKind::Unknown => &[],
        // A dump of a panel names victims, a report holds what a sample sent: the strictest counts.
        ExhibitKind::SandboxReport | ExhibitKind::DatabaseDump => &[],
        // What lies in a container or document is anybody's: the strictest counts until a person has looked.
        ExhibitKind::Zip
        | ExhibitKind::SevenZip
        | ExhibitKind::Rar
        | ExhibitKind::Tar
        | ExhibitKind::Cab
        | ExhibitKind::Iso
        | ExhibitKind::Gzip
        | ExhibitKind::Zstd
        | ExhibitKind::Bzip2
        | ExhibitKind::Xz
        | ExhibitKind::Lzma
        | ExhibitKind::Ole
        | ExhibitKind::Ooxml
        | ExhibitKind::Email
        | ExhibitKind::Pdf
        | ExhibitKind::Html
        | ExhibitKind::Script
        | ExhibitKind::Lnk
        | ExhibitKind::OneNote
        | ExhibitKind::Rtf
        | ExhibitKind::DiskImage
        | ExhibitKind::Ewf => &[],
    }
}

/// What an exhibit holds in which an examiner found this.
fn of_finding(kind: &str) -> &'static [Category] {
    match kind {
        "configuration" => &[Category::MalwareSample],
        "indicator" | "stix-object" => &[Category::NetworkIndicator],
        "account" => &[Category::BankAccount],
        _ => &[],
    }
}

impl Node {
    /// Labels exhibits of a case by hand, as this node's person: freely where that makes them as strict or stricter; where it
    /// takes a category away, with a reason. All of them, or none.
    ///
    /// # Errors
    /// CMT-1123 what is not here or in another case, CMT-1281 a word that is no category, CMT-1282 weaker without a reason,
    /// CMT-1132 a reason without words, CMT-1180 a role that sees no evidence, CMT-1283 a person whose key is not known or
    /// does not count, CMT-1284 an exhibit that was erased.
    pub async fn label(
        &self,
        case: &str,
        on: &[String],
        of: &[String],
        why: Option<&str>,
    ) -> Result<Vec<Labelled>, NodeError> {
        let (categories, why) = (categories(of)?, why.map(reason).transpose()?);
        let by = self.labeller().await?;
        // No ruling stands between what counted and what counts.
        let _counted = self.crossing.lock().await;
        let at = self.ruling_clock.ruling_time(&self.state).await?;
        let case = self.case_show(case).await?;
        let mut chosen: BTreeMap<ExhibitId, Exhibit> = BTreeMap::new();
        for text in on {
            let exhibit = self.exhibit_of(&case, text, "labelled").await?;
            let was = self.settled(&exhibit).await?;
            if why.is_none() && weaker(&categories, was.categories()) {
                let (was, new) = (words(was.categories()), words(&categories));
                return Err(NodeError::Weaker { exhibit: exhibit.id, was, new });
            }
            chosen.insert(exhibit.id, exhibit);
        }
        let label = Label { categories, by, how: Labelling::ByHand, at, reason: why };
        let ids: Vec<ExhibitId> = chosen.keys().copied().collect();
        self.keep_by_hand(&case, &ids, label).await?;
        let mut out = Vec::new();
        for exhibit in chosen.values() {
            out.push(self.labelled(exhibit).await?);
        }
        Ok(out)
    }

    /// The labels of a case's exhibits: of those named, else of all.
    ///
    /// # Errors
    /// CMT-1123.
    pub async fn labels(&self, case: &str, on: &[String]) -> Result<Vec<Labelled>, NodeError> {
        let case = self.case_show(case).await?;
        let mut ids = BTreeSet::new();
        for text in on {
            ids.insert(self.exhibit_in(&case, text).await?);
        }
        if on.is_empty() {
            ids.clone_from(&case.exhibits);
        }
        let mut out = Vec::new();
        for id in ids {
            let mut conn = self.state.read().await?;
            let Some(exhibit) = exhibits::find(&mut conn, &id).await? else { continue };
            drop(conn);
            out.push(self.labelled(&exhibit).await?);
        }
        Ok(out)
    }

    /// How many exhibits of a case a person labelled.
    ///
    /// # Errors
    /// When the state store cannot be read.
    pub async fn labelled_by_hand(&self, case: &Case) -> Result<usize, NodeError> {
        let mut conn = self.state.read().await?;
        let kept: Vec<Record<KeptLabel>> = records::LABELS.all(&mut conn).await?;
        let by_hand = kept.iter().map(|r| &r.body).filter(|k| k.label.how == Labelling::ByHand);
        Ok(by_hand.map(|k| k.exhibit).filter(|e| case.exhibits.contains(e)).collect::<BTreeSet<_>>().len())
    }

    /// One exhibit with its labels.
    ///
    /// # Errors
    /// When the state store or the vault cannot be read.
    pub async fn labelled(&self, exhibit: &Exhibit) -> Result<Labelled, NodeError> {
        let erased = exhibit.erased_at.is_some();
        let settled = self.settled(exhibit).await?;
        let mut labels = Vec::new();
        if !erased {
            let rule = self.rule_on(exhibit).await?.map(|label| (label, None));
            let said = self.said(exhibit).await?;
            labels.extend(rule.into_iter().chain(said).map(|(label, name)| {
                let counts = settled.labels().contains(&label);
                Said { label, name, counts }
            }));
        }
        Ok(Labelled {
            schema: "comity.labels/1",
            exhibit: exhibit.id,
            kind: exhibit.kind,
            categories: settled.categories().clone(),
            unlabelled: settled.counts_as_unlabelled(),
            labels,
            erased,
        })
    }

    /// As what an exhibit counts. One that was erased, or that lies too deep, is unlabelled.
    pub(super) async fn settled(&self, exhibit: &Exhibit) -> Result<Settled, NodeError> {
        let mut chain = vec![exhibit.clone()];
        while let Some(above) = chain.last().and_then(|e| e.derived_from) {
            let mut conn = self.state.read().await?;
            match exhibits::find(&mut conn, &above).await? {
                Some(above) if chain.len() < DEPTH => chain.push(above),
                _ => return Ok(Settled::unlabelled()),
            }
        }
        let mut settled: Option<Settled> = None;
        for one in chain.iter().rev() {
            if one.erased_at.is_some() {
                settled = Some(Settled::unlabelled());
                continue;
            }
            let rule = self.rule_on(one).await?;
            let begun = match (settled.take().map(Settled::derived), rule) {
                (Some(above), Some(rule)) => above.and(&rule),
                (Some(above), None) => above,
                (None, Some(rule)) => Settled::ruled(rule),
                (None, None) => Settled::unlabelled(),
            };
            settled = Some(self.said(one).await?.iter().fold(begun, |s, (label, _)| s.and(label)));
        }
        Ok(settled.unwrap_or_else(Settled::unlabelled))
    }

    /// What persons said by hand of exhibits, beyond these categories: it holds of what is copied out of them word by word.
    pub(super) async fn beyond(
        &self,
        on: &BTreeSet<ExhibitId>,
        known: &[Category],
    ) -> Result<Vec<Label>, NodeError> {
        let mut conn = self.state.read().await?;
        let kept: Vec<Record<KeptLabel>> = records::LABELS.all(&mut conn).await?;
        drop(conn);
        let (mut by_hand, mut checked) = (BTreeMap::<ExhibitId, Settled>::new(), BTreeSet::new());
        for label in kept.into_iter().map(|r| r.body).filter(|k| on.contains(&k.exhibit)) {
            if label.label.how == Labelling::ByHand && checked.insert(label.exhibit) {
                let kept = self.kept_labels(&label.exhibit).await?;
                if !self.in_custody(&label.exhibit, &kept).await? {
                    return Err(NodeError::NotVerified { what: not_in_custody(&label.exhibit) });
                }
            }
            if label.label.how == Labelling::ByHand {
                let before = by_hand.remove(&label.exhibit).unwrap_or_else(Settled::unlabelled);
                by_hand.insert(label.exhibit, before.and(&label.label));
            }
        }
        let all = by_hand.into_values().flat_map(|s| s.labels().to_vec());
        let beyond = all.map(|mut label| {
            label.categories.retain(|c| !known.contains(c));
            label.how = Labelling::Derived;
            label
        });
        Ok(beyond.filter(|l| !l.categories.is_empty()).collect())
    }

    /// Keeps what the giver of a release said of an item. It can only make it stricter here.
    pub(super) async fn keep_source_label(
        &self,
        exhibit: ExhibitId,
        partner: &PartnerId,
        categories: &BTreeSet<Category>,
        at: Timestamp,
    ) -> Result<(), NodeError> {
        let label = Label::by_source(partner.clone(), categories.clone(), at);
        let mut tx = self.state.begin().await?;
        let kept: Vec<Record<KeptLabel>> = records::LABELS.of(&mut tx, &exhibit.to_string()).await?;
        let same = |k: &KeptLabel| k.label.by == label.by && k.label.categories == label.categories;
        if categories.is_empty() || kept.iter().any(|r| same(&r.body)) {
            return Ok(());
        }
        let kept_label = KeptLabel {
            schema: "comity.label/1".into(),
            exhibit,
            case: None,
            person: None,
            label,
            salt: None,
        };
        records::LABELS.add(&mut tx, &row(&kept_label, kept.len())).await?;
        Ok(tx.commit().await?)
    }

    /// An exhibit of a case.
    async fn exhibit_in(&self, case: &Case, text: &str) -> Result<ExhibitId, NodeError> {
        let id = self.exhibit_named(text).await?;
        if case.exhibits.contains(&id) {
            return Ok(id);
        }
        let list = "`comity case disclosure CASE`";
        Err(NodeError::Missing { what: "exhibit of this case", id: text.to_owned(), list })
    }

    /// An exhibit of a case that is here.
    pub(super) async fn exhibit_of(
        &self,
        case: &Case,
        text: &str,
        doing: &'static str,
    ) -> Result<Exhibit, NodeError> {
        let id = self.exhibit_in(case, text).await?;
        let mut conn = self.state.read().await?;
        let found = exhibits::find(&mut conn, &id).await?.filter(|e| e.erased_at.is_none());
        let why = || "it was erased, its labels with it".to_owned();
        found.ok_or_else(|| NodeError::NotThisExhibit { exhibit: id, doing, why: why() })
    }

    /// This node's person as a labeller: one who sees evidence, whose key the home knows and whose row says the same.
    async fn labeller(&self) -> Result<Labeller, NodeError> {
        let seeing =
            [Role::Analyst, Role::CaseLead, Role::Counsel, Role::DataProtectionOfficer, Role::Commander];
        self.need_role(&self.person, &seeing, "labelling").await?;
        let refuse = |why: &str| NodeError::NoLabeller { person: self.person.clone(), why: why.to_owned() };
        let public = keys::read_public(&self.home.keys())?;
        let key = public.people.get(&self.person.0).ok_or_else(|| refuse("their key is not known here"))?;
        let mut conn = self.state.read().await?;
        let row: Option<Record<String>> = records::PEOPLE.get(&mut conn, &self.person.0).await?;
        match row {
            Some(row) if row.status != "active" => Err(refuse(&format!("their key is {}", row.status))),
            Some(row) if row.body == *key => {
                let node = dsse::keyid(&self.keys.node.verifying_key());
                Ok(Labeller::Person { person: PersonId::of_key(key), node })
            }
            _ => Err(refuse("their key is another than the one they were added with")),
        }
    }

    /// The labels, their custody and its leaves in one transaction.
    async fn keep_by_hand(&self, case: &Case, ids: &[ExhibitId], label: Label) -> Result<(), NodeError> {
        let salt = label.reason.is_some().then(Salt::random);
        let told = match (&salt, &label.reason) {
            (Some(salt), Some(words)) => {
                format!("label for the reason {}", ledger::commit(salt, &Digest::of(words.as_bytes())))
            }
            _ => "label, as strict or stricter".to_owned(),
        };
        let mut event = self.event(Vec::new(), Act::Label, Why::House(told), false);
        event.categories = label.categories.iter().copied().collect();
        let batch = self.on_each(ids, &event).await?;
        let mut tx = self.state.begin().await?;
        crate::store::commit::write(&mut tx, &batch, event.when).await?;
        for &exhibit in ids {
            let given: Vec<Record<KeptLabel>> = records::LABELS.of(&mut tx, &exhibit.to_string()).await?;
            let kept = KeptLabel {
                schema: "comity.label/1".into(),
                exhibit,
                case: Some(case.id.to_string()),
                person: Some(self.person.clone()),
                label: label.clone(),
                salt: salt.as_ref().map(Salt::to_hex),
            };
            if !records::LABELS.add(&mut tx, &row(&kept, given.len())).await? {
                let what = format!("exhibit {exhibit} was labelled by another process at this moment");
                return Err(NodeError::First { what, help: "look at it with `comity case label CASE`" });
            }
        }
        tx.commit().await?;
        self.sequencer.run().await?;
        Ok(())
    }

    /// What a rule of this program says of content that it reads whole.
    async fn rule_on(&self, exhibit: &Exhibit) -> Result<Option<Label>, NodeError> {
        if exhibit.kind != ExhibitKind::Authority || exhibit.erased_at.is_some() {
            return Ok(None);
        }
        let bytes = self.vault.read(&exhibit.id, MOST_DOCUMENT).await?;
        let category = category_of_authority(&bytes).map(|(category, _)| category);
        Ok(category.map(|c| Label::by_rule("comity.authority", 1, [c], exhibit.sealed_at)))
    }

    async fn kept_labels(&self, exhibit: &ExhibitId) -> Result<Vec<KeptLabel>, NodeError> {
        let mut conn = self.state.read().await?;
        let kept: Vec<Record<KeptLabel>> = records::LABELS.of(&mut conn, &exhibit.to_string()).await?;
        Ok(kept.into_iter().map(|r| r.body).collect())
    }

    /// Whether the labels by hand kept for an exhibit are those of its custody, no more and no fewer: a row that somebody
    /// wrote into the state store, or took out of it, labels nothing.
    async fn in_custody(&self, exhibit: &ExhibitId, kept: &[KeptLabel]) -> Result<bool, NodeError> {
        let by_hand = kept.iter().filter(|k| k.label.how == Labelling::ByHand && k.exhibit == *exhibit);
        let mut rows: Vec<BTreeSet<Category>> = by_hand.map(|k| k.label.categories.clone()).collect();
        let events = self.custody_of(exhibit).await?.into_iter();
        let mut acts: Vec<BTreeSet<Category>> = Vec::new();
        for event in events.filter_map(|row| serde_json::from_value::<Event>(row.body).ok()) {
            match event.what {
                Act::Label => acts.push(event.categories.into_iter().collect()),
                // Labels went with what was erased: the same bytes that came in again begin anew.
                Act::Erase => acts.clear(),
                _ => {}
            }
        }
        rows.sort();
        acts.sort();
        Ok(rows == acts && kept.iter().all(|k| k.exhibit == *exhibit))
    }

    /// Holds every kept label against the custody of its exhibit, whose leaves are on the ledger.
    ///
    /// # Errors
    /// When the state store cannot be read.
    pub(super) async fn verify_labels(&self, out: &mut Verified) -> Result<(), NodeError> {
        let mut conn = self.state.read().await?;
        let all: Vec<Record<KeptLabel>> = records::LABELS.all(&mut conn).await?;
        drop(conn);
        let mut on: BTreeMap<String, Vec<KeptLabel>> = BTreeMap::new();
        for row in all {
            on.entry(row.belongs).or_default().push(row.body);
        }
        for (belongs, kept) in on {
            let Ok(exhibit) = belongs.parse::<ExhibitId>() else {
                out.problem(
                    "CMT-1159",
                    format!("a label belongs to `{belongs}`, which is no exhibit"),
                    "state.db",
                );
                continue;
            };
            if !self.in_custody(&exhibit, &kept).await? {
                out.problem("CMT-1159", not_in_custody(&exhibit), "state.db");
            }
        }
        Ok(())
    }

    /// What was said of an exhibit, in the order in which it counts: first what its kind says, then labels and findings by
    /// time, a finding of the same instant last, so that it is never lost to a decision that did not know it.
    async fn said(&self, exhibit: &Exhibit) -> Result<Vec<(Label, Option<PersonId>)>, NodeError> {
        let rule = |name: &str, version, of: &[Category], at| {
            (Label::by_rule(name, version, of.iter().copied(), at), None)
        };
        let kept = self.kept_labels(&exhibit.id).await?;
        if !self.in_custody(&exhibit.id, &kept).await? {
            return Err(NodeError::NotVerified { what: not_in_custody(&exhibit.id) });
        }
        let mut later: Vec<(Label, Option<PersonId>)> =
            kept.into_iter().map(|k| (k.label, k.person)).collect();
        let mut conn = self.state.read().await?;
        for (kind, examiner, version, at) in findings::kinds_of(&mut conn, &exhibit.id).await? {
            if !of_finding(&kind).is_empty() {
                later.push(rule(&examiner, version, of_finding(&kind), at));
            }
        }
        later.sort_by_key(|(label, _)| label.at);
        let (name, version) = RECOGNISER;
        let mut all = Vec::new();
        if !of_kind(exhibit.kind).is_empty() {
            all.push(rule(name, version, of_kind(exhibit.kind), exhibit.sealed_at));
        }
        all.extend(later);
        Ok(all)
    }
}

fn not_in_custody(exhibit: &ExhibitId) -> String {
    format!("the labels of exhibit {exhibit} in state.db are not those that its custody tells of")
}

fn row(kept: &KeptLabel, given: usize) -> Record<KeptLabel> {
    Record {
        id: format!("{}/{given:06}", kept.exhibit),
        belongs: kept.exhibit.to_string(),
        status: kept.label.how.word().to_owned(),
        at: kept.label.at,
        until: None,
        body: kept.clone(),
    }
}
