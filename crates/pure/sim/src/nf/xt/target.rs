//! Targets that change a packet or a set, and go on.

use super::set::{key, masked};
use crate::engine::Engine;
use crate::nf::nf_hook::Links;
use crate::route::{OutputKey, dst_mtu, ip_route_output};
use crate::skb::{IP_LEN, L4, Skb, ip_len};
use crate::state::SetChange;
use netwhy_model::Netns;
use netwhy_model::netfilter::{IpSet, SetDirs, TtlOp};

/// `xt_HL.c: ttl_tg()`.
pub(in crate::nf) fn ttl(skb: &mut Skb, op: TtlOp, value: u8) {
    skb.ttl = match op {
        TtlOp::Set => value,
        TtlOp::Inc => skb.ttl.saturating_add(value),
        TtlOp::Dec => skb.ttl.saturating_sub(value),
    };
}

/// TCP header without options, the MSS option, and the MSS where nothing says one (bytes).
const TCP_LEN: u32 = 20;
const TCPOLEN_MSS: u32 = 4;
const TCP_MSS_DEFAULT: u16 = 536;

/// `xt_TCPMSS.c: tcpmss_mangle_packet()`; `None` clamps to the path. `false` drops.
pub(in crate::nf) fn tcpmss<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mss: Option<u16>, skb: &mut Skb) -> bool {
    let L4::Tcp { .. } = skb.l4 else { return true };
    // skb_ensure_writable() of the whole length
    skb.one_piece = true;
    let new = match mss {
        Some(mss) => mss,
        None => {
            let there = match skb.route {
                Some(dst) => dst_mtu(ns, &dst),
                None => fake_mtu(ns, skb),
            };
            let mtu = there.unwrap_or(u32::MAX).min(reverse_mtu(eng, ns, skb));
            let headers = ip_len(skb.family()) + TCP_LEN;
            if mtu <= headers {
                return false;
            }
            (mtu - headers) as u16
        }
    };
    match skb.opts.mss {
        // Never more than it was.
        Some(old) => skb.opts.mss = Some(old.min(new)),
        // Data that follows the header would have to be moved.
        None if has_data(skb) => {}
        None => {
            skb.opts.mss = Some(new.min(TCP_MSS_DEFAULT));
            skb.len += TCPOLEN_MSS;
        }
    }
    true
}

/// Whether a segment is more than its header; what this simulator makes without a payload is not.
fn has_data(skb: &Skb) -> bool {
    const OFFSET_AT: usize = 32;
    let header = skb.raw.as_ref().and_then(|raw| raw.get(OFFSET_AT));
    header.is_some_and(|byte| IP_LEN + u32::from(byte >> 4) * 4 < skb.len)
}

/// `br_nf_core.c: fake_mtu()`: what only passes a bridge has the bridge's own.
fn fake_mtu(ns: &Netns, skb: &Skb) -> Option<u32> {
    let links = ns.links.as_ref().ok()?;
    let bridge = links.get(skb.physin?)?.master?;
    links.get(bridge).map(|l| l.mtu)
}

/// `tcpmss_reverse_mtu()`: of the route back to the source.
pub(in crate::nf) fn reverse_mtu<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb) -> u32 {
    let back = OutputKey {
        src: None,
        dst: skb.src,
        mark: 0,
        proto: 0,
        ports: None,
    };
    match ip_route_output(eng, ns, &back, None) {
        Ok((dst, _)) => dst_mtu(ns, &dst).unwrap_or(u32::MAX),
        Err(_) => u32::MAX,
    }
}

/// `xt_set.c: set_target_v3()`: what is added comes first.
pub(in crate::nf) fn set_elements<'a>(
    eng: &mut Engine<'a>,
    ns: &Netns,
    ops: [Option<&'a (std::sync::Arc<IpSet>, SetDirs)>; 2],
    skb: &Skb,
    links: Links,
) {
    for (op, present) in ops.into_iter().zip([true, false]) {
        let Some((set, dirs)) = op else { continue };
        // list_set_kadd(): the first set of a list that takes it.
        let set = match set.sets.first() {
            Some(Ok(first)) => first,
            Some(Err(_)) => continue,
            None => set,
        };
        let Some(mut elem) = key(ns, set, *dirs, skb, links) else {
            continue;
        };
        // INIT_CIDR(): the longest prefix that the set has.
        if let Some(cidr) = set.cidrs[0].first() {
            elem.cidr = *cidr;
            elem.ip = masked(elem.ip, *cidr);
        }
        if let Some(cidr) = set.cidrs[1].first() {
            elem.cidr2 = *cidr;
            elem.ip2 = masked(elem.ip2, *cidr);
        }
        eng.set_changes.push(SetChange {
            netns: ns.id,
            set: &set.name,
            elem,
            present,
        });
    }
}
