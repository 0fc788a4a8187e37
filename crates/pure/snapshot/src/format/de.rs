//! Deserializers for what tools really print: numbers as strings, flags as `null`, `null` for empty.

use crate::Problem;
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::{Deserialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// `null` is the default.
pub(crate) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A number, or a string that holds one (`"0"`, `"0x8004"`), or a float without a fraction.
pub(crate) fn num<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i128> + Default,
{
    opt_num(from).map(Option::unwrap_or_default)
}

/// Like [`num`]; `null` is `None`.
pub(crate) fn opt_num<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i128>,
{
    from.deserialize_any(Number(PhantomData))
}

struct Number<T>(PhantomData<T>);

impl<T: TryFrom<i128>> Number<T> {
    fn fit<E: Error>(value: i128) -> Result<Option<T>, E> {
        T::try_from(value)
            .map(Some)
            .map_err(|_| E::custom(format!("{value} is out of range")))
    }
}

impl<'de, T: TryFrom<i128>> Visitor<'de> for Number<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<T>, E> {
        Number::fit(i128::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<T>, E> {
        Number::fit(i128::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Option<T>, E> {
        // Exact below 2^53; a larger one was no count.
        if value.fract() == 0.0 && value.abs() < 9.0e15 {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number in range")]
            return Number::fit(value as i128);
        }
        Err(E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
        let value = match text.strip_prefix("0x") {
            Some(hex) => i128::from_str_radix(hex, 16),
            None => text.parse::<i128>(),
        };
        value
            .map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            .and_then(Number::fit)
    }
}

/// A key whose presence is the fact: `"not": null`, `"secondary": true`.
pub(crate) fn present<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Option::<bool>::deserialize(from).map(|value| value.unwrap_or(true))
}

/// Writes what [`present`] reads, the way iproute2 does.
pub(crate) fn null<S: Serializer>(_: &bool, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_none()
}

/// A string, or a number or boolean that is turned into one: iproute2 prints table numbers both ways.
pub(crate) fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    from.deserialize_any(Text)
}

/// Like [`text`]; `null` and absence are `None`.
pub(crate) fn opt_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct Wrap(#[serde(deserialize_with = "text")] String);
    Option::<Wrap>::deserialize(from).map(|value| value.map(|Wrap(text)| text))
}

struct Text;

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_unit<E: Error>(self) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<String, E> {
        Ok(value.to_owned())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<String, E> {
        Ok(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }
}

/// A JSON error as a problem: serde counts lines and columns from 1, and 0 means "not known".
pub(crate) fn problem(error: &serde_json::Error) -> Problem {
    let number = |value: usize| u32::try_from(value).ok().filter(|value| *value > 0);
    let what = error.to_string();
    // serde ends its message with the place, which the problem has in fields of its own.
    let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
    Problem {
        path: String::new(),
        line: number(error.line()),
        column: number(error.column()),
        what: what.to_owned(),
    }
}

/// A string or a list of strings; `null` is an empty list.
pub(crate) fn one_or_many<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::<Either>::deserialize(from)? {
        Some(Either::One(text)) => vec![text],
        Some(Either::Many(list)) => list,
        None => Vec::new(),
    })
}
