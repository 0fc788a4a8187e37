//! `conntrack.txt`.

use super::Ctx;
use crate::conn::{Conn, Conns, TcpState, Tuple, Zones};
use crate::fact::Fact;
use netwhy_snapshot::format::conntrack::{self, Entry, L4};
use netwhy_wire::Proto;

pub(super) fn build(ctx: &mut Ctx<'_>, dir: &str) -> Fact<Conns> {
    let path = format!("{dir}/conntrack.txt");
    let text = ctx.text(&path)?;
    let (entries, problems) = conntrack::parse(text);
    let mut lost: Vec<u32> = problems.iter().filter_map(|p| p.line).collect();
    let mut list = Vec::with_capacity(entries.len());
    let mut evictable = false;
    for entry in &entries {
        let state = tcp_state(entry);
        evictable |= !entry.assured || state.is_some_and(can_early_drop);
        match conn(entry) {
            Some(conn) => list.push(conn),
            None => lost.push(entry.line),
        }
    }
    let mut conns = Conns::new(list);
    conns.evictable = evictable;
    if let Some(first) = lost.iter().min() {
        let why = match lost.len() {
            1 => "the connection is not understood".to_owned(),
            count => format!("{count} connections are not understood, this one first"),
        };
        conns.incomplete = Some(ctx.gaps.add(format!("{path}:{first}"), why));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        let gap = ctx.gaps.add(path.as_str(), "the text is cut: its last line has no end");
        conns.incomplete = conns.incomplete.or(Some(gap));
    }
    if let Some(first) = conns.list().iter().find(|c| c.offloaded) {
        let why = "connections are offloaded to a flow table, which is not modelled";
        conns.offloaded = Some(ctx.gaps.add(format!("{path}:{}", first.line), why));
    }
    Ok(conns)
}

fn conn(entry: &Entry) -> Option<Conn> {
    let (orig, reply) = (tuple(entry.proto, &entry.orig)?, tuple(entry.proto, &entry.reply)?);
    let mut offloaded = false;
    for flag in &entry.flags {
        match flag.as_str() {
            "OFFLOAD" | "HW_OFFLOAD" => offloaded = true,
            _ => return None,
        }
    }
    let tcp = match tcp_state(entry) {
        Some(state) => state,
        // A flow table shows no state.
        None if entry.proto != Proto::TCP || offloaded => TcpState::None,
        None => return None,
    };
    let both = entry.zone.unwrap_or(0);
    Some(Conn {
        orig,
        reply,
        zones: Zones {
            orig: entry.orig.zone.unwrap_or(both),
            reply: entry.reply.zone.unwrap_or(both),
        },
        icmp: match entry.orig.l4 {
            L4::Icmp { kind, code, .. } => (kind, code),
            _ => (0, 0),
        },
        tcp,
        seen_reply: !entry.unreplied,
        assured: entry.assured,
        offloaded,
        mark: entry.mark.unwrap_or(0),
        line: entry.line,
    })
}

fn tuple(proto: Proto, half: &conntrack::Tuple) -> Option<Tuple> {
    if half.src.is_ipv4() != half.dst.is_ipv4() {
        return None;
    }
    let (sport, dport) = match half.l4 {
        L4::Ports { sport, dport } => (sport, dport),
        L4::Icmp { id, .. } => (id, id),
        // The keys of calls are learned from another connection.
        L4::Gre { .. } => return None,
        L4::None => (0, 0),
    };
    Some(Tuple {
        proto: proto.0,
        src: half.src,
        sport,
        dst: half.dst,
        dport,
    })
}

/// `tcp_conntrack_names[]`, and the name that user space has for the last.
fn tcp_state(entry: &Entry) -> Option<TcpState> {
    if entry.proto != Proto::TCP {
        return None;
    }
    Some(match entry.state.as_deref()? {
        "NONE" => TcpState::None,
        "SYN_SENT" => TcpState::SynSent,
        "SYN_RECV" => TcpState::SynRecv,
        "ESTABLISHED" => TcpState::Established,
        "FIN_WAIT" => TcpState::FinWait,
        "CLOSE_WAIT" => TcpState::CloseWait,
        "LAST_ACK" => TcpState::LastAck,
        "TIME_WAIT" => TcpState::TimeWait,
        "CLOSE" => TcpState::Close,
        "SYN_SENT2" | "LISTEN" => TcpState::SynSent2,
        _ => return None,
    })
}

/// `tcp_can_early_drop()` (`nf_conntrack_proto_tcp.c`).
fn can_early_drop(state: TcpState) -> bool {
    matches!(
        state,
        TcpState::FinWait | TcpState::LastAck | TcpState::TimeWait | TcpState::Close | TcpState::CloseWait
    )
}

#[cfg(test)]
mod tests {
    use crate::Cluster;
    use crate::conn::{TcpState, Tuple, Zones};
    use netwhy_snapshot::{Meta, Snapshot};
    use std::net::Ipv4Addr;

    fn with(text: &str) -> Cluster {
        let mut snapshot = Snapshot::new(Meta::new(Vec::new()));
        snapshot.insert("outside/a/conntrack.txt", text);
        Cluster::build(snapshot)
    }

    const TWO: &str = "\
ipv4     2 tcp      6 99 ESTABLISHED src=10.0.0.2 dst=10.96.0.10 sport=5002 dport=80 src=10.0.0.3 dst=10.0.0.2 sport=8080 dport=5002 [ASSURED] mark=7 zone=5 use=1
ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 [UNREPLIED] src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=77 zone-reply=3 mark=0 use=1
";

    #[test]
    fn by_either_tuple() {
        let cluster = with(TWO);
        let conns = cluster.netns[0].conns.as_ref().unwrap();
        let answer = Tuple {
            proto: 6,
            src: Ipv4Addr::new(10, 0, 0, 3).into(),
            sport: 8080,
            dst: Ipv4Addr::new(10, 0, 0, 2).into(),
            dport: 5002,
        };
        assert_eq!(conns.with_tuple(answer).collect::<Vec<_>>(), [(0, true)]);
        assert_eq!(conns.with_tuple(Tuple { sport: 80, ..answer }).count(), 0);
        let [tcp, echo] = conns.list() else { panic!() };
        assert_eq!(conns.with_tuple(tcp.orig).collect::<Vec<_>>(), [(0, false)]);
        assert_eq!((tcp.tcp, tcp.assured, tcp.mark), (TcpState::Established, true, 7));
        assert_eq!(tcp.zones, Zones { orig: 5, reply: 5 });
        assert_eq!((echo.orig.sport, echo.reply.dport, echo.icmp), (77, 77, (8, 0)));
        assert_eq!(echo.zones, Zones { orig: 0, reply: 3 });
        assert!(conns.evictable && conns.incomplete.is_none() && !echo.seen_reply);
    }

    #[test]
    fn none_is_known_to_be_none() {
        let cluster = with("");
        let conns = cluster.netns[0].conns.as_ref().unwrap();
        assert!(conns.list().is_empty() && !conns.evictable && conns.incomplete.is_none());
    }

    #[test]
    fn what_is_not_understood_is_counted() {
        let odd =
            "tcp 6 7 DREAMING src=1.0.0.1 dst=1.0.0.2 sport=1 dport=2 src=1.0.0.2 dst=1.0.0.1 sport=2 dport=1 mark=0\n";
        let cluster = with(&format!("{TWO}what is this\n{odd}"));
        let conns = cluster.netns[0].conns.as_ref().unwrap();
        let gap = cluster.gaps.get(conns.incomplete.unwrap());
        assert_eq!(conns.list().len(), 2);
        assert_eq!(
            (gap.path.as_str(), gap.why.as_str()),
            (
                "outside/a/conntrack.txt:3",
                "2 connections are not understood, this one first"
            )
        );
        let cut = with(TWO.trim_end());
        assert!(cut.netns[0].conns.as_ref().unwrap().incomplete.is_some());
    }

    #[test]
    fn a_flow_table_is_a_gap() {
        let line = "tcp 6 src=1.0.0.1 dst=1.0.0.2 sport=1 dport=2 src=1.0.0.2 dst=1.0.0.1 sport=2 dport=1 [OFFLOAD] mark=0 use=2\n";
        let cluster = with(line);
        let conns = cluster.netns[0].conns.as_ref().unwrap();
        assert!(conns.offloaded.is_some() && conns.list()[0].offloaded && conns.incomplete.is_none());
    }
}
