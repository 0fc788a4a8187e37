//! One run of the referee, and what its output says of the mutant.

use crate::machine;
use anyhow::{Context, Result, ensure};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Everything that the referee draws follows from it.
const SEED: u64 = 1;
/// As many as its own suite takes: packets of a world, rule sets of a world.
const PACKETS_OF_A_WORLD: u64 = 667;
const RULE_SETS: u64 = 4;
/// Worlds with sockets: as many as the tests take. Sockets and the packets between namespaces are seen in these only.
const CONVERSATIONS: u64 = 60;

/// Differences that may turn up because the kernel has drawn otherwise than before.
const BY_CHANCE: u64 = 3;
/// A mutant that makes the simulator shrug more often is noticed from so many times as many unknown packets, and so many more.
const SHRUGS: (f64, u64) = (1.2, 20);
/// Address space of the referee in KiB: a mutant that never ends must not take the machine's memory.
const MEMORY: &str = "8388608";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ended {
    /// By itself, well or not.
    Itself,
    /// It was killed.
    Timeout(Duration),
}

/// A run that is over.
#[derive(Debug)]
pub struct Run {
    /// All that it printed.
    pub output: String,
    /// Where that stands until the next run.
    pub log: PathBuf,
    ended: Ended,
}

/// What was found of a mutant.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// And by what.
    Caught(String),
    /// With the figures that were not enough.
    Missed(String),
    /// It does not compile.
    Unviable,
}

/// The figures that the referee prints last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    packets: u64,
    disagreements: u64,
    /// Packets of which the simulator does not know what happens.
    unknown: u64,
    /// The same of questions of sockets.
    unanswered: u64,
    /// What differs about frames.
    differs: Vec<String>,
}

/// Lets the referee judge. Its output goes through a file: a pipe would have to be emptied while we wait.
pub fn run(program: &Path, packets: u64, until: Option<u64>, timeout: Option<Duration>, folder: &Path) -> Result<Run> {
    let log = folder.join("run.log");
    let file = fs::File::create(&log)?;
    let arguments = [
        ("--seed", SEED),
        ("--worlds", packets.div_ceil(PACKETS_OF_A_WORLD)),
        ("--sets", RULE_SETS),
        ("--packets", packets),
        ("--conversations", CONVERSATIONS),
        // Without an end it still must not lose time with making small what it finds.
        ("--until", until.unwrap_or(u64::MAX)),
    ];
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -v \"$0\" && exec \"$@\"", MEMORY])
        .arg(program)
        .env("PATH", machine::path())
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    for (name, number) in arguments {
        command.args([name, &number.to_string()]);
    }
    let began = Instant::now();
    let mut child = command.spawn().context("cannot start the referee")?;
    let mut ended = Ended::Itself;
    while child.try_wait()?.is_none() {
        if let Some(timeout) = timeout.filter(|timeout| began.elapsed() > *timeout) {
            child.kill()?;
            child.wait()?;
            ended = Ended::Timeout(timeout);
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let output = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    // That this machine cannot judge is not the mutant's doing.
    let unable = output
        .lines()
        .find(|line| line.starts_with("not run: ") || line.contains("drop reasons: "));
    ensure!(
        unable.is_none(),
        "the referee cannot judge here: {}",
        unable.unwrap_or_default()
    );
    Ok(Run { output, log, ended })
}

/// So many disagreements say nothing.
pub fn allowed(whole: &Figures) -> u64 {
    whole.disagreements + BY_CHANCE
}

/// So many unknown ones say nothing.
fn allowed_unknown(whole: u64) -> u64 {
    (whole as f64 * SHRUGS.0) as u64 + SHRUGS.1
}

/// In words, what the verdict depends on.
pub fn rules(whole: &Figures, timeout: Duration) -> String {
    format!(
        "more than {} disagreements, more than {} unknown packets or {} unknown questions, less than nine tenths of the \
         packets, a panic, or no end after {} s",
        allowed(whole),
        allowed_unknown(whole.unknown),
        allowed_unknown(whole.unanswered),
        timeout.as_secs()
    )
}

/// Compares a run with that of the unmutated program.
pub fn judge(run: &Run, whole: &Figures) -> Result<Verdict> {
    if let Ended::Timeout(after) = run.ended {
        return Ok(Verdict::Caught(format!("no end after {} s", after.as_secs())));
    }
    let Some(figures) = Figures::read(&run.output) else {
        return Ok(Verdict::Caught(format!("a panic: {}", panic_of(&run.output))));
    };
    let caught = if figures.disagreements > allowed(whole) {
        format!(
            "{} disagreements: {}",
            figures.disagreements,
            difference(&figures, whole, &run.output)
        )
    } else if figures.unknown > allowed_unknown(whole.unknown) {
        format!("{} unknown packets, not {}", figures.unknown, whole.unknown)
    } else if figures.unanswered > allowed_unknown(whole.unanswered) {
        format!("{} unknown questions, not {}", figures.unanswered, whole.unanswered)
    } else if figures.packets * 10 < whole.packets * 9 {
        format!(
            "{} packets that could be judged, not {}",
            figures.packets, whole.packets
        )
    } else {
        return Ok(Verdict::Missed(figures.to_string()));
    };
    Ok(Verdict::Caught(caught))
}

impl Figures {
    /// Reads them; `None` if the output has no last line.
    pub fn read(output: &str) -> Option<Figures> {
        let mut figures = Figures::default();
        for line in output.lines().filter(|line| line.ends_with("differences not repeated")) {
            figures.unknown = before(line, " packets not known")?;
        }
        for questions in output
            .lines()
            .filter_map(|line| Some(line.split_once(" questions, ")?.1))
        {
            figures.unanswered = before(questions, " not known").unwrap_or(figures.unanswered);
        }
        figures.differs = after_each(output, "differs: ").map(str::to_owned).collect();
        let last = output.lines().rfind(|line| line.starts_with("seed "))?;
        figures.packets = before(last, " packets, ")?;
        figures.disagreements = before(last, " disagreements")?;
        Some(figures)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} packets, {} disagreements, {} unknown packets, {} unknown questions",
            self.packets, self.disagreements, self.unknown, self.unanswered
        )
    }
}

/// The number that stands before some words.
fn before(line: &str, words: &str) -> Option<u64> {
    line.split_once(words)?.0.rsplit(' ').next()?.parse().ok()
}

/// What differs in some frame, and did not without the mutant; else in some question.
fn difference(figures: &Figures, whole: &Figures, output: &str) -> String {
    let frame = figures.differs.iter().find(|text| !whole.differs.contains(text));
    let text = frame.map(String::as_str).or_else(|| after_each(output, "# ").last());
    short(text.unwrap_or("as often as it differs without a mutant"))
}

fn after_each<'a>(output: &'a str, head: &'a str) -> impl Iterator<Item = &'a str> {
    output.lines().filter_map(move |line| line.strip_prefix(head))
}

/// Where and why it panicked.
fn panic_of(output: &str) -> String {
    let mut lines = output.lines().skip_while(|line| !line.contains("panicked at "));
    let place = lines.next().and_then(|line| Some(line.split_once("panicked at ")?.1));
    let text = place.map(|place| format!("{place} {}", lines.next().unwrap_or_default()));
    let last = || output.lines().last().unwrap_or("no output").to_owned();
    short(&text.unwrap_or_else(last))
}

/// Reactions of many frames make long lines.
fn short(text: &str) -> String {
    const LENGTH: usize = 200;
    match text.char_indices().nth(LENGTH) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Figures {
        Figures {
            packets: 1000,
            disagreements: 1,
            unknown: 100,
            unanswered: 5,
            differs: vec!["seed 4: kernel: A; the model: B".to_owned()],
        }
    }

    fn output(packets: u64, disagreements: u64, unknown: u64, unanswered: u64) -> String {
        format!(
            "differs: seed 4: kernel: A; the model: B\n516 questions, {unanswered} not known\n9 packets unknown: whose it is is not known\n300 rule \
             sets, {unknown} packets not known, 0 worlds not built, 12 differences not repeated\nseed 1: 75 worlds, {packets} \
             packets, {disagreements} disagreements\n"
        )
    }

    fn verdict(output: &str) -> Verdict {
        let run = Run {
            output: output.to_owned(),
            log: PathBuf::new(),
            ended: Ended::Itself,
        };
        judge(&run, &whole()).unwrap()
    }

    #[test]
    fn figures_are_read_from_the_last_lines() {
        let figures = Figures::read(&output(1000, 1, 100, 5));
        assert_eq!(figures, Some(whole()));
        assert_eq!(Figures::read("seed 60\n"), None);
        let frames_only = output(1000, 1, 100, 5).replace("516 questions, 5 not known\n", "");
        assert_eq!(Figures::read(&frames_only).unwrap().unanswered, 0);
    }

    #[test]
    fn what_may_be_chance_is_missed() {
        let missed = |output: &str| matches!(verdict(output), Verdict::Missed(_));
        assert!(missed(&output(1000, 1, 100, 5)));
        assert!(missed(&output(900, 4, 140, 26)));
        assert!(!missed(&output(1000, 5, 100, 5)));
        assert!(!missed(&output(1000, 1, 141, 5)));
        assert!(!missed(&output(1000, 1, 100, 27)));
        assert!(!missed(&output(899, 1, 100, 5)));
    }

    #[test]
    fn a_verdict_says_by_what() {
        let new = output(400, 5, 0, 0).replace("9 packets", "differs: seed 2: C\n9 packets");
        assert_eq!(verdict(&new), Verdict::Caught("5 disagreements: seed 2: C".to_owned()));
        let question = output(400, 5, 0, 0).replace("9 packets", "# sim ok\n# the simulator has no ok\n9 packets");
        assert_eq!(
            verdict(&question),
            Verdict::Caught("5 disagreements: the simulator has no ok".to_owned())
        );
    }

    #[test]
    fn a_panic_and_a_timeout_are_caught() {
        let panic =
            "differs: x\nthread 'a' (7) panicked at crates/pure/sim/src/skb.rs:9:5:\nattempt to add with overflow\n";
        assert_eq!(
            verdict(panic),
            Verdict::Caught("a panic: crates/pure/sim/src/skb.rs:9:5: attempt to add with overflow".to_owned())
        );
        let run = Run {
            output: String::new(),
            log: PathBuf::new(),
            ended: Ended::Timeout(Duration::from_secs(90)),
        };
        assert_eq!(
            judge(&run, &whole()).unwrap(),
            Verdict::Caught("no end after 90 s".to_owned())
        );
    }
}
