//! The operation end to end: four partners in one process, from the first exhibit to the measured dismantling.
//!
//! A company finds a botnet in its logs and samples. With a police agency, a regional organisation and a
//! financial-technology provider it examines, assesses, plans, acts and measures. Every claim is held against the truth of
//! the exercise, which no node has read.

use comity::demo::Operation;
use comity::node::Node;
use comity::node::error::NodeError;
use comity::node::share::What;
use comity::node::sinkhole::Wanted;
use comity::store::{exhibits, findings};
use exercise::{Spec, Truth};
use std::collections::BTreeSet;
use std::path::Path;
use takedown::Asset;
use terms::{Place, Purpose};

/// The exercise's default size: large enough for its rarest group to be measured.
const SPEC: Spec = Spec { seed: 7, bots: 5_000, days: 7, hosts: 60 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_operation_from_the_first_exhibit_to_the_measured_dismantling() -> Result<(), NodeError> {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_comity"));

    // Four partners. Each has its own home; the company signed with each of the others, and they with nobody else.
    let operation = Operation::begin(folder.path(), &SPEC, program, &mut |_| ()).await?;
    let agreements = operation.sign().await?;
    assert!(agreements.iter().all(|a| a.state == "in force"), "{agreements:?}");
    let truth = operation.truth.clone();

    // They take in what they hold. Nothing is lost, and what is there twice is one exhibit.
    for (partner, taken) in operation.ingest(&|_| ()).await? {
        assert!(taken.not_sealed.is_empty(), "{partner}: {:?}", taken.not_sealed);
        assert!(
            taken.taken.iter().all(|t| t.unreadable.is_empty()),
            "{partner}: something could not be read"
        );
    }

    // The company examines samples and traffic, and assesses.
    operation.analyze(&|_| ()).await?;
    let threats = operation.assess().await?;
    let threat = threats.first().unwrap();
    assert_eq!(
        threat.family.as_deref(),
        Some(truth.family.as_str()),
        "the botnet is the first of the threats"
    );
    every_command_channel_is_found(threat, &truth);

    // It opens a case and tells the police what commands the botnet. The police's receipt comes back.
    let case = operation.open(&threat.id).await?;
    let case = case.id.as_str();
    let (shared, taken, receipt) =
        operation.release("company", "police", None, What::Indicators, case, Purpose::Investigation).await?;
    assert!(
        !shared.clauses.is_empty() && shared.clauses == taken.clauses,
        "both sides rule on the same clauses"
    );
    assert_eq!(Some(receipt.release), shared.release);

    // Victims' addresses are not the police's to have: the refusal names its clause, and nothing was written.
    let refused =
        operation.release("company", "police", None, What::Victims, case, Purpose::Investigation).await;
    assert!(refused.is_err(), "victims without a member");
    let refused =
        operation.release("company", "police", Some("de"), What::Victims, case, Purpose::Investigation).await;
    let Err(NodeError::Refused { sentence, clauses, .. }) = refused else {
        panic!("not refused: {refused:?}")
    };
    assert!(clauses.iter().any(|c| c.starts_with("company-police ")), "{sentence}");

    // Agreements do not chain: between the others nothing passes, in any direction.
    nothing_passes_between_the_others(&operation).await;

    // Each state gets its own victims and nobody else's.
    let told = each_state_gets_its_own_victims(&operation, case, &truth).await?;
    assert!(told.len() >= 40, "only {} states were told", told.len());

    // The partners hand over their orders and the accounts that stand out. A first plan asks the police privately.
    let papers = operation.papers().await?;
    accounts_leave_as_tokens_only(&operation, &papers.last().unwrap().1.exhibits).await?;
    let draft = operation.plan(case).await?;
    let (_, _, answers) = operation
        .release("company", "police", None, What::Question, draft.plan.id.as_str(), Purpose::Takedown)
        .await?;
    assert_eq!(answers.hits.len(), 1, "one asset is the police's own: {:?}", answers.hits);

    // The plan acts on the criminals only, under a power and an authority, and says what it cannot reach.
    let report = operation.plan(case).await?;
    let plan = &report.plan;
    nothing_untouchable_is_planned_against(plan, &truth);
    let stopped: BTreeSet<&str> = plan.blocked.iter().flat_map(|b| &b.why).map(|w| w.code.code()).collect();
    for (code, why) in
        [("CMT-0801", "an expired order"), ("CMT-0802", "a shared host"), ("CMT-0804", "a covert server")]
    {
        assert!(stopped.contains(code), "{why} stops nothing: {stopped:?}");
    }
    assert!(plan.notifications.iter().any(|n| n.code == "CMT-0803"), "the compromised clinic is told");
    assert!(plan.floor.surviving > 0 && plan.floor.surviving < plan.population);
    for act in truth.channels.iter().filter(|c| c.act && c.standing == terms::Standing::Criminal) {
        let planned = plan.actions.iter().any(|a| covers(&a.asset, &act.key));
        assert!(planned, "{} could be taken and is not: {}", act.key, act.why);
    }

    // Everybody gets a package of their own.
    // Its sinkholes are not the company's: it is told whose they are.
    let wanted =
        Wanted { contact: "abuse@company.example".into(), addresses: Vec::new(), notification: None };
    let theirs = operation.company.sinkholes_of(plan.id.as_str(), &wanted).await.err().map(|e| e.to_string());
    let theirs = theirs.unwrap_or_default();
    assert!(theirs.contains("of police/") && theirs.contains("region/"), "{theirs}");
    let acted = operation.act(plan.id.as_str()).await?;
    assert!(acted.packages.len() >= 4, "{:?}", acted.packages.len());
    // A court needs none of our programs to check one.
    let richest = acted.packages.iter().max_by_key(|p| p.exhibits.len()).unwrap();
    crate::foreign::accepted(&richest.folder);

    // The hour passes. The effect is measured by identity, within a tenth of the truth.
    let (aftermath, _) = operation.aftermath(plan, &told, &mut |_| ()).await?;
    assert!(aftermath.wrongly_taken.is_empty(), "{:?}", aftermath.wrongly_taken);
    let measured = operation.measure(plan.id.as_str()).await?;
    let outcome = &measured.outcome;
    within_a_tenth(
        "bots before",
        outcome.before.bots,
        truth.population.at_takedown,
        truth.population.at_takedown,
    );
    let commanded = outcome.migrated.bots + outcome.surviving.bots;
    within_a_tenth("still commanded", commanded, aftermath.migrated, aftermath.before);
    within_a_tenth("contained", outcome.contained.bots, aftermath.contained, aftermath.before);
    within_a_tenth("cured", outcome.cured.bots, aftermath.cured, aftermath.before);
    // Of the machines infected at the hour so many still are, and nothing comes back.
    let survival = measured.survival.as_ref().unwrap();
    let left = survival.all.left.unwrap();
    let truly = (aftermath.contained + aftermath.migrated) as f64 / truth.population.at_takedown as f64;
    assert!(
        (left.best - truly).abs() < 0.03 && left.low < left.best && left.best < left.high,
        "{left:?} {truly}"
    );
    let in_places: u64 = survival.places.iter().map(|(_, c)| c.machines).sum();
    assert!(survival.places.len() > 5 && in_places <= survival.all.machines && !survival.networks.is_empty());
    assert_eq!(measured.watched.as_ref().unwrap().since, None, "{:?}", measured.watched);

    // Every act is on a ledger that anybody can check.
    for name in ["company", "police", "region", "fintech"] {
        let verified = operation.node(name).verify_home(&|_| ()).await?;
        assert!(verified.problems.is_empty(), "{name}: {:?}", verified.problems);
        assert!(verified.ledger.is_some_and(|l| l.size > 0));
        nothing_personal_is_on_the_ledger(operation.node(name), &truth).await?;
    }
    // Each saw the other's ledger grow, and cosigned it where the agreement names it.
    for name in ["company", "police", "region"] {
        let heads = operation.node(name).heads().await?;
        assert!(!heads.alarmed() && !heads.partners.is_empty(), "{name}: {heads:?}");
        assert!(heads.witnessed() || name == "company", "{name}: {:?}", heads.demands);
    }
    operation.end().await
}

/// The telltale of accounts: no number that the institutions know is in what the company got.
async fn accounts_leave_as_tokens_only(
    operation: &Operation,
    exhibits: &[terms::ExhibitId],
) -> Result<(), NodeError> {
    let known = std::fs::read_to_string(operation.dir.join("operation/fintech/accounts.ndjson")).unwrap();
    let account = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["account"].as_str().unwrap().to_ascii_lowercase()
    };
    let known: BTreeSet<String> = known.lines().map(account).collect();
    let text =
        String::from_utf8(operation.node("company").vault.read(&exhibits[0], 64 << 20).await?).unwrap();
    assert!(known.len() > 10 && text.lines().count() > 2, "there is something to hide");
    for line in text.lines() {
        let token = account(line);
        let form = |c: char| {
            if c.is_ascii_digit() {
                '0'
            } else if c.is_ascii_alphabetic() {
                'a'
            } else {
                c
            }
        };
        let shape: String = token.trim_start_matches("t:").chars().map(form).collect();
        assert!(token.starts_with("t:") && shape == "aa-00000000", "{token}");
    }
    let text = text.to_ascii_lowercase();
    assert_eq!(known.iter().find(|number| text.contains(number.as_str())), None, "an account left in clear");
    Ok(())
}

/// Every fixed channel of the truth and the generator of the generated ones are in the threat.
fn every_command_channel_is_found(threat: &threat::Threat, truth: &Truth) {
    let found: BTreeSet<String> = threat.channels.iter().map(|c| c.channel.key()).collect();
    for channel in &truth.channels {
        let generated = channel.class == terms::AssetClass::GeneratedDomain;
        assert!(generated || found.contains(&channel.key), "{} was not found", channel.key);
    }
    assert!(threat.algorithms.contains(&truth.dga), "the generator was not found");
    for benign in truth.benign.domains.iter().chain(&truth.benign.addresses) {
        let hit = found.iter().any(|f| f == benign || f.split(':').next() == Some(benign));
        assert!(!hit, "{benign} is harmless");
    }
}

fn covers(asset: &Asset, key: &str) -> bool {
    match asset {
        Asset::Channel { channel } => channel.key() == key,
        Asset::Generated { names, .. } => names.iter().any(|n| n == key),
        Asset::Account { account, .. } => account == key,
    }
}

fn nothing_untouchable_is_planned_against(plan: &takedown::Plan, truth: &Truth) {
    for untouchable in &truth.untouchable {
        for action in &plan.actions {
            let keys: Vec<String> = match &action.asset {
                Asset::Channel { channel } => {
                    vec![channel.key(), channel.ip().map(|i| i.to_string()).unwrap_or_default()]
                }
                Asset::Generated { names, .. } => names.clone(),
                Asset::Account { account, .. } => vec![account.clone()],
            };
            assert!(
                !keys.contains(&untouchable.asset),
                "{} is planned against: {}",
                untouchable.asset,
                untouchable.why
            );
        }
    }
}

async fn nothing_passes_between_the_others(operation: &Operation) {
    for from in ["police", "region", "fintech"] {
        for to in ["police", "region", "fintech"] {
            if from == to {
                continue;
            }
            let tried = operation.release(from, to, None, What::Authorities, "", Purpose::Takedown).await;
            assert!(matches!(tried, Err(NodeError::Refused { .. })), "{from} to {to}: {tried:?}");
        }
    }
}

/// Shares each state's victims with it; holds every row against the truth's places. Returns who was told.
async fn each_state_gets_its_own_victims(
    operation: &Operation,
    case: &str,
    truth: &Truth,
) -> Result<Vec<Place>, NodeError> {
    let geo = comity::node::protect::Geo::open(&operation.dir.join("operation/geo.mmdb"))?;
    let mut told = Vec::new();
    for place in truth.places.keys() {
        let member = place.as_str().to_ascii_lowercase();
        for to in ["police", "region"] {
            let released = operation
                .release("company", to, Some(&member), What::Victims, case, Purpose::VictimNotification)
                .await;
            let Ok((_, taken, _)) = released else { continue };
            let node = operation.node(to);
            for exhibit in &taken.exhibits {
                let text = String::from_utf8(node.vault.read(exhibit, 64 << 20).await?).unwrap();
                for line in text.lines().skip(1) {
                    let address = line.split(',').nth(1).unwrap().trim_matches('"').parse().unwrap();
                    assert_eq!(
                        geo.locate(address).0,
                        *place,
                        "a victim of another state in {place}'s bundle"
                    );
                }
                assert!(text.lines().count() > 1, "{place} got an empty list");
            }
            told.push(*place);
        }
    }
    Ok(told)
}

/// Every leaf, as it stands in the tiles and with its payload decoded, is searched for what the home knows of people: who
/// acted, what they typed, digests and names of exhibits, addresses of victims, accounts.
async fn nothing_personal_is_on_the_ledger(node: &Node, truth: &Truth) -> Result<(), NodeError> {
    let mut planted: Vec<String> = vec![node.person.to_string(), "exercise Harbour Lights".into()];
    planted.push("handed over by a partner".into());
    planted.extend(truth.benign.addresses.iter().cloned());
    let mut conn = node.state.read().await?;
    for exhibit in exhibits::page(&mut conn, None, 1000).await? {
        planted.push(exhibit.id.to_string());
        planted.extend(exhibit.names.into_iter().filter(|n| n.len() > 5));
    }
    for finding in findings::page(&mut conn, None, 1000).await? {
        let text = serde_json::to_string(&finding.finding.body).unwrap();
        planted.extend(text.split('"').filter(|w| w.parse::<std::net::IpAddr>().is_ok()).map(str::to_owned));
    }
    drop(conn);
    let head = node.sequencer.head().await?;
    let folder = node.home.ledger();
    let read = |path: &str| std::fs::read(folder.join(path)).map(Some);
    let mut all = String::new();
    for index in 0..head.size {
        let leaf = ledger::proof::read_leaf(&read, &head, index).unwrap();
        let envelope = ledger::dsse::Envelope::from_json(&leaf).unwrap();
        all.push_str(std::str::from_utf8(&leaf).unwrap());
        all.push_str(std::str::from_utf8(envelope.unverified_payload()).unwrap());
    }
    assert!(planted.len() > 5 && head.size > 5, "{} values, {} leaves", planted.len(), head.size);
    for value in planted {
        assert!(!all.contains(&value), "`{value}` stands on the ledger of {}", node.partner);
    }
    Ok(())
}

#[track_caller]
fn within_a_tenth(what: &str, measured: f64, truth: u64, of: u64) {
    let off = (measured - truth as f64).abs() / of as f64;
    assert!(
        off <= 0.10,
        "{what}: measured {measured:.0}, truth {truth}, off by {:.1} % of {of}",
        off * 100.0
    );
}
