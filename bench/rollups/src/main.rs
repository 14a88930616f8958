//! Bots per channel, day and country: gathered from rows, and counted from roll-ups; bots of a day that come back the next.
//!
//! `cargo run --release -p comity-bench-rollups -- [MILLIONS]`: one thread, processor seconds of the whole process, rows in
//! memory on both sides. `rollups/peers.py` asks the same of Polars and DuckDB on the same rows (the same generator, the same
//! counts printed). `--small` takes a million.

#[path = "../../figure.rs"]
#[allow(dead_code, reason = "not every program has every kind of line")]
mod figure;
#[path = "../../../crates/botnet/src/rollup/gather.rs"]
#[allow(dead_code, reason = "the store has more uses for it")]
mod gather;
#[path = "../../../crates/botnet/src/rollup/portable.rs"]
mod portable;
#[path = "../../../crates/botnet/src/rollup/union.rs"]
#[allow(dead_code, reason = "the store has more uses for it")]
mod union;

use gather::{Gathered, Gatherer, Row};
use std::collections::BTreeMap;
use union::Union;

const DAYS: u64 = 28;
const FIRST: i64 = 20_485;
const PERIOD: i32 = 202_602;
const CHANNELS: u64 = 50;
const PLACES: u64 = 60;

/// SplitMix64.
fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A row: bot, day, channel, place, all by number. Days in order, as files of sightings lie; a bot keeps to a place and
/// two channels; an eighth as many bots as rows.
fn made(i: u64, rows: u64) -> (u64, u64, u64, u64) {
    let day = i * DAYS / rows;
    let bot = mixed(i ^ 0x5eed) % (rows / 8).max(1);
    let about = mixed(bot ^ 0xb07);
    let channel = (about + (mixed(i) & 1)) % CHANNELS;
    // Few places have most of the bots.
    let place = ((about >> 32) % PLACES) * ((about >> 48) % PLACES) / PLACES;
    (bot, day, channel, place)
}

const SCAN: &str = "bots per channel, day and country, by scan";
const RECAPTURE: &str = "recapture on the next day";

fn pseudonym(bot: u64) -> String {
    format!("p:{:016x}{:016x}", mixed(bot ^ 1), mixed(bot ^ 2))
}

fn cpu() -> f64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 / 1e9
}

fn per_second(what: &str, rows: u64, seconds: f64, asked: f64) {
    figure::ours(what, rows as f64 / seconds, "rows/CPU-s", asked);
    println!("{what}: {seconds:.3} CPU-s, {:.1} M rows per CPU-s", rows as f64 / seconds / 1e6);
}

fn main() {
    let millions: u64 =
        std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(if figure::small() { 1 } else { 10 });
    let rows = millions * 1_000_000;
    let channels: Vec<String> = (0..=CHANNELS).map(|n| format!("c{n}.example")).collect();
    let places: Vec<String> = (0..PLACES)
        .map(|n| format!("{}{}", (b'A' + (n / 8) as u8) as char, (b'A' + (n % 8) as u8) as char))
        .collect();
    // Text in one piece, as a column has it.
    let (mut text, mut table) = (String::new(), Vec::with_capacity(rows as usize));
    for i in 0..rows {
        let (bot, day, channel, place) = made(i, rows);
        text.push_str(&pseudonym(bot));
        table.push((day, channel as usize, place as usize));
    }

    let before = cpu();
    let mut gatherer = Gatherer::default();
    for (i, (day, channel, place)) in table.iter().enumerate() {
        let row = Row {
            period: PERIOD,
            day: FIRST + *day as i64,
            bot: &text[i * 34..(i + 1) * 34],
            channel: &channels[*channel],
            place: &places[*place],
        };
        gatherer.push(&row).expect("numbers are left");
    }
    let (days, named) = gatherer.finish().expect("numbers are left");
    per_second(SCAN, rows, cpu() - before, 7.4e6);
    let pairs: u64 = days.iter().map(|d| d.bots.len()).sum();
    let bytes: Vec<(i64, Vec<u8>)> = days
        .iter()
        .map(|d| {
            let mut bytes = Vec::new();
            d.bots.serialize_into(&mut bytes).expect("memory takes bytes");
            (d.day, bytes)
        })
        .collect();
    let held: usize = bytes.iter().map(|(_, b)| b.len()).sum();
    println!(
        "{} groups, {pairs} (bot, channel, day, country), {} bots, {:.1} MB of bitmaps, checksum {}",
        days.len(),
        named.len(),
        held as f64 / 1e6,
        checksum(&days)
    );

    // Counting per channel, day and country: each bitmap says its own number once it is read.
    let before = cpu();
    let counted: u64 = bytes
        .iter()
        .map(|(_, b)| {
            let mut one = Union::default();
            one.add_bytes(PERIOD, b).expect("a bitmap");
            one.bots()
        })
        .sum();
    assert_eq!(counted, pairs);
    per_second("bots per channel, day and country, from roll-ups", rows, cpu() - before, 100e6);

    let before = cpu();
    let mut all = Union::default();
    for (_, b) in &bytes {
        all.add_bytes(PERIOD, b).expect("a bitmap");
    }
    assert_eq!(all.bots(), named.len() as u64);
    per_second("different bots of the month, from roll-ups", rows, cpu() - before, 0.0);

    // Recapture: bots of a day that were seen on the next one.
    let before = cpu();
    let mut by_day: BTreeMap<i64, Union> = BTreeMap::new();
    for (day, b) in &bytes {
        by_day.entry(*day).or_default().add_bytes(PERIOD, b).expect("a bitmap");
    }
    let again: u64 =
        by_day.iter().map(|(day, bots)| by_day.get(&(day + 1)).map_or(0, |next| bots.common(next))).sum();
    let joined: u64 = by_day.values().map(Union::bots).sum();
    per_second(RECAPTURE, rows, cpu() - before, 20e6);
    println!("{joined} (bot, day), {again} seen again the next day");

    let script = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/peers.py"));
    let peers = [(SCAN, "Polars"), (RECAPTURE, "Polars"), (SCAN, "DuckDB"), (RECAPTURE, "DuckDB")];
    figure::python(script, &[millions.to_string().as_ref()], &peers);
}

/// The same sum as the peers print: of each group's bots times its place in the order.
fn checksum(days: &[Gathered]) -> u64 {
    days.iter().zip(1_u64..).map(|(d, i)| d.bots.len() * (i % 1_000)).sum()
}
