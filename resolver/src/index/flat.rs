//! Numbers and texts in a row of bytes, as the cache keeps them.

/// Appends fields.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn number(&mut self, number: u32) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(length(bytes));
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: Option<&str>) {
        self.0.push(text.is_some().into());
        self.bytes(text.unwrap_or_default().as_bytes());
    }
}

/// Takes fields from the front. `None` is the end, or a field that can't be.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn long(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn flag(&mut self) -> Option<bool> {
        self.array().map(|[byte]| byte != 0)
    }

    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()? as usize;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<Option<&'a str>> {
        let is_there = self.flag()?;
        let text = std::str::from_utf8(self.bytes()?).ok()?;
        Some(is_there.then_some(text))
    }
}

/// # Panics
/// When there are 4 GB or more, which no page is allowed to have.
pub(super) fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("what is kept is smaller than 4 GB")
}

pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
