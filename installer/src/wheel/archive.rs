//! A strict reader of ZIP archives.
//!
//! A wheel must mean the same to everyone who reads it. ZIP has two tables of contents, the central directory at the
//! end and the local headers before each member, and archives have been made whose tables tell readers different
//! stories (CVE-2025-54368, CVE-2024-0450, GHSA-pqhf-p39g-3x64). So the central directory rules here, and every byte
//! before it must be a local header, a member or a data descriptor that agrees with it; anything else is refused.

use std::io;

use super::inflate::{Crc, Inflaters, Unpacking, unreadable};
use super::input::{Input, Window};

const END: [u8; 4] = *b"PK\x05\x06";
const END_64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const LOCAL: [u8; 4] = *b"PK\x03\x04";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";

const FLAG_ENCRYPTED: u16 = 1;
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_STRONG_ENCRYPTION: u16 = 1 << 6;
const FLAG_MASKED: u16 = 1 << 13;

/// The end record with the longest comment, after the locator and the end record of ZIP64.
const LONGEST_END: u64 = 56 + 20 + 22 + 0xFFFF;

/// A data descriptor with its signature and long sizes.
const LONGEST_DESCRIPTOR: u64 = 24;

/// Deflate can't do better than 1032:1; a member that claims more lies.
const MAX_RATIO: u64 = 1040;

/// What is wrong with an archive, and with which member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ArchiveError {
    /// The member, unless the archive as a whole is meant.
    pub(crate) member: Option<String>,
    /// A fragment that reads after "the archive" or "member `x`".
    pub(crate) reason: String,
}

/// How a member is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Method {
    Stored,
    Deflated,
}

/// A member, as the central directory describes it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its name, as stored.
    pub(crate) name: String,
    /// Unix mode with file type; 0 if the archive does not tell.
    pub(crate) mode: u32,
    /// Bytes when unpacked.
    pub(crate) size: u64,
    method: Method,
    crc: u32,
    compressed: u64,
    header: u64,
    flags: u16,
    data: u64,
}

impl Member {
    /// Is it an explicit directory entry?
    pub(crate) fn is_directory(&self) -> bool {
        self.name.ends_with('/')
    }

    /// The same for members with the same content.
    pub(crate) fn mark(&self) -> String {
        format!("{:08x} {}", self.crc, self.size)
    }
}

/// An archive whose tables of contents agree.
#[derive(Debug)]
pub(crate) struct Archive<'a> {
    input: Input<'a>,
    inflaters: &'a Inflaters,
    /// The members in the order of the central directory.
    pub(crate) members: Vec<Member>,
}

impl<'a> Archive<'a> {
    /// Reads and checks both tables of contents.
    pub(crate) fn open(input: Input<'a>, inflaters: &'a Inflaters) -> Result<Self, ArchiveError> {
        let end = End::find(input)?;
        let directory = input.part(end.directory..end.directory + end.length)?;
        let mut members = central_directory(&directory, end.count)?;
        refuse_duplicates(&members)?;
        check_bodies(Window::new(input), &mut members, end.directory)?;
        Ok(Self {
            input,
            inflaters,
            members,
        })
    }

    /// Begins to unpack a member.
    pub(crate) fn content<'b>(&'b self, member: &'b Member) -> Result<Content<'b>, ArchiveError> {
        let data = member.data..member.data + member.compressed;
        let unpacking = match member.method {
            Method::Stored => self.inflaters.stored(self.input, data),
            Method::Deflated => self
                .inflaters
                .inflate(self.input, data, member.size)
                .map_err(|problem| member_error(member, &problem))?,
        };
        Ok(Content {
            member,
            unpacking,
            crc: Crc::default(),
        })
    }

    /// Unpacks a member into memory.
    pub(crate) fn bytes(&self, member: &Member) -> Result<Vec<u8>, ArchiveError> {
        let mut all = Vec::with_capacity(to_index(member.size)?);
        let mut content = self.content(member)?;
        while content.advance()? {
            all.extend_from_slice(content.piece());
        }
        Ok(all)
    }
}

/// The content of a member, piece by piece.
#[derive(Debug)]
pub(crate) struct Content<'a> {
    member: &'a Member,
    unpacking: Unpacking<'a>,
    crc: Crc,
}

impl Content<'_> {
    /// Goes on to the next piece. Says whether there is one; if not, its length and checksum were right, and the piece
    /// stays the last one. All have [`PIECE`](super::inflate::PIECE) bytes but for the last.
    pub(crate) fn advance(&mut self) -> Result<bool, ArchiveError> {
        let more = self.unpacking.advance();
        let more = more.map_err(|problem| member_error(self.member, &problem))?;
        if more {
            self.crc.update(self.unpacking.piece());
        } else if self.crc.0 != self.member.crc {
            return Err(member_error(self.member, "does not fit its checksum"));
        }
        Ok(more)
    }

    /// The piece that was last gone on to.
    pub(crate) fn piece(&self) -> &[u8] {
        self.unpacking.piece()
    }
}

/// Where the central directory is.
struct End {
    /// Its offset.
    directory: u64,
    /// Its length in bytes.
    length: u64,
    /// How many entries it has.
    count: u64,
}

impl End {
    fn find(input: Input<'_>) -> Result<Self, ArchiveError> {
        let base = input.length().saturating_sub(LONGEST_END);
        let tail = input.part(base..input.length())?;
        let at = end_record(&tail)?;
        let record = &tail[at..];
        let plain = Self {
            count: u64::from(u16_at(record, 10)),
            length: u64::from(u32_at(record, 12)),
            directory: u64::from(u32_at(record, 16)),
        };
        if u16_at(record, 4) != 0
            || u16_at(record, 6) != 0
            || u16_at(record, 8) != u16_at(record, 10)
        {
            return Err(error("is split over several disks"));
        }
        let (found, stop) = match at.checked_sub(20) {
            Some(locator) if tail[locator..].starts_with(&LOCATOR_64) => {
                plain.extended(&tail, base, locator)?
            }
            _ => (plain, at),
        };
        if found.directory.checked_add(found.length) == Some(base + stop as u64) {
            Ok(found)
        } else {
            Err(error(
                "has bytes before its first member or after its central directory",
            ))
        }
    }

    /// The ZIP64 record that stands for this one. What both tell must agree. `tail` begins at the offset `base`.
    fn extended(
        self,
        tail: &[u8],
        base: u64,
        locator: usize,
    ) -> Result<(Self, usize), ArchiveError> {
        // A record without extensible data has 56 bytes and lies right before its locator.
        let start = locator.checked_sub(56).filter(|&start| {
            u32_at(tail, locator + 4) == 0
                && u32_at(tail, locator + 16) == 1
                && u64_at(tail, locator + 8) == base + start as u64
        });
        let start =
            start.ok_or_else(|| error("has a ZIP64 end record that is not where it should be"))?;
        let record = &tail[start..locator];
        if !record.starts_with(&END_64) || u64_at(record, 4) != 44 {
            return Err(error("has a broken ZIP64 end record"));
        }
        if u32_at(record, 16) != 0
            || u32_at(record, 20) != 0
            || u64_at(record, 24) != u64_at(record, 32)
        {
            return Err(error("is split over several disks"));
        }
        let long = Self {
            count: u64_at(record, 32),
            length: u64_at(record, 40),
            directory: u64_at(record, 48),
        };
        let agrees = |short: u64, long: u64, sentinel: u64| short == long || short == sentinel;
        if agrees(self.count, long.count, 0xFFFF)
            && agrees(self.length, long.length, 0xFFFF_FFFF)
            && agrees(self.directory, long.directory, 0xFFFF_FFFF)
        {
            Ok((long, start))
        } else {
            Err(error("has two end records that disagree"))
        }
    }
}

/// The offset of the end record: the last one whose comment reaches exactly to the end of these bytes.
fn end_record(bytes: &[u8]) -> Result<usize, ArchiveError> {
    let Some(last) = bytes.len().checked_sub(22) else {
        return Err(error("is too short for a zip archive"));
    };
    let first = last.saturating_sub(usize::from(u16::MAX));
    for at in (first..=last).rev() {
        if !bytes[at..].starts_with(&END) || usize::from(u16_at(bytes, at + 20)) != last - at {
            continue;
        }
        let comment = &bytes[at + 22..];
        let looks_like_zip = comment.windows(4).any(|w| {
            [END, CENTRAL, LOCAL, LOCATOR_64]
                .iter()
                .any(|signature| w == signature)
        });
        if looks_like_zip {
            return Err(error("has a comment that looks like another archive"));
        }
        return Ok(at);
    }
    Err(error("is no zip archive, or has bytes after its end"))
}

fn central_directory(mut rest: &[u8], count: u64) -> Result<Vec<Member>, ArchiveError> {
    let mut members = Vec::with_capacity(rest.len() / 46);
    while !rest.is_empty() {
        let (member, length) = central_entry(rest)?;
        members.push(member);
        rest = &rest[length..];
    }
    if members.len() as u64 == count {
        Ok(members)
    } else {
        Err(error("counts its members wrongly"))
    }
}

fn central_entry(bytes: &[u8]) -> Result<(Member, usize), ArchiveError> {
    if bytes.len() < 46 || !bytes.starts_with(&CENTRAL) {
        return Err(error("has a broken central directory"));
    }
    let name_end = 46 + usize::from(u16_at(bytes, 28));
    let extra_end = name_end + usize::from(u16_at(bytes, 30));
    let length = extra_end + usize::from(u16_at(bytes, 32));
    if bytes.len() < length {
        return Err(error("has a broken central directory"));
    }
    let flags = u16_at(bytes, 8);
    let name = member_name(&bytes[46..name_end])?;
    let broken = |reason: &str| ArchiveError {
        member: Some(name.clone()),
        reason: reason.to_owned(),
    };
    if flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED) != 0 {
        return Err(broken("is encrypted"));
    }
    let method = match u16_at(bytes, 10) {
        0 => Method::Stored,
        8 => Method::Deflated,
        other => {
            return Err(broken(&format!(
                "uses compression method {other}, which wheels must not"
            )));
        }
    };
    let mut fields = Wide {
        size: u64::from(u32_at(bytes, 24)),
        compressed: u64::from(u32_at(bytes, 20)),
        header: Some(u64::from(u32_at(bytes, 42))),
    };
    read_extra(&bytes[name_end..extra_end], &name, &mut fields).map_err(broken)?;
    if u16_at(bytes, 34) != 0 {
        return Err(broken("is on another disk"));
    }
    let fits = match method {
        Method::Stored => fields.size == fields.compressed,
        Method::Deflated => fields.size / MAX_RATIO <= fields.compressed,
    };
    if !fits {
        return Err(broken("announces an impossible size"));
    }
    let member = Member {
        mode: u32_at(bytes, 38) >> 16,
        size: fields.size,
        method,
        crc: u32_at(bytes, 16),
        compressed: fields.compressed,
        header: fields.header.unwrap_or_default(),
        flags,
        data: 0,
        name,
    };
    if member.is_directory() && member.size != 0 {
        return Err(member_error(&member, "is a directory with content"));
    }
    Ok((member, length))
}

fn member_name(raw: &[u8]) -> Result<String, ArchiveError> {
    let name = std::str::from_utf8(raw).map_err(|_| ArchiveError {
        member: Some(String::from_utf8_lossy(raw).into_owned()),
        reason: "has a name that is not UTF-8".to_owned(),
    })?;
    if name.is_empty() {
        return Err(error("has a member without a name"));
    }
    Ok(name.to_owned())
}

/// The numbers that ZIP64 may move into an extra field.
struct Wide {
    size: u64,
    compressed: u64,
    /// `None` in local headers, which have no offset.
    header: Option<u64>,
}

fn read_extra(mut extra: &[u8], name: &str, fields: &mut Wide) -> Result<(), &'static str> {
    let mut seen = false;
    while extra.len() >= 4 {
        let (kind, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(body) = extra.get(4..4 + length) else {
            return Err("has a broken extra field");
        };
        match kind {
            0x0001 if seen => return Err("has two ZIP64 fields"),
            0x0001 => {
                seen = true;
                fields.widen(body).ok_or("has a broken ZIP64 field")?;
            }
            // The Info-ZIP Unicode path: some readers would take this name instead.
            0x7075 if body.get(5..) != Some(name.as_bytes()) => return Err("has a second name"),
            _ => {}
        }
        extra = &extra[4 + length..];
    }
    Ok(())
}

impl Wide {
    /// Takes the numbers whose 32-bit place is full, in the order of the format. Writers that always write them
    /// must write the same numbers.
    fn widen(&mut self, body: &[u8]) -> Option<()> {
        let mut rest = body;
        let mut take = |value: &mut u64| -> Option<()> {
            if *value == 0xFFFF_FFFF {
                let (number, tail) = rest.split_first_chunk::<8>()?;
                *value = u64::from_le_bytes(*number);
                rest = tail;
            }
            Some(())
        };
        take(&mut self.size)?;
        take(&mut self.compressed)?;
        if let Some(header) = &mut self.header {
            take(header)?;
        }
        Some(())
    }
}

fn refuse_duplicates(members: &[Member]) -> Result<(), ArchiveError> {
    let mut seen = rustc_hash::FxHashSet::default();
    match members
        .iter()
        .find(|member| !seen.insert(member.name.as_str()))
    {
        Some(member) => Err(member_error(member, "is there twice")),
        None => Ok(()),
    }
}

/// Checks that members, with their headers and descriptors, fill the archive up to the central directory without a
/// gap or an overlap, and notes where each one's data begins.
fn check_bodies(
    mut bytes: Window<'_>,
    members: &mut [Member],
    directory: u64,
) -> Result<(), ArchiveError> {
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&index| members[index].header);
    let mut position = 0;
    for (rank, &index) in order.iter().enumerate() {
        let next = order
            .get(rank + 1)
            .map_or(directory, |&following| members[following].header);
        let member = &mut members[index];
        if member.header != position || next > directory {
            return Err(member_error(
                member,
                "does not begin where the one before it ends",
            ));
        }
        member.data = local_header(&mut bytes, member, directory)?;
        let end = member
            .data
            .checked_add(member.compressed)
            .filter(|&end| end <= next);
        let Some(end) = end else {
            return Err(member_error(member, "reaches into the next one"));
        };
        // No more than shows that it is too long.
        let gap = end..next.min(end + LONGEST_DESCRIPTOR + 1);
        check_descriptor(member, bytes.part(gap)?)?;
        position = next;
    }
    if position == directory {
        Ok(())
    } else {
        Err(error("has bytes that belong to no member"))
    }
}

/// Compares a local header with the central directory; returns where the data begins.
fn local_header(bytes: &mut Window<'_>, member: &Member, limit: u64) -> Result<u64, ArchiveError> {
    let broken = |reason: &str| member_error(member, reason);
    let room = limit - member.header;
    let part = |length: usize| member.header..member.header + length as u64;
    if room < 30 {
        return Err(broken("has no local header"));
    }
    let header = bytes.part(part(30))?;
    if !header.starts_with(&LOCAL) {
        return Err(broken("has no local header"));
    }
    let name_end = 30 + usize::from(u16_at(header, 26));
    let extra_end = name_end + usize::from(u16_at(header, 28));
    if room < extra_end as u64 {
        return Err(broken("has a broken local header"));
    }
    let header = bytes.part(part(extra_end))?;
    if &header[30..name_end] != member.name.as_bytes() {
        return Err(broken("has another name in its local header"));
    }
    let method = match member.method {
        Method::Stored => 0,
        Method::Deflated => 8,
    };
    let meaningful = FLAG_ENCRYPTED | FLAG_DESCRIPTOR | FLAG_STRONG_ENCRYPTION | FLAG_MASKED;
    if u16_at(header, 8) != method || (u16_at(header, 6) ^ member.flags) & meaningful != 0 {
        return Err(broken(
            "is stored otherwise than the central directory says",
        ));
    }
    let mut fields = Wide {
        size: u64::from(u32_at(header, 22)),
        compressed: u64::from(u32_at(header, 18)),
        header: None,
    };
    read_extra(&header[name_end..extra_end], &member.name, &mut fields).map_err(broken)?;
    let local = (u32_at(header, 14), fields.compressed, fields.size);
    let later = member.flags & FLAG_DESCRIPTOR != 0 && local == (0, 0, 0);
    if !later && local != (member.crc, member.compressed, member.size) {
        return Err(broken(
            "has other sizes or another checksum in its local header",
        ));
    }
    Ok(member.header + extra_end as u64)
}

/// A data descriptor follows exactly those members whose flag says so, with or without its signature, with short or
/// long sizes.
fn check_descriptor(member: &Member, gap: &[u8]) -> Result<(), ArchiveError> {
    if member.flags & FLAG_DESCRIPTOR == 0 {
        return if gap.is_empty() {
            Ok(())
        } else {
            Err(member_error(
                member,
                "is followed by bytes that belong to no member",
            ))
        };
    }
    let body = match gap.len() {
        16 | 24 => gap.strip_prefix(&DESCRIPTOR),
        12 | 20 => Some(gap),
        _ => None,
    };
    let fits = body.is_some_and(|body| {
        let (compressed, size) = if body.len() == 12 {
            (u64::from(u32_at(body, 4)), u64::from(u32_at(body, 8)))
        } else {
            (u64_at(body, 4), u64_at(body, 12))
        };
        (u32_at(body, 0), compressed, size) == (member.crc, member.compressed, member.size)
    });
    if fits {
        Ok(())
    } else {
        Err(member_error(
            member,
            "has a data descriptor that is missing or disagrees",
        ))
    }
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        Self {
            member: None,
            reason: unreadable(&error).into_owned(),
        }
    }
}

fn error(reason: &str) -> ArchiveError {
    ArchiveError {
        member: None,
        reason: reason.to_owned(),
    }
}

fn member_error(member: &Member, reason: &str) -> ArchiveError {
    ArchiveError {
        member: Some(member.name.clone()),
        reason: reason.to_owned(),
    }
}

fn to_index(number: u64) -> Result<usize, ArchiveError> {
    usize::try_from(number).map_err(|_| error("is too large for this machine"))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
