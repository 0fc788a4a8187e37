//! `explain`: pages of findings and of topics.

use crate::cli::{Cli, ExplainArgs};
use crate::fail::Fail;
use crate::screen::{Look, Screen, print};
use crate::text::page;
use anyhow::Result;
use netwhy_checks::{CHECKS, by_code};
use std::process::ExitCode;

/// A page that is about no finding.
struct Topic {
    name: &'static str,
    about: &'static str,
    page: &'static str,
}

macro_rules! topic {
    ($name:literal, $about:literal) => {
        Topic {
            name: $name,
            about: $about,
            page: include_str!(concat!("../topics/", $name, ".md")),
        }
    };
}

/// In the order in which a newcomer reads them.
const TOPICS: &[Topic] = &[
    topic!("network-model", "what Kubernetes demands of a network"),
    topic!("four-concerns", "the four kinds of connections, and how each can fail"),
    topic!(
        "services",
        "one name and one address for many pods: types, ports, endpoints"
    ),
    topic!(
        "cni-plugins",
        "Flannel, Calico, Cilium, Weave Net, Canal: compared, and how to choose"
    ),
    topic!("netfilter", "hooks, tables and chains: where rules meet packets"),
    topic!("ip-forwarding", "the switch that makes a node a router"),
    topic!("bridging", "cni0, br_netfilter, and why bridged packets meet iptables"),
];

/// The verb.
pub fn run(cli: &Cli, args: &ExplainArgs) -> Result<ExitCode> {
    let mut screen = Screen::new(Look::new(cli.print.ascii));
    match &args.what {
        None => list(&mut screen),
        Some(what) => page::render(&mut screen, find(what)?),
    }
    print(&screen.finish())?;
    Ok(ExitCode::SUCCESS)
}

fn find(what: &str) -> Result<&'static str> {
    if let Some(check) = by_code(what) {
        return Ok(check.page);
    }
    let lower = what.to_lowercase();
    if let Some(topic) = TOPICS.iter().find(|t| t.name == lower) {
        return Ok(topic.page);
    }
    let names = CHECKS.iter().map(|c| c.name).chain(TOPICS.iter().map(|t| t.name));
    let near: Vec<&str> = names
        .filter(|n| n.contains(lower.as_str()) || lower.contains(n))
        .take(4)
        .collect();
    let way_out = match near.is_empty() {
        true => "netwhy explain lists all pages".to_owned(),
        false => format!("near: {} · netwhy explain lists all pages", near.join(", ")),
    };
    Err(Fail::new(format!("no page \"{what}\""), way_out))
}

fn list(screen: &mut Screen) {
    screen.line("Topics:");
    for topic in TOPICS {
        screen.line(&format!("  {:16} {}", topic.name, topic.about));
    }
    screen.gap();
    screen.line("Findings:");
    for check in CHECKS {
        screen.line(&format!(
            "  {} {:32} {}",
            check.code,
            check.name,
            netwhy_view::report::severity(check.severity)
        ));
    }
    screen.gap();
    screen.line("netwhy explain NAME shows a page.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_found_by_each_of_its_names() {
        for check in CHECKS {
            assert_eq!(find(check.code).unwrap(), check.page);
            assert_eq!(find(&check.code.to_lowercase()).unwrap(), check.page);
            assert_eq!(find(check.name).unwrap(), check.page);
        }
        for topic in TOPICS {
            assert!(find(topic.name).unwrap().starts_with("# "), "{}", topic.name);
        }
        assert!(find("forward").is_err());
    }
}
