//! The layer on axum's routers, called directly and served on a real socket, and the permit in the handler.

mod calling;
mod disconnecting;
mod entering;
mod extractor;
mod limiting;
mod naming;
mod nesting;
mod outliving;
mod support;
mod unmatched;
