//! Ethernet addresses.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// An Ethernet address. Prints as the kernel's tools do, `0a:58:0a:f4:01:07`; JSON is that string.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// `00:00:00:00:00:00`: what `lo` has, and the fdb key of a vxlan's default destination.
    pub const ZERO: Mac = Mac([0; 6]);
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Mac = Mac([0xff; 6]);

    /// All bytes are zero.
    pub fn is_zero(self) -> bool {
        self == Mac::ZERO
    }

    /// `ff:ff:ff:ff:ff:ff`.
    pub fn is_broadcast(self) -> bool {
        self == Mac::BROADCAST
    }

    /// The group bit is set; true for the broadcast address too.
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no Ethernet address: six groups of one or two hex digits with `:` between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Ethernet address")]
pub struct MacError;

impl FromStr for Mac {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Mac, MacError> {
        let mut bytes = [0u8; 6];
        let mut groups = text.split(':');
        for byte in &mut bytes {
            let group = groups.next().ok_or(MacError)?;
            let hex = group.bytes().all(|b| b.is_ascii_hexdigit());
            if group.is_empty() || group.len() > 2 || !hex {
                return Err(MacError);
            }
            *byte = u8::from_str_radix(group, 16).map_err(|_| MacError)?;
        }
        if groups.next().is_some() {
            return Err(MacError);
        }
        Ok(Mac(bytes))
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Mac, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse()
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is no Ethernet address")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let mac: Mac = "0A:58:0a:f4:1:07".parse().unwrap();
        assert_eq!(mac.to_string(), "0a:58:0a:f4:01:07");
        assert_eq!(serde_json::to_string(&mac).unwrap(), "\"0a:58:0a:f4:01:07\"");
        assert_eq!(serde_json::from_str::<Mac>("\"0a:58:0a:f4:01:07\"").unwrap(), mac);
        assert!(Mac::BROADCAST.is_multicast() && !mac.is_multicast() && Mac::ZERO.is_zero());
    }

    #[test]
    fn what_is_no_address() {
        for text in [
            "",
            "1:2:3:4:5",
            "1:2:3:4:5:6:7",
            "+1:2:3:4:5:6",
            "gg:0:0:0:0:0",
            "001:2:3:4:5:6",
            "::::::",
        ] {
            assert_eq!(text.parse::<Mac>(), Err(MacError), "{text}");
        }
    }
}
