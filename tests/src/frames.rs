//! What a Redis server says, cut into its pieces: as much of RESP3 as it takes to find messages.

/// Takes all whole frames out of `said` and answers them, without the messages of channels if `drop` says so, and how
/// many were left out.
pub(crate) fn whole(said: &mut Vec<u8>, drop: bool) -> (Vec<u8>, usize) {
    let (mut rest, mut passed, mut dropped) = (&said[..], Vec::new(), 0);
    while let Some(length) = frame(rest) {
        let (first, others) = rest.split_at(length);
        if drop && first.starts_with(b">3\r\n$7\r\nmessage\r\n") {
            dropped += 1;
        } else {
            passed.extend_from_slice(first);
        }
        rest = others;
    }
    *said = rest.to_vec();
    (passed, dropped)
}

/// How long the first frame is, if all of it is there.
fn frame(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let count = || std::str::from_utf8(&bytes[1..head - 2]).ok()?.parse::<i64>().ok();
    // Nothing has a length of -1.
    let count = || usize::try_from(count().expect("a length")).unwrap_or(0);
    match bytes[0] {
        b'$' | b'=' | b'!' if bytes[1] == b'-' => Some(head),
        b'$' | b'=' | b'!' => Some(head + count() + 2).filter(|length| *length <= bytes.len()),
        b'*' | b'~' | b'>' => frames(bytes, head, count()),
        b'%' => frames(bytes, head, 2 * count()),
        // Numbers, statuses, errors and the like are one line.
        _ => Some(head),
    }
}

fn frames(bytes: &[u8], head: usize, count: usize) -> Option<usize> {
    (0..count).try_fold(head, |at, _| Some(at + frame(&bytes[at..])?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &[u8] = b"+OK\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\na\r\nb\r\n*2\r\n:1\r\n$-1\r\n\
        %1\r\n$1\r\nk\r\n_\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
    const PASSED: &[u8] = b"+OK\r\n*2\r\n:1\r\n$-1\r\n%1\r\n$1\r\nk\r\n_\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";

    #[test]
    fn messages_are_dropped_wherever_they_are_cut() {
        for cut in 0..=SAID.len() {
            let (mut said, mut passed, mut dropped) = (Vec::new(), Vec::new(), 0);
            for part in [&SAID[..cut], &SAID[cut..]] {
                said.extend_from_slice(part);
                let (more, count) = whole(&mut said, true);
                passed.extend(more);
                dropped += count;
            }
            assert_eq!((passed.as_slice(), dropped, said.len()), (PASSED, 1, 0), "cut at {cut}");
        }
    }
}
