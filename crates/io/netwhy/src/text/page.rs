//! Pages: markdown as `man` would show it.

use crate::screen::{Screen, WIDTH, wrap};

/// How far text is indented.
const INDENT: usize = 4;

/// Renders a page. Headings are set in capitals, paragraphs are filled, code and lists keep their lines.
pub fn render(screen: &mut Screen, markdown: &str) {
    let mut paragraph = String::new();
    let mut code = false;
    let mut after_heading = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            flush(screen, &mut paragraph);
            code = !code;
            continue;
        }
        if code || line.starts_with("    ") && paragraph.is_empty() {
            let line = if code { line } else { &line[INDENT..] };
            screen.line(&format!("{:width$}{line}", "", width = INDENT + 2));
        } else if let Some(heading) = line.strip_prefix('#') {
            flush(screen, &mut paragraph);
            screen.gap();
            let text = plain(heading.trim_start_matches('#').trim());
            // The first one is a name, to be typed again.
            let is_name = !heading.starts_with('#');
            screen.line(&if is_name { text } else { text.to_uppercase() });
            after_heading = true;
            continue;
        } else if line.trim().is_empty() {
            flush(screen, &mut paragraph);
            if !after_heading {
                screen.gap();
            }
            continue;
        } else if line.starts_with('|') {
            flush(screen, &mut paragraph);
            screen.line(&format!("{:INDENT$}{}", "", plain(line)));
        } else if is_item(line) {
            flush(screen, &mut paragraph);
            paragraph.push_str(line.trim_end());
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line.trim());
        }
        after_heading = false;
    }
    flush(screen, &mut paragraph);
}

fn is_item(line: &str) -> bool {
    let text = line.trim_start();
    let number = text
        .split_once(". ")
        .is_some_and(|(n, _)| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    text.starts_with("- ") || text.starts_with("* ") || number
}

fn flush(screen: &mut Screen, paragraph: &mut String) {
    if paragraph.is_empty() {
        return;
    }
    let text = plain(paragraph);
    let hang = match is_item(&text) {
        true => text.find(' ').map_or(0, |at| at + 1),
        false => 0,
    };
    for (i, line) in wrap(&text, WIDTH - 12 - INDENT - hang).into_iter().enumerate() {
        let hang = if i == 0 { 0 } else { hang };
        screen.line(&format!("{:width$}{line}", "", width = INDENT + hang));
    }
    paragraph.clear();
}

/// Without emphasis and code marks; links by their text and place.
fn plain(text: &str) -> String {
    let text = text.replace("**", "").replace('`', "");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("](") {
        let (before, after) = rest.split_at(at);
        let Some(open) = before.rfind('[') else {
            out.push_str(&rest[..at + 2]);
            rest = &rest[at + 2..];
            continue;
        };
        let Some(close) = after.find(')') else { break };
        out.push_str(&before[..open]);
        out.push_str(&before[open + 1..]);
        let place = &after[2..close];
        if place.contains("://") {
            out.push_str(&format!(" <{place}>"));
        }
        rest = &after[close + 1..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Look;

    #[test]
    fn pages_look_like_man_pages() {
        let mut screen = Screen::new(Look::default());
        render(
            &mut screen,
            "# NW1 a-name\nOne **bold**\nword.\n\n## How to fix\n- first `x`\n  more\n```\ncode  here\n```\nsee [this](https://x.y/z) and [that](#here)\n",
        );
        assert_eq!(
            screen.finish(),
            "NW1 a-name\n    One bold word.\n\nHOW TO FIX\n    - first x more\n      code  here\n    see this <https://x.y/z> and that\n"
        );
    }
}
