//! A shell script that makes a node's part of a bundle where netwhy cannot be installed: `netwhy collect --script` prints it.

/// The script, for the node `@NODE@`. POSIX shell; needs root, iproute2 and tar; reads only. Pods are found through crictl.
///
/// It takes the care that `collect` takes: no command that would load a module, a time limit, no `nft` where its listing
/// would cost the node minutes, files by key.
const TEXT: &str = r#"#!/bin/sh
# A node's part of a netwhy bundle, as a tar on standard output. It changes nothing. As root on the node:
#   netwhy collect --script NODE | ssh NODE sudo sh > NODE.tar
set -u; export LC_ALL=C; node=@NODE@; sep=
top=$(mktemp -d) || exit 1; trap 'rm -rf "$top"' EXIT; bundle=$top/netwhy-bundle; : >"$top/not_read"
limit=; command -v timeout >/dev/null && limit='timeout 30'
no() { printf '%s{"path":"%s","why":"%s"}' "$sep" "${1#"$bundle/"}" "$2" >>"$top/not_read"; sep=,; }
# put FILE COMMAND...: a command that fails leaves no file, but the reason; one that prints nothing leaves an empty file.
put() { file=$1; shift; command -v "$1" >/dev/null || { no "$file" "$1 is not installed"; return 0; }
  $enter $limit "$@" >"$file" 2>/dev/null || { rm -f "$file"; no "$file" "$1 failed, status $?"; }; }
have() { [ -d "/sys/module/$1" ]; }
netns() { d=$1; mkdir -p "$d"
  put "$d/addr.json" ip -j -d addr show; put "$d/link.json" ip -j -d link show
  put "$d/route.json" ip -4 -j -d route show table all; put "$d/route6.json" ip -6 -j -d route show table all
  put "$d/rule.json" ip -j -d rule show; put "$d/rule6.json" ip -6 -j -d rule show
  put "$d/neigh.json" ip -j -d neigh show; put "$d/fdb.json" bridge -j -d fdb show
  put "$d/bridge-link.json" bridge -j -d link show; put "$d/bridge-vlan.json" bridge -j vlan show
  put "$d/link-stats.json" ip -j -s -s link show; put "$d/sockets.txt" ss -Htulpn
  put "$d/snmp.txt" sh -c 'cat /proc/net/snmp /proc/net/netstat'
  put "$d/sysctl.txt" sh -c 'sysctl -a 2>/dev/null | grep "^net\." | grep -v -e tcp_fastopen_key -e netdev_rss_key -e stable_secret'
  for v in '' 6; do
    if $enter test -e "/proc/net/ip${v}_tables_names"
    then put "$d/ip${v}tables-legacy-save" "ip${v}tables-legacy-save" -c; else : >"$d/ip${v}tables-legacy-save"; fi
    if have nf_tables; then put "$d/ip${v}tables-save" "ip${v}tables-nft-save" -c; else : >"$d/ip${v}tables-save"; fi
  done
  if [ -s "$d/iptables-save" ] && [ "$(wc -l <"$d/iptables-save")" -gt 20000 ]; then no "$d/nft.json" "more than 20000 rules: nft would take minutes"
  elif have nf_tables; then put "$d/nft.json" nft -j list ruleset; else : >"$d/nft.json"; fi
  have ip_set && put "$d/ipset.save" ipset save
  have nf_conntrack_netlink && { put "$d/conntrack.txt" sh -c 'conntrack -L -o extended && conntrack -L -o extended -f ipv6'
    put "$d/conntrack-stats.txt" conntrack -S; }; }
enter=; netns "$bundle/nodes/$node/host"
mkdir -p "$bundle/nodes/$node/kube-proxy"; put "$bundle/nodes/$node/kube-proxy/configz.json" curl -fs -m3 http://127.0.0.1:10249/configz
# Of files only the settings of the network and the names of modules; the other lines stay as empty ones.
for f in /etc/sysctl.conf /etc/sysctl.d/*.conf /run/sysctl.d/*.conf /usr/local/lib/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf /etc/modules-load.d/*.conf /run/flannel/subnet.env; do
  [ -f "$f" ] || continue
  case $f in */modules-load.d/*) keep='/^[A-Za-z0-9_-]*$/' ;; *.env) keep='/^FLANNEL_[A-Z0-9_]*=[A-Za-z0-9.,:\/]*$/' ;; *) keep='/^[[:space:]-]*\/\{0,1\}net[.\/]/' ;; esac
  mkdir -p "$bundle/nodes/$node/files${f%/*}"; sed "$keep!s/.*//" "$f" >"$bundle/nodes/$node/files$f"
done
own=$(readlink /proc/self/ns/net)
for id in $(crictl pods -q --state Ready 2>/dev/null); do
  crictl inspectp -o go-template --template '{{.status.metadata.namespace}}_{{.status.metadata.name}} {{.info.pid}}' "$id" 2>/dev/null
done | while read -r pod pid; do case $pod in *[!A-Za-z0-9._-]*) continue ;; esac
  [ "$(readlink "/proc/$pid/ns/net")" = "$own" ] || { enter="nsenter -t $pid -n"; netns "$bundle/nodes/$node/pods/$pod" </dev/null; }
done
printf '{"format":"netwhy.dev/bundle/v1","created":"%s","made_by":"netwhy collect --script","nodes":["%s"],"not_read":[%s]}\n' \
  "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$node" "$(cat "$top/not_read")" >"$bundle/bundle.json"
tar -C "$top" -cf - netwhy-bundle
"#;

/// The name cannot be a node's: Kubernetes names are lower-case letters, digits, `-` and `.`, 253 at most.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name of a node")]
pub struct NodeNameError(pub String);

/// The script for one node.
///
/// # Errors
/// The name cannot be a node's. It stands in paths, in JSON and in the script, so nothing else is let through.
pub fn script(node: &str) -> Result<String, NodeNameError> {
    let sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let border = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = node.as_bytes();
    if !bytes.iter().all(|byte| sign(*byte)) || !border(bytes.first()) || !border(bytes.last()) || bytes.len() > 253 {
        return Err(NodeNameError(node.to_owned()));
    }
    Ok(TEXT.replace("@NODE@", &format!("'{node}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(
            script("worker-1.example.com")
                .is_ok_and(|text| text.contains("node='worker-1.example.com';") && !text.contains("@NODE"))
        );
        for name in [
            "",
            "a b",
            "a'b",
            "$(id)",
            "../x",
            "A",
            "-a",
            "a-",
            "a\nb",
            &"a".repeat(254),
        ] {
            assert_eq!(script(name), Err(NodeNameError(name.to_owned())));
        }
    }
}
