//! The simulation over HTTP: `trucban simulate --url … --token …`.

use std::collections::HashMap;

use geo_types::Geometry;
use reqwest::{Client, RequestBuilder};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::rain::Hour;
use super::world::SeenUnit;
use super::{GAUGE_CODES, Position, Seen, Side};
use crate::domain::{Code, Problem, Timestamp, incident};

/// Longest that one call may take.
const CALL_WAIT: std::time::Duration = std::time::Duration::from_secs(10);
/// Records read of one collection, the largest page that the server gives.
const PAGE: usize = 10_000;

/// Plays on a server.
pub struct HttpSide {
    client: Client,
    base: String,
    token: Option<String>,
    clock: fn() -> Timestamp,
}

impl HttpSide {
    /// Plays on the server at `base` (`http://127.0.0.1:8080`), as whom `token` stands for.
    ///
    /// # Errors
    /// `internal` if no client can be made.
    pub fn new(base: &str, token: Option<String>, clock: fn() -> Timestamp) -> Result<Self, Problem> {
        let client = Client::builder().timeout(CALL_WAIT);
        // Without TLS the authorities of the machine are not needed, and it may have none.
        let client = if base.starts_with("http://") { client.tls_certs_only([]) } else { client };
        let client = client.build().map_err(|error| unreachable(&error))?;
        Ok(Self { client, base: base.trim_end_matches('/').to_owned(), token, clock })
    }

    async fn call(&self, request: RequestBuilder) -> Result<Value, Problem> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let body: Value = answer.json().await.unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        let detail = body.get("detail_en").and_then(Value::as_str).unwrap_or("no reason given");
        Err(Problem::new(
            Code::InvalidParameter,
            format!("máy chủ trả lời {status}: {detail}"),
            format!("the server answered {status}: {detail}"),
        ))
    }

    async fn features(&self, collection: &str) -> Result<Vec<Value>, Problem> {
        let url = format!("{}/api/collections/{collection}/items?limit={PAGE}", self.base);
        let mut body = self.call(self.client.get(url)).await?;
        match body.get_mut("features").map(Value::take) {
            Some(Value::Array(features)) => Ok(features),
            _ => Ok(Vec::new()),
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Result<(), Problem> {
        let request = self.client.post(format!("{}{path}", self.base)).json(body);
        let request = request.header("Idempotency-Key", Uuid::now_v7().to_string());
        self.call(request).await.map(|_| ())
    }
}

impl Side for HttpSide {
    async fn roads(&self) -> Result<Vec<Geometry<f64>>, Problem> {
        let features = self.features("roads").await?;
        Ok(features.into_iter().filter_map(|mut feature| shape(feature["geometry"].take())).collect())
    }

    async fn look(&self) -> Result<Seen, Problem> {
        let (units, stations, incidents) =
            tokio::try_join!(self.features("units"), self.features("stations"), self.features("incidents"))?;
        let places = |features: &[Value]| -> HashMap<String, [f64; 2]> {
            features.iter().filter_map(|f| Some((f["id"].as_str()?.to_owned(), point(f)?))).collect()
        };
        let (posts, tasks) = (places(&stations), places(&incidents));
        let of = |places: &HashMap<String, [f64; 2]>, id: &Value| places.get(id.as_str()?).copied();
        let units = units.iter().filter_map(|unit| {
            let text = |name: &str| unit["properties"][name].as_str().unwrap_or_default().to_owned();
            Some(SeenUnit {
                id: Uuid::parse_str(unit["id"].as_str()?).ok()?,
                kind: text("kind"),
                status: text("status"),
                place: point(unit),
                post: of(&posts, &unit["properties"]["station_id"]),
                task: of(&tasks, &unit["properties"]["incident_id"]),
            })
        });
        let open = |f: &&Value| f["properties"]["state"].as_str().is_some_and(|state| !incident::is_ended(state));
        Ok(Seen { units: units.collect(), open_incidents: incidents.iter().filter(open).count() })
    }

    async fn send(&self, fixes: Vec<Position>) -> Result<(), Problem> {
        let fixes: Vec<Value> = fixes
            .iter()
            .map(|fix| {
                let mut json = json!({
                    "unit_id": fix.unit_id, "lon": fix.lon, "lat": fix.lat, "at": fix.at.to_string(),
                    "accuracy_m": fix.accuracy_m, "speed_mps": fix.speed_mps,
                });
                if let Some(course) = fix.course_deg {
                    json["course_deg"] = course.into();
                }
                json
            })
            .collect();
        self.post("/api/fixes", &json!({ "fixes": fixes })).await
    }

    async fn tell(&self, unit: Uuid, status: &'static str) -> Result<(), Problem> {
        self.post(&format!("/api/units/{unit}/status"), &json!({ "status": status, "source": "own" })).await
    }

    async fn report(&self, at: [f64; 2], mut properties: Map<String, Value>) -> Result<(), Problem> {
        let [lon, lat] = at;
        properties.insert("place".to_owned(), json!({ "lon": lon, "lat": lat, "accuracy_m": 200.0 }));
        self.post("/api/incidents", &Value::Object(properties)).await
    }

    async fn gauges(&self) -> Result<Vec<String>, Problem> {
        let gauges = self.features("rain_gauges").await?;
        let codes = gauges.iter().filter_map(|gauge| gauge["properties"]["code"].as_str());
        Ok(codes.filter(|code| code.starts_with(GAUGE_CODES)).map(str::to_owned).collect())
    }

    async fn rain(&self, hours: &[Hour]) -> Result<(), Problem> {
        let reading =
            |hour: &Hour| json!({"station": hour.gauge, "to": hour.to.to_string(), "minutes": 60, "mm": hour.mm});
        let readings: Vec<Value> = hours.iter().map(reading).collect();
        self.post("/api/rain", &json!({ "readings": readings })).await
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

fn shape(geometry: Value) -> Option<Geometry<f64>> {
    let geometry: geojson::Geometry = serde_json::from_value(geometry).ok()?;
    Geometry::try_from(&geometry).ok()
}

fn point(feature: &Value) -> Option<[f64; 2]> {
    let place = &feature["geometry"];
    (place["type"] == "Point").then_some(())?;
    Some([place["coordinates"][0].as_f64()?, place["coordinates"][1].as_f64()?])
}

fn unreachable(error: &reqwest::Error) -> Problem {
    Problem::new(
        Code::StoreUnavailable,
        format!("không tới được máy chủ: {error}"),
        format!("the server cannot be reached: {error}"),
    )
}
