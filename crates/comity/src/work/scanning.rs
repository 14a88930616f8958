//! A child with rules: it compiles rule sets once and scans many exhibits with them, one after the other.
//!
//! Why it stays: the conditions of some thousand rules become code of the machine, which takes seconds; a child for each
//! exhibit would do that each time. It is confined like the others, and may besides make memory executable. What a
//! subverted one can spoil are matches of rules on what it scans after; the other findings on an exhibit are made by a
//! child that sees nothing else. A child that fails on an exhibit is ended, and a fresh one takes the next.

use super::child::{open, receive, sample};
use super::input::Input;
use super::pool::{Late, Pool, Ready, RuleTime, Watch, WorkError, ended, hand_over, hear};
use super::protocol::{Frame, Mode, Request, RuleTexts, Summary};
use malware::rules::{RuleSet, Scanner, compile, rule_set_findings};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write};
use terms::{ExhibitId, FindingBody, Unsealed};

/// Bytes of all rule texts together, as the child reads them.
const TEXTS: u64 = 80 << 20;

/// The parent's side of a child with rules.
pub struct Scanning {
    ready: Ready,
    from: BufReader<File>,
    patience: std::time::Duration,
    time: RuleTime,
    /// The sets that it was given: it speaks of no other.
    sets: BTreeSet<ExhibitId>,
}

/// Findings of one scan or compilation: an honest child bounds them far below.
const MOST_SAID: usize = 100_000;

/// Whether a child with rules may state this.
fn of_rules(body: &FindingBody) -> bool {
    matches!(
        body,
        FindingBody::RuleSet { .. }
            | FindingBody::Scanned { .. }
            | FindingBody::RuleMatch { .. }
            | FindingBody::Unreadable { .. }
    )
}

/// What a scan or a compilation says, each with the rule set that it also rests on.
pub type OfSets = Vec<(ExhibitId, Unsealed)>;

impl Scanning {
    /// Starts a child and has it compile these sets; what became of each.
    ///
    /// Blocks. Errors: as of [`Pool::run`]; a set that breaks its compiler, or takes too long, ends this child.
    pub fn start(pool: &Pool, sets: &RuleTexts) -> Result<(Self, OfSets), WorkError> {
        let mut ready = pool.start_as(true)?;
        let bytes = postcard::to_stdvec(sets).map_err(|e| WorkError::Refused(e.to_string()))?;
        let input = Input::of(&bytes)?;
        let from = ready.stdout.take().ok_or_else(|| io::Error::other("a child has no pipe"))?;
        let from = BufReader::with_capacity(256 << 10, from);
        let sets = sets.iter().map(|(id, _)| *id).collect();
        let mut one = Self { ready, from, patience: pool.patience, time: pool.rule_time(), sets };
        let said = one.ask(Mode::Rules, input)?;
        Ok((one, said))
    }

    /// Scans one exhibit. After an error this child is of no use any more.
    pub fn scan(&mut self, input: Input) -> Result<OfSets, WorkError> {
        self.ask(Mode::Scan, input)
    }

    fn ask(&mut self, mode: Mode, input: Input) -> Result<OfSets, WorkError> {
        let request = Request { mode, size: input.size, opening: None };
        let seconds = match mode {
            Mode::Rules => self.time.to_compile(input.size),
            _ => self.time.to_scan(input.size),
        };
        if let Err(e) = hand_over(&self.ready.control, &request, &input) {
            let why = ended(&mut self.ready);
            return Err(if why.of_the_machine() { why } else { e.into() });
        }
        drop(input);
        let watch = Watch::over(&self.ready, self.patience, Some(seconds));
        let mut said = Vec::new();
        let sets = &self.sets;
        let told = hear(&mut self.from, &mut |frame| match frame {
            Frame::OfSet(set, finding) => {
                if !sets.contains(&set) || !of_rules(&finding.body) || said.len() >= MOST_SAID {
                    let why = "a scanning child speaks of other than its rule sets, or too much".into();
                    return Err(WorkError::Protocol { why });
                }
                said.push((set, *finding));
                Ok(())
            }
            Frame::Summary(_) => Ok(()),
            _ => Err(WorkError::Protocol { why: "a scanning child says matches only".into() }),
        });
        let late = watch.stop();
        match told {
            Ok(true) => Ok(said),
            Err(e) => Err(e),
            Ok(false) => Err(match (late, mode) {
                (Some(Late::Wall), _) => WorkError::TooSlow { seconds: self.patience.as_secs() },
                (Some(Late::Processor), Mode::Rules) => WorkError::RulesTooDear { seconds },
                (Some(Late::Processor), _) => WorkError::ScanTooDear { seconds },
                (None, _) => ended(&mut self.ready),
            }),
        }
    }
}

/// A child that has compiled what can be compiled, and sets that break their compiler.
pub struct Sorted {
    /// The child and what became of each set that it has; none where no set can be compiled.
    pub started: Option<(Scanning, OfSets)>,
    /// The sets that it has.
    pub good: RuleTexts,
    /// The others, and why.
    pub bad: Vec<(ExhibitId, WorkError)>,
}

/// Starts a child with all sets that do not break their compiler: which do is found by halves.
///
/// Blocks. Errors: trouble of this machine; sets that break their compiler together, and none of them alone.
pub fn start_sorted(pool: &Pool, sets: RuleTexts) -> Result<Sorted, WorkError> {
    let broke = match Scanning::start(pool, &sets) {
        Ok(started) => return Ok(Sorted { started: Some(started), good: sets, bad: Vec::new() }),
        Err(e) if outside(&e) => return Err(e),
        Err(e) => e,
    };
    let mut bad = Vec::new();
    match sets.as_slice() {
        [(id, _)] => bad.push((*id, broke)),
        _ => {
            find(&sets, &mut |half| Scanning::start(pool, half).map(|_| ()), &mut bad)?;
            if bad.is_empty() {
                return Err(broke);
            }
        }
    }
    let good: RuleTexts = sets.into_iter().filter(|(id, _)| bad.iter().all(|(b, _)| b != id)).collect();
    let started = if good.is_empty() { None } else { Some(Scanning::start(pool, &good)?) };
    Ok(Sorted { started, good, bad })
}

/// Whether the sets are not the cause.
fn outside(e: &WorkError) -> bool {
    e.of_the_machine() || matches!(e, WorkError::Killed)
}

/// Of sets on which a trial fails together, those on which it fails alone.
pub fn find(
    sets: &RuleTexts,
    trial: &mut dyn FnMut(&RuleTexts) -> Result<(), WorkError>,
    bad: &mut Vec<(ExhibitId, WorkError)>,
) -> Result<(), WorkError> {
    let (left, right) = sets.split_at(sets.len() / 2);
    for half in [left, right].into_iter().filter(|half| !half.is_empty()) {
        let half = half.to_vec();
        match (trial(&half), half.as_slice()) {
            (Ok(()), _) => {}
            (Err(e), _) if outside(&e) => return Err(e),
            (Err(e), [(id, _)]) => bad.push((*id, e)),
            (Err(_), _) => find(&half, trial, bad)?,
        }
    }
    Ok(())
}

/// The child's side: compiles what comes first, scans what comes after, to the end of its parent.
pub(super) fn serve() -> io::Result<()> {
    let mut out = BufWriter::with_capacity(256 << 10, io::stdout().lock());
    let Some((Request { mode: Mode::Rules, .. }, file)) = receive()? else {
        return Err(io::Error::other("a child with rules is asked to compile first"));
    };
    let done = compile(&texts(file)?);
    for set in &done.sets {
        for finding in rule_set_findings(set) {
            Frame::OfSet(set.id, Box::new(finding)).write(&mut out)?;
        }
    }
    end(&mut out)?;
    let mut scanner = done.compiled.as_ref().map(Scanner::new);
    while let Some((request, file)) = receive()? {
        if request.mode != Mode::Scan {
            return Err(io::Error::other("a child with rules only scans"));
        }
        // What cannot be unpacked was told by its examination: rules see nothing of it.
        let Some(sample) = sample(open(file)?, &mut |_| ()) else {
            end(&mut out)?;
            continue;
        };
        for (set, finding) in scanner.as_mut().map(|s| s.scan_sample(&sample)).unwrap_or_default() {
            Frame::OfSet(set, Box::new(finding)).write(&mut out)?;
        }
        end(&mut out)?;
    }
    Ok(())
}

fn texts(file: File) -> io::Result<Vec<RuleSet>> {
    let mut bytes = Vec::new();
    file.take(TEXTS).read_to_end(&mut bytes)?;
    let sets: RuleTexts = postcard::from_bytes(&bytes).map_err(io::Error::other)?;
    Ok(sets.into_iter().map(|(id, text)| RuleSet { id, text }).collect())
}

fn end(out: &mut impl Write) -> io::Result<()> {
    Frame::Summary(Summary::default()).write(out)?;
    out.flush()
}
