//! Sends: real connections from inside a network namespace, and captures of what they look like on the wire.
//!
//! | module | what |
//! |---|---|
//! | [`mod@connect`] | one TCP connection: how it ends, and how `curl` would say it |
//! | [`capture`] | what the interfaces of a namespace see, as a pcap file |
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use netwhy_probe::{Attempt, Bounds, Capture, Filter, Links, connect, curl_words};
//! use std::time::Duration;
//!
//! let pod = netwhy_sys::Netns::open("/run/netns/shop_web".as_ref())?;
//! let (service, port) = ("10.0.21.231".parse()?, 3000);
//! let capture = Capture::start(&pod, &Links::All, Filter::of([service], [port]), Bounds::default())?;
//! let attempt = connect(&pod, service, port, Duration::from_secs(30), Some(2))?;
//! let captured = capture.stop()?;
//! println!("{}", curl_words(&attempt, service, port).join("\n"));
//! println!("{} packets", captured.packets);
//! # Ok(())
//! # }
//! ```

pub mod capture;
pub mod connect;
mod filter;

pub use capture::{Bounds, Capture, CaptureError, Captured, Links, capture_during};
pub use connect::{Ask, Attempt, ConnectError, Ended, ask, connect, curl_words};
pub use filter::Filter;
