//! Own addresses for which a link does not answer ARP.
//!
//! Kernel: `arp_ignore()`, `arp_filter()` (`net/ipv4/arp.c`), `confirm_addr_indev()` (`net/ipv4/devinet.c`), 6.18.

use crate::engine::{Engine, Key};
use crate::route::{OutputKey, ip_route_output};
use netwhy_model::Netns;
use netwhy_model::link::{Ifaddr, Link};
use std::net::IpAddr;

/// 1 wants the target on the very link, 2 also the sender in its subnet, 3 on any link, for more than this host.
pub(super) fn arp_ignore(eng: &mut Engine<'_>, ns: &Netns, link: &Link, sender: IpAddr, target: IpAddr) -> bool {
    let own = |a: &Ifaddr| a.addr == target;
    match eng.level(Key::ArpIgnore.of(link.index), &link.conf.arp_ignore) {
        1 => !link.addrs.iter().any(own),
        2 => {
            let near = |a: &Ifaddr| in_subnet(a, target) && (sender.is_unspecified() || in_subnet(a, sender));
            !(link.addrs.iter().any(own) && link.addrs.iter().any(near))
        }
        3 => !ns
            .links
            .as_ref()
            .is_ok_and(|l| l.iter().any(|l| holds_widely(l, target))),
        8 => true,
        _ => false,
    }
}

/// With `route_localnet` the addresses of a host are those of its links (`confirm_addr_indev()`).
fn holds_widely(link: &Link, target: IpAddr) -> bool {
    let wide = |a: &Ifaddr| a.scope <= RT_SCOPE_LINK || link.conf.route_localnet == Ok(true);
    link.addrs.iter().any(|a| a.addr == target && wide(a))
}

const RT_SCOPE_LINK: u8 = 253;

/// `inet_ifa_match()`.
fn in_subnet(a: &Ifaddr, addr: IpAddr) -> bool {
    ipnet::IpNet::new(a.peer.unwrap_or(a.addr), a.prefix).is_ok_and(|net| net.contains(&addr))
}

/// The answer to the sender would leave by another link.
pub(super) fn arp_filter<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    link: &'a Link,
    sender: IpAddr,
    target: IpAddr,
) -> bool {
    if !eng.flag(Key::ArpFilter.of(link.index), &link.conf.arp_filter, false) {
        return false;
    }
    let key = OutputKey {
        src: Some(target),
        dst: sender,
        mark: 0,
        proto: 0,
        ports: None,
    };
    !ip_route_output(eng, ns, &key, None).is_ok_and(|(dst, _)| dst.dev == link.index)
}
