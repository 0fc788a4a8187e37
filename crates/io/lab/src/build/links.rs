//! Interfaces, addresses, routes, neighbours: what flannel and the bridge plugin write (flannel `backend/vxlan`,
//! containernetworking `plugins/main/bridge`), as scripts for `ip -batch` and `bridge -batch`.

use crate::LabError;
use crate::names::{SWITCH, cidr, host_veth, mac, mac_text, nth, pod_netns, vxlan_device};
use crate::objects::vtep_mac;
use crate::spec::{Node, Pod, Spec};
use crate::state::run_ok;
use netwhy_sys::{Netns, link};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Scripts for one namespace.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The namespace.
    pub(crate) ns: String,
    ip: String,
    bridge: String,
}

impl Batch {
    fn new(ns: &str) -> Self {
        Self {
            ns: ns.to_owned(),
            ..Self::default()
        }
    }

    /// Runs the scripts.
    pub(crate) fn apply(&self, ns: &Netns) -> Result<(), LabError> {
        for (program, script) in [("ip", &self.ip), ("bridge", &self.bridge)] {
            if !script.is_empty() {
                run_ok(ns, &self.ns, &[program, "-batch", "-"], Some(script))?;
            }
        }
        Ok(())
    }
}

macro_rules! line {
    ($to:expr, $($arg:tt)*) => {{
        // Writing to a String cannot fail.
        let _ = writeln!($to, $($arg)*);
    }};
}

/// All scripts, in phases; those of one phase may run at the same time.
pub(crate) fn plan(spec: &Spec) -> Vec<Vec<Batch>> {
    let mut switch = Batch::new(SWITCH);
    line!(switch.ip, "link set lo up");
    line!(
        switch.ip,
        "link add br0 address {} type bridge mcast_snooping 0",
        mac_text(mac(&["br0"]))
    );
    line!(switch.ip, "link set br0 up");
    let mut first: Vec<_> = spec
        .nodes
        .iter()
        .enumerate()
        .map(|(i, node)| node_links(spec, node, i))
        .collect();
    first.extend([outside_links(spec), switch]);
    let pods = spec
        .pods
        .iter()
        .filter(|p| !p.host_network)
        .map(|pod| pod_links(spec, pod))
        .collect();
    let mut last: Vec<_> = spec.nodes.iter().map(|node| node_ports(spec, node)).collect();
    last.push(switch_ports(spec));
    vec![first, pods, last]
}

fn underlay_eth0(batch: &mut Batch, spec: &Spec, ip: std::net::Ipv4Addr, port: usize) {
    let (mine, theirs) = (mac_text(mac(&["eth0", &batch.ns])), mac_text(mac(&["port", &batch.ns])));
    let mtu = spec.underlay_mtu;
    // The numbers of the two ends must differ: where they are equal, the kernel (`net/core/link_watch.c:
    // linkwatch_urgent_event`) takes the link for no pair, and lets a second pass until it carries packets.
    let index = 100 + port;
    line!(batch.ip, "link set lo up");
    line!(
        batch.ip,
        "link add eth0 index 2 address {mine} mtu {mtu} type veth peer name port-{port} index {index} address {theirs} mtu {mtu} netns {SWITCH}"
    );
    line!(batch.ip, "address add {ip}/{} dev eth0", spec.underlay.prefix);
    line!(batch.ip, "link set eth0 up");
}

fn node_links(spec: &Spec, node: &Node, index: usize) -> Batch {
    let mut batch = Batch::new(&node.name);
    underlay_eth0(&mut batch, spec, node.ip, index + 1);
    line!(batch.ip, "route add default via {} dev eth0", spec.outside.ip);
    let (device, mtu) = (vxlan_device(spec.vni), spec.underlay_mtu - 50);
    let vtep = mac_text(vtep_mac(spec, node));
    line!(
        batch.ip,
        "link add {device} index 3 address {vtep} mtu {mtu} type vxlan id {} local {} dev eth0 dstport {} nolearning",
        spec.vni,
        node.ip,
        spec.vxlan_port
    );
    line!(batch.ip, "address add {}/32 dev {device}", node.pod_cidr.addr);
    line!(batch.ip, "link set {device} up");
    let bridge = mac_text(mac(&["cni0", &node.name]));
    line!(
        batch.ip,
        "link add cni0 index 4 address {bridge} mtu {mtu} type bridge mcast_snooping 0"
    );
    line!(
        batch.ip,
        "address add {}/{} brd + dev cni0",
        nth(node.pod_cidr, 1),
        node.pod_cidr.prefix
    );
    line!(batch.ip, "link set cni0 up");
    let peers = peer_routes(spec, node);
    batch.ip.push_str(&peers.ip);
    batch.bridge = peers.bridge;
    batch
}

/// What a node has in its main table when it has booted and flannel has started.
pub(crate) fn node_routes(spec: &Spec, node: &Node) -> Batch {
    let mut batch = peer_routes(spec, node);
    line!(batch.ip, "route replace default via {} dev eth0", spec.outside.ip);
    batch
}

/// Per peer one route, one neighbour, one forwarding entry, as flannel adds them.
fn peer_routes(spec: &Spec, node: &Node) -> Batch {
    let mut batch = Batch::new(&node.name);
    let device = vxlan_device(spec.vni);
    for peer in spec.nodes.iter().filter(|peer| peer.name != node.name) {
        let (net, vtep) = (peer.pod_cidr, mac_text(vtep_mac(spec, peer)));
        line!(
            batch.ip,
            "neigh replace {} lladdr {vtep} dev {device} nud permanent",
            net.addr
        );
        line!(
            batch.bridge,
            "fdb replace {vtep} dev {device} dst {} self permanent",
            peer.ip
        );
        line!(
            batch.ip,
            "route replace {} via {} dev {device} onlink",
            cidr(net),
            net.addr
        );
    }
    batch
}

fn outside_links(spec: &Spec) -> Batch {
    let mut batch = Batch::new(&spec.outside.name);
    underlay_eth0(&mut batch, spec, spec.outside.ip, spec.nodes.len() + 1);
    batch
}

fn pod_links(spec: &Spec, pod: &Pod) -> Batch {
    let name = pod_netns(&pod.namespace, &pod.name);
    let mut batch = Batch::new(&name);
    let (mine, theirs) = (mac_text(mac(&["eth0", &name])), mac_text(mac(&["veth", &name])));
    let (mtu, veth, node) = (spec.underlay_mtu - 50, host_veth(pod), &pod.node);
    let Some(net) = spec.nodes.iter().find(|n| n.name == *node).map(|n| n.pod_cidr) else {
        return batch;
    };
    // After lo, eth0, flannel.N and cni0; given, because pods are made in parallel.
    let earlier = spec
        .pods
        .iter()
        .take_while(|p| *p != pod)
        .filter(|p| p.node == *node && !p.host_network);
    let index = 5 + earlier.count();
    line!(batch.ip, "link set lo up");
    line!(
        batch.ip,
        "link add eth0 index 2 address {mine} mtu {mtu} type veth peer name {veth} index {index} address {theirs} mtu {mtu} netns {node}"
    );
    line!(batch.ip, "address add {}/{} brd + dev eth0", pod.ip, net.prefix);
    line!(batch.ip, "link set eth0 up");
    let routes = pod_routes(spec, pod);
    batch.ip.push_str(&routes.ip);
    batch
}

/// The routes that the bridge plugin gives a pod.
pub(crate) fn pod_routes(spec: &Spec, pod: &Pod) -> Batch {
    let mut batch = Batch::new(&pod_netns(&pod.namespace, &pod.name));
    if let Some(node) = spec.nodes.iter().find(|n| n.name == pod.node) {
        let gateway = nth(node.pod_cidr, 1);
        line!(batch.ip, "route replace default via {gateway} dev eth0");
        line!(
            batch.ip,
            "route replace {} via {gateway} dev eth0",
            cidr(spec.pod_network)
        );
    }
    batch
}

fn node_ports(spec: &Spec, node: &Node) -> Batch {
    let mut batch = Batch::new(&node.name);
    for pod in spec.pods.iter().filter(|p| p.node == node.name && !p.host_network) {
        let veth = host_veth(pod);
        line!(batch.ip, "link set {veth} master cni0");
        line!(batch.ip, "link set {veth} type bridge_slave hairpin on");
        line!(batch.ip, "link set {veth} up");
    }
    batch
}

fn switch_ports(spec: &Spec) -> Batch {
    let mut batch = Batch::new(SWITCH);
    for port in 1..=spec.nodes.len() + 1 {
        line!(batch.ip, "link set port-{port} master br0");
        line!(batch.ip, "link set port-{port} up");
    }
    batch
}

/// Switches GSO, TSO and GRO off on all interfaces of a namespace (what is captured is what a wire would carry, and
/// packets that are too large are seen as such), and waits until all of them carry packets: the kernel notices only
/// after a while that the other end of a veth has come up, and a bridge drops what comes until then. A bridge without
/// pods never does.
pub(crate) fn finish(name: &str, ns: &Netns, spec: &Spec) -> Result<(), LabError> {
    let idle_bridge = spec.pods.iter().all(|pod| pod.host_network || pod.node != name);
    let expected = |name: &str| name != "cni0" || !idle_bridge;
    let missing = |name: &str| expected(name) && !link::is_running(name).unwrap_or(false);
    let names = || -> std::io::Result<Vec<String>> {
        let names = link::names()?;
        names.iter().try_for_each(|name| link::offloads_off(name))?;
        let deadline = Instant::now() + CARRIER_LIMIT;
        loop {
            let down: Vec<_> = names.iter().filter(|name| missing(name)).cloned().collect();
            if down.is_empty() || Instant::now() > deadline {
                return Ok(down);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let failed = |why: String| LabError::step(format!("links of {name}"), why);
    let down = ns.run(names).and_then(|down| down).map_err(|e| failed(e.to_string()))?;
    if down.is_empty() {
        Ok(())
    } else {
        Err(failed(format!("no carrier on {}", down.join(", "))))
    }
}

const CARRIER_LIMIT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_flannel_writes() {
        let spec = Spec::default_with(3);
        let batch = node_links(&spec, &spec.nodes[0], 0);
        for expected in [
            "type vxlan id 1 local 192.168.50.11 dev eth0 dstport 8472 nolearning\n",
            "address add 10.244.1.0/32 dev flannel.1\n",
            "route replace 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink\n",
            "address add 10.244.1.1/24 brd + dev cni0\n",
        ] {
            assert!(batch.ip.contains(expected), "{expected} is not in\n{}", batch.ip);
        }
        assert_eq!(batch.bridge.lines().count(), 2);
        assert!(batch.bridge.contains(" dst 192.168.50.12 self permanent"));
    }
}
