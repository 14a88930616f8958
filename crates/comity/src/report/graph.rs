//! The entity graph: columns from left to right, as the evidence leads.

use super::charts::{BLUE, INK, ORANGE, svg};
use super::{Node, Report};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::collections::BTreeMap;

/// Nodes drawn per column; the rest is counted.
const PER_COLUMN: usize = 16;
const WIDTH: i32 = 1500;
const ROW: i32 = 34;
/// Characters of a label: as many as fit between two of ten columns.
const LABEL: usize = 17;

fn colour(kind: &str) -> RGBColor {
    match kind {
        "sample" => RGBColor(112, 76, 145),
        "domain" | "address" | "generated" => ORANGE,
        "account" | "institution" => RGBColor(20, 122, 90),
        _ => BLUE,
    }
}

fn short(label: &str) -> String {
    if label.chars().count() <= LABEL {
        return label.to_owned();
    }
    let head: String = label.chars().take(LABEL - 1).collect();
    format!("{head}…")
}

/// Where what is drawn.
struct Positions {
    /// Node to its centre.
    at: BTreeMap<usize, (i32, i32)>,
    /// Column to the nodes it leaves out.
    left_out: BTreeMap<usize, usize>,
    height: i32,
}

/// Positions of the nodes that are drawn: heaviest of each layer first.
fn positions(nodes: &[Node]) -> Positions {
    let mut layers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, node) in nodes.iter().enumerate() {
        layers.entry(node.layer).or_default().push(i);
    }
    let columns = layers.len().max(1) as i32;
    let tallest = layers.values().map(|l| l.len().min(PER_COLUMN)).max().unwrap_or(1) as i32;
    let height = 60 + tallest * ROW + 30;
    let mut at = BTreeMap::new();
    let mut left_out = BTreeMap::new();
    for (column, members) in layers.values_mut().enumerate() {
        members.sort_by_key(|&i| nodes.get(i).map(|n| (std::cmp::Reverse(n.weight), n.label.clone())));
        left_out.insert(column, members.len().saturating_sub(PER_COLUMN));
        let x = 30 + column as i32 * (WIDTH - 60) / columns;
        let rows = members.len().min(PER_COLUMN) as i32;
        let top = 50 + (tallest - rows) * ROW / 2;
        for (row, &i) in members.iter().take(PER_COLUMN).enumerate() {
            at.insert(i, (x, top + row as i32 * ROW));
        }
    }
    Positions { at, left_out, height }
}

pub(super) fn draw(report: &Report) -> String {
    let Positions { at, left_out, height } = positions(&report.nodes);
    let columns = left_out.len().max(1) as i32;
    svg((WIDTH as u32, height as u32), |area| {
        area.fill(&WHITE)?;
        for (from, to) in &report.edges {
            if let (Some(&a), Some(&b)) = (at.get(from), at.get(to)) {
                area.draw(&PathElement::new([a, b], RGBColor(176, 188, 202).stroke_width(1)))?;
            }
        }
        for (&i, &(x, y)) in &at {
            let Some(node) = report.nodes.get(i) else { continue };
            let radius = 5 + (node.weight.max(1).ilog2() as i32 / 2).min(7);
            area.draw(&Circle::new((x, y), radius, colour(&node.kind).filled()))?;
            let style = ("sans-serif", 13).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(short(&node.label), (x + radius + 5, y), style))?;
        }
        let mut heads: BTreeMap<usize, &str> = BTreeMap::new();
        report.nodes.iter().for_each(|n| {
            heads.entry(n.layer).or_insert(&n.kind);
        });
        for (column, (kind, more)) in heads.values().zip(left_out.values()).enumerate() {
            let x = 22 + column as i32 * (WIDTH - 60) / columns;
            let text = if *more > 0 { format!("{kind} (and {more} more)") } else { (*kind).to_owned() };
            area.draw(&Text::new(text, (x, 14), ("sans-serif", 15).into_font().color(&INK)))?;
        }
        Ok(())
    })
}
