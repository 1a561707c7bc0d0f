-- Lines and areas lie in columns of one type, which a column must have to be typed: as multiple ones. `is_single` tells
-- which of them were given as a single line or area, so that they are read back as they were given.
DO $$
DECLARE
  found record;
BEGIN
  FOR found IN
    SELECT f_table_name AS name, type FROM geometry_columns
    WHERE f_table_schema = 'trucban' AND f_geometry_column = 'geom' AND type IN ('LINESTRING', 'POLYGON')
  LOOP
    EXECUTE format('ALTER TABLE trucban.%I ADD COLUMN is_single boolean', found.name);
    EXECUTE format('UPDATE trucban.%I SET is_single = geometrytype(geom) = %L', found.name, found.type);
    EXECUTE format('ALTER TABLE trucban.%I DROP CONSTRAINT %I', found.name, found.name || '_geom_check');
    EXECUTE format('ALTER TABLE trucban.%I ALTER COLUMN geom TYPE geometry(%s, 4326) USING ST_Multi(geom)',
                   found.name, 'MULTI' || found.type);
  END LOOP;
END $$;

-- The day (UTC) from which on all fixes are kept. Of those before it only the newest of each unit is, all of them in
-- the one partition `fixes_old`; the seqs of their batches stand in `seq_gaps`.
CREATE TABLE fixes_kept (one boolean PRIMARY KEY DEFAULT true CHECK (one), from_day date NOT NULL);
INSERT INTO fixes_kept (from_day) VALUES ('-infinity');

-- As before, but a day before `fixes_kept.from_day` (the clock was set back) has its partition already.
CREATE OR REPLACE FUNCTION have_fix_day(p_day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  name text := 'fixes_' || to_char(p_day, 'YYYYMMDD');
BEGIN
  IF to_regclass('trucban.' || name) IS NULL AND p_day >= (SELECT k.from_day FROM fixes_kept k) THEN
    -- Attached and not created as a partition, which would shut out everybody who reads fixes.
    EXECUTE format('CREATE TABLE trucban.%I (LIKE trucban.fixes INCLUDING DEFAULTS)', name);
    EXECUTE format('ALTER TABLE trucban.fixes ATTACH PARTITION trucban.%I FOR VALUES FROM (%L) TO (%L)',
                   name, p_day, p_day + 1);
  END IF;
END $$;

-- Makes the partitions of today and tomorrow ahead, so that the first fix after midnight waits for nothing. Whoever
-- makes one holds the counter, so that nobody else does at once.
CREATE FUNCTION have_fix_days_ahead() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = trucban, public, pg_temp AS $$
DECLARE
  today date := (journal_now() AT TIME ZONE 'UTC')::date;
BEGIN
  PERFORM FROM counter FOR UPDATE;
  PERFORM have_fix_day(today);
  PERFORM have_fix_day(today + 1);
END $$;

-- Drops the partitions of days that are more than `p_keep_days` past, the oldest first and at most `p_days` of them,
-- so that a clock that is wrong for an hour does not empty the table. Keeps of each unit its newest fix. What was
-- dropped; no row if nothing was due, or another node is at it. Fails with lock_not_available where somebody reads
-- fixes for seconds; then it is to be tried again.
CREATE FUNCTION drop_old_fixes(p_keep_days integer, p_days integer) RETURNS TABLE (before date, fixes_gone bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = trucban, public, pg_temp AS $$
DECLARE
  due date := (journal_now() AT TIME ZONE 'UTC')::date - p_keep_days;
  parts text[];
BEGIN
  IF p_keep_days < 30 THEN
    RAISE EXCEPTION 'fixes are kept for 30 days at least';
  END IF;
  IF NOT pg_try_advisory_xact_lock(7301, 4) THEN
    RETURN;
  END IF;
  SELECT array_agg(p.name), max(to_date(right(p.name, 8), 'YYYYMMDD')) + 1 INTO parts, before FROM (
    SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'trucban.fixes'::regclass AND c.relname ~ '^fixes_\d{8}$'
      AND to_date(right(c.relname, 8), 'YYYYMMDD') < due
    ORDER BY 1 LIMIT p_days) p;
  -- Which fix is the newest of its unit is known when all have been looked at.
  PERFORM flush_positions();
  IF parts IS NULL OR (SELECT t.seq FROM positions_through t)
    < (SELECT max(b.seq) FROM fix_batches b WHERE b.recorded_on < before)
  THEN
    RETURN;
  END IF;
  CREATE TABLE trucban.fixes_old_new (LIKE trucban.fixes INCLUDING DEFAULTS INCLUDING INDEXES);
  INSERT INTO fixes_old_new
    SELECT f.* FROM unit_positions p JOIN fix_batches b ON b.seq = p.seq
      JOIN fixes f ON f.recorded_on = b.recorded_on AND f.seq = p.seq AND f.n = p.n
    WHERE b.recorded_on < before;
  SELECT coalesce(sum(b.fixes), 0) - (SELECT count(*) FROM fixes_old_new) INTO fixes_gone
    FROM fix_batches b WHERE b.recorded_on < before;
  -- The newest of all stays, so that its seq is known to be used.
  WITH gone AS (
    DELETE FROM fix_batches b WHERE b.recorded_on < before AND b.seq < (SELECT max(f.seq) FROM fix_batches f)
      AND NOT EXISTS (SELECT FROM fixes_old_new o WHERE o.seq = b.seq)
    RETURNING b.seq
  )
  INSERT INTO seq_gaps SELECT min(r.seq), max(r.seq)
    FROM (SELECT g.seq, g.seq - row_number() OVER (ORDER BY g.seq) AS run FROM gone g) r GROUP BY r.run;
  UPDATE fix_batches b SET fixes = (SELECT count(*) FROM fixes_old_new o WHERE o.seq = b.seq)
    WHERE b.recorded_on < before;
  -- From here on nobody reads or writes fixes until the commit, which follows at once and waits for no standby: what is
  -- lost of it is done again.
  PERFORM set_config('synchronous_commit', 'local', true);
  PERFORM set_config('lock_timeout', '50ms', true);
  FOR attempt IN 1 .. 20 LOOP
    BEGIN
      LOCK TABLE fixes IN ACCESS EXCLUSIVE MODE;
      EXIT;
    EXCEPTION WHEN lock_not_available THEN
      IF attempt = 20 THEN
        RAISE;
      END IF;
      -- Who writes waits behind whoever waits for a lock; it must not wait for long.
      PERFORM pg_sleep(0.2 * random());
    END;
  END LOOP;
  FOR p IN 1 .. cardinality(parts) LOOP
    EXECUTE format('DROP TABLE trucban.%I', parts[p]);
  END LOOP;
  DROP TABLE IF EXISTS trucban.fixes_old;
  ALTER TABLE trucban.fixes_old_new RENAME TO fixes_old;
  EXECUTE format('ALTER TABLE trucban.fixes ATTACH PARTITION trucban.fixes_old FOR VALUES FROM (MINVALUE) TO (%L)',
                 before);
  UPDATE fixes_kept SET from_day = before;
  RETURN NEXT;
END $$;
