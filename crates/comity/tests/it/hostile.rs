//! Hostile and broken input: a clear coded answer for each, and nothing else lost.

use crate::support::{self, Dice};
use comity::node::ingest::{Ingested, Manner, Source, sources};
use comity::node::{Node, Options};
use comity::store::{SetClock, custody};
use exercise::Format;
use miette::Diagnostic;
use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use terms::{
    Category, Compression, Digest, ExhibitId, ExhibitKind, Handling, HandlingCode, PartnerId, Protection,
    Purpose, Tlp,
};

struct Home {
    folder: tempfile::TempDir,
    options: Options,
    clock: Arc<SetClock>,
}

async fn home() -> (Home, Node) {
    let folder = tempfile::tempdir().unwrap();
    let (options, clock) = support::options(&folder.path().join("home"));
    let node = support::init(&options).await;
    (Home { folder, options, clock }, node)
}

fn code(error: &dyn Diagnostic) -> String {
    error.code().map_or_else(String::new, |c| c.to_string())
}

/// Every exhibit that was left out in part says so with a code, a place and a reason.
fn told(done: &Ingested) {
    for taken in &done.taken {
        for left in &taken.unreadable {
            assert!(
                left.code.starts_with("CMT-") && !left.at.is_empty() && !left.why.is_empty(),
                "{taken:?}"
            );
        }
    }
    for left in &done.not_sealed {
        assert!(left.code.starts_with("CMT-") && !left.why.is_empty(), "{left:?}");
    }
}

/// Cut anywhere and changed anywhere, each input is sealed and listed, and the examiners end.
#[tokio::test(flavor = "multi_thread")]
async fn truncated_and_mutated_input_is_sealed_and_told() {
    let (home, node) = home().await;
    let mut dice = Dice::new(53);
    let mut evidence: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, bytes) in [
        ("capture", support::capture(40)),
        ("conn", support::conn_log(1, 40).into_bytes()),
        ("hits", support::sinkhole_log(1, 40).into_bytes()),
        ("stix", support::stix_bundle(40).into_bytes()),
        ("pe", support::sample_of(Format::Pe, 3)),
        ("elf", support::sample_of(Format::Elf, 4)),
    ] {
        for n in 0..6 {
            let cut = 1 + dice.at(bytes.len() - 1);
            evidence.push((format!("{name}-cut-{n}"), bytes[..cut].to_vec()));
            let mut changed = bytes.clone();
            // The beginning stays, so that it is still recognised and the reader itself is met.
            for _ in 0..1 + dice.below(20) {
                let at = 32 + dice.at(changed.len() - 32);
                changed[at] = u8::try_from(dice.below(256)).unwrap();
            }
            evidence.push((format!("{name}-changed-{n}"), changed));
        }
    }
    let from = home.folder.path().join("evidence");
    support::lay_out(&from, &evidence);
    let done = support::ingest(&node, &[&from]).await;
    assert_eq!((done.taken.len(), done.not_sealed.len()), (evidence.len(), 0));
    told(&done);
    let cut_capture = done.taken.iter().find(|t| t.name.ends_with("capture-cut-0")).unwrap();
    assert!(cut_capture.kind == ExhibitKind::Pcap && !cut_capture.unreadable.is_empty(), "{cut_capture:?}");
    let crashed: Vec<_> = done
        .taken
        .iter()
        .filter(|t| t.unreadable.iter().any(|l| l.code.starts_with("CMT-11") && l.code != "CMT-1144"))
        .collect();
    assert!(crashed.is_empty(), "no reader crashes on any of it: {crashed:?}");
    let analyzed = node.analyze(&|_| ()).await.unwrap();
    assert!(analyzed.failed.is_empty(), "no examiner crashes on any of it: {:?}", analyzed.failed);
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_lie_in_a_folder() {
    let (home, node) = home().await;
    let from = home.folder.path().join("evidence");
    std::fs::create_dir_all(from.join("inner")).unwrap();
    let write =
        |name: &[u8], bytes: &[u8]| std::fs::write(from.join(OsStr::from_bytes(name)), bytes).unwrap();
    write(b"good.log", support::conn_log(1, 5).as_bytes());
    write(b"empty", b"");
    write(b"name-\xff\xfe-not-utf8", b"one text\n");
    write(b"name\nwith\nlines", b"another text\n");
    write(b"-rf", b"a name like a flag\n");
    write(b"secret", b"nobody may read this\n");
    std::fs::set_permissions(from.join("secret"), std::fs::Permissions::from_mode(0o000)).unwrap();
    std::os::unix::fs::symlink(&from, from.join("inner/back")).unwrap();
    std::os::unix::fs::symlink("nowhere", from.join("dangling")).unwrap();
    std::fs::write(home.folder.path().join("own.txt"), "the analyst's own\n").unwrap();
    std::os::unix::fs::symlink(home.folder.path().join("own.txt"), from.join("out")).unwrap();
    std::os::unix::fs::symlink("round", from.join("round")).unwrap();
    std::os::unix::fs::symlink(from.join("good.log"), from.join("inner/linked.log")).unwrap();
    let fifo = from.join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(from.join("socket")).unwrap();

    let missing = home.folder.path().join("not-there");
    let done = support::ingest(&node, &[&from, &missing]).await;
    told(&done);
    let left = |name: &str| {
        let found = done.not_sealed.iter().find(|l| l.name.ends_with(name));
        found.unwrap_or_else(|| panic!("{name} is not listed: {:?}", done.not_sealed)).code
    };
    assert_eq!((left("fifo"), left("socket")), ("CMT-1141", "CMT-1141"));
    assert_eq!((left("dangling"), left("round"), left("not-there")), ("CMT-1140", "CMT-1140", "CMT-1140"));
    assert_eq!((left("inner/back"), left("evidence/out")), ("CMT-1142", "CMT-1142"));
    let root = rustix::process::geteuid().is_root();
    if root {
        eprintln!("skipped: a file that cannot be read (this user may read everything)");
    } else {
        assert_eq!(left("secret"), "CMT-1140");
    }
    assert_eq!(done.not_sealed.len(), if root { 7 } else { 8 });
    let taken = |name: &str| done.taken.iter().find(|t| t.name.ends_with(name)).unwrap();
    assert_eq!(taken("empty").unreadable[0].code, "CMT-1144");
    assert_eq!(taken("empty").size, 0);
    assert_eq!(taken("name\nwith\nlines").exhibit, ExhibitId::of(b"another text\n"));
    assert!(done.taken.iter().any(|t| t.exhibit == ExhibitId::of(b"one text\n")));
    assert!(done.taken.iter().any(|t| t.exhibit == ExhibitId::of(b"a name like a flag\n")));
    // The same bytes twice at the same moment: one of the two is the first, and its rows count once.
    assert_eq!(taken("good.log").rows + taken("linked.log").rows, 5);
    assert_ne!(taken("good.log").fresh, taken("linked.log").fresh);
    assert_eq!(taken("linked.log").exhibit, taken("good.log").exhibit);
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

/// A home inside what is taken in is passed over; a file that is gone by the time it is opened is listed.
#[tokio::test(flavor = "multi_thread")]
async fn the_home_itself_and_what_is_gone_meanwhile() {
    let (home, node) = home().await;
    std::fs::write(home.folder.path().join("note.txt"), "a note\n").unwrap();
    std::fs::write(home.folder.path().join("soon-gone.txt"), "gone\n").unwrap();
    let (found, left) = sources(&[home.folder.path().to_owned()], node.home.root());
    assert_eq!((found.len(), left.len()), (2, 0), "nothing of the home: {found:?}");
    std::fs::remove_file(home.folder.path().join("soon-gone.txt")).unwrap();
    let done = node.ingest(found, &Manner::house("test"), &|_| ()).await.unwrap();
    assert_eq!((done.taken.len(), done.not_sealed.len()), (1, 1));
    assert_eq!(done.not_sealed[0].code, "CMT-1140");
    // A folder in a file's place cannot be read either.
    let source = Source::File(home.folder.path().to_owned());
    let done = node.ingest(vec![source], &Manner::house("test"), &|_| ()).await.unwrap();
    assert_eq!((done.taken.len(), done.not_sealed.len()), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_twice_are_one_exhibit_with_two_acts() {
    let (home, node) = home().await;
    let from = home.folder.path().join("evidence");
    let bytes = support::conn_log(1, 5).into_bytes();
    support::lay_out(&from, &[("a.log".into(), bytes.clone()), ("b.log".into(), bytes.clone())]);
    let done = support::ingest(&node, &[&from]).await;
    let again = support::ingest(&node, &[&from.join("a.log")]).await;
    assert!(done.taken.iter().chain(&again.taken).all(|t| t.exhibit == ExhibitId::of(&bytes)));
    let mut conn = node.state.read().await.unwrap();
    let files = comity::store::manifest::of_table(&mut conn, "flows").await.unwrap();
    assert_eq!(files.iter().map(|f| f.records).sum::<u64>(), 5, "its rows count once");
    let acts: Vec<custody::CustodyRow<serde_json::Value>> =
        custody::of(&mut conn, &ExhibitId::of(&bytes), "", 100).await.unwrap();
    assert_eq!(acts.len(), 3, "three times given, three acts");
    drop(conn);
    let exhibits = support::acknowledged(&home.options.dir).await.unwrap();
    assert_eq!((exhibits.len(), exhibits[&ExhibitId::of(&bytes)].names.len()), (1, 2));
    let seen = node.verify_home(&|_| ()).await.unwrap();
    assert!(seen.whole(), "{:?}", seen.problems);
    assert_eq!(seen.ledger.unwrap().size, 3);
}

/// A Zstandard frame: `head` as it is, then run-length blocks (RFC 8878, 3.1.1.2.2), of which 4 bytes become 128 KiB.
fn zstd_bomb(head: &str, blocks: usize) -> Vec<u8> {
    // No single segment, no checksum; window 128 KiB.
    let mut out = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    let mut block = |kind: u32, size: usize, last: bool, bytes: &[u8]| {
        let header = (u32::try_from(size).unwrap() << 3) | (kind << 1) | u32::from(last);
        out.extend_from_slice(&header.to_le_bytes()[..3]);
        out.extend_from_slice(bytes);
    };
    block(0, head.len(), false, head.as_bytes());
    (1..=blocks).for_each(|n| block(1, 128 << 10, n == blocks, b"x"));
    out
}

/// One gzip member (RFC 1952): `head` as it is, then a block that repeats one byte, 258 for each 13 bits (RFC 1951,
/// 3.2.6).
fn gzip_bomb(head: &str, size: u64) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let length = u16::try_from(head.len()).unwrap();
    out.push(0);
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend_from_slice(head.as_bytes());
    let (mut held, mut bits) = (0u64, 0u32);
    let mut put = |out: &mut Vec<u8>, value: u64, count: u32| {
        held |= value << bits;
        bits += count;
        while bits >= 8 {
            out.push((held & 0xff) as u8);
            held >>= 8;
            bits -= 8;
        }
    };
    let backwards = |code: u64, count: u32| code.reverse_bits() >> (64 - count);
    put(&mut out, 0b011, 3);
    put(&mut out, backwards(0x30 + u64::from(b'x'), 8), 8);
    for _ in 0..size / 258 {
        put(&mut out, backwards(0xc0 + 285 - 280, 8), 8);
        put(&mut out, 0, 5);
    }
    put(&mut out, 0, 7);
    put(&mut out, 0, 8);
    out.extend([0; 8]);
    out
}

/// What unpacks without end is stopped at its bound, and only costs itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_is_stopped() {
    let (home, node) = home().await;
    let from = home.folder.path().join("evidence");
    let head = support::conn_log(1, 2);
    let head = head.split("#close").next().unwrap();
    let bombs = [
        ("bomb.zst".to_owned(), zstd_bomb(head, 4096)),
        ("bomb.gz".to_owned(), gzip_bomb(head, 400 << 20)),
        ("conn.log".to_owned(), support::conn_log(1, 5).into_bytes()),
    ];
    support::lay_out(&from, &bombs);
    let done = support::ingest(&node, &[&from]).await;
    assert_eq!((done.taken.len(), done.not_sealed.len(), done.rows()), (3, 0, 9));
    told(&done);
    let taken = |name: &str| done.taken.iter().find(|t| t.name.ends_with(name)).unwrap();
    assert_eq!(taken("bomb.zst").compression, Compression::Zstd);
    assert_eq!(taken("bomb.gz").compression, Compression::Gzip);
    for name in ["bomb.zst", "bomb.gz"] {
        assert!(!taken(name).unreadable.is_empty(), "{:?}", taken(name));
    }
    let analyzed = node.analyze(&|_| ()).await.unwrap();
    assert!(analyzed.failed.is_empty(), "{:?}", analyzed.failed);
}

/// Highest resident memory, in KiB, of a process and everything below it, as far as it can be seen while they live.
fn memory(pid: u32) -> u64 {
    let children = format!("/proc/{pid}/task/{pid}/children");
    let below = std::fs::read_to_string(children).unwrap_or_default();
    let below = below.split_whitespace().filter_map(|p| p.parse().ok()).map(memory).max().unwrap_or(0);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let own = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok());
    below.max(own.unwrap_or(0))
}

fn highest_memory(child: &mut Child) -> u64 {
    let mut highest = 0;
    while child.try_wait().unwrap().is_none() {
        highest = highest.max(memory(child.id()));
        std::thread::yield_now();
    }
    highest
}

/// A log line of 100 MB is left out by itself; no process holds it in memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_100_megabytes() {
    let (home, node) = home().await;
    node.close().await.unwrap();
    let path = home.folder.path().join("conn.log");
    let log = support::conn_log(1, 6);
    let (before, after) = log.split_at(log.find("\tC1x3\t").unwrap());
    let before = &before[..before.rfind('\n').unwrap() + 1];
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path).unwrap());
    file.write_all(before.as_bytes()).unwrap();
    (0..100).for_each(|_| file.write_all(&[b'x'; 1 << 20]).unwrap());
    file.write_all(b"\n").unwrap();
    let after = &after[after.find('\n').unwrap() + 1..];
    file.write_all(after.as_bytes()).unwrap();
    file.into_inner().unwrap();
    let size = std::fs::metadata(&path).unwrap().len();

    let mut child = support::comity(&home.options.dir)
        .args(["ingest", "--json"])
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let highest = highest_memory(&mut child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", support::said(&output));
    assert!((1..512 << 10).contains(&highest), "{highest} KiB");
    let node = Node::open(&home.options, "test").await.unwrap();
    let exhibits = support::acknowledged(&home.options.dir).await.unwrap();
    assert_eq!(exhibits.values().map(|e| e.size).collect::<Vec<_>>(), [size]);
    let mut conn = node.state.read().await.unwrap();
    let files = comity::store::manifest::of_table(&mut conn, "flows").await.unwrap();
    assert_eq!(files.iter().map(|f| f.records).sum::<u64>(), 5, "the lines around it are read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_in_use_says_who_holds_it() {
    let (home, node) = home().await;
    let Err(error) = Node::open(&home.options, "analyze").await else { panic!("opened twice") };
    assert_eq!(code(&error), "CMT-1001");
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    let note = home.folder.path().join("note.txt");
    std::fs::write(&note, "a note\n").unwrap();
    let output = support::comity(&home.options.dir).arg("ingest").arg(&note).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", support::said(&output));
    assert!(support::said(&output).contains("CMT-1001"), "{}", support::said(&output));
    // Whoever holds it goes on undisturbed; when it is let go the other may.
    assert_eq!(support::ingest(&node, &[&note]).await.taken.len(), 1);
    node.close().await.unwrap();
    let output = support::comity(&home.options.dir).arg("ingest").arg(&note).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", support::said(&output));
}

/// No ruling by a clock that went back, until a person says why.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_back_rules_on_nothing() {
    let (home, node) = home().await;
    let request = agreement::Request::new(
        PartnerId::new("company").unwrap(),
        PartnerId::new("police").unwrap(),
        agreement::Act::Receive,
        Purpose::Investigation,
        Handling { tlp: Tlp::Amber, code: HandlingCode::H1 },
        Digest::of(b"x"),
    )
    .with(Category::C2Infrastructure, Protection::Clear);
    assert!(
        matches!(node.agree_test(request.clone(), None, None).await.unwrap().0, agreement::Ruling::Deny(_)),
        "nothing is signed"
    );
    home.clock.advance(-3_600_000_000);
    let Err(error) = node.agree_test(request.clone(), None, None).await else {
        panic!("ruled by a clock that went back")
    };
    assert_eq!(code(&error), "CMT-1007");
    let wish = comity::node::share::Wish {
        what: comity::node::share::What::Counts,
        of: String::new(),
        with: PartnerId::new("police").unwrap(),
        member: None,
        purpose: Purpose::Investigation,
        noisy: None,
        seen: botnet::telemetry::Window::ALL,
    };
    for dry in [true, false] {
        let Err(error) = node.share(&wish, dry).await else { panic!("shared by a clock that went back") };
        assert_eq!(code(&error), "CMT-1007", "{error}");
    }
    // Taking evidence in goes on: it is no ruling.
    let note = home.folder.path().join("note.txt");
    std::fs::write(&note, "a note\n").unwrap();
    assert_eq!(support::ingest(&node, &[&note]).await.taken.len(), 1);
    let mut tx = node.state.begin().await.unwrap();
    let no_reason = node.ruling_clock.acknowledge_clock(&mut tx, "  ", &node.person).await;
    assert_eq!(code(&no_reason.unwrap_err()), "CMT-1020");
    node.ruling_clock.acknowledge_clock(&mut tx, "the battery was changed", &node.person).await.unwrap();
    tx.commit().await.unwrap();
    assert!(
        matches!(node.agree_test(request.clone(), None, None).await.unwrap().0, agreement::Ruling::Deny(_)),
        "nothing is signed"
    );
}

/// A small file system of its own, taken away when dropped.
struct Small(std::path::PathBuf);

impl Small {
    fn new(at: &Path, megabytes: u32) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let size = format!("size={megabytes}m");
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(at)
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|s| s.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// No space is left: said as such, what was acknowledged stays, and with space again the rest is taken in.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = Small::new(&folder.path().join("disk"), 16) else {
        eprintln!("skipped: a full disk (this user may not mount a small file system)");
        return;
    };
    let (options, _) = support::options(&disk.0.join("home"));
    let node = support::init(&options).await;
    let from = folder.path().join("evidence");
    support::lay_out(&from, &support::evidence(6));
    assert_eq!(support::ingest(&node, &[&from]).await.taken.len(), 6);
    let before = support::acknowledged(&options.dir).await.unwrap();

    let ballast = disk.0.join("ballast");
    let big = folder.path().join("big.txt");
    std::fs::write(&big, vec![b'a'; 24 << 20]).unwrap();
    let tried = node.ingest(vec![Source::File(big)], &Manner::house("test"), &|_| ()).await;
    let error = tried.expect_err("24 MiB on a disk of 16");
    assert!(
        ["CMT-1008", "CMT-0407", "CMT-0408"].contains(&code(&error).as_str()),
        "{}: {error}",
        code(&error)
    );
    assert!(error.to_string().contains("pace"), "it says that space is the matter: {error}");
    assert!(error.help().is_some());

    // Filled to the last byte: every way of writing meets it.
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let small = folder.path().join("small.txt");
    std::fs::write(&small, "one more note\n").unwrap();
    let tried = node.ingest(vec![Source::File(small.clone())], &Manner::house("test"), &|_| ()).await;
    let error = tried.expect_err("nothing fits any more");
    assert!(code(&error).starts_with("CMT-"), "{error}");

    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(support::acknowledged(&options.dir).await.unwrap(), before, "nothing else is lost");
    let done = node.ingest(vec![Source::File(small)], &Manner::house("test"), &|_| ()).await.unwrap();
    assert_eq!(done.taken.len(), 1);
    let seen = node.verify_home(&|_| ()).await.unwrap();
    assert!(seen.whole(), "{:?}", seen.problems);
    node.close().await.unwrap();
}

/// A packed log whose bytes were changed is read as far as it goes, and the damage is listed: also where the whole log is
/// shorter than the part that is looked at to tell its kind.
#[tokio::test(flavor = "multi_thread")]
async fn a_packed_log_with_one_byte_changed_is_never_called_whole() {
    use std::io::Write as _;
    let (home, node) = home().await;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(support::conn_log(3, 200).as_bytes()).unwrap();
    let whole = packer.finish().unwrap();
    // The checksum, the length, and a byte of the packed rows themselves.
    for at in [whole.len() - 6, whole.len() - 1, whole.len() / 2] {
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        let path = home.folder.path().join(format!("changed-{at}.log.gz"));
        std::fs::write(&path, changed).unwrap();
        let done = support::ingest(&node, &[&path]).await;
        assert!(!done.taken[0].unreadable.is_empty(), "byte {at}: {:?}", done.taken[0]);
    }
}

/// More exhibits than one part of an intake holds: the ledger follows between the parts and nobody waits for anybody.
#[tokio::test(flavor = "multi_thread")]
async fn an_intake_of_many_parts_comes_to_its_end() {
    let (home, node) = home().await;
    let from = home.folder.path().join("many");
    std::fs::create_dir_all(&from).unwrap();
    for n in 0..520 {
        std::fs::write(from.join(format!("{n:03}.txt")), format!("note {n}\n")).unwrap();
    }
    let done = support::ingest(&node, &[&from]).await;
    assert_eq!((done.taken.len(), done.not_sealed.len()), (520, 0));
    let head = node.sequencer.head().await.unwrap();
    assert_eq!(head.size, 520, "each intake is a leaf");
}
