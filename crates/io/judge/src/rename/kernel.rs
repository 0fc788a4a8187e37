//! What the kernel's tools print: rules, sockets, connections, JSON.

use super::Renaming;
use serde_json::Value;
use std::net::Ipv4Addr;

/// Options of iptables that a port follows, or several with commas and colons.
const PORT_OPTIONS: [&str; 6] = ["--dport", "--sport", "--dports", "--sports", "--ports", "--to-ports"];

impl Renaming {
    /// `iptables-save` and its relatives. Hashes in the names of chains stay.
    pub(super) fn iptables_save(&self, text: &str) -> String {
        let line = |line: &str| {
            let mut words: Vec<String> = Vec::new();
            for word in self.text(line).split(' ') {
                let after_option = words.last().is_some_and(|last| PORT_OPTIONS.contains(&last.as_str()));
                words.push(match word.rsplit_once("]:") {
                    _ if after_option => self.port_list(word),
                    // An address of IPv6, which keeps its name, with a port.
                    Some((host, port)) if host.starts_with('[') => format!("{host}]:{}", self.port_list(port)),
                    _ => word.to_owned(),
                });
            }
            words.join(" ")
        };
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }

    /// `80,443`; a range `1024:2000` stays, since its ports go to different places.
    fn port_list(&self, list: &str) -> String {
        let one = |port: &str| port.parse().map_or(port.to_owned(), |p| self.port(p).to_string());
        list.split(',').map(one).collect::<Vec<_>>().join(",")
    }

    /// `ss -Htulpn`: the ports of the two addresses of each line.
    pub(super) fn sockets(&self, text: &str) -> String {
        let line = |line: &str| {
            let mut column = 0;
            let mut out = String::new();
            for word in self.text_without_ports(line).split_inclusive(' ') {
                let bare = word.trim_end();
                if !bare.is_empty() {
                    column += 1;
                }
                let address = column == 5 || column == 6;
                match bare.rsplit_once(':').filter(|_| address) {
                    Some((host, port)) => {
                        out.push_str(&format!("{host}:{}", self.port_list(port)));
                        out.push_str(word.get(bare.len()..).unwrap_or_default());
                    }
                    None => out.push_str(word),
                }
            }
            out
        };
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }

    /// The addresses of a line of sockets; the ports come by column.
    fn text_without_ports(&self, line: &str) -> String {
        let word = |word: &str| match word.trim_end().rsplit_once(':') {
            Some((host, _)) if host.parse::<Ipv4Addr>().is_ok() => {
                self.text(host) + word.get(host.len()..).unwrap_or("")
            }
            _ => word.to_owned(),
        };
        line.split_inclusive(' ').map(word).collect()
    }

    /// `conntrack -L`
    pub(super) fn conntrack(&self, text: &str) -> String {
        let word = |word: &str| {
            let bare = word.trim_end();
            let tail = word.get(bare.len()..).unwrap_or_default();
            match bare.split_once('=') {
                Some((key @ ("sport" | "dport"), port)) => format!("{key}={}{tail}", self.port_list(port)),
                _ => self.text(word),
            }
        };
        text.split_inclusive([' ', '\n']).map(word).collect()
    }

    /// What `ip -j` and `bridge -j` print: addresses in strings, and the ports of VXLAN devices and entries.
    pub(super) fn kernel_json(&self, text: &str) -> String {
        self.json(text, |value| self.strings_and_ports(value, &["port"]))
    }

    /// `nft -j list ruleset`
    pub(super) fn nft_json(&self, text: &str) -> String {
        self.json(text, |value| self.nft(value))
    }

    /// Changes a JSON text; what is none stays.
    pub(super) fn json(&self, text: &str, change: impl Fn(&mut Value)) -> String {
        match serde_json::from_str::<Value>(text) {
            Ok(mut value) => {
                change(&mut value);
                format!("{value}\n")
            }
            Err(_) => text.to_owned(),
        }
    }

    fn strings_and_ports(&self, value: &mut Value, ports: &[&str]) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(all) => all.iter_mut().for_each(|v| self.strings_and_ports(v, ports)),
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    match ports.contains(&key.as_str()) && value.is_u64() {
                        true => self.port_value(value),
                        false => self.strings_and_ports(value, ports),
                    }
                }
            }
            _ => {}
        }
    }

    /// A number that is a port.
    pub(super) fn port_value(&self, value: &mut Value) {
        if let Some(port) = value.as_u64().and_then(|p| u16::try_from(p).ok()) {
            *value = self.port(port).into();
        }
    }

    fn nft(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(all) => all.iter_mut().for_each(|v| self.nft(v)),
            Value::Object(map) => {
                if let Some(prefix) = map.get_mut("prefix") {
                    return self.nft_prefix(prefix);
                }
                let field = map.get("left").and_then(|l| l.get("payload")?.get("field")?.as_str());
                let of_ports = matches!(field, Some("dport" | "sport"));
                for (key, value) in map.iter_mut() {
                    match key.as_str() {
                        "right" if of_ports => self.all_ports(value),
                        // An address, a protocol and a port; keys of `numgen` stand alone.
                        "concat" => self.all_ports(value),
                        "port" if value.is_u64() => self.port_value(value),
                        _ => self.nft(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn nft_prefix(&self, prefix: &mut Value) {
        let length = prefix.get("len").and_then(Value::as_u64).unwrap_or(32) as u8;
        let Some(addr) = prefix.get_mut("addr") else { return };
        if let Some(ip) = addr.as_str().and_then(|a| a.parse().ok()) {
            *addr = self.addresses.network(ip, length).to_string().into();
        }
    }

    /// Numbers are ports; a range stays.
    fn all_ports(&self, value: &mut Value) {
        match value {
            Value::Number(_) => self.port_value(value),
            Value::String(text) => *text = self.text(text),
            Value::Array(all) => all.iter_mut().for_each(|v| self.all_ports(v)),
            Value::Object(map) if !map.contains_key("range") => map.values_mut().for_each(|v| self.all_ports(v)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netwhy_snapshot::{Meta, Snapshot};

    #[test]
    fn ports_where_ports_are() {
        let r = Renaming::new(&Snapshot::new(Meta::new(Vec::new())), 1);
        let (p80, p53, p8472) = (r.port(80), r.port(53), r.port(8472));
        let ip = r.address(Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!(
            r.iptables_save(
                "[80:53] -A X -p tcp --dport 80 -m mark --mark 80 --dports 53,80 -j DNAT --to-destination 10.1.2.3:80"
            ),
            format!(
                "[80:53] -A X -p tcp --dport {p80} -m mark --mark 80 --dports {p53},{p80} -j DNAT --to-destination {ip}:{p80}"
            )
        );
        assert_eq!(
            r.sockets("tcp LISTEN 0      80   10.1.2.3:80 0.0.0.0:* users:((\"x\",pid=80,fd=3)) uid:80\nudp UNCONN 0 0 *:53 *:*"),
            format!(
                "tcp LISTEN 0      80   {ip}:{p80} 0.0.0.0:* users:((\"x\",pid=80,fd=3)) uid:80\nudp UNCONN 0 0 *:{p53} *:*"
            )
        );
        assert_eq!(
            r.conntrack("tcp 6 80 src=10.1.2.3 sport=80 dport=53 mark=80\n"),
            format!("tcp 6 80 src={ip} sport={p80} dport={p53} mark=80\n")
        );
        let link = r.kernel_json(r#"[{"ifindex":80,"info_data":{"port":8472,"local":"10.1.2.3"}}]"#);
        assert_eq!(
            link,
            format!("[{{\"ifindex\":80,\"info_data\":{{\"port\":{p8472},\"local\":\"{ip}\"}}}}]\n")
        );
        let nft = r#"{"match":{"left":{"payload":{"protocol":"tcp","field":"dport"}},"right":80}}"#;
        assert!(r.nft_json(nft).contains(&format!("\"right\":{p80}")));
        let mark = r#"{"match":{"left":{"meta":{"key":"mark"}},"right":80}}"#;
        assert!(r.nft_json(mark).contains("\"right\":80"));
    }
}
