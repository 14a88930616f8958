//! The commands of this workspace. `cargo xtask demo` runs the main job, `cargo xtask test` proves it.

mod botnet;

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

const HELP: &str = "\
cargo xtask <command> [-- arguments]

  demo    build and run `comity demo`: one operation from the first exhibit to the measured dismantling
          (-- --headless prints the story and opens nothing; -- --help lists the rest)
  test    run every test of the workspace
  lint    formatting, clippy without warnings, licences and sources of the dependencies
  quality malware [LIST.csv]
          how good the clusters of a labelled list of digests are, against bars; without a list that of
          MalwareBazaar, `malware/tlsh-malwarebazaar/mb_10K.csv` below the folder that COMITY_DATA names
  quality botnet [names] [population] [traffic]
          how generated names and servers of command and control are told and the infected counted, family by family,
          source by source, process by process, against bars; the data lies below the folder that COMITY_DATA names
  bench malware [--files FOLDER] [--rules FOLDER] [--python PYTHON] [--small]
          the table of ours beside peers, processor time; what is not named is fetched by name into the cache
          (programs, peers) or generated (rules, documents)
  bench botnet [PROGRAM]… [--python PYTHON] [--small]
          readers, beacons, rollups, shadowserver, routing, sinkhole, population one after the other, and one table of ours
          beside peers; a peer that is not here is told so; the peers' Python is made in the cache where none is named
  oracle malware [--files FOLDER]… [--rules FOLDER] [--python PYTHON] [--small]
          the laboratory held against other readers, file by file; fails where a difference has no listed reason
  comity  build and run `comity` with the arguments after `--`
";

/// One set of features for every command, so that nothing is compiled twice: the signing side's, proofs included.
const FEATURES: &str = "comity/prove,comity/cluster";

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.skip_while(|a| a == "--").collect();
    let done = match command.as_str() {
        "demo" => compiler() && build() && comity("demo", &rest),
        "comity" => compiler() && build() && run(program().args(&rest)),
        "test" => compiler() && build() && test(&rest),
        "lint" => lint(),
        "quality" => quality(&rest),
        "bench" => bench(&rest),
        "oracle" => oracle(&rest),
        _ => {
            print!("{HELP}");
            return if matches!(command.as_str(), "" | "help" | "--help" | "-h") {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(2)
            };
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The cargo that runs this program, without what it says of this package: build scripts watch such variables, and
/// would be run again, with all that rests on them, whenever builds by hand and builds from here take turns.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let of_package = |n: &str| n.starts_with("CARGO_PKG_") || n.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_package) {
            command.env_remove(&name);
        }
    }
    command
}

fn run(command: &mut Command) -> bool {
    match command.status() {
        Ok(status) => status.success(),
        Err(e) => {
            eprintln!("cannot start {:?}: {e}", command.get_program());
            false
        }
    }
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success())
}

/// SQLite and zstd are compiled from C.
fn compiler() -> bool {
    let wanted = env::var("CC").unwrap_or_else(|_| "cc".into());
    if has(&wanted) {
        return true;
    }
    eprintln!("no C compiler: `{wanted}` cannot be started. On Debian: apt-get install gcc libc6-dev");
    false
}

/// Always the whole workspace, so that `demo` and `test` agree on features and share what was compiled.
fn build() -> bool {
    // The example: `xtask/examples/one_resolution.rs` says why.
    let what = ["build", "--workspace", "--bins", "--example", "one_resolution", "--features", FEATURES];
    run(cargo().args(what))
}

/// The program that `build` made: it lies beside this one.
fn program() -> Command {
    let here = env::current_exe().unwrap_or_default();
    Command::new(here.with_file_name(format!("comity{}", env::consts::EXE_SUFFIX)))
}

fn comity(verb: &str, rest: &[String]) -> bool {
    run(program().arg(verb).args(rest))
}

/// The seed of the property tests, so that two runs over one commit say the same. `PROPTEST_RNG_SEED` names another,
/// and `cargo nextest run` alone draws a new one each time: that is how what nobody thought of is looked for.
const SEED: &str = "20141028";

fn test(rest: &[String]) -> bool {
    let seed = env::var("PROPTEST_RNG_SEED").unwrap_or_else(|_| SEED.to_owned());
    let nextest =
        Command::new("cargo").args(["nextest", "--version"]).output().is_ok_and(|o| o.status.success());
    let tests = if nextest {
        run(cargo()
            .env("PROPTEST_RNG_SEED", &seed)
            .args(["nextest", "run", "--workspace", "--features", FEATURES, "--no-fail-fast"])
            .args(rest))
    } else {
        run(cargo()
            .env("PROPTEST_RNG_SEED", &seed)
            .args(["test", "--workspace", "--features", FEATURES, "--lib", "--bins", "--tests"])
            .arg("--no-fail-fast")
            .args(rest))
    };
    // Examples in the documentation: nextest does not run them.
    run(cargo().args(["test", "--workspace", "--features", FEATURES, "--doc", "--quiet"])) && tests
}

/// Figures against bars; a list that is not there is a failure, never a pass.
fn quality(rest: &[String]) -> bool {
    let [subject, given @ ..] = rest else {
        eprintln!("say of what: cargo xtask quality malware [LIST.csv], or cargo xtask quality botnet");
        return false;
    };
    if subject == "botnet" {
        return quality_botnet(given);
    }
    if subject != "malware" {
        eprintln!("no quality is measured of `{subject}`: of malware and of botnet it is");
        return false;
    }
    let list = match (given.first(), env::var_os("COMITY_DATA")) {
        (Some(list), _) => list.into(),
        (None, Some(data)) => PathBuf::from(data).join("malware/tlsh-malwarebazaar/mb_10K.csv"),
        (None, None) => {
            eprintln!("no list: name one, or the folder of data in COMITY_DATA");
            return false;
        }
    };
    if !list.is_file() {
        eprintln!("no list at {}: name one, or the folder of data in COMITY_DATA", list.display());
        return false;
    }
    run(cargo()
        .args(["run", "--quiet", "--release", "-p", "malware", "--example", "quality", "--"])
        .arg(list))
}

/// The parts of `quality botnet`.
const PARTS: [&str; 3] = ["names", "population", "traffic"];

/// Each part says its own table; all are told before one that is below its bar ends the command with a failure. Names and
/// population are programs of `bench/`, which need no DataFusion; the ranking of traffic is queries and does.
fn quality_botnet(given: &[String]) -> bool {
    if let Some(strange) = given.iter().find(|word| !PARTS.contains(&word.as_str())) {
        eprintln!("`{strange}` is none of {}", PARTS.join(", "));
        return false;
    }
    let data = env::var_os("COMITY_DATA").is_some_and(|folder| PathBuf::from(folder).join("botnet").is_dir());
    if !data && !matches!(given, [alone] if alone == "population") {
        eprintln!("no data: COMITY_DATA names a folder with `botnet` in it");
        return false;
    }
    let told: Vec<bool> = PARTS
        .into_iter()
        .filter(|part| given.is_empty() || given.iter().any(|word| word == part))
        .map(|part| {
            let package = format!("comity-bench-{part}");
            let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench/Cargo.toml");
            run(cargo().args(["run", "--quiet", "--release"]).args(match part {
                "traffic" => ["-p", "botnet", "--example", "quality_traffic"],
                _ => ["--manifest-path", manifest, "-p", &package],
            }))
        })
        .collect();
    told.iter().all(|good| *good)
}

/// Benchmarks are a workspace of their own, beside this one.
fn bench(rest: &[String]) -> bool {
    let [subject, given @ ..] = rest else {
        eprintln!("say of what: cargo xtask bench malware, or cargo xtask bench botnet");
        return false;
    };
    if subject == "botnet" {
        return botnet::bench(given);
    }
    if subject != "malware" {
        eprintln!("`{subject}` has its own program: cd bench && cargo run --release --bin {subject}");
        return false;
    }
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench/malware/Cargo.toml");
    run(cargo().args(["run", "--release", "--manifest-path", manifest, "--"]).args(given))
}

/// Ours and other readers over the same files: the harness is a part of the bench.
fn oracle(rest: &[String]) -> bool {
    match rest {
        [subject, given @ ..] if subject == "malware" => {
            let mut words = vec!["malware".to_owned(), "oracle".to_owned()];
            words.extend_from_slice(given);
            bench(&words)
        }
        _ => {
            eprintln!("say of what: cargo xtask oracle malware");
            false
        }
    }
}

fn lint() -> bool {
    let format = run(cargo().args(["fmt", "--all", "--check"]));
    let clippy = run(cargo()
        .args(["clippy", "--workspace", "--all-targets", "--features", FEATURES])
        .args(["--", "-D", "warnings"]));
    let deny = if Command::new("cargo").args(["deny", "--version"]).output().is_ok_and(|o| o.status.success())
    {
        run(cargo().args(["deny", "check", "bans", "licenses", "sources"]))
    } else {
        eprintln!("cargo-deny is missing: cargo install --locked cargo-deny");
        false
    };
    format && clippy && deny
}
