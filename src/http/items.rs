//! Reading records: pages of a collection and single records.

use std::fmt::Write as _;

use axum::extract::Path;
use axum::http::{HeaderMap, header};

use super::actor::Reader;
use super::answer::{etag, feature, geojson, is_known, not_modified, with_header};
use super::error::Answer;
use super::limits::LARGE_PAGE_RECORDS;
use super::long;
use super::params::{Params, check_length, collection_named, id_named, no_record};
use super::{ITEMS_LIMIT, ITEMS_LIMIT_MAX};
use crate::domain::{Collection, Problem};
use crate::picture::{ItemsQuery, Shown, View};

/// A page of records.
#[utoipa::path(
    get, path = "/api/collections/{collection}/items", tag = "ogc",
    params(
        ("collection" = Collection, Path, description = "Name of the collection"),
        ("bbox" = Option<Vec<f64>>, Query, style = Form, explode = false, description = "west,south,east,north in degrees"),
        ("bbox-crs" = Option<String>, Query, description = "CRS84 alone"),
        ("datetime" = Option<String>, Query, description = "RFC 3339 instant or interval A/B, A/.., ../B"),
        ("limit" = Option<u32>, Query, minimum = 1, description = "Records on the page; 100 if not said, never more than 10,000"),
        ("offset" = Option<u32>, Query, description = "Records to leave out first"),
        ("q" = Option<String>, Query, description = "Words to find, with or without diacritics"),
        ("ended" = Option<bool>, Query, description = "true: ended records too"),
        ("at" = Option<String>, Query, description = "What was true then, as it is known now (or by as_known_at); RFC 3339"),
        ("as_known_at" = Option<String>, Query, description = "As it was known then; the present picture if neither is said"),
    ),
    responses(
        (
            status = 200, description = "GeoJSON FeatureCollection", content_type = "application/geo+json",
            body = ref("#/components/schemas/FeatureCollection"),
        ),
        (status = 429, description = "Too many pages of more than 1,000 records; Retry-After says when to try again"),
    )
)]
pub async fn list_items(reader: Reader, Path(name): Path<String>) -> Answer {
    let collection = collection_named(&name)?;
    let mut params = Params::parse(reader.uri.query())?;
    params.crs_and_format()?;
    let moment = params.moment()?;
    let query = ItemsQuery {
        collection,
        bbox: params.bbox()?,
        datetime: params.datetime()?,
        limit: params.integer("limit", 1)?.unwrap_or(ITEMS_LIMIT).min(ITEMS_LIMIT_MAX),
        offset: params.integer("offset", 0)?.unwrap_or(0),
        q: search_words(&mut params)?,
        ended: params.flag("ended")?,
        filters: params.filters(&[collection])?,
    };
    if query.limit > LARGE_PAGE_RECORDS {
        reader.credential().spend_large_page()?;
    }
    let view = reader.view_of(moment).await?;
    let body = long::answer(&reader, looks_at(&view, &query), || page(&reader, &view, &query)).await?;
    Ok(geojson(body))
}

/// Records that a page looks at, at most.
fn looks_at(view: &View, query: &ItemsQuery) -> usize {
    let held = view.held(&[query.collection]);
    let narrowed = query.bbox.is_some() || query.datetime.is_some() || query.q.is_some() || !query.filters.is_empty();
    if narrowed { held } else { held.min(query.offset.saturating_add(query.limit)) }
}

/// A page as GeoJSON.
fn page(reader: &Reader, view: &View, query: &ItemsQuery) -> Vec<u8> {
    let page = view.items(query);
    let links = page_links(reader, query, page.matched, page.shown.len());
    let mut body = Vec::with_capacity(512 + page.shown.len() * 768);
    body.extend_from_slice(b"{\"type\":\"FeatureCollection\",\"features\":[");
    write_features(&page.shown, &mut body);
    let (matched, returned, time) = (page.matched, page.shown.len(), view.now());
    body.extend_from_slice(
        format!(
            "],\"numberMatched\":{matched},\"numberReturned\":{returned},\"timeStamp\":\"{time}\",\"seq\":{},\"links\":{links}}}",
            view.seq()
        )
        .as_bytes(),
    );
    body
}

/// One record, also an ended one.
#[utoipa::path(
    get, path = "/api/collections/{collection}/items/{id}", tag = "ogc",
    params(
        ("collection" = Collection, Path, description = "Name of the collection"),
        ("id" = String, Path, description = "Id of the record"),
        ("at" = Option<String>, Query, description = "What was true then, as it is known now (or by as_known_at); RFC 3339"),
        ("as_known_at" = Option<String>, Query, description = "As it was known then; the present picture if neither is said"),
    ),
    responses(
        (
            status = 200, description = "GeoJSON Feature with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/Feature"),
        ),
        (status = 304, description = "The reader has it already (If-None-Match)"),
    )
)]
pub async fn read_item(reader: Reader, Path((name, id)): Path<(String, String)>, headers: HeaderMap) -> Answer {
    let (collection, id) = (collection_named(&name)?, id_named(&id)?);
    let mut params = Params::parse(reader.uri.query())?;
    params.crs_and_format()?;
    let moment = params.moment()?;
    params.finish()?;
    let view = reader.view_of(moment).await?;
    let shown = view.item(collection, id).ok_or_else(|| no_record(id))?;
    // A unit's place follows its fixes, which leave its version as it is: only its seq tells two answers apart.
    let tag = etag(shown.version());
    if shown.collection() != Collection::Units && is_known(&headers, &tag) {
        return Ok(not_modified(tag));
    }
    let own = reader.link(&format!("/api/collections/{collection}/items/{id}"));
    let parent = reader.link(&format!("/api/collections/{collection}"));
    let links = format!(
        r#"[{{"rel":"self","type":"application/geo+json","href":"{own}"}},{{"rel":"collection","type":"application/json","href":"{parent}"}}]"#
    );
    Ok(with_header(feature(&shown, &[("links", &links)]), header::CONTENT_LOCATION, &own))
}

/// `q`, at most so many characters.
///
/// # Errors
/// `limit_exceeded`.
pub fn search_words(params: &mut Params<'_>) -> Result<Option<String>, Problem> {
    let Some(words) = params.text("q")? else { return Ok(None) };
    check_length("q", &words)?;
    Ok(Some(words.into_owned()))
}

/// Features with commas between them.
pub fn write_features(shown: &[Shown<'_>], out: &mut Vec<u8>) {
    for (at, one) in shown.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        one.write_geojson(&[], out);
    }
}

/// Links to this page, the next and the one before, as JSON text.
fn page_links(reader: &Reader, query: &ItemsQuery, matched: usize, returned: usize) -> String {
    let mut links = String::from("[");
    let mut add = |rel: &str, offset: usize| {
        let href = reader.link(&page_path(reader, query.limit, offset));
        let comma = if links.len() > 1 { "," } else { "" };
        let _ = write!(
            links,
            r#"{comma}{{"rel":"{rel}","type":"application/geo+json","href":{}}}"#,
            serde_json::Value::from(href)
        );
    };
    add("self", query.offset);
    if query.offset + returned < matched && returned > 0 {
        add("next", query.offset + returned);
    }
    if query.offset > 0 {
        add("prev", query.offset.saturating_sub(query.limit));
    }
    links.push(']');
    links
}

/// The path that was asked, with another place to start from; all other parameters stay as they were sent.
fn page_path(reader: &Reader, limit: usize, offset: usize) -> String {
    let mut path = format!("{}?", reader.uri.path());
    let kept = reader.uri.query().unwrap_or_default().split('&');
    for pair in kept.filter(|p| !p.is_empty() && !p.starts_with("offset=") && !p.starts_with("limit=")) {
        path.push_str(pair);
        path.push('&');
    }
    let _ = write!(path, "limit={limit}");
    if offset > 0 {
        let _ = write!(path, "&offset={offset}");
    }
    path
}
