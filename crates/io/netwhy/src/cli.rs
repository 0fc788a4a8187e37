//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Why can't A reach B in Kubernetes, and how do I fix it?
#[derive(Debug, Parser)]
#[command(name = "netwhy", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 clean or delivered, 1 findings or not delivered, 2 usage or failure, \
                        3 could not be decided.\nStart with: netwhy demo"
)]
pub struct Cli {
    /// Where to look.
    #[command(flatten)]
    pub target: TargetArgs,
    /// How to print.
    #[command(flatten)]
    pub print: PrintArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Where to look.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// A bundle: a .tar.zst or a folder
    #[arg(short = 'f', long = "file", value_name = "BUNDLE", global = true)]
    pub file: Option<PathBuf>,
    /// A lab on this machine
    #[arg(
        long,
        value_name = "NAME",
        global = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = netwhy_lab::DEFAULT_NAME
    )]
    pub lab: Option<String>,
    /// This node
    #[arg(long, global = true)]
    pub this_machine: bool,
    /// A cluster of the kubeconfig (not yet)
    #[arg(long, value_name = "NAME", global = true, hide = true)]
    pub context: Option<String>,
    /// A kubeconfig (not yet)
    #[arg(long, value_name = "FILE", global = true, hide = true)]
    pub kubeconfig: Option<PathBuf>,
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct PrintArgs {
    /// Format: text, json or jsonl
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        global = true
    )]
    #[arg(hide_possible_values = true)]
    pub output: Format,
    /// Print ASCII characters only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// List what is folded otherwise
    #[arg(short = 'v', long, global = true)]
    pub verbose: bool,
}

/// Formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// One JSON object
    Json,
    /// One JSON object a line
    Jsonl,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Play one incident from the error message to the fix
    Demo(DemoArgs),
    /// Follow one connection, stage by stage, there and back
    Trace(TraceArgs),
    /// Judge everything that the cluster owes its users
    Check(CheckArgs),
    /// Start from the symptom: an error message or a capture
    Why(WhyArgs),
    /// Plan the fix of a finding, prove it, and with --apply do it
    Fix(FixArgs),
    /// Show the page of a finding or of a topic
    Explain(ExplainArgs),
    /// Write what is needed for work elsewhere into one file
    Collect(CollectArgs),
    /// Make a cluster network on this machine, and break it
    #[command(subcommand)]
    Lab(LabVerb),
}

/// `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Play it on the recording, even where a lab could be made
    #[arg(long)]
    pub recording: bool,
    /// Write the recording's bundle to FILE and play nothing
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Play another bundle of the same cluster
    #[arg(long, value_name = "BUNDLE", hide = true)]
    pub bundle: Option<PathBuf>,
}

/// `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// Client: pod/NS/NAME, node/NAME or outside/NAME
    #[arg(value_name = "SRC", required_unless_present = "flows")]
    pub src: Option<String>,
    /// Destination: svc/NS/NAME:PORT, pod/NS/NAME:PORT, node/NAME:PORT or IP:PORT (IPv6 in brackets)
    #[arg(value_name = "DST", required_unless_present = "flows")]
    pub dst: Option<String>,
    /// Protocol: tcp, udp or icmp
    #[arg(long, value_enum, ignore_case = true, default_value_t, hide_possible_values = true)]
    pub proto: Proto,
    /// Answer every line of a file of flows ("-": standard input)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["src", "dst"])]
    pub flows: Option<PathBuf>,
    /// Name what decides an unknown answer, and what would resolve it
    #[arg(long, conflicts_with = "flows")]
    pub why_unknown: bool,
    /// Namespace of names that have none
    #[arg(short = 'n', long, value_name = "NS", default_value = "default")]
    pub namespace: String,
}

/// Protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Proto {
    /// A TCP connection
    #[default]
    Tcp,
    /// A UDP question
    Udp,
    /// An ICMP echo
    Icmp,
}

impl Proto {
    /// Its number.
    pub fn number(self) -> u8 {
        match self {
            Proto::Tcp => 6,
            Proto::Udp => 17,
            Proto::Icmp => 1,
        }
    }
}

/// `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Exit with 1 at findings of this severity or worse: error, warning, info or never
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Error, hide_possible_values = true)]
    pub fail_on: FailOn,
}

/// Severities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Something is broken
    Error,
    /// Something will break
    Warning,
    /// Anything
    Info,
    /// Never
    Never,
}

/// `why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// The error message as it was printed, or a capture FILE.pcap; "-": standard input
    #[arg(value_name = "TEXT|FILE.pcap", required = true)]
    pub text: Vec<String>,
    /// The client, if it is known: pod/NS/NAME or node/NAME
    #[arg(long, value_name = "SRC")]
    pub from: Option<String>,
    /// Namespace of names that have none
    #[arg(short = 'n', long, value_name = "NS", default_value = "default")]
    pub namespace: String,
}

/// `fix`.
#[derive(Debug, Args)]
pub struct FixArgs {
    /// The finding: NW1001 or ip-forward-disabled
    #[arg(value_name = "CODE", required_unless_present_any = ["rollback", "list"])]
    pub code: Option<String>,
    /// The node on which it is to be fixed
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// Do it
    #[arg(long)]
    pub apply: bool,
    /// Undo a fix that was applied
    #[arg(long, value_name = "ID", conflicts_with_all = ["code", "apply"])]
    pub rollback: Option<String>,
    /// With --rollback: also overwrite what somebody else changed since
    #[arg(long, requires = "rollback")]
    pub force: bool,
    /// List the fixes that were applied
    #[arg(long, conflicts_with_all = ["code", "rollback", "apply"])]
    pub list: bool,
}

/// `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A code (NW1001), a name (ip-forward-disabled) or a topic (services); without it, the list
    #[arg(value_name = "CODE|NAME|TOPIC")]
    pub what: Option<String>,
}

/// `collect`.
#[derive(Debug, Args)]
pub struct CollectArgs {
    /// The file to write: FILE.tar.zst
    #[arg(value_name = "FILE", required_unless_present = "script")]
    pub out: Option<PathBuf>,
    /// Print a shell script that collects NODE where netwhy cannot be installed
    #[arg(long, value_name = "NODE", conflicts_with = "out")]
    pub script: Option<String>,
    /// Replace FILE if it exists
    #[arg(long)]
    pub overwrite: bool,
}

/// `lab`.
#[derive(Debug, Subcommand)]
pub enum LabVerb {
    /// Make a lab
    Up {
        /// Nodes, 2 to 5
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=5))]
        nodes: u8,
        /// Draw everything that can be random from a seed
        #[arg(long, conflicts_with = "nodes")]
        seed: Option<u64>,
    },
    /// Remove a lab
    Down,
    /// Show the labs of this machine
    Status,
    /// Run a command inside
    Exec {
        /// In a node, a pod (NS/NAME) or another namespace; without it, outside all of them
        #[arg(long = "in", value_name = "NAME")]
        inside: Option<String>,
        /// The command
        #[arg(last = true, required = true)]
        command: Vec<std::ffi::OsString>,
    },
    /// Inject a fault
    Break(BreakArgs),
    /// Undo a fault; without a name, all of them
    Heal {
        /// Fault
        #[arg(value_name = "FAULT")]
        fault: Option<String>,
    },
    /// List the faults that can be injected
    Faults,
    /// Connect everything to everything, and show what came of it
    Probe,
    /// Measure how well netwhy diagnoses and heals
    Grade(GradeArgs),
    /// Let the kernel of this machine judge the simulator, in random worlds
    Referee(RefereeArgs),
    /// Reboot a node: kernel defaults, then what its files say
    Reboot {
        /// Node
        #[arg(value_name = "NODE")]
        node: String,
    },
}

/// `lab break`.
#[derive(Debug, Args)]
pub struct BreakArgs {
    /// Fault, as `lab faults` lists them
    #[arg(value_name = "FAULT")]
    pub fault: String,
    /// Node
    #[arg(long)]
    pub node: Option<String>,
    /// The other node
    #[arg(long)]
    pub peer: Option<String>,
    /// Interface
    #[arg(long)]
    pub iface: Option<String>,
    /// Pod: NS/NAME
    #[arg(long)]
    pub pod: Option<String>,
    /// Service: NS/NAME
    #[arg(long)]
    pub service: Option<String>,
    /// Write it into the node's files too, so that it survives a reboot
    #[arg(long)]
    pub persist: bool,
    /// Any other parameter
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// `lab referee`.
#[derive(Debug, Args)]
pub struct RefereeArgs {
    /// Everything that is drawn follows from it; world N of it is world 1 of seed + N - 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Random namespaces, into which frames are injected
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub worlds: u64,
    /// Rule sets of each
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub rule_sets: u32,
    /// Packets of all of them together
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub packets: u64,
    /// Random worlds of several namespaces, in which sockets talk
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub conversations: u64,
    /// Begin no world after so many minutes
    #[arg(long, value_name = "N")]
    pub minutes: Option<u64>,
}

/// `lab grade`.
#[derive(Debug, Args)]
pub struct GradeArgs {
    /// Seeds: everything that is drawn follows from them
    #[arg(long = "seed", value_name = "N", default_values_t = [1])]
    pub seeds: Vec<u64>,
    /// Single faults a seed
    #[arg(long, default_value_t = 40)]
    pub faults: usize,
    /// Oddities a seed that break nothing
    #[arg(long, default_value_t = 20)]
    pub decoys: usize,
}
