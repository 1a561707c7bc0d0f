-- Who may come in, and what was shared with them. Secrets are kept as their SHA-256 alone, passwords as argon2id.
-- Nothing here is erased but sessions and used codes: the journal names accounts for ever.

-- The number that every change of rights raises (the triggers below); a running server reads it to know that
-- somebody, perhaps another program, changed something.
CREATE TABLE revision (
  only_one INTEGER PRIMARY KEY NOT NULL CHECK (only_one = 1),
  number INTEGER NOT NULL
);
INSERT INTO revision VALUES (1, 1);

-- Forces and their organisations; `parent` is the chain of command. A change of either ends the row and begins another.
CREATE TABLE organisations (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  force TEXT NOT NULL,
  parent TEXT REFERENCES organisations (id),
  valid_from TEXT NOT NULL,
  valid_to TEXT,
  CHECK (valid_to IS NULL OR valid_from <= valid_to)
);
-- The border guard of the province stood by itself until the middle of 2025, since then under the military command.
INSERT INTO organisations (id, name, force, parent, valid_from, valid_to) VALUES
  ('ubnd-tinh', 'Uỷ ban nhân dân tỉnh Lai Châu', 'civil', NULL, '2004-01-01', NULL),
  ('cong-an-tinh', 'Công an tỉnh Lai Châu', 'police', NULL, '2004-01-01', NULL),
  ('bo-chqs-tinh', 'Bộ Chỉ huy quân sự tỉnh Lai Châu', 'military', NULL, '2004-01-01', NULL),
  ('bo-chbp-tinh', 'Bộ Chỉ huy Bộ đội Biên phòng tỉnh Lai Châu', 'border_guard', NULL, '2004-01-01', '2025-06-30'),
  ('ban-chbp-tinh', 'Ban Chỉ huy Bộ đội Biên phòng tỉnh Lai Châu', 'border_guard', 'bo-chqs-tinh', '2025-07-01', NULL);

CREATE TABLE accounts (
  name TEXT PRIMARY KEY NOT NULL,
  -- Lower case without diacritics and signs: names that look alike are one name.
  folded TEXT NOT NULL UNIQUE,
  label TEXT,
  role TEXT NOT NULL,
  force TEXT,
  organisation TEXT REFERENCES organisations (id),
  area TEXT NOT NULL,
  unit_id TEXT,
  supervisor TEXT REFERENCES accounts (name),
  -- argon2id in PHC form; NULL while none is chosen, and for accounts of another provider.
  password TEXT,
  must_change INTEGER NOT NULL DEFAULT 0,
  -- Issuer and subject of an account that signs in by OpenID Connect.
  external_id TEXT UNIQUE,
  created_at_ms INTEGER NOT NULL,
  disabled_at_ms INTEGER
) WITHOUT ROWID;

CREATE TABLE sessions (
  id TEXT PRIMARY KEY NOT NULL,
  hash BLOB NOT NULL UNIQUE,
  account TEXT NOT NULL REFERENCES accounts (name),
  agent TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  used_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_of_account ON sessions (account);

-- Tokens of programs speak for an account; those of devices for an account or for a unit alone.
DROP TABLE tokens;
CREATE TABLE tokens (
  id TEXT PRIMARY KEY NOT NULL,
  hash BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('program', 'device')),
  label TEXT NOT NULL,
  account TEXT REFERENCES accounts (name),
  unit_id TEXT,
  unit_name TEXT,
  unit_force TEXT,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  used_at_ms INTEGER,
  revoked_at_ms INTEGER,
  CHECK (account IS NOT NULL OR (unit_id IS NOT NULL AND unit_name IS NOT NULL))
) WITHOUT ROWID;
CREATE INDEX tokens_of_account ON tokens (account);

-- Codes that a device changes into its token, once.
CREATE TABLE enrolments (
  hash BLOB PRIMARY KEY NOT NULL,
  label TEXT NOT NULL,
  account TEXT REFERENCES accounts (name),
  unit_id TEXT,
  unit_name TEXT,
  unit_force TEXT,
  created_by TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  used_at_ms INTEGER
) WITHOUT ROWID;

-- Links that work once: `setup` makes the first administrator, `password` lets an account choose its password.
CREATE TABLE links (
  hash BLOB PRIMARY KEY NOT NULL,
  purpose TEXT NOT NULL CHECK (purpose IN ('setup', 'password')),
  account TEXT REFERENCES accounts (name),
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER,
  used_at_ms INTEGER,
  CHECK ((purpose = 'password') = (account IS NOT NULL))
) WITHOUT ROWID;

CREATE TABLE grants (
  id TEXT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('sharing', 'break_glass')),
  of_force TEXT,
  to_force TEXT,
  -- An account, or a device that speaks for a unit: no reference.
  to_account TEXT,
  collection TEXT NOT NULL,
  fields TEXT NOT NULL,
  area TEXT NOT NULL,
  reason TEXT NOT NULL,
  granted_by TEXT NOT NULL,
  granted_at_ms INTEGER NOT NULL,
  valid_from_ms INTEGER NOT NULL,
  valid_to_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER,
  revoked_by TEXT,
  CHECK ((to_force IS NULL) <> (to_account IS NULL)),
  CHECK (valid_from_ms < valid_to_ms)
) WITHOUT ROWID;
CREATE INDEX grants_by_end ON grants (valid_to_ms);

CREATE TRIGGER account_added AFTER INSERT ON accounts BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER account_changed AFTER UPDATE ON accounts BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER account_erased AFTER DELETE ON accounts BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER session_added AFTER INSERT ON sessions BEGIN UPDATE revision SET number = number + 1; END;
-- When a session or token was last used decides nothing that others must hear of at once.
CREATE TRIGGER session_changed AFTER UPDATE OF hash, account, expires_at_ms ON sessions
  BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER session_ended AFTER DELETE ON sessions BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER token_added AFTER INSERT ON tokens BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER token_changed AFTER UPDATE OF hash, account, unit_id, unit_name, unit_force, revoked_at_ms ON tokens
  BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER token_erased AFTER DELETE ON tokens BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER grant_added AFTER INSERT ON grants BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER grant_changed AFTER UPDATE ON grants BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER grant_erased AFTER DELETE ON grants BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER organisation_added AFTER INSERT ON organisations BEGIN UPDATE revision SET number = number + 1; END;
CREATE TRIGGER organisation_changed AFTER UPDATE ON organisations BEGIN UPDATE revision SET number = number + 1; END;
