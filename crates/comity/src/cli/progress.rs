//! Bars for long work, on standard error, where a terminal is there and nobody asked for quiet.

use super::out::{Out, clean, cut};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Characters of a name beside a bar.
const NAME: usize = 48;

/// A bar that counts, or a hidden one.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar over so many steps.
    pub fn over(out: &Out, steps: u64, what: &'static str) -> Self {
        if !out.draws() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(steps).with_prefix(what);
        bar.set_style(style("{prefix} {bar:24} {pos}/{len} {wide_msg}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// A sign of life for work whose end is not known.
    pub fn open(out: &Out, what: &'static str) -> Self {
        if !out.draws() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner().with_prefix(what);
        bar.set_style(style("{prefix} {spinner} {elapsed} {wide_msg}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// One step more.
    pub fn tick(&self, name: &str) {
        self.0.set_message(cut(&clean(name).replace('\n', " "), NAME));
        self.0.inc(1);
    }

    /// One step more of so many, where their number is known late.
    #[cfg(feature = "prove")]
    pub fn reach(&self, of: usize) {
        self.0.set_length(of as u64);
        self.0.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
