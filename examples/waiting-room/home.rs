//! What this server is, on its front page and in the terminal.

use std::net::SocketAddr;

use axum::response::Html;

use crate::options::Options;

/// The front page, with commands that work as they stand.
pub(crate) fn page(address: SocketAddr) -> Html<String> {
    Html(include_str!("home.html").replace("ADDRESS", &address.to_string()))
}

/// Prints commands that work as they stand.
pub(crate) fn print_hints(address: SocketAddr, options: &Options) {
    let Options { limit, tenant_limit, wait, .. } = options;
    let waits = if wait.is_zero() {
        "who finds no room is refused".to_owned()
    } else {
        format!("who finds no room waits up to {wait:?}")
    };
    println!("listening on http://{address}");
    println!("{tenant_limit} at once for each tenant, {limit} at once in /shared; {waits}\n");
    println!("Half a second of work for the tenant acme:");
    println!("  curl -sS -X POST 'http://{address}/imports?ms=500' -H 'x-tenant: acme'\n");
    println!("Five at once:");
    println!(
        "  for i in 1 2 3 4 5; do curl -sS -X POST 'http://{address}/imports?ms=500' -H 'x-tenant: acme' & done; wait\n"
    );
    println!("One gate for all, with a priority and an identity:");
    println!("  curl -sS -X POST 'http://{address}/shared?ms=500' -H 'x-priority: 5' -H 'x-user: ada'\n");
    println!("A place held until the body has ended:");
    println!("  curl -sSN 'http://{address}/stream?ms=3000&chunks=6' -H 'x-tenant: acme'\n");
    println!("Nobody in particular:");
    println!("  curl -sSi -X POST 'http://{address}/imports?ms=500'\n");
    println!("Ctrl-C stops it, after what is being done.");
}
