//! Once a day, what the tips of each month come to is told to the account of the forces.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::desk::{Desk, TipMonth};
use crate::store::StoreError;
use crate::store::tips::TipStore;

/// How long until it is looked at again. By when this changed a figure nobody shall see when a tip was weighed.
const EVERY: Duration = Duration::from_secs(24 * 3_600);

/// Tells the tips of months that are over while this process leads. Ends when `stopping` is cancelled.
pub async fn keep(desk: Desk, tips: Arc<TipStore>, mut leads: watch::Receiver<bool>, stopping: CancellationToken) {
    let telling = async {
        while leads.wait_for(|leads| *leads).await.is_ok() {
            if let Err(error) = tell(&desk, &tips).await {
                tracing::warn!(%error, "what the tips of a month come to could not be told");
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    stopping.run_until_cancelled(telling).await;
}

async fn tell(desk: &Desk, tips: &Arc<TipStore>) -> anyhow::Result<()> {
    let (months, tips) = (TipMonth::over(desk.now()), Arc::clone(tips));
    let counted = tokio::task::spawn_blocking(move || {
        months.into_iter().map(|days| count(&tips, days)).collect::<Result<Vec<_>, _>>()
    });
    for month in counted.await?? {
        if !month.is_told(&desk.picture().load()) {
            desk.tell_tips(month).await?;
        }
    }
    Ok(())
}

fn count(tips: &TipStore, (first, last): (Date, Date)) -> Result<TipMonth, StoreError> {
    let counts = tips.counts(first, last)?;
    let sum = |is_counted: &dyn Fn(&str) -> bool| {
        counts.iter().filter(|one| is_counted(&one.state)).map(|one| one.count).sum()
    };
    Ok(TipMonth { first, count: sum(&|_| true), valid: sum(&crate::domain::tip::is_valid) })
}
