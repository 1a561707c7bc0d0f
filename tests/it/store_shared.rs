//! Accounts and tips that several nodes share through PostgreSQL.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trucban::desk::{Clock, SystemClock};
use trucban::domain::Role;
use trucban::store::StoreError;
use trucban::store::replica::PostgresLogs;
use trucban::store::system::{Bearer, NewAccount, NewToken, Secret, System, TokenKind};
use trucban::store::tips::TipStore;

use crate::postgres_support::TestDatabase;
use crate::store_support::Folder;

/// Longest that a test waits for what must come; only against one that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn open(database: &TestDatabase, folder: &Folder) -> System {
    System::open_shared(folder.path(), PostgresLogs::start(database.database()).unwrap().system()).unwrap()
}

fn token_of(account: &str) -> (Secret, NewToken) {
    let secret = Secret::random();
    let new = NewToken {
        hash: secret.hash(),
        kind: TokenKind::Program,
        label: "kiểm tra".to_owned(),
        bearer: Bearer::Account(account.to_owned()),
        created_by: account.to_owned(),
    };
    (secret, new)
}

#[test]
fn accounts_and_revocations_cross_the_nodes_and_survive_an_outage() {
    let (database, folders) = (TestDatabase::new(), [Folder::new(), Folder::new()]);
    let [a, b] = folders.each_ref().map(|folder| open(&database, folder));
    a.add_account(&NewAccount::new("lan", Role::Admin), SystemClock.now()).unwrap();
    let (secret, new) = token_of("lan");
    let token = a.add_token(&new, SystemClock.now()).unwrap();
    let is_known = |node: &System| node.token_of(&secret.hash()).unwrap().is_some();
    until("the token is on the other node", || is_known(&b));

    database.shut();
    assert!(matches!(a.revoke_token(token.id, SystemClock.now()), Err(StoreError::Unavailable(_))));
    assert!(is_known(&a) && is_known(&b), "reads go on");
    assert!(matches!(b.catch_up(), Err(StoreError::Unavailable(_))));
    database.let_in();
    until("changes are taken again", || b.revoke_token(token.id, SystemClock.now()).is_ok());
    until("the revocation is on both nodes", || !is_known(&a) && !is_known(&b));

    drop(b);
    let b = open(&database, &folders[1]);
    assert_eq!(b.accounts().unwrap().len(), 1);
    assert_eq!(database.sql("SELECT max(position) - min(position) + 1 = count(*) FROM replica_entries"), "t");
}

#[test]
fn the_role_that_serves_needs_no_more_than_the_functions() {
    let (database, folder) = (TestDatabase::new(), Folder::new());
    database.sql(
        "DO $$ BEGIN CREATE ROLE node_login LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
                  GRANT trucban_serve TO node_login",
    );
    let logs = PostgresLogs::start(database.url_as("node_login").parse().unwrap()).unwrap();
    let system = System::open_shared(folder.path(), logs.system()).unwrap();
    system.add_account(&NewAccount::new("lan", Role::Admin), SystemClock.now()).unwrap();
    assert!(database.refused("node_login", "DELETE FROM replica_entries").contains("permission denied"));
}

#[test]
fn tips_are_shared_and_none_is_opened_while_the_database_is_away() {
    let (database, folders) = (TestDatabase::new(), [Folder::new(), Folder::new()]);
    let logs = PostgresLogs::start(database.database()).unwrap();
    let [a, b] = folders.each_ref().map(|folder| Arc::new(TipStore::open_shared(folder.path(), logs.tips()).unwrap()));
    let key = a.make_key(&[("an".to_owned(), "bảy con trâu trên đồi".to_owned())], false).unwrap();
    until("the key is on the other node", || b.key().unwrap().as_ref() == Some(&key));
    database.shut();
    let opened = b.unseal(uuid::Uuid::nil(), "an", "bảy con trâu trên đồi").map(drop);
    assert!(matches!(opened, Err(StoreError::Unavailable(_))), "{opened:?}");
    assert!(b.tips().unwrap().is_empty());
    database.let_in();
    until("it is asked for again", || {
        matches!(b.unseal(uuid::Uuid::nil(), "an", "bảy con trâu trên đồi"), Err(StoreError::Refused(_)))
    });
}
