//! An order arrives at the company: it has to name victims to a police agency to whom its agreement names none. What the
//! order compels crosses once counsel and another approved; nothing else does; and while it is silent nobody is told.

use crate::support;
use comity::demo::Operation;
use comity::node::Node;
use comity::node::compel::Under;
use comity::node::error::{Ending, NodeError};
use comity::node::hand::Addressed;
use comity::node::ingest::{Ingested, Manner, Source, sources};
use comity::node::receive::{ReceivedBundle, ReceivedReceipt};
use comity::node::share::{KeptRelease, Shared, What, Wish};
use comity::store::records::{self, Record};
use evidence::custody::{Act, Event, Why};
use exercise::Spec;
use serde_json::{Value, json};
use std::path::Path;
use terms::{
    CaseId, Digest, ExhibitId, ExhibitKind, MemberId, Obtained, PartnerId, PersonId, Purpose, Role, Timestamp,
};

const SPEC: Spec = Spec { seed: 7, bots: 400, days: 7, hosts: 8 };

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The order: victims in Germany and France in the first days of March, silent until the middle of June.
fn document() -> Value {
    json!({
        "schema": "comity.compulsion/1", "id": "order-de-207", "issuer": "District Court of Harbourstadt",
        "instrument": "production-order", "offence": "computer sabotage", "addressee": "company", "to": "police",
        "member": "de", "purpose": "investigation", "categories": ["victim-ip"], "places": ["DE", "FR"],
        "period": { "from": "2026-03-02", "until": "2026-03-05" }, "targets": ["harbourlight"],
        "served": "2026-03-08T09:00:00Z", "from": "2026-03-07", "until": "2027-06-01", "gag": "2027-06-15",
        "report-back-hours": 72, "retain-days": 180
    })
}

fn with(changes: &[(&str, Value)]) -> Value {
    let mut document = document();
    changes.iter().for_each(|(word, value)| document[*word] = value.clone());
    document
}

fn wish(what: What) -> Wish {
    Wish {
        what,
        of: String::new(),
        with: PartnerId::new("police").unwrap(),
        member: Some(MemberId::new("de").unwrap()),
        purpose: Purpose::Investigation,
        noisy: None,
        seen: botnet::telemetry::Window::ALL,
    }
}

fn under(order: &str) -> Under {
    Under {
        order: order.into(),
        counsel: PersonId("counsel-1".into()),
        second: PersonId("lead-1".into()),
        period: None,
        seal_to: None,
    }
}

async fn take(node: &Node, name: &str, bytes: Vec<u8>, obtained: Obtained) -> Ingested {
    let manner = Manner { obtained, why: "served".into(), act: Act::Seal, from: None };
    let taken = node.ingest(vec![Source::Bytes(name.into(), bytes)], &manner, &|_| ()).await.unwrap();
    assert!(taken.not_sealed.is_empty());
    taken
}

/// Takes an order in; the exhibit of its document.
async fn serve(node: &Node, document: &Value) -> ExhibitId {
    let taken = take(node, "order.json", document.to_string().into_bytes(), Obtained::Compelled).await;
    assert_eq!(taken.taken[0].kind, ExhibitKind::Compulsion);
    taken.taken[0].exhibit
}

/// Four partners under the sample memorandums; the company has what its sinkhole saw, and its people.
async fn world(folder: &Path) -> Operation {
    let operation = Operation::begin(folder, &SPEC, &support::program(), &mut |_| ()).await.unwrap();
    operation.sign().await.unwrap();
    operation.clock.set(time("2026-03-09T09:00:00Z"));
    let company = operation.node("company");
    let (found, _) = sources(&[folder.join("operation/company")], company.home.root());
    company.ingest(found, &Manner::house("test"), &|_| ()).await.unwrap();
    for (name, role) in [
        ("counsel-1", Role::Counsel),
        ("lead-1", Role::CaseLead),
        ("auditor-1", Role::Auditor),
        ("dpo-1", Role::DataProtectionOfficer),
    ] {
        company.person_add(&PersonId(name.into()), role).await.unwrap();
    }
    operation
}

/// Hands a file over to a partner.
async fn hand_in(
    node: &Node,
    bytes: &[u8],
) -> Result<(Vec<ReceivedBundle>, Vec<ReceivedReceipt>), NodeError> {
    let taken = take(node, "handed over", bytes.to_vec(), Obtained::Voluntary).await;
    node.cross(&taken).await
}

fn code(error: &NodeError) -> String {
    match error {
        NodeError::NotCompelled { code, .. } => code.clone(),
        other => miette::Diagnostic::code(other).map(|c| c.to_string()).unwrap_or_default(),
    }
}

async fn exhibits(node: &Node) -> usize {
    support::acknowledged(node.home.root()).await.unwrap().len()
}

/// Every leaf of a home's ledger, as text with its statements readable.
fn ledger(node: &Node) -> String {
    let mut text = String::new();
    for file in support::files_below(node.home.root(), "ledger/tile/entries") {
        let bytes = std::fs::read(node.home.root().join(file)).unwrap();
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(!text.is_empty());
    // Statements stand in base64 inside their envelopes.
    use base64::Engine as _;
    let payloads = text.split("\"payload\":\"").skip(1).filter_map(|p| p.split('"').next());
    payloads
        .filter_map(|p| base64::prelude::BASE64_STANDARD.decode(p).ok())
        .map(|p| String::from_utf8_lossy(&p).into_owned() + "\n")
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_arrives_and_what_it_compels_crosses() {
    let folder = tempfile::tempdir().unwrap();
    let mut operation = world(folder.path()).await;
    let company = operation.node("company");
    // The memorandum names no victim to the police.
    let refused = company.share(&wish(What::Victims), false).await.unwrap_err();
    let NodeError::Refused { sentence, .. } = &refused else { panic!("{refused}") };

    // The order is served, and is an exhibit. A dry run says what it would do and leaves no trace.
    let authority = serve(company, &document()).await;
    let before = (exhibits(company).await, company.sequencer.head().await.unwrap().size);
    let dry = company.share_compelled(&wish(What::Victims), &under("order-de-207"), true).await.unwrap();
    assert!(dry.release.is_none() && dry.bundle.is_empty() && dry.records > 0);
    assert_eq!(before.0, exhibits(company).await, "a dry run keeps nothing");

    let shared = company.share_compelled(&wish(What::Victims), &under("order-de-207"), false).await.unwrap();
    let compelled = shared.compelled.clone().unwrap();
    assert_eq!((compelled.authority, compelled.order.as_str()), (authority, "order-de-207"));
    assert_eq!((shared.clauses.len(), shared.records), (0, dry.records));
    assert_eq!(compelled.gag, Some(time("2027-06-15")));
    assert!(
        shared.duties.iter().any(|d| d == "tell nobody before 2027-06-15T00:00:00Z"),
        "{:?}",
        shared.duties
    );
    let overridden = compelled.overrides.as_ref().unwrap();
    // It says what of the memorandum it overrides: the same that stood against it before.
    let against = "4.2 asks for protection `pseudonym`";
    assert!(overridden.sentence.contains(against) && sentence.contains(against), "{overridden:?}");

    // The police cannot take it in before it has the order itself.
    let police = operation.node("police");
    let early = hand_in(police, &shared.bundle).await.unwrap_err();
    assert_eq!(code(&early), "CMT-0951", "{early}");
    serve(police, &document()).await;
    let (bundles, _) = hand_in(police, &shared.bundle).await.unwrap();
    let bundle = &bundles[0];
    assert_eq!(bundle.compelled.as_ref().unwrap().counsel, None, "who approved is the company's to know");
    assert_eq!(bundle.erase_by, Some(time("2026-03-09T09:00:00Z").plus_days(180)));
    rows_lie_within_the_order(police, &bundle.exhibits, shared.records).await;
    let (_, receipts) = hand_in(company, &std::fs::read(&bundle.receipt).unwrap()).await.unwrap();
    assert_eq!(Some(&receipts[0].release), shared.release.as_ref());

    custody_says_how(company, &shared, &compelled.authority).await;
    the_ledger_names_nobody(company, &shared).await;
    nothing_is_told(&mut operation, &shared, &authority).await;
    for name in ["company", "police"] {
        let verified = operation.node(name).verify_home(&|_| ()).await.unwrap();
        assert!(verified.whole(), "{name}: {:?}", verified.problems);
    }
    operation.end().await.unwrap();
}

/// Every row is of a place, a time and a botnet that the order names.
async fn rows_lie_within_the_order(police: &Node, exhibits: &[ExhibitId], records: u64) {
    let mut rows = 0;
    for id in exhibits {
        let text = String::from_utf8(police.vault.read(id, 64 << 20).await.unwrap()).unwrap();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').map(|f| f.trim_matches('"')).collect();
            assert!(["DE", "FR"].contains(&fields[4]), "{line}");
            assert!(fields[0] >= "2026-03-02" && fields[0] < "2026-03-05", "{line}");
            assert_eq!(fields[5], "harbourlight", "{line}");
            rows += 1;
        }
        let custody = support::custody(police, id).await;
        assert!(custody.iter().any(|e| e.obtained == Some(Obtained::Compelled)), "{custody:?}");
    }
    assert!(rows > 3, "there is something to name: {rows}");
    assert_eq!(rows, records);
}

/// What was released was released because it was compelled, under that order, by an approval that can be shown.
async fn custody_says_how(company: &Node, shared: &Shared, authority: &ExhibitId) {
    let mut conn = company.state.read().await.unwrap();
    let id = shared.release.as_ref().unwrap().to_string();
    let kept: Record<KeptRelease> = records::RELEASES.get(&mut conn, &id).await.unwrap().unwrap();
    drop(conn);
    assert_eq!(kept.status, "receipted");
    let custody: Vec<Event> = support::custody(company, &kept.body.exhibit).await;
    let release = custody.iter().find(|e| e.what == Act::Release).unwrap();
    assert_eq!(
        (&release.why, release.obtained),
        (&Why::Authority("order-de-207".into()), Some(Obtained::Compelled))
    );
    let compelled = kept.body.compelled.unwrap();
    assert_eq!(compelled.authority, *authority);
    assert_eq!(release.document, Some(Digest::of(compelled.approval.unwrap().as_bytes())));
}

async fn the_ledger_names_nobody(company: &Node, shared: &Shared) {
    let text = ledger(company);
    let statement =
        text.lines().find(|l| l.contains("\"source\":\"compulsion\"") && l.contains("\"approved\"")).unwrap();
    assert!(
        statement.contains("\"gag\":\"2027-06-15T00:00:00Z\"") && statement.contains("\"key-"),
        "{statement}"
    );
    for hidden in
        ["counsel-1", "lead-1", &shared.compelled.as_ref().unwrap().authority.to_string(), "harbourlight\""]
    {
        assert!(!text.contains(hidden), "`{hidden}` stands on the ledger");
    }
}

/// While the order is silent, only counsel, auditor and who approved know; no package tells, and no partner is shown it.
async fn nothing_is_told(operation: &mut Operation, shared: &Shared, authority: &ExhibitId) {
    for (person, seen) in
        [("company-analyst", 0), ("dpo-1", 0), ("counsel-1", 1), ("lead-1", 1), ("auditor-1", 1)]
    {
        operation.company.person = PersonId(person.into());
        let listed = operation.company.compelled().await.unwrap();
        assert_eq!(listed.len(), seen, "{person}");
        assert!(listed.iter().all(|r| r.silent && r.compelled.gag == Some(time("2027-06-15"))), "{listed:?}");
        assert!(
            listed.iter().all(|r| r.compelled.approval.is_none()),
            "an approval holds signatures, and is not listed"
        );
    }
    operation.company.person = PersonId("company-analyst".into());
    let company = &operation.company;
    // Authorities are shared with partners; an order that compels is not one of them.
    let none = company
        .share(&Wish { purpose: Purpose::Takedown, member: None, ..wish(What::Authorities) }, true)
        .await;
    assert!(none.unwrap_err().to_string().contains("holds no authority"));
    // A package with the order or what it compelled is refused, with the day; under that order it is not.
    let case = threat::Case::open(CaseId::new("harbour").unwrap(), "Harbour", time("2026-03-09")).unwrap();
    let record = Record {
        id: "harbour".into(),
        belongs: String::new(),
        status: "open".into(),
        at: time("2026-03-09"),
        until: None,
        body: case,
    };
    let mut tx = company.state.begin().await.unwrap();
    records::CASES.put(&mut tx, &record).await.unwrap();
    tx.commit().await.unwrap();
    company.gather("harbour", &[authority.to_string()]).await.unwrap();
    // Nor is it shared as an exhibit of a case, whatever it is labelled, and what it compelled neither.
    let mut conn = company.state.read().await.unwrap();
    let id = shared.release.as_ref().unwrap().to_string();
    let kept: Record<KeptRelease> = records::RELEASES.get(&mut conn, &id).await.unwrap().unwrap();
    drop(conn);
    company.gather("harbour", &[kept.body.exhibit.to_string()]).await.unwrap();
    for (exhibit, because) in [(authority, "CMT-1"), (&kept.body.exhibit, "CMT-1197")] {
        let of = format!("harbour/{exhibit}");
        let refused =
            company.share(&Wish { of, member: None, ..wish(What::Exhibit) }, true).await.unwrap_err();
        assert!(code(&refused).starts_with(because), "{refused}");
    }
    let to = |authority: Option<&str>| Addressed {
        to: "prosecutor".into(),
        out: operation.dir.join("package"),
        seal_to: None,
        authority: authority.map(str::to_owned),
    };
    support::authority(company, "order-de-114").await;
    for other in [None, Some("order-de-114")] {
        let refused = company.hand("harbour", &to(other), false).await.unwrap_err();
        assert!(matches!(refused, NodeError::Silent { until } if until == time("2027-06-15")), "{refused}");
        assert_eq!(refused.ending(), Ending::Refused);
    }
    company.hand("harbour", &to(Some("order-de-207")), true).await.unwrap();
    // Once its day has come everybody may know.
    operation.clock.set(time("2027-06-15"));
    let listed = operation.company.compelled().await.unwrap();
    assert!(listed.len() == 1 && !listed[0].silent && Some(&listed[0].release) == shared.release.as_ref());
    operation.company.hand("harbour", &to(None), true).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_order_compels_stays() {
    let folder = tempfile::tempdir().unwrap();
    let operation = world(folder.path()).await;
    let company = operation.node("company");
    serve(company, &document()).await;
    let person = |name: &str| PersonId(name.into());
    for (id, changes) in [
        ("not-served", vec![("served", Value::Null)]),
        ("served-later", vec![("served", json!("2026-03-10"))]),
        ("over", vec![("until", json!("2026-03-09"))]),
        ("of-region", vec![("addressee", json!("region"))]),
        ("for-region", vec![("to", json!("region")), ("member", Value::Null)]),
        ("for-all", vec![("member", Value::Null)]),
        ("other-botnet", vec![("targets", json!(["nightferry"]))]),
        ("nobody-there", vec![("places", json!(["AQ"]))]),
        ("content", vec![("categories", json!(["content", "subscriber"]))]),
    ] {
        let mut document = with(&changes);
        document["id"] = json!(id);
        serve(company, &document).await;
    }
    let month = |span: &str| Some(span.parse().unwrap());
    let plain = || (wish(What::Victims), under("order-de-207"));
    let (victims, good) = plain();
    let of = |order: &str| (victims.clone(), under(order));
    let region = || PartnerId::new("region").unwrap();
    let rows: Vec<(&str, (Wish, Under), &str)> = vec![
        ("not served", of("not-served"), "CMT-0251"),
        ("served tomorrow", of("served-later"), "CMT-0251"),
        ("over", of("over"), "CMT-0252"),
        ("another is compelled", of("of-region"), "CMT-0253"),
        ("another gets it", of("for-region"), "CMT-0253"),
        ("another partner", (Wish { with: region(), ..victims.clone() }, good.clone()), "CMT-0253"),
        ("another member", of("for-all"), "CMT-0253"),
        ("no member", (Wish { member: None, ..victims.clone() }, good.clone()), "CMT-0253"),
        (
            "another purpose",
            (Wish { purpose: Purpose::Takedown, ..victims.clone() }, good.clone()),
            "CMT-0255",
        ),
        ("another category", of("content"), "CMT-0257"),
        ("sightings", (wish(What::Sightings), good.clone()), "CMT-0257"),
        ("indicators", (Wish { of: "case-1".into(), ..wish(What::Indicators) }, good.clone()), "CMT-0257"),
        ("a month", (victims.clone(), Under { period: month("2026-03"), ..good.clone() }), "CMT-0259"),
        ("a day later", (victims.clone(), Under { period: month("2026-03-05"), ..good.clone() }), "CMT-0259"),
        (
            "counsel twice",
            (victims.clone(), Under { second: person("counsel-1"), ..good.clone() }),
            "CMT-0261",
        ),
        (
            "somebody unknown",
            (victims.clone(), Under { second: person("nobody-1"), ..good.clone() }),
            "CMT-0262",
        ),
        (
            "two unknown",
            (
                victims.clone(),
                Under { counsel: person("nobody-1"), second: person("nobody-2"), ..good.clone() },
            ),
            "CMT-0262",
        ),
        (
            "neither is counsel",
            (victims.clone(), Under { counsel: person("dpo-1"), ..good.clone() }),
            "CMT-0263",
        ),
        ("the auditor", (victims.clone(), Under { second: person("auditor-1"), ..good.clone() }), "CMT-0263"),
        ("no such order", of("order-de-208"), "CMT-1130"),
        ("nothing of it is here", of("nobody-there"), "CMT-1130"),
        ("nothing about it is here", of("other-botnet"), "CMT-1130"),
        ("counts", (wish(What::Counts), good.clone()), "CMT-1132"),
        ("accounts", (wish(What::Accounts), good.clone()), "CMT-1132"),
    ];
    let month_before = exhibits(company).await;
    let mut on_ledger = 0;
    for (what, (wish, under), expected) in &rows {
        // A dry run says the same and keeps nothing.
        for dry in [true, false] {
            let refused = company.share_compelled(wish, under, dry).await.unwrap_err();
            assert_eq!(code(&refused), *expected, "{what}: {refused}");
            let help = miette::Diagnostic::help(&refused).map(|h| h.to_string()).unwrap_or_default();
            assert!(!help.is_empty(), "{what}");
            if expected.starts_with("CMT-02") {
                assert_eq!(refused.ending(), Ending::Refused, "{what}");
                on_ledger += usize::from(!dry);
            }
        }
    }
    let all: Vec<Record<Value>> =
        records::RELEASES.all(&mut company.state.read().await.unwrap()).await.unwrap();
    assert!(all.is_empty(), "nothing left: {all:?}");
    // Each refusal is on the ledger with what was asked. What was asked twice in the same words is one exhibit.
    let refusals = ledger(company).lines().filter(|l| l.contains("\"code\":\"CMT-02")).count();
    assert_eq!(refusals, on_ledger);
    assert!(exhibits(company).await > month_before);
    // No pseudonym was resolved for any of them.
    let revealed = ledger(company).lines().filter(|l| l.contains("\"what\":\"reveal\"")).count();
    assert_eq!(revealed, 0, "what is refused opens no record");
    assert!(company.verify_home(&|_| ()).await.unwrap().whole());
    operation.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_serves_its_addressee_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let operation = world(folder.path()).await;
    let (company, police, region) =
        (operation.node("company"), operation.node("police"), operation.node("region"));
    for node in [company, police, region] {
        serve(node, &document()).await;
    }
    let shared = company.share_compelled(&wish(What::Victims), &under("order-de-207"), false).await.unwrap();
    let (first, _) = hand_in(police, &shared.bundle).await.unwrap();
    // Handed over again it is the same release, taken in once.
    let (again, _) = hand_in(police, &shared.bundle).await.unwrap();
    assert_eq!((&first[0].release, &first[0].exhibits), (&again[0].release, &again[0].exhibits));
    // Others cannot open it, the giver neither; a changed one is nobody's.
    for node in [region, company] {
        assert_eq!(code(&hand_in(node, &shared.bundle).await.unwrap_err()), "CMT-0921");
    }
    let line = shared.bundle.iter().position(|b| *b == b'{').unwrap();
    for (from, to) in
        [(&b"\"investigation\""[..], &b"\"takedown\""[..]), (b"\"member\":\"de\"", b"\"member\":\"fr\"")]
    {
        let at = line + shared.bundle[line..].windows(from.len()).position(|w| w == from).unwrap();
        let changed = [&shared.bundle[..at], to, &shared.bundle[at + from.len()..]].concat();
        assert_eq!(code(&hand_in(police, &changed).await.unwrap_err()), "CMT-0922");
    }
    // The receipt is the company's, and for this release only.
    let receipt = std::fs::read(&first[0].receipt).unwrap();
    assert!(hand_in(region, &receipt).await.is_err());
    hand_in(company, &receipt).await.unwrap();
    // The police signed where its bundles are sealed to: another address is nobody's who may be named.
    let stranger = evidence::sealed::Identity::generate();
    for dry in [true, false] {
        let to = Under { seal_to: Some(stranger.recipient()), ..under("order-de-207") };
        let refused = company.share_compelled(&wish(What::Victims), &to, dry).await.unwrap_err();
        assert_eq!(code(&refused), "CMT-1132", "{refused}");
    }
    // Its own address says nothing new. A dry run resolves for nobody: no leaf, no act of custody.
    let own = company.sealing_of(&PartnerId::new("police").unwrap()).await.unwrap();
    let to = Under { seal_to: Some(own), ..under("order-de-207") };
    let before = ledger(company);
    company.share_compelled(&wish(What::Victims), &to, true).await.unwrap();
    assert_eq!(ledger(company), before);
    let sealed = company.share_compelled(&wish(What::Victims), &to, false).await.unwrap();
    assert!(exchange::open_bundle(&sealed.bundle, &stranger).is_err());
    assert_ne!(sealed.release, shared.release, "each release is approved for itself");
    // Custody goes into packages, and does not tell of an order by its words.
    let told = ledger(company);
    let reveals: Vec<&str> = told.lines().filter(|l| l.contains("\"what\":\"reveal\"")).collect();
    assert!(!reveals.is_empty() && reveals.iter().all(|l| !l.contains("order-de-207")), "{reveals:?}");
    operation.end().await.unwrap();
}

/// The program's own answers, in words and for programs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_shares_under_an_order() {
    let folder = tempfile::tempdir().unwrap();
    let operation = world(folder.path()).await;
    // By the machine's own clock: one that holds today, whenever that is.
    let order = with(&[("until", json!("2999-01-01")), ("gag", json!("2999-06-01"))]);
    let file = folder.path().join("order.json");
    std::fs::write(&file, order.to_string()).unwrap();
    operation.end().await.unwrap();
    let home = folder.path().join("homes/company");
    let run = |args: &[&str]| {
        let mut command = support::comity(&home);
        command.env("COMITY_PASSPHRASE", "an exercise has no secrets").args(args).output().unwrap()
    };
    let taken = run(&["ingest", file.to_str().unwrap(), "--obtained", "compelled", "--why", "served"]);
    assert!(taken.status.success(), "{}", support::said(&taken));
    let bundle = folder.path().join("to-police.bundle");
    let share = |more: &[&str]| {
        let mut args = vec![
            "share",
            "victims",
            "--with",
            "police",
            "--member",
            "de",
            "--purpose",
            "investigation",
            "--under",
            "order-de-207",
        ];
        args.extend(more);
        run(&args)
    };
    let dry = share(&["--counsel", "counsel-1", "--second", "lead-1", "--dry-run"]);
    let said = support::said(&dry);
    assert!(dry.status.success() && said.contains("would be permitted"), "{said}");
    for words in
        ["order   order-de-207", "counsel-1 and lead-1", "overrides: ", "tell nobody before 2999-06-01"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    let refused = share(&["--counsel", "lead-1", "--second", "counsel-1", "--dry-run", "--json"]);
    let said = support::said(&refused);
    assert_eq!(refused.status.code(), Some(3), "{said}");
    assert!(said.contains("CMT-0263") && said.contains("comity case people"), "{said}");
    for missing in [&["--counsel", "counsel-1", "--dry-run"][..], &["--dry-run"]] {
        assert_eq!(share(missing).status.code(), Some(2), "an order alone is no permit");
    }
    let out = bundle.to_str().unwrap();
    let done = share(&["--counsel", "counsel-1", "--second", "lead-1", "--out", out, "--json"]);
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (done.status.code(), &said["compelled"]["order"]),
        (Some(0), &json!("order-de-207")),
        "{said}"
    );
    assert!(said["compelled"].get("approval").is_none() && bundle.is_file(), "{said}");
    let none = run(&["verify", "compelled"]);
    assert!(
        none.status.success() && support::said(&none).contains("no order compelled"),
        "{}",
        support::said(&none)
    );
    let listed = run(&["verify", "compelled", "--person", "auditor-1", "--json"]);
    let said: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(
        (&said["silent"], &said["compelled"]["gag"]),
        (&json!(true), &json!("2999-06-01T00:00:00Z")),
        "{said}"
    );
    let verified = run(&["verify"]);
    assert!(verified.status.success(), "{}", support::said(&verified));
}
