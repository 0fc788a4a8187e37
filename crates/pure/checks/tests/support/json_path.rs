//! `spec.ports[0].targetPort`, `endpoints[*].conditions.ready`, `status.conditions[type=Ready].status`.

use serde_json::Value;

/// Sets what the path leads to; the last key may be new. `None` removes it. The number of places that were changed.
pub fn set(root: &mut Value, path: &str, value: Option<&Value>) -> usize {
    let parts = parts(path);
    walk(root, &parts, value)
}

enum Part {
    Key(String),
    Index(usize),
    All,
    Where(String, String),
}

fn parts(path: &str) -> Vec<Part> {
    let mut list = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = inner.split_once(']').unwrap_or((inner, ""));
            list.push(match (index.parse(), index.split_once('=')) {
                (Ok(n), _) => Part::Index(n),
                (_, Some((k, v))) => Part::Where(k.to_owned(), v.to_owned()),
                _ => Part::All,
            });
            rest = after.strip_prefix('.').unwrap_or(after);
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            list.push(Part::Key(rest[..end].to_owned()));
            rest = rest[end..].strip_prefix('.').unwrap_or(&rest[end..]);
        }
    }
    list
}

fn walk(at: &mut Value, parts: &[Part], value: Option<&Value>) -> usize {
    let Some((part, rest)) = parts.split_first() else {
        return 0;
    };
    if rest.is_empty() {
        return last(at, part, value);
    }
    match (part, at) {
        (Part::Key(key), Value::Object(map)) => map.get_mut(key).map_or(0, |v| walk(v, rest, value)),
        (Part::Index(n), Value::Array(list)) => list.get_mut(*n).map_or(0, |v| walk(v, rest, value)),
        (Part::All, Value::Array(list)) => list.iter_mut().map(|v| walk(v, rest, value)).sum(),
        (Part::Where(k, v), Value::Array(list)) => {
            let fits = |item: &&mut Value| item.get(k).and_then(Value::as_str) == Some(v);
            list.iter_mut().filter(fits).map(|item| walk(item, rest, value)).sum()
        }
        _ => 0,
    }
}

fn last(at: &mut Value, part: &Part, value: Option<&Value>) -> usize {
    match (part, at, value) {
        (Part::Key(key), Value::Object(map), Some(value)) => {
            map.insert(key.clone(), value.clone());
            1
        }
        (Part::Key(key), Value::Object(map), None) => usize::from(map.remove(key).is_some()),
        (Part::Index(n), Value::Array(list), Some(value)) if *n < list.len() => {
            list[*n] = value.clone();
            1
        }
        (Part::Index(n), Value::Array(list), None) if *n < list.len() => {
            list.remove(*n);
            1
        }
        _ => 0,
    }
}
