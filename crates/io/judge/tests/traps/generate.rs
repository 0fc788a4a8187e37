//! Worlds that are written by a program.

use netwhy_judge::world::Recipe;
use std::fmt::Write;

/// Links of the router that the client's packets come by, one for each combination.
const COMBINATIONS: u32 = 12;

/// `rp_filter` of all and of a link, from 0 to 2 each, with and without a mark that finds the way back, with and without
/// `src_valid_mark` (kernel-facts trap 9). The client's address is reached by another link, or, with the mark, by this one.
pub fn rp_filter() -> Vec<Recipe> {
    (0..3).map(world).collect()
}

fn world(all: u32) -> Recipe {
    let mut text = String::from(
        "ns c outside
ns r node
veth r:l0 c:l0
r ip addr add 10.100.0.1/24 dev l0
r sysctl net.ipv4.ip_forward=1
r serve tcp 80
c ip addr add 10.9.0.1/32 dev lo
c ip addr add 10.100.0.2/24 dev l0
r ip route add 10.9.0.1 via 10.100.0.2
",
    );
    let _ = writeln!(text, "r sysctl net.ipv4.conf.all.rp_filter={all}");
    for k in 1..=COMBINATIONS {
        let (own, marked, valid) = ((k - 1) / 4, (k - 1) / 2 % 2, (k - 1) % 2);
        let _ = writeln!(text, "veth r:l{k} c:l{k}");
        let _ = writeln!(
            text,
            "r ip addr add 10.100.{k}.1/24 dev l{k}\nr ip addr add 10.8.0.{k}/32 dev lo"
        );
        let _ = writeln!(text, "c ip addr add 10.100.{k}.2/24 dev l{k}");
        let mac = format!("02:00:00:00:01:{k:02x}");
        let _ = writeln!(text, "r ip link set l{k} address {mac}");
        let _ = writeln!(text, "c ip neigh add 10.100.{k}.1 lladdr {mac} dev l{k} nud permanent");
        let _ = writeln!(text, "c ip route add 10.8.0.{k} via 10.100.{k}.1 src 10.9.0.1");
        let _ = writeln!(text, "r ip rule add fwmark {k} lookup {}", 100 + k);
        let _ = writeln!(text, "r ip route add 10.9.0.1 via 10.100.{k}.2 table {}", 100 + k);
        let _ = writeln!(text, "r sysctl net.ipv4.conf.l{k}.rp_filter={own}");
        let _ = writeln!(text, "r sysctl net.ipv4.conf.l{k}.src_valid_mark={valid}");
        if marked == 1 {
            let _ = writeln!(
                text,
                "r iptables -t mangle -A PREROUTING -i l{k} -j MARK --set-mark {k}"
            );
        }
        let passes = all.max(own) != 1 || (marked == 1 && valid == 1);
        let want = if passes {
            "ok r:80 10.9.0.1"
        } else {
            "timeout ; IP_RPFILTER@ip_rcv_finish_core"
        };
        let _ = writeln!(text, "? c tcp 10.8.0.{k}:80 = {want}");
    }
    Recipe {
        name: format!("rp_filter: all {all}, link 0 to 2, mark, src_valid_mark"),
        lines: text.lines().map(str::to_owned).collect(),
    }
}
