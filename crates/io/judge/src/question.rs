//! A question as a file of flows asks it, one JSON object a line, and the flow of the model that it means.

use netwhy_model::{Cluster, NetnsId};
use netwhy_sim::{Flow, Options, trace};
use netwhy_view::FlowAnswer;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A question. Other keys of the line are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Comes back with the answer.
    pub id: String,
    /// The client: `pod/NAMESPACE/NAME`, `node/NAME` or `outside/NAME`.
    pub from: String,
    /// `TCP`, `UDP` or `ICMP`.
    pub proto: String,
    /// Address that the client asks.
    pub to_ip: String,
    /// Port.
    pub to_port: u16,
}

/// The number of a protocol by its name.
///
/// # Errors
/// A text for people if the protocol is not modelled.
pub fn protocol(name: &str) -> Result<u8, String> {
    match name.to_ascii_uppercase().as_str() {
        "TCP" => Ok(6),
        "UDP" => Ok(17),
        "ICMP" => Ok(1),
        other => Err(format!("protocol {other} is not modelled")),
    }
}

/// The network namespace of `pod/NAMESPACE/NAME`, `node/NAME` or `outside/NAME`.
///
/// # Errors
/// A text for people: the bundle has no such namespace, or the name has another form.
pub fn source(cluster: &Cluster, from: &str) -> Result<NetnsId, String> {
    let missing = || format!("{from}: its network namespace is not in the bundle");
    let mut parts = from.splitn(4, '/');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some("pod"), Some(ns), Some(name), None) => cluster.pod_netns(ns, name).ok_or_else(missing),
        (Some("node"), Some(name), None, None) => cluster.node(name).and_then(|n| n.host).ok_or_else(missing),
        (Some("outside"), Some(name), None, None) => cluster.outside(name).ok_or_else(missing),
        _ => Err(format!("{from}: want pod/NAMESPACE/NAME, node/NAME or outside/NAME")),
    }
}

impl Question {
    /// The flow that is asked for.
    ///
    /// # Errors
    /// A text for people: what of the question is not known to this cluster or not modelled.
    pub fn flow(&self, cluster: &Cluster) -> Result<Flow, String> {
        let from = source(cluster, &self.from)?;
        let ip = &self.to_ip;
        let dst: IpAddr = ip.parse().map_err(|_| format!("{ip}: no address"))?;
        Ok(Flow::new(from, protocol(&self.proto)?, dst, self.to_port))
    }

    /// The answer of the simulator, as the contract has it.
    pub fn answer(&self, cluster: &Cluster) -> FlowAnswer {
        let options = Options {
            steps: false,
            ..Options::default()
        };
        match self.flow(cluster) {
            Ok(flow) => FlowAnswer::new(self.id.clone(), cluster, &trace(cluster, &flow, &options)),
            Err(why) => FlowAnswer::impossible(self.id.clone(), why),
        }
    }
}
