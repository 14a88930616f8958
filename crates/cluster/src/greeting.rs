//! How roles tell that they are of one kind: every call carries a line with versions and functions, and the scheduler
//! refuses a call whose line is not its own.
//!
//! The line is the `user-agent` of each call (RFC 9110 section 10.1.5: products with versions, a comment in parentheses):
//! `comity/0.1.0 datafusion/55.2.0 ballista/55.0.0 (bots/1; utc_day/1)`. It shows mistakes; it proves nothing.

use std::collections::BTreeSet;
use std::fmt;

/// What a program says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    products: BTreeSet<String>,
    functions: BTreeSet<String>,
}

/// How another program differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    lacks: Vec<String>,
    adds: Vec<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.lacks.as_slice(), self.adds.as_slice()) {
            ([], adds) => write!(f, "it has {} besides", adds.join(", ")),
            (lacks, []) => write!(f, "it lacks {}", lacks.join(", ")),
            (lacks, adds) => write!(f, "it lacks {} and has {} instead", lacks.join(", "), adds.join(", ")),
        }
    }
}

impl Greeting {
    /// This program's.
    pub fn ours() -> Self {
        let products = [
            format!("comity/{}", env!("CARGO_PKG_VERSION")),
            format!("datafusion/{}", datafusion::DATAFUSION_VERSION),
            format!("ballista/{}", ballista_core::BALLISTA_VERSION),
        ];
        Self { products: products.into(), functions: botnet::functions::named().into_iter().collect() }
    }

    /// The same with other functions: for the tests of a refusal.
    #[must_use]
    pub fn with_functions(mut self, functions: &[&str]) -> Self {
        self.functions = functions.iter().map(|f| (*f).to_owned()).collect();
        self
    }

    /// Reads a line; what is no product and no function is passed over, so that a stranger's line differs and is no error.
    pub fn read(line: &str) -> Self {
        let (products, rest) = line.split_once('(').unwrap_or((line, ""));
        let functions = rest.split_once(')').map_or("", |(inside, _)| inside);
        let words = |text: &str, by: char| {
            text.split(by).map(str::trim).filter(|w| w.contains('/')).map(str::to_owned).collect()
        };
        Self { products: words(products, ' '), functions: words(functions, ';') }
    }

    /// What `other` lacks and what it has besides, seen from here.
    ///
    /// # Errors
    /// The differences, where there are any.
    pub fn judge(&self, other: &Self) -> Result<(), Mismatch> {
        let all = |g: &Self| g.products.union(&g.functions).cloned().collect::<BTreeSet<_>>();
        let (ours, theirs) = (all(self), all(other));
        let lacks: Vec<String> = ours.difference(&theirs).cloned().collect();
        let adds: Vec<String> = theirs.difference(&ours).cloned().collect();
        if lacks.is_empty() && adds.is_empty() { Ok(()) } else { Err(Mismatch { lacks, adds }) }
    }
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |set: &BTreeSet<String>, by| set.iter().cloned().collect::<Vec<_>>().join(by);
        write!(f, "{} ({})", join(&self.products, " "), join(&self.functions, "; "))
    }
}
