//! The kernel as the referee of the simulator, in worlds that are drawn.

pub mod conversations;
