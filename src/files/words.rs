//! Words as people write them: headers and choice words in Vietnamese or English, with or without diacritics.

use crate::domain::Collection;

/// Lower case, without diacritics, every run of other characters one underscore: `Vĩ độ (lat)` → `vi_do_lat`.
pub(super) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match base_letter(c) {
            Some(letter) => out.push(letter),
            // A combining mark belongs to the letter before it.
            None if ('\u{300}'..='\u{36f}').contains(&c) => {}
            None if !out.is_empty() && !out.ends_with('_') => out.push('_'),
            None => {}
        }
    }
    out.truncate(out.trim_end_matches('_').len());
    out
}

fn base_letter(c: char) -> Option<char> {
    if c.is_ascii_alphanumeric() {
        return Some(c);
    }
    const FAMILIES: [(char, &str); 7] = [
        ('a', "àáảãạăằắẳẵặâầấẩẫậ"),
        ('d', "đ"),
        ('e', "èéẻẽẹêềếểễệ"),
        ('i', "ìíỉĩị"),
        ('o', "òóỏõọôồốổỗộơờớởỡợ"),
        ('u', "ùúủũụưừứửữự"),
        ('y', "ỳýỷỹỵ"),
    ];
    FAMILIES.iter().find(|(_, letters)| letters.contains(c)).map(|(base, _)| *base)
}

/// Folded headers that stand for a field in any collection that has it.
const HEADERS: &[(&str, &str)] = &[
    ("ten", "name"),
    ("ten_goi", "name"),
    ("ma", "code"),
    ("ma_so", "code"),
    ("ma_ho", "code"),
    ("loai", "kind"),
    ("type", "kind"),
    ("category", "kind"),
    ("source_name", "source"),
    ("ghi_chu", "note"),
    ("remark", "note"),
    ("remarks", "note"),
    ("notes", "note"),
    ("nguon", "source"),
    ("luc_luong", "force"),
    ("so_nhan_khau", "member_count"),
    ("nhan_khau", "member_count"),
    ("so_khau", "member_count"),
    ("members", "member_count"),
    ("chu_ho", "head_name"),
    ("ho_ten_chu_ho", "head_name"),
    ("ho_va_ten_chu_ho", "head_name"),
    ("ho_va_ten", "head_name"),
    ("ho_ten", "head_name"),
    ("ten_chu_ho", "head_name"),
    ("dai_dien_ho", "head_name"),
    ("so_nguoi", "member_count"),
    ("tong_so_khau", "member_count"),
    ("tong_so_nhan_khau", "member_count"),
    ("so_thanh_vien", "member_count"),
    ("khau", "member_count"),
    ("ma_ho_dan", "code"),
    ("ky_hieu", "code"),
    ("ho_hieu", "code"),
    ("ten_ban", "hamlet"),
    ("ten_thon", "hamlet"),
    ("ban_thon", "hamlet"),
    ("thon_ban_to_dan_pho", "hamlet"),
    ("to_dan_pho", "hamlet"),
    ("so_tre_em", "children"),
    ("tre_em_duoi_16_tuoi", "children"),
    ("so_nguoi_gia", "elderly"),
    ("nguoi_cao_tuoi_tren_60", "elderly"),
    ("phu_nu_mang_thai", "pregnant_or_nursing"),
    ("mang_thai", "pregnant_or_nursing"),
    ("mang_thai_nuoi_con_nho", "pregnant_or_nursing"),
    ("nguoi_khuyet_tat", "disabled"),
    ("so_nguoi_khuyet_tat", "disabled"),
    ("om_nang", "gravely_ill"),
    ("benh_nang", "gravely_ill"),
    ("can_khieng", "needs_carry"),
    ("can_cang", "needs_carry"),
    ("can_oxy", "needs_oxygen"),
    ("nguy_co", "susceptibility"),
    ("muc_nguy_co", "susceptibility"),
    ("dien_thoai", "phone"),
    ("so_dien_thoai", "phone"),
    ("sdt", "phone"),
    ("dt", "phone"),
    ("dien_thoai_truc", "duty_phone"),
    ("so_truc", "duty_phone"),
    ("nguoi_phu_trach", "person_name"),
    ("nguoi_giu_chuc_vu", "person_name"),
    ("ho_ten", "person_name"),
    ("ho_va_ten", "person_name"),
    ("chuc_vu", "name"),
    ("chuc_danh", "name"),
    ("co_quan", "organisation"),
    ("don_vi", "organisation"),
    ("gio_truc", "duty_hours"),
    ("ma_xa", "commune_code"),
    ("ten_don_vi", "name"),
    ("ten_luc_luong", "name"),
    ("ten_diem", "name"),
    ("ten_diem_so_tan", "name"),
    ("diem_so_tan", "name"),
    ("ten_ban", "name"),
    ("ten_thon_ban", "name"),
    ("thon_ban", "name"),
    ("ban", "name"),
    ("thon", "name"),
    ("dia_danh", "name"),
    ("bien_so", "vehicle"),
    ("xe", "vehicle"),
    ("bo_dam", "radio"),
    ("may_bo_dam", "radio"),
    ("so_nguoi", "crew"),
    ("suc_chua_nguoi", "capacity"),
    ("so_cho", "capacity"),
    ("so_moc", "marker"),
    ("do_cao", "elevation_m"),
    ("do_cao_m", "elevation_m"),
    ("ban", "hamlet"),
    ("thon", "hamlet"),
    ("thon_ban", "hamlet"),
    ("tre_em", "children"),
    ("nguoi_gia", "elderly"),
    ("nguoi_cao_tuoi", "elderly"),
    ("khuyet_tat", "disabled"),
    ("ho_ngheo", "poor"),
    ("suc_chua", "capacity"),
    ("ten_day_du", "full_name"),
    ("dien_tich", "area_km2"),
    ("dien_tich_km2", "area_km2"),
    ("tinh", "province"),
    ("don_vi_cu", "former_units"),
    ("sap_nhap_tu", "former_units"),
    ("xa_cu", "former_commune"),
    ("ten_khac", "aliases"),
    ("quan_so", "crew"),
    ("kha_nang", "capabilities"),
    ("phuong_tien", "vehicle"),
    ("to_chuc", "organisation"),
    ("do_chinh_xac", "accuracy_m"),
    ("do_chinh_xac_m", "accuracy_m"),
    ("accuracy", "accuracy_m"),
    ("location_accuracy", "accuracy_m"),
    ("ref", "road_ref"),
    ("noi_dung", "text"),
    ("chet", "dead"),
    ("so_nguoi_chet", "dead"),
    ("fatalities", "dead"),
    ("fatality_count", "dead"),
    ("deaths", "dead"),
    ("mat_tich", "missing"),
    ("bi_thuong", "injured"),
    ("injuries", "injured"),
    ("injury_count", "injured"),
    ("ngay", "occurred_at"),
    ("thoi_gian", "occurred_at"),
    ("thoi_diem", "occurred_at"),
    ("ngay_xay_ra", "occurred_at"),
    ("date", "occurred_at"),
    ("event_date", "occurred_at"),
    ("tieu_de", "title"),
    ("mo_ta", "description"),
    ("event_description", "description"),
    ("location_description", "title"),
    ("landslide_category", "kind"),
    ("muc_do", "severity"),
    ("hieu_luc_tu", "valid_from"),
    ("hieu_luc_den", "valid_to"),
];

/// Folded headers of positions. `x` and `y` are resolved by the reference system of the file.
const LON: &[&str] = &[
    "lon",
    "lng",
    "long",
    "longitude",
    "kinh_do",
    "kinh_do_lon",
    "kinh_do_dong",
    "x",
    "x_m",
    "easting",
    "easting_m",
    "toa_do_x",
    "toa_do_x_m",
    "toa_do_dong",
    "east",
];
const LAT: &[&str] = &[
    "lat",
    "latitude",
    "vi_do",
    "vi_do_lat",
    "vi_do_bac",
    "y",
    "y_m",
    "northing",
    "northing_m",
    "toa_do_y",
    "toa_do_y_m",
    "toa_do_bac",
    "north",
];
const WKT: &[&str] = &["wkt", "geom", "geometry", "the_geom", "geom_wkt", "wkt_geom"];
const ID: &[&str] = &["id", "uuid"];
/// Columns that our own export writes or other tools add, and that every import makes anew.
const MADE_ANEW: &[&str] = &["precision", "version", "recorded_at", "seq", "fid", "ogc_fid"];

/// Folded headers under which a list says the commune, which a record has by its place.
const COMMUNE: &[&str] = &["xa", "phuong", "xa_phuong", "ten_xa", "xa_phuong_thi_tran"];

/// Whether a column of this name says the commune in words.
pub(super) fn is_commune(name: &str) -> bool {
    COMMUNE.contains(&fold(name).as_str())
}

/// What a header says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    Lon,
    Lat,
    Wkt,
    Id,
    MadeAnew,
    /// Stands for the field of this name, if the collection has it.
    Field(&'static str),
    Unknown,
}

/// What the header `name` says in a file for `collection`. The exact name of a field wins.
pub(super) fn header(collection: Collection, name: &str) -> Header {
    let folded = fold(name);
    let fields = collection.fields();
    if let Some(field) = fields.iter().find(|field| field.name == name || field.name == folded) {
        return Header::Field(field.name);
    }
    let is = |list: &[&str]| list.contains(&folded.as_str());
    if is(LON) {
        return Header::Lon;
    }
    if is(LAT) {
        return Header::Lat;
    }
    if is(WKT) {
        return Header::Wkt;
    }
    if is(ID) {
        return Header::Id;
    }
    if is(MADE_ANEW) {
        return Header::MadeAnew;
    }
    HEADERS
        .iter()
        .find(|(alias, field)| *alias == folded && fields.iter().any(|f| f.name == *field))
        .map_or(Header::Unknown, |(_, field)| Header::Field(field))
}

/// Folded words that stand for a choice word, wherever a field offers that word. The first word offered wins.
const CHOICES: &[(&str, &str)] = &[
    ("xa", "commune"),
    ("phuong", "ward"),
    ("tinh", "province"),
    ("huyen", "district"),
    ("thanh_pho", "district"),
    ("thi_xa", "district"),
    ("thi_tran", "former_commune"),
    ("xa_cu", "former_commune"),
    ("cong_an", "police"),
    ("quan_su", "military"),
    ("quan_doi", "military"),
    ("bien_phong", "border_guard"),
    ("bo_doi_bien_phong", "border_guard"),
    ("dan_su", "civil"),
    ("sat_lo", "landslide"),
    ("sat_lo_dat", "landslide"),
    ("truot_lo", "landslide"),
    ("lu_quet", "flash_flood"),
    ("lu", "flood"),
    ("ngap_lut", "flood"),
    ("lu_lut", "flood"),
    ("sut_lun", "subsidence"),
    ("da_lan", "rockfall"),
    ("da_lo", "rockfall"),
    ("tac_duong", "road_closure"),
    ("hong_cau", "bridge_damage"),
    ("chay", "fire"),
    ("hoa_hoan", "fire"),
    ("mat_tich", "missing_person"),
    ("tai_nan", "accident"),
    ("cap_cuu", "medical"),
    ("khac", "other"),
    ("don_bien_phong", "border_post"),
    ("cua_khau", "border_gate"),
    ("loi_mo", "border_opening"),
    ("moc", "border_marker"),
    ("moc_quoc_gioi", "border_marker"),
    ("kho", "depot"),
    ("truong_hoc", "school"),
    ("nha_van_hoa", "community_house"),
    ("tram_y_te", "clinic"),
    ("tru_so_xa", "commune_office"),
    ("ban", "hamlet"),
    ("thon", "hamlet"),
    ("thon_ban", "hamlet"),
    ("truong_ban", "village_head"),
    ("to_tuan_tra", "patrol"),
    ("to_cong_tac", "mobile_team"),
    ("doi_cuu_ho", "rescue_team"),
    ("cuu_ho", "rescue_team"),
    ("y_te", "medical"),
    ("dan_quan", "militia"),
    ("cong_an_xa", "commune_police"),
    ("doi_xung_kich", "commune_shock_force"),
    ("xung_kich", "commune_shock_force"),
    ("cong_binh", "engineer"),
    ("csgt", "traffic_police"),
    // The words that the pages show for units, contacts, shelters, posts and places.
    ("xung_kich_pctt_xa", "civil"),
    ("xung_kich_pctt_xa", "commune_shock_force"),
    ("to_co_dong", "mobile_team"),
    ("to_vu_trang", "armed_team"),
    ("quan_y_y_te", "medical"),
    ("quan_y", "medical"),
    ("doi_xuong", "boat_team"),
    ("to_xuong", "boat_team"),
    ("to_bay_khong_nguoi_lai", "drone_team"),
    ("canh_sat_giao_thong", "traffic_police"),
    ("chi_huy", "command"),
    ("van_tai", "transport"),
    ("so_cuu", "first_aid"),
    ("tim_kiem", "search"),
    ("cuu_ho_day", "rope_rescue"),
    ("cuu_ho_nuoc_xiet", "swift_water"),
    ("xuong", "boat"),
    ("cua_may", "chainsaw"),
    ("may_xuc", "excavator"),
    ("xe_tai", "truck"),
    ("xe_cuu_thuong", "ambulance"),
    ("xe_may", "motorbike"),
    ("thiet_bi_bay", "drone"),
    ("flycam", "drone"),
    ("dien_thoai_ve_tinh", "satellite_phone"),
    ("cho_nghiep_vu", "dog"),
    ("may_phat_dien", "generator"),
    ("phan_luong", "traffic_control"),
    ("bat_giu", "arrest"),
    ("phien_dich", "interpreter"),
    ("xa", "commune"),
    ("uy_ban_xa", "commune"),
    ("ca_truc", "duty_shift"),
    ("khi_tuong_thuy_van", "hydromet"),
    ("y_te", "clinic"),
    ("dien_luc", "power"),
    ("vien_thong", "telecom"),
    ("doanh_trai", "barracks"),
    ("khu_leu_bat", "tent_site"),
    ("tram_kiem_soat", "control_station"),
    ("don_cong_an", "police_station"),
    ("cau", "bridge"),
    ("cau_treo", "suspension_bridge"),
    ("ngam", "ford"),
    ("deo", "pass"),
    ("nga_ba", "junction"),
    ("cua_song", "river_mouth"),
    ("lu_quet_lu_ong", "flash_flood"),
    ("sut_lun_dat", "subsidence"),
    ("an_ninh", "security"),
    ("quoc_lo", "national"),
    ("duong_tinh", "provincial"),
    ("tinh_lo", "provincial"),
    // The categories of landslide catalogues; what a catalogue of landslides calls unknown is still a landslide.
    ("mudslide", "landslide"),
    ("debris_flow", "landslide"),
    ("earth_flow", "landslide"),
    ("translational_slide", "landslide"),
    ("rotational_slide", "landslide"),
    ("complex", "landslide"),
    ("creep", "landslide"),
    ("lahar", "landslide"),
    ("riverbank_collapse", "landslide"),
    ("rock_fall", "rockfall"),
    ("topple", "rockfall"),
    ("snow_avalanche", "other"),
    ("unknown", "other"),
];

/// The word of `words` that `text` stands for, if it is one of them in another spelling.
pub(super) fn choice(words: &[&'static str], text: &str) -> Option<&'static str> {
    let folded = fold(text);
    if let Some(word) = words.iter().find(|word| **word == folded) {
        return Some(word);
    }
    CHOICES
        .iter()
        .filter(|(alias, _)| *alias == folded)
        .find_map(|(_, word)| words.iter().find(|offered| *offered == word).copied())
}

/// `có`, `x`, `1` … and their opposites.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match fold(text).as_str() {
        "true" | "1" | "yes" | "y" | "co" | "dung" | "x" | "t" => Some(true),
        "false" | "0" | "no" | "n" | "khong" | "sai" | "f" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vietnamese_folds_to_plain_letters() {
        assert_eq!(fold("Vĩ độ (lat)"), "vi_do_lat");
        assert_eq!(fold("  Tên "), "ten");
        assert_eq!(fold("Te\u{302}n Xa\u{303}"), "ten_xa");
        assert_eq!(fold("ĐƯỜNG"), "duong");
    }

    #[test]
    fn a_header_is_known_in_either_language() {
        let header = |name| header(Collection::AdminUnits, name);
        assert_eq!(header("type"), Header::Field("kind"));
        assert_eq!(header("Tên"), Header::Field("name"));
        assert_eq!(header("kinh_do"), Header::Lon);
        assert_eq!(header("Vĩ độ"), Header::Lat);
        assert_eq!(header("province_code"), Header::Unknown);
        // `kind` is a field of the collection and not an alias of one that it lacks.
        assert_eq!(super::header(Collection::DutyLog, "chu_ho"), Header::Unknown);
    }

    #[test]
    fn choice_words_are_known_in_either_language() {
        let kinds = &["commune", "ward"];
        assert_eq!(choice(kinds, "Phường"), Some("ward"));
        assert_eq!(choice(kinds, "Xã"), Some("commune"));
        assert_eq!(choice(kinds, "Huyện"), None);
        let units = crate::domain::unit::KINDS;
        assert_eq!(choice(units, "Quân y, y tế"), Some("medical"));
        assert_eq!(choice(units, "xung kích PCTT xã"), Some("commune_shock_force"));
        assert_eq!(choice(crate::domain::access::FORCES, "Xung kích PCTT xã"), Some("civil"));
        assert_eq!(boolean("Có"), Some(true));
        assert_eq!(boolean("không"), Some(false));
        assert_eq!(boolean("maybe"), None);
    }
}
