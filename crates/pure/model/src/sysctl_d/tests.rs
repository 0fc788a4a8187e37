use super::*;

fn files(texts: &[(&str, &str)]) -> BTreeMap<String, String> {
    texts
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect()
}

fn place(setting: Option<&Setting>) -> String {
    setting.map_or("none".into(), |s| format!("{}:{} {}", s.file, s.line, s.value))
}

/// `(systemd, procps)`.
fn winners(texts: &[(&str, &str)], key: &str) -> (String, String) {
    let all = who_sets(&files(texts), key);
    (place(all.systemd.winner.as_ref()), place(all.procps.winner.as_ref()))
}

fn both(place: &str) -> (String, String) {
    (place.to_owned(), place.to_owned())
}

#[test]
fn later_names_win_whatever_the_folder() {
    let texts = [
        ("/usr/lib/sysctl.d/99-k8s.conf", "net.ipv4.ip_forward = 1\n"),
        ("/etc/sysctl.d/60-cis.conf", "# CIS 3.1.1\n\n net.ipv4.ip_forward=0 \n"),
    ];
    assert_eq!(
        winners(&texts, "net.ipv4.ip_forward"),
        both("/usr/lib/sysctl.d/99-k8s.conf:1 1")
    );
    let all = who_sets(&files(&texts), "net.ipv4.ip_forward");
    assert_eq!(place(all.systemd.losers.first()), "/etc/sysctl.d/60-cis.conf:3 0");
}

#[test]
fn the_same_name_in_etc_hides_and_run_hides_etc_only_for_procps() {
    let texts = [
        ("/usr/lib/sysctl.d/50-a.conf", "net.ipv4.ip_forward=1"),
        ("/etc/sysctl.d/50-a.conf", ""),
    ];
    assert!(who_sets(&files(&texts), "net.ipv4.ip_forward").never_set());
    let texts = [
        ("/run/sysctl.d/50-a.conf", "net.ipv4.ip_forward=0"),
        ("/etc/sysctl.d/50-a.conf", "net.ipv4.ip_forward=1"),
    ];
    let (systemd, procps) = winners(&texts, "net.ipv4.ip_forward");
    assert_eq!(systemd, "/etc/sysctl.d/50-a.conf:1 1");
    assert_eq!(procps, "/run/sysctl.d/50-a.conf:1 0");
}

#[test]
fn sysctl_conf_is_last_for_procps_and_nothing_for_systemd() {
    let texts = [
        ("/etc/sysctl.conf", "\n;x\nnet/ipv4/ip_forward = 0"),
        ("/etc/sysctl.d/99-zz-netwhy.conf", "net.ipv4.ip_forward = 1"),
        ("/etc/sysctl.d/readme", "net.ipv4.ip_forward = 5"),
        ("/etc/other.d/zz.conf", "net.ipv4.ip_forward = 5"),
    ];
    let (systemd, procps) = winners(&texts, "net.ipv4.ip_forward");
    assert_eq!(systemd, "/etc/sysctl.d/99-zz-netwhy.conf:1 1");
    assert_eq!(procps, "/etc/sysctl.conf:3 0");
}

#[test]
fn a_pattern_spares_keys_that_are_named_anywhere() {
    let texts = [
        (
            "/etc/sysctl.d/10-a.conf",
            "net.ipv4.conf.lo.rp_filter = 0\n-net.ipv4.conf.all.rp_filter",
        ),
        ("/etc/sysctl.d/90-b.conf", "-net.ipv4.conf.*.rp_filter = 2"),
    ];
    assert_eq!(
        winners(&texts, "net.ipv4.conf.lo.rp_filter"),
        both("/etc/sysctl.d/10-a.conf:1 0")
    );
    assert_eq!(winners(&texts, "net.ipv4.conf.all.rp_filter"), both("none"));
    assert_eq!(
        winners(&texts, "net.ipv4.conf.default.rp_filter"),
        both("/etc/sysctl.d/90-b.conf:1 2")
    );
    let flannel = who_sets(&files(&texts), "net.ipv4.conf.flannel/1.rp_filter");
    assert_eq!(flannel.systemd.winner.as_ref().map(|s| s.how), Some(How::Glob));
}

#[test]
fn two_names_of_one_value() {
    let texts = [
        ("/etc/sysctl.d/10-a.conf", "net.ipv4.ip_forward = 1"),
        ("/etc/sysctl.d/60-b.conf", "net.ipv4.conf.all.forwarding = 0"),
    ];
    assert_eq!(
        winners(&texts, "net.ipv4.ip_forward"),
        both("/etc/sysctl.d/60-b.conf:1 0")
    );
}

#[test]
fn systemd_keeps_the_early_place_of_a_repeated_value() {
    let texts = [
        ("/etc/sysctl.d/10-a.conf", "net.ipv4.ip_forward = 1"),
        ("/etc/sysctl.d/60-b.conf", "net.ipv4.conf.all.forwarding = 0"),
        ("/etc/sysctl.d/99-c.conf", "net.ipv4.ip_forward = 1"),
    ];
    let (systemd, procps) = winners(&texts, "net.ipv4.ip_forward");
    assert_eq!(systemd, "/etc/sysctl.d/60-b.conf:1 0");
    assert_eq!(procps, "/etc/sysctl.d/99-c.conf:1 1");
}

#[test]
fn interfaces_follow_ip_forward_or_the_default() {
    let texts = [(
        "/etc/sysctl.d/10-a.conf",
        "net.ipv4.ip_forward = 1\nnet.ipv4.conf.default.forwarding=0",
    )];
    let cni0 = who_sets(&files(&texts), "net.ipv4.conf.cni0.forwarding");
    assert_eq!(place(cni0.systemd.winner.as_ref()), "/etc/sysctl.d/10-a.conf:2 0");
    assert_eq!(cni0.systemd.winner.as_ref().map(|s| s.how), Some(How::Default));
    assert_eq!(place(cni0.procps.winner.as_ref()), "/etc/sysctl.d/10-a.conf:1 1");
    assert_eq!(cni0.procps.winner.as_ref().map(|s| s.how), Some(How::SideEffect));
    assert_eq!(
        winners(&texts, "net.ipv4.conf.all.accept_redirects"),
        both("/etc/sysctl.d/10-a.conf:1 0")
    );
}

#[test]
fn lines_that_mean_nothing() {
    for line in ["", "  ", "# a = 1", "; a = 1", "a", "= 1", "-", "-=1"] {
        assert_eq!(parse_line(line), None, "{line:?}");
    }
    assert_eq!(parse_line("  -a.b  =  1 2\t\r"), Some(("a.b", Some("1 2"))));
    assert_eq!(parse_line("-a.b"), Some(("a.b", None)));
    assert_eq!(
        to_path("net.ipv4.conf.eth0/100.forwarding"),
        "net/ipv4/conf/eth0.100/forwarding"
    );
    assert_eq!(
        to_path("/net/ipv4//conf/eth0.100/forwarding"),
        "net/ipv4/conf/eth0.100/forwarding"
    );
}
