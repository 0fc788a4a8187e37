//! The canary: a mark in every place that must stay out is found in nothing that is taken.

use super::*;
use crate::format::kube_list::{self, Object, Pod};

const MARK: &str = "canary-7d1f";

fn taken(kind: &str, item: &str) -> String {
    let list = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{}]}}",
        item.replace("MARK", MARK)
    );
    let filtered = filter_list(kind, &list).unwrap();
    assert!(filtered.problems.is_empty(), "{:?}", filtered.problems);
    assert!(
        serde_json::from_str::<serde_json::Value>(&filtered.text).is_ok(),
        "{}",
        filtered.text
    );
    filtered.text
}

const METADATA: &str = r#""metadata":{"name":"x","namespace":"kube-system","labels":{"app":"web"},"selfLink":"MARK",
    "managedFields":[{"manager":"MARK","fieldsV1":{"f:MARK":{}}}],"finalizers":["MARK"],
    "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"MARK","example.com/token":"MARK",
        "flannel.alpha.coreos.com/public-ip":"10.0.0.1"}}"#;

const CONTAINER: &str = r#"{"name":"NAME","image":"i:1","command":["/bin/x","--token=MARK","-p","MARK"],"args":["MARK","--cluster-cidr=10.0.0.0/8"],
    "env":[{"name":"PASSWORD","value":"MARK"},{"name":"T","valueFrom":{"secretKeyRef":{"name":"MARK","key":"MARK"}}}],
    "envFrom":[{"secretRef":{"name":"MARK"}}],"volumeMounts":[{"name":"MARK","mountPath":"MARK"}],"workingDir":"MARK",
    "lifecycle":{"postStart":{"exec":{"command":["MARK"]}}},"securityContext":{"seLinuxOptions":{"user":"MARK"}},
    "readinessProbe":{"exec":{"command":["MARK"]},"httpGet":{"port":80,"path":"/MARK","httpHeaders":[{"name":"A","value":"MARK"}]}},
    "ports":[{"containerPort":80,"name":"web"}],"terminationMessagePath":"MARK"}"#;

fn pod_spec(container: &str) -> String {
    let container = CONTAINER.replace("NAME", container);
    format!(
        "{{\"nodeName\":\"n1\",\"containers\":[{container}],\"initContainers\":[{container}],\"ephemeralContainers\":[{container}],\
         \"volumes\":[{{\"name\":\"MARK\",\"secret\":{{\"secretName\":\"MARK\"}},\"configMap\":{{\"name\":\"MARK\"}}}}],\
         \"imagePullSecrets\":[{{\"name\":\"MARK\"}}],\"securityContext\":{{\"sysctls\":[{{\"name\":\"MARK\",\"value\":\"MARK\"}}]}}}}"
    )
}

#[test]
fn no_mark_in_objects() {
    for container in ["app", "kube-proxy"] {
        let spec = pod_spec(container);
        let pod = taken(
            "pods",
            &format!("{{{METADATA},\"spec\":{spec},\"status\":{{\"podIP\":\"10.0.0.9\",\"message\":\"MARK\"}}}}"),
        );
        assert!(!pod.contains(MARK), "{pod}");
        let list = kube_list::parse::<Pod>(&pod).unwrap();
        assert_eq!(
            (list.items[0].name(), list.items[0].status.pod_ip.as_str()),
            ("x", "10.0.0.9")
        );
        assert_eq!(list.items[0].spec.containers[0].ports[0].container_port, 80);
        assert_eq!(list.items[0].metadata.annotations.len(), 1);
        assert_eq!(pod.contains("--cluster-cidr=10.0.0.0/8"), container == "kube-proxy");
        for kind in ["daemonsets", "deployments", "replicasets", "statefulsets"] {
            let object = format!(
                "{{{METADATA},\"spec\":{{\"template\":{{{METADATA},\"spec\":{spec}}},\"updateStrategy\":\"MARK\"}}}}"
            );
            let text = taken(kind, &object);
            assert!(!text.contains(MARK) && text.contains("i:1"), "{text}");
        }
    }
    for kind in KINDS {
        let object = format!(
            "{{{METADATA},\"data\":{{\"password\":\"MARK\"}},\"stringData\":{{\"x\":\"MARK\"}},\"message\":\"MARK\",\"note\":\"MARK\",\
             \"reason\":\"Created\",\"status\":{{\"images\":[{{\"names\":[\"MARK\"]}}],\"config\":{{\"x\":\"MARK\"}}}},\"unknown\":\"MARK\"}}"
        );
        assert!(!taken(kind, &object).contains(MARK), "{kind}");
    }
    let ingress =
        format!("{{{METADATA},\"spec\":{{\"tls\":[{{\"secretName\":\"MARK\"}}],\"rules\":[{{\"host\":\"a\"}}]}}}}");
    assert!(!taken("ingresses", &ingress).contains(MARK));
}

#[test]
fn no_secrets_and_no_unknown_kinds() {
    for kind in [
        "secrets",
        "Secrets",
        "serviceaccounts",
        "certificatesigningrequests",
        "secrets.example.com",
        "",
    ] {
        assert!(filter_list(kind, "{\"items\":[]}").is_err(), "{kind}");
    }
    assert!(filter_list("ippools.crd.projectcalico.org", "{\"items\":[]}").is_ok());
}

#[test]
fn config_maps_by_name_and_key() {
    let map = |name: &str, data: &str| {
        taken(
            "configmaps",
            &format!("{{\"metadata\":{{\"name\":\"{name}\"}},\"data\":{data}}}"),
        )
    };
    assert!(!map("app-settings", r#"{"config.conf":"mode: MARK"}"#).contains("app-settings"));
    let proxy = map(
        "kube-proxy",
        r#"{"config.conf":"mode: iptables\nclientConnection:\n  kubeconfig: MARK\nconntrack:\n  min: 1\n","kubeconfig.conf":"MARK"}"#,
    );
    assert!(
        !proxy.contains(MARK) && proxy.contains(r"mode: iptables\n\n\nconntrack:\n  min: 1"),
        "{proxy}"
    );
    let dns = map(
        "coredns",
        r#"{"Corefile":".:53 {\n  route53 x {\n    aws_access_key MARK MARK\n  }\n  forward . 1.1.1.1\n}\n","other":"MARK"}"#,
    );
    assert!(!dns.contains(MARK) && dns.contains("forward . 1.1.1.1"), "{dns}");
    let flannel = map(
        "kube-flannel-cfg",
        r#"{"net-conf.json":"{\"Network\":\"10.0.0.0/8\",\"Backend\":{\"Type\":\"ipsec\",\"PSK\":\"MARK\"}}"}"#,
    );
    assert!(!flannel.contains(MARK) && flannel.contains("ipsec"), "{flannel}");
    let calico = map("calico-config", r#"{"cni_network_config":"MARK","veth_mtu":"1440"}"#);
    assert!(!calico.contains(MARK) && calico.contains("1440"), "{calico}");
}

#[test]
fn files_by_path_and_key() {
    let cases = [
        (
            "etc/sysctl.d/99-cis.conf",
            "# MARK\nkernel.core_pattern=|MARK\n net.ipv4.ip_forward = 0\n-net/ipv4/conf/all/rp_filter=1\n",
            "\n\n net.ipv4.ip_forward = 0\n-net/ipv4/conf/all/rp_filter=1\n",
        ),
        (
            "/etc/modules-load.d/k8s.conf",
            "br_netfilter\n# MARK !\nx MARK y\n",
            "br_netfilter\n\n\n",
        ),
        (
            "run/flannel/subnet.env",
            "FLANNEL_MTU=1450\nTOKEN=MARK\nFLANNEL_X=$(MARK)\n",
            "FLANNEL_MTU=1450\n\n\n",
        ),
        (
            "var/lib/kubelet/config.yaml",
            "clusterDNS:\n- 10.96.0.10\nauthentication:\n  x509:\n    clientCAFile: MARK\nclusterDomain: c\n",
            "clusterDNS:\n- 10.96.0.10\n\n\n\nclusterDomain: c\n",
        ),
        (
            "etc/kubernetes/manifests/kube-apiserver.yaml",
            "spec:\n    - --service-cluster-ip-range=10.0.0.0/16\n    - --token-auth-file=MARK\n",
            "\n    - --service-cluster-ip-range=10.0.0.0/16\n\n",
        ),
        (
            "etc/calico/confd/config/bird.cfg",
            "router id 1.2.3.4;\n  neighbor 1.2.3.5 as 64512; password \"MARK\";\n  password \"MARK\";\n}\n",
            "router id 1.2.3.4;\n\n\n}\n",
        ),
        (
            "var/lib/cni/networks/cbr0/10.244.1.2",
            "abc123\neth0\n{\"MARK\"}\n",
            "abc123\neth0\n\n",
        ),
    ];
    for (path, text, expected) in cases {
        let kept = filter_file(path, text.replace("MARK", MARK).as_bytes()).unwrap();
        assert_eq!(String::from_utf8(kept).unwrap(), expected, "{path}");
    }
    let cni = br#"{"name":"a","plugins":[{"type":"calico","k8s_auth_token":"canary","kubernetes":{"kubeconfig":"canary"},"etcd_key_file":"canary","mtu":0}]}"#;
    let kept = String::from_utf8(filter_file("etc/cni/net.d/10-calico.conflist", cni).unwrap()).unwrap();
    assert!(!kept.contains("canary") && kept.contains("\"mtu\": 0"), "{kept}");
}

#[test]
fn no_other_files() {
    for path in [
        "etc/shadow",
        "etc/kubernetes/admin.conf",
        "etc/kubernetes/pki/ca.key",
        "etc/cni/net.d/calico-kubeconfig",
        "etc/cni/net.d/calico-kubeconfig.conf",
        "etc/cni/net.d/whereabouts.d/x.kubeconfig",
        "var/lib/kubelet/kubeconfig",
        "var/lib/kubelet/pki/kubelet.key",
        "etc/sysctl.d/../shadow.conf",
        "etc/sysctl.d/a/b.conf",
        "etc/sysctl.d/.conf",
        "root/.netwhy-empty",
        "",
    ] {
        assert!(!file_allowed(path) && filter_file(path, b"x").is_none(), "{path}");
    }
    assert!(file_allowed("etc/sysctl.d/.netwhy-empty") && file_allowed("/etc/sysctl.d/99-x.conf"));
    assert_eq!(
        filter_file("etc/sysctl.d/.netwhy-empty", b"MARK").as_deref(),
        Some(&b""[..])
    );
    assert!(filter_file("etc/cni/net.d/10-x.conf", b"not json").is_none());
}

#[test]
fn lists_of_every_form() {
    let empty = filter_list("pods", r#"{"kind":"PodList","apiVersion":"v1","items":null}"#).unwrap();
    assert_eq!(
        empty.text,
        "{\"apiVersion\":\"v1\",\"kind\":\"PodList\",\"items\":[\n]}\n"
    );
    let cut = filter_list("pods", r#"{"items":[{"metadata":{"name":"a"}},{"metadata":{"na"#).unwrap();
    assert_eq!(
        (
            kube_list::parse::<Pod>(&cut.text).unwrap().items.len(),
            cut.problems.len()
        ),
        (1, 1)
    );
    assert!(filter_list("pods", "error from server").is_err());
}

#[test]
fn settings_of_the_network_without_its_secrets() {
    let text = "kernel.core_pattern = MARK\nnet.ipv4.ip_forward = 1\nnet.ipv4.tcp_fastopen_key = MARK\nnet.core.netdev_rss_key = MARK\n\
        net.ipv6.conf.eth0.stable_secret = MARK\nsysctl: permission denied on key 'net.ipv4.x'\nsysctl: permission denied on key 'fs.MARK'\n";
    assert_eq!(
        filter_sysctl(text),
        "net.ipv4.ip_forward = 1\nsysctl: permission denied on key 'net.ipv4.x'\n"
    );
}
