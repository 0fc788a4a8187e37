//! What native nftables singles out: see [`Mentions`].

use crate::mentions::Mentions;
use netwhy_model::Netns;
use netwhy_model::netfilter::IfPattern;
use netwhy_model::netfilter::nft::{
    Expr, Header, MetaKey, NatValue, NftChain, NftData, NftElem, NftSet, NftTable, Payload, Stmt, Test, Verdict,
};
use rustc_hash::{FxHashSet, FxHasher};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::ops::Range;

/// Lengths of addresses and of names of links (bytes).
const IPV4_LEN: usize = 4;
const NAME_LEN: usize = 16;

/// What one table of a namespace mentions.
pub(crate) fn mention(mentions: &mut Mentions, ns: &Netns, table: &NftTable) {
    let mut native = Native {
        mentions,
        ns,
        table,
        sets: FxHashSet::default(),
    };
    for chain in &table.chains {
        for rule in &chain.rules {
            native.rule(chain, &rule.stmts);
        }
    }
}

struct Native<'m, 'c> {
    mentions: &'m mut Mentions,
    ns: &'c Netns,
    table: &'c NftTable,
    sets: FxHashSet<&'c str>,
}

impl<'c> Native<'_, 'c> {
    fn rule(&mut self, chain: &'c NftChain, stmts: &'c [Stmt]) {
        for (at, stmt) in stmts.iter().enumerate() {
            // What the sentence is about stands in it without its value.
            let rest: Vec<&Stmt> = stmts
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != at)
                .map(|(_, s)| s)
                .collect();
            let place = format!("{} {} {} {rest:?}", self.ns.dir, self.table.name, family(&chain.name));
            match stmt {
                Stmt::Match(m) => match &m.test {
                    Test::Range(low, high) => {
                        let text = format!("{place} {} {:?}", m.not, m.left);
                        self.span(&m.left, (low.as_slice(), high.as_slice()), text);
                    }
                    Test::Set(set) => self.set(set, &place),
                    Test::Bits(_) | Test::Never => {}
                },
                Stmt::Vmap(_, set) => self.set(set, &place),
                Stmt::Nat(nat) => {
                    for value in [&nat.addr, &nat.port].into_iter().flatten() {
                        if let NatValue::One(Expr::Map(_, set)) = value {
                            self.set(set, &place);
                        }
                    }
                }
                Stmt::Set(_, Expr::Map(_, set)) => self.set(set, &place),
                _ => {}
            }
        }
    }

    /// A value, or all between two.
    fn span(&mut self, left: &Expr, (low, high): (&[u8], &[u8]), text: String) {
        match left {
            Expr::Meta(MetaKey::Iifname | MetaKey::Oifname) => self.link(low, high, text),
            Expr::Payload(Payload {
                base: Header::Link,
                bits: 48,
                ..
            }) => {
                if let Ok(mac) = <[u8; 6]>::try_from(low) {
                    self.mentions.add_mac(netwhy_model::Mac(mac), text);
                }
            }
            _ => self.addresses(low, high, text),
        }
    }

    fn addresses(&mut self, low: &[u8], high: &[u8], text: String) {
        let addr = |bytes: &[u8]| -> Option<IpAddr> { Some(<[u8; IPV4_LEN]>::try_from(bytes).ok()?.into()) };
        if let (Some(low), Some(high)) = (addr(low), addr(high)) {
            self.mentions.add_range((low, high), text);
        }
    }

    /// A name, or all that begin so.
    fn link(&mut self, low: &[u8], high: &[u8], text: String) {
        let name = |bytes: &[u8]| {
            let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
            std::str::from_utf8(&bytes[..end]).ok().map(Box::from)
        };
        if let Some(name) = name(low) {
            let pattern = IfPattern {
                name,
                prefix: low != high,
            };
            self.mentions.add_link(self.ns.id, &pattern, text);
        }
    }

    /// Once for each named set, whatever the number of rules that look into it.
    fn set(&mut self, set: &'c NftSet, place: &str) {
        // What looks into a named set stands beside it, whoever is in it.
        let place = if set.name.is_empty() { place } else { "" };
        if !set.name.is_empty() && !self.sets.insert(&set.name) {
            return;
        }
        let place = format!("{} {} set {} {place}", self.ns.dir, self.table.name, family(&set.name));
        for elem in set.elems() {
            for field in set.fields() {
                let text = || format!("{place} {:?} {}", field, self.rest(set, elem, field));
                let (Some(low), Some(high)) = (elem.low.get(field.clone()), elem.high().get(field.clone())) else {
                    continue;
                };
                match low.len() {
                    IPV4_LEN => {
                        let text = text();
                        self.addresses(low, high, text);
                    }
                    NAME_LEN => {
                        let text = text();
                        self.link(low, high, text);
                    }
                    _ => {}
                }
            }
        }
    }

    /// An element without one field, and where it leads.
    fn rest(&self, set: &NftSet, elem: &NftElem, field: &Range<usize>) -> String {
        let own = elem.low.get(field.clone());
        // What names the same again is left out too.
        let same: Vec<&Range<usize>> = set
            .fields()
            .iter()
            .filter(|f| elem.low.get((*f).clone()) == own)
            .collect();
        let without = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            for field in &same {
                if let Some(part) = bytes.get_mut((*field).clone()) {
                    part.fill(0);
                }
            }
            bytes
        };
        let leads = match &elem.data {
            NftData::Verdict(Verdict::Jump(chain) | Verdict::Goto(chain)) => {
                let chain = self.table.chains.get(chain.0 as usize);
                let stmts: Vec<&Vec<Stmt>> = chain.iter().flat_map(|c| &c.rules).map(|r| &r.stmts).collect();
                let mut hasher = FxHasher::default();
                format!("{stmts:?}").hash(&mut hasher);
                format!("chain {:x}", hasher.finish())
            }
            data => format!("{data:?}"),
        };
        format!(
            "{} {:?} {:?} {} {leads}",
            same.len(),
            without(&elem.low),
            elem.high.as_deref().map(without),
            elem.limited
        )
    }
}

/// The chain of one endpoint is named after its address: only its Service counts.
fn family(name: &str) -> &str {
    let Some((service, _)) = name.split_once("__") else {
        return name;
    };
    service.splitn(3, '-').nth(2).unwrap_or(service)
}
