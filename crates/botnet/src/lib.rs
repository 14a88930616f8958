//! The botnet laboratory: capture and log readers, telemetry tables, detection, population.
