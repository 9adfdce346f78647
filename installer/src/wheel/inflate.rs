//! Inflating what ZIP archives hold: most members at once into memory, large ones piece by piece.

use resolver::sync::lock;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard};

use flate2::{Decompress, FlushDecompress, Status};
use libdeflate_sys as ffi;

/// Members up to this many bytes are inflated at once. Every thread that unpacks may hold as many.
const WHOLE: u64 = 4 << 20;

/// Larger ones, up to this many, too, if no other thread is about to do so.
const LARGE: u64 = 16 << 20;

/// All others are inflated in pieces of this many bytes, and all content is given on in such pieces, which stay in the
/// processor's cache while they are hashed and written. (For writes of 2 MB and more, Linux looks for a huge page, and
/// where memory is in pieces it searches for longer than it would take to write into small ones.)
pub(super) const PIECE: usize = 256 << 10;

const BROKEN: &str = "can't be inflated";
const LONGER: &str = "is longer than announced";
const SHORTER: &str = "is shorter than announced";
const FOLLOWED: &str = "is followed by bytes that are not its own";

/// Inflates members one after the other, with memory that is asked for once.
#[derive(Debug, Default)]
pub(crate) struct Inflater {
    whole: Option<Whole>,
    buffer: Vec<u8>,
    large: Arc<LargeRoom>,
}

/// Room in memory for one large member, shared by all that inflate at the same time.
type LargeRoom = Mutex<Vec<u8>>;

/// The inflaters that have nothing to do. Whoever unpacks takes one of them: with memory that is given back after each
/// few members and asked for anew, a large installation takes a twentieth longer.
#[derive(Clone, Debug, Default)]
pub(super) struct Inflaters {
    idle: Arc<Mutex<Vec<Inflater>>>,
    large: Arc<LargeRoom>,
}

impl Inflaters {
    /// An idle inflater, or a new one. It is idle again when the answer is dropped.
    pub(super) fn take(&self) -> Taken<'_> {
        let new = || Inflater {
            large: Arc::clone(&self.large),
            ..Inflater::default()
        };
        Taken {
            inflater: self.idle().pop().unwrap_or_else(new),
            from: self,
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Inflater>> {
        lock(&self.idle)
    }
}

/// An inflater that somebody uses.
pub(super) struct Taken<'a> {
    pub(super) inflater: Inflater,
    from: &'a Inflaters,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let inflater = std::mem::take(&mut self.inflater);
        self.from.idle().push(inflater);
    }
}

impl Inflater {
    /// Inflates `data`, which must be one deflate stream (RFC 1951) of `size` bytes and nothing else. `sink` gets the
    /// content, in one piece or several; `broken` makes an error of what is wrong. `used` hears of how many bytes from
    /// the start of `data` nobody needs any more.
    pub(super) fn inflate<E>(
        &mut self,
        data: &[u8],
        size: u64,
        broken: impl Fn(&'static str) -> E,
        used: impl Fn(usize),
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let Ok(length) = usize::try_from(size) else {
            return Err(broken(BROKEN));
        };
        let large = Arc::clone(&self.large);
        if size <= WHOLE {
            sink(self.at_once(data, length).map_err(broken)?)
        } else if let (true, Ok(mut room)) = (size <= LARGE, large.try_lock()) {
            let whole = Whole::in_place(&mut self.whole);
            let content = whole.and_then(|whole| whole.fill(data, &mut room, length));
            sink(content.map_err(broken)?)
        } else {
            in_pieces(data, size, broken, used, sink)
        }
    }

    fn at_once(&mut self, data: &[u8], length: usize) -> Result<&[u8], &'static str> {
        Whole::in_place(&mut self.whole)?.fill(data, &mut self.buffer, length)
    }
}

fn in_pieces<E>(
    mut data: &[u8],
    size: u64,
    broken: impl Fn(&'static str) -> E,
    used: impl Fn(usize),
    mut sink: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let length = data.len();
    let mut state = Decompress::new(false);
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        let (before_in, before_out) = (state.total_in(), state.total_out());
        let status = state
            .decompress_vec(data, &mut piece, FlushDecompress::None)
            .map_err(|_| broken(BROKEN))?;
        let consumed = state.total_in() - before_in;
        data = usize::try_from(consumed)
            .ok()
            .and_then(|consumed| data.get(consumed..))
            .ok_or_else(|| broken(BROKEN))?;
        if state.total_out() > size {
            return Err(broken(LONGER));
        }
        if status == Status::StreamEnd {
            break;
        }
        if piece.len() == piece.capacity() {
            sink(&piece)?;
            piece.clear();
            used(length - data.len());
        } else if consumed == 0 && state.total_out() == before_out {
            return Err(broken("ends too early"));
        }
    }
    if !data.is_empty() {
        return Err(broken(FOLLOWED));
    }
    if state.total_out() != size {
        return Err(broken(SHORTER));
    }
    sink(&piece)
}

/// The CRC-32 of what was seen so far.
#[derive(Default)]
pub(super) struct Crc(pub(super) u32);

impl Crc {
    #[expect(unsafe_code, reason = "a C library without a safe wrapper for this")]
    pub(super) fn update(&mut self, bytes: &[u8]) {
        // SAFETY: the slice is valid for its length, and is only read.
        self.0 = unsafe { ffi::libdeflate_crc32(self.0, bytes.as_ptr().cast(), bytes.len()) };
    }
}

/// libdeflate's decompressor.
#[derive(Debug)]
struct Whole(NonNull<ffi::libdeflate_decompressor>);

#[expect(
    unsafe_code,
    reason = "a C library, whose safe wrapper hides how much of the input was used"
)]
// SAFETY: the decompressor is memory of its own that any thread may use, one at a time.
unsafe impl Send for Whole {}

impl Whole {
    /// The one at this place, made now if there is none.
    fn in_place(place: &mut Option<Self>) -> Result<&mut Self, &'static str> {
        match place {
            Some(whole) => Ok(whole),
            none => {
                Ok(none.insert(Self::new().ok_or("can't be inflated: there is no memory left")?))
            }
        }
    }

    /// Inflates all of `data` to exactly `length` bytes at the beginning of `buffer`, which grows if it has to.
    fn fill<'b>(
        &mut self,
        data: &[u8],
        buffer: &'b mut Vec<u8>,
        length: usize,
    ) -> Result<&'b [u8], &'static str> {
        if buffer.len() < length {
            // Nothing in it is worth being moved.
            buffer.clear();
            buffer.resize(length, 0);
        }
        let content = &mut buffer[..length];
        self.inflate(data, content)?;
        Ok(content)
    }
}

#[expect(unsafe_code, reason = "as above")]
impl Whole {
    fn new() -> Option<Self> {
        // SAFETY: it only allocates; null means that it could not.
        NonNull::new(unsafe { ffi::libdeflate_alloc_decompressor() }).map(Self)
    }

    /// Fills `content` from all of `data`, exactly.
    fn inflate(&mut self, data: &[u8], content: &mut [u8]) -> Result<(), &'static str> {
        let (mut consumed, mut produced) = (0, 0);
        // SAFETY: the decompressor lives, and both slices are valid for their lengths, which the library keeps to.
        let result = unsafe {
            ffi::libdeflate_deflate_decompress_ex(
                self.0.as_ptr(),
                data.as_ptr().cast::<c_void>(),
                data.len(),
                content.as_mut_ptr().cast::<c_void>(),
                content.len(),
                &raw mut consumed,
                &raw mut produced,
            )
        };
        match result {
            ffi::libdeflate_result_LIBDEFLATE_SUCCESS if produced < content.len() => Err(SHORTER),
            ffi::libdeflate_result_LIBDEFLATE_SUCCESS if consumed < data.len() => Err(FOLLOWED),
            ffi::libdeflate_result_LIBDEFLATE_SUCCESS => Ok(()),
            ffi::libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE => Err(LONGER),
            _ => Err(BROKEN),
        }
    }
}

#[expect(unsafe_code, reason = "as above")]
impl Drop for Whole {
    fn drop(&mut self) {
        // SAFETY: it came from the library and goes only once.
        unsafe { ffi::libdeflate_free_decompressor(self.0.as_ptr()) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::{FOLLOWED, Inflater, LONGER, SHORTER, in_pieces};

    fn deflated(content: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Both ways must say the same.
    fn inflate(data: &[u8], size: usize) -> Result<Vec<u8>, &'static str> {
        let mut inflater = Inflater::default();
        let at_once = inflater.at_once(data, size).map(<[u8]>::to_vec);
        let mut content = Vec::new();
        let in_pieces = in_pieces(
            data,
            size as u64,
            |problem| problem,
            |_| {},
            |piece| {
                content.extend_from_slice(piece);
                Ok(())
            },
        );
        assert_eq!(at_once.is_ok(), in_pieces.is_ok());
        if let Ok(at_once) = &at_once {
            assert!(*at_once == content);
        }
        at_once
    }

    #[test]
    fn sizes_are_exact_and_nothing_follows() {
        for length in [0, 1, 1000, 300 << 10, 1 << 20] {
            let content: Vec<u8> = (0..length).map(|at: usize| (at * at % 251) as u8).collect();
            let data = deflated(&content);
            assert!(inflate(&data, length).unwrap() == content);
            assert_eq!(inflate(&data, length + 1), Err(SHORTER));
            if length > 0 {
                assert_eq!(inflate(&data, length - 1), Err(LONGER));
            }
            assert_eq!(inflate(&[&data[..], b"x"].concat(), length), Err(FOLLOWED));
            assert!(inflate(&data[..data.len() - 1], length).is_err());
            assert!(inflate(b"rubbish", length).is_err());
        }
    }
}
