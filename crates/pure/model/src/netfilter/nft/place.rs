//! Where a rule of native nftables stands, and what it says.

use super::{NftRule, NftTable};
use crate::cluster::Cluster;
use netwhy_snapshot::format::nft_text;

impl NftTable {
    /// `MEMBER:LINE:COLUMN` of a rule, and its statements as nft prints them; as much of it as can be found.
    #[must_use]
    pub fn place_and_text(&self, cluster: &Cluster, rule: &NftRule) -> (String, String) {
        let member = cluster.snapshot.text(&self.path).and_then(Result::ok);
        match member.and_then(|text| nft_text::locate(text, rule.number)) {
            Some(found) => (
                format!("{}:{}:{}", self.path, found.line, found.column),
                nft_text::rule_text(found.json).unwrap_or_default(),
            ),
            None => (self.path.to_string(), String::new()),
        }
    }
}
