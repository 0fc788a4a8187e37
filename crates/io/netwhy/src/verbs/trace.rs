//! `trace SRC DST`: one flow and its reply.

use crate::cli::{Cli, Format, TraceArgs};
use crate::fail::{CLEAN, FAILURE, FOUND, Fail, UNDECIDED};
use crate::screen::{Look, Screen, json, print};
use crate::target::{LabScope, Opened, Target};
use crate::{commands, flows, text};
use anyhow::{Context, Result};
use netwhy_checks::{CHECKS, CheckOptions, Object, Promise, asked, check, check_flow};
use netwhy_intent::{Peer, names};
use netwhy_model::Cluster;
use netwhy_sim::{Flow, Options};
use netwhy_view::trace::{Asked, Verdict};
use netwhy_view::{FindingView, TraceView};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

/// What is asked.
pub struct Question<'a> {
    /// Client.
    pub src: &'a str,
    /// Destination.
    pub dst: &'a str,
    /// Protocol number.
    pub proto: u8,
    /// Namespace of names that have none.
    pub namespace: &'a str,
}

/// The verb.
pub fn run(cli: &Cli, args: &TraceArgs) -> Result<ExitCode> {
    let target = Target::needed(&cli.target)?;
    if let Some(file) = &args.flows {
        return many(cli, &target, file, &args.namespace);
    }
    let (src, dst) = (args.src.as_deref().unwrap_or(""), args.dst.as_deref().unwrap_or(""));
    let opened = target.open(LabScope::Paths)?;
    let question = Question {
        src,
        dst,
        proto: args.proto.number(),
        namespace: &args.namespace,
    };
    let view = answer(&opened, &question)?;
    match cli.print.output {
        Format::Text => {
            let mut screen = Screen::new(Look::new(cli.print.ascii));
            let more = text::trace::More {
                verbose: cli.print.verbose,
                why_unknown: args.why_unknown,
            };
            text::trace::render(&mut screen, &view, &target, more);
            print(&screen.finish())?;
        }
        Format::Json => print(&json(&view, true)?)?,
        Format::Jsonl => print(&json(&view, false)?)?,
    }
    Ok(ExitCode::from(exit_code(&view)))
}

fn exit_code(view: &TraceView) -> u8 {
    match view.verdict.kind {
        Verdict::Delivered | Verdict::Left => CLEAN,
        Verdict::Partly | Verdict::Failed => FOUND,
        Verdict::Unknown => UNDECIDED,
    }
}

/// The answer to one question.
///
/// # Errors
/// A name that is not there, or a flow that cannot be asked.
pub fn answer(opened: &Opened, question: &Question<'_>) -> Result<TraceView> {
    let cluster = &opened.cluster;
    let wrong = |why: String| Fail::new(why, NAMES);
    let peer = names::source(cluster, question.src, question.namespace).map_err(wrong)?;
    let to = names::target(cluster, question.dst, question.namespace, question.proto).map_err(wrong)?;
    let port = match (question.proto, to.port) {
        (1, _) => 0,
        (_, Some(port)) => port,
        (_, None) => {
            return Err(Fail::new(
                format!("{}: no port", to.name),
                "say one: NAME:PORT, or --proto icmp",
            ));
        }
    };
    let from = peer.netns.ok_or_else(|| not_read(cluster, &peer))?;
    let flow = Flow::new(from, question.proto, to.addr, port);
    let asked = Asked {
        from: peer.name,
        to: to.name,
    };
    Ok(view(opened, flow, asked))
}

/// The whole answer to one flow.
pub fn view(opened: &Opened, flow: Flow, names: Asked) -> TraceView {
    let cluster = &opened.cluster;
    let trace = netwhy_sim::trace(cluster, &flow, &Options::default());
    let promise = asked(cluster, flow);
    let options = CheckOptions::default();
    let report = check_flow(cluster, promise.clone(), &options);
    // Everything was read anyway: how far a cause reaches is worth a sweep.
    let whole = report.first_cause().is_some().then(|| check(cluster, &options));
    let mut view = TraceView::new(
        opened.title.clone(),
        names,
        cluster,
        &trace,
        &promise,
        &report,
        whole.as_ref(),
    );
    if view.verdict.kind != Verdict::Delivered && view.findings.iter().all(|f| f.code == UNEXPLAINED) {
        let known = without_packets(cluster, &promise);
        if !known.is_empty() {
            view.findings = known;
        }
    }
    // Beyond the snapshot nothing is broken that could be named.
    if view.verdict.kind == Verdict::Left {
        view.findings.retain(|f| f.code != UNEXPLAINED);
    }
    for finding in &mut view.findings {
        finding.command = commands::fix(finding, &opened.target);
    }
    view
}

/// What `check` reports where nothing known heals.
pub const UNEXPLAINED: &str = "NW0001";

/// What is wrong with the Service itself: no endpoints, no pods. A packet cannot show it, and no change of a node heals it.
fn without_packets(cluster: &Cluster, promise: &Promise) -> Vec<FindingView> {
    let Some(service) = &promise.service else {
        return Vec::new();
    };
    let object = Object::namespaced("Service", &service.namespace, &service.name);
    let all = CHECKS.iter().flat_map(|check| (check.statics)(cluster));
    all.filter(|f| f.object == object)
        .map(|f| FindingView::new(&f))
        .collect()
}

/// How names are spelled.
const NAMES: &str = "SRC: pod/NS/NAME node/NAME outside/NAME · DST: the same with :PORT, svc/NS/NAME:PORT, IP:PORT, [IPv6]:PORT\n\
                     a name without a namespace is looked up in that of -n NS";

fn not_read(cluster: &Cluster, peer: &Peer) -> anyhow::Error {
    let dir = match peer.name.split('/').collect::<Vec<_>>()[..] {
        ["pod", ns, name] => {
            let node = cluster.api.pod(ns, name).map_or("", |p| p.node.as_str());
            format!("nodes/{node}/pods/{ns}_{name}")
        }
        ["node", name] => format!("nodes/{name}/host"),
        _ => String::new(),
    };
    let why = cluster.snapshot.not_read(&dir).unwrap_or("not collected");
    Fail::new(
        format!("{}: its network namespace was not read: {dir}: {why}", peer.name),
        "where a packet starts cannot be assumed",
    )
}

/// `--flows FILE`.
fn many(cli: &Cli, target: &Target, file: &Path, namespace: &str) -> Result<ExitCode> {
    if cli.print.output == Format::Json {
        return Err(Fail::new("--flows prints one object a line", "use -o jsonl"));
    }
    let mut questions = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin()
            .read_to_string(&mut questions)
            .context("standard input")?;
    } else {
        questions = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    }
    let opened = target.open(LabScope::Paths)?;
    let (answers, wrong) = flows::answer(&opened.cluster, &questions, namespace)?;
    print(&answers)?;
    Ok(ExitCode::from(if wrong { FAILURE } else { CLEAN }))
}
