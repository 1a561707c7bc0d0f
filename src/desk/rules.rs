//! Rules of single collections beyond the table of fields.
