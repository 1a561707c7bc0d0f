//! `system.db`: accounts, sessions, tokens, codes, links, grants; races settled inside the transaction.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use trucban::domain::access::{Area, Grant, GrantKind, Grantee};
use trucban::domain::{Code, Collection, Force, Role, Timestamp};
use trucban::store::StoreError;
use trucban::store::system::{
    AccountChange, Bearer, ENROLMENT_LIFE_S, Enrolment, NewAccount, NewSession, NewToken, Organisation,
    PASSWORD_LINK_LIFE_S, Purpose, SESSION_IDLE_S, SESSION_LIFE_S, SESSIONS_MAX, Secret, System, TOKENS_MAX, TokenKind,
};
use uuid::Uuid;

use crate::store_support::Folder;

fn noon() -> Timestamp {
    Timestamp::parse("2026-11-23T12:00:00+07:00").unwrap()
}

/// The code of a refusal; anything else fails the test.
fn refused<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> Code {
    match outcome {
        Err(StoreError::Refused(problem)) => problem.code,
        other => panic!("{other:?}"),
    }
}

fn with_admin() -> (Folder, System) {
    let folder = Folder::new();
    let system = System::open(folder.path()).unwrap();
    system.add_account(&NewAccount::new("chief", Role::Admin), noon()).unwrap();
    (folder, system)
}

fn program(secret: &Secret, account: &str) -> NewToken {
    NewToken {
        hash: secret.hash(),
        kind: TokenKind::Program,
        label: "radio".to_owned(),
        bearer: Bearer::Account(account.to_owned()),
        created_by: account.to_owned(),
    }
}

fn session(secret: &Secret, account: &str) -> NewSession {
    NewSession { hash: secret.hash(), account: account.to_owned(), agent: "Firefox".to_owned() }
}

fn sharing(valid_from: Timestamp, valid_to: Timestamp) -> Grant {
    Grant {
        id: Uuid::now_v7(),
        kind: GrantKind::Sharing,
        of_force: Some(Force::Military),
        to: Grantee::Force(Force::Police),
        collection: Collection::Units,
        fields: BTreeSet::from(["name".to_owned(), "geometry".to_owned()]),
        area: Area::communes(["03433"]),
        reason: "exercise".to_owned(),
        granted_by: "chief".to_owned(),
        valid_from,
        valid_to,
    }
}

#[test]
fn what_was_written_is_there_after_opening_again_and_no_secret_lies_in_clear() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let [token, session_id, link, code] = [(); 4].map(|()| Secret::random());
    {
        let system = System::open(&data).unwrap();
        let mut new = NewAccount::new("tran.an", Role::LocalAuthority);
        new.force = Some(Force::Civil);
        new.area = Area::communes(["03433", "03436"]);
        new.organisation = Some("ubnd-tinh".to_owned());
        system.add_account(&NewAccount::new("chief", Role::Admin), noon()).unwrap();
        system.add_account(&new, noon()).unwrap();
        system.add_token(&program(&token, "tran.an"), noon()).unwrap();
        system.add_session(session(&session_id, "tran.an"), noon()).unwrap();
        system.put_password_link("tran.an", &link.hash(), noon()).unwrap();
        let bearer = Bearer::Unit { id: Uuid::now_v7(), name: "BP-1".to_owned(), force: Some(Force::BorderGuard) };
        let expires_at = noon().plus_s(ENROLMENT_LIFE_S);
        let enrolment = Enrolment {
            hash: code.hash(),
            label: "phone".to_owned(),
            bearer,
            created_by: "chief".to_owned(),
            expires_at,
        };
        system.add_enrolment(&enrolment, noon()).unwrap();
    }
    let system = System::open(&data).unwrap();
    let account = system.account("Trần-An").unwrap().expect("names are folded");
    assert_eq!(
        (account.name.as_str(), account.role, account.force),
        ("tran.an", Role::LocalAuthority, Some(Force::Civil))
    );
    assert_eq!(account.area, Area::communes(["03433", "03436"]));
    assert_eq!(system.token_of(&token.hash()).unwrap().unwrap().bearer, Bearer::Account("tran.an".to_owned()));
    assert_eq!(system.everybody(noon()).unwrap().sessions[0].hash, session_id.hash());
    for entry in std::fs::read_dir(&data).unwrap().flatten() {
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        let bytes = std::fs::read(entry.path()).unwrap();
        for secret in [&token, &session_id, &link, &code] {
            let clear = secret.reveal().as_bytes();
            assert!(!bytes.windows(clear.len()).any(|window| window == clear), "{:?}", entry.path());
        }
    }
}

#[test]
fn every_change_of_rights_raises_the_revision_and_mere_use_does_not() {
    let (folder, system) = with_admin();
    let beside = System::open(folder.path()).unwrap();
    let mut last = beside.revision().unwrap();
    let mut raised = |what: &str, expected: bool| {
        let now = beside.revision().unwrap();
        assert_eq!(now > last, expected, "{what}");
        last = now;
    };
    let secret = Secret::random();
    let token = system.add_token(&program(&secret, "chief"), noon()).unwrap();
    raised("a token", true);
    let begun = system.add_session(session(&Secret::random(), "chief"), noon()).unwrap();
    raised("a session", true);
    system.note_use(&[(token.id, noon().plus_s(60)), (begun.id, noon().plus_s(60))]).unwrap();
    raised("use", false);
    assert_eq!(system.everybody(noon()).unwrap().tokens[0].used_at, Some(noon().plus_s(60)));
    system.sweep(noon().plus_s(60)).unwrap();
    raised("a sweep of nothing", false);
    assert!(system.end_session("chief", begun.id).unwrap());
    raised("the end of a session", true);
    assert!(system.revoke_token(token.id, noon()).unwrap() && !system.revoke_token(token.id, noon()).unwrap());
    raised("a revoked token", true);
    let grant = sharing(noon(), noon().plus_s(60));
    system.add_grant(&grant, noon()).unwrap();
    raised("a grant", true);
    assert!(system.revoke_grant(grant.id, "chief", noon()).unwrap());
    raised("a revoked grant", true);
    let change = AccountChange { force: Some(Some(Force::Police)), ..AccountChange::default() };
    system.change_account("chief", &change, noon()).unwrap();
    raised("an account", true);
}

#[test]
fn a_name_is_taken_once_and_the_last_administrator_stays() {
    let (_folder, system) = with_admin();
    assert_eq!(refused(system.add_account(&NewAccount::new("Chief", Role::Observer), noon())), Code::InvalidValue);
    assert_eq!(refused(system.add_account(&NewAccount::new("Sýstem", Role::Observer), noon())), Code::InvalidValue);
    let disable = AccountChange { disabled: Some(true), ..AccountChange::default() };
    let demote = AccountChange { role: Some(Role::Planner), ..AccountChange::default() };
    assert_eq!(refused(system.change_account("chief", &disable, noon())), Code::Forbidden);
    assert_eq!(refused(system.change_account("chief", &demote, noon())), Code::Forbidden);
    assert_eq!(system.account("chief").unwrap().unwrap().disabled_at, None, "nothing of a refused change stays");
    system.add_account(&NewAccount::new("deputy", Role::Admin), noon()).unwrap();
    system.change_account("chief", &demote, noon()).unwrap();
    assert_eq!(refused(system.change_account("deputy", &disable, noon())), Code::Forbidden);
    let lost = AccountChange { supervisor: Some(Some("nobody".to_owned())), ..AccountChange::default() };
    assert_eq!(refused(system.change_account("chief", &lost, noon())), Code::UnknownReference);
    assert_eq!(refused(system.change_account("nobody", &lost, noon())), Code::NotFound);
}

#[test]
fn a_disabled_account_has_neither_session_nor_token_nor_password() {
    let (_folder, system) = with_admin();
    system.add_account(&NewAccount::new("guard", Role::FieldUnit), noon()).unwrap();
    system.set_password("guard", "$argon2id$stands-for-a-hash", None).unwrap();
    system.add_token(&program(&Secret::random(), "guard"), noon()).unwrap();
    system.add_session(session(&Secret::random(), "guard"), noon()).unwrap();
    assert_eq!(system.password_of("Guard").unwrap().unwrap().0, "guard");
    let disabled = |on| AccountChange { disabled: Some(on), ..AccountChange::default() };
    system.change_account("guard", &disabled(true), noon()).unwrap();
    let left = system.everybody(noon()).unwrap();
    assert!(left.sessions.is_empty() && left.tokens.is_empty());
    assert_eq!(system.password_of("guard").unwrap(), None);
    system.change_account("guard", &disabled(false), noon()).unwrap();
    assert!(system.password_of("guard").unwrap().is_some(), "the password counts again, the tokens do not");
    assert!(system.everybody(noon()).unwrap().tokens.is_empty());
}

#[test]
fn sessions_end_by_age_by_idleness_and_by_number() {
    let (_folder, system) = with_admin();
    let first = system.add_session(session(&Secret::random(), "chief"), noon()).unwrap();
    for second in 1..=i64::from(SESSIONS_MAX) {
        system.add_session(session(&Secret::random(), "chief"), noon().plus_s(second)).unwrap();
    }
    let live = system.everybody(noon()).unwrap().sessions;
    assert_eq!(live.len(), SESSIONS_MAX as usize);
    assert!(live.iter().all(|session| session.id != first.id), "the one used least recently made room");
    let used = live[0].id;
    system.note_use(&[(used, noon().plus_s(SESSION_IDLE_S))]).unwrap();
    system.sweep(noon().plus_s(SESSION_IDLE_S + 60)).unwrap();
    let live = system.everybody(noon()).unwrap().sessions;
    assert_eq!(live.iter().map(|session| session.id).collect::<Vec<_>>(), [used]);
    system.note_use(&[(used, noon().plus_s(SESSION_LIFE_S))]).unwrap();
    system.sweep(noon().plus_s(SESSION_LIFE_S + 60)).unwrap();
    assert!(system.everybody(noon()).unwrap().sessions.is_empty(), "however much it is used");
}

#[test]
fn tokens_of_one_account_have_a_limit() {
    let (_folder, system) = with_admin();
    let mut last = None;
    for _ in 0..TOKENS_MAX {
        last = Some(system.add_token(&program(&Secret::random(), "chief"), noon()).unwrap());
    }
    assert_eq!(refused(system.add_token(&program(&Secret::random(), "chief"), noon())), Code::LimitExceeded);
    system.revoke_token(last.unwrap().id, noon()).unwrap();
    system.add_token(&program(&Secret::random(), "chief"), noon()).unwrap();
}

#[test]
fn an_enrolment_code_works_once_and_within_its_time() {
    let (_folder, system) = with_admin();
    let unit = Bearer::Unit { id: Uuid::now_v7(), name: "BP-1".to_owned(), force: Some(Force::BorderGuard) };
    let code = |secret: &Secret| Enrolment {
        hash: secret.hash(),
        label: "phone".to_owned(),
        bearer: unit.clone(),
        created_by: "chief".to_owned(),
        expires_at: noon().plus_s(ENROLMENT_LIFE_S),
    };
    let [early, late] = [(); 2].map(|()| Secret::random_code());
    system.add_enrolment(&code(&early), noon()).unwrap();
    system.add_enrolment(&code(&late), noon()).unwrap();
    let redeem =
        |secret: &Secret, at: i64| system.redeem_enrolment(&secret.hash(), Secret::random().hash(), noon().plus_s(at));
    let token = redeem(&early, ENROLMENT_LIFE_S - 1).unwrap();
    assert_eq!((token.kind, token.bearer), (TokenKind::Device, unit.clone()));
    assert_eq!(refused(redeem(&early, 1)), Code::CodeNotValid, "used");
    assert_eq!(refused(redeem(&late, ENROLMENT_LIFE_S)), Code::CodeNotValid, "expired");
    assert_eq!(refused(redeem(&Secret::random_code(), 1)), Code::CodeNotValid, "never given out");
}

#[test]
fn a_set_up_link_makes_one_administrator_and_never_another() {
    let folder = Folder::new();
    let system = System::open(folder.path()).unwrap();
    let [old, link] = [(); 2].map(|()| Secret::random());
    system.put_setup_link(&old.hash(), None, noon()).unwrap();
    let other = Secret::random();
    system.put_setup_link(&other.hash(), None, noon()).unwrap();
    system.put_setup_link(&link.hash(), Some(&old.hash()), noon()).unwrap();
    let admin = |name: &str| NewAccount::new(name, Role::Admin);
    assert_eq!(refused(system.redeem_setup(&old.hash(), &admin("chief"), noon())), Code::CodeNotValid, "replaced");
    for link in [&link, &other] {
        assert_eq!(system.purpose_of(&link.hash(), noon()).unwrap(), Purpose::Setup, "each node gives out its own");
    }
    assert_eq!(refused(system.redeem_setup(&link.hash(), &admin("-"), noon())), Code::InvalidValue);
    system.redeem_setup(&link.hash(), &admin("chief"), noon()).unwrap();
    for link in [&link, &other] {
        assert_eq!(refused(system.redeem_setup(&link.hash(), &admin("other"), noon())), Code::CodeNotValid);
    }
    assert_eq!(refused(system.put_setup_link(&Secret::random().hash(), None, noon())), Code::Forbidden);
}

#[test]
fn an_account_made_meanwhile_voids_the_set_up_link() {
    let folder = Folder::new();
    let system = System::open(folder.path()).unwrap();
    let link = Secret::random();
    system.put_setup_link(&link.hash(), None, noon()).unwrap();
    let beside = System::open(folder.path()).unwrap();
    beside.add_account(&NewAccount::new("chief", Role::Admin), noon()).unwrap();
    let late = system.redeem_setup(&link.hash(), &NewAccount::new("intruder", Role::Admin), noon());
    assert_eq!(refused(late), Code::CodeNotValid);
}

#[test]
fn a_link_for_a_password_works_once_and_ends_what_was_trusted_before() {
    let (_folder, system) = with_admin();
    system.set_password("chief", "$argon2id$old", None).unwrap();
    system.add_session(session(&Secret::random(), "chief"), noon()).unwrap();
    system.add_token(&program(&Secret::random(), "chief"), noon()).unwrap();
    let [first, second] = [(); 2].map(|()| Secret::random());
    system.put_password_link("chief", &first.hash(), noon()).unwrap();
    let left = system.everybody(noon()).unwrap();
    assert!(left.sessions.is_empty() && left.tokens.is_empty() && system.password_of("chief").unwrap().is_none());
    system.put_password_link("chief", &second.hash(), noon()).unwrap();
    assert_eq!(refused(system.redeem_password(&first.hash(), "$argon2id$new", noon())), Code::CodeNotValid, "replaced");
    let late = noon().plus_s(PASSWORD_LINK_LIFE_S);
    assert_eq!(refused(system.redeem_password(&second.hash(), "$argon2id$new", late)), Code::CodeNotValid, "expired");
    system.redeem_password(&second.hash(), "$argon2id$new", noon()).unwrap();
    assert_eq!(system.password_of("chief").unwrap().unwrap().1, "$argon2id$new");
    assert_eq!(refused(system.redeem_password(&second.hash(), "$argon2id$x", noon())), Code::CodeNotValid, "used");
}

#[test]
fn a_grant_is_kept_when_it_is_over_and_no_longer_handed_out() {
    let (_folder, system) = with_admin();
    let [now_on, to_come, over] = [
        sharing(noon(), noon().plus_s(60)),
        sharing(noon().plus_s(60), noon().plus_s(120)),
        sharing(noon().plus_s(-120), noon().plus_s(-60)),
    ];
    for grant in [&now_on, &to_come, &over] {
        system.add_grant(grant, noon()).unwrap();
    }
    let live = system.everybody(noon()).unwrap().grants;
    assert_eq!(live, [now_on.clone(), to_come.clone()], "read back as it was given");
    system.revoke_grant(now_on.id, "chief", noon().plus_s(1)).unwrap();
    assert_eq!(system.everybody(noon()).unwrap().grants, [to_come]);
    let kept = system.grant(now_on.id).unwrap().unwrap();
    assert_eq!((kept.revoked_at, kept.revoked_by.as_deref()), (Some(noon().plus_s(1)), Some("chief")));
    assert_eq!(system.grants().unwrap().len(), 3);
}

#[test]
fn the_chain_of_command_has_a_top_and_days() {
    let (_folder, system) = with_admin();
    let known = system.organisations().unwrap();
    let of = |id: &str| known.iter().find(|organisation| organisation.id == id).unwrap();
    assert_eq!(of("ban-chbp-tinh").parent.as_deref(), Some("bo-chqs-tinh"));
    assert_eq!(of("bo-chbp-tinh").valid_to.as_deref(), Some("2025-06-30"));
    let post = Organisation {
        id: "don-bp-x".to_owned(),
        name: "Đồn X".to_owned(),
        force: Force::BorderGuard,
        parent: Some("ban-chbp-tinh".to_owned()),
        valid_from: "2025-07-01".to_owned(),
        valid_to: None,
    };
    system.put_organisation(&post).unwrap();
    let circle = Organisation { parent: Some("don-bp-x".to_owned()), ..of("bo-chqs-tinh").clone() };
    assert_eq!(refused(system.put_organisation(&circle)), Code::InvalidValue);
    let lost = Organisation { parent: Some("nowhere".to_owned()), ..post.clone() };
    assert_eq!(refused(system.put_organisation(&lost)), Code::UnknownReference);
    assert!(system.organisations().unwrap().contains(&post), "a refused change leaves the row as it was");
}

#[test]
fn a_folder_of_before_accounts_is_brought_up() {
    let folder = Folder::new();
    old_file(folder.path());
    let system = System::open(folder.path()).unwrap();
    system.add_account(&NewAccount::new("chief", Role::Admin), noon()).unwrap();
    assert_eq!(system.accounts().unwrap().len(), 1);
}

/// What an earlier version left: the tokens of V1, and refinery's note of it.
fn old_file(dir: &Path) {
    mod v1 {
        refinery::embed_migrations!("migrations/system");
    }
    let mut conn = rusqlite::Connection::open(dir.join("system.db")).unwrap();
    v1::migrations::runner().set_target(refinery::Target::Version(1)).run(&mut conn).unwrap();
    conn.execute("INSERT INTO tokens VALUES (x'00', 'duty_officer', 0)", []).unwrap();
}
