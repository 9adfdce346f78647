//! Inflating what ZIP archives hold: most members at once into memory, large ones piece by piece.

use resolver::sync::lock;
use std::borrow::Cow;
use std::ffi::c_void;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard};

use flate2::{Decompress, FlushDecompress, Status};
use libdeflate_sys as ffi;

use super::input::Input;

/// Members up to this many bytes are inflated at once. Every thread that unpacks has two members in hand.
const WHOLE: usize = 2 << 20;

/// Larger ones, up to this many with what they are inflated from, too, if no other is about to be.
const LARGE: usize = 20 << 20;

/// For all others, so many bytes are read at a time.
const READ: usize = 64 << 10;

/// They are inflated in pieces of this many bytes, and all content is given on in such pieces, which stay in the
/// processor's cache while they are hashed and written. (For writes of 2 MB and more, Linux looks for a huge page, and
/// where memory is in pieces it searches for longer than it would take to write into small ones.)
pub(super) const PIECE: usize = 256 << 10;

/// What is wrong with a member: a fragment that reads after "member `x`".
pub(super) type Problem = Cow<'static, str>;

const BROKEN: &str = "can't be inflated";
const LONGER: &str = "is longer than announced";
const SHORTER: &str = "is shorter than announced";
const FOLLOWED: &str = "is followed by bytes that are not its own";

/// Inflates members one after the other, with memory that is asked for once.
#[derive(Debug, Default)]
struct Inflater {
    whole: Option<Whole>,
    /// For what is to be inflated.
    packed: Vec<u8>,
    /// For what came of it.
    buffer: Vec<u8>,
}

/// The inflaters that have nothing to do. Whoever inflates takes one of them: with memory that is given back after each
/// few members and asked for anew, a large installation takes a twentieth longer.
#[derive(Clone, Debug)]
pub(super) struct Inflaters {
    idle: Arc<Mutex<Vec<Inflater>>>,
    /// Memory for one large member, unless one is there.
    large: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Default for Inflaters {
    fn default() -> Self {
        Self {
            idle: Arc::default(),
            large: Arc::new(Mutex::new(Some(Vec::new()))),
        }
    }
}

impl Inflaters {
    /// Begins with a part of an archive, which must be one deflate stream (RFC 1951) of `size` bytes and nothing else.
    ///
    /// # Errors
    /// A fragment that reads after "member `x`" when it is something else or can't be read.
    pub(super) fn inflate<'a>(
        &'a self,
        input: Input<'a>,
        part: Range<u64>,
        size: u64,
    ) -> Result<Unpacking<'a>, Problem> {
        let (length, packed) = (to_index(size)?, to_index(part.end - part.start)?);
        let mut rest = Rest { input, part };
        let mut inflater = self.take();
        let Inflater {
            whole,
            packed: memory,
            buffer,
        } = &mut inflater.inner;
        let way = if length.max(packed) <= WHOLE {
            let data = room(memory, packed);
            rest.fill(data)?;
            Whole::in_place(whole)?.inflate(data, room(buffer, length))?;
            Way::AtOnce {
                length,
                large: None,
            }
        } else if length.saturating_add(packed) <= LARGE
            && let Some(mut large) = self.large_room()
        {
            let (content, memory) = room(&mut large.memory, LARGE).split_at_mut(length);
            let data = &mut memory[..packed];
            rest.fill(data)?;
            Whole::in_place(whole)?.inflate(data, content)?;
            Way::AtOnce {
                length,
                large: Some(large),
            }
        } else {
            Way::InPieces(Stream::new(rest, size))
        };
        Ok(Unpacking::new(inflater, way))
    }

    /// Begins with a part of an archive that is stored as it is.
    pub(super) fn stored<'a>(&'a self, input: Input<'a>, part: Range<u64>) -> Unpacking<'a> {
        Unpacking::new(self.take(), Way::Stored(Rest { input, part }))
    }

    /// An idle inflater, or a new one. It is idle again when the answer is dropped.
    fn take(&self) -> Taken<'_> {
        Taken {
            inner: self.idle().pop().unwrap_or_default(),
            from: self,
        }
    }

    fn large_room(&self) -> Option<LargeRoom<'_>> {
        let memory = lock(&self.large).take()?;
        Some(LargeRoom { memory, from: self })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Inflater>> {
        lock(&self.idle)
    }
}

/// An inflater that somebody uses.
#[derive(Debug)]
struct Taken<'a> {
    inner: Inflater,
    from: &'a Inflaters,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let inflater = std::mem::take(&mut self.inner);
        self.from.idle().push(inflater);
    }
}

/// The memory for one large member, while one is there.
#[derive(Debug)]
struct LargeRoom<'a> {
    memory: Vec<u8>,
    from: &'a Inflaters,
}

impl Drop for LargeRoom<'_> {
    fn drop(&mut self) {
        *lock(&self.from.large) = Some(std::mem::take(&mut self.memory));
    }
}

/// The content of a member while it is unpacked.
#[derive(Debug)]
pub(super) struct Unpacking<'a> {
    inflater: Taken<'a>,
    way: Way<'a>,
    /// Where the last piece lies in the memory it was unpacked into.
    piece: Range<usize>,
}

#[derive(Debug)]
enum Way<'a> {
    /// It is all there, in the room for large ones if that was taken.
    AtOnce {
        length: usize,
        large: Option<LargeRoom<'a>>,
    },
    InPieces(Stream<'a>),
    Stored(Rest<'a>),
}

/// The part of an archive that is still to be read.
#[derive(Debug)]
struct Rest<'a> {
    input: Input<'a>,
    part: Range<u64>,
}

impl Rest<'_> {
    /// How much comes next, if not more than so many bytes are wanted.
    fn next(&self, most: usize) -> usize {
        usize::try_from(self.part.end - self.part.start).map_or(most, |left| left.min(most))
    }

    /// Fills `bytes` with what comes next.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Problem> {
        self.input
            .read(self.part.start, bytes)
            .map_err(|error| unreadable(&error))?;
        self.part.start += bytes.len() as u64;
        Ok(())
    }
}

impl<'a> Unpacking<'a> {
    fn new(inflater: Taken<'a>, way: Way<'a>) -> Self {
        Self {
            inflater,
            way,
            piece: 0..0,
        }
    }

    /// Goes on to the next piece. Says whether there is one; if not, the whole content was right, and the piece stays
    /// the last one. All have [`PIECE`] bytes but for the last.
    ///
    /// # Errors
    /// As [`Inflaters::inflate`].
    pub(super) fn advance(&mut self) -> Result<bool, Problem> {
        let Inflater { packed, buffer, .. } = &mut self.inflater.inner;
        let next = match &mut self.way {
            Way::AtOnce { length, .. } => {
                let start = self.piece.end;
                start..(*length).min(start + PIECE)
            }
            Way::InPieces(stream) => 0..stream.inflate(packed, room(buffer, PIECE))?,
            Way::Stored(rest) => {
                let length = rest.next(PIECE);
                rest.fill(room(buffer, length))?;
                0..length
            }
        };
        let more = !next.is_empty();
        if more {
            self.piece = next;
        }
        Ok(more)
    }

    /// The piece that was last gone on to.
    pub(super) fn piece(&self) -> &[u8] {
        let memory = match &self.way {
            Way::AtOnce {
                large: Some(large), ..
            } => &large.memory,
            _ => &self.inflater.inner.buffer,
        };
        &memory[self.piece.clone()]
    }
}

/// A deflate stream that is inflated piece by piece.
#[derive(Debug)]
struct Stream<'a> {
    state: Decompress,
    /// Bytes that shall come of it.
    size: u64,
    rest: Rest<'a>,
    /// Where in the inflater's memory lies what was read and is not inflated.
    read: Range<usize>,
}

impl<'a> Stream<'a> {
    fn new(rest: Rest<'a>, size: u64) -> Self {
        Self {
            state: Decompress::new(false),
            size,
            rest,
            read: 0..0,
        }
    }

    /// Inflates what comes next to `piece`, by way of `packed`. Returns how many bytes that made: all the piece has room
    /// for, or fewer at the end.
    fn inflate(&mut self, packed: &mut Vec<u8>, piece: &mut [u8]) -> Result<usize, Problem> {
        let mut filled = 0;
        loop {
            if self.read.is_empty() {
                self.read = 0..self.rest.next(READ);
                self.rest.fill(room(packed, self.read.end))?;
            }
            let before = (self.state.total_in(), self.state.total_out());
            let status = self
                .state
                .decompress(
                    &packed[self.read.clone()],
                    &mut piece[filled..],
                    FlushDecompress::None,
                )
                .map_err(|_| BROKEN)?;
            let after = (self.state.total_in(), self.state.total_out());
            self.read.start += to_index(after.0 - before.0)?;
            filled += to_index(after.1 - before.1)?;
            if after.1 > self.size {
                return Err(LONGER.into());
            }
            let is_at_end = self.read.is_empty() && self.rest.part.is_empty();
            match status {
                Status::StreamEnd if !is_at_end => return Err(FOLLOWED.into()),
                Status::StreamEnd if after.1 < self.size => return Err(SHORTER.into()),
                Status::StreamEnd => return Ok(filled),
                _ if filled == piece.len() => return Ok(filled),
                _ if before == after => return Err("ends too early".into()),
                _ => {}
            }
        }
    }
}

/// The beginning of `memory`, which is made larger if it has less than so many bytes. What is in it is lost.
fn room(memory: &mut Vec<u8>, length: usize) -> &mut [u8] {
    if memory.len() < length {
        let longer = length.max(WHOLE.min(2 * memory.len()));
        *memory = Vec::new(); // or what is in it would be moved
        *memory = vec![0; longer];
    }
    &mut memory[..length]
}

fn to_index(number: u64) -> Result<usize, Problem> {
    usize::try_from(number).map_err(|_| BROKEN.into())
}

/// What is wrong when the archive itself can't be read.
pub(super) fn unreadable(error: &io::Error) -> Problem {
    format!("can't be read: {error}").into()
}

/// The CRC-32 of what was seen so far.
#[derive(Debug, Default)]
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

    use super::{
        FOLLOWED, Inflaters, Input, LONGER, Problem, Rest, SHORTER, Stream, Unpacking, Way,
    };

    fn deflated(content: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn read(mut stream: Unpacking<'_>) -> Result<Vec<u8>, Problem> {
        let mut content = Vec::new();
        while stream.advance()? {
            content.extend_from_slice(stream.piece());
        }
        Ok(content)
    }

    /// Both ways must say the same.
    fn inflate(data: &[u8], size: usize) -> Result<Vec<u8>, Problem> {
        let inflaters = Inflaters::default();
        let (input, all, size) = (Input::from(data), 0..data.len() as u64, size as u64);
        let at_once = inflaters.inflate(input, all.clone(), size).and_then(read);
        let stream = Stream::new(Rest { input, part: all }, size);
        let in_pieces = read(Unpacking::new(inflaters.take(), Way::InPieces(stream)));
        assert_eq!(at_once.is_ok(), in_pieces.is_ok());
        if let Ok(at_once) = &at_once {
            assert!(*at_once == in_pieces.unwrap());
        }
        at_once
    }

    #[test]
    fn sizes_are_exact_and_nothing_follows() {
        for length in [0, 1, 1000, 300 << 10, 1 << 20] {
            let content: Vec<u8> = (0..length).map(|at: usize| (at * at % 251) as u8).collect();
            let data = deflated(&content);
            assert!(inflate(&data, length).unwrap() == content);
            assert_eq!(inflate(&data, length + 1), Err(SHORTER.into()));
            if length > 0 {
                assert_eq!(inflate(&data, length - 1), Err(LONGER.into()));
            }
            assert_eq!(
                inflate(&[&data[..], b"x"].concat(), length),
                Err(FOLLOWED.into())
            );
            assert!(inflate(&data[..data.len() - 1], length).is_err());
            assert!(inflate(b"rubbish", length).is_err());
        }
    }
}
