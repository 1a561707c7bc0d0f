-- Large batches of fixes are copied under keys of their own before the counter is taken, so that whoever holds it only
-- says which batch has which key. `fix_rows` holds the fixes by key and day; `fixes` shows them by the seq of their
-- batch, as before.
ALTER TABLE fixes RENAME TO fix_rows;
ALTER TABLE fix_rows RENAME COLUMN seq TO key;
ALTER INDEX fixes_pkey RENAME TO fix_rows_pkey;
COMMENT ON TABLE fix_rows IS 'Fixes by the key of their batch: its seq, or a number from 2^62 where they were copied ahead. Read the view fixes.';

-- Null: the fixes lie under the seq.
ALTER TABLE fix_batches ADD COLUMN key bigint;
-- Keys that no seq is equal to (from 2^62), and that grow, so that the index grows at its end.
CREATE SEQUENCE fix_keys MINVALUE 4611686018427387904;

CREATE VIEW fixes AS
  SELECT b.recorded_on, b.seq, r.n, r.unit_id, r.at, r.lon, r.lat, r.accuracy_m, r.speed_mps, r.course_deg, r.source,
         r.heard_by
  FROM fix_batches b JOIN fix_rows r ON r.recorded_on = b.recorded_on AND r.key = coalesce(b.key, b.seq);
COMMENT ON VIEW fixes IS 'Every position fix, by the seq of its batch and its place in it.';

DROP VIEW newest_fixes;
CREATE VIEW newest_fixes AS
  SELECT DISTINCT ON (unit_id) * FROM (
    SELECT unit_id, fix_at AS at, ST_X(geom) AS lon, ST_Y(geom) AS lat, accuracy_m, speed_mps, course_deg,
           array_position(ARRAY['gps', 'radio', 'post'], fix_source)::smallint - 1::smallint AS source, heard_by, seq, n
    FROM unit_positions
    UNION ALL
    SELECT f.unit_id, f.at, f.lon, f.lat, f.accuracy_m, f.speed_mps, f.course_deg, f.source, f.heard_by, f.seq, f.n
    FROM fixes f
    WHERE f.seq > (SELECT t.seq FROM positions_through t)
  ) known
  ORDER BY unit_id, at DESC, seq, n;

-- As before, of the view.
CREATE OR REPLACE FUNCTION flush_positions() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = trucban, public, pg_temp AS $$
DECLARE
  through bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(7301, 2) THEN
    RETURN;
  END IF;
  SELECT c.seq INTO through FROM counter c;
  IF through = (SELECT t.seq FROM positions_through t) THEN
    RETURN;
  END IF;
  INSERT INTO unit_positions AS p
    SELECT DISTINCT ON (f.unit_id) f.unit_id, ST_SetSRID(ST_MakePoint(f.lon, f.lat), 4326), f.at,
           (ARRAY['gps', 'radio', 'post'])[f.source + 1], f.accuracy_m, f.speed_mps, f.course_deg, f.heard_by, f.seq, f.n
    FROM fixes f
    WHERE f.seq > (SELECT t.seq FROM positions_through t) AND f.seq <= through
    ORDER BY f.unit_id, f.at DESC, f.seq, f.n
  ON CONFLICT (unit_id) DO UPDATE SET
    geom = excluded.geom, fix_at = excluded.fix_at, fix_source = excluded.fix_source,
    accuracy_m = excluded.accuracy_m, speed_mps = excluded.speed_mps, course_deg = excluded.course_deg,
    heard_by = excluded.heard_by, seq = excluded.seq, n = excluded.n
  WHERE excluded.fix_at > p.fix_at;
  UPDATE positions_through SET seq = through;
END $$;

-- Whether a day (UTC) has its partition.
CREATE FUNCTION has_fix_day(p_day date) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT to_regclass('trucban.fixes_' || to_char(p_day, 'YYYYMMDD')) IS NOT NULL
      OR p_day < (SELECT k.from_day FROM trucban.fixes_kept k)
$$;

-- The partition of a day; made when the day's first fix comes.
CREATE OR REPLACE FUNCTION have_fix_day(p_day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  name text := 'fixes_' || to_char(p_day, 'YYYYMMDD');
BEGIN
  IF NOT has_fix_day(p_day) THEN
    -- Attached and not created as a partition, which would shut out everybody who reads fixes.
    EXECUTE format('CREATE TABLE trucban.%I (LIKE trucban.fix_rows INCLUDING DEFAULTS)', name);
    EXECUTE format('ALTER TABLE trucban.fix_rows ATTACH PARTITION trucban.%I FOR VALUES FROM (%L) TO (%L)',
                   name, p_day, p_day + 1);
  END IF;
END $$;

-- Keys for batches that are about to be copied, and the day under which to do it, whose partition is there.
CREATE FUNCTION take_fix_keys(p_batches integer, OUT keys bigint[], OUT day date)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = trucban, public, pg_temp AS $$
BEGIN
  day := (journal_now() AT TIME ZONE 'UTC')::date;
  IF NOT has_fix_day(day) THEN
    BEGIN
      PERFORM FROM counter FOR UPDATE;
    EXCEPTION WHEN lock_not_available THEN
      RAISE EXCEPTION 'another node holds the counter' USING ERRCODE = 'TB001';
    END;
    PERFORM have_fix_day(day);
  END IF;
  SELECT array_agg(nextval('fix_keys')) INTO keys FROM generate_series(1, p_batches);
END $$;

-- `write_group`, once: a group is what a node numbers. Fixes come with the call (`p_fixes`), or were copied ahead by the same transaction, each batch
-- under its key of `p_keys` and all under `p_day`. One more row of the answer: `done` (a: before, b: newest), if the
-- group was committed already; what was copied for it again is gone.
CREATE FUNCTION append_group(
  call_key uuid[], call_hash bytea[], call_request uuid[], call_actor text[], call_exercise uuid[],
  call_expects_until integer[], call_puts_until integer[],
  expect_collection text[], expect_id uuid[], expect_version integer[],
  put_collection text[], put_id uuid[], put_valid_at timestamptz[], put_geom bytea[], put_geometry text[],
  put_properties text[], put_coded text[], put_mark text[], put_series text[], put_year integer[],
  put_quarter integer[], put_number bigint[], put_personal text[], put_salt bytea[], put_format integer,
  batch_fixes integer[], p_fixes fix_arrays, p_keys bigint[], p_day date,
  p_writer uuid, p_number bigint
) RETURNS TABLE (what text, call integer, item integer, a bigint, b bigint, code text, at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = trucban, public, pg_temp AS $$
#variable_conflict use_column
DECLARE
  begins bigint;
  ends bigint;
  last record;
  now_at timestamptz;
  today date;
BEGIN
  BEGIN
    SELECT c.seq INTO STRICT begins FROM counter c FOR UPDATE;
  EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION 'another node holds the counter' USING ERRCODE = 'TB001';
  END;
  SELECT w.number, w.before, w.newest INTO last FROM writers w WHERE w.writer = p_writer;
  IF last.number = p_number THEN
    DELETE FROM fix_rows r WHERE r.recorded_on = p_day AND r.key = ANY (p_keys);
    RETURN QUERY SELECT 'done', 0, 0, last.before, last.newest, NULL::text, journal_now();
    RETURN;
  ELSIF last.number > p_number THEN
    RAISE EXCEPTION 'the node has given this group up and gone on' USING ERRCODE = 'TB003';
  END IF;
  ends := begins;
  IF cardinality(call_actor) > 0 THEN
    RETURN QUERY SELECT * FROM write_group(
      call_key, call_hash, call_request, call_actor, call_exercise, call_expects_until, call_puts_until,
      expect_collection, expect_id, expect_version,
      put_collection, put_id, put_valid_at, put_geom, put_geometry, put_properties, put_coded, put_mark, put_series,
      put_year, put_quarter, put_number, put_personal, put_salt, put_format,
      '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
    SELECT c.seq INTO STRICT ends FROM counter c;
  END IF;
  IF cardinality(batch_fixes) > 0 THEN
    now_at := journal_now();
    today := coalesce(p_day, (now_at AT TIME ZONE 'UTC')::date);
    IF p_keys IS NULL THEN
      PERFORM have_fix_day(today);
      INSERT INTO fix_rows
        SELECT today, ends + f.batch, f.n, f.unit, f.at, f.lon, f.lat, f.accuracy, f.speed, f.course, f.source,
               f.heard_by
        FROM unnest(p_fixes.batch, p_fixes.n, p_fixes.unit, p_fixes.at, p_fixes.lon, p_fixes.lat, p_fixes.accuracy,
                    p_fixes.speed, p_fixes.course, p_fixes.source, p_fixes.heard_by)
          AS f (batch, n, unit, at, lon, lat, accuracy, speed, course, source, heard_by);
    END IF;
    INSERT INTO fix_batches (seq, recorded_at, recorded_on, fixes, key)
      SELECT ends + u.n, now_at, today, u.fixes, p_keys[u.n] FROM unnest(batch_fixes) WITH ORDINALITY u (fixes, n);
    RETURN QUERY
      SELECT 'fixes', 0, n::integer, ends + n, 0::bigint, NULL::text, now_at
      FROM generate_series(1::bigint, cardinality(batch_fixes)) n;
    ends := ends + cardinality(batch_fixes);
    UPDATE counter SET seq = ends;
    PERFORM pg_notify('trucban', ends::text);
  END IF;
  IF ends > begins THEN
    INSERT INTO writers AS w VALUES (p_writer, p_number, begins, ends, journal_now())
    ON CONFLICT (writer) DO UPDATE SET
      number = excluded.number, before = excluded.before, newest = excluded.newest, recorded_at = excluded.recorded_at;
  END IF;
END $$;

-- As nodes of the version before call it.
CREATE OR REPLACE FUNCTION write_group_once(
  call_key uuid[], call_hash bytea[], call_request uuid[], call_actor text[], call_exercise uuid[],
  call_expects_until integer[], call_puts_until integer[],
  expect_collection text[], expect_id uuid[], expect_version integer[],
  put_collection text[], put_id uuid[], put_valid_at timestamptz[], put_geom bytea[], put_geometry text[],
  put_properties text[], put_coded text[], put_mark text[], put_series text[], put_year integer[],
  put_quarter integer[], put_number bigint[], put_personal text[], put_salt bytea[], put_format integer,
  batch_fixes integer[], p_fixes fix_arrays,
  p_writer uuid, p_number bigint
) RETURNS TABLE (what text, call integer, item integer, a bigint, b bigint, code text, at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = trucban, public, pg_temp AS $$
  SELECT * FROM append_group(
    call_key, call_hash, call_request, call_actor, call_exercise, call_expects_until, call_puts_until,
    expect_collection, expect_id, expect_version,
    put_collection, put_id, put_valid_at, put_geom, put_geometry, put_properties, put_coded, put_mark, put_series,
    put_year, put_quarter, put_number, put_personal, put_salt, put_format,
    batch_fixes, p_fixes, NULL::bigint[], NULL::date, p_writer, p_number)
$$;

-- As before, of `fix_rows`.
CREATE OR REPLACE FUNCTION drop_old_fixes(p_keep_days integer, p_days integer)
RETURNS TABLE (before date, fixes_gone bigint)
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
    WHERE i.inhparent = 'trucban.fix_rows'::regclass AND c.relname ~ '^fixes_\d{8}$'
      AND to_date(right(c.relname, 8), 'YYYYMMDD') < due
    ORDER BY 1 LIMIT p_days) p;
  -- Which fix is the newest of its unit is known when all have been looked at.
  PERFORM flush_positions();
  IF parts IS NULL OR (SELECT t.seq FROM positions_through t)
    < (SELECT max(b.seq) FROM fix_batches b WHERE b.recorded_on < before)
  THEN
    RETURN;
  END IF;
  CREATE TABLE trucban.fixes_old_new (LIKE trucban.fix_rows INCLUDING DEFAULTS INCLUDING INDEXES);
  INSERT INTO fixes_old_new
    SELECT r.* FROM unit_positions p JOIN fix_batches b ON b.seq = p.seq
      JOIN fix_rows r ON r.recorded_on = b.recorded_on AND r.key = coalesce(b.key, b.seq) AND r.n = p.n
    WHERE b.recorded_on < before;
  SELECT coalesce(sum(b.fixes), 0) - (SELECT count(*) FROM fixes_old_new) INTO fixes_gone
    FROM fix_batches b WHERE b.recorded_on < before;
  -- The newest of all stays, so that its seq is known to be used.
  WITH gone AS (
    DELETE FROM fix_batches b WHERE b.recorded_on < before AND b.seq < (SELECT max(f.seq) FROM fix_batches f)
      AND NOT EXISTS (SELECT FROM fixes_old_new o WHERE o.key = coalesce(b.key, b.seq))
    RETURNING b.seq
  )
  INSERT INTO seq_gaps SELECT min(r.seq), max(r.seq)
    FROM (SELECT g.seq, g.seq - row_number() OVER (ORDER BY g.seq) AS run FROM gone g) r GROUP BY r.run;
  UPDATE fix_batches b SET fixes = (SELECT count(*) FROM fixes_old_new o WHERE o.key = coalesce(b.key, b.seq))
    WHERE b.recorded_on < before;
  -- From here on nobody reads or writes fixes until the commit, which follows at once and waits for no standby: what is
  -- lost of it is done again.
  PERFORM set_config('synchronous_commit', 'local', true);
  PERFORM set_config('lock_timeout', '50ms', true);
  FOR attempt IN 1 .. 20 LOOP
    BEGIN
      LOCK TABLE fix_rows IN ACCESS EXCLUSIVE MODE;
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
  EXECUTE format('ALTER TABLE trucban.fix_rows ATTACH PARTITION trucban.fixes_old FOR VALUES FROM (MINVALUE) TO (%L)',
                 before);
  UPDATE fixes_kept SET from_day = before;
  RETURN NEXT;
END $$;
