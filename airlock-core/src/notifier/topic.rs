//! Under which topic an identity hears of its turns.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::ConfigError;
use crate::name::MAX_BYTES;

/// Everything but what RFC 3986 calls unreserved: no name can look like a path, a pattern or a URI template.
pub(super) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What all topics of an airlock begin with.
#[derive(Clone, Debug)]
pub(crate) struct TopicPrefix(String);

impl Default for TopicPrefix {
    fn default() -> Self {
        TopicPrefix("/waiting-room".to_owned())
    }
}

impl TopicPrefix {
    /// Without slashes at its end.
    pub(crate) fn new(prefix: &str) -> Result<Self, ConfigError> {
        let wrong = |problem: String| Err(ConfigError::new("topic_prefix", problem));
        if prefix.len() > MAX_BYTES {
            return wrong(format!("it is {} bytes long; at most {MAX_BYTES} are allowed", prefix.len()));
        }
        let unfit = |c: char| {
            !matches!(c, '!'..='~') || matches!(c, '{' | '}' | '*' | '"' | '<' | '>' | '\\' | '^' | '`' | '|')
        };
        match prefix.char_indices().find(|(_, c)| unfit(*c)) {
            Some((at, _)) => wrong(format!("byte {at} is no part of a path or URL such as `/waiting-room`")),
            None => Ok(TopicPrefix(prefix.trim_end_matches('/').to_owned())),
        }
    }

    pub(crate) fn topic(&self, airlock: &str, identity: &str) -> String {
        let encoded = |name| utf8_percent_encode(name, RESERVED);
        format!("{}/{}/{}", self.0, encoded(airlock), encoded(identity))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rx_33_no_name_reaches_a_topic_unencoded() {
        let topics = TopicPrefix::default();
        assert_eq!(topics.topic("shop", "ada"), "/waiting-room/shop/ada");
        assert_eq!(topics.topic("a/b", "c"), "/waiting-room/a%2Fb/c");
        assert_eq!(topics.topic("shop", "{user}*?#&=+ ä"), "/waiting-room/shop/%7Buser%7D%2A%3F%23%26%3D%2B%20%C3%A4");
        // Different names have different topics.
        assert_ne!(topics.topic("a", "b/c"), topics.topic("a/b", "c"));
        assert_ne!(topics.topic("a", "b%2Fc"), topics.topic("a", "b/c"));
    }

    #[test]
    fn slashes_at_the_end_of_a_prefix_do_not_matter() {
        for prefix in ["/turns", "/turns/", "/turns///"] {
            assert_eq!(TopicPrefix::new(prefix).expect("a prefix").topic("a", "b"), "/turns/a/b");
        }
        let url = TopicPrefix::new("https://shop.example/turns/").expect("a prefix");
        assert_eq!(url.topic("a", "b"), "https://shop.example/turns/a/b");
        assert_eq!(TopicPrefix::new("/").expect("a prefix").topic("a", "b"), "/a/b");
    }

    #[test]
    fn a_prefix_is_no_pattern() {
        for prefix in ["/{anything}", "*", "a b", "/turns\n", "/türen", &"x".repeat(513)] {
            assert_eq!(TopicPrefix::new(prefix).expect_err("refused").field(), "topic_prefix");
        }
    }
}
