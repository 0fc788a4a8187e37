//! How much a bundle may be. Bundles come from strangers: each limit ends in an error that names it.

/// Nesting of objects and lists in any JSON member. It is the JSON reader's own limit: deeper text is a
/// [`crate::Problem`] of that member, never a deep recursion.
pub const JSON_DEPTH: usize = 128;

/// The limits under which a bundle is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Files in the bundle. 5,000 nodes with 30 pods each of 10 files are 1.5 million.
    pub members: usize,
    /// Bytes of one file. The pods of a cluster of 150,000 are 0.9 GB of JSON.
    pub member_bytes: u64,
    /// Bytes of all files together, unpacked, equal contents counted each time.
    pub total_bytes: u64,
    /// Bytes of a path, top folder included.
    pub path_bytes: usize,
    /// Components of a path, top folder included.
    pub path_depth: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            members: 2_000_000,
            member_bytes: 1 << 30,
            total_bytes: 8 << 30,
            path_bytes: 1024,
            path_depth: 24,
        }
    }
}

impl Limits {
    /// For bundles that arrive over a network, or in tests: 100,000 files, 64 MiB each, 256 MiB together.
    pub fn small() -> Limits {
        Limits {
            members: 100_000,
            member_bytes: 64 << 20,
            total_bytes: 256 << 20,
            ..Limits::default()
        }
    }
}
