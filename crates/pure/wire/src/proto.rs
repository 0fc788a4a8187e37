//! IP protocol numbers.

use std::fmt;
use std::str::FromStr;

/// An IP protocol number. Prints as iptables and conntrack do: by name where they have one, else the number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Proto(pub u8);

impl Proto {
    /// 0: in a rule "any protocol", in a packet IPv6 hop-by-hop options.
    pub const ANY: Proto = Proto(0);
    /// ICMP, IPv4 only.
    pub const ICMP: Proto = Proto(1);
    /// IGMP.
    pub const IGMP: Proto = Proto(2);
    /// IPv4 in IP.
    pub const IPIP: Proto = Proto(4);
    /// TCP.
    pub const TCP: Proto = Proto(6);
    /// UDP.
    pub const UDP: Proto = Proto(17);
    /// DCCP.
    pub const DCCP: Proto = Proto(33);
    /// IPv6 in IP.
    pub const IPV6: Proto = Proto(41);
    /// GRE.
    pub const GRE: Proto = Proto(47);
    /// ESP.
    pub const ESP: Proto = Proto(50);
    /// AH.
    pub const AH: Proto = Proto(51);
    /// ICMPv6.
    pub const ICMPV6: Proto = Proto(58);
    /// OSPF.
    pub const OSPF: Proto = Proto(89);
    /// VRRP.
    pub const VRRP: Proto = Proto(112);
    /// SCTP.
    pub const SCTP: Proto = Proto(132);
    /// UDP-Lite.
    pub const UDPLITE: Proto = Proto(136);

    const NAMES: [(&'static str, Proto); 18] = [
        ("icmp", Proto::ICMP),
        ("igmp", Proto::IGMP),
        ("ipencap", Proto::IPIP),
        ("tcp", Proto::TCP),
        ("udp", Proto::UDP),
        ("dccp", Proto::DCCP),
        ("ipv6", Proto::IPV6),
        ("gre", Proto::GRE),
        ("esp", Proto::ESP),
        ("ah", Proto::AH),
        ("ipv6-icmp", Proto::ICMPV6),
        ("ospf", Proto::OSPF),
        ("vrrp", Proto::VRRP),
        ("sctp", Proto::SCTP),
        ("udplite", Proto::UDPLITE),
        // Other spellings of the same numbers; the first one of a number is the one that is printed.
        ("icmpv6", Proto::ICMPV6),
        ("icmp6", Proto::ICMPV6),
        ("ipip", Proto::IPIP),
    ];

    /// The name as `iptables-save` spells it, if the number has one.
    pub fn name(self) -> Option<&'static str> {
        Proto::NAMES
            .iter()
            .find(|(_, proto)| *proto == self)
            .map(|(name, _)| *name)
    }

    /// Packets of this protocol begin with source and destination port, 16 bits each.
    pub fn has_ports(self) -> bool {
        matches!(
            self,
            Proto::TCP | Proto::UDP | Proto::SCTP | Proto::UDPLITE | Proto::DCCP
        )
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The text is neither a protocol name that we know nor a number below 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an IP protocol")]
pub struct ProtoError;

impl FromStr for Proto {
    type Err = ProtoError;

    /// A name in any case (`tcp`, `TCP`), a number, or `all`.
    fn from_str(text: &str) -> Result<Proto, ProtoError> {
        if text.eq_ignore_ascii_case("all") {
            return Ok(Proto::ANY);
        }
        let named = Proto::NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        match named {
            Some((_, proto)) => Ok(*proto),
            None if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().map(Proto).map_err(|_| ProtoError),
            None => Err(ProtoError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!("TCP".parse(), Ok(Proto::TCP));
        assert_eq!("icmpv6".parse(), Ok(Proto::ICMPV6));
        assert_eq!(Proto::ICMPV6.to_string(), "ipv6-icmp");
        assert_eq!("253".parse(), Ok(Proto(253)));
        assert_eq!(Proto(253).to_string(), "253");
        assert_eq!("all".parse(), Ok(Proto::ANY));
        for text in ["", "256", "+6", "tcpp"] {
            assert_eq!(text.parse::<Proto>(), Err(ProtoError), "{text}");
        }
    }
}
