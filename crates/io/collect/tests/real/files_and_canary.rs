//! Files of a node and API lists: what is taken, and what never is.

use crate::common::{clock, plan};
use netwhy_collect::{NodeFiles, collect};
use netwhy_snapshot::{Limits, Snapshot};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Planted wherever something is that must not leave the cluster.
const CANARY: &str = "canary-7f3a";

fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn collect_files(root: &Path) -> Snapshot {
    let mut plan = plan(Vec::new());
    plan.files = vec![NodeFiles {
        node: "n1".into(),
        root: root.to_owned(),
    }];
    collect(&plan, &clock).snapshot
}

fn text<'a>(snapshot: &'a Snapshot, path: &str) -> Option<&'a str> {
    snapshot.text(&format!("nodes/n1/files/{path}")).map(Result::unwrap)
}

#[test]
fn settings_of_all_places() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(root, "etc/sysctl.conf", "net.ipv4.ip_forward = 0\n");
    write(root, "etc/sysctl.d/k8s.conf", "net.ipv4.ip_forward = 1\n");
    write(root, "etc/sysctl.d/README.sysctl", "text\n");
    symlink("../sysctl.conf", root.join("etc/sysctl.d/99-sysctl.conf")).unwrap();
    symlink("/dev/null", root.join("etc/sysctl.d/50-masked.conf")).unwrap();
    write(
        root,
        "usr/lib/sysctl.d/50-masked.conf",
        "net.ipv4.conf.all.rp_filter = 1\n",
    );
    symlink("usr/lib", root.join("lib")).unwrap();
    fs::create_dir_all(root.join("run/sysctl.d")).unwrap();
    write(root, "etc/modules-load.d/k8s.conf", "br_netfilter\n");
    write(root, "run/flannel/subnet.env", "FLANNEL_MTU=1450\n");
    let got = collect_files(root);
    assert_eq!(text(&got, "etc/sysctl.d/k8s.conf"), Some("net.ipv4.ip_forward = 1\n"));
    assert_eq!(
        text(&got, "etc/sysctl.d/99-sysctl.conf"),
        Some("net.ipv4.ip_forward = 0\n")
    );
    assert_eq!(
        text(&got, "etc/sysctl.d/50-masked.conf"),
        Some(""),
        "a mask is a file without settings"
    );
    assert_eq!(
        text(&got, "lib/sysctl.d/50-masked.conf"),
        Some("net.ipv4.conf.all.rp_filter = 1\n")
    );
    assert_eq!(text(&got, "etc/modules-load.d/k8s.conf"), Some("br_netfilter\n"));
    assert_eq!(text(&got, "run/flannel/subnet.env"), Some("FLANNEL_MTU=1450\n"));
    assert_eq!(text(&got, "etc/sysctl.d/README.sysctl"), None);
    // Empty, or not there at all: no settings come from there.
    assert_eq!(text(&got, "run/sysctl.d/.netwhy-empty"), Some(""));
    assert_eq!(text(&got, "usr/local/lib/sysctl.d/.netwhy-empty"), Some(""));
    assert_eq!(text(&got, "etc/sysctl.d/.netwhy-empty"), None);
    let why = got.not_read("nodes/n1/files/var/lib/kubelet/config.yaml");
    assert_eq!(why, Some("there is no such file"));
}

#[test]
fn links_give_no_other_file_an_allowed_name() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    write(dir.path(), "outside.conf", &format!("net.ipv4.{CANARY} = 1\n"));
    write(&root, "etc/ssl/key.pem", &format!("net.ipv4.{CANARY} = 1\n"));
    write(
        &root,
        "etc/cni/net.d/..2026/10-x.conflist",
        r#"{"name":"cbr0","plugins":[]}"#,
    );
    symlink("..2026", root.join("etc/cni/net.d/..data")).unwrap();
    symlink("..data/10-x.conflist", root.join("etc/cni/net.d/10-x.conflist")).unwrap();
    fs::create_dir_all(root.join("etc/sysctl.d")).unwrap();
    symlink("/etc/ssl/key.pem", root.join("etc/sysctl.d/a.conf")).unwrap();
    symlink(dir.path().join("outside.conf"), root.join("etc/sysctl.d/b.conf")).unwrap();
    symlink("../../../outside.conf", root.join("etc/sysctl.d/c.conf")).unwrap();
    let got = collect_files(&root);
    assert!(text(&got, "etc/cni/net.d/10-x.conflist").unwrap().contains("cbr0"));
    assert_eq!(
        got.not_read("nodes/n1/files/etc/sysctl.d/a.conf"),
        Some("it is a link to /etc/ssl/key.pem, which is not taken")
    );
    assert_no_canary(&got);
}

/// Whatever goes into the archive, as text, with what bundle.json says.
fn assert_no_canary(snapshot: &Snapshot) {
    let archive = snapshot.to_archive().unwrap();
    let again = Snapshot::from_archive(&archive, &Limits::small()).unwrap();
    let mut all = again.meta.print().into_bytes();
    for (path, blob) in again.members() {
        all.extend_from_slice(path.as_bytes());
        all.extend_from_slice(blob.bytes());
    }
    let all = String::from_utf8_lossy(&all).to_lowercase();
    let found = all.find(CANARY).map(|at| {
        let from = at.saturating_sub(200);
        all.get(from..at + 40).unwrap_or_default().to_owned()
    });
    assert_eq!(found, None);
}

fn pods() -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"List","items":[{{"apiVersion":"v1","kind":"Pod",
        "metadata":{{"name":"web","namespace":"shop","uid":"u","labels":{{"app":"web"}},
          "annotations":{{"kubectl.kubernetes.io/last-applied-configuration":"{CANARY}","x":"{CANARY}"}},
          "managedFields":[{{"manager":"{CANARY}"}}]}},
        "spec":{{"nodeName":"n1","containers":[{{"name":"c","image":"i",
          "env":[{{"name":"A","value":"{CANARY}"}}],"envFrom":[{{"secretRef":{{"name":"{CANARY}"}}}}],
          "command":["{CANARY}"],"args":["--password={CANARY}"],
          "lifecycle":{{"postStart":{{"exec":{{"command":["{CANARY}"]}}}}}},
          "livenessProbe":{{"exec":{{"command":["{CANARY}"]}}}},
          "ports":[{{"containerPort":80}}]}}],
          "initContainers":[{{"name":"i","env":[{{"name":"A","value":"{CANARY}"}}],"args":["{CANARY}"]}}],
          "imagePullSecrets":[{{"name":"{CANARY}"}}],
          "volumes":[{{"name":"v","secret":{{"secretName":"{CANARY}"}}}}]}},
        "status":{{"phase":"Running","podIP":"10.244.1.2","podIPs":[{{"ip":"10.244.1.2"}}]}}}}]}}"#
    )
}

fn config_maps() -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMapList","items":[
        {{"metadata":{{"name":"app","namespace":"shop"}},"data":{{"password":"{CANARY}"}}}},
        {{"metadata":{{"name":"kube-proxy","namespace":"kube-system"}},
          "data":{{"config.conf":"mode: iptables\n","kubeconfig.conf":"token: {CANARY}","other":"{CANARY}"}}}}]}}"#
    )
}

#[test]
fn canaries_stay_where_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let (root, lists) = (dir.path().join("root"), dir.path().join("lists"));
    for path in [
        "etc/kubernetes/pki/ca.key",
        "etc/kubernetes/admin.conf",
        "etc/kubernetes/kubelet.conf",
        "etc/kubernetes/manifests/app.yaml",
        "etc/cni/net.d/calico-kubeconfig",
        "etc/cni/net.d/10-x.conflist.bak",
        "etc/shadow",
        "etc/sysctl.d/README",
        "etc/modules-load.d/x.key",
        "var/lib/kubelet/pki/kubelet.key",
        "var/lib/kube-proxy/kubeconfig.conf",
        "run/flannel/other",
    ] {
        write(&root, path, CANARY);
    }
    write(
        &root,
        "etc/sysctl.d/a.conf",
        &format!("# {CANARY}\nnet.ipv4.ip_forward = 1\n{CANARY}\n"),
    );
    write(
        &root,
        "run/flannel/subnet.env",
        &format!("FLANNEL_MTU=1450\nTOKEN={CANARY}\n"),
    );
    let conflist = format!(
        r#"{{"name":"k8s","plugins":[{{"type":"calico","etcd_key":"{CANARY}",
            "kubernetes":{{"kubeconfig":"/x","k8s_auth_token":"{CANARY}"}}}}]}}"#
    );
    write(&root, "etc/cni/net.d/10-x.conflist", &conflist);
    write(
        &root,
        "etc/kubernetes/manifests/kube-apiserver.yaml",
        &format!("spec:\n  containers:\n  - name: kube-apiserver\n    env:\n    - name: A\n      value: {CANARY}\n"),
    );
    write(
        &root,
        "var/lib/kubelet/config.yaml",
        &format!("clusterDNS:\n- 10.96.0.10\nstaticPodURLHeader:\n  a: {CANARY}\n"),
    );
    write(&lists, "pods.json", &pods());
    write(&lists, "configmaps.json", &config_maps());
    let secrets = format!(r#"{{"kind":"List","items":[{{"kind":"Secret","data":{{"a":"{CANARY}"}}}}]}}"#);
    write(&lists, "secrets.json", &secrets);
    write(&lists, "services.json", &secrets);
    write(
        &lists,
        "version.json",
        &format!(r#"{{"serverVersion":{{"gitVersion":"v1.36.2","x":"{CANARY}"}}}}"#),
    );
    write(&lists, "notes.txt", CANARY);

    let mut plan = plan(Vec::new());
    plan.files = vec![NodeFiles {
        node: "n1".into(),
        root,
    }];
    plan.cluster_files = Some(lists);
    let got = collect(&plan, &clock).snapshot;
    assert_no_canary(&got);
    // The bundle is no empty one, though.
    assert!(got.text("cluster/pods.json").unwrap().unwrap().contains("10.244.1.2"));
    assert!(
        got.text("cluster/configmaps.json")
            .unwrap()
            .unwrap()
            .contains("mode: iptables")
    );
    assert!(
        text(&got, "etc/sysctl.d/a.conf")
            .unwrap()
            .contains("net.ipv4.ip_forward = 1")
    );
    assert!(
        text(&got, "var/lib/kubelet/config.yaml")
            .unwrap()
            .contains("10.96.0.10")
    );
    assert!(text(&got, "etc/cni/net.d/10-x.conflist").unwrap().contains("calico"));
    assert_eq!(got.meta.kubernetes_version, "v1.36.2");
    assert!(
        got.not_read("cluster/secrets.json")
            .unwrap()
            .contains("not on the list")
    );
}
