//! Known flags of known containers: the configuration of Kubernetes' own components that stands in no other place.

use serde_json::{Map, Value};

/// `(container, flags)`.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "kube-apiserver",
        &[
            "service-cluster-ip-range",
            "service-node-port-range",
            "advertise-address",
            "secure-port",
            "feature-gates",
        ],
    ),
    (
        "kube-controller-manager",
        &[
            "allocate-node-cidrs",
            "cluster-cidr",
            "service-cluster-ip-range",
            "node-cidr-mask-size",
            "node-cidr-mask-size-ipv4",
            "node-cidr-mask-size-ipv6",
            "configure-cloud-routes",
            "feature-gates",
        ],
    ),
    (
        "kube-proxy",
        &[
            "config",
            "proxy-mode",
            "cluster-cidr",
            "masquerade-all",
            "hostname-override",
            "nodeport-addresses",
            "bind-address",
            "healthz-bind-address",
            "metrics-bind-address",
            "iptables-masquerade-bit",
            "iptables-localhost-nodeports",
            "iptables-min-sync-period",
            "iptables-sync-period",
            "ipvs-scheduler",
            "ipvs-strict-arp",
            "detect-local-mode",
            "feature-gates",
        ],
    ),
    (
        "kube-flannel",
        &[
            "ip-masq",
            "ip-blackhole-route",
            "kube-subnet-mgr",
            "iface",
            "iface-regex",
            "iface-can-reach",
            "public-ip",
            "net-config-path",
            "iptables-forward-rules",
            "iptables-resync",
        ],
    ),
    (
        "kube-router",
        &[
            "run-router",
            "run-firewall",
            "run-service-proxy",
            "enable-overlay",
            "overlay-type",
            "enable-ibgp",
            "nodes-full-mesh",
            "cluster-asn",
            "hairpin-mode",
            "service-cluster-ip-range",
            "service-external-ip-range",
            "service-node-port-range",
        ],
    ),
    (
        "node-cache",
        &[
            "localip",
            "upstreamsvc",
            "setupiptables",
            "setupebtables",
            "setupinterface",
            "skipteardown",
        ],
    ),
    (
        "ip-masq-agent",
        &[
            "masq-chain",
            "nomasq-all-reserved-ranges",
            "resync-interval",
            "to-ports",
        ],
    ),
];

/// Replaces `command` and `args` of a container by the known flags in them, as `args`.
pub(super) fn keep_known(container: &mut Map<String, Value>) {
    let mut words = Vec::new();
    for key in ["command", "args"] {
        if let Some(Value::Array(list)) = container.remove(key) {
            words.extend(list.into_iter().filter_map(|word| match word {
                Value::String(word) => Some(word),
                _ => None,
            }));
        }
    }
    let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
    let known = known(name);
    let kept = known_flags(&words, known);
    if !kept.is_empty() {
        container.insert("args".to_owned(), kept.into());
    }
}

/// Flags of a container, without dashes; none for a container that is not known.
pub(super) fn known(container: &str) -> &'static [&'static str] {
    KNOWN
        .iter()
        .find(|(name, _)| *name == container)
        .map_or(&[], |(_, flags)| flags)
}

/// The known flags among words, each as `--flag=value` or `--flag`, or as `-flag` followed by its value.
fn known_flags(words: &[String], known: &[&str]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if known_flag(word, known).is_none() {
            continue;
        }
        kept.push(word.clone());
        if !word.contains('=') {
            // Its value may be the next word.
            kept.extend(words.next_if(|next| !next.starts_with('-') && is_value(next)).cloned());
        }
    }
    kept
}

/// The flag's name, if the word is a known flag with a harmless value or none.
pub(super) fn known_flag<'a>(word: &'a str, known: &[&str]) -> Option<&'a str> {
    let bare = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    let (flag, value) = bare.split_once('=').unwrap_or((bare, ""));
    (known.contains(&flag) && is_value(value)).then_some(flag)
}

/// Addresses, ranges, names, numbers, paths: no text in which something could hide.
fn is_value(value: &str) -> bool {
    value.len() <= 512
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".,:/_=-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_ones_only() {
        let words = [
            "/usr/bin/kube-proxy",
            "--token=x",
            "--cluster-cidr=10.0.0.0/8",
            "--proxy-mode",
            "ipvs",
            "--password",
            "x",
            "--config=a b",
        ];
        let mut container = Map::new();
        container.insert("name".into(), "kube-proxy".into());
        container.insert(
            "command".into(),
            words[..3].iter().map(|word| Value::from(*word)).collect(),
        );
        container.insert(
            "args".into(),
            words[3..].iter().map(|word| Value::from(*word)).collect(),
        );
        let other = container.clone();
        keep_known(&mut container);
        assert_eq!(
            Value::from(container.clone())["args"],
            serde_json::json!(["--cluster-cidr=10.0.0.0/8", "--proxy-mode", "ipvs"])
        );
        let mut other = other;
        other.insert("name".into(), "app".into());
        keep_known(&mut other);
        assert_eq!(other.keys().collect::<Vec<_>>(), ["name"]);
    }
}
