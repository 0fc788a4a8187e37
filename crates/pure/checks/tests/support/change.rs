//! The directives of a `snapshot` block. Each changes members of the bundle as a collector would have written them after
//! the change, so that an example tests parsing, model, simulator and checks together.
//!
//! `NS` is a node (`worker-1`), a pod (`shop/web`) or a host outside (`client`).
//!
//! | directive | what |
//! |---|---|
//! | `base: healthy` | the first line: the recorded lab |
//! | `sysctl NS KEY = VALUE` | a line of sysctl.txt; `net.ipv4.ip_forward` with what the kernel changes besides |
//! | `sysctl-del NS KEY` | the key does not exist |
//! | `route-add NS DST [via ADDR] dev DEV [onlink]` | in table main; also `route-add NS DST blackhole\|unreachable\|prohibit` |
//! | `route-del NS DST` | from table main |
//! | `link NS DEV up\|down` | with the routes, neighbours and socket that the kernel deletes; `DEV` may be a pod: its host's end |
//! | `vxlan NS DEV id\|port N` | a setting of a VXLAN device |
//! | `hairpin NS DEV on\|off` | of a bridge port |
//! | `neigh NS DEV ADDR MAC`, `neigh-del NS DEV ADDR` | a permanent neighbour |
//! | `fdb NS DEV MAC ADDR`, `fdb-del NS DEV ADDR` | where a VXLAN device sends a MAC |
//! | `iptables NS TABLE -A\|-I CHAIN [N] RULE` | also `-D CHAIN N`, `-F CHAIN`, `-N CHAIN`, `-P CHAIN POLICY` |
//! | `iptables-legacy NS TABLE …` | the same in the legacy tables |
//! | `nft NS OBJECT` | an object at the end of nft.json |
//! | `socket NS PROTO ADDR:PORT`, `socket-del NS PROTO PORT` | listeners |
//! | `api KIND NAME PATH = JSON` | a field of the objects `namespace/name`; `*` in a name fits anything |
//! | `api-del KIND NAME [PATH]` | a field, or the objects |
//! | `target-port SVC PORT` | `targetPort`, and what the EndpointSlice controller and kube-proxy make of it |
//! | `selector SVC KEY=VALUE` | the selector, and the endpoints that it no longer selects |
//! | `not-ready POD` | the pod's condition, and what they make of it |
//! | `file NODE PATH LINE` | a line at the end of a file of the node |
//! | `file-del NODE PATH` | the file is gone |
//! | `edit MEMBER OLD -> NEW` | text of a member, wherever it occurs |
//! | `empty MEMBER`, `remove MEMBER` | the command printed nothing; it was not run. `*` fits anything |

use super::{json_path, kube_proxy, links};
use netwhy_snapshot::Snapshot;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub type Result<T> = std::result::Result<T, String>;

/// Carries out one directive.
pub fn apply(snapshot: &mut Snapshot, line: &str) -> Result<()> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match word {
        "sysctl" => sysctl(snapshot, rest),
        "sysctl-del" => sysctl_del(snapshot, rest),
        "route-add" => route_add(snapshot, rest),
        "route-del" => route_del(snapshot, rest),
        "link" => links::link(snapshot, rest),
        "vxlan" => links::vxlan(snapshot, rest),
        "hairpin" => links::hairpin(snapshot, rest),
        "neigh" => neigh(snapshot, rest, true),
        "neigh-del" => neigh(snapshot, rest, false),
        "fdb" => fdb(snapshot, rest),
        "fdb-del" => fdb_del(snapshot, rest),
        "iptables" => iptables(snapshot, rest, "iptables-save"),
        "iptables-legacy" => iptables(snapshot, rest, "iptables-legacy-save"),
        "nft" => nft(snapshot, rest),
        "socket" => socket(snapshot, rest),
        "socket-del" => socket_del(snapshot, rest),
        "api" => api(snapshot, rest),
        "api-del" => api_del(snapshot, rest),
        "target-port" => kube_proxy::target_port(snapshot, rest),
        "selector" => kube_proxy::selector(snapshot, rest),
        "not-ready" => kube_proxy::not_ready(snapshot, rest),
        "file" => file(snapshot, rest),
        "file-del" => file_del(snapshot, rest),
        "edit" => edit(snapshot, rest),
        "empty" => each_member(snapshot, rest, |snapshot, member| {
            snapshot.insert(member, Vec::new());
        }),
        "remove" => each_member(snapshot, rest, |snapshot, member| {
            snapshot.remove(member);
        }),
        _ => Err(format!("no such directive: {word}")),
    }
}

/// The folder of a namespace.
pub fn folder(snapshot: &Snapshot, ns: &str) -> Result<String> {
    let mut folders = snapshot
        .paths()
        .filter_map(|p| p.rsplit_once('/'))
        .map(|(folder, _)| folder);
    let wanted = match ns.split_once('/') {
        Some((namespace, name)) => format!("/pods/{namespace}_{name}"),
        None => String::new(),
    };
    let fits = |folder: &&str| match wanted.is_empty() {
        false => folder.ends_with(&wanted),
        true => *folder == format!("nodes/{ns}/host") || *folder == format!("outside/{ns}"),
    };
    let found = folders.find(fits).map(str::to_owned);
    found.ok_or_else(|| format!("no namespace {ns}"))
}

pub fn words<const N: usize>(text: &str) -> Result<[&str; N]> {
    let list: Vec<&str> = text.split_whitespace().collect();
    list.try_into()
        .map_err(|list: Vec<&str>| format!("{} words, {N} are needed: {text}", list.len()))
}

fn first_word(text: &str) -> Result<(&str, &str)> {
    text.split_once(' ')
        .map(|(a, b)| (a, b.trim()))
        .ok_or_else(|| format!("one word only: {text}"))
}

fn text(snapshot: &Snapshot, member: &str) -> Result<String> {
    match snapshot.text(member) {
        Some(Ok(text)) => Ok(text.to_owned()),
        _ => Err(format!("no text member {member}")),
    }
}

pub fn read_json(snapshot: &Snapshot, member: &str) -> Result<Value> {
    serde_json::from_str(&text(snapshot, member)?).map_err(|e| format!("{member}: {e}"))
}

pub fn write_json(snapshot: &mut Snapshot, member: &str, value: &Value) {
    snapshot.insert(member, value.to_string());
}

/// Edits a list of `ip -j`.
pub fn list(
    snapshot: &mut Snapshot,
    ns: &str,
    file: &str,
    change: impl FnOnce(&mut Vec<Value>) -> Result<()>,
) -> Result<()> {
    let member = format!("{}/{file}", folder(snapshot, ns)?);
    let mut value = read_json(snapshot, &member)?;
    change(value.as_array_mut().ok_or("no list")?)?;
    write_json(snapshot, &member, &value);
    Ok(())
}

pub fn lines(
    snapshot: &mut Snapshot,
    ns: &str,
    file: &str,
    change: impl FnOnce(&mut Vec<String>) -> Result<()>,
) -> Result<()> {
    let member = format!("{}/{file}", folder(snapshot, ns)?);
    let mut all: Vec<String> = text(snapshot, &member)?.lines().map(str::to_owned).collect();
    change(&mut all)?;
    let mut text = all.join("\n");
    if !text.is_empty() {
        text.push('\n');
    }
    snapshot.insert(member, text);
    Ok(())
}

fn key_of(line: &str) -> &str {
    line.split('=').next().unwrap_or_default().trim()
}

fn sysctl(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let (ns, assignment) = first_word(rest)?;
    let (key, value) = assignment
        .split_once('=')
        .map(|(k, v)| (k.trim(), v.trim()))
        .ok_or("no =")?;
    lines(snapshot, ns, "sysctl.txt", |all| {
        let old = all
            .iter_mut()
            .find(|l| key_of(l) == key)
            .ok_or_else(|| format!("no sysctl {key}"))?;
        let changes = old.split('=').nth(1).map(str::trim) != Some(value);
        *old = format!("{key} = {value}");
        // net/ipv4/devinet.c: devinet_sysctl_forward() and inet_forward_change(): only where the value changes.
        if key == "net.ipv4.ip_forward" && changes {
            let redirects = if value == "0" { "1" } else { "0" };
            for line in all.iter_mut() {
                let key = key_of(line).to_owned();
                if key.starts_with("net.ipv4.conf.") && key.ends_with(".forwarding") && !key.ends_with("bc_forwarding")
                {
                    *line = format!("{key} = {value}");
                } else if key == "net.ipv4.conf.all.accept_redirects" {
                    *line = format!("{key} = {redirects}");
                }
            }
        }
        Ok(())
    })
}

fn sysctl_del(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let [ns, key] = words(rest)?;
    lines(snapshot, ns, "sysctl.txt", |all| shrink(all, key, |l| key_of(l) != key))
}

pub fn shrink<T>(all: &mut Vec<T>, what: &str, keep: impl FnMut(&T) -> bool) -> Result<()> {
    let before = all.len();
    all.retain(keep);
    match all.len() < before {
        true => Ok(()),
        false => Err(format!("nothing to delete: {what}")),
    }
}

fn in_main(route: &Value) -> bool {
    route.get("table").and_then(Value::as_str).is_none_or(|t| t == "main")
}

fn route_add(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let mut parts = rest.split_whitespace();
    let (Some(ns), Some(dst)) = (parts.next(), parts.next()) else {
        return Err("NS DST".to_owned());
    };
    let mut route =
        json!({"type": "unicast", "dst": dst, "table": "main", "protocol": "boot", "scope": "link", "flags": []});
    while let Some(word) = parts.next() {
        match word {
            "via" => {
                route["gateway"] = json!(parts.next());
                route["scope"] = json!("global");
            }
            "dev" => route["dev"] = json!(parts.next()),
            "onlink" => route["flags"] = json!(["onlink"]),
            "blackhole" | "unreachable" | "prohibit" => {
                route["type"] = json!(word);
                route["scope"] = json!("global");
            }
            "proto" => route["protocol"] = json!(parts.next()),
            _ => return Err(format!("unknown word {word}")),
        }
    }
    list(snapshot, ns, "route.json", |all| {
        all.push(route);
        Ok(())
    })
}

fn route_del(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let [ns, dst] = words(rest)?;
    list(snapshot, ns, "route.json", |all| {
        shrink(all, dst, |r| !(in_main(r) && r["dst"] == dst))
    })
}

fn neigh(snapshot: &mut Snapshot, rest: &str, add: bool) -> Result<()> {
    let parts: Vec<&str> = rest.split_whitespace().collect();
    let [ns, dev, addr, ..] = parts[..] else {
        return Err("NS DEV ADDR".to_owned());
    };
    list(snapshot, ns, "neigh.json", |all| {
        let deleted = shrink(all, addr, |n| !(n["dev"] == dev && n["dst"] == addr));
        if !add {
            return deleted;
        }
        let mac = parts.get(3).ok_or("no MAC")?;
        all.push(json!({"dst": addr, "dev": dev, "lladdr": mac, "state": ["PERMANENT"]}));
        Ok(())
    })
}

fn fdb(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let [ns, dev, mac, addr] = words(rest)?;
    list(snapshot, ns, "fdb.json", |all| {
        all.retain(|e| !(e["ifname"] == dev && e["mac"] == mac));
        all.push(json!({"mac": mac, "ifname": dev, "dst": addr, "flags": ["self"], "state": "permanent"}));
        Ok(())
    })
}

fn fdb_del(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let [ns, dev, addr] = words(rest)?;
    list(snapshot, ns, "fdb.json", |all| {
        shrink(all, addr, |e| !(e["ifname"] == dev && e["dst"] == addr))
    })
}

fn iptables(snapshot: &mut Snapshot, rest: &str, file: &str) -> Result<()> {
    let (ns, rest) = first_word(rest)?;
    let (table, rest) = first_word(rest)?;
    let (command, rest) = first_word(rest)?;
    let (chain, rest) = rest.split_once(' ').map_or((rest, ""), |(a, b)| (a, b.trim()));
    lines(snapshot, ns, file, |all| {
        let head = format!("*{table}");
        if !all.contains(&head) {
            let backend = if file == "iptables-save" {
                "iptables-nft-save v1.8.9 (nf_tables)"
            } else {
                "iptables-save v1.8.9"
            };
            all.push(format!("# Generated by {backend} on Thu Jan  1 00:00:00 2026"));
            all.push(head.clone());
            let chains: &[&str] = match table {
                "nat" => &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
                "raw" => &["PREROUTING", "OUTPUT"],
                "filter" => &["INPUT", "FORWARD", "OUTPUT"],
                _ => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
            };
            all.extend(chains.iter().map(|c| format!(":{c} ACCEPT [0:0]")));
            all.push("COMMIT".to_owned());
        }
        let begin = all.iter().position(|l| *l == head).unwrap_or_default();
        let end = begin + all[begin..].iter().position(|l| l == "COMMIT").ok_or("no COMMIT")?;
        let declared = (begin..end).find(|i| all[*i].starts_with(&format!(":{chain} ")));
        if command == "-N" {
            let at = (begin + 1..=end).find(|i| !all[*i].starts_with(':')).unwrap_or(end);
            all.insert(at, format!(":{chain} - [0:0]"));
            return Ok(());
        }
        let declared = declared.ok_or_else(|| format!("no chain {chain} in table {table}"))?;
        let is_rule = |l: &String| l.contains(&format!("] -A {chain} "));
        let rules: Vec<usize> = (begin..end).filter(|i| is_rule(&all[*i])).collect();
        let numbered = |n: &str| -> Result<usize> {
            let n: usize = n.parse().map_err(|_| format!("no number: {n}"))?;
            n.checked_sub(1).ok_or_else(|| "rules are numbered from 1".to_owned())
        };
        match command {
            "-P" => all[declared] = format!(":{chain} {rest} [0:0]"),
            "-F" => all.retain(|l| !is_rule(l)),
            "-D" => {
                let at = *rules.get(numbered(rest)?).ok_or("no such rule")?;
                all.remove(at);
            }
            "-A" => all.insert(end, format!("[0:0] -A {chain} {rest}")),
            "-I" => {
                let first = rest.split(' ').next().unwrap_or_default();
                let (n, rule) = match numbered(first) {
                    Ok(n) => (n, rest[first.len()..].trim()),
                    Err(_) => (0, rest),
                };
                let at = rules.get(n).copied().unwrap_or(end);
                all.insert(at, format!("[0:0] -A {chain} {rule}"));
            }
            _ => return Err(format!("unknown command {command}")),
        }
        Ok(())
    })
}

/// `nft NS {"rule": {...}}`
fn nft(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let (ns, object) = first_word(rest)?;
    let member = format!("{}/nft.json", folder(snapshot, ns)?);
    let mut list = match text(snapshot, &member) {
        Ok(text) if !text.trim().is_empty() => read_json(snapshot, &member)?,
        _ => json!({"nftables": []}),
    };
    let object: Value = serde_json::from_str(object).map_err(|e| format!("{object}: {e}"))?;
    let objects = list["nftables"].as_array_mut().ok_or("no list of nftables")?;
    objects.push(object);
    write_json(snapshot, &member, &list);
    Ok(())
}

fn socket(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let [ns, proto, local] = words(rest)?;
    let state = if proto == "tcp" { "LISTEN" } else { "UNCONN" };
    lines(snapshot, ns, "sockets.txt", |all| {
        all.push(format!(
            "{proto} {state} 0      4096   {local} 0.0.0.0:* users:((\"server\",pid=1,fd=3))"
        ));
        Ok(())
    })
}

fn socket_del(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let [ns, proto, port] = words(rest)?;
    let is = |l: &String| {
        l.starts_with(proto)
            && l.split_whitespace()
                .nth(4)
                .is_some_and(|a| a.ends_with(&format!(":{port}")))
    };
    match ns.split_once('*') {
        None => lines(snapshot, ns, "sockets.txt", |all| shrink(all, port, |l| !is(l))),
        Some(_) => {
            let pattern = format!("nodes/*/pods/{}", ns.replace('/', "_"));
            for ns in pods(snapshot, &pattern) {
                lines(snapshot, &ns, "sockets.txt", |all| shrink(all, port, |l| !is(l)))?;
            }
            Ok(())
        }
    }
}

/// `namespace/name` of the pods whose folder fits.
fn pods(snapshot: &Snapshot, pattern: &str) -> BTreeSet<String> {
    let folders = snapshot
        .paths()
        .filter_map(|p| p.rsplit_once('/'))
        .map(|(folder, _)| folder);
    let chosen = folders.filter(|f| fits(pattern, f)).filter_map(|f| f.rsplit_once('/'));
    chosen.map(|(_, name)| name.replacen('_', "/", 1)).collect()
}

/// `*` fits anything.
pub fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// `namespace/name`, or the name of what has no namespace.
pub fn full_name(object: &Value) -> String {
    let meta = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
    match meta("namespace") {
        ns if ns.is_empty() => meta("name"),
        ns => format!("{ns}/{}", meta("name")),
    }
}

fn api(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let (target, value) = rest.split_once(" = ").ok_or("no =")?;
    let [kind, name, path] = words(target)?;
    let value: Value = serde_json::from_str(value.trim()).map_err(|e| format!("{value}: {e}"))?;
    objects(snapshot, kind, |items| {
        let chosen = items.iter_mut().filter(|o| fits(name, &full_name(o)));
        match chosen.map(|o| json_path::set(o, path, Some(&value))).sum() {
            0 => Err(format!("nothing at {kind} {name} {path}")),
            _ => Ok(()),
        }
    })
}

fn api_del(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let parts: Vec<&str> = rest.split_whitespace().collect();
    match parts[..] {
        [kind, name] => objects(snapshot, kind, |items| {
            shrink(items, name, |o| !fits(name, &full_name(o)))
        }),
        [kind, name, path] => objects(snapshot, kind, |items| {
            let chosen = items.iter_mut().filter(|o| fits(name, &full_name(o)));
            match chosen.map(|o| json_path::set(o, path, None)).sum() {
                0 => Err(format!("nothing at {kind} {name} {path}")),
                _ => Ok(()),
            }
        }),
        _ => Err("KIND NAME [PATH]".to_owned()),
    }
}

pub fn objects(snapshot: &mut Snapshot, kind: &str, change: impl FnOnce(&mut Vec<Value>) -> Result<()>) -> Result<()> {
    let member = format!("cluster/{kind}.json");
    let mut value = read_json(snapshot, &member)?;
    change(value["items"].as_array_mut().ok_or("no items")?)?;
    write_json(snapshot, &member, &value);
    Ok(())
}

fn file(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let (node, rest) = first_word(rest)?;
    let (path, line) = first_word(rest)?;
    let member = format!("nodes/{node}/files{path}");
    let folder = member.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    snapshot.remove(&format!("{folder}/.netwhy-empty"));
    let old = text(snapshot, &member).unwrap_or_default();
    snapshot.insert(member, format!("{old}{line}\n"));
    Ok(())
}

fn file_del(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let [node, path] = words(rest)?;
    let member = format!("nodes/{node}/files{path}");
    snapshot.remove(&member).ok_or_else(|| format!("no file {member}"))?;
    let folder = member.rsplit_once('/').map_or("", |(folder, _)| folder);
    let left = snapshot
        .paths()
        .any(|p| p.strip_prefix(folder).is_some_and(|r| r.starts_with('/')));
    if !left {
        let empty = format!("{folder}/.netwhy-empty");
        snapshot.insert(empty, Vec::new());
    }
    Ok(())
}

fn edit(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let (member, change) = first_word(rest)?;
    let (old, new) = change.split_once(" -> ").ok_or("no ->")?;
    let before = text(snapshot, member)?;
    let after = before.replace(old.trim(), new.trim());
    if before == after {
        return Err(format!("{member} has no \"{}\"", old.trim()));
    }
    snapshot.insert(member, after);
    Ok(())
}

fn each_member(snapshot: &mut Snapshot, pattern: &str, change: impl Fn(&mut Snapshot, &str)) -> Result<()> {
    let members: Vec<String> = snapshot
        .paths()
        .filter(|p| fits(pattern, p))
        .map(str::to_owned)
        .collect();
    if members.is_empty() {
        return Err(format!("no member {pattern}"));
    }
    for member in members {
        change(snapshot, &member);
    }
    Ok(())
}
