//! Carrying a plan out.

use crate::modules::Modules;
use crate::netns::Reader;
use crate::plan::{NetnsRef, Plan, Role, Target, WORKERS};
use crate::shelf::Shelf;
use crate::{cluster, files};
use netwhy_snapshot::{Meta, Outside, Snapshot};
use netwhy_sys::Netns;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What was read.
#[derive(Clone, Debug)]
pub struct Collected {
    /// The bundle. What is missing from it, and why, is in its `meta.not_read`.
    pub snapshot: Snapshot,
    /// What a person who reads the bundle should know, beyond `not_read`.
    pub notes: Vec<String>,
}

/// Reads what the plan names. Nothing that fails ends it: what could not be read is in `meta.not_read`.
///
/// `clock` is asked for the time (RFC 3339) when the reading of each folder begins.
pub fn collect(plan: &Plan, clock: &(dyn Fn() -> String + Sync)) -> Collected {
    let mut snapshot = Snapshot::new(meta(plan));
    let mut notes = Vec::new();
    let shelves = read_namespaces(plan, clock);
    for (target, (time, shelf)) in plan.wanted().zip(shelves) {
        if !shelf.members.is_empty() {
            snapshot.meta.read.insert(target.dir.clone(), time);
        }
        take(&mut snapshot, shelf);
    }
    for node in &plan.files {
        let time = clock();
        let shelf = files::read(node, &plan.budget);
        snapshot.meta.read.insert(format!("nodes/{}/files", node.node), time);
        take(&mut snapshot, shelf);
    }
    match &plan.cluster_files {
        Some(folder) => {
            let time = clock();
            let shelf = cluster::read(folder, &plan.budget);
            snapshot.meta.kubernetes_version = cluster::server_version(&shelf).unwrap_or_default();
            snapshot.meta.read.insert("cluster".to_owned(), time);
            take(&mut snapshot, shelf);
        }
        None => notes.push("no API lists: what Kubernetes promises is not in this bundle".to_owned()),
    }
    snapshot.meta.not_read.sort_by(|a, b| a.path.cmp(&b.path));
    Collected { snapshot, notes }
}

fn meta(plan: &Plan) -> Meta {
    let mut meta = Meta::new(plan.nodes());
    meta.created.clone_from(&plan.now);
    meta.made_by.clone_from(&plan.made_by);
    meta.cluster.clone_from(&plan.cluster_name);
    meta.outside = plan.wanted().filter_map(outside).collect();
    meta
}

fn outside(target: &Target) -> Option<Outside> {
    let Role::Outside(role) = &target.role else { return None };
    Some(Outside {
        name: target.dir.strip_prefix("outside/")?.to_owned(),
        role: role.clone(),
    })
}

fn take(snapshot: &mut Snapshot, shelf: Shelf) {
    for (path, bytes) in shelf.members {
        snapshot.insert(path, bytes);
    }
    snapshot.meta.not_read.extend(shelf.not_read);
}

/// The folders of all wanted namespaces, in the order of the plan, each with the time when its reading began.
fn read_namespaces(plan: &Plan, clock: &(dyn Fn() -> String + Sync)) -> Vec<(String, Shelf)> {
    let targets: Vec<&Target> = plan.wanted().collect();
    let modules = Modules::read();
    // Nodes first: they take longest.
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by_key(|index| targets.get(*index).is_some_and(|target| target.role != Role::Host));
    let slots: Vec<Mutex<Option<(String, Shelf)>>> = targets.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(index) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (Some(target), Some(slot)) = (targets.get(*index), slots.get(*index)) else {
                return;
            };
            let done = (clock(), read_one(plan, &modules, target));
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers(plan).min(targets.len().max(1)) {
            scope.spawn(work);
        }
        work();
    });
    let filled = slots
        .into_iter()
        .map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    // Every slot is filled: each index was given out once.
    filled.map(Option::unwrap_or_default).collect()
}

fn workers(plan: &Plan) -> usize {
    match plan.budget.workers {
        0 => std::thread::available_parallelism()
            .map_or(2, usize::from)
            .clamp(2, WORKERS),
        workers => workers,
    }
}

fn read_one(plan: &Plan, modules: &Modules, target: &Target) -> Shelf {
    let reader = Reader {
        budget: &plan.budget,
        modules,
        detail: plan.detail,
        target,
    };
    let failed = |why: String| {
        let mut shelf = Shelf::new(&target.dir);
        shelf.missing("", why);
        shelf
    };
    match &target.netns {
        NetnsRef::Current => reader.read(),
        NetnsRef::Path(path) => match Netns::open(path).and_then(|netns| netns.run(|| reader.read())) {
            Ok(shelf) => shelf,
            Err(error) => failed(format!("entering the network namespace {}: {error}", path.display())),
        },
    }
}
