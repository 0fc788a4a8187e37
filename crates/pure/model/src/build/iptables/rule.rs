//! One rule: the packet's own fields, then its extensions and its target.

use super::cursor::{Cursor, Odd};
use super::{Env, matches, protocol, targets};
use crate::fact::GapId;
use crate::netfilter::{ChainId, IfPattern, Match, Rule, Target};
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::net::IpAddr;

/// Extensions that switch connection tracking on and are not modelled.
const CONNTRACK: [&str; 8] = [
    "connbytes",
    "connlimit",
    "connlabel",
    "helper",
    "cluster",
    "CONNSECMARK",
    "SYNPROXY",
    "CT",
];

/// Chains of the table by name.
pub(super) type Chains<'t> = FxHashMap<&'t str, ChainId>;

/// A rule that matches everything and does nothing.
fn empty(line: u32, packets: u64) -> Rule {
    Rule {
        line,
        packets,
        src: None,
        dst: None,
        iif: None,
        oif: None,
        proto: None,
        fragment: None,
        matches: Vec::new(),
        target: Target::None,
    }
}

/// A rule that could not be read: what it matches and does is not known.
pub(in crate::build) fn unreadable(line: u32, gap: GapId) -> Rule {
    Rule {
        matches: vec![Match::Unsupported(gap)],
        target: Target::Unsupported(gap),
        ..empty(line, 0)
    }
}

/// Whether a rule switches connection tracking on, as far as its extensions are modelled.
pub(in crate::build) fn uses_conntrack(rule: &Rule) -> bool {
    let matches = rule
        .matches
        .iter()
        .any(|m| matches!(m, Match::Conntrack(_) | Match::Connmark(_)));
    let target = matches!(
        rule.target,
        Target::Dnat(_)
            | Target::Snat(_)
            | Target::Masquerade { .. }
            | Target::Redirect { .. }
            | Target::Netmap(_)
            | Target::ConnmarkSet { .. }
            | Target::ConnmarkSave { .. }
            | Target::ConnmarkRestore { .. }
            | Target::Ct(_)
    );
    matches || target
}

pub(super) fn build(
    env: &mut Env<'_, '_>,
    words: &[Cow<'_, str>],
    line: u32,
    packets: u64,
    chains: &Chains<'_>,
) -> Rule {
    let mut rule = empty(line, packets);
    env.line = line;
    let mut cursor = Cursor::new(words);
    let mut proto = "";
    while cursor.peek().is_some() {
        let not = cursor.eat("!");
        let Some(word) = cursor.next() else { break };
        let done = match word {
            "-m" => extension(env, &mut cursor, &mut rule, None),
            "-j" | "-g" => target(env, &mut cursor, &mut rule, chains, word == "-g"),
            "-f" => {
                rule.fragment = Some(!not);
                Ok(())
            }
            _ if word.starts_with("--") => {
                cursor.back();
                if not {
                    cursor.back();
                }
                extension(env, &mut cursor, &mut rule, Some(proto))
            }
            _ => field(&mut cursor, &mut rule, word, not, &mut proto),
        };
        if let Err(odd) = done {
            let gap = gap_of(env, line, odd);
            rule.matches.push(Match::Unsupported(gap));
        }
    }
    rule
}

fn gap_of(env: &mut Env<'_, '_>, line: u32, odd: Odd) -> GapId {
    match odd {
        Odd::Gap(gap) => gap,
        Odd::Why(why) => env.gap(line, why),
    }
}

/// `-s -d -i -o -p`.
fn field<'w>(cursor: &mut Cursor<'w>, rule: &mut Rule, word: &str, not: bool, proto: &mut &'w str) -> Result<(), Odd> {
    let Some(value) = cursor.next() else {
        return Err(Odd::Why(format!("{word:?} has no value")));
    };
    let bad = || Odd::Why(format!("{word} {value:?} is not modelled"));
    match word {
        "-s" => rule.src = any(network(value).ok_or_else(bad)?, not),
        "-d" => rule.dst = any(network(value).ok_or_else(bad)?, not),
        "-i" => rule.iif = Some((pattern(value), not)),
        "-o" => rule.oif = Some((pattern(value), not)),
        "-p" => {
            *proto = value;
            let number = protocol(value).ok_or_else(bad)?;
            rule.proto = (number != 0).then_some((number, not));
        }
        _ => return Err(bad()),
    }
    Ok(())
}

/// The whole internet is no condition.
fn any(net: IpNet, not: bool) -> Option<(IpNet, bool)> {
    (net.prefix_len() != 0 || not).then_some((net, not))
}

/// `10.0.0.0/8`, `10.0.0.1`, `10.0.0.0/255.0.0.0`. `None` also for a mask with holes.
pub(in crate::build) fn network(text: &str) -> Option<IpNet> {
    let Some((addr, mask)) = text.split_once('/') else {
        return text.parse::<IpAddr>().ok().map(IpNet::from);
    };
    let addr: IpAddr = addr.parse().ok()?;
    match mask.parse::<u8>() {
        Ok(len) => IpNet::new(addr, len).ok(),
        Err(_) => IpNet::with_netmask(addr, mask.parse().ok()?).ok(),
    }
}

pub(super) fn pattern(text: &str) -> IfPattern {
    let prefix = text.ends_with('+');
    IfPattern {
        name: text.strip_suffix('+').unwrap_or(text).into(),
        prefix,
    }
}

/// `-m NAME` with its options; `implied` is the protocol whose options stand without `-m`.
fn extension(
    env: &mut Env<'_, '_>,
    cursor: &mut Cursor<'_>,
    rule: &mut Rule,
    implied: Option<&str>,
) -> Result<(), Odd> {
    let name = match implied {
        Some(name) => name,
        None => cursor.next().ok_or_else(|| Odd::Why("-m has no name".into()))?,
    };
    env.conntrack |= CONNTRACK.contains(&name);
    match matches::build(env, name, cursor) {
        Ok(m) => rule.matches.push(m),
        Err(odd) => {
            env.conntrack |= matches!(name, "conntrack" | "state" | "connmark");
            cursor.skip_extension();
            return Err(odd);
        }
    }
    Ok(())
}

/// `-j NAME` with its options.
fn target(
    env: &mut Env<'_, '_>,
    cursor: &mut Cursor<'_>,
    rule: &mut Rule,
    chains: &Chains<'_>,
    goto: bool,
) -> Result<(), Odd> {
    let name = cursor.next().ok_or_else(|| Odd::Why("-j has no name".into()))?;
    if let Some(id) = chains.get(name) {
        rule.target = if goto { Target::Goto(*id) } else { Target::Jump(*id) };
        return Ok(());
    }
    rule.target = match targets::build(env, name, cursor) {
        Ok(targets::Kind::Target(target)) => {
            if cursor.peek().is_some() {
                let gap = env.gap(rule.line, format!("target {name:?} has options that are not modelled"));
                Target::Unsupported(gap)
            } else {
                target
            }
        }
        Ok(targets::Kind::Unmodelled) => {
            Target::Unmodelled(env.gap(rule.line, format!("what target {name:?} changes is not modelled")))
        }
        Err(odd) => {
            let why = match odd {
                Odd::Why(why) => format!("target {name:?}: {why}"),
                Odd::Gap(gap) => return Err(Odd::Gap(gap)),
            };
            Target::Unsupported(env.gap(rule.line, why))
        }
    };
    if matches!(rule.target, Target::Unsupported(_)) {
        env.conntrack |= CONNTRACK.contains(&name) || targets::NAT.contains(&name) || name == "CONNMARK";
    }
    while cursor.next().is_some() {}
    Ok(())
}
