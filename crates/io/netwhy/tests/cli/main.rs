//! The program as its users meet it: what it prints, where, and with which exit code.

mod answers;
mod common;
mod hostile;
mod on_lab;
mod unprivileged;
mod usage;
mod why_unknown;
