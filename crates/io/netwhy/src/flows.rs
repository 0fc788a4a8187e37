//! `trace --flows FILE`: many flows in, one JSON line each out.

use crate::screen::json;
use anyhow::Result;
use netwhy_intent::names;
use netwhy_judge::question::protocol;
use netwhy_model::Cluster;
use netwhy_sim::{Flow, Options, trace};
use netwhy_view::FlowAnswer;
use serde::Deserialize;
use std::net::IpAddr;

/// A question of the file; other keys are ignored.
#[derive(Deserialize)]
struct Question {
    id: String,
    from: String,
    proto: String,
    to: Option<String>,
    to_ip: Option<String>,
    to_port: Option<u16>,
}

/// Answers every line of `text`. Also returns whether a line was no question at all.
pub fn answer(cluster: &Cluster, text: &str, namespace: &str) -> Result<(String, bool)> {
    let mut out = String::new();
    let mut wrong = false;
    let options = Options {
        steps: false,
        ..Options::default()
    };
    for (number, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let answer = match serde_json::from_str::<Question>(line) {
            Ok(q) => match q.flow(cluster, namespace) {
                Ok(flow) => FlowAnswer::new(q.id, cluster, &trace(cluster, &flow, &options)),
                Err(why) => FlowAnswer::impossible(q.id, why),
            },
            Err(e) => {
                wrong = true;
                FlowAnswer::impossible(format!("line {}", number + 1), format!("line {}: {e}", number + 1))
            }
        };
        out.push_str(&json(&answer, false)?);
    }
    Ok((out, wrong))
}

impl Question {
    fn flow(&self, cluster: &Cluster, namespace: &str) -> Result<Flow, String> {
        let peer = names::source(cluster, &self.from, namespace)?;
        let from = peer
            .netns
            .ok_or_else(|| format!("{}: its network namespace is not in the snapshot", peer.name))?;
        let proto = protocol(&self.proto)?;
        let (addr, port) = match (&self.to_ip, &self.to) {
            (Some(ip), _) => {
                let addr: IpAddr = ip.parse().map_err(|_| format!("{ip}: no address"))?;
                (addr, self.to_port)
            }
            (None, Some(name)) => {
                let to = names::target(cluster, name, namespace, proto)?;
                (to.addr, self.to_port.or(to.port))
            }
            (None, None) => return Err("no destination: want \"to_ip\" and \"to_port\", or \"to\"".to_owned()),
        };
        match (proto, port) {
            (1, _) => Ok(Flow::new(from, proto, addr, 0)),
            (_, Some(port)) => Ok(Flow::new(from, proto, addr, port)),
            (_, None) => Err(format!("{addr}: no port")),
        }
    }
}
