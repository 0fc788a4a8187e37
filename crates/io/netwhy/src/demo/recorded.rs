//! On the recording: a real control plane and real kube-proxies, recorded in network namespaces. What cannot be played on a
//! file is named.

use super::live::NotLive;
use super::player::Player;
use crate::cli::PrintArgs;
use crate::fail::Fail;
use anyhow::{Context, Result};
use netwhy_snapshot::{Limits, Snapshot};
use serde::Deserialize;
use std::cell::Cell;
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;

static BUNDLE: &[u8] = include_bytes!("../../../../../tests/recordings/ip-forward-off-n1.tar.zst");
static FLOWS: &[u8] = include_bytes!("../../../../../tests/recordings/ip-forward-off-n1.flows.jsonl.zst");
/// The name under which the commands of the play mention the bundle.
const NAME: &str = "demo.tar.zst";

/// A measured connection.
#[derive(Deserialize)]
struct Measured {
    from: String,
    proto: String,
    to_ip: IpAddr,
    to_port: u16,
    kind: String,
    #[serde(default)]
    to_name: String,
    result: serde_json::Value,
    #[serde(default)]
    differs: serde_json::Value,
}

/// Writes the embedded bundle.
pub fn save(path: &Path) -> Result<()> {
    let snapshot = Snapshot::from_archive(BUNDLE, &Limits::default())?;
    netwhy_collect::write_archive(&snapshot, path, netwhy_collect::Overwrite::No)
        .map_err(|e| Fail::new(e.to_string(), ""))
}

/// Plays it; `instead` is another bundle of the same cluster.
pub fn play(print: &PrintArgs, instead: Option<&Path>, not_live: &NotLive) -> Result<ExitCode> {
    let folder = tempfile::Builder::new()
        .prefix("netwhy-demo")
        .tempdir()
        .context("a folder for the recording")?;
    let path = match instead {
        Some(path) => path.to_owned(),
        None => {
            let path = folder.path().join(NAME);
            std::fs::write(&path, BUNDLE).context("the recording")?;
            path
        }
    };
    let file = path.to_string_lossy().into_owned();
    let mut p = Player::new(print);
    p.alias(&file, NAME);
    p.say(&[
        "netwhy demo, on a recording: a real control plane and three real kube-proxies, recorded in network namespaces.",
        &format!("Not live, because: {}", not_live.why),
        &format!("The bundle is inside this program; to type the commands below yourself: netwhy demo --save {NAME}"),
    ])?;
    let measured = measured()?;

    p.step("What the client saw (measured when it was recorded; the probe waited 2 s)")?;
    let to = format!(
        "{} {}:{} (svc/{})",
        measured.proto, measured.to_ip, measured.to_port, measured.to_name
    );
    p.show(&[format!("{} → {to}", measured.from), said(&measured)])?;
    p.show(&["not shown here: packets on the wire (the recording holds no capture)".to_owned()])?;

    p.step("Why?")?;
    let address = format!("{}:{}", measured.to_ip, measured.to_port);
    let trace = p.netwhy(&["trace", "-f", &file, &measured.from, &address], |_| true)?;
    if trace.code == 0 {
        p.show(&[
            "the bundle delivers this connection: it is not the one that the measurement was made on".to_owned(),
        ])?;
    }

    p.step("Everything that is wrong in this cluster")?;
    let seen = Cell::new(0usize);
    p.netwhy(&["check", "-f", &file], |line| {
        if is_finding(line) {
            seen.set(seen.get() + 1);
        }
        seen.get() < 2 || line.starts_with("coverage")
    })?;
    if seen.get() > 1 {
        p.show(&[format!(
            "({} more, planted in that cluster on purpose: type the command to read them)",
            seen.get() - 1
        )])?;
    }

    p.step("How do I fix it? The plan, proven in simulation, not applied")?;
    match first_fix(&file)? {
        Some((code, node)) => {
            p.netwhy(&["fix", "-f", &file, &code, "--node", &node], |l| {
                !l.starts_with("target")
            })?;
        }
        None => p.show(&["no finding of this bundle has a fix that netwhy would apply".to_owned()])?,
    }

    p.step("Not played on a recording")?;
    p.show(
        &[
            "the connection after the fix, the reboot, and the drop-in that makes the fault come back: these need a lab",
            "live, on Linux with iproute2 and iptables, as root or where user namespaces are allowed: netwhy demo",
        ]
        .map(str::to_owned),
    )?;
    if let Some(way_out) = &not_live.way_out {
        p.show(&[format!("here that takes, {way_out}")])?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The first line of a finding on the screen of `check`.
fn is_finding(line: &str) -> bool {
    ["✗ ", "x ", "! "].iter().any(|mark| line.starts_with(mark))
}

/// A connection from a pod to a Service that the fault turned into silence.
fn measured() -> Result<Measured> {
    let text = zstd::decode_all(FLOWS).context("the recorded flows")?;
    let text = String::from_utf8_lossy(&text);
    let all = text.lines().filter_map(|l| serde_json::from_str::<Measured>(l).ok());
    let fits = |m: &Measured| {
        m.from.starts_with("pod/")
            && m.kind == "clusterip"
            && m.proto == "TCP"
            && m.to_ip.is_ipv4()
            && m.result == "timeout"
            && !m.differs.is_null()
            && own_namespace(m)
    };
    // The shortest name is the plainest Service.
    let plain = all.filter(fits).min_by_key(|m| m.to_name.len());
    plain.context("the recording has no such flow")
}

/// The Service lies in the client's own namespace, as one's own application does.
fn own_namespace(m: &Measured) -> bool {
    m.from.split('/').nth(1) == m.to_name.split('/').next()
}

/// The error in curl's words; the measurement knows the class only.
fn said(m: &Measured) -> String {
    match m.result.as_str() {
        Some("timeout") => format!(
            "Failed to connect to {} port {}: Connection timed out",
            m.to_ip, m.to_port
        ),
        Some(other) => other.to_owned(),
        None => m.result.to_string(),
    }
}

/// Code and node of the first finding that `netwhy fix` can mend.
fn first_fix(file: &str) -> Result<Option<(String, String)>> {
    let done = super::player::quietly(&["check", "-f", file, "-o", "json"])?;
    let report: serde_json::Value = serde_json::from_str(&done.text).context("the report")?;
    let findings = report["findings"].as_array().cloned().unwrap_or_default();
    let fixable = findings.iter().find(|f| f["fix"]["kind"] == "sysctl");
    Ok(fixable.and_then(|f| Some((f["code"].as_str()?.to_owned(), f["node"].as_str()?.to_owned()))))
}
