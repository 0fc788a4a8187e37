//! Sets as `ipset save` 7.17 prints them, and the rules that ask for them.

use super::{net, netfilter, odd, one, rules};
use crate::family::{Family, bits, mask};
use crate::netfilter::{IpSet, Match, SetDirs, SetElem, SetType, Target};
use std::sync::Arc;

fn set(words: &str) -> Arc<IpSet> {
    match one(words) {
        Match::Set { set, .. } => set,
        other => panic!("{other:?}"),
    }
}

/// The set of a save of its own.
fn of(save: &str) -> Result<Arc<IpSet>, String> {
    let text = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m set --match-set s src,src,src\nCOMMIT\n";
    let members = [
        ("iptables-save", text),
        ("iptables-legacy-save", ""),
        ("nft.json", ""),
        ("ipset.save", save),
    ];
    let (netfilter, gaps) = netfilter(&members);
    match &netfilter.tables[0].chains[0].rules[0].matches[0] {
        Match::Set { set, .. } => Ok(Arc::clone(set)),
        Match::Unsupported(gap) => Err(gaps.get(*gap).why.clone()),
        other => panic!("{other:?}"),
    }
}

fn at(ip: &str) -> u128 {
    bits(super::ip(ip))
}

#[test]
fn a_match() {
    let set = set("-m set --match-set good src");
    assert_eq!((set.kind, set.members.len()), (SetType::HashNet, 2));
    let nets: Vec<_> = set.members.iter().filter_map(|(e, _)| e.net(&set)).collect();
    assert_eq!(nets, [net("10.0.0.0/8"), net("10.1.1.1/32")]);
    assert_eq!(set.cidrs, [vec![32, 8], vec![]]);
    let Match::Set {
        dirs,
        not: true,
        return_nomatch: true,
        counters: true,
        ..
    } = one("-m set ! --match-set pairs dst,src --return-nomatch ! --update-counters --packets-gt 3 ! --bytes-eq 4")
    else {
        panic!()
    };
    assert_eq!(dirs, SetDirs { dim: 2, src: 2 });
    assert!(dirs.is_src(1) && !dirs.is_src(0) && !dirs.is_src(200));
    assert!(odd("-m set --match-set good both").contains("both"));
    assert!(odd("-m set --match-set good src,src,src,src,src,src,src").contains("src,src"));
    assert!(odd("-m set --match-set nosuch src").contains("does not exist"));
    assert!(odd("-m set").contains("--match-set is missing"));
}

#[test]
fn exceptions_and_parts() {
    let holes = set("-m set --match-set holes src");
    assert_eq!(holes.members.iter().filter(|(_, nomatch)| *nomatch).count(), 1);
    let pairs = set("-m set --match-set pairs src,dst");
    let one = SetElem {
        ip: at("10.0.0.1"),
        cidr: 32,
        proto: 6,
        port: 80,
        ..SetElem::default()
    };
    assert_eq!(pairs.members, [(one, false)]);
}

#[test]
fn every_type() {
    let elem = |save: &str| {
        let set = of(save).unwrap();
        set.members.iter().map(|(e, _)| e.clone()).collect::<Vec<_>>()
    };
    let ports = elem(
        "create s hash:ip,port family inet timeout 5 counters comment skbinfo bucketsize 12 initval 0x5a\n\
        add s 10.0.0.2,icmp:echo-request timeout 4 packets 0 bytes 0 comment \"a b\" skbmark 0x1/0xf\nadd s 10.0.0.3,icmp:200/5\n\
        add s 10.0.0.4,gre:0\nadd s 10.0.0.5,udp:80-81\n",
    );
    let got: Vec<_> = ports.iter().map(|e| (e.ip >> 96 & 0xff, e.proto, e.port)).collect();
    assert_eq!(
        got,
        [(2, 1, 0x0800), (3, 1, 0xc805), (4, 47, 0), (5, 17, 80), (5, 17, 81)]
    );
    let three = elem("create s hash:ip,port,net family inet\nadd s 10.0.0.1,tcp:80,10.2.0.0/24\n");
    assert_eq!((three[0].ip2, three[0].cidr2), (at("10.2.0.0"), 24));
    let masked =
        of("create s bitmap:ip range 10.0.0.0-10.0.255.255 netmask 24 timeout 0\nadd s 10.0.3.0 timeout 0\n").unwrap();
    assert_eq!(
        (masked.mask, masked.range),
        (mask(24), (at("10.0.0.0"), at("10.0.255.255")))
    );
    assert_eq!(masked.members[0].0.net(&masked), Some(net("10.0.3.0/24")));
    let macs =
        elem("create s bitmap:ip,mac range 10.0.0.0-10.0.0.255\nadd s 10.0.0.1,02:00:00:00:00:0A\nadd s 10.0.0.2\n");
    assert_eq!((macs[0].mac[5], macs[1].mac), (10, [0; 6]));
    let numbers = elem("create s bitmap:port range 1-100\nadd s 80\n");
    assert_eq!(numbers[0].port, 80);
    let ifaces = elem(
        "create s hash:net,iface family inet\nadd s 0.0.0.0/0,eth1\nadd s 10.1.0.0/16,physdev:va nomatch\n\
        add s 10.0.0.0/8,eth wildcard\n",
    );
    assert_eq!(
        ifaces
            .iter()
            .map(|e| (&*e.iface, e.physdev, e.wildcard))
            .collect::<Vec<_>>(),
        [("eth1", false, false), ("eth", false, true), ("va", true, false)]
    );
    let range = elem("create s hash:net family inet\nadd s 10.0.0.0-10.0.0.10\n");
    assert_eq!(range.iter().map(|e| e.cidr).collect::<Vec<_>>(), [29, 31, 32]);
    for (kind, member) in [
        ("hash:mac", "02:00:00:00:00:0a"),
        ("hash:ip,mac", "10.0.0.1,02:00:00:00:00:0a"),
        ("hash:ip,mark", "10.0.0.1,0x00000005"),
        ("hash:net,net", "10.0.0.0/8,10.0.0.0/24"),
        ("hash:net,port", "10.0.0.0/8,tcp:80"),
        ("hash:ip,port,ip", "10.0.0.1,80,10.0.0.2"),
        ("hash:net,port,net", "10.0.0.0/8,tcp:80,10.0.0.0/24"),
    ] {
        assert_eq!(
            elem(&format!("create s {kind} family inet\nadd s {member}\n")).len(),
            1,
            "{kind}"
        );
    }
    let six = of("create s hash:net,port family inet6\nadd s fd00::/64,icmpv6:echo-request\n").unwrap();
    let [(elem, false)] = &six.members[..] else { panic!() };
    assert_eq!(
        (six.family, elem.net(&six), elem.proto, elem.port),
        (Family::Inet6, Some(net("fd00::/64")), 58, 0x8000)
    );
    assert!(of("create s hash:ip family inet6\nadd s 10.0.0.1\n").is_err());
    let list = of("create s list:set size 8\nadd s a\nadd s b\ncreate a hash:ip\ncreate b hash:odd\n").unwrap();
    assert!(list.sets[0].is_ok() && list.sets[1].is_err());
}

#[test]
fn what_is_odd_is_a_gap() {
    let why = |save: &str| of(save).unwrap_err();
    assert_eq!(why("create s hash:odd\n"), "set \"s\": type hash:odd is not modelled");
    assert!(why("create s hash:ip family inet sparkle\n").contains("sparkle"));
    for bad in [
        "10.0.0.1",
        "10.0.0.1,tcp",
        "10.0.0.1,tcp:x",
        "10.0.0.1,tcp:9-8",
        "x,tcp:1",
        "1.1.1.1,tcp:1,3",
        "0.0.0.0/0,tcp:1",
        "",
    ] {
        let save = format!("create s hash:ip,port\nadd s \"{bad}\"\n");
        assert!(why(&save).contains("not understood"), "{bad}");
    }
    assert!(why("create s hash:ip netmask 99\n").contains("99"));
    assert!(why("create s list:set\nadd s nosuch\n").contains("does not exist"));
    assert!(why("create l list:set\ncreate s list:set\nadd s l\n").contains("is a list itself"));
    let many = "add s 10.0.0.0/16,tcp:1\n".repeat(3);
    assert!(why(&format!("create s hash:ip,port\n{many}")).contains("ranges with more than"));
    assert!(why("create s hash:ip,port\nadd s 10.0.0.0/8,tcp:1-9\n").contains("not understood"));
    let text = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m set --match-set good src\nCOMMIT\n";
    let (netfilter, gaps) = netfilter(&[("iptables-save", text), ("iptables-legacy-save", ""), ("nft.json", "")]);
    let Match::Unsupported(gap) = netfilter.tables[0].chains[0].rules[0].matches[0] else {
        panic!()
    };
    assert_eq!(
        (gaps.get(gap).path.as_str(), gaps.get(gap).why.as_str()),
        ("outside/a/ipset.save", "not collected")
    );
}

#[test]
fn targets() {
    let (list, _) = rules(
        "-A FORWARD -j SET --add-set pairs src,dst --exist --timeout 5 --del-set good src\n-A FORWARD -j SET --map-set pairs src,dst --map-mark",
    );
    let Target::Set {
        add: Some(add),
        del: Some(del),
    } = &list[0].target
    else {
        panic!("{list:?}")
    };
    assert_eq!(
        (&*add.0.name, add.1.dim, &*del.0.name, del.1.src),
        ("pairs", 2, "good", 1)
    );
    assert!(matches!(list[1].target, Target::Unmodelled(_)));
}
