//! Words of the service language, for entries of the duty log and for titles.

use crate::domain::{Force, Role};

/// What a force is called.
pub(super) fn force(force: Force) -> &'static str {
    match force {
        Force::Police => "công an",
        Force::Military => "quân sự",
        Force::BorderGuard => "biên phòng",
        Force::Civil => "dân sự",
    }
}

/// What somebody with this role is called.
pub(super) fn role(role: Role) -> &'static str {
    match role {
        Role::DutyOfficer => "trực ban",
        Role::Planner => "cán bộ kế hoạch",
        Role::FieldUnit => "tổ hiện trường",
        Role::Commander => "chỉ huy",
        Role::LocalAuthority => "cán bộ xã",
        Role::Admin => "quản trị",
        Role::Observer => "quan sát viên",
        Role::TipHandler => "cán bộ xử lý tin báo",
        Role::System => "máy chủ",
    }
}

/// What an outcome is called.
pub(super) fn outcome(outcome: &str) -> &'static str {
    match outcome {
        "resolved" => "đã giải quyết",
        "handed_over" => "đã bàn giao",
        "unfounded" => "không có thật",
        "duplicate" => "trùng",
        "false_report" => "báo sai",
        "exercise_end" => "kết thúc diễn tập",
        _ => "khác",
    }
}

/// What a kind of incident is called.
pub(super) fn incident_kind(kind: &str) -> &'static str {
    match kind {
        "landslide" => "Sạt lở đất",
        "flash_flood" => "Lũ quét",
        "flood" => "Ngập lụt",
        "subsidence" => "Sụt lún đất",
        "rockfall" => "Đá lăn",
        "road_closure" => "Đường bị chia cắt",
        "bridge_damage" => "Hư hỏng cầu",
        "fire" => "Cháy",
        "missing_person" => "Người mất tích",
        "accident" => "Tai nạn",
        "medical" => "Cấp cứu y tế",
        "illegal_crossing" => "Qua lại biên giới không làm thủ tục",
        "illegal_entry_exit" => "Xuất nhập cảnh trái phép",
        "drug_crime" => "Tội phạm ma tuý",
        "human_trafficking" => "Mua bán người",
        "unplanned_migration" => "Di, dịch cư tự do",
        "wanted_person_found" => "Phát hiện người bị truy nã",
        "smuggling" => "Buôn lậu",
        "public_order" => "Mất trật tự",
        "border_marker" => "Mốc quốc giới",
        "contact_lost" => "Mất liên lạc",
        _ => "Vụ việc",
    }
}

/// What cuts a road.
pub(super) fn closure_reason(reason: &str) -> &'static str {
    match reason {
        "landslide" => "sạt lở",
        "rockfall" => "đá lăn",
        "flooded_ford" => "ngầm tràn ngập nước",
        "flood" => "ngập lụt",
        "bridge_damage" => "hư hỏng cầu",
        "subsidence" => "sụt lún",
        "fallen_tree" => "cây đổ",
        "accident" => "tai nạn",
        "works" => "thi công",
        "rain" => "mưa lớn",
        "night" => "ban đêm",
        _ => "bị cắt",
    }
}

/// What a unit's status is called.
pub(super) fn unit_status(status: &str) -> &'static str {
    match status {
        "available" => "sẵn sàng",
        "on_patrol" => "đang tuần tra",
        "dispatched" => "đã giao nhiệm vụ",
        "acknowledged" => "đã nhận lệnh",
        "en_route" => "đang cơ động",
        "on_scene" => "tại hiện trường",
        "searching" => "đang tìm kiếm",
        "transporting" => "đang vận chuyển",
        "staging" => "chờ tại điểm tập kết",
        "returning" => "đang về",
        "resting" => "nghỉ",
        "off_duty" => "hết ca",
        "out_of_service" => "không hoạt động",
        "distress" => "cấp cứu",
        _ => "không rõ",
    }
}

/// How a status became known.
pub(super) fn status_source(source: &str) -> &'static str {
    match source {
        "own" => "đơn vị tự báo",
        "radio" => "báo qua bộ đàm",
        "phone" => "báo qua điện thoại",
        _ => "trực ban ghi",
    }
}

/// `text: more` where more was said, else `text`.
pub(super) fn with_more(text: String, more: Option<&str>) -> String {
    match more.map(str::trim).filter(|more| !more.is_empty()) {
        Some(more) => format!("{text}: {more}"),
        None => text,
    }
}

/// Kilometre post as it is written: 46.3 is `Km46+300`.
pub(super) fn kilometre_post(road_km: f64) -> String {
    let metres = (road_km * 1_000.0).round().max(0.0);
    format!("Km{}+{:03}", (metres / 1_000.0).floor(), metres % 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{closure, incident, unit};

    #[test]
    fn every_word_of_the_tables_has_one_in_vietnamese() {
        assert!(incident::OUTCOMES.iter().all(|word| outcome(word) != "khác"));
        assert!(incident::KINDS.iter().all(|word| *word == "other" || incident_kind(word) != "Vụ việc"));
        assert!(closure::REASONS.iter().all(|word| *word == "other" || closure_reason(word) != "bị cắt"));
        assert!(unit::STATUSES.iter().all(|word| unit_status(word) != "không rõ"));
    }

    #[test]
    fn a_kilometre_post_is_written_as_on_the_stone() {
        assert_eq!(kilometre_post(46.3), "Km46+300");
        assert_eq!(kilometre_post(46.0), "Km46+000");
        assert_eq!(kilometre_post(0.05), "Km0+050");
    }
}
