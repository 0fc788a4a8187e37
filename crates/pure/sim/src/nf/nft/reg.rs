//! A register, of which two bytes may be a port of a kernel's choice.

use netwhy_model::netfilter::Ports;
use netwhy_model::netfilter::nft::{BitOp, Bytes};

/// All values of two bytes.
pub(super) const ANY_PORT: Ports = (0, u16::MAX);

/// Bytes, and where a port stands among them that may be any of these.
#[derive(Clone, Copy, Debug)]
pub(in crate::nf) struct Reg {
    pub bytes: Bytes,
    pub any: Option<(usize, Ports)>,
}

impl From<Bytes> for Reg {
    fn from(bytes: Bytes) -> Reg {
        Reg { bytes, any: None }
    }
}

impl Reg {
    /// Two bytes of which nothing is known.
    pub fn any_port() -> Reg {
        Reg {
            bytes: Bytes::number(0, 2),
            any: Some((0, ANY_PORT)),
        }
    }

    /// The same with a certain port.
    pub fn with(&self, port: u16) -> Bytes {
        let mut bytes = self.bytes;
        if let Some((at, _)) = self.any
            && let Some(place) = bytes.as_mut_slice().get_mut(at..at + 2)
        {
            place.copy_from_slice(&port.to_be_bytes());
        }
        bytes
    }

    /// `nft_bitwise_eval()`, `nft_bitwise_shift_eval()`. `None` where the port may be any.
    pub fn bits(&self, op: BitOp, right: &Reg) -> Option<Reg> {
        if self.any.is_some() || right.any.is_some() {
            return None;
        }
        let len = self.bytes.len();
        if let BitOp::Left | BitOp::Right = op {
            let by = right.bytes.as_number().and_then(|n| u32::try_from(n).ok())?;
            let value = self.bytes.as_number()?;
            let moved = match op {
                BitOp::Left => value.checked_shl(by),
                _ => value.checked_shr(by),
            };
            return Some(Bytes::number(moved.unwrap_or(0), len).into());
        }
        let mut bytes = self.bytes;
        for (at, byte) in bytes.as_mut_slice().iter_mut().enumerate() {
            let other = right.bytes.as_slice().get(at).copied().unwrap_or(0);
            *byte = match op {
                BitOp::And => *byte & other,
                BitOp::Or => *byte | other,
                _ => *byte ^ other,
            };
        }
        Some(bytes.into())
    }

    /// One behind the other. `None` where two ports may be any.
    pub fn concat(&self, next: &Reg) -> Option<Reg> {
        let mut bytes = self.bytes;
        let from = bytes.len();
        if !bytes.push(next.bytes.as_slice()) {
            return None;
        }
        let any = match (self.any, next.any) {
            (Some(_), Some(_)) => return None,
            (any, None) => any,
            (None, Some((at, ports))) => Some((from + at, ports)),
        };
        Some(Reg { bytes, any })
    }
}
