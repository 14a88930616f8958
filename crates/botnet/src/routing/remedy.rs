//! Whether telling helped: the share of infected machines that are gone, in networks that were told and in those that were
//! told later.
//!
//! Machines of one network share a provider and its action, so networks are what is drawn at random and what is counted:
//! the share of a group is the ratio of its sums, its variance that of a ratio over clusters (Cochran, Sampling
//! Techniques, 3rd edition, section 9A and 11.8: linearised, with k/(k-1)), and the difference has Welch's degrees of freedom.
//! Bounds: none needed beyond the networks given.

use serde::Serialize;

/// One network: machines that were infected before, and those of them that are gone after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Infected before the notice.
    pub before: u64,
    /// Of those, not seen any more in the window after.
    pub gone: u64,
}

/// Why nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum Untold {
    /// A group has too few networks: chance between networks cannot be told from effect.
    #[error(
        "{told} networks were told and {later} wait; at least {FEWEST} of each with infected machines are needed"
    )]
    #[diagnostic(
        code("CMT-1480"),
        help("hold out a larger share with --later, or measure over more networks")
    )]
    FewNetworks {
        /// Networks that were told.
        told: usize,
        /// Networks of the control group.
        later: usize,
    },
    /// One network holds most of a group: it alone would decide.
    #[error("one network holds {percent} % of the machines of the {group}")]
    #[diagnostic(code("CMT-1481"), help("measure without that network, and say so"))]
    OneNetwork {
        /// Its share.
        percent: u64,
        /// Which group.
        group: &'static str,
    },
    /// The numbers cannot be.
    #[error("a network has {gone} machines gone of {before}")]
    #[diagnostic(code("CMT-1482"), help("count those that were there before and are not seen after"))]
    Impossible {
        /// Gone.
        gone: u64,
        /// Before.
        before: u64,
    },
}

/// Fewest networks of a group.
pub const FEWEST: usize = 8;
/// The largest share of a group's machines that one network may hold, in percent.
const MOST: u64 = 60;

/// A share of machines that are gone, with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// The share, 0 to 1.
    pub share: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Networks.
    pub networks: usize,
    /// Machines before.
    pub machines: u64,
}

/// What telling did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Remedy {
    /// Those that were told.
    pub told: Share,
    /// Those that were told later: what goes away by itself.
    pub later: Share,
    /// The difference, with its 95 % interval: the effect. Where the interval holds 0, none is shown.
    pub effect: (f64, f64, f64),
}

struct Group {
    share: f64,
    variance: f64,
    networks: usize,
    machines: u64,
}

/// The effect of telling.
///
/// # Errors
/// [`Untold`], exit 7: where the data cannot tell, nothing is said.
pub fn remedy(told: &[Network], later: &[Network]) -> Result<Remedy, Untold> {
    if let Some(bad) = told.iter().chain(later).find(|n| n.gone > n.before) {
        return Err(Untold::Impossible { gone: bad.gone, before: bad.before });
    }
    let seen = |of: &[Network]| of.iter().copied().filter(|n| n.before > 0).collect::<Vec<_>>();
    let (told, later) = (seen(told), seen(later));
    if told.len() < FEWEST || later.len() < FEWEST {
        return Err(Untold::FewNetworks { told: told.len(), later: later.len() });
    }
    for (of, group) in [(&told, "told"), (&later, "control group")] {
        let (all, most) = (of.iter().map(|n| n.before).sum::<u64>(), of.iter().map(|n| n.before).max());
        let percent = most.unwrap_or(0).saturating_mul(100) / all.max(1);
        if percent > MOST {
            return Err(Untold::OneNetwork { percent, group });
        }
    }
    let (a, b) = (group(&told), group(&later));
    let difference = a.share - b.share;
    let (va, vb) = (a.variance, b.variance);
    let (ka, kb) = (a.networks as f64 - 1.0, b.networks as f64 - 1.0);
    let freedom = if va + vb > 0.0 { (va + vb).powi(2) / (va * va / ka + vb * vb / kb) } else { ka.min(kb) };
    let reach = quantile(freedom) * (va + vb).sqrt();
    Ok(Remedy {
        told: a.told(),
        later: b.told(),
        effect: (difference, (difference - reach).max(-1.0), (difference + reach).min(1.0)),
    })
}

fn group(of: &[Network]) -> Group {
    let machines: u64 = of.iter().map(|n| n.before).sum();
    let gone: u64 = of.iter().map(|n| n.gone).sum();
    let share = gone as f64 / machines as f64;
    let k = of.len() as f64;
    let off = |n: &Network| (n.gone as f64 - share * n.before as f64).powi(2);
    let variance = k / (k - 1.0) * of.iter().map(off).sum::<f64>() / (machines as f64).powi(2);
    Group { share, variance, networks: of.len(), machines }
}

impl Group {
    fn told(&self) -> Share {
        let reach = quantile(self.networks as f64 - 1.0) * self.variance.sqrt();
        Share {
            share: self.share,
            low: (self.share - reach).max(0.0),
            high: (self.share + reach).min(1.0),
            networks: self.networks,
            machines: self.machines,
        }
    }
}

/// The 97.5 % quantile of Student's t, by the expansion of Cornish and Fisher (Abramowitz and Stegun, 26.7.5): within
/// 0.002 from 6 degrees of freedom on.
fn quantile(freedom: f64) -> f64 {
    let (x, n) = (1.959_963_985_f64, freedom.max(1.0));
    let (x3, x5, x7, x9) = (x.powi(3), x.powi(5), x.powi(7), x.powi(9));
    x + (x3 + x) / (4.0 * n)
        + (5.0 * x5 + 16.0 * x3 + 3.0 * x) / (96.0 * n.powi(2))
        + (3.0 * x7 + 19.0 * x5 + 17.0 * x3 - 15.0 * x) / (384.0 * n.powi(3))
        + (79.0 * x9 + 776.0 * x7 + 1482.0 * x5 - 1920.0 * x3 - 945.0 * x) / (92_160.0 * n.powi(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (freedom, expected) in [(6.0, 2.447), (7.0, 2.365), (10.0, 2.228), (30.0, 2.042), (120.0, 1.980)]
        {
            assert!((quantile(freedom) - expected).abs() < 0.002, "{freedom}: {}", quantile(freedom));
        }
    }
}
