-- The content of attachments by its hash. The bytes are packed already: EXTERNAL leaves them as they are, so that a part
-- can be read without the whole. Null: retention has erased them.
CREATE TABLE attachment_files (
  hash bytea PRIMARY KEY,
  kept_at timestamptz NOT NULL,
  content bytea,
  CHECK (content IS NULL OR sha256(content) = hash)
);
ALTER TABLE attachment_files ALTER COLUMN content SET STORAGE EXTERNAL;
COMMENT ON TABLE attachment_files IS 'Content of attachments by its SHA-256.';

-- Keeps a content; one that is there already is kept as new.
CREATE FUNCTION keep_file(p_hash bytea, p_content bytea) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = trucban, public, pg_temp AS $$
  INSERT INTO attachment_files AS f VALUES (p_hash, clock_timestamp(), p_content)
  ON CONFLICT (hash) DO UPDATE SET kept_at = excluded.kept_at, content = coalesce(f.content, excluded.content)
$$;

-- Drops what no record names and was kept last before a moment. One that is kept anew meanwhile is looked at again, and
-- stays. The record table is made after this function.
CREATE FUNCTION drop_orphan_files(p_kept_before timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = trucban, public, pg_temp AS $$
DECLARE
  dropped bigint;
BEGIN
  DELETE FROM attachment_files f
  WHERE f.kept_at < p_kept_before
    AND NOT EXISTS (SELECT FROM attachments a WHERE a.sha256 = encode(f.hash, 'hex'));
  GET DIAGNOSTICS dropped = ROW_COUNT;
  RETURN dropped;
END $$;
