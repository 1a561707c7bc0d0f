//! Reading on one node what was written on another. Each answer to a write tells in `Seq` the change that it holds; a
//! question with `Min-Seq` is answered from a picture that holds that change, or told that this node is behind.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

use super::app::{App, Live};
use crate::domain::change::Seq;
use crate::domain::{Code, Problem};

/// The newest change that the answer holds.
pub const SEQ: HeaderName = HeaderName::from_static("seq");
/// The change that the answer must hold.
const MIN_SEQ: HeaderName = HeaderName::from_static("min-seq");
/// How long a question waits for it: some times longer than a change takes from node to node, and short enough that a
/// balancer's next try on another node still helps.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Waits until the picture holds the change that the request asks for, if it asks.
///
/// # Errors
/// `invalid_parameter`, or `behind` if the picture does not come so far in two seconds.
pub async fn wait_for_min_seq(headers: &HeaderMap, live: &Live) -> Result<(), Problem> {
    let Some(value) = headers.get(MIN_SEQ) else { return Ok(()) };
    let seq: Seq = value.to_str().ok().and_then(|text| text.trim().parse().ok()).ok_or_else(|| {
        Problem::new(
            Code::InvalidParameter,
            "Min-Seq phải là số thứ tự của một thay đổi, ví dụ 1207.",
            "Min-Seq must be the number of a change, such as 1207.",
        )
        .at("Min-Seq")
    })?;
    if live.picture.wait_for(seq, WAIT_MAX).await.is_some() {
        return Ok(());
    }
    let held = live.seq();
    Err(Problem::new(
        Code::Behind,
        format!("Máy chủ này mới có đến thay đổi {held}, chưa có {seq}; hãy thử lại sau giây lát."),
        format!("This server holds the changes up to {held} and not yet {seq}; try again in a moment."),
    )
    .at("Min-Seq")
    .with("seq", held))
}

/// Tells in the answer to a write the newest change that the picture holds or that was made here: no older than the write
/// itself, also where the picture lags behind.
pub fn tell_seq(app: &App, response: &mut Response) {
    if let Ok(live) = app.live() {
        response.headers_mut().insert(SEQ, HeaderValue::from(live.seq().max(live.desk.written())));
    }
}
