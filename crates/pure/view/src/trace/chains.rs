//! Names of chains, short enough for a line.

/// `KUBE-SERVICES → KUBE-SVC-XK3… → KUBE-SEP-7QD…`.
pub(super) fn shortened(chains: &[String]) -> String {
    chains.iter().map(|c| short_chain(c)).collect::<Vec<_>>().join(" → ")
}

/// kube-proxy's hashes are 16 characters long; three of them are enough to see which is which.
fn short_chain(name: &str) -> String {
    let hashed = ["KUBE-SVC-", "KUBE-SEP-", "KUBE-EXT-", "KUBE-SVL-", "KUBE-FW-"];
    match hashed.iter().find(|p| name.starts_with(**p) && name.is_ascii()) {
        Some(prefix) if name.len() > prefix.len() + 4 => format!("{}…", &name[..prefix.len() + 3]),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_shortened_and_names_are_not() {
        assert_eq!(short_chain("KUBE-SVC-V3LM7LCSGVNQPMYE"), "KUBE-SVC-V3L…");
        assert_eq!(short_chain("KUBE-SERVICES"), "KUBE-SERVICES");
        assert_eq!(short_chain("KUBE-SVC-é…………"), "KUBE-SVC-é…………");
    }
}
