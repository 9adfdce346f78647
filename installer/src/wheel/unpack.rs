//! Writing the files of a wheel into the store. Every thread has two files in hand, so that it can hash them together.

use std::cmp::Reverse;
use std::io::Write;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use fs_err as fs;
use rayon::prelude::*;

use super::WheelError;
use super::archive::{Content, Member};
use super::inflate::PIECE;
use super::link::Folder;
use super::manifest::{Scheme, StoredFile, store_folders, store_path};
use super::sha256::{BLOCK, Hash};
use super::source::{Placed, Source, archive_error};

/// Files are handed to threads in groups of at least this many: most are small.
const GROUP: usize = 16;

/// Writes all files of a wheel below the new folder `root`, by their numbers, and checks them against its RECORD.
///
/// # Errors
/// When a member is broken or does not fit RECORD, or a file can't be written.
pub(super) fn write_files(source: &Source<'_>, root: &Path) -> Result<Vec<StoredFile>, WheelError> {
    fs::create_dir(root)?;
    for folder in store_folders(source.placed.len()) {
        fs::create_dir(root.join(folder))?;
    }
    let wheel = Wheel {
        source,
        root: Folder::open(root.to_owned()),
    };
    let mut order: Vec<_> = source.placed.iter().enumerate().collect();
    // Large ones beside one another: the last of a group is hashed alone.
    order.sort_by_key(|(_, placed)| Reverse(source.member(placed).size.max(PIECE as u64)));
    let groups: Vec<Vec<StoredFile>> = order
        .into_par_iter()
        .with_min_len(GROUP)
        .try_fold(
            || Writer::new(&wheel),
            |writer, (number, placed)| writer.add(number, placed),
        )
        .map(|writer| writer?.finish())
        .collect::<Result<_, _>>()?;
    let mut files: Vec<_> = groups.into_iter().flatten().collect();
    files.sort_unstable_by_key(|file| file.number);
    Ok(files)
}

/// What is unpacked, and where to.
struct Wheel<'a> {
    source: &'a Source<'a>,
    root: Folder,
}

/// Writes one file after the other, and the beginning of the next one beside the end of the last.
struct Writer<'a> {
    wheel: &'a Wheel<'a>,
    /// What is not yet finished.
    last: Option<Writing<'a>>,
    done: Vec<StoredFile>,
}

impl<'a> Writer<'a> {
    fn new(wheel: &'a Wheel<'a>) -> Self {
        Self {
            wheel,
            last: None,
            done: Vec::new(),
        }
    }

    fn add(mut self, number: usize, placed: &'a Placed) -> Result<Self, WheelError> {
        let mut next = Writing::begin(self.wheel, number, placed)?;
        if let Some(mut last) = self.last.take() {
            let ended = loop {
                if !last.has_block()? {
                    break last;
                }
                if !next.has_block()? {
                    break std::mem::replace(&mut next, last);
                }
                last.hash_with(&mut next);
            };
            self.done.push(ended.end()?);
        }
        self.last = Some(next);
        Ok(self)
    }

    fn finish(mut self) -> Result<Vec<StoredFile>, WheelError> {
        if let Some(mut last) = self.last.take() {
            while last.has_block()? {
                last.hash_alone();
            }
            self.done.push(last.end()?);
        }
        Ok(self.done)
    }
}

/// A file that is being written.
struct Writing<'a> {
    wheel: &'a Wheel<'a>,
    number: usize,
    placed: &'a Placed,
    member: &'a Member,
    content: Content<'a>,
    file: fs::File,
    rewrite: bool,
    hash: Hash,
    /// How much of the present piece, which is written, is hashed, too.
    hashed: usize,
}

impl<'a> Writing<'a> {
    fn begin(wheel: &'a Wheel<'a>, number: usize, placed: &'a Placed) -> Result<Self, WheelError> {
        let member = wheel.source.member(placed);
        let content = wheel
            .source
            .archive
            .content(member)
            .map_err(|error| archive_error(&wheel.source.file, error))?;
        Ok(Self {
            wheel,
            number,
            placed,
            member,
            content,
            file: wheel
                .root
                .create_file(&store_path(number), placed.executable)?,
            rewrite: false,
            hash: Hash::new(),
            hashed: 0,
        })
    }

    /// Is there a whole block to hash? Writes the next piece if it takes that to know.
    fn has_block(&mut self) -> Result<bool, WheelError> {
        while self.rest().len() < BLOCK {
            // Only the last piece may end within a block.
            if !self.write_piece()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write_piece(&mut self) -> Result<bool, WheelError> {
        let is_first = self.content.piece().is_empty();
        let more = self
            .content
            .advance()
            .map_err(|error| archive_error(&self.wheel.source.file, error))?;
        if more {
            let piece = self.content.piece();
            if is_first {
                self.rewrite =
                    self.placed.scheme == Scheme::Scripts && piece.starts_with(b"#!python");
            }
            self.file.write_all(piece)?;
            self.hashed = 0;
        }
        Ok(more)
    }

    /// What is written and not yet hashed.
    fn rest(&self) -> &[u8] {
        &self.content.piece()[self.hashed..]
    }

    fn hash_alone(&mut self) {
        let rest = &self.content.piece()[self.hashed..];
        self.hashed += self.hash.update(rest);
    }

    fn hash_with(&mut self, other: &mut Self) {
        let rest = &self.content.piece()[self.hashed..];
        let others = &other.content.piece()[other.hashed..];
        let both = self.hash.update_both(rest, &mut other.hash, others);
        self.hashed += both;
        other.hashed += both;
    }

    /// What became of it, once all its content is written.
    fn end(self) -> Result<StoredFile, WheelError> {
        let rest = &self.content.piece()[self.hashed..];
        let hash = BASE64URL_NOPAD.encode(&self.hash.finish(rest));
        let (member, placed) = (self.member, self.placed);
        let refuse = |reason: &str| WheelError::Member {
            file: self.wheel.source.file.clone(),
            member: member.name.clone(),
            reason: reason.to_owned(),
        };
        if let Some(entry) = &placed.recorded {
            let digest = entry
                .hash
                .as_ref()
                .filter(|(algorithm, _)| algorithm == "sha256");
            if digest.is_some_and(|(_, digest)| digest.trim_end_matches('=') != hash) {
                return Err(refuse("does not fit its hash in RECORD"));
            }
            if entry
                .size
                .is_some_and(|size| u64::try_from(size).ok() != Some(member.size))
            {
                return Err(refuse("does not fit its size in RECORD"));
            }
        }
        Ok(StoredFile {
            number: self.number,
            member: member.name.clone(),
            scheme: placed.scheme,
            other_path: (placed.path != member.name).then(|| placed.path.clone()),
            size: member.size,
            hash: format!("sha256={hash}"),
            executable: placed.executable,
            rewrite: self.rewrite,
        })
    }
}
