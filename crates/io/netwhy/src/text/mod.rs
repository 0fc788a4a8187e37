//! Renderers for people: they take view values and the target, and decide nothing.

pub mod check;
pub mod finding;
pub mod page;
pub mod trace;
pub mod unknown;
pub mod why;

/// `1,234`.
pub fn number(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// `1 promise`, `2 promises`.
pub fn count(n: usize, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{} {one}s", number(n)),
    }
}

/// The first names, and how many more.
pub fn some(names: &[String], most: usize) -> String {
    match names.len().checked_sub(most) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..most].join(" ")),
        _ => names.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names() {
        assert_eq!(
            [number(0), number(999), number(1000), number(1_234_567)],
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!([count(1, "pod"), count(2, "pod")], ["1 pod", "2 pods"]);
        let names: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        assert_eq!([some(&names, 3), some(&names, 2)], ["a b c", "a b and 1 more"]);
    }
}
