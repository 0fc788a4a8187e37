//! Two namespaces and a wire between them.

use netwhy_probe::{
    Ask, Bounds, Capture, CaptureError, Captured, Ended, Filter, Links, ask, capture_during, connect, curl_words,
};
use netwhy_sys::{Limits, Netns, run_in};
use netwhy_wire::decode;
use netwhy_wire::decode::{L4, Tcp};
use netwhy_wire::pcap::packets;
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Client 10.9.0.1 and server 10.9.0.2.
struct Pair {
    client: Netns,
    server: Netns,
}

impl Pair {
    /// `None` where namespaces cannot be made: said, and a failure if root.
    fn new() -> Option<Self> {
        let (client, server) = match (Netns::create(), Netns::create()) {
            (Ok(client), Ok(server)) => (client, server),
            (Err(error), _) | (_, Err(error)) => {
                let root = nix::unistd::geteuid().is_root();
                assert!(!root, "root, but no network namespace: {error}");
                eprintln!("not run: needs CAP_SYS_ADMIN");
                return None;
            }
        };
        let pair = Self { client, server };
        let server_ns = format!("/proc/{}/fd/{}", std::process::id(), pair.server.as_fd().as_raw_fd());
        run(
            &pair.client,
            &format!("ip link add eth0 type veth peer name eth0 netns {server_ns}"),
        );
        for (netns, addr) in [(&pair.client, "10.9.0.1/24"), (&pair.server, "10.9.0.2/24")] {
            run(netns, "ip link set lo up");
            run(netns, &format!("ip addr add {addr} dev eth0"));
            run(netns, "ip link set eth0 up");
        }
        Some(pair)
    }

    fn listen(&self) -> TcpListener {
        self.server.run(|| TcpListener::bind("10.9.0.2:3000")).unwrap().unwrap()
    }
}

fn run(netns: &Netns, command: &str) {
    let argv: Vec<&str> = command.split(' ').collect();
    let output = run_in(Some(netns), &argv, None, &Limits::default()).unwrap();
    assert!(output.success(), "{command}: {}", output.complaint());
}

fn server() -> IpAddr {
    "10.9.0.2".parse().unwrap()
}

fn segments(captured: &Captured) -> Vec<Tcp> {
    let file = packets(&captured.pcap).unwrap();
    assert_eq!((file.packets.len(), file.warning), (captured.packets, None));
    let tcp = |packet: &netwhy_wire::pcap::Packet<'_>| match decode(packet.link_type, packet.bytes).ip?.l4 {
        L4::Tcp(tcp) => Some(tcp),
        _ => None,
    };
    file.packets.iter().filter_map(tcp).collect()
}

#[test]
fn connected_and_what_was_said() {
    let Some(pair) = Pair::new() else { return };
    let listener = pair.listen();
    let served = std::thread::spawn(move || {
        let (mut stream, client) = listener.accept().unwrap();
        let mut said = [0; 4];
        stream.read_exact(&mut said).unwrap();
        stream.write_all(b"pod=shop/api\r\nmore\n").unwrap();
        (said, client)
    });
    let question = Ask {
        say: b"who\n".to_vec(),
        line_patience: PATIENCE,
        ..Ask::new(server(), 3000, PATIENCE)
    };
    let attempt = ask(&pair.client, &question).unwrap();
    let (said, client) = served.join().unwrap();
    assert_eq!(&said, b"who\n");
    assert_eq!(attempt.line(), Some("pod=shop/api"));
    assert!(matches!(attempt.ended, Ended::Connected { local, .. } if local == Some(client)));
    let words = curl_words(&attempt, server(), 3000);
    assert_eq!(words, ["* Connected to 10.9.0.2 (10.9.0.2) port 3000 (#0)"]);
}

#[test]
fn a_server_that_waits_for_the_client() {
    let Some(pair) = Pair::new() else { return };
    let _listener = pair.listen();
    let attempt = connect(&pair.client, server(), 3000, PATIENCE, None).unwrap();
    assert!(attempt.is_connected() && attempt.line().is_none() && attempt.errno().is_none());
}

#[test]
fn refused_unreachable_and_no_network() {
    let Some(pair) = Pair::new() else { return };
    let name = |addr: &str, port| {
        let attempt = connect(&pair.client, addr.parse().unwrap(), port, PATIENCE, None).unwrap();
        attempt.errno_name().unwrap_or_else(|| format!("{attempt:?}"))
    };
    assert_eq!(name("10.9.0.2", 1), "ECONNREFUSED");
    assert_eq!(name("192.0.2.1", 80), "ENETUNREACH");
    run(&pair.client, "ip route add unreachable 192.0.2.0/24");
    assert_eq!(name("192.0.2.1", 80), "EHOSTUNREACH");
    run(&pair.client, "ip route add prohibit 198.51.100.0/24");
    assert_eq!(name("198.51.100.1", 80), "EACCES");
    run(&pair.client, "ip route add blackhole 203.0.113.0/24");
    assert_eq!(name("203.0.113.1", 80), "EINVAL");
}

#[test]
fn syn_after_syn() {
    let Some(pair) = Pair::new() else { return };
    run(&pair.server, "ip link set eth0 address 02:00:00:00:00:02");
    // The server has the frames and says nothing: nobody has that address.
    run(
        &pair.client,
        "ip neigh replace 10.9.0.9 lladdr 02:00:00:00:00:02 dev eth0 nud permanent",
    );
    let silent: IpAddr = "10.9.0.9".parse().unwrap();
    let links = Links::One("eth0".into());
    let (attempt, captured) = capture_during(
        &pair.client,
        &links,
        Filter::of([silent], [3000]),
        Bounds::default(),
        || connect(&pair.client, silent, 3000, PATIENCE, Some(1)).unwrap(),
    )
    .unwrap();
    assert_eq!(attempt.errno_name().as_deref(), Some("ETIMEDOUT"), "{attempt:?}");
    // Lab note 0005: the time of one repetition, 1 + 2 seconds, is filled with repetitions each second where
    // net.ipv4.tcp_syn_linear_timeouts is set, so that there are two of them.
    assert!(attempt.took >= Duration::from_millis(2500), "{:?}", attempt.took);
    let syns = segments(&captured);
    assert!((2..=3).contains(&syns.len()), "{captured:?}");
    for syn in &syns {
        assert_eq!(
            (syn.flags, syn.dport, syn.seq),
            (netwhy_wire::tcp::SYN, 3000, syns[0].seq)
        );
    }
    let times: Vec<u64> = packets(&captured.pcap)
        .unwrap()
        .packets
        .iter()
        .map(|p| p.ts_us)
        .collect();
    assert!(times[1] - times[0] > 900_000, "{times:?}");
    assert_eq!((captured.bound, captured.lost), (None, 0));
}

#[test]
fn patience_is_over_before_the_kernel_knows() {
    let Some(pair) = Pair::new() else { return };
    run(&pair.server, "ip link set eth0 address 02:00:00:00:00:02");
    run(
        &pair.client,
        "ip neigh replace 10.9.0.9 lladdr 02:00:00:00:00:02 dev eth0 nud permanent",
    );
    let silent = "10.9.0.9".parse().unwrap();
    let attempt = connect(&pair.client, silent, 3000, Duration::from_millis(50), None).unwrap();
    assert_eq!(attempt.ended, Ended::GaveUp);
    let words = curl_words(&attempt, silent, 3000);
    assert!(
        words[2].starts_with("curl: (28) Connection timed out after "),
        "{words:?}"
    );
}

#[test]
fn all_links_with_their_number() {
    let Some(pair) = Pair::new() else { return };
    let listener = pair.listen();
    let capture = Capture::start(
        &pair.server,
        &Links::All,
        Filter::of([server()], [3000]),
        Bounds::default(),
    )
    .unwrap();
    assert!(
        connect(&pair.client, server(), 3000, PATIENCE, None)
            .unwrap()
            .is_connected()
    );
    drop(listener);
    let captured = capture.stop().unwrap();
    let segments = segments(&captured);
    assert!(segments.len() >= 3, "{segments:?}");
    let file = packets(&captured.pcap).unwrap();
    let ifindex = decode(file.packets[0].link_type, file.packets[0].bytes).ifindex;
    assert!(ifindex.is_some_and(|index| index > 1));
}

#[test]
fn bounds_end_a_capture() {
    let Some(pair) = Pair::new() else { return };
    let _listener = pair.listen();
    let bounds = Bounds {
        packets: 2,
        ..Bounds::default()
    };
    let links = Links::One("eth0".into());
    let (_, captured) = capture_during(&pair.server, &links, Filter::all(), bounds, || {
        connect(&pair.client, server(), 3000, PATIENCE, None).unwrap()
    })
    .unwrap();
    assert_eq!((captured.packets, captured.bound), (2, Some("packets")));
    let missing = Capture::start(
        &pair.server,
        &Links::One("eth9".into()),
        Filter::all(),
        Bounds::default(),
    );
    assert!(matches!(missing, Err(CaptureError::NoSuchLink(name)) if name == "eth9"));
}
