//! What the duty log says of sight that somebody took of personal records in an emergency.

use serde_json::json;
use uuid::Uuid;

use super::scene::{Draft, Entry};
use super::write::may;
use super::{Ask, Desk, Written, words};
use crate::domain::access::Deed;
use crate::domain::{Actor, Problem};

impl Desk {
    /// Writes that households of these communes are open to somebody for so many minutes. The entry names role and force and
    /// no person: who it was, and for what, stands in the grant, for whoever supervises.
    ///
    /// # Errors
    /// `forbidden`, or the problem of the store.
    pub async fn log_break_glass(
        &self,
        who: &Actor,
        grant: Uuid,
        communes: &[String],
        minutes: i64,
    ) -> Result<Written, Problem> {
        may(who, Deed::BreakGlass)?;
        let force = who.force.map_or(String::new(), |force| format!(", {}", words::force(force)));
        let text = format!(
            "Mở khẩn cấp dữ liệu hộ dân ({}{force}): {}; trong {minutes} phút",
            words::role(who.role),
            communes.join(", "),
        );
        let facts = json!({"grant_id": grant, "minutes": minutes});
        self.write(&Ask::by(Actor::system()), |scene| {
            let mut draft = Draft::default();
            let (text, facts) = (text.clone(), facts.clone());
            draft.log(
                scene,
                scene.now,
                Entry { kind: "break_glass", text, facts, incident: None, unit: None, zone: None },
            );
            Ok(draft)
        })
        .await
    }
}
