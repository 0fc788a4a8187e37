//! ConfigMaps by name, and of each the known keys.

use super::text;
use serde_json::Value;

/// What a text under a key is, and so how it is filtered.
#[derive(Clone, Copy)]
enum Text {
    /// A setting: one line.
    Word,
    /// A plugin's configuration: JSON by key.
    Cni,
    /// flannel's network: JSON by key.
    Flannel,
    /// YAML by top-level key.
    Yaml(&'static [&'static str]),
    /// CoreDNS.
    Corefile,
}

/// `(name, [(key, what it is)])`; the namespace is free, because installers differ.
const KNOWN: &[(&str, &[(&str, Text)])] = &[
    ("kube-proxy", &[("config.conf", Text::Yaml(text::KUBE_PROXY))]),
    ("kubeadm-config", &[("ClusterConfiguration", Text::Yaml(text::KUBEADM))]),
    ("kubelet-config", &[("kubelet", Text::Yaml(text::KUBELET))]),
    ("coredns", &[("Corefile", Text::Corefile)]),
    ("node-local-dns", &[("Corefile", Text::Corefile)]),
    (
        "kube-flannel-cfg",
        &[("net-conf.json", Text::Flannel), ("cni-conf.json", Text::Cni)],
    ),
    ("kube-router-cfg", &[("cni-conf.json", Text::Cni)]),
    (
        "calico-config",
        &[
            ("calico_backend", Text::Word),
            ("veth_mtu", Text::Word),
            ("typha_service_name", Text::Word),
        ],
    ),
    (
        "canal-config",
        &[
            ("canal_iface", Text::Word),
            ("masquerade", Text::Word),
            ("veth_mtu", Text::Word),
            ("net-conf.json", Text::Flannel),
            ("typha_service_name", Text::Word),
        ],
    ),
    (
        "cilium-config",
        &[
            ("auto-direct-node-routes", Text::Word),
            ("bpf-lb-mode", Text::Word),
            ("bpf-lb-sock", Text::Word),
            ("cluster-pool-ipv4-cidr", Text::Word),
            ("cluster-pool-ipv4-mask-size", Text::Word),
            ("cni-chaining-mode", Text::Word),
            ("datapath-mode", Text::Word),
            ("enable-bpf-masquerade", Text::Word),
            ("enable-ipv4", Text::Word),
            ("enable-ipv4-masquerade", Text::Word),
            ("enable-ipv6", Text::Word),
            ("enable-ipsec", Text::Word),
            ("enable-policy", Text::Word),
            ("enable-wireguard", Text::Word),
            ("ipam", Text::Word),
            ("ipv4-native-routing-cidr", Text::Word),
            ("kube-proxy-replacement", Text::Word),
            ("mtu", Text::Word),
            ("policy-audit-mode", Text::Word),
            ("routing-mode", Text::Word),
            ("tunnel", Text::Word),
            ("tunnel-port", Text::Word),
            ("tunnel-protocol", Text::Word),
        ],
    ),
];

/// Keeps a known ConfigMap's known keys; `None` for any other.
pub(super) fn keep_known(mut object: Value) -> Option<Value> {
    let name = object.get("metadata")?.get("name")?.as_str()?;
    let (_, keys) = KNOWN.iter().find(|(known, _)| *known == name)?;
    let Some(data) = object.get_mut("data").and_then(Value::as_object_mut) else {
        return Some(object);
    };
    let taken = std::mem::take(data);
    for (key, value) in taken {
        let Some((_, what)) = keys.iter().find(|(known, _)| *known == key) else {
            continue;
        };
        let Some(text) = value.as_str() else { continue };
        let kept = match what {
            Text::Word => text::word(text),
            Text::Cni => text::json_keys(text, text::CNI),
            Text::Flannel => text::json_keys(text, text::FLANNEL),
            Text::Yaml(keys) => text::yaml_keys(text, keys),
            Text::Corefile => Some(text::corefile(text)),
        };
        if let Some(kept) = kept {
            data.insert(key, kept.into());
        }
    }
    Some(object)
}
