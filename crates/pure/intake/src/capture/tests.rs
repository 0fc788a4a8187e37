use super::*;
use netwhy_wire::pcap::Writer;
use netwhy_wire::tcp::{ACK, RST, SYN};

const CLIENT: [u8; 4] = [10, 244, 1, 7];
const SERVICE: [u8; 4] = [10, 0, 21, 231];
const POD: [u8; 4] = [10, 244, 1, 9];

/// An Ethernet frame with an IPv4 packet. Checksums are not read.
fn frame(proto: u8, id: u16, src: [u8; 4], dst: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    bytes.extend(ip(proto, id, src, dst, body));
    bytes
}

fn ip(proto: u8, id: u16, src: [u8; 4], dst: [u8; 4], body: &[u8]) -> Vec<u8> {
    let length = (20 + body.len()) as u16;
    let mut bytes = vec![0x45, 0];
    bytes.extend(length.to_be_bytes());
    bytes.extend(id.to_be_bytes());
    bytes.extend([0x40, 0, 64, proto, 0, 0]);
    bytes.extend(src);
    bytes.extend(dst);
    bytes.extend(body);
    bytes
}

fn segment(sport: u16, dport: u16, seq: u32, ack: u32, flags: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(sport.to_be_bytes());
    bytes.extend(dport.to_be_bytes());
    bytes.extend(seq.to_be_bytes());
    bytes.extend(ack.to_be_bytes());
    bytes.extend([0x50, flags, 0xfa, 0xf0, 0, 0, 0, 0]);
    bytes
}

fn datagram(sport: u16, dport: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(sport.to_be_bytes());
    bytes.extend(dport.to_be_bytes());
    bytes.extend((8 + payload.len() as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    bytes
}

fn syn(id: u16) -> Vec<u8> {
    frame(6, id, CLIENT, SERVICE, &segment(43210, 3000, 100, 0, SYN))
}

fn file(packets: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new();
    for (ms, bytes) in packets {
        writer.packet(1_790_000_000_000_000 + ms * 1000, bytes);
    }
    writer.finish()
}

fn only(file: &[u8]) -> FlowObservation {
    let seen = read_capture(file).unwrap();
    assert_eq!(seen.flows.len(), 1, "{seen:#?}");
    seen.flows.into_iter().next().unwrap()
}

/// tcpdump of a client: a port that nobody listens on, one that is dropped, one that is rejected, and an address that
/// nobody has; with tcp_syn_retries=2.
#[test]
fn a_real_capture() {
    let seen = read_capture(include_bytes!("../../tests/mixed.pcap")).unwrap();
    let kinds: Vec<_> = seen.flows.iter().map(|f| (f.tuple.dport, f.kind)).collect();
    let expected = [
        (3000, Some(Kind::Refused)),
        (3002, Some(Kind::NoRoute)),
        (3001, Some(Kind::ConnectTimeout)),
    ];
    assert_eq!(kinds, expected);
    let dropped = &seen.flows[2];
    assert_eq!((dropped.asked.len(), dropped.schedule), (6, Schedule::Linear));
    assert_eq!(
        dropped.words(),
        "6 SYN from 10.3.0.1:42608 to 10.3.0.2:3001 in 5.1 s, no answer (packets 12 18 22 24 26 28)"
    );
    assert_eq!(seen.flows[1].icmp, Some((3, 10, "10.3.0.2".parse().unwrap())));
    let [arp] = seen.arp.as_slice() else {
        panic!("{:?}", seen.arp)
    };
    assert_eq!((arp.target.to_string().as_str(), arp.asked.len()), ("10.3.0.8", 3));
    assert_eq!(seen.observations().len(), 4);
}

/// The same by `-i any`: Linux cooked frames.
#[test]
fn a_real_capture_of_all_interfaces() {
    let seen = read_capture(include_bytes!("../../tests/any.pcap")).unwrap();
    let kinds: Vec<_> = seen.flows.iter().map(|f| (f.tuple.dport, f.kind)).collect();
    let three = [
        (3000, Some(Kind::Refused)),
        (3002, Some(Kind::NoRoute)),
        (3001, Some(Kind::ConnectTimeout)),
    ];
    assert_eq!(kinds[..3], three);
    assert_eq!(seen.flows[2].interfaces.len(), 1);
    // The kernel's own error for the address that nobody has, on lo; the SYN never left.
    let words = seen.flows[3].words();
    assert!(words.starts_with("SYN (not in the capture) from 10.3.0.1:"), "{words}");
    assert!(
        words.contains(" to 10.3.0.8:3000, ICMP host unreachable from 10.3.0.1 (packets "),
        "{words}"
    );
    assert_eq!(seen.arp.len(), 1);
}

#[test]
fn both_schedules_of_a_syn() {
    for (times, schedule) in [
        (&[0, 1010, 2040, 3060, 4080, 5110, 7120, 11260][..], Schedule::Linear),
        (&[0, 1030, 3050, 7170, 15370][..], Schedule::Doubling),
    ] {
        let packets: Vec<_> = times.iter().enumerate().map(|(at, ms)| (*ms, syn(at as u16))).collect();
        let flow = only(&file(&packets));
        assert_eq!((flow.kind, flow.schedule), (Some(Kind::ConnectTimeout), schedule));
        assert_eq!(flow.asked.len(), times.len());
    }
}

#[test]
fn one_syn_is_too_early_to_tell() {
    let flow = only(&file(&[(0, syn(1))]));
    assert_eq!(flow.kind, None);
    assert!(flow.words().contains("no answer yet"), "{}", flow.words());
}

#[test]
fn an_answered_connection_is_no_failure() {
    let accepted = frame(6, 9, SERVICE, CLIENT, &segment(3000, 43210, 7, 101, SYN | ACK));
    let flow = only(&file(&[(0, syn(1)), (1000, syn(2)), (1001, accepted)]));
    assert_eq!((flow.kind, flow.answers), (None, vec![3]));
}

#[test]
fn an_answer_from_elsewhere_is_reset() {
    let answer = |id| frame(6, id, POD, CLIENT, &segment(8080, 43210, 7, 101, SYN | ACK));
    let reset = |id| frame(6, id, CLIENT, POD, &segment(43210, 8080, 101, 0, RST));
    let flow = only(&file(&[
        (0, syn(1)),
        (1, answer(5)),
        (1, reset(6)),
        (1010, syn(2)),
        (1011, answer(7)),
        (1011, reset(8)),
    ]));
    assert_eq!(
        (flow.kind, flow.answered_by),
        (Some(Kind::AnsweredElsewhere), Some(POD.into()))
    );
    assert_eq!(
        (flow.answers.as_slice(), flow.resets.as_slice()),
        (&[2, 5][..], &[3, 6][..])
    );
    assert!(
        flow.words().contains("SYN-ACK from 10.244.1.9, reset by the client"),
        "{}",
        flow.words()
    );
    let seen = flow.observation().unwrap();
    assert_eq!(crate::candidates(&seen)[0].name, "bridge-nf-call-iptables-disabled");
}

#[test]
fn an_icmp_error_names_who_sends_it() {
    for (code, kind) in [
        (0, Kind::NetUnreachable),
        (1, Kind::NoRoute),
        (3, Kind::Refused),
        (13, Kind::NoRoute),
    ] {
        let mut body = vec![3, code, 0, 0, 0, 0, 0, 0];
        body.extend(ip(6, 1, CLIENT, SERVICE, &segment(43210, 3000, 100, 0, SYN)));
        let flow = only(&file(&[(0, syn(1)), (2, frame(1, 2, [10, 244, 1, 1], CLIENT, &body))]));
        assert_eq!(
            (flow.kind, flow.icmp),
            (Some(kind), Some((3, code, [10, 244, 1, 1].into()))),
            "code {code}"
        );
        assert_eq!(flow.answers, [2]);
    }
}

#[test]
fn inside_vxlan_and_seen_once_per_packet() {
    let wrapped = |id: u16| {
        let mut payload = vec![8, 0, 0, 0, 0, 0, 1, 0];
        payload.extend(syn(id));
        frame(
            17,
            id,
            [192, 168, 77, 1],
            [192, 168, 77, 2],
            &datagram(40000, 8472, &payload),
        )
    };
    let flow = only(&file(&[(0, wrapped(1)), (1020, wrapped(2)), (3060, wrapped(3))]));
    assert_eq!(
        (flow.kind, flow.vni, flow.asked.len()),
        (Some(Kind::ConnectTimeout), Some(1), 3)
    );
    let flow = only(&file(&[
        (0, syn(1)),
        (0, wrapped(1)),
        (1020, syn(2)),
        (1020, wrapped(2)),
    ]));
    assert_eq!((flow.vni, flow.asked), (None, vec![1, 3]));
}

#[test]
fn a_name_server_that_is_silent() {
    let query = |id| frame(17, id, CLIENT, [10, 96, 0, 10], &datagram(5353, 53, b"query"));
    let flow = only(&file(&[(0, query(1)), (5005, query(2))]));
    assert_eq!(flow.kind, Some(Kind::Dns(DnsError::Unanswered)));
    let answer = frame(17, 3, [10, 96, 0, 10], CLIENT, &datagram(53, 5353, b"answer"));
    assert_eq!(only(&file(&[(0, query(1)), (2, answer)])).kind, None);
}

#[test]
fn a_cut_file_is_used_as_far_as_it_goes() {
    let whole = include_bytes!("../../tests/mixed.pcap");
    let mut seen_some = false;
    for end in 24..whole.len() {
        let seen = read_capture(&whole[..end]).unwrap();
        seen_some |= seen.warning.is_some() && !seen.flows.is_empty();
    }
    assert!(seen_some);
    assert!(read_capture(b"no capture at all").is_err());
}

#[test]
fn flipped_bytes() {
    let whole = include_bytes!("../../tests/any.pcap");
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2000 {
        let mut bytes = whole.to_vec();
        for _ in 0..10 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let at = (random >> 33) as usize % bytes.len();
            bytes[at] = (random & 0xff) as u8;
        }
        if let Ok(seen) = read_capture(&bytes) {
            for observation in seen.observations() {
                let _ = (crate::candidates(&observation), crate::questions(&observation));
            }
        }
    }
}
