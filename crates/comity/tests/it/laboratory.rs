//! The laboratory: what lies in exhibits becomes exhibits, each with its custody.

#[path = "../../../malware/tests/made/program.rs"]
mod made;

use crate::support;
use base64::Engine as _;
use comity::node::Node;
use comity::node::ingest::{Manner, Source};
use comity::store::exhibits::{self, Exhibit};
use evidence::custody::Act;
use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};
use terms::{ExhibitKind, Finding, FindingBody, PersonId, Role};
use zip::write::SimpleFileOptions;
use zip::{AesMode, ZipWriter};

const DROPPER: &str =
    "var s = new ActiveXObject(\"WScript.Shell\");\r\ns.Run(\"cmd.exe /c start notice.exe\", 0);\r\n";

fn locked(password: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().with_aes_encryption(AesMode::Aes256, password);
    for (name, bytes) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn mail(name: &str, attachment: &[u8]) -> Vec<u8> {
    let text = base64::engine::general_purpose::STANDARD.encode(attachment);
    let lines: Vec<&str> = text.as_bytes().chunks(76).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!(
        "From: office@harbour.example\r\nTo: clerk@bank.example\r\nSubject: Notice\r\n\
         Date: Thu, 05 Mar 2026 09:00:00 +0000\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\n\
         The password is in the other mail.\r\n--b1\r\nContent-Type: application/zip; name=\"{name}\"\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b1--\r\n",
        lines.join("\r\n")
    )
    .into_bytes()
}

async fn home() -> (tempfile::TempDir, Node) {
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = support::options(&folder.path().join("home"));
    let node = support::init(&options).await;
    (folder, node)
}

async fn take_in(node: &Node, name: &str, bytes: Vec<u8>) -> Exhibit {
    let manner = Manner::house("test");
    let done = node.ingest(vec![Source::Bytes(name.into(), bytes)], &manner, &|_| ()).await.unwrap();
    let mut conn = node.state.read().await.unwrap();
    exhibits::find(&mut conn, &done.taken[0].exhibit).await.unwrap().unwrap()
}

/// Every exhibit by its first name.
async fn all(node: &Node) -> BTreeMap<String, Exhibit> {
    let mut conn = node.state.read().await.unwrap();
    let page = exhibits::page(&mut conn, None, 1000).await.unwrap();
    page.into_iter().map(|e| (e.names.first().cloned().unwrap_or_default(), e)).collect()
}

fn on<'f>(findings: &'f [Finding], exhibit: &Exhibit) -> Vec<&'f FindingBody> {
    findings.iter().filter(|f| f.exhibits.contains(&exhibit.id)).map(|f| &f.body).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_with_a_locked_archive_gives_four_exhibits_with_custody() {
    let (_folder, node) = home().await;
    let sample = support::sample_of(exercise::Format::Pe, 1);
    let archive = locked("infected", &[("notice.js", DROPPER.as_bytes()), ("notice.exe", &sample)]);
    let mail = take_in(&node, "notice.eml", mail("notice.zip", &archive)).await;
    assert_eq!(mail.kind, ExhibitKind::Email);
    node.analyze(&|_| ()).await.unwrap();

    let here = all(&node).await;
    let by_kind = |kind| here.values().find(|e| e.kind == kind).unwrap_or_else(|| panic!("{kind}: {here:?}"));
    let (archive, script, program) =
        (by_kind(ExhibitKind::Zip), by_kind(ExhibitKind::Script), by_kind(ExhibitKind::Pe));
    assert_eq!(archive.derived_from, Some(mail.id));
    assert_eq!((script.derived_from, program.derived_from), (Some(archive.id), Some(archive.id)));
    assert_eq!(program.names, ["notice.exe"]);

    // Each has its act of custody, bound to what it was taken from, and how.
    for (one, from) in [(archive, &mail), (script, archive), (program, archive)] {
        let events = support::custody(&node, &one.id).await;
        let taken: Vec<_> = events.iter().filter(|e| e.what == Act::Derive).collect();
        assert_eq!(taken.len(), 1, "{events:?}");
        assert_eq!(taken[0].derived, Some(from.commitment));
        assert_eq!(taken[0].how.tool, malware::UNPACKER);
        assert!(taken[0].how.sandbox.is_some());
    }

    // What lies inside was examined as if it had come on its own.
    let findings = node.standing().await.unwrap();
    let derived = |b: &&FindingBody| matches!(b, FindingBody::Derived { .. });
    assert_eq!(on(&findings, archive).into_iter().filter(derived).count(), 2);
    assert!(
        on(&findings, script).iter().any(|b| matches!(b, FindingBody::ActiveContent { .. })),
        "{findings:?}"
    );
    assert!(on(&findings, program).iter().any(|b| matches!(b, FindingBody::Configuration { .. })));

    // Once more, and after the same mail came again: nothing is new.
    let (exhibits, known) = (here.len(), findings.len());
    take_in(&node, "copy.eml", node.vault.read(&mail.id, 1 << 20).await.unwrap()).await;
    node.analyze(&|_| ()).await.unwrap();
    assert_eq!((all(&node).await.len(), node.standing().await.unwrap().len()), (exhibits, known));
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_given_later_opens_what_stayed_shut() {
    let (_folder, node) = home().await;
    let archive = take_in(&node, "a.zip", locked("orchid 7", &[("notice.js", DROPPER.as_bytes())])).await;
    node.analyze(&|_| ()).await.unwrap();
    let shut = |f: &Finding| matches!(&f.body, FindingBody::Unreadable { code, .. } if code == "CMT-0539");
    assert!(node.standing().await.unwrap().iter().any(shut));
    assert_eq!(all(&node).await.len(), 1);

    // A wrong one changes nothing.
    node.analyze_with(&["daisy 7".into()], &|_| ()).await.unwrap();
    assert_eq!(all(&node).await.len(), 1);
    assert!(node.standing().await.unwrap().iter().any(shut));

    node.analyze_with(&["orchid 7".into()], &|_| ()).await.unwrap();
    let here = all(&node).await;
    assert_eq!(here["notice.js"].derived_from, Some(archive.id), "{here:?}");
    let findings = node.standing().await.unwrap();
    assert!(!findings.iter().any(shut), "what said that it was shut is refuted");
    let told = serde_json::to_string(&findings).unwrap();
    assert!(!told.contains("orchid"), "a password that was given is not repeated");
    assert!(node.analyze_with(&["x".repeat(1000)], &|_| ()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_told_and_the_rest_is_in() {
    let (_folder, node) = home().await;
    let zeros = vec![0u8; 80 << 20];
    let bomb =
        take_in(&node, "b.zip", packed(&[("zeros.bin", &zeros), ("notice.js", DROPPER.as_bytes())])).await;
    let done = node.analyze(&|_| ()).await.unwrap();
    assert!(done.failed.is_empty(), "{done:?}");
    let here = all(&node).await;
    assert_eq!(here["notice.js"].derived_from, Some(bomb.id));
    assert!(!here.contains_key("zeros.bin"));
    let findings = node.standing().await.unwrap();
    let codes: Vec<_> = on(&findings, &bomb)
        .into_iter()
        .filter_map(|b| if let FindingBody::Unreadable { code, .. } = b { Some(code.as_str()) } else { None })
        .collect();
    assert_eq!(codes, ["CMT-0534"], "one member is larger than is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_archives_ends_at_a_depth_that_is_told() {
    let (_folder, node) = home().await;
    let mut inner = packed(&[("notice.js", DROPPER.as_bytes())]);
    for n in 0..20 {
        inner = packed(&[(&format!("layer-{n}.zip"), &inner)]);
    }
    take_in(&node, "onion.zip", inner).await;
    node.analyze(&|_| ()).await.unwrap();
    let here = all(&node).await;
    assert_eq!(here.len(), 13, "the outermost and twelve layers: {:?}", here.keys());
    assert!(!here.contains_key("notice.js"));
    let findings = node.standing().await.unwrap();
    let deep = |f: &&Finding| matches!(&f.body, FindingBody::Unreadable { code, .. } if code == "CMT-0530");
    assert_eq!(findings.iter().filter(deep).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_unpacked_goes_with_what_it_lay_in_unless_it_came_on_its_own() {
    let (_folder, node) = home().await;
    let dpo = PersonId("dpo-1".into());
    node.person_add(&dpo, Role::DataProtectionOfficer).await.unwrap();
    let (one, other) =
        (support::sample_of(exercise::Format::Pe, 1), support::sample_of(exercise::Format::Elf, 2));
    let archive = take_in(&node, "a.zip", packed(&[("one.exe", &one), ("other.bin", &other)])).await;
    node.analyze(&|_| ()).await.unwrap();
    // The second one is also handed in by somebody.
    let own = take_in(&node, "handed-in.bin", other).await;
    assert_eq!(own.derived_from, None);
    node.analyze(&|_| ()).await.unwrap();
    let threats = node.assess().await.unwrap();
    let case = node.case_open("Harbour", &[threats[0].id.clone()]).await.unwrap().id.to_string();
    node.gather(&case, &[archive.id.to_string()]).await.unwrap();
    let erased = node.erase(&case, &[archive.id.to_string()], "ordered", &dpo).await.unwrap();
    assert_eq!(erased.exhibits.len(), 2, "{erased:?}");
    let left: Vec<_> =
        all(&node).await.into_values().filter(|e| e.erased_at.is_none()).map(|e| e.id).collect();
    assert_eq!(left, [own.id]);
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_are_taken_in_and_told_exhibit_by_exhibit() {
    let (folder, node) = home().await;
    node.close().await.unwrap();
    let sample = support::sample_of(exercise::Format::Pe, 1);
    let archive =
        packed(&[("notice.js", DROPPER.as_bytes()), ("notice.exe", &sample), ("note.txt", b"quiet")]);
    let from = folder.path().join("in");
    support::lay_out(
        &from,
        &[("notice.zip".into(), archive), ("plain.txt".into(), b"the harbour is quiet\n".to_vec())],
    );
    let home = folder.path().join("home");
    let run = |more: &[&str]| {
        let mut command = support::comity(&home);
        let done = command.arg("analyze").arg(&from).args(more).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", support::said(&done));
        String::from_utf8(done.stdout).unwrap()
    };
    let told = run(&["--json"]);
    let lines: Vec<serde_json::Value> = told.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let schemas: Vec<&str> = lines.iter().map(|l| l["schema"].as_str().unwrap()).collect();
    let one = "comity.examined/1";
    assert_eq!(schemas, [one, one, one, one, one, "comity.analyzed/1"], "two files, three members");
    let of = |name: &str| {
        lines.iter().find(|l| l["names"][0].as_str().is_some_and(|n| n.ends_with(name))).unwrap()
    };
    assert_eq!(of("notice.exe")["derived_from"], of("notice.zip")["exhibit"]);
    assert_eq!(of("notice.exe")["kind"], "pe");
    assert!(of("notice.exe")["digests"]["tlsh"].is_string());
    let types = |name: &str| -> Vec<String> {
        let all = of(name)["findings"].as_array().unwrap();
        all.iter().map(|f| f["body"]["type"].as_str().unwrap().to_owned()).collect()
    };
    assert!(types("notice.exe").contains(&"configuration".to_owned()));
    assert_eq!(types("notice.zip").iter().filter(|t| *t == "derived").count(), 3);
    assert_eq!(run(&["--json"]).lines().count(), 6, "once more, the same exhibits are told");

    // People: the program with its configuration first, then what the script would do, in few lines.
    let told = run(&[]);
    let place = |what: &str| told.find(what).unwrap_or_else(|| panic!("no {what} in {told}"));
    assert!(place("1 notice.exe") < place("configuration") && place("configuration") < place("2 notice.js"));
    assert!(place("active-content") < place("3 others, in which nothing stands out"), "{told}");
    assert!(told.contains(", in ") && told.lines().count() < 40, "{told}");
    assert!(told.lines().all(|l| l.chars().count() <= 100), "{told}");
}

/// Whatever comes up while an exhibit is examined: what is left is known, and nothing is left at the end.
#[tokio::test(flavor = "multi_thread")]
async fn steps_say_what_is_left_also_of_what_comes_up() {
    let (_folder, node) = home().await;
    let files: Vec<(String, Vec<u8>)> =
        (0..40).map(|n| (format!("{n}.txt"), format!("the harbour is quiet, {n}\n").into_bytes())).collect();
    let files: Vec<(&str, &[u8])> = files.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
    take_in(&node, "outer.zip", packed(&[("inner.zip", &packed(&files))])).await;
    take_in(&node, "set.yar", b"rule quiet { strings: $q = \"quiet\" condition: $q }\n".to_vec()).await;
    let steps = std::sync::Mutex::new(Vec::new());
    node.analyze(&|step| steps.lock().unwrap().push((step.what, step.left))).await.unwrap();
    let steps = steps.into_inner().unwrap();
    for (what, all) in [("examining", 43), ("applying rules", 42)] {
        let left: Vec<u64> = steps.iter().filter(|(w, _)| *w == what).map(|(_, left)| *left).collect();
        assert_eq!(left.len(), all, "{what}: {steps:?}");
        assert_eq!(left.iter().min(), Some(&0), "{what}: {steps:?}");
        assert!(left.iter().any(|left| *left > 30), "{what}: {steps:?}");
    }
}

/// What a responder gets of a large folder: the most dangerous first, all in one screen, the rest in counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_folder_is_told_by_danger_on_one_screen() {
    let (folder, node) = home().await;
    let listed = b"this file is on a list of the operator\n".to_vec();
    let list = folder.path().join("list.txt");
    std::fs::write(&list, format!("{}\n", terms::Digest::of(&listed))).unwrap();
    node.close().await.unwrap();
    let home = folder.path().join("home");
    let config = home.join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("withheld_lists = [{:?}]\n{text}", list.display().to_string())).unwrap();
    let from = folder.path().join("in");
    let mut files: Vec<(String, Vec<u8>)> = vec![
        (
            "a-set.yar".into(),
            b"rule harbour_lights { strings: $a = \"burning\" condition: $a }\nrule bad { condition: no }\n"
                .to_vec(),
        ),
        ("y-listed.txt".into(), listed),
        ("z-note.txt".into(), b"the lights are burning\n".to_vec()),
        ("z-notice.exe".into(), support::sample_of(exercise::Format::Pe, 1)),
    ];
    for n in 0..45 {
        files.push((format!("b-{n}.txt"), format!("the harbour is quiet, {n}\n").into_bytes()));
        files.push((format!("c-{n}.js"), format!("{DROPPER}// {n}\n").into_bytes()));
    }
    support::lay_out(&from, &files);
    let run = |more: &[&str]| {
        let mut command = support::comity(&home);
        let done = command.arg("analyze").arg(&from).args(more).output().unwrap();
        assert_eq!(done.status.code(), Some(6), "a rule was left out: {}", support::said(&done));
        String::from_utf8(done.stdout).unwrap()
    };
    for again in [false, true] {
        let told = run(&[]);
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines.len() <= 60 && lines.iter().all(|l| l.chars().count() <= 100), "{again}: {told}");
        let place = |what: &str| {
            lines.iter().position(|l| l.contains(what)).unwrap_or_else(|| panic!("no {what}: {told}"))
        };
        let order = ["y-listed.txt", "z-notice.exe", "configuration", "z-note.txt", "harbour_lights", " 4 "];
        let places: Vec<usize> = order.iter().map(|what| place(what)).collect();
        assert!(places.is_sorted(), "{places:?}: {told}");
        assert!(place("48 of 94 exhibits") < place("y-listed.txt"), "{told}");
        assert!(
            told.contains("46 others, in which nothing stands out") && !told.contains("b-7.txt"),
            "{told}"
        );
        // A rule that is not applied finds nothing: that is said.
        assert!(told.contains("1 rule works, 1 left out and not applied"), "{told}");
        assert!(told.contains("--top 48 tells them") && told.contains("--kind TYPE"), "{told}");
    }
    // More, or less, or one kind of findings.
    let three = run(&["--top", "3"]);
    assert!(three.contains(" 3 ") && !three.contains("c-1"), "{three}");
    assert_eq!(run(&["--top", "48"]).matches("\n   sha256 ").count(), 48);
    let one = run(&["--kind", "rule-match"]);
    assert!(one.contains("in 1 of 94 exhibits") && one.contains("z-note.txt"), "{one}");
    assert!(!one.contains("z-notice.exe") && one.contains("93 without such a finding"), "{one}");
    assert!(run(&["--kind", "beacon"]).contains("No finding of type beacon in 94 exhibits"));
    let json = run(&["--json", "--kind", "active-content", "--top", "1"]);
    let of: Vec<serde_json::Value> = json.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(of.len(), 46, "45 scripts and the analysis: {json}");
    assert!(
        of[..45].iter().all(|l| l["findings"].as_array().unwrap().len() == 1 && l["more"] != 0),
        "{json}"
    );
    assert_eq!(of[45]["rules_in_part"], serde_json::json!([]), "it was compiled before");
}

/// Beyond some distance TLSH says nothing: what lies there is not listed as near.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_far_is_not_listed_as_near() {
    let (folder, node) = home().await;
    take_in(&node, "notice.js", DROPPER.repeat(8).into_bytes()).await;
    node.analyze(&|_| ()).await.unwrap();
    node.close().await.unwrap();
    let asked = folder.path().join("asked.bin");
    std::fs::write(&asked, variant(0)).unwrap();
    let run = |more: &[&str]| {
        let mut command = support::comity(&folder.path().join("home"));
        let done = command.args(["analyze", "--near"]).arg(&asked).args(more).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", support::said(&done));
        String::from_utf8(done.stdout).unwrap()
    };
    let one: serde_json::Value = serde_json::from_str(run(&["--json"]).trim()).unwrap();
    assert!(one["distance"].as_u64().unwrap() > 150 && one["near"] == false, "{one}");
    let told = run(&[]);
    assert!(told.contains("No exhibit is near") && !told.contains("notice.js"), "{told}");
}

/// Bytes that have a TLSH digest; `n` of them are changed.
fn variant(n: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        (0..3000u32).flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()).collect();
    (0..n * 40).for_each(|i| bytes[i * 13 % 12_000] ^= 0x55);
    // Behind a program: what no examiner knows has no digests.
    [support::sample_of(exercise::Format::Elf, 1), bytes].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_exhibits_are_ranked_by_any_digest_or_a_file() {
    let (folder, node) = home().await;
    let mut here = Vec::new();
    for n in [0, 1, 3, 8] {
        here.push((n, take_in(&node, &format!("v{n}.bin"), variant(n)).await.id));
    }
    take_in(&node, "short.bin", b"\x7fELF, and no more".to_vec()).await;
    node.analyze(&|_| ()).await.unwrap();
    node.close().await.unwrap();
    let of = |bytes: &[u8]| malware::Digests::of(bytes);
    let (asked, file) = (of(&variant(0)), folder.path().join("asked.bin"));
    std::fs::write(&file, variant(2)).unwrap();
    let home = folder.path().join("home");
    let run = |what: &str, more: &[&str]| {
        support::comity(&home).args(["analyze", "--near", what]).args(more).output().unwrap()
    };
    let ranked = |what: &str, top: &str| -> Vec<(String, u64)> {
        let done = run(what, &["--top", top, "--json"]);
        assert_eq!(done.status.code(), Some(0), "{}", support::said(&done));
        let told = String::from_utf8(done.stdout).unwrap();
        let lines = told.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        let mut rank = 0;
        lines
            .map(|l| {
                rank += 1;
                assert_eq!((&l["schema"], l["rank"].as_u64()), (&"comity.near/1".into(), Some(rank)));
                (l["exhibit"].as_str().unwrap().to_owned(), l["distance"].as_u64().unwrap())
            })
            .collect()
    };
    // What comparing each with each says, over the library that made none of this.
    let expected = |to: &[u8], but: Option<usize>| -> Vec<(String, u64)> {
        let to = of(to).tlsh.unwrap();
        let others = here.iter().filter(|(n, _)| Some(*n) != but);
        let mut all: Vec<_> = others
            .map(|(n, id)| (u64::from(to.distance(&of(&variant(*n)).tlsh.unwrap())), id.to_string()))
            .collect();
        all.sort();
        all.into_iter().map(|(d, id)| (id, d)).collect()
    };
    let others = expected(&variant(0), Some(0));
    for digest in [&asked.sha256, &asked.sha1, &asked.md5, &asked.sha256.to_uppercase()] {
        assert_eq!(ranked(digest, "10"), others, "{digest}");
    }
    assert_eq!(ranked(&asked.tlsh.unwrap().to_string(), "10"), expected(&variant(0), None));
    assert_eq!(ranked(file.to_str().unwrap(), "2"), expected(&variant(2), None)[..2]);
    let told = run(&asked.sha1, &[]);
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(text.contains("distance") && text.contains("v1.bin"), "{text}");
    let told = run(&asked.ssdeep.to_string(), &[]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("100"), "{}", support::said(&told));

    // The file that was asked about is not here, and what cannot be ranked says why.
    for (what, code, exit) in [
        ("no-such-file", "CMT-0570", 2),
        (of(b"\x7fELF, and no more").sha256.as_str(), "CMT-0571", 1),
        (of(&variant(2)).sha1.as_str(), "CMT-0572", 1),
        (of(&variant(2)).sha256.as_str(), "CMT-0572", 1),
    ] {
        let done = run(what, &[]);
        assert_eq!(done.status.code(), Some(exit), "{what}: {}", support::said(&done));
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(told.contains(code) && told.contains("help"), "{told}");
    }
}

#[test]
fn names_of_a_list_are_judged_without_a_home() {
    let folder = tempfile::tempdir().unwrap();
    let corebot = botnet::generated::family("corebot").unwrap();
    let day: terms::Day = "2026-11-20".parse().unwrap();
    let made = corebot.names(&corebot.seeds[0], day).unwrap().next_name().unwrap().to_owned();
    let list = folder.path().join("names.txt");
    let long = "x".repeat(9000);
    std::fs::write(&list, format!("# a list\ndomain\n{made}\nhttps://u@en.wikipedia.org:8443/domain?a=b\n{long}\n\nxkqzvwjhbtrqpm.info"))
        .unwrap();
    let run = |more: &[&str]| {
        let done = support::comity(&folder.path().join("nowhere"))
            .args(["analyze", "--names", list.to_str().unwrap()])
            .args(more)
            .output()
            .unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    };
    let (code, said) = run(&["--on", "2026-11-20", "--json"]);
    assert_eq!(code, Some(6), "a line was left out: {said}");
    let all: Vec<serde_json::Value> = said.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(all.len(), 3, "{said}");
    assert!(all.iter().all(|v| v["schema"] == "comity.name/1"));
    assert_eq!((&all[0]["family"], &all[0]["generated"]), (&"corebot".into(), &true.into()));
    assert_eq!((&all[1]["family"], &all[1]["generated"]), (&serde_json::Value::Null, &false.into()));
    assert_eq!(all[1]["name"], "en.wikipedia.org", "of a URL its host, and the header is no name");
    assert_eq!((&all[2]["family"], &all[2]["generated"]), (&serde_json::Value::Null, &true.into()));
    // On another day nobody's algorithm makes it, and people get a line for each.
    let (_, said) = run(&["--on", "2020-01-01"]);
    assert!(!said.contains("corebot") && said.lines().count() == 3, "{said}");
    let (_, said) = run(&["--on", "2026-11-20", "--generated"]);
    assert!(!said.contains("wikipedia") && said.lines().count() == 2, "{said}");
    let (_, said) = run(&["--on", "2026-11-20", "--min-score", "1"]);
    assert!(said.contains("corebot") && said.lines().count() == 1, "{said}");
    assert_eq!(run(&["--min-score", "2"]).0, Some(2));
    // Of what is too short to be judged it is said why; a word for a column further down is a name.
    std::fs::write(&list, "x.com\n192.0.2.1\ndomain\n").unwrap();
    let (code, said) = run(&[]);
    assert!(code == Some(0) && said.contains("too short") && said.contains("an address"), "{said}");
    assert_eq!(said.lines().count(), 3, "{said}");
    // Two words each: none of them looks generated alone, and all of them do together.
    let joined = "lanternsalmon.mv\nwww.lanternsalmon.mv\ntraderhillside.pw\nspotdaughter.cx\nreproducedpencil.nf\nlateralmarbles.gd\n";
    for (text, together) in [
        (joined.to_owned(), Some((5, true))),
        ("wikipedia.org\nfootball.com\nlibrary.com\nhomegarden.com\nmuseum.com\n".into(), Some((5, false))),
        (joined.lines().take(5).map(|l| format!("{l}\n")).collect(), None),
    ] {
        std::fs::write(&list, &text).unwrap();
        let (_, said) = run(&["--json"]);
        let all: Vec<serde_json::Value> = said.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        let of_all = all.iter().find(|v| v["schema"] == "comity.names-together/1");
        let told = of_all.map(|v| (v["names"].as_u64().unwrap(), v["generated"].as_bool().unwrap()));
        assert_eq!(told, together, "{said}");
        let alone = all.iter().filter(|v| v["schema"] == "comity.name/1" && v["generated"] == true);
        assert_eq!(alone.count(), 0, "{said}");
    }
}

#[test]
fn a_list_of_digests_is_clustered_without_a_home() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.csv");
    let tlsh = |n| malware::Digests::of(&variant(n)).tlsh.unwrap().to_string();
    let run = |text: String, more: &[&str]| {
        std::fs::write(&list, text).unwrap();
        let mut command = support::comity(&folder.path().join("nowhere"));
        let done = command.arg("analyze").arg("--cluster").arg(&list).args(more).output().unwrap();
        (done.status.code().unwrap(), support::said(&done), String::from_utf8(done.stdout).unwrap())
    };
    let (near, far) =
        (tlsh(0), malware::TlshText::of(&support::sample_of(exercise::Format::Elf, 2)).unwrap());
    // As the rows stand; the label says nothing.
    let rows = format!("sha1_hash,tlsh,signature\na,{near},One\nb,{far},One\nc,{near},Two\n");
    let (code, said, printed) = run(rows, &[]);
    assert_eq!((code, printed.as_str()), (0, "id,cluster\na,a\nb,b\nc,a\n"), "{said}");
    // By date: the oldest row names the cluster, and a row without a date comes last.
    let rows = format!(
        "\u{feff}\"TLSH\", \"first_seen\", \"sha256\"\n\"{near}\", ,\"a,1\"\n{near},2026-03-02,b\n{near},2026-03-01 10:00:00,c\n"
    );
    let (code, said, printed) = run(rows, &[]);
    assert_eq!((code, printed.as_str()), (0, "id,cluster\n\"a,1\",c\nb,c\nc,c\n"), "{said}");
    // Rows without a digest are told, and the rest is done.
    let rows = format!("id,tlsh\na,{near}\nb,TNULL\nc\nd,{near}\n");
    let (code, said, printed) = run(rows, &["--json"]);
    assert_eq!(code, 6, "{said}");
    let lines: Vec<serde_json::Value> = printed.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let row = |id: &str| serde_json::json!({ "schema": "comity.cluster/1", "id": id, "cluster": "a", "samples": 2 });
    assert_eq!(lines, [row("a"), row("d")]);
    assert_eq!(said.matches("comity.unreadable-row/1").count(), 2, "{said}");
    for (text, code) in [
        (String::new(), "CMT-0575"),
        ("id,digest\na,b\n".into(), "CMT-0575"),
        (format!("id,tlsh\na,\"{}\n", "x".repeat(3 << 20)), "CMT-0576"),
    ] {
        let (exit, said, _) = run(text, &[]);
        assert!(exit == 1 && said.contains(code), "{said}");
    }
}

/// Two programs with half of their functions in common, and one with others: told once, and anew when there is more to tell.
#[tokio::test(flavor = "multi_thread")]
async fn samples_that_share_code_are_told() {
    let (folder, node) = home().await;
    let one = take_in(&node, "one.bin", made::program(0..60, 1)).await;
    let two = take_in(&node, "two.bin", made::program(30..90, 2)).await;
    take_in(&node, "three.bin", made::program(500..560, 3)).await;
    node.analyze(&|_| ()).await.unwrap();
    let found: Vec<Finding> = node.of_kind("shared-code").await.unwrap();
    let [Finding { body: FindingBody::SharedCode { percent, functions, .. }, exhibits, .. }] =
        found.as_slice()
    else {
        panic!("{found:?}")
    };
    let mut both = vec![one.id, two.id];
    both.sort();
    // 30 of 90 functions.
    assert_eq!((exhibits, *percent, *functions), (&both, 33, 60));
    assert_eq!(node.analyze(&|_| ()).await.unwrap().new_findings, 0);
    take_in(&node, "four.bin", made::program(45..105, 4)).await;
    node.analyze(&|_| ()).await.unwrap();
    assert_eq!(node.of_kind("shared-code").await.unwrap().len(), 2, "with two, and not with one: 15 of 105");
    node.close().await.unwrap();

    // What one of them has in common with another that must not be viewed by now is not told of it.
    let from = folder.path().join("in");
    support::lay_out(&from, &[("two.bin".into(), made::program(30..90, 2))]);
    let home = folder.path().join("home");
    let told = || {
        let done = support::comity(&home).arg("analyze").arg(&from).arg("--json").output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", support::said(&done));
        String::from_utf8(done.stdout).unwrap()
    };
    assert!(told().contains(&one.id.to_string()));
    let list = folder.path().join("list.txt");
    std::fs::write(&list, format!("{}\n", one.id)).unwrap();
    let config = home.join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("withheld_lists = [{:?}]\n{text}", list.display().to_string())).unwrap();
    let shown = support::comity(&home).arg("analyze").output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("compared with 1 list of what must not be viewed: 1 exhibit withheld"), "{shown}");
    let told = told();
    assert!(!told.contains(&one.id.to_string()) && told.contains("shared-code"), "{told}");
}
