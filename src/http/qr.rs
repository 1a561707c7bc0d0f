//! QR codes of links, as pictures that need no other request.

use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use super::error::{Refusal, internal};

/// Smallest picture, pixels: a telephone reads it from a screen at arm's length.
const PIXELS_MIN: u32 = 240;

/// `text` as an SVG picture, black on white, with its quiet zone. It holds neither style nor script.
///
/// # Errors
/// `internal` for a text that is longer than a code holds; our links are not.
pub fn svg_of(text: &str) -> Result<String, Refusal> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|error| {
        tracing::error!(%error, text.bytes = text.len(), "a link does not fit into a QR code");
        internal()
    })?;
    Ok(code.render::<svg::Color>().min_dimensions(PIXELS_MIN, PIXELS_MIN).build())
}
