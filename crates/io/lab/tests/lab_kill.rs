//! kill -9 at any moment of up, break and down, of the command or of the holder: afterwards there is either a usable lab
//! that `down` removes, or nothing. 10 moments; `NETWHY_LONG=1` takes 50.

mod lab_common;

use lab_common::{Home, assert_same, dump, possible};
use netwhy_lab::spec::Spec;
use netwhy_lab::{Labs, Phase, Random, UpOptions};
use netwhy_sys::process::{pidfd_kill, pidfd_open, pidfd_wait};
use std::collections::BTreeMap;
use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whom the blow hits.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Command,
    Holder,
}

const BREAK: [&str; 4] = ["break", "test", "svc-targetport-wrong", "service=shop/api"];
const UP: [&str; 3] = ["up", "test", "3"];
const DOWN: [&str; 2] = ["down", "test"];

#[test]
fn at_any_moment() {
    if !possible() {
        return;
    }
    let long = std::env::var_os("NETWHY_LONG").is_some_and(|v| v == "1");
    let seed = std::env::var("NETWHY_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()));
    let mut random = Random::new(seed);
    eprintln!("NETWHY_SEED={seed}");
    let home = Home::new("kill");
    let durations = measure(&home);
    let scenes: [(&[&str], Victim); 5] = [
        (&UP, Victim::Command),
        (&UP, Victim::Holder),
        (&BREAK, Victim::Command),
        (&BREAK, Victim::Holder),
        (&DOWN, Victim::Command),
    ];
    let rounds = if long { 10 } else { 2 };
    for round in 0..rounds {
        for ((words, victim), whole) in scenes.iter().zip([0, 0, 1, 1, 2].map(|i| durations[i])) {
            // One moment in each tenth (or half) of the duration, so that all steps are hit.
            let part = whole.as_micros() as u32 / rounds;
            let moment = Duration::from_micros(u64::from(random.range(part * round, part * (round + 1))));
            scene(&home, words, *victim, moment);
        }
    }
}

/// How long up, break and down take here.
fn measure(home: &Home) -> [Duration; 3] {
    let time = |words: &[&str]| {
        let started = Instant::now();
        home.run_ok(words);
        started.elapsed()
    };
    let durations = [time(&UP), time(&BREAK), time(&DOWN)];
    eprintln!("up, break, down take {durations:?}");
    durations
}

fn scene(home: &Home, words: &[&str], victim: Victim, moment: Duration) {
    let mut healthy = None;
    if words[0] != "up" {
        home.run_ok(&UP);
        healthy = Some(dump(&home.view()));
    }
    let mut command = home.command(words);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(moment);
    let step = last_step(home);
    let hit = strike(home, &mut child, victim);
    child.wait().unwrap();
    let end = settle(home, words, hit, healthy.as_ref());
    eprintln!("{} after {moment:?}: {hit:?} killed in step {step:?}: {end}", words[0]);
}

/// Kills; the command, if the holder has not said yet who it is.
fn strike(home: &Home, child: &mut Child, victim: Victim) -> Victim {
    let pid = fs::read_to_string(home.root.join("test/pid"))
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok());
    match (victim, pid) {
        (Victim::Holder, Some(pid)) => {
            if let Ok(handle) = pidfd_open(pid) {
                pidfd_kill(handle.as_fd()).unwrap();
                let died = pidfd_wait(handle.as_fd(), Duration::from_secs(10)).unwrap();
                assert!(died, "{pid} does not die");
            }
            Victim::Holder
        }
        _ => {
            child.kill().unwrap();
            Victim::Command
        }
    }
}

fn last_step(home: &Home) -> String {
    let log = fs::read_to_string(home.root.join("test/holder.log")).unwrap_or_default();
    log.lines()
        .last()
        .map_or("before the first", |line| line.split(" ms ").last().unwrap_or_default())
        .to_owned()
}

/// Waits until there is a usable lab or nothing, and checks that it is one or the other.
fn settle(home: &Home, words: &[&str], hit: Victim, healthy: Option<&BTreeMap<String, String>>) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let status = home.labs.status().unwrap();
        match status.first().map(|lab| lab.phase) {
            Some(Phase::Usable) => {
                check_usable(home, words, healthy);
                return format!("usable, and removed ({hit:?})");
            }
            None if home.processes().is_empty() => {
                assert_eq!(fs::read_dir(&home.root).unwrap().count(), 0, "files are left");
                return "nothing left".into();
            }
            other if Instant::now() > deadline => {
                panic!("10 s after the blow: {other:?}, processes {:?}", home.processes());
            }
            _ => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

fn check_usable(home: &Home, words: &[&str], healthy: Option<&BTreeMap<String, String>>) {
    if words[0] == "break" {
        // Whatever the command had begun, healing takes it back.
        home.run_ok(&["heal", "test", "all"]);
    }
    // After `down`, the holder may be dying just now.
    if let Some(healthy) = healthy.filter(|_| words[0] != "down") {
        assert_same(healthy, &dump(&home.view()), words[0]);
    }
    assert!(home.labs.down("test").unwrap() || words[0] == "down");
    let deadline = Instant::now() + Duration::from_secs(10);
    while !home.processes().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(home.processes(), [0; 0]);
    assert_eq!(home.labs.phase("test").unwrap(), None);
}

#[test]
fn a_new_lab_can_be_made_over_the_ruins_of_a_dead_one() {
    if !possible() {
        return;
    }
    let home = Home::new("ruins");
    let spec = Spec::default_with(2);
    home.up(&spec);
    let pid = fs::read_to_string(home.root.join("test/pid")).unwrap();
    Command::new("kill").args(["-9", pid.trim()]).status().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while home.labs.phase("test").unwrap() != Some(Phase::Dead) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    home.up(&spec);
    assert_eq!(home.labs.phase("test").unwrap(), Some(Phase::Usable));
}

#[test]
fn a_holder_that_cannot_build_says_why_and_leaves_nothing() {
    if !possible() {
        return;
    }
    let home = Home::new("failing");
    let options = UpOptions {
        name: "test".into(),
        program: Some("/bin/true".into()),
        ..UpOptions::default()
    };
    let error = home.labs.up(&Spec::default_with(2), &options).unwrap_err().to_string();
    assert!(error.contains("did not come up"), "{error}");
    assert_eq!(home.labs.phase("test").unwrap(), None);
    let nowhere = Labs::at(Path::new("/proc/no-labs-here"));
    assert!(
        nowhere
            .up(&Spec::default_with(2), &options)
            .unwrap_err()
            .to_string()
            .contains("/proc/no-labs-here")
    );
}
