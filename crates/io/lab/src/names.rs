//! Names and MAC addresses that follow from the spec: the same lab twice has the same ones.

use crate::spec::{Net, Pod};
use std::net::Ipv4Addr;

/// The namespace with the bridge between the nodes.
pub const SWITCH: &str = "switch";

/// The folder of a pod's namespace in a bundle, and its name below `/run/netns`.
pub fn pod_netns(namespace: &str, name: &str) -> String {
    format!("{namespace}_{name}")
}

/// The network namespace that a pod runs in: its own, or its node's.
pub fn netns_of(pod: &Pod) -> String {
    if pod.host_network {
        pod.node.clone()
    } else {
        pod_netns(&pod.namespace, &pod.name)
    }
}

/// The host end of a pod's interface: `veth` and eight hex digits, as the bridge plugin names it.
pub fn host_veth(pod: &Pod) -> String {
    format!("veth{:08x}", hash(&["veth", &pod.namespace, &pod.name]) as u32)
}

/// The device of flannel.
pub fn vxlan_device(vni: u32) -> String {
    format!("flannel.{vni}")
}

/// A locally administered unicast address that follows from these words.
pub fn mac(words: &[&str]) -> [u8; 6] {
    let bytes = hash(words).to_be_bytes();
    [bytes[2] & 0xfc | 0x02, bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]
}

/// `02:42:ac:11:00:02`
pub fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// The n-th address of a network; 0 is the network's own.
pub fn nth(net: Net, n: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(net.addr).wrapping_add(n))
}

/// `10.244.1.0/24`
pub fn cidr(net: Net) -> String {
    format!("{}/{}", net.addr, net.prefix)
}

/// The network mask.
pub fn mask(net: Net) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(net.prefix.min(32))).unwrap_or(0)
}

/// Whether the address lies in the network.
pub fn contains(net: Net, ip: Ipv4Addr) -> bool {
    u32::from(ip) & mask(net) == u32::from(net.addr) & mask(net)
}

/// FNV-1a over the words, each with an end mark.
fn hash(words: &[&str]) -> u64 {
    let bytes = words.iter().flat_map(|word| word.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macs_are_local_unicast_and_differ() {
        let (a, b) = (mac(&["eth0", "worker-1"]), mac(&["eth0", "worker-2"]));
        assert_ne!(a, b);
        assert_eq!(a[0] & 0b11, 0b10);
        assert_eq!(mac_text([2, 0x42, 0, 0, 0, 0xff]), "02:42:00:00:00:ff");
        assert_ne!(mac(&["ab", "c"]), mac(&["a", "bc"]));
    }

    #[test]
    fn networks() {
        let net = Net {
            addr: Ipv4Addr::new(10, 244, 1, 0),
            prefix: 24,
        };
        assert_eq!(nth(net, 1), Ipv4Addr::new(10, 244, 1, 1));
        assert!(contains(net, Ipv4Addr::new(10, 244, 1, 255)));
        assert!(!contains(net, Ipv4Addr::new(10, 244, 2, 0)));
        assert!(contains(
            Net {
                addr: Ipv4Addr::UNSPECIFIED,
                prefix: 0
            },
            Ipv4Addr::BROADCAST
        ));
    }
}
