//! A home that pseudonymises by a plain, visible rule, and the way from rows to opened tables.

use botnet::prepare::{Home, Prepared, Preparer};
use botnet::rows::{Row, Summary};
use botnet::tables::Files;
use botnet::telemetry::{Locations, Options};
use botnet::{Telemetry, read, recognise};
use object_store::{local::LocalFileSystem, path::Path as StorePath};
use std::io::{BufRead as _, Read};
use std::net::IpAddr;
use std::ops::ControlFlow;
use terms::{ExhibitId, ExhibitKind, Place, Timestamp};

pub struct OpenHome;

impl Home for OpenHome {
    fn customer(&self, ip: IpAddr) -> bool {
        matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 240)
    }
    fn address(&self, ip: IpAddr) -> String {
        format!("p:{ip}")
    }
    fn bot(&self, id: &str) -> String {
        format!("b:{id}")
    }
    /// The second octet of 240.x.y.z picks the place.
    fn locate(&self, ip: IpAddr) -> (Place, u32) {
        match ip {
            IpAddr::V4(ip) if ip.octets()[0] == 240 => {
                let places = ["DE", "BR", "FR", "US"];
                let pick = usize::from(ip.octets()[1]) % places.len();
                (places[pick].parse().unwrap(), 64_512 + u32::from(ip.octets()[1]))
            }
            _ => (Place::UNKNOWN, 0),
        }
    }
}

/// Kind, rows and summary of an exhibit, compressed or not; no summary where it ended in an error.
pub fn rows_of<R: Read + Send>(reader: R) -> (Option<ExhibitKind>, Vec<Row>, Option<Summary>) {
    let (_, mut reader) = botnet::decompress::open(reader).unwrap();
    let kind = reader.fill_buf().ok().and_then(recognise);
    let mut rows = Vec::new();
    let summary = kind.filter(|k| k.telemetry()).and_then(|kind| {
        read(kind, &mut *reader, &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        })
        .ok()
    });
    (kind, rows, summary)
}

pub fn prepare(exhibit: &[u8], rows: Vec<Row>) -> Vec<Prepared> {
    let preparer = Preparer { home: &OpenHome, exhibit: ExhibitId::of(exhibit), ingested: Timestamp(0) };
    rows.into_iter().map(|row| preparer.prepare(row)).collect()
}

/// Tables in a folder that lives as long as this.
pub struct Tables {
    _folder: tempfile::TempDir,
    pub telemetry: Telemetry,
}

pub async fn tables(rows: impl IntoIterator<Item = Prepared>) -> Tables {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    let mut files = Files::new();
    let mut done = Vec::new();
    for row in rows {
        done.extend(files.push(row).unwrap());
    }
    done.extend(files.finish().unwrap());
    let mut locations = Locations::default();
    for (i, file) in done.iter().enumerate() {
        let name = format!("{}-{i}.parquet", file.table.name());
        botnet::tables::put(&store, &StorePath::from(name.as_str()), file).await.unwrap();
        let path = folder.path().join(name).display().to_string();
        locations.of_mut(file.table).push(path);
    }
    let telemetry = Telemetry::open(&locations, &Options::local(folder.path().join("tmp"))).await.unwrap();
    Tables { _folder: folder, telemetry }
}
