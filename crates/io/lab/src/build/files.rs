//! The files of a node, below its own root: what kubeadm's documentation, flannel, the kubelet and kube-proxy leave.

use super::sysctls::K8S_CONF;
use crate::LabError;
use crate::error::at;
use crate::names::{cidr, nth};
use crate::spec::{Node, Spec};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Folders that exist even if they are empty: sysctl.d of all five places, and where agents keep theirs.
const FOLDERS: [&str; 12] = [
    "etc/sysctl.d",
    "run/sysctl.d",
    "usr/local/lib/sysctl.d",
    "usr/lib/sysctl.d",
    "lib/sysctl.d",
    "etc/modules-load.d",
    "etc/cni/net.d",
    "etc/kube-flannel",
    "etc/kubernetes",
    "run/flannel",
    "var/lib/kubelet",
    "var/lib/kube-proxy",
];

/// Writes them.
pub(super) fn write(root: &Path, spec: &Spec, node: &Node) -> Result<(), LabError> {
    for folder in FOLDERS {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
    }
    for (name, text) in texts(spec, node) {
        let file = root.join(name);
        fs::write(&file, text).map_err(at(&file))?;
    }
    Ok(())
}

fn texts(spec: &Spec, node: &Node) -> Vec<(&'static str, String)> {
    vec![
        ("etc/hostname", format!("{}\n", node.name)),
        ("etc/sysctl.conf", "# Local settings go into /etc/sysctl.d\n".into()),
        ("etc/sysctl.d/k8s.conf", sysctl_conf()),
        ("etc/modules-load.d/k8s.conf", "overlay\nbr_netfilter\n".into()),
        ("etc/cni/net.d/10-flannel.conflist", CONFLIST.into()),
        ("etc/kube-flannel/net-conf.json", net_conf(spec)),
        ("run/flannel/subnet.env", subnet_env(spec, node)),
        ("var/lib/kubelet/config.yaml", kubelet(spec)),
        ("var/lib/kube-proxy/config.conf", kube_proxy(spec, node)),
    ]
}

fn sysctl_conf() -> String {
    let mut text = String::from("# sysctl parameters required by Kubernetes, these persist across reboots\n");
    for (key, value) in K8S_CONF {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key:<35} = {value}");
    }
    text
}

const CONFLIST: &str = r#"{
  "name": "cbr0",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "flannel",
      "delegate": {
        "hairpinMode": true,
        "isDefaultGateway": true
      }
    },
    {
      "type": "portmap",
      "capabilities": {
        "portMappings": true
      }
    }
  ]
}
"#;

fn net_conf(spec: &Spec) -> String {
    format!(
        r#"{{
  "Network": "{}",
  "EnableNFTables": false,
  "Backend": {{
    "Type": "vxlan",
    "VNI": {},
    "Port": {}
  }}
}}
"#,
        cidr(spec.pod_network),
        spec.vni,
        spec.vxlan_port
    )
}

fn subnet_env(spec: &Spec, node: &Node) -> String {
    format!(
        "FLANNEL_NETWORK={}\nFLANNEL_SUBNET={}/{}\nFLANNEL_MTU={}\nFLANNEL_IPMASQ=true\n",
        cidr(spec.pod_network),
        nth(node.pod_cidr, 1),
        node.pod_cidr.prefix,
        spec.underlay_mtu - 50
    )
}

fn kubelet(spec: &Spec) -> String {
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
clusterDNS:
- {}
clusterDomain: cluster.local
rotateCertificates: true
staticPodPath: /etc/kubernetes/manifests
",
        nth(spec.service_network, 10)
    )
}

fn kube_proxy(spec: &Spec, node: &Node) -> String {
    format!(
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
clusterCIDR: {}
hostnameOverride: {}
bindAddress: 0.0.0.0
conntrack:
  maxPerCore: 0
  tcpCloseWaitTimeout: 1h0m0s
  tcpEstablishedTimeout: 24h0m0s
iptables:
  masqueradeBit: 14
  minSyncPeriod: 1s
  syncPeriod: 30s
",
        cidr(spec.pod_network),
        node.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_settings_are_in_a_file() {
        let spec = Spec::default_with(2);
        let all = texts(&spec, &spec.nodes[0]);
        let text = |name: &str| {
            all.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, text)| text.as_str())
                .unwrap()
        };
        assert!(text("etc/sysctl.d/k8s.conf").contains("net.ipv4.ip_forward                 = 1\n"));
        assert!(text("run/flannel/subnet.env").contains("FLANNEL_SUBNET=10.244.1.1/24\n"));
        serde_json::from_str::<serde_json::Value>(text("etc/kube-flannel/net-conf.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(text("etc/cni/net.d/10-flannel.conflist")).unwrap();
    }
}
