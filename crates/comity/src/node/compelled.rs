//! What an order compels, and who may know that it did.
//!
//! Here: the request a wish under an order comes down to, its payload cut down to the order, the list of compelled releases
//! for whoever may see it, what a gag date keeps out of a package. Elsewhere: the ruling and the release (`compel`).
//! A gagged release is listed to the two who approved it, to counsel and to the auditor (with its gag date), to nobody
//! else, and goes into no package but one under that order. Partners are shown heads of the ledger and published tiles:
//! hashes, which tell nobody of it. They go on as ever, since one that stood still would tell.

use super::Node;
use super::compel::Compelled;
use super::error::NodeError;
use super::payload::{MOST_ROWS, REVEALED, Seen, nothing, target};
use super::share::{HANDLING, KeptRelease, What, Wish};
use crate::store::records::{self, Record};
use agreement::{Compulsion, DataPeriod, Extent, Request};
use botnet::telemetry::Window;
use exchange::{Item, Payload};
use serde::Serialize;
use std::collections::BTreeSet;
use terms::{
    Category, ExhibitId, ExhibitKind, MemberId, Obtained, PartnerId, Place, Protection, ReleaseId, Role,
    Sighting, Timestamp,
};

/// One compelled release (`comity.compelled/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompelledRelease {
    /// Always `comity.compelled/1`.
    pub schema: &'static str,
    /// The release.
    pub release: ReleaseId,
    /// Who gave.
    pub from: PartnerId,
    /// Who got it.
    pub to: PartnerId,
    /// When.
    pub released: Timestamp,
    /// Whether nobody may be told today.
    pub silent: bool,
    /// The order behind it.
    pub compelled: Compelled,
}

/// The time that is looked at: the part that is asked for, else all that the order names.
pub(super) fn window(asked: Option<privacy::Span>, order: &Compulsion) -> Window {
    match (asked, order.period()) {
        (Some(span), _) => {
            let (from, until) = span.bounds();
            Window { from, until }
        }
        (None, Some(period)) => Window { from: period.from, until: period.until },
        (None, None) => Window::ALL,
    }
}

fn period(window: Window) -> Option<DataPeriod> {
    (window != Window::ALL).then_some(DataPeriod { from: window.from, until: window.until })
}

impl Node {
    /// The request that a wish under an order comes down to, and what its records will span, before anything is opened.
    pub(super) fn compelled_wish(
        &self,
        wish: &Wish,
        order: &Compulsion,
        window: Window,
    ) -> Result<(Request, Extent), NodeError> {
        let (category, form) = match wish.what {
            What::Victims => (Category::VictimIp, Protection::Clear),
            What::Sightings => (Category::SinkholeLog, Protection::Pseudonym),
            What::Indicators => (Category::C2Infrastructure, Protection::Clear),
            _ => return Err(other_kind()),
        };
        let mut request = self.request(wish).with(category, form);
        request.case = wish.case()?;
        if wish.what == What::Indicators {
            // Nothing says when an indicator was seen, or whose it is.
            return Ok((request, Extent::default()));
        }
        request.concerns.clone_from(order.places());
        Ok((request, Extent { period: period(window), targets: order.targets().clone() }))
    }

    /// What an order compels of what this home holds, and nothing beside it.
    pub(super) async fn compelled_payload(
        &self,
        wish: &Wish,
        order: &Compulsion,
        window: Window,
        dry: bool,
        now: Timestamp,
    ) -> Result<Payload, NodeError> {
        let mut payload = Payload::new(self.partner.clone(), wish.with.clone(), wish.purpose, HANDLING);
        payload.member = wish.member.clone();
        payload.case = wish.case()?;
        let mut extent = Extent { period: period(window), targets: order.targets().clone() };
        match wish.what {
            What::Victims => {
                let wanted = Seen { window, about: order.targets(), why: (!dry).then_some(REVEALED) };
                for &place in order.places() {
                    let item = self.compelled_victims(wish, place, wanted, now).await?;
                    payload.concerns.extend(item.as_ref().map(|_| place));
                    payload.items.extend(item);
                }
            }
            What::Sightings => {
                let seen = self.compelled_sightings(order, window).await?;
                payload.concerns = seen.iter().map(|(s, _)| s.place).collect();
                if !seen.is_empty() {
                    payload.items.push(self.sightings_seen(wish, seen, now)?);
                }
            }
            What::Indicators => {
                extent = Extent::default();
                payload.items.push(self.indicators(&wish.of, now).await?);
            }
            _ => return Err(other_kind()),
        }
        if payload.items.is_empty() {
            let what = format!("nothing in this home is what order `{}` names", order.id());
            return Err(nothing(
                &what,
                "tell its issuer so; or take in what is still outside, and ask again",
            ));
        }
        payload.items.iter_mut().for_each(|item| item.obtained = Obtained::Compelled);
        payload.extent = Some(extent);
        Ok(payload)
    }

    async fn compelled_victims(
        &self,
        wish: &Wish,
        place: Place,
        wanted: Seen<'_>,
        now: Timestamp,
    ) -> Result<Option<Item>, NodeError> {
        // A file of victims names the place whose they are; the member is who gets them all.
        let member = match &wish.member {
            Some(member) => member.clone(),
            None => MemberId::new(&place.as_str().to_ascii_lowercase())?,
        };
        self.victims_seen(&member, place, wanted, now).await
    }

    async fn compelled_sightings(
        &self,
        order: &Compulsion,
        window: Window,
    ) -> Result<Vec<(Sighting, ExhibitId)>, NodeError> {
        let mut seen = self.tables().await?.sightings_between(window, MOST_ROWS).await?;
        seen.retain(|(s, _)| {
            let about = order.targets();
            let meant = s.botnet.as_deref().is_some_and(|b| target(about, b).is_some());
            order.places().contains(&s.place) && (about.is_empty() || meant)
        });
        Ok(seen)
    }

    /// The compelled releases that the person at work may know of, in the order in which they were made: all to counsel
    /// and auditor, one's own approvals, and to everybody what is not silent any more.
    ///
    /// # Errors
    /// When the state store cannot be read.
    pub async fn compelled(&self) -> Result<Vec<CompelledRelease>, NodeError> {
        let now = self.ruling_clock.ruling_time(&self.state).await?;
        let all = matches!(self.role(&self.person).await?, Role::Auditor | Role::Counsel);
        let mut out = Vec::new();
        for (release, compelled) in self.under_orders().await? {
            let silent = compelled.silent(now).is_some();
            let own = [&compelled.counsel, &compelled.second].contains(&&Some(self.person.clone()));
            if !silent || all || own {
                let header = release.record.header;
                out.push(CompelledRelease {
                    schema: "comity.compelled/1",
                    release: header.release,
                    from: header.from,
                    to: header.to,
                    released: header.released,
                    silent,
                    compelled: Compelled { approval: None, ..compelled },
                });
            }
        }
        out.sort_by_key(|r| (r.released, r.release.to_string()));
        Ok(out)
    }

    /// Refuses to let these exhibits be told of where an order forbids it today: its document, and what was released or
    /// received under it. An addressee under that very order may have them.
    ///
    /// # Errors
    /// CMT-1197 with the day from which it may be told.
    pub(super) async fn refuse_silent(
        &self,
        exhibits: &BTreeSet<ExhibitId>,
        authority: Option<&str>,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let mut kept = Vec::new();
        for exhibit in self.exhibits_of(ExhibitKind::Compulsion).await? {
            match self.read_order(&exhibit).await {
                Ok(o) => kept.push((o.exhibit, o.compulsion.id().to_owned(), o.compulsion.gagged(now))),
                Err(NodeError::Compulsion(_)) => {}
                Err(e) => return Err(e),
            }
        }
        for (release, compelled) in self.under_orders().await? {
            let until = compelled.silent(now);
            for id in release.items.iter().chain([&release.exhibit]) {
                kept.push((*id, compelled.order.clone(), until));
            }
        }
        let until = kept
            .into_iter()
            .filter(|(id, order, _)| exhibits.contains(id) && authority != Some(order.as_str()));
        match until.filter_map(|(_, _, until)| until).max() {
            Some(until) => Err(NodeError::Silent { until }),
            None => Ok(()),
        }
    }

    async fn under_orders(&self) -> Result<Vec<(KeptRelease, Compelled)>, NodeError> {
        let mut conn = self.state.read().await?;
        let all: Vec<Record<KeptRelease>> = records::RELEASES.all(&mut conn).await?;
        Ok(all.into_iter().filter_map(|r| r.body.compelled.clone().map(|c| (r.body, c))).collect())
    }
}

fn other_kind() -> NodeError {
    NodeError::Value {
        what: "under an order go `victims`, `sightings` and `indicators`; the rest needs an agreement".into(),
    }
}
