//! What may be taken into a bundle.
