//! Damaged members never end in a panic: bytes of real ones are changed, cut, doubled, and every parser reads the result.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the test reads a recording from a file"
)]

use netwhy_snapshot::format::ip_json::{self, parse_list};
use netwhy_snapshot::format::{
    conntrack, ipset_save, iptables_save, kube_list, nft_json, resolv_conf, snmp, ss, sysctl,
};
use netwhy_snapshot::{Limits, Meta, Snapshot, allow};

const RECORDING: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/cni-calico-ipip-tun-ipfwd-n2.tar.zst"
);

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

fn read_every_way(text: &str) {
    let save = iptables_save::parse(text);
    let view = save.view(text);
    save.rules
        .iter()
        .for_each(|rule| assert!(!view.chain_name(rule).is_empty()));
    // What was kept of a damaged save prints to something that is read without a problem, and to the same again.
    let printed = view.print(true);
    let again = iptables_save::parse(&printed);
    assert_eq!(again.rules.len(), save.rules.len());
    assert_eq!(again.view(&printed).print(true), printed);
    let (entries, _) = conntrack::parse(text);
    assert_eq!(conntrack::parse(&conntrack::print(&entries)).0.len(), entries.len());
    let (sockets, _) = ss::parse(text);
    assert_eq!(ss::parse(&ss::print(&sockets)).0.len(), sockets.len());
    sysctl::print(&sysctl::parse(text));
    snmp::print(&snmp::parse(text));
    ipset_save::print(&ipset_save::parse(text));
    resolv_conf::print(&resolv_conf::parse(text));
    nft_json::parse(text);
    parse_list::<ip_json::Link>(text);
    parse_list::<ip_json::AddrLink>(text);
    parse_list::<ip_json::Route>(text);
    parse_list::<ip_json::Rule>(text);
    parse_list::<ip_json::Neigh>(text);
    parse_list::<ip_json::Fdb>(text);
    let _ = kube_list::parse::<kube_list::Pod>(text);
    let _ = kube_list::parse::<kube_list::Service>(text);
    let _ = allow::filter_list("pods", text);
    let _ = Meta::parse(text);
    allow::filter_sysctl(text);
    for path in [
        "etc/sysctl.conf",
        "etc/cni/net.d/x.conf",
        "var/lib/kubelet/config.yaml",
        "etc/calico/confd/config/bird.cfg",
    ] {
        allow::filter_file(path, text.as_bytes());
    }
}

#[test]
fn no_parser_panics() {
    let snapshot = Snapshot::from_archive(&std::fs::read(RECORDING).unwrap(), &Limits::default()).unwrap();
    let mut numbers = Numbers(7);
    for (path, blob) in snapshot.members().filter(|(path, _)| !path.contains("/pods/")) {
        // A window keeps the test short; most damage is local.
        let bytes = blob.bytes();
        for _ in 0..40 {
            let from = if numbers.below(2) == 0 {
                0
            } else {
                numbers.below(bytes.len())
            };
            let mut bytes = bytes
                .get(from..bytes.len().min(from + 3000))
                .unwrap_or_default()
                .to_vec();
            for _ in 0..numbers.below(4) {
                let at = numbers.below(bytes.len());
                match numbers.below(5) {
                    0 => bytes.truncate(at),
                    1 => bytes.insert(at.min(bytes.len()), b"\"\\{}[]:=,\n- %!"[numbers.below(14)]),
                    2 if at < bytes.len() => drop(bytes.remove(at)),
                    3 if at < bytes.len() => bytes[at] = u8::try_from(numbers.below(256)).unwrap(),
                    _ => bytes.extend_from_within(at.min(bytes.len())..),
                }
            }
            let text = String::from_utf8_lossy(&bytes);
            let done = std::panic::catch_unwind(|| read_every_way(&text));
            assert!(done.is_ok(), "{path} from {from}: {text:?}");
        }
    }
}
