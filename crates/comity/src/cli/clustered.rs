//! `analyze --cluster DIGESTS.csv`: the digests of a list in clusters. It needs no home.
//!
//! Here: reading the list, its order, writing the answer. Elsewhere: the clusters themselves (`malware::Clusters`).
//! Columns are told by the header's names; a label is never looked at. Rows are clustered in the order of their dates, or
//! as they stand where there is no date: the order says which sample speaks for a group and which one names a cluster,
//! so that another order can give slightly other clusters.
//! Bounds: [`MOST_ROWS`] rows, [`MOST_RECORD`] bytes a row, [`MOST_CELL`] bytes of an id or a date.

use super::errors::Fault;
use super::out::{self, Out, count, counted};
use super::{Done, Outcome};
use crate::node::error::{Ending, NodeError};
use csv::{ByteRecord, Reader, ReaderBuilder, Trim};
use malware::{Clusters, TlshText};
use miette::Diagnostic;
use serde::Serialize;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::rc::Rc;

/// Rows of a list at most.
const MOST_ROWS: usize = 20_000_000;
/// Bytes that are read for one row at most, beside what the reader takes ahead.
const MOST_RECORD: usize = 1 << 20;
/// Bytes of an id or a date.
const MOST_CELL: usize = 256;

/// Header's names, in lower case, that say what a column holds; the first of a row that is there counts.
const TLSH: &[&str] = &["tlsh", "tlsh_hash"];
const ID: &[&str] = &["sha256", "sha256_hash", "sha1", "sha1_hash", "md5", "md5_hash", "id"];
const DATE: &[&str] = &["date", "first_seen", "first_seen_utc", "timestamp"];

/// Why a list is not clustered.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ListError {
    /// No header, or one without digests.
    #[error("`{path}` has no column `tlsh`")]
    #[diagnostic(
        code("CMT-0575"),
        help(
            "the first line names the columns: `tlsh`, an id (`sha256`, `sha1`, `md5` or `id`), and `date` where there is one"
        )
    )]
    NoTlsh {
        /// The file.
        path: String,
    },
    /// A text that is no list.
    #[error("`{path}` cannot be read as CSV: {why}")]
    #[diagnostic(code("CMT-0576"), help("one row a line, columns by commas, a cell with a comma in \"…\""))]
    NotCsv {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// A pipe, a device or a folder: reading one may never end.
    #[error("`{path}` is no file")]
    #[diagnostic(code("CMT-1288"), help("write the list to a file first"))]
    NotFile {
        /// The path.
        path: String,
    },
    /// A longer list than is clustered.
    #[error("`{path}` has more than {most} rows")]
    #[diagnostic(code("CMT-0577"), help("split the list by date, and cluster part by part"))]
    TooLong {
        /// The file.
        path: String,
        /// The bound.
        most: usize,
    },
}

/// The cluster of one row (`comity.cluster/1`).
#[derive(Serialize)]
struct Clustered<'a> {
    schema: &'static str,
    /// The row's id; its number, from 1, where the list has no ids.
    id: &'a str,
    /// The id of the cluster's oldest row.
    cluster: &'a str,
    /// Rows in the cluster.
    samples: u32,
}

/// A row whose digest cannot be read (`comity.unreadable-row/1`).
#[derive(Serialize)]
struct Unreadable<'a> {
    schema: &'static str,
    line: u64,
    id: &'a str,
    why: &'a str,
}

/// Ends the reading when one row is longer than memory should hold.
struct Metered {
    file: File,
    left: Rc<Cell<usize>>,
}

impl Read for Metered {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.file.read(to)?;
        match self.left.get().checked_sub(n) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::other(format!("a row is longer than {MOST_RECORD} bytes"))),
        }
        Ok(n)
    }
}

#[derive(Default)]
struct Row {
    id: Box<str>,
    date: Box<str>,
    tlsh: Option<TlshText>,
}

/// The rows with readable digests, in the order of the list, and how many others there are.
struct List {
    rows: Vec<Row>,
    unreadable: u64,
    dated: bool,
}

/// Clusters a list and prints the cluster of each row.
pub fn cluster(path: &Path, out: &mut Out) -> Done {
    let mut list = read(path, out)?;
    let mut order: Vec<u32> = (0u32..).take(list.rows.len()).collect();
    // Dates as ISO 8601 writes them stand in the order of their texts, numbers in that of their lengths. A row without a
    // date comes last.
    order.sort_by_key(|n| {
        let date: &str = list.rows.get(*n as usize).map_or("", |r| &*r.date);
        let number = date.bytes().all(|b| b.is_ascii_digit()).then_some(date.len());
        (date.is_empty(), number, date)
    });
    let mut clusters = Clusters::new();
    for n in &order {
        if let Some(digest) = list.rows.get_mut(*n as usize).and_then(|r| r.tlsh.take()) {
            clusters.add(&digest);
        }
    }
    let named = clusters.all();
    drop(clusters);
    let mut sizes = vec![0u32; order.len()];
    let mut cluster_of = vec![0u32; order.len()];
    for (n, cluster) in order.iter().zip(&named) {
        if let (Some(size), Some(of)) = (sizes.get_mut(*cluster as usize), cluster_of.get_mut(*n as usize)) {
            *size += 1;
            *of = *cluster;
        }
    }
    write(&list, &order, &cluster_of, &sizes, out);
    let together = sizes.iter().filter(|n| **n > 1).count();
    let inside: u64 = sizes.iter().filter(|n| **n > 1).map(|n| u64::from(*n)).sum();
    let by = if list.dated { "by date" } else { "as the rows stand" };
    out.talk(format!(
        "{}: {} in {}; clustered {by}, which decides what names a cluster and, at its edges, what belongs to it",
        counted(list.rows.len() as u64, "digest"),
        count(inside),
        counted(together as u64, "cluster"),
    ));
    if list.unreadable == 0 {
        return Ok(Outcome::Done);
    }
    out.talk(format!("{} without a readable TLSH digest", counted(list.unreadable, "row")));
    Ok(Ending::Partly.into())
}

fn write(list: &List, order: &[u32], cluster_of: &[u32], sizes: &[u32], out: &mut Out) {
    let id = |row: u32| list.rows.get(row as usize).map_or("", |r| &*r.id);
    if !out.for_programs() {
        out.line("id,cluster");
    }
    for (row, cluster) in list.rows.iter().zip(cluster_of) {
        let oldest = order.get(*cluster as usize).map_or("", |n| id(*n));
        let samples = sizes.get(*cluster as usize).copied().unwrap_or(1);
        if out.for_programs() {
            out.object(&Clustered { schema: "comity.cluster/1", id: &row.id, cluster: oldest, samples });
        } else {
            out.line(format!("{},{}", cell(&row.id), cell(oldest)));
        }
    }
}

/// A cell as CSV has it (RFC 4180).
fn cell(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn read(path: &Path, out: &Out) -> Result<List, Fault> {
    let shown = || path.display().to_string();
    let broken = |e| NodeError::file("reading", path, e);
    // Before it is opened: opening a pipe waits for its other end.
    if !std::fs::metadata(path).map_err(broken)?.is_file() {
        return Err(ListError::NotFile { path: shown() }.into());
    }
    let file = File::open(path).map_err(broken)?;
    let left = Rc::new(Cell::new(MOST_RECORD));
    let mut reader: Reader<Metered> = ReaderBuilder::new()
        .flexible(true)
        .trim(Trim::All)
        .comment(Some(b'#'))
        .from_reader(Metered { file, left: left.clone() });
    let not_csv = |e: csv::Error| ListError::NotCsv { path: shown(), why: e.to_string() };
    let header = reader.byte_headers().map_err(not_csv)?.clone();
    let column = |names: &[&str]| {
        let at = |name: &&str| header.iter().position(|h| bare(h).eq_ignore_ascii_case(name.as_bytes()));
        names.iter().find_map(at)
    };
    let tlsh = column(TLSH).ok_or_else(|| ListError::NoTlsh { path: shown() })?;
    let (id, date) = (column(ID), column(DATE));
    let mut list = List { rows: Vec::new(), unreadable: 0, dated: date.is_some() };
    let (mut record, mut number) = (ByteRecord::new(), 0u64);
    loop {
        left.set(MOST_RECORD);
        if !reader.read_byte_record(&mut record).map_err(not_csv)? {
            return Ok(list);
        }
        number += 1;
        if number > MOST_ROWS as u64 {
            return Err(ListError::TooLong { path: shown(), most: MOST_ROWS }.into());
        }
        let text = |at: Option<usize>| at.and_then(|at| record.get(at)).map(short).unwrap_or_default();
        let id: Box<str> = match id {
            Some(at) => text(Some(at)).into(),
            None => number.to_string().into(),
        };
        match text(Some(tlsh)).parse::<TlshText>() {
            Ok(digest) => list.rows.push(Row { id, date: text(date).into(), tlsh: Some(digest) }),
            Err(e) => {
                list.unreadable += 1;
                let line = record.position().map_or(0, csv::Position::line);
                tell(line, &id, &e, out);
            }
        }
    }
}

/// A cell's text, cut.
fn short(cell: &[u8]) -> String {
    let cell = bare(cell);
    String::from_utf8_lossy(cell.get(..MOST_CELL).unwrap_or(cell)).into_owned()
}

/// A cell without the quotes that stay where a space stands before them.
fn bare(cell: &[u8]) -> &[u8] {
    cell.strip_prefix(b"\"").and_then(|c| c.strip_suffix(b"\"")).unwrap_or(cell)
}

/// Says which row was left out, on standard error.
fn tell(line: u64, id: &str, why: &malware::MalwareError, out: &Out) {
    let why = why.to_string();
    let mut stderr = io::stderr().lock();
    let _ = if out.for_programs() {
        let row = Unreadable { schema: "comity.unreadable-row/1", line, id, why: &why };
        writeln!(stderr, "{}", serde_json::to_string(&row).unwrap_or_default())
    } else {
        writeln!(stderr, "line {line}: {}: {}", out::clean(id), out::clean(&why))
    };
}
