//! Hashing of downloads.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::dist::Hash;

/// Computes the SHA-256 of a stream, and other SHA-2 hashes that are asked for.
pub(crate) struct Digests {
    sha256: Sha256,
    sha384: Option<Sha384>,
    sha512: Option<Sha512>,
}

/// Can a hash of this algorithm prove that a file is the right one?
pub(crate) fn is_strong(algorithm: &str) -> bool {
    matches!(algorithm, "sha256" | "sha384" | "sha512")
}

impl Digests {
    /// For what these hashes need.
    pub(crate) fn new(wanted: &[Hash]) -> Self {
        let wants = |algorithm| wanted.iter().any(|hash| hash.algorithm == algorithm);
        Self {
            sha256: Sha256::new(),
            sha384: wants("sha384").then(Sha384::new),
            sha512: wants("sha512").then(Sha512::new),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(hasher) = &mut self.sha384 {
            hasher.update(bytes);
        }
        if let Some(hasher) = &mut self.sha512 {
            hasher.update(bytes);
        }
    }

    /// All computed hashes, SHA-256 first.
    pub(crate) fn finish(self) -> Vec<Hash> {
        let mut hashes = vec![Hash::sha256(HEXLOWER.encode(&self.sha256.finalize()))];
        let mut add = |algorithm: &str, digest: &[u8]| {
            hashes.push(Hash {
                algorithm: algorithm.to_owned(),
                hex: HEXLOWER.encode(digest),
            });
        };
        if let Some(hasher) = self.sha384 {
            add("sha384", &hasher.finalize());
        }
        if let Some(hasher) = self.sha512 {
            add("sha512", &hasher.finalize());
        }
        hashes
    }
}

/// Has `bytes` this hash?
pub(crate) fn fits(bytes: &[u8], hash: &Hash) -> bool {
    let mut digests = Digests::new(std::slice::from_ref(hash));
    digests.update(bytes);
    digests.finish().contains(hash)
}

#[cfg(test)]
mod tests {
    use super::{Digests, fits};
    use crate::dist::Hash;

    #[test]
    fn sha256_is_always_there_and_others_on_request() {
        let sha256 =
            Hash::sha256("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let sha384: Hash = "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7".parse().unwrap();
        assert!(fits(b"abc", &sha256) && fits(b"abc", &sha384));
        assert!(!fits(b"abd", &sha256) && !fits(b"abd", &sha384));
        assert!(!fits(
            b"abc",
            &"md5:900150983cd24fb0d6963f7d28e17f72".parse().unwrap()
        ));
        let mut digests = Digests::new(&[]);
        digests.update(b"abc");
        assert_eq!(digests.finish(), [sha256]);
    }
}
