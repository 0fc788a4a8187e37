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
pub use other::{ConfigMap, Event, InvolvedObject, Namespace, NetworkPolicy, Template, Workload, WorkloadSpec};
pub use pod::{Condition, Container, ContainerPort, HostIp, Pod, PodIp, PodSpec, PodStatus};
pub use service::{
    ClientIpConfig, LoadBalancerIngress, LoadBalancerStatus, Service, ServicePort, ServiceSpec, ServiceStatus,
    SessionAffinityConfig, TargetPort,
};

use super::json;
use crate::Problem;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// A list of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List<T> {
    /// The items that fit, in the order of the text.
    pub items: Vec<T>,
    /// The items that did not, and where the text was cut.
    pub problems: Vec<Problem>,
}

/// An API object.
pub trait Object {
    /// Its `metadata`.
    fn metadata(&self) -> &ObjectMeta;

    /// Its namespace; empty for cluster-wide kinds.
    fn namespace(&self) -> &str {
        &self.metadata().namespace
    }

    /// Its name.
    fn name(&self) -> &str {
        &self.metadata().name
    }
}

macro_rules! objects {
    ($($kind:ident)*) => {
        $(impl Object for $kind {
            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }
        })*
    };
}

objects!(Pod Service EndpointSlice Node NetworkPolicy Namespace ConfigMap Workload Event);

/// The fast way: the whole document at once.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Document<T> {
    /// Outer `None`: no such key. Inner: null.
    #[serde(default = "Option::default", deserialize_with = "some")]
    items: Option<Option<Vec<T>>>,
}

fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Parses a list. An item that does not fit, or has no name, is a problem with its index, line and column; the rest is
/// used. A text that is cut gives the items that are whole, and a problem. `"items": null`, which is how Go prints none, is
/// an empty list.
///
/// # Errors
/// The text is no list at all: not JSON from its beginning, or an object without `items`.
pub fn parse<T: DeserializeOwned + Object>(text: &str) -> Result<List<T>, Problem> {
    let mut list = match serde_json::from_str::<Document<Named<T>>>(text) {
        Ok(Document { items: Some(items) }) => List {
            items: items.unwrap_or_default(),
            problems: Vec::new(),
        },
        _ => {
            let found = json::elements(text, Some("items"))?;
            let (items, problems) = json::each(text, &found);
            List { items, problems }
        }
    };
    let items = list.items.drain(..).map(|Named(item)| item).collect();
    Ok(List {
        items,
        problems: list.problems,
    })
}

/// An object with a name: one without is no object.
struct Named<T>(T);

impl<'de, T: Deserialize<'de> + Object> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Named<T>, D::Error> {
        let object = T::deserialize(from)?;
        if object.name().is_empty() {
            return Err(D::Error::custom("no metadata.name"));
        }
        Ok(Named(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_items_are_skipped() {
        let text = r#"{"kind":"PodList","metadata":{"items":[]},"items":[
            {"metadata":{"name":"a","labels":null},"spec":{"containers":null},"status":{"podIP":"10.0.0.1"}},
            {"metadata":{"name":7}}, {}, {"metadata":{"name":"b"},"spec":{"nodeName":null}}]}"#;
        let list = parse::<Pod>(text).unwrap();
        assert_eq!(list.items.iter().map(Object::name).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(list.items[0].ips().collect::<Vec<_>>(), ["10.0.0.1"]);
        assert_eq!(
            list.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(),
            [Some(3), Some(3)]
        );
        assert!(list.problems[1].what.contains("metadata.name"));
    }

    #[test]
    fn none_cut_and_no_list() {
        assert_eq!(parse::<Pod>(r#"{"items":null}"#), Ok(List::default()));
        let list = parse::<Pod>(r#"{"items":[{"metadata":{"name":"a"}},{"metadata":{"na"#).unwrap();
        assert_eq!((list.items.len(), list.problems.len()), (1, 1));
        for text in [
            "",
            "[]",
            "{}",
            "{\"kind\":\"ConfigMap\",\"data\":{\"items\":\"x\"}}",
            "{\"items\":7}",
            "Unable to connect to the server",
        ] {
            assert!(parse::<Pod>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ports_by_number_or_name() {
        let text = r#"{"items":[{"metadata":{"name":"s"},"spec":{"clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1","fd00::1"],
            "ports":[{"port":80,"targetPort":8080},{"port":81,"targetPort":"web"},{"port":82}]}}]}"#;
        let list = parse::<Service>(text).unwrap();
        let ports: Vec<_> = list.items[0]
            .spec
            .ports
            .iter()
            .map(|port| port.target_port.clone())
            .collect();
        assert_eq!(
            ports,
            [
                Some(TargetPort::Number(8080)),
                Some(TargetPort::Name("web".into())),
                None
            ]
        );
        assert_eq!(list.items[0].ips().collect::<Vec<_>>(), ["10.0.0.1", "fd00::1"]);
    }
}
