//! `snmp.txt`: `/proc/net/snmp` and `/proc/net/netstat`.

use crate::Problem;
use std::fmt::Write as _;

/// Counters of a namespace, in groups as the kernel prints them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snmp {
    /// `(Ip, [(InAddrErrors, 887), ...])`, in the order of the text.
    pub groups: Vec<(String, Vec<(String, i64)>)>,
    /// Lines that were left out.
    pub problems: Vec<Problem>,
}

impl Snmp {
    /// A counter by group and name run together, as `nstat` calls it: `IpInAddrErrors`, `TcpExtListenDrops`. A group that
    /// appears twice (two readings in one text) gives the last.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.groups.iter().rev().find_map(|(group, counters)| {
            let rest = name.strip_prefix(group.as_str())?;
            counters
                .iter()
                .find(|(counter, _)| counter == rest)
                .map(|(_, value)| *value)
        })
    }

    /// Every counter with its name as [`Snmp::get`] takes it, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = (String, i64)> {
        let named = |group: &str, counter: &str| format!("{group}{counter}");
        self.groups.iter().flat_map(move |(group, counters)| {
            counters
                .iter()
                .map(move |(counter, value)| (named(group, counter), *value))
        })
    }
}

/// Parses pairs of lines: names, then values.
pub fn parse(text: &str) -> Snmp {
    let mut snmp = Snmp::default();
    let mut lines = (1u32..).zip(text.lines());
    while let Some((line, names)) = lines.next() {
        if names.trim().is_empty() {
            continue;
        }
        let Some((group, names)) = names.split_once(": ") else {
            Problem::at(line, "not a line of counters: expected \"Group: names\"").push_to(&mut snmp.problems);
            continue;
        };
        let values = lines
            .next()
            .and_then(|(_, values)| values.strip_prefix(group)?.strip_prefix(": "));
        match values.and_then(|values| pairs(names, values)) {
            Some(counters) => snmp.groups.push((group.to_owned(), counters)),
            None => Problem::at(line, "names without their values").push_to(&mut snmp.problems),
        }
    }
    snmp
}

fn pairs(names: &str, values: &str) -> Option<Vec<(String, i64)>> {
    let names: Vec<&str> = names.split_ascii_whitespace().collect();
    let values: Vec<i64> = values
        .split_ascii_whitespace()
        .map(|value| value.parse().ok())
        .collect::<Option<_>>()?;
    (names.len() == values.len()).then(|| names.into_iter().map(str::to_owned).zip(values).collect())
}

/// Prints the counters as the kernel does.
pub fn print(snmp: &Snmp) -> String {
    let mut text = String::new();
    for (group, counters) in &snmp.groups {
        let _ = write!(text, "{group}:");
        counters.iter().for_each(|(name, _)| text.extend([" ", name]));
        let _ = write!(text, "\n{group}:");
        for (_, value) in counters {
            let _ = write!(text, " {value}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_run_together() {
        let text = "Ip: Forwarding InAddrErrors\nIp: 1 887\nTcp: MaxConn\nTcp: -1\nTcpExt: ListenDrops\nTcpExt: 4\n";
        let snmp = parse(text);
        assert_eq!(
            (
                snmp.get("IpInAddrErrors"),
                snmp.get("TcpMaxConn"),
                snmp.get("TcpExtListenDrops")
            ),
            (Some(887), Some(-1), Some(4))
        );
        assert_eq!((snmp.get("Ip"), snmp.get("IpX"), snmp.iter().count()), (None, None, 4));
        assert_eq!(print(&snmp), text);
    }

    #[test]
    fn lines_that_do_not_fit() {
        let snmp = parse("x\nIp: A B\nIp: 1\nTcp: A\nUdp: 1\n\nUdp: A\nUdp: 7\nIp: A");
        assert_eq!(
            snmp.problems
                .iter()
                .filter_map(|problem| problem.line)
                .collect::<Vec<_>>(),
            [1, 2, 4, 9]
        );
        assert_eq!(snmp.get("UdpA"), Some(7));
    }
}
