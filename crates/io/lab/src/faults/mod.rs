//! Faults by name: each one small file. The ids are those of the catalogue of faults; decoys break nothing.

mod bridge_nf_off;
mod decoys;
mod forward_policy_drop;
mod iface_forwarding_off;
mod ip_forward_off;
mod pod_no_default_route;
mod route_to_podcidr_missing;
mod svc_targetport_wrong;
mod vxlan_udp_blocked;

use crate::spec::Spec;
use crate::{Change, Lab, LabError, State};
use std::collections::BTreeMap;

/// Parameters by name: `node`, `peer`, `iface`, `pod` (`NAMESPACE/NAME`), `service` (`NAMESPACE/NAME`), `persist`.
pub type Args = BTreeMap<String, String>;

/// A fault that can be injected.
pub struct Fault {
    /// Its id in the catalogue.
    pub id: &'static str,
    /// What it does, in one sentence.
    pub does: &'static str,
    /// True for an oddity that breaks nothing: a diagnosis must not name it.
    pub decoy: bool,
    /// The parameters that say where.
    pub params: &'static [&'static str],
    /// Further parameters, each with what it does; off unless given as `true`.
    pub options: &'static [(&'static str, &'static str)],
    sites: fn(&Spec) -> Vec<Args>,
    plan: fn(&Lab, &State, &Args) -> Result<Vec<Change>, LabError>,
}

/// All faults, real ones first.
pub fn faults() -> &'static [Fault] {
    &ALL
}

static ALL: [Fault; 12] = [
    ip_forward_off::FAULT,
    iface_forwarding_off::FAULT,
    bridge_nf_off::FAULT,
    forward_policy_drop::FAULT,
    vxlan_udp_blocked::FAULT,
    route_to_podcidr_missing::FAULT,
    svc_targetport_wrong::FAULT,
    pod_no_default_route::FAULT,
    decoys::LEGACY_RULE,
    decoys::RP_FILTER,
    decoys::SPARE_SYSCTL,
    decoys::UNUSED_ROUTE,
];

/// Faults that change what a user namespace does not own, each with what that is. The lab of an ordinary user cannot have
/// them: `lab_unprivileged.rs` demands that it can have all others.
const NEEDS_ROOT: &[(&str, &str)] = &[];

/// A fault by its id.
pub fn find(id: &str) -> Result<&'static Fault, LabError> {
    let found = ALL.iter().find(|fault| fault.id == id);
    found.ok_or_else(|| LabError::unknown("fault", id, ALL.iter().map(|fault| fault.id)))
}

impl Fault {
    /// What it changes that only root owns, if anything.
    pub fn needs_root(&self) -> Option<&'static str> {
        NEEDS_ROOT.iter().find(|(id, _)| *id == self.id).map(|(_, why)| *why)
    }

    /// Why this process cannot inject it: it needs root, and this is an ordinary user, or root of a user's namespace.
    pub fn refused(&self) -> Option<&'static str> {
        self.needs_root().filter(|_| !crate::owner::is_machines_root())
    }

    /// Every place of a lab where it can be injected, as complete parameters.
    pub fn sites(&self, spec: &Spec) -> Vec<Args> {
        (self.sites)(spec)
    }

    /// The first place that fits what is given, with the options that are given.
    pub fn complete(&self, spec: &Spec, given: &Args) -> Result<Args, LabError> {
        let no_place = |why: String| LabError::NoPlace {
            fault: self.id.to_owned(),
            why,
        };
        let is_option = |key: &str| self.options.iter().any(|(name, _)| *name == key);
        if let Some(key) = given
            .keys()
            .find(|key| !self.params.contains(&key.as_str()) && !is_option(key))
        {
            return Err(no_place(format!(
                "it has no parameter {key}; it has {}",
                self.params.join(", ")
            )));
        }
        let fits = |site: &Args| {
            given
                .iter()
                .all(|(key, value)| is_option(key) || site.get(key) == Some(value))
        };
        let sites = self.sites(spec);
        let Some(mut args) = sites.iter().find(|site| fits(site)).cloned() else {
            let places: Vec<_> = sites.iter().take(8).map(text).collect();
            return Err(no_place(format!(
                "no place has {}; places are: {}",
                text(given),
                places.join("; ")
            )));
        };
        args.extend(
            given
                .iter()
                .filter(|(key, value)| is_option(key) && *value == "true")
                .map(|(k, v)| (k.clone(), v.clone())),
        );
        Ok(args)
    }

    /// The changes that it makes, with what the things to be changed are now.
    pub(crate) fn plan(&self, lab: &Lab, state: &State, args: &Args) -> Result<Vec<Change>, LabError> {
        (self.plan)(lab, state, args)
    }
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fault")
            .field("id", &self.id)
            .field("decoy", &self.decoy)
            .finish_non_exhaustive()
    }
}

/// `node=worker-1 peer=worker-2`
pub fn text(args: &Args) -> String {
    args.iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Parameters from pairs.
fn site<const N: usize>(pairs: [(&str, &str); N]) -> Args {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// One place per node.
fn each_node(spec: &Spec) -> Vec<Args> {
    spec.nodes.iter().map(|node| site([("node", &node.name)])).collect()
}

/// A parameter that `complete` has put there.
fn arg<'a>(args: &'a Args, key: &'static str) -> Result<&'a str, LabError> {
    let missing = || LabError::NoPlace {
        fault: text(args),
        why: format!("parameter {key} is missing"),
    };
    args.get(key).map(String::as_str).ok_or_else(missing)
}

/// `namespace/name`
fn full_name(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_each_has_a_place_in_every_lab() {
        for (i, fault) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|other| other.id != fault.id), "{} twice", fault.id);
            for seed in 0..50 {
                let spec = Spec::random(seed);
                let sites = fault.sites(&spec);
                assert!(!sites.is_empty(), "{} has no place in seed {seed}", fault.id);
                assert!(
                    sites.iter().all(|site| site.keys().eq(sorted(fault.params).iter())),
                    "{}: {sites:?}",
                    fault.id
                );
            }
        }
    }

    fn sorted(params: &[&str]) -> Vec<String> {
        let mut params: Vec<_> = params.iter().map(|p| (*p).to_owned()).collect();
        params.sort();
        params
    }

    #[test]
    fn parameters_are_completed_and_checked() {
        let spec = Spec::default_with(3);
        let fault = find("route-to-podcidr-missing").unwrap();
        let args = fault.complete(&spec, &site([("peer", "worker-1")])).unwrap();
        assert_eq!(text(&args), "node=worker-2 peer=worker-1");
        let error = fault
            .complete(&spec, &site([("node", "worker-9")]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("node=worker-1 peer=worker-2"), "{error}");
        assert!(fault.complete(&spec, &site([("color", "red")])).is_err());
        let persist = find("ip-forward-off")
            .unwrap()
            .complete(&spec, &site([("persist", "true")]))
            .unwrap();
        assert_eq!(text(&persist), "node=worker-1 persist=true");
        assert!(find("nothing").unwrap_err().to_string().contains("bridge-nf-off"));
    }
}
