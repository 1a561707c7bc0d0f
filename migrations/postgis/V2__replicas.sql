-- The logs by which the nodes share what each keeps a replica of: accounts (`system`) and tips (`tips`). Entries have
-- positions from 1 without gaps; an entry is taken only directly after the newest one, so that it rests on all before.
-- No instant is kept: by it a tip could be matched with a call.
CREATE TABLE replica_entries (
  log text NOT NULL,
  position bigint NOT NULL,
  -- Told at random by the writer, who knows by it whether an answer that was lost was a yes.
  nonce uuid NOT NULL,
  schema integer NOT NULL,
  -- JSON; empty where a snapshot took its place.
  changes text NOT NULL,
  PRIMARY KEY (log, position)
);

-- The whole content of each log at a position, in place of the entries up to it.
CREATE TABLE replica_snapshots (
  log text PRIMARY KEY,
  position bigint NOT NULL,
  nonce uuid NOT NULL,
  schema integer NOT NULL,
  changes text NOT NULL
);

-- Whether the entry was taken. Two at once: the second waits for the first's key, and is not.
CREATE FUNCTION append_entry(p_log text, p_position bigint, p_nonce uuid, p_schema integer, p_changes text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = trucban, public, pg_temp AS $$
BEGIN
  INSERT INTO replica_entries
    SELECT p_log, p_position, p_nonce, p_schema, p_changes
    WHERE (SELECT max(e.position) FROM replica_entries e WHERE e.log = p_log) = p_position - 1
    ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM pg_notify('trucban_replicas', p_log);
  RETURN true;
END $$;

-- Whether the snapshot was kept: not if there is one as new. The entry at its position stays as an empty mark.
CREATE FUNCTION put_snapshot(p_log text, p_position bigint, p_nonce uuid, p_schema integer, p_changes text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = trucban, public, pg_temp AS $$
BEGIN
  INSERT INTO replica_snapshots AS kept VALUES (p_log, p_position, p_nonce, p_schema, p_changes)
    ON CONFLICT (log) DO UPDATE SET
      position = excluded.position, nonce = excluded.nonce, schema = excluded.schema, changes = excluded.changes
    WHERE kept.position < excluded.position;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO replica_entries VALUES (p_log, p_position, p_nonce, p_schema, '')
    ON CONFLICT (log, position) DO UPDATE SET changes = '';
  DELETE FROM replica_entries e WHERE e.log = p_log AND e.position < p_position;
  RETURN true;
END $$;
