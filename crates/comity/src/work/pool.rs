//! The parent's side: children that wait ready, one exhibit each.

use super::child::{EXIT_LIMITED, EXIT_UNCONFINED, WITH_RULES};
use super::forks::{self, Forks};
use super::input::Input;
use super::protocol::{Frame, Mode, Opening, Request};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::fs::File;
use std::io::{self, BufReader, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Why an exhibit's work gave no answer. Each costs this one exhibit and becomes a finding.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum WorkError {
    /// The child ended before its last word.
    #[error("the examining child process ended early: {how}")]
    #[diagnostic(code("CMT-1101"), help("the exhibit is sealed; `comity analyze` tries it again"))]
    Crashed {
        /// Signal or status, in words.
        how: String,
    },
    /// Somebody else ended the child: the exhibit is not the cause.
    #[error(
        "the examining child process was killed from outside (signal 9): by a person, or for want of memory"
    )]
    #[diagnostic(
        code("CMT-1285"),
        help(
            "`comity analyze` tries it again; where it comes again, see whether this machine's memory suffices"
        )
    )]
    Killed,
    /// The child took too long.
    #[error("the examining child process did not end within {seconds} s and was stopped")]
    #[diagnostic(code("CMT-1102"), help("the exhibit is sealed; examine it on a quieter machine"))]
    TooSlow {
        /// The bound.
        seconds: u64,
    },
    /// Rules that cost their compiler too much.
    #[error("the rules took more than {seconds} s of processor time to compile and were stopped")]
    #[diagnostic(
        code("CMT-1290"),
        help(
            "mend the rule set (strings with many jumps, nested repetitions), or take it out of use with `rules_withdrawn`; `rules_seconds` gives more time"
        )
    )]
    RulesTooDear {
        /// The bound.
        seconds: u64,
    },
    /// Rules that cost a scan too much.
    #[error("the scan with rules took more than {seconds} s of processor time and was stopped")]
    #[diagnostic(
        code("CMT-1291"),
        help(
            "`comity analyze` tries it again; `rules_seconds` gives more time, `rules_withdrawn` takes a rule set out of use"
        )
    )]
    ScanTooDear {
        /// The bound.
        seconds: u64,
    },
    /// The child said what no honest child says.
    #[error("the examining child process broke the protocol: {why}")]
    #[diagnostic(code("CMT-1103"), help("treat the exhibit as an attack on its examiner"))]
    Protocol {
        /// What was wrong.
        why: String,
    },
    /// The sandbox is not to be had here.
    #[error("the sandbox for hostile bytes cannot be entered: {why}")]
    #[diagnostic(
        code("CMT-1104"),
        help(
            "use a kernel with Landlock and seccomp, or set `allow_no_sandbox = true` knowing the risk; see `comity doctor`"
        )
    )]
    Unconfined {
        /// What the kernel said.
        why: String,
    },
    /// A limit of the caller's own leaves a child too little.
    #[error("a limit on this process leaves its children too little: {why}")]
    #[diagnostic(
        code("CMT-1287"),
        help(
            "raise the limit that this shell or service sets (`ulimit -a`, `systemctl show`); the sandbox stays as it is"
        )
    )]
    Limited {
        /// Which limit, and what the kernel said.
        why: String,
    },
    /// The child could not be started.
    #[error("no child process could be started: {0}")]
    #[diagnostic(code("CMT-1105"), help("check the limits on processes and open files of this user"))]
    Start(#[from] io::Error),
    /// The caller could not take an answer.
    #[error("{0}")]
    #[diagnostic(code("CMT-1106"), help("mend the cause named above and run the command again"))]
    Refused(String),
}

impl WorkError {
    /// Whether it is this machine's or the caller's trouble, and not the exhibit's.
    pub fn of_the_machine(&self) -> bool {
        matches!(self, Self::Start(_) | Self::Unconfined { .. } | Self::Limited { .. } | Self::Refused(_))
    }
}

/// A child process of this one, however it came to be.
pub(super) enum Process {
    /// A program that was started.
    Started(Child),
    /// A copy of the forking process.
    Forked(Pid),
}

impl Process {
    /// Its number, which names it until it was waited for.
    pub(super) fn pid(&self) -> Pid {
        match self {
            Self::Started(child) => Pid::from_child(child),
            Self::Forked(pid) => *pid,
        }
    }

    fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Started(child) => child.wait(),
            Self::Forked(_) => {
                self.look(WaitOptions::empty())?.ok_or_else(|| io::Error::other("a child was not waited for"))
            }
        }
    }

    /// Waits so long, then ends it; whether it had to be.
    fn wait_for(&mut self, patience: Duration) -> io::Result<(ExitStatus, bool)> {
        let late = Instant::now() + patience;
        loop {
            let ended = match self {
                Self::Started(child) => child.try_wait()?,
                Self::Forked(_) => self.look(WaitOptions::NOHANG)?,
            };
            if let Some(status) = ended {
                return Ok((status, false));
            }
            if Instant::now() > late {
                kill_process(self.pid(), Signal::KILL)?;
                return Ok((self.wait()?, true));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn look(&self, how: WaitOptions) -> io::Result<Option<ExitStatus>> {
        let ended = rustix::io::retry_on_intr(|| waitpid(Some(self.pid()), how))?;
        Ok(ended.map(|(_, status)| ExitStatus::from_raw(status.as_raw())))
    }
}

/// How long a child that has closed its pipe may take to end.
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// A child that waits for its exhibit.
pub(super) struct Ready {
    pub(super) process: Process,
    pub(super) control: UnixStream,
    pub(super) stdout: Option<File>,
    pub(super) stderr: Option<File>,
    /// Whether it was waited for: its number may name another process by now.
    pub(super) over: bool,
}

impl Drop for Ready {
    fn drop(&mut self) {
        if !self.over {
            let _ = kill_process(self.process.pid(), Signal::KILL);
            let _ = self.process.wait();
        }
    }
}

/// Children that were started before there is work, so that nobody waits for a process to begin.
#[derive(Clone)]
pub struct Pool {
    program: PathBuf,
    unconfined: bool,
    ahead: usize,
    ready: Arc<Mutex<Vec<Ready>>>,
    forks: Arc<Mutex<Forking>>,
    pub(super) patience: Duration,
    pub(super) rules: RuleTime,
}

/// Processor time that rules may take. It is the child's own, so that a busy machine refuses nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleTime {
    /// Seconds to compile rule sets together.
    pub compile: u64,
    /// Seconds to scan one exhibit.
    pub scan: u64,
}

impl RuleTime {
    /// More for each MiB of rules.
    const COMPILE_MIB: u64 = 10;
    /// More for each MiB of an exhibit.
    const SCAN_MIB: u64 = 2;

    /// Of the home's setting `rules_seconds`: all of it to compile, half of it to scan.
    pub fn of(seconds: u64) -> Self {
        Self { compile: seconds, scan: seconds.div_ceil(2) }
    }

    /// To compile so many bytes of rules.
    pub fn to_compile(self, bytes: u64) -> u64 {
        self.compile.saturating_add((bytes >> 20) * Self::COMPILE_MIB)
    }

    /// To scan so many bytes.
    pub fn to_scan(self, bytes: u64) -> u64 {
        self.scan.saturating_add((bytes >> 20) * Self::SCAN_MIB)
    }
}

/// The process that forks children.
enum Forking {
    /// Not started yet; how often it failed.
    Not(u32),
    Running(Forks),
}

/// After so many failures children are started as programs.
const FAILURES: u32 = 2;

impl Pool {
    /// A pool that keeps `ahead` children ready. `unconfined` is the home's setting `allow_no_sandbox`.
    ///
    /// Children are forked from one process that stays; with `ahead` 0, each is a program that is started for its exhibit.
    pub fn new(program: PathBuf, ahead: usize, unconfined: bool) -> Self {
        let forks = Arc::new(Mutex::new(Forking::Not(if ahead == 0 { FAILURES } else { 0 })));
        let patience = Duration::from_secs(900);
        let rules = RuleTime::of(60);
        Self { program, unconfined, ahead, ready: Arc::default(), forks, patience, rules }
    }

    /// The same, with so much processor time for rules.
    #[must_use]
    pub fn with_rule_time(mut self, rules: RuleTime) -> Self {
        self.rules = rules;
        self
    }

    /// How much processor time rules may take.
    pub fn rule_time(&self) -> RuleTime {
        self.rules
    }

    fn start(&self) -> io::Result<Ready> {
        let mut forking = self.forks.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let failed = match &mut *forking {
                Forking::Running(forks) => match forks.fork() {
                    Ok(ready) => return Ok(ready),
                    Err(_) => 1,
                },
                Forking::Not(failed) if *failed < FAILURES => {
                    match Forks::start(forks::command(&self.program, self.unconfined)).and_then(|mut f| {
                        let first = f.fork()?;
                        Ok((f, first))
                    }) {
                        Ok((forks, first)) => {
                            *forking = Forking::Running(forks);
                            return Ok(first);
                        }
                        Err(_) => *failed + 1,
                    }
                }
                Forking::Not(_) => return self.start_as(false),
            };
            *forking = Forking::Not(failed);
        }
    }

    /// A child that is a program of its own; one with rules stays for many exhibits.
    pub(super) fn start_as(&self, rules: bool) -> io::Result<Ready> {
        let (control, theirs) = UnixStream::pair()?;
        let mut command = forks::command(&self.program, self.unconfined);
        if rules {
            command.arg(WITH_RULES);
        }
        let mut child = command
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().map(|pipe| File::from(OwnedFd::from(pipe)));
        let stderr = child.stderr.take().map(|pipe| File::from(OwnedFd::from(pipe)));
        Ok(Ready { process: Process::Started(child), control, stdout, stderr, over: false })
    }

    fn take(&self) -> io::Result<Ready> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let one = ready.pop();
        while ready.len() < self.ahead {
            ready.push(self.start()?);
        }
        drop(ready);
        one.map_or_else(|| self.start(), Ok)
    }

    /// Gives one exhibit to one child and hands each of its frames to `each`, which may refuse with a reason.
    ///
    /// Blocks; call it where blocking is allowed. Errors name what happened to the child; frames handed over before
    /// an error stand, so the caller commits only after `Ok`.
    pub fn run(
        &self,
        mode: Mode,
        input: Input,
        each: impl FnMut(Frame) -> Result<(), WorkError>,
    ) -> Result<(), WorkError> {
        self.ask(&Request { mode, size: input.size, opening: None }, input, each)
    }

    /// The same with [`Mode::Examine`], and containers are opened so far.
    pub fn open(
        &self,
        opening: Opening,
        input: Input,
        each: impl FnMut(Frame) -> Result<(), WorkError>,
    ) -> Result<(), WorkError> {
        self.ask(&Request { mode: Mode::Examine, size: input.size, opening: Some(opening) }, input, each)
    }

    fn ask(
        &self,
        request: &Request,
        input: Input,
        mut each: impl FnMut(Frame) -> Result<(), WorkError>,
    ) -> Result<(), WorkError> {
        let mut ready = self.take()?;
        if hand_over(&ready.control, request, &input).is_err() {
            // A child that could not confine itself is gone before it is asked. Any other that died while it waited
            // never saw the exhibit: a fresh one gets it.
            let why = ended(&mut ready);
            if why.of_the_machine() {
                return Err(why);
            }
            ready = self.start()?;
            if let Err(e) = hand_over(&ready.control, request, &input) {
                let why = ended(&mut ready);
                return Err(if why.of_the_machine() { why } else { e.into() });
            }
        }
        drop(input);
        let watch = Watch::over(&ready, self.patience, None);
        let told = listen(&mut ready, &mut each);
        let late = watch.stop();
        match told {
            Ok(true) => Ok(()),
            Ok(false) if late.is_some() => Err(WorkError::TooSlow { seconds: self.patience.as_secs() }),
            Ok(false) => Err(ended(&mut ready)),
            Err(e) => Err(e),
        }
    }
}

pub(super) fn hand_over(control: &UnixStream, request: &Request, input: &Input) -> io::Result<()> {
    let bytes = postcard::to_stdvec(request).map_err(io::Error::other)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = [input.fd.as_fd()];
    if !ancillary.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("no room for a file descriptor"));
    }
    sendmsg(control, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Reads frames to the end. `true` when the child said its last word.
fn listen(
    ready: &mut Ready,
    each: &mut impl FnMut(Frame) -> Result<(), WorkError>,
) -> Result<bool, WorkError> {
    let Some(pipe) = ready.stdout.take() else { return Ok(false) };
    hear(&mut BufReader::with_capacity(256 << 10, pipe), each)
}

/// Reads frames to a last word. `true` when it was said.
pub(super) fn hear(
    pipe: &mut impl Read,
    each: &mut impl FnMut(Frame) -> Result<(), WorkError>,
) -> Result<bool, WorkError> {
    loop {
        match Frame::read(pipe) {
            Ok(Some(frame)) => {
                let last = matches!(frame, Frame::Summary(_) | Frame::Escapes(_));
                each(frame)?;
                if last {
                    return Ok(true);
                }
            }
            Ok(None) => return Ok(false),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(e) => return Err(WorkError::Protocol { why: e.to_string() }),
        }
    }
}

/// How a child that said nothing more ended. One that does not end on its own is ended.
pub(super) fn ended(ready: &mut Ready) -> WorkError {
    let waited = ready.process.wait_for(LAST_MOMENTS);
    ready.over = waited.is_ok();
    // Its end of the pipe is closed by now, so this ends.
    let mut said = String::new();
    if let (Some(pipe), true) = (ready.stderr.take(), ready.over) {
        let _ = pipe.take(2000).read_to_string(&mut said);
    }
    let said = said.lines().next().unwrap_or_default().to_owned();
    match waited {
        Ok((_, true)) => WorkError::Crashed { how: "it closed its pipe and stayed".into() },
        Ok((status, _)) if status.code() == Some(i32::from(EXIT_UNCONFINED)) => {
            WorkError::Unconfined { why: said }
        }
        Ok((status, _)) if status.code() == Some(i32::from(EXIT_LIMITED)) => WorkError::Limited { why: said },
        Ok((status, _)) if status.signal() == Some(Signal::KILL.as_raw()) => WorkError::Killed,
        Ok((status, _)) if status.signal() == Some(Signal::XCPU.as_raw()) => {
            WorkError::Crashed { how: "its processor time was used up".into() }
        }
        Ok((status, _)) => {
            let how = match (status.signal(), status.code()) {
                (Some(signal), _) => format!("signal {signal}"),
                (None, code) => format!("status {}", code.unwrap_or(-1)),
            };
            WorkError::Crashed { how: if said.is_empty() { how } else { format!("{how}: {said}") } }
        }
        Err(e) => e.into(),
    }
}

/// What a child had too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// Time of the clock on the wall.
    Wall,
    /// Time of the processor.
    Processor,
}

/// How often a child's processor time is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Units of processor time in a second, as `/proc` tells it (proc(5), USER_HZ).
const TICKS: u64 = 100;

/// Stops a child that exceeds its time.
pub(super) struct Watch {
    done: std::sync::mpsc::Sender<()>,
    thread: std::thread::JoinHandle<Option<Late>>,
}

impl Watch {
    /// `work`: seconds of processor time from now on, where that is bounded, too.
    pub(super) fn over(ready: &Ready, patience: Duration, work: Option<u64>) -> Self {
        use std::sync::mpsc::RecvTimeoutError::Timeout;
        let (done, wait) = std::sync::mpsc::channel();
        let pid = ready.process.pid();
        let thread = std::thread::spawn(move || {
            let end = Instant::now() + patience;
            // Where the system does not tell it, the clock on the wall is the bound.
            let most =
                work.and_then(|seconds| Some(spent(pid)?.saturating_add(seconds.saturating_mul(TICKS))));
            loop {
                let left = end.saturating_duration_since(Instant::now());
                if wait.recv_timeout(if most.is_some() { left.min(LOOK) } else { left }) != Err(Timeout) {
                    return None;
                }
                let late = if Instant::now() >= end {
                    Late::Wall
                } else if most.is_some_and(|most| spent(pid).is_some_and(|spent| spent > most)) {
                    Late::Processor
                } else {
                    continue;
                };
                // The child is not reaped before `stop`, so the number still names it.
                let _ = kill_process(pid, Signal::KILL);
                return Some(late);
            }
        });
        Self { done, thread }
    }

    pub(super) fn stop(self) -> Option<Late> {
        let _ = self.done.send(());
        self.thread.join().unwrap_or(None)
    }
}

/// Processor time that a child took until now, in [`TICKS`]: the 14th and 15th value of its `stat` (proc(5)).
fn spent(pid: Pid) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The second value is a name in brackets, which may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut values = rest.split_whitespace().skip(11);
    let (user, system) = (values.next()?.parse::<u64>().ok()?, values.next()?.parse::<u64>().ok()?);
    Some(user.saturating_add(system))
}
