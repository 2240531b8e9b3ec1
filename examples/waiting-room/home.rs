//! What this server is, on its front page and in the terminal.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use axum::response::Html;

use crate::admin::Password;
use crate::options::{Admission, Options};

/// The front page, with commands that work as they stand.
pub(crate) fn page(address: SocketAddr) -> Html<String> {
    Html(include_str!("home.html").replace("ADDRESS", &address.to_string()))
}

/// Prints commands that work as they stand.
pub(crate) fn print_hints(address: SocketAddr, options: &Options, password: &Password) -> io::Result<()> {
    let Options { limit, tenant_limit, wait, .. } = options;
    let waits = if options.shadow {
        "everybody gets in, and who would have been refused is in /metrics".to_owned()
    } else if wait.is_zero() || options.line == 0 {
        "who finds no room is refused".to_owned()
    } else if options.admission == Admission::Opportunistic {
        format!("who finds no room waits up to {wait:?}, but nobody waits in /shared")
    } else {
        format!("who finds no room waits up to {wait:?}")
    };
    let mut shared = format!("{limit} at once in /shared");
    if let Some(cap) = options.tenant_cap {
        shared += &format!(" ({cap} of each tenant)");
    }
    if let Some(rate) = &options.rate {
        shared += &format!(" and {rate}");
    }
    let Options { active_users, session, .. } = options;
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    writeln!(out, "{tenant_limit} at once for each tenant, {shared}; {waits}\n")?;
    writeln!(out, "Half a second of work for the tenant acme:")?;
    writeln!(out, "  curl -sS -X POST 'http://{address}/imports?ms=500' -H 'x-tenant: acme'\n")?;
    writeln!(out, "Five at once:")?;
    writeln!(
        out,
        "  for i in 1 2 3 4 5; do curl -sS -X POST 'http://{address}/imports?ms=500' -H 'x-tenant: acme' & done; wait\n"
    )?;
    writeln!(out, "One gate for all, with a priority and an identity:")?;
    writeln!(out, "  curl -sS -X POST 'http://{address}/shared?ms=500' -H 'x-priority: 5' -H 'x-user: ada'\n")?;
    writeln!(out, "A place held until the body has ended:")?;
    writeln!(out, "  curl -sSN 'http://{address}/stream?ms=3000&chunks=6' -H 'x-tenant: acme'\n")?;
    writeln!(out, "Nobody in particular:")?;
    writeln!(out, "  curl -sSi -X POST 'http://{address}/imports?ms=500'\n")?;
    writeln!(
        out,
        "A shop behind a waiting room, {active_users} visitors at once, each for {session:?} after its last request:"
    )?;
    writeln!(out, "  http://{address}/shop\n")?;
    let password = password.in_shell();
    writeln!(out, "The operator's dashboard, user admin, password {password}; and the same as JSON:")?;
    writeln!(out, "  http://{address}/admin")?;
    writeln!(out, "  curl -sS -u \"admin:{password}\" 'http://{address}/admin/airlocks'\n")?;
    writeln!(out, "What has happened so far, for Prometheus:")?;
    writeln!(out, "  curl -sS 'http://{address}/metrics'\n")?;
    writeln!(out, "Ctrl-C stops it, after what is being done.")
}
