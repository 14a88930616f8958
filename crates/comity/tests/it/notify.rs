//! Notices: two recipients, each gets its own victims and nobody else's; what a denial, a receipt and the day of erasure do.

use comity::demo::Operation;
use comity::node::agree;
use comity::node::error::NodeError;
use comity::node::notify::Wish;
use comity::node::protect::Geo;
use comity::node::retain::Standing;
use evidence::sealed::{self, Identity};
use exercise::Spec;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;
use terms::{PersonId, Place, Role};

const SPEC: Spec = Spec { seed: 7, bots: 2_000, days: 7, hosts: 60 };
const REGION: &str = include_str!("../../../../agreements/company-region.mou.md");
const POLICE: &str = include_str!("../../../../agreements/company-police.mou.md");
const FINTECH: &str = include_str!("../../../../agreements/company-fintech.mou.md");

/// The memorandum with keys for two recipients, and a cap over everything that may ever be told.
fn with_keys(keys: [(&str, &Identity); 2], cap: u64) -> String {
    let mut text =
        REGION.replace("limits = { records = 1_000_000 }", &format!("limits = {{ total = {cap} }}"));
    for (id, key) in keys {
        let address = format!("address = \"duty@{id}.example\"");
        let keyed = format!("{address}, key = \"{}\"", key.recipient());
        assert!(text.contains(&address), "{id} is a recipient");
        text = text.replace(&address, &keyed);
    }
    text
}

async fn sign(operation: &Operation, with: &str, text: &str) {
    let (one, other) = (&operation.company, operation.node(with));
    let keys = [
        ("company.key".to_owned(), one.organisation_key()),
        (format!("{with}.key"), other.organisation_key()),
    ];
    let values: Vec<(&str, &str)> = keys.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let text = agreement::fill(text, &values);
    let parsed = agree::parse(&format!("company-{with}.mou.md"), &text).unwrap();
    let both = other.sign(&parsed, Some(one.sign(&parsed, None).unwrap())).unwrap();
    one.join(&text, both.clone()).await.unwrap();
    other.join(&text, both).await.unwrap();
}

/// Addresses and hits of a place in the company's sinkhole logs.
fn hits(folder: &Path, geo: &Geo, place: Place) -> (BTreeSet<String>, u64) {
    let (mut addresses, mut count) = (BTreeSet::new(), 0);
    for line in lines(folder) {
        let Some(source) = line.split("\"source\":\"").nth(1).and_then(|r| r.split('"').next()) else {
            continue;
        };
        if geo.locate(source.parse().unwrap()).0 == place {
            addresses.insert(source.to_owned());
            count += 1;
        }
    }
    (addresses, count)
}

pub fn lines(folder: &Path) -> Vec<String> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            all.extend(lines(&entry.path()));
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        let (_, mut plain) = botnet::decompress::open(std::io::BufReader::new(bytes.as_slice())).unwrap();
        let mut text = Vec::new();
        let _ = std::io::Read::read_to_end(&mut plain, &mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        all.extend(text.lines().filter(|l| l.contains("\"comity.sinkhole/1\"")).map(str::to_owned));
    }
    all
}

/// The first of these addresses that stands in any file below a folder, as it is. One of a few signs could be met by chance
/// in bytes that are sealed.
fn met(folder: &Path, addresses: &BTreeSet<String>) -> Option<String> {
    for path in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        let found = if path.is_dir() {
            met(&path, addresses)
        } else {
            let bytes = std::fs::read(&path).unwrap();
            let mut parts = bytes.split(|b| !b.is_ascii_digit() && *b != b'.').filter(|p| p.len() >= 9);
            parts.find_map(|p| addresses.get(std::str::from_utf8(p).ok()?).cloned())
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The attachments of a message, opened: name and content.
fn opened(message: &[u8], key: &Identity) -> BTreeMap<String, Vec<u8>> {
    use base64::Engine as _;
    let text = String::from_utf8(message.to_vec()).unwrap();
    let boundary = text.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let mut out = BTreeMap::new();
    for part in text.split(&format!("--{boundary}")).skip(2) {
        let Some((head, body)) = part.split_once("\r\n\r\n") else { continue };
        let name = head.split("filename=\"").nth(1).unwrap().split('"').next().unwrap();
        let raw: String = body.chars().filter(|c| !c.is_whitespace()).collect();
        let bytes = base64::prelude::BASE64_STANDARD.decode(raw).unwrap();
        let Ok(plain) = sealed::open(key, &bytes, 64 << 20) else { continue };
        out.insert(name.trim_end_matches(".age").to_owned(), plain);
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_recipient_is_told_of_its_own_victims_and_of_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_comity"));
    let operation = Operation::begin(folder.path(), &SPEC, program, &mut |_| ()).await.unwrap();
    let geo = Geo::open(&operation.dir.join("operation/geo.mmdb")).unwrap();
    let held = operation.dir.join("operation/company");
    let (ar, pe): (Place, Place) = ("AR".parse().unwrap(), "PE".parse().unwrap());
    let (of_ar, n_ar) = hits(&held, &geo, ar);
    let (of_pe, n_pe) = hits(&held, &geo, pe);
    assert!(of_ar.len() > 2 && of_pe.len() > 2, "the exercise has victims in both places");
    let (key_ar, key_pe) = (Identity::generate(), Identity::generate());
    sign(
        &operation,
        "region",
        &with_keys([("csirt-ar", &key_ar), ("csirt-pe", &key_pe)], 14 * (n_ar + n_pe)),
    )
    .await;
    sign(&operation, "police", POLICE).await;
    sign(&operation, "fintech", FINTECH).await;
    operation.ingest(&|_| ()).await.unwrap();
    operation.analyze(&|_| ()).await.unwrap();
    let threats = operation.assess().await.unwrap();
    let case = operation.open(&threats.first().unwrap().id).await.unwrap();
    operation.papers().await.unwrap();
    let plan = operation.plan(case.id.as_str()).await.unwrap().plan.id;
    let company = &operation.company;
    let wish = Wish { contact: "notices@meridian.example".into(), ..Wish::default() };

    // First what would be: nothing is written and the ledger does not grow.
    let (out, leaves) = (folder.path().join("out"), company.sequencer.head().await.unwrap().size);
    let dry = company.notify(plan.as_str(), &wish, &out, true).await.unwrap();
    assert!(!out.exists() && company.sequencer.head().await.unwrap().size == leaves);
    let who: Vec<&str> = dry.told.iter().map(|t| t.recipient.as_str()).collect();
    assert_eq!(who, ["csirt-ar", "csirt-pe"]);
    assert!(dry.told.iter().all(|t| t.rows > 0 && t.erase_by.is_some() && !t.clauses.is_empty()));
    assert!(!dry.without_key.is_empty() && !dry.unrouted.is_empty(), "{dry:?}");

    // Then the notices, with the same rows.
    let report = company.notify(plan.as_str(), &wish, &out, false).await.unwrap();
    let rows = |of: &comity::node::notify::NotifyReport| of.told.iter().map(|t| t.rows).collect::<Vec<_>>();
    assert_eq!(rows(&report), rows(&dry));
    for (index, (own, other, place, key, wrong)) in
        [(&of_ar, &of_pe, ar, &key_ar, &key_pe), (&of_pe, &of_ar, pe, &key_pe, &key_ar)]
            .into_iter()
            .enumerate()
    {
        let message = std::fs::read(report.told[index].file.as_ref().unwrap()).unwrap();
        let items = opened(&message, key);
        assert!(items.len() == 12 && opened(&message, wrong).is_empty(), "{:?}", items.keys());
        let csv = String::from_utf8(items["victims.csv"].clone()).unwrap();
        assert_eq!(csv.lines().count() as u64, report.told[index].rows + 1);
        for line in csv.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').map(|f| f.trim_matches('"')).collect();
            let address: IpAddr = fields[1].parse().unwrap();
            assert!(own.contains(fields[1]) && geo.locate(address).0 == place, "{line}");
            assert!(fields[2].parse::<u16>().is_ok_and(|port| port > 0) && fields[0].len() == 19, "{line}");
            assert!(exchange::notice::code::valid(fields[8]), "{line}");
        }
        // Every byte, outside and inside: the other's addresses are nowhere.
        let whole: Vec<&[u8]> = items.values().map(Vec::as_slice).chain([message.as_slice()]).collect();
        for bytes in whole {
            let text = String::from_utf8_lossy(bytes);
            let parts: BTreeSet<&str> =
                text.split(|c: char| !c.is_ascii_hexdigit() && c != '.' && c != ':').collect();
            assert_eq!(parts.iter().find(|p| other.contains(**p)), None);
        }
        let outside = String::from_utf8_lossy(&message);
        assert_eq!(
            own.iter().find(|a| outside.contains(a.as_str())),
            None,
            "an address stands outside the seal"
        );
    }
    assert!(out.join(plan.as_str()).join("notices/awaited.json").is_file());

    // A letter's code is looked up where it was made: by whoever reads it out, and for no machine's name.
    let csv = opened(&std::fs::read(report.told[0].file.as_ref().unwrap()).unwrap(), &key_ar);
    let csv = String::from_utf8(csv["victims.csv"].clone()).unwrap();
    let code = csv.lines().nth(1).unwrap().rsplit('"').nth(1).unwrap().to_owned();
    let letter = company.verify_letter(&code.to_lowercase().replace('-', " ")).await.unwrap();
    assert!(letter.genuine() && letter.code.as_ref() == Some(&code), "{letter:?}");
    assert_eq!((letter.notices.len(), letter.opened, letter.erased), (1, 2, 0));
    assert_eq!(Some(&letter.notices[0].release), report.told[0].release.as_ref());
    assert_eq!(letter.notices[0].member.as_ref().map(ToString::to_string).as_deref(), Some("ar"));
    let shown = serde_json::to_string(&letter).unwrap();
    assert!(!of_ar.iter().any(|a| shown.contains(a.as_str())), "{shown}");
    let other_sign = if code.ends_with('7') { "8" } else { "7" };
    let misread = company.verify_letter(&format!("{}{other_sign}", &code[..8])).await.unwrap();
    assert!(!misread.genuine() && misread.code.is_none(), "a wrong sign is found: {misread:?}");
    let forged = exchange::notice::code::of(&ledger::Salt::random(), 0);
    let forged = company.verify_letter(&forged).await.unwrap();
    assert!(!forged.genuine() && forged.code.is_some() && forged.opened == 2, "{forged:?}");

    // The same folder twice is refused; another run would pass the cap: denied, and nothing is written.
    let again = company.notify(plan.as_str(), &wish, &out, false).await;
    assert!(matches!(again, Err(NodeError::Notified { .. })), "{again:?}");
    let (mut denied, mut runs) = (None, 0u32);
    while denied.is_none() && runs < 1_000 {
        let next = folder.path().join(format!("run-{runs}"));
        match company.notify(plan.as_str(), &wish, &next, false).await {
            Ok(_) => runs += 1,
            Err(e) => denied = Some((e, next)),
        }
    }
    let (denied, next) = denied.expect("the cap is met");
    assert!(matches!(denied, NodeError::Refused { .. }), "{denied:?}");
    assert_eq!(denied.ending().code(), 3);
    assert!(!next.exists(), "a denied run writes nothing");

    // Receipts are noted by a person.
    let (first, last) = (report.told[0].release.clone().unwrap(), report.told[1].release.clone().unwrap());
    company.noted_arrival(first.as_str(), true).await.unwrap();
    company.noted_arrival(last.as_str(), false).await.unwrap();
    let none = company.noted_arrival("notice-none", true).await;
    assert!(matches!(none, Err(NodeError::NoNotice { .. })), "{none:?}");

    // On the day of erasure the key goes: the copy that is kept opens no more, and no copy of it taken before.
    let mut notices: Vec<_> = company.retention(None).await.unwrap();
    notices.retain(|r| r.from == company.partner);
    assert_eq!(
        notices.iter().map(|r| r.standing).collect::<Vec<_>>(),
        vec![Standing::Kept; 2 + 2 * runs as usize]
    );
    let kept = notices[0].exhibits[0];
    let bytes = company.vault.read(&kept, 64 << 20).await.unwrap();
    assert!(!bytes.is_empty());
    let stolen = folder.path().join("stolen");
    let vault = company.home.root().join("vault");
    crate::notified::copy(&vault, &stolen);
    company.person_add(&PersonId("dpo-1".into()), Role::DataProtectionOfficer).await.unwrap();
    operation.clock.set(notices[0].erase_by.plus_days(1));
    let gone = company.retention(Some(&PersonId("dpo-1".into()))).await.unwrap();
    let gone: Vec<_> = gone.iter().filter(|r| r.from == company.partner).collect();
    assert_eq!(
        gone.iter().map(|r| r.standing).collect::<Vec<_>>(),
        vec![Standing::Erased; 2 + 2 * runs as usize]
    );
    assert!(company.vault.read(&kept, 64 << 20).await.is_err());
    crate::notified::copy(&stolen, &vault);
    assert!(company.vault.read(&kept, 64 << 20).await.is_err(), "a copy of the vault opens no more");
    // Whether a notice arrived is still known, and its letters are nobody's any more.
    let letter = company.verify_letter(&code).await.unwrap();
    assert!(
        !letter.genuine() && letter.opened == 0 && letter.erased == 2 + 2 * u64::from(runs),
        "{letter:?}"
    );
    let home = company.home.root().to_owned();
    operation.end().await.unwrap();
    let everybody: BTreeSet<String> = of_ar.union(&of_pe).cloned().collect();
    assert_eq!(met(&home, &everybody), None, "an address stands in the home");
    let beside = folder.path().join("beside");
    std::fs::create_dir(&beside).unwrap();
    std::fs::write(beside.join("file"), format!("x {} y", everybody.last().unwrap())).unwrap();
    assert!(met(&beside, &everybody).is_some(), "the search finds what is there");
}
