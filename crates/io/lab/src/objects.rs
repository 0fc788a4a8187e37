//! The API objects of a lab, in the shape in which `kubectl get KIND -A -o json` prints them.
//!
//! [`lists`] makes them from a [`Spec`]. They are plain values: a fault changes them, calls
//! [`Lists::refresh_endpoint_slices`] as the controllers would, and writes the rules of the nodes anew with
//! [`crate::rules::node_iptables`].

mod build;
mod pod_types;
mod service_types;
mod slices;
mod system;
mod types;

pub use build::{MADE_AT, vtep_mac};
pub use pod_types::*;
pub use service_types::*;
pub use types::{List, ListMeta, Meta, Node, NodeAddress, NodeSpec, NodeStatus};

use crate::spec::Spec;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Every API list of a lab.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    /// `nodes.json`.
    pub nodes: List<Node>,
    /// `pods.json`.
    pub pods: List<Pod>,
    /// `services.json`.
    pub services: List<Service>,
    /// `endpointslices.json`.
    pub endpoint_slices: List<EndpointSlice>,
    /// `namespaces.json`.
    pub namespaces: List<Value>,
    /// `networkpolicies.json`; a lab of this topology has none.
    pub network_policies: List<Value>,
    /// `configmaps.json`: kube-proxy's and flannel's.
    pub config_maps: List<Value>,
    /// `daemonsets.json`: kube-proxy and flannel.
    pub daemon_sets: List<Value>,
    /// `version.json`.
    pub version: Value,
}

/// The API objects of a lab of this shape, EndpointSlices included.
pub fn lists(spec: &Spec) -> Lists {
    let mut lists = build::lists(spec);
    lists.refresh_endpoint_slices();
    lists
}

impl Lists {
    /// What the EndpointSlice controller does: writes the slices anew from selectors, pods and their readiness.
    ///
    /// Slices of Services without a selector are left as they are.
    pub fn refresh_endpoint_slices(&mut self) {
        slices::refresh(self);
    }

    /// The Service of this name.
    pub fn service_mut(&mut self, namespace: &str, name: &str) -> Option<&mut Service> {
        self.services
            .items
            .iter_mut()
            .find(|s| s.metadata.namespace == namespace && s.metadata.name == name)
    }

    /// The Pod of this name.
    pub fn pod_mut(&mut self, namespace: &str, name: &str) -> Option<&mut Pod> {
        self.pods
            .items
            .iter_mut()
            .find(|p| p.metadata.namespace == namespace && p.metadata.name == name)
    }

    /// The files of `cluster/` in a bundle, by file name.
    pub fn serialize(&self) -> Result<BTreeMap<String, String>, serde_json::Error> {
        let mut files = BTreeMap::new();
        let mut put = |name: &str, text: Result<String, serde_json::Error>| {
            text.map(|text| files.insert(format!("{name}.json"), text))
        };
        put("nodes", pretty(&self.nodes))?;
        put("pods", pretty(&self.pods))?;
        put("services", pretty(&self.services))?;
        put("endpointslices", pretty(&self.endpoint_slices))?;
        put("namespaces", pretty(&self.namespaces))?;
        put("networkpolicies", pretty(&self.network_policies))?;
        put("configmaps", pretty(&self.config_maps))?;
        put("daemonsets", pretty(&self.daemon_sets))?;
        put("version", pretty(&self.version))?;
        Ok(files)
    }

    /// Writes the files into an existing folder.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for (name, text) in self.serialize()? {
            std::fs::write(folder.join(name), text)?;
        }
        Ok(())
    }

    /// Reads the lists out of file texts by name, as [`Lists::serialize`] or kubectl wrote them.
    ///
    /// A file that is not there is an empty list.
    pub fn deserialize<'a>(file: impl Fn(&str) -> Option<&'a str>) -> Result<Lists, serde_json::Error> {
        Ok(Lists {
            nodes: read(file("nodes.json"))?,
            pods: read(file("pods.json"))?,
            services: read(file("services.json"))?,
            endpoint_slices: read(file("endpointslices.json"))?,
            namespaces: read(file("namespaces.json"))?,
            network_policies: read(file("networkpolicies.json"))?,
            config_maps: read(file("configmaps.json"))?,
            daemon_sets: read(file("daemonsets.json"))?,
            version: read(file("version.json"))?,
        })
    }
}

fn read<T: serde::de::DeserializeOwned + Default>(text: Option<&str>) -> Result<T, serde_json::Error> {
    match text {
        Some(text) => serde_json::from_str(text),
        None => Ok(T::default()),
    }
}

/// JSON as kubectl prints it: four spaces, a newline at the end.
fn pretty(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut out = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, format))?;
    out.push(b'\n');
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_back_they_are_the_same() {
        let lists = lists(&Spec::default_with(3));
        let files = lists.serialize().unwrap();
        let again = Lists::deserialize(|name| files.get(name).map(String::as_str)).unwrap();
        assert_eq!(lists, again);
        assert!(files["services.json"].starts_with("{\n    \"apiVersion\": \"v1\",\n"));
    }

    #[test]
    fn slices_follow_selector_readiness_and_target_port() {
        let mut lists = lists(&Spec::default_with(3));
        let of = |lists: &Lists, name: &str| {
            let slices = lists.endpoint_slices.items.iter();
            let mut own = slices.filter(|s| s.metadata.generate_name == format!("{name}-"));
            let slice = own.next().unwrap().clone();
            assert!(own.next().is_none(), "one slice is enough");
            slice
        };
        assert_eq!(of(&lists, "api").endpoints.len(), 3);
        assert_eq!(of(&lists, "empty").endpoints, []);
        assert_eq!(of(&lists, "empty").ports, []);
        lists.pod_mut("shop", "api-b").unwrap().set_ready(false);
        lists.service_mut("shop", "api").unwrap().spec.ports[0].target_port = 3001.into();
        lists.refresh_endpoint_slices();
        let api = of(&lists, "api");
        assert_eq!(api.ports[0].port, Some(3001));
        let ready = |e: &&Endpoint| e.conditions.ready == Some(true);
        assert_eq!(api.endpoints.iter().filter(ready).count(), 2);
    }

    #[test]
    fn every_daemon_has_a_pod_on_every_node() {
        let lists = lists(&Spec::default_with(4));
        for daemon in ["kube-proxy", "kube-flannel-ds"] {
            let of = |p: &&Pod| p.metadata.generate_name == format!("{daemon}-");
            assert_eq!(lists.pods.items.iter().filter(of).count(), 4, "{daemon}");
        }
    }
}
