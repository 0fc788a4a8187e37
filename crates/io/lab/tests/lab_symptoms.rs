//! Each fault shows what the catalogue says that it shows, and each decoy shows nothing.

mod lab_common;

use lab_common::{Home, ask, possible, tcp_pods};
use netwhy_lab::spec::Spec;
use netwhy_lab::{Lab, faults};
use std::net::Ipv4Addr;

const API: Ipv4Addr = Ipv4Addr::new(10, 0, 21, 231);
/// shop/api-a on worker-1, beside shop/web.
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 8);
/// shop/api-b on worker-2.
const FAR: Ipv4Addr = Ipv4Addr::new(10, 244, 2, 9);
/// shop/api-c on worker-3.
const THIRD: Ipv4Addr = Ipv4Addr::new(10, 244, 3, 10);

fn ask_web(lab: &Lab, ip: Ipv4Addr) -> String {
    let answer = ask(lab, "shop_web", ip, 3000);
    answer
        .split(' ')
        .next()
        .filter(|word| word.starts_with("pod="))
        .map_or(answer.clone(), |_| "answers".into())
}

#[test]
fn faults_show() {
    if !possible() {
        return;
    }
    let home = Home::new("symptoms");
    home.up(&Spec::default_with(3));
    let lab = home.view();
    let node_port =
        |lab: &Lab| ask(lab, "client", Ipv4Addr::new(192, 168, 50, 11), 30080).starts_with("pod=edge/front-");
    // Fault, where, what shop/web sees of the pods near, far and on the third node, and whether worker-1's NodePort
    // answers whichever endpoint it chooses.
    let table = [
        (
            "ip-forward-off",
            "node=worker-1",
            ["answers", "timed out", "timed out"],
            false,
        ),
        (
            "ip-forward-off",
            "node=worker-2",
            ["answers", "timed out", "answers"],
            false,
        ),
        (
            "iface-forwarding-off",
            "iface=cni0",
            ["answers", "timed out", "timed out"],
            true,
        ),
        (
            "iface-forwarding-off",
            "iface=flannel.1",
            ["answers", "timed out", "timed out"],
            false,
        ),
        (
            "forward-policy-drop",
            "node=worker-1",
            ["timed out", "timed out", "timed out"],
            false,
        ),
        (
            "vxlan-udp-blocked",
            "node=worker-2",
            ["answers", "timed out", "answers"],
            false,
        ),
        (
            "route-to-podcidr-missing",
            "peer=worker-2",
            ["answers", "timed out", "answers"],
            false,
        ),
        (
            "bridge-nf-off",
            "node=worker-1",
            ["answers", "answers", "answers"],
            true,
        ),
        (
            "pod-no-default-route",
            "pod=shop/web",
            ["answers", "answers", "answers"],
            true,
        ),
    ];
    for (fault, place, expected, port_answers) in table {
        home.run_ok(&["break", "test", fault, place]);
        assert_eq!(
            [NEAR, FAR, THIRD].map(|ip| ask_web(&lab, ip)),
            expected,
            "{fault} {place}"
        );
        if port_answers {
            assert!(node_port(&lab), "{fault} {place}: NodePort");
        }
        if fault == "pod-no-default-route" {
            assert_eq!(ask_web(&lab, API), "network unreachable");
        }
        if fault == "bridge-nf-off" {
            // Only a connection that is given the endpoint on the client's own node fails: one of three.
            assert!((0..60).any(|_| ask_web(&lab, API) == "timed out"), "{fault}");
        }
        home.run_ok(&["heal", "test", fault]);
    }
    home.run_ok(&["break", "test", "svc-targetport-wrong", "service=shop/api"]);
    assert_eq!(
        (ask_web(&lab, API), ask_web(&lab, FAR)),
        ("connection refused".into(), "answers".into())
    );
}

#[test]
fn decoys_do_not() {
    if !possible() {
        return;
    }
    let home = Home::new("decoys");
    let spec = Spec::default_with(2);
    home.up(&spec);
    let lab = home.view();
    for decoy in faults().iter().filter(|fault| fault.decoy) {
        for place in decoy.sites(&spec) {
            let mut words = vec!["break".to_owned(), "test".to_owned(), decoy.id.to_owned()];
            words.extend(place.iter().map(|(key, value)| format!("{key}={value}")));
            home.run_ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
    for (ip, port, pod) in tcp_pods(&lab.state().unwrap()) {
        for from in ["shop_web", "shop_api-b", "worker-1", "worker-2"] {
            assert!(ask(&lab, from, ip, port).starts_with("pod="), "{from} to {pod}");
        }
    }
    for node in &spec.nodes {
        assert!(ask(&lab, "client", node.ip, 30080).starts_with("pod="));
    }
}
