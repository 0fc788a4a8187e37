//! Labs drawn by a seed: for the grade, and so that nobody fits the default.

use crate::default_spec::{labels, port};
use crate::names::{contains, nth};
use crate::spec::{Net, Node, Outside, Pod, PodPort, Protocol, Service, ServiceKind, ServicePort, Spec};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// SplitMix64: small, well mixed, and the same on every machine for ever.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that starts at this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: u32, high: u32) -> u32 {
        let width = u64::from(high.saturating_sub(low)) + 1;
        low + (self.bits() % width) as u32
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.range(1, n) == 1
    }

    /// One of these; there must be at least one.
    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.range(0, from.len() as u32 - 1) as usize]
    }
}

const NODE_WORDS: [&str; 6] = ["worker", "node", "k8s", "ip-10-1", "pool-a", "metal"];
const NAMESPACES: [&str; 8] = [
    "shop",
    "payments",
    "team-blue",
    "default",
    "data",
    "prod",
    "web",
    "ml-serving",
];
const APPS: [&str; 8] = ["api", "cart", "search", "auth", "billing", "stock", "gateway", "mailer"];
const POD_RANGES: [(u8, u8, u8); 5] = [(10, 244, 16), (10, 42, 16), (172, 20, 16), (100, 64, 16), (10, 128, 14)];
const SERVICE_RANGES: [(u8, u8, u8); 5] = [(10, 0, 16), (10, 96, 12), (10, 43, 16), (172, 30, 16), (10, 152, 16)];

impl Spec {
    /// A lab in which everything that can be is drawn from this seed. It always has a pod that only asks, a Service with
    /// endpoints on several nodes, a NodePort Service, a UDP Service, and a Service without endpoints.
    pub fn random(seed: u64) -> Self {
        Draw::new(seed).spec()
    }
}

struct Draw {
    random: Random,
    taken: BTreeSet<Ipv4Addr>,
    node_ports: BTreeSet<u16>,
    service_network: Net,
    nodes: Vec<Node>,
}

impl Draw {
    fn new(seed: u64) -> Self {
        let nothing = Net {
            addr: Ipv4Addr::UNSPECIFIED,
            prefix: 0,
        };
        Self {
            random: Random::new(seed),
            taken: BTreeSet::new(),
            node_ports: BTreeSet::new(),
            service_network: nothing,
            nodes: Vec::new(),
        }
    }

    fn spec(mut self) -> Spec {
        let pod_network = self.network(&POD_RANGES);
        self.service_network = self.network(&SERVICE_RANGES);
        let third = self.random.range(1, 250) as u8;
        let underlay = Net {
            addr: Ipv4Addr::new(192, 168, third, 0),
            prefix: 24,
        };
        self.make_nodes(pod_network, underlay);
        let outside = Outside {
            name: self.random.pick(&["client", "laptop", "router"]).into(),
            ip: self.host(underlay, 200, 254),
        };
        let (pods, services) = self.workloads();
        Spec {
            topology: "flannel-vxlan".into(),
            nodes: self.nodes,
            pods,
            services,
            pod_network,
            service_network: self.service_network,
            underlay,
            outside,
            vni: if self.random.one_in(3) {
                1
            } else {
                self.random.range(2, 4096)
            },
            vxlan_port: if self.random.one_in(3) { 4789 } else { 8472 },
            underlay_mtu: if self.random.one_in(4) { 1450 } else { 1500 },
        }
    }

    fn network(&mut self, from: &[(u8, u8, u8)]) -> Net {
        let (a, b, prefix) = from[self.random.range(0, from.len() as u32 - 1) as usize];
        Net {
            addr: Ipv4Addr::new(a, b, 0, 0),
            prefix,
        }
    }

    /// A free host of a network, between the low-th and the high-th address.
    fn host(&mut self, net: Net, low: u32, high: u32) -> Ipv4Addr {
        loop {
            let ip = nth(net, self.random.range(low, high));
            if self.taken.insert(ip) {
                return ip;
            }
        }
    }

    fn make_nodes(&mut self, pod_network: Net, underlay: Net) {
        let word = self.random.pick(&NODE_WORDS);
        let first = self.random.range(0, 3);
        let mut number = first;
        for _ in 0..self.random.range(2, 5) {
            number += self.random.range(1, 3);
            let pod_cidr = Net {
                addr: nth(pod_network, number * 256),
                prefix: 24,
            };
            let ip = self.host(underlay, 2, 199);
            self.nodes.push(Node {
                name: format!("{word}-{number}"),
                ip,
                pod_cidr,
            });
        }
    }

    fn pod(&mut self, namespace: &str, app: &str, node: usize, ports: Vec<PodPort>) -> Pod {
        let node = self.nodes[node % self.nodes.len()].clone();
        let ip = self.host(node.pod_cidr, 2, 250);
        let suffix = format!("{:05x}", self.random.bits() & 0xf_ffff);
        Pod {
            namespace: namespace.into(),
            name: format!("{app}-{suffix}"),
            node: node.name,
            ip,
            labels: labels(&[("app", app)]),
            ports,
            host_network: false,
        }
    }

    fn service(&mut self, namespace: &str, name: &str, port: ServicePort, kind: ServiceKind) -> Service {
        let cluster_ip = self.host(self.service_network, 256, 0xfffe);
        let selector = labels(&[("app", name)]);
        Service {
            namespace: namespace.into(),
            name: name.into(),
            kind,
            cluster_ip,
            selector,
            ports: vec![port],
        }
    }

    fn tcp_port(&mut self, target_port: u16, node_port: bool) -> ServicePort {
        let port = if self.random.one_in(2) {
            target_port
        } else {
            self.random.range(80, 9999) as u16
        };
        let mut number = 0;
        while node_port && (number == 0 || !self.node_ports.insert(number)) {
            number = self.random.range(30000, 32767) as u16;
        }
        ServicePort {
            name: "main".into(),
            protocol: Protocol::Tcp,
            port,
            target_port,
            node_port: number,
        }
    }

    fn workloads(&mut self) -> (Vec<Pod>, Vec<Service>) {
        let (mut pods, mut services) = (Vec::new(), Vec::new());
        let count = self.nodes.len();
        let home = self.random.pick(&NAMESPACES);
        let client_node = self.random.range(0, count as u32 - 1) as usize;
        let asked = vec![port("http", Protocol::Tcp, self.random.range(1024, 9999) as u16)];
        pods.push(self.pod(home, "asker", client_node, asked));
        let mut apps: Vec<&str> = APPS.to_vec();
        for kind in [ServiceKind::ClusterIP, ServiceKind::NodePort] {
            let app = apps.remove(self.random.range(0, apps.len() as u32 - 1) as usize);
            let namespace = if kind == ServiceKind::ClusterIP {
                home
            } else {
                self.random.pick(&NAMESPACES)
            };
            let number = self.random.range(1024, 9999) as u16;
            let offset = self.random.range(0, count as u32 - 1) as usize;
            for i in 0..self.random.range(2, count as u32 + 1) as usize {
                pods.push(self.pod(namespace, app, offset + i, vec![port("main", Protocol::Tcp, number)]));
            }
            let service_port = self.tcp_port(number, kind == ServiceKind::NodePort);
            services.push(self.service(namespace, app, service_port, kind));
        }
        self.dns(&mut pods, &mut services);
        let nobody = self.tcp_port(8080, false);
        services.push(self.service(home, "nobody", nobody, ServiceKind::ClusterIP));
        self.fill(&mut pods);
        (pods, services)
    }

    fn dns(&mut self, pods: &mut Vec<Pod>, services: &mut Vec<Service>) {
        let offset = self.random.range(0, 4) as usize;
        for i in 0..2 {
            pods.push(self.pod(
                "kube-system",
                "kube-dns",
                offset + i,
                vec![port("dns", Protocol::Udp, 53)],
            ));
        }
        let dns = ServicePort {
            name: "dns".into(),
            protocol: Protocol::Udp,
            port: 53,
            target_port: 53,
            node_port: 0,
        };
        let mut service = self.service("kube-system", "kube-dns", dns, ServiceKind::ClusterIP);
        service.cluster_ip = nth(self.service_network, 10);
        services.push(service);
    }

    /// A pod on each node that has none yet, and sometimes one on the host network.
    fn fill(&mut self, pods: &mut Vec<Pod>) {
        for node in 0..self.nodes.len() {
            if pods.iter().all(|p| p.node != self.nodes[node].name) {
                let idle = vec![port("http", Protocol::Tcp, 8080)];
                pods.push(self.pod("default", "idle", node, idle));
            }
        }
        if self.random.one_in(2) {
            let node = self.random.range(0, 4) as usize;
            let number = self.random.range(9000, 9500) as u16;
            let mut exporter = self.pod(
                "kube-system",
                "exporter",
                node,
                vec![port("metrics", Protocol::Tcp, number)],
            );
            exporter.ip = self.nodes[node % self.nodes.len()].ip;
            exporter.host_network = true;
            pods.push(exporter);
        }
        debug_assert!(
            pods.iter()
                .all(|p| p.host_network || self.nodes.iter().any(|n| contains(n.pod_cidr, p.ip)))
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::validate;

    #[test]
    fn the_same_seed_the_same_lab_and_always_valid() {
        let mut sizes = BTreeSet::new();
        for seed in 0..2000 {
            let spec = Spec::random(seed);
            assert_eq!(spec, Spec::random(seed));
            validate(&spec).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            sizes.insert(spec.nodes.len());
            let endpoints = |s: &Service| {
                spec.pods
                    .iter()
                    .filter(|p| s.selector.iter().all(|(k, v)| p.labels.get(k) == Some(v)))
                    .count()
            };
            assert!(
                spec.services
                    .iter()
                    .any(|s| s.kind == ServiceKind::NodePort && endpoints(s) >= 2),
                "seed {seed}"
            );
            assert!(
                spec.services
                    .iter()
                    .any(|s| s.ports[0].protocol == Protocol::Udp && endpoints(s) == 2),
                "seed {seed}"
            );
            assert_eq!(
                spec.services.iter().filter(|s| endpoints(s) == 0).count(),
                1,
                "seed {seed}"
            );
        }
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
    }
}
