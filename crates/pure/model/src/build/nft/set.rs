//! Sets and maps, named ones and those that stand in a rule.

use super::datatype::{Dtype, types};
use super::expr::{only, text};
use super::{Named, Read, Reader};
use crate::netfilter::nft::{Expr, NftData, NftElem, NftSet, Verdict};
use netwhy_snapshot::format::nft_json::Set;
use serde_json::Value;
use std::sync::Arc;

/// What a map leads to.
#[derive(Clone, Copy)]
enum Leads<'t> {
    Nowhere,
    Verdict,
    Value(&'t [Dtype]),
}

impl Reader<'_, '_> {
    /// A named set or map. What cannot be read of it makes all of it unknown.
    pub(super) fn named(&mut self, set: &Set) -> Named {
        let key = types(&set.kind);
        let verdicts = set.map.as_str() == Some("verdict");
        let data = (!set.map.is_null() && !verdicts).then(|| types(&set.map));
        let leads = match &data {
            None if verdicts => Some(Leads::Verdict),
            None => Some(Leads::Nowhere),
            Some(Some(types)) => Some(Leads::Value(types)),
            Some(None) => None,
        };
        let read = key
            .as_ref()
            .zip(leads)
            .ok_or_else(|| format!("type of set {}", set.name));
        let read = read.and_then(|(key, leads)| self.elements(&set.name, &set.elem, key, leads));
        let read = read.unwrap_or_else(|what| {
            let mut empty = NftSet::new(&set.name, &[], Vec::new(), None);
            empty.unknown = Some(self.unsupported(&what));
            empty
        });
        Named {
            set: Arc::new(read),
            key: key.unwrap_or_default(),
            data: data.flatten(),
            verdicts,
        }
    }

    fn elements(&mut self, name: &str, list: &[Value], key: &[Dtype], leads: Leads<'_>) -> Read<NftSet> {
        let mut elems = Vec::with_capacity(list.len());
        let mut rest = None;
        for elem in list {
            let (elem, data) = match (elem, leads) {
                (_, Leads::Nowhere) => (elem, NftData::Nothing),
                (Value::Array(pair), _) => match pair.as_slice() {
                    [elem, data] => (elem, self.data(data, leads)?),
                    _ => return Err(format!("an element of {name}")),
                },
                _ => return Err(format!("an element of {name}")),
            };
            let (value, limited) = match only(elem) {
                Some(("elem", inner)) => (inner.get("val").unwrap_or(elem), is_limited(inner)),
                _ => (elem, false),
            };
            if value.as_str() == Some("*") {
                rest = Some(data);
                continue;
            }
            let Some((low, high)) = self.constant(value, key) else {
                return Err(format!("an element of {name}"));
            };
            elems.push(NftElem {
                low: low.as_slice().into(),
                high: (low != high).then(|| high.as_slice().into()),
                data,
                limited,
            });
        }
        let lens: Vec<usize> = key.iter().map(|dtype| dtype.len).collect();
        Ok(NftSet::new(name, &lens, elems, rest))
    }

    fn data(&mut self, value: &Value, leads: Leads<'_>) -> Read<NftData> {
        match leads {
            Leads::Nowhere => Ok(NftData::Nothing),
            Leads::Verdict => Ok(NftData::Verdict(self.verdict(value).ok_or("a verdict")?)),
            Leads::Value(types) => {
                let (low, high) = self.constant(value, types).ok_or("a value of a map")?;
                Ok(match low == high {
                    true => NftData::Value(low.as_slice().into()),
                    false => NftData::Range(low.as_slice().into(), high.as_slice().into()),
                })
            }
        }
    }

    /// Key and set of `{"key": ..., "data": ...}`; without types of values it leads to verdicts.
    pub(super) fn lookup(&mut self, value: &Value, values: Option<&[Dtype]>) -> Read<(Expr, Arc<NftSet>)> {
        let (Some(key), Some(data)) = (value.get("key"), value.get("data")) else {
            return Err("map".to_owned());
        };
        let key = self.expr(key)?;
        if let Some(name) = data.as_str().and_then(|name| name.strip_prefix('@')) {
            let named = self.set_named(name)?;
            let fits = named.set.unknown.is_some()
                || match values {
                    None => named.verdicts,
                    Some(types) => named.data.as_deref().is_some_and(|data| lens(data) == lens(types)),
                };
            return match fits {
                true => Ok((key.expr, Arc::clone(&named.set))),
                false => Err(format!("map @{name} here")),
            };
        }
        let list = data.get("set").and_then(Value::as_array).ok_or("map")?;
        let leads = values.map_or(Leads::Verdict, Leads::Value);
        let set = self.elements("", list, &key.types, leads)?;
        Ok((key.expr, Arc::new(set)))
    }

    /// A set that a key of these types is looked up in.
    pub(super) fn set(&mut self, value: &Value, key: &[Dtype]) -> Read<Arc<NftSet>> {
        if let Some(name) = value.as_str().and_then(|name| name.strip_prefix('@')) {
            let named = self.set_named(name)?;
            return match named.set.unknown.is_some() || lens(&named.key) == lens(key) {
                true => Ok(Arc::clone(&named.set)),
                false => Err(format!("set @{name} here")),
            };
        }
        let list = value.get("set").and_then(Value::as_array).ok_or("a set")?;
        self.elements("", list, key, Leads::Nowhere).map(Arc::new)
    }

    pub(super) fn set_named(&self, name: &str) -> Read<&Named> {
        self.sets.get(name).ok_or_else(|| format!("set @{name}"))
    }

    /// `{"drop": null}`, `{"goto": {"target": "c"}}`.
    pub(super) fn verdict(&mut self, value: &Value) -> Option<Verdict> {
        let (name, inner) = only(value)?;
        let target = |reader: &mut Self| {
            let chain = text(inner, "target").unwrap_or_default();
            let found = reader.chains.get(chain).copied();
            found.ok_or_else(|| reader.unsupported(&format!("chain {chain}")))
        };
        Some(match name {
            "accept" => Verdict::Accept,
            "drop" => Verdict::Drop,
            "continue" => Verdict::Continue,
            "return" => Verdict::Return,
            "jump" => target(self).map_or_else(Verdict::Unsupported, Verdict::Jump),
            "goto" => target(self).map_or_else(Verdict::Unsupported, Verdict::Goto),
            "queue" => Verdict::Unsupported(self.unsupported("queue")),
            _ => return None,
        })
    }
}

fn lens(types: &[Dtype]) -> Vec<usize> {
    types.iter().map(|dtype| dtype.len).collect()
}

/// Whether a limit or a quota belongs to an element: a counter does not say no.
fn is_limited(elem: &Value) -> bool {
    ["limit", "quota", "ct count"].iter().any(|key| elem.get(key).is_some())
}
