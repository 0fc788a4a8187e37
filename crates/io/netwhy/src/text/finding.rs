//! What a finding says, in lines that `trace`, `check` and `why` share.

use crate::screen::{Screen, WIDTH, edge};
use netwhy_view::FindingView;
use netwhy_view::report::{FixView, ObjectView};

/// `node/worker-1`, `svc/shop/api`.
pub fn object(o: &ObjectView) -> String {
    let kind = match o.kind {
        "Service" => "svc".to_owned(),
        other => other.to_ascii_lowercase(),
    };
    match (&o.namespace, &o.name) {
        (Some(ns), Some(name)) => format!("{kind}/{ns}/{name}"),
        (None, Some(name)) => format!("{kind}/{name}"),
        _ => "the cluster".to_owned(),
    }
}

/// `NW1001 ip-forward-disabled on node/worker-1                     certain`.
pub fn cause(screen: &mut Screen, f: &FindingView) {
    let left = format!("{} {} on {}", f.code, f.name, object(&f.object));
    screen.whole(0, "cause", &edge(&left, f.certainty, WIDTH - 10));
}

/// Evidence lines.
pub fn evidence(screen: &mut Screen, indent: usize, f: &FindingView) {
    for line in &f.evidence {
        screen.fact_at(indent, "evidence", line);
    }
}

/// The fix: the command, and what it does.
pub fn fix(screen: &mut Screen, indent: usize, f: &FindingView, proven: &str) {
    match &f.fix {
        Some(FixView::Sysctl {
            changes,
            routes_between,
            modules,
            ..
        }) => {
            let command = f.command.clone().unwrap_or_default();
            let one_line = format!("{command}   ({proven})");
            if crate::screen::width_of(&one_line) + 10 + indent <= WIDTH {
                screen.whole(indent, "fix", &one_line);
            } else {
                screen.whole(indent, "fix", &command);
                screen.fact_at(indent, "fix", &format!("({proven})"));
            }
            let writes: Vec<String> = changes.iter().map(|(k, v)| format!("sysctl -w {k}={v}")).collect();
            let mut text = format!("{}, and kept over the next boot", writes.join(", "));
            if !modules.is_empty() {
                text += &format!("; loads {} at every boot", modules.join(" "));
            }
            if !routes_between.is_empty() {
                text += &format!("; makes a router of: {}", routes_between.join(" "));
            }
            screen.fact_at(indent, "fix", &text);
        }
        Some(FixView::Manual { at, commands, note }) => {
            let how = match at.as_str() {
                "cluster" => "with kubectl".to_owned(),
                at => format!("by hand, at {at}"),
            };
            screen.fact_at(indent, "fix", &format!("{how}   ({proven})"));
            for command in commands {
                screen.whole(indent, "fix", &format!("  {command}"));
            }
            if !note.is_empty() {
                screen.fact_at(indent, "fix", note);
            }
        }
        None => {}
    }
}
