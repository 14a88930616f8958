//! Roll-ups answer as a scan does, held against a plain count in memory.

use botnet::Telemetry;
use botnet::prepare::{Prepared, PreparedSighting};
use botnet::rollup::{self, Builder, Union};
use botnet::tables::{File, Files, Table};
use botnet::telemetry::{Locations, Options};
use object_store::{local::LocalFileSystem, path::Path};
use proptest::prelude::*;
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};
use terms::{ExhibitId, MICROS_PER_DAY};

/// 2026-01-29, days since 1970: three days before a month ends.
const FIRST: i64 = 20_482;
const PLACES: [&str; 3] = ["DE", "BR", "ZZ"];

/// What a sighting is made of: bot, day, channel, place.
type Seen = (u8, i64, u8, usize);

fn sighting(&(bot, day, channel, place): &Seen) -> PreparedSighting {
    let event = (FIRST + day) * MICROS_PER_DAY + i64::from(bot) * 1_000;
    let month = rollup::period(event);
    // Some bots carry the pseudonym of a source, some another text; each another one in each month, as at home.
    let bot = match bot % 3 {
        0 => format!("p:{:032x}", (u128::from(bot) << 64) + month.cast_unsigned() as u128),
        1 => format!("p:{:032X}{month}", u128::from(bot) + 0xabc),
        _ => format!("bot {bot} in {month}"),
    };
    PreparedSighting {
        event,
        observed: event,
        ingested: 0,
        bot,
        source: "p:s".into(),
        botnet: None,
        channel: format!("c{channel}.example"),
        network: 0,
        place: PLACES[place].parse().unwrap(),
        exhibit: ExhibitId::of(b"x"),
    }
}

fn file(seen: &[Seen]) -> Vec<File> {
    let mut files = Files::new();
    for s in seen {
        files.push(Prepared::Sighting(sighting(s))).unwrap();
    }
    files.finish().unwrap()
}

/// Rolls up piece by piece, each with the numbers of those before it.
fn rolled(pieces: &[Vec<Seen>]) -> Vec<File> {
    let (mut days, mut numbers) = (Vec::new(), Vec::new());
    for piece in pieces {
        for made in rollup::of_files(&file(piece), &numbers).unwrap() {
            match made.table {
                Table::SightingDays => days.push(made),
                _ => numbers.push(made),
            }
        }
    }
    days.extend(numbers);
    days
}

async fn opened(folder: &std::path::Path, files: &[File]) -> Telemetry {
    let store = LocalFileSystem::new_with_prefix(folder).unwrap();
    let mut locations = Locations::default();
    for (i, file) in files.iter().enumerate() {
        let name = format!("{i}.parquet");
        botnet::tables::put(&store, &Path::from(name.as_str()), file).await.unwrap();
        locations.of_mut(file.table).push(folder.join(name).display().to_string());
    }
    Telemetry::open(&locations, &Options::local(folder.join("tmp"))).await.unwrap()
}

fn seen() -> impl Strategy<Value = Vec<Vec<Seen>>> {
    let one = (0..40_u8, 0..7_i64, 0..3_u8, 0..3_usize);
    proptest::collection::vec(proptest::collection::vec(one, 0..60), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_range_of_days_channels_and_countries_counts_as_the_rows_do(
        pieces in seen(), from in 0..7_i64, days in 1..7_i64, channels in 1..8_u8, places in 1..8_u8,
    ) {
        let wanted = |s: &Seen| {
            (from..from + days).contains(&s.1) && (channels >> s.2) & 1 == 1 && (places >> s.3) & 1 == 1
        };
        let all: Vec<Seen> = pieces.iter().flatten().copied().collect();
        let bots: BTreeSet<String> = all.iter().filter(|s| wanted(s)).map(|s| sighting(s).bot).collect();
        let rows = all.iter().filter(|s| wanted(s)).count();

        let folder = tempfile::tempdir().unwrap();
        let mut files = rolled(&pieces);
        files.extend(pieces.iter().flat_map(|p| file(p)));
        let text = |one: &dyn Fn(usize) -> String, mask: u8| {
            let all: Vec<String> = (0..3).filter(|i| (mask >> i) & 1 == 1).map(one).collect();
            all.join(", ")
        };
        let filter = format!(
            "channel IN ({}) AND place IN ({})",
            text(&|i| format!("'c{i}.example'"), channels),
            text(&|i| format!("'{}'", PLACES[i]), places),
        );
        let (first, last) = (FIRST + from, FIRST + from + days - 1);
        let rolled = format!(
            "SELECT bots(period, bots), coalesce(sum(sightings), 0) FROM sighting_days
             WHERE day BETWEEN {first} AND {last} AND {filter}"
        );
        let scanned = format!(
            "SELECT count(DISTINCT bot), count(*) FROM sightings
             WHERE utc_day(event) BETWEEN {first} AND {last} AND {filter}"
        );
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (rolled, scanned) = runtime.block_on(async {
            let tables = opened(folder.path(), &files).await;
            (tables.ask(&rolled, 2).await.unwrap(), tables.ask(&scanned, 2).await.unwrap())
        });
        prop_assert_eq!(&rolled, &[format!("{} | {rows}", bots.len())]);
        prop_assert_eq!(rolled, scanned);
    }
}

#[test]
fn the_period_of_a_time_is_its_month() {
    let rows = [
        ("1970-01-01", 0, 197_001),
        ("1969-12-31", -1, 196_912),
        ("2000-02-29", 11_016, 200_002),
        ("2026-01-31", 20_484, 202_601),
        ("2026-02-01", 20_485, 202_602),
        ("0001-01-01", -719_162, 101),
    ];
    for (day, days, month) in rows {
        assert_eq!(rollup::period(days * MICROS_PER_DAY), month, "{day}");
        assert_eq!(rollup::period(days * MICROS_PER_DAY + MICROS_PER_DAY - 1), month, "{day}, last instant");
    }
    // Any number is some month.
    rollup::period(i64::MIN);
    rollup::period(i64::MAX);
}

#[test]
fn a_roll_up_says_what_it_covers_and_numbers_stay() {
    let first = file(&[(1, 0, 0, 0), (2, 0, 0, 0)]);
    let mut builder = Builder::default();
    builder.sightings_file("sightings/ab/one.parquet", first[0].bytes.clone()).unwrap();
    let made = builder.finish().unwrap();
    assert_eq!(rollup::covered(made[0].bytes.clone()).unwrap(), ["sightings/ab/one.parquet"]);
    assert_eq!((made[1].table, made[1].rows), (Table::BotNumbers, 2));
    // The same bots again: nobody is new, and the union of both is two.
    let again = rollup::of_files(&file(&[(2, 1, 0, 0), (1, 1, 0, 0)]), &made[1..]).unwrap();
    assert_eq!(again.len(), 1);
    // What is asked for one month leaves the others out.
    let mut february = Builder::of(202_602);
    february.sightings_file("x", file(&[(1, 0, 0, 0), (1, 4, 0, 0)])[0].bytes.clone()).unwrap();
    assert_eq!(february.finish().unwrap()[0].rows, 1);
}

#[test]
fn what_is_no_roll_up_is_refused() {
    let good = rolled(&[vec![(1, 0, 0, 0)]]);
    let mut builder = Builder::default();
    for bytes in [b"".to_vec(), b"PAR1".to_vec(), good[0].bytes[..40].to_vec()] {
        assert!(rollup::covered(bytes.clone()).is_err());
        assert!(builder.known_file(bytes.clone()).is_err());
        assert!(builder.sightings_file("x", bytes).is_err());
    }
    // Another table.
    assert!(builder.known_file(good[0].bytes.clone()).is_err());
    assert!(builder.sightings_file("x", good[1].bytes.clone()).is_err());
    // Two numbers for one bot.
    let mut gatherer = rollup::Gatherer::default();
    assert!(gatherer.known(202_601, 7, "p:a").is_some());
    assert!(gatherer.known(202_601, 8, "p:a").is_none());
    assert!(Union::default().add_bytes(202_601, b"no bitmap").is_err());
}

/// A few numbers in few containers, or a run, or enough of one container that it has a bit for each.
fn numbers() -> impl Strategy<Value = RoaringBitmap> {
    let some = proptest::collection::vec((0..4_u32, 0..=u32::from(u16::MAX)), 0..1_500)
        .prop_map(|v| v.into_iter().map(|(high, low)| (high << 16) + low).collect());
    let run = (0..200_000_u32, 0..90_000_u32).prop_map(|(from, more)| (from..from + more).collect());
    let dense = (0..3_u32, 1..9_u32)
        .prop_map(|(high, step)| (0..60_000 / step).map(|i| (high << 16) + i * step).collect());
    let edge =
        proptest::sample::select(vec![0, u32::MAX, 0xffff, 0x1_0000]).prop_map(|n| [n].into_iter().collect());
    (prop_oneof![4 => some, 1 => run, 1 => dense, 1 => edge], any::<bool>()).prop_map(
        |(mut bitmap, runs): (RoaringBitmap, _)| {
            if runs {
                bitmap.optimize();
            }
            bitmap
        },
    )
}

fn bytes(bitmap: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::new();
    bitmap.serialize_into(&mut bytes).unwrap();
    bytes
}

proptest! {
    /// The library's own unions say what ours must.
    #[test]
    fn unions_of_bitmaps_are_those_of_the_library(
        all in proptest::collection::vec((0..2_i32, numbers(), any::<bool>()), 0..8),
    ) {
        let mut plain: [[RoaringBitmap; 2]; 2] = Default::default();
        let mut ours = [Union::default(), Union::default()];
        for (period, bitmap, right) in &all {
            ours[usize::from(*right)].add_bytes(*period, &bytes(bitmap)).unwrap();
            plain[usize::from(*right)][*period as usize] |= bitmap;
        }
        for (ours, plain) in ours.iter().zip(&plain) {
            prop_assert_eq!(ours.bots(), plain[0].len() + plain[1].len());
        }
        let [left, right] = &plain;
        let common = left[0].intersection_len(&right[0]) + left[1].intersection_len(&right[1]);
        prop_assert_eq!(ours[0].common(&ours[1]), common);
        let [mut left, mut right] = ours;
        left.add_union(&right.take_bytes().unwrap()).unwrap();
        prop_assert_eq!(left.bots(), (&plain[0][0] | &plain[1][0]).len() + (&plain[0][1] | &plain[1][1]).len());
        prop_assert_eq!(right.bots(), 0);
    }

    #[test]
    fn damaged_bytes_are_refused_as_the_library_refuses_them(
        bitmap in numbers(), at in any::<proptest::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(), head in any::<bool>(),
    ) {
        let mut damaged = bytes(&bitmap);
        let at = at.index(if head { damaged.len().min(40) } else { damaged.len() });
        if cut { damaged.truncate(at) } else { damaged[at] = byte }
        let mut ours = Union::default();
        match RoaringBitmap::deserialize_from(damaged.as_slice()) {
            Ok(read) => {
                ours.add_bytes(1, &damaged).unwrap();
                prop_assert_eq!(ours.bots(), read.iter().count() as u64);
            }
            Err(_) => prop_assert!(ours.add_bytes(1, &damaged).is_err()),
        }
    }
}

#[test]
fn unions_count_periods_apart() {
    let mut union = Union::default();
    let mut by_hand: BTreeMap<i32, BTreeSet<u32>> = BTreeMap::new();
    for (period, numbers) in [(202_601, [1, 2, 3]), (202_602, [3, 4, 5]), (202_601, [3, 4, 70_000])] {
        union.add(period, &numbers.into_iter().collect());
        by_hand.entry(period).or_default().extend(numbers);
    }
    assert_eq!(union.bots(), by_hand.values().map(|s| s.len() as u64).sum::<u64>());
}
