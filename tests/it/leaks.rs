//! What a server lets out: five hundred households, units, incidents, notes and contacts, each with marks of its own,
//! and everything that every sort of actor can fetch, error answers and the log of the server included.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::access::{Area, CLOSED_KINDS, Facts, Sight};
use trucban::domain::{Actor, Collection, Force, Role};
use trucban::geometry::mercator::Tile;

use crate::http_support::{Caller, client, done, id};
use crate::permissions::{Somebody, everybody};
use crate::serve_support::{launch, ready, serve_anywhere, stop};
use crate::store_support::Folder;

const HOUSEHOLDS: usize = 500;

/// One record and the texts that nobody but its readers may find anywhere.
struct Marked {
    collection: Collection,
    id: String,
    version: u64,
    commune: Option<String>,
    force: Option<Force>,
    is_closed_kind: bool,
    /// In fields that whoever sees the record sees.
    open: Vec<String>,
    /// In personal fields.
    personal: Vec<String>,
}

impl Marked {
    fn facts(&self, actor: &Actor) -> Facts<'_> {
        let tied = matches!(self.collection, Collection::Incidents | Collection::DutyLog);
        Facts {
            commune: self.commune.as_deref(),
            force: self.force,
            is_joint: tied && self.force.is_some() && self.force == actor.force,
            is_closed_kind: self.is_closed_kind,
            ..Facts::default()
        }
    }

    /// The marks that the table of access lets this actor find.
    fn found_by(&self, actor: &Actor) -> impl Iterator<Item = &String> {
        let facts = self.facts(actor);
        let exact = actor.sight(self.collection, &facts, SystemClock.now()) == Sight::Exact;
        let personal = exact && actor.sees_personal_of(self.collection, &facts);
        let open = self.open.iter().filter(move |_| exact);
        open.chain(self.personal.iter().filter(move |_| personal))
    }

    fn marks(&self) -> impl Iterator<Item = &String> {
        self.open.iter().chain(&self.personal)
    }

    fn path(&self) -> String {
        format!("/api/collections/{}/items/{}", self.collection, self.id)
    }
}

/// Two communes, each with a post, its centre and the posts' ids.
struct Ground {
    communes: [String; 2],
    posts: [String; 2],
    centres: [(f64, f64); 2],
}

async fn ground(caller: &Caller) -> Ground {
    let posts = caller.read("/api/collections/stations/items?limit=1000&kind=border_post").await;
    let mut found: Vec<(String, String, (f64, f64))> = Vec::new();
    for post in posts["features"].as_array().unwrap() {
        let Some(commune) = post["properties"]["admin_unit"].as_str() else { continue };
        let at = &post["geometry"]["coordinates"];
        if found.iter().all(|(known, _, _)| known != commune) {
            found.push((commune.to_owned(), id(post).to_owned(), (at[0].as_f64().unwrap(), at[1].as_f64().unwrap())));
        }
    }
    let [a, b] = [found[0].clone(), found[1].clone()];
    Ground { communes: [a.0, b.0], posts: [a.1, b.1], centres: [a.2, b.2] }
}

/// The households of a file: half around each post.
fn households(ground: &Ground) -> String {
    let mut rows = String::from("code,lon,lat,member_count,hamlet,head_name,phone\n");
    for n in 0..HOUSEHOLDS {
        let (lon, lat) = ground.centres[n % 2];
        let step = (n / 2 + 1) as f64 * 0.000_01;
        rows += &format!(
            "HHCODE-{n:04},{:.5},{:.5},4,HHHAMLET-{n:04},HHHEAD-{n:04},HHPHONE-{n:04}\n",
            lon + step,
            lat + step
        );
    }
    rows
}

async fn create(caller: &Caller, collection: &str, geometry: Value, properties: Value) -> Value {
    let body = json!({"type": "Feature", "geometry": geometry, "properties": properties});
    done(caller.post(&format!("/api/collections/{collection}/items"), body).await, StatusCode::CREATED).await
}

/// Fills the server as its own people would; everything that is marked.
async fn fill(ground: &Ground, by: impl Fn(Role, Option<Force>) -> Caller) -> Vec<Marked> {
    let planner = by(Role::Planner, None);
    let file = planner.ask(Method::POST, "/api/imports?collection=households&name=households.csv");
    let imported = file.header("content-type", "application/octet-stream").body(households(ground)).send().await;
    let imported = done(imported.unwrap(), StatusCode::OK).await;
    assert_eq!(imported["created"], HOUSEHOLDS, "{imported}");
    let mut all = Vec::new();
    let shown = planner.read("/api/collections/households/items?limit=1000").await;
    for house in shown["features"].as_array().unwrap() {
        let properties = &house["properties"];
        let number = properties["code"].as_str().unwrap().strip_prefix("HHCODE-").unwrap();
        let at = &house["geometry"]["coordinates"];
        all.push(Marked {
            collection: Collection::Households,
            id: id(house).to_owned(),
            version: 1,
            commune: properties["admin_unit"].as_str().map(str::to_owned),
            force: None,
            is_closed_kind: false,
            open: vec![format!("HHCODE-{number}"), format!("HHHAMLET-{number}"), format!("{},{}", at[0], at[1])],
            personal: vec![format!("HHHEAD-{number}"), format!("HHPHONE-{number}")],
        });
    }
    let communes: BTreeSet<_> = all.iter().map(|house| house.commune.clone()).collect();
    assert_eq!(communes, ground.communes.iter().cloned().map(Some).collect(), "the houses lie in both communes");

    let admin = by(Role::Admin, None);
    for (n, force) in Force::ALL.into_iter().enumerate() {
        for (place, commune) in ground.communes.iter().enumerate() {
            let mark = format!("UNITRADIO-{n}-{place}");
            let properties = json!({
                "name": format!("Tổ UNITNAME-{n}-{place}"), "force": force.as_str(), "kind": "patrol",
                "station_id": ground.posts[place], "radio": mark, "code": format!("UNITCODE-{n}-{place}"),
            });
            let unit = create(&admin, "units", Value::Null, properties).await;
            all.push(Marked {
                collection: Collection::Units,
                id: id(&unit).to_owned(),
                version: 1,
                commune: Some(commune.clone()),
                force: Some(force),
                is_closed_kind: false,
                open: vec![mark, format!("UNITNAME-{n}-{place}"), format!("UNITCODE-{n}-{place}")],
                personal: Vec::new(),
            });
            let officer = by(Role::DutyOfficer, Some(force));
            for kind in ["landslide", CLOSED_KINDS[0]] {
                let (title, phone) = (format!("INTITLE-{kind}-{n}-{place}"), format!("INPHONE-{kind}-{n}-{place}"));
                let (lon, lat) = ground.centres[place];
                let body = json!({
                    "kind": kind, "place": {"lon": lon, "lat": lat}, "title": title, "lead_force": force.as_str(),
                    "reporter_phone": phone,
                });
                let made = done(officer.post("/api/incidents", body).await, StatusCode::CREATED).await;
                let incident = &made["incident"];
                all.push(Marked {
                    collection: Collection::Incidents,
                    id: id(incident).to_owned(),
                    version: incident["properties"]["version"].as_u64().unwrap(),
                    commune: Some(commune.clone()),
                    force: Some(force),
                    is_closed_kind: CLOSED_KINDS.contains(&kind),
                    open: vec![title],
                    personal: vec![phone],
                });
            }
        }
        let mark = format!("LOGTEXT-{n}");
        let entry = create(&by(Role::DutyOfficer, Some(force)), "duty_log", Value::Null, json!({"text": mark})).await;
        all.push(Marked {
            collection: Collection::DutyLog,
            id: id(&entry).to_owned(),
            version: 1,
            commune: None,
            force: Some(force),
            is_closed_kind: false,
            open: vec![mark],
            personal: Vec::new(),
        });
    }
    for (place, commune) in ground.communes.iter().enumerate() {
        let (name, phone) = (format!("CONTACT-{place}"), format!("CONTACTPHONE-{place}"));
        let (lon, lat) = ground.centres[place];
        let point = json!({"type": "Point", "coordinates": [lon, lat]});
        let properties = json!({"name": name, "kind": "village_head", "phone": phone});
        let contact = create(&by(Role::Commander, None), "contacts", point, properties).await;
        assert_eq!(contact["properties"]["admin_unit"], **commune);
        all.push(Marked {
            collection: Collection::Contacts,
            id: id(&contact).to_owned(),
            version: 1,
            commune: Some(commune.clone()),
            force: None,
            is_closed_kind: false,
            open: vec![name],
            personal: vec![phone],
        });
    }
    all
}

/// Everything that answers with records, and what a search for a mark finds.
fn questions(ground: &Ground, marked: &[Marked]) -> Vec<String> {
    let [(lon, lat), (east, north)] = ground.centres;
    let mut asked: Vec<String> =
        Collection::ALL.iter().map(|one| format!("/api/collections/{one}/items?limit=10000")).collect();
    for commune in &ground.communes {
        asked
            .push(format!("/api/within?admin_unit={commune}&collections=households,units,incidents,contacts,duty_log"));
    }
    for (lon, lat) in ground.centres {
        let all = "households,units,incidents,contacts,shelters,risk_zones";
        asked.push(format!("/api/nearby?lon={lon}&lat={lat}&radius_m=3000&limit=1000&collections={all}"));
        asked.push(format!("/api/similar?lon={lon}&lat={lat}&kind=landslide"));
        for collection in ["households", "units", "incidents", "contacts"] {
            for zoom in [8, 14] {
                let tile = Tile::at(zoom, lon, lat).unwrap();
                asked.push(format!("/tiles/{collection}/{zoom}/{}/{}", tile.x(), tile.y()));
            }
        }
    }
    asked.push("/api/along?from_km=0&to_km=30&collections=households,units,incidents".to_owned());
    // In small letters, so that a link that repeats the question is no find.
    for text in ["hhcode-0001", "hhhead-0001", "unitname-1-0", "intitle", "logtext-1", "contact-0", "hhphone"] {
        asked.push(format!("/api/search?q={text}"));
        asked.push(format!("/api/nearby?lon={lon}&lat={lat}&limit=20&q={text}"));
        asked.push(format!("/api/collections/households/items?q={text}"));
        asked.push(format!("/api/collections/incidents/items?q={text}"));
    }
    asked.push(format!(
        "/api/collections/households/items?bbox={},{},{},{}",
        lon - 0.00105,
        lat - 0.00105,
        lon + 0.001_051,
        lat + 0.00105
    ));
    asked.push(format!("/api/locate?text={north},{east}"));
    for record in marked.iter().filter(|one| one.collection != Collection::Households).chain(&marked[..6]) {
        asked.push(record.path());
        if record.collection == Collection::Incidents {
            asked.push(format!("/api/incidents/{}/log", record.id));
            asked.push(format!("/api/incidents/{}/recommendation", record.id));
        }
    }
    for rest in
        ["/api/grants", "/api/session", "/api/openapi.json", "/metrics", "/health/ready", "/", "/duty", "/api/audit"]
    {
        asked.push(rest.to_owned());
    }
    asked
}

/// Everything that this caller can fetch: what was asked, and the body of the answer.
async fn fetched(caller: &Caller, ground: &Ground, marked: &[Marked], asked: &[String]) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let mut keep = async |what: String, answer: Response| all.push((what, answer.bytes().await.unwrap().to_vec()));
    for path in asked {
        keep(path.clone(), caller.get(path).await).await;
    }
    let (lon, lat) = ground.centres[0];
    let corners = [(-0.01, -0.01), (0.01, -0.01), (0.01, 0.01), (-0.01, 0.01), (-0.01, -0.01)];
    let corners = corners.map(|(east, north)| [lon + east, lat + north]);
    let around = json!({"geometry": {"type": "Polygon", "coordinates": [corners]}});
    keep("exposure".to_owned(), caller.post("/api/exposure", around).await).await;
    // Writes that fail: a conflict tells the present record, a refusal why.
    for record in marked.iter().filter(|one| one.collection != Collection::Households).chain(&marked[..4]) {
        let change = json!({"properties": {"note": "thử"}});
        let stale = caller.write(Method::PATCH, &record.path(), record.version + 90, change).await;
        keep(format!("PATCH {}", record.path()), stale).await;
        let properties = json!({"name": "thử", "text": "thử", "kind": "other", "force": "civil"});
        let again = json!({"id": record.id, "geometry": null, "properties": properties});
        let taken = caller.post(&format!("/api/collections/{}/items", record.collection), again).await;
        assert_ne!(taken.status(), StatusCode::CREATED, "{}", record.path());
        keep(format!("POST again {}", record.path()), taken).await;
    }
    all
}

/// How this caller can tell a household that is there from one that is not, if they can.
async fn told_apart(caller: &Caller, hidden: &Marked) -> Option<String> {
    let nowhere = "/api/collections/households/items/00000000-0000-7000-8000-000000000404";
    let change = || json!({"properties": {"member_count": 5}});
    let listed = async |code: &str| {
        let page = caller.get(&format!("/api/collections/households/items?limit=1&code={code}")).await;
        let (status, body) = (page.status(), page.json::<Value>().await.unwrap());
        (status, body["numberMatched"].clone())
    };
    let said = async |answer: Response| {
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        (status, body["code"].clone())
    };
    if listed(&hidden.open[0]).await != listed("HHCODE-9999").await {
        return Some("a filter".to_owned());
    }
    if said(caller.get(&hidden.path()).await).await != said(caller.get(nowhere).await).await {
        return Some("reading".to_owned());
    }
    for version in [1, 9] {
        let there = said(caller.write(Method::PATCH, &hidden.path(), version, change()).await).await;
        let not = said(caller.write(Method::PATCH, nowhere, version, change()).await).await;
        if there != not {
            return Some(format!("writing: {there:?}, {not:?}"));
        }
    }
    None
}

/// What each mark begins with.
const PREFIXES: [&str; 13] = [
    "HHCODE-",
    "HHHAMLET-",
    "HHHEAD-",
    "HHPHONE-",
    "UNITRADIO-",
    "UNITNAME-",
    "UNITCODE-",
    "INTITLE-",
    "INPHONE-",
    "LOGTEXT-",
    "CONTACT-",
    "CONTACTPHONE-",
    "10",
];

/// The marks that stand in these bytes.
fn marks_in(bytes: &[u8], marks: &BTreeSet<&str>) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | ',');
    let mut found = BTreeSet::new();
    for (at, _) in PREFIXES.iter().flat_map(|prefix| text.match_indices(prefix)) {
        // In a tile, letters of something else may follow.
        let run: &str = &text[at..];
        let run = &run[..run.find(|letter| !is_part(letter)).unwrap_or(run.len()).min(40)];
        found.extend((8..=run.len()).filter_map(|end| marks.get(&run[..end])).map(|mark| (*mark).to_owned()));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_finds_a_mark_that_the_table_of_access_hides_and_everybody_finds_their_own() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let mut command = serve_anywhere(&[], &data);
    command
        .env("RUST_LOG", "trace,h2=info,hyper=info")
        .stderr(Stdio::from(std::fs::File::create(folder.path().join("log")).unwrap()));
    let mut process = launch(command);
    ready(&process).await;
    let anybody = Caller::new(&process.base, client());

    let areas = [("province", Area::Province)];
    let first = everybody(&data, &anybody, &areas, |_| None).await;
    let of = |role: Role, force: Option<Force>| {
        let found = first.iter().find(|one| one.actor.role == role && one.actor.force == force);
        found.map(|one| one.caller.clone()).unwrap()
    };
    let ground = ground(&of(Role::Admin, None)).await;
    let marked = fill(&ground, of).await;
    assert_eq!(marked.len(), HOUSEHOLDS + 8 + 16 + 4 + 2);
    let areas = [("west", Area::communes([ground.communes[0].clone()]))];
    let second = everybody(&data, &anybody, &areas, |_| None).await;

    let marks: BTreeSet<&str> = marked.iter().flat_map(Marked::marks).map(String::as_str).collect();
    assert!(marks.iter().all(|mark| PREFIXES.iter().any(|prefix| mark.starts_with(prefix))));
    let asked = questions(&ground, &marked);
    let mut wrong = Vec::new();
    for Somebody { actor, caller } in first.iter().chain(&second) {
        let allowed: BTreeSet<String> = marked.iter().flat_map(|one| one.found_by(actor)).cloned().collect();
        let mut listed = BTreeSet::new();
        for (what, body) in fetched(caller, &ground, &marked, &asked).await {
            let found = marks_in(&body, &marks);
            wrong.extend(
                found.difference(&allowed).take(2).map(|mark| format!("{} found {mark} in {what}", actor.name)),
            );
            if what.ends_with("/items?limit=10000") {
                listed.extend(found);
            }
        }
        wrong.extend(allowed.difference(&listed).take(5).map(|mark| format!("{} misses {mark}", actor.name)));
    }
    for Somebody { actor, caller } in first.iter().chain(&second) {
        let Some(hidden) = marked[..HOUSEHOLDS].iter().find(|one| one.found_by(actor).next().is_none()) else {
            continue;
        };
        wrong.extend(
            told_apart(caller, hidden).await.map(|how| format!("{} can tell by {how} that it is there", actor.name)),
        );
    }
    for (what, body) in fetched(&anybody, &ground, &marked, &asked).await {
        wrong.extend(marks_in(&body, &marks).into_iter().map(|mark| format!("a stranger found {mark} in {what}")));
    }
    assert!(wrong.is_empty(), "{} in all:\n{}", wrong.len(), wrong[..wrong.len().min(60)].join("\n"));

    stop(&mut process);
    let said = marks_in(&bytes_of(&folder.path().join("log")), &marks);
    assert!(said.is_empty(), "the log tells {said:?}");
}

fn bytes_of(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::fs::File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}
