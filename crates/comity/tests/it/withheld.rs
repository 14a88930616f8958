//! What must not be viewed: sealed, with its clock running, and looked at by nobody.

use crate::support;
use comity::node::Node;
use comity::node::hand::Addressed;
use comity::node::ingest::{Ingested, Manner, Source};
use comity::node::share::{What, Wish};
use evidence::disclosure::Mark;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use terms::{Digest, ExhibitId, ExhibitKind, Finding, FindingBody, Purpose, Timestamp};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const HOUR: i64 = 3_600_000_000;

fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A home whose configuration names this list.
async fn home_with(folder: &Path, list: &Path) -> Node {
    let (options, _) = support::options(&folder.join("home"));
    support::init(&options).await.close().await.unwrap();
    name_list(folder, list);
    Node::open(&options, "test").await.unwrap()
}

fn name_list(folder: &Path, list: &Path) {
    let config = folder.join("home/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text =
        format!("withheld_lists = [{:?}]\nwithheld_report_hours = 48\n{text}", list.display().to_string());
    std::fs::write(&config, text).unwrap();
}

async fn take_in(node: &Node, name: &str, bytes: &[u8]) -> Ingested {
    let source = Source::Bytes(name.into(), bytes.to_vec());
    node.ingest(vec![source], &Manner::house("test"), &|_| ()).await.unwrap()
}

async fn on(node: &Node, exhibit: ExhibitId) -> Vec<Finding> {
    let mut conn = node.state.read().await.unwrap();
    let all = comity::store::findings::of_exhibit(&mut conn, &exhibit, None, 1000).await.unwrap();
    all.into_iter().map(|k| k.finding).collect()
}

fn code(error: &dyn miette::Diagnostic) -> String {
    error.code().map(|c| c.to_string()).unwrap_or_default()
}

fn to(folder: &Path) -> Addressed {
    Addressed { to: "court.example".into(), authority: None, out: folder.join("package"), seal_to: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn listed_material_is_sealed_and_looked_at_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (by_md5, sibling) =
        (support::sample_of(exercise::Format::Pe, 1), support::sample_of(exercise::Format::Pe, 2));
    let (md5, _) = malware::Hashed::of(&by_md5);
    let picture = b"a picture that nobody may look at";
    let (_, sha1) = malware::Hashed::of(picture);
    let list = folder.path().join("list.txt");
    let text: String = [md5.as_slice(), sha1.as_slice()]
        .map(|d| d.iter().map(|b| format!("{b:02X}")).collect::<String>() + ",category 1\n")
        .concat();
    std::fs::write(&list, format!("digest,category\n{text}")).unwrap();
    let node = home_with(folder.path(), &list).await;
    let rules = b"rule any_program { strings: $m = \"MZ\" condition: $m }\n";
    take_in(&node, "any.yar", rules).await;

    let done = take_in(&node, "one.exe", &by_md5).await;
    let one = &done.taken[0];
    assert_eq!(one.kind, ExhibitKind::Unknown, "no child told its kind");
    assert_eq!(one.unreadable[0].code, "CMT-1114");
    let archive = packed(&[("inner/two.png", picture), ("inner/two.exe", &sibling)]);
    let outer = packed(&[("inner.zip", &archive)]);
    let outer = take_in(&node, "outer.zip", &outer).await.taken[0].exhibit;
    node.analyze(&|_| ()).await.unwrap();

    // Of the first: that it is listed, until when it is to be reported, and nothing else.
    let found = on(&node, one.exhibit).await;
    let [Finding { body: FindingBody::Withheld { list: by, digest, report_until, inside: false }, .. }] =
        found.as_slice()
    else {
        panic!("{found:?}")
    };
    let bytes = std::fs::read(&list).unwrap();
    assert_eq!((*by, digest.as_str()), (ExhibitId::of(&bytes), "md5"));
    assert_eq!(*report_until, Timestamp(support::noon().0 + 48 * HOUR));

    // The listed member became no exhibit; its sibling did, and was examined; both containers are withheld.
    let mut conn = node.state.read().await.unwrap();
    let all = comity::store::exhibits::page(&mut conn, None, 100).await.unwrap();
    drop(conn);
    assert!(!all.iter().any(|e| e.id == ExhibitId(Digest::of(picture))), "{all:?}");
    let sibling = ExhibitId(Digest::of(&sibling));
    assert!(on(&node, sibling).await.iter().any(|f| matches!(f.body, FindingBody::Configuration { .. })));
    let inner = all.iter().find(|e| e.derived_from == Some(outer)).unwrap().id;
    for container in [outer, inner] {
        let found = on(&node, container).await;
        let inside = |f: &Finding| matches!(f.body, FindingBody::Withheld { inside: true, .. });
        assert!(found.iter().any(inside), "{found:?}");
        assert!(
            !found.iter().any(|f| matches!(f.body, FindingBody::RuleMatch { .. })),
            "a match shows what it fired on"
        );
    }
    assert!(on(&node, sibling).await.iter().any(|f| matches!(f.body, FindingBody::RuleMatch { .. })));

    // Nothing of it is released.
    let threats = node.assess().await.unwrap();
    let case = node.case_open("Harbour", &[threats[0].id.clone()]).await.unwrap().id.to_string();
    for exhibit in [one.exhibit, outer] {
        node.gather(&case, &[exhibit.to_string()]).await.unwrap();
        let wish = Wish {
            what: What::Exhibit,
            of: format!("{case}/{exhibit}"),
            with: terms::PartnerId::new("police").unwrap(),
            member: None,
            purpose: Purpose::Investigation,
            noisy: None,
            seen: botnet::telemetry::Window::ALL,
        };
        assert_eq!(code(&node.share(&wish, true).await.unwrap_err()), "CMT-1113");
    }
    node.mark(&case, &[outer.to_string()], vec![Mark::Used], "it holds the sample").await.unwrap();
    assert_eq!(code(&node.hand(&case, &to(folder.path()), true).await.unwrap_err()), "CMT-1113");
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_comes_later_withholds_what_is_here() {
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = support::options(&folder.path().join("home"));
    let node = support::init(&options).await;
    let sample = support::sample_of(exercise::Format::Pe, 3);
    let archive = packed(&[("a.exe", &sample)]);
    let archive = take_in(&node, "a.zip", &archive).await.taken[0].exhibit;
    node.analyze(&|_| ()).await.unwrap();
    let exhibit = ExhibitId(Digest::of(&sample));
    let told = node.standing().await.unwrap().into_iter().find(|f| f.exhibits == [exhibit]).unwrap();
    node.close().await.unwrap();

    let (md5, _) = malware::Hashed::of(&sample);
    let list: PathBuf = folder.path().join("list.txt");
    std::fs::write(&list, md5.iter().map(|b| format!("{b:02x}")).collect::<String>()).unwrap();
    name_list(folder.path(), &list);
    let node = Node::open(&options, "test").await.unwrap();
    assert_eq!(node.analyze(&|_| ()).await.unwrap().new_findings, 2, "it and its container");
    assert_eq!(node.withheld().await.unwrap(), [archive, exhibit].into());
    let standing = node.standing().await.unwrap();
    let of: Vec<_> = standing.iter().filter(|f| f.exhibits.contains(&exhibit)).collect();
    assert!(of.iter().all(|f| matches!(f.body, FindingBody::Withheld { .. })) && !of.is_empty(), "{of:?}");
    assert_eq!(node.analyze(&|_| ()).await.unwrap().new_findings, 0, "told once");
    node.close().await.unwrap();

    // What was found before is not shown any more.
    let home = folder.path().join("home");
    let shown = support::comity(&home).args(["analyze", "--why", &told.id.to_string()]).output().unwrap();
    assert_eq!(shown.status.code(), Some(3), "{}", support::said(&shown));
    assert!(support::said(&shown).contains("CMT-1113"), "{}", support::said(&shown));
    let all = support::comity(&home).args(["analyze", "--json"]).output().unwrap();
    assert!(!support::said(&all).contains("\"type\":\"configuration\""), "{}", support::said(&all));
    let doctor = support::said(&support::comity(&home).arg("doctor").output().unwrap());
    let named = format!("2 exhibits ({}", &archive.min(exhibit).to_string()[..6]);
    assert!(doctor.contains(&named) && doctor.contains("must not be viewed"), "{doctor}");
    assert!(doctor.contains("1 list can be read"), "{doctor}");
}

/// A text has no digests of an examiner's: a list that names it by MD5 is met when its bytes come again.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_is_held_against_the_lists_again() {
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = support::options(&folder.path().join("home"));
    let node = support::init(&options).await;
    let words = b"words that nobody may look at\n";
    let exhibit = take_in(&node, "a.txt", words).await.taken[0].exhibit;
    node.close().await.unwrap();
    let list = folder.path().join("list.txt");
    let (md5, _) = malware::Hashed::of(words);
    std::fs::write(&list, md5.iter().map(|b| format!("{b:02x}")).collect::<String>()).unwrap();
    name_list(folder.path(), &list);
    let node = Node::open(&options, "test").await.unwrap();
    for _ in 0..2 {
        take_in(&node, "a.txt", words).await;
        assert_eq!(node.of_kind("withheld").await.unwrap().len(), 1, "its clock runs once");
    }
    assert_eq!(node.withheld().await.unwrap(), [exhibit].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_list_a_home_takes_in_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.txt");
    std::fs::write(&list, "d41d8cd98f00b204e9800998ecf8427e\nsomething else\n").unwrap();
    let node = home_with(folder.path(), &list).await;
    let source = Source::Bytes("a.txt".into(), b"words".to_vec());
    let error = node.ingest(vec![source], &Manner::house("test"), &|_| ()).await.unwrap_err();
    assert_eq!(code(&error), "CMT-1112");
    assert!(error.to_string().contains("line 2"), "{error}");
    let mut conn = node.state.read().await.unwrap();
    assert!(comity::store::exhibits::page(&mut conn, None, 10).await.unwrap().is_empty());
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn list_of(folder: &Path, bytes: &[u8]) -> PathBuf {
    let list = folder.join("list.txt");
    std::fs::write(&list, format!("{}\n", ExhibitId(Digest::of(bytes)))).unwrap();
    list
}

fn is_withheld(found: &[Finding], inside: bool) -> bool {
    found.iter().any(|f| matches!(f.body, FindingBody::Withheld { inside: i, .. } if i == inside))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_around_it_hides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let sample = support::sample_of(exercise::Format::Pe, 1);
    let list = list_of(folder.path(), &sample);
    let node = home_with(folder.path(), &list).await;
    for (name, bytes) in [("a.gz", gzip(&sample)), ("a.zst", zstd::encode_all(&sample[..], 3).unwrap())] {
        let taken = take_in(&node, name, &bytes).await.taken.remove(0);
        assert_eq!(
            (taken.kind, taken.unreadable[0].code.as_str()),
            (ExhibitKind::Unknown, "CMT-1114"),
            "{name}"
        );
        node.analyze(&|_| ()).await.unwrap();
        let found = on(&node, taken.exhibit).await;
        assert!(found.len() == 1 && is_withheld(&found, false), "{name}: {found:?}");
    }
    // In a container: the stream is an exhibit of its own, and withheld; so is what it lies in.
    let outer = take_in(&node, "outer.zip", &packed(&[("a.gz", &gzip(&sample)), ("b", b"words")])).await;
    node.analyze(&|_| ()).await.unwrap();
    assert!(is_withheld(&on(&node, outer.taken[0].exhibit).await, true));
    // Another stream is read as ever.
    let other = take_in(&node, "b.gz", &gzip(&support::sample_of(exercise::Format::Pe, 2))).await;
    assert_eq!(other.taken[0].kind, ExhibitKind::Pe);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_list_reaches_every_container_and_what_came_out() {
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = support::options(&folder.path().join("home"));
    let node = support::init(&options).await;
    let sample = support::sample_of(exercise::Format::Pe, 1);
    let archive = packed(&[("listed.exe", &sample)]);
    let first = take_in(&node, "first.zip", &archive).await.taken[0].exhibit;
    let second =
        take_in(&node, "second.zip", &packed(&[("x", &archive), ("y", b"words")])).await.taken[0].exhibit;
    let third = take_in(&node, "third.zip", &packed(&[("other name.exe", &sample)])).await.taken[0].exhibit;
    node.analyze(&|_| ()).await.unwrap();
    // By itself, too: what it was unpacked from first is forgotten then.
    let alone = take_in(&node, "alone.exe", &sample).await.taken[0].exhibit;
    node.close().await.unwrap();

    name_list(folder.path(), &list_of(folder.path(), &sample));
    let node = Node::open(&options, "test").await.unwrap();
    node.analyze(&|_| ()).await.unwrap();
    assert!(is_withheld(&on(&node, alone).await, false));
    for container in [first, second, third] {
        assert!(is_withheld(&on(&node, container).await, true), "{container}");
    }
    assert_eq!(
        code(&node.near(&comity::node::similar::Sought::Exhibit(alone), 5).await.unwrap_err()),
        "CMT-1113"
    );
    node.close().await.unwrap();

    // A container is listed: what came out of it is no more to be viewed than it is.
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = support::options(&folder.path().join("home"));
    let node = support::init(&options).await;
    take_in(&node, "first.zip", &archive).await;
    node.analyze(&|_| ()).await.unwrap();
    node.close().await.unwrap();
    name_list(folder.path(), &list_of(folder.path(), &archive));
    let node = Node::open(&options, "test").await.unwrap();
    node.analyze(&|_| ()).await.unwrap();
    assert!(is_withheld(&on(&node, ExhibitId(Digest::of(&sample))).await, false));
}

fn pdf_with(picture: &[u8]) -> Vec<u8> {
    let head = b"%PDF-1.4\n1 0 obj<</Subtype/Image/Filter/DCTDecode>>stream\n";
    [&head[..], picture, b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF"].concat()
}

fn wish(case: &str, exhibit: ExhibitId) -> Wish {
    Wish {
        what: What::Exhibit,
        of: format!("{case}/{exhibit}"),
        with: terms::PartnerId::new("police").unwrap(),
        member: None,
        purpose: Purpose::Investigation,
        noisy: None,
        seen: botnet::telemetry::Window::ALL,
    }
}

/// Nothing is taken out of these: the list meets the picture where it lies, whether it came before them or after.
#[tokio::test(flavor = "multi_thread")]
async fn a_listed_picture_inside_a_document_withholds_it() {
    let folder = tempfile::tempdir().unwrap();
    let (options, _) = support::options(&folder.path().join("home"));
    let node = support::init(&options).await;
    let picture = [&b"\xff\xd8\xff\xe0\0\x04ab"[..], &[0x55; 900], b"\xff\xd9"].concat();
    let document = take_in(&node, "a.pdf", &pdf_with(&picture)).await.taken[0].exhibit;
    let other = take_in(&node, "b.pdf", &pdf_with(&[0x55; 900])).await.taken[0].exhibit;
    node.analyze(&|_| ()).await.unwrap();
    node.close().await.unwrap();

    // The list comes later: what is here is examined anew, and held against it.
    name_list(folder.path(), &list_of(folder.path(), &picture));
    let node = Node::open(&options, "test").await.unwrap();
    node.analyze(&|_| ()).await.unwrap();
    assert!(is_withheld(&on(&node, document).await, true));
    assert!(!is_withheld(&on(&node, other).await, true));
    let late = take_in(&node, "late.zip", &packed(&[("a.pdf", &pdf_with(&picture))])).await;
    node.analyze(&|_| ()).await.unwrap();
    assert!(is_withheld(&on(&node, late.taken[0].exhibit).await, true), "and what lies around it");
    assert_eq!(node.analyze(&|_| ()).await.unwrap().examined, 0, "once for each list");
}

/// A member above a bound, here one that lies too deep, is compared though it is not taken out; what could not be compared,
/// here behind a password, keeps all around it from being released.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_compared_is_not_released() {
    let folder = tempfile::tempdir().unwrap();
    let listed = support::sample_of(exercise::Format::Pe, 1);
    let node = home_with(folder.path(), &list_of(folder.path(), &listed)).await;
    let mut deep = packed(&[("x.exe", &listed)]);
    (0..12).for_each(|_| deep = packed(&[("in.zip", &deep)]));
    let deep = take_in(&node, "deep.zip", &deep).await.taken[0].exhibit;
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let locked = SimpleFileOptions::default().with_aes_encryption(zip::AesMode::Aes256, "not known here");
    writer.start_file("secret.bin", locked).unwrap();
    writer.write_all(b"what nobody here can read").unwrap();
    let locked = writer.finish().unwrap().into_inner();
    let outer = take_in(&node, "outer.zip", &packed(&[("locked.zip", &locked)])).await.taken[0].exhibit;
    let sample = support::sample_of(exercise::Format::Pe, 2);
    let open = take_in(&node, "open.zip", &packed(&[("y.exe", &sample)])).await.taken[0].exhibit;
    node.analyze(&|_| ()).await.unwrap();
    assert!(is_withheld(&on(&node, deep).await, true), "thirteen deep");

    let threats = node.assess().await.unwrap();
    let case = node.case_open("Harbour", &[threats[0].id.clone()]).await.unwrap().id.to_string();
    let waiting = take_in(&node, "waiting.zip", &packed(&[("z", b"words")])).await.taken[0].exhibit;
    for (exhibit, refused, why) in
        [(outer, true, "CMT-0539"), (waiting, true, "waits for its examination"), (open, false, "")]
    {
        node.gather(&case, &[exhibit.to_string()]).await.unwrap();
        let error = node.share(&wish(&case, exhibit), true).await.unwrap_err();
        assert_eq!(code(&error) == "CMT-1286", refused, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// Lists taken away and put back: what came meanwhile was held against nothing, and is when they are there again.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_there_were_no_lists_is_compared_when_they_are_back() {
    let folder = tempfile::tempdir().unwrap();
    let picture = [&b"\xff\xd8\xff\xe0\0\x04ab"[..], &[0x55; 900], b"\xff\xd9"].concat();
    let list = list_of(folder.path(), &picture);
    let node = home_with(folder.path(), &list).await;
    take_in(&node, "first.txt", b"words").await;
    node.analyze(&|_| ()).await.unwrap();
    node.close().await.unwrap();

    let config = folder.path().join("home/config.toml");
    let with = std::fs::read_to_string(&config).unwrap();
    let without: String =
        with.lines().filter(|l| !l.starts_with("withheld")).map(|l| format!("{l}\n")).collect();
    std::fs::write(&config, without).unwrap();
    let (options, _) = support::options(&folder.path().join("home"));
    let node = Node::open(&options, "test").await.unwrap();
    let document = take_in(&node, "a.pdf", &pdf_with(&picture)).await.taken[0].exhibit;
    node.analyze(&|_| ()).await.unwrap();
    assert!(!is_withheld(&on(&node, document).await, true), "there is no list");
    node.close().await.unwrap();

    std::fs::write(&config, with).unwrap();
    let node = Node::open(&options, "test").await.unwrap();
    node.analyze(&|_| ()).await.unwrap();
    assert!(is_withheld(&on(&node, document).await, true));
}
