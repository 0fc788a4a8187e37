//! Known disagreements: what is printed of them, why they are not mended, on which kernels they were seen.

use serde::Deserialize;

/// The entries of `sickbay.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sickbay {
    /// Entries.
    #[serde(default)]
    entry: Vec<Entry>,
}

/// One known disagreement.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What is printed of it contains this.
    pub pattern: String,
    /// Why it is not mended.
    pub reason: String,
    /// Beginnings of kernel releases, e.g. `6.18`.
    pub kernels: Vec<String>,
    /// How often it matched.
    #[serde(skip)]
    seen: u64,
}

/// At most so many may be known.
const ENTRIES_MAX: usize = 10;

impl Sickbay {
    /// The list of the repository.
    ///
    /// # Errors
    /// It is no such list.
    pub fn known() -> Result<Sickbay, String> {
        Sickbay::read(include_str!("../../sickbay.toml"))
    }

    /// Reads it.
    ///
    /// # Errors
    /// The text is no such list, or the list is too long.
    pub fn read(text: &str) -> Result<Sickbay, String> {
        let sickbay: Sickbay = toml::from_str(text).map_err(|e| format!("sickbay.toml: {e}"))?;
        match sickbay.entry.len() {
            0..=ENTRIES_MAX => Ok(sickbay),
            n => Err(format!("sickbay.toml: {n} entries, at most {ENTRIES_MAX} may be known")),
        }
    }

    /// Whether a disagreement is known on this kernel.
    pub fn has(&mut self, what: &str, release: &str) -> bool {
        let fits = |e: &&mut Entry| e.on(release) && what.contains(&e.pattern);
        match self.entry.iter_mut().find(fits) {
            Some(entry) => {
                entry.seen += 1;
                true
            }
            None => false,
        }
    }

    /// Entries of this kernel that matched nothing: they must leave the list.
    pub fn healed(&self, release: &str) -> Vec<String> {
        let idle = self.entry.iter().filter(|e| e.seen == 0 && e.on(release));
        idle.map(|e| format!("{}: {}", e.pattern, e.reason)).collect()
    }
}

impl Entry {
    fn on(&self, release: &str) -> bool {
        self.kernels.iter().any(|k| release.starts_with(k.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[[entry]]\npattern = 'NO_SOCKET@x'\nreason = 'why'\nkernels = ['6.18']\n";

    #[test]
    fn an_entry_that_matches_nothing_is_told() {
        let mut sickbay = Sickbay::read(TEXT).unwrap();
        assert_eq!(sickbay.healed("6.18.44"), ["NO_SOCKET@x: why"]);
        assert!(sickbay.healed("6.12.1").is_empty());
        assert!(!sickbay.has("kernel: NO_SOCKET@x", "6.12.1"));
        assert!(sickbay.has("kernel: NO_SOCKET@x", "6.18.44"));
        assert!(sickbay.healed("6.18.44").is_empty());
    }

    #[test]
    fn a_long_list_is_refused() {
        assert!(Sickbay::read(&TEXT.repeat(11)).unwrap_err().contains("at most 10"));
        assert!(Sickbay::read("[[entry]]\npattern = 'a'\n").is_err());
    }
}
