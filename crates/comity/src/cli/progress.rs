//! Signs of life for long work, on standard error: a bar where a terminal is there, else a line now and then. Nothing where
//! somebody asked for quiet, or a program reads.

use super::out::{Out, clean, count, cut};
use crate::node::analyze::Step;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write as _;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Characters of a name beside a bar.
const NAME: usize = 48;
/// Between two lines where no terminal is there.
const BETWEEN: Duration = Duration::from_secs(10);

/// How far work is: what is done of as much as is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    what: &'static str,
    done: u64,
    /// How much it is in all; never less than what is done.
    all: Option<u64>,
    name: String,
}

impl State {
    fn one_more(&mut self, name: &str) {
        self.name = cut(&clean(name).replace('\n', " "), NAME);
        self.done += 1;
        self.all = self.all.map(|all| all.max(self.done));
    }

    /// Work that grows while it is done, and has parts that begin anew.
    fn step(&mut self, step: &Step<'_>) {
        if self.what != step.what {
            *self = Self { what: step.what, ..Self::default() };
        }
        self.one_more(step.name);
        self.all = Some(self.done + step.left);
    }

    fn line(&self) -> String {
        let of = self.all.filter(|all| *all > 0).map_or(String::new(), |all| format!(" of {}", count(all)));
        match (self.done, of.is_empty()) {
            (0, true) => format!("{} …", self.what),
            (done, _) => format!("{} … {}{of} done", self.what, count(done)),
        }
    }
}

/// A line now and then, until it is dropped.
struct Lines {
    state: Arc<Mutex<State>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Lines {
    fn begin(state: State) -> Self {
        let state = Arc::new(Mutex::new(state));
        let (stop, stopped) = mpsc::channel();
        let shared = state.clone();
        let tell = move || {
            while stopped.recv_timeout(BETWEEN) == Err(RecvTimeoutError::Timeout) {
                let line = shared.lock().unwrap_or_else(PoisonError::into_inner).line();
                // A closed standard error does not stop the work.
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        };
        // Without a thread nothing is told, and the work is done all the same.
        let thread = std::thread::Builder::new().name("progress".into()).spawn(tell).ok();
        Self { state, stop: Some(stop), thread }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is drawn, or said, or neither.
enum Shown {
    Bar(ProgressBar, Mutex<State>),
    Lines(Lines),
    Nothing,
}

/// Says how far work is.
pub struct Progress(Shown);

impl Progress {
    /// Work of so many steps.
    pub fn over(out: &Out, steps: u64, what: &'static str) -> Self {
        Self::begin(out, State { what, all: Some(steps), ..State::default() })
    }

    /// Work whose end is not known.
    pub fn open(out: &Out, what: &'static str) -> Self {
        Self::begin(out, State { what, ..State::default() })
    }

    fn begin(out: &Out, state: State) -> Self {
        if out.draws() {
            let bar = match state.all {
                Some(all) => ProgressBar::new(all),
                None => ProgressBar::new_spinner(),
            };
            bar.set_style(style(match state.all {
                Some(_) => "{prefix} {bar:24} {pos}/{len} {wide_msg}",
                None => "{prefix} {spinner} {elapsed} {wide_msg}",
            }));
            let bar = bar.with_prefix(state.what);
            bar.enable_steady_tick(Duration::from_millis(200));
            return Self(Shown::Bar(bar, Mutex::new(state)));
        }
        Self(if out.speaks() { Shown::Lines(Lines::begin(state)) } else { Shown::Nothing })
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        match &self.0 {
            Shown::Bar(bar, state) => {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                change(&mut state);
                bar.set_prefix(state.what);
                if let Some(all) = state.all {
                    bar.set_length(all);
                }
                bar.set_position(state.done);
                bar.set_message(state.name.clone());
            }
            Shown::Lines(lines) => change(&mut lines.state.lock().unwrap_or_else(PoisonError::into_inner)),
            Shown::Nothing => {}
        }
    }

    /// One step more.
    pub fn tick(&self, name: &str) {
        self.change(|state| state.one_more(name));
    }

    /// One step more of work that says itself how much is left.
    pub fn step(&self, step: &Step<'_>) {
        self.change(|state| state.step(step));
    }

    /// One step more of so many, where their number is known late.
    #[cfg(feature = "prove")]
    pub fn reach(&self, of: usize) {
        self.change(|state| {
            state.one_more("");
            state.all = Some(state.done.max(of as u64));
        });
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar, _) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_never_more_than_all() {
        let mut state = State { what: "sealing", all: Some(2), ..State::default() };
        assert_eq!(state.line(), "sealing … 0 of 2 done");
        for _ in 0..3 {
            state.one_more("a\nb");
        }
        assert_eq!((state.done, state.all, state.name.as_str()), (3, Some(3), "a b"));
        // An archive of a thousand files comes up, and another kind of work begins anew.
        for (what, left, line) in [
            ("examining", 0, "examining … 1 of 1 done"),
            ("examining", 1000, "examining … 2 of 1,002 done"),
            ("examining", 999, "examining … 3 of 1,002 done"),
            ("applying rules", 7, "applying rules … 1 of 8 done"),
        ] {
            state.step(&Step { what, name: "x", left });
            assert_eq!(state.line(), line);
        }
        assert_eq!(State { what: "planning", ..State::default() }.line(), "planning …");
    }
}
