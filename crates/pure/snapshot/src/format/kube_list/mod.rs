//! `cluster/<kind>.json`: lists of API objects, as `kubectl get KIND -A -o json` prints them (kind `List`) or as the API
//! server answers (kind `PodList`, items without a kind).
//!
//! Slim views: only what netwhy uses. Every field has a default, `null` is absence, unknown fields are ignored. Fields are
//! named as the API names them.

mod endpoints;
mod meta;
mod node;
mod other;
mod pod;
mod service;

pub use endpoints::{Conditions, Endpoint, EndpointPort, EndpointSlice, ForZone, Hints, TargetRef};
pub use meta::{ObjectMeta, OwnerReference};
pub use node::{Node, NodeAddress, NodeSpec, NodeStatus, Taint};
pub use other::{
    ConfigMap, Event, InvolvedObject, Namespace, NetworkPolicy, Template, Workload, WorkloadSpec,
};
pub use pod::{Condition, Container, ContainerPort, HostIp, Pod, PodIp, PodSpec, PodStatus};
pub use service::{
    ClientIpConfig, LoadBalancerIngress, LoadBalancerStatus, Service, ServicePort, ServiceSpec,
    ServiceStatus, SessionAffinityConfig, TargetPort,
};

use crate::Problem;
use serde::de::DeserializeOwned;

/// A list of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List<T> {
    /// The items that fit, in the order of the text.
    pub items: Vec<T>,
    /// The items that did not, and where the text was cut.
    pub problems: Vec<Problem>,
}

/// Parses a list. An item that does not fit is a problem with its index, line and column; the rest is used. A text that is
/// cut gives the items that are whole, and a problem.
///
/// # Errors
/// The text is no list at all: not JSON from its beginning, or an object without `items`.
pub fn parse<T: DeserializeOwned + Default + PartialEq>(text: &str) -> Result<List<T>, Problem> {
    let _ = text;
    Err(Problem::new("not read"))
}
