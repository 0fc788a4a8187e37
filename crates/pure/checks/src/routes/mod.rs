//! Routes and neighbours.

pub mod error_route;
pub mod pod_no_default_route;
pub mod podcidr_wrong_nexthop;
pub mod route_to_podcidr_missing;
