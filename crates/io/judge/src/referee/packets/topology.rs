//! Random topologies of one namespace: links, addresses, neighbours, routes, rules of routing, sysctls, sockets.

use netwhy_lab::Random;
use netwhy_wire::Mac;
use std::fmt::Write;
use std::net::Ipv4Addr;

/// A namespace with TAP devices, as the lines of a world, and what packets and rules may mention.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Lines for [`World::build`](crate::world::World::build).
    pub lines: Vec<String>,
    /// Its links with an address: TAP devices, or bridges over them.
    pub subnets: Vec<Subnet>,
    /// Own addresses.
    pub own: Vec<Ipv4Addr>,
    /// Addresses that routes lead to.
    pub remote: Vec<Ipv4Addr>,
    /// Sets: the name, and the parts of an element.
    pub sets: Vec<(String, &'static str)>,
}

/// A link that has an address, and the hosts behind it.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// Name of the link.
    pub link: String,
    /// Its MAC.
    pub mac: Mac,
    /// Number N of 10.N.0.0/24.
    pub number: u8,
    /// TAP devices that packets come by: the link itself, or the ports of the bridge.
    pub taps: Vec<String>,
    /// A bridge.
    pub bridge: bool,
}

/// Hosts of a subnet that have a permanent neighbour entry: .2 to .6.
pub const HOSTS: std::ops::RangeInclusive<u8> = 2..=6;

/// The MAC of host `host` of subnet `number`.
pub fn host_mac(number: u8, host: u8) -> Mac {
    Mac([2, 0, 0, 1, number, host])
}

/// A host's address.
pub fn host(number: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, number, 0, host)
}

/// Networks that routes lead to.
const REMOTE: [(&str, Ipv4Addr); 8] = [
    ("10.96.0.0/12", Ipv4Addr::new(10, 96, 0, 10)),
    ("10.96.0.10/32", Ipv4Addr::new(10, 96, 0, 10)),
    ("10.244.1.0/24", Ipv4Addr::new(10, 244, 1, 7)),
    ("10.244.0.0/16", Ipv4Addr::new(10, 244, 2, 9)),
    ("172.16.0.0/16", Ipv4Addr::new(172, 16, 3, 4)),
    ("172.16.3.0/24", Ipv4Addr::new(172, 16, 3, 200)),
    ("192.168.77.0/24", Ipv4Addr::new(192, 168, 77, 1)),
    ("default", Ipv4Addr::new(198, 51, 100, 20)),
];

/// Draws one.
pub fn topology(random: &mut Random) -> Topology {
    let mut made = Topology {
        lines: vec!["ns n node".to_owned()],
        subnets: Vec::new(),
        own: Vec::new(),
        remote: REMOTE.iter().map(|r| r.1).collect(),
        sets: Vec::new(),
    };
    let count = random.range(2, 4) as u8;
    let bridge = random.one_in(3);
    made.line("n sysctl net.ipv4.tcp_syncookies=2");
    made.line("n sysctl net.ipv4.ipfrag_time=60");
    made.line("n sysctl net.ipv4.icmp_ratemask=0");
    made.line("n sysctl net.netfilter.nf_conntrack_tcp_be_liberal=1");
    for number in 0..count {
        made.subnet(random, number, bridge && number == 0);
    }
    made.sysctls(random);
    made.routes(random);
    made.rules(random);
    made.sockets(random);
    super::sets::sets(random, &mut made);
    made
}

impl Topology {
    fn line(&mut self, text: impl Into<String>) {
        self.lines.push(text.into());
    }

    fn subnet(&mut self, random: &mut Random, number: u8, bridge: bool) {
        let link = if bridge {
            format!("br{number}")
        } else {
            format!("t{number}")
        };
        let mac = Mac([2, 0, 0, 0, 0, number]);
        let mut taps = vec![link.clone()];
        if bridge {
            self.line(format!(
                "n ip link add {link} address {mac} type bridge mcast_snooping 0"
            ));
            self.line(format!("n ip link set {link} up"));
            taps = (0..random.range(2, 3)).map(|p| format!("p{p}")).collect();
            let ports = taps.len();
            for (at, port) in taps.iter().enumerate() {
                self.lines.push(format!("tap n:{port} 02:00:00:02:00:{at:02x}"));
                self.line(format!("n ip link set {port} master {link}"));
                // A bridge whose ports are all closed loses its carrier, some time within a second.
                self.port(random, port, at + 1 < ports);
            }
            // Nothing comes by a port that is down.
            if random.one_in(6) {
                let down = taps.remove(0);
                self.line(format!("n ip link set {down} down"));
            }
            for host in HOSTS {
                if !random.one_in(5) {
                    let port = format!("p{}", usize::from(host) % ports);
                    let mac = host_mac(number, host);
                    self.line(format!("n bridge fdb add {mac} dev {port} master static"));
                }
            }
            let call = u8::from(!random.one_in(3));
            self.line(format!("n sysctl net.bridge.bridge-nf-call-iptables={call}"));
        } else {
            self.line(format!("tap n:{link} {mac}"));
            if random.one_in(4) {
                self.line(format!("n ip link set {link} mtu 1400"));
            }
        }
        // A neighbour that does not answer is asked once and not given up.
        self.line(format!("n sysctl net.ipv4.neigh.{link}.retrans_time_ms=600000"));
        // Nor is one that is known asked whether it is still there, and a proxy answers at once.
        self.line(format!("n sysctl net.ipv4.neigh.{link}.delay_first_probe_time=600"));
        self.line(format!("n sysctl net.ipv4.neigh.{link}.proxy_delay=0"));
        if random.one_in(4) {
            let far = [host((number + 1) % 3, 3), Ipv4Addr::new(10, 244, 1, 7)];
            self.line(format!(
                "n ip neigh add proxy {} dev {link}",
                far[random.range(0, 1) as usize]
            ));
        }
        self.address(&link, host(number, 1), 24);
        if random.one_in(3) {
            self.address(&link, host(number, 201), 24);
        }
        if random.one_in(4) {
            self.address(&link, Ipv4Addr::new(10, 50 + number, 0, 1), 24);
        }
        if random.one_in(5) {
            self.address(&link, Ipv4Addr::new(10, 60, number, 1), 32);
        }
        for host_number in HOSTS {
            if !random.one_in(6) {
                let (addr, mac) = (host(number, host_number), host_mac(number, host_number));
                self.line(format!("n ip neigh add {addr} lladdr {mac} dev {link} nud permanent"));
            }
        }
        self.subnets.push(Subnet {
            link,
            mac,
            number,
            taps,
            bridge,
        });
    }

    fn port(&mut self, random: &mut Random, port: &str, may_close: bool) {
        let mut settings = String::new();
        for (setting, often) in [
            ("learning off", 2),
            ("hairpin on", 3),
            ("isolated on", 4),
            ("flood off", 5),
            ("mcast_flood off", 5),
            ("bcast_flood off", 5),
            ("neigh_suppress on", 8),
        ] {
            if random.one_in(often) {
                let _ = write!(settings, " {setting}");
            }
        }
        if may_close && random.one_in(4) {
            let _ = write!(settings, " state {}", random.range(0, 4));
        }
        if !settings.is_empty() {
            self.line(format!("n bridge link set dev {port}{settings}"));
        }
        if random.one_in(8) {
            self.line(format!("n ip link set {port} type bridge_slave proxy_arp on"));
        }
    }

    fn address(&mut self, link: &str, addr: Ipv4Addr, prefix: u8) {
        self.own.push(addr);
        self.line(format!("n ip addr add {addr}/{prefix} brd + dev {link}"));
    }

    fn sysctls(&mut self, random: &mut Random) {
        let forward = u8::from(!random.one_in(8));
        self.line(format!("n sysctl net.ipv4.ip_forward={forward}"));
        let mut names: Vec<String> = self.subnets.iter().map(|s| s.link.clone()).collect();
        names.push("all".to_owned());
        for name in &names {
            let mut set =
                |key: &str, value: u32| self.lines.push(format!("n sysctl net.ipv4.conf.{name}.{key}={value}"));
            set("send_redirects", u32::from(random.one_in(3)));
            if random.one_in(2) {
                set("shared_media", 0);
            }
            if random.one_in(3) {
                set("rp_filter", random.range(0, 2));
            }
            if name != "all" && random.one_in(8) {
                set("forwarding", random.range(0, 1));
            }
            if random.one_in(3) {
                set("arp_ignore", [0, 1, 1, 2, 2, 3, 8][random.range(0, 6) as usize]);
            }
            if random.one_in(3) {
                set("arp_announce", random.range(0, 2));
            }
            if name != "all" && random.one_in(4) {
                set("medium_id", random.range(1, 2));
            }
            for key in [
                "accept_local",
                "route_localnet",
                "src_valid_mark",
                "proxy_arp",
                "proxy_arp_pvlan",
                "arp_filter",
            ] {
                if random.one_in(6) {
                    set(key, 1);
                }
            }
        }
    }

    fn next_hop(&self, random: &mut Random) -> String {
        let at = random.range(0, self.subnets.len() as u32 - 1) as usize;
        let via = host(self.subnets[at].number, random.range(2, 7) as u8);
        if random.one_in(8) {
            format!("via 10.70.0.9 dev {} onlink", self.subnets[at].link)
        } else if random.one_in(10) {
            format!("dev {}", self.subnets[at].link)
        } else {
            format!("via {via} dev {}", self.subnets[at].link)
        }
    }

    fn routes(&mut self, random: &mut Random) {
        for table in ["main", "100", "101", "102"] {
            for (net, _) in REMOTE {
                let often = if table == "main" { 2 } else { 4 };
                if !random.one_in(often) {
                    continue;
                }
                let route = self.route(random, &format!("{net} table {table}"));
                self.line(format!("n ip route add {route}"));
            }
        }
        for (kind, often) in [("local 10.61.0.0/24 dev lo", 5), ("broadcast 10.62.0.7 dev lo", 8)] {
            if random.one_in(often) {
                self.line(format!("n ip route add {kind} table local"));
            }
        }
        self.remote.extend([
            Ipv4Addr::new(10, 61, 0, 3),
            Ipv4Addr::new(10, 62, 0, 7),
            Ipv4Addr::new(10, 70, 0, 9),
        ]);
    }

    fn route(&self, random: &mut Random, net: &str) -> String {
        let kind = random.range(1, 16);
        match kind {
            1 => format!("blackhole {net}"),
            2 => format!("unreachable {net}"),
            3 => format!("prohibit {net}"),
            4 => format!("throw {net}"),
            5 => {
                let (one, two) = (self.next_hop(random), self.next_hop(random));
                format!(
                    "{net} nexthop {one} weight {} nexthop {two} weight {}",
                    random.range(1, 3),
                    random.range(1, 3)
                )
            }
            6 => format!("{net} {} mtu 1300", self.next_hop(random)),
            7 => {
                let own = self.own[random.range(0, self.own.len() as u32 - 1) as usize];
                format!("{net} {} src {own}", self.next_hop(random))
            }
            _ => format!("{net} {}", self.next_hop(random)),
        }
    }

    fn rules(&mut self, random: &mut Random) {
        for at in 0..random.range(0, 4) {
            let prefix = 1000 + at * 10;
            let link = &self.subnets[random.range(0, self.subnets.len() as u32 - 1) as usize];
            let select = match random.range(1, 9) {
                1 => format!("from 10.{}.0.0/25", link.number),
                2 => "to 172.16.0.0/16".to_owned(),
                3 => format!("iif {}", link.link),
                4 => "fwmark 0x1/0x3".to_owned(),
                5 => "fwmark 0x2".to_owned(),
                6 => "ipproto udp".to_owned(),
                7 => "ipproto tcp dport 80-443".to_owned(),
                8 => format!("not from 10.{}.0.0/24", link.number),
                _ => "from all".to_owned(),
            };
            let action = match random.range(1, 10) {
                1 => "unreachable".to_owned(),
                2 => "prohibit".to_owned(),
                3 => "blackhole".to_owned(),
                4 => "goto 32766".to_owned(),
                5 => "lookup main suppress_prefixlength 0".to_owned(),
                n => format!("lookup {}", 100 + n % 3),
            };
            self.line(format!("n ip rule add pref {prefix} {select} {action}"));
        }
    }

    fn sockets(&mut self, random: &mut Random) {
        for (what, often) in [("tcp 80", 2), ("udp 53", 2), ("tcp 443", 3), ("udp 8472", 4)] {
            if random.one_in(often) {
                self.line(format!("n hold {what}"));
            }
        }
        if random.one_in(3) {
            let own = self.own[random.range(0, self.own.len() as u32 - 1) as usize];
            self.line(format!("n hold tcp 8080 {own}"));
        }
    }
}
