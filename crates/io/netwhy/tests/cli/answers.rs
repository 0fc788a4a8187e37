//! Whole screens on recordings of real clusters.

use super::common::{fits, netwhy};
use serde_json::Value;

const CLIENT: &str = "pod/shop/client-5556f849f5-bs4fx";

#[test]
fn a_dropped_connection() {
    let ran = netwhy(&["trace", "-f", "ip-forward-off-n1.tar.zst", CLIENT, "svc/shop/backend"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let expected = "\
target    file ip-forward-off-n1.tar.zst (lab-main), 3 of 3 nodes, read 2026-11-22 09:19:47Z
✗ shop/client-5556f849f5-bs4fx → svc/shop/backend:9090  TCP
  dropped on k8s-n1; the client sees \"Connection timed out\"

  pod shop/client-5556f849f5-bs4fx
                   10.244.0.6:43210 → 10.96.44.247:9090    default via 10.244.0.1 dev eth0
  node k8s-n1      in cni0
    PREROUTING     KUBE-SERVICES → KUBE-SVC-LV5… → KUBE-SEP-JJC…  DNAT to 10.244.0.5:9090
                   (1 of 3 backends; the other 2 end the same way)
  ✗ ip_error       net.ipv4.conf.cni0.forwarding = 0   IP_INADDRERRORS, no ICMP is sent

cause     NW1001 ip-forward-disabled on node/k8s-n1                                          certain
evidence  net.ipv4.ip_forward = 0
";
    assert!(ran.out.starts_with(expected), "{}", ran.out);
    assert!(
        ran.out
            .contains("\nfix       netwhy fix -f ip-forward-off-n1.tar.zst NW1001 --node k8s-n1\n")
    );
    fits(&ran.out);
}

#[test]
fn a_delivered_connection_says_what_it_assumes() {
    let ran = netwhy(&[
        "trace",
        "-f",
        "healthy.tar.zst",
        "-n",
        "shop",
        "client-5556f849f5-bs4fx",
        "svc/single",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for line in [
        "  delivered to its only backend, and the answer comes back\n",
        "    vxlan          flannel.1 → 172.30.0.12\n",
        "  node k8s-n2      in eth0, out of the tunnel at flannel.1\n",
        "    socket         received on port 8080; the server sees 10.244.0.6\n",
        "assumed   what no node shows",
    ] {
        assert!(ran.out.contains(line), "{line}\n{}", ran.out);
    }
    fits(&ran.out);
}

#[test]
fn some_backends() {
    let ran = netwhy(&[
        "trace",
        "-f",
        "vxlan-udp-blocked-in-n2.tar.zst",
        CLIENT,
        "svc/shop/backend",
    ]);
    assert_eq!(ran.code, 1);
    for line in [
        "  1 of 3 backends fails: 33 % of connections time out\n",
        "  1 of 3   timeout     shop/backend-6bfd6b7f9f-l7wg7\n",
        "on k8s-n2, INPUT: rule 1 of INPUT  -p udp -m udp --dport 8472 -j DROP\n",
        "  ✗ INPUT          rule 1 of INPUT  -p udp -m udp --dport 8472 -j DROP   NETFILTER_DROP\n",
        "cause     NW4002 vxlan-udp-blocked on node/k8s-n2",
    ] {
        assert!(ran.out.contains(line), "{line}\n{}", ran.out);
    }
    fits(&ran.out);
}

#[test]
fn an_answer_that_nobody_translates() {
    let ran = netwhy(&["trace", "-f", "bridge-nf-off-n1.tar.zst", CLIENT, "svc/shop/many"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out
            .contains("  3 of 12 backends fail: 25 % of connections time out\n"),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .contains("✗ tcp_v4_rcv     the answer comes from 10.244.0.10:8080 and not from")
    );
    assert!(ran.out.contains("cause     NW1003"));
    fits(&ran.out);
}

#[test]
fn a_service_without_pods_is_its_own_cause() {
    let ran = netwhy(&["trace", "-f", "healthy.tar.zst", CLIENT, "svc/shop/no-pods"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.out.contains("the client sees \"Connection refused\""),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .contains("cause     NW5003 service-selects-nothing on svc/shop/no-pods")
    );
    fits(&ran.out);
}

#[test]
fn a_sick_cluster() {
    let ran = netwhy(&["check", "-f", "ip-forward-off-n1.tar.zst"]);
    assert_eq!(ran.code, 1);
    let mut lines = ran.out.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("target    file ip-forward-off-n1.tar.zst (lab-main), 3 of 3 nodes")
    );
    assert_eq!(lines.next(), Some(""));
    let first = lines.next().unwrap();
    assert!(
        first.starts_with("✗ NW1001 ip-forward-disabled       node/k8s-n1") && first.ends_with("certain"),
        "{first}"
    );
    assert_eq!(
        ran.out.matches("NW5003").count(),
        2,
        "one block, and its page: {}",
        ran.out
    );
    assert!(
        ran.out
            .lines()
            .any(|l| l.starts_with("coverage  ") && l.contains("not judged"))
    );
    fits(&ran.out);
}

#[test]
fn the_same_for_machines() {
    let ran = netwhy(&["check", "-f", "ip-forward-off-n1.tar.zst", "-o", "json"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["schema"], "netwhy.dev/report/v1");
    assert_eq!(report["findings"][0]["code"], "NW1001");
    assert_eq!(
        report["findings"][0]["command"],
        "netwhy fix -f ip-forward-off-n1.tar.zst NW1001 --node k8s-n1"
    );
    let ran = netwhy(&[
        "trace",
        "-f",
        "ip-forward-off-n1.tar.zst",
        CLIENT,
        "svc/shop/backend",
        "-o",
        "json",
    ]);
    let trace: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(trace["schema"], "netwhy.dev/trace/v1");
    assert_eq!(trace["verdict"]["kind"], "failed");
    assert_eq!(trace["path"][1]["lines"][0]["chains"][0], "KUBE-SERVICES");
}

#[test]
fn fail_on() {
    let code = |fail_on| netwhy(&["check", "-f", "healthy.tar.zst", "--fail-on", fail_on]).code;
    assert_eq!([code("error"), code("never")], [1, 0]);
}

#[test]
fn many_flows_with_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flows.jsonl");
    let lines = [
        format!(r#"{{"id":"a","from":"{CLIENT}","proto":"TCP","to":"svc/shop/single:80"}}"#),
        format!(r#"{{"id":"b","from":"{CLIENT}","proto":"tcp","to_ip":"10.96.32.138","to_port":80}}"#),
        format!(r#"{{"id":"c","from":"{CLIENT}","proto":"TCP","to":"svc/shop/nobody:80"}}"#),
    ];
    std::fs::write(&file, lines.join("\n")).unwrap();
    let ran = netwhy(&[
        "trace",
        "-f",
        "healthy.tar.zst",
        "--flows",
        file.to_str().unwrap(),
        "-o",
        "jsonl",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let answers: Vec<Value> = ran.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0]["delivered_to"], answers[1]["delivered_to"]);
    assert_eq!(answers[0]["disposition"], "delivered");
    assert_eq!(answers[2]["disposition"], "unknown");
}

const CURL: &str = "curl: (7) Failed to connect to 10.96.44.247 port 9090: Connection timed out";

#[test]
fn why_from_an_error_message() {
    let ran = netwhy(&["why", "-f", "ip-forward-off-n1.tar.zst", CURL]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    for line in [
        "read as   connect timeout to 10.96.44.247:9090 = svc/shop/backend:9090, from any pod\n",
        "NW1001 ip-forward-disabled on node/k8s-n1",
        "next      netwhy trace -f ip-forward-off-n1.tar.zst pod/shop/",
    ] {
        assert!(ran.out.contains(line), "{line}\n{}", ran.out);
    }
    fits(&ran.out);
}

#[test]
fn why_from_words_alone() {
    let ran = netwhy(&["why", CURL]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out
            .starts_with("read as   connect timeout to 10.96.44.247:9090\ncould be  1 "),
        "{}",
        ran.out
    );
    assert!(ran.out.contains("\ndecides   "));
    fits(&ran.out);
}

#[test]
fn a_plan_from_a_file_changes_nothing() {
    let fix = ["fix", "-f", "ip-forward-off-n1.tar.zst", "NW1001", "--node", "k8s-n1"];
    let ran = netwhy(&fix);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("plan      NW1001 on node/k8s-n1"), "{}", ran.out);
    assert!(ran.out.contains(" broken promises heal, 0 break\n"), "{}", ran.out);
    let applied = netwhy(&[&fix[..], &["--apply"]].concat());
    assert_eq!((applied.code, applied.out.as_str()), (2, ""));
    assert!(applied.err.contains("cannot be changed"));
    let elsewhere = netwhy(&["fix", "-f", "ip-forward-off-n1.tar.zst", "NW1001", "--node", "k8s-n2"]);
    assert_eq!(elsewhere.code, 2);
    assert!(
        elsewhere.err.contains("is no finding on node/k8s-n2"),
        "{}",
        elsewhere.err
    );
}
