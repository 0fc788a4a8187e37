//! Routing: `net/ipv4/route.c`, `fib_frontend.c`, `fib_trie.c`, `fib_rules.c`, `net/ipv6/route.c`, `ip6_fib.c`,
//! `fib6_rules.c`, `addrconf.c` (6.18).

mod addrconf;
mod fib_lookup;
mod fib_validate_source;
mod inet_addr;
mod ip6_route_input;
mod ip6_route_output;
mod ip_route_input;
mod ip_route_output;

pub(crate) use addrconf::{ipv6_addr_type, ipv6_chk_addr, ipv6_dev_get_saddr, is_link_local, solicited_node};
pub(crate) use fib_lookup::{FibError, FibKey, fib_lookup};
pub(crate) use fib_validate_source::LOOPBACK;
pub(crate) use inet_addr::{inet_addr_onlink, inet_addr_type_dev, inet_select_addr};
pub(crate) use ip_route_input::{InputError, ip_route_input};
pub(crate) use ip_route_output::{OutputKey, RouteError, dst_mtu, ip_route_output};
