//! The marked ground of the leak tests: five hundred households, fifty tips, units, incidents, notes and contacts, each
//! with texts of its own, and who may find which of them.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::access::{CLOSED_KINDS, Deed, Facts, Sight};
use trucban::domain::{Actor, Collection, Force, Role, concern};
use trucban::store::tips::TipStore;

use crate::attachments_support::photo;
use crate::http_support::{Caller, done, id};
use crate::permissions::Somebody;
use crate::tips_support::PASSPHRASE;

pub const HOUSEHOLDS: usize = 500;
pub const TIPS: usize = 50;

/// One record and the texts that nobody but its readers may find anywhere.
pub struct Marked {
    pub collection: Collection,
    pub id: String,
    pub version: u64,
    pub commune: Option<String>,
    pub force: Option<Force>,
    pub is_closed_kind: bool,
    /// In fields that whoever sees the record sees.
    pub open: Vec<String>,
    /// In personal fields.
    pub personal: Vec<String>,
}

impl Marked {
    pub fn facts(&self, actor: &Actor) -> Facts<'_> {
        let tied = matches!(self.collection, Collection::Incidents | Collection::DutyLog | Collection::Attachments);
        Facts {
            commune: self.commune.as_deref(),
            force: self.force,
            is_joint: if self.collection == Collection::AreasOfConcern {
                concern::is_for(actor, self.force, false)
            } else {
                tied && self.force.is_some() && self.force == actor.force
            },
            is_closed_kind: self.is_closed_kind,
            ..Facts::default()
        }
    }

    /// The marks that the table of access lets this actor find.
    pub fn found_by(&self, actor: &Actor) -> impl Iterator<Item = &String> {
        let facts = self.facts(actor);
        let exact = actor.sight(self.collection, &facts, SystemClock.now()) == Sight::Exact;
        let personal = exact && actor.sees_personal_of(self.collection, &facts);
        let open = self.open.iter().filter(move |_| exact);
        open.chain(self.personal.iter().filter(move |_| personal))
    }

    pub fn marks(&self) -> impl Iterator<Item = &String> {
        self.open.iter().chain(&self.personal)
    }

    pub fn path(&self) -> String {
        format!("/api/collections/{}/items/{}", self.collection, self.id)
    }
}

/// Two communes, each with a post, its centre and the posts' ids.
pub struct Ground {
    pub communes: [String; 2],
    pub posts: [String; 2],
    pub centres: [(f64, f64); 2],
}

pub async fn ground(caller: &Caller) -> Ground {
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
pub fn households(ground: &Ground) -> String {
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

pub async fn create(caller: &Caller, collection: &str, geometry: Value, properties: Value) -> Value {
    let body = json!({"type": "Feature", "geometry": geometry, "properties": properties});
    done(caller.post(&format!("/api/collections/{collection}/items"), body).await, StatusCode::CREATED).await
}

/// Fills the server as its own people would; everything that is marked.
pub async fn fill(ground: &Ground, by: impl Fn(Role, Option<Force>) -> Caller) -> Vec<Marked> {
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
                let mark = format!("ATTNAME-{kind}-{n}-{place}");
                let photo = photo(2_000, (n * 10 + place) as u64);
                let became = officer.attach(("incident_id", id(incident)), &mark, &photo).await;
                all.push(Marked {
                    collection: Collection::Attachments,
                    id: became["attachment_id"].as_str().unwrap().to_owned(),
                    version: 1,
                    commune: Some(commune.clone()),
                    force: Some(force),
                    is_closed_kind: CLOSED_KINDS.contains(&kind),
                    open: vec![mark],
                    personal: Vec::new(),
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
    let guard = Some(Force::BorderGuard);
    let ((lon, lat), marks) = (ground.centres[0], ["CONCERNNAME-0".to_owned(), "CONCERNREASON-0".to_owned()]);
    let ring: [[f64; 2]; 4] = [[lon, lat], [lon + 0.01, lat], [lon + 0.01, lat + 0.01], [lon, lat]];
    let properties = json!({
        "name": marks[0], "kind": "crossing_place", "reason": marks[1],
        "valid_to": SystemClock.now().plus_s(86_400).to_string(),
    });
    let polygon = json!({"type": "Polygon", "coordinates": [ring]});
    let area = create(&by(Role::DutyOfficer, guard), "areas_of_concern", polygon, properties).await;
    all.push(Marked {
        collection: Collection::AreasOfConcern,
        id: id(&area).to_owned(),
        version: 1,
        commune: None,
        force: guard,
        is_closed_kind: false,
        open: marks.into(),
        personal: Vec::new(),
    });
    all
}

/// Fifty tips, taken in by a duty officer: what the handlers may find, and what nobody may who has no passphrase.
pub struct MarkedTips {
    pub scrubbed: Vec<String>,
    pub sealed: Vec<String>,
}

impl MarkedTips {
    /// Takes them in, on the server that has `store`.
    pub async fn take_in(store: &TipStore, officer: &Caller, commune: &str) -> Self {
        let holder = [("tip-handler-joint-province".to_owned(), PASSPHRASE.to_owned())];
        store.make_key(&holder, false).unwrap();
        let mut tips = Self { scrubbed: Vec::new(), sealed: Vec::new() };
        for n in 0..TIPS {
            let [text, name, phone, reach, scrubbed] =
                ["TIPTEXT", "TIPNAME", "TIPPHONE", "TIPREACH", "TIPSCRUBBED"].map(|what| format!("{what}-{n:03}"));
            let body = json!({
                "text": text, "name": name, "phone": phone, "reach": reach, "scrubbed": scrubbed,
                "commune_code": commune, "kind": "smuggling",
            });
            done(officer.post("/api/tip", body).await, StatusCode::CREATED).await;
            tips.scrubbed.push(scrubbed);
            tips.sealed.extend([text, name, phone, reach]);
        }
        tips
    }

    /// The marks that this actor may find.
    pub fn found_by(&self, actor: &Actor) -> impl Iterator<Item = &String> {
        let handles = actor.may(Deed::HandleTips);
        self.scrubbed.iter().filter(move |_| handles)
    }

    pub fn marks(&self) -> impl Iterator<Item = &String> {
        self.scrubbed.iter().chain(&self.sealed)
    }
}

/// The one with this role and force, whose area is the province.
pub fn of(people: &[Somebody], role: Role, force: Option<Force>) -> Caller {
    people.iter().find(|one| one.actor.role == role && one.actor.force == force).map(|one| one.caller.clone()).unwrap()
}

/// What each mark begins with.
pub const PREFIXES: [&str; 21] = [
    "HHCODE-",
    "HHHAMLET-",
    "HHHEAD-",
    "HHPHONE-",
    "UNITRADIO-",
    "UNITNAME-",
    "UNITCODE-",
    "INTITLE-",
    "INPHONE-",
    "ATTNAME-",
    "LOGTEXT-",
    "CONTACT-",
    "CONTACTPHONE-",
    "CONCERNNAME-",
    "CONCERNREASON-",
    "TIPTEXT-",
    "TIPNAME-",
    "TIPPHONE-",
    "TIPREACH-",
    "TIPSCRUBBED-",
    "10",
];

/// The marks that stand in these bytes.
pub fn marks_in(bytes: &[u8], marks: &BTreeSet<&str>) -> BTreeSet<String> {
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
