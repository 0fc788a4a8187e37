//! The plan and its outcome, for people and for machines.

use super::proof::Proof;
use crate::commands::netwhy;
use crate::screen::{Mark, Screen, WIDTH, edge, width_of};
use crate::target::Target;
use netwhy_checks::Finding;
use netwhy_fix::{Applied, Plan};

/// `plan      NW1001 on node/worker-1, 3 steps          proven: ...`.
pub(super) fn title(screen: &mut Screen, f: &Finding, proof: &Proof, steps: Option<usize>) {
    let steps = steps.map_or(String::new(), |n| format!(", {n} steps"));
    let left = format!("{} on {}{steps}", f.code, f.object);
    let proof = proof.text();
    match width_of(&left) + width_of(&proof) + 2 <= WIDTH - 10 {
        true => screen.whole(0, "plan", &edge(&left, &proof, WIDTH - 10)),
        false => {
            screen.whole(0, "plan", &left);
            screen.fact("plan", &proof);
        }
    }
}

/// All steps.
pub(super) fn plan(screen: &mut Screen, f: &Finding, proof: &Proof, plan: &Plan) {
    title(screen, f, proof, Some(plan.steps.len()));
    for (i, step) in plan.steps.iter().enumerate() {
        let words = step.describe();
        let head = format!("{:>3} {:5} {}", i + 1, words.verb, words.text);
        match words.note.is_empty() {
            true => screen.line(&head),
            false if width_of(&head) + width_of(&words.note) + 3 <= WIDTH => {
                screen.line(&format!("{head}   {}", words.note));
            }
            false => {
                screen.line(&head);
                more(screen, &words.note);
            }
        }
        for line in &words.more {
            more(screen, line);
        }
    }
    for note in &plan.notes {
        screen.fact("note", note);
    }
}

fn more(screen: &mut Screen, text: &str) {
    // `0 → 1` stays on one line.
    let glued = text.replace(" → ", "\u{a0}→\u{a0}");
    for line in crate::screen::wrap(&glued, WIDTH - 10) {
        screen.line(&format!("{:10}{}", "", line.replace('\u{a0}', " ")));
    }
}

/// What became of it.
pub(super) fn applied(screen: &mut Screen, target: &Target, journals: &str, applied: &Applied) {
    match (&applied.verified, applied.rolled_back) {
        (Ok(found), false) => screen.marked(0, Mark::Good, &format!("applied; {}", found.text)),
        (Ok(found), true) => screen.marked(
            0,
            Mark::Bad,
            &format!("did not heal, all of it is undone; {}", found.text),
        ),
        (Err(why), _) => screen.marked(0, Mark::Unknown, &format!("applied, and not verified: {why}")),
    }
    for surprise in &applied.surprises {
        screen.fact("note", surprise);
    }
    if !applied.rolled_back {
        screen.whole(0, "undo", &netwhy("fix", target, &["--rollback", &applied.id]));
        screen.fact("journal", &format!("{journals}/{}.json on the node", applied.id));
    }
}

/// For machines.
pub(super) fn value(f: &Finding, proof: &Proof, plan: &Plan) -> serde_json::Value {
    let steps: Vec<serde_json::Value> = plan
        .steps
        .iter()
        .map(|step| {
            let words = step.describe();
            serde_json::json!({
                "verb": words.verb, "text": words.text, "note": words.note, "more": words.more, "command": step.command(),
            })
        })
        .collect();
    serde_json::json!({
        "schema": "netwhy.dev/plan/v1",
        "code": f.code,
        "name": f.name,
        "object": f.object.to_string(),
        "node": plan.node,
        "steps": steps,
        "notes": plan.notes,
        "proof": {"broken": proof.broken_by_it, "healed": proof.healed, "breaks": proof.breaks},
    })
}
