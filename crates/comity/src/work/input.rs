//! The input of a child: a sealed memory file, or a pipe where the exhibit is larger than memory should hold.

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;

/// Up to this many bytes an exhibit is handed over as a memory file; above, it is streamed.
pub const MEMORY_LIMIT: u64 = 256 << 20;

/// What a child reads from: it can neither write to it nor learn a path.
#[derive(Debug)]
pub struct Input {
    pub(super) fd: OwnedFd,
    /// Bytes, where known beforehand.
    pub size: u64,
}

/// A memory file that is being filled.
#[derive(Debug)]
pub struct Filling {
    file: File,
    size: u64,
}

impl Filling {
    /// An empty memory file.
    pub fn new() -> io::Result<Self> {
        let fd = memfd_create("exhibit", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        Ok(Self { file: File::from(fd), size: 0 })
    }
    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }
    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }
    /// Seals it: from now on nobody can change or resize it.
    pub fn seal(mut self) -> io::Result<Input> {
        self.file.rewind()?;
        fcntl_add_seals(
            &self.file,
            SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
        )?;
        Ok(Input { fd: self.file.into(), size: self.size })
    }
}

impl Input {
    /// A sealed memory file with these bytes.
    pub fn of(bytes: &[u8]) -> io::Result<Self> {
        let mut filling = Filling::new()?;
        filling.add(bytes)?;
        filling.seal()
    }
    /// The read end of a pipe, with its write end for the caller to feed from another thread.
    pub fn pipe(size: u64) -> io::Result<(Self, io::PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        Ok((Self { fd: reader.into(), size }, writer))
    }
}

impl Write for Filling {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(bytes)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
