//! Problems of the domain as RFC 9457 answers. The only place that knows status codes and titles.
//!
//! A handler returns [`Refusal`]; the front (`front.rs`) renders it with [`render`], because it alone knows the
//! reader's language and the address that was asked. Nothing but the texts of a [`Problem`] leaves the house.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::domain::{Code, Problem};

/// What a handler answers.
pub type Answer<T = Response> = Result<T, Refusal>;

/// A problem on its way to the front.
#[derive(Clone, Debug)]
pub struct Refusal(Box<Problem>);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl Refusal {
    /// The problem.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.0
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(self.0.code);
        response.extensions_mut().insert(self);
        response
    }
}

/// The reader's language; Vietnamese unless English is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Vi,
    En,
}

impl Language {
    /// From `Accept-Language`: the one of the two with the greater weight, the earlier one if they weigh the same.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let mut best = (Self::Vi, 0.0_f32);
        let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        for item in wanted.split(',') {
            let mut parts = item.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|p| p.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            let language = match tag.split('-').next() {
                Some("vi") => Self::Vi,
                Some("en") => Self::En,
                _ => continue,
            };
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    /// As in `Content-Language`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Vi => "vi",
            Self::En => "en",
        }
    }
}

/// Writes the answer of a problem. `instance` is the path that was asked.
#[must_use]
pub fn render(problem: &Problem, language: Language, instance: &str) -> Response {
    let status = status(problem.code);
    let (title_vi, title_en) = title(problem.code);
    let (title, detail) = match language {
        Language::Vi => (title_vi, &problem.detail_vi),
        Language::En => (title_en, &problem.detail_en),
    };
    let mut body = Map::new();
    for (name, value) in &problem.extra {
        body.insert((*name).to_owned(), value.clone());
    }
    for (name, value) in [
        ("type", Value::from("about:blank")),
        ("title", title.into()),
        ("status", status.as_u16().into()),
        ("code", problem.code.as_str().into()),
        ("detail", detail.as_str().into()),
        ("detail_vi", problem.detail_vi.as_str().into()),
        ("detail_en", problem.detail_en.as_str().into()),
        ("instance", instance.into()),
    ] {
        body.insert(name.to_owned(), value);
    }
    if let Some(at) = &problem.at {
        body.insert("at".to_owned(), at.as_str().into());
    }
    let mut response = Response::new(Body::from(Value::Object(body).to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match status {
        StatusCode::UNAUTHORIZED => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"trucban\""));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let told = problem.extra.iter().find(|(name, _)| *name == "retry_after_s").and_then(|(_, s)| s.as_u64());
            headers.insert(header::RETRY_AFTER, HeaderValue::from(told.unwrap_or(1)));
        }
        _ => {}
    }
    response
}

/// A fault of ours; what happened is in the log, not in the answer.
#[must_use]
pub fn internal() -> Problem {
    Problem::new(
        Code::Internal,
        "Lỗi bên trong máy chủ; yêu cầu chưa được thực hiện. Người quản trị xem nhật ký máy chủ.",
        "The server failed inside; the request was not carried out. The administrator finds the cause in its log.",
    )
}

/// The picture is being loaded.
#[must_use]
pub fn starting() -> Problem {
    Problem::new(
        Code::StoreUnavailable,
        "Máy chủ đang nạp dữ liệu, thử lại sau giây lát.",
        "The server is loading its data; try again in a moment.",
    )
}

/// The problem behind an answer that the framework made without words of ours.
#[must_use]
pub fn for_bare_status(status: StatusCode, path: &str) -> Problem {
    match status {
        StatusCode::NOT_FOUND => Problem::new(
            Code::NotFound,
            format!("Không có gì ở địa chỉ {path}."),
            format!("There is nothing at {path}."),
        ),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            Code::MethodNotAllowed,
            format!("Địa chỉ {path} không nhận phương thức này; các phương thức được nhận có trong tiêu đề Allow."),
            format!("{path} does not take this method; the Allow header names those it takes."),
        ),
        StatusCode::PAYLOAD_TOO_LARGE => body_too_large(super::BODY_BYTES_MAX as u64),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => unsupported_media_type(),
        StatusCode::SERVICE_UNAVAILABLE => starting(),
        status if status.is_client_error() => Problem::new(
            Code::InvalidParameter,
            "Địa chỉ hoặc tham số của yêu cầu không đọc được.",
            "The address or a parameter of the request cannot be read.",
        ),
        _ => internal(),
    }
}

/// The body exceeds so many bytes.
#[must_use]
pub fn body_too_large(limit_bytes: u64) -> Problem {
    let mib = limit_bytes >> 20;
    Problem::new(
        Code::BodyTooLarge,
        format!("Nội dung gửi lên lớn hơn {mib} MiB."),
        format!("The body is larger than {mib} MiB."),
    )
    .with("limit_bytes", limit_bytes)
}

/// The connection ended before the body did.
#[must_use]
pub fn body_broke_off() -> Problem {
    Problem::new(Code::InvalidEncoding, "Nội dung gửi lên bị đứt quãng.", "The body broke off.")
}

/// The body comes more slowly than anybody waits for.
#[must_use]
pub fn body_too_slow() -> Problem {
    Problem::new(Code::TooBusy, "Nội dung gửi lên đến quá chậm.", "The body came too slowly.")
}

/// The body is of a type that the route does not read.
#[must_use]
pub fn unsupported_media_type() -> Problem {
    Problem::new(
        Code::UnsupportedMediaType,
        "Nội dung gửi lên phải là JSON (application/json, application/geo+json, application/merge-patch+json).",
        "The body must be JSON (application/json, application/geo+json, application/merge-patch+json).",
    )
}

/// The status of a code.
#[must_use]
pub const fn status(code: Code) -> StatusCode {
    use Code as C;
    match code {
        C::InvalidJson | C::InvalidEncoding | C::InvalidParameter | C::UnknownParameter | C::InvalidIdempotencyKey => {
            StatusCode::BAD_REQUEST
        }
        C::SignInRequired | C::WrongCredentials | C::SignInFailed => StatusCode::UNAUTHORIZED,
        C::TooManyAttempts | C::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        C::Forbidden
        | C::PasswordChangeRequired
        | C::FieldNotVisible
        | C::SignInRefused
        | C::NoRole
        | C::AccountDisabled
        | C::NotConfirmed => StatusCode::FORBIDDEN,
        C::NotFound | C::UnknownCollection | C::NoRoute => StatusCode::NOT_FOUND,
        C::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        C::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        C::ForbiddenTransition
        | C::FolderLocked
        | C::DemoFolder
        | C::StaleFix
        | C::TipsNotSetUp
        | C::ShelterFull
        | C::AlreadyUndone
        | C::ChangedSince
        | C::TooEarly
        | C::FiguresDiffer
        | C::WrongOffset
        | C::SamePerson
        | C::NotOnDuty
        | C::AlreadyHandedOver
        | C::StaleList
        | C::RoadsNotLoaded => StatusCode::CONFLICT,
        C::Gone => StatusCode::GONE,
        C::VersionConflict | C::ProtocolVersion => StatusCode::PRECONDITION_FAILED,
        C::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        C::UnsupportedMediaType | C::FileTypeRefused => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        C::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
        C::InvalidValue
        | C::FileDamaged
        | C::DuplicateRow
        | C::UnknownField
        | C::MissingField
        | C::FieldNotSettable
        | C::InvalidGeometry
        | C::CoordinateOutOfRange
        | C::CoordinatesSwapped
        | C::SelfIntersection
        | C::TooManyVertices
        | C::LimitExceeded
        | C::UnknownUnit
        | C::UnknownReference
        | C::PlaceNotFound
        | C::NoRoad
        | C::IdempotencyMismatch
        | C::WeakPassword
        | C::CodeNotValid
        | C::WrongPassphrase
        | C::FutureTime => StatusCode::UNPROCESSABLE_ENTITY,
        C::StoreUnavailable | C::Unconfirmed | C::Behind | C::TooBusy | C::ProviderUnavailable => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        C::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        C::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The title of a code, Vietnamese and English.
const fn title(code: Code) -> (&'static str, &'static str) {
    use Code as C;
    match code {
        C::InvalidJson => ("Không đúng JSON", "Not valid JSON"),
        C::InvalidEncoding => ("Sai mã chữ", "Not valid UTF-8"),
        C::InvalidValue => ("Giá trị không hợp lệ", "Invalid value"),
        C::DuplicateRow => ("Dòng trùng", "A row stands twice"),
        C::UnknownField => ("Trường không có", "Unknown field"),
        C::MissingField => ("Thiếu trường", "Missing field"),
        C::FieldNotSettable => ("Trường không được đặt", "Field not settable"),
        C::FieldNotVisible => ("Trường không được xem", "Field not visible"),
        C::InvalidParameter => ("Tham số không hợp lệ", "Invalid parameter"),
        C::UnknownParameter => ("Tham số không có", "Unknown parameter"),
        C::InvalidGeometry => ("Hình không hợp lệ", "Invalid geometry"),
        C::CoordinateOutOfRange => ("Tọa độ ngoài khoảng", "Coordinate out of range"),
        C::CoordinatesSwapped => ("Kinh độ, vĩ độ bị đổi chỗ", "Longitude and latitude swapped"),
        C::SelfIntersection => ("Đường ranh tự cắt", "Outline crosses itself"),
        C::TooManyVertices => ("Quá nhiều đỉnh", "Too many vertices"),
        C::LimitExceeded => ("Vượt giới hạn", "Limit exceeded"),
        C::BodyTooLarge => ("Nội dung quá lớn", "Body too large"),
        C::UnsupportedMediaType => ("Kiểu nội dung không nhận", "Unsupported media type"),
        C::NotAcceptable => ("Không có dạng trả lời này", "Not acceptable"),
        C::NotFound => ("Không tìm thấy", "Not found"),
        C::UnknownCollection => ("Không có lớp dữ liệu này", "Unknown collection"),
        C::UnknownUnit => ("Không có đơn vị này", "Unknown unit"),
        C::UnknownReference => ("Bản ghi được dẫn không có", "Unknown reference"),
        C::PlaceNotFound => ("Không tìm ra nơi này", "Place not found"),
        C::NoRoad => ("Không có đường ở đó", "No road there"),
        C::MethodNotAllowed => ("Phương thức không nhận", "Method not allowed"),
        C::SignInRequired => ("Cần đăng nhập", "Sign-in required"),
        C::WrongCredentials => ("Sai tên hoặc mật khẩu", "Wrong name or password"),
        C::SignInFailed => ("Đăng nhập không thành", "Sign-in failed"),
        C::SignInRefused => ("Cổng đăng nhập từ chối", "The sign-in provider refused"),
        C::NoRole => ("Chưa được giao vai trò", "No role given"),
        C::AccountDisabled => ("Tài khoản đã khoá", "Account disabled"),
        C::ProviderUnavailable => ("Không tới được cổng đăng nhập", "The sign-in provider cannot be reached"),
        C::WeakPassword => ("Mật khẩu dễ đoán", "Password easy to guess"),
        C::PasswordChangeRequired => ("Cần đổi mật khẩu", "Password change required"),
        C::CodeNotValid => ("Mã không còn giá trị", "Code not valid"),
        C::WrongPassphrase => ("Sai mã hoặc câu mật khẩu", "Wrong code or passphrase"),
        C::TipsNotSetUp => ("Chưa thiết lập khoá tin báo", "No key for tips yet"),
        C::NotConfirmed => ("Chưa có người thứ hai đồng ý", "No second person has agreed"),
        C::TooManyAttempts => ("Thử quá nhiều lần", "Too many attempts"),
        C::TooManyRequests => ("Quá nhiều yêu cầu", "Too many requests"),
        C::Forbidden => ("Không được phép", "Forbidden"),
        C::ForbiddenTransition => ("Không chuyển được trạng thái", "Transition not allowed"),
        C::PreconditionRequired => ("Cần If-Match", "If-Match required"),
        C::VersionConflict => ("Bản ghi đã thay đổi", "The record has changed"),
        C::InvalidIdempotencyKey => ("Idempotency-Key không hợp lệ", "Invalid Idempotency-Key"),
        C::IdempotencyMismatch => {
            ("Idempotency-Key đã dùng cho nội dung khác", "Idempotency-Key used for another body")
        }
        C::FolderLocked => ("Thư mục dữ liệu đang khóa", "The data folder is locked"),
        C::DemoFolder => ("Thư mục minh họa", "Demo folder"),
        C::StoreUnavailable => ("Kho dữ liệu chưa sẵn sàng", "The store is not available"),
        C::Unconfirmed => ("Chưa rõ đã lưu hay chưa", "Not known whether it was stored"),
        C::Behind => ("Máy chủ chưa kịp cập nhật", "This server is behind"),
        C::DiskFull => ("Đĩa đầy", "The disk is full"),
        C::TooBusy => ("Máy chủ quá tải", "Too busy"),
        C::StaleFix => ("Vị trí đã cũ", "Stale fix"),
        C::FutureTime => ("Thời điểm ở tương lai", "Time lies in the future"),
        C::RoadsNotLoaded => ("Chưa có mạng đường", "No road network yet"),
        C::NoRoute => ("Không có đường đi", "No way by road"),
        C::ShelterFull => ("Điểm sơ tán không đủ chỗ", "The shelter has no room"),
        C::AlreadyUndone => ("Đã hoàn tác rồi", "It was undone already"),
        C::ChangedSince => ("Đã được sửa sau đó", "It was changed since"),
        C::TooEarly => ("Chưa đến lúc", "Too early"),
        C::FiguresDiffer => ("Số liệu chưa thống nhất", "Figures not agreed"),
        C::FileTypeRefused => ("Loại tệp không nhận", "File type refused"),
        C::FileDamaged => ("Tệp bị hỏng", "File damaged"),
        C::WrongOffset => ("Sai vị trí gửi tiếp", "Wrong offset"),
        C::ProtocolVersion => ("Không nhận phiên bản giao thức này", "Protocol version not taken"),
        C::Gone => ("Không còn nữa", "No longer there"),
        C::SamePerson => ("Phải là người khác", "It must be another person"),
        C::NotOnDuty => ("Không phải người đang trực", "Not the one on duty"),
        C::AlreadyHandedOver => ("Ca trực đã bàn giao", "The shift was handed over"),
        C::StaleList => ("Danh sách bàn giao đã thay đổi", "The list has changed"),
        C::Internal => ("Lỗi máy chủ", "Internal error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(value: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, value.parse().unwrap());
        Language::of(&headers)
    }

    #[test]
    fn the_heavier_language_wins_and_vietnamese_is_the_default() {
        assert_eq!(Language::of(&HeaderMap::new()), Language::Vi);
        assert_eq!(language("en-GB,en;q=0.9"), Language::En);
        assert_eq!(language("en;q=0.3, vi;q=0.8"), Language::Vi);
        assert_eq!(language("fr, en;q=0.1"), Language::En);
        assert_eq!(language("en;q=0"), Language::Vi);
        assert_eq!(language("zh"), Language::Vi);
    }
}
