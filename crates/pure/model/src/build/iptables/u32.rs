//! `u32`: `6&0xff=1 && 0>>22&0x3c@12>>26&0x3c=0:3,7`.

use super::Env;
use super::context::number;
use super::cursor::{Cursor, Odd, Opt};
use super::matches::needed;
use crate::netfilter::{Match, U32Op, U32Test};

pub(super) fn build(env: &mut Env<'_, '_>, cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut found: Option<(Opt<'_>, Vec<U32Test>)> = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--u32" => found = Some((opt, cursor.read(opt, tests)?)),
            _ => return Err(opt.odd()),
        }
    }
    let (opt, tests) = needed(found, "--u32")?;
    Ok(Match::U32 {
        tests,
        not: opt.not,
        unknown: env.gap(env.line, "bytes of the packet that u32 reads are not known"),
    })
}

fn tests(text: &str) -> Option<Vec<U32Test>> {
    text.split("&&").map(|t| test(t.trim())).collect()
}

fn test(text: &str) -> Option<U32Test> {
    let (left, right) = text.split_once('=')?;
    let (start, mut rest) = leading_number(left.trim())?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (op, after) = [
            ("&", U32Op::And),
            ("<<", U32Op::Left),
            (">>", U32Op::Right),
            ("@", U32Op::At),
        ]
        .into_iter()
        .find_map(|(word, op)| Some((op, rest.strip_prefix(word)?)))?;
        let (value, after) = leading_number(after.trim_start())?;
        steps.push((op, value));
        rest = after;
    }
    let values = right.split(',').map(|v| range(v.trim())).collect::<Option<Vec<_>>>()?;
    Some(U32Test { start, steps, values })
}

/// A number and what stands after it.
fn leading_number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((number(digits)?, rest.trim_start()))
}

fn range(text: &str) -> Option<(u32, u32)> {
    match text.split_once(':') {
        Some((low, high)) => Some((number(low.trim())?, number(high.trim())?)),
        None => {
            let value = number(text)?;
            Some((value, value))
        }
    }
}
