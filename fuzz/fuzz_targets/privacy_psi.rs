//! Messages of private matching from strangers. What reads as a question has one spelling.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privacy::psi::{Question, filter::Filter, reveal, size_only};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(question) = Question::read(bytes) {
        assert_eq!(question.bytes(), bytes);
        let _ = question.commitment();
    }
    if let Ok(filter) = Filter::read(bytes) {
        assert_eq!(filter.bytes(), bytes);
        let _ = filter.contains(&[7; 16]);
    }
    let _ = reveal::Answer::read(bytes);
    let _ = size_only::Answer::read(bytes);
});
