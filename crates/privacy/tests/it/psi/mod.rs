//! Private matching: RFC 9497 to the byte, an independent implementation beside ours, and what each message must not be.

mod forged;
mod items;
mod oracle;
mod sessions;
mod vectors;

use privacy::Key;
use privacy::psi::{Items, Kind};

pub fn key(n: u8) -> Key {
    Key::new([n; 32].into())
}

/// Users by number.
pub fn users(numbers: impl IntoIterator<Item = u32>) -> Items {
    let texts: Vec<String> = numbers.into_iter().map(|n| format!("user-{n}@bank.example")).collect();
    let (items, unread) = Items::read(Kind::Email, texts.iter().map(String::as_str)).unwrap();
    assert!(unread.is_empty());
    items
}
