//! Packages under tools that are not ours: `sha256sum`, `bagit.py`, `openssl`, `case_validate`, `age`, `tar`. Each accepts
//! the good package, by the very commands of its README.txt, and refuses a changed one.
//!
//! `.ci/run` installs them; where one is not there, its part is skipped with a message.

use crate::custody::case_with;
use crate::homes::new_node;
use crate::support::files_below;
use comity::node::hand::Addressed;
use evidence::disclosure::Mark;
use evidence::package::verify_package;
use evidence::sealed::Identity;
use ledger::{Commitment, dsse};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(folder: &Path, line: &str) -> Output {
    // What Python writes beside a package would be strangers in it.
    Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap()
}

fn has(program: &str) -> bool {
    let there = run(Path::new("/"), &format!("command -v {program}")).status.success();
    if !there {
        println!("skipped: `{program}` is not installed; .ci/run installs it");
    }
    there
}

/// The commands of the README, by program.
fn commands(package: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(package.join("README.txt")).unwrap();
    let lines = text.lines().filter_map(|l| l.strip_prefix("    $ "));
    lines.map(|l| (l.split(' ').next().unwrap().to_owned(), l.to_owned())).collect()
}

fn copy(from: &Path, to: &Path) {
    for name in files_below(from, "") {
        let target = to.join(&name);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(from.join(&name), target).unwrap();
    }
}

fn flip(path: PathBuf) {
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn replace(path: PathBuf, from: &str, to: &str) {
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} in {}", path.display());
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_that_are_not_ours_accept_the_package_and_refuse_a_changed_one() {
    let (folder, node) = new_node().await;
    let (case, ids) =
        case_with(&node, &[("used.txt", b"used words"), ("list.txt", b"203.0.113.7\n203.0.113.9\n")]).await;
    let all: Vec<String> = ids.iter().map(ToString::to_string).collect();
    node.mark(&case, &all, vec![Mark::Used], "the charge rests on it").await.unwrap();
    let key = Identity::generate();
    let package = folder.path().join("package");
    let to = Addressed {
        to: "Court".into(),
        out: package.clone(),
        seal_to: Some(key.recipient()),
        authority: None,
    };
    let handed = node.hand(&case, &to, false).await.unwrap();

    let commands = commands(&package);
    let programs: BTreeSet<&str> = commands.iter().map(|(p, _)| p.as_str()).collect();
    assert_eq!(programs, BTreeSet::from(["bagit.py", "case_validate", "openssl", "sha256sum"]));
    let usable: Vec<&(String, String)> = commands.iter().filter(|(p, _)| has(p)).collect();
    accepted(&package);
    // Each way of changing it is refused by the programs that look there.
    let sample = format!("data/exhibits/{}.bin", ids[1]);
    type Change = Box<dyn Fn(&Path)>;
    let rows: Vec<(&str, &[&str], Change)> = vec![
        (
            "a byte of an exhibit",
            &["sha256sum", "bagit.py"],
            Box::new({
                let s = sample.clone();
                move |p| flip(p.join(&s))
            }),
        ),
        ("a file added", &["bagit.py"], Box::new(|p| std::fs::write(p.join("data/more.txt"), "x").unwrap())),
        (
            "a file taken away",
            &["sha256sum", "bagit.py"],
            Box::new({
                let s = sample.clone();
                move |p| std::fs::remove_file(p.join(&s)).unwrap()
            }),
        ),
        ("a proof", &["sha256sum", "bagit.py"], Box::new(|p| flip(p.join("proofs/package.leaf.json")))),
        ("the list of files", &["openssl"], Box::new(|p| flip(p.join("tagmanifest-sha256.txt")))),
        ("the signature", &["openssl"], Box::new(|p| flip(p.join("signature.ed25519")))),
        (
            "another's key",
            &["openssl", "sha256sum"],
            Box::new(|p| {
                let other = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).verifying_key();
                std::fs::write(p.join("proofs/signer.pem"), evidence::package::public_key_pem(&other))
                    .unwrap();
            }),
        ),
        (
            "a size in the description",
            &["case_validate", "sha256sum"],
            Box::new(|p| {
                replace(
                    p.join("data/case.jsonld"),
                    "\"@type\": \"xsd:integer\"",
                    "\"@type\": \"xsd:string\"",
                );
            }),
        ),
        (
            "a class in the description",
            &["case_validate"],
            Box::new(|p| {
                replace(
                    p.join("data/case.jsonld"),
                    "case-investigation:ProvenanceRecord",
                    "case-investigation:Rumour",
                );
            }),
        ),
        (
            "the hour of an act",
            &["case_validate"],
            Box::new(|p| {
                replace(p.join("data/case.jsonld"), "2026-03-09T", "some day ");
            }),
        ),
    ];
    let mut refused: BTreeMap<&str, u32> = BTreeMap::new();
    for (at, (what, by, change)) in rows.iter().enumerate() {
        let copied = folder.path().join(format!("changed-{at}"));
        copy(&package, &copied);
        change(&copied);
        assert!(verify_package(&copied, &known(&node)).is_err(), "{what}: ours");
        for program in *by {
            let mine: Vec<_> = usable.iter().filter(|(p, _)| p == program).collect();
            if mine.is_empty() {
                continue;
            }
            let bad = mine.iter().any(|(_, line)| !run(&copied, line).status.success());
            assert!(bad, "{program} accepts a package with {what} changed");
            *refused.entry(*program).or_default() += 1;
        }
    }
    assert!(refused.values().all(|n| *n >= 2), "{refused:?}");
    println!("refused: {refused:?}");
    salts_open_commitments(&package);
    sealed_as_one_file(&folder, &handed.sealed.unwrap(), &key, &node).await;
}

/// A package under the commands of its own README: each program that is installed accepts it.
pub fn accepted(package: &Path) {
    for (program, line) in commands(package).iter().filter(|(p, _)| has(p)) {
        let said = run(package, line);
        assert!(said.status.success(), "{program}: `{line}`: {}", crate::support::said(&said));
    }
}

fn known(node: &comity::node::Node) -> Vec<(String, ed25519_dalek::VerifyingKey)> {
    let key = node.keys.node.verifying_key();
    vec![(dsse::keyid(&key), key)]
}

/// The command of the README that opens a commitment gives what stands on the leaf.
fn salts_open_commitments(package: &Path) {
    if !has("xxd") || !has("openssl") {
        return;
    }
    let text = std::fs::read_to_string(package.join("README.txt")).unwrap();
    let line = text.lines().find(|l| l.contains("openssl mac")).unwrap().trim();
    let salts: serde_json::Value =
        serde_json::from_slice(&std::fs::read(package.join("data/salts.json")).unwrap()).unwrap();
    let leaf = std::fs::read(package.join("proofs/package.leaf.json")).unwrap();
    let envelope = dsse::Envelope::from_json(&leaf).unwrap();
    let statement = ledger::statement::Statement::parse(envelope.unverified_payload()).unwrap();
    let on_ledger: Vec<String> = statement.subjects().iter().map(Commitment::to_string).collect();
    for opening in salts["openings"].as_array().unwrap() {
        let word = |name: &str| opening[name].as_str().unwrap();
        let line = line.replace("SHA256-OF-THE-FILE", word("sha256")).replace("SALT", word("salt"));
        let said = run(package, &line);
        let mac = String::from_utf8(said.stdout.clone()).unwrap().trim().to_lowercase();
        assert!(on_ledger.contains(&mac), "{line}: {mac} in {on_ledger:?}; {}", crate::support::said(&said));
    }
}

/// `age` opens the sealed file for its addressee alone, `tar` unpacks it, and what comes out is the package.
async fn sealed_as_one_file(
    folder: &tempfile::TempDir,
    sealed: &Path,
    key: &Identity,
    node: &comity::node::Node,
) {
    if !has("age") || !has("tar") {
        return;
    }
    let place = folder.path().join("court");
    std::fs::create_dir(&place).unwrap();
    std::fs::copy(sealed, place.join("NAME.tar.age")).unwrap();
    std::fs::write(place.join("YOUR-KEY.txt"), format!("{}\n", key.secret_text().as_str())).unwrap();
    std::fs::write(place.join("other.txt"), format!("{}\n", Identity::generate().secret_text().as_str()))
        .unwrap();
    let text = std::fs::read_to_string(folder.path().join("package/README.txt")).unwrap();
    let lines: Vec<&str> =
        text.lines().map(str::trim).filter(|l| l.starts_with("age --") || l.starts_with("tar -")).collect();
    assert_eq!(lines.len(), 2);
    let stranger = lines[0].replace("YOUR-KEY.txt", "other.txt");
    assert!(!run(&place, &stranger).status.success(), "another's key opens it");
    for line in &lines {
        let said = run(&place, line);
        assert!(said.status.success(), "`{line}`: {}", crate::support::said(&said));
    }
    let whole = verify_package(&place.join("package"), &known(node)).unwrap();
    assert_eq!(whole, verify_package(&folder.path().join("package"), &known(node)).unwrap());
    let size = std::fs::metadata(sealed).unwrap().len();
    for at in [20, size / 2, size - 1] {
        let mut bytes = std::fs::read(sealed).unwrap();
        bytes[usize::try_from(at).unwrap()] ^= 1;
        std::fs::write(place.join("NAME.tar.age"), bytes).unwrap();
        let refused = run(&place, &lines[0].replace("package.tar", "other.tar"));
        assert!(!refused.status.success(), "age accepts a change at {at}");
    }
}
