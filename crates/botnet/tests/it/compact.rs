//! Small files put together hold the same rows, in the order of the table, without those of exhibits that go.

use botnet::prepare::{Prepared, PreparedDns, PreparedSighting};
use botnet::rollup;
use botnet::tables::{Compactor, File, Files, Table, TableError};
use datafusion::arrow::array::AsArray as _;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use miette::Diagnostic as _;
use proptest::prelude::*;
use std::collections::BTreeSet;
use terms::{ExhibitId, MICROS_PER_DAY};

fn exhibit(n: u8) -> ExhibitId {
    ExhibitId::of(&[n])
}

/// Which bot, at which hour, of which exhibit.
fn sighting(&(bot, hour, of): &(u8, i64, u8)) -> PreparedSighting {
    let event = 20_482 * MICROS_PER_DAY + hour * 3_600_000_000;
    PreparedSighting {
        event,
        observed: event,
        ingested: 0,
        bot: format!("p:{bot:032x}"),
        source: "p:s".into(),
        botnet: None,
        channel: "c.example".into(),
        network: 0,
        place: "DE".parse().unwrap(),
        exhibit: exhibit(of),
    }
}

fn file(seen: &[(u8, i64, u8)]) -> File {
    let mut files = Files::new();
    for one in seen {
        files.push(Prepared::Sighting(sighting(one))).unwrap();
    }
    files.finish().unwrap().remove(0)
}

fn joined(files: &[File], without: &BTreeSet<ExhibitId>) -> Result<Option<File>, TableError> {
    let mut compactor = Compactor::new(Table::Sightings);
    for file in files {
        compactor.take(file.bytes.clone(), without)?;
    }
    compactor.finish()
}

fn code(error: &TableError) -> String {
    error.code().unwrap().to_string()
}

proptest! {
    #[test]
    fn the_same_rows_without_those_that_go(
        pieces in prop::collection::vec(prop::collection::vec((0_u8..6, 0_i64..48, 0_u8..4), 1..20), 1..6),
        gone in prop::collection::btree_set(0_u8..4, 0..4),
    ) {
        let files: Vec<File> = pieces.iter().map(|p| file(p)).collect();
        let without = gone.iter().map(|n| exhibit(*n)).collect();
        let mut stays: Vec<(u8, i64, u8)> = pieces.concat().into_iter().filter(|s| !gone.contains(&s.2)).collect();
        stays.sort_by_key(|s| s.1);
        match joined(&files, &without).unwrap() {
            None => prop_assert!(stays.is_empty()),
            Some(made) => {
                let event = |s: &(u8, i64, u8)| sighting(s).event;
                let (first, last) = (stays.first().map(event), stays.last().map(event));
                prop_assert_eq!((made.rows, Some(made.first), Some(made.last)), (stays.len() as u64, first, last));
                let rolled = |files: &[File]| rollup::of_files(files, &[]).unwrap().remove(0);
                let (ours, plain) = (rolled(&[made]), rolled(&[file(&stays)]));
                prop_assert_eq!((ours.rows, ours.first, ours.last), (plain.rows, plain.first, plain.last));
            }
        }
    }
}

#[test]
fn what_is_no_file_of_rows_is_refused() {
    let none = BTreeSet::new();
    let mut compactor = Compactor::new(Table::Sightings);
    assert_eq!(code(&compactor.take(b"PAR1 and no more".to_vec(), &none).unwrap_err()), "CMT-0631");
    let days = rollup::of_files(&[file(&[(1, 1, 1)])], &[]).unwrap().remove(0);
    assert_eq!(
        code(&compactor.take(days.bytes, &none).unwrap_err()),
        "CMT-0630",
        "a bitmap names no exhibit"
    );
    assert_eq!(compactor.finish().unwrap(), None);

    // A row of another table beside one of this.
    let question = PreparedDns {
        ts: 0,
        client: None,
        client_personal: false,
        server: None,
        query: "c.example".into(),
        qtype: None,
        rcode: None,
        answers: String::new(),
        exhibit: exhibit(1),
    };
    let mut files = Files::new();
    files.push(Prepared::Dns(question)).unwrap();
    let dns = files.finish().unwrap().remove(0);
    let mixed = joined(&[file(&[(1, 1, 1)]), dns], &none).unwrap_err();
    assert_eq!(code(&mixed), "CMT-0630");
}

/// Day, place and time of each row, as they lie in the file.
fn order(file: &File) -> Vec<(i64, String, i64)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.parquet");
    std::fs::write(&path, &file.bytes).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
    let mut all = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let events = batch.column_by_name("event").unwrap().as_primitive::<Int64Type>();
        let places = batch.column_by_name("place").unwrap().as_string::<i32>();
        let row = |(event, place): (Option<i64>, Option<&str>)| {
            let event = event.unwrap();
            (event.div_euclid(MICROS_PER_DAY), place.unwrap().to_owned(), event)
        };
        all.extend(events.iter().zip(places).map(row));
    }
    all
}

/// Place after place within a day: a question about one of them passes over the others.
#[test]
fn sightings_lie_by_day_then_place_then_time() {
    let at =
        |hour, place: &str| PreparedSighting { place: place.parse().unwrap(), ..sighting(&(1, hour, 1)) };
    let made = |rows: &[(i64, &str)]| {
        let mut files = Files::new();
        rows.iter().for_each(|(hour, place)| {
            assert!(files.push(Prepared::Sighting(at(*hour, place))).unwrap().is_none());
        });
        files.finish().unwrap().remove(0)
    };
    let rows = [(3, "FR"), (30, "AT"), (2, "DE"), (1, "FR"), (26, "FR"), (5, "DE"), (29, "AT")];
    let lies = [(2, "DE"), (5, "DE"), (1, "FR"), (3, "FR"), (29, "AT"), (30, "AT"), (26, "FR")];
    let event = |hour| sighting(&(1, hour, 1)).event;
    let lies: Vec<(i64, String, i64)> = (lies.iter())
        .map(|(hour, place)| (event(*hour).div_euclid(MICROS_PER_DAY), (*place).to_owned(), event(*hour)))
        .collect();
    let whole = made(&rows);
    let joined = joined(&[made(&rows[..4]), made(&rows[4..])], &BTreeSet::new()).unwrap().unwrap();
    for file in [whole, joined] {
        assert_eq!(order(&file), lies);
        assert_eq!((file.first, file.last), (event(1), event(30)), "the span is that of time");
    }
}
