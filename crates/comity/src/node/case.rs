//! `case`: investigations of a home, opened on threats, filled by events, closed.
//!
//! Here: keeping cases and what goes into them. Elsewhere: what an event does to a case (`threat::Case`).

use super::Node;
use super::error::NodeError;
use super::plan::{self, KeptAnswer};
use crate::store::records::{self, Record};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use terms::{CaseId, ExhibitId, Finding, FindingId, Role, ThreatId, Timestamp};
use threat::{Case, CaseEvent, CaseState, Entry, Threat};

/// Longest slug of a title, in characters.
const MOST_SLUG: usize = 60;

/// One line of `case list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedCase {
    /// Always `comity.case-line/1`.
    pub schema: &'static str,
    /// Its id.
    pub id: CaseId,
    /// Its title.
    pub title: String,
    /// Whether it is worked on.
    pub state: CaseState,
    /// When it was opened.
    pub opened: Timestamp,
    /// Its threats.
    pub threats: Vec<ThreatId>,
    /// Exhibits gathered.
    pub exhibits: usize,
    /// Findings gathered.
    pub findings: usize,
    /// Its plans.
    pub plans: Vec<String>,
}

fn missing(id: &str) -> NodeError {
    NodeError::Missing { what: "case", id: id.to_owned(), list: "`comity case list`" }
}

impl Node {
    /// Opens a case on threats, with everything these rest on. Its id is the title as a slug; with a short random part
    /// where another title has the same. A title names one case. A first note says what partners answered about its channels, whether another case is about
    /// the same, and that partners are to be asked before anything is planned.
    ///
    /// # Errors
    /// CMT-1123 for a threat that is not kept here (run `comity assess`), CMT-0702 for a title that is empty, CMT-1133
    /// where a case of this title is here.
    pub async fn case_open(&self, title: &str, threats: &[ThreatId]) -> Result<Case, NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let chosen = self.chosen(threats).await?;
        let findings = self.standing().await?;
        let others = self.case_list().await?;
        let same = |c: &&ListedCase| c.title.trim().eq_ignore_ascii_case(title.trim());
        if let Some(case) = others.iter().find(same) {
            let closed = case.state == CaseState::Closed;
            return Err(NodeError::CaseThere { title: case.title.clone(), id: case.id.to_string(), closed });
        }
        let case = Case::open(self.free_id(title).await?, title, now)?;
        let mut case = gathered(&case, &chosen, &findings)?;
        case = case.with(&CaseEvent::Assigned { person: self.person.clone(), role: Role::Analyst })?;
        let text = deconfliction(&chosen, &self.answers().await?, &others);
        case = case.with(&CaseEvent::Noted(self.entry(now, text)))?;
        self.keep_case(&case, now).await?;
        Ok(case)
    }

    /// Every case, in the order of their ids.
    ///
    /// # Errors
    /// When the state store cannot be read.
    pub async fn case_list(&self) -> Result<Vec<ListedCase>, NodeError> {
        let mut conn = self.state.read().await?;
        let cases: Vec<Record<Case>> = records::CASES.all(&mut conn).await?;
        let mut out = Vec::with_capacity(cases.len());
        for Record { id, body: case, .. } in cases {
            let plans = records::PLANS.of::<serde_json::Value>(&mut conn, &id).await?;
            out.push(ListedCase {
                schema: "comity.case-line/1",
                id: case.id,
                title: case.title,
                state: case.state,
                opened: case.opened,
                threats: case.threats.into_iter().collect(),
                exhibits: case.exhibits.len(),
                findings: case.findings.len(),
                plans: plans.into_iter().map(|p| p.id).collect(),
            });
        }
        Ok(out)
    }

    /// One case.
    ///
    /// # Errors
    /// CMT-1123 where there is none of that id.
    pub async fn case_show(&self, id: &str) -> Result<Case, NodeError> {
        let mut conn = self.state.read().await?;
        let found: Option<Record<Case>> = records::CASES.get(&mut conn, id).await?;
        found.map(|r| r.body).ok_or_else(|| missing(id))
    }

    /// Adds a note of this node's person.
    ///
    /// # Errors
    /// CMT-1123, CMT-0701 closed, CMT-0702 an empty or very long text.
    pub async fn case_note(&self, id: &str, text: &str) -> Result<Case, NodeError> {
        let now = self.clock.now();
        let case = self.case_show(id).await?.with(&CaseEvent::Noted(self.entry(now, text.to_owned())))?;
        self.keep_case(&case, now).await?;
        Ok(case)
    }

    /// Closes a case.
    ///
    /// # Errors
    /// CMT-1123, CMT-0701 where it is closed already.
    pub async fn case_close(&self, id: &str) -> Result<Case, NodeError> {
        let case = self.case_show(id).await?.with(&CaseEvent::Closed)?;
        self.keep_case(&case, self.clock.now()).await?;
        Ok(case)
    }

    /// Opens a closed case again.
    ///
    /// # Errors
    /// CMT-1123.
    pub async fn case_reopen(&self, id: &str) -> Result<Case, NodeError> {
        let case = self.case_show(id).await?.with(&CaseEvent::Reopened)?;
        self.keep_case(&case, self.clock.now()).await?;
        Ok(case)
    }

    /// Gathers again, after a new `analyze` and `assess`: what the case's threats rest on by now joins, and findings that
    /// were refuted since leave. A threat that is no more (it became part of another) stays named.
    ///
    /// # Errors
    /// CMT-1123, CMT-0701 closed.
    pub async fn case_refresh(&self, id: &str) -> Result<Case, NodeError> {
        let case = self.case_show(id).await?;
        let findings = self.standing().await?;
        let chosen: Vec<Threat> =
            self.threats().await?.into_iter().filter(|t| case.threats.contains(&t.id)).collect();
        let standing: BTreeSet<FindingId> = findings.iter().map(|f| f.id).collect();
        let mut fresh = case.clone();
        for gone in case.findings.iter().filter(|f| !standing.contains(f)) {
            let reason = "a later finding states anew what this one stated".to_owned();
            fresh = fresh.with(&CaseEvent::Refuted { finding: *gone, reason })?;
        }
        let fresh = gathered(&fresh, &chosen, &findings)?;
        if fresh != case {
            self.keep_case(&fresh, self.clock.now()).await?;
        }
        Ok(fresh)
    }

    pub(crate) async fn keep_case(&self, case: &Case, now: Timestamp) -> Result<(), NodeError> {
        let record = Record {
            id: case.id.to_string(),
            belongs: String::new(),
            status: match case.state {
                CaseState::Open => "open".into(),
                CaseState::Closed => "closed".into(),
            },
            at: now,
            until: None,
            body: case.clone(),
        };
        let mut tx = self.state.begin().await?;
        records::CASES.put(&mut tx, &record).await?;
        Ok(tx.commit().await?)
    }

    /// What partners answered so far, about anything.
    pub(crate) async fn answers(&self) -> Result<Vec<KeptAnswer>, NodeError> {
        let mut conn = self.state.read().await?;
        Ok(records::ANSWERS.all(&mut conn).await?.into_iter().map(|r| r.body).collect())
    }

    fn entry(&self, at: Timestamp, text: String) -> Entry {
        Entry { at, by: self.person.clone(), text, findings: Vec::new() }
    }

    async fn chosen(&self, ids: &[ThreatId]) -> Result<Vec<Threat>, NodeError> {
        let mut conn = self.state.read().await?;
        let mut out = Vec::new();
        for id in ids {
            let mut found: Option<Record<Threat>> = records::THREATS.get(&mut conn, id.as_str()).await?;
            if found.is_none() {
                // The beginning of an id will do, where it is the beginning of one only.
                let all: Vec<Record<Threat>> = records::THREATS.all(&mut conn).await?;
                let mut begun = all.into_iter().filter(|t| t.id.starts_with(id.as_str()));
                found = begun.next().filter(|_| begun.next().is_none());
            }
            let unknown =
                || NodeError::Missing { what: "threat", id: id.to_string(), list: "`comity assess`" };
            out.push(found.ok_or_else(unknown)?.body);
        }
        Ok(out)
    }

    async fn free_id(&self, title: &str) -> Result<CaseId, NodeError> {
        let slug = slug(title);
        let mut conn = self.state.read().await?;
        let taken = records::CASES.get::<serde_json::Value>(&mut conn, &slug).await?.is_some();
        if !taken {
            return Ok(CaseId::new(&slug)?);
        }
        let random: String = uuid::Uuid::now_v7().simple().to_string().chars().skip(26).collect();
        Ok(CaseId::new(&format!("{slug}-{random}"))?)
    }
}

/// A title as an id: letters and digits in lower case, everything else as one `-`; `case` where nothing is left.
fn slug(title: &str) -> String {
    let mut out = String::new();
    for c in title.chars() {
        if out.len() >= MOST_SLUG {
            break;
        }
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let out = out.trim_end_matches('-').to_owned();
    if out.is_empty() { "case".to_owned() } else { out }
}

/// The case with everything that the threats rest on.
fn gathered(case: &Case, threats: &[Threat], findings: &[Finding]) -> Result<Case, NodeError> {
    let exhibits: BTreeMap<FindingId, &[ExhibitId]> =
        findings.iter().map(|f| (f.id, f.exhibits.as_slice())).collect();
    let mut case = case.clone();
    for threat in threats {
        let event = CaseEvent::Gathered {
            threat: Some(threat.id.clone()),
            exhibits: threat
                .findings
                .iter()
                .filter_map(|f| exhibits.get(f))
                .flat_map(|e| e.iter().copied())
                .collect(),
            findings: threat.findings.iter().filter(|f| exhibits.contains_key(f)).copied().collect(),
        };
        case = case.with(&event)?;
    }
    Ok(case)
}

/// What is known, at the opening, of others who may be concerned.
fn deconfliction(threats: &[Threat], answers: &[KeptAnswer], cases: &[ListedCase]) -> String {
    let mut lines = Vec::new();
    let mine: BTreeSet<&ThreatId> = threats.iter().map(|t| &t.id).collect();
    for other in
        cases.iter().filter(|c| c.state == CaseState::Open && c.threats.iter().any(|t| mine.contains(t)))
    {
        lines.push(format!("Case {} of this home is about the same threat.", other.id));
    }
    let assets: BTreeSet<String> =
        threats.iter().flat_map(|t| &t.channels).flat_map(|v| plan::names_of(&v.channel)).collect();
    for answer in answers.iter().filter(|a| a.hit && assets.contains(&a.asset.to_ascii_lowercase())) {
        let contact = answer.contact.as_deref().unwrap_or("its liaison desk");
        let until = answer.until.map_or_else(|| "before it agrees".to_owned(), |t| format!("before {t}"));
        lines.push(format!(
            "Partner {} has a stake in {}: nothing is done to it {until}; speak to {contact}.",
            answer.partner, answer.asset
        ));
    }
    if lines.is_empty() {
        lines.push(
            "No other case of this home and no partner's answer so far concerns these channels.".into(),
        );
    }
    lines.push(
        "Partners are asked about a plan's targets with `comity share question` before it is acted on."
            .into(),
    );
    lines.join(" ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;
    use terms::Channel;
    use threat::ChannelView;

    #[test]
    fn a_title_becomes_an_id() {
        for (title, id) in [
            ("Harbour Lights", "harbour-lights"),
            ("  Ünïcode — and 2 more!  ", "n-code-and-2-more"),
            ("???", "case"),
            (&"long ".repeat(40), "long-long-long-long-long-long-long-long-long-long-long-long"),
        ] {
            assert_eq!(slug(title), id);
            assert!(CaseId::new(&slug(title)).is_ok());
        }
    }

    fn threat() -> Threat {
        Threat {
            id: ThreatId::new("harbourlight").unwrap(),
            title: "Malware family harbourlight".into(),
            family: Some("harbourlight".into()),
            campaigns: vec![],
            channels: vec![ChannelView {
                channel: Channel::Address { ip: "198.18.9.9".parse().unwrap(), port: 4443 },
                standing: None,
                findings: vec![],
            }],
            algorithms: vec![],
            samples: vec![],
            callers: vec![],
            bots: 0,
            first_day: None,
            last_day: None,
            score: 30,
            beacon: 0.0,
            reasons: vec![],
            findings: vec![],
        }
    }

    #[test]
    fn the_opening_note_names_the_partner_that_asks_for_delay() {
        let answer = KeptAnswer {
            asset: "198.18.9.9".into(),
            partner: terms::PartnerId::new("police").unwrap(),
            hit: true,
            contact: Some("desk-7@police.example".into()),
            until: None,
        };
        let note = deconfliction(&[threat()], std::slice::from_ref(&answer), &[]);
        assert!(note.contains("police") && note.contains("desk-7@police.example"), "{note}");
        let silent = deconfliction(&[threat()], &[KeptAnswer { hit: false, ..answer }], &[]);
        assert!(silent.starts_with("No other case"), "{silent}");
    }
}
