//! Real sockets between two bare namespaces that this test makes itself: the server answers, and the matrix tells ok,
//! refused, timeout, no-route and net-unreachable apart.
//!
//! The test binary is its own server: it has no test harness, and re-executes itself with the hidden argument.

use netwhy_lab::matrix::{Class, Options, Pair, Source, Target, TargetKind, TimeClass, probe, render};
use netwhy_lab::server::{self, BIG, SUBCOMMAND, Served};
use netwhy_lab::spec::{PodPort, Protocol};
use netwhy_sys::Netns;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(SUBCOMMAND) {
        return match server::main() {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        };
    }
    if std::env::args().any(|a| a == "--list") {
        return ExitCode::SUCCESS;
    }
    match Lab::make() {
        Ok(lab) => {
            check(&lab);
            println!("test result: ok. 1 passed; 0 failed; 0 ignored");
        }
        Err(why) => println!("not run: {why}\ntest result: ok. 0 passed; 0 failed; 1 ignored"),
    }
    ExitCode::SUCCESS
}

/// Namespaces `a` (10.9.0.1) and `b` (10.9.0.2), joined by a veth; bound below a folder of their own.
struct Lab {
    folder: PathBuf,
    server: Child,
}

impl Lab {
    fn make() -> Result<Lab, String> {
        let folder = std::env::temp_dir().join(format!("netwhy-matrix-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let missing = |e| {
            let _ = std::fs::remove_dir_all(&folder);
            format!("needs CAP_SYS_ADMIN to make network namespaces ({e})")
        };
        let a = Netns::create_at(&folder.join("a")).map_err(missing)?;
        let b = Netns::create_at(&folder.join("b")).map_err(missing)?;
        within(&a, "ip link add eth0 type veth peer name eth1");
        let holder = Holder::of(&b);
        within(&a, &format!("ip link set eth1 netns {} name eth0", holder.pid()));
        drop(holder);
        for (ns, ip) in [(&a, "10.9.0.1/24"), (&b, "10.9.0.2/24")] {
            within(ns, "ip link set lo up");
            within(ns, &format!("ip addr add {ip} dev eth0"));
            within(ns, "ip link set eth0 up");
        }
        within(&b, "iptables-nft -A INPUT -p tcp --dport 81 -j DROP");
        within(&b, "ip addr add 10.9.0.3/24 dev eth0");
        let port = |protocol, port| PodPort {
            name: String::new(),
            protocol,
            port,
        };
        let served = Served {
            pod: "shop/api".to_owned(),
            netns: folder.join("b"),
            ports: vec![
                port(Protocol::Tcp, 80),
                port(Protocol::Tcp, 81),
                port(Protocol::Udp, 53),
            ],
        };
        let exe = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut server = server::spawn(&exe, &[served]).map_err(|e| e.to_string())?;
        server::wait_ready(&mut server, Duration::from_secs(10)).expect("ready");
        Ok(Lab { folder, server })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        for name in ["a", "b"] {
            let _ = nix::mount::umount2(&self.folder.join(name), nix::mount::MntFlags::MNT_DETACH);
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A child that sleeps in a namespace, so that it has a process id.
struct Holder(Child);

impl Holder {
    fn of(ns: &Netns) -> Holder {
        let child = ns.run(|| Command::new("sleep").arg("60").spawn());
        Holder(child.expect("thread").expect("sleep"))
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn within(ns: &Netns, command: &str) {
    let mut words = command.split(' ');
    let program = words.next().expect("program").to_owned();
    let words: Vec<String> = words.map(str::to_owned).collect();
    let status = ns.run(|| Command::new(&program).args(&words).status());
    let status = status.expect("thread").expect("start");
    assert!(status.success(), "{command}: {status}");
}

fn target(name: &str, kind: TargetKind, ip: [u8; 4], port: u16, protocol: Protocol) -> Target {
    Target {
        name: name.to_owned(),
        kind,
        ip: Ipv4Addr::from(ip),
        port,
        protocol,
    }
}

fn check(lab: &Lab) {
    use TargetKind::{Pod, Service};
    let targets = [
        target("tcp", Pod, [10, 9, 0, 2], 80, Protocol::Tcp),
        target("udp", Pod, [10, 9, 0, 3], 53, Protocol::Udp),
        target("service", Service, [10, 9, 0, 2], 80, Protocol::Tcp),
        target("closed", Pod, [10, 9, 0, 2], 82, Protocol::Tcp),
        target("closed-udp", Pod, [10, 9, 0, 2], 54, Protocol::Udp),
        target("dropped", Pod, [10, 9, 0, 2], 81, Protocol::Tcp),
        target("nobody", Pod, [10, 9, 0, 77], 80, Protocol::Tcp),
        target("nowhere", Pod, [10, 99, 0, 1], 80, Protocol::Tcp),
    ];
    let pairs: Vec<Pair> = targets
        .into_iter()
        .map(|target| Pair {
            source: Source {
                name: "pod/shop/web".to_owned(),
                netns: "a".to_owned(),
            },
            target,
        })
        .collect();
    impatient(&lab.folder, &pairs);
    patient(&lab.folder, &pairs);
    let nowhere = probe(Path::new("/nonexistent"), &pairs, &Options::default());
    assert!(nowhere.is_err());
}

fn impatient(folder: &Path, pairs: &[Pair]) {
    let cells = probe(folder, pairs, &Options::default()).expect("probe");
    let classes: Vec<Class> = cells.iter().map(|c| c.class).collect();
    let expected = [
        Class::Ok,
        Class::Ok,
        Class::Ok,
        Class::Refused,
        Class::Refused,
        Class::Timeout,
        Class::Timeout,
        Class::NetUnreachable,
    ];
    assert_eq!(classes, expected, "{}", render(&cells));
    let (tcp, udp, service) = (&cells[0], &cells[1], &cells[2]);
    assert_eq!(tcp.bytes, BIG);
    assert_eq!(tcp.seen_client, Some(Ipv4Addr::new(10, 9, 0, 1)));
    assert_eq!(tcp.answered_by.as_deref(), Some("shop/api"));
    assert_eq!(udp.answered_by.as_deref(), Some("shop/api"));
    assert_eq!(tcp.outcomes[&Class::Ok], 1);
    assert_eq!(service.outcomes[&Class::Ok], 40);
    assert_eq!(service.backends.len(), 1);
    assert_eq!(cells[5].time, TimeClass::Never);
    assert_eq!(cells[5].errno, None);
    assert_eq!(cells[7].errno, Some(nix::libc::ENETUNREACH));
}

/// With more than three seconds a neighbour that does not answer is told from a packet that is dropped.
fn patient(folder: &Path, pairs: &[Pair]) {
    let options = Options {
        patience: Duration::from_secs(5),
        ..Options::default()
    };
    let mut pairs = pairs[5..7].to_vec();
    // The kernel has already asked for the other one for a while.
    pairs[1].target.ip = Ipv4Addr::new(10, 9, 0, 78);
    let cells = probe(folder, &pairs, &options).expect("probe");
    assert_eq!(cells[0].class, Class::Timeout);
    assert_eq!(cells[1].class, Class::NoRoute);
    assert_eq!(cells[1].time, TimeClass::ThreeSeconds);
}
