//! Children that parse hostile bytes: confined, and no harm to anything but their own exhibit.

use crate::support;
use comity::store::Clock as _;
use comity::work::protocol::{FRAME_LIMIT, Frame};
use comity::work::{Input, Mode, Pool, WorkError};
use miette::Diagnostic as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use terms::{ExhibitKind, FindingBody, Timestamp};

/// A child that runs these words of the shell once it has been asked, instead of examining.
fn lying_child(folder: &Path, name: &str, words: &str) -> PathBuf {
    let path = folder.join(name);
    // `head` takes the request, so that the exhibit is known to be in the child's hands.
    let script = format!("#!/bin/sh\nPATH=/usr/bin:/bin\nhead -c 1 >/dev/null\n{words}\n");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The real child, but the first three end by this signal in the middle of their exhibit. Two children wait at the end
/// without ever being asked, so at least one of the three is. It forks none: each is a program of its own.
fn dying_at_first(folder: &Path, signal: u32) -> PathBuf {
    let path = folder.join("dying-at-first");
    let script = format!(
        "#!/bin/sh\nPATH=/usr/bin:/bin\ncase \"$*\" in *--forks*) exit 1;; esac\nfor n in 1 2 3; do\n\
         if mkdir {0}.$n 2>/dev/null; then head -c 1 >/dev/null; kill -{2} $$; fi\ndone\nexec {1} \"$@\"\n",
        path.display(),
        support::program().display(),
        signal
    );
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn frames(pool: &Pool, mode: Mode, bytes: &[u8]) -> (Vec<Frame>, Result<(), WorkError>) {
    let mut seen = Vec::new();
    let done = pool.run(mode, Input::of(bytes).unwrap(), |frame| {
        seen.push(frame);
        Ok(())
    });
    (seen, done)
}

#[test]
fn a_child_can_do_nothing_but_read_and_answer() {
    let pool = Pool::new(support::program(), 1, false);
    for _ in 0..3 {
        let (seen, done) = frames(&pool, Mode::Probe, b"");
        done.unwrap();
        assert_eq!(seen, [Frame::Escapes(Vec::new())], "what a child must not be able to do");
    }
}

/// The same attempts in this process, which is not confined: the check above can fail.
#[test]
fn what_a_child_must_not_do_can_be_done_outside() {
    let done = comity::work::sandbox::escapes();
    for what in [
        "opened a file",
        "listed a folder",
        "made a file",
        "made a socket",
        "listened",
        "listened on a name",
        "reached its parent with a signal",
        "took hold of its parent",
        "started a thread",
        "started a program",
        "took four gigabytes",
        "made a file in memory",
        "mapped memory as code",
        "set a limit",
        "made code",
    ] {
        assert!(done.iter().any(|d| d == what), "{what}: {done:?}");
    }
}

#[test]
fn many_exhibits_in_parallel_each_get_their_own_answer() {
    let pool = Pool::new(support::program(), 2, false);
    let work = |n: u64| {
        let pool = pool.clone();
        move || {
            let lines = 3 + n;
            let (seen, done) = frames(&pool, Mode::Read, support::conn_log(n, lines).as_bytes());
            done.unwrap();
            let Some(Frame::Summary(summary)) = seen.last() else { panic!("no last word: {seen:?}") };
            assert_eq!((summary.rows, summary.fatal.as_ref()), (lines, None));
            let rows: usize = seen.iter().map(|f| if let Frame::Rows(r) = f { r.len() } else { 0 }).sum();
            assert_eq!(rows as u64, lines);
        }
    };
    let threads: Vec<_> = (0..24).map(|n| std::thread::spawn(work(n))).collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
}

#[test]
fn a_child_that_breaks_the_protocol_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let huge = (u32::try_from(FRAME_LIMIT).unwrap() + 1).to_le_bytes();
    let huge = huge.map(|b| format!("\\{b:03o}")).concat();
    for (name, words, code) in [
        ("nothing", "exit 0", "CMT-1101"),
        ("status", "exit 7", "CMT-1101"),
        ("signal", "kill -11 $$", "CMT-1101"),
        ("unknown-tag", "printf 'Z\\001\\000\\000\\000x'", "CMT-1103"),
        ("too-long", &format!("printf 'S{huge}'"), "CMT-1103"),
        ("cut-short", "printf 'S\\377\\000\\000\\000{'", "CMT-1101"),
        ("no-json", "printf 'F\\004\\000\\000\\000nope'", "CMT-1103"),
        ("no-rows", "printf 'R\\004\\000\\000\\000\\377\\377\\377\\377'", "CMT-1103"),
        ("no-last-word", "printf 'E\\002\\000\\000\\000{}'", "CMT-1103"),
        ("endless", "exec cat /dev/zero", "CMT-1103"),
    ] {
        let pool = Pool::new(lying_child(folder.path(), name, words), 0, false);
        let (_, done) = frames(&pool, Mode::Read, b"bytes");
        let error = done.unwrap_err();
        assert_eq!(error.code().unwrap().to_string(), code, "{name}: {error}");
    }
}

/// A child is killed while it reads: told as such, with the signal.
#[test]
fn a_child_killed_in_the_middle_is_told() {
    let folder = tempfile::tempdir().unwrap();
    // A name of its own, by which this child is known among those of other tests.
    let program = folder.path().join("comity-of-this-test");
    std::os::unix::fs::symlink(support::program(), &program).unwrap();
    let pool = Pool::new(program.clone(), 0, false);
    let (input, mut writer) = Input::pipe(1 << 30).unwrap();
    let feeding = std::thread::spawn(move || {
        // A pipe holds 64 KiB: when more than that is written, the child is reading.
        writer.write_all(support::conn_log(1, 4000).as_bytes()).unwrap();
        let pid = child_of(&program).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        drop(writer);
    });
    let done = pool.run(Mode::Read, input, |_| Ok(()));
    feeding.join().unwrap();
    let error = done.unwrap_err();
    assert_eq!(error.code().unwrap().to_string(), "CMT-1285");
    assert!(error.to_string().contains("signal 9"), "{error}");
}

/// The process that was started under this name.
fn child_of(program: &Path) -> Option<rustix::process::Pid> {
    let wanted = program.to_str()?.as_bytes();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Ok(number) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if line.split(|b| *b == 0).next() == Some(wanted) {
            return rustix::process::Pid::from_raw(number);
        }
    }
    None
}

/// A child dies: its exhibit is sealed all the same, the crash is a finding, the others are read.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_child_costs_its_own_exhibit() {
    let folder = tempfile::tempdir().unwrap();
    let (mut options, _) = support::options(&folder.path().join("home"));
    options.program = dying_at_first(folder.path(), 11);
    let node = support::init(&options).await;
    let from = folder.path().join("evidence");
    let evidence: Vec<_> =
        (0..6).map(|n| (format!("conn-{n}.log"), support::conn_log(n, 10).into_bytes())).collect();
    support::lay_out(&from, &evidence);
    let done = support::ingest(&node, &[&from]).await;
    assert_eq!((done.taken.len(), done.not_sealed.len()), (6, 0));
    let (hurt, well): (Vec<_>, Vec<_>) = done.taken.iter().partition(|t| !t.unreadable.is_empty());
    assert!((1..=3).contains(&hurt.len()), "{hurt:?}");
    assert!(hurt.iter().all(|t| t.unreadable[0].code == "CMT-1101"), "{hurt:?}");
    assert!(well.iter().all(|t| t.kind == ExhibitKind::ZeekConn && t.rows == 10));
    let mut conn = node.state.read().await.unwrap();
    let found = comity::store::findings::of_exhibit(&mut conn, &hurt[0].exhibit, None, 10).await.unwrap();
    let crash = found
        .iter()
        .any(|f| matches!(&f.finding.body, FindingBody::Unreadable { code, .. } if code == "CMT-1101"));
    assert!(crash, "{found:?}");
    drop(conn);
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

/// Seconds of processor time: this process's own, and of its children that ended.
fn processor() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let fields: Vec<f64> = rest.split_whitespace().map(|f| f.parse().unwrap_or(0.0)).collect();
    // proc(5): utime is field 14, cstime field 17, in ticks of 10 ms; the first here is field 3.
    ((fields[11] + fields[12]) / 100.0, (fields[13] + fields[14]) / 100.0)
}

/// What the sandbox costs, in bytes examined for each second of processor time; a figure to read, not to pass:
/// `cargo nextest run -E 'test(what_the_sandbox_costs)' --run-ignored only --no-capture`. `COMITY_MEASURED` names the folder.
#[test]
#[ignore = "a measurement"]
fn what_the_sandbox_costs() {
    let folder = std::env::var("COMITY_MEASURED").unwrap_or_else(|_| "/usr/bin".into());
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().flatten().map(|e| e.path()).collect();
    files.sort();
    let samples: Vec<Vec<u8>> = files
        .iter()
        .filter(|p| std::fs::symlink_metadata(p).is_ok_and(|m| m.is_file() && m.len() < 4 << 20))
        .filter_map(|p| std::fs::read(p).ok())
        .filter(|bytes| comity::work::child::recognise(bytes).program())
        .take(100)
        .collect();
    let mb = samples.iter().map(Vec::len).sum::<usize>() as f64 / 1e6;
    let pool = Pool::new(support::program(), 2, false);
    let opening = || comity::work::Opening { depth: 12, derived: 1000, total: 1 << 30, ..Default::default() };
    let mut figures = Vec::new();
    for _ in 0..3 {
        let (own, children) = processor();
        for bytes in &samples {
            pool.open(opening(), Input::of(bytes).unwrap(), |_| Ok(())).unwrap();
        }
        let (own_after, children_after) = processor();
        let confined = own_after - own + children_after - children;
        let (own, _) = processor();
        for bytes in &samples {
            let limits = malware::Limits { depth: 12, ..malware::Limits::default() };
            let mut out = std::io::sink();
            malware::unpack(bytes, &limits, &malware::Passwords::default(), &mut |_| ());
            for finding in malware::examine(bytes) {
                Frame::Finding(Box::new(finding)).write(&mut out).unwrap();
            }
        }
        let plain = processor().0 - own;
        figures.push((mb / confined, mb / plain));
    }
    for (confined, plain) in figures {
        println!(
            "{} programs, {mb:.1} MB: {confined:.2} MB/s confined, {plain:.2} MB/s in this process, {:.0} %",
            samples.len(),
            100.0 * confined / plain
        );
    }
}

/// A child closes its pipe and does not end: it is ended, and told, within seconds.
#[test]
fn a_child_that_only_pretends_to_end_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let program = lying_child(folder.path(), "silent", "exec >/dev/null; exec sleep 600");
    let begun = std::time::Instant::now();
    let (_, done) = frames(&Pool::new(program, 0, false), Mode::Read, b"bytes");
    assert_eq!(done.unwrap_err().code().unwrap().to_string(), "CMT-1101");
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
}

/// The forking process is gone in the middle of the work: another takes its place, and nobody learns of it.
#[test]
fn a_forking_process_that_dies_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("comity-that-forks");
    std::os::unix::fs::symlink(support::program(), &program).unwrap();
    let pool = Pool::new(program.clone(), 1, false);
    for _ in 0..3 {
        let (seen, done) = frames(&pool, Mode::Read, b"some words");
        done.unwrap();
        assert!(matches!(seen.last(), Some(Frame::Summary(_))), "{seen:?}");
        // Whatever runs under this name: the one that forks, and those that wait.
        while let Some(pid) = child_of(&program) {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

/// The container's child is killed from outside, as for want of memory: it is told, tried again, and nothing of it is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_container_whose_child_was_killed_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut options, clock) = support::options(&folder.path().join("home"));
    let node = support::init(&options).await;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for n in 0..5 {
        writer.start_file(format!("{n}.txt"), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(format!("the note of harbour {n}").as_bytes()).unwrap();
    }
    let packed = folder.path().join("notes.zip");
    std::fs::write(&packed, writer.finish().unwrap().into_inner()).unwrap();
    let container = support::ingest(&node, &[&packed]).await.taken[0].exhibit;
    node.close().await.unwrap();

    options.program = dying_at_first(folder.path(), 9);
    let node = comity::node::Node::open(&options, "test").await.unwrap();
    let mut killed = 0;
    // The clock stands still while a run lasts, so that each run makes one attempt.
    for _ in 0..4 {
        let done = node.analyze(&|_| ()).await.unwrap();
        if done.failed.is_empty() {
            break;
        }
        assert_eq!(done.failed[0].1, "CMT-1285", "{done:?}");
        killed += 1;
        clock.set(Timestamp(clock.now().0 + 3_600_000_000));
    }
    assert!((1..=3).contains(&killed), "{killed}");
    let derived = node.of_kind("derived").await.unwrap();
    assert_eq!(derived.iter().filter(|f| f.exhibits == [container]).count(), 5);
    assert!(node.of_kind("unreadable").await.unwrap().is_empty(), "what failed before is refuted");
    assert!(node.verify_home(&|_| ()).await.unwrap().whole());
}

/// Whoever started a child is gone while it waits or works: the kernel ends it, whatever it does.
#[test]
fn a_child_ends_with_its_parent() {
    use std::os::unix::process::ExitStatusExt as _;
    let (kept, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut child = std::process::Command::new(support::program())
        .args(["__child", "--rules"])
        .stdin(std::process::Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Its sandbox comes last of what it does before it waits.
    let status = format!("/proc/{}/status", child.id());
    while !std::fs::read_to_string(&status).unwrap().contains("Seccomp:\t2") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(child.stderr.take());
    // Its socket is still open: nothing but the signal ends it.
    assert_eq!(child.wait().unwrap().signal(), Some(29), "SIGIO");
    drop(kept);
}
