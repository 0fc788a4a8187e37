//! Random targets of iptables.

use super::rules::{Drawer, Place};

impl Drawer<'_> {
    /// ` -j TARGET` that may stand here, or nothing.
    pub(super) fn target(&mut self, place: &Place<'_>, proto: Option<&str>) -> String {
        if !place.users.is_empty() && self.random.one_in(3) {
            let to = &place.users[self.random.range(0, place.users.len() as u32 - 1) as usize];
            return format!(" -{} {to}", if self.random.one_in(3) { "g" } else { "j" });
        }
        let base = place.bases.contains(&place.chain);
        match (place.table, self.random.range(1, 12)) {
            (_, 1) => " -j ACCEPT".to_owned(),
            (_, 2) if base || self.random.one_in(2) => " -j RETURN".to_owned(),
            (_, 3) => String::new(),
            (_, 4) => self.looks(place),
            ("raw", 5..=7) => self
                .one(&[
                    " -j CT --notrack",
                    " -j NOTRACK",
                    " -j CT --zone 1",
                    " -j CT --zone 2",
                    " -j CT --zone mark",
                    " -j CT --ctevents new",
                ])
                .to_owned(),
            ("raw" | "mangle" | "filter", 8) => " -j DROP".to_owned(),
            ("mangle", _) => self.mangle(place, proto),
            ("nat", _) => self.nat_target(place, proto),
            ("filter", 5 | 6) => " -j DROP".to_owned(),
            ("filter", 7 | 9 | 10) => self.reject(proto),
            _ => " -j ACCEPT".to_owned(),
        }
    }

    /// Goes on.
    fn looks(&mut self, place: &Place<'_>) -> String {
        match self.random.range(1, 8) {
            1 => " -j LOG --log-prefix \"n \"".to_owned(),
            2 => " -j NFLOG --nflog-group 3".to_owned(),
            3 if place.table == "raw" => " -j TRACE".to_owned(),
            4 if place.table == "mangle" && place.only(&["FORWARD", "OUTPUT", "POSTROUTING"]) => {
                " -j CLASSIFY --set-class 1:1".to_owned()
            }
            5 | 6 if !self.topology.sets.is_empty() => {
                let op = self.one(&["--add-set", "--del-set"]);
                format!(" -j SET {op} dyn {}", self.one(&["src", "dst"]))
            }
            _ => String::new(),
        }
    }

    fn reject(&mut self, proto: Option<&str>) -> String {
        if proto == Some("tcp") && self.random.one_in(2) {
            return " -j REJECT --reject-with tcp-reset".to_owned();
        }
        let kind = self.one(&[
            "icmp-port-unreachable",
            "icmp-net-unreachable",
            "icmp-host-unreachable",
            "icmp-proto-unreachable",
            "icmp-net-prohibited",
            "icmp-host-prohibited",
            "icmp-admin-prohibited",
        ]);
        format!(" -j REJECT --reject-with {kind}")
    }

    fn mangle(&mut self, place: &Place<'_>, proto: Option<&str>) -> String {
        match self.random.range(1, 12) {
            1 => " -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff".to_owned(),
            2 => " -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff".to_owned(),
            3 => " -j CONNMARK --set-xmark 0x9/0xf".to_owned(),
            4 => {
                let how = self.one(&["--set-dscp 0x0a", "--set-dscp 0x2e", "--set-dscp 0"]);
                format!(" -j DSCP {how}")
            }
            5 => {
                let how = self.one(&["--set-tos 0x10/0x3f", "--set-tos 0x08/0xff", "--set-tos 0x00/0xff"]);
                format!(" -j TOS {how}")
            }
            6 => {
                let how = self.one(&[
                    "--ttl-set 64",
                    "--ttl-set 2",
                    "--ttl-inc 3",
                    "--ttl-dec 1",
                    "--ttl-dec 62",
                ]);
                format!(" -j TTL {how}")
            }
            7..=8 if proto.is_none() => {
                let clamps = place.only(&["FORWARD", "OUTPUT", "POSTROUTING"]);
                let how = match clamps && self.random.one_in(2) {
                    true => "--clamp-mss-to-pmtu",
                    false => self.one(&["--set-mss 1000", "--set-mss 1400", "--set-mss 9000"]),
                };
                format!(" -p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS {how}")
            }
            n => format!(
                " -j MARK {}",
                self.one(&[
                    "--set-xmark 0x1/0x1",
                    "--set-xmark 0x2/0xffffffff",
                    "--set-xmark 0x4000/0x4000",
                    "--xor-mark 0x3",
                    if n == 12 { "--and-mark 0xfffe" } else { "--or-mark 0x2" },
                ])
            ),
        }
    }

    fn nat_target(&mut self, place: &Place<'_>, proto: Option<&str>) -> String {
        let ports = matches!(proto, Some("tcp" | "udp"));
        let random = match self.random.range(1, 8) {
            1 => " --random",
            2 => " --persistent",
            _ => "",
        };
        if place.only(&["PREROUTING", "OUTPUT"]) {
            return match self.random.range(1, 6) {
                1 if ports => format!(" -j REDIRECT --to-ports {}", self.port()),
                2 if ports => format!(" -j DNAT --to-destination {}:80-82", self.address()),
                3 => " -j REDIRECT".to_owned(),
                4 => format!(" -j NETMAP --to 10.{}.0.0/24", self.random.range(0, 2)),
                5 if ports => format!(" -j DNAT --to-destination {}:{}", self.address(), self.port()),
                _ => format!(" -j DNAT --to-destination {}{random}", self.address()),
            };
        }
        if place.only(&["POSTROUTING"]) && self.random.one_in(2) {
            return match self.random.range(1, 5) {
                1 if ports => " -j MASQUERADE --to-ports 20000-60000".to_owned(),
                2 => " -j MASQUERADE --random-fully".to_owned(),
                _ => " -j MASQUERADE".to_owned(),
            };
        }
        if place.only(&["POSTROUTING", "INPUT"]) {
            return match self.random.range(1, 6) {
                1 if ports => format!(" -j SNAT --to-source {}:20000-60000", self.address()),
                2 if place.only(&["POSTROUTING"]) => format!(" -j NETMAP --to 10.{}.0.0/24", self.random.range(0, 2)),
                _ => format!(" -j SNAT --to-source {}{random}", self.address()),
            };
        }
        " -j RETURN".to_owned()
    }
}
