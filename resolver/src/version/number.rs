//! Whole numbers of any size, as PEP 440 has them.
use std::cmp::Ordering;
use std::fmt;

/// A number in a version. Almost all fit a machine word; the rest keep their digits.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub struct Number(Digits);

#[derive(Clone, Debug, Eq, PartialEq, Hash)]
enum Digits {
    Small(u64),
    /// Decimal digits without leading zeros, of a number that is more than `u64::MAX`.
    Big(Box<str>),
}

impl Number {
    pub(super) const ZERO: Self = Self(Digits::Small(0));

    /// From ASCII digits, of which there must be at least one.
    pub(super) fn from_digits(digits: &str) -> Self {
        debug_assert!(!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
        digits.parse().map_or_else(
            |_| Self(Digits::Big(digits.trim_start_matches('0').into())),
            |small| Self(Digits::Small(small)),
        )
    }

    /// The number, if it fits a machine word.
    #[must_use]
    pub fn to_u64(&self) -> Option<u64> {
        match self.0 {
            Digits::Small(number) => Some(number),
            Digits::Big(_) => None,
        }
    }

    /// Is it zero?
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0 == Digits::Small(0)
    }

    /// One more.
    #[must_use]
    pub fn next(&self) -> Self {
        match &self.0 {
            Digits::Small(number) if *number < u64::MAX => Self(Digits::Small(number + 1)),
            Digits::Small(number) => {
                Self(Digits::Big((u128::from(*number) + 1).to_string().into()))
            }
            Digits::Big(digits) => Self::from_digits(&stepped(digits, b'9', b'0', 1)),
        }
    }

    /// One less; zero stays zero.
    #[must_use]
    pub fn previous(&self) -> Self {
        match &self.0 {
            Digits::Small(number) => Self(Digits::Small(number.saturating_sub(1))),
            Digits::Big(digits) => Self::from_digits(&stepped(digits, b'0', b'9', -1)),
        }
    }

    /// Appends bytes that sort as the numbers do; the first byte is `least` or more.
    pub(super) fn write_key(&self, least: u8, key: &mut Vec<u8>) {
        const LENGTHS: u8 = 0xF0;
        match &self.0 {
            Digits::Small(number) => match u8::try_from(*number) {
                Ok(byte) if byte < LENGTHS - least => key.push(byte + least),
                _ => {
                    let bytes = number.to_be_bytes();
                    let skipped = (number.leading_zeros() / 8) as usize;
                    let used = &bytes[skipped..];
                    key.push(LENGTHS + used.len() as u8);
                    key.extend_from_slice(used);
                }
            },
            Digits::Big(digits) => {
                key.push(u8::MAX);
                key.extend_from_slice(&(digits.len() as u64).to_be_bytes());
                key.extend_from_slice(digits.as_bytes());
            }
        }
    }
}

/// Adds one `step` (1 or -1) to decimal digits; `turn` becomes `turned` and carries on to the left.
fn stepped(digits: &str, turn: u8, turned: u8, step: i8) -> String {
    let mut bytes = digits.as_bytes().to_vec();
    for byte in bytes.iter_mut().rev() {
        if *byte == turn {
            *byte = turned;
        } else {
            *byte = byte.saturating_add_signed(step);
            return bytes.into_iter().map(char::from).collect();
        }
    }
    // Only nines come here: a big number going down has a digit above zero in front.
    std::iter::once('1')
        .chain(bytes.into_iter().map(char::from))
        .collect()
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self(Digits::Small(number))
    }
}

impl PartialEq<u64> for Number {
    fn eq(&self, other: &u64) -> bool {
        self.0 == Digits::Small(*other)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Digits::Small(a), Digits::Small(b)) => a.cmp(b),
            (Digits::Small(_), Digits::Big(_)) => Ordering::Less,
            (Digits::Big(_), Digits::Small(_)) => Ordering::Greater,
            (Digits::Big(a), Digits::Big(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Digits::Small(number) => number.fmt(f),
            Digits::Big(digits) => digits.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn steps_across_the_machine_word() {
        let last = Number::from(u64::MAX);
        assert_eq!(last.next().to_string(), "18446744073709551616");
        assert_eq!(last.next().previous(), last);
        let nines = Number::from_digits("99999999999999999999");
        assert_eq!(nines.next().to_string(), "100000000000000000000");
        assert_eq!(nines.next().previous(), nines);
        assert_eq!(Number::from_digits("000"), Number::ZERO);
        assert_eq!(Number::from_digits("00099999999999999999999"), nines);
    }

    #[test]
    fn keys_sort_as_the_numbers_do() {
        let numbers: Vec<Number> = [
            "0",
            "1",
            "223",
            "224",
            "231",
            "232",
            "239",
            "240",
            "255",
            "256",
            "65535",
            "65536",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999",
            "100000000000000000000",
        ]
        .map(Number::from_digits)
        .to_vec();
        let keys: Vec<Vec<u8>> = numbers
            .iter()
            .map(|number| {
                let mut key = Vec::new();
                number.write_key(8, &mut key);
                key
            })
            .collect();
        assert!(numbers.is_sorted_by(|a, b| a < b));
        assert!(keys.is_sorted_by(|a, b| a < b));
    }
}
