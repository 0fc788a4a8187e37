//! Configuration texts by key. A line that is left out becomes an empty one, so that line numbers stay true.

use super::flags;
use super::shape::{Keep, filter};

/// Keys of kube-proxy's configuration.
pub(super) const KUBE_PROXY: &[&str] = &[
    "apiVersion",
    "kind",
    "bindAddress",
    "clusterCIDR",
    "conntrack",
    "detectLocal",
    "detectLocalMode",
    "featureGates",
    "healthzBindAddress",
    "hostnameOverride",
    "iptables",
    "ipvs",
    "linux",
    "metricsBindAddress",
    "mode",
    "nftables",
    "nodePortAddresses",
    "oomScoreAdj",
    "portRange",
];

/// Keys of kubelet's configuration.
pub(super) const KUBELET: &[&str] = &[
    "apiVersion",
    "kind",
    "address",
    "port",
    "clusterDNS",
    "clusterDomain",
    "resolvConf",
    "hairpinMode",
    "makeIPTablesUtilChains",
    "iptablesMasqueradeBit",
    "iptablesDropBit",
    "podCIDR",
    "healthzBindAddress",
    "healthzPort",
    "nodeStatusUpdateFrequency",
    "protectKernelDefaults",
    "allowedUnsafeSysctls",
    "featureGates",
];

/// Keys of kubeadm's ClusterConfiguration.
pub(super) const KUBEADM: &[&str] = &[
    "apiVersion",
    "kind",
    "clusterName",
    "controlPlaneEndpoint",
    "kubernetesVersion",
    "networking",
    "proxy",
];

/// Keys of a plugin's configuration, at any depth.
pub(super) const CNI: &[&str] = &[
    "name",
    "cniVersion",
    "cniVersions",
    "type",
    "plugins",
    "disableCheck",
    "delegate",
    "bridge",
    "isGateway",
    "isDefaultGateway",
    "forceAddress",
    "hairpinMode",
    "promiscMode",
    "ipMasq",
    "ipMasqBackend",
    "mtu",
    "vlan",
    "vlanTrunk",
    "master",
    "mode",
    "enableIPv6",
    "macspoofchk",
    "ipam",
    "ranges",
    "subnet",
    "rangeStart",
    "rangeEnd",
    "gateway",
    "routes",
    "dst",
    "gw",
    "dataDir",
    "assign_ipv4",
    "assign_ipv6",
    "ipv4_pools",
    "capabilities",
    "portMappings",
    "bandwidth",
    "ips",
    "mac",
    "snat",
    "masqAll",
    "markMasqBit",
    "externalSetMarkChain",
    "conditionsV4",
    "backend",
    "dns",
    "nameservers",
    "search",
    "policy",
    "nodename",
    "datastore_type",
    "sysctl",
    "subnetFile",
    "ifaceName",
    "ipv4Nets",
    "ipv6Nets",
    "ingressRate",
    "ingressBurst",
    "egressRate",
    "egressBurst",
];

/// Keys of flannel's network, at any depth. Not `PSK`.
pub(super) const FLANNEL: &[&str] = &[
    "Network",
    "IPv6Network",
    "EnableIPv4",
    "EnableIPv6",
    "EnableNFTables",
    "SubnetLen",
    "SubnetMin",
    "SubnetMax",
    "IPv6SubnetLen",
    "Backend",
    "Type",
    "VNI",
    "Port",
    "GBP",
    "Learning",
    "DirectRouting",
    "MTU",
    "MTUProbe",
    "MacPrefix",
];

/// A setting: one short line of letters, digits and the signs of addresses and lists.
pub(super) fn word(text: &str) -> Option<String> {
    let value = text.trim();
    let plain = value
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b" .,:/_-%".contains(&byte));
    (plain && value.len() <= 256).then(|| text.to_owned())
}

/// JSON by key at any depth; `None` if it is no JSON.
pub(super) fn json_keys(text: &str, keys: &'static [&'static str]) -> Option<String> {
    let value = filter(&Keep::Deep(keys), text).ok()??;
    serde_json::to_string_pretty(&value).ok().map(|text| text + "\n")
}

/// Keeps lines for which `keep` is true, empties the others.
pub(super) fn lines(text: &str, mut keep: impl FnMut(&str) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if keep(line) {
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

/// YAML by top-level key, each with the block below it. JSON is YAML too: by the same keys, the values whole.
pub(super) fn yaml_keys(text: &str, keys: &[&str]) -> Option<String> {
    if text.trim_start().starts_with(['{', '[']) {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
        let kept: serde_json::Map<_, _> = object
            .into_iter()
            .filter(|(key, _)| keys.contains(&key.as_str()))
            .collect();
        return serde_json::to_string(&kept).ok();
    }
    let mut inside = false;
    Some(lines(text, |line| {
        let key = line.split_once(':').map(|(key, _)| key.trim_end());
        match line.as_bytes().first() {
            None | Some(b'#') => false,
            // Belongs to the key above; a list may stand in the key's own column.
            Some(b' ' | b'\t') => inside,
            Some(b'-') if line != "---" => inside,
            Some(_) => {
                inside = key.is_some_and(|key| keys.contains(&key.trim_matches('"')));
                inside || line == "---"
            }
        }
    }))
}

/// First words of lines of a Corefile that hold no secret. Others (`route53`, `tls`, `etcd`, ...) take keys and passwords.
const COREFILE: &[&str] = &[
    "answer",
    "auto",
    "autopath",
    "bind",
    "bufsize",
    "cache",
    "cancel",
    "chaos",
    "debug",
    "denial",
    "disable",
    "dns64",
    "endpoint_pod_names",
    "errors",
    "except",
    "expire",
    "fallthrough",
    "file",
    "force_tcp",
    "forward",
    "health",
    "health_check",
    "hosts",
    "ignore",
    "import",
    "kubernetes",
    "lameduck",
    "labels",
    "local",
    "log",
    "loop",
    "loadbalance",
    "max_concurrent",
    "max_fails",
    "minimal",
    "name",
    "namespaces",
    "nsid",
    "noendpoints",
    "pods",
    "policy",
    "prefer_udp",
    "prefetch",
    "prometheus",
    "rcode",
    "ready",
    "reload",
    "rewrite",
    "root",
    "secondary",
    "serve_stale",
    "servfail",
    "stop",
    "success",
    "template",
    "transfer",
    "ttl",
    "upstream",
    "view",
    "whoami",
    "zones",
];

/// A Corefile without what its plugins may hold of secrets.
pub(super) fn corefile(text: &str) -> String {
    let mut depth = 0i32;
    lines(text, |line| {
        let words = line.trim();
        let first = words.split_ascii_whitespace().next().unwrap_or_default();
        let opens = words.ends_with('{');
        let server = depth == 0 && opens;
        depth = depth
            .saturating_add(i32::from(opens))
            .saturating_sub(i32::from(words == "}"));
        let address = first.parse::<std::net::IpAddr>().is_ok();
        words == "}" || server || address || COREFILE.contains(&first)
    })
}

/// sysctl.d: settings of the network. `-` before a key means "no error if it fails", slashes are dots.
pub(super) fn sysctl_conf(text: &str) -> String {
    lines(text, |line| {
        let setting = line.trim_start().trim_start_matches('-').trim_start();
        let network = setting.starts_with("net.") || setting.starts_with("net/") || setting.starts_with("/net/");
        network && (setting.contains('=') || !setting.contains(char::is_whitespace))
    })
}

/// modules-load.d: names of modules.
pub(super) fn modules(text: &str) -> String {
    lines(text, |line| {
        let name = line.trim();
        name.len() <= 64
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
    })
}

/// A file of settings, `NAME=value`: those whose name begins so.
pub(super) fn settings(text: &str, prefix: &str) -> String {
    lines(text, |line| {
        line.starts_with(prefix) && word(line.split_once('=').map_or("", |(_, value)| value)).is_some()
    })
}

/// A file of short words: an id, an interface, an address.
pub(super) fn words(text: &str) -> String {
    lines(text, |line| word(line).is_some())
}

/// A static pod's manifest: the known flags of its container, as the list elements that they are.
pub(super) fn manifest(text: &str, container: &str) -> String {
    let known = flags::known(container);
    lines(text, |line| {
        line.trim_start()
            .strip_prefix("- ")
            .is_some_and(|element| flags::known_flag(element.trim_end(), known).is_some())
    })
}

/// First words of lines of bird's configuration that hold no password.
const BIRD: &[&str] = &[
    "if",
    "then",
    "else",
    "protocol",
    "function",
    "template",
    "reject",
    "krt_metric",
    "debug",
    "scan",
    "preference",
    "include",
    "import",
    "export",
    "accept",
    "graceful",
    "ttl",
    "source",
    "router",
    "persist",
    "neighbor",
    "multihop",
    "merge",
    "learn",
    "interface",
    "filter",
    "connect",
    "bgp_local_pref",
    "route",
    "passive",
    "local",
    "gateway",
    "error",
    "add",
    "rr",
    "next",
    "direct",
    "keep",
    "hold",
    "reject_local_routes",
    "calico_export_to_bgp_peers",
    "calico_aggr",
    "apply_communities",
    "ipv4",
    "ipv6",
    "listen",
];

/// bird's configuration.
pub(super) fn bird(text: &str) -> String {
    lines(text, |line| {
        let line = line.trim();
        let word = line
            .split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'))
            .next()
            .unwrap_or_default();
        let sign = line.bytes().all(|byte| b"{};}".contains(&byte));
        (sign || BIRD.contains(&word)) && !line.contains("password")
    })
}
