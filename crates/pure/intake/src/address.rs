//! What an address is in most clusters: the default ranges of well-known installers. A hint, never a fact.

use std::net::{IpAddr, Ipv4Addr};

/// What an address is likely to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressHint {
    /// In the default Service range of an installer.
    Service(&'static str),
    /// In the default pod range of an installer.
    Pod(&'static str),
    /// Loopback.
    Loopback,
    /// NodeLocal DNS, or a cloud's metadata.
    LinkLocal,
    /// Private, and in no default range.
    Private,
    /// Outside the cluster.
    Public,
}

/// `(first address, prefix length, who)`.
type Ranges = [([u8; 4], u32, &'static str)];

const SERVICES: &Ranges = &[
    ([10, 96, 0, 0], 12, "kubeadm"),
    ([10, 43, 0, 0], 16, "k3s"),
    ([10, 152, 183, 0], 24, "microk8s"),
    ([10, 233, 0, 0], 18, "kubespray"),
    ([172, 30, 0, 0], 16, "OpenShift"),
    ([172, 20, 0, 0], 16, "EKS"),
    ([34, 118, 224, 0], 20, "GKE"),
    ([10, 0, 0, 0], 16, "AKS"),
];
const PODS: &Ranges = &[
    ([10, 244, 0, 0], 16, "flannel and kubeadm"),
    ([10, 42, 0, 0], 16, "k3s"),
    ([10, 233, 64, 0], 18, "kubespray"),
    ([10, 128, 0, 0], 14, "OpenShift"),
    ([10, 1, 0, 0], 16, "microk8s"),
];

/// What an address is likely to be.
#[must_use]
pub fn hint(ip: IpAddr) -> AddressHint {
    match ip {
        IpAddr::V6(ip) if ip.is_loopback() => AddressHint::Loopback,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => AddressHint::LinkLocal,
        IpAddr::V6(ip) if ip.is_unique_local() => AddressHint::Private,
        IpAddr::V6(_) => AddressHint::Public,
        IpAddr::V4(ip) if ip.is_loopback() => AddressHint::Loopback,
        IpAddr::V4(ip) if ip.is_link_local() => AddressHint::LinkLocal,
        IpAddr::V4(ip) => v4(ip),
    }
}

fn v4(ip: Ipv4Addr) -> AddressHint {
    if let Some(who) = find(SERVICES, ip) {
        return AddressHint::Service(who);
    }
    if let Some(who) = find(PODS, ip) {
        return AddressHint::Pod(who);
    }
    let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
    if ip.is_private() || shared {
        AddressHint::Private
    } else {
        AddressHint::Public
    }
}

fn find(ranges: &Ranges, ip: Ipv4Addr) -> Option<&'static str> {
    let inside = |net: [u8; 4], len: u32| (ip.to_bits() ^ Ipv4Addr::from(net).to_bits()) >> (32 - len) == 0;
    ranges
        .iter()
        .find(|(net, len, _)| inside(*net, *len))
        .map(|(_, _, who)| *who)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_of_installers() {
        for (ip, expected) in [
            ("10.0.21.231", AddressHint::Service("AKS")),
            ("10.96.0.1", AddressHint::Service("kubeadm")),
            ("10.111.255.255", AddressHint::Service("kubeadm")),
            ("10.112.0.0", AddressHint::Private),
            ("10.244.1.7", AddressHint::Pod("flannel and kubeadm")),
            ("192.168.1.1", AddressHint::Private),
            ("127.0.0.53", AddressHint::Loopback),
            ("169.254.20.10", AddressHint::LinkLocal),
            ("8.8.8.8", AddressHint::Public),
            ("fd00::1", AddressHint::Private),
        ] {
            assert_eq!(hint(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
