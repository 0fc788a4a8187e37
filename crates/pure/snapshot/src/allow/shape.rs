//! Shapes: which parts of a JSON value are kept. What is left out is never built, only stepped over.

use super::flags;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// What to keep of a value. A list is looked through: the shape is that of its elements.
#[derive(Clone, Copy, Debug)]
pub(super) enum Keep {
    /// A string, number, boolean or null; an object here is left out.
    Plain,
    /// An object of strings by any key: labels.
    Map,
    /// Anything. For values that people write for this purpose only: a policy's `spec`.
    Whole,
    /// An object's fields by name.
    Fields(&'static [(&'static str, Keep)]),
    /// The fields of both.
    Both(&'static Keep, &'static Keep),
    /// A container: fields, and of `command` and `args` the known flags of this container.
    Container(&'static Keep),
    /// An object of strings by known key.
    Names(&'static [&'static str]),
    /// Objects and lists at any depth, of which these keys.
    Deep(&'static [&'static str]),
}

impl Keep {
    fn field(&self, key: &str) -> Option<Keep> {
        match self {
            Keep::Whole => Some(Keep::Whole),
            Keep::Map => Some(Keep::Plain),
            Keep::Plain => None,
            Keep::Fields(fields) => fields.iter().find(|(name, _)| *name == key).map(|(_, keep)| *keep),
            Keep::Both(a, b) => a.field(key).or_else(|| b.field(key)),
            Keep::Container(_) if key == "command" || key == "args" => Some(Keep::Plain),
            Keep::Container(keep) => keep.field(key),
            Keep::Names(names) => names.contains(&key).then_some(Keep::Plain),
            Keep::Deep(names) => names.contains(&key).then_some(*self),
        }
    }

    /// A bare string or number may stand here.
    fn plain(&self) -> bool {
        matches!(self, Keep::Plain | Keep::Whole | Keep::Deep(_))
    }

    /// An object may stand here.
    fn object(&self) -> bool {
        !matches!(self, Keep::Plain)
    }
}

/// Reads a JSON text and keeps what the shape says; `None` if nothing of it may stay.
pub(super) fn filter(keep: &Keep, text: &str) -> serde_json::Result<Option<Value>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Seed(*keep).deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

struct Seed(Keep);

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Option<Value>, D::Error> {
        from.deserialize_any(self)
    }
}

impl Seed {
    fn scalar<E>(&self, value: impl Into<Value>) -> Result<Option<Value>, E> {
        Ok(self.0.plain().then(|| value.into()))
    }
}

impl<'de> Visitor<'de> for Seed {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok(Some(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Option<Value>, E> {
        self.scalar(value)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Option<Value>, E> {
        self.scalar(value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Option<Value>, E> {
        self.scalar(value)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Option<Value>, E> {
        self.scalar(value)
    }

    fn visit_str<E>(self, value: &str) -> Result<Option<Value>, E> {
        self.scalar(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<Value>, A::Error> {
        let mut kept = Vec::new();
        while let Some(element) = list.next_element_seed(Seed(self.0))? {
            kept.extend(element);
        }
        Ok(Some(Value::Array(kept)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let mut kept = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            match self.0.field(&key) {
                Some(keep) => {
                    if let Some(value) = map.next_value_seed(Seed(keep))? {
                        kept.insert(key, value);
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if matches!(self.0, Keep::Container(_)) {
            flags::keep_known(&mut kept);
        }
        Ok(self.0.object().then_some(Value::Object(kept)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        const FIELDS: Keep = Keep::Fields(&[
            ("a", Keep::Plain),
            ("m", Keep::Map),
            ("w", Keep::Whole),
            ("l", Keep::Names(&["x"])),
        ]);
        let kept = |keep: Keep, text: &str| filter(&keep, text).unwrap().map(|value| value.to_string());
        let text = r#"{"a":[1,{"secret":1}],"b":2,"m":{"k":"v","o":{"secret":1}},"w":{"o":[{}]},"l":[{"x":1,"y":2}],"a2":null}"#;
        assert_eq!(
            kept(FIELDS, text).as_deref(),
            Some(r#"{"a":[1],"m":{"k":"v"},"w":{"o":[{}]},"l":[{"x":1}]}"#)
        );
        assert_eq!(kept(Keep::Plain, "{\"a\":1}"), None);
        assert_eq!(kept(FIELDS, "\"text\""), None);
        let deep = Keep::Deep(&["a", "b"]);
        assert_eq!(
            kept(deep, r#"{"a":{"b":[{"a":1,"c":2}],"c":{"a":1}}}"#).as_deref(),
            Some(r#"{"a":{"b":[{"a":1}]}}"#)
        );
        assert!(filter(&deep, "{} x").is_err() && filter(&deep, &"[".repeat(1000)).is_err());
    }
}
