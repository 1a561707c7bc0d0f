//! WebP (RFC 9649): RIFF chunks.

use super::{Fault, Said, Stripped, check_pixels, exif};

/// Flags of `VP8X`.
const ANIMATION: u8 = 0x02;
const XMP: u8 = 0x04;
const EXIF: u8 = 0x08;
/// Bytes before the first chunk.
const HEAD: usize = 12;

/// Keeps the picture, its transparency and its colours; EXIF, XMP, what has no name here and whatever follows the end go.
pub(super) fn strip(bytes: &[u8]) -> Result<Stripped, Fault> {
    let short = Fault::Broken("it ends too early");
    let told = u32::from_le_bytes(*bytes.get(4..).and_then(|rest| rest.first_chunk()).ok_or(short)?) as usize;
    let file = told.checked_add(8).and_then(|end| bytes.get(HEAD..end)).ok_or(short)?;
    let mut chunks: Vec<(&[u8], &[u8])> = Vec::new();
    let (mut canvas, mut picture, mut said) = (None, None, Said::default());
    let mut at = 0;
    while at < file.len() {
        let rest = &file[at..];
        let name = rest.get(..4).ok_or(short)?;
        let length = u32::from_le_bytes(*rest.get(4..).and_then(|rest| rest.first_chunk()).ok_or(short)?) as usize;
        let body = length.checked_add(8).and_then(|end| rest.get(8..end)).ok_or(short)?;
        at += 8 + length + length % 2;
        match name {
            b"VP8X" => canvas = Some(canvas_size(body)?),
            b"VP8 " | b"VP8L" if picture.is_some() => return Err(Fault::Broken("a second picture")),
            b"VP8 " => picture = Some(lossy_size(body)?),
            b"VP8L" => picture = Some(lossless_size(body)?),
            b"ANIM" | b"ANMF" => return Err(Fault::Kind("a film")),
            b"EXIF" => {
                said = exif::read(body.strip_prefix(b"Exif\0\0").unwrap_or(body));
                continue;
            }
            b"ICCP" | b"ALPH" => {}
            _ => continue,
        }
        chunks.push((name, body));
    }
    let Some((width, height)) = picture else { return Err(Fault::Broken("no picture")) };
    check_pixels(width, height)?;
    if let Some((width, height)) = canvas {
        check_pixels(width, height)?;
    }
    // Only the long form has a place for how it is turned.
    let turned = exif::turned(&said).filter(|_| canvas.is_some());
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend(b"RIFF\0\0\0\0WEBP");
    for (name, body) in chunks {
        if name == b"VP8X" {
            let flags = (body[0] & !(XMP | EXIF)) | if turned.is_some() { EXIF } else { 0 };
            put(&mut kept, name, &[&[flags], &body[1..10]].concat());
        } else {
            put(&mut kept, name, body);
        }
    }
    if let Some(tiff) = turned {
        put(&mut kept, b"EXIF", &tiff);
    }
    // No longer than it was, but for the turn, which is far less than what was read.
    let length = (kept.len() - 8) as u32;
    kept[4..8].copy_from_slice(&length.to_le_bytes());
    Ok(Stripped { width, height, bytes: kept, said })
}

fn put(kept: &mut Vec<u8>, name: &[u8], body: &[u8]) {
    kept.extend(name);
    kept.extend((body.len() as u32).to_le_bytes());
    kept.extend(body);
    if body.len() % 2 == 1 {
        kept.push(0);
    }
}

fn canvas_size(body: &[u8]) -> Result<(u32, u32), Fault> {
    let Some([flags, _, _, _, w0, w1, w2, h0, h1, h2]) = body.first_chunk::<10>() else {
        return Err(Fault::Broken("a canvas cut short"));
    };
    if flags & ANIMATION != 0 {
        return Err(Fault::Kind("a film"));
    }
    Ok((u32::from_le_bytes([*w0, *w1, *w2, 0]) + 1, u32::from_le_bytes([*h0, *h1, *h2, 0]) + 1))
}

fn lossy_size(body: &[u8]) -> Result<(u32, u32), Fault> {
    let Some([_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1]) = body.first_chunk::<10>() else {
        return Err(Fault::Broken("no key frame"));
    };
    // The two highest bits scale.
    let side = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Ok((side(*w0, *w1), side(*h0, *h1)))
}

fn lossless_size(body: &[u8]) -> Result<(u32, u32), Fault> {
    let Some([0x2f, b0, b1, b2, b3]) = body.first_chunk::<5>() else {
        return Err(Fault::Broken("no lossless picture"));
    };
    let bits = u32::from_le_bytes([*b0, *b1, *b2, *b3]);
    Ok(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WEBP".to_vec();
        chunks.iter().for_each(|(name, body)| put(&mut bytes, *name, body));
        let length = (bytes.len() - 8) as u32;
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    const PICTURE: &[u8] = &[0, 0, 0, 0x9d, 0x01, 0x2a, 5, 0, 7, 0, 1, 2, 3];

    #[test]
    fn words_go_and_the_turn_stays_where_it_has_a_place() {
        let tiff = exif::turned(&Said { orientation: 8, ..Said::default() }).unwrap();
        let canvas = |flags: u8| [flags, 0, 0, 0, 4, 0, 0, 6, 0, 0];
        let secret = &b"SECRET"[..];
        let mut photo = webp(&[
            (b"VP8X", &canvas(0x2c)),
            (b"ICCP", b"colours"),
            (b"VP8 ", PICTURE),
            (b"EXIF", &[&tiff[..], secret].concat()),
            (b"XMP ", secret),
            (b"PRIV", secret),
        ]);
        photo.extend(secret);
        let stripped = strip(&photo).unwrap();
        assert_eq!((stripped.width, stripped.height), (5, 7));
        let wanted = webp(&[(b"VP8X", &canvas(0x28)), (b"ICCP", b"colours"), (b"VP8 ", PICTURE), (b"EXIF", &tiff)]);
        assert_eq!(stripped.bytes, wanted);
        let plain = webp(&[(b"VP8 ", PICTURE)]);
        assert_eq!(strip(&plain).unwrap().bytes, plain);
    }

    #[test]
    fn a_photo_cut_off_anywhere_and_a_film_are_refused() {
        let whole = webp(&[(b"VP8L", &[0x2f, 4, 0x80, 1, 0, 9])]);
        assert_eq!(strip(&whole).map(|s| (s.width, s.height)), Ok((5, 7)));
        for length in HEAD..whole.len() {
            assert!(strip(&whole[..length]).is_err(), "{length}");
        }
        let film = webp(&[(b"VP8X", &[ANIMATION, 0, 0, 0, 4, 0, 0, 6, 0, 0]), (b"VP8 ", PICTURE)]);
        assert_eq!(strip(&film), Err(Fault::Kind("a film")));
        let bomb = webp(&[(b"VP8X", &[0, 0, 0, 0, 255, 255, 255, 255, 255, 255]), (b"VP8 ", PICTURE)]);
        assert_eq!(strip(&bomb), Err(Fault::TooManyPixels(1 << 24, 1 << 24)));
    }
}
