//! Vietnamese words and figures of the report, as an office writes them.

use super::account::{Account, Standing};
use super::beside::{Rehearsed, Task};
use super::figures::{Block, Unit};
use super::part::{ReportArea, Told};
use super::sheet::Correction;
use crate::domain::exercise::Objective;
use crate::domain::quarter_report::State;
use crate::domain::{Collection, Force, Timestamp};

/// What is written where a share cannot be worked out.
pub const NOT_COUNTED: &str = "không tính";

/// How far a report is on its way; nothing of one that nobody has begun.
#[must_use]
pub fn state(standing: &Standing) -> Option<String> {
    (standing.state != State::Open).then(|| format!("Báo cáo {}", standing.state.title_vi()))
}

/// What has become known since a report was closed, a line a figure and force; `as_of` stands where rows only went.
#[must_use]
pub fn corrections(standing: &Standing, as_of: Timestamp) -> Vec<Correction> {
    let told = |one: &super::account::Correction| {
        let whose = one.force.map_or("không lực lượng nào", force);
        let came = (one.rows > 0).then(|| format!("{} dòng ghi hoặc sửa sau khi chốt", one.rows));
        let went = (one.rows_gone > 0).then(|| format!("{} dòng khi chốt đã sửa hoặc bỏ", one.rows_gone));
        let why: Vec<String> = [came, went].into_iter().flatten().collect();
        Correction {
            title: one.title_vi.to_owned(),
            was: one.closed_value,
            is: one.value_now,
            why: format!("{whose}: {}", why.join("; ")),
            at: one.first_at.unwrap_or(as_of),
        }
    };
    standing.corrections.iter().map(told).collect()
}

/// How the figures of an area were found, and what of the province stands in no area.
#[must_use]
pub fn of_area(area: &ReportArea, account: &Account) -> Vec<String> {
    let told = |basis: Told| match basis {
        Told::AsOfDate => "theo địa giới tại thời điểm đó",
        Told::Mapped => "quy đổi giữa huyện (đến 30/6/2025) và xã (từ 01/7/2025)",
    };
    let mut notes = vec![format!(
        "Địa bàn: {}. Quý này: {}; quý trước: {}; cùng kỳ năm trước: {}. Số của địa bàn đếm từ bản ghi, không phải số chốt của tỉnh.",
        area.name,
        told(area.basis),
        told(area.basis_previous),
        told(area.basis_year_before)
    )];
    notes.extend(area.divided.iter().map(|commune| {
        format!(
            "{} lập từ nhiều huyện ({}): việc có toạ độ tính theo vùng vẽ của huyện, việc chỉ rõ xã tính cho {}.",
            commune.full_name,
            commune.districts.join(", "),
            commune.districts.first().map_or("", String::as_str)
        )
    }));
    let beside = |name: &str, value: fn(&super::quarter::Line) -> f64| {
        let lines = account.lines.iter().map(|told| &told.line).filter(|line| value(line) != 0.0);
        let told: Vec<String> = lines.map(|line| format!("{} {}", line.title_vi, number(value(line)))).collect();
        (!told.is_empty()).then(|| format!("{name}: {}.", told.join("; ")))
    };
    notes.extend(beside("Toàn tỉnh không rõ địa bàn", |line| line.unplaced));
    notes.extend(beside(
        "Toàn tỉnh không chia theo địa bàn vì người lập không được xem từng việc",
        |line| line.withheld,
    ));
    notes
}

/// An exercise as a row: what, where and who, what was judged, what was learnt.
#[must_use]
pub fn rehearsed(one: &Rehearsed) -> [String; 4] {
    let told = one.finished_at.told_text();
    let day = told.split_once(' ').map_or("", |(_, day)| day);
    let forces: Vec<&str> = one.forces.iter().map(|one| force(*one)).collect();
    let judged = |one: &Objective| {
        let result = one.judged.as_ref().map_or("chưa đánh giá", |judged| match judged.result.as_str() {
            "met" => "đạt",
            "partly" => "đạt một phần",
            _ => "chưa đạt",
        });
        format!("{}: {result}", one.text)
    };
    [
        format!("{} ({}), kết thúc {day}", one.title, one.code),
        one.place_text.iter().map(String::as_str).chain(forces).collect::<Vec<_>>().join(", "),
        one.objectives.iter().map(judged).collect::<Vec<_>>().join("; "),
        one.lessons.clone().unwrap_or_default(),
    ]
}

/// A task as a row: what, which force, who, until when.
#[must_use]
pub fn task(task: &Task, as_of: Timestamp) -> [String; 4] {
    let due = task.due_at.told_text();
    let late = if task.due_at < as_of { " (đã quá hạn)" } else { "" };
    [
        task.text.clone(),
        task.force.map_or("", force).to_owned(),
        task.owner.clone().unwrap_or_default(),
        format!("{due}{late}"),
    ]
}

/// What a part of the report is called.
#[must_use]
pub const fn block(block: Block) -> &'static str {
    match block {
        Block::Incidents => "Vụ việc",
        Block::Disaster => "Thiên tai, cứu hộ, cứu nạn",
        Block::Evacuation => "Di dời dân",
        Block::Drugs => "Ma tuý",
        Block::Border => "Biên giới",
        Block::PublicInformation => "Tin báo, tuyên truyền",
        Block::Coordination => "Phối hợp",
        Block::EventSecurity => "Bảo đảm an ninh sự kiện",
    }
}

/// What a figure counts in.
#[must_use]
pub const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Cases => "vụ",
        Unit::PersonTurns => "lượt người",
        Unit::VehicleTurns => "lượt phương tiện",
        Unit::Persons => "người",
        Unit::Households => "hộ",
        Unit::Grams => "g",
        Unit::TipOffs => "tin",
        Unit::Patrols => "lần",
        Unit::Sessions => "buổi",
        Unit::Sectors => "đoạn",
        Unit::Requests => "yêu cầu",
        Unit::Decisions => "việc",
        Unit::Plans => "phương án",
        Unit::Events => "sự kiện",
    }
}

/// What a force is called over a column.
#[must_use]
pub const fn force(force: Force) -> &'static str {
    match force {
        Force::Police => "Công an",
        Force::Military => "Quân sự",
        Force::BorderGuard => "Biên phòng",
        Force::Civil => "Xung kích xã",
    }
}

/// What a record is that figures are counted from.
#[must_use]
pub const fn collection(collection: Collection) -> &'static str {
    match collection {
        Collection::Incidents => "Vụ việc",
        Collection::Deployments => "Lần điều động",
        Collection::Households => "Hộ dân",
        Collection::Cases => "Vụ án, vụ bàn giao",
        Collection::Tallies => "Số đếm",
        Collection::Patrols => "Lần tuần tra",
        Collection::Briefings => "Buổi giao ban",
        Collection::Decisions => "Quyết định giao ban",
        Collection::InformationRequests => "Yêu cầu thông tin",
        Collection::EventPlans => "Phương án an ninh",
        _ => "Bản ghi",
    }
}

/// A figure: `1.458`, `2,23`; three decimals at most, as many as are kept of a sum.
#[must_use]
pub fn number(value: f64) -> String {
    let written = format!("{:.3}", value.abs());
    let (whole, decimals) = written.split_once('.').unwrap_or((&written, ""));
    let mut grouped = String::with_capacity(whole.len() * 4 / 3 + 5);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    let decimals = decimals.trim_end_matches('0');
    if !decimals.is_empty() {
        grouped.push(',');
        grouped.push_str(decimals);
    }
    if value < 0.0 && grouped != "0" { format!("−{grouped}") } else { grouped }
}

/// A change, with its sign; `0` for none.
#[must_use]
pub fn signed(change: f64) -> String {
    let written = number(change);
    if change > 0.0 && written != "0" { format!("+{written}") } else { written }
}

/// Hundredths of what was before, to the tenth: `+11,0`.
#[must_use]
pub fn percent(share: Option<f64>) -> String {
    let Some(share) = share else { return NOT_COUNTED.to_owned() };
    let tenths = format!("{:.1}", share.abs());
    let (whole, tenth) = tenths.split_once('.').unwrap_or((&tenths, "0"));
    let sign = match share {
        _ if tenths == "0.0" => "",
        share if share > 0.0 => "+",
        _ => "−",
    };
    format!("{sign}{},{tenth}", number(whole.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_the_vietnamese_way() {
        for (value, written) in [
            (0.0, "0"),
            (-0.0, "0"),
            (7.0, "7"),
            (569.0, "569"),
            (1_458.0, "1.458"),
            (1_234_567.0, "1.234.567"),
            (2.23, "2,23"),
            (0.125, "0,125"),
            (1_000.5, "1.000,5"),
            (-121.0, "−121"),
            (-0.000_1, "0"),
        ] {
            assert_eq!(number(value), written, "{value}");
        }
        assert_eq!((signed(12.0), signed(-1_000.0), signed(0.0)), ("+12".into(), "−1.000".into(), "0".into()));
        for (share, written) in [
            (Some(11.0), "+11,0"),
            (Some(-5.25), "−5,2"),
            (Some(1_200.0), "+1.200,0"),
            (Some(0.0), "0,0"),
            (Some(-0.01), "0,0"),
            (None, "không tính"),
        ] {
            assert_eq!(percent(share), written, "{share:?}");
        }
    }
}
