//! Names of malware families, from the folder of test data that `COMITY_DATA` names.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

/// Names of malware families.
pub fn load() -> BTreeMap<String, Vec<String>> {
    let data = std::env::var_os("COMITY_DATA").expect("COMITY_DATA names the folder of test data");
    let path = PathBuf::from(data).join("botnet/dga/dga_public.csv.gz");
    let file = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("names, one a line");
    let mut families: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut cells = line.split(',');
        if let (Some(name), Some(family)) = (cells.next(), cells.next()) {
            families.entry(family.to_owned()).or_default().push(name.to_owned());
        }
    }
    assert!(families.len() >= 20, "{}: {} families", path.display(), families.len());
    families
}
