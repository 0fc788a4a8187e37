//! The two programs themselves, run over random files in a namespace of their own, against what is computed here.

use crate::files::Root;
use crate::sysctl_d::{Reader, who_sets};
use netwhy_sys::{Limits, Netns, mount, run_in, sysctl};
use std::path::Path;

const KEYS: [&str; 6] = [
    "net.ipv4.ip_forward",
    "net.ipv4.conf.all.forwarding",
    "net.ipv4.conf.default.forwarding",
    "net.ipv4.conf.lo.forwarding",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.lo.rp_filter",
];
/// No pattern writes `default.rp_filter`: that reaches links, which is no matter of files.
const LINES: [&str; 12] = [
    "net.ipv4.ip_forward = 1",
    "net.ipv4.ip_forward=0",
    "-net/ipv4/ip_forward =1 ",
    "net.ipv4.conf.all.forwarding = 1",
    "net.ipv4.conf.all.forwarding = 0",
    "net.ipv4.conf.lo.forwarding = 1",
    "net.ipv4.conf.*.forwarding = 1",
    "net.ipv4.conf.default.forwarding = 0",
    "net.ipv4.conf.[al]*.rp_filter = 2",
    "-net.ipv4.conf.lo.rp_filter",
    " net.ipv4.conf.lo.rp_filter = 1",
    "# net.ipv4.ip_forward = 1",
];
const PLACES: [&str; 9] = [
    "etc/sysctl.d/10-a.conf",
    "etc/sysctl.d/50-b.conf",
    "etc/sysctl.d/99-zz-netwhy.conf",
    "run/sysctl.d/50-b.conf",
    "run/sysctl.d/60-c.conf",
    "usr/local/lib/sysctl.d/60-c.conf",
    "usr/lib/sysctl.d/10-a.conf",
    "usr/lib/sysctl.d/99-zzz.conf",
    "etc/sysctl.conf",
];

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % n
    }
}

fn write_files(root: &Path, random: &mut Random) {
    for dir in [
        "etc/sysctl.d",
        "run/sysctl.d",
        "usr/local/lib/sysctl.d",
        "usr/lib/sysctl.d",
    ] {
        std::fs::create_dir_all(root.join(dir)).unwrap();
    }
    for _ in 0..1 + random.below(5) {
        let lines: Vec<_> = (0..random.below(4)).map(|_| LINES[random.below(LINES.len())]).collect();
        std::fs::write(root.join(PLACES[random.below(PLACES.len())]), lines.join("\n")).unwrap();
    }
}

/// Runs a program with the root's folders in the place of the machine's; returns the values of [`KEYS`] afterwards.
fn run(root: &Path, argv: &[&str]) -> std::io::Result<Vec<String>> {
    let netns = Netns::create()?;
    netns.run(|| {
        for (key, value) in KEYS.iter().zip(["0", "0", "0", "0", "0", "0"]) {
            sysctl::write(key, value)?;
        }
        mount::unshare_mounts()?;
        for place in ["/etc", "/run", "/usr/local/lib", "/usr/lib/sysctl.d"] {
            mount::bind(&root.join(place.trim_start_matches('/')), Path::new(place))?;
        }
        run_in(None, argv, None, &Limits::default()).map_err(std::io::Error::other)?;
        KEYS.iter().map(|key| sysctl::read(key)).collect()
    })?
}

fn computed(root: &Path, reader: Reader) -> Vec<String> {
    let files = Root::open(root).unwrap().sysctl_files().unwrap();
    let value = |key: &&str| {
        let settings = who_sets(&files, key);
        let verdict = if reader == Reader::Systemd {
            settings.systemd
        } else {
            settings.procps
        };
        verdict.value().unwrap_or("0").to_owned()
    };
    KEYS.iter().map(value).collect()
}

/// False if the program or the capability is missing; says so.
fn agrees(reader: Reader, argv: &[&str]) -> bool {
    if netwhy_sys::exec::find_program(argv[0]).is_none() {
        eprintln!("not run: needs {}", argv[0]);
        return false;
    }
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 1..=60_u64 {
        let dir = tempfile::tempdir().unwrap();
        write_files(dir.path(), &mut Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let theirs = match run(dir.path(), argv) {
            Ok(values) => values,
            Err(e) => {
                assert!(
                    e.kind() == std::io::ErrorKind::PermissionDenied && Netns::create().is_err(),
                    "{e}"
                );
                eprintln!("not run: needs CAP_SYS_ADMIN");
                return false;
            }
        };
        let files = Root::open(dir.path()).unwrap().sysctl_files().unwrap();
        assert_eq!(
            computed(dir.path(), reader),
            theirs,
            "seed {seed}, keys {KEYS:?}, files {files:#?}"
        );
        kinds.insert(theirs);
    }
    assert!(kinds.len() >= 8, "the program was not asked much: {kinds:?}");
    true
}

#[test]
fn systemd_sysctl_agrees() {
    for program in ["/usr/lib/systemd/systemd-sysctl", "/lib/systemd/systemd-sysctl"] {
        if agrees(Reader::Systemd, &[program]) {
            return;
        }
    }
}

#[test]
fn sysctl_system_agrees() {
    agrees(Reader::Procps, &["sysctl", "--system"]);
}
