//! Accounts and tips that several nodes share through PostgreSQL.

use std::sync::Arc;
use std::time::{Duration, Instant};

use trucban::desk::{Clock, SystemClock};
use trucban::domain::retention::{Retention, TIP_RETENTION};
use trucban::domain::tip::Coarse;
use trucban::domain::{Role, Timestamp};
use trucban::store::StoreError;
use trucban::store::replica::PostgresLogs;
use trucban::store::system::{Bearer, NewAccount, NewToken, Secret, System, TokenKind};
use trucban::store::tips::{FollowUp, NewTip, Sealed, TipStore};

use crate::audit_chain::trucban;
use crate::postgres_support::TestDatabase;
use crate::store_support::Folder;

/// Longest that a test waits for what must come; only against one that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so that comes by itself.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
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

/// Whether the bytes stand anywhere in the tips of a folder or their write-ahead log.
fn holds(folder: &Folder, sought: &[u8]) -> bool {
    ["tips.db", "tips.db-wal"].iter().any(|name| {
        let bytes = std::fs::read(folder.path().join(name)).unwrap_or_default();
        bytes.windows(sought.len()).any(|window| window == sought)
    })
}

#[test]
fn what_is_erased_of_tips_stands_neither_in_the_log_nor_in_the_files_of_any_node() {
    let (database, folders) = (TestDatabase::new(), [Folder::new(), Folder::new()]);
    let logs = PostgresLogs::start(database.database()).unwrap();
    let [a, b] = folders.each_ref().map(|folder| TipStore::open_shared(folder.path(), logs.tips()).unwrap());
    a.make_key(&[("an".to_owned(), "bảy con trâu trên đồi".to_owned())], false).unwrap();
    let now = SystemClock.now();
    let new = NewTip {
        channel: "phone".to_owned(),
        received: Coarse::of(now),
        kind: None,
        commune_code: None,
        occurred: None,
        scrubbed: None,
    };
    let text = "xe lạ đỗ cạnh mốc".to_owned();
    let sealed = Sealed { received_at: now, text, name: None, phone: None, reach: None, taken_by: None };
    let follow_up = FollowUp::random();
    let kept = follow_up.kept().unwrap();
    b.add(&new, &sealed, (follow_up, kept), None).unwrap();
    until("the tip is on both nodes", || a.tips().unwrap().len() == 1);
    let conn = rusqlite::Connection::open(folders[0].path().join("tips.db")).unwrap();
    let sealed: Vec<u8> = conn.query_row("SELECT box FROM sealed", [], |row| row.get(0)).unwrap();
    drop(conn);
    let mark = &sealed[..64];
    let hex: String = mark.iter().map(|byte| format!("{byte:02x}")).collect();
    let in_database = format!(
        "SELECT count(*) FROM (SELECT changes FROM replica_entries UNION ALL SELECT changes FROM replica_snapshots) kept
         WHERE changes LIKE '%{hex}%'"
    );
    assert!(
        folders.iter().all(|folder| holds(folder, mark)) && database.sql(&in_database) == "1",
        "the search finds it"
    );

    let tip = a.tips().unwrap().remove(0);
    a.change_tip(tip.id, tip.version, now, |tip| {
        tip.state = "dismissed".to_owned();
        Ok(())
    })
    .unwrap();
    let later = Timestamp::from_ms(now.as_ms() + 3 * 366 * 86_400_000);
    assert_eq!(a.retain(TIP_RETENTION, later, Retention::Erase).unwrap().tips, 1);
    assert_eq!(database.sql(&in_database), "0");
    until("it is gone from the files of both", || !folders.iter().any(|folder| holds(folder, mark)));
    assert_eq!(b.tips().unwrap().len(), 1, "the tip itself stays and counts");
}

#[test]
fn a_folder_that_leaves_keeps_what_it_knew_and_the_others_go_on() {
    let (database, folders) = (TestDatabase::new(), [Folder::new(), Folder::new()]);
    let [a, b] = folders.each_ref().map(|folder| open(&database, folder));
    a.add_account(&NewAccount::new("lan", Role::Admin), SystemClock.now()).unwrap();
    until("the account is on the other node", || !b.accounts().unwrap().is_empty());
    drop(b);
    let leave = || trucban(&["leave"], folders[1].path());
    assert!(System::open(folders[1].path()).is_err(), "a replica is not changed alone");
    let left = leave();
    assert!(left.status.success() && String::from_utf8_lossy(&left.stdout).contains("system.db"), "{left:?}");
    assert!(String::from_utf8_lossy(&leave().stdout).contains("shares nothing"), "once is enough");
    let alone = System::open(folders[1].path()).unwrap();
    alone.add_account(&NewAccount::new("minh", Role::Admin), SystemClock.now()).unwrap();
    assert_eq!(alone.accounts().unwrap().len(), 2);
    drop(alone);
    a.add_account(&NewAccount::new("son", Role::Observer), SystemClock.now()).unwrap();
    assert_eq!(a.accounts().unwrap().len(), 2);
    // It does not come back with what the others do not know.
    let logs = PostgresLogs::start(database.database()).unwrap();
    let back = System::open_shared(folders[1].path(), logs.system()).err().unwrap();
    assert!(back.to_string().contains("move it away"), "{back}");
    assert_eq!(trucban(&["leave"], std::path::Path::new("/nowhere")).status.code(), Some(2));
}
