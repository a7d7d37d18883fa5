//! Topic patterns: words separated by dots, where `*` stands for exactly one word and `#` for any number of them, none
//! included (RabbitMQ's tutorial five and `rabbit_exchange_type_topic`).

use crate::policy::error::{PolicyError, require};

/// The longest routing or binding key, in bytes: AMQP's short string.
const LONGEST_KEY: usize = 255;

/// A binding key of a topic exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPattern {
    words: Vec<Word>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Exactly(String),
    One,
    Any,
}

impl TopicPattern {
    pub fn new(pattern: &str) -> Result<TopicPattern, PolicyError> {
        require(pattern.len() <= LONGEST_KEY, "bind", || format!("may have {LONGEST_KEY} bytes at most"))?;
        let word = |word: &str| match word {
            "*" => Word::One,
            "#" => Word::Any,
            text => Word::Exactly(text.to_string()),
        };
        Ok(TopicPattern { words: words(pattern).map(word).collect() })
    }

    pub fn matches(&self, key: &str) -> bool {
        // Which prefixes of the pattern match what of the key has been read; each word of the key moves them on. So a key is
        // matched in pattern × key steps, however many `#` there are.
        let mut reached = vec![false; self.words.len() + 1];
        reached[0] = true;
        self.skip_any(&mut reached);
        for word in words(key) {
            let mut next = vec![false; reached.len()];
            for (place, wanted) in self.words.iter().enumerate().filter(|(place, _)| reached[*place]) {
                match wanted {
                    Word::Any => next[place] = true,
                    Word::One => next[place + 1] = true,
                    Word::Exactly(text) => next[place + 1] |= text == word,
                }
            }
            self.skip_any(&mut next);
            reached = next;
        }
        reached[self.words.len()]
    }

    /// A `#` may also match nothing.
    fn skip_any(&self, reached: &mut [bool]) {
        for (place, word) in self.words.iter().enumerate() {
            if *word == Word::Any && reached[place] {
                reached[place + 1] = true;
            }
        }
    }
}

/// The empty key has no words, not one empty word.
fn words(key: &str) -> impl Iterator<Item = &str> {
    key.split('.').filter(|_| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::cases;
    use proptest::prelude::*;

    #[test]
    fn keys_match_as_the_documentation_says() {
        for (pattern, key, matches) in [
            ("*.orange.*", "quick.orange.rabbit", true),
            ("*.orange.*", "lazy.orange.elephant", true),
            ("*.orange.*", "orange", false),
            ("*.orange.*", "quick.orange.male.rabbit", false),
            ("*.*.rabbit", "quick.orange.rabbit", true),
            ("*.*.rabbit", "rabbit", false),
            ("lazy.#", "lazy", true),
            ("lazy.#", "lazy.a.b", true),
            ("lazy.#", "quick.lazy", false),
            ("#", "", true),
            ("#", "anything.at.all", true),
            ("*", "", false),
            ("", "", true),
            ("a.#.b", "a.b", true),
            ("a.#.b", "a.x.b", true),
            ("a.#.b", "a.x.y.b", true),
            ("a.#.b", "a.x.y", false),
            ("a.*.#", "a", false),
            ("a.*.#", "a.x", true),
            ("#.#", "", true),
            ("a..b", "a..b", true),
            ("a.*.b", "a..b", true),
            ("a.b", "a.b.c", false),
        ] {
            assert_eq!(TopicPattern::new(pattern).unwrap().matches(key), matches, "{pattern} and {key}");
        }
    }

    #[test]
    fn a_key_longer_than_amqp_allows_is_refused() {
        assert_eq!(TopicPattern::new(&"a".repeat(256)).unwrap_err().to_string(), "`bind` may have 255 bytes at most");
    }

    /// By definition: try every number of words for every `#`.
    fn matches_by_search(pattern: &[&str], key: &[&str]) -> bool {
        match pattern.split_first() {
            None => key.is_empty(),
            Some((&"#", rest)) => (0..=key.len()).any(|taken| matches_by_search(rest, &key[taken..])),
            Some((&word, rest)) => {
                key.split_first().is_some_and(|(first, left)| (word == "*" || word == *first) && matches_by_search(rest, left))
            }
        }
    }

    proptest! {
        #![proptest_config(cases(512))]

        #[test]
        fn matching_is_what_trying_all_ways_finds(
            pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "#"]), 1..6),
            key in prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..6),
        ) {
            let found = TopicPattern::new(&pattern.join(".")).unwrap().matches(&key.join("."));
            prop_assert_eq!(found, matches_by_search(&pattern, &key));
        }
    }
}
