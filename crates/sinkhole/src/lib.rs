//! Answers for seized names and addresses: takes a hit, says one harmless thing, writes what was seen.
