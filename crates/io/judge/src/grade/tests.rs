//! The loop with a made-up ward.

use super::*;
use netwhy_lab::faults::faults;
use netwhy_lab::matrix::{Class, TimeClass};
use netwhy_view::report::ObjectView;
use std::collections::BTreeMap;

fn finding(fault: &'static str, kind: &'static str, namespace: Option<&str>, name: &str) -> FindingView {
    FindingView {
        code: "NW1",
        name: "x",
        severity: "error",
        certainty: "certain",
        faults: vec![fault],
        object: ObjectView {
            kind,
            name: Some(name.to_owned()),
            namespace: namespace.map(str::to_owned),
        },
        node: None,
        summary: String::new(),
        evidence: Vec::new(),
        norm: String::new(),
        broken: 1,
        broken_pods: 1,
        examples: Vec::new(),
        caused_by: None,
        also: Vec::new(),
        fix: None,
        command: None,
    }
}

/// A doctor who knows what was injected; each field makes him err.
#[derive(Default)]
struct Fake {
    injected: Option<(String, Args)>,
    empty: Option<(String, String)>,
    labs: usize,
    blind: bool,
    wrong_place: bool,
    cries_wolf: bool,
    cannot_fix: bool,
    /// A fault that cannot be injected.
    refused: Option<&'static str>,
    /// Nodes at which nothing breaks.
    harmless: Option<String>,
    /// Of the so-manieth probe of so many cells: the one that times out by chance.
    slow: Option<fn(usize, usize) -> Option<usize>>,
    probes: usize,
}

impl Ward for Fake {
    fn fresh(&mut self, spec: &Spec) -> Result<(), GradeError> {
        self.labs += 1;
        self.injected = None;
        let baseline = |s: &netwhy_lab::spec::Service| s.name == "nobody";
        self.empty = spec
            .services
            .iter()
            .find(|s| baseline(s))
            .map(|s| (s.namespace.clone(), s.name.clone()));
        Ok(())
    }

    fn refuses(&self, fault: &Fault) -> Option<String> {
        (self.refused == Some(fault.id)).then(|| "the table is the machine's".to_owned())
    }

    fn inject(&mut self, fault: &str, args: &Args) -> Result<(), GradeError> {
        self.injected = Some((fault.to_owned(), args.clone()));
        Ok(())
    }

    fn check(&mut self) -> Result<Vec<FindingView>, GradeError> {
        let mut all = Vec::new();
        if let Some((namespace, name)) = &self.empty {
            all.push(finding("svc-no-endpoints", "Service", Some(namespace), name));
        }
        let injected = self.injected.as_ref();
        let known = injected.and_then(|(id, args)| Some((netwhy_lab::faults::find(id).ok()?, args)));
        if let Some((fault, args)) = known.filter(|(f, _)| self.cries_wolf || (!f.decoy && !self.blind)) {
            let (kind, key) = match (args.get("pod"), args.get("service")) {
                (Some(_), _) => ("Pod", "pod"),
                (_, Some(_)) => ("Service", "service"),
                _ => ("Node", "node"),
            };
            let (namespace, name) = match args[key].split_once('/') {
                Some((namespace, name)) => (Some(namespace), name),
                None => (None, args[key].as_str()),
            };
            let name = if self.wrong_place { "elsewhere" } else { name };
            let mut found = finding(fault.id, kind, namespace, name);
            found
                .evidence
                .extend(args.get("peer").map(|p| format!("no route to {p}")));
            let key = args.get("iface").map(|i| i.replace('.', "/"));
            found
                .evidence
                .extend(key.map(|k| format!("net.ipv4.conf.{k}.forwarding = 0")));
            all.insert(0, found);
        }
        Ok(all)
    }

    fn fix(&mut self, _: &FindingView) -> Result<Fixed, GradeError> {
        if !self.cannot_fix {
            self.injected = None;
        }
        Ok(Fixed::Ran {
            command: "netwhy fix".to_owned(),
            ok: true,
            output: String::new(),
        })
    }

    fn probe(&mut self, pairs: &[Pair]) -> Result<Vec<Cell>, GradeError> {
        let injected = self.injected.as_ref();
        let works =
            injected.is_none_or(|(_, args)| args.get("node").is_some() && args.get("node") == self.harmless.as_ref());
        let class = if works { Class::Ok } else { Class::Timeout };
        self.probes += 1;
        let slow = self.slow.and_then(|slow| slow(self.probes, pairs.len()));
        let cell = |(at, p): (usize, &Pair)| {
            let class = if slow == Some(at) { Class::Timeout } else { class };
            Cell {
                source: p.source.name.clone(),
                target: p.target.name.clone(),
                protocol: p.target.protocol,
                class,
                errno: None,
                time: TimeClass::Instant,
                bytes: 0,
                answered_by: None,
                seen_client: None,
                backends: BTreeMap::new(),
                outcomes: [(class, 1)].into(),
            }
        };
        Ok(pairs.iter().enumerate().map(cell).collect())
    }
}

fn run(mut ward: Fake) -> (Total, usize) {
    let all = grade_seed(&mut ward, &Plan::of_seed(3), &mut |_| ()).unwrap();
    assert!(
        print(&all)
            .lines()
            .last()
            .unwrap()
            .starts_with("seed 3: 40 faults, right cause first")
    );
    (Total::of(&all), ward.labs)
}

#[test]
fn a_perfect_doctor_passes() {
    let (total, labs) = run(Fake::default());
    assert_eq!((total.faults, total.decoys, total.healthy), (40, 20, 10));
    assert_eq!((total.right_cause, total.right_place, total.healed), (40, 40, 40));
    // One for each case: the first of ten shapes needs no second one.
    assert_eq!((total.passes(), labs), (true, 60));
}

#[test]
fn what_cannot_be_injected_is_skipped_with_the_reason() {
    let mut ward = Fake {
        refused: Some("bridge-nf-off"),
        ..Fake::default()
    };
    let all = grade_seed(&mut ward, &Plan::of_seed(3), &mut |_| ()).unwrap();
    let total = Total::of(&all);
    assert_eq!((total.faults, total.skipped, total.healed), (35, 5, 35));
    assert!(total.passes() && total.to_string().ends_with("; 5 skipped"), "{total}");
    let line = print(&all);
    let line = line.lines().find(|l| l.contains("bridge-nf-off")).unwrap();
    assert!(line.ends_with("skipped: the table is the machine's"), "{line}");
}

#[test]
fn each_mistake_is_seen() {
    let blind = run(Fake {
        blind: true,
        ..Fake::default()
    });
    assert_eq!((blind.0.right_cause, blind.0.healed, blind.0.passes()), (0, 0, false));
    let lost = run(Fake {
        wrong_place: true,
        ..Fake::default()
    });
    assert_eq!(
        (lost.0.right_cause, lost.0.right_place, lost.0.unexplained),
        (40, 0, 40)
    );
    let wolf = run(Fake {
        cries_wolf: true,
        ..Fake::default()
    });
    assert_eq!(
        (wolf.0.right_cause, wolf.0.false_alarms, wolf.0.passes()),
        (40, 20, false)
    );
    let clumsy = run(Fake {
        cannot_fix: true,
        ..Fake::default()
    });
    assert_eq!(
        (clumsy.0.right_place, clumsy.0.healed, clumsy.0.passes()),
        (40, 0, false)
    );
}

#[test]
fn a_place_where_nothing_breaks_is_drawn_again() {
    let spec = Cases::new(&Plan::of_seed(3)).spec();
    let mut ward = Fake {
        harmless: spec.nodes.first().map(|n| n.name.clone()),
        ..Fake::default()
    };
    let plan = Plan {
        singles: 8,
        decoys: 0,
        per_lab: 8,
        ..Plan::of_seed(3)
    };
    let all = grade_seed(&mut ward, &plan, &mut |_| ()).unwrap();
    let places = all.iter().filter_map(|g| g.case.as_ref()?.args.get("node"));
    assert!(places.clone().count() > 4 && places.into_iter().all(|n| Some(n) != ward.harmless.as_ref()));
}

#[test]
fn a_busy_machine_is_waited_for() {
    let ward = Fake {
        slow: Some(|probe, cells| (cells > 20).then_some(probe % cells)),
        ..Fake::default()
    };
    assert!(run(ward).0.passes());
    let mut ward = Fake {
        slow: Some(|probe, _| probe.is_multiple_of(2).then_some(0)),
        ..Fake::default()
    };
    let error = grade_seed(&mut ward, &Plan::of_seed(3), &mut |_| ()).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("does not settle:\n    pod/") && said.contains("was 1 ok by [], is 1 timeout by []"),
        "{said}"
    );
}

#[test]
fn all_faults_come_and_seeds_differ() {
    let draw = |seed| {
        let mut cases = Cases::new(&Plan::of_seed(seed));
        let spec = cases.spec();
        let mut all = Vec::new();
        while let Some(fault) = cases.next_fault() {
            all.extend(cases.place(fault, &spec));
        }
        all
    };
    let one = draw(1);
    assert_eq!(one, draw(1));
    assert_ne!(one, draw(2));
    assert_eq!((one.len(), one.iter().filter(|c| c.decoy).count()), (60, 20));
    assert!(
        faults()
            .iter()
            .all(|f| one.iter().filter(|c| c.fault == f.id).count() == 5)
    );
    let mut several = (1..5).flat_map(draw);
    assert!(several.any(|c| c.args.contains_key("persist")));
}

#[test]
fn a_missing_route_must_tell_to_whom() {
    let spec = Spec::default_with(3);
    let case = Case {
        fault: "route-to-podcidr-missing",
        decoy: false,
        args: [("node", "worker-1"), ("peer", "worker-2")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
    };
    let judge = |evidence: &str| {
        let mut found = finding(case.fault, "Node", None, "worker-1");
        found.evidence.push(evidence.to_owned());
        judge_findings(&[found], Some(&case), &Baseline::of(&spec), &spec).right_place
    };
    assert!(judge("no route to 10.244.2.0/24") && judge("worker-2 is not reached"));
    assert!(!judge("no route to 10.244.3.0/24") && !judge("worker-20"));
}
