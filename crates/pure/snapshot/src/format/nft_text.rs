//! Rules of `nft.json` as `nft list ruleset` prints them, near enough to be recognized, and where they stand.

use super::json;
use serde_json::Value;

/// An object of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located<'t> {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1: nft prints all in one line.
    pub column: u32,
    /// Its text.
    pub json: &'t str,
}

/// The object with this number, from 0, of a rule set.
pub fn locate(text: &str, number: u32) -> Option<Located<'_>> {
    let found = json::elements(text, Some("nftables")).ok()?;
    let span = found.spans.get(number as usize)?;
    let before = text.get(..span.start)?;
    let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
    let column = 1 + before.len() - before.rfind('\n').map_or(0, |at| at + 1);
    Some(Located {
        line: u32::try_from(line).ok()?,
        column: u32::try_from(column).ok()?,
        json: text.get(span.clone())?,
    })
}

/// Elements of a set that are written out.
const ELEMENTS_MAX: usize = 6;

/// The statements of a rule, from its object in the list.
pub fn rule_text(json: &str) -> Option<String> {
    let object: Value = serde_json::from_str(json).ok()?;
    let rule = object.get("rule")?;
    let mut words: Vec<String> = rule.get("expr")?.as_array()?.iter().map(statement).collect();
    if let Some(comment) = rule.get("comment").and_then(Value::as_str) {
        words.push(format!("comment {comment:?}"));
    }
    words.retain(|word| !word.is_empty());
    Some(words.join(" "))
}

fn only(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|o| o.len() == 1)?;
    object.iter().next().map(|(key, value)| (key.as_str(), value))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn part(value: &Value, key: &str) -> String {
    value.get(key).map(expression).unwrap_or_default()
}

fn statement(value: &Value) -> String {
    let Some((name, inner)) = only(value) else {
        return value.to_string();
    };
    match name {
        "match" => {
            let op = match text(inner, "op") {
                "==" | "in" => String::new(),
                op => format!("{op} "),
            };
            format!("{} {op}{}", part(inner, "left"), part(inner, "right"))
        }
        "vmap" => format!("{} vmap {}", part(inner, "key"), part(inner, "data")),
        "mangle" => format!("{} set {}", part(inner, "key"), part(inner, "value")),
        "jump" | "goto" => format!("{name} {}", text(inner, "target")),
        "snat" | "dnat" | "masquerade" | "redirect" => translation(name, inner),
        "reject" => {
            let code = inner
                .get("expr")
                .map_or(String::new(), |code| format!(" {}", expression(code)));
            match text(inner, "type") {
                "" => "reject".to_owned(),
                kind => format!("reject with {kind}{code}"),
            }
        }
        "counter" if inner.is_object() => "counter".to_owned(),
        "limit" if inner.is_object() => {
            let over = if inner.get("inv").and_then(Value::as_bool) == Some(true) {
                "over "
            } else {
                ""
            };
            format!("limit rate {over}{}/{}", part(inner, "rate"), text(inner, "per"))
        }
        "set" => format!(
            "{} {} {{ {} }}",
            text(inner, "op"),
            text(inner, "set"),
            part(inner, "elem")
        ),
        "xt" => format!("xt {} {:?}", text(inner, "type"), text(inner, "name")),
        _ if inner.is_null() => name.to_owned(),
        _ => format!("{name} {}", expression(inner)),
    }
}

fn translation(name: &str, value: &Value) -> String {
    let mut words = name.to_owned();
    if let Some(family) = value.get("family").and_then(Value::as_str) {
        words += &format!(" {family}");
    }
    let port = value.get("port").map(|port| format!(":{}", expression(port)));
    if value.get("addr").is_some() || port.is_some() {
        words += &format!(" to {}{}", part(value, "addr"), port.unwrap_or_default());
    }
    match value.get("flags") {
        Some(flags) => format!("{words} {}", expression(flags)),
        None => words,
    }
}

fn expression(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(expression).collect::<Vec<_>>().join(","),
        Value::Object(_) => match only(value) {
            Some((name, inner)) => named(name, inner),
            None => value.to_string(),
        },
        other => other.to_string(),
    }
}

fn named(name: &str, value: &Value) -> String {
    let joined = |with: &str| {
        let parts = value.as_array().into_iter().flatten().map(expression);
        parts.collect::<Vec<_>>().join(with)
    };
    match name {
        "payload" if value.get("base").is_some() => {
            format!(
                "@{},{},{}",
                text(value, "base"),
                part(value, "offset"),
                part(value, "len")
            )
        }
        "payload" => format!("{} {}", text(value, "protocol"), text(value, "field")),
        "meta" => match text(value, "key") {
            key @ ("iif" | "oif" | "iifname" | "oifname") => key.to_owned(),
            key => format!("meta {key}"),
        },
        "ct" if value.get("dir").is_some() => format!("ct {} {}", text(value, "dir"), text(value, "key")),
        "ct" => format!("ct {}", text(value, "key")),
        "fib" => {
            let flags = value.get("flags").map_or(String::new(), |flags| match flags {
                Value::Array(list) => list.iter().map(expression).collect::<Vec<_>>().join(" . "),
                other => expression(other),
            });
            format!("fib {flags} {}", text(value, "result"))
        }
        "concat" => joined(" . "),
        "range" => joined("-"),
        "&" | "|" | "^" | "<<" | ">>" => joined(&format!(" {name} ")),
        "prefix" => format!("{}/{}", part(value, "addr"), part(value, "len")),
        "numgen" => format!("numgen {} mod {}", text(value, "mode"), part(value, "mod")),
        "map" => format!("{} map {}", part(value, "key"), part(value, "data")),
        "set" => set(value),
        "elem" => part(value, "val"),
        "jump" | "goto" => format!("{name} {}", text(value, "target")),
        _ if value.is_null() => name.to_owned(),
        _ => format!("{name} {value}"),
    }
}

fn set(value: &Value) -> String {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let element = |elem: &Value| match elem {
        Value::Array(pair) => pair.iter().map(expression).collect::<Vec<_>>().join(" : "),
        other => expression(other),
    };
    let mut parts: Vec<String> = list.iter().take(ELEMENTS_MAX).map(element).collect();
    if list.len() > ELEMENTS_MAX {
        parts.push(format!("and {} more", list.len() - ELEMENTS_MAX));
    }
    format!("{{ {} }}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_as_nft_writes_them() {
        for (expr, want) in [
            (
                r#"{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":8080}},{"drop":null}"#,
                "tcp dport 8080 drop",
            ),
            (
                r#"{"match":{"op":"!=","left":{"meta":{"key":"iifname"}},"right":"cali*"}},{"counter":{"packets":1,"bytes":2}},{"reject":{"type":"icmpx","expr":"admin-prohibited"}}"#,
                "iifname != cali* counter reject with icmpx admin-prohibited",
            ),
            (
                r#"{"match":{"op":"in","left":{"ct":{"key":"state"}},"right":["established","related"]}},{"vmap":{"key":{"concat":[{"meta":{"key":"l4proto"}},{"payload":{"protocol":"th","field":"dport"}}]},"data":"@m"}}"#,
                "ct state established,related meta l4proto . th dport vmap @m",
            ),
            (
                r#"{"dnat":{"family":"ip","addr":{"map":{"key":{"numgen":{"mode":"random","mod":2,"offset":0}},"data":{"set":[[0,{"concat":["10.0.0.1",80]}],[1,{"concat":["10.0.0.2",80]}]]}}}}}"#,
                "dnat ip to numgen random mod 2 map { 0 : 10.0.0.1 . 80, 1 : 10.0.0.2 . 80 }",
            ),
            (
                r#"{"mangle":{"key":{"meta":{"key":"mark"}},"value":{"|":[{"meta":{"key":"mark"}},16384]}}},{"jump":{"target":"c"}}"#,
                "meta mark set meta mark | 16384 jump c",
            ),
            (
                r#"{"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":{"set":[1,2,3,4,5,6,7]}}},{"limit":{"rate":5,"per":"second","inv":true}}"#,
                "ip saddr { 1, 2, 3, 4, 5, 6, and 1 more } limit rate over 5/second",
            ),
        ] {
            let rule = format!(r#"{{"rule":{{"expr":[{expr}]}}}}"#);
            assert_eq!(rule_text(&rule).as_deref(), Some(want));
        }
        assert_eq!(rule_text("{}"), None);
    }

    #[test]
    fn where_an_object_stands() {
        let text = "{\"nftables\": [{\"a\": 1},\n {\"b\": [2]}]}";
        let found = locate(text, 1).unwrap();
        assert_eq!((found.line, found.column, found.json), (2, 2, "{\"b\": [2]}"));
        assert_eq!(locate(text, 0).unwrap().column, 15);
        assert_eq!((locate(text, 2), locate("[]", 0)), (None, None));
    }
}
