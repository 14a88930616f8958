//! `analyze --near`: the exhibits nearest to a sample.

use super::errors::Fault;
use super::out::{Out, Table, count, cut, short};
use crate::node::Node;
use crate::node::similar::{Near, SAYS_NOTHING, Sought};
use std::ffi::OsStr;

/// Exhibits where nobody says how many.
const TOP: usize = 10;
/// Characters of a name in a table.
const NAME: usize = 40;

/// Ranks the exhibits that are nearest to a sample.
pub async fn near(node: &Node, what: &OsStr, top: Option<usize>, out: &mut Out) -> Result<(), Fault> {
    let sought = Sought::read(what).map_err(crate::node::error::NodeError::from)?;
    let found = node.near(&sought, top.unwrap_or(TOP)).await?;
    found.iter().for_each(|one| out.object(one));
    if top == Some(0) {
        return Ok(());
    }
    if found.is_empty() {
        out.line("No other exhibit of this home has a digest that could be compared.");
        return Ok(());
    }
    let by_score = found.iter().any(|one| one.score.is_some());
    let how = if by_score { "score" } else { "distance" };
    let (near, far): (Vec<&Near>, Vec<&Near>) = found.iter().partition(|one| one.near);
    let mut table = Table::new(&["rank", how, "exhibit", "family", "name"]);
    for one in &near {
        table.row(cells(one));
    }
    out.table(&table);
    if let Some(distance) = far.first().and_then(|one| one.distance) {
        let nearest = if near.is_empty() { "No exhibit is near: the nearest" } else { "The next one" };
        out.line(format!(
            "{nearest} has the distance {distance}; beyond {SAYS_NOTHING} TLSH says nothing ({} not listed, --json has them)",
            count(far.len() as u64)
        ));
    }
    out.talk(if by_score {
        "ssdeep scores: 100 is the same digest, 0 shares nothing".into()
    } else {
        format!(
            "TLSH distances: up to 30 builds of one program, up to 70 mostly one family, up to {SAYS_NOTHING} a hint: one in twenty unrelated programs is within 100, one in six within 150"
        )
    });
    Ok(())
}

fn cells(one: &Near) -> [String; 5] {
    let far = one.distance.or(one.score).unwrap_or_default();
    let families: Vec<&str> = one.families.iter().map(String::as_str).collect();
    // The shortest name is the one that people know it by.
    let name = one.names.iter().min_by_key(|n| n.len()).map_or_else(String::new, |n| cut(n, NAME));
    [one.rank.to_string(), far.to_string(), short(one.exhibit), families.join(", "), name]
}
