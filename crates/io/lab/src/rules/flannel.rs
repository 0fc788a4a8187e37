//! The chains of flanneld with `--ip-masq`, iptables flavour: `pkg/trafficmngr/iptables/iptables.go`, flannel 0.28.

use super::Ruleset;

const MASQ: &str = "-m comment --comment \"flanneld masq\"";
const FORWARD: &str = "-m comment --comment \"flanneld forward\"";

/// Writes FLANNEL-POSTRTG and FLANNEL-FWD for a node whose pods live in `subnet` of the pod network `network`.
///
/// flanneld appends its jumps and kube-proxy prepends its own, so that flanneld's come last whoever began.
pub fn write(rules: &mut Ruleset, network: &str, subnet: &str) {
    let nat = &mut rules.nat;
    nat.append("POSTROUTING", format!("{MASQ} -j FLANNEL-POSTRTG"));
    let chain = "FLANNEL-POSTRTG";
    nat.append(chain, format!("-m mark --mark 0x4000/0x4000 {MASQ} -j RETURN"));
    for between in [
        format!("-s {subnet} -d {network}"),
        format!("-s {network} -d {subnet}"),
        format!("! -s {network} -d {subnet}"),
    ] {
        nat.append(chain, format!("{between} {MASQ} -j RETURN"));
    }
    for outward in [
        format!("-s {network} ! -d 224.0.0.0/4"),
        format!("! -s {network} -d {network}"),
    ] {
        nat.append(chain, format!("{outward} {MASQ} -j MASQUERADE --random-fully"));
    }
    let filter = &mut rules.filter;
    filter.append("FORWARD", format!("{FORWARD} -j FLANNEL-FWD"));
    filter.append("FLANNEL-FWD", format!("-s {network} {FORWARD} -j ACCEPT"));
    filter.append("FLANNEL-FWD", format!("-d {network} {FORWARD} -j ACCEPT"));
}
