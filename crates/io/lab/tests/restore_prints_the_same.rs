//! The rules that a node gets are, once loaded, printed by `iptables-save` exactly as they were written: those of the
//! default lab, and those of a cluster with every kind of Service.

mod support;

use netwhy_lab::objects;
use netwhy_lab::rules::kube_proxy::{Config, DetectLocal, write};
use netwhy_lab::rules::{Ruleset, nfacct, node_iptables};
use netwhy_lab::spec::Spec;
use nix::sched::{CloneFlags, unshare};
use std::io::Write;
use std::process::{Command, Stdio};

fn restore(program: &str, text: &str) {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    let mut stdin = child.stdin.take().expect("stdin");
    stdin.write_all(text.as_bytes()).expect("write");
    drop(stdin);
    assert!(child.wait().expect("wait").success(), "{program} failed");
}

fn save(program: &str) -> String {
    let output = Command::new(program).output().expect(program);
    String::from_utf8(output.stdout).expect("text")
}

/// Tables in the order of the writer, without comments and counters of policies.
fn tables(save: &str) -> Vec<String> {
    let lines = save.lines().filter(|l| !l.starts_with('#'));
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut tables: Vec<String> = text
        .split("COMMIT")
        .map(|t| t.trim().to_owned())
        .filter(|t| !t.is_empty())
        .collect();
    tables.sort();
    tables
}

fn default_lab() -> String {
    let spec = Spec::default_with(3);
    node_iptables(&spec, &objects::lists(&spec), "worker-1")
}

fn every_kind_of_service() -> String {
    let lists = support::lists(&support::members("healthy"));
    let mut rules = Ruleset::default();
    let local = DetectLocal::ClusterCidr("10.244.0.0/16".to_owned());
    write(&mut rules, &lists, &Config::new("k8s-n2", local));
    rules.print()
}

#[test]
fn nft_and_legacy() {
    let thread = std::thread::spawn(|| {
        if let Err(e) = unshare(CloneFlags::CLONE_NEWNET) {
            eprintln!("not run: needs CAP_SYS_ADMIN to make a network namespace ({e})");
            return;
        }
        if let Err(e) = nfacct::ensure() {
            eprintln!("not run: the kernel has no accounting objects ({e})");
            return;
        }
        nfacct::ensure().expect("a second time changes nothing");
        for text in [default_lab(), every_kind_of_service()] {
            for kind in ["nft", "legacy"] {
                restore(&format!("iptables-{kind}-restore"), &text);
                let saved = save(&format!("iptables-{kind}-save"));
                assert_eq!(tables(&saved), tables(&text), "{kind}");
            }
        }
    });
    thread.join().expect("thread");
}
