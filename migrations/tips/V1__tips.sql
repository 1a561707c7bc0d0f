-- Tips (tin báo). Who gave one, what was said and when exactly lies in boxes that only the passphrase of a holder of
-- the key opens; what stands in clear is coarse: half a day, a commune, a grade. No row carries an order or an instant
-- by which it could be matched with a call, a visit or an incident.

-- Public halves, to which everybody seals. The newest is in use; older ones stay for what was sealed to them.
CREATE TABLE keys (
  id INTEGER PRIMARY KEY NOT NULL,
  public BLOB NOT NULL UNIQUE
);
-- The private half, sealed to a key that is made of each holder's passphrase by argon2id.
CREATE TABLE holders (
  key_id INTEGER NOT NULL REFERENCES keys (id),
  account TEXT NOT NULL,
  salt BLOB NOT NULL,
  wrapped BLOB NOT NULL,
  PRIMARY KEY (key_id, account)
) WITHOUT ROWID;

CREATE TABLE tips (
  -- Random, so that neither the id nor the order of rows tells when it came.
  id TEXT PRIMARY KEY NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  channel TEXT NOT NULL,
  received_on TEXT NOT NULL,
  received_half TEXT NOT NULL,
  kind TEXT,
  commune_code TEXT,
  occurred_on TEXT,
  occurred_half TEXT,
  reliability TEXT,
  credibility INTEGER,
  -- Written anew by an officer; taken out when an incident is made of it, which would else point back by its words.
  scrubbed TEXT,
  -- `2026-11`: for how long the sealed part is kept counts from here.
  ended_month TEXT
) WITHOUT ROWID;

CREATE TABLE sealed (
  tip TEXT PRIMARY KEY NOT NULL REFERENCES tips (id),
  key_id INTEGER NOT NULL REFERENCES keys (id),
  box BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE follow_ups (
  tip TEXT PRIMARY KEY NOT NULL REFERENCES tips (id),
  -- SHA-256 of the code.
  code BLOB NOT NULL UNIQUE,
  -- The passphrase is kept as the public key that argon2id and this salt make of it.
  salt BLOB NOT NULL,
  public BLOB NOT NULL
) WITHOUT ROWID;

-- Each is sealed twice: for the holders of the key and for whoever knows the informant's passphrase.
CREATE TABLE messages (
  tip TEXT NOT NULL REFERENCES tips (id),
  number INTEGER NOT NULL,
  author TEXT NOT NULL CHECK (author IN ('informant', 'handler')),
  sent_on TEXT NOT NULL,
  sent_half TEXT NOT NULL,
  key_id INTEGER NOT NULL REFERENCES keys (id),
  for_holders BLOB NOT NULL,
  for_informant BLOB NOT NULL,
  PRIMARY KEY (tip, number)
) WITHOUT ROWID;

-- Who asked to open a tip, why, and which second person agreed.
CREATE TABLE unsealings (
  id TEXT PRIMARY KEY NOT NULL,
  tip TEXT NOT NULL REFERENCES tips (id),
  reason TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at_ms INTEGER NOT NULL,
  confirmed_by TEXT,
  confirmed_at_ms INTEGER,
  CHECK (confirmed_by IS NULL OR confirmed_by <> asked_by)
) WITHOUT ROWID;
CREATE INDEX unsealings_of_tip ON unsealings (tip);
