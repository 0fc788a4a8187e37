//! Names of the chains that kube-proxy makes.

use sha2::{Digest, Sha256};

/// Base32 with the alphabet of RFC 4648; ten bytes give the sixteen characters of a chain name.
fn base32(bytes: &[u8; 10]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::with_capacity(16);
    let (mut bits, mut count) = (0u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            out.push(char::from(ALPHABET[(bits >> count) as usize & 31]));
        }
        bits &= (1 << count) - 1;
    }
    out
}

fn hash(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.concat());
    let mut head = [0u8; 10];
    head.copy_from_slice(&digest[..10]);
    base32(&head)
}

/// `PREFIX` and the hash of a Service port; the protocol in lower case.
pub(super) fn service_chain(prefix: &str, service_port: &str, protocol: &str) -> String {
    format!("{prefix}{}", hash(&[service_port, protocol]))
}

/// Chain of one endpoint (`ADDRESS:PORT`) of a Service port.
pub(super) fn endpoint_chain(service_port: &str, protocol: &str, endpoint: &str) -> String {
    format!("KUBE-SEP-{}", hash(&[service_port, protocol, endpoint]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_known_chain_of_all() {
        assert_eq!(
            service_chain("KUBE-SVC-", "default/kubernetes:https", "tcp"),
            "KUBE-SVC-NPX46M4PTMTKRN6Y"
        );
    }

    #[test]
    fn an_endpoint_without_a_port_name() {
        assert_eq!(
            endpoint_chain("shop/db", "tcp", "10.244.0.7:5432"),
            "KUBE-SEP-FJAHISICMJ7J36VT"
        );
    }
}
