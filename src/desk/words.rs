//! Words of the service language for entries of the duty log.
