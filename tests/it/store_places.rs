//! Where the store's contract is tested: a GeoPackage, one that is opened anew before every read, and PostGIS.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::watch;
use trucban::domain::attachment::FileHash;
use trucban::domain::change::Seq;
use trucban::domain::retention::{RETENTION, Retention};
use trucban::domain::{Change, Collection, Event, Fix, Timestamp};
use trucban::store::gpkg::{self, GpkgStore};
use trucban::store::postgis::{self, PgStore};
use trucban::store::{
    Append, Appended, AppendedMany, Finding, FixesAppended, Put, Snapshot, Staging, Store, StoreError, StoreFuture,
};
use uuid::Uuid;

use crate::postgres_support::TestDatabase;
use crate::store_support::Folder;

/// What every store can do besides the trait.
pub trait Contract: Store {
    fn erase_personal(&self, collection: Collection, id: Uuid) -> StoreFuture<'_, Result<usize, StoreError>>;
    fn blind_since(&self) -> Option<Timestamp>;
}

/// A place that holds a store, empty at first.
pub enum Place {
    Gpkg(Folder),
    Reopened(Folder),
    PostGis(TestDatabase),
}

impl Place {
    pub fn gpkg() -> Self {
        Self::Gpkg(Folder::new())
    }

    pub fn gpkg_reopened() -> Self {
        Self::Reopened(Folder::new())
    }

    pub fn postgis() -> Self {
        Self::PostGis(TestDatabase::new())
    }

    pub async fn open(&self) -> Arc<dyn Contract> {
        match self {
            Self::Gpkg(folder) => folder.open(),
            Self::Reopened(folder) => {
                Arc::new(Reopened { path: folder.path().to_owned(), store: Mutex::new(folder.open()) })
            }
            Self::PostGis(database) => PgStore::open(database.database(), None, "").await.unwrap(),
        }
    }

    pub fn records(&self) -> Records<'_> {
        match self {
            Self::Gpkg(folder) | Self::Reopened(folder) => Records::Folder(folder.path()),
            Self::PostGis(database) => Records::Database(database),
        }
    }

    /// One number of the store's tables.
    pub fn number(&self, sql: &str) -> i64 {
        match self {
            Self::Gpkg(folder) | Self::Reopened(folder) => {
                let rows = rusqlite::Connection::open(folder.path().join("trucban.gpkg")).unwrap();
                rows.query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Self::PostGis(database) => database.sql(sql).parse().unwrap(),
        }
    }
}

/// Where records lie, for whoever comes to them beside their writer.
#[derive(Clone, Copy)]
pub enum Records<'a> {
    Folder(&'a Path),
    Database(&'a TestDatabase),
}

impl Records<'_> {
    pub async fn reader(self) -> Arc<dyn Store> {
        match self {
            Self::Folder(folder) => GpkgStore::open_read(folder).unwrap(),
            Self::Database(database) => PgStore::open_read(database.database()).await.unwrap(),
        }
    }

    pub async fn check(self) -> Vec<Finding> {
        match self {
            Self::Folder(folder) => gpkg::check(folder).unwrap(),
            Self::Database(database) => postgis::check(&database.database()).await.unwrap(),
        }
    }

    /// Applies the rules of people at this moment; of how many records values went, a rule.
    pub async fn retain(self, now: Timestamp, how: Retention) -> Vec<u32> {
        let retained = match self {
            Self::Folder(folder) => gpkg::retain(folder, &RETENTION, now, how),
            Self::Database(database) => postgis::retain(&database.database(), &RETENTION, now, how).await,
        };
        retained.unwrap().iter().map(|one| one.records).collect()
    }

    /// All that is on the disk, as whoever opens the files with another program reads it.
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Self::Folder(folder) => ["trucban.gpkg", "trucban.gpkg-wal"]
                .iter()
                .flat_map(|name| std::fs::read(folder.join(name)).unwrap_or_default())
                .collect(),
            Self::Database(database) => database.bytes_of_records(),
        }
    }
}

/// Runs tests of the contract (`async fn name(place: Place)`) on both engines.
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod gpkg {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::store_places::Place::gpkg()).await;
            })+
        }
        mod postgis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::store_places::Place::postgis()).await;
            })+
        }
    };
}

/// As [`on_both_engines`], and on a GeoPackage that is opened anew before every read.
macro_rules! on_every_store {
    ($($name:ident),+ $(,)?) => {
        $crate::store_places::on_both_engines!($($name),+);
        mod gpkg_reopened {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name($crate::store_places::Place::gpkg_reopened()).await;
            })+
        }
    };
}
pub(crate) use {on_both_engines, on_every_store};

impl Contract for GpkgStore {
    fn erase_personal(&self, collection: Collection, id: Uuid) -> StoreFuture<'_, Result<usize, StoreError>> {
        Box::pin(Self::erase_personal(self, collection, id))
    }

    fn blind_since(&self) -> Option<Timestamp> {
        Self::blind_since(self)
    }
}

impl Contract for PgStore {
    fn erase_personal(&self, collection: Collection, id: Uuid) -> StoreFuture<'_, Result<usize, StoreError>> {
        Box::pin(Self::erase_personal(self, collection, id))
    }

    fn blind_since(&self) -> Option<Timestamp> {
        Self::blind_since(self)
    }
}

/// A GeoPackage that is closed and opened anew before every read, so that nothing is answered from memory.
struct Reopened {
    path: PathBuf,
    store: Mutex<Arc<GpkgStore>>,
}

impl Reopened {
    fn now(&self) -> Arc<GpkgStore> {
        Arc::clone(&self.store.lock().unwrap())
    }

    async fn anew(&self) -> Arc<GpkgStore> {
        let old = self.now();
        old.close().await;
        // A store that was closed by the test stays closed.
        let Ok(new) = GpkgStore::open(&self.path, &Default::default()) else { return old };
        *self.store.lock().unwrap() = Arc::clone(&new);
        new
    }
}

impl Contract for Reopened {
    fn erase_personal(&self, collection: Collection, id: Uuid) -> StoreFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move { self.now().erase_personal(collection, id).await })
    }

    fn blind_since(&self) -> Option<Timestamp> {
        self.now().blind_since()
    }
}

impl Store for Reopened {
    fn append(&self, call: Append) -> StoreFuture<'_, Result<Appended, StoreError>> {
        Box::pin(async move { self.now().append(call).await })
    }

    fn append_many(
        &self,
        head: Append,
        puts: Box<dyn Iterator<Item = Put> + Send>,
    ) -> StoreFuture<'_, Result<AppendedMany, StoreError>> {
        Box::pin(async move { self.now().append_many(head, puts).await })
    }

    fn append_fixes(&self, fixes: Arc<[Fix]>) -> StoreFuture<'_, Result<FixesAppended, StoreError>> {
        Box::pin(async move { self.now().append_fixes(fixes).await })
    }

    fn changes_between(
        &self,
        after: Seq,
        through: Seq,
        limit: usize,
    ) -> StoreFuture<'_, Result<Vec<Event>, StoreError>> {
        Box::pin(async move { self.anew().await.changes_between(after, through, limit).await })
    }

    fn tell_staging(&self, listener: Arc<dyn Staging>) {
        self.now().tell_staging(listener);
    }

    fn durable_seq(&self) -> watch::Receiver<Seq> {
        self.now().durable_seq()
    }

    fn leads(&self) -> watch::Receiver<bool> {
        self.now().leads()
    }

    fn snapshot(&self) -> StoreFuture<'_, Result<Box<dyn Snapshot>, StoreError>> {
        Box::pin(async move { self.anew().await.snapshot().await })
    }

    fn history(&self, collection: Collection, id: Uuid) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(async move { self.anew().await.history(collection, id).await })
    }

    fn seq_at(&self, at: Timestamp) -> StoreFuture<'_, Result<Seq, StoreError>> {
        Box::pin(async move { self.anew().await.seq_at(at).await })
    }

    fn known_at(&self, seq: Seq, records: Vec<(Collection, Uuid)>) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(async move { self.anew().await.known_at(seq, records).await })
    }

    fn told_late(
        &self,
        valid_by: Timestamp,
        after: Seq,
        through: Seq,
    ) -> StoreFuture<'_, Result<Vec<Change>, StoreError>> {
        Box::pin(async move { self.anew().await.told_late(valid_by, after, through).await })
    }

    fn fixes_known_at(&self, seq: Seq, taken_by: Timestamp) -> StoreFuture<'_, Result<Vec<(Fix, Seq)>, StoreError>> {
        Box::pin(async move { self.anew().await.fixes_known_at(seq, taken_by).await })
    }

    fn meta(&self, key: &'static str) -> StoreFuture<'_, Result<Option<String>, StoreError>> {
        Box::pin(async move { self.anew().await.meta(key).await })
    }

    fn set_meta(&self, key: &'static str, value: String) -> StoreFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.now().set_meta(key, value).await })
    }

    fn keep_file(&self, hash: FileHash, content: Bytes) -> StoreFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.now().keep_file(hash, content).await })
    }

    fn file_part(
        &self,
        hash: FileHash,
        offset: u64,
        bytes_max: usize,
    ) -> StoreFuture<'_, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move { self.anew().await.file_part(hash, offset, bytes_max).await })
    }

    fn drop_orphan_files(&self, kept_before: Timestamp) -> StoreFuture<'_, Result<usize, StoreError>> {
        Box::pin(async move { self.now().drop_orphan_files(kept_before).await })
    }

    fn backup(&self, to: PathBuf) -> StoreFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.now().backup(to).await })
    }

    fn close(&self) -> StoreFuture<'_, ()> {
        Box::pin(async move { self.now().close().await })
    }
}
