//! The command line as a person or a program meets it: exit codes, what goes where, JSON's shape, and the errors'
//! codes. Rows in, the built program run, fragments out.

use super::support::{PASSPHRASE, comity, said};
use clap::CommandFactory as _;
use comity::cli::args::Cli;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A folder with a home in it that holds nothing yet.
struct Made {
    folder: TempDir,
    home: PathBuf,
}

fn made(partner: &str) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let done = run(comity(&home).args(["init", "--partner", partner]));
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    Made { folder, home }
}

fn run(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// One row: what is typed, the exit code, and what standard output and standard error hold.
type Row<'a> = (&'a [&'a str], i32, &'a str, &'a str);

#[track_caller]
fn check(home: &Path, (args, code, out, err): Row) {
    let done = run(comity(home).args(args));
    let (printed, told) = (text(&done.stdout), text(&done.stderr));
    let fits = done.status.code() == Some(code) && printed.contains(out) && told.contains(err);
    assert!(fits, "{args:?} wants {code}, `{out}`, `{err}`; was {}", said(&done));
    if code == 0 {
        assert!(!told.contains("error["), "{args:?}: {told}");
    }
    let longest = printed.lines().map(|l| l.chars().count()).max().unwrap_or(0);
    // JSON has no columns, and a compiler's lines are as long as the text they point into.
    let free = args.contains(&"--json") || args.contains(&"check");
    assert!(free || longest <= 100, "{args:?} prints {longest} columns:\n{printed}");
}

/// Each line of standard output as a JSON object with a schema; the schemas in order.
#[track_caller]
fn schemas(output: &Output) -> Vec<String> {
    let schema = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        value["schema"].as_str().unwrap_or_else(|| panic!("no schema: {line}")).to_owned()
    };
    text(&output.stdout).lines().map(schema).collect()
}

#[test]
fn the_declarations_hold() {
    Cli::command().debug_assert();
    let silent: Vec<_> =
        Cli::command().get_subcommands().filter(|c| c.get_about().is_none()).cloned().collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn without_a_home() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("none");
    let rows: &[Row] = &[
        (&["--version"], 0, "comity ", ""),
        (&["help", "ingest"], 0, "--obtained", ""),
        (&[], 2, "", "Usage"),
        (&["dance"], 2, "", "dance"),
        (&["--json", "dance"], 2, "", "\"schema\":\"comity.error/1\""),
        (&["assess"], 1, "", "error[CMT-1002]"),
        (&["ingest", "/etc/hostname"], 1, "", "comity init"),
        (&["doctor"], 1, "CMT-1002", ""),
        (&["doctor", "--json"], 1, "\"well\":false", ""),
        (&["agree", "check", "/nowhere"], 1, "", "CMT-1121"),
        (&["share", "indicators", "--with", "police", "--purpose", "takedown", "--out", "x"], 2, "", "--of"),
        (
            &["share", "counts", "--with", "police", "--purpose", "fun", "--out", "x"],
            2,
            "",
            "botnet-measurement",
        ),
        (
            &["agree", "test", "--to", "police", "--purpose", "takedown", "--record", "gossip=clear"],
            2,
            "",
            "no category",
        ),
        (
            &["agree", "test", "--to", "police", "--purpose", "takedown", "--record", "victim-ip=bare"],
            2,
            "",
            "aggregate(k)",
        ),
        (&["case", "open", "a title"], 2, "", "--threat"),
        (&["plan", "a-case", "--hour", "tomorrow"], 2, "", "RFC 3339"),
        (&["init", "--partner", "Not An Id"], 2, "", "CMT-1120"),
    ];
    rows.iter().for_each(|row| check(&home, *row));
    assert!(!home.exists(), "a refused command leaves nothing");
}

#[test]
fn with_a_home() {
    let made = made("company");
    let list = made.folder.path().join("domains.txt");
    fs::write(&list, "bad.example\nworse.example\n").unwrap();
    let odd = made.folder.path().join("odd\u{1b}[2J.bin");
    fs::write(&odd, [7u8, 0, 9, 0, 255]).unwrap();
    let (list, odd) = (list.to_str().unwrap(), odd.to_str().unwrap());
    let rows: &[Row] = &[
        (&["init", "--partner", "company"], 1, "", "CMT-1006"),
        (&["ingest", list], 0, "domain-list", "next: comity analyze"),
        (&["ingest", list], 0, "1 here already", ""),
        (&["ingest", "/nowhere/at/all"], 1, "Not sealed", ""),
        (&["ingest", odd], 6, "CMT-1144", ""),
        (&["ingest", list, "/nowhere/at/all"], 6, "Not sealed", ""),
        (&["analyze", "--quiet"], 0, "2 indicator", ""),
        (&["analyze", "--kind", "indicator"], 0, "domain bad.example", "next: comity assess"),
        (&["analyze", "--why", "0123456789ab"], 1, "", "CMT-1123"),
        (&["assess"], 0, "", "next:"),
        (&["case", "list"], 0, "no case", ""),
        (&["case", "show", "nothing"], 1, "", "comity case list"),
        (&["plan", "nothing"], 1, "", "CMT-1123"),
        (&["plan", "--show", "nothing"], 1, "", "CMT-1123"),
        (&["act", "nothing"], 1, "", "CMT-1123"),
        (&["measure"], 7, "", "CMT-1128"),
        (&["agree"], 0, "no agreement", ""),
        (&["agree", "key"], 0, "ed25519:", ""),
        (
            &["agree", "test", "--to", "police", "--purpose", "takedown", "--record", "victim-ip=clear"],
            3,
            "",
            "CMT-0201",
        ),
        (
            &["share", "counts", "--with", "police", "--purpose", "takedown", "--dry-run"],
            3,
            "",
            "there is no agreement",
        ),
        (&["doctor"], 0, "is well", ""),
        (&["doctor", "--config"], 0, "clock_tolerance_ms", ""),
        (&["doctor", "--config", "--clock-tolerance-ms", "7"], 0, "flag --clock-tolerance-ms", ""),
        (&["doctor", "--clock-reason", ""], 1, "", "CMT-1020"),
        (&["doctor", "--clock-reason", "the battery of the clock was empty"], 0, "counts again", ""),
        (&["doctor", "--sweep"], 0, "swept", ""),
        (&["verify"], 0, "the home is whole", ""),
        (&["assess", "--person", "nobody"], 1, "", "CMT-1130"),
    ];
    rows.iter().for_each(|row| check(&made.home, *row));
}

#[test]
fn what_a_broken_environment_is_told() {
    let made = made("company");
    let wrong = made.folder.path().join("wrong");
    fs::write(&wrong, "not the passphrase\n").unwrap();
    let right = made.folder.path().join("right");
    fs::write(&right, format!("{PASSPHRASE}\n")).unwrap();
    for (name, value, code, told) in [
        ("COMITY_PASSPHRASE", "not the passphrase", 1, "look whether --home"),
        ("COMITY_PASSPHRASE", "", 1, "COMITY_PASSPHRASE"),
        ("COMITY_PASSPHRASE_FILE", wrong.to_str().unwrap(), 1, "CMT-1131"),
        ("COMITY_PASSPHRASE_FILE", right.to_str().unwrap(), 0, ""),
        ("COMITY_PASSPHRASE_FILE", "/nowhere", 1, "CMT-1121"),
        ("COMITY_GEEO", "x", 1, "error[CMT-1010]"),
        ("COMITY_LOG", "a=b=c", 2, "COMITY_LOG"),
        ("COMITY_PERSON", "nobody", 1, "CMT-1130"),
        ("NO_COLOR", "1", 0, ""),
    ] {
        let done = run(comity(&made.home).args(["agree", "list"]).env(name, value));
        assert_eq!(done.status.code(), Some(code), "{name}={value}: {}", said(&done));
        assert!(text(&done.stderr).contains(told), "{name}={value}: {}", said(&done));
        assert!(!text(&done.stderr).contains('\u{1b}'), "no colour outside a terminal");
    }
    fs::write(made.home.join("config.toml"), "partner = 7").unwrap();
    check(&made.home, (&["doctor"], 1, "CMT-1010", ""));
    fs::remove_dir_all(made.home.join("ledger")).unwrap();
    check(&made.home, (&["doctor"], 1, "CMT-1004", ""));
}

#[test]
fn every_json_line_says_its_schema() {
    let made = made("company");
    let list = made.folder.path().join("domains.txt");
    fs::write(&list, "bad.example\nworse.example\n").unwrap();
    let list = list.to_str().unwrap();
    for (args, expected) in [
        (
            &["ingest", list, "/nowhere"][..],
            &["comity.ingested/1", "comity.not-sealed/1", "comity.ingest-summary/1"][..],
        ),
        (&["analyze", "--kind", "indicator"], &["comity.finding/1", "comity.finding/1", "comity.analyzed/1"]),
        (&["assess"], &[]),
        (&["case", "list"], &[]),
        (&["agree", "key"], &["comity.key/1"]),
        (&["doctor"], &["comity.doctor/1"]),
        (&["doctor", "--config"], &["comity.settings/1"]),
        (&["verify"], &["comity.verified/1"]),
    ] {
        let done = run(comity(&made.home).args(args).arg("--json"));
        assert_eq!(schemas(&done), expected, "{args:?}: {}", said(&done));
        assert!(done.stderr.is_empty(), "{args:?}: {}", said(&done));
    }
    let done = run(comity(&made.home).args(["analyze", "--json", "--kind", "indicator", "--top", "1"]));
    let first: serde_json::Value = serde_json::from_str(text(&done.stdout).lines().next().unwrap()).unwrap();
    let id = first["id"].as_str().unwrap();
    let why = run(comity(&made.home).args(["analyze", "--why", &id[..8], "--json"]));
    let why: serde_json::Value = serde_json::from_slice(&why.stdout).unwrap();
    assert_eq!((why["id"].as_str(), why["rests_on"][0]["names"][0].as_str()), (Some(id), Some(list)));
    let refused = run(comity(&made.home).args(["case", "show", "none", "--json"]));
    let error: serde_json::Value = serde_json::from_slice(&refused.stderr).unwrap();
    let told = (error["schema"].as_str(), error["code"].as_str(), error["exit"].as_u64());
    assert_eq!(told, (Some("comity.error/1"), Some("CMT-1123"), Some(1)));
    assert!(error["what"].is_string() && error["help"].is_string() && refused.stdout.is_empty());
}

/// An `ingest` that waits for more of its standard input, and so holds the home.
fn waiting(home: &Path) -> Child {
    let mut command = comity(home);
    command.args(["ingest", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // More than a pipe holds: once it is written, the command is reading.
    child.stdin.as_mut().unwrap().write_all(&[b'x'; 1 << 20]).unwrap();
    child
}

#[test]
fn a_home_in_use_says_by_whom_and_an_interrupted_command_leaves_it_well() {
    let made = made("company");
    let mut child = waiting(&made.home);
    let held = format!("process {} (`ingest`)", child.id());
    check(&made.home, (&["assess"], 1, "", "error[CMT-1001]"));
    check(&made.home, (&["assess", "--json"], 1, "", &held));
    check(&made.home, (&["doctor"], 0, &held, ""));

    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    check(&made.home, (&["verify"], 0, "whole", ""));
    check(&made.home, (&["doctor"], 0, "nobody holds the home", ""));
}

#[test]
fn output_that_nobody_takes() {
    let made = made("company");
    let mut gone = comity(&made.home).args(["doctor", "--config"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(gone.stdout.take());
    assert_eq!(gone.wait().unwrap().code(), Some(0), "a reader that went away is no error");
    let full = File::options().write(true).open("/dev/full");
    let full = match full {
        Ok(full) => full,
        Err(e) if e.kind() == ErrorKind::NotFound => return,
        Err(e) => panic!("{e}"),
    };
    let done =
        comity(&made.home).args(["doctor", "--config"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    assert!(text(&done.stderr).contains("CMT-1162"), "{}", said(&done));
}

#[test]
fn completions_and_pages_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("deep/er");
    for (what, file, holds) in [
        ("bash", "comity.bash", "ingest"),
        ("zsh", "_comity", "analyze"),
        ("fish", "comity.fish", "measure"),
        ("man", "comity.1", "Exit codes"),
        ("man", "comity-agree-join.1", "signature"),
        ("man", "comity-generate.1", "completions"),
    ] {
        check(folder.path(), (&["generate", what, "--out", to.to_str().unwrap()], 0, file, ""));
        assert!(fs::read_to_string(to.join(file)).unwrap().contains(holds), "{file}");
    }
}

/// Two parties: a text is filled, checked, signed by both and taken in; then it rules.
#[test]
fn an_agreement_from_template_to_ruling() {
    let (company, police) = (made("company"), made("police"));
    let folder = company.folder.path();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agreements/company-police.mou.md");
    // In force whenever this test runs.
    let text_of = fs::read_to_string(template).unwrap();
    let text_of = text_of
        .replace("from = 2026-01-01", "from = 2020-01-01")
        .replace("until = 2028-12-31", "until = 2099-12-31");
    fs::write(path("template"), text_of).unwrap();
    let key = |of: &Made| text(&run(comity(&of.home).args(["agree", "key"])).stdout).trim().to_owned();
    let keys = [format!("company.key={}", key(&company)), format!("police.key={}", key(&police))];
    let (template, mou) = (path("template"), path("company-police.mou.md"));
    let (one, both) = (path("one.json"), path("both.json"));

    let unfilled: Row = (&["agree", "check", &template], 1, "error[CMT-01", "");
    check(&company.home, unfilled);
    let checked = run(comity(&company.home).args(["agree", "check", &template, "--json"]));
    assert_eq!(schemas(&checked), ["comity.diagnostics/1"]);
    check(
        &company.home,
        (&["agree", "fill", &template, "--set", "no.such=x", "--out", &mou], 2, "", "no placeholder"),
    );
    check(
        &company.home,
        (
            &["agree", "fill", &template, "--set", &keys[0], "--set", &keys[1], "--out", &mou],
            0,
            &mou[..20],
            "",
        ),
    );
    check(&company.home, (&["agree", "check", &mou], 0, "is in order", ""));
    check(&company.home, (&["agree", "sign", &mou, "--out", &one], 0, "signed by company", "countersign"));
    check(&company.home, (&["agree", "join", &mou, "--signature", &one], 1, "", "CMT-1125"));
    check(
        &police.home,
        (&["agree", "sign", &mou, "--countersign", &one, "--out", &both], 0, "company and police", "join"),
    );
    for party in [&company, &police] {
        check(&party.home, (&["agree", "join", &mou, "--signature", &both], 0, "company-police", ""));
    }
    let clear: &[&str] = &[
        "agree",
        "test",
        "--to",
        "police",
        "--purpose",
        "investigation",
        "--record",
        "c2-infrastructure=clear",
    ];
    let victims: &[&str] = &[
        "agree",
        "test",
        "--to",
        "police",
        "--purpose",
        "investigation",
        "--record",
        "victim-identity=clear",
    ];
    let rows: &[Row] = &[
        (&["agree"], 0, "in force", ""),
        (&["agree", "show", "company-police"], 0, "company-police", ""),
        (&["agree", "show", "company-region"], 1, "", "CMT-1123"),
        (clear, 0, "clause", ""),
        (victims, 3, "", "company-police"),
    ];
    rows.iter().for_each(|row| check(&company.home, *row));
    let ruled = run(comity(&company.home).args(victims).arg("--json"));
    assert_eq!((ruled.status.code(), schemas(&ruled)), (Some(3), vec!["comity.ruling/1".to_owned()]));
    let error: serde_json::Value = serde_json::from_slice(&ruled.stderr).unwrap();
    assert!(error["code"].as_str().unwrap().starts_with("CMT-02"), "{error}");
}

/// Two homes with an agreement of `agree new` in force, made within `folder`.
fn agreed(ours: &Made, theirs: &Made) -> impl Fn(&str) -> String {
    let folder = ours.folder.path().to_owned();
    let path = move |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let key = text(&run(comity(&theirs.home).args(["agree", "key"])).stdout).trim().to_owned();
    let (mou, one, both) = (path("mou.md"), path("one.json"), path("both.json"));
    let new = [
        "agree",
        "new",
        "firm-agency",
        "--with",
        "agency",
        "--key",
        &key,
        "--places",
        "US",
        "NL",
        "--term",
        "2020-01-01",
        "2099-12-31",
        "--out",
        &mou,
    ];
    check(&ours.home, (&new, 0, "mou.md", "agree check"));
    check(&ours.home, (&["agree", "check", &mou], 0, "is in order", ""));
    check(&ours.home, (&["agree", "sign", &mou, "--out", &one], 0, "signed by firm", "countersign"));
    let counter = ["agree", "countersign", &mou, "--signature", &one, "--out", &both];
    check(&theirs.home, (&counter, 0, "agency and firm", "join"));
    for party in [ours, theirs] {
        check(&party.home, (&["agree", "join", &mou, "--signature", &both], 0, "firm-agency", ""));
    }
    path
}

#[test]
fn what_follows_the_signatures() {
    let (ours, theirs) = (made("firm"), made("agency"));
    let path = agreed(&ours, &theirs);
    let asked = |more: &[&'static str]| {
        let mut args = vec![
            "agree",
            "test",
            "--to",
            "agency",
            "--purpose",
            "takedown",
            "--record",
            "c2-infrastructure=clear",
        ];
        args.extend(more);
        args
    };
    check(&ours.home, (&asked(&[]), 0, "clause  firm-agency 3.1", ""));
    check(&ours.home, (&asked(&["--records", "100001"]), 3, "", "asks for at most 100000 records"));
    check(&ours.home, (&asked(&["--act", "psi-match"]), 3, "", "a match needs a case and a reason"));
    check(&ours.home, (&asked(&["--code", "h2"]), 3, "", "clause 4.3"));
    check(&ours.home, (&asked(&["--at", "2019-12-31"]), 3, "", "begins on 2020-01-01"));
    check(&ours.home, (&asked(&["--member", "no"]), 3, "", "firm-agency"));

    // Suspended here and, once the statement is taken in, there; lifted by who declared it alone.
    let (stop, go, end) = (path("stop.json"), path("go.json"), path("end.json"));
    let suspend = ["agree", "suspend", "firm-agency", "--reason", "an audit", "--out", &stop];
    check(&theirs.home, (&suspend, 0, "change of state", "agree take"));
    check(&theirs.home, (&["agree"], 0, "suspended", ""));
    check(&ours.home, (&asked(&[]), 0, "clause", ""));
    check(&ours.home, (&["agree", "take", &stop], 0, "holds here", ""));
    check(&ours.home, (&asked(&[]), 3, "", "CMT-0201"));
    let lift = ["agree", "resume", "firm-agency", "--reason", "not ours to lift", "--out", &go];
    check(&ours.home, (&lift, 0, "holds here", ""));
    check(&ours.home, (&asked(&[]), 3, "", "is suspended by `agency`"));
    check(
        &theirs.home,
        (&["agree", "resume", "firm-agency", "--reason", "done", "--out", &go], 0, "holds", ""),
    );
    check(&ours.home, (&["agree", "take", &go], 0, "holds here", ""));
    check(&ours.home, (&["agree", "take", &go], 0, "it was here already", ""));
    check(&ours.home, (&asked(&[]), 0, "clause", ""));

    // A member joins by its partner's word, is shown, and opts out.
    let (joins, leaves) = (path("joins.json"), path("leaves.json"));
    let accede =
        ["agree", "accede", "firm-agency", "no", "--place", "NO", "--from", "2020-02-01", "--out", &joins];
    check(&theirs.home, (&accede, 0, "accession", ""));
    check(&ours.home, (&["agree", "take", &joins], 0, "accession", ""));
    check(&ours.home, (&["agree", "show", "firm-agency", "--plain"], 0, "members of agency: no", ""));
    let before = ["agree", "show", "firm-agency", "--plain", "--at", "2020-01-15"];
    check(&ours.home, (&before, 0, "not active of agency: no", ""));
    let opt_out = ["agree", "opt-out", "firm-agency", "no", "--out", &leaves];
    check(&theirs.home, (&opt_out, 0, "opt-out", ""));
    check(&ours.home, (&["agree", "take", &leaves], 0, "opt-out", ""));
    check(&ours.home, (&["agree", "show", "firm-agency", "--plain"], 0, "not active of agency: no", ""));
    // Keys: delegated, revoked; an emergency that the text does not have; an amendment to begin with.
    let (keys, gone, draft) = (path("keys.json"), path("gone.json"), path("draft.md"));
    let late = ["agree", "delegate", "--until", "2199-01-01", "--out", &keys];
    check(&ours.home, (&late, 1, "", "CMT-0214"));
    check(
        &ours.home,
        (
            &["agree", "rotate", "--until", "2027-01-01", "--from", "2026-01-01", "--out", &keys],
            0,
            "delegation",
            "",
        ),
    );
    check(&theirs.home, (&["agree", "take", &keys], 0, "delegation", ""));
    check(&ours.home, (&["agree", "revoke", "no key", "--out", &gone], 2, "", "CMT-1132"));
    let emergency = [
        "agree",
        "emergency",
        "firm-agency",
        "--clause",
        "7.1",
        "--by",
        "a=counsel",
        "--by",
        "b=commander",
        "--reason",
        "a hospital",
        "--out",
        &gone,
    ];
    check(&ours.home, (&emergency, 1, "", "not enrolled"));
    check(
        &ours.home,
        (&["agree", "amend", "firm-agency", "--from", "2030-01-01", "--out", &draft], 0, "draft.md", ""),
    );
    check(&ours.home, (&["agree", "check", &draft], 0, "is in order", ""));
    assert!(fs::read_to_string(&draft).unwrap().contains("version = 2\namends = \""));

    // What is no statement, or is over another text, changes nothing.
    let odd = path("odd.json");
    fs::write(&odd, "{}").unwrap();
    check(&ours.home, (&["agree", "take", &odd], 1, "", "CMT-0301"));

    // With the notice that the text asks for, it is in force until then.
    check(
        &ours.home,
        (
            &["agree", "end", "firm-agency", "--reason", "enough", "--at", "2020-01-01", "--out", &end],
            1,
            "",
            "CMT-0214",
        ),
    );
    check(
        &ours.home,
        (&["agree", "end", "firm-agency", "--reason", "enough", "--out", &end], 0, "change of state", ""),
    );
    check(&ours.home, (&asked(&[]), 0, "clause", ""));
    check(&ours.home, (&asked(&["--at", "2098-01-01"]), 3, "", "ended on"));
    for (args, schema) in [
        (vec!["agree", "show", "firm-agency", "--plain"], "comity.permissions/1"),
        (vec!["agree", "take", &stop], "comity.stated/1"),
        (vec!["agree", "amend", "firm-agency", "--from", "2030-01-01", "--out", &draft], "comity.drafted/1"),
    ] {
        let done = run(comity(&ours.home).args(&args).arg("--json"));
        assert_eq!(schemas(&done), [schema], "{args:?}");
    }
}

/// What is bound into a signature as a certificate is one, and of this very text.
#[test]
fn a_signature_binds_in_a_certificate_of_its_own_text_only() {
    let (ours, theirs) = (made("firm"), made("agency"));
    let path = agreed(&ours, &theirs);
    let text = std::fs::read_to_string(path("mou.md")).unwrap();
    let agreement = agreement::parse("mou.md", &text).unwrap();
    let line = |guarantee: &agreement::Guarantee| agreement::Line {
        answer: "proved".to_owned(),
        asked: 1,
        folded: 0,
        guarantee: *guarantee,
        questions: agreement.version(),
    };
    let own = agreement::Certificate {
        agreement: agreement.id().clone(),
        number: agreement.number(),
        policy: agreement::compile(&agreement).unwrap().digest(),
        schema: "comity.certificate/1".to_owned(),
        solver: agreement::SolverName { name: "cvc5".to_owned(), version: "1.4.2".to_owned() },
        text: agreement.version(),
        theorems: agreement::Guarantee::ALL.iter().map(line).collect(),
    };
    let another = agreement::Certificate { text: own.policy, ..own.clone() };
    let policy = agreement::Certificate { policy: own.text, ..own.clone() };
    let fewer = agreement::Certificate { theorems: own.theorems[1..].to_vec(), ..own.clone() };
    let rows = [
        (b"junk".to_vec(), 4, "not of the form"),
        (another.to_bytes(), 4, "the text differs"),
        (policy.to_bytes(), 4, "the policy it compiles to differs"),
        (fewer.to_bytes(), 4, "does not name the ten"),
        (own.to_bytes(), 0, ""),
    ];
    let (file, certificate, to) = (path("mou.md"), path("certificate.json"), path("signed.json"));
    for (bytes, code, said) in rows {
        std::fs::write(&certificate, bytes).unwrap();
        let sign = ["agree", "sign", file.as_str(), "--certificate", &certificate, "--out", &to];
        check(&ours.home, (&sign, code, "", said));
        assert_eq!(Path::new(&to).exists(), code == 0, "{said}");
    }
}

/// What stands is not replaced by another text of the same name and number, and an old signature file brings back
/// neither a node key nor a sealing address.
#[test]
fn what_stands_is_not_replaced_by_what_was() {
    let (ours, theirs) = (made("firm"), made("agency"));
    let path = agreed(&ours, &theirs);
    let (mou, other, both) = (path("mou.md"), path("other.md"), path("both.json"));
    let text = std::fs::read_to_string(&mou).unwrap();
    std::fs::write(&other, text.replacen("2099-12-31", "2098-12-31", 1)).unwrap();
    let signed = |text: &str, name: &str| {
        let (one, two) = (path(&format!("{name}-1.json")), path(&format!("{name}-2.json")));
        check(&ours.home, (&["agree", "sign", text, "--out", &one], 0, "signed", ""));
        let counter = ["agree", "countersign", text, "--signature", &one, "--out", &two];
        check(&theirs.home, (&counter, 0, "signed", ""));
        two
    };
    let join = ["agree", "join", &other, "--signature", &signed(&other, "other")];
    check(&ours.home, (&join, 1, "", "another text stands here as version 1 of `firm-agency`"));

    let kept = |name: &str| {
        let file = std::fs::read_to_string(name).unwrap();
        let file: serde_json::Value = serde_json::from_str(&file).unwrap();
        file["parties"]["agency"]["delegation"].clone()
    };
    let later = signed(&mou, "later");
    assert_ne!(kept(&both), kept(&later));
    let stored = || {
        let state = std::fs::read(ours.home.join("state.db")).unwrap();
        let wal = std::fs::read(ours.home.join("state.db-wal")).unwrap_or_default();
        let has = |name: &str| {
            let payload = kept(name)["payload"].as_str().unwrap().as_bytes().to_vec();
            [&state, &wal].iter().any(|b| b.windows(payload.len()).any(|w| w == payload))
        };
        (has(&both), has(&later))
    };
    for (file, expected) in [(&both, (true, false)), (&later, (false, true)), (&both, (false, true))] {
        check(&ours.home, (&["agree", "join", &mou, "--signature", file], 0, "in force", ""));
        assert_eq!(stored(), expected, "{file}");
    }
}

/// What is no file is refused at once, and a rule set of which nothing works is no success.
#[test]
fn analyze_refuses_what_it_cannot_use() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let pipe = folder.path().join("list.csv");
    assert!(std::process::Command::new("/usr/bin/mkfifo").arg(&pipe).status().unwrap().success());
    let done = comity(&home).args(["analyze", "--cluster"]).arg(&pipe).output().unwrap();
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    assert!(said(&done).contains("CMT-1288"), "{}", said(&done));
    let born = comity(&home).args(["init", "--partner", "company"]).output().unwrap();
    assert!(born.status.success(), "{}", said(&born));
    let bad = folder.path().join("bad.yar");
    std::fs::write(&bad, "rule bad { condition: nothing_of_the_kind }\n").unwrap();
    for again in [false, true] {
        let mut command = comity(&home);
        command.arg("analyze");
        if !again {
            command.arg(&bad);
        }
        let done = command.output().unwrap();
        assert_eq!(done.status.code(), Some(6), "{}", said(&done));
    }
    // A stream that grows without measure is told as that, and not as a crash.
    let bomb = folder.path().join("bomb.gz");
    let file = std::fs::File::create(&bomb).unwrap();
    let mut writer = flate2::write::GzEncoder::new(file, flate2::Compression::best());
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), 300 << 20), &mut writer).unwrap();
    writer.finish().unwrap();
    let done = comity(&home).args(["analyze", "--json"]).arg(&bomb).output().unwrap();
    let told = said(&done);
    assert!(told.contains("CMT-0622") && !told.contains("CMT-1101"), "{told}");
}
