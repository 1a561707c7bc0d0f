//! What is known of the ground of an area.

use geo_types::{Geometry, MultiPolygon};
use serde::Serialize;
use utoipa::ToSchema;

use super::actor::Writer;
use super::answer::json;
use super::around::{ExposureCall, area_drawn};
use super::error::{Answer, internal};
use super::long;
use crate::raster::kept::Kind;
use crate::raster::terrain::{Ground, STEEP_DEG, class_of};

/// The ground of an area, as far as grids were imported.
#[derive(Serialize, ToSchema)]
pub struct GroundAnswer {
    /// Null where no slopes are known.
    #[schema(required)]
    slope: Option<SlopeAnswer>,
    /// Null where no susceptibility is known.
    #[schema(required)]
    susceptibility: Option<SusceptibilityAnswer>,
}

/// Slopes of an area, degrees from level, to half a degree.
#[derive(Serialize, ToSchema)]
pub struct SlopeAnswer {
    #[schema(required)]
    mean_deg: Option<f64>,
    /// Nine tenths of the ground are not steeper.
    #[schema(required)]
    p90_deg: Option<f64>,
    #[schema(required)]
    max_deg: Option<f64>,
    /// Share of the known ground of 25° and more.
    steep_share: f64,
    /// Share of the area's points whose slope is known.
    known_share: f64,
    sources: Vec<String>,
}

/// How readily the ground of an area slides.
#[derive(Serialize, ToSchema)]
pub struct SusceptibilityAnswer {
    /// The highest class that holds at least a hundredth of the known ground: 1 low to 4 very high.
    #[schema(required)]
    class: Option<u8>,
    /// Shares of the known ground, of classes 1 to 4.
    shares: [f64; 4],
    known_share: f64,
    sources: Vec<String>,
}

/// The ground of an area: slopes, and how readily it slides.
#[utoipa::path(
    post, path = "/api/terrain", tag = "questions", request_body = ExposureCall,
    responses((status = 200, description = "What is known", body = GroundAnswer))
)]
pub async fn look_at_ground(writer: Writer) -> Answer {
    let mut fields = writer.fields()?;
    let view = writer.reader.view()?;
    let area = match area_drawn(&mut fields, &view)? {
        Geometry::Polygon(polygon) => MultiPolygon::new(vec![polygon]),
        Geometry::MultiPolygon(polygons) => polygons,
        _ => MultiPolygon::new(Vec::new()),
    };
    fields.finish()?;
    let terrain = &writer.reader.live()?.terrain;
    let looked = || -> std::io::Result<[Option<Ground>; 2]> {
        Ok([terrain.ground(Kind::Slope, &area)?, terrain.ground(Kind::Susceptibility, &area)?])
    };
    let [slope, susceptibility] = long::beside(&writer.reader, looked).await?.map_err(|error| {
        tracing::error!(%error, "the ground could not be read");
        internal()
    })?;
    json(&GroundAnswer { slope: slope.map(slope_of), susceptibility: susceptibility.map(susceptibility_of) })
}

fn slope_of(Ground { tally, sources }: Ground) -> SlopeAnswer {
    let unit = Kind::Slope.unit();
    let degrees = |share: f64| tally.quantile(share).map(|value| f64::from(value) * unit);
    SlopeAnswer {
        mean_deg: tally.mean().map(|units| (units * unit * 10.0).round() / 10.0),
        p90_deg: degrees(0.9),
        max_deg: degrees(1.0),
        steep_share: thousandths(tally.share_from((STEEP_DEG / unit) as u8)),
        known_share: thousandths(tally.known_share()),
        sources,
    }
}

fn susceptibility_of(Ground { tally, sources }: Ground) -> SusceptibilityAnswer {
    let share = |class: u8| thousandths(tally.share_from(class) - tally.share_from(class + 1));
    SusceptibilityAnswer {
        class: class_of(&tally),
        shares: [1, 2, 3, 4].map(share),
        known_share: thousandths(tally.known_share()),
        sources,
    }
}

fn thousandths(share: f64) -> f64 {
    (share * 1_000.0).round() / 1_000.0
}
