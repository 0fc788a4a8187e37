//! States of a TCP connection as connection tracking sees them.
//!
//! Kernel: `tcp_conntracks[][][]`, `tcp_new()`, `nf_conntrack_tcp_packet()`, `tcp_error()`
//! (`net/netfilter/nf_conntrack_proto_tcp.c`, 6.18). Windows are not followed: what is in the right state is in its window.

pub(crate) use netwhy_model::conn::TcpState;
use netwhy_wire::tcp::{ACK, FIN, RST, SYN};

/// What a packet does to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Go {
    To(TcpState),
    Ignore,
    Invalid,
}

/// `get_conntrack_index()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Index {
    Syn,
    SynAck,
    Fin,
    Ack,
    Rst,
    #[default]
    Nothing,
}

pub(crate) fn index(flags: u8) -> Index {
    match flags {
        f if f & RST != 0 => Index::Rst,
        f if f & SYN != 0 && f & ACK != 0 => Index::SynAck,
        f if f & SYN != 0 => Index::Syn,
        f if f & FIN != 0 => Index::Fin,
        f if f & ACK != 0 => Index::Ack,
        _ => Index::Nothing,
    }
}

/// The first packet of a connection; `None` begins none. `loose` is `nf_conntrack_tcp_loose`.
pub(crate) fn first(flags: u8, loose: bool) -> Option<TcpState> {
    match index(flags) {
        Index::Syn => Some(TcpState::SynSent),
        Index::Ack if loose => Some(TcpState::Established),
        _ => None,
    }
}

pub(crate) fn step(reply: bool, index: Index, old: TcpState) -> Go {
    use TcpState::*;
    match (index, reply) {
        (Index::Nothing, _) => Go::Invalid,
        (Index::Rst, _) => match old {
            None => Go::Invalid,
            _ => Go::To(Close),
        },
        (Index::Syn, false) => match old {
            None | SynSent | TimeWait | Close => Go::To(SynSent),
            SynSent2 => Go::To(SynSent2),
            _ => Go::Ignore,
        },
        (Index::Syn, true) => match old {
            SynSent | SynSent2 => Go::To(SynSent2),
            // A reopened connection from the other side, or a SYN that the peer answers with a challenge.
            TimeWait => Go::To(SynSent),
            _ => Go::Invalid,
        },
        (Index::SynAck, false) => match old {
            SynRecv | SynSent2 => Go::To(SynRecv),
            _ => Go::Invalid,
        },
        (Index::SynAck, true) => match old {
            None => Go::Invalid,
            SynSent | SynSent2 => Go::To(SynRecv),
            _ => Go::Ignore,
        },
        (Index::Fin, _) => match old {
            None | SynSent | SynSent2 => Go::Invalid,
            SynRecv | Established => Go::To(FinWait),
            FinWait | CloseWait | LastAck => Go::To(LastAck),
            TimeWait => Go::To(TimeWait),
            Close => Go::To(Close),
        },
        (Index::Ack, false) => match old {
            None | SynRecv | Established => Go::To(Established),
            SynSent | SynSent2 => Go::Invalid,
            FinWait | CloseWait => Go::To(CloseWait),
            LastAck | TimeWait => Go::To(TimeWait),
            Close => Go::To(Close),
        },
        (Index::Ack, true) => match old {
            None => Go::Invalid,
            SynSent | SynSent2 => Go::Ignore,
            SynRecv => Go::To(SynRecv),
            Established => Go::To(Established),
            FinWait | CloseWait => Go::To(CloseWait),
            LastAck | TimeWait => Go::To(TimeWait),
            Close => Go::To(Close),
        },
    }
}

/// `tcp_valid_flags[]`: SYN, SYN URG, SYN ACK, RST, RST ACK, FIN ACK, FIN ACK URG, ACK, ACK URG; PSH, ECE and CWR do not
/// count.
pub(crate) fn flags_are_valid(flags: u8) -> bool {
    const URG: u8 = 0x20;
    let f = flags & (SYN | RST | FIN | ACK | URG);
    [
        SYN,
        SYN | URG,
        SYN | ACK,
        RST,
        RST | ACK,
        FIN | ACK,
        FIN | ACK | URG,
        ACK,
        ACK | URG,
    ]
    .contains(&f)
}
