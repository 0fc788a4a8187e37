//! Matches.

use super::{ip, is, isnt, link, net, odd, one, rule};
use crate::netfilter::{
    ChunkMode, Chunks, Conntrack, Match, Not, PortSide, RecentOp, Target, addr_type, ct_state, ct_status,
};

#[test]
fn ports() {
    let tcp = |sport, dport, flags| Match::Tcp {
        sport,
        dport,
        flags,
        option: None,
    };
    assert_eq!(
        one("-p tcp -m tcp --sport 1:5 ! --dport 80"),
        tcp(is((1, 5)), isnt((80, 80)), None)
    );
    assert_eq!(
        one("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN"),
        tcp(None, None, is((0x17, 2)))
    );
    assert_eq!(
        one("-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN"),
        tcp(None, None, isnt((0x17, 2)))
    );
    assert_eq!(
        one("-p tcp -m tcp --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE"),
        tcp(None, None, is((0x3f, 0)))
    );
    assert_eq!(one("-p tcp -m tcp"), tcp(None, None, None));
    assert_eq!(
        one("-p tcp --dport 80"),
        tcp(None, is((80, 80)), None),
        "without -m tcp"
    );
    assert_eq!(one("-p tcp ! --dport 80"), tcp(None, isnt((80, 80)), None));
    let option = Match::Tcp {
        sport: None,
        dport: is((80, 80)),
        flags: None,
        option: isnt(2),
    };
    assert_eq!(one("-p tcp -m tcp --dport 80 ! --tcp-option 2"), option);
    let udp = Match::Udp {
        sport: isnt((53, 53)),
        dport: is((1024, 65535)),
    };
    assert_eq!(one("-p udp -m udp ! --sport 53 --dport 1024:65535"), udp);
    assert_eq!(
        one("-p sctp -m sctp --dport 9"),
        Match::Sctp {
            sport: None,
            dport: is((9, 9)),
            chunks: None,
        }
    );
    let chunks = |mode, list: &[(u8, Option<(u8, u8)>)], not| Match::Sctp {
        sport: is((5, 5)),
        dport: None,
        chunks: Some(Not {
            value: Chunks {
                mode,
                list: list.to_vec(),
            },
            not,
        }),
    };
    let words = "-p sctp -m sctp --sport 5 ! --chunk-types any DATA:UBe,INIT";
    let list = [(0, Some((7, 6))), (1, None)];
    assert_eq!(one(words), chunks(ChunkMode::Any, &list, true));
    let words = "-p sctp -m sctp --sport 5 --chunk-types only ABORT:T,ASCONF_ACK";
    let list = [(6, Some((1, 1))), (128, None)];
    assert_eq!(one(words), chunks(ChunkMode::Only, &list, false));
    assert!(odd("-p sctp -m sctp --chunk-types any NOISE").contains("NOISE"));
    let multi = |ports, not, side| Match::Multiport {
        ports: Not { value: ports, not },
        side,
    };
    let three = vec![(1, 1), (2, 2), (3, 5)];
    assert_eq!(
        one("-p tcp -m multiport --sports 1,2,3:5"),
        multi(three, false, PortSide::Source)
    );
    assert_eq!(
        one("-p tcp -m multiport ! --dports 1"),
        multi(vec![(1, 1)], true, PortSide::Destination)
    );
    assert_eq!(
        one("-p udplite -m multiport --ports 80"),
        multi(vec![(80, 80)], false, PortSide::Either)
    );
}

#[test]
fn icmp() {
    let icmp = |kind, code, not| {
        Match::Icmp(Not {
            value: (kind, code),
            not,
        })
    };
    assert_eq!(one("-p icmp -m icmp --icmp-type 8"), icmp(8, None, false));
    assert_eq!(one("-p icmp -m icmp --icmp-type 3/4"), icmp(3, Some(4), false));
    assert_eq!(one("-p icmp -m icmp ! --icmp-type any"), icmp(255, None, true));
}

#[test]
fn conntrack() {
    let conntrack = |ct: Conntrack| Match::Conntrack(Box::new(ct));
    assert_eq!(one("-m conntrack"), conntrack(Conntrack::default()));
    let full = conntrack(Conntrack {
        states: is(ct_state::NEW | ct_state::RELATED | ct_state::SNAT),
        dir: Some(false),
        proto: is(6),
        orig_src: isnt(net("10.0.0.0/8")),
        orig_dst: is(net("1.2.3.4/32")),
        orig_dport: isnt((80, 80)),
        orig_sport: is((1, 2)),
        reply_src: is(net("1.1.1.1/32")),
        reply_dst: is(net("2.2.2.2/32")),
        ..Conntrack::default()
    });
    let words = "-m conntrack --ctstate NEW,RELATED,SNAT --ctproto 6 ! --ctorigsrc 10.0.0.0/8 --ctorigdst 1.2.3.4 \
        --ctreplsrc 1.1.1.1 --ctrepldst 2.2.2.2 --ctorigsrcport 1:2 ! --ctorigdstport 80 --ctdir REPLY";
    assert_eq!(one(words), full);
    let states = |words: &str| match one(words) {
        Match::Conntrack(ct) => ct.states,
        other => panic!("{other:?}"),
    };
    let back = ct_state::RELATED | ct_state::ESTABLISHED | ct_state::DNAT;
    assert_eq!(states("-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT"), isnt(back));
    assert_eq!(
        states("-m state ! --state INVALID,UNTRACKED"),
        isnt(ct_state::INVALID | ct_state::UNTRACKED)
    );
    let rest = conntrack(Conntrack {
        status: is(ct_status::SEEN_REPLY | ct_status::ASSURED | ct_status::CONFIRMED),
        reply_sport: isnt((5, 5)),
        reply_dport: is((6, 7)),
        expire: isnt((9, 9)),
        ..Conntrack::default()
    });
    let words =
        "-m conntrack ! --ctreplsrcport 5 --ctrepldstport 6:7 --ctstatus SEEN_REPLY,ASSURED,CONFIRMED ! --ctexpire 9";
    assert_eq!(one(words), rest);
    let none = conntrack(Conntrack {
        status: is(0),
        expire: is((5, 10)),
        ..Conntrack::default()
    });
    assert_eq!(one("-m conntrack --ctstatus NONE --ctexpire 5:10"), none);
    assert!(odd("-m conntrack --ctstatus DYING").contains("DYING"));
}

#[test]
fn marks_and_addresses() {
    assert_eq!(
        one("-m mark --mark 0x1"),
        Match::Mark(Not {
            value: (1, u32::MAX),
            not: false
        })
    );
    assert_eq!(
        one("-m mark ! --mark 0x4000/0x4000"),
        Match::Mark(Not {
            value: (0x4000, 0x4000),
            not: true
        })
    );
    assert_eq!(
        one("-m connmark --mark 0x10/0xf0"),
        Match::Connmark(Not {
            value: (0x10, 0xf0),
            not: false
        })
    );
    let addrtype = |src, dst, limit_in, limit_out| Match::AddrType {
        src,
        dst,
        limit_in,
        limit_out,
    };
    let unicast = addr_type::UNICAST | addr_type::BROADCAST;
    let words = "-m addrtype --src-type LOCAL ! --dst-type UNICAST,BROADCAST";
    assert_eq!(one(words), addrtype(is(addr_type::LOCAL), isnt(unicast), false, false));
    let words = "-m addrtype ! --src-type LOCAL --limit-iface-out";
    assert_eq!(one(words), addrtype(isnt(addr_type::LOCAL), None, false, true));
    let words = "-m addrtype --dst-type LOCAL --limit-iface-in";
    assert_eq!(one(words), addrtype(None, is(addr_type::LOCAL), true, false));
    let range = Match::IpRange {
        src: is((ip("1.1.1.1"), ip("1.1.1.9"))),
        dst: isnt((ip("2.2.2.2"), ip("2.2.2.3"))),
    };
    assert_eq!(
        one("-m iprange --src-range 1.1.1.1-1.1.1.9 ! --dst-range 2.2.2.2-2.2.2.3"),
        range
    );
    let mac = Match::MacSource(Not {
        value: "00:11:22:33:44:55".parse().unwrap(),
        not: true,
    });
    assert_eq!(one("-m mac ! --mac-source 00:11:22:33:44:55"), mac);
}

#[test]
fn chance() {
    let random = |value, not| Match::Random(Not { value, not });
    assert_eq!(
        one("-m statistic --mode random --probability 0.33333333349"),
        random(715_827_883, false)
    );
    assert_eq!(
        one("-m statistic --mode random --probability 0.33332999982"),
        random(715_820_724, false)
    );
    assert_eq!(
        one("-m statistic --mode random ! --probability 0.50000000000"),
        random(1 << 30, true)
    );
    assert_eq!(
        one("-m statistic --mode random --probability 1.00000000000"),
        random(1 << 31, false)
    );
    assert_eq!(
        one("-m statistic --mode nth --every 3 --packet 1"),
        Match::Nth(Not {
            value: (3, 1),
            not: false
        })
    );
    assert!(odd("-m statistic --mode random --probability 1.5").contains("1.5"));
    assert_eq!(one("-m limit --limit 5/min --limit-burst 7"), Match::Limit);
    let words = "-m hashlimit --hashlimit-above 5/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name foo";
    assert_eq!(one(words), Match::Limit);
    let recent = |op, name: &str, seconds, hitcount, source, not| Match::Recent {
        name: name.into(),
        op,
        seconds,
        hitcount,
        rttl: false,
        mask: crate::family::mask(32),
        source,
        not,
    };
    let words = "-m recent --set --name X --mask 255.255.255.255 --rdest";
    assert_eq!(one(words), recent(RecentOp::Set, "X", None, None, false, false));
    let words = "-m recent --rcheck --rttl --name X --mask 255.255.255.0 --rsource";
    assert!(matches!(one(words), Match::Recent { rttl: true, mask, .. } if mask == crate::family::mask(24)));
    let words = "-m recent ! --rcheck --seconds 5 --hitcount 3 --name DEFAULT --mask 255.255.255.255 --rsource";
    assert_eq!(
        one(words),
        recent(RecentOp::Check, "DEFAULT", Some(5), Some(3), true, true)
    );
    let words = "-m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-X --mask 255.255.255.255 --rsource";
    assert_eq!(
        one(words),
        recent(RecentOp::Check, "KUBE-SEP-X", Some(10800), None, true, false)
    );
    let words = "-m recent --update --seconds 5 --name Y --mask 255.255.255.255 --rsource";
    assert_eq!(one(words), recent(RecentOp::Update, "Y", Some(5), None, true, false));
    assert_eq!(
        one("-m recent --remove --name Y"),
        recent(RecentOp::Remove, "Y", None, None, true, false)
    );
}

#[test]
fn the_rest_of_the_matches() {
    assert_eq!(
        one("-m nfacct --nfacct-name  localhost_nps_accepted_pkts"),
        Match::Nfacct
    );
    let physdev = |iif, oif, is_in, is_out, is_bridged| Match::Physdev {
        iif,
        oif,
        is_in,
        is_out,
        is_bridged,
    };
    let words = "-m physdev --physdev-in eth0 ! --physdev-is-bridged";
    assert_eq!(
        one(words),
        physdev(is(link("eth0", false)), None, None, None, Some(false))
    );
    let words = "-m physdev --physdev-is-in --physdev-is-out ! --physdev-out cali+";
    assert_eq!(
        one(words),
        physdev(None, isnt(link("cali", true)), Some(true), Some(true), None)
    );
    assert_eq!(
        one("-m pkttype ! --pkt-type broadcast"),
        Match::PktType(Not { value: 1, not: true })
    );
    assert_eq!(
        one("-m pkttype --pkt-type unicast"),
        Match::PktType(Not { value: 0, not: false })
    );
    assert_eq!(
        one("-m length --length 100:200"),
        Match::Length(Not {
            value: (100, 200),
            not: false
        })
    );
    assert_eq!(
        one("-m length ! --length 100"),
        Match::Length(Not {
            value: (100, 100),
            not: true
        })
    );
    assert_eq!(
        one("-m ttl --ttl-lt 5"),
        Match::Ttl {
            cmp: -1,
            value: 5,
            not: false
        }
    );
    assert_eq!(
        one("-m ttl ! --ttl-eq 5"),
        Match::Ttl {
            cmp: 0,
            value: 5,
            not: true
        }
    );
    assert_eq!(
        one("-m ttl --ttl-gt 5"),
        Match::Ttl {
            cmp: 1,
            value: 5,
            not: false
        }
    );
    let words = "-m rpfilter --loose --validmark --accept-local --invert";
    let all = Match::RpFilter {
        loose: true,
        validmark: true,
        accept_local: true,
        invert: true,
    };
    assert_eq!(one(words), all);
    assert!(odd("-m bpf --bytecode \"1,6 0 0 1\" -j DROP").ends_with("match \"bpf\" is not modelled"));
    let r = rule("-m bpf --bytecode \"1,6 0 0 1\" -m mark --mark 0x1 -j DROP");
    assert_eq!(
        (r.matches.len(), &r.target),
        (2, &Target::Drop),
        "what stands after it is read"
    );
    assert!(odd("-m").contains("-m has no name"));
    assert!(odd("-m mark --mark").contains("has no value"));
    assert!(odd("-p tcp -m tcp --dport http").contains("http"));
}
