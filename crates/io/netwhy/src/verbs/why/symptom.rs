//! What was pasted, and what it names.

use crate::fail::Fail;
use anyhow::{Context, Result};
use netwhy_intake::{Host, Kind, Observation, read_capture, read_text};
use netwhy_intent::names;
use netwhy_model::Cluster;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

/// A capture or a pasted text is not larger.
const BYTES_MAX: u64 = 256 << 20;

/// The first thing that the words, the file or standard input say.
pub(super) fn read(words: &[String]) -> Result<Observation> {
    let text = match words {
        [one] if one == "-" => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .take(BYTES_MAX)
                .read_to_end(&mut bytes)
                .context("standard input")?;
            bytes
        }
        [one] if is_file(one) => {
            let file = std::fs::File::open(one).with_context(|| one.clone())?;
            let mut bytes = Vec::new();
            file.take(BYTES_MAX)
                .read_to_end(&mut bytes)
                .with_context(|| one.clone())?;
            bytes
        }
        words => words.join(" ").into_bytes(),
    };
    if is_capture(&text) {
        return from_capture(&text);
    }
    let text = String::from_utf8_lossy(&text);
    read_text(&text).into_iter().next().ok_or_else(|| {
        Fail::new(
            "no error message of a client is recognised in this",
            "paste the line as the client printed it, such as: curl: (7) Failed to connect to 10.0.21.231 port 3000",
        )
    })
}

/// A short word that names a file; an error message does not.
fn is_file(word: &str) -> bool {
    word.len() < 4096 && !word.contains('\n') && Path::new(word).is_file()
}

/// By the magic numbers of pcap (both orders, both resolutions) and pcapng.
fn is_capture(bytes: &[u8]) -> bool {
    const MAGIC: [[u8; 4]; 5] = [
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    bytes.get(..4).is_some_and(|head| MAGIC.iter().any(|m| m == head))
}

fn from_capture(bytes: &[u8]) -> Result<Observation> {
    let capture = read_capture(bytes).context("the capture")?;
    let flows = capture.flows.len();
    capture.observations().into_iter().next().ok_or_else(|| {
        Fail::new(
            format!(
                "{} packets, {flows} connections, and none of them fails",
                capture.packets
            ),
            "capture while it fails: tcpdump -i any -w FILE.pcap port PORT",
        )
    })
}

/// Where the client wanted to go.
pub(super) struct Asked {
    /// Address.
    pub addr: IpAddr,
    /// Port.
    pub port: u16,
    /// Protocol.
    pub proto: u8,
    /// What it is in this cluster.
    pub name: Option<String>,
}

/// The destination, if the symptom names one that can be asked.
pub(super) fn destination(cluster: &Cluster, seen: &Observation, namespace: &str) -> Option<Asked> {
    let proto = 6;
    if let Kind::Dns(_) = seen.kind {
        let server = seen.server?;
        return Some(by_address(cluster, server.ip(), server.port(), 17));
    }
    let target = seen.target.as_ref()?;
    let port = target.port?;
    if let Some(addr) = target.ip() {
        return Some(by_address(cluster, addr, port, proto));
    }
    let Host::Name(name) = &target.host else { return None };
    let mut labels = name.split('.');
    let (service, ns) = (labels.next()?, labels.next().unwrap_or(namespace));
    let found = names::target(cluster, &format!("svc/{ns}/{service}:{port}"), namespace, proto).ok()?;
    Some(Asked {
        addr: found.addr,
        port,
        proto,
        name: Some(found.name),
    })
}

fn by_address(cluster: &Cluster, addr: IpAddr, port: u16, proto: u8) -> Asked {
    let service = netwhy_intent::services::behind(cluster, addr, port, proto).map(|v| v.service.to_string());
    let owner = || netwhy_intent::owner_of(cluster, addr).map(|id| format!("{}:{port}", cluster.ns(id).kind));
    Asked {
        addr,
        port,
        proto,
        name: service.or_else(owner),
    }
}
