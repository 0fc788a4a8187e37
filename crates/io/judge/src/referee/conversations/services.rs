//! Rules as kube-proxy and flannel write them.

use super::draw::{Draw, Role, put};
use std::net::Ipv4Addr;

/// A Service.
struct Service {
    ip: Ipv4Addr,
    proto: &'static str,
    port: u16,
    node_port: Option<u16>,
    /// Address and port.
    endpoints: Vec<(Ipv4Addr, u16)>,
}

impl Draw {
    /// `iptables` or `legacy`.
    pub(super) fn backend(&mut self) -> &'static str {
        let backend = self.pick(&["iptables", "iptables", "legacy"]);
        self.feature(&format!("backend {backend}"));
        backend
    }

    /// Services, the same on all nodes.
    pub(super) fn services(&mut self) {
        let nodes = self.with_role(&[Role::Node, Role::Router]);
        if self.one_in(3) {
            return;
        }
        self.feature("rules kube-proxy");
        let services = self.draw_services();
        let always_masquerade = self.one_in(4);
        let plugin = self.one_in(2);
        let plugin_first = self.one_in(2);
        for node in &nodes {
            if self.one_in(8) {
                continue;
            }
            let backend = self.backend();
            if plugin && plugin_first {
                self.flannel(&node.name, node.pods.as_deref());
            }
            self.base(&node.name, backend);
            for (i, service) in services.iter().enumerate() {
                self.service(&node.name, backend, i, service, always_masquerade);
            }
            self.node_ports(&node.name, backend, &services);
            if plugin && !plugin_first {
                self.flannel(&node.name, node.pods.as_deref());
            }
        }
        for service in &services {
            let many = service.endpoints.len() > 1 && self.one_in(2);
            self.target(service.ip, service.proto, service.port, 12);
            if let Some(last) = self.targets.last_mut() {
                last.many = many;
            }
            if let Some(port) = service.node_port {
                let addrs: Vec<_> = nodes.iter().flat_map(|h| &h.links).filter_map(|l| l.addr).collect();
                for (addr, _) in addrs {
                    self.target(addr, service.proto, port, 3);
                }
                for node in &nodes {
                    self.target([127, 0, 0, 1], service.proto, port, 2);
                    if let Some(last) = self.targets.last_mut() {
                        last.from = Some(node.name.clone());
                    }
                }
            }
        }
    }

    fn draw_services(&mut self) -> Vec<Service> {
        let mut services = Vec::new();
        for i in 0..self.random.range(1, 3) as u8 {
            let udp = self.one_in(4);
            let (proto, port, at) = if udp { ("udp", 53, 53) } else { ("tcp", 80, 8080) };
            let mut all: Vec<(Ipv4Addr, u16)> = self
                .hosts
                .iter()
                .filter(|h| matches!(h.role, Role::Pod | Role::Outside))
                .filter_map(|h| Some((h.links.first()?.addr?.0, at)))
                .collect();
            let count = self.pick(&["0", "1", "1", "2", "2", "3"]).parse().unwrap_or(1);
            let mut endpoints = Vec::new();
            while endpoints.len() < count && !all.is_empty() {
                let at = self.below(all.len());
                endpoints.push(all.swap_remove(at));
            }
            if self.one_in(8) && !udp && !endpoints.is_empty() {
                let own = self.with_role(&[Role::Node, Role::Router]);
                let own: Vec<_> = own.iter().flat_map(|h| &h.links).filter_map(|l| l.addr).collect();
                endpoints.pop();
                endpoints.extend(self.of(&own).map(|(a, _)| (a, 9000)));
            }
            self.feature(&format!("service with {} endpoints", endpoints.len()));
            let node_port = self.one_in(2).then_some(30080 + u16::from(i));
            let ip = Ipv4Addr::new(10, 96, 0, 10 + i);
            services.push(Service {
                ip,
                proto,
                port,
                node_port,
                endpoints,
            });
        }
        services
    }

    fn base(&mut self, n: &str, b: &str) {
        for chain in ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"] {
            put!(self, "{n} {b} -t nat -N {chain}");
        }
        put!(self, "{n} {b} -t nat -A PREROUTING -j KUBE-SERVICES");
        put!(self, "{n} {b} -t nat -A OUTPUT -j KUBE-SERVICES");
        put!(self, "{n} {b} -t nat -A POSTROUTING -j KUBE-POSTROUTING");
        put!(
            self,
            "{n} {b} -t nat -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000"
        );
        put!(
            self,
            "{n} {b} -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN"
        );
        put!(
            self,
            "{n} {b} -t nat -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0"
        );
        let how = self.pick(&["", " --random-fully"]);
        put!(self, "{n} {b} -t nat -A KUBE-POSTROUTING -j MASQUERADE{how}");
        for chain in ["KUBE-SERVICES", "KUBE-FORWARD", "KUBE-FIREWALL"] {
            put!(self, "{n} {b} -N {chain}");
        }
        put!(self, "{n} {b} -A INPUT -j KUBE-FIREWALL");
        put!(self, "{n} {b} -A OUTPUT -j KUBE-FIREWALL");
        put!(self, "{n} {b} -A FORWARD -j KUBE-FORWARD");
        put!(self, "{n} {b} -A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES");
        put!(self, "{n} {b} -A OUTPUT -m conntrack --ctstate NEW -j KUBE-SERVICES");
        put!(
            self,
            "{n} {b} -A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP"
        );
        put!(self, "{n} {b} -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP");
        put!(self, "{n} {b} -A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT");
        put!(
            self,
            "{n} {b} -A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
        );
        if self.one_in(4) {
            put!(self, "{n} sysctl net.ipv4.conf.all.route_localnet=1");
        }
    }

    fn service(&mut self, n: &str, b: &str, i: usize, service: &Service, always: bool) {
        let Service { ip, proto, port, .. } = service;
        let head = format!("-d {ip}/32 -p {proto} -m {proto} --dport {port}");
        if service.endpoints.is_empty() {
            put!(
                self,
                "{n} {b} -A KUBE-SERVICES {head} -j REJECT --reject-with icmp-port-unreachable"
            );
            return;
        }
        put!(self, "{n} {b} -t nat -N KUBE-SVC-{i}");
        put!(self, "{n} {b} -t nat -A KUBE-SERVICES {head} -j KUBE-SVC-{i}");
        match (always, self.cluster) {
            (true, _) => put!(self, "{n} {b} -t nat -A KUBE-SVC-{i} {head} -j KUBE-MARK-MASQ"),
            (false, Some(net)) => put!(
                self,
                "{n} {b} -t nat -A KUBE-SVC-{i} ! -s {net} {head} -j KUBE-MARK-MASQ"
            ),
            (false, None) => {}
        }
        let count = service.endpoints.len();
        for (j, (addr, at)) in service.endpoints.iter().enumerate() {
            put!(self, "{n} {b} -t nat -N KUBE-SEP-{i}-{j}");
            put!(
                self,
                "{n} {b} -t nat -A KUBE-SEP-{i}-{j} -s {addr}/32 -j KUBE-MARK-MASQ"
            );
            put!(
                self,
                "{n} {b} -t nat -A KUBE-SEP-{i}-{j} -p {proto} -m {proto} -j DNAT --to-destination {addr}:{at}"
            );
            let left = count - j;
            if left > 1 {
                let share = 1.0 / left as f64;
                put!(
                    self,
                    "{n} {b} -t nat -A KUBE-SVC-{i} -m statistic --mode random --probability {share:.11} -j KUBE-SEP-{i}-{j}"
                );
            } else {
                put!(self, "{n} {b} -t nat -A KUBE-SVC-{i} -j KUBE-SEP-{i}-{j}");
            }
        }
    }

    fn node_ports(&mut self, n: &str, b: &str, services: &[Service]) {
        for (i, service) in services.iter().enumerate() {
            let (Some(port), proto) = (service.node_port, service.proto) else {
                continue;
            };
            self.feature("service with a node port");
            if service.endpoints.is_empty() {
                put!(
                    self,
                    "{n} {b} -A INPUT -p {proto} -m addrtype --dst-type LOCAL -m {proto} --dport {port} -j REJECT"
                );
                continue;
            }
            put!(self, "{n} {b} -t nat -N KUBE-EXT-{i}");
            if !self.one_in(4) {
                put!(self, "{n} {b} -t nat -A KUBE-EXT-{i} -j KUBE-MARK-MASQ");
            }
            put!(self, "{n} {b} -t nat -A KUBE-EXT-{i} -j KUBE-SVC-{i}");
            put!(
                self,
                "{n} {b} -t nat -A KUBE-NODEPORTS -p {proto} -m {proto} --dport {port} -j KUBE-EXT-{i}"
            );
        }
        put!(
            self,
            "{n} {b} -t nat -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS"
        );
    }

    fn flannel(&mut self, n: &str, pods: Option<&str>) {
        let (Some(all), Some(own)) = (self.cluster, pods) else {
            return;
        };
        self.feature("rules flannel");
        let b = self.backend();
        put!(self, "{n} {b} -t nat -N FLANNEL-POSTRTG");
        put!(self, "{n} {b} -t nat -A POSTROUTING -j FLANNEL-POSTRTG");
        put!(
            self,
            "{n} {b} -t nat -A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -j RETURN"
        );
        put!(self, "{n} {b} -t nat -A FLANNEL-POSTRTG -s {own} -d {all} -j RETURN");
        put!(self, "{n} {b} -t nat -A FLANNEL-POSTRTG -s {all} -d {own} -j RETURN");
        put!(self, "{n} {b} -t nat -A FLANNEL-POSTRTG ! -s {all} -d {own} -j RETURN");
        put!(
            self,
            "{n} {b} -t nat -A FLANNEL-POSTRTG -s {all} ! -d 224.0.0.0/4 -j MASQUERADE"
        );
        put!(
            self,
            "{n} {b} -t nat -A FLANNEL-POSTRTG ! -s {all} -d {all} -j MASQUERADE"
        );
        put!(self, "{n} {b} -N FLANNEL-FWD");
        put!(self, "{n} {b} -A FORWARD -j FLANNEL-FWD");
        put!(self, "{n} {b} -A FLANNEL-FWD -s {all} -j ACCEPT");
        put!(self, "{n} {b} -A FLANNEL-FWD -d {all} -j ACCEPT");
    }
}
