//! IPv6 over the same hosts: client fd00:1::2, router fd00:1::1 and fd00:2::1, server fd00:2::2. What the kernel does was
//! measured: `docs/lab-notes/0013-ipv6-errors.md`.

use crate::small::{bundle, ns, table};
use netwhy_model::Cluster;
use netwhy_sim::{ClientSees, DropReason, Flow, Options, Outcome, Stage, trace};
use netwhy_snapshot::Snapshot;

const ROUTER: &str = "nodes/r/host";
const SERVER: &str = "outside/s";
/// Folder, links with their addresses, gateway.
type Host6 = (
    &'static str,
    &'static [(&'static str, &'static str)],
    Option<&'static str>,
);
const HOSTS: [Host6; 3] = [
    ("outside/c", &[("eth0", "fd00:1::2")], Some("fd00:1::1")),
    (ROUTER, &[("rc", "fd00:1::1"), ("rs", "fd00:2::1")], None),
    (SERVER, &[("eth0", "fd00:2::2")], Some("fd00:2::1")),
];
const SOCKETS: &str =
    "tcp LISTEN 0 128 *:80 *:*\ntcp LISTEN 0 128 0.0.0.0:81 0.0.0.0:*\nudp UNCONN 0 0 [::]:53 [::]:*\n";
const OFF: [&str; 5] = [
    "disable_ipv6",
    "force_forwarding",
    "proxy_ndp",
    "use_oif_addrs_only",
    "drop_unicast_in_l2_multicast",
];

fn text(snapshot: &Snapshot, path: &str) -> String {
    snapshot.text(path).unwrap().unwrap().to_owned()
}

/// Adds IPv6 to the hosts of [`bundle()`].
fn bundle6() -> Snapshot {
    let mut snapshot = bundle("");
    for (dir, links, gateway) in HOSTS {
        let (mut addrs, mut routes) = (text(&snapshot, &format!("{dir}/addr.json")), Vec::new());
        let mut sysctl = text(&snapshot, &format!("{dir}/sysctl.txt"));
        for (name, addr) in links {
            let open = format!(r#""ifname":"{name}","addr_info":["#);
            let host = addr.replace("fd00", "fe80").replace("::", ":");
            let link = format!("fe80::{}", host.trim_start_matches("fe80:"));
            let info = |addr: &str, scope: &str| {
                format!(r#"{{"family":"inet6","local":"{addr}","prefixlen":64,"scope":"{scope}"}},"#)
            };
            let own = format!("{open}{}{}", info(addr, "global"), info(&link, "link"));
            addrs = addrs.replace(&open, &own);
            let net = addr.rsplit_once("::").unwrap().0;
            routes.push(format!(
                r#"{{"dst":"{net}::/64","dev":"{name}","protocol":"kernel","metric":256,"pref":"medium"}},
                {{"dst":"fe80::/64","dev":"{name}","protocol":"kernel","metric":256,"pref":"medium"}},
                {{"type":"local","dst":"{addr}","dev":"{name}","table":"local","protocol":"kernel","metric":0,"pref":"medium"}},
                {{"type":"local","dst":"{link}","dev":"{name}","table":"local","protocol":"kernel","metric":0,"pref":"medium"}}"#
            ));
        }
        if let Some(via) = gateway {
            let dev = links[0].0;
            routes.push(format!(
                r#"{{"dst":"default","gateway":"{via}","dev":"{dev}","metric":1024,"pref":"medium"}}"#
            ));
        }
        for name in ["all", "lo"].into_iter().chain(links.iter().map(|l| l.0)) {
            let forwarding = u8::from(gateway.is_none());
            sysctl += &format!("net.ipv6.conf.{name}.forwarding = {forwarding}\n");
            sysctl.extend(OFF.map(|key| format!("net.ipv6.conf.{name}.{key} = 0\n")));
        }
        let mut put = |name: &str, text: String| snapshot.insert(format!("{dir}/{name}"), text);
        put("addr.json", addrs);
        put("sysctl.txt", sysctl);
        put("route6.json", format!("[{}]", routes.join(",")));
        put(
            "rule6.json",
            r#"[{"priority":0,"src":"all","table":"local"},{"priority":32766,"src":"all","table":"main"}]"#.into(),
        );
        put("ip6tables-save", String::new());
        put("ip6tables-legacy-save", String::new());
        put("sockets.txt", SOCKETS.into());
    }
    snapshot
}

/// With texts replaced.
fn changed(changes: &[(&str, &str, &str)]) -> Cluster {
    let mut snapshot = bundle6();
    for (path, from, to) in changes {
        let old = text(&snapshot, path);
        assert!(old.contains(from) || from.is_empty(), "{path}: {from}");
        let new = if from.is_empty() {
            (*to).to_owned()
        } else {
            old.replace(from, to)
        };
        snapshot.insert(*path, new);
    }
    Cluster::build(snapshot)
}

fn with_rules(dir: &str, save: &str) -> Cluster {
    let mut snapshot = bundle6();
    snapshot.insert(format!("{dir}/ip6tables-save"), save);
    Cluster::build(snapshot)
}

/// The one thing that happens.
fn ask(cluster: &Cluster, proto: u8, dst: &str, port: u16) -> Outcome {
    let flow = Flow::new(ns(cluster, "outside/c"), proto, dst.parse().unwrap(), port);
    let answer = trace(cluster, &flow, &Options::default());
    assert!(answer.outcomes.len() == 1 && answer.deciding.is_empty(), "{answer:#?}");
    answer.first().clone()
}

fn sees(cluster: &Cluster, proto: u8, dst: &str, port: u16) -> ClientSees {
    ask(cluster, proto, dst, port).client
}

#[test]
fn there_and_back() {
    let cluster = changed(&[]);
    let answer = ask(&cluster, 6, "fd00:2::2", 80);
    assert_eq!(
        (answer.client, answer.seen_client),
        (ClientSees::Ok, Some("fd00:1::2".parse().unwrap()))
    );
    assert_eq!(sees(&cluster, 17, "fd00:2::2", 53), ClientSees::Ok);
    assert_eq!(sees(&cluster, 1, "fd00:2::2", 0), ClientSees::Ok);
    assert_eq!(sees(&cluster, 6, "fd00:2::2", 82), ClientSees::Refused);
    assert_eq!(sees(&cluster, 17, "fd00:2::2", 54), ClientSees::Refused);
    // A socket of IPv4 takes none of IPv6.
    assert_eq!(sees(&cluster, 6, "fd00:2::2", 81), ClientSees::Refused);
    assert_eq!(sees(&cluster, 6, "fe80::1", 80), ClientSees::InvalidArgument);
}

#[test]
fn forwarding_is_one_switch_for_all_links() {
    let sysctl = "nodes/r/host/sysctl.txt";
    let all = ("net.ipv6.conf.all.forwarding = 1", "net.ipv6.conf.all.forwarding = 0");
    let off = changed(&[(sysctl, all.0, all.1)]);
    let answer = ask(&off, 6, "fd00:2::2", 80);
    assert_eq!(
        (answer.client, answer.end.stage, answer.end.reason),
        (ClientSees::Timeout, Stage::Ip6Forward, Some(DropReason::IpInAddrErrors))
    );
    // Without a route its sender is told all the same.
    assert_eq!(sees(&off, 6, "fd00:9::1", 80), ClientSees::NetUnreachable);
    let link = changed(&[(
        sysctl,
        "net.ipv6.conf.rc.forwarding = 1",
        "net.ipv6.conf.rc.forwarding = 0",
    )]);
    assert_eq!(sees(&link, 6, "fd00:2::2", 80), ClientSees::Ok);
    let forced = changed(&[
        (sysctl, all.0, all.1),
        (
            sysctl,
            "net.ipv6.conf.rc.force_forwarding = 0",
            "net.ipv6.conf.rc.force_forwarding = 1",
        ),
    ]);
    // The answer comes by the other link.
    assert_eq!(ask(&forced, 6, "fd00:2::2", 80).end.stage, Stage::Ip6Forward);
    let disabled = changed(&[(
        sysctl,
        "net.ipv6.conf.rc.disable_ipv6 = 0",
        "net.ipv6.conf.rc.disable_ipv6 = 1",
    )]);
    assert_eq!(sees(&disabled, 6, "fd00:2::2", 80), ClientSees::NoRoute);
}

#[test]
fn errors_of_a_router_and_of_the_host_itself() {
    let route = |kind: &str| format!(r#"[{{"type":"{kind}","dst":"fd00:a::/64","dev":"lo","metric":1024}},"#);
    let of_router = |kind: &str| {
        let cluster = changed(&[("nodes/r/host/route6.json", "[", &route(kind))]);
        sees(&cluster, 6, "fd00:a::1", 80)
    };
    assert_eq!(of_router("unreachable"), ClientSees::NetUnreachable);
    assert_eq!(of_router("prohibit"), ClientSees::Prohibited);
    assert_eq!(of_router("blackhole"), ClientSees::Timeout);
    assert_eq!(of_router("throw"), ClientSees::NetUnreachable);
    let own = |kind: &str| {
        let cluster = changed(&[("outside/c/route6.json", "[", &route(kind))]);
        sees(&cluster, 6, "fd00:a::1", 80)
    };
    assert_eq!(own("unreachable"), ClientSees::NoRoute);
    assert_eq!(own("prohibit"), ClientSees::Prohibited);
    assert_eq!(own("blackhole"), ClientSees::InvalidArgument);
    assert_eq!(own("throw"), ClientSees::NetUnreachable);
    let addr = "outside/c/addr.json";
    let only_link = (addr, r#""fd00:1::2""#, r#""fd00:1::2","tentative":true"#);
    assert_eq!(sees(&changed(&[only_link]), 6, "fd00:2::2", 80), ClientSees::NoRoute);
    let none = changed(&[only_link, (addr, r#""fe80::1:2""#, r#""fe80::1:2","tentative":true"#)]);
    assert_eq!(sees(&none, 6, "fd00:2::2", 80), ClientSees::AddressNotAvailable);
}

#[test]
fn neighbours_are_asked_by_packets() {
    let nobody = changed(&[]);
    let answer = ask(&nobody, 6, "fd00:2::99", 80);
    assert_eq!((answer.client, answer.after_ms), (ClientSees::NoRoute, Some(3070)));
    assert_eq!(
        sees(&nobody, 17, "fd00:2::99", 53),
        ClientSees::Timeout,
        "no error is fatal for it"
    );
    let tentative = changed(&[(
        "outside/s/addr.json",
        r#""fd00:2::2""#,
        r#""fd00:2::2","tentative":true"#,
    )]);
    assert_eq!(sees(&tentative, 6, "fd00:2::2", 80), ClientSees::NoRoute);
    // A firewall that forgets ICMPv6 takes the host off the link.
    let drops = ["-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT", "-A INPUT -j DROP"];
    assert_eq!(
        sees(&with_rules(SERVER, &table("filter", &drops)), 6, "fd00:2::2", 80),
        ClientSees::NoRoute
    );
    let rest = [
        "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT",
        "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT",
        drops[0],
        drops[1],
    ];
    assert_eq!(
        sees(&with_rules(SERVER, &table("filter", &rest)), 6, "fd00:2::2", 80),
        ClientSees::Ok
    );
}

#[test]
fn rules_translate_and_refuse() {
    let nat = [
        "-A PREROUTING -d fd00:96::a/128 -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00:2::2]:80",
        "-A POSTROUTING -d fd00:2::2/128 -j MASQUERADE --random-fully",
    ];
    let answer = ask(&with_rules(ROUTER, &table("nat", &nat)), 6, "fd00:96::a", 80);
    assert_eq!(
        (answer.client, answer.seen_client),
        (ClientSees::Ok, Some("fd00:2::1".parse().unwrap()))
    );
    let reject = |with: &str| {
        let rule = format!("-A FORWARD -d fd00:2::/64 -j REJECT --reject-with {with}");
        sees(&with_rules(ROUTER, &table("filter", &[&rule])), 6, "fd00:2::2", 80)
    };
    assert_eq!(reject("icmp6-port-unreachable"), ClientSees::Refused);
    assert_eq!(reject("icmp6-adm-prohibited"), ClientSees::Prohibited);
    assert_eq!(reject("icmp6-no-route"), ClientSees::NetUnreachable);
    assert_eq!(reject("icmp6-addr-unreachable"), ClientSees::NoRoute);
    let local = [
        "-A FORWARD -m addrtype --dst-type LOCAL -j DROP",
        "-A FORWARD -m hl --hl-eq 63 -j DROP",
    ];
    assert_eq!(
        sees(&with_rules(ROUTER, &table("filter", &local[..1])), 6, "fd00:2::2", 80),
        ClientSees::Ok
    );
    assert_eq!(
        sees(&with_rules(ROUTER, &table("filter", &local)), 6, "fd00:2::2", 80),
        ClientSees::Timeout
    );
    // A DNAT back to the client's link is found by the reply.
    let established = [
        "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A FORWARD -p tcp -m tcp --dport 80 -j ACCEPT",
        "-A FORWARD -j DROP",
    ];
    assert_eq!(
        sees(&with_rules(ROUTER, &table("filter", &established)), 6, "fd00:2::2", 80),
        ClientSees::Ok
    );
    let absent = changed(&[("nodes/r/host/route6.json", "", "[]")]);
    assert_ne!(sees(&absent, 6, "fd00:2::2", 80), ClientSees::Ok);
}
