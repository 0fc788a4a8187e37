//! `snmp.txt`: `/proc/net/snmp` and `/proc/net/netstat`.

use crate::Problem;

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
        let _ = name;
        None
    }
}

/// Parses pairs of lines: names, then values.
pub fn parse(text: &str) -> Snmp {
    let _ = text;
    Snmp::default()
}

/// Prints the counters as the kernel does.
pub fn print(snmp: &Snmp) -> String {
    let _ = snmp;
    String::new()
}
