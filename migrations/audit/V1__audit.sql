-- Who was shown what, who took it away, who came in. Rows are only ever added; each holds the hash of the one before,
-- so that a row that was changed, or taken out, is found by whoever walks the chain.
CREATE TABLE rows (
  seq INTEGER PRIMARY KEY NOT NULL,
  at_ms INTEGER NOT NULL,
  node TEXT NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  kind TEXT NOT NULL,
  class TEXT,
  collection TEXT,
  count INTEGER NOT NULL,
  -- 16 bytes an id.
  ids BLOB NOT NULL,
  place TEXT NOT NULL,
  purpose TEXT NOT NULL,
  prev_hash BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE INDEX rows_of_actor ON rows (actor, at_ms);

-- Restricted records by actor, collection and minute, until the minute is over and becomes a row.
CREATE TABLE minutes (
  minute_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  collection TEXT NOT NULL,
  role TEXT NOT NULL,
  class TEXT NOT NULL,
  records INTEGER NOT NULL,
  answers INTEGER NOT NULL,
  PRIMARY KEY (minute_ms, actor, collection)
) STRICT, WITHOUT ROWID;

-- 'node': name of the installation; 'head': seq and hash of the last row, so that one who cuts the end off is found.
CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
