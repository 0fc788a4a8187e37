//! The matrix as text.

use super::{Cell, Class};
use crate::server::BIG;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A compact table: a row for each source, a column for each target, one letter a cell.
pub fn render(cells: &[Cell]) -> String {
    let (mut rows, mut columns): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    let mut letters: BTreeMap<(&str, &str), char> = BTreeMap::new();
    for cell in cells {
        let at = (cell.source.as_str(), cell.target.as_str());
        if !rows.contains(&at.0) {
            rows.push(at.0);
        }
        if !columns.contains(&at.1) {
            columns.push(at.1);
        }
        letters.insert(at, letter(cell));
    }
    let mut out = String::new();
    for (number, target) in columns.iter().enumerate() {
        let _ = writeln!(out, "{:>3}  {target}", number + 1);
    }
    let width = rows.iter().map(|r| r.len()).max().unwrap_or(0);
    let _ = write!(out, "\n{:width$}", "");
    for number in 1..=columns.len() {
        let _ = write!(out, " {number:>2}");
    }
    out.push('\n');
    for row in &rows {
        let _ = write!(out, "{row:width$}");
        for column in &columns {
            let letter = letters.get(&(*row, *column)).copied().unwrap_or(' ');
            let _ = write!(out, "  {letter}");
        }
        out.push('\n');
    }
    let _ = writeln!(out, "\n{}", legend(cells));
    out
}

/// `%`: not every try ended alike; `b`: connected, but the answer did not come through whole.
fn letter(cell: &Cell) -> char {
    if cell.outcomes.len() > 1 {
        return '%';
    }
    match cell.class {
        Class::Ok if cell.protocol == crate::spec::Protocol::Tcp && cell.bytes < BIG => 'b',
        Class::Ok => '.',
        Class::Timeout => 'T',
        Class::Refused => 'R',
        Class::NoRoute => 'H',
        Class::NetUnreachable => 'N',
        Class::Prohibited => 'P',
        Class::InvalidArgument => 'I',
        Class::Reset => 'X',
        Class::Other => '?',
    }
}

fn legend(cells: &[Cell]) -> String {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    for cell in cells {
        *counts.entry(letter(cell)).or_default() += 1;
    }
    let words = |letter| match letter {
        '.' => "ok",
        '%' => "sometimes",
        'b' => "answer cut off",
        'T' => "timeout",
        'R' => "refused",
        'H' => "no-route",
        'N' => "net-unreachable",
        'P' => "prohibited",
        'I' => "invalid-argument",
        'X' => "reset",
        _ => "other",
    };
    let parts = counts
        .iter()
        .map(|(letter, count)| format!("{letter} {} {count}", words(*letter)));
    parts.collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::TimeClass;
    use crate::spec::Protocol;

    fn cell(source: &str, target: &str, class: Class, bytes: usize) -> Cell {
        Cell {
            source: source.to_owned(),
            target: target.to_owned(),
            protocol: Protocol::Tcp,
            class,
            errno: None,
            time: TimeClass::Instant,
            bytes,
            answered_by: None,
            seen_client: None,
            backends: BTreeMap::new(),
            outcomes: BTreeMap::from([(class, 1)]),
        }
    }

    #[test]
    fn a_small_table() {
        let cells = [
            cell("pod/a/b", "svc/c/d:1", Class::Ok, BIG),
            cell("pod/a/b", "svc/c/e:2", Class::Timeout, 0),
            cell("node/x", "svc/c/d:1", Class::Ok, 10),
            cell("node/x", "svc/c/e:2", Class::Refused, 0),
        ];
        assert_eq!(
            render(&cells),
            "  1  svc/c/d:1\n  2  svc/c/e:2\n\n\
             \x20        1  2\n\
             pod/a/b  .  T\n\
             node/x   b  R\n\n\
             . ok 1 · R refused 1 · T timeout 1 · b answer cut off 1\n"
        );
    }
}
