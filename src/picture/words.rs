//! Vietnamese words without diacritics: "Mường Tè", "MUONG TE" and "mường tè" typed with loose marks are one.

/// Base letters of U+00C0 to U+017F; `?` where the letter is kept.
const LATIN: &[u8; 192] = b"aaaaaa?ceeeeiiiidnooooo?ouuuuy??aaaaaa?ceeeeiiiidnooooo?ouuuuy?yaaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii??jjkk?llllll??llnnnnnn???oooooo??rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
/// Base letters of U+1EA0 to U+1EF9, the Vietnamese block.
const VIETNAMESE: &[u8; 90] =
    b"aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy";

/// One letter in lower case without its marks; `None` for a mark that stands alone (NFD).
fn plain(letter: char) -> Option<char> {
    let base = |table: &[u8], first: u32| {
        let base = char::from(table[(letter as u32 - first) as usize]);
        if base == '?' { letter.to_lowercase().next().unwrap_or(letter) } else { base }
    };
    Some(match letter {
        '\0'..='\x7f' => letter.to_ascii_lowercase(),
        'đ' | 'Đ' | 'ð' | 'Ð' => 'd',
        '\u{c0}'..='\u{17f}' => base(LATIN, 0xC0),
        '\u{1a0}' | '\u{1a1}' => 'o',
        '\u{1af}' | '\u{1b0}' => 'u',
        '\u{1ea0}'..='\u{1ef9}' => base(VIETNAMESE, 0x1EA0),
        '\u{300}'..='\u{36f}' => return None,
        other => other.to_lowercase().next().unwrap_or(other),
    })
}

/// Lower case, no marks, words parted by single spaces; what is neither letter nor digit parts words.
pub(super) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

/// Appends the folded text to `out`.
pub(super) fn fold_into(text: &str, out: &mut String) {
    let start = out.len();
    let mut gap = false;
    for letter in text.chars().filter_map(plain) {
        if letter.is_alphanumeric() {
            if gap && out.len() > start {
                out.push(' ');
            }
            gap = false;
            out.push(letter);
        } else {
            gap = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn marks_case_and_signs_are_folded() {
        assert_eq!(fold("Mường Tè"), "muong te");
        assert_eq!(fold("MƯỜNG TÈ"), "muong te");
        assert_eq!(fold("Mu\u{31b}o\u{31b}\u{300}ng Te\u{300}"), "muong te");
        assert_eq!(fold("Đường đi, Ô Quý Hồ!"), "duong di o quy ho");
        assert_eq!(fold("  QL12 – Km46+300 "), "ql12 km46 300");
        assert_eq!(fold("LC-2026-Q4-0147"), "lc 2026 q4 0147");
        assert_eq!(fold("ỳỵỷỹ ẨẪ Ặẵ ợ Ữ"), "yyyy aa aa o u");
    }

    #[test]
    fn every_vietnamese_letter_becomes_plain() {
        let letters = "àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđ";
        let plain: String = "a".repeat(17) + &"e".repeat(11) + "iiiii" + &"o".repeat(17) + &"u".repeat(11) + "yyyyyd";
        assert_eq!(fold(letters), plain);
        assert_eq!(fold(&letters.to_uppercase()), plain);
    }
}
