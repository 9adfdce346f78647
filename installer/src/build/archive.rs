//! Writing wheels: a zip archive whose bytes depend on nothing but its members.
//!
//! The `zip` crate always stores the file type in the mode; poetry-core stores RECORD without it. The format is
//! small, so it is written here: local headers without data descriptors, then the directory, as Python's
//! `zipfile` does it.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};

use super::BuildError;

/// A regular file's bits, `rw-r--r--`.
pub(crate) const REGULAR: u32 = 0o100_644;
/// A regular file's bits, `rwxr-xr-x`.
pub(crate) const EXECUTABLE: u32 = 0o100_755;
/// What poetry-core gives to members that it makes up itself.
pub(crate) const GENERATED: u32 = 0o644;

/// A moment in the form zip archives keep it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Timestamp {
    date: u16,
    time: u16,
}

impl Timestamp {
    /// poetry-core's fixed date: 2016-01-01 00:00:00.
    pub(crate) const DEFAULT: Self = Self::new(2016, 1, 1, 0, 0, 0);

    const fn new(year: u16, month: u16, day: u16, hour: u16, minute: u16, second: u16) -> Self {
        Self {
            date: ((year - 1980) << 9) | (month << 5) | day,
            time: (hour << 11) | (minute << 5) | (second / 2),
        }
    }

    /// From seconds since 1970 (`SOURCE_DATE_EPOCH`), in UTC. `None` outside of what zip can hold (1980–2107).
    pub(crate) fn from_epoch(seconds: i64) -> Option<Self> {
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        // Days to a date, counted in eras of 400 years that begin in March (the leap day comes last).
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        let part = |number: i64| u16::try_from(number).ok();
        (1980..=2107).contains(&year).then_some(())?;
        Some(Self::new(
            part(year)?,
            part(month)?,
            part(day)?,
            part(rest / 3_600)?,
            part(rest / 60 % 60)?,
            part(rest % 60)?,
        ))
    }
}

/// One row of RECORD.
#[derive(Clone, Debug)]
pub(crate) struct RecordRow {
    path: String,
    /// `sha256=…` in unpadded base64url.
    hash: String,
    size: u64,
}

impl RecordRow {
    /// The row of a file with this content.
    pub(crate) fn new(path: impl Into<String>, content: &[u8]) -> Self {
        Self {
            path: path.into(),
            hash: format!(
                "sha256={}",
                BASE64URL_NOPAD.encode(&Sha256::digest(content))
            ),
            size: content.len() as u64,
        }
    }
}

/// The text of a RECORD at `own_path`: one CSV row per file, the last one for itself without hash.
pub(crate) fn record_text(rows: &[RecordRow], own_path: &str, line_end: &str) -> String {
    let mut text = String::new();
    for row in rows {
        text.push_str(&quoted(&row.path));
        text.push_str(&format!(",{},{}{line_end}", row.hash, row.size));
    }
    text.push_str(&format!("{},,{line_end}", quoted(own_path)));
    text
}

/// A CSV field, in quotes only if it needs them.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

/// What is done to the members of an archive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Packing {
    /// They are compressed as poetry-core does it.
    Deflated,
    /// Nothing: for archives that nobody keeps.
    Stored,
}

/// A zip archive in the making, in memory.
pub(crate) struct Archive {
    packing: Packing,
    timestamp: Timestamp,
    bytes: Vec<u8>,
    directory: Vec<u8>,
    members: u64,
    record: Vec<RecordRow>,
}

impl Archive {
    fn new(packing: Packing, timestamp: Timestamp) -> Self {
        Self {
            packing,
            timestamp,
            bytes: Vec::new(),
            directory: Vec::new(),
            members: 0,
            record: Vec::new(),
        }
    }

    /// Adds a member and its row of RECORD. `mode` goes into the archive as it is.
    ///
    /// # Errors
    /// When the content can't be compressed.
    fn add(&mut self, name: &str, content: &[u8], mode: u32) -> Result<(), BuildError> {
        self.record.push(RecordRow::new(name, content));
        self.add_unrecorded(name, content, mode)
    }

    /// Adds RECORD itself, made from all members so far.
    ///
    /// # Errors
    /// When the content can't be compressed.
    fn add_record(&mut self, name: &str, mode: u32) -> Result<(), BuildError> {
        let text = record_text(&self.record, name, "\n");
        self.add_unrecorded(name, text.as_bytes(), mode)
    }

    fn add_unrecorded(&mut self, name: &str, content: &[u8], mode: u32) -> Result<(), BuildError> {
        let (method, compressed) = match self.packing {
            Packing::Deflated => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
                encoder.write_all(content)?;
                (8, Cow::from(encoder.finish()?))
            }
            Packing::Stored => (0, Cow::from(content)),
        };
        let mut checksum = flate2::Crc::new();
        checksum.update(content);

        // What the local header and the directory have in common.
        let mut shared = Vec::with_capacity(26);
        let flags: u16 = if name.is_ascii() { 0 } else { 0x800 };
        for number in [20, flags, method, self.timestamp.time, self.timestamp.date] {
            shared.extend_from_slice(&number.to_le_bytes());
        }
        shared.extend_from_slice(&checksum.sum().to_le_bytes());
        shared.extend_from_slice(&truncated(compressed.len()).to_le_bytes());
        shared.extend_from_slice(&truncated(content.len()).to_le_bytes());
        // No extra field.
        shared.extend_from_slice(&truncated(name.len()).to_le_bytes());

        let offset = truncated(self.bytes.len());
        self.bytes.extend_from_slice(b"PK\x03\x04");
        self.bytes.extend_from_slice(&shared);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(&compressed);

        self.directory.extend_from_slice(b"PK\x01\x02");
        self.directory.extend_from_slice(&[20, 3]); // made by version 2.0 on Unix
        self.directory.extend_from_slice(&shared);
        self.directory.extend_from_slice(&[0; 6]); // no comment, first disk, binary
        self.directory
            .extend_from_slice(&((mode & 0xFFFF) << 16).to_le_bytes());
        self.directory.extend_from_slice(&offset.to_le_bytes());
        self.directory.extend_from_slice(name.as_bytes());
        self.members += 1;
        Ok(())
    }

    /// A wheel of these members and the RECORD that lists them.
    ///
    /// # Errors
    /// When it exceeds what a plain zip can hold.
    pub(crate) fn pack(
        members: &[Member],
        record: &str,
        record_mode: u32,
        packing: Packing,
        timestamp: Timestamp,
        path: &Path,
    ) -> Result<Vec<u8>, BuildError> {
        let mut archive = Self::new(packing, timestamp);
        for member in members {
            archive.add(&member.name, &member.content, member.mode)?;
        }
        archive.add_record(record, record_mode)?;
        archive.finish(path)
    }

    /// An archive of these members alone.
    ///
    /// # Errors
    /// When it exceeds what a plain zip can hold; `path` is named then.
    pub(crate) fn plain(
        members: &[Member],
        timestamp: Timestamp,
        path: &Path,
    ) -> Result<Vec<u8>, BuildError> {
        let mut archive = Self::new(Packing::Deflated, timestamp);
        for member in members {
            archive.add_unrecorded(&member.name, &member.content, member.mode)?;
        }
        archive.finish(path)
    }

    /// The whole archive. `path` is named in the error.
    ///
    /// # Errors
    /// When it exceeds what a plain zip can hold.
    fn finish(mut self, path: &Path) -> Result<Vec<u8>, BuildError> {
        let too_large = || BuildError::TooLarge {
            path: path.to_owned(),
        };
        let members = u16::try_from(self.members).map_err(|_| too_large())?;
        let offset = u32::try_from(self.bytes.len()).map_err(|_| too_large())?;
        let size = u32::try_from(self.directory.len()).map_err(|_| too_large())?;
        self.bytes.append(&mut self.directory);
        self.bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        self.bytes.extend_from_slice(&members.to_le_bytes());
        self.bytes.extend_from_slice(&members.to_le_bytes());
        self.bytes.extend_from_slice(&size.to_le_bytes());
        self.bytes.extend_from_slice(&offset.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 2]);
        Ok(self.bytes)
    }
}

/// A member of a wheel, read into memory.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
    /// With the file type's bits, if the archive stores them.
    pub(crate) mode: u32,
}

/// The files of a wheel in the order of the archive.
///
/// # Errors
/// When it is no readable zip.
pub(crate) fn read_members(wheel: &Path) -> Result<Vec<Member>, BuildError> {
    let invalid = |error: zip::result::ZipError| BuildError::InvalidWheel {
        path: wheel.to_owned(),
        reason: error.to_string(),
    };
    let mut archive = zip::ZipArchive::new(fs_err::File::open(wheel)?).map_err(invalid)?;
    let mut members = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(invalid)?;
        if member.is_dir() {
            continue;
        }
        let mut content = Vec::new();
        member.read_to_end(&mut content)?;
        members.push(Member {
            name: member.name().map_err(invalid)?.into_owned(),
            content,
            mode: member.unix_mode().unwrap_or(REGULAR),
        });
    }
    Ok(members)
}

/// METADATA of a wheel.
///
/// # Errors
/// When the archive can't be read or has none.
pub(crate) fn read_metadata(wheel: &Path) -> Result<Vec<u8>, BuildError> {
    read_members(wheel)?
        .into_iter()
        .find(|member| is_dist_info_file(&member.name, "METADATA"))
        .map(|member| member.content)
        .ok_or_else(|| BuildError::InvalidWheel {
            path: wheel.to_owned(),
            reason: "it has no METADATA".to_owned(),
        })
}

/// Is this member the file `name` of a wheel's dist-info?
pub(crate) fn is_dist_info_file(member: &str, name: &str) -> bool {
    member
        .strip_suffix(name)
        .and_then(|folder| folder.strip_suffix(".dist-info/"))
        .is_some_and(|stem| !stem.contains('/'))
}

/// A length in the 32 bits a zip has for it. Too long ones are caught by [`Archive::finish`], because the archive
/// as a whole is too long then.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`finish` refuses archives with longer members"
)]
fn truncated(length: usize) -> u32 {
    length as u32
}

#[cfg(test)]
mod tests {
    use super::{
        Archive, GENERATED, Packing, REGULAR, RecordRow, Timestamp, read_members, record_text,
    };

    #[test]
    fn dates_follow_the_epoch() {
        let cases = [
            (1_700_000_000, (2023, 11, 14, 22, 13, 20)),
            (315_532_800, (1980, 1, 1, 0, 0, 0)),
            (951_782_400, (2000, 2, 29, 0, 0, 0)),
            (1_451_606_400, (2016, 1, 1, 0, 0, 0)),
        ];
        for (seconds, (year, month, day, hour, minute, second)) in cases {
            let expected = Timestamp::new(year, month, day, hour, minute, second);
            assert_eq!(Timestamp::from_epoch(seconds), Some(expected), "{seconds}");
        }
        assert_eq!(Timestamp::from_epoch(315_532_799), None);
        assert_eq!(Timestamp::from_epoch(i64::MAX / 2), None);
    }

    #[test]
    fn an_archive_reads_back() {
        for packing in [Packing::Deflated, Packing::Stored] {
            let mut archive = Archive::new(packing, Timestamp::DEFAULT);
            archive.add("a/é.py", b"x = 1\n", REGULAR).unwrap();
            archive.add("empty", b"", 0o100_755).unwrap();
            archive.add_record("d/RECORD", GENERATED).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.whl");
            std::fs::write(&path, archive.finish(&path).unwrap()).unwrap();

            let seen: Vec<_> = read_members(&path)
                .unwrap()
                .into_iter()
                .map(|member| {
                    (
                        member.name,
                        member.mode,
                        String::from_utf8(member.content).unwrap(),
                    )
                })
                .collect();
            let record = "a/é.py,sha256=nia_NpkRxFwkPGhBR7I_yeHc_PJX0pmhxjIBam_NM_Q,6\n\
                          empty,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n\
                          d/RECORD,,\n";
            let expected = [
                ("a/é.py", 0o100_644, "x = 1\n"),
                ("empty", 0o100_755, ""),
                ("d/RECORD", 0o644, record),
            ];
            assert_eq!(
                seen,
                expected.map(|(name, mode, text)| (name.to_owned(), mode, text.to_owned()))
            );
        }
    }

    #[test]
    fn record_quotes_what_needs_it() {
        let rows = [RecordRow::new("a,b\".py", b"")];
        assert_eq!(
            record_text(&rows, "RECORD", "\r\n"),
            "\"a,b\"\".py\",sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\r\nRECORD,,\r\n"
        );
    }
}
