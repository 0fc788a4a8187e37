//! `--why-unknown`: what decides an unknown answer, and what would resolve it.

use crate::flow::gap_text;
use crate::report::GapView;
use netwhy_model::{Cluster, GapId};
use netwhy_sim::{HOOK_ORDER, Trace};
use netwhy_snapshot::commands::{BRIDGE, IP};
use serde::Serialize;

/// The page that lists what is simulated and what is not.
pub const FIDELITY: &str = "docs/fidelity.md";

/// What kind of ignorance it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownKind {
    /// A member of the bundle is missing.
    NotCollected,
    /// The member is there, without what was looked up in it.
    NotListed,
    /// The member is there, and cut or malformed.
    Damaged,
    /// It was read, and netwhy does not simulate it.
    NotModelled,
    /// No command prints it.
    InNoSnapshot,
}

/// A gap that decides, with what would resolve it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownView {
    /// Member of the bundle, with the line where one is meant.
    pub path: String,
    /// Why it is not known.
    pub why: String,
    /// Kind.
    pub kind: UnknownKind,
    /// What to run for it, if reading resolves it.
    pub run: Option<RunView>,
    /// The page that says what is simulated, if reading does not resolve it.
    pub page: Option<&'static str>,
}

/// A command that makes a member of the bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunView {
    /// The command, without what leads to its place.
    pub command: String,
    /// In whose network namespace: `node/NAME`, `pod/NS/NAME`, `outside/NAME`; `cluster`: wherever kubectl works.
    pub place: String,
    /// The node to log in to, if it is one's.
    pub node: Option<String>,
    /// The right that it takes.
    pub right: &'static str,
    /// The member that its output becomes.
    pub into: String,
}

/// Commands of one namespace besides [`IP`] and [`BRIDGE`], by the name of the member; `true`: as root.
const COMMANDS: [(&str, &str, bool); 10] = [
    ("iptables-save", "iptables-nft-save -c", true),
    ("ip6tables-save", "ip6tables-nft-save -c", true),
    ("iptables-legacy-save", "iptables-legacy-save -c", true),
    ("ip6tables-legacy-save", "ip6tables-legacy-save -c", true),
    ("nft.json", "nft -j list ruleset", true),
    ("ipset.save", "ipset save", true),
    ("ipvs.save", "ipvsadm -Sn", true),
    ("sysctl.txt", "sysctl -a", true),
    ("sockets.txt", "ss -Htulpn", true),
    ("conntrack.txt", "conntrack -L -o extended", true),
];

impl UnknownView {
    /// Of every gap that decides a trace.
    #[must_use]
    pub fn all(cluster: &Cluster, trace: &Trace) -> Vec<UnknownView> {
        trace
            .deciding
            .iter()
            .map(|gap| UnknownView::new(cluster, *gap))
            .collect()
    }

    /// Of one gap.
    #[must_use]
    pub fn new(cluster: &Cluster, gap: GapId) -> UnknownView {
        let GapView { path, why, .. } = GapView::new(&gap_text(cluster, gap), true);
        let member = asked_for(without_line(&path), &why);
        let there = cluster.snapshot.get(&member).is_some() || cluster.snapshot.under(&member).next().is_some();
        let kind = match gap {
            HOOK_ORDER => UnknownKind::InNoSnapshot,
            _ if there => of_member(&member, &why),
            _ => UnknownKind::NotCollected,
        };
        let reading_helps = !matches!(kind, UnknownKind::NotModelled | UnknownKind::InNoSnapshot);
        UnknownView {
            run: reading_helps.then(|| run(&member)).flatten(),
            page: (kind == UnknownKind::NotModelled).then_some(FIDELITY),
            path,
            why,
            kind,
        }
    }
}

/// What is wrong with a member that is there, by how gaps are worded.
fn of_member(member: &str, why: &str) -> UnknownKind {
    let has = |words: &[&str]| words.iter().any(|word| why.contains(word));
    let rules = member.ends_with("tables-save") || member.ends_with("tables-legacy-save");
    if has(&[
        "not modelled",
        "is not known",
        "are not known",
        "do is not",
        "do are not",
        "misprint",
    ]) {
        UnknownKind::NotModelled
    } else if has(&["not listed", "permission denied", "not in "]) {
        UnknownKind::NotListed
    } else if rules && !has(&["is cut", "not UTF-8"]) {
        // A line whose spelling is not known: of a newer iptables, say.
        UnknownKind::NotModelled
    } else {
        UnknownKind::Damaged
    }
}

/// The member that would say it: a rule that asks a set waits for the sets.
fn asked_for(member: &str, why: &str) -> String {
    match member.rsplit_once('/') {
        Some((folder, _)) if why.ends_with("sets were not read") => format!("{folder}/ipset.save"),
        _ => member.to_owned(),
    }
}

/// `nodes/a/host/iptables-save:12` without its line.
fn without_line(path: &str) -> &str {
    match path.rsplit_once(':') {
        Some((member, line)) if !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit()) => member,
        _ => path,
    }
}

/// The files of a node that decide how its settings come about.
const FILES: &str =
    "etc/sysctl.conf etc/sysctl.d run/sysctl.d usr/local/lib/sysctl.d usr/lib/sysctl.d etc/modules-load.d";
const AS_ROOT: &str = "root";
const AS_ANYBODY: &str = "any user";
const TO_ENTER: &str = "root, to enter its network namespace";
const TO_LIST: &str = "a user who may list them in all namespaces";

/// The command that makes a member.
fn run(member: &str) -> Option<RunView> {
    let made = |command: String, place: String, node: Option<&str>, right| {
        Some(RunView {
            command,
            place,
            node: node.map(str::to_owned),
            right,
            into: member.to_owned(),
        })
    };
    let parts: Vec<&str> = member.split('/').collect();
    match parts.as_slice() {
        ["cluster", file] => {
            let kind = file.strip_suffix(".json")?;
            let command = format!("kubectl get {kind} -A -o json");
            made(command, "cluster".to_owned(), None, TO_LIST)
        }
        ["nodes", node, "host", rest @ ..] => {
            let (command, root) = in_netns(rest)?;
            let right = if root { AS_ROOT } else { AS_ANYBODY };
            made(command, format!("node/{node}"), Some(node), right)
        }
        ["nodes", node, "pods", pod, rest @ ..] => {
            let (command, _) = in_netns(rest)?;
            let (namespace, name) = pod.split_once('_')?;
            made(command, format!("pod/{namespace}/{name}"), Some(node), TO_ENTER)
        }
        ["nodes", node, "kube-proxy", "configz.json"] => {
            let command = "curl -s -m3 127.0.0.1:10249/configz".to_owned();
            made(command, format!("node/{node}"), Some(node), AS_ANYBODY)
        }
        ["nodes", node, "files", rest @ ..] => {
            let command = match rest {
                [] => format!("tar -C / -c {FILES}"),
                rest => format!("cat /{}", rest.join("/")),
            };
            made(command, format!("node/{node}"), Some(node), AS_ROOT)
        }
        ["outside", name, rest @ ..] => {
            let (command, _) = in_netns(rest)?;
            made(command, format!("outside/{name}"), None, AS_ROOT)
        }
        _ => None,
    }
}

/// The command for a member of a namespace's folder, and whether it takes root; of a folder that is missing as a whole,
/// that of its addresses.
fn in_netns(rest: &[&str]) -> Option<(String, bool)> {
    match rest {
        [] => in_netns(&["addr.json"]),
        ["xt_recent", list] => Some((format!("cat /proc/net/xt_recent/{list}"), true)),
        [file] => {
            let dump = IP.iter().chain(BRIDGE).find(|(name, _)| name == file);
            let other = || COMMANDS.iter().find(|(name, ..)| name == file);
            dump.map(|(_, argv)| (argv.join(" "), false))
                .or_else(|| other().map(|(_, command, root)| ((*command).to_owned(), *root)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_has_its_command_place_and_right() {
        let cases = [
            ("nodes/a/host/iptables-save", "iptables-nft-save -c", "node/a", AS_ROOT),
            ("nodes/a/host/neigh.json", "ip -j -d neigh show", "node/a", AS_ANYBODY),
            (
                "nodes/a/pods/shop_web-1/sockets.txt",
                "ss -Htulpn",
                "pod/shop/web-1",
                TO_ENTER,
            ),
            (
                "nodes/a/host/xt_recent/KUBE-SEP-X",
                "cat /proc/net/xt_recent/KUBE-SEP-X",
                "node/a",
                AS_ROOT,
            ),
            (
                "nodes/a/files/etc/sysctl.d/9.conf",
                "cat /etc/sysctl.d/9.conf",
                "node/a",
                AS_ROOT,
            ),
            (
                "outside/ext/route.json",
                "ip -4 -j -d route show table all",
                "outside/ext",
                AS_ROOT,
            ),
            (
                "cluster/endpointslices.json",
                "kubectl get endpointslices -A -o json",
                "cluster",
                TO_LIST,
            ),
        ];
        for (member, command, place, right) in cases {
            let run = run(member).unwrap();
            assert_eq!(
                (run.command.as_str(), run.place.as_str(), run.right),
                (command, place, right),
                "{member}"
            );
            assert_eq!(run.into, member);
        }
        assert_eq!(run("nodes/a/host/unheard-of"), None);
        assert_eq!(run(""), None);
    }

    #[test]
    fn kinds_by_the_words_of_gaps() {
        let (rules, nft, sysctl) = (
            "nodes/a/host/iptables-save",
            "nodes/a/host/nft.json",
            "nodes/a/host/sysctl.txt",
        );
        for (member, why, kind) in [
            (rules, "match \"bpf\" is not modelled", UnknownKind::NotModelled),
            (
                rules,
                "value \"x\" of option \"--to\" is not understood",
                UnknownKind::NotModelled,
            ),
            (rules, "the text is cut: its last line has no end", UnknownKind::Damaged),
            (rules, "not UTF-8 at byte 3", UnknownKind::Damaged),
            (nft, "unexpected end of JSON", UnknownKind::Damaged),
            (
                "nodes/a/host/link.json",
                "an XDP program on eth0: what it does is not known",
                UnknownKind::NotModelled,
            ),
            (
                "nodes/a/host/tc.json",
                "tc filters on eth0: what they do is not known",
                UnknownKind::NotModelled,
            ),
            (sysctl, "not listed in it", UnknownKind::NotListed),
            (
                sysctl,
                "the text is cut: its last line has no end",
                UnknownKind::Damaged,
            ),
        ] {
            assert_eq!(of_member(member, why), kind, "{member}: {why}");
        }
        assert_eq!(
            asked_for(rules, "match \"set\": sets were not read"),
            "nodes/a/host/ipset.save"
        );
    }

    #[test]
    fn lines_are_no_part_of_a_member() {
        assert_eq!(
            without_line("nodes/a/host/iptables-save:12"),
            "nodes/a/host/iptables-save"
        );
        assert_eq!(without_line("nodes/a/host/nft.json"), "nodes/a/host/nft.json");
        assert_eq!(without_line("nodes/a/files/x:y"), "nodes/a/files/x:y");
    }
}
