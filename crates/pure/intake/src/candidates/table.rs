//! The table. Names are unique for a meaning; the ids are those of the fault catalogue.

use super::Only;

/// One line of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub name: &'static str,
    pub faults: &'static [&'static str],
    pub sentence: &'static str,
    pub decides: &'static str,
    pub only: Only,
}

const fn row(
    only: Only,
    name: &'static str,
    sentence: &'static str,
    decides: &'static str,
    faults: &'static [&'static str],
) -> Row {
    Row {
        name,
        faults,
        sentence,
        decides,
        only,
    }
}

use Only::{Always, Inside, Outside, Service};

/// SYN after SYN, and silence.
#[rustfmt::skip]
pub(super) const TIMEOUT: &[Row] = &[
    row(Outside, "masquerade-missing", "packets leave with the pod's address", "tcpdump on the node's uplink: is the source the pod's address", &["masquerade-missing"]),
    row(Always, "ip-forward-disabled", "forwarding off on the client's node", "sysctl net.ipv4.ip_forward and net.ipv4.conf.cni0.forwarding on the client's node", &["ip-forward-off", "iface-forwarding-off"]),
    row(Inside, "vxlan-udp-blocked", "VXLAN blocked or broken between nodes", "tcpdump udp port 8472 on the other node's uplink while it is tried", &["vxlan-udp-blocked", "security-group-blocks", "vtep-mac-stale", "vxlan-fdb-missing"]),
    row(Always, "policy-drops", "NetworkPolicy that drops", "kubectl get networkpolicy in both namespaces: does one select either end", &["np-default-deny-ingress", "np-default-deny-egress"]),
    row(Always, "forward-policy-drop", "firewall in FORWARD", "iptables-save, iptables-legacy-save and nft list ruleset on both nodes: DROP in FORWARD", &["forward-policy-drop", "native-nft-drop", "iptables-legacy-nft-mix"]),
    row(Service, "kube-proxy-rules-stale", "Service rules missing or stale", "iptables-save on the client's node: a rule for this address and port, and do its targets equal the EndpointSlice", &["kubeproxy-stale-rules", "kubeproxy-down", "svc-port-not-exposed"]),
    row(Inside, "route-to-podcidr-missing", "route to the other node's pods missing", "ip route on the client's node: one for each other node's pod range", &["route-to-podcidr-missing", "return-route-missing"]),
    row(Service, "bridge-nf-call-iptables-disabled", "bridge-nf-call-iptables off, and the endpoint is on the client's node", "sysctl net.bridge.bridge-nf-call-iptables on the client's node", &["bridge-nf-off", "br-netfilter-missing"]),
    row(Outside, "egress-blocked", "firewall or NAT gateway outside the cluster", "does the same connection work from the node itself", &["egress-firewall-proxy", "nat-gateway-missing"]),
    row(Always, "conntrack-full", "connection tracking table full", "sysctl net.netfilter.nf_conntrack_count and nf_conntrack_max", &["conntrack-table-full"]),
];

/// The kubelet to its own pods.
#[rustfmt::skip]
pub(super) const PROBE: &[Row] = &[
    row(Always, "probes-blocked", "firewall between the node and its own pods", "iptables-save on the node: DROP in OUTPUT or a policy that forgets the node", &["probes-blocked"]),
    row(Always, "app-hung", "the process does not accept", "ss -ltn in the pod: Recv-Q above 0", &["app-hung", "accept-queue-overflow"]),
];

#[rustfmt::skip]
pub(super) const REFUSED: &[Row] = &[
    row(Service, "service-selects-nothing", "Service without ready endpoints", "kubectl get endpointslices: is any endpoint ready", &["svc-selector-mismatch", "svc-endpoints-not-ready", "svc-no-endpoints-reject"]),
    row(Always, "application-not-listening", "nobody listens on that port of the pod", "ss -ltn in the pod", &["app-not-listening", "app-listens-wrong-port"]),
    row(Service, "service-target-port-wrong", "targetPort is not the port that the pod listens on", "ss -ltn in the pod against targetPort", &["svc-targetport-wrong", "svc-named-port-missing"]),
    row(Always, "listens-on-localhost", "the process listens on 127.0.0.1 only", "ss -ltn in the pod: the local address", &["app-listens-localhost"]),
    row(Inside, "policy-rejects", "NetworkPolicy or firewall that rejects", "tcpdump at the client: ICMP or RST, and from which address", &["np-default-deny-ingress", "forward-reject-rule"]),
    row(Always, "sidecar-dead", "the sidecar that takes all connections is dead", "is every destination refused while ping works", &["sidecar-redirect-dead"]),
];

#[rustfmt::skip]
pub(super) const NO_ROUTE_AT_ONCE: &[Row] = &[
    row(Always, "firewall-rejects", "a firewall rule rejects (icmp-host-prohibited)", "tcpdump icmp at the client: which node sends it; then its REJECT rules", &["firewalld-reject", "forward-reject-rule"]),
    row(Always, "route-unreachable", "a route of type unreachable or prohibit", "ip route show table all on the client's node: type unreachable or prohibit", &["route-type-unreachable"]),
    row(Always, "neighbour-failed", "a neighbour that has failed already", "ip neigh: an entry in state FAILED", &["vxlan-neigh-missing", "kubeproxy-stale-rules"]),
];

#[rustfmt::skip]
pub(super) const NO_ROUTE_ARP: &[Row] = &[
    row(Service, "endpoint-gone", "Service rules lead to a pod that is gone", "do the rules' targets equal the EndpointSlice", &["kubeproxy-stale-rules", "endpointslice-stale"]),
    row(Inside, "vtep-neighbour-missing", "neighbour entry of the other node's VXLAN device missing", "ip neigh show dev flannel.1 on the client's node", &["vxlan-neigh-missing"]),
    row(Always, "gateway-silent", "the pod's gateway does not answer", "ip neigh in the pod: the gateway FAILED; then the veth and the bridge of its node", &["cni0-wrong-subnet", "bridge-down", "veth-down", "calico-proxy-arp-off"]),
    row(Always, "cidr-overlap", "the target's network overlaps one that is on the link", "ip route get TARGET on the client's node", &["cidr-overlap-node-lan"]),
];

#[rustfmt::skip]
pub(super) const NET_UNREACHABLE: &[Row] = &[
    row(Always, "pod-no-default-route", "the pod has no default route", "ip route in the pod", &["pod-no-default-route", "pod-eth0-down"]),
    row(Service, "service-rules-missing", "no rule for this Service address on the client's node", "iptables-save on the client's node: a rule for this address and port", &["kubeproxy-down", "svc-port-not-exposed", "ruleset-flushed"]),
    row(Inside, "route-to-podcidr-missing", "route to the other node's pods missing", "ip route on the client's node: one for each other node's pod range", &["route-to-podcidr-missing"]),
    row(Always, "main-rule-missing", "the rule that looks up table main is missing", "ip rule on the client's node", &["ip-rule-main-missing"]),
];

#[rustfmt::skip]
pub(super) const PROHIBITED: &[Row] = &[
    row(Always, "route-prohibit", "a route or rule of type prohibit on the client's own node", "ip route show table all; ip rule", &["route-type-unreachable"]),
    row(Always, "connect-forbidden", "the client's own rules forbid it (OUTPUT, an eBPF program, seccomp)", "iptables-save in the client's namespace: DROP in OUTPUT", &["np-default-deny-egress"]),
];

#[rustfmt::skip]
pub(super) const INVALID: &[Row] = &[
    row(Always, "route-blackhole", "a blackhole route on the client's own node", "ip route show table all: type blackhole", &["route-type-unreachable"]),
];

#[rustfmt::skip]
pub(super) const RESET: &[Row] = &[
    row(Service, "conntrack-invalid", "a reply was INVALID and went out untranslated", "tcpdump at the client: does a segment with the pod's own address come before the RST", &["conntrack-invalid-rst"]),
    row(Always, "idle-timeout", "a tracker or balancer forgot the idle connection", "is the time since the last byte always the same", &["conntrack-idle-timeout", "lb-idle-timeout"]),
    row(Always, "endpoint-terminating", "the pod was ending", "do the times fit restarts or deploys", &["terminating-endpoint-traffic", "liveness-restart-loop"]),
    row(Always, "policy-resets", "a proxy or policy resets (mTLS, inspection)", "does it come after the ClientHello", &["np-istio-authz", "egress-firewall-proxy"]),
];

#[rustfmt::skip]
pub(super) const HANG: &[Row] = &[
    row(Always, "mtu-blackhole", "large packets are lost: MTU", "ping -M do -s SIZE pod to pod and node to node: where it breaks", &["mtu-blackhole-underlay", "mtu-overlay-too-big", "pmtu-icmp-blocked"]),
    row(Always, "app-hung", "the process accepts and does not answer", "does a small request hang too", &["app-hung"]),
    row(Inside, "fragments-dropped", "fragments of the tunnel are dropped", "nstat IpFragCreates on the node, and a small request", &["encap-fragments-dropped"]),
];

#[rustfmt::skip]
pub(super) const ANSWERED_ELSEWHERE: &[Row] = &[
    row(Inside, "bridge-nf-call-iptables-disabled", "bridge-nf-call-iptables off: the reply skips the translation back", "sysctl net.bridge.bridge-nf-call-iptables on the client's node", &["bridge-nf-off", "br-netfilter-missing"]),
    row(Inside, "reply-bypasses-nat", "the reply takes a way around the node that translated", "is the endpoint on the client's node; ip route get CLIENT on the endpoint's node", &["hairpin-off", "return-route-missing"]),
];

#[rustfmt::skip]
pub(super) const DNS_NAME: &[Row] = &[
    row(Always, "name-wrong", "the name is wrong, or of another namespace", "the full name: NAME.NAMESPACE.svc.cluster.local", &["svc-not-found"]),
    row(Always, "cluster-domain-wrong", "search or cluster domain of the pod is wrong", "/etc/resolv.conf of the pod against the kubelet's clusterDomain", &["dns-cluster-domain-mismatch", "dns-hostnetwork-policy"]),
];

#[rustfmt::skip]
pub(super) const DNS_SERVFAIL: &[Row] = &[
    row(Always, "dns-upstream-unreachable", "CoreDNS does not reach its upstream", "logs of CoreDNS: i/o timeout to the upstream", &["dns-upstream-unreachable"]),
    row(Always, "coredns-without-api", "CoreDNS does not reach the API server", "logs of CoreDNS: dial tcp of the API's Service", &["dns-coredns-no-api"]),
];

#[rustfmt::skip]
pub(super) const DNS_FAST: &[Row] = &[
    row(Always, "coredns-down", "no ready CoreDNS", "EndpointSlice of kube-dns", &["dns-coredns-down"]),
    row(Always, "dns-stub-in-pod", "the pod's name server is a stub that only the node has", "nameserver in /etc/resolv.conf of the pod: 127.0.0.53", &["dns-stub-in-pod"]),
];

#[rustfmt::skip]
pub(super) const DNS_SILENT: &[Row] = &[
    row(Always, "dns-path-broken", "packets to CoreDNS are lost, as for any other Service", "a TCP connection to another Service from the same pod", &["dns-path-blackholed", "ip-forward-off", "vxlan-udp-blocked"]),
    row(Always, "policy-drops-dns", "NetworkPolicy that forgets DNS", "kubectl get networkpolicy in the pod's namespace: egress to UDP 53", &["np-dns-forgotten", "dns-policy-denied"]),
    row(Always, "nameserver-wrong", "the pod's name server is not the cluster's", "nameserver in /etc/resolv.conf of the pod against Service kube-dns", &["dns-clusterdns-wrong", "dns-nodelocal-missing"]),
];

/// A question, and for each answer the names that it leaves.
pub(super) type Asked = (&'static str, &'static [(&'static str, &'static [&'static str])]);

#[rustfmt::skip]
pub(super) const QUESTIONS: &[Asked] = &[
    ("does the same connection work from a pod on another node?", &[
        ("yes", &["ip-forward-disabled", "forward-policy-drop", "kube-proxy-rules-stale", "bridge-nf-call-iptables-disabled", "conntrack-full", "masquerade-missing", "service-rules-missing", "main-rule-missing", "pod-no-default-route"]),
        ("no", &["vxlan-udp-blocked", "policy-drops", "egress-blocked", "route-to-podcidr-missing"]),
    ]),
    ("tcpdump on cni0 and on flannel.1 of the client's node, while it is tried", &[
        ("SYN on cni0 only", &["ip-forward-disabled", "forward-policy-drop", "conntrack-full", "bridge-nf-call-iptables-disabled"]),
        ("SYN on both", &["vxlan-udp-blocked", "policy-drops"]),
    ]),
    ("does the pod's own address work, without the Service?", &[
        ("yes", &["kube-proxy-rules-stale", "service-rules-missing", "service-selects-nothing", "service-target-port-wrong", "endpoint-gone", "bridge-nf-call-iptables-disabled"]),
        ("no", &["ip-forward-disabled", "vxlan-udp-blocked", "policy-drops", "forward-policy-drop", "application-not-listening", "listens-on-localhost", "policy-rejects", "sidecar-dead", "route-to-podcidr-missing", "vtep-neighbour-missing", "gateway-silent", "pod-no-default-route"]),
    ]),
    ("who refuses: tcpdump at the client", &[
        ("RST from the pod's address", &["application-not-listening", "service-target-port-wrong", "listens-on-localhost"]),
        ("ICMP port unreachable", &["service-selects-nothing", "policy-rejects"]),
    ]),
    ("does a small request hang too?", &[
        ("yes", &["app-hung"]),
        ("no", &["mtu-blackhole", "fragments-dropped"]),
    ]),
    ("does the full name with a dot at the end resolve?", &[
        ("yes", &["name-wrong", "cluster-domain-wrong"]),
        ("no", &["coredns-down", "dns-path-broken", "policy-drops-dns", "nameserver-wrong", "dns-stub-in-pod"]),
    ]),
];
