//! Counts with noise, from the company's sinkhole to two partners: what leaves, what it costs, and that it ends.

use crate::support;
use comity::demo::Operation;
use comity::node::Node;
use comity::node::agree;
use comity::node::error::NodeError;
use comity::node::ingest::{Manner, sources};
use comity::node::noisy::Asked;
use comity::node::share::{Shared, What, Wish};
use comity::store::{StoreError, odometers};
use exercise::Spec;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use terms::{PartnerId, Purpose};

const SPEC: Spec = Spec { seed: 7, bots: 400, days: 7, hosts: 8 };

/// A memorandum under which `to` may have noisy counts within `form`.
fn text(to: &str, keys: (&str, &str), form: &str) -> String {
    let (company, other) = keys;
    let clauses = [
        (
            "1.1 The company",
            format!(
                "kind = \"party\"\nid = \"company\"\nname = \"Meridian Software\"\nkey = \"{company}\"\nsignatory = \"General Counsel\"\nplace = \"US\""
            ),
        ),
        (
            "1.2 The other",
            format!(
                "kind = \"party\"\nid = \"{to}\"\nname = \"The Other\"\nkey = \"{other}\"\nsignatory = \"Director\"\nplace = \"NL\""
            ),
        ),
        (
            "2.1 What for",
            format!(
                "kind = \"purpose\"\npurposes = [\"botnet-measurement\", \"evidence-in-court\"]\nbasis = {{ company = \"contract\", {to} = \"statute\" }}"
            ),
        ),
        (
            "3.1 Counts",
            format!(
                "kind = \"share\"\nfrom = \"company\"\nto = \"{to}\"\ncategories = [\"victim-ip\"]\npurpose = [\"botnet-measurement\", \"evidence-in-court\"]\nact = [\"dp-count\"]"
            ),
        ),
        ("4.1 Noise", format!("kind = \"protect\"\ncategories = [\"victim-ip\"]\nform = \"{form}\"")),
        ("5.1 Marks", "kind = \"handling\"\nfloor = \"clear\"\ncodes = [\"h0\", \"h1\"]".into()),
        ("6.1 Keeping", "kind = \"retain\"\ndays = 90".into()),
        (
            "8.1 Term",
            format!(
                "kind = \"term\"\nagreement = \"company-{to}\"\nversion = 1\nfrom = 2026-01-01\nuntil = 2026-12-31"
            ),
        ),
    ];
    let mut out = String::from("# Company and the Other\n");
    for (heading, block) in clauses {
        out.push_str(&format!("\n### {heading}\n\nThe parties agree.\n\n```clause\n{block}\n```\n"));
    }
    out
}

async fn sign(operation: &Operation, to: &str, form: &str) {
    let (company, other) = (operation.node("company"), operation.node(to));
    let text = text(to, (&company.organisation_key(), &other.organisation_key()), form);
    let parsed = agree::parse(&format!("company-{to}.mou.md"), &text).unwrap();
    let both = other.sign(&parsed, Some(company.sign(&parsed, None).unwrap())).unwrap();
    company.join(&text, both.clone()).await.unwrap();
    other.join(&text, both).await.unwrap();
}

fn wish(to: &str, epsilon: &str, span: &str, purpose: Purpose) -> Wish {
    Wish {
        what: What::Counts,
        of: String::new(),
        with: PartnerId::new(to).unwrap(),
        member: None,
        purpose,
        noisy: Some(Asked { epsilon: epsilon.parse().unwrap(), span: Some(span.parse().unwrap()) }),
        seen: botnet::telemetry::Window::ALL,
    }
}

async fn ask(node: &Node, to: &str, epsilon: &str, span: &str) -> Result<Shared, NodeError> {
    node.share(&wish(to, epsilon, span, Purpose::BotnetMeasurement), false).await
}

async fn spent(node: &Node) -> Vec<(String, String)> {
    let mut conn = node.state.read().await.unwrap();
    let all = odometers::list(&mut conn).await.unwrap();
    all.into_iter().map(|s| (s.data_set, s.spent.to_string())).collect()
}

#[track_caller]
fn refused(result: Result<Shared, NodeError>) -> (String, Vec<String>) {
    match result {
        Err(NodeError::Refused { sentence, clauses, .. }) => (sentence, clauses),
        other => panic!("not refused: {other:?}"),
    }
}

/// Takes a bundle in at a partner; the noisy counts in it, and the bytes of its exhibits.
async fn taken(operation: &Operation, to: &str, shared: &Shared) -> (exchange::counts::Counts, Vec<u8>) {
    let file = operation.dir.join(format!("{}.bundle", shared.release.as_ref().unwrap()));
    Node::write_bundle(&file, &shared.bundle).unwrap();
    let node = operation.node(to);
    let (found, _) = sources(&[file], node.home.root());
    let ingested = node.ingest(found, &Manner::house("handed over"), &|_| ()).await.unwrap();
    let (bundles, _) = node.cross(&ingested).await.unwrap();
    let bundle = bundles.into_iter().next().unwrap();
    let bytes = node.vault.read(&bundle.exhibits[0], 1 << 20).await.unwrap();
    (bundle.counts.into_iter().next().unwrap(), bytes)
}

/// The sources and bot ids in sinkhole lines below a folder.
fn seen_by_the_sinkhole(folder: &Path) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for file in support::files_below(folder, "") {
        if !file.ends_with(".ndjson.zst") {
            continue;
        }
        let packed = std::fs::File::open(folder.join(file)).unwrap();
        let text = String::from_utf8(zstd::decode_all(packed).unwrap()).unwrap();
        let lines = text.lines().filter(|l| l.contains("\"comity.sinkhole/1\""));
        for line in lines.filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok()) {
            all.extend(["source", "bot"].iter().filter_map(|k| line[k].as_str()).map(str::to_owned));
        }
    }
    all
}

/// A share that is dropped at any instant either spent nothing, or spent and kept its answer: then the next asking gives
/// that answer and pays nothing. It is never paid for twice and never answered unpaid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_that_is_cut_short_has_spent_or_has_not() {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_comity"));
    let operation = Operation::begin(folder.path(), &SPEC, program, &mut |_| ()).await.unwrap();
    let company = operation.node("company");
    sign(&operation, "region", "dp(5, bot, month)").await;
    let mut spent_unseen = 0;
    for round in 1..=8u64 {
        let epsilon = format!("0.0{round}");
        let mut wait = 0;
        loop {
            let cut = tokio::time::timeout(
                Duration::from_micros(wait),
                ask(company, "region", &epsilon, "2026-03"),
            )
            .await;
            // Both of one instant: what was cut may still be committing.
            let mut conn = company.state.begin().await.unwrap();
            let question = format!("bots per place/2026-03/{epsilon}");
            let kept: Option<exchange::counts::Counts> =
                odometers::answer(&mut conn, &question).await.unwrap();
            let spent = odometers::spent(&mut conn, "sightings/2026-03").await.unwrap().in_micros();
            conn.rollback().await.unwrap();
            let before = (1..round).sum::<u64>() * 10_000;
            assert_eq!(spent, before + if kept.is_some() { round * 10_000 } else { 0 });
            match cut {
                Ok(Ok(answered)) => {
                    let cost = answered.cost.unwrap();
                    assert!(kept.is_some());
                    spent_unseen += u32::from(cost.again);
                    break;
                }
                // What was cut before still held the ledger: this asking ended without an answer too.
                Ok(Err(NodeError::Store(StoreError::Fenced { .. }))) => {}
                Ok(Err(e)) => panic!("{e}"),
                Err(_) => {}
            }
            wait += wait / 8 + 150 + round * 97;
        }
    }
    println!("{spent_unseen} of 8 were cut between the spend and the answer");
    operation.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noisy_counts_leave_under_one_budget_over_all_partners() {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_comity"));
    let operation = Operation::begin(folder.path(), &SPEC, program, &mut |_| ()).await.unwrap();
    let company = operation.node("company");
    sign(&operation, "region", "dp(0.5, bot, month)").await;
    sign(&operation, "police", "dp(0.6, bot, month)").await;
    sign(&operation, "fintech", "dp(5, bot, month)").await;
    let (found, _) = sources(&[folder.path().join("operation/company")], company.home.root());
    company.ingest(found, &Manner::house("test"), &|_| ()).await.unwrap();
    let exact = company.tables().await.unwrap().per_place(botnet::telemetry::Window::ALL, 1).await.unwrap();
    let month = "2026-03";
    assert!(exact.iter().map(|p| p.bots).sum::<u64>() > 300, "there is something to count");

    // A dry run rules and says what it would cost; it draws nothing and spends nothing, however often.
    for _ in 0..20 {
        let dry =
            company.share(&wish("region", "0.2", month, Purpose::BotnetMeasurement), true).await.unwrap();
        let cost = dry.cost.unwrap();
        assert_eq!((cost.cost.to_string(), cost.data_sets[0].left.to_string()), ("0.2".into(), "0.8".into()));
    }
    assert!(spent(company).await.is_empty());

    // The region gets counts with their error bar. It is the ledger's before it is the region's.
    let before = company.sequencer.head().await.unwrap().size;
    let first = ask(company, "region", "0.2", month).await.unwrap();
    assert!(first.clauses.iter().any(|c| c == "company-region 3.1"), "{:?}", first.clauses);
    assert_eq!(spent(company).await, [("sightings/2026-03".to_owned(), "0.2".to_owned())]);
    assert!(company.sequencer.head().await.unwrap().size >= before + 4, "ruling, release, custody and spend");
    let (counts, bytes) = taken(&operation, "region", &first).await;
    assert_eq!(
        (counts.epsilon, counts.sensitivity, counts.error, counts.places.len()),
        (200_000, 1, 15, 196)
    );
    // Noise of scale 5 is beyond 150 with a chance of 1e-13 for a place: what left is near the truth, and is not the truth.
    let true_of = |place| exact.iter().find(|p| p.place == place).map_or(0, |p| p.bots);
    assert!(counts.places.iter().all(|(place, n)| n.abs_diff(true_of(*place)) <= 150), "{counts:?}");
    assert!(counts.places.iter().filter(|(place, n)| *n != true_of(*place)).count() > 50);

    // The same question again, by the same and by another partner: the same answer to the byte, and no cost.
    let again = ask(company, "region", "0.2", month).await.unwrap();
    assert!(again.cost.as_ref().unwrap().again);
    let (same, same_bytes) = taken(&operation, "region", &again).await;
    let elsewhere = ask(company, "police", "0.2", month).await.unwrap();
    let (other, other_bytes) = taken(&operation, "police", &elsewhere).await;
    assert_eq!((&same, &other), (&counts, &counts));
    assert_eq!((same_bytes, &other_bytes), (bytes.clone(), &bytes));
    assert_eq!(spent(company).await[0].1, "0.2");

    // Two partners share one budget: the police spends, and the region's own clause has no room left.
    ask(company, "police", "0.3", month).await.unwrap();
    let (sentence, clauses) = refused(ask(company, "region", "0.1", month).await);
    assert!(clauses.iter().any(|c| c.starts_with("company-region ")), "{sentence}");
    assert!(
        sentence.contains("0.5 is spent over all partners")
            && sentence.contains("0.5 of this home's 1 is left"),
        "{sentence}"
    );
    // The police may ask once more, and then theirs is spent too. A week is not what its clause speaks of.
    refused(ask(company, "police", "0.1", "2026-W10").await);
    ask(company, "police", "0.1", month).await.unwrap();
    refused(ask(company, "police", "0.05", month).await);
    // Where a clause would let it pass, the home's own budget still stands.
    ask(company, "fintech", "0.35", month).await.unwrap();
    let (sentence, clauses) = refused(ask(company, "fintech", "0.06", month).await);
    assert!(sentence.contains("0.05") && clauses.iter().any(|c| c == "company-fintech 3.1"), "{sentence}");
    assert_eq!(spent(company).await, [("sightings/2026-03".to_owned(), "0.95".to_owned())]);
    // What was drawn is still answered.
    assert!(ask(company, "fintech", "0.35", month).await.unwrap().cost.unwrap().again);

    // Never for a court, by a standing prohibition; and a clause for months gives no day.
    let court = company.share(&wish("fintech", "0.01", "2026-04", Purpose::EvidenceInCourt), false).await;
    let Err(NodeError::Refused { code, sentence, .. }) = court else {
        panic!("counts for a court: {court:?}")
    };
    assert_eq!(code, "CMT-0204", "{sentence}");
    refused(ask(company, "fintech", "0.01", "2026-03-02").await);
    assert_eq!(spent(company).await.len(), 1);

    // The telltale: every address that the sinkhole saw, and every bot's id, is looked for in what left.
    let secrets = seen_by_the_sinkhole(&folder.path().join("operation/company"));
    assert!(secrets.len() > 300, "{}", secrets.len());
    for bytes in [&bytes, &other_bytes, &first.bundle] {
        let found = secrets.iter().find(|s| bytes.windows(s.len()).any(|w| w == s.as_bytes()));
        assert_eq!(found, None, "it left this home");
    }
    // No address and no pseudonym of anybody is in what left; the ledgers verify, with the spends on them.
    for bytes in [&bytes, &other_bytes] {
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.starts_with("{\"schema\":\"comity.noisy-counts/1\""));
        assert!(!text.contains("b:") && !text.contains("p:") && !text.contains("\"source\""), "{text}");
    }
    for name in ["company", "police", "region"] {
        let verified = operation.node(name).verify_home(&|_| ()).await.unwrap();
        assert!(verified.problems.is_empty(), "{name}: {:?}", verified.problems);
    }

    // The listing of the command line reads the same, without a key.
    let home = company.home.root().to_owned();
    operation.end().await.unwrap();
    let listed = support::comity(&home)
        .env_remove("COMITY_PASSPHRASE")
        .args(["doctor", "--budgets", "--json"])
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", support::said(&listed));
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!((listed["schema"].as_str(), listed["budget"].as_str()), (Some("comity.budgets/1"), Some("1")));
    let set = &listed["data_sets"][0];
    assert_eq!((set["spent"].as_str(), set["left"].as_str()), (Some("0.95"), Some("0.05")));
    let partners: Vec<String> = set["partners"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| format!("{} {} {}", p["partner"], p["spent"], p["answers"]))
        .collect();
    assert_eq!(partners, ["\"fintech\" \"0.35\" 2", "\"police\" \"0.4\" 3", "\"region\" \"0.2\" 2"]);
}
