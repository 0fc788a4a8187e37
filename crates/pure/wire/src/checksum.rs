//! The Internet checksum.

use std::net::Ipv4Addr;

/// The one's complement sum (RFC 1071) of the bytes, from `start` on; an odd last byte is the high one of its word.
/// 0xffff over what has its checksum in it means that it holds.
pub fn sum(bytes: &[u8], start: u16) -> u16 {
    let word = |c: &[u8]| u64::from(c[0]) << 8 | u64::from(c.get(1).copied().unwrap_or(0));
    let mut total = bytes.chunks(2).map(word).fold(u64::from(start), |a, w| a + w);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// The sum of the pseudo header that TCP and UDP begin with (RFC 9293, section 3.1); `len` of header and data (bytes).
pub fn pseudo_header(src: Ipv4Addr, dst: Ipv4Addr, proto: u8, len: u16) -> u16 {
    let [high, low] = len.to_be_bytes();
    let start = sum(&src.octets(), 0);
    sum(&[0, proto, high, low], sum(&dst.octets(), start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums() {
        // RFC 1071, section 3.
        assert_eq!(sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7], 0), 0xddf2);
        assert_eq!(sum(&[0x12], 0), 0x1200);
        assert_eq!(sum(&[0xff; 4], 0xffff), 0xffff);
        assert_eq!(sum(&[], 7), 7);
    }

    #[test]
    fn pseudo() {
        let (src, dst) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        assert_eq!(
            pseudo_header(src, dst, 6, 20),
            sum(&[10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0, 20], 0)
        );
    }
}
