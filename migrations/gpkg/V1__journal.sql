-- The GeoPackage frame (OGC 12-128r17, version 1.3) and the tables that do not depend on the schemas of the
-- collections. The record tables are made from `Collection::fields()` when the store is opened.
-- The R*Tree extension is left out on purpose: the picture is the index, and its triggers would cost every write.

CREATE TABLE gpkg_spatial_ref_sys (
  srs_name TEXT NOT NULL,
  srs_id INTEGER NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL,
  organization_coordsys_id INTEGER NOT NULL,
  definition TEXT NOT NULL,
  description TEXT
);
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined Cartesian SRS', -1, 'NONE', -1, 'undefined', 'undefined Cartesian coordinate reference system'),
  ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', 'undefined geographic coordinate reference system'),
  ('WGS 84', 4326, 'EPSG', 4326,
   'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AXIS["Latitude",NORTH],AXIS["Longitude",EAST],AUTHORITY["EPSG","4326"]]',
   'longitude/latitude coordinates in decimal degrees on the WGS 84 spheroid');

CREATE TABLE gpkg_contents (
  table_name TEXT NOT NULL PRIMARY KEY,
  data_type TEXT NOT NULL,
  identifier TEXT UNIQUE,
  description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE,
  min_y DOUBLE,
  max_x DOUBLE,
  max_y DOUBLE,
  srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id)
);

CREATE TABLE gpkg_geometry_columns (
  table_name TEXT NOT NULL,
  column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL,
  srs_id INTEGER NOT NULL,
  z TINYINT NOT NULL,
  m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id)
);

-- Every change. `body` is the canonical JSON of the whole record after it.
CREATE TABLE journal (
  seq INTEGER PRIMARY KEY NOT NULL,
  request_id TEXT NOT NULL,
  actor TEXT NOT NULL,
  recorded_at DATETIME NOT NULL,
  valid_at DATETIME NOT NULL,
  exercise_id TEXT,
  collection TEXT NOT NULL,
  record_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  format INTEGER NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX journal_of_record ON journal (collection, record_id, seq);
INSERT INTO gpkg_contents (table_name, data_type, identifier, description)
  VALUES ('journal', 'attributes', 'journal', 'Every change in its order; the record tables are its fold.');

-- Values that may be erased. AUTOINCREMENT: a reference is never given twice, so that an erased value stays erased.
-- `seq` is that of the change that brought the values.
CREATE TABLE personal_values (
  ref INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  seq INTEGER NOT NULL,
  collection TEXT NOT NULL,
  record_id TEXT NOT NULL,
  salt BLOB NOT NULL,
  value TEXT NOT NULL
);
CREATE INDEX personal_values_of_record ON personal_values (collection, record_id);

-- Position fixes. `source`: 0 gps, 1 radio, 2 post. The table that takes thousands of rows a second has no guard
-- against insertion, which would cost half as much again as the row itself; a fix counts only with its batch, and
-- batches are guarded.
CREATE TABLE fixes (
  seq INTEGER NOT NULL,
  n INTEGER NOT NULL,
  unit_id BLOB NOT NULL,
  at_ms INTEGER NOT NULL,
  lon DOUBLE NOT NULL,
  lat DOUBLE NOT NULL,
  accuracy_m DOUBLE,
  speed_mps DOUBLE,
  course_deg DOUBLE,
  source INTEGER NOT NULL,
  heard_by TEXT,
  PRIMARY KEY (seq, n)
) WITHOUT ROWID;
CREATE TABLE fix_batches (
  seq INTEGER PRIMARY KEY NOT NULL,
  recorded_at DATETIME NOT NULL,
  fixes INTEGER NOT NULL
);

-- The newest fix of each unit by fix time: derived, written a little later than the fixes, so that other programs
-- can draw the units. `seq` and `n` name the fix.
CREATE TABLE unit_positions (
  fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  geom POINT,
  unit_id TEXT UNIQUE NOT NULL,
  fix_at DATETIME NOT NULL,
  fix_source TEXT NOT NULL,
  accuracy_m DOUBLE,
  speed_mps DOUBLE,
  course_deg DOUBLE,
  heard_by TEXT,
  seq INTEGER NOT NULL,
  n INTEGER NOT NULL
);
INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id)
  VALUES ('unit_positions', 'features', 'unit_positions', 'The newest fix of each unit.', 4326);
INSERT INTO gpkg_geometry_columns VALUES ('unit_positions', 'geom', 'POINT', 4326, 0, 0);

-- Answered calls by their Idempotency-Key; first_seq = 0: the call changed nothing.
CREATE TABLE requests (
  key TEXT PRIMARY KEY NOT NULL,
  body_hash BLOB NOT NULL,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  recorded_at_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX requests_by_age ON requests (recorded_at_ms);

CREATE TABLE code_counters (
  series TEXT NOT NULL,
  year INTEGER NOT NULL,
  quarter INTEGER NOT NULL,
  next INTEGER NOT NULL,
  PRIMARY KEY (series, year, quarter)
) WITHOUT ROWID;

CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;

-- What a fold needs to start at `seq`: the newest journal row of every record (`heads`) and the newest fix of every
-- unit (`positions`, pairs of seq and n), each list sorted, as differences in LEB128.
CREATE TABLE checkpoints (
  seq INTEGER PRIMARY KEY NOT NULL,
  recorded_at DATETIME NOT NULL,
  heads BLOB NOT NULL,
  positions BLOB NOT NULL
);

-- The one import under way: rows with a seq from `first_seq` on do not count yet. Deleting the row makes them count.
CREATE TABLE staging (
  one INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
  first_seq INTEGER NOT NULL
);
-- Runs of seq that were set aside for an import and not used.
CREATE TABLE seq_gaps (first_seq INTEGER PRIMARY KEY NOT NULL, last_seq INTEGER NOT NULL);

PRAGMA application_id = 1196444487;
PRAGMA user_version = 10300;
