use super::*;
use crate::Env;
use std::os::unix::fs::symlink;

/// The files that a plan would write, by path; and the notes. No namespace is needed for files.
fn persisted(texts: &[(&str, &str)], changes: &[(&str, &str)]) -> (BTreeMap<String, String>, Plan) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in texts {
        let file = dir.path().join(path.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        match text.strip_prefix("-> ") {
            Some(target) => symlink(target, file).unwrap(),
            None => std::fs::write(file, text).unwrap(),
        }
    }
    let root = Root::open(dir.path()).unwrap();
    let changes: Vec<_> = changes
        .iter()
        .map(|(k, v)| SysctlChange {
            key: (*k).into(),
            value: (*v).into(),
        })
        .collect();
    let mut plan = Plan {
        id: "7f3a".into(),
        code: "NW1001".into(),
        node: "worker-1".into(),
        steps: vec![],
        notes: vec![],
        kept: vec![],
        values: vec![],
        files: vec![],
    };
    let env = Env {
        root: dir.path().to_owned(),
        netns: None,
        journal_dir: "/var/lib/netwhy".into(),
        now: "2026-11-22T03:12:40Z".into(),
        id: "7f3a".into(),
        allow_host: false,
    };
    let request = Request {
        persist: true,
        changes: changes.clone(),
        ..Request::default()
    };
    add(&mut plan, &root, &request, &changes, &env).unwrap();
    let text = |f: &FileChange| (f.path.clone(), String::from_utf8_lossy(&f.after.bytes).into_owned());
    (plan.files.iter().map(text).collect(), plan)
}

const ON: [(&str, &str); 1] = [(IP_FORWARD, "1")];

fn only(files: &BTreeMap<String, String>) -> (&str, &str) {
    assert_eq!(files.len(), 1, "{files:?}");
    files.first_key_value().map(|(p, t)| (p.as_str(), t.as_str())).unwrap()
}

fn note(plan: &Plan) -> String {
    plan.steps.iter().map(|s| s.describe().note).next().unwrap()
}

#[test]
fn a_new_drop_in_says_what_it_beats() {
    let (files, plan) = persisted(&[("/etc/sysctl.d/60-cis.conf", "\nnet.ipv4.ip_forward=0\n")], &ON);
    let expected = "# netwhy 7f3a: NW1001 on node/worker-1, 2026-11-22T03:12:40Z. Undo: netwhy fix --rollback 7f3a\n\
                    net.ipv4.ip_forward = 1\n";
    assert_eq!(only(&files), ("/etc/sysctl.d/99-zz-netwhy.conf", expected));
    assert_eq!(note(&plan), "wins over 60-cis.conf:2 at boot and in `sysctl --system`");
    assert_eq!(
        plan.steps[0].describe().text,
        "/etc/sysctl.d/99-zz-netwhy.conf (new, 0644)"
    );
    assert!(plan.kept.iter().all(Kept::wins));
}

#[test]
fn no_file_where_one_keeps_it_already() {
    let (files, plan) = persisted(&[("/usr/lib/sysctl.d/99-k8s.conf", "net.ipv4.ip_forward=1\n")], &ON);
    assert!(files.is_empty());
    assert_eq!(
        plan.notes,
        ["net.ipv4.ip_forward = 1: /usr/lib/sysctl.d/99-k8s.conf:1 keeps it already"]
    );
}

#[test]
fn a_later_name_is_beaten_by_a_later_one() {
    for (theirs, ours) in [
        ("99-zz-zz.conf", "99-zzz-netwhy.conf"),
        ("99-zzzz.conf", "zz-netwhy.conf"),
        ("zzz-z.conf", "zzz-z.conf-netwhy.conf"),
    ] {
        let path = format!("/etc/sysctl.d/{theirs}");
        let (files, plan) = persisted(&[(&path, "net.ipv4.ip_forward=0")], &ON);
        assert_eq!(only(&files).0, format!("/etc/sysctl.d/{ours}"));
        assert!(plan.kept.iter().all(Kept::wins));
    }
}

#[test]
fn a_name_that_run_hides_is_not_taken() {
    let (files, plan) = persisted(&[("/run/sysctl.d/99-zz-netwhy.conf", "a.b=0")], &ON);
    assert_eq!(only(&files).0, "/etc/sysctl.d/99-zzz-netwhy.conf");
    assert!(plan.kept.iter().all(Kept::wins));
}

#[test]
fn sysctl_conf_gets_a_step_of_its_own() {
    let conf = "# net.ipv4.ip_forward=1\nnet.ipv4.ip_forward = 0\nnet.ipv4.tcp_x=1\nnet/ipv4/conf/all/forwarding=0";
    let (files, plan) = persisted(&[("/etc/sysctl.conf", conf)], &ON);
    assert_eq!(
        files["/etc/sysctl.conf"],
        "# net.ipv4.ip_forward=1\n# net.ipv4.ip_forward = 0\nnet.ipv4.tcp_x=1\n# net/ipv4/conf/all/forwarding=0"
    );
    let described = plan.steps[0].describe();
    assert_eq!(described.text, "/etc/sysctl.conf: 2 lines commented out");
    assert_eq!(described.more[0], "/etc/sysctl.conf:2  # net.ipv4.ip_forward = 0");
    assert!(plan.kept.iter().all(Kept::wins), "{:?}", plan.kept);
}

#[test]
fn the_link_of_debian_is_the_same_file() {
    let texts = [
        ("/etc/sysctl.conf", "net.ipv4.ip_forward=0\n"),
        ("/etc/sysctl.d/99-sysctl.conf", "-> ../sysctl.conf"),
    ];
    let (files, plan) = persisted(&texts, &ON);
    assert_eq!(files["/etc/sysctl.conf"], "# net.ipv4.ip_forward=0\n");
    assert!(files.contains_key("/etc/sysctl.d/99-zz-netwhy.conf"));
    assert!(plan.kept.iter().all(Kept::wins));
}

#[test]
fn both_names_where_one_would_keep_an_early_place() {
    let texts = [
        ("/etc/sysctl.d/10-k8s.conf", "net.ipv4.ip_forward=1\n"),
        ("/etc/sysctl.d/60-cis.conf", "net.ipv4.conf.all.forwarding=0\n"),
    ];
    let (files, plan) = persisted(&texts, &ON);
    assert!(
        only(&files)
            .1
            .ends_with("\nnet.ipv4.ip_forward = 1\nnet.ipv4.conf.all.forwarding = 1\n"),
        "{files:?}"
    );
    assert!(plan.kept.iter().all(Kept::wins));
}

#[test]
fn other_lines_of_our_file_stay() {
    let texts = [(
        "/etc/sysctl.d/99-zz-netwhy.conf",
        "# mine\nnet.core.somaxconn = 4096\nnet/ipv4/ip_forward = 0\n;x\n",
    )];
    let (files, _) = persisted(&texts, &ON);
    assert_eq!(
        only(&files).1,
        "# mine\nnet.core.somaxconn = 4096\nnet.ipv4.ip_forward = 1\n;x\n"
    );
}

#[test]
fn an_interface_is_named_against_a_pattern() {
    let texts = [("/etc/sysctl.d/99-zzzz.conf", "net.ipv4.conf.*.forwarding = 0\n")];
    let (files, plan) = persisted(&texts, &[("net.ipv4.conf.flannel/1.forwarding", "1")]);
    let (path, text) = only(&files);
    assert_eq!(path, "/etc/sysctl.d/99-zz-netwhy.conf");
    assert!(text.ends_with("net.ipv4.conf.flannel/1.forwarding = 1\n"));
    assert!(plan.kept.iter().all(Kept::wins));
}

#[test]
fn bridge_keys_need_their_module_at_boot() {
    let key = [("net.bridge.bridge-nf-call-iptables", "1")];
    let (files, _) = persisted(&[], &key);
    assert_eq!(files["/etc/modules-load.d/netwhy.conf"], "br_netfilter\n");
    let (files, _) = persisted(&[("/etc/modules-load.d/k8s.conf", "overlay\nbr-netfilter\n")], &key);
    assert!(!files.contains_key("/etc/modules-load.d/netwhy.conf"));
    let (files, _) = persisted(&[("/etc/modules-load.d/netwhy.conf", "# x\noverlay\n")], &key);
    assert_eq!(files["/etc/modules-load.d/netwhy.conf"], "# x\noverlay\nbr_netfilter\n");
}
