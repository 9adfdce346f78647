//! Where the bytes of an archive come from.

use std::io;
use std::ops::Range;

use fs_err as fs;

/// The bytes of an archive: a file, of which only what is looked at is read, or memory.
///
/// A file is not mapped into memory: for a large one that many threads read and that must not count as the program's for
/// long, the page faults, and letting go of pages again, take three times as long as copying what is read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    File { file: &'a fs::File, length: u64 },
    Memory(&'a [u8]),
}

impl<'a> From<&'a [u8]> for Input<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Memory(bytes)
    }
}

impl<'a> Input<'a> {
    /// A file that nobody changes.
    pub(crate) fn file(file: &'a fs::File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self::File { file, length })
    }

    /// Bytes.
    pub(crate) fn length(self) -> u64 {
        match self {
            Self::File { length, .. } => length,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// Fills `buffer` with what begins at `start`, an offset in bytes.
    pub(crate) fn read(self, start: u64, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File { file, .. } => read_exact_at(file, start, buffer),
            Self::Memory(bytes) => {
                let part = usize::try_from(start)
                    .ok()
                    .and_then(|start| bytes.get(start..)?.get(..buffer.len()))
                    .ok_or(io::ErrorKind::UnexpectedEof)?;
                buffer.copy_from_slice(part);
                Ok(())
            }
        }
    }

    /// A part of it, which must lie inside.
    pub(crate) fn part(self, part: Range<u64>) -> io::Result<Vec<u8>> {
        let length = part.end.saturating_sub(part.start);
        if part.end > self.length() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.read(part.start, &mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &fs::File, start: u64, buffer: &mut [u8]) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    file.file().read_exact_at(buffer, start)
}

#[cfg(windows)]
fn read_exact_at(file: &fs::File, mut start: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        let count = match file.file().seek_read(buffer, start) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        start += count as u64;
        buffer = &mut buffer[count..];
    }
    Ok(())
}

/// Looks at small parts in ascending order, and reads those together that lie close together.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    input: Input<'a>,
    /// Where `bytes` begin.
    start: u64,
    bytes: Vec<u8>,
}

/// So many bytes are read at least: what lies between two members, as a rule, and many small members.
const WINDOW: u64 = 512;

impl<'a> Window<'a> {
    pub(crate) fn new(input: Input<'a>) -> Self {
        Self {
            input,
            start: 0,
            bytes: Vec::new(),
        }
    }

    /// A part, which must lie inside.
    pub(crate) fn part(&mut self, part: Range<u64>) -> io::Result<&[u8]> {
        let have = self.start..self.start + self.bytes.len() as u64;
        if part.start < have.start || part.end > have.end {
            let end = part
                .end
                .max(part.start.saturating_add(WINDOW).min(self.input.length()));
            self.bytes = self.input.part(part.start..end)?;
            self.start = part.start;
        }
        let index = |at: u64| usize::try_from(at - self.start).map_err(io::Error::other);
        Ok(&self.bytes[index(part.start)?..index(part.end)?])
    }
}
