//! Comparisons.
//!
//! Kernel: `nft_cmp_eval()`, `nft_range_eval()` (`nft_cmp.c`, `nft_range.c`), `nft_lookup_eval()` (`nft_lookup.c`).

use super::lookup::{Found, drawn, find};
use super::reg::Reg;
use super::{At, Load, load};
use crate::engine::Engine;
use crate::nf::xt::Hit;
use crate::skb::Skb;
use netwhy_model::netfilter::nft::{Bytes, Expr, NftMatch, Test};

pub(in crate::nf) fn compare<'a>(eng: &mut Engine<'a>, at: At<'a>, want: &'a NftMatch, skb: &Skb) -> Hit {
    if let (Expr::Numgen { modulus, offset, .. }, Test::Range(low, high)) = (&want.left, &want.test) {
        let hits = drawn(low.as_slice(), high.as_slice(), *modulus, *offset);
        let hit = match modulus - hits {
            _ if hits == 0 => false,
            0 => true,
            misses => eng.oracle.weighted(&[hits, misses]) == 0,
        };
        return Hit::from(hit).not(want.not);
    }
    let reg = match load(eng, at, &want.left, skb) {
        Load::Value(reg) => reg,
        // NFT_BREAK, whatever is asked.
        Load::Break => return Hit::No,
        Load::Any => return eng.oracle.state().into(),
        Load::Unknown(gap) => return Hit::Unknown(gap),
    };
    let hit = match &want.test {
        // Of the other family, which ends the rule.
        Test::Range(low, _) if low.len() != reg.bytes.len() => return Hit::No,
        Test::Range(low, high) => within(eng, &reg, low, high),
        Test::Bits(bits) if reg.any.is_none() => {
            let mut pairs = reg.bytes.as_slice().iter().zip(bits.as_slice());
            pairs.any(|(a, b)| a & b != 0).into()
        }
        Test::Bits(_) => eng.oracle.state().into(),
        Test::Set(set) if !set.fits(&reg.bytes) => return Hit::No,
        Test::Set(set) => match find(eng, at, set, &reg) {
            Found::Unknown(gap) => Hit::Unknown(gap),
            Found::Nothing => Hit::No,
            Found::Changed => Hit::Yes,
            // nft_set_elem_expr_eval(): the rule may end here.
            Found::Elem(elem) if elem.limited && !eng.oracle.state() => return Hit::No,
            Found::Elem(_) => Hit::Yes,
        },
        Test::Never => Hit::No,
    };
    hit.not(want.not)
}

/// Where a port may be any, both ends decide if they agree.
fn within(eng: &mut Engine<'_>, reg: &Reg, low: &Bytes, high: &Bytes) -> Hit {
    let Some((_, (first, last))) = reg.any else {
        return (low..=high).contains(&&reg.bytes).into();
    };
    let (first, last) = (reg.with(first), reg.with(last));
    if *low <= first && last <= *high {
        Hit::Yes
    } else if last < *low || *high < first {
        Hit::No
    } else {
        eng.oracle.state().into()
    }
}
