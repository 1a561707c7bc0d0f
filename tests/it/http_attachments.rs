//! Photos through the front door, in both stores: cut anywhere, resumed, freed of what they say, refused, hidden.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use trucban::desk::SystemClock;
use uuid::Uuid;

use crate::attachments_support::{TAKEN_AT, WORDS, holds, photo, said_by};
use crate::http_support::{Caller, Server, done, id, problem, version};
use crate::postgres_support::TestDatabase;

const JPEG: (&str, &str) = ("filetype", "image/jpeg");
const PLACE: [f64; 2] = [103.2, 22.4];

/// A demo in a folder, and one in a database.
async fn demos() -> [Server; 2] {
    [Server::demo().await, Server::demo_node(&TestDatabase::new()).await]
}

async fn incident(caller: &Caller) -> String {
    id(&caller.report("landslide", PLACE[0], PLACE[1]).await).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_cut_at_any_byte_goes_on_and_comes_down_without_its_place() {
    for server in demos().await {
        let (field, officer) = (server.actor("field_unit"), server.actor("duty_officer"));
        let incident = incident(&field).await;
        let whole = photo(300_000, 1);
        let told = [("incident_id", incident.as_str()), JPEG, ("filename", "C:\\DCIM\\sạt lở.jpg")];
        let location = field.upload(whole.len(), &told).await;
        let mut moved = 0;
        for bytes in [0, 1, 11, 1, 1, 65_535, 1, 65_536, 100_001, 7] {
            let offset = field.offset_of(&location).await;
            field.break_off(&location, &whole, offset, bytes).await;
            let now = field.offset_of(&location).await;
            assert!((offset..=offset + bytes).contains(&now), "{offset} + {bytes} → {now}");
            moved += now - offset;
        }
        assert!(moved > 100_000, "what came before a cut is kept: {moved}");
        let offset = field.offset_of(&location).await;
        let last = field.send_part(&location, offset, &whole[offset..]).await;
        assert_eq!(last.status(), StatusCode::NO_CONTENT);
        assert_eq!(last.headers()["upload-offset"], whole.len().to_string().as_str());
        assert_eq!(last.headers()["tus-resumable"], "1.0.0");
        let attachment = last.headers()["trucban-attachment"].to_str().unwrap().to_owned();

        let became = field.read(&location).await;
        assert_eq!(became["attachment_id"], attachment.as_str());
        assert_eq!(became["taken_at"], "2026-11-19T22:06:07.000Z", "by the province's clock");
        for (member, wanted) in [("lon", TAKEN_AT[0]), ("lat", TAKEN_AT[1])] {
            assert!((became["exif_position"][member].as_f64().unwrap() - wanted).abs() < 1e-6, "{became}");
        }
        let records = officer.attachments_of(&incident).await;
        assert_eq!(records.len(), 1);
        let record = &records[0]["properties"];
        assert_eq!((id(&records[0]), &records[0]["geometry"]), (attachment.as_str(), &Value::Null));
        let wanted = json!({
            "name": "sạt lở.jpg", "media_type": "image/jpeg", "width": 4_000, "height": 3_000,
            "added_by": "field_unit", "taken_at": "2026-11-19T22:06:07.000Z", "incident_id": incident,
        });
        wanted.as_object().unwrap().iter().for_each(|(name, value)| assert_eq!(&record[name], value, "{record}"));

        let content = officer.content(&attachment).await;
        assert_eq!(
            said_by(&whole).iter().filter(|name| name.starts_with("GPS")).count(),
            4,
            "the test's photo does tell"
        );
        assert_eq!(said_by(&content), ["Orientation"]);
        assert!(holds(&whole, WORDS.as_bytes()) && !holds(&content, WORDS.as_bytes()));
        let hash: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(record["sha256"], hash.as_str());
        assert_eq!(record["size_bytes"], content.len());
        let text = records[0].to_string();
        assert!(!text.contains("22.34") && !text.contains("103.45"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_down_is_marked_as_nothing_but_a_photo_and_comes_in_parts() {
    let server = Server::demo().await;
    let (field, officer) = (server.actor("field_unit"), server.actor("duty_officer"));
    let incident = incident(&field).await;
    let became = field.attach(("incident_id", &incident), "ảnh 1.jpg", &photo(700_000, 2)).await;
    let path = format!("/api/attachments/{}/content", became["attachment_id"].as_str().unwrap());
    let whole = officer.get(&path).await;
    let header = |name: &str| whole.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "image/jpeg");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-security-policy"), "default-src 'none'; sandbox; frame-ancestors 'none'");
    assert_eq!(header("content-disposition"), "inline; filename*=UTF-8''%E1%BA%A3nh%201.jpg");
    assert_eq!(header("cache-control"), "private, no-cache");
    let tag = header("etag");
    let bytes = whole.bytes().await.unwrap();
    let known = officer.ask(Method::GET, &path).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    let part = officer.ask(Method::GET, &path).header("range", "bytes=262000-600000").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], format!("bytes 262000-600000/{}", bytes.len()).as_str());
    assert_eq!(part.bytes().await.unwrap(), bytes[262_000..=600_000]);
    let behind = officer.ask(Method::GET, &path).header("range", "bytes=9999999-").send().await.unwrap();
    assert_eq!(behind.status(), StatusCode::OK, "what lies behind the end is not asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_outlives_a_restart_and_an_answer_that_was_lost() {
    for mut server in demos().await {
        let field = server.actor("field_unit");
        let incident = incident(&field).await;
        let whole = photo(200_000, 3);
        let key = Uuid::now_v7().to_string();
        let told = [("incident_id", incident.as_str()), JPEG, ("id", key.as_str())];
        let location = field.upload(whole.len(), &told).await;
        field.break_off(&location, &whole, 0, 90_000).await;
        let before = field.offset_of(&location).await;
        server.restart_demo().await;
        let field = field.at(&server);
        assert_eq!(field.offset_of(&location).await, before);
        assert_eq!(field.upload(whole.len(), &told).await, location, "the same id is the same upload");
        // All of it goes, and nobody waits for the answer.
        field.break_off(&location, &whole, before, whole.len() - before).await;
        for _ in 0..3 {
            let offset = field.offset_of(&location).await;
            if offset < whole.len() {
                field.send_part(&location, offset, &whole[offset..]).await;
            }
        }
        let became = field.read(&location).await;
        server.restart_demo().await;
        let field = field.at(&server);
        assert_eq!(field.read(&location).await["attachment_id"], became["attachment_id"]);
        let again = field.send_part(&location, whole.len(), &[]).await;
        assert_eq!(again.status(), StatusCode::NO_CONTENT);
        let once_more = field.attach(("incident_id", &incident), "khác.jpg", &whole).await;
        assert_eq!(once_more["attachment_id"], became["attachment_id"], "the same content is the same attachment");
        assert_eq!(field.attachments_of(&incident).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_wrong_are_told_what_is() {
    let server = Server::demo().await;
    let field = server.actor("field_unit");
    let incident = incident(&field).await;
    let to = ("incident_id", incident.as_str());
    let spoken = server.anybody().ask(Method::OPTIONS, "/api/uploads").send().await.unwrap();
    assert_eq!(spoken.status(), StatusCode::NO_CONTENT);
    assert_eq!(spoken.headers()["tus-version"], "1.0.0");
    assert_eq!(spoken.headers()["tus-extension"], "creation,expiration,termination");

    problem(field.begin_upload(20 * 1_024 * 1_024 + 1, &[to]).await, 413, "body_too_large").await;
    assert_eq!(field.begin_upload(20 * 1_024 * 1_024, &[to]).await.status(), StatusCode::CREATED);
    problem(field.begin_upload(0, &[to]).await, 422, "invalid_value").await;
    problem(field.begin_upload(9, &[]).await, 422, "missing_field").await;
    let nowhere = Uuid::now_v7().to_string();
    problem(field.begin_upload(9, &[("incident_id", &nowhere)]).await, 422, "unknown_reference").await;
    problem(field.begin_upload(9, &[("incident_id", "x")]).await, 422, "invalid_value").await;
    let old = field.ask(Method::POST, "/api/uploads").header("tus-resumable", "0.2.2").header("upload-length", 9);
    problem(old.send().await.unwrap(), 412, "protocol_version").await;
    problem(field.ask(Method::POST, "/api/uploads").send().await.unwrap(), 400, "invalid_parameter").await;

    let whole = photo(40_000, 4);
    let key = Uuid::now_v7().to_string();
    let location = field.upload(whole.len(), &[to, JPEG, ("id", &key)]).await;
    let other = field.begin_upload(whole.len() + 1, &[to, JPEG, ("id", &key)]).await;
    problem(other, 422, "idempotency_mismatch").await;
    done(field.send_part(&location, 0, &whole[..100]).await, StatusCode::NO_CONTENT).await;
    for offset in [0, 99, 101, whole.len()] {
        let refused = problem(field.send_part(&location, offset, &whole[100..]).await, 409, "wrong_offset").await;
        assert_eq!(refused["offset"], 100);
    }
    let too_much = [&whole[100..], b"more"].concat();
    problem(field.send_part(&location, 100, &too_much).await, 413, "body_too_large").await;
    let form = field.ask(Method::PATCH, &location).header("upload-offset", 100).body("x").send().await.unwrap();
    problem(form, 415, "unsupported_media_type").await;
    let offset = field.offset_of(&location).await;
    done(field.send_part(&location, offset, &whole[offset..]).await, StatusCode::NO_CONTENT).await;
    assert_eq!(field.attachments_of(&incident).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_nobody_elses() {
    let server = Server::demo().await;
    let (field, officer) = (server.actor("field_unit"), server.actor("duty_officer"));
    let incident = incident(&field).await;
    let (whole, key) = (photo(40_000, 5), Uuid::now_v7().to_string());
    let told = [("incident_id", incident.as_str()), JPEG, ("id", key.as_str())];
    let location = field.upload(whole.len(), &told).await;
    done(field.send_part(&location, 0, &whole[..1_000]).await, StatusCode::NO_CONTENT).await;
    for method in [Method::GET, Method::HEAD, Method::DELETE] {
        let answer = officer.ask(method, &location).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
    problem(officer.send_part(&location, 1_000, &whole[1_000..]).await, 404, "not_found").await;
    let own = officer.upload(whole.len(), &told).await;
    assert_ne!(own, location, "the same id of somebody else is another upload");
    assert_eq!(officer.offset_of(&own).await, 0);
    assert_eq!(field.offset_of(&location).await, 1_000);
    let observer = server.actor("observer");
    problem(observer.begin_upload(9, &told).await, 403, "forbidden").await;
    assert_eq!(server.anybody().begin_upload(9, &told).await.status(), StatusCode::UNAUTHORIZED);

    let ended = field.ask(Method::DELETE, &location).send().await.unwrap();
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    assert_eq!(field.get(&location).await.status(), StatusCode::NOT_FOUND);
    let left = std::fs::read_dir(server.folder().join("uploads")).unwrap().flatten().count();
    assert_eq!(left, 1, "of what was ended nothing is left; the officer's has not begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_has_so_many_on_their_way_and_no_more() {
    let server = Server::demo().await;
    let (field, officer) = (server.actor("field_unit"), server.actor("duty_officer"));
    let incident = incident(&field).await;
    let told = [("incident_id", incident.as_str())];
    let mut open = Vec::new();
    for _ in 0..60 {
        open.push(field.upload(100, &told).await);
    }
    problem(field.begin_upload(100, &told).await, 429, "too_many_requests").await;
    officer.upload(100, &told).await;
    assert_eq!(field.ask(Method::DELETE, &open[7]).send().await.unwrap().status(), StatusCode::NO_CONTENT);
    field.upload(100, &told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_what_it_says_is_refused_and_leaves_nothing() {
    let server = Server::demo().await;
    let field = server.actor("field_unit");
    let incident = incident(&field).await;
    let png = |body: &[u8]| [b"\x89PNG\r\n\x1a\n", body].concat();
    let header = b"\0\0\0\x0dIHDR\0\x01\0\0\0\x01\0\0\x08\0\0\0\0\0\0\0\0";
    let whole = photo(30_000, 6);
    let files: [(&str, &str, Vec<u8>, u16, &str); 8] = [
        ("a page", "image/jpeg", b"<html><script>alert(1)</script></html>".to_vec(), 415, "file_type_refused"),
        ("a document", "application/pdf", b"%PDF-1.7 and so on".to_vec(), 415, "file_type_refused"),
        ("a program", "image/png", b"MZ and so on and so on".to_vec(), 415, "file_type_refused"),
        ("one photo as another", "image/jpeg", png(header), 415, "file_type_refused"),
        ("a bomb", "image/png", png(header), 422, "limit_exceeded"),
        ("a torn one", "image/jpeg", whole[..20_000].to_vec(), 422, "file_damaged"),
        ("too short to tell", "image/jpeg", b"\xff\xd8".to_vec(), 415, "file_type_refused"),
        ("nothing but a start", "image/png", png(b""), 422, "file_damaged"),
    ];
    for (what, media, file, status, code) in files {
        let told = [("incident_id", incident.as_str()), ("filetype", media), ("filename", "ảnh.jpg")];
        let location = field.upload(file.len(), &told).await;
        let refused = problem(field.send_part(&location, 0, &file).await, status, code).await;
        assert!(refused["detail_vi"] != refused["detail_en"], "{what}: {refused}");
        assert_eq!(field.get(&location).await.status(), StatusCode::NOT_FOUND, "{what}");
    }
    let hash = "0".repeat(64);
    let location = field.upload(whole.len(), &[("incident_id", &incident), ("sha256", &hash)]).await;
    problem(field.send_part(&location, 0, &whole).await, 422, "file_damaged").await;
    assert!(field.attachments_of(&incident).await.is_empty());
    assert_eq!(std::fs::read_dir(server.folder().join("uploads")).unwrap().count(), 0);
    assert!(!server.folder().join("files").exists(), "nothing was kept");
    assert_eq!(field.get("/api/attachments/x/content").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_anew_takes_over_from_a_link_that_is_dead() {
    let server = Server::demo().await;
    let field = server.actor("field_unit");
    let incident = incident(&field).await;
    let whole = photo(200_000, 7);
    let location = field.upload(whole.len(), &[("incident_id", &incident), JPEG]).await;
    // A sender that promises all and then says nothing more, without the link being closed.
    let silent = tokio::net::TcpStream::connect(field.host()).await.unwrap();
    let head = format!(
        "PATCH {location} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\nupload-offset: 0\r\n\
         content-type: application/offset+octet-stream\r\ncontent-length: {}\r\n\r\n",
        field.host(),
        field.token().unwrap(),
        whole.len()
    );
    let mut silent = silent;
    tokio::io::AsyncWriteExt::write_all(&mut silent, head.as_bytes()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut silent, &whole[..5_000]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let began = std::time::Instant::now();
    let offset = field.offset_of(&location).await;
    assert_eq!(offset, 5_000);
    done(field.send_part(&location, offset, &whole[offset..]).await, StatusCode::NO_CONTENT).await;
    assert!(began.elapsed().as_secs() < 10, "nobody waits for the dead link: {:?}", began.elapsed());
    assert_eq!(field.attachments_of(&incident).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_an_incident_is_seen_by_whoever_sees_that() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let admin = server.first_admin().await;
    let person = async |name: &str, role: &str, force: &str| {
        server.account(&admin, name, json!({"role": role, "force": force})).await
    };
    let police = person("an", "duty_officer", "police").await;
    let border = person("binh", "duty_officer", "border_guard").await;
    let wall = server.account(&admin, "wall", json!({"role": "observer"})).await;
    let body = json!({"kind": "drug_crime", "place": {"lon": PLACE[0], "lat": PLACE[1]}, "lead_force": "police"});
    let closed = done(police.post("/api/incidents", body).await, StatusCode::CREATED).await;
    let closed = id(&closed["incident"]).to_owned();
    let open = incident(&police).await;
    let secret = police.attach(("incident_id", &closed), "SECRET.jpg", &photo(20_000, 8)).await;
    let plain = police.attach(("incident_id", &open), "PLAIN.jpg", &photo(20_000, 9)).await;
    let path = |of: &Value| format!("/api/attachments/{}/content", of["attachment_id"].as_str().unwrap());
    for (who, sees_secret, sees_plain) in [(&police, true, true), (&border, false, true), (&wall, false, false)] {
        for (what, sees) in [(&secret, sees_secret), (&plain, sees_plain)] {
            let wanted = if sees { StatusCode::OK } else { StatusCode::NOT_FOUND };
            assert_eq!(who.get(&path(what)).await.status(), wanted);
        }
        let listed = who.read("/api/collections/attachments/items").await["features"].as_array().unwrap().len();
        assert_eq!(listed, usize::from(sees_secret) + usize::from(sees_plain));
    }
    problem(border.begin_upload(9, &[("incident_id", &closed)]).await, 422, "unknown_reference").await;
    assert_eq!(server.anybody().get(&path(&plain)).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_a_person_wrote_has_attachments_and_its_incident_lists_them() {
    let server = Server::demo().await;
    let officer = server.actor("duty_officer");
    let incident = incident(&officer).await;
    let note = json!({"properties": {"kind": "note", "text": "Ảnh từ hiện trường", "incident_id": incident}});
    let entry = done(officer.post("/api/collections/duty_log/items", note).await, StatusCode::CREATED).await;
    officer.attach(("log_entry_id", id(&entry)), "a.jpg", &photo(20_000, 10)).await;
    let listed = officer.attachments_of(&incident).await;
    assert_eq!(listed[0]["properties"]["log_entry_id"], id(&entry));
    let log = officer.read(&format!("/api/incidents/{incident}/log")).await;
    let by_verb = log["features"].as_array().unwrap().iter().find(|entry| entry["properties"]["kind"] == "reported");
    let refused = officer.begin_upload(9, &[("log_entry_id", id(by_verb.unwrap()))]).await;
    problem(refused, 422, "invalid_value").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_photo_is_shown_no_more_and_its_record_says_why() {
    for server in demos().await {
        let (field, officer) = (server.actor("field_unit"), server.actor("duty_officer"));
        let incident = incident(&field).await;
        let to = ("incident_id", incident.as_str());
        let whole = photo(20_000, 11);
        let became = field.attach(to, "nhầm.jpg", &whole).await;
        let attachment = became["attachment_id"].as_str().unwrap();
        let path = format!("/api/attachments/{attachment}/withdraw");
        problem(field.post(&path, json!({"reason": "nhầm ảnh"})).await, 428, "precondition_required").await;
        problem(field.write(Method::POST, &path, 1, json!({})).await, 422, "missing_field").await;
        let local = server.actor("local_authority");
        let others = local.write(Method::POST, &path, 1, json!({"reason": "x"})).await.status();
        assert!([StatusCode::FORBIDDEN, StatusCode::NOT_FOUND].contains(&others), "{others}");
        let gone =
            done(officer.write(Method::POST, &path, 1, json!({"reason": "nhầm ảnh"})).await, StatusCode::OK).await;
        assert_eq!(gone["properties"]["withdrawn_reason"], "nhầm ảnh");
        assert_eq!(gone["properties"]["withdrawn_by"], "duty_officer");
        problem(field.get(&format!("/api/attachments/{attachment}/content")).await, 410, "gone").await;
        let twice = field.write(Method::POST, &path, version(&gone), json!({"reason": "x"})).await;
        problem(twice, 409, "forbidden_transition").await;
        let log = officer.read(&format!("/api/incidents/{incident}/log")).await;
        assert!(log.to_string().contains("Rút tệp đính kèm nhầm.jpg: nhầm ảnh"), "{log}");

        let again = field.attach(to, "đúng.jpg", &whole).await;
        assert_ne!(again["attachment_id"], attachment, "it may be attached again");
        assert!(!field.content(again["attachment_id"].as_str().unwrap()).await.is_empty());
        for method in [Method::PATCH, Method::DELETE] {
            let by_hand = format!("/api/collections/attachments/items/{attachment}");
            let body = if method == Method::PATCH { json!({"properties": {"name": "x"}}) } else { json!({}) };
            let refused = officer.write(method, &by_hand, 2, body).await;
            problem(refused, 405, "method_not_allowed").await;
        }
    }
}
