//! When netwhy itself cannot: standard error, two lines, exit code 2.

use super::common::{fits, netwhy};

#[test]
fn no_target() {
    let ran = netwhy(&["check"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert_eq!(
        ran.err,
        "netwhy: no cluster: KUBECONFIG is not set and ~/.kube/config does not exist\n  \
         a lab on this machine: netwhy lab up, then --lab · a file: -f BUNDLE · this node: --this-machine\n"
    );
}

#[test]
fn wrong_use() {
    for (args, says) in [
        (&["check", "-f", "nowhere"][..], "nowhere: No such file"),
        (&["check", "-f", "truth.json"], "truth.json: "),
        (&["check", "-f", "healthy.tar.zst", "--lab"], "more than one target"),
        (&["check", "--context", "prod"], "cannot be read yet"),
        (
            &["trace", "-f", "healthy.tar.zst", "pod/shop/nobody", "svc/shop/single"],
            "pod \"nobody\" not found",
        ),
        (
            &["trace", "-f", "healthy.tar.zst", "node/k8s-n1", "svc/shop/singl"],
            "(near: np-single, single)",
        ),
        (
            &[
                "trace",
                "-f",
                "healthy.tar.zst",
                "node/k8s-n1",
                "pod/shop/single-6686c4f6d9-hq9df",
            ],
            "no port",
        ),
        (&["explain", "nothing"], "no page \"nothing\""),
        (
            &["fix", "-f", "healthy.tar.zst", "NW1001"],
            "is no finding in file healthy.tar.zst",
        ),
        (&["why", "good morning"], "no error message"),
        (&["collect", "--script", "a; reboot"], "is no name of a node"),
        (&["frobnicate"], "unrecognized subcommand"),
    ] {
        let ran = netwhy(args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?}");
        assert!(ran.err.contains(says), "{args:?}: {}", ran.err);
    }
}

#[test]
fn pages() {
    let list = netwhy(&["explain"]);
    assert_eq!(list.code, 0);
    fits(&list.out);
    for name in list
        .out
        .lines()
        .filter_map(|l| l.strip_prefix("  "))
        .filter_map(|l| l.split_whitespace().next())
    {
        let page = netwhy(&["explain", name]);
        assert_eq!(page.code, 0, "{name}: {}", page.err);
    }
    let page = netwhy(&["explain", "ip-forwarding"]);
    assert!(
        page.out
            .starts_with("ip-forwarding: the switch that makes a node a router\n    A node"),
        "{}",
        page.out
    );
}

#[test]
fn ascii_and_no_colour() {
    let ran = netwhy(&["check", "-f", "ip-forward-off-n1.tar.zst", "--ascii"]);
    assert!(ran.out.is_ascii(), "{}", ran.out);
    assert!(ran.out.contains("\nx NW1001 "), "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'));
}

#[test]
fn the_script_for_a_node() {
    let ran = netwhy(&["collect", "--script", "worker-1"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.starts_with("#!/bin/sh\n"));
}
