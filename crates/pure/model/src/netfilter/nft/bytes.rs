//! What a register holds.

use std::fmt;

/// Bytes in network order (`struct nft_regs`), `NFT_DATA_VALUE_MAXLEN` of them at most. Numbers of the host's order are
/// turned, so that all compare as they count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes {
    len: u8,
    data: [u8; Bytes::MAX],
}

impl Bytes {
    /// Longest value.
    pub const MAX: usize = 64;

    /// No byte.
    #[must_use]
    pub fn empty() -> Bytes {
        Bytes {
            len: 0,
            data: [0; Bytes::MAX],
        }
    }

    /// These; `None` if there are too many.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Bytes> {
        let mut all = Bytes::empty();
        all.push(bytes).then_some(all)
    }

    /// A number in so many bytes, the lower ones of it.
    #[must_use]
    pub fn number(value: u128, len: usize) -> Bytes {
        let mut all = Bytes::empty();
        let bytes = value.to_be_bytes();
        all.push(&bytes[bytes.len() - len.min(bytes.len())..]);
        all
    }

    /// Puts more behind it; `false`, and nothing is done, if there is no room.
    pub fn push(&mut self, bytes: &[u8]) -> bool {
        let from = usize::from(self.len);
        let Some(room) = self.data.get_mut(from..from + bytes.len()) else {
            return false;
        };
        room.copy_from_slice(bytes);
        self.len += bytes.len() as u8;
        true
    }

    /// As a number, if it is no longer than sixteen bytes.
    #[must_use]
    pub fn as_number(&self) -> Option<u128> {
        let bytes = self.as_slice();
        (bytes.len() <= 16).then(|| bytes.iter().fold(0, |n, byte| n << 8 | u128::from(*byte)))
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.data[..usize::from(self.len)]
    }

    /// The same, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.data[..usize::from(self.len)]
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, self.as_slice())
    }
}

/// Bytes as one number in hexadecimal digits.
pub(super) fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_lower_bytes_and_their_order() {
        let port = Bytes::number(0x1_1f90, 2);
        assert_eq!((port.as_slice(), port.as_number()), (&[0x1f, 0x90][..], Some(0x1f90)));
        assert!(Bytes::number(9, 4) < Bytes::number(256, 4));
        let mut full = Bytes::new(&[1; 63]).unwrap();
        assert!(!full.push(&[1, 2]) && full.len() == 63 && full.push(&[1]));
        assert_eq!((Bytes::new(&[0; 65]), full.as_number()), (None, None));
    }
}
