//! The commands whose output is a member of a network namespace's folder, by the name of the member.

/// Members that are the output of one `ip` command.
pub const IP: &[(&str, &[&str])] = &[
    ("link.json", &["ip", "-j", "-d", "link", "show"]),
    ("addr.json", &["ip", "-j", "-d", "addr", "show"]),
    ("route.json", &["ip", "-4", "-j", "-d", "route", "show", "table", "all"]),
    (
        "route6.json",
        &["ip", "-6", "-j", "-d", "route", "show", "table", "all"],
    ),
    ("rule.json", &["ip", "-j", "-d", "rule", "show"]),
    ("rule6.json", &["ip", "-6", "-j", "-d", "rule", "show"]),
    ("neigh.json", &["ip", "-j", "-d", "neigh", "show"]),
    ("route-cache.json", &["ip", "-j", "route", "show", "cache"]),
    ("nexthop.json", &["ip", "-j", "-d", "nexthop", "show"]),
];

/// Members that only a namespace with a bridge or a VXLAN device needs.
pub const BRIDGE: &[(&str, &[&str])] = &[
    ("fdb.json", &["bridge", "-j", "-d", "fdb", "show"]),
    ("bridge-link.json", &["bridge", "-j", "-d", "link", "show"]),
    ("bridge-vlan.json", &["bridge", "-j", "vlan", "show"]),
];
