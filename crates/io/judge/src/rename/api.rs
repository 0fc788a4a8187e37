//! Lists of API objects.

use super::Renaming;
use serde_json::{Map, Value};

/// Keys whose number is a port.
const PORT_KEYS: [&str; 7] = [
    "port",
    "targetPort",
    "nodePort",
    "containerPort",
    "hostPort",
    "healthCheckNodePort",
    "Port",
];

impl Renaming {
    /// `kubectl get KIND -A -o json`; `file` tells the kind where the objects do not.
    pub(super) fn api_list(&self, file: &str, text: &str) -> String {
        let of_file = match file {
            "nodes.json" => "Node",
            "pods.json" => "Pod",
            "services.json" => "Service",
            "endpoints.json" => "Endpoints",
            "namespaces.json" => "Namespace",
            _ => "",
        };
        self.json(text, |list| {
            let items = list.get_mut("items").and_then(Value::as_array_mut);
            for item in items.into_iter().flatten() {
                let kind = item.get("kind").and_then(Value::as_str).unwrap_or(of_file).to_owned();
                if let Some(name) = item.get_mut("metadata").and_then(|m| m.get_mut("name")) {
                    self.name_of_kind(&kind, name);
                }
                self.object(item);
            }
        })
    }

    /// The name of an object of this kind. What is not known by kind is opaque.
    pub(super) fn name_of_kind(&self, kind: &str, name: &mut Value) {
        let Value::String(text) = name else { return };
        *text = match kind {
            "Node" => self.names.node(text),
            "Pod" => self.names.pod(text),
            "Service" | "Endpoints" | "services" => self.names.service(text),
            "Namespace" => self.names.namespace(text),
            _ => return,
        }
        .to_owned();
    }

    fn object(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(all) => all.iter_mut().for_each(|v| self.object(v)),
            Value::Object(map) => {
                self.reference(map);
                self.expression(map);
                let is_range = map.contains_key("endPort");
                for (key, value) in map.iter_mut() {
                    self.field(key, value, is_range);
                }
            }
            _ => {}
        }
    }

    /// An object that names another one: `targetRef`, `ownerReferences`, `parentRef`, the `service` of an Ingress.
    fn reference(&self, map: &mut Map<String, Value>) {
        let kind = map.get("kind").or_else(|| map.get("resource")).and_then(Value::as_str);
        let Some(kind) = kind.map(str::to_owned) else { return };
        if let Some(name) = map.get_mut("name") {
            self.name_of_kind(&kind, name);
        }
    }

    /// A requirement of a label selector on the name of a namespace.
    fn expression(&self, map: &mut Map<String, Value>) {
        let is_name = map.get("key").and_then(Value::as_str) == Some("kubernetes.io/metadata.name");
        let values = map.get_mut("values").and_then(Value::as_array_mut);
        for value in values.into_iter().flatten().filter(|_| is_name) {
            self.name_of_kind("Namespace", value);
        }
    }

    fn field(&self, key: &str, value: &mut Value, is_range: bool) {
        match key {
            "namespace" | "kubernetes.io/metadata.name" => self.name_of_kind("Namespace", value),
            "kubernetes.io/service-name" | "serviceName" => self.name_of_kind("Service", value),
            "service" if value.is_object() => {
                if let Some(name) = value.get_mut("name") {
                    self.name_of_kind("Service", name);
                }
                self.object(value);
            }
            // The ends of a range would go to different places.
            _ if PORT_KEYS.contains(&key) && value.is_u64() => {
                if !is_range {
                    self.port_value(value);
                }
            }
            _ => self.object(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netwhy_snapshot::{Meta, Snapshot};
    use serde_json::json;

    #[test]
    fn names_by_kind() {
        let mut snapshot = Snapshot::new(Meta::new(Vec::new()));
        // A pod, a Service and a namespace of the same name.
        let object = r#"{"items":[{"metadata":{"name":"web","namespace":"web"}}]}"#;
        snapshot.insert("cluster/pods.json", object);
        snapshot.insert("cluster/services.json", object);
        let r = Renaming::new(&snapshot, 1);
        let slices = json!({"items": [{"kind": "EndpointSlice", "metadata": {
            "name": "web", "namespace": "web", "labels": {"kubernetes.io/service-name": "web", "app": "web"}},
            "endpoints": [{"addresses": ["10.1.2.3"], "targetRef": {"kind": "Pod", "name": "web", "namespace": "web"}}],
            "ports": [{"name": "web", "port": 80}]}]});
        let (ns, pod, service) = (r.names.namespace("web"), r.names.pod("web"), r.names.service("web"));
        let ip = r.address("10.1.2.3".parse().unwrap());
        let expected = json!({"items": [{"kind": "EndpointSlice", "metadata": {
            "name": "web", "namespace": ns, "labels": {"kubernetes.io/service-name": service, "app": "web"}},
            "endpoints": [{"addresses": [ip], "targetRef": {"kind": "Pod", "name": pod, "namespace": ns}}],
            "ports": [{"name": "web", "port": r.port(80)}]}]});
        let renamed = r.api_list("endpointslices.json", &slices.to_string());
        assert_eq!(serde_json::from_str::<Value>(&renamed).unwrap(), expected);
        assert_eq!([ns, pod, service].map(|n| n == "web"), [false; 3]);
    }
}
