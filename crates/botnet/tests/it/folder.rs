//! Captures of others: every file of the folder that `COMITY_CAPTURES` names is read to its end; skipped with a message where
//! it is unset. With `SHOW=1` each handshake and request is printed, to be held against another program's output.

use crate::data::rows_of;
use botnet::rows::Row;
use std::collections::BTreeMap;

#[test]
fn captures_of_others_are_read_to_their_end() {
    let Some(folder) = std::env::var_os("COMITY_CAPTURES") else {
        println!("skipped: COMITY_CAPTURES names no folder of captures");
        return;
    };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let show = std::env::var_os("SHOW").is_some();
    let mut read = 0;
    for path in files.iter().filter(|p| p.is_file()) {
        let name = path.file_name().unwrap().to_string_lossy();
        let (kind, rows, summary) = rows_of(std::fs::File::open(path).unwrap());
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for row in &rows {
            let table = match row {
                Row::Flow(_) => "flows",
                Row::Dns(_) => "dns",
                Row::Hit(_) | Row::Seen(_) => "sightings",
                Row::Http(_) => "http",
                Row::Tls(_) => "tls",
            };
            *counts.entry(table).or_default() += 1;
            if show && matches!(row, Row::Http(_) | Row::Tls(_)) {
                println!("{name}\t{}", serde_json::to_string(row).unwrap());
            }
        }
        let skipped: Vec<_> = summary.iter().flat_map(|s| &s.skipped).map(|s| (&s.code, s.records)).collect();
        println!("{name}\t{kind:?} {counts:?} left out {skipped:?}");
        read += u64::from(summary.is_some());
    }
    assert!(read > 0, "no capture could be read");
}
