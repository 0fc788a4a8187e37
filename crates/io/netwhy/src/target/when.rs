//! Times.

use super::Target;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit, Zoned};
use netwhy_snapshot::Snapshot;

/// Now, RFC 3339.
pub fn now() -> String {
    let now = Timestamp::now();
    now.round(Unit::Second).unwrap_or(now).to_string()
}

/// `read 21:04:10 to 21:04:11`; a file's with its date. Empty if nothing says when.
pub fn times(target: &Target, snapshot: &Snapshot) -> String {
    let meta = &snapshot.meta;
    let mut times: Vec<Timestamp> = meta.read.values().filter_map(|t| t.parse().ok()).collect();
    if times.is_empty() {
        times.extend(meta.created.parse::<Timestamp>().ok());
    }
    let (Some(first), Some(last)) = (times.iter().min(), times.iter().max()) else {
        return String::new();
    };
    match target {
        Target::File(_) => {
            // Read elsewhere: only one zone is sure to be understood.
            let zone = TimeZone::UTC;
            let (first, last) = (first.to_zoned(zone.clone()), last.to_zoned(zone));
            let to = to(
                &first,
                &last,
                if first.date() == last.date() {
                    "%H:%M:%S"
                } else {
                    "%F %H:%M:%S"
                },
            );
            format!("read {}{to}Z", first.strftime("%F %H:%M:%S"))
        }
        _ => {
            let zone = TimeZone::system();
            let (first, last) = (first.to_zoned(zone.clone()), last.to_zoned(zone));
            format!("read {}{}", first.strftime("%H:%M:%S"), to(&first, &last, "%H:%M:%S"))
        }
    }
}

fn to(first: &Zoned, last: &Zoned, format: &str) -> String {
    match last.timestamp().as_second() > first.timestamp().as_second() {
        true => format!(" to {}", last.strftime(format)),
        false => String::new(),
    }
}
