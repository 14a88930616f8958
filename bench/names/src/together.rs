//! Names judged together, as one host asks for them: how many of a family's groups are told from groups of popular names.

use super::lexical::{LINES, Together, odds};
use super::random::Random;
use std::collections::BTreeMap;

/// Groups drawn from one family, and of popular names for a line.
const DRAWN: usize = 1_000;
const DRAWN_FOR_A_LINE: usize = 400_000;
/// Sizes of groups, and how many of the names are popular ones that the host asked for beside them.
pub const COLUMNS: [(usize, usize); 4] = [(5, 0), (10, 0), (10, 3), (20, 6)];

/// Log odds of names; those that nothing can be said of are left out, as the judge leaves them out.
pub fn all<'a>(names: impl IntoIterator<Item = &'a String>) -> Vec<f32> {
    names.into_iter().filter_map(|name| odds(name)).collect()
}

fn group(odds: impl IntoIterator<Item = f32>) -> Together {
    let mut all = Together::default();
    odds.into_iter().for_each(|one| all.take(one));
    all
}

/// `many` different ones; all where there are no more.
fn drawn(r: &mut Random, from: &[f32], many: usize) -> Vec<f32> {
    let mut places: BTreeMap<usize, ()> = BTreeMap::new();
    while places.len() < many.min(from.len()) {
        places.insert(r.within(0, from.len() - 1), ());
    }
    places.into_keys().map(|place| from[place]).collect()
}

/// The share of a family's groups that look generated; of a family of too few names for a group, what is found of them
/// one by one.
pub fn found(family: &[f32], popular: &[f32], (size, foreign): (usize, usize), alone: f64) -> f64 {
    if family.len() < LINES[0].0 {
        return alone;
    }
    let mut r = Random(size as u64);
    let told = (0..DRAWN).filter(|_| {
        let own = drawn(&mut r, family, size - foreign);
        let beside = drawn(&mut r, popular, foreign);
        group(own.into_iter().chain(beside)).generated()
    });
    told.count() as f64 / DRAWN as f64
}

/// The share of groups of popular names that look generated: each name in one group, in an order by lot.
pub fn wrong(popular: &[f32], size: usize) -> (f64, usize) {
    let mut order: Vec<f32> = popular.to_vec();
    let mut r = Random(3);
    for i in (1..order.len()).rev() {
        order.swap(i, r.within(0, i));
    }
    let groups = order.chunks_exact(size);
    let all = groups.len();
    (groups.filter(|g| group(g.iter().copied()).generated()).count() as f64 / all.max(1) as f64, all)
}

/// The line of groups of this size: what one in a thousand lies above, drawn from the names that chose the threshold.
pub fn line(popular: &[f32], size: usize) -> f32 {
    let mut r = Random(5);
    let mut means: Vec<f32> =
        (0..DRAWN_FOR_A_LINE).filter_map(|_| group((0..size).map(|_| *r.pick(popular))).mean()).collect();
    means.sort_by(f32::total_cmp);
    means[means.len() - 1 - means.len() / 1_000]
}
