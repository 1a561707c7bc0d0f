//! The collections and what each is: its fields, its geometry, its layer in the picture.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::schema::Field;
use super::{
    advice, alarm, assignment, attachment, briefing, bulletin, case, closure, concern, contact, deployment, disaster,
    duty_log, event_plan, exercise, ground, household, incident, information_request, patrol, quarter_report, rain,
    rain_grid, risk_level, sector_assessment, shelter, shift, tally, unit, visit, warning, zone,
};

/// A kind of record. The names are those of the API, the store's tables and the tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    BorderSectors,
    Stations,
    AdminUnits,
    Places,
    Roads,
    Rivers,
    Households,
    RiskZones,
    Shelters,
    Incidents,
    Units,
    Contacts,
    DutyLog,
    RoadClosures,
    Assignments,
    Alarms,
    Advices,
    RainGauges,
    RainDays,
    Bulletins,
    RiskLevels,
    ZoneVisits,
    Patrols,
    Warnings,
    RainGrids,
    Attachments,
    Deployments,
    Cases,
    Tallies,
    Exercises,
    Shifts,
    QuarterReports,
    SectorAssessments,
    AreasOfConcern,
    InformationRequests,
    Briefings,
    Decisions,
    EventPlans,
    DisasterEvents,
    DisasterReports,
}

/// Which geometries a collection takes. `null` is always allowed: "only the commune is known".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GeometryKind {
    Point,
    /// LineString or MultiLineString.
    Line,
    /// Polygon or MultiPolygon.
    Area,
}

impl Collection {
    /// All, in the order in which they are listed and stored.
    pub const ALL: [Self; 40] = [
        Self::BorderSectors,
        Self::Stations,
        Self::AdminUnits,
        Self::Places,
        Self::Roads,
        Self::Rivers,
        Self::Households,
        Self::RiskZones,
        Self::Shelters,
        Self::Incidents,
        Self::Units,
        Self::Contacts,
        Self::DutyLog,
        Self::RoadClosures,
        Self::Assignments,
        Self::Alarms,
        Self::Advices,
        Self::RainGauges,
        Self::RainDays,
        Self::Bulletins,
        Self::RiskLevels,
        Self::ZoneVisits,
        Self::Patrols,
        Self::Warnings,
        Self::RainGrids,
        Self::Attachments,
        Self::Deployments,
        Self::Cases,
        Self::Tallies,
        Self::Exercises,
        Self::Shifts,
        Self::QuarterReports,
        Self::SectorAssessments,
        Self::AreasOfConcern,
        Self::InformationRequests,
        Self::Briefings,
        Self::Decisions,
        Self::EventPlans,
        Self::DisasterEvents,
        Self::DisasterReports,
    ];

    /// Name in URLs, tables and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BorderSectors => "border_sectors",
            Self::Stations => "stations",
            Self::AdminUnits => "admin_units",
            Self::Places => "places",
            Self::Roads => "roads",
            Self::Rivers => "rivers",
            Self::Households => "households",
            Self::RiskZones => "risk_zones",
            Self::Shelters => "shelters",
            Self::Incidents => "incidents",
            Self::Units => "units",
            Self::Contacts => "contacts",
            Self::DutyLog => "duty_log",
            Self::RoadClosures => "road_closures",
            Self::Assignments => "assignments",
            Self::Alarms => "alarms",
            Self::Advices => "advices",
            Self::RainGauges => "rain_gauges",
            Self::RainDays => "rain_days",
            Self::Bulletins => "bulletins",
            Self::RiskLevels => "risk_levels",
            Self::ZoneVisits => "zone_visits",
            Self::Patrols => "patrols",
            Self::Warnings => "warnings",
            Self::RainGrids => "rain_grids",
            Self::Attachments => "attachments",
            Self::Deployments => "deployments",
            Self::Cases => "cases",
            Self::Tallies => "tallies",
            Self::Exercises => "exercises",
            Self::Shifts => "shifts",
            Self::QuarterReports => "quarter_reports",
            Self::SectorAssessments => "sector_assessments",
            Self::AreasOfConcern => "areas_of_concern",
            Self::InformationRequests => "information_requests",
            Self::Briefings => "briefings",
            Self::Decisions => "decisions",
            Self::EventPlans => "event_plans",
            Self::DisasterEvents => "disaster_events",
            Self::DisasterReports => "disaster_reports",
        }
    }

    /// Place in [`Self::ALL`], for arrays that hold one entry a collection.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The collection called `name`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|collection| collection.as_str() == name)
    }

    /// Title in Vietnamese and English.
    #[must_use]
    pub const fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::BorderSectors => ("Đoạn biên giới", "Border sectors"),
            Self::Stations => ("Đồn, trạm, cửa khẩu, mốc", "Posts, gates, markers, depots"),
            Self::AdminUnits => ("Đơn vị hành chính", "Administrative units"),
            Self::Places => ("Địa danh, thôn bản", "Places and hamlets"),
            Self::Roads => ("Đường", "Roads"),
            Self::Rivers => ("Sông, suối", "Rivers"),
            Self::Households => ("Hộ dân vùng nguy cơ sạt lở", "Households at landslide risk"),
            Self::RiskZones => ("Khu vực nguy hiểm", "Risk zones"),
            Self::Shelters => ("Điểm sơ tán", "Shelters"),
            Self::Incidents => ("Vụ việc", "Incidents"),
            Self::Units => ("Lực lượng", "Units"),
            Self::Contacts => ("Danh bạ trực", "Contacts"),
            Self::DutyLog => ("Nhật ký trực ban", "Duty log"),
            Self::RoadClosures => ("Đoạn đường bị cắt, hạn chế", "Road closures"),
            Self::Assignments => ("Nhiệm vụ đã giao", "Assignments"),
            Self::Alarms => ("Báo động", "Alarms"),
            Self::Advices => ("Đề xuất đã xem khi điều động", "Advice seen at dispatch"),
            Self::RainGauges => ("Trạm đo mưa", "Rain gauges"),
            Self::RainDays => ("Mưa theo ngày", "Rain by day"),
            Self::Bulletins => ("Bản tin cảnh báo", "Hydromet bulletins"),
            Self::RiskLevels => ("Cấp độ rủi ro theo khu vực", "Risk levels of zones"),
            Self::ZoneVisits => ("Lượt vào khu vực nguy hiểm", "Visits of units to risk zones"),
            Self::Patrols => ("Tuần tra", "Patrols"),
            Self::Warnings => ("Tin cảnh báo", "Warnings"),
            Self::RainGrids => ("Lưới mưa", "Rain grids"),
            Self::Attachments => ("Tệp đính kèm", "Attachments"),
            Self::Deployments => ("Lượt lực lượng, phương tiện", "Deployments"),
            Self::Cases => ("Vụ việc bàn giao", "Cases handed over"),
            Self::Tallies => ("Số liệu ghi tay", "Tallies"),
            Self::Exercises => ("Diễn tập", "Exercises"),
            Self::Shifts => ("Ca trực", "Shifts"),
            Self::QuarterReports => ("Báo cáo quý", "Quarterly reports"),
            Self::SectorAssessments => ("Đánh giá mức độ đoạn biên giới", "Assessments of border sectors"),
            Self::AreasOfConcern => ("Khu vực trọng điểm", "Areas of concern"),
            Self::InformationRequests => ("Yêu cầu trao đổi thông tin", "Information requests"),
            Self::Briefings => ("Giao ban", "Briefings"),
            Self::Decisions => ("Quyết định giao ban", "Decisions of briefings"),
            Self::EventPlans => ("Phương án bảo đảm an ninh", "Security plans for events"),
            Self::DisasterEvents => ("Đợt thiên tai", "Disaster events"),
            Self::DisasterReports => ("Báo cáo thiên tai", "Disaster reports"),
        }
    }

    /// Its fields, in the order of columns.
    #[must_use]
    pub const fn fields(self) -> &'static [Field] {
        match self {
            Self::BorderSectors => ground::BORDER_SECTOR,
            Self::Stations => ground::STATION,
            Self::AdminUnits => ground::ADMIN_UNIT,
            Self::Places => ground::PLACE,
            Self::Roads => ground::ROAD,
            Self::Rivers => ground::RIVER,
            Self::Households => household::FIELDS,
            Self::RiskZones => zone::FIELDS,
            Self::Shelters => shelter::FIELDS,
            Self::Incidents => incident::FIELDS,
            Self::Units => unit::FIELDS,
            Self::Contacts => contact::FIELDS,
            Self::DutyLog => duty_log::FIELDS,
            Self::RoadClosures => closure::FIELDS,
            Self::Assignments => assignment::FIELDS,
            Self::Alarms => alarm::FIELDS,
            Self::Advices => advice::FIELDS,
            Self::RainGauges => rain::GAUGE,
            Self::RainDays => rain::DAY,
            Self::Bulletins => bulletin::FIELDS,
            Self::RiskLevels => risk_level::FIELDS,
            Self::ZoneVisits => visit::FIELDS,
            Self::Patrols => patrol::FIELDS,
            Self::Warnings => warning::FIELDS,
            Self::RainGrids => rain_grid::FIELDS,
            Self::Attachments => attachment::FIELDS,
            Self::Deployments => deployment::FIELDS,
            Self::Cases => case::FIELDS,
            Self::Tallies => tally::FIELDS,
            Self::Exercises => exercise::FIELDS,
            Self::Shifts => shift::FIELDS,
            Self::QuarterReports => quarter_report::FIELDS,
            Self::SectorAssessments => sector_assessment::FIELDS,
            Self::AreasOfConcern => concern::FIELDS,
            Self::InformationRequests => information_request::FIELDS,
            Self::Briefings => briefing::FIELDS,
            Self::Decisions => briefing::DECISION,
            Self::EventPlans => event_plan::FIELDS,
            Self::DisasterEvents => disaster::EVENT,
            Self::DisasterReports => disaster::REPORT,
        }
    }

    /// The geometry it takes.
    #[must_use]
    pub const fn geometry_kind(self) -> GeometryKind {
        match self {
            Self::BorderSectors | Self::Roads | Self::Rivers | Self::RoadClosures | Self::Patrols => GeometryKind::Line,
            Self::AdminUnits | Self::RiskZones | Self::Warnings | Self::AreasOfConcern | Self::EventPlans => {
                GeometryKind::Area
            }
            _ => GeometryKind::Point,
        }
    }

    /// Whether its records come from verbs alone: nobody writes one by hand or brings one in a file.
    #[must_use]
    pub const fn is_by_verbs(self) -> bool {
        matches!(
            self,
            Self::Assignments
                | Self::Alarms
                | Self::Advices
                | Self::RainDays
                | Self::RiskLevels
                | Self::ZoneVisits
                | Self::Patrols
                | Self::Warnings
                | Self::RainGrids
                | Self::Attachments
                | Self::Exercises
                | Self::Shifts
                | Self::QuarterReports
                | Self::SectorAssessments
                | Self::InformationRequests
                | Self::DisasterReports
        )
    }

    /// Whether a file may bring records of it: not what verbs alone make, nor what each author answers for by name.
    #[must_use]
    pub const fn takes_files(self) -> bool {
        !self.is_by_verbs() && !matches!(self, Self::AreasOfConcern)
    }

    /// Whether its records go by the sight of the incident that they hang on, as incidents themselves do.
    #[must_use]
    pub const fn goes_by_incident(self) -> bool {
        matches!(
            self,
            Self::Incidents
                | Self::DutyLog
                | Self::Assignments
                | Self::Alarms
                | Self::Advices
                | Self::Attachments
                | Self::Deployments
        )
    }

    /// The series of its human codes, for collections whose records get one (`LC-2026-Q4-0147`).
    #[must_use]
    pub const fn code_series(self) -> Option<&'static str> {
        match self {
            Self::Incidents => Some("LC"),
            Self::RiskZones => Some("VN"),
            Self::Patrols => Some("TT"),
            Self::Warnings => Some("CB"),
            Self::DisasterEvents => Some("ST"),
            _ => None,
        }
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
