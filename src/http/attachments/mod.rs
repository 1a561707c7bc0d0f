//! Attachments at this door: photos come in by an upload that can be resumed (`tus.rs`, `partial.rs`), and go out to whoever
//! sees what they hang on.

mod partial;
pub(super) mod tus;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

pub use self::partial::Partials;
use super::actor::{Reader, Writer};
use super::answer::{is_known, not_modified, with_header, with_status};
use super::app::now;
use super::audit::note_photo;
use super::error::{Answer, Refusal, internal};
use super::params::{Params, id_named, no_record};
use super::records::show;
use crate::desk::{Desk, store_problem};
use crate::domain::attachment::FileHash;
use crate::domain::{Code, Collection, Problem};
use crate::store::Store;

/// Bytes that are read from the store at once.
const PART_BYTES: usize = 256 * 1_024;
/// How often what is over is cleared away.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// Why an attachment is withdrawn.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct WithdrawCall {
    reason: String,
    /// When; now if absent.
    at: Option<String>,
}

/// The bytes of a photo.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes a body that is streamed")]
pub struct PhotoBytes(Vec<u8>);

/// The photo itself, to whoever sees what it hangs on; without EXIF, XMP and comments, as it is kept.
#[utoipa::path(
    get, path = "/api/attachments/{id}/content", tag = "attachments",
    params(
        ("id" = String, Path, description = "Id of the attachment"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-None-Match" = Option<String>, Header, description = "The tag of what is there already"),
    ),
    responses(
        (status = 200, description = "The photo, with ETag", content(
            (PhotoBytes = "image/jpeg"), (PhotoBytes = "image/png"), (PhotoBytes = "image/webp"),
        )),
        (status = 206, description = "A part of it", content(
            (PhotoBytes = "image/jpeg"), (PhotoBytes = "image/png"), (PhotoBytes = "image/webp"),
        )),
        (status = 304, description = "What is there already is this"),
        (status = 404, description = "not_found"),
        (status = 410, description = "gone: withdrawn, or erased since"),
    )
)]
pub async fn read_content(reader: Reader, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let id = id_named(&id)?;
    Params::parse(reader.uri.query())?.finish()?;
    let view = reader.view()?;
    let shown = view.item(Collection::Attachments, id).ok_or_else(|| no_record(id))?;
    if shown.text("withdrawn_at").is_some() {
        return Err(gone("tệp đính kèm này đã được rút", "this attachment was withdrawn").into());
    }
    let text = |field: &str| shown.text(field).map(|text| text.into_owned()).ok_or_else(internal);
    let (hash, media, name) = (text("sha256")?, text("media_type")?, text("name")?);
    let file_hash = FileHash::parse(&hash).ok_or_else(internal)?;
    let bytes = shown.number("size_bytes").ok_or_else(internal)? as u64;
    let tag = HeaderValue::from_str(&format!("\"{hash}\"")).map_err(|_| internal())?;
    if is_known(&headers, &tag) {
        return Ok(not_modified(tag));
    }
    let asked = range(&headers, &tag, bytes);
    let part = asked.clone().unwrap_or(0..bytes);
    note_photo(&reader)?;
    let length = part.end - part.start;
    let mut response = with_header(stream_of(&reader, file_hash, part.clone()).await?, header::CONTENT_TYPE, &media);
    if asked.is_some() {
        response = with_status(response, StatusCode::PARTIAL_CONTENT);
        let told = format!("bytes {}-{}/{bytes}", part.start, part.end - 1);
        response = with_header(response, header::CONTENT_RANGE, &told);
    }
    response.headers_mut().insert(header::ETAG, tag);
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Asked again each time: who may see it may change.
    let response = with_header(response, header::CACHE_CONTROL, "private, no-cache");
    Ok(with_header(response, header::CONTENT_DISPOSITION, &disposition(&name)))
}

/// Withdraws an attachment that was made in error: the record stays with who withdrew it and why, and its content is shown no
/// more. By whoever sent it, and by whoever runs incidents.
#[utoipa::path(
    post, path = "/api/attachments/{id}/withdraw", tag = "attachments", request_body = WithdrawCall,
    params(
        ("id" = String, Path, description = "Id of the attachment"),
        ("If-Match" = String, Header, description = "The version that was read"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The attachment, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/AttachmentsFeature"),
        ),
        (status = 409, description = "forbidden_transition: it was withdrawn already"),
    )
)]
pub async fn withdraw_attachment(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let reason = fields.text("reason")?.unwrap_or_default();
    fields.finish()?;
    let written = writer.desk()?.withdraw_attachment(&writer.ask(at), id, &reason).await?;
    show(&writer.reader, &written)
}

/// Clears away uploads that are over on this node, and, while it leads, bytes that hang on nothing.
pub async fn sweep(desk: Desk, partials: Partials, leads: watch::Receiver<bool>, stopping: CancellationToken) {
    let mut tick = tokio::time::interval(SWEEP_EVERY);
    while stopping.run_until_cancelled(tick.tick()).await.is_some() {
        partials.drop_expired(now()).await;
        if !*leads.borrow() {
            continue;
        }
        match desk.drop_orphan_files().await {
            Ok(0) => {}
            Ok(files) => tracing::info!(files, "files that hung on nothing were dropped"),
            Err(problem) => tracing::warn!(%problem, "files that hang on nothing could not be dropped"),
        }
    }
}

/// The range that is asked for; `None` for the whole. What is not understood, or lies behind the end, is not asked for, as
/// the standard allows; nor is a part of another content (`If-Range`).
fn range(headers: &HeaderMap, tag: &HeaderValue, bytes: u64) -> Option<Range<u64>> {
    if headers.get(header::IF_RANGE).is_some_and(|of| of != tag) {
        return None;
    }
    let told = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?;
    let (from, to) = told.split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (from.trim().is_empty(), to.trim().is_empty()) {
        (true, true) => return None,
        (true, false) => bytes.saturating_sub(number(to)?)..bytes,
        (false, true) => number(from)?..bytes,
        (false, false) => number(from)?..number(to)?.saturating_add(1).min(bytes),
    };
    (range.start < range.end).then_some(range)
}

/// A body that is read from the store as it goes.
async fn stream_of(reader: &Reader, hash: FileHash, part: Range<u64>) -> Result<Response, Refusal> {
    let store = Arc::clone(&reader.live()?.store);
    // The first part says whether it is there at all.
    let first = read_part(&store, hash, &part).await?;
    let rest = part.start + first.len() as u64..part.end;
    let going = stream::unfold((Some(first), rest, store), move |(ready, rest, store)| async move {
        if let Some(ready) = ready {
            return Some((Ok(ready), (None, rest, store)));
        }
        if rest.is_empty() {
            return None;
        }
        let next = read_part(&store, hash, &rest).await.map_err(|problem| std::io::Error::other(problem.detail_en));
        let read = next.as_ref().map_or(rest.end - rest.start, |bytes| bytes.len() as u64);
        Some((next, (None, rest.start + read..rest.end, store)))
    });
    Ok(Response::new(Body::from_stream(going)))
}

async fn read_part(store: &Arc<dyn Store>, hash: FileHash, part: &Range<u64>) -> Result<Bytes, Problem> {
    let bytes_max = usize::try_from(part.end - part.start).unwrap_or(PART_BYTES).min(PART_BYTES);
    match store.file_part(hash, part.start, bytes_max).await.map_err(store_problem)? {
        Some(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => {
            tracing::error!(file.hash = %hash, "the content of an attachment is not there");
            Err(gone("nội dung tệp không còn", "the content of this file is no longer there"))
        }
    }
}

fn gone(vi: &str, en: &str) -> Problem {
    Problem::new(Code::Gone, vi, en)
}

/// Shown in place, saved under its name (RFC 6266, RFC 8187).
fn disposition(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("inline; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_understood_and_others_are_the_whole() {
        let tag = HeaderValue::from_static("\"a\"");
        let asked = |told: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, told.parse().unwrap());
            range(&headers, &tag, 100)
        };
        assert_eq!(asked("bytes=0-0"), Some(0..1));
        assert_eq!(asked("bytes=90-"), Some(90..100));
        assert_eq!(asked("bytes=90-999"), Some(90..100));
        assert_eq!(asked("bytes=-10"), Some(90..100));
        assert_eq!(asked("bytes=-999"), Some(0..100));
        for other in ["bytes=-", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "bytes", "bytes=100-", "bytes=5-4"] {
            assert_eq!(asked(other), None, "{other}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-0"));
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"b\""));
        assert_eq!(range(&headers, &tag, 100), None);
    }

    #[test]
    fn a_name_cannot_leave_its_header() {
        assert_eq!(
            disposition("sạt lở \"1\".jpg\r\n"),
            "inline; filename*=UTF-8''s%E1%BA%A1t%20l%E1%BB%9F%20%221%22.jpg%0D%0A"
        );
    }
}
