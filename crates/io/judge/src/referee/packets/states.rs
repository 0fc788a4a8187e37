//! Random matches of connections, lists and sets.

use super::matches::{Drawn, plain};
use super::rules::{Drawer, Place};

impl Drawer<'_> {
    pub(super) fn connection_match(&mut self, kind: u32) -> Option<Drawn> {
        let not = self.not();
        Some(match kind {
            31 | 32 => {
                let state = self.one(&[
                    "NEW",
                    "ESTABLISHED",
                    "RELATED,ESTABLISHED",
                    "INVALID",
                    "RELATED",
                    "DNAT",
                    "SNAT",
                    "UNTRACKED",
                    "NEW,UNTRACKED",
                ]);
                plain("conntrack", format!("-m conntrack {not}--ctstate {state}"))
            }
            33 => {
                let state = self.one(&["NEW", "ESTABLISHED", "RELATED,ESTABLISHED", "INVALID", "UNTRACKED"]);
                plain("state", format!("-m state {not}--state {state}"))
            }
            34..=36 => plain("conntrack", format!("-m conntrack {}", self.conntrack_option(not))),
            37 => {
                let mark = self.one(&["0x1", "0x2/0x2", "0x4000/0x4000", "0x0/0xff", "0x0"]);
                plain("mark", format!("-m mark {not}--mark {mark}"))
            }
            _ => {
                let mark = self.one(&["0x1/0x1", "0x8/0x8", "0x0", "0x0/0xf"]);
                plain("connmark", format!("-m connmark {not}--mark {mark}"))
            }
        })
    }

    fn conntrack_option(&mut self, not: &str) -> String {
        let ports = self.ports();
        match self.random.range(1, 12) {
            1 => format!("--ctdir {}", self.one(&["ORIGINAL", "REPLY"])),
            2 => format!("{not}--ctproto {}", self.one(&["6", "17", "1"])),
            3 => format!("{not}--ctorigsrc {}", self.net()),
            4 => format!("{not}--ctorigdst {}", self.net()),
            5 => format!("{not}--ctreplsrc {}", self.net()),
            6 => format!("{not}--ctrepldst {}", self.net()),
            7 => format!("{not}--ctorigsrcport {ports}"),
            8 => format!("{not}--ctorigdstport {ports}"),
            9 => format!("{not}--ctreplsrcport {ports}"),
            10 => format!("{not}--ctrepldstport {ports}"),
            _ => format!(
                "{not}--ctstatus {}",
                self.one(&["SEEN_REPLY", "ASSURED", "CONFIRMED", "NONE"])
            ),
        }
    }

    pub(super) fn rare_match(&mut self, kind: u32, place: &Place<'_>) -> Option<Drawn> {
        let not = self.not();
        Some(match kind {
            39 => plain(
                "comment",
                format!("-m comment --comment \"{}\"", self.one(&["a rule", "x", "-m mark"])),
            ),
            40 if self.random.one_in(3) => {
                let odds = self.one(&["0.50000000000", "0.33333333349", "0.00000000000", "1.00000000000"]);
                plain(
                    "statistic",
                    format!("-m statistic --mode random {not}--probability {odds}"),
                )
            }
            41 if self.random.one_in(4) => {
                let every = self.random.range(1, 3);
                plain(
                    "statistic",
                    format!("-m statistic --mode nth {not}--every {every} --packet 0"),
                )
            }
            42 if self.random.one_in(4) => plain("limit", "-m limit --limit 6/min --limit-burst 3"),
            43 if self.random.one_in(2) => {
                let op = self.one(&[
                    "--set",
                    "--set",
                    "--rcheck",
                    "--update",
                    "--remove",
                    "--rcheck --seconds 60",
                ]);
                let side = self.one(&["--rsource", "--rdest"]);
                let name = self.one(&["A", "B"]);
                let not = if op == "--set" { "" } else { not };
                plain("recent", format!("-m recent {not}{op} --name {name} {side}"))
            }
            44 if place.only(&["OUTPUT", "POSTROUTING"]) => {
                let what = self.one(&[
                    "--socket-exists",
                    "--uid-owner 0",
                    "--uid-owner 0-4294967294",
                    "--gid-owner 7",
                ]);
                plain("owner", format!("-m owner {not}{what}"))
            }
            45 if place.only(&["PREROUTING", "INPUT"]) => {
                let what = if self.random.one_in(2) { " --nowildcard" } else { "" };
                plain("socket", format!("-m socket{what}"))
            }
            46 => self.set_match(),
            _ => return None,
        })
    }

    pub(super) fn set_match(&mut self) -> Drawn {
        let not = self.not();
        let sets: Vec<(&str, &str)> = self.topology.sets.iter().map(|(n, d)| (n.as_str(), *d)).collect();
        let Some((name, dims)) = sets.get(self.random.range(0, sets.len() as u32) as usize) else {
            return plain("comment", "-m comment --comment \"no set\"");
        };
        let dirs: Vec<&str> = dims.split(',').map(|_| self.one(&["src", "dst", "dst"])).collect();
        let more = match self.random.range(1, 8) {
            1 => " --return-nomatch",
            _ => "",
        };
        plain(
            "set",
            format!("-m set {not}--match-set {name} {}{more}", dirs.join(",")),
        )
    }
}
