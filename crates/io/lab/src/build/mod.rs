//! From a spec to a cluster: namespaces, links, files, rules, API lists, servers. Runs in the holder.

mod files;
pub(crate) mod links;
pub(crate) mod sysctls;

use crate::error::at;
use crate::objects::Lists;
use crate::spec::Spec;
use crate::state::run_ok;
use crate::{Lab, LabError, State, objects, rules, servers};
use netwhy_sys::Netns;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Builds everything. The caller is in the lab's mount namespace, with an empty `/run`. The log gets a line per step.
pub(crate) fn build(name: &str, spec: &Spec) -> Result<State, LabError> {
    let lab = Lab::at_run("/run".into());
    let state = State::new(name, spec);
    let started = Instant::now();
    let step = |name: &str| eprintln!("{:>6} ms {name}", started.elapsed().as_millis());
    step("folders");
    for folder in [
        lab.netns_path(""),
        lab.own("nodes"),
        lab.cluster_folder(),
        Path::new("/run/lock").into(),
    ] {
        fs::create_dir_all(&folder).map_err(at(&folder))?;
    }
    step("namespaces");
    let spaces = create_namespaces(&lab, &state)?;
    let space = |name: &str| {
        spaces
            .get(name)
            .ok_or_else(|| LabError::step("namespaces", format!("{name} was not made")))
    };
    step("servers");
    let servers = servers::spawn(&lab, spec)?;
    step("settings and files");
    prepare(&lab, spec, &spaces)?;
    step("links");
    for phase in &links::plan(spec) {
        in_parallel(phase, |batch| batch.apply(space(&batch.ns)?))?;
    }
    let all: Vec<_> = spaces.iter().collect();
    in_parallel(&all, |(name, ns)| links::finish(name, ns, spec))?;
    step("rules");
    let nodes: Vec<_> = spec.nodes.iter().map(|n| n.name.as_str()).collect();
    let lists = objects::lists(spec);
    in_parallel(&nodes, |node| restore_rules(space(node)?, spec, &lists, node))?;
    step("API lists");
    let folder = lab.cluster_folder();
    lists.write(&folder).map_err(at(&folder))?;
    step("waiting for the servers");
    servers.wait()?;
    step("built");
    Ok(state)
}

fn create_namespaces(lab: &Lab, state: &State) -> Result<BTreeMap<String, Netns>, LabError> {
    let make = |name: &String| {
        let path = lab.netns_path(name);
        Ok((name.clone(), Netns::create_at(&path).map_err(at(&path))?))
    };
    state.namespaces.iter().map(|n| make(&n.name)).collect()
}

/// Kernel defaults everywhere, files of the nodes, and the settings that follow from them.
fn prepare(lab: &Lab, spec: &Spec, spaces: &BTreeMap<String, Netns>) -> Result<(), LabError> {
    let all: Vec<_> = spaces.iter().collect();
    in_parallel(&all, |(name, ns)| sysctls::in_netns(ns, name, sysctls::boot_defaults))?;
    sysctls::in_netns(&spaces[&spec.nodes[0].name], "the first node", sysctls::load_modules)?;
    for node in &spec.nodes {
        files::write(&lab.node_root(&node.name), spec, node)?;
        let ns = &spaces[&node.name];
        sysctls::in_netns(ns, &node.name, sysctls::apply_node)?;
    }
    sysctls::in_netns(&spaces[&spec.outside.name], &spec.outside.name, || {
        sysctls::write("net.ipv4.ip_forward", "1")
    })
}

/// What kube-proxy, flannel and the kubelet write at their start, as text for `iptables-restore`. The accounting objects
/// are made first; on a kernel without them kube-proxy does without, and so do we.
pub(crate) fn node_rules(ns: &Netns, spec: &Spec, lists: &Lists, node: &str) -> Result<String, LabError> {
    let accounting = ns
        .run(rules::nfacct::ensure)
        .map_err(|e| LabError::step(format!("entering {node}"), e))?
        .is_ok();
    Ok(rules::node_ruleset(spec, lists, node, accounting).print())
}

/// Replaces the rules of a node by those of its agents.
pub(crate) fn restore_rules(ns: &Netns, spec: &Spec, lists: &Lists, node: &str) -> Result<(), LabError> {
    let text = node_rules(ns, spec, lists, node)?;
    run_ok(ns, node, &["iptables-nft-restore"], Some(&text)).map(|_| ())
}

/// Does the same to each, on as many threads as there are processors, at most four.
pub(crate) fn in_parallel<T: Sync>(
    items: &[T],
    each: impl Fn(&T) -> Result<(), LabError> + Sync,
) -> Result<(), LabError> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let threads = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(4)
        .min(items.len());
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            each(item)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let ends = handles
            .into_iter()
            .map(|h| h.join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
        ends.collect::<Result<Vec<()>, _>>().map(|_| ())
    })
}
