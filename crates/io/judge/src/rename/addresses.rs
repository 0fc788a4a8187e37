//! A bijection of the IPv4 addresses that keeps subnets subnets.
//!
//! The first octet is permuted; the bits of the second and third are flipped, each by what stands before it, so that
//! addresses that share a prefix share one afterwards; the last octet is permuted within its /24, but for 0 and 255.

use super::text::addresses_in;
use netwhy_lab::Random;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

#[derive(Clone, Debug)]
pub(super) struct Addresses {
    seed: u64,
    first: Vec<u8>,
    /// /24 networks with subnets: their last octet stays.
    divided: BTreeSet<[u8; 3]>,
    /// /16 networks that are one subnet, with a broadcast address: their third octet stays.
    wide: BTreeSet<[u8; 2]>,
}

impl Addresses {
    /// For the networks that these texts mention.
    pub fn of<'a>(texts: impl Iterator<Item = &'a str>, seed: u64) -> Addresses {
        let (mut divided, mut wide) = (BTreeSet::new(), BTreeSet::new());
        for found in texts.flat_map(addresses_in) {
            let [a, b, c, d] = found.addr.octets();
            if found.prefix.is_some_and(|p| (25..32).contains(&p)) {
                divided.insert([a, b, c]);
            }
            if c == 255 && d == 255 {
                wide.insert([a, b]);
            }
        }
        Addresses {
            seed,
            first: first_octets(seed),
            divided,
            wide,
        }
    }

    /// An address.
    pub fn address(&self, addr: Ipv4Addr) -> Ipv4Addr {
        let [a, b, c, d] = addr.octets();
        if is_fixed(a, b) {
            return addr;
        }
        let third = match self.wide.contains(&[a, b]) {
            true => c,
            false => self.flip(&[a, b], c),
        };
        let last = match self.divided.contains(&[a, b, c]) {
            true => d,
            false => self.permute(&[a, b, c], d),
        };
        let first = self.first.get(usize::from(a)).copied().unwrap_or(a);
        Ipv4Addr::new(first, self.flip(&[a], b), third, last)
    }

    /// A network: what is zero behind the prefix stays zero.
    pub fn network(&self, addr: Ipv4Addr, prefix: u8) -> Ipv4Addr {
        let renamed = self.address(addr);
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
        match u32::from(addr) & !mask {
            // Nothing is known of networks wider than an octet: 0.0.0.0/0, 10.0.0.0/7.
            0 if prefix < 8 => addr,
            0 => Ipv4Addr::from(u32::from(renamed) & mask),
            _ => renamed,
        }
    }

    fn flip(&self, before: &[u8], octet: u8) -> u8 {
        let mut flipped = 0;
        for bit in (0..8).rev() {
            let above = if bit == 7 { 0 } else { octet >> (bit + 1) };
            let coin = self.random(before, 1 + u64::from(above) + (bit as u64) * 256).bits() as u8 & 1;
            flipped |= ((octet >> bit & 1) ^ coin) << bit;
        }
        flipped
    }

    fn permute(&self, before: &[u8], octet: u8) -> u8 {
        if octet == 0 || octet == 255 {
            return octet;
        }
        let mut all: Vec<u8> = (1..255).collect();
        shuffle(&mut all, &mut self.random(before, 0));
        all.get(usize::from(octet) - 1).copied().unwrap_or(octet)
    }

    fn random(&self, before: &[u8], about: u64) -> Random {
        let key = before.iter().fold(about << 3 | before.len() as u64, |key, octet| {
            key.wrapping_mul(0x100_0193).wrapping_add(u64::from(*octet) + 1)
        });
        Random::new(self.seed ^ Random::new(key).bits())
    }
}

fn is_fixed(a: u8, b: u8) -> bool {
    a == 0 || a == 127 || a >= 224 || (a == 169 && b == 254)
}

/// Where each first octet goes; those with addresses of their own stay.
fn first_octets(seed: u64) -> Vec<u8> {
    let free: Vec<u8> = (1..224).filter(|a| *a != 127 && *a != 169).collect();
    let mut to = free.clone();
    shuffle(&mut to, &mut Random::new(seed));
    let mut all: Vec<u8> = (0..=255).collect();
    for (from, to) in free.iter().zip(to) {
        if let Some(slot) = all.get_mut(usize::from(*from)) {
            *slot = to;
        }
    }
    all
}

pub(super) fn shuffle<T>(all: &mut [T], random: &mut Random) {
    for last in (1..all.len()).rev() {
        all.swap(last, random.range(0, last as u32) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Addresses {
        Addresses::of([text].into_iter(), 7)
    }

    #[test]
    fn a_bijection_that_keeps_subnets() {
        let map = addresses("");
        let ip = |text: &str| text.parse::<Ipv4Addr>().unwrap();
        let mut seen = BTreeSet::new();
        for c in 0..=255 {
            for d in 0..=255 {
                let renamed = map.address(Ipv4Addr::new(10, 97, c, d));
                assert!(seen.insert(renamed));
                for (net, prefix) in [("10.96.0.0", 12), ("10.97.0.0", 16), ("10.0.0.0", 8)] {
                    let network = u32::from(map.network(ip(net), prefix));
                    assert_eq!(
                        (network ^ u32::from(renamed)) >> (32 - prefix),
                        0,
                        "{net}/{prefix} {renamed}"
                    );
                }
                assert_eq!(d == 0, renamed.octets()[3] == 0);
                assert_eq!(d == 255, renamed.octets()[3] == 255);
            }
        }
        assert_eq!(map.network(ip("0.0.0.0"), 0), ip("0.0.0.0"));
        assert_eq!(map.address(ip("127.0.0.53")), ip("127.0.0.53"));
        assert_ne!(map.address(ip("10.244.1.1")), ip("10.244.1.1"));
    }

    #[test]
    fn divided_and_wide_networks() {
        let map = addresses("172.30.0.64/26 and 192.168.255.255");
        let at = |a, b, c, d| map.address(Ipv4Addr::new(a, b, c, d)).octets();
        assert_eq!(at(172, 30, 0, 77)[3], 77);
        assert_eq!(at(192, 168, 9, 1)[2], 9);
        let network = map.network(Ipv4Addr::new(172, 30, 0, 64), 26);
        assert_eq!(network.octets()[3], 64);
    }
}
