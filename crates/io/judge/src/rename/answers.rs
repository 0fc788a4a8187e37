//! Questions and answers: renamed, those about the old cluster must be those about the new one.

use super::Renaming;
use crate::question::Question;
use netwhy_view::FlowAnswer;
use serde_json::Value;

impl Renaming {
    /// A question.
    pub fn question(&self, question: &Question) -> Question {
        Question {
            id: question.id.clone(),
            from: self.place(&question.from),
            proto: question.proto.clone(),
            to_ip: self.text(&question.to_ip),
            to_port: self.port(question.to_port),
        }
    }

    /// An answer. Its outcomes come in an order that names do not decide.
    pub fn answer(&self, answer: &FlowAnswer) -> FlowAnswer {
        let mut renamed = answer.clone();
        let place = |text: &mut String| *text = self.place(text);
        let address = |text: &mut String| *text = self.text(text);
        if let Some(end) = &mut renamed.place {
            if let Some(node) = &mut end.node {
                *node = self.names.node(node).to_owned();
            }
            place(&mut end.netns);
        }
        renamed.delivered_to.as_mut().map(place);
        renamed.seen_client.as_mut().map(address);
        for outcome in &mut renamed.outcomes {
            outcome.delivered_to.as_mut().map(place);
            outcome.seen_client.as_mut().map(address);
        }
        for gap in &mut renamed.gaps {
            *gap = match gap.split_once(": ") {
                Some((path, why)) => format!("{}: {}", self.path(path), self.text(why)),
                None => self.text(gap),
            };
        }
        renamed
    }

    /// `pod/NAMESPACE/NAME`, `node/NAME`, `outside/NAME`, `host`.
    pub fn place(&self, place: &str) -> String {
        let parts: Vec<&str> = place.split('/').collect();
        match parts.as_slice() {
            ["pod", namespace, name] => format!("pod/{}/{}", self.names.namespace(namespace), self.names.pod(name)),
            ["node", name] => format!("node/{}", self.names.node(name)),
            ["outside", name] => format!("outside/{}", self.names.outside(name)),
            _ => place.to_owned(),
        }
    }

    /// Where a finding of a report points: its `object` and `node`. Words for people stay as they are.
    pub fn finding(&self, finding: &Value) -> Value {
        let mut renamed = finding.clone();
        if let Some(node) = renamed.get_mut("node") {
            self.name_of_kind("Node", node);
        }
        if let Some(object) = renamed.get_mut("object") {
            let kind = object
                .get("kind")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            if let Some(name) = object.get_mut("name") {
                self.name_of_kind(&kind, name);
            }
            if let Some(namespace) = object.get_mut("namespace") {
                self.name_of_kind("Namespace", namespace);
            }
        }
        renamed
    }
}
