//! Fills the matrix: one thread for each source namespace, non-blocking sockets in it.

use super::connection::{End, Try, line_length, parse};
use super::{Cell, Class, Options, Pair, TargetKind, TimeClass};
use crate::server::BIG;
use netwhy_sys::Netns;
use nix::errno::Errno;
use nix::poll::{PollFd, PollTimeout, poll};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Repeated tries begin when every first one is over, or after this time: they must not delay what is measured.
const FIRST_COME: Duration = Duration::from_millis(400);
/// Sockets of all sources together, where the limit of descriptors allows them.
const SOCKETS: usize = 3000;

/// Fills the cells of these pairs, in their order; the namespaces are those below `netns`, by name.
///
/// All sources work at once: a matrix with many timeouts takes about the patience and little more. An error means that
/// a namespace could not be entered; whatever a connection does is a cell.
pub fn probe(netns: &Path, pairs: &[Pair], options: &Options) -> io::Result<Vec<Cell>> {
    let mut by_source: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, pair) in pairs.iter().enumerate() {
        by_source.entry(&pair.source.netns).or_default().push(at);
    }
    let room = descriptors().saturating_sub(256).clamp(64, SOCKETS);
    let share = (room / by_source.len().max(1)).max(4);
    let first_tries = AtomicUsize::new(pairs.len());
    let mut cells: Vec<Option<Cell>> = vec![None; pairs.len()];
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (source, own) in &by_source {
            let path = netns.join(source);
            let first_tries = &first_tries;
            threads.push(scope.spawn(move || {
                Netns::open(&path)
                    .and_then(|ns| ns.enter())
                    .map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
                Ok(Prober::new(pairs, own, options, share, first_tries).run())
            }));
        }
        for thread in threads {
            let result: io::Result<Vec<(usize, Cell)>> = thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a probing thread ended early")));
            for (at, cell) in result? {
                cells[at] = Some(cell);
            }
        }
        Ok(cells.into_iter().flatten().collect())
    })
}

/// The soft limit of open files.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|l| l.starts_with("Max open files"));
    line.and_then(|l| l.split_whitespace().nth(3)?.parse().ok())
        .unwrap_or(1024)
}

struct Prober<'a> {
    pairs: &'a [Pair],
    options: &'a Options,
    share: usize,
    /// First tries of all sources that are not over.
    first_tries: &'a AtomicUsize,
    began: Instant,
    waiting: VecDeque<(usize, bool)>,
    repeats: VecDeque<(usize, bool)>,
    tries: Vec<Try>,
    cells: BTreeMap<usize, Cell>,
}

impl<'a> Prober<'a> {
    fn new(
        pairs: &'a [Pair],
        own: &[usize],
        options: &'a Options,
        share: usize,
        first_tries: &'a AtomicUsize,
    ) -> Prober<'a> {
        Prober {
            pairs,
            options,
            share,
            first_tries,
            began: Instant::now(),
            waiting: own.iter().map(|at| (*at, true)).collect(),
            repeats: VecDeque::new(),
            tries: Vec::new(),
            cells: BTreeMap::new(),
        }
    }

    fn run(mut self) -> Vec<(usize, Cell)> {
        loop {
            let may_repeat = self.first_tries.load(Ordering::Relaxed) == 0 || self.began.elapsed() > FIRST_COME;
            if may_repeat {
                self.waiting.append(&mut self.repeats);
            }
            while self.tries.len() < self.share {
                let Some((pair, first)) = self.waiting.pop_front() else {
                    break;
                };
                self.start(pair, first);
            }
            if self.tries.is_empty() && self.waiting.is_empty() && self.repeats.is_empty() {
                return self.cells.into_iter().collect();
            }
            self.wait();
        }
    }

    fn start(&mut self, pair: usize, first: bool) {
        let began = Instant::now();
        match Try::open(pair, &self.pairs[pair].target, first, self.options.patience) {
            Ok(one) => self.tries.push(one),
            Err(errno) => self.end_unopened(pair, first, errno, began.elapsed()),
        }
    }

    /// Waits until something happens to one of the tries, and goes on with it.
    fn wait(&mut self) {
        let now = Instant::now();
        let next = self.tries.iter().map(|t| t.until).min();
        let mut left = next.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if !self.repeats.is_empty() || next.is_none() {
            left = left.clamp(Duration::from_millis(1), Duration::from_millis(10));
        }
        let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::from(1000u16));
        let mut fds: Vec<PollFd<'_>> = self.tries.iter().map(Try::poll_fd).collect();
        // An interrupted wait is a short one.
        let _ = poll(&mut fds, timeout);
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(true)).collect();
        let now = Instant::now();
        let mut ready = ready.into_iter();
        for mut one in std::mem::take(&mut self.tries) {
            let end = match ready.next() {
                Some(true) => one.go_on(self.options.patience),
                _ => None,
            };
            let gave_up = || {
                (one.until <= now).then_some(End {
                    errno: 0,
                    gave_up: true,
                })
            };
            match end.or_else(gave_up) {
                Some(end) => self.end(one, end),
                None => self.tries.push(one),
            }
        }
    }

    fn end_unopened(&mut self, pair: usize, first: bool, errno: Errno, after: Duration) {
        let class = Class::of_errno(errno as i32);
        self.count(pair, first, class);
        if first {
            let cell = self.cell(pair);
            cell.class = class;
            cell.errno = Some(errno as i32);
            cell.time = TimeClass::of(after);
        }
    }

    fn end(&mut self, one: Try, end: End) {
        let class = match one.reached {
            Some(_) if end.errno == 0 => Class::Ok,
            _ if end.gave_up => Class::Timeout,
            _ => Class::of_errno(end.errno),
        };
        let answer = parse(&one.head);
        let length = one.bytes.saturating_sub(line_length(&one.head));
        self.count(one.pair, one.first, class);
        let after = one.reached.unwrap_or_else(|| one.began.elapsed());
        let repeat = answer.is_some() || (self.options.always && matches!(class, Class::Ok | Class::Timeout));
        let cell = self.cell(one.pair);
        if let Some((pod, client)) = &answer {
            cell.backends.entry(pod.clone()).or_insert(*client);
        }
        if !one.first {
            return;
        }
        cell.class = class;
        cell.errno = (end.errno != 0).then_some(end.errno);
        cell.time = match class {
            Class::Timeout if end.gave_up => TimeClass::Never,
            _ => TimeClass::of(after),
        };
        cell.bytes = length.min(BIG);
        if let Some((pod, client)) = answer {
            cell.answered_by = Some(pod);
            cell.seen_client = Some(client);
        }
        if repeat && self.pairs[one.pair].target.kind != TargetKind::Pod {
            let more = self.options.tries.saturating_sub(1);
            self.repeats.extend((0..more).map(|_| (one.pair, false)));
        }
    }

    fn count(&mut self, pair: usize, first: bool, class: Class) {
        if first {
            self.first_tries.fetch_sub(1, Ordering::Relaxed);
        }
        *self.cell(pair).outcomes.entry(class).or_default() += 1;
    }

    fn cell(&mut self, pair: usize) -> &mut Cell {
        let Pair { source, target } = &self.pairs[pair];
        self.cells.entry(pair).or_insert_with(|| Cell {
            source: source.name.clone(),
            target: target.name.clone(),
            protocol: target.protocol,
            class: Class::Other,
            errno: None,
            time: TimeClass::Never,
            bytes: 0,
            answered_by: None,
            seen_client: None,
            backends: BTreeMap::new(),
            outcomes: BTreeMap::new(),
        })
    }
}
