//! A refusal for people: one document without scripts or anything requested elsewhere.

use std::fmt::Write as _;

use super::Problem;

pub(super) fn render(problem: &Problem, airlock: &str) -> Vec<u8> {
    let mut page = String::with_capacity(1024);
    page.push_str(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>",
    );
    escape(&mut page, problem.title());
    page.push_str(
        "</title>\n<style>:root{color-scheme:light dark}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;\
         margin:15vh auto;padding:0 1rem}</style>\n</head>\n<body>\n<main>\n<h1>",
    );
    escape(&mut page, problem.title());
    page.push_str("</h1>\n<p>");
    escape(&mut page, problem.detail());
    if let Some(because) = problem.because() {
        page.push_str("</p>\n<p>");
        escape(&mut page, because);
    }
    let _ = write!(page, "</p>\n<p><small>{} &middot; ", problem.status().as_u16());
    escape(&mut page, airlock);
    page.push_str("</small></p>\n</main>\n</body>\n</html>\n");
    page.into_bytes()
}

fn escape(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '&' => page.push_str("&amp;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            other => page.push(other),
        }
    }
}
