//! A stand-in for `kubectl patch service`: a lab has no API server.
//!
//! The patch is done to the lab's own shape. What comes out can be had only if it is what the Service was before the
//! fault: then the fault is healed, and the rules follow as they do behind a real API. Any other patch is refused.

use netwhy_lab::spec::{Service, Spec};
use netwhy_lab::{Change, Injected, Lab};
use serde_json::Value;

/// Does what the command line says.
///
/// # Errors
/// A text for people: it is no patch of a Service, or does not give what the Service was.
pub(super) fn run(lab: &Lab, command: &str) -> Result<String, String> {
    let patch = Patch::parse(command)
        .ok_or("only `kubectl -n NS patch service NAME --type=json -p [...]` can be stood in for")?;
    let state = lab.state().map_err(|e| e.to_string())?;
    let patched = patch.of(&state.spec)?;
    let injected = lab.injected().map_err(|e| e.to_string())?;
    let restores = |i: &&Injected| {
        i.changes
            .iter()
            .any(|c| matches!(c, Change::Service { before, .. } if *before == patched))
    };
    let fault = injected
        .iter()
        .find(restores)
        .ok_or("the patched Service is not what it was before")?;
    lab.heal(&fault.fault).map_err(|e| e.to_string())?;
    Ok(format!("service/{} patched", patch.name))
}

/// `[{"op":"replace","path":"/spec/ports/0/targetPort","value":3000}]` of a Service.
#[derive(Debug, PartialEq)]
struct Patch {
    namespace: String,
    name: String,
    port: usize,
    target_port: u16,
}

impl Patch {
    fn parse(command: &str) -> Option<Patch> {
        let words = words(command);
        let mut words = words.iter().map(String::as_str);
        let (mut namespace, mut name, mut patch) = (None, None, None);
        if words.next() != Some("kubectl") {
            return None;
        }
        while let Some(word) = words.next() {
            match word {
                "-n" => namespace = words.next(),
                "service" => name = words.next(),
                "-p" => patch = words.next(),
                "patch" | "--type=json" => {}
                _ => return None,
            }
        }
        let list: Vec<Value> = serde_json::from_str(patch?).ok()?;
        let [one] = list.as_slice() else { return None };
        let field = one.get("path")?.as_str()?.strip_prefix("/spec/ports/")?;
        Some(Patch {
            namespace: namespace?.to_owned(),
            name: name?.to_owned(),
            port: field.strip_suffix("/targetPort")?.parse().ok()?,
            target_port: one.get("value")?.as_u64()?.try_into().ok()?,
        })
    }

    /// The Service with the patch.
    fn of(&self, spec: &Spec) -> Result<Service, String> {
        let mut services = spec.services.iter();
        let found = services.find(|s| s.namespace == self.namespace && s.name == self.name);
        let mut service = found
            .cloned()
            .ok_or_else(|| format!("service {} not found", self.name))?;
        let port = service.ports.get_mut(self.port);
        port.ok_or_else(|| format!("no port {}", self.port))?.target_port = self.target_port;
        Ok(service)
    }
}

/// Words as a shell reads them, with single quotes.
fn words(text: &str) -> Vec<String> {
    let (mut all, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in text.chars() {
        match c {
            '\'' => (quoted, any) = (!quoted, true),
            ' ' if !quoted => {
                if any {
                    all.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => {
                word.push(c);
                any = true;
            }
        }
    }
    if any {
        all.push(word);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "kubectl -n shop patch service api --type=json \
                        -p '[{\"op\":\"replace\",\"path\":\"/spec/ports/0/targetPort\",\"value\":3001}]'";

    #[test]
    fn a_patch_is_done_to_the_service() {
        let patch = Patch::parse(LINE).unwrap();
        let service = patch.of(&Spec::default_with(2)).unwrap();
        assert_eq!((service.name.as_str(), service.ports[0].target_port), ("api", 3001));
        assert!(Patch { port: 1, ..patch }.of(&Spec::default_with(2)).is_err());
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "kubectl -n shop edit service api",
            "sysctl -w a=b",
            "",
            &LINE.replace("targetPort", "port"),
        ] {
            assert_eq!(Patch::parse(line), None, "{line}");
        }
    }
}
