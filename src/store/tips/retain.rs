//! `trucban retention`, of tips: who gave a tip, what they said and how they come back goes when its time is over. What
//! is counted stays.

use super::TipStore;
use crate::domain::Timestamp;
use crate::domain::retention::{Retention, TipRetentionRule};
use crate::store::StoreError;
use crate::store::gpkg::leave_nothing_in_the_log;

/// What the rule found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetainedTips {
    /// Tips whose sealed part is older than the rule allows.
    pub tips: u32,
    /// Sealed boxes of theirs, messages included.
    pub boxes: usize,
}

/// Whatever tells of the informant of a tip; the first two hold boxes.
const TABLES: [&str; 5] = ["sealed", "messages", "follow_ups", "intakes", "unsealings"];

impl TipStore {
    /// Applies the rule to all tips at once. The bytes are gone from the file when this returns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if another program still reads what was erased, or what the system said.
    pub fn retain(
        &self,
        rule: TipRetentionRule,
        now: Timestamp,
        retention: Retention,
    ) -> Result<RetainedTips, StoreError> {
        let month = rule.newest_due_month(now);
        let due = "WHERE tip IN (SELECT id FROM tips WHERE ended_month <= ?1)";
        let retained = self.change(|transaction| {
            let count = |table: &str| -> Result<u32, StoreError> {
                let sql = format!("SELECT count(*) FROM {table} {due}");
                Ok(transaction.query_row(&sql, [&month], |row| row.get(0))?)
            };
            let tips = count("sealed")?;
            let retained = RetainedTips { tips, boxes: tips as usize + count("messages")? as usize };
            if retention == Retention::Erase {
                for table in TABLES {
                    transaction.execute(&format!("DELETE FROM {table} {due}"), [&month])?;
                }
            }
            Ok(retained)
        })?;
        if retention == Retention::Erase {
            leave_nothing_in_the_log(&self.conn())?;
            self.erase_from_log();
        }
        Ok(retained)
    }
}
