//! How a gate is written, which other releases have to read.

