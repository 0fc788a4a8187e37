//! Rules as nft 1.0.6 prints them (`nft -j list ruleset`), and what they mean.

use crate::build::tests::{alone, only};
use crate::family::Family;
use crate::netfilter::nft::{
    BitOp, Bytes, CtDir, CtKey, Expr, Fib, FibResult, MetaKey, NatKind, NatValue, Need, NftData, NftReject,
    OptionField, RtKey, Settable, Stmt, Test, Verdict,
};
use crate::netfilter::{ChainId, Netfilter};
use std::sync::Arc;

/// The chain and the sets that rules may name.
const BEFORE: &str = r#"{"table":{"family":"inet","name":"t"}},
    {"chain":{"family":"inet","table":"t","name":"base","type":"filter","hook":"forward","prio":0,"policy":"accept"}},
    {"chain":{"family":"inet","table":"t","name":"c"}},
    {"set":{"family":"inet","name":"ports","table":"t","type":"inet_service","flags":["interval"],"elem":[{"range":[1,5]},80]}},
    {"set":{"family":"inet","name":"odd","table":"t","type":"integer","elem":[1]}},
    {"map":{"family":"inet","name":"vm","table":"t","type":["inet_proto","inet_service"],"map":"verdict",
        "elem":[[{"concat":["tcp",80]},{"goto":{"target":"c"}}],[{"elem":{"val":{"concat":["udp",53]},"comment":"x"}},{"drop":null}]]}},
    {"map":{"family":"inet","name":"ends","table":"t","type":"ipv4_addr","map":"ipv4_addr . inet_service","flags":["interval"],
        "elem":[[{"prefix":{"addr":"10.0.0.0","len":8}},{"concat":["10.1.0.1",8080]}],["*",{"concat":["10.1.0.2",90]}]]}}"#;

fn netfilter(expr: &str) -> (Arc<Netfilter>, Vec<String>) {
    let rule = format!(r#"{{"rule":{{"family":"inet","table":"t","chain":"base","handle":9,"expr":[{expr}]}}}}"#);
    let text = format!(r#"{{"nftables":[{BEFORE},{rule}]}}"#);
    let c = alone(&[("nft.json", &text), ("iptables-save", ""), ("iptables-legacy-save", "")]);
    let gaps = c.gaps.iter().filter(|(_, gap)| gap.path.ends_with("nft.json"));
    let gaps = gaps.map(|(_, gap)| gap.why.clone()).collect();
    (Arc::clone(&only(&c).netfilter), gaps)
}

/// The one statement of a rule that is understood.
fn stmt(expr: &str) -> Stmt {
    let (netfilter, _) = netfilter(expr);
    let [stmt] = &netfilter.native[0].chains[0].rules[0].stmts[..] else {
        panic!("{expr}")
    };
    assert!(!matches!(stmt, Stmt::Unsupported(_)), "{expr}");
    stmt.clone()
}

fn compared(left: &str, op: &str, right: &str) -> (Expr, bool, Test) {
    let text = format!(r#"{{"match":{{"op":"{op}","left":{left},"right":{right}}}}}"#);
    match stmt(&text) {
        Stmt::Match(m) => (m.left, m.not, m.test),
        other => panic!("{other:?}"),
    }
}

fn one(value: u128, len: usize) -> Test {
    Test::Range(Bytes::number(value, len), Bytes::number(value, len))
}

const STATE: &str = r#"{"ct":{"key":"state"}}"#;
const MARK: &str = r#"{"meta":{"key":"mark"}}"#;
const DPORT: &str = r#"{"payload":{"protocol":"tcp","field":"dport"}}"#;

#[test]
fn comparisons() {
    let range = |low, high| Test::Range(Bytes::number(low, 2), Bytes::number(high, 2));
    assert_eq!(compared(DPORT, "==", "80").2, one(80, 2));
    assert!(compared(DPORT, "!=", r#"{"range":[22,80]}"#).1);
    assert_eq!(compared(DPORT, "<", "1024").2, range(0, 1023));
    assert_eq!(compared(DPORT, ">", "1024").2, range(1025, 0xffff));
    assert_eq!(compared(DPORT, ">=", "1024").2, range(1024, 0xffff));
    assert_eq!(compared(DPORT, ">", "65535").2, Test::Never);
    let any = |bits: u128| Test::Bits(Bytes::number(bits, 4));
    let (left, not, test) = compared(STATE, "in", r#"["established","related"]"#);
    assert_eq!((left, not, test), (Expr::Ct(CtKey::State, None), false, any(6)));
    assert_eq!(
        compared(STATE, "!", r#""new""#),
        (Expr::Ct(CtKey::State, None), true, any(8))
    );
    // No bit, but the whole value.
    let status = r#"{"ct":{"key":"status"}}"#;
    assert_eq!(compared(status, "!=", r#""dnat""#).2, one(32, 4));
    let mask = format!(r#"{{"&":[{MARK},255]}}"#);
    let (left, ..) = compared(&mask, "==", "16");
    let sides = [Expr::Meta(MetaKey::Mark), Expr::Value(Bytes::number(255, 4))];
    assert_eq!(left, Expr::Bits(BitOp::And, Box::new(sides)));
    let exists = r#"{"fib":{"result":"oif","flags":["saddr","iif"]}}"#;
    let fib = Fib {
        result: FibResult::Exists,
        saddr: true,
        mark: false,
        iif: true,
        oif: false,
    };
    assert_eq!(compared(exists, "==", "false"), (Expr::Fib(fib), false, one(0, 1)));
    assert_eq!(compared(exists, "==", r#""0""#).2, one(0, 4));
    let name = |fill: u8| {
        let mut name = b"cali".to_vec();
        name.resize(16, fill);
        Bytes::new(&name).unwrap()
    };
    let iifname = r#"{"meta":{"key":"iifname"}}"#;
    assert_eq!(compared(iifname, "==", r#""cali*""#).2, Test::Range(name(0), name(255)));
    let original = r#"{"ct":{"key":"proto-dst","dir":"original"}}"#;
    assert_eq!(
        compared(original, "==", "80").0,
        Expr::Ct(CtKey::Dport, Some(CtDir::Original))
    );
    let option = r#"{"tcp option":{"name":"maxseg"}}"#;
    assert_eq!(
        compared(option, "==", "true").0,
        Expr::TcpOption(2, OptionField::Exists)
    );
}

#[test]
fn fields_of_headers() {
    let field = |protocol: &str, field: &str, right: &str| {
        let left = format!(r#"{{"payload":{{"protocol":"{protocol}","field":"{field}"}}}}"#);
        let (left, _, test) = compared(&left, "==", right);
        let Expr::Payload(payload) = left else {
            panic!("{left:?}")
        };
        (
            payload.need,
            payload.offset,
            payload.bits,
            payload.unknown.is_none(),
            test,
        )
    };
    assert_eq!(field("ip", "dscp", r#""af11""#), (Need::Ipv4, 8, 6, true, one(10, 1)));
    assert_eq!(
        field("tcp", "flags", r#""syn""#),
        (Need::Proto(6), 104, 8, true, one(2, 1))
    );
    assert_eq!(field("th", "sport", "5"), (Need::Nothing, 0, 16, true, one(5, 2)));
    assert_eq!(
        field("icmp", "type", r#""echo-request""#),
        (Need::Proto(1), 0, 8, true, one(8, 1))
    );
    assert_eq!(field("udp", "length", "8"), (Need::Proto(17), 32, 16, false, one(8, 2)));
    let raw = r#"{"payload":{"base":"nh","offset":8,"len":8}}"#;
    assert!(matches!(compared(raw, "==", "7").0, Expr::Payload(p) if p.unknown.is_some() && p.bits == 8));
}

#[test]
fn sets_and_maps() {
    let (.., test) = compared(DPORT, "==", r#""@ports""#);
    let Test::Set(set) = test else { panic!() };
    let has = |port: u16| set.find(&port.to_be_bytes()).is_some();
    assert!(has(1) && has(5) && has(80) && !has(6) && !has(0));
    let vmap = r#"{"vmap":{"key":{"concat":[{"meta":{"key":"l4proto"}},{"payload":{"protocol":"th","field":"dport"}}]},"data":"@vm"}}"#;
    let Stmt::Vmap(Expr::Concat(parts), set) = stmt(vmap) else {
        panic!()
    };
    assert_eq!(parts.len(), 2);
    let leads = |key: &[u8]| set.find(key).map(|elem| elem.data.clone());
    assert_eq!(leads(&[6, 0, 80]), Some(NftData::Verdict(Verdict::Goto(ChainId(1)))));
    assert_eq!(leads(&[17, 0, 53]), Some(NftData::Verdict(Verdict::Drop)));
    assert_eq!(leads(&[17, 0, 80]), None);
    let dnat = r#"{"dnat":{"family":"ip","addr":{"map":{"key":{"payload":{"protocol":"ip","field":"daddr"}},"data":"@ends"}}}}"#;
    let Stmt::Nat(nat) = stmt(dnat) else { panic!() };
    let Some(NatValue::One(Expr::Map(_, set))) = nat.addr else {
        panic!()
    };
    let value = |last: u8| {
        NftData::Value(
            [
                10,
                1,
                0,
                last,
                [31, 0][usize::from(last) - 1],
                [144, 90][usize::from(last) - 1],
            ]
            .into(),
        )
    };
    assert_eq!(set.find(&[10, 9, 9, 9]).map(|e| &e.data), Some(&value(1)));
    assert_eq!(set.find(&[11, 0, 0, 0]).map(|e| &e.data), Some(&value(2)));
}

#[test]
fn statements() {
    let nat = |text: &str| match stmt(text) {
        Stmt::Nat(nat) => nat,
        other => panic!("{other:?}"),
    };
    let random = r#"{"dnat":{"family":"ip","addr":{"map":{"key":{"numgen":{"mode":"random","mod":2,"offset":0}},
        "data":{"set":[[0,{"concat":["10.0.0.1",80]}],[1,{"concat":["10.0.0.2",90]}]]}}}}}"#;
    let Some(NatValue::One(Expr::Map(key, set))) = nat(random).addr else {
        panic!()
    };
    assert!(
        matches!(
            *key,
            Expr::Numgen {
                random: true,
                modulus: 2,
                offset: 0
            }
        ) && set.elems().count() == 2
    );
    let masquerade = nat(r#"{"masquerade":{"port":{"range":[4790,65535]},"flags":"fully-random"}}"#);
    assert!(masquerade.kind == NatKind::Masquerade && masquerade.random && masquerade.addr.is_none());
    assert!(matches!(masquerade.port, Some(NatValue::Range(low, _)) if low == Bytes::number(4790, 2)));
    let netmap = nat(
        r#"{"snat":{"family":"ip","addr":{"map":{"key":{"payload":{"protocol":"ip","field":"saddr"}},"data":{"set":
        [[{"prefix":{"addr":"10.1.0.0","len":24}},{"prefix":{"addr":"10.2.0.0","len":24}}]]}}},"flags":"netmap","type_flags":"prefix"}}"#,
    );
    assert!(netmap.netmap && netmap.family == Some(Family::Inet));
    let reject = |text: &str| match stmt(text) {
        Stmt::Reject(with) => (with, with.icmp_code(), with.icmpv6_code()),
        other => panic!("{other:?}"),
    };
    assert_eq!(reject(r#"{"reject":null}"#), (NftReject::Icmpx(1), Some(3), Some(4)));
    assert_eq!(
        reject(r#"{"reject":{"type":"icmpx","expr":"admin-prohibited"}}"#),
        (NftReject::Icmpx(3), Some(13), Some(1))
    );
    assert_eq!(
        reject(r#"{"reject":{"type":"tcp reset"}}"#),
        (NftReject::TcpReset, None, None)
    );
    let or = format!(r#"{{"mangle":{{"key":{MARK},"value":{{"|":[{MARK},16384]}}}}}}"#);
    assert!(matches!(stmt(&or), Stmt::Set(Settable::Mark, Expr::Bits(BitOp::Or, _))));
    let clamp = r#"{"mangle":{"key":{"tcp option":{"name":"maxseg","field":"size"}},"value":{"rt":{"key":"mtu"}}}}"#;
    assert_eq!(stmt(clamp), Stmt::Set(Settable::Mss, Expr::Rt(RtKey::Mtu)));
    let zone = r#"{"mangle":{"key":{"ct":{"key":"zone","dir":"original"}},"value":6}}"#;
    let want = Settable::CtZone {
        orig: true,
        reply: false,
    };
    assert_eq!(stmt(zone), Stmt::Set(want, Expr::Value(Bytes::number(6, 2))));
    for (text, want) in [
        (r#"{"limit":{"rate":10,"per":"second"}}"#, Stmt::State),
        (r#"{"quota":"q"}"#, Stmt::State),
        (r#"{"log":{"prefix":"x"}}"#, Stmt::Look),
        (r#"{"counter":"cnt"}"#, Stmt::Counter),
        (r#"{"jump":{"target":"c"}}"#, Stmt::Verdict(Verdict::Jump(ChainId(1)))),
        (r#"{"notrack":null}"#, Stmt::Notrack),
    ] {
        assert_eq!(stmt(text), want, "{text}");
    }
}

#[test]
fn what_is_not_modelled_has_a_gap() {
    for (text, why) in [
        (r#"{"tproxy":{"port":80}}"#, "tproxy"),
        (r#"{"jump":{"target":"nowhere"}}"#, "chain nowhere"),
        (
            r#"{"match":{"op":"==","left":{"socket":{"key":"transparent"}},"right":1}}"#,
            "socket",
        ),
        (
            r#"{"match":{"op":"==","left":{"meta":{"key":"cgroup"}},"right":1}}"#,
            "meta cgroup",
        ),
        (
            r#"{"match":{"op":"==","left":{"meta":{"key":"l4proto"}},"right":"@nothing"}}"#,
            "set @nothing",
        ),
        (
            r#"{"mangle":{"key":{"payload":{"protocol":"ip","field":"checksum"}},"value":1}}"#,
            "payload set",
        ),
        (r#"{"xt":{"type":"target","name":"TEE"}}"#, "xt TEE"),
    ] {
        let (netfilter, gaps) = netfilter(text);
        let place = format!("{why} of the rule with handle 9 in table inet t chain base is not modelled");
        assert!(gaps.contains(&place), "{text}: {gaps:?}");
        let stmt = &netfilter.native[0].chains[0].rules[0].stmts[0];
        let unknown = match stmt {
            Stmt::Match(m) => matches!(m.left, Expr::Unsupported(_)),
            Stmt::Verdict(verdict) => matches!(verdict, Verdict::Unsupported(_)),
            other => matches!(other, Stmt::Unsupported(_)),
        };
        assert!(unknown, "{stmt:?}");
    }
    let (netfilter, gaps) = netfilter(r#"{"match":{"op":"==","left":{"meta":{"key":"length"}},"right":"@odd"}}"#);
    assert!(
        gaps.contains(&"type of set odd of set odd in table inet t is not modelled".to_owned()),
        "{gaps:?}"
    );
    let Stmt::Match(m) = &netfilter.native[0].chains[0].rules[0].stmts[0] else {
        panic!()
    };
    assert!(matches!(&m.test, Test::Set(set) if set.unknown.is_some()));
}

#[test]
fn destinations_that_nat_statements_name() {
    let map = r#"{"dnat":{"family":"ip","addr":{"map":{"key":{"numgen":{"mode":"random","mod":2,"offset":0}},
        "data":{"set":[[0,{"concat":["10.0.0.1",80]}],[1,{"concat":["10.0.0.2",90]}]]}}}}}"#;
    let one = r#"{"dnat":{"family":"ip","addr":"10.0.0.1","port":80}}"#;
    let addr = |last: u8| std::net::IpAddr::from([10, 0, 0, last]);
    for (text, rest) in [(map, vec![(addr(2), Some(90))]), (one, Vec::new())] {
        let Stmt::Nat(mut nat) = stmt(text) else { panic!() };
        assert!(!nat.retarget((addr(1), 81), (addr(9), 99)));
        assert!(nat.retarget((addr(1), 80), (addr(9), 99)));
        let mut ends = nat.ends();
        ends.retain(|end| *end != (addr(9), Some(99)));
        assert_eq!(ends, rest);
    }
}

#[test]
fn tables_of_arp_are_a_gap_where_they_do_something() {
    let arp = |rules: &str| {
        let chain = r#"{"chain":{"family":"arp","table":"f","name":"in","type":"filter","hook":"input","prio":0,"policy":"accept"}}"#;
        let text = format!(r#"{{"nftables":[{{"table":{{"family":"arp","name":"f"}}}},{chain}{rules}]}}"#);
        let c = alone(&[("nft.json", &text), ("iptables-save", ""), ("iptables-legacy-save", "")]);
        let gap = only(&c).netfilter.arp;
        gap.map(|gap| c.gaps.get(gap).why.clone())
    };
    let rule =
        |what: &str| format!(r#",{{"rule":{{"family":"arp","table":"f","chain":"in","handle":2,"expr":[{what}]}}}}"#);
    assert_eq!(arp(""), None);
    assert_eq!(arp(&rule(r#"{"counter":null}"#)), None);
    let why = "native nftables table arp f chain in is not modelled";
    assert_eq!(arp(&rule(r#"{"drop":null}"#)).as_deref(), Some(why));
}
