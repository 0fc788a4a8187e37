//! Directives that change links, with what the kernel changes besides.

use super::change::{Result, folder, lines, list, read_json, words};
use netwhy_snapshot::Snapshot;
use serde_json::{Value, json};

/// A device by name, or the host's end of a pod's `eth0`.
fn device(snapshot: &Snapshot, ns: &str, dev: &str) -> Result<String> {
    if !dev.contains('/') {
        return Ok(dev.to_owned());
    }
    let theirs = read_json(snapshot, &format!("{}/link.json", folder(snapshot, dev)?))?;
    let mut all = theirs.as_array().into_iter().flatten();
    let far = all.find(|l| l["ifname"] == "eth0").ok_or("the pod has no eth0")?["link_index"].clone();
    let ours = read_json(snapshot, &format!("{}/link.json", folder(snapshot, ns)?))?;
    let mut all = ours.as_array().into_iter().flatten();
    let link = all.find(|l| l["ifindex"] == far);
    let name = link.and_then(|l| l["ifname"].as_str()).map(str::to_owned);
    name.ok_or_else(|| format!("no end of {dev} on {ns}"))
}

/// Both members that print the attributes of a link.
fn change(
    snapshot: &mut Snapshot,
    ns: &str,
    dev: &str,
    mut change: impl FnMut(&mut Value) -> Result<()>,
) -> Result<()> {
    for member in ["addr.json", "link.json"] {
        list(snapshot, ns, member, |all| {
            let link = all.iter_mut().find(|l| l["ifname"] == dev);
            change(link.ok_or_else(|| format!("no link {dev}"))?)
        })?;
    }
    Ok(())
}

/// `link worker-2 flannel.1 down`: `fib_sync_down_dev()`, `neigh_ifdown()`, `vxlan_stop()`.
pub fn link(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let [ns, dev, state] = words(rest)?;
    let dev = device(snapshot, ns, dev)?;
    let mut port = Value::Null;
    change(snapshot, ns, &dev, |link| {
        let flags = link["flags"].as_array_mut().ok_or("no flags")?;
        flags.retain(|f| f != "UP" && f != "LOWER_UP");
        match state {
            "up" => flags.extend([json!("UP"), json!("LOWER_UP")]),
            "down" => {}
            _ => return Err("up or down".to_owned()),
        }
        link["operstate"] = json!(state.to_uppercase());
        port = link["linkinfo"]["info_data"]["port"].clone();
        Ok(())
    })?;
    if state == "up" {
        return Ok(());
    }
    list(snapshot, ns, "route.json", |all| {
        all.retain(|r| r["dev"] != dev || r["type"] == "local");
        Ok(())
    })?;
    list(snapshot, ns, "neigh.json", |all| {
        all.retain(|n| n["dev"] != dev);
        Ok(())
    })?;
    let Some(port) = port.as_u64() else { return Ok(()) };
    lines(snapshot, ns, "sockets.txt", |all| {
        let own = |l: &String| l.starts_with("udp") && l.contains(&format!(":{port} ")) && !l.contains("users:");
        all.retain(|l| !own(l));
        Ok(())
    })
}

/// `vxlan worker-2 flannel.1 id 2`.
pub fn vxlan(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let [ns, dev, key, value] = words(rest)?;
    let number: u64 = value.parse().map_err(|_| format!("no number: {value}"))?;
    change(snapshot, ns, dev, |link| {
        let data = &mut link["linkinfo"]["info_data"];
        if data.is_null() {
            return Ok(());
        }
        if data.get(key).is_none() {
            return Err(format!("{dev} has no {key}"));
        }
        data[key] = json!(number);
        Ok(())
    })
}

/// `hairpin worker-1 shop/web off`.
pub fn hairpin(snapshot: &mut Snapshot, rest: &str) -> Result<()> {
    let [ns, dev, state] = words(rest)?;
    let dev = device(snapshot, ns, dev)?;
    let on = json!(state == "on");
    change(snapshot, ns, &dev, |link| {
        link["linkinfo"]["info_slave_data"]["hairpin"] = on.clone();
        Ok(())
    })?;
    list(snapshot, ns, "bridge-link.json", |all| {
        let port = all.iter_mut().find(|l| l["ifname"] == dev);
        port.ok_or_else(|| format!("{dev} is no port"))?["hairpin"] = on;
        Ok(())
    })
}
