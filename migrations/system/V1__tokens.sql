-- Secrets lie apart from the GeoPackage, which planners copy. A token is kept as its SHA-256 alone.
CREATE TABLE tokens (
  hash BLOB PRIMARY KEY NOT NULL,
  actor TEXT NOT NULL,
  recorded_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
