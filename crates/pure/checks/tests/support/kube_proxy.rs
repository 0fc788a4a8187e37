//! What the EndpointSlice controller and kube-proxy (iptables mode) make of a change to a Service or a pod.

use super::change::{Result, fits, full_name, objects, read_json};
use super::json_path;
use netwhy_snapshot::Snapshot;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// `target-port shop/api 9999`: the Service's first port leads there, and so do slices and rules of all nodes.
pub fn target_port(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let (service, port) = rest.split_once(' ').ok_or("SVC PORT")?;
    let port: u16 = port.trim().parse().map_err(|_| format!("no port: {port}"))?;
    objects(snapshot, "services", |items| {
        let chosen = items.iter_mut().filter(|o| full_name(o) == service);
        match chosen
            .map(|o| json_path::set(o, "spec.ports[0].targetPort", Some(&json!(port))))
            .sum()
        {
            1 => Ok(()),
            _ => Err(format!("no Service {service}")),
        }
    })?;
    let mut old = None;
    objects(snapshot, "endpointslices", |items| {
        for slice in items.iter_mut().filter(|s| service_of(s) == service) {
            old = slice["ports"][0]["port"].as_u64();
            json_path::set(slice, "ports[0].port", Some(&json!(port)));
        }
        Ok(())
    })?;
    let old = old.ok_or("the Service has no EndpointSlice")?;
    rules(snapshot, |line| {
        match line.contains(&format!("--comment \"{service}:")) {
            true => Some(
                line.replace(&format!(":{old}\" "), &format!(":{port}\" "))
                    .replacen_last(&format!(":{old}"), &format!(":{port}")),
            ),
            false => Some(line.to_owned()),
        }
    })
}

trait ReplaceLast {
    fn replacen_last(self, old: &str, new: &str) -> String;
}

impl ReplaceLast for String {
    /// Only at the end: `--to-destination 10.244.1.8:3000`.
    fn replacen_last(self, old: &str, new: &str) -> String {
        match self.strip_suffix(old) {
            Some(head) if head.contains("--to-destination") => format!("{head}{new}"),
            _ => self,
        }
    }
}

/// `not-ready shop/api-*`: the pods' condition, the slices' endpoints, and the rules of all nodes.
pub fn not_ready(snapshot: &mut Snapshot, pattern: &str) -> Result<()> {
    let no = json!("False");
    objects(snapshot, "pods", |items| {
        let chosen = items.iter_mut().filter(|o| fits(pattern, &full_name(o)));
        let changed = chosen.map(|pod| {
            json_path::set(pod, "status.conditions[type=ContainersReady].status", Some(&no));
            json_path::set(pod, "status.conditions[type=Ready].status", Some(&no))
        });
        match changed.sum() {
            0 => Err(format!("no pod {pattern}")),
            _ => Ok(()),
        }
    })?;
    let mut gone = BTreeSet::new();
    objects(snapshot, "endpointslices", |items| {
        for slice in items {
            let namespace = slice["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
            for endpoint in slice["endpoints"].as_array_mut().into_iter().flatten() {
                let pod = format!(
                    "{namespace}/{}",
                    endpoint["targetRef"]["name"].as_str().unwrap_or_default()
                );
                if fits(pattern, &pod) {
                    endpoint["conditions"] = json!({"ready": false, "serving": false, "terminating": false});
                    gone.extend(endpoint["addresses"][0].as_str().map(str::to_owned));
                }
            }
        }
        Ok(())
    })?;
    each_save(snapshot, |text| without(text, &gone))
}

/// `selector shop/api app=ap1`: the selector, and the endpoints that it no longer selects go from slices and rules.
pub fn selector(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let (service, pair) = rest.split_once(' ').ok_or("SVC KEY=VALUE")?;
    let (key, value) = pair.trim().split_once('=').ok_or("KEY=VALUE")?;
    objects(snapshot, "services", |items| {
        let chosen = items.iter_mut().filter(|o| full_name(o) == service);
        match chosen
            .map(|o| json_path::set(o, "spec.selector", Some(&json!({key: value}))))
            .sum()
        {
            1 => Ok(()),
            _ => Err(format!("no Service {service}")),
        }
    })?;
    let pods = read_json(snapshot, "cluster/pods.json")?;
    let pods = pods["items"].as_array().ok_or("no pods")?;
    let fits: BTreeSet<String> = pods
        .iter()
        .filter(|p| p["metadata"]["labels"][key] == value)
        .map(full_name)
        .collect();
    let mut gone = BTreeSet::new();
    objects(snapshot, "endpointslices", |items| {
        for slice in items.iter_mut().filter(|s| service_of(s) == service) {
            let namespace = slice["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
            let all = slice["endpoints"]
                .as_array_mut()
                .ok_or("the Service has no endpoints")?;
            all.retain(|endpoint| {
                let pod = format!(
                    "{namespace}/{}",
                    endpoint["targetRef"]["name"].as_str().unwrap_or_default()
                );
                if !fits.contains(&pod) {
                    gone.extend(endpoint["addresses"][0].as_str().map(str::to_owned));
                }
                fits.contains(&pod)
            });
        }
        Ok(())
    })?;
    each_save(snapshot, |text| without(text, &gone))
}

fn service_of(slice: &Value) -> String {
    let meta = &slice["metadata"];
    let label = meta["labels"]["kubernetes.io/service-name"].as_str();
    format!(
        "{}/{}",
        meta["namespace"].as_str().unwrap_or_default(),
        label.unwrap_or_default()
    )
}

fn each_save(snapshot: &mut Snapshot, change: impl Fn(&str) -> Result<String>) -> Result<()> {
    let is_host = |p: &&str| p.starts_with("nodes/") && p.ends_with("/host/iptables-save");
    let members: Vec<String> = snapshot.paths().filter(is_host).map(str::to_owned).collect();
    for member in members {
        let text = snapshot
            .text(&member)
            .and_then(std::result::Result::ok)
            .unwrap_or_default();
        let text = change(text)?;
        snapshot.insert(member, text);
    }
    // Both lists must still be there: an example that removes them first has nothing to change.
    read_json(snapshot, "cluster/services.json").map(drop)
}

fn rules(snapshot: &mut Snapshot, change: impl Fn(&str) -> Option<String>) -> Result<()> {
    each_save(snapshot, |text| {
        Ok(text.lines().filter_map(&change).map(|l| l + "\n").collect())
    })
}

/// The rules without these endpoints: the rest shares by probability, and a Service that has none left refuses.
fn without(text: &str, gone: &BTreeSet<String>) -> Result<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let chain_of = |l: &str| {
        l.split("-A ")
            .nth(1)
            .and_then(|r| r.split(' ').next())
            .unwrap_or_default()
            .to_owned()
    };
    let to_endpoint = |l: &str| l.contains("-A KUBE-SVC-") && l.contains(" -j KUBE-SEP-");
    let is_gone = |l: &str| gone.iter().any(|addr| l.contains(&format!("-> {addr}:")));
    let touched: BTreeSet<String> = lines
        .iter()
        .filter(|l| to_endpoint(l) && is_gone(l))
        .map(|l| chain_of(l))
        .collect();
    lines.retain(|l| !(to_endpoint(l) && is_gone(l)));
    for chain in touched {
        let left: Vec<usize> = (0..lines.len())
            .filter(|i| to_endpoint(&lines[*i]) && chain_of(&lines[*i]) == chain)
            .collect();
        for (k, i) in left.iter().enumerate() {
            lines[*i] = share(&lines[*i], left.len() - k);
        }
        if left.is_empty() {
            refuse(&mut lines, &chain)?;
        }
    }
    Ok(lines.into_iter().map(|l| l + "\n").collect())
}

/// One of `n` that are left.
fn share(line: &str, n: usize) -> String {
    let (head, target) = line.split_once(" -j ").unwrap_or((line, ""));
    let head = head.split(" -m statistic").next().unwrap_or(head);
    match n {
        1 => format!("{head} -j {target}"),
        n => format!(
            "{head} -m statistic --mode random --probability {:.11} -j {target}",
            1.0 / n as f64
        ),
    }
}

fn refuse(lines: &mut Vec<String>, chain: &str) -> Result<()> {
    let leads = format!(" -j {chain}");
    if lines.iter().any(|l| l.contains("-A KUBE-EXT-") && l.ends_with(&leads)) {
        return Err(format!(
            "{chain} serves a node port: not-ready knows cluster addresses only"
        ));
    }
    let at = lines
        .iter()
        .position(|l| l.contains("-A KUBE-SERVICES ") && l.ends_with(&leads))
        .ok_or_else(|| format!("nothing leads to {chain}"))?;
    let rule = lines.remove(at);
    let reject = rule
        .replace(" cluster IP\"", " has no endpoints\"")
        .replace(&leads, " -j REJECT --reject-with icmp-port-unreachable");
    let filter = lines.iter().position(|l| l == "*filter").ok_or("no table filter")?;
    let end = lines[filter..].iter().position(|l| l == "COMMIT").ok_or("no COMMIT")?;
    lines.insert(filter + end, reject);
    Ok(())
}
