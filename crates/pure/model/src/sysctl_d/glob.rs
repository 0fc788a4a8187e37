//! Shell patterns as `glob(3)` matches them: `*`, `?`, `[a-z]`, `[!a-z]`; none of them matches a slash.

/// The text has a character that makes it a pattern (systemd and procps: `string_is_glob()`).
pub(super) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether a path matches a pattern, component by component.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let mut patterns = pattern.split('/');
    let mut parts = path.split('/');
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if component(pattern.as_bytes(), part.as_bytes()) => {}
            _ => return false,
        }
    }
}

/// One component. Backtracks to the last star only, so the work is bounded by the product of the lengths.
fn component(pattern: &[u8], text: &[u8]) -> bool {
    if text.first() == Some(&b'.') && pattern.first() != Some(&b'.') {
        return false;
    }
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p + 1, t));
            p += 1;
        } else if let Some(width) = pattern.get(p..).and_then(|rest| one(rest, text[t])) {
            p += width;
            t += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (p, t) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// How many bytes of the pattern the byte used up, if it matches.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        b'[' => match class(pattern, byte) {
            Some((true, width)) => Some(width),
            Some((false, _)) => None,
            // Without its end it is an ordinary character.
            None => (byte == b'[').then_some(1),
        },
        b'\\' if pattern.len() > 1 => (pattern[1] == byte).then_some(2),
        other => (*other == byte).then_some(1),
    }
}

/// Whether the byte is in the class that begins here, and the length of the class.
fn class(pattern: &[u8], byte: u8) -> Option<(bool, usize)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = if negated { 2 } else { 1 };
    let end = first + 1 + pattern.get(first + 1..)?.iter().position(|b| *b == b']')?;
    let set = &pattern[first..end];
    let mut at = 0;
    let mut found = false;
    while at < set.len() {
        if let (Some(b'-'), Some(high)) = (set.get(at + 1), set.get(at + 2)) {
            found |= (set[at]..=*high).contains(&byte);
            at += 3;
        } else {
            found |= set[at] == byte;
            at += 1;
        }
    }
    Some((found != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_shell_does() {
        for (pattern, path, expected) in [
            ("net/ipv4/conf/*/rp_filter", "net/ipv4/conf/eth0/rp_filter", true),
            ("net/ipv4/conf/*/rp_filter", "net/ipv4/conf/flannel.1/rp_filter", true),
            ("net/ipv4/conf/*/rp_filter", "net/ipv4/conf/a/b/rp_filter", false),
            ("net/ipv4/*", "net/ipv4/conf/eth0", false),
            ("net/ipv4/conf/eth?/x", "net/ipv4/conf/eth0/x", true),
            ("net/ipv4/conf/eth[1-3]/x", "net/ipv4/conf/eth0/x", false),
            ("net/ipv4/conf/eth[!1-3]/x", "net/ipv4/conf/eth0/x", true),
            ("a[", "a[", true),
            ("a[]]", "a]", true),
            ("*a*b*c", "xxaxxbxxbc", true),
            ("*a*b*c", "xxaxxbxxb", false),
            ("*", ".hidden", false),
            ("**", "x", true),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
