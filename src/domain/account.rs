//! Names and passwords of accounts: what is taken and what is refused. How a password is kept is the store's matter.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::fold::fold;
use super::{Code, Problem};

/// Shortest and longest account name, characters.
pub const NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=40;
/// Shortest password, characters. Length is what makes a password hard to guess; no mixture of signs is demanded.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Longest password, characters: more costs the server time and makes nothing safer.
pub const PASSWORD_CHARS_MAX: usize = 256;
/// Fewest different characters of a password.
const DIFFERENT_CHARS_MIN: usize = 5;
/// Names that stand in the journal for what no account does.
const RESERVED: [&str; 4] = ["system", "import", "export", "anybody"];

/// Passwords, or their beginnings before a run of digits, that are tried first.
static KNOWN_BAD: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let list = include_str!("account/known_bad.txt");
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

/// How names are compared: two accounts whose names look alike would be taken for each other.
#[must_use]
pub fn folded_name(name: &str) -> String {
    compact(name)
}

/// Checks the name of a new account: letters, digits, `.`, `-` and `_`, beginning with a letter or digit.
///
/// # Errors
/// `invalid_value` at `/name`.
pub fn check_name(name: &str) -> Result<(), Problem> {
    let fault = |vi: String, en: String| Err(Problem::new(Code::InvalidValue, vi, en).at("/name"));
    let (min, max) = (NAME_CHARS.start(), NAME_CHARS.end());
    let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_');
    let well_made = name.chars().all(is_part) && name.starts_with(char::is_alphanumeric);
    // The folded name must hold something to be told apart by.
    if !well_made || !NAME_CHARS.contains(&name.chars().count()) || compact(name).chars().count() < *min {
        return fault(
            format!(
                "Tên tài khoản gồm {min} đến {max} chữ, số, dấu chấm, gạch nối, gạch dưới; bắt đầu bằng chữ hoặc số."
            ),
            format!(
                "An account name has {min} to {max} letters, digits, dots, hyphens and underscores, and begins with a letter or digit."
            ),
        );
    }
    if RESERVED.contains(&compact(name).as_str()) {
        return fault(
            format!("Tên {name:?} dành riêng cho máy chủ."),
            format!("The name {name:?} is kept for the server."),
        );
    }
    Ok(())
}

/// Checks a password that somebody chooses for the account `name`.
///
/// # Errors
/// `weak_password` at `/password`, with what is wrong. The password itself is never in the text.
pub fn check_password(password: &str, name: &str) -> Result<(), Problem> {
    let weak = |vi: &str, en: &str| Err(Problem::new(Code::WeakPassword, vi, en).at("/password"));
    let length = password.chars().count();
    if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&length) {
        return weak(
            &format!("Mật khẩu phải có từ {PASSWORD_CHARS_MIN} đến {PASSWORD_CHARS_MAX} ký tự."),
            &format!("A password has {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters."),
        );
    }
    if password.chars().collect::<HashSet<_>>().len() < DIFFERENT_CHARS_MIN {
        return weak("Mật khẩu lặp lại quá ít ký tự khác nhau.", "The password repeats too few different characters.");
    }
    let plain = compact(password);
    let stem = plain.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if !plain.is_empty() && stem.is_empty() {
        return weak(
            "Mật khẩu chỉ có chữ số: dễ đoán như số điện thoại, số căn cước.",
            "The password is digits alone: as easy to guess as a telephone or identity number.",
        );
    }
    if KNOWN_BAD.contains(plain.as_str()) || KNOWN_BAD.contains(stem) {
        return weak(
            "Mật khẩu này nằm trong danh sách thường bị đoán.",
            "This password is on the list of those that are guessed first.",
        );
    }
    let own = compact(name);
    if !plain.is_empty() && !own.is_empty() && (plain == own || stem == own || plain.replace(&own, "").is_empty()) {
        return weak("Mật khẩu không được là tên tài khoản.", "The password must not be the account's name.");
    }
    Ok(())
}

/// Letters and digits alone, folded.
fn compact(text: &str) -> String {
    fold(text).replace(' ', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_judged_by_its_length_and_by_what_is_guessed_first() {
        for weak in [
            "",
            "short",
            "11 chars ok",
            "aaaaaaaaaaaaaaaa",
            "121212121212121",
            "12345678901",
            "123456789012",
            "0363 123 456 78",
            "matkhau123456",
            "Mật khẩu 123456!",
            "MATKHAUMACDINH",
            "LaiChâu 20262026",
            "Bộ đội Biên phòng 1",
            "qwertyuiop12",
            "passwordpassword",
            "correct horse battery staple",
            "officer.of.duty",
            "Officer-of-Duty 99",
            "officerofdutyofficerofduty",
        ] {
            let refused = check_password(weak, "officer-of-duty").map_err(|problem| problem.code);
            assert_eq!(refused, Err(Code::WeakPassword), "{weak:?}");
        }
        for good in [
            "mưa to trên đèo Ô Quý Hồ",
            "kX7-quarry-lantern",
            "ba con gà ăn 4 hạt thóc",
            "laichau2026-Pa So-lúa",
            "🜁🜂🜃🜄🜁🜂🜃🜄🝆🝆🝆🝆",
        ] {
            assert_eq!(check_password(good, "officer-of-duty"), Ok(()), "{good:?}");
        }
        assert!(check_password(&"ab cd e".repeat(36), "x1").is_ok(), "252 characters");
        assert!(check_password(&"ab cd e".repeat(37), "x1").is_err(), "259 characters");
    }

    #[test]
    fn no_refusal_repeats_the_password() {
        for weak in ["matkhau123456", "kurz", "121212121212121"] {
            let problem = check_password(weak, "x1").unwrap_err();
            assert!(!format!("{problem:?}").contains(weak), "{problem:?}");
        }
    }

    #[test]
    fn a_name_is_short_plain_and_not_the_servers() {
        for good in ["an", "tran.van-a_1", "Đội.trưởng", "7b"] {
            assert_eq!(check_name(good), Ok(()), "{good:?}");
        }
        for bad in ["", "a", "-ab", "a b", "unit:7", "a/b", "System", "im.port", "...", "a@b", "a\n", &"a".repeat(41)] {
            assert_eq!(check_name(bad).map_err(|problem| problem.code), Err(Code::InvalidValue), "{bad:?}");
        }
        assert_eq!(folded_name("Đội.Trưởng"), folded_name("doitruong"));
    }

    #[test]
    fn the_list_of_known_bad_passwords_is_written_folded() {
        for line in KNOWN_BAD.iter() {
            assert_eq!(compact(line), *line);
        }
    }
}
