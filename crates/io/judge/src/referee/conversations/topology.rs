//! Hosts, and how they are connected.

use super::draw::{Draw, Role, put};

impl Draw {
    /// One of the shapes.
    pub(super) fn topology(&mut self) {
        match self.random.range(1, 12) {
            1 | 2 => self.routed(),
            3 | 4 => self.bridged(),
            5 | 6 => self.two_nodes(true),
            7 => self.two_nodes(false),
            8 => self.point_to_point(),
            9 => self.two_ways(),
            10 => self.asymmetric(),
            11 => self.chain(),
            _ => self.segment(),
        }
        for host in self.with_role(&[Role::Node, Role::Router]) {
            self.no_redirects(&host.name);
        }
    }

    /// Servers at the usual ports, and these as targets.
    pub(super) fn end_host(&mut self, name: &str, addr: [u8; 4]) {
        self.serve(name, "tcp", 8080);
        self.serve(name, "udp", 53);
        self.target(addr, "tcp", 8080, 6);
        self.target(addr, "udp", 53, 4);
        self.target(addr, "tcp", 8081, 1);
        self.target(addr, "udp", 54, 1);
    }

    /// A server of the node or router itself.
    fn own_server(&mut self, name: &str) {
        self.serve(name, "tcp", 9000);
        if self.one_in(3) {
            self.serve(name, "udp", 53);
        }
        for link in self.routed_links(name) {
            if let Some((addr, _)) = link.addr {
                self.target(addr, "tcp", 9000, 2);
                self.target(addr, "udp", 53, 1);
                self.target(addr, "tcp", 9001, 1);
            }
        }
    }

    /// Two or three hosts around one router.
    fn routed(&mut self) {
        self.feature("topology routed");
        let hosts = ["c", "s", "t"];
        let count = 2 + self.below(2);
        self.host("r", Role::Router, "");
        for (i, name) in hosts.into_iter().take(count).enumerate() {
            let net = i as u8 + 1;
            self.host(name, Role::Outside, "");
            self.veth(&format!("r:r{name}"), &format!("{name}:eth0"));
            self.addr("r", &format!("r{name}"), [10, net, 0, 1], 24);
            self.peer("r", &format!("r{name}"), [10, net, 0, 2]);
            self.addr(name, "eth0", [10, net, 0, 2], 24);
            self.peer(name, "eth0", [10, net, 0, 1]);
            put!(self, "{name} ip route add default via 10.{net}.0.1");
            self.end_host(name, [10, net, 0, 2]);
        }
        self.forwards("r");
        self.own_server("r");
    }

    /// A node's bridge and its pods.
    fn pods(&mut self, node: &str, net: u8, names: &[&str]) {
        self.bridge(node, "cni0");
        self.addr(node, "cni0", [10, net, 0, 1], 24);
        self.peer(node, "cni0", [10, net, 0, 2]);
        for (i, name) in names.iter().enumerate() {
            let host = i as u8 + 2;
            self.host(name, Role::Pod, node);
            self.veth(&format!("{node}:v{name}"), &format!("{name}:eth0"));
            self.port(node, &format!("v{name}"), "cni0");
            self.addr(name, "eth0", [10, net, 0, host], 24);
            self.peer(name, "eth0", [10, net, 0, 1]);
            put!(self, "{name} ip route add default via 10.{net}.0.1");
            self.end_host(name, [10, net, 0, host]);
        }
        if let Some(host) = self.get(node) {
            host.pods = Some(format!("10.{net}.0.0/24"));
        }
        self.cluster = Some("10.0.0.0/13");
        self.forwards(node);
    }

    /// A host outside, at a link of a node or router. `knows`: it has a route to everything behind.
    fn outside(&mut self, name: &str, at: (&str, &str), net: u8, knows: bool) {
        self.host(name, Role::Outside, "");
        self.veth(&format!("{}:{}", at.0, at.1), &format!("{name}:eth0"));
        self.addr(at.0, at.1, [10, net, 0, 1], 24);
        self.peer(at.0, at.1, [10, net, 0, 9]);
        self.addr(name, "eth0", [10, net, 0, 9], 24);
        self.peer(name, "eth0", [10, net, 0, 1]);
        if knows {
            put!(self, "{name} ip route add default via 10.{net}.0.1");
        }
        self.end_host(name, [10, net, 0, 9]);
    }

    /// One node with a bridge, pods, and hosts outside.
    fn bridged(&mut self) {
        self.feature("topology bridged");
        self.host("n", Role::Node, "");
        let pods: &[&str] = if self.one_in(2) { &["a", "b"] } else { &["a", "b", "d"] };
        self.pods("n", 1, pods);
        let knows = !self.one_in(3);
        self.outside("x", ("n", "eth0"), 9, knows);
        if self.one_in(3) {
            self.outside("y", ("n", "eth1"), 10, true);
        }
        if self.one_in(2) {
            put!(self, "n ip route add default via 10.9.0.9");
        }
        self.own_server("n");
    }

    /// Two nodes with pods, by VXLAN or by routes.
    fn two_nodes(&mut self, vxlan: bool) {
        self.feature(if vxlan { "topology vxlan" } else { "topology host-gw" });
        let nodes = ["n", "m"];
        let small = self.one_in(2);
        for (i, node) in nodes.into_iter().enumerate() {
            self.host(node, Role::Node, "");
            let net = i as u8 + 1;
            match (i, small) {
                (0, _) => self.pods(node, net, &["a", "b"]),
                (_, true) => self.pods(node, net, &["d"]),
                (_, false) => self.pods(node, net, &["d", "e"]),
            }
        }
        let over_router = vxlan && small && self.one_in(3);
        if over_router {
            self.feature("topology nodes behind a router");
            self.host("r", Role::Router, "");
            for (i, node) in nodes.into_iter().enumerate() {
                let net = i as u8 + 20;
                self.veth(&format!("{node}:eth0"), &format!("r:r{node}"));
                self.addr(node, "eth0", [10, net, 0, 2], 24);
                self.peer(node, "eth0", [10, net, 0, 1]);
                self.addr("r", &format!("r{node}"), [10, net, 0, 1], 24);
                put!(self, "{node} ip route add default via 10.{net}.0.1");
            }
            self.forwards("r");
        } else {
            self.veth("n:eth0", "m:eth0");
            self.addr("n", "eth0", [10, 20, 0, 1], 24);
            self.addr("m", "eth0", [10, 20, 0, 2], 24);
            self.peer("n", "eth0", [10, 20, 0, 2]);
            self.peer("m", "eth0", [10, 20, 0, 1]);
            if small && self.one_in(2) {
                self.outside("x", ("n", "eth1"), 9, true);
                if self.one_in(2) {
                    put!(self, "m ip route add default via 10.20.0.1");
                }
            }
        }
        let underlay = if over_router {
            ["10.20.0.2", "10.21.0.2"]
        } else {
            ["10.20.0.1", "10.20.0.2"]
        };
        if vxlan {
            self.tunnel(nodes, underlay);
        } else {
            put!(self, "n ip route add 10.2.0.0/24 via {}", underlay[1]);
            put!(self, "m ip route add 10.1.0.0/24 via {}", underlay[0]);
        }
        for node in nodes {
            self.own_server(node);
        }
    }

    /// Pods at links of their own, as Calico has them.
    fn point_to_point(&mut self) {
        self.feature("topology point to point");
        self.host("n", Role::Node, "");
        let pods: &[&str] = if self.one_in(2) { &["a", "b"] } else { &["a", "b", "d"] };
        for (i, name) in pods.iter().enumerate() {
            let host = i as u8 + 2;
            self.host(name, Role::Pod, "n");
            self.veth(&format!("n:cali{name}"), &format!("{name}:eth0"));
            self.addr(name, "eth0", [10, 1, 0, host], 32);
            self.peer("n", &format!("cali{name}"), [10, 1, 0, host]);
            put!(self, "{name} ip route add 169.254.1.1 dev eth0 scope link");
            put!(self, "{name} ip route add default via 169.254.1.1 dev eth0");
            put!(self, "n sysctl net.ipv4.conf.cali{name}.proxy_arp=1");
            put!(self, "n ip route add 10.1.0.{host} dev cali{name} scope link");
            self.end_host(name, [10, 1, 0, host]);
        }
        if let Some(host) = self.get("n") {
            host.pods = Some("10.1.0.0/24".into());
        }
        self.cluster = Some("10.0.0.0/13");
        self.outside("x", ("n", "eth0"), 9, true);
        if !self.one_in(8) {
            put!(self, "n ip route add default via 10.9.0.9");
        }
        if self.one_in(2) {
            put!(self, "n ip route add blackhole 10.1.0.0/26");
            self.target([10, 1, 0, 60], "tcp", 8080, 2);
        }
        self.forwards("n");
        self.own_server("n");
    }
}
