//! What kube-proxy does when the API changes: it writes its own chains anew, and touches no others.

use crate::build::node_rules;
use crate::error::at;
use crate::spec::{Service, Spec};
use crate::{Lab, LabError, objects};
use std::collections::{BTreeMap, BTreeSet};

/// Replaces a Service in the API, and lets the kube-proxies of all nodes follow. Harmless if it is done already.
pub(crate) fn replace_service(lab: &Lab, from: &Service, to: &Service) -> Result<(), LabError> {
    let mut state = lab.state()?;
    let same = |s: &&mut Service| s.namespace == from.namespace && s.name == from.name;
    let service = state
        .spec
        .services
        .iter_mut()
        .find(same)
        .ok_or_else(|| LabError::unknown("Service", &format!("{}/{}", from.namespace, from.name), []))?;
    *service = to.clone();
    let mut old = state.spec.clone();
    old.services
        .iter_mut()
        .filter(|s| s.namespace == from.namespace && s.name == from.name)
        .for_each(|s| *s = from.clone());
    let folder = lab.cluster_folder();
    objects::lists(&state.spec).write(&folder).map_err(at(&folder))?;
    sync_rules(lab, &old, &state.spec)?;
    lab.write_state(&state)
}

fn sync_rules(lab: &Lab, old: &Spec, new: &Spec) -> Result<(), LabError> {
    let (old_lists, new_lists) = (objects::lists(old), objects::lists(new));
    for node in &new.nodes {
        let ns = lab.netns(&node.name)?;
        let before = node_rules(&ns, old, &old_lists, &node.name)?;
        let after = node_rules(&ns, new, &new_lists, &node.name)?;
        let text = sync_text(&before, &after);
        lab.run(&node.name, &["iptables-nft-restore", "--noflush"], Some(&text))?;
    }
    Ok(())
}

/// The text for `iptables-restore --noflush` that turns kube-proxy's chains of one complete text into those of another.
fn sync_text(before: &str, after: &str) -> String {
    let (before, after) = (kube_chains(before), kube_chains(after));
    let none = BTreeMap::new();
    let mut text = String::new();
    for table in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let (old, new) = (before.get(table).unwrap_or(&none), after.get(table).unwrap_or(&none));
        text += &format!("*{table}\n");
        let all: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        // Naming a chain empties it.
        all.iter().for_each(|chain| text += &format!(":{chain} - [0:0]\n"));
        new.values().flatten().for_each(|rule| text += &format!("{rule}\n"));
        all.iter()
            .filter(|chain| !new.contains_key(**chain))
            .for_each(|chain| text += &format!("-X {chain}\n"));
        text += "COMMIT\n";
    }
    text
}

/// By table and chain, the rules of the chains whose names begin with `KUBE-`.
fn kube_chains(text: &str) -> BTreeMap<&str, BTreeMap<&str, Vec<&str>>> {
    let mut tables: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    let mut table = "";
    for line in text.lines() {
        let word = |at| line.split_whitespace().nth(at).unwrap_or_default();
        match line.chars().next() {
            Some('*') => table = &line[1..],
            Some(':') if word(0).starts_with(":KUBE-") => {
                tables.entry(table).or_default().entry(&word(0)[1..]).or_default();
            }
            Some('-') if word(1).starts_with("KUBE-") => {
                tables.entry(table).or_default().entry(word(1)).or_default().push(line);
            }
            _ => {}
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_chains_only() {
        let before = "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-A - [0:0]\n:KUBE-B - [0:0]\n-A PREROUTING -j KUBE-A\n-A KUBE-A -j KUBE-B\nCOMMIT\n";
        let after = "*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-A - [0:0]\n:KUBE-C - [0:0]\n-A PREROUTING -j KUBE-A\n-A KUBE-A -j KUBE-C\nCOMMIT\n";
        let expected =
            "*nat\n:KUBE-A - [0:0]\n:KUBE-B - [0:0]\n:KUBE-C - [0:0]\n-A KUBE-A -j KUBE-C\n-X KUBE-B\nCOMMIT\n";
        assert_eq!(sync_text(before, after), expected);
    }
}
