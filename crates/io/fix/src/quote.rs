//! Words for the shell.

/// A word as a POSIX shell reads it back; control characters need a shell with `$'…'` (bash, busybox, dash 0.5.11).
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if word.chars().any(is_hostile) {
        let escaped: String = word.chars().map(escape).collect();
        return format!("$'{escaped}'");
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Words, quoted, with spaces between them.
#[must_use]
pub fn command<S: AsRef<str>>(words: &[S]) -> String {
    words
        .iter()
        .map(|word| quote(word.as_ref()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A text for one line of a screen: control and bidirectional characters are escaped.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if is_hostile(c) {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn escape(c: char) -> String {
    match c {
        '\'' => "\\'".to_owned(),
        '\\' => "\\\\".to_owned(),
        c if is_hostile(c) => {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes)
                .bytes()
                .map(|byte| format!("\\{byte:03o}"))
                .collect()
        }
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        for (word, quoted) in [
            ("net.ipv4.ip_forward=1", "net.ipv4.ip_forward=1"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("$(reboot)", "'$(reboot)'"),
            ("*", "'*'"),
            ("~root", "'~root'"),
            ("a\nb'\\", "$'a\\012b\\'\\\\'"),
            ("\u{202e}x", "$'\\342\\200\\256x'"),
        ] {
            assert_eq!(quote(word), quoted);
        }
        assert_eq!(command(&["sysctl", "-w", "a=1 2"]), "sysctl -w 'a=1 2'");
        assert_eq!(printable("eth0\u{1b}[2J"), "eth0\\u{1b}[2J");
    }

    #[test]
    fn a_shell_reads_them_back() {
        for word in ["a b", "it's", "$x `id` \"q\"", "tab\there", "\u{7}", "é\u{202e}"] {
            let script = format!("printf %s {}", quote(word));
            let output = std::process::Command::new("bash").args(["-c", &script]).output();
            let Ok(output) = output else {
                return eprintln!("not run: needs bash");
            };
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }
}
