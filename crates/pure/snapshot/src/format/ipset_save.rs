//! `ipset.save`: `ipset save`.

use crate::Problem;
use std::collections::HashMap;
use std::fmt::Write as _;

/// All sets, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ipsets {
    /// The sets.
    pub sets: Vec<Set>,
    /// Lines that were left out.
    pub problems: Vec<Problem>,
}

/// A set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set {
    /// Name.
    pub name: String,
    /// `hash:ip`, `hash:net`, `hash:ip,port`, `list:set`, `bitmap:port`, ...
    pub kind: String,
    /// Words after the type: `family`, `inet`, `hashsize`, `1024`, `maxelem`, `65536`, ...
    pub options: Vec<String>,
    /// Line of `create`, from 1.
    pub line: u32,
    /// Its members.
    pub members: Vec<Member>,
}

/// A member of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// `10.244.1.7`, `10.0.0.0/8`, `10.0.0.1,tcp:53`, the name of a set, ...
    pub element: String,
    /// Words after it: `nomatch`, `timeout`, `30`, `comment`, `text`. A comment's quotes are taken away.
    pub options: Vec<String>,
    /// Line of `add`, from 1.
    pub line: u32,
}

impl Set {
    /// The value after an option's name: `option("family")` is `inet`.
    pub fn option(&self, name: &str) -> Option<&str> {
        let at = self.options.iter().position(|word| word == name)?;
        self.options.get(at + 1).map(String::as_str)
    }
}

impl Member {
    /// The member is an exception: what it covers is not in the set.
    pub fn nomatch(&self) -> bool {
        self.options.iter().any(|word| word == "nomatch")
    }
}

/// Parses a save. A line that does not fit, or a member of a set that was not created, is a problem.
pub fn parse(text: &str) -> Ipsets {
    let mut all = Ipsets::default();
    let mut index: HashMap<&str, usize> = HashMap::new();
    for (line, content) in (1u32..).zip(text.lines()) {
        let mut words = words(content);
        let done = match words.next() {
            None => Ok(()),
            Some("create") => create(&mut all, &mut index, words, line),
            Some("add") => add(&mut all, &index, words, line),
            Some(_) => Err("not a line of ipset save"),
        };
        if let Err(what) = done {
            Problem::at(line, what).push_to(&mut all.problems);
        }
    }
    all
}

type Done = Result<(), &'static str>;

fn create<'a>(all: &mut Ipsets, index: &mut HashMap<&'a str, usize>, mut words: Words<'a>, line: u32) -> Done {
    let (Some(name), Some(kind)) = (words.next(), words.next()) else {
        return Err("not a set: expected \"create NAME TYPE\"");
    };
    if index.contains_key(name) {
        return Err("a set of this name exists already");
    }
    index.insert(name, all.sets.len());
    let options = words.map(str::to_owned).collect();
    all.sets.push(Set {
        name: name.to_owned(),
        kind: kind.to_owned(),
        options,
        line,
        members: Vec::new(),
    });
    Ok(())
}

fn add<'a>(all: &mut Ipsets, index: &HashMap<&'a str, usize>, mut words: Words<'a>, line: u32) -> Done {
    let (Some(name), Some(element)) = (words.next(), words.next()) else {
        return Err("not a member: expected \"add SET ELEMENT\"");
    };
    let set = index
        .get(name)
        .and_then(|at| all.sets.get_mut(*at))
        .ok_or("a member of a set that was not created")?;
    let options = words.map(str::to_owned).collect();
    set.members.push(Member {
        element: element.to_owned(),
        options,
        line,
    });
    Ok(())
}

/// Words between spaces; one in quotes may hold spaces. ipset knows no escapes.
struct Words<'a>(&'a str);

fn words(text: &str) -> Words<'_> {
    Words(text)
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start();
        if rest.is_empty() {
            return None;
        }
        let (word, after) = match rest.strip_prefix('"') {
            Some(inner) => inner.split_once('"').unwrap_or((inner, "")),
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        self.0 = after;
        Some(word)
    }
}

/// Prints sets as `ipset save` does.
pub fn print(sets: &Ipsets) -> String {
    let mut text = String::new();
    for set in &sets.sets {
        let _ = write!(text, "create {} {}", set.name, set.kind);
        for word in &set.options {
            let _ = write!(text, " {word}");
        }
        text.push('\n');
        for member in &set.members {
            let _ = write!(text, "add {} {}", set.name, member.element);
            let mut comment = false;
            for word in &member.options {
                let _ = if comment {
                    write!(text, " \"{word}\"")
                } else {
                    write!(text, " {word}")
                };
                comment = word == "comment" && !comment;
            }
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
create cali40n:abc hash:net family inet hashsize 1024 maxelem 1048576 comment bucketsize 12 initval 0x5a
add cali40n:abc 10.0.0.0/8
add cali40n:abc 10.1.0.0/16 nomatch timeout 30 comment \"namespace: lab, pod: web-1\"
create l list:set size 8
add l cali40n:abc
";

    #[test]
    fn there_and_back() {
        let sets = parse(TEXT);
        assert_eq!((sets.sets.len(), sets.problems.len()), (2, 0));
        assert_eq!(print(&sets), TEXT);
        assert_eq!(sets.sets[0].option("family"), Some("inet"));
        let member = &sets.sets[0].members[1];
        assert!(
            member.nomatch()
                && member
                    .options
                    .last()
                    .is_some_and(|word| word == "namespace: lab, pod: web-1")
        );
    }

    #[test]
    fn lines_that_do_not_fit() {
        let sets = parse(
            "create a\nadd b 1.2.3.4\ncreate a hash:ip\ncreate a hash:ip\nadd a\nflush a\n\nadd a 1.2.3.4 comment \"open\n",
        );
        assert_eq!(
            sets.problems
                .iter()
                .filter_map(|problem| problem.line)
                .collect::<Vec<_>>(),
            [1, 2, 4, 5, 6]
        );
        assert_eq!(sets.sets[0].members[0].options, ["comment", "open"]);
    }
}
