//! Which column of a file fills which field, and how its values are written.

use super::evidence::Evidence;
use super::source::Source;
use super::times::{DateOrder, OrderEvidence};
use super::values::Notation;
use super::words::{self, Header};
use crate::domain::schema::{self, Field, FieldKind, SetBy};
use crate::domain::{Code, Collection, Problem};

/// One `--map column=field[:format]`.
///
/// `field` is a field of the collection, or `lon`, `lat`, `wkt`, `id`, `extra` (kept aside), `-` (left out).
/// `format` is `mdy` or `dmy` (order of dates such as 7/3/2017) or `comma` (decimal comma). It reads and writes itself
/// in this form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnRule {
    pub column: String,
    pub field: String,
    format: Option<Written>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Dates(DateOrder),
    DecimalComma,
}

impl std::str::FromStr for ColumnRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The name of a column may hold `=`; that of a field cannot.
        let (column, rest) = text.rsplit_once('=').ok_or_else(|| format!("{text:?} is not column=field"))?;
        let (field, format) = rest.split_once(':').map_or((rest, None), |(field, format)| (field, Some(format)));
        let format = match format {
            None => None,
            Some("mdy") => Some(Written::Dates(DateOrder::MonthFirst)),
            Some("dmy") => Some(Written::Dates(DateOrder::DayFirst)),
            Some("comma") => Some(Written::DecimalComma),
            Some(other) => return Err(format!("{other:?} is not one of mdy, dmy, comma")),
        };
        Ok(Self { column: column.trim().to_owned(), field: field.trim().to_owned(), format })
    }
}

impl std::fmt::Display for ColumnRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let format = match self.format {
            None => "",
            Some(Written::Dates(DateOrder::MonthFirst)) => ":mdy",
            Some(Written::Dates(DateOrder::DayFirst)) => ":dmy",
            Some(Written::DecimalComma) => ":comma",
        };
        write!(f, "{}={}{format}", self.column, self.field)
    }
}

impl Target {
    /// As a rule names it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Field(field) => field.name,
            Self::Lon => "lon",
            Self::Lat => "lat",
            Self::Wkt => "wkt",
            Self::Id => "id",
            Self::LeftOut => "-",
            Self::Extra => "extra",
        }
    }
}

/// What a column fills.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Field(&'static Field),
    Lon,
    Lat,
    Wkt,
    Id,
    /// Left out: the import makes it anew (`version`, `admin_unit`), or the caller said so.
    LeftOut,
    /// No field of its own: kept in `extra`.
    Extra,
}

/// One column of the file.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub name: String,
    pub target: Target,
    pub notation: Notation,
}

/// What one reading of the whole file tells.
pub(super) struct Survey {
    pub columns: Vec<Column>,
    pub rows: u64,
    pub epsg: Option<u32>,
    pub positions_in_columns: bool,
    /// Positions stand in columns and are metres, not degrees.
    pub positions_in_metres: bool,
    /// What was decided for the caller, Vietnamese and English.
    pub notes: Vec<(String, String)>,
}

/// Reads the file once: its columns, its rows, and what its dates say about their order.
///
/// # Errors
/// A [`Problem`] of the whole file: it cannot be read on, or a rule names what is not there; or that of `on_row`,
/// which is told the number of each row.
pub(super) fn survey(
    source: &mut dyn Source,
    collection: Collection,
    rules: &[ColumnRule],
    mut on_row: impl FnMut(u64) -> Result<(), Problem>,
) -> Result<Survey, Problem> {
    let mut evidence: Vec<Evidence> = Vec::new();
    let mut is_looked_at: Vec<bool> = Vec::new();
    let mut rows = 0;
    while let Some(row) = source.next_row()? {
        rows += 1;
        on_row(rows)?;
        let Ok(content) = row.content else { continue };
        for column in is_looked_at.len()..source.columns().len() {
            is_looked_at.push(says_how(own_target(collection, &source.columns()[column], rules)?));
            evidence.push(Evidence::default());
        }
        for (column, value) in content.values.iter().filter(|(column, _)| is_looked_at[*column]) {
            if let Some(text) = value.as_str() {
                evidence[*column].see(text);
            }
        }
    }
    let names = source.columns();
    if let Some(rule) = rules.iter().find(|rule| !names.contains(&rule.column)) {
        return Err(Problem::new(
            Code::InvalidParameter,
            format!("tệp không có cột {:?}; có: {}", rule.column, names.join(", ")),
            format!("the file has no column {:?}; it has: {}", rule.column, names.join(", ")),
        )
        .at("--map"));
    }
    evidence.resize(names.len(), Evidence::default());
    let mut notes = Vec::new();
    let mut columns = resolve(collection, names, rules, &evidence, &mut notes)?;
    turn_axes(&mut columns, rules, &evidence, &mut notes);
    let positions_in_metres = columns
        .iter()
        .zip(&evidence)
        .any(|(column, seen)| matches!(column.target, Target::Lon | Target::Lat) && seen.numbers.is_metres());
    let positions_in_columns = source.has_positions_in_columns();
    Ok(Survey { columns, rows, epsg: source.epsg(), positions_in_columns, positions_in_metres, notes })
}

/// Whether the values of such a column are looked at, all of them, for how they are written.
fn says_how(target: Target) -> bool {
    match target {
        Target::Field(field) => matches!(field.kind, FieldKind::Time | FieldKind::Date | FieldKind::Real(..)),
        Target::Lon | Target::Lat => true,
        _ => false,
    }
}

/// Surveyors of Việt Nam call the northing X, other programs the easting: of two columns in metres that nobody has
/// spoken for, the northing is the one with numbers above a million.
fn turn_axes(columns: &mut [Column], rules: &[ColumnRule], evidence: &[Evidence], notes: &mut Vec<(String, String)>) {
    let at = |wanted: fn(&Target) -> bool| columns.iter().position(|column| wanted(&column.target));
    let (Some(east), Some(north)) = (at(|t| matches!(t, Target::Lon)), at(|t| matches!(t, Target::Lat))) else {
        return;
    };
    let is_ruled = |at: usize| rules.iter().any(|rule| rule.column == columns[at].name);
    let (seen_east, seen_north) = (evidence[east].numbers, evidence[north].numbers);
    let are_turned = seen_east.is_northing() && seen_north.is_metres() && !seen_north.is_northing();
    if !are_turned || is_ruled(east) || is_ruled(north) {
        return;
    }
    columns[east].target = Target::Lat;
    columns[north].target = Target::Lon;
    let (x, y) = (&columns[east].name, &columns[north].name);
    notes.push((
        format!("cột {x:?} là toạ độ bắc (X của bản đồ địa chính), cột {y:?} là toạ độ đông"),
        format!("column {x:?} holds northings (X of Vietnamese surveys), column {y:?} eastings"),
    ));
}

/// The target of each column once all are known: two columns never fill one field.
fn resolve(
    collection: Collection,
    names: &[String],
    rules: &[ColumnRule],
    evidence: &[Evidence],
    notes: &mut Vec<(String, String)>,
) -> Result<Vec<Column>, Problem> {
    let mut columns = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let rule = rules.iter().find(|rule| rule.column == *name);
        let target = own_target(collection, name, rules)?;
        let said = match rule.and_then(|rule| rule.format) {
            Some(Written::Dates(order)) => Notation { date_order: Some(order), decimal_comma: false },
            Some(Written::DecimalComma) => Notation { date_order: None, decimal_comma: true },
            None => Notation::default(),
        };
        let seen = evidence[at];
        let is_date = matches!(target, Target::Field(field) if !matches!(field.kind, FieldKind::Real(..)));
        let date_order = said.date_order.or_else(|| {
            let order = seen.date_order().filter(|_| is_date)?;
            notes.push(order_note(name, seen.dates, order));
            Some(order)
        });
        let decimal_comma = said.decimal_comma || (!is_date && seen.numbers.has_decimal_commas());
        if decimal_comma && !said.decimal_comma {
            notes.push((
                format!("cột {name:?} viết số bằng dấu phẩy thập phân"),
                format!("column {name:?} writes numbers with a decimal comma"),
            ));
        }
        columns.push(Column { name: name.clone(), target, notation: Notation { date_order, decimal_comma } });
    }
    settle_doubles(&mut columns, rules, notes)?;
    Ok(columns)
}

/// Of several columns for one field one is taken: that of a rule, that of the field's own name, else the first.
fn settle_doubles(
    columns: &mut [Column],
    rules: &[ColumnRule],
    notes: &mut Vec<(String, String)>,
) -> Result<(), Problem> {
    let rank = |column: &Column| match &column.target {
        _ if rules.iter().any(|rule| rule.column == column.name) => 0,
        Target::Field(field) if field.name == column.name => 1,
        _ => 2,
    };
    for at in 0..columns.len() {
        let Some(slot) = slot(&columns[at].target) else { continue };
        let rivals: Vec<usize> =
            (0..columns.len()).filter(|other| self::slot(&columns[*other].target) == Some(slot)).collect();
        let Some(best) = rivals.iter().copied().min_by_key(|other| (rank(&columns[*other]), *other)) else { continue };
        if rivals.iter().filter(|other| rank(&columns[**other]) == 0).count() > 1 {
            return Err(Problem::new(
                Code::InvalidParameter,
                format!("hai --map cùng điền {slot}"),
                format!("two --map fill {slot}"),
            )
            .at("--map"));
        }
        for loser in rivals.into_iter().filter(|other| *other != best) {
            let (taken, kept) = (columns[best].name.clone(), columns[loser].name.clone());
            notes.push((
                format!("{slot} lấy từ cột {taken:?}; cột {kept:?} giữ trong extra"),
                format!("{slot} is taken from column {taken:?}; column {kept:?} is kept in extra"),
            ));
            columns[loser].target = Target::Extra;
        }
    }
    Ok(())
}

/// The one thing of a record that only one column may fill.
fn slot(target: &Target) -> Option<&'static str> {
    match target {
        Target::Field(field) => Some(field.name),
        Target::Lon => Some("lon"),
        Target::Lat => Some("lat"),
        Target::Wkt => Some("wkt"),
        Target::Id => Some("id"),
        Target::LeftOut | Target::Extra => None,
    }
}

/// What the column fills by its rule or its name, other columns left aside.
fn own_target(collection: Collection, name: &str, rules: &[ColumnRule]) -> Result<Target, Problem> {
    if let Some(rule) = rules.iter().find(|rule| rule.column == name) {
        return ruled_target(collection, rule);
    }
    Ok(match words::header(collection, name) {
        Header::Lon => Target::Lon,
        Header::Lat => Target::Lat,
        Header::Wkt => Target::Wkt,
        Header::Id => Target::Id,
        Header::MadeAnew => Target::LeftOut,
        Header::Field(field) => schema::find(collection, field).map_or(Target::Extra, field_target),
        Header::Unknown => Target::Extra,
    })
}

fn ruled_target(collection: Collection, rule: &ColumnRule) -> Result<Target, Problem> {
    Ok(match rule.field.as_str() {
        "lon" | "x" => Target::Lon,
        "lat" | "y" => Target::Lat,
        "wkt" => Target::Wkt,
        "id" => Target::Id,
        "extra" => Target::Extra,
        "-" => Target::LeftOut,
        name => {
            let field = schema::find(collection, name).ok_or_else(|| {
                let known: Vec<&str> = collection.fields().iter().map(|field| field.name).collect();
                let known = known.join(", ");
                Problem::new(
                    Code::UnknownField,
                    format!("{collection} không có trường {name:?}; có: lon, lat, wkt, id, {known}"),
                    format!("{collection} has no field {name:?}; it has: lon, lat, wkt, id, {known}"),
                )
                .at("--map")
            })?;
            field_target(field)
        }
    })
}

/// Values that follow from the position, from fixes or from the end of a record are made anew, never taken.
fn field_target(field: &'static Field) -> Target {
    let derived = field.set_by == SetBy::Server && matches!(field.name, "admin_unit" | "sector_id" | "chainage_km");
    if derived || field.set_by == SetBy::Fix || field.name == "ended_at" {
        Target::LeftOut
    } else {
        Target::Field(field)
    }
}

fn order_note(name: &str, seen: OrderEvidence, order: DateOrder) -> (String, String) {
    let (count, vi, en) = match order {
        DateOrder::MonthFirst => (seen.month_first, "tháng/ngày/năm", "month/day/year"),
        DateOrder::DayFirst => (seen.day_first, "ngày/tháng/năm", "day/month/year"),
    };
    (
        format!("cột {name:?} đọc theo {vi}: {count} giá trị chỉ đọc được như vậy, không giá trị nào trái lại"),
        format!("column {name:?} is read as {en}: {count} values can only be read so, none otherwise"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::csv_source::CsvSource;
    use super::*;

    fn survey_of(text: &str, collection: Collection, rules: &[&str]) -> Result<Survey, Problem> {
        let rules: Vec<ColumnRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        survey(&mut CsvSource::new(text.as_bytes()).unwrap(), collection, &rules, |_| Ok(()))
    }

    #[test]
    fn the_own_name_of_a_field_wins_over_an_alias() {
        let survey = survey_of("type,kind,name\nx,hamlet,A\n", Collection::Places, &[]).unwrap();
        assert!(matches!(survey.columns[0].target, Target::Extra));
        assert!(matches!(survey.columns[1].target, Target::Field(field) if field.name == "kind"));
        assert_eq!(survey.notes.len(), 1);
        assert_eq!(survey.rows, 1);
    }

    #[test]
    fn rules_are_checked_against_file_and_collection() {
        let code = |rules: &[&str]| survey_of("a,b\n1,2\n", Collection::Places, rules).map_err(|p| p.code).err();
        assert_eq!(code(&["a=name"]), None);
        assert_eq!(code(&["c=name"]), Some(Code::InvalidParameter));
        assert_eq!(code(&["a=capacity"]), Some(Code::UnknownField));
        assert_eq!(code(&["a=name", "b=name"]), Some(Code::InvalidParameter));
        assert!("a".parse::<ColumnRule>().is_err());
        for text in ["a=b", "a=b:mdy", "ngày=occurred_at:dmy", "x=y=lon:comma", "c=-"] {
            assert_eq!(text.parse::<ColumnRule>().unwrap().to_string(), text);
        }
        assert!("a=b:ymd".parse::<ColumnRule>().is_err());
    }

    #[test]
    fn the_order_of_dates_is_taken_from_the_column_and_said() {
        let survey =
            survey_of("kind,event_date\nlandslide,7/3/2017\nlandslide,7/25/2017\n", Collection::Incidents, &[])
                .unwrap();
        assert_eq!(survey.columns[1].notation.date_order, Some(DateOrder::MonthFirst));
        assert!(survey.notes[0].1.contains("month/day/year"), "{:?}", survey.notes);
        let open = survey_of("kind,event_date\nlandslide,7/3/2017\n", Collection::Incidents, &[]).unwrap();
        assert_eq!(open.columns[1].notation.date_order, None);
        let said = survey_of("kind,d\nlandslide,7/3/2017\n", Collection::Incidents, &["d=occurred_at:dmy"]).unwrap();
        assert_eq!(said.columns[1].notation.date_order, Some(DateOrder::DayFirst));
    }
}
