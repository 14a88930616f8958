//! Threats of a home: judged, kept, ranked.
