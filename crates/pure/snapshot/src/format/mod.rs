//! The syntax of each member: one module for each tool, parse and print.
//!
//! A parser never fails as a whole where a part can be used: a bad line or element becomes a [`crate::Problem`] with its
//! line, the rest is returned. Printing what was parsed gives the text back, counters and column padding aside. The JSON
//! members of `ip`, `bridge` and the API are typed views: fields that nobody uses are not kept, so print gives the kept ones.

pub mod conntrack;
pub(crate) mod de;
pub mod ip_json;
pub mod ipset_save;
pub mod iptables_save;
pub mod json;
pub mod kube_list;
pub mod nft_json;
pub mod nft_text;
pub mod resolv_conf;
pub mod snmp;
pub mod ss;
pub mod sysctl;
