//! TCP header flags, the byte at offset 13.

/// No more data from the sender.
pub const FIN: u8 = 0x01;
/// Opens a connection.
pub const SYN: u8 = 0x02;
/// Ends a connection at once; to a SYN: nobody listens, `Connection refused`.
pub const RST: u8 = 0x04;
/// Push.
pub const PSH: u8 = 0x08;
/// The acknowledgement number is valid.
pub const ACK: u8 = 0x10;
/// The urgent pointer is valid.
pub const URG: u8 = 0x20;
/// ECN echo.
pub const ECE: u8 = 0x40;
/// Congestion window reduced.
pub const CWR: u8 = 0x80;
/// The second packet of a handshake.
pub const SYN_ACK: u8 = SYN | ACK;

/// The flags as iptables spells them, `SYN,ACK`; `NONE` for none.
pub fn flag_names(flags: u8) -> String {
    const NAMES: [(u8, &str); 8] = [
        (FIN, "FIN"),
        (SYN, "SYN"),
        (RST, "RST"),
        (PSH, "PSH"),
        (ACK, "ACK"),
        (URG, "URG"),
        (ECE, "ECE"),
        (CWR, "CWR"),
    ];
    let set: Vec<&str> = NAMES
        .iter()
        .filter(|(bit, _)| flags & bit != 0)
        .map(|(_, name)| *name)
        .collect();
    if set.is_empty() {
        "NONE".to_owned()
    } else {
        set.join(",")
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names() {
        assert_eq!(super::flag_names(super::SYN_ACK), "SYN,ACK");
        assert_eq!(super::flag_names(0), "NONE");
    }
}
