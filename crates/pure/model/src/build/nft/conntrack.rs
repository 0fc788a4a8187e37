//! Whether a rule needs connection tracking (`nf_ct_netns_get()`).

use serde_json::Value;

/// A `ct` expression, a NAT statement, or an extension of iptables that is one of them.
pub(super) fn uses_conntrack(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(uses_conntrack),
        Value::Object(object) => object.iter().any(|(key, value)| {
            matches!(
                key.as_str(),
                "ct" | "ct helper" | "ct timeout" | "ct expectation" | "ct count" | "flow"
            ) || matches!(key.as_str(), "snat" | "dnat" | "masquerade" | "redirect")
                || (key == "xt" && xt_uses_conntrack(value))
                || uses_conntrack(value)
        }),
        _ => false,
    }
}

fn xt_uses_conntrack(value: &Value) -> bool {
    const NAMES: [&str; 13] = [
        "conntrack",
        "state",
        "connmark",
        "connbytes",
        "connlimit",
        "connlabel",
        "helper",
        "CT",
        "CONNMARK",
        "DNAT",
        "SNAT",
        "MASQUERADE",
        "REDIRECT",
    ];
    value
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(|name| NAMES.contains(&name))
}
