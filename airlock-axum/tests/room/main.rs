//! The waiting room, as the HTTP contract says it is: requests to a router that nobody serves, on a clock that is moved.

mod attacks;
mod claiming;
mod closing;
mod configuring;
mod cookies;
mod crowds;
mod pages;
mod passing;
mod places;
mod streams;
mod support;
