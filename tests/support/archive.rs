//! A zip writer that writes what it is told, also what no honest tool would: members that climb out of the
//! folder, names that occur twice, checksums that are wrong.

use std::io::Write;

/// One member of a zip file.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Unix mode with its file-type bits, e.g. 0o100644.
    pub(crate) mode: u32,
    /// Says a wrong CRC-32 on purpose.
    pub(crate) bad_checksum: bool,
}

impl Member {
    pub(crate) fn file(name: &str, bytes: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.to_owned(),
            bytes: bytes.as_ref().to_vec(),
            mode: 0o100_644,
            bad_checksum: false,
        }
    }
}

/// The bytes of a zip file with `members` in this order; the same members give the same bytes.
pub(crate) fn zip(members: &[Member]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for member in members {
        let offset = position(&out);
        let header = common_header(member);
        let packed = deflate(&member.bytes);
        out.extend(b"PK\x03\x04");
        out.extend(&header);
        out.extend(member.name.as_bytes());
        out.extend(&packed);

        directory.extend(b"PK\x01\x02");
        directory.extend([20, 3]); // made by: version 2.0 on Unix
        directory.extend(&header);
        directory.extend([0; 2 + 2 + 2]); // comment, disk, internal attributes
        directory.extend((member.mode << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(member.name.as_bytes());
    }
    let (start, size) = (position(&out), position(&directory));
    let count = u16::try_from(members.len()).expect("test archives are small");
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// A zip file of honest members.
pub(crate) fn zip_of(files: &[(String, String)]) -> Vec<u8> {
    let members: Vec<Member> = files
        .iter()
        .map(|(name, bytes)| Member::file(name, bytes))
        .collect();
    zip(&members)
}

/// The fields that the local header and the central directory share.
fn common_header(member: &Member) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(&member.bytes);
    let checksum = crc.sum() ^ u32::from(member.bad_checksum);
    let name_length = u16::try_from(member.name.len()).expect("test names are short");
    let utf8 = if member.name.is_ascii() { 0 } else { 0x800_u16 };
    let mut header = Vec::new();
    header.extend(20_u16.to_le_bytes()); // needs version 2.0
    header.extend(utf8.to_le_bytes());
    header.extend(8_u16.to_le_bytes()); // deflate
    header.extend(0_u16.to_le_bytes()); // 00:00:00
    header.extend((((2016 - 1980) << 9) | (1 << 5) | 1_u16).to_le_bytes());
    header.extend(checksum.to_le_bytes());
    header.extend(position(&deflate(&member.bytes)).to_le_bytes());
    header.extend(position(&member.bytes).to_le_bytes());
    header.extend(name_length.to_le_bytes());
    header.extend(0_u16.to_le_bytes()); // no extra field
    header
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

fn position(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("test archives are small")
}
