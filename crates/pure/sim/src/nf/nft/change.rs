//! Statements that change the packet, its connection, or a set.
//!
//! Kernel: `nft_meta_set_eval()`, `nft_ct_set_eval()`, `nft_ct_set_zone_eval()`, `nft_payload_set_eval()`,
//! `nft_exthdr_tcp_set_eval()`, `nft_dynset_eval()`.

use super::{At, Load, load};
use crate::engine::Engine;
use crate::skb::{L4, PktType, Skb};
use netwhy_model::netfilter::nft::{Bytes, Expr, Header, Payload, Settable, Update};
use netwhy_model::netfilter::{CtZone, ZoneId};
use netwhy_model::{Family, NetnsId};

/// What a rule did to a set.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub netns: NetnsId,
    /// Number of the table.
    pub table: u32,
    pub set: Box<str>,
    pub key: Bytes,
    pub present: bool,
}

/// `... set ...`. What it gives where the value is none.
pub(in crate::nf) fn set<'a>(
    eng: &mut Engine<'a>,
    at: At<'a>,
    what: Settable,
    value: &'a Expr,
    skb: &mut Skb,
) -> Result<(), Load> {
    let value = match load(eng, at, value, skb) {
        Load::Value(reg) if reg.any.is_none() => reg.bytes,
        Load::Value(_) => return Err(Load::Any),
        other => return Err(other),
    };
    let number = value.as_number().unwrap_or(0);
    match what {
        Settable::Mark => skb.mark = number as u32,
        Settable::Pkttype => {
            skb.pkt_type = match number {
                0 => PktType::Host,
                1 => PktType::Broadcast,
                2 => PktType::Multicast,
                _ => PktType::OtherHost,
            }
        }
        Settable::CtMark => {
            if let Some(ct) = skb.ct {
                eng.conns[ct.entry].mark = number as u32;
            }
        }
        Settable::CtZone { orig, reply } => {
            if skb.ct.is_none() && skb.template.is_none() && !skb.attached {
                skb.untracked = false;
                skb.template = Some(CtZone {
                    id: ZoneId::Number(number as u16),
                    orig,
                    reply,
                });
            }
        }
        Settable::Payload(field) => return payload(field, &value, skb),
        Settable::Mss => {
            if let L4::Tcp { .. } = skb.l4 {
                skb.one_piece = true;
                // An increase could stall the connection.
                skb.opts.mss = skb.opts.mss.map(|old| old.min(number as u16));
            } else {
                return Err(Load::Break);
            }
        }
    }
    Ok(())
}

fn payload(field: Payload, value: &Bytes, skb: &mut Skb) -> Result<(), Load> {
    let addr = || super::nat::addr(value, skb.family()).ok_or(Load::Break);
    let number = value.as_number().unwrap_or(0);
    match (field.base, field.offset) {
        (Header::Network, _) if skb.family() == Family::Inet6 => return Err(Load::Break),
        (Header::Network, 8) => skb.tos = skb.tos & 3 | (number as u8) << 2,
        (Header::Network, 14) => skb.tos = skb.tos & !3 | number as u8 & 3,
        (Header::Network, 64) => skb.ttl = number as u8,
        (Header::Network, 96) => skb.src = addr()?,
        (Header::Network, 128) => skb.dst = addr()?,
        (Header::Transport, 0 | 16) if skb.ports().is_none() => return Err(Load::Break),
        (Header::Transport, 0) => {
            skb.set_ports(Some(number as u16), None);
            skb.sport_any = None;
        }
        (Header::Transport, 16) => {
            skb.set_ports(None, Some(number as u16));
            skb.dport_any = None;
        }
        _ => return Err(Load::Break),
    }
    Ok(())
}

/// `add`, `update`, `delete`. `false`: the rule ends.
pub(in crate::nf) fn update<'a>(eng: &mut Engine<'a>, at: At<'a>, update: &'a Update, skb: &Skb) -> Result<(), Load> {
    let key = match load(eng, at, &update.key, skb) {
        Load::Value(reg) if reg.any.is_none() => reg.bytes,
        // Which element it is nobody can look up either.
        Load::Value(_) | Load::Any => return Ok(()),
        other => return Err(other),
    };
    eng.nft_changes.push(Changed {
        netns: at.ns.id,
        table: at.rule.table,
        set: update.set.name.clone(),
        key,
        present: !update.delete,
    });
    match update.limited && !update.delete && !eng.oracle.state() {
        true => Err(Load::Break),
        false => Ok(()),
    }
}
