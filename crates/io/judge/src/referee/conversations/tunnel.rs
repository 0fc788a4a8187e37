//! VXLAN as flannel has it, and what goes wrong with it.

use super::draw::{Draw, put};

impl Draw {
    /// `flannel.1` on both nodes: with entries for everything, or with flooding and learning.
    pub(super) fn tunnel(&mut self, nodes: [&str; 2], underlay: [&str; 2]) {
        let learning = self.one_in(4);
        self.feature(if learning { "vxlan learning" } else { "vxlan static" });
        let how = if learning { "" } else { " nolearning" };
        for (i, node) in nodes.into_iter().enumerate() {
            let (net, local) = (i + 1, underlay[i]);
            put!(
                self,
                "{node} ip link add flannel.1 address 02:00:00:00:00:0{net} type vxlan id 1 dstport 8472 local {local} dev eth0{how}"
            );
            self.link(node, "flannel.1");
            self.addr(node, "flannel.1", [10, net as u8, 0, 0], 32);
            put!(self, "{node} ip link set flannel.1 up");
        }
        for (i, node) in nodes.into_iter().enumerate() {
            let (peer, remote) = (2 - i, underlay[1 - i]);
            put!(
                self,
                "{node} ip route add 10.{peer}.0.0/24 via 10.{peer}.0.0 dev flannel.1 onlink"
            );
            let mac = format!("02:00:00:00:00:0{peer}");
            if learning {
                put!(
                    self,
                    "{node} bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst {remote} self permanent"
                );
            } else {
                put!(
                    self,
                    "{node} ip neigh add 10.{peer}.0.0 lladdr {mac} dev flannel.1 nud permanent"
                );
                put!(
                    self,
                    "{node} bridge fdb append {mac} dev flannel.1 dst {remote} self permanent"
                );
                if self.one_in(8) {
                    self.tunnel_fault(node, peer, remote);
                }
            }
        }
    }

    /// What goes wrong with tunnels.
    fn tunnel_fault(&mut self, node: &str, peer: usize, remote: &str) {
        let (mac, next) = (format!("02:00:00:00:00:0{peer}"), format!("10.{peer}.0.0"));
        match self.random.range(1, 6) {
            1 => {
                self.feature("vxlan without an entry");
                put!(self, "{node} bridge fdb del {mac} dev flannel.1 dst {remote} self");
            }
            2 => {
                self.feature("vxlan without a neighbour");
                put!(self, "{node} ip neigh del {next} dev flannel.1");
                put!(
                    self,
                    "{node} bridge fdb append 00:00:00:00:00:00 dev flannel.1 dst {remote} self permanent"
                );
            }
            3 => {
                self.feature("vxlan with a wrong MAC");
                put!(
                    self,
                    "{node} ip neigh replace {next} lladdr 02:00:00:00:00:77 dev flannel.1 nud permanent"
                );
                put!(
                    self,
                    "{node} bridge fdb append 02:00:00:00:00:77 dev flannel.1 dst {remote} self permanent"
                );
            }
            4 => {
                self.feature("vxlan down");
                put!(self, "{node} ip link set flannel.1 down");
            }
            5 => {
                self.feature("vxlan to a wrong host");
                let wrong = self.some_addr();
                put!(
                    self,
                    "{node} bridge fdb replace {mac} dev flannel.1 dst {wrong} self permanent"
                );
            }
            _ => {
                self.feature("vxlan blocked");
                let verdict = self.pick(&["DROP", "REJECT"]);
                let chain = self.pick(&["INPUT", "OUTPUT"]);
                put!(
                    self,
                    "{node} iptables -A {chain} -p udp -m udp --dport 8472 -j {verdict}"
                );
            }
        }
    }
}
