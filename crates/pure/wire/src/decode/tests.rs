use super::*;
use crate::tcp as flags;
use etherparse::{PacketBuilder, TcpOptionElement};

const A: [u8; 6] = [2, 0, 0, 0, 0, 1];
const B: [u8; 6] = [2, 0, 0, 0, 0, 2];

fn syn() -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(A, B)
        .ipv4([10, 244, 1, 7], [10, 0, 21, 231], 64)
        .tcp(43210, 3000, 7, 64240)
        .syn();
    let builder = builder.options(&[TcpOptionElement::MaximumSegmentSize(1410)]).unwrap();
    let mut frame = Vec::new();
    builder.write(&mut frame, &[]).unwrap();
    frame
}

fn udp_frame(dport: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(A, B)
        .ipv4([192, 168, 50, 2], [192, 168, 50, 3], 64)
        .udp(5000, dport);
    builder.write(&mut frame, payload).unwrap();
    frame
}

fn vxlan(inner: &[u8]) -> Vec<u8> {
    udp_frame(8472, &[&[8, 0, 0, 0, 0, 0, 1, 0], inner].concat())
}

#[test]
fn a_syn_and_its_links() {
    let frame = syn();
    let decoded = decode(link_type::EN10MB, &frame);
    let L4::Tcp(tcp) = decoded.ip.as_ref().unwrap().l4.clone() else {
        panic!()
    };
    assert_eq!(
        (tcp.flags, tcp.mss, tcp.payload_len, tcp.seq),
        (flags::SYN, Some(1410), 0, 7)
    );
    let tuple = decoded.tuple().unwrap();
    assert_eq!((tuple.sport, tuple.dport, tuple.reversed().sport), (43210, 3000, 3000));
    assert_eq!((decoded.eth_src, decoded.eth_dst), (Some(Mac(A)), Some(Mac(B))));
    assert_eq!(decode(link_type::RAW, &frame[14..]).ip, decoded.ip);
    let sll = [&[0, 4, 0, 1, 0, 6][..], &A, &[0, 0, 8, 0], &frame[14..]].concat();
    let cooked = decode(link_type::LINUX_SLL, &sll);
    assert_eq!((cooked.ip, cooked.eth_src), (decoded.ip.clone(), Some(Mac(A))));
    let sll2 = [&[8, 0, 0, 0, 0, 0, 0, 9, 0, 1, 4, 6][..], &A, &[0, 0], &frame[14..]].concat();
    let cooked = decode(link_type::LINUX_SLL2, &sll2);
    assert_eq!(
        (cooked.ip, cooked.eth_src, cooked.ifindex),
        (decoded.ip, Some(Mac(A)), Some(9))
    );
    assert_eq!(decode(999, &frame), Decoded::default());
}

#[test]
fn vlan_and_arp() {
    let mut tagged = syn();
    tagged.splice(12..12, [0x81, 0, 0, 42]);
    let decoded = decode(link_type::EN10MB, &tagged);
    assert_eq!((decoded.vlan, decoded.ip.is_some()), (Some(42), true));
    let arp = [
        &B[..],
        &A,
        &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1],
        &A,
        &[10, 0, 0, 1],
        &[0; 6],
        &[10, 0, 0, 2],
    ]
    .concat();
    let arp = decode(link_type::EN10MB, &arp).arp.unwrap();
    assert_eq!(
        (arp.operation, arp.sender_mac, arp.target_ip),
        (1, Mac(A), Ipv4Addr::new(10, 0, 0, 2))
    );
}

#[test]
fn vxlan_in_vxlan_ends() {
    let decoded = decode(link_type::EN10MB, &vxlan(&syn()));
    let vxlan_header = decoded.vxlan().unwrap();
    assert_eq!((vxlan_header.vni, vxlan_header.inner.tuple().unwrap().dport), (1, 3000));
    assert!(decode(link_type::EN10MB, &udp_frame(8472, &[0; 30])).vxlan().is_none());
    let mut frame = syn();
    for _ in 0..20 {
        frame = vxlan(&frame);
    }
    let mut decoded = decode(link_type::EN10MB, &frame);
    let mut layers = 0;
    while let Some(vxlan) = decoded.vxlan().cloned() {
        (decoded, layers) = (vxlan.inner, layers + 1);
    }
    assert_eq!(layers, u32::from(DEPTH));
}

#[test]
fn errors_quote_what_they_answer() {
    let quoted = &syn()[14..14 + 28];
    let error = [&[3, 4, 0, 0, 0, 0, 5, 0x78], quoted].concat();
    let mut packet = Vec::new();
    PacketBuilder::ipv4([10, 244, 1, 1], [10, 244, 1, 7], 64)
        .icmpv4_raw(3, 4, [0, 0, 5, 0x78])
        .write(&mut packet, quoted)
        .unwrap();
    let decoded = decode(link_type::IPV4, &packet);
    let L4::Icmp(message) = &decoded.ip.as_ref().unwrap().l4 else {
        panic!()
    };
    assert_eq!(
        (message.kind, message.code, message.mtu),
        (icmp::DEST_UNREACH, icmp::FRAG_NEEDED, Some(1400))
    );
    assert_eq!(message.inner, decode(link_type::EN10MB, &syn()).tuple());
    assert_eq!(icmp_message(&error, false).as_ref(), Some(message));
    let redirect = [&[5, 1, 0, 0, 10, 0, 0, 9], quoted].concat();
    assert_eq!(
        icmp_message(&redirect, false).unwrap().gateway,
        Some(Ipv4Addr::new(10, 0, 0, 9))
    );
    let echo = icmp_message(&[8, 0, 0, 0, 0, 7, 0, 1, 0x45], false).unwrap();
    assert_eq!((echo.id, echo.seq, echo.inner), (Some(7), Some(1), None));
}

#[test]
fn ipv6_and_fragments() {
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(A, B)
        .ipv6([1; 16], [2; 16], 9)
        .udp(1, 2)
        .write(&mut frame, b"hello")
        .unwrap();
    let ip = decode(link_type::EN10MB, &frame).ip.unwrap();
    assert_eq!((ip.ttl, ip.len, ip.proto), (9, 53, Proto::UDP));
    let L4::Udp(udp) = ip.l4 else { panic!() };
    assert_eq!(udp.payload_len, 5);
    let mut first = syn();
    first[20] = 0x20;
    let ip = decode(link_type::EN10MB, &first).ip.unwrap();
    assert_eq!(ip.fragment, Some((0, true)));
    assert!(matches!(ip.l4, L4::Tcp(_)));
    first[21] = 1;
    let ip = decode(link_type::EN10MB, &first).ip.unwrap();
    assert_eq!((ip.fragment, ip.l4), (Some((8, true)), L4::Unread));
}

#[test]
fn cut_and_damaged_frames_do_no_harm() {
    let frames = [syn(), vxlan(&syn()), vxlan(&vxlan(&udp_frame(53, b"x")))];
    let links = [
        link_type::EN10MB,
        link_type::RAW,
        link_type::LINUX_SLL,
        link_type::LINUX_SLL2,
        link_type::NULL,
        link_type::IPV6,
    ];
    for frame in frames {
        for link in links {
            for cut in 0..=frame.len() {
                decode(link, &frame[..cut]);
            }
            for at in 0..frame.len() {
                for value in [0, 1, 0x45, 0x60, 0x7f, 0xff] {
                    let mut frame = frame.clone();
                    frame[at] = value;
                    decode(link, &frame);
                }
            }
        }
    }
}

#[test]
fn ipv6_extension_headers() {
    let packet = |next: u8, body: &[u8]| {
        let len = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[0x60, 0, 0, 0][..], &len, &[next, 64], &[1; 16], &[2; 16], body].concat()
    };
    let udp = [0, 1, 0, 2, 0, 8, 0, 0];
    // Hop-by-hop, then a first fragment, then UDP.
    let body = [&[44, 0, 1, 4, 0, 0, 0, 0][..], &[17, 0, 0, 1, 0, 0, 0, 9], &udp].concat();
    let ip = decode(link_type::RAW, &packet(0, &body)).ip.unwrap();
    assert_eq!((ip.proto, ip.fragment), (Proto::UDP, Some((0, true))));
    assert!(matches!(ip.l4, L4::Udp(Udp { sport: 1, dport: 2, .. })));
    let later = [&[17, 0, 0, 8, 0, 0, 0, 9][..], &udp].concat();
    let ip = decode(link_type::RAW, &packet(44, &later)).ip.unwrap();
    assert_eq!((ip.fragment, ip.l4), (Some((8, false)), L4::Unread));
    // A chain that goes on beyond the end.
    let ip = decode(link_type::RAW, &packet(0, &[0, 255, 0, 0])).ip.unwrap();
    assert_eq!(ip.l4, L4::Unread);
}
