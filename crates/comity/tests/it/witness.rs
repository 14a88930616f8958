//! Partners witness each other's ledgers: by messages and by files; a node with two faces is found at its next message
//! and not heard until a person says why; what is published is old; proofs verify without us.

use crate::support::program;
use comity::demo::Operation;
use comity::node::error::NodeError;
use comity::node::ingest::{Manner, sources};
use comity::node::share::{What, Wish};
use comity::node::{Node, Options, publish};
use comity::store::{Clock as _, exhibits};
use ed25519_dalek::{Signature, VerifyingKey};
use miette::Diagnostic as _;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use terms::{PartnerId, Purpose, Timestamp};

const SMALL: exercise::Spec = exercise::Spec { seed: 7, bots: 50, days: 2, hosts: 8 };

fn partner(id: &str) -> PartnerId {
    PartnerId::new(id).unwrap()
}

fn code(e: &NodeError) -> String {
    e.code().unwrap().to_string()
}

async fn agreed(dir: &Path) -> Operation {
    let operation = Operation::begin(dir, &SMALL, &program(), &mut |_| ()).await.unwrap();
    operation.sign().await.unwrap();
    // What the police has to hand over: the orders of its members.
    take(&operation.police, &dir.join("operation/police")).await;
    operation
}

async fn take(node: &Node, path: &Path) -> comity::node::ingest::Ingested {
    let (found, _) = sources(&[path.to_owned()], node.home.root());
    node.ingest(found, &Manner::house("handed over"), &|_| ()).await.unwrap()
}

/// The police hands its orders to the company: a sealed bundle in a file.
async fn orders(from: &Node, folder: &Path, name: &str) -> PathBuf {
    let wish = Wish {
        what: What::Authorities,
        of: String::new(),
        with: partner("company"),
        member: None,
        purpose: Purpose::Takedown,
        noisy: None,
        seen: botnet::telemetry::Window::ALL,
    };
    let shared = from.share(&wish, false).await.unwrap();
    let file = folder.join(format!("{name}.bundle"));
    Node::write_bundle(&file, &shared.bundle).unwrap();
    file
}

async fn authorities(node: &Node) -> usize {
    let mut conn = node.state.read().await.unwrap();
    exhibits::of_kind(&mut conn, terms::ExhibitKind::Authority, None, 1000).await.unwrap().len()
}

/// The company takes a bundle in; the file with its receipt.
async fn hand_in(to: &Node, file: &Path) -> Result<PathBuf, NodeError> {
    let taken = take(to, file).await;
    let (bundles, _) = to.cross(&taken).await?;
    Ok(PathBuf::from(&bundles[0].receipt))
}

async fn hand_back(to: &Node, receipt: &Path) -> Result<(), NodeError> {
    let taken = take(to, receipt).await;
    to.cross(&taken).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn partners_witness_each_other_by_messages_and_by_files() {
    let folder = tempfile::tempdir().unwrap();
    let operation = agreed(folder.path()).await;
    let (company, police) = (&operation.company, &operation.police);
    assert!(!police.heads().await.unwrap().witnessed(), "nobody has cosigned yet");
    let bundle = orders(police, folder.path(), "one").await;
    let receipt = hand_in(company, &bundle).await.unwrap();
    hand_back(police, &receipt).await.unwrap();
    // The receipt carried the company's cosignature on what the bundle showed.
    let heads = police.heads().await.unwrap();
    assert!(heads.witnessed() && heads.demands[0].met_at.is_some_and(|s| s > 0), "{heads:?}");
    assert_eq!(heads.partners[0].partner, partner("company"));
    assert_eq!(company.heads().await.unwrap().partners[0].partner, partner("police"));

    // By files: the company asks, the police answers. It saw more than the company knows of: it says from where to ask.
    let (asked, _) = company.ask_witness(&partner("police"), None).await.unwrap();
    let refused = police.cosign(&asked).await.unwrap_err();
    assert_eq!(code(&refused), "CMT-0324", "{refused}");
    let seen = heads.partners[0].size;
    let (asked, _) = company.ask_witness(&partner("police"), Some(seen)).await.unwrap();
    let (answer, done) = police.cosign(&asked).await.unwrap();
    assert!(done.size >= seen && answer.starts_with("\u{2014} police.comity/witness ".as_bytes()));
    let witnessed = company.heads().await.unwrap();
    let met = |heads: &comity::node::witness::Heads| {
        heads.demands.iter().find(|d| d.clause.to_string().starts_with("company-police")).unwrap().met_at
    };
    assert_eq!(met(&witnessed), None);
    company.take_answer(&partner("police"), &answer).await.unwrap();
    assert_eq!(met(&company.heads().await.unwrap()), Some(done.size));
    assert!(!company.heads().await.unwrap().witnessed(), "region and fintech are silent");
    // Without a clause nobody cosigns; an answer is taken from whom it is of.
    let (for_nobody, _) = police.ask_witness(&partner("company"), None).await.unwrap();
    assert_eq!(code(&operation.region.cosign(&for_nobody).await.unwrap_err()), "CMT-1130");
    assert_eq!(code(&company.take_answer(&partner("region"), &answer).await.unwrap_err()), "CMT-0322");
    // A message that was overtaken and one that comes twice are no forks.
    let (first, second) =
        (orders(police, folder.path(), "two").await, orders(police, folder.path(), "three").await);
    hand_in(company, &second).await.unwrap();
    hand_in(company, &first).await.unwrap();
    hand_in(company, &second).await.unwrap();
    assert!(company.alarms().await.unwrap().is_empty());
    for node in [company, police] {
        assert!(node.verify_home(&|_| ()).await.unwrap().whole());
    }
    operation.end().await.unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
        std::fs::set_permissions(&target, std::fs::metadata(&path).unwrap().permissions()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_face_is_found_at_its_next_message_and_not_heard() {
    let folder = tempfile::tempdir().unwrap();
    let Operation { company, police, region, fintech, clock, .. } = agreed(folder.path()).await;
    let first = orders(&police, folder.path(), "first").await;
    hand_in(&company, &first).await.unwrap();
    // A copy of the police's home lives on beside it.
    let home = police.home.root().to_owned();
    police.close().await.unwrap();
    let other = folder.path().join("homes/police-copy");
    copy(&home, &other);
    let open = async |dir: &Path| {
        let options = Options {
            dir: dir.to_owned(),
            passphrase: zeroize::Zeroizing::new("an exercise has no secrets".to_owned()),
            person: None,
            clock: clock.clone(),
            program: program(),
            flags: comity::store::Flags::default(),
        };
        Node::open(&options, "test").await.unwrap()
    };
    let (police, copied) = (open(&home).await, open(&other).await);
    let honest = orders(&police, folder.path(), "honest").await;
    hand_in(&company, &honest).await.unwrap();
    let before = authorities(&company).await;
    clock.advance(60_000_000);
    let false_face = orders(&copied, folder.path(), "false").await;
    let found = hand_in(&company, &false_face).await.unwrap_err();
    assert_eq!(code(&found), "CMT-1190", "{found}");
    // Both faces are an exhibit, signed; nothing of the message was taken in.
    let alarm = company.alarms().await.unwrap().pop().unwrap();
    let proof = company.vault.read(&alarm.exhibit.parse().unwrap(), 1 << 20).await.unwrap();
    let proof: serde_json::Value = serde_json::from_slice(&proof).unwrap();
    let signed = [proof["remembered"][0]["checkpoint"].as_str(), proof["shown"]["checkpoint"].as_str()];
    let key = ledger::NoteKey::new("police.comity/ledger", police.keys.node.verifying_key()).unwrap();
    for face in signed {
        let keys = std::slice::from_ref(&key);
        ledger::checkpoint::open(face.unwrap().as_bytes(), "police.comity/ledger", keys).unwrap();
    }
    assert_ne!(signed[0], signed[1]);
    let after = authorities(&company).await;
    assert_eq!(after, before, "nothing of the bundle came in");
    // The honest face is not heard either, until a person says why; then the next message is the first.
    let next = orders(&police, folder.path(), "next").await;
    assert_eq!(code(&hand_in(&company, &next).await.unwrap_err()), "CMT-1190");
    assert_eq!(code(&company.answer_alarm(&partner("police"), " ").await.unwrap_err()), "CMT-1132");
    assert_eq!(
        company.answer_alarm(&partner("police"), "a copy was run by mistake; it is shut down").await.unwrap(),
        1
    );
    assert_eq!(code(&company.answer_alarm(&partner("police"), "again").await.unwrap_err()), "CMT-1123");
    hand_in(&company, &next).await.unwrap();
    // The copy is found again.
    clock.advance(60_000_000);
    let again = orders(&copied, folder.path(), "again").await;
    assert_eq!(code(&hand_in(&company, &again).await.unwrap_err()), "CMT-1190");
    assert!(company.verify_home(&|_| ()).await.unwrap().whole());
    for node in [company, police, copied, region, fintech] {
        node.close().await.unwrap();
    }
}

/// RFC 6962 section 2.1.1 and C2SP tlog-proof, in forty lines that share nothing with the ledger.
fn holds(proof: &str, leaf: &[u8], origin: &str, key: &VerifyingKey) -> bool {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let hash = |parts: &[&[u8]]| -> Vec<u8> {
        let mut sha = Sha256::new();
        parts.iter().for_each(|p| sha.update(p));
        sha.finalize().to_vec()
    };
    let (head, note) = proof.split_once("\n\n").unwrap();
    let mut lines = head.lines().skip(1);
    let index: u64 = lines.next().unwrap().strip_prefix("index ").unwrap().parse().unwrap();
    let path: Vec<Vec<u8>> = lines.map(|l| STANDARD.decode(l).unwrap()).collect();
    let (text, signatures) = note.split_once("\n\n").unwrap();
    let text = format!("{text}\n");
    let mut fields = text.lines();
    if fields.next() != Some(origin) {
        return false;
    }
    let size: u64 = fields.next().unwrap().parse().unwrap();
    let root = STANDARD.decode(fields.next().unwrap()).unwrap();
    let id = hash(&[origin.as_bytes(), b"\n\x01", key.as_bytes()]);
    let signed = signatures.lines().any(|line| {
        let mut parts = line.strip_prefix("\u{2014} ").unwrap().split(' ');
        let (name, bytes) = (parts.next().unwrap(), STANDARD.decode(parts.next().unwrap()).unwrap());
        name == origin
            && bytes[..4] == id[..4]
            && Signature::from_slice(&bytes[4..])
                .is_ok_and(|s| key.verify_strict(text.as_bytes(), &s).is_ok())
    });
    let (mut node, mut at, mut last) = (hash(&[&[0], leaf]), index, size - 1);
    for sibling in path {
        if at % 2 == 1 || at == last {
            node = hash(&[&[1], &sibling, &node]);
            while at % 2 == 0 && at != 0 {
                (at, last) = (at / 2, last / 2);
            }
        } else {
            node = hash(&[&[1], &node, &sibling]);
        }
        (at, last) = (at / 2, last / 2);
    }
    signed && last == 0 && node == root
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_verifies_with_the_note_alone() {
    let (folder, node) = crate::homes::new_node().await;
    let evidence = folder.path().join("evidence");
    std::fs::create_dir(&evidence).unwrap();
    for n in 0..9 {
        std::fs::write(evidence.join(format!("{n}.txt")), format!("note {n}")).unwrap();
    }
    let taken = take(&node, &evidence).await;
    let key = node.keys.node.verifying_key();
    for one in &taken.taken {
        let proof = node.leaf_proof(&one.exhibit.to_string()).await.unwrap();
        assert!(holds(&proof.proof, proof.body.as_bytes(), "company.comity/ledger", &key));
        assert!(!holds(&proof.proof, b"another leaf", "company.comity/ledger", &key));
        assert!(!holds(&proof.proof, proof.body.as_bytes(), "police.comity/ledger", &key));
        assert_eq!(node.leaf_proof(&proof.leaf).await.unwrap(), proof);
    }
    assert_eq!(code(&node.leaf_proof("nothing").await.unwrap_err()), "CMT-1123");
    node.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_is_old_and_comes_in_whole_steps() {
    const DELAY: u64 = 3600;
    let folder = tempfile::tempdir().unwrap();
    let (options, clock) = crate::support::options(&folder.path().join("home"));
    let mut node = crate::support::init(&options).await;
    assert_eq!(code(&node.publish().await.unwrap_err()), "CMT-1130");
    let shown = folder.path().join("shown");
    node.config.ledger_publish = Some(shown.clone());
    node.config.ledger_publish_delay_s = DELAY;
    let name = "company.comity/ledger";
    let key = ledger::NoteKey::new(name, node.keys.node.verifying_key()).unwrap();
    // Activity of very different volume in every slot: what is visible must lag, and must be whole steps.
    let mut when: Vec<(u64, Timestamp)> = Vec::new();
    let mut heads: Vec<ledger::Head> = Vec::new();
    let mut n = 0u32;
    for (slot, leaves) in [3u32, 700, 0, 1, 260, 90, 0, 0, 0].into_iter().enumerate() {
        if leaves > 0 {
            let body = |i: u32| {
                let subject = ledger::Commitment([u8::try_from(i % 251).unwrap(); 32]);
                let predicate = serde_json::json!({ "n": i });
                let kind = ledger::statement::PredicateType::Custody;
                let statement = ledger::statement::Statement::new(vec![subject], kind, predicate).unwrap();
                comity::store::leaves::NewLeaf::new(statement.sign(&node.keys.node).unwrap())
            };
            let batch =
                comity::store::Batch { leaves: (n..n + leaves).map(body).collect(), ..Default::default() };
            n += leaves;
            comity::store::commit(&node.state, &batch, clock.now()).await.unwrap();
            node.sequencer.run().await.unwrap();
            when.push((u64::from(n), clock.now()));
        }
        for minutes in [0i64, 25, 25] {
            clock.advance(minutes * 60_000_000);
            let done = node.publish().await.unwrap();
            assert_eq!(done.size % publish::STEP, 0, "whole steps");
            let young = when.iter().filter(|(_, at)| at.0 > clock.now().0 - 3_600_000_000);
            let oldest_young = young.map(|(to, _)| *to).min().unwrap_or(u64::MAX);
            let before =
                when.iter().filter(|(to, _)| *to < oldest_young).map(|(to, _)| *to).max().unwrap_or(0);
            assert!(
                done.size <= before,
                "slot {slot}: {} leaves are shown, {before} are old enough",
                done.size
            );
            let head = publish::published(&shown, std::slice::from_ref(&key), name).unwrap().unwrap();
            if let Some(last) = heads.last() {
                assert!(head.size >= last.size);
            }
            if heads.last() != Some(&head) {
                heads.push(head);
            }
        }
        clock.advance(10 * 60_000_000);
    }
    let sizes: Vec<u64> = heads.iter().map(|h| h.size).collect();
    assert_eq!(sizes, [0, 512, 768, 1024], "in slots, in steps");
    // Each head continues the one before, by the published tiles alone; no bundle is among them.
    let read = |path: &str| match std::fs::read(shown.join(path)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    };
    for pair in heads.windows(2) {
        ledger::proof::prove_consistency(&read, &pair[0], heads.last().unwrap()).unwrap();
        ledger::proof::prove_consistency(&read, &pair[1], heads.last().unwrap()).unwrap();
    }
    assert!(!shown.join("tile/entries").exists());
    // The files' times are the slots', not the command's.
    for file in crate::support::files_below(&shown, ".") {
        let time = std::fs::metadata(shown.join(&file)).unwrap().modified().unwrap();
        let seconds = time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(seconds % DELAY, 0, "{file}");
    }
    // A folder of another history is not written on.
    node.config.ledger_publish_delay_s = 60;
    let other = ledger::Head { root: terms::Digest([1; 32]), ..heads.last().unwrap().clone() };
    let signer = ledger::NoteSigner::new(name, node.keys.node.clone()).unwrap();
    let smaller = ledger::Head { size: 256, ..other };
    std::fs::write(shown.join("checkpoint"), ledger::checkpoint::sign(&smaller, &[&signer]).unwrap())
        .unwrap();
    let refused = node.publish().await.unwrap_err();
    assert_eq!(code(&refused), "CMT-1194", "{refused}");
    node.close().await.unwrap();
}
