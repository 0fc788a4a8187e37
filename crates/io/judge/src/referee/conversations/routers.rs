//! Shapes with more than one way.

use super::draw::{Draw, Role, put};

impl Draw {
    /// A link between two hosts, `.1` at the first and `.2` at the second.
    fn join(&mut self, one: &str, two: &str, net: u8) {
        let (near, far) = (format!("to{two}"), format!("to{one}"));
        self.veth(&format!("{one}:{near}"), &format!("{two}:{far}"));
        self.addr(one, &near, [10, net, 0, 1], 24);
        self.addr(two, &far, [10, net, 0, 2], 24);
        self.peer(one, &near, [10, net, 0, 2]);
        self.peer(two, &far, [10, net, 0, 1]);
    }

    /// One address at two servers, and routes, rules or several next hops between them.
    pub(super) fn two_ways(&mut self) {
        self.feature("topology two ways");
        self.host("r", Role::Router, "");
        for (i, name) in ["c", "x", "y"].into_iter().enumerate() {
            let net = i as u8 + 1;
            self.host(name, Role::Outside, "");
            self.join("r", name, net);
            put!(self, "{name} ip route add default via 10.{net}.0.1");
            self.end_host(name, [10, net, 0, 2]);
        }
        for name in ["x", "y"] {
            put!(self, "{name} ip addr add 10.50.0.1/32 dev lo");
            put!(self, "{name} serve udp 5353 10.50.0.1");
        }
        if self.one_in(2) {
            put!(self, "c ip addr add 10.1.0.22/24 dev tor");
            put!(self, "c ip route add 10.50.0.1 via 10.1.0.1 src 10.1.0.22");
        }
        self.forwards("r");
        self.serve("r", "tcp", 9000);
        self.target([10, 1, 0, 1], "tcp", 9000, 2);
        self.target([10, 3, 0, 1], "tcp", 9000, 2);
        let many = self.one_in(2);
        if many {
            self.feature("route multipath");
            let weight = 1 + self.below(3);
            put!(
                self,
                "r ip route add 10.50.0.0/24 nexthop via 10.2.0.2 weight {weight} nexthop via 10.3.0.2"
            );
            if self.one_in(2) {
                self.feature("sysctl fib_multipath_hash_policy 1");
                put!(self, "r sysctl net.ipv4.fib_multipath_hash_policy=1");
            }
        } else {
            put!(self, "r ip route add 10.50.0.0/24 via 10.2.0.2");
        }
        let table = self.table("r", "10.50.0.0/24 via 10.3.0.2");
        let rule = self.selector("r");
        self.feature("rule between two ways");
        put!(self, "r ip rule add {rule} lookup {table}");
        for (proto, port) in [("tcp", 8080), ("udp", 5353)] {
            self.target([10, 50, 0, 1], proto, port, 12);
            if let Some(last) = self.targets.last_mut() {
                last.many = many;
            }
        }
    }

    /// The answer takes another router.
    pub(super) fn asymmetric(&mut self) {
        self.feature("topology asymmetric");
        for name in ["q", "r"] {
            self.host(name, Role::Router, "");
        }
        for name in ["c", "s"] {
            self.host(name, Role::Outside, "");
        }
        self.join("q", "c", 1);
        self.join("q", "s", 2);
        self.join("r", "c", 3);
        self.join("r", "s", 4);
        put!(self, "c ip route add 10.50.0.0/24 via 10.1.0.1");
        put!(self, "q ip route add 10.50.0.0/24 via 10.2.0.2");
        put!(self, "s ip addr add 10.50.0.1/32 dev lo");
        put!(self, "c ip route add 10.2.0.0/24 via 10.1.0.1");
        put!(self, "s ip route add 10.1.0.0/24 via 10.4.0.1");
        put!(self, "r ip route add 10.1.0.0/24 via 10.3.0.2");
        if self.one_in(2) {
            put!(self, "s ip route add 10.3.0.0/24 via 10.4.0.1");
            put!(self, "c ip route add 10.4.0.0/24 via 10.3.0.1");
        }
        self.forwards("q");
        self.forwards("r");
        self.end_host("s", [10, 2, 0, 2]);
        self.end_host("c", [10, 1, 0, 2]);
        self.target([10, 50, 0, 1], "tcp", 8080, 6);
        put!(self, "s serve udp 5353 10.50.0.1");
        self.target([10, 50, 0, 1], "udp", 5353, 6);
        self.target([10, 4, 0, 2], "tcp", 8080, 3);
    }

    /// Two routers one behind the other, sometimes with a loop between them.
    pub(super) fn chain(&mut self) {
        self.feature("topology chain");
        for name in ["q", "r"] {
            self.host(name, Role::Router, "");
        }
        for name in ["c", "s"] {
            self.host(name, Role::Outside, "");
        }
        self.join("q", "c", 1);
        self.join("q", "r", 2);
        self.join("r", "s", 3);
        put!(self, "c ip route add default via 10.1.0.1");
        put!(self, "s ip route add default via 10.3.0.1");
        put!(self, "q ip route add 10.3.0.0/24 via 10.2.0.2");
        put!(self, "r ip route add 10.1.0.0/24 via 10.2.0.1");
        if self.one_in(4) {
            self.feature("route loop");
            put!(self, "q ip route add 10.77.0.0/24 via 10.2.0.2");
            put!(self, "r ip route add 10.77.0.0/24 via 10.2.0.1");
            self.target([10, 77, 0, 1], "tcp", 8080, 3);
        }
        for name in ["q", "r"] {
            self.forwards(name);
            self.serve(name, "tcp", 9000);
        }
        self.target([10, 2, 0, 2], "tcp", 9000, 2);
        self.target([10, 3, 0, 1], "tcp", 9000, 1);
        self.end_host("c", [10, 1, 0, 2]);
        self.end_host("s", [10, 3, 0, 2]);
    }

    /// Hosts at a switch; one of them is a node that has a bridge of its own.
    pub(super) fn segment(&mut self) {
        self.feature("topology segment");
        self.host("w", Role::Node, "");
        self.bridge("w", "br0");
        self.host("n", Role::Node, "");
        self.host("x", Role::Outside, "");
        self.host("y", Role::Outside, "");
        for (i, name) in ["n", "x", "y"].into_iter().enumerate() {
            self.veth(&format!("w:p{name}"), &format!("{name}:eth0"));
            self.port("w", &format!("p{name}"), "br0");
            self.addr(name, "eth0", [10, 9, 0, i as u8 + 1], 24);
            self.peer(name, "eth0", [10, 9, 0, (i as u8 + 1) % 3 + 1]);
        }
        if self.one_in(3) {
            self.addr("w", "br0", [10, 9, 0, 250], 24);
        }
        self.host("a", Role::Pod, "n");
        self.veth("n:va", "a:eth0");
        self.addr("n", "va", [10, 1, 0, 1], 24);
        self.addr("a", "eth0", [10, 1, 0, 2], 24);
        self.peer("n", "va", [10, 1, 0, 2]);
        put!(self, "a ip route add default via 10.1.0.1");
        put!(self, "x ip route add 10.1.0.0/24 via 10.9.0.1");
        put!(self, "x ip route add 10.96.0.0/16 via 10.9.0.1");
        put!(self, "y ip route add 10.1.0.0/24 via 10.9.0.1");
        self.cluster = Some("10.1.0.0/24");
        self.forwards("n");
        self.end_host("a", [10, 1, 0, 2]);
        self.end_host("x", [10, 9, 0, 2]);
        self.end_host("y", [10, 9, 0, 3]);
        self.serve("n", "tcp", 9000);
        self.target([10, 9, 0, 1], "tcp", 9000, 3);
    }
}
