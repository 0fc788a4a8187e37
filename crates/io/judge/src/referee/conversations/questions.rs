//! What is asked.

use super::draw::{Draw, Role, Target, put};
use std::net::Ipv4Addr;

/// Questions of one world.
const QUESTIONS: usize = 9;
/// Times that a random choice is asked.
const MANY: usize = 24;

impl Draw {
    pub(super) fn questions(&mut self) {
        let clients: Vec<(String, u32)> = self
            .hosts
            .iter()
            .map(|h| {
                let weight = match h.role {
                    Role::Pod | Role::Outside => 4,
                    Role::Node | Role::Router => 2,
                };
                (h.name.clone(), weight)
            })
            .collect();
        self.nobody();
        let mut asked: Vec<String> = Vec::new();
        for _ in 0..QUESTIONS {
            let weights: Vec<u32> = clients.iter().map(|c| c.1).collect();
            let Some((client, _)) = clients.get(self.weighted(&weights)).cloned() else {
                return;
            };
            let targets: Vec<Target> = self
                .targets
                .iter()
                .filter(|t| t.from.as_ref().is_none_or(|f| *f == client))
                .cloned()
                .collect();
            let weights: Vec<u32> = targets.iter().map(|t| t.weight).collect();
            let Some(target) = targets.get(self.weighted(&weights)) else {
                continue;
            };
            let mut question = format!("? {client} {} {}:{}", target.proto, target.to, target.port);
            if target.many {
                question += &format!(" x{MANY}");
            }
            if self.one_in(16) {
                question += " slow";
            }
            if !asked.contains(&question) {
                put!(self, "{question}");
                asked.push(question);
            }
        }
    }

    /// Addresses without a host, and special ones.
    fn nobody(&mut self) {
        self.target(Ipv4Addr::new(10, 250, 0, 1), "tcp", 80, 1);
        self.target(Ipv4Addr::new(10, 250, 0, 1), "udp", 53, 1);
        let links: Vec<_> = self
            .hosts
            .iter()
            .flat_map(|h| &h.links)
            .filter_map(|l| l.addr)
            .collect();
        if let (Some((addr, 24)), true) = (self.of(&links), self.one_in(4)) {
            let [a, b, c, _] = addr.octets();
            self.target([a, b, c, 255], "udp", 53, 2);
            self.target([a, b, c, 255], "tcp", 8080, 1);
        }
    }

    /// The number of one of several, by weight.
    fn weighted(&mut self, weights: &[u32]) -> usize {
        let sum: u32 = weights.iter().sum();
        let mut left = self.random.range(0, sum.max(1) - 1);
        for (i, weight) in weights.iter().enumerate() {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return i,
            }
        }
        0
    }
}
