//! Threats, scores, the entity graph and cases: reads findings, never bytes.
