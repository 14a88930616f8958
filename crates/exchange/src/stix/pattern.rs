//! The equality comparisons of a STIX pattern (STIX 2.1 section 9) that name one thing outright.
//!
//! Here: `path = 'value'` and `path IN ('a', 'b')` on domain names, addresses, URLs and file hashes, wherever they
//! stand in the pattern; a comparison with `NOT` names nothing. Elsewhere: what the pattern as a whole means.
//! Bounds: one pass, no recursion; the caller bounds the length.

/// One comparison: which kind of thing, and its value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// `domain`, `address`, `url` or `hash`.
    pub kind: &'static str,
    /// The value as the pattern gives it, without quotes and escapes.
    pub value: String,
}

#[derive(Debug, PartialEq)]
enum Token {
    Path(String),
    Word(String),
    Text(String),
    Mark(char),
}

/// The things that `pattern` names by equality, in order, without doubles.
pub(crate) fn named(pattern: &str) -> Vec<Named> {
    let tokens = tokens(pattern);
    let mut seen = std::collections::HashSet::new();
    let mut out = Vec::new();
    let mut rest = tokens.as_slice();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let Token::Path(path) = first else { continue };
        let Some(kind) = kind(path) else { continue };
        for value in values(tail) {
            if seen.insert((kind, value)) {
                out.push(Named { kind, value: value.to_owned() });
            }
        }
    }
    out
}

/// The texts that the comparison operator right after a path compares with.
fn values(tail: &[Token]) -> Vec<&str> {
    match tail {
        [Token::Mark('='), Token::Text(value), ..] => vec![value],
        [Token::Mark('='), Token::Mark('='), Token::Text(value), ..] => vec![value],
        [Token::Word(word), Token::Mark('('), list @ ..] if word == "IN" => list
            .iter()
            .take_while(|t| **t != Token::Mark(')'))
            .filter_map(|t| if let Token::Text(value) = t { Some(value.as_str()) } else { None })
            .collect(),
        _ => Vec::new(),
    }
}

fn kind(path: &str) -> Option<&'static str> {
    match path {
        "domain-name:value" => Some("domain"),
        "ipv4-addr:value" | "ipv6-addr:value" => Some("address"),
        "url:value" => Some("url"),
        _ if path.starts_with("file:hashes.") => Some("hash"),
        _ => None,
    }
}

fn tokens(pattern: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(&c) = chars.peek() {
        if c == '\'' {
            out.push(Token::Text(text(&mut chars)));
        } else if c.is_ascii_alphabetic() {
            out.push(path_or_word(&mut chars));
        } else {
            chars.next();
            if !c.is_whitespace() {
                out.push(Token::Mark(c));
            }
        }
    }
    out
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// A text in single quotes, with `\\` and `\'` undone; the quote is the next character.
fn text(chars: &mut Chars<'_>) -> String {
    let mut out = String::new();
    chars.next();
    while let Some(c) = chars.next() {
        match c {
            '\'' => break,
            '\\' => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

/// A word (`AND`), or an object path (`file:hashes.'SHA-256'`), its quotes dropped.
fn path_or_word(chars: &mut Chars<'_>) -> Token {
    let mut out = String::new();
    let mut path = false;
    while let Some(&c) = chars.peek() {
        match c {
            _ if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') => out.push(c),
            ':' | '.' => {
                path |= c == ':';
                out.push(c);
            }
            '\'' if path => {
                out.push_str(&text(chars));
                continue;
            }
            '[' | '*' | ']' if path && (c != ']' || open(&out)) => out.push(c),
            _ => break,
        }
        chars.next();
    }
    if path { Token::Path(out) } else { Token::Word(out) }
}

/// Whether an index of the path is open: the last `[` has no `]` yet.
fn open(path: &str) -> bool {
    path.rfind('[') > path.rfind(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, expected: &[(&str, &str)]) {
        let found = named(pattern);
        let found: Vec<_> = found.iter().map(|n| (n.kind, n.value.as_str())).collect();
        assert_eq!(found, expected, "{pattern}");
    }

    #[test]
    fn equality_names_a_thing_and_nothing_else_does() {
        check("[domain-name:value = 'a.example']", &[("domain", "a.example")]);
        check(
            "[ ipv4-addr:value='198.18.0.1' AND network-traffic:dst_port = 443]",
            &[("address", "198.18.0.1")],
        );
        check(
            "[ipv6-addr:value = '2001:db8::1'] FOLLOWEDBY [url:value = 'http://b.example/x']",
            &[("address", "2001:db8::1"), ("url", "http://b.example/x")],
        );
        check(
            "[file:hashes.'SHA-256' = 'ab' OR file:hashes.MD5 = 'cd' OR file:hashes.MD5 = 'cd']",
            &[("hash", "ab"), ("hash", "cd")],
        );
        check(
            "[domain-name:value IN ('a.example', 'b.example')]",
            &[("domain", "a.example"), ("domain", "b.example")],
        );
        check("[domain-name:value NOT = 'a.example']", &[]);
        check("[domain-name:value != 'a.example']", &[]);
        check("[domain-name:value LIKE '%.example']", &[]);
        check("[ipv4-addr:value ISSUBSET '198.18.0.0/15']", &[]);
        check("[file:name = 'domain-name:value = x']", &[]);
        check(r"[url:value = 'it\'s \\ here']", &[("url", r"it's \ here")]);
        check(
            "[email-message:body_multipart[*].body_raw_ref.name = 'x' AND domain-name:value = 'c.example']",
            &[("domain", "c.example")],
        );
        check("[domain-name:value = ", &[]);
        check("[domain-name:value NOT IN ('a.example')]", &[]);
    }
}
