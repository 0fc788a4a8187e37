//! Routes and neighbours.

pub mod pod_no_default_route;
pub mod route_to_podcidr_missing;
