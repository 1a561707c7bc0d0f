-- A tip that is sent twice under one Idempotency-Key is one tip. The answer that was given lies in a box that the
-- caller's key opens and nothing else does; of the key itself only a hash is kept.
CREATE TABLE intakes (
  key BLOB PRIMARY KEY NOT NULL,
  tip TEXT NOT NULL REFERENCES tips (id),
  box BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX intakes_of_tip ON intakes (tip);
