//! SHA-256 (FIPS 180-4) of two messages at a time.
//!
//! Processors with instructions for it wait for most of the time: each one needs what the one before it gave. The
//! instructions for a second message fill that time: both together take little longer than one of them alone.

use sha2::block_api::compress256;

/// Messages are hashed in blocks of so many bytes.
pub(super) const BLOCK: usize = 64;

/// The hash of what was seen of a message so far, in whole blocks.
#[derive(Clone, Debug)]
pub(super) struct Hash {
    state: [u32; 8],
    /// Bytes.
    seen: u64,
}

impl Hash {
    /// The hash of nothing.
    pub(super) fn new() -> Self {
        Self {
            state: [
                0x6a09_e667,
                0xbb67_ae85,
                0x3c6e_f372,
                0xa54f_f53a,
                0x510e_527f,
                0x9b05_688c,
                0x1f83_d9ab,
                0x5be0_cd19,
            ],
            seen: 0,
        }
    }

    /// Takes all whole blocks that a message goes on with. Returns how many bytes that is.
    pub(super) fn update(&mut self, bytes: &[u8]) -> usize {
        let (blocks, _) = bytes.as_chunks();
        compress256(&mut self.state, blocks);
        self.count(blocks)
    }

    /// Takes from two messages as many whole blocks as both go on with. Returns how many bytes of each that is.
    pub(super) fn update_both(&mut self, bytes: &[u8], other: &mut Self, others: &[u8]) -> usize {
        let shorter = bytes.len().min(others.len());
        let (blocks, _) = bytes[..shorter].as_chunks();
        let (others, _) = others[..shorter].as_chunks();
        compress_both([&mut self.state, &mut other.state], [blocks, others]);
        other.count(others);
        self.count(blocks)
    }

    fn count(&mut self, blocks: &[[u8; BLOCK]]) -> usize {
        let bytes = blocks.as_flattened().len();
        self.seen += bytes as u64;
        bytes
    }

    /// The hash of a message that ends with `rest`, of less than a block.
    pub(super) fn finish(mut self, rest: &[u8]) -> [u8; 32] {
        let length = self.seen + rest.len() as u64;
        let mut padded = [[0; BLOCK]; 2];
        padded[0][..rest.len()].copy_from_slice(rest);
        padded[0][rest.len()] = 0x80;
        let blocks = if rest.len() < BLOCK - size_of::<u64>() {
            &mut padded[..1]
        } else {
            &mut padded[..]
        };
        if let Some(bits) = blocks.as_flattened_mut().last_chunk_mut() {
            *bits = (length * 8).to_be_bytes();
        }
        compress256(&mut self.state, blocks);
        let mut digest = [0; 32];
        for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        digest
    }
}

/// Both have the same number of blocks.
fn compress_both(states: [&mut [u32; 8]; 2], blocks: [&[[u8; BLOCK]]; 2]) {
    #[cfg(target_arch = "x86_64")]
    if x86::can() {
        #[expect(unsafe_code, reason = "the compiler can't know the processor")]
        // SAFETY: it has the instructions.
        return unsafe { x86::compress_both(states, blocks) };
    }
    for (state, blocks) in states.into_iter().zip(blocks) {
        compress256(state, blocks);
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::is_x86_feature_detected;
    use std::arch::x86_64::{
        __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_set_epi64x,
        _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
        _mm_shuffle_epi32,
    };

    use super::BLOCK;

    /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes, four for each step.
    const ADDED: [[u32; 4]; 16] = [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
        [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
        [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
        [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
        [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
        [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
        [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
        [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
        [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ];

    /// Has the processor the instructions?
    pub(super) fn can() -> bool {
        is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1")
    }

    /// A message's state in the order of the instructions, and the part of its schedule that the next step begins with.
    #[derive(Clone, Copy)]
    struct Lane {
        abef: __m128i,
        cdgh: __m128i,
        words: [__m128i; 4],
    }

    #[target_feature(enable = "sha,ssse3,sse4.1")]
    pub(super) fn compress_both(states: [&mut [u32; 8]; 2], blocks: [&[[u8; BLOCK]]; 2]) {
        let [first, second] = states;
        let (mut one, mut other) = (Lane::load(first), Lane::load(second));
        for (block, others) in blocks[0].iter().zip(blocks[1]) {
            let before = (one, other);
            one.words = words(block);
            other.words = words(others);
            macro_rules! steps {
                ($($number:literal)*) => { $( one.step::<$number>(); other.step::<$number>(); )* };
            }
            steps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
            one.add(before.0);
            other.add(before.1);
        }
        one.store(first);
        other.store(second);
    }

    /// The words of a block, which are big-endian.
    #[inline]
    #[target_feature(enable = "sha,ssse3,sse4.1")]
    fn words(block: &[u8; BLOCK]) -> [__m128i; 4] {
        let turned = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let (halves, _) = block.as_chunks();
        std::array::from_fn(|part| {
            let half = |number: usize| i64::from_le_bytes(halves[2 * part + number]);
            _mm_shuffle_epi8(_mm_set_epi64x(half(1), half(0)), turned)
        })
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn vector([a, b, c, d]: [u32; 4]) -> __m128i {
        let [a, b, c, d] = [a, b, c, d].map(u32::cast_signed);
        _mm_set_epi32(d, c, b, a)
    }

    impl Lane {
        #[inline]
        #[target_feature(enable = "sha,ssse3,sse4.1")]
        fn load([a, b, c, d, e, f, g, h]: &[u32; 8]) -> Self {
            Self {
                abef: vector([*f, *e, *b, *a]),
                cdgh: vector([*h, *g, *d, *c]),
                words: [vector([0; 4]); 4],
            }
        }

        #[inline]
        #[target_feature(enable = "sha,ssse3,sse4.1")]
        fn store(self, state: &mut [u32; 8]) {
            let words = |vector| {
                [
                    _mm_extract_epi32::<0>(vector),
                    _mm_extract_epi32::<1>(vector),
                    _mm_extract_epi32::<2>(vector),
                    _mm_extract_epi32::<3>(vector),
                ]
                .map(i32::cast_unsigned)
            };
            let ([f, e, b, a], [h, g, d, c]) = (words(self.abef), words(self.cdgh));
            *state = [a, b, c, d, e, f, g, h];
        }

        #[inline]
        #[target_feature(enable = "sha,ssse3,sse4.1")]
        fn add(&mut self, before: Self) {
            self.abef = _mm_add_epi32(self.abef, before.abef);
            self.cdgh = _mm_add_epi32(self.cdgh, before.cdgh);
        }

        /// Four rounds; of the schedule it makes what the step after the next three begins with.
        #[inline]
        #[target_feature(enable = "sha,ssse3,sse4.1")]
        fn step<const NUMBER: usize>(&mut self) {
            let word = |after: usize| self.words[(NUMBER + after) % 4];
            let added = _mm_add_epi32(word(0), vector(ADDED[NUMBER]));
            let next = _mm_add_epi32(
                _mm_sha256msg1_epu32(word(0), word(1)),
                _mm_alignr_epi8::<4>(word(3), word(2)),
            );
            self.words[NUMBER % 4] = _mm_sha256msg2_epu32(next, word(3));
            self.cdgh = _mm_sha256rnds2_epu32(self.cdgh, self.abef, added);
            let added = _mm_shuffle_epi32::<0b1110>(added);
            self.abef = _mm_sha256rnds2_epu32(self.abef, self.cdgh, added);
        }
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::Hash;

    /// Hashes two messages as far as they go together, then each alone.
    fn both(one: &[u8], other: &[u8]) -> [[u8; 32]; 2] {
        let (mut first, mut second) = (Hash::new(), Hash::new());
        let together = first.update_both(one, &mut second, other);
        [(first, one), (second, other)].map(|(mut hash, message)| {
            let rest = &message[together..];
            let alone = hash.update(rest);
            hash.finish(&rest[alone..])
        })
    }

    #[test]
    fn two_at_once_are_as_each_alone() {
        let bytes: Vec<u8> = (0..600_u32).map(|at| (at * at % 251) as u8).collect();
        for length in 0..bytes.len() {
            let (one, other) = bytes.split_at(length);
            let expected = [one, other].map(|message| <[u8; 32]>::from(Sha256::digest(message)));
            assert_eq!(both(one, other), expected, "{length}");
        }
    }
}
