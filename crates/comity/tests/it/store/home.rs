//! The home as a folder: made, opened, refused, owned by one process.

use comity::store::{Clock as _, Home, InitOptions, Mode, StoreError, SystemClock, home, lock};
use miette::Diagnostic as _;
use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};
use terms::Timestamp;

const NOW: Timestamp = Timestamp(1_772_409_600_000_000);

fn code(e: &StoreError) -> String {
    assert!(e.help().is_some_and(|h| !h.to_string().is_empty()), "{e} says what mends it");
    e.code().unwrap().to_string()
}

fn init(dir: &Path) -> Result<Home, StoreError> {
    Home::init(dir, &InitOptions::default(), NOW)
}

#[test]
fn a_new_home_opens_and_has_every_piece() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("deep/er/home");
    let home =
        Home::init(&dir, &InitOptions { config: Some("partner = \"company\"\n".into()) }, NOW).unwrap();
    assert!(home.owned());
    drop(home);
    assert_eq!(fs::read_to_string(dir.join("format")).unwrap(), "comity.home/1\n");
    assert_eq!(fs::metadata(dir.join("keys")).unwrap().permissions().mode() & 0o777, 0o700);
    let home = Home::open(&dir, Mode::Work("ingest"), NOW).unwrap();
    for piece in [home.keys(), home.vault(), home.telemetry(), home.ledger(), home.tmp(), home.outbox()] {
        assert!(piece.is_dir(), "{}", piece.display());
    }
    assert!(home.config_file().is_file());
    assert_eq!(code(&init(&dir).unwrap_err()), "CMT-1006");
}

#[test]
fn an_init_that_was_cut_short_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("home");
    drop(init(&dir).unwrap());
    fs::remove_file(dir.join("format")).unwrap();
    fs::remove_dir(dir.join("outbox")).unwrap();
    assert_eq!(code(&Home::open(&dir, Mode::Look, NOW).unwrap_err()), "CMT-1002");
    drop(init(&dir).unwrap());
    Home::open(&dir, Mode::Look, NOW).unwrap();
}

#[test]
fn what_is_no_sound_home_is_refused() {
    type Harm = fn(&Path);
    let rows: [(&str, Harm, &str); 10] = [
        ("nothing there", |d| fs::remove_dir_all(d).unwrap(), "CMT-1002"),
        ("no format", |d| fs::remove_file(d.join("format")).unwrap(), "CMT-1002"),
        ("newer format", |d| fs::write(d.join("format"), "comity.home/2\n").unwrap(), "CMT-1003"),
        ("format zero", |d| fs::write(d.join("format"), "comity.home/0\n").unwrap(), "CMT-1003"),
        ("odd format", |d| fs::write(d.join("format"), "x".repeat(100_000)).unwrap(), "CMT-1003"),
        ("no keys", |d| fs::remove_dir(d.join("keys")).unwrap(), "CMT-1004"),
        ("no vault", |d| fs::remove_dir(d.join("vault")).unwrap(), "CMT-1004"),
        (
            "vault a file",
            |d| {
                fs::remove_dir(d.join("vault")).unwrap();
                fs::write(d.join("vault"), "").unwrap();
            },
            "CMT-1004",
        ),
        (
            "keys open to the group",
            |d| {
                fs::set_permissions(d.join("keys"), fs::Permissions::from_mode(0o750)).unwrap();
            },
            "CMT-1005",
        ),
        (
            "one key open to all",
            |d| {
                fs::write(d.join("keys/node"), "secret").unwrap();
                fs::set_permissions(d.join("keys/node"), fs::Permissions::from_mode(0o604)).unwrap();
            },
            "CMT-1005",
        ),
    ];
    for (what, harm, expected) in rows {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("home");
        drop(init(&dir).unwrap());
        harm(&dir);
        let refused = Home::open(&dir, Mode::Work("ingest"), NOW).map(|_| ()).unwrap_err();
        assert_eq!(code(&refused), expected, "{what}: {refused}");
    }
}

#[test]
fn init_takes_no_folder_that_holds_something() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    assert_eq!(code(&init(folder.path()).unwrap_err()), "CMT-1006");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was added");
    assert_eq!(code(&init(&folder.path().join("letter.txt")).unwrap_err()), "CMT-1006");
    fs::remove_file(folder.path().join("letter.txt")).unwrap();
    fs::create_dir_all(folder.path().join("vault/ab")).unwrap();
    assert_eq!(code(&init(folder.path()).unwrap_err()), "CMT-1006");
}

#[test]
fn two_in_one_process_do_not_share_either() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("home");
    let first = init(&dir).unwrap();
    let refused = Home::open(&dir, Mode::Work("act"), NOW).unwrap_err();
    assert_eq!(code(&refused), "CMT-1001");
    assert!(!Home::open(&dir, Mode::Look, NOW).unwrap().owned());
    drop(first);
    assert_eq!(lock::holder(&dir), None);
    Home::open(&dir, Mode::Work("act"), NOW).unwrap();
}

/// Not a test: what the second process of `a_second_process_is_told_who_holds_the_home` runs.
#[test]
#[ignore = "the other side of a test, run by it"]
fn hold_for_another() {
    let Some(dir) = std::env::var_os("COMITY_TEST_HOLD") else { return };
    let _home = Home::open(Path::new(&dir), Mode::Work("ingest"), SystemClock.now()).unwrap();
    println!("\nheld");
    std::io::stdout().flush().unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    // As a crash: nothing is dropped.
    std::process::abort();
}

#[test]
fn a_second_process_is_told_who_holds_the_home() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("home");
    drop(init(&dir).unwrap());
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::home::hold_for_another", "--ignored", "--nocapture"])
        .env("COMITY_TEST_HOLD", &dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(other.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|l| l == "held"));
    let refused = Home::open(&dir, Mode::Work("analyze"), NOW).unwrap_err();
    assert_eq!(code(&refused), "CMT-1001");
    let told = refused.to_string();
    assert!(told.contains(&format!("process {} (`ingest`) since 2", other.id())), "{told}");
    assert_eq!(lock::holder(&dir).unwrap().pid, other.id());
    // It ends without a word: the system gives the lock back at once.
    drop(other.stdin.take());
    assert!(!other.wait().unwrap().success());
    Home::open(&dir, Mode::Work("analyze"), NOW).unwrap();
    assert_eq!(home::read_format(&dir).unwrap(), home::FORMAT);
}
