-- A node whose connection broke while it waited for an answer does not know whether its group was committed. It sends
-- the group again under the same number, and the group happens once, also where the first sending is still under way.

-- The last group of each node that wrote something: `writer` is a number that a node throws when it starts, and it
-- counts its groups. The group has the seqs after `before` up to `newest`.
CREATE TABLE writers (
  writer uuid PRIMARY KEY,
  number bigint NOT NULL,
  before bigint NOT NULL,
  newest bigint NOT NULL,
  recorded_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Fixes of a group, one array a column of `fixes`, each with the place of its batch from 1. One value and not eleven,
-- since PL/pgSQL takes every array that is handed to it apart.
CREATE TYPE fix_arrays AS (
  batch integer[], n integer[], unit uuid[], at timestamptz[], lon double precision[], lat double precision[],
  accuracy double precision[], speed double precision[], course double precision[], source smallint[], heard_by text[]
);

-- `write_group`, once. One more row of the answer: `done` (a: before, b: newest), if the group was committed already.
CREATE FUNCTION write_group_once(
  call_key uuid[], call_hash bytea[], call_request uuid[], call_actor text[], call_exercise uuid[],
  call_expects_until integer[], call_puts_until integer[],
  expect_collection text[], expect_id uuid[], expect_version integer[],
  put_collection text[], put_id uuid[], put_valid_at timestamptz[], put_geom bytea[], put_geometry text[],
  put_properties text[], put_coded text[], put_mark text[], put_series text[], put_year integer[],
  put_quarter integer[], put_number bigint[], put_personal text[], put_salt bytea[], put_format integer,
  batch_fixes integer[], p_fixes fix_arrays,
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
    today := (now_at AT TIME ZONE 'UTC')::date;
    PERFORM have_fix_day(today);
    INSERT INTO fixes
      SELECT today, ends + f.batch, f.n, f.unit, f.at, f.lon, f.lat, f.accuracy, f.speed, f.course, f.source, f.heard_by
      FROM unnest(p_fixes.batch, p_fixes.n, p_fixes.unit, p_fixes.at, p_fixes.lon, p_fixes.lat, p_fixes.accuracy,
                  p_fixes.speed, p_fixes.course, p_fixes.source, p_fixes.heard_by)
        AS f (batch, n, unit, at, lon, lat, accuracy, speed, course, source, heard_by);
    INSERT INTO fix_batches
      SELECT ends + u.n, now_at, today, u.fixes FROM unnest(batch_fixes) WITH ORDINALITY u (fixes, n);
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

-- Forgets nodes that wrote nothing since `p_before`.
CREATE FUNCTION prune_writers(p_before timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = trucban, public, pg_temp AS $$
  DELETE FROM writers WHERE recorded_at < p_before
$$;
