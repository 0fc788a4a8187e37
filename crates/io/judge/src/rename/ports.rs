//! A bijection of the ports that keeps what a range means: privileged, ordinary, node port, ephemeral.

use super::addresses::shuffle;
use netwhy_lab::Random;
use std::ops::Range;

/// Within each the ports change places. Above 32767 the kernel chooses ports for clients: those stay.
const RANGES: [Range<u16>; 3] = [1..1024, 1024..30000, 30000..32768];

#[derive(Clone, Debug)]
pub(super) struct Ports(Vec<u16>);

impl Ports {
    pub fn new(seed: u64) -> Ports {
        let mut random = Random::new(seed.wrapping_add(1));
        let mut all: Vec<u16> = (0..=u16::MAX).collect();
        for range in RANGES {
            if let Some(part) = all.get_mut(usize::from(range.start)..usize::from(range.end)) {
                shuffle(part, &mut random);
            }
        }
        Ports(all)
    }

    pub fn port(&self, port: u16) -> u16 {
        self.0.get(usize::from(port)).copied().unwrap_or(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_stay() {
        let ports = Ports::new(3);
        let node_ports: std::collections::BTreeSet<u16> = (30000..32768).map(|p| ports.port(p)).collect();
        assert!(node_ports.iter().copied().eq(30000..32768));
        assert!(ports.port(53) < 1024 && ports.port(53) != 53);
        assert_eq!((ports.port(0), ports.port(40000)), (0, 40000));
    }
}
