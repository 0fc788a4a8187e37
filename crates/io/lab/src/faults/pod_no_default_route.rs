//! A pod without a way out.

use super::{Args, Fault, arg, full_name, site};
use crate::Change;
use crate::names::netns_of;
use crate::spec::Spec;

pub(super) const FAULT: Fault = Fault {
    id: "pod-no-default-route",
    does: "removes the default route of a pod",
    decoy: false,
    params: &["pod"],
    options: &[],
    sites,
    plan: |lab, state, args| {
        let pod = state.pod(arg(args, "pod")?)?;
        Ok(vec![Change::route_gone(lab, &netns_of(pod), "default")?])
    },
};

fn sites(spec: &Spec) -> Vec<Args> {
    let pods = spec.pods.iter().filter(|pod| !pod.host_network);
    pods.map(|pod| site([("pod", &full_name(&pod.namespace, &pod.name))]))
        .collect()
}
