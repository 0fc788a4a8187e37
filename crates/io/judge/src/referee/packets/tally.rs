//! Rule counters: how often each rule matched, by the model and by the kernel.

use super::judge::Verdict;
use super::node::Node;
use netwhy_sim::trace::RuleRef;
use std::collections::BTreeMap;

/// Least and most packets of each rule of a rule set that agree with what was seen.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    rules: BTreeMap<RuleRef, (u64, u64)>,
    /// A reaction was not known, or differed: nothing can be said of the counters.
    void: bool,
}

impl Tally {
    /// After the last frame of a conversation was compared.
    pub fn add(&mut self, verdict: &Verdict) {
        let Verdict::Agree(ways) = verdict else {
            self.void = true;
            return;
        };
        let mut bounds: BTreeMap<RuleRef, (u64, u64)> = BTreeMap::new();
        for (at, way) in ways.iter().enumerate() {
            let mut hits: BTreeMap<RuleRef, u64> = BTreeMap::new();
            for (_, rule) in &way.hits {
                *hits.entry(*rule).or_default() += 1;
            }
            for (rule, (low, _)) in &mut bounds {
                if !hits.contains_key(rule) {
                    *low = 0;
                }
            }
            for (rule, count) in hits {
                let (low, high) = bounds
                    .entry(rule)
                    .or_insert(if at == 0 { (count, count) } else { (0, count) });
                *low = (*low).min(count);
                *high = (*high).max(count);
            }
        }
        for (rule, (low, high)) in bounds {
            let sum = self.rules.entry(rule).or_default();
            sum.0 += low;
            sum.1 += high;
        }
    }

    /// A reaction was not known, or differed.
    pub fn is_void(&self) -> bool {
        self.void
    }

    /// Reads the counters; the first rule that differs, with its text.
    ///
    /// # Errors
    /// The rules cannot be read.
    pub fn check(&self, node: &mut Node) -> Result<Option<String>, String> {
        if self.void {
            return Ok(None);
        }
        node.read_rules()?;
        for (rule, kernel) in node.counters() {
            let (low, high) = self.rules.get(&rule).copied().unwrap_or_default();
            if !(low..=high).contains(&kernel) {
                let text = node.rule_text(rule);
                return Ok(Some(format!(
                    "kernel: {kernel} packets for {text}; the model: {low} to {high}"
                )));
            }
        }
        Ok(None)
    }

    /// Rules that matched at least once.
    pub fn hit(&self) -> impl Iterator<Item = RuleRef> {
        self.rules
            .iter()
            .filter(|(_, (_, high))| *high > 0)
            .map(|(rule, _)| *rule)
    }
}
