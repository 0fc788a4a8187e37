//! Files of a node by path, and of each the known keys.

use super::text;

/// How a file is filtered.
#[derive(Clone, Copy)]
enum Filter {
    Sysctl,
    Modules,
    Cni,
    Flannel,
    Yaml(&'static [&'static str]),
    Settings(&'static str),
    Words,
    Manifest(&'static str),
    Bird,
}

/// A pattern of a path: `*` stands for any characters but `/`.
const FILES: &[(&str, Filter)] = &[
    ("etc/sysctl.conf", Filter::Sysctl),
    ("etc/sysctl.d/*.conf", Filter::Sysctl),
    ("run/sysctl.d/*.conf", Filter::Sysctl),
    ("usr/local/lib/sysctl.d/*.conf", Filter::Sysctl),
    ("usr/lib/sysctl.d/*.conf", Filter::Sysctl),
    ("lib/sysctl.d/*.conf", Filter::Sysctl),
    ("etc/modules", Filter::Modules),
    ("etc/modules-load.d/*.conf", Filter::Modules),
    ("run/modules-load.d/*.conf", Filter::Modules),
    ("usr/local/lib/modules-load.d/*.conf", Filter::Modules),
    ("usr/lib/modules-load.d/*.conf", Filter::Modules),
    ("lib/modules-load.d/*.conf", Filter::Modules),
    ("etc/cni/net.d/*.conf", Filter::Cni),
    ("etc/cni/net.d/*.conflist", Filter::Cni),
    ("etc/cni/net.d/*.json", Filter::Cni),
    ("etc/kube-flannel/net-conf.json", Filter::Flannel),
    ("etc/kube-flannel/cni-conf.json", Filter::Cni),
    (
        "etc/kubernetes/manifests/kube-apiserver.yaml",
        Filter::Manifest("kube-apiserver"),
    ),
    (
        "etc/kubernetes/manifests/kube-controller-manager.yaml",
        Filter::Manifest("kube-controller-manager"),
    ),
    (
        "etc/kubernetes/manifests/kube-proxy.yaml",
        Filter::Manifest("kube-proxy"),
    ),
    ("etc/calico/confd/config/*.cfg", Filter::Bird),
    ("run/flannel/subnet.env", Filter::Settings("FLANNEL_")),
    ("run/calico/endpoint-status/*", Filter::Cni),
    ("var/lib/calico/nodename", Filter::Words),
    ("var/lib/calico/mtu", Filter::Words),
    ("var/lib/cni/networks/*/*", Filter::Words),
    ("var/lib/cni/flannel/*", Filter::Cni),
    ("var/lib/kubelet/config.yaml", Filter::Yaml(text::KUBELET)),
    ("var/lib/kube-proxy/config.conf", Filter::Yaml(text::KUBE_PROXY)),
];

/// The name of the file that says "this folder was read, and is empty".
const EMPTY: &str = ".netwhy-empty";

fn filter_of(path: &str) -> Option<Filter> {
    let path = path.trim_start_matches('/');
    FILES
        .iter()
        .find(|(pattern, _)| matches(pattern, path))
        .map(|(_, filter)| *filter)
}

/// Component by component, so that a star never swallows a slash.
fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) => {
                let fits = match pattern.split_once('*') {
                    None => part == pattern,
                    Some((before, after)) => {
                        part.len() > before.len() + after.len() && part.starts_with(before) && part.ends_with(after)
                    }
                };
                // `kubeconfig` files lie among the plugins' own, under any name.
                if !fits || part == ".." || part.contains("kubeconfig") {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// A file of a node may be taken: `path` is its own, with or without the slash at its front. True too for the mark
/// `.netwhy-empty` of a folder that may hold such files.
pub fn file_allowed(path: &str) -> bool {
    if let Some(folder) = path.trim_start_matches('/').strip_suffix(EMPTY) {
        let folder = folder.trim_end_matches('/');
        return FILES
            .iter()
            .any(|(pattern, _)| pattern.rsplit_once('/').is_some_and(|(known, _)| known == folder));
    }
    filter_of(path).is_some()
}

/// What may be taken of a file; `None` if nothing. In texts of lines, what is left out leaves an empty line.
pub fn filter_file(path: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    if !file_allowed(path) {
        return None;
    }
    let Some(filter) = filter_of(path).filter(|_| !path.ends_with(EMPTY)) else {
        return Some(Vec::new());
    };
    let content = std::str::from_utf8(bytes).ok()?;
    let kept = match filter {
        Filter::Sysctl => text::sysctl_conf(content),
        Filter::Modules => text::modules(content),
        Filter::Cni => text::json_keys(content, text::CNI)?,
        Filter::Flannel => text::json_keys(content, text::FLANNEL)?,
        Filter::Yaml(keys) => text::yaml_keys(content, keys)?,
        Filter::Settings(prefix) => text::settings(content, prefix),
        Filter::Words => text::words(content),
        Filter::Manifest(container) => text::manifest(content, container),
        Filter::Bird => text::bird(content),
    };
    Some(kept.into_bytes())
}
