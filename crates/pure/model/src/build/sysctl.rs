//! Sysctls, `net.ipv4.conf.*` as the kernel combines it, and `net.ipv6.conf.*`.

use super::Ctx;
use crate::fact::{Fact, GapId, Gaps};
use crate::link::{IfConf, IfConf6};
use crate::sysctl::Sysctls;
use netwhy_snapshot::format::sysctl as format;

pub(super) fn build(ctx: &mut Ctx<'_>, dir: &str) -> Fact<Sysctls> {
    let path = format!("{dir}/sysctl.txt");
    let text = ctx.text(&path)?;
    let parsed = format::parse(text);
    for problem in &parsed.problems {
        ctx.problem(&path, problem);
    }
    for key in &parsed.denied {
        ctx.gaps.add(format!("{path}: {key}"), "permission denied");
    }
    let cut = !text.is_empty() && !text.ends_with('\n');
    if cut {
        ctx.gaps.add(path.as_str(), "the text is cut: its last line has no end");
    }
    let absent = ctx.gaps.add(path.as_str(), "not listed in it");
    let mut sysctls = values(&parsed, Some(absent));
    sysctls.lists_net = !cut && LISTED.iter().all(|key| sysctls.get(key).is_some());
    Ok(sysctls)
}

/// Keys that a listing of all of `net.*` has on any kernel; a few lines that somebody picked have hardly all of them.
const LISTED: [&str; 3] = ["net.core.somaxconn", "net.ipv4.ip_forward", "net.ipv4.tcp_syn_retries"];

fn values(parsed: &format::Sysctl, absent: Option<GapId>) -> Sysctls {
    let entry = |e: &format::Entry| (e.key.as_str().into(), e.value.trim().into());
    let denied = parsed.denied.iter().map(|key| key.as_str().into()).collect();
    Sysctls {
        values: parsed.entries.iter().map(entry).collect(),
        absent,
        denied,
        lists_net: false,
    }
}

/// Reads `net.ipv4.conf.<link>.*` and `net.ipv4.conf.all.*` together.
pub(super) struct Conf<'a> {
    pub sysctl: Fact<&'a Sysctls>,
    /// Folder of the namespace, for gaps.
    pub dir: &'a str,
    pub gaps: &'a mut Gaps,
}

impl Conf<'_> {
    /// The configuration of a link.
    pub(super) fn of(&mut self, link: &str) -> IfConf {
        IfConf {
            forwarding: self.own(link, "forwarding").map(|v| v != 0),
            rp_filter: self.max(link, "rp_filter"),
            accept_local: self.or(link, "accept_local"),
            route_localnet: self.or(link, "route_localnet"),
            src_valid_mark: self.or(link, "src_valid_mark"),
            send_redirects: self.or(link, "send_redirects"),
            shared_media: self.or(link, "shared_media"),
            proxy_arp: self.or(link, "proxy_arp"),
            proxy_arp_pvlan: self.or(link, "proxy_arp_pvlan"),
            medium_id: self.own(link, "medium_id"),
            arp_announce: self.max(link, "arp_announce"),
            arp_ignore: self.max(link, "arp_ignore"),
            arp_filter: self.or(link, "arp_filter"),
        }
    }

    /// The configuration of IPv6 of a link, or of `all`. What old kernels do not have is off.
    pub(super) fn of6(&mut self, link: &str) -> IfConf6 {
        let mut own = |key: &str| self.number(&Sysctls::conf6_key(link, key)).map(|v| v != 0);
        IfConf6 {
            disable_ipv6: own("disable_ipv6"),
            forwarding: own("forwarding"),
            proxy_ndp: own("proxy_ndp"),
            use_oif_addrs_only: own("use_oif_addrs_only"),
            drop_unicast_in_l2_multicast: own("drop_unicast_in_l2_multicast"),
            force_forwarding: self.newer(&Sysctls::conf6_key(link, "force_forwarding")),
        }
    }

    /// A switch that a text which lists all of `net.*` would have.
    fn newer(&mut self, name: &str) -> Fact<bool> {
        match self.sysctl?.get(name) {
            None if self.sysctl?.lists_net => Ok(false),
            _ => self.number(name).map(|v| v != 0),
        }
    }

    /// `IN_DEV_CONF_GET`: the link's own value.
    fn own(&mut self, link: &str, key: &str) -> Fact<i64> {
        self.number(&Sysctls::conf_key(link, key))
    }

    fn number(&mut self, name: &str) -> Fact<i64> {
        let sysctl = self.sysctl?;
        match sysctl.get(name) {
            None => Err(self.gap(name, "not listed")),
            Some(text) => text.parse().map_err(|_| self.gap(name, "not a number")),
        }
    }

    fn gap(&mut self, name: &str, why: &str) -> GapId {
        self.gaps.add(format!("{}/sysctl.txt: {name}", self.dir), why)
    }

    /// `IN_DEV_ORCONF`: one value that is set decides, whatever the other is.
    pub(super) fn or(&mut self, link: &str, key: &str) -> Fact<bool> {
        match (self.own("all", key), self.own(link, key)) {
            (Ok(a), _) | (_, Ok(a)) if a != 0 => Ok(true),
            (Ok(_), Ok(b)) => Ok(b != 0),
            (_, Err(gap)) | (Err(gap), _) => Err(gap),
        }
    }

    /// `IN_DEV_MAXCONF`.
    fn max(&mut self, link: &str, key: &str) -> Fact<u8> {
        let a = self.own("all", key)?;
        let b = self.own(link, key)?;
        Ok(a.max(b).clamp(0, 255) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(text: &str, link: &str) -> (IfConf, Gaps) {
        let sysctl = values(&format::parse(text), None);
        let mut gaps = Gaps::default();
        let conf = Conf {
            sysctl: Ok(&sysctl),
            dir: "nodes/a/host",
            gaps: &mut gaps,
        }
        .of(link);
        (conf, gaps)
    }

    #[test]
    fn combined_as_the_kernel_does() {
        let text = "net.ipv4.conf.all.rp_filter = 1\nnet.ipv4.conf.flannel/1.rp_filter = 2\n\
                    net.ipv4.conf.all.forwarding = 1\nnet.ipv4.conf.flannel/1.forwarding = 0\n\
                    net.ipv4.conf.all.accept_local = 1\nnet.ipv4.conf.all.proxy_arp = 0\nnet.ipv4.conf.flannel/1.proxy_arp = 1\n";
        let (conf, gaps) = conf(text, "flannel.1");
        assert_eq!(conf.rp_filter, Ok(2));
        assert_eq!(conf.forwarding, Ok(false));
        assert_eq!(
            conf.accept_local,
            Ok(true),
            "all decides although the link's value is missing"
        );
        assert_eq!(conf.proxy_arp, Ok(true));
        let gap = conf.send_redirects.unwrap_err();
        assert_eq!(
            gaps.get(gap).path,
            "nodes/a/host/sysctl.txt: net.ipv4.conf.flannel/1.send_redirects"
        );
    }
}
