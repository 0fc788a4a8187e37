//! Patterns of paths, as `not_read` in `bundle.json` has them.

/// `*` any characters but `/`, `**` any, `?` one but `/`. Linear in memory, at worst the product of the lengths in time.
pub(crate) fn matches(glob: &str, path: &str) -> bool {
    // reach[i]: the glob so far matches the first i bytes of the path.
    let path = path.as_bytes();
    let mut reach = vec![false; path.len() + 1];
    if let Some(first) = reach.first_mut() {
        *first = true;
    }
    let mut glob = glob.as_bytes();
    while let Some((&sign, rest)) = glob.split_first() {
        let deep = sign == b'*' && rest.first() == Some(&b'*');
        glob = if deep { rest.get(1..).unwrap_or_default() } else { rest };
        let mut next = vec![false; path.len() + 1];
        let mut before = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let here = reach.get(at).copied().unwrap_or(false);
            let last = at.checked_sub(1).and_then(|index| path.get(index)).copied();
            let came = at > 0 && reach.get(at - 1).copied().unwrap_or(false);
            *slot = match sign {
                b'*' => here || (before && (deep || last != Some(b'/'))),
                b'?' => came && last != Some(b'/'),
                byte => came && last == Some(byte),
            };
            before = *slot;
        }
        reach = next;
    }
    reach.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (glob, path, expected) in [
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/b/d/c", false),
            ("a/**/c", "a/b/d/c", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("*", "", true),
            ("", "a", false),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(matches(glob, path), expected, "{glob} {path}");
        }
    }
}
