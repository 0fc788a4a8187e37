//! The parser: one pass over the bytes.

use super::{Backend, Chain, Comment, Rule, Save, Span, Table};
use crate::Problem;
use std::collections::HashMap;

/// Parses a save. A malformed line is a problem with its line, the rest is used. A last line without a newline is cut and
/// left out: half a rule is another rule. Texts of 4 GiB and more are refused.
pub fn parse(text: &str) -> Save {
    let mut parser = Parser {
        text,
        save: Save::default(),
        open: false,
        chains: HashMap::new(),
        last: None,
    };
    if u32::try_from(text.len()).is_err() {
        parser.save.problems.push(Problem::new("larger than 4 GiB: not read"));
        return parser.save;
    }
    parser.save.tokens.reserve(text.len() / 10);
    parser.save.rules.reserve(text.len() / 100);
    let mut at = 0;
    for (number, line) in (1u32..).zip(text.split_inclusive('\n')) {
        match line.strip_suffix('\n') {
            Some(content) => parser.line(number, at, content),
            None => parser.cut(number, at, line),
        }
        at += line.len();
    }
    parser.close(None);
    parser.save
}

struct Parser<'a> {
    text: &'a str,
    save: Save,
    /// The last table of `save.tables` has no COMMIT yet.
    open: bool,
    /// Chains of the open table.
    chains: HashMap<&'a str, u32>,
    /// The chain of the last rule: rules of a chain stand together.
    last: Option<(&'a str, u32)>,
}

/// The parser has checked that the text is shorter than 4 GiB.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn span(start: usize, end: usize) -> Span {
    Span {
        start: offset(start),
        end: offset(end),
        quoted: false,
    }
}

impl<'a> Parser<'a> {
    fn line(&mut self, number: u32, at: usize, content: &'a str) {
        let done = match content.as_bytes().first() {
            None => Ok(()),
            Some(b'[' | b'-') => self.rule(number, at, content),
            Some(b':') => self.chain(number, at, content),
            Some(b'#') => {
                self.comment(number, at, content);
                Ok(())
            }
            Some(b'*') => {
                self.table(number, at, content);
                Ok(())
            }
            Some(_) if content == "COMMIT" => {
                self.close(Some(number));
                Ok(())
            }
            Some(_) if content.trim().is_empty() => Ok(()),
            Some(_) => Err("not a line of iptables-save"),
        };
        if let Err(what) = done {
            Problem::at(number, what).push_to(&mut self.save.problems);
        }
    }

    /// The last line, without a newline. Only what cannot be half of something else is used.
    fn cut(&mut self, number: u32, at: usize, content: &'a str) {
        match content {
            "COMMIT" => self.close(Some(number)),
            _ if content.starts_with('#') => self.comment(number, at, content),
            _ => Problem::at(number, "the text ends within this line").push_to(&mut self.save.problems),
        }
    }

    fn comment(&mut self, number: u32, at: usize, content: &str) {
        if self.save.backend.is_none() && self.save.tables.is_empty() {
            self.save.backend = backend(content);
        }
        self.save.comments.push(Comment {
            line: number,
            text: span(at, at + content.len()),
        });
    }

    fn table(&mut self, number: u32, at: usize, content: &'a str) {
        self.close(None);
        let (chains, rules) = (offset(self.save.chains.len()), offset(self.save.rules.len()));
        self.save.tables.push(Table {
            name: span(at + 1, at + content.trim_end().len()),
            line: number,
            chains: chains..chains,
            rules: rules..rules,
            commit: None,
        });
        self.open = true;
    }

    fn close(&mut self, commit: Option<u32>) {
        if !self.open {
            if let Some(line) = commit {
                Problem::at(line, "COMMIT without a table").push_to(&mut self.save.problems);
            }
            return;
        }
        let (chains, rules) = (offset(self.save.chains.len()), offset(self.save.rules.len()));
        if let Some(table) = self.save.tables.last_mut() {
            table.chains.end = chains;
            table.rules.end = rules;
            table.commit = commit;
            if commit.is_none() {
                let what = "the table has no COMMIT: its rules may be incomplete";
                Problem::at(table.line, what).push_to(&mut self.save.problems);
            }
        }
        self.open = false;
        self.chains.clear();
        self.last = None;
    }

    fn chain(&mut self, number: u32, at: usize, content: &'a str) -> Result<(), &'static str> {
        const WRONG: &str = "not a chain: expected \":NAME POLICY [packets:bytes]\"";
        if !self.open {
            return Err("a chain outside a table");
        }
        let mut words = content.get(1..).unwrap_or_default().split(' ');
        let (Some(name), Some(policy)) = (words.next(), words.next()) else {
            return Err(WRONG);
        };
        if name.is_empty() || policy.is_empty() {
            return Err(WRONG);
        }
        let (packets, bytes) = match words.next() {
            Some(counters) => counted(counters).ok_or(WRONG)?,
            None => (0, 0),
        };
        let index = offset(self.save.chains.len());
        if self.chains.contains_key(name) {
            return Err("the table has a chain of this name already");
        }
        self.chains.insert(name, index);
        let start = at + 1 + name.len() + 1;
        self.save.chains.push(Chain {
            name: span(at + 1, at + 1 + name.len()),
            policy: (policy != "-").then(|| span(start, start + policy.len())),
            line: number,
            packets,
            bytes,
        });
        Ok(())
    }

    fn rule(&mut self, number: u32, at: usize, content: &'a str) -> Result<(), &'static str> {
        if !self.open {
            return Err("a rule outside a table");
        }
        let (mut packets, mut bytes, mut rest) = (0, 0, content);
        if content.starts_with('[') {
            let (counters, after) = content
                .split_once(' ')
                .ok_or("not a rule: nothing after the counters")?;
            (packets, bytes) = counted(counters).ok_or("not a rule: bad counters")?;
            rest = after;
        }
        let rest = rest.strip_prefix("-A ").ok_or("not a rule: expected \"-A CHAIN\"")?;
        let (name, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let chain = match self.last {
            Some((last, index)) if last == name => index,
            _ => *self
                .chains
                .get(name)
                .ok_or("a rule of a chain that the table does not have")?,
        };
        self.last = Some((name, chain));
        let first = self.save.tokens.len();
        let from = at + content.len() - rest.len();
        if let Err(what) = tokens(self.text, from, from + rest.len(), &mut self.save.tokens) {
            self.save.tokens.truncate(first);
            return Err(what);
        }
        self.save.counters |= rest.len() < content.len() && content.starts_with('[');
        let tokens = offset(first)..offset(self.save.tokens.len());
        self.save.rules.push(Rule {
            line: number,
            chain,
            packets,
            bytes,
            tokens,
        });
        Ok(())
    }
}

/// Cuts `text[at..end]` into words at spaces; a word in quotes may hold spaces and escapes.
fn tokens(text: &str, mut at: usize, end: usize, out: &mut Vec<Span>) -> Result<(), &'static str> {
    let bytes = text.as_bytes().get(..end).unwrap_or_default();
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b' ' => at += 1,
            b'"' => {
                let start = at + 1;
                at = start;
                loop {
                    match bytes.get(at) {
                        Some(b'\\') => at += 2,
                        Some(b'"') => break,
                        Some(_) => at += 1,
                        None => return Err("a quote that does not end"),
                    }
                }
                out.push(Span {
                    start: offset(start),
                    end: offset(at),
                    quoted: true,
                });
                at += 1;
                if !matches!(bytes.get(at), Some(b' ') | None) {
                    return Err("text that touches the end of a quote");
                }
            }
            _ => {
                let word = bytes.get(at..).unwrap_or_default();
                let len = word
                    .iter()
                    .position(|byte| matches!(byte, b' ' | b'"'))
                    .unwrap_or(word.len());
                if word.get(len) == Some(&b'"') {
                    return Err("a quote within a word");
                }
                out.push(span(at, at + len));
                at += len;
            }
        }
    }
    Ok(())
}

/// `[12:3456]`.
fn counted(text: &str) -> Option<(u64, u64)> {
    let (packets, bytes) = text.strip_prefix('[')?.strip_suffix(']')?.split_once(':')?;
    Some((number(packets)?, number(bytes)?))
}

fn number(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

/// Which backend a `# Generated by` line names.
///
/// nf_tables variants call themselves so since 1.8.8; 1.8.0 to 1.8.7 wrote the same line for both, and before there was
/// but one.
fn backend(comment: &str) -> Option<Backend> {
    let said = comment.strip_prefix("# Generated by ")?;
    let program = said.split(' ').next()?;
    if said.contains("(nf_tables)") || program.contains("-nft-") || program.starts_with("xtables-") {
        return Some(Backend::Nft);
    }
    if said.contains("(legacy)") || program.contains("-legacy-") {
        return Some(Backend::Legacy);
    }
    let version = said.split(' ').nth(1)?.strip_prefix('v')?;
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (parts.next()?, parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let silent = ((1, 8, 0)..(1, 8, 8)).contains(&version);
    (!silent).then_some(Backend::Legacy)
}
