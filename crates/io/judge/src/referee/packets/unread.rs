//! Worlds of which the simulator is told less than there is: what the kernel does must be among the ways that it thinks
//! possible, or be said not to be known.

use netwhy_lab::Random;
use netwhy_snapshot::{NotRead, Snapshot};
use std::fmt;
use std::str::FromStr;

/// What the simulator is not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// This member of the namespace's folder.
    Member(String),
    /// The end of the member, from the thousandth part on.
    Cut(String, u32),
    /// One rule of the member has a match that nobody knows, which always matches.
    Match(String, u32),
    /// One rule of the member has a target that nobody knows.
    Target(String, u32),
}

/// Beginning of the line that stands for it.
pub const LINE: &str = "n unread ";

/// Members that may be missing. Without the links nothing is known, which is no question. Neighbours and forwarding entries
/// are assumed to be those that ARP and the frames themselves would make.
const MEMBERS: [&str; 7] = [
    "route.json",
    "rule.json",
    "sysctl.txt",
    "sockets.txt",
    "ipset.save",
    "iptables-save",
    "nft.json",
];
/// Those whose end may be missing: it shows.
const CUT: [&str; 2] = ["route.json", "iptables-save"];
/// As the worlds number theirs.
const OWN_TABLE: &str = "\"table\":\"100\"";
const SAVES: [&str; 2] = ["iptables-save", "iptables-legacy-save"];

impl Unread {
    /// Draws one.
    pub fn draw(random: &mut Random) -> Unread {
        let member = |random: &mut Random, list: &[&str]| (*random.pick(list)).to_owned();
        match random.range(0, 5) {
            0 | 1 => Unread::Member(member(random, &MEMBERS)),
            2 => Unread::Cut(member(random, &CUT), random.range(0, 999)),
            3 | 4 => Unread::Match(member(random, &SAVES), random.range(0, 99)),
            _ => Unread::Target(member(random, &SAVES), random.range(0, 99)),
        }
    }

    /// Takes it out of what was read below this folder; `false` if it was not there.
    pub fn apply(&self, snapshot: &mut Snapshot, dir: &str) -> bool {
        let (Unread::Member(member) | Unread::Cut(member, _) | Unread::Match(member, _) | Unread::Target(member, _)) =
            self;
        let path = format!("{dir}/{member}");
        let Some(Ok(text)) = snapshot.text(&path) else {
            return false;
        };
        // Without rules of its own a namespace has the usual ones: only a table of its own speaks against it.
        let routes = snapshot.text(&format!("{dir}/route.json"));
        if member == "rule.json" && !matches!(routes, Some(Ok(text)) if text.contains(OWN_TABLE)) {
            return false;
        }
        let new = match self {
            Unread::Member(_) => None,
            Unread::Cut(_, part) => match cut(text, *part) {
                Some(text) => Some(text),
                None => return false,
            },
            Unread::Match(_, number) => match odd_rule(text, *number, add_match) {
                Some(text) => Some(text),
                None => return false,
            },
            Unread::Target(_, number) => match odd_rule(text, *number, replace_target) {
                Some(text) => Some(text),
                None => return false,
            },
        };
        match new {
            Some(text) => drop(snapshot.insert(path, text)),
            None => {
                // The list of native rules shows those of iptables-nft too; here it was read before they were made.
                let also = (member == "iptables-save").then(|| format!("{dir}/nft.json"));
                for path in std::iter::once(path).chain(also) {
                    snapshot.remove(&path);
                    let why = "timed out".to_owned();
                    snapshot.meta.not_read.push(NotRead { path, why });
                }
            }
        }
        true
    }
}

/// `None` where nobody could see it: between two tables of a save.
fn cut(text: &str, part: u32) -> Option<String> {
    let mut end = text.len() * part as usize / 1000;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = &text[..end];
    let last = head.lines().rfind(|line| !line.is_empty());
    let whole = last.is_none_or(|line| line == "COMMIT" || line.starts_with('#'));
    (!whole).then(|| head.to_owned())
}

/// The rule with this number, counted round, as `change` makes it.
fn odd_rule(text: &str, number: u32, change: fn(&str) -> Option<String>) -> Option<String> {
    let rules: Vec<usize> = (text.lines().enumerate())
        .filter(|(_, line)| line.contains("-A ") && change(line).is_some())
        .map(|(at, _)| at)
        .collect();
    let odd = *rules.get(number as usize % rules.len().max(1))?;
    let lines = text.lines().enumerate();
    let line = |(at, line): (usize, &str)| if at == odd { change(line) } else { Some(line.to_owned()) };
    let lines: Option<Vec<String>> = lines.map(line).collect();
    lines.map(|lines| lines.join("\n") + "\n")
}

/// Before all others: a match that comes later may not be asked.
fn add_match(rule: &str) -> Option<String> {
    let at = [" -m ", " -j ", " -g "]
        .iter()
        .filter_map(|word| rule.find(word))
        .min()?;
    let (head, tail) = rule.split_at(at);
    // `-p tcp -m tcp` belong together.
    Some(format!("{head} -m mystery --deep 7{tail}"))
}

/// Only where the true one ends the walk as the unknown one is thought to: by an accept, or by a drop.
fn replace_target(rule: &str) -> Option<String> {
    let (head, target) = rule.split_once(" -j ")?;
    matches!(target.trim_end(), "ACCEPT" | "DROP").then(|| format!("{head} -j MYSTERY --deep 7"))
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unread::Member(member) => write!(f, "{LINE}{member}"),
            Unread::Cut(member, part) => write!(f, "{LINE}{member} from {part}"),
            Unread::Match(member, number) => write!(f, "{LINE}{member} match {number}"),
            Unread::Target(member, number) => write!(f, "{LINE}{member} target {number}"),
        }
    }
}

impl FromStr for Unread {
    type Err = String;

    fn from_str(line: &str) -> Result<Unread, String> {
        let wrong = || format!("{line}: not what may be unread");
        let words: Vec<&str> = line.strip_prefix(LINE).ok_or_else(wrong)?.split(' ').collect();
        let number = |text: &str| text.parse().map_err(|_| wrong());
        match words.as_slice() {
            [member] => Ok(Unread::Member((*member).to_owned())),
            [member, "from", part] => Ok(Unread::Cut((*member).to_owned(), number(part)?)),
            [member, "match", at] => Ok(Unread::Match((*member).to_owned(), number(at)?)),
            [member, "target", at] => Ok(Unread::Target((*member).to_owned(), number(at)?)),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_back() {
        let mut random = Random::new(1);
        for _ in 0..100 {
            let one = Unread::draw(&mut random);
            assert_eq!(one.to_string().parse(), Ok(one));
        }
        assert!("n unread a b".parse::<Unread>().is_err());
    }

    #[test]
    fn rules_become_odd() {
        let text = "*filter\n[1:2] -A INPUT -p tcp -m tcp --dport 80 -j DROP\n-A INPUT -j U0\nCOMMIT\n";
        let odd = odd_rule(text, 2, add_match).unwrap();
        assert!(odd.contains("-A INPUT -p tcp -m mystery --deep 7 -m tcp --dport 80 -j DROP\n"));
        assert!(
            odd_rule(text, 1, replace_target)
                .unwrap()
                .contains("--dport 80 -j MYSTERY --deep 7\n")
        );
        assert_eq!(odd_rule("*nat\nCOMMIT\n", 1, add_match), None);
    }
}
