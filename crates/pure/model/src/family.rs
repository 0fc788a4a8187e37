//! Address families, and addresses as numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `AF_INET`, `AF_INET6`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    #[default]
    Inet,
    /// IPv6.
    Inet6,
}

impl Family {
    /// Both.
    pub const ALL: [Family; 2] = [Family::Inet, Family::Inet6];

    /// That of an address.
    #[must_use]
    pub fn of(addr: IpAddr) -> Family {
        match addr {
            IpAddr::V4(_) => Family::Inet,
            IpAddr::V6(_) => Family::Inet6,
        }
    }

    /// Length of its addresses in bits.
    #[must_use]
    pub fn addr_len(self) -> u8 {
        match self {
            Family::Inet => 32,
            Family::Inet6 => 128,
        }
    }

    /// `INADDR_ANY`, `in6addr_any`.
    #[must_use]
    pub fn any(self) -> IpAddr {
        match self {
            Family::Inet => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Family::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }

    /// `127.0.0.1`, `::1`.
    #[must_use]
    pub fn loopback(self) -> IpAddr {
        match self {
            Family::Inet => IpAddr::V4(Ipv4Addr::LOCALHOST),
            Family::Inet6 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        }
    }

    /// The address of [`bits()`].
    #[must_use]
    pub fn addr(self, bits: u128) -> IpAddr {
        match self {
            Family::Inet => IpAddr::V4(Ipv4Addr::from((bits >> 96) as u32)),
            Family::Inet6 => IpAddr::V6(Ipv6Addr::from(bits)),
        }
    }

    /// The number that separates an address from the next, in [`bits()`].
    #[must_use]
    pub fn step(self) -> u128 {
        1 << (128 - u32::from(self.addr_len()))
    }
}

/// An address as a number whose first bit is the first bit of the address, whatever its length: prefixes of both families
/// are the same bits.
#[must_use]
pub fn bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// The mask of a prefix length, for [`bits()`].
#[must_use]
pub fn mask(len: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(len.min(128))).unwrap_or(0)
}

/// 255.255.255.255; IPv6 has no such address.
#[must_use]
pub fn is_broadcast(addr: IpAddr) -> bool {
    matches!(addr, IpAddr::V4(v4) if v4.is_broadcast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_both_families() {
        let addr = |text: &str| -> IpAddr { text.parse().unwrap() };
        assert_eq!(bits(addr("10.1.2.3")) & mask(8), bits(addr("10.0.0.0")));
        assert_eq!(bits(addr("fd00:1::9")) & mask(32), bits(addr("fd00:1::")));
        assert_eq!((mask(0), mask(128)), (0, u128::MAX));
        for text in ["10.1.2.3", "fd00::1"] {
            let family = Family::of(addr(text));
            assert_eq!(family.addr(bits(addr(text))), addr(text));
            assert_eq!(family.step(), !mask(family.addr_len()) + 1);
        }
    }
}
