//! Targets.

use super::{ip, net, odd, rule, target};
use crate::netfilter::{CtZone, NatRange, RejectWith, Target, TtlOp, ZoneId};

#[test]
fn verdicts() {
    assert_eq!(rule("-m mark --mark 0x1").target, Target::None);
    assert_eq!(target("DROP"), Target::Drop);
    assert_eq!(target("RETURN"), Target::Return);
    assert_eq!(target("REJECT"), Target::Reject(RejectWith::Icmp(3)));
    let codes = [
        ("icmp-net-unreachable", 0),
        ("icmp-host-unreachable", 1),
        ("icmp-proto-unreachable", 2),
        ("icmp-port-unreachable", 3),
        ("icmp-net-prohibited", 9),
        ("icmp-host-prohibited", 10),
        ("icmp-admin-prohibited", 13),
    ];
    for (name, code) in codes {
        assert_eq!(
            target(&format!("REJECT --reject-with {name}")),
            Target::Reject(RejectWith::Icmp(code))
        );
    }
    assert_eq!(
        target("REJECT --reject-with tcp-reset"),
        Target::Reject(RejectWith::TcpReset)
    );
    for words in [
        "LOG --log-prefix \"a b\" --log-level 4",
        "NFLOG --nflog-group 2",
        "TRACE",
        "CLASSIFY --set-class 1:2",
    ] {
        assert_eq!(target(words), Target::Continue, "{words}");
    }
    assert!(matches!(target("ECN --ecn-tcp-remove"), Target::Unmodelled(_)));
    for words in [
        "NFQUEUE --queue-num 5",
        "TPROXY --on-port 5 --on-ip 0.0.0.0",
        "SYNPROXY",
        "NOSUCHCHAIN",
        "CT --zone 70000",
    ] {
        assert!(matches!(target(words), Target::Unsupported(_)), "{words}");
    }
    assert!(odd("-j REJECT --reject-with nonsense").contains("nonsense"));
    assert!(
        matches!(target("ACCEPT extra"), Target::Unsupported(_)),
        "options that nobody knows"
    );
}

#[test]
fn nat_targets() {
    let one = |addr: &str| Some((ip(addr), ip(addr)));
    let dnat = |addrs, ports, random| {
        Target::Dnat(NatRange {
            addrs,
            ports,
            base: None,
            random,
        })
    };
    assert_eq!(
        target("DNAT --to-destination 10.0.0.1:80"),
        dnat(one("10.0.0.1"), Some((80, 80)), false)
    );
    let range = dnat(Some((ip("10.0.0.1"), ip("10.0.0.5"))), Some((80, 90)), false);
    assert_eq!(target("DNAT --to-destination 10.0.0.1-10.0.0.5:80-90"), range);
    assert_eq!(
        target("DNAT --to-destination :80 --random"),
        dnat(None, Some((80, 80)), true)
    );
    assert_eq!(
        target("DNAT --to-destination 10.0.0.1 --persistent"),
        dnat(one("10.0.0.1"), None, false)
    );
    let shifted = NatRange {
        addrs: one("10.0.0.1"),
        ports: Some((80, 90)),
        base: Some(100),
        random: false,
    };
    assert_eq!(
        target("DNAT --to-destination 10.0.0.1:80-90/100"),
        Target::Dnat(shifted)
    );
    assert!(matches!(
        target("DNAT --to-destination 10.0.0.1:80/"),
        Target::Unsupported(_)
    ));
    let snat = NatRange {
        addrs: one("10.0.0.1"),
        ports: None,
        base: None,
        random: false,
    };
    assert_eq!(target("SNAT --to-source 10.0.0.1"), Target::Snat(snat));
    assert_eq!(
        target("MASQUERADE"),
        Target::Masquerade {
            ports: None,
            random: false
        }
    );
    let both = Target::Masquerade {
        ports: Some((1, 2)),
        random: true,
    };
    assert_eq!(target("MASQUERADE --to-ports 1-2 --random-fully"), both);
    let redirect = |ports, random| Target::Redirect { ports, random };
    assert_eq!(target("REDIRECT --to-ports 80"), redirect(Some((80, 80)), false));
    assert_eq!(
        target("REDIRECT --to-ports 80-81 --random"),
        redirect(Some((80, 81)), true)
    );
    assert_eq!(target("REDIRECT"), redirect(None, false));
    assert_eq!(target("NETMAP --to 10.0.0.0/24"), Target::Netmap(net("10.0.0.0/24")));
}

#[test]
fn header_targets() {
    let tos = |value, mask| Target::Tos { value, mask };
    assert_eq!(target("DSCP --set-dscp 0x2e"), tos(0xb8, 0xfc));
    assert_eq!(target("TOS --set-tos 0x10/0x3f"), tos(0x10, 0x3f));
    assert_eq!(target("TOS --set-tos 0x10"), tos(0x10, 0xff));
    assert_eq!(target("TOS --and-tos 0x10"), tos(0, 0xef));
    assert_eq!(target("TOS --or-tos 0x10"), tos(0x10, 0x10));
    assert_eq!(target("TOS --xor-tos 0x10"), tos(0x10, 0));
    assert_eq!(target("TCPMSS --clamp-mss-to-pmtu"), Target::TcpMss(None));
    assert_eq!(target("TCPMSS --set-mss 1300"), Target::TcpMss(Some(1300)));
    let ttl = |op, value| Target::Ttl { op, value };
    assert_eq!(target("TTL --ttl-set 64"), ttl(TtlOp::Set, 64));
    assert_eq!(target("TTL --ttl-dec 1"), ttl(TtlOp::Dec, 1));
    assert_eq!(target("TTL --ttl-inc 1"), ttl(TtlOp::Inc, 1));
    assert!(odd("-j DSCP --set-dscp 0x40").contains("0x40"));
    assert!(odd("-j TCPMSS").contains("--set-mss is missing"));
    assert!(odd("-j TCPMSS --set-mss 99999").contains("99999"));
}

#[test]
fn mark_targets() {
    let mark = |value, mask| Target::Mark { value, mask };
    assert_eq!(target("MARK --set-xmark 0x4000/0x4000"), mark(0x4000, 0x4000));
    assert_eq!(target("MARK --set-xmark 0x0/0xfffffff0"), mark(0, 0xffff_fff0));
    assert_eq!(target("MARK --set-mark 5"), mark(5, u32::MAX));
    assert_eq!(target("MARK --set-mark 0x5/0x2"), mark(5, 7));
    assert_eq!(target("MARK --or-mark 0x8"), mark(8, 8));
    assert_eq!(target("MARK --and-mark 0xf"), mark(0, !0xf));
    assert_eq!(target("MARK --xor-mark 0x3"), mark(3, 0));
    let words = "CONNMARK --save-mark --nfmask 0xf0 --ctmask 0xf";
    assert_eq!(
        target(words),
        Target::ConnmarkSave {
            ctmask: 0xf,
            nfmask: 0xf0
        }
    );
    let words = "CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff";
    assert_eq!(
        target(words),
        Target::ConnmarkRestore {
            ctmask: 0xff,
            nfmask: 0xff
        }
    );
    assert_eq!(
        target("CONNMARK --set-xmark 0x7/0x9"),
        Target::ConnmarkSet { value: 7, mask: 9 }
    );
    assert_eq!(target("CT --notrack"), Target::NoTrack);
    assert_eq!(target("NOTRACK"), Target::NoTrack);
    let zone = |id, orig, reply| Target::Ct(CtZone { id, orig, reply });
    let usual = ZoneId::Number(0);
    assert_eq!(target("CT --helper ftp"), zone(usual, true, true));
    assert_eq!(target("CT --zone 5"), zone(ZoneId::Number(5), true, true));
    assert_eq!(
        target("CT --ctevents new,destroy --zone-orig mark"),
        zone(ZoneId::Mark, true, false)
    );
    assert_eq!(target("CT --zone-reply 0x7"), zone(ZoneId::Number(7), false, true));
}
