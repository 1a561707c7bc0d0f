//! What happens in the invented world: kinds, words, how grave.

use serde_json::{Map, Value, json};

use super::world::Chance;

/// One thing that may happen: kind, title, description, severity, how often compared with the others.
struct Happening(&'static str, &'static str, &'static str, i64, f64);

const HAPPENINGS: &[Happening] = &[
    Happening("landslide", "Sạt lở ta luy", "Đất đá tràn xuống lề đường, xe máy còn đi được.", 2, 3.0),
    Happening("rockfall", "Đá lăn xuống đường", "Nhiều tảng đá trên mặt đường, cần cảnh báo.", 2, 2.0),
    Happening("road_closure", "Tắc đường do đất đá", "Ô tô không qua được, dân đang chờ hai đầu.", 3, 2.0),
    Happening("accident", "Xe máy tự ngã", "Một người bị thương nhẹ, tỉnh táo.", 2, 2.0),
    Happening("medical", "Người ốm cần chuyển viện", "Gia đình đề nghị hỗ trợ xe.", 2, 2.0),
    Happening("fire", "Cháy bếp nhà dân", "Lửa đã giảm, cần kiểm tra.", 2, 1.0),
    Happening("flash_flood", "Nước suối lên nhanh", "Ngầm tràn ngập, không qua được.", 3, 1.0),
    Happening("missing_person", "Người đi rừng chưa về", "Đi từ sáng, điện thoại không liên lạc được.", 3, 1.0),
    Happening("public_order", "Mâu thuẫn trong bản", "Đề nghị công an xã đến hoà giải.", 1, 1.0),
    Happening("landslide", "Sạt lở vùi lấp nhà", "Đất sập vào nhà, chưa rõ có người bên trong.", 4, 0.4),
];

/// The properties of a report of something that happens now.
pub(super) fn next(chance: &mut Chance) -> Map<String, Value> {
    let all: f64 = HAPPENINGS.iter().map(|happening| happening.4).sum();
    let mut left = chance.between(0.0, all);
    let mut chosen = &HAPPENINGS[0];
    for happening in HAPPENINGS {
        chosen = happening;
        left -= happening.4;
        if left < 0.0 {
            break;
        }
    }
    let Happening(kind, title, description, severity, _) = chosen;
    let properties = json!({
        "kind": kind,
        "title": title,
        "description": format!("{description} (mô phỏng)"),
        "severity": severity,
        "channel": "simulation",
        "source": "mô phỏng",
    });
    match properties {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
