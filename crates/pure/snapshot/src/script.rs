//! A shell script that makes a node's part of a bundle.
