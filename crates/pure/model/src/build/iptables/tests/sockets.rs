//! Matches of sockets, of single header fields, and of any bytes.

use super::{is, isnt, odd, one};
use crate::netfilter::{Match, Not, U32Op, U32Test};

#[test]
fn owners() {
    let Match::Owner { uid, gid, exists, .. } =
        one("-m owner --uid-owner 0-5 ! --gid-owner 7 --suppl-groups ! --socket-exists")
    else {
        panic!()
    };
    assert_eq!((uid, gid, exists), (is((0, 5)), isnt((7, 7)), Some(false)));
    assert!(odd("-m owner --uid-owner root").contains("root"));
    assert!(odd("-m owner --pid-owner 5").contains("--pid-owner"));
    let socket = |words: &str| match one(words) {
        Match::Socket {
            transparent,
            nowildcard,
            ..
        } => (transparent, nowildcard),
        other => panic!("{other:?}"),
    };
    assert_eq!(socket("-m socket"), (false, false));
    assert_eq!(socket("-m socket --nowildcard --transparent"), (true, true));
    assert!(odd("-m socket --restore-skmark").contains("--restore-skmark"));
}

#[test]
fn single_fields() {
    assert_eq!(
        one("-m dscp ! --dscp 0x2e"),
        Match::Dscp(Not { value: 0x2e, not: true })
    );
    let tos = |value, mask| {
        Match::Tos(Not {
            value: (value, mask),
            not: false,
        })
    };
    assert_eq!(one("-m tos --tos 0x10/0x3f"), tos(0x10, 0x3f));
    assert_eq!(one("-m tos --tos 0x10"), tos(0x10, 0xff));
    let mss = Match::TcpMss(Not {
        value: (1000, 1400),
        not: true,
    });
    assert_eq!(one("-p tcp -m tcpmss ! --mss 1000:1400"), mss);
    assert!(odd("-m dscp --dscp 0x100").contains("0x100"));
    assert!(odd("-m tos").contains("--tos is missing"));
}

#[test]
fn any_bytes() {
    let Match::U32 { tests, not: true, .. } =
        one("-m u32 ! --u32 \"0x0&0xff>>0x2@0x4<<0x1=0x5,0x7:0x9&&0xc=0xa000001\"")
    else {
        panic!()
    };
    let first = U32Test {
        start: 0,
        steps: vec![(U32Op::And, 0xff), (U32Op::Right, 2), (U32Op::At, 4), (U32Op::Left, 1)],
        values: vec![(5, 5), (7, 9)],
    };
    let second = U32Test {
        start: 12,
        steps: Vec::new(),
        values: vec![(0x0a00_0001, 0x0a00_0001)],
    };
    assert_eq!(tests, [first, second]);
    assert!(matches!(
        one("-m u32 --u32 \"6 & 0xFF = 1, 2 && 0 >> 22 & 0x3C @ 12 = 5\""),
        Match::U32 { .. }
    ));
    for bad in [
        "",
        "=",
        "6&=1",
        "6&0xff",
        "6?1=1",
        "6=x",
        "6=1:",
        "6@@1=1",
        "99999999999=1",
        "\u{20ac}=1",
        "6=1&&",
    ] {
        assert!(odd(&format!("-m u32 --u32 \"{bad}\"")).contains("u32"), "{bad}");
    }
}
