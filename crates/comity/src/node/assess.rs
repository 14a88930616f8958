//! `assess`: the findings of a home judged together, the threats kept and ranked.
//!
//! Here: which findings and days are judged, and keeping what comes out. Elsewhere: the judgement itself (`threat`).
//! Threats are replaced as a whole: one that no finding bears out any more is taken out of the home.

use super::Node;
use super::error::NodeError;
use crate::store::records::{self, Record};
use std::collections::BTreeSet;
use terms::{Day, Finding, FindingBody};
use threat::{Horizon, Threat};

/// Days before the first seen activity for which generated names are expanded: bots ask around midnight of any zone.
const BEFORE: i32 = 3;
/// Days after today, or after the last seen activity, for which they are expanded.
const AHEAD: i32 = 30;

impl Node {
    /// Judges every finding that stands and keeps the threats, worst first.
    ///
    /// # Errors
    /// When the state store cannot be read or written.
    pub async fn assess(&self) -> Result<Vec<Threat>, NodeError> {
        let findings = self.standing().await?;
        let now = self.clock.now();
        let threats = threat::assess(&findings, horizon(&findings, now.day()));
        let kept: BTreeSet<&str> = threats.iter().map(|t| t.id.as_str()).collect();
        let mut tx = self.state.begin().await?;
        for old in records::THREATS.all::<serde_json::Value>(&mut tx).await? {
            if !kept.contains(old.id.as_str()) {
                records::THREATS.remove(&mut tx, &old.id).await?;
            }
        }
        for threat in &threats {
            let record = Record {
                id: threat.id.to_string(),
                belongs: String::new(),
                status: "assessed".into(),
                at: now,
                until: None,
                body: threat.clone(),
            };
            records::THREATS.put(&mut tx, &record).await?;
        }
        tx.commit().await?;
        Ok(threats)
    }

    /// The threats as they were last judged, worst first; empty before the first `assess`.
    ///
    /// # Errors
    /// When the state store cannot be read.
    pub async fn threats(&self) -> Result<Vec<Threat>, NodeError> {
        let mut conn = self.state.read().await?;
        let mut all: Vec<Threat> =
            records::THREATS.all(&mut conn).await?.into_iter().map(|r| r.body).collect();
        all.sort_by(|a, b| {
            b.score
                .cmp(&a.score)
                .then(b.beacon.total_cmp(&a.beacon))
                .then(b.bots.cmp(&a.bots))
                .then(a.id.cmp(&b.id))
        });
        Ok(all)
    }
}

/// From a few days before the first activity to a month after the later of the last activity and today. Where there
/// was none, a month from a few days before today. At most 366 days count, and the days with activity always do
/// (`threat::assess`).
fn horizon(findings: &[Finding], today: Day) -> Horizon {
    let active = |f: &Finding| if let FindingBody::Activity { day, .. } = f.body { Some(day) } else { None };
    let first = findings.iter().filter_map(active).min().unwrap_or(today);
    let last = findings.iter().filter_map(active).max().unwrap_or(today);
    // Logs from long ago: the days around them matter, and a year between them and today does not.
    let near = today.0.abs_diff(last.0) <= 200;
    let from = first.plus(-BEFORE);
    let until = if near { last.max(today) } else { last }.plus(AHEAD);
    Horizon { from, days: u16::try_from(until.0.saturating_sub(from.0)).unwrap_or(u16::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use terms::{Channel, Confidence, ExhibitId, Unsealed};

    fn active(day: i32) -> Finding {
        Unsealed {
            examiner: "test".into(),
            version: 1,
            confidence: Confidence::new(90),
            reason: "seen".into(),
            body: FindingBody::Activity {
                channel: Channel::domain("a.example"),
                day: Day(day),
                bots: 1,
                addresses: 1,
                places: vec![],
            },
        }
        .seal(vec![ExhibitId::of(b"log")])
    }

    #[test]
    fn the_horizon_holds_past_activity_and_the_coming_month() {
        for (seen, today, from, until) in [
            (vec![], 100, 97, 130),
            (vec![100, 106], 107, 97, 137),
            (vec![100, 106], 90, 97, 136),
            // Old logs taken in today.
            (vec![100, 106], 1_000, 97, 136),
        ] {
            let findings: Vec<Finding> = seen.iter().map(|d| active(*d)).collect();
            let h = horizon(&findings, Day(today));
            assert_eq!(
                (h.from, h.from.plus(i32::from(h.days))),
                (Day(from), Day(until)),
                "{seen:?} on {today}"
            );
        }
    }
}
