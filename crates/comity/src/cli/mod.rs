//! The command line: what is typed becomes a verb of the node, what comes of it is printed.
//!
//! Data goes to standard output, talk (progress, notes, hints) to standard error. `--json` prints one object, or one a
//! line for lists; each carries `schema`. Errors have a stable code and say what mends them. Exit codes: 0 done, 1
//! error, 2 usage, 3 refused by an agreement, 4 verification failed, 5 incomplete, 6 partly done, 7 the data cannot
//! tell, 130 interrupted.
//!
//! Here: declared flags ([`args`]), opening a home, printing. Elsewhere: the verbs themselves (`node`, `demo`).

pub mod args;
mod cases;
mod clustered;
mod custody;
mod danger;
mod declare_args;
mod declaring;
mod demo;
mod doctor;
mod errors;
mod examined;
mod findings;
mod generate;
mod home;
mod labels;
mod laboratory;
mod matching;
mod named;
mod notifying;
mod operation;
mod out;
mod partners;
mod passphrase;
mod plain;
mod progress;
mod proof;
mod screen;
mod serve;
mod serve_cluster;
mod setting_up;
mod sharing;
mod similar;
mod surviving;
mod trust;
mod witness;

use crate::node::error::Ending;
use args::{Agree, AgreeArgs, Analyze, Cli, Verb};
use clap::Parser as _;
use errors::{Fault, INTERRUPTED};
use home::Meant;
use out::Out;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::Notify;

/// Stack of every thread that works: deep query plans and parsers fit.
const STACK: usize = 16 << 20;
/// How long an interrupted command may take to end by itself.
const GRACE: Duration = Duration::from_secs(3);

/// How a verb ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All of it is done.
    Done,
    /// Done as far as this exit code says; the output says why.
    Exit(u8),
}

impl From<Ending> for Outcome {
    fn from(ending: Ending) -> Self {
        Self::Exit(ending.code())
    }
}

/// What a verb returns.
type Done = Result<Outcome, Fault>;

/// Runs one command to its end and says how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(e) => return not_parsed(&e, args.iter().any(|a| a == "--json")),
    };
    let json = cli.global.json;
    let mut out = Out::standard(json, cli.global.quiet);
    let done = log(cli.global.quiet || json).and_then(|()| begin(&cli, &mut out));
    // What was printed is whole before an error follows it.
    let printed = out.finish();
    match done.and_then(|outcome| printed.map(|()| outcome)) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Exit(code)) => ExitCode::from(code),
        Err(fault) => {
            out::tell(&fault, json);
            ExitCode::from(fault.exit())
        }
    }
}

/// Help and versions are data; a command line that cannot be read is an error.
fn not_parsed(e: &clap::Error, json: bool) -> ExitCode {
    if json && e.use_stderr() {
        let text = e.render().to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let fault = Fault::usage(what, "`comity help` explains every verb and flag");
        out::tell(&fault, true);
        return ExitCode::from(fault.exit());
    }
    // Nobody is left to tell where this fails.
    let _ = e.print();
    ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(Ending::Usage.code()))
}

/// What the program says of itself, by `COMITY_LOG`; warnings where it says nothing.
fn log(quiet: bool) -> Result<(), Fault> {
    use tracing_subscriber::EnvFilter;
    let given = std::env::var("COMITY_LOG").unwrap_or_default();
    let words = match (given.is_empty(), quiet) {
        (false, _) => given.as_str(),
        (true, true) => "off",
        (true, false) => "warn,sqlx=error",
    };
    let filter = EnvFilter::try_new(words).map_err(|e| {
        Fault::usage(format!("COMITY_LOG cannot be read: {e}"), "give a level as `info`, or `comity=debug`")
    })?;
    // A second subscriber in one process (a test) is refused; the first one serves.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .try_init();
    Ok(())
}

/// What has to be known before anything runs (which home, which passphrase), then the verb.
fn begin(cli: &Cli, out: &mut Out) -> Done {
    let meant = match &cli.verb {
        Verb::Generate(args) => return generate::generate(args, out),
        Verb::Agree(AgreeArgs { verb: Some(Agree::Check { file }) }) => return partners::check(file, out),
        Verb::Agree(AgreeArgs { verb: Some(Agree::Fill { template, set, out: to }) }) => {
            return partners::fill(template, set, to, out);
        }
        Verb::Agree(AgreeArgs { verb: Some(Agree::Prove(args)) }) => return proof::prove(args, out),
        Verb::Agree(AgreeArgs { verb: Some(Agree::Diff(args)) }) => return proof::diff(args, out),
        Verb::Analyze(args) if args.cluster.is_some() => {
            return args.cluster.as_ref().map_or(Ok(Outcome::Done), |list| clustered::cluster(list, out));
        }
        Verb::Analyze(args @ Analyze { names: Some(list), .. }) => return named::names(list, args, out),
        Verb::Verify(args::Verify { verb: Some(args::VerifyVerb::Sinkhole { folder }), .. }) => {
            return serve::check(folder, out);
        }
        Verb::Demo(_) => Meant::nowhere(),
        Verb::Serve(args) if args.role != args::ServeRole::Sinkhole => Meant::no_home(&cli.global),
        Verb::Init(_) => Meant::to_be(&cli.global)?,
        Verb::Doctor(args) => doctor::meant(args, &cli.global)?,
        Verb::Verify(args) => trust::meant(args, &cli.global)?,
        _ => Meant::unlocked(&cli.global)?,
    };
    // The first thread's stack is the system's choice; the work gets one of ours.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("comity".into()).stack_size(STACK);
        let work = thread.spawn_scoped(scope, || in_runtime(&cli.verb, &meant, out)).map_err(Fault::Begin)?;
        work.join().unwrap_or(Err(Fault::Unforeseen))
    })
}

fn in_runtime(verb: &Verb, meant: &Meant, out: &mut Out) -> Done {
    let cores = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
    let runtime = Builder::new_multi_thread()
        .worker_threads(cores)
        .thread_stack_size(STACK)
        .enable_all()
        .build()
        .map_err(Fault::Begin)?;
    let stop = Arc::new(Notify::new());
    // A role ends in its own order.
    if !matches!(verb, Verb::Serve(_)) {
        runtime.spawn(watch(stop.clone()));
    }
    let done = runtime.block_on(async {
        tokio::select! {
            biased;
            () = stop.notified() => Err(Fault::Interrupted),
            done = dispatch(verb, meant, out) => done,
        }
    });
    // A thread that still waits for standard input does not hold the command.
    runtime.shutdown_background();
    done
}

/// Waits for SIGINT: the verb is dropped where it stands, which a home bears at any instant. What cannot be dropped (a
/// long computation) is ended after a little while.
async fn watch(stop: Arc<Notify>) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    stop.notify_one();
    tokio::time::sleep(GRACE).await;
    std::process::exit(i32::from(INTERRUPTED));
}

async fn dispatch(verb: &Verb, meant: &Meant, out: &mut Out) -> Done {
    match verb {
        Verb::Init(args) => Box::pin(setting_up::init(meant, args, out)).await,
        Verb::Demo(args) => Box::pin(demo::demo(meant, args, out)).await,
        Verb::Doctor(args) => Box::pin(doctor::doctor(meant, args, out)).await,
        Verb::Ingest(args) => Box::pin(laboratory::ingest(meant, args, out)).await,
        Verb::Analyze(args) => Box::pin(laboratory::analyze(meant, args, out)).await,
        Verb::Assess(args) => Box::pin(cases::assess(meant, args, out)).await,
        Verb::Case(verb) => Box::pin(cases::case(meant, verb, out)).await,
        Verb::Plan(args) => Box::pin(operation::plan(meant, args, out)).await,
        Verb::Act(args) => Box::pin(operation::act(meant, args, out)).await,
        Verb::Measure(args) => Box::pin(operation::measure(meant, args, out)).await,
        Verb::Agree(args) => Box::pin(partners::agree(meant, args.verb.as_ref(), out)).await,
        Verb::Share(args) => Box::pin(sharing::share(meant, args, out)).await,
        Verb::Match(args) => Box::pin(matching::run(meant, args, out)).await,
        Verb::Verify(args) => Box::pin(trust::verify(meant, args, out)).await,
        Verb::Serve(args) => Box::pin(serve::serve(meant, args, out)).await,
        Verb::Generate(args) => generate::generate(args, out),
    }
}
