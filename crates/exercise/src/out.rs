//! Writing: files of the operation's folder, and lines built from integers alone.
//!
//! Archives carry neither time nor name, and their levels are fixed, so that the bytes depend on the content only:
//! level 3 of Zstandard and level 6 of zlib-rs find their matches the same way on every processor.

use crate::ExerciseError;
use serde::Serialize;
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};
use terms::{Day, MICROS_PER_DAY, MICROS_PER_SECOND, Timestamp};

/// The folder that is written.
pub(crate) struct Folder {
    root: PathBuf,
}

pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ExerciseError {
    let path = path.to_owned();
    move |source| ExerciseError::Io { path, source }
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }
    fn place(&self, name: &str) -> Result<PathBuf, ExerciseError> {
        let path = self.root.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io(parent))?;
        }
        Ok(path)
    }
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ExerciseError> {
        let path = self.place(name)?;
        fs::write(&path, bytes).map_err(io(&path))
    }
    /// One object, indented, with a final line feed.
    pub(crate) fn json(&self, name: &str, value: &impl Serialize) -> Result<(), ExerciseError> {
        let mut bytes = serde_json::to_vec_pretty(value).map_err(ExerciseError::Json)?;
        bytes.push(b'\n');
        self.write(name, &bytes)
    }
    /// One object a line.
    pub(crate) fn lines<T: Serialize>(
        &self,
        name: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Result<(), ExerciseError> {
        let mut bytes = Vec::new();
        for value in values {
            serde_json::to_writer(&mut bytes, &value).map_err(ExerciseError::Json)?;
            bytes.push(b'\n');
        }
        self.write(name, &bytes)
    }
    pub(crate) fn stream(&self, name: &str, packing: Packing) -> Result<Stream, ExerciseError> {
        let path = self.place(name)?;
        let file = BufWriter::new(File::create(&path).map_err(io(&path))?);
        let inner = match packing {
            Packing::Plain => Inner::Plain(file),
            Packing::Gzip => Inner::Gzip(
                flate2::GzBuilder::new()
                    .mtime(0)
                    .operating_system(255)
                    .write(file, flate2::Compression::new(6)),
            ),
            Packing::Zstd => Inner::Zstd(zstd::Encoder::new(file, 3).map_err(io(&path))?),
        };
        Ok(Stream { path, inner })
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

enum Inner {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Zstd(zstd::Encoder<'static, BufWriter<File>>),
}

/// A file that is written piece by piece; [`Stream::finish`] must end it.
#[must_use]
pub(crate) struct Stream {
    path: PathBuf,
    inner: Inner,
}

impl Stream {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), ExerciseError> {
        match &mut self.inner {
            Inner::Plain(w) => w.write_all(bytes),
            Inner::Gzip(w) => w.write_all(bytes),
            Inner::Zstd(w) => w.write_all(bytes),
        }
        .map_err(io(&self.path))
    }
    pub(crate) fn finish(self) -> Result<(), ExerciseError> {
        let end = |inner| match inner {
            Inner::Plain(w) => Ok(w),
            Inner::Gzip(w) => w.finish(),
            Inner::Zstd(w) => w.finish(),
        };
        end(self.inner).and_then(|mut file| file.flush()).map_err(io(&self.path))
    }
}

/// A line (or some) under construction.
#[derive(Default)]
pub(crate) struct Line(pub(crate) Vec<u8>);

impl Line {
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.0.extend_from_slice(text.as_bytes());
        self
    }
    pub(crate) fn number(&mut self, n: u64) -> &mut Self {
        let mut digits = [0u8; 20];
        let (mut left, mut used) = (n, 0);
        for slot in digits.iter_mut().rev() {
            *slot = b'0' + u8::try_from(left % 10).unwrap_or(0);
            left /= 10;
            used += 1;
            if left == 0 {
                break;
            }
        }
        self.0.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
        self
    }
    /// Exactly `width` digits.
    pub(crate) fn padded(&mut self, n: u64, width: u32) -> &mut Self {
        for power in (0..width).rev() {
            self.0.push(b'0' + u8::try_from(n / 10u64.pow(power) % 10).unwrap_or(0));
        }
        self
    }
    pub(crate) fn hex(&mut self, n: u64) -> &mut Self {
        for shift in (0..16).rev() {
            let digit = u8::try_from(n >> (shift * 4) & 15).unwrap_or(0);
            self.0.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        }
        self
    }
    pub(crate) fn ip(&mut self, ip: u32) -> &mut Self {
        let [a, b, c, d] = ip.to_be_bytes().map(u64::from);
        self.number(a).text(".").number(b).text(".").number(c).text(".").number(d)
    }
    /// RFC 3339 with six digits; `date` is the text of the day that `t` falls on.
    pub(crate) fn time(&mut self, t: Timestamp, date: &Date) -> &mut Self {
        let (day, text) = (date.0, date.1.as_str());
        if t.day() == day {
            self.text(text);
        } else {
            self.text(&t.day().to_string());
        }
        let micros = u64::try_from(t.0.rem_euclid(MICROS_PER_DAY)).unwrap_or(0);
        let seconds = micros / 1_000_000;
        self.text("T").padded(seconds / 3_600, 2).text(":").padded(seconds / 60 % 60, 2).text(":");
        self.padded(seconds % 60, 2).text(".").padded(micros % 1_000_000, 6).text("Z")
    }
    /// Seconds since the epoch with six digits, as Zeek writes a time.
    pub(crate) fn epoch(&mut self, t: Timestamp) -> &mut Self {
        let micros = u64::try_from(t.0).unwrap_or(0);
        self.seconds(micros)
    }
    /// Microseconds as seconds with six digits, as Zeek writes an interval.
    pub(crate) fn seconds(&mut self, micros: u64) -> &mut Self {
        let unit = MICROS_PER_SECOND.unsigned_abs();
        self.number(micros / unit).text(".").padded(micros % unit, 6)
    }
}

/// A day with its text.
pub(crate) struct Date(Day, String);

impl Date {
    pub(crate) fn new(day: Day) -> Self {
        Self(day, day.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_times_read_back(n: u64, t in 1_000_000_000_000_000i64..2_000_000_000_000_000) {
            let text = |line: &Line| String::from_utf8_lossy(&line.0).into_owned();
            let mut line = Line::default();
            line.number(n);
            prop_assert_eq!(text(&line), n.to_string());
            let mut line = Line::default();
            line.hex(n);
            prop_assert_eq!(text(&line), format!("{n:016x}"));
            let mut line = Line::default();
            line.time(Timestamp(t), &Date::new(Timestamp(t).day()));
            prop_assert_eq!(text(&line).parse::<Timestamp>(), Ok(Timestamp(t)));
        }
    }
}
