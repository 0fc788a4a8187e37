//! Matches, straight and inverted: a rule of the router that rejects what it matches.

use crate::small::{cluster, sees, table};
use netwhy_sim::ClientSees;

/// For TCP from 10.1.0.2 by `rc` to 10.2.0.2:80 in FORWARD.
const TABLE: &[(&str, bool)] = &[
    ("", true),
    ("-s 10.1.0.2/32", true),
    ("! -s 10.1.0.2/32", false),
    ("-s 10.1.0.0/24", true),
    ("! -s 10.3.0.0/24", true),
    ("-d 10.2.0.3/32", false),
    ("! -d 10.2.0.3/32", true),
    ("-i rc", true),
    ("! -i rc", false),
    ("-i r+", true),
    ("-i rs", false),
    ("-o rs", true),
    ("! -o rc", true),
    ("-i rcx", false),
    ("-p tcp", true),
    ("! -p tcp", false),
    ("-p udp", false),
    ("! -p udp", true),
    ("-p tcp -m tcp --dport 80", true),
    ("-p tcp -m tcp ! --dport 80", false),
    ("-p tcp -m tcp --dport 79:81", true),
    ("-p tcp -m tcp ! --dport 79:81", false),
    ("-p tcp -m tcp --dport 81:", false),
    ("-p tcp -m tcp --dport :80", true),
    ("-p tcp -m tcp --sport 1024:65535", true),
    ("-p tcp -m tcp --sport 1:1023", false),
    ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", true),
    ("-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN", false),
    ("-p tcp -m tcp --tcp-flags SYN,ACK ACK", false),
    ("-p tcp -m multiport --dports 22,80", true),
    ("-p tcp -m multiport ! --dports 22,80", false),
    ("-p tcp -m multiport --dports 22,100:200", false),
    ("-p tcp -m multiport --ports 80", true),
    ("-p tcp -m multiport --sports 80", false),
    ("-m iprange --src-range 10.1.0.1-10.1.0.2", true),
    ("-m iprange ! --src-range 10.1.0.1-10.1.0.2", false),
    ("-m iprange --dst-range 10.2.0.3-10.2.0.9", false),
    ("-m mac --mac-source 02:00:00:00:00:02", true),
    ("-m mac ! --mac-source 02:00:00:00:00:02", false),
    ("-m pkttype --pkt-type unicast", true),
    ("-m pkttype ! --pkt-type unicast", false),
    ("-m pkttype --pkt-type broadcast", false),
    ("-m ttl --ttl-eq 63", true),
    ("-m ttl --ttl-lt 63", false),
    ("-m ttl --ttl-gt 62", true),
    ("-m mark --mark 0x0", true),
    ("-m mark ! --mark 0x0", false),
    ("-m mark --mark 0x4000/0x4000", false),
    ("-m mark ! --mark 0x4000/0x4000", true),
    ("-m addrtype --dst-type UNICAST", true),
    ("-m addrtype --dst-type LOCAL", false),
    ("-m addrtype ! --dst-type LOCAL", true),
    ("-m addrtype --src-type UNICAST,LOCAL", true),
    ("-m conntrack --ctstate NEW", true),
    ("-m conntrack ! --ctstate NEW", false),
    ("-m conntrack --ctstate RELATED,ESTABLISHED", false),
    ("-m conntrack --ctstate INVALID", false),
    ("-m conntrack --ctdir ORIGINAL", true),
    ("-m conntrack --ctdir REPLY", false),
    ("-m conntrack --ctorigdst 10.2.0.2", true),
    ("-m conntrack ! --ctorigdst 10.2.0.2", false),
    ("-m conntrack --ctorigdstport 80", true),
    ("-m conntrack --ctreplsrc 10.2.0.2", true),
    ("-m connmark --mark 0x1", false),
    ("-m connmark ! --mark 0x1", true),
    ("-m comment --comment any", true),
    ("-m statistic --mode random --probability 1.0", true),
    ("-m physdev --physdev-is-bridged", false),
    ("-m physdev ! --physdev-is-bridged", true),
    ("-m dscp --dscp 0x00", true),
    ("-m dscp ! --dscp 0x00", false),
    ("-m dscp --dscp 0x2e", false),
    ("-m tos --tos 0x00/0xff", true),
    ("-m tos --tos 0x10/0x3f", false),
    ("-m tos ! --tos 0x10/0x3f", true),
    ("-p tcp -m tcpmss --mss 1460", true),
    ("-p tcp -m tcpmss ! --mss 1460", false),
    ("-p tcp -m tcpmss --mss 1:1459", false),
    ("-p tcp -m tcp --tcp-option 2", true),
    ("-p tcp -m tcp ! --tcp-option 2", false),
    ("-p tcp -m tcp --tcp-option 77", false),
    ("-p udp -m length --length 33", false),
    ("-p sctp -m sctp --dport 80", false),
    ("-m conntrack --ctstatus CONFIRMED", false),
    ("-m conntrack ! --ctstatus CONFIRMED", true),
    ("-m conntrack --ctreplsrcport 80", true),
    ("-m conntrack ! --ctreplsrcport 80", false),
    ("-m conntrack --ctrepldstport 1:1000", false),
    ("-m u32 --u32 0x10=0xa020002", true),
    ("-m u32 ! --u32 0x10=0xa020002", false),
    ("-m u32 --u32 0xc=0xa010002&&0x6&0xff=0x6", true),
    ("-m u32 --u32 0x14&0xffff=0x51:0x5a,0x50", true),
    ("-m u32 --u32 0x14&0xffff=0x51:0x5a", false),
    ("-m u32 --u32 0x0>>0x16&0x3c@0x0&0xffff=0x50", true),
    ("-m u32 --u32 0x4&0xffff=0x4000", true),
    ("-m u32 --u32 0xffffffff=0x0", false),
    ("-m u32 --u32 0x10@0xfffffff0=0x0", false),
    ("-m socket", false),
    ("-m socket --nowildcard", true),
    ("-m statistic --mode nth --every 1 --packet 0", true),
    ("-m recent --set --name l", true),
    ("-m recent ! --set --name l", false),
    ("-m recent --set --name l -m recent --rcheck --name l", true),
    ("-m recent --set --name l -m recent --remove --name l", true),
    ("-m recent --set --name l -m recent ! --rcheck --name l", false),
    ("-m rpfilter", true),
    ("-m rpfilter --invert", false),
];

#[test]
fn straight_and_inverted() {
    for (conditions, hits) in TABLE {
        let rule = format!("-A FORWARD -i rc {conditions} -j REJECT --reject-with icmp-port-unreachable");
        // `-i` twice is no rule.
        let rule = if conditions.contains("-i ") {
            rule.replace("-i rc -i", "-i").replace("-i rc ! -i", "! -i")
        } else {
            rule
        };
        // The answer is not for this rule.
        let lines = ["-A FORWARD -i rs -j ACCEPT", rule.as_str()];
        let got = sees(&cluster(&table("filter", &lines)), 6, "10.2.0.2:80");
        let want = if *hits { ClientSees::Refused } else { ClientSees::Ok };
        assert_eq!(got, want, "{rule}");
    }
}
