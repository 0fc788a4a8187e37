//! The loop: lab, fault, report, fix, matrix.

use super::{Baseline, Case, Cases, Fixed, GradeError, Judged, Plan, Ward, judge_findings};
use netwhy_lab::matrix::{Cell, Pair, differences, pairs, same};
use netwhy_lab::spec::Spec;
use netwhy_lab::{Args, Fault};
use netwhy_view::report::FindingView;

/// What became of one case.
#[derive(Clone, Debug)]
pub struct Graded {
    /// Seed of the plan.
    pub seed: u64,
    /// Nodes of the lab.
    pub nodes: usize,
    /// What was injected; `None`: nothing, the lab as it is.
    pub case: Option<Case>,
    /// Cells of the matrix that it changed.
    pub broken: usize,
    /// How the report compares.
    pub judged: Judged,
    /// What became of the fix of the first finding; `None` where there was nothing to fix.
    pub fixed: Option<Fixed>,
    /// Cells that differ from the healthy matrix after the fix, in words.
    pub still_broken: Vec<String>,
    /// Why the case was not played; nothing else counts then.
    pub skipped: Option<String>,
}

impl Graded {
    /// A fault, whose cause must be found.
    pub fn is_fault(&self) -> bool {
        self.skipped.is_none() && self.case.as_ref().is_some_and(|c| !c.decoy)
    }

    /// The printed command line was run, and the matrix is as it was.
    pub fn healed(&self) -> bool {
        matches!(self.fixed, Some(Fixed::Ran { .. })) && self.still_broken.is_empty()
    }
}

/// Places that are tried for a fault until one breaks something.
const PLACES: usize = 8;
/// A cell of a healthy lab is probed again so often until two of its results agree.
const HEALTHY: usize = 5;
/// After the fix, a cell that differs is probed again so often: a busy machine is slow.
const AGAIN: usize = 3;

/// Grades several plans, and tells each result as soon as it is there.
///
/// # Errors
/// The first step that could not be made.
pub fn grade<W: Ward>(ward: &mut W, plans: &[Plan], tell: &mut dyn FnMut(&Graded)) -> Result<Vec<Graded>, GradeError> {
    let mut all = Vec::new();
    for plan in plans {
        all.extend(grade_seed(ward, plan, tell)?);
    }
    Ok(all)
}

/// Grades one plan. Each lab is judged as it is, before anything is injected; then come the cases, each in a lab that is
/// made anew where something was mended in the one before.
///
/// # Errors
/// The first step that could not be made.
pub fn grade_seed<W: Ward>(
    ward: &mut W,
    plan: &Plan,
    tell: &mut dyn FnMut(&Graded),
) -> Result<Vec<Graded>, GradeError> {
    let mut cases = Cases::new(plan);
    let mut all = Vec::new();
    let mut next = cases.next_fault();
    while next.is_some() {
        let spec = cases.spec();
        let mut bed = Bed::new(ward, plan, spec)?;
        let mut add = |graded: Graded| {
            tell(&graded);
            all.push(graded);
        };
        add(bed.untouched()?);
        for _ in 0..plan.per_lab.max(1) {
            let Some(fault) = next else { break };
            if let Some(why) = bed.ward.refuses(fault) {
                add(bed.skipped(fault, why));
                next = cases.next_fault();
                continue;
            }
            for attempt in 1..=PLACES {
                let Some(case) = cases.place(fault, &bed.spec) else {
                    break;
                };
                if let Some(graded) = bed.play(case, attempt == PLACES)? {
                    add(graded);
                    break;
                }
            }
            next = cases.next_fault();
        }
    }
    Ok(all)
}

/// The matrix of a lab with nothing in it: a cell is probed until two of its results agree, with all backends that
/// answered in any of them.
fn healthy<W: Ward>(ward: &mut W, pairs: &[Pair]) -> Result<Vec<Cell>, GradeError> {
    let mut cells = ward.probe(pairs)?;
    let mut open: Vec<usize> = (0..pairs.len()).collect();
    let mut unlike = Vec::new();
    for round in 0..HEALTHY {
        if round > 0 {
            ward.rest();
        }
        let these: Vec<Pair> = open.iter().map(|at| pairs[*at].clone()).collect();
        unlike.clear();
        for (at, mut new) in std::mem::take(&mut open).into_iter().zip(ward.probe(&these)?) {
            let old = &mut cells[at];
            // By chance, a backend among many is missed in one of them.
            new.backends.extend(std::mem::take(&mut old.backends));
            old.backends.clone_from(&new.backends);
            if !same(old, &new) {
                unlike.push(in_words(&(old, &new)));
                open.push(at);
            }
            *old = new;
        }
        if open.is_empty() {
            return Ok(cells);
        }
    }
    let cells = unlike.join("\n    ");
    Err(GradeError(format!(
        "the matrix of a lab with nothing in it does not settle:\n    {cells}"
    )))
}

/// A lab of one shape, and what it is like when it is healthy.
struct Bed<'a, W> {
    ward: &'a mut W,
    seed: u64,
    spec: Spec,
    pairs: Vec<Pair>,
    baseline: Baseline,
    healthy: Vec<Cell>,
    /// Nothing is in it but what belongs there.
    clean: bool,
}

impl<'a, W: Ward> Bed<'a, W> {
    fn new(ward: &'a mut W, plan: &Plan, spec: Spec) -> Result<Bed<'a, W>, GradeError> {
        ward.fresh(&spec)?;
        let pairs = pairs(&spec);
        let healthy = healthy(ward, &pairs)?;
        Ok(Bed {
            ward,
            seed: plan.seed,
            baseline: Baseline::of(&spec),
            spec,
            pairs,
            healthy,
            clean: true,
        })
    }

    fn untouched(&mut self) -> Result<Graded, GradeError> {
        let findings = self.ward.check()?;
        Ok(self.graded(None, judge_findings(&findings, None, &self.baseline, &self.spec)))
    }

    /// One case. `None` if a fault breaks nothing at this place, unless it is to be taken all the same.
    fn play(&mut self, case: Case, anyway: bool) -> Result<Option<Graded>, GradeError> {
        if !self.clean {
            self.ward.fresh(&self.spec)?;
        }
        self.clean = false;
        self.ward.inject(case.fault, &case.args)?;
        let broken = match case.decoy {
            true => 0,
            false => self.differing(1)?.len(),
        };
        if broken == 0 && !case.decoy && !anyway {
            return Ok(None);
        }
        let findings = self.ward.check()?;
        let judged = judge_findings(&findings, Some(&case), &self.baseline, &self.spec);
        let first = judged.first_at.and_then(|at| findings.get(at)).cloned();
        let is_fault = !case.decoy;
        let mut graded = self.graded(Some(case), judged);
        graded.broken = broken;
        if is_fault {
            self.mend(&mut graded, first.as_ref())?;
        }
        Ok(Some(graded))
    }

    fn mend(&mut self, graded: &mut Graded, first: Option<&FindingView>) -> Result<(), GradeError> {
        graded.fixed = Some(match first {
            Some(finding) => self.ward.fix(finding)?,
            None => Fixed::NoCommand,
        });
        graded.still_broken = self.differing(AGAIN)?;
        Ok(())
    }

    /// Cells that differ from the healthy ones each time they are probed.
    fn differing(&mut self, again: usize) -> Result<Vec<String>, GradeError> {
        let mut pairs = self.pairs.clone();
        let mut cells = self.ward.probe(&pairs)?;
        for _ in 0..again {
            let found = differences(&self.healthy, &cells);
            let is_named = |p: &Pair| {
                let same = |c: &Cell| c.source == p.source.name && c.target == p.target.name;
                found
                    .iter()
                    .any(|(_, new)| same(new) && new.protocol == p.target.protocol)
            };
            pairs.retain(is_named);
            if pairs.is_empty() {
                return Ok(Vec::new());
            }
            self.ward.rest();
            cells = self.ward.probe(&pairs)?;
        }
        let found = differences(&self.healthy, &cells);
        Ok(found.iter().map(in_words).collect())
    }

    fn skipped(&self, fault: &Fault, why: String) -> Graded {
        let case = Case {
            fault: fault.id,
            decoy: fault.decoy,
            args: Args::new(),
        };
        Graded {
            skipped: Some(why),
            ..self.graded(Some(case), Judged::default())
        }
    }

    fn graded(&self, case: Option<Case>, judged: Judged) -> Graded {
        Graded {
            seed: self.seed,
            nodes: self.spec.nodes.len(),
            case,
            broken: 0,
            judged,
            fixed: None,
            still_broken: Vec::new(),
            skipped: None,
        }
    }
}

fn in_words((old, new): &(&Cell, &Cell)) -> String {
    let one = |cell: &Cell| {
        let outcomes = cell.outcomes.iter().map(|(class, n)| format!("{n} {}", class.as_str()));
        let outcomes = outcomes.collect::<Vec<_>>().join(", ");
        let backends = cell.backends.iter().map(|(pod, seen)| format!("{pod} seeing {seen}"));
        format!("{outcomes} by [{}]", backends.collect::<Vec<_>>().join(", "))
    };
    format!("{} -> {}: was {}, is {}", new.source, new.target, one(old), one(new))
}
