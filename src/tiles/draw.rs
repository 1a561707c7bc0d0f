//! Which properties a map needs to draw a record; the rest is read by its id.

use crate::domain::Collection;

/// Names of the properties in a tile, in the order of the alphabet.
#[must_use]
pub const fn drawn(collection: Collection) -> &'static [&'static str] {
    use Collection as C;
    match collection {
        C::BorderSectors => &["from_km", "name", "station_id", "to_km"],
        C::Stations => &["chainage_km", "force", "kind", "marker", "name"],
        C::AdminUnits => &["approximate", "code", "full_name", "kind", "name", "parent_code", "valid_to"],
        C::Places => &["accuracy_m", "kind", "name"],
        C::Roads => &["class", "kind", "name", "road_ref", "surface"],
        C::Rivers => &["kind", "name"],
        C::Households => &["code", "hamlet", "member_count", "needs_carry", "state", "susceptibility"],
        C::RiskZones => &["code", "kind", "level", "name", "state", "valid_from", "valid_to"],
        C::Shelters => &["capacity", "is_open", "kind", "name", "occupied"],
        C::Incidents => {
            &["accuracy_m", "acknowledged_at", "code", "kind", "lead_force", "located_by", "severity", "state", "title"]
        }
        C::Units => &["code", "fix_at", "fix_source", "force", "kind", "name", "status", "status_at"],
        C::Contacts => &["kind", "name"],
        C::DutyLog => &["kind", "occurred_at"],
        C::RoadClosures => &["name", "profiles", "reason", "speed_factor", "valid_from", "valid_to"],
        C::RainGauges => &["code", "name"],
        C::Patrols => &["code", "kind", "name", "passed_km", "planned_end", "planned_start", "state"],
        C::AreasOfConcern => &["kind", "name", "valid_from", "valid_to"],
        C::EventPlans => &["finishes_at", "lead_force", "name", "starts_at", "state"],
        C::Warnings => &["code", "expires_at", "kind", "level", "name", "state", "status", "type"],
        // They stand nowhere by themselves.
        C::Assignments
        | C::Alarms
        | C::Advices
        | C::RainDays
        | C::RainGrids
        | C::Bulletins
        | C::RiskLevels
        | C::ZoneVisits
        | C::Attachments
        | C::Deployments
        | C::Cases
        | C::Tallies
        | C::Exercises
        | C::Shifts
        | C::QuarterReports
        | C::SectorAssessments
        | C::InformationRequests
        | C::Briefings
        | C::Decisions
        | C::DisasterEvents
        | C::DisasterReports => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::drawn;
    use crate::domain::{Collection, schema};

    #[test]
    fn drawn_properties_are_fields_in_order_and_never_personal() {
        for collection in Collection::ALL {
            let names = drawn(collection);
            assert!(names.is_sorted(), "{collection}");
            for name in names {
                let field = schema::find(collection, name).unwrap_or_else(|| panic!("{collection}.{name}"));
                assert!(!field.personal, "{collection}.{name}");
            }
        }
    }
}
