//! Routes and rules.

use super::{alone, only};
use crate::Cluster;
use crate::fib::{Fib, Route, RouteKind, RuleAction};
use std::net::IpAddr;
use std::sync::Arc;

const LINK: &str =
    r#"[{"ifindex":2,"ifname":"eth0","flags":["UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:01"}]"#;

fn build(route: &str, rule: Option<&str>, sysctl: &str) -> Cluster {
    let mut members = vec![
        ("link.json", LINK),
        ("addr.json", LINK),
        ("route.json", route),
        ("sysctl.txt", sysctl),
    ];
    members.extend(rule.map(|r| ("rule.json", r)));
    alone(&members)
}

fn fib(c: &Cluster) -> &Arc<Fib> {
    only(c).fib.as_ref().unwrap()
}

fn to(c: &Cluster, addr: [u8; 4]) -> &Route {
    fib(c).tables[&254].matching(IpAddr::from(addr)).next().unwrap()
}

#[test]
fn routes() {
    let c = build(
        r#"[{"type":"unicast","dst":"default","gateway":"10.0.0.254","dev":"eth0","protocol":"boot","scope":"global","metric":100,"flags":["onlink"]},
          {"dst":"10.1.0.1","dev":"eth0","scope":"link","prefsrc":"10.0.0.1","flags":[],"metrics":[{"mtu":1400}]},
          {"type":"blackhole","dst":"10.2.0.0/26","flags":[]},
          {"dst":"10.3.0.0/16","flags":[],"nexthops":[{"gateway":"10.0.0.2","dev":"eth0","weight":2,"flags":[]},
            {"gateway":"10.0.0.3","dev":"gone","weight":1,"flags":["dead","linkdown"]}]},
          {"type":"local","dst":"10.9.0.0/16","dev":"lo","table":"77","protocol":"static","scope":"host","flags":[]},
          {"dst":"10.4.0.0/16","via":{"family":"inet6","host":"fe80::1"},"dev":"eth0","flags":[]},
          {"dst":"10.5.0.0/16","encap":"mpls","dev":"eth0","flags":[]},
          {"dst":"10.6.0.0/16","nhid":5,"gateway":"10.0.0.9","dev":"eth0","flags":[]},
          {"dst":"10.7.0.0/16","nhid":6,"flags":[]},
          {"dst":"fe80::/64","dev":"eth0","flags":[],"pref":"medium"},
          {"dst":"default","gateway":"fe80::1","dev":"eth0","flags":[]},{}]"#,
        None,
        "",
    );
    let default = to(&c, [8, 8, 8, 8]);
    assert_eq!((default.dst.prefix_len(), default.metric, default.scope), (0, 100, 0));
    assert!(default.nexthops[0].onlink && default.nexthops[0].ifindex == 2);
    let host = to(&c, [10, 1, 0, 1]);
    assert_eq!(
        (host.dst.prefix_len(), host.mtu, host.scope, host.kind),
        (32, Some(1400), 253, RouteKind::Unicast)
    );
    assert_eq!(
        (to(&c, [10, 2, 0, 1]).kind, to(&c, [10, 2, 0, 1]).nexthops.len()),
        (RouteKind::Blackhole, 0)
    );
    let hops: Vec<_> = to(&c, [10, 3, 0, 1])
        .nexthops
        .iter()
        .map(|h| (h.weight, h.ifindex, h.dead))
        .collect();
    assert_eq!(hops, [(2, 2, false), (1, 0, true)]);
    for (second, odd) in [(4, true), (5, true), (6, false), (7, true)] {
        assert_eq!(to(&c, [10, second, 0, 1]).unsupported.is_some(), odd, "10.{second}");
    }
    assert!(fib(&c).custom_local_routes);
    assert_eq!((fib(&c).tables.len(), fib(&c).tables[&77].routes.len()), (2, 1));
    assert_eq!(fib(&c).tables[&254].routes.len(), 8, "IPv6 is left out");
}

#[test]
fn linkdown_matters_where_it_is_asked_for() {
    let route = r#"[{"dst":"10.1.0.0/16","dev":"eth0","flags":["linkdown"]}]"#;
    let key = "ignore_routes_with_linkdown";
    let off = build(
        route,
        None,
        &format!("net.ipv4.conf.all.{key} = 0\nnet.ipv4.conf.eth0.{key} = 0\n"),
    );
    assert!(!to(&off, [10, 1, 0, 1]).nexthops[0].dead);
    let on = build(route, None, &format!("net.ipv4.conf.all.{key} = 1\n"));
    assert!(to(&on, [10, 1, 0, 1]).nexthops[0].dead);
    let unread = build(route, None, "");
    assert!(to(&unread, [10, 1, 0, 1]).unsupported.is_some());
}

#[test]
fn a_route_that_was_lost_hides_all() {
    for text in [
        r#"[{"dst":"default","dev":"eth0","flags":[]},{"dst":"10."#,
        r#"[{"dst":"nonsense","dev":"eth0"}]"#,
        "{",
    ] {
        let c = build(text, None, "");
        assert!(only(&c).fib.is_err(), "{text}");
    }
    assert!(build("", None, "").netns[0].fib.is_ok(), "an empty file is knowledge");
}

#[test]
fn rules() {
    let plain = r#"{"priority":0,"src":"all","table":"local"},{"priority":32766,"src":"all","table":"main"},{"priority":32767,"src":"all","table":"default"}"#;
    let c = build("[]", Some(&format!("[{plain}]")), "");
    assert!(!fib(&c).custom_rules && fib(&c).rules_assumed.is_none() && fib(&c).rules.len() == 3);
    let more = r#"{"priority":100,"not":null,"src":"10.244.0.6","dst":"10.0.0.0","dstlen":8,"fwmark":"0x4000","fwmask":"0x4000","iif":"eth0","table":"77"},
      {"priority":101,"src":"10.0.0.0","srclen":8,"ipproto":"tcp","dport":80,"sport_start":1,"sport_end":9,"action":"blackhole"},
      {"priority":102,"src":"all","goto":"32766"},{"priority":103,"src":"all","l3mdev":null,"table":"9"},
      {"priority":104,"src":"all","table":"mine"},{"priority":105,"src":"all","suppress_prefixlen":0,"table":"main"}"#;
    let c = build(
        r#"[{"dst":"default","dev":"eth0","table":"mine","flags":[]}]"#,
        Some(&format!("[{plain},{more}]")),
        "",
    );
    let rules = &fib(&c).rules;
    assert!(fib(&c).custom_rules && rules.iter().map(|r| r.priority).is_sorted());
    let (a, b) = (&rules[1], &rules[2]);
    assert_eq!(
        (a.invert, a.src, a.dst),
        (true, "10.244.0.6/32".parse().ok(), "10.0.0.0/8".parse().ok())
    );
    assert_eq!(
        (a.mark, a.iif.as_deref(), a.action),
        (Some((0x4000, 0x4000)), Some("eth0"), Ok(RuleAction::Table(77)))
    );
    assert_eq!(
        (b.ipproto, b.dport, b.sport, b.action),
        (Some(6), Some((80, 80)), Some((1, 9)), Ok(RuleAction::Blackhole))
    );
    assert_eq!(rules[3].action, Ok(RuleAction::Goto(32766)));
    assert!(rules[4].action.is_err());
    let Ok(RuleAction::Table(mine)) = rules[5].action else {
        panic!()
    };
    assert_eq!(
        fib(&c).tables[&mine].routes.len(),
        1,
        "a name that rt_tables explains is the same table"
    );
    assert_eq!(rules[6].suppress_prefixlen, Some(0));
}

#[test]
fn no_rules_are_assumed_with_a_gap() {
    let c = build("[]", None, "");
    let gap = fib(&c).rules_assumed.unwrap();
    assert_eq!(
        (c.gaps.get(gap).path.as_str(), fib(&c).rules.len()),
        ("outside/a/rule.json", 3)
    );
    let c = alone(&[
        ("route.json", "[]"),
        (
            "route-cache.json",
            r#"[{"dst":"10.0.0.9","gateway":"10.0.0.3","dev":"eth0","flags":["cache"],"metrics":[{"mtu":1400}]}]"#,
        ),
    ]);
    let [exception] = fib(&c).exceptions.as_slice() else {
        panic!()
    };
    assert_eq!(
        (exception.gateway, exception.mtu),
        (Some(IpAddr::from([10, 0, 0, 3])), Some(1400))
    );
}
