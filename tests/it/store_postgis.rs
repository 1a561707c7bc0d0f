//! What the PostGIS store alone promises: other programs read it and cannot write, one role migrates and another
//! serves, nodes hear of each other, and damage is found.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use geo_types::{Geometry, MultiLineString, MultiPolygon, Rect, line_string};
use serde_json::json;
use tokio::sync::watch;
use trucban::domain::collection::GeometryKind;
use trucban::domain::{Collection, Event, Fix};
use trucban::store::postgis::{Database, PgStore, check, migrate};
use trucban::store::{Put, Store, StoreError};
use uuid::Uuid;

use crate::postgres_support::TestDatabase;
use crate::store_support::{call, expecting, fix, household, keyed, object, put, put_one, records};

/// Longest that a node may take to hear of another; only against a test that hangs.
const AT_MOST: Duration = Duration::from_secs(20);

async fn open(database: &TestDatabase) -> Arc<PgStore> {
    PgStore::open(database.database(), None, "").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn gdal_lists_every_collection_with_its_type_srid_and_spatial_index() {
    let database = TestDatabase::new();
    let store = open(&database).await;
    put_one(&*store, household(Uuid::now_v7(), 4)).await.unwrap();
    let source = database.url().replace("postgres://", "PG:postgresql://");
    for collection in Collection::ALL {
        let layer = format!("trucban.{collection}");
        let listed = match Command::new("ogrinfo").args(["-ro", "-so", &source, &layer]).output() {
            Ok(listed) => listed,
            Err(error) => return println!("SKIPPED: ogrinfo is not installed ({error}): apt-get install gdal-bin"),
        };
        let said = String::from_utf8_lossy(&listed.stdout);
        assert!(listed.status.success() && said.contains("EPSG\",4326"), "{layer}: {said}");
        let kind = database.sql(&format!(
            "SELECT type || ' ' || srid FROM geometry_columns WHERE f_table_schema = 'trucban' \
             AND f_table_name = '{collection}'"
        ));
        let geometry = match collection.geometry_kind() {
            GeometryKind::Line => "Multi Line String",
            GeometryKind::Area => "Multi Polygon",
            GeometryKind::Point => "Point",
        };
        assert!(said.contains(&format!("Geometry: {geometry}")), "{layer}: {said}");
        assert!(
            ["POINT 4326", "MULTILINESTRING 4326", "MULTIPOLYGON 4326"].contains(&kind.as_str()),
            "{layer}: {kind}"
        );
        let indexed = database.sql(&format!(
            "SELECT count(*) FROM pg_indexes WHERE schemaname = 'trucban' AND tablename = '{collection}' \
             AND indexdef LIKE '%USING gist (geom)'"
        ));
        assert_eq!(indexed, "1", "{layer}");
    }
    let found =
        database.sql("SELECT count(*) FROM households WHERE geom && ST_MakeEnvelope(103, 22, 103.2, 22.5, 4326)");
    assert_eq!(found, "1", "as QGIS asks");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_not_migrated_is_refused_and_says_what_to_do() {
    let database = TestDatabase::bare();
    match PgStore::open(database.database(), None, "").await {
        Err(StoreError::Unavailable(why)) => assert!(why.contains("trucban migrate"), "{why}"),
        other => panic!("{:?}", other.map(|_| ())),
    }
    migrate(&database.database()).await.unwrap();
    migrate(&database.database()).await.unwrap();
    let store = open(&database).await;
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    store.close().await;
    // As after an update of trucban that knows one field more.
    database.sql("ALTER TABLE places DROP COLUMN told_by");
    assert!(matches!(PgStore::open_read(database.database()).await, Err(StoreError::Unavailable(_))));
    migrate(&database.database()).await.unwrap();
    open(&database).await.close().await;
}

/// What migration V3 changed, undone: the database is one of the version before.
const BEFORE_V3: &str = "
    DELETE FROM refinery_schema_history WHERE version >= 3;
    DROP FUNCTION append_group, take_fix_keys, has_fix_day, write_group_once, prune_writers;
    DROP VIEW newest_fixes, fixes;
    CREATE VIEW newest_fixes AS SELECT 0 AS seq;
    DROP FUNCTION keep_file, drop_orphan_files;
    DROP TABLE attachment_files;
    DROP INDEX journal_told_late;
    DROP SEQUENCE fix_keys;
    ALTER TABLE fix_batches DROP key;
    ALTER TABLE fix_rows RENAME COLUMN key TO seq;
    ALTER INDEX fix_rows_pkey RENAME TO fixes_pkey;
    ALTER TABLE fix_rows RENAME TO fixes;
    DROP TYPE fix_arrays;
    DROP TABLE writers;
    DROP FUNCTION have_fix_days_ahead, drop_old_fixes;
    DROP TABLE fixes_kept;
    DO $$ DECLARE c record; BEGIN
      FOR c IN SELECT f_table_name AS name, replace(type, 'MULTI', '') AS one FROM geometry_columns
               WHERE f_table_schema = 'trucban' AND type LIKE 'MULTI%' LOOP
        EXECUTE format('ALTER TABLE %I ALTER geom TYPE geometry(Geometry, 4326)
          USING CASE WHEN is_single THEN ST_GeometryN(geom, 1) ELSE geom END, DROP is_single,
          ADD CHECK (geometrytype(geom) IN (%L, %L))', c.name, c.one, 'MULTI' || c.one);
      END LOOP;
    END $$";

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_areas_come_back_as_they_were_given_also_from_a_database_of_the_version_before() {
    let database = TestDatabase::new();
    let store = open(&database).await;
    let line = line_string![(x: 103.1, y: 22.3), (x: 103.2, y: 22.4)];
    let area = Rect::new((103.1, 22.3), (103.2, 22.4)).to_polygon();
    let mut given = Vec::new();
    for (collection, geometry) in [
        (Collection::Roads, Geometry::from(line.clone())),
        (Collection::Roads, MultiLineString(vec![line.clone()]).into()),
        (Collection::Rivers, MultiLineString(vec![line.clone(), line]).into()),
        (Collection::AdminUnits, area.clone().into()),
        (Collection::AdminUnits, MultiPolygon(vec![area]).into()),
    ] {
        let id = Uuid::now_v7();
        let put = Put { geometry: Some(geometry.clone()), ..put(collection, id, json!({})) };
        put_one(&*store, put).await.unwrap();
        given.push((collection, id, Some(geometry)));
    }
    let as_given = async |store: &PgStore| {
        for (collection, id, geometry) in &given {
            let found = records(store, *collection).await.into_iter().find(|record| record.id == *id).unwrap();
            assert_eq!(found.geometry, *geometry, "{collection}");
        }
    };
    as_given(&store).await;
    store.close().await;
    assert_eq!(check(&database.database()).await.unwrap(), []);

    database.sql(BEFORE_V3);
    assert!(matches!(PgStore::open_read(database.database()).await, Err(StoreError::Unavailable(_))));
    migrate(&database.database()).await.unwrap();
    let store = open(&database).await;
    as_given(&store).await;
    put_one(&*store, put(Collection::Places, Uuid::now_v7(), json!({}))).await.unwrap();
    store.close().await;
    assert_eq!(check(&database.database()).await.unwrap(), []);
    assert_eq!(database.sql("SELECT type FROM geometry_columns WHERE f_table_name = 'roads'"), "MULTILINESTRING");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_reached_is_named_with_its_port() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let database: Database = format!("postgres://me:secret@{nobody}/trucban").parse().unwrap();
    match check(&database).await {
        Err(StoreError::Unavailable(why)) => {
            assert!(why.starts_with(&format!("postgres://{nobody}/trucban: ")), "{why}");
            assert!(!why.contains("secret"), "{why}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_is_off_does_not_hide_the_one_beside_it() {
    // Nobody answers there, not even with a refusal: its queue of one is full.
    let off = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    off.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    off.listen(0).unwrap();
    let address = off.local_addr().unwrap().as_socket().unwrap();
    let _waiting = std::net::TcpStream::connect(address).unwrap();
    let second = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(300));
    assert!(second.is_err(), "it answers");

    let database = TestDatabase::new();
    let url = database.url().replace("@", &format!("@{address},")) + "?target_session_attrs=read-write";
    let store = PgStore::open(url.parse().unwrap(), None, "").await.unwrap();
    put_one(&*store, household(Uuid::now_v7(), 1)).await.unwrap();
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_serves_writes_through_the_functions_alone() {
    let database = TestDatabase::new();
    let role = format!("duty_{}", Uuid::now_v7().simple());
    database.sql(&format!("CREATE ROLE {role} LOGIN; GRANT trucban_serve TO {role}"));
    let store = PgStore::open(database.url_as(&role).parse().unwrap(), None, "").await.unwrap();
    let id = Uuid::now_v7();
    let mut home = household(id, 3);
    home.personal = object(json!({"phone": "0912"}));
    put_one(&*store, home).await.unwrap();
    for fixes in [1, 600] {
        store.append_fixes((0..fixes).map(|at| fix(id, at, 103.0)).collect()).await.unwrap();
    }
    let many = (0..2_500).map(|n| household(Uuid::now_v7(), n % 9));
    assert_eq!(store.append_many(call(Vec::new()), Box::new(many)).await.unwrap().count, 2_500);
    store.set_meta("demo", "yes".to_owned()).await.unwrap();
    assert_eq!(store.erase_personal(Collection::Households, id).await.unwrap(), 1);
    assert_eq!(records(&*store, Collection::Households).await.len(), 2_501);
    store.close().await;
    for sql in [
        "UPDATE households SET member_count = 9",
        "DELETE FROM journal",
        "INSERT INTO meta VALUES ('demo', 'no')",
        "UPDATE counter SET seq = 0",
        "SELECT put_record(1, now(), NULL, 'me', NULL, 'households', gen_random_uuid(), NULL, NULL, 'null', '{}', NULL, \
         NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL)",
        "DELETE FROM fix_rows",
        "CREATE TABLE mine (a integer)",
    ] {
        let told = database.refused(&role, sql);
        assert!(told.contains("permission denied"), "{sql}: {told}");
    }
    let database_role = role;
    drop(store);
    database.sql(&format!("DROP OWNED BY {database_role}; DROP ROLE {database_role}"));
    assert_eq!(check(&database.database()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_is_encrypted_as_the_url_demands() {
    let database = TestDatabase::new();
    let stranger = std::env::temp_dir().join(format!("trucban-test-{}.pem", Uuid::now_v7().simple()));
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&stranger, other.cert.pem()).unwrap();
    let open = async |mode: &str| {
        let url: Database = format!("{}?sslmode={mode}", database.url()).parse().unwrap();
        PgStore::open_read(url).await
    };
    let encrypted = || {
        database.sql(
            "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE datname = current_database() AND application_name = 'trucban'",
        )
    };
    let trusted = format!("verify-full&sslrootcert={}", TestDatabase::authority().display());
    for (mode, is_encrypted) in [("require", "t"), (trusted.as_str(), "t"), ("disable", "f")] {
        let store = open(mode).await.unwrap();
        assert_eq!(store.meta("nothing").await.unwrap(), None);
        assert_eq!(encrypted(), is_encrypted, "{mode}");
        store.close().await;
        drop(store);
        // The sessions of the last round are gone.
        while database.sql(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'trucban' \
                            AND datname = current_database()",
        ) != "0"
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    match open(&format!("verify-full&sslrootcert={}", stranger.display())).await {
        Err(StoreError::Unavailable(why)) => assert!(why.contains("certificate"), "{why}"),
        other => panic!("{:?}", other.map(|_| ())),
    }
    std::fs::remove_file(stranger).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_share_one_order_and_hear_of_each_other() {
    let database = TestDatabase::new();
    let (a, b) = (open(&database).await, open(&database).await);
    let id = Uuid::now_v7();
    put_one(&*a, household(id, 0)).await.unwrap();
    // Both want to change the same record from the same version: one of them wins, each time.
    for version in 1..=20 {
        let change = |store: &Arc<PgStore>| {
            let call = expecting(call(vec![household(id, 5)]), Collection::Households, id, version);
            let store = Arc::clone(store);
            tokio::spawn(async move { store.append(call).await })
        };
        let (on_a, on_b) = (change(&a), change(&b));
        let results = [on_a.await.unwrap(), on_b.await.unwrap()];
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
        assert!(
            results
                .iter()
                .any(|result| matches!(result, Err(StoreError::Conflict { present, .. }) if *present > version)),
            "{results:?}"
        );
    }
    let (mut durable_a, mut durable_b) = (a.durable_seq(), b.durable_seq());
    for durable in [&mut durable_a, &mut durable_b] {
        tokio::time::timeout(AT_MOST, durable.wait_for(|seq| *seq == 21)).await.unwrap().unwrap();
    }
    let key = Uuid::now_v7();
    let first = a.append(keyed(call(vec![household(Uuid::now_v7(), 1)]), key, 1)).await.unwrap();
    let again = b.append(keyed(call(vec![household(Uuid::now_v7(), 1)]), key, 1)).await.unwrap();
    assert!(again.replayed, "a key holds on every node");
    assert_eq!(again.changes, first.changes);
    assert_eq!(a.changes_after(0, 100).await.unwrap(), b.changes_after(0, 100).await.unwrap());
    a.close().await;
    b.close().await;
    assert_eq!(check(&database.database()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_leads_and_another_does_so_when_it_ends_or_is_cut_off() {
    let database = TestDatabase::new();
    let (a, b) = (open(&database).await, open(&database).await);
    let next = |mut here: watch::Receiver<bool>, mut there: watch::Receiver<bool>| async move {
        let first = async {
            tokio::select! {
                led = here.wait_for(|leads| *leads) => { led.unwrap(); true }
                led = there.wait_for(|leads| *leads) => { led.unwrap(); false }
            }
        };
        tokio::time::timeout(AT_MOST, first).await.expect("somebody leads")
    };
    let a_leads = next(a.leads(), b.leads()).await;
    let (leader, other) = if a_leads { (a, b) } else { (b, a) };
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!((*leader.leads().borrow(), *other.leads().borrow()), (true, false));

    let mut lost = leader.leads();
    database.sql(
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
         WHERE l.locktype = 'advisory' AND d.datname = current_database()",
    );
    tokio::time::timeout(AT_MOST, lost.wait_for(|leads| !leads)).await.expect("it stops leading").unwrap();
    next(leader.leads(), other.leads()).await;

    leader.close().await;
    tokio::time::timeout(AT_MOST, other.leads().wait_for(|leads| *leads)).await.expect("the other leads").unwrap();
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn single_posts_of_fixes_share_commits_and_lie_in_the_partition_of_their_day() {
    let database = TestDatabase::new();
    let store = open(&database).await;
    let posts = (0..64_i64).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for at in 0..20 {
                store.append_fixes(vec![fix(Uuid::from_u128(n as u128), at, 103.0)].into()).await.unwrap();
            }
        })
    });
    for post in posts.collect::<Vec<_>>() {
        post.await.unwrap();
    }
    let transactions: i64 = database.sql("SELECT count(DISTINCT recorded_at) FROM fix_batches").parse().unwrap();
    assert!(transactions < 64 * 20, "{transactions} group commits for 1,280 posts");
    let events = store.changes_after(0, 2_000).await.unwrap();
    assert_eq!(events.iter().map(Event::seq).collect::<Vec<_>>(), (1..=1_280).collect::<Vec<_>>());
    assert_eq!(database.sql("SELECT count(*) FROM ONLY fix_rows"), "0");
    let partition = database.sql("SELECT relid::regclass FROM pg_partition_tree('fix_rows') WHERE isleaf");
    assert!(partition.starts_with("fixes_20"), "{partition}");
    assert_eq!(store.snapshot().await.unwrap().newest_fixes().unwrap().len(), 64);
    store.close().await;
    assert_eq!(database.sql("SELECT count(*) FROM unit_positions WHERE fix_source = 'gps'"), "64");
    assert_eq!(check(&database.database()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_batches_are_copied_ahead_and_read_as_the_small_ones() {
    let database = TestDatabase::new();
    let store = open(&database).await;
    let batch = |unit: u128, fixes: i64| -> Arc<[Fix]> {
        let heard = |at| (at % 7 == 0).then(|| Arc::from(format!("Trực \"ban\" {at}\t\\N")));
        (0..fixes).map(|at| Fix { heard_by: heard(at), ..fix(Uuid::from_u128(unit), at, 103.0) }).collect()
    };
    let posts = [(1, 700), (2, 1), (3, 1_000), (4, 255), (5, 256)].map(|(unit, fixes)| {
        let (store, batch) = (Arc::clone(&store), batch(unit, fixes));
        tokio::spawn(async move { (store.append_fixes(Arc::clone(&batch)).await.unwrap().seq, batch) })
    });
    let mut taken = Vec::new();
    for post in posts {
        taken.push(post.await.unwrap());
    }
    put_one(&*store, household(Uuid::now_v7(), 4)).await.unwrap();
    taken.sort_by_key(|(seq, _)| *seq);
    let events = store.changes_after(0, 100).await.unwrap();
    assert_eq!(events.iter().map(Event::seq).collect::<Vec<_>>(), (1..=6).collect::<Vec<_>>());
    for (event, (seq, batch)) in events.iter().zip(&taken) {
        let Event::Fixes(held) = event else { panic!("{event:?}") };
        assert_eq!((held.seq, &held.fixes), (*seq, batch));
    }
    assert_ne!(database.sql("SELECT count(*) FROM fix_rows WHERE key > 1000"), "0", "none was copied");
    let newest = store.snapshot().await.unwrap().newest_fixes().unwrap();
    assert_eq!(newest.len(), 5);

    // Sent again under its number, a copied group leaves nothing behind.
    let writer = database.sql("SELECT writer::text || ' ' || number FROM writers");
    let (writer, number) = writer.split_once(' ').unwrap();
    let none = "'{}', ".repeat(24);
    let again = format!(
        "INSERT INTO fix_rows SELECT recorded_on, -999, n, unit_id, at, lon, lat, NULL, NULL, NULL, 0, NULL
           FROM fixes WHERE seq = {seq};
         SELECT what || ' ' || a || ' ' || b FROM append_group({none}1, '{{256}}', NULL, '{{-999}}',
           (SELECT max(recorded_on) FROM fix_batches), '{writer}', {number})",
        seq = taken[0].0,
    );
    assert_eq!(database.sql(&again), "done 5 6", "the last group was the household's");
    store.close().await;
    assert_eq!(check(&database.database()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_member_does_not_harm_the_others_of_its_group() {
    let database = TestDatabase::new();
    let store = open(&database).await;
    let calls = (0..100_u32).map(|n| {
        let mut put = put(Collection::Places, Uuid::now_v7(), json!({"name": "A", "kind": "hamlet"}));
        if n % 10 == 0 {
            // The database cannot hold this letter; the desk refuses it before.
            put.properties.insert("name".to_owned(), json!("\0"));
        }
        let store = Arc::clone(&store);
        tokio::spawn(async move { put_one(&*store, put).await.is_ok() })
    });
    let mut taken = 0;
    for call in calls.collect::<Vec<_>>() {
        taken += u32::from(call.await.unwrap());
    }
    assert_eq!(taken, 90);
    assert_eq!(*store.durable_seq().borrow(), 90, "no gap where a member failed");
    store.close().await;
    assert_eq!(check(&database.database()).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found() {
    let database = TestDatabase::new();
    let store = open(&database).await;
    let ids: Vec<Uuid> = (0..6).map(|_| Uuid::now_v7()).collect();
    for id in &ids {
        let mut home = household(*id, 4);
        home.personal = object(json!({"phone": "0912"}));
        put_one(&*store, home).await.unwrap();
    }
    store.append_fixes(vec![fix(ids[0], 1_000, 103.0), fix(ids[1], 1_000, 103.0)].into()).await.unwrap();
    store.close().await;
    assert_eq!(check(&database.database()).await.unwrap(), []);
    for (damage, kind) in [
        (format!("UPDATE households SET member_count = 9 WHERE id = '{}'", ids[0]), "record"),
        (format!("DELETE FROM households WHERE id = '{}'", ids[1]), "record"),
        ("DELETE FROM journal WHERE seq = 3".to_owned(), "seq"),
        ("UPDATE personal_values SET value = '{}' WHERE seq = 4".to_owned(), "personal"),
        ("UPDATE journal SET version = 2 WHERE seq = 5".to_owned(), "version"),
        ("UPDATE journal SET body = replace(body, ',', ', ') WHERE seq = 6".to_owned(), "journal"),
        ("DELETE FROM fix_rows WHERE n = 1".to_owned(), "fixes"),
        ("DELETE FROM unit_positions".to_owned(), "position"),
        ("UPDATE counter SET seq = 99".to_owned(), "seq"),
    ] {
        let before = check(&database.database()).await.unwrap().len();
        database.sql(&damage);
        let findings = check(&database.database()).await.unwrap();
        assert!(findings.len() > before, "{damage}: {findings:?}");
        assert!(findings.iter().any(|finding| finding.what.starts_with(kind)), "{damage}: {findings:?}");
    }
}
