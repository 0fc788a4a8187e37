//! Which parts of the kernel are there, told without asking them: a question over netlink would load them.

use std::fs;

/// Whether a command that needs a part of the kernel may be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// The part is there, or nothing can be loaded: running the command changes nothing.
    Safe,
    /// The part is not there, so there is nothing to read.
    Absent,
    /// The command might load it.
    Unknown,
}

/// The modules of this kernel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Modules {
    /// Nothing can be loaded: a kernel without modules, or one that was told to load no more.
    sealed: bool,
    loaded: Vec<String>,
    /// `modules.builtin`, if it could be read.
    builtin: Option<Vec<String>>,
}

impl Modules {
    /// Reads `/proc/modules`, `/sys/module` and the list of what is built in.
    pub(crate) fn read() -> Self {
        let list = fs::read_to_string("/proc/modules");
        let missing = list
            .as_ref()
            .is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        let disabled = fs::read_to_string("/proc/sys/kernel/modules_disabled").is_ok_and(|text| text.trim() == "1");
        let mut loaded: Vec<String> = list
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.split(' ').next())
            .map(normal)
            .collect();
        let in_sysfs = fs::read_dir("/sys/module").into_iter().flatten();
        loaded.extend(in_sysfs.filter_map(|entry| Some(normal(entry.ok()?.file_name().to_str()?))));
        Self {
            sealed: missing || disabled,
            loaded,
            builtin: builtin(),
        }
    }

    /// Whether a command that needs this module may be run.
    pub(crate) fn presence(&self, name: &str) -> Presence {
        if self.sealed || self.loaded.iter().any(|module| module == name) {
            return Presence::Safe;
        }
        match &self.builtin {
            Some(list) if list.iter().any(|module| module == name) => Presence::Safe,
            Some(_) => Presence::Absent,
            None => Presence::Unknown,
        }
    }

    /// Why a command is not run when the answer was [`Presence::Unknown`].
    pub(crate) fn why_unknown(name: &str) -> String {
        format!("kernel module {name} is not loaded, whether it is built in cannot be told, and asking might load it")
    }
}

fn builtin() -> Option<Vec<String>> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let text = fs::read_to_string(format!("/lib/modules/{}/modules.builtin", release.trim())).ok()?;
    let names = text
        .lines()
        .filter_map(|line| line.rsplit('/').next()?.strip_suffix(".ko"));
    Some(names.map(normal).collect())
}

/// Files of modules may be named with a hyphen where the kernel says an underscore.
fn normal(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_absent_unknown() {
        let mut modules = Modules {
            sealed: false,
            loaded: vec!["nf_tables".into()],
            builtin: None,
        };
        assert_eq!(modules.presence("nf_tables"), Presence::Safe);
        assert_eq!(modules.presence("ip_set"), Presence::Unknown);
        modules.builtin = Some(vec!["ip_set".into()]);
        assert_eq!(modules.presence("ip_set"), Presence::Safe);
        assert_eq!(modules.presence("ip_vs"), Presence::Absent);
        modules.sealed = true;
        assert_eq!(modules.presence("ip_vs"), Presence::Safe);
    }

    #[test]
    fn this_kernel_answers() {
        let modules = Modules::read();
        assert_ne!(modules.presence("kernel"), Presence::Absent, "{modules:?}");
    }
}
