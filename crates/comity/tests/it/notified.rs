//! Who is refused a notice, and what nobody is told: one home after its plan was made, copied for each row, with another
//! agreement, another clock or another exhibit.

use botnet::routing::Later;
use comity::demo::Operation;
use comity::node::agree;
use comity::node::error::NodeError;
use comity::node::ingest::{Manner, Source};
use comity::node::notify::{NotifyReport, Wish};
use comity::node::remedied::Group;
use comity::node::{Node, Options};
use comity::store::{Flags, SetClock};
use evidence::sealed::Identity;
use exercise::Spec;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terms::Timestamp;

const SPEC: Spec = Spec { seed: 7, bots: 2_000, days: 7, hosts: 60 };
const REGION: &str = include_str!("../../../../agreements/company-region.mou.md");
const POLICE: &str = include_str!("../../../../agreements/company-police.mou.md");
const FINTECH: &str = include_str!("../../../../agreements/company-fintech.mou.md");
pub const PLANNED: &str = "2026-03-09T12:00:00Z";

async fn sign(one: &Node, other: &Node, text: &str) {
    let keys = [
        (format!("{}.key", one.partner), one.organisation_key()),
        (format!("{}.key", other.partner), other.organisation_key()),
    ];
    let values: Vec<(&str, &str)> = keys.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let text = agreement::fill(text, &values);
    let parsed = agree::parse("memorandum.mou.md", &text).unwrap();
    let both = other.sign(&parsed, Some(one.sign(&parsed, None).unwrap())).unwrap();
    one.join(&text, both).await.unwrap();
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A home with its plan, and the partner that signs for each row.
pub struct Planned {
    pub folder: tempfile::TempDir,
    operation: Operation,
    made: takedown::Plan,
    pub plan: String,
    key: String,
}

pub async fn planned() -> Planned {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_comity"));
    let operation = Operation::begin(folder.path(), &SPEC, program, &mut |_| ()).await.unwrap();
    for (with, text) in [("police", POLICE), ("fintech", FINTECH)] {
        let other = operation.node(with);
        sign(&operation.company, other, text).await;
        sign(other, &operation.company, text).await;
    }
    operation.ingest(&|_| ()).await.unwrap();
    operation.analyze(&|_| ()).await.unwrap();
    let threats = operation.assess().await.unwrap();
    let case = operation.open(&threats.first().unwrap().id).await.unwrap();
    let made = operation.plan(case.id.as_str()).await.unwrap().plan;
    let plan = made.id.to_string();
    let key = Identity::generate().recipient().to_string();
    Planned { folder, operation, made, plan, key }
}

impl Planned {
    /// A copy of the home, with this memorandum where there is one, at this time.
    async fn home(&self, name: &str, memorandum: Option<&str>, at: &str) -> (Node, PathBuf) {
        let (node, out, _) = self.opened(name, memorandum, at).await;
        (node, out)
    }

    /// The same with its clock.
    pub async fn opened(
        &self,
        name: &str,
        memorandum: Option<&str>,
        at: &str,
    ) -> (Node, PathBuf, Arc<SetClock>) {
        let dir = self.folder.path().join("rows").join(name);
        copy(&self.operation.dir.join("homes/company"), &dir.join("home"));
        let clock = Arc::new(SetClock::new(PLANNED.parse().unwrap()));
        let options = Options {
            dir: dir.join("home"),
            passphrase: zeroize::Zeroizing::new("an exercise has no secrets".to_owned()),
            person: None,
            clock: clock.clone(),
            program: env!("CARGO_BIN_EXE_comity").into(),
            flags: Flags::default(),
        };
        let node = Node::open(&options, "act").await.unwrap();
        if let Some(text) = memorandum {
            sign(&node, &self.operation.region, text).await;
        }
        clock.set(at.parse().unwrap());
        (node, dir.join("out"), clock)
    }

    /// The first network's address in a place, as the exercise's table of places has it.
    pub fn address(&self, place: &str) -> std::net::IpAddr {
        let geo = comity::node::protect::Geo::open(&self.operation.dir.join("operation/geo.mmdb")).unwrap();
        (240..=255u8)
            .flat_map(|a| (0..=255u8).step_by(8).map(move |b| std::net::IpAddr::from([a, b, 0, 9])))
            .find(|ip| geo.locate(*ip).0.as_str() == place)
            .unwrap()
    }

    /// The Union's memorandum with the teams of two countries.
    pub fn both(&self) -> String {
        self.naming(&[AR, PE])
    }

    /// The Union's memorandum with these recipients in the place of its own.
    fn naming(&self, recipients: &[&str]) -> String {
        let (before, rest) = REGION.split_once("recipients = [\n").unwrap();
        let (_, after) = rest.split_once("\n]\n").unwrap();
        let listed: Vec<String> = recipients
            .iter()
            .map(|r| {
                format!(
                    "  {{ {r}, by = \"sealed-mail\", address = \"duty@team.example\", key = \"{}\" }},",
                    self.key
                )
            })
            .collect();
        format!("{before}recipients = [\n{}\n]\n{after}", listed.join("\n"))
    }
}

const AR: &str = r#"id = "csirt-ar", member = "ar", name = "Team of Argentina""#;
const PE: &str = r#"id = "csirt-pe", member = "pe", name = "Team of Peru""#;

fn told(report: &NotifyReport) -> Vec<&str> {
    report.told.iter().map(|t| t.recipient.as_str()).collect()
}

pub fn rows(report: &NotifyReport, recipient: &str) -> u64 {
    report.told.iter().filter(|t| t.recipient == recipient).map(|t| t.rows).sum()
}

/// Hits that went to nobody for a reason, by its word.
pub fn left(report: &NotifyReport, reason: &str) -> u64 {
    let word = |l: &comity::node::notify::Left| serde_json::to_value(l.reason).unwrap();
    report.unrouted.iter().filter(|l| word(l) == reason).map(|l| l.hits).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_where_nothing_allows_it() {
    let planned = planned().await;
    let wish = Wish { contact: "notices@meridian.example".into(), ..Wish::default() };
    let plan = planned.plan.as_str();
    let both = planned.naming(&[AR, PE]);
    let dry = async |name: &str, text: Option<&str>, at: &str, wish: &Wish| {
        let (node, out) = planned.home(name, text, at).await;
        let done = node.notify(plan, wish, &out, true).await;
        assert!(!out.exists(), "{name}: a dry run writes nothing");
        node.close().await.unwrap();
        done
    };
    let base = dry("base", Some(&both), PLANNED, &wish).await.unwrap();
    assert_eq!(told(&base), ["csirt-ar", "csirt-pe"]);
    let (ar, pe) = (rows(&base, "csirt-ar"), rows(&base, "csirt-pe"));
    let nobodys = left(&base, "nobody");
    assert!(ar > 10 && pe > 10 && nobodys > 0);
    // A dry run counts, and names neither machine nor network.
    let text = serde_json::to_string(&base).unwrap();
    assert!(
        !text.contains("240.") && base.unrouted.iter().all(|l| l.networks.is_empty() && l.in_networks > 0),
        "{text}"
    );

    // Rows that go to nobody. Each: name, memorandum, time; who is told; how many hits for which reason.
    let named_twice = planned.naming(&[AR, &AR.replace("csirt-ar", "second-ar"), PE]);
    let without_member = planned.naming(&[&AR.replace("member = \"ar\"", "kind = \"csirt\""), PE]);
    let courier = both.replacen("by = \"sealed-mail\"", "by = \"courier\"", 1);
    let opted_out = both.replace(
        r#"{ id = "ar", name = "Argentina", place = "AR", since = 2026-01-15 }"#,
        r#"{ id = "ar", name = "Argentina", place = "AR", since = 2026-01-15, opted-out = 2026-02-20 }"#,
    );
    assert!(opted_out != both && courier != both);
    for (name, memorandum, at, expected, reason, hits) in [
        ("no agreement", None, PLANNED, &[][..], "nobody", nobodys + ar + pe),
        ("after the term", Some(&both), "2029-01-01T00:00:01Z", &[][..], "nobody", nobodys + ar + pe),
        ("two teams of one place", Some(&named_twice), PLANNED, &["csirt-pe"][..], "ambiguous", ar),
        ("a team of no place", Some(&without_member), PLANNED, &["csirt-pe"][..], "nobody", nobodys + ar),
    ] {
        let report = dry(name, memorandum.map(String::as_str), at, &wish).await.unwrap();
        assert_eq!(told(&report), expected, "{name}");
        assert_eq!(left(&report, reason), hits, "{name}: {report:?}");
    }
    // An institution gets what lies in its own block, and the team the rest; of two that overlap neither does, nor the team.
    let first = planned.address("AR").to_string();
    let block = first.strip_suffix(".9").unwrap();
    let bank = |id: &str| {
        format!(
            r#"id = "{id}", member = "ar", kind = "institution", covers = ["{block}.0/13"], name = "Bank""#
        )
    };
    let one =
        dry("one bank", Some(&planned.naming(&[AR, PE, &bank("bank-one")])), PLANNED, &wish).await.unwrap();
    let banks = rows(&one, "bank-one");
    assert!(banks > 0 && banks + rows(&one, "csirt-ar") == ar && rows(&one, "csirt-pe") == pe, "{one:?}");
    let overlap = planned.naming(&[AR, PE, &bank("bank-one"), &bank("bank-two").replace("/13", "/14")]);
    let two = dry("two banks", Some(&overlap), PLANNED, &wish).await.unwrap();
    let disputed = left(&two, "ambiguous");
    assert!(disputed > 0 && rows(&two, "bank-two") == 0, "{two:?}");
    assert_eq!((rows(&two, "bank-one"), rows(&two, "csirt-ar")), (banks - disputed, ar - banks));

    // One that mail does not reach waits; one whose member left is told nothing.
    let waits = dry("courier", Some(&courier), PLANNED, &wish).await.unwrap();
    assert_eq!(
        (told(&waits), waits.without_key.clone()),
        (vec!["csirt-pe"], vec![("csirt-ar".to_owned(), ar)])
    );
    let gone = dry("opted out", Some(&opted_out), PLANNED, &wish).await;
    assert!(
        matches!(&gone, Err(NodeError::Refused { .. }))
            || gone.as_ref().is_ok_and(|r| told(r) == ["csirt-pe"]),
        "{gone:?}"
    );

    // Rows that are refused: nothing is told to anybody, and nothing is written.
    let share = "categories = [\"victim-ip\", \"sinkhole-log\"]\npurpose = [\"victim-notification\"]\nact = [\"receive\"]";
    let narrow = both.replace(
        &format!("members = \"all\"\nconcerns = \"own\"\n{share}"),
        &format!("members = [\"pe\"]\nconcerns = \"own\"\n{share}"),
    );
    let without_addresses = both.replace(share, &share.replace("\"victim-ip\", ", ""));
    let pseudonymous = both.replace(
        "purpose = [\"victim-notification\"]\nform = \"clear\"",
        "purpose = [\"victim-notification\"]\nform = \"aggregate(10)\"",
    );
    assert!([&narrow, &without_addresses, &pseudonymous].iter().all(|t| **t != both));
    for (name, text) in [
        ("another member alone may receive", narrow),
        ("addresses are not shared", without_addresses),
        ("addresses may not leave in the clear", pseudonymous),
    ] {
        let (node, out) = planned.home(name, Some(&text), PLANNED).await;
        let refused = node.notify(plan, &wish, &out, false).await.unwrap_err();
        assert_eq!(refused.ending().code(), 3, "{name}: {refused:?}");
        assert!(!out.exists(), "{name}");
        assert_eq!(
            node.remedied(plan, None).await.unwrap_err().ending().code(),
            1,
            "{name}: nobody was told"
        );
        node.close().await.unwrap();
    }
    // No mail can be written: said before anything is.
    for (name, wish, text) in [
        ("contact", Wish { contact: "nobody".into(), ..Wish::default() }, both.clone()),
        ("address", wish.clone(), both.replace("duty@team.example", "https://team.example/portal")),
    ] {
        let (node, out) = planned.home(name, Some(&text), PLANNED).await;
        let refused = node.notify(plan, &wish, &out, false).await.unwrap_err();
        assert!(matches!(refused, NodeError::Unreached { .. }) && !out.exists(), "{name}: {refused:?}");
        node.close().await.unwrap();
    }
    // Tables of places that do not go back so far, and one in which no place is known.
    let places = planned.operation.dir.join("operation/geo.mmdb");
    let late =
        Wish { places: vec![("2026-03-20T00:00:00Z".parse().unwrap(), places.clone())], ..wish.clone() };
    let report = dry("late table", Some(&both), PLANNED, &late).await.unwrap();
    let placed = base.unrouted.iter().map(|l| l.hits).sum::<u64>() - left(&base, "private");
    assert_eq!((told(&report), left(&report, "no-table")), (vec![], ar + pe + placed));

    past_its_day(&planned, &wish, &both).await;
    what_telling_did(&planned, &wish, &both).await;
}

/// Machines of the told and of those that wait are counted as a plain reading of the logs counts them.
async fn what_telling_did(planned: &Planned, wish: &Wish, both: &str) {
    let (node, out) = planned.home("drawn", Some(both), PLANNED).await;
    let plan = planned.plan.as_str();
    let none = node.remedied(plan, None).await.unwrap_err();
    assert!(matches!(none, NodeError::NobodyTold { .. }), "{none:?}");
    let half = Wish { later: 500, ..wish.clone() };
    let done = node.notify(plan, &half, &out, false).await.unwrap();
    assert!(left(&done, "later") > 0 && !done.told.is_empty(), "{done:?}");
    let early = node.remedied(plan, None).await.unwrap_err();
    assert_eq!(early.ending().code(), 7, "nothing was seen since: {early:?}");
    node.noted_arrival(done.told[0].release.as_ref().unwrap().as_str(), true).await.unwrap();

    let operation = planned.operation.dir.join("operation");
    exercise::aftermath(&operation, &comity::demo::taken(&planned.made), &[], &mut |_| ()).unwrap();
    let (found, _) = comity::node::ingest::sources(&[operation.join("after")], node.home.root());
    node.ingest(found, &Manner::house("the days after"), &|_| ()).await.unwrap();
    let report = node.remedied(plan, None).await.unwrap();

    // The logs, read line by line.
    let geo = comity::node::protect::Geo::open(&operation.join("geo.mmdb")).unwrap();
    let channels = node.plan_channels(plan).await.unwrap();
    let mut before: BTreeMap<String, (BTreeSet<(String, u32)>, bool)> = BTreeMap::new();
    let mut after = BTreeSet::new();
    for line in
        [operation.join("company"), operation.join("after")].iter().flat_map(|f| crate::notify::lines(f))
    {
        let Ok(hit) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
        let Some(bot) = hit["bot"].as_str() else { continue };
        let day = hit["event"].as_str().unwrap().parse::<Timestamp>().unwrap().day();
        if (report.before.0..=report.before.1).contains(&day) {
            let (place, network) = geo.locate(hit["source"].as_str().unwrap().parse().unwrap());
            let seen = before.entry(bot.to_owned()).or_default();
            seen.0.insert((place.to_string(), network));
            seen.1 |= channels.contains(hit["channel"].as_str().unwrap());
        }
        if (report.after.0..=report.after.1).contains(&day) {
            after.insert(bot.to_owned());
        }
    }
    let (seed, _) = done.later.clone().unwrap();
    let later = Later { seed: seed.parse::<terms::Digest>().unwrap().0, per_mille: 500 };
    let mut expected = [Group::default(), Group::default()];
    let mut networks = [BTreeSet::new(), BTreeSet::new()];
    for (bot, (seen, _)) in before.iter().filter(|(_, (seen, ours))| *ours && seen.len() == 1) {
        let (place, network) = seen.first().unwrap();
        if ["AR", "PE"].contains(&place.as_str()) {
            let group = usize::from(later.holds(*network));
            expected[group].machines += 1;
            expected[group].gone += u64::from(!after.contains(bot));
            networks[group].insert((place, network));
        }
    }
    for (group, networks) in expected.iter_mut().zip(&networks) {
        group.networks = networks.len() as u64;
    }
    assert_eq!([report.all.told, report.all.later], expected);
    assert!(expected.iter().all(|g| g.machines > 20 && g.gone > 0), "{expected:?}");
    // Two countries of the exercise have too few networks: nothing is said of an effect.
    assert!(
        report.all.remedy.is_none() && report.all.cannot.as_ref().is_some_and(|c| c.contains("at least 8"))
    );
    let of = |id: &str| report.recipients.iter().find(|r| r.recipient == id).unwrap();
    let first = of(&done.told[0].recipient);
    assert_eq!(first.notices, BTreeMap::from([("arrived".to_owned(), 1)]));
    let sum: u64 = report.recipients.iter().map(|r| r.effect.told.machines).sum();
    assert!(sum <= report.all.told.machines && sum > 0);

    // Who waited is drawn once for all runs of a plan; when those that waited were told, the comparison ends.
    let dry = node.notify(plan, &half, &out, true).await.unwrap();
    assert_eq!(dry.later, done.later);
    node.notify(plan, wish, &out.with_extension("rest"), false).await.unwrap();
    let ended = node.remedied(plan, None).await.unwrap_err();
    assert!(matches!(ended, NodeError::NotRemedied { .. }), "{ended:?}");
    node.close().await.unwrap();
}

/// What was received under an agreement is told to nobody once its day of erasure has passed.
async fn past_its_day(planned: &Planned, wish: &Wish, both: &str) {
    let (node, out) = planned.home("overdue", Some(both), PLANNED).await;
    let before = node.notify(&planned.plan, wish, &out, true).await.unwrap();
    let channel =
        node.plan_channels(&planned.plan).await.unwrap().into_iter().find(|c| !c.contains(':')).unwrap();
    let source = planned.address("AR");
    let report = format!(
        "timestamp,src_ip,src_port,infection,http_host\n2026-03-05 10:00:00,{source},51234,harbour,{channel}\n"
    );
    let manner = Manner {
        why: "release r-1 from region".into(),
        act: evidence::custody::Act::Receive,
        ..Manner::house("")
    };
    let done = node
        .ingest(vec![Source::Bytes("report.csv".into(), report.into_bytes())], &manner, &|_| ())
        .await
        .unwrap();
    assert_eq!(done.taken[0].rows, 1, "{done:?}");
    let more = node.notify(&planned.plan, wish, &out, true).await.unwrap();
    assert_eq!((rows(&more, "csirt-ar"), more.overdue), (rows(&before, "csirt-ar") + 1, 0));
    // It came with a release that ends tomorrow.
    let ends: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
    received(&node, done.taken[0].exhibit, ends).await;
    let until = node.notify(&planned.plan, wish, &out, true).await.unwrap();
    assert_eq!((rows(&until, "csirt-ar"), until.overdue), (rows(&more, "csirt-ar"), 0));
    node.close().await.unwrap();

    let clock = Arc::new(SetClock::new("2026-03-10T12:00:01Z".parse().unwrap()));
    let options = Options {
        dir: planned.folder.path().join("rows/overdue/home"),
        passphrase: zeroize::Zeroizing::new("an exercise has no secrets".to_owned()),
        person: None,
        clock,
        program: env!("CARGO_BIN_EXE_comity").into(),
        flags: Flags::default(),
    };
    let node = Node::open(&options, "act").await.unwrap();
    let after = node.notify(&planned.plan, wish, &out, true).await.unwrap();
    assert_eq!((rows(&after, "csirt-ar"), after.overdue), (rows(&before, "csirt-ar"), 1));
    node.close().await.unwrap();
}

/// Notes that an exhibit came with a release of the Union's.
async fn received(node: &Node, exhibit: terms::ExhibitId, ends: Timestamp) {
    use comity::store::records::{RELEASES, Record};
    let digest = terms::Digest::of(b"bundle");
    let body = serde_json::json!({
        "record": { "schema": "comity.release-record/1", "payload": digest, "bundle": digest, "header": {
            "schema": "comity.release/1", "release": "r-1", "from": "region", "to": "company", "purpose": "victim-notification",
            "member": null, "agreement": "company-region", "version": null, "clauses": [], "duties": [], "erase_by": ends,
            "released": PLANNED, "size": 1,
        } },
        "exhibit": exhibit, "erase_by": ends, "items": [exhibit],
    });
    let kept: comity::node::share::KeptRelease = serde_json::from_value(body).unwrap();
    let record = Record {
        id: "r-1".into(),
        belongs: "region".into(),
        status: "received".into(),
        at: PLANNED.parse().unwrap(),
        until: Some(ends),
        body: kept,
    };
    let mut tx = node.state.begin().await.unwrap();
    RELEASES.put(&mut tx, &record).await.unwrap();
    tx.commit().await.unwrap();
}
