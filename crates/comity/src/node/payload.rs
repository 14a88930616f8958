//! What crosses, built from what the home holds and in the form in which it may: each kind of thing that is shared has
//! its function.
//!
//! Elsewhere: the ruling and the release (`share`), protections (`privacy`), the formats (`exchange`).

use super::Node;
use super::error::NodeError;
use super::filter::{Entry, Filtered};
use super::protect::pseudonymiser;
use super::share::{HANDLING, MOST_DOCUMENT, SMALLEST, What, Wish};
use crate::store::Batch;
use crate::store::exhibits::{self, Exhibit};
use botnet::telemetry::{TelemetryError, Victim, Window};
use evidence::custody::{Act as Did, Why};
use exchange::question::Question;
use exchange::{Item, Payload, stix, victims};
use std::collections::BTreeSet;
use terms::{
    Category, Day, ExhibitId, ExhibitKind, Finding, FindingBody, Label, MemberId, Obtained, PartnerId, Place,
    Protection, Sighting, Timestamp, Tlp,
};

/// What indicators are anyway.
const INDICATED: [Category; 3] =
    [Category::C2Infrastructure, Category::MalwareSample, Category::NetworkIndicator];
/// Rows of one victims' file or of one file of sightings.
pub(super) const MOST_ROWS: usize = 200_000;

/// Which sightings are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    /// When they were made.
    pub window: Window,
    /// The botnets, by family or whole name; empty for all.
    pub about: &'a BTreeSet<String>,
    /// Why pseudonyms are resolved, for custody; none on a dry run, of which nothing leaves this process.
    pub why: Option<&'a str>,
}

/// How victims' addresses are written: as they stand, or resolved; and why, where that is an act of custody.
#[derive(Clone, Copy)]
enum Reveal<'a> {
    No,
    Unnoted,
    Because(&'a str),
}

impl Seen<'_> {
    /// Whether a sighting of this botnet is looked at. Where botnets are named, one that nobody knows is not among them.
    pub fn holds(&self, botnet: Option<&str>) -> bool {
        self.about.is_empty() || botnet.and_then(|b| target(self.about, b)).is_some()
    }
}

/// The name among these by which a botnet is meant: its own, or its family's.
pub(super) fn target<'a>(about: &'a BTreeSet<String>, botnet: &str) -> Option<&'a String> {
    let family = botnet.split('/').next().unwrap_or_default();
    about.get(botnet).or_else(|| about.get(family))
}

/// Why victims' addresses are resolved. Under an order too: custody goes into packages, and must not tell of one by its words.
pub(super) const REVEALED: &str = "addresses are resolved for a release";
/// Version of the rules by which what is written here is labelled.
const RULES: u32 = 1;

/// An item that a rule of this program writes; the rule says of which category that is.
fn item(
    name: &str,
    media: &str,
    category: Category,
    protection: Protection,
    records: u64,
    bytes: Vec<u8>,
    now: Timestamp,
) -> Item {
    let rule = format!("comity.share/{}", name.split(['.', '-']).next().unwrap_or(name));
    Item {
        name: name.to_owned(),
        media_type: media.to_owned(),
        categories: BTreeSet::new(),
        protection,
        obtained: Obtained::Voluntary,
        records,
        bytes,
        labels: Vec::new(),
    }
    .labelled(Label::by_rule(&rule, RULES, [category], now))
}

/// What an authority document speaks of: criminals' infrastructure, or accounts. One that names no account (`*`) tells of
/// none, and counts as a token; one that does is in clear. None for one that cannot be read: no rule can label it.
pub(super) fn category_of_authority(bytes: &[u8]) -> Option<(Category, Protection)> {
    match takedown::Authority::parse(bytes).ok()? {
        a if a.class != terms::AssetClass::Account => Some((Category::C2Infrastructure, Protection::Clear)),
        a if a.targets.iter().all(|t| t == "*") => Some((Category::BankAccount, Protection::Token)),
        _ => Some((Category::BankAccount, Protection::Clear)),
    }
}

/// Victims of a place that do not fit into one bundle: the last days that do.
fn too_many(place: Place, days: &[(Day, u64)]) -> NodeError {
    let mut rows = 0;
    let fits = |(_, more): &&(Day, u64)| {
        rows += more;
        rows <= MOST_ROWS as u64
    };
    let since =
        days.iter().rev().take_while(fits).last().or(days.last()).map_or(Day::default(), |(day, _)| *day);
    NodeError::TooManyVictims { place, since, most: MOST_ROWS }
}

pub(super) fn nothing(what: &str, help: &'static str) -> NodeError {
    NodeError::First { what: format!("there is nothing to share: {what}"), help }
}

impl Node {
    /// What crosses, and what was ruled on its records where they are ruled on one by one; on a dry run nothing is
    /// revealed for it. Where no record may pass it has none.
    pub(super) async fn payload(
        &self,
        wish: &Wish,
        dry: bool,
        now: Timestamp,
    ) -> Result<(Payload, Option<Filtered>), NodeError> {
        let mut payload = Payload::new(self.partner.clone(), wish.with.clone(), wish.purpose, HANDLING);
        payload.member = wish.member.clone();
        payload.case = wish.case()?;
        let (items, filtered) = match wish.what {
            What::Indicators => (vec![self.indicators(&wish.of, now).await?], None),
            What::Victims => {
                let place = self.place_of(wish, now).await?;
                payload.concerns = BTreeSet::from([place]);
                let (item, filtered) = self.victims(wish, place, dry, now).await?;
                (vec![item], Some(filtered))
            }
            What::Counts => (vec![self.counts(now).await?], None),
            What::Question => {
                let item = Question::new(self.plan_assets(&wish.of).await?)?.item("question.json")?;
                let categories = item.categories.clone();
                let label = Label::by_rule("comity.share/question", RULES, categories, now);
                (vec![item.labelled(label)], None)
            }
            What::Exhibit => (vec![self.exhibit_item(wish).await?], None),
            What::Sightings => {
                let (item, filtered) = self.sightings(wish, now).await?;
                payload.concerns = filtered.places();
                (vec![item], Some(filtered))
            }
            What::Authorities => {
                let (items, filtered) = self.authorities(wish, now).await?;
                (items, Some(filtered))
            }
            What::Accounts => {
                let (item, filtered) = self.accounts(wish, now).await?;
                (vec![item], Some(filtered))
            }
        };
        payload.items = items;
        Ok((payload, filtered))
    }

    /// The findings a case rests on that stand.
    async fn of_case(&self, case: &str) -> Result<Vec<Finding>, NodeError> {
        let case = self.case_show(case).await?;
        Ok(self.standing().await?.into_iter().filter(|f| case.findings.contains(&f.id)).collect())
    }

    pub(super) async fn indicators(&self, case: &str, now: Timestamp) -> Result<Item, NodeError> {
        // What speaks of the criminals' infrastructure and samples, and of nobody's machine.
        let of_infrastructure = |f: &Finding| {
            matches!(
                f.body,
                FindingBody::Configuration { .. }
                    | FindingBody::Hashes { .. }
                    | FindingBody::Indicator { .. }
                    // Written as its remote endpoint alone: who called stays here.
                    | FindingBody::Beacon { .. }
            )
        };
        let findings: Vec<Finding> =
            self.of_case(case).await?.into_iter().filter(of_infrastructure).collect();
        let producer = stix::Producer {
            partner: self.partner.clone(),
            name: self.partner.to_string(),
            at: now,
            tlp: Tlp::Amber,
        };
        let written = stix::write(&findings, &producer)?;
        if findings.is_empty() || written.objects == 0 {
            return Err(nothing(
                "the case has no channel, sample or indicator",
                "run `comity analyze` and `comity case open`",
            ));
        }
        // A list's lines cross word by word: what a person said of the list holds of them.
        let listed = findings.iter().filter(|f| matches!(f.body, FindingBody::Indicator { .. }));
        let lists: BTreeSet<ExhibitId> = listed.flat_map(|f| f.exhibits.iter().copied()).collect();
        let beyond = self.beyond(&lists, &INDICATED).await?;
        let item = item(
            "indicators.stix.json",
            "application/stix+json",
            Category::C2Infrastructure,
            Protection::Clear,
            written.objects,
            written.bytes,
            now,
        );
        Ok(beyond.into_iter().fold(item, Item::labelled))
    }

    async fn place_of(&self, wish: &Wish, now: Timestamp) -> Result<Place, NodeError> {
        let member = wish.member.as_ref().ok_or_else(|| NodeError::First {
            what: "victims are shared with one member: nobody gets another's".into(),
            help: "name the member with --member",
        })?;
        let agreements = self.agreements().await?;
        let found = agreements.members(&wish.with, now).into_iter().find(|m| m.id == *member);
        match found {
            Some(found) => Ok(found.place),
            // The ruling names the clause; a member that nobody knows has the place its id says, if any.
            None => Ok(member.as_str().parse().unwrap_or(Place::UNKNOWN)),
        }
    }

    async fn victims(
        &self,
        wish: &Wish,
        place: Place,
        dry: bool,
        now: Timestamp,
    ) -> Result<(Item, Filtered), NodeError> {
        let help = "take in sinkhole logs of this place first";
        let member = wish.member.clone().ok_or_else(|| nothing("no member was named", help))?;
        let tables = self.tables().await?;
        let found = match tables.victims(place, wish.seen, MOST_ROWS).await {
            Err(TelemetryError::TooMuch { .. }) => {
                let days = tables.victims_by_day(place, wish.seen).await?;
                return Err(too_many(place, &days));
            }
            found => found?,
        };
        if found.is_empty() {
            let (when, help) = match wish.seen {
                Window::ALL => ("", help),
                _ => (
                    " in these days",
                    "name other days with --from and --until, or take in sinkhole logs of them first",
                ),
            };
            return Err(nothing(&format!("no victim was seen in {place}{when}"), help));
        }
        let entry = |record| Entry {
            record,
            categories: BTreeSet::from([Category::VictimIp]),
            labels: vec![Label::by_rule("comity.share/victims", RULES, [Category::VictimIp], now)],
            protection: Protection::Clear,
            place: Some(place),
        };
        let described = |v: &Victim| format!("{},{},{}", v.bot, v.source, v.last).into_bytes();
        let entries = found.into_iter().map(entry).collect();
        // Nothing is revealed before the agreement is asked: of what will be refused nothing is learnt.
        let (kept, mut filtered) = self.filter(wish, entries, described, now).await?;
        let (indexes, kept): (Vec<usize>, Vec<Victim>) = kept.into_iter().unzip();
        let why = if dry { Reveal::No } else { Reveal::Because(REVEALED) };
        let item = self.victims_item(&member, place, &kept, why, now).await?;
        filtered.leave_as_lines(&indexes, &item.bytes);
        Ok((item, filtered))
    }

    /// The victims of one place that were seen within a window. Nothing is revealed before a ruling on the wish: one that
    /// will be refused learns nothing.
    pub(super) async fn victims_seen(
        &self,
        member: &MemberId,
        place: Place,
        wanted: Seen<'_>,
        now: Timestamp,
    ) -> Result<Option<Item>, NodeError> {
        let mut found = self.tables().await?.victims(place, wanted.window, MOST_ROWS).await?;
        found.retain(|victim| wanted.holds(victim.botnet.as_deref()));
        if found.is_empty() {
            return Ok(None);
        }
        let why = wanted.why.map_or(Reveal::Unnoted, Reveal::Because);
        self.victims_item(member, place, &found, why, now).await.map(Some)
    }

    /// Victims as they cross. Their addresses are revealed for the reason that is given; without one they stay pseudonyms.
    async fn victims_item(
        &self,
        member: &MemberId,
        place: Place,
        found: &[Victim],
        why: Reveal<'_>,
        now: Timestamp,
    ) -> Result<Item, NodeError> {
        let mut rows = Vec::with_capacity(found.len());
        let mut touched: BTreeSet<ExhibitId> = BTreeSet::new();
        for victim in found {
            let source = match why {
                Reveal::Unnoted | Reveal::Because(_) => {
                    touched.extend(&victim.exhibits);
                    let key = pseudonymiser(&self.keys.pseudonym, victim.last);
                    key.reveal(&victim.source)?.to_string()
                }
                Reveal::No => victim.source.clone(),
            };
            rows.push(victims::Row {
                at: victim.last,
                source,
                port: 0,
                network: victim.network,
                place,
                // The family alone: a build is nothing to a victim.
                infection: victim
                    .botnet
                    .as_deref()
                    .and_then(|b| b.split('/').next())
                    .unwrap_or_default()
                    .to_owned(),
            });
        }
        if let Reveal::Because(why) = why
            && !touched.is_empty()
        {
            self.note_reveal(&touched, why, now).await?;
        }
        let bytes = victims::csv(member, place, &rows)?;
        Ok(item(
            &format!("victims-{}.csv", place.as_str().to_ascii_lowercase()),
            "text/csv",
            Category::VictimIp,
            Protection::Clear,
            rows.len() as u64,
            bytes,
            now,
        ))
    }

    /// Resolving pseudonyms is an act on the exhibits they came from.
    pub(super) async fn note_reveal(
        &self,
        exhibits: &BTreeSet<ExhibitId>,
        why: &str,
        now: Timestamp,
    ) -> Result<(), NodeError> {
        let mut batch = Batch::default();
        for &exhibit in exhibits {
            let commitment = self.vault.commitment(&exhibit).await?;
            let event = self.event(vec![commitment], Did::Reveal, Why::House(why.into()), false);
            let (custody, leaf) = self.custody(exhibit, &event)?;
            batch.custody.push(custody);
            batch.leaves.push(leaf);
        }
        crate::store::commit(&self.state, &batch, now).await?;
        Ok(())
    }

    async fn counts(&self, now: Timestamp) -> Result<Item, NodeError> {
        let places = self.tables().await?.per_place(Window::ALL, 1).await?;
        let counted: Vec<(Place, u64)> = places.iter().map(|p| (p.place, p.bots)).collect();
        let kept = privacy::suppress(&counted, SMALLEST);
        if kept.places.is_empty() {
            return Err(nothing(
                "no place has enough bots to be counted",
                "take in more sinkhole logs first",
            ));
        }
        let lines: String = kept.places.iter().map(|(p, n)| format!("{p},{n}\n")).collect();
        let other = kept.other.map(|n| format!("other,{n}\n")).unwrap_or_default();
        let records = kept.places.len() as u64;
        let bytes = format!("place,bots\n{lines}{other}").into_bytes();
        Ok(item(
            "bots-per-place.csv",
            "text/csv",
            Category::VictimIp,
            Protection::Aggregate(SMALLEST),
            records,
            bytes,
            now,
        ))
    }

    async fn sightings(&self, wish: &Wish, now: Timestamp) -> Result<(Item, Filtered), NodeError> {
        let seen = self.tables().await?.sightings_between(wish.seen, MOST_ROWS).await?;
        if seen.is_empty() {
            return Err(nothing("nothing was seen at a sinkhole", "take in sinkhole logs first"));
        }
        let entry = |seen: (Sighting, ExhibitId)| Entry {
            categories: BTreeSet::from([Category::SinkholeLog]),
            labels: vec![Label::by_rule("comity.share/sightings", RULES, [Category::SinkholeLog], now)],
            protection: Protection::Pseudonym,
            place: Some(seen.0.place).filter(|p| *p != Place::UNKNOWN),
            record: seen,
        };
        let described = |(s, _): &(Sighting, ExhibitId)| {
            format!("{},{},{},{}", s.event, s.bot, s.source, s.channel).into_bytes()
        };
        let entries = seen.into_iter().map(entry).collect();
        let (kept, mut filtered) = self.filter(wish, entries, described, now).await?;
        let (indexes, kept): (Vec<usize>, Vec<_>) = kept.into_iter().unzip();
        let item = self.sightings_seen(wish, kept, now)?;
        filtered.leave_as_lines(&indexes, &item.bytes);
        Ok((item, filtered))
    }

    pub(super) fn sightings_seen(
        &self,
        wish: &Wish,
        seen: Vec<(Sighting, ExhibitId)>,
        now: Timestamp,
    ) -> Result<Item, NodeError> {
        // A key of this link and period: what two partners get cannot be joined.
        let label = format!(
            "link/{}/{}",
            self.partner.as_str().min(wish.with.as_str()),
            self.partner.as_str().max(wish.with.as_str())
        );
        let key = privacy::Key::derive(&self.keys.pseudonym, &label, privacy::Period::of(now));
        let link = privacy::Pseudonymiser::new(&key);
        let mut bytes = b"event,bot,source,botnet,channel,network,place\n".to_vec();
        let records = seen.len() as u64;
        for (s, _) in seen {
            let address = pseudonymiser(&self.keys.pseudonym, s.event).reveal(&s.source)?;
            let line = format!(
                "{},{},{},{},{},{},{}\n",
                s.event,
                link.id(&s.bot),
                link.address(address),
                s.botnet.unwrap_or_default(),
                s.channel,
                s.network,
                s.place
            );
            bytes.extend_from_slice(line.as_bytes());
        }
        let (category, form) = (Category::SinkholeLog, Protection::Pseudonym);
        Ok(item("sightings.csv", "text/csv", category, form, records, bytes, now))
    }

    /// The tokens of the agreement in force with a partner, in the month of `now`.
    async fn tokeniser(&self, with: &PartnerId, now: Timestamp) -> Result<privacy::Tokeniser, NodeError> {
        let agreements = self.agreements().await?;
        let between = |p: &[&PartnerId]| p.contains(&with) && p.contains(&&self.partner);
        let id = agreements
            .in_force(now)
            .find(|s| between(&s.agreement().parties()))
            .map(|s| s.agreement().id().clone());
        let id = id.ok_or_else(|| NodeError::First {
            what: format!("no agreement with `{with}` is in force, and tokens are made for one"),
            help: "`comity agree` lists the agreements and their state",
        })?;
        let period = privacy::Period::of(now);
        let key = privacy::Key::derive(&self.keys.pseudonym, &format!("token/{id}"), period);
        Ok(privacy::Tokeniser::new(&key, id.as_str(), period)?)
    }

    pub(super) async fn exhibits_of(&self, kind: ExhibitKind) -> Result<Vec<Exhibit>, NodeError> {
        let mut conn = self.state.read().await?;
        let mut all: Vec<Exhibit> = Vec::new();
        loop {
            let page = exhibits::of_kind(&mut conn, kind, all.last().map(|e| &e.id), 1000).await?;
            if page.is_empty() {
                all.retain(|e| e.erased_at.is_none());
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// The documents of which a clause lets what they speak of pass; the others stay here.
    async fn authorities(&self, wish: &Wish, now: Timestamp) -> Result<(Vec<Item>, Filtered), NodeError> {
        let mut entries = Vec::new();
        for exhibit in self.exhibits_of(ExhibitKind::Authority).await? {
            let bytes = self.vault.read(&exhibit.id, MOST_DOCUMENT).await?;
            let short: String = exhibit.id.to_string().chars().take(16).collect();
            let name = format!("authority-{short}.json");
            let form = category_of_authority(&bytes).map_or(Protection::Clear, |(_, form)| form);
            let settled = self.settled(&exhibit).await?;
            let record = Item {
                name,
                media_type: "application/json".into(),
                categories: settled.categories().clone(),
                protection: form,
                obtained: exhibit.obtained,
                records: 1,
                bytes,
                labels: settled.labels().to_vec(),
            };
            entries.push(Entry {
                categories: record.categories.clone(),
                labels: record.labels.clone(),
                protection: form,
                place: None,
                record,
            });
        }
        if entries.is_empty() {
            return Err(nothing(
                "this home holds no authority",
                "take the documents in with `comity ingest`",
            ));
        }
        let (kept, filtered) = self.filter(wish, entries, |item: &Item| item.bytes.clone(), now).await?;
        Ok((kept.into_iter().map(|(_, item)| item).collect(), filtered))
    }

    /// Accounts that money moved through, as tokens of the agreement and month: who gets them can group and name them,
    /// and only this home can say which account one is. One whose form has too few values for a token refuses the
    /// whole: nothing leaves in another form than the one that was ruled on.
    async fn accounts(&self, wish: &Wish, now: Timestamp) -> Result<(Item, Filtered), NodeError> {
        let tokens = self.tokeniser(&wish.with, now).await?;
        let mut entries = Vec::new();
        for view in threat::money(&self.of_kind("account").await?) {
            let role = match view.role {
                threat::MoneyRole::Mule => "mule",
                threat::MoneyRole::Collector => "collector",
                threat::MoneyRole::Unclear => continue,
            };
            let line = serde_json::json!({
                "schema": "comity.account/1", "account": tokens.account(&view.institution, &view.account)?,
                "institution": view.institution, "role": role,
            });
            entries.push(Entry {
                record: line.to_string().into_bytes(),
                categories: BTreeSet::from([Category::BankAccount]),
                labels: vec![Label::by_rule("comity.share/accounts", RULES, [Category::BankAccount], now)],
                protection: Protection::Token,
                place: None,
            });
        }
        if entries.is_empty() {
            return Err(nothing(
                "no account stands out",
                "take in account and transaction lines and run `comity analyze`",
            ));
        }
        let (kept, filtered) = self.filter(wish, entries, Vec::clone, now).await?;
        let records = kept.len() as u64;
        let bytes: Vec<u8> = kept.into_iter().flat_map(|(_, line)| [line, b"\n".to_vec()].concat()).collect();
        let item = item(
            "accounts.ndjson",
            "application/x-ndjson",
            Category::BankAccount,
            Protection::Token,
            records,
            bytes,
            now,
        );
        Ok((item, filtered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_days_that_fit_into_one_bundle() {
        let most = MOST_ROWS as u64;
        for (days, since) in [
            (vec![(1, most), (2, 5), (3, most - 5)], 2),
            (vec![(1, 1), (2, 5), (9, most - 6)], 1),
            (vec![(1, 1), (2, most)], 2),
            // One day alone is too much: it is the one that is named.
            (vec![(1, 1), (4, most + 1)], 4),
        ] {
            let days: Vec<(Day, u64)> = days.into_iter().map(|(d, n)| (Day(d), n)).collect();
            let place = Place::UNKNOWN;
            let error = too_many(place, &days);
            assert!(
                matches!(error, NodeError::TooManyVictims { since: found, .. } if found == Day(since)),
                "{days:?} {error}"
            );
        }
    }
}
