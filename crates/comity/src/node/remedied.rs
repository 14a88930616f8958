//! `measure --plan PLAN --notices`: whether telling the owners of infected machines helped, recipient by recipient.
//!
//! Here: the windows, which networks were told and which waited, what became of their notices. Elsewhere: counting machines
//! (`botnet::telemetry`), the comparison of the two groups (`botnet::routing::remedy`).
//!
//! **Before** are the two weeks up to and with the day of the notice, **after** the last week of sightings that lies behind
//! it. A machine counts in the one network in which it was seen before, and is gone where it is seen nowhere after. Both
//! windows lie in the month of the notice, because pseudonyms change with the month; they end where those that waited
//! were told. Groups are as drawn, whether or not a notice arrived: who leaves out what came back compares no more what
//! chance made alike.

use super::Node;
use super::error::NodeError;
use super::notify::{Run, channels};
use super::share::KeptRelease;
use crate::store::records::{self, Record};
use botnet::routing::remedy::{Network, Remedy, remedy};
use botnet::telemetry::Window;
use privacy::Period;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use terms::{Day, Place, PlanId, Timestamp};

/// Days of the window before, up to and with that of the notice.
const BEFORE: i32 = 14;
/// Days of the window after: a machine that calls less than weekly is gone for a while.
const AFTER: i32 = 7;

/// What notices did (`comity.remedied/1`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remedied {
    /// Always `comity.remedied/1`.
    pub schema: &'static str,
    /// The plan.
    pub plan: PlanId,
    /// When the notices left.
    pub at: Timestamp,
    /// Networks in a thousand that were drawn for the control group.
    pub per_mille: u16,
    /// First and last day of the window before.
    pub before: (Day, Day),
    /// First and last day of the window after.
    pub after: (Day, Day),
    /// Machines before that belong to no group: seen in several networks, or in one that is not known.
    pub of_no_group: u64,
    /// All recipients together.
    pub all: Effect,
    /// Each recipient.
    pub recipients: Vec<Recipient>,
}

/// One recipient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recipient {
    /// Its id.
    pub recipient: String,
    /// Its notices by what became of them: `arrived`, `bounced`, `released` (no receipt was noted), `not-sent`.
    pub notices: BTreeMap<String, u64>,
    /// What telling it did.
    pub effect: Effect,
}

/// One comparison.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Effect {
    /// Those that were told.
    pub told: Group,
    /// Those that wait.
    pub later: Group,
    /// What telling did; none where the data cannot tell.
    pub remedy: Option<Remedy>,
    /// Why they cannot.
    pub cannot: Option<String>,
}

/// One group, as it was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Networks with infected machines.
    pub networks: u64,
    /// Machines before.
    pub machines: u64,
    /// Of those, gone.
    pub gone: u64,
}

fn cannot(why: &'static str, help: &'static str) -> NodeError {
    NodeError::NotRemedied { why, help }
}

impl Node {
    /// Compares the machines of networks that were told with those of the networks that wait, for the first run of the plan
    /// that had any waiting. `until` is the last day of the window after.
    ///
    /// # Errors
    /// CMT-1123 no such plan, CMT-1483 nobody was told, CMT-1484 where no network waited or nothing was seen since.
    /// A comparison of which nothing can be said is no error: it says why.
    pub async fn remedied(&self, plan_id: &str, until: Option<Timestamp>) -> Result<Remedied, NodeError> {
        let kept = self.kept_plan(plan_id).await?;
        let plan = kept.report.plan.id.clone();
        let runs = self.notice_runs(&plan).await?;
        if runs.is_empty() {
            return Err(NodeError::NobodyTold { plan: plan_id.to_owned() });
        }
        let drawn = runs.iter().position(|r| r.networks.iter().any(|(.., waits)| *waits));
        let (at, run) = drawn.and_then(|n| runs.get(n).map(|r| (n, r))).ok_or_else(|| {
            cannot(
                "no network waited: what goes away by itself is not known",
                "hold networks back with `comity act PLAN notify --later N`",
            )
        })?;
        // Those that waited were told then: from that day on there is no control group.
        let ended = runs.iter().skip(at + 1).find(|r| r.per_mille < run.per_mille).map(|r| r.at.day());
        let tables = self.tables().await?;
        let (before, after) = {
            let last = last_day(run, until, ended);
            let seen =
                tables.span(Window { from: run.at.day().plus(1).start(), until: last.plus(1).start() });
            let (_, seen) = seen.await?.ok_or_else(|| {
                cannot(
                    "nothing was seen between the day of the notices and the end of its month, or the day on which those that \
                     waited were told",
                    "take in sightings of those days; pseudonyms change with the month, so tell recipients early in one",
                )
            })?;
            windows(run, seen.day())
        };
        let found = tables.gone(before, after, &channels(&kept).into_iter().collect::<Vec<_>>()).await?;
        let machines: BTreeMap<(Place, u32), Network> =
            found.iter().map(|n| ((n.place, n.network), n.machines)).collect();
        let loose = found.iter().filter(|n| n.network == 0).map(|n| n.machines.before).sum();
        Ok(Remedied {
            schema: "comity.remedied/1",
            plan,
            at: run.at,
            per_mille: run.per_mille,
            before: (before.from.day(), before.until.plus_micros(-1).day()),
            after: (after.from.day(), after.until.plus_micros(-1).day()),
            of_no_group: loose,
            all: effect(run.networks.iter().map(|(_, p, n, waits)| ((*p, *n), *waits)), &machines),
            recipients: self.each_recipient(run, &machines).await?,
        })
    }

    async fn each_recipient(
        &self,
        run: &Run,
        machines: &BTreeMap<(Place, u32), Network>,
    ) -> Result<Vec<Recipient>, NodeError> {
        let mut shared: BTreeMap<(Place, u32), u32> = BTreeMap::new();
        for (_, place, number, _) in &run.networks {
            *shared.entry((*place, *number)).or_default() += 1;
        }
        let mut by: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
        let mut conn = self.state.read().await?;
        for (recipient, release) in &run.notices {
            let kept: Option<Record<KeptRelease>> =
                records::RELEASES.get(&mut conn, release.as_str()).await?;
            let status = kept.map_or_else(|| "not-sent".to_owned(), |r| r.status);
            *by.entry(recipient).or_default().entry(status).or_default() += 1;
        }
        Ok(by
            .into_iter()
            .map(|(recipient, notices)| {
                // Whose a machine of a network is that two recipients have parts of, cannot be told from its network.
                let own = run
                    .networks
                    .iter()
                    .filter(|(of, p, n, _)| of == recipient && shared.get(&(*p, *n)) == Some(&1));
                let effect = effect(own.map(|(_, p, n, waits)| ((*p, *n), *waits)), machines);
                Recipient { recipient: recipient.to_owned(), notices, effect }
            })
            .collect())
    }
}

/// The last day that may count: as asked, within the month of the notices, before those that waited were told.
fn last_day(run: &Run, until: Option<Timestamp>, ended: Option<Day>) -> Day {
    let month = Period::of(run.at);
    let mut last = run.at.day();
    // A month has 31 days at most.
    for day in 1..=31 {
        let next = run.at.day().plus(day);
        let over = until.is_some_and(|t| next > t.day()) || ended.is_some_and(|d| next >= d);
        if over || Period::of(next.start()) != month {
            break;
        }
        last = next;
    }
    last
}

/// Before and after, the last sighting given.
fn windows(run: &Run, seen: Day) -> (Window, Window) {
    let day = run.at.day();
    let month = Period::of(run.at);
    let early = |n: &i32| Period::of(day.plus(-n).start()) == month;
    let from = (0..BEFORE).take_while(early).last().map_or(day, |n| day.plus(-n));
    let first = seen.plus(1 - AFTER).max(day.plus(1));
    (
        Window { from: from.start(), until: day.plus(1).start() },
        Window { from: first.start(), until: seen.plus(1).start() },
    )
}

/// Each network once, with whether it waits.
fn effect(
    networks: impl Iterator<Item = ((Place, u32), bool)>,
    machines: &BTreeMap<(Place, u32), Network>,
) -> Effect {
    let once: BTreeSet<((Place, u32), bool)> = networks.collect();
    let of = |waiting: bool| -> Vec<Network> {
        once.iter()
            .filter(|(_, waits)| *waits == waiting)
            .filter_map(|(n, _)| machines.get(n).copied())
            .collect()
    };
    let (told, later) = (of(false), of(true));
    let (remedy, cannot) = match remedy(&told, &later) {
        Ok(found) => (Some(found), None),
        Err(why) => (None, Some(why.to_string())),
    };
    Effect { told: group(&told), later: group(&later), remedy, cannot }
}

fn group(of: &[Network]) -> Group {
    Group {
        networks: of.iter().filter(|n| n.before > 0).count() as u64,
        machines: of.iter().map(|n| n.before).sum(),
        gone: of.iter().map(|n| n.gone).sum(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed test should stop")]
    use super::*;

    fn run(at: &str) -> Run {
        let networks = [("one", 1, false), ("one", 2, true), ("two", 2, true), ("two", 3, false)];
        let place: Place = "PE".parse().unwrap();
        Run {
            at: at.parse().unwrap(),
            seed: terms::Digest::of(b"seed"),
            per_mille: 500,
            notices: Vec::new(),
            networks: networks.map(|(r, n, waits)| (r.to_owned(), place, n, waits)).to_vec(),
        }
    }

    #[test]
    fn windows_stay_in_the_month_of_the_notices_and_end_where_the_others_are_told() {
        for (at, until, ended, seen, expected) in [
            (
                "2026-03-16T09:00:00Z",
                None,
                None,
                "2026-03-31",
                "2026-03-03..2026-03-16 2026-03-25..2026-03-31",
            ),
            (
                "2026-03-16T09:00:00Z",
                Some("2026-03-20"),
                None,
                "2026-03-20",
                "2026-03-03..2026-03-16 2026-03-17..2026-03-20",
            ),
            (
                "2026-03-05T09:00:00Z",
                None,
                Some("2026-03-19"),
                "2026-03-18",
                "2026-03-01..2026-03-05 2026-03-12..2026-03-18",
            ),
            (
                "2026-03-30T23:59:59Z",
                None,
                None,
                "2026-03-31",
                "2026-03-17..2026-03-30 2026-03-31..2026-03-31",
            ),
            // Nothing is left of the month: the last day is that of the notices.
            ("2026-03-31T09:00:00Z", None, None, "2026-03-31", ""),
        ] {
            let run = run(at);
            let day = |text: &str| text.parse::<Day>().unwrap();
            let last = last_day(&run, until.map(|t| day(t).start()), ended.map(day));
            assert_eq!(last, day(seen), "{at} {until:?} {ended:?}");
            if expected.is_empty() {
                assert_eq!(last, run.at.day());
                continue;
            }
            let (before, after) = windows(&run, last);
            let shown =
                [before, after].map(|w| format!("{}..{}", w.from.day(), w.until.plus_micros(-1).day()));
            assert_eq!(shown.join(" "), expected, "{at}");
        }
    }

    #[test]
    fn each_network_counts_once_and_nothing_is_said_of_few() {
        let run = run("2026-03-16T09:00:00Z");
        let place: Place = "PE".parse().unwrap();
        let machines = [(1, 10, 5), (2, 8, 2), (3, 4, 4), (9, 99, 99)];
        let machines: BTreeMap<_, _> =
            machines.into_iter().map(|(n, before, gone)| ((place, n), Network { before, gone })).collect();
        let found = effect(run.networks.iter().map(|(_, p, n, waits)| ((*p, *n), *waits)), &machines);
        assert_eq!(found.told, Group { networks: 2, machines: 14, gone: 9 });
        assert_eq!(found.later, Group { networks: 1, machines: 8, gone: 2 });
        assert!(found.remedy.is_none() && found.cannot.is_some_and(|why| why.contains("at least 8")));
    }
}
