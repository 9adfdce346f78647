//! Digests: the names of blobs, and the proof that a blob is the right one.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use data_encoding::HEXLOWER;
use resolver::dist::Hash;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 in the form of image specifications, `sha256:` and 64 lower-case hex digits. Others are not known here.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    hex: String,
}

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            hex: HEXLOWER.encode(&Sha256::digest(bytes)),
        }
    }

    /// The 64 digits alone.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.hex
    }

    pub(super) fn hash(&self) -> Hash {
        Hash::sha256(&self.hex)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex)
    }
}

/// A text that is no SHA-256 digest.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` is no sha256 digest")]
pub struct DigestError {
    /// The text as given.
    pub text: String,
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        match text.strip_prefix("sha256:") {
            Some(hex) if hex.len() == 64 && hex.bytes().all(is_digit) => Ok(Self {
                hex: hex.to_owned(),
            }),
            _ => Err(DigestError {
                text: text.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// A reader or writer that hashes and counts what goes through it.
pub(super) struct Hashing<T> {
    inner: T,
    sha256: Sha256,
    size: u64,
}

impl<T> Hashing<T> {
    pub(super) fn new(inner: T) -> Self {
        Self {
            inner,
            sha256: Sha256::new(),
            size: 0,
        }
    }

    /// What was below, and the digest and the size of what went through.
    pub(super) fn finish(self) -> (T, Digest, u64) {
        let hex = HEXLOWER.encode(&self.sha256.finalize());
        (self.inner, Digest { hex }, self.size)
    }

    fn add(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.size += bytes.len() as u64;
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.add(&buffer[..count]);
        Ok(count)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.add(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::{Digest, Hashing};

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn only_whole_lower_case_sha256_digests_are_read() {
        assert_eq!(ABC.parse::<Digest>().unwrap(), Digest::of(b"abc"));
        assert_eq!(Digest::of(b"abc").to_string(), ABC);
        for wrong in [
            &ABC[7..],
            &ABC[..70],
            &ABC.to_uppercase(),
            "sha256:../../../../../../../../../../../../../../../../../../../../../../x",
            "sha512:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_goes_through_is_hashed_and_counted() {
        let mut writer = Hashing::new(Vec::new());
        writer.write_all(b"a").unwrap();
        writer.write_all(b"bc").unwrap();
        assert_eq!(writer.finish(), (b"abc".to_vec(), Digest::of(b"abc"), 3));
        let mut reader = Hashing::new(&b"abcdef"[..]);
        let mut three = [0; 3];
        reader.read_exact(&mut three).unwrap();
        assert_eq!(reader.finish(), (&b"def"[..], Digest::of(b"abc"), 3));
    }
}
