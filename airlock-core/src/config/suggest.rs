//! What somebody may have meant.

/// How many are listed where none is near.
const MOST: usize = 12;
/// What is longer, in bytes, is not compared.
const LONGEST: usize = 64;

/// `; did you mean …?` where one is near, or which there are.
pub(super) fn did_you_mean<'a>(found: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    let near =
        known.iter().filter(|_| found.len() <= LONGEST).map(|known| (strsim::osa_distance(found, known), *known)).min();
    match near {
        // One mistake in three letters, at the most.
        Some((distance, known)) if distance <= known.chars().count().max(3) / 3 => format!("; did you mean `{known}`?"),
        _ if known.is_empty() => String::new(),
        _ => {
            known.sort_unstable();
            let more = if known.len() > MOST { ", …" } else { "" };
            known.truncate(MOST);
            let listed: Vec<String> =
                known.iter().map(|known| format!("`{}`", super::node::shortened(known))).collect();
            format!("; there are {}{more}", listed.join(", "))
        }
    }
}
