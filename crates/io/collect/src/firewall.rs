//! Rules: nf_tables, legacy iptables, sets, IPVS.
//!
//! What needs no command is not asked: `nft` proves that iptables-nft has no table when it lists none at all, and
//! `/proc/net/ip_tables_names` proves the same of the legacy tables. An empty member says so.

use crate::modules::{Modules, Presence};
use crate::netns::{Reader, proc_net};
use crate::plan::Role;
use crate::shelf::{Shelf, Why, not_found, run, run_within};
use netwhy_sys::exec::find_program;
use std::io;
use std::path::Path;

/// `nft -j` of a kernel without nf_tables.
const NO_NFT: &str = "{\"nftables\": []}\n";

/// One family of iptables.
struct Family {
    save: &'static str,
    legacy_save: &'static str,
    nft_program: &'static str,
    legacy_program: &'static str,
    plain_program: &'static str,
    /// The file of `/proc/net` that lists legacy tables, if the module is there.
    names: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        save: "iptables-save",
        legacy_save: "iptables-legacy-save",
        nft_program: "iptables-nft-save",
        legacy_program: "iptables-legacy-save",
        plain_program: "iptables-save",
        names: "ip_tables_names",
    },
    Family {
        save: "ip6tables-save",
        legacy_save: "ip6tables-legacy-save",
        nft_program: "ip6tables-nft-save",
        legacy_program: "ip6tables-legacy-save",
        plain_program: "ip6tables-save",
        names: "ip6_tables_names",
    },
];

/// Reads all rules of the namespace.
pub(crate) fn read(reader: &Reader<'_>, shelf: &mut Shelf) {
    match reader.modules.presence("nf_tables") {
        Presence::Safe => nf_tables(reader, shelf),
        Presence::Absent => {
            shelf.put("nft.json", NO_NFT);
            FAMILIES.iter().for_each(|family| shelf.put(family.save, ""));
        }
        Presence::Unknown => {
            let why = Modules::why_unknown("nf_tables");
            shelf.missing("nft.json", why.as_str());
            for family in &FAMILIES {
                shelf.missing(family.save, why.as_str());
            }
        }
    }
    for family in &FAMILIES {
        let result = legacy(reader, family);
        shelf.result(family.legacy_save, result);
    }
    let empty = |name: &str| shelf.get(name).is_some_and(<[u8]>::is_empty);
    let ruled = FAMILIES
        .iter()
        .any(|family| !empty(family.save) || !empty(family.legacy_save));
    // Sets are read by rules; a pod without rules is not asked for them.
    if ruled || reader.target.role != Role::Pod {
        ipset(reader, shelf);
    }
    ipvs(reader, shelf);
}

/// Pods hardly ever have rules, so `nft` is asked first there; nodes have many, so their number is counted first.
fn nf_tables(reader: &Reader<'_>, shelf: &mut Shelf) {
    if reader.target.role == Role::Pod {
        let listed = nft(reader);
        let none = listed.as_ref().is_ok_and(|json| lists_no_table(json));
        shelf.result("nft.json", listed);
        for family in &FAMILIES {
            let saved = if none { Ok(Vec::new()) } else { save(reader, family) };
            shelf.result(family.save, saved);
        }
        return;
    }
    let mut rules = 0;
    for family in &FAMILIES {
        let saved = save(reader, family);
        rules += saved.as_ref().map_or(0, |text| count_rules(text));
        shelf.result(family.save, saved);
    }
    let most = reader.budget.nft_rules;
    if rules > most {
        let why = format!("{rules} rules of iptables-nft; above {most}, nft -j costs the node too much and is not run");
        shelf.missing("nft.json", why);
        return;
    }
    let listed = nft(reader);
    if listed.as_ref().is_ok_and(|json| lists_no_table(json)) {
        // Where the iptables programs are missing, nft has just proven that they would print nothing.
        for family in FAMILIES
            .iter()
            .filter(|family| shelf.get(family.save).is_none())
            .collect::<Vec<_>>()
        {
            shelf.forgive(family.save);
            shelf.put(family.save, "");
        }
    }
    shelf.result("nft.json", listed);
}

fn nft(reader: &Reader<'_>) -> Result<Vec<u8>, Why> {
    let argv = ["nft", "-j", "list", "ruleset"];
    run_within(reader.budget, reader.budget.rules_time, &argv).map(|(out, _)| out)
}

/// Only what nft says about itself, and nothing that it lists.
fn lists_no_table(json: &[u8]) -> bool {
    let Ok(serde_json::Value::Object(all)) = serde_json::from_slice(json) else {
        return false;
    };
    let list = all.get("nftables").and_then(serde_json::Value::as_array);
    list.is_some_and(|list| list.iter().all(|entry| entry.get("metainfo").is_some()))
}

fn save(reader: &Reader<'_>, family: &Family) -> Result<Vec<u8>, Why> {
    let program = if find_program(family.nft_program).is_some() {
        family.nft_program
    } else if plain_is_legacy(family.plain_program) {
        return Err(not_found(family.nft_program));
    } else {
        family.plain_program
    };
    save_with(reader, program)
}

/// Tables that it cannot print it names in a comment, which is part of what it prints.
fn save_with(reader: &Reader<'_>, program: &str) -> Result<Vec<u8>, Why> {
    run_within(reader.budget, reader.budget.rules_time, &[program, "-c"]).map(|(out, _)| out)
}

/// Whether the program without a backend in its name is the legacy one: links tell, before it is run.
fn plain_is_legacy(program: &str) -> bool {
    let file = find_program(program).and_then(|file| file.canonicalize().ok());
    let name = file
        .as_deref()
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned());
    name.is_some_and(|name| name.contains("legacy"))
}

fn count_rules(save: &[u8]) -> usize {
    let rule = |line: &&[u8]| line.starts_with(b"[") || line.starts_with(b"-A");
    save.split(|byte| *byte == b'\n').filter(rule).count()
}

/// Legacy tables. Without the module's file there are none, and asking would load it; an empty file lists none.
fn legacy(reader: &Reader<'_>, family: &Family) -> Result<Vec<u8>, Why> {
    match proc_net(family.names) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("/proc/net/{}: {error}", family.names)),
        Ok(names) if names.is_empty() => return Ok(Vec::new()),
        Ok(_) => {}
    }
    let program = match find_program(family.legacy_program) {
        None if plain_is_legacy(family.plain_program) => family.plain_program,
        _ => family.legacy_program,
    };
    save_with(reader, program)
}

fn ipset(reader: &Reader<'_>, shelf: &mut Shelf) {
    match reader.modules.presence("ip_set") {
        Presence::Safe => shelf.result("ipset.save", run(reader.budget, &["ipset", "save"])),
        Presence::Absent => shelf.put("ipset.save", ""),
        Presence::Unknown => shelf.missing("ipset.save", Modules::why_unknown("ip_set")),
    }
}

/// `/proc/net/ip_vs` exists in each namespace if the module is there.
fn ipvs(reader: &Reader<'_>, shelf: &mut Shelf) {
    const NAME: &str = "ipvs.save";
    match proc_net("ip_vs") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => shelf.put(NAME, ""),
        Err(error) => shelf.missing(NAME, format!("/proc/net/ip_vs: {error}")),
        Ok(_) => shelf.result(NAME, run(reader.budget, &["ipvsadm", "-Sn"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table() {
        let meta = r#"{"metainfo": {"version": "1.0.6"}}"#;
        assert!(lists_no_table(format!("{{\"nftables\": [{meta}]}}").as_bytes()));
        assert!(lists_no_table(NO_NFT.as_bytes()));
        let table = r#"{"table": {"family": "ip", "name": "filter"}}"#;
        assert!(!lists_no_table(
            format!("{{\"nftables\": [{meta}, {table}]}}").as_bytes()
        ));
        assert!(!lists_no_table(b"") && !lists_no_table(b"{}") && !lists_no_table(b"[]"));
    }

    #[test]
    fn rules_are_counted() {
        let text = "# x\n*nat\n:PREROUTING ACCEPT [0:0]\n[1:60] -A PREROUTING -j X\n-A X -j ACCEPT\nCOMMIT\n";
        assert_eq!(count_rules(text.as_bytes()), 2);
    }
}
