//! Fields of API objects that may be taken, kind by kind.

use super::shape::Keep::{self, Container, Fields, Map, Names, Plain, Whole};

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

pub(super) const OBJECT: Keep = Fields(&[("apiVersion", Plain), ("kind", Plain), ("metadata", METADATA)]);

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

pub(super) const POD: Keep = Fields(&[
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

pub(super) const NODE: Keep = Fields(&[
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

pub(super) const SERVICE: Keep = Fields(&[
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

pub(super) const ENDPOINT_SLICE: Keep = Fields(&[
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

pub(super) const ENDPOINTS: Keep = Fields(&[(
    "subsets",
    Fields(&[
        ("addresses", OLD_ADDRESS),
        ("notReadyAddresses", OLD_ADDRESS),
        ("ports", PORTS),
    ]),
)]);

pub(super) const WORKLOAD: Keep = Fields(&[
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

pub(super) const INGRESS: Keep = Fields(&[
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

pub(super) const LEASE: Keep = Fields(&[(
    "spec",
    Fields(&[
        ("holderIdentity", Plain),
        ("leaseDurationSeconds", Plain),
        ("acquireTime", Plain),
        ("renewTime", Plain),
    ]),
)]);

pub(super) const EVENT: Keep = Fields(&[
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

pub(super) const DEFINITION: Keep = Fields(&[(
    "spec",
    Fields(&[
        ("group", Plain),
        ("scope", Plain),
        ("names", Fields(&[("kind", Plain), ("plural", Plain)])),
        ("versions", Fields(&[("name", Plain), ("served", Plain)])),
    ]),
)]);

pub(super) const SPEC: Keep = Fields(&[("spec", Whole)]);
