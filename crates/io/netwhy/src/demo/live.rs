//! On a lab: real namespaces, real packets, real errors.

use super::player::{Player, quietly};
use crate::cli::PrintArgs;
use anyhow::{Context, Result, ensure};
use netwhy_lab::spec::{Pod, Service, Spec};
use netwhy_lab::{Lab, LabError, Labs, UpOptions};
use netwhy_probe::{Ask, Attempt, Bounds, Filter, Links, capture_during, curl_words};
use netwhy_wire::decode::L4;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

/// The lab of the demo; another than the reader's own.
const LAB: &str = "demo";
/// The kernel then repeats the SYN twice and gives up after 3.1 s instead of 134 (lab note 0005).
const SYN_RETRIES: u8 = 1;
/// A drop-in that a hardening profile leaves behind, named so that it wins.
const HARDENING: &str = "etc/sysctl.d/zz-hardening.conf";

/// A lab that is up, with the two ends of the incident.
pub struct Stage {
    labs: Labs,
    lab: Lab,
    client: Pod,
    service: Service,
    took_ms: u128,
    nodes: usize,
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The demo leaves nothing behind, however it ends.
        let _ = self.labs.down(LAB);
    }
}

/// Why there is no lab to play on.
pub struct NotLive {
    /// In one line.
    pub why: String,
    /// What would change it, if that is known.
    pub way_out: Option<String>,
}

impl NotLive {
    /// Without a way out.
    pub fn because(why: impl std::fmt::Display) -> NotLive {
        NotLive {
            why: why.to_string(),
            way_out: None,
        }
    }
}

impl From<LabError> for NotLive {
    fn from(e: LabError) -> NotLive {
        match e {
            LabError::Refused(refusal) => NotLive {
                why: format!("neither root nor a user namespace: {}", refusal.why),
                way_out: Some(refusal.way_out.replace("netwhy lab up", "netwhy demo")),
            },
            other => NotLive::because(other),
        }
    }
}

/// Makes the lab, or says why that is not possible here.
pub fn stage() -> Result<Stage, NotLive> {
    let labs = Labs::here();
    // What is left of a demo that was killed; what it fails for, making one fails for too.
    let _ = labs.down(LAB);
    labs.prepare()?;
    let spec = Spec::default_with(3);
    let options = UpOptions {
        name: LAB.to_owned(),
        ..UpOptions::default()
    };
    let up = labs.up(&spec, &options)?;
    let lab = labs.view(LAB)?;
    let client = spec
        .pods
        .iter()
        .find(|p| p.namespace == "shop" && p.name == "web")
        .cloned();
    let service = spec
        .services
        .iter()
        .find(|s| s.namespace == "shop" && s.name == "api")
        .cloned();
    let (Some(client), Some(service)) = (client, service) else {
        return Err(NotLive::because("the lab has no shop/web and shop/api"));
    };
    Ok(Stage {
        labs,
        lab,
        client,
        service,
        took_ms: up.took.as_millis(),
        nodes: spec.nodes.len(),
    })
}

impl Stage {
    fn addr(&self) -> (IpAddr, u16) {
        (
            self.service.cluster_ip.into(),
            self.service.ports.first().map_or(0, |p| p.port),
        )
    }

    /// A real `connect()` in the client's pod.
    fn connect(&self, retries: Option<u8>) -> Result<Attempt> {
        let netns = self.lab.pod_netns(&self.client)?;
        let (addr, port) = self.addr();
        let mut ask = Ask::new(addr, port, Duration::from_secs(10));
        ask.syn_retries = retries;
        ask.say = b"who\n".to_vec();
        Ok(netwhy_probe::ask(&netns, &ask)?)
    }

    fn curl(&self) -> Vec<String> {
        let (addr, port) = self.addr();
        let pod = format!("{}/{}", self.client.namespace, self.client.name);
        [
            "netwhy",
            "lab",
            "exec",
            &format!("--lab={LAB}"),
            "--in",
            &pod,
            "--",
            "curl",
            "-v",
            &format!("http://{addr}:{port}/"),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// The answer in the client's words.
    fn words(&self, attempt: &Attempt) -> Vec<String> {
        let (addr, port) = self.addr();
        match attempt.line() {
            Some(line) => vec![format!("connected to {addr}:{port}; the server answers: {line}")],
            None => curl_words(attempt, addr, port),
        }
    }
}

/// Plays the incident.
pub fn play(print: &PrintArgs, stage: Stage) -> Result<ExitCode> {
    let mut p = Player::new(print);
    let lab = format!("--lab={LAB}");
    let source = format!("pod/{}/{}", stage.client.namespace, stage.client.name);
    let target = format!(
        "svc/{}/{}:{}",
        stage.service.namespace,
        stage.service.name,
        stage.addr().1
    );
    let node = stage.client.node.clone();
    p.say(&[&format!(
        "netwhy demo, live: a cluster network in namespaces of this machine (lab \"{LAB}\"), real packets, real errors."
    )])?;

    p.step("A cluster that works")?;
    p.typed(&["netwhy", "lab", "up", &lab])?;
    p.show(&[format!("{} nodes, up in {} ms", stage.nodes, stage.took_ms)])?;
    connect(&p, &stage, None)?;

    p.step(&format!("A security scan switches kernel IP forwarding off on {node}"))?;
    p.netwhy(&["lab", "break", &lab, "ip-forward-off", "--node", &node], |l| {
        !l.starts_with("target")
    })?;
    silence(&p, &stage)?;

    p.step("Why?")?;
    p.netwhy(&["trace", &lab, &source, &target], |_| true)?;

    p.step("How do I fix it? First the plan, with its proof")?;
    p.netwhy(&["fix", &lab, "NW1001", "--node", &node], |l| !l.starts_with("target"))?;

    p.step("Do it")?;
    let outcome = |l: &str| {
        ["✓", "ok ", "undo", "journal", "netwhy:"]
            .iter()
            .any(|start| l.starts_with(start))
    };
    let fixed = p.netwhy(&["fix", &lab, "NW1001", "--node", &node, "--apply"], outcome)?;
    ensure!(fixed.code == 0, "the fix was not applied");
    connect(&p, &stage, None)?;

    p.step("Does it last? The node reboots")?;
    p.netwhy(&["lab", "reboot", &lab, &node], |l| !l.starts_with("target"))?;
    connect(&p, &stage, None)?;

    p.step("The scan comes back, this time with a drop-in that wins at boot, and the node reboots again")?;
    harden(&p, &stage, &lab, &node)?;
    p.netwhy(&["lab", "reboot", &lab, &node], |l| !l.starts_with("target"))?;
    connect(&p, &stage, Some(SYN_RETRIES))?;

    p.step("Who did it?")?;
    p.netwhy(&["check", &lab], |_| true)?;

    p.say(&[
        "",
        "The page of this finding, with how to diagnose it by hand and how a fix survives a reboot: netwhy explain NW1001",
        "The lab of this demo is gone now. One of your own: netwhy lab up",
    ])?;
    Ok(ExitCode::SUCCESS)
}

fn connect(p: &Player, stage: &Stage, retries: Option<u8>) -> Result<()> {
    let curl = stage.curl();
    p.typed(&curl.iter().map(String::as_str).collect::<Vec<_>>())?;
    let attempt = stage.connect(retries)?;
    p.show(&stage.words(&attempt))?;
    if retries.is_some() {
        p.show(&[waited(&attempt)])?;
    }
    Ok(())
}

fn waited(attempt: &Attempt) -> String {
    format!(
        "(a connect() in the pod, {:.1} s; repetitions of the SYN lowered here: with Linux' defaults it takes 134 s)",
        attempt.took.as_secs_f64()
    )
}

/// The connection that gets no answer, and what the wire shows of it meanwhile.
fn silence(p: &Player, stage: &Stage) -> Result<()> {
    let netns = stage.lab.pod_netns(&stage.client)?;
    let (addr, port) = stage.addr();
    let filter = Filter::of([addr], [port]);
    let (attempt, captured) = capture_during(
        &netns,
        &Links::One("eth0".to_owned()),
        filter,
        Bounds::default(),
        || stage.connect(Some(SYN_RETRIES)),
    )?;
    let attempt = attempt?;
    let curl = stage.curl();
    p.typed(&curl.iter().map(String::as_str).collect::<Vec<_>>())?;
    p.show(&stage.words(&attempt))?;
    p.show(&[
        waited(&attempt),
        String::new(),
        "what eth0 of the pod showed meanwhile:".to_owned(),
    ])?;
    p.show(&packets(&captured.pcap)?)
}

/// One line for each packet of a capture.
fn packets(pcap: &[u8]) -> Result<Vec<String>> {
    let capture = netwhy_wire::pcap::packets(pcap).context("the capture")?;
    let Some(first) = capture.packets.first().map(|p| p.ts_us) else {
        return Ok(vec!["nothing".to_owned()]);
    };
    let lines = capture.packets.iter().map(|packet| {
        let decoded = netwhy_wire::decode(packet.link_type, packet.bytes);
        let seconds = packet.ts_us.saturating_sub(first) as f64 / 1e6;
        match (&decoded.tuple(), decoded.ip.as_ref().map(|ip| &ip.l4)) {
            (Some(t), Some(L4::Tcp(tcp))) => {
                format!(
                    "{seconds:7.3} s  {}:{} → {}:{}  {}",
                    t.src,
                    t.sport,
                    t.dst,
                    t.dport,
                    netwhy_wire::tcp::flag_names(tcp.flags)
                )
            }
            _ => format!("{seconds:7.3} s  {} bytes", packet.bytes.len()),
        }
    });
    Ok(lines.collect())
}

/// Writes the drop-in into the node's own root, as a hardening role would.
fn harden(p: &Player, stage: &Stage, lab: &str, node: &str) -> Result<()> {
    let path = format!("/run/netwhy/nodes/{node}/root/{HARDENING}");
    let script = format!("printf '# CIS 3.1.1\\nnet.ipv4.ip_forward = 0\\n' > {path}");
    p.typed(&["netwhy", "lab", "exec", lab, "--", "sh", "-c", &script])?;
    let done = quietly(&["lab", "exec", lab, "--", "sh", "-c", &script])?;
    ensure!(
        done.code == 0,
        "the drop-in could not be written on {node} ({})",
        stage.lab.node_root(node).display()
    );
    Ok(())
}
