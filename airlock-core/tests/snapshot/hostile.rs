//! What is no gate.

