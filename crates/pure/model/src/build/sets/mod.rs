//! `ipset.save`: the sets whose members are addresses or networks.

use super::Ctx;
use crate::fact::Fact;
use ipnet::Ipv4Net;
use netwhy_snapshot::format::ipset_save;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Sets by name; a set that is not modelled is a gap.
pub(super) type Sets = FxHashMap<String, Fact<Arc<Vec<Ipv4Net>>>>;

pub(super) fn build(ctx: &mut Ctx<'_>, dir: &str) -> Fact<Sets> {
    let path = format!("{dir}/ipset.save");
    let parsed = ipset_save::parse(ctx.text(&path)?);
    if let Some(problem) = parsed.problems.first() {
        // The line may have been a member of any set.
        return Err(ctx.problem(&path, problem));
    }
    let mut sets = Sets::default();
    for set in &parsed.sets {
        let members = members(set).map(Arc::new);
        let fact = members.map_err(|why| {
            ctx.gaps
                .add(format!("{path}:{}", set.line), format!("set {:?}: {why}", set.name))
        });
        sets.insert(set.name.clone(), fact);
    }
    Ok(sets)
}

fn members(set: &ipset_save::Set) -> Result<Vec<Ipv4Net>, String> {
    if !matches!(set.kind.as_str(), "hash:ip" | "hash:net") {
        return Err(format!("type {} is not modelled", set.kind));
    }
    if set.option("family").is_some_and(|f| f != "inet") {
        return Err("holds IPv6 addresses".into());
    }
    if set
        .options
        .iter()
        .any(|o| o == "netmask" || o == "markmask" || o == "bitmask")
    {
        return Err("a mask is not modelled".into());
    }
    let member = |m: &ipset_save::Member| {
        if m.nomatch() {
            return Err("exceptions (nomatch) are not modelled".to_owned());
        }
        super::iptables::network(&m.element).ok_or_else(|| format!("member {:?} is no address", m.element))
    };
    set.members.iter().map(member).collect()
}
