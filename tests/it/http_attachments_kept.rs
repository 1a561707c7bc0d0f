//! Where the bytes of attachments lie, and what `check`, `backup`, `copy`, `retention` and the sweep make of them.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use reqwest::{Method, StatusCode};
use serde_json::json;
use trucban::domain::Timestamp;
use trucban::store::Store;
use trucban::store::copy::{Location, copy, restore};

use crate::attachments_support::photo;
use crate::audit_chain::trucban;
use crate::http_support::{Server, done, id};
use crate::postgres_support::TestDatabase;
use crate::store_support::Folder;

/// The files in a folder of files.
fn files(dir: &Path) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = folders
        .flat_map(|folder| std::fs::read_dir(folder.path()).unwrap().flatten())
        .map(|file| file.path())
        .collect();
    all.sort();
    all
}

fn says(arguments: &[&str], folder: &Path, succeeds: bool) -> String {
    let output = trucban(arguments, folder);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.success(), succeeds, "{arguments:?}: {said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn one_content_lies_once_and_check_tells_what_is_missing_or_altered() {
    let mut server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let [a, b] = [officer.report("landslide", 103.2, 22.4).await, officer.report("fire", 103.3, 22.4).await];
    let whole = photo(50_000, 1);
    let [first, second] = [
        officer.attach(("incident_id", id(&a)), "a.jpg", &whole).await,
        officer.attach(("incident_id", id(&b)), "b.jpg", &whole).await,
    ];
    assert_ne!(first["attachment_id"], second["attachment_id"]);
    officer.attach(("incident_id", id(&b)), "c.jpg", &photo(50_000, 2)).await;
    server.stop().await;
    let dir = server.folder().join("files");
    let [one, two] = files(&dir).try_into().unwrap();
    says(&["check"], server.folder(), true);

    let content = std::fs::read(&one).unwrap();
    let mut altered = content.clone();
    altered[40_000] ^= 1;
    std::fs::write(&one, altered).unwrap();
    std::fs::rename(&two, server.folder().join("aside")).unwrap();
    let said = says(&["check"], server.folder(), false);
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(said.contains(&format!("the file {} was altered", name(&one))), "{said}");
    assert!(said.contains(&format!("the file {} is missing", name(&two))), "{said}");
    std::fs::write(&one, content).unwrap();
    std::fs::rename(server.folder().join("aside"), &two).unwrap();
    says(&["check"], server.folder(), true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_and_copies_between_the_stores_carry_the_bytes() {
    let mut server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let incident = officer.report("landslide", 103.2, 22.4).await;
    let mut sent = Vec::new();
    for seed in 0..3 {
        let became = officer.attach(("incident_id", id(&incident)), "a.jpg", &photo(50_000, seed)).await;
        sent.push(became["attachment_id"].as_str().unwrap().to_owned());
    }
    let contents = async |store: &dyn Store| {
        let mut all = Vec::new();
        let mut records = Vec::new();
        let mut snapshot = store.snapshot().await.unwrap();
        let sink = &mut |record: trucban::domain::Record, _| records.push(record);
        snapshot.records(trucban::domain::Collection::Attachments, sink).unwrap();
        for record in records {
            let properties: serde_json::Value = serde_json::from_str(&record.properties).unwrap();
            let hash = trucban::domain::attachment::FileHash::parse(properties["sha256"].as_str().unwrap()).unwrap();
            all.push((hash, store.file_part(hash, 0, 1 << 20).await.unwrap()));
        }
        all.sort_by_key(|(hash, _)| *hash);
        all
    };
    let wanted = contents(&*server.store).await;
    assert!(wanted.iter().all(|(hash, bytes)| {
        bytes.as_ref().is_some_and(|bytes| trucban::domain::attachment::FileHash::of(bytes) == *hash)
    }));
    let place = Folder::new();
    let backup = place.path().join("copy.gpkg");
    says(&["backup", backup.to_str().unwrap()], server.folder(), true);
    says(&["check"], &backup, true);
    assert_eq!(files(&place.path().join("copy.gpkg.files")).len(), 3);
    server.stop().await;

    let database = TestDatabase::new();
    let (url, folder) = (database.url(), place.path().join("back"));
    let in_database = Location::Database(Box::new(database.database()));
    let tally = copy(Location::Path(backup.clone()), in_database.clone()).await.unwrap().to_string();
    assert!(tally.contains("files          3"), "{tally}");
    let store = trucban::store::postgis::PgStore::open_read(database.database()).await.unwrap();
    assert_eq!(contents(&*store).await, wanted);
    copy(in_database.clone(), Location::Path(folder.clone())).await.unwrap();
    let store = trucban::store::gpkg::GpkgStore::open_read(&folder).unwrap();
    assert_eq!(contents(&*store).await, wanted);
    says(&["check"], &folder, true);

    database.sql("DELETE FROM trucban.attachment_files WHERE hash = (SELECT min(hash::text)::bytea FROM trucban.attachment_files)");
    let said = says(&["check", "--database", &url], place.path(), false);
    assert!(said.contains("is missing"), "{said}");
    let torn = place.path().join("torn");
    let said = copy(in_database, Location::Path(torn.clone())).await.unwrap_err().to_string();
    assert!(said.contains("all else is copied") && said.contains("is missing"), "{said}");
    assert_eq!(files(&torn.join("files")).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_erases_what_was_withdrawn_long_ago_and_what_hangs_on_nothing() {
    for database in [None, Some(TestDatabase::new())] {
        let mut server = match &database {
            None => Server::demo().await,
            Some(database) => Server::demo_node(database).await,
        };
        let officer = server.actor("duty_officer");
        let incident = officer.report("landslide", 103.2, 22.4).await;
        let mut sent = Vec::new();
        for seed in 0..3 {
            let became = officer.attach(("incident_id", id(&incident)), "a.jpg", &photo(50_000, seed)).await;
            sent.push(became["attachment_id"].as_str().unwrap().to_owned());
        }
        let long_ago = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond()).plus_s(-31 * 86_400);
        let orphan = bytes::Bytes::from_static(b"of nobody");
        let hash = trucban::domain::attachment::FileHash::of(&orphan);
        server.store.keep_file(hash, orphan.clone()).await.unwrap();
        for (attachment, at) in [(&sent[0], Some(long_ago)), (&sent[1], None)] {
            let body = json!({"reason": "nhầm", "at": at.map(|at| at.to_string())});
            let path = format!("/api/attachments/{attachment}/withdraw");
            done(officer.write(Method::POST, &path, 1, body).await, StatusCode::OK).await;
        }
        let before = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond()).plus_s(-60);
        assert_eq!(server.store.drop_orphan_files(before).await.unwrap(), 0, "it has only just come");
        match &database {
            None => {
                let name = hash.to_string();
                let path = server.folder().join("files").join(&name[..2]).join(&name);
                let old = SystemTime::now() - Duration::from_secs(2 * 86_400);
                std::fs::File::open(path).unwrap().set_modified(old).unwrap();
            }
            Some(database) => {
                let old = "UPDATE trucban.attachment_files SET kept_at = now() - interval '2 days' \
                           WHERE content = 'of nobody'";
                database.sql(old);
            }
        }
        assert_eq!(server.store.drop_orphan_files(before).await.unwrap(), 1);
        assert_eq!(server.store.file_part(hash, 0, 100).await.unwrap(), None);
        server.stop().await;
        let counted = server.trucban_says(&["retention", "--dry-run"]);
        assert!(counted.contains("attachments: 0 tệp"), "it may have been sent again just now: {counted}");
        match &database {
            None => {
                let old = SystemTime::now() - Duration::from_secs(2 * 86_400);
                for path in files(&server.folder().join("files")) {
                    std::fs::File::open(path).unwrap().set_modified(old).unwrap();
                }
            }
            Some(database) => {
                database.sql("UPDATE trucban.attachment_files SET kept_at = now() - interval '2 days'");
            }
        }
        let counted = server.trucban_says(&["retention", "--dry-run"]);
        assert!(counted.contains("attachments: 1 tệp"), "{counted}");
        let applied = server.trucban_says(&["retention"]);
        assert!(applied.contains("attachments: 1 tệp"), "{applied}");
        assert!(server.trucban_says(&["retention"]).contains("attachments: 0 tệp"));
        server.trucban_says(&["check"]);
        if database.is_none() {
            let left = files(&server.folder().join("files"));
            assert_eq!(left.iter().filter(|path| path.extension().is_some()).count(), 1, "a mark: {left:?}");
            assert_eq!(left.len(), 3, "{left:?}");
            // What is erased stays erased in a backup and in what is restored.
            let place = Folder::new();
            let backup = place.path().join("b.gpkg");
            says(&["backup", backup.to_str().unwrap()], server.folder(), true);
            let new = place.path().join("new");
            let just_now = Timestamp::from_ms(jiff::Timestamp::now().as_millisecond());
            restore(Location::Path(backup), Location::Path(new.clone()), just_now).await.unwrap();
            assert_eq!(files(&new.join("files")).len(), 3);
        }
    }
}
