//! Which crate may use which: the table in ARCHITECTURE.md, compared with cargo metadata in both directions.
//!
//! A row is `| crate | uses | may also use |`. The second column equals the crate's normal dependencies; the third
//! holds what the design allows and nobody needs yet. What stands in neither is a new edge, and wants an ADR.

use super::Problem;
use crate::repo::Repo;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const PAGE: &str = "ARCHITECTURE.md";
const BEGIN: &str = "<!-- edges: begin -->";
const END: &str = "<!-- edges: end -->";

type Names = BTreeSet<String>;

/// One crate of the workspace, its name without `netwhy-`.
#[derive(Debug, Default, PartialEq)]
struct Crate {
    /// Is its folder below crates/pure?
    pure: bool,
    /// Normal and build dependencies inside the workspace.
    uses: Names,
    /// Those of the tests.
    tests_use: Names,
}

/// A row of the table.
#[derive(Debug, Default, PartialEq)]
struct Row {
    uses: Names,
    may_use: Names,
}

/// The rule.
pub fn check(repo: &Repo) -> Vec<Problem> {
    let crates = match metadata(repo) {
        Ok(crates) => crates,
        Err(error) => return vec![Problem::at("Cargo.toml", format!("{error:#}"))],
    };
    let Some(rows) = repo.text(PAGE).and_then(table) else {
        return vec![Problem::at(PAGE, format!("no table between {BEGIN} and {END}"))];
    };
    let mut problems = compare(&crates, &rows);
    problems.extend(pure_uses_io(&crates));
    problems
}

fn compare(crates: &BTreeMap<String, Crate>, rows: &BTreeMap<String, Row>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, found) in crates {
        let Some(row) = rows.get(name) else {
            let line = line(name, &found.uses, &Names::new());
            problems.push(Problem::at(PAGE, format!("add the row\n    {line}")));
            continue;
        };
        let allowed: Names = row.uses.union(&row.may_use).cloned().collect();
        for new in found.uses.difference(&allowed) {
            let text =
                format!("{name} → {new} is not an allowed edge: remove the dependency, or argue for it in an ADR");
            problems.push(Problem::at(PAGE, text));
        }
        let uses: Names = found.uses.intersection(&allowed).cloned().collect();
        if uses != row.uses {
            let may_use = allowed.difference(&uses).cloned().collect();
            let (old, new) = (line(name, &row.uses, &row.may_use), line(name, &uses, &may_use));
            problems.push(Problem::at(
                PAGE,
                format!("replace the row\n    {old}\n  by\n    {new}"),
            ));
        }
    }
    for (name, row) in rows.iter().filter(|(name, _)| !crates.contains_key(*name)) {
        let line = line(name, &row.uses, &row.may_use);
        problems.push(Problem::at(
            PAGE,
            format!("no crate is called {name}: remove the row\n    {line}"),
        ));
    }
    problems
}

/// Whatever the table says: nothing pure knows a crate that does I/O, not even in its tests.
fn pure_uses_io(crates: &BTreeMap<String, Crate>) -> Vec<Problem> {
    let is_io = |name: &&String| crates.get(*name).is_some_and(|c| !c.pure);
    let pure = crates.iter().filter(|(_, found)| found.pure);
    pure.flat_map(|(name, found)| {
        found
            .uses
            .union(&found.tests_use)
            .filter(is_io)
            .map(move |io| (name, io))
    })
    .map(|(name, io)| {
        Problem::at(
            &format!("crates/pure/{name}"),
            format!("depends on {io}, which does I/O"),
        )
    })
    .collect()
}

fn metadata(repo: &Repo) -> Result<BTreeMap<String, Crate>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(&repo.root)
        .output()
        .context("cannot start cargo metadata")?;
    anyhow::ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    crates(&serde_json::from_slice(&output.stdout)?)
}

fn crates(metadata: &Value) -> Result<BTreeMap<String, Crate>> {
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata without packages")?;
    let members: Names = packages
        .iter()
        .filter_map(|p| p["name"].as_str())
        .map(str::to_owned)
        .collect();
    let mut crates = BTreeMap::new();
    for package in packages {
        let name = package["name"].as_str().context("a package without a name")?;
        let mut found = Crate {
            pure: package["manifest_path"]
                .as_str()
                .is_some_and(|path| path.contains("/crates/pure/")),
            ..Crate::default()
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(on) = dependency["name"].as_str().filter(|on| members.contains(*on)) else {
                continue;
            };
            let names = if dependency["kind"] == "dev" {
                &mut found.tests_use
            } else {
                &mut found.uses
            };
            names.insert(short(on));
        }
        crates.insert(short(name), found);
    }
    Ok(crates)
}

fn short(name: &str) -> String {
    name.strip_prefix("netwhy-").unwrap_or(name).to_owned()
}

/// The rows between the markers; `None` without markers.
fn table(page: &str) -> Option<BTreeMap<String, Row>> {
    let (_, rest) = page.split_once(BEGIN)?;
    let (inside, _) = rest.split_once(END)?;
    let mut rows = BTreeMap::new();
    for line in inside.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split('|').map(words);
        let name = cells.next()?.into_iter().next()?;
        let row = Row {
            uses: cells.next().unwrap_or_default(),
            may_use: cells.next().unwrap_or_default(),
        };
        rows.insert(name, row);
    }
    Some(rows)
}

/// The words of a cell that stand between backticks.
fn words(cell: &str) -> Names {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn line(name: &str, uses: &Names, may_use: &Names) -> String {
    let cell = |names: &Names| names.iter().map(|name| format!("`{name}` ")).collect::<String>();
    format!("| `{name}` | {}| {}|", cell(uses), cell(may_use))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workspace() -> BTreeMap<String, Crate> {
        let package = |folder: &str, name: &str, on: &[(&str, Option<&str>)]| {
            let on: Vec<Value> = on
                .iter()
                .map(|(name, kind)| json!({"name": name, "kind": kind}))
                .collect();
            json!({"name": name, "manifest_path": format!("/x/crates/{folder}/y/Cargo.toml"), "dependencies": on})
        };
        crates(&json!({"packages": [
            package("pure", "netwhy-model", &[("serde", None)]),
            package("pure", "netwhy-sim", &[("netwhy-model", None), ("netwhy-lab", Some("dev"))]),
            package("io", "netwhy-lab", &[("netwhy-model", Some("dev"))]),
        ]}))
        .unwrap()
    }

    fn problems(table_rows: &str) -> Vec<String> {
        let rows = table(&format!(
            "{BEGIN}\n| crate | uses | may also use |\n|---|---|---|\n{table_rows}{END}"
        ))
        .unwrap();
        compare(&workspace(), &rows)
            .into_iter()
            .map(|problem| problem.text)
            .collect()
    }

    #[test]
    fn a_table_that_equals_the_crates_is_silent() {
        assert_eq!(
            problems("| `lab` | | |\n| `model` | | |\n| `sim` | `model` | `wire` |\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_row_to_write_is_printed() {
        let found = problems("| `lab` | | |\n| `sim` | `wire` | `model` |\n| `old` | | |\n");
        assert_eq!(
            found,
            [
                "add the row\n    | `model` | | |",
                "replace the row\n    | `sim` | `wire` | `model` |\n  by\n    | `sim` | `model` | `wire` |",
                "no crate is called old: remove the row\n    | `old` | | |",
            ]
        );
    }

    #[test]
    fn an_edge_outside_the_table_wants_an_adr() {
        let found = problems("| `lab` | | |\n| `model` | | |\n| `sim` | | |\n");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("sim → model is not an allowed edge"),
            "{}",
            found[0]
        );
    }

    #[test]
    fn pure_crates_may_not_use_io_even_in_tests() {
        let found = pure_uses_io(&workspace());
        assert_eq!(
            found,
            [Problem::at("crates/pure/sim", "depends on lab, which does I/O")]
        );
    }
}
