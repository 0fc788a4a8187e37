//! Forwarding is off on one interface, while `ip_forward` says 1.

use super::{Args, Fault, arg, site};
use crate::Change;
use crate::names::vxlan_device;
use crate::spec::Spec;

pub(super) const FAULT: Fault = Fault {
    id: "iface-forwarding-off",
    does: "sets forwarding=0 on one interface of a node, while net.ipv4.ip_forward stays 1",
    decoy: false,
    params: &["node", "iface"],
    options: &[],
    sites,
    plan: |lab, _, args| {
        let (node, iface) = (arg(args, "node")?, arg(args, "iface")?);
        // A dot in the name of an interface is a slash in the name of a key.
        let key = format!("net.ipv4.conf.{}.forwarding", iface.replace('.', "/"));
        Ok(vec![Change::sysctl(lab, node, &key, "0")?])
    },
};

fn sites(spec: &Spec) -> Vec<Args> {
    let device = vxlan_device(spec.vni);
    let of = |node: &str| ["cni0", &device].map(|iface| site([("node", node), ("iface", iface)]));
    spec.nodes.iter().flat_map(|node| of(&node.name)).collect()
}
