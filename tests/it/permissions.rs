//! Every door of the API, tried by every sort of actor, and the document that says who may do what.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::access::{Area, DataClass, Deed, READS, Reach, class_of};
use trucban::domain::doors::{Asks, DOORS, deed_of};
use trucban::domain::{Actor, Collection, Force, Role};
use trucban::store::system::{Bearer, NewAccount, NewToken, Secret, System, TokenKind};
use uuid::Uuid;

use crate::http_support::{Caller, Server};

/// Somebody of one role, force and area, and the token they come with.
pub struct Somebody {
    pub actor: Actor,
    pub caller: Caller,
}

/// One account of each role, each force and none, each of these areas, on the server that has these accounts and answers
/// `anybody`.
pub async fn everybody(
    system: &System,
    anybody: &Caller,
    areas: &[(&str, Area)],
    unit_of: impl Fn(Force) -> Option<Uuid>,
) -> Vec<Somebody> {
    let forces = || Force::ALL.into_iter().map(Some).chain([None]);
    let mut all = Vec::new();
    // The first account of a folder is an administrator.
    let mut roles = Role::ALL.to_vec();
    roles.sort_by_key(|role| *role != Role::Admin);
    for role in roles {
        for force in forces() {
            for (area_name, area) in areas {
                let name = format!("{}-{}-{area_name}", role.as_str(), force.map_or("joint", Force::as_str));
                let name = name.replace('_', "-");
                let mut account = NewAccount::new(&name, role);
                (account.force, account.area) = (force, area.clone());
                account.unit_id = force.filter(|_| role == Role::FieldUnit).and_then(&unit_of);
                let unit_id = account.unit_id;
                system.add_account(&account, SystemClock.now()).unwrap();
                let secret = Secret::random();
                let token = NewToken {
                    hash: secret.hash(),
                    kind: TokenKind::Program,
                    label: "matrix".to_owned(),
                    bearer: Bearer::Account(name.clone()),
                    created_by: name.clone(),
                };
                system.add_token(&token, SystemClock.now()).unwrap();
                let actor = Actor { unit_id, area: area.clone(), ..Actor::new(&name, role, force) };
                all.push(Somebody { actor, caller: anybody.with_token(secret.reveal()) });
            }
        }
    }
    let last = &all.last().unwrap().caller;
    for _ in 0..100 {
        if last.get("/api/collections").await.status() == StatusCode::OK {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server did not hear of the accounts");
}

/// A call of a door that changes nothing where it is let in, because something else is wrong with it.
fn call(method: &str, path: &str, collection: Collection, verb: &str, unit: Uuid) -> (String, Option<Value>) {
    let id = match path {
        _ if path.starts_with("/api/units/") => unit.to_string(),
        _ => Uuid::from_u128(404).to_string(),
    };
    let path = path
        .replace("{collection}", collection.as_str())
        .replace("{verb}", verb)
        .replace("{name}", "nobody")
        .replace("{unit_id}", &Uuid::from_u128(405).to_string())
        .replace("{id}", &id)
        .replace("{z}/{x}/{y}", "8/201/111");
    let query = match path.as_str() {
        "/api/nearby" => "?lon=103.2&lat=22.4&limit=1",
        "/api/along" => "?from_km=1&to_km=1.1&collections=stations",
        "/api/similar" => "?lon=103.2&lat=22.4&kind=landslide",
        "/api/search" => "?q=nam",
        "/api/locate" => "?text=22.4,103.2",
        "/api/imports" => "?collection=nothing&name=a.csv",
        _ => "",
    };
    let body = match (method, path.as_str()) {
        ("GET" | "DELETE", _) => None,
        (_, "/api/fixes") => {
            Some(json!({"fixes": [{"unit_id": unit, "lon": 500, "lat": 22.4, "at": "2026-01-01T00:00:00Z"}]}))
        }
        (_, "/api/rain") => Some(json!({"readings": [{"station": "nobody", "to": "2026-01-01T00:00:00Z", "mm": 1}]})),
        (_, "/api/incidents") => Some(json!({"kind": "nothing", "place": {"lon": 103.2, "lat": 22.4}})),
        (_, path) if path.ends_with("/assignments") => Some(json!({"unit_id": Uuid::from_u128(405)})),
        (_, "/api/patrols") => Some(json!({
            "sector_id": Uuid::from_u128(406), "unit_ids": [unit],
            "planned_start": "2026-01-01T00:00:00Z", "planned_end": "2026-01-01T06:00:00Z",
        })),
        (_, path) if path.starts_with("/api/patrols/") && path.ends_with("/steps") => Some(json!({"step": "start"})),
        (_, path) if path.starts_with("/api/patrols/") => Some(json!({"decision": "cancel", "reason": "ma trận"})),
        (_, path) if path.ends_with("/steps") => Some(json!({"step": "acknowledge"})),
        (_, path) if path.ends_with("/decisions") => Some(json!({"decision": "cancel"})),
        (_, path) if path.ends_with("/status") => Some(json!({"status": "available"})),
        (_, path) if path.ends_with("/position") => Some(json!({"place": {"lon": 103.2, "lat": 22.4}})),
        (_, path) if path.ends_with("/evacuation") => Some(json!({"state": "notified", "channel": "visit"})),
        (_, path) if path.starts_with("/api/sector_assessments/") && path.ends_with("/refuse") => {
            Some(json!({"reason": "ma trận"}))
        }
        (_, "/api/border_sectors/00000000-0000-0000-0000-000000000194/assessments") => {
            Some(json!({"level": "low", "reason": "ma trận"}))
        }
        (_, path) if path.starts_with("/api/warnings/") => Some(json!({"reason": "ma trận"})),
        (_, "/api/shifts") => Some(json!({"nothing": 1})),
        (_, path) if path.starts_with("/api/shifts/") => Some(json!({"note": "ma trận"})),
        (_, path) if path.starts_with("/api/attachments/") => Some(json!({"reason": "ma trận"})),
        (_, path) if path.ends_with("/withdraw") => {
            Some(json!({"report_id": Uuid::from_u128(405), "reason": "ma trận"}))
        }
        (_, path) if path.ends_with("/call") => Some(json!({"reached": true})),
        (_, path) if path.ends_with("/outsiders") => Some(json!({"kind": "workers", "people": 1})),
        (_, path) if path.ends_with("/end") || path.ends_with("/level") => Some(json!({"reason": "ma trận"})),
        (_, "/api/collections/incidents/items") => Some(json!({
            "geometry": {"type": "Point", "coordinates": [103.2, 22.4]}, "properties": {"kind": "nothing"},
        })),
        (_, path) if path.ends_with("/items") => Some(json!({"geometry": null, "properties": {"nothing": 1}})),
        (_, path) if path.contains("/items/") => Some(json!({"properties": {}})),
        (_, path) if path.ends_with("/close") => Some(json!({"outcome": "resolved"})),
        (_, "/api/exposure") => Some(json!({"zone": Uuid::from_u128(404)})),
        _ => Some(json!({})),
    };
    (format!("{path}{query}"), body)
}

/// Whether the table lets this actor through.
fn lets_in((method, path, asks): (&str, &str, Asks), actor: &Actor, collection: Collection, verb: &str) -> bool {
    let may = |deed: Deed| {
        // What a force shares is its own, and a field unit reports for itself.
        let has = match deed {
            Deed::Share => actor.force.is_some(),
            // Of fixes each is judged by itself.
            Deed::ReportUnit if path != "/api/fixes" => actor.role != Role::FieldUnit || actor.unit_id.is_some(),
            _ => true,
        };
        actor.may(deed) && has
    };
    match asks {
        Asks::Nothing | Asks::Account => true,
        // The matrix comes with tokens.
        Asks::Session => false,
        Asks::Deed(deed) | Asks::Public(deed) => may(deed),
        Asks::Edit if method == "POST" && collection == Collection::Incidents => may(Deed::ReportIncident),
        Asks::Edit => may(deed_of(collection)),
        Asks::Verb if verb == "callers" => may(Deed::ReportIncident),
        Asks::Verb => may(Deed::RunIncident),
    }
}

#[test]
fn every_route_has_its_door_and_every_door_a_route() {
    let document: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let routes: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase()))
        })
        .collect();
    let doors: BTreeSet<(String, String)> =
        DOORS.iter().map(|(method, path, _)| ((*path).to_owned(), (*method).to_owned())).collect();
    let beside: Vec<_> = routes.symmetric_difference(&doors).collect();
    assert!(beside.is_empty(), "in one of routes and DOORS (src/domain/doors.rs) alone: {beside:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_door_lets_in_whom_the_table_says() {
    let server = Server::with_accounts(Arc::new(SystemClock)).await;
    let unit = |force: Force| Uuid::from_u128(900 + force as u128);
    let (commune, sector) = ("03388".to_owned(), Uuid::from_u128(7));
    let areas = [
        ("province", Area::Province),
        ("commune", Area::communes([commune])),
        ("sector", Area::Parts { communes: BTreeSet::new(), sectors: BTreeSet::from([sector]) }),
    ];
    let people = everybody(&server.system(), &server.anybody(), &areas, |force| Some(unit(force))).await;
    assert_eq!(people.len(), 8 * 5 * 3);
    let mut wrong = Vec::new();
    let mut tried = 0_u32;
    for (method, path, asks) in DOORS {
        let collections = if path.contains("{collection}") { &Collection::ALL[..] } else { &Collection::ALL[..1] };
        let verbs = match path {
            _ if path.starts_with("/api/warnings/") => &["update", "cancel", "withdraw"][..],
            _ if path.starts_with("/api/sector_assessments/") => &["agree", "refuse"][..],
            _ if path.starts_with("/api/shifts/") => &["propose", "accept", "take_over"][..],
            _ if path.contains("{verb}") => &["verify", "close", "callers"][..],
            _ => &["-"][..],
        };
        for (collection, verb) in collections.iter().flat_map(|c| verbs.iter().map(move |v| (*c, *v))) {
            let send = |caller: &Caller, unit: Uuid| {
                let (path, body) = call(method, path, collection, verb, unit);
                let request =
                    caller.ask(Method::from_bytes(method.as_bytes()).unwrap(), &path).header("if-match", "\"99\"");
                match body {
                    Some(body) => request.json(&body),
                    None => request,
                }
            };
            let nobody = send(&server.anybody(), unit(Force::Police)).send().await.unwrap().status();
            let comes_in = nobody != StatusCode::UNAUTHORIZED;
            let is_open = matches!(asks, Asks::Nothing);
            // The page for informants is off here: for a stranger it is not there.
            let is_off = matches!(asks, Asks::Public(_)) && nobody == StatusCode::NOT_FOUND;
            if comes_in != is_open && !is_off {
                wrong.push(format!("{method} {path}: nobody gets {nobody}"));
            }
            if method == "DELETE" && path == "/api/me/sessions" {
                continue;
            }
            for Somebody { actor, caller } in &people {
                let own = actor.force.map_or(Uuid::from_u128(900), unit);
                let answer = send(caller, own).send().await.unwrap();
                let status = answer.status();
                // A stream does not end; its status says all.
                let text = if path == "/api/feed" && status.is_success() {
                    String::new()
                } else {
                    answer.text().await.unwrap()
                };
                let refused = status == StatusCode::FORBIDDEN;
                tried += 1;
                if status == StatusCode::UNAUTHORIZED
                    || status.is_server_error()
                    || refused == lets_in((method, path, asks), actor, collection, verb)
                {
                    wrong.push(format!("{method} {path} {collection} {verb} by {}: {status} {text:.200}", actor.name));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {tried} wrong, as:\n{}",
        wrong.len(),
        wrong.iter().step_by(wrong.len().div_ceil(40)).cloned().collect::<Vec<_>>().join("\n")
    );
    assert!(tried > 15_000, "{tried}");
}

#[test]
fn the_permission_table_of_the_docs_is_made_from_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/PERMISSIONS.md");
    let made = document();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == made, "docs/PERMISSIONS.md is not what the tables say: run `make openapi`");
}

/// Every deed, in the order of the enumeration.
const DEEDS: [Deed; 27] = [
    Deed::ReportIncident,
    Deed::RunIncident,
    Deed::AssignUnit,
    Deed::DrawZone,
    Deed::ReportUnit,
    Deed::EditUnit,
    Deed::EditHousehold,
    Deed::ReportEvacuation,
    Deed::WriteLog,
    Deed::HoldShift,
    Deed::KeepFigures,
    Deed::Coordinate,
    Deed::ReadReports,
    Deed::LeadExercise,
    Deed::RunReport,
    Deed::ReportDisaster,
    Deed::EditPlace,
    Deed::EditGround,
    Deed::ManageAccounts,
    Deed::EnrolDevice,
    Deed::Share,
    Deed::BreakGlass,
    Deed::AssessBorder,
    Deed::ReadAudit,
    Deed::TakeTip,
    Deed::HandleTips,
    Deed::ConfirmUnsealing,
];

fn word(deed: Deed) -> String {
    serde_json::to_value(deed).unwrap().as_str().unwrap().to_owned()
}

fn document() -> String {
    let mut out = String::from(
        "# Who may see and do what\n\nMade from `src/domain/access.rs` and `src/domain/doors.rs` by `make openapi`; a test holds it against them.\n\n\
         ## What each role sees\n\n`all`: every record as it is. `area`: those of the own area, others reduced or hidden. `force`: those of the own force\n\
         in the own area and those tied to its tasks, others reduced. `task`: those where the own unit has its task, others\n\
         reduced. `reduced`: whole communes and border sectors alone. Grants add to this, field by field and for a time. Reports\n\
         of a quarter (`quarter_reports`) count what their reader may not see one by one: whoever may `read_reports` sees them,\n\
         and nobody else. Areas of concern (`areas_of_concern`) are seen by the force that wrote one, by officers of those that it\n\
         names, and by a commander of the whole province without a force; by nobody else, administrators included. What one force\n\
         asks another (`information_requests`) is read by whoever coordinates for one of the two, and by the province's commander;\n\
         a briefing's decisions by those who were there; a plan of an event (`event_plans`) by the forces that lead it or man a post.\n\
         Reports of a disaster (`disaster_reports`) count as those of a quarter do: whoever may `report_disaster` for their area\n\
         reads them, the province's whoever answers for all of it.\n\n",
    );
    let classes =
        [DataClass::Public, DataClass::Internal, DataClass::Restricted, DataClass::Personal, DataClass::Sealed];
    out.push_str("| role |");
    for class in classes {
        let collections: Vec<_> =
            Collection::ALL.iter().filter(|c| class_of(**c) == class).map(|c| c.as_str()).collect();
        let _ = write!(out, " {} ({}) |", class.as_str(), collections.join(", "));
    }
    out.push_str("\n| --- | --- | --- | --- | --- | --- |\n");
    for (role, reaches) in READS.iter().filter(|(role, _)| *role != Role::System) {
        let _ = write!(out, "| {} |", role.as_str());
        for reach in reaches {
            let word = match reach {
                Reach::All => "all",
                Reach::Area => "area",
                Reach::ForceInArea => "force",
                Reach::Task => "task",
                Reach::Reduced => "reduced",
                Reach::Nothing => "–",
            };
            let _ = write!(out, " {word} |");
        }
        out.push('\n');
    }
    out.push_str("\nSealed data (informants) is in no picture, and opened by two persons and a passphrase; see SECURITY.md.\n\n## What each role does\n\n| deed |");
    Role::ALL.iter().for_each(|role| {
        let _ = write!(out, " {} |", role.as_str());
    });
    out.push_str("\n| --- |");
    out.push_str(&" :-: |".repeat(Role::ALL.len()));
    out.push('\n');
    for deed in DEEDS {
        let _ = write!(out, "| {} |", word(deed));
        for role in Role::ALL {
            out.push_str(if Actor::new("", role, None).may(deed) { " yes |" } else { "  |" });
        }
        out.push('\n');
    }
    out.push_str("\n## What each door asks for\n\n| method | path | asks for |\n| --- | --- | --- |\n");
    for (method, path, asks) in DOORS {
        let asks = match asks {
            Asks::Nothing => "nothing".to_owned(),
            Asks::Account => "an account".to_owned(),
            Asks::Session => "a browser's session".to_owned(),
            Asks::Deed(deed) => word(deed),
            Asks::Public(deed) => format!("{}, or nothing where `public_tips` is on", word(deed)),
            Asks::Edit => "the deed of the collection".to_owned(),
            Asks::Verb => format!("{} (`callers`: {})", word(Deed::RunIncident), word(Deed::ReportIncident)),
        };
        let _ = writeln!(out, "| {method} | `{path}` | {asks} |");
    }
    out.push_str("\nThe deed of a collection:");
    let deeds: Vec<String> = Collection::ALL.iter().map(|c| format!(" {} {}", c.as_str(), word(deed_of(*c)))).collect();
    let _ = writeln!(out, "{}. A new incident: {}.", deeds.join(","), word(Deed::ReportIncident));
    out
}
