//! `resolv.conf`.

use crate::Problem;
use std::fmt::Write as _;
use std::net::IpAddr;

/// What the resolver of a pod or host reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// Servers in their order. The C library uses the first three.
    pub nameservers: Vec<IpAddr>,
    /// Search list; of several `search` and `domain` lines the last one counts.
    pub search: Vec<String>,
    /// `ndots:5`, `timeout:2`, ..., of all lines.
    pub options: Vec<String>,
    /// Lines that were left out.
    pub problems: Vec<Problem>,
}

impl ResolvConf {
    /// A name with fewer dots than this is tried with the search list first; 1 if nothing is said, at most 15.
    pub fn ndots(&self) -> u32 {
        let said = self
            .options
            .iter()
            .rev()
            .find_map(|option| option.strip_prefix("ndots:")?.parse::<u32>().ok());
        said.unwrap_or(1).min(15)
    }
}

/// Parses the file.
pub fn parse(text: &str) -> ResolvConf {
    let mut conf = ResolvConf::default();
    for (line, content) in (1u32..).zip(text.lines()) {
        // The C library takes a comment sign in the first column only.
        if content.starts_with(['#', ';']) {
            continue;
        }
        let mut words = content.split_ascii_whitespace();
        let Some(keyword) = words.next() else { continue };
        let mut rest = words.map(str::to_owned);
        match keyword {
            "nameserver" => {
                let word = rest.next().unwrap_or_default();
                // A link-local server has its interface behind a percent sign.
                match word.split('%').next().unwrap_or_default().parse() {
                    Ok(address) => conf.nameservers.push(address),
                    Err(_) => {
                        Problem::at(line, format!("{word:?} is no address of a nameserver")).push_to(&mut conf.problems)
                    }
                }
            }
            "search" => conf.search = rest.collect(),
            "domain" => conf.search = rest.take(1).collect(),
            "options" => conf.options.extend(rest),
            "sortlist" => {}
            _ => Problem::at(line, format!("unknown keyword {keyword:?}")).push_to(&mut conf.problems),
        }
    }
    conf
}

/// Prints the file as kubelet does: search, nameservers, options.
pub fn print(conf: &ResolvConf) -> String {
    let mut text = String::new();
    if !conf.search.is_empty() {
        let _ = writeln!(text, "search {}", conf.search.join(" "));
    }
    for server in &conf.nameservers {
        let _ = writeln!(text, "nameserver {server}");
    }
    if !conf.options.is_empty() {
        let _ = writeln!(text, "options {}", conf.options.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_kubelet_writes_it() {
        let text =
            "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";
        let conf = parse(text);
        assert_eq!((conf.ndots(), conf.search.len(), conf.nameservers.len()), (5, 3, 1));
        assert_eq!(print(&conf), text);
    }

    #[test]
    fn what_else_may_stand_there() {
        let conf = parse(
            "# x\n; y\ndomain a\nsearch b c\nnameserver fe80::1%eth0\nnameserver x\noptions timeout:1 ndots:99\nsortlist 1\nhello\n\n",
        );
        assert_eq!((conf.search.len(), conf.nameservers.len(), conf.ndots()), (2, 1, 15));
        assert_eq!(
            conf.problems
                .iter()
                .filter_map(|problem| problem.line)
                .collect::<Vec<_>>(),
            [6, 9]
        );
        assert_eq!(parse("").ndots(), 1);
    }
}
