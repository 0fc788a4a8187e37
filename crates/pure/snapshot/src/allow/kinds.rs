//! API objects: which kinds, and which fields of each.

use super::Rule;
use super::config;
use super::shape::Keep::{self, Both, Container, Fields, Map, Names, Plain, Whole};
use serde_json::Value;

/// Kinds that may be taken, as their files in `cluster/` are named. Secrets are not among them.
pub const KINDS: &[&str] = &[
    "nodes",
    "pods",
    "services",
    "endpointslices",
    "endpoints",
    "networkpolicies",
    "namespaces",
    "configmaps",
    "daemonsets",
    "deployments",
    "replicasets",
    "statefulsets",
    "ingresses",
    "ingressclasses",
    "leases",
    "servicecidrs",
    "ipaddresses",
    "events",
    "customresourcedefinitions",
];

/// Custom resources whose `spec` is network configuration and nothing else.
const CUSTOM_GROUPS: &[&str] = &["crd.projectcalico.org", "policy.networking.k8s.io"];

/// Annotations by name.
const ANNOTATIONS: &[&str] = &[
    "flannel.alpha.coreos.com/backend-data",
    "flannel.alpha.coreos.com/backend-type",
    "flannel.alpha.coreos.com/backend-v6-data",
    "flannel.alpha.coreos.com/kube-subnet-manager",
    "flannel.alpha.coreos.com/public-ip",
    "flannel.alpha.coreos.com/public-ip-overwrite",
    "flannel.alpha.coreos.com/public-ipv6",
    "flannel.alpha.coreos.com/public-ipv6-overwrite",
    "projectcalico.org/IPv4Address",
    "projectcalico.org/IPv4IPIPTunnelAddr",
    "projectcalico.org/IPv4VXLANTunnelAddr",
    "projectcalico.org/IPv6Address",
    "projectcalico.org/IPv6VXLANTunnelAddr",
    "projectcalico.org/RouteReflectorClusterID",
    "cni.projectcalico.org/podIP",
    "cni.projectcalico.org/podIPs",
    "cni.projectcalico.org/ipAddrs",
    "cni.projectcalico.org/ipv4pools",
    "network.cilium.io/ipv4-cilium-host",
    "network.cilium.io/ipv4-pod-cidr",
    "kube-router.io/pod-cidr",
    "k8s.v1.cni.cncf.io/networks",
    "k8s.v1.cni.cncf.io/network-status",
    "kubernetes.io/ingress-bandwidth",
    "kubernetes.io/egress-bandwidth",
    "sidecar.istio.io/inject",
    "service.kubernetes.io/topology-mode",
    "service.kubernetes.io/topology-aware-hints",
    "service.alpha.kubernetes.io/tolerate-unready-endpoints",
    "endpoints.kubernetes.io/last-change-trigger-time",
    "endpoints.kubernetes.io/over-capacity",
    "ingressclass.kubernetes.io/is-default-class",
    "kubernetes.io/ingress.class",
    "deployment.kubernetes.io/revision",
    "metallb.io/address-pool",
    "metallb.io/ip-allocated-from-pool",
    "metallb.io/loadBalancerIPs",
    "metallb.universe.tf/address-pool",
    "metallb.universe.tf/ip-allocated-from-pool",
    "metallb.universe.tf/loadBalancerIPs",
];

const OWNERS: Keep = Fields(&[
    ("apiVersion", Plain),
    ("kind", Plain),
    ("name", Plain),
    ("uid", Plain),
    ("controller", Plain),
]);

const METADATA: Keep = Fields(&[
    ("name", Plain),
    ("generateName", Plain),
    ("namespace", Plain),
    ("uid", Plain),
    ("resourceVersion", Plain),
    ("generation", Plain),
    ("creationTimestamp", Plain),
    ("deletionTimestamp", Plain),
    ("deletionGracePeriodSeconds", Plain),
    ("labels", Map),
    ("annotations", Names(ANNOTATIONS)),
    ("ownerReferences", OWNERS),
]);

const OBJECT: Keep = Fields(&[("apiVersion", Plain), ("kind", Plain), ("metadata", METADATA)]);

const CONDITIONS: Keep = Fields(&[
    ("type", Plain),
    ("status", Plain),
    ("reason", Plain),
    ("lastTransitionTime", Plain),
]);

const IPS: Keep = Fields(&[("ip", Plain)]);

const REFERENCE: Keep = Fields(&[("kind", Plain), ("namespace", Plain), ("name", Plain), ("uid", Plain)]);

const PROBE: Keep = Fields(&[
    (
        "httpGet",
        Fields(&[("port", Plain), ("scheme", Plain), ("host", Plain)]),
    ),
    ("tcpSocket", Fields(&[("port", Plain), ("host", Plain)])),
    ("grpc", Fields(&[("port", Plain)])),
    ("initialDelaySeconds", Plain),
    ("periodSeconds", Plain),
    ("timeoutSeconds", Plain),
    ("successThreshold", Plain),
    ("failureThreshold", Plain),
]);

const CONTAINER: Keep = Container(&Fields(&[
    ("name", Plain),
    ("image", Plain),
    (
        "ports",
        Fields(&[
            ("name", Plain),
            ("containerPort", Plain),
            ("hostPort", Plain),
            ("hostIP", Plain),
            ("protocol", Plain),
        ]),
    ),
    ("restartPolicy", Plain),
    ("readinessProbe", PROBE),
    ("livenessProbe", PROBE),
    ("startupProbe", PROBE),
]));

const POD_SPEC: Keep = Fields(&[
    ("nodeName", Plain),
    ("nodeSelector", Map),
    ("hostNetwork", Plain),
    ("hostname", Plain),
    ("subdomain", Plain),
    ("setHostnameAsFQDN", Plain),
    ("dnsPolicy", Plain),
    (
        "dnsConfig",
        Fields(&[
            ("nameservers", Plain),
            ("searches", Plain),
            ("options", Fields(&[("name", Plain), ("value", Plain)])),
        ]),
    ),
    ("hostAliases", Fields(&[("ip", Plain), ("hostnames", Plain)])),
    ("containers", CONTAINER),
    ("initContainers", CONTAINER),
    ("readinessGates", Fields(&[("conditionType", Plain)])),
    ("priorityClassName", Plain),
    ("restartPolicy", Plain),
    ("serviceAccountName", Plain),
]);

const POD: Keep = Fields(&[
    ("spec", POD_SPEC),
    (
        "status",
        Fields(&[
            ("phase", Plain),
            ("reason", Plain),
            ("podIP", Plain),
            ("podIPs", IPS),
            ("hostIP", Plain),
            ("hostIPs", IPS),
            ("startTime", Plain),
            ("conditions", CONDITIONS),
            (
                "containerStatuses",
                Fields(&[
                    ("name", Plain),
                    ("ready", Plain),
                    ("started", Plain),
                    ("restartCount", Plain),
                ]),
            ),
        ]),
    ),
]);

const NODE: Keep = Fields(&[
    (
        "spec",
        Fields(&[
            ("podCIDR", Plain),
            ("podCIDRs", Plain),
            ("providerID", Plain),
            ("unschedulable", Plain),
            (
                "taints",
                Fields(&[
                    ("key", Plain),
                    ("value", Plain),
                    ("effect", Plain),
                    ("timeAdded", Plain),
                ]),
            ),
        ]),
    ),
    (
        "status",
        Fields(&[
            ("addresses", Fields(&[("type", Plain), ("address", Plain)])),
            ("conditions", CONDITIONS),
            (
                "nodeInfo",
                Fields(&[
                    ("kernelVersion", Plain),
                    ("osImage", Plain),
                    ("operatingSystem", Plain),
                    ("architecture", Plain),
                    ("containerRuntimeVersion", Plain),
                    ("kubeletVersion", Plain),
                    ("kubeProxyVersion", Plain),
                ]),
            ),
        ]),
    ),
]);

const LOAD_BALANCER: Keep = Fields(&[(
    "ingress",
    Fields(&[
        ("ip", Plain),
        ("hostname", Plain),
        ("ipMode", Plain),
        (
            "ports",
            Fields(&[("port", Plain), ("protocol", Plain), ("error", Plain)]),
        ),
    ]),
)]);

const SERVICE: Keep = Fields(&[
    (
        "spec",
        Fields(&[
            ("type", Plain),
            ("clusterIP", Plain),
            ("clusterIPs", Plain),
            (
                "ports",
                Fields(&[
                    ("name", Plain),
                    ("protocol", Plain),
                    ("port", Plain),
                    ("targetPort", Plain),
                    ("nodePort", Plain),
                    ("appProtocol", Plain),
                ]),
            ),
            ("selector", Map),
            ("externalIPs", Plain),
            ("externalName", Plain),
            ("externalTrafficPolicy", Plain),
            ("internalTrafficPolicy", Plain),
            ("trafficDistribution", Plain),
            ("loadBalancerIP", Plain),
            ("loadBalancerSourceRanges", Plain),
            ("loadBalancerClass", Plain),
            ("allocateLoadBalancerNodePorts", Plain),
            ("healthCheckNodePort", Plain),
            ("publishNotReadyAddresses", Plain),
            ("sessionAffinity", Plain),
            (
                "sessionAffinityConfig",
                Fields(&[("clientIP", Fields(&[("timeoutSeconds", Plain)]))]),
            ),
            ("ipFamilies", Plain),
            ("ipFamilyPolicy", Plain),
        ]),
    ),
    (
        "status",
        Fields(&[("loadBalancer", LOAD_BALANCER), ("conditions", CONDITIONS)]),
    ),
]);

const PORTS: Keep = Fields(&[
    ("name", Plain),
    ("port", Plain),
    ("protocol", Plain),
    ("appProtocol", Plain),
]);

const NAMES_OF: Keep = Fields(&[("name", Plain)]);

const ENDPOINT_SLICE: Keep = Fields(&[
    ("addressType", Plain),
    ("ports", PORTS),
    (
        "endpoints",
        Fields(&[
            ("addresses", Plain),
            (
                "conditions",
                Fields(&[("ready", Plain), ("serving", Plain), ("terminating", Plain)]),
            ),
            ("hostname", Plain),
            ("nodeName", Plain),
            ("zone", Plain),
            ("targetRef", REFERENCE),
            ("hints", Fields(&[("forZones", NAMES_OF), ("forNodes", NAMES_OF)])),
        ]),
    ),
]);

const OLD_ADDRESS: Keep = Fields(&[
    ("ip", Plain),
    ("hostname", Plain),
    ("nodeName", Plain),
    ("targetRef", REFERENCE),
]);

const ENDPOINTS: Keep = Fields(&[(
    "subsets",
    Fields(&[
        ("addresses", OLD_ADDRESS),
        ("notReadyAddresses", OLD_ADDRESS),
        ("ports", PORTS),
    ]),
)]);

const WORKLOAD: Keep = Fields(&[
    (
        "spec",
        Fields(&[
            ("replicas", Plain),
            ("selector", Whole),
            ("serviceName", Plain),
            ("template", Fields(&[("metadata", METADATA), ("spec", POD_SPEC)])),
        ]),
    ),
    ("status", Map),
]);

const BACKEND: Keep = Fields(&[(
    "service",
    Fields(&[("name", Plain), ("port", Fields(&[("name", Plain), ("number", Plain)]))]),
)]);

const INGRESS: Keep = Fields(&[
    (
        "spec",
        Fields(&[
            ("ingressClassName", Plain),
            ("defaultBackend", BACKEND),
            (
                "rules",
                Fields(&[
                    ("host", Plain),
                    (
                        "http",
                        Fields(&[(
                            "paths",
                            Fields(&[("path", Plain), ("pathType", Plain), ("backend", BACKEND)]),
                        )]),
                    ),
                ]),
            ),
        ]),
    ),
    ("status", Fields(&[("loadBalancer", LOAD_BALANCER)])),
]);

const LEASE: Keep = Fields(&[(
    "spec",
    Fields(&[
        ("holderIdentity", Plain),
        ("leaseDurationSeconds", Plain),
        ("acquireTime", Plain),
        ("renewTime", Plain),
    ]),
)]);

const EVENT: Keep = Fields(&[
    ("involvedObject", REFERENCE),
    ("regarding", REFERENCE),
    ("reason", Plain),
    ("message", Plain),
    ("note", Plain),
    ("type", Plain),
    ("count", Plain),
    ("firstTimestamp", Plain),
    ("lastTimestamp", Plain),
    ("eventTime", Plain),
]);

const DEFINITION: Keep = Fields(&[(
    "spec",
    Fields(&[
        ("group", Plain),
        ("scope", Plain),
        ("names", Fields(&[("kind", Plain), ("plural", Plain)])),
        ("versions", Fields(&[("name", Plain), ("served", Plain)])),
    ]),
)]);

const SPEC: Keep = Fields(&[("spec", Whole)]);

/// The rule of a kind; `None` if it may not be taken.
pub(super) fn keep(kind: &str) -> Option<Rule> {
    type More = Option<fn(Value) -> Option<Value>>;
    let (fields, more): (&'static Keep, More) = match kind {
        "nodes" => (&NODE, None),
        "pods" => (&POD, None),
        "services" => (&SERVICE, None),
        "endpointslices" => (&ENDPOINT_SLICE, None),
        "endpoints" => (&ENDPOINTS, None),
        "networkpolicies" | "servicecidrs" | "ipaddresses" => (&SPEC, None),
        "namespaces" => (&Fields(&[("status", Fields(&[("phase", Plain)]))]), None),
        "configmaps" => (&Fields(&[("data", Map)]), Some(config::keep_known)),
        "daemonsets" | "deployments" | "replicasets" | "statefulsets" => (&WORKLOAD, None),
        "ingresses" => (&INGRESS, None),
        "ingressclasses" => (&Fields(&[("spec", Fields(&[("controller", Plain)]))]), None),
        "leases" => (&LEASE, None),
        "events" => (&EVENT, Some(event)),
        "customresourcedefinitions" => (&DEFINITION, None),
        custom => {
            let (_, group) = custom.split_once('.')?;
            (CUSTOM_GROUPS.contains(&group).then_some(&SPEC)?, None)
        }
    };
    Some(Rule {
        keep: Both(&OBJECT, fields),
        more,
    })
}

/// Reasons whose message speaks of the network; the message of any other event may hold anything.
const REASONS: &[&str] = &[
    "FailedCreatePodSandBox",
    "NetworkNotReady",
    "NetworkUnavailable",
    "NetworkFailed",
    "DNSConfigForming",
    "CIDRNotAvailable",
    "CIDRAssignmentFailed",
    "FailedToUpdateEndpoint",
    "FailedToUpdateEndpointSlices",
    "FailedToCreateEndpoint",
    "ClusterIPNotAllocated",
    "PortNotAllocated",
    "SyncLoadBalancerFailed",
    "InvalidClusterCIDR",
    "NodeNotReady",
    "HostPortConflict",
];

fn event(mut event: Value) -> Option<Value> {
    let known = event
        .get("reason")
        .and_then(Value::as_str)
        .is_some_and(|reason| REASONS.contains(&reason));
    if let (false, Some(fields)) = (known, event.as_object_mut()) {
        fields.remove("message");
        fields.remove("note");
    }
    Some(event)
}
