use super::*;
use crate::values::{ALL_FORWARDING, ALL_REDIRECTS, IP_FORWARD};

fn empty() -> Plan {
    Plan {
        id: "7f3a".into(),
        code: "NW1001".into(),
        node: "worker-1".into(),
        steps: vec![],
        notes: vec![],
        kept: vec![],
        values: vec![],
        files: vec![],
    }
}

fn change(key: &str, value: &str) -> SysctlChange {
    SysctlChange {
        key: key.into(),
        value: value.into(),
    }
}

fn off() -> Values {
    [
        (IP_FORWARD, "0"),
        (ALL_FORWARDING, "0"),
        (ALL_REDIRECTS, "1"),
        ("net.ipv4.conf.default.forwarding", "0"),
        ("net.ipv4.conf.cni0.forwarding", "0"),
        ("net.ipv4.conf.eth0.forwarding", "0"),
        ("net.ipv4.conf.flannel/1.forwarding", "0"),
        ("net.ipv4.conf.lo.forwarding", "1"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into()
}

#[test]
fn the_words_of_the_seed_scenario() {
    let mut plan = empty();
    plan.set_values(off(), &[change(IP_FORWARD, "1")]);
    let described = plan.steps[0].describe();
    assert_eq!(
        (described.verb, described.text.as_str()),
        ("set", "net.ipv4.ip_forward 0 → 1")
    );
    assert_eq!(
        described.more,
        [
            "changes too: conf.{cni0,eth0,flannel/1,default}.forwarding 0 → 1, conf.all.accept_redirects 1 → 0",
            "makes a router of: cni0 eth0 flannel.1"
        ]
    );
    assert_eq!(
        plan.steps[0].command().as_deref(),
        Some("sysctl -w net.ipv4.ip_forward=1")
    );
}

#[test]
fn the_journal_has_links_that_do_not_change() {
    let mut plan = empty();
    plan.set_values(off(), &[change(IP_FORWARD, "1")]);
    let lo = plan
        .values
        .iter()
        .find(|v| v.key == "net.ipv4.conf.lo.forwarding")
        .unwrap();
    assert_eq!(
        (lo.before.as_deref(), lo.after.as_str()),
        (Some("1"), "1"),
        "turning the switch back would set it to 0"
    );
    assert_eq!(plan.values.len(), off().len());
}

#[test]
fn one_link_touches_one_value() {
    let mut plan = empty();
    plan.set_values(off(), &[change("net.ipv4.conf.cni0.forwarding", "1")]);
    assert_eq!(plan.values.len(), 1);
    assert_eq!(plan.steps[0].describe().more, ["makes a router of: cni0"]);
}

#[test]
fn what_is_there_already_is_no_step() {
    let mut plan = empty();
    plan.set_values(
        off(),
        &[change(IP_FORWARD, "1"), change("net.ipv4.conf.cni0.forwarding", "1")],
    );
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(
        plan.notes,
        ["net.ipv4.conf.cni0.forwarding is 1 already: writing it again changes nothing"]
    );
}

#[test]
fn values_on_the_way_are_kept() {
    let mut plan = empty();
    plan.set_values(
        off(),
        &[change(IP_FORWARD, "1"), change("net.ipv4.conf.eth0.forwarding", "0")],
    );
    let eth0 = plan
        .values
        .iter()
        .find(|v| v.key == "net.ipv4.conf.eth0.forwarding")
        .unwrap();
    assert_eq!(
        (eth0.before.as_deref(), eth0.after.as_str(), eth0.between.as_slice()),
        (Some("0"), "0", &["1".to_owned()][..])
    );
}

#[test]
fn many_links_are_counted() {
    let mut values = off();
    for n in 0..40 {
        values.insert(format!("net.ipv4.conf.veth{n:02}.forwarding"), "0".into());
    }
    let mut plan = empty();
    plan.set_values(values, &[change(IP_FORWARD, "1")]);
    let Step::Set { effects, .. } = &plan.steps[0] else {
        panic!()
    };
    assert_eq!(effects.certain.len(), 45);
    assert!(
        plan.steps[0].describe().more[0].contains("… and 32 more}.forwarding 0 → 1"),
        "{:?}",
        plan.steps[0].describe()
    );
}

#[test]
fn commands_are_quoted() {
    let write = Step::Write {
        path: "/etc/sysctl.d/x y.conf".into(),
        text: "# it's\nnet.ipv4.ip_forward = 1\n".into(),
        mode: 0o644,
        new: true,
        note: String::new(),
    };
    assert_eq!(
        write.command().as_deref(),
        Some("printf '%s\\n' '# it'\\''s' 'net.ipv4.ip_forward = 1' > '/etc/sysctl.d/x y.conf'")
    );
    let edit = Step::CommentOut {
        path: "/etc/sysctl.conf".into(),
        lines: vec![(28, "a=0".into())],
        note: String::new(),
    };
    assert_eq!(edit.command().as_deref(), Some("sed -i '28s/^/# /' /etc/sysctl.conf"));
}
