//! What kube-proxy writes for one port of a Service.

use super::Ruleset;
use super::chains::Chains;
use super::endpoints::{Backend, Backends, Place, usable};
use super::kube_proxy::{Config, accounting, comment};
use super::names::endpoint_chain;
use super::nfacct::LOCALHOST_NODE_PORTS;
use super::service_port::Port;
use std::net::Ipv4Addr;

/// A probability as the kernel keeps it (31 bits, rounded from ten decimals) and iptables-save prints it.
fn probability(of: usize) -> String {
    let exact = f64::from(1u32 << 31);
    let written: f64 = format!("{:.10}", 1.0 / of as f64).parse().unwrap_or(0.0);
    format!("{:.11}", (written * exact).round() / exact)
}

/// Writes Service port after Service port.
pub(super) struct Writer<'a> {
    pub rules: &'a mut Ruleset,
    pub config: &'a Config,
    pub place: Place<'a>,
    pub node_ips: Vec<Ipv4Addr>,
}

impl Writer<'_> {
    /// All rules of this port on this node.
    pub fn service_port(&mut self, port: &Port, backends: &Backends) {
        let key = (port.name.clone(), port.protocol.clone());
        let all = backends.get(&key).map_or(&[][..], Vec::as_slice);
        let usable = usable(port, all, &self.place);
        let chains = Chains::of(port, &usable);
        self.cluster_ip(port, &chains);
        self.external_ips(port, &chains);
        self.balancer_ips(port, &chains);
        self.node_port(port, &chains);
        if port.health_check_node_port != 0 {
            let about = comment(&format!("{} health check node port", port.name));
            let number = port.health_check_node_port;
            self.rules.filter.append(
                "KUBE-NODEPORTS",
                format!("-p tcp {about} -m tcp --dport {number} -j ACCEPT"),
            );
        }
        self.masquerade(port, &chains);
        if usable.any && port.externally_accessible() {
            self.external_chain(port, &chains);
        }
        if usable.any && !port.load_balancer_ips.is_empty() && !port.source_ranges.is_empty() {
            self.firewall_chain(port, &chains);
        }
        self.balance(port, &chains.cluster, &usable.cluster);
        self.balance(port, &chains.local, &usable.local);
        for backend in &usable.reachable {
            self.endpoint(port, backend);
        }
    }

    fn to(&mut self, port: &Port, ip: Ipv4Addr, what: &str, target: &str) {
        let about = comment(&format!("{} {what}", port.name));
        let (protocol, number) = (&port.protocol, port.port);
        self.rules.nat.append(
            "KUBE-SERVICES",
            format!("-d {ip}/32 -p {protocol} {about} -m {protocol} --dport {number} -j {target}"),
        );
    }

    fn refuse(&mut self, chain: &str, port: &Port, ip: Ipv4Addr, chains: &Chains) {
        let (words, target) = chains.refusal();
        let about = comment(&format!("{} {words}", port.name));
        let (protocol, number) = (&port.protocol, port.port);
        self.rules.filter.append(
            chain,
            format!("-d {ip}/32 -p {protocol} {about} -m {protocol} --dport {number} -j {target}"),
        );
    }

    fn cluster_ip(&mut self, port: &Port, chains: &Chains) {
        if chains.has_internal {
            self.to(port, port.cluster_ip, "cluster IP", &chains.internal);
        } else {
            self.refuse("KUBE-SERVICES", port, port.cluster_ip, chains);
        }
    }

    fn external_ips(&mut self, port: &Port, chains: &Chains) {
        for ip in &port.external_ips {
            if chains.any {
                self.to(port, *ip, "external IP", &chains.external);
            }
            if !chains.has_external {
                self.refuse("KUBE-EXTERNAL-SERVICES", port, *ip, chains);
            }
        }
    }

    fn balancer_ips(&mut self, port: &Port, chains: &Chains) {
        for ip in &port.load_balancer_ips {
            if chains.any {
                self.to(port, *ip, "loadbalancer IP", &chains.balancer);
            }
            if chains.any && !port.source_ranges.is_empty() {
                let about = comment(&format!("{} traffic not accepted by {}", port.name, chains.balancer));
                let (protocol, number) = (&port.protocol, port.port);
                self.rules.filter.append(
                    "KUBE-PROXY-FIREWALL",
                    format!("-d {ip}/32 -p {protocol} {about} -m {protocol} --dport {number} -j DROP"),
                );
            }
            if !chains.has_external {
                self.refuse("KUBE-EXTERNAL-SERVICES", port, *ip, chains);
            }
        }
    }

    fn node_port(&mut self, port: &Port, chains: &Chains) {
        if port.node_port == 0 {
            return;
        }
        let (protocol, number) = (&port.protocol, port.node_port);
        if chains.any {
            let about = comment(&port.name);
            let to = format!("-p {protocol} {about} -m {protocol} --dport {number}");
            let count = accounting(self.config, LOCALHOST_NODE_PORTS);
            let nat = &mut self.rules.nat;
            if self.config.localhost_node_ports && self.config.nfacct {
                nat.append(
                    "KUBE-NODEPORTS",
                    format!("-d 127.0.0.0/8 {to}{count} -j {}", chains.external),
                );
            }
            nat.append("KUBE-NODEPORTS", format!("{to} -j {}", chains.external));
        }
        if !chains.has_external {
            let (words, target) = chains.refusal();
            let about = comment(&format!("{} {words}", port.name));
            self.rules.filter.append(
                "KUBE-EXTERNAL-SERVICES",
                format!(
                    "-p {protocol} {about} -m addrtype --dst-type LOCAL -m {protocol} --dport {number} -j {target}"
                ),
            );
        }
    }

    /// Traffic to the cluster address that does not come from a pod.
    fn masquerade(&mut self, port: &Port, chains: &Chains) {
        if !chains.has_internal {
            return;
        }
        let from = if self.config.masquerade_all {
            Some(format!("-d {}/32 ", port.cluster_ip))
        } else {
            self.config.others_match(port.cluster_ip)
        };
        let Some(from) = from else { return };
        let about = comment(&format!("{} cluster IP", port.name));
        let (protocol, number) = (&port.protocol, port.port);
        self.rules.nat.append(
            &chains.internal,
            format!("{from}-p {protocol} {about} -m {protocol} --dport {number} -j KUBE-MARK-MASQ"),
        );
    }

    fn external_chain(&mut self, port: &Port, chains: &Chains) {
        let name = &port.name;
        let nat = &mut self.rules.nat;
        let chain = &chains.external;
        if port.external_local {
            if let Some(pods) = self.config.pods_match() {
                let about = comment(&format!("pod traffic for {name} external destinations"));
                nat.append(chain, format!("{pods}{about} -j {}", chains.cluster));
            }
            for (what, target) in [("masquerade", "KUBE-MARK-MASQ"), ("route", &chains.cluster)] {
                let about = comment(&format!("{what} LOCAL traffic for {name} external destinations"));
                nat.append(chain, format!("{about} -m addrtype --src-type LOCAL -j {target}"));
            }
        } else {
            let about = comment(&format!("masquerade traffic for {name} external destinations"));
            nat.append(chain, format!("{about} -j KUBE-MARK-MASQ"));
        }
        if chains.has_external {
            nat.append(chain, format!("-j {}", chains.outer_policy));
        }
    }

    /// `loadBalancerSourceRanges`: who may use the balancer's address.
    fn firewall_chain(&mut self, port: &Port, chains: &Chains) {
        let about = comment(&format!("{} loadbalancer IP", port.name));
        let nat = &mut self.rules.nat;
        let mut admits_node = false;
        for range in &port.source_ranges {
            nat.append(&chains.balancer, format!("-s {range} {about} -j {}", chains.external));
            admits_node |= self.node_ips.iter().any(|ip| contains(range, *ip));
        }
        // A node that asks the balancer's address keeps it as its source.
        for ip in port.load_balancer_ips.iter().filter(|_| admits_node) {
            nat.append(&chains.balancer, format!("-s {ip}/32 {about} -j {}", chains.external));
        }
        let rest = comment(&format!(
            "other traffic to {} will be dropped by KUBE-PROXY-FIREWALL",
            port.name
        ));
        nat.append(&chains.balancer, rest);
    }

    /// Rules of a policy chain: affinity first, then equal shares.
    fn balance(&mut self, port: &Port, chain: &str, backends: &[&Backend]) {
        let nat = &mut self.rules.nat;
        let named = backends.iter().map(|backend| {
            let about = comment(&format!("{} -> {}", port.name, backend.address));
            let target = endpoint_chain(&port.name, &port.protocol, &backend.address);
            (about, target)
        });
        let named: Vec<(String, String)> = named.collect();
        if let Some(seconds) = port.affinity {
            for (about, target) in &named {
                nat.append(
                    chain,
                    format!(
                        "{about} -m recent --rcheck --seconds {seconds} --reap --name {target} \
                         --mask 255.255.255.255 --rsource -j {target}"
                    ),
                );
            }
        }
        for (at, (about, target)) in named.iter().enumerate() {
            let left = named.len() - at;
            let share = match left {
                1 => String::new(),
                _ => format!(" -m statistic --mode random --probability {}", probability(left)),
            };
            nat.append(chain, format!("{about}{share} -j {target}"));
        }
    }

    fn endpoint(&mut self, port: &Port, backend: &Backend) {
        let chain = endpoint_chain(&port.name, &port.protocol, &backend.address);
        let about = comment(&port.name);
        let (protocol, ip, address) = (&port.protocol, &backend.ip, &backend.address);
        let nat = &mut self.rules.nat;
        nat.append(&chain, format!("-s {ip}/32 {about} -j KUBE-MARK-MASQ"));
        let remember = match port.affinity {
            Some(_) => {
                format!(" -m recent --set --name {chain} --mask 255.255.255.255 --rsource")
            }
            None => String::new(),
        };
        nat.append(
            &chain,
            format!("-p {protocol} {about}{remember} -m {protocol} -j DNAT --to-destination {address}"),
        );
    }
}

/// Whether an IPv4 network, written `ADDRESS/LENGTH`, holds an address; false for what is no network.
fn contains(network: &str, ip: Ipv4Addr) -> bool {
    let Some((base, length)) = network.split_once('/') else {
        return false;
    };
    let (Ok(base), Ok(length)) = (base.parse::<Ipv4Addr>(), length.parse::<u32>()) else {
        return false;
    };
    let Some(shift) = 32u32.checked_sub(length) else {
        return false;
    };
    let mask = u32::MAX.checked_shl(shift).unwrap_or(0);
    u32::from(base) & mask == u32::from(ip) & mask
}
