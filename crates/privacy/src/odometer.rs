//! The odometer: how much of a data set's privacy has been used, over all partners.
//!
//! Here: amounts ([`Epsilon`], whole millionths, so that sums are exact) and what may be spent ([`Odometer`]).
//! Elsewhere: where it is kept, and that it is kept before an answer leaves (`comity::store`).
//!
//! By sequential composition (Dwork and Roth 2014, theorem 3.16) answers with `e1` and `e2` on the same data set are together `e1 + e2`
//! differentially private, also when two partners put them together. Nothing is ever given back: an answer that was drawn
//! and lost was still drawn.

use crate::PrivacyError;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

const MILLION: u64 = 1_000_000;
/// The largest epsilon that is read: 10.
const MOST: u64 = 10 * MILLION;

/// An amount of privacy loss in millionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epsilon(u64);

impl Epsilon {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// What a question asks for unless it says otherwise: 0.1.
    pub const USUAL: Self = Self(MILLION / 10);
    /// What a data set has unless the home says otherwise: 1.
    pub const BUDGET: Self = Self(MILLION);

    /// So many millionths.
    pub const fn micros(n: u64) -> Self {
        Self(n)
    }
    /// In millionths.
    pub const fn in_micros(self) -> u64 {
        self.0
    }
    /// As a number, for drawing and for showing. Sums are made of millionths.
    pub fn value(self) -> f64 {
        self.0 as f64 / MILLION as f64
    }
}

impl fmt::Display for Epsilon {
    /// `0.1`; no more digits than needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:06}", self.0 % MILLION);
        let digits = digits.trim_end_matches('0');
        let dot = if digits.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{digits}", self.0 / MILLION)
    }
}

impl FromStr for Epsilon {
    type Err = PrivacyError;
    /// Reads `0.1`: above 0, at most 10, at most six digits after the point.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = || PrivacyError::NotEpsilon { text: crate::error::cut(s) };
        let (whole, rest) = s.split_once('.').unwrap_or((s, "0"));
        let digits =
            |t: &str, most: usize| (1..=most).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole, 2) || !digits(rest, 6) {
            return Err(bad());
        }
        let whole: u64 = whole.parse().map_err(|_| bad())?;
        let rest: u64 = format!("{rest:0<6}").parse().map_err(|_| bad())?;
        let micros = whole * MILLION + rest;
        if (1..=MOST).contains(&micros) { Ok(Self(micros)) } else { Err(bad()) }
    }
}

/// What one data set has, and what of it is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Odometer {
    /// What the data set has over all partners and all time.
    pub budget: Epsilon,
    /// What was spent. It may stand above the budget where the home lowered that later.
    pub spent: Epsilon,
}

impl Odometer {
    /// What is left.
    pub fn left(self) -> Epsilon {
        Epsilon(self.budget.0.saturating_sub(self.spent.0))
    }

    /// The odometer after spending `cost`.
    ///
    /// # Errors
    /// CMT-1270 where less is left.
    pub fn spend(self, cost: Epsilon) -> Result<Self, PrivacyError> {
        if cost > self.left() {
            return Err(PrivacyError::OverBudget { asked: cost, budget: self.budget, left: self.left() });
        }
        // What is left fits beside what is spent, so the sum does too.
        Ok(Self { spent: Epsilon(self.spent.0.saturating_add(cost.0)), ..self })
    }
}
