//! A save joined with its text: strings, and printing.

use super::{Chain, Rule, Save, Span, Table};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

/// A save and its text.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What was parsed.
    pub save: &'a Save,
    /// From what.
    pub text: &'a str,
}

fn slice<T>(all: &[T], range: Range<u32>) -> &[T] {
    all.get(range.start as usize..range.end as usize).unwrap_or_default()
}

/// The content of a quoted token without its escapes; borrowed if it has none.
pub fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => text.extend(chars.next()),
            _ => text.push(char),
        }
    }
    Cow::Owned(text)
}

impl Save {
    /// Joins the save with the text that it was parsed from.
    pub fn view<'a>(&'a self, text: &'a str) -> View<'a> {
        View { save: self, text }
    }
}

impl<'a> View<'a> {
    /// A span as it stands in the text.
    pub fn str(&self, span: Span) -> &'a str {
        span.text(self.text)
    }

    /// A token's value: without quotes and escapes.
    pub fn token(&self, span: Span) -> Cow<'a, str> {
        if span.quoted {
            unescape(self.str(span))
        } else {
            Cow::Borrowed(self.str(span))
        }
    }

    /// The table of a name.
    pub fn table(&self, name: &str) -> Option<&'a Table> {
        self.save.tables.iter().find(|table| self.str(table.name) == name)
    }

    /// Chains of a table, in the order of the text.
    pub fn chains(&self, table: &Table) -> &'a [Chain] {
        slice(&self.save.chains, table.chains.clone())
    }

    /// Rules of a table, in the order of the text: those of one chain in the order of evaluation.
    pub fn rules(&self, table: &Table) -> &'a [Rule] {
        slice(&self.save.rules, table.rules.clone())
    }

    /// Name of the chain that a rule belongs to.
    pub fn chain_name(&self, rule: &Rule) -> &'a str {
        self.save
            .chains
            .get(rule.chain as usize)
            .map(|chain| self.str(chain.name))
            .unwrap_or_default()
    }

    /// Tokens of a rule after its chain's name.
    pub fn tokens(&self, rule: &Rule) -> &'a [Span] {
        slice(&self.save.tokens, rule.tokens.clone())
    }

    /// The rule as it is printed, without counters: `-A FORWARD -o cni0 -j ACCEPT`.
    pub fn rule_text(&self, rule: &Rule) -> String {
        let mut text = String::new();
        self.write_rule(&mut text, rule);
        text
    }

    /// Names of tables that `iptables-nft-save` says it cannot print: they hold rules that only nft shows.
    pub fn incompatible_tables(&self) -> Vec<&'a str> {
        let name = |line: &'a str| {
            let rest = line.strip_prefix("# Table `")?;
            rest.split_once("' is incompatible").map(|(name, _)| name)
        };
        self.save
            .comments
            .iter()
            .filter_map(|comment| name(self.str(comment.text)))
            .collect()
    }

    /// Prints the save. With `counters` as `iptables-save -c` does; without, chains have `[0:0]` and rules nothing.
    pub fn print(&self, counters: bool) -> String {
        let mut out = String::with_capacity(self.text.len());
        let mut comments = self.save.comments.iter().peekable();
        let mut comments_before = |out: &mut String, line: u32| {
            while let Some(comment) = comments.next_if(|comment| comment.line < line) {
                out.push_str(self.str(comment.text));
                out.push('\n');
            }
        };
        for table in &self.save.tables {
            comments_before(&mut out, table.line);
            out.push('*');
            out.push_str(self.str(table.name));
            out.push('\n');
            for chain in self.chains(table) {
                comments_before(&mut out, chain.line);
                let policy = chain.policy.map_or("-", |policy| self.str(policy));
                let (packets, bytes) = if counters { (chain.packets, chain.bytes) } else { (0, 0) };
                let _ = writeln!(out, ":{} {policy} [{packets}:{bytes}]", self.str(chain.name));
            }
            for rule in self.rules(table) {
                comments_before(&mut out, rule.line);
                if counters && self.save.counters {
                    let _ = write!(out, "[{}:{}] ", rule.packets, rule.bytes);
                }
                self.write_rule(&mut out, rule);
                out.push('\n');
            }
            if let Some(line) = table.commit {
                comments_before(&mut out, line);
                out.push_str("COMMIT\n");
            }
        }
        comments_before(&mut out, u32::MAX);
        out
    }

    fn write_rule(&self, out: &mut String, rule: &Rule) {
        out.push_str("-A ");
        out.push_str(self.chain_name(rule));
        let mut end = None;
        for token in self.tokens(rule) {
            let quote = if token.quoted { "\"" } else { "" };
            let start = token.start.saturating_sub(u32::from(token.quoted));
            // Some extensions print two spaces.
            let gap = end.map_or(1, |end| start.saturating_sub(end)).max(1);
            out.extend((0..gap).map(|_| ' '));
            out.push_str(quote);
            out.push_str(self.str(*token));
            out.push_str(quote);
            end = Some(token.end.saturating_add(u32::from(token.quoted)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(unescape("plain"), "plain");
        assert_eq!(unescape(r#"a \"b\" \\ c\"#), r#"a "b" \ c"#);
    }

    #[test]
    fn tables_that_only_nft_can_print() {
        let text = "# Table `filter' is incompatible, use 'nft' tool.\n# other\n";
        assert_eq!(parse(text).view(text).incompatible_tables(), ["filter"]);
        assert_eq!(parse(text).view(text).print(true), text);
    }

    #[test]
    fn a_foreign_text_does_no_harm() {
        let text = "*nat\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -j ACCEPT\nCOMMIT\n";
        assert_eq!(parse(text).view("é").print(false), "*\n:  [0:0]\n-A   \nCOMMIT\n");
    }
}
