//! `/api/organisations`: forces and their organisations, the chain of command, and the days on which each was valid.

use axum::extract::Path;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::actor::{Reader, Writer};
use super::answer::json;
use super::audit::note_deed;
use super::error::Answer;
use super::fields::Fields;
use crate::domain::access::Deed;
use crate::domain::{Code, Force, Problem};
use crate::store::audit::Kind;
use crate::store::system::Organisation;

/// Longest id and name, characters.
const ID_CHARS_MAX: usize = 60;
const NAME_CHARS_MAX: usize = 200;

/// The organisations, those of the past too.
#[derive(Serialize, ToSchema)]
pub struct Organisations {
    organisations: Vec<OrganisationAnswer>,
}

/// One organisation of a force.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct OrganisationAnswer {
    id: String,
    name: String,
    force: Force,
    /// Id of the organisation that commands it.
    parent: Option<String>,
    /// First day, `YYYY-MM-DD`.
    valid_from: String,
    /// Last day; it goes on if there is none.
    valid_to: Option<String>,
}

/// An organisation as it shall be.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct OrganisationCall {
    name: String,
    force: String,
    parent: Option<String>,
    valid_from: String,
    valid_to: Option<String>,
}

impl From<Organisation> for OrganisationAnswer {
    fn from(Organisation { id, name, force, parent, valid_from, valid_to }: Organisation) -> Self {
        Self { id, name, force, parent, valid_from, valid_to }
    }
}

/// All organisations.
#[utoipa::path(get, path = "/api/organisations", tag = "accounts", responses((status = 200, body = Organisations)))]
pub async fn list_organisations(reader: Reader) -> Answer {
    let organisations = reader.live()?.directory.ask(|system, _| system.organisations()).await?;
    json(&Organisations { organisations: organisations.into_iter().map(OrganisationAnswer::from).collect() })
}

/// Adds an organisation, or changes the one with this id.
#[utoipa::path(
    put, path = "/api/organisations/{id}", tag = "accounts", request_body = OrganisationCall,
    params(("id" = String, Path, description = "Short: letters, digits and hyphens")),
    responses((status = 200, body = OrganisationAnswer), (status = 422, description = "A circle, or days out of order"))
)]
pub async fn put_organisation(Path(id): Path<String>, writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::ManageAccounts)?;
    let mut fields = writer.fields()?;
    let organisation = read(id, &mut fields)?;
    fields.finish()?;
    note_deed(&writer.reader, Kind::Account, "", "")?;
    let put = organisation.clone();
    writer.reader.live()?.directory.change(move |system, _| system.put_organisation(&put)).await?;
    json(&OrganisationAnswer::from(organisation))
}

fn read(id: String, fields: &mut Fields) -> Result<Organisation, Problem> {
    let fault = |vi: &str, en: &str, at: &str| Problem::new(Code::InvalidValue, vi, en).at(at);
    let is_plain = id.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
    if !is_plain || !(1..=ID_CHARS_MAX).contains(&id.len()) {
        return Err(fault(
            "Mã tổ chức gồm chữ thường không dấu, số và gạch nối.",
            "The id has lower case letters, digits and hyphens.",
            "id",
        ));
    }
    let name = fields.needed_text("name")?.trim().to_owned();
    if !(1..=NAME_CHARS_MAX).contains(&name.chars().count()) {
        return Err(fault("Tên trống hoặc quá dài.", "The name is empty or too long.", "/name"));
    }
    let force = fields.word("force", Force::parse)?;
    let force = force.ok_or_else(|| fault("Thiếu lực lượng.", "The force is missing.", "/force"))?;
    let (valid_from, valid_to) = (fields.needed_text("valid_from")?, fields.text("valid_to")?);
    for (at, day) in [("/valid_from", Some(&valid_from)), ("/valid_to", valid_to.as_ref())] {
        if day.is_some_and(|day| day.len() != 10 || day.parse::<jiff::civil::Date>().is_err()) {
            return Err(fault("Cần ngày dạng YYYY-MM-DD.", "Expected a date YYYY-MM-DD.", at));
        }
    }
    if valid_to.as_ref().is_some_and(|last| *last < valid_from) {
        return Err(fault("Ngày cuối trước ngày đầu.", "The last day lies before the first.", "/valid_to"));
    }
    Ok(Organisation { id, name, force, parent: fields.text("parent")?, valid_from, valid_to })
}
