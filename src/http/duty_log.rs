//! The duty log, looked through: words without diacritics, kinds, author, time, incident.

use axum::response::Response;

use super::actor::Reader;
use super::answer::geojson;
use super::error::Answer;
use super::items::{search_words, write_features};
use super::long;
use super::params::{Params, check_length, invalid, no_record};
use crate::domain::duty_log::KINDS;
use crate::domain::{Collection, Problem};
use crate::picture::{LogQuery, View};

/// Entries on a page if nothing else is asked, and at most.
const ENTRIES: usize = 50;
const ENTRIES_MAX: usize = 500;

/// Looks through the duty log, newest first.
///
/// Words are found in the entries and in the code and title of their incident, with or without diacritics, from the
/// beginning of a word on. The next page is asked with `before`, the id of the last entry of this one; `numberMatched`
/// counts all pages.
#[utoipa::path(
    get, path = "/api/duty_log/search", tag = "log",
    params(
        ("q" = Option<String>, Query, description = "Words to find, with or without diacritics; at most 200 characters"),
        ("kind" = Option<String>, Query, description = "Kinds of entry with commas between them; all if absent"),
        ("author" = Option<String>, Query, description = "Part of the author's name, with or without diacritics"),
        ("incident_id" = Option<Uuid>, Query, description = "Entries of this incident alone"),
        ("datetime" = Option<String>, Query, description = "When it happened: RFC 3339 interval A/B, A/.., ../B"),
        ("before" = Option<Uuid>, Query, description = "The last entry of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Entries on the page; 50 if not said"),
    ),
    responses((
        status = 200, description = "GeoJSON FeatureCollection; a link `next` where there are more",
        content_type = "application/geo+json", body = ref("#/components/schemas/FeatureCollection"),
    ))
)]
pub async fn search_log(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let mut query = LogQuery {
        q: search_words(&mut params)?,
        kinds: kinds(&mut params)?,
        author: params.text("author")?.map(std::borrow::Cow::into_owned),
        incident: params.uuid("incident_id")?,
        limit: params.count("limit", ENTRIES_MAX)?.unwrap_or(ENTRIES),
        ..LogQuery::default()
    };
    check_length("author", query.author.as_deref().unwrap_or_default())?;
    if let Some((from, to)) = params.datetime()? {
        // Both ends of an interval count; what ends a span of the log does not.
        (query.from, query.to) = (from, to.map(|to| crate::domain::Timestamp::from_ms(to.as_ms() + 1)));
    }
    let before = params.uuid("before")?;
    params.finish()?;
    let view = reader.view()?;
    if let Some(entry) = before {
        query.before = Some(view.place_in_log(entry).ok_or_else(|| no_record(entry))?);
    }
    let looks_at = view.held(&[Collection::DutyLog]);
    long::answer(&reader, looks_at, || page(&reader, &view, &query)).await
}

fn kinds(params: &mut Params<'_>) -> Result<Vec<String>, Problem> {
    let Some(text) = params.text("kind")? else { return Ok(Vec::new()) };
    let kinds: Vec<String> = text.split(',').map(str::to_owned).collect();
    match kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
        None => Ok(kinds),
        Some(unknown) => Err(invalid(
            "kind",
            format_args!("không có loại {unknown:?}"),
            format_args!("there is no kind {unknown:?}"),
        )
        .with("allowed", KINDS)),
    }
}

fn page(reader: &Reader, view: &View, query: &LogQuery) -> Response {
    let page = view.log(query);
    let mut body = Vec::with_capacity(512 + page.shown.len() * 768);
    body.extend_from_slice(b"{\"type\":\"FeatureCollection\",\"features\":[");
    write_features(&page.shown, &mut body);
    let next = page.next.map(|entry| {
        let path = reader.uri.path();
        let kept = reader.uri.query().unwrap_or_default().split('&');
        let kept: Vec<&str> = kept.filter(|pair| !pair.is_empty() && !pair.starts_with("before=")).collect();
        let mut asked: Vec<String> = kept.into_iter().map(str::to_owned).collect();
        asked.push(format!("before={entry}"));
        reader.link(&format!("{path}?{}", asked.join("&")))
    });
    let links: Vec<_> = next
        .map(|href| serde_json::json!({"rel": "next", "type": "application/geo+json", "href": href}))
        .into_iter()
        .collect();
    body.extend_from_slice(
        format!("],\"numberMatched\":{},\"numberReturned\":{},", page.matched, page.shown.len()).as_bytes(),
    );
    view.write_as_of(&mut body);
    body.extend_from_slice(format!(",\"links\":{}}}", serde_json::Value::from(links)).as_bytes());
    geojson(body)
}
