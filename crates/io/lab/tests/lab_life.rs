//! A lab comes up, carries traffic, is broken, healed, rebooted, and leaves nothing behind.

mod lab_common;

use lab_common::{Home, ask, assert_same, differences, dump, possible, tcp_pods};
use netwhy_lab::spec::Spec;
use netwhy_lab::{LabError, Phase, UpOptions, faults};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const API: Ipv4Addr = Ipv4Addr::new(10, 0, 21, 231);

#[test]
fn up_talk_down() {
    if !possible() {
        return;
    }
    let home = Home::new("life");
    let spec = Spec::default_with(3);
    eprintln!("up in {:?}", home.up(&spec));
    let lab = home.view();
    for (ip, port, pod) in tcp_pods(&lab.state().unwrap()) {
        assert!(
            ask(&lab, "shop_web", ip, port).starts_with(&format!("pod={pod} client=10.244.1.7:")),
            "{pod}"
        );
    }
    assert!(ask(&lab, "shop_web", API, 3000).starts_with("pod=shop/api-"));
    assert!(ask(&lab, "worker-2", API, 3000).starts_with("pod=shop/api-"));
    assert!(ask(&lab, "client", spec.nodes[0].ip, 30080).starts_with("pod=edge/front-"));
    assert_eq!(
        ask(&lab, "shop_web", Ipv4Addr::new(10, 0, 77, 5), 80),
        "connection refused"
    );

    let again = home.labs.up(
        &spec,
        &UpOptions {
            name: "test".into(),
            ..UpOptions::default()
        },
    );
    assert!(matches!(again, Err(LabError::Exists(_))), "{again:?}");
    let status = home.labs.status().unwrap();
    assert_eq!((status.len(), status[0].phase), (1, Phase::Usable));
    assert_eq!(status[0].report.as_ref().unwrap().servers, 3);

    assert!(home.labs.down("test").unwrap());
    assert!(home.labs.status().unwrap().is_empty());
    assert!(!home.labs.down("test").unwrap());
    assert_eq!(std::fs::read_dir(&home.root).unwrap().count(), 0);
    assert!(matches!(home.labs.view("test"), Err(LabError::NoSuchLab(_))));
}

#[test]
fn any_seed_comes_up_and_talks() {
    if !possible() {
        return;
    }
    let home = Home::new("seeds");
    for seed in 1..=3 {
        let spec = Spec::random(seed);
        home.up(&spec);
        let lab = home.view();
        let asker = &spec.pods[0];
        for (ip, port, pod) in tcp_pods(&lab.state().unwrap()) {
            let answer = ask(&lab, &format!("{}_{}", asker.namespace, asker.name), ip, port);
            assert!(
                answer.starts_with(&format!("pod={pod} ")),
                "seed {seed}: {pod}: {answer}"
            );
        }
        home.labs.down("test").unwrap();
    }
}

#[test]
fn programs_run_inside() {
    if !possible() {
        return;
    }
    let home = Home::new("exec");
    home.up(&Spec::default_with(2));
    let links = home.run_ok(&["exec", "test", "shop_web", "ip", "-br", "-4", "address"]);
    assert!(links.contains("10.244.1.7/24"), "{links}");
    let by_ip = home.run_ok(&[
        "exec",
        "test",
        "-",
        "ip",
        "netns",
        "exec",
        "worker-2",
        "ip",
        "route",
        "get",
        "10.244.1.7",
    ]);
    assert!(by_ip.contains("via 10.244.1.0 dev flannel.1"), "{by_ip}");
    assert_eq!(
        home.run(&["exec", "test", "-", "sh", "-c", "exit 7"]).status.code(),
        Some(7)
    );
    assert_eq!(
        home.run(&["exec", "test", "-", "sh", "-c", "kill -TERM $$"])
            .status
            .code(),
        Some(143)
    );
    let unknown = home.run(&["exec", "test", "nowhere", "true"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("worker-1"));

    // A program inside dies with the lab.
    let mut sleeper = home
        .command(&["exec", "test", "shop_web", "sleep", "600"])
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while home.processes().len() < 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    home.labs.down("test").unwrap();
    assert_eq!(sleeper.wait().unwrap().code(), Some(137));
    assert_eq!(home.processes(), [0; 0]);
}

#[test]
fn every_fault_changes_something_and_is_healed_exactly() {
    if !possible() {
        return;
    }
    let home = Home::new("faults");
    let spec = Spec::default_with(2);
    home.up(&spec);
    let healthy = dump(&home.view());
    for fault in faults() {
        let sites = fault.sites(&spec);
        for args in [sites.first(), sites.last()].into_iter().flatten() {
            let mut words: Vec<String> = ["break", "test", fault.id].map(str::to_owned).to_vec();
            words.extend(args.iter().map(|(key, value)| format!("{key}={value}")));
            words.extend(fault.options.iter().map(|(key, _)| format!("{key}=true")));
            home.run_ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
            let broken = differences(&healthy, &dump(&home.view()));
            // What iptables-legacy holds is not in the dump: asking a namespace without it would make it.
            assert!(
                !broken.is_empty() || fault.id == "legacy-rule-never-matches",
                "{} changes nothing",
                fault.id
            );
            home.run_ok(&["heal", "test", fault.id]);
            assert_same(&healthy, &dump(&home.view()), fault.id);
        }
    }
    let legacy = home.run_ok(&["exec", "test", "worker-1", "iptables-legacy", "-S", "FORWARD"]);
    assert_eq!(legacy, "-P FORWARD ACCEPT\n");
}

#[test]
fn faults_on_top_of_each_other() {
    if !possible() {
        return;
    }
    let home = Home::new("stack");
    home.up(&Spec::default_with(2));
    let healthy = dump(&home.view());
    home.run_ok(&["break", "test", "iface-forwarding-off", "node=worker-1", "iface=cni0"]);
    let one = dump(&home.view());
    home.run_ok(&["heal", "test", "all"]);
    for first in [
        "ip-forward-off",
        "forward-policy-drop",
        "svc-targetport-wrong",
        "route-to-podcidr-missing",
    ] {
        home.run_ok(&["break", "test", first]);
        home.run_ok(&["break", "test", "iface-forwarding-off", "node=worker-1", "iface=cni0"]);
        home.run_ok(&["heal", "test", first]);
        assert_same(&one, &dump(&home.view()), first);
        home.run_ok(&["heal", "test", "all"]);
        assert_same(&healthy, &dump(&home.view()), first);
    }
    assert!(!home.run(&["heal", "test", "bridge-nf-off"]).status.success());
    home.run_ok(&["break", "test", "bridge-nf-off"]);
    assert!(
        !home.run(&["break", "test", "bridge-nf-off"]).status.success(),
        "twice the same"
    );
}

#[test]
fn what_a_reboot_keeps_and_what_not() {
    if !possible() {
        return;
    }
    let home = Home::new("reboot");
    home.up(&Spec::default_with(2));
    let healthy = dump(&home.view());
    home.run_ok(&["reboot", "test", "worker-1"]);
    assert_same(&healthy, &dump(&home.view()), "a reboot of a healthy node");

    // By hand, in no file: gone after the reboot.
    home.run_ok(&[
        "exec",
        "test",
        "worker-1",
        "sysctl",
        "-w",
        "net.ipv4.ip_forward=0",
        "net.ipv4.tcp_fin_timeout=7",
    ]);
    home.run_ok(&["exec", "test", "worker-1", "iptables-nft", "-I", "INPUT", "-j", "DROP"]);
    home.run_ok(&[
        "exec",
        "test",
        "worker-1",
        "ip",
        "route",
        "add",
        "192.0.2.0/24",
        "dev",
        "eth0",
    ]);
    for fault in ["vxlan-udp-blocked", "legacy-rule-never-matches", "pod-no-default-route"] {
        home.run_ok(&["break", "test", fault]);
    }
    let said = home.run_ok(&["reboot", "test", "worker-1"]);
    assert!(said.contains("vxlan-udp-blocked"), "{said}");
    assert_same(&healthy, &dump(&home.view()), "a reboot of a broken node");
    assert_eq!(home.view().injected().unwrap(), []);

    // Nobody but the file sets it: with the file gone the node comes up without forwarding.
    let root = home.view().node_root("worker-1");
    let k8s = std::fs::read(root.join("etc/sysctl.d/k8s.conf")).unwrap();
    std::fs::remove_file(root.join("etc/sysctl.d/k8s.conf")).unwrap();
    home.run_ok(&["reboot", "test", "worker-1"]);
    assert_ne!(
        ask(&home.view(), "shop_web", Ipv4Addr::new(10, 244, 2, 9), 3000).get(..4),
        Some("pod=")
    );
    std::fs::write(root.join("etc/sysctl.d/k8s.conf"), k8s).unwrap();

    // The hardening run's file brings the fault back at every boot, until it is healed.
    home.run_ok(&["break", "test", "ip-forward-off", "persist=true", "node=worker-1"]);
    home.run_ok(&["reboot", "test", "worker-1"]);
    let forwarding = home.run_ok(&["exec", "test", "worker-1", "sysctl", "-n", "net.ipv4.ip_forward"]);
    assert_eq!(forwarding, "0\n");
    home.run_ok(&["heal", "test", "ip-forward-off"]);
    home.run_ok(&["reboot", "test", "worker-1"]);
    assert_same(&healthy, &dump(&home.view()), "healed and rebooted");
}
