//! The lab of the tutorial: `shop/web` asks `shop/api` at 10.0.21.231:3000, as in the article.

use crate::spec::{Net, Node, Outside, Pod, PodPort, Protocol, Service, ServiceKind, ServicePort, Spec};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

const fn net(a: u8, b: u8, c: u8, prefix: u8) -> Net {
    Net {
        addr: Ipv4Addr::new(a, b, c, 0),
        prefix,
    }
}

impl Spec {
    /// The default lab with this many nodes (2 to 5; more or fewer are brought into the range).
    pub fn default_with(nodes: usize) -> Self {
        let count = nodes.clamp(2, 5) as u8;
        let nodes = (1..=count).map(|i| Node {
            name: format!("worker-{i}"),
            ip: Ipv4Addr::new(192, 168, 50, 10 + i),
            pod_cidr: net(10, 244, i, 24),
        });
        Self {
            topology: "flannel-vxlan".into(),
            nodes: nodes.collect(),
            pods: pods(count),
            services: services(),
            pod_network: net(10, 244, 0, 16),
            service_network: net(10, 0, 0, 16),
            underlay: net(192, 168, 50, 24),
            outside: Outside {
                name: "client".into(),
                ip: Ipv4Addr::new(192, 168, 50, 100),
            },
            vni: 1,
            vxlan_port: 8472,
            underlay_mtu: 1500,
        }
    }
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn port(name: &str, protocol: Protocol, port: u16) -> PodPort {
    PodPort {
        name: name.into(),
        protocol,
        port,
    }
}

/// The pods; the n-th node of a pod wraps around where there are fewer.
fn pods(nodes: u8) -> Vec<Pod> {
    let http = |number| vec![port("http", Protocol::Tcp, number)];
    let dns = || vec![port("dns", Protocol::Udp, 53)];
    let mut pods = vec![
        pod("shop", "web", 1, 7, &[("app", "web")], http(8080)),
        pod("shop", "api-a", 1, 8, &[("app", "api")], http(3000)),
        pod("shop", "api-b", 2, 9, &[("app", "api")], http(3000)),
        pod("shop", "api-c", (2 % nodes) + 1, 10, &[("app", "api")], http(3000)),
        pod("kube-system", "dns-a", 1, 3, &[("k8s-app", "kube-dns")], dns()),
        pod("kube-system", "dns-b", 2, 3, &[("k8s-app", "kube-dns")], dns()),
        pod("edge", "front-a", 2, 20, &[("app", "front")], http(8080)),
        pod("edge", "front-b", (2 % nodes) + 1, 21, &[("app", "front")], http(8080)),
    ];
    pods.extend((4..=nodes).map(|node| {
        pod(
            "shop",
            &format!("batch-{node}"),
            node,
            7,
            &[("app", "batch")],
            http(8080),
        )
    }));
    pods
}

fn pod(namespace: &str, name: &str, node: u8, host: u8, labels_: &[(&str, &str)], ports: Vec<PodPort>) -> Pod {
    Pod {
        namespace: namespace.into(),
        name: name.into(),
        node: format!("worker-{node}"),
        ip: Ipv4Addr::new(10, 244, node, host),
        labels: labels(labels_),
        ports,
        host_network: false,
    }
}

fn services() -> Vec<Service> {
    let tcp = |port, target_port, node_port| ServicePort {
        name: "http".into(),
        protocol: Protocol::Tcp,
        port,
        target_port,
        node_port,
    };
    let dns = ServicePort {
        name: "dns".into(),
        protocol: Protocol::Udp,
        port: 53,
        target_port: 53,
        node_port: 0,
    };
    let service = |namespace: &str, name: &str, kind, ip, selector: (&str, &str), port| Service {
        namespace: namespace.into(),
        name: name.into(),
        kind,
        cluster_ip: ip,
        selector: labels(&[selector]),
        ports: vec![port],
    };
    use ServiceKind::{ClusterIP, NodePort};
    vec![
        service(
            "kube-system",
            "kube-dns",
            ClusterIP,
            Ipv4Addr::new(10, 0, 0, 10),
            ("k8s-app", "kube-dns"),
            dns,
        ),
        service(
            "shop",
            "api",
            ClusterIP,
            Ipv4Addr::new(10, 0, 21, 231),
            ("app", "api"),
            tcp(3000, 3000, 0),
        ),
        service(
            "shop",
            "empty",
            ClusterIP,
            Ipv4Addr::new(10, 0, 77, 5),
            ("app", "nothing"),
            tcp(80, 8080, 0),
        ),
        service(
            "edge",
            "front",
            NodePort,
            Ipv4Addr::new(10, 0, 140, 12),
            ("app", "front"),
            tcp(80, 8080, 30080),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_article_is_in_it() {
        let spec = Spec::default_with(3);
        let api = spec.services.iter().find(|s| s.name == "api").unwrap();
        assert_eq!(
            (api.cluster_ip, api.ports[0].port),
            (Ipv4Addr::new(10, 0, 21, 231), 3000)
        );
        let nodes: Vec<_> = spec
            .pods
            .iter()
            .filter(|p| p.labels.get("app").is_some_and(|app| app == "api"))
            .map(|p| &p.node)
            .collect();
        assert_eq!(nodes, ["worker-1", "worker-2", "worker-3"]);
    }

    #[test]
    fn every_node_has_a_pod() {
        for count in 2..=5 {
            let spec = Spec::default_with(count);
            assert!(spec.nodes.iter().all(|n| spec.pods.iter().any(|p| p.node == n.name)));
        }
    }
}
